
/*
 * /admin/...: what administrators read and change.  A document's form is
 * checked here; what it means, its rules and its answer are in sql/035 and
 * those behind it, where a change, its note in the audit and its idempotency
 * key are one transaction.
 */


#include "ngx_http_bo_admin.h"
#include "booking/bo_query.h"
#include "store/ngx_bo_catalogue.h"
#include "store/ngx_bo_changed.h"


/* Versions that one If-Match may name. */

#define NGX_HTTP_BO_MATCHES  16


/* What a word of the outcome means: a status, or an error. */

typedef struct {
    const char                *word;
    ngx_uint_t                 status;
    ngx_http_bo_error_e        error;
} ngx_http_bo_admin_word_t;


static ngx_int_t ngx_http_bo_admin_filters(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *filters);
static ngx_int_t ngx_http_bo_admin_arg(ngx_http_bo_ctx_t *ctx,
    const ngx_http_bo_admin_arg_t *arg, ngx_str_t *value);
static ngx_uint_t ngx_http_bo_admin_arg_good(
    const ngx_http_bo_admin_arg_t *arg, ngx_str_t *value);
static ngx_int_t ngx_http_bo_admin_document(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields);
static void ngx_http_bo_admin_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *v);
static void ngx_http_bo_admin_done(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_admin_take(ngx_http_bo_ctx_t *ctx, PGresult *res);
static ngx_http_bo_admin_word_t *ngx_http_bo_admin_word(ngx_str_t *text);
static void ngx_http_bo_admin_seen(ngx_bo_call_t *call);
static void ngx_http_bo_admin_answer(ngx_http_bo_ctx_t *ctx);


static ngx_bo_pg_statement_t  ngx_http_bo_admin_list_st = {
    "admin_list",
    "select outcome, version, answer from boxoffice.admin_list($1::text,"
    " $2::bigint, $3::uuid, $4::int, $5::text)",
    5, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_admin_read_st = {
    "admin_read",
    "select outcome, version, answer from boxoffice.admin_read($1::text,"
    " $2::uuid)",
    2, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_admin_write_st = {
    "admin_write",
    "select outcome, version, answer from boxoffice.admin_write($1::text,"
    " $2::text, $3::text, $4::text, $5::text, $6::uuid, $7::int[], $8::text)",
    8, 1
};


static ngx_http_bo_admin_word_t  ngx_http_bo_admin_words[] = {
    { "found", NGX_HTTP_OK, 0 },
    { "created", NGX_HTTP_CREATED, 0 },
    { "changed", NGX_HTTP_OK, 0 },
    { "removed", NGX_HTTP_NO_CONTENT, 0 },
    { "invalid", 0, NGX_HTTP_BO_E_INVALID_FIELD },
    { "mistakes", 0, NGX_HTTP_BO_E_LAYOUT },
    { "bad_schedule", 0, NGX_HTTP_BO_E_SCHEDULE },
    { "bad_prices", 0, NGX_HTTP_BO_E_PRICES },
    { "clash", 0, NGX_HTTP_BO_E_SHOW_CLASH },
    { "over", 0, NGX_HTTP_BO_E_CLOSED },
    { "sale_begun", 0, NGX_HTTP_BO_E_SALE_BEGUN },
    { "sold", 0, NGX_HTTP_BO_E_SEAT_SOLD },
    { "no_movie", 0, NGX_HTTP_BO_E_MOVIE_NOT_FOUND },
    { "no_screen", 0, NGX_HTTP_BO_E_SCREEN_NOT_FOUND },
    { "no_theatre", 0, NGX_HTTP_BO_E_THEATRE_NOT_FOUND },
    { "no_layout", 0, NGX_HTTP_BO_E_LAYOUT_NOT_FOUND },
    { "stale", 0, NGX_HTTP_BO_E_STALE },
    { "in_use", 0, NGX_HTTP_BO_E_IN_USE },
    { "name_taken", 0, NGX_HTTP_BO_E_NAME_TAKEN },
    { "key_reused", 0, NGX_HTTP_BO_E_KEY_REUSED },
    { "in_progress", 0, NGX_HTTP_BO_E_IN_PROGRESS },
    { NULL, 0, NGX_HTTP_BO_E_INTERNAL }
};


ngx_http_bo_admin_t *
ngx_http_bo_admin_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t       *a;
    ngx_http_bo_loc_conf_t    *lcf;
    ngx_http_bo_admin_kind_t  *kind;

    a = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_admin_t));
    if (a == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);

    for (kind = ngx_http_bo_admin_kinds; kind->actions != lcf->actions;
         kind++)
    {
        /* void: the location has one of them */
    }

    bo_uuid_format((char *) a->id, &ctx->id);

    a->kind = kind;
    a->call.data = ctx;
    a->call.store = ctx->store;
    a->error = NGX_HTTP_BO_E_UNAVAILABLE;
    ctx->data = a;

    /* If-Match is an object's version here, and none of this answer's */

    ctx->request->disable_not_modified = 1;

    return a;
}


