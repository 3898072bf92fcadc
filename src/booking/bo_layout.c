
#include <string.h>

#include "bo_layout.h"
#include "bo_rows.h"


/* No seat has this number: a layout has BO_LAYOUT_MAX_SEATS at most. */

#define BO_LAYOUT_NO_SEAT   0xffff


typedef struct {
    const char     *p;
    const char     *end;
} bo_layout_text_t;


typedef struct {
    uint32_t        nseats;
    uint32_t        nslots;
    uint32_t        ncategories;
    size_t          chars;
    bo_category_t   categories[BO_LAYOUT_MAX_CATEGORIES];
} bo_layout_plan_t;


static const char *bo_layout_plan_categories(bo_layout_plan_t *plan,
    const char *text, size_t len);
static const char *bo_layout_category(bo_category_t *category,
    bo_layout_text_t *in);
static const char *bo_layout_plan_seats(bo_layout_plan_t *plan,
    const char *text, size_t len);
static const char *bo_layout_line(bo_seat_t *seat, bo_layout_text_t *in,
    uint32_t ncategories);
static int bo_layout_label(bo_layout_text_t *in, const char **label,
    uint8_t *label_len);
static int bo_layout_text(bo_layout_text_t *in, char stop, const char **text,
    uint8_t *text_len);
static int bo_layout_u16(bo_layout_text_t *in, uint16_t *value);
static int bo_layout_kind(bo_layout_text_t *in, uint8_t *kind);
static int bo_layout_label_char(char c);
static const char *bo_layout_text_end(const char *p, const char *end);
static size_t bo_layout_field(bo_layout_text_t *in, char stop,
    const char **start);
static int bo_layout_number(const char *s, size_t len, int64_t max,
    int64_t *value);
static size_t bo_layout_utf8(const uint8_t *s, size_t len);
static int bo_layout_same(const char *a, size_t a_len, const char *b,
    size_t b_len);
static int bo_layout_alloc(bo_layout_t *layout, const bo_alloc_t *alloc,
    const bo_layout_plan_t *plan, char **chars);
static char *bo_layout_fill_categories(bo_layout_t *layout,
    const bo_layout_plan_t *plan, char *chars);
static const char *bo_layout_fill_seats(bo_layout_t *layout,
    const char *text, size_t len, char *chars);
static char *bo_layout_copy(const char **copy, char *chars, const char *s,
    size_t len);
static int bo_layout_index(bo_layout_t *layout, uint32_t nslots);
static uint32_t bo_layout_slot(const bo_layout_t *layout, const char *label,
    size_t len);
static uint32_t bo_layout_hash(const char *s, size_t len);


int
bo_layout_parse(bo_layout_t *layout, const bo_alloc_t *alloc,
    const char *categories, size_t categories_len, const char *text, size_t len,
    const char **error)
{
    char              *chars;
    bo_layout_plan_t   plan;

    /*
     * The texts are read twice: first to check them and to add up what is
     * needed, then into a block of just that size.
     */

    *error = bo_layout_plan_categories(&plan, categories, categories_len);
    if (*error) {
        return -1;
    }

    *error = bo_layout_plan_seats(&plan, text, len);
    if (*error) {
        return -1;
    }

    if (bo_layout_alloc(layout, alloc, &plan, &chars) != 0) {
        *error = "no memory for the layout";
        return -1;
    }

    chars = bo_layout_fill_categories(layout, &plan, chars);

    *error = bo_layout_fill_seats(layout, text, len, chars);
    if (*error) {
        return -1;
    }

    if (bo_layout_index(layout, plan.nslots) != 0) {
        *error = "two seats have the same label";
        return -1;
    }

    bo_rows_rank(layout);

    return 0;
}


int32_t
bo_layout_find(const bo_layout_t *layout, const char *label, size_t len)
{
    uint32_t  slot;

    if (len == 0 || len > BO_LABEL_MAX) {
        return -1;
    }

    slot = bo_layout_slot(layout, label, len);

    if (layout->slots[slot] == BO_LAYOUT_NO_SEAT) {
        return -1;
    }

    return layout->slots[slot];
}


int
bo_layout_sellable(const bo_layout_t *layout, uint32_t seat_no)
{
    uint8_t  kind;

    if (seat_no >= layout->nseats) {
        return 0;
    }

    kind = layout->seats[seat_no].kind;

    return kind == BO_KIND_NORMAL || kind == BO_KIND_ACCESSIBLE;
}


