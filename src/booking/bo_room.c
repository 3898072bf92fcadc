
/*
 * A waiting room as one node sees it.
 */


#include "bo_room.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>


/*
 * So many segments may share a place in the directory: a draw keeps its own for
 * as long as the sale, and numbers come round to them.
 */

#define BO_ROOM_WAYS     8

#define BO_ROOM_LOOK     1024   /* segments of a bo_room_expired() */


/*
 * Memory is shared with those who may die at any instruction.  Stores that
 * must not pass each other are kept in order; the processors that nginx runs
 * on do not exchange stores, and the lock does the rest.
 */

#define bo_room_barrier()  __asm__ volatile ("" ::: "memory")


static uint32_t bo_room_index(const bo_room_t *room, uint64_t number);
static bo_room_segment_t *bo_room_segment(const bo_room_t *room,
    uint64_t number);
static bo_place_t *bo_room_at(const bo_room_t *room, uint64_t number);
static uint32_t *bo_room_slot_free(bo_room_t *room, uint64_t number);
static bo_room_segment_t *bo_room_segment_make(bo_room_t *room,
    uint64_t number);
static void bo_room_segment_free(bo_room_t *room, bo_room_segment_t *seg);
static uint64_t bo_room_gone_below(const bo_room_t *room, uint64_t rank);
static uint32_t *bo_room_bucket(const bo_room_t *room, uint64_t id);
static void bo_room_insert(bo_room_t *room, uint32_t index, uint64_t id);
static void bo_room_unlink(bo_room_t *room, uint32_t index);
static void bo_room_remove(bo_room_t *room, uint32_t index);
static void bo_room_mark_gone(bo_room_t *room, uint64_t number);
static bool bo_room_is_drawn(const bo_room_t *room, uint64_t number);
static bool bo_room_waits(const bo_room_t *room, uint32_t index);
static void bo_room_count_segment(bo_room_t *room, bo_room_segment_t *seg,
    uint64_t before);
static uint64_t bo_room_ones(uint64_t word);
static uint64_t bo_room_count_gone(const bo_room_t *room, uint64_t base,
    uint64_t end, bo_room_segment_t *seg);
static bool bo_room_is_done(const bo_room_t *room, bo_room_segment_t *seg);
static uint64_t bo_room_expired_in(const bo_room_t *room,
    bo_room_segment_t *seg, bo_room_time_t now, uint64_t *numbers, uint64_t n);
static const char *bo_room_check_segments(const bo_room_t *room);
static const char *bo_room_check_chains(const bo_room_t *room);


#define bo_room_word(words, n)   ((words)[(n) % BO_ROOM_SEGMENT / 64])
#define bo_room_bit(n)           (UINT64_C(1) << (n) % 64)

#define bo_room_has(words, n)                                                 \
    ((bo_room_word(words, n) & bo_room_bit(n)) != 0)
#define bo_room_set(words, n)    (bo_room_word(words, n) |= bo_room_bit(n))
#define bo_room_clear(words, n)  (bo_room_word(words, n) &= ~bo_room_bit(n))

#define bo_room_base(n)          ((n) - (n) % BO_ROOM_SEGMENT)

/* where the directory leads to a number's segment, BO_ROOM_WAYS of them */

#define bo_room_slots(room, n)                                                \
    (&(room)->slots[(uint32_t) ((n) / BO_ROOM_SEGMENT) % (room)->nsegments    \
                    * BO_ROOM_WAYS])

/* of a place */

#define bo_room_seg_of(room, i)  (&(room)->segments[(i) / BO_ROOM_SEGMENT])
#define bo_room_is_used(room, i)                                              \
    bo_room_has(bo_room_seg_of(room, i)->used, i)
#define bo_room_is_admitted(room, i)                                          \
    bo_room_has(bo_room_seg_of(room, i)->admitted, i)
#define bo_room_number_of(room, i)                                            \
    (bo_room_seg_of(room, i)->base + (i) % BO_ROOM_SEGMENT)

#define BO_ROOM_NOWHERE          UINT32_MAX


/* All parts begin at a cache line. */

static void *
bo_room_take(uint8_t **p, size_t size)
{
    void  *part;

    part = *p;
    *p += (size + 63) & ~(size_t) 63;

    return part;
}


