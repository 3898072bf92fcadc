
/*
 * The connection of the Redis client: connects, watches the deadlines, and
 * comes back after a loss.
 *
 * Handlers of callers run in two places only: when a reply was taken off the
 * FIFO, and when the connection has been detached.  Both are events of the
 * client's own, so a handler never runs inside a submit, and may submit and
 * cancel as it likes: that only queues, it never writes or closes.
 */


#include "ngx_bo_redis_internal.h"
#include <ngx_event_connect.h>


#define NGX_BO_REDIS_FAILURES     5         /* in a row, open the breaker */
#define NGX_BO_REDIS_PAUSE        200       /* msec */
#define NGX_BO_REDIS_KEEPALIVE    1000      /* msec */
#define NGX_BO_REDIS_GRACE        10        /* msec */

/*
 * Retries come at most 800 ms apart: a server that was away for long must be
 * found again soon after it is back.
 */
#define NGX_BO_REDIS_MAX_ATTEMPT  4


static void ngx_bo_redis_conn_connect(ngx_bo_redis_conn_t *conn);
static void ngx_bo_redis_conn_close(ngx_bo_redis_conn_t *conn);
static void ngx_bo_redis_conn_collect(ngx_bo_redis_conn_t *conn,
    ngx_queue_t *queue, ngx_queue_t *ended);
static void ngx_bo_redis_conn_finish(ngx_queue_t *ended);
static void ngx_bo_redis_conn_retry(ngx_bo_redis_conn_t *conn,
    ngx_uint_t was_ready);

static void ngx_bo_redis_conn_deadline_handler(ngx_event_t *ev);
static ngx_uint_t ngx_bo_redis_conn_dead(ngx_bo_redis_conn_t *conn);
static ngx_uint_t ngx_bo_redis_conn_overdue(ngx_bo_redis_conn_t *conn);
static void ngx_bo_redis_conn_expire(ngx_queue_t *queue, ngx_queue_t *ended);
static void ngx_bo_redis_conn_upkeep_handler(ngx_event_t *ev);


ngx_int_t
ngx_bo_redis_conn_init(ngx_bo_redis_conn_t *conn, ngx_bo_redis_t *redis,
    ngx_cycle_t *cycle)
{
    conn->redis = redis;
    conn->log = cycle->log;
    conn->ident = -1;
    conn->addrs = redis->conf->addrs;
    conn->naddrs = redis->conf->naddrs;

    conn->read = ngx_palloc(cycle->pool, NGX_BO_REDIS_READ);
    conn->reloading = ngx_pcalloc(cycle->pool, redis->nscripts + 1);

    if (conn->read == NULL || conn->reloading == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&conn->urgent);
    ngx_queue_init(&conn->waiting);
    ngx_queue_init(&conn->inflight);
    ngx_queue_init(&conn->free);

    ngx_bo_breaker_init(&conn->breaker, NGX_BO_REDIS_FAILURES,
                        NGX_BO_REDIS_PAUSE);

    conn->deadline.handler = ngx_bo_redis_conn_deadline_handler;
    conn->deadline.data = conn;
    conn->deadline.log = conn->log;
    conn->deadline.cancelable = 1;

    conn->upkeep.handler = ngx_bo_redis_conn_upkeep_handler;
    conn->upkeep.data = conn;
    conn->upkeep.log = conn->log;
    conn->upkeep.cancelable = 1;

    conn->flush.handler = ngx_bo_redis_conn_flush_handler;
    conn->flush.data = conn;
    conn->flush.log = conn->log;

    ngx_bo_redis_conn_connect(conn);

    return NGX_OK;
}


void
ngx_bo_redis_conn_destroy(ngx_bo_redis_conn_t *conn)
{
    ngx_uint_t          i;
    ngx_queue_t        *q, *queues[3];
    ngx_bo_redis_op_t  *op;

    ngx_bo_redis_conn_close(conn);

    if (conn->deadline.timer_set) {
        ngx_del_timer(&conn->deadline);
    }

    if (conn->upkeep.timer_set) {
        ngx_del_timer(&conn->upkeep);
    }

    if (conn->flush.posted) {
        ngx_delete_posted_event(&conn->flush);
    }

    queues[0] = &conn->urgent;
    queues[1] = &conn->waiting;
    queues[2] = &conn->inflight;

    for (i = 0; i < 3; i++) {
        while (!ngx_queue_empty(queues[i])) {
            q = ngx_queue_head(queues[i]);
            ngx_queue_remove(q);

            op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);
            ngx_bo_redis_op_free(op);
        }
    }

    ngx_bo_redis_op_cleanup(conn);

    conn->nqueued = 0;
    conn->ninflight = 0;

    ngx_bo_redis_conn_publish(conn);
}


