
/*
 * /admin/api-keys: keys by which services ask.
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_api_keys.h"

#include "booking/bo_time.h"


#define NGX_HTTP_BO_SCOPES_MAX  32
#define NGX_HTTP_BO_SCOPE_LEN   64


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_page_t       page;
    ngx_str_t                body;
    ngx_uint_t               list;
    u_char                   key[NGX_BO_API_KEY_LEN];   /* shown once */
    u_char                   hash[NGX_BO_API_KEY_HASH];
    u_char                   id[BO_UUID_LEN];
    u_char                   number[NGX_INT64_LEN];
    ngx_uint_t               made;

    bo_str_t                 name;
    bo_str_t                 role;
    bo_strs_t                scopes;
    bo_str_t                 expires;
} ngx_http_bo_api_key_t;


enum {
    ngx_http_bo_api_key_id = 0,
    ngx_http_bo_api_key_name,
    ngx_http_bo_api_key_role,
    ngx_http_bo_api_key_scopes,
    ngx_http_bo_api_key_by,
    ngx_http_bo_api_key_created,
    ngx_http_bo_api_key_expires,
    ngx_http_bo_api_key_revoked,
    ngx_http_bo_api_key_hash
};


static void ngx_http_bo_api_key_create(ngx_http_bo_ctx_t *ctx);
static const char *ngx_http_bo_api_key_check(ngx_http_bo_api_key_t *k);
static ngx_int_t ngx_http_bo_api_key_expiry(ngx_http_bo_api_key_t *k,
    ngx_str_t *text);
static void ngx_http_bo_api_key_insert(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *expires);
static void ngx_http_bo_api_key_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_api_key_revoke(ngx_http_bo_ctx_t *ctx);
static ngx_http_bo_api_key_t *ngx_http_bo_api_key_begin(
    ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_api_key_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *values);
static void ngx_http_bo_api_key_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_bo_outcome_e ngx_http_bo_api_key_read(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static void ngx_http_bo_api_key_answer(ngx_http_bo_ctx_t *ctx);
static u_char *ngx_http_bo_put_api_key(u_char *p, PGresult *res, int row);
static u_char *ngx_http_bo_put_scopes(u_char *p, ngx_str_t *words);


ngx_http_bo_action_t  ngx_http_bo_api_keys_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_api_key_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_api_key_create },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_api_key_revoke },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_api_key_fields[] = {

    { "name", BO_JSON_STRING, offsetof(ngx_http_bo_api_key_t, name),
      1, 1, 200, 0, NULL },

    { "role", BO_JSON_STRING, offsetof(ngx_http_bo_api_key_t, role),
      1, 1, 16, 0, NULL },

    { "scopes", BO_JSON_STRINGS, offsetof(ngx_http_bo_api_key_t, scopes),
      1, 1, NGX_HTTP_BO_SCOPES_MAX, NGX_HTTP_BO_SCOPE_LEN, NULL },

    { "expiresAt", BO_JSON_STRING, offsetof(ngx_http_bo_api_key_t, expires),
      0, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


#define NGX_HTTP_BO_API_KEY_COLUMNS                                           \
    "select key_id, name, role, scopes, created_by, created_ms, expires_ms,"  \
    " revoked_ms, hash from boxoffice."

static ngx_bo_pg_statement_t  ngx_http_bo_api_key_made = {
    "create_api_key",
    NGX_HTTP_BO_API_KEY_COLUMNS "create_api_key($1::uuid, $2::text, $3::text,"
    " $4::text, $5::text, $6::bigint, $7::text)",
    7, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_api_keys_page = {
    "list_api_keys",
    NGX_HTTP_BO_API_KEY_COLUMNS "list_api_keys($1::bigint, $2::uuid,"
    " $3::int)",
    3, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_api_key_gone = {
    "revoke_api_key",
    NGX_HTTP_BO_API_KEY_COLUMNS "revoke_api_key($1::uuid, $2::text)",
    2, 1
};


static ngx_http_bo_api_key_t *
ngx_http_bo_api_key_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_api_key_t  *k;

    k = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_api_key_t));
    ctx->data = k;

    if (k == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
    }

    return k;
}


/* POST /admin/api-keys */

static void
ngx_http_bo_api_key_create(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t               expires;
    const char             *field;
    ngx_http_bo_api_key_t  *k;

    k = ngx_http_bo_api_key_begin(ctx);

    if (k == NULL
        || ngx_http_bo_read_json(ctx, ngx_http_bo_api_key_fields, k) != NGX_OK)
    {
        return;
    }

    field = ngx_http_bo_api_key_check(k);

    if (field == NULL && ngx_http_bo_api_key_expiry(k, &expires) != NGX_OK) {
        field = "expiresAt";
    }

    if (field) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, field);
        return;
    }

    ngx_http_bo_api_key_insert(ctx, &expires);
}


