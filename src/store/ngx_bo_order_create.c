
/*
 * An order is made of a hold, which is fenced first, so that nobody changes it
 * meanwhile; its seats are claimed in the transaction that writes the order.
 */


#include "booking/bo_price.h"
#include "ngx_bo_order_steps.h"
#include "ngx_bo_settle.h"


static void ngx_bo_order_fenced(ngx_bo_call_t *call);
static void ngx_bo_order_submit(ngx_bo_call_t *call);
static ngx_uint_t ngx_bo_order_moved(ngx_bo_order_call_t *c);
static ngx_int_t ngx_bo_order_labels(ngx_bo_order_call_t *c,
    ngx_str_t *labels);
static ngx_int_t ngx_bo_order_prices(ngx_bo_order_call_t *c,
    ngx_str_t *prices);
static void ngx_bo_order_replay(ngx_bo_order_call_t *c);
static void ngx_bo_order_replayed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_created(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_refuse(ngx_bo_order_call_t *c,
    ngx_bo_outcome_e outcome);
static ngx_uint_t ngx_bo_order_closed(ngx_bo_order_call_t *c);
static void ngx_bo_order_reloaded(ngx_bo_call_t *call);


static ngx_bo_pg_statement_t  ngx_bo_create_orders = {
    "create_orders",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS ", conflicts"
    " from boxoffice.create_orders($1::uuid[], $2::uuid[], $3::int[],"
    " $4::text[], $5::uuid[], $6::text[], $7::text[], $8::bigint[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],"
    " $14::int[], $15::text[], $16::text[], $17::text[])",
    17, NGX_BO_ORDER_BATCH
};

static ngx_bo_pg_statement_t  ngx_bo_order_by_key = {
    "order_by_key",
    "select 1, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.order_by_key($1::text, $2::text, $3::text)",
    3, 1
};


void
ngx_bo_order_create(ngx_bo_order_call_t *c)
{
    c->busy = 1;
    c->usec = ngx_bo_usec();
    c->known = ngx_bo_order_call(c)->show->starts;

    /* The end of the fence is a step on the way. */

    ngx_bo_order_call(c)->done = ngx_bo_order_fenced;

    ngx_bo_hold_fence(&c->hold);
}


static void
ngx_bo_order_fenced(ngx_bo_call_t *call)
{
    ngx_bo_order_call_t *c = (ngx_bo_order_call_t *) call;

    c->fenced = call->outcome;

    switch (call->outcome) {

    case NGX_BO_OK:

        /* Who has left before anything was claimed wants no order. */

        if (c->gone || ngx_bo_make_id(&c->id, call->show->no) != NGX_OK) {
            ngx_bo_order_refuse(c, NGX_BO_UNAVAILABLE);
            return;
        }

        ngx_bo_order_submit(call);
        return;

    case NGX_BO_NOT_FOUND:
    case NGX_BO_ENDED:
    case NGX_BO_LOST:

        /* The hold of an order that was made is over, too. */

        if (c->hold.idempotency.present) {
            ngx_bo_order_replay(c);
            return;
        }

        /* fall through */

    default:
        ngx_bo_order_finish(c, call->outcome);
    }
}


static void
ngx_bo_order_submit(ngx_bo_call_t *call)
{
    ngx_bo_order_call_t *c = (ngx_bo_order_call_t *) call;

    u_char           id[BO_UUID_LEN], hold[BO_UUID_LEN];
    u_char           seats[BO_SEATS_TEXT_MAX + 2], amount[NGX_INT64_LEN];
    size_t           n;
    int64_t          total;
    ngx_str_t        labels, prices, v[17];
    ngx_bo_show_t   *show;
    ngx_bo_store_t  *store;

    show = call->show;
    store = call->store;

    if (bo_price_total(&show->layout, &c->hold.hold.seats, &total) != 0
        || ngx_bo_order_labels(c, &labels) != NGX_OK
        || ngx_bo_order_prices(c, &prices) != NGX_OK)
    {
        ngx_bo_order_refuse(c, NGX_BO_REFUSED);
        return;
    }

    bo_uuid_format((char *) id, &c->id);
    bo_uuid_format((char *) hold, &c->hold.hold.id);

    seats[0] = '{';
    n = bo_seats_format((char *) &seats[1], &c->hold.hold.seats);
    seats[n + 1] = '}';

    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1].data = show->id_text;
    v[1].len = BO_UUID_LEN;
    v[2] = show->revision_text;

    /* No show has this one: no order is made, but one that was is found. */

    if (ngx_bo_order_moved(c)) {
        ngx_str_set(&v[2], "0");
    }

    v[3] = c->hold.user;
    v[4].data = hold;
    v[4].len = BO_UUID_LEN;
    v[5].data = seats;
    v[5].len = n + 2;
    v[6] = labels;
    v[7].data = amount;
    v[7].len = ngx_sprintf(amount, "%L", total) - amount;
    v[8].data = (u_char *) bo_payment_method_name(c->method);
    v[8].len = ngx_strlen(v[8].data);
    v[9] = c->customer.name;
    v[10] = c->customer.email;
    v[11] = c->customer.phone;
    v[12] = store->order_ttl;
    v[13] = store->seats_per_user;
    v[14] = ngx_bo_order_key(c);
    v[15] = ngx_bo_order_fingerprint(c);
    v[16] = prices;

    call->pg = ngx_bo_order_send(c, &ngx_bo_create_orders, v,
                                 ngx_bo_order_created);
    if (call->pg == NULL) {
        ngx_bo_order_refuse(c, NGX_BO_UNAVAILABLE);
    }
}


