
#include "bo_price.h"


int
bo_price_total(const bo_layout_t *layout, const bo_seats_t *seats,
    int64_t *amount)
{
    int64_t           sum;
    uint32_t          i;
    const bo_seat_t  *seat;

    sum = 0;

    for (i = 0; i < seats->n; i++) {

        if (seats->no[i] >= layout->nseats) {
            return -1;
        }

        seat = &layout->seats[seats->no[i]];

        if (__builtin_add_overflow(sum,
                                   layout->categories[seat->category].price,
                                   &sum))
        {
            return -1;
        }
    }

    *amount = sum;

    return 0;
}
