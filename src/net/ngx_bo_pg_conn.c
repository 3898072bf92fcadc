
/*
 * The PostgreSQL client: one connection.  libpq owns the socket, nginx
 * watches it.
 *
 * The events are level-triggered, since libpq does not read a socket until it
 * is empty.  libpq may close the socket and open another one, even with the
 * same number: inside PQconnectPoll(), and when reading fails.  So nothing is
 * watched during the former, and after the latter the events are dropped
 * without a system call.
 */


#include "ngx_bo_pg_int.h"


/* An attempt to connect may take this long, TLS and authentication included. */
#define NGX_BO_PG_CONNECT_TIMEOUT  2000    /* msec */

/*
 * libpq's input buffer never shrinks, and plans grow old: a connection is
 * replaced after so many units, plus up to a quarter, so that the
 * connections of a worker are not replaced together.
 */
#define NGX_BO_PG_RECYCLE          100000

#define NGX_BO_PG_MESSAGE          256     /* bytes of libpq's text in logs */


static void ngx_bo_pg_conn_unwatch(ngx_bo_pg_conn_t *conn);
static void ngx_bo_pg_conn_forget(ngx_bo_pg_conn_t *conn);
static void ngx_bo_pg_conn_failed(ngx_bo_pg_conn_t *conn, const char *why);
static ngx_int_t ngx_bo_pg_conn_established(ngx_bo_pg_conn_t *conn);
static void ngx_bo_pg_conn_pause(ngx_bo_pg_conn_t *conn);
static void ngx_bo_pg_conn_timer(ngx_event_t *ev);
static u_char *ngx_bo_pg_conn_message(ngx_bo_pg_conn_t *conn, u_char *buf);


void
ngx_bo_pg_conn_init(ngx_bo_pg_t *pg, ngx_bo_pg_conn_t *conn)
{
    conn->pg = pg;

    ngx_queue_init(&conn->units);

    conn->timer.handler = ngx_bo_pg_conn_timer;
    conn->timer.data = conn;
    conn->timer.log = pg->log;
}


void
ngx_bo_pg_conn_open(ngx_bo_pg_conn_t *conn)
{
    ngx_bo_pg_t  *pg;

    pg = conn->pg;

    conn->state = NGX_BO_PG_CONNECTING;
    ngx_memzero(conn->prepared, sizeof(conn->prepared));
    ngx_memzero(conn->preparing, sizeof(conn->preparing));
    conn->served = 0;
    conn->retire = 0;
    conn->recycle = NGX_BO_PG_RECYCLE
                    + (ngx_uint_t) ngx_random() % (NGX_BO_PG_RECYCLE / 4);

    /* what waits keeps an exiting worker alive, an attempt to connect not */

    conn->timer.cancelable = 1;

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    ngx_add_timer(&conn->timer, NGX_BO_PG_CONNECT_TIMEOUT);

    conn->pq = PQconnectStartParams(pg->keywords, pg->values, 0);

    if (conn->pq == NULL || PQstatus(conn->pq) == CONNECTION_BAD) {
        ngx_bo_pg_conn_failed(conn, "cannot connect");
        return;
    }

    PQsetNoticeReceiver(conn->pq, ngx_bo_pg_conn_notice, conn);

    /* the details of an error quote the row, and with it names and addresses */

    (void) PQsetErrorVerbosity(conn->pq, PQERRORS_TERSE);

    if (ngx_bo_pg_conn_watch(conn, NGX_WRITE_EVENT) != NGX_OK) {
        ngx_bo_pg_conn_failed(conn, "cannot watch");
    }
}


ngx_int_t
ngx_bo_pg_conn_watch(ngx_bo_pg_conn_t *conn, ngx_int_t event)
{
    int                fd;
    ngx_event_t       *ev;
    ngx_connection_t  *c;

    fd = PQsocket(conn->pq);

    if (fd < 0) {
        return NGX_ERROR;
    }

    if (conn->c && conn->c->fd != (ngx_socket_t) fd) {
        ngx_bo_pg_conn_forget(conn);
    }

    if (conn->c == NULL) {
        c = ngx_get_connection((ngx_socket_t) fd, conn->pg->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->data = conn;
        c->read->log = conn->pg->log;
        c->write->log = conn->pg->log;
        c->read->handler = ngx_bo_pg_conn_read;
        c->write->handler = ngx_bo_pg_conn_write;

        conn->c = c;
    }

    ev = (event == NGX_READ_EVENT) ? conn->c->read : conn->c->write;

    return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
}


static void
ngx_bo_pg_conn_unwatch(ngx_bo_pg_conn_t *conn)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c;

    c = conn->c;

    if (c == NULL) {
        return;
    }

    /* a closed socket is watched no more, and its number may be another's */

    flags = (conn->pq && (ngx_socket_t) PQsocket(conn->pq) == c->fd)
            ? 0 : NGX_CLOSE_EVENT;

    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
}


