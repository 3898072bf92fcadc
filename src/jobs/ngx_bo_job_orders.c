
/*
 * Ends what PostgreSQL says is over: unpaid orders, claims without an order,
 * old rows.  Row locks that skip what another node has keep the nodes apart.
 * Each statement has a bound, so that it ends within its deadline.
 */


#include "ngx_bo_jobs.h"


/* Orders in one run at most; a full run is followed by another at once. */

#define NGX_BO_EXPIRE_MAX   500


static void ngx_bo_orders_expired(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_orphans_removed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_purge_submit(ngx_bo_job_t *job, ngx_uint_t i);
static void ngx_bo_rows_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_holds_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_webhooks_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_purged(ngx_bo_job_t *job, ngx_uint_t i,
    ngx_bo_verdict_e verdict, PGresult *res);
static void ngx_bo_notifications_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_job_ended(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_expire_orders = {
    "expire_orders",
    "select 1, 'expired', " NGX_BO_ORDER_COLUMNS
    " from boxoffice.expire_orders($1)",
    1, 1
};

/*
 * Orders in the next run.  One that failed was too much for the time of a
 * statement, or waited for a lock: fewer come next, or the same ones would fail
 * for ever, and no seat of any of them come free.
 */

static ngx_uint_t  ngx_bo_expire_max = NGX_BO_EXPIRE_MAX;

static ngx_bo_pg_statement_t  ngx_bo_cleanup = {
    "cleanup_orphans",
    "select claims, last_no from boxoffice.cleanup_orphans($1)", 1, 1
};

/*
 * One statement each: one that does not fit into its time takes nothing of the
 * others with it.  A full share is followed by another at once.
 */

static struct {
    ngx_bo_pg_statement_t    statement;
    ngx_bo_pg_handler_pt     handler;
} ngx_bo_purges[] = {
    { { "purge", "select more from boxoffice.purge(72)", 0, 1 },
      ngx_bo_rows_purged },
    { { "purge_holds", "select n = 5000 from boxoffice.purge_holds(90) p(n)",
        0, 1 },
      ngx_bo_holds_purged },
    { { "purge_webhooks",
        "select n = 5000 from boxoffice.purge_webhooks(14) p(n)", 0, 1 },
      ngx_bo_webhooks_purged }
};

#define NGX_BO_PURGE_ROWS      0
#define NGX_BO_PURGE_HOLDS     1
#define NGX_BO_PURGE_WEBHOOKS  2
#define NGX_BO_PURGES          3

static ngx_bo_pg_statement_t  ngx_bo_purge_notifications = {
    "purge_notifications",
    "select n = 5000 from boxoffice.purge_notifications(90) p(n)", 0, 1
};

static ngx_bo_pg_statement_t  ngx_bo_partitions = {
    "ensure_partitions", "select boxoffice.ensure_partitions(3)", 0, 1
};

/* The number of the show after which the next cleanup begins. */

static int64_t  ngx_bo_cleanup_after;


void
ngx_bo_job_orders(ngx_bo_job_t *job)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  max;

    max.data = buf;
    max.len = ngx_sprintf(buf, "%ui", ngx_bo_expire_max) - buf;

    ngx_bo_job_submit(job, &ngx_bo_expire_orders, &max,
                      ngx_bo_orders_expired);
}


void
ngx_bo_job_cleanup(ngx_bo_job_t *job)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  after;

    after.data = buf;
    after.len = ngx_sprintf(buf, "%L", ngx_bo_cleanup_after) - buf;

    ngx_bo_job_submit(job, &ngx_bo_cleanup, &after, ngx_bo_orphans_removed);
}


void
ngx_bo_job_purge(ngx_bo_job_t *job)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_BO_PURGES; i++) {
        ngx_bo_purge_submit(job, i);
    }
}


void
ngx_bo_job_notifications(ngx_bo_job_t *job)
{
    ngx_bo_job_submit(job, &ngx_bo_purge_notifications, NULL,
                      ngx_bo_notifications_purged);
}


void
ngx_bo_job_partitions(ngx_bo_job_t *job)
{
    ngx_bo_job_submit(job, &ngx_bo_partitions, NULL, ngx_bo_job_ended);
}


void
ngx_bo_job_submit(ngx_bo_job_t *job, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler)
{
    if (ngx_bo_pg_submit(job->store->pg, st, values, handler, job) != NULL) {
        ngx_bo_job_begin(job);
    }
}


ngx_int_t
ngx_bo_job_check(ngx_bo_job_t *job, ngx_bo_verdict_e verdict, PGresult *res)
{
    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        return NGX_OK;
    }

    ngx_bo_count(job->store, jobs_failed);

    if (verdict == NGX_BO_DONE) {
        ngx_log_error(NGX_LOG_ERR, job->store->log, 0,
                      "boxoffice: a job failed: %s",
                      PQresultErrorMessage(res));
    }

    return NGX_ERROR;
}


static void
ngx_bo_orders_expired(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int  i, n;

    if (ngx_bo_job_check(job, verdict, res) != NGX_OK) {
        ngx_bo_expire_max = ngx_max(ngx_bo_expire_max / 4, 1);
        ngx_bo_job_end(job);
        return;
    }

    n = PQntuples(res);

    if (n) {
        ngx_bo_outbox_wake(job->store);
    }

    for (i = 0; i < n; i++) {
        ngx_bo_count(job->store, orders_expired);
        ngx_bo_settle_row(job->store, res, i, BO_SEAT_HELD,
                          BO_SEAT_AVAILABLE);
    }

    if ((ngx_uint_t) n == ngx_bo_expire_max) {
        ngx_bo_expire_max = ngx_min(2 * ngx_bo_expire_max, NGX_BO_EXPIRE_MAX);
        ngx_bo_job_orders(job);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_orphans_removed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int64_t  n;

    if (ngx_bo_job_check(job, verdict, res) != NGX_OK
        || PQntuples(res) != 1)
    {
        /* What cannot be done must not keep the shows behind it waiting. */

        ngx_bo_cleanup_after++;
        ngx_bo_job_end(job);
        return;
    }

    n = ngx_bo_column_int(res, 0, 0);
    ngx_bo_cleanup_after = ngx_bo_column_int(res, 0, 1);

    if (n) {
        (void) ngx_atomic_fetch_add(&job->store->zone->metrics.orphans_removed,
                                    n);

        ngx_log_error(NGX_LOG_WARN, job->store->log, 0,
                      "boxoffice: %L claims without an order removed", n);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_purge_submit(ngx_bo_job_t *job, ngx_uint_t i)
{
    ngx_bo_job_submit(job, &ngx_bo_purges[i].statement, NULL,
                      ngx_bo_purges[i].handler);
}


static void
ngx_bo_rows_purged(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_purged(data, NGX_BO_PURGE_ROWS, verdict, res);
}


static void
ngx_bo_holds_purged(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_purged(data, NGX_BO_PURGE_HOLDS, verdict, res);
}


static void
ngx_bo_webhooks_purged(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_purged(data, NGX_BO_PURGE_WEBHOOKS, verdict, res);
}


static void
ngx_bo_purged(ngx_bo_job_t *job, ngx_uint_t i, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    if (ngx_bo_job_check(job, verdict, res) == NGX_OK
        && PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] == 't')
    {
        ngx_bo_purge_submit(job, i);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_notifications_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK
        && PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] == 't')
    {
        ngx_bo_job_notifications(job);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_job_ended(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    (void) ngx_bo_job_check(job, verdict, res);
    ngx_bo_job_end(job);
}
