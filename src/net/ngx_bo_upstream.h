
/*
 * What every client in net/ shares: how an operation ends, the circuit
 * breaker, the back-off between connection attempts, and the counters.
 */


#ifndef _NGX_BO_UPSTREAM_H_INCLUDED_
#define _NGX_BO_UPSTREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/*
 * How an operation ended.  The difference between the last two is what keeps
 * money safe: NOT_SENT did not happen, UNKNOWN may have happened.
 */

typedef enum {
    NGX_BO_DONE = 0,     /* the server answered; its answer may be an error */
    NGX_BO_NOT_SENT,     /* refused here: queue full, breaker open, deadline */
    NGX_BO_UNKNOWN       /* sent, and no clean answer came back */
} ngx_bo_verdict_e;


/* Counters of one upstream; they live in shared memory, so all are atomic. */

typedef struct {
    ngx_atomic_t         operations;    /* submitted */
    ngx_atomic_t         errors;        /* error answers of the server */
    ngx_atomic_t         unknown;       /* ended as NGX_BO_UNKNOWN */
    ngx_atomic_t         refused;       /* ended as NGX_BO_NOT_SENT */
    ngx_atomic_t         connects;      /* connections established */
    ngx_atomic_t         disconnects;   /* connections lost or dropped */
    ngx_atomic_t         batches;       /* writes that carried a batch */
    ngx_atomic_t         batched;       /* operations inside those */
    ngx_atomic_t         waiting;       /* gauge: queued, not sent yet */
    ngx_atomic_t         inflight;      /* gauge: sent, not answered yet */
} ngx_bo_upstream_stats_t;


/*
 * The breaker counts failures in a row.  At the threshold it opens: callers
 * are refused at once.  After a pause it lets one probe through (half-open);
 * the probe's end closes or reopens it.  Time is ngx_current_msec, which is
 * monotonic.
 */

typedef struct {
    ngx_uint_t           failures;
    ngx_uint_t           threshold;     /* failures in a row that open it */
    ngx_msec_t           pause;         /* msec, open before a probe */
    ngx_msec_t           opened;        /* ngx_current_msec when it opened */
    unsigned             open:1;
    unsigned             probing:1;
} ngx_bo_breaker_t;


void ngx_bo_breaker_init(ngx_bo_breaker_t *b, ngx_uint_t threshold,
    ngx_msec_t pause);

/* 1 when a call may go out now, 0 when it must be refused. */
ngx_uint_t ngx_bo_breaker_allow(ngx_bo_breaker_t *b);

/* 1 while _allow() would answer 0; asking changes nothing. */
ngx_uint_t ngx_bo_breaker_refuses(ngx_bo_breaker_t *b);

void ngx_bo_breaker_success(ngx_bo_breaker_t *b);
void ngx_bo_breaker_failure(ngx_bo_breaker_t *b);


/*
 * The pause before connection attempt number "attempt" (0 is the first
 * retry): uniform between 0 and min(2 s, 50 ms * 2^attempt), at least 1 ms
 * ("full jitter"), so that workers do not come back in step.
 */
ngx_msec_t ngx_bo_backoff(ngx_uint_t attempt);


#endif /* _NGX_BO_UPSTREAM_H_INCLUDED_ */
