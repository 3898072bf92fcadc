
/*
 * Templates: what is rendered, what is refused, and that no value leaves its
 * place.
 */


#include "bo_test.h"
#include "bo_template.h"
#include "bo_utf8.h"


#define RUNS  20000


static const char *const  names[] = { "a", "b", "name", NULL };


static char *
render(bo_template_kind_e kind, const char *text, const char *a,
    const char *b, const char *name)
{
    char                 *copy;
    bo_out_t              out;
    bo_text_t             values[3];
    bo_template_t         t;
    bo_template_error_t   error;
    static char           buf[4096];

    copy = bo_test_copy(text, strlen(text));

    t.text.data = copy;
    t.text.len = strlen(text);
    t.kind = kind;
    t.names = names;

    assert_int_equal(bo_template_check(&t, &error), 0);

    values[0].data = a;
    values[0].len = strlen(a);
    values[1].data = b;
    values[1].len = strlen(b);
    values[2].data = name;
    values[2].len = strlen(name);

    out.p = NULL;
    out.len = 0;
    bo_template_render(&out, &t, values);
    assert_true(out.len < sizeof(buf));

    memset(buf, 0, sizeof(buf));
    out.p = buf;
    out.len = 0;
    bo_template_render(&out, &t, values);
    assert_int_equal(strlen(buf), out.len);

    free(copy);

    return buf;
}


static void
values_and_sections(void **state)
{
    (void) state;

    assert_string_equal(render(0, "", "x", "y", "z"), "");
    assert_string_equal(render(0, "no tag } { }}", "x", "", ""),
                        "no tag } { }}");
    assert_string_equal(render(0, "{{a}}{{b}}-{{name}}", "x", "y", "z"),
                        "xy-z");
    assert_string_equal(render(0, "{\"{{a}}\":{\"{{b}}\":1}}", "x", "y", ""),
                        "{\"x\":{\"y\":1}}");

    assert_string_equal(render(0, "1{{#a}}2{{a}}{{/a}}3", "x", "", ""),
                        "12x3");
    assert_string_equal(render(0, "1{{#a}}2{{a}}{{/a}}3", "", "", ""), "13");
    assert_string_equal(render(0, "1{{^a}}2{{/a}}3", "x", "", ""), "13");
    assert_string_equal(render(0, "1{{^a}}2{{/a}}3", "", "", ""), "123");

    assert_string_equal(render(0, "{{#a}}1{{#b}}2{{/b}}3{{/a}}4", "x", "",
                               ""), "134");
    assert_string_equal(render(0, "{{#a}}1{{#b}}2{{/b}}3{{/a}}4", "", "y",
                               ""), "4");
    assert_string_equal(render(0, "{{#a}}{{#a}}{{#a}}{{a}}{{/a}}{{/a}}"
                               "{{/a}}", "x", "", ""), "x");

    /* tags with a line of their own leave none */

    assert_string_equal(render(0, "1\n{{#a}}\n2\n{{/a}}\n3\n", "x", "", ""),
                        "1\n2\n3\n");
    assert_string_equal(render(0, "1\n{{#a}}\n2\n{{/a}}\n3\n", "", "", ""),
                        "1\n3\n");
    assert_string_equal(render(0, "1 {{#a}}\n2{{/a}}\n3", "x", "", ""),
                        "1 \n2\n3");
    assert_string_equal(render(0, "{{a}}\n{{b}}\n", "x", "", ""), "x\n\n");
}


static void
escapes(void **state)
{
    const char  *nasty = "<a href=\"x\">'&\\\r\nTo: x\x01\x7f";

    (void) state;

    assert_string_equal(render(BO_TEMPLATE_TEXT, "{{a}}", nasty, "", ""),
                        "<a href=\"x\">'&\\  To: x  ");
    assert_string_equal(render(BO_TEMPLATE_HTML, "<{{a}}>", nasty, "", ""),
                        "<&lt;a href=&quot;x&quot;&gt;&#39;&amp;\\"
                        "  To: x  >");
    assert_string_equal(render(BO_TEMPLATE_JSON, "\"{{a}}\"", nasty, "", ""),
                        "\"<a href=\\\"x\\\">'&\\\\  To: x  \"");
    assert_string_equal(render(BO_TEMPLATE_URL, "a={{a}}&b={{b}}",
                               "+44 (0)\n&b=1", "\xc3\xa9-._~", ""),
                        "a=%2B44%20%280%29%20%26b%3D1&b=%C3%A9-._~");

    /* what is a tag in a value stays one */

    assert_string_equal(render(0, "{{a}}", "{{b}}{{#a}}", "y", ""),
                        "{{b}}{{#a}}");

    /* no UTF-8, and what turns the writing round */

    assert_string_equal(render(0, "{{a}}", "\xff\xc3(\xe2\x80\xae.", "", ""),
                        "\xef\xbf\xbd\xef\xbf\xbd( .");
    assert_string_equal(render(0, "{{a}}", "\xf0\x9f\x8e\xac\xe2\x82", "", ""),
                        "\xf0\x9f\x8e\xac\xef\xbf\xbd\xef\xbf\xbd");
}


