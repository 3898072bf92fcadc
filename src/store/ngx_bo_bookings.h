
/*
 * Bookings of the optimistic mode: accepted in Redis with one script, written
 * to PostgreSQL afterwards by whoever handles the messages of the show's
 * stream (see jobs/ngx_bo_job_bookings.c).
 */


#ifndef _NGX_BO_BOOKINGS_H_INCLUDED_
#define _NGX_BO_BOOKINGS_H_INCLUDED_


#include "ngx_bo_orders.h"


/* What Redis has to promise before a booking is accepted. */

#define NGX_BO_DURABLE_NONE      0      /* nothing */
#define NGX_BO_DURABLE_EVERYSEC  1      /* an append-only file */
#define NGX_BO_DURABLE_ALWAYS    2      /* one that is written before answers */


/* What the directives say; lives as long as the configuration. */

typedef struct {
    ngx_uint_t               used;          /* a location needs it */
    ngx_uint_t               set;           /* by a directive */
    ngx_uint_t               durability;
    ngx_uint_t               backlog;       /* messages that may wait */
    ngx_uint_t               batch;         /* messages in one go, 1..1024 */
    ngx_msec_t               claim;         /* a handler so silent is dead */
} ngx_bo_bookings_conf_t;


/* How long the list of shows keeps one without bookings; msec. */

#define NGX_BO_BOOKINGS_LISTED   600000


struct ngx_bo_bookings_s {
    ngx_bo_store_t          *store;
    ngx_bo_bookings_conf_t  *conf;
    ngx_str_t                backlog;       /* as texts */
    ngx_str_t                life;          /* of the locks, ms */
    ngx_str_t                memory;        /* of a booking in Redis, ms */

    ngx_uint_t               checked;       /* generation, 0: none */
    ngx_uint_t               asking;        /* generation that is asked */
    ngx_uint_t               bad;           /* as was logged */
    ngx_msec_t               asked;         /* when */
    ngx_bo_redis_op_t       *op;
    ngx_event_t              timer;
};


/* What is asked of, and known about, one booking. */

struct ngx_bo_booking_s {
    bo_payment_method_e      method;        /* asked */
    ngx_bo_customer_t        customer;
    ngx_str_t                payment;

    ngx_str_t                status;        /* answered: texts of the pool */
    ngx_str_t                reason;        /* empty: none */
    ngx_str_t                currency;
    ngx_str_t                method_name;
    int64_t                  amount;        /* minor units */
};


/*
 * Makes or ends a worker's part of it.  NGX_OK or NGX_ERROR.  Without one,
 * store->bookings is NULL.
 */
ngx_int_t ngx_bo_bookings_start(ngx_bo_store_t *store,
    ngx_bo_bookings_conf_t *conf);
void ngx_bo_bookings_stop(ngx_bo_store_t *store);

/* 1 when the server at the end of the connection keeps what is promised. */
ngx_uint_t ngx_bo_bookings_durable(ngx_bo_bookings_t *b);

/*
 * Books hold.seats for user.  c->booking has the method and the customer, with
 * texts in c->pool; an idempotency key is there.  NGX_BO_OK, _REPLAYED:
 * hold and booking are filled, hold.id is the booking's; _CONFLICT; _BACKLOG,
 * _VOLATILE; _KEY_REUSED, _UNAVAILABLE, _IN_DOUBT, _REFUSED.
 */
void ngx_bo_booking_create(ngx_bo_hold_call_t *c);

/*
 * What this idempotency key was answered in the show, c->booking being there.
 * NGX_BO_REPLAYED: as above; _NOT_FOUND: nothing, or it is forgotten;
 * _KEY_REUSED, _UNAVAILABLE, _IN_DOUBT, _REFUSED.
 */
void ngx_bo_booking_recall(ngx_bo_hold_call_t *c);

/*
 * Has booking hold.id confirmed with booking->payment.  NGX_BO_OK, _REPLAYED,
 * _SAME: it is on its way; _IN_PROGRESS: another payment is; _NOT_FOUND:
 * PostgreSQL may know it, or nobody; the others as above.
 */
void ngx_bo_booking_pay(ngx_bo_hold_call_t *c);

/* NGX_BO_OK: as Redis knows it; _NOT_FOUND: not there, or another user's. */
void ngx_bo_booking_read(ngx_bo_hold_call_t *c);

/* The key of a booking in Redis; text has room for it. */

#define NGX_BO_BOOKING_KEY_LEN                                                \
    (sizeof("booking:{}:") - 1 + 2 * BO_UUID_LEN)

void ngx_bo_booking_name(ngx_bo_show_t *show, const bo_uuid_t *id,
    u_char *text, ngx_str_t *key);


#endif /* _NGX_BO_BOOKINGS_H_INCLUDED_ */
