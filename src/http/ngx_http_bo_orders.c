
/*
 * /orders: from a hold to a ticket.
 */


#include "ngx_http_bo_orders.h"
#include "ngx_http_bo_tickets.h"
#include "booking/bo_time.h"
#include "store/ngx_bo_room.h"


#define NGX_HTTP_BO_NAME_MAX   200
#define NGX_HTTP_BO_EMAIL_MAX  254
#define NGX_HTTP_BO_PHONE_MAX  32


static void ngx_http_bo_order_create(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_create_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_created(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_moved(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_confirm(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_paid(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_confirmed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_found(ngx_http_bo_ctx_t *ctx);

static ngx_http_bo_order_t *ngx_http_bo_order_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_woken(ngx_bo_call_t *call);
static void ngx_http_bo_order_shown(ngx_bo_call_t *call);
static void ngx_http_bo_order_show(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_order_answer(ngx_http_bo_ctx_t *ctx,
    ngx_uint_t status);


ngx_http_bo_action_t  ngx_http_bo_orders_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_order_create },

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_order_list },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_order_read },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("tickets"),
      NGX_HTTP_BO_USER,
      ngx_http_bo_tickets },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("tickets/"),
      NGX_HTTP_BO_USER,
      ngx_http_bo_ticket_picture },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("confirm-payment"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_order_confirm },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("pay"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_pay },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("cancel"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_order_cancel },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("refund-quote"),
      NGX_HTTP_BO_USER,
      ngx_http_bo_refund_quote },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("refunds"),
      NGX_HTTP_BO_USER,
      ngx_http_bo_order_refunds },

    { 0, 0, ngx_null_string, 0, NULL }
};


const bo_json_field_t  ngx_http_bo_customer_fields[] = {

    { "name", BO_JSON_STRING, offsetof(ngx_http_bo_customer_t, name),
      1, 1, NGX_HTTP_BO_NAME_MAX, 0, NULL },

    { "email", BO_JSON_STRING, offsetof(ngx_http_bo_customer_t, email),
      1, 3, NGX_HTTP_BO_EMAIL_MAX, 0, NULL },

    { "phone", BO_JSON_STRING, offsetof(ngx_http_bo_customer_t, phone),
      0, 3, NGX_HTTP_BO_PHONE_MAX, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_order_create_fields[] = {

    { "holdId", BO_JSON_STRING, offsetof(ngx_http_bo_order_body_t, hold_id),
      1, 1, 64, 0, NULL },

    { "paymentMethod", BO_JSON_STRING,
      offsetof(ngx_http_bo_order_body_t, method),
      1, 1, 16, 0, NULL },

    { "startsAt", BO_JSON_STRING,
      offsetof(ngx_http_bo_order_body_t, starts),
      0, 1, 64, 0, NULL },

    { "customer", BO_JSON_OBJECT,
      offsetof(ngx_http_bo_order_body_t, customer),
      1, 0, 0, 0, ngx_http_bo_customer_fields },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_order_confirm_fields[] = {

    { "paymentId", BO_JSON_STRING,
      offsetof(ngx_http_bo_order_body_t, payment_id),
      1, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* POST /orders */

static void
ngx_http_bo_order_create(ngx_http_bo_ctx_t *ctx)
{
    uint32_t              no;
    ngx_bo_hold_t        *hold;
    ngx_bo_call_t        *call;
    ngx_http_bo_order_t  *o;

    o = ngx_http_bo_order_begin(ctx);
    if (o == NULL) {
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_order_create_fields, &o->body)
        != NGX_OK)
    {
        return;
    }

    hold = &o->order->hold.hold;

    if (bo_uuid_parse(&hold->id, o->body.hold_id.data, o->body.hold_id.len)
        != 0)
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "holdId");
        return;
    }

    if (bo_payment_method_parse(&o->order->method, o->body.method.data,
                                o->body.method.len)
        != 0)
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                "paymentMethod");
        return;
    }

    if (o->body.starts.data
        && bo_time_parse(&o->order->starts, o->body.starts.data,
                         o->body.starts.len)
           != 0)
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "startsAt");
        return;
    }

    if (ngx_http_bo_read_customer(ctx, o->order->hold.pool, &o->body.customer,
                                  &o->order->customer)
        != NGX_OK)
    {
        return;
    }

    if (bo_uuid_show_no(&hold->id, &no) != 0 || no > NGX_MAX_INT32_VALUE) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    call = ngx_bo_order_call(o->order);
    call->done = ngx_http_bo_order_shown;
    ngx_http_bo_wait(ctx, call);

    if (ngx_bo_show_get(ctx->store, NULL, no, call) == NGX_OK) {
        ngx_http_bo_order_create_do(ctx);
    }
}