static void
ngx_bo_redis_conn_connect(ngx_bo_redis_conn_t *conn)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    addr = &conn->addrs[conn->addr];

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = addr->sockaddr;
    pc.socklen = addr->socklen;
    pc.name = &addr->name;
    pc.get = ngx_event_get_peer;
    pc.log = conn->log;
    pc.log_error = NGX_ERROR_ERR;

    conn->state = NGX_BO_REDIS_CONNECTING;
    conn->started = ngx_current_msec;

    if (ngx_bo_redis_parser_init(&conn->parser) != 0) {
        ngx_bo_redis_conn_drop(conn, "no memory");
        return;
    }

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_bo_redis_conn_drop(conn, NULL);
        return;
    }

    c = pc.connection;

    c->data = conn;
    c->read->handler = ngx_bo_redis_conn_read_handler;
    c->write->handler = ngx_bo_redis_conn_write_handler;

    /*
     * c->idle stays 0, so that a worker that begins to exit keeps the
     * connection for the requests that it still has.  Nothing of ours keeps
     * such a worker alive without them, and exit_process closes the socket.
     */

    conn->connection = c;

    ngx_bo_redis_conn_arm(conn);

    if (rc == NGX_OK) {
        (void) ngx_bo_redis_conn_established(conn);
    }
}


ngx_int_t
ngx_bo_redis_conn_established(ngx_bo_redis_conn_t *conn)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = conn->connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, conn->log, err,
                      "connect() to %V failed",
                      &conn->addrs[conn->addr].name);
        ngx_bo_redis_conn_drop(conn, NULL);
        return NGX_ERROR;
    }

    if (c->tcp_nodelay == NGX_TCP_NODELAY_UNSET
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        ngx_bo_redis_conn_drop(conn, NULL);
        return NGX_ERROR;
    }

    (void) ngx_atomic_fetch_add(&conn->redis->stats->connects, 1);

    conn->state = NGX_BO_REDIS_SETTING_UP;

    if (ngx_bo_redis_setup(conn) != NGX_OK) {
        ngx_bo_redis_conn_drop(conn, "no memory");
        return NGX_ERROR;
    }

    /*
     * Not left to the posted flush: at the start of a worker, posted events
     * run only after the first wait, which may be longer than the time-out.
     */

    ngx_bo_redis_conn_send(conn);

    return conn->connection ? NGX_OK : NGX_ERROR;
}


void
ngx_bo_redis_conn_ready(ngx_bo_redis_conn_t *conn)
{
    ngx_log_error(NGX_LOG_NOTICE, conn->log, 0, "redis %V: connected",
                  &conn->addrs[conn->addr].name);

    conn->state = NGX_BO_REDIS_READY;
    conn->generation++;
    conn->attempt = 0;
    conn->replica = 0;

    ngx_bo_breaker_success(&conn->breaker);

    ngx_add_timer(&conn->upkeep, NGX_BO_REDIS_KEEPALIVE);

    /* whatever waited for this may leave now */

    ngx_post_event(&conn->flush, &ngx_posted_events);
}


void
ngx_bo_redis_conn_drop(ngx_bo_redis_conn_t *conn, const char *why)
{
    ngx_uint_t   was_ready;
    ngx_queue_t  ended;

    if (why) {
        ngx_log_error(NGX_LOG_ERR, conn->log, 0, "redis %V: %s",
                      &conn->addrs[conn->addr].name, why);
    }

    was_ready = (conn->state == NGX_BO_REDIS_READY);

    ngx_bo_redis_conn_close(conn);

    ngx_queue_init(&ended);

    ngx_bo_redis_conn_collect(conn, &conn->inflight, &ended);
    ngx_bo_redis_conn_collect(conn, &conn->urgent, &ended);

    ngx_memzero(conn->reloading, conn->redis->nscripts);

    ngx_bo_redis_conn_retry(conn, was_ready);

    if (conn->breaker.open) {
        ngx_bo_redis_conn_collect(conn, &conn->waiting, &ended);
    }

    /* last, because the handlers submit again */

    ngx_bo_redis_conn_finish(&ended);
    ngx_bo_redis_conn_publish(conn);
}


static void
ngx_bo_redis_conn_close(ngx_bo_redis_conn_t *conn)
{
    ngx_connection_t  *c;

    if (conn->state >= NGX_BO_REDIS_SETTING_UP) {
        (void) ngx_atomic_fetch_add(&conn->redis->stats->disconnects, 1);
    }

    c = conn->connection;

    conn->connection = NULL;
    conn->state = NGX_BO_REDIS_DOWN;
    conn->out = NULL;
    conn->unfit = 0;
    conn->norole = 0;

    ngx_bo_redis_parser_done(&conn->parser);

    if (c) {
        ngx_close_connection(c);
    }
}


