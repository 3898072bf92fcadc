
/*
 * Best available: so many seats together, the best first.
 */


#ifndef _BO_BEST_H_INCLUDED_
#define _BO_BEST_H_INCLUDED_


#include "bo_rows.h"
#include "bo_seats.h"
#include "bo_state.h"


/* What is looked for. */

typedef struct {
    uint32_t               count;       /* 1..BO_MAX_SEATS */
    uint32_t               categories;  /* bit i: of the i-th; ~0 for all */
    int64_t                min_price;   /* of a seat, both included */
    int64_t                max_price;
    const uint8_t         *taken;       /* a map: others are about to hold */
    const bo_seats_t      *own;         /* count as free, or NULL */
    unsigned               accessible:1;    /* such seats are like others */
} bo_best_want_t;


/* What was found. */

typedef struct {
    bo_seats_t             seats;
    unsigned               accessible:1;    /* it has accessible seats */
    unsigned               strands:1;       /* it leaves a single seat */
} bo_best_t;


/*
 * Finds the best seats together.
 *
 * map: two bits a seat, len bytes, see bo_state.h; want->taken has as many.
 *
 * Seats that leave a free seat single, between them and a taken seat or the
 * end of its row, come after all that do not; accessible seats come last of
 * all, for who needs them has no others, unless want->accessible.  Within each,
 * the lower sum of ranks is better.
 *
 * Returns 0, or -1 when no so many are together.  O(seats of the layout): a
 * stadium of 50,000 takes about a third of a millisecond.
 */
int bo_best(const bo_layout_t *layout, const uint8_t *map, size_t len,
    const bo_best_want_t *want, bo_best_t *best);


#endif /* _BO_BEST_H_INCLUDED_ */