static void
ngx_http_bo_order_shown(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_order_show);
}


static void
ngx_http_bo_order_show(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    if (ngx_bo_order_call(o->order)->outcome != NGX_BO_OK) {
        ngx_http_bo_order_refused(ctx);
        return;
    }

    ngx_http_bo_order_create_do(ctx);
}


static void
ngx_http_bo_order_create_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_step(ctx, ngx_bo_order_create,
                           ngx_http_bo_order_created);
}


static void
ngx_http_bo_order_created(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_bo_order_t       *order;
    ngx_bo_order_call_t  *c;

    static ngx_str_t  pending = ngx_string("PAYMENT_PENDING");

    c = o->order;
    order = &c->order;

    switch (ngx_bo_order_call(c)->outcome) {

    case NGX_BO_REPLAYED:

        ngx_http_bo_replayed(ctx);

        if (order->ended == 0 && order->confirmed == 0) {

            /* the answer that was lost may not have told the rooms */

            ngx_bo_rooms_ordered(ctx->store, &ctx->user,
                                 &ngx_bo_order_call(c)->show->id);
        }

        /* What was answered then, whatever has become of it. */

        order->status = pending;
        order->confirmed = 0;
        ngx_str_null(&order->ticket);

        ngx_http_bo_order_answer(ctx, NGX_HTTP_CREATED);
        return;

    case NGX_BO_OK:
        ngx_bo_rooms_ordered(ctx->store, &ctx->user,
                             &ngx_bo_order_call(c)->show->id);
        ngx_http_bo_order_answer(ctx, NGX_HTTP_CREATED);
        return;

    case NGX_BO_CONFLICT:
        ngx_http_bo_error_seats(ctx, NGX_HTTP_BO_E_SEAT_SOLD,
                                &ngx_bo_order_call(c)->show->layout,
                                &c->hold.conflicts);
        return;

    case NGX_BO_ORDERED:
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_HOLD_ORDERED);
        return;

    case NGX_BO_MOVED:
        ngx_http_bo_order_moved(ctx);
        return;

    default:
        ngx_http_bo_order_refused(ctx);
    }
}


/* The hold is there still: who agrees to the new time may order again. */

static void
ngx_http_bo_order_moved(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    u_char     *p;
    ngx_str_t   details;

    p = ngx_pnalloc(ctx->request->pool, 64);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_CHANGED, NULL);
        return;
    }

    details.data = p;
    p = ngx_http_bo_put_time(p, "{\"startsAt\":",
                             ngx_bo_order_call(o->order)->show->starts);
    p = ngx_http_bo_put(p, "}");
    details.len = p - details.data;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_CHANGED, &details);
}


/* POST /orders/{id}/confirm-payment */

static void
ngx_http_bo_order_confirm(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t  *o;

    o = ngx_http_bo_order_by_id(ctx);
    if (o == NULL) {
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_order_confirm_fields, &o->body)
        != NGX_OK)
    {
        return;
    }

    ngx_http_bo_order_paid(ctx);
}


void
ngx_http_bo_order_pay(ngx_http_bo_ctx_t *ctx, bo_str_t *payment)
{
    ngx_http_bo_order_t  *o;

    o = ngx_http_bo_order_by_id(ctx);
    if (o == NULL) {
        return;
    }

    o->body.payment_id = *payment;

    ngx_http_bo_order_paid(ctx);
}


static void
ngx_http_bo_order_paid(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    bo_str_t  *payment;

    payment = &o->body.payment_id;

    if (!bo_payment_id_valid(payment->data, payment->len)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                "paymentId");
        return;
    }

    if (ngx_http_bo_keep(o->order->hold.pool, &o->order->payment, payment)
        != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_order_step(ctx, ngx_bo_order_confirm,
                           ngx_http_bo_order_confirmed);
}


