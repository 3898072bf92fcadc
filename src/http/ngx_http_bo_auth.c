
/*
 * Who asks.  A token proves it, or, for development, the client says so.
 */


#include "ngx_http_bo.h"
#include "booking/bo_role.h"


#define NGX_HTTP_BO_CHUNKS  8           /* of a session's cookie */


static ngx_int_t ngx_http_bo_auth_tokens(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_loc_conf_t *lcf);
static ngx_int_t ngx_http_bo_auth_cookies(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_loc_conf_t *lcf);
static ngx_int_t ngx_http_bo_auth_cookie(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *token);
static ngx_int_t ngx_http_bo_auth_chunks(ngx_http_request_t *r,
    ngx_str_t *chunk, ngx_uint_t n, ngx_str_t *token);
static ngx_int_t ngx_http_bo_auth_part(ngx_str_t *name, u_char *p,
    u_char *last, ngx_str_t *whole, ngx_str_t *chunk);
static ngx_int_t ngx_http_bo_auth_token(ngx_http_bo_ctx_t *ctx,
    ngx_bo_auth_source_t **sources, ngx_uint_t n, ngx_str_t *token);
static ngx_int_t ngx_http_bo_auth_development(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_auth_role(ngx_http_bo_ctx_t *ctx, bo_role_e role);
static void ngx_http_bo_auth_go_on(void *data);


ngx_int_t
ngx_http_bo_authenticate(ngx_http_bo_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_bo_loc_conf_t  *lcf;

    if (ctx->authenticated) {
        return ctx->user.len ? NGX_OK : NGX_DECLINED;
    }

    ctx->authenticated = 1;

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    if (lcf->keys) {
        rc = ngx_http_bo_auth_service(ctx);

        if (rc != NGX_DECLINED) {
            return rc == NGX_OK ? NGX_OK : NGX_DECLINED;
        }
    }

    if (lcf->auth) {
        rc = ngx_http_bo_auth_tokens(ctx, lcf);

        if (rc != NGX_DECLINED) {
            return rc == NGX_OK ? NGX_OK : NGX_DECLINED;
        }
    }

    return lcf->development ? ngx_http_bo_auth_development(ctx)
                            : NGX_DECLINED;
}


/*
 * NGX_OK; NGX_ERROR when a token in the header was refused, which is the end
 * of it; NGX_DECLINED when there was no token, or a cookie that is of no use.
 */

static ngx_int_t
ngx_http_bo_auth_tokens(ngx_http_bo_ctx_t *ctx, ngx_http_bo_loc_conf_t *lcf)
{
    ngx_str_t  token;

    if (ngx_http_bo_auth_bearer(ctx->request, &token) != NGX_OK) {
        return ngx_http_bo_auth_cookies(ctx, lcf);
    }

    return ngx_http_bo_auth_token(ctx, lcf->auth->elts, lcf->auth->nelts,
                                  &token)
           == NGX_OK ? NGX_OK : NGX_ERROR;
}


/*
 * RFC 6750, 2.1; a scheme has no case.  Another scheme is not for us.  That
 * there is one header nginx sees to.
 */

ngx_int_t
ngx_http_bo_auth_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_str_t  *value;

    static const size_t  len = sizeof("Bearer ") - 1;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;

    if (value->len < len - 1
        || ngx_strncasecmp(value->data, (u_char *) "Bearer ",
                           ngx_min(len, value->len))
           != 0)
    {
        return NGX_DECLINED;
    }

    token->data = value->data + ngx_min(len, value->len);
    token->len = value->len - ngx_min(len, value->len);

    while (token->len && *token->data == ' ') {
        token->data++;
        token->len--;
    }

    return NGX_OK;
}


/* Each source looks for its own; the first that is good counts. */

