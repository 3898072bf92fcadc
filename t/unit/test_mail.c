
/*
 * Mail: its structure, its encodings, and that nothing in a name or a text
 * gets out of its place.
 */


#include "bo_test.h"
#include "bo_calendar.h"
#include "bo_mail.h"
#include "bo_money.h"


#define RUNS  5000


typedef struct {
    char    text[65536];
    size_t  len;
} message_t;


static bo_text_t
text_of(const char *s)
{
    bo_text_t  t;

    t.data = s;
    t.len = strlen(s);

    return t;
}


static bo_mail_t
a_mail(void)
{
    bo_mail_t  m;

    memset(&m, 0, sizeof(m));

    assert_int_equal(bo_mailbox_parse(&m.from,
                     bo_test_text("Boxoffice <tickets@example.com>")), 0);
    m.to.address = text_of("ann@example.org");
    m.subject = text_of("Your seats");
    m.id = text_of("00000000-0000-4000-8000-000000000001");
    m.date = INT64_C(1795670646123);
    m.text = text_of("Hello\n");

    return m;
}


static void
compose(message_t *out, const bo_mail_t *m)
{
    bo_out_t  o;

    o.p = NULL;
    o.len = 0;
    bo_mail_put(&o, m);
    assert_true(o.len < sizeof(out->text));
    out->len = o.len;

    o.p = out->text;
    o.len = 0;
    bo_mail_put(&o, m);
    assert_int_equal(o.len, out->len);
    out->text[o.len] = '\0';
}


/*
 * Every message is lines of ASCII that end in CRLF, and no line is long but
 * one with an address.  Returns the lines of the header.
 */

static size_t
well_formed(const message_t *m)
{
    size_t  i, column, lines, header;
    int     address;

    column = 0;
    lines = 0;
    header = 0;
    address = 0;

    for (i = 0; i < m->len; i++) {

        if (m->text[i] == '\r') {
            assert_true(m->text[i + 1] == '\n');
            assert_true(column <= 78 || address);

            lines++;

            if (column == 0 && header == 0) {
                header = lines - 1;
            }

            column = 0;
            address = 0;
            i++;
            continue;
        }

        assert_true(m->text[i] >= ' ' && m->text[i] <= '~');
        address = address || m->text[i] == '<';
        column++;
    }

    assert_int_equal(column, 0);

    return header;
}


static void
structure(void **state)
{
    message_t       out, again;
    bo_mail_t       m;
    bo_mail_file_t  file;

    (void) state;

    m = a_mail();
    compose(&out, &m);
    well_formed(&out);

    assert_string_equal(out.text,
        "From: \"Boxoffice\"\r\n <tickets@example.com>\r\n"
        "To: <ann@example.org>\r\n"
        "Subject: Your seats\r\n"
        "Date: Thu, 26 Nov 2026 05:24:06 +0000\r\n"
        "Message-ID: "
        "<00000000-0000-4000-8000-000000000001@example.com>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nHello\r\n");

    m.html = text_of("<p>Hello");
    file.type = text_of("image/png");
    file.name = text_of("A1.png");
    file.data = text_of("1234");
    m.files = &file;
    m.nfiles = 1;
    compose(&out, &m);
    well_formed(&out);

    assert_non_null(strstr(out.text,
        "Content-Type: multipart/mixed;\r\n"
        " boundary=\"=_m00000000-0000-4000-8000-000000000001\"\r\n\r\n"
        "--=_m00000000-0000-4000-8000-000000000001\r\n"
        "Content-Type: multipart/alternative;\r\n"
        " boundary=\"=_a00000000-0000-4000-8000-000000000001\"\r\n\r\n"
        "--=_a00000000-0000-4000-8000-000000000001\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(out.text,
        "<p>Hello\r\n--=_a00000000-0000-4000-8000-000000000001--\r\n"
        "--=_m00000000-0000-4000-8000-000000000001\r\n"
        "Content-Type: image/png;\r\n name=\"A1.png\"\r\n"
        "Content-Disposition: attachment;\r\n filename=\"A1.png\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nMTIzNA==\r\n"
        "--=_m00000000-0000-4000-8000-000000000001--\r\n"));

    compose(&again, &m);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.text, out.text, out.len);
}


