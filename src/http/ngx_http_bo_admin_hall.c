
/*
 * POST /admin/layouts/preview: the hall that a document would make, in the form
 * of GET /shows/{id}/layout, so that whoever draws sees it before it is kept.
 */


#include "ngx_http_bo_admin.h"
#include "store/ngx_bo_seatmap_body.h"


/* The longest item: quotes, brackets, numbers of five digits, a kind. */

#define NGX_HTTP_BO_HALL_SEAT      (BO_LABEL_MAX + 48)
#define NGX_HTTP_BO_HALL_ROW                                                  \
    (BO_DRAFT_ROW_MAX + BO_DRAFT_NAME_MAX + 64)
#define NGX_HTTP_BO_HALL_CATEGORY  (BO_DRAFT_NAME_MAX + 64)


static u_char *ngx_http_bo_hall_categories(u_char *p, bo_draft_t *d);
static u_char *ngx_http_bo_hall_seat(u_char *p, bo_draft_seat_t *seat);
static ngx_uint_t ngx_http_bo_hall_same_row(bo_draft_seat_t *a,
    bo_draft_seat_t *b);


/* No text of a draft without mistakes has to be escaped. */

ngx_int_t
ngx_http_bo_admin_hall(ngx_pool_t *pool, bo_draft_t *d, ngx_str_t *body)
{
    u_char           *p;
    size_t            size;
    uint32_t          i;
    bo_draft_seat_t  *seat;

    size = 64 + d->ncategories * NGX_HTTP_BO_HALL_CATEGORY;

    for (i = 0; i < d->nseats; i++) {
        size += NGX_HTTP_BO_HALL_SEAT;

        if (i == 0 || !ngx_http_bo_hall_same_row(&d->seats[i - 1],
                                                 &d->seats[i]))
        {
            size += NGX_HTTP_BO_HALL_ROW;
        }
    }

    p = ngx_pnalloc(pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    p = ngx_http_bo_hall_categories(p, d);
    p = ngx_http_bo_put(p, ",\"rows\":[");

    for (i = 0; i < d->nseats; i++) {
        seat = &d->seats[i];

        if (i && ngx_http_bo_hall_same_row(seat - 1, seat)) {
            *p++ = ',';

        } else {
            p = ngx_sprintf(p, "%s{\"section\":\"%*s\",\"row\":\"%*s\","
                            "\"y\":%d,\"seats\":[",
                            i ? "]}," : "",
                            (size_t) seat->section_len, seat->section,
                            (size_t) seat->row_len, seat->row,
                            (int) seat->y);
        }

        p = ngx_http_bo_hall_seat(p, seat);
    }

    p = ngx_http_bo_put(p, d->nseats ? "]}]}" : "]}");
    body->len = p - body->data;

    return NGX_OK;
}


static u_char *
ngx_http_bo_hall_categories(u_char *p, bo_draft_t *d)
{
    uint32_t              i, j, n;
    bo_draft_category_t  *c;

    p = ngx_sprintf(p, "{\"seats\":%ui,\"categories\":[",
                    (ngx_uint_t) d->nseats);

    for (i = 0; i < d->ncategories; i++) {
        c = &d->categories[i];
        n = 0;

        for (j = 0; j < d->nseats; j++) {
            n += d->seats[j].category == i;
        }

        p = ngx_sprintf(p, "%s{\"name\":\"%*s\",\"seats\":%ui}",
                        i ? "," : "", (size_t) c->len, c->name,
                        (ngx_uint_t) n);
    }

    *p++ = ']';

    return p;
}


static u_char *
ngx_http_bo_hall_seat(u_char *p, bo_draft_seat_t *seat)
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
ngx_http_bo_hall_same_row(bo_draft_seat_t *a, bo_draft_seat_t *b)
{
    return a->y == b->y
           && a->row_len == b->row_len
           && a->section_len == b->section_len
           && ngx_memcmp(a->row, b->row, a->row_len) == 0
           && ngx_memcmp(a->section, b->section, a->section_len) == 0;
}
