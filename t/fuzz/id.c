
/*
 * libFuzzer target: the small readers of src/booking.  The first byte chooses
 * the reader, the rest is its input.  What is read must come out the same when
 * it is written and read again.
 */


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bo_id.h"
#include "bo_layout.h"
#include "bo_price.h"
#include "bo_seats.h"
#include "bo_state.h"
#include "bo_ticket.h"
#include "bo_time.h"


#define check(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)


static void
fuzz_uuid(const char *s, size_t len)
{
    int        c;
    char       text[BO_UUID_LEN];
    size_t     i;
    uint8_t    random[6];
    uint32_t   show_no;
    bo_uuid_t  u, again;

    if (bo_uuid_parse(&u, s, len) != 0) {
        return;
    }

    check(len == BO_UUID_LEN);

    bo_uuid_format(text, &u);

    for (i = 0; i < len; i++) {
        c = s[i] >= 'A' && s[i] <= 'F' ? s[i] + 'a' - 'A' : s[i];
        check(text[i] == c);
    }

    check(bo_uuid_parse(&again, text, BO_UUID_LEN) == 0);
    check(bo_uuid_equal(&u, &again));

    if (bo_uuid_show_no(&u, &show_no) != 0) {
        return;
    }

    /* taken apart and put together it is the same */

    random[0] = u.bytes[6];
    random[1] = u.bytes[7];
    random[2] = u.bytes[12];
    memcpy(random + 3, u.bytes + 13, 3);

    bo_uuid_make(&again, bo_uuid_unix_ms(&u), show_no, random);
    check(bo_uuid_equal(&u, &again));
}


static void
fuzz_user(const char *s, size_t len)
{
    size_t  i;

    if (!bo_user_valid(s, len)) {
        return;
    }

    check(len >= 1 && len <= BO_USER_MAX);

    for (i = 0; i < len; i++) {
        check(s[i] > 0x20 && s[i] < 0x7f);
        check(strchr(":*?{}[]\\\"'/,;%<>&", s[i]) == NULL);
    }
}


static void
fuzz_key(const char *s, size_t len)
{
    size_t       i, key_len;
    const char  *key;

    if (bo_idempotency_key_parse(&key, &key_len, s, len) != 0) {
        return;
    }

    check(key >= s && key + key_len <= s + len);
    check(key_len >= 1 && key_len <= BO_IDEMPOTENCY_KEY_MAX);
    check(bo_idempotency_key_valid(key, key_len));
    check(len == key_len || (len == key_len + 2 && s[0] == '"'));

    for (i = 0; i < key_len; i++) {
        check(key[i] > 0x20 && key[i] < 0x7f);
    }
}


static void
fuzz_time(const char *s, size_t len)
{
    char     text[BO_TIME_LEN];
    int64_t  ms, again;

    if (len >= sizeof(ms)) {
        memcpy(&ms, s, sizeof(ms));
        bo_time_format(text, ms);

        check(bo_time_parse(&again, text, BO_TIME_LEN) == 0);
        check(again == ms || ms < BO_TIME_MIN || ms > BO_TIME_MAX);
    }

    if (bo_time_parse(&ms, s, len) != 0) {
        return;
    }

    check(ms >= BO_TIME_MIN && ms <= BO_TIME_MAX);

    bo_time_format(text, ms);

    check(bo_time_parse(&again, text, BO_TIME_LEN) == 0);
    check(again == ms);

    if (len == BO_TIME_LEN && s[len - 1] == 'Z' && s[10] == 'T'
        && s[17] != '6')
    {
        check(memcmp(text, s, BO_TIME_LEN) == 0);
    }
}


static void
fuzz_seats(const char *s, size_t len)
{
    char        text[BO_SEATS_TEXT_MAX];
    size_t      n;
    uint32_t    i;
    bo_seats_t  seats, again, none;

    if (bo_seats_parse(&seats, s, len) != 0) {
        return;
    }

    check(seats.n <= BO_MAX_SEATS);

    for (i = 0; i < seats.n; i++) {
        check(seats.no[i] <= BO_SEAT_NO_MAX);
        check(i == 0 || seats.no[i - 1] < seats.no[i]);
        check(bo_seats_has(&seats, seats.no[i]));
    }

    n = bo_seats_format(text, &seats);
    check(n <= BO_SEATS_TEXT_MAX);
    check(n == len || n + 2 == len);

    check(bo_seats_parse(&again, text, n) == 0);
    check(bo_seats_equal(&seats, &again));
    check(bo_seats_intersects(&seats, &again) == (seats.n > 0));

    bo_seats_minus(&none, &seats, &again);
    check(none.n == 0);
}


