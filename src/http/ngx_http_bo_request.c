
/*
 * The life of a request: which action it is, who asks, its body; how an
 * action waits for the store, and what happens when the client leaves.
 */


#include "ngx_http_bo.h"

#include <openssl/sha.h>


static void ngx_http_bo_cleanup(void *data);
static void ngx_http_bo_headers(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_request_id(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_route(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_path(ngx_http_bo_ctx_t *ctx, ngx_uint_t *path,
    ngx_str_t *verb);
static ngx_int_t ngx_http_bo_path_id(bo_uuid_t *id, const u_char *text);
static ngx_int_t ngx_http_bo_path_named(ngx_http_bo_ctx_t *ctx, u_char *p,
    size_t n, ngx_uint_t *path, ngx_str_t *verb);
static ngx_uint_t ngx_http_bo_verb_is(ngx_http_bo_action_t *a,
    ngx_uint_t path, ngx_str_t *verb);
static void ngx_http_bo_allow(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_action_t *actions, ngx_uint_t path, ngx_str_t *verb);
static void ngx_http_bo_act(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_admit(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_admit_user(ngx_http_bo_ctx_t *ctx,
    ngx_uint_t needs);
static ngx_int_t ngx_http_bo_want_body(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_body_ready(ngx_http_request_t *r);
static void ngx_http_bo_body_late(ngx_event_t *ev);
static void ngx_http_bo_show_done(ngx_bo_call_t *call);
static void ngx_http_bo_show_found(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_collect_body(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_fingerprint(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_hash(u_char *hex, const void *a, size_t alen,
    ngx_str_t *b, ngx_str_t *c);


ngx_int_t
ngx_http_bo_handler(ngx_http_request_t *r)
{
    ngx_http_bo_ctx_t  *ctx;

    ctx = ngx_http_bo_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * From here on the request ends in ngx_http_bo_send() and nowhere else,
     * now or later; the caller's own reference goes with NGX_DONE.
     */

    r->main->count++;
    ngx_http_bo_begin(ctx);

    return NGX_DONE;
}


ngx_http_bo_ctx_t *
ngx_http_bo_get_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_bo_ctx_t        *ctx;
    ngx_http_bo_main_conf_t  *mcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_boxoffice_module);
    if (ctx != NULL) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bo_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_bo_cleanup;
    cln->data = ctx;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);

    ctx->request = r;
    ctx->store = mcf->store;

    ngx_http_bo_headers(ctx);

    if (ngx_http_bo_request_id(ctx) != NGX_OK) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_boxoffice_module);

    return ctx;
}


/*
 * The request is going, whatever the reason.  What was sent to a server goes
 * on there; nobody will be told.
 */

static void
ngx_http_bo_cleanup(void *data)
{
    ngx_http_bo_ctx_t *ctx = data;

    if (ctx->call) {
        ngx_bo_call_cancel(ctx->call);
        ctx->call = NULL;
    }

    ngx_bo_jwks_forget(&ctx->waiter);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->doc) {
        bo_json_free(ctx->doc);
        ctx->doc = NULL;
    }
}


static void
ngx_http_bo_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_request_t  *r = ctx->request;

    if (r->http_version < NGX_HTTP_VERSION_10
        || (r->http_version > NGX_HTTP_VERSION_11
            && r->http_version < NGX_HTTP_VERSION_20))
    {
        r->keepalive = 0;
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_VERSION, NULL);
        return;
    }

    if (ngx_http_bo_cors(ctx) == NGX_DONE) {
        return;
    }

    if (ctx->store == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ngx_http_bo_route(ctx);
}


ngx_table_elt_t *
ngx_http_bo_next_header(ngx_http_bo_walk_t *walk)
{
    ngx_table_elt_t  *h;

    while (walk->i >= walk->part->nelts) {
        if (walk->part->next == NULL) {
            return NULL;
        }

        walk->part = walk->part->next;
        walk->i = 0;
    }

    h = walk->part->elts;

    return &h[walk->i++];
}


/* What nginx does not look for by itself. */

static void
ngx_http_bo_headers(ngx_http_bo_ctx_t *ctx)
{
    const char          *key;
    size_t               len;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (ngx_http_bo_header_is(h, "accept")) {
            ctx->problem = ngx_strnstr(h->value.data,
                                       "application/problem+json",
                                       h->value.len)
                           != NULL;

        } else if (ngx_http_bo_header_is(h, "x-request-id")) {

            if (bo_user_valid((char *) h->value.data, h->value.len)) {
                ctx->request_id = h->value;
            }

        } else if (ngx_http_bo_header_is(h, "idempotency-key")) {

            if (ctx->idempotency.present
                || bo_idempotency_key_parse(&key, &len,
                                            (char *) h->value.data,
                                            h->value.len)
                   != 0)
            {
                ctx->bad_key = 1;
                continue;
            }

            ctx->idempotency.present = 1;
            ngx_http_bo_hash(ctx->idempotency.key, key, len, NULL, NULL);
        }
    }
}


/* The client's own id when it has a decent one, else a random one. */

static ngx_int_t
ngx_http_bo_request_id(ngx_http_bo_ctx_t *ctx)
{
    u_char  random[16];

    if (ctx->request_id.len) {
        return NGX_OK;
    }

    ctx->request_id.data = ngx_pnalloc(ctx->request->pool, 32);

    if (ctx->request_id.data == NULL
        || ngx_bo_random(random, sizeof(random)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    bo_hex_id((char *) ctx->request_id.data, random);
    ctx->request_id.len = 32;

    return NGX_OK;
}


static void
ngx_http_bo_route(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                verb;
    ngx_uint_t               path, method, found;
    ngx_http_bo_action_t    *a;
    ngx_http_bo_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    if (ngx_http_bo_path(ctx, &path, &verb) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    method = ctx->request->method;
    if (method == NGX_HTTP_HEAD) {
        method = NGX_HTTP_GET;
    }

    found = 0;

    for (a = lcf->actions; a->run; a++) {

        if (!ngx_http_bo_verb_is(a, path, &verb)) {
            continue;
        }

        if (a->method == method) {
            ctx->action = a;
            ctx->rest.data = verb.data + a->verb.len;
            ctx->rest.len = verb.len - a->verb.len;

            ngx_http_bo_act(ctx);
            return;
        }

        found = 1;
    }

    if (found) {
        ngx_http_bo_allow(ctx, lcf->actions, path, &verb);
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_METHOD, NULL);
        return;
    }

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
}


/* What follows the location's name: nothing, /{id}, /{id}/verb, /word. */

static ngx_int_t
ngx_http_bo_path(ngx_http_bo_ctx_t *ctx, ngx_uint_t *path, ngx_str_t *verb)
{
    u_char                    *p;
    size_t                     n;
    ngx_http_request_t        *r = ctx->request;
    ngx_http_bo_loc_conf_t    *lcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_str_null(verb);

    p = r->uri.data + clcf->name.len;
    n = r->uri.len - ngx_min(clcf->name.len, r->uri.len);

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/'
        && r->uri.len >= clcf->name.len)
    {
        p--;
        n++;
    }

    if (n == 0) {
        *path = NGX_HTTP_BO_LIST;
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);

    if (lcf->named) {
        return ngx_http_bo_path_named(ctx, p, n, path, verb);
    }

    if (*p != '/') {
        return NGX_DECLINED;
    }

    if (n < 1 + BO_UUID_LEN
        || ngx_http_bo_path_id(&ctx->id, p + 1) != NGX_OK)
    {
        *path = NGX_HTTP_BO_WORD;
        verb->data = p + 1;
        verb->len = n - 1;

        return NGX_OK;
    }

    if (n == 1 + BO_UUID_LEN) {
        *path = NGX_HTTP_BO_ONE;
        return NGX_OK;
    }

    p += 1 + BO_UUID_LEN;

    if (*p != '/') {
        return NGX_DECLINED;
    }

    *path = NGX_HTTP_BO_VERB;
    verb->data = p + 1;
    verb->len = n - 1 - BO_UUID_LEN - 1;

    return NGX_OK;
}


/* In a rush nearly all ask for one show: the id of the request before. */

static ngx_int_t
ngx_http_bo_path_id(bo_uuid_t *id, const u_char *text)
{
    static u_char     last[BO_UUID_LEN];
    static bo_uuid_t  last_id;

    if (ngx_memcmp(text, last, BO_UUID_LEN) != 0) {

        if (bo_uuid_parse(&last_id, (char *) text, BO_UUID_LEN) != 0) {
            last[0] = '\0';
            return NGX_DECLINED;
        }

        ngx_memcpy(last, text, BO_UUID_LEN);
    }

    *id = last_id;

    return NGX_OK;
}


/* The same with a name: /{name}, /{name}/verb. */

static ngx_int_t
ngx_http_bo_path_named(ngx_http_bo_ctx_t *ctx, u_char *p, size_t n,
    ngx_uint_t *path, ngx_str_t *verb)
{
    u_char  *slash, *last;

    last = p + n;

    if (*p++ != '/') {
        return NGX_DECLINED;
    }

    slash = ngx_strlchr(p, last, '/');

    ctx->name.data = p;
    ctx->name.len = (slash ? slash : last) - p;

    if (ctx->name.len == 0) {
        return NGX_DECLINED;
    }

    *path = slash ? NGX_HTTP_BO_VERB : NGX_HTTP_BO_ONE;

    if (slash) {
        verb->data = slash + 1;
        verb->len = last - slash - 1;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_bo_verb_is(ngx_http_bo_action_t *a, ngx_uint_t path, ngx_str_t *verb)
{
    size_t  len;

    len = a->verb.len;

    if (a->path != path || len > verb->len
        || (len < verb->len && (len == 0 || a->verb.data[len - 1] != '/')))
    {
        return 0;
    }

    return ngx_memcmp(a->verb.data, verb->data, len) == 0;
}


/* The Allow header of a 405. */

static void
ngx_http_bo_allow(ngx_http_bo_ctx_t *ctx, ngx_http_bo_action_t *actions,
    ngx_uint_t path, ngx_str_t *verb)
{
    u_char                *p;
    ngx_str_t              value;
    ngx_http_bo_action_t  *a;

    p = ngx_pnalloc(ctx->request->pool, 64);
    if (p == NULL) {
        return;
    }

    value.data = p;

    for (a = actions; a->run; a++) {

        if (!ngx_http_bo_verb_is(a, path, verb)) {
            continue;
        }

        if (p != value.data) {
            p = ngx_http_bo_put(p, ", ");
        }

        p = ngx_http_bo_put(p, a->method == NGX_HTTP_GET ? "GET, HEAD"
                               : a->method == NGX_HTTP_POST ? "POST"
                               : a->method == NGX_HTTP_PUT ? "PUT"
                               : a->method == NGX_HTTP_PATCH ? "PATCH"
                                                           : "DELETE");
    }

    value.len = p - value.data;
    (void) ngx_http_bo_header(ctx->request, "Allow", &value);
}


static void
ngx_http_bo_act(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_admit(ctx) == NGX_OK) {
        ctx->action->run(ctx);
    }
}


/*
 * Checks what the action needs.  NGX_OK: go on; NGX_DONE: the answer is on its
 * way, or the body is being read.
 */

static ngx_int_t
ngx_http_bo_admit(ngx_http_bo_ctx_t *ctx)
{
    ngx_uint_t           needs = ctx->action->needs;
    ngx_http_request_t  *r = ctx->request;

    if ((needs & (NGX_HTTP_BO_USER|NGX_HTTP_BO_STAFF|NGX_HTTP_BO_ADMIN))
        && ngx_http_bo_admit_user(ctx, needs) != NGX_OK)
    {
        return NGX_DONE;
    }

    if (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD) {

        if (ctx->bad_key) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_KEY_INVALID, NULL);
            return NGX_DONE;
        }

        if ((needs & NGX_HTTP_BO_KEY) && !ctx->idempotency.present) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_KEY_MISSING, NULL);
            return NGX_DONE;
        }
    }

    if (needs & NGX_HTTP_BO_BODY) {
        return ngx_http_bo_want_body(ctx);
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_BAD_REQUEST, NULL);
        return NGX_DONE;
    }

    ngx_http_bo_fingerprint(ctx);

    return NGX_OK;
}


