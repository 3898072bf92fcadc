
/* What the seats of an order cost.  Amounts never come from a client. */


#ifndef _BO_PRICE_H_INCLUDED_
#define _BO_PRICE_H_INCLUDED_


#include "bo_layout.h"
#include "bo_seats.h"


/*
 * Adds up the prices of seats, in minor units of the show's currency.
 *
 * Returns 0, or -1 when a seat is not in the layout or the sum does not fit
 * into an int64_t; *amount is left alone then.
 */
int bo_price_total(const bo_layout_t *layout, const bo_seats_t *seats,
    int64_t *amount);


#endif /* _BO_PRICE_H_INCLUDED_ */
