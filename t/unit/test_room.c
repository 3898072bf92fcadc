
/*
 * The waiting room against a naive one that keeps a list, over random lives of
 * a room; and what is left of one whose worker was killed at any instruction.
 *
 * BO_SEEDS=n BO_OPERATIONS=n make it longer.
 */


#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bo_test.h"
#include "bo_room.h"


#define NUMBERS  6000
#define PEOPLE   700
#define SIZE     (256 * 1024)
#define LIFE     100

enum { NOBODY, WAITS, ADMITTED, OVER };


typedef struct {
    int       state[NUMBERS];
    uint64_t  id[NUMBERS];
    uint32_t  until[NUMBERS];
    uint64_t  ahead[NUMBERS];       /* told last */
    uint64_t  known;
    uint64_t  cursor;               /* a rank */
    uint64_t  next;
    uint64_t  end;
} model_t;


static unsigned
setting(const char *name, unsigned otherwise)
{
    char  *value;

    value = getenv(name);

    return value ? (unsigned) strtoul(value, NULL, 0) : otherwise;
}


static bo_room_t *
new_room(size_t size)
{
    void       *memory;
    bo_room_t  *room;

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    assert_true(memory != MAP_FAILED);

    room = bo_room_create(memory, size);
    assert_null(bo_room_check(room));

    return room;
}


static uint64_t
model_find(model_t *m, uint64_t id)
{
    uint64_t  n;

    for (n = 0; n < m->next; n++) {
        if (m->id[n] == id
            && (m->state[n] == WAITS || m->state[n] == ADMITTED))
        {
            return n;
        }
    }

    return BO_ROOM_NONE;
}


static void
model_set(model_t *m, uint64_t n, uint64_t id, uint32_t until)
{
    m->state[n] = WAITS;
    m->id[n] = id;
    m->until[n] = until;
    m->ahead[n] = BO_ROOM_NONE;
}


static uint64_t
model_ahead(model_t *m, bo_room_t *room, uint64_t number)
{
    uint64_t  r, n, ahead;

    ahead = 0;

    for (r = m->cursor; r < bo_room_rank(room, number); r++) {
        n = bo_room_number(room, r);

        if (m->state[n] == WAITS || m->state[n] == ADMITTED
            || (m->state[n] == NOBODY && n >= m->known))
        {
            ahead++;
        }
    }

    return ahead;
}


/* A block of this node: some numbers given, perhaps twice to one person. */

static void
do_join(bo_room_t *room, model_t *m, uint32_t now)
{
    uint64_t           id, number, was;
    bo_room_verdict_e  verdict;

    id = 1 + bo_test_below(PEOPLE);
    was = model_find(m, id);
    verdict = bo_room_join(room, id, &number);

    if (was != BO_ROOM_NONE) {
        assert_int_equal(verdict, BO_ROOM_THERE);
        assert_true(number == was);
        return;
    }

    if (room->block.end == room->block.first || m->next == m->end) {
        assert_int_equal(verdict, BO_ROOM_NO_NUMBER);
        return;
    }

    assert_int_equal(verdict, BO_ROOM_OK);
    assert_true(number == m->next);

    bo_room_place(room, number, id)->until = now + LIFE;
    bo_room_told(room, number, number + 1);
    model_set(m, number, id, now + LIFE);
    m->next++;
}


/* The block is closed; what others joined meanwhile comes after it. */

static void
do_block(bo_room_t *room, model_t *m, uint32_t now)
{
    int       state;
    uint64_t  id, n, was, others, size;

    n = m->next;

    bo_room_unused(room, n, m->end);

    others = bo_test_below(20);
    size = bo_test_below(40);

    if (m->end + others + size + 4 > NUMBERS) {
        room->block.first = room->block.end = m->end;
        room->block.used = 0;
        bo_room_know(room, m->end);
        m->next = m->known = m->end;
        return;
    }

    for (n = m->end; n < m->end + others; n++) {
        id = 1 + bo_test_below(PEOPLE);
        was = model_find(m, id);

        state = bo_room_put(room, n, id);
        m->next = n + 1;

        if (was != BO_ROOM_NONE) {
            assert_int_equal(state, BO_ROOM_THERE);
            continue;
        }

        assert_int_equal(state, BO_ROOM_OK);
        bo_room_place(room, n, id)->until = now + LIFE;
        model_set(m, n, id, now + LIFE);
    }

    n += bo_test_below(4);
    bo_room_unused(room, m->end + others, n);

    m->known = m->next = n;
    m->end = n + size;

    room->block.first = n;
    room->block.used = 0;
    room->block.end = m->end;
    bo_room_know(room, m->known);
}