static size_t
ngx_http_bo_body_max(ngx_http_bo_ctx_t *ctx)
{
    return ctx->action->needs & NGX_HTTP_BO_HUGE ? NGX_HTTP_BO_LAYOUT_MAX
           : ctx->action->needs & NGX_HTTP_BO_LONG ? NGX_HTTP_BO_LONG_MAX
           : ctx->action->needs & NGX_HTTP_BO_LARGE ? NGX_HTTP_BO_WEBHOOK_MAX
                                                    : NGX_HTTP_BO_BODY_MAX;
}


static ngx_int_t
ngx_http_bo_admit_user(ngx_http_bo_ctx_t *ctx, ngx_uint_t needs)
{
    ngx_uint_t               method, write;
    ngx_http_bo_loc_conf_t  *lcf;

    method = ctx->request->method;
    write = method != NGX_HTTP_GET && method != NGX_HTTP_HEAD;

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    if (ngx_http_bo_authenticate(ctx) != NGX_OK) {

        if (ngx_http_bo_auth_wait(ctx, ngx_http_bo_act) != NGX_AGAIN) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAUTHORIZED, NULL);
        }

        return NGX_DONE;
    }

    /* a browser sends its cookies for the pages of others, too */

    if (((needs & NGX_HTTP_BO_ADMIN) && !ctx->admin)
        || ((needs & NGX_HTTP_BO_STAFF) && !ctx->staff)
        || (ctx->by_key
            && !bo_scope_allows(ctx->scopes, lcf->scope, write))
        || (ctx->by_cookie && write && ngx_http_bo_foreign(ctx)))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_want_body(ngx_http_bo_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t           *type;
    ngx_http_request_t  *r = ctx->request;

    static const size_t  len = sizeof("application/json") - 1;

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (type == NULL || type->len < len
        || ngx_strncasecmp(type->data, (u_char *) "application/json", len)
           != 0
        || (type->len > len && type->data[len] != ';'
            && type->data[len] != ' '))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_MEDIA_TYPE, NULL);
        return NGX_DONE;
    }

    if (r->headers_in.content_length_n > (off_t) ngx_http_bo_body_max(ctx)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOO_LARGE, NULL);
        return NGX_DONE;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_bo_body_ready);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    if (rc == NGX_AGAIN) {
        ctx->timer.handler = ngx_http_bo_body_late;
        ctx->timer.data = ctx;
        ctx->timer.log = r->connection->log;
        ngx_add_timer(&ctx->timer, NGX_HTTP_BO_BODY_TIMEOUT);
    }

    /*
     * nginx has counted the body's reader; there is one end of this request,
     * and it has its own count.
     */

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_bo_body_ready(ngx_http_request_t *r)
{
    ngx_http_bo_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_boxoffice_module);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ngx_http_bo_collect_body(ctx) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ctx->body.len > ngx_http_bo_body_max(ctx)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOO_LARGE, NULL);
        return;
    }

    ngx_http_bo_fingerprint(ctx);
    ctx->action->run(ctx);
}


