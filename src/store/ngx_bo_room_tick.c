
/*
 * The tick of a waiting room.
 *
 * The zone belongs to the node and outlives this worker, so what was told is
 * marked there only when the answer has come.  What is told twice does no
 * harm.  An answer that comes when another worker has taken over is not for
 * us: that one will tell and hear it again.
 */


#include "ngx_bo_room_tick.h"
#include "ngx_bo_scripts.h"


/* Joins told in a tick, of a block. */

#define NGX_BO_ROOM_JOINS     16384

/* Numbers that a node has in hand: some ticks' worth, within bounds. */

#define NGX_BO_ROOM_HAND      4
#define NGX_BO_ROOM_HAND_MIN  2048
#define NGX_BO_ROOM_HAND_FEW  256       /* with others, what is left is lost */
#define NGX_BO_ROOM_HAND_MAX  131072

/* Entries of the log in an answer. */

#define NGX_BO_ROOM_ENTRIES   "64"


typedef enum {
    NGX_BO_TICK_NODE = NGX_BO_ROOM_KEYS,
    NGX_BO_TICK_LAST,
    NGX_BO_TICK_WANT,
    NGX_BO_TICK_BLOCK,
    NGX_BO_TICK_TOLD,
    NGX_BO_TICK_JOINS,
    NGX_BO_TICK_LEFT,
    NGX_BO_TICK_LEFT_JOINS,
    NGX_BO_TICK_LEFT_END,
    NGX_BO_TICK_ENDED,
    NGX_BO_TICK_CLAIMED,
    NGX_BO_TICK_ROLE,
    NGX_BO_TICK_CURSOR,
    NGX_BO_TICK_SEEN,
    NGX_BO_TICK_ENTRIES,
    NGX_BO_TICK_EPOCH,
    NGX_BO_TICK_CEILING,
    NGX_BO_TICK_SALE,
    NGX_BO_TICK_SPENT,
    NGX_BO_TICK_NEXT,
    NGX_BO_TICK_ARGS
} ngx_bo_room_tick_arg_e;


/* The settings in an answer, in the order of lua/room_tick.lua. */

typedef enum {
    NGX_BO_ROOM_SALE = 0,
    NGX_BO_ROOM_KEY,
    NGX_BO_ROOM_PHASE,
    NGX_BO_ROOM_RATE,
    NGX_BO_ROOM_CAPACITY,
    NGX_BO_ROOM_TEXT,
    NGX_BO_ROOM_SHOW,
    NGX_BO_ROOM_OPENS,
    NGX_BO_ROOM_SETTINGS,
    NGX_BO_ROOM_BASE,
    NGX_BO_ROOM_START,
    NGX_BO_ROOM_COMMITMENT,
    NGX_BO_ROOM_DRAWN,
    NGX_BO_ROOM_EPOCH,
    NGX_BO_ROOM_CEILING,
    NGX_BO_ROOM_LOBBY_FIRST,
    NGX_BO_ROOM_LOBBY_END,
    NGX_BO_ROOM_SEED,
    NGX_BO_ROOM_BORN,
    NGX_BO_ROOM_FIELDS
} ngx_bo_room_field_e;


/* The numbers after them. */

typedef enum {
    NGX_BO_ROOM_NEXT = 0,
    NGX_BO_ROOM_KNOWN,
    NGX_BO_ROOM_BLOCK,
    NGX_BO_ROOM_FIRST,
    NGX_BO_ROOM_LAST,
    NGX_BO_ROOM_FENCE,
    NGX_BO_ROOM_NODES,
    NGX_BO_ROOM_COMPLETE,
    NGX_BO_ROOM_CURSOR,
    NGX_BO_ROOM_STATES
} ngx_bo_room_state_e;


static ngx_int_t ngx_bo_room_tick_create(ngx_bo_store_t *store,
    ngx_bo_room_t *room, ngx_bo_room_tick_t *t);
