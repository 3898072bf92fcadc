
/*
 * A window of count seats moves over each run of seats that may be had.
 */


#include "bo_best.h"


typedef struct {
    const bo_layout_t     *layout;
    const uint8_t         *map;
    size_t                 len;
    const bo_best_want_t  *want;
    uint32_t               categories;  /* by price as well */
} bo_best_search_t;


static uint32_t bo_best_categories(const bo_best_search_t *search);
static uint32_t bo_best_last(const bo_best_want_t *want,
    const bo_seat_t *seat);
static int bo_best_free(const bo_best_search_t *search, uint32_t seat);
static int bo_best_strands(const bo_best_search_t *search, uint32_t first,
    uint32_t last);
static int bo_best_single_below(const bo_best_search_t *search,
    uint32_t first);
static int bo_best_single_above(const bo_best_search_t *search,
    uint32_t last);


int
bo_best(const bo_layout_t *layout, const uint8_t *map, size_t len,
    const bo_best_want_t *want, bo_best_t *best)
{
    int                found, kind, found_kind;
    uint64_t           sum, found_sum;
    uint32_t           i, run, first, accessible, found_first;
    const bo_seat_t   *seat;
    bo_best_search_t   search;

    search.layout = layout;
    search.map = map;
    search.len = len;
    search.want = want;
    search.categories = bo_best_categories(&search);

    found = 0;
    found_kind = 0;
    found_sum = 0;
    found_first = 0;

    run = 0;
    sum = 0;
    accessible = 0;

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        if (!seat->joined) {
            run = 0;
        }

        if (!(search.categories & (UINT32_C(1) << seat->category))
            || !bo_best_free(&search, i))
        {
            run = 0;
            continue;
        }

        if (run == 0) {
            sum = 0;
            accessible = 0;
        }

        run++;
        sum += seat->rank;
        accessible += bo_best_last(want, seat);

        if (run > want->count) {
            sum -= seat[-(int) want->count].rank;
            accessible -= bo_best_last(want, &seat[-(int) want->count]);
        }

        if (run < want->count) {
            continue;
        }

        first = i + 1 - want->count;
        kind = accessible ? 2 : 0;

        if (found && (kind > found_kind
                      || (kind == found_kind && sum >= found_sum)))
        {
            continue;    /* whatever it strands */
        }

        kind += bo_best_strands(&search, first, i);

        if (!found || kind < found_kind
            || (kind == found_kind && sum < found_sum))
        {
            found = 1;
            found_kind = kind;
            found_sum = sum;
            found_first = first;
        }
    }

    if (!found) {
        return -1;
    }

    best->accessible = found_kind >> 1;
    best->strands = found_kind & 1;
    best->seats.n = want->count;

    for (i = 0; i < want->count; i++) {
        best->seats.no[i] = found_first + i;
    }

    return 0;
}


static uint32_t
bo_best_categories(const bo_best_search_t *search)
{
    uint32_t              i, categories;
    const bo_category_t  *category;

    categories = 0;

    for (i = 0; i < search->layout->ncategories; i++) {
        category = &search->layout->categories[i];

        if ((search->want->categories & (UINT32_C(1) << i))
            && category->price >= search->want->min_price
            && category->price <= search->want->max_price)
        {
            categories |= UINT32_C(1) << i;
        }
    }

    return categories;
}


/* Whether a seat is to be given last. */

static uint32_t
bo_best_last(const bo_best_want_t *want, const bo_seat_t *seat)
{
    return seat->kind == BO_KIND_ACCESSIBLE && !want->accessible;
}


static int
bo_best_free(const bo_best_search_t *search, uint32_t seat)
{
    const bo_best_want_t  *want = search->want;

    if (bo_seat_state(search->layout, search->map, search->len, seat)
        != BO_SEAT_AVAILABLE
        && !(want->own && bo_seats_has(want->own, seat)))
    {
        return 0;
    }

    return want->taken == NULL
           || bo_map_get(want->taken, search->len, seat) == BO_SEAT_AVAILABLE;
}


static int
bo_best_strands(const bo_best_search_t *search, uint32_t first, uint32_t last)
{
    return bo_best_single_below(search, first)
           || bo_best_single_above(search, last);
}


/* Whether the seat before the first one would be left alone. */

static int
bo_best_single_below(const bo_best_search_t *search, uint32_t first)
{
    const bo_seat_t  *seats = search->layout->seats;

    return seats[first].joined
           && bo_best_free(search, first - 1)
           && !(seats[first - 1].joined && bo_best_free(search, first - 2));
}


static int
bo_best_single_above(const bo_best_search_t *search, uint32_t last)
{
    uint32_t          n;
    const bo_seat_t  *seats = search->layout->seats;

    n = search->layout->nseats;

    return last + 1 < n
           && seats[last + 1].joined
           && bo_best_free(search, last + 1)
           && !(last + 2 < n && seats[last + 2].joined
                && bo_best_free(search, last + 2));
}
