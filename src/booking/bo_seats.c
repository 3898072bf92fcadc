
#include <assert.h>
#include <string.h>

#include "bo_seats.h"


static uint32_t bo_seats_place(const bo_seats_t *seats, uint32_t seat_no);


int
bo_seats_add(bo_seats_t *seats, uint32_t seat_no)
{
    uint32_t  i;

    assert(seat_no <= BO_SEAT_NO_MAX);

    i = bo_seats_place(seats, seat_no);

    if (i < seats->n && seats->no[i] == seat_no) {
        return BO_SEATS_DUPLICATE;
    }

    if (seats->n == BO_MAX_SEATS) {
        return BO_SEATS_FULL;
    }

    memmove(&seats->no[i + 1], &seats->no[i],
            (seats->n - i) * sizeof(seats->no[0]));

    seats->no[i] = seat_no;
    seats->n++;

    return 0;
}


int
bo_seats_has(const bo_seats_t *seats, uint32_t seat_no)
{
    uint32_t  i;

    i = bo_seats_place(seats, seat_no);

    return i < seats->n && seats->no[i] == seat_no;
}


int
bo_seats_equal(const bo_seats_t *a, const bo_seats_t *b)
{
    return a->n == b->n && memcmp(a->no, b->no, a->n * sizeof(a->no[0])) == 0;
}


int
bo_seats_intersects(const bo_seats_t *a, const bo_seats_t *b)
{
    uint32_t  i, j;

    i = 0;
    j = 0;

    while (i < a->n && j < b->n) {

        if (a->no[i] == b->no[j]) {
            return 1;
        }

        if (a->no[i] < b->no[j]) {
            i++;

        } else {
            j++;
        }
    }

    return 0;
}


void
bo_seats_minus(bo_seats_t *out, const bo_seats_t *a, const bo_seats_t *b)
{
    uint32_t    i;
    bo_seats_t  left;

    /* out may be a or b */

    left.n = 0;

    for (i = 0; i < a->n; i++) {
        if (!bo_seats_has(b, a->no[i])) {
            left.no[left.n++] = a->no[i];
        }
    }

    out->n = left.n;
    memcpy(out->no, left.no, left.n * sizeof(left.no[0]));
}


int
bo_seats_parse(bo_seats_t *seats, const char *s, size_t len)
{
    int          rc;
    uint32_t     value;
    const char  *p, *end, *start;

    seats->n = 0;

    if (len >= 2 && s[0] == '{' && s[len - 1] == '}') {
        s++;
        len -= 2;
    }

    if (len == 0) {
        return 0;
    }

    p = s;
    end = s + len;

    for ( ;; ) {

        start = p;
        value = 0;

        while (p < end && *p >= '0' && *p <= '9') {

            value = value * 10 + (uint32_t) (*p++ - '0');

            if (value > BO_SEAT_NO_MAX) {
                return BO_SEATS_MALFORMED;
            }
        }

        if (p == start || (*start == '0' && p - start > 1)) {
            return BO_SEATS_MALFORMED;
        }

        rc = bo_seats_add(seats, value);
        if (rc != 0) {
            return rc;
        }

        if (p == end) {
            return 0;
        }

        if (*p++ != ',') {
            return BO_SEATS_MALFORMED;
        }
    }
}


size_t
bo_seats_format(char *out, const bo_seats_t *seats)
{
    char      digits[10], *p;
    size_t    n;
    uint32_t  i, value;

    p = out;

    for (i = 0; i < seats->n; i++) {

        if (i > 0) {
            *p++ = ',';
        }

        n = 0;
        value = seats->no[i];

        do {
            digits[n++] = (char) ('0' + value % 10);
            value /= 10;
        } while (value);

        while (n) {
            *p++ = digits[--n];
        }
    }

    return (size_t) (p - out);
}


/* Returns the index of the first number that is not less than seat_no. */

static uint32_t
bo_seats_place(const bo_seats_t *seats, uint32_t seat_no)
{
    uint32_t  low, high, middle;

    low = 0;
    high = seats->n;

    while (low < high) {
        middle = (low + high) / 2;

        if (seats->no[middle] < seat_no) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}
