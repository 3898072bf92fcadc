
/*
 * Fetched keys.
 */


#include "ngx_bo_jwks.h"

#include "ngx_bo_zone.h"


#define NGX_BO_JWKS_TICK   1000         /* msec between two looks at the slot */
#define NGX_BO_JWKS_HURRY  20           /* the same while requests wait */


static void ngx_bo_jwks_tick(ngx_event_t *ev);
static void ngx_bo_jwks_wake(ngx_bo_jwks_t *jwks, ngx_uint_t all);
static ngx_uint_t ngx_bo_jwks_busy(ngx_bo_jwks_t *jwks, int64_t now);
static ngx_int_t ngx_bo_jwks_claim(ngx_bo_jwks_t *jwks, ngx_uint_t missing);
static void ngx_bo_jwks_fetch(ngx_bo_jwks_t *jwks);
static void ngx_bo_jwks_done(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);
static const char *ngx_bo_jwks_take(ngx_bo_jwks_t *jwks,
    ngx_bo_verdict_e verdict, ngx_bo_outbound_answer_t *answer);
static const char *ngx_bo_jwks_try(ngx_bo_jwks_t *jwks, ngx_str_t *text);
static void ngx_bo_jwks_put(ngx_bo_jwks_t *jwks, ngx_str_t *text);
static void ngx_bo_jwks_release(ngx_bo_jwks_t *jwks, const char *error);
static void ngx_bo_jwks_load(ngx_bo_jwks_t *jwks);

#define ngx_bo_jwks_now()  (ngx_bo_nsec() / 1000000)


ngx_int_t
ngx_bo_jwks_start(ngx_cycle_t *cycle, ngx_array_t *sources,
    ngx_bo_auth_zone_t *zone)
{
    ngx_uint_t              i;
    ngx_bo_jwks_t          *jwks;
    ngx_bo_auth_source_t  **source;

    source = sources->elts;

    for (i = 0; i < sources->nelts; i++) {
        jwks = source[i]->jwks;

        if (jwks == NULL) {
            continue;
        }

        jwks->zone = zone;
        jwks->log = cycle->log;
        jwks->slot = ngx_bo_auth_slot(zone, &jwks->url);
        ngx_queue_init(&jwks->waiters);

        if (jwks->slot == NULL) {
            ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                          "no room for the keys of \"%V\" in the zone: "
                          "restart nginx instead of reloading", &jwks->url);
            continue;
        }

        jwks->timer.handler = ngx_bo_jwks_tick;
        jwks->timer.data = jwks;
        jwks->timer.log = cycle->log;
        jwks->timer.cancelable = 1;

        ngx_add_timer(&jwks->timer, 1);
    }

    return NGX_OK;
}


void
ngx_bo_jwks_stop(ngx_array_t *sources)
{
    ngx_uint_t              i;
    ngx_bo_jwks_t          *jwks;
    ngx_bo_auth_source_t  **source;

    source = sources->elts;

    for (i = 0; i < sources->nelts; i++) {
        jwks = source[i]->jwks;

        if (jwks == NULL || jwks->slot == NULL) {
            continue;
        }

        if (jwks->timer.timer_set) {
            ngx_del_timer(&jwks->timer);
        }

        /* another worker need not wait until this one's claim is over */

        if (jwks->op) {
            ngx_bo_outbound_cancel(jwks->op);
            jwks->op = NULL;
            ngx_bo_jwks_release(jwks, NULL);
        }

        if (jwks->pool) {
            ngx_destroy_pool(jwks->pool);
            jwks->pool = NULL;
            jwks->keys = NULL;
        }
    }
}


static void
ngx_bo_jwks_tick(ngx_event_t *ev)
{
    ngx_bo_jwks_t *jwks = ev->data;

    if (!ngx_exiting && ngx_bo_jwks_claim(jwks, 0) == NGX_OK) {
        ngx_bo_jwks_fetch(jwks);
    }

    ngx_bo_jwks_wake(jwks, !ngx_bo_jwks_busy(jwks, ngx_bo_jwks_now()));

    ev->cancelable = jwks->nwaiters == 0;
    ngx_add_timer(ev, jwks->nwaiters ? NGX_BO_JWKS_HURRY : NGX_BO_JWKS_TICK);
}


/* All, or those whose patience is at its end. */

