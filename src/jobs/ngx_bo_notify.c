
/*
 * The sink of messages: one delivery after another asks PostgreSQL where its
 * event goes next, sends it there, and says what came of it.
 *
 * Between the moment when a server takes a message and the one when PostgreSQL
 * has that down, a crash makes the message go again: under the same Message-ID
 * or idempotency key.  So the note is the very next thing that happens, and is
 * repeated until it is there or the delivery's time is over.
 */


#include "ngx_bo_notify.h"
#include "store/ngx_bo_shows.h"
#include "store/ngx_bo_ticket.h"


#define NGX_BO_NOTIFY_AGAIN   300       /* msec, before a step is repeated */
#define NGX_BO_NOTIFY_SPARE   2500      /* msec of a delivery's time that are
                                         * left for a last statement */
#define NGX_BO_NOTIFY_REASON  128


/* An event on its way. */

typedef struct {
    ngx_bo_delivery_t        *d;
    ngx_queue_t               queue;
    ngx_pool_t               *pool;
    ngx_bo_notify_conf_t     *nc;
    ngx_uint_t                event;
    ngx_bo_notify_plan_t     *plan;
    ngx_msec_t                began;

    ngx_bo_pg_op_t           *pg;
    ngx_bo_outbound_op_t     *op;
    ngx_event_t               timer;

    ngx_str_t                 skipped;      /* channels that had their try */

    /* the try under way, or the one that is to be noted */
    ngx_bo_notify_channel_t  *ch;
    ngx_uint_t                attempt;
    ngx_bo_notify_facts_t     facts;
    ngx_array_t               files;
    const char               *outcome;      /* NULL: nothing to be noted */
    u_char                    reason[NGX_BO_NOTIFY_REASON];

    time_t                    retry_after;
    unsigned                  away:1;       /* nothing but refusals to try */
} ngx_bo_notify_t;


static ngx_int_t ngx_bo_notify_start(ngx_bo_sink_t *sink);
static void ngx_bo_notify_stop(ngx_bo_sink_t *sink);
static void ngx_bo_notify_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n);
static ngx_int_t ngx_bo_notify_begin(ngx_bo_sink_t *sink,
    ngx_bo_delivery_t *d, ngx_uint_t event);
