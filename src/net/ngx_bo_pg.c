
/*
 * The PostgreSQL client: making it, submitting, cancelling, and the deadlines
 * of what waits.
 */


#include "ngx_bo_pg_int.h"


/*
 * Failures in a row that open the breaker, and how long it then refuses
 * before a probe (a connection that comes up lets one through at once).
 */
#define NGX_BO_PG_BREAKER_FAILURES  5
#define NGX_BO_PG_BREAKER_PAUSE     500    /* msec */


/* Among others of its statement; see _submit_alone() and _submit_aside(). */

typedef enum {
    NGX_BO_PG_SHARED = 0,
    NGX_BO_PG_ALONE,
    NGX_BO_PG_ASIDE
} ngx_bo_pg_how_e;


static ngx_bo_pg_op_t *ngx_bo_pg_submit_op(ngx_bo_pg_t *pg,
    ngx_bo_pg_statement_t *st, const ngx_str_t *values, ngx_bo_pg_how_e how,
    ngx_bo_pg_handler_pt handler, void *data);
static ngx_bo_pg_lane_t *ngx_bo_pg_lane(ngx_bo_pg_t *pg,
    ngx_bo_pg_statement_t *st);
static ngx_bo_pg_op_t *ngx_bo_pg_make_op(ngx_bo_pg_t *pg,
    ngx_bo_pg_lane_t *lane, const ngx_str_t *values);
static void ngx_bo_pg_drop_lane(ngx_bo_pg_t *pg, ngx_queue_t *queue);


ngx_bo_pg_t *
ngx_bo_pg_create(ngx_cycle_t *cycle, ngx_bo_pg_conf_t *conf,
    ngx_bo_upstream_stats_t *stats)
{
    ngx_uint_t    i;
    ngx_bo_pg_t  *pg;

    pg = ngx_pcalloc(cycle->pool, sizeof(ngx_bo_pg_t));
    if (pg == NULL) {
        return NULL;
    }

    pg->conf = conf;
    pg->stats = stats;
    pg->log = cycle->log;
    pg->nconns = conf->connections;
    pg->down_since = ngx_current_msec;

    pg->conns = ngx_pcalloc(cycle->pool,
                            pg->nconns * sizeof(ngx_bo_pg_conn_t));

    if (pg->conns == NULL || ngx_bo_pg_session(pg, cycle) != NGX_OK) {
        return NULL;
    }

    ngx_queue_init(&pg->finished);
    ngx_queue_init(&pg->refused);

    ngx_bo_breaker_init(&pg->breaker, NGX_BO_PG_BREAKER_FAILURES,
                        NGX_BO_PG_BREAKER_PAUSE);

    pg->dispatch.handler = ngx_bo_pg_dispatch;
    pg->dispatch.data = pg;
    pg->dispatch.log = pg->log;

    pg->deadline.handler = ngx_bo_pg_deadline;
    pg->deadline.data = pg;
    pg->deadline.log = pg->log;
    pg->deadline.cancelable = 1;

    pg->patience.handler = ngx_bo_pg_dispatch;
    pg->patience.data = pg;
    pg->patience.log = pg->log;
    pg->patience.cancelable = 1;

    for (i = 0; i < pg->nconns; i++) {
        pg->conns[i].index = i;
        ngx_bo_pg_conn_init(pg, &pg->conns[i]);
        ngx_bo_pg_conn_open(&pg->conns[i]);
    }

    return pg;
}


void
ngx_bo_pg_destroy(ngx_bo_pg_t *pg)
{
    ngx_uint_t         i;
    ngx_queue_t       *q;
    ngx_bo_pg_op_t    *op;
    ngx_bo_pg_conn_t  *conn;
    ngx_bo_pg_unit_t  *unit;

    for (i = 0; i < pg->nconns; i++) {
        conn = &pg->conns[i];

        while (!ngx_queue_empty(&conn->units)) {
            q = ngx_queue_head(&conn->units);
            unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);
            ngx_bo_pg_unit_finish(conn, unit, NGX_BO_UNKNOWN);
        }

        ngx_bo_pg_conn_close(conn);
    }

    for (i = 0; i < pg->nlanes; i++) {
        ngx_bo_pg_drop_lane(pg, &pg->lanes[i].fresh);
        ngx_bo_pg_drop_lane(pg, &pg->lanes[i].alone);
    }

    /* tombstones all: nobody is told any more */

    for (q = ngx_queue_head(&pg->refused);
         q != ngx_queue_sentinel(&pg->refused);
         q = ngx_queue_next(q))
    {
        op = ngx_queue_data(q, ngx_bo_pg_op_t, queue);
        op->handler = NULL;
    }

    for (q = ngx_queue_head(&pg->finished);
         q != ngx_queue_sentinel(&pg->finished);
         q = ngx_queue_next(q))
    {
        unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

        for (i = 0; i < unit->n; i++) {
            unit->ops[i]->handler = NULL;
        }
    }

    ngx_bo_pg_deliver(pg);

    if (pg->deadline.timer_set) {
        ngx_del_timer(&pg->deadline);
    }

    if (pg->patience.timer_set) {
        ngx_del_timer(&pg->patience);
    }

    if (pg->dispatch.posted) {
        ngx_delete_posted_event(&pg->dispatch);
    }

    if (pg->scratch) {
        ngx_free(pg->scratch);
        pg->scratch = NULL;
    }
}


static void
ngx_bo_pg_drop_lane(ngx_bo_pg_t *pg, ngx_queue_t *queue)
{
    ngx_bo_pg_op_t  *op;

    while (!ngx_queue_empty(queue)) {
        op = ngx_queue_data(ngx_queue_head(queue), ngx_bo_pg_op_t, queue);
        ngx_bo_pg_dequeue(pg, op);
        ngx_bo_pg_free_op(op);
    }
}