static const char *
bo_layout_plan_categories(bo_layout_plan_t *plan, const char *text, size_t len)
{
    uint32_t           i;
    const char        *error;
    bo_category_t     *category, *other;
    bo_layout_text_t   in;

    plan->ncategories = 0;
    plan->chars = 0;

    if (len == 0) {
        return NULL;
    }

    in.p = text;
    in.end = text + len;

    do {

        if (plan->ncategories == BO_LAYOUT_MAX_CATEGORIES) {
            return "too many categories";
        }

        category = &plan->categories[plan->ncategories];

        error = bo_layout_category(category, &in);
        if (error) {
            return error;
        }

        for (i = 0; i < plan->ncategories; i++) {
            other = &plan->categories[i];

            if (bo_layout_same(category->name, category->len, other->name,
                               other->len))
            {
                return "two categories have the same name";
            }
        }

        plan->ncategories++;
        plan->chars += category->len;

        /* after a comma another one must come, so at the end it is refused */

    } while (in.p < in.end || in.p[-1] == ',');

    return NULL;
}


/* Reads "name:price" and the comma after it, if there is one. */

static const char *
bo_layout_category(bo_category_t *category, bo_layout_text_t *in)
{
    size_t       len;
    const char  *name, *price;

    len = bo_layout_field(in, ':', &name);

    if (name == NULL) {
        return "a category has no price";
    }

    if (len == 0 || len > UINT8_MAX || memchr(name, ',', len)
        || bo_layout_text_end(name, name + len) != name + len)
    {
        return "a category has a bad name";
    }

    category->name = name;
    category->len = len;

    len = bo_layout_field(in, ',', &price);

    if (price == NULL) {
        price = in->p;
        len = (size_t) (in->end - in->p);
        in->p = in->end;
    }

    if (bo_layout_number(price, len, BO_LAYOUT_MAX_PRICE, &category->price)
        != 0)
    {
        return "a category has a bad price";
    }

    return NULL;
}


static const char *
bo_layout_plan_seats(bo_layout_plan_t *plan, const char *text, size_t len)
{
    bo_seat_t          seat, last;
    const char        *error;
    bo_layout_text_t   in;

    plan->nseats = 0;

    in.p = text;
    in.end = text + len;

    last.row = "";
    last.row_len = 0;
    last.section = "";
    last.section_len = 0;

    while (in.p < in.end) {

        if (plan->nseats == BO_LAYOUT_MAX_SEATS) {
            return "too many seats";
        }

        error = bo_layout_line(&seat, &in, plan->ncategories);
        if (error) {
            return error;
        }

        plan->chars += seat.label_len;

        /* neighbours share the texts they have in common */

        if (!bo_layout_same(seat.row, seat.row_len, last.row, last.row_len)) {
            plan->chars += seat.row_len;
        }

        if (!bo_layout_same(seat.section, seat.section_len, last.section,
                            last.section_len))
        {
            plan->chars += seat.section_len;
        }

        last = seat;
        plan->nseats++;
    }

    /* at most half of the slots are in use, so that chains stay short */

    plan->nslots = 2;

    while (plan->nslots < plan->nseats * 2) {
        plan->nslots *= 2;
    }

    return NULL;
}


/* Reads a line; the texts of seat point into it. */

static const char *
bo_layout_line(bo_seat_t *seat, bo_layout_text_t *in, uint32_t ncategories)
{
    uint16_t  category;

    if (bo_layout_label(in, &seat->label, &seat->label_len) != 0) {
        return "a seat has a bad label";
    }

    if (bo_layout_text(in, '\t', &seat->row, &seat->row_len) != 0) {
        return "a seat has a bad row";
    }

    if (bo_layout_u16(in, &seat->number) != 0) {
        return "a seat has a bad number";
    }

    if (bo_layout_u16(in, &category) != 0 || category >= ncategories) {
        return "a seat has a bad category";
    }

    seat->category = (uint8_t) category;

    if (bo_layout_kind(in, &seat->kind) != 0) {
        return "a seat has a bad kind";
    }

    if (bo_layout_u16(in, &seat->x) != 0 || bo_layout_u16(in, &seat->y) != 0) {
        return "a seat has a bad place";
    }

    if (bo_layout_text(in, '\n', &seat->section, &seat->section_len) != 0) {
        return "a seat has a bad section";
    }

    return NULL;
}


/*
 * The readers of a field take it and the stop behind it, and return 0, or -1
 * when it is not as it should be or its stop is missing.  No field can have a
 * line feed in it, so none reaches into the next line.
 */

