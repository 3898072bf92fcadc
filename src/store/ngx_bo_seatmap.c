
/*
 * Giving seat maps out.
 */


#include "ngx_bo_seatmap.h"
#include "ngx_bo_map.h"
#include "ngx_bo_gzip.h"


/* A greater body would keep a worker from others for too long. */

#define NGX_BO_SEATMAP_GZIP  (256 * 1024)


static void ngx_bo_seatmap_want(ngx_bo_show_t *show, ngx_bo_map_t *map,
    int64_t have, ngx_bo_seatmap_t *out);
static ngx_uint_t ngx_bo_seatmap_has_packed(ngx_bo_map_t *map);
static ngx_int_t ngx_bo_seatmap_fill(ngx_bo_map_t *map,
    ngx_bo_seatmap_t *out);
static void ngx_bo_seatmap_pack(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_text(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_copy(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_lend(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_snapshot(ngx_bo_show_t *show,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_seatmap_read(ngx_bo_show_t *show,
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

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->body) {
        age = ngx_bo_map_age(store, map);

        if (age <= NGX_BO_MAP_STALE) {
            ngx_bo_seatmap_want(show, map, have, out);
            rc = NGX_OK;
        }

        ask = ngx_bo_map_ask(map, age);
    }

    ngx_bo_maps_unlock(store);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_seatmap_text(show, pool, out);
    }

    if (rc == NGX_AGAIN) {
        ngx_bo_seatmap_refresh(show, call, NGX_BO_REFRESH_BODY);

    } else if (ask) {
        ngx_bo_seatmap_refresh(show, NULL, NGX_BO_REFRESH_BODY);
    }

    return rc;
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

    ngx_bo_maps_lock(store);

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

    ngx_bo_maps_unlock(store);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_seatmap_text(show, pool, out);
    }

    return rc == NGX_AGAIN ? NGX_DECLINED : rc;
}


/* Notes how much there is to give: nothing when the client has it. */

static void
ngx_bo_seatmap_want(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t have,
    ngx_bo_seatmap_t *out)
{
    ngx_bo_map_seen(show->store, map);

    out->packed = out->gzip && !out->stale && ngx_bo_seatmap_has_packed(map);

    out->stamp = map->stamp;
    out->version = out->packed ? map->packed_version : map->version;
    out->body.data = NULL;
    out->body.len = out->version == have ? 0
                    : out->packed ? map->packed.len : map->len;
}


static ngx_uint_t
ngx_bo_seatmap_has_packed(ngx_bo_map_t *map)
{
    return map->packed.data
           && (map->packed_version == map->version
               || (map->packed_version < map->version
                   && map->packed_version >= map->base
                   && ngx_bo_msec_since(map->packed_at)
                      <= NGX_BO_MAP_PACKED));
}


/* NGX_AGAIN when the map has gone meanwhile. */

static ngx_int_t
ngx_bo_seatmap_text(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    ngx_int_t  rc;

    rc = NGX_DECLINED;

    if (out->packed || out->stale) {
        rc = ngx_bo_seatmap_copy(show, pool, out);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_bo_seatmap_lend(show, pool, out);
    }

    if (rc == NGX_OK && out->gzip && !out->packed && !out->stale
        && out->body.len <= NGX_BO_SEATMAP_GZIP)
    {
        ngx_bo_seatmap_pack(show, pool, out);
    }

    return rc;
}


/* NGX_DECLINED when it was compressed anew since it was wanted. */

static ngx_int_t
ngx_bo_seatmap_copy(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    out->body.data = ngx_palloc(pool, out->body.len);
    if (out->body.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_bo_seatmap_read(show, out);
}


/*
 * Many ask for the same version: the worker copies it out of the zone once,
 * and keeps that until it makes the next.
 */

static ngx_int_t
ngx_bo_seatmap_lend(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    ngx_int_t  rc;

    if (show->snapshot == NULL || show->snapshot->stamp != out->stamp) {
        rc = ngx_bo_seatmap_snapshot(show, out);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_bo_snapshot_lend(show->snapshot, pool) != NGX_OK) {
        return NGX_ERROR;
    }

    out->body = show->snapshot->text;
    out->version = show->snapshot->version;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_seatmap_snapshot(ngx_bo_show_t *show, ngx_bo_seatmap_t *out)
{
    ngx_int_t           rc;
    ngx_bo_snapshot_t  *snapshot;

    snapshot = ngx_bo_snapshot_create(out->body.len, show->store->log);
    if (snapshot == NULL) {
        return NGX_ERROR;
    }

    out->body = snapshot->text;

    rc = ngx_bo_seatmap_read(show, out);

    if (rc != NGX_OK) {
        ngx_bo_snapshot_drop(snapshot);
        return rc;
    }

    snapshot->stamp = out->stamp;
    snapshot->version = out->version;

    if (show->snapshot) {
        ngx_bo_snapshot_drop(show->snapshot);

    } else {
        ngx_bo_show_grown(show, snapshot->text.len);
    }

    show->snapshot = snapshot;

    return NGX_OK;
}


/*
 * Copies the map to where out->body is, under the mutex.  The memory is there
 * before: a stadium's comes from the kernel, page by page.
 */

static ngx_int_t
ngx_bo_seatmap_read(ngx_bo_show_t *show, ngx_bo_seatmap_t *out)
{
    ngx_int_t        rc;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    rc = map && ngx_bo_map_usable(map, show) && map->body
         ? ngx_bo_seatmap_fill(map, out) : NGX_AGAIN;

    ngx_bo_maps_unlock(store);

    return rc;
}


static ngx_int_t
ngx_bo_seatmap_fill(ngx_bo_map_t *map, ngx_bo_seatmap_t *out)
{
    if (out->packed) {

        if (map->packed.data && map->packed_version == out->version
            && map->packed.len == out->body.len)
        {
            ngx_memcpy(out->body.data, map->packed.data, map->packed.len);
            return NGX_OK;
        }

        out->packed = 0;
        out->body.len = map->len;

        return NGX_DECLINED;
    }

    if (map->len != out->body.len) {
        return NGX_AGAIN;
    }

    ngx_bo_map_head(map);

    ngx_memcpy(out->body.data, map->body, map->len);
    out->version = map->version;
    out->stamp = map->stamp;

    if (out->stale) {
        ngx_bo_body_stale(&map->places, out->body.data, 1);
    }

    return NGX_OK;
}


/* Without the mutex: it takes longer than anything under it may. */

static void
ngx_bo_seatmap_pack(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out)
{
    ngx_str_t        packed;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    if (ngx_bo_gzip(pool, &out->body, &packed) != NGX_OK) {
        return;
    }

    out->body = packed;
    out->packed = 1;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        ngx_bo_map_pack(store, map, out->version, &packed);
    }

    ngx_bo_maps_unlock(store);
}


int64_t
ngx_bo_seatmap_version(ngx_bo_show_t *show, unsigned *stale)
{
    int64_t          version;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    version = 0;
    *stale = 1;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        ngx_bo_map_seen(store, map);

        version = map->version;
        *stale = ngx_bo_map_age(store, map) > NGX_BO_MAP_STALE;
    }

    ngx_bo_maps_unlock(store);

    return version;
}


ngx_int_t
ngx_bo_seatmap_stats(ngx_bo_show_t *show, bo_stats_t *stats)
{
    ngx_int_t        rc;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    rc = NGX_DECLINED;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && map->version && ngx_bo_map_usable(map, show)) {
        *stats = map->stats;
        rc = NGX_OK;
    }

    ngx_bo_maps_unlock(store);

    return rc;
}


ngx_uint_t
ngx_bo_seatmap_outdated(ngx_bo_show_t *show)
{
    ngx_uint_t       newer;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);
    newer = map && ngx_bo_map_newer(map, show);

    ngx_bo_maps_unlock(store);

    return newer;
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

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        age = ngx_bo_map_age(store, map);
        rc = age <= NGX_BO_MAP_STALE ? NGX_OK : NGX_AGAIN;
        ask = ngx_bo_map_ask(map, age);
    }

    ngx_bo_maps_unlock(store);

    if (rc == NGX_AGAIN) {
        ngx_bo_seatmap_refresh(show, call, 0);

    } else if (ask) {
        ngx_bo_seatmap_refresh(show, NULL, 0);
    }

    return rc;
}


int64_t
ngx_bo_seatmap_bits(ngx_bo_show_t *show, u_char *bits, size_t size,
    ngx_msec_t *asked)
{
    int64_t          version;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    version = 0;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->size == size) {
        ngx_memcpy(bits, map->bits, size);
        version = map->version;

        if (asked) {
            *asked = map->refreshed;
        }
    }

    ngx_bo_maps_unlock(store);

    return version;
}
