
/*
 * What the files of http/ share: the configuration, a request's context, and
 * the description of a resource.
 */


#ifndef _NGX_HTTP_BO_H_INCLUDED_
#define _NGX_HTTP_BO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#if (nginx_version >= 1023000)
#error "for nginx up to 1.22: since then, headers of one name are a list"
#endif

#include "bo_json.h"
#include "booking/bo_scope.h"
#include "booking/bo_write.h"
#include "store/ngx_bo_bookings.h"
#include "store/ngx_bo_jwks.h"
#include "store/ngx_bo_seatmap.h"
#include "store/ngx_bo_payments.h"
#include "store/ngx_bo_settle.h"


/* Bodies are small: no document of this API comes near it. */

#define NGX_HTTP_BO_BODY_MAX      16384

/* A webhook is what others make it. */

#define NGX_HTTP_BO_WEBHOOK_MAX   65536

/* A layout has a line for each row, or some bytes for each seat. */

#define NGX_HTTP_BO_LAYOUT_MAX    1048576

/*
 * A list has 10,000 seats of up to 19 bytes, and what is known of a movie
 * 65,536 characters, in any script.
 */

#define NGX_HTTP_BO_LONG_MAX      BO_JSON_MAX_SIZE

/* msec; a body that drips in costs its sender the request. */

#define NGX_HTTP_BO_BODY_TIMEOUT  10000


typedef struct ngx_http_bo_ctx_s  ngx_http_bo_ctx_t;
typedef struct ngx_http_bo_hub_s  ngx_http_bo_hub_t;
typedef struct ngx_http_bo_stream_s  ngx_http_bo_stream_t;

typedef void (*ngx_http_bo_run_pt)(ngx_http_bo_ctx_t *ctx);


/* What follows the location's name in the path. */

#define NGX_HTTP_BO_LIST          0         /* nothing */
#define NGX_HTTP_BO_ONE           1         /* /{id} */
#define NGX_HTTP_BO_VERB          2         /* /{id}/verb, /{id}/verb/... */
#define NGX_HTTP_BO_WORD          3         /* /word, that is no id */

/* What an action asks for. */

#define NGX_HTTP_BO_USER          0x01      /* a user */
#define NGX_HTTP_BO_ADMIN         0x02      /* an administrator */
#define NGX_HTTP_BO_BODY          0x04      /* a JSON body */
#define NGX_HTTP_BO_KEY           0x08      /* an Idempotency-Key */
#define NGX_HTTP_BO_STAFF         0x10      /* staff, or an administrator */
#define NGX_HTTP_BO_LARGE         0x80      /* that may be a webhook's */
#define NGX_HTTP_BO_HUGE          0x100     /* that may be a stadium's layout */
#define NGX_HTTP_BO_LONG          0x200     /* or lists of its seats */


/*
 * One operation of a resource.  A verb that ends in '/' stands for all that
 * begin so: the rest is in ctx->rest.  A table ends in one without run.
 */

typedef struct {
    ngx_uint_t               method;        /* GET stands for HEAD as well */
    ngx_uint_t               path;
    ngx_str_t                verb;
    ngx_uint_t               needs;
    ngx_http_bo_run_pt       run;
} ngx_http_bo_action_t;


typedef struct {
    ngx_bo_redis_conf_t      redis;
    ngx_bo_pg_conf_t         pg;
    ngx_bo_limits_t          limits;
    ngx_bo_bookings_conf_t   bookings;
    ngx_shm_zone_t          *zone;
    ngx_array_t              limit_zones;   /* of ngx_shm_zone_t * */
    ngx_array_t              rooms;         /* likewise, of waiting rooms */
    ngx_bo_outbound_t        outbound;      /* servers of others */
    ngx_array_t              auth_sources;  /* of ngx_bo_auth_source_t * */
    ngx_uint_t               auth_urls;     /* of those, that fetch keys */
    ngx_shm_zone_t          *auth_zone;
    struct ngx_bo_accounts_s  *accounts;    /* of the house, or NULL */
    ngx_uint_t               logs_in;       /* a location needs those */
    ngx_str_t                login_path;    /* of the first one to log in */
    ngx_shm_zone_t          *catalogue_zone;    /* or NULL */
    ngx_uint_t               keys;          /* of services count somewhere */
    ngx_array_t             *secrets;       /* of ngx_bo_secret_t, or NULL */
    ngx_array_t              gateways;      /* of ngx_bo_gateway_t */
    ngx_bo_ticket_keys_t    *tickets;       /* or NULL */
    ngx_uint_t               signs;         /* a location needs those */
    ngx_flag_t               jobs;
    ngx_array_t             *sinks;         /* of ngx_bo_sink_t *, see jobs/ */
    void                    *notify;        /* likewise ngx_bo_notify_conf_t */
    ngx_uint_t               used;          /* a location needs the store */
    ngx_int_t                streams;       /* in a worker, 0: the default */
    ngx_msec_t               stream_heartbeat;
    ngx_msec_t               stream_drain;
    ngx_bo_store_t          *store;         /* a worker's own */
    ngx_http_bo_hub_t       *hub;           /* and this, too */
} ngx_http_bo_main_conf_t;