/* GET /admin/{kind} */

void
ngx_http_bo_admin_list(ngx_http_bo_ctx_t *ctx)
{
    u_char                before[NGX_INT64_LEN], limit[NGX_INT_T_LEN];
    ngx_str_t             v[5];
    ngx_http_bo_admin_t  *a;

    a = ngx_http_bo_admin_begin(ctx);

    if (a == NULL || ngx_http_bo_page(ctx, &a->page) != NGX_OK
        || ngx_http_bo_admin_filters(ctx, &v[4]) != NGX_OK)
    {
        return;
    }

    v[0].data = (u_char *) a->kind->kind;
    v[0].len = ngx_strlen(a->kind->kind);

    ngx_str_null(&v[1]);
    ngx_str_null(&v[2]);

    if (a->page.has_cursor) {
        v[1].data = before;
        v[1].len = ngx_sprintf(before, "%L", a->page.ms) - before;
        bo_uuid_format((char *) a->id, &a->page.id);
        v[2].data = a->id;
        v[2].len = BO_UUID_LEN;
    }

    v[3].data = limit;
    v[3].len = ngx_sprintf(limit, "%ui", a->page.limit) - limit;

    ngx_http_bo_admin_submit(ctx, &ngx_http_bo_admin_list_st, v);
}


/* The query as a JSON object of the filters that are there. */

static ngx_int_t
ngx_http_bo_admin_filters(ngx_http_bo_ctx_t *ctx, ngx_str_t *filters)
{
    ngx_http_bo_admin_t *a = ctx->data;

    u_char                         *p;
    ngx_int_t                       rc;
    ngx_str_t                       value;
    const ngx_http_bo_admin_arg_t  *arg;

    p = ngx_pnalloc(ctx->request->pool, 1024);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    filters->data = p;
    *p++ = '{';

    for (arg = a->kind->args; arg->name; arg++) {

        rc = ngx_http_bo_admin_arg(ctx, arg, &value);

        if (rc == NGX_ERROR) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        /* what is good has no character that JSON would escape */

        p = ngx_sprintf(p, "%s\"%s\":\"%V\"", p[-1] == '{' ? "" : ",",
                        arg->name, &value);
    }

    *p++ = '}';
    filters->len = p - filters->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_admin_arg(ngx_http_bo_ctx_t *ctx,
    const ngx_http_bo_admin_arg_t *arg, ngx_str_t *value)
{
    u_char     *src, *dst;
    ngx_str_t   raw;

    if (ngx_http_bo_arg(ctx, arg->name, &raw) != NGX_OK) {
        return NGX_DECLINED;
    }

    dst = ngx_pnalloc(ctx->request->pool, raw.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    value->data = dst;
    src = raw.data;
    ngx_unescape_uri(&dst, &src, raw.len, 0);
    value->len = dst - value->data;

    return ngx_http_bo_admin_arg_good(arg, value) ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_http_bo_admin_arg_good(const ngx_http_bo_admin_arg_t *arg,
    ngx_str_t *value)
{
    bo_uuid_t  id;

    switch (arg->type) {

    case NGX_HTTP_BO_ARG_UUID:
        return bo_uuid_parse(&id, (char *) value->data, value->len) == 0;

    case NGX_HTTP_BO_ARG_NAME:
        return bo_user_valid((char *) value->data, value->len);

    default: /* NGX_HTTP_BO_ARG_DATE */
        return bo_query_date((char *) value->data, value->len) == 0;
    }
}


/* GET /admin/{kind}/{id} */

void
ngx_http_bo_admin_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_read_as(ctx, NULL);
}


/* kind NULL: that of the location */

void
ngx_http_bo_admin_read_as(ngx_http_bo_ctx_t *ctx, const char *kind)
{
    ngx_str_t             v[2];
    ngx_http_bo_admin_t  *a;

    a = ngx_http_bo_admin_begin(ctx);
    if (a == NULL) {
        return;
    }

    a->error = a->kind->missing;
    kind = kind ? kind : a->kind->kind;

    v[0].data = (u_char *) kind;
    v[0].len = ngx_strlen(kind);
    v[1].data = a->id;
    v[1].len = BO_UUID_LEN;

    ngx_http_bo_admin_submit(ctx, &ngx_http_bo_admin_read_st, v);
}


/* POST /admin/{kind} */

void
ngx_http_bo_admin_create(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t  *a;

    a = ngx_http_bo_admin_begin(ctx);

    if (a != NULL
        && ngx_http_bo_admin_document(ctx, a->kind->fields) == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "create", NULL);
    }
}


/* PUT /admin/{kind}/{id} */

void
ngx_http_bo_admin_change(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t             matches;
    ngx_http_bo_admin_t  *a;

    a = ngx_http_bo_admin_begin(ctx);

    if (a != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK
        && ngx_http_bo_admin_document(ctx, a->kind->changes) == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "change", &matches);
    }
}


