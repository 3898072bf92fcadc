
#include "bo_test.h"
#include "bo_ticket.h"


static const char  alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";


static void
make(char *code)
{
    uint8_t  random[10];

    bo_test_fill(random, sizeof(random));
    bo_ticket_code(code, random);
}


static void
test_form(void **state)
{
    int      i;
    char     code[BO_TICKET_LEN];
    size_t   n;
    uint8_t  random[10];

    (void) state;

    memset(random, 0, sizeof(random));
    bo_ticket_code(code, random);
    assert_memory_equal(code, "0000-0000-0000-00000", BO_TICKET_LEN);

    /* 00010 00011 00100 ..., the first bit is the most significant */

    memcpy(random, "\x10\xc8\x53\x1d\x09\x52\xd8\xd7\x3e\x11", 10);
    bo_ticket_code(code, random);
    assert_memory_equal(code, "2345-6789-ABCD-EFGHC", BO_TICKET_LEN);

    for (i = 0; i < 10000; i++) {
        make(code);

        for (n = 0; n < BO_TICKET_LEN; n++) {
            if (n == 4 || n == 9 || n == 14) {
                assert_int_equal(code[n], '-');

            } else {
                assert_non_null(memchr(alphabet, code[n], 32));
            }
        }

        assert_true(bo_ticket_valid(code, BO_TICKET_LEN));
    }
}


/* What went in comes out again, of such texts only as are written. */

static void
test_bytes(void **state)
{
    int      i;
    char     code[BO_TICKET_LEN];
    uint8_t  random[10], again[10];

    (void) state;

    for (i = 0; i < 10000; i++) {
        bo_test_fill(random, sizeof(random));
        bo_ticket_code(code, random);

        assert_int_equal(bo_ticket_bytes(again, code, BO_TICKET_LEN), 0);
        assert_memory_equal(again, random, sizeof(random));
    }

    assert_int_equal(bo_ticket_bytes(again, code, BO_TICKET_LEN - 1), -1);

    code[5] = code[5] == '0' ? '1' : '0';
    assert_int_equal(bo_ticket_bytes(again, code, BO_TICKET_LEN), -1);
}


/* All 80 bits are in the code: decoded by hand they come out again. */

static void
test_bits(void **state)
{
    int       i;
    char      code[BO_TICKET_LEN];
    size_t    n, symbol;
    uint8_t   random[10], back[10];
    unsigned  bit, value;

    (void) state;

    for (i = 0; i < 10000; i++) {
        bo_test_fill(random, sizeof(random));
        bo_ticket_code(code, random);

        memset(back, 0, sizeof(back));
        symbol = 0;

        for (n = 0; symbol < 16; n++) {

            if (code[n] == '-') {
                continue;
            }

            value = (unsigned) (strchr(alphabet, code[n]) - alphabet);

            for (bit = 0; bit < 5; bit++) {
                if (value & (16u >> bit)) {
                    back[(symbol * 5 + bit) / 8] |=
                        (uint8_t) (128u >> (symbol * 5 + bit) % 8);
                }
            }

            symbol++;
        }

        assert_memory_equal(back, random, 10);
    }
}


static void
test_every_wrong_symbol(void **state)
{
    int     i;
    char    code[BO_TICKET_LEN], wrong[BO_TICKET_LEN], out[BO_TICKET_LEN];
    size_t  n, c;

    (void) state;

    for (i = 0; i < 500; i++) {
        make(code);

        for (n = 0; n < BO_TICKET_LEN; n++) {
            for (c = 0; c < 32; c++) {

                if (code[n] == '-' || code[n] == alphabet[c]) {
                    continue;
                }

                memcpy(wrong, code, BO_TICKET_LEN);
                wrong[n] = alphabet[c];

                assert_int_equal(bo_ticket_parse(out, wrong, BO_TICKET_LEN),
                                 -1);
            }
        }
    }
}


static void
test_every_exchange(void **state)
{
    int     i;
    char    code[BO_TICKET_LEN], wrong[BO_TICKET_LEN], out[BO_TICKET_LEN];
    size_t  n, m;

    (void) state;

    for (i = 0; i < 500; i++) {
        make(code);

        for (n = 0; n < BO_TICKET_LEN; n++) {
            for (m = n + 1; m < BO_TICKET_LEN; m++) {

                if (code[n] == '-' || code[m] == '-' || code[n] == code[m]) {
                    continue;
                }

                memcpy(wrong, code, BO_TICKET_LEN);
                wrong[n] = code[m];
                wrong[m] = code[n];

                assert_int_equal(bo_ticket_parse(out, wrong, BO_TICKET_LEN),
                                 -1);
            }
        }
    }
}


static void
test_typed(void **state)
{
    int     i;
    char    code[BO_TICKET_LEN], typed[65], out[BO_TICKET_LEN];
    size_t  n, len;

    (void) state;

    for (i = 0; i < 10000; i++) {
        make(code);
        len = 0;

        for (n = 0; n < BO_TICKET_LEN; n++) {

            if (bo_test_below(4) == 0) {
                typed[len++] = " -"[bo_test_below(2)];
            }

            if (code[n] == '-') {
                continue;
            }

            typed[len] = code[n];

            if (code[n] == '0') {
                typed[len] = "0oO"[bo_test_below(3)];

            } else if (code[n] == '1') {
                typed[len] = "1iIlL"[bo_test_below(5)];

            } else if (code[n] >= 'A' && bo_test_below(2)) {
                typed[len] = (char) (code[n] - 'A' + 'a');
            }

            len++;
        }

        assert_int_equal(bo_ticket_parse(out, typed, len), 0);
        assert_memory_equal(out, code, BO_TICKET_LEN);

        assert_int_equal(bo_ticket_valid(typed, len),
                         len == BO_TICKET_LEN
                         && memcmp(typed, code, BO_TICKET_LEN) == 0);
    }
}


static void
test_refused(void **state)
{
    char    out[BO_TICKET_LEN], spaces[65];
    size_t  i;

    static const struct {
        const char  *s;
        size_t       len;
    } cases[] = {
        { bo_test_text("") },
        { bo_test_text("-") },
        { bo_test_text("0000-0000-0000-0000") },
        { bo_test_text("0000-0000-0000-000000") },
        { bo_test_text("0000-0000-0000-0000U") },
        { bo_test_text("0000-0000-0000-0000u") },
        { bo_test_text("0000_0000_0000_00000") },
        { bo_test_text("0000-0000-0000-0000\0") },
        { bo_test_text("\0" "0000000000000000") },
        { bo_test_text("0000-0000-0000-0000\xff") },
        { bo_test_text("0000-0000-0000-0000*") }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(bo_ticket_parse(out, cases[i].s, cases[i].len), -1);
        assert_false(bo_ticket_valid(cases[i].s, cases[i].len));
    }

    /* 64 bytes are looked at, 65 are not */

    memset(spaces, ' ', sizeof(spaces));
    memset(spaces, '0', 17);

    assert_int_equal(bo_ticket_parse(out, spaces, 64), 0);
    assert_int_equal(bo_ticket_parse(out, spaces, 65), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_every_wrong_symbol),
        cmocka_unit_test(test_every_exchange),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_refused)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("ticket", tests, NULL, NULL);
}