static ngx_int_t ngx_bo_notify_event(ngx_str_t *type);
static void ngx_bo_notify_step(ngx_bo_notify_t *nt);
static void ngx_bo_notify_step_timer(ngx_event_t *ev);
static void ngx_bo_notify_stepped(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_notify_step_failed(ngx_bo_notify_t *nt);
static void ngx_bo_notify_act(ngx_bo_notify_t *nt, PGresult *res);
static ngx_int_t ngx_bo_notify_take(ngx_bo_notify_t *nt, PGresult *res);
static ngx_int_t ngx_bo_notify_facts(ngx_bo_notify_t *nt, PGresult *res);
static ngx_int_t ngx_bo_notify_copy(ngx_pool_t *pool, PGresult *res,
    int column, ngx_str_t *s);
static void ngx_bo_notify_tickets(ngx_bo_notify_t *nt);
static void ngx_bo_notify_ticket_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_notify_attach(ngx_bo_notify_t *nt, PGresult *res);
static void ngx_bo_notify_submit(ngx_bo_notify_t *nt);
static void ngx_bo_notify_sent(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);
static const char *ngx_bo_notify_smtp_outcome(ngx_uint_t status);
static const char *ngx_bo_notify_http_outcome(ngx_uint_t status);
static void ngx_bo_notify_ended(ngx_bo_notify_t *nt, const char *outcome,
    const char *reason);
static void ngx_bo_notify_count(ngx_bo_notify_t *nt);
static void ngx_bo_notify_done(ngx_bo_notify_t *nt,
    ngx_bo_sink_result_e result, const char *error);
static void ngx_bo_notify_free(ngx_bo_notify_t *nt);


ngx_bo_sink_kind_t  ngx_bo_sink_notify = {
    "notify",
    0,
    NULL,
    NULL,
    ngx_bo_notify_start,
    ngx_bo_notify_stop,
    ngx_bo_notify_send
};


/* The types of the outbox, in the order of ngx_bo_notify_event_e. */

ngx_str_t  ngx_bo_notify_types[] = {
    ngx_string("order.confirmed"),
    ngx_string("order.failed"),
    ngx_string("order.expired"),
    ngx_string("order.cancelled"),
    ngx_string("order.seats_cancelled"),
    ngx_string("payment.refunded")
};


static const char  ngx_bo_notify_s_sent[] = "SENT";
static const char  ngx_bo_notify_s_retry[] = "RETRY";
static const char  ngx_bo_notify_s_refused[] = "REFUSED";


#define NGX_BO_NOTIFY_COLUMNS                                                 \
    "action, channel, attempt, fallback, wait_ms, address, language,"         \
    " order_id, version, user_id, customer, show_no, movie, theatre, place,"  \
    " screen, starts_ms, ends_ms, starts_local, weekday, timezone,"           \
    " utc_offset, cardinality(seat_nos), seat_ids, changed_seats, amount,"    \
    " currency, refund, ticket_code, payment_method, show_cancelled"

enum {
    NGX_BO_NOTIFY_C_ACTION = 0,
    NGX_BO_NOTIFY_C_CHANNEL,
    NGX_BO_NOTIFY_C_ATTEMPT,
    NGX_BO_NOTIFY_C_FALLBACK,
    NGX_BO_NOTIFY_C_WAIT,
    NGX_BO_NOTIFY_C_ADDRESS,
    NGX_BO_NOTIFY_C_LANGUAGE,
    NGX_BO_NOTIFY_C_ORDER,
    NGX_BO_NOTIFY_C_VERSION,
    NGX_BO_NOTIFY_C_USER,
    NGX_BO_NOTIFY_C_CUSTOMER,
    NGX_BO_NOTIFY_C_SHOW_NO,
    NGX_BO_NOTIFY_C_MOVIE,
    NGX_BO_NOTIFY_C_THEATRE,
    NGX_BO_NOTIFY_C_PLACE,
    NGX_BO_NOTIFY_C_SCREEN,
    NGX_BO_NOTIFY_C_STARTS,
    NGX_BO_NOTIFY_C_ENDS,
    NGX_BO_NOTIFY_C_LOCAL,
    NGX_BO_NOTIFY_C_WEEKDAY,
    NGX_BO_NOTIFY_C_TIMEZONE,
    NGX_BO_NOTIFY_C_OFFSET,
    NGX_BO_NOTIFY_C_NSEATS,
    NGX_BO_NOTIFY_C_SEATS,
    NGX_BO_NOTIFY_C_CHANGED,
    NGX_BO_NOTIFY_C_AMOUNT,
    NGX_BO_NOTIFY_C_CURRENCY,
    NGX_BO_NOTIFY_C_REFUND,
    NGX_BO_NOTIFY_C_TICKET,
    NGX_BO_NOTIFY_C_METHOD,
    NGX_BO_NOTIFY_C_SHOW_CANCELLED
};


/* Columns that are texts, and their places. */

static struct {
    int                      column;
    size_t                   offset;
} ngx_bo_notify_texts[] = {
    { NGX_BO_NOTIFY_C_ADDRESS, offsetof(ngx_bo_notify_facts_t, address) },
    { NGX_BO_NOTIFY_C_LANGUAGE, offsetof(ngx_bo_notify_facts_t, language) },
    { NGX_BO_NOTIFY_C_ORDER, offsetof(ngx_bo_notify_facts_t, order) },
    { NGX_BO_NOTIFY_C_USER, offsetof(ngx_bo_notify_facts_t, user) },
    { NGX_BO_NOTIFY_C_CUSTOMER, offsetof(ngx_bo_notify_facts_t, customer) },
    { NGX_BO_NOTIFY_C_MOVIE, offsetof(ngx_bo_notify_facts_t, movie) },
    { NGX_BO_NOTIFY_C_THEATRE, offsetof(ngx_bo_notify_facts_t, theatre) },
    { NGX_BO_NOTIFY_C_PLACE, offsetof(ngx_bo_notify_facts_t, place) },
    { NGX_BO_NOTIFY_C_SCREEN, offsetof(ngx_bo_notify_facts_t, screen) },
    { NGX_BO_NOTIFY_C_LOCAL, offsetof(ngx_bo_notify_facts_t, local) },
    { NGX_BO_NOTIFY_C_TIMEZONE, offsetof(ngx_bo_notify_facts_t, timezone) },
    { NGX_BO_NOTIFY_C_OFFSET, offsetof(ngx_bo_notify_facts_t, offset) },
    { NGX_BO_NOTIFY_C_SEATS, offsetof(ngx_bo_notify_facts_t, seats) },
    { NGX_BO_NOTIFY_C_CHANGED, offsetof(ngx_bo_notify_facts_t, changed) },
    { NGX_BO_NOTIFY_C_CURRENCY, offsetof(ngx_bo_notify_facts_t, currency) },
    { NGX_BO_NOTIFY_C_TICKET, offsetof(ngx_bo_notify_facts_t, ticket) },
    { NGX_BO_NOTIFY_C_METHOD, offsetof(ngx_bo_notify_facts_t, method) }
};

#define NGX_BO_NOTIFY_TEXTS                                                   \
    (sizeof(ngx_bo_notify_texts) / sizeof(ngx_bo_notify_texts[0]))


static ngx_bo_pg_statement_t  ngx_bo_notify_statement = {
    "notification_step",
    "select " NGX_BO_NOTIFY_COLUMNS " from boxoffice.notification_step("
    "$1::uuid, $2::text, $3::jsonb, $4::text[], $5::text[], $6::boolean[],"
    " $7::bigint[], $8::bigint[], $9::text[], $10::text, $11::int,"
    " $12::text, $13::text)",
    13, 1
};

static ngx_bo_pg_statement_t  ngx_bo_notify_ticket_statement = {
    "notification_tickets",
    "select " NGX_BO_TICKET_COLUMNS NGX_BO_TICKET_ROWS,
    4, 1
};


static ngx_int_t
ngx_bo_notify_start(ngx_bo_sink_t *sink)
{
    ngx_queue_t  *active;

    active = ngx_pcalloc(sink->store->cycle->pool, sizeof(ngx_queue_t));
    if (active == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(active);
    sink->data = active;

    return NGX_OK;
}


static void
ngx_bo_notify_stop(ngx_bo_sink_t *sink)
{
    ngx_queue_t  *active;

    active = sink->data;

    if (active == NULL) {
        return;
    }

    while (!ngx_queue_empty(active)) {
        ngx_bo_notify_free(ngx_queue_data(ngx_queue_head(active),
                                          ngx_bo_notify_t, queue));
    }
}


static void
ngx_bo_notify_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d, ngx_uint_t n)
{
    ngx_int_t              event;
    ngx_uint_t             i;
    ngx_bo_notify_conf_t  *nc = sink->conf;

    for (i = 0; i < n; i++) {
        event = ngx_bo_notify_event(&d[i]->event.type);

        if (event == NGX_ERROR || nc->plans[event].n == 0) {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_DELIVERED, 0, NULL);

        } else if (ngx_bo_notify_begin(sink, d[i], event) != NGX_OK) {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "no memory");
        }
    }
}


