
/*
 * The text of a seat map.  It is made once for a layout, with every seat
 * available; then only places in it are written over.
 */


#include "ngx_bo_seatmap_body.h"
#include "booking/bo_write.h"


/* "UNAVAILABLE" with its quotes is the longest state. */

#define NGX_BO_STATUS_WIDTH   13
#define NGX_BO_VERSION_WIDTH  15
#define NGX_BO_COUNT_WIDTH    5

#define NGX_BO_COUNTS                                                         \
    "{\"total\":     ,\"available\":     ,\"held\":     ,"                    \
    "\"booked\":     ,\"unavailable\":     }"


static size_t ngx_bo_body_size(ngx_bo_show_t *show);
static u_char *ngx_bo_body_seats(ngx_bo_show_t *show, u_char *p);
static void ngx_bo_body_counts(u_char *p, bo_count_t *count);
static void ngx_bo_body_number(u_char *p, size_t width, uint64_t n);
static u_char *ngx_bo_body_json(u_char *p, const void *data, size_t len);


ngx_int_t
ngx_bo_body_prepare(ngx_bo_show_t *show)
{
    u_char      *p;
    uint32_t     i;
    bo_stats_t   stats;

    if (show->body.len) {
        return NGX_OK;
    }

    show->body.data = ngx_palloc(show->pool, ngx_bo_body_size(show));
    show->status_at = ngx_palloc(show->pool,
                                 show->layout.nseats * sizeof(uint32_t));

    if (show->body.data == NULL || show->status_at == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(show->body.data, "{\"showId\":\"%*s\",\"version\":",
                    (size_t) BO_UUID_LEN, show->id_text);

    show->places.version = p - show->body.data;
    p += NGX_BO_VERSION_WIDTH;
    p = ngx_cpymem(p, ",\"stale\":", sizeof(",\"stale\":") - 1);

    show->places.stale = p - show->body.data;
    p += sizeof("false") - 1;

    p = ngx_sprintf(p, ",\"currency\":\"%V\",\"statistics\":",
                    &show->currency);

    show->places.statistics = p - show->body.data;
    p = ngx_cpymem(p, NGX_BO_COUNTS, sizeof(NGX_BO_COUNTS) - 2);
    p = ngx_cpymem(p, ",\"byCategory\":{", sizeof(",\"byCategory\":{") - 1);

    for (i = 0; i < show->layout.ncategories; i++) {
        if (i) {
            *p++ = ',';
        }

        *p++ = '"';
        p = ngx_bo_body_json(p, show->layout.categories[i].name,
                             show->layout.categories[i].len);
        *p++ = '"';
        *p++ = ':';

        show->places.counts[i] = p - show->body.data;
        p = ngx_cpymem(p, NGX_BO_COUNTS, sizeof(NGX_BO_COUNTS) - 1);
    }

    p = ngx_cpymem(p, "}},\"seats\":[", sizeof("}},\"seats\":[") - 1);
    p = ngx_bo_body_seats(show, p);
    p = ngx_cpymem(p, "]}", 2);

    show->body.len = p - show->body.data;

    bo_stats_count(&stats, &show->layout, NULL, 0);

    for (i = 0; i < show->layout.nseats; i++) {
        ngx_bo_body_seat(show, show->body.data, i,
                         bo_seat_state(&show->layout, NULL, 0, i));
    }

    ngx_bo_body_head(&show->places, show->body.data, 0, &stats);
    ngx_bo_body_stale(&show->places, show->body.data, 0);

    ngx_bo_show_grown(show, show->body.len);

    return NGX_OK;
}


static size_t
ngx_bo_body_size(ngx_bo_show_t *show)
{
    size_t      size;
    uint32_t    i;
    bo_seat_t  *seat;

    size = 512 + 6 * show->currency.len;

    for (i = 0; i < show->layout.ncategories; i++) {
        size += 6 * show->layout.categories[i].len + sizeof(NGX_BO_COUNTS)
                + 8;
    }

    for (i = 0; i < show->layout.nseats; i++) {
        seat = &show->layout.seats[i];
        size += 220 + 6 * (seat->row_len + seat->section_len
                           + show->layout.categories[seat->category].len);
    }

    return size;
}


static u_char *
ngx_bo_body_seats(ngx_bo_show_t *show, u_char *p)
{
    uint32_t        i;
    bo_seat_t      *seat;
    bo_category_t  *category;

    for (i = 0; i < show->layout.nseats; i++) {
        seat = &show->layout.seats[i];
        category = &show->layout.categories[seat->category];

        if (i) {
            *p++ = ',';
        }

        p = bo_write(p, "{\"seatId\":\"");
        p = ngx_cpymem(p, seat->label, seat->label_len);
        p = bo_write(p, "\",\"row\":\"");
        p = ngx_bo_body_json(p, seat->row, seat->row_len);
        p = bo_write_int(p, "\",\"number\":", seat->number);
        p = bo_write(p, ",\"category\":\"");
        p = ngx_bo_body_json(p, category->name, category->len);
        p = bo_write_int(p, "\",\"price\":", category->price);
        p = bo_write(p, ",\"status\":");

        show->status_at[i] = (uint32_t) (p - show->body.data);
        p += NGX_BO_STATUS_WIDTH;

        p = bo_write(p, ",\"kind\":\"");
        p = bo_write(p, ngx_bo_kind_name(seat->kind));
        p = bo_write_int(p, "\",\"x\":", seat->x);
        p = bo_write_int(p, ",\"y\":", seat->y);
        p = bo_write(p, ",\"section\":\"");
        p = ngx_bo_body_json(p, seat->section, seat->section_len);
        p = bo_write(p, "\"}");
    }

    return p;
}


static u_char *
ngx_bo_body_json(u_char *p, const void *data, size_t len)
{
    return (u_char *) ngx_escape_json(p, (u_char *) data, len);
}


const char *
ngx_bo_kind_name(u_char kind)
{
    switch (kind) {

    case BO_KIND_ACCESSIBLE:
        return "ACCESSIBLE";

    case BO_KIND_BROKEN:
        return "BROKEN";

    case BO_KIND_HOUSE:
        return "HOUSE";

    default:
        return "NORMAL";
    }
}


void
ngx_bo_body_seat(ngx_bo_show_t *show, u_char *body, uint32_t seat,
    bo_seat_state_e state)
{
    static const char  *texts[BO_SEAT_STATES] = {
        "\"AVAILABLE\"  ",
        "\"HELD\"       ",
        "\"BOOKED\"     ",
        "\"UNAVAILABLE\""
    };

    ngx_memcpy(body + show->status_at[seat], texts[state],
               NGX_BO_STATUS_WIDTH);
}


/*
 * This is done under the mutex, for each version that somebody reads: so
 * nothing is searched for or formatted that has its place.
 */

void
ngx_bo_body_head(ngx_bo_places_t *places, u_char *body, int64_t version,
    bo_stats_t *stats)
{
    uint32_t  i;

    ngx_bo_body_number(body + places->version, NGX_BO_VERSION_WIDTH,
                       (uint64_t) version);

    ngx_bo_body_counts(body + places->statistics, &stats->all);

    for (i = 0; i < stats->ncategories; i++) {
        ngx_bo_body_counts(body + places->counts[i], &stats->category[i]);
    }
}


/* Writes the five numbers of an object made of NGX_BO_COUNTS. */

static void
ngx_bo_body_counts(u_char *p, bo_count_t *count)
{
    p += sizeof("{\"total\":") - 1;
    ngx_bo_body_number(p, NGX_BO_COUNT_WIDTH, count->total);

    p += sizeof("     ,\"available\":") - 1;
    ngx_bo_body_number(p, NGX_BO_COUNT_WIDTH,
                       count->state[BO_SEAT_AVAILABLE]);

    p += sizeof("     ,\"held\":") - 1;
    ngx_bo_body_number(p, NGX_BO_COUNT_WIDTH, count->state[BO_SEAT_HELD]);

    p += sizeof("     ,\"booked\":") - 1;
    ngx_bo_body_number(p, NGX_BO_COUNT_WIDTH, count->state[BO_SEAT_BOOKED]);

    p += sizeof("     ,\"unavailable\":") - 1;
    ngx_bo_body_number(p, NGX_BO_COUNT_WIDTH,
                       count->state[BO_SEAT_UNAVAILABLE]);
}


/* Writes a number, and spaces up to its width; digits beyond that are lost. */

static void
ngx_bo_body_number(u_char *p, size_t width, uint64_t n)
{
    u_char  *d, digits[NGX_INT64_LEN];

    d = digits + sizeof(digits);

    do {
        *--d = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    while (width && d < digits + sizeof(digits)) {
        *p++ = *d++;
        width--;
    }

    while (width--) {
        *p++ = ' ';
    }
}


void
ngx_bo_body_stale(ngx_bo_places_t *places, u_char *body, unsigned stale)
{
    ngx_memcpy(body + places->stale, stale ? "true " : "false",
               sizeof("false") - 1);
}