static int
bo_layout_label(bo_layout_text_t *in, const char **label, uint8_t *label_len)
{
    size_t       len;
    const char  *p;

    p = in->p;

    while (p < in->end && bo_layout_label_char(*p)) {
        p++;
    }

    len = (size_t) (p - in->p);

    if (len == 0 || len > BO_LABEL_MAX || p == in->end || *p != '\t') {
        return -1;
    }

    *label = in->p;
    *label_len = (uint8_t) len;

    in->p = p + 1;

    return 0;
}


static int
bo_layout_text(bo_layout_text_t *in, char stop, const char **text,
    uint8_t *text_len)
{
    size_t       len;
    const char  *end;

    end = bo_layout_text_end(in->p, in->end);
    len = (size_t) (end - in->p);

    if (len > UINT8_MAX || end == in->end || *end != stop) {
        return -1;
    }

    *text = in->p;
    *text_len = (uint8_t) len;

    in->p = end + 1;

    return 0;
}


static int
bo_layout_u16(bo_layout_text_t *in, uint16_t *value)
{
    uint32_t     n;
    const char  *p;

    p = in->p;
    n = 0;

    while (p < in->end && *p >= '0' && *p <= '9') {

        n = n * 10 + (uint32_t) (*p++ - '0');

        if (n > UINT16_MAX) {
            return -1;
        }
    }

    if (p == in->p || (*in->p == '0' && p - in->p > 1)
        || p == in->end || *p != '\t')
    {
        return -1;
    }

    *value = (uint16_t) n;

    in->p = p + 1;

    return 0;
}


static int
bo_layout_kind(bo_layout_text_t *in, uint8_t *kind)
{
    if (in->end - in->p < 2 || in->p[1] != '\t') {
        return -1;
    }

    switch (in->p[0]) {

    case BO_KIND_NORMAL:
    case BO_KIND_ACCESSIBLE:
    case BO_KIND_BROKEN:
    case BO_KIND_HOUSE:
        *kind = (uint8_t) in->p[0];
        in->p += 2;
        return 0;

    default:
        return -1;
    }
}


static int
bo_layout_label_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}


/* Returns the first byte that is not of UTF-8 without control characters. */

static const char *
bo_layout_text_end(const char *p, const char *end)
{
    size_t   n;
    uint8_t  c;

    while (p < end) {
        c = (uint8_t) *p;

        if (c < 0x20 || c == 0x7f) {
            break;
        }

        if (c < 0x80) {
            p++;
            continue;
        }

        n = bo_layout_utf8((const uint8_t *) p, (size_t) (end - p));
        if (n == 0) {
            break;
        }

        p += n;
    }

    return p;
}


/*
 * Takes what is before the next stop, and the stop too.  Returns the length
 * of what was before it; *start is NULL and nothing is taken without a stop.
 */

static size_t
bo_layout_field(bo_layout_text_t *in, char stop, const char **start)
{
    const char  *end;

    end = memchr(in->p, stop, (size_t) (in->end - in->p));

    if (end == NULL) {
        *start = NULL;
        return 0;
    }

    *start = in->p;
    in->p = end + 1;

    return (size_t) (end - *start);
}


static int
bo_layout_number(const char *s, size_t len, int64_t max, int64_t *value)
{
    size_t   i;
    int64_t  n;

    if (len == 0 || (s[0] == '0' && len > 1)) {
        return -1;
    }

    n = 0;

    for (i = 0; i < len; i++) {

        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }

        n = n * 10 + (s[i] - '0');

        /* max is far below INT64_MAX / 10, so this comes before an overflow */

        if (n > max) {
            return -1;
        }
    }

    *value = n;

    return 0;
}


/*
 * Returns the bytes of the character at s, which is not ASCII, or 0 when it is
 * not well-formed (RFC 3629, section 4) or a C1 control character.
 */

static size_t
bo_layout_utf8(const uint8_t *s, size_t len)
{
    size_t    i, n;
    uint32_t  c, min;

    if (s[0] >= 0xf0) {
        n = 4;
        c = s[0] & 0x07;
        min = 0x10000;

    } else if (s[0] >= 0xe0) {
        n = 3;
        c = s[0] & 0x0f;
        min = 0x800;

    } else {
        n = 2;
        c = s[0] & 0x1f;
        min = 0xa0;
    }

    if (s[0] < 0xc2 || s[0] > 0xf4 || len < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {

        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (s[i] & 0x3f);
    }

    if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return n;
}


static int
bo_layout_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}