static ngx_int_t
ngx_bo_notify_event(ngx_str_t *type)
{
    ngx_int_t  i;

    for (i = 0; i < NGX_BO_NOTIFY_EVENTS; i++) {
        if (type->len == ngx_bo_notify_types[i].len
            && ngx_strncmp(type->data, ngx_bo_notify_types[i].data, type->len)
               == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_bo_notify_begin(ngx_bo_sink_t *sink, ngx_bo_delivery_t *d,
    ngx_uint_t event)
{
    ngx_pool_t            *pool;
    ngx_bo_notify_t       *nt;
    ngx_bo_notify_conf_t  *nc = sink->conf;

    pool = ngx_create_pool(4096, sink->store->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    nt = ngx_pcalloc(pool, sizeof(ngx_bo_notify_t));
    if (nt == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    nt->pool = pool;
    nt->d = d;
    nt->nc = nc;
    nt->event = event;
    nt->plan = &nc->plans[event];
    nt->began = ngx_current_msec;
    nt->away = 1;

    nt->timer.handler = ngx_bo_notify_step_timer;
    nt->timer.data = nt;
    nt->timer.log = sink->store->log;

    /* as an array: "{", each channel's name with a comma, "}" */

    nt->skipped.data = ngx_pnalloc(pool, nt->plan->arrays[0].len + 2);
    if (nt->skipped.data == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_memcpy(nt->skipped.data, "{}", 2);
    nt->skipped.len = 2;

    ngx_queue_insert_tail((ngx_queue_t *) sink->data, &nt->queue);

    ngx_bo_notify_step(nt);

    return NGX_OK;
}


/* Notes the end of the try before, if there was one, and asks what is next. */

static void
ngx_bo_notify_step(ngx_bo_notify_t *nt)
{
    u_char            attempt[NGX_INT_T_LEN];
    ngx_str_t         v[13];
    ngx_uint_t        i;
    ngx_bo_sink_t    *sink;
    ngx_bo_event_t   *event;

    sink = nt->d->sink;
    event = &nt->d->event;

    ngx_memzero(v, sizeof(v));

    v[0] = event->id;
    v[1] = event->type;
    v[2] = event->payload;

    for (i = 0; i < 5; i++) {
        v[3 + i] = nt->plan->arrays[i];
    }

    v[8] = nt->skipped;

    if (nt->outcome) {
        v[9] = nt->ch->name;
        v[10].data = attempt;
        v[10].len = ngx_sprintf(attempt, "%ui", nt->attempt) - attempt;
        v[11].data = (u_char *) nt->outcome;
        v[11].len = ngx_strlen(nt->outcome);

        if (nt->outcome != ngx_bo_notify_s_sent) {
            v[12].data = nt->reason;
            v[12].len = ngx_strlen(nt->reason);
        }
    }

    nt->pg = ngx_bo_pg_submit(sink->store->pg, &ngx_bo_notify_statement, v,
                              ngx_bo_notify_stepped, nt);
    if (nt->pg == NULL) {
        ngx_bo_notify_step_failed(nt);
    }
}


static void
ngx_bo_notify_step_timer(ngx_event_t *ev)
{
    ngx_bo_notify_step(ev->data);
}


static void
ngx_bo_notify_stepped(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_notify_t *nt = data;

    const char  *state;

    nt->pg = NULL;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK
        && PQntuples(res) == 1)
    {
        nt->outcome = NULL;
        ngx_bo_notify_act(nt, res);
        return;
    }

    /* the message may quote a name */

    if (verdict == NGX_BO_DONE) {
        state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

        ngx_log_error(NGX_LOG_ERR, nt->d->sink->store->log, 0,
                      "boxoffice: event %V: notification_step() failed: %s",
                      &nt->d->event.id, state ? state : "no row");
    }

    ngx_bo_notify_step_failed(nt);
}


/*
 * What is to be noted is tried for as long as the delivery may take; should it
 * be lost, the message is sent again when its lease is over.
 */

static void
ngx_bo_notify_step_failed(ngx_bo_notify_t *nt)
{
    if (nt->outcome && !ngx_exiting
        && ngx_current_msec - nt->began + NGX_BO_NOTIFY_AGAIN
           + NGX_BO_NOTIFY_SPARE < nt->d->sink->timeout)
    {
        ngx_add_timer(&nt->timer, NGX_BO_NOTIFY_AGAIN);
        return;
    }

    ngx_bo_notify_done(nt, NGX_BO_SINK_AWAY, "postgresql is away");
}


static void
ngx_bo_notify_act(ngx_bo_notify_t *nt, PGresult *res)
{
    int64_t          wait;
    ngx_str_t        action;
    ngx_bo_store_t  *store;

    store = nt->d->sink->store;
    action = ngx_bo_column(res, 0, NGX_BO_NOTIFY_C_ACTION);

    if (ngx_strcmp(action.data, "send") == 0) {

        if (ngx_bo_notify_take(nt, res) != NGX_OK) {
            ngx_bo_notify_done(nt, NGX_BO_SINK_AWAY, "no memory");
        }

        return;
    }

    if (ngx_strcmp(action.data, "later") == 0) {
        wait = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_WAIT);
        wait = (wait + 999) / 1000;

        if (nt->retry_after < wait) {
            nt->retry_after = wait;
        }

        /* the one channel that there is cannot be reached: no event is tried */

        ngx_bo_notify_done(nt, nt->away && nt->ch && nt->plan->n == 1
                               ? NGX_BO_SINK_AWAY : NGX_BO_SINK_RETRY,
                           nt->reason[0] ? (char *) nt->reason
                                         : "another node has it");
        return;
    }

    if (ngx_strcmp(action.data, "undeliverable") == 0) {
        ngx_bo_count(store, notifications_undeliverable);

        ngx_log_error(NGX_LOG_WARN, store->log, 0,
                      "boxoffice: event %V: no channel takes the message: %s",
                      &nt->d->event.id, nt->reason);

    } else if (ngx_strcmp(action.data, "superseded") == 0) {
        ngx_bo_count(store, notifications_superseded);
    }

    ngx_bo_notify_done(nt, NGX_BO_SINK_DELIVERED, NULL);
}


/* A channel is ours for the time of its lease. */

static ngx_int_t
ngx_bo_notify_take(ngx_bo_notify_t *nt, PGresult *res)
{
    u_char           *p;
    ngx_int_t         n;
    ngx_bo_store_t   *store;

    n = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_CHANNEL);

    if (n < 1 || (ngx_uint_t) n > nt->plan->n) {
        return NGX_ERROR;
    }

    store = nt->d->sink->store;
    nt->ch = nt->plan->channels[n - 1];
    nt->attempt = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_ATTEMPT);

    if (*PQgetvalue(res, 0, NGX_BO_NOTIFY_C_FALLBACK) == 't') {
        (void) ngx_atomic_fetch_add(
                    &store->zone->metrics.notify[nt->ch->kind].fallbacks, 1);
    }

    p = nt->skipped.data + nt->skipped.len - 1;
    p = ngx_sprintf(p, "%s%V}", nt->skipped.len > 2 ? "," : "",
                    &nt->ch->name);
    nt->skipped.len = p - nt->skipped.data;

    if (ngx_bo_notify_facts(nt, res) != NGX_OK
        || ngx_array_init(&nt->files, nt->pool, 8, sizeof(bo_mail_file_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (nt->ch->kind == NGX_BO_NOTIFY_EMAIL
        && nt->event == NGX_BO_NOTIFY_CONFIRMED && store->tickets)
    {
        ngx_bo_notify_tickets(nt);

    } else {
        ngx_bo_notify_submit(nt);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_notify_facts(ngx_bo_notify_t *nt, PGresult *res)
{
    ngx_uint_t              i;
    ngx_bo_notify_facts_t  *f;

    f = &nt->facts;

    for (i = 0; i < NGX_BO_NOTIFY_TEXTS; i++) {
        if (ngx_bo_notify_copy(nt->pool, res, ngx_bo_notify_texts[i].column,
                    (ngx_str_t *) ((u_char *) f
                                   + ngx_bo_notify_texts[i].offset))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    f->version = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_VERSION);
    f->show_no = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_SHOW_NO);
    f->starts = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_STARTS);
    f->ends = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_ENDS);
    f->weekday = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_WEEKDAY);
    f->nseats = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_NSEATS);
    f->amount = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_AMOUNT);
    f->refund = ngx_bo_column_int(res, 0, NGX_BO_NOTIFY_C_REFUND);
    f->show_cancelled = *PQgetvalue(res, 0, NGX_BO_NOTIFY_C_SHOW_CANCELLED)
                        == 't';

    return NGX_OK;
}


static ngx_int_t
ngx_bo_notify_copy(ngx_pool_t *pool, PGresult *res, int column, ngx_str_t *s)
{
    ngx_str_t  value;

    value = ngx_bo_column(res, 0, column);

    s->len = value.len;
    s->data = ngx_pstrdup(pool, &value);

    return s->data || s->len == 0 ? NGX_OK : NGX_ERROR;
}


/* Each seat's code goes with the mail, as a picture. */

static void
ngx_bo_notify_tickets(ngx_bo_notify_t *nt)
{
    u_char     show[NGX_INT32_LEN];
    ngx_str_t  v[4];

    v[0] = nt->facts.order;
    v[1].data = show;
    v[1].len = ngx_sprintf(show, "%uD", nt->facts.show_no) - show;
    v[2] = nt->facts.user;
    ngx_str_set(&v[3], "f");

    nt->pg = ngx_bo_pg_submit(nt->d->sink->store->pg,
                              &ngx_bo_notify_ticket_statement, v,
                              ngx_bo_notify_ticket_rows, nt);
    if (nt->pg == NULL) {
        ngx_bo_notify_ended(nt, ngx_bo_notify_s_retry, "no ticket");
    }
}


static void
ngx_bo_notify_ticket_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_notify_t *nt = data;

    nt->pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || ngx_bo_notify_attach(nt, res) != NGX_OK)
    {
        /* a mail without its ticket is none: try again */

        ngx_bo_notify_ended(nt, ngx_bo_notify_s_retry, "no ticket");
        return;
    }

    ngx_bo_notify_submit(nt);
}


