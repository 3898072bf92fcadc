
/*
 * Orders.  Every change is one statement; the PostgreSQL client makes batches
 * of them.  What the statements do is written in sql/.
 */


#include "booking/bo_price.h"
#include "booking/bo_ticket.h"
#include "ngx_bo_orders.h"
#include "ngx_bo_payments.h"
#include "ngx_bo_settle.h"


#define NGX_BO_ORDER_BATCH  64


/* The columns of a row, see NGX_BO_ORDER_COLUMNS. */

enum {
    ngx_bo_col_item = 0,
    ngx_bo_col_outcome,
    ngx_bo_col_order,
    ngx_bo_col_show,
    ngx_bo_col_show_no,
    ngx_bo_col_user,
    ngx_bo_col_hold,
    ngx_bo_col_seat_nos,
    ngx_bo_col_seat_ids,
    ngx_bo_col_amount,
    ngx_bo_col_currency,
    ngx_bo_col_status,
    ngx_bo_col_created,
    ngx_bo_col_expires,
    ngx_bo_col_confirmed,
    ngx_bo_col_ended,
    ngx_bo_col_ticket,
    ngx_bo_col_method,
    ngx_bo_col_conflicts,
    ngx_bo_col_freed = ngx_bo_col_conflicts,
    ngx_bo_col_refund
};


typedef struct {
    const char              *name;
    ngx_bo_outcome_e         outcome;
} ngx_bo_order_word_t;


static void ngx_bo_order_left(ngx_bo_call_t *call);
static void ngx_bo_order_free(ngx_bo_order_call_t *c);
static void ngx_bo_order_fenced(ngx_bo_call_t *call);
static void ngx_bo_order_submit(ngx_bo_call_t *call);
static ngx_bo_pg_op_t *ngx_bo_order_send(ngx_bo_order_call_t *c,
    ngx_bo_pg_statement_t *st, ngx_str_t *values,
    ngx_bo_pg_handler_pt handler);
static ngx_uint_t ngx_bo_order_alone(ngx_bo_order_call_t *c);
static void ngx_bo_order_name(ngx_bo_order_call_t *c, ngx_str_t *v,
    u_char *id, u_char *no);
