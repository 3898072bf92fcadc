
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
        cmocka_unit_test(test_write)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
