
/*
 * GET /orders: a user's history.
 */


#include "ngx_http_bo.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_page_t       page;
    ngx_str_t                body;
} ngx_http_bo_order_list_t;


static void ngx_http_bo_order_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_order_listed(ngx_http_bo_ctx_t *ctx);


static ngx_bo_pg_statement_t  ngx_http_bo_orders_of_user = {
    "orders_of_user",
    "select 1, 'found', " NGX_BO_ORDER_COLUMNS
    " from boxoffice.orders_of_user($1::text, $2::bigint, $3::uuid, $4::int)",
    4, 1
};


/* The newest first. */

void
ngx_http_bo_order_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                  v[4];
    ngx_bo_call_t             *call;
    ngx_http_bo_page_room_t    room;
    ngx_http_bo_order_list_t  *o;

    o = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_order_list_t));
    if (o == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = o;

    if (ngx_http_bo_page(ctx, &o->page) != NGX_OK) {
        return;
    }

    v[0] = ctx->user;
    ngx_http_bo_page_values(&o->page, NGX_HTTP_BO_LATEST, &room, &v[1]);

    call = &o->call;
    ngx_http_bo_wait(ctx, call);

    call->pg = ngx_bo_pg_submit(ctx->store->pg, &ngx_http_bo_orders_of_user,
                                v, ngx_http_bo_order_rows, ctx);
    if (call->pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_order_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    u_char                    *p;
    size_t                     len;
    ngx_int_t                  i, n, rows;
    ngx_bo_call_t             *call;
    ngx_bo_order_t            *orders;
    ngx_http_bo_order_list_t  *o = ctx->data;

    call = &o->call;
    call->pg = NULL;
    call->outcome = NGX_BO_UNAVAILABLE;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_http_bo_resume(ctx, ngx_http_bo_order_listed);
        return;
    }

    rows = PQntuples(res);
    n = ngx_min(rows, (ngx_int_t) o->page.limit);
    len = 128;

    orders = ngx_palloc(ctx->request->pool, (n + 1) * sizeof(ngx_bo_order_t));
    if (orders == NULL) {
        ngx_http_bo_resume(ctx, ngx_http_bo_order_listed);
        return;
    }

    for (i = 0; i < n; i++) {
        if (ngx_bo_order_from_row(&orders[i], ctx->request->pool, res, i)
            != NGX_OK)
        {
            ngx_http_bo_resume(ctx, ngx_http_bo_order_listed);
            return;
        }

        len += ngx_http_bo_order_len(&orders[i]);
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        ngx_http_bo_resume(ctx, ngx_http_bo_order_listed);
        return;
    }

    o->body.data = p;
    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_bo_put_order(p, &orders[i]);
    }

    p = ngx_http_bo_put_next(p, rows > n, n ? orders[n - 1].created : 0,
                             n ? &orders[n - 1].id : NULL);

    o->body.len = p - o->body.data;
    call->outcome = NGX_BO_OK;

    ngx_http_bo_resume(ctx, ngx_http_bo_order_listed);
}


static void
ngx_http_bo_order_listed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_order_list_t *o = ctx->data;

    if (o->call.outcome == NGX_BO_OK) {
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &o->body);
        return;
    }

    ngx_http_bo_error_outcome(ctx, o->call.outcome);
}