typedef struct {
    ngx_http_bo_action_t    *actions;
    ngx_array_t             *auth;          /* of ngx_bo_auth_source_t *, or
                                             * NULL: no token is believed */
    ngx_uint_t               development;   /* x-user-id is */
    ngx_uint_t               keys;          /* of services are */
    ngx_uint_t               scope;         /* see bo_scope.h */
    ngx_array_t             *cors;          /* of ngx_str_t; NULL: off */
    ngx_array_t             *limits;        /* see ngx_http_bo_limit.h */
    ngx_uint_t               ready;         /* health: readiness, not life */
    ngx_uint_t               named;         /* paths have a name, no UUID */
    ngx_shm_zone_t          *gate;          /* a waiting room's, or NULL */
    ngx_str_t                waiting_page;  /* for browsers at the gate */
} ngx_http_bo_loc_conf_t;


struct ngx_http_bo_ctx_s {
    ngx_http_request_t      *request;
    ngx_bo_store_t          *store;
    ngx_http_bo_action_t    *action;
    ngx_bo_call_t           *call;          /* under way, or NULL */
    ngx_http_bo_run_pt       next;          /* once the show is there */
    void                    *data;          /* the action's own */
    ngx_http_bo_stream_t    *stream;        /* that it is about to become */

    ngx_bo_jwks_waiter_t     waiter;        /* for the key of its token */

    struct ngx_bo_api_key_ask_s  *key;      /* that it came with, or NULL */
    bo_scopes_t              scopes;        /* of that */

    bo_uuid_t                id;            /* of the path */
    ngx_str_t                name;          /* of the path, instead of an id */
    ngx_str_t                rest;          /* behind a verb that ends in '/' */
    ngx_str_t                user;
    ngx_str_t                who;           /* as a waiting room knows it */
    ngx_str_t                request_id;
    ngx_str_t                body;
    ngx_bo_idempotency_t     idempotency;
    bo_json_doc_t           *doc;
    ngx_event_t              timer;         /* of the body */
    ngx_str_t                outcome;       /* for logs */
    ngx_str_t                type;          /* of the answer, empty: JSON */
    ngx_uint_t               retry_after;   /* seconds, 0: by the error */

    unsigned                 authenticated:1;   /* or found to be nobody */
    unsigned                 staff:1;       /* or an administrator */
    unsigned                 admin:1;
    unsigned                 bad_token:1;   /* there was one, and refused */
    unsigned                 by_cookie:1;   /* sent by a browser by itself */
    unsigned                 by_key:1;      /* a service */
    unsigned                 asks_key:1;    /* whose: only PostgreSQL knows */
    unsigned                 no_key:1;      /* nobody has that of the token */
    unsigned                 waited:1;      /* for it */
    unsigned                 problem:1;     /* errors as RFC 9457 */
    unsigned                 bad_key:1;     /* two keys, or a malformed one */
    unsigned                 cacheable:1;   /* has its own Cache-Control */
    unsigned                 again:1;       /* with the show as it is now */
};


extern ngx_module_t  ngx_http_boxoffice_module;

extern ngx_http_bo_action_t  ngx_http_bo_shows_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_screens_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_holds_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_orders_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_theatres_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_movies_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_search_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_rooms_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_webhooks_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_preferences_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_letters_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_availability_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_booking_create_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_booking_complete_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_bookings_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_login_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_me_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_people_actions[];
extern ngx_http_bo_action_t  ngx_http_bo_api_keys_actions[];


/* A walk over the headers of a request: start it, then ask for the next. */