static void
refused(void **state)
{
    size_t               i;
    char                *copy;
    bo_template_t        t;
    bo_template_error_t  error;

    static const struct {
        const char  *text;
        size_t       len;
        size_t       line;
        const char  *why;
    } cases[] = {
        { bo_test_text("x\n{{a"), 2, "does not end" },
        { bo_test_text("{{"), 1, "does not end" },
        { bo_test_text("{{a\n}}"), 1, "does not end" },
        { bo_test_text("\n\n{{c}}"), 3, "unknown name" },
        { bo_test_text("{{ a }}"), 1, "unknown name" },
        { bo_test_text("{{}}"), 1, "unknown name" },
        { bo_test_text("{{#}}"), 1, "unknown name" },
        { bo_test_text("{{{a}}}"), 1, "unknown name" },
        { bo_test_text("{{&a}}"), 1, "unknown name" },
        { bo_test_text("{{names}}"), 1, "unknown name" },
        { bo_test_text("{{/a}}"), 1, "not open" },
        { bo_test_text("{{#a}}\n{{#b}}\n{{/a}}{{/b}}"), 3, "not open" },
        { bo_test_text("{{#a}}\nx\n"), 3, "section does not end" },
        { bo_test_text("{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}"), 1, "too many" },
        { bo_test_text("a\r\nb"), 1, "control" },
        { bo_test_text("a\0b"), 1, "control" },
        { bo_test_text("a\n\xff"), 2, "UTF-8" },
        { bo_test_text("a\xc0\x80"), 1, "UTF-8" },
        { bo_test_text("\xed\xa0\x80"), 1, "UTF-8" }
    };

    (void) state;

    t.kind = BO_TEMPLATE_TEXT;
    t.names = names;

    for (i = 0; i < bo_test_count(cases); i++) {
        copy = bo_test_copy(cases[i].text, cases[i].len);
        t.text.data = copy;
        t.text.len = cases[i].len;

        assert_int_equal(bo_template_check(&t, &error), -1);
        assert_int_equal(error.line, cases[i].line);
        assert_non_null(strstr(error.why, cases[i].why));

        free(copy);
    }

    copy = malloc(BO_TEMPLATE_MAX + 1);
    assert_non_null(copy);
    memset(copy, 'x', BO_TEMPLATE_MAX + 1);
    t.text.data = copy;
    t.text.len = BO_TEMPLATE_MAX;
    assert_int_equal(bo_template_check(&t, &error), 0);
    t.text.len++;
    assert_int_equal(bo_template_check(&t, &error), -1);
    free(copy);
}


/* Whatever a value is, what stands around it stays around it. */

static void
values_stay(void **state)
{
    int             i;
    char            value[64], text[1024];
    size_t          j, n;
    bo_out_t        out;
    bo_text_t       v;
    unsigned        kind;

    (void) state;

    for (i = 0; i < RUNS; i++) {
        n = bo_test_below(sizeof(value));
        bo_test_fill((uint8_t *) value, n);
        v.data = value;
        v.len = n;
        kind = bo_test_below(4);

        out.p = text;
        out.len = 0;
        bo_template_put(&out, kind, &v);

        for (j = 0; j < out.len; j++) {
            assert_true((unsigned char) text[j] >= ' ' && text[j] != 0x7f);

            switch (kind) {

            case BO_TEMPLATE_HTML:
                assert_null(memchr("<>\"'", text[j], 4));
                break;

            case BO_TEMPLATE_JSON:
                if (text[j] == '\\') {
                    j++;
                    assert_true(text[j] == '\\' || text[j] == '"');
                    break;
                }

                assert_true(text[j] != '"');
                break;

            case BO_TEMPLATE_URL:
                assert_null(memchr("&=+ ?#/", text[j], 7));
                break;

            default:
                break;
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(values_and_sections),
        cmocka_unit_test(escapes),
        cmocka_unit_test(refused),
        cmocka_unit_test(values_stay)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
