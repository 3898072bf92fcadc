
/*
 * Whether the clocks agree: holds end by the clock of Redis, orders by that of
 * PostgreSQL, tokens and signatures by that of the node.  A clock that is wrong
 * sells nothing twice, but ends things early or late, and nobody else would
 * say why.
 */


#include "ngx_bo_jobs.h"


/* From here on the clocks are said to differ, msec. */

#define NGX_BO_CLOCKS_MAX  2000

/* An answer that took longer tells too little about the clock, msec. */

#define NGX_BO_CLOCKS_TRIP  1000


typedef struct {
    const char              *name;
    int64_t                  asked;         /* msec since 1970, here */
    ngx_uint_t               differs;       /* it was told */
} ngx_bo_clock_t;


static void ngx_bo_clock_redis_told(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_clock_pg_told(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_clock_compare(ngx_bo_job_t *job, ngx_bo_clock_t *clock,
    ngx_atomic_t *gauge, int64_t there);
static int64_t ngx_bo_clock_here(void);


static ngx_bo_clock_t  ngx_bo_clock_redis = { "redis", 0, 0 };
static ngx_bo_clock_t  ngx_bo_clock_pg = { "postgres", 0, 0 };


static ngx_bo_pg_statement_t  ngx_bo_clock_ask = {
    "clock",
    "select (extract(epoch from clock_timestamp()) * 1000)::bigint", 0, 1
};


void
ngx_bo_job_clocks(ngx_bo_job_t *job)
{
    ngx_str_t  argv[] = { ngx_string("TIME") };

    ngx_bo_clock_redis.asked = ngx_bo_clock_here();
    ngx_bo_clock_pg.asked = ngx_bo_clock_redis.asked;

    if (ngx_bo_redis_command(job->store->redis, 1, argv,
                             ngx_bo_clock_redis_told, job)
        != NULL)
    {
        ngx_bo_job_begin(job);
    }

    ngx_bo_job_submit(job, &ngx_bo_clock_ask, NULL, ngx_bo_clock_pg_told);
}


static void
ngx_bo_clock_redis_told(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    ngx_bo_job_t *job = data;

    ngx_int_t  sec, usec;
    ngx_str_t  s, u;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ARRAY
        && reply->elements == 2 && job->store != NULL)
    {
        s = ngx_bo_reply_str(reply, 0);
        u = ngx_bo_reply_str(reply, 1);
        sec = ngx_atoi(s.data, s.len);
        usec = ngx_atoi(u.data, u.len);

        if (sec != NGX_ERROR && usec != NGX_ERROR) {
            ngx_bo_clock_compare(job, &ngx_bo_clock_redis,
                                 &job->store->zone->metrics.clock_redis,
                                 (int64_t) sec * 1000 + usec / 1000);
        }
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_clock_pg_told(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    ngx_int_t  there;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK
        && PQntuples(res) == 1 && job->store != NULL)
    {
        there = ngx_atoi((u_char *) PQgetvalue(res, 0, 0),
                         PQgetlength(res, 0, 0));

        if (there != NGX_ERROR) {
            ngx_bo_clock_compare(job, &ngx_bo_clock_pg,
                                 &job->store->zone->metrics.clock_postgres,
                                 there);
        }
    }

    ngx_bo_job_end(job);
}


/*
 * The answer was made at some moment between the question and now: what it says
 * is held against the middle.  The gauge takes the sign as a bit of its word.
 */

static void
ngx_bo_clock_compare(ngx_bo_job_t *job, ngx_bo_clock_t *clock,
    ngx_atomic_t *gauge, int64_t there)
{
    int64_t     now, ahead;
    ngx_uint_t  differs, level;

    now = ngx_bo_clock_here();

    if (now < clock->asked || now - clock->asked > NGX_BO_CLOCKS_TRIP) {
        return;
    }

    ahead = there - (now + clock->asked) / 2;
    differs = ahead > NGX_BO_CLOCKS_MAX || ahead < -NGX_BO_CLOCKS_MAX;

    *gauge = (ngx_atomic_uint_t) ahead;

    if (differs != clock->differs) {
        level = differs ? NGX_LOG_ERR : NGX_LOG_NOTICE;

        ngx_log_error(level, job->store->log, 0,
                      "boxoffice: the clock of %s is %L ms ahead of this "
                      "node's%s", clock->name, ahead,
                      differs ? "" : ", and that is well");
        clock->differs = differs;
    }
}


/* msec since 1970: nginx's own is that of the turn of the event loop. */

static int64_t
ngx_bo_clock_here(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}
