
/*
 * Rows of seats as JSON.
 */


#include "bo_draft.h"

#include <string.h>


typedef struct {
    bo_draft_t              *d;
    const bo_doc_t          *doc;
    uint32_t                 y;         /* of the next row */
    uint32_t                 x;         /* of the next seat */
    int                      category;  /* of the row, or -1 */
    const char              *prefix;
    size_t                   prefix_len;
    bo_draft_seat_t          seat;
} bo_rows_read_t;


static void bo_rows_row(bo_rows_read_t *w, const bo_doc_node_t *row);
static int bo_rows_text(bo_rows_read_t *w, const bo_doc_node_t *row,
    const char *name, size_t max, const char *more, const char **text,
    size_t *len);
static void bo_rows_seat(bo_rows_read_t *w, const bo_doc_node_t *node);
static int bo_rows_category(bo_rows_read_t *w, const bo_doc_node_t *node);
static int bo_rows_kind(bo_rows_read_t *w, const bo_doc_node_t *node);
static int bo_rows_number(bo_rows_read_t *w, const bo_doc_node_t *node,
    const char *name, int64_t low, uint32_t *value);
static void bo_rows_known(bo_rows_read_t *w, const bo_doc_node_t *object,
    const char *const *names);


void
bo_draft_rows(bo_draft_t *d, const bo_doc_t *doc, const bo_doc_node_t *rows)
{
    bo_rows_read_t        w;
    const bo_doc_node_t  *row;

    memset(&w, 0, sizeof(bo_rows_read_t));

    w.d = d;
    w.doc = doc;

    for (row = bo_doc_first(doc, rows);
         row && !d->full;
         row = bo_doc_next(doc, row))
    {
        bo_rows_row(&w, row);
        w.seat.line++;
        w.y++;
    }
}


static void
bo_rows_row(bo_rows_read_t *w, const bo_doc_node_t *row)
{
    size_t                len;
    const char           *text;
    const bo_doc_node_t  *seats, *seat;

    static const char  *const names[] = { "row", "section", "prefix", "y",
                                          "category", "seats", NULL };

    w->seat.place = BO_DRAFT_NO_SEAT;

    if (row->type != BO_DOC_OBJECT) {
        bo_draft_mistake(w->d, w->seat.line, BO_DRAFT_NO_SEAT, NULL,
                         "is not an object");
        return;
    }

    bo_rows_known(w, row, names);

    if (bo_rows_text(w, row, "row", BO_DRAFT_ROW_MAX, "-", &text, &len) == 0) {
        bo_draft_mistake(w->d, w->seat.line, BO_DRAFT_NO_SEAT, "row",
                         "is missing");
    }

    w->seat.row = text;
    w->seat.row_len = (uint8_t) len;

    (void) bo_rows_text(w, row, "section", BO_DRAFT_NAME_MAX, "_-", &text,
                        &len);
    w->seat.section = text;
    w->seat.section_len = (uint8_t) (len == 1 && *text == '-' ? 0 : len);

    (void) bo_rows_text(w, row, "prefix", BO_LABEL_MAX, "-", &w->prefix,
                        &w->prefix_len);

    (void) bo_rows_number(w, bo_doc_get(w->doc, row, "y"), "y", 0, &w->y);

    w->category = bo_rows_category(w, bo_doc_get(w->doc, row, "category"));

    seats = bo_doc_get(w->doc, row, "seats");

    if (seats == NULL || seats->type != BO_DOC_ARRAY || seats->first == 0) {
        bo_draft_mistake(w->d, w->seat.line, BO_DRAFT_NO_SEAT, "seats",
                         seats && seats->type == BO_DOC_ARRAY
                         ? "the row is a gap: it has no seat"
                         : "is not a list of seats");
        return;
    }

    if (w->y > UINT16_MAX) {
        bo_draft_mistake(w->d, w->seat.line, BO_DRAFT_NO_SEAT, "y",
                         "the row is below 65535");
        return;
    }

    w->seat.y = (uint16_t) w->y;
    w->seat.place = 0;
    w->x = 0;

    for (seat = bo_doc_first(w->doc, seats);
         seat && !w->d->full;
         seat = bo_doc_next(w->doc, seat))
    {
        bo_rows_seat(w, seat);
        w->seat.place++;
        w->x++;
    }
}


/* 1: there, whether good or not; then, as when it is absent, len may be 0. */

