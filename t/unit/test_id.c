
#include "bo_test.h"
#include "bo_id.h"


#define BO_SAMPLE   "0123abcd-4567-89ef-0123-456789abcdef"


static int
parse(bo_uuid_t *u, const char *s, size_t len)
{
    int    rc;
    char  *copy;

    copy = bo_test_copy(s, len);
    rc = bo_uuid_parse(u, copy, len);
    free(copy);

    return rc;
}


static void
test_uuid_parse(void **state)
{
    char       text[BO_UUID_LEN];
    bo_uuid_t  u, upper;

    static const uint8_t  bytes[16] = {
        0x01, 0x23, 0xab, 0xcd, 0x45, 0x67, 0x89, 0xef,
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef
    };

    (void) state;

    assert_int_equal(parse(&u, BO_SAMPLE, BO_UUID_LEN), 0);
    assert_memory_equal(u.bytes, bytes, 16);

    bo_uuid_format(text, &u);
    assert_memory_equal(text, BO_SAMPLE, BO_UUID_LEN);

    assert_int_equal(parse(&upper, "0123ABCD-4567-89EF-0123-456789ABCDEF", 36),
                     0);
    assert_true(bo_uuid_equal(&u, &upper));

    upper.bytes[15] ^= 1;
    assert_false(bo_uuid_equal(&u, &upper));
}


static void
test_uuid_refused(void **state)
{
    size_t     i;
    bo_uuid_t  u, before;

    static const struct {
        const char  *s;
        size_t       len;
    } cases[] = {
        { bo_test_text("") },
        { bo_test_text("0") },
        { bo_test_text("-1") },
        { bo_test_text("0123abcd456789ef0123456789abcdef") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcde") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcdef0") },
        { bo_test_text("{0123abcd-4567-89ef-0123-456789abcdef}") },
        { bo_test_text("{123abcd-4567-89ef-0123-456789abcde}") },
        { bo_test_text("urn:uuid:0123abcd-4567-89ef-0123-456789abcdef") },
        { bo_test_text(" 123abcd-4567-89ef-0123-456789abcdef") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcde ") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcde\n") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcde\0") },
        { bo_test_text("g123abcd-4567-89ef-0123-456789abcdef") },
        { bo_test_text("0x23abcd-4567-89ef-0123-456789abcdef") },
        { bo_test_text("0123abcd_4567_89ef_0123_456789abcdef") },
        { bo_test_text("0123abcd-456789-ef-0123-456789abcdef") },
        { bo_test_text("0123-abcd-4567-89ef-0123456789abcdef") },
        { bo_test_text("0123abcd-4567-89ef-0123-45678\xc3\xa9" "bcdef") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789abcde\xff") },
        { bo_test_text("0123abcd-4567-89ef-0123-456789ab%2Fe") },
        { bo_test_text("0123abcd-4567-89ef-0123-+56789abcdef") }
    };

    (void) state;

    memset(&u, 0x5a, sizeof(u));
    before = u;

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(parse(&u, cases[i].s, cases[i].len), -1);
        assert_true(bo_uuid_equal(&u, &before));
    }
}


/* Of all bytes at all places only the right ones may be taken. */

static void
test_uuid_bytes(void **state)
{
    int        c, good;
    char       text[BO_UUID_LEN];
    size_t     i;
    bo_uuid_t  u;

    (void) state;

    for (i = 0; i < BO_UUID_LEN; i++) {
        for (c = 0; c < 256; c++) {

            memcpy(text, BO_SAMPLE, BO_UUID_LEN);
            text[i] = (char) c;

            if (i == 8 || i == 13 || i == 18 || i == 23) {
                good = (c == '-');

            } else {
                good = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
            }

            assert_int_equal(bo_uuid_parse(&u, text, BO_UUID_LEN),
                             good ? 0 : -1);
        }
    }
}


static void
test_uuid_random(void **state)
{
    int        i;
    char       text[BO_UUID_LEN];
    bo_uuid_t  u, back;

    (void) state;

    for (i = 0; i < 100000; i++) {
        bo_test_fill(u.bytes, sizeof(u.bytes));
        bo_uuid_format(text, &u);

        assert_int_equal(bo_uuid_parse(&back, text, BO_UUID_LEN), 0);
        assert_true(bo_uuid_equal(&u, &back));
    }
}


static void
test_hex_id(void **state)
{
    int      i, n;
    char     got[32], want[33];
    uint8_t  bytes[16];

    (void) state;

    for (i = 0; i < 10000; i++) {
        bo_test_fill(bytes, sizeof(bytes));
        bytes[i % 16] = (uint8_t) i;

        for (n = 0; n < 16; n++) {
            sprintf(want + 2 * n, "%02x", bytes[n]);
        }

        bo_hex_id(got, bytes);
        assert_memory_equal(got, want, 32);
    }
}


static void
test_uuid_fields(void **state)
{
    char       text[BO_UUID_LEN];
    uint32_t   show_no;
    bo_uuid_t  u;

    static const uint8_t  ones[6] = { 255, 255, 255, 255, 255, 255 };
    static const uint8_t  zeros[6];

    (void) state;

    bo_uuid_make(&u, UINT64_C(0x0123456789ab), 0, zeros);
    bo_uuid_format(text, &u);
    assert_memory_equal(text, "01234567-89ab-8000-8000-000000000000", 36);

    bo_uuid_make(&u, 0, 0, ones);
    bo_uuid_format(text, &u);
    assert_memory_equal(text, "00000000-0000-8fff-8000-00003fffffff", 36);

    bo_uuid_make(&u, 0, UINT32_MAX, zeros);
    bo_uuid_format(text, &u);
    assert_memory_equal(text, "00000000-0000-8000-bfff-ffffc0000000", 36);

    assert_int_equal(bo_uuid_show_no(&u, &show_no), 0);
    assert_int_equal(show_no, UINT32_MAX);
}


