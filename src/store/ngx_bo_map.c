
/*
 * Maps in the zone: their memory, and how they move from version to version.
 */


#include "ngx_bo_map.h"


/* Other maps that may have to go to make room for one. */

#define NGX_BO_MAP_EVICT  16


static ngx_bo_map_t *ngx_bo_map_create(ngx_bo_store_t *store, uint32_t no);
static void *ngx_bo_map_alloc(ngx_bo_store_t *store, size_t size,
    ngx_bo_map_t *keep);
static void ngx_bo_map_free(ngx_bo_store_t *store, void *p);
static void ngx_bo_map_unpack(ngx_bo_store_t *store, ngx_bo_map_t *map);
static void ngx_bo_map_delete(ngx_bo_store_t *store, ngx_bo_map_t *map);
static void ngx_bo_map_stamp(ngx_bo_store_t *store, ngx_bo_map_t *map);
static void ngx_bo_map_begin(ngx_bo_store_t *store, ngx_bo_map_t *map);
static void ngx_bo_map_end(ngx_bo_map_t *map, int64_t version);
static void ngx_bo_map_forget(ngx_bo_map_t *map, int64_t version);
static void ngx_bo_map_restart(ngx_bo_store_t *store, ngx_bo_map_t *map,
    int64_t version);
static void ngx_bo_map_seat(ngx_bo_show_t *show, ngx_bo_map_t *map,
    uint32_t seat, bo_seat_state_e to, uint32_t when);
static ngx_int_t ngx_bo_map_read(ngx_bo_show_t *show, ngx_bo_map_t *map,
    u_char *p, u_char *last, uint32_t when);


ngx_bo_map_t *
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


ngx_bo_map_t *
ngx_bo_map_get(ngx_bo_store_t *store, uint32_t no)
{
    ngx_bo_map_t  *map;

    map = ngx_bo_map_find(store, no);

    return map ? map : ngx_bo_map_create(store, no);
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
    map->watched = ngx_current_msec - NGX_BO_MAP_WATCH - 1;

    ngx_bo_maps_begin(store);

    ngx_rbtree_insert(&store->zone->seatmaps, &map->node);
    ngx_queue_insert_head(&store->zone->used, &map->used);
    ngx_queue_insert_head(&store->zone->aged, &map->aged);
    ngx_queue_insert_tail(&store->zone->watches, &map->watches);
    ngx_bo_maps_link(store, map);

    ngx_bo_maps_end(store);

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

    store->lacked = size;    /* said without the mutex */

    return NULL;
}


/* Dirty first: who dies on the way has left nothing to be relied on. */

void
ngx_bo_map_empty(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    void  *changed, *body;

    ngx_bo_map_begin(store, map);

    map->version = 0;
    map->live = 0;

    changed = map->changed;
    map->changed = NULL;
    ngx_bo_map_free(store, changed);

    body = map->body;
    map->body = NULL;
    ngx_bo_map_free(store, body);

    ngx_bo_map_unpack(store, map);
}


static void
ngx_bo_map_unpack(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    void  *packed;

    packed = map->packed.data;
    map->packed.data = NULL;
    ngx_bo_map_free(store, packed);
}


/*
 * The map has forgotten it before: who dies in between loses memory, and nobody
 * goes on using what is somebody else's.
 */

static void
ngx_bo_map_free(ngx_bo_store_t *store, void *p)
{
    ngx_memory_barrier();

    if (p) {
        ngx_slab_free_locked(store->shpool, p);
    }
}


static void
ngx_bo_map_delete(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_bo_map_empty(store, map);

    ngx_bo_maps_begin(store);

    ngx_queue_remove(&map->all);
    ngx_rbtree_delete(&store->zone->seatmaps, &map->node);
    ngx_queue_remove(&map->used);
    ngx_queue_remove(&map->aged);
    ngx_queue_remove(&map->watches);

    ngx_bo_maps_end(store);

    ngx_slab_free_locked(store->shpool, map);
}


