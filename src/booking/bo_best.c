
/*
 * A window of count seats moves over each run of seats that may be had.
 */


#include "bo_best.h"

#include <string.h>


typedef struct {
    const bo_layout_t     *layout;
    const uint8_t         *map;
    size_t                 len;
    const bo_best_want_t  *want;
    uint32_t               categories;  /* by price as well */

    int                    found;       /* the best so far: */
    int                    kind;        /* 2 accessible + 1 strands */
    uint64_t               sum;         /* of ranks */
    uint32_t               first;       /* seat */
} bo_best_search_t;


typedef struct {
    uint32_t               run;         /* seats together up to here */
    uint64_t               sum;         /* of ranks, of the last count */
    uint32_t               accessible;  /* of these */
} bo_best_window_t;


static int bo_best_move(const bo_best_search_t *search,
    bo_best_window_t *window, uint32_t i);
static void bo_best_offer(bo_best_search_t *search,
    const bo_best_window_t *window, uint32_t i);
static int bo_best_better(const bo_best_search_t *search, int kind,
    uint64_t sum);
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
    uint32_t            i;
    bo_best_window_t    window;
    bo_best_search_t    search;

    search.layout = layout;
    search.map = map;
    search.len = len;
    search.want = want;
    search.categories = bo_best_categories(&search);
    search.found = 0;

    memset(&window, 0, sizeof(window));

    for (i = 0; i < layout->nseats; i++) {
        if (bo_best_move(&search, &window, i)) {
            bo_best_offer(&search, &window, i);
        }
    }

    if (!search.found) {
        return -1;
    }

    best->accessible = search.kind >> 1;
    best->strands = search.kind & 1;
    best->seats.n = want->count;

    for (i = 0; i < want->count; i++) {
        best->seats.no[i] = search.first + i;
    }

    return 0;
}


/* Moves the window on to a seat; 1 when it is full. */

static int
bo_best_move(const bo_best_search_t *search, bo_best_window_t *window,
    uint32_t i)
{
    const bo_seat_t       *seat, *gone;
    const bo_best_want_t  *want = search->want;

    seat = &search->layout->seats[i];

    if (!seat->joined) {
        window->run = 0;
    }

    if (!(search->categories & (UINT32_C(1) << seat->category))
        || !bo_best_free(search, i))
    {
        window->run = 0;
        return 0;
    }

    if (window->run == 0) {
        window->sum = 0;
        window->accessible = 0;
    }

    window->run++;
    window->sum += seat->rank;
    window->accessible += bo_best_last(want, seat);

    if (window->run > want->count) {
        gone = seat - want->count;
        window->sum -= gone->rank;
        window->accessible -= bo_best_last(want, gone);
    }

    return window->run >= want->count;
}


/*
 * Takes the window that ends at the seat, if it is better.  What it strands
 * is looked at last: it can only make it worse.
 */

static void
bo_best_offer(bo_best_search_t *search, const bo_best_window_t *window,
    uint32_t i)
{
    int       kind;
    uint32_t  first;

    kind = window->accessible ? 2 : 0;
    first = i + 1 - search->want->count;

    if (!bo_best_better(search, kind, window->sum)) {
        return;
    }

    kind += bo_best_strands(search, first, i);

    if (bo_best_better(search, kind, window->sum)) {
        search->found = 1;
        search->kind = kind;
        search->sum = window->sum;
        search->first = first;
    }
}


static int
bo_best_better(const bo_best_search_t *search, int kind, uint64_t sum)
{
    return !search->found || kind < search->kind
           || (kind == search->kind && sum < search->sum);
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
