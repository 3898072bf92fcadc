
/*
 * The two texts of availability: whole, and what has changed.
 */


#include "ngx_bo_availability.h"
#include "ngx_bo_map.h"
#include "booking/bo_write.h"


/* What stands around the seats: names, braces, five numbers. */

#define NGX_BO_AVAILABILITY_ROOM  (128 + 5 * NGX_INT64_LEN)


static ngx_int_t ngx_bo_availability_again(ngx_bo_show_t *show,
    ngx_bo_availability_t *out);
static void ngx_bo_availability_keep(ngx_bo_show_t *show,
    ngx_atomic_uint_t changes, ngx_bo_availability_t *out);
static ngx_int_t ngx_bo_availability_take(ngx_bo_show_t *show, int64_t since,
    ngx_msec_t oldest, ngx_bo_availability_t *out, ngx_uint_t *ask);
static void ngx_bo_availability_text(ngx_bo_map_t *map, int64_t since,
    ngx_bo_availability_t *out);
static u_char *ngx_bo_availability_since(ngx_bo_map_t *map, int64_t since,
    ngx_bo_availability_t *out);
static u_char *ngx_bo_availability_all(ngx_bo_map_t *map,
    ngx_bo_availability_t *out);


size_t
ngx_bo_availability_size(ngx_bo_show_t *show)
{
    return NGX_BO_AVAILABILITY_ROOM + bo_availability_len(show->layout.nseats);
}


ngx_int_t
ngx_bo_availability_get(ngx_bo_show_t *show, int64_t since,
    ngx_bo_availability_t *out, ngx_bo_call_t *call)
{
    ngx_int_t          rc;
    ngx_uint_t         ask;
    ngx_atomic_uint_t  changes;

    if (since == 0 && ngx_bo_availability_again(show, out) == NGX_OK) {
        return NGX_OK;
    }

    ask = 0;
    changes = show->store->zone->changes;

    rc = ngx_bo_availability_take(show, since, NGX_BO_MAP_STALE, out, &ask);

    if (rc == NGX_OK && since == 0) {
        ngx_bo_availability_keep(show, changes, out);
    }

    if (rc == NGX_OK && !ask) {
        return NGX_OK;
    }

    ngx_bo_seatmap_refresh(show, rc == NGX_OK ? NULL : call, 0);

    return rc == NGX_OK ? NGX_OK : NGX_AGAIN;
}


/*
 * A crowd asks many times in a millisecond: the same text is good for all of
 * that, unless a map has changed.  So workers do not wait for each other's
 * mutex, nor for whoever moves the map.
 */

static ngx_int_t
ngx_bo_availability_again(ngx_bo_show_t *show, ngx_bo_availability_t *out)
{
    ngx_bo_given_t *given = &show->given;

    if (given->text.len == 0 || given->when != ngx_current_msec
        || given->changes != show->store->zone->changes)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(out->text.data, given->text.data, given->text.len);

    out->text.len = given->text.len;
    out->version = given->version;
    out->whole = 1;
    out->stale = 0;

    return NGX_OK;
}


/*
 * changes: as they were before the text was made.  What changed meanwhile has
 * counted on, and the text is not given out again.
 */

static void
ngx_bo_availability_keep(ngx_bo_show_t *show, ngx_atomic_uint_t changes,
    ngx_bo_availability_t *out)
{
    size_t           size;
    ngx_bo_given_t  *given = &show->given;

    given->text.len = 0;

    if (out->stale) {
        return;
    }

    if (given->text.data == NULL) {
        size = ngx_bo_availability_size(show);

        given->text.data = ngx_pnalloc(show->pool, size);
        if (given->text.data == NULL) {
            return;
        }

        ngx_bo_show_grown(show, size);
    }

    ngx_memcpy(given->text.data, out->text.data, out->text.len);

    given->text.len = out->text.len;
    given->version = out->version;
    given->when = ngx_current_msec;
    given->changes = changes;
}


ngx_int_t
ngx_bo_availability_write(ngx_bo_show_t *show, int64_t since,
    ngx_bo_availability_t *out)
{
    return ngx_bo_availability_take(show, since,
                                    ngx_max(NGX_BO_MAP_STALE,
                                            show->store->limits->stale),
                                    out, NULL);
}


/* oldest: msec; *ask, unless it is NULL: the map is to be read again. */

static ngx_int_t
ngx_bo_availability_take(ngx_bo_show_t *show, int64_t since,
    ngx_msec_t oldest, ngx_bo_availability_t *out, ngx_uint_t *ask)
{
    ngx_int_t        rc;
    ngx_msec_t       age;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    rc = NGX_DECLINED;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show)) {
        age = ngx_bo_map_age(store, map);

        if (ask) {
            *ask = ngx_bo_map_ask(map, age);
        }

        if (age <= oldest) {
            ngx_bo_map_seen(store, map);

            out->version = map->version;
            out->stale = age > NGX_BO_MAP_STALE;
            ngx_bo_availability_text(map, since, out);

            rc = NGX_OK;
        }
    }

    ngx_bo_maps_unlock(store);

    return rc;
}


static void
ngx_bo_availability_text(ngx_bo_map_t *map, int64_t since,
    ngx_bo_availability_t *out)
{
    u_char  *p;

    p = NULL;
    out->whole = 0;

    if (since >= map->base + map->first && since <= map->version) {
        p = ngx_bo_availability_since(map, since, out);
    }

    if (p == NULL) {
        p = ngx_bo_availability_all(map, out);
        out->whole = 1;
    }

    out->text.len = p - out->text.data;
}


/* NULL when it is as long as the whole. */

static u_char *
ngx_bo_availability_since(ngx_bo_map_t *map, int64_t since,
    ngx_bo_availability_t *out)
{
    int      n;
    u_char  *p;

    p = bo_write_int(out->text.data, "{\"since\":", since);
    p = bo_write_int(p, ",\"version\":", map->version);
    p = bo_write(p, out->stale ? ",\"stale\":true" : ",\"stale\":false");
    p = bo_write_int(p, ",\"revision\":", map->revision);

    n = bo_availability_changes((char *) p, bo_availability_len(map->nseats)
                                            + 32,
                                map->changed, map->latest, map->nseats,
                                (uint32_t) (since - map->base), map->bits,
                                map->size);
    if (n < 0) {
        return NULL;
    }

    p += n;
    *p++ = '}';

    return p;
}


static u_char *
ngx_bo_availability_all(ngx_bo_map_t *map, ngx_bo_availability_t *out)
{
    u_char  *p;

    p = bo_write_int(out->text.data, "{\"version\":", map->version);
    p = bo_write(p, out->stale ? ",\"stale\":true" : ",\"stale\":false");
    p = bo_write_int(p, ",\"revision\":", map->revision);
    p = bo_write_int(p, ",\"available\":",
                     map->stats.all.state[BO_SEAT_AVAILABLE]);
    p = bo_write(p, ",\"seats\":\"");

    p = ngx_cpymem(p, map->text, bo_availability_len(map->nseats));

    *p++ = '"';
    *p++ = '}';

    return p;
}