bo_room_t *
bo_room_create(void *memory, size_t size)
{
    size_t      each;
    uint8_t    *p;
    uint32_t    n;
    bo_room_t  *room;

    p = memory;
    room = bo_room_take(&p, sizeof(bo_room_t));
    memset(room, 0, sizeof(bo_room_t));

    each = sizeof(bo_room_segment_t)
           + BO_ROOM_SEGMENT * (sizeof(bo_place_t) + sizeof(uint32_t)
                                + sizeof(uint64_t))
           + BO_ROOM_WAYS * sizeof(uint32_t);

    n = (uint32_t) ((size - sizeof(bo_room_t) - 7 * 64) / each);

    room->version = BO_ROOM_VERSION;
    room->nsegments = n;
    room->nslots = n * BO_ROOM_WAYS;
    room->nbuckets = n * BO_ROOM_SEGMENT;

    room->segments = bo_room_take(&p, n * sizeof(bo_room_segment_t));
    room->slots = bo_room_take(&p, room->nslots * sizeof(uint32_t));
    room->buckets = bo_room_take(&p, room->nbuckets * sizeof(uint32_t));
    room->places = bo_room_take(&p, (size_t) n * BO_ROOM_SEGMENT
                                    * sizeof(bo_place_t));

    room->drawn = bo_room_take(&p, (size_t) n * BO_ROOM_SEGMENT
                                   * sizeof(uint64_t));

    memset(room->places, 0, (size_t) n * BO_ROOM_SEGMENT * sizeof(bo_place_t));

    bo_room_reset(room, 0);

    return room;
}


void
bo_room_reset(bo_room_t *room, uint64_t first)
{
    uint32_t  i;

    memset(room->buckets, 0, room->nbuckets * sizeof(uint32_t));
    memset(room->slots, 0, room->nslots * sizeof(uint32_t));

    for (i = 0; i < room->nsegments; i++) {
        if (room->segments[i].base != BO_ROOM_NONE) {
            memset(&room->places[(size_t) i * BO_ROOM_SEGMENT], 0,
                   BO_ROOM_SEGMENT * sizeof(bo_place_t));
            room->segments[i].base = BO_ROOM_NONE;
        }
    }

    room->spare = 0;
    room->low = bo_room_base(first);
    room->next = first;
    room->known = first;
    room->complete = first;
    room->cursor = first;
    room->passed = first - room->low;
    room->draw_first = 0;
    room->draw_end = 0;
    room->block.first = first;
    room->block.used = 0;
    room->block.end = first;
    room->nwaiting = 0;
    room->nadmitted = 0;
    room->admissions = 0;
    room->skips = 0;
    room->ends = 0;
}


void
bo_room_back(bo_room_t *room, uint64_t first)
{
    uint64_t            n;
    bo_room_segment_t  *seg;

    if (first >= room->cursor) {
        return;
    }

    /* of a segment that is there, what was below the cursor may be a place */

    seg = bo_room_segment(room, room->cursor);

    for (n = bo_room_base(room->cursor); seg && n < room->cursor; n++) {
        bo_room_clear(seg->gone, n);
    }

    if (bo_room_base(first) < room->low) {
        room->low = bo_room_base(first);
    }

    bo_room_barrier();
    room->cursor = first;

    bo_room_count(room);
}


uint64_t
bo_room_capacity(const bo_room_t *room)
{
    return (uint64_t) room->nsegments * BO_ROOM_SEGMENT;
}


static bo_room_segment_t *
bo_room_segment(const bo_room_t *room, uint64_t number)
{
    uint32_t            i, *slot;
    uint64_t            base;
    bo_room_segment_t  *seg;

    base = bo_room_base(number);
    slot = bo_room_slots(room, number);

    for (i = 0; i < BO_ROOM_WAYS; i++) {

        if (slot[i]) {
            seg = &room->segments[slot[i] - 1];

            if (seg->base == base) {
                return seg;
            }
        }
    }

    return NULL;
}


/* Of those that share a number's place, one that leads to none of them. */

static uint32_t *
bo_room_slot_free(bo_room_t *room, uint64_t number)
{
    uint32_t   i, *slot;
    uint64_t   base;

    slot = bo_room_slots(room, number);

    for (i = 0; i < BO_ROOM_WAYS; i++) {

        if (slot[i] == 0) {
            return &slot[i];
        }

        /* it may be left of somebody who died */

        base = room->segments[slot[i] - 1].base;

        if (base == BO_ROOM_NONE || bo_room_slots(room, base) != slot) {
            return &slot[i];
        }
    }

    return NULL;
}


