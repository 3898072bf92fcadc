
/*
 * When the jobs run.
 */


#include "ngx_bo_jobs.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_job_t            *job;
    ngx_bo_job_show_pt       handler;
} ngx_bo_job_get_t;


/* How long a job sleeps that has more to do, msec. */

#define NGX_BO_JOB_AGAIN  10


static void ngx_bo_job_timer(ngx_event_t *ev);
static void ngx_bo_job_sleep(ngx_bo_job_t *job, ngx_msec_t pause);
static void ngx_bo_job_got(ngx_bo_call_t *call);


static ngx_bo_job_t  ngx_bo_jobs[] = {
    { ngx_bo_job_bookings, 10, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_seatmaps, 200, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_repair, 600, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_orders, 500, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_cancel, 1000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_payments, 500, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_parked, 500, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_refunds, 500, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_compare, 1000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_clocks, 5000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_figures, 5000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_cleanup, 10000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_purge, 3600000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_notifications, 3600000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_sessions, 3600000, NULL, { 0 }, 0, 0 },
    { ngx_bo_job_partitions, 21600000, NULL, { 0 }, 0, 0 }
};

#define NGX_BO_JOBS  (sizeof(ngx_bo_jobs) / sizeof(ngx_bo_jobs[0]))


ngx_int_t
ngx_bo_jobs_start(ngx_cycle_t *cycle, ngx_bo_store_t *store)
{
    ngx_uint_t     i;
    ngx_bo_job_t  *job;

    if (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_BO_JOBS; i++) {
        job = &ngx_bo_jobs[i];

        job->store = store;
        job->timer.handler = ngx_bo_job_timer;
        job->timer.data = job;
        job->timer.log = cycle->log;
        job->timer.cancelable = 1;

        /* The first run comes soon, but not on all nodes at once. */

        ngx_bo_job_sleep(job, 100 + ngx_random() % 400);
    }

    return NGX_OK;
}


void
ngx_bo_jobs_stop(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_BO_JOBS; i++) {
        if (ngx_bo_jobs[i].timer.timer_set) {
            ngx_del_timer(&ngx_bo_jobs[i].timer);
        }

        ngx_bo_jobs[i].store = NULL;
    }

    ngx_bo_job_bookings_stop();
}


static void
ngx_bo_job_timer(ngx_event_t *ev)
{
    ngx_bo_job_t *job = ev->data;

    /* The next generation of workers has its own. */

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        return;
    }

    ngx_bo_job_begin(job);
    job->run(job);
    ngx_bo_job_end(job);
}


void
ngx_bo_job_begin(ngx_bo_job_t *job)
{
    job->pending++;
}


void
ngx_bo_job_end(ngx_bo_job_t *job)
{
    ngx_msec_t  pause;

    if (--job->pending == 0 && job->store != NULL) {
        pause = job->again ? ngx_min(NGX_BO_JOB_AGAIN, job->period)
                           : job->period;
        job->again = 0;

        ngx_bo_job_sleep(job, pause + ngx_random() % (job->period / 10));
    }
}


static void
ngx_bo_job_sleep(ngx_bo_job_t *job, ngx_msec_t pause)
{
    if (!ngx_exiting) {
        ngx_add_timer(&job->timer, pause);
    }
}


void
ngx_bo_job_show(ngx_bo_job_t *job, uint32_t no, ngx_bo_job_show_pt handler)
{
    ngx_bo_job_get_t  *get;

    get = ngx_calloc(sizeof(ngx_bo_job_get_t), job->store->log);
    if (get == NULL) {
        return;
    }

    get->job = job;
    get->handler = handler;
    get->call.done = ngx_bo_job_got;

    ngx_bo_job_begin(job);

    if (ngx_bo_show_get(job->store, NULL, no, &get->call) == NGX_OK) {
        get->call.outcome = NGX_BO_OK;
        ngx_bo_job_got(&get->call);
    }
}


static void
ngx_bo_job_got(ngx_bo_call_t *call)
{
    ngx_bo_job_get_t *get = (ngx_bo_job_get_t *) call;

    if (call->outcome == NGX_BO_OK) {
        get->handler(get->job, call->show);
    }

    ngx_bo_call_cancel(call);
    ngx_bo_job_end(get->job);
    ngx_free(get);
}
