
/*
 * Answers: the headers they all have, and pieces of JSON.
 */


#include "ngx_http_bo.h"
#include "booking/bo_time.h"


static ngx_int_t ngx_http_bo_body(ngx_http_request_t *r, ngx_str_t *body);


void
ngx_http_bo_send(ngx_http_bo_ctx_t *ctx, ngx_uint_t status, ngx_str_t *body)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = ctx->request;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  problem = ngx_string("application/problem+json");
    static ngx_str_t  no_store = ngx_string("no-store");

    ngx_http_bo_count_status(ctx, status);

    /*
     * A body that nobody has read would be taken for the next request of the
     * connection.
     */

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = body ? (off_t) body->len
                                      : status == NGX_HTTP_NOT_MODIFIED ? -1
                                                                        : 0;

    if (body) {
        r->headers_out.content_type = ctx->problem && status >= 400 ? problem
                                      : ctx->type.len && status < 400
                                      ? ctx->type : json;
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    if (ngx_http_bo_header(r, "X-Request-Id", &ctx->request_id) == NULL
        || (!ctx->cacheable
            && ngx_http_bo_header(r, "Cache-Control", &no_store) == NULL))
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_OK && body && !r->header_only) {
        rc = ngx_http_bo_body(r, body);

    } else if (rc == NGX_OK && !r->header_only) {
        rc = ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_bo_body(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


void
ngx_http_bo_count_status(ngx_http_bo_ctx_t *ctx, ngx_uint_t status)
{
    if (ctx->store) {
        ngx_bo_count(ctx->store, requests[status / 100]);
    }
}


void
ngx_http_bo_replayed(ngx_http_bo_ctx_t *ctx)
{
    static ngx_str_t  value = ngx_string("true");

    (void) ngx_http_bo_header(ctx->request, "Idempotency-Replayed", &value);
}


ngx_table_elt_t *
ngx_http_bo_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return h;
}


/* What needs no escape: names of the configuration, tokens. */

u_char *
ngx_http_bo_put_plain(u_char *p, const char *name, const ngx_str_t *value)
{
    p = ngx_http_bo_put(p, name);

    *p++ = '"';
    p = ngx_cpymem(p, value->data, value->len);
    *p++ = '"';

    return p;
}


/* The caller's room for value is six times its length, and two quotes. */

u_char *
ngx_http_bo_put_str(u_char *p, const char *name, ngx_str_t *value)
{
    p = ngx_http_bo_put(p, name);

    *p++ = '"';
    p = (u_char *) ngx_escape_json(p, value->data, value->len);
    *p++ = '"';

    return p;
}


u_char *
ngx_http_bo_put_uuid(u_char *p, const char *name, bo_uuid_t *id)
{
    p = ngx_http_bo_put(p, name);

    *p++ = '"';
    bo_uuid_format((char *) p, id);
    p += BO_UUID_LEN;
    *p++ = '"';

    return p;
}


u_char *
ngx_http_bo_put_bool(u_char *p, const char *name, ngx_uint_t value)
{
    p = ngx_http_bo_put(p, name);

    return ngx_http_bo_put(p, value ? "true" : "false");
}


/* 0 is null: nothing of ours happened in 1970. */

u_char *
ngx_http_bo_put_time(u_char *p, const char *name, int64_t ms)
{
    p = ngx_http_bo_put(p, name);

    if (ms == 0) {
        return ngx_http_bo_put(p, "null");
    }

    *p++ = '"';
    bo_time_format((char *) p, ms);
    p += BO_TIME_LEN;
    *p++ = '"';

    return p;
}


/* Labels have no character that JSON would escape. */

u_char *
ngx_http_bo_put_seats(u_char *p, const char *name, bo_layout_t *layout,
    bo_seats_t *seats)
{
    uint32_t    i;
    bo_seat_t  *seat;

    p = ngx_http_bo_put(p, name);

    *p++ = '[';

    for (i = 0; i < seats->n; i++) {
        if (seats->no[i] >= layout->nseats) {
            continue;
        }

        seat = &layout->seats[seats->no[i]];

        if (p[-1] != '[') {
            *p++ = ',';
        }

        *p++ = '"';
        p = ngx_cpymem(p, seat->label, seat->label_len);
        *p++ = '"';
    }

    *p++ = ']';

    return p;
}