static void
ngx_bo_jwks_wake(ngx_bo_jwks_t *jwks, ngx_uint_t all)
{
    ngx_queue_t           *q, due;
    ngx_bo_jwks_waiter_t  *waiter;

    /* a handler may free its neighbours, or wait again */

    ngx_queue_init(&due);

    while (!ngx_queue_empty(&jwks->waiters)) {
        q = ngx_queue_head(&jwks->waiters);
        waiter = ngx_queue_data(q, ngx_bo_jwks_waiter_t, queue);

        if (!all && ngx_current_msec - waiter->since < NGX_BO_JWKS_PATIENCE) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&due, q);
    }

    while (!ngx_queue_empty(&due)) {
        q = ngx_queue_head(&due);
        waiter = ngx_queue_data(q, ngx_bo_jwks_waiter_t, queue);

        ngx_bo_jwks_forget(waiter);
        waiter->handler(waiter->data);
    }
}


static ngx_uint_t
ngx_bo_jwks_busy(ngx_bo_jwks_t *jwks, int64_t now)
{
    return now < *(volatile int64_t *) &jwks->slot->busy;
}


/*
 * Whether this worker is to fetch now: nobody else does, and it is time.  A
 * claim ends by itself, for its worker may die.
 */

static ngx_int_t
ngx_bo_jwks_claim(ngx_bo_jwks_t *jwks, ngx_uint_t missing)
{
    int64_t              now;
    ngx_int_t            rc;
    ngx_bo_auth_slot_t  *slot = jwks->slot;

    now = ngx_bo_jwks_now();
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&jwks->zone->shpool->mutex);

    if (now >= slot->busy
        && (now >= slot->next
            || (missing && now - slot->tried >= (int64_t) jwks->pause)))
    {
        slot->busy = now + (int64_t) jwks->peer->timeout + 1000;
        slot->tried = now;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&jwks->zone->shpool->mutex);

    return rc;
}


static void
ngx_bo_jwks_fetch(ngx_bo_jwks_t *jwks)
{
    ngx_keyval_t               accept;
    ngx_bo_outbound_request_t  request;

    ngx_memzero(&request, sizeof(ngx_bo_outbound_request_t));
    ngx_str_set(&request.method, "GET");
    ngx_str_set(&accept.key, "Accept");
    ngx_str_set(&accept.value, "application/json");
    request.headers = &accept;
    request.nheaders = 1;

    jwks->op = ngx_bo_outbound_submit(jwks->peer, &request, ngx_bo_jwks_done,
                                      jwks);

    if (jwks->op == NULL) {
        ngx_bo_jwks_release(jwks, "it cannot be asked now");
    }
}


static void
ngx_bo_jwks_done(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    ngx_bo_jwks_t *jwks = data;

    jwks->op = NULL;
    ngx_bo_jwks_release(jwks, ngx_bo_jwks_take(jwks, verdict, answer));

    if (jwks->nwaiters) {
        ngx_add_timer(&jwks->timer, 1);
    }
}


/* NULL, or what was wrong with the answer. */

static const char *
ngx_bo_jwks_take(ngx_bo_jwks_t *jwks, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    const char  *error;

    if (verdict != NGX_BO_DONE) {
        return answer->error ? answer->error : "no answer came";
    }

    if (answer->status != 200) {
        return "it did not answer with 200";
    }

    if (answer->truncated || answer->body.len > NGX_BO_AUTH_DOCUMENT) {
        return "the document is too large";
    }

    error = ngx_bo_jwks_try(jwks, &answer->body);

    if (error == NULL) {
        ngx_bo_jwks_put(jwks, &answer->body);
    }

    return error;
}


/* What nobody could use takes the place of nothing. */

static const char *
ngx_bo_jwks_try(ngx_bo_jwks_t *jwks, ngx_str_t *text)
{
    ngx_int_t     rc;
    ngx_str_t     copy;
    ngx_pool_t   *pool;
    ngx_array_t  *keys;

    pool = ngx_create_pool(4096, jwks->log);
    if (pool == NULL) {
        return "no memory";
    }

    copy.len = text->len;
    copy.data = ngx_pstrdup(pool, text);
    keys = ngx_array_create(pool, 8, sizeof(ngx_bo_key_t));

    rc = copy.data && keys ? ngx_bo_key_set(pool, &copy, 0, keys) : NGX_ERROR;

    ngx_destroy_pool(pool);

    return rc == NGX_OK ? NULL
           : rc == NGX_ERROR ? "no memory"
                             : "the document has no keys for us";
}


static void
ngx_bo_jwks_put(ngx_bo_jwks_t *jwks, ngx_str_t *text)
{
    ngx_bo_auth_slot_t  *slot = jwks->slot;

    ngx_shmtx_lock(&jwks->zone->shpool->mutex);

    slot->fetched = ngx_bo_jwks_now();

    if (slot->len != text->len
        || ngx_memcmp(slot->text, text->data, text->len) != 0)
    {
        /* who dies here leaves no document, rather than half of one */

        slot->len = 0;
        ngx_memory_barrier();
        ngx_memcpy(slot->text, text->data, text->len);
        ngx_memory_barrier();
        slot->len = text->len;
        ngx_memory_barrier();
        slot->generation++;
    }

    ngx_shmtx_unlock(&jwks->zone->shpool->mutex);
}


