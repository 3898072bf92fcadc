
/*
 * Drawings of halls.
 */


#include "bo_draft.h"

#include <string.h>


#define BO_DRAW_FIELDS  8           /* "section N prefix P at X Y", and more */
#define BO_DRAW_ROW     8           /* bytes of the label of a row */
#define BO_DRAW_RANGES  64          /* of seat numbers in a row */


typedef struct {
    const char              *s;
    size_t                   len;
} bo_draw_text_t;


typedef struct {
    int                      category;
    uint32_t                 low;
    uint32_t                 high;
} bo_draw_range_t;


typedef struct {
    bo_draft_t              *d;
    uint32_t                 line;
    uint32_t                 flow;      /* y of the next row that is below */
    uint32_t                 y;         /* the same in a section "at" */
    uint32_t                 x0;
    unsigned                 at:1;
    unsigned                 begun:1;   /* there was a row */
    bo_draw_text_t           section;
    bo_draw_text_t           prefix;

    bo_draft_seat_t          seat;      /* of the row, as far as it is known */
    bo_draw_range_t          ranges[BO_DRAW_RANGES];
    uint32_t                 nranges;
} bo_draw_t;


static void bo_draw_line(bo_draw_t *w, const char *s, size_t len);
static uint32_t bo_draw_fields(bo_draw_text_t *fields, const char *s,
    size_t len);
static uint32_t bo_draw_next_y(bo_draw_t *w);
static void bo_draw_section(bo_draw_t *w, const bo_draw_text_t *f, uint32_t n);
static int bo_draw_at(bo_draw_t *w, const bo_draw_text_t *f);
static void bo_draw_row(bo_draw_t *w, const bo_draw_text_t *f);
static int bo_draw_ranges(bo_draw_t *w, const bo_draw_text_t *spec);
static int bo_draw_range(bo_draw_t *w, const char *s, size_t len, int only);
static void bo_draw_places(bo_draw_t *w, const bo_draw_text_t *places);
static uint32_t bo_draw_run(bo_draw_t *w, char cell, uint32_t n, uint32_t x);
static int bo_draw_pick(bo_draw_t *w, uint32_t number);
static uint32_t bo_draw_number(const char **s, const char *last,
    uint32_t digits);
static int bo_draw_is(const bo_draw_text_t *f, const char *word);


void
bo_draft_text(bo_draft_t *d, const char *text, size_t len)
{
    const char  *p, *end, *last;
    bo_draw_t    w;

    memset(&w, 0, sizeof(bo_draw_t));

    w.d = d;
    d->drawn = 1;

    last = text + len;

    /* what stands behind one seat too many is not looked at */

    for (p = text; p < last && !d->full; p = end + 1) {
        end = memchr(p, '\n', (size_t) (last - p));
        end = end ? end : last;

        w.line++;
        bo_draw_line(&w, p, (size_t) (end - p));
    }
}


static void
bo_draw_line(bo_draw_t *w, const char *s, size_t len)
{
    uint32_t         n;
    const char      *comment;
    bo_draw_text_t   f[BO_DRAW_FIELDS];

    comment = memchr(s, '#', len);
    n = bo_draw_fields(f, s, comment ? (size_t) (comment - s) : len);

    if (n == 0) {

        /* an aisle is between rows */

        if (comment == NULL && w->begun) {
            (void) bo_draw_next_y(w);
        }

        return;
    }

    if (bo_draw_is(&f[0], "section")) {
        bo_draw_section(w, f, n);
        return;
    }

    w->begun = 1;
    w->seat.line = w->line;
    w->seat.place = BO_DRAFT_NO_SEAT;

    if (n != 3) {
        (void) bo_draw_next_y(w);
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "a row has three fields: label, category, places");
        return;
    }

    bo_draw_row(w, f);
}


/* Returns how many there are; those above BO_DRAW_FIELDS are only counted. */