typedef struct {
    ngx_list_part_t         *part;
    ngx_uint_t               i;
} ngx_http_bo_walk_t;

#define ngx_http_bo_walk(r)  { &(r)->headers_in.headers.part, 0 }

ngx_table_elt_t *ngx_http_bo_next_header(ngx_http_bo_walk_t *walk);

/* name: a literal, in lower case. */
#define ngx_http_bo_header_is(h, name)                                        \
    ((h)->key.len == sizeof(name) - 1                                         \
     && ngx_memcmp((h)->lowcase_key, name, sizeof(name) - 1) == 0)


/* request: the handler of all resources, and how their actions go on. */

ngx_int_t ngx_http_bo_handler(ngx_http_request_t *r);

/* A request's context, made when there is none yet; NULL without memory. */
ngx_http_bo_ctx_t *ngx_http_bo_get_ctx(ngx_http_request_t *r);

/*
 * An action that must wait: call is cancelled should the client leave.  When
 * the call's done comes, it goes ngx_http_bo_resume(ctx, run): run may start
 * another call, or answer.
 */
void ngx_http_bo_wait(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call);
void ngx_http_bo_resume(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run);

/*
 * Runs an action once the show of the path is at hand: call->show is set, and
 * kept.  When there is no such show, the answer is on its way.
 */
void ngx_http_bo_with_show(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call,
    ngx_http_bo_run_pt run);

/*
 * There is no map of the show that call has.  Should that be because the show
 * has changed meanwhile, the action is run again with the new one, but only
 * once; otherwise the answer is on its way: 503.
 */
void ngx_http_bo_with_show_again(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call,
    ngx_http_bo_run_pt run);

/*
 * Reads the body by a table; without one, checks that it is a JSON object.
 * NGX_OK, or NGX_ERROR when it was refused and the answer is on its way.
 */
ngx_int_t ngx_http_bo_read_json(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields, void *out);

/*
 * The argument name of the query: NGX_OK, or NGX_DECLINED when there is none.
 */
ngx_int_t ngx_http_bo_arg(ngx_http_bo_ctx_t *ctx, const char *name,
    ngx_str_t *value);

/*
 * "limit" (1..100, 20 when absent) and "cursor" ("<ms>_<uuid>") of a list.
 * NGX_OK, or NGX_ERROR when it was refused and the answer is on its way.
 */
typedef struct {
    ngx_uint_t               limit;
    ngx_uint_t               has_cursor;
    int64_t                  ms;
    bo_uuid_t                id;
} ngx_http_bo_page_t;

#define NGX_HTTP_BO_CURSOR_LEN  (NGX_INT64_LEN + 1 + BO_UUID_LEN)

ngx_int_t ngx_http_bo_page(ngx_http_bo_ctx_t *ctx, ngx_http_bo_page_t *page);

/*
 * The three values of a statement that reads a page: where it begins (Unix ms,
 * id), and how many rows, one more than the page has.  They point into room.
 * first: where the first page begins.
 */
#define NGX_HTTP_BO_LATEST  9223372036854

typedef struct {
    u_char                   ms[NGX_INT64_LEN];
    u_char                   id[BO_UUID_LEN];
    u_char                   limit[NGX_INT_T_LEN];
} ngx_http_bo_page_room_t;

void ngx_http_bo_page_values(ngx_http_bo_page_t *page, int64_t first,
    ngx_http_bo_page_room_t *room, ngx_str_t *v);

/*
 * Ends a list, at most 32 bytes and a cursor.  more: there is a next page, and
 * ms and id are those of the last item of this one.
 */
u_char *ngx_http_bo_put_next(u_char *p, ngx_uint_t more, int64_t ms,
    ngx_str_t *id);


/* answer: sending, exactly once a request. */

void ngx_http_bo_send(ngx_http_bo_ctx_t *ctx, ngx_uint_t status,
    ngx_str_t *body);
void ngx_http_bo_count_status(ngx_http_bo_ctx_t *ctx, ngx_uint_t status);

/* Says that the answer is one that was given before. */
void ngx_http_bo_replayed(ngx_http_bo_ctx_t *ctx);

ngx_table_elt_t *ngx_http_bo_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* Pieces of JSON.  Each returns where it stopped writing. */

#define ngx_http_bo_put      bo_write
#define ngx_http_bo_put_int  bo_write_int