static void *
counted_alloc(void *data, size_t size)
{
    void  **block;

    block = data;

    check(*block == NULL);

    *block = malloc(size);

    return *block;
}


static void
check_layout(const bo_layout_t *layout, const uint8_t *map, size_t map_len)
{
    int64_t           amount;
    uint32_t          i;
    bo_seats_t        seats;
    bo_stats_t        stats;
    const bo_seat_t  *seat;

    seats.n = 0;

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        check(bo_layout_find(layout, seat->label, seat->label_len)
              == (int32_t) i);
        check(seat->category < layout->ncategories);
        check(seat->row_len == 0 || memchr(seat->row, '\n', seat->row_len)
                                    == NULL);
        check(seat->section_len == 0
              || memchr(seat->section, '\t', seat->section_len) == NULL);

        if (seats.n < BO_MAX_SEATS) {
            check(bo_seats_add(&seats, i) == 0);
        }
    }

    check(bo_layout_find(layout, "no such seat", 12) == -1);
    check(bo_price_total(layout, &seats, &amount) == 0);
    check(amount >= 0 && amount <= BO_MAX_SEATS * BO_LAYOUT_MAX_PRICE);

    bo_stats_count(&stats, layout, map, map_len);

    check(stats.all.total == layout->nseats);
    check(stats.all.state[0] + stats.all.state[1] + stats.all.state[2]
          + stats.all.state[3] == layout->nseats);
}


/* Categories up to the first NUL byte, then the seats. */

static void
fuzz_layout(const char *s, size_t len)
{
    int           rc;
    void         *block;
    size_t        categories_len;
    const char   *text, *error;
    bo_alloc_t    alloc;
    bo_layout_t   layout;

    text = memchr(s, '\0', len);

    if (text == NULL) {
        return;
    }

    categories_len = (size_t) (text - s);
    text++;

    block = NULL;

    alloc.alloc = counted_alloc;
    alloc.data = &block;

    error = NULL;
    rc = bo_layout_parse(&layout, &alloc, s, categories_len, text,
                         len - categories_len - 1, &error);

    if (rc == 0) {
        check(layout.memory == block);
        check_layout(&layout, (const uint8_t *) s, len);

    } else {
        check(error != NULL);
    }

    free(block);
}


static void
fuzz_ticket(const char *s, size_t len)
{
    char  code[BO_TICKET_LEN], again[BO_TICKET_LEN];

    if (len >= 10) {
        bo_ticket_code(code, (const uint8_t *) s);
        check(bo_ticket_valid(code, BO_TICKET_LEN));
    }

    if (bo_ticket_parse(code, s, len) != 0) {
        check(!bo_ticket_valid(s, len));
        return;
    }

    check(bo_ticket_valid(code, BO_TICKET_LEN));
    check(bo_ticket_parse(again, code, BO_TICKET_LEN) == 0);
    check(memcmp(code, again, BO_TICKET_LEN) == 0);
}


/* Pairs of bytes: a seat and its new state, in a map with a model beside it. */

static void
fuzz_state(const char *s, size_t len)
{
    size_t    i;
    uint8_t   map[32], model[128], state;
    uint32_t  seat_no;

    memset(map, 0, sizeof(map));
    memset(model, 0, sizeof(model));

    for (i = 0; i + 1 < len; i += 2) {
        seat_no = (uint8_t) s[i];
        state = s[i + 1] & 3;

        if (bo_map_set(map, sizeof(map), seat_no, (bo_seat_state_e) state)
            == 0)
        {
            check(seat_no < 128);
            model[seat_no] = state;

        } else {
            check(seat_no >= 128);
        }
    }

    for (i = 0; i < 128; i++) {
        check(bo_map_get(map, sizeof(map), (uint32_t) i) == model[i]);
    }
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    *copy;
    size_t   len;

    static void  (*const readers[])(const char *, size_t) = {
        fuzz_uuid,
        fuzz_user,
        fuzz_key,
        fuzz_time,
        fuzz_seats,
        fuzz_layout,
        fuzz_ticket,
        fuzz_state
    };

    if (size == 0) {
        return 0;
    }

    /* of just that size, so that a read beyond it is seen */

    len = size - 1;
    copy = malloc(len ? len : 1);
    check(copy != NULL);
    memcpy(copy, data + 1, len);

    readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](copy, len);

    free(copy);

    return 0;
}
