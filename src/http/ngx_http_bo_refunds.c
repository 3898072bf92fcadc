
/*
 * What PostgreSQL says about giving back, passed on: quotes and refunds of an
 * order, the terms of a theatre, the cancellation of a show.  The rules, and
 * the JSON of their answers, are in sql/017 to 020: who decides tells.
 */


#include "ngx_http_bo_orders.h"
#include "store/ngx_bo_catalogue.h"
#include "store/ngx_bo_changed.h"


/* seatIds of a query: as many as an order may have. */

#define NGX_HTTP_BO_SEATS_QUERY  (64 * (BO_LABEL_MAX + 1))


typedef struct {
    ngx_bo_call_t            call;
    ngx_str_t                answer;
    ngx_uint_t               status;        /* 0: refused */
    ngx_http_bo_error_e      error;
    unsigned                 mistakes:1;    /* answer is a list of them */
    u_char                   id[BO_UUID_LEN];
    u_char                   no[NGX_INT32_LEN];
} ngx_http_bo_refund_t;


/* What a word of the outcome means: a status, or an error. */

typedef struct {
    const char              *word;
    ngx_uint_t               status;
    ngx_http_bo_error_e      error;
} ngx_http_bo_refund_word_t;


static void ngx_http_bo_policy_read(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_policy_set(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_refund_order(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *seats);
static ngx_int_t ngx_http_bo_refund_seats(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *seats);
static ngx_http_bo_refund_t *ngx_http_bo_refund_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_refund_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *v);
static void ngx_http_bo_refund_done(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_refund_read(ngx_http_bo_ctx_t *ctx, PGresult *res);
static void ngx_http_bo_refund_seen(ngx_bo_call_t *call);
static void ngx_http_bo_refund_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_theatres_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_theatre_list },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_theatre_read },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("shows"), 0,
      ngx_http_bo_theatre_shows },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("refund-policy"), 0,
      ngx_http_bo_policy_read },

    { NGX_HTTP_PUT, NGX_HTTP_BO_VERB, ngx_string("refund-policy"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_policy_set },

    { 0, 0, ngx_null_string, 0, NULL }
};


