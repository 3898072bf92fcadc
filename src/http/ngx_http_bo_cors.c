
/*
 * Cross-origin requests, from the origins that the operator has named.
 */


#include "ngx_http_bo.h"


static ngx_str_t *ngx_http_bo_origin(ngx_http_bo_ctx_t *ctx,
    ngx_array_t *cors);


ngx_int_t
ngx_http_bo_cors(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t               *origin;
    ngx_http_request_t      *r = ctx->request;
    ngx_http_bo_loc_conf_t  *lcf;

    static ngx_str_t  vary = ngx_string("Origin");
    static ngx_str_t  expose = ngx_string("X-Request-Id, Retry-After, ETag, "
                                          "Allow, Idempotency-Replayed, "
                                          "RateLimit, RateLimit-Policy");
    static ngx_str_t  methods = ngx_string("GET, POST, PUT, PATCH, DELETE");
    static ngx_str_t  headers = ngx_string("Content-Type, Authorization, "
                                           "Idempotency-Key, If-Match, "
                                           "If-None-Match, X-Api-Key, "
                                           "X-Request-Id, X-User-Id, "
                                           "X-Boxoffice-Ticket, "
                                           "X-Boxoffice-Pass");
    static ngx_str_t  age = ngx_string("600");

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);

    if (lcf->cors == NULL) {
        return NGX_OK;
    }

    /* A cache must not give the answer for one origin to another. */

    (void) ngx_http_bo_header(r, "Vary", &vary);

    origin = ngx_http_bo_origin(ctx, lcf->cors);

    if (origin == NULL) {
        return NGX_OK;
    }

    /* The operator's spelling goes out, not the client's. */

    if (ngx_http_bo_header(r, "Access-Control-Allow-Origin", origin) == NULL) {
        return NGX_OK;
    }

    if (r->method != NGX_HTTP_OPTIONS) {
        (void) ngx_http_bo_header(r, "Access-Control-Expose-Headers",
                                  &expose);
        return NGX_OK;
    }

    (void) ngx_http_bo_header(r, "Access-Control-Allow-Methods", &methods);
    (void) ngx_http_bo_header(r, "Access-Control-Allow-Headers", &headers);
    (void) ngx_http_bo_header(r, "Access-Control-Max-Age", &age);

    ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);

    return NGX_DONE;
}


/*
 * A page may open a WebSocket to anywhere, and browsers ask nobody: it is the
 * server who looks at the origin.
 */

ngx_uint_t
ngx_http_bo_foreign(ngx_http_bo_ctx_t *ctx)
{
    u_char                  *p;
    ngx_str_t               *host;
    ngx_table_elt_t         *h;
    ngx_http_bo_walk_t       walk = ngx_http_bo_walk(ctx->request);
    ngx_http_bo_loc_conf_t  *lcf;

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {
        if (ngx_http_bo_header_is(h, "origin")) {
            break;
        }
    }

    if (h == NULL) {
        return 0;    /* no page */
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    if (lcf->cors && ngx_http_bo_origin(ctx, lcf->cors)) {
        return 0;
    }

    p = (u_char *) ngx_strstr(h->value.data, "://");

    if (p == NULL || ctx->request->headers_in.host == NULL) {
        return 1;
    }

    p += sizeof("://") - 1;
    host = &ctx->request->headers_in.host->value;

    return (size_t) (h->value.data + h->value.len - p) != host->len
           || ngx_strncasecmp(p, host->data, host->len) != 0;
}


/* The configured origin that the request's Origin is, or NULL. */

static ngx_str_t *
ngx_http_bo_origin(ngx_http_bo_ctx_t *ctx, ngx_array_t *cors)
{
    ngx_str_t               *allowed;
    ngx_uint_t               i;
    ngx_table_elt_t         *h;
    ngx_http_bo_walk_t       walk = ngx_http_bo_walk(ctx->request);

    allowed = cors->elts;

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (!ngx_http_bo_header_is(h, "origin")) {
            continue;
        }

        for (i = 0; i < cors->nelts; i++) {
            if (allowed[i].len == h->value.len
                && ngx_strncasecmp(allowed[i].data, h->value.data,
                                   allowed[i].len)
                   == 0)
            {
                return &allowed[i];
            }
        }
    }

    return NULL;
}