/* In one buffer as a rule, in a file where the operator made buffers small. */

static ngx_int_t
ngx_http_bo_collect_body(ngx_http_bo_ctx_t *ctx)
{
    u_char               *p;
    size_t                len;
    ssize_t               n;
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_request_t   *r = ctx->request;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && !cl->buf->in_file) {
        ctx->body.data = cl->buf->pos;
        ctx->body.len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    ctx->body.len = len;

    if (len > ngx_http_bo_body_max(ctx)) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->body.data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        len = (size_t) (b->file_last - b->file_pos);

        n = ngx_read_file(b->file, p, len, b->file_pos);
        if (n < 0 || (size_t) n != len) {
            return NGX_ERROR;
        }

        p += len;
    }

    return NGX_OK;
}


static void
ngx_http_bo_body_late(ngx_event_t *ev)
{
    ngx_http_bo_ctx_t *ctx = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    /* What is left of the body would be taken for the next request. */

    r->keepalive = 0;
    r->read_event_handler = ngx_http_block_reading;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TIMEOUT, NULL);
    ngx_http_run_posted_requests(c);
}


/* A key stands for its request: the method, the path and the body. */

static void
ngx_http_bo_fingerprint(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_request_t  *r = ctx->request;

    if (ctx->idempotency.present) {
        ngx_http_bo_hash(ctx->idempotency.fingerprint, r->method_name.data,
                         r->method_name.len, &r->uri, &ctx->body);
    }
}


