
/*
 * The zone of the catalogue's pages, and what is told of it in /metrics.
 */


#ifndef _NGX_HTTP_BO_CATALOGUE_CONF_H_INCLUDED_
#define _NGX_HTTP_BO_CATALOGUE_CONF_H_INCLUDED_


#include "ngx_http_bo.h"
#include "store/ngx_bo_catalogue.h"


/* boxoffice_catalogue_zone name:size [poll=time]; */
char *ngx_http_bo_catalogue_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The zone's pages, NULL when there is no zone. */
ngx_bo_pages_t *ngx_http_bo_catalogue_pages(ngx_http_bo_main_conf_t *mcf);

/* The families, of which there are as many lines, a head for one. */
#define NGX_HTTP_BO_CATALOGUE_LINES  24

u_char *ngx_http_bo_put_catalogue(u_char *p, ngx_bo_pages_t *pages);


#endif /* _NGX_HTTP_BO_CATALOGUE_CONF_H_INCLUDED_ */
