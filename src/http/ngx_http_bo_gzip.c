
/*
 * Who takes gzip.
 *
 * nginx's own test is not used: it refuses requests that came through a proxy
 * (gzip_proxied), which is where all of them come from behind a CDN.  What is
 * compressed here is compressed once, for everybody.
 */


#include "ngx_http_bo.h"


static ngx_uint_t ngx_http_bo_gzip_refused(u_char *p, u_char *last);


ngx_uint_t
ngx_http_bo_gzip_wanted(ngx_http_bo_ctx_t *ctx)
{
    u_char           *p, *last;
    ngx_str_t        *value;
    ngx_table_elt_t  *h;

    static ngx_str_t  vary = ngx_string("Accept-Encoding");

    (void) ngx_http_bo_header(ctx->request, "Vary", &vary);

    h = ctx->request->headers_in.accept_encoding;
    if (h == NULL) {
        return 0;
    }

    value = &h->value;
    last = value->data + value->len;

    p = ngx_strlcasestrn(value->data, last, (u_char *) "gzip", 4 - 1);

    return p != NULL
           && (p == value->data || p[-1] == ' ' || p[-1] == ',')
           && !ngx_http_bo_gzip_refused(p + 4, last);
}


/* Whether ";q=0", ";q=0.0" .. follows: the client does not want it. */

static ngx_uint_t
ngx_http_bo_gzip_refused(u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_strlchr(p, last, ',');
    last = end ? end : last;

    p = ngx_strlchr(p, last, '=');
    if (p == NULL) {
        return 0;
    }

    for (p++; p < last; p++) {
        if (*p >= '1' && *p <= '9') {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_bo_gzipped(ngx_http_bo_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  gzip = ngx_string("gzip");

    h = ngx_http_bo_header(ctx->request, "Content-Encoding", &gzip);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ctx->request->headers_out.content_encoding = h;

    return NGX_OK;
}
