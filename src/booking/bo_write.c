
#include "bo_write.h"


/* 00 to 99 */

static const char  bo_write_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


/* value: 2^63 at the most. */

static inline size_t
bo_write_digits(uint64_t value)
{
    size_t    n;
    uint64_t  next;

    n = 1;

    for (next = 10; value >= next; next *= 10) {
        n++;
    }

    return n;
}


/* Two digits at a time: half as many divisions. */

unsigned char *
bo_write_number(unsigned char *p, int64_t value)
{
    uint64_t        rest;
    unsigned char  *last;

    rest = value < 0 ? -(uint64_t) value : (uint64_t) value;

    if (value < 0) {
        *p++ = '-';
    }

    p += bo_write_digits(rest);
    last = p;

    while (rest >= 10) {
        p -= 2;
        memcpy(p, bo_write_pairs + 2 * (rest % 100), 2);
        rest /= 100;
    }

    if (rest || p == last) {
        *--p = (unsigned char) ('0' + rest);
    }

    return last;
}
