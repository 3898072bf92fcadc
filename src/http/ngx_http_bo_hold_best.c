
/*
 * POST /holds {"showId", "bestAvailable": {"count", "category", ..}}.
 *
 * The choice is made by the map of this node, and held as any other.  When
 * somebody else was faster the map is read anew, and another choice is made.
 * Nobody is refused but by a map that was just read and has no such seats,
 * also when nobody's choice under way is counted.
 */


#include "ngx_http_bo_holds.h"


/*
 * With many nodes at one show each round has one winner at least, so this is
 * how many rounds a buyer may lose.
 */

#define NGX_HTTP_BO_BEST_TRIES  64


static ngx_int_t ngx_http_bo_best_want(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_best_category(bo_layout_t *layout,
    bo_str_t *name);
static void ngx_http_bo_best_try(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_best_none(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_best_again(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_best_held(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_best_drop(ngx_http_bo_hold_t *h, ngx_uint_t held);
static void ngx_http_bo_best_cleanup(void *data);


const bo_json_field_t  ngx_http_bo_best_fields[] = {

    { "count", BO_JSON_INTEGER, offsetof(ngx_http_bo_best_body_t, count),
      1, 1, BO_MAX_SEATS, 0, NULL },

    { "category", BO_JSON_STRING, offsetof(ngx_http_bo_best_body_t, category),
      0, 1, 255, 0, NULL },

    { "minPrice", BO_JSON_INTEGER,
      offsetof(ngx_http_bo_best_body_t, min_price),
      0, 0, BO_LAYOUT_MAX_PRICE, 0, NULL },

    { "maxPrice", BO_JSON_INTEGER,
      offsetof(ngx_http_bo_best_body_t, max_price),
      0, 0, BO_LAYOUT_MAX_PRICE, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


void
ngx_http_bo_hold_best(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_http_cleanup_t  *cln;

    if (ngx_http_bo_best_want(ctx) != NGX_OK) {
        return;
    }

    /*
     * The client may leave with a choice under way.  The last cleanup comes
     * first: the call still has its show then.
     */

    cln = ngx_http_cleanup_add(ctx->request, 0);
    if (cln == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    cln->handler = ngx_http_bo_best_cleanup;
    cln->data = h;

    ngx_http_bo_best_try(ctx);
}


static ngx_int_t
ngx_http_bo_best_want(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_int_t                 category;
    ngx_http_bo_best_body_t  *best = &h->body.best;

    if (best->count > ctx->store->limits->seats_per_hold) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOO_MANY_SEATS, NULL);
        return NGX_ERROR;
    }

    if (best->min_price > best->max_price) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "minPrice");
        return NGX_ERROR;
    }

    h->want.count = (uint32_t) best->count;
    h->want.min_price = best->min_price;
    h->want.max_price = best->max_price;
    h->want.categories = ~(uint32_t) 0;

    if (best->category.len == 0) {
        return NGX_OK;
    }

    category = ngx_http_bo_best_category(&h->hold.script.call.show->layout,
                                         &best->category);

    if (category == NGX_DECLINED) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "category");
        return NGX_ERROR;
    }

    h->want.categories = (uint32_t) 1 << category;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_best_category(bo_layout_t *layout, bo_str_t *name)
{
    uint32_t        i;
    bo_category_t  *category;

    for (i = 0; i < layout->ncategories; i++) {
        category = &layout->categories[i];

        if (category->len == name->len
            && ngx_memcmp(category->name, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_bo_best_try(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_int_t            rc;
    ngx_bo_hold_call_t  *c = &h->hold;

    rc = ngx_bo_pick_best(c->script.call.show, &h->want, &h->pick);

    if (rc == NGX_OK) {
        c->hold.seats = h->pick->seats;
        c->conflicts.n = 0;
        c->sold = 0;

        ngx_http_bo_hold_step(ctx, ngx_bo_hold_create, ngx_http_bo_best_held);
        return;
    }

    if (rc == NGX_DECLINED && h->fresh) {

        /* The last ones may have gone to this very request. */

        ngx_http_bo_hold_recall(ctx, ngx_http_bo_best_none);
        return;
    }

    if (rc == NGX_ERROR || h->tries == NGX_HTTP_BO_BEST_TRIES) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ngx_http_bo_hold_refresh(ctx, ngx_http_bo_best_again);
}


static void
ngx_http_bo_best_none(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_TOGETHER, NULL);
}


static void
ngx_http_bo_best_again(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    if (h->hold.script.call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, h->hold.script.call.outcome);
        return;
    }

    h->fresh = 1;
    h->tries++;

    ngx_http_bo_best_try(ctx);
}


static void
ngx_http_bo_best_held(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_hold_t *h = ctx->data;

    ngx_bo_outcome_e  outcome = h->hold.script.call.outcome;

    ngx_http_bo_best_drop(h, outcome == NGX_BO_OK
                             || outcome == NGX_BO_IN_DOUBT);

    if (outcome == NGX_BO_CONFLICT) {
        ngx_http_bo_hold_refresh(ctx, ngx_http_bo_best_again);
        return;
    }

    ngx_http_bo_hold_created(ctx);
}


static void
ngx_http_bo_best_drop(ngx_http_bo_hold_t *h, ngx_uint_t held)
{
    if (h->pick) {
        ngx_bo_pick_done(h->hold.script.call.show, h->pick, held);
        h->pick = NULL;
    }
}


static void
ngx_http_bo_best_cleanup(void *data)
{
    ngx_http_bo_best_drop(data, 0);
}
