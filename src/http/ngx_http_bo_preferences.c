
/*
 * /me/notification-preferences: by which channels a user wants messages, and
 * in which language.
 */


#include "ngx_http_bo.h"


#define NGX_HTTP_BO_CHANNELS      4
#define NGX_HTTP_BO_LANGUAGE_MAX  32

#define NGX_HTTP_BO_PREFERENCES_LEN  256


/* In the order of the columns of both statements. */

typedef struct {
    int                            on[NGX_HTTP_BO_CHANNELS];
} ngx_http_bo_channels_t;


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_channels_t   channels;
    bo_str_t                 language;
    ngx_str_t                body;
} ngx_http_bo_preferences_t;


static void ngx_http_bo_preferences_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_preferences_put(ngx_http_bo_ctx_t *ctx);
static ngx_uint_t ngx_http_bo_language_valid(bo_str_t *s);
static ngx_http_bo_preferences_t *ngx_http_bo_preferences_begin(
    ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_preferences_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *values);
static void ngx_http_bo_preferences_row(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_preferences_read(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static void ngx_http_bo_preferences_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_preferences_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_preferences_get },

    { NGX_HTTP_PUT, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY,
      ngx_http_bo_preferences_put },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const char  *ngx_http_bo_channel_names[NGX_HTTP_BO_CHANNELS] = {
    "email", "sms", "whatsapp", "push"
};


#define ngx_http_bo_channel_field(name, i)                                    \
    { name, BO_JSON_BOOLEAN,                                                  \
      offsetof(ngx_http_bo_channels_t, on) + (i) * sizeof(int),               \
      0, 0, 0, 0, NULL }

static const bo_json_field_t  ngx_http_bo_channels_fields[] = {

    ngx_http_bo_channel_field("email", 0),
    ngx_http_bo_channel_field("sms", 1),
    ngx_http_bo_channel_field("whatsapp", 2),
    ngx_http_bo_channel_field("push", 3),

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_preferences_fields[] = {

    { "channels", BO_JSON_OBJECT,
      offsetof(ngx_http_bo_preferences_t, channels),
      0, 0, 0, 0, ngx_http_bo_channels_fields },

    { "language", BO_JSON_STRING,
      offsetof(ngx_http_bo_preferences_t, language),
      0, 2, NGX_HTTP_BO_LANGUAGE_MAX, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


#define NGX_HTTP_BO_PREFERENCES                                               \
    " 'email' <> all (muted), 'sms' <> all (muted),"                          \
    " 'whatsapp' <> all (muted), 'push' <> all (muted), language,"            \
    " boxoffice.unix_ms(updated_at)"

static ngx_bo_pg_statement_t  ngx_http_bo_preferences_select = {
    "preferences_get",
    "select" NGX_HTTP_BO_PREFERENCES
    " from boxoffice.notification_preferences where user_id = $1::text",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_preferences_upsert = {
    "preferences_put",
    "insert into boxoffice.notification_preferences (user_id, muted, language)"
    " values ($1::text, array_remove(array["
    "  case when $2::bool then null else 'email' end,"
    "  case when $3::bool then null else 'sms' end,"
    "  case when $4::bool then null else 'whatsapp' end,"
    "  case when $5::bool then null else 'push' end], null), $6::text)"
    " on conflict (user_id) do update set muted = excluded.muted,"
    "  language = excluded.language, updated_at = now()"
    " returning" NGX_HTTP_BO_PREFERENCES,
    6, 1
};


/* GET /me/notification-preferences */

static void
ngx_http_bo_preferences_get(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_preferences_begin(ctx) != NULL) {
        ngx_http_bo_preferences_submit(ctx, &ngx_http_bo_preferences_select,
                                       &ctx->user);
    }
}


/* PUT /me/notification-preferences: what is not named is as by default. */

static void
ngx_http_bo_preferences_put(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                   v[2 + NGX_HTTP_BO_CHANNELS];
    ngx_uint_t                  i;
    ngx_http_bo_preferences_t  *p;

    static u_char  on[] = "t";
    static u_char  off[] = "f";

    p = ngx_http_bo_preferences_begin(ctx);
    if (p == NULL) {
        return;
    }

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_preferences_fields, p)
        != NGX_OK)
    {
        return;
    }

    if (p->language.len && !ngx_http_bo_language_valid(&p->language)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "language");
        return;
    }

    v[0] = ctx->user;

    for (i = 0; i < NGX_HTTP_BO_CHANNELS; i++) {
        v[1 + i].data = p->channels.on[i] ? on : off;
        v[1 + i].len = 1;
    }

    v[1 + i].data = p->language.len ? (u_char *) p->language.data : NULL;
    v[1 + i].len = p->language.len;

    ngx_http_bo_preferences_submit(ctx, &ngx_http_bo_preferences_upsert, v);
}


/* A tag by RFC 5646, in outline: subtags of letters and digits. */

static ngx_uint_t
ngx_http_bo_language_valid(bo_str_t *s)
{
    u_char      c;
    size_t      i, len;
    ngx_uint_t  tags;

    len = 0;
    tags = 0;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c == '-') {
            if (len < (tags ? 1 : 2) || ++tags > 3) {
                return 0;
            }

            len = 0;
            continue;
        }

        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && !(tags && c >= '0' && c <= '9'))
        {
            return 0;
        }

        if (++len > 8) {
            return 0;
        }
    }

    return len >= (tags ? 1 : 2);
}


