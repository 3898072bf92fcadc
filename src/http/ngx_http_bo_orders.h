
/*
 * What the files about orders share: the data of an action on one order, and
 * its steps.
 */


#ifndef _NGX_HTTP_BO_ORDERS_H_INCLUDED_
#define _NGX_HTTP_BO_ORDERS_H_INCLUDED_


#include "ngx_http_bo.h"


typedef struct {
    bo_str_t                 name;
    bo_str_t                 email;
    bo_str_t                 phone;
} ngx_http_bo_customer_t;


typedef struct {
    bo_str_t                 hold_id;
    bo_str_t                 method;
    bo_str_t                 starts;
    ngx_http_bo_customer_t   customer;
    bo_str_t                 payment_id;
} ngx_http_bo_order_body_t;


typedef struct {
    ngx_bo_order_call_t       *order;
    ngx_http_bo_order_body_t   body;
    ngx_http_bo_run_pt         next;
} ngx_http_bo_order_t;


/*
 * Begins an action on the order of the path.  NULL: it was refused and the
 * answer is on its way.
 */
ngx_http_bo_order_t *ngx_http_bo_order_by_id(ngx_http_bo_ctx_t *ctx);

/* Starts an operation of the store; run goes on when it has ended. */
void ngx_http_bo_order_step(ngx_http_bo_ctx_t *ctx,
    void (*start)(ngx_bo_order_call_t *c), ngx_http_bo_run_pt run);

/*
 * Copies a text of the body, which the order may outlive, into its pool.
 * NGX_OK, _ERROR.
 */
ngx_int_t ngx_http_bo_keep(ngx_pool_t *pool, ngx_str_t *text, bo_str_t *s);

extern const bo_json_field_t  ngx_http_bo_customer_fields[];

/*
 * Checks who buys and copies it into a pool.  NGX_OK, or NGX_ERROR when it was
 * refused and the answer is on its way.
 */
ngx_int_t ngx_http_bo_read_customer(ngx_http_bo_ctx_t *ctx, ngx_pool_t *pool,
    ngx_http_bo_customer_t *body, ngx_bo_customer_t *customer);

/* GET /orders/{id}, and what confirm-payment does with the order ctx->id. */
void ngx_http_bo_order_read(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_order_pay(ngx_http_bo_ctx_t *ctx, bo_str_t *payment);

/* optimistic: answers with booking ctx->id, which PostgreSQL has not got. */
void ngx_http_bo_booking(ngx_http_bo_ctx_t *ctx);

/* Answers by the outcome; the second one says what became of the order. */
void ngx_http_bo_order_refused(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_order_ended(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_error_e error);

/* cancel: POST /orders/{id}/cancel. */
void ngx_http_bo_order_cancel(ngx_http_bo_ctx_t *ctx);

/* refunds: GET /orders/{id}/refund-quote and /orders/{id}/refunds. */
void ngx_http_bo_refund_quote(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_order_refunds(ngx_http_bo_ctx_t *ctx);


#endif /* _NGX_HTTP_BO_ORDERS_H_INCLUDED_ */
