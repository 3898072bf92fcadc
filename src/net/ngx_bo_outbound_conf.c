
/*
 * The peers of the outbound client, as the configuration gives them.
 */


#include "ngx_bo_outbound_int.h"


#define NGX_BO_OUTBOUND_MOST      256

/* Where Debian and its kin have what the system trusts. */

#define NGX_BO_OUTBOUND_SYSTEM_CA  "/etc/ssl/certs/ca-certificates.crt"


static char *ngx_bo_outbound_check_name(ngx_bo_outbound_t *outbound,
    ngx_str_t *name);
static char *ngx_bo_outbound_parse_url(ngx_conf_t *cf,
    ngx_bo_outbound_peer_t *peer, ngx_uint_t schemes);
static char *ngx_bo_outbound_parse_server(ngx_conf_t *cf,
    ngx_bo_outbound_peer_t *peer, ngx_str_t *rest, in_port_t port);
static ngx_int_t ngx_bo_outbound_flag(ngx_str_t *value);
static ngx_int_t ngx_bo_outbound_locate(ngx_conf_t *cf,
    ngx_bo_outbound_t *outbound, ngx_bo_outbound_peer_t *peer);
static ngx_int_t ngx_bo_outbound_trust(ngx_conf_t *cf,
    ngx_bo_outbound_t *outbound, ngx_uint_t i);
static void ngx_bo_outbound_trust_free(void *data);
static ngx_uint_t ngx_bo_outbound_used(ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_stats_t *stats);
static ngx_uint_t ngx_bo_outbound_named(ngx_bo_outbound_peer_t *peer,
    ngx_bo_outbound_stats_t *stats);


static struct {
    ngx_str_t    prefix;
    ngx_uint_t   scheme;
    in_port_t    port;
} ngx_bo_outbound_schemes[] = {
    { ngx_string("http://"), NGX_BO_OUTBOUND_HTTP, 80 },
    { ngx_string("https://"), NGX_BO_OUTBOUND_HTTPS, 443 },
    { ngx_string("smtp://"), NGX_BO_OUTBOUND_SMTP, 25 },
    { ngx_string("smtps://"), NGX_BO_OUTBOUND_SMTPS, 465 },
    { ngx_null_string, 0, 0 }
};


char *
ngx_bo_outbound_add(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_str_t *name, ngx_str_t *url, ngx_uint_t schemes,
    ngx_bo_outbound_peer_t **added)
{
    char                     *error;
    ngx_bo_outbound_peer_t   *peer, **slot;

    error = ngx_bo_outbound_check_name(outbound, name);
    if (error) {
        return error;
    }

    peer = ngx_pcalloc(cf->pool, sizeof(ngx_bo_outbound_peer_t));
    slot = ngx_array_push(&outbound->peers);

    if (peer == NULL || slot == NULL) {
        return "no memory";
    }

    peer->name = *name;
    peer->url = *url;
    peer->timeout = 10000;
    peer->most = 16;
    peer->queue = 1024;
    peer->answer = 64 * 1024;
    peer->verify = 1;
    peer->starttls = 1;

    *slot = peer;
    *added = peer;

    return ngx_bo_outbound_parse_url(cf, peer, schemes);
}


static char *
ngx_bo_outbound_check_name(ngx_bo_outbound_t *outbound, ngx_str_t *name)
{
    u_char                    c;
    ngx_uint_t                i;
    ngx_bo_outbound_peer_t  **peer;

    if (name->len == 0 || name->len > NGX_BO_OUTBOUND_NAME) {
        return "its name must have 1 to 31 characters";
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_')
        {
            return "its name must be of a-z, 0-9, \"-\" and \"_\"";
        }
    }

    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {
        if (peer[i]->name.len == name->len
            && ngx_strncmp(peer[i]->name.data, name->data, name->len) == 0)
        {
            return "its name is another's already";
        }
    }

    return NULL;
}


