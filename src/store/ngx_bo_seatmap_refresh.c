
/*
 * Reading seat maps from Redis: once for all of a worker who ask at the same
 * time.
 */


#include "ngx_bo_seatmap.h"
#include "ngx_bo_map.h"
#include "ngx_bo_history.h"


/*
 * A worker's clock stands still while it is busy, so another may seem to have
 * moved a map before it did, by less than this; msec.
 */

#define NGX_BO_REFRESH_LATE  1000


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_queue_t              waiting;
    ngx_pool_t              *pool;
    ngx_msec_t               sent;
    ngx_uint_t               flags;
    unsigned                 body:1;        /* there is one to be changed */
    ngx_str_t                argv[9];
    u_char                   version[NGX_INT64_LEN];
} ngx_bo_refresh_t;


static void ngx_bo_refresh_args(ngx_bo_refresh_t *rf, ngx_bo_show_t *show,
    int64_t version);
static void ngx_bo_refresh_woken(ngx_bo_call_t *call);
static ngx_bo_outcome_e ngx_bo_refresh_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_refresh_apply(ngx_bo_refresh_t *rf, int64_t version,
    ngx_str_t bits);
static void ngx_bo_refresh_ended(ngx_bo_script_call_t *sc,
    redisReply *reply);
static void ngx_bo_refresh_done(ngx_bo_call_t *call);


void
ngx_bo_seatmap_refresh(ngx_bo_show_t *show, ngx_bo_call_t *call,
    ngx_uint_t flags)
{
    int64_t                version;
    ngx_uint_t             body;
    ngx_pool_t            *pool;
    ngx_bo_map_t          *map;
    ngx_bo_store_t        *store = show->store;
    ngx_bo_refresh_t      *rf;

    rf = show->refresh;

    if (rf != NULL) {
        rf->flags |= flags;

        if (call) {
            call->store = store;
            ngx_bo_call_wait(call, &rf->waiting, ngx_bo_refresh_woken);
        }

        return;
    }

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, show->no);
    version = map && ngx_bo_map_usable(map, show) ? map->version : 0;
    body = map && map->body;

    ngx_bo_maps_unlock(store);

    pool = ngx_create_pool(1024, store->log);
    rf = pool ? ngx_pcalloc(pool, sizeof(ngx_bo_refresh_t)) : NULL;

    if (rf == NULL) {
        if (pool) {
            ngx_destroy_pool(pool);
        }

        if (call) {
            call->store = store;
            call->outcome = NGX_BO_UNAVAILABLE;
            ngx_bo_call_post(call, ngx_bo_refresh_woken);
        }

        return;
    }

    rf->pool = pool;
    rf->flags = flags;
    rf->body = body;
    rf->sent = ngx_current_msec;
    ngx_queue_init(&rf->waiting);

    show->refresh = rf;

    if (call) {
        call->store = store;
        ngx_bo_call_wait(call, &rf->waiting, ngx_bo_refresh_woken);
    }

    ngx_bo_refresh_args(rf, show,
                        flags & NGX_BO_REFRESH_STATES ? 0 : version);

    ngx_bo_show_keep(show);
    ngx_bo_script_run(&rf->script);
}


static void
ngx_bo_refresh_args(ngx_bo_refresh_t *rf, ngx_bo_show_t *show,
    int64_t version)
{
    ngx_bo_script_call_t  *sc = &rf->script;

    rf->argv[0] = show->version_key;
    rf->argv[1] = show->state_key;
    rf->argv[2] = show->hold_key;
    rf->argv[3] = show->expiry_key;
    rf->argv[5].data = rf->version;
    rf->argv[5].len = ngx_sprintf(rf->version, "%L", version) - rf->version;
    rf->argv[6] = show->lock_prefix;
    rf->argv[7] = ngx_bo_hold_memory;

    sc->call.store = show->store;
    sc->call.show = show;
    sc->call.done = ngx_bo_refresh_done;
    sc->script = &ngx_bo_script_map;
    sc->read = ngx_bo_refresh_read;
    sc->nkeys = 4;
    sc->argc = 8;
    sc->argv = rf->argv;
    sc->rebuilds = 1;
}


static void
ngx_bo_refresh_woken(ngx_bo_call_t *call)
{
    call->done(call);
}


/*
 * A reply is older than the map when a message, or another worker's reply, has
 * come in before it.  But when it was asked for well after the map had moved,
 * and its version is lower, then Redis has lost changes: a replica took over,
 * or an old file was loaded.  The map goes back with it.
 */

static ngx_uint_t
ngx_bo_refresh_counts(ngx_bo_refresh_t *rf, ngx_bo_map_t *map, int64_t version)
{
    return version >= map->version
           || (ngx_msec_int_t) (rf->sent - map->moved) > NGX_BO_REFRESH_LATE;
}