static void
ngx_http_bo_hash(u_char *hex, const void *a, size_t alen, ngx_str_t *b,
    ngx_str_t *c)
{
    u_char      digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX  sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, a, alen);

    if (b) {
        SHA256_Update(&sha, "\n", 1);
        SHA256_Update(&sha, b->data, b->len);
    }

    if (c) {
        SHA256_Update(&sha, "\n", 1);
        SHA256_Update(&sha, c->data, c->len);
    }

    SHA256_Final(digest, &sha);

    ngx_hex_dump(hex, digest, NGX_BO_KEY_LEN / 2);
}


void
ngx_http_bo_wait(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call)
{
    ngx_http_request_t  *r = ctx->request;

    ctx->call = call;

    /* From now on a client that leaves is noticed, by HTTP/2, too. */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
}


void
ngx_http_bo_resume(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);
    r->read_event_handler = ngx_http_block_reading;

    run(ctx);

    ngx_http_run_posted_requests(c);
}


void
ngx_http_bo_with_show(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call,
    ngx_http_bo_run_pt run)
{
    call->data = ctx;
    call->done = ngx_http_bo_show_done;
    ctx->next = run;

    ngx_http_bo_wait(ctx, call);

    if (ngx_bo_show_get(ctx->store, &ctx->id, 0, call) == NGX_OK) {
        run(ctx);
    }
}