/*
 * Whether the show begins at another time than the one who orders knows of.
 * Who does not say so knows what it was when the seats were held.  The id of
 * the hold tells when that was; a clock that differs asks once in vain.
 */

static ngx_uint_t
ngx_bo_order_moved(ngx_bo_order_call_t *c)
{
    ngx_bo_show_t  *show;

    show = ngx_bo_order_call(c)->show;

    if (c->starts) {
        return show->starts != c->starts;
    }

    return show->starts != c->known
           || show->moved > (int64_t) bo_uuid_unix_ms(&c->hold.hold.id);
}


/* "A1,A2": what the seats are called, for those who read the order later. */

static ngx_int_t
ngx_bo_order_labels(ngx_bo_order_call_t *c, ngx_str_t *labels)
{
    u_char       *p;
    uint32_t      i;
    bo_seat_t    *seat;
    bo_seats_t   *seats;
    bo_layout_t  *layout;

    seats = &c->hold.hold.seats;
    layout = &ngx_bo_order_call(c)->show->layout;

    p = ngx_pnalloc(c->hold.pool, seats->n * (BO_LABEL_MAX + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    labels->data = p;

    for (i = 0; i < seats->n; i++) {
        if (i) {
            *p++ = ',';
        }

        seat = &layout->seats[seats->no[i]];
        p = ngx_cpymem(p, seat->label, seat->label_len);
    }

    labels->len = p - labels->data;

    return NGX_OK;
}


/* "{15000,25000}": what each of them costs, for when one is given back. */

static ngx_int_t
ngx_bo_order_prices(ngx_bo_order_call_t *c, ngx_str_t *prices)
{
    u_char       *p;
    uint32_t      i;
    bo_seat_t    *seat;
    bo_seats_t   *seats;
    bo_layout_t  *layout;

    seats = &c->hold.hold.seats;
    layout = &ngx_bo_order_call(c)->show->layout;

    p = ngx_pnalloc(c->hold.pool, 2 + seats->n * (NGX_INT64_LEN + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    prices->data = p;
    *p++ = '{';

    for (i = 0; i < seats->n; i++) {
        if (i) {
            *p++ = ',';
        }

        seat = &layout->seats[seats->no[i]];
        p = ngx_sprintf(p, "%L",
                        (int64_t) layout->categories[seat->category].price);
    }

    *p++ = '}';
    prices->len = p - prices->data;

    return NGX_OK;
}


/*
 * The hold is over.  When the same request has made an order of it before,
 * that order is the answer.
 */

static void
ngx_bo_order_replay(ngx_bo_order_call_t *c)
{
    ngx_str_t       v[3];
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    v[0] = c->hold.user;
    v[1] = ngx_bo_order_key(c);
    v[2] = ngx_bo_order_fingerprint(c);

    call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_order_by_key, v,
                                ngx_bo_order_replayed, c);
    if (call->pg == NULL) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_order_replayed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_order_answer(c, verdict, res, row);

    ngx_bo_order_finish(c, outcome == NGX_BO_NOT_FOUND ? c->fenced : outcome);
}


static void
ngx_bo_order_created(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_str_t          conflicts;
    ngx_bo_call_t     *call;
    ngx_bo_outcome_e   outcome;

    call = ngx_bo_order_call(c);
    outcome = ngx_bo_order_answer(c, verdict, res, row);

    switch (outcome) {

    case NGX_BO_OK:
        ngx_bo_count(call->store, orders_created);
        ngx_bo_outbox_wake(call->store);
        ngx_bo_observe(&call->store->zone->metrics.order, c->usec);
        break;

    case NGX_BO_ALONE:

        /* "retry": it lost its seats to another that lost, too */

        if (ngx_bo_order_alone(c)) {
            ngx_bo_order_submit(call);
            return;
        }

        outcome = NGX_BO_UNAVAILABLE;
        break;

    case NGX_BO_CHANGED:

        if (!c->reloaded) {
            c->reloaded = 1;
            call->done = ngx_bo_order_reloaded;
            ngx_bo_show_reload(call->store, &call->show->id, call);
            return;
        }

        break;

    case NGX_BO_CONFLICT:
        ngx_bo_count(call->store, orders_conflicts);

        conflicts = ngx_bo_column(res, row, ngx_bo_col_conflicts);
        (void) bo_seats_parse(&c->hold.conflicts, (char *) conflicts.data,
                              conflicts.len);
        break;

    default:
        break;
    }

    /* The fence stays while the outcome is open, and where an order has it. */

    switch (outcome) {

    case NGX_BO_OK:
    case NGX_BO_REPLAYED:
    case NGX_BO_ORDERED:
    case NGX_BO_IN_PROGRESS:
    case NGX_BO_IN_DOUBT:
        ngx_bo_order_finish(c, outcome);
        return;

    default:
        ngx_bo_order_refuse(c, outcome);
    }
}


/*
 * There will be no order, and the user gets the hold back: when the fence is
 * this request's own, for an order may stand behind one that was there.
 */

static void
ngx_bo_order_refuse(ngx_bo_order_call_t *c, ngx_bo_outcome_e outcome)
{
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    if (c->hold.fresh) {
        ngx_bo_unfence(call->store, call->show, &c->hold.user,
                       &c->hold.hold.id);
    }

    ngx_bo_order_finish(c, outcome);
}


/* Whether seats of the hold cannot be sold any more: they are in conflict. */

static ngx_uint_t
ngx_bo_order_closed(ngx_bo_order_call_t *c)
{
    uint32_t        i;
    bo_seats_t     *seats, *conflicts;
    ngx_bo_show_t  *show;

    show = ngx_bo_order_call(c)->show;
    seats = &c->hold.hold.seats;
    conflicts = &c->hold.conflicts;
    conflicts->n = 0;

    for (i = 0; i < seats->n; i++) {
        if (!bo_layout_sellable(&show->layout, seats->no[i])) {
            conflicts->no[conflicts->n++] = seats->no[i];
        }
    }

    return conflicts->n != 0;
}


static void
ngx_bo_order_reloaded(ngx_bo_call_t *call)
{
    if (call->outcome != NGX_BO_OK) {
        ngx_bo_order_refuse((ngx_bo_order_call_t *) call, call->outcome);
        return;
    }

    if (ngx_bo_order_closed((ngx_bo_order_call_t *) call)) {
        ngx_bo_order_refuse((ngx_bo_order_call_t *) call, NGX_BO_CONFLICT);
        return;
    }

    /* Nobody is sent to another time than that which he agreed to. */

    if (ngx_bo_order_moved((ngx_bo_order_call_t *) call)) {
        ngx_bo_order_refuse((ngx_bo_order_call_t *) call, NGX_BO_MOVED);
        return;
    }

    ngx_bo_order_submit(call);
}
