
/*
 * Payments.  Reserve, commit, then call: an intent is in PostgreSQL before the
 * gateway hears of it.
 */


#include "ngx_bo_payments.h"
#include "ngx_bo_settle.h"


#define NGX_BO_TAKE_WEBHOOK_PARAMS  15


/* The columns of begin_payment(). */

enum {
    ngx_bo_pay_outcome = 0,
    ngx_bo_pay_intent,
    ngx_bo_pay_provider,
    ngx_bo_pay_reference,
    ngx_bo_pay_amount,
    ngx_bo_pay_currency,
    ngx_bo_pay_method,
    ngx_bo_pay_expires,
    ngx_bo_pay_status,
    ngx_bo_pay_site
};


static void ngx_bo_pay_left(ngx_bo_call_t *call);
static void ngx_bo_pay_free(ngx_bo_pay_call_t *p);
static void ngx_bo_pay_finish(ngx_bo_pay_call_t *p, ngx_bo_outcome_e outcome);
static void ngx_bo_pay_begun(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_pay_read(ngx_bo_pay_call_t *p, PGresult *res);
static void ngx_bo_pay_nothing(ngx_bo_pay_call_t *p);
static void ngx_bo_pay_confirmed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_pay_create(ngx_bo_pay_call_t *p, ngx_uint_t again);
static void ngx_bo_pay_created(ngx_bo_gateway_op_t *op);
static void ngx_bo_pay_note(ngx_bo_pay_call_t *p, bo_word_t *word,
    ngx_bo_pg_handler_pt handler);
static void ngx_bo_pay_noted(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_pay_refused(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_webhook_taken(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


ngx_bo_pg_statement_t  ngx_bo_take_word = {
    "take_word",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.take_word(" NGX_BO_WORD_ROW ", $11::text, $12::text,"
    " $13::text, $14::text, $15::int)",
    NGX_BO_TAKE_WORD_PARAMS, 1
};

static ngx_bo_pg_statement_t  ngx_bo_take_webhook = {
    "take_webhook",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.take_webhook($11::text, $12::text, " NGX_BO_WORD_ROW ","
    " $13::text, $14::int, $15::uuid)",
    NGX_BO_TAKE_WEBHOOK_PARAMS, 1
};

static ngx_bo_pg_statement_t  ngx_bo_begin_payment = {
    "begin_payment",
    "select outcome, intent_id, provider, reference, amount, currency,"
    " method, expires_ms, order_status, (select site_id from boxoffice.site)"
    " from boxoffice.begin_payment($1::uuid, $2::int, $3::text, $4::text,"
    " $5::uuid, $6::int, $7::text, $8::text)",
    8, 1
};

static ngx_bo_pg_statement_t  ngx_bo_confirm_free = {
    "confirm_free",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.confirm_free($1::uuid, $2::int, $3::text, $4::text,"
    " $5::text, $6::text, $7::int)",
    7, 1
};


static ngx_str_t
ngx_bo_word_text(const char *s)
{
    ngx_str_t  text;

    text.len = ngx_strlen(s);
    text.data = text.len ? (u_char *) s : NULL;

    return text;
}


void
ngx_bo_word_values(ngx_str_t *v, ngx_bo_gateway_t *gateway, bo_word_t *word,
    ngx_bo_word_room_t *room)
{
    v[0] = gateway->name;
    v[1] = ngx_bo_word_text(bo_word_name(word->kind));
    v[2] = ngx_bo_word_text(word->payment);
    v[3] = ngx_bo_word_text(word->reference);
    v[4] = ngx_bo_word_text(word->intent);
    v[5] = ngx_bo_word_text(word->order);
    v[6].data = room->amount;
    v[6].len = ngx_sprintf(room->amount, "%L", word->amount) - room->amount;
    v[7] = ngx_bo_word_text(word->currency);
    v[8] = ngx_bo_word_text(word->refund);
    v[9] = ngx_bo_word_text(word->refund_ref);
}


ngx_int_t
ngx_bo_word_ticket(ngx_str_t *v, ngx_bo_word_room_t *room)
{
    uint8_t  random[10];

    if (ngx_bo_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    bo_ticket_code((char *) room->ticket, random);

    v->data = room->ticket;
    v->len = BO_TICKET_LEN;

    return NGX_OK;
}


ngx_int_t
ngx_bo_word_trusted(ngx_bo_store_t *store, ngx_str_t *v,
    ngx_bo_gateway_t *gateway, bo_word_t *word, ngx_bo_word_room_t *room)
{
    ngx_bo_word_values(v, gateway, word, room);

    ngx_str_null(&v[10]);
    ngx_str_null(&v[11]);
    ngx_str_null(&v[12]);
    v[14] = store->seats_per_user;

    return ngx_bo_word_ticket(&v[13], room);
}


void
ngx_bo_word_taken(ngx_bo_store_t *store, PGresult *res, int row)
{
    const char  *said;

    ngx_bo_outbox_wake(store);

    said = PQgetvalue(res, row, 1);

    if (ngx_strcmp(said, "parked") == 0) {
        ngx_bo_count(store, webhooks_parked);

    } else if (ngx_strcmp(said, "foreign") == 0) {
        ngx_bo_count(store, webhooks_foreign);

    } else if (ngx_strcmp(said, "lost") == 0) {
        ngx_bo_count(store, webhooks_lost);
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: a gateway has money that bears our mark, "
                      "and nobody here asked for it: see the quarantine");

    } else if (ngx_strcmp(said, "refunded") == 0) {
        ngx_bo_count(store, refunds_done);

    } else if (ngx_strcmp(said, "refund_failed") == 0) {
        ngx_bo_count(store, refunds_failed);
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: a gateway says that a refund failed: see "
                      "refunds that are FAILED");

    } else if (ngx_strcmp(said, "quarantined") == 0
               || ngx_strcmp(said, "altered") == 0)
    {
        ngx_bo_count(store, payments_quarantined);
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: a gateway says what does not fit (%s): see "
                      "%s", said, *said == 'q' ? "the quarantine"
                                               : "webhook_events");
    }

    if (ngx_strcmp(said, "confirmed") == 0) {
        ngx_bo_count(store, orders_confirmed);
        ngx_bo_settle_row(store, res, row, BO_SEAT_HELD, BO_SEAT_BOOKED);

    } else if (ngx_strcmp(said, "order_cancelled") == 0) {

        /* by the provider's desk */

        ngx_bo_count(store, refunds_done);
        ngx_bo_count(store, orders_cancelled);
        ngx_bo_settle_row(store, res, row, BO_SEAT_BOOKED,
                          BO_SEAT_AVAILABLE);
    }
}


ngx_bo_pay_call_t *
ngx_bo_pay_call_create(ngx_bo_store_t *store)
{
    ngx_pool_t         *pool;
    ngx_bo_pay_call_t  *p;

    pool = ngx_create_pool(2048, store->log);
    if (pool == NULL) {
        return NULL;
    }

    p = ngx_pcalloc(pool, sizeof(ngx_bo_pay_call_t));
    if (p == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    p->pool = pool;
    p->call.store = store;
    p->call.left = ngx_bo_pay_left;

    return p;
}


static void
ngx_bo_pay_left(ngx_bo_call_t *call)
{
    ngx_bo_pay_call_t *p = (ngx_bo_pay_call_t *) call;

    p->gone = 1;

    if (!p->busy) {
        ngx_bo_pay_free(p);
    }
}


static void
ngx_bo_pay_free(ngx_bo_pay_call_t *p)
{
    p->call.left = NULL;
    ngx_bo_call_cancel(&p->call);

    ngx_bo_gateway_end(&p->op);
    ngx_destroy_pool(p->pool);
}


static void
ngx_bo_pay_finish(ngx_bo_pay_call_t *p, ngx_bo_outcome_e outcome)
{
    p->busy = 0;

    if (p->gone) {
        ngx_bo_pay_free(p);
        return;
    }

    p->call.done = p->done;
    p->call.outcome = outcome;
    ngx_bo_call_post(&p->call, p->done);
}


/* The first three values: which order, and whose. */

static void
ngx_bo_pay_name(ngx_bo_pay_call_t *p, ngx_str_t *v, u_char *id, u_char *no)
{
    bo_uuid_format((char *) id, &p->order);

    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1].data = no;
    v[1].len = ngx_sprintf(no, "%uD", p->show_no) - no;
    v[2] = p->user;
}


/* Two values: the key and the fingerprint; empty: none. */

static void
ngx_bo_pay_key(ngx_bo_pay_call_t *p, ngx_str_t *v)
{
    ngx_str_null(&v[0]);
    ngx_str_null(&v[1]);

    if (p->idempotency.present) {
        v[0].data = p->idempotency.key;
        v[0].len = NGX_BO_KEY_LEN;
        v[1].data = p->idempotency.fingerprint;
        v[1].len = NGX_BO_FINGERPRINT_LEN;
    }
}


void
ngx_bo_pay_begin(ngx_bo_pay_call_t *p)
{
    u_char             id[BO_UUID_LEN], no[NGX_INT32_LEN];
    u_char             intent[BO_UUID_LEN], check[NGX_INT64_LEN];
    bo_uuid_t          uuid;
    ngx_str_t          v[8];
    ngx_bo_store_t    *store = p->call.store;
    ngx_bo_gateway_t  *gateway = store->gateways->elts;

    p->busy = 1;

    if (ngx_bo_make_id(&uuid, p->show_no) != NGX_OK) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
        return;
    }

    bo_uuid_format((char *) intent, &uuid);

    ngx_bo_pay_name(p, v, id, no);
    v[3] = gateway->name;
    v[4].data = intent;
    v[4].len = BO_UUID_LEN;
    v[5].data = check;
    v[5].len = ngx_sprintf(check, "%M", gateway->check) - check;
    ngx_bo_pay_key(p, &v[6]);

    p->call.pg = ngx_bo_pg_submit(store->pg, &ngx_bo_begin_payment, v,
                                  ngx_bo_pay_begun, p);
    if (p->call.pg == NULL) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
    }
}


/* NGX_BO_OK for a clean answer. */

static ngx_bo_outcome_e
ngx_bo_pay_check(ngx_bo_pay_call_t *p, ngx_bo_verdict_e verdict, PGresult *res)
{
    p->call.pg = NULL;

    if (verdict == NGX_BO_NOT_SENT) {
        return NGX_BO_UNAVAILABLE;
    }

    if (verdict == NGX_BO_UNKNOWN) {
        return NGX_BO_IN_DOUBT;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, p->call.store->log, 0,
                      "boxoffice: a statement on payments failed: %s",
                      PQresultErrorMessage(res));
        return NGX_BO_UNAVAILABLE;
    }

    return PQntuples(res) == 1 ? NGX_BO_OK : NGX_BO_NOT_FOUND;
}


static void
ngx_bo_pay_begun(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_pay_call_t *p = data;

    const char        *said;
    ngx_uint_t         again;
    ngx_bo_outcome_e   outcome;

    outcome = ngx_bo_pay_check(p, verdict, res);

    if (outcome != NGX_BO_OK) {
        ngx_bo_pay_finish(p, outcome);
        return;
    }

    said = PQgetvalue(res, 0, ngx_bo_pay_outcome);
    again = ngx_strcmp(said, "open") == 0;

    if (ngx_bo_pay_read(p, res) != NGX_OK) {
        outcome = NGX_BO_UNAVAILABLE;

    } else if (ngx_strcmp(said, "key_reused") == 0) {
        outcome = NGX_BO_KEY_REUSED;

    } else if (ngx_strcmp(said, "free") == 0) {
        ngx_bo_pay_nothing(p);
        return;

    } else if (ngx_strcmp(said, "CONFIRMED") == 0) {
        outcome = NGX_BO_SAME;

    } else if (!again && ngx_strcmp(said, "created") != 0) {
        outcome = NGX_BO_ENDED;

    } else if (p->gateway == NULL) {
        ngx_log_error(NGX_LOG_ERR, p->call.store->log, 0,
                      "boxoffice: a payment was begun with a gateway that is "
                      "not configured any more");
        outcome = NGX_BO_UNAVAILABLE;
    }

    if (outcome != NGX_BO_OK) {
        ngx_bo_pay_finish(p, outcome);
        return;
    }

    if (!again) {
        ngx_bo_count(p->call.store, payments_begun);
    }

    ngx_bo_pay_create(p, again);
}


static ngx_int_t
ngx_bo_pay_read(ngx_bo_pay_call_t *p, PGresult *res)
{
    ngx_str_t   value;
    ngx_uint_t  i;

    struct {
        ngx_str_t  *text;
        int         column;
    } texts[] = {
        { &p->intent, ngx_bo_pay_intent },
        { &p->reference, ngx_bo_pay_reference },
        { &p->currency, ngx_bo_pay_currency },
        { &p->method, ngx_bo_pay_method },
        { &p->status, ngx_bo_pay_status },
        { &p->site, ngx_bo_pay_site }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = ngx_bo_column(res, 0, texts[i].column);

        texts[i].text->len = value.len;
        texts[i].text->data = ngx_pstrdup(p->pool, &value);

        if (texts[i].text->data == NULL) {
            return NGX_ERROR;
        }
    }

    p->amount = ngx_bo_column_int(res, 0, ngx_bo_pay_amount);
    p->expires = ngx_bo_column_int(res, 0, ngx_bo_pay_expires);

    value = ngx_bo_column(res, 0, ngx_bo_pay_provider);
    p->gateway = ngx_bo_gateway_by_name(p->call.store->gateways, &value);

    return NGX_OK;
}


/* No gateway takes a payment of nothing: the order is confirmed without. */

static void
ngx_bo_pay_nothing(ngx_bo_pay_call_t *p)
{
    u_char              id[BO_UUID_LEN], no[NGX_INT32_LEN];
    ngx_str_t           v[7];
    ngx_bo_word_room_t  room;

    ngx_bo_pay_name(p, v, id, no);
    ngx_bo_pay_key(p, &v[3]);
    v[6] = p->call.store->seats_per_user;

    if (ngx_bo_word_ticket(&v[5], &room) == NGX_OK) {
        p->call.pg = ngx_bo_pg_submit(p->call.store->pg, &ngx_bo_confirm_free,
                                      v, ngx_bo_pay_confirmed, p);
    }

    if (p->call.pg == NULL) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_pay_confirmed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_pay_call_t *p = data;

    const char        *said;
    ngx_bo_order_t     order;
    ngx_bo_outcome_e   outcome;

    outcome = ngx_bo_pay_check(p, verdict, res);

    if (outcome != NGX_BO_OK) {
        ngx_bo_pay_finish(p, outcome);
        return;
    }

    ngx_bo_word_taken(p->call.store, res, 0);
    ngx_memzero(&order, sizeof(ngx_bo_order_t));

    said = PQgetvalue(res, 0, 1);

    if (ngx_strcmp(said, "key_reused") == 0) {
        outcome = NGX_BO_KEY_REUSED;

    } else if (ngx_strcmp(said, "in_progress") == 0) {
        outcome = NGX_BO_IN_PROGRESS;

    } else if (ngx_bo_order_from_row(&order, p->pool, res, 0) != NGX_OK) {
        outcome = NGX_BO_IN_DOUBT;

    } else if (ngx_strcmp(said, "confirmed") == 0
               || ngx_strcmp(said, "already") == 0)
    {
        p->free = order;

    } else {
        p->status = order.status;
        outcome = NGX_BO_ENDED;
    }

    ngx_bo_pay_finish(p, outcome);
}


static void
ngx_bo_pay_create(ngx_bo_pay_call_t *p, ngx_uint_t again)
{
    u_char               *id;
    ngx_bo_gateway_op_t  *op = &p->op;

    id = ngx_pnalloc(p->pool, BO_UUID_LEN);
    if (id == NULL) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
        return;
    }

    bo_uuid_format((char *) id, &p->order);

    op->gateway = p->gateway;
    op->what = NGX_BO_GATEWAY_CREATE;
    op->done = ngx_bo_pay_created;
    op->data = p;
    op->order.data = id;
    op->order.len = BO_UUID_LEN;
    op->intent = p->intent;
    op->currency = p->currency;
    op->method = p->method;
    op->site = p->site;
    op->amount = p->amount;
    op->again = again;

    if (ngx_bo_gateway_start(op) != NGX_OK) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_pay_created(ngx_bo_gateway_op_t *op)
{
    ngx_bo_pay_call_t *p = op->data;

    bo_word_t  *word, refused;

    switch (op->verdict) {

    case NGX_BO_GATEWAY_DONE:
        break;

    case NGX_BO_GATEWAY_REFUSED:
    case NGX_BO_GATEWAY_NOT_FOUND:

        /* It will not take it; another intent may fare better. */

        ngx_memzero(&refused, sizeof(bo_word_t));
        refused.kind = BO_WORD_FAILED;
        ngx_memcpy(refused.intent, p->intent.data, BO_UUID_LEN);

        ngx_bo_pay_note(p, &refused, ngx_bo_pay_refused);
        return;

    case NGX_BO_GATEWAY_NOT_NOW:
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
        return;

    default:
        ngx_bo_pay_finish(p, NGX_BO_IN_DOUBT);
        return;
    }

    word = ngx_bo_gateway_word(op);

    if (word == NULL || word->reference[0] == '\0') {
        ngx_bo_pay_finish(p, NGX_BO_IN_DOUBT);
        return;
    }

    p->reference.data = (u_char *) word->reference;
    p->reference.len = ngx_strlen(word->reference);
    p->secret.data = (u_char *) word->secret;
    p->secret.len = ngx_strlen(word->secret);

    /* Whatever it is by now: the word that it is open tells its name. */

    ngx_memcpy(word->intent, p->intent.data, BO_UUID_LEN);
    word->intent[BO_UUID_LEN] = '\0';
    word->kind = BO_WORD_OPEN;

    ngx_bo_pay_note(p, word, ngx_bo_pay_noted);
}


static void
ngx_bo_pay_note(ngx_bo_pay_call_t *p, bo_word_t *word,
    ngx_bo_pg_handler_pt handler)
{
    ngx_str_t           v[NGX_BO_TAKE_WORD_PARAMS];
    ngx_bo_word_room_t  room;

    if (ngx_bo_word_trusted(p->call.store, v, p->gateway, word, &room)
        == NGX_OK)
    {
        p->call.pg = ngx_bo_pg_submit(p->call.store->pg, &ngx_bo_take_word, v,
                                      handler, p);
    }

    if (p->call.pg == NULL) {
        ngx_bo_pay_finish(p, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_pay_noted(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_pay_call_t *p = data;

    ngx_bo_pay_finish(p, ngx_bo_pay_check(p, verdict, res));
}


static void
ngx_bo_pay_refused(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_pay_call_t *p = data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_pay_check(p, verdict, res);
    ngx_bo_pay_finish(p, outcome == NGX_BO_OK ? NGX_BO_NOT_PAID : outcome);
}


void
ngx_bo_webhook_take(ngx_bo_webhook_call_t *w)
{
    ngx_str_t            v[NGX_BO_TAKE_WEBHOOK_PARAMS];
    ngx_bo_store_t      *store = w->call.store;
    ngx_bo_word_room_t   room;

    ngx_bo_word_values(v, w->gateway, w->word, &room);

    v[10] = w->event;
    v[11] = w->digest;
    v[13] = store->seats_per_user;
    v[14] = ngx_bo_word_text(w->word->site);

    if (ngx_bo_word_ticket(&v[12], &room) == NGX_OK) {
        w->call.pg = ngx_bo_pg_submit(store->pg, &ngx_bo_take_webhook, v,
                                      ngx_bo_webhook_taken, w);
    }

    if (w->call.pg == NULL) {
        w->call.outcome = NGX_BO_UNAVAILABLE;
        ngx_bo_call_post(&w->call, w->call.done);
    }
}


static void
ngx_bo_webhook_taken(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_webhook_call_t *w = data;

    ngx_uint_t   i;
    const char  *said;

    static const char *const  words[] = {
        "duplicate", "altered", "parked", "quarantined", "confirmed",
        "already", "expired", "failed", "cancelled", "payment_used",
        "authorised", "noted", "refunded", "refund_failed", "gone",
        "order_cancelled", "foreign"
    };

    w->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || PQntuples(res) != 1)
    {
        if (verdict == NGX_BO_DONE) {
            ngx_log_error(NGX_LOG_ERR, w->call.store->log, 0,
                          "boxoffice: a webhook could not be taken: %s",
                          PQresultErrorMessage(res));
        }

        ngx_bo_call_done(&w->call, verdict == NGX_BO_UNKNOWN
                                   ? NGX_BO_IN_DOUBT : NGX_BO_UNAVAILABLE);
        return;
    }

    ngx_bo_word_taken(w->call.store, res, 0);

    said = PQgetvalue(res, 0, 1);
    w->said = "taken";

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (ngx_strcmp(said, words[i]) == 0) {
            w->said = words[i];
        }
    }

    ngx_bo_call_done(&w->call, NGX_BO_OK);
}
