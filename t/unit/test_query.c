
#include "bo_test.h"
#include "bo_query.h"


static const bo_query_field_t  fields[] = {
    { "q", BO_QUERY_TEXT, 1, 8 },
    { "limit", BO_QUERY_NUMBER, 1, 100 },
    { "cursor", BO_QUERY_UUID, 0, 0 },
    { "date", BO_QUERY_DATE, 0, 0 },
    { "near", BO_QUERY_PLACE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};


static bo_query_value_t  values[BO_QUERY_MAX_FIELDS];
static char              buf[BO_QUERY_MAX];
static const char       *bad;


static int
parse(const char *query)
{
    int    rc;
    char  *copy;

    copy = bo_test_copy(query, strlen(query));
    rc = bo_query_parse(values, buf, fields, copy, strlen(query), &bad);
    free(copy);

    return rc;
}


/* One field, by its place in the table; expected NULL: it is refused. */

static void
check(const char *query, int field, const char *expected)
{
    if (expected == NULL) {
        assert_int_equal(parse(query), -1);

        if (field < 0) {
            assert_null(bad);

        } else {
            assert_string_equal(bad, fields[field].name);
        }

        return;
    }

    assert_int_equal(parse(query), 0);
    assert_int_equal(values[field].len, strlen(expected));
    assert_memory_equal(values[field].data, expected, strlen(expected));
}


static void
test_fields(void **state)
{
    int  i;

    (void) state;

    assert_int_equal(parse(""), 0);

    for (i = 0; fields[i].name; i++) {
        assert_null(values[i].data);
    }

    assert_int_equal(parse("limit=20&q=a"), 0);
    assert_memory_equal(values[0].data, "a", 1);
    assert_memory_equal(values[1].data, "20", 2);
    assert_null(values[2].data);

    check("q=a&", 0, "a");
    check("colour=red", -1, NULL);
    check("Q=a", -1, NULL);
    check("q", -1, NULL);
    check("=a", -1, NULL);
    check("q=a&&limit=1", -1, NULL);
    check("&", -1, NULL);
    check("%71=a", -1, NULL);
    check("q=a&q=a", 0, NULL);
    check("q=a&limit=0", 1, NULL);
}


static void
test_text(void **state)
{
    (void) state;

    check("q=a+b", 0, "a b");
    check("q=a%20b", 0, "a b");
    check("q=++a+++b++", 0, "a b");
    check("q=a=b", 0, "a=b");
    check("q=%c3%BC", 0, "\xc3\xbc");
    check("q=%26%3D%25%2b", 0, "&=%+");
    check("q=12345678", 0, "12345678");
    check("q=123456789", 0, NULL);
    check("q=", 0, NULL);
    check("q=+", 0, NULL);
    check("q=%", 0, NULL);
    check("q=%4", 0, NULL);
    check("q=%zz", 0, NULL);
    check("q=%00", 0, NULL);
    check("q=a%0d%0a", 0, NULL);
    check("q=%ff", 0, NULL);
    check("q=%c3", 0, NULL);
    check("q=%ed%a0%80", 0, NULL);
    check("q=%e2%80%ae", 0, NULL);
}


static void
test_number(void **state)
{
    (void) state;

    check("limit=1", 1, "1");
    check("limit=100", 1, "100");
    check("limit=0", 1, NULL);
    check("limit=101", 1, NULL);
    check("limit=-1", 1, NULL);
    check("limit=%2B5", 1, NULL);
    check("limit=007", 1, NULL);
    check("limit=1e1", 1, NULL);
    check("limit=", 1, NULL);
    check("limit=+5", 1, NULL);
    check("limit=4294967297", 1, NULL);
    check("limit=18446744073709551617", 1, NULL);
}


static void
test_uuid(void **state)
{
    (void) state;

    check("cursor=00000000-0000-4000-8000-0000000003AB", 2,
          "00000000-0000-4000-8000-0000000003ab");
    check("cursor=00000000-0000-4000-8000-00000000030", 2, NULL);
    check("cursor=%7B00000000-0000-4000-8000-000000000301%7D", 2, NULL);
    check("cursor=x", 2, NULL);
    check("cursor=", 2, NULL);
}


static void
test_date(void **state)
{
    (void) state;

    check("date=2026-02-28", 3, "2026-02-28");
    check("date=2024-02-29", 3, "2024-02-29");
    check("date=2000-02-29", 3, "2000-02-29");
    check("date=2026-12-31", 3, "2026-12-31");
    check("date=0001-01-01", 3, "0001-01-01");
    check("date=2026-02-29", 3, NULL);
    check("date=1900-02-29", 3, NULL);
    check("date=2026-04-31", 3, NULL);
    check("date=2026-00-01", 3, NULL);
    check("date=2026-13-01", 3, NULL);
    check("date=2026-01-00", 3, NULL);
    check("date=0000-01-01", 3, NULL);
    check("date=2026-1-1", 3, NULL);
    check("date=26-01-01", 3, NULL);
    check("date=2026/01/01", 3, NULL);
    check("date=2026-01-01T", 3, NULL);
    check("date=tomorrow", 3, NULL);
    check("date=", 3, NULL);
}


static void
test_place(void **state)
{
    (void) state;

    check("near=12.9716,77.5946", 4, "12.971,77.594");
    check("near=-33.86,151.2", 4, "-33.86,151.2");
    check("near=12.900,077.5", 4, NULL);
    check("near=12.900,77.50", 4, "12.9,77.5");
    check("near=0,0", 4, "0,0");
    check("near=-0,-0.0001", 4, "0,0");
    check("near=90,180", 4, "90,180");
    check("near=-90.000,-180.00000000", 4, "-90,-180");
    check("near=0.05,-0.005", 4, "0.05,-0.005");
    check("near=12.97%2C77.59", 4, "12.97,77.59");
    check("near=90.0001,0", 4, NULL);
    check("near=90.1,0", 4, NULL);
    check("near=91,0", 4, NULL);
    check("near=0,180.00000001", 4, NULL);
    check("near=0,181", 4, NULL);
    check("near=0,1000", 4, NULL);
    check("near=1", 4, NULL);
    check("near=1,", 4, NULL);
    check("near=,1", 4, NULL);
    check("near=1,2,3", 4, NULL);
    check("near=1.,2", 4, NULL);
    check("near=.5,2", 4, NULL);
    check("near=1e1,2", 4, NULL);
    check("near=nan,nan", 4, NULL);
    check("near=%2B1,2", 4, NULL);
    check("near=--1,2", 4, NULL);
    check("near=1.123456789,2", 4, NULL);
    check("near=1+,2", 4, NULL);
}


static void
test_length(void **state)
{
    size_t  i;
    char    long_query[BO_QUERY_MAX + 2];

    (void) state;

    strcpy(long_query, "q=");

    for (i = 2; i <= BO_QUERY_MAX; i++) {
        long_query[i] = '+';
    }

    long_query[BO_QUERY_MAX - 1] = 'a';
    long_query[BO_QUERY_MAX] = '\0';
    check(long_query, 0, "a");

    long_query[BO_QUERY_MAX] = 'b';
    long_query[BO_QUERY_MAX + 1] = '\0';
    check(long_query, -1, NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_length)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