static ngx_bo_outcome_e
ngx_bo_refresh_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_refresh_t *rf = (ngx_bo_refresh_t *) sc;

    int64_t          version;
    ngx_str_t        text;
    ngx_bo_show_t   *show;
    ngx_bo_store_t  *store;

    show = sc->call.show;
    store = sc->call.store;

    text = ngx_bo_reply_str(reply, 1);
    version = (int64_t) ngx_atoof(text.data, text.len);

    if (code != 1 || version <= 0) {
        return NGX_BO_REFUSED;
    }

    show->due = ngx_bo_reply_int(reply, 3);

    /* Where the places are stands in the template: a text needs it, too. */

    if (((rf->flags & NGX_BO_REFRESH_BODY) || rf->body)
        && ngx_bo_body_prepare(show) != NGX_OK)
    {
        return NGX_BO_UNAVAILABLE;
    }

    ngx_bo_count(store, seatmaps_refreshed);

    ngx_bo_maps_lock(store);

    ngx_bo_refresh_apply(rf, version, ngx_bo_reply_str(reply, 2));

    ngx_bo_maps_unlock(store);

    ngx_bo_refresh_ended(sc, reply);

    return NGX_BO_OK;
}


static void
ngx_bo_refresh_apply(ngx_bo_refresh_t *rf, int64_t version, ngx_str_t bits)
{
    ngx_bo_map_t    *map;
    ngx_bo_show_t   *show = rf->script.call.show;
    ngx_bo_store_t  *store = show->store;

    map = ngx_bo_map_get(store, show->no);

    /*
     * Of a show that has changed since it was loaded, the states would be
     * called those of the layout before, and the map of all others set back.
     */

    if (map == NULL
        || ngx_bo_map_newer(map, show)
        || (map->body && show->body.len == 0)
        || ngx_bo_map_start(show, map) != NGX_OK
        || ((rf->flags & NGX_BO_REFRESH_BODY)
            && ngx_bo_map_body(show, map) != NGX_OK))
    {
        return;
    }

    if (bits.data && ngx_bo_refresh_counts(rf, map, version)) {
        ngx_bo_map_set(show, map, version, &bits);
    }

    if (map->version >= version) {
        map->refreshed = rf->sent;
    }

    ngx_bo_maps_begin(store);
    ngx_queue_remove(&map->aged);
    ngx_queue_insert_tail(&store->zone->aged, &map->aged);
    ngx_bo_maps_end(store);
}


/* Lines "user id created expires seats" of the holds that have run out. */

static void
ngx_bo_refresh_ended(ngx_bo_script_call_t *sc, redisReply *reply)
{
    size_t          i;
    u_char         *p, *last;
    ngx_str_t       line, user, entry;
    ngx_uint_t      n;
    ngx_bo_hold_t   hold;
    u_char          text[BO_UUID_LEN + 64 + BO_SEATS_TEXT_MAX];

    for (i = 4; i < reply->elements; i++) {
        line = ngx_bo_reply_str(reply, i);
        last = line.data + line.len;

        p = ngx_strlchr(line.data, last, ' ');
        if (p == NULL) {
            continue;
        }

        user.data = line.data;
        user.len = p - line.data;

        /* the entry of a hold has three words more before its seats */

        entry.data = ++p;

        for (n = 0; n < 3 && p; n++) {
            p = ngx_strlchr(p, last, ' ');
            p = p ? p + 1 : NULL;
        }

        if (p == NULL || (size_t) (last - entry.data) > sizeof(text) - 8) {
            continue;
        }

        line.data = text;
        line.len = ngx_sprintf(text, "%*sX - - %*s",
                               (size_t) (p - entry.data), entry.data,
                               (size_t) (last - p), p)
                   - text;

        ngx_bo_count(sc->call.store, holds_expired);

        if (ngx_bo_hold_parse(&hold, &line) == NGX_OK) {
            ngx_bo_history_add(sc->call.store, sc->call.show, &user, &hold,
                               "EXPIRED");
        }
    }
}


static void
ngx_bo_refresh_done(ngx_bo_call_t *call)
{
    ngx_bo_refresh_t *rf = (ngx_bo_refresh_t *) call;

    ngx_pool_t        *pool;
    ngx_queue_t        waiting;
    ngx_bo_outcome_e   outcome;

    call->show->refresh = NULL;

    ngx_queue_init(&waiting);

    if (!ngx_queue_empty(&rf->waiting)) {
        ngx_queue_add(&waiting, &rf->waiting);
    }

    outcome = call->outcome;
    pool = rf->pool;

    ngx_bo_call_cancel(call);
    ngx_destroy_pool(pool);

    ngx_bo_calls_wake(&waiting, outcome);
}
