
/*
 * /holds: seats for some minutes.
 *
 * An action parses and checks, has the show loaded, lets the store do it, and
 * answers.  The functions stand in that order.
 */


#include "ngx_http_bo_holds.h"


static void ngx_http_bo_hold_create(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_create_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_create_now(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_change(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_change_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_change_seats(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_change_now(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_extend(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_changed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_read(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_read_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_release(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_release_do(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_released(ngx_http_bo_ctx_t *ctx);

static ngx_http_bo_hold_t *ngx_http_bo_hold_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_shown(ngx_bo_call_t *call);
static void ngx_http_bo_hold_show(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_by_id(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_run_pt run);
static void ngx_http_bo_hold_woken(ngx_bo_call_t *call);
static void ngx_http_bo_hold_recalled(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_over(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_not_sold(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hold_answer(ngx_http_bo_ctx_t *ctx,
    ngx_uint_t status);


ngx_http_bo_action_t  ngx_http_bo_holds_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_hold_create },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_hold_read },

    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY,
      ngx_http_bo_hold_change },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_hold_release },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_hold_create_fields[] = {

    { "showId", BO_JSON_STRING, offsetof(ngx_http_bo_hold_body_t, show_id),
      1, 1, 64, 0, NULL },

    { "seatIds", BO_JSON_STRINGS, offsetof(ngx_http_bo_hold_body_t, seat_ids),
      0, 1, BO_JSON_MAX_ITEMS, BO_LABEL_MAX, NULL },

    { "bestAvailable", BO_JSON_OBJECT, offsetof(ngx_http_bo_hold_body_t, best),
      0, 0, 0, 0, ngx_http_bo_best_fields },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_hold_change_fields[] = {

    { "seatIds", BO_JSON_STRINGS, offsetof(ngx_http_bo_hold_body_t, seat_ids),
      0, 1, BO_JSON_MAX_ITEMS, BO_LABEL_MAX, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* POST /holds */

static void
ngx_http_bo_hold_create(ngx_http_bo_ctx_t *ctx)
{
    bo_uuid_t            show;
    ngx_http_bo_hold_t  *h;

    h = ngx_http_bo_hold_begin(ctx);
    if (h == NULL) {
        return;
    }

    h->recall = ngx_bo_hold_recall;
    h->recalled = ngx_http_bo_hold_created;
    h->body.best.max_price = BO_LAYOUT_MAX_PRICE;

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_hold_create_fields, &h->body)
        != NGX_OK)
    {
        return;
    }

    /* One of the two. */

    if ((h->body.seat_ids.n == 0) == (h->body.best.count == 0)) {
        ngx_http_bo_error_field(ctx, h->body.best.count
                                     ? NGX_HTTP_BO_E_INVALID_FIELD
                                     : NGX_HTTP_BO_E_MISSING_FIELD, "seatIds");
        return;
    }

    if (bo_uuid_parse(&show, h->body.show_id.data, h->body.show_id.len) != 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "showId");
        return;
    }

    ngx_http_bo_hold_with_show(ctx, &show, ngx_http_bo_hold_create_do);
}


static void
ngx_http_bo_hold_create_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (!ngx_http_bo_hold_open(ctx)) {
        return;
    }

    if (h->body.best.count) {
        ngx_http_bo_hold_best(ctx);
        return;
    }

    if (ngx_http_bo_hold_seats(ctx) == NGX_OK) {
        ngx_http_bo_hold_rule(ctx, ngx_http_bo_hold_create_now);
    }
}


static void
ngx_http_bo_hold_create_now(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_hold_create, ngx_http_bo_hold_created);
}


void
ngx_http_bo_hold_created(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    switch (h->hold.script.call.outcome) {

    case NGX_BO_OK:
        ngx_bo_count(ctx->store, holds_created);
        ngx_http_bo_hold_answer(ctx, NGX_HTTP_CREATED);
        return;

    case NGX_BO_REPLAYED:
        ngx_http_bo_replayed(ctx);
        ngx_http_bo_hold_answer(ctx, NGX_HTTP_CREATED);
        return;

    case NGX_BO_SAME:
        ngx_http_bo_hold_answer(ctx, NGX_HTTP_OK);
        return;

    default:
        ngx_http_bo_hold_refused(ctx);
    }
}


/* PUT /holds/{id}: other seats, more time, or both */

static void
ngx_http_bo_hold_change(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t  *h;

    h = ngx_http_bo_hold_begin(ctx);
    if (h == NULL) {
        return;
    }

    h->recall = ngx_bo_hold_recall;
    h->recalled = ngx_http_bo_hold_changed;

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_hold_change_fields, &h->body)
        != NGX_OK)
    {
        return;
    }

    ngx_http_bo_hold_by_id(ctx, ngx_http_bo_hold_change_do);
}


static void
ngx_http_bo_hold_change_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (!ngx_http_bo_hold_open(ctx)) {
        return;
    }

    if (h->body.seat_ids.n == 0) {
        ngx_http_bo_hold_step(ctx, ngx_bo_hold_read, ngx_http_bo_hold_extend);
        return;
    }

    ngx_http_bo_hold_step(ctx, ngx_bo_hold_read,
                          ngx_http_bo_hold_change_seats);
}


/* The seats that it has now are free for the ones that it gets. */

static void
ngx_http_bo_hold_change_seats(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (h->hold.script.call.outcome == NGX_BO_OK
        && h->hold.hold.state == BO_HOLD_HELD)
    {
        h->own = h->hold.hold.seats;
    }

    h->hold.hold.seats.n = 0;

    if (ngx_http_bo_hold_seats(ctx) != NGX_OK) {
        return;
    }

    /* Whatever it is that cannot be changed, the change says it. */

    if (h->own.n) {
        ngx_http_bo_hold_rule(ctx, ngx_http_bo_hold_change_now);

    } else {
        ngx_http_bo_hold_change_now(ctx);
    }
}


static void
ngx_http_bo_hold_change_now(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_hold_change, ngx_http_bo_hold_changed);
}


/*
 * The seats it has are read first.  Should they change in between, the change
 * is undone by this one: the later request wins, as it does without it.
 */

static void
ngx_http_bo_hold_extend(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (h->hold.script.call.outcome != NGX_BO_OK) {
        ngx_http_bo_hold_refused(ctx);
        return;
    }

    ngx_http_bo_hold_step(ctx, ngx_bo_hold_change, ngx_http_bo_hold_changed);
}


static void
ngx_http_bo_hold_changed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    switch (h->hold.script.call.outcome) {

    case NGX_BO_OK:
        ngx_bo_count(ctx->store, holds_changed);
        ngx_http_bo_hold_answer(ctx, NGX_HTTP_OK);
        return;

    case NGX_BO_REPLAYED:
        ngx_http_bo_replayed(ctx);

        /* fall through */

    case NGX_BO_SAME:
        ngx_http_bo_hold_answer(ctx, NGX_HTTP_OK);
        return;

    default:
        ngx_http_bo_hold_refused(ctx);
    }
}


/* GET /holds/{id} */

static void
ngx_http_bo_hold_read(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_hold_begin(ctx) != NULL) {
        ngx_http_bo_hold_by_id(ctx, ngx_http_bo_hold_read_do);
    }
}


static void
ngx_http_bo_hold_read_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_hold_read, ngx_http_bo_hold_found);
}


