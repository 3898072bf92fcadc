
/*
 * boxoffice_limit_zone and boxoffice_limit.
 */


#ifndef _NGX_HTTP_BO_LIMIT_H_INCLUDED_
#define _NGX_HTTP_BO_LIMIT_H_INCLUDED_


#include "ngx_http_bo.h"
#include "store/ngx_bo_limit.h"


typedef struct {
    ngx_bo_limit_t           limit;     /* first: it is the zone's data */
    ngx_http_complex_value_t key;
    ngx_str_t                policy;    /* for the header RateLimit-Policy */
} ngx_http_bo_limit_zone_t;


/* A limit of a location. */

typedef struct {
    ngx_shm_zone_t          *shm_zone;
    ngx_uint_t               dry_run;
} ngx_http_bo_limit_use_t;


/*
 * Setters of the directives:
 *
 *     boxoffice_limit_zone name:size key=value rate=rate [burst=number];
 *     boxoffice_limit name [dry_run];
 */
char *ngx_http_bo_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whether all limits of a location, NULL for none, are of zones that are
 * defined.  NGX_CONF_OK, or NGX_CONF_ERROR after a message.
 */
char *ngx_http_bo_limit_check(ngx_conf_t *cf, ngx_array_t *limits);

/*
 * Takes a token of key from a zone for a request that is being handled: who it
 * is may only be known by its body.  NGX_OK, or NGX_DONE when there is none
 * and the answer is on its way.
 */
ngx_int_t ngx_http_bo_limit_key(ngx_http_bo_ctx_t *ctx,
    ngx_shm_zone_t *shm_zone, ngx_str_t *key);

/* The handler of the preaccess phase. */
ngx_int_t ngx_http_bo_limit_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_BO_LIMIT_H_INCLUDED_ */
