
/*
 * All maps of the zone together: their mutex, and what becomes of them when a
 * worker dies that holds it.
 */


#include "ngx_bo_map.h"


/* A zone that is too small is complained of once in this time; msec. */

#define NGX_BO_MAPS_COMPLAIN  5000


static void ngx_bo_maps_reset(ngx_bo_store_t *store);
static void ngx_bo_maps_complain(ngx_bo_store_t *store);


void
ngx_bo_maps_lock(ngx_bo_store_t *store)
{
    ngx_shmtx_lock(&store->shpool->mutex);

    if (store->zone->changing) {
        ngx_bo_maps_reset(store);
    }
}


void
ngx_bo_maps_unlock(ngx_bo_store_t *store)
{
    ngx_shmtx_unlock(&store->shpool->mutex);

    if (store->lacked) {
        ngx_bo_maps_complain(store);
    }
}


/* The log may be slow, and every refresh of a show without room comes here. */

static void
ngx_bo_maps_complain(ngx_bo_store_t *store)
{
    if (store->complained == 0
        || ngx_bo_msec_since(store->complained) >= NGX_BO_MAPS_COMPLAIN)
    {
        store->complained = ngx_max(ngx_current_msec, 1);

        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: the zone is too small for a seat map of "
                      "%uz bytes", store->lacked);
    }

    store->lacked = 0;
}


void
ngx_bo_maps_begin(ngx_bo_store_t *store)
{
    store->zone->changing = 1;
    ngx_memory_barrier();
}


void
ngx_bo_maps_end(ngx_bo_store_t *store)
{
    ngx_memory_barrier();
    store->zone->changing = 0;
}


/* As ngx_queue_insert_head(), but in an order on which one can rely. */

void
ngx_bo_maps_link(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_queue_t  *list = &store->zone->maps;

    map->all.next = list->next;
    map->all.prev = list;

    ngx_memory_barrier();

    list->next->prev = &map->all;
    list->next = &map->all;
}


/*
 * The list of all maps, read forwards, is whole after any of its stores: by it
 * their memory is found.  The rest is not looked at any more.  What each of
 * them was is read again when somebody asks.
 */

static void
ngx_bo_maps_reset(ngx_bo_store_t *store)
{
    ngx_queue_t    *q;
    ngx_bo_map_t   *map;
    ngx_bo_zone_t  *zone = store->zone;

    while ((q = ngx_queue_head(&zone->maps)) != &zone->maps) {
        map = ngx_queue_data(q, ngx_bo_map_t, all);

        ngx_bo_map_empty(store, map);

        q->next->prev = &zone->maps;
        zone->maps.next = q->next;
        ngx_memory_barrier();

        ngx_slab_free_locked(store->shpool, map);
    }

    ngx_queue_init(&zone->maps);
    ngx_queue_init(&zone->used);
    ngx_queue_init(&zone->aged);
    ngx_queue_init(&zone->watches);
    ngx_rbtree_init(&zone->seatmaps, &zone->sentinel,
                    ngx_rbtree_insert_value);

    ngx_bo_maps_end(store);
}
