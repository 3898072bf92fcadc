
/*
 * Requests in the manner of Stripe: PaymentIntents and Refunds, forms in, JSON
 * out, an Idempotency-Key with every POST.
 */


#include "ngx_bo_gateway.h"


#define NGX_BO_STRIPE_PAGE  "100"


static ngx_int_t ngx_bo_stripe_ask(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_stripe_headers(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request, const char *step, ngx_str_t *id);
static ngx_int_t ngx_bo_stripe_create(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_stripe_refund(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_stripe_list(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static ngx_int_t ngx_bo_stripe_path(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request, const char *before,
    const char *after);


ngx_bo_gateway_type_t  ngx_bo_gateway_stripe = {
    ngx_string("stripe"),
    ngx_bo_stripe_ask,
    bo_stripe_read,
    bo_webhook_stripe,
    "stripe-signature",
    NULL,
    { "pi_", NULL, NULL },
    1
};


static ngx_int_t
ngx_bo_stripe_ask(ngx_bo_gateway_op_t *op, ngx_bo_outbound_request_t *request)
{
    ngx_str_set(&request->method, "POST");
    op->doc = BO_DOC_PAYMENT;

    switch (op->what) {

    case NGX_BO_GATEWAY_CREATE:
        return ngx_bo_stripe_create(op, request);

    case NGX_BO_GATEWAY_REFUND:
        op->doc = BO_DOC_REFUND;
        return ngx_bo_stripe_refund(op, request);

    case NGX_BO_GATEWAY_CAPTURE:
    case NGX_BO_GATEWAY_CANCEL:

        if (ngx_bo_stripe_headers(op, request,
                                  op->what == NGX_BO_GATEWAY_CAPTURE
                                  ? "capture-" : "cancel-", &op->payment)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_bo_stripe_path(op, request, "/v1/payment_intents/",
                                  op->what == NGX_BO_GATEWAY_CAPTURE
                                  ? "/capture" : "/cancel");

    default:
        break;
    }

    ngx_str_set(&request->method, "GET");

    if (ngx_bo_stripe_headers(op, request, NULL, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (op->what) {

    case NGX_BO_GATEWAY_QUERY:
        return ngx_bo_stripe_path(op, request, "/v1/payment_intents/", "");

    case NGX_BO_GATEWAY_REFUNDS:
        op->doc = BO_DOC_REFUNDS;
        return ngx_bo_stripe_path(op, request,
                                  "/v1/refunds?limit=" NGX_BO_STRIPE_PAGE
                                  "&payment_intent=", "");

    default:
        op->doc = BO_DOC_PAYMENTS;
        return ngx_bo_stripe_list(op, request);
    }
}


/* id: what the idempotency key is made of, or NULL for a GET. */

static ngx_int_t
ngx_bo_stripe_headers(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request, const char *step, ngx_str_t *id)
{
    size_t         len;
    ngx_keyval_t  *h;

    h = ngx_palloc(op->pool, 3 * sizeof(ngx_keyval_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    request->headers = h;
    request->nheaders = id ? 3 : 1;

    ngx_str_set(&h[0].key, "Authorization");
    h[0].value = op->gateway->authorization;

    if (id == NULL) {
        return NGX_OK;
    }

    ngx_str_set(&h[1].key, "Content-Type");
    ngx_str_set(&h[1].value, "application/x-www-form-urlencoded");

    len = ngx_strlen(step);

    ngx_str_set(&h[2].key, "Idempotency-Key");
    h[2].value.len = len + id->len;
    h[2].value.data = ngx_pnalloc(op->pool, h[2].value.len);

    if (h[2].value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(h[2].value.data, step, len), id->data, id->len);

    return NGX_OK;
}


static ngx_int_t
ngx_bo_stripe_path(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request, const char *before, const char *after)
{
    u_char  *p;

    p = ngx_pnalloc(op->pool, ngx_strlen(before) + op->payment.len
                              + ngx_strlen(after));
    if (p == NULL) {
        return NGX_ERROR;
    }

    request->path.data = p;
    request->path.len = ngx_sprintf(p, "%s%V%s", before, &op->payment, after)
                        - p;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_stripe_create(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    u_char      *p;
    ngx_str_t    currency;
    const char  *method;

    p = ngx_pnalloc(op->pool, 512 + op->order.len + op->intent.len
                              + op->currency.len + op->site.len);
    currency.len = op->currency.len;
    currency.data = ngx_pnalloc(op->pool, currency.len);

    if (p == NULL || currency.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(currency.data, op->currency.data, currency.len);

    /* a wallet is whatever the account has switched on */

    method = op->method.len == 3 ? "payment_method_types%5B%5D=upi"
             : op->method.len == 4 ? "payment_method_types%5B%5D=card"
             : "automatic_payment_methods%5Benabled%5D=true";

    request->body.data = p;
    request->body.len = ngx_sprintf(p, "amount=%L&currency=%V&%s"
                                    "&capture_method=%s"
                                    "&metadata%%5Border_id%%5D=%V"
                                    "&metadata%%5Bintent_id%%5D=%V"
                                    "&metadata%%5Bsite%%5D=%V",
                                    op->amount, &currency, method,
                                    op->gateway->manual ? "manual"
                                                        : "automatic",
                                    &op->order, &op->intent, &op->site)
                        - p;

    ngx_str_set(&request->path, "/v1/payment_intents");

    return ngx_bo_stripe_headers(op, request, "", &op->intent);
}


static ngx_int_t
ngx_bo_stripe_refund(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    u_char  *p;

    p = ngx_pnalloc(op->pool, 128 + op->payment.len + op->refund.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    request->body.data = p;
    request->body.len = ngx_sprintf(p, "payment_intent=%V&amount=%L"
                                    "&metadata%%5Brefund_id%%5D=%V",
                                    &op->payment, op->amount, &op->refund)
                        - p;

    ngx_str_set(&request->path, "/v1/refunds");

    return ngx_bo_stripe_headers(op, request, "", &op->key);
}


static ngx_int_t
ngx_bo_stripe_list(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    u_char  *p;

    p = ngx_pnalloc(op->pool, 256 + NGX_INT_T_LEN + 2 * NGX_TIME_T_LEN
                              + op->after.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    request->path.data = p;

    p = ngx_sprintf(p, "/v1/payment_intents?limit=%ui"
                    "&created%%5Bgte%%5D=%T&created%%5Blte%%5D=%T"
                    "&expand%%5B%%5D=data.latest_charge",
                    op->limit, op->since, op->until);

    if (op->after.len) {
        p = ngx_sprintf(p, "&starting_after=%V", &op->after);
    }

    request->path.len = p - request->path.data;

    return NGX_OK;
}
