
#include <assert.h>
#include <string.h>

#include "bo_state.h"


static const struct {
    const char  *name;
    size_t       len;
} bo_seat_state_names[BO_SEAT_STATES] = {
    { "AVAILABLE", sizeof("AVAILABLE") - 1 },
    { "HELD", sizeof("HELD") - 1 },
    { "BOOKED", sizeof("BOOKED") - 1 },
    { "UNAVAILABLE", sizeof("UNAVAILABLE") - 1 }
};


static unsigned bo_map_shift(uint32_t seat_no);


size_t
bo_map_size(uint32_t nseats)
{
    return nseats / 4 + (nseats % 4 != 0);
}


bo_seat_state_e
bo_map_get(const uint8_t *map, size_t len, uint32_t seat_no)
{
    if (seat_no / 4 >= len) {
        return BO_SEAT_AVAILABLE;
    }

    return (bo_seat_state_e) (map[seat_no / 4] >> bo_map_shift(seat_no) & 3);
}


int
bo_map_set(uint8_t *map, size_t len, uint32_t seat_no, bo_seat_state_e state)
{
    uint8_t   *byte;
    unsigned   shift;

    if (seat_no / 4 >= len) {
        return -1;
    }

    byte = &map[seat_no / 4];
    shift = bo_map_shift(seat_no);

    *byte = (uint8_t) ((*byte & ~(3u << shift)) | (unsigned) state << shift);

    return 0;
}


bo_seat_state_e
bo_seat_state(const bo_layout_t *layout, const uint8_t *map, size_t len,
    uint32_t seat_no)
{
    if (!bo_layout_sellable(layout, seat_no)) {
        return BO_SEAT_UNAVAILABLE;
    }

    return bo_map_get(map, len, seat_no);
}


const char *
bo_seat_state_name(bo_seat_state_e state)
{
    return bo_seat_state_names[state].name;
}


size_t
bo_seat_state_name_len(bo_seat_state_e state)
{
    return bo_seat_state_names[state].len;
}


void
bo_stats_count(bo_stats_t *stats, const bo_layout_t *layout,
    const uint8_t *map, size_t len)
{
    uint32_t         i, s;
    bo_count_t      *count;
    bo_seat_state_e  state;

    memset(stats, 0, sizeof(bo_stats_t));

    stats->ncategories = layout->ncategories;

    for (i = 0; i < layout->nseats; i++) {
        state = bo_seat_state(layout, map, len, i);
        stats->category[layout->seats[i].category].state[state]++;
    }

    for (i = 0; i < stats->ncategories; i++) {
        count = &stats->category[i];

        for (s = 0; s < BO_SEAT_STATES; s++) {
            count->total += count->state[s];
            stats->all.state[s] += count->state[s];
        }

        stats->all.total += count->total;
    }
}


void
bo_stats_move(bo_stats_t *stats, const bo_layout_t *layout, uint32_t seat_no,
    bo_seat_state_e from, bo_seat_state_e to)
{
    bo_count_t  *count;

    assert(seat_no < layout->nseats);

    count = &stats->category[layout->seats[seat_no].category];

    assert(count->state[from] > 0 && stats->all.state[from] > 0);

    count->state[from]--;
    count->state[to]++;

    stats->all.state[from]--;
    stats->all.state[to]++;
}


/* Seat 0 of the four in a byte is at its most significant bits. */

static unsigned
bo_map_shift(uint32_t seat_no)
{
    return 6 - 2 * (seat_no & 3);
}
