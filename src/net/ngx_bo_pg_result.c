
/*
 * The PostgreSQL client: what came for a unit.  Its result is held back until
 * the Sync is answered, and then told to each of its operations.
 */


#include "ngx_bo_pg_int.h"


/* What an SQL error says about more than its statement. */

#define NGX_BO_PG_TRANSIENT  0x01      /* may pass when sent again */
#define NGX_BO_PG_SICK       0x02      /* the server is not well */
#define NGX_BO_PG_RETIRE     0x04      /* the session is of no more use */
#define NGX_BO_PG_FORGOTTEN  0x08      /* it does not know the statement */


typedef struct {
    const char          *prefix;        /* of the SQLSTATE */
    ngx_uint_t           flags;
} ngx_bo_pg_sqlstate_t;


static ngx_int_t ngx_bo_pg_unit_error(ngx_bo_pg_conn_t *conn,
    ngx_bo_pg_unit_t *unit, PGresult *res);
static ngx_int_t ngx_bo_pg_unit_sync(ngx_bo_pg_conn_t *conn,
    ngx_bo_pg_unit_t *unit);
static void ngx_bo_pg_unit_failed(ngx_bo_pg_conn_t *conn,
    ngx_bo_pg_unit_t *unit);
static ngx_uint_t ngx_bo_pg_again(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit,
    ngx_uint_t flags);
static void ngx_bo_pg_unit_rows(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit);
static ngx_uint_t ngx_bo_pg_sqlstate(const char *sqlstate);


static const ngx_bo_pg_sqlstate_t  ngx_bo_pg_sqlstates[] = {
    { "40001", NGX_BO_PG_TRANSIENT },   /* serialization_failure */
    { "40P01", NGX_BO_PG_TRANSIENT },   /* deadlock_detected */
    { "55P03", NGX_BO_PG_TRANSIENT },   /* lock_not_available */

    /* the session has forgotten it, or is another one: a pooler's doing */
    { "26000", NGX_BO_PG_TRANSIENT|NGX_BO_PG_FORGOTTEN },

    /* "cached plan must not change result type": the schema has changed */
    { "0A000", NGX_BO_PG_TRANSIENT|NGX_BO_PG_RETIRE },

    { "25006", NGX_BO_PG_SICK|NGX_BO_PG_RETIRE },   /* now a standby */
    { "57P0", NGX_BO_PG_SICK|NGX_BO_PG_RETIRE },    /* shutting down */
    { "08", NGX_BO_PG_SICK|NGX_BO_PG_RETIRE },      /* connection */
    { "53", NGX_BO_PG_SICK },           /* disk, memory, too many */
    { "57", NGX_BO_PG_SICK },           /* operator, time-out */
    { "58", NGX_BO_PG_SICK },           /* system error */
    { "XX", NGX_BO_PG_SICK },           /* internal error */
    { NULL, 0 }
};


ngx_int_t
ngx_bo_pg_unit_result(ngx_bo_pg_conn_t *conn, PGresult *res)
{
    ngx_queue_t       *q;
    ngx_bo_pg_unit_t  *unit;

    q = ngx_queue_head(&conn->units);
    unit = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);

    switch (PQresultStatus(res)) {

    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        return ngx_bo_pg_unit_sync(conn, unit);

    case PGRES_FATAL_ERROR:
        return ngx_bo_pg_unit_error(conn, unit, res);

    case PGRES_PIPELINE_ABORTED:

        /* what stood behind the error, which is held already */

        PQclear(res);
        return unit->res ? NGX_OK : NGX_ERROR;

    case PGRES_COMMAND_OK:

        if (unit->preparing) {
            unit->preparing = 0;
            conn->preparing[unit->lane->index] = 0;
            conn->prepared[unit->lane->index] = 1;

            PQclear(res);
            return NGX_OK;
        }

        break;

    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        break;

    default:

        /* COPY has no place in a pipeline */

        PQclear(res);
        return NGX_ERROR;
    }

    if (unit->res || unit->preparing) {
        PQclear(res);
        return NGX_ERROR;
    }

    unit->res = res;

    return NGX_OK;
}


/*
 * An error takes the place of a result that is held: the row of a function
 * comes before the commit, and a deferred constraint may still refuse it.
 */

static ngx_int_t
ngx_bo_pg_unit_error(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit,
    PGresult *res)
{
    if (unit->preparing) {
        unit->preparing = 0;
        conn->preparing[unit->lane->index] = 0;
    }

    PQclear(unit->res);
    unit->res = res;

    return NGX_OK;
}


/* The transaction has ended, and what it came to is known. */

static ngx_int_t
ngx_bo_pg_unit_sync(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit)
{
    ngx_bo_pg_t  *pg;

    pg = conn->pg;

    if (unit->res == NULL || unit->preparing) {
        return NGX_ERROR;
    }

    if (PQresultStatus(unit->res) == PGRES_FATAL_ERROR) {
        ngx_bo_pg_unit_failed(conn, unit);
        return NGX_OK;
    }

    if (unit->warned) {

        /*
         * Such as "canceling wait for synchronous replication": committed
         * here, and lost when the standby takes over.
         */

        ngx_bo_breaker_failure(&pg->breaker);
        ngx_bo_pg_unit_finish(conn, unit, NGX_BO_UNKNOWN);
        return NGX_OK;
    }

    conn->attempt = 0;

    ngx_bo_breaker_success(&pg->breaker);
    ngx_bo_pg_unit_rows(pg, unit);
    ngx_bo_pg_unit_finish(conn, unit, NGX_BO_DONE);

    return NGX_OK;
}


