
/*
 * What the unit tests share.  Random tests run from a seed that is printed
 * and can be given again: BO_SEED=123 ./test_seats
 */


#ifndef _BO_TEST_H_INCLUDED_
#define _BO_TEST_H_INCLUDED_


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>


#define bo_test_count(a)   (sizeof(a) / sizeof(a[0]))

/* a string literal and its length, NUL bytes within included */

#define bo_test_text(s)    s, sizeof(s) - 1


static uint64_t  bo_test_state;


/* SplitMix64: every seed is good, 0 too. */

static inline uint64_t
bo_test_random(void)
{
    uint64_t  z;

    z = (bo_test_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);

    return z ^ (z >> 31);
}


static inline uint32_t
bo_test_below(uint32_t n)
{
    return (uint32_t) (bo_test_random() % n);
}


static inline void
bo_test_fill(uint8_t *p, size_t n)
{
    while (n--) {
        *p++ = (uint8_t) bo_test_random();
    }
}


/*
 * A copy of just that size, so that the sanitizers see a read beyond it.
 * The caller frees it.
 */

static inline char *
bo_test_copy(const char *s, size_t len)
{
    char  *copy;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);

    memcpy(copy, s, len);

    return copy;
}


/* To be called first in main(). */

static inline void
bo_test_start(void)
{
    char  *seed;

    seed = getenv("BO_SEED");
    bo_test_state = seed ? strtoull(seed, NULL, 0) : (uint64_t) time(NULL);

    printf("# BO_SEED=%llu\n", (unsigned long long) bo_test_state);
    fflush(stdout);

    cmocka_set_message_output(CM_OUTPUT_TAP);
}


#endif /* _BO_TEST_H_INCLUDED_ */
