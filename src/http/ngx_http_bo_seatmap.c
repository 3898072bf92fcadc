
/*
 * GET /shows/{id}/seatmap.
 */


#include "ngx_http_bo.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_seatmap_t         map;
    int64_t                  have;
} ngx_http_bo_seatmap_t;


static void ngx_http_bo_seatmap_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_seatmap_read(ngx_bo_call_t *call);
static void ngx_http_bo_seatmap_take(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_seatmap_answer(ngx_http_bo_ctx_t *ctx);


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

    ngx_http_bo_with_show(ctx, &m->call, ngx_http_bo_seatmap_get);
}


static void
ngx_http_bo_seatmap_get(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    ngx_memzero(&m->map, sizeof(ngx_bo_seatmap_t));
    m->map.gzip = ngx_http_bo_gzip_wanted(ctx);
    m->have = ngx_http_bo_tag_have(ctx, m->map.gzip ? "z" : "", m->call.show);
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
        ngx_http_bo_with_show_again(ctx, &m->call, ngx_http_bo_seatmap_get);
        return;
    }

    ngx_http_bo_seatmap_answer(ctx);
}


static void
ngx_http_bo_seatmap_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_seatmap_t *m = ctx->data;

    ngx_bo_count(ctx->store, seatmaps_served);

    if (m->map.stale) {
        ngx_bo_count(ctx->store, seatmaps_stale);
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &m->map.body);
        return;
    }

    /* The bytes differ, and so must the tags. */

    if (ngx_http_bo_tag(ctx, m->map.gzip ? "z" : "", m->call.show,
                        m->map.version, &ngx_http_bo_second)
        != NGX_OK
        || (m->map.packed && ngx_http_bo_gzipped(ctx) != NGX_OK))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (m->map.body.data == NULL) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &m->map.body);
}