/* Moves what is in queue to ended, with its verdict; frees what is our own. */

static void
ngx_bo_redis_conn_collect(ngx_bo_redis_conn_t *conn, ngx_queue_t *queue,
    ngx_queue_t *ended)
{
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        if (op->queued) {
            op->queued = 0;
            conn->nqueued--;

        } else {
            conn->ninflight--;
        }

        if (op->kind != NGX_BO_REDIS_COMMAND) {
            ngx_bo_redis_op_free(op);
            continue;
        }

        op->verdict = (op->buf.pos == op->buf.start) ? NGX_BO_NOT_SENT
                                                     : NGX_BO_UNKNOWN;

        ngx_queue_insert_tail(ended, q);
    }
}


static void
ngx_bo_redis_conn_finish(ngx_queue_t *ended)
{
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    while (!ngx_queue_empty(ended)) {
        q = ngx_queue_head(ended);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        ngx_bo_redis_op_finish(op, op->verdict, NULL);
    }
}


static void
ngx_bo_redis_conn_retry(ngx_bo_redis_conn_t *conn, ngx_uint_t was_ready)
{
    ngx_msec_t  delay;

    if (!was_ready && conn->addr + 1 < conn->naddrs) {

        /* one round over the addresses of the name is one attempt */

        conn->addr++;
        delay = 1;

    } else {

        if (!was_ready) {
            conn->addr = 0;
        }

        ngx_bo_breaker_failure(&conn->breaker);

        delay = ngx_bo_backoff(conn->attempt);

        if (conn->attempt < NGX_BO_REDIS_MAX_ATTEMPT) {
            conn->attempt++;
        }
    }

    if (conn->upkeep.timer_set) {
        ngx_del_timer(&conn->upkeep);
    }

    ngx_add_timer(&conn->upkeep, delay);
}


void
ngx_bo_redis_conn_arm(ngx_bo_redis_conn_t *conn)
{
    ngx_uint_t          i, found;
    ngx_msec_t          earliest;
    ngx_queue_t        *q, *queues[3];
    ngx_bo_redis_op_t  *op;

    /*
     * All deadlines are the same time ahead when they begin, so the timer
     * that is set comes no later than any of them.  It is not moved as
     * operations end: it fires once a time-out at most, and looks again.
     */

    if (conn->deadline.timer_set) {
        return;
    }

    found = 0;
    earliest = 0;

    if (conn->state == NGX_BO_REDIS_CONNECTING) {
        earliest = conn->started + conn->redis->conf->timeout;
        found = 1;
    }

    queues[0] = &conn->inflight;
    queues[1] = &conn->urgent;
    queues[2] = &conn->waiting;

    for (i = 0; i < 3; i++) {

        if (ngx_queue_empty(queues[i])) {
            continue;
        }

        q = ngx_queue_head(queues[i]);
        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        if (!found || (ngx_msec_int_t) (op->deadline - earliest) < 0) {
            earliest = op->deadline;
            found = 1;
        }
    }

    if (found) {
        earliest -= ngx_current_msec;
        ngx_add_timer(&conn->deadline,
                      (ngx_msec_int_t) earliest > 0 ? earliest : 1);
    }
}


static void
ngx_bo_redis_conn_deadline_handler(ngx_event_t *ev)
{
    ngx_uint_t            late;
    ngx_queue_t           ended;
    ngx_bo_redis_conn_t  *conn;

    conn = ev->data;
    late = ngx_current_msec - ev->timer.key > 1;

    if (!ngx_bo_redis_conn_dead(conn)) {
        conn->grace = 0;

    } else if (late && !conn->grace) {

        /*
         * The worker was busy elsewhere, for longer than the timer: it may
         * have sent the command only now, in that same turn.  Redis gets a
         * turn to answer in, once.
         */

        conn->grace = 1;

        if (ev->timer_set) {
            ngx_del_timer(ev);
        }

        ngx_add_timer(ev, NGX_BO_REDIS_GRACE);

    } else {
        conn->grace = 0;
        ngx_bo_redis_conn_drop(conn, "timed out");
    }

    ngx_queue_init(&ended);

    ngx_bo_redis_conn_expire(&conn->waiting, &ended);
    ngx_bo_redis_conn_arm(conn);

    ngx_bo_redis_conn_finish(&ended);
    ngx_bo_redis_conn_publish(conn);
}