static void
do_end(bo_room_t *room, model_t *m)
{
    uint64_t  n;

    n = model_find(m, 1 + bo_test_below(PEOPLE));

    if (n != BO_ROOM_NONE) {
        bo_room_end(room, n);
        m->state[n] = OVER;
    }
}


static void
do_touch(bo_room_t *room, model_t *m, uint32_t now)
{
    int       i;
    uint64_t  n;

    for (i = 0; i < 50; i++) {
        n = model_find(m, 1 + bo_test_below(PEOPLE));

        if (n != BO_ROOM_NONE && m->state[n] == WAITS) {
            bo_room_place(room, n, m->id[n])->until = now + LIFE;
            m->until[n] = now + LIFE;
        }
    }
}


static void
do_admit(bo_room_t *room, model_t *m, uint32_t now)
{
    uint8_t   skip[64];
    uint64_t  n, chosen, to, r, number, admitted;

    n = bo_test_below(30);
    chosen = bo_room_choose(room, n, 512, now, NULL, 0, skip, &to);

    admitted = 0;

    for (r = m->cursor; r < to; r++) {
        number = bo_room_number(room, r);
        assert_true(number < m->known);

        if (m->state[number] != WAITS) {
            continue;
        }

        if (m->until[number] >= now) {
            m->state[number] = ADMITTED;

            if (m->until[number] < now + LIFE) {
                m->until[number] = now + LIFE;
            }

            admitted++;

        } else {
            m->state[number] = OVER;
        }
    }

    assert_true(chosen == admitted);
    assert_true(chosen <= n);

    /* it stops for one reason only */

    assert_true(chosen == n || to == m->known || to == m->cursor + 512);

    bo_room_admit(room, to, skip, now + LIFE);
    m->cursor = to;
}


static void
do_expire(bo_room_t *room, model_t *m, uint32_t now, uint64_t *from)
{
    uint64_t  i, n, numbers[100];

    n = bo_room_expired(room, now, from, numbers, 100);

    for (i = 0; i < n; i++) {
        assert_int_equal(m->state[numbers[i]], ADMITTED);
        assert_true(m->until[numbers[i]] < now);

        bo_room_end(room, numbers[i]);
        m->state[numbers[i]] = OVER;
    }

    /* all numbers of the test are looked at by one call */

    for (i = 0; i < m->next && n < 100; i++) {
        assert_false(m->state[i] == ADMITTED && m->until[i] < now);
    }
}


static void
compare(bo_room_t *room, model_t *m)
{
    uint64_t  n, ahead, waiting, admitted;

    bo_room_count(room);
    assert_null(bo_room_check(room));

    waiting = 0;
    admitted = 0;

    for (n = 0; n < m->next; n++) {

        if (m->id[n] == 0) {
            continue;
        }

        switch (m->state[n]) {

        case WAITS:
            waiting++;
            assert_int_equal(bo_room_state(room, n, m->id[n]),
                             BO_PLACE_WAITING);

            ahead = bo_room_ahead(room, n);
            assert_true(ahead == model_ahead(m, room, n));
            assert_true(ahead <= m->ahead[n]);
            assert_true(bo_room_rank_behind(room, ahead)
                        <= bo_room_rank(room, n));
            m->ahead[n] = ahead;
            break;

        case ADMITTED:
            admitted++;
            assert_int_equal(bo_room_state(room, n, m->id[n]),
                             BO_PLACE_ADMITTED);
            break;

        default:
            assert_int_equal(bo_room_state(room, n, m->id[n]),
                             BO_PLACE_OVER);
        }

        assert_int_equal(bo_room_state(room, n, 999999)
                         == BO_PLACE_ADMITTED, 0);
    }

    assert_true(room->nwaiting == waiting);
    assert_true(room->nadmitted == admitted);
    assert_true(room->cursor == m->cursor);
}