static ngx_bo_pg_statement_t  ngx_http_bo_policy_of = {
    "refund_policy_of",
    "select 'found', policy from boxoffice.refund_policy_of($1::uuid)", 1, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_set_policy = {
    "set_refund_policy",
    "select outcome, answer"
    " from boxoffice.set_refund_policy($1::uuid, $2::text, $3::text)", 3, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_quote = {
    "refund_quote",
    "select outcome, answer from boxoffice.refund_quote($1::uuid, $2::int,"
    " $3::text, $4::boolean, $5::text)", 5, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_refunds_of = {
    "order_refunds",
    "select 'found', answer from boxoffice.order_refunds($1::uuid, $2::int,"
    " $3::text, $4::boolean)", 4, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_cancel_show = {
    "cancel_show",
    "select outcome, answer from boxoffice.cancel_show($1::uuid, $2::text,"
    " $3::text, $4::text)", 4, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_cancellation = {
    "show_cancellation",
    "select 'found', answer from boxoffice.show_cancellation($1::uuid)", 1, 1
};


static ngx_http_bo_refund_word_t  ngx_http_bo_refund_words[] = {
    { "found", NGX_HTTP_OK, 0 },
    { "set", NGX_HTTP_OK, 0 },
    { "same", NGX_HTTP_OK, 0 },
    { "cancelled", NGX_HTTP_ACCEPTED, 0 },
    { "already", NGX_HTTP_ACCEPTED, 0 },
    { "replayed", NGX_HTTP_ACCEPTED, 0 },
    { "not_found", 0, NGX_HTTP_BO_E_NOT_FOUND },
    { "no_show", 0, NGX_HTTP_BO_E_SHOW_NOT_FOUND },
    { "no_theatre", 0, NGX_HTTP_BO_E_THEATRE_NOT_FOUND },
    { "invalid", 0, NGX_HTTP_BO_E_TERMS },
    { "not_seats", 0, NGX_HTTP_BO_E_NOT_SEATS },
    { "unpaid", 0, NGX_HTTP_BO_E_UNPAID },
    { "ended", 0, NGX_HTTP_BO_E_ORDER_ENDED },
    { "over", 0, NGX_HTTP_BO_E_CLOSED },
    { "key_reused", 0, NGX_HTTP_BO_E_KEY_REUSED },
    { "in_progress", 0, NGX_HTTP_BO_E_IN_PROGRESS },
    { NULL, 0, NGX_HTTP_BO_E_INTERNAL }
};


/* GET /theatres/{id}/refund-policy */

static void
ngx_http_bo_policy_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[1];
    ngx_http_bo_refund_t  *rf;

    rf = ngx_http_bo_refund_begin(ctx);
    if (rf == NULL) {
        return;
    }

    rf->error = NGX_HTTP_BO_E_THEATRE_NOT_FOUND;

    v[0].data = rf->id;
    v[0].len = BO_UUID_LEN;

    ngx_http_bo_refund_submit(ctx, &ngx_http_bo_policy_of, v);
}


/*
 * PUT /theatres/{id}/refund-policy: an administrator's.  That it is JSON is
 * seen to here; what is in it, by the function that takes it.
 */

static void
ngx_http_bo_policy_set(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[3];
    ngx_http_bo_refund_t  *rf;

    rf = ngx_http_bo_refund_begin(ctx);

    if (rf == NULL || ngx_http_bo_read_json(ctx, NULL, NULL) != NGX_OK) {
        return;
    }

    v[0].data = rf->id;
    v[0].len = BO_UUID_LEN;
    v[1] = ctx->user;
    v[2] = ctx->body;

    ngx_http_bo_refund_submit(ctx, &ngx_http_bo_set_policy, v);
}


/* GET /orders/{id}/refund-quote */

void
ngx_http_bo_refund_quote(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  seats;

    if (ngx_http_bo_refund_seats(ctx, &seats) == NGX_OK) {
        ngx_http_bo_refund_order(ctx, &ngx_http_bo_quote, &seats);
    }
}


/* GET /orders/{id}/refunds */

void
ngx_http_bo_order_refunds(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_refund_order(ctx, &ngx_http_bo_refunds_of, NULL);
}


static void
ngx_http_bo_refund_order(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *seats)
{
    uint32_t               no;
    ngx_str_t              v[5];
    ngx_http_bo_refund_t  *rf;

    rf = ngx_http_bo_refund_begin(ctx);
    if (rf == NULL) {
        return;
    }

    /* A number beyond int4 is no show's, and would be an error in SQL. */

    if (bo_uuid_show_no(&ctx->id, &no) != 0 || no > NGX_MAX_INT32_VALUE) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    rf->error = NGX_HTTP_BO_E_NOT_FOUND;

    v[0].data = rf->id;
    v[0].len = BO_UUID_LEN;
    v[1].data = rf->no;
    v[1].len = ngx_sprintf(rf->no, "%uD", no) - rf->no;
    v[2] = ctx->user;
    v[3].data = (u_char *) (ctx->admin ? "t" : "f");
    v[3].len = 1;

    if (seats) {
        v[4] = *seats;
    }

    ngx_http_bo_refund_submit(ctx, st, v);
}


/* "?seatIds=A1,A2"; without it all, which is null. */

static ngx_int_t
ngx_http_bo_refund_seats(ngx_http_bo_ctx_t *ctx, ngx_str_t *seats)
{
    u_char     *p, *src, *dst;
    ngx_str_t   value;

    ngx_str_null(seats);

    if (ngx_http_bo_arg(ctx, "seatIds", &value) != NGX_OK) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(ctx->request->pool, value.len + 1);
    if (dst == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    seats->data = dst;
    src = value.data;
    ngx_unescape_uri(&dst, &src, value.len, 0);
    seats->len = dst - seats->data;

    for (p = seats->data; p < dst; p++) {
        if (!((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')
              || *p == '-' || *p == ','))
        {
            break;
        }
    }

    if (seats->len == 0 || p < dst || seats->len > NGX_HTTP_BO_SEATS_QUERY) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* POST /shows/{id}/cancel: an administrator's */

void
ngx_http_bo_show_cancel(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[4];
    ngx_http_bo_refund_t  *rf;

    static const bo_json_field_t  none[] = {
        { NULL, 0, 0, 0, 0, 0, 0, NULL }
    };

    rf = ngx_http_bo_refund_begin(ctx);

    if (rf == NULL || ngx_http_bo_read_json(ctx, none, rf) != NGX_OK) {
        return;
    }

    v[0].data = rf->id;
    v[0].len = BO_UUID_LEN;
    v[1] = ctx->user;
    v[2].data = ctx->idempotency.key;
    v[2].len = NGX_BO_KEY_LEN;
    v[3].data = ctx->idempotency.fingerprint;
    v[3].len = NGX_BO_FINGERPRINT_LEN;

    ngx_http_bo_refund_submit(ctx, &ngx_http_bo_cancel_show, v);
}


/* GET /shows/{id}/cancellation: likewise */

void
ngx_http_bo_show_cancellation(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[1];
    ngx_http_bo_refund_t  *rf;

    rf = ngx_http_bo_refund_begin(ctx);
    if (rf == NULL) {
        return;
    }

    rf->error = NGX_HTTP_BO_E_NOT_FOUND;

    v[0].data = rf->id;
    v[0].len = BO_UUID_LEN;

    ngx_http_bo_refund_submit(ctx, &ngx_http_bo_cancellation, v);
}


static ngx_http_bo_refund_t *
ngx_http_bo_refund_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_refund_t  *rf;

    rf = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_refund_t));
    if (rf == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    bo_uuid_format((char *) rf->id, &ctx->id);

    rf->call.data = ctx;
    rf->call.store = ctx->store;
    rf->error = NGX_HTTP_BO_E_UNAVAILABLE;
    ctx->data = rf;

    return rf;
}


static void
ngx_http_bo_refund_submit(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *v)
{
    ngx_http_bo_refund_t *rf = ctx->data;

    ngx_http_bo_wait(ctx, &rf->call);

    rf->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, v,
                                   ngx_http_bo_refund_done, ctx);

    if (rf->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_refund_done(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t     *ctx = data;
    ngx_http_bo_refund_t  *rf = ctx->data;

    rf->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN) {

        /* What only reads has done nothing. */

        rf->error = ctx->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)
                    ? NGX_HTTP_BO_E_UNAVAILABLE : NGX_HTTP_BO_E_IN_DOUBT;

    } else if (verdict == NGX_BO_NOT_SENT) {
        rf->error = NGX_HTTP_BO_E_UNAVAILABLE;

    } else if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, ctx->store->log, 0,
                      "boxoffice: a statement on refunds failed: %s",
                      PQresultErrorMessage(res));
        rf->error = NGX_HTTP_BO_E_UNAVAILABLE;

    } else if (PQntuples(res)) {
        ngx_http_bo_refund_read(ctx, res);
    }

    /* A show that is called off is gone from the catalogue's pages. */

    rf->call.done = ngx_http_bo_refund_seen;

    if (rf->status == NGX_HTTP_ACCEPTED
        && ngx_bo_catalogue_changed(ctx->store, &rf->call) == NGX_AGAIN)
    {
        return;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_refund_answer);
}


static void
ngx_http_bo_refund_seen(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_refund_answer);
}


static void
ngx_http_bo_refund_read(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_refund_t *rf = ctx->data;

    const char                 *text;
    ngx_str_t                   value;
    ngx_http_bo_refund_word_t  *word;

    text = PQgetvalue(res, 0, 0);

    for (word = ngx_http_bo_refund_words; word->word; word++) {
        if (ngx_strcmp(word->word, text) == 0) {
            break;
        }
    }

    value = ngx_bo_column(res, 0, 1);

    rf->status = word->status;
    rf->error = word->error;
    rf->mistakes = word->error == NGX_HTTP_BO_E_TERMS;
    rf->answer.len = value.len;
    rf->answer.data = ngx_pstrdup(ctx->request->pool, &value);

    if (rf->answer.data == NULL) {
        rf->status = 0;
        rf->answer.len = 0;
        rf->error = NGX_HTTP_BO_E_INTERNAL;
        return;
    }

    if (ngx_strcmp(text, "replayed") == 0) {
        ngx_http_bo_replayed(ctx);
    }

    if (rf->status == NGX_HTTP_ACCEPTED) {

        /* Whatever its node lived to do the first time. */

        ngx_bo_show_changed(ctx->store, &ctx->id);
        ngx_bo_outbox_wake(ctx->store);
    }
}


static void
ngx_http_bo_refund_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_refund_t *rf = ctx->data;

    u_char     *p;
    ngx_str_t   details;

    if (rf->status) {
        ngx_http_bo_send(ctx, rf->status, &rf->answer);
        return;
    }

    if (rf->answer.len == 0) {
        ngx_http_bo_error(ctx, rf->error, NULL);
        return;
    }

    details = rf->answer;

    if (rf->mistakes) {
        p = ngx_pnalloc(ctx->request->pool,
                        rf->answer.len + sizeof("{\"mistakes\":}"));
        if (p == NULL) {
            ngx_http_bo_error(ctx, rf->error, NULL);
            return;
        }

        details.data = p;
        details.len = ngx_sprintf(p, "{\"mistakes\":%V}", &rf->answer) - p;
    }

    ngx_http_bo_error(ctx, rf->error, &details);
}
