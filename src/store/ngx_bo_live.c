
/*
 * The maps that somebody looks at are subscribed to.
 *
 * A map is brought in step once its subscription is confirmed: it is read from
 * Redis, what came meanwhile is applied, and from then on each message is the
 * next version.  Where one is missing, the map is read again.  As long as it
 * is in step it is as fresh as the subscription, and nobody has to ask.
 *
 * There is one such worker in a node.  In a reload the new one takes over: it
 * has the higher generation, and what the old one still does is harmless, for
 * versions only move forward.
 */


#include "ngx_bo_live.h"
#include "ngx_bo_map.h"
#include "net/ngx_bo_redis_sub.h"


#define NGX_BO_LIVE_TICK      50        /* msec, to find what is looked at */
#define NGX_BO_LIVE_SHOWS     1024      /* of a node, at the most */
#define NGX_BO_LIVE_PENDING   65536     /* bytes of messages while it reads */

/* The sweep of holds that run out: by the clock, but not too often; msec. */

#define NGX_BO_LIVE_SWEEP     400
#define NGX_BO_LIVE_SWEEP_MIN 50

/* A lock lives through the last millisecond of its time, see lua/map.lua. */

#define NGX_BO_LIVE_LATE      3


typedef enum {
    NGX_BO_LIVE_WANTED = 0,     /* to be subscribed to */
    NGX_BO_LIVE_ASKED,          /* the answer is to come */
    NGX_BO_LIVE_READING,        /* its map is read from Redis */
    NGX_BO_LIVE_IN_STEP
} ngx_bo_live_state_e;


typedef struct {
    ngx_rbtree_node_t        node;          /* by number of the show */
    ngx_queue_t              queue;
    ngx_bo_call_t            call;          /* a show's load, or a read */
    ngx_bo_live_t           *live;
    ngx_bo_show_t           *show;
    ngx_bo_live_state_e      state;
    ngx_msec_t               wanted;        /* last */
    ngx_event_t              sweep;
    u_char                  *pending;       /* "<len><message>", or NULL */
    size_t                   npending;
    unsigned                 again:1;       /* read once more */
    unsigned                 busy:1;        /* its call is under way */
} ngx_bo_live_show_t;


struct ngx_bo_live_s {
    ngx_bo_store_t          *store;
    ngx_bo_redis_sub_t      *sub;
    ngx_uint_t               generation;    /* of the connection, 0: none */
    ngx_rbtree_t             tree;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              shows;
    ngx_event_t              tick;
};


static void ngx_bo_live_tick(ngx_event_t *ev);
static ngx_bo_live_show_t *ngx_bo_live_find(ngx_bo_live_t *live, uint32_t no);
static void ngx_bo_live_want(ngx_bo_live_t *live, uint32_t no);
static void ngx_bo_live_add(ngx_bo_live_t *live, ngx_bo_show_t *show);
static void ngx_bo_live_renew(ngx_bo_live_show_t *ls, ngx_bo_show_t *show);
static void ngx_bo_live_drop(ngx_bo_live_show_t *ls);
static void ngx_bo_live_ask(ngx_bo_live_show_t *ls);
static void ngx_bo_live_read(ngx_bo_live_show_t *ls);
static void ngx_bo_live_read_done(ngx_bo_call_t *call);
static ngx_int_t ngx_bo_live_replay(ngx_bo_live_show_t *ls);
static void ngx_bo_live_keep(ngx_bo_live_show_t *ls, ngx_str_t *text);
static ngx_int_t ngx_bo_live_apply(ngx_bo_live_show_t *ls, ngx_str_t *text);
static void ngx_bo_live_mark(ngx_bo_live_show_t *ls, ngx_uint_t generation);
static void ngx_bo_live_arm(ngx_bo_live_show_t *ls);
static void ngx_bo_live_sweep(ngx_event_t *ev);
static void ngx_bo_live_swept(ngx_bo_call_t *call);

