
/*
 * What the operations on orders have in common: for ngx_bo_orders.c and its
 * ngx_bo_order_*.c alone.
 */


#ifndef _NGX_BO_ORDER_STEPS_H_INCLUDED_
#define _NGX_BO_ORDER_STEPS_H_INCLUDED_


#include "ngx_bo_orders.h"


#define NGX_BO_ORDER_BATCH  64


/* The columns of a row, see NGX_BO_ORDER_COLUMNS. */

enum {
    ngx_bo_col_item = 0,
    ngx_bo_col_outcome,
    ngx_bo_col_order,
    ngx_bo_col_show,
    ngx_bo_col_show_no,
    ngx_bo_col_user,
    ngx_bo_col_hold,
    ngx_bo_col_seat_nos,
    ngx_bo_col_seat_ids,
    ngx_bo_col_amount,
    ngx_bo_col_currency,
    ngx_bo_col_status,
    ngx_bo_col_created,
    ngx_bo_col_expires,
    ngx_bo_col_confirmed,
    ngx_bo_col_ended,
    ngx_bo_col_ticket,
    ngx_bo_col_method,
    ngx_bo_col_conflicts,
    ngx_bo_col_freed = ngx_bo_col_conflicts,
    ngx_bo_col_refund
};


/* The values of the caller's Idempotency-Key and its request; empty: none. */
ngx_str_t ngx_bo_order_key(ngx_bo_order_call_t *c);
ngx_str_t ngx_bo_order_fingerprint(ngx_bo_order_call_t *c);

/*
 * The first three values of a statement on one order: its id, the number of
 * its show, and whose it must be.  id (BO_UUID_LEN) and no (NGX_INT32_LEN) are
 * the room for two of them.
 */
void ngx_bo_order_name(ngx_bo_order_call_t *c, ngx_str_t *v, u_char *id,
    u_char *no);

/*
 * Submits a statement, with the others that wait; or alone, when the others
 * were in the way.  NULL when it was refused: handler is not called.
 */
ngx_bo_pg_op_t *ngx_bo_order_send(ngx_bo_order_call_t *c,
    ngx_bo_pg_statement_t *st, ngx_str_t *values,
    ngx_bo_pg_handler_pt handler);

/* 1 when it may be sent again, alone; that happens once. */
ngx_uint_t ngx_bo_order_alone(ngx_bo_order_call_t *c);

/*
 * The beginning of every answer: what the row's second column means, or what
 * there is instead of an answer; reads the order where there is one.
 */
ngx_bo_outcome_e ngx_bo_order_answer(ngx_bo_order_call_t *c,
    ngx_bo_verdict_e verdict, PGresult *res, ngx_int_t row);

/*
 * Who did it the first time may not have lived to see it done: its answer was
 * lost, or its worker.  Held seats bear the id of the hold, so that asking
 * twice takes nothing from anybody; sold ones are the business of the repair.
 */
void ngx_bo_order_settle_again(ngx_bo_order_call_t *c);

/*
 * The end.  May be called from within a start, when the client refuses at
 * once; the owner does not hear of it before the start has returned.
 */
void ngx_bo_order_finish(ngx_bo_order_call_t *c, ngx_bo_outcome_e outcome);

#endif /* _NGX_BO_ORDER_STEPS_H_INCLUDED_ */
