
/*
 * The jobs of a node: they run in its first worker.  Any number of nodes may
 * run them at once; what must not be done twice is decided by PostgreSQL's row
 * locks or by a script in Redis.
 */


#ifndef _NGX_BO_JOBS_H_INCLUDED_
#define _NGX_BO_JOBS_H_INCLUDED_


#include "store/ngx_bo_seatmap.h"
#include "store/ngx_bo_settle.h"


typedef struct ngx_bo_job_s  ngx_bo_job_t;

typedef void (*ngx_bo_job_pt)(ngx_bo_job_t *job);

struct ngx_bo_job_s {
    ngx_bo_job_pt            run;
    ngx_msec_t               period;        /* msec, from end to start */
    ngx_bo_store_t          *store;
    ngx_event_t              timer;
    ngx_uint_t               pending;       /* steps under way */
    unsigned                 again:1;       /* there is more to do: it sleeps
                                             * but a moment, once */
};


/* Starts the jobs of this worker.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_jobs_start(ngx_cycle_t *cycle, ngx_bo_store_t *store);

/* For exit_process. */
void ngx_bo_jobs_stop(void);

/* A step begins; when the last one has ended, the job sleeps. */
void ngx_bo_job_begin(ngx_bo_job_t *job);
void ngx_bo_job_end(ngx_bo_job_t *job);

/*
 * Has handler called with the show of a number, loaded when need be; counts as
 * a step until the handler returns.  A show that cannot be had is passed over.
 */
typedef void (*ngx_bo_job_show_pt)(ngx_bo_job_t *job, ngx_bo_show_t *show);
void ngx_bo_job_show(ngx_bo_job_t *job, uint32_t no,
    ngx_bo_job_show_pt handler);

/*
 * For jobs of SQL: submits a statement as a step, of which the handler calls
 * ngx_bo_job_end(); says whether its result is one, counting and logging it
 * otherwise: NGX_OK or NGX_ERROR.
 */
void ngx_bo_job_submit(ngx_bo_job_t *job, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler);
ngx_int_t ngx_bo_job_check(ngx_bo_job_t *job, ngx_bo_verdict_e verdict,
    PGresult *res);

/* How long a gateway is left alone at least, msec: the shortest "check". */
ngx_msec_t ngx_bo_job_base(ngx_bo_store_t *store);


/* The jobs themselves. */

void ngx_bo_job_seatmaps(ngx_bo_job_t *job);
void ngx_bo_job_orders(ngx_bo_job_t *job);
void ngx_bo_job_cancel(ngx_bo_job_t *job);
void ngx_bo_job_payments(ngx_bo_job_t *job);
void ngx_bo_job_parked(ngx_bo_job_t *job);
void ngx_bo_job_refunds(ngx_bo_job_t *job);
void ngx_bo_job_compare(ngx_bo_job_t *job);
void ngx_bo_job_cleanup(ngx_bo_job_t *job);
void ngx_bo_job_purge(ngx_bo_job_t *job);
void ngx_bo_job_notifications(ngx_bo_job_t *job);
void ngx_bo_job_sessions(ngx_bo_job_t *job);
void ngx_bo_job_partitions(ngx_bo_job_t *job);
void ngx_bo_job_repair(ngx_bo_job_t *job);
void ngx_bo_job_clocks(ngx_bo_job_t *job);
void ngx_bo_job_figures(ngx_bo_job_t *job);
void ngx_bo_job_bookings(ngx_bo_job_t *job);

/* For exit_process: what the job above has in memory. */
void ngx_bo_job_bookings_stop(void);


#endif /* _NGX_BO_JOBS_H_INCLUDED_ */
