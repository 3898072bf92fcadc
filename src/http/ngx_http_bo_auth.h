
/*
 * Who asks: the directives.  What a request needs is in ngx_http_bo.h.
 */


#ifndef _NGX_HTTP_BO_AUTH_H_INCLUDED_
#define _NGX_HTTP_BO_AUTH_H_INCLUDED_


#include "ngx_http_bo.h"


/* Setters; see docs/directives.md. */

char *ngx_http_bo_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_auth_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_auth_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_auth_nextauth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_bo_auth_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * The source of that name, which may be defined later; NULL after a message of
 * the directive.
 */
ngx_bo_auth_source_t *ngx_http_bo_auth_source(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_str_t *name);

/*
 * For the end of the main configuration: every source that is named is there
 * and has keys, and there is a zone for them.  NGX_CONF_OK, or NGX_CONF_ERROR
 * after a message.
 */
char *ngx_http_bo_auth_init(ngx_conf_t *cf, ngx_http_bo_main_conf_t *mcf);


#endif /* _NGX_HTTP_BO_AUTH_H_INCLUDED_ */