/* Gets the block and divides it: seats, categories, slots, characters. */

static int
bo_layout_alloc(bo_layout_t *layout, const bo_alloc_t *alloc,
    const bo_layout_plan_t *plan, char **chars)
{
    char    *p;
    size_t   seats, categories, slots;

    seats = plan->nseats * sizeof(bo_seat_t);
    categories = plan->ncategories * sizeof(bo_category_t);
    slots = plan->nslots * sizeof(uint16_t);

    layout->size = seats + categories + slots + plan->chars;
    layout->memory = alloc->alloc(alloc->data, layout->size);

    if (layout->memory == NULL) {
        return -1;
    }

    /* the alignment of each part is a multiple of the next one's */

    p = layout->memory;

    layout->nseats = plan->nseats;
    layout->seats = (bo_seat_t *) (void *) p;
    p += seats;

    layout->ncategories = plan->ncategories;
    layout->categories = (bo_category_t *) (void *) p;
    p += categories;

    layout->mask = plan->nslots - 1;
    layout->slots = (uint16_t *) (void *) p;
    p += slots;

    *chars = p;

    return 0;
}


static char *
bo_layout_fill_categories(bo_layout_t *layout, const bo_layout_plan_t *plan,
    char *chars)
{
    uint32_t        i;
    bo_category_t  *category;

    for (i = 0; i < plan->ncategories; i++) {
        category = &layout->categories[i];

        *category = plan->categories[i];
        chars = bo_layout_copy(&category->name, chars, category->name,
                               category->len);
    }

    return chars;
}


/* Returns NULL: the same lines were found good when the block was planned. */

static const char *
bo_layout_fill_seats(bo_layout_t *layout, const char *text, size_t len,
    char *chars)
{
    uint32_t           i;
    const char        *error;
    bo_seat_t         *seat, *last;
    bo_layout_text_t   in;

    in.p = text;
    in.end = text + len;

    last = NULL;

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        error = bo_layout_line(seat, &in, layout->ncategories);
        if (error) {
            return error;
        }

        chars = bo_layout_copy(&seat->label, chars, seat->label,
                               seat->label_len);

        if (last && bo_layout_same(seat->row, seat->row_len, last->row,
                                   last->row_len))
        {
            seat->row = last->row;

        } else {
            chars = bo_layout_copy(&seat->row, chars, seat->row,
                                   seat->row_len);
        }

        if (last && bo_layout_same(seat->section, seat->section_len,
                                   last->section, last->section_len))
        {
            seat->section = last->section;

        } else {
            chars = bo_layout_copy(&seat->section, chars, seat->section,
                                   seat->section_len);
        }

        last = seat;
    }

    return NULL;
}


static char *
bo_layout_copy(const char **copy, char *chars, const char *s, size_t len)
{
    memcpy(chars, s, len);
    *copy = chars;

    return chars + len;
}


static int
bo_layout_index(bo_layout_t *layout, uint32_t nslots)
{
    uint32_t    i, slot;
    bo_seat_t  *seat;

    for (i = 0; i < nslots; i++) {
        layout->slots[i] = BO_LAYOUT_NO_SEAT;
    }

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        slot = bo_layout_slot(layout, seat->label, seat->label_len);

        if (layout->slots[slot] != BO_LAYOUT_NO_SEAT) {
            return -1;
        }

        layout->slots[slot] = (uint16_t) i;
    }

    return 0;
}


/* Returns the slot that has the label, or else the free one it would take. */

static uint32_t
bo_layout_slot(const bo_layout_t *layout, const char *label, size_t len)
{
    uint16_t          seat_no;
    uint32_t          slot;
    const bo_seat_t  *seat;

    slot = bo_layout_hash(label, len) & layout->mask;

    for ( ;; ) {

        seat_no = layout->slots[slot];

        if (seat_no == BO_LAYOUT_NO_SEAT) {
            return slot;
        }

        seat = &layout->seats[seat_no];

        if (bo_layout_same(seat->label, seat->label_len, label, len)) {
            return slot;
        }

        slot = (slot + 1) & layout->mask;
    }
}


/*
 * FNV-1a, then mixed: the table uses the low bits.  Labels are the operator's,
 * so nobody can aim at a long chain from outside.
 */

static uint32_t
bo_layout_hash(const char *s, size_t len)
{
    size_t    i;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t) s[i]) * 16777619u;
    }

    hash ^= hash >> 15;
    hash *= 0x2c1b3c6du;
    hash ^= hash >> 13;

    return hash;
}
