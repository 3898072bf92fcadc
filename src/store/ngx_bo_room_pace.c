
/*
 * What a waiting room measures ten times a second: how fast it goes, how many
 * people the stock is enough for, whether the booking keeps up, and whether a
 * room that switches itself on is needed.
 */


#include "ngx_bo_room_tick.h"
#include "ngx_bo_seatmap.h"
#include "ngx_bo_shows.h"


#define NGX_BO_ROOM_SECOND   1000       /* msec */

/* The speed is that of some half minute: weight of a second, of 100. */

#define NGX_BO_ROOM_WEIGHT   20

/*
 * Every two seconds the pace is halved when the booking is slow or refuses,
 * and else grows by a twentieth.
 */

#define NGX_BO_ROOM_PACE     2000       /* msec */
#define NGX_BO_ROOM_SLOW     9          /* buckets that are not: to 100 ms */
#define NGX_BO_ROOM_PACE_MIN 10         /* of 1000 */
#define NGX_BO_ROOM_FEW      3

/* A room that came by itself goes after so long without need; msec. */

#define NGX_BO_ROOM_CALM     30000


static void ngx_bo_room_speed(ngx_bo_room_zone_t *zone, ngx_msec_t passed);
static void ngx_bo_room_pace(ngx_bo_room_tick_t *t);
static void ngx_bo_room_stock(ngx_bo_room_tick_t *t);
static void ngx_bo_room_show_ready(ngx_bo_call_t *call);
static void ngx_bo_room_switch(ngx_bo_room_tick_t *t, ngx_msec_t passed);
static void ngx_bo_room_switch_to(ngx_bo_room_tick_t *t, ngx_uint_t phase);
static void ngx_bo_room_switched(ngx_bo_call_t *call);
static void ngx_bo_room_expire(ngx_bo_room_tick_t *t);


void
ngx_bo_room_measure(ngx_bo_room_tick_t *t)
{
    ngx_msec_t           passed;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    passed = ngx_current_msec - zone->measured;

    if (passed >= NGX_BO_ROOM_SECOND) {
        ngx_bo_room_speed(zone, passed);
        ngx_bo_room_switch(t, passed);
        zone->measured = ngx_current_msec;
    }

    ngx_bo_room_pace(t);
    ngx_bo_room_stock(t);
    ngx_bo_room_expire(t);
}


static void
ngx_bo_room_speed(ngx_bo_room_zone_t *zone, ngx_msec_t passed)
{
    uint64_t    cursor;
    ngx_uint_t  now;

    cursor = zone->room->cursor;

    if (zone->measured && cursor >= zone->passed) {
        now = (ngx_uint_t) ((cursor - zone->passed) * 1000000 / passed);
        zone->speed = (zone->speed * (100 - NGX_BO_ROOM_WEIGHT)
                       + now * NGX_BO_ROOM_WEIGHT) / 100;
    }

    zone->passed = cursor;
}


static void
ngx_bo_room_pace(ngx_bo_room_tick_t *t)
{
    ngx_uint_t           slow, holds, failed, few;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    if (ngx_current_msec - zone->paced < NGX_BO_ROOM_PACE) {
        return;
    }

    zone->paced = ngx_current_msec;

    slow = t->slow;
    holds = t->holds;
    failed = t->failed;

    ngx_bo_room_pace_start(t);

    /* one of a hundred holds; of few requests, one proves nothing */

    few = NGX_BO_ROOM_FEW + (t->holds - holds) / 100;

    if (t->failed - failed > few || t->slow - slow > few) {
        zone->pace = ngx_max(zone->pace / 2, NGX_BO_ROOM_PACE_MIN);

    } else {
        zone->pace = ngx_min(zone->pace + 50, 1000);
    }
}


/* What was counted so far; the counters outlive a worker. */

void
ngx_bo_room_pace_start(ngx_bo_room_tick_t *t)
{
    ngx_uint_t         i;
    ngx_bo_metrics_t  *m = &t->store->zone->metrics;

    t->slow = 0;
    t->holds = 0;

    for (i = 0; i <= NGX_BO_BUCKETS; i++) {
        t->holds += m->hold.bucket[i];

        if (i >= NGX_BO_ROOM_SLOW) {
            t->slow += m->hold.bucket[i];
        }
    }

    t->failed = m->requests[5] + m->redis.refused + m->redis.unknown;
}


/*
 * Free seats and those that are held, by the basket: the held ones may come
 * back, and those who hold them are counted as being inside.
 */

