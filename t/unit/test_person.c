
/*
 * Addresses, telephone numbers, passwords: what is taken and what is not.
 */


#include "bo_test.h"
#include "bo_person.h"

#include <string.h>


static void
emails(void **state)
{
    char    local[80], text[400];
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
        int          valid;
    } t[] = {
        { bo_test_text("ann@example.com"), 1 },
        { bo_test_text("a@b"), 1 },
        { bo_test_text("Ann.O'Neil+tickets@mail.example.co.uk"), 1 },
        { bo_test_text("j\xc3\xb6rg@b\xc3\xbc" "cher.example"), 1 },
        { bo_test_text(""), 0 },
        { bo_test_text("ann"), 0 },
        { bo_test_text("@example.com"), 0 },
        { bo_test_text("ann@"), 0 },
        { bo_test_text("ann@@example.com"), 0 },
        { bo_test_text("a@b@c"), 0 },
        { bo_test_text("ann@exam ple.com"), 0 },
        { bo_test_text("an n@example.com"), 0 },
        { bo_test_text("ann@example..com"), 0 },
        { bo_test_text("ann@.com"), 0 },
        { bo_test_text("ann@com."), 0 },
        { bo_test_text("ann@[127.0.0.1]"), 0 },
        { bo_test_text("ann@example.com\r\nBcc: eve@x"), 0 },
        { bo_test_text("ann@example.com\0"), 0 },
        { bo_test_text("\"ann\"@example.com"), 0 },
        { bo_test_text("ann@example.com,eve@example.com"), 0 },
        { bo_test_text("<ann@example.com>"), 0 }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(bo_email_valid(t[i].text, t[i].len), t[i].valid);
    }

    memset(local, 'a', sizeof(local));

    memcpy(text, local, 64);
    memcpy(text + 64, "@b", 2);
    assert_true(bo_email_valid(text, 66));

    memcpy(text, local, 65);
    memcpy(text + 65, "@b", 2);
    assert_false(bo_email_valid(text, 67));

    memset(text, 'b', sizeof(text));
    text[1] = '@';

    for (i = 60; i < sizeof(text); i += 60) {
        text[i] = '.';
    }

    assert_true(bo_email_valid(text, 254));
    assert_false(bo_email_valid(text, 255));
}


static void
folding(void **state)
{
    char  out[12];

    (void) state;

    bo_email_fold(out, "Ann@X.ORG \xc3\x84", 12);
    assert_memory_equal(out, "ann@x.org \xc3\x84", 12);
}


static void
phones(void **state)
{
    (void) state;

    assert_true(bo_phone_valid("+91 98765-43210", 15));
    assert_true(bo_phone_valid("(020) 7946.0000", 15));
    assert_true(bo_phone_valid("1", 1));
    assert_false(bo_phone_valid("", 0));
    assert_false(bo_phone_valid("+", 1));
    assert_false(bo_phone_valid("12\0" "3", 4));
    assert_false(bo_phone_valid("12x", 3));
    assert_false(bo_phone_valid("1\n2", 3));
    assert_false(bo_phone_valid("111111111111111111111111111111111", 33));
}


static void
passwords(void **state)
{
    char    text[600];
    size_t  i;

    static const char  email[] = "Some.Body@Example.com";

    static const struct {
        const char     *text;
        size_t          len;
        bo_password_e   verdict;
    } t[] = {
        { bo_test_text("seven77"), BO_PASSWORD_SHORT },
        { bo_test_text(""), BO_PASSWORD_SHORT },
        { bo_test_text("eight888"), BO_PASSWORD_OK },
        { bo_test_text("correct horse battery"), BO_PASSWORD_OK },
        { bo_test_text("        x"), BO_PASSWORD_OK },

        /* seven characters of two bytes, then eight */
        { bo_test_text("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc"
                       "\xc3\xa9"), BO_PASSWORD_SHORT },
        { bo_test_text("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc"
                       "\xc3\xa9\xc3\xa8"), BO_PASSWORD_OK },

        { bo_test_text("some.body@example.com"), BO_PASSWORD_OWN },
        { bo_test_text("SOME.BODY"), BO_PASSWORD_OWN },
        { bo_test_text("some.body1"), BO_PASSWORD_OK },

        { bo_test_text("password"), BO_PASSWORD_COMMON },
        { bo_test_text("PassWord123"), BO_PASSWORD_COMMON },
        { bo_test_text("12345678"), BO_PASSWORD_COMMON },
        { bo_test_text("1234567890"), BO_PASSWORD_COMMON },
        { bo_test_text("87654321"), BO_PASSWORD_COMMON },
        { bo_test_text("aaaaaaaaaa"), BO_PASSWORD_COMMON },
        { bo_test_text("abcdefgh"), BO_PASSWORD_COMMON },
        { bo_test_text("abcdefgx"), BO_PASSWORD_OK },
        { bo_test_text("12345679"), BO_PASSWORD_OK }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(bo_password_check(t[i].text, t[i].len, email,
                                           sizeof(email) - 1),
                         t[i].verdict);
    }

    for (i = 0; i < sizeof(text); i++) {
        text[i] = "horse-staple"[i % 12];
    }

    assert_int_equal(bo_password_check(text, 128, email, 0), BO_PASSWORD_OK);
    assert_int_equal(bo_password_check(text, 129, email, 0),
                     BO_PASSWORD_LONG);

    assert_null(bo_password_reason(BO_PASSWORD_OK));
    assert_string_equal(bo_password_reason(BO_PASSWORD_COMMON),
                        "too_common");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(emails),
        cmocka_unit_test(folding),
        cmocka_unit_test(phones),
        cmocka_unit_test(passwords)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("person", tests, NULL, NULL);
}
