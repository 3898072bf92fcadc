
/*
 * The reader of others' JSON: what it takes, and what it must not.
 */


#include "bo_test.h"
#include "bo_doc.h"


static bo_doc_node_t  nodes[128];
static bo_doc_t       doc;
static char           text[65536];


static int
read_text(const char *s, size_t len)
{
    char  *copy;
    int    rc;

    assert_true(len <= sizeof(text));

    /* once in a room of just that size, for the sanitizers */

    doc.nodes = nodes;
    doc.max = bo_test_count(nodes);

    copy = bo_test_copy(s, len);
    rc = bo_doc_read(&doc, copy, len);
    free(copy);

    memcpy(text, s, len);
    assert_int_equal(bo_doc_read(&doc, text, len), rc);

    return rc;
}


static void
taken(void **state)
{
    size_t  i;

    static const struct {
        const char     *s;
        size_t          len;
        bo_doc_type_e   type;
        int64_t         integer;
    } t[] = {
        { bo_test_text("null"), BO_DOC_NULL, 0 },
        { bo_test_text(" true\n"), BO_DOC_BOOLEAN, 1 },
        { bo_test_text("false"), BO_DOC_BOOLEAN, 0 },
        { bo_test_text("0"), BO_DOC_INTEGER, 0 },
        { bo_test_text("-0"), BO_DOC_INTEGER, 0 },
        { bo_test_text("-17"), BO_DOC_INTEGER, -17 },
        { bo_test_text("9223372036854775807"), BO_DOC_INTEGER, INT64_MAX },
        { bo_test_text("-9223372036854775808"), BO_DOC_INTEGER, INT64_MIN },
        { bo_test_text("9223372036854775808"), BO_DOC_NUMBER, 0 },
        { bo_test_text("-9223372036854775809"), BO_DOC_NUMBER, 0 },
        { bo_test_text("99999999999999999999999"), BO_DOC_NUMBER, 0 },
        { bo_test_text("1e308"), BO_DOC_NUMBER, 1 },
        { bo_test_text("1E+2"), BO_DOC_NUMBER, 1 },
        { bo_test_text("1.5"), BO_DOC_NUMBER, 1 },
        { bo_test_text("1.0"), BO_DOC_NUMBER, 1 },
        { bo_test_text("\"\""), BO_DOC_STRING, 0 },
        { bo_test_text("[]"), BO_DOC_ARRAY, 0 },
        { bo_test_text("[1, [2], {}]"), BO_DOC_ARRAY, 0 },
        { bo_test_text(" { } "), BO_DOC_OBJECT, 0 },
        { bo_test_text("{\"\":1}"), BO_DOC_OBJECT, 0 },
        { bo_test_text("[[[[[[[[]]]]]]]]"), BO_DOC_ARRAY, 0 }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(read_text(t[i].s, t[i].len), 0);
        assert_int_equal(nodes[0].type, t[i].type);
        if (t[i].type != BO_DOC_NUMBER) {
            assert_true(nodes[0].integer == t[i].integer);
        }
    }
}


static void
refused(void **state)
{
    size_t  i;

    static const struct {
        const char  *s;
        size_t       len;
    } t[] = {
        { bo_test_text("") }, { bo_test_text(" ") },
        { bo_test_text("nul") }, { bo_test_text("nulL") },
        { bo_test_text("True") }, { bo_test_text("NaN") },
        { bo_test_text("Infinity") }, { bo_test_text("-") },
        { bo_test_text("+1") }, { bo_test_text("01") },
        { bo_test_text("-01") }, { bo_test_text("1.") },
        { bo_test_text(".5") }, { bo_test_text("1e") },
        { bo_test_text("1e+") }, { bo_test_text("0x1") },
        { bo_test_text("1 2") }, { bo_test_text("1\0") },
        { bo_test_text("\xef\xbb\xbf{}") }, { bo_test_text("[1,]") },
        { bo_test_text("[,1]") }, { bo_test_text("[1 2]") },
        { bo_test_text("[1") }, { bo_test_text("[") },
        { bo_test_text("]") }, { bo_test_text("{") },
        { bo_test_text("{\"a\"") }, { bo_test_text("{\"a\":") },
        { bo_test_text("{\"a\":1") }, { bo_test_text("{\"a\":1,}") },
        { bo_test_text("{a:1}") }, { bo_test_text("{'a':1}") },
        { bo_test_text("{1:1}") }, { bo_test_text("{\"a\" 1}") },
        { bo_test_text("{\"a\":1}}") }, { bo_test_text("[1]x") },
        { bo_test_text("\"") }, { bo_test_text("\"a") },
        { bo_test_text("\"\\\"") }, { bo_test_text("\"\\") },
        { bo_test_text("\"\\x41\"") }, { bo_test_text("\"\\u\"") },
        { bo_test_text("\"\\u12\"") }, { bo_test_text("\"\\u12g4\"") },
        { bo_test_text("\"\\u0000\"") }, { bo_test_text("\"\\ud800\"") },
        { bo_test_text("\"\\udc00\"") },
        { bo_test_text("\"\\ud800\\u0041\"") },
        { bo_test_text("\"\\ud800\\ud800\"") },
        { bo_test_text("\"a\0b\"") }, { bo_test_text("\"a\nb\"") },
        { bo_test_text("\"\x1f\"") }, { bo_test_text("\"\xff\"") },
        { bo_test_text("\"\xc0\xaf\"") }, { bo_test_text("\"\xed\xa0\x80\"") },
        { bo_test_text("\"\xe2\x82\"") },
        { bo_test_text("\"\xf5\x80\x80\x80\"") },
        { bo_test_text("\"\\\0\"") }, { bo_test_text("/**/1") },
        { bo_test_text("1 // one") }, { bo_test_text("[1,\v2]") },
        { bo_test_text("[[[[[[[[[]]]]]]]]]") },
        { bo_test_text("{\"exp\":1,\"exp\":2}") },
        { bo_test_text("{\"exp\":1,\"iat\":0,\"\\u0065xp\":2}") },
        { bo_test_text("{\"a\":{\"b\":1,\"b\":1}}") }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        if (read_text(t[i].s, t[i].len) != -1) {
            fail_msg("taken: %s", t[i].s);
        }
    }
}


