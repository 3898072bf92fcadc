
/*
 * Reads the maps of shows in use from Redis before they grow old.  The script
 * that reads a map also sets free what has run out, so this is the sweep of
 * expired holds as well.
 */


#include "ngx_bo_jobs.h"


#define NGX_BO_SWEEP_AGE  400       /* msec */
#define NGX_BO_SWEEP_MAX  64        /* shows in a run */


static void ngx_bo_job_sweep(ngx_bo_job_t *job, ngx_bo_show_t *show);


void
ngx_bo_job_seatmaps(ngx_bo_job_t *job)
{
    uint32_t    nos[NGX_BO_SWEEP_MAX];
    ngx_uint_t  i, n;

    n = ngx_bo_seatmap_due(job->store, NGX_BO_SWEEP_AGE, nos,
                           NGX_BO_SWEEP_MAX);

    for (i = 0; i < n; i++) {
        ngx_bo_job_show(job, nos[i], ngx_bo_job_sweep);
    }
}


static void
ngx_bo_job_sweep(ngx_bo_job_t *job, ngx_bo_show_t *show)
{
    ngx_bo_seatmap_refresh(show, NULL, 0);
}