static ngx_http_bo_preferences_t *
ngx_http_bo_preferences_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_http_bo_preferences_t  *p;

    p = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_preferences_t));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_BO_CHANNELS; i++) {
        p->channels.on[i] = 1;
    }

    ctx->data = p;

    return p;
}


static void
ngx_http_bo_preferences_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *values)
{
    ngx_http_bo_preferences_t *p = ctx->data;

    ngx_http_bo_wait(ctx, &p->call);

    p->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, values,
                                  ngx_http_bo_preferences_row, ctx);
    if (p->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


/*
 * To set the same once more does no harm, so what is unknown is answered as
 * what did not happen: try again.
 */

static void
ngx_http_bo_preferences_row(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_preferences_t  *p = ctx->data;

    p->call.pg = NULL;
    p->call.outcome = NGX_BO_UNAVAILABLE;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        ngx_http_bo_preferences_read(ctx, res);
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_preferences_answer);
}


/* No row: nothing was ever said. */

static void
ngx_http_bo_preferences_read(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_preferences_t *p = ctx->data;

    int          rows;
    u_char      *b;
    int64_t      updated;
    ngx_str_t    language;
    ngx_uint_t   i, on;

    b = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_PREFERENCES_LEN);
    if (b == NULL) {
        return;
    }

    rows = PQntuples(res);
    p->body.data = b;
    b = ngx_http_bo_put(b, "{\"channels\":{");

    for (i = 0; i < NGX_HTTP_BO_CHANNELS; i++) {
        on = rows == 0 || *PQgetvalue(res, 0, i) == 't';
        b = ngx_sprintf(b, "%s\"%s\":%s", i ? "," : "",
                        ngx_http_bo_channel_names[i], on ? "true" : "false");
    }

    if (rows == 0 || PQgetisnull(res, 0, NGX_HTTP_BO_CHANNELS)) {
        b = ngx_http_bo_put(b, "},\"language\":null");

    } else {
        language.data = (u_char *) PQgetvalue(res, 0, NGX_HTTP_BO_CHANNELS);
        language.len = PQgetlength(res, 0, NGX_HTTP_BO_CHANNELS);
        b = ngx_http_bo_put_str(b, "},\"language\":", &language);
    }

    updated = rows ? ngx_bo_column_int(res, 0, NGX_HTTP_BO_CHANNELS + 1) : 0;
    b = ngx_http_bo_put_time(b, ",\"updatedAt\":", updated);
    b = ngx_http_bo_put(b, "}");

    p->body.len = b - p->body.data;
    p->call.outcome = NGX_BO_OK;
}


static void
ngx_http_bo_preferences_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_preferences_t *p = ctx->data;

    if (p->call.outcome == NGX_BO_OK) {
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &p->body);
        return;
    }

    ngx_http_bo_error_outcome(ctx, p->call.outcome);
}