static void
test_uuid_make(void **state)
{
    int        i;
    uint8_t    random[6];
    uint32_t   show_no, got;
    uint64_t   ms;
    bo_uuid_t  u, later;

    (void) state;

    for (i = 0; i < 100000; i++) {
        ms = bo_test_random() & UINT64_C(0xffffffffffff);
        show_no = (uint32_t) bo_test_random();

        bo_test_fill(random, sizeof(random));
        bo_uuid_make(&u, ms, show_no, random);

        assert_int_equal(bo_uuid_show_no(&u, &got), 0);
        assert_int_equal(got, show_no);
        assert_true(bo_uuid_unix_ms(&u) == ms);

        /* a later one sorts behind it, whatever else is in it */

        if (ms < UINT64_C(0xffffffffffff)) {
            bo_test_fill(random, sizeof(random));
            bo_uuid_make(&later, ms + 1, (uint32_t) bo_test_random(), random);
            assert_true(memcmp(u.bytes, later.bytes, 16) < 0);
        }
    }
}


static void
test_uuid_other_versions(void **state)
{
    int        version, variant;
    uint32_t   show_no;
    bo_uuid_t  u;

    (void) state;

    for (version = 0; version < 16; version++) {
        for (variant = 0; variant < 16; variant++) {

            memset(&u, 0, sizeof(u));
            u.bytes[6] = (uint8_t) (version << 4);
            u.bytes[8] = (uint8_t) (variant << 4);
            show_no = 77;

            if (version == 8 && variant >= 8 && variant <= 11) {
                assert_int_equal(bo_uuid_show_no(&u, &show_no), 0);

            } else {
                assert_int_equal(bo_uuid_show_no(&u, &show_no), -1);
                assert_int_equal(show_no, 77);
            }
        }
    }
}


static void
test_user(void **state)
{
    int   c;
    char  s[66];

    (void) state;

    memset(s, 'a', sizeof(s));

    assert_false(bo_user_valid(s, 0));
    assert_true(bo_user_valid(s, 1));
    assert_true(bo_user_valid(s, 64));
    assert_false(bo_user_valid(s, 65));
    assert_true(bo_user_valid(bo_test_text("auth0|5f7c8ec7c33c6c004bbafe82")));
    assert_true(bo_user_valid(bo_test_text("a.b_c+d=e@example-1.com")));

    for (c = 0; c < 256; c++) {
        s[5] = (char) c;

        assert_int_equal(bo_user_valid(s, 10),
                         c != 0 && strchr("abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._@|=+-", c) != NULL);
    }
}


static void
test_idempotency_key(void **state)
{
    int   c;
    char  s[257];

    (void) state;

    memset(s, 'k', sizeof(s));

    assert_false(bo_idempotency_key_valid(s, 0));
    assert_true(bo_idempotency_key_valid(s, 1));
    assert_true(bo_idempotency_key_valid(s, 255));
    assert_false(bo_idempotency_key_valid(s, 256));

    for (c = 0; c < 256; c++) {
        s[254] = (char) c;
        assert_int_equal(bo_idempotency_key_valid(s, 255),
                         c > 0x20 && c < 0x7f);
    }
}


static void
test_idempotency_key_parse(void **state)
{
    char         s[257], *copy;
    size_t       i, len;
    const char  *key;

    static const struct {
        const char  *header;
        const char  *key;           /* NULL: refused */
    } cases[] = {
        { "abc", "abc" },
        { "\"abc\"", "abc" },
        { "8e03978e-40d5-43dd-bc93-6894a57f9324",
          "8e03978e-40d5-43dd-bc93-6894a57f9324" },
        { "a\"b", "a\"b" },
        { "\"a\\\"b\"", "a\\\"b" },
        { "\"a\\\\\"", "a\\\\" },
        { "", NULL },
        { "\"", NULL },
        { "\"\"", NULL },
        { "\"abc", NULL },
        { "\"a\"b\"", NULL },
        { "\"abc\\\"", NULL },
        { "\"a\\nb\"", NULL },
        { "\"a b\"", NULL },
        { "\"abc\";p=1", NULL },
        { "\"abc\" ", NULL },
        { "a b", NULL },
        { "a\tb", NULL },
        { "k\xc3\xa9y", NULL }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        len = strlen(cases[i].header);
        copy = bo_test_copy(cases[i].header, len);
        key = NULL;

        if (cases[i].key == NULL) {
            assert_int_equal(bo_idempotency_key_parse(&key, &len, copy, len),
                             -1);
            assert_null(key);

        } else {
            assert_int_equal(bo_idempotency_key_parse(&key, &len, copy, len),
                             0);
            assert_int_equal(len, strlen(cases[i].key));
            assert_memory_equal(key, cases[i].key, len);
        }

        free(copy);
    }

    /* the quotes are not counted */

    memset(s, 'k', sizeof(s));
    s[0] = '"';
    s[256] = '"';
    assert_int_equal(bo_idempotency_key_parse(&key, &len, s, 257), 0);
    assert_int_equal(len, 255);
    assert_ptr_equal(key, s + 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_uuid_parse),
        cmocka_unit_test(test_uuid_refused),
        cmocka_unit_test(test_uuid_bytes),
        cmocka_unit_test(test_uuid_random),
        cmocka_unit_test(test_hex_id),
        cmocka_unit_test(test_uuid_fields),
        cmocka_unit_test(test_uuid_make),
        cmocka_unit_test(test_uuid_other_versions),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_idempotency_key),
        cmocka_unit_test(test_idempotency_key_parse)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