static int
bo_rows_text(bo_rows_read_t *w, const bo_doc_node_t *row, const char *name,
    size_t max, const char *more, const char **text, size_t *len)
{
    const bo_doc_node_t  *node;

    *text = "";
    *len = 0;

    node = bo_doc_member(w->doc, row, name, strlen(name));

    if (node == NULL) {
        return 0;
    }

    if (node->type != BO_DOC_STRING
        || !bo_draft_word(node->data, node->len, max, more))
    {
        bo_draft_mistake(w->d, w->seat.line, BO_DRAFT_NO_SEAT, name,
                         "is not 1 to %u of A-Z 0-9 %s", (unsigned) max,
                         more);
        return 1;
    }

    *text = node->data;
    *len = node->len;

    return 1;
}


static void
bo_rows_seat(bo_rows_read_t *w, const bo_doc_node_t *node)
{
    int                   bad;
    uint32_t              number;
    const bo_doc_node_t  *label, *at, *category;

    static const char  *const names[] = { "number", "x", "kind", "category",
                                          "label", NULL };

    at = node;
    label = NULL;
    category = NULL;
    w->seat.kind = BO_KIND_NORMAL;
    bad = 0;

    if (node->type == BO_DOC_OBJECT) {
        bo_rows_known(w, node, names);

        at = bo_doc_get(w->doc, node, "number");
        label = bo_doc_get(w->doc, node, "label");
        category = bo_doc_get(w->doc, node, "category");

        bad |= bo_rows_number(w, bo_doc_get(w->doc, node, "x"), "x", 0,
                              &w->x);
        bad |= bo_rows_kind(w, bo_doc_get(w->doc, node, "kind"));
    }

    if (at == NULL) {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "number",
                         "is missing");
        return;
    }

    bad |= bo_rows_number(w, at, "number", 1, &number);
    w->seat.category = (uint8_t) w->category;

    if (category) {
        w->seat.category = (uint8_t) bo_rows_category(w, category);

    } else if (w->category < 0) {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "category",
                         "neither the seat nor its row has a good one");
        return;
    }

    if (label && label->type != BO_DOC_STRING) {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "label",
                         "is not a text");
        return;
    }

    if (w->x > UINT16_MAX) {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "x",
                         "the seat is beyond 65535");
        return;
    }

    if (bad) {
        return;
    }

    w->seat.number = (uint16_t) number;
    w->seat.x = (uint16_t) w->x;

    (void) bo_draft_add(w->d, &w->seat, w->prefix, w->prefix_len,
                        label ? label->data : NULL, label ? label->len : 0);
}


/* -1: there is none, or it is not good, which is told. */

static int
bo_rows_category(bo_rows_read_t *w, const bo_doc_node_t *node)
{
    if (node == NULL) {
        return -1;
    }

    if (node->type != BO_DOC_STRING) {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "category",
                         "is not a text");
        return -1;
    }

    return bo_draft_category(w->d, w->seat.line, w->seat.place, node->data,
                             node->len);
}


static int
bo_rows_kind(bo_rows_read_t *w, const bo_doc_node_t *node)
{
    if (node == NULL) {
        return 0;
    }

    if (bo_doc_is(node, "NORMAL", 6)) {
        w->seat.kind = BO_KIND_NORMAL;

    } else if (bo_doc_is(node, "ACCESSIBLE", 10)) {
        w->seat.kind = BO_KIND_ACCESSIBLE;

    } else if (bo_doc_is(node, "BROKEN", 6)) {
        w->seat.kind = BO_KIND_BROKEN;

    } else if (bo_doc_is(node, "HOUSE", 5)) {
        w->seat.kind = BO_KIND_HOUSE;

    } else {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, "kind",
                         "is none of NORMAL, ACCESSIBLE, BROKEN, HOUSE");
        return 1;
    }

    return 0;
}


/* 1 after a mistake; 0 also when it is not there, and value stays. */

static int
bo_rows_number(bo_rows_read_t *w, const bo_doc_node_t *node, const char *name,
    int64_t low, uint32_t *value)
{
    if (node == NULL) {
        return 0;
    }

    if (node->type != BO_DOC_INTEGER || node->integer < low
        || node->integer > UINT16_MAX)
    {
        bo_draft_mistake(w->d, w->seat.line, w->seat.place, name,
                         "is not an integer from %d to 65535", (int) low);
        return 1;
    }

    *value = (uint32_t) node->integer;

    return 0;
}


static void
bo_rows_known(bo_rows_read_t *w, const bo_doc_node_t *object,
    const char *const *names)
{
    const char *const    *name;
    const bo_doc_node_t  *node;

    for (node = bo_doc_first(w->doc, object);
         node;
         node = bo_doc_next(w->doc, node))
    {
        for (name = names; *name; name++) {
            if (node->name_len == strlen(*name)
                && memcmp(node->name, *name, node->name_len) == 0)
            {
                break;
            }
        }

        /* its own bytes are not repeated */

        if (*name == NULL) {
            bo_draft_mistake(w->d, w->seat.line, w->seat.place, NULL,
                             "has a field that is not known");
        }
    }
}
