
/*
 * The token bucket against a naive one that counts in fractions, and the bound
 * that it promises for any window.
 */


#include "bo_test.h"
#include "bo_bucket.h"


#define SECOND   INT64_C(1000000000)
#define TRACES   1000
#define REQUESTS 2000


/* tokens are kept as nanoseconds of refill, so that the model is exact, too */

typedef struct {
    int64_t  level;
    int64_t  last;
} model_t;


static int
model_take(model_t *m, const bo_bucket_rule_t *rule, int64_t now)
{
    m->level += now - m->last;
    m->last = now;

    if (m->level > rule->burst * rule->period) {
        m->level = rule->burst * rule->period;
    }

    if (m->level < rule->period) {
        return 0;
    }

    m->level -= rule->period;

    return 1;
}


static bo_bucket_rule_t
some_rule(void)
{
    static const uint32_t  seconds[] = { 1, 60, 3600 };

    return bo_bucket_rule(1 + bo_test_below(200),
                          seconds[bo_test_below(3)], 1 + bo_test_below(50));
}


/* Pauses around the time of a token, and now and then a long one. */

static int64_t
some_pause(const bo_bucket_rule_t *rule)
{
    switch (bo_test_below(10)) {

    case 0:
        return 0;

    case 1:
        return (int64_t) (bo_test_random() % (uint64_t) (20 * rule->period));

    default:
        return (int64_t) (bo_test_random() % (uint64_t) (2 * rule->period));
    }
}


static void
as_the_model(void **state)
{
    int                trace, i, taken;
    int64_t            full, now;
    model_t            m;
    bo_bucket_rule_t   rule;
    bo_bucket_state_t  s;

    (void) state;

    for (trace = 0; trace < TRACES; trace++) {
        rule = some_rule();
        now = (int64_t) (bo_test_random() % (uint64_t) (1000 * SECOND));
        full = 0;
        m.level = rule.burst * rule.period;
        m.last = now;

        for (i = 0; i < REQUESTS; i++) {
            now += some_pause(&rule);
            taken = bo_bucket_take(&rule, &full, now, &s);

            assert_int_equal(taken, model_take(&m, &rule, now));
            assert_true(s.left == m.level / rule.period);
            assert_true(s.reset == rule.burst * rule.period - m.level);

            if (s.left == 0) {
                assert_true(s.wait == rule.period - m.level);
            }
        }
    }
}


static void
window_is_bounded(void **state)
{
    int               i, first, n;
    int64_t           full, now, at[REQUESTS];
    bo_bucket_rule_t  rule;

    (void) state;

    rule = bo_bucket_rule(20, 1, 40);
    full = 0;
    now = SECOND;
    n = 0;

    for (i = 0; i < REQUESTS; i++) {
        now += (int64_t) (bo_test_random() % (uint64_t) rule.period);

        if (bo_bucket_take(&rule, &full, now, NULL)) {
            at[n++] = now;
        }
    }

    for (first = 0; first < n; first++) {
        for (i = first; i < n; i++) {
            assert_true(i - first + 1
                        <= rule.burst + (at[i] - at[first]) / rule.period);
        }
    }
}


static void
what_is_given_back(void **state)
{
    int64_t           full, before;
    bo_bucket_rule_t  rule;

    (void) state;

    rule = bo_bucket_rule(1, 1, 2);
    full = 0;

    assert_int_equal(bo_bucket_take(&rule, &full, SECOND, NULL), 1);
    before = full;

    assert_int_equal(bo_bucket_take(&rule, &full, SECOND, NULL), 1);
    assert_int_equal(bo_bucket_take(&rule, &full, SECOND, NULL), 0);

    bo_bucket_give(&rule, &full);
    assert_true(full == before);
}


/* A stricter rule, after a reload: nobody waits longer than it says. */

static void
rule_that_changes(void **state)
{
    int                i;
    int64_t            full;
    bo_bucket_rule_t   rule;
    bo_bucket_state_t  s;

    (void) state;

    rule = bo_bucket_rule(1, 3600, 100);
    full = 0;

    for (i = 0; i < 100; i++) {
        assert_int_equal(bo_bucket_take(&rule, &full, SECOND, NULL), 1);
    }

    rule = bo_bucket_rule(1, 1, 5);

    assert_int_equal(bo_bucket_take(&rule, &full, SECOND, &s), 0);
    assert_true(s.wait == SECOND);
    assert_int_equal(bo_bucket_take(&rule, &full, 2 * SECOND, NULL), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(as_the_model),
        cmocka_unit_test(window_is_bounded),
        cmocka_unit_test(what_is_given_back),
        cmocka_unit_test(rule_that_changes)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