static uint32_t
bo_draw_fields(bo_draw_text_t *fields, const char *s, size_t len)
{
    size_t    i;
    uint32_t  n;

    n = 0;

    for (i = 0; i < len; i++) {

        if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r') {
            continue;
        }

        if (i == 0 || s[i - 1] == ' ' || s[i - 1] == '\t'
            || s[i - 1] == '\r')
        {
            n++;

            if (n <= BO_DRAW_FIELDS) {
                fields[n - 1].s = s + i;
                fields[n - 1].len = 0;
            }
        }

        if (n <= BO_DRAW_FIELDS) {
            fields[n - 1].len++;
        }
    }

    return n;
}


static uint32_t
bo_draw_next_y(bo_draw_t *w)
{
    return w->at ? w->y++ : w->flow++;
}


static void
bo_draw_section(bo_draw_t *w, const bo_draw_text_t *f, uint32_t n)
{
    uint32_t  i;

    memset(&w->section, 0, sizeof(bo_draw_text_t));
    memset(&w->prefix, 0, sizeof(bo_draw_text_t));
    w->at = 0;
    w->x0 = 0;

    i = 2;

    if (n >= 2 && n <= BO_DRAW_FIELDS) {

        if (n >= 4 && bo_draw_is(&f[2], "prefix")) {
            w->prefix = f[3];
            i = 4;
        }

        if (n == i + 3 && bo_draw_is(&f[i], "at")
            && bo_draw_at(w, &f[i + 1]) == 0)
        {
            i += 3;
        }
    }

    if (n != i) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "this is not \"section NAME [prefix PREFIX] "
                         "[at X Y]\"");
        return;
    }

    if (!bo_draft_word(f[1].s, f[1].len, BO_DRAFT_NAME_MAX, "_-")) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "a section is 1 to 32 of A-Z 0-9 _ -");

    } else if (!bo_draw_is(&f[1], "-")) {
        w->section = f[1];
    }

    if (w->prefix.len
        && !bo_draft_word(w->prefix.s, w->prefix.len, BO_DRAW_ROW, "-"))
    {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "a prefix is 1 to 8 of A-Z 0-9 -");
        w->prefix.len = 0;
    }
}


static int
bo_draw_at(bo_draw_t *w, const bo_draw_text_t *f)
{
    uint32_t     i, at[2];
    const char  *s;

    for (i = 0; i < 2; i++) {
        s = f[i].s;
        at[i] = bo_draw_number(&s, s + f[i].len, 5);

        if (f[i].len == 0 || s != f[i].s + f[i].len) {
            return -1;
        }
    }

    w->x0 = at[0];
    w->y = at[1];
    w->at = 1;

    return 0;
}


static void
bo_draw_row(bo_draw_t *w, const bo_draw_text_t *f)
{
    uint32_t  y;

    y = bo_draw_next_y(w);

    if (!bo_draft_word(f[0].s, f[0].len, BO_DRAW_ROW, "")) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "the label of a row is 1 to 8 of A-Z 0-9");
        return;
    }

    if (y > UINT16_MAX) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "the row is below 65535");
        return;
    }

    w->seat.row = f[0].s;
    w->seat.row_len = (uint8_t) f[0].len;
    w->seat.section = w->section.s;
    w->seat.section_len = (uint8_t) w->section.len;
    w->seat.y = (uint16_t) y;

    if (bo_draw_ranges(w, &f[1]) == 0) {
        bo_draw_places(w, &f[2]);
    }
}


/* "SILVER", or "SILVER:1-8,GOLD:9-16" */

static int
bo_draw_ranges(bo_draw_t *w, const bo_draw_text_t *spec)
{
    int          only;
    const char  *p, *end, *last;

    w->nranges = 0;
    last = spec->s + spec->len;
    only = memchr(spec->s, ':', spec->len) == NULL;

    for (p = spec->s; p <= last; p = end + 1) {
        end = memchr(p, ',', (size_t) (last - p));
        end = end ? end : last;

        if (w->nranges == BO_DRAW_RANGES
            || (only && end != last)
            || bo_draw_range(w, p, (size_t) (end - p), only) != 0)
        {
            bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                             "the category is neither NAME nor "
                             "NAME:1-8,OTHER:9-16");
            return -1;
        }

        /* one that is not known is told, and the places are looked at */

        if (w->ranges[w->nranges - 1].category < 0) {
            w->ranges[w->nranges - 1].category = 0;
        }
    }

    return 0;
}


