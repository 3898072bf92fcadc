
/*
 * /admin/quarantine: money and words of gateways that do not fit, and what an
 * administrator decides about them.  The rules, and the JSON of a case, are in
 * sql/022: who decides tells.
 */


#include "ngx_http_bo_admin.h"
#include "store/ngx_bo_payments.h"


typedef struct {
    bo_str_t                 order;
    bo_str_t                 note;
} ngx_http_bo_decision_t;


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_page_t       page;
    ngx_str_t                body;          /* the answer, or the details */
    ngx_http_bo_error_e      error;
    unsigned                 refused:1;
} ngx_http_bo_case_t;


static ngx_http_bo_case_t *ngx_http_bo_case_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_case_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_case_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_http_bo_case_write(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static void ngx_http_bo_case_refund(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_case_match(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_case_dismiss(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_case_decide(ngx_http_bo_ctx_t *ctx,
    const char *decision, const bo_json_field_t *fields);
static void ngx_http_bo_case_decided(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_http_bo_case_take(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static ngx_int_t ngx_http_bo_case_refused(ngx_http_bo_ctx_t *ctx,
    const char *said);
static void ngx_http_bo_case_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_quarantine_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_case_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("refund"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_case_refund },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("match"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_case_match },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("dismiss"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_case_dismiss },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_refund_fields[] = {

    { "note", BO_JSON_STRING, offsetof(ngx_http_bo_decision_t, note),
      0, 1, 500, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};

static const bo_json_field_t  ngx_http_bo_match_fields[] = {

    { "orderId", BO_JSON_STRING, offsetof(ngx_http_bo_decision_t, order),
      1, BO_UUID_LEN, BO_UUID_LEN, 0, NULL },

    { "note", BO_JSON_STRING, offsetof(ngx_http_bo_decision_t, note),
      0, 1, 500, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};

/* who says that there is nothing to do says why */

static const bo_json_field_t  ngx_http_bo_dismiss_fields[] = {

    { "note", BO_JSON_STRING, offsetof(ngx_http_bo_decision_t, note),
      1, 1, 500, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


enum {
    ngx_http_bo_case_id = 0,
    ngx_http_bo_case_opened,
    ngx_http_bo_case_item
};

static ngx_bo_pg_statement_t  ngx_http_bo_list_quarantine = {
    "list_quarantine",
    "select case_id, opened_ms, item"
    " from boxoffice.list_quarantine($1::boolean, $2::bigint, $3::uuid,"
    " $4::int)",
    4, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_decide_quarantine = {
    "decide_quarantine",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS ", answer"
    " from boxoffice.decide_quarantine($1::uuid, $2::text, $3::text,"
    " $4::text, $5::uuid, $6::int, $7::text, $8::int)",
    8, 1
};


static ngx_http_bo_case_t *
ngx_http_bo_case_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_case_t  *q;

    q = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_case_t));
    if (q == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    q->call.data = ctx;
    q->call.store = ctx->store;
    ctx->data = q;

    return q;
}


/* GET /admin/quarantine[?status=DECIDED]: the latest first */

static void
ngx_http_bo_case_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                 v[4], value;
    ngx_uint_t                decided;
    ngx_http_bo_case_t       *q;
    ngx_http_bo_page_room_t   room;

    q = ngx_http_bo_case_begin(ctx);

    if (q == NULL || ngx_http_bo_page(ctx, &q->page) != NGX_OK) {
        return;
    }

    decided = 0;

    if (ngx_http_bo_arg(ctx, "status", &value) == NGX_OK) {
        decided = value.len == 7 && ngx_memcmp(value.data, "DECIDED", 7) == 0;

        if (!decided
            && !(value.len == 4 && ngx_memcmp(value.data, "OPEN", 4) == 0))
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
            return;
        }
    }

    v[0].data = (u_char *) (decided ? "t" : "f");
    v[0].len = 1;
    ngx_http_bo_page_values(&q->page, NGX_HTTP_BO_LATEST, &room, &v[1]);

    ngx_http_bo_wait(ctx, &q->call);

    q->call.pg = ngx_bo_pg_submit(ctx->store->pg, &ngx_http_bo_list_quarantine,
                                  v, ngx_http_bo_case_rows, ctx);
    if (q->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_case_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_case_t  *q = ctx->data;

    q->call.pg = NULL;
    q->call.outcome = NGX_BO_UNAVAILABLE;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK
        && ngx_http_bo_case_write(ctx, res) == NGX_OK)
    {
        q->call.outcome = NGX_BO_OK;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_case_answer);
}


static ngx_int_t
ngx_http_bo_case_write(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    int                  i, n;
    u_char              *p;
    size_t               len;
    int64_t              last;
    ngx_str_t            value;
    ngx_http_bo_case_t  *q = ctx->data;

    last = 0;
    len = 128;
    ngx_str_null(&value);

    n = ngx_min(PQntuples(res), (int) q->page.limit);

    for (i = 0; i < n; i++) {
        len += PQgetlength(res, i, ngx_http_bo_case_item) + 1;
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    q->body.data = p;
    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        value = ngx_bo_column(res, i, ngx_http_bo_case_item);
        p = ngx_cpymem(p, value.data, value.len);

        value = ngx_bo_column(res, i, ngx_http_bo_case_id);
        last = ngx_bo_column_int(res, i, ngx_http_bo_case_opened);
    }

    p = ngx_http_bo_put_next(p, PQntuples(res) > n, last, &value);

    q->body.len = p - q->body.data;

    return NGX_OK;
}


/* POST /admin/quarantine/{id}/refund */

static void
ngx_http_bo_case_refund(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_case_decide(ctx, "REFUND", ngx_http_bo_refund_fields);
}


/* POST /admin/quarantine/{id}/match */

static void
ngx_http_bo_case_match(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_case_decide(ctx, "MATCH", ngx_http_bo_match_fields);
}


/* POST /admin/quarantine/{id}/dismiss */

static void
ngx_http_bo_case_dismiss(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_case_decide(ctx, "DISMISS", ngx_http_bo_dismiss_fields);
}


static void
ngx_http_bo_case_decide(ngx_http_bo_ctx_t *ctx, const char *decision,
    const bo_json_field_t *fields)
{
    u_char                   id[BO_UUID_LEN], order[BO_UUID_LEN];
    u_char                   no[NGX_INT32_LEN];
    uint32_t                 show;
    bo_uuid_t                uuid;
    ngx_str_t                v[8];
    ngx_bo_word_room_t       room;
    ngx_http_bo_case_t      *q;
    ngx_http_bo_decision_t   d;

    ngx_memzero(v, sizeof(v));
    ngx_memzero(&d, sizeof(ngx_http_bo_decision_t));

    q = ngx_http_bo_case_begin(ctx);

    if (q == NULL || ngx_http_bo_read_json(ctx, fields, &d) != NGX_OK) {
        return;
    }

    if (d.order.len) {

        /* A number beyond int4 is no show's, and would be an error in SQL. */

        if (bo_uuid_parse(&uuid, d.order.data, d.order.len) != 0
            || bo_uuid_show_no(&uuid, &show) != 0
            || show > NGX_MAX_INT32_VALUE)
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
            return;
        }

        bo_uuid_format((char *) order, &uuid);

        v[4].data = order;
        v[4].len = BO_UUID_LEN;
        v[5].data = no;
        v[5].len = ngx_sprintf(no, "%uD", show) - no;
    }

    bo_uuid_format((char *) id, &ctx->id);

    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1].data = (u_char *) decision;
    v[1].len = ngx_strlen(decision);
    v[2] = ctx->user;
    v[3].data = (u_char *) d.note.data;
    v[3].len = d.note.len;
    v[7] = ctx->store->seats_per_user;

    if (ngx_bo_word_ticket(&v[6], &room) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ngx_http_bo_wait(ctx, &q->call);

    q->call.pg = ngx_bo_pg_submit(ctx->store->pg,
                                  &ngx_http_bo_decide_quarantine, v,
                                  ngx_http_bo_case_decided, ctx);
    if (q->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_case_decided(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_case_t  *q = ctx->data;

    q->call.pg = NULL;
    q->call.outcome = NGX_BO_UNAVAILABLE;

    if (verdict == NGX_BO_UNKNOWN) {

        /* the same decision again finds it made, or makes it */

        q->call.outcome = NGX_BO_IN_DOUBT;

    } else if (verdict != NGX_BO_DONE) {
        q->call.outcome = NGX_BO_UNAVAILABLE;

    } else if (PQresultStatus(res) != PGRES_TUPLES_OK
               || PQntuples(res) != 1)
    {
        ngx_log_error(NGX_LOG_ERR, ctx->store->log, 0,
                      "boxoffice: a decision about the quarantine failed: %s",
                      PQresultErrorMessage(res));

    } else if (ngx_http_bo_case_take(ctx, res) == NGX_OK) {
        q->call.outcome = NGX_BO_OK;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_case_answer);
}


static ngx_int_t
ngx_http_bo_case_take(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    int                  answer;
    const char          *said;
    ngx_str_t            value;
    ngx_http_bo_case_t  *q = ctx->data;

    said = PQgetvalue(res, 0, 1);

    if (ngx_strcmp(said, "decided") != 0
        && ngx_strcmp(said, "confirmed") != 0
        && ngx_strcmp(said, "same") != 0)
    {
        return ngx_http_bo_case_refused(ctx, said);
    }

    answer = PQnfields(res) - 1;
    value = ngx_bo_column(res, 0, answer);

    q->body.len = value.len;
    q->body.data = ngx_pstrdup(ctx->request->pool, &value);

    if (q->body.data == NULL) {
        return NGX_ERROR;
    }

    /* an order that was paid by it is sold in Redis, and its event goes */

    ngx_bo_word_taken(ctx->store, res, 0);

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_case_refused(ngx_http_bo_ctx_t *ctx, const char *said)
{
    u_char              *p;
    ngx_http_bo_case_t  *q = ctx->data;

    q->refused = 1;

    if (ngx_strcmp(said, "not_found") == 0
        || ngx_strcmp(said, "no_order") == 0)
    {
        q->error = NGX_HTTP_BO_E_NOT_FOUND;
        return NGX_OK;
    }

    q->error = NGX_HTTP_BO_E_DECISION;

    p = ngx_pnalloc(ctx->request->pool,
                    sizeof("{\"reason\":\"\"}") + ngx_strlen(said));
    if (p == NULL) {
        return NGX_ERROR;
    }

    q->body.data = p;
    q->body.len = ngx_sprintf(p, "{\"reason\":\"%s\"}", said) - p;

    return NGX_OK;
}


static void
ngx_http_bo_case_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_case_t *q = ctx->data;

    if (q->call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, q->call.outcome);
        return;
    }

    if (q->refused) {
        ngx_http_bo_error(ctx, q->error, q->body.len ? &q->body : NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &q->body);
}