static void
ngx_bo_jwks_release(ngx_bo_jwks_t *jwks, const char *error)
{
    int64_t              now, wait;
    ngx_bo_auth_slot_t  *slot = jwks->slot;

    now = ngx_bo_jwks_now();
    wait = error ? ngx_min(jwks->pause, jwks->refresh) : jwks->refresh;

    /* nodes that were started together need not ask together */

    wait -= (int64_t) (ngx_random() % (wait / 10 + 1));

    ngx_shmtx_lock(&jwks->zone->shpool->mutex);

    slot->next = now + wait;
    slot->busy = 0;

    ngx_shmtx_unlock(&jwks->zone->shpool->mutex);

    (void) ngx_atomic_fetch_add(error ? &slot->failed : &slot->ok, 1);

    if (error) {
        ngx_log_error(NGX_LOG_WARN, jwks->log, 0,
                      "the keys of \"%V\" were not fetched: %s", &jwks->url,
                      error);
    }
}


ngx_array_t *
ngx_bo_jwks_keys(ngx_bo_auth_source_t *source)
{
    ngx_bo_jwks_t  *jwks;

    jwks = source->jwks;

    if (jwks == NULL || jwks->slot == NULL) {
        return NULL;
    }

    if (jwks->generation != jwks->slot->generation) {
        ngx_bo_jwks_load(jwks);
    }

    if (jwks->keys == NULL
        || ngx_bo_jwks_now() - *(volatile int64_t *) &jwks->slot->fetched
           > (int64_t) jwks->stale)
    {
        return NULL;
    }

    return jwks->keys;
}


/* The document of the zone, in keys of this worker. */

static void
ngx_bo_jwks_load(ngx_bo_jwks_t *jwks)
{
    ngx_str_t             text;
    ngx_pool_t           *pool;
    ngx_array_t          *keys;
    ngx_atomic_uint_t     generation;
    ngx_bo_auth_slot_t   *slot = jwks->slot;

    pool = ngx_create_pool(4096, jwks->log);
    if (pool == NULL) {
        return;
    }

    text.data = ngx_palloc(pool, NGX_BO_AUTH_DOCUMENT);
    keys = ngx_array_create(pool, 8, sizeof(ngx_bo_key_t));

    if (text.data == NULL || keys == NULL) {
        goto failed;
    }

    ngx_shmtx_lock(&jwks->zone->shpool->mutex);

    generation = slot->generation;
    text.len = ngx_min(slot->len, NGX_BO_AUTH_DOCUMENT);
    ngx_memcpy(text.data, slot->text, text.len);

    ngx_shmtx_unlock(&jwks->zone->shpool->mutex);

    if (ngx_bo_key_set(pool, &text, 0, keys) != NGX_OK
        || ngx_bo_auth_seal_keys(jwks->source, keys) != NGX_OK)
    {
        goto failed;
    }

    if (jwks->pool) {
        ngx_destroy_pool(jwks->pool);
    }

    jwks->pool = pool;
    jwks->keys = keys;
    jwks->generation = generation;

    return;

failed:

    ngx_destroy_pool(pool);
}


ngx_int_t
ngx_bo_jwks_missing(ngx_bo_auth_source_t **sources, ngx_uint_t n,
    ngx_bo_jwks_waiter_t *waiter)
{
    ngx_uint_t      i;
    ngx_bo_jwks_t  *jwks;

    for (i = 0; i < n; i++) {
        jwks = sources[i]->jwks;

        if (jwks == NULL || jwks->slot == NULL || ngx_exiting
            || jwks->nwaiters == NGX_BO_JWKS_WAITERS)
        {
            continue;
        }

        if (ngx_bo_jwks_claim(jwks, 1) == NGX_OK) {
            ngx_bo_jwks_fetch(jwks);
        }

        if (!ngx_bo_jwks_busy(jwks, ngx_bo_jwks_now())) {
            continue;
        }

        waiter->jwks = jwks;
        waiter->since = ngx_current_msec;
        ngx_queue_insert_tail(&jwks->waiters, &waiter->queue);
        jwks->nwaiters++;

        /* a worker that is told to end answers first */

        jwks->timer.cancelable = 0;
        ngx_add_timer(&jwks->timer, NGX_BO_JWKS_HURRY);

        return NGX_AGAIN;
    }

    return NGX_DECLINED;
}


void
ngx_bo_jwks_forget(ngx_bo_jwks_waiter_t *waiter)
{
    if (waiter->jwks) {
        waiter->jwks->nwaiters--;
        waiter->jwks = NULL;
        ngx_queue_remove(&waiter->queue);
    }
}