void
ngx_http_bo_with_show_again(ngx_http_bo_ctx_t *ctx, ngx_bo_call_t *call,
    ngx_http_bo_run_pt run)
{
    if (ctx->again || !ngx_bo_seatmap_outdated(call->show)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ctx->again = 1;
    ctx->next = run;

    ngx_bo_call_cancel(call);
    call->done = ngx_http_bo_show_done;

    ngx_http_bo_wait(ctx, call);
    ngx_bo_show_reload(ctx->store, &ctx->id, call);
}


static void
ngx_http_bo_show_done(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_show_found);
}


static void
ngx_http_bo_show_found(ngx_http_bo_ctx_t *ctx)
{
    switch (ctx->call->outcome) {

    case NGX_BO_OK:
        ctx->next(ctx);
        return;

    case NGX_BO_NOT_FOUND:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_NOT_FOUND, NULL);
        return;

    default:
        ngx_http_bo_error_outcome(ctx, ctx->call->outcome);
    }
}


ngx_int_t
ngx_http_bo_read_json(ngx_http_bo_ctx_t *ctx, const bo_json_field_t *fields,
    void *out)
{
    bo_json_error_t      error;
    ngx_http_bo_error_e  e;

    ctx->doc = ngx_palloc(ctx->request->pool, sizeof(bo_json_doc_t));
    if (ctx->doc == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    ctx->doc->root = NULL;

    if (bo_json_read(ctx->doc, (char *) ctx->body.data, ctx->body.len, fields,
                     out, &error)
        == 0)
    {
        return NGX_OK;
    }

    switch (error.code) {

    case BO_JSON_TOO_LARGE:
        e = NGX_HTTP_BO_E_TOO_LARGE;
        break;

    case BO_JSON_UNKNOWN_FIELD:
        e = NGX_HTTP_BO_E_UNKNOWN_FIELD;
        break;

    case BO_JSON_DUPLICATE_FIELD:
        e = NGX_HTTP_BO_E_DUPLICATE_FIELD;
        break;

    case BO_JSON_MISSING_FIELD:
        e = NGX_HTTP_BO_E_MISSING_FIELD;
        break;

    case BO_JSON_WRONG_TYPE:
    case BO_JSON_OUT_OF_RANGE:
        e = NGX_HTTP_BO_E_INVALID_FIELD;
        break;

    default:
        e = NGX_HTTP_BO_E_INVALID_JSON;
    }

    if (error.field) {
        ngx_http_bo_error_field(ctx, e, error.field);

    } else {
        ngx_http_bo_error(ctx, e, NULL);
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_http_bo_arg(ngx_http_bo_ctx_t *ctx, const char *name, ngx_str_t *value)
{
    return ngx_http_arg(ctx->request, (u_char *) name, ngx_strlen(name),
                        value);
}
