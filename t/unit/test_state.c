
#include "bo_hall.h"
#include "bo_state.h"


static void
test_size(void **state)
{
    (void) state;

    assert_int_equal(bo_map_size(0), 0);
    assert_int_equal(bo_map_size(1), 1);
    assert_int_equal(bo_map_size(4), 1);
    assert_int_equal(bo_map_size(5), 2);
    assert_int_equal(bo_map_size(65535), 16384);
    assert_int_equal(bo_map_size(UINT32_MAX), 1073741824);
}


/* As BITFIELD m SET u2 #0 1, SET u2 #3 2, SET u2 #4 3 leaves it in Redis. */

static void
test_bits(void **state)
{
    uint8_t  map[2];

    (void) state;

    memset(map, 0, sizeof(map));

    assert_int_equal(bo_map_set(map, 2, 0, BO_SEAT_HELD), 0);
    assert_int_equal(bo_map_set(map, 2, 3, BO_SEAT_BOOKED), 0);
    assert_int_equal(bo_map_set(map, 2, 4, BO_SEAT_UNAVAILABLE), 0);

    assert_int_equal(map[0], 0x42);
    assert_int_equal(map[1], 0xc0);

    assert_int_equal(bo_map_get(map, 2, 0), BO_SEAT_HELD);
    assert_int_equal(bo_map_get(map, 2, 1), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_map_get(map, 2, 3), BO_SEAT_BOOKED);
    assert_int_equal(bo_map_get(map, 2, 4), BO_SEAT_UNAVAILABLE);

    /* beyond it: available, and not to be set */

    assert_int_equal(bo_map_get(map, 1, 4), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_map_get(map, 0, 0), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_map_get(map, 2, UINT32_MAX), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_map_set(map, 1, 4, BO_SEAT_HELD), -1);
    assert_int_equal(bo_map_set(map, 2, 8, BO_SEAT_HELD), -1);
    assert_int_equal(map[1], 0xc0);
}


static void
test_names(void **state)
{
    int          i;
    const char  *name;

    static const char *const  names[] = {
        "AVAILABLE", "HELD", "BOOKED", "UNAVAILABLE"
    };

    (void) state;

    for (i = 0; i < BO_SEAT_STATES; i++) {
        name = bo_seat_state_name((bo_seat_state_e) i);
        assert_string_equal(name, names[i]);
        assert_int_equal(bo_seat_state_name_len((bo_seat_state_e) i),
                         strlen(name));
    }
}


/* Against an array with a state in each element. */

static void
test_model(void **state)
{
    int       round;
    size_t    len;
    uint8_t  *map, model[1000];
    uint32_t  i, n, seat_no;

    (void) state;

    for (round = 0; round < 200; round++) {

        n = 1 + bo_test_below(999);
        len = bo_map_size(n);

        map = calloc(1, len);
        assert_non_null(map);
        memset(model, 0, sizeof(model));

        for (i = 0; i < 3000; i++) {
            seat_no = bo_test_below(n);
            model[seat_no] = (uint8_t) bo_test_below(BO_SEAT_STATES);

            assert_int_equal(bo_map_set(map, len, seat_no,
                                        (bo_seat_state_e) model[seat_no]), 0);
        }

        for (i = 0; i < n; i++) {
            assert_int_equal(bo_map_get(map, len, i), model[i]);
        }

        free(map);
    }
}


static void
count(bo_stats_t *stats, const bo_layout_t *layout, const uint8_t *map,
    size_t len)
{
    int          s;
    uint32_t     i;
    bo_count_t  *category;

    memset(stats, 0, sizeof(bo_stats_t));
    stats->ncategories = layout->ncategories;

    for (i = 0; i < layout->nseats; i++) {

        s = i / 4 < len ? map[i / 4] >> (6 - i % 4 * 2) & 3 : 0;

        if (layout->seats[i].kind == 'B' || layout->seats[i].kind == 'H') {
            s = 3;
        }

        assert_int_equal(bo_seat_state(layout, map, len, i), s);

        category = &stats->category[layout->seats[i].category];
        category->total++;
        category->state[s]++;

        stats->all.total++;
        stats->all.state[s]++;
    }
}


static void
test_stats(void **state)
{
    int                round;
    size_t             len;
    uint8_t           *map;
    uint32_t           i, n, seat_no;
    bo_stats_t         stats, model;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;
    bo_seat_state_e    from;

    (void) state;

    for (round = 0; round < 200; round++) {

        n = 1 + bo_test_below(2000);
        bo_hall_random(&layout, &memory, n,
                       1 + bo_test_below(BO_LAYOUT_MAX_CATEGORIES));

        /* shorter, as long and longer than the hall */

        len = bo_test_below((uint32_t) bo_map_size(n) + 2);
        map = malloc(len ? len : 1);
        assert_non_null(map);
        bo_test_fill(map, len);

        bo_stats_count(&stats, &layout, map, len);
        count(&model, &layout, map, len);
        assert_memory_equal(&stats, &model, sizeof(stats));

        /* moved seat by seat it stays what counting gives */

        for (i = 0; i < 200; i++) {
            seat_no = bo_test_below(n);
            from = bo_seat_state(&layout, map, len, seat_no);

            (void) bo_map_set(map, len, seat_no,
                              (bo_seat_state_e) bo_test_below(4));

            bo_stats_move(&stats, &layout, seat_no, from,
                          bo_seat_state(&layout, map, len, seat_no));
        }

        count(&model, &layout, map, len);
        assert_memory_equal(&stats, &model, sizeof(stats));

        free(map);
        bo_hall_free(&memory);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_stats)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