static uint32_t
bo_room_index(const bo_room_t *room, uint64_t number)
{
    bo_room_segment_t  *seg;

    seg = bo_room_segment(room, number);

    return seg ? (uint32_t) (seg - room->segments) * BO_ROOM_SEGMENT
                 + (uint32_t) (number % BO_ROOM_SEGMENT)
               : BO_ROOM_NOWHERE;
}


/*
 * The base is stored last: until then the slot leads to a segment that says it
 * is another.
 */

static bo_room_segment_t *
bo_room_segment_make(bo_room_t *room, uint64_t number)
{
    uint32_t            i, n, *slot;
    uint64_t            base;
    bo_room_segment_t  *seg;

    seg = bo_room_segment(room, number);
    if (seg != NULL) {
        return seg;
    }

    base = bo_room_base(number);
    slot = bo_room_slot_free(room, number);

    if (slot == NULL) {
        return NULL;
    }

    for (n = 0; n < room->nsegments; n++) {
        i = (room->spare + n) % room->nsegments;
        seg = &room->segments[i];

        if (seg->base == BO_ROOM_NONE) {
            break;
        }
    }

    if (n == room->nsegments) {
        return NULL;
    }

    room->spare = (i + 1) % room->nsegments;

    memset(seg->used, 0, sizeof(seg->used));
    memset(seg->admitted, 0, sizeof(seg->admitted));
    memset(seg->gone, 0, sizeof(seg->gone));

    seg->before = bo_room_gone_below(room, base);

    /* what is known, and had no segment, is nobody's; but for tickets' */

    for (n = 0; n < BO_ROOM_SEGMENT && base + n < room->known; n++) {
        if (base + n < room->cursor || base + n >= room->complete) {
            bo_room_set(seg->gone, n);
        }
    }

    *slot = i + 1;
    bo_room_barrier();
    seg->base = base;

    if (base < room->low) {
        room->low = base;
    }

    return seg;
}


/* A place may still be in a chain: its owner died, or had no time. */

static void
bo_room_segment_free(bo_room_t *room, bo_room_segment_t *seg)
{
    uint32_t  i, index, *slot;

    index = (uint32_t) (seg - room->segments) * BO_ROOM_SEGMENT;

    for (i = 0; i < BO_ROOM_SEGMENT; i++) {
        if (room->places[index + i].id) {
            bo_room_unlink(room, index + i);
        }
    }

    bo_room_barrier();

    slot = bo_room_slots(room, seg->base);

    for (i = 0; i < BO_ROOM_WAYS; i++) {
        if (slot[i] == index / BO_ROOM_SEGMENT + 1) {
            slot[i] = 0;
        }
    }

    seg->base = BO_ROOM_NONE;
}


/* The upper half of the hash, scaled: a division would cost more. */

static uint32_t *
bo_room_bucket(const bo_room_t *room, uint64_t id)
{
    return &room->buckets[(id >> 32) * room->nbuckets >> 32];
}


uint64_t
bo_room_find(const bo_room_t *room, uint64_t id)
{
    uint32_t     i;
    bo_place_t  *place;

    for (i = *bo_room_bucket(room, id); i; i = place->next) {
        place = &room->places[i - 1];

        if (place->id == id && bo_room_is_used(room, i - 1)
            && !(place->flags & BO_PLACE_LEAVING))
        {
            return bo_room_number_of(room, i - 1);
        }
    }

    return BO_ROOM_NONE;
}


/* The place is in its chain before it is used, and is used with one store. */

static void
bo_room_insert(bo_room_t *room, uint32_t index, uint64_t id)
{
    uint32_t            *bucket;
    bo_place_t          *place;
    bo_room_segment_t   *seg;

    place = &room->places[index];
    seg = bo_room_seg_of(room, index);

    if (place->id) {
        bo_room_unlink(room, index);
    }

    bo_room_clear(seg->admitted, index);

    bucket = bo_room_bucket(room, id);

    place->until = 0;
    place->seen = 0;
    place->poll = 0;
    place->flags = 0;
    place->next = *bucket;
    place->id = id;
    bo_room_barrier();

    *bucket = index + 1;
    bo_room_barrier();

    bo_room_set(seg->used, index);
}


