
/*
 * ETags of what is made of a show's map.
 */


#include "ngx_http_bo.h"


static void ngx_http_bo_tag_write(ngx_bo_show_t *show, int64_t version);


ngx_str_t  ngx_http_bo_second = ngx_string("public, max-age=1");


ngx_int_t
ngx_http_bo_tag(ngx_http_bo_ctx_t *ctx, const char *kind, ngx_bo_show_t *show,
    int64_t version, ngx_str_t *control)
{
    u_char        *p;
    ngx_str_t      etag;
    ngx_bo_tag_t  *tag = &show->tag;

    if (tag->version != version) {
        ngx_http_bo_tag_write(show, version);
    }

    p = ngx_pnalloc(ctx->request->pool, tag->len + 16);
    if (p == NULL) {
        return NGX_ERROR;
    }

    etag.data = p;

    *p++ = '"';
    p = ngx_http_bo_put(p, kind);
    p = ngx_cpymem(p, tag->text, tag->len);

    etag.len = p - etag.data;

    return ngx_http_bo_etag(ctx, &etag, control);
}


/* <revision>-<version>": most answers have the one of the answer before. */

static void
ngx_http_bo_tag_write(ngx_bo_show_t *show, int64_t version)
{
    u_char        *p;
    ngx_bo_tag_t  *tag = &show->tag;

    p = ngx_cpymem(tag->text, show->revision_text.data,
                   show->revision_text.len);
    p = ngx_http_bo_put_int(p, "-", version);
    *p++ = '"';

    tag->len = p - tag->text;
    tag->version = version;
}


ngx_int_t
ngx_http_bo_etag(ngx_http_bo_ctx_t *ctx, ngx_str_t *etag, ngx_str_t *control)
{
    if (ngx_http_bo_header(ctx->request, "ETag", etag) == NULL
        || ngx_http_bo_header(ctx->request, "Cache-Control", control) == NULL)
    {
        return NGX_ERROR;
    }

    ctx->cacheable = 1;

    return NGX_OK;
}


/* Weakly, as RFC 9110, 13.1.2 has it: a proxy may have compressed it. */

ngx_uint_t
ngx_http_bo_etag_known(ngx_http_bo_ctx_t *ctx, ngx_str_t *etag)
{
    ngx_str_t  have;

    ngx_http_bo_etag_have(ctx, &have);

    return have.len == etag->len
           && ngx_memcmp(have.data, etag->data, have.len) == 0;
}


void
ngx_http_bo_etag_have(ngx_http_bo_ctx_t *ctx, ngx_str_t *have)
{
    ngx_table_elt_t  *h;

    h = ctx->request->headers_in.if_none_match;
    if (h == NULL) {
        ngx_str_null(have);
        return;
    }

    *have = h->value;

    if (have->len > 2 && have->data[0] == 'W' && have->data[1] == '/') {
        have->data += 2;
        have->len -= 2;
    }
}


int64_t
ngx_http_bo_tag_have(ngx_http_bo_ctx_t *ctx, const char *kind,
    ngx_bo_show_t *show)
{
    u_char        *p, *last;
    size_t         len;
    int64_t        version;
    ngx_str_t      have, *revision;
    ngx_bo_tag_t  *tag = &show->tag;

    ngx_http_bo_etag_have(ctx, &have);

    len = ngx_strlen(kind);
    revision = &show->revision_text;

    if (have.len < len + revision->len + 4) {
        return -1;
    }

    p = have.data;
    last = p + have.len;

    if (*p != '"' || last[-1] != '"' || ngx_memcmp(p + 1, kind, len) != 0) {
        return -1;
    }

    p += 1 + len;

    if ((size_t) (last - p) == tag->len
        && ngx_memcmp(p, tag->text, tag->len) == 0)
    {
        return tag->version;
    }

    if (ngx_memcmp(p, revision->data, revision->len) != 0
        || p[revision->len] != '-')
    {
        return -1;
    }

    p += revision->len + 1;
    version = (int64_t) ngx_atoof(p, last - 1 - p);

    return version > 0 ? version : -1;
}
