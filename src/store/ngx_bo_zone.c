
/*
 * The shared zone: made once, taken over by every later configuration.
 */


#include "ngx_bo_zone.h"


static ngx_uint_t ngx_bo_zone_resized(ngx_shm_zone_t *shm_zone);


const ngx_uint_t  ngx_bo_bucket_usec[NGX_BO_BUCKETS] = {
    250, 500, 1000, 2000, 3000, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000
};


ngx_int_t
ngx_bo_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_bo_zone_t    *zone;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    /* After a reload, or a binary upgrade on systems that keep the memory. */

    if (data != NULL || shm_zone->shm.exists) {
        zone = shpool->data;

        /* Workers of two generations share it; they must agree on it. */

        if (zone->version != NGX_BO_ZONE_VERSION) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "boxoffice_zone \"%V\" was made by another version "
                          "of the module: restart nginx instead of reloading",
                          &shm_zone->shm.name);
            return NGX_ERROR;
        }

        shm_zone->data = zone;
        return NGX_OK;
    }

    zone = ngx_slab_calloc(shpool, sizeof(ngx_bo_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->version = NGX_BO_ZONE_VERSION;

    ngx_queue_init(&zone->maps);
    ngx_rbtree_init(&zone->seatmaps, &zone->sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&zone->used);
    ngx_queue_init(&zone->aged);
    ngx_queue_init(&zone->watches);

    shpool->data = zone;
    shpool->log_nomem = 0;    /* a seat map evicts another and tries again */
    shm_zone->data = zone;

    return NGX_OK;
}


ngx_int_t
ngx_bo_zone_is_new(ngx_shm_zone_t *shm_zone, const char *directive,
    const char *loss)
{
    if (!ngx_bo_zone_resized(shm_zone)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                  "%s \"%V\" cannot change its size in a reload: %s",
                  directive, &shm_zone->shm.name, loss);
    return NGX_ERROR;
}


/* Whether the zone that is running has the same name and another size. */

static ngx_uint_t
ngx_bo_zone_resized(ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *old;
    ngx_list_part_t  *part;

    /* at the start there is nothing to compare with */

    if (ngx_is_init_cycle((ngx_cycle_t *) ngx_cycle)) {
        return 0;
    }

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;

    for ( /* void */ ; part != NULL; part = part->next) {
        old = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (old[i].tag == shm_zone->tag
                && old[i].shm.size != shm_zone->shm.size
                && old[i].shm.name.len == shm_zone->shm.name.len
                && ngx_strncmp(old[i].shm.name.data, shm_zone->shm.name.data,
                               shm_zone->shm.name.len)
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


int64_t
ngx_bo_nsec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


uint64_t
ngx_bo_usec(void)
{
    return (uint64_t) ngx_bo_nsec() / 1000;
}


void
ngx_bo_counts_flush(ngx_bo_counts_t *counts, ngx_bo_metrics_t *metrics)
{
    ngx_uint_t  i;

    for (i = 0; i < 6; i++) {
        if (counts->requests[i]) {
            (void) ngx_atomic_fetch_add(&metrics->requests[i],
                                        counts->requests[i]);
        }
    }

#define NGX_BO_FIELD(name, help)                                              \
    if (counts->name) {                                                       \
        (void) ngx_atomic_fetch_add(&metrics->name, counts->name);            \
    }

    NGX_BO_COUNTERS(NGX_BO_FIELD)
#undef NGX_BO_FIELD

    ngx_memzero(counts, sizeof(ngx_bo_counts_t));
}


void
ngx_bo_observe(ngx_bo_histogram_t *h, uint64_t since)
{
    uint64_t    usec;
    ngx_uint_t  i;

    usec = ngx_bo_usec() - since;

    for (i = 0; i < NGX_BO_BUCKETS; i++) {
        if (usec <= ngx_bo_bucket_usec[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&h->bucket[i], 1);
    (void) ngx_atomic_fetch_add(&h->sum, (ngx_atomic_int_t) usec);
}
