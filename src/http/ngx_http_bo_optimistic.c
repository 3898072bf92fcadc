
/*
 * The optimistic mode: /get-availability, /create-booking, /complete-booking
 * and /bookings/{id}.  A booking is answered when Redis has it and the message
 * that will have it written; what becomes of it is seen later.
 */


#include "ngx_http_bo_holds.h"
#include "ngx_http_bo_orders.h"
#include "store/ngx_bo_room.h"


typedef struct {
    bo_str_t                 show_id;
} ngx_http_bo_which_body_t;


typedef struct {
    bo_str_t                 show_id;
    bo_strs_t                seat_ids;
    bo_str_t                 method;
    ngx_http_bo_customer_t   customer;
    bo_str_t                 booking_id;
    bo_str_t                 payment_id;
} ngx_http_bo_booking_body_t;


/* It begins with a hold, whose steps it takes. */

typedef struct {
    ngx_http_bo_hold_t           hold;
    ngx_bo_booking_t             booking;
    ngx_http_bo_booking_body_t   body;
} ngx_http_bo_booking_t;


static void ngx_http_bo_which_by_query(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_which_by_body(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_which(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_create(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_create_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_create_now(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_created(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_complete(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_complete_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_completed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_read_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_found(ngx_http_bo_ctx_t *ctx);

static ngx_http_bo_booking_t *ngx_http_bo_booking_begin(
    ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_booking_answer(ngx_http_bo_ctx_t *ctx,
    ngx_uint_t status);


ngx_http_bo_action_t  ngx_http_bo_availability_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      0,
      ngx_http_bo_which_by_query },

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_BODY,
      ngx_http_bo_which_by_body },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_action_t  ngx_http_bo_booking_create_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_booking_create },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_action_t  ngx_http_bo_booking_complete_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_booking_complete },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_action_t  ngx_http_bo_bookings_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_order_read },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_which_fields[] = {

    { "showId", BO_JSON_STRING, offsetof(ngx_http_bo_which_body_t, show_id),
      1, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_booking_create_fields[] = {

    { "showId", BO_JSON_STRING, offsetof(ngx_http_bo_booking_body_t, show_id),
      1, 1, 64, 0, NULL },

    { "seatIds", BO_JSON_STRINGS,
      offsetof(ngx_http_bo_booking_body_t, seat_ids),
      1, 1, BO_JSON_MAX_ITEMS, BO_LABEL_MAX, NULL },

    { "paymentMethod", BO_JSON_STRING,
      offsetof(ngx_http_bo_booking_body_t, method),
      1, 1, 16, 0, NULL },

    { "customer", BO_JSON_OBJECT,
      offsetof(ngx_http_bo_booking_body_t, customer),
      1, 0, 0, 0, ngx_http_bo_customer_fields },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_booking_complete_fields[] = {

    { "bookingId", BO_JSON_STRING,
      offsetof(ngx_http_bo_booking_body_t, booking_id),
      1, 1, 64, 0, NULL },

    { "paymentId", BO_JSON_STRING,
      offsetof(ngx_http_bo_booking_body_t, payment_id),
      1, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* GET /get-availability?showId={id} */

static void
ngx_http_bo_which_by_query(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  value;

    if (ngx_http_bo_arg(ctx, "showId", &value) != NGX_OK
        || bo_uuid_parse(&ctx->id, (char *) value.data, value.len) != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        return;
    }

    ngx_http_bo_which(ctx);
}


/* POST /get-availability {"showId": ...} */

static void
ngx_http_bo_which_by_body(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_which_body_t  body;

    ngx_memzero(&body, sizeof(ngx_http_bo_which_body_t));

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_which_fields, &body)
        != NGX_OK)
    {
        return;
    }

    if (bo_uuid_parse(&ctx->id, body.show_id.data, body.show_id.len) != 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "showId");
        return;
    }

    ngx_http_bo_which(ctx);
}


/* From the map in memory: all of it, or the compact form. */

static void
ngx_http_bo_which(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  value;

    if (ngx_http_bo_arg(ctx, "form", &value) != NGX_OK) {
        ngx_http_bo_seatmap(ctx);
        return;
    }

    if (value.len != sizeof("compact") - 1
        || ngx_strncmp(value.data, "compact", value.len) != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        return;
    }

    ngx_http_bo_availability(ctx);
}


/* POST /create-booking */

static void
ngx_http_bo_booking_create(ngx_http_bo_ctx_t *ctx)
{
    bo_uuid_t               show;
    ngx_http_bo_booking_t  *b;

    b = ngx_http_bo_booking_begin(ctx);
    if (b == NULL) {
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_booking_create_fields, &b->body)
        != NGX_OK)
    {
        return;
    }

    if (bo_uuid_parse(&show, b->body.show_id.data, b->body.show_id.len) != 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "showId");
        return;
    }

    if (bo_payment_method_parse(&b->booking.method, b->body.method.data,
                                b->body.method.len)
        != 0)
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                "paymentMethod");
        return;
    }

    if (ngx_http_bo_read_customer(ctx, ctx->request->pool, &b->body.customer,
                                  &b->booking.customer)
        != NGX_OK)
    {
        return;
    }

    b->hold.body.seat_ids = b->body.seat_ids;
    b->hold.recall = ngx_bo_booking_recall;
    b->hold.recalled = ngx_http_bo_booking_created;

    ngx_http_bo_hold_with_show(ctx, &show, ngx_http_bo_booking_create_do);
}


static void
ngx_http_bo_booking_create_do(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_hold_open(ctx) && ngx_http_bo_hold_seats(ctx) == NGX_OK) {
        ngx_http_bo_hold_rule(ctx, ngx_http_bo_booking_create_now);
    }
}