static void
ngx_http_bo_hold_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (h->hold.script.call.outcome != NGX_BO_OK) {
        ngx_http_bo_hold_refused(ctx);
        return;
    }

    ngx_http_bo_hold_answer(ctx, NGX_HTTP_OK);
}


/* DELETE /holds/{id}; again: the same answer */

static void
ngx_http_bo_hold_release(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_hold_begin(ctx) != NULL) {
        ngx_http_bo_hold_by_id(ctx, ngx_http_bo_hold_release_do);
    }
}


static void
ngx_http_bo_hold_release_do(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_step(ctx, ngx_bo_hold_release,
                          ngx_http_bo_hold_released);
}


static void
ngx_http_bo_hold_released(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    switch (h->hold.script.call.outcome) {

    case NGX_BO_OK:
    case NGX_BO_SAME:
        ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
        return;

    default:
        ngx_http_bo_hold_refused(ctx);
    }
}


static ngx_http_bo_hold_t *
ngx_http_bo_hold_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t  *h;

    h = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_hold_t));
    if (h == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    h->hold.pool = ctx->request->pool;
    h->hold.script.call.data = ctx;
    h->hold.user = ctx->user;
    h->hold.idempotency = ctx->idempotency;

    ctx->data = h;

    return h;
}


/* An id of ours carries the number of its show; another names no hold. */

