
/*
 * Seat maps in shared memory.  The zone's mutex guards them.  A worker that
 * dies while it changes a map leaves it dirty; whoever comes next throws such
 * a map away and has it read again.
 */


#include "ngx_bo_seatmap.h"
#include "ngx_bo_seatmap_body.h"
#include "ngx_bo_history.h"


/* A map older than this is read again, though still given out. */

#define NGX_BO_MAP_FRESH     250

/* A map older than this is given out only when Redis does not answer. */

#define NGX_BO_MAP_AGE       1000

/* A show counts as in use for this long, to let its last holds run out. */

#define NGX_BO_MAP_IN_USE    1200000

/* What nobody has touched is compared with PostgreSQL this often. */

#define NGX_BO_MAP_RECHECK   30000

#define NGX_BO_MAP_EVICT     16

/* Shows compared with PostgreSQL in one run, at the most. */

#define NGX_BO_MAP_CHECKS    64


typedef struct {
    ngx_rbtree_node_t        node;          /* by number of the show */
    ngx_queue_t              used;
    ngx_queue_t              aged;
    ngx_int_t                revision;      /* of the layout in body */
    int64_t                  version;       /* 0: never read */
    int64_t                  checked;       /* version equal to PostgreSQL */
    ngx_msec_t               checked_at;
    ngx_msec_t               refreshed;
    ngx_msec_t               asked;
    ngx_msec_t               touched;       /* a seat may have changed */
    ngx_msec_t               seen;          /* given out */
    ngx_uint_t               dirty;         /* being changed */
    size_t                   size;          /* of bits */
    size_t                   len;           /* of body */
    size_t                   stale_at;      /* in body */
    u_char                  *bits;
    u_char                  *body;
    bo_stats_t               stats;
} ngx_bo_map_t;


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_queue_t              waiting;
    ngx_pool_t              *pool;
    ngx_msec_t               sent;
    unsigned                 shown:1;       /* somebody wants the text */
    unsigned                 text:1;        /* there is one to be changed */
    ngx_str_t                argv[9];
    u_char                   version[NGX_INT64_LEN];
} ngx_bo_refresh_t;


static ngx_bo_map_t *ngx_bo_map_find(ngx_bo_store_t *store, uint32_t no);
static ngx_bo_map_t *ngx_bo_map_create(ngx_bo_store_t *store, uint32_t no);
static void *ngx_bo_map_alloc(ngx_bo_store_t *store, size_t size,
    ngx_bo_map_t *keep);
static void ngx_bo_map_empty(ngx_bo_store_t *store, ngx_bo_map_t *map);
static void ngx_bo_map_delete(ngx_bo_store_t *store, ngx_bo_map_t *map);
static ngx_uint_t ngx_bo_map_in_use(ngx_bo_map_t *map);
static ngx_uint_t ngx_bo_map_usable(ngx_bo_map_t *map, ngx_bo_show_t *show);
static ngx_msec_t ngx_bo_map_age(ngx_msec_t since);
static void ngx_bo_map_want(ngx_bo_show_t *show, ngx_bo_map_t *map,
    int64_t have, ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_map_copy(ngx_bo_show_t *show, ngx_pool_t *pool,
    ngx_bo_seatmap_t *out);
static ngx_int_t ngx_bo_map_start(ngx_bo_show_t *show, ngx_bo_map_t *map);
static ngx_int_t ngx_bo_map_text(ngx_bo_show_t *show, ngx_bo_map_t *map);
static void ngx_bo_map_apply(ngx_bo_show_t *show, ngx_bo_map_t *map,
    int64_t version, ngx_str_t *bits);
static void ngx_bo_refresh_args(ngx_bo_refresh_t *rf, ngx_bo_show_t *show,
    int64_t version);
static void ngx_bo_refresh_woken(ngx_bo_call_t *call);
static ngx_bo_outcome_e ngx_bo_refresh_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_refresh_ended(ngx_bo_script_call_t *sc,
    redisReply *reply);
static void ngx_bo_refresh_done(ngx_bo_call_t *call);


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
        age = ngx_bo_map_age(map->refreshed);

        if (age <= NGX_BO_MAP_AGE) {
            ngx_bo_map_want(show, map, have, out);
            rc = NGX_OK;
        }

        if (age > NGX_BO_MAP_FRESH
            && ngx_bo_map_age(map->asked) > NGX_BO_MAP_FRESH)
        {
            map->asked = ngx_current_msec;
            ask = 1;
        }
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_map_copy(show, pool, out);
    }

    if (rc == NGX_AGAIN) {
        ngx_bo_seatmap_refresh(show, call, 1);

    } else if (ask) {
        ngx_bo_seatmap_refresh(show, NULL, 1);
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

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map && ngx_bo_map_usable(map, show) && map->body) {
        age = ngx_bo_map_age(map->refreshed);

        if (age <= NGX_BO_MAP_AGE) {
            ngx_bo_map_want(show, map, have, out);
            rc = NGX_OK;

        } else if (age <= store->limits->stale) {
            out->stale = 1;
            ngx_bo_map_want(show, map, -1, out);
            rc = NGX_OK;
        }
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    if (rc == NGX_OK && out->body.len) {
        rc = ngx_bo_map_copy(show, pool, out);
    }

    return rc == NGX_AGAIN ? NGX_DECLINED : rc;
}