static ngx_int_t
ngx_bo_notify_attach(ngx_bo_notify_t *nt, PGresult *res)
{
    int              i, n;
    u_char          *p;
    ngx_int_t        rc;
    ngx_str_t        png;
    bo_entry_t       entry;
    bo_mail_file_t  *file;

    n = PQntuples(res);

    for (i = 0; i < n; i++) {
        rc = ngx_bo_ticket_from_row(&entry, res, i, 0);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK
            || ngx_bo_ticket_png(nt->d->sink->store, &entry, nt->pool, &png)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        file = ngx_array_push(&nt->files);
        p = ngx_pnalloc(nt->pool, sizeof("ticket-.png") + entry.label_len);

        if (file == NULL || p == NULL) {
            return NGX_ERROR;
        }

        file->type.data = "image/png";
        file->type.len = sizeof("image/png") - 1;
        file->name.data = (char *) p;
        p = ngx_cpymem(p, "ticket-", sizeof("ticket-") - 1);
        p = ngx_cpymem(p, entry.label, entry.label_len);
        p = ngx_cpymem(p, ".png", sizeof(".png") - 1);
        file->name.len = (char *) p - file->name.data;
        file->data.data = (char *) png.data;
        file->data.len = png.len;
    }

    return NGX_OK;
}