u_char *ngx_http_bo_put_str(u_char *p, const char *name, ngx_str_t *value);
u_char *ngx_http_bo_put_uuid(u_char *p, const char *name, bo_uuid_t *id);
u_char *ngx_http_bo_put_plain(u_char *p, const char *name,
    const ngx_str_t *value);
u_char *ngx_http_bo_put_bool(u_char *p, const char *name, ngx_uint_t value);
u_char *ngx_http_bo_put_time(u_char *p, const char *name, int64_t ms);
u_char *ngx_http_bo_put_seats(u_char *p, const char *name,
    bo_layout_t *layout, bo_seats_t *seats);

#define NGX_HTTP_BO_SEATS_LEN(n)  (64 + (n) * (BO_LABEL_MAX + 3))

/* error: refusals; see the table for codes and texts. */

typedef enum {
    NGX_HTTP_BO_E_BAD_REQUEST = 0,
    NGX_HTTP_BO_E_INVALID_JSON,
    NGX_HTTP_BO_E_UNKNOWN_FIELD,
    NGX_HTTP_BO_E_DUPLICATE_FIELD,
    NGX_HTTP_BO_E_MISSING_FIELD,
    NGX_HTTP_BO_E_INVALID_FIELD,
    NGX_HTTP_BO_E_INVALID_QUERY,
    NGX_HTTP_BO_E_KEY_MISSING,
    NGX_HTTP_BO_E_KEY_INVALID,
    NGX_HTTP_BO_E_UNAUTHORIZED,
    NGX_HTTP_BO_E_PAYMENT_DECLINED,
    NGX_HTTP_BO_E_FORBIDDEN,
    NGX_HTTP_BO_E_NOT_FOUND,
    NGX_HTTP_BO_E_SHOW_NOT_FOUND,
    NGX_HTTP_BO_E_SEAT_NOT_FOUND,
    NGX_HTTP_BO_E_SCREEN_NOT_FOUND,
    NGX_HTTP_BO_E_THEATRE_NOT_FOUND,
    NGX_HTTP_BO_E_MOVIE_NOT_FOUND,
    NGX_HTTP_BO_E_LAYOUT_NOT_FOUND,
    NGX_HTTP_BO_E_METHOD,
    NGX_HTTP_BO_E_TIMEOUT,
    NGX_HTTP_BO_E_SEAT_HELD,
    NGX_HTTP_BO_E_SEAT_SOLD,
    NGX_HTTP_BO_E_SEAT_UNAVAILABLE,
    NGX_HTTP_BO_E_STRANDED,
    NGX_HTTP_BO_E_NOT_TOGETHER,
    NGX_HTTP_BO_E_SEAT_LIMIT,
    NGX_HTTP_BO_E_HOLD_EXPIRED,
    NGX_HTTP_BO_E_HOLD_LOST,
    NGX_HTTP_BO_E_HOLD_ORDERED,
    NGX_HTTP_BO_E_SHOW_CHANGED,
    NGX_HTTP_BO_E_ORDER_ENDED,
    NGX_HTTP_BO_E_CANCEL_OVER,
    NGX_HTTP_BO_E_NOT_SEATS,
    NGX_HTTP_BO_E_UNPAID,
    NGX_HTTP_BO_E_IN_PROGRESS,
    NGX_HTTP_BO_E_SHOW_CLASH,
    NGX_HTTP_BO_E_PAYMENT_USED,
    NGX_HTTP_BO_E_PAYMENT_PENDING,
    NGX_HTTP_BO_E_PAYMENT_MISMATCH,
    NGX_HTTP_BO_E_SIGNATURE_FORM,
    NGX_HTTP_BO_E_SIGNATURE,
    NGX_HTTP_BO_E_NOT_CONFIRMED,
    NGX_HTTP_BO_E_IN_USE,
    NGX_HTTP_BO_E_NAME_TAKEN,
    NGX_HTTP_BO_E_DECISION,
    NGX_HTTP_BO_E_SALE_BEGUN,
    NGX_HTTP_BO_E_CLOSED,
    NGX_HTTP_BO_E_STALE,
    NGX_HTTP_BO_E_TOO_LARGE,
    NGX_HTTP_BO_E_MEDIA_TYPE,
    NGX_HTTP_BO_E_KEY_REUSED,
    NGX_HTTP_BO_E_TOO_MANY_SEATS,
    NGX_HTTP_BO_E_PAYMENT_UNKNOWN,
    NGX_HTTP_BO_E_PRICES,
    NGX_HTTP_BO_E_TERMS,
    NGX_HTTP_BO_E_LAYOUT,
    NGX_HTTP_BO_E_SCHEDULE,
    NGX_HTTP_BO_E_UPGRADE,
    NGX_HTTP_BO_E_NO_MATCH,
    NGX_HTTP_BO_E_RATE_LIMITED,
    NGX_HTTP_BO_E_WAITING_ROOM,
    NGX_HTTP_BO_E_TOKEN_INVALID,
    NGX_HTTP_BO_E_TOKEN_FOREIGN,
    NGX_HTTP_BO_E_PASS_OVER,
    NGX_HTTP_BO_E_PLACE_OVER,
    NGX_HTTP_BO_E_ROOM_CLOSED,
    NGX_HTTP_BO_E_SOLD_OUT,
    NGX_HTTP_BO_E_ROOM_FULL,
    NGX_HTTP_BO_E_HASTY,
    NGX_HTTP_BO_E_CREDENTIALS,
    NGX_HTTP_BO_E_CODE,
    NGX_HTTP_BO_E_SESSION_OVER,
    NGX_HTTP_BO_E_EMAIL_TAKEN,
    NGX_HTTP_BO_E_PASSWORD,
    NGX_HTTP_BO_E_INTERNAL,
    NGX_HTTP_BO_E_UNAVAILABLE,
    NGX_HTTP_BO_E_IN_DOUBT,
    NGX_HTTP_BO_E_BACKLOG,
    NGX_HTTP_BO_E_VOLATILE,
    NGX_HTTP_BO_E_VERSION
} ngx_http_bo_error_e;

