
/*
 * Lanes: each takes from "deliveries" what its sink has yet to get, in the
 * first worker of a node.  Events end one by one, and are marked together with
 * those that ended while the last mark was under way: one that takes its time
 * keeps no other waiting.
 */


#include "ngx_bo_relay.h"


/* events in one mark, at most; the bound of a statement's parameters */

#define NGX_BO_LANE_MARKS    256

/*
 * So many tries of whatever events failed in a row: it is the sink.  Then one
 * event at a time finds out whether it is well again, and the others keep
 * their attempts.
 */

#define NGX_BO_LANE_FAILING  8

/* msec, added to what a sink may take, before others may have the event */

#define NGX_BO_LANE_MARGIN   5000


static void ngx_bo_lane_timer(ngx_event_t *ev);
static void ngx_bo_lane_later(ngx_bo_lane_t *lane, ngx_msec_t pause);
static void ngx_bo_lane_claim(ngx_bo_lane_t *lane);
static ngx_uint_t ngx_bo_lane_room(ngx_bo_lane_t *lane);
static void ngx_bo_lane_claimed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_lane_ended(ngx_bo_item_t *item);
static void ngx_bo_lane_flush(ngx_event_t *ev);
static void ngx_bo_lane_mark(ngx_bo_lane_t *lane);
static ngx_int_t ngx_bo_lane_marks(ngx_bo_lane_t *lane, ngx_pool_t *pool,
    ngx_str_t *v);
