
/*
 * Refusals: every code that a client may see, in one table.
 */


#include "ngx_http_bo.h"


typedef struct {
    ngx_uint_t               status;
    const char              *code;
    const char              *message;
    unsigned                 retry:1;       /* worth another try, later */
} ngx_http_bo_error_t;


/* In the order of ngx_http_bo_error_e. */

static ngx_http_bo_error_t  ngx_http_bo_errors[] = {

    { 400, "bad_request", "The request is malformed.", 0 },
    { 400, "invalid_json", "The body is not a JSON object.", 0 },
    { 400, "unknown_field", "The body has a field that is not known.", 0 },
    { 400, "duplicate_field", "The body has a field twice.", 0 },
    { 400, "missing_field", "A field is missing.", 0 },
    { 400, "invalid_field", "A field has a value that it cannot have.", 0 },
    { 400, "invalid_query", "The query has a value that it cannot have.", 0 },
    { 400, "idempotency_key_missing", "Idempotency-Key is missing.", 0 },
    { 400, "idempotency_key_invalid",
      "Idempotency-Key is one text of 1 to 255 printable characters.", 0 },
    { 401, "unauthorized", "Who are you?", 0 },
    { 402, "payment_declined", "The payment was declined.", 0 },
    { 403, "forbidden", "Your role does not allow this.", 0 },
    { 404, "not_found", "There is no such thing.", 0 },
    { 404, "show_not_found", "There is no such show.", 0 },
    { 404, "seat_not_found", "The show has no such seat.", 0 },
    { 404, "screen_not_found", "There is no such screen.", 0 },
    { 404, "theatre_not_found", "There is no such theatre.", 0 },
    { 404, "movie_not_found", "There is no such movie.", 0 },
    { 404, "layout_not_found", "There is no such layout.", 0 },
    { 405, "method_not_allowed", "This cannot be done here.", 0 },
    { 408, "timeout", "The body took too long.", 0 },
    { 409, "seat_held", "Somebody else holds a seat.", 0 },
    { 409, "seat_sold", "A seat is sold.", 0 },
    { 409, "seat_unavailable", "A seat is not for sale.", 0 },
    { 409, "seat_stranded", "A single seat would be left alone.", 0 },
    { 409, "seats_not_together",
      "There are not so many seats together any more.", 0 },
    { 409, "seat_limit", "You have as many seats as one may have.", 0 },
    { 409, "hold_expired", "The hold has ended.", 0 },
    { 409, "hold_lost", "The hold was lost; please choose again.", 0 },
    { 409, "hold_ordered", "The hold belongs to an order.", 0 },
    { 409, "show_changed",
      "The show begins at another time than you know of.", 0 },
    { 409, "order_ended", "The order has ended.", 0 },
    { 409, "cancellation_over",
      "By the terms of the house this cannot be cancelled any more.", 0 },
    { 409, "seats_not_in_order", "The order has not all of these seats.", 0 },
    { 409, "order_unpaid",
      "Seats are given back one by one only when they are paid.", 0 },
    { 409, "request_in_progress", "The same request is being worked on.", 1 },
    { 409, "show_clash", "The screen has another show at that time.", 0 },
    { 409, "payment_used", "The payment belongs to another order.", 0 },
    { 409, "payment_pending", "The payment is not complete yet.", 1 },
    { 409, "payment_mismatch",
      "The payment is not what the order asked for; we will look at it.", 0 },
    { 400, "signature_malformed", "The signature cannot be read.", 0 },
    { 401, "signature_invalid", "The signature is not good.", 0 },
    { 409, "order_not_confirmed", "There are no tickets of this order.", 0 },
    { 409, "in_use", "It is in use, and cannot be changed so.", 0 },
    { 409, "name_taken", "Another one has this name.", 0 },
    { 409, "decision_refused", "The case cannot be decided so.", 0 },
    { 409, "sale_begun", "Somebody has an order at these prices.", 0 },
    { 410, "sale_closed", "The show is not on sale any more.", 0 },
    { 412, "precondition_failed",
      "It was changed since you read it; please read it again.", 0 },
    { 413, "body_too_large", "The body is too large.", 0 },
    { 415, "unsupported_media_type", "The body must be application/json.",
      0 },
    { 422, "idempotency_key_reused",
      "Idempotency-Key was used for another request.", 0 },
    { 422, "too_many_seats", "These are more seats than one hold may have.",
      0 },
    { 422, "payment_unknown", "The gateway does not know this payment.", 0 },
    { 422, "invalid_prices",
      "Every category of the screen needs one price, and no other.", 0 },
    { 422, "invalid_terms", "These terms cannot be; see the mistakes.", 0 },
    { 422, "invalid_layout", "Such a hall cannot be; see the mistakes.", 0 },
    { 422, "invalid_schedule", "Such shows cannot be; see the mistakes.", 0 },
    { 426, "upgrade_required", "WebSocket is spoken in version 13.", 0 },
    { 428, "precondition_required",
      "If-Match is missing: the ETag of what you have read, or *.", 0 },
    { 429, "rate_limited", "These are too many requests.", 1 },
    { 403, "waiting_room", "Please wait for your turn.", 0 },
    { 401, "token_invalid", "The ticket or pass is not one of ours.", 0 },
    { 403, "token_foreign",
      "The ticket or pass is somebody else's, or of another sale.", 0 },
    { 403, "pass_over", "The pass was used, or its time is over.", 0 },
    { 410, "place_over", "This place has had its turn.", 0 },
    { 410, "room_closed", "Nobody can join any more.", 0 },
    { 410, "sold_out", "There is nothing left.", 0 },
    { 503, "room_full", "The waiting room is full.", 1 },
    { 429, "polling_too_fast", "Your place is kept; please ask less often.",
      1 },
    { 401, "credentials_invalid", "Address and password do not fit.", 0 },
    { 401, "code_invalid", "The code is not good, or not any more.", 0 },
    { 401, "session_over", "The session is over; please log in.", 0 },
    { 409, "email_taken", "The address has an account.", 0 },
    { 422, "password_refused", "Please choose another password.", 0 },
    { 500, "internal_error", "This should not have happened.", 0 },
    { 503, "unavailable", "Please try again in a moment.", 1 },
    { 503, "outcome_unknown",
      "It is not known whether this was done. Send the same request again, "
      "with its Idempotency-Key if it had one.", 1 },
    { 503, "backlog", "Too many bookings are on their way.", 1 },
    { 503, "not_durable",
      "A booking would not be kept safely; please try again in a moment.", 1 },
    { 505, "http_version_not_supported", "HTTP/1.0, 1.1 and 2 are spoken.",
      0 }
};