/* The field at fault, or NULL.  Any other name of a role means a customer. */

static const char *
ngx_http_bo_api_key_check(ngx_http_bo_api_key_t *k)
{
    size_t       i;
    bo_scopes_t  scopes;

    if (bo_role_parse(k->role.data, k->role.len) == BO_ROLE_CUSTOMER
        && (k->role.len != 8 || ngx_strncmp(k->role.data, "CUSTOMER", 8) != 0))
    {
        return "role";
    }

    scopes = 0;

    for (i = 0; i < k->scopes.n; i++) {
        if (bo_scope_add(&scopes, k->scopes.items[i].data,
                         k->scopes.items[i].len)
            != 0)
        {
            return "scopes";
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_bo_api_key_expiry(ngx_http_bo_api_key_t *k, ngx_str_t *text)
{
    int64_t  ms;

    ngx_str_null(text);

    if (k->expires.data == NULL) {
        return NGX_OK;
    }

    if (bo_time_parse(&ms, k->expires.data, k->expires.len) != 0
        || ms <= ngx_bo_now())
    {
        return NGX_DECLINED;
    }

    text->data = k->number;
    text->len = ngx_sprintf(k->number, "%L", ms) - k->number;

    return NGX_OK;
}


static void
ngx_http_bo_api_key_insert(ngx_http_bo_ctx_t *ctx, ngx_str_t *expires)
{
    ngx_http_bo_api_key_t *k = ctx->data;

    u_char     *p;
    size_t      i;
    bo_uuid_t   id;
    ngx_str_t   v[7];

    p = ngx_pnalloc(ctx->request->pool,
                    k->scopes.n * (NGX_HTTP_BO_SCOPE_LEN + 1));

    if (p == NULL
        || ngx_bo_random(id.bytes, sizeof(id.bytes)) != NGX_OK
        || ngx_bo_api_key_make(k->key, k->hash) != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    id.bytes[6] = (u_char) (0x40 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (u_char) (0x80 | (id.bytes[8] & 0x3f));
    bo_uuid_format((char *) k->id, &id);
    k->made = 1;

    v[0].data = k->id;
    v[0].len = BO_UUID_LEN;
    v[1].data = (u_char *) k->name.data;
    v[1].len = k->name.len;
    v[2].data = (u_char *) k->role.data;
    v[2].len = k->role.len;
    v[3].data = p;

    for (i = 0; i < k->scopes.n; i++) {
        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, k->scopes.items[i].data, k->scopes.items[i].len);
    }

    v[3].len = p - v[3].data;
    v[4].data = k->hash;
    v[4].len = NGX_BO_API_KEY_HASH;
    v[5] = *expires;
    v[6] = ctx->user;

    ngx_http_bo_api_key_submit(ctx, &ngx_http_bo_api_key_made, v);
}


/* GET /admin/api-keys: the latest first, also those that are over */

static void
ngx_http_bo_api_key_list(ngx_http_bo_ctx_t *ctx)
{
    u_char                  limit[NGX_INT_T_LEN];
    ngx_str_t               v[3];
    ngx_http_bo_api_key_t  *k;

    k = ngx_http_bo_api_key_begin(ctx);

    if (k == NULL || ngx_http_bo_page(ctx, &k->page) != NGX_OK) {
        return;
    }

    if (!k->page.has_cursor) {
        k->page.ms = 9223372036854;
    }

    k->list = 1;
    bo_uuid_format((char *) k->id, &k->page.id);

    v[0].data = k->number;
    v[0].len = ngx_sprintf(k->number, "%L", k->page.ms) - k->number;
    v[1].data = k->id;
    v[1].len = BO_UUID_LEN;

    /* one more tells whether there is a next page */

    v[2].data = limit;
    v[2].len = ngx_sprintf(limit, "%ui", k->page.limit + 1) - limit;

    ngx_http_bo_api_key_submit(ctx, &ngx_http_bo_api_keys_page, v);
}


/* DELETE /admin/api-keys/{id} */

static void
ngx_http_bo_api_key_revoke(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t               v[2];
    ngx_http_bo_api_key_t  *k;

    k = ngx_http_bo_api_key_begin(ctx);
    if (k == NULL) {
        return;
    }

    bo_uuid_format((char *) k->id, &ctx->id);
    v[0].data = k->id;
    v[0].len = BO_UUID_LEN;
    v[1] = ctx->user;

    ngx_http_bo_api_key_submit(ctx, &ngx_http_bo_api_key_gone, v);
}


static void
ngx_http_bo_api_key_submit(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *values)
{
    ngx_http_bo_api_key_t *k = ctx->data;

    ngx_http_bo_wait(ctx, &k->call);

    k->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, values,
                                  ngx_http_bo_api_key_rows, ctx);
    if (k->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


/*
 * Whatever is unknown may be asked again: a key that nobody was shown is of no
 * use to anybody, and revoking twice is revoking.
 */

static void
ngx_http_bo_api_key_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_api_key_t  *k = ctx->data;

    k->call.pg = NULL;
    k->call.outcome = NGX_BO_UNAVAILABLE;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        k->call.outcome = ngx_http_bo_api_key_read(ctx, res);
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_api_key_answer);
}


static ngx_bo_outcome_e
ngx_http_bo_api_key_read(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_api_key_t *k = ctx->data;

    int                       i, n;
    u_char                   *p;
    size_t                    len;
    ngx_str_t                 s;
    ngx_http_bo_main_conf_t  *mcf;

    if (PQntuples(res) == 0 && !k->list) {
        return k->made ? NGX_BO_FORBIDDEN : NGX_BO_NOT_FOUND;
    }

    if (!k->list && !k->made) {
        s = ngx_bo_column(res, 0, ngx_http_bo_api_key_hash);
        mcf = ngx_http_get_module_main_conf(ctx->request,
                                            ngx_http_boxoffice_module);

        if (mcf->auth_zone && s.len == NGX_BO_API_KEY_HASH) {
            ngx_bo_api_key_forget(mcf->auth_zone->data, s.data);
        }

        return NGX_BO_OK;
    }

    n = k->list ? ngx_min(PQntuples(res), (int) k->page.limit) : 1;
    len = 256;

    for (i = 0; i < n; i++) {
        len += 512 + 6 * PQgetlength(res, i, ngx_http_bo_api_key_name)
               + 6 * PQgetlength(res, i, ngx_http_bo_api_key_by)
               + 4 * PQgetlength(res, i, ngx_http_bo_api_key_scopes);
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_BO_UNAVAILABLE;
    }

    k->body.data = p;

    if (!k->list) {
        p = ngx_http_bo_put_api_key(p, res, 0);
        p = ngx_http_bo_put(p, ",\"key\":\"");
        p = ngx_cpymem(p, k->key, NGX_BO_API_KEY_LEN);
        p = ngx_http_bo_put(p, "\"}");
        k->body.len = p - k->body.data;

        return NGX_BO_OK;
    }

    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        p = ngx_http_bo_put(p, i ? "," : "");
        p = ngx_http_bo_put_api_key(p, res, i);
        *p++ = '}';
    }

    p = ngx_http_bo_put(p, "],\"nextCursor\":");

    if (PQntuples(res) > n) {
        s = ngx_bo_column(res, n - 1, ngx_http_bo_api_key_id);
        p = ngx_sprintf(p, "\"%L_%V\"}",
                        ngx_bo_column_int(res, n - 1,
                                          ngx_http_bo_api_key_created), &s);

    } else {
        p = ngx_http_bo_put(p, "null}");
    }

    k->body.len = p - k->body.data;

    return NGX_BO_OK;
}


/* All but the brace at the end. */

static u_char *
ngx_http_bo_put_api_key(u_char *p, PGresult *res, int row)
{
    ngx_str_t   s;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        int          column;
    } texts[] = {
        { "{\"keyId\":", ngx_http_bo_api_key_id },
        { ",\"name\":", ngx_http_bo_api_key_name },
        { ",\"role\":", ngx_http_bo_api_key_role },
        { ",\"createdBy\":", ngx_http_bo_api_key_by }
    };

    static const struct {
        const char  *name;
        int          column;
    } times[] = {
        { ",\"createdAt\":", ngx_http_bo_api_key_created },
        { ",\"expiresAt\":", ngx_http_bo_api_key_expires },
        { ",\"revokedAt\":", ngx_http_bo_api_key_revoked }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        s = ngx_bo_column(res, row, texts[i].column);
        p = ngx_http_bo_put_str(p, texts[i].name, &s);
    }

    s = ngx_bo_column(res, row, ngx_http_bo_api_key_scopes);
    p = ngx_http_bo_put_scopes(p, &s);

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        p = ngx_http_bo_put_time(p, times[i].name,
                                 ngx_bo_column_int(res, row,
                                                   times[i].column));
    }

    return p;
}


/* Words have no character that JSON would escape. */

static u_char *
ngx_http_bo_put_scopes(u_char *p, ngx_str_t *words)
{
    size_t  i;

    p = ngx_http_bo_put(p, ",\"scopes\":[\"");

    for (i = 0; i < words->len; i++) {
        if (words->data[i] == ' ') {
            p = ngx_http_bo_put(p, "\",\"");

        } else {
            *p++ = words->data[i];
        }
    }

    return ngx_http_bo_put(p, "\"]");
}


static void
ngx_http_bo_api_key_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_api_key_t *k = ctx->data;

    if (k->call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, k->call.outcome);
        return;
    }

    if (k->body.len == 0) {
        ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
        return;
    }

    ngx_http_bo_send(ctx, k->made ? NGX_HTTP_CREATED : NGX_HTTP_OK, &k->body);
}
