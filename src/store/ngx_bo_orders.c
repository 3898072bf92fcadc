
/*
 * Orders.  Every change is one statement; the PostgreSQL client makes batches
 * of them.  What the statements do is written in sql/; what is done with their
 * answers, in ngx_bo_order_create.c, _confirm.c and _cancel.c.
 */


#include "ngx_bo_order_steps.h"
#include "ngx_bo_room.h"
#include "ngx_bo_settle.h"


typedef struct {
    const char              *name;
    ngx_bo_outcome_e         outcome;
} ngx_bo_order_word_t;


static void ngx_bo_order_left(ngx_bo_call_t *call);
static void ngx_bo_order_free(ngx_bo_order_call_t *c);
static void ngx_bo_order_found(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_order_by_id = {
    "order_by_id",
    "select 1, 'found', " NGX_BO_ORDER_COLUMNS
    " from boxoffice.order_by_id($1::uuid, $2::int, $3::text, $4::boolean)",
    4, 1
};


/* What the statements say, and what it means; the first word is the rule. */

static ngx_bo_order_word_t  ngx_bo_order_words[] = {
    { "created", NGX_BO_OK },
    { "confirmed", NGX_BO_OK },
    { "cancelled", NGX_BO_OK },
    { "seats_cancelled", NGX_BO_OK },
    { "found", NGX_BO_OK },
    { "authorised", NGX_BO_OK },
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


ngx_str_t
ngx_bo_order_key(ngx_bo_order_call_t *c)
{
    ngx_str_t  key = ngx_null_string;

    if (c->hold.idempotency.present) {
        key.data = c->hold.idempotency.key;
        key.len = NGX_BO_KEY_LEN;
    }

    return key;
}


ngx_str_t
ngx_bo_order_fingerprint(ngx_bo_order_call_t *c)
{
    ngx_str_t  fp = ngx_null_string;

    if (c->hold.idempotency.present) {
        fp.data = c->hold.idempotency.fingerprint;
        fp.len = NGX_BO_FINGERPRINT_LEN;
    }

    return fp;
}


void
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


ngx_bo_pg_op_t *
ngx_bo_order_send(ngx_bo_order_call_t *c, ngx_bo_pg_statement_t *st,
    ngx_str_t *values, ngx_bo_pg_handler_pt handler)
{
    ngx_bo_pg_t  *pg = ngx_bo_order_call(c)->store->pg;

    if (c->alone) {
        return ngx_bo_pg_submit_alone(pg, st, values, handler, c);
    }

    return ngx_bo_pg_submit(pg, st, values, handler, c);
}


ngx_uint_t
ngx_bo_order_alone(ngx_bo_order_call_t *c)
{
    if (c->alone) {
        return 0;
    }

    c->alone = 1;

    return 1;
}


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


ngx_bo_outcome_e
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


void
ngx_bo_order_settle_again(ngx_bo_order_call_t *c)
{
    if (c->order.ended && !c->order.confirmed) {
        ngx_bo_settle(ngx_bo_order_call(c)->store, &c->order, BO_SEAT_HELD,
                      BO_SEAT_AVAILABLE);
    }
}


void
ngx_bo_order_leave_rooms(ngx_bo_store_t *store, ngx_bo_order_t *order,
    ngx_uint_t late)
{
    bo_uuid_t  show;

    if (bo_uuid_parse(&show, (char *) order->show_id.data,
                      order->show_id.len)
        == 0)
    {
        ngx_bo_rooms_finish(store, &order->user, &show, late);
    }
}


void
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
