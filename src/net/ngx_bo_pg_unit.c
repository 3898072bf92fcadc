
/*
 * The PostgreSQL client: a unit is what one Sync ends.  Making and sending it.
 */


#include "ngx_bo_pg_int.h"


/* A scratch buffer beyond this is given back after its use. */
#define NGX_BO_PG_SCRATCH  (256 * 1024)


static ngx_int_t ngx_bo_pg_params(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit,
    const char **params);
static ngx_uint_t ngx_bo_pg_put(ngx_bo_pg_conn_t *conn,
    ngx_bo_pg_unit_t *unit, const char **params);


ngx_bo_pg_unit_t *
ngx_bo_pg_unit_create(ngx_bo_pg_lane_t *lane, ngx_uint_t n)
{
    size_t             size;
    ngx_bo_pg_unit_t  *unit;

    size = sizeof(ngx_bo_pg_unit_t) + n * sizeof(ngx_bo_pg_op_t *);

    unit = ngx_calloc(size, ngx_cycle->log);
    if (unit == NULL) {
        return NULL;
    }

    unit->lane = lane;

    return unit;
}


void
ngx_bo_pg_unit_free(ngx_bo_pg_unit_t *unit)
{
    PQclear(unit->res);
    ngx_free(unit);
}


ngx_int_t
ngx_bo_pg_unit_send(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit)
{
    ngx_uint_t                put;
    const char               *params[NGX_BO_PG_MAX_PARAMS];
    ngx_bo_pg_t              *pg;
    ngx_bo_upstream_stats_t  *stats;

    pg = conn->pg;
    stats = pg->stats;

    if (ngx_bo_pg_params(pg, unit, params) != NGX_OK) {
        return NGX_ABORT;
    }

    put = ngx_bo_pg_put(conn, unit, params);

    if (pg->scratch_size > NGX_BO_PG_SCRATCH) {
        ngx_free(pg->scratch);
        pg->scratch = NULL;
        pg->scratch_size = 0;
    }

    /*
     * Without a Sync behind it the server rolls back when the connection
     * ends, whatever of this it has seen: it did not happen.
     */

    if (!put) {
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&conn->units, &unit->queue);
    conn->nunits++;
    conn->served++;

    if (unit->batch) {
        unit->lane->flying++;

    } else {
        conn->nsingles++;
    }

    ngx_atomic_fetch_add(&stats->inflight, unit->n);

    if (unit->lane->st->batch > 1) {
        ngx_atomic_fetch_add(&stats->batches, 1);
        ngx_atomic_fetch_add(&stats->batched, unit->n);
    }

    return PQpipelineSync(conn->pq) ? NGX_OK : NGX_ERROR;
}


/*
 * The parameters as texts: arrays for a batchable statement, also when the
 * unit has one operation only, so that there is one statement to prepare.
 */

static ngx_int_t
ngx_bo_pg_params(ngx_bo_pg_t *pg, ngx_bo_pg_unit_t *unit, const char **params)
{
    size_t       size;
    u_char      *p;
    ngx_uint_t   k, n;

    n = unit->lane->st->nparams;

    if (unit->lane->st->batch == 1) {
        for (k = 0; k < n; k++) {
            params[k] = (const char *) unit->ops[0]->values[k].data;
        }

        return NGX_OK;
    }

    size = 0;

    for (k = 0; k < n; k++) {
        size += ngx_bo_pg_array_size(unit->ops, unit->n, k);
    }

    if (size > pg->scratch_size) {
        if (pg->scratch) {
            ngx_free(pg->scratch);
        }

        pg->scratch_size = 0;

        pg->scratch = ngx_alloc(size, pg->log);
        if (pg->scratch == NULL) {
            return NGX_ERROR;
        }

        pg->scratch_size = size;
    }

    p = pg->scratch;

    for (k = 0; k < n; k++) {
        params[k] = (const char *) p;
        p = ngx_bo_pg_array_write(p, unit->ops, unit->n, k);
    }

    return NGX_OK;
}


/* Queues the unit's messages in libpq, all but the Sync; 0 on failure. */

static ngx_uint_t
ngx_bo_pg_put(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit,
    const char **params)
{
    int                     n;
    ngx_bo_pg_statement_t  *st;

    st = unit->lane->st;
    n = (int) st->nparams;

    if (!conn->pg->conf->prepare) {
        return PQsendQueryParams(conn->pq, st->sql, n, NULL, params, NULL,
                                 NULL, 0);
    }

    if (!conn->prepared[unit->lane->index]) {
        if (!PQsendPrepare(conn->pq, st->name, st->sql, n, NULL)) {
            return 0;
        }

        conn->preparing[unit->lane->index] = 1;
        unit->preparing = 1;
    }

    return PQsendQueryPrepared(conn->pq, st->name, n, params, NULL, NULL, 0);
}


void
ngx_bo_pg_unit_finish(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit,
    ngx_bo_verdict_e verdict)
{
    ngx_queue_t       *q;
    ngx_bo_pg_t       *pg;
    ngx_bo_pg_unit_t  *next;

    pg = conn->pg;

    ngx_queue_remove(&unit->queue);
    conn->nunits--;

    if (conn->nunits) {

        /* the server is at the next one from now */

        q = ngx_queue_head(&conn->units);
        next = ngx_queue_data(q, ngx_bo_pg_unit_t, queue);
        next->sent = ngx_current_msec;
    }

    if (unit->batch) {
        unit->lane->flying--;

    } else {
        conn->nsingles--;
    }

    ngx_atomic_fetch_add(&pg->stats->inflight,
                         - (ngx_atomic_int_t) unit->n);

    unit->verdict = verdict;
    ngx_queue_insert_tail(&pg->finished, &unit->queue);
}