static ngx_int_t
ngx_http_bo_auth_cookies(ngx_http_bo_ctx_t *ctx, ngx_http_bo_loc_conf_t *lcf)
{
    ngx_str_t               token;
    ngx_uint_t              i, j;
    ngx_bo_auth_source_t  **source;

    if (ctx->request->headers_in.cookies.nelts == 0) {
        return NGX_DECLINED;
    }

    source = lcf->auth->elts;

    for (i = 0; i < lcf->auth->nelts; i++) {

        for (j = 0; j < source[i]->ncookies; j++) {

            if (ngx_http_bo_auth_cookie(ctx->request, &source[i]->cookie[j],
                                        &token)
                == NGX_OK
                && ngx_http_bo_auth_token(ctx, &source[i], 1, &token)
                   == NGX_OK)
            {
                ctx->by_cookie = 1;
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


/*
 * The value of name, or of name.0, name.1 and so on: what is too long for one
 * cookie comes in several.  Of cookies with the same name the first counts, as
 * browsers send the one of the longest path first.
 */

static ngx_int_t
ngx_http_bo_auth_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *token)
{
    u_char            *p, *last, *end;
    ngx_str_t          whole, chunk[NGX_HTTP_BO_CHUNKS];
    ngx_uint_t         i;
    ngx_table_elt_t  **h;

    ngx_str_null(&whole);
    ngx_memzero(chunk, sizeof(chunk));

    h = r->headers_in.cookies.elts;

    for (i = 0; i < r->headers_in.cookies.nelts; i++) {
        p = h[i]->value.data;
        last = p + h[i]->value.len;

        while (p < last) {
            end = ngx_strlchr(p, last, ';');

            if (end == NULL) {
                end = last;
            }

            if (ngx_http_bo_auth_part(name, p, end, &whole, chunk) != NGX_OK)
            {
                return NGX_DECLINED;
            }

            for (p = end + 1; p < last && *p == ' '; p++) { /* void */ }
        }
    }

    if (whole.len) {
        *token = whole;
        return NGX_OK;
    }

    for (i = 0; i < NGX_HTTP_BO_CHUNKS && chunk[i].len; i++) { /* void */ }

    return i ? ngx_http_bo_auth_chunks(r, chunk, i, token) : NGX_DECLINED;
}


static ngx_int_t
ngx_http_bo_auth_chunks(ngx_http_request_t *r, ngx_str_t *chunk, ngx_uint_t n,
    ngx_str_t *token)
{
    u_char      *p;
    ngx_uint_t   i;

    token->len = 0;

    for (i = 0; i < n; i++) {
        token->len += chunk[i].len;
    }

    p = ngx_pnalloc(r->pool, token->len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    token->data = p;

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, chunk[i].data, chunk[i].len);
    }

    return NGX_OK;
}


/* One pair; NGX_DECLINED when it is a chunk beyond all that are taken. */

static ngx_int_t
ngx_http_bo_auth_part(ngx_str_t *name, u_char *p, u_char *last,
    ngx_str_t *whole, ngx_str_t *chunk)
{
    ngx_str_t  *value;

    if ((size_t) (last - p) <= name->len
        || ngx_memcmp(p, name->data, name->len) != 0)
    {
        return NGX_OK;
    }

    p += name->len;
    value = whole;

    if (*p == '.') {

        if (last - p < 3 || p[1] < '0' || p[1] > '9' || p[2] != '=') {
            return last - p > 3 && p[1] >= '1' && p[1] <= '9'
                   && p[2] >= '0' && p[2] <= '9' && p[3] == '='
                   ? NGX_DECLINED : NGX_OK;
        }

        if (p[1] - '0' >= NGX_HTTP_BO_CHUNKS) {
            return NGX_DECLINED;
        }

        value = &chunk[p[1] - '0'];
        p += 2;
    }

    if (*p != '=' || value->data) {
        return NGX_OK;
    }

    value->data = p + 1;
    value->len = last - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_auth_token(ngx_http_bo_ctx_t *ctx, ngx_bo_auth_source_t **sources,
    ngx_uint_t n, ngx_str_t *token)
{
    bo_jwt_who_t              who;
    bo_jwt_error_e            error;
    ngx_http_request_t       *r = ctx->request;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);

    error = ngx_bo_auth_verify(mcf->auth_zone->data, sources, n, token,
                               ngx_time(), &who);

    if (error != BO_JWT_OK) {
        ctx->bad_token = 1;
        ctx->no_key |= error == BO_JWT_E_KEY;

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "a token was refused: %s", bo_jwt_error_text(error));
        return NGX_DECLINED;
    }

    return ngx_http_bo_auth_is(ctx, &who);
}


ngx_int_t
ngx_http_bo_auth_is(ngx_http_bo_ctx_t *ctx, bo_jwt_who_t *who)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, who->user_len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, who->user, who->user_len);
    ctx->user.data = p;
    ctx->user.len = who->user_len;
    ngx_http_bo_auth_role(ctx, who->role);
    ctx->bad_token = 0;

    return NGX_OK;
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


/* Once a request: a key that nobody has may be on its way. */

ngx_int_t
ngx_http_bo_auth_wait(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_http_bo_loc_conf_t  *lcf;

    if (ctx->asks_key) {
        return ngx_http_bo_auth_service_wait(ctx, run);
    }

    if (!ctx->no_key || ctx->waited) {
        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    ctx->waiter.handler = ngx_http_bo_auth_go_on;
    ctx->waiter.data = ctx;

    if (ngx_bo_jwks_missing(lcf->auth->elts, lcf->auth->nelts, &ctx->waiter)
        != NGX_AGAIN)
    {
        return NGX_DECLINED;
    }

    ctx->waited = 1;
    ctx->next = run;
    ngx_http_bo_wait(ctx, NULL);

    return NGX_AGAIN;
}


static void
ngx_http_bo_auth_go_on(void *data)
{
    ngx_http_bo_ctx_t *ctx = data;

    ctx->authenticated = 0;
    ctx->no_key = 0;
    ctx->bad_token = 0;

    ngx_http_bo_resume(ctx, ctx->next);
}
