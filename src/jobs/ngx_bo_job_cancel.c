
/*
 * Gives everything back of shows that were cancelled: their orders in batches,
 * each a transaction of its own.  Any node may do any of it; row locks keep
 * them apart, and what one left undone another finds.
 */


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_changed.h"


/* Orders in one batch at most. */

#define NGX_BO_CANCEL_MAX   100


static void ngx_bo_cancel_found(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_cancel_next(ngx_bo_job_t *job);
static void ngx_bo_cancel_ended(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_cancel_leave_rooms(ngx_bo_store_t *store, PGresult *res);


static ngx_bo_pg_statement_t  ngx_bo_closing_shows = {
    "closing_shows", "select show_id from boxoffice.closing_shows()", 0, 1
};

static ngx_bo_pg_statement_t  ngx_bo_cancel_show_orders = {
    "cancel_show_orders",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.cancel_show_orders($1)",
    1, 1
};


/*
 * Orders in the next batch.  One that failed was too much for the time of a
 * statement, or met an order that cannot be cancelled: fewer come next.
 */

static ngx_uint_t  ngx_bo_cancel_max = NGX_BO_CANCEL_MAX;


void
ngx_bo_job_cancel(ngx_bo_job_t *job)
{
    ngx_bo_job_submit(job, &ngx_bo_closing_shows, NULL, ngx_bo_cancel_found);
}


static void
ngx_bo_cancel_found(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int         i, n;
    bo_uuid_t   id;
    ngx_str_t   text;

    if (ngx_bo_job_check(job, verdict, res) != NGX_OK) {
        ngx_bo_job_end(job);
        return;
    }

    n = PQntuples(res);

    for (i = 0; i < n; i++) {
        text = ngx_bo_column(res, i, 0);

        if (bo_uuid_parse(&id, (char *) text.data, text.len) == 0) {
            ngx_bo_show_changed(job->store, &id);
        }
    }

    if (n) {
        ngx_bo_cancel_next(job);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_cancel_next(ngx_bo_job_t *job)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  max;

    max.data = buf;
    max.len = ngx_sprintf(buf, "%ui", ngx_bo_cancel_max) - buf;

    ngx_bo_job_submit(job, &ngx_bo_cancel_show_orders, &max,
                      ngx_bo_cancel_ended);
}


/*
 * Redis needs no word of each: it has heard that the show has no seats at all.
 */

static void
ngx_bo_cancel_ended(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int  n;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK) {
        n = PQntuples(res);

        ngx_bo_cancel_leave_rooms(job->store, res);

        (void) ngx_atomic_fetch_add(
            &job->store->zone->metrics.orders_cancelled, n);

        /* A batch that has found something may have left something. */

        if (n) {
            ngx_bo_cancel_max = ngx_min(2 * ngx_bo_cancel_max,
                                        NGX_BO_CANCEL_MAX);
            ngx_bo_outbox_wake(job->store);
            ngx_bo_cancel_next(job);
        }

    } else {
        ngx_bo_cancel_max = ngx_max(ngx_bo_cancel_max / 4, 1);
    }

    ngx_bo_job_end(job);
}


/* Who had paid has left since then. */

static void
ngx_bo_cancel_leave_rooms(ngx_bo_store_t *store, PGresult *res)
{
    int              i;
    ngx_pool_t      *pool;
    ngx_bo_order_t   order;

    pool = ngx_create_pool(4096, store->log);
    if (pool == NULL) {
        return;
    }

    for (i = 0; i < PQntuples(res); i++) {
        if (ngx_bo_order_from_row(&order, pool, res, i) == NGX_OK
            && order.confirmed == 0)
        {
            ngx_bo_order_leave_rooms(store, &order, 1);
        }
    }

    ngx_destroy_pool(pool);
}
