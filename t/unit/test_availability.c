
#include "bo_hall.h"
#include "bo_availability.h"


#define MAX_SEATS  700


static void
test_sizes(void **state)
{
    (void) state;

    assert_int_equal(bo_availability_len(0), 0);
    assert_int_equal(bo_availability_len(1), 1);
    assert_int_equal(bo_availability_len(4), 1);
    assert_int_equal(bo_availability_len(5), 2);
    assert_int_equal(bo_availability_len(50000), 12500);
    assert_int_equal(bo_availability_len(65535), 16384);

    assert_int_equal(bo_availability_blocks(0), 0);
    assert_int_equal(bo_availability_blocks(64), 1);
    assert_int_equal(bo_availability_blocks(65), 2);
}


/* All 81 values: each its own character, none that JSON would escape. */

static void
test_characters(void **state)
{
    int   seen[256], a, b, c, d;
    char  text;

    (void) state;

    memset(seen, 0, sizeof(seen));

    for (a = 0; a < 3; a++) {
        for (b = 0; b < 3; b++) {
            for (c = 0; c < 3; c++) {
                for (d = 0; d < 3; d++) {
                    text = '#';
                    bo_availability_set(&text, 0, a);
                    bo_availability_set(&text, 1, b);
                    bo_availability_set(&text, 2, c);
                    bo_availability_set(&text, 3, d);

                    assert_true(text > ' ' && text < 127);
                    assert_true(text != '"' && text != '\\');
                    assert_int_equal(seen[(uint8_t) text]++, 0);

                    assert_int_equal(bo_availability_get(&text, 0), a);
                    assert_int_equal(bo_availability_get(&text, 1), b);
                    assert_int_equal(bo_availability_get(&text, 2), c);
                    assert_int_equal(bo_availability_get(&text, 3), d);
                }
            }
        }
    }
}


/* The values that the documentation gives. */

static void
test_examples(void **state)
{
    char  text[2] = { '#', '#' };

    (void) state;

    bo_availability_set(text, 0, BO_SEAT_HELD);
    assert_int_equal(text[0], '$');

    bo_availability_set(text, 0, BO_SEAT_UNAVAILABLE);
    assert_int_equal(text[0], '%');

    bo_availability_set(text, 0, BO_SEAT_AVAILABLE);
    bo_availability_set(text, 3, BO_SEAT_BOOKED);
    assert_int_equal(text[0], 35 + 54);

    bo_availability_set(text, 1, BO_SEAT_HELD);
    assert_int_equal(text[0], 35 + 57 + 1);

    assert_int_equal(text[1], '#');
}


static void
test_closed(void **state)
{
    char              text[2];
    uint8_t           map[2] = { 0, 0 };
    bo_layout_t       layout;
    const char       *error;
    bo_hall_memory_t  memory;

    static const char  seats[] =
        "A1\tA\t1\t0\tN\t0\t0\t\nA2\tA\t2\t0\tB\t1\t0\t\n"
        "A3\tA\t3\t0\tH\t2\t0\t\nA4\tA\t4\t0\tA\t3\t0\t\n"
        "A5\tA\t5\t0\tN\t4\t0\t\n";

    (void) state;

    memset(&memory, 0, sizeof(memory));

    assert_int_equal(bo_hall_parse(&layout, &memory, bo_test_text("X:1"),
                                   bo_test_text(seats), &error), 0);

    assert_int_equal(bo_map_set(map, 2, 4, BO_SEAT_HELD), 0);
    bo_availability_write(text, &layout, map, 2);

    assert_int_equal(bo_availability_get(text, 0), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_availability_get(text, 1), BO_SEAT_BOOKED);
    assert_int_equal(bo_availability_get(text, 2), BO_SEAT_BOOKED);
    assert_int_equal(bo_availability_get(text, 3), BO_SEAT_AVAILABLE);
    assert_int_equal(bo_availability_get(text, 4), BO_SEAT_HELD);
    assert_int_equal(bo_availability_get(text, 7), BO_SEAT_AVAILABLE);

    bo_hall_free(&memory);
}