static void
ngx_http_bo_order_confirmed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_bo_order_t  *order = &o->order->order;

    static ngx_str_t  confirmed = ngx_string("CONFIRMED");

    switch (ngx_bo_order_call(o->order)->outcome) {

    case NGX_BO_REPLAYED:

        ngx_http_bo_replayed(ctx);

        if (order->confirmed == 0) {
            ngx_bo_order_leave_rooms(ctx->store, order, 1);
            ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_PAYMENT_DECLINED);
            return;
        }

        order->status = confirmed;

        /* fall through */

    case NGX_BO_SAME:
        ngx_bo_order_leave_rooms(ctx->store, order, 1);
        ngx_http_bo_order_answer(ctx, NGX_HTTP_OK);
        return;

    case NGX_BO_OK:
        ngx_bo_order_leave_rooms(ctx->store, order, 0);
        ngx_http_bo_order_answer(ctx, NGX_HTTP_OK);
        return;

    case NGX_BO_DECLINED:
        ngx_bo_order_leave_rooms(ctx->store, order, 0);
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_PAYMENT_DECLINED);
        return;

    case NGX_BO_ENDED:
        ngx_bo_order_leave_rooms(ctx->store, order, 1);
        ngx_http_bo_order_ended(ctx, NGX_HTTP_BO_E_ORDER_ENDED);
        return;

    default:
        ngx_http_bo_order_refused(ctx);
    }
}


/* GET /orders/{id} */

void
ngx_http_bo_order_read(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_order_by_id(ctx) != NULL) {
        ngx_http_bo_order_step(ctx, ngx_bo_order_read,
                               ngx_http_bo_order_found);
    }
}


static void
ngx_http_bo_order_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    switch (ngx_bo_order_call(o->order)->outcome) {

    case NGX_BO_OK:
        ngx_http_bo_order_answer(ctx, NGX_HTTP_OK);
        return;

    case NGX_BO_NOT_FOUND:

        /* A booking may be on its way to PostgreSQL. */

        if (ctx->store->bookings) {
            ngx_bo_call_cancel(ctx->call);
            ctx->call = NULL;
            ngx_http_bo_booking(ctx);
            return;
        }

        /* fall through */

    default:
        ngx_http_bo_order_refused(ctx);
    }
}


static ngx_http_bo_order_t *
ngx_http_bo_order_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t  *o;

    o = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_order_t));
    if (o == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    o->order = ngx_bo_order_call_create(ctx->store);
    if (o->order == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    /* From now on it goes with the request, or, once started, by itself. */

    ctx->call = ngx_bo_order_call(o->order);
    ctx->call->data = ctx;

    o->order->hold.user.len = ctx->user.len;
    o->order->hold.user.data = ngx_pstrdup(o->order->hold.pool, &ctx->user);

    if (o->order->hold.user.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    o->order->hold.idempotency = ctx->idempotency;
    o->order->admin = ctx->admin;
    o->order->done = ngx_http_bo_order_woken;

    ctx->data = o;

    return o;
}


ngx_http_bo_order_t *
ngx_http_bo_order_by_id(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t  *o;

    o = ngx_http_bo_order_begin(ctx);
    if (o == NULL) {
        return NULL;
    }

    o->order->id = ctx->id;

    /* A number beyond int4 is no show's, and would be an error in SQL. */

    if (bo_uuid_show_no(&ctx->id, &o->order->show_no) != 0
        || o->order->show_no > NGX_MAX_INT32_VALUE)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return NULL;
    }

    return o;
}


/* An address has one '@', something on both sides, and no white space. */

ngx_int_t
ngx_http_bo_read_customer(ngx_http_bo_ctx_t *ctx, ngx_pool_t *pool,
    ngx_http_bo_customer_t *body, ngx_bo_customer_t *customer)
{
    size_t     i, at;
    bo_str_t  *email;

    email = &body->email;
    at = 0;

    for (i = 0; i < email->len; i++) {
        if ((u_char) email->data[i] <= ' ' || email->data[i] == 0x7f
            || (email->data[i] == '@' && at))
        {
            at = 0;
            break;
        }

        if (email->data[i] == '@') {
            at = i;
        }
    }

    if (at == 0 || at == email->len - 1) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "email");
        return NGX_ERROR;
    }

    if (ngx_http_bo_keep(pool, &customer->name, &body->name) != NGX_OK
        || ngx_http_bo_keep(pool, &customer->email, &body->email) != NGX_OK
        || ngx_http_bo_keep(pool, &customer->phone, &body->phone) != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_bo_keep(ngx_pool_t *pool, ngx_str_t *text, bo_str_t *s)
{
    if (s->data == NULL) {
        return NGX_OK;    /* an optional field */
    }

    text->len = s->len;
    text->data = ngx_pnalloc(pool, s->len);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, s->data, s->len);

    return NGX_OK;
}


