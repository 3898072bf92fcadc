
/*
 * A waiting room of this node.
 */


#include "ngx_bo_room.h"
#include "ngx_bo_zone.h"

#include <openssl/rand.h>


/* When to ask again: a share of the wait, within bounds; msec. */

#define NGX_BO_ROOM_POLL_SHARE  8
#define NGX_BO_ROOM_POLL_MIN    2000
#define NGX_BO_ROOM_POLL_MAX    20000

/* Who asks before this share of that time is hasty: two tabs are not. */

#define NGX_BO_ROOM_HASTE       4

/* A telephone that was put away has so many times as long. */

#define NGX_BO_ROOM_MOBILE      4


static void ngx_bo_room_name_keys(ngx_bo_room_t *room);
static ngx_int_t ngx_bo_room_create(ngx_shm_zone_t *shm_zone);
static uint64_t ngx_bo_room_person(ngx_bo_room_t *room, ngx_str_t *user);
static ngx_bo_room_answer_e ngx_bo_room_place_new(ngx_bo_room_t *room,
    uint64_t id, uint64_t *number);
static bo_place_t *ngx_bo_room_find(ngx_bo_room_t *room,
    const bo_token_t *token);
static void ngx_bo_room_describe(ngx_bo_room_t *room,
    ngx_bo_room_view_t *view);
static void ngx_bo_room_estimate(ngx_bo_room_t *room,
    ngx_bo_room_view_t *view);
static void ngx_bo_room_agree(ngx_bo_room_t *room, bo_place_t *place,
    ngx_bo_room_view_t *view);
static ngx_msec_t ngx_bo_room_grace(ngx_bo_room_t *room, bo_place_t *place);
static ngx_uint_t ngx_bo_room_is_undrawn(ngx_bo_room_zone_t *zone,
    uint64_t number);
static void ngx_bo_rooms_each(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show,
    void (*done)(ngx_bo_room_zone_t *zone, uint64_t number, uint64_t id));
static void ngx_bo_room_spend(ngx_bo_room_zone_t *zone, uint64_t number,
    uint64_t id);
static void ngx_bo_room_finish(ngx_bo_room_zone_t *zone, uint64_t number,
    uint64_t id);
static void ngx_bo_room_finish_spent(ngx_bo_room_zone_t *zone,
    uint64_t number, uint64_t id);


const ngx_str_t  ngx_bo_room_phases[] = {
    ngx_string("OFF"),
    ngx_string("LOBBY"),
    ngx_string("OPEN"),
    ngx_string("PAUSED"),
    ngx_string("DRAINING")
};


ngx_int_t
ngx_bo_room_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_bo_room_t *room = shm_zone->data;

    room->shm_zone = shm_zone;
    room->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    ngx_bo_room_name_keys(room);

    if (data != NULL || shm_zone->shm.exists) {
        room->zone = room->shpool->data;

        if (room->zone->version != NGX_BO_ROOM_VERSION) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "boxoffice_waiting_room_zone \"%V\" was made by "
                          "another version of the module: restart nginx",
                          &shm_zone->shm.name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_bo_zone_is_new(shm_zone, "boxoffice_waiting_room_zone",
                           "everybody would lose their place")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_room_create(shm_zone);
}


/* The keys of a room in Redis. */

static void
ngx_bo_room_name_keys(ngx_bo_room_t *room)
{
    ngx_uint_t  i;

    static const char  *names[] = { "room", "room_log", "room_nodes" };

    for (i = 0; i < NGX_BO_ROOM_KEYS; i++) {
        room->keys[i].data = room->key[i];
        room->keys[i].len = ngx_sprintf(room->key[i], "%s:{%V}", names[i],
                                        &room->conf.name)
                            - room->key[i];
    }
}


