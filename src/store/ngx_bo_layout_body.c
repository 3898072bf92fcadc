
/*
 * {"showId", "revision", "currency", "categories": [{"name", "price"}, ..],
 *  "rows": [{"section", "row", "y", "seats": [["A1", 1, 0, 0], ..]}, ..]}
 *
 * A seat is its id, its number in the row, its x, the index of its category
 * and, unless it is an ordinary one, its kind.  Seats stand in the order of
 * their numbers, which are those of the availability; a row that is not drawn
 * in one piece comes more than once.
 */


#include "ngx_bo_layout_body.h"
#include "ngx_bo_gzip.h"


#define NGX_BO_LAYOUT_SEAT  (BO_LABEL_MAX + 3 * NGX_INT32_LEN + 24)


static size_t ngx_bo_layout_size(ngx_bo_show_t *show);
static u_char *ngx_bo_layout_head(u_char *p, ngx_bo_show_t *show);
static u_char *ngx_bo_layout_rows(u_char *p, bo_layout_t *layout);
static u_char *ngx_bo_layout_row(u_char *p, bo_seat_t *seat);
static u_char *ngx_bo_layout_seat(u_char *p, bo_seat_t *seat);
static ngx_uint_t ngx_bo_layout_same_row(bo_seat_t *a, bo_seat_t *b);
static u_char *ngx_bo_layout_str(u_char *p, const char *name,
    const void *data, size_t len);


ngx_str_t *
ngx_bo_layout_body(ngx_bo_show_t *show)
{
    u_char     *p;
    ngx_str_t  *body = &show->layout_body;

    if (body->len) {
        return body;
    }

    body->data = ngx_palloc(show->pool, ngx_bo_layout_size(show));
    if (body->data == NULL) {
        return NULL;
    }

    p = ngx_bo_layout_head(body->data, show);
    p = ngx_bo_layout_rows(p, &show->layout);
    p = ngx_cpymem(p, "]}", 2);

    body->len = p - body->data;
    ngx_bo_show_grown(show, body->len);

    return body;
}


ngx_str_t *
ngx_bo_layout_gzip(ngx_bo_show_t *show)
{
    ngx_str_t  *body;

    if (show->layout_gzip.len) {
        return &show->layout_gzip;
    }

    body = ngx_bo_layout_body(show);

    if (body == NULL
        || ngx_bo_gzip(show->pool, body, &show->layout_gzip) != NGX_OK)
    {
        return NULL;
    }

    ngx_bo_show_grown(show, show->layout_gzip.len);

    return &show->layout_gzip;
}


/* A text in JSON takes six bytes for one at the most. */

static size_t
ngx_bo_layout_size(ngx_bo_show_t *show)
{
    size_t      size;
    uint32_t    i;
    bo_seat_t  *seat;

    size = 256 + 6 * show->currency.len;

    for (i = 0; i < show->layout.ncategories; i++) {
        size += 64 + 6 * show->layout.categories[i].len;
    }

    for (i = 0; i < show->layout.nseats; i++) {
        seat = &show->layout.seats[i];
        size += NGX_BO_LAYOUT_SEAT;

        if (i == 0 || !ngx_bo_layout_same_row(seat - 1, seat)) {
            size += 64 + 6 * (seat->row_len + seat->section_len);
        }
    }

    return size;
}


static u_char *
ngx_bo_layout_head(u_char *p, ngx_bo_show_t *show)
{
    uint32_t        i;
    bo_category_t  *category;

    p = ngx_sprintf(p, "{\"showId\":\"%*s\",\"revision\":%i",
                    (size_t) BO_UUID_LEN, show->id_text, show->revision);
    p = ngx_bo_layout_str(p, ",\"currency\":\"", show->currency.data,
                          show->currency.len);
    p = ngx_sprintf(p, ",\"categories\":[");

    for (i = 0; i < show->layout.ncategories; i++) {
        category = &show->layout.categories[i];

        p = ngx_bo_layout_str(p, i ? ",{\"name\":\"" : "{\"name\":\"",
                              category->name, category->len);
        p = ngx_sprintf(p, ",\"price\":%L}", category->price);
    }

    return ngx_sprintf(p, "],\"rows\":[");
}


static u_char *
ngx_bo_layout_rows(u_char *p, bo_layout_t *layout)
{
    uint32_t    i;
    bo_seat_t  *seat;

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        if (i && ngx_bo_layout_same_row(seat - 1, seat)) {
            *p++ = ',';

        } else {
            p = ngx_sprintf(p, i ? "]},{" : "{");
            p = ngx_bo_layout_row(p, seat);
        }

        p = ngx_bo_layout_seat(p, seat);
    }

    return layout->nseats ? ngx_cpymem(p, "]}", 2) : p;
}


static u_char *
ngx_bo_layout_row(u_char *p, bo_seat_t *seat)
{
    p = ngx_bo_layout_str(p, "\"section\":\"", seat->section,
                          seat->section_len);
    p = ngx_bo_layout_str(p, ",\"row\":\"", seat->row, seat->row_len);

    return ngx_sprintf(p, ",\"y\":%d,\"seats\":[", (int) seat->y);
}


static u_char *
ngx_bo_layout_seat(u_char *p, bo_seat_t *seat)
{
    p = ngx_sprintf(p, "[\"%*s\",%d,%d,%d", (size_t) seat->label_len,
                    seat->label, (int) seat->number, (int) seat->x,
                    (int) seat->category);

    if (seat->kind != BO_KIND_NORMAL) {
        p = ngx_sprintf(p, ",\"%s\"", ngx_bo_kind_name(seat->kind));
    }

    *p++ = ']';

    return p;
}


static ngx_uint_t
ngx_bo_layout_same_row(bo_seat_t *a, bo_seat_t *b)
{
    return a->y == b->y
           && a->row_len == b->row_len
           && a->section_len == b->section_len
           && ngx_memcmp(a->row, b->row, a->row_len) == 0
           && ngx_memcmp(a->section, b->section, a->section_len) == 0;
}


static u_char *
ngx_bo_layout_str(u_char *p, const char *name, const void *data, size_t len)
{
    p = ngx_cpymem(p, name, ngx_strlen(name));
    p = (u_char *) ngx_escape_json(p, (u_char *) data, len);

    *p++ = '"';

    return p;
}
