
/*
 * Seats of a draft, and what is wrong with them together.
 */


#include "bo_draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


static uint32_t bo_draft_known(bo_draft_t *d, uint32_t *slots, uint32_t hash,
    int (*same)(const bo_draft_seat_t *a, const bo_draft_seat_t *b));
static int bo_draft_same_label(const bo_draft_seat_t *a,
    const bo_draft_seat_t *b);
static int bo_draft_same_place(const bo_draft_seat_t *a,
    const bo_draft_seat_t *b);
static uint32_t bo_draft_hash(uint32_t hash, const char *s, size_t len);
static int bo_draft_label(bo_draft_seat_t *seat, const char *prefix,
    size_t prefix_len);
static void bo_draft_compare(bo_draft_t *d, const bo_draft_seat_t *seat);
static void bo_draft_name(const bo_draft_t *d, uint32_t line, uint32_t place,
    const char *field, char *out, size_t size);
static char *bo_draft_put(char *out, const char *s, size_t len);
static char *bo_draft_put_number(char *out, unsigned n);


void
bo_draft_init(bo_draft_t *d, void *memory)
{
    memset(d, 0, sizeof(bo_draft_t));

    d->seats = memory;
    d->labels = (uint32_t *) (void *) (d->seats + BO_LAYOUT_MAX_SEATS);
    d->places = d->labels + BO_DRAFT_SLOTS;

    memset(d->labels, 0, 2 * BO_DRAFT_SLOTS * sizeof(uint32_t));
}


int
bo_draft_word(const char *s, size_t len, size_t max, const char *more)
{
    size_t  i;

    if (len == 0 || len > max) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9')
              || (s[i] != '\0' && strchr(more, s[i]))))
        {
            return 0;
        }
    }

    return 1;
}


void
bo_draft_mistake(bo_draft_t *d, uint32_t line, uint32_t place,
    const char *field, const char *problem, ...)
{
    va_list              args;
    bo_draft_mistake_t  *m;

    if (d->nmistakes++ >= BO_DRAFT_MISTAKES) {
        return;
    }

    m = &d->mistakes[d->nmistakes - 1];

    bo_draft_name(d, line, place, field, m->field, sizeof(m->field));

    va_start(args, problem);
    (void) vsnprintf(m->problem, sizeof(m->problem), problem, args);
    va_end(args);
}


/* Where something stands, in the words of who wrote it. */

static void
bo_draft_name(const bo_draft_t *d, uint32_t line, uint32_t place,
    const char *field, char *out, size_t size)
{
    if (d->drawn) {
        (void) snprintf(out, size, "line %u", (unsigned) line);

    } else if (place == BO_DRAFT_NO_SEAT) {
        (void) snprintf(out, size, "rows[%u]%s%s", (unsigned) line,
                        field ? "." : "", field ? field : "");

    } else {
        (void) snprintf(out, size, "rows[%u].seats[%u]%s%s", (unsigned) line,
                        (unsigned) place, field ? "." : "",
                        field ? field : "");
    }
}


/* A mistake of the whole is said of no place. */

static void
bo_draft_whole(bo_draft_t *d, const char *field, const char *problem,
    const char *name, size_t len)
{
    bo_draft_mistake_t  *m;

    if (d->nmistakes++ >= BO_DRAFT_MISTAKES) {
        return;
    }

    m = &d->mistakes[d->nmistakes - 1];

    (void) snprintf(m->field, sizeof(m->field), "%s", field);
    (void) snprintf(m->problem, sizeof(m->problem), problem, (int) len, name);
}


void
bo_draft_declare(bo_draft_t *d, const bo_doc_t *doc,
    const bo_doc_node_t *list)
{
    uint32_t              i;
    bo_draft_category_t  *c;
    const bo_doc_node_t  *node;

    if (list->type != BO_DOC_ARRAY) {
        bo_draft_whole(d, "categories", "is not a list of names%.*s", "", 0);
        return;
    }

    for (node = bo_doc_first(doc, list); node; node = bo_doc_next(doc, node)) {

        if (node->type != BO_DOC_STRING
            || !bo_draft_word(node->data, node->len, BO_DRAFT_NAME_MAX, "_-"))
        {
            bo_draft_whole(d, "categories", "has what is no name of 1 to 32 "
                           "of A-Z 0-9 _ -%.*s", "", 0);
            continue;
        }

        for (i = 0; i < d->ncategories; i++) {
            c = &d->categories[i];

            if (c->len == node->len
                && memcmp(c->name, node->data, node->len) == 0)
            {
                bo_draft_whole(d, "categories", "has %.*s twice", node->data,
                               node->len);
                break;
            }
        }

        if (i < d->ncategories) {
            continue;
        }

        if (i == BO_LAYOUT_MAX_CATEGORIES) {
            bo_draft_whole(d, "categories", "are more than 32%.*s", "", 0);
            break;
        }

        d->categories[d->ncategories].name = node->data;
        d->categories[d->ncategories].len = (uint8_t) node->len;
        d->ncategories++;
    }

    d->declared = 1;
}


