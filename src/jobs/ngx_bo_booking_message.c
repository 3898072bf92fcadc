
/*
 * A message of a booking: what PostgreSQL makes of it, and what then becomes
 * of it in Redis.  It goes only after the commit, so it may come again; every
 * step finds what it did the first time.
 */


#include "store/ngx_bo_room.h"
#include "ngx_bo_job_bookings.h"


#define NGX_BO_MESSAGE_BATCH  256

/* A payment of a booking that nobody has written is given up; msec. */

#define NGX_BO_MESSAGE_OLD    3600000

/* The booking itself is with another handler; msec. */

#define NGX_BO_MESSAGE_SOON   100


/* Item and outcome, then NGX_BO_ORDER_COLUMNS. */

enum {
    ngx_bo_message_outcome = 1,
    ngx_bo_message_ended = 15
};


static ngx_int_t ngx_bo_message_read(ngx_bo_message_t *m,
    redisReply *fields);
static ngx_int_t ngx_bo_message_valid(ngx_bo_message_t *m);
static void ngx_bo_message_persisted(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_message_refused(ngx_bo_message_t *m, const char *outcome,
    PGresult *res, ngx_int_t row);
static void ngx_bo_message_paid(ngx_bo_call_t *call);
static void ngx_bo_message_unpaid(ngx_bo_message_t *m);
static void ngx_bo_message_retry(ngx_bo_message_t *m, ngx_msec_t pause);
static void ngx_bo_message_end(ngx_bo_message_t *m, const char *status,
    const char *reason, ngx_uint_t free);
static ngx_bo_outcome_e ngx_bo_message_end_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_message_ended_done(ngx_bo_call_t *call);


static ngx_bo_pg_statement_t  ngx_bo_persist_bookings = {
    "persist_bookings",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.persist_bookings($1::uuid[], $2::uuid[], $3::int[],"
    " $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],"
    " $14::int[], $15::bigint[])",
    15, NGX_BO_MESSAGE_BATCH
};


/* All that there are, for the end of the worker. */

static ngx_queue_t  ngx_bo_messages;


ngx_bo_message_t *
ngx_bo_message_make(ngx_bo_take_t *take, ngx_str_t *id, redisReply *fields,
    ngx_uint_t *bad)
{
    ngx_pool_t        *pool;
    ngx_bo_message_t  *m;

    *bad = 0;

    pool = ngx_create_pool(2048, take->job->store->log);
    if (pool == NULL) {
        return NULL;
    }

    m = ngx_pcalloc(pool, sizeof(ngx_bo_message_t));
    if (m == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    m->pool = pool;
    m->take = take;
    m->stream = take->stream;
    m->id.len = id->len;
    m->id.data = ngx_pstrdup(pool, id);

    if (m->id.data == NULL || ngx_bo_message_read(m, fields) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    if (ngx_bo_message_valid(m) != NGX_OK) {
        ngx_destroy_pool(pool);
        *bad = 1;
        return NULL;
    }

    m->script.call.store = take->job->store;
    m->script.call.show = take->script.call.show;
    ngx_bo_show_keep(m->script.call.show);

    if (ngx_bo_messages.next == NULL) {
        ngx_queue_init(&ngx_bo_messages);
    }

    ngx_queue_insert_tail(&ngx_bo_messages, &m->all);

    return m;
}


/* Names and values, see lua/book.lua; unknown ones are passed over. */

static ngx_int_t
ngx_bo_message_read(ngx_bo_message_t *m, redisReply *fields)
{
    size_t      i;
    ngx_str_t   name, value;
    ngx_uint_t  k;

    struct {
        const char  *name;
        ngx_str_t   *text;
    } known[] = {
        { "t", &m->type }, { "b", &m->booking_text }, { "u", &m->user },
        { "n", &m->seat_nos }, { "a", &m->amount }, { "y", &m->currency },
        { "m", &m->method }, { "l", &m->labels }, { "cn", &m->name },
        { "ce", &m->email }, { "cp", &m->phone }, { "p", &m->payment },
        { "s", &m->starts }
    };

    for (i = 0; i + 1 < fields->elements; i += 2) {
        name = ngx_bo_reply_str(fields, i);
        value = ngx_bo_reply_str(fields, i + 1);

        for (k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            if (name.len == ngx_strlen(known[k].name)
                && ngx_strncmp(name.data, known[k].name, name.len) == 0)
            {
                known[k].text->len = value.len;
                known[k].text->data = ngx_pstrdup(m->pool, &value);

                if (known[k].text->data == NULL) {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_message_valid(ngx_bo_message_t *m)
{
    if (m->user.len == 0
        || bo_uuid_parse(&m->booking, (char *) m->booking_text.data,
                         m->booking_text.len)
           != 0)
    {
        return NGX_ERROR;
    }

    if (m->type.len == sizeof("complete") - 1) {
        return m->payment.len ? NGX_OK : NGX_ERROR;
    }

    if (m->type.len != sizeof("persist") - 1
        || m->seat_nos.len == 0 || m->seat_nos.len > BO_SEATS_TEXT_MAX
        || bo_seats_parse(&m->seats, (char *) m->seat_nos.data,
                          m->seat_nos.len)
           != 0
        || m->seats.n == 0
        || ngx_atoof(m->amount.data, m->amount.len) == NGX_ERROR
        || (m->starts.len
            && ngx_atoof(m->starts.data, m->starts.len) == NGX_ERROR))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* An id begins with the time, msec since 1970, by the clock of Redis. */

ngx_uint_t
ngx_bo_message_older(ngx_str_t *id, int64_t age)
{
    off_t    came;
    u_char  *dash;

    dash = ngx_strlchr(id->data, id->data + id->len, '-');
    came = dash ? ngx_atoof(id->data, dash - id->data) : NGX_ERROR;

    return came != NGX_ERROR && ngx_bo_now() - (int64_t) came > age;
}


ngx_int_t
ngx_bo_message_persist(ngx_bo_message_t *m)
{
    u_char           seats[BO_SEATS_TEXT_MAX + 2];
    ngx_str_t        v[15];
    ngx_bo_show_t   *show = m->script.call.show;
    ngx_bo_store_t  *store = m->script.call.store;

    seats[0] = '{';
    ngx_memcpy(&seats[1], m->seat_nos.data, m->seat_nos.len);
    seats[m->seat_nos.len + 1] = '}';

    v[0] = m->booking_text;
    v[1].data = show->id_text;
    v[1].len = BO_UUID_LEN;
    v[2].data = show->no_text;
    v[2].len = ngx_strlen(show->no_text);
    v[3] = m->user;
    v[4].data = seats;
    v[4].len = m->seat_nos.len + 2;
    v[5] = m->labels;
    v[6] = m->amount;
    v[7] = m->currency;
    v[8] = m->method;
    v[9] = m->name;
    v[10] = m->email;
    v[11] = m->phone;
    v[12] = store->order_ttl;
    v[13] = store->seats_per_user;
    v[14] = m->starts;

    m->pg = ngx_bo_pg_submit(store->pg, &ngx_bo_persist_bookings, v,
                             ngx_bo_message_persisted, m);

    return m->pg ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_message_persisted(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_message_t *m = data;

    char            *outcome;
    ngx_bo_store_t  *store = m->script.call.store;

    m->pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || PQntuples(res) <= row)
    {
        if (verdict == NGX_BO_DONE) {
            ngx_bo_count(store, jobs_failed);
            ngx_log_error(NGX_LOG_ERR, store->log, 0,
                          "boxoffice: booking %V could not be written: %s",
                          &m->booking_text, PQresultErrorMessage(res));
        }

        ngx_bo_count(store, bookings_retried);
        ngx_bo_stream_failed(m->stream);
        ngx_bo_take_written(m, 0);
        return;
    }

    outcome = PQgetvalue(res, (int) row, ngx_bo_message_outcome);

    if (ngx_strcmp(outcome, "retry") == 0) {
        ngx_bo_count(store, bookings_retried);
        ngx_bo_stream_failed(m->stream);
        ngx_bo_take_written(m, 0);
        return;
    }

    m->stream->pause = 0;

    if (ngx_strcmp(outcome, "created") == 0) {
        ngx_bo_count(store, orders_created);
        ngx_bo_count(store, bookings_persisted);
        ngx_bo_outbox_wake(store);
        ngx_bo_take_written(m, 1);
        return;
    }

    if (ngx_strcmp(outcome, "known") == 0
        && PQgetisnull(res, (int) row, ngx_bo_message_ended))
    {
        ngx_bo_take_written(m, 1);
        return;
    }

    ngx_bo_message_refused(m, outcome, res, row);
}


/*
 * It has come to its end: PostgreSQL would not have it, or it did not live to
 * be acknowledged.  What it has in Redis is given back before the message goes.
 */

static void
ngx_bo_message_refused(ngx_bo_message_t *m, const char *outcome,
    PGresult *res, ngx_int_t row)
{
    ngx_bo_take_t   *take = m->take;
    ngx_bo_store_t  *store = m->script.call.store;

    if (ngx_strcmp(outcome, "known") != 0) {
        ngx_bo_count(store, bookings_refused);
        ngx_bo_outbox_wake(store);

        if (ngx_strcmp(outcome, "seats_taken") == 0) {
            ngx_bo_count(store, orders_conflicts);
        }

    } else {
        outcome = "";
    }

    ngx_bo_rooms_finish(store, &m->user, &m->script.call.show->id, 0);

    m->take = NULL;
    ngx_bo_message_end(m, "FAILED", outcome, 1);

    ngx_bo_take_part(take);
}


void
ngx_bo_message_pay(ngx_bo_message_t *m)
{
    ngx_bo_call_t        *call;
    ngx_bo_store_t       *store = m->script.call.store;
    ngx_bo_order_call_t  *c;

    m->take = NULL;
    ngx_queue_insert_tail(&m->stream->flying, &m->queue);

    c = ngx_bo_order_call_create(store);
    if (c == NULL) {
        ngx_bo_message_retry(m, 0);
        return;
    }

    m->order = c;
    call = ngx_bo_order_call(c);
    call->data = m;

    c->id = m->booking;
    c->show_no = m->script.call.show->no;
    c->hold.user.len = m->user.len;
    c->hold.user.data = ngx_pstrdup(c->hold.pool, &m->user);
    c->payment.len = m->payment.len;
    c->payment.data = ngx_pstrdup(c->hold.pool, &m->payment);
    c->done = ngx_bo_message_paid;

    if (c->hold.user.data == NULL || c->payment.data == NULL) {
        ngx_bo_message_unpaid(m);
        ngx_bo_message_retry(m, 0);
        return;
    }

    ngx_bo_order_confirm(c);
}


static void
ngx_bo_message_paid(ngx_bo_call_t *call)
{
    ngx_bo_message_t *m = call->data;

    ngx_str_t           status;
    ngx_bo_store_t     *store = call->store;
    ngx_bo_outcome_e    outcome;

    outcome = call->outcome;
    status.len = m->order->order.status.len;
    status.data = ngx_pnalloc(m->pool, status.len + 1);

    if (status.data == NULL) {
        outcome = NGX_BO_UNAVAILABLE;

    } else {
        ngx_cpystrn(status.data, m->order->order.status.data, status.len + 1);
    }

    ngx_bo_message_unpaid(m);

    switch (outcome) {

    case NGX_BO_OK:
    case NGX_BO_SAME:
    case NGX_BO_REPLAYED:
    case NGX_BO_DECLINED:
    case NGX_BO_ENDED:
        ngx_bo_count(store, bookings_completed);
        ngx_bo_rooms_finish(store, &m->user, &m->script.call.show->id, 0);
        ngx_bo_message_end(m, (char *) status.data,
                           outcome == NGX_BO_DECLINED ? "payment_declined"
                                                      : "", 0);
        return;

    /* it waits for another payment, or for the gateway to say more */

    case NGX_BO_NOT_PAID:
        ngx_bo_message_end(m, "PENDING", "payment_declined", 0);
        return;

    case NGX_BO_PENDING:
        ngx_bo_message_end(m, "PENDING", "payment_pending", 0);
        return;

    case NGX_BO_QUARANTINED:
        ngx_bo_message_end(m, "PENDING", "payment_mismatch", 0);
        return;

    case NGX_BO_PAYMENT_USED:
        ngx_bo_message_end(m, "PENDING", "payment_used", 0);
        return;

    case NGX_BO_NO_PAYMENT:
        ngx_bo_message_end(m, "PENDING", "payment_unknown", 0);
        return;

    case NGX_BO_NOT_FOUND:

        /* the booking itself is still with another handler, or was */

        if (!ngx_bo_message_older(&m->id, NGX_BO_MESSAGE_OLD)) {
            ngx_bo_message_retry(m, NGX_BO_MESSAGE_SOON);
            return;
        }

        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: payment of booking %V, which is nowhere, "
                      "given up", &m->booking_text);
        ngx_bo_message_end(m, "FAILED", "lost", 0);
        return;

    default:
        ngx_bo_message_retry(m, 0);
    }
}


static void
ngx_bo_message_unpaid(ngx_bo_message_t *m)
{
    ngx_bo_order_call_t  *c = m->order;

    m->order = NULL;
    ngx_bo_call_cancel(ngx_bo_order_call(c));
}


/* It comes again: pause is msec, or 0 for what failed. */

static void
ngx_bo_message_retry(ngx_bo_message_t *m, ngx_msec_t pause)
{
    ngx_bo_count(m->script.call.store, bookings_retried);

    if (pause) {
        ngx_bo_stream_again(m->stream, pause);

    } else {
        ngx_bo_stream_failed(m->stream);
    }

    ngx_queue_remove(&m->queue);
    ngx_bo_message_free(m);
}


/* See lua/book_end.lua; free: the seats go back. */

static void
ngx_bo_message_end(ngx_bo_message_t *m, const char *status,
    const char *reason, ngx_uint_t free)
{
    u_char         *p;
    uint32_t        i, n;
    ngx_str_t      *arg;
    ngx_bo_show_t  *show = m->script.call.show;

    n = free ? m->seats.n : 0;

    if (free) {

        /* found by those who take messages again meanwhile */

        ngx_queue_insert_tail(&m->stream->flying, &m->queue);
    }

    arg = ngx_palloc(m->pool, (13 + n) * sizeof(ngx_str_t));
    p = ngx_pnalloc(m->pool, NGX_BO_BOOKING_KEY_LEN + n * NGX_INT32_LEN);

    if (arg == NULL || p == NULL) {
        ngx_bo_message_retry(m, 0);
        return;
    }

    m->script.argv = arg;
    *arg++ = show->version_key;
    *arg++ = show->state_key;
    *arg++ = show->hold_key;
    *arg++ = show->expiry_key;
    *arg++ = show->bookings_key;
    ngx_bo_booking_name(show, &m->booking, p, arg);
    p += arg++->len;

    arg++;    /* the epoch */
    *arg++ = m->booking_text;
    *arg++ = m->id;
    arg->data = (u_char *) status;
    arg++->len = ngx_strlen(status);
    arg->data = (u_char *) reason;
    arg++->len = ngx_strlen(reason);
    *arg++ = show->lock_prefix;

    for (i = 0; i < n; i++, arg++) {
        arg->data = p;
        p = ngx_sprintf(p, "%uD", m->seats.no[i]);
        arg->len = p - arg->data;
    }

    m->script.script = &ngx_bo_script_book_end;
    m->script.read = ngx_bo_message_end_read;
    m->script.nkeys = 6;
    m->script.argc = arg - m->script.argv;
    m->script.call.done = ngx_bo_message_ended_done;

    ngx_bo_show_touch(show);
    ngx_bo_script_run(&m->script);
}


static ngx_bo_outcome_e
ngx_bo_message_end_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    return NGX_BO_OK;
}


static void
ngx_bo_message_ended_done(ngx_bo_call_t *call)
{
    ngx_bo_message_t *m = (ngx_bo_message_t *) call;

    if (call->outcome != NGX_BO_OK) {
        ngx_bo_message_retry(m, 0);
        return;
    }

    ngx_queue_remove(&m->queue);
    ngx_bo_message_free(m);
}


void
ngx_bo_message_free(ngx_bo_message_t *m)
{
    if (m->pg) {
        ngx_bo_pg_cancel(m->pg);
    }

    if (m->order) {
        ngx_bo_message_unpaid(m);
    }

    ngx_bo_call_cancel(&m->script.call);
    ngx_queue_remove(&m->all);
    ngx_destroy_pool(m->pool);
}


void
ngx_bo_messages_free(void)
{
    ngx_queue_t  *q;

    if (ngx_bo_messages.next == NULL) {
        return;
    }

    while (!ngx_queue_empty(&ngx_bo_messages)) {
        q = ngx_queue_head(&ngx_bo_messages);
        ngx_bo_message_free(ngx_queue_data(q, ngx_bo_message_t, all));
    }
}