static void ngx_http_bo_retry_after(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_error_e error);
static u_char *ngx_http_bo_error_body(ngx_http_bo_ctx_t *ctx, u_char *p,
    ngx_http_bo_error_t *e, ngx_str_t *details);
static u_char *ngx_http_bo_problem_body(ngx_http_bo_ctx_t *ctx, u_char *p,
    ngx_http_bo_error_t *e, ngx_str_t *details);


void
ngx_http_bo_error(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error,
    ngx_str_t *details)
{
    u_char               *p;
    size_t                len;
    ngx_str_t             body;
    ngx_http_bo_error_t  *e;

    static ngx_str_t  bearer = ngx_string("Bearer");
    static ngx_str_t  refused = ngx_string("Bearer error=\"invalid_token\"");

    e = &ngx_http_bo_errors[error];

    ctx->outcome.data = (u_char *) e->code;
    ctx->outcome.len = ngx_strlen(e->code);

    len = 512 + ctx->request_id.len + (details ? details->len : 0);

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        ngx_http_bo_send(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    body.data = p;
    p = ctx->problem ? ngx_http_bo_problem_body(ctx, p, e, details)
                     : ngx_http_bo_error_body(ctx, p, e, details);
    body.len = p - body.data;

    if (e->retry) {
        ngx_http_bo_retry_after(ctx, error);
    }

    if (e->status == NGX_HTTP_UNAUTHORIZED) {
        (void) ngx_http_bo_header(ctx->request, "WWW-Authenticate",
                                  ctx->bad_token ? &refused : &bearer);
    }

    ngx_http_bo_send(ctx, e->status, &body);
}


static u_char *
ngx_http_bo_error_body(ngx_http_bo_ctx_t *ctx, u_char *p,
    ngx_http_bo_error_t *e, ngx_str_t *details)
{
    p = ngx_sprintf(p, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"",
                    e->code, e->message);
    p = ngx_http_bo_put_time(p, ",\"timestamp\":", ngx_bo_now());
    p = ngx_http_bo_put_str(p, ",\"requestId\":", &ctx->request_id);

    if (details) {
        p = ngx_sprintf(p, ",\"details\":%V", details);
    }

    return ngx_http_bo_put(p, "}}");
}


/* RFC 9457, with the members of our own error beside its own. */

static u_char *
ngx_http_bo_problem_body(ngx_http_bo_ctx_t *ctx, u_char *p,
    ngx_http_bo_error_t *e, ngx_str_t *details)
{
    p = ngx_sprintf(p, "{\"type\":\"about:blank\",\"title\":\"%s\","
                    "\"status\":%ui,\"code\":\"%s\"",
                    e->message, e->status, e->code);
    p = ngx_http_bo_put_time(p, ",\"timestamp\":", ngx_bo_now());
    p = ngx_http_bo_put_str(p, ",\"requestId\":", &ctx->request_id);

    if (details) {
        p = ngx_sprintf(p, ",\"details\":%V", details);
    }

    return ngx_http_bo_put(p, "}");
}


/*
 * Seconds, with jitter: those who were sent away together must not come back
 * together.  What is in progress will be over in a moment.
 */

static void
ngx_http_bo_retry_after(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error)
{
    u_char     *p;
    ngx_str_t   value;

    p = ngx_pnalloc(ctx->request->pool, NGX_INT32_LEN);
    if (p == NULL) {
        return;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%ui",
                            ctx->retry_after ? ctx->retry_after
                            : error == NGX_HTTP_BO_E_IN_PROGRESS
                            ? (ngx_uint_t) 1
                            : 1 + (ngx_uint_t) ngx_random() % 3)
                - p;

    (void) ngx_http_bo_header(ctx->request, "Retry-After", &value);
}


void
ngx_http_bo_error_field(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error,
    const char *field)
{
    ngx_str_t  details;

    details.data = ngx_pnalloc(ctx->request->pool, ngx_strlen(field) + 16);
    if (details.data == NULL) {
        ngx_http_bo_error(ctx, error, NULL);
        return;
    }

    details.len = ngx_sprintf(details.data, "{\"field\":\"%s\"}", field)
                  - details.data;

    ngx_http_bo_error(ctx, error, &details);
}


void
ngx_http_bo_error_seats(ngx_http_bo_ctx_t *ctx, ngx_http_bo_error_e error,
    bo_layout_t *layout, bo_seats_t *seats)
{
    u_char     *p;
    ngx_str_t   details;

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_SEATS_LEN(seats->n));
    if (p == NULL) {
        ngx_http_bo_error(ctx, error, NULL);
        return;
    }

    details.data = p;
    p = ngx_http_bo_put_seats(p, "{\"conflicts\":", layout, seats);
    p = ngx_http_bo_put(p, "}");
    details.len = p - details.data;

    ngx_http_bo_error(ctx, error, &details);
}


