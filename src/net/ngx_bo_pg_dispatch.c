
/*
 * The PostgreSQL client: which connection takes what, and when; and the one
 * place where handlers are called.
 */


#include "ngx_bo_pg_int.h"


/*
 * While a batch of a statement is in flight, the next one waits for its end,
 * even if another connection is idle: it goes when it is full, so that
 * waiting cannot make it cheaper, or when its oldest operation has waited
 * this long, as when the first batch is held up by a lock.
 *
 * Measured with two workers on two cores, orders with two claims each: with
 * four connections that took whatever waited, PostgreSQL spent 62-65 us on an
 * order at 64 clients and 45-57 us at 256; with this patience 39-42 us and
 * 30-34 us, the same as with one connection.
 */
#define NGX_BO_PG_PATIENCE  10     /* msec */

/*
 * Nothing is put behind a unit that has been with the server for this long:
 * what holds it up would hold up the rest, and take it along when the
 * connection is given up.
 */
#define NGX_BO_PG_STUCK     20     /* msec */


static ngx_bo_pg_conn_t *ngx_bo_pg_next(ngx_bo_pg_t *pg,
    ngx_bo_pg_op_t **op);
static ngx_bo_pg_conn_t *ngx_bo_pg_find_conn(ngx_bo_pg_t *pg,
    ngx_bo_pg_lane_t *lane, ngx_uint_t alone);
static ngx_bo_pg_conn_t *ngx_bo_pg_conn_for_batch(ngx_bo_pg_t *pg,
    ngx_bo_pg_lane_t *lane);
static ngx_bo_pg_conn_t *ngx_bo_pg_conn_for_single(ngx_bo_pg_t *pg,
    ngx_bo_pg_lane_t *lane);
static ngx_uint_t ngx_bo_pg_conn_takes(ngx_bo_pg_conn_t *conn,
    ngx_bo_pg_lane_t *lane);
static void ngx_bo_pg_give(ngx_bo_pg_conn_t *conn, ngx_bo_pg_op_t *op);
static void ngx_bo_pg_take_back(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit,
    ngx_uint_t refuse);
static void ngx_bo_pg_exiting(ngx_bo_pg_t *pg);
static void ngx_bo_pg_deliver_unit(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit);


void
ngx_bo_pg_post(ngx_bo_pg_t *pg)
{
    ngx_post_event(&pg->dispatch, &ngx_posted_events);
}


void
ngx_bo_pg_dispatch(ngx_event_t *ev)
{
    ngx_bo_pg_t       *pg;
    ngx_bo_pg_op_t    *op;
    ngx_bo_pg_conn_t  *conn;

    pg = ev->data;

    while (pg->nwaiting && pg->nup) {
        conn = ngx_bo_pg_next(pg, &op);

        if (conn == NULL) {
            break;
        }

        ngx_bo_pg_give(conn, op);
    }

    if (ngx_exiting) {
        ngx_bo_pg_exiting(pg);
    }

    ngx_bo_pg_deliver(pg);
}


/*
 * The connection for what has waited longest of all that some connection can
 * take now; *op is set to that operation, the head of its queue.
 */

static ngx_bo_pg_conn_t *
ngx_bo_pg_next(ngx_bo_pg_t *pg, ngx_bo_pg_op_t **op)
{
    ngx_uint_t         i, k;
    ngx_queue_t       *queue;
    ngx_bo_pg_op_t    *head;
    ngx_bo_pg_conn_t  *conn, *best;
    ngx_bo_pg_lane_t  *lane;

    best = NULL;

    for (i = 0; i < pg->nlanes; i++) {
        lane = &pg->lanes[i];

        for (k = 0; k < 2; k++) {
            queue = k ? &lane->alone : &lane->fresh;

            if (ngx_queue_empty(queue)) {
                continue;
            }

            head = ngx_queue_data(ngx_queue_head(queue), ngx_bo_pg_op_t,
                                  queue);

            if (best && (ngx_msec_int_t) (head->start - (*op)->start) >= 0) {
                continue;
            }

            conn = ngx_bo_pg_find_conn(pg, lane, k);

            if (conn) {
                best = conn;
                *op = head;
            }
        }
    }

    return best;
}