/* How long ago that was; another worker's clock may be ahead of ours. */

static ngx_msec_t
ngx_bo_map_age(ngx_msec_t since)
{
    ngx_msec_int_t  age;

    age = (ngx_msec_int_t) (ngx_current_msec - since);

    return age > 0 ? (ngx_msec_t) age : 0;
}


/* Notes how much is to be copied: nothing when the client has it. */

static void
ngx_bo_map_want(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t have,
    ngx_bo_seatmap_t *out)
{
    ngx_queue_remove(&map->used);
    ngx_queue_insert_head(&show->store->zone->used, &map->used);
    map->seen = ngx_current_msec;

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
ngx_bo_map_copy(ngx_bo_show_t *show, ngx_pool_t *pool, ngx_bo_seatmap_t *out)
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
        ngx_memcpy(out->body.data, map->body, map->len);
        out->version = map->version;

        if (out->stale) {
            ngx_bo_body_stale(out->body.data + map->stale_at, 1);
        }

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    return rc;
}


static ngx_uint_t
ngx_bo_map_usable(ngx_bo_map_t *map, ngx_bo_show_t *show)
{
    return map->version != 0 && !map->dirty
           && map->revision == show->revision;
}


static ngx_uint_t
ngx_bo_map_in_use(ngx_bo_map_t *map)
{
    return ngx_bo_map_age(map->touched) <= NGX_BO_MAP_IN_USE
           || ngx_bo_map_age(map->seen) <= NGX_BO_MAP_IN_USE;
}


static ngx_bo_map_t *
ngx_bo_map_find(ngx_bo_store_t *store, uint32_t no)
{
    ngx_rbtree_node_t  *node, *sentinel;

    node = store->zone->seatmaps.root;
    sentinel = store->zone->seatmaps.sentinel;

    while (node != sentinel) {
        if (no == node->key) {
            return ngx_rbtree_data(node, ngx_bo_map_t, node);
        }

        node = no < node->key ? node->left : node->right;
    }

    return NULL;
}


static ngx_bo_map_t *
ngx_bo_map_create(ngx_bo_store_t *store, uint32_t no)
{
    ngx_bo_map_t  *map;

    map = ngx_bo_map_alloc(store, sizeof(ngx_bo_map_t), NULL);
    if (map == NULL) {
        return NULL;
    }

    ngx_memzero(map, sizeof(ngx_bo_map_t));

    map->node.key = no;
    map->touched = ngx_current_msec;

    ngx_rbtree_insert(&store->zone->seatmaps, &map->node);
    ngx_queue_insert_head(&store->zone->used, &map->used);
    ngx_queue_insert_head(&store->zone->aged, &map->aged);

    return map;
}


/* Makes room by letting go of the maps that were not used for longest. */

static void *
ngx_bo_map_alloc(ngx_bo_store_t *store, size_t size, ngx_bo_map_t *keep)
{
    void          *p;
    ngx_uint_t     i;
    ngx_queue_t   *q;
    ngx_bo_map_t  *map;

    for (i = 0; i <= NGX_BO_MAP_EVICT; i++) {

        p = ngx_slab_alloc_locked(store->shpool, size);
        if (p != NULL) {
            return p;
        }

        if (ngx_queue_empty(&store->zone->used)) {
            break;
        }

        q = ngx_queue_last(&store->zone->used);
        map = ngx_queue_data(q, ngx_bo_map_t, used);

        if (map == keep) {
            break;
        }

        ngx_bo_map_delete(store, map);
    }

    ngx_log_error(NGX_LOG_ERR, store->log, 0,
                  "boxoffice: the zone is too small for a seat map of %uz "
                  "bytes", size);

    return NULL;
}


