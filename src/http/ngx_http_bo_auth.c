
/*
 * Who asks.  For now there is one way, for development: the client says so.
 */


#include "ngx_http_bo.h"
#include "booking/bo_role.h"


static ngx_int_t ngx_http_bo_auth_development(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_auth_role(ngx_http_bo_ctx_t *ctx, bo_role_e role);


ngx_int_t
ngx_http_bo_authenticate(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_loc_conf_t  *lcf;

    if (ctx->authenticated) {
        return ctx->user.len ? NGX_OK : NGX_DECLINED;
    }

    ctx->authenticated = 1;

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    switch (lcf->auth) {

    case NGX_HTTP_BO_AUTH_DEVELOPMENT:
        return ngx_http_bo_auth_development(ctx);

    default:
        return NGX_DECLINED;
    }
}


/* x-user-id, and x-user-role: STAFF or ADMIN.  One of each, or nobody. */

static ngx_int_t
ngx_http_bo_auth_development(ngx_http_bo_ctx_t *ctx)
{
    ngx_uint_t           users, roles;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    users = 0;
    roles = 0;

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (ngx_http_bo_header_is(h, "x-user-id")) {
            users++;
            ctx->user = h->value;

        } else if (ngx_http_bo_header_is(h, "x-user-role")) {
            roles++;
            ngx_http_bo_auth_role(ctx, bo_role_parse((char *) h->value.data,
                                                     h->value.len));
        }
    }

    if (users != 1 || roles > 1
        || !bo_user_valid((char *) ctx->user.data, ctx->user.len))
    {
        ngx_str_null(&ctx->user);
        ngx_http_bo_auth_role(ctx, BO_ROLE_CUSTOMER);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_bo_auth_role(ngx_http_bo_ctx_t *ctx, bo_role_e role)
{
    ctx->staff = role >= BO_ROLE_STAFF;
    ctx->admin = role >= BO_ROLE_ADMIN;
}
