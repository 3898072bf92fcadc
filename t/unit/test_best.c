
#include "bo_hall.h"
#include "bo_orphan.h"


/*
 * Halls of these tests are drawn: a line a row, from the front; 'o' a seat,
 * 'a' accessible, 'x' broken, '_' none; in capitals when taken, '+' when the
 * user holds it.  Seats are named by their place: row letter and column.
 */

typedef struct {
    bo_layout_t       layout;
    bo_hall_memory_t  memory;
    uint8_t           map[512];
    size_t            len;
    bo_seats_t        own;
    uint16_t          row[2048];        /* of each seat, as drawn */
    uint16_t          column[2048];
    char              sign[2048];
} hall_t;


#define MAX_ROWS     12
#define MAX_COLUMNS  24


static void
draw(hall_t *hall, const char *const *rows, uint32_t nrows,
    const char *const *categories)
{
    char         text[MAX_ROWS * MAX_COLUMNS * 40];
    char         c;
    size_t       len;
    uint32_t     y, x, n, category;
    const char  *error;

    len = 0;
    n = 0;

    for (y = 0; y < nrows; y++) {
        for (x = 0; rows[y][x]; x++) {
            if (rows[y][x] == '_') {
                continue;
            }

            c = rows[y][x];
            category = categories ? (uint32_t) (categories[y][x] - '0') : 0;

            hall->row[n] = (uint16_t) y;
            hall->column[n] = (uint16_t) x;
            hall->sign[n++] = c;

            len += (size_t) sprintf(text + len, "%c%u\t%c\t%u\t%u\t%c\t%u\t%u"
                                    "\t\n", 'A' + (int) y, x + 1, 'A' + (int) y,
                                    x + 1, category,
                                    c == 'x' ? 'B' : c == 'a' || c == 'A' ? 'A'
                                                                          : 'N',
                                    x, y);
        }
    }

    memset(&hall->memory, 0, sizeof(hall->memory));

    assert_int_equal(bo_hall_parse(&hall->layout, &hall->memory,
                                   bo_test_text("P:100,Q:200,R:300"), text,
                                   len, &error), 0);
    assert_int_equal(hall->layout.nseats, n);

    memset(hall->map, 0, sizeof(hall->map));
    hall->len = bo_map_size(n);
    hall->own.n = 0;

    while (n--) {
        if (hall->sign[n] == 'O' || hall->sign[n] == 'A') {
            bo_map_set(hall->map, hall->len, n, BO_SEAT_HELD);
        }

        if (hall->sign[n] == '+') {
            bo_map_set(hall->map, hall->len, n, BO_SEAT_HELD);
            assert_int_equal(bo_seats_add(&hall->own, n), 0);
        }
    }
}


static void
want_all(bo_best_want_t *want, uint32_t count)
{
    memset(want, 0, sizeof(bo_best_want_t));

    want->count = count;
    want->categories = ~UINT32_C(0);
    want->max_price = INT64_MAX;
}


/* Labels of seats, with a space between. */

static const char *
names(const hall_t *hall, const bo_seats_t *seats)
{
    size_t            len;
    uint32_t          i;
    const bo_seat_t  *seat;

    static char  text[1024];

    len = 0;
    text[0] = '\0';

    for (i = 0; i < seats->n; i++) {
        seat = &hall->layout.seats[seats->no[i]];
        len += (size_t) sprintf(text + len, "%s%.*s", i ? " " : "",
                                (int) seat->label_len, seat->label);
    }

    return text;
}


static const char *
best_of(const char *const *rows, uint32_t nrows, uint32_t count)
{
    hall_t          hall;
    bo_best_t       best;
    const char     *found;
    bo_best_want_t  want;

    draw(&hall, rows, nrows, NULL);
    want_all(&want, count);
    want.own = &hall.own;

    found = "none";

    if (bo_best(&hall.layout, hall.map, hall.len, &want, &best) == 0) {
        found = names(&hall, &best.seats);
    }

    bo_hall_free(&hall.memory);

    return found;
}


