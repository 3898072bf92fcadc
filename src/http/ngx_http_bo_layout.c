
/*
 * GET /shows/{id}/layout.
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_layout_body.h"


typedef struct {
    ngx_bo_call_t            call;
} ngx_http_bo_layout_t;


static void ngx_http_bo_layout_answer(ngx_http_bo_ctx_t *ctx);


void
ngx_http_bo_layout(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_layout_t  *l;

    l = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_layout_t));
    if (l == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = l;

    ngx_http_bo_with_show(ctx, &l->call, ngx_http_bo_layout_answer);
}


/*
 * The show is kept as long as the request lives, and its texts with it: what
 * is sent need not be copied.
 */

static void
ngx_http_bo_layout_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_layout_t *l = ctx->data;

    ngx_str_t      *body;
    ngx_uint_t      gzip;
    ngx_bo_show_t  *show = l->call.show;

    static ngx_str_t  minute = ngx_string("public, max-age=60");

    gzip = ngx_http_bo_gzip_wanted(ctx);
    body = gzip ? ngx_bo_layout_gzip(show) : ngx_bo_layout_body(show);

    if (body == NULL
        || ngx_http_bo_tag(ctx, gzip ? "lz" : "l", show, 1, &minute)
           != NGX_OK
        || (gzip && ngx_http_bo_gzipped(ctx) != NGX_OK))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_tag_have(ctx, gzip ? "lz" : "l", show) == 1) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, body);
}
