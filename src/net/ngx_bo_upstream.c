
/*
 * What the clients in net/ share: the circuit breaker and the back-off.
 */


#include "ngx_bo_upstream.h"


#define NGX_BO_BACKOFF_FIRST  50       /* msec, bound of the first pause */
#define NGX_BO_BACKOFF_MAX    2000     /* msec */


void
ngx_bo_breaker_init(ngx_bo_breaker_t *b, ngx_uint_t threshold,
    ngx_msec_t pause)
{
    ngx_memzero(b, sizeof(ngx_bo_breaker_t));

    b->threshold = threshold;
    b->pause = pause;
}


ngx_uint_t
ngx_bo_breaker_allow(ngx_bo_breaker_t *b)
{
    if (ngx_bo_breaker_refuses(b)) {
        return 0;
    }

    b->probing = b->open;

    return 1;
}


ngx_uint_t
ngx_bo_breaker_refuses(ngx_bo_breaker_t *b)
{
    /* one probe at a time: the others wait for its end */

    return b->open
           && (b->probing || ngx_current_msec - b->opened < b->pause);
}


void
ngx_bo_breaker_success(ngx_bo_breaker_t *b)
{
    b->failures = 0;
    b->open = 0;
    b->probing = 0;
}


void
ngx_bo_breaker_failure(ngx_bo_breaker_t *b)
{
    /* the count stops at the threshold, so that it cannot wrap */

    if (b->failures < b->threshold) {
        b->failures++;
    }

    if (b->failures < b->threshold) {
        return;
    }

    /*
     * Calls that were let through before it opened may still fail; only the
     * probe's failure starts a new pause, or such stragglers would put off
     * the next probe again and again.
     */

    if (!b->open || b->probing) {
        b->opened = ngx_current_msec;
    }

    b->open = 1;
    b->probing = 0;
}


ngx_msec_t
ngx_bo_backoff(ngx_uint_t attempt)
{
    ngx_msec_t  bound, pause;

    bound = NGX_BO_BACKOFF_FIRST;

    while (attempt-- && bound < NGX_BO_BACKOFF_MAX) {
        bound *= 2;
    }

    bound = ngx_min(bound, NGX_BO_BACKOFF_MAX);
    pause = (ngx_msec_t) ngx_random() % (bound + 1);

    return ngx_max(pause, 1);
}
