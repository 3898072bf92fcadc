
/*
 * base64url: the vectors of RFC 4648 without padding, and one text only for
 * each sequence of bytes.
 */


#include "bo_test.h"
#include "bo_base64.h"


static void
vectors(void **state)
{
    char     text[16];
    size_t   i, n;
    uint8_t  bytes[16];

    static const struct {
        const char  *plain;
        const char  *text;
    } t[] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
        { "\xff\xfe\xfd", "__79" }, { "\xfb\xef", "--8" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        n = bo_base64_encode(text, (const uint8_t *) t[i].plain,
                             strlen(t[i].plain));

        assert_int_equal(n, strlen(t[i].text));
        assert_int_equal(n, BO_BASE64_TEXT(strlen(t[i].plain)));
        assert_memory_equal(text, t[i].text, n);

        assert_int_equal(bo_base64_decode(bytes, t[i].text, n),
                         strlen(t[i].plain));
        assert_int_equal(BO_BASE64_BYTES(n), strlen(t[i].plain));
        assert_memory_equal(bytes, t[i].plain, strlen(t[i].plain));
    }
}


static void
refused(void **state)
{
    char     *copy;
    size_t    i;
    uint8_t   bytes[16];

    static const struct {
        const char  *text;
        size_t       len;
    } t[] = {
        { bo_test_text("Z") }, { bo_test_text("Zm9vY") },
        { bo_test_text("Zg==") }, { bo_test_text("Zm8=") },
        { bo_test_text("Zh") }, { bo_test_text("Zm_") },    /* bits left */
        { bo_test_text("Zm9") }, { bo_test_text("__7+") },
        { bo_test_text("//79") }, { bo_test_text("Zm 9v") },
        { bo_test_text("Zm9v\n") }, { bo_test_text("Zm\0v") },
        { bo_test_text("Zm\xc3\xa4") }, { bo_test_text("Zm.v") }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        copy = bo_test_copy(t[i].text, t[i].len);
        assert_int_equal(bo_base64_decode(bytes, copy, t[i].len), -1);
        free(copy);
    }
}


/* Random bytes come back, and so does a text that is read in its place. */

static void
there_and_back(void **state)
{
    char     text[400];
    size_t   i, n, len;
    uint8_t  bytes[256];

    (void) state;

    for (i = 0; i < 10000; i++) {
        n = bo_test_below(sizeof(bytes) + 1);
        bo_test_fill(bytes, n);

        len = bo_base64_encode(text, bytes, n);
        assert_int_equal(bo_base64_decode((uint8_t *) text, text, len), n);
        assert_memory_equal(text, bytes, n);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(refused),
        cmocka_unit_test(there_and_back)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