static void
headers(void **state)
{
    message_t  out;
    bo_mail_t  m;

    (void) state;

    m = a_mail();

    m.to.name = text_of("Ann \"The\" \\ Buyer");
    compose(&out, &m);
    assert_non_null(strstr(out.text,
        "To: \"Ann \\\"The\\\" \\\\ Buyer\"\r\n <ann@example.org>\r\n"));

    m.to.name = text_of("Zo\xc3\xab");
    m.subject = text_of("=?UTF-8?Q?x?=");
    compose(&out, &m);
    assert_non_null(strstr(out.text,
        "To: =?UTF-8?B?Wm/Dqw==?=\r\n <ann@example.org>\r\n"));
    assert_non_null(strstr(out.text, "Subject: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ="));

    /* a word ends between two characters: 39 bytes have no room for a 20th */

    m.subject = text_of("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                        "\xc3\xa4\xc3\xa4");
    compose(&out, &m);
    assert_non_null(strstr(out.text, "?=\r\n =?UTF-8?B?w6Q=?=\r\n"));
    well_formed(&out);
}


/* The lines of the header are as many as they were, whatever the name is. */

static void
injection(void **state)
{
    int        i;
    char       name[256], subject[256];
    size_t     n;
    message_t  out;
    bo_mail_t  m;

    (void) state;

    m = a_mail();

    m.to.name = text_of("x\r\nBcc: all@example.com\r\n\r\nHi");
    m.subject = text_of("y\nX-Injected: 1\r\rz");
    compose(&out, &m);
    well_formed(&out);
    assert_null(strstr(out.text, "Bcc"));
    assert_null(strstr(out.text, "Injected"));

    for (i = 0; i < RUNS; i++) {
        bo_test_fill((uint8_t *) name, sizeof(name));
        bo_test_fill((uint8_t *) subject, sizeof(subject));

        for (n = 0; n < sizeof(name); n += 1 + bo_test_below(30)) {
            name[n] = "\r\n\"\\<>=?"[bo_test_below(8)];
            subject[n] = "\r\n\"\\<>=?"[bo_test_below(8)];
        }

        m.to.name.data = name;
        m.to.name.len = bo_test_below(sizeof(name));
        m.subject.data = subject;
        m.subject.len = bo_test_below(sizeof(subject));

        compose(&out, &m);
        well_formed(&out);

        /* each line of the header is one of ours, or one that goes on */

        for (n = 0; memcmp(out.text + n, "\r\n\r\n", 4) != 0; n++) {
            if (n == 0 || memcmp(out.text + n - 1, "\n", 1) == 0) {
                assert_true(out.text[n] == ' '
                            || strncmp(out.text + n, "From: ", 6) == 0
                            || strncmp(out.text + n, "To: ", 4) == 0
                            || strncmp(out.text + n, "Subject: ", 9) == 0
                            || strncmp(out.text + n, "Date: ", 6) == 0
                            || strncmp(out.text + n, "Message-ID: <", 13) == 0
                            || strncmp(out.text + n, "Auto-Submit", 11) == 0
                            || strncmp(out.text + n, "MIME-Version", 12) == 0
                            || strncmp(out.text + n, "Content-", 8) == 0);
            }
        }
    }
}


static int
hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}


/* Quoted-printable, there and back. */