static void ngx_bo_lane_marked(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_lane_forget(ngx_queue_t *queue);
static ngx_int_t ngx_bo_lane_failed(ngx_bo_lane_t *lane,
    ngx_bo_verdict_e verdict, PGresult *res);


static ngx_bo_pg_statement_t  ngx_bo_claim_deliveries = {
    "claim_deliveries",
    "select " NGX_BO_EVENT_COLUMNS
    " from boxoffice.claim_deliveries($1::text, $2::int, $3::int)",
    3, 1
};

static ngx_bo_pg_statement_t  ngx_bo_mark_deliveries = {
    "mark_deliveries",
    "select boxoffice.mark_deliveries($1::text, $2::int, $3::uuid[],"
    " $4::int[], $5::text[], $6::int[], $7::text[])",
    7, 1
};


void
ngx_bo_lane_start(ngx_bo_lane_t *lane)
{
    ngx_log_t  *log = lane->relay->store->log;

    ngx_queue_init(&lane->over);
    ngx_queue_init(&lane->marking);

    lane->timer.handler = ngx_bo_lane_timer;
    lane->timer.data = lane;
    lane->timer.log = log;
    lane->timer.cancelable = 1;

    lane->flush.handler = ngx_bo_lane_flush;
    lane->flush.data = lane;
    lane->flush.log = log;

    ngx_bo_lane_later(lane, NGX_BO_RELAY_POLL);
}


void
ngx_bo_lane_stop(ngx_bo_lane_t *lane)
{
    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    if (lane->flush.timer_set) {
        ngx_del_timer(&lane->flush);
    }

    if (lane->flush.posted) {
        ngx_delete_posted_event(&lane->flush);
    }
}


void
ngx_bo_lane_wake(ngx_bo_lane_t *lane)
{
    if (lane->claim == NULL && !ngx_bo_lane_rests(lane)) {
        ngx_bo_lane_later(lane, 1);
    }
}


static void
ngx_bo_lane_timer(ngx_event_t *ev)
{
    ngx_bo_lane_claim(ev->data);
}


/* The earlier of two times stands. */

static void
ngx_bo_lane_later(ngx_bo_lane_t *lane, ngx_msec_t pause)
{
    if (ngx_exiting
        || (lane->timer.timer_set
            && (ngx_msec_int_t) (lane->timer.timer.key - ngx_current_msec)
               <= (ngx_msec_int_t) pause))
    {
        return;
    }

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    ngx_add_timer(&lane->timer, pause);
}


static void
ngx_bo_lane_claim(ngx_bo_lane_t *lane)
{
    u_char          max[NGX_INT_T_LEN], lease[NGX_INT_T_LEN];
    ngx_str_t       v[3];
    ngx_bo_sink_t  *sink = lane->sink;

    if (ngx_exiting || lane->claim) {
        return;
    }

    if (ngx_bo_lane_rests(lane)) {
        ngx_bo_lane_later(lane, lane->until - ngx_current_msec + 1);
        return;
    }

    lane->wanted = ngx_bo_lane_room(lane);

    if (lane->wanted == 0) {
        ngx_bo_lane_later(lane, NGX_BO_RELAY_POLL);
        return;
    }

    v[0] = sink->name;
    v[1].data = max;
    v[1].len = ngx_sprintf(max, "%ui", lane->wanted) - max;
    v[2].data = lease;
    v[2].len = ngx_sprintf(lease, "%M", sink->timeout + NGX_BO_LANE_MARGIN)
               - lease;

    lane->claim = ngx_bo_pg_submit(lane->relay->store->pg,
                                   &ngx_bo_claim_deliveries, v,
                                   ngx_bo_lane_claimed, lane);
    if (lane->claim == NULL) {
        ngx_bo_lane_later(lane, NGX_BO_RELAY_POLL);
    }
}


/* How many events it may be given now. */

static ngx_uint_t
ngx_bo_lane_room(ngx_bo_lane_t *lane)
{
    ngx_uint_t  n;

    if (lane->away || lane->failed >= NGX_BO_LANE_FAILING) {
        return lane->inflight == 0;
    }

    if (lane->inflight >= lane->sink->inflight) {
        return 0;
    }

    n = lane->sink->inflight - lane->inflight;

    return ngx_min(n, NGX_BO_RELAY_MAX);
}


static void
ngx_bo_lane_claimed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_lane_t *lane = data;

    ngx_uint_t       i;
    ngx_bo_item_t   *items[NGX_BO_RELAY_MAX];
    ngx_bo_batch_t  *batch;

    lane->claim = NULL;

    if (ngx_bo_lane_failed(lane, verdict, res) != NGX_OK
        || PQntuples(res) == 0)
    {
        lane->idle = 1;
        ngx_bo_lane_later(lane, NGX_BO_RELAY_POLL
                                + ngx_random() % (NGX_BO_RELAY_POLL / 4));
        return;
    }

    /* Without memory they are left to their lease. */

    batch = ngx_bo_batch_create(lane, res, ngx_bo_lane_ended,
                                lane->relay->store->log);
    if (batch == NULL) {
        ngx_bo_lane_later(lane, NGX_BO_RELAY_POLL);
        return;
    }

    lane->idle = batch->n < lane->wanted;
    lane->inflight += batch->n;
    ngx_bo_lane_later(lane, lane->idle ? NGX_BO_RELAY_POLL : 1);

    for (i = 0; i < batch->n; i++) {
        items[i] = &batch->items[i];
    }

    ngx_bo_lane_send(lane, items, batch->n);
}


static void
ngx_bo_lane_ended(ngx_bo_item_t *item)
{
    ngx_bo_lane_t  *lane = item->lane;

    lane->inflight--;

    ngx_queue_insert_tail(&lane->over, &item->queue);
    ngx_post_event(&lane->flush, &ngx_posted_events);

    if (!lane->idle) {
        ngx_bo_lane_wake(lane);
    }
}


static void
ngx_bo_lane_flush(ngx_event_t *ev)
{
    ngx_bo_lane_mark(ev->data);
}


static void
ngx_bo_lane_mark(ngx_bo_lane_t *lane)
{
    ngx_str_t     v[7];
    ngx_uint_t    n;
    ngx_pool_t   *pool;
    ngx_queue_t  *q;

    if (lane->mark) {
        return;
    }

    /* what could not be marked goes first, and alone */

    n = ngx_queue_empty(&lane->marking) ? 0 : NGX_BO_LANE_MARKS;

    for ( /* void */ ; n < NGX_BO_LANE_MARKS; n++) {
        if (ngx_queue_empty(&lane->over)) {
            break;
        }

        q = ngx_queue_head(&lane->over);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&lane->marking, q);
    }

    if (ngx_queue_empty(&lane->marking)) {
        return;
    }

    pool = ngx_create_pool(4096, lane->relay->store->log);

    if (pool != NULL) {
        if (ngx_bo_lane_marks(lane, pool, v) == NGX_OK) {
            lane->mark = ngx_bo_pg_submit(lane->relay->store->pg,
                                          &ngx_bo_mark_deliveries, v,
                                          ngx_bo_lane_marked, lane);
        }

        ngx_destroy_pool(pool);
    }

    if (lane->mark == NULL) {
        ngx_add_timer(&lane->flush, NGX_BO_RELAY_POLL);
    }
}