static void
ngx_http_bo_booking_create_now(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_booking_create,
                          ngx_http_bo_booking_created);
}


static void
ngx_http_bo_booking_created(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_booking_t *b = ctx->data;

    ngx_bo_call_t  *call = &b->hold.hold.script.call;

    switch (call->outcome) {

    case NGX_BO_REPLAYED:
        ngx_http_bo_replayed(ctx);

        /* fall through */

    case NGX_BO_OK:
        ngx_bo_rooms_ordered(ctx->store, &ctx->user, &call->show->id);
        ngx_http_bo_booking_answer(ctx, NGX_HTTP_ACCEPTED);
        return;

    default:
        ngx_http_bo_hold_refused(ctx);
    }
}


/* POST /complete-booking */

static void
ngx_http_bo_booking_complete(ngx_http_bo_ctx_t *ctx)
{
    bo_str_t               *payment;
    ngx_http_bo_booking_t  *b;

    b = ngx_http_bo_booking_begin(ctx);
    if (b == NULL) {
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_booking_complete_fields,
                              &b->body)
        != NGX_OK)
    {
        return;
    }

    if (bo_uuid_parse(&ctx->id, b->body.booking_id.data,
                      b->body.booking_id.len)
        != 0)
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                "bookingId");
        return;
    }

    payment = &b->body.payment_id;

    if (!bo_payment_id_valid(payment->data, payment->len)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                "paymentId");
        return;
    }

    b->booking.payment.data = (u_char *) payment->data;
    b->booking.payment.len = payment->len;

    b->hold.hold.hold.id = ctx->id;

    ngx_http_bo_hold_with_show(ctx, NULL, ngx_http_bo_booking_complete_do);
}


static void
ngx_http_bo_booking_complete_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_booking_pay,
                          ngx_http_bo_booking_completed);
}


static void
ngx_http_bo_booking_completed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_booking_t *b = ctx->data;

    bo_str_t  payment;

    switch (b->hold.hold.script.call.outcome) {

    case NGX_BO_REPLAYED:
        ngx_http_bo_replayed(ctx);

        /* fall through */

    case NGX_BO_OK:
    case NGX_BO_SAME:
        ngx_http_bo_booking_answer(ctx, NGX_HTTP_ACCEPTED);
        return;

    case NGX_BO_NOT_FOUND:

        /*
         * It has come to an end, or Redis has forgotten it: PostgreSQL knows,
         * and gives back what was paid for what is over.
         */

        payment = b->body.payment_id;

        ngx_bo_call_cancel(ctx->call);
        ctx->call = NULL;

        ngx_http_bo_order_pay(ctx, &payment);
        return;

    default:
        ngx_http_bo_error_outcome(ctx, b->hold.hold.script.call.outcome);
    }
}