static void
ngx_http_bo_hold_by_id(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_http_bo_hold_t *h = ctx->data;

    h->hold.hold.id = ctx->id;

    ngx_http_bo_hold_with_show(ctx, NULL, run);
}


void
ngx_http_bo_hold_with_show(ngx_http_bo_ctx_t *ctx, const bo_uuid_t *id,
    ngx_http_bo_run_pt run)
{
    ngx_http_bo_hold_t *h = ctx->data;

    uint32_t        no;
    ngx_bo_call_t  *call;

    no = 0;
    call = &h->hold.script.call;
    h->by_id = id == NULL;

    /* A number beyond int4 is no show's, and would be an error in SQL. */

    if (id == NULL
        && (bo_uuid_show_no(&ctx->id, &no) != 0 || no > NGX_MAX_INT32_VALUE))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    h->next = run;
    call->done = ngx_http_bo_hold_shown;
    ngx_http_bo_wait(ctx, call);

    if (ngx_bo_show_get(ctx->store, id, no, call) == NGX_OK) {
        run(ctx);
    }
}


static void
ngx_http_bo_hold_shown(ngx_bo_call_t *call)
{
    ngx_http_bo_ctx_t *ctx = call->data;

    ngx_http_bo_resume(ctx, ngx_http_bo_hold_show);
}


static void
ngx_http_bo_hold_show(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    switch (h->hold.script.call.outcome) {

    case NGX_BO_OK:
        h->next(ctx);
        return;

    case NGX_BO_NOT_FOUND:
        ngx_http_bo_error(ctx, h->by_id ? NGX_HTTP_BO_E_NOT_FOUND
                                        : NGX_HTTP_BO_E_SHOW_NOT_FOUND, NULL);
        return;

    default:
        ngx_http_bo_error_outcome(ctx, h->hold.script.call.outcome);
    }
}


void
ngx_http_bo_hold_step(ngx_http_bo_ctx_t *ctx,
    void (*start)(ngx_bo_hold_call_t *c), ngx_http_bo_run_pt run)
{
    ngx_http_bo_hold_t *h = ctx->data;

    h->next = run;
    h->hold.script.call.done = ngx_http_bo_hold_woken;

    ngx_http_bo_wait(ctx, &h->hold.script.call);
    start(&h->hold);
}


void
ngx_http_bo_hold_refresh(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_http_bo_hold_t *h = ctx->data;

    h->next = run;
    h->hold.script.call.done = ngx_http_bo_hold_woken;

    ngx_http_bo_wait(ctx, &h->hold.script.call);
    ngx_bo_seatmap_refresh(h->hold.script.call.show, &h->hold.script.call, 0);
}


static void
ngx_http_bo_hold_woken(ngx_bo_call_t *call)
{
    ngx_http_bo_ctx_t   *ctx = call->data;
    ngx_http_bo_hold_t  *h = ctx->data;

    ngx_http_bo_resume(ctx, h->next);
}


ngx_uint_t
ngx_http_bo_hold_open(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_bo_show_t  *show = h->hold.script.call.show;

    if (show->cancelled || show->starts <= ngx_bo_now()) {
        ngx_http_bo_hold_recall(ctx, ngx_http_bo_hold_over);
        return 0;
    }

    return 1;
}


static void
ngx_http_bo_hold_over(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CLOSED, NULL);
}


