
/*
 * The short way of the relay, and what its lanes have in common.
 *
 * One batch is under way at a time.  The statement that marks it claims the
 * next one, so that events under load cost one statement and one pipeline of
 * commands for a hundred of them.
 */


#include "ngx_bo_relay.h"


/*
 * msec between the beginnings of two claims: what comes meanwhile goes with
 * the next one.
 */

#define NGX_BO_RELAY_GAP      4

/* msec that a batch may take before others may have its events */

#define NGX_BO_RELAY_LEASE    "5000"

#define NGX_BO_RELAY_GAUGES   2000      /* msec */

/* msec: the longest rest of a sink that is away, and wait of an event */

#define NGX_BO_RELAY_REST     15000
#define NGX_BO_RELAY_BACKOFF  3600000


static ngx_int_t ngx_bo_relay_lanes(ngx_cycle_t *cycle, ngx_bo_relay_t *relay,
    ngx_array_t *sinks);
static ngx_bo_sink_stats_t *ngx_bo_relay_stats(ngx_bo_store_t *store,
    ngx_str_t *name);
static void ngx_bo_relay_woken(ngx_event_t *ev);
static void ngx_bo_relay_timer(ngx_event_t *ev);
static void ngx_bo_relay_sleep(ngx_bo_relay_t *relay, ngx_msec_t pause);
static void ngx_bo_relay_step(ngx_bo_relay_t *relay);
static ngx_int_t ngx_bo_relay_marks(ngx_bo_relay_t *relay, ngx_pool_t *pool,
    ngx_str_t *v);
static void ngx_bo_relay_owe(ngx_bo_relay_t *relay, ngx_bo_item_t *item,
    ngx_bo_list_t *owed);
