
#include "bo_test.h"
#include "bo_seats.h"


/* The model: a flag for each seat number. */

typedef struct {
    uint8_t                in[BO_SEAT_NO_MAX + 1];
    uint32_t               n;
} model_t;


static model_t  model_a, model_b;


static void
check(const bo_seats_t *seats, const model_t *model)
{
    uint32_t  i;

    assert_int_equal(seats->n, model->n);

    for (i = 0; i < seats->n; i++) {
        assert_true(model->in[seats->no[i]]);
        assert_true(i == 0 || seats->no[i - 1] < seats->no[i]);
    }
}


static void
fill(bo_seats_t *seats, model_t *model, uint32_t tries, uint32_t below)
{
    int       rc;
    uint32_t  no;

    memset(model, 0, sizeof(model_t));
    seats->n = 0;

    while (tries--) {
        no = bo_test_below(below);
        rc = bo_seats_add(seats, no);

        if (model->in[no]) {
            assert_int_equal(rc, BO_SEATS_DUPLICATE);

        } else if (model->n == BO_MAX_SEATS) {
            assert_int_equal(rc, BO_SEATS_FULL);

        } else {
            assert_int_equal(rc, 0);
            model->in[no] = 1;
            model->n++;
        }

        check(seats, model);
    }
}


static void
test_model(void **state)
{
    int         round, common;
    uint32_t    i, left, below;
    bo_seats_t  a, b, minus;

    (void) state;

    for (round = 0; round < 2000; round++) {

        below = round % 2 ? 100 : BO_SEAT_NO_MAX + 1;

        fill(&a, &model_a, bo_test_below(90), below);
        fill(&b, &model_b, bo_test_below(90), below);

        common = 0;
        left = 0;

        for (i = 0; i < below; i++) {
            assert_int_equal(bo_seats_has(&a, i), model_a.in[i]);
            common |= model_a.in[i] && model_b.in[i];
            left += model_a.in[i] && !model_b.in[i];
        }

        assert_int_equal(bo_seats_intersects(&a, &b), common);
        assert_int_equal(bo_seats_intersects(&b, &a), common);

        bo_seats_minus(&minus, &a, &b);
        assert_int_equal(minus.n, left);

        for (i = 0; i < minus.n; i++) {
            assert_true(model_a.in[minus.no[i]] && !model_b.in[minus.no[i]]);
        }

        assert_false(bo_seats_intersects(&minus, &b));
        assert_int_equal(bo_seats_equal(&minus, &a), !common);

        /* out may be either of the operands */

        bo_seats_minus(&a, &a, &b);
        assert_true(bo_seats_equal(&a, &minus));

        bo_seats_minus(&b, &a, &b);
        assert_true(bo_seats_equal(&b, &a));
    }
}


static void
test_text_random(void **state)
{
    int         round;
    char        text[BO_SEATS_TEXT_MAX], braced[BO_SEATS_TEXT_MAX + 2];
    char        expected[BO_SEATS_TEXT_MAX + 8], *copy;
    size_t      len, n;
    uint32_t    i;
    bo_seats_t  a, b;

    (void) state;

    for (round = 0; round < 5000; round++) {
        fill(&a, &model_a, bo_test_below(20), BO_SEAT_NO_MAX + 1);

        n = 0;

        for (i = 0; i < a.n; i++) {
            n += (size_t) sprintf(expected + n, "%s%u", i ? "," : "", a.no[i]);
        }

        len = bo_seats_format(text, &a);
        assert_int_equal(len, n);
        assert_memory_equal(text, expected, n);

        copy = bo_test_copy(text, len);
        assert_int_equal(bo_seats_parse(&b, copy, len), 0);
        assert_true(bo_seats_equal(&a, &b));
        free(copy);

        braced[0] = '{';
        memcpy(braced + 1, text, len);
        braced[len + 1] = '}';

        assert_int_equal(bo_seats_parse(&b, braced, len + 2), 0);
        assert_true(bo_seats_equal(&a, &b));
    }
}


static void
test_text_longest(void **state)
{
    char        text[BO_SEATS_TEXT_MAX];
    uint32_t    i;
    bo_seats_t  a, b;

    (void) state;

    a.n = 0;

    for (i = 0; i < BO_MAX_SEATS; i++) {
        assert_int_equal(bo_seats_add(&a, BO_SEAT_NO_MAX - i), 0);
    }

    assert_int_equal(bo_seats_format(text, &a), BO_SEATS_TEXT_MAX);
    assert_int_equal(bo_seats_parse(&b, text, BO_SEATS_TEXT_MAX), 0);
    assert_true(bo_seats_equal(&a, &b));
}


static void
test_parse(void **state)
{
    char        many[BO_MAX_SEATS * 4], *copy;
    size_t      i, n;
    bo_seats_t  seats;

    static const struct {
        const char  *s;
        size_t       len;
        int          rc;
        uint32_t     n;
        uint32_t     no[3];
    } cases[] = {
        { bo_test_text(""), 0, 0, { 0 } },
        { bo_test_text("{}"), 0, 0, { 0 } },
        { bo_test_text("0"), 0, 1, { 0 } },
        { bo_test_text("{0}"), 0, 1, { 0 } },
        { bo_test_text("65534"), 0, 1, { 65534 } },
        { bo_test_text("3,1,2"), 0, 3, { 1, 2, 3 } },
        { bo_test_text("{10,9,100}"), 0, 3, { 9, 10, 100 } },
        { bo_test_text("1,1"), BO_SEATS_DUPLICATE, 0, { 0 } },
        { bo_test_text("1,2,1"), BO_SEATS_DUPLICATE, 0, { 0 } },
        { bo_test_text("65535"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("4294967296"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("4294967297"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("99999999999999999999"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("00"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("01"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("-1"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("+1"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text(" 1"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1 "), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1, 2"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text(","), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1,"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text(",1"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1,,2"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("{"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("}"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("{1"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1}"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("{{1}}"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("{,}"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1e3"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1;2"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("1\0"), BO_SEATS_MALFORMED, 0, { 0 } },
        { bo_test_text("NULL"), BO_SEATS_MALFORMED, 0, { 0 } }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        copy = bo_test_copy(cases[i].s, cases[i].len);

        assert_int_equal(bo_seats_parse(&seats, copy, cases[i].len),
                         cases[i].rc);

        if (cases[i].rc == 0) {
            assert_int_equal(seats.n, cases[i].n);
            assert_memory_equal(seats.no, cases[i].no,
                                seats.n * sizeof(uint32_t));
        }

        free(copy);
    }

    /* 64 are taken, the 65th is not */

    n = 0;

    for (i = 0; i < BO_MAX_SEATS; i++) {
        n += (size_t) sprintf(many + n, "%s%zu", i ? "," : "", i);
    }

    assert_int_equal(bo_seats_parse(&seats, many, n), 0);
    assert_int_equal(seats.n, BO_MAX_SEATS);

    n += (size_t) sprintf(many + n, ",%d", BO_MAX_SEATS);
    assert_int_equal(bo_seats_parse(&seats, many, n), BO_SEATS_FULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_text_random),
        cmocka_unit_test(test_text_longest),
        cmocka_unit_test(test_parse)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("seats", tests, NULL, NULL);
}