ngx_int_t
ngx_http_bo_hold_seats(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    int32_t          no;
    size_t           i;
    bo_seats_t       closed;
    const bo_str_t  *item;
    bo_layout_t     *layout;

    layout = &h->hold.script.call.show->layout;
    closed.n = 0;

    if (h->body.seat_ids.n > (size_t) ctx->store->limits->seats_per_hold) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOO_MANY_SEATS, NULL);
        return NGX_ERROR;
    }

    for (i = 0; i < h->body.seat_ids.n; i++) {
        item = &h->body.seat_ids.items[i];
        no = bo_layout_find(layout, item->data, item->len);

        if (no < 0) {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_SEAT_NOT_FOUND,
                                    "seatIds");
            return NGX_ERROR;
        }

        if (bo_seats_add(&h->hold.hold.seats, (uint32_t) no) != 0) {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                    "seatIds");
            return NGX_ERROR;
        }

        if (!bo_layout_sellable(layout, (uint32_t) no)) {
            (void) bo_seats_add(&closed, (uint32_t) no);
        }
    }

    if (closed.n) {
        h->hold.conflicts = closed;
        ngx_http_bo_hold_recall(ctx, ngx_http_bo_hold_not_sold);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_bo_hold_not_sold(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_http_bo_error_seats(ctx, NGX_HTTP_BO_E_SEAT_UNAVAILABLE,
                            &h->hold.script.call.show->layout,
                            &h->hold.conflicts);
}


/*
 * The script that holds looks at the key before anything else, but what the
 * show or the map speak against never comes to it.  They may have changed, by
 * this very request also, since it was done and its answer was lost.
 */

void
ngx_http_bo_hold_recall(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt refuse)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (!h->hold.idempotency.present) {
        refuse(ctx);
        return;
    }

    h->refuse = refuse;

    ngx_http_bo_hold_step(ctx, h->recall, ngx_http_bo_hold_recalled);
}


static void
ngx_http_bo_hold_recalled(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (h->hold.script.call.outcome == NGX_BO_NOT_FOUND) {
        h->refuse(ctx);

    } else {
        h->recalled(ctx);
    }
}


void
ngx_http_bo_hold_refused(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_bo_show_t       *show;
    ngx_bo_hold_call_t  *c = &h->hold;

    if (c->script.call.outcome == NGX_BO_CONFLICT) {
        show = ngx_bo_show_known(ctx->store, c->script.call.show->no);

        if (show && show->cancelled) {

            /* It was cancelled meanwhile. */

            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CLOSED, NULL);
            return;
        }

        ngx_http_bo_error_seats(ctx, c->sold ? NGX_HTTP_BO_E_SEAT_SOLD
                                             : NGX_HTTP_BO_E_SEAT_HELD,
                                &c->script.call.show->layout, &c->conflicts);
        return;
    }

    ngx_http_bo_error_outcome(ctx, c->script.call.outcome);
}


static void
ngx_http_bo_hold_answer(ngx_http_bo_ctx_t *ctx, ngx_uint_t status)
{
    ngx_http_bo_hold_t *h = ctx->data;

    u_char         *p;
    ngx_str_t       body;
    ngx_bo_hold_t  *hold;
    ngx_bo_show_t  *show;

    hold = &h->hold.hold;
    show = h->hold.script.call.show;

    p = ngx_pnalloc(ctx->request->pool,
                    384 + ctx->user.len
                    + NGX_HTTP_BO_SEATS_LEN(hold->seats.n));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;

    p = ngx_http_bo_put_uuid(p, "{\"holdId\":", &hold->id);
    p = ngx_http_bo_put_uuid(p, ",\"showId\":", &show->id);
    p = ngx_http_bo_put_str(p, ",\"userId\":", &ctx->user);
    p = ngx_http_bo_put_seats(p, ",\"seatIds\":", &show->layout,
                              &hold->seats);
    p = ngx_http_bo_put_int(p, ",\"quantity\":", hold->seats.n);
    p = ngx_http_bo_put(p, ",\"status\":\"");
    p = ngx_http_bo_put(p, bo_hold_state_name(hold->state));
    p = ngx_http_bo_put_time(p, "\",\"createdAt\":", hold->created);
    p = ngx_http_bo_put_time(p, ",\"expiresAt\":", hold->expires);
    p = ngx_http_bo_put(p, "}");

    body.len = p - body.data;

    ngx_http_bo_send(ctx, status, &body);
}
