
/*
 * POST /orders/{id}/cancel: giving seats back, some or all.
 */


#include "ngx_http_bo_orders.h"


#define NGX_HTTP_BO_CANCEL_SEATS  64        /* an order has no more */


typedef struct {
    bo_strs_t                seats;
    bo_str_t                 refund;
} ngx_http_bo_cancel_body_t;


static ngx_int_t ngx_http_bo_cancel_terms(ngx_http_bo_ctx_t *ctx,
    bo_str_t *refund);
static ngx_int_t ngx_http_bo_cancel_seats(ngx_http_bo_ctx_t *ctx,
    bo_strs_t *seats);
static void ngx_http_bo_order_cancelled(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_cancel_answer(ngx_http_bo_ctx_t *ctx);


static const bo_json_field_t  ngx_http_bo_cancel_fields[] = {

    { "seatIds", BO_JSON_STRINGS, offsetof(ngx_http_bo_cancel_body_t, seats),
      0, 1, NGX_HTTP_BO_CANCEL_SEATS, BO_LABEL_MAX, NULL },

    { "refund", BO_JSON_STRING, offsetof(ngx_http_bo_cancel_body_t, refund),
      0, 1, 16, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static ngx_str_t  ngx_http_bo_terms[] = {
    ngx_string("POLICY"),
    ngx_string("FULL"),
    ngx_string("NONE"),
    ngx_null_string
};


void
ngx_http_bo_order_cancel(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_cancel_body_t  body;

    if (ngx_http_bo_order_by_id(ctx) == NULL) {
        return;
    }

    ngx_memzero(&body, sizeof(ngx_http_bo_cancel_body_t));

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_cancel_fields, &body) == NGX_OK
        && ngx_http_bo_cancel_terms(ctx, &body.refund) == NGX_OK
        && ngx_http_bo_cancel_seats(ctx, &body.seats) == NGX_OK)
    {
        ngx_http_bo_order_step(ctx, ngx_bo_order_cancel,
                               ngx_http_bo_order_cancelled);
    }
}


/*
 * By the terms in force; an administrator gives everything back unless he says
 * otherwise, and only he may say.
 */

static ngx_int_t
ngx_http_bo_cancel_terms(ngx_http_bo_ctx_t *ctx, bo_str_t *refund)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_str_t  *terms;

    if (refund->data == NULL) {
        o->order->terms = ngx_http_bo_terms[ctx->admin ? 1 : 0];
        return NGX_OK;
    }

    for (terms = ngx_http_bo_terms; terms->len; terms++) {
        if (terms->len == refund->len
            && ngx_memcmp(terms->data, refund->data, terms->len) == 0)
        {
            break;
        }
    }

    if (terms->len == 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "refund");
        return NGX_ERROR;
    }

    if (terms != ngx_http_bo_terms && !ctx->admin) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
        return NGX_ERROR;
    }

    o->order->terms = *terms;

    return NGX_OK;
}


/*
 * "A1,A2".  A name with a comma would be two; it is no seat's, and the order
 * has none of that name.
 */

static ngx_int_t
ngx_http_bo_cancel_seats(ngx_http_bo_ctx_t *ctx, bo_strs_t *seats)
{
    ngx_http_bo_order_t *o = ctx->data;

    u_char          *p;
    size_t           i, k;
    const bo_str_t  *s;

    if (seats->n == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(o->order->hold.pool, seats->n * (BO_LABEL_MAX + 1));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    o->order->seats.data = p;

    for (i = 0; i < seats->n; i++) {
        s = &seats->items[i];

        for (k = 0; k < i; k++) {
            if (seats->items[k].len == s->len
                && ngx_memcmp(seats->items[k].data, s->data, s->len) == 0)
            {
                ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                        "seatIds");
                return NGX_ERROR;
            }
        }

        if (memchr(s->data, ',', s->len)) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_SEATS, NULL);
            return NGX_ERROR;
        }

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, s->data, s->len);
    }

    o->order->seats.len = p - o->order->seats.data;

    return NGX_OK;
}


static void
ngx_http_bo_order_cancelled(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_order_call(o->order)->outcome;

    switch (outcome) {

    case NGX_BO_REPLAYED:
        ngx_http_bo_replayed(ctx);

        /* fall through */

    case NGX_BO_OK:
    case NGX_BO_SAME:

        /* who had paid was out of the room since then */

        if (o->order->order.confirmed == 0) {
            ngx_bo_order_leave_rooms(ctx->store, &o->order->order,
                                     outcome != NGX_BO_OK);
        }

        ngx_http_bo_cancel_answer(ctx);
        return;

    case NGX_BO_ENDED:
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_ORDER_ENDED);
        return;

    case NGX_BO_OVER:
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_CANCEL_OVER);
        return;

    case NGX_BO_NOT_SEATS:
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_NOT_SEATS);
        return;

    case NGX_BO_UNPAID:
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_UNPAID);
        return;

    default:
        ngx_http_bo_order_refused(ctx);
    }
}


/* The order, and what goes back. */

static void
ngx_http_bo_cancel_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    u_char     *p;
    ngx_str_t   body, *refund = &o->order->refund;

    p = ngx_pnalloc(ctx->request->pool,
                    ngx_http_bo_order_len(&o->order->order) + refund->len
                    + sizeof(",\"refund\":null"));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;

    /* without its last brace */

    p = ngx_http_bo_put_order(p, &o->order->order) - 1;
    p = ngx_http_bo_put(p, ",\"refund\":");

    if (refund->len) {
        p = ngx_cpymem(p, refund->data, refund->len);

    } else {
        p = ngx_http_bo_put(p, "null");
    }

    *p++ = '}';
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}
