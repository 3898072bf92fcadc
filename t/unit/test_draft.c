
#include "bo_test.h"
#include "bo_draft.h"


static bo_draft_t     draft;
static char          *drawing;
static void          *memory;
static bo_doc_node_t  nodes[4096];


static void
draw(const char *text)
{
    /* one byte too far is one of somebody else's */

    free(drawing);
    drawing = bo_test_copy(text, strlen(text));

    bo_draft_init(&draft, memory);
    bo_draft_text(&draft, drawing, strlen(text));
    (void) bo_draft_check(&draft);
}


/* {"categories": ..., "rows": ...}; the text lives until the next one. */

static void
rows(const char *json)
{
    bo_doc_t              doc;
    const bo_doc_node_t  *list;

    static char  text[16384];

    memset(&doc, 0, sizeof(doc));
    doc.nodes = nodes;
    doc.max = bo_test_count(nodes);

    assert_true(strlen(json) < sizeof(text));
    strcpy(text, json);
    assert_int_equal(bo_doc_read(&doc, text, strlen(text)), 0);

    bo_draft_init(&draft, memory);

    list = bo_doc_get(&doc, doc.nodes, "categories");
    if (list) {
        bo_draft_declare(&draft, &doc, list);
    }

    bo_draft_rows(&draft, &doc, bo_doc_get(&doc, doc.nodes, "rows"));
    (void) bo_draft_check(&draft);
}


/* The seats as they are written. */

static void
check_seats(const char *expected)
{
    char    out[4096];
    size_t  len;

    if (draft.nmistakes) {
        print_error("%s: %s\n", draft.mistakes[0].field,
                    draft.mistakes[0].problem);
    }

    assert_int_equal(draft.nmistakes, 0);
    assert_true(BO_DRAFT_LEN(draft.nseats) <= sizeof(out));

    len = bo_draft_write(&draft, 0, draft.nseats, out);
    out[len] = '\0';
    assert_string_equal(out, expected);
}


/* All mistakes: field and problem of each, ended by NULL. */

static void
check_mistakes(const char *const *expected)
{
    uint32_t  i;

    for (i = 0; expected[2 * i]; i++) {
        assert_true(i < draft.nmistakes);
        assert_string_equal(draft.mistakes[i].field, expected[2 * i]);
        assert_string_equal(draft.mistakes[i].problem, expected[2 * i + 1]);
    }

    assert_int_equal(draft.nmistakes, i);
}


#define mistakes(...)                                                         \
    check_mistakes((const char *const []) { __VA_ARGS__, NULL, NULL })


static void
test_drawing(void **state)
{
    (void) state;

    draw("A SILVER oo");
    check_seats("A1 A 1 SILVER N 0 0 -;A2 A 2 SILVER N 1 0 -");

    draw("\n  \n\n# the stalls\nA  SILVER  _oa_x2h \r\n"
         "  # and the rest\n\nB\tGOLD:1-1,SILVER:2-3\t_ooo # three\n\n\n");
    check_seats("A1 A 1 SILVER N 1 0 -;A2 A 2 SILVER A 2 0 -;"
                "A3 A 3 SILVER B 4 0 -;A4 A 4 SILVER H 5 0 -;"
                "A5 A 5 SILVER H 6 0 -;B1 B 1 GOLD N 1 2 -;"
                "B2 B 2 SILVER N 2 2 -;B3 B 3 SILVER N 3 2 -");

    draw("section STALLS\nA X o\nsection BOX prefix B1 at 10 7\nA X o\n\n"
         "C X 2o\nsection -\nD X o\nsection CIRCLE prefix C\nA X o");
    check_seats("A1 A 1 X N 0 0 STALLS;B1-A1 A 1 X N 10 7 BOX;"
                "B1-C1 C 1 X N 10 9 BOX;B1-C2 C 2 X N 11 9 BOX;"
                "D1 D 1 X N 0 1 -;C-A1 A 1 X N 0 2 CIRCLE");

    /* bounds */

    draw("ABCDEFGH X _9999_9999_9999_9999_9999_9999_5540_o");
    assert_int_equal(draft.nmistakes, 0);
    assert_int_equal(draft.seats[0].x, 65535);

    draw("A X 9999o9999o9999o9999o9999o9999o5541o");
    assert_int_equal(draft.nmistakes, 0);
    assert_int_equal(draft.nseats, 65535);
}


