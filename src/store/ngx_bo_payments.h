
/*
 * Payments: asking a gateway for one, and taking its word for what became of
 * it.  What a word does is written in sql/.
 */


#ifndef _NGX_BO_PAYMENTS_H_INCLUDED_
#define _NGX_BO_PAYMENTS_H_INCLUDED_


#include "booking/bo_ticket.h"
#include "ngx_bo_gateway.h"
#include "ngx_bo_orders.h"


/* The parameters of a word in a statement, and room for its numbers. */

#define NGX_BO_WORD_PARAMS  10

#define NGX_BO_WORD_ROW                                                       \
    "row($1::text, $2::text, $3::text, $4::text, $5::uuid, $6::uuid,"         \
    " $7::bigint, $8::text, $9::uuid, $10::text)::boxoffice.gateway_word"

typedef struct {
    u_char                   amount[NGX_INT64_LEN];
    u_char                   ticket[BO_TICKET_LEN];
} ngx_bo_word_room_t;


/*
 * take_word(): a word, owner, key, fingerprint, ticket code, limit.  The row
 * is one of an order.
 */
extern ngx_bo_pg_statement_t  ngx_bo_take_word;

#define NGX_BO_TAKE_WORD_PARAMS  15

/*
 * Fills the NGX_BO_WORD_PARAMS values of a word, which point into it and into
 * room.
 */
void ngx_bo_word_values(ngx_str_t *v, ngx_bo_gateway_t *gateway,
    bo_word_t *word, ngx_bo_word_room_t *room);

/*
 * All values of ngx_bo_take_word for the gateway itself: no owner, no key.
 * NGX_OK, or NGX_ERROR without random bytes.
 */
ngx_int_t ngx_bo_word_trusted(ngx_bo_store_t *store, ngx_str_t *v,
    ngx_bo_gateway_t *gateway, bo_word_t *word, ngx_bo_word_room_t *room);

/* A new ticket's code, as a value. */
ngx_int_t ngx_bo_word_ticket(ngx_str_t *v, ngx_bo_word_room_t *room);

/*
 * What follows from a word that was taken: counters, alerts, and that Redis is
 * told.  The row begins with item, outcome and the columns of an order.
 */
void ngx_bo_word_taken(ngx_bo_store_t *store, PGresult *res, int row);


/*
 * A payment that is begun.  It has memory of its own and, once started, goes
 * on when nobody waits any more: what the gateway was asked for is written
 * down.  Set before the start: done, the call's data, order, show_no, user and
 * idempotency.
 */

typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_done_pt           done;
    ngx_pool_t              *pool;
    bo_uuid_t                order;
    uint32_t                 show_no;
    ngx_str_t                user;
    ngx_bo_idempotency_t     idempotency;
    unsigned                 busy:1;
    unsigned                 gone:1;

    ngx_bo_gateway_t        *gateway;
    ngx_bo_gateway_op_t      op;
    ngx_str_t                intent;
    ngx_str_t                reference;     /* what the gateway calls it */
    ngx_str_t                secret;        /* for the client; or empty */
    ngx_str_t                currency;
    ngx_str_t                method;
    ngx_str_t                site;          /* the database's mark */
    ngx_str_t                status;        /* of the order */
    int64_t                  amount;
    int64_t                  expires;       /* Unix ms */
    ngx_bo_order_t           free;          /* confirmed by this; or no id */
} ngx_bo_pay_call_t;


/* Makes one, zeroed but for store and pool; NULL when memory is short. */
ngx_bo_pay_call_t *ngx_bo_pay_call_create(ngx_bo_store_t *store);

/*
 * Begins the payment of an order, or finds the one that was begun; an order
 * that costs nothing is confirmed, and is in free.  NGX_BO_OK;
 * _ENDED: the order is over, see status; _SAME: it is paid; _NOT_PAID: the
 * gateway will not; _NOT_FOUND, _KEY_REUSED, _UNAVAILABLE, _IN_DOUBT: the same
 * again finds out.
 */
void ngx_bo_pay_begin(ngx_bo_pay_call_t *p);


/*
 * An event of a gateway, whose signature was good.  It is the owner's, and may
 * be cancelled.
 */

typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_gateway_t        *gateway;
    bo_word_t               *word;
    ngx_str_t                event;
    ngx_str_t                digest;
    const char              *said;          /* see take_webhook() */
} ngx_bo_webhook_call_t;


/* NGX_BO_OK: said; _UNAVAILABLE, _IN_DOUBT: it must come again. */
void ngx_bo_webhook_take(ngx_bo_webhook_call_t *w);


#endif /* _NGX_BO_PAYMENTS_H_INCLUDED_ */
