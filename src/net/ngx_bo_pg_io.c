
/*
 * The PostgreSQL client: the traffic of a connection that is up.
 */


#include "ngx_bo_pg_int.h"

#if (NGX_OPENSSL)
#include <openssl/ssl.h>
#endif


/*
 * PQgetResult() gives one NULL after each statement's results.  More than a
 * few in a row mean that libpq has nothing for a unit that we wait for.
 */
#define NGX_BO_PG_MAX_NULLS        8


static void ngx_bo_pg_conn_input(ngx_bo_pg_conn_t *conn);
static ngx_int_t ngx_bo_pg_conn_consume(ngx_bo_pg_conn_t *conn);
static ngx_int_t ngx_bo_pg_conn_results(ngx_bo_pg_conn_t *conn);
static ngx_int_t ngx_bo_pg_conn_flush(ngx_bo_pg_conn_t *conn);


void
ngx_bo_pg_conn_read(ngx_event_t *rev)
{
    ngx_bo_pg_t       *pg;
    ngx_connection_t  *c;
    ngx_bo_pg_conn_t  *conn;

    c = rev->data;
    conn = c->data;
    pg = conn->pg;

    if (c->close) {

        /* an idle connection of an exiting worker, or its last hour */

        if (conn->nunits) {
            ngx_bo_pg_conn_lost(conn, "the worker shuts down");

        } else {
            ngx_bo_pg_conn_close(conn);
        }

    } else if (conn->state == NGX_BO_PG_CONNECTING) {
        ngx_bo_pg_conn_step(conn);

    } else {
        ngx_bo_pg_conn_input(conn);
    }

    ngx_bo_pg_deliver(pg);
}


void
ngx_bo_pg_conn_write(ngx_event_t *wev)
{
    ngx_bo_pg_t       *pg;
    ngx_connection_t  *c;
    ngx_bo_pg_conn_t  *conn;

    c = wev->data;
    conn = c->data;
    pg = conn->pg;

    if (conn->state == NGX_BO_PG_CONNECTING) {
        ngx_bo_pg_conn_step(conn);

    } else if (ngx_bo_pg_conn_flush(conn) != NGX_OK) {
        ngx_bo_pg_conn_lost(conn, "sending failed");
    }

    ngx_bo_pg_deliver(pg);
}


static void
ngx_bo_pg_conn_input(ngx_bo_pg_conn_t *conn)
{
    ngx_int_t     consumed, rc;
    ngx_bo_pg_t  *pg;

    pg = conn->pg;

    /* what came before the end still counts */

    consumed = ngx_bo_pg_conn_consume(conn);
    rc = ngx_bo_pg_conn_results(conn);

    if (rc != NGX_OK) {
        ngx_bo_pg_conn_lost(conn, "unexpected answer");

    } else if (consumed != NGX_OK || PQstatus(conn->pq) != CONNECTION_OK) {
        ngx_bo_pg_conn_lost(conn, "closed by the server");

    } else if (ngx_bo_pg_conn_flush(conn) != NGX_OK) {
        ngx_bo_pg_conn_lost(conn, "sending failed");

    } else {
        if (conn->served >= conn->recycle) {
            conn->retire = 1;
        }

        if (conn->nunits == 0) {
            conn->c->idle = 1;
            conn->timer.cancelable = 1;

            if (conn->retire) {
                ngx_bo_pg_conn_retire(conn);
            }
        }
    }

    if (pg->nwaiting || ngx_exiting) {
        ngx_bo_pg_post(pg);
    }
}


static ngx_int_t
ngx_bo_pg_conn_consume(ngx_bo_pg_conn_t *conn)
{
#if (NGX_OPENSSL)
    SSL  *ssl;
#endif

    if (!PQconsumeInput(conn->pq)) {
        return NGX_ERROR;
    }

#if (NGX_OPENSSL)

    /* what TLS has decrypted already raises no event */

    ssl = PQsslStruct(conn->pq, "OpenSSL");

    while (ssl && SSL_pending(ssl) > 0) {
        if (!PQconsumeInput(conn->pq)) {
            return NGX_ERROR;
        }
    }

#endif

    return NGX_OK;
}


static ngx_int_t
ngx_bo_pg_conn_results(ngx_bo_pg_conn_t *conn)
{
    PGresult    *res;
    ngx_uint_t   nulls;

    nulls = 0;

    /* PQisBusy() first: it also parses what comes without being asked for */

    while (!PQisBusy(conn->pq) && !ngx_queue_empty(&conn->units)) {

        res = PQgetResult(conn->pq);

        if (res == NULL) {
            if (++nulls > NGX_BO_PG_MAX_NULLS) {
                return NGX_ERROR;
            }

            continue;
        }

        nulls = 0;

        if (ngx_bo_pg_unit_result(conn, res) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Sends what libpq has buffered; the rest when the socket takes it. */

static ngx_int_t
ngx_bo_pg_conn_flush(ngx_bo_pg_conn_t *conn)
{
    int           rc;
    ngx_event_t  *wev;

    rc = PQflush(conn->pq);

    if (rc < 0) {
        return NGX_ERROR;
    }

    wev = conn->c->write;

    if (rc && !wev->active) {
        return ngx_bo_pg_conn_watch(conn, NGX_WRITE_EVENT);
    }

    if (rc == 0 && wev->active) {
        return ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }

    return NGX_OK;
}


ngx_int_t
ngx_bo_pg_conn_sent(ngx_bo_pg_conn_t *conn)
{
    ngx_msec_int_t  left;

    conn->c->idle = 0;

    /* what is in flight keeps an exiting worker alive */

    conn->timer.cancelable = 0;

    if (!conn->timer.timer_set) {

        /*
         * It is left set when the answer has come, and looks at the units of
         * that time when it ends: one timer for thousands of units.
         */

        left = (ngx_msec_int_t) (ngx_bo_pg_conn_deadline(conn)
                                 - ngx_current_msec);
        ngx_add_timer(&conn->timer, (ngx_msec_t) ngx_max(left, 1));
    }

    return ngx_bo_pg_conn_flush(conn);
}


/*
 * A message that was not asked for.  A warning makes the head unit's outcome
 * unknown.  It cannot be the warning of the unit behind it: libpq stops
 * parsing at that unit's first answer until the head's Sync is taken.
 */

void
ngx_bo_pg_conn_notice(void *arg, const PGresult *res)
{
    ngx_bo_pg_conn_t *conn = arg;

    ngx_queue_t       *q;
    const char        *severity, *sqlstate;
    ngx_bo_pg_unit_t  *unit;

    severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (severity == NULL || sqlstate == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, conn->pg->log, 0,
                  "postgres: connection %ui: %s, SQLSTATE %s",
                  conn->index, severity, sqlstate);

    if (ngx_strcmp(severity, "WARNING") != 0
        || ngx_queue_empty(&conn->units))
    {
        return;
    }

    q = ngx_queue_head(&conn->units);
    unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

    unit->warned = 1;

    ngx_log_error(NGX_LOG_ERR, conn->pg->log, 0,
                  "postgres: statement \"%s\" of %ui got a warning, "
                  "SQLSTATE %s", unit->lane->st->name, unit->n, sqlstate);
}