/* details: JSON, an object; NULL when there is nothing more to say. */
void ngx_http_bo_error(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error,
    ngx_str_t *details);

/* A refusal that names a field of ours. */
void ngx_http_bo_error_field(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_error_e error, const char *field);

/* A refusal with the seats in conflict. */
void ngx_http_bo_error_seats(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_error_e error, bo_layout_t *layout, bo_seats_t *seats);

/* What outcomes of the store mean wherever they come from. */
void ngx_http_bo_error_outcome(ngx_http_bo_ctx_t *ctx,
    ngx_bo_outcome_e outcome);

/* auth: fills ctx->user, ctx->staff and ctx->admin; NGX_OK or NGX_DECLINED. */
ngx_int_t ngx_http_bo_authenticate(ngx_http_bo_ctx_t *ctx);

/*
 * After NGX_DECLINED: NGX_AGAIN when the key of a token is being fetched, and
 * run will be called to authenticate anew; NGX_DECLINED: there is no hope.
 */
ngx_int_t ngx_http_bo_auth_wait(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_run_pt run);

/*
 * auth_service: the same by the key of a service.  NGX_OK; NGX_DECLINED when
 * there is none; NGX_ERROR: it is not known to be good, and may be asked for.
 */
ngx_int_t ngx_http_bo_auth_service(ngx_http_bo_ctx_t *ctx);
ngx_int_t ngx_http_bo_auth_service_wait(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_run_pt run);

/* auth: who came by "Bearer"; NGX_OK or NGX_DECLINED. */
ngx_int_t ngx_http_bo_auth_bearer(ngx_http_request_t *r, ngx_str_t *token);

/* auth: ctx is this one. */
ngx_int_t ngx_http_bo_auth_is(ngx_http_bo_ctx_t *ctx, bo_jwt_who_t *who);

/*
 * cors: answers a preflight, or adds its headers.  NGX_OK, or NGX_DONE when
 * that was the answer.
 */
ngx_int_t ngx_http_bo_cors(ngx_http_bo_ctx_t *ctx);

/* 1 when the request comes from a page of another origin that is not named. */
ngx_uint_t ngx_http_bo_foreign(ngx_http_bo_ctx_t *ctx);

/* orders: an order as JSON, and the room that it needs; answers with one. */
size_t ngx_http_bo_order_len(ngx_bo_order_t *order);
u_char *ngx_http_bo_put_order(u_char *p, ngx_bo_order_t *order);
void ngx_http_bo_send_order(ngx_http_bo_ctx_t *ctx, ngx_uint_t status,
    ngx_bo_order_t *order);

