
/*
 * GET /shows/{id}/seatmap.
 */


#include "ngx_http_bo.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_seatmap_t         map;
    int64_t                  have;
} ngx_http_bo_seatmap_t;


static void ngx_http_bo_seatmap_shown(ngx_bo_call_t *call);
static void ngx_http_bo_seatmap_show(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_seatmap_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_seatmap_read(ngx_bo_call_t *call);
static void ngx_http_bo_seatmap_take(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_seatmap_answer(ngx_http_bo_ctx_t *ctx);
static int64_t ngx_http_bo_seatmap_have(ngx_http_bo_ctx_t *ctx);


void
ngx_http_bo_seatmap(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t  *m;

    m = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_seatmap_t));
    if (m == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = m;
    m->call.data = ctx;
    m->call.done = ngx_http_bo_seatmap_shown;

    ngx_http_bo_wait(ctx, &m->call);

    if (ngx_bo_show_get(ctx->store, &ctx->id, 0, &m->call) == NGX_OK) {
        ngx_http_bo_seatmap_get(ctx);
    }
}


static void
ngx_http_bo_seatmap_shown(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_seatmap_show);
}


static void
ngx_http_bo_seatmap_show(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    switch (m->call.outcome) {

    case NGX_BO_OK:
        ngx_http_bo_seatmap_get(ctx);
        return;

    case NGX_BO_NOT_FOUND:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_NOT_FOUND, NULL);
        return;

    default:
        ngx_http_bo_error_outcome(ctx, m->call.outcome);
    }
}


static void
ngx_http_bo_seatmap_get(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    m->have = ngx_http_bo_seatmap_have(ctx);
    m->call.done = ngx_http_bo_seatmap_read;

    switch (ngx_bo_seatmap_get(m->call.show, m->have, ctx->request->pool,
                               &m->map, &m->call))
    {
    case NGX_OK:
        ngx_http_bo_seatmap_answer(ctx);
        return;

    case NGX_AGAIN:
        return;

    default:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
    }
}


static void
ngx_http_bo_seatmap_read(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_seatmap_take);
}


static void
ngx_http_bo_seatmap_take(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    if (ngx_bo_seatmap_take(m->call.show, m->have, ctx->request->pool,
                            &m->map)
        != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ngx_http_bo_seatmap_answer(ctx);
}


static void
ngx_http_bo_seatmap_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    u_char     *p;
    ngx_str_t   etag;

    static ngx_str_t  second = ngx_string("public, max-age=1");

    ngx_bo_count(ctx->store, seatmaps_served);

    if (m->map.stale) {
        ngx_bo_count(ctx->store, seatmaps_stale);
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &m->map.body);
        return;
    }

    p = ngx_pnalloc(ctx->request->pool, 2 * NGX_INT64_LEN + 3);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    etag.data = p;
    etag.len = ngx_sprintf(p, "\"%i-%L\"", m->call.show->revision,
                           m->map.version)
               - p;

    (void) ngx_http_bo_header(ctx->request, "ETag", &etag);
    (void) ngx_http_bo_header(ctx->request, "Cache-Control", &second);
    ctx->cacheable = 1;

    if (m->map.body.data == NULL) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &m->map.body);
}


/* The version in If-None-Match, when it is of this layout; else -1. */

static int64_t
ngx_http_bo_seatmap_have(ngx_http_bo_ctx_t *ctx)
{
    u_char           *p, *last;
    int64_t           version;
    ngx_str_t        *tag, *revision;
    ngx_table_elt_t  *h;

    h = ctx->request->headers_in.if_none_match;
    if (h == NULL) {
        return -1;
    }

    tag = &h->value;
    revision = &((ngx_http_bo_seatmap_t *) ctx->data)->call.show->revision_text;
    p = tag->data;
    last = p + tag->len;

    if (tag->len > 2 && p[0] == 'W' && p[1] == '/') {
        p += 2;    /* a compressing proxy may have weakened it */
    }

    if ((size_t) (last - p) < revision->len + 4 || *p != '"'
        || last[-1] != '"'
        || ngx_memcmp(p + 1, revision->data, revision->len) != 0
        || p[1 + revision->len] != '-')
    {
        return -1;
    }

    p += revision->len + 2;
    version = (int64_t) ngx_atoof(p, last - 1 - p);

    return version > 0 ? version : -1;
}
