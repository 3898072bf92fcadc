
/*
 * Availability as texts.
 */


#include "bo_availability.h"

#include <string.h>


#define BO_AVAILABILITY_FIRST   35
#define BO_AVAILABILITY_SKIP    92      /* '\' */

#define BO_AVAILABILITY_BLOCK   64      /* seats */

/* ",65534" */
#define BO_AVAILABILITY_NUMBER  6


static const uint8_t  bo_availability_weight[] = { 1, 3, 9, 27 };


static uint8_t bo_availability_decode(char c);
static char bo_availability_encode(uint8_t value);
static char *bo_availability_list(char *p, char *last, const char *name,
    bo_seat_state_e state, const uint32_t *changed, const uint32_t *latest,
    uint32_t nseats, uint32_t since, const uint8_t *map, size_t len);
static char *bo_availability_number(char *p, uint32_t n);


size_t
bo_availability_len(uint32_t nseats)
{
    return ((size_t) nseats + 3) / 4;
}


void
bo_availability_write(char *text, const bo_layout_t *layout,
    const uint8_t *map, size_t len)
{
    uint32_t  seat;

    memset(text, bo_availability_encode(0),
           bo_availability_len(layout->nseats));

    for (seat = 0; seat < layout->nseats; seat++) {
        bo_availability_set(text, seat, bo_seat_state(layout, map, len, seat));
    }
}


void
bo_availability_set(char *text, uint32_t seat_no, bo_seat_state_e state)
{
    uint8_t  value, weight, was, is;

    weight = bo_availability_weight[seat_no % 4];
    value = bo_availability_decode(text[seat_no / 4]);

    was = value / weight % 3;
    is = state == BO_SEAT_UNAVAILABLE ? BO_SEAT_BOOKED : state;

    text[seat_no / 4] = bo_availability_encode(value - was * weight
                                               + is * weight);
}


bo_seat_state_e
bo_availability_get(const char *text, uint32_t seat_no)
{
    uint8_t  value;

    value = bo_availability_decode(text[seat_no / 4]);

    return (bo_seat_state_e) (value / bo_availability_weight[seat_no % 4] % 3);
}


static uint8_t
bo_availability_decode(char c)
{
    uint8_t  code;

    code = (uint8_t) c;

    return code - BO_AVAILABILITY_FIRST - (code > BO_AVAILABILITY_SKIP);
}


static char
bo_availability_encode(uint8_t value)
{
    uint8_t  code;

    code = value + BO_AVAILABILITY_FIRST;

    return (char) (code + (code >= BO_AVAILABILITY_SKIP));
}


uint32_t
bo_availability_blocks(uint32_t nseats)
{
    return (nseats + BO_AVAILABILITY_BLOCK - 1) / BO_AVAILABILITY_BLOCK;
}


void
bo_availability_note(uint32_t *changed, uint32_t *latest, uint32_t seat_no,
    uint32_t when)
{
    changed[seat_no] = when;
    latest[seat_no / BO_AVAILABILITY_BLOCK] = when;
}


int
bo_availability_changes(char *out, size_t size, const uint32_t *changed,
    const uint32_t *latest, uint32_t nseats, uint32_t since,
    const uint8_t *map, size_t len)
{
    char    *p, *last;
    size_t   i;

    static const struct {
        const char       *name;
        bo_seat_state_e   state;
    } lists[] = {
        { ",\"available\":[", BO_SEAT_AVAILABLE },
        { ",\"held\":[", BO_SEAT_HELD },
        { ",\"booked\":[", BO_SEAT_BOOKED }
    };

    p = out;
    last = out + size;

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        p = bo_availability_list(p, last, lists[i].name, lists[i].state,
                                 changed, latest, nseats, since, map, len);
        if (p == NULL) {
            return -1;
        }
    }

    return (int) (p - out);
}


/* Returns where it stopped, or NULL when there was no room. */

static char *
bo_availability_list(char *p, char *last, const char *name,
    bo_seat_state_e state, const uint32_t *changed, const uint32_t *latest,
    uint32_t nseats, uint32_t since, const uint8_t *map, size_t len)
{
    size_t    n;
    uint32_t  seat;
    unsigned  begun;

    n = strlen(name);
    begun = 0;

    for (seat = 0; seat < nseats; seat++) {

        if (seat % BO_AVAILABILITY_BLOCK == 0
            && latest[seat / BO_AVAILABILITY_BLOCK] <= since)
        {
            seat += BO_AVAILABILITY_BLOCK - 1;
            continue;
        }

        if (changed[seat] <= since || bo_map_get(map, len, seat) != state) {
            continue;
        }

        /* the bracket that ends the list needs room as well */

        if ((size_t) (last - p) < n + BO_AVAILABILITY_NUMBER + 1) {
            return NULL;
        }

        if (begun) {
            *p++ = ',';

        } else {
            memcpy(p, name, n);
            p += n;
            begun = 1;
        }

        p = bo_availability_number(p, seat);
    }

    if (begun) {
        *p++ = ']';
    }

    return p;
}


static char *
bo_availability_number(char *p, uint32_t n)
{
    char    digits[BO_AVAILABILITY_NUMBER];
    size_t  i;

    i = 0;

    do {
        digits[i++] = (char) ('0' + n % 10);
        n /= 10;
    } while (n);

    while (i) {
        *p++ = digits[--i];
    }

    return p;
}
