
/*
 * The states of a show's seats, two bits each, and their statistics.
 *
 * The map is laid out as Redis' BITFIELD u2 #n does it: the state of seat n is
 * at bit 2n, counted from the most significant bit of byte 0.
 */


#ifndef _BO_STATE_H_INCLUDED_
#define _BO_STATE_H_INCLUDED_


#include "bo_layout.h"


typedef enum {
    BO_SEAT_AVAILABLE = 0,
    BO_SEAT_HELD = 1,
    BO_SEAT_BOOKED = 2,
    BO_SEAT_UNAVAILABLE = 3
} bo_seat_state_e;

#define BO_SEAT_STATES   4


typedef struct {
    uint32_t               total;
    uint32_t               state[BO_SEAT_STATES];
} bo_count_t;


typedef struct {
    bo_count_t             all;
    uint32_t               ncategories;
    bo_count_t             category[BO_LAYOUT_MAX_CATEGORIES];
} bo_stats_t;


/* Returns the bytes of a map of nseats seats. */
size_t bo_map_size(uint32_t nseats);

/*
 * Returns the state of a seat in a map of len bytes.  Bytes beyond the map
 * count as available, for Redis grows its string only as far as it was written.
 */
bo_seat_state_e bo_map_get(const uint8_t *map, size_t len, uint32_t seat_no);

/*
 * Sets the state of a seat.  Returns 0, or -1 when the seat is beyond the len
 * bytes of the map.
 */
int bo_map_set(uint8_t *map, size_t len, uint32_t seat_no,
    bo_seat_state_e state);

/*
 * Returns the state that clients see: UNAVAILABLE for a seat that the layout
 * does not sell, whatever the map says, else the map's.
 * seat_no: 0..nseats-1 of the layout, the caller's duty.
 */
bo_seat_state_e bo_seat_state(const bo_layout_t *layout, const uint8_t *map,
    size_t len, uint32_t seat_no);

/*
 * Returns "AVAILABLE", "HELD", "BOOKED" or "UNAVAILABLE", NUL-terminated.
 */
const char *bo_seat_state_name(bo_seat_state_e state);

/* Returns the length of that name in bytes. */
size_t bo_seat_state_name_len(bo_seat_state_e state);

/* Counts all seats of a show, each by what bo_seat_state() says. */
void bo_stats_count(bo_stats_t *stats, const bo_layout_t *layout,
    const uint8_t *map, size_t len);

/*
 * Moves one seat from a state to another, both as bo_seat_state() says, so
 * that a change costs nothing by the size of the hall.
 * seat_no: 0..nseats-1 of the layout, the caller's duty.
 */
void bo_stats_move(bo_stats_t *stats, const bo_layout_t *layout,
    uint32_t seat_no, bo_seat_state_e from, bo_seat_state_e to);


#endif /* _BO_STATE_H_INCLUDED_ */
