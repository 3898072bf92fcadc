
/*
 * Fuzz target: a hall that somebody hands in.  The first byte says how: 'd' is
 * a drawing, else it is JSON with "rows" and "categories".
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_draft.h"


#define NODES  8192


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* What is taken keeps to the bounds that SQL checks, and is written so. */

static void
check(const bo_draft_t *d)
{
    char                   *out;
    size_t                  len, i, blanks;
    uint32_t                n;
    const bo_draft_seat_t  *s;

    if (d->nseats == 0 || d->ncategories > BO_LAYOUT_MAX_CATEGORIES) {
        abort();
    }

    for (n = 0; n < d->nseats; n++) {
        s = &d->seats[n];

        if (s->number == 0 || s->category >= d->ncategories
            || !bo_draft_word(s->label, s->label_len, BO_LABEL_MAX, "-")
            || !bo_draft_word(s->row, s->row_len, BO_DRAFT_ROW_MAX, "-")
            || (s->section_len
                && !bo_draft_word(s->section, s->section_len,
                                  BO_DRAFT_NAME_MAX, "_-")))
        {
            abort();
        }
    }

    out = malloc(BO_DRAFT_LEN(d->nseats));
    if (out == NULL) {
        abort();
    }

    len = bo_draft_write(d, 0, d->nseats, out);
    blanks = 0;

    for (i = 0; i < len; i++) {
        blanks += out[i] == ' ';
    }

    if (len > BO_DRAFT_LEN(d->nseats) || blanks != 7 * (size_t) d->nseats) {
        abort();
    }

    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *text;
    bo_doc_t              doc;
    const bo_doc_node_t  *node;

    static void           *memory;
    static bo_draft_t      d;
    static bo_doc_node_t   nodes[NODES];

    if (size == 0) {
        return 0;
    }

    if (memory == NULL) {
        memory = malloc(BO_DRAFT_MEMORY);
    }

    size--;
    text = malloc(size + 1);

    if (memory == NULL || text == NULL) {
        abort();
    }

    memcpy(text, data + 1, size);
    bo_draft_init(&d, memory);

    if (data[0] == 'd') {
        bo_draft_text(&d, text, size);

    } else {
        memset(&doc, 0, sizeof(bo_doc_t));
        doc.nodes = nodes;
        doc.max = NODES;

        if (bo_doc_read(&doc, text, size) != 0) {
            free(text);
            return 0;
        }

        node = bo_doc_get(&doc, nodes, "categories");
        if (node) {
            bo_draft_declare(&d, &doc, node);
        }

        node = bo_doc_get(&doc, nodes, "rows");
        if (node && node->type == BO_DOC_ARRAY) {
            bo_draft_rows(&d, &doc, node);
        }
    }

    if (bo_draft_check(&d) == 0) {
        check(&d);
    }

    free(text);

    return 0;
}