static char *
ngx_bo_outbound_parse_url(ngx_conf_t *cf, ngx_bo_outbound_peer_t *peer,
    ngx_uint_t schemes)
{
    size_t      i;
    ngx_str_t  *url, *prefix, rest;

    url = &peer->url;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f) {
            return "it has a character that belongs into no URL";
        }
    }

    for (i = 0; ngx_bo_outbound_schemes[i].scheme; i++) {
        prefix = &ngx_bo_outbound_schemes[i].prefix;

        if ((schemes & ngx_bo_outbound_schemes[i].scheme)
            && url->len > prefix->len
            && ngx_strncasecmp(url->data, prefix->data, prefix->len) == 0)
        {
            peer->scheme = ngx_bo_outbound_schemes[i].scheme;

            rest.data = url->data + prefix->len;
            rest.len = url->len - prefix->len;

            return ngx_bo_outbound_parse_server(cf, peer, &rest,
                                            ngx_bo_outbound_schemes[i].port);
        }
    }

    return schemes == NGX_BO_OUTBOUND_MAIL
           ? "it must begin with \"smtp://\" or \"smtps://\""
           : schemes == NGX_BO_OUTBOUND_WEB
             ? "it must begin with \"http://\" or \"https://\""
             : "it must be a URL of a scheme that is used here";
}


static char *
ngx_bo_outbound_parse_server(ngx_conf_t *cf, ngx_bo_outbound_peer_t *peer,
    ngx_str_t *rest, in_port_t port)
{
    size_t      i;
    ngx_url_t   u;
    ngx_str_t  *base;

    /* a password would come into logs, and a query goes with each request */

    for (i = 0; i < rest->len; i++) {
        if (ngx_strchr("@?#", rest->data[i])) {
            return "a URL of a server ends with its path";
        }
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *rest;
    u.default_port = port;
    u.uri_part = 1;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return u.err ? u.err : "no memory";
    }

    if (u.family == AF_UNIX || u.host.len == 0) {
        return "it has no host";
    }

    if ((peer->scheme & NGX_BO_OUTBOUND_MAIL) && u.uri.len > 1) {
        return "mail has no path";
    }

    peer->host = u.host;
    peer->port = u.port;

    if (peer->host.data[0] == '[') {
        peer->host.data++;
        peer->host.len -= 2;
    }

    base = &peer->base;
    *base = peer->url;

    while (base->data[base->len - 1] == '/') {
        base->len--;
    }

    return NULL;
}


ngx_int_t
ngx_bo_outbound_option(ngx_conf_t *cf, ngx_bo_outbound_peer_t *peer,
    ngx_str_t *value)
{
    u_char     *p;
    ngx_int_t   n;
    ngx_str_t   name, s;

    p = ngx_strlchr(value->data, value->data + value->len, '=');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    name.data = value->data;
    name.len = p - value->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

#define ngx_bo_outbound_is(text)                                              \
    (name.len == sizeof(text) - 1                                             \
     && ngx_strncmp(name.data, text, sizeof(text) - 1) == 0)

    if (ngx_bo_outbound_is("timeout")) {
        n = ngx_parse_time(&s, 0);
        peer->timeout = n;
        return n > 0 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_bo_outbound_is("connections")) {
        n = ngx_atoi(s.data, s.len);
        peer->most = n;
        return n > 0 && n <= NGX_BO_OUTBOUND_MOST ? NGX_OK : NGX_ERROR;
    }

    if (ngx_bo_outbound_is("queue")) {
        n = ngx_atoi(s.data, s.len);
        peer->queue = n;
        return n > 0 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_bo_outbound_is("ca")) {
        peer->ca = s;
        return s.len ? ngx_conf_full_name(cf->cycle, &peer->ca, 1)
                     : NGX_ERROR;
    }

    if (ngx_bo_outbound_is("verify")) {
        n = ngx_bo_outbound_flag(&s);
        peer->verify = (n == 1);
        return n == NGX_ERROR || !(peer->scheme & (NGX_BO_OUTBOUND_HTTPS
                                                   |NGX_BO_OUTBOUND_MAIL))
               ? NGX_ERROR : NGX_OK;
    }

    if (ngx_bo_outbound_is("starttls")) {
        n = ngx_bo_outbound_flag(&s);
        peer->starttls = (n == 1);
        return n == NGX_ERROR || peer->scheme != NGX_BO_OUTBOUND_SMTP
               ? NGX_ERROR : NGX_OK;
    }

#undef ngx_bo_outbound_is

    return NGX_DECLINED;
}