static void ngx_bo_relay_claimed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_relay_publish(ngx_bo_relay_t *relay);
static void ngx_bo_relay_ended(ngx_bo_item_t *item);
static void ngx_bo_relay_told(ngx_bo_relay_t *relay);
static void ngx_bo_relay_look(ngx_event_t *ev);
static void ngx_bo_relay_looked(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_batch_event(ngx_bo_event_t *event, ngx_pool_t *pool,
    PGresult *res, int row);
static void ngx_bo_lane_count(ngx_bo_lane_t *lane, ngx_bo_item_t *item,
    ngx_uint_t retry_after);
static ngx_msec_t ngx_bo_relay_jitter(ngx_msec_t base, ngx_uint_t n,
    ngx_msec_t most);


/* See NGX_BO_EVENT_COLUMNS. */

enum {
    ngx_bo_col_event = 0,
    ngx_bo_col_aggregate,
    ngx_bo_col_version,
    ngx_bo_col_type,
    ngx_bo_col_payload,
    ngx_bo_col_created,
    ngx_bo_col_attempts,
    ngx_bo_col_parked
};


static ngx_bo_pg_statement_t  ngx_bo_relay_outbox = {
    "relay_outbox",
    "select " NGX_BO_EVENT_COLUMNS
    " from boxoffice.relay_outbox($1::text, $2::int,"
    " " NGX_BO_RELAY_LEASE ", $3::uuid[], $4::int[], $5::text[],"
    " $6::uuid[], $7::int[], $8::int[], $9::int[], $10::text[])",
    10, 1
};

static ngx_bo_pg_statement_t  ngx_bo_relay_backlog = {
    "relay_backlog",
    "select sink, pending, coalesce(oldest_ms, 0), dead"
    " from boxoffice.relay_backlog($1::text[])",
    1, 1
};


/* One in each worker. */

static ngx_bo_relay_t  ngx_bo_relay;


ngx_int_t
ngx_bo_relay_start(ngx_cycle_t *cycle, ngx_bo_store_t *store,
    ngx_array_t *sinks)
{
    ngx_bo_relay_t  *relay = &ngx_bo_relay;

    ngx_memzero(relay, sizeof(ngx_bo_relay_t));

    if (sinks->nelts == 0) {
        return NGX_OK;
    }

    relay->store = store;
    relay->first = ngx_process != NGX_PROCESS_WORKER || ngx_worker == 0;

    if (ngx_bo_relay_lanes(cycle, relay, sinks) != NGX_OK) {
        return NGX_ERROR;
    }

    relay->timer.handler = ngx_bo_relay_timer;
    relay->timer.data = relay;
    relay->timer.log = cycle->log;
    relay->timer.cancelable = 1;

    relay->gauges.handler = ngx_bo_relay_look;
    relay->gauges.data = relay;
    relay->gauges.log = cycle->log;
    relay->gauges.cancelable = 1;

    store->outbox.handler = ngx_bo_relay_woken;
    store->outbox.data = relay;
    store->outbox.log = cycle->log;

    ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);

    if (relay->first) {
        ngx_add_timer(&relay->gauges, ngx_random() % NGX_BO_RELAY_GAUGES);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_relay_lanes(ngx_cycle_t *cycle, ngx_bo_relay_t *relay,
    ngx_array_t *sinks)
{
    ngx_uint_t       i;
    ngx_bo_lane_t   *lane;
    ngx_bo_sink_t  **sink = sinks->elts;

    if (ngx_array_init(&relay->lanes, cycle->pool, sinks->nelts,
                       sizeof(ngx_bo_lane_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < sinks->nelts; i++) {
        lane = ngx_array_push(&relay->lanes);
        ngx_memzero(lane, sizeof(ngx_bo_lane_t));

        lane->relay = relay;
        lane->sink = sink[i];
        lane->sink->store = relay->store;
        lane->stats = ngx_bo_relay_stats(relay->store, &lane->sink->name);

        if (relay->direct == NULL && lane->sink->kind->direct) {
            relay->direct = lane;
        }

        if (!relay->first && relay->direct != lane) {
            continue;
        }

        if (lane->sink->kind->start
            && lane->sink->kind->start(lane->sink) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (relay->first) {
            ngx_bo_lane_start(lane);
        }
    }

    return NGX_OK;
}


/*
 * The counters of a sink, which are found by its name: they are kept while the
 * configuration changes.  A name that is gone leaves its place when no other
 * is left; without one, nothing is counted where anybody sees it.
 */

static ngx_bo_sink_stats_t *
ngx_bo_relay_stats(ngx_bo_store_t *store, ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_bo_sink_stats_t  *stats;

    static ngx_bo_sink_stats_t  nowhere;

    ngx_shmtx_lock(&store->shpool->mutex);

    stats = store->zone->metrics.sinks;

    for (i = 0; i < NGX_BO_SINKS_MAX; i++, stats++) {
        if (stats->name[0] == '\0') {
            ngx_memcpy(stats->name, name->data, name->len);
            break;
        }

        if (ngx_strlen(stats->name) == name->len
            && ngx_strncmp(stats->name, name->data, name->len) == 0)
        {
            break;
        }
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    return i < NGX_BO_SINKS_MAX ? stats : &nowhere;
}


/* The clients still take orders, and drop what is under way afterwards. */

void
ngx_bo_relay_stop(void)
{
    ngx_uint_t       i;
    ngx_bo_lane_t   *lane;
    ngx_bo_relay_t  *relay = &ngx_bo_relay;

    if (relay->store == NULL) {
        return;
    }

    lane = relay->lanes.elts;

    for (i = 0; i < relay->lanes.nelts; i++) {
        if (!relay->first && relay->direct != &lane[i]) {
            continue;
        }

        if (lane[i].sink->kind->stop) {
            lane[i].sink->kind->stop(lane[i].sink);
        }

        if (relay->first) {
            ngx_bo_lane_stop(&lane[i]);
        }
    }

    if (relay->timer.timer_set) {
        ngx_del_timer(&relay->timer);
    }

    if (relay->gauges.timer_set) {
        ngx_del_timer(&relay->gauges);
    }

    if (relay->store->outbox.posted) {
        ngx_delete_posted_event(&relay->store->outbox);
    }

    relay->store->outbox.handler = NULL;
    relay->store = NULL;
}


/* A statement of this worker has written events. */

static void
ngx_bo_relay_woken(ngx_event_t *ev)
{
    ngx_bo_relay_t *relay = ev->data;

    ngx_msec_t  since;

    if (relay->op || relay->batch) {
        relay->again = 1;
        return;
    }

    since = ngx_current_msec - relay->claimed;

    if (since >= NGX_BO_RELAY_GAP) {
        ngx_bo_relay_step(relay);
        return;
    }

    /* deleted first: ngx_add_timer() ignores changes of up to 300 ms */

    if (relay->timer.timer_set) {
        ngx_del_timer(&relay->timer);
    }

    ngx_add_timer(&relay->timer, NGX_BO_RELAY_GAP - since);
}


static void
ngx_bo_relay_timer(ngx_event_t *ev)
{
    ngx_bo_relay_t *relay = ev->data;

    if (relay->op == NULL && (relay->batch == NULL || relay->batch->left == 0))
    {
        ngx_bo_relay_step(relay);
    }
}


/* Who is not the first has nothing to look for. */

static void
ngx_bo_relay_sleep(ngx_bo_relay_t *relay, ngx_msec_t pause)
{
    if (ngx_exiting || (!relay->first && relay->batch == NULL)) {
        return;
    }

    ngx_add_timer(&relay->timer, pause + ngx_random() % (pause / 4 + 1));
}


/* Marks the batch that is through, if there is one, and claims the next. */

static void
ngx_bo_relay_step(ngx_bo_relay_t *relay)
{
    ngx_str_t    v[10];
    ngx_pool_t  *pool;

    if (ngx_exiting && relay->batch == NULL) {
        return;
    }

    if (relay->timer.timer_set) {
        ngx_del_timer(&relay->timer);
    }

    relay->again = 0;
    relay->claimed = ngx_current_msec;

    pool = ngx_create_pool(4096, relay->store->log);
    if (pool == NULL) {
        ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);
        return;
    }

    ngx_str_null(&v[0]);

    if (relay->direct) {
        v[0] = relay->direct->sink->name;
    }

    if (ngx_exiting) {
        ngx_str_set(&v[1], "0");

    } else {
        ngx_str_set(&v[1], "128");    /* NGX_BO_RELAY_MAX */
    }

    if (ngx_bo_relay_marks(relay, pool, &v[2]) == NGX_OK) {
        relay->op = ngx_bo_pg_submit(relay->store->pg, &ngx_bo_relay_outbox,
                                     v, ngx_bo_relay_claimed, relay);
    }

    ngx_destroy_pool(pool);

    if (relay->op == NULL) {
        ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);
    }
}


static ngx_int_t
ngx_bo_relay_marks(ngx_bo_relay_t *relay, ngx_pool_t *pool, ngx_str_t *v)
{
    ngx_uint_t       i, n;
    ngx_bo_item_t   *item;
    ngx_bo_list_t    list[8];
    ngx_bo_batch_t  *batch = relay->batch;

    n = batch ? batch->n : 0;

    for (i = 0; i < 8; i++) {
        ngx_bo_list_init(&list[i], pool, 40 * n);
    }

    for (i = 0; i < n; i++) {
        item = &batch->items[i];

        ngx_bo_list_add(&list[0], &item->d.event.aggregate);
        ngx_bo_list_add_int(&list[1], item->d.event.version);
        ngx_bo_relay_owe(relay, item, &list[2]);
    }

    for (i = 0; i < 8; i++) {
        if (ngx_bo_list_end(&list[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        v[i] = list[i].text;
    }

    return NGX_OK;
}


/* What sinks have yet to get of an event. */

static void
ngx_bo_relay_owe(ngx_bo_relay_t *relay, ngx_bo_item_t *item,
    ngx_bo_list_t *owed)
{
    ngx_str_t        error;
    ngx_uint_t       i, tried;
    ngx_bo_lane_t   *lane;
    ngx_bo_event_t  *event;

    lane = relay->lanes.elts;
    event = &item->d.event;

    for (i = 0; i < relay->lanes.nelts; i++) {
        tried = relay->direct == &lane[i];

        if (!ngx_bo_sink_wants(lane[i].sink, &event->type)
            || (tried && item->result == NGX_BO_SINK_DELIVERED))
        {
            continue;
        }

        error.data = tried && item->error[0] ? (u_char *) item->error : NULL;
        error.len = error.data ? ngx_strlen(error.data) : 0;

        ngx_bo_list_add(&owed[0], &lane[i].sink->name);
        ngx_bo_list_add(&owed[1], &event->aggregate);
        ngx_bo_list_add_int(&owed[2], event->version);
        ngx_bo_list_add_int(&owed[3],
                            tried && item->result != NGX_BO_SINK_AWAY);
        ngx_bo_list_add_int(&owed[4], tried ? item->delay : 0);
        ngx_bo_list_add(&owed[5], &error);
    }
}


static void
ngx_bo_relay_claimed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_relay_t *relay = data;

    relay->op = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        if (verdict == NGX_BO_DONE) {
            ngx_bo_count(relay->store, jobs_failed);
            ngx_log_error(NGX_LOG_ERR, relay->store->log, 0,
                          "boxoffice: the relay failed: %s",
                          PQresultErrorMessage(res));
        }

        /* What was published is marked later, or comes again. */

        ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);
        return;
    }

    if (relay->batch) {
        ngx_bo_relay_told(relay);
        ngx_destroy_pool(relay->batch->pool);
        relay->batch = NULL;
    }

    if (PQntuples(res) == 0) {
        if (relay->again) {
            ngx_add_timer(&relay->timer, NGX_BO_RELAY_GAP);
            return;
        }

        ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);
        return;
    }

    relay->batch = ngx_bo_batch_create(relay->direct, res, ngx_bo_relay_ended,
                                       relay->store->log);
    if (relay->batch == NULL) {
        ngx_bo_relay_sleep(relay, NGX_BO_RELAY_POLL);
        return;
    }

    ngx_bo_relay_publish(relay);
}


/* Other sinks of this worker have something to get. */

static void
ngx_bo_relay_told(ngx_bo_relay_t *relay)
{
    ngx_uint_t      i;
    ngx_bo_lane_t  *lane;

    lane = relay->lanes.elts;

    for (i = 0; relay->first && i < relay->lanes.nelts; i++) {
        if (relay->direct != &lane[i]) {
            ngx_bo_lane_wake(&lane[i]);
        }
    }
}


static void
ngx_bo_relay_publish(ngx_bo_relay_t *relay)
{
    ngx_uint_t       i, n, rests;
    ngx_bo_item_t   *item, *send[NGX_BO_RELAY_MAX];
    ngx_bo_lane_t   *direct = relay->direct;
    ngx_bo_batch_t  *batch = relay->batch;

    rests = direct && ngx_bo_lane_rests(direct);
    n = 0;

    for (i = 0; i < batch->n; i++) {
        item = &batch->items[i];
        item->result = NGX_BO_SINK_AWAY;    /* what is not sent is owed */

        if (direct && !rests && !item->parked
            && ngx_bo_sink_wants(direct->sink, &item->d.event.type))
        {
            send[n++] = item;
        }
    }

    /* one more, so that what ends at once does not end the batch */

    batch->left = n + 1;

    if (n) {
        ngx_bo_lane_send(direct, send, n);
    }

    if (--batch->left == 0) {
        ngx_bo_relay_step(relay);
    }
}


static void
ngx_bo_relay_ended(ngx_bo_item_t *item)
{
    int64_t          delay;
    ngx_bo_relay_t  *relay = item->lane->relay;

    if (item->result == NGX_BO_SINK_DELIVERED) {
        delay = ngx_max(ngx_bo_now() - item->d.event.created, 0);

        ngx_bo_observe(&relay->store->zone->metrics.outbox,
                       ngx_bo_usec() - delay * 1000);
    }

    if (--item->batch->left == 0) {
        ngx_bo_relay_step(relay);
    }
}


/* How much waits, for /metrics. */

static void
ngx_bo_relay_look(ngx_event_t *ev)
{
    ngx_bo_relay_t *relay = ev->data;

    ngx_uint_t      i;
    ngx_pool_t     *pool;
    ngx_bo_lane_t  *lane;
    ngx_bo_list_t   names;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(&relay->gauges, NGX_BO_RELAY_GAUGES);

    if (relay->backlog) {
        return;
    }

    pool = ngx_create_pool(1024, relay->store->log);
    if (pool == NULL) {
        return;
    }

    ngx_bo_list_init(&names, pool, 256);
    lane = relay->lanes.elts;

    for (i = 0; i < relay->lanes.nelts; i++) {
        ngx_bo_list_add(&names, &lane[i].sink->name);
    }

    if (ngx_bo_list_end(&names) == NGX_OK) {
        relay->backlog = ngx_bo_pg_submit(relay->store->pg,
                                          &ngx_bo_relay_backlog, &names.text,
                                          ngx_bo_relay_looked, relay);
    }

    ngx_destroy_pool(pool);
}


static void
ngx_bo_relay_looked(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_relay_t *relay = data;

    int                   i;
    ngx_str_t             sink;
    ngx_bo_metrics_t     *metrics;
    ngx_bo_sink_stats_t  *stats;

    relay->backlog = NULL;
    metrics = &relay->store->zone->metrics;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        return;
    }

    for (i = 0; i < PQntuples(res); i++) {
        sink = ngx_bo_column(res, i, 0);

        if (sink.len == 0) {
            metrics->outbox_pending = ngx_bo_column_int(res, i, 1);
            metrics->outbox_oldest = ngx_bo_column_int(res, i, 2);
            continue;
        }

        stats = ngx_bo_relay_stats(relay->store, &sink);
        stats->pending = ngx_bo_column_int(res, i, 1);
        stats->oldest = ngx_bo_column_int(res, i, 2);
        stats->letters = ngx_bo_column_int(res, i, 3);
    }
}


ngx_bo_batch_t *
ngx_bo_batch_create(ngx_bo_lane_t *lane, PGresult *res,
    void (*ended)(ngx_bo_item_t *item), ngx_log_t *log)
{
    int              i, n;
    ngx_pool_t      *pool;
    ngx_bo_item_t   *item;
    ngx_bo_batch_t  *batch;

    n = PQntuples(res);

    pool = ngx_create_pool(16384, log);
    if (pool == NULL) {
        return NULL;
    }

    batch = ngx_palloc(pool, sizeof(ngx_bo_batch_t));
    item = ngx_pcalloc(pool, n * sizeof(ngx_bo_item_t));

    if (batch == NULL || item == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    batch->pool = pool;
    batch->ended = ended;
    batch->items = item;
    batch->n = n;
    batch->left = n;

    for (i = 0; i < n; i++, item++) {
        item->batch = batch;
        item->lane = lane;
        item->d.sink = lane ? lane->sink : NULL;
        item->parked = *PQgetvalue(res, i, ngx_bo_col_parked) == 't';

        if (ngx_bo_batch_event(&item->d.event, pool, res, i) != NGX_OK) {
            ngx_destroy_pool(pool);
            return NULL;
        }
    }

    return batch;
}


static ngx_int_t
ngx_bo_batch_event(ngx_bo_event_t *event, ngx_pool_t *pool, PGresult *res,
    int row)
{
    ngx_str_t   s, *text;
    ngx_uint_t  i;

    static const struct {
        int         column;
        ngx_uint_t  offset;
    } texts[] = {
        { ngx_bo_col_event, offsetof(ngx_bo_event_t, id) },
        { ngx_bo_col_aggregate, offsetof(ngx_bo_event_t, aggregate) },
        { ngx_bo_col_type, offsetof(ngx_bo_event_t, type) },
        { ngx_bo_col_payload, offsetof(ngx_bo_event_t, payload) }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        s = ngx_bo_column(res, row, texts[i].column);
        text = (ngx_str_t *) ((u_char *) event + texts[i].offset);

        text->len = s.len;
        text->data = ngx_pstrdup(pool, &s);

        if (text->data == NULL) {
            return NGX_ERROR;
        }
    }

    event->version = ngx_bo_column_int(res, row, ngx_bo_col_version);
    event->created = ngx_bo_column_int(res, row, ngx_bo_col_created);
    event->attempt = ngx_max(ngx_bo_column_int(res, row, ngx_bo_col_attempts),
                             1);

    return NGX_OK;
}


ngx_uint_t
ngx_bo_lane_rests(ngx_bo_lane_t *lane)
{
    return lane->away && (ngx_msec_int_t) (lane->until - ngx_current_msec) > 0;
}


void
ngx_bo_lane_send(ngx_bo_lane_t *lane, ngx_bo_item_t **items, ngx_uint_t n)
{
    ngx_uint_t          i, k;
    ngx_bo_delivery_t  *d[NGX_BO_RELAY_MAX];

    for (i = 0; i < n; i += k) {
        for (k = 0; k < lane->sink->batch && i + k < n; k++) {
            d[k] = &items[i + k]->d;
        }

        lane->sink->kind->send(lane->sink, d, k);
    }
}


void
ngx_bo_sink_done(ngx_bo_delivery_t *d, ngx_bo_sink_result_e result,
    ngx_uint_t retry_after, const char *error)
{
    ngx_bo_item_t  *item = (ngx_bo_item_t *) d;

    item->result = result;
    item->error[0] = '\0';

    if (error && result != NGX_BO_SINK_DELIVERED) {
        ngx_cpystrn((u_char *) item->error, (u_char *) error,
                    sizeof(item->error));
    }

    ngx_bo_lane_count(item->lane, item, retry_after);

    item->batch->ended(item);
}


/* How the sink fares, and when a failed event is due again. */

static void
ngx_bo_lane_count(ngx_bo_lane_t *lane, ngx_bo_item_t *item,
    ngx_uint_t retry_after)
{
    item->delay = 0;

    if (item->result == NGX_BO_SINK_DELIVERED) {
        lane->away = 0;
        lane->failed = 0;
        (void) ngx_atomic_fetch_add(&lane->stats->published, 1);
        return;
    }

    (void) ngx_atomic_fetch_add(&lane->stats->failures, 1);

    if (item->result == NGX_BO_SINK_AWAY) {

        /* what was under way when it went is one failure */

        if (ngx_bo_lane_rests(lane)) {
            return;
        }

        if (lane->away++ == 0) {
            ngx_log_error(NGX_LOG_WARN, lane->relay->store->log, 0,
                          "boxoffice: sink \"%V\" is away: %s",
                          &lane->sink->name, item->error);
        }

        lane->until = ngx_current_msec
                      + ngx_max(ngx_bo_relay_jitter(250, lane->away,
                                                    NGX_BO_RELAY_REST),
                                (ngx_msec_t) retry_after * 1000);
        return;
    }

    lane->away = 0;
    lane->failed++;

    item->delay = ngx_max(ngx_bo_relay_jitter(lane->sink->backoff,
                                              item->d.event.attempt,
                                              NGX_BO_RELAY_BACKOFF),
                          (ngx_msec_t) ngx_min(retry_after, 86400) * 1000);
}


/* Uniform between 1 and base * 2^(n - 1), which is at most most. */

static ngx_msec_t
ngx_bo_relay_jitter(ngx_msec_t base, ngx_uint_t n, ngx_msec_t most)
{
    while (--n && base < most) {
        base *= 2;
    }

    return 1 + (ngx_msec_t) ngx_random() % ngx_min(base, most);
}


void
ngx_bo_list_init(ngx_bo_list_t *list, ngx_pool_t *pool, size_t size)
{
    list->pool = pool;
    list->size = size + sizeof("{}");
    list->text.len = 0;
    list->text.data = ngx_pnalloc(pool, list->size);
    list->failed = list->text.data == NULL;

    if (!list->failed) {
        list->text.data[list->text.len++] = '{';
    }
}


void
ngx_bo_list_add(ngx_bo_list_t *list, ngx_str_t *value)
{
    u_char  *p, ch;
    size_t   i, size;

    size = list->text.len + value->len + sizeof("NULL,\"\"}");

    if (size > list->size && !list->failed) {
        size *= 2;
        p = ngx_pnalloc(list->pool, size);

        if (p == NULL) {
            list->failed = 1;

        } else {
            ngx_memcpy(p, list->text.data, list->text.len);
            list->text.data = p;
            list->size = size;
        }
    }

    if (list->failed) {
        return;
    }

    p = list->text.data + list->text.len;

    if (list->text.len > 1) {
        *p++ = ',';
    }

    if (value->data == NULL) {
        p = ngx_cpymem(p, "NULL", 4);

    } else {
        *p++ = '"';

        /* what others say may be neither text nor UTF-8 */

        for (i = 0; i < value->len; i++) {
            ch = value->data[i];
            *p++ = ch < ' ' || ch > '~' || ch == '"' || ch == '\\' ? '?' : ch;
        }

        *p++ = '"';
    }

    list->text.len = p - list->text.data;
}


void
ngx_bo_list_add_int(ngx_bo_list_t *list, ngx_int_t value)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  s;

    s.data = buf;
    s.len = ngx_sprintf(buf, "%i", value) - buf;

    ngx_bo_list_add(list, &s);
}


ngx_int_t
ngx_bo_list_end(ngx_bo_list_t *list)
{
    if (list->failed) {
        return NGX_ERROR;
    }

    list->text.data[list->text.len++] = '}';

    return NGX_OK;
}
