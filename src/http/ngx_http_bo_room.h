
/*
 * Waiting rooms over HTTP: their directives, their API and the gate.
 */


#ifndef _NGX_HTTP_BO_ROOM_H_INCLUDED_
#define _NGX_HTTP_BO_ROOM_H_INCLUDED_


#include "ngx_http_bo_stream.h"
#include "store/ngx_bo_room_tick.h"


typedef struct {
    ngx_bo_room_t            room;      /* first: it is the zone's data */
    ngx_uint_t               anonymous; /* a cookie will do */
    ngx_str_t                cookie[3]; /* names: ticket, pass, visitor */
} ngx_http_bo_room_t;

#define NGX_HTTP_BO_COOKIE_TICKET   0
#define NGX_HTTP_BO_COOKIE_PASS     1
#define NGX_HTTP_BO_COOKIE_VISITOR  2


/*
 * Setters of the directives:
 *
 *     boxoffice_secret_file path;
 *     boxoffice_waiting_room_zone name:size rate=number/s [parameters];
 *     boxoffice_waiting_room name [page=uri] | off;
 *     boxoffice_waiting_rooms;    (that one is a resource)
 */
char *ngx_http_bo_secret_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_room_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_room_gate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Whether the gate of a location, NULL for none, is of a zone that is there. */
char *ngx_http_bo_gate_check(ngx_conf_t *cf, ngx_shm_zone_t *zone);

/* The handler of the access phase. */
ngx_int_t ngx_http_bo_gate_handler(ngx_http_request_t *r);

/*
 * Who asks, as the room knows people: the user, or a visitor by a cookie.
 * NGX_OK; NGX_DECLINED: nobody.  make: a visitor without a cookie gets one.
 */
ngx_int_t ngx_http_bo_room_who(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_uint_t make, ngx_str_t *who);

/*
 * The token of a request, by its header or its cookie.  NGX_OK; NGX_DECLINED:
 * there is none.
 */
ngx_int_t ngx_http_bo_room_token(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_uint_t which, ngx_str_t *text);

/* Sets one of the room's cookies for so many seconds; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_bo_room_cookie(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_uint_t which, ngx_str_t *value,
    ngx_uint_t seconds);

/* A telephone sleeps when it is put away. */
ngx_uint_t ngx_http_bo_room_mobile(ngx_http_bo_ctx_t *ctx);

/* The room of the path, or NULL when the refusal is on its way. */
ngx_http_bo_room_t *ngx_http_bo_room_of(ngx_http_bo_ctx_t *ctx);

/* What an answer of the room means as a refusal. */
void ngx_http_bo_room_refuse(ngx_http_bo_ctx_t *ctx,
    ngx_bo_room_answer_e answer);

/* room_events: GET /waiting-rooms/{room}/events. */
void ngx_http_bo_room_events(ngx_http_bo_ctx_t *ctx);

/* room_set: PUT /waiting-rooms/{room}. */
void ngx_http_bo_room_set(ngx_http_bo_ctx_t *ctx);

/* The room as everybody sees it, as JSON; and the bytes that it needs. */
#define NGX_HTTP_BO_ROOM_LEN  (6 * NGX_BO_ROOM_MESSAGE + 1024)
u_char *ngx_http_bo_put_room(u_char *p, ngx_http_bo_room_t *room);


#endif /* _NGX_HTTP_BO_ROOM_H_INCLUDED_ */
