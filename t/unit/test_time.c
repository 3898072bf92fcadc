
#include "bo_test.h"
#include "bo_time.h"


static void
check_format(int64_t ms, const char *expected)
{
    char  text[BO_TIME_LEN];

    bo_time_format(text, ms);
    assert_memory_equal(text, expected, BO_TIME_LEN);
}


static int
parse(int64_t *ms, const char *s, size_t len)
{
    int    rc;
    char  *copy;

    copy = bo_test_copy(s, len);
    rc = bo_time_parse(ms, copy, len);
    free(copy);

    return rc;
}


static void
test_format(void **state)
{
    (void) state;

    check_format(0, "1970-01-01T00:00:00.000Z");
    check_format(-1, "1969-12-31T23:59:59.999Z");
    check_format(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_format(INT64_C(951868799999), "2000-02-29T23:59:59.999Z");
    check_format(INT64_C(951868800000), "2000-03-01T00:00:00.000Z");
    check_format(INT64_C(4107542399999), "2100-02-28T23:59:59.999Z");
    check_format(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
    check_format(BO_TIME_MIN, "0000-01-01T00:00:00.000Z");
    check_format(BO_TIME_MAX, "9999-12-31T23:59:59.999Z");
    check_format(BO_TIME_MIN - 1, "0000-01-01T00:00:00.000Z");
    check_format(BO_TIME_MAX + 1, "9999-12-31T23:59:59.999Z");
    check_format(INT64_MIN, "0000-01-01T00:00:00.000Z");
    check_format(INT64_MAX, "9999-12-31T23:59:59.999Z");
}


/* Against the C library's calendar, both ways. */

static void
check_libc(int64_t ms)
{
    char       text[BO_TIME_LEN], expected[64];
    int64_t    back;
    time_t     seconds;
    unsigned   rest;
    struct tm  tm;

    rest = (unsigned) (((ms % 1000) + 1000) % 1000);
    seconds = (time_t) ((ms - rest) / 1000);

    assert_non_null(gmtime_r(&seconds, &tm));
    assert_true(timegm(&tm) == seconds);

    snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
             tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
             tm.tm_min, tm.tm_sec, rest);

    bo_time_format(text, ms);
    assert_memory_equal(text, expected, BO_TIME_LEN);

    assert_int_equal(bo_time_parse(&back, text, BO_TIME_LEN), 0);
    assert_true(back == ms);
}


static void
test_random(void **state)
{
    int       i;
    uint64_t  range;

    (void) state;

    range = (uint64_t) (BO_TIME_MAX - BO_TIME_MIN) + 1;

    for (i = 0; i < 300000; i++) {
        check_libc(BO_TIME_MIN + (int64_t) (bo_test_random() % range));
    }
}


static void
test_every_day(void **state)
{
    int64_t  ms;

    (void) state;

    for (ms = BO_TIME_MIN; ms < BO_TIME_MAX; ms += 86400000) {
        check_libc(ms);
        check_libc(ms + 86399999);
    }
}


static void
test_parse(void **state)
{
    size_t   i;
    int64_t  ms;

    static const struct {
        const char  *s;
        int64_t      ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01t00:00:00z", 0 },
        { "1970-01-01T00:00:00.001Z", 1 },
        { "1970-01-01T00:00:00.1Z", 100 },
        { "1970-01-01T00:00:00.12Z", 120 },
        { "1970-01-01T00:00:00.1239Z", 123 },
        { "1970-01-01T00:00:00.0009999999999999999999999Z", 0 },
        { "1970-01-01T00:00:00+00:00", 0 },
        { "1970-01-01T00:00:00-00:00", 0 },
        { "1970-01-01T01:00:00+01:00", 0 },
        { "1969-12-31T19:00:00-05:00", 0 },
        { "1970-01-01T05:30:00.25+05:30", 250 },
        { "1970-01-01T23:59:00+23:59", 0 },
        { "1969-12-31T00:01:00-23:59", 0 },
        { "1985-04-12T23:20:50.52Z", INT64_C(482196050520) },
        { "1996-12-19T16:39:57-08:00", INT64_C(851042397000) },
        { "1937-01-01T12:00:27.87+00:20", INT64_C(-1041337172130) },
        { "1990-12-31T23:59:60Z", INT64_C(662688000000) },
        { "1990-12-31T15:59:60-08:00", INT64_C(662688000000) },
        { "1981-06-30T23:59:60.5Z", INT64_C(362793600500) },
        { "2000-02-29T00:00:00Z", INT64_C(951782400000) },
        { "0000-01-01T00:00:00Z", BO_TIME_MIN },
        { "0000-02-29T00:00:00Z", BO_TIME_MIN + INT64_C(59) * 86400000 },
        { "9999-12-31T23:59:59.999Z", BO_TIME_MAX }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(parse(&ms, cases[i].s, strlen(cases[i].s)), 0);
        assert_true(ms == cases[i].ms);
    }
}


static void
test_refused(void **state)
{
    size_t   i;
    int64_t  ms;

    static const struct {
        const char  *s;
        size_t       len;
    } cases[] = {
        { bo_test_text("") },
        { bo_test_text("1970-01-01") },
        { bo_test_text("1970-01-01T00:00:00") },
        { bo_test_text("1970-01-01T00:00Z") },
        { bo_test_text("1970-01-01 00:00:00Z") },
        { bo_test_text("1970-01-01T00:00:00.Z") },
        { bo_test_text("1970-01-01T00:00:00,5Z") },
        { bo_test_text("1970-01-01T00:00:00.5") },
        { bo_test_text("1970-01-01T00:00:00ZZ") },
        { bo_test_text("1970-01-01T00:00:00Z ") },
        { bo_test_text(" 1970-01-01T00:00:00Z") },
        { bo_test_text("1970-01-01T00:00:00Z\0") },
        { bo_test_text("1970-01-01T00:00:00+0000") },
        { bo_test_text("1970-01-01T00:00:00+00") },
        { bo_test_text("1970-01-01T00:00:00+00:0") },
        { bo_test_text("1970-01-01T00:00:00+00:00Z") },
        { bo_test_text("1970-01-01T00:00:00+24:00") },
        { bo_test_text("1970-01-01T00:00:00+00:60") },
        { bo_test_text("1970-01-01T00:00:00*00:00") },
        { bo_test_text("1970-01-01T24:00:00Z") },
        { bo_test_text("1970-01-01T00:60:00Z") },
        { bo_test_text("1970-01-01T00:00:61Z") },
        { bo_test_text("1970-01-01T00:00:60Z") },
        { bo_test_text("1990-12-30T23:59:60Z") },
        { bo_test_text("1990-03-31T23:59:60Z") },
        { bo_test_text("1990-12-31T23:58:60Z") },
        { bo_test_text("1990-12-31T23:59:60-08:00") },
        { bo_test_text("9999-12-31T23:59:60Z") },
        { bo_test_text("1970-00-01T00:00:00Z") },
        { bo_test_text("1970-13-01T00:00:00Z") },
        { bo_test_text("1970-01-00T00:00:00Z") },
        { bo_test_text("1970-01-32T00:00:00Z") },
        { bo_test_text("1970-04-31T00:00:00Z") },
        { bo_test_text("1970-02-29T00:00:00Z") },
        { bo_test_text("1900-02-29T00:00:00Z") },
        { bo_test_text("2100-02-29T00:00:00Z") },
        { bo_test_text("2000-02-30T00:00:00Z") },
        { bo_test_text("0000-01-01T00:00:00+00:01") },
        { bo_test_text("9999-12-31T23:59:59-00:01") },
        { bo_test_text("-970-01-01T00:00:00Z") },
        { bo_test_text("+1970-01-01T00:00:00Z") },
        { bo_test_text("19700-01-01T00:00:00Z") },
        { bo_test_text("1970/01/01T00:00:00Z") },
        { bo_test_text("1970-1-01T00:00:000Z") },
        { bo_test_text("1970-01-01T0x:00:00Z") },
        { bo_test_text("1970-01-01T00.00.00Z") },
        { bo_test_text("1970-01-01T-1:00:00Z") },
        { bo_test_text("1970-01-01T00:00:00.\xd9\xa1Z") }
    };

    (void) state;

    ms = 42;

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(parse(&ms, cases[i].s, cases[i].len), -1);
        assert_true(ms == 42);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
