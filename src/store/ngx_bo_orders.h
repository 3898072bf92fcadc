
/*
 * Orders: rows in PostgreSQL, which has the last word on every seat.
 */


#ifndef _NGX_BO_ORDERS_H_INCLUDED_
#define _NGX_BO_ORDERS_H_INCLUDED_


#include "ngx_bo_gateway.h"
#include "ngx_bo_holds.h"


/* An order as PostgreSQL gave it; texts are in the caller's pool. */

typedef struct {
    ngx_str_t                id;
    ngx_str_t                show_id;
    uint32_t                 show_no;
    ngx_str_t                user;
    ngx_str_t                hold_id;
    ngx_str_t                seats;         /* "A1,A2" */
    bo_seats_t               seat_nos;
    int64_t                  amount;        /* minor units */
    ngx_str_t                currency;
    ngx_str_t                status;
    ngx_str_t                method;
    ngx_str_t                ticket;        /* empty: none */
    int64_t                  created;       /* Unix ms */
    int64_t                  expires;
    int64_t                  confirmed;     /* 0: not */
    int64_t                  ended;         /* 0: not */
} ngx_bo_order_t;


typedef struct {
    ngx_str_t                name;
    ngx_str_t                email;
    ngx_str_t                phone;         /* data NULL: none */
} ngx_bo_customer_t;


/*
 * An operation on an order.  It has memory of its own, for it outlives a
 * request whose client leaves: what was fenced must be ordered or given back,
 * and Redis must be told what PostgreSQL has decided.  Set before the start:
 * done, the call's data, hold.user, hold.idempotency and what the operation
 * names, all of it in hold.pool.
 *
 * It begins with the call of a hold, for so does an order: hold.script.call is
 * what done is given, and what is cancelled.
 */

typedef struct {
    ngx_bo_hold_call_t       hold;
    ngx_bo_done_pt           done;
    bo_uuid_t                id;
    uint32_t                 show_no;
    unsigned                 admin:1;       /* may act on anybody's order */
    unsigned                 alone:1;       /* asked again, alone */
    unsigned                 reloaded:1;    /* asked again, of a newer show */
    unsigned                 busy:1;        /* started, and not at its end */
    unsigned                 gone:1;        /* nobody waits for it */
    int64_t                  starts;        /* the show, as ordered; 0: ? */
    int64_t                  known;         /* the same, as we knew it */
    bo_payment_method_e      method;
    ngx_bo_customer_t        customer;
    ngx_str_t                payment;       /* the gateway's id of it */
    ngx_str_t                seats;         /* to give back; NULL data: all */
    ngx_str_t                terms;         /* POLICY, FULL or NONE */
    ngx_bo_gateway_op_t      ask;           /* what became of it */

    ngx_bo_order_t           order;
    ngx_str_t                refund;        /* of a cancellation: JSON, or 0 */
    ngx_bo_outcome_e         fenced;        /* what the fence came to */
    uint64_t                 usec;
} ngx_bo_order_call_t;


#define ngx_bo_order_call(c)  (&(c)->hold.script.call)


/* Makes one, zeroed but for store and hold.pool; NULL when memory is short. */
ngx_bo_order_call_t *ngx_bo_order_call_create(ngx_bo_store_t *store);


/*
 * Makes an order of hold.hold.id: fences the hold, then claims its seats in
 * one transaction with the order.  call.show is set.  starts: when the show is
 * to begin (Unix ms) for there to be an order; 0: when it did as it was held.
 * NGX_BO_OK, _REPLAYED: order is filled; _CONFLICT: hold.conflicts; _ORDERED:
 * the hold's order is in order; _MOVED: it begins at another time, that of
 * call.show, and the hold is as before; _NOT_FOUND, _ENDED, _LOST (the hold),
 * _LIMIT, _CLOSED, _KEY_REUSED, _IN_PROGRESS, _REFUSED, _UNAVAILABLE,
 * _IN_DOUBT.
 */
void ngx_bo_order_create(ngx_bo_order_call_t *c);

/*
 * Asks the gateway what became of payment, and confirms or fails the order id
 * of show_no.  NGX_BO_OK, _SAME, _REPLAYED: confirmed; _DECLINED: failed;
 * _NOT_PAID: declined, and the order still waits; _PENDING: ask again later;
 * _QUARANTINED; _ENDED: it was over, see order.status; _NO_PAYMENT; the others
 * as above.
 */
void ngx_bo_order_confirm(ngx_bo_order_call_t *c);

/*
 * Gives all seats of the order id of show_no back, or those of seats, "A1,A2";
 * terms says what of the money.  NGX_BO_OK, _REPLAYED: it is cancelled, or has
 * the seats that order says, and refund is what was answered the first time;
 * _SAME: it was cancelled before; _CLOSED: the show has begun; _OVER, _UNPAID,
 * _NOT_SEATS; _ENDED: see order.status.
 */
void ngx_bo_order_cancel(ngx_bo_order_call_t *c);

/* NGX_BO_OK or _NOT_FOUND. */
void ngx_bo_order_read(ngx_bo_order_call_t *c);

/*
 * Reads an order from a row that begins with item and outcome.  Returns
 * NGX_OK, or NGX_ERROR when memory is short.
 */
ngx_int_t ngx_bo_order_from_row(ngx_bo_order_t *order, ngx_pool_t *pool,
    PGresult *res, ngx_int_t row);

/*
 * Paid or ended: whoever it was has no more business in a waiting room.  late:
 * see ngx_bo_rooms_finish().
 */
void ngx_bo_order_leave_rooms(ngx_bo_store_t *store, ngx_bo_order_t *order,
    ngx_uint_t late);

/* The columns of an order, after item and outcome, in every statement. */

#define NGX_BO_ORDER_COLUMNS                                                  \
    "order_id, show_id, show_no, user_id, hold_id, seat_nos, seat_ids,"       \
    " amount, currency, status, created_ms, expires_ms, confirmed_ms,"        \
    " ended_ms, ticket_code, payment_method"


#endif /* _NGX_BO_ORDERS_H_INCLUDED_ */
