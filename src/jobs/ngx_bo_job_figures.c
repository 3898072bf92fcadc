
/*
 * What waits, failed or is parked of the money: asked of PostgreSQL now and
 * then, for /metrics.
 */


#include "ngx_bo_jobs.h"


static void ngx_bo_figures_told(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_payment_figures = {
    "payment_figures", "select what, n from boxoffice.payment_figures()", 0, 1
};


static struct {
    const char              *what;
    size_t                   offset;
} ngx_bo_figures[] = {

#define NGX_BO_FIGURE(name)  { #name, offsetof(ngx_bo_money_stats_t, name) },

    NGX_BO_MONEY_GAUGES(NGX_BO_FIGURE)

#undef NGX_BO_FIGURE

    { NULL, 0 }
};


void
ngx_bo_job_figures(ngx_bo_job_t *job)
{
    ngx_bo_job_submit(job, &ngx_bo_payment_figures, NULL,
                      ngx_bo_figures_told);
}


static void
ngx_bo_figures_told(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int                    i, k;
    ngx_bo_money_stats_t  *money;

    if (ngx_bo_job_check(job, verdict, res) != NGX_OK || job->store == NULL) {
        ngx_bo_job_end(job);
        return;
    }

    money = &job->store->zone->metrics.money;

    for (i = 0; i < PQntuples(res); i++) {
        for (k = 0; ngx_bo_figures[k].what; k++) {

            if (ngx_strcmp(PQgetvalue(res, i, 0), ngx_bo_figures[k].what)
                == 0)
            {
                *(ngx_atomic_t *) ((u_char *) money
                                   + ngx_bo_figures[k].offset) =
                    (ngx_atomic_uint_t) ngx_bo_column_int(res, i, 1);
            }
        }
    }

    money->told = 1;

    ngx_bo_job_end(job);
}