ngx_int_t
ngx_bo_map_start(ngx_bo_show_t *show, ngx_bo_map_t *map)
{
    size_t           size, text, blocks;
    uint32_t         n;
    ngx_bo_store_t  *store = show->store;

    if (map->changed && !map->dirty && map->revision == show->revision) {
        return NGX_OK;
    }

    ngx_bo_map_empty(store, map);

    n = show->layout.nseats;
    size = bo_map_size(n);
    text = bo_availability_len(n);
    blocks = bo_availability_blocks(n);

    /* the numbers stand first, for their alignment */

    map->changed = ngx_bo_map_alloc(store, (n + blocks) * sizeof(uint32_t)
                                           + size + text, map);
    if (map->changed == NULL) {
        return NGX_ERROR;
    }

    map->latest = map->changed + n;
    map->bits = (u_char *) (map->latest + blocks);
    map->text = map->bits + size;
    map->nseats = n;
    map->size = size;

    ngx_memzero(map->bits, size);
    bo_stats_count(&map->stats, &show->layout, NULL, 0);
    bo_availability_write((char *) map->text, &show->layout, NULL, 0);
    ngx_bo_map_forget(map, 0);

    map->revision = show->revision;

    ngx_memory_barrier();
    map->dirty = 0;

    return NGX_OK;
}


/* What changed before that version is not known. */

static void
ngx_bo_map_forget(ngx_bo_map_t *map, int64_t version)
{
    map->base = version - version % NGX_BO_EPOCH_VERSIONS;
    map->first = (uint32_t) (version - map->base);

    ngx_memzero(map->changed, (u_char *) map->bits
                              - (u_char *) map->changed);
}


/*
 * A new epoch, or a Redis that has lost some of this one.  Then there will be
 * others of the versions that were told: whoever has one gets the whole.
 */

static void
ngx_bo_map_restart(ngx_bo_store_t *store, ngx_bo_map_t *map, int64_t version)
{
    int64_t  told = map->version;

    ngx_bo_map_forget(map, version);

    if (told >= map->base && told < map->base + NGX_BO_EPOCH_VERSIONS) {
        map->first = (uint32_t) ngx_max(told + 1 - map->base, map->first);
    }

    ngx_bo_map_unpack(store, map);
}


ngx_int_t
ngx_bo_map_body(ngx_bo_show_t *show, ngx_bo_map_t *map)
{
    u_char          *p;
    uint32_t         seat;
    bo_seat_state_e  state;

    if (map->body) {
        return NGX_OK;
    }

    p = ngx_bo_map_alloc(show->store, show->body.len, map);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_bo_map_begin(show->store, map);

    map->body = p;
    ngx_memcpy(map->body, show->body.data, show->body.len);
    map->len = show->body.len;
    map->places = show->places;
    map->head = 0;

    for (seat = 0; seat < map->nseats; seat++) {
        state = bo_seat_state(&show->layout, map->bits, map->size, seat);

        if (state != BO_SEAT_AVAILABLE) {
            ngx_bo_body_seat(show, map->body, seat, state);
        }
    }

    ngx_bo_map_end(map, map->version);

    return NGX_OK;
}


void
ngx_bo_map_head(ngx_bo_map_t *map)
{
    if (map->head != map->version) {
        ngx_bo_body_head(&map->places, map->body, map->version, &map->stats);
        map->head = map->version;
    }
}


/* Counted first: who dies in between leaves a stamp that nobody will have. */

static void
ngx_bo_map_stamp(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    store->zone->changes++;
    map->stamp = store->zone->changes;
}


static void
ngx_bo_map_begin(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_bo_map_stamp(store, map);
    map->dirty = 1;
    ngx_memory_barrier();
}


static void
ngx_bo_map_end(ngx_bo_map_t *map, int64_t version)
{
    if (map->version != version) {
        map->version = version;
        map->moved = ngx_current_msec;
    }

    ngx_memory_barrier();
    map->dirty = 0;
}


