
#include "bo_hall.h"
#include "bo_price.h"


static void
test_random(void **state)
{
    int                round;
    int64_t            amount, model;
    uint32_t           i, n;
    bo_seats_t         seats;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    for (round = 0; round < 200; round++) {
        n = 1 + bo_test_below(500);
        bo_hall_random(&layout, &memory, n, 1 + bo_test_below(5));

        seats.n = 0;
        model = 0;

        for (i = bo_test_below(BO_MAX_SEATS); i; i--) {
            (void) bo_seats_add(&seats, bo_test_below(n));
        }

        for (i = 0; i < n; i++) {
            if (bo_seats_has(&seats, i)) {
                model += (layout.seats[i].category + 1) * 100;
            }
        }

        assert_int_equal(bo_price_total(&layout, &seats, &amount), 0);
        assert_true(amount == model);

        bo_hall_free(&memory);
    }
}


static void
test_refused(void **state)
{
    int64_t            amount;
    bo_seats_t         seats;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    bo_hall_random(&layout, &memory, 3, 1);
    amount = 7;

    seats.n = 0;
    assert_int_equal(bo_seats_add(&seats, 0), 0);
    assert_int_equal(bo_seats_add(&seats, 3), 0);
    assert_int_equal(bo_price_total(&layout, &seats, &amount), -1);
    assert_true(amount == 7);

    /* a sum of two that is one too many, and one that just fits */

    seats.n = 0;
    assert_int_equal(bo_seats_add(&seats, 0), 0);
    assert_int_equal(bo_seats_add(&seats, 1), 0);

    layout.categories[0].price = INT64_MAX / 2 + 1;
    assert_int_equal(bo_price_total(&layout, &seats, &amount), -1);
    assert_true(amount == 7);

    layout.categories[0].price = INT64_MAX / 2;
    assert_int_equal(bo_price_total(&layout, &seats, &amount), 0);
    assert_true(amount == INT64_MAX - 1);

    bo_hall_free(&memory);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_refused)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