static void
live(bo_room_t *room, unsigned operations, int lobby)
{
    uint8_t    key[BO_SIPHASH_KEY];
    unsigned   i;
    uint32_t   now;
    uint64_t   n, from;
    model_t   *m;

    m = calloc(1, sizeof(model_t));
    assert_non_null(m);

    now = 1000;
    from = 0;

    for (i = 0; i < operations; i++) {
        now += bo_test_below(4);

        if (lobby && m->known > 300) {
            do_block(room, m, now);
            bo_test_fill(key, sizeof(key));
            bo_room_drawn(room, 0, m->known, key);
            assert_true(room->draw_end == m->known);
            lobby = 0;

            /* everybody gets another place in the order */

            for (n = 0; n < m->next; n++) {
                m->ahead[n] = BO_ROOM_NONE;
            }
        }

        switch (bo_test_below(20)) {

        case 0:
        case 1:
            do_block(room, m, now);
            break;

        case 2:
            do_end(room, m);
            break;

        case 3:
        case 4:
            do_touch(room, m, now);
            break;

        case 5:
            if (!lobby) {
                do_admit(room, m, now);
            }

            break;

        case 6:
            do_expire(room, m, now, &from);
            break;

        default:
            do_join(room, m, now);
        }

        if (i % 16 == 0) {
            compare(room, m);
        }
    }

    compare(room, m);
    free(m);
}


static void
as_the_model(void **state)
{
    unsigned    seed, seeds, operations;
    bo_room_t  *room;

    (void) state;

    seeds = setting("BO_SEEDS", 20);
    operations = setting("BO_OPERATIONS", 1500);
    room = new_room(SIZE);

    for (seed = 0; seed < seeds; seed++) {
        bo_room_reset(room, 0);
        live(room, operations, seed % 2);
    }

    munmap(room, SIZE);
}


/* Two nodes, one log: the lower of two numbers of one person counts on both. */

static void
one_person_one_place(void **state)
{
    bo_room_t  *room;

    (void) state;

    room = new_room(SIZE);

    assert_int_equal(bo_room_put(room, 7, 42), BO_ROOM_OK);
    assert_int_equal(bo_room_put(room, 9, 42), BO_ROOM_THERE);
    assert_int_equal(bo_room_state(room, 9, 42), BO_PLACE_OVER);

    assert_int_equal(bo_room_put(room, 3, 42), BO_ROOM_OK);
    assert_int_equal(bo_room_state(room, 7, 42), BO_PLACE_OVER);
    assert_true(bo_room_find(room, 42) == 3);

    /* who is in stays in */

    assert_int_equal(bo_room_put(room, 5, 43), BO_ROOM_OK);
    bo_room_know(room, 10);
    bo_room_admit(room, 6, NULL, 100);
    assert_int_equal(bo_room_put(room, 8, 43), BO_ROOM_THERE);
    assert_int_equal(bo_room_state(room, 5, 43), BO_PLACE_ADMITTED);

    munmap(room, SIZE);
}


/* Whoever admits counts those that the node has told of, and no others. */

static void
untold(void **state)
{
    uint64_t    n, number;
    bo_room_t  *room;

    (void) state;

    room = new_room(SIZE);
    room->block.end = 100;

    for (n = 0; n < 20; n++) {
        assert_int_equal(bo_room_join(room, n + 1, &number), BO_ROOM_OK);
    }

    bo_room_told(room, 0, 10);
    bo_room_admit(room, 50, NULL, 100);
    bo_room_count(room);

    assert_true(room->nadmitted == 10);
    assert_true(room->nwaiting == 0);
    assert_int_equal(bo_room_state(room, 9, 10), BO_PLACE_ADMITTED);
    assert_int_equal(bo_room_state(room, 10, 11), BO_PLACE_OVER);

    munmap(room, SIZE);
}


