
/*
 * The orphan rule.
 */


#include "bo_orphan.h"


typedef struct {
    const bo_layout_t     *layout;
    const uint8_t         *map;
    size_t                 len;
    const bo_seats_t      *chosen;
    const bo_seats_t      *own;
} bo_orphan_hall_t;


static void bo_orphan_collect(const bo_orphan_hall_t *hall,
    bo_seats_t *stranded);
static int bo_orphan_alone(const bo_orphan_hall_t *hall, uint32_t seat);
static int bo_orphan_left(const bo_orphan_hall_t *hall, uint32_t seat);
static int bo_orphan_free(const bo_orphan_hall_t *hall, uint32_t seat);
static int bo_orphan_choice(const bo_orphan_hall_t *hall);


int
bo_orphan(const bo_layout_t *layout, const uint8_t *map, size_t len,
    const bo_seats_t *chosen, const bo_seats_t *own, bo_seats_t *stranded)
{
    bo_orphan_hall_t  hall;

    hall.layout = layout;
    hall.map = map;
    hall.len = len;
    hall.chosen = chosen;
    hall.own = own;

    stranded->n = 0;
    bo_orphan_collect(&hall, stranded);

    return stranded->n && bo_orphan_choice(&hall);
}


/* Only a neighbour of a chosen seat that is free can become single. */

static void
bo_orphan_collect(const bo_orphan_hall_t *hall, bo_seats_t *stranded)
{
    uint32_t          i, seat;
    const bo_seat_t  *seats = hall->layout->seats;

    for (i = 0; i < hall->chosen->n; i++) {
        seat = hall->chosen->no[i];

        if (!bo_orphan_free(hall, seat)) {
            continue;
        }

        if (seats[seat].joined && bo_orphan_alone(hall, seat - 1)) {
            (void) bo_seats_add(stranded, seat - 1);
        }

        if (seat + 1 < hall->layout->nseats && seats[seat + 1].joined
            && bo_orphan_alone(hall, seat + 1))
        {
            (void) bo_seats_add(stranded, seat + 1);
        }
    }
}


/* Whether a seat would be free, and no neighbour of it. */

static int
bo_orphan_alone(const bo_orphan_hall_t *hall, uint32_t seat)
{
    const bo_seat_t  *seats = hall->layout->seats;

    return bo_orphan_left(hall, seat)
           && !(seats[seat].joined && bo_orphan_left(hall, seat - 1))
           && !(seat + 1 < hall->layout->nseats && seats[seat + 1].joined
                && bo_orphan_left(hall, seat + 1));
}


/* Whether a seat would still be free when the chosen ones are taken. */

static int
bo_orphan_left(const bo_orphan_hall_t *hall, uint32_t seat)
{
    return !bo_seats_has(hall->chosen, seat) && bo_orphan_free(hall, seat);
}


static int
bo_orphan_free(const bo_orphan_hall_t *hall, uint32_t seat)
{
    return bo_seat_state(hall->layout, hall->map, hall->len, seat)
           == BO_SEAT_AVAILABLE
           || (hall->own && bo_seats_has(hall->own, seat));
}


/* Whether as many seats could be had without stranding any. */

static int
bo_orphan_choice(const bo_orphan_hall_t *hall)
{
    uint32_t          i;
    bo_best_t         best;
    bo_best_want_t    want;
    const bo_seat_t  *seat;

    want.count = hall->chosen->n;
    want.categories = 0;
    want.min_price = 0;
    want.max_price = INT64_MAX;
    want.taken = NULL;
    want.own = hall->own;
    want.accessible = 0;

    for (i = 0; i < hall->chosen->n; i++) {
        seat = &hall->layout->seats[hall->chosen->no[i]];

        want.categories |= UINT32_C(1) << seat->category;
        want.accessible |= (seat->kind == BO_KIND_ACCESSIBLE);
    }

    return bo_best(hall->layout, hall->map, hall->len, &want, &best) == 0
           && !best.strands && !best.accessible;
}
