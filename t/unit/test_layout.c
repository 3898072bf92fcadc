
#include "bo_hall.h"


#define check_text(s, s_len, expected)                                        \
    do {                                                                      \
        assert_int_equal(s_len, sizeof(expected) - 1);                        \
        assert_memory_equal(s, expected, sizeof(expected) - 1);               \
    } while (0)


static void
test_parse(void **state)
{
    const char        *error;
    bo_seat_t         *seat;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    static const char  text[] =
        "A1\tA\t1\t0\tN\t0\t65535\tStalls\n"
        "A2\tA\t2\t1\tA\t2\t0\tStalls\n"
        "B-1\t\t65535\t1\tB\t0\t1\t\n"
        "b_1.x\tR\xc3\xa4ng\t0\t0\tH\t0\t2\tBalcony, left\n";

    (void) state;

    assert_int_equal(bo_hall_parse(&layout, &memory,
                                   bo_test_text("SILVER:15000,GOLD:0"),
                                   bo_test_text(text), &error), 0);

    assert_int_equal(memory.calls, 1);
    assert_ptr_equal(layout.memory, memory.block);
    assert_int_equal(layout.size, memory.size);

    assert_int_equal(layout.ncategories, 2);
    check_text(layout.categories[0].name, layout.categories[0].len, "SILVER");
    assert_true(layout.categories[0].price == 15000);
    check_text(layout.categories[1].name, layout.categories[1].len, "GOLD");
    assert_true(layout.categories[1].price == 0);

    assert_int_equal(layout.nseats, 4);

    seat = &layout.seats[0];
    check_text(seat->label, seat->label_len, "A1");
    check_text(seat->row, seat->row_len, "A");
    check_text(seat->section, seat->section_len, "Stalls");
    assert_int_equal(seat->number, 1);
    assert_int_equal(seat->category, 0);
    assert_int_equal(seat->kind, BO_KIND_NORMAL);
    assert_int_equal(seat->x, 0);
    assert_int_equal(seat->y, 65535);

    /* the texts in common are one */

    assert_ptr_equal(layout.seats[1].row, seat->row);
    assert_ptr_equal(layout.seats[1].section, seat->section);
    assert_int_equal(layout.seats[1].category, 1);
    assert_int_equal(layout.seats[1].x, 2);
    assert_int_equal(layout.seats[1].y, 0);

    seat = &layout.seats[2];
    check_text(seat->label, seat->label_len, "B-1");
    assert_int_equal(seat->row_len, 0);
    assert_int_equal(seat->section_len, 0);
    assert_int_equal(seat->number, 65535);
    assert_int_equal(seat->kind, BO_KIND_BROKEN);

    seat = &layout.seats[3];
    check_text(seat->label, seat->label_len, "b_1.x");
    check_text(seat->row, seat->row_len, "R\xc3\xa4ng");
    check_text(seat->section, seat->section_len, "Balcony, left");
    assert_int_equal(seat->kind, BO_KIND_HOUSE);

    assert_true(bo_layout_sellable(&layout, 0));
    assert_true(bo_layout_sellable(&layout, 1));
    assert_false(bo_layout_sellable(&layout, 2));
    assert_false(bo_layout_sellable(&layout, 3));
    assert_false(bo_layout_sellable(&layout, 4));
    assert_false(bo_layout_sellable(&layout, UINT32_MAX));

    bo_hall_free(&memory);
}


static void
test_find(void **state)
{
    size_t             i;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    static const struct {
        const char  *s;
        size_t       len;
        int32_t      seat_no;
    } cases[] = {
        { bo_test_text("A1"), 0 },
        { bo_test_text("A2"), 1 },
        { bo_test_text("A11"), 2 },
        { bo_test_text("A1234567890123-X"), 3 },
        { bo_test_text(""), -1 },
        { bo_test_text("A"), -1 },
        { bo_test_text("a1"), -1 },
        { bo_test_text("A1\0"), -1 },
        { bo_test_text("A1 "), -1 },
        { bo_test_text("A1234567890123-XY"), -1 },
        { bo_test_text("\xff\xfe\0\x01"), -1 }
    };

    static const char  text[] =
        "A1\tA\t1\t0\tN\t0\t0\t\n"
        "A2\tA\t2\t0\tN\t0\t0\t\n"
        "A11\tA\t11\t0\tN\t0\t0\t\n"
        "A1234567890123-X\tA\t11\t0\tN\t0\t0\t\n";

    (void) state;

    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"),
                                   bo_test_text(text), &error), 0);

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(bo_layout_find(&layout, cases[i].s, cases[i].len),
                         cases[i].seat_no);
    }

    bo_hall_free(&memory);
}