static void
bo_room_unlink(bo_room_t *room, uint32_t index)
{
    uint32_t  *link;

    link = bo_room_bucket(room, room->places[index].id);

    while (*link && *link != index + 1) {
        link = &room->places[*link - 1].next;
    }

    if (*link) {
        *link = room->places[index].next;
    }

    bo_room_barrier();
    room->places[index].id = 0;
}


static void
bo_room_remove(bo_room_t *room, uint32_t index)
{
    bo_room_segment_t  *seg;

    seg = bo_room_seg_of(room, index);

    bo_room_unlink(room, index);
    bo_room_clear(seg->used, index);
    bo_room_barrier();
    bo_room_clear(seg->admitted, index);
}


bo_place_t *
bo_room_place(const bo_room_t *room, uint64_t number, uint64_t id)
{
    bo_place_t  *place;

    place = bo_room_at(room, number);

    return place && place->id == id ? place : NULL;
}


uint64_t
bo_room_who(const bo_room_t *room, uint64_t number)
{
    bo_place_t  *place;

    place = bo_room_at(room, number);

    return place ? place->id : 0;
}


uint64_t
bo_room_stays(const bo_room_t *room, uint64_t number)
{
    bo_place_t  *place;

    place = bo_room_at(room, number);

    return place && !(place->flags & BO_PLACE_LEAVING) ? place->id : 0;
}


/* The place of a number, whoever has it. */

static bo_place_t *
bo_room_at(const bo_room_t *room, uint64_t number)
{
    uint32_t  index;

    index = bo_room_index(room, number);

    return index != BO_ROOM_NOWHERE && bo_room_is_used(room, index)
           ? &room->places[index] : NULL;
}


bo_place_state_e
bo_room_state(const bo_room_t *room, uint64_t number, uint64_t id)
{
    uint64_t            rank;
    bo_place_t         *place;
    bo_room_segment_t  *seg;

    place = bo_room_place(room, number, id);

    if (place != NULL) {
        return bo_room_is_admitted(room, (uint32_t) (place - room->places))
               ? BO_PLACE_ADMITTED : BO_PLACE_WAITING;
    }

    rank = bo_room_rank(room, number);
    seg = bo_room_segment(room, rank);

    if (rank < room->cursor || (seg && bo_room_has(seg->gone, rank))) {
        return BO_PLACE_OVER;
    }

    return BO_PLACE_UNKNOWN;
}


static bool
bo_room_is_drawn(const bo_room_t *room, uint64_t number)
{
    return number >= room->draw_first && number < room->draw_end;
}


uint64_t
bo_room_rank(const bo_room_t *room, uint64_t number)
{
    return bo_room_is_drawn(room, number)
           ? room->draw_first + bo_draw_rank(&room->draw,
                                             number - room->draw_first)
           : number;
}


uint64_t
bo_room_number(const bo_room_t *room, uint64_t rank)
{
    return bo_room_is_drawn(room, rank)
           ? room->draw_first + bo_draw_index(&room->draw,
                                              rank - room->draw_first)
           : rank;
}


uint64_t
bo_room_ahead(const bo_room_t *room, uint64_t number)
{
    return bo_room_ahead_of(room, bo_room_rank(room, number));
}


uint64_t
bo_room_ahead_of(const bo_room_t *room, uint64_t rank)
{
    uint64_t  gone;

    if (rank <= room->cursor) {
        return 0;
    }

    gone = bo_room_gone_below(room, rank);
    gone = gone > room->passed ? gone - room->passed : 0;

    return rank - room->cursor > gone ? rank - room->cursor - gone : 0;
}


/* They grow together: the number is found by halving. */