static ngx_bo_pg_conn_t *
ngx_bo_pg_find_conn(ngx_bo_pg_t *pg, ngx_bo_pg_lane_t *lane, ngx_uint_t alone)
{
    if (alone || lane->st->batch == 1) {
        return ngx_bo_pg_conn_for_single(pg, lane);
    }

    return ngx_bo_pg_conn_for_batch(pg, lane);
}


/*
 * An idle connection, else one with single units only: a second batch behind
 * the first would gain nothing over waiting here, where it still grows.
 */

static ngx_bo_pg_conn_t *
ngx_bo_pg_conn_for_batch(ngx_bo_pg_t *pg, ngx_bo_pg_lane_t *lane)
{
    ngx_uint_t         i;
    ngx_msec_int_t     left;
    ngx_bo_pg_op_t    *op;
    ngx_bo_pg_conn_t  *conn, *best;

    best = NULL;

    for (i = 0; i < pg->nconns; i++) {
        conn = &pg->conns[i];

        if (!ngx_bo_pg_conn_takes(conn, lane)
            || conn->nunits != conn->nsingles)
        {
            continue;
        }

        if (best == NULL || conn->nunits < best->nunits) {
            best = conn;
        }
    }

    if (best == NULL || lane->flying == 0
        || lane->nfresh >= lane->st->batch)
    {
        return best;
    }

    op = ngx_queue_data(ngx_queue_head(&lane->fresh), ngx_bo_pg_op_t, queue);

    left = (ngx_msec_int_t) (op->start + NGX_BO_PG_PATIENCE
                             - ngx_current_msec);
    if (left <= 0) {
        return best;
    }

    if (!pg->patience.timer_set) {
        ngx_add_timer(&pg->patience, (ngx_msec_t) left);
    }

    return NULL;
}


/* The shortest queue; a batch counts as much as a full pipeline. */

static ngx_bo_pg_conn_t *
ngx_bo_pg_conn_for_single(ngx_bo_pg_t *pg, ngx_bo_pg_lane_t *lane)
{
    ngx_uint_t         i, load, least;
    ngx_bo_pg_conn_t  *conn, *best;

    best = NULL;
    least = 0;

    for (i = 0; i < pg->nconns; i++) {
        conn = &pg->conns[i];

        if (!ngx_bo_pg_conn_takes(conn, lane)) {
            continue;
        }

        load = conn->nsingles
               + (conn->nunits - conn->nsingles) * NGX_BO_PG_PIPELINE;

        if (best == NULL || load < least) {
            best = conn;
            least = load;
        }
    }

    return best;
}


static ngx_uint_t
ngx_bo_pg_conn_takes(ngx_bo_pg_conn_t *conn, ngx_bo_pg_lane_t *lane)
{
    ngx_queue_t       *q;
    ngx_bo_pg_unit_t  *unit;

    if (conn->state != NGX_BO_PG_UP
        || conn->retire
        || conn->nsingles >= NGX_BO_PG_PIPELINE)
    {
        return 0;
    }

    if (lane->aside && conn->pg->nup > 1 && conn == conn->pg->conns) {
        return 0;
    }

    if (conn->nunits == 0) {
        return 1;
    }

    if (conn->preparing[lane->index]) {

        /*
         * The statement is being prepared: were that to fail, what follows
         * would fail too, with an error that tells nothing.
         */

        return 0;
    }

    q = ngx_queue_head(&conn->units);
    unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

    return ngx_current_msec - unit->sent <= NGX_BO_PG_STUCK;
}


/* Sends a queue's head, with what stands behind it as far as it may. */