static void
test_empty(void **state)
{
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    assert_int_equal(bo_hall_parse(&layout, &memory, "", 0, "", 0, &error), 0);
    assert_int_equal(layout.nseats, 0);
    assert_int_equal(layout.ncategories, 0);
    assert_int_equal(bo_layout_find(&layout, "A1", 2), -1);
    assert_false(bo_layout_sellable(&layout, 0));

    bo_hall_free(&memory);
}


static void
test_seats_refused(void **state)
{
    size_t             i;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    static const struct {
        const char  *s;
        size_t       len;
        const char  *error;
    } cases[] = {
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\t"),
          "a seat has a bad section" },
        { bo_test_text("A1"), "a seat has a bad label" },
        { bo_test_text("A1\tA\t1\t0\tN"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1"), "a seat has a bad number" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\tS\xc3"),
          "a seat has a bad section" },
        { bo_test_text("\n"), "a seat has a bad label" },
        { bo_test_text("A1\n"), "a seat has a bad label" },
        { bo_test_text("\tA\t1\t0\tN\t0\t0\t\n"), "a seat has a bad label" },
        { bo_test_text("A 1\tA\t1\t0\tN\t0\t0\t\n"), "a seat has a bad label" },
        { bo_test_text("A\"1\tA\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad label" },
        { bo_test_text("A\\1\tA\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad label" },
        { bo_test_text("\xc3\x84" "1\tA\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad label" },
        { bo_test_text("A12345678901234-X\tA\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad label" },
        { bo_test_text("A1\tA\n"), "a seat has a bad row" },
        { bo_test_text("A1\tA\x01\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\tA\x7f\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\tA\0\t1\t0\tN\t0\t0\t\n"), "a seat has a bad row" },
        { bo_test_text("A1\t\xff\t1\t0\tN\t0\t0\t\n"), "a seat has a bad row" },
        { bo_test_text("A1\t\xc3\t1\t0\tN\t0\t0\t\n"), "a seat has a bad row" },
        { bo_test_text("A1\t\xc0\xaf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xc2\x85\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xe0\x80\xaf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xe0\x9f\xbf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xf0\x8f\xbf\xbf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xed\xbf\xbf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xed\xa0\x80\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xf0\x80\x80\xaf\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xf4\x90\x80\x80\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\t\xf5\x80\x80\x80\t1\t0\tN\t0\t0\t\n"),
          "a seat has a bad row" },
        { bo_test_text("A1\tA\t\t0\tN\t0\t0\t\n"), "a seat has a bad number" },
        { bo_test_text("A1\tA\t01\t0\tN\t0\t0\t\n"),
          "a seat has a bad number" },
        { bo_test_text("A1\tA\t-1\t0\tN\t0\t0\t\n"),
          "a seat has a bad number" },
        { bo_test_text("A1\tA\t65536\t0\tN\t0\t0\t\n"),
          "a seat has a bad number" },
        { bo_test_text("A1\tA\t99999999999999999999\t0\tN\t0\t0\t\n"),
          "a seat has a bad number" },
        { bo_test_text("A1\tA\t1\t2\tN\t0\t0\t\n"),
          "a seat has a bad category" },
        { bo_test_text("A1\tA\t1\t256\tN\t0\t0\t\n"),
          "a seat has a bad category" },
        { bo_test_text("A1\tA\t1\tGOLD\tN\t0\t0\t\n"),
          "a seat has a bad category" },
        { bo_test_text("A1\tA\t1\t0\tX\t0\t0\t\n"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1\t0\tn\t0\t0\t\n"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1\t0\t\t0\t0\t\n"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1\t0\tNA\t0\t0\t\n"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1\t0\tN\n"), "a seat has a bad kind" },
        { bo_test_text("A1\tA\t1\t0\tN\t1.5\t0\t\n"),
          "a seat has a bad place" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t\n"), "a seat has a bad place" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\n"), "a seat has a bad place" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\tS\tT\n"),
          "a seat has a bad section" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\t\r\n"),
          "a seat has a bad section" },
        { bo_test_text("A1\tA\t1\t0\tN\t0\t0\t\nA2\tA"),
          "a seat has a bad row" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        error = NULL;

        assert_int_equal(bo_hall_parse(&layout, &memory,
                                       bo_test_text("SILVER:1,GOLD:2"),
                                       cases[i].s, cases[i].len, &error), -1);

        assert_non_null(error);
        assert_string_equal(error, cases[i].error);
        assert_int_equal(memory.calls, 0);
    }
}


static void
test_categories_refused(void **state)
{
    size_t             i;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    static const struct {
        const char  *s;
        size_t       len;
    } cases[] = {
        { bo_test_text("SILVER") },
        { bo_test_text("SILVER:") },
        { bo_test_text(":1") },
        { bo_test_text("SILVER:1,") },
        { bo_test_text(",SILVER:1") },
        { bo_test_text("SILVER:1,,GOLD:2") },
        { bo_test_text("SILVER:1,GOLD") },
        { bo_test_text("SILVER:1,SILVER:2") },
        { bo_test_text("SILVER,GOLD:2") },
        { bo_test_text("SILVER:-1") },
        { bo_test_text("SILVER:+1") },
        { bo_test_text("SILVER:01") },
        { bo_test_text("SILVER:1.5") },
        { bo_test_text("SILVER:1e3") },
        { bo_test_text("SILVER: 1") },
        { bo_test_text("SILVER:1 ") },
        { bo_test_text("SILVER:1000000000000001") },
        { bo_test_text("SILVER:9223372036854775808") },
        { bo_test_text("SILVER:99999999999999999999999999") },
        { bo_test_text("SIL\nVER:1") },
        { bo_test_text("SIL\xffVER:1") },
        { bo_test_text("A:B:1") }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        error = NULL;

        assert_int_equal(bo_hall_parse(&layout, &memory, cases[i].s,
                                       cases[i].len, "", 0, &error), -1);

        assert_non_null(error);
        assert_int_equal(memory.calls, 0);
    }
}


static void
test_category_bounds(void **state)
{
    char               text[BO_LAYOUT_MAX_CATEGORIES * 8 + 8], name[300];
    size_t             len;
    uint32_t           i;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    len = 0;

    for (i = 0; i < BO_LAYOUT_MAX_CATEGORIES; i++) {
        len += (size_t) sprintf(text + len, "%sC%u:%u", i ? "," : "", i, i);
    }

    assert_int_equal(bo_hall_parse(&layout, &memory, text, len,
                                   bo_test_text("A\tA\t1\t31\tN\t0\t0\t\n"),
                                   &error), 0);
    assert_int_equal(layout.ncategories, BO_LAYOUT_MAX_CATEGORIES);
    bo_hall_free(&memory);

    len += (size_t) sprintf(text + len, ",X:1");

    assert_int_equal(bo_hall_parse(&layout, &memory, text, len, "", 0, &error),
                     -1);
    assert_string_equal(error, "too many categories");

    memset(name, 'n', sizeof(name));
    memcpy(name + 255, ":1000000000000000", 17);

    assert_int_equal(bo_hall_parse(&layout, &memory, name, 255 + 17, "", 0,
                                   &error), 0);
    assert_int_equal(layout.categories[0].len, 255);
    assert_true(layout.categories[0].price == BO_LAYOUT_MAX_PRICE);
    bo_hall_free(&memory);

    memset(name, 'n', sizeof(name));
    memcpy(name + 256, ":1", 2);

    assert_int_equal(bo_hall_parse(&layout, &memory, name, 258, "", 0, &error),
                     -1);
}


static void
test_text_bounds(void **state)
{
    int                n;
    char               text[600], filler[300];
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    memset(filler, 's', sizeof(filler));

    n = snprintf(text, sizeof(text), "A\t%.255s\t1\t0\tN\t0\t0\t%.255s\n",
                 filler, filler);
    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"), text,
                                   (size_t) n, &error), 0);
    assert_int_equal(layout.seats[0].row_len, 255);
    assert_int_equal(layout.seats[0].section_len, 255);
    bo_hall_free(&memory);

    n = snprintf(text, sizeof(text), "A\t%.256s\t1\t0\tN\t0\t0\t\n", filler);
    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"), text,
                                   (size_t) n, &error), -1);
    assert_string_equal(error, "a seat has a bad row");

    n = snprintf(text, sizeof(text), "A\t\t1\t0\tN\t0\t0\t%.256s\n", filler);
    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"), text,
                                   (size_t) n, &error), -1);
    assert_string_equal(error, "a seat has a bad section");
}


