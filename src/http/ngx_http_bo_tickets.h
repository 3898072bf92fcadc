
/*
 * Tickets and check-ins: what the files about them share.
 */


#ifndef _NGX_HTTP_BO_TICKETS_H_INCLUDED_
#define _NGX_HTTP_BO_TICKETS_H_INCLUDED_


#include "ngx_http_bo.h"
#include "store/ngx_bo_ticket.h"


extern ngx_http_bo_action_t  ngx_http_bo_ticket_keys_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_checkins_actions[];


/* GET /orders/{id}/tickets, and .../tickets/{seatId}.svg or .png */
void ngx_http_bo_tickets(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_ticket_picture(ngx_http_bo_ctx_t *ctx);

/* GET /checkins, POST /checkins/{checkinId}/undo */
void ngx_http_bo_checkin_list(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_checkin_undo(ngx_http_bo_ctx_t *ctx);

/* boxoffice_ticket_key_file file ...; */
char *ngx_http_bo_ticket_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_BO_TICKETS_H_INCLUDED_ */