/* DELETE /admin/{kind}/{id} */

void
ngx_http_bo_admin_remove(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  matches;

    if (ngx_http_bo_admin_begin(ctx) != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK)
    {
        ngx_str_set(&ctx->body, "{}");
        ngx_http_bo_admin_write(ctx, "remove", &matches);
    }
}


void
ngx_http_bo_admin_write(ngx_http_bo_ctx_t *ctx, const char *action,
    ngx_str_t *matches)
{
    ngx_http_bo_admin_t *a = ctx->data;

    ngx_str_t  v[8];

    ngx_memzero(v, sizeof(v));

    v[0] = ctx->user;

    if (ctx->idempotency.present) {
        v[1].data = ctx->idempotency.key;
        v[1].len = NGX_BO_KEY_LEN;
        v[2].data = ctx->idempotency.fingerprint;
        v[2].len = NGX_BO_FINGERPRINT_LEN;
    }

    v[3].data = (u_char *) action;
    v[3].len = ngx_strlen(action);
    v[4].data = (u_char *) a->kind->kind;
    v[4].len = ngx_strlen(a->kind->kind);

    if (matches) {
        v[5].data = a->id;
        v[5].len = BO_UUID_LEN;
        v[6] = *matches;
    }

    v[7] = ctx->body;

    ngx_http_bo_admin_submit(ctx, &ngx_http_bo_admin_write_st, v);
}


/*
 * The tags are compared strongly (RFC 9110, 13.1.1).  What is not one of ours
 * is nobody's version.
 */

ngx_int_t
ngx_http_bo_admin_matches(ngx_http_bo_ctx_t *ctx, ngx_str_t *matches)
{
    u_char           *p, *s, *last, *tag;
    ngx_int_t         n;
    ngx_uint_t        left;
    ngx_table_elt_t  *h;

    h = ctx->request->headers_in.if_match;

    if (h == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NO_MATCH, NULL);
        return NGX_ERROR;
    }

    ngx_str_null(matches);

    if (h->value.len == 1 && h->value.data[0] == '*') {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool,
                    2 + NGX_HTTP_BO_MATCHES * (NGX_INT32_LEN + 1));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    matches->data = p;
    *p++ = '{';

    s = h->value.data;
    last = s + h->value.len;

    for (left = NGX_HTTP_BO_MATCHES; s < last && left; left--) {

        tag = s;
        s = ngx_strlchr(s, last, ',');
        s = s ? s : last;

        while (tag < s && *tag == ' ') {
            tag++;
        }

        n = s - tag > 2 && *tag == '"' && s[-1] == '"'
            ? ngx_atoi(tag + 1, s - tag - 2) : NGX_ERROR;

        if (n > 0 && n <= NGX_MAX_INT32_VALUE) {
            p = ngx_sprintf(p, "%s%i", p[-1] == '{' ? "" : ",", n);
        }

        s++;
    }

    *p++ = '}';
    matches->len = p - matches->data;

    return NGX_OK;
}


/* PUT /admin/{kind}/{id}/seats */

void
ngx_http_bo_admin_seats(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  matches;

    static const bo_json_field_t  fields[] = {
        { "broken", BO_JSON_TEXTS, 0, 0, 0, 10000, BO_LABEL_MAX, NULL },
        { "house", BO_JSON_TEXTS, 0, 0, 0, 10000, BO_LABEL_MAX, NULL },
        { "accessible", BO_JSON_TEXTS, 0, 0, 0, 10000, BO_LABEL_MAX, NULL },
        { "normal", BO_JSON_TEXTS, 0, 0, 0, 10000, BO_LABEL_MAX, NULL },
        { NULL, 0, 0, 0, 0, 0, 0, NULL }
    };

    if (ngx_http_bo_admin_begin(ctx) != NULL
        && ngx_http_bo_admin_matches(ctx, &matches) == NGX_OK
        && ngx_http_bo_admin_document(ctx, fields) == NGX_OK)
    {
        ngx_http_bo_admin_write(ctx, "seats", &matches);
    }
}