static int
bo_draw_range(bo_draw_t *w, const char *s, size_t len, int only)
{
    const char       *p, *last;
    bo_draw_range_t  *r;

    r = &w->ranges[w->nranges];
    last = s + len;
    p = only ? last : memchr(s, ':', len);

    if (p == NULL
        || !bo_draft_word(s, (size_t) (p - s), BO_DRAFT_NAME_MAX, "_-"))
    {
        return -1;
    }

    r->low = 1;
    r->high = UINT16_MAX;

    if (!only) {
        len = (size_t) (p - s);
        p++;
        r->low = bo_draw_number(&p, last, 5);

        if (p == last || *p++ != '-' || p == last) {
            return -1;
        }

        r->high = bo_draw_number(&p, last, 5);

        if (p != last || r->low == 0 || r->high < r->low) {
            return -1;
        }
    }

    r->category = bo_draft_category(w->d, w->line, BO_DRAFT_NO_SEAT, s, len);
    w->nranges++;

    return 0;
}


static void
bo_draw_places(bo_draw_t *w, const bo_draw_text_t *places)
{
    uint32_t     n, x;
    const char  *p, *last, *digits;

    x = w->x0;
    w->seat.number = 0;
    last = places->s + places->len;

    for (p = places->s; p < last; p++) {
        digits = p;
        n = bo_draw_number(&p, last, 4);

        if (p == last || strchr("oaxh_", *p) == NULL || *p == '\0'
            || (p != digits && *digits == '0'))
        {
            bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                             "places are made of o, a, x, h and _, and "
                             "numbers of 1 to 9999 before them");
            return;
        }

        x = bo_draw_run(w, *p, p == digits ? 1 : n, x);

        if (x > UINT16_MAX + 1) {
            return;
        }
    }

    if (w->seat.number == 0) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "the row is a gap: it has no seat");
    }
}


/* Returns the place behind them, or more than there are after a mistake. */

static uint32_t
bo_draw_run(bo_draw_t *w, char cell, uint32_t n, uint32_t x)
{
    if (x + n > UINT16_MAX + 1) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "the row is wider than 65536 places");
        return UINT32_MAX;
    }

    if (cell == '_') {
        return x + n;
    }

    w->seat.kind = cell == 'o' ? BO_KIND_NORMAL
                   : cell == 'a' ? BO_KIND_ACCESSIBLE
                   : cell == 'x' ? BO_KIND_BROKEN : BO_KIND_HOUSE;

    for ( /* void */ ; n; n--) {
        w->seat.x = (uint16_t) x++;

        if (w->seat.number == UINT16_MAX) {
            bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                             "the row has more than 65535 seats");
            return UINT32_MAX;
        }

        w->seat.number++;

        if (bo_draw_pick(w, w->seat.number) == 0
            && bo_draft_add(w->d, &w->seat, w->prefix.s, w->prefix.len, NULL,
                            0)
               != 0)
        {
            return UINT32_MAX;
        }
    }

    return x;
}


/* The category of a seat, by its number. */

static int
bo_draw_pick(bo_draw_t *w, uint32_t number)
{
    uint32_t  i, found;

    found = 0;

    for (i = 0; i < w->nranges; i++) {
        if (number >= w->ranges[i].low && number <= w->ranges[i].high) {
            w->seat.category = (uint8_t) w->ranges[i].category;
            found++;
        }
    }

    if (found != 1) {
        bo_draft_mistake(w->d, w->line, BO_DRAFT_NO_SEAT, NULL,
                         "seat %u has %s", (unsigned) number,
                         found ? "two categories" : "no category");
        return -1;
    }

    return 0;
}


/* Up to so many digits; 0 when there is none. */

static uint32_t
bo_draw_number(const char **s, const char *last, uint32_t digits)
{
    uint32_t     n;
    const char  *p;

    n = 0;

    for (p = *s; p < last && digits && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint32_t) (*p - '0');
        digits--;
    }

    *s = p;

    return n;
}


static int
bo_draw_is(const bo_draw_text_t *f, const char *word)
{
    return f->len == strlen(word) && memcmp(f->s, word, f->len) == 0;
}
