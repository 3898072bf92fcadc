
/*
 * Lists, page by page: what the query says, what it is in SQL, and the end of
 * the answer.
 */


#include "ngx_http_bo.h"


ngx_int_t
ngx_http_bo_page(ngx_http_bo_ctx_t *ctx, ngx_http_bo_page_t *page)
{
    u_char     *p, *last;
    ngx_int_t   n;
    ngx_str_t   value;

    ngx_memzero(page, sizeof(ngx_http_bo_page_t));
    page->limit = 20;

    if (ngx_http_bo_arg(ctx, "limit", &value) == NGX_OK) {
        n = ngx_atoi(value.data, value.len);

        if (n < 1 || n > 100 || value.data[0] == '0') {
            goto invalid;
        }

        page->limit = n;
    }

    if (ngx_http_bo_arg(ctx, "cursor", &value) != NGX_OK) {
        return NGX_OK;
    }

    last = value.data + value.len;
    p = ngx_strlchr(value.data, last, '_');

    if (p == NULL || p == value.data || p - value.data > 15
        || bo_uuid_parse(&page->id, (char *) p + 1, last - p - 1) != 0)
    {
        goto invalid;
    }

    page->ms = (int64_t) ngx_atoof(value.data, p - value.data);

    if (page->ms < 0) {
        goto invalid;
    }

    page->has_cursor = 1;

    return NGX_OK;

invalid:

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);

    return NGX_ERROR;
}


void
ngx_http_bo_page_values(ngx_http_bo_page_t *page, int64_t first,
    ngx_http_bo_page_room_t *room, ngx_str_t *v)
{
    bo_uuid_format((char *) room->id, &page->id);

    v[0].data = room->ms;
    v[0].len = ngx_sprintf(room->ms, "%L", page->has_cursor ? page->ms : first)
               - room->ms;
    v[1].data = room->id;
    v[1].len = BO_UUID_LEN;

    /* one more tells whether there is a next page */

    v[2].data = room->limit;
    v[2].len = ngx_sprintf(room->limit, "%ui", page->limit + 1) - room->limit;
}


u_char *
ngx_http_bo_put_next(u_char *p, ngx_uint_t more, int64_t ms, ngx_str_t *id)
{
    p = ngx_http_bo_put(p, "],\"nextCursor\":");

    return more ? ngx_sprintf(p, "\"%L_%V\"}", ms, id)
                : ngx_http_bo_put(p, "null}");
}