static void ngx_bo_room_tick(ngx_event_t *ev);
static void ngx_bo_room_tick_again(ngx_event_t *ev);
static void ngx_bo_room_tick_sleep(ngx_bo_room_tick_t *t, ngx_msec_t time);
static void ngx_bo_room_tick_send(ngx_bo_room_tick_t *t);
static ngx_int_t ngx_bo_room_tick_fill(ngx_bo_room_tick_t *t,
    ngx_pool_t *pool, ngx_str_t *argv);
static ngx_int_t ngx_bo_room_tick_numbers(ngx_bo_room_tick_t *t,
    ngx_pool_t *pool, ngx_str_t *argv);
static ngx_int_t ngx_bo_room_tick_look(ngx_bo_room_zone_t *zone,
    ngx_pool_t *pool, ngx_str_t *arg);
static ngx_int_t ngx_bo_room_tick_number(ngx_pool_t *pool, ngx_str_t *arg,
    uint64_t value);
static ngx_int_t ngx_bo_room_tick_events(ngx_pool_t *pool, ngx_str_t *arg,
    ngx_bo_room_events_t *events, ngx_uint_t *n);
static ngx_int_t ngx_bo_room_tick_joins(ngx_bo_room_zone_t *zone,
    ngx_pool_t *pool, ngx_str_t *arg, uint64_t from, uint64_t *end);
