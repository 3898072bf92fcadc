
/*
 * POST and PUT of shows.  What is a time is read here, for its form is that of
 * all times of this API; which times there are on the clock of a theatre, and
 * what is in their way, is found by sql/038.
 */


#include "ngx_http_bo_admin.h"
#include "booking/bo_time.h"


#define NGX_HTTP_BO_SHOW_PRICE_MAX  100000000   /* show_prices_price_range */


typedef struct {
    ngx_http_bo_admin_scratch_t  scratch;
    bo_str_t                     starts_at;
    bo_str_t                     currency;
} ngx_http_bo_admin_show_t;


static ngx_int_t ngx_http_bo_admin_show_body(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_admin_show_t *show);


static const bo_json_field_t  ngx_http_bo_new_show_fields[] = {

    { "screenId", BO_JSON_STRING, 0, 1, BO_UUID_LEN, BO_UUID_LEN, 0, NULL },

    { "movieId", BO_JSON_STRING, 0, 1, BO_UUID_LEN, BO_UUID_LEN, 0, NULL },

    { "startsAt", BO_JSON_STRING,
      offsetof(ngx_http_bo_admin_show_t, starts_at), 0, 1, 64, 0, NULL },

    { "dates", BO_JSON_TEXTS, 0, 0, 1, 100, 10, NULL },

    { "times", BO_JSON_TEXTS, 0, 0, 1, 12, 5, NULL },

    { "durationMinutes", BO_JSON_INTEGER, 0, 0, 1, 1440, 0, NULL },

    { "currency", BO_JSON_STRING,
      offsetof(ngx_http_bo_admin_show_t, currency), 1, 3, 3, 0, NULL },

    { "prices", BO_JSON_INTEGERS, 0, 1, 1, BO_JSON_MAX_INTEGERS,
      NGX_HTTP_BO_SHOW_PRICE_MAX, NULL },

    { "orphanRule", BO_JSON_BOOLEAN, 0, 0, 0, 0, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_moved_show_fields[] = {

    { "startsAt", BO_JSON_STRING,
      offsetof(ngx_http_bo_admin_show_t, starts_at), 1, 1, 64, 0, NULL },

    { "durationMinutes", BO_JSON_INTEGER, 0, 1, 1, 1440, 0, NULL },

    { "orphanRule", BO_JSON_BOOLEAN, 0, 0, 0, 0, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_prices_fields[] = {

    { "prices", BO_JSON_INTEGERS, 0, 1, 1, BO_JSON_MAX_INTEGERS,
      NGX_HTTP_BO_SHOW_PRICE_MAX, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* POST /admin/shows */

void
ngx_http_bo_admin_show_create(ngx_http_bo_ctx_t *ctx)
{
    ngx_uint_t                i;
    ngx_http_bo_admin_show_t  show;

    ngx_memzero(&show, sizeof(ngx_http_bo_admin_show_t));

    if (ngx_http_bo_admin_begin(ctx) == NULL
        || ngx_http_bo_read_json(ctx, ngx_http_bo_new_show_fields, &show)
           != NGX_OK)
    {
        return;
    }

    for (i = 0; i < 3; i++) {
        if (show.currency.data[i] < 'A' || show.currency.data[i] > 'Z') {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                    "currency");
            return;
        }
    }

    if (ngx_http_bo_admin_show_body(ctx, &show) == NGX_OK) {
        ngx_http_bo_admin_write(ctx, "create", NULL);
    }
}


/* PUT /admin/shows/{id} */

void
ngx_http_bo_admin_show_change(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                 matches;
    ngx_http_bo_admin_show_t  show;

    ngx_memzero(&show, sizeof(ngx_http_bo_admin_show_t));

    if (ngx_http_bo_admin_begin(ctx) != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK
        && ngx_http_bo_read_json(ctx, ngx_http_bo_moved_show_fields, &show)
           == NGX_OK
        && ngx_http_bo_admin_show_body(ctx, &show) == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "change", &matches);
    }
}


/* PUT /admin/shows/{id}/prices */

void
ngx_http_bo_admin_show_prices(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                 matches;
    ngx_http_bo_admin_show_t  show;

    if (ngx_http_bo_admin_begin(ctx) != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK
        && ngx_http_bo_read_json(ctx, ngx_http_bo_prices_fields, &show)
           == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "prices", &matches);
    }
}


/* GET /admin/shows/{id}/sales */

void
ngx_http_bo_admin_show_sales(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_read_as(ctx, "show_sales");
}


/*
 * The same document, with the moment of startsAt beside its text: in front, for
 * it is an object with a field at least, and no field of ours has that name.
 */

static ngx_int_t
ngx_http_bo_admin_show_body(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_admin_show_t *show)
{
    u_char   *p, *brace;
    int64_t   ms;

    if (show->starts_at.len == 0) {
        return NGX_OK;
    }

    if (bo_time_parse(&ms, show->starts_at.data, show->starts_at.len) != 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "startsAt");
        return NGX_ERROR;
    }

    brace = ngx_strlchr(ctx->body.data, ctx->body.data + ctx->body.len, '{');

    p = ngx_pnalloc(ctx->request->pool,
                    ctx->body.len + sizeof("{\"startsAtMs\":,")
                    + NGX_INT64_LEN);
    if (p == NULL || brace == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    brace++;
    ctx->body.len -= brace - ctx->body.data;
    ctx->body.data = p;

    p = ngx_sprintf(p, "{\"startsAtMs\":%L,", ms);
    p = ngx_cpymem(p, brace, ctx->body.len);
    ctx->body.len = p - ctx->body.data;

    return NGX_OK;
}