/* Gives nginx's connection back; the socket is libpq's and is left alone. */

static void
ngx_bo_pg_conn_forget(ngx_bo_pg_conn_t *conn)
{
    ngx_connection_t  *c;

    c = conn->c;

    if (c == NULL) {
        return;
    }

    ngx_bo_pg_conn_unwatch(conn);

    conn->c = NULL;
    c->idle = 0;

    ngx_free_connection(c);

    /* events of this turn that are still to come are stale by this */

    c->fd = (ngx_socket_t) -1;
}


void
ngx_bo_pg_conn_step(ngx_bo_pg_conn_t *conn)
{
    ngx_int_t  event;

    ngx_bo_pg_conn_unwatch(conn);

    switch (PQconnectPoll(conn->pq)) {

    case PGRES_POLLING_READING:
        event = NGX_READ_EVENT;
        break;

    case PGRES_POLLING_WRITING:
        event = NGX_WRITE_EVENT;
        break;

    case PGRES_POLLING_OK:

        if (ngx_bo_pg_conn_established(conn) != NGX_OK) {
            ngx_bo_pg_conn_failed(conn, "cannot set up");
        }

        return;

    default:
        ngx_bo_pg_conn_failed(conn, "cannot connect");
        return;
    }

    if (ngx_bo_pg_conn_watch(conn, event) != NGX_OK) {
        ngx_bo_pg_conn_failed(conn, "cannot watch");
    }
}


static void
ngx_bo_pg_conn_failed(ngx_bo_pg_conn_t *conn, const char *why)
{
    u_char        buf[NGX_BO_PG_MESSAGE];
    ngx_uint_t    level;
    ngx_bo_pg_t  *pg;

    pg = conn->pg;

    /* once for each outage, not for each attempt */

    level = conn->attempt ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, pg->log, 0, "postgres: connection %ui: %s: %s",
                  conn->index, why, ngx_bo_pg_conn_message(conn, buf));

    ngx_bo_pg_conn_close(conn);

    if (pg->nup == 0) {
        ngx_bo_breaker_failure(&pg->breaker);
    }

    ngx_bo_pg_conn_pause(conn);
}