static void
ngx_bo_map_empty(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    map->version = 0;

    if (map->bits) {
        ngx_slab_free_locked(store->shpool, map->bits);
        map->bits = NULL;
    }

    if (map->body) {
        ngx_slab_free_locked(store->shpool, map->body);
        map->body = NULL;
    }
}


static void
ngx_bo_map_delete(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_bo_map_empty(store, map);

    ngx_rbtree_delete(&store->zone->seatmaps, &map->node);
    ngx_queue_remove(&map->used);
    ngx_queue_remove(&map->aged);

    ngx_slab_free_locked(store->shpool, map);
}


void
ngx_bo_show_touch(ngx_bo_show_t *show)
{
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    /* Many times a millisecond in a crowd; once is enough. */

    if (show->touched == ngx_current_msec) {
        return;
    }

    show->touched = ngx_current_msec;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map == NULL) {
        map = ngx_bo_map_create(store, show->no);
    }

    if (map) {
        map->touched = ngx_current_msec;
        ngx_queue_remove(&map->used);
        ngx_queue_insert_head(&store->zone->used, &map->used);
    }

    ngx_shmtx_unlock(&store->shpool->mutex);
}


void
ngx_bo_seatmap_refresh(ngx_bo_show_t *show, ngx_bo_call_t *call,
    unsigned shown)
{
    int64_t                version;
    unsigned               text;
    ngx_pool_t            *pool;
    ngx_bo_map_t          *map;
    ngx_bo_store_t        *store = show->store;
    ngx_bo_refresh_t      *rf;

    rf = show->refresh;

    if (rf != NULL) {
        rf->shown |= shown;

        if (call) {
            call->store = store;
            ngx_bo_call_wait(call, &rf->waiting, ngx_bo_refresh_woken);
        }

        return;
    }

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);
    version = map && ngx_bo_map_usable(map, show) ? map->version : 0;
    text = map && map->body;

    ngx_shmtx_unlock(&store->shpool->mutex);

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
    rf->shown = shown;
    rf->text = text;
    rf->sent = ngx_current_msec;
    ngx_queue_init(&rf->waiting);

    show->refresh = rf;

    if (call) {
        call->store = store;
        ngx_bo_call_wait(call, &rf->waiting, ngx_bo_refresh_woken);
    }

    ngx_bo_refresh_args(rf, show, version);

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


static ngx_bo_outcome_e
ngx_bo_refresh_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_refresh_t *rf = (ngx_bo_refresh_t *) sc;

    int64_t          version;
    ngx_str_t        text, bits;
    ngx_bo_map_t    *map;
    ngx_bo_show_t   *show;
    ngx_bo_store_t  *store;

    show = sc->call.show;
    store = sc->call.store;

    text = ngx_bo_reply_str(reply, 1);
    bits = ngx_bo_reply_str(reply, 2);
    version = (int64_t) ngx_atoof(text.data, text.len);

    if (code != 1 || version <= 0) {
        return NGX_BO_REFUSED;
    }

    /* Where the places are stands in the template: a text needs it, too. */

    if ((rf->shown || rf->text) && ngx_bo_seatmap_prepare(show) != NGX_OK) {
        return NGX_BO_UNAVAILABLE;
    }

    ngx_bo_count(store, seatmaps_refreshed);

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map == NULL) {
        map = ngx_bo_map_create(store, show->no);
    }

    if (map && (map->body == NULL || show->body.len)
        && ngx_bo_map_start(show, map) == NGX_OK
        && (!rf->shown || ngx_bo_map_text(show, map) == NGX_OK))
    {

        if (bits.data && version > map->version) {
            ngx_bo_map_apply(show, map, version, &bits);
        }

        if (map->version >= version) {
            map->refreshed = rf->sent;
        }

        ngx_queue_remove(&map->aged);
        ngx_queue_insert_tail(&store->zone->aged, &map->aged);
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

    ngx_bo_refresh_ended(sc, reply);

    return NGX_BO_OK;
}


/* Makes sure that a map has the bits of this layout. */