static uint64_t ngx_bo_room_tick_want(ngx_bo_room_tick_t *t);
static void ngx_bo_room_tick_reply(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static ngx_uint_t ngx_bo_room_tick_taken(ngx_bo_room_tick_t *t,
    redisReply *reply);
static void ngx_bo_room_tick_agree(ngx_bo_room_tick_t *t,
    redisReply *settings);
static void ngx_bo_room_tick_new_sale(ngx_bo_room_zone_t *zone,
    redisReply *settings);
static void ngx_bo_room_tick_numbers_of(ngx_bo_room_agreed_t *agreed,
    redisReply *settings);
static void ngx_bo_room_tick_block(ngx_bo_room_tick_t *t, redisReply *state);
static void ngx_bo_room_tick_told(ngx_bo_room_events_t *events, ngx_uint_t n);
static void ngx_bo_room_tick_seen(ngx_bo_room_tick_t *t, redisReply *seen);
static void ngx_bo_room_tick_leave(ngx_bo_room_tick_t *t);


static struct {
    ngx_uint_t               n;
    ngx_bo_room_tick_t      *ticks;
} ngx_bo_room_ticks;


ngx_int_t
ngx_bo_rooms_start(ngx_bo_store_t *store, ngx_array_t *rooms)
{
    ngx_uint_t             i;
    ngx_shm_zone_t       **zones = rooms->elts;
    ngx_bo_room_tick_t    *t;

    ngx_bo_room_ticks.n = 0;
    store->rooms = rooms;

    if (rooms->nelts == 0
        || (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0))
    {
        return NGX_OK;
    }

    t = ngx_pcalloc(store->cycle->pool,
                    rooms->nelts * sizeof(ngx_bo_room_tick_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_bo_room_ticks.ticks = t;

    for (i = 0; i < rooms->nelts; i++) {
        if (ngx_bo_room_tick_create(store, zones[i]->data, &t[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_bo_room_ticks.n++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_room_tick_create(ngx_bo_store_t *store, ngx_bo_room_t *room,
    ngx_bo_room_tick_t *t)
{
    t->store = store;
    t->room = room;
    ngx_bo_room_pace_start(t);

    t->seen.data = ngx_pcalloc(store->cycle->pool, NGX_BO_ROOM_SPAN / 8);
    if (t->seen.data == NULL) {
        return NGX_ERROR;
    }

    /*
     * The timer is not cancelable: a node that quits gives its numbers back.
     */

    t->timer.handler = ngx_bo_room_tick;
    t->timer.data = t;
    t->timer.log = store->log;

    t->again.handler = ngx_bo_room_tick_again;
    t->again.data = t;
    t->again.log = store->log;

    room->zone->ticker = ngx_pid;
    room->tick = &t->again;

    /* What the worker before us has asked is answered, or given up, by then. */

    ngx_bo_room_tick_sleep(t, room->zone->heard
                              ? store->redis_conf->timeout + 50 : 1);

    return NGX_OK;
}


void
ngx_bo_rooms_stop(ngx_bo_store_t *store)
{
    ngx_uint_t           i;
    ngx_bo_room_tick_t  *t;

    for (i = 0; i < ngx_bo_room_ticks.n; i++) {
        t = &ngx_bo_room_ticks.ticks[i];

        if (t->timer.timer_set) {
            ngx_del_timer(&t->timer);
        }

        t->room->tick = NULL;

        if (t->again.posted) {
            ngx_delete_posted_event(&t->again);
        }

        if (t->has_show) {
            ngx_bo_call_cancel(&t->show);
            t->has_show = 0;
        }
    }

    ngx_bo_room_ticks.n = 0;
}


static void
ngx_bo_room_tick_sleep(ngx_bo_room_tick_t *t, ngx_msec_t time)
{
    if (!t->timer.timer_set) {
        ngx_add_timer(&t->timer, time);
    }
}


void
ngx_bo_room_tick_now(ngx_bo_room_tick_t *t)
{
    ngx_post_event(&t->again, &ngx_posted_events);
}


static void
ngx_bo_room_tick_again(ngx_event_t *ev)
{
    ngx_bo_room_tick_t *t = ev->data;

    if (t->redis == NULL && t->room->zone->ticker == ngx_pid && !t->leaving) {
        ngx_bo_room_tick_send(t);
    }
}


static void
ngx_bo_room_tick(ngx_event_t *ev)
{
    ngx_bo_room_tick_t *t = ev->data;

    /* In a reload, a worker of the next generation ticks already. */

    if (t->room->zone->ticker != ngx_pid || t->leaving) {
        return;
    }

    if (ngx_exiting || ngx_terminate) {
        ngx_bo_room_tick_leave(t);
        return;
    }

    ngx_bo_room_measure(t);
    ngx_bo_room_compare(t);

    if (t->redis == NULL) {
        ngx_bo_room_tick_send(t);
    }

    ngx_bo_room_tick_sleep(t, ngx_bo_room_lead_pause(t));
}


/* The node goes: nobody gets a number any more, and the others go on. */

static void
ngx_bo_room_tick_leave(ngx_bo_room_tick_t *t)
{
    ngx_bo_room_zone_t  *zone = t->room->zone;

    t->leaving = 1;

    ngx_shmtx_lock(&t->room->shpool->mutex);
    zone->lease = ngx_current_msec - 1;
    ngx_shmtx_unlock(&t->room->shpool->mutex);

    if (t->redis) {
        ngx_bo_redis_cancel(t->redis);
        t->redis = NULL;
    }

    ngx_bo_room_tick_send(t);

    /* the timer keeps the worker until the answer is there */

    ngx_bo_room_tick_sleep(t, t->store->redis_conf->timeout);
}


static void
ngx_bo_room_tick_send(ngx_bo_room_tick_t *t)
{
    ngx_int_t    rc;
    ngx_str_t    argv[NGX_BO_TICK_ARGS];
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, t->store->log);
    if (pool == NULL) {
        return;
    }

    ngx_memzero(argv, sizeof(argv));
    ngx_memcpy(argv, t->room->keys, sizeof(t->room->keys));

    ngx_shmtx_lock(&t->room->shpool->mutex);

    rc = ngx_bo_room_tick_fill(t, pool, argv);

    ngx_shmtx_unlock(&t->room->shpool->mutex);

    if (rc == NGX_OK) {
        t->sent = ngx_current_msec;
        t->redis = ngx_bo_redis_eval(t->store->redis,
                                     &ngx_bo_script_room_tick,
                                     NGX_BO_ROOM_KEYS, NGX_BO_TICK_ARGS, argv,
                                     ngx_bo_room_tick_reply, t);
    }

    ngx_destroy_pool(pool);
}


static ngx_int_t
ngx_bo_room_tick_fill(ngx_bo_room_tick_t *t, ngx_pool_t *pool,
    ngx_str_t *argv)
{
    ngx_bo_room_zone_t  *zone = t->room->zone;

    argv[NGX_BO_TICK_NODE].data = zone->node;
    argv[NGX_BO_TICK_NODE].len = sizeof(zone->node);
    argv[NGX_BO_TICK_LAST].data = zone->last;
    argv[NGX_BO_TICK_LAST].len = zone->last_len;
    argv[NGX_BO_TICK_EPOCH].data = zone->agreed.epoch;
    argv[NGX_BO_TICK_EPOCH].len = zone->agreed.epoch_len;
    argv[NGX_BO_TICK_SALE].data = zone->agreed.sale_text;
    argv[NGX_BO_TICK_SALE].len = zone->agreed.epoch_len
                                 ? sizeof(zone->agreed.sale_text) : 0;
    ngx_str_set(&argv[NGX_BO_TICK_ENTRIES], NGX_BO_ROOM_ENTRIES);

    if (t->leaving) {
        ngx_str_set(&argv[NGX_BO_TICK_ROLE], "-1");

    } else if (zone->ready && zone->room->cursor >= zone->room->complete) {
        ngx_str_set(&argv[NGX_BO_TICK_ROLE], "1");

    } else {
        ngx_str_set(&argv[NGX_BO_TICK_ROLE], "0");
    }

    t->left = zone->left_end;

    if (ngx_bo_room_tick_numbers(t, pool, argv) != NGX_OK
        || ngx_bo_room_tick_joins(zone, pool, &argv[NGX_BO_TICK_JOINS],
                                  zone->told, &t->told)
           != NGX_OK
        || ngx_bo_room_tick_events(pool, &argv[NGX_BO_TICK_ENDED],
                                   &zone->ended, &t->nended)
           != NGX_OK
        || ngx_bo_room_tick_events(pool, &argv[NGX_BO_TICK_CLAIMED],
                                   &zone->claimed, &t->nclaimed)
           != NGX_OK
        || ngx_bo_room_tick_events(pool, &argv[NGX_BO_TICK_SPENT],
                                   &zone->spent, &t->nspent)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (zone->left_end
        && ngx_bo_room_tick_joins(zone, pool, &argv[NGX_BO_TICK_LEFT_JOINS],
                                  zone->left_told, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return zone->nodes > 1 && !t->leaving
           ? ngx_bo_room_tick_look(zone, pool, &argv[NGX_BO_TICK_SEEN])
           : NGX_OK;
}


static ngx_int_t
ngx_bo_room_tick_numbers(ngx_bo_room_tick_t *t, ngx_pool_t *pool,
    ngx_str_t *argv)
{
    ngx_uint_t           i;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    struct {
        ngx_uint_t  arg;
        uint64_t    value;
    } numbers[] = {
        { NGX_BO_TICK_WANT, t->leaving ? 0 : ngx_bo_room_tick_want(t) },
        { NGX_BO_TICK_BLOCK, zone->block },
        { NGX_BO_TICK_TOLD, zone->told },
        { NGX_BO_TICK_LEFT, zone->left_told },
        { NGX_BO_TICK_LEFT_END, zone->left_end },
        { NGX_BO_TICK_CURSOR, zone->room->cursor },
        { NGX_BO_TICK_CEILING, zone->ceiling },
        { NGX_BO_TICK_NEXT, zone->room->next }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (ngx_bo_room_tick_number(pool, &argv[numbers[i].arg],
                                    numbers[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /* without a block there is nothing that could be taken for one of Redis */

    if (zone->room->block.end == 0) {
        ngx_str_set(&argv[NGX_BO_TICK_BLOCK], "-");
    }

    return NGX_OK;
}


/* Whom this node has seen, for the others. */

static ngx_int_t
ngx_bo_room_tick_look(ngx_bo_room_zone_t *zone, ngx_pool_t *pool,
    ngx_str_t *arg)
{
    arg->len = NGX_BO_ROOM_SPAN / 8;
    arg->data = ngx_pnalloc(pool, arg->len);

    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    bo_room_seen(zone->room, ngx_bo_room_now(), arg->data, NGX_BO_ROOM_SPAN);

    return NGX_OK;
}


static ngx_int_t
ngx_bo_room_tick_number(ngx_pool_t *pool, ngx_str_t *arg, uint64_t value)
{
    arg->data = ngx_pnalloc(pool, NGX_INT64_LEN);
    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    arg->len = ngx_sprintf(arg->data, "%uL", value) - arg->data;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_room_tick_events(ngx_pool_t *pool, ngx_str_t *arg,
    ngx_bo_room_events_t *events, ngx_uint_t *n)
{
    *n = events->n;

    arg->len = *n * sizeof(uint64_t);
    arg->data = ngx_pnalloc(pool, ngx_max(arg->len, 1));

    if (arg->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(arg->data, events->number, arg->len);

    return NGX_OK;
}


/*
 * The ids of the open block from there on, 0 where a number was lost; or of
 * the block that was left, when end is NULL.  *end: the number after the last.
 */

static ngx_int_t
ngx_bo_room_tick_joins(ngx_bo_room_zone_t *zone, ngx_pool_t *pool,
    ngx_str_t *arg, uint64_t from, uint64_t *end)
{
    uint64_t         i, n, *ids;
    bo_room_block_t  *block = &zone->room->block;

    n = end ? block->first + block->used - from : zone->left_used - from;

    if (end) {
        n = ngx_min(n, NGX_BO_ROOM_JOINS);
        *end = from + n;
    }

    ids = ngx_palloc(pool, ngx_max(n, 1) * sizeof(uint64_t));
    if (ids == NULL) {
        return NGX_ERROR;
    }

    /* the log says that somebody has left before it says that he came */

    for (i = 0; i < n; i++) {
        ids[i] = bo_room_stays(zone->room, from + i);
    }

    arg->data = (u_char *) ids;
    arg->len = n * sizeof(uint64_t);

    return NGX_OK;
}


/* How many more numbers are needed, by what the last tick saw. */

static uint64_t
ngx_bo_room_tick_want(ngx_bo_room_tick_t *t)
{
    uint64_t             hand, least, left;
    bo_room_block_t     *block;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    if (zone->agreed.epoch_len == 0) {
        return 0;
    }

    block = &zone->room->block;
    left = block->end - block->first - block->used;

    t->burst = (ngx_uint_t) (block->first + block->used - zone->told);

    hand = (uint64_t) t->burst * NGX_BO_ROOM_HAND;
    least = zone->nodes > 1 ? NGX_BO_ROOM_HAND_FEW : NGX_BO_ROOM_HAND_MIN;
    hand = ngx_max(hand, least);
    hand = ngx_min(hand, NGX_BO_ROOM_HAND_MAX);
    zone->low = hand / 4;

    if (left <= hand / 2) {
        return hand;
    }

    /* The lobby is over: its last numbers are given back, to be drawn. */

    if (zone->agreed.lobby_end > (int64_t) block->first && block->end) {
        return hand;
    }

    /* Others gave higher numbers: who comes here must not pass those people. */

    return zone->others > block->end ? hand / 4 : 0;
}


static void
ngx_bo_room_tick_reply(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    ngx_bo_room_tick_t *t = data;

    ngx_uint_t  more;

    t->redis = NULL;

    if (t->leaving) {
        if (t->timer.timer_set) {
            ngx_del_timer(&t->timer);
        }

        return;
    }

    if (verdict != NGX_BO_DONE) {
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        ngx_bo_room_script(t, "room_tick", reply->type == REDIS_REPLY_ERROR
                                           ? reply->str : "unexpected reply");
        return;
    }

    if (ngx_bo_reply_int(reply, 0) == -1) {
        ngx_bo_room_reserve(t);
        return;
    }

    if (reply->elements != 5 || reply->element[1]->elements
                                != NGX_BO_ROOM_FIELDS
        || reply->element[2]->elements != NGX_BO_ROOM_STATES)
    {
        ngx_bo_room_script(t, "room_tick", "unexpected reply");
        return;
    }

    ngx_bo_room_script(t, "room_tick", NULL);

    ngx_shmtx_lock(&t->room->shpool->mutex);

    more = t->room->zone->ticker == ngx_pid ? ngx_bo_room_tick_taken(t, reply)
                                            : 0;

    ngx_shmtx_unlock(&t->room->shpool->mutex);

    if (t->room->zone->ticker != ngx_pid) {
        return;
    }

    if (t->room->zone->ceiling < t->room->zone->room->next
                                 + NGX_BO_ROOM_RESERVE / 2)
    {
        ngx_bo_room_reserve(t);
    }

    if (more) {
        ngx_bo_room_tick_now(t);
        return;
    }

    ngx_bo_room_lead(t);
}


void
ngx_bo_room_script(ngx_bo_room_tick_t *t, const char *name, const char *why)
{
    if (why && !t->failing) {
        ngx_log_error(NGX_LOG_ERR, t->store->log, 0,
                      "boxoffice: script \"%s\" failed: %s", name, why);

    } else if (why == NULL && t->failing) {
        ngx_log_error(NGX_LOG_NOTICE, t->store->log, 0,
                      "boxoffice: waiting room \"%V\" goes on again",
                      &t->room->conf.name);
    }

    t->failing = (why != NULL);
}


/* Returns whether there is more to hear. */

static ngx_uint_t
ngx_bo_room_tick_taken(ngx_bo_room_tick_t *t, redisReply *reply)
{
    ngx_uint_t           complete;
    redisReply          *settings, *state;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    settings = reply->element[1];
    state = reply->element[2];

    ngx_bo_room_tick_told(&zone->ended, t->nended);
    ngx_bo_room_tick_told(&zone->claimed, t->nclaimed);
    ngx_bo_room_tick_told(&zone->spent, t->nspent);

    if (t->left && t->left == zone->left_end) {
        zone->left_end = 0;
    }

    zone->told = ngx_max(zone->told, t->told);

    ngx_bo_room_tick_agree(t, settings);
    ngx_bo_room_tick_block(t, state);
    ngx_bo_room_log_apply(t, reply->element[3]);

    complete = ngx_bo_reply_int(state, NGX_BO_ROOM_COMPLETE) == 1;

    if (complete) {
        bo_room_know(zone->room, (uint64_t) ngx_bo_reply_int(state,
                                                       NGX_BO_ROOM_KNOWN));
        zone->ready = zone->room->block.end > 0;

        /* another node has heard of a grant that the log has lost */

        bo_room_admit(zone->room, (uint64_t) ngx_bo_reply_int(state,
                                                       NGX_BO_ROOM_CURSOR),
                      NULL, ngx_bo_room_now() + t->room->conf.claim / 100);
    }

    bo_room_count(zone->room);

    if (zone->fence != (ngx_uint_t) ngx_bo_reply_int(state,
                                                     NGX_BO_ROOM_FENCE)) {
        zone->fence = (ngx_uint_t) ngx_bo_reply_int(state,
                                                     NGX_BO_ROOM_FENCE);
        zone->bucket = INT64_MAX;
    }

    zone->nodes = (ngx_uint_t) ngx_bo_reply_int(state, NGX_BO_ROOM_NODES);
    zone->heard = ngx_current_msec;
    zone->lease = t->sent + NGX_BO_ROOM_LEASE;

    ngx_bo_room_tick_seen(t, reply->element[4]);

    /* the first answer tells what room it is, the second one lends numbers */

    return !complete || (!zone->ready && zone->ceiling > zone->room->next);
}


static void
ngx_bo_room_tick_told(ngx_bo_room_events_t *events, ngx_uint_t n)
{
    n = ngx_min(n, events->n);

    ngx_memmove(events->number, events->number + n,
                (events->n - n) * sizeof(uint64_t));
    ngx_memory_barrier();
    events->n -= n;
}


static int64_t
ngx_bo_room_tick_int(redisReply *settings, ngx_uint_t field, int64_t otherwise)
{
    ngx_str_t  s;

    s = ngx_bo_reply_str(settings, field);

    return s.len ? (int64_t) ngx_atoof(s.data, s.len) : otherwise;
}


static void
ngx_bo_room_tick_copy(redisReply *settings, ngx_uint_t field, u_char *to,
    size_t len)
{
    ngx_str_t  s;

    s = ngx_bo_reply_str(settings, field);

    if (s.len == len) {
        ngx_memcpy(to, s.data, len);
    }
}


/*
 * Takes over what all agree on.  Another sale begins with an empty room; in
 * another epoch Redis has lost what it had, and this node has not.
 */

static void
ngx_bo_room_tick_agree(ngx_bo_room_tick_t *t, redisReply *settings)
{
    u_char                 sale[16];
    uint64_t               start;
    ngx_str_t              s;
    ngx_bo_room_zone_t    *zone = t->room->zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    ngx_memzero(sale, sizeof(sale));
    ngx_bo_room_tick_copy(settings, NGX_BO_ROOM_SALE, sale, sizeof(sale));

    if (agreed->epoch_len == 0
        || ngx_memcmp(sale, agreed->sale_text, sizeof(sale)) != 0)
    {
        ngx_memcpy(agreed->sale_text, sale, sizeof(sale));
        ngx_bo_room_tick_new_sale(zone, settings);
    }

    s = ngx_bo_reply_str(settings, NGX_BO_ROOM_EPOCH);

    if (s.len > 0 && s.len <= sizeof(agreed->epoch)
        && (s.len != agreed->epoch_len
            || ngx_memcmp(s.data, agreed->epoch, s.len) != 0))
    {
        ngx_memcpy(agreed->epoch, s.data, s.len);
        agreed->epoch_len = s.len;
        zone->last_len = ngx_sprintf(zone->last, "0-0") - zone->last;
        zone->fence = 0;

        /* a log that is lost does not say what was told */

        bo_room_told(zone->room, zone->room->low, zone->told);
    }

    start = agreed->start;
    ngx_bo_room_tick_numbers_of(agreed, settings);

    /* a node that has not lost it says later than we came where it began */

    if (agreed->start < start && zone->room->cursor == start) {
        bo_room_back(zone->room, agreed->start);
    }

    zone->ceiling = ngx_max(zone->ceiling,
                            (uint64_t) ngx_bo_room_tick_int(settings,
                                                  NGX_BO_ROOM_CEILING, 0));

    ngx_bo_room_tick_copy(settings, NGX_BO_ROOM_COMMITMENT,
                          agreed->commitment, sizeof(agreed->commitment));
    ngx_bo_room_tick_copy(settings, NGX_BO_ROOM_SEED, agreed->seed,
                          sizeof(agreed->seed));

    s = ngx_bo_reply_str(settings, NGX_BO_ROOM_TEXT);
    agreed->message_len = ngx_min(s.len, sizeof(agreed->message));
    ngx_memcpy(agreed->message, s.data, agreed->message_len);

    s = ngx_bo_reply_str(settings, NGX_BO_ROOM_SHOW);
    agreed->has_show = bo_uuid_parse(&agreed->show, (char *) s.data, s.len)
                       == 0;
}


static void
ngx_bo_room_tick_new_sale(ngx_bo_room_zone_t *zone, redisReply *settings)
{
    u_char                 text[2 * BO_SIPHASH_KEY];
    uint64_t               base;
    ngx_uint_t             i;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    base = (uint64_t) ngx_bo_room_tick_int(settings, NGX_BO_ROOM_BASE, 0);
    agreed->start = (uint64_t) ngx_bo_room_tick_int(settings,
                                                    NGX_BO_ROOM_START, base);

    /* who waits below base, the log does not say any more */

    bo_room_reset(zone->room, agreed->start);

    zone->room->complete = base;
    zone->room->block.first = 0;
    zone->room->block.end = 0;
    zone->block = 0;
    zone->told = 0;
    zone->left_end = 0;
    zone->others = base;
    zone->ended.n = 0;
    zone->claimed.n = 0;
    zone->spent.n = 0;
    zone->ready = 0;
    zone->sold_out = 0;
    zone->passed = agreed->start;
    zone->speed = 0;

    agreed->sale = (uint64_t) ngx_hextoi(agreed->sale_text, 8) << 32
                   | (uint64_t) ngx_hextoi(agreed->sale_text + 8, 8);

    ngx_memzero(text, sizeof(text));
    ngx_bo_room_tick_copy(settings, NGX_BO_ROOM_KEY, text, sizeof(text));

    for (i = 0; i < BO_SIPHASH_KEY; i++) {
        agreed->key[i] = (uint8_t) ngx_hextoi(text + 2 * i, 2);
    }
}


static void
ngx_bo_room_tick_numbers_of(ngx_bo_room_agreed_t *agreed,
    redisReply *settings)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    s = ngx_bo_reply_str(settings, NGX_BO_ROOM_PHASE);

    for (i = 0; i < NGX_BO_ROOM_PHASES; i++) {
        if (s.len == ngx_bo_room_phases[i].len
            && ngx_strncmp(s.data, ngx_bo_room_phases[i].data, s.len) == 0)
        {
            agreed->phase = i;
        }
    }

    agreed->rate = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_RATE, 1);
    agreed->capacity = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_CAPACITY, 0);
    agreed->opens = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_OPENS, 0);
    agreed->settings = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_SETTINGS, 0);
    agreed->base = (uint64_t) ngx_bo_room_tick_int(settings, NGX_BO_ROOM_BASE,
                                                   0);
    agreed->start = (uint64_t) ngx_bo_room_tick_int(settings,
                                                    NGX_BO_ROOM_START, 0);
    agreed->drawn = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_DRAWN, 0);
    agreed->lobby_first = ngx_bo_room_tick_int(settings,
                                               NGX_BO_ROOM_LOBBY_FIRST, -1);
    agreed->lobby_end = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_LOBBY_END,
                                             -1);
    agreed->born = ngx_bo_room_tick_int(settings, NGX_BO_ROOM_BORN, 0);
}


/*
 * The block that Redis says is ours: the same, perhaps longer, or another.
 * What was given of the old one since it was told is told by the next tick.
 */

static void
ngx_bo_room_tick_block(ngx_bo_room_tick_t *t, redisReply *state)
{
    uint64_t             id, first, last;
    bo_room_block_t     *block;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    id = (uint64_t) ngx_bo_reply_int(state, NGX_BO_ROOM_BLOCK);
    first = (uint64_t) ngx_bo_reply_int(state, NGX_BO_ROOM_FIRST);
    last = (uint64_t) ngx_bo_reply_int(state, NGX_BO_ROOM_LAST);

    block = &zone->room->block;

    if (block->end && last && id == zone->block) {
        block->end = ngx_max(block->end, last);

    } else {

        if (block->end > zone->told) {
            zone->left_told = zone->told;
            zone->left_used = block->first + block->used;
            zone->left_end = block->end;
        }

        block->end = 0;
        ngx_memory_barrier();
        block->first = first;
        block->used = 0;
        zone->told = first;
        zone->block = id;
        ngx_memory_barrier();
        block->end = last;
    }

    bo_room_next(zone->room, (uint64_t) ngx_bo_reply_int(state,
                                                   NGX_BO_ROOM_NEXT));
}


/* Whom others have seen, in bits from our own cursor on. */

static void
ngx_bo_room_tick_seen(ngx_bo_room_tick_t *t, redisReply *seen)
{
    u_char    *p, *last;
    size_t     i;
    int64_t    shift, to;
    uint64_t   from, n;

    t->seen_from = t->room->zone->room->cursor;
    t->seen.len = NGX_BO_ROOM_SPAN;
    ngx_memzero(t->seen.data, NGX_BO_ROOM_SPAN / 8);

    for (i = 0; i < seen->elements; i++) {
        p = (u_char *) seen->element[i]->str;
        last = p + seen->element[i]->len;

        for (from = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            from = from * 10 + (*p - '0');
        }

        p++;
        shift = (int64_t) from - (int64_t) t->seen_from;

        for (n = 0; p + n / 8 < last; n++) {
            to = shift + (int64_t) n;

            if (to >= 0 && to < NGX_BO_ROOM_SPAN
                && (p[n / 8] & 1 << n % 8))
            {
                t->seen.data[to / 8] |= 1 << to % 8;
            }
        }
    }
}