int
bo_draft_category(bo_draft_t *d, uint32_t line, uint32_t place,
    const char *name, size_t len)
{
    uint32_t              i;
    bo_draft_category_t  *c;

    if (!bo_draft_word(name, len, BO_DRAFT_NAME_MAX, "_-")) {
        bo_draft_mistake(d, line, place, "category",
                         "a category is 1 to 32 of A-Z 0-9 _ -");
        return -1;
    }

    for (i = 0; i < d->ncategories; i++) {
        c = &d->categories[i];

        if (c->len == len && memcmp(c->name, name, len) == 0) {
            c->used = 1;
            return (int) i;
        }
    }

    if (d->declared) {
        bo_draft_mistake(d, line, place, "category",
                         "%.*s is not one of the categories", (int) len, name);
        return -1;
    }

    if (i == BO_LAYOUT_MAX_CATEGORIES) {
        bo_draft_mistake(d, line, place, "category",
                         "%.*s is one category more than 32", (int) len,
                         name);
        return -1;
    }

    c = &d->categories[d->ncategories++];
    c->name = name;
    c->len = (uint8_t) len;
    c->used = 1;

    return (int) i;
}


int
bo_draft_add(bo_draft_t *d, const bo_draft_seat_t *model, const char *prefix,
    size_t prefix_len, const char *label, size_t label_len)
{
    bo_draft_seat_t  *seat;

    if (d->nseats == BO_LAYOUT_MAX_SEATS) {
        d->full = 1;
        return -1;
    }

    seat = &d->seats[d->nseats];
    *seat = *model;

    if (label == NULL) {
        if (bo_draft_label(seat, prefix, prefix_len) != 0) {
            bo_draft_mistake(d, seat->line, seat->place, "label",
                             "the label of seat %u is longer than %d",
                             seat->number, BO_LABEL_MAX);
            return 0;
        }

    } else if (!bo_draft_word(label, label_len, BO_LABEL_MAX, "-")) {
        bo_draft_mistake(d, seat->line, seat->place, "label",
                         "a label is 1 to %d of A-Z 0-9 -", BO_LABEL_MAX);
        return 0;

    } else {
        memcpy(seat->label, label, label_len);
        seat->label_len = (uint8_t) label_len;
    }

    d->nseats++;
    bo_draft_compare(d, seat);

    return 0;
}


static int
bo_draft_label(bo_draft_seat_t *seat, const char *prefix, size_t prefix_len)
{
    int  n;

    /* one byte more is for the NUL of a label that just fits */

    char  text[BO_LABEL_MAX + 1];

    n = snprintf(text, sizeof(text), "%.*s%s%.*s%u", (int) prefix_len, prefix,
                 prefix_len ? "-" : "", (int) seat->row_len, seat->row,
                 seat->number);

    if (n < 0 || n > BO_LABEL_MAX) {
        return -1;
    }

    memcpy(seat->label, text, (size_t) n);
    seat->label_len = (uint8_t) n;

    return 0;
}


/* The seat is the last one; both tables get it when they do not have it. */

