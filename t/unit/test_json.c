
#include "bo_test.h"
#include "bo_json.h"

#include <jansson.h>


typedef struct {
    bo_str_t               name;
    bo_str_t               phone;
} customer_t;


typedef struct {
    bo_str_t               text;
    bo_strs_t              list;
    bo_strs_t              more;
    int64_t                number;
    int64_t                any;
    int                    flag;
    customer_t             customer;
    struct {
        size_t             n;
        customer_t         item[3];
    } guests;
} body_t;


static const bo_json_field_t  customer_fields[] = {

    { "name", BO_JSON_STRING, offsetof(customer_t, name), 1, 1, 100, 0, NULL },

    { "phone", BO_JSON_STRING, offsetof(customer_t, phone), 0, 3, 20, 0, NULL },

    { NULL, BO_JSON_STRING, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  fields[] = {

    { "a", BO_JSON_STRING, offsetof(body_t, text), 0, 0, BO_JSON_MAX_SIZE, 0,
      NULL },

    { "list", BO_JSON_STRINGS, offsetof(body_t, list), 0, 1, 100, 4, NULL },

    { "more", BO_JSON_STRINGS, offsetof(body_t, more), 0, 0, 100, 16, NULL },

    { "n", BO_JSON_INTEGER, offsetof(body_t, number), 0, -10, 10, 0, NULL },

    { "any", BO_JSON_INTEGER, offsetof(body_t, any), 0, INT64_MIN, INT64_MAX,
      0, NULL },

    { "flag", BO_JSON_BOOLEAN, offsetof(body_t, flag), 0, 0, 0, 0, NULL },

    { "customer", BO_JSON_OBJECT, offsetof(body_t, customer), 0, 0, 0, 0,
      customer_fields },

    { "share", BO_JSON_NUMBER, 0, 0, -2, 5, 0, NULL },

    { "free", BO_JSON_FREE, 0, 0, 1, 2, 0, NULL },

    { "guests", BO_JSON_OBJECTS, offsetof(body_t, guests), 0, 1, 3,
      sizeof(customer_t), customer_fields },

    { NULL, BO_JSON_STRING, 0, 0, 0, 0, 0, NULL }
};


static bo_json_doc_t    doc;
static bo_json_error_t  error;
static body_t           body;


/* Reads a copy of just that size, freed before the strings are looked at. */

static bo_json_code_e
read_body(const char *s, size_t len)
{
    int    rc;
    char  *copy;

    memset(&body, 0, sizeof(body));
    memset(&error, 0x5a, sizeof(error));

    copy = bo_test_copy(s, len);
    rc = bo_json_read(&doc, copy, len, fields, &body, &error);
    free(copy);

    assert_int_equal(rc, error.code == BO_JSON_OK ? 0 : -1);

    return error.code;
}


static void
check_code(const char *s, size_t len, bo_json_code_e expected)
{
    bo_json_code_e  code;

    code = read_body(s, len);
    bo_json_free(&doc);

    if (code != expected) {
        print_error("case: %.*s\n", (int) len, s);
    }

    assert_int_equal(code, expected);
}


static void
check_field(const char *s, bo_json_code_e code, const char *field,
    const char *parent)
{
    check_code(s, strlen(s), code);

    if (field == NULL) {
        assert_null(error.field);

    } else {
        assert_non_null(error.field);
        assert_string_equal(error.field, field);
    }

    if (parent == NULL) {
        assert_null(error.parent);

    } else {
        assert_non_null(error.parent);
        assert_string_equal(error.parent, parent);
    }
}


/* Numbers and objects that are only looked at. */

static void
test_looked_at(void **state)
{
    size_t  i;

    static const char  *good[] = {
        "{\"share\":-2}", "{\"share\":5.0}", "{\"share\":0.25}",
        "{\"share\":1e-3}", "{\"free\":{\"a\":null}}",
        "{\"free\":{\"a\":[{\"b\":1.5}],\"\":\"x\"}}"
    };

    (void) state;

    for (i = 0; i < bo_test_count(good); i++) {
        check_code(good[i], strlen(good[i]), BO_JSON_OK);
    }

    check_field("{\"share\":-2.01}", BO_JSON_OUT_OF_RANGE, "share", NULL);
    check_field("{\"share\":5.0001}", BO_JSON_OUT_OF_RANGE, "share", NULL);
    check_field("{\"share\":1e300}", BO_JSON_OUT_OF_RANGE, "share", NULL);
    check_field("{\"share\":\"1\"}", BO_JSON_WRONG_TYPE, "share", NULL);
    check_field("{\"share\":null}", BO_JSON_WRONG_TYPE, "share", NULL);
    check_field("{\"free\":[]}", BO_JSON_WRONG_TYPE, "free", NULL);
    check_field("{\"free\":null}", BO_JSON_WRONG_TYPE, "free", NULL);
    check_field("{\"free\":{}}", BO_JSON_OUT_OF_RANGE, "free", NULL);
    check_field("{\"free\":{\"a\":1,\"b\":2,\"c\":3}}",
                BO_JSON_OUT_OF_RANGE, "free", NULL);
    check_field("{\"free\":{\"a\":1,\"a\":2}}", BO_JSON_DUPLICATE_FIELD, NULL,
                NULL);
}


static const struct {
    const char  *s;
    size_t       len;
} refused[] = {

    /* nothing, and other things than an object at the top */

    { bo_test_text("") },
    { bo_test_text(" ") },
    { bo_test_text("\n\t\r ") },
    { bo_test_text("\0") },
    { bo_test_text("null") },
    { bo_test_text("true") },
    { bo_test_text("false") },
    { bo_test_text("0") },
    { bo_test_text("123") },
    { bo_test_text("\"a\"") },
    { bo_test_text("[]") },
    { bo_test_text("[{}]") },
    { bo_test_text("a") },
    { bo_test_text("<html>") },
    { bo_test_text("a=1&b=2") },

    /* before and after the object */

    { bo_test_text("\xef\xbb\xbf{}") },
    { bo_test_text("{}\xef\xbb\xbf") },
    { bo_test_text("\xef\xbb{}") },
    { bo_test_text("\xfe\xff\0{\0}") },
    { bo_test_text("{\0}\0") },
    { bo_test_text("{}\0") },
    { bo_test_text("\0{}") },
    { bo_test_text("{} \0") },
    { bo_test_text("{}\0{}") },
    { bo_test_text("{}{}") },
    { bo_test_text("{} x") },
    { bo_test_text("{}}") },
    { bo_test_text("{}]") },
    { bo_test_text("{},") },
    { bo_test_text(",{}") },
    { bo_test_text("{}#") },
    { bo_test_text("{}//") },
    { bo_test_text("{}/**/") },
    { bo_test_text("/**/{}") },
    { bo_test_text("\f{}") },
    { bo_test_text("\v{}") },
    { bo_test_text("{}\f") },
    { bo_test_text("\xc2\xa0{}") },
    { bo_test_text("\xe2\x80\xa8{}") },
    { bo_test_text("\xe2\x81\xa0{}") },

    /* objects */

    { bo_test_text("{") },
    { bo_test_text("}") },
    { bo_test_text("{,}") },
    { bo_test_text("{\"a\"}") },
    { bo_test_text("{\"a\":}") },
    { bo_test_text("{\"a\":\"b\"") },
    { bo_test_text("{\"a\":\"b\",}") },
    { bo_test_text("{\"a\":\"b\",,}") },
    { bo_test_text("{,\"a\":\"b\"}") },
    { bo_test_text("{\"a\":\"b\",\"n\"}") },
    { bo_test_text("{\"a\":\"b\",\"n\":}") },
    { bo_test_text("{\"a\":\"b\" \"n\":1}") },
    { bo_test_text("{\"a\":\"b\";\"n\":1}") },
    { bo_test_text("{\"a\"::\"b\"}") },
    { bo_test_text("{\"a\",\"b\"}") },
    { bo_test_text("{\"a\"=\"b\"}") },
    { bo_test_text("{\"a\" \"b\"}") },
    { bo_test_text("{a:\"b\"}") },
    { bo_test_text("{'a':\"b\"}") },
    { bo_test_text("{1:\"b\"}") },
    { bo_test_text("{null:\"b\"}") },
    { bo_test_text("{[]:\"b\"}") },
    { bo_test_text("{\"a\":\"b\"]") },
    { bo_test_text("{\"a\":\"b\"/**/}") },
    { bo_test_text("{\"a\":\"b\"//\n}") },
    { bo_test_text("{\"a\":\"b\"#\n}") },
    { bo_test_text("{\"a\":\"b\"\0}") },
    { bo_test_text("{\"\xff\":1}") },
    { bo_test_text("{\"a\xc3\":1}") },
    { bo_test_text("{\"\\ud800\":1}") },

    /* arrays */

    { bo_test_text("{\"list\":[}") },
    { bo_test_text("{\"list\":]}") },
    { bo_test_text("{\"list\":[\"a\"}") },
    { bo_test_text("{\"list\":[\"a\",]}") },
    { bo_test_text("{\"list\":[\"a\",,\"b\"]}") },
    { bo_test_text("{\"list\":[,\"a\"]}") },
    { bo_test_text("{\"list\":[,]}") },
    { bo_test_text("{\"list\":[\"a\" \"b\"]}") },
    { bo_test_text("{\"list\":[\"a\":\"b\"]}") },
    { bo_test_text("{\"list\":[\"a\"]]}") },
    { bo_test_text("{\"list\":[[\"a\"]}") },
    { bo_test_text("{\"list\":[\"a\"})") },
    { bo_test_text("{\"list\":[*]}") },
    { bo_test_text("{\"list\":[\"a\"\f]}") },

    /* words */

    { bo_test_text("{\"flag\":True}") },
    { bo_test_text("{\"flag\":TRUE}") },
    { bo_test_text("{\"flag\":tru}") },
    { bo_test_text("{\"flag\":truee}") },
    { bo_test_text("{\"flag\":true1}") },
    { bo_test_text("{\"flag\":fals}") },
    { bo_test_text("{\"flag\":nul}") },
    { bo_test_text("{\"flag\":nulll}") },
    { bo_test_text("{\"flag\":yes}") },
    { bo_test_text("{\"flag\":undefined}") },
    { bo_test_text("{\"n\":NaN}") },
    { bo_test_text("{\"n\":-NaN}") },
    { bo_test_text("{\"n\":nan}") },
    { bo_test_text("{\"n\":Infinity}") },
    { bo_test_text("{\"n\":-Infinity}") },
    { bo_test_text("{\"n\":inf}") },

    /* numbers */

    { bo_test_text("{\"n\":01}") },
    { bo_test_text("{\"n\":00}") },
    { bo_test_text("{\"n\":-01}") },
    { bo_test_text("{\"n\":-00}") },
    { bo_test_text("{\"n\":+1}") },
    { bo_test_text("{\"n\":-}") },
    { bo_test_text("{\"n\":--1}") },
    { bo_test_text("{\"n\":- 1}") },
    { bo_test_text("{\"n\":.5}") },
    { bo_test_text("{\"n\":-.5}") },
    { bo_test_text("{\"n\":1.}") },
    { bo_test_text("{\"n\":0.}") },
    { bo_test_text("{\"n\":1.e1}") },
    { bo_test_text("{\"n\":1.2.3}") },
    { bo_test_text("{\"n\":1e}") },
    { bo_test_text("{\"n\":1e+}") },
    { bo_test_text("{\"n\":1E-}") },
    { bo_test_text("{\"n\":1e1.5}") },
    { bo_test_text("{\"n\":1ee1}") },
    { bo_test_text("{\"n\":1eE1}") },
    { bo_test_text("{\"n\":e1}") },
    { bo_test_text("{\"n\":0x1}") },
    { bo_test_text("{\"n\":0b1}") },
    { bo_test_text("{\"n\":1_000}") },
    { bo_test_text("{\"n\":1 000}") },
    { bo_test_text("{\"n\":1,000}") },
    { bo_test_text("{\"n\":1a}") },
    { bo_test_text("{\"n\":1-1}") },
    { bo_test_text("{\"n\":1+1}") },
    { bo_test_text("{\"n\":1\0}") },
    { bo_test_text("{\"n\":\xef\xbc\x91}") },
    { bo_test_text("{\"n\":\xd9\xa1}") },
    { bo_test_text("{\"n\":1\xff}") },
    { bo_test_text("{\"n\":(1)}") },

    /* strings: quotes and escapes */

    { bo_test_text("{\"a\":\"}") },
    { bo_test_text("{\"a\":\"b}") },
    { bo_test_text("{\"a\":b\"}") },
    { bo_test_text("{\"a\":'b'}") },
    { bo_test_text("{\"a\":b}") },
    { bo_test_text("{\"a\":\"b\"\"c\"}") },
    { bo_test_text("{\"a\":\"b\"c}") },
    { bo_test_text("{\"a\":\\\"b\"}") },
    { bo_test_text("{\"a\":\"b\\\"}") },
    { bo_test_text("{\"a\":\"\\\\\\\"}") },
    { bo_test_text("{\"a\":\"\\x41\"}") },
    { bo_test_text("{\"a\":\"\\a\"}") },
    { bo_test_text("{\"a\":\"\\v\"}") },
    { bo_test_text("{\"a\":\"\\0\"}") },
    { bo_test_text("{\"a\":\"\\'\"}") },
    { bo_test_text("{\"a\":\"\\ \"}") },
    { bo_test_text("{\"a\":\"\\\n\"}") },
    { bo_test_text("{\"a\":\"\\\0\"}") },
    { bo_test_text("{\"a\":\"\\\xc3\xa9\"}") },
    { bo_test_text("{\"a\":\"\\U0041\"}") },
    { bo_test_text("{\"a\":\"\\u\"}") },
    { bo_test_text("{\"a\":\"\\u0\"}") },
    { bo_test_text("{\"a\":\"\\u00\"}") },
    { bo_test_text("{\"a\":\"\\u004\"}") },
    { bo_test_text("{\"a\":\"\\u00g1\"}") },
    { bo_test_text("{\"a\":\"\\u 041\"}") },
    { bo_test_text("{\"a\":\"\\u-041\"}") },
    { bo_test_text("{\"a\":\"\\u{41}\"}") },

    /* surrogates that are not a pair */

    { bo_test_text("{\"a\":\"\\ud800\"}") },
    { bo_test_text("{\"a\":\"\\udbff\"}") },
    { bo_test_text("{\"a\":\"\\udc00\"}") },
    { bo_test_text("{\"a\":\"\\udfff\"}") },
    { bo_test_text("{\"a\":\"\\ud800x\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\n\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\\"\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\u\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\u1\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\u0041\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\ud800\"}") },
    { bo_test_text("{\"a\":\"\\ud800\\ue000\"}") },
    { bo_test_text("{\"a\":\"\\udc00\\ud800\"}") },
    { bo_test_text("{\"a\":\"\\ud834\\udd1\"}") },

    /* raw control characters */

    { bo_test_text("{\"a\":\"\0\"}") },
    { bo_test_text("{\"a\":\"\x01\"}") },
    { bo_test_text("{\"a\":\"\b\"}") },
    { bo_test_text("{\"a\":\"\t\"}") },
    { bo_test_text("{\"a\":\"\n\"}") },
    { bo_test_text("{\"a\":\"\r\n\"}") },
    { bo_test_text("{\"a\":\"\x1b[31m\"}") },
    { bo_test_text("{\"a\":\"\x1f\"}") },
    { bo_test_text("{\"a\n\":1}") },

    /* not UTF-8 */

    { bo_test_text("{\"a\":\"\x80\"}") },
    { bo_test_text("{\"a\":\"\xbf\"}") },
    { bo_test_text("{\"a\":\"\xc3\"}") },
    { bo_test_text("{\"a\":\"\xc3(\"}") },
    { bo_test_text("{\"a\":\"\xe9\"}") },
    { bo_test_text("{\"a\":\"\xe2\x82\"}") },
    { bo_test_text("{\"a\":\"\xf0\x9f\x92\"}") },
    { bo_test_text("{\"a\":\"\xc0\x80\"}") },
    { bo_test_text("{\"a\":\"\xc0\xaf\"}") },
    { bo_test_text("{\"a\":\"\xc1\xbf\"}") },
    { bo_test_text("{\"a\":\"\xe0\x80\xaf\"}") },
    { bo_test_text("{\"a\":\"\xe0\x9f\xbf\"}") },
    { bo_test_text("{\"a\":\"\xf0\x80\x80\xaf\"}") },
    { bo_test_text("{\"a\":\"\xf0\x8f\xbf\xbf\"}") },
    { bo_test_text("{\"a\":\"\xed\xa0\x80\"}") },
    { bo_test_text("{\"a\":\"\xed\xbf\xbf\"}") },
    { bo_test_text("{\"a\":\"\xed\xa0\xb4\xed\xb4\x9e\"}") },
    { bo_test_text("{\"a\":\"\xf4\x90\x80\x80\"}") },
    { bo_test_text("{\"a\":\"\xf5\x80\x80\x80\"}") },
    { bo_test_text("{\"a\":\"\xf8\x88\x80\x80\x80\"}") },
    { bo_test_text("{\"a\":\"\xfc\x84\x80\x80\x80\x80\"}") },
    { bo_test_text("{\"a\":\"\xfe\"}") },
    { bo_test_text("{\"a\":\"\xff\"}") },
    { bo_test_text("{\"a\":\"b\"\xff}") },
    { bo_test_text("{\"a\":\xc3\xa9}") },

    /* nine deep */

    { bo_test_text("{\"a\":[[[[[[[[]]]]]]]]}") },
    { bo_test_text("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{}"
                   "}}}}}}}}") },
    { bo_test_text("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[") }
};


static void
test_refused(void **state)
{
    size_t  i;

    (void) state;

    assert_true(bo_test_count(refused) >= 100);

    for (i = 0; i < bo_test_count(refused); i++) {
        check_code(refused[i].s, refused[i].len, BO_JSON_SYNTAX);
        assert_null(error.field);
        assert_null(error.parent);
    }
}


static void
test_objects(void **state)
{
    static const char  three[] =
        "{\"guests\":[{\"name\":\"a\"},{\"name\":\"bc\",\"phone\":\"123\"},"
        "{\"name\":\"d\"}]}";

    (void) state;

    assert_int_equal(read_body(three, strlen(three)), BO_JSON_OK);
    assert_int_equal(body.guests.n, 3);
    assert_memory_equal(body.guests.item[0].name.data, "a", 2);
    assert_null(body.guests.item[0].phone.data);
    assert_memory_equal(body.guests.item[1].name.data, "bc", 3);
    assert_memory_equal(body.guests.item[1].phone.data, "123", 4);
    assert_memory_equal(body.guests.item[2].name.data, "d", 2);
    bo_json_free(&doc);

    /* the array is at fault, */

    check_field("{\"guests\":{}}", BO_JSON_WRONG_TYPE, "guests", NULL);
    check_field("{\"guests\":null}", BO_JSON_WRONG_TYPE, "guests", NULL);
    check_field("{\"guests\":[]}", BO_JSON_OUT_OF_RANGE, "guests", NULL);
    check_field("{\"guests\":[{},{},{},{}]}", BO_JSON_OUT_OF_RANGE, "guests",
                NULL);
    check_field("{\"guests\":[1]}", BO_JSON_WRONG_TYPE, "guests", NULL);
    check_field("{\"guests\":[{\"name\":\"a\"},[]]}", BO_JSON_WRONG_TYPE,
                "guests", NULL);

    /* or a field of one of them */

    check_field("{\"guests\":[{\"name\":\"a\"},{}]}", BO_JSON_MISSING_FIELD,
                "name", "guests");
    check_field("{\"guests\":[{\"name\":1}]}", BO_JSON_WRONG_TYPE, "name",
                "guests");
    check_field("{\"guests\":[{\"name\":\"a\",\"x\":1}]}",
                BO_JSON_UNKNOWN_FIELD, NULL, "guests");

    /* what follows is at the top again */

    check_field("{\"guests\":[{\"name\":\"a\"}],\"n\":11}",
                BO_JSON_OUT_OF_RANGE, "n", NULL);
}


static void
test_strings(void **state)
{
    size_t  i;

    static const struct {
        const char  *s;
        const char  *text;
    } cases[] = {
        { "{\"a\":\"\"}", "" },
        { "{\"a\":\"b\"}", "b" },
        { " {\"a\":\"b\"}", "b" },
        { "{\"a\":\"b\"} ", "b" },
        { "\t\r\n {\t\r\n \"a\"\t\r\n :\t\r\n \"b\"\t\r\n }\t\r\n ", "b" },
        { "{\"\\u0061\":\"b\"}", "b" },
        { "{\"a\":\"\\u0041\"}", "A" },
        { "{\"a\":\"\\u004a\\u004A\"}", "JJ" },
        { "{\"a\":\"\\\"\"}", "\"" },
        { "{\"a\":\"\\\\\"}", "\\" },
        { "{\"a\":\"\\/\"}", "/" },
        { "{\"a\":\"/\"}", "/" },
        { "{\"a\":\"\\b\\f\\n\\r\\t\"}", "\b\f\n\r\t" },
        { "{\"a\":\"\\u0001\\u001f\"}", "\x01\x1f" },
        { "{\"a\":\"\\\\n\"}", "\\n" },
        { "{\"a\":\"\\\\u0041\"}", "\\u0041" },
        { "{\"a\":\"\\\\\\\"\"}", "\\\"" },
        { "{\"a\":\"'\"}", "'" },
        { "{\"a\":\"\x7f\"}", "\x7f" },
        { "{\"a\":\"{[,:]}\"}", "{[,:]}" },
        { "{\"a\":\"[[[[[[[[[[[[{{{{{{{{\"}", "[[[[[[[[[[[[{{{{{{{{" },
        { "{\"a\":\"\\\"[[[[[[[[[[[[\"}", "\"[[[[[[[[[[[[" },
        { "{\"a\":\"/*b*/\"}", "/*b*/" },
        { "{\"a\":\" b \"}", " b " },
        { "{\"a\":\"\xc2\x80\"}", "\xc2\x80" },
        { "{\"a\":\"\xc3\xa9\"}", "\xc3\xa9" },
        { "{\"a\":\"\xdf\xbf\"}", "\xdf\xbf" },
        { "{\"a\":\"\xe0\xa0\x80\"}", "\xe0\xa0\x80" },
        { "{\"a\":\"\xe0\xa4\xb9\"}", "\xe0\xa4\xb9" },
        { "{\"a\":\"\xe2\x82\xac\"}", "\xe2\x82\xac" },
        { "{\"a\":\"\xe2\x80\xa8\"}", "\xe2\x80\xa8" },
        { "{\"a\":\"\xed\x9f\xbf\"}", "\xed\x9f\xbf" },
        { "{\"a\":\"\xee\x80\x80\"}", "\xee\x80\x80" },
        { "{\"a\":\"\xef\xbb\xbf\"}", "\xef\xbb\xbf" },
        { "{\"a\":\"\xef\xbf\xbf\"}", "\xef\xbf\xbf" },
        { "{\"a\":\"\xf0\x90\x80\x80\"}", "\xf0\x90\x80\x80" },
        { "{\"a\":\"\xf0\x9f\x8e\xab\"}", "\xf0\x9f\x8e\xab" },
        { "{\"a\":\"\xf4\x8f\xbf\xbf\"}", "\xf4\x8f\xbf\xbf" },
        { "{\"a\":\"\\u0080\"}", "\xc2\x80" },
        { "{\"a\":\"\\u07ff\\u0800\"}", "\xdf\xbf\xe0\xa0\x80" },
        { "{\"a\":\"\\ud7ff\\ue000\"}", "\xed\x9f\xbf\xee\x80\x80" },
        { "{\"a\":\"\\uffff\\ufffe\"}", "\xef\xbf\xbf\xef\xbf\xbe" },
        { "{\"a\":\"\\ud800\\udc00\"}", "\xf0\x90\x80\x80" },
        { "{\"a\":\"\\uD83c\\uDfab\"}", "\xf0\x9f\x8e\xab" },
        { "{\"a\":\"\\udbff\\udfff\"}", "\xf4\x8f\xbf\xbf" },
        { "{\"a\":\"\\ud834\\udd1e1\"}", "\xf0\x9d\x84\x9e" "1" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {

        if (read_body(cases[i].s, strlen(cases[i].s)) != BO_JSON_OK) {
            fail_msg("case: %s", cases[i].s);
        }

        assert_int_equal(body.text.len, strlen(cases[i].text));
        assert_memory_equal(body.text.data, cases[i].text, body.text.len);

        bo_json_free(&doc);
    }
}


static void
test_integers(void **state)
{
    size_t  i;

    static const struct {
        const char  *s;
        int64_t      n;
    } cases[] = {
        { "{\"any\":0}", 0 },
        { "{\"any\":-0}", 0 },
        { "{\"any\":1}", 1 },
        { "{\"any\":-1}", -1 },
        { "{\"any\":10}", 10 },
        { "{\"any\": 123 }", 123 },
        { "{\"any\":2147483648}", INT64_C(2147483648) },
        { "{\"any\":-2147483649}", INT64_C(-2147483649) },
        { "{\"any\":9007199254740993}", INT64_C(9007199254740993) },
        { "{\"any\":9223372036854775807}", INT64_MAX },
        { "{\"any\":-9223372036854775808}", INT64_MIN }
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {

        if (read_body(cases[i].s, strlen(cases[i].s)) != BO_JSON_OK) {
            fail_msg("case: %s", cases[i].s);
        }

        assert_true(body.any == cases[i].n);

        bo_json_free(&doc);
    }
}


/* Well-formed all of them: what is wrong is the type of "any" or "a". */

static void
test_wrong_types(void **state)
{
    size_t  i;

    static const char *const  cases[] = {
        "{\"any\":1.0}",
        "{\"any\":-0.0}",
        "{\"any\":0.5}",
        "{\"any\":1e0}",
        "{\"any\":1E1}",
        "{\"any\":1e+1}",
        "{\"any\":1E-1}",
        "{\"any\":0e0}",
        "{\"any\":0e+1}",
        "{\"any\":-1.25e-02}",
        "{\"any\":123.456e78}",
        "{\"any\":1e308}",
        "{\"any\":1e-400}",
        "{\"any\":9223372036854775808.0}",
        "{\"any\":\"1\"}",
        "{\"any\":true}",
        "{\"any\":false}",
        "{\"any\":null}",
        "{\"any\":[]}",
        "{\"any\":[1]}",
        "{\"any\":[ ]}",
        "{\"any\":[[],[[]],{}]}",
        "{\"any\":[null,true,false,0,1.5,\"\",{},[]]}",
        "{\"any\":{}}",
        "{\"any\":{ }}",
        "{\"any\":{\"\":0}}",
        "{\"any\":{\"a\":{\"a\":{\"a\":1}}}}",
        "{\"any\":[[[[[[[]]]]]]]}",
        "{\"any\":{\"x\":\"\\u0000\"}}",
        "{\"any\":{\"\\ud83c\\udfab\":1,\"\xf0\x9f\x8e\xac\":2}}"
    };

    (void) state;

    for (i = 0; i < bo_test_count(cases); i++) {
        check_field(cases[i], BO_JSON_WRONG_TYPE, "any", NULL);
    }

    check_field("{\"a\":1}", BO_JSON_WRONG_TYPE, "a", NULL);
    check_field("{\"a\":null}", BO_JSON_WRONG_TYPE, "a", NULL);
    check_field("{\"a\":[\"b\"]}", BO_JSON_WRONG_TYPE, "a", NULL);
    check_field("{\"flag\":1}", BO_JSON_WRONG_TYPE, "flag", NULL);
    check_field("{\"flag\":\"true\"}", BO_JSON_WRONG_TYPE, "flag", NULL);
    check_field("{\"flag\":null}", BO_JSON_WRONG_TYPE, "flag", NULL);
    check_field("{\"list\":\"A1\"}", BO_JSON_WRONG_TYPE, "list", NULL);
    check_field("{\"list\":{}}", BO_JSON_WRONG_TYPE, "list", NULL);
    check_field("{\"list\":[1]}", BO_JSON_WRONG_TYPE, "list", NULL);
    check_field("{\"list\":[\"A1\",null]}", BO_JSON_WRONG_TYPE, "list", NULL);
    check_field("{\"list\":[[\"A1\"]]}", BO_JSON_WRONG_TYPE, "list", NULL);
    check_field("{\"customer\":\"x\"}", BO_JSON_WRONG_TYPE, "customer", NULL);
    check_field("{\"customer\":[]}", BO_JSON_WRONG_TYPE, "customer", NULL);
    check_field("{\"customer\":{\"name\":1}}", BO_JSON_WRONG_TYPE, "name",
                "customer");
}


static void
test_bounds(void **state)
{
    (void) state;

    check_field("{\"n\":10}", BO_JSON_OK, NULL, NULL);
    check_field("{\"n\":-10}", BO_JSON_OK, NULL, NULL);
    check_field("{\"n\":11}", BO_JSON_OUT_OF_RANGE, "n", NULL);
    check_field("{\"n\":-11}", BO_JSON_OUT_OF_RANGE, "n", NULL);
    check_field("{\"n\":4294967297}", BO_JSON_OUT_OF_RANGE, "n", NULL);

    check_field("{\"any\":9223372036854775808}", BO_JSON_OUT_OF_RANGE, NULL,
                NULL);
    check_field("{\"any\":-9223372036854775809}", BO_JSON_OUT_OF_RANGE, NULL,
                NULL);
    check_field("{\"any\":18446744073709551617}", BO_JSON_OUT_OF_RANGE, NULL,
                NULL);
    check_field("{\"any\":1e999}", BO_JSON_OUT_OF_RANGE, NULL, NULL);

    check_field("{\"list\":[\"1234\"]}", BO_JSON_OK, NULL, NULL);
    check_field("{\"list\":[]}", BO_JSON_OUT_OF_RANGE, "list", NULL);
    check_field("{\"list\":[\"\"]}", BO_JSON_OUT_OF_RANGE, "list", NULL);
    check_field("{\"list\":[\"12345\"]}", BO_JSON_OUT_OF_RANGE, "list", NULL);
    check_field("{\"list\":[\"\\u0000\"]}", BO_JSON_OUT_OF_RANGE, "list",
                NULL);
    check_field("{\"more\":[]}", BO_JSON_OK, NULL, NULL);

    check_field("{\"a\":\"\\u0000\"}", BO_JSON_OUT_OF_RANGE, "a", NULL);
    check_field("{\"a\":\"x\\u0000y\"}", BO_JSON_OUT_OF_RANGE, "a", NULL);

    check_field("{\"customer\":{\"name\":\"\"}}", BO_JSON_OUT_OF_RANGE, "name",
                "customer");
    check_field("{\"customer\":{\"name\":\"x\",\"phone\":\"12\"}}",
                BO_JSON_OUT_OF_RANGE, "phone", "customer");
}


static void
test_names(void **state)
{
    (void) state;

    check_field("{}", BO_JSON_OK, NULL, NULL);
    check_field("{\"b\":1}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"A\":\"\"}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"\":1}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"a\":\"\",\"b\":1}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"a\\u0000\":\"\"}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"a \":\"\"}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);
    check_field("{\"__proto__\":{}}", BO_JSON_UNKNOWN_FIELD, NULL, NULL);

    check_field("{\"customer\":{}}", BO_JSON_MISSING_FIELD, "name",
                "customer");
    check_field("{\"customer\":{\"phone\":\"123\"}}", BO_JSON_MISSING_FIELD,
                "name", "customer");
    check_field("{\"customer\":{\"name\":\"x\",\"price\":1}}",
                BO_JSON_UNKNOWN_FIELD, NULL, "customer");
    check_field("{\"customer\":{\"name\":\"x\"},\"price\":1}",
                BO_JSON_UNKNOWN_FIELD, NULL, NULL);

    check_field("{\"a\":\"1\",\"a\":\"2\"}", BO_JSON_DUPLICATE_FIELD, NULL,
                NULL);
    check_field("{\"a\":\"1\",\"a\":\"1\"}", BO_JSON_DUPLICATE_FIELD, NULL,
                NULL);
    check_field("{\"a\":\"1\",\"\\u0061\":\"2\"}", BO_JSON_DUPLICATE_FIELD,
                NULL, NULL);
    check_field("{\"b\":1,\"b\":2}", BO_JSON_DUPLICATE_FIELD, NULL, NULL);
    check_field("{\"customer\":{\"name\":\"x\",\"name\":\"y\"}}",
                BO_JSON_DUPLICATE_FIELD, NULL, NULL);
    check_field("{\"any\":{\"x\":1,\"x\":2}}", BO_JSON_DUPLICATE_FIELD, NULL,
                NULL);
}


static void
test_values(void **state)
{
    static const char  s[] =
        "{\"customer\":{\"phone\":\"+49 30\",\"name\":\"J\\u00f6rg\"},"
        "\"list\":[\"A1\",\"A2\",\"B10\"],\"flag\":true,\"n\":-7,"
        "\"more\":[\"x\"]}";

    (void) state;

    assert_int_equal(read_body(s, sizeof(s) - 1), BO_JSON_OK);

    assert_int_equal(body.customer.name.len, 5);
    assert_memory_equal(body.customer.name.data, "J\xc3\xb6rg", 5);
    assert_int_equal(body.customer.phone.len, 6);
    assert_memory_equal(body.customer.phone.data, "+49 30", 6);

    assert_int_equal(body.list.n, 3);
    assert_int_equal(body.list.items[0].len, 2);
    assert_memory_equal(body.list.items[0].data, "A1", 2);
    assert_memory_equal(body.list.items[1].data, "A2", 2);
    assert_int_equal(body.list.items[2].len, 3);
    assert_memory_equal(body.list.items[2].data, "B10", 3);

    assert_int_equal(body.more.n, 1);
    assert_memory_equal(body.more.items[0].data, "x", 1);

    assert_int_equal(body.flag, 1);
    assert_true(body.number == -7);

    bo_json_free(&doc);
    bo_json_free(&doc);

    /* what is absent keeps its default */

    memset(&body, 0, sizeof(body));
    body.number = 5;
    body.flag = 1;

    assert_int_equal(bo_json_read(&doc, "{\"flag\":false}", 14, fields, &body,
                                  &error), 0);
    assert_true(body.number == 5);
    assert_int_equal(body.flag, 0);
    assert_null(body.text.data);
    assert_int_equal(body.list.n, 0);

    bo_json_free(&doc);
}


static void
test_sizes(void **state)
{
    char    s[BO_JSON_MAX_SIZE + 2];
    size_t  i, n;

    (void) state;

    /* a string that makes the body as large as may be, and larger by one */

    memset(s, 'x', sizeof(s));
    memcpy(s, "{\"a\":\"", 6);
    memcpy(s + BO_JSON_MAX_SIZE - 2, "\"}", 2);
    check_code(s, BO_JSON_MAX_SIZE, BO_JSON_OK);

    memcpy(s + BO_JSON_MAX_SIZE - 2, "x\"}", 3);
    check_code(s, BO_JSON_MAX_SIZE + 1, BO_JSON_TOO_LARGE);

    /* two arrays share the items: 40 and 24 fit, 40 and 25 do not */

    for (n = 24; n <= 25; n++) {

        memcpy(s, "{\"list\":[\"x\"", 12);

        for (i = 1; i < 40; i++) {
            memcpy(s + 8 + 4 * i, ",\"x\"", 4);
        }

        memcpy(s + 8 + 160, "],\"more\":[\"x\"", 13);

        for (i = 1; i < n; i++) {
            memcpy(s + 168 + 9 + 4 * i, ",\"x\"", 4);
        }

        memcpy(s + 168 + 9 + 4 * n, "]}", 2);

        check_code(s, 168 + 9 + 4 * n + 2,
                   n == 24 ? BO_JSON_OK : BO_JSON_OUT_OF_RANGE);
    }
}


/* Without a table: any object, by the same syntax. */

static void
test_any_object(void **state)
{
    size_t  i;

    static const struct {
        const char     *text;
        bo_json_code_e  code;
    } cases[] = {
        { "{}", BO_JSON_OK },
        { "{\"x\":[{\"y\":null}],\"z\":1.5}", BO_JSON_OK },
        { "[]", BO_JSON_SYNTAX },
        { "{\"a\":1,\"a\":2}", BO_JSON_DUPLICATE_FIELD },
        { "{\"x\":[{\"y\":1,\"y\":1}]}", BO_JSON_DUPLICATE_FIELD },
        { "{\"x\":[[[[[[[[]]]]]]]]}", BO_JSON_SYNTAX },
        { "{\"x\":01}", BO_JSON_SYNTAX },
        { "{} x", BO_JSON_SYNTAX }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        error.code = BO_JSON_OK;

        if (bo_json_read(&doc, cases[i].text, strlen(cases[i].text), NULL,
                         NULL, &error)
            == 0)
        {
            bo_json_free(&doc);
        }

        assert_int_equal(error.code, cases[i].code);
    }
}


/* A body cut anywhere is none; one with a byte changed does no harm. */

static void
test_damaged(void **state)
{
    int     c;
    char    s[256];
    size_t  i, len;

    static const char  whole[] =
        "{\"customer\":{\"name\":\"J\\u00f6rg \\ud83c\\udfab \xe2\x82\xac\"},"
        "\"list\":[\"A1\",\"A2\"],\"flag\":true,\"n\":-7,\"any\":null}";

    (void) state;

    len = sizeof(whole) - 1;

    for (i = 0; i < len; i++) {
        check_code(whole, i, BO_JSON_SYNTAX);
    }

    for (i = 0; i < len; i++) {
        for (c = 0; c < 256; c++) {

            memcpy(s, whole, len);
            s[i] = (char) c;

            if (s[i] == whole[i]) {
                continue;
            }

            /* "any" is null, so that there is an error in each of them */

            if (read_body(s, len) == BO_JSON_OK) {
                fail_msg("byte %zu as %d", i, c);
            }
        }
    }
}


/* Memory that runs out at the n-th allocation, for every n. */

static int     allocations_left;
static size_t  allocated;


static void *
short_malloc(size_t size)
{
    if (allocations_left-- <= 0) {
        return NULL;
    }

    allocated++;

    return malloc(size);
}


static void
short_free(void *p)
{
    if (p) {
        allocated--;
    }

    free(p);
}


static void
test_memory(void **state)
{
    int             n, failed[2];
    json_malloc_t   old_malloc;
    json_free_t     old_free;
    bo_json_code_e  code;

    static const char  s[] =
        "{\"a\":\"a text that is long enough for its buffer to grow\","
        "\"list\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"],"
        "\"customer\":{\"name\":\"x\"},\"n\":1,\"more\":[],\"flag\":true}";

    (void) state;

    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(short_malloc, short_free);

    n = 0;
    memset(failed, 0, sizeof(failed));

    do {
        allocations_left = n++;
        code = read_body(s, sizeof(s) - 1);

        if (code == BO_JSON_OK) {
            bo_json_free(&doc);

        } else {

            /* within a string jansson takes it for an error of syntax */

            assert_true(code == BO_JSON_NO_MEMORY || code == BO_JSON_SYNTAX);
            failed[code == BO_JSON_NO_MEMORY]++;
        }

        assert_int_equal(allocated, 0);

    } while (code != BO_JSON_OK && n < 1000);

    json_set_alloc_funcs(old_malloc, old_free);

    assert_int_equal(code, BO_JSON_OK);
    assert_true(failed[1] > failed[0]);
    assert_int_equal(failed[0] + failed[1], n - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_any_object),
        cmocka_unit_test(test_looked_at),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_memory)
    };

    bo_test_start();
    bo_json_init();

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