ngx_uint_t
ngx_bo_pg_ready(ngx_bo_pg_t *pg)
{
    return pg->nup > 0;
}


ngx_bo_pg_op_t *
ngx_bo_pg_submit(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler, void *data)
{
    return ngx_bo_pg_submit_op(pg, st, values, NGX_BO_PG_SHARED, handler, data);
}


ngx_bo_pg_op_t *
ngx_bo_pg_submit_alone(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler, void *data)
{
    return ngx_bo_pg_submit_op(pg, st, values, NGX_BO_PG_ALONE, handler, data);
}


ngx_bo_pg_op_t *
ngx_bo_pg_submit_aside(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler, void *data)
{
    return ngx_bo_pg_submit_op(pg, st, values, NGX_BO_PG_ASIDE, handler, data);
}


static ngx_bo_pg_op_t *
ngx_bo_pg_submit_op(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_how_e how, ngx_bo_pg_handler_pt handler,
    void *data)
{
    ngx_uint_t         queue;
    ngx_bo_pg_op_t    *op;
    ngx_bo_pg_lane_t  *lane;

    lane = ngx_bo_pg_lane(pg, st);
    queue = pg->conf->queue;

    if (how == NGX_BO_PG_ASIDE) {
        queue -= queue / 2;     /* of one place one is left */
    }

    if (lane == NULL
        || pg->nwaiting >= queue
        || !ngx_bo_breaker_allow(&pg->breaker))
    {
        ngx_atomic_fetch_add(&pg->stats->refused, 1);
        return NULL;
    }

    op = ngx_bo_pg_make_op(pg, lane, values);

    if (op == NULL) {
        if (pg->breaker.probing) {
            ngx_bo_breaker_failure(&pg->breaker);
        }

        ngx_atomic_fetch_add(&pg->stats->refused, 1);
        return NULL;
    }

    op->handler = handler;
    op->data = data;
    op->single = (how == NGX_BO_PG_ALONE);
    lane->aside = (how == NGX_BO_PG_ASIDE);

    /* let through while the breaker is open: then this one is the probe */

    op->probe = pg->breaker.probing;

    ngx_atomic_fetch_add(&pg->stats->operations, 1);

    ngx_bo_pg_enqueue(pg, op);
    ngx_bo_pg_post(pg);

    if (!pg->deadline.timer_set) {
        ngx_bo_pg_arm(pg);
    }

    return op;
}


void
ngx_bo_pg_cancel(ngx_bo_pg_op_t *op)
{
    ngx_bo_pg_t  *pg;

    pg = op->pg;

    if (!op->waiting) {

        /* in flight, or about to be delivered: nothing may move */

        op->handler = NULL;
        return;
    }

    ngx_bo_pg_dequeue(pg, op);

    if (op->probe) {

        /* it tells nothing, but the breaker must not wait for it for ever */

        ngx_bo_breaker_failure(&pg->breaker);
    }

    ngx_bo_pg_free_op(op);
}


/* The lane of a statement; there are few, so a search is as fast as a hash. */

static ngx_bo_pg_lane_t *
ngx_bo_pg_lane(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st)
{
    ngx_uint_t         i;
    ngx_bo_pg_lane_t  *lane;

    for (i = 0; i < pg->nlanes; i++) {
        if (pg->lanes[i].st == st) {
            return &pg->lanes[i];
        }
    }

    if (pg->nlanes == NGX_BO_PG_MAX_STATEMENTS
        || st->nparams > NGX_BO_PG_MAX_PARAMS
        || st->batch == 0
        || st->batch > NGX_BO_PG_MAX_BATCH)
    {
        ngx_log_error(NGX_LOG_ALERT, pg->log, 0,
                      "postgres: statement \"%s\" is beyond the limits",
                      st->name);
        return NULL;
    }

    lane = &pg->lanes[pg->nlanes];

    lane->st = st;
    lane->index = pg->nlanes++;
    ngx_queue_init(&lane->fresh);
    ngx_queue_init(&lane->alone);

    return lane;
}


/* One block of memory for an operation and the copies of its texts. */

static ngx_bo_pg_op_t *
ngx_bo_pg_make_op(ngx_bo_pg_t *pg, ngx_bo_pg_lane_t *lane,
    const ngx_str_t *values)
{
    size_t           size;
    u_char          *p;
    ngx_uint_t       i, n;
    ngx_bo_pg_op_t  *op;

    n = lane->st->nparams;
    size = sizeof(ngx_bo_pg_op_t) + n * sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {

        /* a text of PostgreSQL cannot hold a zero byte: libpq would cut it */

        if (values[i].data
            && memchr(values[i].data, '\0', values[i].len) != NULL)
        {
            return NULL;
        }

        size += values[i].len + 1;
    }

    op = ngx_alloc(size, pg->log);
    if (op == NULL) {
        return NULL;
    }

    ngx_memzero(op, sizeof(ngx_bo_pg_op_t));

    op->pg = pg;
    op->lane = lane;
    op->start = ngx_current_msec;
    op->row = -1;

    p = (u_char *) op + sizeof(ngx_bo_pg_op_t) + n * sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        ngx_str_null(&op->values[i]);

        if (values[i].data) {
            op->values[i].len = values[i].len;
            op->values[i].data = p;

            p = ngx_cpymem(p, values[i].data, values[i].len);
            *p++ = '\0';
        }
    }

    return op;
}


void
ngx_bo_pg_free_op(ngx_bo_pg_op_t *op)
{
    ngx_free(op);
}