static void ngx_bo_live_up(void *data);
static void ngx_bo_live_down(void *data);
static void ngx_bo_live_subscribed(void *data, ngx_str_t *channel);
static void ngx_bo_live_message(void *data, ngx_str_t *channel,
    ngx_str_t *text);
static void ngx_bo_live_heard(void *data, ngx_msec_t when);
static ngx_bo_live_show_t *ngx_bo_live_channel(ngx_bo_live_t *live,
    ngx_str_t *channel);


static const ngx_bo_redis_sub_handlers_t  ngx_bo_live_handlers = {
    ngx_bo_live_up,
    ngx_bo_live_down,
    ngx_bo_live_subscribed,
    ngx_bo_live_message,
    ngx_bo_live_heard
};


ngx_int_t
ngx_bo_live_start(ngx_bo_store_t *store)
{
    ngx_bo_live_t  *live;

    if (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0) {
        return NGX_OK;
    }

    live = ngx_pcalloc(store->cycle->pool, sizeof(ngx_bo_live_t));
    if (live == NULL) {
        return NGX_ERROR;
    }

    live->store = store;
    ngx_queue_init(&live->shows);
    ngx_rbtree_init(&live->tree, &live->sentinel, ngx_rbtree_insert_value);

    live->tick.handler = ngx_bo_live_tick;
    live->tick.data = live;
    live->tick.log = store->log;
    live->tick.cancelable = 1;

    /* Whoever had the subscription before us has died, or is about to go. */

    store->zone->live = 0;

    live->sub = ngx_bo_redis_sub_create(store->cycle, store->redis_conf,
                                        &store->zone->metrics.redis,
                                        &ngx_bo_live_handlers, live);
    if (live->sub == NULL) {
        return NGX_ERROR;
    }

    store->live = live;

    ngx_add_timer(&live->tick, NGX_BO_LIVE_TICK);

    return NGX_OK;
}


void
ngx_bo_live_stop(ngx_bo_store_t *store)
{
    ngx_queue_t    *q;
    ngx_bo_live_t  *live = store->live;

    if (live == NULL) {
        return;
    }

    store->live = NULL;

    ngx_bo_redis_sub_destroy(live->sub);
    (void) ngx_atomic_cmp_set(&store->zone->live, live->generation, 0);

    if (live->tick.timer_set) {
        ngx_del_timer(&live->tick);
    }

    while (!ngx_queue_empty(&live->shows)) {
        q = ngx_queue_head(&live->shows);
        ngx_bo_live_drop(ngx_queue_data(q, ngx_bo_live_show_t, queue));
    }
}


/* Finds what is looked at, and lets go of what is not any more. */

static void
ngx_bo_live_tick(ngx_event_t *ev)
{
    uint32_t             nos[NGX_BO_LIVE_SHOWS];
    ngx_uint_t           i, n;
    ngx_queue_t         *q, *next;
    ngx_bo_live_t       *live = ev->data;
    ngx_bo_live_show_t  *ls;

    if (ngx_exiting) {
        ngx_bo_live_stop(live->store);
        return;
    }

    n = ngx_bo_seatmap_watched(live->store, nos, NGX_BO_LIVE_SHOWS);

    for (i = 0; i < n; i++) {
        ngx_bo_live_want(live, nos[i]);
    }

    for (q = ngx_queue_head(&live->shows);
         q != ngx_queue_sentinel(&live->shows);
         q = next)
    {
        next = ngx_queue_next(q);
        ls = ngx_queue_data(q, ngx_bo_live_show_t, queue);

        if (ngx_bo_msec_since(ls->wanted) > NGX_BO_MAP_WATCH) {
            ngx_bo_live_drop(ls);

        } else if (ls->state == NGX_BO_LIVE_WANTED) {
            ngx_bo_live_ask(ls);

        } else if (ls->state == NGX_BO_LIVE_READING && !ls->busy) {
            ngx_bo_live_read(ls);
        }
    }

    ngx_add_timer(ev, NGX_BO_LIVE_TICK);
}