uint64_t
bo_room_rank_behind(const bo_room_t *room, uint64_t ahead)
{
    uint64_t  low, high, middle;

    low = room->cursor;
    high = room->next > low ? room->next : low;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (bo_room_ahead_of(room, middle) < ahead) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


/*
 * As of the last count, and in the rank's own segment as of now.  Without a
 * segment, the nearest one below tells.
 */

static uint64_t
bo_room_gone_below(const bo_room_t *room, uint64_t rank)
{
    uint64_t            base, gone;
    bo_room_segment_t  *seg;

    gone = 0;
    base = bo_room_base(rank);
    seg = bo_room_segment(room, base);

    if (seg != NULL) {
        return seg->before + bo_room_count_gone(room, base, rank, seg);
    }

    gone = bo_room_count_gone(room, base, rank, NULL);

    while (base > room->low) {
        base -= BO_ROOM_SEGMENT;
        seg = bo_room_segment(room, base);
        gone += bo_room_count_gone(room, base, base + BO_ROOM_SEGMENT, seg);

        if (seg != NULL) {
            return gone + seg->before;
        }
    }

    return gone;
}


/* Most have none; and where the processor may not be asked it is a call. */

static uint64_t
bo_room_ones(uint64_t word)
{
    return word == 0 ? 0 : (uint64_t) __builtin_popcountll(word);
}


/* The gone of base .. end-1, which are of one segment; seg may be NULL. */

static uint64_t
bo_room_count_gone(const bo_room_t *room, uint64_t base, uint64_t end,
    bo_room_segment_t *seg)
{
    uint64_t  i, n, gone;

    if (seg == NULL) {
        end = end < room->known ? end : room->known;
        return end > base ? end - base : 0;
    }

    gone = 0;
    n = end - base;

    for (i = 0; i < n / 64; i++) {
        gone += bo_room_ones(seg->gone[i]);
    }

    if (n % 64) {
        gone += bo_room_ones(seg->gone[i] & (bo_room_bit(n) - 1));
    }

    return gone;
}


bo_room_verdict_e
bo_room_join(bo_room_t *room, uint64_t id, uint64_t *number)
{
    uint32_t          index;
    bo_room_block_t  *block = &room->block;

    *number = bo_room_find(room, id);

    if (*number != BO_ROOM_NONE) {
        return BO_ROOM_THERE;
    }

    if (block->first + block->used >= block->end) {
        return BO_ROOM_NO_NUMBER;
    }

    *number = block->first + block->used;

    if (bo_room_segment_make(room, *number) == NULL) {
        return BO_ROOM_FULL;
    }

    /* A number that is lost is better than one that is given twice. */

    block->used++;
    bo_room_barrier();

    if (room->next <= *number) {
        room->next = *number + 1;
    }

    index = bo_room_index(room, *number);
    bo_room_insert(room, index, id);
    room->places[index].flags = BO_PLACE_UNTOLD;

    return BO_ROOM_OK;
}


void
bo_room_told(bo_room_t *room, uint64_t first, uint64_t end)
{
    uint32_t  index;
    uint64_t  n;

    for (n = first; n < end; n++) {
        index = bo_room_index(room, n);

        if (index != BO_ROOM_NOWHERE) {
            room->places[index].flags &= (uint16_t) ~BO_PLACE_UNTOLD;
        }
    }
}


bo_room_verdict_e
bo_room_put(bo_room_t *room, uint64_t number, uint64_t id)
{
    bool                fresh;
    uint64_t            other, rank;
    uint32_t            index;
    bo_room_segment_t  *seg;

    if (bo_room_place(room, number, id) != NULL) {
        return BO_ROOM_OK;
    }

    rank = bo_room_rank(room, number);
    seg = bo_room_segment(room, rank);
    fresh = (seg == NULL);

    if (rank < room->cursor || (seg && bo_room_has(seg->gone, rank))) {
        return BO_ROOM_THERE;
    }

    other = bo_room_find(room, id);

    if (other != BO_ROOM_NONE) {
        index = bo_room_index(room, other);

        if (other < number || bo_room_is_admitted(room, index)) {
            bo_room_mark_gone(room, number);
            return BO_ROOM_THERE;
        }

        bo_room_mark_gone(room, other);
        bo_room_remove(room, index);
    }

    seg = bo_room_segment_make(room, number);

    if (seg == NULL) {
        return BO_ROOM_FULL;
    }

    index = bo_room_index(room, number);

    if (bo_room_is_used(room, index)) {
        return BO_ROOM_THERE;
    }

    if (fresh) {
        seg = bo_room_segment(room, rank);

        if (seg != NULL) {
            bo_room_clear(seg->gone, rank);
        }
    }

    if (room->next <= number) {
        room->next = number + 1;
    }

    bo_room_insert(room, index, id);

    return BO_ROOM_OK;
}


static void
bo_room_mark_gone(bo_room_t *room, uint64_t number)
{
    uint64_t            rank;
    bo_room_segment_t  *seg;

    rank = bo_room_rank(room, number);
    seg = bo_room_segment_make(room, rank);

    if (seg != NULL) {
        bo_room_set(seg->gone, rank);
    }
}


void
bo_room_unused(bo_room_t *room, uint64_t first, uint64_t end)
{
    uint32_t            index;
    uint64_t            n, base;
    bo_room_segment_t  *seg;

    for (n = first; n < end; n++) {
        base = bo_room_base(n);
        seg = bo_room_segment(room, n);

        /* a whole one need not be there; of a part, others may come */

        if (seg == NULL && (base < first || base + BO_ROOM_SEGMENT > end)) {
            seg = bo_room_segment_make(room, n);
        }

        if (seg == NULL) {
            n = base + BO_ROOM_SEGMENT - 1;
            continue;
        }

        index = bo_room_index(room, n);

        if (!bo_room_is_used(room, index)) {
            bo_room_mark_gone(room, n);
        }
    }
}


/* What has a segment before it is known is nobody's by being said, only. */

void
bo_room_doubt(bo_room_t *room, uint64_t first, uint64_t end)
{
    uint64_t  n;

    for (n = bo_room_base(first);
         first < end && n < end && n < room->next;
         n += BO_ROOM_SEGMENT)
    {
        (void) bo_room_segment_make(room, n);
    }
}


void
bo_room_next(bo_room_t *room, uint64_t next)
{
    if (next > room->next) {
        room->next = next;
    }
}


void
bo_room_know(bo_room_t *room, uint64_t known)
{
    if (known > room->known) {
        room->known = known;
    }

    bo_room_next(room, known);
}


/*
 * What is gone moves to its rank.  Every number of the range has a segment
 * from here on, as far as there is memory, for every rank needs one.  Where it
 * has none nobody has a place, and nobody is known to be gone.
 */

uint64_t
bo_room_drawn(bo_room_t *room, uint64_t first, uint64_t end,
    const uint8_t key[BO_SIPHASH_KEY])
{
    uint32_t   index;
    uint64_t   n, missing;
    bo_draw_t  draw;

    if (room->draw_end != room->draw_first || end <= first
        || room->cursor > first)
    {
        return 0;
    }

    bo_draw_init(&draw, key, end - first);
    missing = 0;

    for (n = bo_room_base(first); n < end; n += BO_ROOM_SEGMENT) {
        if (bo_room_segment_make(room, n) == NULL) {
            missing += BO_ROOM_SEGMENT;
        }
    }

    for (n = first; n < end; n++) {
        index = bo_room_index(room, n);

        if (index != BO_ROOM_NOWHERE) {
            bo_room_clear(bo_room_seg_of(room, index)->gone, n);
            room->drawn[index] = bo_room_who(room, n);
        }
    }

    room->draw = draw;
    room->draw_first = first;
    bo_room_barrier();
    room->draw_end = end;

    for (n = first; n < end; n++) {
        index = bo_room_index(room, n);

        if (index == BO_ROOM_NOWHERE || !bo_room_is_used(room, index)) {
            bo_room_mark_gone(room, n);
        }
    }

    return missing;
}


uint64_t
bo_room_drawn_who(const bo_room_t *room, uint64_t number)
{
    uint32_t  index;

    index = bo_room_index(room, number);

    return bo_room_is_drawn(room, number) && index != BO_ROOM_NOWHERE
           ? room->drawn[index] : 0;
}


static bool
bo_room_waits(const bo_room_t *room, uint32_t index)
{
    return index != BO_ROOM_NOWHERE && bo_room_is_used(room, index)
           && !bo_room_is_admitted(room, index);
}


void
bo_room_admit(bo_room_t *room, uint64_t to, const uint8_t *skip,
    bo_room_time_t until)
{
    uint32_t            index;
    uint64_t            rank, n;
    bo_room_segment_t  *seg;

    for (rank = room->cursor; rank < to; rank++) {
        index = bo_room_index(room, bo_room_number(room, rank));

        if (!bo_room_waits(room, index)) {
            continue;
        }

        n = rank - room->cursor;

        if ((skip && (skip[n / 8] & 1 << n % 8))
            || (room->places[index].flags & BO_PLACE_UNTOLD))
        {
            seg = bo_room_segment(room, rank);

            if (seg != NULL) {
                bo_room_set(seg->gone, rank);
            }

            bo_room_remove(room, index);
            room->skips++;
            continue;
        }

        if (room->places[index].until < until) {
            room->places[index].until = until;
        }

        bo_room_barrier();

        bo_room_set(bo_room_seg_of(room, index)->admitted, index);
        room->admissions++;
    }

    bo_room_barrier();

    if (to > room->cursor) {
        room->cursor = to;
    }

    if (to > room->next) {
        room->next = to;
    }
}


void
bo_room_end(bo_room_t *room, uint64_t number)
{
    uint32_t  index;

    index = bo_room_index(room, number);

    if (index == BO_ROOM_NOWHERE || !bo_room_is_used(room, index)) {
        return;
    }

    if (!bo_room_is_admitted(room, index)) {
        bo_room_mark_gone(room, number);
        room->ends++;
    }

    bo_room_remove(room, index);
}


uint64_t
bo_room_choose(const bo_room_t *room, uint64_t n, uint64_t span,
    bo_room_time_t now, const uint8_t *seen, uint64_t nseen, uint8_t *skip,
    uint64_t *to)
{
    uint32_t  index;
    uint64_t  i, chosen, limit;

    memset(skip, 0, (span + 7) / 8);

    chosen = 0;
    limit = room->known > room->cursor ? room->known - room->cursor : 0;
    limit = limit < span ? limit : span;

    for (i = 0; i < limit && chosen < n; i++) {
        index = bo_room_index(room, bo_room_number(room, room->cursor + i));

        if (!bo_room_waits(room, index)) {
            continue;
        }

        if (room->places[index].until >= now
            || (seen && i < nseen && (seen[i / 8] & 1 << i % 8)))
        {
            chosen++;

        } else {
            skip[i / 8] |= (uint8_t) (1 << i % 8);
        }
    }

    *to = room->cursor + i;

    return chosen;
}


void
bo_room_seen(const bo_room_t *room, bo_room_time_t now, uint8_t *seen,
    uint64_t span)
{
    uint32_t  index;
    uint64_t  i;

    memset(seen, 0, (span + 7) / 8);

    for (i = 0; i < span && room->cursor + i < room->next; i++) {
        index = bo_room_index(room, bo_room_number(room, room->cursor + i));

        if (bo_room_waits(room, index) && room->places[index].until >= now) {
            seen[i / 8] |= (uint8_t) (1 << i % 8);
        }
    }
}


uint64_t
bo_room_expired(const bo_room_t *room, bo_room_time_t now, uint64_t *from,
    uint64_t *numbers, uint64_t n)
{
    uint64_t            i, nsegments, found, end;
    bo_room_segment_t  *seg;

    found = 0;
    end = room->cursor;

    if (end > room->draw_first && end < room->draw_end) {
        end = room->draw_end;
    }

    /* each once */

    nsegments = end > room->low ? (end - room->low - 1) / BO_ROOM_SEGMENT + 1
                                 : 0;

    for (i = 0; i < BO_ROOM_LOOK && i < nsegments && found < n; i++) {

        if (*from < room->low || *from >= end) {
            *from = room->low;
        }

        seg = bo_room_segment(room, *from);

        if (seg != NULL) {
            found += bo_room_expired_in(room, seg, now, numbers + found,
                                        n - found);
        }

        *from += BO_ROOM_SEGMENT;
    }

    return found;
}


static uint64_t
bo_room_expired_in(const bo_room_t *room, bo_room_segment_t *seg,
    bo_room_time_t now, uint64_t *numbers, uint64_t n)
{
    uint32_t  i, index;
    uint64_t  found;

    found = 0;
    index = (uint32_t) (seg - room->segments) * BO_ROOM_SEGMENT;

    for (i = 0; i < BO_ROOM_SEGMENT && found < n; i++) {

        if (seg->admitted[i / 64] == 0) {
            i += 63;
            continue;
        }

        if (bo_room_has(seg->admitted, i) && bo_room_has(seg->used, i)
            && room->places[index + i].until < now)
        {
            numbers[found++] = seg->base + i;
        }
    }

    return found;
}


void
bo_room_count(bo_room_t *room)
{
    uint64_t            base, gone, low, used;
    bo_room_segment_t  *seg;

    room->nwaiting = 0;
    room->nadmitted = 0;

    gone = 0;
    used = 0;
    low = room->low;

    for (base = low; base < room->next; base += BO_ROOM_SEGMENT) {
        seg = bo_room_segment(room, base);

        if (room->cursor >= base && room->cursor < base + BO_ROOM_SEGMENT) {
            room->passed = gone + bo_room_count_gone(room, base, room->cursor,
                                                     seg);
        }

        if (seg != NULL) {
            bo_room_count_segment(room, seg, gone);
        }

        gone += bo_room_count_gone(room, base, base + BO_ROOM_SEGMENT, seg);

        if (seg != NULL && bo_room_is_done(room, seg)) {
            bo_room_segment_free(room, seg);
            seg = NULL;
        }

        if (seg != NULL) {
            used++;

        } else if (used == 0 && base + BO_ROOM_SEGMENT <= room->cursor) {
            low = base + BO_ROOM_SEGMENT;
        }
    }

    if (room->cursor >= base) {
        room->passed = gone;
    }

    /* What is below counts no more, for those above and for the cursor. */

    if (low != room->low) {
        room->low = low;
        bo_room_count(room);
    }
}


static void
bo_room_count_segment(bo_room_t *room, bo_room_segment_t *seg,
    uint64_t before)
{
    unsigned  i;

    seg->before = before;

    for (i = 0; i < BO_ROOM_WORDS; i++) {
        room->nwaiting += bo_room_ones(seg->used[i] & ~seg->admitted[i]);
        room->nadmitted += bo_room_ones(seg->used[i] & seg->admitted[i]);
    }
}


/* Nobody has a place in it, and nobody's rank will be looked for in it. */

static bool
bo_room_is_done(const bo_room_t *room, bo_room_segment_t *seg)
{
    unsigned  i;
    uint64_t  end;

    end = seg->base + BO_ROOM_SEGMENT;

    if (end > room->cursor || end > room->known
        || (end > room->draw_first && seg->base < room->draw_end))
    {
        return false;
    }

    for (i = 0; i < BO_ROOM_WORDS; i++) {
        if (seg->used[i]) {
            return false;
        }
    }

    return true;
}


const char *
bo_room_check(const bo_room_t *room)
{
    const char  *wrong;

    if (room->version != BO_ROOM_VERSION) {
        return "another version";
    }

    if (room->block.end
        && room->block.first + room->block.used > room->block.end)
    {
        return "more numbers given than the block has";
    }

    if (room->cursor < room->low) {
        return "the cursor is below everything";
    }

    wrong = bo_room_check_segments(room);

    return wrong ? wrong : bo_room_check_chains(room);
}


static const char *
bo_room_check_segments(const bo_room_t *room)
{
    uint32_t            i;
    bo_room_segment_t  *seg;

    for (i = 0; i < room->nsegments; i++) {
        seg = &room->segments[i];

        if (seg->base == BO_ROOM_NONE) {
            continue;
        }

        if (seg->base % BO_ROOM_SEGMENT || seg->base >= room->next + 65536) {
            return "a segment of impossible numbers";
        }

        if (bo_room_segment(room, seg->base) != seg) {
            return "a segment that its slot does not lead to";
        }
    }

    return NULL;
}


static const char *
bo_room_check_chains(const bo_room_t *room)
{
    uint32_t  i, n, b;

    for (b = 0; b < room->nbuckets; b++) {
        n = 0;

        for (i = room->buckets[b]; i; i = room->places[i - 1].next) {

            if (i > room->nsegments * BO_ROOM_SEGMENT) {
                return "a chain that leads nowhere";
            }

            if (++n > room->nsegments * BO_ROOM_SEGMENT) {
                return "a chain without an end";
            }

            if (room->places[i - 1].id == 0
                && bo_room_is_used(room, i - 1))
            {
                return "a place of nobody";
            }

            if (room->places[i - 1].id
                && bo_room_bucket(room, room->places[i - 1].id)
                   != &room->buckets[b])
            {
                return "a place in another's chain";
            }
        }
    }

    return NULL;
}
