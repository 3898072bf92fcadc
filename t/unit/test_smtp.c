
/*
 * SMTP as bytes: replies, and mail as it goes over the wire.
 */


#include "bo_test.h"
#include "bo_smtp.h"


static ptrdiff_t
read_reply(const char *text, bo_smtp_reply_t *reply)
{
    return bo_smtp_reply(text, strlen(text), reply);
}


static void
replies(void **state)
{
    bo_smtp_reply_t  r;

    (void) state;

    assert_int_equal(read_reply("250 ok\r\n", &r), 8);
    assert_int_equal(r.code, 250);
    assert_int_equal(read_reply("354\r\n", &r), 5);
    assert_int_equal(r.code, 354);
    assert_int_equal(read_reply("550 no\n", &r), 7);

    /* one reply, and what follows it stays */

    assert_int_equal(read_reply("250-a\r\n250 b\r\n220 c\r\n", &r), 14);

    assert_int_equal(read_reply("", &r), 0);
    assert_int_equal(read_reply("250 ok", &r), 0);
    assert_int_equal(read_reply("250-a\r\n", &r), 0);
    assert_int_equal(read_reply("250-a\r\n250 b", &r), 0);

    assert_int_equal(read_reply("\r\n", &r), -1);
    assert_int_equal(read_reply("25\r\n", &r), -1);
    assert_int_equal(read_reply("150 ok\r\n", &r), -1);
    assert_int_equal(read_reply("650 ok\r\n", &r), -1);
    assert_int_equal(read_reply("2x0 ok\r\n", &r), -1);
    assert_int_equal(read_reply("250ok\r\n", &r), -1);
    assert_int_equal(read_reply("HTTP/1.1 200\r\n", &r), -1);
    assert_int_equal(read_reply("250-a\r\n251 b\r\n", &r), -1);
}


static void
offers(void **state)
{
    bo_smtp_reply_t  r;

    (void) state;

    assert_true(read_reply("250-mx\r\n250-starttls\r\n250-8BITMIME\r\n"
                           "250-SMTPUTF8\r\n"
                           "250 AUTH CRAM-MD5 LOGIN  PLAIN\r\n", &r) > 0);
    assert_int_equal(r.offers, BO_SMTP_STARTTLS|BO_SMTP_8BITMIME
                               |BO_SMTP_SMTPUTF8|BO_SMTP_PLAIN|BO_SMTP_LOGIN);

    /* the first line is a name, and a word is a word */

    assert_true(read_reply("250-STARTTLS\r\n250-STARTTLSX\r\n250-XAUTH LOGIN"
                           "\r\n250-AUTH XPLAIN LOGINS\r\n250\r\n", &r) > 0);
    assert_int_equal(r.offers, 0);
}


static void
check(void **state)
{
    char    line[BO_SMTP_LINE + 3];

    (void) state;

    assert_int_equal(bo_smtp_check("a\r\n", 3), BO_SMTP_7BIT);
    assert_int_equal(bo_smtp_check("\r\n\r\n", 4), BO_SMTP_7BIT);
    assert_int_equal(bo_smtp_check("\xc3\xa4\r\n", 4), BO_SMTP_8BIT);

    assert_int_equal(bo_smtp_check("", 0), -1);
    assert_int_equal(bo_smtp_check("a", 1), -1);
    assert_int_equal(bo_smtp_check("a\n", 2), -1);
    assert_int_equal(bo_smtp_check("a\r", 2), -1);
    assert_int_equal(bo_smtp_check("a\n.\n\r\n", 6), -1);
    assert_int_equal(bo_smtp_check("a\rb\r\n", 5), -1);
    assert_int_equal(bo_smtp_check("a\0b\r\n", 5), -1);

    memset(line, 'x', sizeof(line));
    memcpy(line + BO_SMTP_LINE, "\r\n", 2);
    assert_int_equal(bo_smtp_check(line, BO_SMTP_LINE + 2), BO_SMTP_7BIT);

    line[BO_SMTP_LINE] = 'x';
    memcpy(line + BO_SMTP_LINE + 1, "\r\n", 2);
    assert_int_equal(bo_smtp_check(line, BO_SMTP_LINE + 3), -1);
}


static void
dots(void **state)
{
    char    out[64];
    size_t  n;

    static const char  mail[] = ".a\r\nb.\r\n.\r\n..\r\n";
    static const char  wire[] = "..a\r\nb.\r\n..\r\n...\r\n.\r\n";

    (void) state;

    n = bo_smtp_write(out, mail, sizeof(mail) - 1);

    assert_int_equal(n, bo_smtp_room(mail, sizeof(mail) - 1));
    assert_int_equal(n, sizeof(wire) - 1);
    assert_memory_equal(out, wire, n);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(offers),
        cmocka_unit_test(check),
        cmocka_unit_test(dots)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("smtp", tests, NULL, NULL);
}