/* What outcomes mean where nothing more is known; the others are faults. */

static struct {
    ngx_bo_outcome_e       outcome;
    ngx_http_bo_error_e    error;
} ngx_http_bo_outcomes[] = {
    { NGX_BO_NOT_FOUND, NGX_HTTP_BO_E_NOT_FOUND },
    { NGX_BO_FORBIDDEN, NGX_HTTP_BO_E_FORBIDDEN },
    { NGX_BO_KEY_REUSED, NGX_HTTP_BO_E_KEY_REUSED },
    { NGX_BO_IN_PROGRESS, NGX_HTTP_BO_E_IN_PROGRESS },
    { NGX_BO_ORDERED, NGX_HTTP_BO_E_HOLD_ORDERED },
    { NGX_BO_MOVED, NGX_HTTP_BO_E_SHOW_CHANGED },
    { NGX_BO_ENDED, NGX_HTTP_BO_E_HOLD_EXPIRED },
    { NGX_BO_LOST, NGX_HTTP_BO_E_HOLD_LOST },
    { NGX_BO_LIMIT, NGX_HTTP_BO_E_SEAT_LIMIT },
    { NGX_BO_CLOSED, NGX_HTTP_BO_E_CLOSED },
    { NGX_BO_DECLINED, NGX_HTTP_BO_E_PAYMENT_DECLINED },
    { NGX_BO_NOT_PAID, NGX_HTTP_BO_E_PAYMENT_DECLINED },
    { NGX_BO_PENDING, NGX_HTTP_BO_E_PAYMENT_PENDING },
    { NGX_BO_QUARANTINED, NGX_HTTP_BO_E_PAYMENT_MISMATCH },
    { NGX_BO_PAYMENT_USED, NGX_HTTP_BO_E_PAYMENT_USED },
    { NGX_BO_NO_PAYMENT, NGX_HTTP_BO_E_PAYMENT_UNKNOWN },
    { NGX_BO_CHANGED, NGX_HTTP_BO_E_UNAVAILABLE },
    { NGX_BO_UNAVAILABLE, NGX_HTTP_BO_E_UNAVAILABLE },
    { NGX_BO_BACKLOG, NGX_HTTP_BO_E_BACKLOG },
    { NGX_BO_VOLATILE, NGX_HTTP_BO_E_VOLATILE },
    { NGX_BO_IN_DOUBT, NGX_HTTP_BO_E_IN_DOUBT }
};


void
ngx_http_bo_error_outcome(ngx_http_bo_ctx_t *ctx, ngx_bo_outcome_e outcome)
{
    ngx_uint_t           i;
    ngx_http_bo_error_e  error;

    error = NGX_HTTP_BO_E_INTERNAL;

    for (i = 0;
         i < sizeof(ngx_http_bo_outcomes) / sizeof(ngx_http_bo_outcomes[0]);
         i++)
    {
        if (ngx_http_bo_outcomes[i].outcome == outcome) {
            error = ngx_http_bo_outcomes[i].error;
        }
    }

    ngx_http_bo_error(ctx, error, NULL);
}
