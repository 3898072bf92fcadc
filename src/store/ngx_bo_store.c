
/*
 * The store of a worker, and the life of its calls.
 */


#include <openssl/rand.h>

#include "ngx_bo_catalogue.h"
#include "ngx_bo_scripts.h"
#include "ngx_bo_history.h"
#include "ngx_bo_hold_batch.h"
#include "ngx_bo_live.h"
#include "ngx_bo_rebuild.h"
#include "ngx_bo_settle.h"


static void ngx_bo_posted_handler(ngx_event_t *ev);
static void ngx_bo_counts_handler(ngx_event_t *ev);
static ngx_int_t ngx_bo_store_texts(ngx_bo_store_t *store);


/*
 * The locks of an order outlive its deadline by this: PostgreSQL ends the
 * order first, and only then Redis lets the seats go.
 */

#define NGX_BO_ORDER_GRACE  5000


/*
 * Each byte is given out once.  The store starts empty in every worker: what
 * the master may have had would be the same in all of them.
 */

static struct {
    u_char                   bytes[4096];
    size_t                   left;
} ngx_bo_entropy;


ngx_bo_store_t *
ngx_bo_store_create(ngx_cycle_t *cycle, ngx_bo_redis_conf_t *redis,
    ngx_bo_pg_conf_t *pg, ngx_bo_limits_t *limits, ngx_shm_zone_t *zone)
{
    ngx_uint_t       i;
    ngx_bo_store_t  *store;

    store = ngx_pcalloc(cycle->pool, sizeof(ngx_bo_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->cycle = cycle;
    store->log = cycle->log;
    store->limits = limits;
    store->redis_conf = redis;
    store->zone = zone->data;
    store->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_queue_init(&store->loads);
    ngx_queue_init(&store->rebuilds);
    ngx_queue_init(&store->posted);

    store->posted_event.handler = ngx_bo_posted_handler;
    store->posted_event.data = store;
    store->posted_event.log = cycle->log;

    store->counts_event.handler = ngx_bo_counts_handler;
    store->counts_event.data = store;
    store->counts_event.log = cycle->log;

    ngx_bo_entropy.left = 0;

    ngx_bo_shows_init(store);
    ngx_bo_settle_init(store);
    ngx_bo_hold_batch_init(store);

    if (ngx_bo_history_init(store) != NGX_OK
        || ngx_bo_catalogue_init(store) != NGX_OK
        || ngx_bo_store_texts(store) != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < ngx_bo_nscripts; i++) {
        ngx_bo_script_init(ngx_bo_scripts[i]);
    }

    store->redis = ngx_bo_redis_create(cycle, redis,
                                       &store->zone->metrics.redis,
                                       ngx_bo_scripts, ngx_bo_nscripts);
    if (store->redis == NULL) {
        return NULL;
    }

    store->pg = ngx_bo_pg_create(cycle, pg, &store->zone->metrics.postgres);
    if (store->pg == NULL) {
        ngx_bo_redis_destroy(store->redis);
        return NULL;
    }

    if (ngx_bo_live_start(store) != NGX_OK) {
        ngx_bo_store_destroy(store);
        return NULL;
    }

    return store;
}


static ngx_int_t
ngx_bo_store_texts(ngx_bo_store_t *store)
{
    ngx_uint_t  i;

    struct {
        ngx_str_t  *text;
        ngx_uint_t  number;
    } texts[] = {
        { &store->hold_ttl, store->limits->hold_ttl },
        { &store->hold_cap, store->limits->hold_cap },
        { &store->order_ttl, store->limits->order_ttl },
        { &store->order_life, store->limits->order_ttl + NGX_BO_ORDER_GRACE },
        { &store->seats_per_user, store->limits->seats_per_user }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        texts[i].text->data = ngx_pnalloc(store->cycle->pool, NGX_INT_T_LEN);
        if (texts[i].text->data == NULL) {
            return NGX_ERROR;
        }

        texts[i].text->len = ngx_sprintf(texts[i].text->data, "%ui",
                                         texts[i].number)
                             - texts[i].text->data;
    }

    return NGX_OK;
}


void
ngx_bo_store_destroy(ngx_bo_store_t *store)
{
    ngx_bo_live_stop(store);
    ngx_bo_rebuilds_done(store);
    ngx_bo_history_done(store);
    ngx_bo_redis_destroy(store->redis);
    ngx_bo_pg_destroy(store->pg);
    ngx_bo_catalogue_done(store);
    ngx_bo_settles_done(store);
    ngx_bo_shows_done(store);

    if (store->counts_event.posted) {
        ngx_delete_posted_event(&store->counts_event);
    }

    ngx_bo_counts_flush(&store->counts, &store->zone->metrics);
}


static void
ngx_bo_counts_handler(ngx_event_t *ev)
{
    ngx_bo_store_t *store = ev->data;

    ngx_bo_counts_flush(&store->counts, &store->zone->metrics);
}


void
ngx_bo_call_cancel(ngx_bo_call_t *call)
{
    if (call->left) {
        call->left(call);
        return;
    }

    if (call->redis) {
        ngx_bo_redis_cancel(call->redis);
        call->redis = NULL;
    }

    if (call->pg) {
        ngx_bo_pg_cancel(call->pg);
        call->pg = NULL;
    }

    if (call->waits) {
        ngx_queue_remove(&call->wait);
        call->waits = NULL;
    }

    if (call->show) {
        ngx_bo_show_drop(call->show);
        call->show = NULL;
    }
}


/*
 * The show stays kept: the owner may need its layout for the answer.  It goes
 * when the owner cancels the call, as every owner does in its cleanup.
 */

void
ngx_bo_call_done(ngx_bo_call_t *call, ngx_bo_outcome_e outcome)
{
    call->outcome = outcome;
    call->done(call);
}


void
ngx_bo_call_wait(ngx_bo_call_t *call, ngx_queue_t *queue, ngx_bo_done_pt woken)
{
    call->waits = queue;
    call->woken = woken;
    ngx_queue_insert_tail(queue, &call->wait);
}


void
ngx_bo_call_post(ngx_bo_call_t *call, ngx_bo_done_pt woken)
{
    ngx_bo_store_t  *store = call->store;

    ngx_bo_call_wait(call, &store->posted, woken);

    ngx_post_event(&store->posted_event, &ngx_posted_events);
}


static void
ngx_bo_posted_handler(ngx_event_t *ev)
{
    ngx_bo_store_t  *store = ev->data;

    ngx_queue_t     queue, *q;
    ngx_bo_call_t  *call;

    /* A call may be posted again, or another be cancelled, by one of these. */

    ngx_queue_init(&queue);
    ngx_queue_add(&queue, &store->posted);
    ngx_queue_init(&store->posted);

    while (!ngx_queue_empty(&queue)) {
        q = ngx_queue_head(&queue);
        call = ngx_queue_data(q, ngx_bo_call_t, wait);

        ngx_queue_remove(q);
        call->waits = NULL;

        call->woken(call);
    }
}


void
ngx_bo_calls_wake(ngx_queue_t *queue, ngx_bo_outcome_e outcome)
{
    ngx_queue_t     woken, *q;
    ngx_bo_call_t  *call;

    if (ngx_queue_empty(queue)) {
        return;
    }

    ngx_queue_init(&woken);
    ngx_queue_add(&woken, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&woken)) {
        q = ngx_queue_head(&woken);
        call = ngx_queue_data(q, ngx_bo_call_t, wait);

        ngx_queue_remove(q);
        call->waits = NULL;
        call->outcome = outcome;

        call->woken(call);
    }
}


ngx_int_t
ngx_bo_make_id(bo_uuid_t *id, uint32_t show_no)
{
    uint8_t  random[6];

    if (ngx_bo_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    bo_uuid_make(id, (uint64_t) ngx_bo_now(), show_no, random);

    return NGX_OK;
}


ngx_int_t
ngx_bo_random(u_char *buf, size_t len)
{
    if (ngx_bo_entropy.left < len) {
        if (RAND_bytes(ngx_bo_entropy.bytes, sizeof(ngx_bo_entropy.bytes))
            != 1)
        {
            return NGX_ERROR;
        }

        ngx_bo_entropy.left = sizeof(ngx_bo_entropy.bytes);
    }

    ngx_bo_entropy.left -= len;
    ngx_memcpy(buf, ngx_bo_entropy.bytes + ngx_bo_entropy.left, len);
    ngx_explicit_memzero(ngx_bo_entropy.bytes + ngx_bo_entropy.left, len);

    return NGX_OK;
}
