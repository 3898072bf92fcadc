
/*
 * Who asks, by the key of a service.
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_api_keys.h"


static ngx_int_t ngx_http_bo_auth_service_key(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *text);
static void ngx_http_bo_auth_service_done(ngx_bo_call_t *call);
static void ngx_http_bo_auth_service_came(ngx_http_bo_ctx_t *ctx);


ngx_int_t
ngx_http_bo_auth_service(ngx_http_bo_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    bo_jwt_who_t              who;
    ngx_bo_api_key_ask_t     *ask;
    ngx_http_bo_main_conf_t  *mcf;

    rc = ngx_http_bo_auth_service_key(ctx, &text);
    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    ask = ngx_pcalloc(ctx->request->pool, sizeof(ngx_bo_api_key_ask_t));
    ctx->bad_token = 1;

    if (ask == NULL || rc != NGX_OK
        || ngx_bo_api_key_hash(&text, ask->hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);
    ask->zone = mcf->auth_zone->data;

    if (ngx_bo_api_key_known(ask->zone, ask->hash, ngx_time(), &who,
                             &ctx->scopes)
        == NGX_OK)
    {
        ctx->by_key = 1;
        return ngx_http_bo_auth_is(ctx, &who) == NGX_OK ? NGX_OK : NGX_ERROR;
    }

    ctx->asks_key = 1;
    ctx->key = ask;

    return NGX_ERROR;
}


/*
 * X-Api-Key, or a token that looks like a key.  NGX_OK; NGX_DECLINED when there
 * is none; NGX_ERROR when there are two.
 */

static ngx_int_t
ngx_http_bo_auth_service_key(ngx_http_bo_ctx_t *ctx, ngx_str_t *text)
{
    ngx_uint_t           n;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    n = 0;

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {
        if (ngx_http_bo_header_is(h, "x-api-key")) {
            *text = h->value;
            n++;
        }
    }

    if (n) {
        return n == 1 && ctx->request->headers_in.authorization == NULL
               ? NGX_OK : NGX_ERROR;
    }

    return ngx_http_bo_auth_bearer(ctx->request, text) == NGX_OK
           && ngx_bo_api_key_is(text) ? NGX_OK : NGX_DECLINED;
}


/* Once a request. */

ngx_int_t
ngx_http_bo_auth_service_wait(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_bo_api_key_ask_t  *ask = ctx->key;

    ctx->asks_key = 0;
    ctx->next = run;

    ask->call.store = ctx->store;
    ask->call.data = ctx;
    ask->call.done = ngx_http_bo_auth_service_done;

    ngx_http_bo_wait(ctx, &ask->call);

    if (ngx_bo_api_key_ask(ask) != NGX_AGAIN) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }

    return NGX_AGAIN;
}


static void
ngx_http_bo_auth_service_done(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_auth_service_came);
}


/* Nobody is refused because the database is away: he is to come again. */

static void
ngx_http_bo_auth_service_came(ngx_http_bo_ctx_t *ctx)
{
    ngx_bo_api_key_ask_t  *ask = ctx->key;

    ctx->call = NULL;

    if (ask->call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, ask->call.outcome);
        return;
    }

    if (ask->found && ngx_http_bo_auth_is(ctx, &ask->who) == NGX_OK) {
        ctx->by_key = 1;
        ctx->scopes = ask->scopes;
    }

    ctx->next(ctx);
}
