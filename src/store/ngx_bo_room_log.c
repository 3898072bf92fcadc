
/*
 * The log of a waiting room: what a node hears of all nodes, itself included,
 * in the same order as they do.  An entry that is applied twice changes
 * nothing.
 */


#include "ngx_bo_room_tick.h"
#include "ngx_bo_scripts.h"


/* Somebody who joined elsewhere is taken to be alive for so long; msec. */

#define NGX_BO_ROOM_HEARSAY  10000


/* An entry: its id in the stream, the node, the kind, a number, and data. */

typedef struct {
    ngx_str_t                id;
    ngx_str_t                node;
    u_char                   kind;
    uint64_t                 from;
    ngx_str_t                data;
} ngx_bo_room_entry_t;


static ngx_int_t ngx_bo_room_log_read(redisReply *reply,
    ngx_bo_room_entry_t *e);
static void ngx_bo_room_log_joined(ngx_bo_room_t *room,
    ngx_bo_room_entry_t *e);
static void ngx_bo_room_log_each(ngx_bo_room_t *room, ngx_bo_room_entry_t *e,
    void (*apply)(ngx_bo_room_t *room, uint64_t number));
static void ngx_bo_room_log_ended(ngx_bo_room_t *room, uint64_t number);
static void ngx_bo_room_log_claimed(ngx_bo_room_t *room, uint64_t number);
static void ngx_bo_room_log_spent(ngx_bo_room_t *room, uint64_t number);
static bo_place_t *ngx_bo_room_log_place(ngx_bo_room_t *room,
    uint64_t number);
static void ngx_bo_room_log_granted(ngx_bo_room_t *room,
    ngx_bo_room_entry_t *e);
static void ngx_bo_room_log_drawn(ngx_bo_room_tick_t *t,
    ngx_bo_room_entry_t *e);
static uint64_t ngx_bo_room_log_end(ngx_bo_room_entry_t *e, ngx_str_t *rest);
static uint64_t ngx_bo_room_log_word(ngx_bo_room_entry_t *e, size_t i);


void
ngx_bo_room_log_apply(ngx_bo_room_tick_t *t, redisReply *entries)
{
    size_t                i;
    ngx_bo_room_t        *room = t->room;
    ngx_bo_room_zone_t   *zone = room->zone;
    ngx_bo_room_entry_t   e;

    for (i = 0; i < entries->elements; i++) {

        if (ngx_bo_room_log_read(entries->element[i], &e) != NGX_OK) {
            continue;
        }

        switch (e.kind) {

        case 'J':
            ngx_bo_room_log_joined(room, &e);
            break;

        case 'U':
            bo_room_unused(zone->room, e.from, ngx_bo_room_log_end(&e, NULL));
            break;

        case 'L':
            ngx_bo_room_log_each(room, &e, ngx_bo_room_log_ended);
            break;

        case 'C':
            ngx_bo_room_log_each(room, &e, ngx_bo_room_log_claimed);
            break;

        case 'S':
            ngx_bo_room_log_each(room, &e, ngx_bo_room_log_spent);
            break;

        case 'G':
            ngx_bo_room_log_granted(room, &e);
            break;

        case 'D':
            ngx_bo_room_log_drawn(t, &e);
            break;

        case 'X':
            bo_room_doubt(zone->room, e.from, ngx_bo_room_log_end(&e, NULL));
            break;

        default:
            break;
        }

        if (e.id.len <= sizeof(zone->last)) {
            ngx_memcpy(zone->last, e.id.data, e.id.len);
            zone->last_len = e.id.len;
        }
    }
}


static ngx_int_t
ngx_bo_room_log_read(redisReply *reply, ngx_bo_room_entry_t *e)
{
    ngx_str_t  s;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5) {
        return NGX_ERROR;
    }

    e->id = ngx_bo_reply_str(reply, 0);
    e->node = ngx_bo_reply_str(reply, 1);
    e->data = ngx_bo_reply_str(reply, 4);

    s = ngx_bo_reply_str(reply, 2);
    e->kind = s.len ? s.data[0] : 0;

    s = ngx_bo_reply_str(reply, 3);
    e->from = s.len ? (uint64_t) ngx_atoof(s.data, s.len) : 0;

    return NGX_OK;
}


/* Our own are there already, and those who joined here are alive by asking. */

static void
ngx_bo_room_log_joined(ngx_bo_room_t *room, ngx_bo_room_entry_t *e)
{
    size_t                i;
    uint64_t              id, end;
    bo_place_t           *place;
    ngx_bo_room_zone_t   *zone = room->zone;

    end = e->from + e->data.len / sizeof(uint64_t);

    if (e->node.len == sizeof(zone->node)
        && ngx_memcmp(e->node.data, zone->node, sizeof(zone->node)) == 0)
    {
        bo_room_told(zone->room, e->from, end);
        return;
    }

    zone->others = ngx_max(zone->others, end);

    for (i = 0; i < e->data.len / sizeof(uint64_t); i++) {
        id = ngx_bo_room_log_word(e, i);

        if (id == 0) {
            bo_room_unused(zone->room, e->from + i, e->from + i + 1);
            continue;
        }

        if (bo_room_put(zone->room, e->from + i, id) != BO_ROOM_OK) {
            continue;
        }

        place = bo_room_place(zone->room, e->from + i, id);

        if (place->until == 0) {
            place->until = ngx_bo_room_now() + NGX_BO_ROOM_HEARSAY / 100;
        }
    }
}


