
/*
 * /admin/dead-letters: events that a sink was not able to take.
 */


#include "ngx_http_bo.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_page_t       page;
    ngx_str_t                body;
} ngx_http_bo_letters_t;


static void ngx_http_bo_letter_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_letter_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_http_bo_letter_write(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static u_char *ngx_http_bo_letter_put(u_char *p, PGresult *res, int row);
static void ngx_http_bo_letter_replay(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_letter_drop(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_letter_decide(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st);
static void ngx_http_bo_letter_decided(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_letter_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_letters_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_letter_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("replay"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_letter_replay },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("drop"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_letter_drop },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_letter_fields[] = {

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


enum {
    ngx_http_bo_letter_id = 0,
    ngx_http_bo_letter_dead,
    ngx_http_bo_letter_sink,
    ngx_http_bo_letter_event,
    ngx_http_bo_letter_aggregate,
    ngx_http_bo_letter_version,
    ngx_http_bo_letter_type,
    ngx_http_bo_letter_payload,
    ngx_http_bo_letter_created,
    ngx_http_bo_letter_attempts,
    ngx_http_bo_letter_error
};


static ngx_bo_pg_statement_t  ngx_http_bo_dead_letters = {
    "dead_letters",
    "select delivery_id, dead_ms, sink, event_id, aggregate_id, version,"
    " type, payload, created_ms, attempts, last_error"
    " from boxoffice.dead_letters($1::bigint, $2::uuid, $3::int)",
    3, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_replay_letter = {
    "replay_dead_letter",
    "select boxoffice.replay_dead_letter($1::uuid)", 1, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_drop_letter = {
    "drop_dead_letter",
    "select boxoffice.drop_dead_letter($1::uuid)", 1, 1
};


/* GET /admin/dead-letters: the latest first */

static void
ngx_http_bo_letter_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                 v[3];
    ngx_bo_call_t            *call;
    ngx_http_bo_letters_t    *o;
    ngx_http_bo_page_room_t   room;

    o = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_letters_t));
    if (o == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = o;

    if (ngx_http_bo_page(ctx, &o->page) != NGX_OK) {
        return;
    }

    ngx_http_bo_page_values(&o->page, NGX_HTTP_BO_LATEST, &room, v);

    call = &o->call;
    ngx_http_bo_wait(ctx, call);

    call->pg = ngx_bo_pg_submit(ctx->store->pg, &ngx_http_bo_dead_letters, v,
                                ngx_http_bo_letter_rows, ctx);
    if (call->pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_letter_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_letters_t  *o = ctx->data;

    o->call.pg = NULL;
    o->call.outcome = NGX_BO_UNAVAILABLE;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK
        && ngx_http_bo_letter_write(ctx, res) == NGX_OK)
    {
        o->call.outcome = NGX_BO_OK;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_letter_answer);
}


static ngx_int_t
ngx_http_bo_letter_write(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    int                     i, k, n;
    u_char                 *p;
    size_t                  len;
    int64_t                 last;
    ngx_str_t               id;
    ngx_http_bo_letters_t  *o = ctx->data;

    last = 0;
    n = ngx_min(PQntuples(res), (int) o->page.limit);
    len = 128;

    for (i = 0; i < n; i++) {
        len += 512;

        for (k = 0; k <= ngx_http_bo_letter_error; k++) {
            len += PQgetlength(res, i, k);
        }
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    o->body.data = p;
    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_bo_letter_put(p, res, i);
    }

    ngx_str_null(&id);

    if (n) {
        last = ngx_bo_column_int(res, n - 1, ngx_http_bo_letter_dead);
        id = ngx_bo_column(res, n - 1, ngx_http_bo_letter_id);
    }

    p = ngx_http_bo_put_next(p, PQntuples(res) > n, last, &id);

    o->body.len = p - o->body.data;

    return NGX_OK;
}


/* The relay has made errors printable; the payload is JSON as it is. */

static u_char *
ngx_http_bo_letter_put(u_char *p, PGresult *res, int row)
{
    ngx_str_t   value;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        int          column;
    } texts[] = {
        { "{\"deadLetterId\":\"", ngx_http_bo_letter_id },
        { "\",\"sink\":\"", ngx_http_bo_letter_sink },
        { "\",\"eventId\":\"", ngx_http_bo_letter_event },
        { "\",\"aggregateId\":\"", ngx_http_bo_letter_aggregate },
        { "\",\"version\":", ngx_http_bo_letter_version },
        { ",\"type\":\"", ngx_http_bo_letter_type },
        { "\",\"attempts\":", ngx_http_bo_letter_attempts },
        { ",\"error\":\"", ngx_http_bo_letter_error },
        { "\",\"data\":", ngx_http_bo_letter_payload }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = ngx_bo_column(res, row, texts[i].column);
        p = ngx_http_bo_put(p, texts[i].name);
        p = ngx_cpymem(p, value.data, value.len);
    }

    p = ngx_http_bo_put_time(p, ",\"createdAt\":",
                             ngx_bo_column_int(res, row,
                                               ngx_http_bo_letter_created));
    p = ngx_http_bo_put_time(p, ",\"deadAt\":",
                             ngx_bo_column_int(res, row,
                                               ngx_http_bo_letter_dead));
    *p++ = '}';

    return p;
}


/* POST /admin/dead-letters/{id}/replay */

static void
ngx_http_bo_letter_replay(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_letter_decide(ctx, &ngx_http_bo_replay_letter);
}


/* POST /admin/dead-letters/{id}/drop */

static void
ngx_http_bo_letter_drop(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_letter_decide(ctx, &ngx_http_bo_drop_letter);
}


static void
ngx_http_bo_letter_decide(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st)
{
    u_char                  id[BO_UUID_LEN];
    ngx_str_t               v;
    ngx_http_bo_letters_t  *o;

    o = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_letters_t));
    if (o == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = o;

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_letter_fields, o) != NGX_OK) {
        return;
    }

    bo_uuid_format((char *) id, &ctx->id);

    v.data = id;
    v.len = BO_UUID_LEN;

    ngx_http_bo_wait(ctx, &o->call);

    o->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, &v,
                                  ngx_http_bo_letter_decided, ctx);
    if (o->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_letter_decided(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_letters_t  *o = ctx->data;

    o->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN) {
        o->call.outcome = NGX_BO_IN_DOUBT;

    } else if (verdict != NGX_BO_DONE
               || PQresultStatus(res) != PGRES_TUPLES_OK
               || PQntuples(res) != 1)
    {
        o->call.outcome = NGX_BO_UNAVAILABLE;

    } else if (*PQgetvalue(res, 0, 0) != 't') {
        o->call.outcome = NGX_BO_NOT_FOUND;

    } else {
        ngx_str_set(&o->body, "{}");
        o->call.outcome = NGX_BO_OK;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_letter_answer);
}


static void
ngx_http_bo_letter_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_letters_t *o = ctx->data;

    if (o->call.outcome == NGX_BO_OK) {
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &o->body);
        return;
    }

    ngx_http_bo_error_outcome(ctx, o->call.outcome);
}