void
ngx_http_bo_order_step(ngx_http_bo_ctx_t *ctx,
    void (*start)(ngx_bo_order_call_t *c), ngx_http_bo_run_pt run)
{
    ngx_http_bo_order_t *o = ctx->data;

    o->next = run;
    ngx_http_bo_wait(ctx, ngx_bo_order_call(o->order));
    start(o->order);
}


static void
ngx_http_bo_order_woken(ngx_bo_call_t *call)
{
    ngx_http_bo_ctx_t    *ctx = call->data;
    ngx_http_bo_order_t  *o = ctx->data;

    ngx_http_bo_resume(ctx, o->next);
}


void
ngx_http_bo_order_refused(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_http_bo_error_outcome(ctx, ngx_bo_order_call(o->order)->outcome);
}


/* A refusal that says what became of the order. */

void
ngx_http_bo_order_ended(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error)
{
    ngx_http_bo_order_t *o = ctx->data;

    u_char     *p;
    ngx_str_t   details;

    p = ngx_pnalloc(ctx->request->pool, 128);
    if (p == NULL) {
        ngx_http_bo_error(ctx, error, NULL);
        return;
    }

    details.data = p;
    details.len = ngx_sprintf(p, "{\"orderId\":\"%V\",\"status\":\"%V\"}",
                              &o->order->order.id, &o->order->order.status)
                  - p;

    ngx_http_bo_error(ctx, error, &details);
}


static void
ngx_http_bo_order_answer(ngx_http_bo_ctx_t *ctx, ngx_uint_t status)
{
    ngx_http_bo_order_t *o = ctx->data;

    ngx_http_bo_send_order(ctx, status, &o->order->order);
}


void
ngx_http_bo_send_order(ngx_http_bo_ctx_t *ctx, ngx_uint_t status,
    ngx_bo_order_t *order)
{
    ngx_str_t  body;

    body.data = ngx_pnalloc(ctx->request->pool, ngx_http_bo_order_len(order));
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.len = ngx_http_bo_put_order(body.data, order) - body.data;

    ngx_http_bo_send(ctx, status, &body);
}


size_t
ngx_http_bo_order_len(ngx_bo_order_t *order)
{
    return 768 + 4 * order->seats.len + order->user.len;
}


u_char *
ngx_http_bo_put_order(u_char *p, ngx_bo_order_t *order)
{
    size_t  i;

    p = ngx_http_bo_put_str(p, "{\"orderId\":", &order->id);
    p = ngx_http_bo_put_str(p, ",\"holdId\":", &order->hold_id);
    p = ngx_http_bo_put_str(p, ",\"showId\":", &order->show_id);
    p = ngx_http_bo_put_str(p, ",\"userId\":", &order->user);
    p = ngx_http_bo_put(p, ",\"seatIds\":[\"");

    for (i = 0; i < order->seats.len; i++) {
        if (order->seats.data[i] == ',') {
            p = ngx_http_bo_put(p, "\",\"");

        } else {
            *p++ = order->seats.data[i];
        }
    }

    p = ngx_http_bo_put_int(p, "\"],\"quantity\":", order->seat_nos.n);
    p = ngx_http_bo_put_int(p, ",\"amount\":", order->amount);
    p = ngx_http_bo_put_str(p, ",\"currency\":", &order->currency);
    p = ngx_http_bo_put_str(p, ",\"status\":", &order->status);
    p = ngx_http_bo_put_str(p, ",\"paymentMethod\":", &order->method);
    p = ngx_http_bo_put_time(p, ",\"createdAt\":", order->created);
    p = ngx_http_bo_put_time(p, ",\"expiresAt\":", order->expires);
    p = ngx_http_bo_put_time(p, ",\"confirmedAt\":", order->confirmed);

    if (order->ticket.len) {
        p = ngx_http_bo_put_str(p, ",\"ticketCode\":", &order->ticket);

    } else {
        p = ngx_http_bo_put(p, ",\"ticketCode\":null");
    }

    return ngx_http_bo_put(p, "}");
}
