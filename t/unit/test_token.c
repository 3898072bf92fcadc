
/*
 * Tokens as bytes and as text: there and back, and one text for each.
 */


#include "bo_test.h"
#include "bo_token.h"


#define RUNS  20000


static void
there_and_back(void **state)
{
    int         i;
    char        text[BO_TOKEN_LEN];
    uint8_t     bytes[BO_TOKEN_BYTES], again[BO_TOKEN_BYTES];
    bo_token_t  token, read;

    (void) state;

    for (i = 0; i < RUNS; i++) {
        token.kind = (uint8_t) bo_test_random();
        token.sale = bo_test_random();
        token.number = bo_test_random();
        token.id = bo_test_random();
        token.expires = bo_test_random() >> 16;

        bo_token_pack(bytes, &token);
        bo_token_unpack(&read, bytes);

        assert_true(read.kind == token.kind && read.sale == token.sale
                    && read.number == token.number && read.id == token.id
                    && read.expires == token.expires);

        bo_test_fill(bytes + BO_TOKEN_BODY, BO_TOKEN_MAC);
        bo_token_encode(text, bytes);
        assert_int_equal(bo_token_decode(again, text, BO_TOKEN_LEN), 0);
        assert_memory_equal(again, bytes, BO_TOKEN_BYTES);
    }
}


/* A text that is read is the one that would be written. */

static void
one_text_each(void **state)
{
    int      i, n, good;
    char     text[BO_TOKEN_LEN], again[BO_TOKEN_LEN];
    uint8_t  bytes[BO_TOKEN_BYTES];

    (void) state;

    good = 0;

    for (i = 0; i < RUNS; i++) {
        bo_test_fill(bytes, sizeof(bytes));
        bo_token_encode(text, bytes);

        for (n = (int) bo_test_below(3); n; n--) {
            text[bo_test_below(BO_TOKEN_LEN)] = (char) bo_test_random();
        }

        if (bo_token_decode(bytes, text, BO_TOKEN_LEN) == 0) {
            bo_token_encode(again, bytes);
            assert_memory_equal(again, text, BO_TOKEN_LEN);
            good++;
        }
    }

    assert_true(good > RUNS / 4 && good < RUNS);
}


static void
what_is_none(void **state)
{
    int      c, digits;
    char     text[BO_TOKEN_LEN + 1];
    size_t   len;
    uint8_t  bytes[BO_TOKEN_BYTES];

    (void) state;

    memset(text, 'A', sizeof(text));

    for (len = 0; len <= sizeof(text); len++) {
        assert_int_equal(bo_token_decode(bytes, text, len),
                         len == BO_TOKEN_LEN ? 0 : -1);
    }

    digits = 0;

    for (c = 0; c < 256; c++) {
        text[5] = (char) c;
        digits += bo_token_decode(bytes, text, BO_TOKEN_LEN) == 0;
    }

    assert_int_equal(digits, 64);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(one_text_each),
        cmocka_unit_test(what_is_none)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
