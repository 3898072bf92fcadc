
#include <stdio.h>

#include "bo_test.h"
#include "bo_write.h"


static void
test_write_int(void **state)
{
    size_t         i, n;
    char           wanted[64];
    unsigned char  got[64];

    static const int64_t  values[] = {
        0, 1, 9, 10, 99, 100, -1, -10, 4294967296, INT64_MAX, INT64_MIN
    };

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        n = (size_t) sprintf(wanted, "\"n\":%lld", (long long) values[i]);

        assert_int_equal(bo_write_int(got, "\"n\":", values[i]) - got, n);
        assert_memory_equal(got, wanted, n);
    }

    assert_int_equal(bo_write_int(got, "", INT64_MIN) - got,
                     BO_WRITE_NUMBER_LEN);
}


/* Of every length: the digits go in pairs. */

static void
test_write_random(void **state)
{
    int            i;
    size_t         n;
    char           wanted[64];
    uint8_t        bytes[8];
    int64_t        value;
    unsigned char  got[64];

    (void) state;

    for (i = 0; i < 100000; i++) {
        bo_test_fill(bytes, sizeof(bytes));
        memcpy(&value, bytes, sizeof(value));
        value >>= i % 64;

        n = (size_t) sprintf(wanted, "%lld", (long long) value);

        assert_int_equal(bo_write_number(got, value) - got, n);
        assert_memory_equal(got, wanted, n);
    }
}


static void
test_write(void **state)
{
    unsigned char  got[8] = "xxxxxxx";

    (void) state;

    assert_ptr_equal(bo_write(got, ""), got);
    assert_ptr_equal(bo_write(got, "abc"), got + 3);
    assert_memory_equal(got, "abcxxxx", 8);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_write_int),
        cmocka_unit_test(test_write_random),
        cmocka_unit_test(test_write)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