/*
 * Whether an answer is overdue and is not in the socket either: after a long
 * turn of the event loop the timers may come before the socket was read.
 */

static ngx_uint_t
ngx_bo_redis_conn_dead(ngx_bo_redis_conn_t *conn)
{
    ngx_event_t  *rev;

    if (!ngx_bo_redis_conn_overdue(conn)) {
        return 0;
    }

    if (conn->state < NGX_BO_REDIS_SETTING_UP) {
        return 1;
    }

    rev = conn->connection->read;

    /* as if the kernel had reported it: recv() does nothing otherwise */

    rev->ready = 1;
    rev->available = -1;

    ngx_bo_redis_conn_read_handler(rev);

    /* the connection may be gone, or a handler may have submitted more */

    return ngx_bo_redis_conn_overdue(conn);
}


static ngx_uint_t
ngx_bo_redis_conn_overdue(ngx_bo_redis_conn_t *conn)
{
    ngx_uint_t          i;
    ngx_msec_t          started;
    ngx_queue_t        *q, *queues[2];
    ngx_bo_redis_op_t  *op;

    if (conn->state == NGX_BO_REDIS_CONNECTING) {
        started = ngx_current_msec - conn->started;
        return started >= conn->redis->conf->timeout;
    }

    queues[0] = &conn->inflight;
    queues[1] = &conn->urgent;

    for (i = 0; i < 2; i++) {

        if (ngx_queue_empty(queues[i])) {
            continue;
        }

        q = ngx_queue_head(queues[i]);
        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        if ((ngx_msec_int_t) (op->deadline - ngx_current_msec) <= 0) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_bo_redis_conn_expire(ngx_queue_t *queue, ngx_queue_t *ended)
{
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        if ((ngx_msec_int_t) (op->deadline - ngx_current_msec) > 0) {
            return;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(ended, q);

        op->queued = 0;
        op->conn->nqueued--;
        op->verdict = NGX_BO_NOT_SENT;
    }
}


static void
ngx_bo_redis_conn_upkeep_handler(ngx_event_t *ev)
{
    ngx_msec_t            elapsed;
    ngx_bo_redis_conn_t  *conn;

    conn = ev->data;

    if (conn->state == NGX_BO_REDIS_DOWN) {

        if (conn->addr == 0 && !ngx_bo_breaker_allow(&conn->breaker)) {
            elapsed = ngx_current_msec - conn->breaker.opened;
            elapsed = ngx_min(elapsed, NGX_BO_REDIS_PAUSE - 1);

            ngx_add_timer(ev, NGX_BO_REDIS_PAUSE - elapsed);
            return;
        }

        ngx_bo_redis_conn_connect(conn);
        return;
    }

    /*
     * A primary may become a replica and keep its connections; who only reads
     * from it would not notice.  A dead server is noticed by the deadline of
     * whatever is under way: on an idle connection, that is this.
     */

    if (!conn->norole) {
        (void) ngx_bo_redis_role(conn);

    } else if (conn->ninflight + conn->nqueued == 0) {
        (void) ngx_bo_redis_ping(conn, NGX_BO_REDIS_PING);
    }

    ngx_add_timer(ev, NGX_BO_REDIS_KEEPALIVE);
}


void
ngx_bo_redis_conn_publish(ngx_bo_redis_conn_t *conn)
{
    ngx_bo_redis_counts_t    *n;
    ngx_bo_upstream_stats_t  *stats;

    n = &conn->counts;
    stats = conn->redis->stats;

#define ngx_bo_redis_publish_count(name)                                      \
                                                                              \
    if (n->name) {                                                            \
        (void) ngx_atomic_fetch_add(&stats->name, n->name);                   \
        n->name = 0;                                                          \
    }

    ngx_bo_redis_publish_count(operations)
    ngx_bo_redis_publish_count(errors)
    ngx_bo_redis_publish_count(unknown)
    ngx_bo_redis_publish_count(refused)
    ngx_bo_redis_publish_count(batches)
    ngx_bo_redis_publish_count(batched)

#undef ngx_bo_redis_publish_count

    /* gauges of all workers add up, so each worker adds its difference */

    if (n->waiting != conn->nqueued) {
        (void) ngx_atomic_fetch_add(&stats->waiting,
                                    conn->nqueued - n->waiting);
        n->waiting = conn->nqueued;
    }

    if (n->inflight != conn->ninflight) {
        (void) ngx_atomic_fetch_add(&stats->inflight,
                                    conn->ninflight - n->inflight);
        n->inflight = conn->ninflight;
    }
}