static ngx_int_t
ngx_bo_room_create(ngx_shm_zone_t *shm_zone)
{
    ngx_bo_room_t *room = shm_zone->data;

    void                *memory;
    size_t               size;
    u_char               random[8];
    ngx_bo_room_zone_t  *zone;

    zone = ngx_slab_calloc(room->shpool, sizeof(ngx_bo_room_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    size = room->shpool->pfree * ngx_pagesize;

    memory = ngx_slab_alloc(room->shpool, size);
    if (memory == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(zone->node, random, sizeof(random));

    zone->room = bo_room_create(memory, size);
    zone->version = NGX_BO_ROOM_VERSION;
    zone->pace = 1000;

    /* Until Redis has told: a gate that should be shut is. */

    zone->agreed.phase = room->conf.phase;
    zone->stock = -1;
    zone->agreed.lobby_first = -1;
    zone->agreed.lobby_end = -1;
    zone->last_len = ngx_sprintf(zone->last, "0-0") - zone->last;

    room->zone = zone;
    room->shpool->data = zone;

    return NGX_OK;
}


static uint64_t
ngx_bo_room_person(ngx_bo_room_t *room, ngx_str_t *user)
{
    uint64_t  id;

    id = bo_siphash(room->zone->agreed.key, user->data, user->len);

    return id ? id : 1;
}


ngx_bo_room_answer_e
ngx_bo_room_join(ngx_bo_room_t *room, ngx_str_t *user, ngx_uint_t mobile,
    ngx_bo_room_view_t *view)
{
    ngx_uint_t             low;
    bo_place_t            *place;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_answer_e   answer;

    ngx_shmtx_lock(&room->shpool->mutex);

    view->id = ngx_bo_room_person(room, user);
    zone->wanted++;

    answer = ngx_bo_room_place_new(room, view->id, &view->number);

    if (answer == NGX_BO_ROOM_FINE) {
        zone->joins++;

        ngx_bo_room_describe(room, view);
        place = bo_room_place(zone->room, view->number, view->id);

        if (place != NULL && view->state == BO_PLACE_WAITING) {
            place->flags &= ~BO_PLACE_MOBILE;
            place->flags |= mobile ? BO_PLACE_MOBILE : 0;
            ngx_bo_room_agree(room, place, view);
        }

    } else {
        zone->refused++;
    }

    low = zone->room->block.end - zone->room->block.first
          - zone->room->block.used
          < zone->low;

    ngx_shmtx_unlock(&room->shpool->mutex);

    if (low && room->tick) {
        ngx_post_event(room->tick, &ngx_posted_events);
    }

    return answer;
}


/* The place that somebody has, or a new one. */

static ngx_bo_room_answer_e
ngx_bo_room_place_new(ngx_bo_room_t *room, uint64_t id, uint64_t *number)
{
    ngx_bo_room_zone_t  *zone = room->zone;

    *number = bo_room_find(zone->room, id);

    if (*number != BO_ROOM_NONE) {
        return NGX_BO_ROOM_FINE;
    }

    if (zone->agreed.phase == NGX_BO_ROOM_DRAINING) {
        return NGX_BO_ROOM_CLOSED;
    }

    if (zone->sold_out) {
        return NGX_BO_ROOM_SOLD_OUT;
    }

    if (!zone->ready
        || (ngx_msec_int_t) (ngx_current_msec - zone->lease) > 0)
    {
        return NGX_BO_ROOM_AWAY;
    }

    switch (bo_room_join(zone->room, id, number)) {

    case BO_ROOM_OK:
    case BO_ROOM_THERE:
        return NGX_BO_ROOM_FINE;

    case BO_ROOM_FULL:
        return NGX_BO_ROOM_NO_PLACE;

    default:
        return NGX_BO_ROOM_AWAY;
    }
}


/*
 * A node may not know a place that another has given, when that died before it
 * told; the ticket is the proof.
 */

static bo_place_t *
ngx_bo_room_find(ngx_bo_room_t *room, const bo_token_t *token)
{
    ngx_bo_room_zone_t  *zone = room->zone;

    if (bo_room_state(zone->room, token->number, token->id)
        == BO_PLACE_UNKNOWN)
    {
        (void) bo_room_put(zone->room, token->number, token->id);
    }

    return bo_room_place(zone->room, token->number, token->id);
}


ngx_bo_room_answer_e
ngx_bo_room_poll(ngx_bo_room_t *room, const bo_token_t *ticket,
    ngx_str_t *user, ngx_uint_t mobile, ngx_bo_room_view_t *view)
{
    uint64_t               other;
    bo_place_t            *place;
    bo_room_time_t         since;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_answer_e   answer;

    answer = NGX_BO_ROOM_FINE;
    view->id = ticket->id;
    view->number = ticket->number;

    ngx_shmtx_lock(&room->shpool->mutex);

    if (ticket->sale != zone->agreed.sale
        || (user && ticket->id != ngx_bo_room_person(room, user)))
    {
        answer = NGX_BO_ROOM_FOREIGN;
        goto done;
    }

    place = ngx_bo_room_find(room, ticket);

    if (place == NULL) {

        /* of two tickets of one person, the better one counts */

        other = bo_room_find(zone->room, ticket->id);

        if (other != BO_ROOM_NONE) {
            view->number = other;
            place = bo_room_place(zone->room, other, ticket->id);
        }
    }

    ngx_bo_room_describe(room, view);

    if (place == NULL || view->state != BO_PLACE_WAITING) {
        goto done;
    }

    since = ngx_bo_room_now() - place->seen;

    if (since < place->poll / NGX_BO_ROOM_HASTE) {
        answer = NGX_BO_ROOM_HASTY;
        view->poll = (ngx_msec_t) (place->poll - since) * 100;
        goto done;
    }

    if (mobile) {
        place->flags |= BO_PLACE_MOBILE;
    }

    ngx_bo_room_agree(room, place, view);

done:

    if (answer == NGX_BO_ROOM_HASTY) {
        zone->hasty++;

    } else {
        zone->polls++;
    }

    ngx_shmtx_unlock(&room->shpool->mutex);

    return answer;
}


void
ngx_bo_room_alive(ngx_bo_room_t *room, uint64_t number, uint64_t id,
    ngx_msec_t time)
{
    bo_place_t      *place;
    bo_room_time_t   grace;

    ngx_shmtx_lock(&room->shpool->mutex);

    place = bo_room_place(room->zone->room, number, id);

    if (place != NULL
        && bo_room_state(room->zone->room, number, id) == BO_PLACE_WAITING)
    {
        grace = ngx_bo_room_grace(room, place) / 100;
        place->until = ngx_max(ngx_bo_room_now() + time / 100,
                               place->seen + place->poll)
                       + grace;
    }

    ngx_shmtx_unlock(&room->shpool->mutex);
}


static void
ngx_bo_room_describe(ngx_bo_room_t *room, ngx_bo_room_view_t *view)
{
    bo_place_t            *place;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    view->sale = agreed->sale;
    view->state = bo_room_state(zone->room, view->number, view->id);
    view->rank = bo_room_rank(zone->room, view->number);
    view->waiting = zone->room->nwaiting;
    view->phase = agreed->phase;
    view->sold_out = zone->sold_out;
    view->opens = agreed->opens;
    view->drawn = agreed->drawn;
    view->ahead = 0;
    view->wait = 0;
    view->wait_low = 0;
    view->wait_high = 0;
    view->poll = 0;
    view->spent = 0;

    if (view->state == BO_PLACE_WAITING) {
        view->ahead = bo_room_ahead_of(zone->room, view->rank);
        ngx_bo_room_estimate(room, view);
        return;
    }

    place = bo_room_place(zone->room, view->number, view->id);
    view->spent = place != NULL && (place->flags & BO_PLACE_SPENT);
}


/*
 * By the speed of the last half minute, or the rate as long as nothing was
 * measured.  It cannot go faster than the rate; it may go slower by a third.
 */

static void
ngx_bo_room_estimate(ngx_bo_room_t *room, ngx_bo_room_view_t *view)
{
    uint64_t             best, speed;
    ngx_bo_room_zone_t  *zone = room->zone;

    best = ngx_max((uint64_t) zone->agreed.rate * 1000, 1);
    speed = zone->speed ? zone->speed : best;

    view->wait = (ngx_uint_t) (view->ahead * 1000 / speed);
    view->wait_low = (ngx_uint_t) (view->ahead * 1000 / ngx_max(best, speed));
    view->wait_high = view->wait + view->wait / 2 + 1;
}


/*
 * Agrees on when it is heard of again: seldom from far back, often near the
 * front, and never all at once.
 */

static void
ngx_bo_room_agree(ngx_bo_room_t *room, bo_place_t *place,
    ngx_bo_room_view_t *view)
{
    ngx_msec_t  poll;

    poll = view->wait * 1000 / NGX_BO_ROOM_POLL_SHARE;

    if (view->phase == NGX_BO_ROOM_LOBBY || view->phase == NGX_BO_ROOM_PAUSED)
    {
        poll = NGX_BO_ROOM_POLL_MAX / 2;
    }

    poll = ngx_max(poll, NGX_BO_ROOM_POLL_MIN);
    poll = ngx_min(poll, NGX_BO_ROOM_POLL_MAX);

    view->poll = poll + ngx_random() % (poll / 4);

    place->poll = (uint16_t) (view->poll / 100);
    place->seen = ngx_bo_room_now();
    place->until = place->seen
                   + (view->poll + ngx_bo_room_grace(room, place)) / 100;
}


static ngx_msec_t
ngx_bo_room_grace(ngx_bo_room_t *room, bo_place_t *place)
{
    return place->flags & BO_PLACE_MOBILE
           ? NGX_BO_ROOM_MOBILE * room->conf.abandon : room->conf.abandon;
}


ngx_bo_room_answer_e
ngx_bo_room_leave(ngx_bo_room_t *room, const bo_token_t *token,
    ngx_str_t *user)
{
    bo_place_t            *place;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_answer_e   answer;

    answer = NGX_BO_ROOM_FINE;

    ngx_shmtx_lock(&room->shpool->mutex);

    if (token->sale != zone->agreed.sale
        || token->id != ngx_bo_room_person(room, user))
    {
        answer = NGX_BO_ROOM_FOREIGN;
        goto done;
    }

    place = ngx_bo_room_find(room, token);

    if (place == NULL || place->flags & BO_PLACE_LEAVING) {
        goto done;
    }

    if (ngx_bo_room_is_undrawn(zone, token->number)) {
        place->flags |= BO_PLACE_LEAVING;

    } else {
        bo_room_end(zone->room, token->number);
    }

    ngx_bo_room_event(&zone->ended, token->number);

done:

    ngx_shmtx_unlock(&room->shpool->mutex);

    return answer;
}


/*
 * Who is drawn is who is there by the log, on all nodes: until then a place of
 * the lobby ends by the log only.
 */

static ngx_uint_t
ngx_bo_room_is_undrawn(ngx_bo_room_zone_t *zone, uint64_t number)
{
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    return agreed->lobby_first >= 0
           && zone->room->draw_end == zone->room->draw_first
           && number >= (uint64_t) agreed->lobby_first
           && (agreed->lobby_end < 0
               || number < (uint64_t) agreed->lobby_end);
}


void
ngx_bo_rooms_ordered(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show)
{
    ngx_bo_rooms_each(store, user, show, ngx_bo_room_spend);
}


void
ngx_bo_rooms_finish(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show, ngx_uint_t late)
{
    ngx_bo_rooms_each(store, user, show,
                      late ? ngx_bo_room_finish_spent : ngx_bo_room_finish);
}


/* The place of somebody who is inside, in each room that it may concern. */

static void
ngx_bo_rooms_each(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show,
    void (*done)(ngx_bo_room_zone_t *zone, uint64_t number, uint64_t id))
{
    uint64_t                id, number;
    ngx_uint_t              i;
    ngx_bo_room_t          *room;
    ngx_shm_zone_t        **zone;
    ngx_bo_room_zone_t     *z;

    zone = store->rooms->elts;

    for (i = 0; i < store->rooms->nelts; i++) {
        room = zone[i]->data;
        z = room->zone;

        if (z->agreed.has_show && !bo_uuid_equal(&z->agreed.show, show)) {
            continue;
        }

        ngx_shmtx_lock(&room->shpool->mutex);

        id = ngx_bo_room_person(room, user);
        number = bo_room_find(z->room, id);

        if (number != BO_ROOM_NONE
            && bo_room_state(z->room, number, id) == BO_PLACE_ADMITTED)
        {
            done(z, number, id);
        }

        ngx_shmtx_unlock(&room->shpool->mutex);
    }
}


static void
ngx_bo_room_spend(ngx_bo_room_zone_t *zone, uint64_t number, uint64_t id)
{
    bo_room_place(zone->room, number, id)->flags |= BO_PLACE_SPENT;
    ngx_bo_room_event(&zone->spent, number);
}


static void
ngx_bo_room_finish(ngx_bo_room_zone_t *zone, uint64_t number, uint64_t id)
{
    bo_room_end(zone->room, number);
    ngx_bo_room_event(&zone->ended, number);
}


static void
ngx_bo_room_finish_spent(ngx_bo_room_zone_t *zone, uint64_t number,
    uint64_t id)
{
    if (bo_room_place(zone->room, number, id)->flags & BO_PLACE_SPENT) {
        ngx_bo_room_finish(zone, number, id);
    }
}


void
ngx_bo_room_event(ngx_bo_room_events_t *events, uint64_t number)
{
    if (events->n < NGX_BO_ROOM_EVENTS) {
        events->number[events->n] = number;
        ngx_memory_barrier();
        events->n++;
    }
}


void
ngx_bo_room_claim(ngx_bo_room_t *room, uint64_t number, uint64_t id,
    int64_t *expires)
{
    bo_place_t          *place;
    ngx_bo_room_zone_t  *zone = room->zone;

    *expires = ngx_bo_now();

    ngx_shmtx_lock(&room->shpool->mutex);

    place = bo_room_place(zone->room, number, id);

    if (place != NULL) {

        if (ngx_bo_place_claim(room, place)) {
            ngx_bo_room_event(&zone->claimed, number);
        }

        *expires += ((int64_t) place->until - ngx_bo_room_now()) * 100;
    }

    ngx_shmtx_unlock(&room->shpool->mutex);
}


ngx_uint_t
ngx_bo_place_claim(ngx_bo_room_t *room, bo_place_t *place)
{
    if (place->flags & BO_PLACE_CLAIMED) {
        return 0;
    }

    place->until = ngx_bo_room_now() + room->conf.pass / 100;
    place->flags |= BO_PLACE_CLAIMED;

    return 1;
}


/*
 * Whoever has ordered, is done, or left, has spent the pass.  A node that does
 * not know the place, for it is younger, lets in whoever was admitted.
 */

ngx_bo_room_answer_e
ngx_bo_room_enter(ngx_bo_room_t *room, const bo_token_t *pass,
    ngx_str_t *user)
{
    bo_place_t            *place;
    ngx_uint_t             foreign, over;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_answer_e   answer;

    ngx_shmtx_lock(&room->shpool->mutex);

    foreign = pass->sale != zone->agreed.sale
              || pass->id != ngx_bo_room_person(room, user);

    place = bo_room_place(zone->room, pass->number, pass->id);

    over = place ? (place->flags & BO_PLACE_SPENT) != 0
           : zone->ready && pass->number >= zone->room->complete
             && bo_room_state(zone->room, pass->number, pass->id)
                == BO_PLACE_OVER;

    ngx_shmtx_unlock(&room->shpool->mutex);

    answer = foreign ? NGX_BO_ROOM_FOREIGN
             : over || (int64_t) pass->expires < ngx_bo_now()
               ? NGX_BO_ROOM_LATE : NGX_BO_ROOM_FINE;

    (void) ngx_atomic_fetch_add(answer == NGX_BO_ROOM_FINE
                                ? &zone->entered : &zone->turned_away, 1);

    return answer;
}


ngx_uint_t
ngx_bo_room_is_on(ngx_bo_room_t *room)
{
    room->zone->wanted++;

    return room->zone->agreed.phase != NGX_BO_ROOM_OFF;
}


int64_t
ngx_bo_room_moved(ngx_bo_room_t *room)
{
    ngx_bo_room_zone_t  *zone = room->zone;

    uint64_t  told[] = {
        zone->room->cursor, zone->room->ends,
        zone->nodes > 1 ? zone->room->known : 0, zone->agreed.settings,
        zone->agreed.phase, zone->agreed.drawn, zone->sold_out
    };

    /* 0 would say that it is not known */

    return (int64_t) (bo_siphash(zone->agreed.key, told, sizeof(told)) >> 1
                      | 1);
}