static void
test_bad_drawing(void **state)
{
    (void) state;

    draw("");
    mistakes("drawing", "has no seat");

    draw("\n # nothing\n\n");
    mistakes("drawing", "has no seat");

    draw("A X xh");
    mistakes("drawing", "has no seat that can be sold");

    draw("A X\nB X o extra\na X o\nABCDEFGHI X o\nC x o\nD X oz\nE X 0o\n"
         "F X 12\nG X 12345o\nH X ____\nI X oo\n");
    mistakes(
        "line 1", "a row has three fields: label, category, places",
        "line 2", "a row has three fields: label, category, places",
        "line 3", "the label of a row is 1 to 8 of A-Z 0-9",
        "line 4", "the label of a row is 1 to 8 of A-Z 0-9",
        "line 5", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 6", "places are made of o, a, x, h and _, and numbers of 1 to "
                  "9999 before them",
        "line 7", "places are made of o, a, x, h and _, and numbers of 1 to "
                  "9999 before them",
        "line 8", "places are made of o, a, x, h and _, and numbers of 1 to "
                  "9999 before them",
        "line 9", "places are made of o, a, x, h and _, and numbers of 1 to "
                  "9999 before them",
        "line 10", "the row is a gap: it has no seat");
    assert_int_equal(draft.nseats, 3);

    draw("A X:1-2 3o\nB X:1-2,Y:2-3 3o\nC X: o\nD X:1 o\nE X:2-1 o\n"
         "F X:0-1 o\nG X:1-2, o\nH X,Y o\nI :1-2 o\nJ X:1-2-3 o\n");
    mistakes(
        "line 1", "seat 3 has no category",
        "line 2", "seat 2 has two categories",
        "line 3", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 4", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 5", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 6", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 7", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 8", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 9", "the category is neither NAME nor NAME:1-8,OTHER:9-16",
        "line 10", "the category is neither NAME nor NAME:1-8,OTHER:9-16");

    draw("section\nsection a\nsection A prefix\nsection A at 1\n"
         "section A at 1 2 3\nsection A prefix P at 1 x\n"
         "section A prefix p\nsection A at 123456 1\nsection A B\nA X o");
    mistakes(
        "line 1", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 2", "a section is 1 to 32 of A-Z 0-9 _ -",
        "line 3", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 4", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 5", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 6", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 7", "a prefix is 1 to 8 of A-Z 0-9 -",
        "line 8", "this is not \"section NAME [prefix PREFIX] [at X Y]\"",
        "line 9", "this is not \"section NAME [prefix PREFIX] [at X Y]\"");
}


/* What contradicts itself though each line is good. */

static void
test_contradictions(void **state)
{
    (void) state;

    draw("A X 3o\n\nA X 2o\nsection P prefix LONGPRE-\nABCDEFGH X o");
    mistakes(
        "line 3", "label A1 is there already, in line 1",
        "line 3", "label A2 is there already, in line 1",
        "line 5", "the label of seat 1 is longer than 16");

    draw("A X 3o\nsection B prefix B at 1 0\nA X 3o");
    mistakes(
        "line 3", "A2 and B-A1 are on one place, 1 0",
        "line 3", "A3 and B-A2 are on one place, 2 0");

    draw("A X 9999o9999o9999o9999o9999o9999o5541o\nB X o\nC z o");
    mistakes("drawing", "has more than 65535 seats");

    draw("A X 9999_9999_9999_9999_9999_9999_5541_oo");
    mistakes("line 1", "the row is wider than 65536 places");

    draw("section S at 0 65535\nA X o\nB X o");
    mistakes("line 3", "the row is below 65535");
}


static void
test_many_mistakes(void **state)
{
    char    text[4096];
    size_t  i, len;

    (void) state;

    len = 0;

    for (i = 0; i < 60; i++) {
        len += (size_t) sprintf(text + len, "A%zu X z\n", i);
    }

    draw(text);
    assert_int_equal(draft.nmistakes, 61);
    assert_string_equal(draft.mistakes[49].field, "line 50");

    len = 0;

    for (i = 0; i < 33; i++) {
        len += (size_t) sprintf(text + len, "A%zuR C%zu o\n", i, i);
    }

    draw(text);
    mistakes("line 33", "C32 is one category more than 32");
}