/* GET /bookings/{id}, or /orders/{id}, of what PostgreSQL has not got */

void
ngx_http_bo_booking(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_booking_t  *b;

    b = ngx_http_bo_booking_begin(ctx);
    if (b == NULL) {
        return;
    }

    b->hold.hold.hold.id = ctx->id;

    ngx_http_bo_hold_with_show(ctx, NULL, ngx_http_bo_booking_read_do);
}


static void
ngx_http_bo_booking_read_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_booking_read,
                          ngx_http_bo_booking_found);
}


static void
ngx_http_bo_booking_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_booking_t *b = ctx->data;

    if (b->hold.hold.script.call.outcome == NGX_BO_OK) {
        ngx_http_bo_booking_answer(ctx, NGX_HTTP_OK);
        return;
    }

    ngx_http_bo_error_outcome(ctx, b->hold.hold.script.call.outcome);
}


static ngx_http_bo_booking_t *
ngx_http_bo_booking_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_booking_t  *b;

    b = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_booking_t));
    if (b == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    b->hold.hold.pool = ctx->request->pool;
    b->hold.hold.script.call.data = ctx;
    b->hold.hold.user = ctx->user;
    b->hold.hold.idempotency = ctx->idempotency;
    b->hold.hold.booking = &b->booking;

    ctx->data = b;

    return b;
}


/* As an order is answered, so that clients need one form. */

static void
ngx_http_bo_booking_answer(ngx_http_bo_ctx_t *ctx, ngx_uint_t status)
{
    ngx_http_bo_booking_t *b = ctx->data;

    u_char            *p;
    ngx_str_t          body;
    ngx_bo_hold_t     *hold;
    ngx_bo_show_t     *show;
    ngx_bo_booking_t  *booking;

    hold = &b->hold.hold.hold;
    show = b->hold.hold.script.call.show;
    booking = &b->booking;

    p = ngx_pnalloc(ctx->request->pool,
                    768 + ctx->user.len + booking->status.len
                    + booking->reason.len + booking->currency.len
                    + booking->method_name.len
                    + NGX_HTTP_BO_SEATS_LEN(hold->seats.n));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;

    p = ngx_http_bo_put_uuid(p, "{\"bookingId\":", &hold->id);
    p = ngx_http_bo_put_uuid(p, ",\"orderId\":", &hold->id);
    p = ngx_http_bo_put_uuid(p, ",\"showId\":", &show->id);
    p = ngx_http_bo_put_str(p, ",\"userId\":", &ctx->user);
    p = ngx_http_bo_put_seats(p, ",\"seatIds\":", &show->layout,
                              &hold->seats);
    p = ngx_http_bo_put_int(p, ",\"quantity\":", hold->seats.n);
    p = ngx_http_bo_put_int(p, ",\"amount\":", booking->amount);
    p = ngx_http_bo_put_str(p, ",\"currency\":", &booking->currency);
    p = ngx_http_bo_put_str(p, ",\"status\":", &booking->status);

    if (booking->reason.len) {
        p = ngx_http_bo_put_str(p, ",\"reason\":", &booking->reason);
    }

    p = ngx_http_bo_put_str(p, ",\"paymentMethod\":", &booking->method_name);
    p = ngx_http_bo_put_time(p, ",\"createdAt\":", hold->created);
    p = ngx_http_bo_put_time(p, ",\"expiresAt\":", hold->expires);
    p = ngx_http_bo_put(p, ",\"confirmedAt\":null,\"ticketCode\":null}");

    body.len = p - body.data;

    ngx_http_bo_send(ctx, status, &body);
}
