
/*
 * An order is paid: the gateway is asked what became of the payment, and what
 * it says is written, in one statement.
 */


#include "ngx_bo_order_steps.h"
#include "ngx_bo_payments.h"
#include "ngx_bo_settle.h"


static void ngx_bo_order_verdict(ngx_bo_order_call_t *c,
    ngx_bo_gateway_t *gateway, ngx_uint_t captured);
static void ngx_bo_order_asked(ngx_bo_gateway_op_t *op);
static ngx_bo_outcome_e ngx_bo_order_weigh(ngx_bo_order_call_t *c,
    bo_word_t *word);
static ngx_bo_outcome_e ngx_bo_order_promise(ngx_bo_order_call_t *c,
    bo_word_t *word);
static void ngx_bo_order_promised(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_bo_outcome_e ngx_bo_order_payable(ngx_bo_order_call_t *c);
static ngx_uint_t ngx_bo_order_is_asked(ngx_bo_order_call_t *c);
static ngx_bo_outcome_e ngx_bo_order_capture(ngx_bo_order_call_t *c);
static ngx_bo_outcome_e ngx_bo_order_word(ngx_bo_order_call_t *c,
    bo_word_t *word, ngx_bo_pg_handler_pt handler);
static void ngx_bo_order_confirmed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_order_conclude(ngx_bo_order_call_t *c,
    ngx_bo_outcome_e outcome);


static ngx_bo_pg_statement_t  ngx_bo_confirm_orders = {
    "confirm_orders",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.confirm_orders($1::uuid[], $2::int[], $3::text[],"
    " $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
    " $9::text[], $10::int[])",
    10, NGX_BO_ORDER_BATCH
};


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
        return ngx_bo_order_promise(c, word);

    case BO_WORD_CAPTURED:
        return ngx_bo_order_word(c, word, ngx_bo_order_confirmed);

    case BO_WORD_DECLINED:
    case BO_WORD_FAILED:
        return NGX_BO_NOT_PAID;

    default:
        return NGX_BO_PENDING;
    }
}


/*
 * A promise is taken up, once: what that comes to is the last word.  Whoever
 * asks may name any payment of the account, so it is written down before: that
 * is done only when we asked for it, for this customer and so much.
 */

static ngx_bo_outcome_e
ngx_bo_order_promise(ngx_bo_order_call_t *c, bo_word_t *word)
{
    ngx_str_t             id, currency;
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

    return ngx_bo_order_word(c, word, ngx_bo_order_promised);
}


static void
ngx_bo_order_promised(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_order_answer(c, verdict, res, row);

    /* it is written down, now or before */

    if (outcome == NGX_BO_OK || outcome == NGX_BO_SAME) {
        outcome = ngx_bo_order_payable(c);
    }

    if (outcome == NGX_BO_OK) {
        outcome = ngx_bo_order_capture(c);
    }

    if (outcome != NGX_BO_OK) {
        ngx_bo_order_conclude(c, outcome);
    }
}


/*
 * NGX_BO_OK when the order waits for the money.  Else it would only go back:
 * the job tells the gateway that the promise is not wanted any more.
 */

static ngx_bo_outcome_e
ngx_bo_order_payable(ngx_bo_order_call_t *c)
{
    bo_order_state_e  state;

    if (!ngx_bo_order_is_asked(c)) {
        return NGX_BO_PAYMENT_USED;
    }

    if (bo_order_state_parse(&state, (char *) c->order.status.data,
                             c->order.status.len)
        != 0)
    {
        return NGX_BO_ENDED;
    }

    switch (state) {

    case BO_ORDER_PAYMENT_PENDING:
        return NGX_BO_OK;

    case BO_ORDER_CONFIRMED:
        return NGX_BO_SAME;

    default:
        return NGX_BO_ENDED;
    }
}


/* A payment may be another order's: it is confirmed by it, not this one. */

static ngx_uint_t
ngx_bo_order_is_asked(ngx_bo_order_call_t *c)
{
    u_char  id[BO_UUID_LEN];

    bo_uuid_format((char *) id, &c->id);

    return c->order.id.len == BO_UUID_LEN
           && ngx_memcmp(c->order.id.data, id, BO_UUID_LEN) == 0;
}


static ngx_bo_outcome_e
ngx_bo_order_capture(ngx_bo_order_call_t *c)
{
    c->ask.what = NGX_BO_GATEWAY_CAPTURE;

    return ngx_bo_gateway_start(&c->ask) == NGX_OK ? NGX_BO_OK
                                                   : NGX_BO_UNAVAILABLE;
}


static ngx_bo_outcome_e
ngx_bo_order_word(ngx_bo_order_call_t *c, bo_word_t *word,
    ngx_bo_pg_handler_pt handler)
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
                                    handler, c);
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

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_order_answer(c, verdict, res, row);

    if (outcome == NGX_BO_OK
        && ngx_strcmp(PQgetvalue(res, (int) row, ngx_bo_col_outcome),
                      "cancelled")
           == 0)
    {
        /* The word is confirm's too: it came too late. */

        outcome = NGX_BO_ENDED;
    }

    ngx_bo_order_conclude(c, outcome);
}


/* What follows from the end of it, whatever it is. */

static void
ngx_bo_order_conclude(ngx_bo_order_call_t *c, ngx_bo_outcome_e outcome)
{
    ngx_bo_store_t  *store = ngx_bo_order_call(c)->store;

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

    if ((outcome == NGX_BO_OK || outcome == NGX_BO_SAME
         || outcome == NGX_BO_REPLAYED)
        && !ngx_bo_order_is_asked(c))
    {
        outcome = NGX_BO_PAYMENT_USED;
    }

    ngx_bo_order_finish(c, outcome);
}