static ngx_int_t
ngx_http_bo_admin_document(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields)
{
    ngx_http_bo_admin_scratch_t  scratch;

    return ngx_http_bo_read_json(ctx, fields, &scratch);
}


static void
ngx_http_bo_admin_submit(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *v)
{
    ngx_http_bo_admin_t *a = ctx->data;

    ngx_http_bo_wait(ctx, &a->call);

    a->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, v,
                                  ngx_http_bo_admin_done, ctx);

    if (a->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_admin_done(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t    *ctx = data;
    ngx_http_bo_admin_t  *a = ctx->data;

    a->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN) {

        /* What only reads has done nothing. */

        a->error = ctx->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)
                   ? NGX_HTTP_BO_E_UNAVAILABLE : NGX_HTTP_BO_E_IN_DOUBT;

    } else if (verdict == NGX_BO_NOT_SENT) {
        a->error = NGX_HTTP_BO_E_UNAVAILABLE;

    } else if (PQresultStatus(res) != PGRES_TUPLES_OK) {

        /* its text may quote the document */

        ngx_log_error(NGX_LOG_ERR, ctx->store->log, 0,
                      "boxoffice: a statement of an administrator on \"%s\" "
                      "failed: %s", a->kind->kind,
                      PQresultErrorField(res, PG_DIAG_SQLSTATE));
        a->error = NGX_HTTP_BO_E_UNAVAILABLE;

    } else if (PQntuples(res)) {
        ngx_http_bo_admin_take(ctx, res);
    }

    /* Who has changed something finds it so with the next request. */

    a->call.done = ngx_http_bo_admin_seen;

    if (a->status
        && !(ctx->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        && ngx_bo_catalogue_changed(ctx->store, &a->call) == NGX_AGAIN)
    {
        return;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_admin_answer);
}


static void
ngx_http_bo_admin_seen(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_admin_answer);
}


static void
ngx_http_bo_admin_take(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_admin_t *a = ctx->data;

    ngx_str_t                  text, value;
    ngx_http_bo_admin_word_t  *word;

    static const size_t  len = sizeof("replayed_") - 1;

    text = ngx_bo_column(res, 0, 0);

    if (ngx_strcmp(text.data, "not_found") == 0) {
        a->error = a->kind->missing;
        return;
    }

    if (ngx_strncmp(text.data, "replayed_", len) == 0) {
        text.data += len;
        ngx_http_bo_replayed(ctx);
    }

    word = ngx_http_bo_admin_word(&text);
    value = ngx_bo_column(res, 0, 2);

    a->error = word->error;

    a->answer.len = value.len;
    a->answer.data = ngx_pstrdup(ctx->request->pool, &value);
    a->etag.data = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN + 2);

    if (a->answer.data == NULL || a->etag.data == NULL) {
        a->answer.len = 0;
        a->error = NGX_HTTP_BO_E_INTERNAL;
        return;
    }

    a->status = word->status;

    if (a->status && ctx->action->method == NGX_HTTP_PUT
        && ngx_strcmp(a->kind->kind, "show") == 0)
    {
        /* Whatever its node lived to do the first time. */

        ngx_bo_show_changed(ctx->store, &ctx->id);
    }

    if (!PQgetisnull(res, 0, 1)) {
        a->etag.len = ngx_sprintf(a->etag.data, "\"%s\"",
                                  PQgetvalue(res, 0, 1))
                      - a->etag.data;
    }
}


static ngx_http_bo_admin_word_t *
ngx_http_bo_admin_word(ngx_str_t *text)
{
    ngx_http_bo_admin_word_t  *word;

    for (word = ngx_http_bo_admin_words; word->word; word++) {
        if (ngx_strcmp(word->word, text->data) == 0) {
            break;
        }
    }

    return word;
}


static void
ngx_http_bo_admin_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_admin_t *a = ctx->data;

    static ngx_str_t  control = ngx_string("private, no-cache");

    if (a->status == 0) {
        ngx_http_bo_error(ctx, a->error, a->answer.len ? &a->answer : NULL);
        return;
    }

    if (a->status == NGX_HTTP_NO_CONTENT) {
        ngx_http_bo_send(ctx, a->status, NULL);
        return;
    }

    if (a->etag.len && ngx_http_bo_etag(ctx, &a->etag, &control) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (a->etag.len && ctx->action->method == NGX_HTTP_GET
        && ngx_http_bo_etag_known(ctx, &a->etag))
    {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, a->status, &a->answer);
}