/* Full: newcomers are refused, and nobody inside is harmed. */

static void
full(void **state)
{
    uint64_t    n, number;
    bo_room_t  *room;

    (void) state;

    room = new_room(BO_ROOM_MIN);
    room->block.end = 1000000;

    for (n = 0; bo_room_join(room, n + 1, &number) == BO_ROOM_OK; n++) {
        /* void */
    }

    assert_int_equal(bo_room_join(room, n + 1, &number), BO_ROOM_FULL);
    assert_true(n == bo_room_capacity(room));
    assert_true(n >= 1000);
    assert_null(bo_room_check(room));

    for (number = 0; number < n; number++) {
        assert_true(bo_room_find(room, number + 1) == number);
    }

    /* whoever is done makes room again */

    bo_room_know(room, n);
    bo_room_told(room, 0, n);
    bo_room_admit(room, 256, NULL, 100);

    for (number = 0; number < 256; number++) {
        bo_room_end(room, number);
    }

    bo_room_count(room);
    assert_int_equal(bo_room_join(room, n + 1, &number), BO_ROOM_OK);

    munmap(room, BO_ROOM_MIN);
}


/* A lobby that does not fit is drawn as far as it does. */

static void
full_lobby(void **state)
{
    uint8_t     key[BO_SIPHASH_KEY];
    uint64_t    n, number, end, to;
    bo_room_t  *room;

    (void) state;

    room = new_room(BO_ROOM_MIN);
    room->block.end = 1000000;

    for (n = 0; bo_room_join(room, n + 1, &number) == BO_ROOM_OK; n++) {
        bo_room_place(room, number, n + 1)->until = 100;
    }

    end = n + 2 * BO_ROOM_SEGMENT;
    bo_room_told(room, 0, n);

    assert_int_equal(bo_room_put(room, n, n + 1), BO_ROOM_FULL);
    bo_room_know(room, end);
    bo_test_fill(key, sizeof(key));
    assert_true(bo_room_drawn(room, 0, end, key) == 2 * BO_ROOM_SEGMENT);
    assert_true(room->draw_end == end);
    bo_room_count(room);
    assert_null(bo_room_check(room));

    to = 0;

    while (to < end) {
        uint8_t   skip[64];
        uint64_t  chosen, before;

        before = room->admissions;
        chosen = bo_room_choose(room, 10, 512, 50, NULL, 0, skip, &to);
        bo_room_admit(room, to, skip, 200);
        assert_true(room->admissions == before + chosen);
    }

    assert_true(room->admissions == n);
    assert_true(bo_room_drawn_who(room, n - 1) == n);
    assert_true(bo_room_drawn_who(room, n) == 0);

    munmap(room, BO_ROOM_MIN);
}


/* Those of a draw stay, and numbers come round to them, over and over. */

static void
numbers_that_come_round(void **state)
{
    uint8_t     key[BO_SIPHASH_KEY];
    uint64_t    n, number, first, round;
    bo_room_t  *room;

    (void) state;

    room = new_room(BO_ROOM_MIN);
    first = 0;

    for (n = 0; n < 300; n++) {
        assert_int_equal(bo_room_put(room, n, n + 1), BO_ROOM_OK);
    }

    bo_room_know(room, 512);
    bo_test_fill(key, sizeof(key));
    assert_true(bo_room_drawn(room, 0, 512, key) == 0);
    bo_room_admit(room, 512, NULL, 100);

    for (n = 0; n < 300; n++) {
        bo_room_end(room, n);
    }

    for (round = 1; round < 40; round++) {
        bo_room_count(room);
        first = round * room->nsegments * BO_ROOM_SEGMENT;
        room->block.first = first;
        room->block.used = 0;
        room->block.end = first + 100;
        bo_room_know(room, first);
        bo_room_admit(room, first, NULL, 100);

        for (n = 0; n < 100; n++) {
            assert_int_equal(bo_room_join(room, 1000 + n, &number),
                             BO_ROOM_OK);
            assert_true(number == first + n);
        }

        for (n = 100; n < 400; n++) {
            assert_int_equal(bo_room_put(room, first + n, 1000 + n),
                             BO_ROOM_OK);
        }

        assert_null(bo_room_check(room));
        bo_room_know(room, first + 400);
        bo_room_admit(room, first + 400, NULL, 100);

        for (n = 0; n < 400; n++) {
            bo_room_end(room, first + n);
        }
    }

    assert_true(bo_room_drawn_who(room, 299) == 300);

    munmap(room, BO_ROOM_MIN);
}