static ngx_bo_live_show_t *
ngx_bo_live_find(ngx_bo_live_t *live, uint32_t no)
{
    ngx_rbtree_node_t  *node;

    node = live->tree.root;

    while (node != &live->sentinel) {
        if (no == node->key) {
            return ngx_rbtree_data(node, ngx_bo_live_show_t, node);
        }

        node = no < node->key ? node->left : node->right;
    }

    return NULL;
}


/*
 * This worker may not know the show, or not yet: then it is loaded, and found
 * by one of the next ticks.
 */

static void
ngx_bo_live_want(ngx_bo_live_t *live, uint32_t no)
{
    ngx_bo_show_t       *show;
    ngx_bo_live_show_t  *ls;

    ls = ngx_bo_live_find(live, no);
    show = ngx_bo_show_fetch(live->store, no);

    if (ls == NULL) {
        if (show) {
            ngx_bo_live_add(live, show);
        }

        return;
    }

    if (show && show != ls->show) {
        ngx_bo_live_renew(ls, show);
    }

    ls->wanted = ngx_current_msec;
}


static void
ngx_bo_live_add(ngx_bo_live_t *live, ngx_bo_show_t *show)
{
    ngx_bo_live_show_t  *ls;

    ls = ngx_calloc(sizeof(ngx_bo_live_show_t), live->store->log);
    if (ls == NULL) {
        return;
    }

    ls->live = live;
    ls->show = show;
    ls->wanted = ngx_current_msec;
    ls->node.key = show->no;

    ls->sweep.handler = ngx_bo_live_sweep;
    ls->sweep.data = ls;
    ls->sweep.log = live->store->log;
    ls->sweep.cancelable = 1;

    ngx_bo_show_keep(show);
    ngx_rbtree_insert(&live->tree, &ls->node);
    ngx_queue_insert_head(&live->shows, &ls->queue);

    ngx_bo_live_ask(ls);
}


/* PostgreSQL has another revision: the map begins anew with that layout. */

static void
ngx_bo_live_renew(ngx_bo_live_show_t *ls, ngx_bo_show_t *show)
{
    ngx_bo_call_cancel(&ls->call);
    ls->busy = 0;

    ngx_bo_show_keep(show);
    ngx_bo_show_drop(ls->show);
    ls->show = show;

    if (ls->state >= NGX_BO_LIVE_READING) {
        ngx_bo_live_read(ls);
    }
}


static void
ngx_bo_live_drop(ngx_bo_live_show_t *ls)
{
    ngx_bo_call_cancel(&ls->call);
    ngx_bo_live_mark(ls, 0);

    if (ls->live->store->live && ls->state > NGX_BO_LIVE_WANTED) {

        /* Should it not be sent, its messages are nobody's and are dropped. */

        (void) ngx_bo_redis_unsubscribe(ls->live->sub,
                                        &ls->show->version_key);
    }

    if (ls->sweep.timer_set) {
        ngx_del_timer(&ls->sweep);
    }

    if (ls->pending) {
        ngx_free(ls->pending);
    }

    ngx_rbtree_delete(&ls->live->tree, &ls->node);
    ngx_queue_remove(&ls->queue);
    ngx_bo_show_drop(ls->show);
    ngx_free(ls);
}


static void
ngx_bo_live_ask(ngx_bo_live_show_t *ls)
{
    if (ngx_bo_redis_subscribe(ls->live->sub, &ls->show->version_key)
        == NGX_OK)
    {
        ls->state = NGX_BO_LIVE_ASKED;
    }
}


/*
 * A read that is under way for somebody else may have been sent before we
 * were subscribed, so it does not count.
 */

static void
ngx_bo_live_read(ngx_bo_live_show_t *ls)
{
    ls->state = NGX_BO_LIVE_READING;
    ls->npending = 0;

    if (ls->busy) {
        ls->again = 1;
        return;
    }

    ls->again = (ls->show->refresh != NULL);
    ls->busy = 1;
    ls->call.done = ngx_bo_live_read_done;

    ngx_bo_seatmap_refresh(ls->show, &ls->call, 0);
}


