
/*
 * Availability in its smallest form: a character for four seats, and lists of
 * the seats that have changed.
 *
 * The text: seats 4i..4i+3 are the number a + 3b + 9c + 27d of their states, 0
 * available, 1 held, 2 booked or never for sale, and 0 beyond the end.  It is
 * written as the character 35 more, and one more again from 92 on: so neither
 * '"' nor '\' occurs, and JSON takes it as it is.
 *
 * What has changed: for each seat the time of its last change, for each block
 * of seats the latest of these, so that few of a stadium's seats are looked
 * at.  Times are any numbers that rise; 0 is before all of them.
 */


#ifndef _BO_AVAILABILITY_H_INCLUDED_
#define _BO_AVAILABILITY_H_INCLUDED_


#include "bo_state.h"


/* Returns the bytes of the text of nseats seats; no NUL is written. */
size_t bo_availability_len(uint32_t nseats);

/*
 * Writes the text of a show, each seat as bo_seat_state() says.
 * map: len bytes, see bo_state.h.
 */
void bo_availability_write(char *text, const bo_layout_t *layout,
    const uint8_t *map, size_t len);

/*
 * Writes one seat over, whatever it was.
 * seat_no: within the text, the caller's duty.
 */
void bo_availability_set(char *text, uint32_t seat_no, bo_seat_state_e state);

/*
 * Reads one seat: BO_SEAT_AVAILABLE, _HELD or _BOOKED.
 * seat_no: within the text, the caller's duty.
 */
bo_seat_state_e bo_availability_get(const char *text, uint32_t seat_no);

/* Returns the number of blocks of nseats seats. */
uint32_t bo_availability_blocks(uint32_t nseats);

/*
 * Notes that a seat changes at a time that is no earlier than any before.
 * changed: a number a seat; latest: one a block.
 */
void bo_availability_note(uint32_t *changed, uint32_t *latest,
    uint32_t seat_no, uint32_t when);

/*
 * Writes the seats that changed after since, by the state that they have now:
 * ,"available":[4],"held":[17,18],"booked":[3] without the lists that are
 * empty; nothing has changed: nothing is written.
 *
 * Returns the bytes written, no NUL, or -1 when they are more than size.
 */
int bo_availability_changes(char *out, size_t size, const uint32_t *changed,
    const uint32_t *latest, uint32_t nseats, uint32_t since,
    const uint8_t *map, size_t len);


#endif /* _BO_AVAILABILITY_H_INCLUDED_ */
