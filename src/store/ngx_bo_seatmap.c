
/*
 * Giving seat maps out.
 */


#include "ngx_bo_seatmap.h"
#include "ngx_bo_map.h"


static ngx_uint_t ngx_bo_seatmap_ask(ngx_bo_map_t *map, ngx_msec_t age);
static void ngx_bo_seatmap_want(ngx_bo_show_t *show, ngx_bo_map_t *map,
    int64_t have, ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_copy(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);


ngx_int_t
ngx_bo_seatmap_get(ngx_bo_show_t *show, int64_t have, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out, ngx_bo_call_t *call)
{
    ngx_int_t        rc;
    ngx_uint_t       ask;
    ngx_msec_t       age;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    rc = NGX_AGAIN;
    ask = 0;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->body) {
        age = ngx_bo_map_age(store, map);

        if (age <= NGX_BO_MAP_STALE) {
            ngx_bo_seatmap_want(show, map, have, out);
            rc = NGX_OK;
        }

        ask = ngx_bo_seatmap_ask(map, age);
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_seatmap_copy(show, pool, out);
    }

    if (rc == NGX_AGAIN) {
        ngx_bo_seatmap_refresh(show, call, NGX_BO_REFRESH_BODY);

    } else if (ask) {
        ngx_bo_seatmap_refresh(show, NULL, NGX_BO_REFRESH_BODY);
    }

    return rc;
}


/* Whether it is this caller who has an ageing map read again. */

static ngx_uint_t
ngx_bo_seatmap_ask(ngx_bo_map_t *map, ngx_msec_t age)
{
    if (age <= NGX_BO_MAP_FRESH
        || ngx_bo_msec_since(map->asked) <= NGX_BO_MAP_FRESH)
    {
        return 0;
    }

    map->asked = ngx_current_msec;

    return 1;
}


ngx_int_t
ngx_bo_seatmap_take(ngx_bo_show_t *show, int64_t have, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    ngx_int_t        rc;
    ngx_msec_t       age;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->body) {
        age = ngx_bo_map_age(store, map);

        if (age <= NGX_BO_MAP_STALE) {
            ngx_bo_seatmap_want(show, map, have, out);
            rc = NGX_OK;

        } else if (age <= store->limits->stale) {
            out->stale = 1;
            ngx_bo_seatmap_want(show, map, -1, out);
            rc = NGX_OK;
        }
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_seatmap_copy(show, pool, out);
    }

    return rc == NGX_AGAIN ? NGX_DECLINED : rc;
}


/* Notes how much is to be copied: nothing when the client has it. */

static void
ngx_bo_seatmap_want(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t have,
    ngx_bo_seatmap_t *out)
{
    ngx_bo_map_seen(show->store, map);

    out->version = map->version;
    out->body.len = map->version == have ? 0 : map->len;
}


/*
 * Copies, under the mutex: for the size of a hall that is cheaper than to
 * count references to a text that changes.  The memory is there before: a
 * stadium's comes from the kernel, page by page.  NGX_AGAIN when the map has
 * gone meanwhile.
 */

static ngx_int_t
ngx_bo_seatmap_copy(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    ngx_int_t        rc;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    out->body.data = ngx_palloc(pool, out->body.len);
    if (out->body.data == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_AGAIN;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->body
        && map->len == out->body.len)
    {
        ngx_bo_map_head(map);

        ngx_memcpy(out->body.data, map->body, map->len);
        out->version = map->version;

        if (out->stale) {
            ngx_bo_body_stale(&map->places, out->body.data, 1);
        }

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    return rc;
}


int64_t
ngx_bo_seatmap_version(ngx_bo_show_t *show, unsigned *stale)
{
    int64_t          version;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    version = 0;
    *stale = 1;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        ngx_bo_map_seen(store, map);

        version = map->version;
        *stale = ngx_bo_map_age(store, map) > NGX_BO_MAP_STALE;
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    return version;
}


ngx_int_t
ngx_bo_seatmap_ready(ngx_bo_show_t *show, ngx_bo_call_t *call)
{
    ngx_int_t        rc;
    ngx_uint_t       ask;
    ngx_msec_t       age;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    rc = NGX_AGAIN;
    ask = 0;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        age = ngx_bo_map_age(store, map);
        rc = age <= NGX_BO_MAP_STALE ? NGX_OK : NGX_AGAIN;
        ask = ngx_bo_seatmap_ask(map, age);
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    if (rc == NGX_AGAIN) {
        ngx_bo_seatmap_refresh(show, call, 0);

    } else if (ask) {
        ngx_bo_seatmap_refresh(show, NULL, 0);
    }

    return rc;
}


int64_t
ngx_bo_seatmap_bits(ngx_bo_show_t *show, u_char *bits, size_t size)
{
    int64_t          version;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    version = 0;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->size == size) {
        ngx_memcpy(bits, map->bits, size);
        version = map->version;
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    return version;
}
