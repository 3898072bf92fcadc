
/*
 * POST /orders/{id}/pay: has the gateway make a payment, and gives the client
 * what it needs to pay it; or confirms the order, when it costs nothing.
 */


#include "ngx_http_bo_orders.h"
#include "store/ngx_bo_qr.h"


typedef struct {
    ngx_bo_pay_call_t       *pay;
} ngx_http_bo_pay_t;


static void ngx_http_bo_pay_woken(ngx_bo_call_t *call);
static void ngx_http_bo_pay_begun(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_pay_answer(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_pay_confirmed(ngx_http_bo_ctx_t *ctx,
    ngx_bo_order_t *order);
static ngx_int_t ngx_http_bo_pay_upi(ngx_pool_t *pool, ngx_bo_pay_call_t *pay,
    ngx_str_t *link, ngx_str_t *svg);
static void ngx_http_bo_pay_ended(ngx_http_bo_ctx_t *ctx);


static const bo_json_field_t  ngx_http_bo_pay_fields[] = {

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


void
ngx_http_bo_pay(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_pay_t  *p;
    ngx_bo_pay_call_t  *pay;

    p = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_pay_t));
    pay = ngx_bo_pay_call_create(ctx->store);

    if (p == NULL || pay == NULL) {
        if (pay) {
            ngx_bo_call_cancel(&pay->call);
        }

        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    /* From now on it goes with the request, or, once started, by itself. */

    p->pay = pay;
    ctx->data = p;
    ctx->call = &pay->call;

    pay->call.data = ctx;
    pay->done = ngx_http_bo_pay_woken;
    pay->order = ctx->id;
    pay->idempotency = ctx->idempotency;
    pay->user.len = ctx->user.len;
    pay->user.data = ngx_pstrdup(pay->pool, &ctx->user);

    if (pay->user.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    /* A number beyond int4 is no show's, and would be an error in SQL. */

    if (bo_uuid_show_no(&ctx->id, &pay->show_no) != 0
        || pay->show_no > NGX_MAX_INT32_VALUE)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_pay_fields, NULL) != NGX_OK) {
        return;
    }

    ngx_http_bo_wait(ctx, &pay->call);
    ngx_bo_pay_begin(pay);
}


static void
ngx_http_bo_pay_woken(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_pay_begun);
}


static void
ngx_http_bo_pay_begun(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_pay_t  *data = ctx->data;

    switch (ctx->call->outcome) {

    case NGX_BO_OK:

        if (data->pay->free.id.len) {
            ngx_http_bo_pay_confirmed(ctx, &data->pay->free);
            return;
        }

        ngx_http_bo_pay_answer(ctx);
        return;

    case NGX_BO_ENDED:
    case NGX_BO_SAME:
        ngx_http_bo_pay_ended(ctx);
        return;

    default:
        ngx_http_bo_error_outcome(ctx, ctx->call->outcome);
    }
}


static void
ngx_http_bo_pay_answer(ngx_http_bo_ctx_t *ctx)
{
    u_char             *p;
    ngx_str_t           body, link, svg;
    ngx_http_bo_pay_t  *data = ctx->data;
    ngx_bo_pay_call_t  *pay = data->pay;
    ngx_bo_gateway_t   *gateway = pay->gateway;

    if (ngx_http_bo_pay_upi(ctx->request->pool, pay, &link, &svg) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    p = ngx_pnalloc(ctx->request->pool,
                    1024 + gateway->name.len + 6 * pay->secret.len
                    + 3 * pay->reference.len + gateway->publishable.len
                    + link.len + 2 * svg.len);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;

    p = ngx_http_bo_put_uuid(p, "{\"orderId\":", &pay->order);
    p = ngx_http_bo_put_str(p, ",\"intentId\":", &pay->intent);
    p = ngx_http_bo_put_str(p, ",\"gateway\":", &gateway->name);
    p = ngx_http_bo_put_str(p, ",\"paymentId\":", &pay->reference);
    p = ngx_http_bo_put_int(p, ",\"amount\":", pay->amount);
    p = ngx_http_bo_put_str(p, ",\"currency\":", &pay->currency);
    p = ngx_http_bo_put_str(p, ",\"method\":", &pay->method);
    p = ngx_http_bo_put_time(p, ",\"expiresAt\":", pay->expires);

    if (pay->secret.len) {
        p = ngx_http_bo_put(p, ",\"clientSecret\":\"");
        p = (u_char *) ngx_escape_json(p, pay->secret.data, pay->secret.len);
        *p++ = '"';
    }

    if (gateway->publishable.len) {
        p = ngx_http_bo_put_str(p, ",\"publishableKey\":",
                                &gateway->publishable);
    }

    if (link.len) {
        p = ngx_http_bo_put_str(p, ",\"upiIntent\":", &link);
        p = ngx_http_bo_put(p, ",\"upiQr\":\"");
        p = (u_char *) ngx_escape_json(p, svg.data, svg.len);
        *p++ = '"';
    }

    p = ngx_http_bo_put(p, "}");
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/*
 * The link of a UPI app, which is what its QR code says: who is paid, how much
 * (in rupees), and under what name; and the code as a picture, in which only
 * quotes and the end of the line are to be escaped.  The rail knows one
 * currency: for others, and for other methods, both are empty.
 */

static ngx_int_t
ngx_http_bo_pay_upi(ngx_pool_t *pool, ngx_bo_pay_call_t *pay, ngx_str_t *link,
    ngx_str_t *svg)
{
    ngx_str_null(link);
    ngx_str_null(svg);

    if (pay->gateway->payee.len == 0 || pay->method.len != 3
        || ngx_strncmp(pay->currency.data, "INR", 3) != 0)
    {
        return NGX_OK;
    }

    link->data = ngx_pnalloc(pool, 128 + pay->gateway->payee.len
                                   + pay->reference.len);
    if (link->data == NULL) {
        return NGX_ERROR;
    }

    link->len = ngx_sprintf(link->data, "upi://pay?pa=%V&pn=Boxoffice"
                            "&tr=%V&am=%L.%02L&cu=INR",
                            &pay->gateway->payee, &pay->reference,
                            pay->amount / 100, pay->amount % 100)
                - link->data;

    return ngx_bo_qr_svg(pool, link, svg);
}


/* It cost nothing: the answer is that of confirm-payment. */

static void
ngx_http_bo_pay_confirmed(ngx_http_bo_ctx_t *ctx, ngx_bo_order_t *order)
{
    ngx_bo_order_leave_rooms(ctx->store, order, 0);
    ngx_http_bo_send_order(ctx, NGX_HTTP_OK, order);
}


/* Nothing is to be paid: what became of the order says why. */

static void
ngx_http_bo_pay_ended(ngx_http_bo_ctx_t *ctx)
{
    u_char             *p;
    ngx_str_t           details;
    ngx_http_bo_pay_t  *data = ctx->data;
    ngx_bo_pay_call_t  *pay = data->pay;

    p = ngx_pnalloc(ctx->request->pool, 128 + pay->status.len);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    details.data = p;
    p = ngx_http_bo_put_uuid(p, "{\"orderId\":", &pay->order);
    p = ngx_http_bo_put_str(p, ",\"status\":", &pay->status);
    p = ngx_http_bo_put(p, "}");
    details.len = p - details.data;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_ORDER_ENDED, &details);
}