static ngx_int_t
ngx_bo_lane_marks(ngx_bo_lane_t *lane, ngx_pool_t *pool, ngx_str_t *v)
{
    u_char          *attempts;
    ngx_str_t        error;
    ngx_uint_t       i;
    ngx_queue_t     *q;
    ngx_bo_item_t   *item;
    ngx_bo_list_t    list[5];

    /* in the order of ngx_bo_sink_result_e */

    static ngx_str_t  results[] = {
        ngx_string("done"), ngx_string("retry"), ngx_string("dead"),
        ngx_string("away")
    };

    attempts = ngx_pnalloc(pool, NGX_INT_T_LEN);
    if (attempts == NULL) {
        return NGX_ERROR;
    }

    v[0] = lane->sink->name;
    v[1].data = attempts;
    v[1].len = ngx_sprintf(attempts, "%ui", lane->sink->attempts) - attempts;

    for (i = 0; i < 5; i++) {
        ngx_bo_list_init(&list[i], pool, 1024);
    }

    for (q = ngx_queue_head(&lane->marking);
         q != ngx_queue_sentinel(&lane->marking);
         q = ngx_queue_next(q))
    {
        item = ngx_queue_data(q, ngx_bo_item_t, queue);

        error.data = item->error[0] ? (u_char *) item->error : NULL;
        error.len = error.data ? ngx_strlen(error.data) : 0;

        ngx_bo_list_add(&list[0], &item->d.event.aggregate);
        ngx_bo_list_add_int(&list[1], item->d.event.version);
        ngx_bo_list_add(&list[2], &results[item->result]);
        ngx_bo_list_add_int(&list[3], item->delay);
        ngx_bo_list_add(&list[4], &error);
    }

    for (i = 0; i < 5; i++) {
        if (ngx_bo_list_end(&list[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        v[2 + i] = list[i].text;
    }

    return NGX_OK;
}


static void
ngx_bo_lane_marked(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_lane_t *lane = data;

    ngx_int_t  dead;

    lane->mark = NULL;

    /* Until it is known to be done it is asked again, which is harmless. */

    if (ngx_bo_lane_failed(lane, verdict, res) != NGX_OK) {
        ngx_add_timer(&lane->flush, NGX_BO_RELAY_POLL);
        return;
    }

    ngx_bo_lane_forget(&lane->marking);

    dead = PQntuples(res) ? ngx_bo_column_int(res, 0, 0) : 0;

    if (dead) {
        (void) ngx_atomic_fetch_add(&lane->stats->dead, dead);

        ngx_log_error(NGX_LOG_WARN, lane->relay->store->log, 0,
                      "boxoffice: sink \"%V\": %i events given up",
                      &lane->sink->name, dead);
    }

    /* What waited for these is due now. */

    ngx_bo_lane_wake(lane);
    ngx_bo_lane_mark(lane);
}


static void
ngx_bo_lane_forget(ngx_queue_t *queue)
{
    ngx_queue_t     *q;
    ngx_bo_item_t   *item;
    ngx_bo_batch_t  *batch;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        item = ngx_queue_data(q, ngx_bo_item_t, queue);
        batch = item->batch;

        if (--batch->left == 0) {
            ngx_destroy_pool(batch->pool);
        }
    }
}


static ngx_int_t
ngx_bo_lane_failed(ngx_bo_lane_t *lane, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        return NGX_OK;
    }

    if (verdict == NGX_BO_DONE) {
        ngx_bo_count(lane->relay->store, jobs_failed);
        ngx_log_error(NGX_LOG_ERR, lane->relay->store->log, 0,
                      "boxoffice: the relay failed: %s",
                      PQresultErrorMessage(res));
    }

    return NGX_ERROR;
}
