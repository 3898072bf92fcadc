
/*
 * The address of a Redis server, as the configuration gives it.
 */


#include "ngx_bo_redis.h"


#define NGX_BO_REDIS_PORT    6379
#define NGX_BO_REDIS_MAX_DB  65535


static char *ngx_bo_redis_parse_userinfo(ngx_conf_t *cf, ngx_str_t *info,
    ngx_bo_redis_conf_t *conf);
static char *ngx_bo_redis_unescape(ngx_conf_t *cf, u_char *start,
    u_char *last, ngx_str_t *value);
static char *ngx_bo_redis_parse_db(u_char *p, u_char *last,
    ngx_bo_redis_conf_t *conf);
static char *ngx_bo_redis_resolve(ngx_conf_t *cf, ngx_str_t *host,
    ngx_bo_redis_conf_t *conf);
static char *ngx_bo_redis_redact(ngx_conf_t *cf, ngx_str_t *url,
    u_char *host, ngx_bo_redis_conf_t *conf);


static ngx_str_t  ngx_bo_redis_scheme = ngx_string("redis://");


char *
ngx_bo_redis_parse_url(ngx_conf_t *cf, ngx_str_t *url,
    ngx_bo_redis_conf_t *conf)
{
    char       *err;
    u_char     *p, *at, *path, *last;
    ngx_str_t   host, info;

    last = url->data + url->len;

    ngx_str_null(&conf->username);
    ngx_str_null(&conf->password);
    conf->db = 0;

    if (url->len >= 5 && ngx_strncmp(url->data, "unix:", 5) == 0) {
        conf->url = *url;
        return ngx_bo_redis_resolve(cf, url, conf);
    }

    if (url->len < ngx_bo_redis_scheme.len
        || ngx_strncasecmp(url->data, ngx_bo_redis_scheme.data,
                           ngx_bo_redis_scheme.len)
           != 0)
    {
        return "it must begin with \"redis://\" or \"unix:\"";
    }

    host.data = url->data + ngx_bo_redis_scheme.len;

    path = ngx_strlchr(host.data, last, '/');
    if (path == NULL) {
        path = last;
    }

    /* the last '@' ends the password: a host has none */

    for (at = NULL, p = host.data; p < path; p++) {
        if (*p == '@') {
            at = p;
        }
    }

    if (at) {
        info.data = host.data;
        info.len = at - host.data;
        host.data = at + 1;

        err = ngx_bo_redis_parse_userinfo(cf, &info, conf);
        if (err) {
            return err;
        }
    }

    err = ngx_bo_redis_parse_db(path, last, conf);
    if (err) {
        return err;
    }

    err = ngx_bo_redis_redact(cf, url, at ? host.data : NULL, conf);
    if (err) {
        return err;
    }

    host.len = path - host.data;

    return ngx_bo_redis_resolve(cf, &host, conf);
}


static char *
ngx_bo_redis_parse_userinfo(ngx_conf_t *cf, ngx_str_t *info,
    ngx_bo_redis_conf_t *conf)
{
    char    *err;
    u_char  *colon, *last;

    last = info->data + info->len;
    colon = ngx_strlchr(info->data, last, ':');

    if (colon == NULL) {
        err = ngx_bo_redis_unescape(cf, info->data, last, &conf->password);

    } else {
        err = ngx_bo_redis_unescape(cf, info->data, colon, &conf->username);

        if (err == NULL) {
            err = ngx_bo_redis_unescape(cf, colon + 1, last,
                                        &conf->password);
        }
    }

    if (err) {
        return err;
    }

    return conf->password.len ? NULL : "its password is empty";
}


static char *
ngx_bo_redis_unescape(ngx_conf_t *cf, u_char *start, u_char *last,
    ngx_str_t *value)
{
    u_char  *dst;

    value->len = 0;
    value->data = NULL;

    if (start == last) {
        return NULL;
    }

    dst = ngx_pnalloc(cf->pool, last - start);
    if (dst == NULL) {
        return "no memory";
    }

    value->data = dst;

    ngx_unescape_uri(&dst, &start, last - start, 0);

    value->len = dst - value->data;

    return NULL;
}


static char *
ngx_bo_redis_parse_db(u_char *p, u_char *last, ngx_bo_redis_conf_t *conf)
{
    ngx_int_t  n;

    if (last - p < 2) {
        return NULL;
    }

    p++;
    n = ngx_atoi(p, last - p);

    if (n == NGX_ERROR || n > NGX_BO_REDIS_MAX_DB) {
        return "what follows the host must be a database number";
    }

    conf->db = n;

    return NULL;
}


static char *
ngx_bo_redis_resolve(ngx_conf_t *cf, ngx_str_t *host,
    ngx_bo_redis_conf_t *conf)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *host;
    u.default_port = NGX_BO_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : "no memory";
    }

    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;

    return NULL;
}


/* conf->url goes to logs, where a password has no business. */

static char *
ngx_bo_redis_redact(ngx_conf_t *cf, ngx_str_t *url, u_char *host,
    ngx_bo_redis_conf_t *conf)
{
    u_char  *p;
    size_t   rest;

    if (host == NULL) {
        conf->url = *url;
        return NULL;
    }

    rest = url->data + url->len - host;

    p = ngx_pnalloc(cf->pool, ngx_bo_redis_scheme.len + 4 + rest);
    if (p == NULL) {
        return "no memory";
    }

    conf->url.data = p;

    p = ngx_cpymem(p, ngx_bo_redis_scheme.data, ngx_bo_redis_scheme.len);
    p = ngx_cpymem(p, "***@", 4);
    p = ngx_cpymem(p, host, rest);

    conf->url.len = p - conf->url.data;

    return NULL;
}