static void
ngx_bo_room_stock(ngx_bo_room_tick_t *t)
{
    unsigned               stale;
    ngx_uint_t             basket, seats;
    bo_stats_t             stats;
    ngx_bo_show_t         *show;
    ngx_bo_room_zone_t    *zone = t->room->zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    if (t->has_show
        && (!agreed->has_show
            || !bo_uuid_equal(&agreed->show, &t->show_id)))
    {
        ngx_bo_call_cancel(&t->show);
        t->has_show = 0;
    }

    if (!agreed->has_show) {
        zone->stock = -1;
        zone->sold_out = 0;
        return;
    }

    if (!t->has_show) {
        ngx_memzero(&t->show, sizeof(ngx_bo_call_t));

        t->has_show = 1;
        t->show_id = agreed->show;
        t->show.data = t;
        t->show.done = ngx_bo_room_show_ready;

        if (ngx_bo_show_get(t->store, &t->show_id, 0, &t->show) != NGX_OK) {
            return;
        }

        ngx_bo_seatmap_refresh(t->show.show, NULL, 0);
    }

    /* PostgreSQL may have another revision by now */

    show = t->show.show ? ngx_bo_show_fetch(t->store, t->show.show->no) : NULL;

    if (show == NULL || ngx_bo_seatmap_version(show, &stale) == 0
        || ngx_bo_seatmap_stats(show, &stats) != NGX_OK)
    {
        return;
    }

    basket = ngx_max(t->room->conf.basket, 1);
    seats = stats.all.state[BO_SEAT_AVAILABLE]
            + stats.all.state[BO_SEAT_HELD];

    zone->stock = (int64_t) ((seats + basket - 1) / basket);
    zone->sold_out = (seats == 0);
}


/* It may be that there is no such show: it is asked for again later. */

static void
ngx_bo_room_show_ready(ngx_bo_call_t *call)
{
    ngx_bo_room_tick_t *t = call->data;

    if (call->outcome == NGX_BO_OK) {
        ngx_bo_seatmap_refresh(call->show, NULL, 0);
        return;
    }

    ngx_bo_call_cancel(call);
    t->has_show = 0;
}


static void
ngx_bo_room_switch(ngx_bo_room_tick_t *t, ngx_msec_t passed)
{
    ngx_uint_t           most;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    zone->demand = zone->wanted * 1000 / passed;
    zone->wanted = 0;

    most = t->room->conf.automatic;

    if (most == 0) {
        return;
    }

    /* what was before it came, it does not know */

    if (!zone->ready) {
        zone->calm = ngx_current_msec;
        return;
    }

    if (zone->agreed.phase == NGX_BO_ROOM_OFF) {
        if (zone->demand > most) {
            ngx_bo_room_switch_to(t, NGX_BO_ROOM_OPEN);
        }

        zone->calm = ngx_current_msec;
        return;
    }

    if (zone->agreed.phase != NGX_BO_ROOM_OPEN || zone->room->nwaiting
        || zone->demand > most / 2)
    {
        zone->calm = ngx_current_msec;
        return;
    }

    if (ngx_current_msec - zone->calm > NGX_BO_ROOM_CALM) {
        ngx_bo_room_switch_to(t, NGX_BO_ROOM_OFF);
        zone->calm = ngx_current_msec;
    }
}


static void
ngx_bo_room_switch_to(ngx_bo_room_tick_t *t, ngx_uint_t phase)
{
    ngx_bo_room_change_t  *change;

    change = ngx_calloc(sizeof(ngx_bo_room_change_t), t->store->log);
    if (change == NULL) {
        return;
    }

    change->call.store = t->store;
    change->call.done = ngx_bo_room_switched;
    change->room = t->room;
    change->phase = phase;
    change->rate = -1;
    change->capacity = -1;
    change->opens = -1;

    ngx_log_error(NGX_LOG_NOTICE, t->store->log, 0,
                  "boxoffice: waiting room \"%V\" switches itself %s at %ui "
                  "requests a second",
                  &t->room->conf.name,
                  phase == NGX_BO_ROOM_OFF ? "off" : "on",
                  t->room->zone->demand);

    ngx_bo_room_change(change);
}


static void
ngx_bo_room_switched(ngx_bo_call_t *call)
{
    ngx_free(call);
}


/* Passes that ran out make room for others; the leader tells. */

static void
ngx_bo_room_expire(ngx_bo_room_tick_t *t)
{
    uint64_t             i, n, numbers[256];
    ngx_bo_room_zone_t  *zone = t->room->zone;

    if (zone->fence == 0) {
        return;
    }

    ngx_shmtx_lock(&t->room->shpool->mutex);

    n = bo_room_expired(zone->room, ngx_bo_room_now(), &t->from, numbers, 256);

    for (i = 0; i < n && zone->ended.n < NGX_BO_ROOM_EVENTS; i++) {
        bo_room_end(zone->room, numbers[i]);
        ngx_bo_room_event(&zone->ended, numbers[i]);
    }

    ngx_shmtx_unlock(&t->room->shpool->mutex);
}