static ngx_int_t
ngx_bo_pg_conn_established(ngx_bo_pg_conn_t *conn)
{
    ngx_bo_pg_t  *pg;

    pg = conn->pg;

    if (PQsetnonblocking(conn->pq, 1) != 0
        || !PQenterPipelineMode(conn->pq)
        || ngx_bo_pg_conn_watch(conn, NGX_READ_EVENT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_del_timer(&conn->timer);

    conn->state = NGX_BO_PG_UP;
    conn->c->idle = 1;

    pg->nup++;
    ngx_atomic_fetch_add(&pg->stats->connects, 1);

    ngx_log_error(NGX_LOG_INFO, pg->log, 0,
                  "postgres: connection %ui is up", conn->index);

    if (pg->breaker.open) {

        /* a server that lets us in is worth a probe now */

        pg->breaker.opened = ngx_current_msec - pg->breaker.pause;
    }

    ngx_bo_pg_post(pg);

    return NGX_OK;
}


void
ngx_bo_pg_conn_close(ngx_bo_pg_conn_t *conn)
{
    ngx_uint_t    up;
    ngx_bo_pg_t  *pg;

    pg = conn->pg;
    up = (conn->state == NGX_BO_PG_UP);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    /* watching ends while libpq still has the socket */

    ngx_bo_pg_conn_unwatch(conn);

    if (conn->pq) {
        PQfinish(conn->pq);
        conn->pq = NULL;
    }

    ngx_bo_pg_conn_forget(conn);

    conn->state = NGX_BO_PG_CLOSED;

    if (!up) {
        return;
    }

    ngx_atomic_fetch_add(&pg->stats->disconnects, 1);

    if (--pg->nup == 0) {

        /* what waits has less time now */

        pg->down_since = ngx_current_msec;
        ngx_bo_pg_arm(pg);
    }
}


void
ngx_bo_pg_conn_lost(ngx_bo_pg_conn_t *conn, const char *why)
{
    ngx_queue_t       *q;
    ngx_bo_pg_t       *pg;
    ngx_bo_pg_unit_t  *unit;

    pg = conn->pg;

    /* libpq's text is left out: it may quote what a client sent */

    ngx_log_error(NGX_LOG_ERR, pg->log, 0,
                  "postgres: connection %ui lost with %ui units: %s",
                  conn->index, conn->nunits, why);

    if (conn->nunits) {

        /* one failure, however many it took with it */

        ngx_bo_breaker_failure(&pg->breaker);
    }

    while (!ngx_queue_empty(&conn->units)) {
        q = ngx_queue_head(&conn->units);
        unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);
        ngx_bo_pg_unit_finish(conn, unit, NGX_BO_UNKNOWN);
    }

    ngx_bo_pg_conn_close(conn);
    ngx_bo_pg_conn_pause(conn);
}


/*
 * The pause before the next attempt.  They grow until a unit has done well:
 * a server that lets us in may still be of no use, such as a standby.
 */

static void
ngx_bo_pg_conn_pause(ngx_bo_pg_conn_t *conn)
{
    conn->timer.cancelable = 1;

    ngx_add_timer(&conn->timer, ngx_bo_backoff(conn->attempt));

    conn->attempt++;
}


void
ngx_bo_pg_conn_retire(ngx_bo_pg_conn_t *conn)
{
    ngx_uint_t  old;

    old = (conn->served >= conn->recycle);

    ngx_bo_pg_conn_close(conn);

    if (old) {
        ngx_bo_pg_conn_open(conn);

    } else {
        ngx_bo_pg_conn_pause(conn);
    }
}


ngx_msec_t
ngx_bo_pg_conn_deadline(ngx_bo_pg_conn_t *conn)
{
    ngx_msec_t         first;
    ngx_queue_t       *q;
    ngx_bo_pg_unit_t  *unit;

    q = ngx_queue_head(&conn->units);
    unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);
    first = unit->deadline;

    for (q = ngx_queue_next(q);
         q != ngx_queue_sentinel(&conn->units);
         q = ngx_queue_next(q))
    {
        unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

        if ((ngx_msec_int_t) (unit->deadline - first) < 0) {
            first = unit->deadline;
        }
    }

    return first;
}


static void
ngx_bo_pg_conn_timer(ngx_event_t *ev)
{
    ngx_bo_pg_t       *pg;
    ngx_msec_int_t     left;
    ngx_bo_pg_conn_t  *conn;

    conn = ev->data;
    pg = conn->pg;

    switch (conn->state) {

    case NGX_BO_PG_CLOSED:

        if (!ngx_exiting || pg->nwaiting) {
            ngx_bo_pg_conn_open(conn);
        }

        break;

    case NGX_BO_PG_CONNECTING:
        ngx_bo_pg_conn_failed(conn, "timed out");
        break;

    case NGX_BO_PG_UP:

        if (conn->nunits == 0) {
            break;
        }

        left = (ngx_msec_int_t) (ngx_bo_pg_conn_deadline(conn)
                                 - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(&conn->timer, (ngx_msec_t) left);
            break;
        }

        ngx_bo_pg_conn_lost(conn, "no answer in time");
    }

    ngx_bo_pg_deliver(pg);
}


/*
 * libpq's message about an attempt to connect, in one line of printable
 * bytes; it names addresses and roles, and nothing that a client sent.
 */

static u_char *
ngx_bo_pg_conn_message(ngx_bo_pg_conn_t *conn, u_char *buf)
{
    u_char       ch;
    size_t       i;
    const char  *text;

    text = conn->pq ? PQerrorMessage(conn->pq) : "no memory";

    for (i = 0; i < NGX_BO_PG_MESSAGE - 1 && text[i]; i++) {
        ch = (u_char) text[i];
        buf[i] = (ch < 0x20 || ch == 0x7f) ? ' ' : ch;
    }

    while (i && buf[i - 1] == ' ') {
        i--;
    }

    buf[i] = '\0';

    return buf;
}