/* pay: POST /orders/{id}/pay. */
void ngx_http_bo_pay(ngx_http_bo_ctx_t *ctx);

/*
 * gateway_conf: the setter of "boxoffice_gateway", and what there is without
 * one.  NGX_OK or NGX_ERROR.
 */
char *ngx_http_bo_gateway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_bo_gateway_default(ngx_conf_t *cf, ngx_array_t *gateways,
    ngx_uint_t used);

/* order_list: GET /orders. */
void ngx_http_bo_order_list(ngx_http_bo_ctx_t *ctx);

/* seatmap: GET /shows/{id}/seatmap. */
void ngx_http_bo_seatmap(ngx_http_bo_ctx_t *ctx);

/* events: GET /shows/{id}/events. */
void ngx_http_bo_events(ngx_http_bo_ctx_t *ctx);

/* refunds: POST /shows/{id}/cancel and GET /shows/{id}/cancellation. */
void ngx_http_bo_show_cancel(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_show_cancellation(ngx_http_bo_ctx_t *ctx);

/* catalogue: GET /theatres, /theatres/{id} and /screens/{id}. */
void ngx_http_bo_theatre_list(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_theatre_read(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_theatre_shows(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_screen_read(ngx_http_bo_ctx_t *ctx);

/* layout: GET /shows/{id}/layout. */
void ngx_http_bo_layout(ngx_http_bo_ctx_t *ctx);

/* availability: GET /shows/{id}/availability. */
void ngx_http_bo_availability(ngx_http_bo_ctx_t *ctx);

/*
 * tag: what a client may keep of a show: "<kind><revision>-<version>".
 *
 * ngx_http_bo_tag() adds the ETag and the Cache-Control, for example the one
 * that lets all who ask within a second share an answer; NGX_OK or NGX_ERROR.
 * ngx_http_bo_tag_have() is the version that the client has of this kind and
 * revision, by its If-None-Match, or -1.
 */
ngx_int_t ngx_http_bo_tag(ngx_http_bo_ctx_t *ctx, const char *kind,
    ngx_bo_show_t *show, int64_t version, ngx_str_t *control);
int64_t ngx_http_bo_tag_have(ngx_http_bo_ctx_t *ctx, const char *kind,
    ngx_bo_show_t *show);

extern ngx_str_t  ngx_http_bo_second;

/*
 * The same of anything else: adds ETag and Cache-Control, NGX_OK or NGX_ERROR;
 * 1 when the client has what the tag names.
 */
ngx_int_t ngx_http_bo_etag(ngx_http_bo_ctx_t *ctx, ngx_str_t *etag,
    ngx_str_t *control);
ngx_uint_t ngx_http_bo_etag_known(ngx_http_bo_ctx_t *ctx, ngx_str_t *etag);

/* The tag of what the client has, whether weak or not; empty for none. */
void ngx_http_bo_etag_have(ngx_http_bo_ctx_t *ctx, ngx_str_t *have);

/*
 * gzip: whether the client takes it, by its Accept-Encoding; and the header of
 * an answer that is compressed.  Answers that may be either say so in Vary.
 */
ngx_uint_t ngx_http_bo_gzip_wanted(ngx_http_bo_ctx_t *ctx);
ngx_int_t ngx_http_bo_gzipped(ngx_http_bo_ctx_t *ctx);

/*
 * metrics_outbound: the families of the outbound client, and how many lines
 * they have at most, a head for one.
 */
ngx_uint_t ngx_http_bo_outbound_lines(ngx_bo_outbound_t *outbound);
u_char *ngx_http_bo_put_outbound(u_char *p, ngx_bo_outbound_t *outbound);

/* metrics_auth: the same of tokens, keys and passwords. */
ngx_uint_t ngx_http_bo_auth_lines(ngx_http_bo_main_conf_t *mcf);
u_char *ngx_http_bo_put_auth(u_char *p, ngx_http_bo_main_conf_t *mcf);

/* metrics_zones: the same of shared zones: their size, or what is left. */
ngx_uint_t ngx_http_bo_zones_lines(void);
u_char *ngx_http_bo_put_zones(u_char *p, ngx_uint_t left);

/* status: /healthz, /readyz and /metrics; and the head of a family. */
u_char *ngx_http_bo_put_metric(u_char *p, const char *name, const char *help,
    const char *type);
ngx_int_t ngx_http_bo_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_bo_metrics_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_BO_H_INCLUDED_ */