#define rows_of(...)                                                          \
    (const char *const []) { __VA_ARGS__ },                                   \
    bo_test_count(((const char *const []) { __VA_ARGS__ }))


static void
test_best(void **state)
{
    (void) state;

    /* the middle, at two thirds of the depth */

    assert_string_equal(best_of(rows_of("ooooooo", "ooooooo", "ooooooo",
                                        "ooooooo"), 3), "C3 C4 C5");
    assert_string_equal(best_of(rows_of("ooooooo"), 1), "A4");

    /* no gap, no aisle, no broken seat between, nor the end of a row */

    assert_string_equal(best_of(rows_of("oo_oo_oo"), 2), "A4 A5");
    assert_string_equal(best_of(rows_of("oo_oo_oo"), 3), "none");
    assert_string_equal(best_of(rows_of("ooxoo"), 3), "none");
    assert_string_equal(best_of(rows_of("oo", "oo"), 3), "none");
    assert_string_equal(best_of(rows_of("oOo"), 2), "none");
    assert_string_equal(best_of(rows_of("o+o"), 3), "A1 A2 A3");

    /* not one seat away from a neighbour, where another place does */

    assert_string_equal(best_of(rows_of("Oooooo"), 2), "A2 A3");
    assert_string_equal(best_of(rows_of("ooo"), 2), "A1 A2");
    assert_string_equal(best_of(rows_of("ooo", "oo_", "OOO"), 2), "B1 B2");

    /* accessible seats last, also after what strands one */

    assert_string_equal(best_of(rows_of("ooaaoo"), 2), "A1 A2");
    assert_string_equal(best_of(rows_of("oo_aa"), 1), "A2");
    assert_string_equal(best_of(rows_of("OO_aa"), 2), "A4 A5");

    /* all of a row, more than there are, none */

    assert_string_equal(best_of(rows_of("ooo"), 3), "A1 A2 A3");
    assert_string_equal(best_of(rows_of("ooo"), 4), "none");
    assert_string_equal(best_of(rows_of("OOO"), 1), "none");
}


static void
test_filters(void **state)
{
    hall_t          hall;
    uint8_t         taken[512];
    bo_best_t       best;
    bo_best_want_t  want;

    static const char *const  rows[] = { "oooo", "oooo", "oooo" };
    static const char *const  categories[] = { "0000", "1111", "2222" };

    (void) state;

    draw(&hall, rows, 3, categories);

    want_all(&want, 2);
    want.categories = 1;
    assert_int_equal(bo_best(&hall.layout, hall.map, hall.len, &want, &best),
                     0);
    assert_string_equal(names(&hall, &best.seats), "A1 A2");

    want_all(&want, 2);
    want.min_price = 201;
    assert_int_equal(bo_best(&hall.layout, hall.map, hall.len, &want, &best),
                     0);
    assert_string_equal(names(&hall, &best.seats), "C1 C2");

    want.min_price = 200;
    want.max_price = 200;
    assert_int_equal(bo_best(&hall.layout, hall.map, hall.len, &want, &best),
                     0);
    assert_string_equal(names(&hall, &best.seats), "B1 B2");

    want.min_price = 301;
    want.max_price = INT64_MAX;
    assert_int_equal(bo_best(&hall.layout, hall.map, hall.len, &want, &best),
                     -1);

    /* what others are about to take */

    want_all(&want, 2);
    want.categories = 4;
    memset(taken, 0, sizeof(taken));
    bo_map_set(taken, hall.len, 8, BO_SEAT_HELD);
    bo_map_set(taken, hall.len, 9, BO_SEAT_HELD);
    want.taken = taken;
    assert_int_equal(bo_best(&hall.layout, hall.map, hall.len, &want, &best),
                     0);
    assert_string_equal(names(&hall, &best.seats), "C3 C4");

    bo_hall_free(&hall.memory);
}


/* What is stranded when the seats are taken: "" when it may be. */

