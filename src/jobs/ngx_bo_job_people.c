
/*
 * Sessions, and codes for lost passwords, that are over go.
 */


#include "ngx_bo_jobs.h"


static void ngx_bo_sessions_purged(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_purge_sessions = {
    "purge_sessions",
    "select n = 1000 from boxoffice.purge_sessions(1000) p(n)", 0, 1
};


void
ngx_bo_job_sessions(ngx_bo_job_t *job)
{
    ngx_bo_job_submit(job, &ngx_bo_purge_sessions, NULL,
                      ngx_bo_sessions_purged);
}


/* When it was as many as it takes at once, there may be more. */

static void
ngx_bo_sessions_purged(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK
        && PQntuples(res) == 1 && PQgetvalue(res, 0, 0)[0] == 't')
    {
        ngx_bo_job_sessions(job);
    }

    ngx_bo_job_end(job);
}