static void ngx_bo_order_replay(ngx_bo_order_call_t *c);
static void ngx_bo_order_replayed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_created(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_refuse(ngx_bo_order_call_t *c,
    ngx_bo_outcome_e outcome);
static ngx_uint_t ngx_bo_order_closed(ngx_bo_order_call_t *c);
static void ngx_bo_order_reloaded(ngx_bo_call_t *call);
static void ngx_bo_order_verdict(ngx_bo_order_call_t *c,
    ngx_bo_gateway_t *gateway, ngx_uint_t captured);
static void ngx_bo_order_asked(ngx_bo_gateway_op_t *op);
static ngx_bo_outcome_e ngx_bo_order_weigh(ngx_bo_order_call_t *c,
    bo_word_t *word);
static ngx_bo_outcome_e ngx_bo_order_capture(ngx_bo_order_call_t *c,
    bo_word_t *word);
static ngx_bo_outcome_e ngx_bo_order_word(ngx_bo_order_call_t *c,
    bo_word_t *word);
static void ngx_bo_order_confirmed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_settle_again(ngx_bo_order_call_t *c);
static void ngx_bo_order_cancelled(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_found(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_finish(ngx_bo_order_call_t *c,
    ngx_bo_outcome_e outcome);
static ngx_int_t ngx_bo_order_labels(ngx_bo_order_call_t *c,
    ngx_str_t *labels);
static ngx_int_t ngx_bo_order_prices(ngx_bo_order_call_t *c,
    ngx_str_t *prices);
static ngx_int_t ngx_bo_order_given_back(ngx_bo_order_call_t *c,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_create_orders = {
    "create_orders",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS ", conflicts"
    " from boxoffice.create_orders($1::uuid[], $2::uuid[], $3::int[],"
    " $4::text[], $5::uuid[], $6::text[], $7::text[], $8::bigint[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],"
    " $14::int[], $15::text[], $16::text[], $17::text[])",
    17, NGX_BO_ORDER_BATCH
};

static ngx_bo_pg_statement_t  ngx_bo_confirm_orders = {
    "confirm_orders",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.confirm_orders($1::uuid[], $2::int[], $3::text[],"
    " $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
    " $9::text[], $10::int[])",
    10, NGX_BO_ORDER_BATCH
};

static ngx_bo_pg_statement_t  ngx_bo_cancel_seats = {
    "cancel_seats",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS ", freed, refund"
    " from boxoffice.cancel_seats($1::uuid[], $2::int[], $3::text[],"
    " $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[])",
    8, NGX_BO_ORDER_BATCH
};

static ngx_bo_pg_statement_t  ngx_bo_order_by_id = {
    "order_by_id",
    "select 1, 'found', " NGX_BO_ORDER_COLUMNS
    " from boxoffice.order_by_id($1::uuid, $2::int, $3::text, $4::boolean)",
    4, 1
};

static ngx_bo_pg_statement_t  ngx_bo_order_by_key = {
    "order_by_key",
    "select 1, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.order_by_key($1::text, $2::text, $3::text)",
    3, 1
};


/* What the statements say, and what it means; the first word is the rule. */

static ngx_bo_order_word_t  ngx_bo_order_words[] = {
    { "created", NGX_BO_OK },
    { "confirmed", NGX_BO_OK },
    { "cancelled", NGX_BO_OK },
    { "seats_cancelled", NGX_BO_OK },
    { "found", NGX_BO_OK },
    { "replayed", NGX_BO_REPLAYED },
    { "already", NGX_BO_SAME },
    { "declined", NGX_BO_DECLINED },
    { "payment_used", NGX_BO_PAYMENT_USED },
    { "unknown", NGX_BO_NO_PAYMENT },
    { "quarantined", NGX_BO_QUARANTINED },
    { "gone", NGX_BO_NOT_PAID },
    { "expired", NGX_BO_ENDED },
    { "failed", NGX_BO_ENDED },
    { "ended", NGX_BO_ENDED },
    { "over", NGX_BO_OVER },
    { "not_seats", NGX_BO_NOT_SEATS },
    { "unpaid", NGX_BO_UNPAID },
    { "seats_taken", NGX_BO_CONFLICT },
    { "hold_ordered", NGX_BO_ORDERED },
    { "key_reused", NGX_BO_KEY_REUSED },
    { "in_progress", NGX_BO_IN_PROGRESS },
    { "not_found", NGX_BO_NOT_FOUND },
    { "limit", NGX_BO_LIMIT },
    { "stale", NGX_BO_CHANGED },
    { "closed", NGX_BO_CLOSED },
    { "retry", NGX_BO_ALONE },
    { NULL, NGX_BO_REFUSED }
};


static ngx_bo_outcome_e
ngx_bo_order_outcome(const char *text)
{
    ngx_bo_order_word_t  *word;

    for (word = ngx_bo_order_words; word->name; word++) {
        if (ngx_strcmp(word->name, text) == 0) {
            break;
        }
    }

    return word->outcome;
}


static ngx_str_t
ngx_bo_order_key(ngx_bo_order_call_t *c)
{
    ngx_str_t  key = ngx_null_string;

    if (c->hold.idempotency.present) {
        key.data = c->hold.idempotency.key;
        key.len = NGX_BO_KEY_LEN;
    }

    return key;
}


static ngx_str_t
ngx_bo_order_fingerprint(ngx_bo_order_call_t *c)
{
    ngx_str_t  fp = ngx_null_string;

    if (c->hold.idempotency.present) {
        fp.data = c->hold.idempotency.fingerprint;
        fp.len = NGX_BO_FINGERPRINT_LEN;
    }

    return fp;
}


ngx_bo_order_call_t *
ngx_bo_order_call_create(ngx_bo_store_t *store)
{
    ngx_pool_t           *pool;
    ngx_bo_order_call_t  *c;

    pool = ngx_create_pool(4096, store->log);
    if (pool == NULL) {
        return NULL;
    }

    c = ngx_pcalloc(pool, sizeof(ngx_bo_order_call_t));
    if (c == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    c->hold.pool = pool;
    ngx_bo_order_call(c)->store = store;
    ngx_bo_order_call(c)->left = ngx_bo_order_left;

    return c;
}


static void
ngx_bo_order_left(ngx_bo_call_t *call)
{
    ngx_bo_order_call_t *c = (ngx_bo_order_call_t *) call;

    c->gone = 1;

    if (!c->busy) {
        ngx_bo_order_free(c);
    }
}


static void
ngx_bo_order_free(ngx_bo_order_call_t *c)
{
    ngx_bo_order_call(c)->left = NULL;
    ngx_bo_call_cancel(ngx_bo_order_call(c));
    ngx_bo_gateway_end(&c->ask);

    ngx_destroy_pool(c->hold.pool);
}


void
ngx_bo_order_create(ngx_bo_order_call_t *c)
{
    c->busy = 1;
    c->usec = ngx_bo_usec();

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


/* With the others that wait; or alone, when the others were in the way. */

static ngx_bo_pg_op_t *
ngx_bo_order_send(ngx_bo_order_call_t *c, ngx_bo_pg_statement_t *st,
    ngx_str_t *values, ngx_bo_pg_handler_pt handler)
{
    ngx_bo_pg_t  *pg = ngx_bo_order_call(c)->store->pg;

    if (c->alone) {
        return ngx_bo_pg_submit_alone(pg, st, values, handler, c);
    }

    return ngx_bo_pg_submit(pg, st, values, handler, c);
}


/* 1 when it may be sent again, alone; that happens once. */

static ngx_uint_t
ngx_bo_order_alone(ngx_bo_order_call_t *c)
{
    if (c->alone) {
        return 0;
    }

    c->alone = 1;

    return 1;
}


/*
 * The first three values of a statement on one order: its id, the number of
 * its show, and whose it must be.  id and no are the room for two of them.
 */

static void
ngx_bo_order_name(ngx_bo_order_call_t *c, ngx_str_t *v, u_char *id,
    u_char *no)
{
    bo_uuid_format((char *) id, &c->id);

    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1].data = no;
    v[1].len = ngx_sprintf(no, "%uD", c->show_no) - no;
    v[2] = c->hold.user;
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


/*
 * The beginning of every answer: sets the outcome, and reads the order where
 * there is one.
 */

static ngx_bo_outcome_e
ngx_bo_order_answer(ngx_bo_order_call_t *c, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row)
{
    ngx_bo_call_t     *call = ngx_bo_order_call(c);
    ngx_bo_outcome_e   outcome;

    call->pg = NULL;

    if (verdict == NGX_BO_NOT_SENT) {
        return NGX_BO_UNAVAILABLE;
    }

    if (verdict == NGX_BO_UNKNOWN) {
        ngx_bo_count(call->store, orders_in_doubt);
        return NGX_BO_IN_DOUBT;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, call->store->log, 0,
                      "boxoffice: a statement on orders failed: %s",
                      PQresultErrorMessage(res));
        return NGX_BO_UNAVAILABLE;
    }

    if (PQntuples(res) <= row) {
        return NGX_BO_NOT_FOUND;
    }

    outcome = ngx_bo_order_outcome(PQgetvalue(res, (int) row,
                                              ngx_bo_col_outcome));

    if (!PQgetisnull(res, (int) row, ngx_bo_col_order)
        && ngx_bo_order_from_row(&c->order, c->hold.pool, res, row) != NGX_OK)
    {
        return NGX_BO_IN_DOUBT;
    }

    return outcome;
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

    ngx_bo_order_submit(call);
}


/*
 * The mock says what became of a payment at once; then all of it is one
 * statement, in a batch with others.  A gateway is asked first.
 */

void
ngx_bo_order_confirm(ngx_bo_order_call_t *c)
{
    ngx_bo_call_t     *call = ngx_bo_order_call(c);
    ngx_bo_gateway_t  *gateway;

    c->busy = 1;
    c->usec = ngx_bo_usec();

    gateway = ngx_bo_gateway_of(call->store->gateways, &c->payment);

    if (gateway == NULL) {
        ngx_bo_order_finish(c, NGX_BO_NO_PAYMENT);
        return;
    }

    if (gateway->peer == NULL) {

        switch (ngx_bo_gateway_mock_verdict(&c->payment)) {

        case NGX_OK:
            ngx_bo_order_verdict(c, gateway, 1);
            return;

        case NGX_DECLINED:
            ngx_bo_order_verdict(c, gateway, 0);
            return;

        case NGX_AGAIN:
            break;

        default:
            ngx_bo_order_finish(c, NGX_BO_NO_PAYMENT);
            return;
        }
    }

    c->ask.gateway = gateway;
    c->ask.what = NGX_BO_GATEWAY_QUERY;
    c->ask.done = ngx_bo_order_asked;
    c->ask.data = c;
    c->ask.payment = c->payment;

    if (ngx_bo_gateway_start(&c->ask) != NGX_OK) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_order_verdict(ngx_bo_order_call_t *c, ngx_bo_gateway_t *gateway,
    ngx_uint_t captured)
{
    u_char              id[BO_UUID_LEN], no[NGX_INT32_LEN];
    ngx_str_t           v[10];
    ngx_bo_call_t      *call = ngx_bo_order_call(c);
    ngx_bo_word_room_t  room;

    ngx_bo_order_name(c, v, id, no);
    v[3] = c->payment;

    if (captured) {
        ngx_str_set(&v[4], "CAPTURED");

    } else {
        ngx_str_set(&v[4], "DECLINED");
    }

    v[5] = gateway->name;
    v[7] = ngx_bo_order_key(c);
    v[8] = ngx_bo_order_fingerprint(c);
    v[9] = call->store->seats_per_user;

    if (ngx_bo_word_ticket(&v[6], &room) == NGX_OK) {
        call->pg = ngx_bo_order_send(c, &ngx_bo_confirm_orders, v,
                                     ngx_bo_order_confirmed);
    }

    if (call->pg == NULL) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


/* What the gateway knows of the payment, or what a capture came to. */

static void
ngx_bo_order_asked(ngx_bo_gateway_op_t *op)
{
    ngx_bo_order_call_t *c = op->data;

    bo_word_t         *word;
    ngx_bo_outcome_e   outcome;

    switch (op->verdict) {

    case NGX_BO_GATEWAY_DONE:

        word = ngx_bo_gateway_word(op);
        outcome = word ? ngx_bo_order_weigh(c, word) : NGX_BO_PENDING;

        if (outcome == NGX_BO_OK) {
            return;
        }

        break;

    case NGX_BO_GATEWAY_REFUSED:
    case NGX_BO_GATEWAY_NOT_FOUND:

        outcome = op->what == NGX_BO_GATEWAY_QUERY ? NGX_BO_NO_PAYMENT
                                                   : NGX_BO_PENDING;
        break;

    case NGX_BO_GATEWAY_NOT_NOW:
        outcome = NGX_BO_UNAVAILABLE;
        break;

    default:
        ngx_bo_count(ngx_bo_order_call(c)->store, orders_in_doubt);
        outcome = NGX_BO_IN_DOUBT;
    }

    ngx_bo_gateway_end(op);
    ngx_bo_order_finish(c, outcome);
}


/* NGX_BO_OK: it goes on; else how it ends. */

static ngx_bo_outcome_e
ngx_bo_order_weigh(ngx_bo_order_call_t *c, bo_word_t *word)
{
    u_char  id[BO_UUID_LEN];

    if (c->ask.gateway->peer == NULL) {

        if (word->kind != BO_WORD_CAPTURED) {
            return NGX_BO_PENDING;
        }

        ngx_bo_gateway_end(&c->ask);
        ngx_bo_order_verdict(c, c->ask.gateway, 1);
        return NGX_BO_OK;
    }

    bo_uuid_format((char *) id, &c->id);

    if (word->order[0] != '\0'
        && ngx_memcmp(word->order, id, BO_UUID_LEN) != 0)
    {
        return NGX_BO_PAYMENT_USED;
    }

    switch (word->kind) {

    case BO_WORD_AUTHORISED:
        return ngx_bo_order_capture(c, word);

    case BO_WORD_CAPTURED:
        return ngx_bo_order_word(c, word);

    case BO_WORD_DECLINED:
    case BO_WORD_FAILED:
        return NGX_BO_NOT_PAID;

    default:
        return NGX_BO_PENDING;
    }
}


/* A promise is taken up, once: what that comes to is the last word. */

static ngx_bo_outcome_e
ngx_bo_order_capture(ngx_bo_order_call_t *c, bo_word_t *word)
{
    ngx_str_t            id, currency;
    ngx_bo_gateway_op_t  *op = &c->ask;

    if (op->what == NGX_BO_GATEWAY_CAPTURE) {
        return NGX_BO_PENDING;
    }

    id.data = (u_char *) word->payment;
    id.len = ngx_strlen(word->payment);
    currency.data = (u_char *) word->currency;
    currency.len = ngx_strlen(word->currency);

    op->payment.len = id.len;
    op->payment.data = ngx_pstrdup(c->hold.pool, &id);
    op->currency.len = currency.len;
    op->currency.data = ngx_pstrdup(c->hold.pool, &currency);
    op->amount = word->amount;

    if (op->payment.data == NULL || op->currency.data == NULL) {
        return NGX_BO_UNAVAILABLE;
    }

    ngx_bo_gateway_end(op);

    op->what = NGX_BO_GATEWAY_CAPTURE;

    return ngx_bo_gateway_start(op) == NGX_OK ? NGX_BO_OK
                                              : NGX_BO_UNAVAILABLE;
}


static ngx_bo_outcome_e
ngx_bo_order_word(ngx_bo_order_call_t *c, bo_word_t *word)
{
    ngx_str_t            v[NGX_BO_TAKE_WORD_PARAMS];
    ngx_bo_call_t       *call = ngx_bo_order_call(c);
    ngx_bo_word_room_t   room;

    ngx_bo_word_values(v, c->ask.gateway, word, &room);

    v[10] = c->hold.user;
    v[11] = ngx_bo_order_key(c);
    v[12] = ngx_bo_order_fingerprint(c);
    v[14] = call->store->seats_per_user;

    if (ngx_bo_word_ticket(&v[13], &room) == NGX_OK) {
        call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_take_word, v,
                                    ngx_bo_order_confirmed, c);
    }

    if (call->pg == NULL) {
        return NGX_BO_UNAVAILABLE;
    }

    ngx_bo_gateway_end(&c->ask);

    return NGX_BO_OK;
}


static void
ngx_bo_order_confirmed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_bo_store_t    *store;
    ngx_bo_outcome_e   outcome;

    store = ngx_bo_order_call(c)->store;
    outcome = ngx_bo_order_answer(c, verdict, res, row);

    if (outcome == NGX_BO_OK
        && ngx_strcmp(PQgetvalue(res, (int) row, ngx_bo_col_outcome),
                      "cancelled")
           == 0)
    {
        /* The word is confirm's too: it came too late. */

        outcome = NGX_BO_ENDED;
    }

    switch (outcome) {

    case NGX_BO_OK:
        ngx_bo_count(store, orders_confirmed);
        ngx_bo_outbox_wake(store);
        ngx_bo_observe(&store->zone->metrics.confirm, c->usec);
        ngx_bo_settle(store, &c->order, BO_SEAT_HELD, BO_SEAT_BOOKED);
        break;

    case NGX_BO_DECLINED:
        ngx_bo_count(store, orders_declined);
        ngx_bo_outbox_wake(store);
        ngx_bo_settle(store, &c->order, BO_SEAT_HELD, BO_SEAT_AVAILABLE);
        break;

    case NGX_BO_ENDED:
        ngx_bo_settle(store, &c->order, BO_SEAT_HELD, BO_SEAT_AVAILABLE);
        break;

    case NGX_BO_REPLAYED:
    case NGX_BO_SAME:
        ngx_bo_order_settle_again(c);
        break;

    case NGX_BO_ALONE:

        /* "retry": another in its batch had the order, or the payment */

        if (ngx_bo_order_alone(c)) {
            ngx_bo_order_confirm(c);
            return;
        }

        outcome = NGX_BO_UNAVAILABLE;
        break;

    default:
        break;
    }

    ngx_bo_order_finish(c, outcome);
}


void
ngx_bo_order_cancel(ngx_bo_order_call_t *c)
{
    u_char          id[BO_UUID_LEN], no[NGX_INT32_LEN];
    ngx_str_t       v[8];
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    c->busy = 1;

    ngx_bo_order_name(c, v, id, no);
    v[3].data = (u_char *) (c->admin ? "t" : "f");
    v[3].len = 1;
    v[4] = c->seats;
    v[5] = c->terms;
    v[6] = ngx_bo_order_key(c);
    v[7] = ngx_bo_order_fingerprint(c);

    call->pg = ngx_bo_order_send(c, &ngx_bo_cancel_seats, v,
                                 ngx_bo_order_cancelled);
    if (call->pg == NULL) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_order_cancelled(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_bo_store_t    *store;
    ngx_bo_outcome_e   outcome;

    store = ngx_bo_order_call(c)->store;
    outcome = ngx_bo_order_answer(c, verdict, res, row);

    switch (outcome) {

    case NGX_BO_OK:
        ngx_bo_outbox_wake(store);

        if (c->order.ended) {
            ngx_bo_count(store, orders_cancelled);

        } else {
            ngx_bo_count(store, orders_reduced);
        }

        if (ngx_bo_order_given_back(c, res, row) != NGX_OK) {
            outcome = NGX_BO_IN_DOUBT;
        }

        break;

    case NGX_BO_REPLAYED:
    case NGX_BO_SAME:
        ngx_bo_order_settle_again(c);

        if (ngx_bo_order_given_back(c, res, row) != NGX_OK) {
            outcome = NGX_BO_IN_DOUBT;
        }

        break;

    case NGX_BO_ALONE:

        /* "retry": another in its batch had the order */

        if (ngx_bo_order_alone(c)) {
            ngx_bo_order_cancel(c);
            return;
        }

        outcome = NGX_BO_UNAVAILABLE;
        break;

    default:
        break;
    }

    ngx_bo_order_finish(c, outcome);
}


/*
 * Reads the refund, and tells Redis of the seats that came free: those of this
 * call only, for the others may be somebody else's by now.
 */

static ngx_int_t
ngx_bo_order_given_back(ngx_bo_order_call_t *c, PGresult *res, ngx_int_t row)
{
    ngx_str_t        value;
    ngx_bo_show_t   *show;
    ngx_bo_order_t   freed;
    ngx_bo_store_t  *store = ngx_bo_order_call(c)->store;

    value = ngx_bo_column(res, row, ngx_bo_col_freed);

    if (value.len) {
        freed = c->order;

        if (bo_seats_parse(&freed.seat_nos, (char *) value.data, value.len)
            == 0)
        {
            ngx_bo_settle(store, &freed,
                          freed.confirmed ? BO_SEAT_BOOKED : BO_SEAT_HELD,
                          BO_SEAT_AVAILABLE);
        }

    } else {
        show = ngx_bo_show_known(store, c->order.show_no);

        if (show) {

            /* Should Redis not have heard of it, the repair will see. */

            ngx_bo_show_touch(show);
        }
    }

    value = ngx_bo_column(res, row, ngx_bo_col_refund);

    c->refund.len = value.len;
    c->refund.data = ngx_pstrdup(c->hold.pool, &value);

    return c->refund.data ? NGX_OK : NGX_ERROR;
}


/*
 * Who did it the first time may not have lived to see it done: its answer was
 * lost, or its worker.  Held seats bear the id of the hold, so that asking
 * twice takes nothing from anybody; sold ones are the business of the repair.
 */

static void
ngx_bo_order_settle_again(ngx_bo_order_call_t *c)
{
    if (c->order.ended && !c->order.confirmed) {
        ngx_bo_settle(ngx_bo_order_call(c)->store, &c->order, BO_SEAT_HELD,
                      BO_SEAT_AVAILABLE);
    }
}


void
ngx_bo_order_read(ngx_bo_order_call_t *c)
{
    u_char          id[BO_UUID_LEN], no[NGX_INT32_LEN];
    ngx_str_t       v[4];
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    c->busy = 1;

    ngx_bo_order_name(c, v, id, no);
    v[3].data = (u_char *) (c->admin ? "t" : "f");
    v[3].len = 1;

    call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_order_by_id, v,
                                ngx_bo_order_found, c);
    if (call->pg == NULL) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_order_found(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    /* Reading changes nothing, so nothing is in doubt. */

    if (verdict == NGX_BO_UNKNOWN) {
        verdict = NGX_BO_NOT_SENT;
    }

    ngx_bo_order_finish(data, ngx_bo_order_answer(data, verdict, res, row));
}


/*
 * May be called from within a start, when the client refuses at once; the
 * owner must not hear of it before the start has returned.
 */

static void
ngx_bo_order_finish(ngx_bo_order_call_t *c, ngx_bo_outcome_e outcome)
{
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    c->busy = 0;

    if (c->gone) {
        ngx_bo_order_free(c);
        return;
    }

    call->done = c->done;
    call->outcome = outcome;
    ngx_bo_call_post(call, c->done);
}


ngx_int_t
ngx_bo_order_from_row(ngx_bo_order_t *order, ngx_pool_t *pool, PGresult *res,
    ngx_int_t row)
{
    ngx_str_t   value, nos;
    ngx_uint_t  i;

    struct {
        ngx_str_t  *text;
        int         column;
    } texts[] = {
        { &order->id, ngx_bo_col_order },
        { &order->show_id, ngx_bo_col_show },
        { &order->user, ngx_bo_col_user },
        { &order->hold_id, ngx_bo_col_hold },
        { &order->seats, ngx_bo_col_seat_ids },
        { &order->currency, ngx_bo_col_currency },
        { &order->status, ngx_bo_col_status },
        { &order->ticket, ngx_bo_col_ticket },
        { &order->method, ngx_bo_col_method }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = ngx_bo_column(res, row, texts[i].column);

        texts[i].text->len = value.len;
        texts[i].text->data = ngx_pstrdup(pool, &value);

        if (texts[i].text->data == NULL) {
            return NGX_ERROR;
        }
    }

    order->show_no = (uint32_t) ngx_bo_column_int(res, row,
                                                  ngx_bo_col_show_no);
    order->amount = ngx_bo_column_int(res, row, ngx_bo_col_amount);
    order->created = ngx_bo_column_int(res, row, ngx_bo_col_created);
    order->expires = ngx_bo_column_int(res, row, ngx_bo_col_expires);
    order->confirmed = ngx_bo_column_int(res, row, ngx_bo_col_confirmed);
    order->ended = ngx_bo_column_int(res, row, ngx_bo_col_ended);

    nos = ngx_bo_column(res, row, ngx_bo_col_seat_nos);

    if (bo_seats_parse(&order->seat_nos, (char *) nos.data, nos.len) != 0) {
        return NGX_ERROR;
    }

    return NGX_OK;
}
