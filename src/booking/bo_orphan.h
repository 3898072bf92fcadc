
/*
 * The orphan rule: nobody may take seats so that a single free seat is left
 * between them and a taken one, or the end of its row.  Nobody buys it.
 */


#ifndef _BO_ORPHAN_H_INCLUDED_
#define _BO_ORPHAN_H_INCLUDED_


#include "bo_best.h"


/*
 * Whether taking the chosen seats strands others.
 *
 * map: two bits a seat, len bytes, see bo_state.h.
 * own: seats that the user gives back for these, or NULL.
 *
 * A seat that was single before is not held against anybody, nor is what a
 * chosen seat does that is not free: whose that is will be seen.  The rule does
 * not apply when no other choice of as many seats together, in the categories
 * of the chosen ones, avoids it; accessible seats are no choice for those who
 * did not choose one.
 *
 * Returns 0 when they may be taken; 1, and *stranded has the seats that would
 * be left alone.  Where the rule is kept it looks at the neighbours of the
 * chosen seats only; else it costs what bo_best() costs.
 */
int bo_orphan(const bo_layout_t *layout, const uint8_t *map, size_t len,
    const bo_seats_t *chosen, const bo_seats_t *own, bo_seats_t *stranded);


#endif /* _BO_ORPHAN_H_INCLUDED_ */
