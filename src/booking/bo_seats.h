
/*
 * The seats of one request: a small set of seat numbers, always sorted.
 * Sorted, because seats are locked in this order everywhere: two requests for
 * the same seats can then not wait for each other.
 */


#ifndef _BO_SEATS_H_INCLUDED_
#define _BO_SEATS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_MAX_SEATS          64

/* The greatest seat number; a layout has 65,535 seats at most. */
#define BO_SEAT_NO_MAX        65534

/* What bo_seats_format() writes at most: 64 numbers and 63 commas. */
#define BO_SEATS_TEXT_MAX     (BO_MAX_SEATS * 6 - 1)

#define BO_SEATS_DUPLICATE    (-1)
#define BO_SEATS_FULL         (-2)
#define BO_SEATS_MALFORMED    (-3)


/* A set with n == 0 is empty, whatever is in no[]. */

typedef struct {
    uint32_t               n;                   /* 0..BO_MAX_SEATS */
    uint32_t               no[BO_MAX_SEATS];    /* ascending, all different */
} bo_seats_t;


/*
 * Adds seat_no (0..BO_SEAT_NO_MAX, the caller's duty).
 * Returns 0, BO_SEATS_DUPLICATE when it is there already, or BO_SEATS_FULL;
 * the set is unchanged then.
 */
int bo_seats_add(bo_seats_t *seats, uint32_t seat_no);

/* Returns 1 when seat_no is in the set, else 0. */
int bo_seats_has(const bo_seats_t *seats, uint32_t seat_no);

/* Returns 1 when both hold the same seats, else 0. */
int bo_seats_equal(const bo_seats_t *a, const bo_seats_t *b);

/* Returns 1 when at least one seat is in both, else 0. */
int bo_seats_intersects(const bo_seats_t *a, const bo_seats_t *b);

/* Sets out to the seats of a that are not in b.  out may be a or b. */
void bo_seats_minus(bo_seats_t *out, const bo_seats_t *a, const bo_seats_t *b);

/*
 * Reads "1,2,3", or "{1,2,3}" as PostgreSQL writes an int[]; "" and "{}" are
 * the empty set.  The numbers may come in any order, 0..BO_SEAT_NO_MAX each,
 * decimal, without sign, leading zeros or spaces.
 *
 * Returns 0, BO_SEATS_MALFORMED, BO_SEATS_DUPLICATE or BO_SEATS_FULL;
 * *seats is undefined then.
 */
int bo_seats_parse(bo_seats_t *seats, const char *s, size_t len);

/*
 * Writes "1,2,3" without a NUL, BO_SEATS_TEXT_MAX bytes at most.
 * Returns the number of bytes written.
 */
size_t bo_seats_format(char *out, const bo_seats_t *seats);


#endif /* _BO_SEATS_H_INCLUDED_ */