void
ngx_bo_map_set(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t version,
    ngx_str_t *bits)
{
    u_char           byte;
    size_t           i;
    uint32_t         seat, last, when;
    bo_seat_state_e  to;

    ngx_bo_map_begin(show->store, map);

    if (version < map->version
        || version >= map->base + NGX_BO_EPOCH_VERSIONS)
    {
        ngx_bo_map_restart(show->store, map, version);
    }

    when = (uint32_t) (version - map->base);

    for (i = 0; i < map->size; i++) {
        byte = i < bits->len ? bits->data[i] : 0;

        if (byte == map->bits[i]) {
            continue;
        }

        last = ngx_min(4 * i + 4, map->nseats);

        for (seat = 4 * i; seat < last; seat++) {
            to = bo_map_get(bits->data, bits->len, seat);
            ngx_bo_map_seat(show, map, seat, to, when);
        }
    }

    ngx_bo_map_end(map, version);
}


/* Gives a seat a state; what clients see of it moves along. */

static void
ngx_bo_map_seat(ngx_bo_show_t *show, ngx_bo_map_t *map, uint32_t seat,
    bo_seat_state_e to, uint32_t when)
{
    bo_seat_state_e  from;

    from = bo_seat_state(&show->layout, map->bits, map->size, seat);

    (void) bo_map_set(map->bits, map->size, seat, to);

    to = bo_seat_state(&show->layout, map->bits, map->size, seat);

    if (from == to) {
        return;
    }

    if (map->body) {
        ngx_bo_body_seat(show, map->body, seat, to);
    }

    bo_availability_set((char *) map->text, seat, to);
    bo_availability_note(map->changed, map->latest, seat, when);
    bo_stats_move(&map->stats, &show->layout, seat, from, to);
}


ngx_int_t
ngx_bo_map_move(ngx_bo_show_t *show, ngx_bo_map_t *map, ngx_str_t *message)
{
    u_char     *p, *last;
    int64_t     version;
    uint32_t    when;
    ngx_int_t   rc;

    last = message->data + message->len;
    p = ngx_strlchr(message->data, last, ' ');

    if (p == NULL || !ngx_bo_map_usable(map, show)
        || (map->body && show->body.len == 0))
    {
        return NGX_DECLINED;
    }

    version = (int64_t) ngx_atoof(message->data, p - message->data);

    if (version != map->version + 1
        || version >= map->base + NGX_BO_EPOCH_VERSIONS)
    {
        return version > 0 && version <= map->version
               && version >= map->base ? NGX_DONE : NGX_DECLINED;
    }

    when = (uint32_t) (version - map->base);

    ngx_bo_map_begin(show->store, map);

    rc = ngx_bo_map_read(show, map, p, last, when);

    ngx_bo_map_end(map, rc == NGX_OK ? version : map->version);

    /* Half of a message is none: begin anew. */

    if (rc != NGX_OK) {
        map->dirty = 1;
    }

    return rc;
}


/* Reads " state:seat,seat state:seat" and gives the seats their states. */