static void
printable(void **state)
{
    int         i;
    char        text[600], back[700];
    char       *p, *q;
    size_t      n, len;
    message_t   out;
    bo_mail_t   m;

    (void) state;

    m = a_mail();

    for (i = 0; i < RUNS; i++) {
        len = bo_test_below(sizeof(text) - 1);
        bo_test_fill((uint8_t *) text, len);

        for (n = 0; n < len; n++) {
            if (bo_test_below(3)) {
                text[n] = " .F=ab\n\t"[bo_test_below(8)];

            } else if (text[n] == '\r') {
                text[n] = 'x';
            }
        }

        m.text.data = text;
        m.text.len = len;
        compose(&out, &m);
        well_formed(&out);

        n = 0;
        p = strstr(out.text, "\r\n\r\n") + 4;

        for (q = p; q < out.text + out.len; /* void */) {

            if (q[0] == '=' && q[1] == '\r') {
                q += 3;

            } else if (q[0] == '=') {
                back[n++] = (char) (hex(q[1]) * 16 + hex(q[2]));
                q += 3;

            } else if (q[0] == '\r') {
                back[n++] = '\n';
                q += 2;

            } else {
                assert_false((q == p || q[-1] == '\n')
                             && (*q == '.' || *q == 'F'));
                back[n++] = *q++;
            }
        }

        if (len && text[len - 1] != '\n') {
            text[len++] = '\n';
        }

        assert_int_equal(n, len);
        assert_memory_equal(back, text, len);
        assert_null(strstr(p, "=_"));
    }
}


static void
base64(void **state)
{
    size_t    i;
    bo_out_t  out;
    char      buf[64];

    /* RFC 4648, 10 */

    static const char *const  cases[][2] = {
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfd", "//79" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        out.p = buf;
        out.len = 0;
        bo_base64_put(&out, cases[i][0], strlen(cases[i][0]));
        assert_int_equal(out.len, strlen(cases[i][1]));
        assert_memory_equal(buf, cases[i][1], out.len);
    }
}


static void
addresses(void **state)
{
    size_t        i;
    char          buf[300], *copy;
    bo_mailbox_t  box;

    static const char *const  good[] = {
        "a@b.c", "ann.buyer+seats@example.com", "a_b-c@x-y.example",
        "!#$%&'*+-/=?^_`{|}~@example.com", "1@1.example"
    };

    static const char *const  bad[] = {
        "", "a", "@b.c", "a@", "a@b", "a@b.", "a@.b", "a@b..c", "a@-b.c",
        "a@b-.c", "a@b.c-", ".a@b.c", "a.@b.c", "a..b@c.d", "a@b@c.d",
        "a b@c.d", "a@b c.d", "a,b@c.d", "\"a b\"@c.d", "a@[127.0.0.1]",
        "a@b.c\r\nBcc: x@y.z", "a@b.c>", "<a@b.c", "a\n@b.c", "a:b@c.d",
        "\xc3\xa9@b.c", "a@b\xc3\xa9.c", "a;b@c.d", "a(b)@c.d", "a\\b@c.d"
    };

    (void) state;

    for (i = 0; i < bo_test_count(good); i++) {
        assert_true(bo_mail_address(good[i], strlen(good[i])));
    }

    for (i = 0; i < bo_test_count(bad); i++) {
        copy = bo_test_copy(bad[i], strlen(bad[i]));
        assert_false(bo_mail_address(copy, strlen(bad[i])));
        free(copy);
    }

    assert_false(bo_mail_address(bo_test_text("a\0@b.c")));
    assert_false(bo_mail_address(bo_test_text("a@b\0.c")));

    memset(buf, 'a', sizeof(buf));
    memcpy(buf + 64, "@b.c", 4);
    assert_true(bo_mail_address(buf, 68));
    memcpy(buf + 64, "a@b.c", 5);
    assert_false(bo_mail_address(buf, 69));

    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("a@b.c")), 0);
    assert_int_equal(box.name.len, 0);
    assert_int_equal(bo_mailbox_parse(&box,
                     bo_test_text("\"Box, office\" <a@b.c>")), 0);
    assert_memory_equal(box.name.data, "Box, office", box.name.len);
    assert_memory_equal(box.address.data, "a@b.c", box.address.len);
    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("<a@b.c>")), 0);
    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("")), -1);
    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("<")), -1);
    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("x <a@b.c")), -1);
    assert_int_equal(bo_mailbox_parse(&box, bo_test_text("x <a@b.c> y")), -1);
}


