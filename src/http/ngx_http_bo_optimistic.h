
/* Directives of the optimistic mode. */


#ifndef _NGX_HTTP_BO_OPTIMISTIC_H_INCLUDED_
#define _NGX_HTTP_BO_OPTIMISTIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* boxoffice_optimistic availability | create | complete | bookings; */
char *ngx_http_bo_optimistic(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * boxoffice_bookings [durability=none|everysec|always] [backlog=number]
 *                    [batch=number] [claim=time];
 */
char *ngx_http_bo_bookings(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_BO_OPTIMISTIC_H_INCLUDED_ */
