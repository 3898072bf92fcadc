
/*
 * Which seat maps the jobs should look after.
 */


#include "ngx_bo_seatmap.h"
#include "ngx_bo_map.h"


/* A show counts as in use for this long, to let its last holds run out. */

#define NGX_BO_MAP_IN_USE    1200000

/* What nobody has touched is compared with PostgreSQL this often. */

#define NGX_BO_MAP_RECHECK   30000

/* Shows compared with PostgreSQL in one run, at the most. */

#define NGX_BO_MAP_CHECKS    64


static ngx_uint_t
ngx_bo_map_in_use(ngx_bo_map_t *map)
{
    return ngx_bo_msec_since(map->touched) <= NGX_BO_MAP_IN_USE
           || ngx_bo_msec_since(map->seen) <= NGX_BO_MAP_IN_USE;
}


ngx_uint_t
ngx_bo_seatmap_due(ngx_bo_store_t *store, ngx_msec_t age, uint32_t *nos,
    ngx_uint_t max)
{
    ngx_uint_t     n;
    ngx_queue_t   *q;
    ngx_bo_map_t  *map;

    n = 0;

    ngx_bo_maps_lock(store);

    for (q = ngx_queue_head(&store->zone->aged);
         q != ngx_queue_sentinel(&store->zone->aged) && n < max;
         q = ngx_queue_next(q))
    {
        map = ngx_queue_data(q, ngx_bo_map_t, aged);

        if (map->version && ngx_bo_msec_since(map->refreshed) <= age) {
            break;
        }

        if (ngx_bo_map_in_use(map)) {
            nos[n++] = (uint32_t) map->node.key;
        }
    }

    ngx_bo_maps_unlock(store);

    return n;
}


ngx_uint_t
ngx_bo_seatmap_watched(ngx_bo_store_t *store, uint32_t *nos, ngx_uint_t max)
{
    ngx_uint_t     n;
    ngx_queue_t   *q;
    ngx_bo_map_t  *map;

    n = 0;

    ngx_bo_maps_lock(store);

    for (q = ngx_queue_head(&store->zone->watches);
         q != ngx_queue_sentinel(&store->zone->watches) && n < max;
         q = ngx_queue_next(q))
    {
        map = ngx_queue_data(q, ngx_bo_map_t, watches);

        if (ngx_bo_msec_since(map->watched) > NGX_BO_MAP_WATCH) {
            break;
        }

        nos[n++] = (uint32_t) map->node.key;
    }

    ngx_bo_maps_unlock(store);

    return n;
}


ngx_uint_t
ngx_bo_seatmap_unchecked(ngx_bo_store_t *store, uint32_t *nos, ngx_uint_t max)
{
    ngx_uint_t     i, n;
    ngx_queue_t   *q;
    ngx_msec_t     ages[NGX_BO_MAP_CHECKS], age;
    ngx_bo_map_t  *map;

    n = 0;
    max = ngx_min(max, NGX_BO_MAP_CHECKS);

    ngx_bo_maps_lock(store);

    for (q = ngx_queue_head(&store->zone->used);
         q != ngx_queue_sentinel(&store->zone->used);
         q = ngx_queue_next(q))
    {
        map = ngx_queue_data(q, ngx_bo_map_t, used);

        if (!ngx_bo_map_in_use(map)) {
            break;
        }

        age = ngx_bo_msec_since(map->checked_at);

        if (map->version == map->checked
            && (ngx_msec_int_t) (map->touched - map->checked_at) < 0
            && age <= NGX_BO_MAP_RECHECK)
        {
            continue;
        }

        /*
         * Those that were not looked at for longest: busy shows must not keep
         * the quiet ones away for ever.
         */

        for (i = n; i > 0 && ages[i - 1] < age; i--) {
            if (i < max) {
                ages[i] = ages[i - 1];
                nos[i] = nos[i - 1];
            }
        }

        if (i < max) {
            ages[i] = age;
            nos[i] = (uint32_t) map->node.key;
            n = ngx_min(n + 1, max);
        }
    }

    ngx_bo_maps_unlock(store);

    return n;
}


void
ngx_bo_seatmap_checked(ngx_bo_show_t *show, int64_t version, ngx_msec_t when)
{
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map) {
        map->checked = version;
        map->checked_at = when;
    }

    ngx_bo_maps_unlock(store);
}
