
/*
 * GET /shows/{id}/availability[?since=version].
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_availability.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_availability_t    availability;
    int64_t                  since;         /* 0: everything is wanted */
    int64_t                  have;
} ngx_http_bo_availability_t;


static ngx_int_t ngx_http_bo_availability_since(ngx_http_bo_ctx_t *ctx,
    int64_t *since);
static void ngx_http_bo_availability_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_availability_read(ngx_bo_call_t *call);
static void ngx_http_bo_availability_take(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_availability_answer(ngx_http_bo_ctx_t *ctx);


void
ngx_http_bo_availability(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_availability_t  *a;

    a = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_availability_t));
    if (a == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = a;

    if (ngx_http_bo_availability_since(ctx, &a->since) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        return;
    }

    ngx_http_bo_with_show(ctx, &a->call, ngx_http_bo_availability_get);
}


/* A version is at most 2^53: JavaScript has no greater numbers. */

static ngx_int_t
ngx_http_bo_availability_since(ngx_http_bo_ctx_t *ctx, int64_t *since)
{
    ngx_str_t  value;

    if (ngx_http_bo_arg(ctx, "since", &value) != NGX_OK) {
        *since = 0;
        return NGX_OK;
    }

    if (value.len == 0 || value.len > 16 || value.data[0] == '0') {
        return NGX_ERROR;
    }

    *since = (int64_t) ngx_atoof(value.data, value.len);

    return *since > 0 ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_bo_availability_get(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_availability_t *a = ctx->data;

    a->availability.text.data = ngx_pnalloc(ctx->request->pool,
                                    ngx_bo_availability_size(a->call.show));
    if (a->availability.text.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    a->have = ngx_http_bo_tag_have(ctx, "a", a->call.show);
    a->call.done = ngx_http_bo_availability_read;

    if (ngx_bo_availability_get(a->call.show, a->since, &a->availability,
                                &a->call)
        == NGX_OK)
    {
        ngx_http_bo_availability_answer(ctx);
    }
}


static void
ngx_http_bo_availability_read(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_availability_take);
}


static void
ngx_http_bo_availability_take(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_availability_t *a = ctx->data;

    if (ngx_bo_availability_write(a->call.show, a->since, &a->availability)
        != NGX_OK)
    {
        ngx_http_bo_with_show_again(ctx, &a->call,
                                    ngx_http_bo_availability_get);
        return;
    }

    ngx_http_bo_availability_answer(ctx);
}


static void
ngx_http_bo_availability_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_availability_t *a = ctx->data;

    ngx_bo_count(ctx->store, seatmaps_served);

    if (a->availability.stale) {
        ngx_bo_count(ctx->store, seatmaps_stale);
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &a->availability.text);
        return;
    }

    if (ngx_http_bo_tag(ctx, "a", a->call.show, a->availability.version,
                        &ngx_http_bo_second)
        != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (a->have == a->availability.version) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &a->availability.text);
}