static void
test_rows(void **state)
{
    (void) state;

    rows("{\"rows\":[{\"row\":\"A\",\"category\":\"X\",\"seats\":[1,2,"
         "{\"number\":3,\"x\":4,\"kind\":\"ACCESSIBLE\"},4,"
         "{\"number\":9,\"kind\":\"BROKEN\",\"category\":\"Y\","
         "\"label\":\"AISLE-9\"}]},"
         "{\"row\":\"B-1\",\"section\":\"TOP\",\"prefix\":\"T\",\"y\":7,"
         "\"seats\":[{\"number\":65535,\"category\":\"Y\",\"x\":65535,"
         "\"kind\":\"HOUSE\"}]},"
         "{\"row\":\"C\",\"section\":\"-\",\"category\":\"Y\","
         "\"seats\":[1]}]}");
    check_seats("A1 A 1 X N 0 0 -;A2 A 2 X N 1 0 -;A3 A 3 X A 4 0 -;"
                "A4 A 4 X N 5 0 -;AISLE-9 A 9 Y B 6 0 -;"
                "T-B-165535 B-1 65535 Y H 65535 7 TOP;C1 C 1 Y N 0 8 -");

    rows("{\"categories\":[\"X\",\"Y\"],\"rows\":[{\"row\":\"A\","
         "\"category\":\"X\",\"seats\":[1,{\"number\":2,"
         "\"category\":\"Y\"}]}]}");
    check_seats("A1 A 1 X N 0 0 -;A2 A 2 Y N 1 0 -");
}


static void
test_bad_rows(void **state)
{
    (void) state;

    rows("{\"rows\":[]}");
    mistakes("rows", "has no seat");

    rows("{\"rows\":[1,{},{\"row\":\"a\",\"seats\":[]},"
         "{\"row\":\"A\",\"seats\":[1],\"section\":5,\"y\":-1,"
         "\"price\":1}]}");
    mistakes(
        "rows[0]", "is not an object",
        "rows[1].row", "is missing",
        "rows[1].seats", "is not a list of seats",
        "rows[2].row", "is not 1 to 16 of A-Z 0-9 -",
        "rows[2].seats", "the row is a gap: it has no seat",
        "rows[3]", "has a field that is not known",
        "rows[3].section", "is not 1 to 32 of A-Z 0-9 _-",
        "rows[3].y", "is not an integer from 0 to 65535",
        "rows[3].seats[0].category",
        "neither the seat nor its row has a good one",
        "rows", "has no seat");

    rows("{\"rows\":[{\"row\":\"A\",\"category\":\"X\",\"seats\":[0,1.5,\"1\","
         "null,65536,{},{\"number\":1,\"x\":-1},{\"number\":2,"
         "\"kind\":\"BEST\"},{\"number\":3,\"label\":3},{\"number\":4,"
         "\"label\":\"a\"},{\"number\":5,\"category\":\"x\"},{\"number\":6,"
         "\"status\":\"SOLD\"},{\"number\":7,\"x\":65535},8]}]}");
    mistakes(
        "rows[0].seats[0].number", "is not an integer from 1 to 65535",
        "rows[0].seats[1].number", "is not an integer from 1 to 65535",
        "rows[0].seats[2].number", "is not an integer from 1 to 65535",
        "rows[0].seats[3].number", "is not an integer from 1 to 65535",
        "rows[0].seats[4].number", "is not an integer from 1 to 65535",
        "rows[0].seats[5].number", "is missing",
        "rows[0].seats[6].x", "is not an integer from 0 to 65535",
        "rows[0].seats[7].kind",
        "is none of NORMAL, ACCESSIBLE, BROKEN, HOUSE",
        "rows[0].seats[8].label", "is not a text",
        "rows[0].seats[9].label", "a label is 1 to 16 of A-Z 0-9 -",
        "rows[0].seats[10].category", "a category is 1 to 32 of A-Z 0-9 _ -",
        "rows[0].seats[11]", "has a field that is not known",
        "rows[0].seats[13].x", "the seat is beyond 65535");

    rows("{\"rows\":[{\"row\":\"A\",\"category\":\"X\",\"seats\":[1,1,"
         "{\"number\":2,\"x\":0}]}]}");
    mistakes(
        "rows[0].seats[1]", "label A1 is there already, in rows[0].seats[0]",
        "rows[0].seats[2]", "A1 and A2 are on one place, 0 0");

    rows("{\"categories\":[\"X\",\"X\",\"y\",\"Z\"],\"rows\":[{\"row\":\"A\","
         "\"category\":\"W\",\"seats\":[{\"number\":1,\"category\":\"X\"}]}]}");
    mistakes(
        "categories", "has X twice",
        "categories", "has what is no name of 1 to 32 of A-Z 0-9 _ -",
        "rows[0].category", "W is not one of the categories",
        "categories", "has Z, and no seat is of it");
}


static int
setup(void **state)
{
    (void) state;

    memory = malloc(BO_DRAFT_MEMORY);

    return memory ? 0 : -1;
}


static int
teardown(void **state)
{
    (void) state;

    free(memory);
    free(drawing);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawing),
        cmocka_unit_test(test_bad_drawing),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_many_mistakes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_rows)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("draft", tests, setup, teardown);
}