static ngx_int_t
ngx_bo_map_read(ngx_bo_show_t *show, ngx_bo_map_t *map, u_char *p,
    u_char *last, uint32_t when)
{
    uint32_t         seat;
    bo_seat_state_e  to;

    while (p < last) {

        if (last - p < 4 || p[0] != ' ' || p[1] < '0' || p[1] > '2'
            || p[2] != ':')
        {
            return NGX_DECLINED;
        }

        to = p[1] - '0';
        p += 2;

        do {
            if (++p == last || *p < '0' || *p > '9') {
                return NGX_DECLINED;
            }

            seat = 0;

            for (/* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
                seat = seat * 10 + (*p - '0');

                if (seat >= map->nseats) {
                    return NGX_DECLINED;
                }
            }

            ngx_bo_map_seat(show, map, seat, to, when);

        } while (p < last && *p == ',');
    }

    return NGX_OK;
}


void
ngx_bo_map_pack(ngx_bo_store_t *store, ngx_bo_map_t *map, int64_t version,
    ngx_str_t *packed)
{
    u_char  *p;

    /* of before the map went back, or behind what there is */

    if (version > map->version
        || (map->packed.data && map->packed_version >= version
            && map->packed_version >= map->base))
    {
        return;
    }

    p = ngx_bo_map_alloc(store, packed->len, map);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, packed->data, packed->len);

    ngx_bo_map_unpack(store, map);

    map->packed.len = packed->len;
    map->packed_version = version;
    map->packed_at = ngx_current_msec;

    ngx_memory_barrier();
    map->packed.data = p;
}


ngx_uint_t
ngx_bo_map_usable(ngx_bo_map_t *map, ngx_bo_show_t *show)
{
    /* another worker has a newer one: whoever asks next has it read again */

    if (map->version != 0 && map->revision > show->revision) {
        show->loaded = ngx_current_msec - NGX_BO_SHOW_FRESH - 1;
    }

    return map->version != 0 && !map->dirty
           && map->revision == show->revision;
}


ngx_uint_t
ngx_bo_map_ask(ngx_bo_map_t *map, ngx_msec_t age)
{
    if (age <= NGX_BO_MAP_FRESH
        || ngx_bo_msec_since(map->asked) <= NGX_BO_MAP_FRESH)
    {
        return 0;
    }

    map->asked = ngx_current_msec;

    return 1;
}


ngx_uint_t
ngx_bo_map_newer(ngx_bo_map_t *map, ngx_bo_show_t *show)
{
    ngx_bo_show_t  *known;

    if (map->version != 0 && map->revision > show->revision) {
        return 1;
    }

    known = ngx_bo_show_known(show->store, show->no);

    return known && known->revision > show->revision;
}


void
ngx_bo_map_seen(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_bo_zone_t *zone = store->zone;

    /* Many times a millisecond in a crowd; once is enough. */

    if (map->seen == ngx_current_msec) {
        return;
    }

    map->seen = ngx_current_msec;

    ngx_bo_maps_begin(store);

    ngx_queue_remove(&map->used);
    ngx_queue_insert_head(&zone->used, &map->used);

    if (ngx_bo_msec_since(map->watched) >= 1000) {
        map->watched = ngx_current_msec;

        ngx_queue_remove(&map->watches);
        ngx_queue_insert_head(&zone->watches, &map->watches);
    }

    ngx_bo_maps_end(store);
}


ngx_msec_t
ngx_bo_map_age(ngx_bo_store_t *store, ngx_bo_map_t *map)
{
    ngx_msec_t      age, heard;
    ngx_bo_zone_t  *zone = store->zone;

    age = ngx_bo_msec_since(map->refreshed);

    if (map->live && map->live == zone->live) {
        heard = ngx_bo_msec_since(zone->heard);
        age = ngx_min(age, heard);
    }

    return age;
}


ngx_msec_t
ngx_bo_msec_since(ngx_msec_t when)
{
    ngx_msec_int_t  age;

    age = (ngx_msec_int_t) (ngx_current_msec - when);

    return age > 0 ? (ngx_msec_t) age : 0;
}


void
ngx_bo_show_touch(ngx_bo_show_t *show)
{
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = show->store;

    /* As above. */

    if (show->touched == ngx_current_msec) {
        return;
    }

    show->touched = ngx_current_msec;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_get(store, show->no);

    if (map) {
        map->touched = ngx_current_msec;

        ngx_bo_maps_begin(store);
        ngx_queue_remove(&map->used);
        ngx_queue_insert_head(&store->zone->used, &map->used);
        ngx_bo_maps_end(store);
    }

    ngx_bo_maps_unlock(store);
}