static const char *
stranded(const char *const *rows, uint32_t nrows, const char *seats)
{
    int          rc;
    hall_t       hall;
    char         label[8];
    const char  *p;
    bo_seats_t   chosen, single;

    static char  text[256];

    draw(&hall, rows, nrows, NULL);
    chosen.n = 0;

    for (p = seats; *p; p += strlen(label) + (p[strlen(label)] == ' ')) {
        assert_int_equal(sscanf(p, "%7s", label), 1);
        assert_int_equal(bo_seats_add(&chosen, (uint32_t)
                                      bo_layout_find(&hall.layout, label,
                                                     strlen(label))), 0);
    }

    rc = bo_orphan(&hall.layout, hall.map, hall.len, &chosen, &hall.own,
                   &single);

    strcpy(text, rc ? names(&hall, &single) : "");
    bo_hall_free(&hall.memory);

    return text;
}


static void
test_orphan(void **state)
{
    (void) state;

    /* against the end of the row, the aisle, a broken seat, a taken one */

    assert_string_equal(stranded(rows_of("oooooo"), "A2 A3"), "A1");
    assert_string_equal(stranded(rows_of("oooooo"), "A4 A5"), "A6");
    assert_string_equal(stranded(rows_of("ooo_oooo"), "A2 A3"), "A1");
    assert_string_equal(stranded(rows_of("ooo_oooo"), "A6 A7"), "A5 A8");
    assert_string_equal(stranded(rows_of("xoooooo"), "A3 A4"), "A2");
    assert_string_equal(stranded(rows_of("Oooooooo"), "A3 A4"), "A2");

    /* nothing stranded: at the end, two left, beside a neighbour */

    assert_string_equal(stranded(rows_of("oooooo"), "A1 A2"), "");
    assert_string_equal(stranded(rows_of("oooooo"), "A3 A4"), "");
    assert_string_equal(stranded(rows_of("Oooooo"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("oooooo"), "A1 A2 A3 A4 A5 A6"), "");

    /* between two parts of a choice */

    assert_string_equal(stranded(rows_of("oooooo"), "A1 A3"), "A2");
    assert_string_equal(stranded(rows_of("ooooooo"), "A1 A2 A5 A6 A7"), "");

    /* not free: whose they are is not decided here */

    assert_string_equal(stranded(rows_of("oOOooooo"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("oOoooooo"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("oOoooooo"), "A2 A7"), "A8");

    /* single before: nobody's fault */

    assert_string_equal(stranded(rows_of("oOoooooo"), "A3 A4"), "");
    assert_string_equal(stranded(rows_of("o", "oooo"), "B1 B2"), "");

    /* no other choice of as many avoids it */

    assert_string_equal(stranded(rows_of("ooo"), "A1 A2"), "");
    assert_string_equal(stranded(rows_of("ooo_ooo"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("ooo", "OOO"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("ooo", "OOo"), "A1"), "");
    assert_string_equal(stranded(rows_of("ooo", "OOo"), "A2"), "A1 A3");
    assert_string_equal(stranded(rows_of("ooo", "ooO"), "A2 A3"), "A1");

    /* accessible seats are no choice for those who did not choose one */

    assert_string_equal(stranded(rows_of("ooo_aa"), "A2 A3"), "");
    assert_string_equal(stranded(rows_of("aaa_aa"), "A2 A3"), "A1");

    /* seats given back for these are free */

    assert_string_equal(stranded(rows_of("++oooo"), "A3 A4"), "");
    assert_string_equal(stranded(rows_of("+ooooo"), "A2 A3"), "A1");
}


/* --- the plainest model: every choice there is, seat by seat */

typedef struct {
    char  at[MAX_ROWS][MAX_COLUMNS];    /* 0: no seat; f free, t taken */
    char  kind[MAX_ROWS][MAX_COLUMNS];
    char  category[MAX_ROWS][MAX_COLUMNS];
    int   rows, columns;
} model_t;


static int
model_free(const model_t *m, int y, int x)
{
    return x >= 0 && x < m->columns && m->at[y][x] == 'f';
}


static int
model_single(const model_t *m, int y, int x)
{
    return model_free(m, y, x) && !model_free(m, y, x - 1)
           && !model_free(m, y, x + 1);
}


static int
model_singles(const model_t *m)
{
    int  y, x, n;

    n = 0;

    for (y = 0; y < m->rows; y++) {
        for (x = 0; x < m->columns; x++) {
            n += model_single(m, y, x);
        }
    }

    return n;
}


/* Seats that become single when those of a row are taken. */

static int
model_strands(const model_t *m, int y, int x, int count)
{
    int      i, before;
    model_t  copy;

    copy = *m;
    before = 0;

    for (i = 0; i < count; i++) {
        before += model_single(m, y, x + i);
        copy.at[y][x + i] = 't';
    }

    return model_singles(&copy) > model_singles(m) - before;
}


/*
 * The best block by kind, then by the distances of its seats, in floating
 * point.  Returns 0 when there is none.
 */

static int
model_best(const model_t *m, int count, unsigned categories, int *by, int *bx,
    int *bkind)
{
    int     y, x, i, kind, found, min_x, max_x, min_y, max_y, accessible;
    double  sum, best, dx, dy, cx, cy;

    min_x = min_y = 1000;
    max_x = max_y = -1;

    for (y = 0; y < m->rows; y++) {
        for (x = 0; x < m->columns; x++) {
            if (m->at[y][x]) {
                min_x = x < min_x ? x : min_x;
                max_x = x > max_x ? x : max_x;
                min_y = y < min_y ? y : min_y;
                max_y = y > max_y ? y : max_y;
            }
        }
    }

    cx = (min_x + max_x) / 2.0;
    cy = (min_y + 2.0 * max_y) / 3.0;

    found = 0;
    best = 0;

    for (y = 0; y < m->rows; y++) {
        for (x = 0; x + count <= m->columns; x++) {
            sum = 0;
            accessible = 0;

            for (i = 0; i < count; i++) {
                if (!model_free(m, y, x + i)
                    || !(categories & (1u << m->category[y][x + i])))
                {
                    break;
                }

                accessible |= m->kind[y][x + i] == 'a';
                dx = x + i - cx;
                dy = 1.5 * (y - cy);
                sum += dx * dx + dy * dy;
            }

            if (i < count) {
                continue;
            }

            kind = 2 * accessible + model_strands(m, y, x, count);

            if (!found || kind < *bkind
                || (kind == *bkind && sum < best - 1e-9))
            {
                found = 1;
                best = sum;
                *bkind = kind;
                *by = y;
                *bx = x;
            }
        }
    }

    return found;
}


static void
model_random(model_t *m, hall_t *hall)
{
    int          y, x;
    char         rows[MAX_ROWS][MAX_COLUMNS + 1];
    char         categories[MAX_ROWS][MAX_COLUMNS + 1];
    uint32_t     full;
    const char  *prows[MAX_ROWS], *pcategories[MAX_ROWS];

    memset(m, 0, sizeof(model_t));
    m->rows = 1 + (int) bo_test_below(MAX_ROWS - 1);
    m->columns = 1 + (int) bo_test_below(MAX_COLUMNS - 1);
    full = bo_test_below(10);

    for (y = 0; y < m->rows; y++) {
        for (x = 0; x < m->columns; x++) {
            rows[y][x] = "oooooooooa_x"[bo_test_below(12)];
            categories[y][x] = (char) ('0' + (bo_test_below(8) ? y * 3 / m->rows
                                                : (int) bo_test_below(3)));

            m->kind[y][x] = rows[y][x];
            m->category[y][x] = categories[y][x] - '0';

            if (rows[y][x] == '_') {
                continue;
            }

            m->at[y][x] = rows[y][x] == 'x' ? 't' : 'f';

            if (m->at[y][x] == 'f' && bo_test_below(10) < full) {
                m->at[y][x] = 't';
                rows[y][x] -= 'a' - 'A';
            }
        }

        rows[y][x] = categories[y][x] = '\0';
        prows[y] = rows[y];
        pcategories[y] = categories[y];
    }

    draw(hall, prows, (uint32_t) m->rows, pcategories);
}


static void
check_best(const model_t *m, const hall_t *hall)
{
    int             count, y, x, kind, found;
    uint32_t        i, categories;
    bo_best_t       best;
    bo_best_want_t  want;

    count = 1 + (int) bo_test_below(6);
    categories = bo_test_below(2) ? 7 : bo_test_below(8);

    want_all(&want, (uint32_t) count);
    want.categories = categories;

    found = model_best(m, count, categories, &y, &x, &kind);

    assert_int_equal(bo_best(&hall->layout, hall->map, hall->len, &want,
                             &best), found ? 0 : -1);
    if (!found) {
        return;
    }

    assert_int_equal(best.accessible * 2 + best.strands, kind);
    assert_int_equal(best.seats.n, count);

    for (i = 0; i < best.seats.n; i++) {
        assert_int_equal(hall->row[best.seats.no[i]], y);
        assert_int_equal(hall->column[best.seats.no[i]], x + (int) i);
    }
}


/* Any seats, together or not: the rule by counting singles, and all choices. */

static void
check_orphan(const model_t *m, const hall_t *hall)
{
    int         n, y, x, kind, rc, found, wanted;
    model_t     copy, open;
    uint32_t    i, seat, categories, accessible;
    bo_seats_t  chosen, single;

    chosen.n = 0;
    copy = open = *m;
    categories = accessible = 0;
    n = 1 + (int) bo_test_below(4);

    for (i = 0; i < 40 && chosen.n < (uint32_t) n; i++) {
        seat = chosen.n && bo_test_below(4)
               ? chosen.no[chosen.n - 1] + 1
               : bo_test_below(hall->layout.nseats);

        if (seat >= hall->layout.nseats
            || m->at[hall->row[seat]][hall->column[seat]] != 'f'
            || bo_seats_add(&chosen, seat) != 0)
        {
            continue;
        }

        copy.at[hall->row[seat]][hall->column[seat]] = 't';
        categories |= 1u << m->category[hall->row[seat]][hall->column[seat]];
        accessible |= m->kind[hall->row[seat]][hall->column[seat]] == 'a';
    }

    if (chosen.n == 0) {
        return;
    }

    /* seats that are single now and were not */

    wanted = 0;

    for (y = 0; y < m->rows; y++) {
        for (x = 0; x < m->columns; x++) {
            wanted += model_single(&copy, y, x) && !model_single(m, y, x);
        }
    }

    if (accessible) {
        for (y = 0; y < m->rows; y++) {
            for (x = 0; x < m->columns; x++) {
                open.kind[y][x] = 'o';
            }
        }
    }

    found = model_best(&open, (int) chosen.n, categories, &y, &x, &kind);

    rc = bo_orphan(&hall->layout, hall->map, hall->len, &chosen, NULL,
                   &single);

    assert_int_equal(single.n, wanted);
    assert_int_equal(rc, wanted > 0 && found && kind == 0);
}


static void
test_model(void **state)
{
    char      *s;
    hall_t     hall;
    model_t    model;
    uint64_t   seed, i, n, k, operations;

    (void) state;

    s = getenv("BO_SEEDS");
    n = s ? strtoull(s, NULL, 10) : 1000;
    s = getenv("BO_OPERATIONS");
    operations = s ? strtoull(s, NULL, 10) : 100;
    seed = bo_test_state;

    for (i = 0; i < n; i++) {
        bo_test_state = seed + i;
        model_random(&model, &hall);

        for (k = 0; k < operations && hall.layout.nseats; k++) {
            check_best(&model, &hall);
            check_orphan(&model, &hall);
        }

        bo_hall_free(&hall.memory);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_model)
    };

    bo_test_start();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