/* A unit with an SQL error: nothing of it happened. */

static void
ngx_bo_pg_unit_failed(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit)
{
    ngx_uint_t    i, flags;
    const char   *sqlstate;
    ngx_bo_pg_t  *pg;

    pg = conn->pg;
    sqlstate = PQresultErrorField(unit->res, PG_DIAG_SQLSTATE);

    if (sqlstate == NULL) {

        /* libpq's own error: it could not take what came */

        sqlstate = "08000";
    }

    flags = ngx_bo_pg_sqlstate(sqlstate);

    /* the message may quote what a client sent: not for the log */

    ngx_log_error(NGX_LOG_WARN, pg->log, 0,
                  "postgres: statement \"%s\" of %ui failed, SQLSTATE %s",
                  unit->lane->st->name, unit->n, sqlstate);

    if (flags & NGX_BO_PG_RETIRE) {
        conn->retire = 1;
    }

    if (flags & NGX_BO_PG_FORGOTTEN) {
        conn->prepared[unit->lane->index] = 0;
    }

    if (flags & NGX_BO_PG_SICK) {
        ngx_bo_breaker_failure(&pg->breaker);

    } else {
        ngx_bo_breaker_success(&pg->breaker);
    }

    if (!(flags & (NGX_BO_PG_SICK|NGX_BO_PG_RETIRE))) {
        conn->attempt = 0;
    }

    for (i = 0; i < unit->n; i++) {
        unit->ops[i]->row = 0;
    }

    if (!ngx_bo_pg_again(pg, unit, flags)) {
        ngx_bo_pg_unit_finish(conn, unit, NGX_BO_DONE);
        return;
    }

    /* its operations went back to the lane */

    ngx_atomic_fetch_add(&pg->stats->inflight,
                         - (ngx_atomic_int_t) unit->n);
    unit->n = 0;

    ngx_bo_pg_unit_finish(conn, unit, NGX_BO_DONE);
}


/*
 * Puts the operations of a failed unit back, once: those of a batch because
 * one of them may have failed them all, a single one if its error may pass.
 * Returns 0 when it may not.
 */

static ngx_uint_t
ngx_bo_pg_again(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit, ngx_uint_t flags)
{
    ngx_uint_t       i;
    ngx_bo_pg_op_t  *op;

    if (unit->n == 1) {
        op = unit->ops[0];

        if (!(flags & NGX_BO_PG_TRANSIENT)
            || op->retried
            || (ngx_msec_int_t) (unit->deadline - ngx_current_msec) <= 0)
        {
            return 0;
        }
    }

    for (i = 0; i < unit->n; i++) {
        op = unit->ops[i];

        if (op->handler == NULL) {

            /* cancelled: nobody wants what has not happened yet */

            ngx_bo_pg_free_op(op);
            continue;
        }

        op->single = 1;
        op->row = -1;

        /*
         * When the batch failed for what may pass, going alone is the retry:
         * a row that stays locked would hold up the connection once more.
         */

        if (flags & NGX_BO_PG_TRANSIENT) {
            op->retried = 1;
        }

        ngx_bo_pg_enqueue(pg, op);
    }

    ngx_bo_pg_arm(pg);

    return 1;
}


/*
 * Gives each operation of a batch its row.  A row that is missing or comes
 * twice leaves its operation without one, so unknown: the statement may have
 * done anything for it.
 */

static void
ngx_bo_pg_unit_rows(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit)
{
    int         i, n;
    ngx_int_t   item;
    ngx_uint_t  k, wrong;

    if (unit->lane->st->batch == 1) {
        unit->ops[0]->row = 0;
        return;
    }

    n = PQnfields(unit->res) ? PQntuples(unit->res) : 0;
    wrong = 0;

    for (i = 0; i < n; i++) {
        item = ngx_atoi((u_char *) PQgetvalue(unit->res, i, 0),
                        PQgetlength(unit->res, i, 0));

        if (item < 1 || (ngx_uint_t) item > unit->n) {
            wrong++;
            continue;
        }

        /* -2: it came twice */

        unit->ops[item - 1]->row = (unit->ops[item - 1]->row == -1) ? i : -2;
    }

    for (k = 0; k < unit->n; k++) {
        if (unit->ops[k]->row < 0) {
            unit->ops[k]->row = -1;
            wrong++;
        }
    }

    if (wrong) {
        ngx_log_error(NGX_LOG_ERR, pg->log, 0,
                      "postgres: statement \"%s\" of %ui gave %ui rows that "
                      "are missing, double or of no operation",
                      unit->lane->st->name, unit->n, wrong);
    }
}


static ngx_uint_t
ngx_bo_pg_sqlstate(const char *sqlstate)
{
    size_t                       len;
    const ngx_bo_pg_sqlstate_t  *known;

    for (known = ngx_bo_pg_sqlstates; known->prefix; known++) {
        len = ngx_strlen(known->prefix);

        if (ngx_strncmp(sqlstate, known->prefix, len) == 0) {
            return known->flags;
        }
    }

    return 0;
}