/* After Redis lost its numbers, they go on far above. */

static void
numbers_that_jump(void **state)
{
    uint64_t    number;
    bo_room_t  *room;

    (void) state;

    room = new_room(SIZE);

    room->block.end = 10;
    assert_int_equal(bo_room_join(room, 1, &number), BO_ROOM_OK);

    room->block.first = 100000;
    room->block.used = 0;
    room->block.end = 100010;
    bo_room_know(room, 100000);
    bo_room_count(room);

    assert_int_equal(bo_room_join(room, 2, &number), BO_ROOM_OK);
    bo_room_unused(room, 1, 100000);
    bo_room_count(room);

    assert_true(bo_room_ahead(room, 0) == 0);
    assert_true(bo_room_ahead(room, 100000) == 1);

    munmap(room, SIZE);
}


/* A node dies with numbers that nobody knows: all who have one are taken up. */

static void
numbers_in_doubt(void **state)
{
    uint64_t    n;
    bo_room_t  *room;

    (void) state;

    room = new_room(SIZE);

    bo_room_next(room, 600);
    bo_room_doubt(room, 100, 500);
    bo_room_unused(room, 500, 600);
    bo_room_know(room, 600);
    bo_room_count(room);

    for (n = 100; n < 500; n += 3) {
        assert_int_equal(bo_room_state(room, n, n), BO_PLACE_UNKNOWN);
        assert_int_equal(bo_room_put(room, n, n), BO_ROOM_OK);
        assert_int_equal(bo_room_state(room, n, n), BO_PLACE_WAITING);
    }

    assert_int_equal(bo_room_state(room, 550, 550), BO_PLACE_OVER);

    munmap(room, SIZE);
}


static void
child(bo_room_t *room, uint64_t seed)
{
    bo_test_state = seed;
    live(room, 100000000, 0);
}


/* Whatever a dead worker left: it fits together, and the room goes on. */

static void
killed_anywhere(void **state)
{
    int         status;
    pid_t       pid;
    uint64_t    number, n, seed;
    unsigned    i, kills;
    bo_room_t  *room;
    const char *wrong;

    (void) state;

    kills = setting("BO_KILLS", 100);
    room = new_room(SIZE);

    for (i = 0; i < kills; i++) {
        bo_room_reset(room, 0);
        seed = bo_test_random();

        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            child(room, seed);
            _exit(0);
        }

        usleep(500 + bo_test_below(20000));
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        wrong = bo_room_check(room);

        if (wrong) {
            fail_msg("%s", wrong);
        }

        /* nobody is admitted twice, and newcomers get places */

        bo_room_count(room);
        bo_room_know(room, room->next);
        room->block.first = room->known;
        room->block.used = 0;
        room->block.end = room->known + 100;

        for (n = 0; n < 100; n++) {
            assert_int_equal(bo_room_join(room, 1000000 + n, &number),
                             BO_ROOM_OK);
            assert_true(number == room->block.first + n);
        }

        bo_room_know(room, room->next);
        bo_room_told(room, room->block.first, room->block.end);
        bo_room_admit(room, room->next, NULL, 1);
        bo_room_count(room);
        assert_true(room->nwaiting == 0);
        assert_true(room->nadmitted >= 100);
        assert_null(bo_room_check(room));
    }

    munmap(room, SIZE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(as_the_model),
        cmocka_unit_test(one_person_one_place),
        cmocka_unit_test(untold),
        cmocka_unit_test(full),
        cmocka_unit_test(full_lobby),
        cmocka_unit_test(numbers_that_come_round),
        cmocka_unit_test(numbers_that_jump),
        cmocka_unit_test(numbers_in_doubt),
        cmocka_unit_test(killed_anywhere)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