static void
test_label_twice(void **state)
{
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    static const char  text[] =
        "A1\tA\t1\t0\tN\t0\t0\t\n"
        "A2\tA\t1\t0\tN\t0\t0\t\n"
        "A1\tA\t1\t0\tN\t0\t0\t\n";

    (void) state;

    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"),
                                   bo_test_text(text), &error), -1);
    assert_string_equal(error, "two seats have the same label");

    bo_hall_free(&memory);
}


static void
test_no_memory(void **state)
{
    const char        *error;
    bo_alloc_t         alloc;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    memset(&memory, 0, sizeof(memory));
    memory.fail = 1;

    alloc.alloc = bo_hall_alloc;
    alloc.data = &memory;

    assert_int_equal(bo_layout_parse(&layout, &alloc, "X:1", 3, "", 0, &error),
                     -1);
    assert_string_equal(error, "no memory for the layout");
}


/* The most seats there may be, every label found, and one more refused. */

static void
test_largest(void **state)
{
    char              *text, label[32];
    size_t             len, used;
    int32_t            i, seat_no;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    text = malloc((size_t) (BO_LAYOUT_MAX_SEATS + 1) * 40);
    assert_non_null(text);

    len = 0;
    used = 0;

    for (i = 0; i <= BO_LAYOUT_MAX_SEATS; i++) {
        used = len;
        len += (size_t) sprintf(text + len, "%d\t%d\t%d\t0\tN\t%d\t%d\t%d\n",
                                i, i / 100, i % 100, i % 100, i / 100,
                                i / 1000);
    }

    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"), text,
                                   used, &error), 0);
    assert_int_equal(layout.nseats, BO_LAYOUT_MAX_SEATS);

    for (i = 0; i <= BO_LAYOUT_MAX_SEATS; i++) {
        seat_no = bo_layout_find(&layout, label,
                                 (size_t) sprintf(label, "%d", i));
        assert_int_equal(seat_no, i < BO_LAYOUT_MAX_SEATS ? i : -1);
    }

    bo_hall_free(&memory);

    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"), text,
                                   len, &error), -1);
    assert_string_equal(error, "too many seats");

    free(text);
}