static void
test_changes(void **state)
{
    int       n;
    char      out[256];
    uint8_t   map[50];
    uint32_t  changed[200], latest[4];

    (void) state;

    memset(map, 0, sizeof(map));
    memset(changed, 0, sizeof(changed));
    memset(latest, 0, sizeof(latest));

    assert_int_equal(bo_availability_changes(out, 0, changed, latest, 200, 0,
                                             map, sizeof(map)), 0);

    bo_map_set(map, sizeof(map), 17, BO_SEAT_HELD);
    bo_availability_note(changed, latest, 17, 5);
    bo_map_set(map, sizeof(map), 199, BO_SEAT_HELD);
    bo_availability_note(changed, latest, 199, 6);
    bo_availability_note(changed, latest, 4, 7);
    bo_map_set(map, sizeof(map), 3, BO_SEAT_BOOKED);
    bo_availability_note(changed, latest, 3, 8);

    n = bo_availability_changes(out, sizeof(out), changed, latest, 200, 4,
                                map, sizeof(map));
    assert_true(n > 0);
    out[n] = '\0';
    assert_string_equal(out, ",\"available\":[4],\"held\":[17,199],"
                             "\"booked\":[3]");

    n = bo_availability_changes(out, sizeof(out), changed, latest, 200, 6,
                                map, sizeof(map));
    assert_true(n > 0);
    out[n] = '\0';
    assert_string_equal(out, ",\"available\":[4],\"booked\":[3]");

    assert_int_equal(bo_availability_changes(out, sizeof(out), changed,
                                             latest, 200, 8, map,
                                             sizeof(map)), 0);
    assert_int_equal(bo_availability_changes(out, 20, changed, latest, 200, 4,
                                             map, sizeof(map)), -1);
}


/* Against the plainest model: states by seat, and all that ever happened. */

typedef struct {
    uint32_t  seat;
    int       to;
} event_t;


static void
check_text(const char *text, const int *states, uint32_t n)
{
    uint32_t  seat;

    for (seat = 0; seat < n; seat++) {
        assert_int_equal(bo_availability_get(text, seat), states[seat]);
    }
}


/* Brings a client's states from since to now by the lists. */

static void
follow(int *client, const char *out, int n)
{
    int          i, state;
    uint32_t     seat;
    const char  *p, *last;

    static const char *const  names[] = {
        ",\"available\":[", ",\"held\":[", ",\"booked\":["
    };

    p = out;
    last = out + n;

    while (p < last) {
        state = -1;

        for (i = 0; i < 3; i++) {
            if (strncmp(p, names[i], strlen(names[i])) == 0) {
                state = i;
                p += strlen(names[i]);
                break;
            }
        }

        assert_int_not_equal(state, -1);

        do {
            seat = (uint32_t) strtoul(p, (char **) &p, 10);
            client[seat] = state;
        } while (*p++ == ',');

        assert_int_equal(p[-1], ']');
    }
}


static void
run_seed(uint64_t seed)
{
    int              n, to, states[MAX_SEATS], client[MAX_SEATS];
    char             text[MAX_SEATS], out[8 * MAX_SEATS + 64];
    uint8_t          map[MAX_SEATS];
    event_t         *events;
    uint32_t         i, nseats, steps, since, changed[MAX_SEATS], latest[64];

    bo_test_state = seed;

    nseats = 1 + bo_test_below(MAX_SEATS - 1);
    steps = 2000 + bo_test_below(2000);

    memset(states, 0, sizeof(states));
    memset(map, 0, sizeof(map));
    memset(changed, 0, sizeof(changed));
    memset(latest, 0, sizeof(latest));
    memset(text, '#', sizeof(text));

    events = calloc(steps + 1, sizeof(event_t));
    assert_non_null(events);

    for (i = 1; i <= steps; i++) {
        events[i].seat = bo_test_below(nseats);
        events[i].to = to = (int) bo_test_below(3);

        states[events[i].seat] = to;
        bo_map_set(map, bo_map_size(nseats), events[i].seat, to);
        bo_availability_set(text, events[i].seat, to);
        bo_availability_note(changed, latest, events[i].seat, i);

        if (i % 64) {
            continue;
        }

        check_text(text, states, nseats);

        /* somebody who was here at since */

        since = bo_test_below(i + 1);
        memset(client, 0, sizeof(client));

        for (n = 1; n <= (int) since; n++) {
            client[events[n].seat] = events[n].to;
        }

        n = bo_availability_changes(out, sizeof(out) - 1, changed, latest,
                                    nseats, since, map, bo_map_size(nseats));
        assert_true(n >= 0);
        out[n] = '\0';

        follow(client, out, n);
        assert_memory_equal(client, states, nseats * sizeof(int));
    }

    free(events);
}


static void
test_model(void **state)
{
    char      *s;
    uint64_t   i, n, first;

    (void) state;

    s = getenv("BO_SEEDS");
    n = s ? strtoull(s, NULL, 10) : 1000;
    first = bo_test_state;

    for (i = 0; i < n; i++) {
        run_seed(first + i);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_model)
    };

    bo_test_start();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
