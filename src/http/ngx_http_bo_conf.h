
/*
 * What the setters of directives share.
 */


#ifndef _NGX_HTTP_BO_CONF_H_INCLUDED_
#define _NGX_HTTP_BO_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * When value is "<name><rest>", name being "rate=" for example, and rest is
 * not empty: NGX_OK, and rest; else NGX_DECLINED.
 */
ngx_int_t ngx_http_bo_option(ngx_str_t *value, const char *name,
    ngx_str_t *rest);

/* Says what is wrong with a value of the directive; NGX_CONF_ERROR. */
char *ngx_http_bo_invalid(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, const char *why);

/*
 * Reads "name:size" of a zone that needs min bytes.  NGX_CONF_OK, or
 * NGX_CONF_ERROR after a message.
 */
char *ngx_http_bo_zone_size(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, size_t min, ngx_str_t *name, size_t *size);

/*
 * Adds a zone that no other directive has defined; value is what messages
 * show.  Returns NULL after a message.
 */
ngx_shm_zone_t *ngx_http_bo_zone_add(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, ngx_str_t *name, size_t size, ngx_shm_zone_init_pt init,
    void *data);

/*
 * For a zone that the directive has named before it was defined: whether it
 * was, by the "<directive>_zone" that has this init.  NGX_CONF_OK, or
 * NGX_CONF_ERROR after a message.
 */
char *ngx_http_bo_zone_check(ngx_conf_t *cf, ngx_shm_zone_t *shm_zone,
    ngx_shm_zone_init_pt init, const char *directive);


#endif /* _NGX_HTTP_BO_CONF_H_INCLUDED_ */