/* Against a search through all seats, with random labels of few letters. */

static void
test_find_random(void **state)
{
    int                round;
    char               labels[300][8], label[8], text[300 * 40];
    size_t             len, text_len;
    int32_t            model;
    uint32_t           n, i, tries;
    const char        *error;
    bo_layout_t        layout;
    bo_hall_memory_t   memory;

    (void) state;

    for (round = 0; round < 300; round++) {

        n = 0;
        text_len = 0;

        for (tries = bo_test_below(300); tries; tries--) {

            len = 1 + bo_test_below(4);

            for (i = 0; i < len; i++) {
                label[i] = "AB1-"[bo_test_below(4)];
            }

            label[len] = '\0';

            for (i = 0; i < n && strcmp(labels[i], label) != 0; i++) {
                /* void */
            }

            if (i == n) {
                strcpy(labels[n++], label);
                text_len += (size_t) sprintf(text + text_len,
                                             "%s\t%u\t0\t0\tN\t0\t0\t%u\n",
                                             label, bo_test_below(2),
                                             bo_test_below(2));
            }
        }

        assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"),
                                       text, text_len, &error), 0);
        assert_int_equal(layout.nseats, n);

        for (tries = 0; tries < 500; tries++) {

            len = 1 + bo_test_below(4);

            for (i = 0; i < len; i++) {
                label[i] = "AB1-"[bo_test_below(4)];
            }

            label[len] = '\0';
            model = -1;

            for (i = 0; i < n; i++) {
                if (strcmp(labels[i], label) == 0) {
                    model = (int32_t) i;
                }
            }

            assert_int_equal(bo_layout_find(&layout, label, len), model);
        }

        bo_hall_free(&memory);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_seats_refused),
        cmocka_unit_test(test_categories_refused),
        cmocka_unit_test(test_category_bounds),
        cmocka_unit_test(test_text_bounds),
        cmocka_unit_test(test_label_twice),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_find_random)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