static void
dates(void **state)
{
    size_t     i;
    message_t  out;
    bo_mail_t  m;

    /* by date -u -R */

    static const struct {
        int64_t      ms;
        const char  *text;
    } cases[] = {
        { 0, "\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n" },
        { INT64_C(951782400000), "\r\nDate: Tue, 29 Feb 2000 00:00:00 +0000" },
        { INT64_C(1709251199999), "\r\nDate: Thu, 29 Feb 2024 23:59:59 +0000" },
        { INT64_C(4107542400000), "\r\nDate: Mon, 01 Mar 2100 00:00:00 +0000" }
    };

    (void) state;

    m = a_mail();

    for (i = 0; i < bo_test_count(cases); i++) {
        m.date = cases[i].ms;
        compose(&out, &m);
        assert_non_null(strstr(out.text, cases[i].text));
    }
}


static void
money(void **state)
{
    size_t     i;
    char       buf[64];
    bo_out_t   out;
    bo_text_t  currency;

    static const struct {
        const char  *currency;
        int64_t      amount;
        const char  *text;
    } cases[] = {
        { "INR", 80000, "INR 800.00" }, { "EUR", 5, "EUR 0.05" },
        { "EUR", 0, "EUR 0.00" }, { "JPY", 1500, "JPY 1500" },
        { "JPY", 0, "JPY 0" }, { "KWD", 1, "KWD 0.001" },
        { "USD", -1050, "USD -10.50" },
        { "USD", INT64_MIN, "USD -92233720368547758.08" },
        { "KWD", INT64_MAX, "KWD 9223372036854775.807" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        currency = text_of(cases[i].currency);
        memset(buf, 0, sizeof(buf));
        out.p = buf;
        out.len = 0;
        bo_money_put(&out, &currency, cases[i].amount);
        assert_string_equal(buf, cases[i].text);
    }
}


static void
calendar(void **state)
{
    char           buf[2048];
    size_t         i, column;
    bo_out_t       out;
    bo_calendar_t  c;

    (void) state;

    memset(&c, 0, sizeof(c));
    c.id = text_of("1@example.com");
    c.sequence = 3;
    c.stamp = INT64_C(1795670646123);
    c.starts = INT64_C(1795683600000);
    c.ends = INT64_C(1795690800000);
    c.summary = text_of("Le fabuleux destin, d'Am\xc3\xa9lie; \\ und noch "
                        "viel l\xc3\xa4nger als eine Zeile sein darf, damit "
                        "sie gefaltet wird\nEND:VEVENT");
    c.place = text_of("Screen 1");

    memset(buf, 0, sizeof(buf));
    out.p = buf;
    out.len = 0;
    bo_calendar_put(&out, &c);

    assert_non_null(strstr(buf, "METHOD:PUBLISH\r\n"));
    assert_non_null(strstr(buf, "\r\nUID:1@example.com\r\nSEQUENCE:3\r\n"
        "DTSTAMP:20261126T052406Z\r\nDTSTART:20261126T090000Z\r\n"
        "DTEND:20261126T110000Z\r\nSUMMARY:Le fabuleux destin\\, d'Am"
        "\xc3\xa9lie\\; \\\\ und"));

    /* the one in the summary is no line of its own */

    assert_ptr_equal(strstr(buf, "\nEND:VEVENT"),
                     strstr(buf, "\nEND:VEVENT\r\nEND:VCALENDAR\r\n"));

    for (i = 0, column = 0; i < out.len; i++) {
        column = buf[i] == '\n' ? 0 : column + 1;
        assert_true(column <= 76);          /* with its CR */
    }

    c.cancelled = 1;
    memset(buf, 0, sizeof(buf));
    out.len = 0;
    bo_calendar_put(&out, &c);
    assert_non_null(strstr(buf, "METHOD:CANCEL\r\nBEGIN:VEVENT\r\n"
                                "STATUS:CANCELLED\r\n"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(structure),
        cmocka_unit_test(headers),
        cmocka_unit_test(injection),
        cmocka_unit_test(printable),
        cmocka_unit_test(base64),
        cmocka_unit_test(addresses),
        cmocka_unit_test(dates),
        cmocka_unit_test(money),
        cmocka_unit_test(calendar)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