static ngx_int_t
ngx_bo_map_start(ngx_bo_show_t *show, ngx_bo_map_t *map)
{
    size_t           size;
    ngx_bo_store_t  *store = show->store;

    if (map->bits && !map->dirty && map->revision == show->revision) {
        return NGX_OK;
    }

    size = bo_map_size(show->layout.nseats);

    ngx_bo_map_empty(store, map);

    map->bits = ngx_bo_map_alloc(store, size, map);
    if (map->bits == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(map->bits, size);
    bo_stats_count(&map->stats, &show->layout, NULL, 0);

    map->size = size;
    map->revision = show->revision;
    map->dirty = 0;

    return NGX_OK;
}


/*
 * Makes sure that a map has its text.  Most shows are looked at by somebody;
 * on nodes where one is only sold, its text would be made for nothing.
 */

static ngx_int_t
ngx_bo_map_text(ngx_bo_show_t *show, ngx_bo_map_t *map)
{
    uint32_t         seat;
    bo_seat_state_e  state;

    if (map->body) {
        return NGX_OK;
    }

    map->body = ngx_bo_map_alloc(show->store, show->body.len, map);
    if (map->body == NULL) {
        return NGX_ERROR;
    }

    map->dirty = 1;
    ngx_memory_barrier();

    ngx_memcpy(map->body, show->body.data, show->body.len);
    map->len = show->body.len;
    map->stale_at = show->stale_at;

    for (seat = 0; seat < show->layout.nseats; seat++) {
        state = bo_seat_state(&show->layout, map->bits, map->size, seat);

        if (state != BO_SEAT_AVAILABLE) {
            ngx_bo_body_seat(show, map->body, seat, state);
        }
    }

    ngx_bo_body_head(show, map->body, map->version, &map->stats);

    ngx_memory_barrier();
    map->dirty = 0;

    return NGX_OK;
}


static void
ngx_bo_map_apply(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t version,
    ngx_str_t *bits)
{
    u_char           byte;
    size_t           i;
    uint32_t         seat, last;
    bo_seat_state_e  from, to;

    map->dirty = 1;
    ngx_memory_barrier();

    for (i = 0; i < map->size; i++) {
        byte = i < bits->len ? bits->data[i] : 0;

        if (byte == map->bits[i]) {
            continue;
        }

        last = ngx_min(4 * i + 4, show->layout.nseats);

        for (seat = 4 * i; seat < last; seat++) {
            from = bo_seat_state(&show->layout, map->bits, map->size, seat);
            to = bo_seat_state(&show->layout, bits->data, bits->len, seat);

            if (from != to) {
                if (map->body) {
                    ngx_bo_body_seat(show, map->body, seat, to);
                }

                bo_stats_move(&map->stats, &show->layout, seat, from, to);
            }
        }

        map->bits[i] = byte;
    }

    map->version = version;

    if (map->body) {
        ngx_bo_body_head(show, map->body, version, &map->stats);
    }

    ngx_memory_barrier();
    map->dirty = 0;
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

    for (i = 3; i < reply->elements; i++) {
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


ngx_uint_t
ngx_bo_seatmap_due(ngx_bo_store_t *store, ngx_msec_t age, uint32_t *nos,
    ngx_uint_t max)
{
    ngx_uint_t     n;
    ngx_queue_t   *q;
    ngx_bo_map_t  *map;

    n = 0;

    ngx_shmtx_lock(&store->shpool->mutex);

    for (q = ngx_queue_head(&store->zone->aged);
         q != ngx_queue_sentinel(&store->zone->aged) && n < max;
         q = ngx_queue_next(q))
    {
        map = ngx_queue_data(q, ngx_bo_map_t, aged);

        if (map->version && ngx_bo_map_age(map->refreshed) <= age) {
            break;
        }

        if (ngx_bo_map_in_use(map)) {
            nos[n++] = (uint32_t) map->node.key;
        }
    }

    ngx_shmtx_unlock(&store->shpool->mutex);

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

    ngx_shmtx_lock(&store->shpool->mutex);

    for (q = ngx_queue_head(&store->zone->used);
         q != ngx_queue_sentinel(&store->zone->used);
         q = ngx_queue_next(q))
    {
        map = ngx_queue_data(q, ngx_bo_map_t, used);

        if (!ngx_bo_map_in_use(map)) {
            break;
        }

        age = ngx_bo_map_age(map->checked_at);

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

    ngx_shmtx_unlock(&store->shpool->mutex);

    return n;
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


void
ngx_bo_seatmap_checked(ngx_bo_show_t *show, int64_t version, ngx_msec_t when)
{
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    ngx_shmtx_lock(&store->shpool->mutex);

    map = ngx_bo_map_find(store, show->no);

    if (map) {
        map->checked = version;
        map->checked_at = when;
    }

    ngx_shmtx_unlock(&store->shpool->mutex);
}
