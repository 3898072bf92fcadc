
/*
 * What the setters of directives share.
 */


#include "ngx_http_bo_conf.h"
#include "ngx_http_bo.h"


ngx_int_t
ngx_http_bo_option(ngx_str_t *value, const char *name, ngx_str_t *rest)
{
    size_t  len;

    len = ngx_strlen(name);

    if (value->len <= len || ngx_strncmp(value->data, name, len) != 0) {
        return NGX_DECLINED;
    }

    rest->data = value->data + len;
    rest->len = value->len - len;

    return NGX_OK;
}


char *
ngx_http_bo_invalid(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *value,
    const char *why)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s in \"%V\"",
                       &cmd->name, why, value);
    return NGX_CONF_ERROR;
}


char *
ngx_http_bo_zone_size(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *value,
    size_t min, ngx_str_t *name, size_t *size)
{
    u_char     *p;
    ssize_t     n;
    ngx_str_t   s;

    p = (u_char *) ngx_strchr(value->data, ':');

    if (p == NULL || p == value->data) {
        return ngx_http_bo_invalid(cf, cmd, value, "it has to be name:size");
    }

    name->data = value->data;
    name->len = p - name->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    n = ngx_parse_size(&s);

    if (n == NGX_ERROR) {
        return ngx_http_bo_invalid(cf, cmd, value, "invalid size");
    }

    if ((size_t) n < min) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the zone is too small, it needs %uzk in "
                           "\"%V\"",
                           &cmd->name, min / 1024, value);
        return NGX_CONF_ERROR;
    }

    *size = n;

    return NGX_CONF_OK;
}


ngx_shm_zone_t *
ngx_http_bo_zone_add(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *value,
    ngx_str_t *name, size_t size, ngx_shm_zone_init_pt init, void *data)
{
    ngx_shm_zone_t  *shm_zone;

    shm_zone = ngx_shared_memory_add(cf, name, size,
                                     &ngx_http_boxoffice_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    if (shm_zone->init) {
        (void) ngx_http_bo_invalid(cf, cmd, value, "the name is taken");
        return NULL;
    }

    shm_zone->init = init;
    shm_zone->data = data;

    return shm_zone;
}


char *
ngx_http_bo_zone_check(ngx_conf_t *cf, ngx_shm_zone_t *shm_zone,
    ngx_shm_zone_init_pt init, const char *directive)
{
    if (shm_zone->init == init) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%s\": there is no \"%s_zone\" of the name \"%V\"",
                       directive, directive, &shm_zone->shm.name);
    return NGX_CONF_ERROR;
}
