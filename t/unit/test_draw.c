
/*
 * The draw: every rank once, there and back, and no place better than another.
 */


#include "bo_test.h"
#include "bo_draw.h"


#define DRAWS   1000
#define PLACES  1000
#define GROUPS  10


static void
every_rank_once(void **state)
{
    uint8_t    key[BO_SIPHASH_KEY], *seen;
    uint64_t   n, i, rank;
    bo_draw_t  draw;

    (void) state;

    for (n = 1; n < 2000; n += 1 + n / 7) {
        bo_test_fill(key, sizeof(key));
        bo_draw_init(&draw, key, n);

        seen = calloc(1, n);
        assert_non_null(seen);

        for (i = 0; i < n; i++) {
            rank = bo_draw_rank(&draw, i);

            assert_true(rank < n);
            assert_int_equal(seen[rank]++, 0);
            assert_true(bo_draw_index(&draw, rank) == i);
        }

        free(seen);
    }
}


static void
large_numbers(void **state)
{
    uint8_t    key[BO_SIPHASH_KEY];
    uint64_t   i, n, index;
    bo_draw_t  draw;

    (void) state;

    for (i = 0; i < 10000; i++) {
        n = 1 + bo_test_random() % BO_DRAW_MAX;
        index = bo_test_random() % n;

        bo_test_fill(key, sizeof(key));
        bo_draw_init(&draw, key, n);

        assert_true(bo_draw_rank(&draw, index) < n);
        assert_true(bo_draw_index(&draw, bo_draw_rank(&draw, index))
                    == index);
    }
}


/*
 * Chi square of place by rank, both in ten groups: 81 degrees of freedom, for
 * each row and column has its sum.  140 is passed by chance in one of 20,000.
 */

static void
no_place_is_better(void **state)
{
    int        d, i, j;
    double     chi, expected;
    uint8_t    key[BO_SIPHASH_KEY];
    bo_draw_t  draw;

    static double  count[GROUPS][GROUPS];

    (void) state;

    for (d = 0; d < DRAWS; d++) {
        bo_test_fill(key, sizeof(key));
        bo_draw_init(&draw, key, PLACES);

        for (i = 0; i < PLACES; i++) {
            count[i * GROUPS / PLACES]
                 [bo_draw_rank(&draw, (uint64_t) i) * GROUPS / PLACES]++;
        }
    }

    expected = (double) DRAWS * PLACES / GROUPS / GROUPS;
    chi = 0;

    for (i = 0; i < GROUPS; i++) {
        for (j = 0; j < GROUPS; j++) {
            chi += (count[i][j] - expected) * (count[i][j] - expected)
                   / expected;
        }
    }

    print_message("# chi square %.1f of 81\n", chi);
    assert_true(chi < 140);
}


/* Neighbours are not drawn together: their distance is as of any two. */

static void
neighbours_part(void **state)
{
    int        d, i;
    double     sum;
    uint8_t    key[BO_SIPHASH_KEY];
    int64_t    a, b;
    bo_draw_t  draw;

    (void) state;

    sum = 0;

    for (d = 0; d < DRAWS; d++) {
        bo_test_fill(key, sizeof(key));
        bo_draw_init(&draw, key, PLACES);

        for (i = 0; i < PLACES - 1; i += 2) {
            a = (int64_t) bo_draw_rank(&draw, (uint64_t) i);
            b = (int64_t) bo_draw_rank(&draw, (uint64_t) i + 1);
            sum += (double) (a > b ? a - b : b - a);
        }
    }

    /* a third of all, give or take half a percent of it */

    sum /= DRAWS * (PLACES / 2);
    print_message("# mean distance %.2f\n", sum);
    assert_true(sum > 332 && sum < 335.5);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_rank_once),
        cmocka_unit_test(large_numbers),
        cmocka_unit_test(no_place_is_better),
        cmocka_unit_test(neighbours_part)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