static ngx_int_t
ngx_bo_outbound_flag(ngx_str_t *value)
{
    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        return 1;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        return 0;
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_bo_outbound_init(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout)
{
    ngx_uint_t                i;
    ngx_bo_outbound_peer_t  **peer;

    outbound->resolver = resolver;
    outbound->resolver_timeout = resolver_timeout;

    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {

        if (ngx_bo_outbound_locate(cf, outbound, peer[i]) != NGX_OK
            || ngx_bo_outbound_trust(cf, outbound, i) != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* a password does not go where everybody can read it */

        if (peer[i]->username.len && peer[i]->scheme == NGX_BO_OUTBOUND_SMTP
            && !peer[i]->starttls)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the password for \"%V\" of \"%V\" needs "
                               "\"starttls=on\"",
                               &peer[i]->url, &peer[i]->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* An address is one, and a name is asked for: later, or now and once. */

static ngx_int_t
ngx_bo_outbound_locate(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_peer_t *peer)
{
    ngx_url_t   u;
    ngx_addr_t  addr;

    if (outbound->resolver
        && ngx_parse_addr(cf->pool, &addr, peer->host.data, peer->host.len)
           != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.len = peer->host.len + 2;
    u.url.data = ngx_pnalloc(cf->pool, u.url.len);
    if (u.url.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_strlchr(peer->host.data, peer->host.data + peer->host.len, ':')) {
        (void) ngx_sprintf(u.url.data, "[%V]", &peer->host);

    } else {
        u.url = peer->host;
    }

    u.default_port = peer->port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"%V\" of \"%V\", and no \"resolver\" is "
                           "defined", u.err ? u.err : "no memory", &peer->url,
                           &peer->name);
        return NGX_ERROR;
    }

    peer->addrs = u.addrs;
    peer->naddrs = ngx_min(u.naddrs, NGX_BO_OUTBOUND_ADDRS);

    return NGX_OK;
}


static ngx_int_t
ngx_bo_outbound_trust(ngx_conf_t *cf, ngx_bo_outbound_t *outbound,
    ngx_uint_t i)
{
    char                     *file;
    ngx_uint_t                k;
    ngx_pool_cleanup_t       *cln;
    ngx_bo_outbound_peer_t   *peer, **peers;

    peers = outbound->peers.elts;
    peer = peers[i];

    if (peer->scheme == NGX_BO_OUTBOUND_HTTP || !peer->verify
        || (peer->scheme == NGX_BO_OUTBOUND_SMTP && !peer->starttls))
    {
        return NGX_OK;
    }

    /* what was read for another peer is not read again */

    for (k = 0; k < i; k++) {
        if (peers[k]->trusted && peers[k]->ca.len == peer->ca.len
            && ngx_strncmp(peers[k]->ca.data, peer->ca.data, peer->ca.len)
               == 0)
        {
            peer->trusted = peers[k]->trusted;
            return NGX_OK;
        }
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    peer->trusted = X509_STORE_new();
    if (peer->trusted == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_bo_outbound_trust_free;
    cln->data = peer->trusted;

    file = peer->ca.len ? (char *) peer->ca.data : NGX_BO_OUTBOUND_SYSTEM_CA;

    if (X509_STORE_load_locations(peer->trusted, file, NULL) != 1) {
        ERR_clear_error();
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no certificates could be read from \"%s\" for "
                           "\"%V\"", file, &peer->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_bo_outbound_trust_free(void *data)
{
    X509_STORE_free(data);
}


void
ngx_bo_outbound_count(ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_stats_t *stats)
{
    ngx_uint_t                i, k;
    ngx_bo_outbound_peer_t  **peer;

    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {
        for (k = 0; k < NGX_BO_OUTBOUND_PEERS; k++) {
            if (ngx_bo_outbound_named(peer[i], &stats[k])) {
                peer[i]->stats = &stats[k];
            }
        }
    }

    /* a place of a name that is in use no more goes to a new one */

    for (i = 0, k = 0; i < outbound->peers.nelts; i++) {

        if (peer[i]->stats) {
            continue;
        }

        while (k < NGX_BO_OUTBOUND_PEERS
               && ngx_bo_outbound_used(outbound, &stats[k]))
        {
            k++;
        }

        if (k < NGX_BO_OUTBOUND_PEERS) {
            ngx_memzero(&stats[k], sizeof(ngx_bo_outbound_stats_t));
            ngx_memcpy(stats[k].name, peer[i]->name.data, peer[i]->name.len);
            peer[i]->stats = &stats[k];
        }
    }
}


static ngx_uint_t
ngx_bo_outbound_used(ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_stats_t *stats)
{
    ngx_uint_t                i;
    ngx_bo_outbound_peer_t  **peer;

    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {
        if (peer[i]->stats == stats) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_bo_outbound_named(ngx_bo_outbound_peer_t *peer,
    ngx_bo_outbound_stats_t *stats)
{
    return ngx_strlen(stats->name) == peer->name.len
           && ngx_memcmp(stats->name, peer->name.data, peer->name.len) == 0;
}
