
/*
 * The PostgreSQL client: what waits, and how long.
 */


#include "ngx_bo_pg_int.h"


/*
 * How long an operation waits while there is no connection at all: enough
 * for a session that was cut to be replaced, short enough to answer 503
 * before a client gives up.
 */
#define NGX_BO_PG_DOWN_WAIT         200    /* msec */


static void ngx_bo_pg_insert(ngx_queue_t *queue, ngx_bo_pg_op_t *op);
static ngx_msec_t ngx_bo_pg_limit(ngx_bo_pg_op_t *op);
static ngx_uint_t ngx_bo_pg_expire(ngx_bo_pg_t *pg, ngx_queue_t *queue);


void
ngx_bo_pg_enqueue(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op)
{
    ngx_bo_pg_insert(op->single ? &op->lane->alone : &op->lane->fresh, op);

    op->waiting = 1;
    op->lane->nfresh += !op->single;
    pg->nwaiting++;

    /* an exiting worker lives as long as a timer that is not cancelable */

    pg->deadline.cancelable = 0;

    ngx_atomic_fetch_add(&pg->stats->waiting, 1);
}


void
ngx_bo_pg_dequeue(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op)
{
    ngx_queue_remove(&op->queue);

    op->waiting = 0;
    op->lane->nfresh -= !op->single;
    pg->nwaiting--;

    /* deleting and adding the timer for each operation would cost more */

    pg->deadline.cancelable = (pg->nwaiting == 0);

    ngx_atomic_fetch_add(&pg->stats->waiting, -1);
}


/*
 * By age, from the end: what is submitted is the youngest, and what comes
 * back from a connection finds its place near the front.  So the head of a
 * queue is always the first to expire.
 */

static void
ngx_bo_pg_insert(ngx_queue_t *queue, ngx_bo_pg_op_t *op)
{
    ngx_queue_t     *q;
    ngx_bo_pg_op_t  *prev;

    for (q = ngx_queue_last(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_prev(q))
    {
        prev = ngx_queue_data(q, ngx_bo_pg_op_t, queue);

        if ((ngx_msec_int_t) (prev->start - op->start) <= 0) {
            break;
        }
    }

    ngx_queue_insert_after(q, &op->queue);
}


/*
 * When a waiting operation is refused.  Half of its time is left to the
 * server: one that leaves later would too often end as unknown and cost its
 * connection, and refusing is the answer that needs no repair.  What goes
 * alone stood in a batch before: it has waited its turn already, and may use
 * all of its time.
 */

static ngx_msec_t
ngx_bo_pg_limit(ngx_bo_pg_op_t *op)
{
    ngx_msec_t    limit, down;
    ngx_bo_pg_t  *pg;

    pg = op->pg;

    limit = op->start + (op->single ? pg->conf->timeout
                                    : pg->conf->timeout / 2);
    if (pg->nup) {
        return limit;
    }

    down = op->start;

    if ((ngx_msec_int_t) (pg->down_since - down) > 0) {
        down = pg->down_since;
    }

    down += NGX_BO_PG_DOWN_WAIT;

    return ((ngx_msec_int_t) (down - limit) < 0) ? down : limit;
}


void
ngx_bo_pg_arm(ngx_bo_pg_t *pg)
{
    ngx_int_t        found;
    ngx_uint_t       i, k;
    ngx_queue_t     *queues[2];
    ngx_msec_int_t   wait, left;
    ngx_bo_pg_op_t  *op;

    found = 0;
    wait = 0;

    for (i = 0; i < pg->nlanes; i++) {
        queues[0] = &pg->lanes[i].fresh;
        queues[1] = &pg->lanes[i].alone;

        for (k = 0; k < 2; k++) {
            if (ngx_queue_empty(queues[k])) {
                continue;
            }

            op = ngx_queue_data(ngx_queue_head(queues[k]), ngx_bo_pg_op_t,
                                queue);
            left = (ngx_msec_int_t) (ngx_bo_pg_limit(op) - ngx_current_msec);

            if (!found || left < wait) {
                found = 1;
                wait = left;
            }
        }
    }

    /* deleted first: ngx_add_timer() ignores changes of up to 300 ms */

    if (pg->deadline.timer_set) {
        ngx_del_timer(&pg->deadline);
    }

    if (found) {
        ngx_add_timer(&pg->deadline, (ngx_msec_t) ngx_max(wait, 1));
    }
}


void
ngx_bo_pg_deadline(ngx_event_t *ev)
{
    ngx_uint_t    i, n;
    ngx_bo_pg_t  *pg;

    pg = ev->data;
    n = 0;

    for (i = 0; i < pg->nlanes; i++) {
        n += ngx_bo_pg_expire(pg, &pg->lanes[i].fresh);
        n += ngx_bo_pg_expire(pg, &pg->lanes[i].alone);
    }

    if (n) {
        ngx_log_error(NGX_LOG_WARN, pg->log, 0,
                      "postgres: %ui operations waited too long%s", n,
                      pg->nup ? "" : ", no connection");

        /* waiting behind others is our load, not the server's failure */

        if (pg->nup == 0) {
            ngx_bo_breaker_failure(&pg->breaker);
        }
    }

    ngx_bo_pg_arm(pg);
    ngx_bo_pg_deliver(pg);
}


static ngx_uint_t
ngx_bo_pg_expire(ngx_bo_pg_t *pg, ngx_queue_t *queue)
{
    ngx_uint_t       n;
    ngx_bo_pg_op_t  *op;

    for (n = 0; !ngx_queue_empty(queue); n++) {
        op = ngx_queue_data(ngx_queue_head(queue), ngx_bo_pg_op_t, queue);

        if ((ngx_msec_int_t) (ngx_bo_pg_limit(op) - ngx_current_msec) > 0) {
            break;
        }

        ngx_bo_pg_dequeue(pg, op);
        ngx_bo_pg_refuse(pg, op);
    }

    return n;
}


void
ngx_bo_pg_refuse(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op)
{
    if (op->probe) {
        ngx_bo_breaker_failure(&pg->breaker);
    }

    ngx_queue_insert_tail(&pg->refused, &op->queue);
    ngx_atomic_fetch_add(&pg->stats->refused, 1);
}
