
/*
 * What the layout says of seats beside each other, and which are better.
 *
 * Seats are together when their numbers follow each other, in one row of one
 * section, at neighbouring places: a gap, an aisle or the end of a row parts
 * them.  A broken or a house seat parts them as a taken one does.
 *
 * The rank is the layout's own: the square of the distance to the best place,
 * which is in the middle of a section's width, at two thirds of its depth as
 * seen from the front, where a row counts one and a half times a seat.  Seats
 * without a section are one section.  Of equal ones the lower number is better.
 */


#ifndef _BO_ROWS_H_INCLUDED_
#define _BO_ROWS_H_INCLUDED_


#include "bo_layout.h"


/*
 * Sets joined and rank of all seats; bo_layout_parse() does it at its end.
 * O(n).
 */
void bo_rows_rank(bo_layout_t *layout);


#endif /* _BO_ROWS_H_INCLUDED_ */