static void
ngx_bo_pg_give(ngx_bo_pg_conn_t *conn, ngx_bo_pg_op_t *op)
{
    ngx_int_t          rc;
    ngx_uint_t         n;
    ngx_queue_t       *queue;
    ngx_bo_pg_t       *pg;
    ngx_bo_pg_lane_t  *lane;
    ngx_bo_pg_unit_t  *unit;

    pg = conn->pg;
    lane = op->lane;
    queue = op->single ? &lane->alone : &lane->fresh;
    n = op->single ? 1 : ngx_min(lane->nfresh, lane->st->batch);

    unit = ngx_bo_pg_unit_create(lane, n);

    if (unit == NULL) {
        ngx_bo_pg_dequeue(pg, op);
        ngx_bo_pg_refuse(pg, op);
        return;
    }

    unit->batch = (!op->single && lane->st->batch > 1);

    while (unit->n < n) {
        op = ngx_queue_data(ngx_queue_head(queue), ngx_bo_pg_op_t, queue);
        ngx_bo_pg_dequeue(pg, op);
        unit->ops[unit->n++] = op;
    }

    /* the oldest leads */

    unit->sent = ngx_current_msec;
    unit->deadline = unit->ops[0]->start + pg->conf->timeout;

    rc = ngx_bo_pg_unit_send(conn, unit);

    if (rc == NGX_OK) {
        rc = ngx_bo_pg_conn_sent(conn);

    } else if (rc == NGX_DECLINED) {
        ngx_bo_pg_take_back(pg, unit, 0);

    } else if (rc == NGX_ABORT) {
        ngx_bo_pg_take_back(pg, unit, 1);
        return;
    }

    if (rc != NGX_OK) {
        ngx_bo_pg_conn_lost(conn, "sending failed");
    }
}


/* A unit that was not sent: its operations wait again, or are refused. */

static void
ngx_bo_pg_take_back(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit,
    ngx_uint_t refuse)
{
    ngx_uint_t  i;

    for (i = 0; i < unit->n; i++) {
        if (refuse) {
            ngx_bo_pg_refuse(pg, unit->ops[i]);

        } else {
            ngx_bo_pg_enqueue(pg, unit->ops[i]);
        }
    }

    ngx_bo_pg_unit_free(unit);
}


/*
 * An old worker may live for hours on a stream, and its idle sessions would
 * take the server's slots from the new ones.  It connects again when one of
 * its last requests needs it.
 */

static void
ngx_bo_pg_exiting(ngx_bo_pg_t *pg)
{
    ngx_uint_t         i;
    ngx_bo_pg_conn_t  *conn;

    if (pg->nwaiting == 0) {
        for (i = 0; i < pg->nconns; i++) {
            if (pg->conns[i].nunits == 0) {
                ngx_bo_pg_conn_close(&pg->conns[i]);
            }
        }

        return;
    }

    for (i = 0; i < pg->nconns; i++) {
        conn = &pg->conns[i];

        if (conn->state != NGX_BO_PG_CLOSED || conn->timer.timer_set) {
            return;
        }
    }

    ngx_bo_pg_conn_open(&pg->conns[0]);
}


void
ngx_bo_pg_deliver(ngx_bo_pg_t *pg)
{
    ngx_queue_t           *q;
    ngx_bo_pg_op_t        *op;
    ngx_bo_pg_unit_t      *unit;
    ngx_bo_pg_handler_pt   handler;

    while (!ngx_queue_empty(&pg->finished)) {
        q = ngx_queue_head(&pg->finished);
        ngx_queue_remove(q);

        unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

        ngx_bo_pg_deliver_unit(pg, unit);
        ngx_bo_pg_unit_free(unit);
    }

    while (!ngx_queue_empty(&pg->refused)) {
        q = ngx_queue_head(&pg->refused);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_bo_pg_op_t, queue);
        handler = op->handler;

        if (handler) {
            handler(op->data, NGX_BO_NOT_SENT, NULL, 0);
        }

        ngx_bo_pg_free_op(op);
    }
}


/*
 * A handler may cancel an operation that stands behind it in the unit, so
 * each is looked at when its turn comes.
 */

static void
ngx_bo_pg_deliver_unit(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit)
{
    ngx_uint_t             i;
    ngx_bo_pg_op_t        *op;
    ngx_bo_pg_handler_pt   handler;

    for (i = 0; i < unit->n; i++) {
        op = unit->ops[i];
        handler = op->handler;

        if (unit->verdict != NGX_BO_DONE || op->row == -1) {
            ngx_atomic_fetch_add(&pg->stats->unknown, 1);

            if (handler) {
                handler(op->data, NGX_BO_UNKNOWN, NULL, 0);
            }

        } else {
            if (PQresultStatus(unit->res) == PGRES_FATAL_ERROR) {
                ngx_atomic_fetch_add(&pg->stats->errors, 1);
            }

            if (handler) {
                handler(op->data, NGX_BO_DONE, unit->res, op->row);
            }
        }

        ngx_bo_pg_free_op(op);
    }
}
