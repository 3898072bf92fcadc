
/*
 * Requests in the manner of Razorpay: an order there, which the customer pays
 * by payments; JSON both ways.  A second request for the same order would make
 * a second one, so it is looked for first, by its receipt.
 */


#include "ngx_bo_gateway.h"


#define NGX_BO_RAZORPAY_PAGE  "100"


static ngx_int_t ngx_bo_razorpay_ask(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_razorpay_headers(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_razorpay_post(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_razorpay_get(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);


ngx_bo_gateway_type_t  ngx_bo_gateway_razorpay = {
    ngx_string("razorpay"),
    ngx_bo_razorpay_ask,
    bo_razorpay_read,
    bo_webhook_hex,
    "x-razorpay-signature",
    "x-razorpay-event-id",
    { "pay_", "order_", NULL },
    0
};


static ngx_uint_t
ngx_bo_razorpay_is_order(ngx_str_t *id)
{
    return id->len > 6 && ngx_strncmp(id->data, "order_", 6) == 0;
}


static ngx_int_t
ngx_bo_razorpay_ask(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    if (ngx_bo_razorpay_headers(op, request) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (op->what) {

    case NGX_BO_GATEWAY_CANCEL:

        /* an order stays open there */

        return NGX_DECLINED;

    case NGX_BO_GATEWAY_CREATE:

        if (op->again) {
            op->looked = 1;
            return ngx_bo_razorpay_get(op, request);
        }

        return ngx_bo_razorpay_post(op, request);

    case NGX_BO_GATEWAY_CAPTURE:
    case NGX_BO_GATEWAY_REFUND:
        return ngx_bo_razorpay_post(op, request);

    default:
        return ngx_bo_razorpay_get(op, request);
    }
}


static ngx_int_t
ngx_bo_razorpay_headers(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    ngx_keyval_t  *h;

    h = ngx_palloc(op->pool, 3 * sizeof(ngx_keyval_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    request->headers = h;
    request->nheaders = 2;

    ngx_str_set(&h[0].key, "Authorization");
    h[0].value = op->gateway->authorization;

    ngx_str_set(&h[1].key, "Content-Type");
    ngx_str_set(&h[1].value, "application/json");

    if (op->what == NGX_BO_GATEWAY_REFUND) {
        ngx_str_set(&h[2].key, "X-Refund-Idempotency");
        h[2].value = op->key;
        request->nheaders = 3;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_razorpay_post(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    u_char  *p, *path;

    p = ngx_pnalloc(op->pool, 256 + 2 * op->intent.len + op->order.len
                              + op->refund.len + op->key.len
                              + op->currency.len
                              + op->site.len);
    path = ngx_pnalloc(op->pool, 64 + op->payment.len);

    if (p == NULL || path == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&request->method, "POST");
    request->body.data = p;
    op->doc = BO_DOC_PAYMENT;

    switch (op->what) {

    case NGX_BO_GATEWAY_CREATE:
        p = ngx_sprintf(p, "{\"amount\":%L,\"currency\":\"%V\","
                        "\"receipt\":\"%V\",\"notes\":{\"order_id\":\"%V\","
                        "\"intent_id\":\"%V\",\"site\":\"%V\"}}",
                        op->amount, &op->currency, &op->intent, &op->order,
                        &op->intent, &op->site);
        ngx_str_set(&request->path, "/v1/orders");
        break;

    case NGX_BO_GATEWAY_CAPTURE:
        p = ngx_sprintf(p, "{\"amount\":%L,\"currency\":\"%V\"}", op->amount,
                        &op->currency);
        request->path.data = path;
        request->path.len = ngx_sprintf(path, "/v1/payments/%V/capture",
                                        &op->payment)
                            - path;
        break;

    default:
        op->doc = BO_DOC_REFUND;
        p = ngx_sprintf(p, "{\"amount\":%L,\"receipt\":\"%V\","
                        "\"notes\":{\"refund_id\":\"%V\"}}",
                        op->amount, &op->key, &op->refund);
        request->path.data = path;
        request->path.len = ngx_sprintf(path, "/v1/payments/%V/refund",
                                        &op->payment)
                            - path;
    }

    request->body.len = p - request->body.data;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_razorpay_get(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    u_char  *p;

    p = ngx_pnalloc(op->pool, 128 + op->payment.len + op->intent.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&request->method, "GET");
    request->path.data = p;

    switch (op->what) {

    case NGX_BO_GATEWAY_CREATE:
        op->doc = BO_DOC_ORDERS;
        p = ngx_sprintf(p, "/v1/orders?count=1&receipt=%V", &op->intent);
        break;

    case NGX_BO_GATEWAY_REFUNDS:
        op->doc = BO_DOC_REFUNDS;
        p = ngx_sprintf(p, "/v1/payments/%V/refunds?count="
                        NGX_BO_RAZORPAY_PAGE, &op->payment);
        break;

    case NGX_BO_GATEWAY_LIST:
        op->doc = BO_DOC_PAYMENTS;
        p = ngx_sprintf(p, "/v1/payments?count=%ui&from=%T&to=%T&skip=%ui",
                        op->limit, op->since, op->until, op->seen);
        break;

    default:

        /* of an order, all attempts to pay it */

        if (ngx_bo_razorpay_is_order(&op->payment)) {
            op->doc = BO_DOC_PAYMENTS;
            p = ngx_sprintf(p, "/v1/orders/%V/payments", &op->payment);

        } else {
            op->doc = BO_DOC_PAYMENT;
            p = ngx_sprintf(p, "/v1/payments/%V", &op->payment);
        }
    }

    request->path.len = p - request->path.data;

    return NGX_OK;
}