/* Each of the numbers of an entry. */

static void
ngx_bo_room_log_each(ngx_bo_room_t *room, ngx_bo_room_entry_t *e,
    void (*apply)(ngx_bo_room_t *room, uint64_t number))
{
    size_t  i;

    for (i = 0; i < e->data.len / sizeof(uint64_t); i++) {
        apply(room, ngx_bo_room_log_word(e, i));
    }
}


static void
ngx_bo_room_log_ended(ngx_bo_room_t *room, uint64_t number)
{
    bo_room_end(room->zone->room, number);
}


static void
ngx_bo_room_log_claimed(ngx_bo_room_t *room, uint64_t number)
{
    bo_place_t  *place;

    place = ngx_bo_room_log_place(room, number);

    if (place != NULL) {
        (void) ngx_bo_place_claim(room, place);
    }
}


static void
ngx_bo_room_log_spent(ngx_bo_room_t *room, uint64_t number)
{
    bo_place_t  *place;

    place = ngx_bo_room_log_place(room, number);

    if (place != NULL) {
        place->flags |= BO_PLACE_SPENT;
    }
}


static bo_place_t *
ngx_bo_room_log_place(ngx_bo_room_t *room, uint64_t number)
{
    bo_room_t  *r = room->zone->room;

    return bo_room_place(r, number, bo_room_who(r, number));
}


/* A node that comes later hears of old grants; its cursor begins with them. */

static void
ngx_bo_room_log_granted(ngx_bo_room_t *room, ngx_bo_room_entry_t *e)
{
    uint64_t    to;
    ngx_str_t   skip;
    bo_room_t  *r = room->zone->room;

    to = ngx_bo_room_log_end(e, &skip);

    if (e->from < r->cursor) {
        return;
    }

    if (e->from > r->cursor) {
        bo_room_admit(r, e->from, NULL,
                      ngx_bo_room_now() + room->conf.claim / 100);
    }

    if (skip.len < (to - e->from + 7) / 8) {
        return;
    }

    bo_room_admit(r, to, skip.data,
                  ngx_bo_room_now() + room->conf.claim / 100);
}


static void
ngx_bo_room_log_drawn(ngx_bo_room_tick_t *t, ngx_bo_room_entry_t *e)
{
    u_char          key[BO_SIPHASH_KEY];
    uint64_t        end, missing;
    ngx_str_t       rest;
    ngx_uint_t      i;
    ngx_bo_room_t  *room = t->room;

    end = ngx_bo_room_log_end(e, &rest);

    if (rest.len < 2 * BO_SIPHASH_KEY) {
        return;
    }

    for (i = 0; i < BO_SIPHASH_KEY; i++) {
        key[i] = (u_char) ngx_hextoi(rest.data + 2 * i, 2);
    }

    if (rest.len == 2 * BO_SIPHASH_KEY + 1 + sizeof(room->zone->draw_digest))
    {
        ngx_memcpy(room->zone->draw_digest, rest.data + 2 * BO_SIPHASH_KEY + 1,
                   sizeof(room->zone->draw_digest));
    }

    missing = bo_room_drawn(room->zone->room, e->from, end, key);

    if (missing) {
        ngx_log_error(NGX_LOG_WARN, t->store->log, 0,
                      "boxoffice: the zone of waiting room \"%V\" is too "
                      "small for its lobby: it has no memory for %uL numbers",
                      &room->conf.name, missing);
    }
}


/* "<end>", or "<end> <rest>". */

static uint64_t
ngx_bo_room_log_end(ngx_bo_room_entry_t *e, ngx_str_t *rest)
{
    size_t    i;
    uint64_t  end;

    end = 0;

    for (i = 0;
         i < e->data.len && e->data.data[i] >= '0' && e->data.data[i] <= '9';
         i++)
    {
        end = end * 10 + (e->data.data[i] - '0');
    }

    if (rest) {
        i = ngx_min(i + 1, e->data.len);
        rest->data = e->data.data + i;
        rest->len = e->data.len - i;
    }

    return end;
}


/* As the nodes store them: little-endian, on all processors of nginx. */

static uint64_t
ngx_bo_room_log_word(ngx_bo_room_entry_t *e, size_t i)
{
    uint64_t  word;

    ngx_memcpy(&word, e->data.data + i * sizeof(uint64_t), sizeof(uint64_t));

    return word;
}