static void
ngx_bo_notify_submit(ngx_bo_notify_t *nt)
{
    ngx_int_t                  rc;
    ngx_bo_outbound_request_t  request;

    rc = ngx_bo_notify_compose(nt->nc, nt->ch, nt->event, &nt->d->event,
                               &nt->facts, &nt->files, nt->pool, &request);

    if (rc == NGX_DECLINED) {
        nt->away = 0;
        ngx_bo_notify_ended(nt, ngx_bo_notify_s_refused, "no valid address");
        return;
    }

    if (rc != NGX_OK) {
        ngx_bo_notify_ended(nt, ngx_bo_notify_s_retry, "no memory");
        return;
    }

    nt->op = ngx_bo_outbound_submit(nt->ch->peer, &request,
                                    ngx_bo_notify_sent, nt);
    if (nt->op == NULL) {
        ngx_bo_notify_ended(nt, ngx_bo_notify_s_retry, "not tried: the queue "
                            "is full, or the server did not answer lately");
    }
}


static void
ngx_bo_notify_sent(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    ngx_bo_notify_t *nt = data;

    const char  *outcome, *reason;
    u_char       text[NGX_BO_NOTIFY_REASON];
    ngx_uint_t   mail;

    nt->op = NULL;

    mail = nt->ch->kind == NGX_BO_NOTIFY_EMAIL && nt->ch->aws == NULL;
    reason = answer->error ? answer->error : "no answer";
    outcome = ngx_bo_notify_s_retry;

    if (answer->retry_after > nt->retry_after) {
        nt->retry_after = answer->retry_after;
    }

    if (verdict != NGX_BO_NOT_SENT) {
        nt->away = 0;
    }

    /* a mail that was refused was not given over */

    if (answer->status
        && (verdict == NGX_BO_DONE || (mail && verdict == NGX_BO_NOT_SENT)))
    {
        outcome = mail ? ngx_bo_notify_smtp_outcome(answer->status)
                       : ngx_bo_notify_http_outcome(answer->status);

        if (verdict != NGX_BO_DONE && outcome == ngx_bo_notify_s_sent) {
            outcome = ngx_bo_notify_s_retry;
        }

        nt->away = 0;

        *ngx_snprintf(text, sizeof(text) - 1, "%s %ui",
                      mail ? "smtp" : "http", answer->status) = '\0';
        reason = (char *) text;
    }

    ngx_bo_notify_ended(nt, outcome, reason);
}