static void
bo_draft_compare(bo_draft_t *d, const bo_draft_seat_t *seat)
{
    uint32_t          other;
    char              where[48];
    bo_draft_seat_t  *o;

    other = bo_draft_known(d, d->labels,
                           bo_draft_hash(2166136261u, seat->label,
                                         seat->label_len),
                           bo_draft_same_label);

    if (other) {
        o = &d->seats[other - 1];
        bo_draft_name(d, o->line, o->place, NULL, where, sizeof(where));
        bo_draft_mistake(d, seat->line, seat->place, NULL,
                         "label %.*s is there already, in %s",
                         (int) seat->label_len, seat->label, where);
    }

    other = bo_draft_known(d, d->places,
                           ((uint32_t) seat->y * 65537u + seat->x)
                           * 2654435761u,
                           bo_draft_same_place);

    if (other) {
        o = &d->seats[other - 1];
        bo_draft_mistake(d, seat->line, seat->place, NULL,
                         "%.*s and %.*s are on one place, %u %u",
                         (int) o->label_len, o->label, (int) seat->label_len,
                         seat->label, seat->x, seat->y);
    }
}


/* A seat that is like the last one, plus 1; or 0, and the last one is there. */

static uint32_t
bo_draft_known(bo_draft_t *d, uint32_t *slots, uint32_t hash,
    int (*same)(const bo_draft_seat_t *a, const bo_draft_seat_t *b))
{
    uint32_t  i;

    /* the low bits of a product know only the low bits of its factors */

    i = (hash ^ hash >> 15) & (BO_DRAFT_SLOTS - 1);

    while (slots[i]) {

        if (same(&d->seats[slots[i] - 1], &d->seats[d->nseats - 1])) {
            return slots[i];
        }

        i = (i + 1) & (BO_DRAFT_SLOTS - 1);
    }

    slots[i] = d->nseats;

    return 0;
}


static int
bo_draft_same_label(const bo_draft_seat_t *a, const bo_draft_seat_t *b)
{
    return a->label_len == b->label_len
           && memcmp(a->label, b->label, a->label_len) == 0;
}


static int
bo_draft_same_place(const bo_draft_seat_t *a, const bo_draft_seat_t *b)
{
    return a->x == b->x && a->y == b->y;
}


/* FNV-1a */

static uint32_t
bo_draft_hash(uint32_t hash, const char *s, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t) s[i]) * 16777619u;
    }

    return hash;
}


uint32_t
bo_draft_check(bo_draft_t *d)
{
    uint32_t              i, sold;
    const char           *field;
    bo_draft_category_t  *c;

    field = d->drawn ? "drawing" : "rows";
    sold = 0;

    for (i = 0; i < d->nseats; i++) {
        sold += d->seats[i].kind == BO_KIND_NORMAL
                || d->seats[i].kind == BO_KIND_ACCESSIBLE;
    }

    if (d->full) {
        bo_draft_whole(d, field, "has more than 65535 seats%.*s", "", 0);

    } else if (d->nseats == 0) {
        bo_draft_whole(d, field, "has no seat%.*s", "", 0);

    } else if (sold == 0) {
        bo_draft_whole(d, field, "has no seat that can be sold%.*s", "", 0);
    }

    for (i = 0; i < d->ncategories; i++) {
        c = &d->categories[i];

        if (!c->used) {
            bo_draft_whole(d, "categories", "has %.*s, and no seat is of it",
                           c->name, c->len);
        }
    }

    return d->nmistakes;
}


size_t
bo_draft_write(const bo_draft_t *d, uint32_t first, uint32_t n, char *out)
{
    char                       *p;
    uint32_t                    i;
    const bo_draft_seat_t      *s;
    const bo_draft_category_t  *c;

    p = out;

    for (i = first; i < first + n; i++) {
        s = &d->seats[i];
        c = &d->categories[s->category];

        if (i > first) {
            *p++ = ';';
        }

        p = bo_draft_put(p, s->label, s->label_len);
        p = bo_draft_put(p, s->row, s->row_len);
        p = bo_draft_put_number(p, s->number);
        p = bo_draft_put(p, c->name, c->len);
        *p++ = (char) s->kind;
        *p++ = ' ';
        p = bo_draft_put_number(p, s->x);
        p = bo_draft_put_number(p, s->y);
        p = bo_draft_put(p, s->section_len ? s->section : "-",
                         s->section_len ? s->section_len : 1) - 1;
    }

    return (size_t) (p - out);
}


/* A blank follows. */

static char *
bo_draft_put(char *out, const char *s, size_t len)
{
    memcpy(out, s, len);
    out[len] = ' ';

    return out + len + 1;
}


static char *
bo_draft_put_number(char *out, unsigned n)
{
    char  text[8];
    int   len;

    len = snprintf(text, sizeof(text), "%u", n);

    return bo_draft_put(out, text, (size_t) len);
}