static void
strings(void **state)
{
    size_t  i;

    static const struct {
        const char  *s;
        size_t       len;
        const char  *value;
    } t[] = {
        { bo_test_text("\"abc\""), "abc" },
        { bo_test_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
          "\"\\/\b\f\n\r\t" },
        { bo_test_text("\"\\u0041\\u00e4\\u20AC\""), "A\xc3\xa4\xe2\x82\xac" },
        { bo_test_text("\"\\ud83d\\ude00!\""), "\xf0\x9f\x98\x80!" },
        { bo_test_text("\"\xf0\x9f\x98\x80\x7f\""), "\xf0\x9f\x98\x80\x7f" }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(read_text(t[i].s, t[i].len), 0);
        assert_true(bo_doc_is(nodes, t[i].value, strlen(t[i].value)));
    }
}


static void
found(void **state)
{
    const bo_doc_node_t  *node;

    (void) state;

    assert_int_equal(read_text(bo_test_text(
        "{\"a\":1,\"/b\":2,\"o\":{\"p\":{\"q\":3,\"~/\":4}},\"l\":[5,6],"
        "\"\":{\"\":7}}")), 0);

    assert_int_equal(bo_doc_get(&doc, nodes, "a")->integer, 1);
    assert_null(bo_doc_get(&doc, nodes, "A"));
    assert_null(bo_doc_get(&doc, nodes, "a "));
    assert_null(bo_doc_get(&doc, NULL, "a"));
    assert_null(bo_doc_get(&doc, bo_doc_get(&doc, nodes, "a"), "a"));

    assert_int_equal(bo_doc_find(&doc, bo_test_text("a"))->integer, 1);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("/a"))->integer, 1);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("/~1b"))->integer, 2);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("/o/p/q"))->integer, 3);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("/o/p/~0~1"))->integer, 4);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("//"))->integer, 7);
    assert_int_equal(bo_doc_find(&doc, bo_test_text("/"))->type,
                     BO_DOC_OBJECT);
    assert_null(bo_doc_find(&doc, bo_test_text("/b")));
    assert_null(bo_doc_find(&doc, bo_test_text("/a/x")));
    assert_null(bo_doc_find(&doc, bo_test_text("/a/")));
    assert_null(bo_doc_find(&doc, bo_test_text("/l/0")));
    assert_null(bo_doc_find(&doc, bo_test_text("/o/p/q/r")));
    assert_null(bo_doc_find(&doc, bo_test_text("o/p")));

    node = bo_doc_first(&doc, bo_doc_get(&doc, nodes, "l"));
    assert_int_equal(node->integer, 5);
    node = bo_doc_next(&doc, node);
    assert_int_equal(node->integer, 6);
    assert_null(bo_doc_next(&doc, node));
}


static void
bounds(void **state)
{
    char    *p;
    size_t   i, n;

    (void) state;

    for (n = BO_DOC_MAX_MEMBERS; n <= BO_DOC_MAX_MEMBERS + 1; n++) {
        p = text;
        *p++ = '{';

        for (i = 0; i < n; i++) {
            p += sprintf(p, "%s\"n%zu\":0", i ? "," : "", i);
        }

        *p++ = '}';
        doc.nodes = nodes;
        doc.max = bo_test_count(nodes);

        assert_int_equal(bo_doc_read(&doc, text, (size_t) (p - text)),
                         n == BO_DOC_MAX_MEMBERS ? 0 : -1);
    }

    /* as many nodes as there is room for */

    for (n = 1; n <= 3; n++) {
        doc.max = (uint32_t) n;
        strcpy(text, "[1,2]");
        assert_int_equal(bo_doc_read(&doc, text, 5), n == 3 ? 0 : -1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(refused),
        cmocka_unit_test(strings),
        cmocka_unit_test(found),
        cmocka_unit_test(bounds)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("doc", tests, NULL, NULL);
}