/*
 * RFC 5321, 4.2.1, and RFC 4954, 6: a server that does not let us in says
 * nothing about the message.
 */

static const char *
ngx_bo_notify_smtp_outcome(ngx_uint_t status)
{
    if (status >= 200 && status < 300) {
        return ngx_bo_notify_s_sent;
    }

    return status < 500 || status == 530 || status == 534 || status == 535
           || status == 538
           ? ngx_bo_notify_s_retry : ngx_bo_notify_s_refused;
}


/* Likewise: a wrong key or path is ours to repair, not the customer's. */

static const char *
ngx_bo_notify_http_outcome(ngx_uint_t status)
{
    if (status >= 200 && status < 300) {
        return ngx_bo_notify_s_sent;
    }

    switch (status) {

    case 401:
    case 403:
    case 404:
    case 405:
    case 407:
    case 408:
    case 409:
    case 425:
    case 429:
        return ngx_bo_notify_s_retry;

    default:
        return status >= 400 && status < 500 ? ngx_bo_notify_s_refused
                                             : ngx_bo_notify_s_retry;
    }
}


/* The try has ended; the next step notes it. */

static void
ngx_bo_notify_ended(ngx_bo_notify_t *nt, const char *outcome,
    const char *reason)
{
    nt->outcome = outcome;
    *ngx_snprintf(nt->reason, NGX_BO_NOTIFY_REASON - 1, "%V: %s",
                  &nt->ch->name, reason) = '\0';

    ngx_bo_notify_count(nt);
    ngx_bo_notify_step(nt);
}


