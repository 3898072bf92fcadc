
/*
 * The orphan rule before a hold.
 *
 * Where the map of this node says that a seat would be stranded, the map is
 * read once more before anybody is refused.  Without a map nobody is: the rule
 * is for good order, it is not what keeps a seat from being sold twice.
 */


#include "ngx_http_bo_holds.h"


static void ngx_http_bo_rule_look(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_rule_fresh(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_rule_refuse(ngx_http_bo_ctx_t *ctx);


void
ngx_http_bo_hold_rule(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (!ctx->store->limits->orphan_rule
        || !h->hold.script.call.show->orphan_rule)
    {
        run(ctx);
        return;
    }

    h->allowed = run;
    h->fresh = 0;

    ngx_http_bo_rule_look(ctx);
}


static void
ngx_http_bo_rule_look(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_int_t   rc;
    bo_seats_t  stranded;

    rc = ngx_bo_pick_allowed(h->hold.script.call.show, &h->hold.hold.seats,
                             &h->own, &stranded);

    if (rc == NGX_OK || (rc == NGX_AGAIN && h->fresh)) {
        h->allowed(ctx);
        return;
    }

    if (h->fresh) {
        h->hold.conflicts = stranded;
        ngx_http_bo_hold_recall(ctx, ngx_http_bo_rule_refuse);
        return;
    }

    ngx_http_bo_hold_refresh(ctx, ngx_http_bo_rule_fresh);
}


static void
ngx_http_bo_rule_fresh(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    h->fresh = 1;

    if (h->hold.script.call.outcome != NGX_BO_OK) {
        h->allowed(ctx);
        return;
    }

    ngx_http_bo_rule_look(ctx);
}


static void
ngx_http_bo_rule_refuse(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    u_char       *p;
    ngx_str_t     details;
    bo_seats_t   *stranded = &h->hold.conflicts;
    bo_layout_t  *layout = &h->hold.script.call.show->layout;

    ngx_bo_count(ctx->store, holds_stranding);

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_SEATS_LEN(stranded->n));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    details.data = p;

    p = ngx_http_bo_put_seats(p, "{\"stranded\":", layout, stranded);
    *p++ = '}';

    details.len = p - details.data;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_STRANDED, &details);
}