static void
ngx_bo_live_read_done(ngx_bo_call_t *call)
{
    ngx_bo_live_show_t *ls;

    ls = ngx_queue_data(call, ngx_bo_live_show_t, call);
    ls->busy = 0;

    if (ls->state != NGX_BO_LIVE_READING) {
        return;
    }

    /* Redis does not answer: one of the next ticks tries again. */

    if (call->outcome != NGX_BO_OK) {
        return;
    }

    if (ls->again || ngx_bo_live_replay(ls) != NGX_OK) {
        ngx_bo_live_read(ls);
        return;
    }

    ls->state = NGX_BO_LIVE_IN_STEP;

    ngx_bo_live_mark(ls, ls->live->generation);
    ngx_bo_live_arm(ls);
}


/* Applies what has come while the map was read. */

static ngx_int_t
ngx_bo_live_replay(ngx_bo_live_show_t *ls)
{
    size_t     at, len;
    ngx_str_t  text;

    at = 0;
    len = ls->npending;
    ls->npending = 0;

    while (at < len) {
        ngx_memcpy(&text.len, ls->pending + at, sizeof(size_t));
        text.data = ls->pending + at + sizeof(size_t);
        at += sizeof(size_t) + text.len;

        if (ngx_bo_live_apply(ls, &text) == NGX_DECLINED) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* When there is no room it is lost, and the next one does not fit. */

static void
ngx_bo_live_keep(ngx_bo_live_show_t *ls, ngx_str_t *text)
{
    u_char  *p;

    if (ls->pending == NULL) {
        ls->pending = ngx_alloc(NGX_BO_LIVE_PENDING, ls->live->store->log);
    }

    if (ls->pending == NULL
        || sizeof(size_t) + text->len > NGX_BO_LIVE_PENDING - ls->npending)
    {
        return;
    }

    p = ngx_cpymem(ls->pending + ls->npending, &text->len, sizeof(size_t));
    p = ngx_cpymem(p, text->data, text->len);
    ls->npending = p - ls->pending;
}


static ngx_int_t
ngx_bo_live_apply(ngx_bo_live_show_t *ls, ngx_str_t *text)
{
    ngx_int_t        rc;
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = ls->live->store;

    rc = NGX_DECLINED;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, ls->show->no);

    if (map) {
        rc = ngx_bo_map_move(ls->show, map, text);

        if (rc == NGX_DECLINED) {
            map->live = 0;
        }
    }

    ngx_bo_maps_unlock(store);

    return rc;
}


/* Says in the zone which subscription keeps the map, 0 for none. */

static void
ngx_bo_live_mark(ngx_bo_live_show_t *ls, ngx_uint_t generation)
{
    ngx_bo_map_t    *map;
    ngx_bo_store_t  *store = ls->live->store;

    ngx_bo_maps_lock(store);

    map = ngx_bo_map_find(store, ls->show->no);

    if (map && ngx_bo_map_usable(map, ls->show)) {
        map->live = generation;
    }

    ngx_bo_maps_unlock(store);
}


/*
 * The script that reads a map also sets free what has run out.  It tells when
 * the next hold does: so its seats are free on every screen at once, not at
 * the next round.
 */

static void
ngx_bo_live_arm(ngx_bo_live_show_t *ls)
{
    int64_t  due;

    due = ls->show->due;
    due = due > 0 ? due + NGX_BO_LIVE_LATE : NGX_BO_LIVE_SWEEP_MIN;

    if (ls->sweep.timer_set) {
        ngx_del_timer(&ls->sweep);
    }

    ngx_add_timer(&ls->sweep, (ngx_msec_t) ngx_min(due, NGX_BO_LIVE_SWEEP));
}


static void
ngx_bo_live_sweep(ngx_event_t *ev)
{
    ngx_bo_live_show_t *ls = ev->data;

    if (ls->state != NGX_BO_LIVE_IN_STEP || ls->busy) {
        return;
    }

    ls->busy = 1;
    ls->call.done = ngx_bo_live_swept;

    ngx_bo_seatmap_refresh(ls->show, &ls->call, 0);
}


static void
ngx_bo_live_swept(ngx_bo_call_t *call)
{
    ngx_bo_live_show_t *ls;

    ls = ngx_queue_data(call, ngx_bo_live_show_t, call);
    ls->busy = 0;

    if (ls->state == NGX_BO_LIVE_IN_STEP) {
        ngx_bo_live_arm(ls);

    } else if (ls->state == NGX_BO_LIVE_READING) {

        /* a gap was found meanwhile */

        ngx_bo_live_read(ls);
    }
}


static void
ngx_bo_live_up(void *data)
{
    ngx_bo_live_t *live = data;

    ngx_queue_t         *q;
    ngx_bo_zone_t       *zone = live->store->zone;
    ngx_bo_live_show_t  *ls;

    live->generation = ngx_atomic_fetch_add(&zone->generations, 1) + 1;
    zone->heard = ngx_current_msec;
    zone->live = live->generation;

    for (q = ngx_queue_head(&live->shows);
         q != ngx_queue_sentinel(&live->shows);
         q = ngx_queue_next(q))
    {
        ls = ngx_queue_data(q, ngx_bo_live_show_t, queue);
        ngx_bo_live_ask(ls);
    }
}


static void
ngx_bo_live_down(void *data)
{
    ngx_bo_live_t *live = data;

    ngx_queue_t         *q;
    ngx_bo_live_show_t  *ls;

    (void) ngx_atomic_cmp_set(&live->store->zone->live, live->generation, 0);
    live->generation = 0;

    for (q = ngx_queue_head(&live->shows);
         q != ngx_queue_sentinel(&live->shows);
         q = ngx_queue_next(q))
    {
        ls = ngx_queue_data(q, ngx_bo_live_show_t, queue);
        ls->state = NGX_BO_LIVE_WANTED;
    }
}


static void
ngx_bo_live_subscribed(void *data, ngx_str_t *channel)
{
    ngx_bo_live_show_t  *ls;

    ls = ngx_bo_live_channel(data, channel);

    if (ls && ls->state == NGX_BO_LIVE_ASKED) {
        ngx_bo_live_read(ls);
    }
}


static void
ngx_bo_live_message(void *data, ngx_str_t *channel, ngx_str_t *text)
{
    ngx_bo_live_t *live = data;

    ngx_bo_live_show_t  *ls;

    ls = ngx_bo_live_channel(live, channel);

    if (ls == NULL) {
        return;
    }

    if (ls->state == NGX_BO_LIVE_READING) {
        ngx_bo_live_keep(ls, text);
        return;
    }

    if (ls->state != NGX_BO_LIVE_IN_STEP) {
        return;
    }

    ngx_bo_count(live->store, live_messages);

    if (ngx_bo_live_apply(ls, text) == NGX_DECLINED) {
        ngx_bo_count(live->store, live_gaps);
        ngx_bo_live_read(ls);
        ngx_bo_live_keep(ls, text);
    }
}


static void
ngx_bo_live_heard(void *data, ngx_msec_t when)
{
    ngx_bo_live_t *live = data;

    ngx_bo_zone_t  *zone = live->store->zone;

    if (zone->live == live->generation) {
        zone->heard = when;
    }
}


/* "version:{<id of the show>}" */

static ngx_bo_live_show_t *
ngx_bo_live_channel(ngx_bo_live_t *live, ngx_str_t *channel)
{
    bo_uuid_t       id;
    ngx_bo_show_t  *show;

    static const size_t  at = sizeof("version:{") - 1;

    if (channel->len != at + BO_UUID_LEN + 1
        || bo_uuid_parse(&id, (char *) channel->data + at, BO_UUID_LEN) != 0)
    {
        return NULL;
    }

    show = ngx_bo_show_listed(live->store, &id);

    return show ? ngx_bo_live_find(live, show->no) : NULL;
}