static void
ngx_bo_notify_count(ngx_bo_notify_t *nt)
{
    ngx_uint_t              level;
    ngx_bo_notify_stats_t  *stats;

    stats = &nt->d->sink->store->zone->metrics.notify[nt->ch->kind];

    if (nt->outcome == ngx_bo_notify_s_sent) {
        (void) ngx_atomic_fetch_add(&stats->sent, 1);
        return;
    }

    (void) ngx_atomic_fetch_add(nt->outcome == ngx_bo_notify_s_refused
                                ? &stats->refused : &stats->failed, 1);

    /* a server that is away says so often */

    level = nt->outcome == ngx_bo_notify_s_refused ? NGX_LOG_WARN
                                                   : NGX_LOG_INFO;

    ngx_log_error(level, nt->d->sink->store->log, 0,
                  "boxoffice: event %V: message not sent: %s",
                  &nt->d->event.id, nt->reason);
}


static void
ngx_bo_notify_done(ngx_bo_notify_t *nt, ngx_bo_sink_result_e result,
    const char *error)
{
    char                buf[NGX_BO_NOTIFY_REASON];
    time_t              retry_after;
    ngx_bo_delivery_t  *d;

    d = nt->d;
    retry_after = result == NGX_BO_SINK_DELIVERED ? 0 : nt->retry_after;

    if (error) {
        ngx_cpystrn((u_char *) buf, (u_char *) error, sizeof(buf));
        error = buf;
    }

    ngx_bo_notify_free(nt);
    ngx_bo_sink_done(d, result, retry_after, error);
}


static void
ngx_bo_notify_free(ngx_bo_notify_t *nt)
{
    if (nt->pg) {
        ngx_bo_pg_cancel(nt->pg);
    }

    if (nt->op) {
        ngx_bo_outbound_cancel(nt->op);
    }

    if (nt->timer.timer_set) {
        ngx_del_timer(&nt->timer);
    }

    ngx_queue_remove(&nt->queue);
    ngx_destroy_pool(nt->pool);
}
