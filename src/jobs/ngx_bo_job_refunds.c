
/*
 * Sends refunds to their gateways.  A row is leased by its next_at, so that any
 * number of nodes may do this, and what a dead one had comes back by itself.
 * What was sent, and not answered, is looked for before it is sent again; and
 * the key of both is the same.
 */


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_payments.h"


/* Refunds in one run, all under way at once. */

#define NGX_BO_REFUNDS_MAX   "32"
#define NGX_BO_REFUNDS_FULL  32


typedef struct {
    ngx_pool_t              *pool;
    ngx_bo_job_t            *job;
    ngx_bo_gateway_op_t      op;
    ngx_str_t                failed;        /* a try before, as the gateway
                                             * calls it; or empty */
    unsigned                 looked:1;      /* it is not there */
    unsigned                 refused:1;
} ngx_bo_refund_t;


static void ngx_bo_refunds_due(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_refund_begin(ngx_bo_job_t *job, PGresult *res, int row);
static ngx_int_t ngx_bo_refund_text(ngx_bo_refund_t *r, ngx_str_t *text,
    PGresult *res, int row, int column);
static void ngx_bo_refund_ask(ngx_bo_refund_t *r, ngx_bo_gateway_what_e what);
static void ngx_bo_refund_answered(ngx_bo_gateway_op_t *op);
static void ngx_bo_refund_read(ngx_bo_refund_t *r);
static void ngx_bo_refund_settle(ngx_bo_refund_t *r, const char *status,
    const char *id);
static void ngx_bo_refund_settled(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_refund_end(ngx_bo_refund_t *r);


static ngx_bo_pg_statement_t  ngx_bo_due_refunds = {
    "due_refunds",
    "select refund_id, provider, payment_id, order_id, amount, currency, again,"
    " key, failed_as from boxoffice.due_refunds(" NGX_BO_REFUNDS_MAX ","
    " $1::int)",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_settle_refund = {
    "settle_refund",
    "select boxoffice.settle_refund($1::uuid, $2::text, $3::text)",
    3, 1
};


void
ngx_bo_job_refunds(ngx_bo_job_t *job)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  base;

    base.data = buf;
    base.len = ngx_sprintf(buf, "%M", ngx_bo_job_base(job->store)) - buf;

    if (ngx_bo_pg_submit(job->store->pg, &ngx_bo_due_refunds, &base,
                         ngx_bo_refunds_due, job)
        != NULL)
    {
        ngx_bo_job_begin(job);
    }
}


static void
ngx_bo_refunds_due(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int  i, n;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK) {
        n = PQntuples(res);

        for (i = 0; i < n; i++) {
            ngx_bo_refund_begin(job, res, i);
        }

        /* the next ones when these have ended: customers ask there, too */

        job->again = (n == NGX_BO_REFUNDS_FULL);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_refund_begin(ngx_bo_job_t *job, PGresult *res, int row)
{
    ngx_str_t         name;
    ngx_pool_t       *pool;
    ngx_bo_refund_t  *r;

    pool = ngx_create_pool(2048, job->store->log);
    if (pool == NULL) {
        return;
    }

    r = ngx_pcalloc(pool, sizeof(ngx_bo_refund_t));
    if (r == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    r->pool = pool;
    r->job = job;

    ngx_bo_job_begin(job);

    name = ngx_bo_column(res, row, 1);
    r->op.gateway = ngx_bo_gateway_by_name(job->store->gateways, &name);

    if (r->op.gateway == NULL) {
        ngx_log_error(NGX_LOG_ERR, job->store->log, 0,
                      "boxoffice: a refund waits for the gateway \"%V\", "
                      "which is not configured", &name);
        ngx_bo_refund_end(r);
        return;
    }

    if (ngx_bo_refund_text(r, &r->op.refund, res, row, 0) != NGX_OK
        || ngx_bo_refund_text(r, &r->op.payment, res, row, 2) != NGX_OK
        || ngx_bo_refund_text(r, &r->op.order, res, row, 3) != NGX_OK
        || ngx_bo_refund_text(r, &r->op.currency, res, row, 5) != NGX_OK
        || ngx_bo_refund_text(r, &r->op.key, res, row, 7) != NGX_OK
        || ngx_bo_refund_text(r, &r->failed, res, row, 8) != NGX_OK)
    {
        ngx_bo_refund_end(r);
        return;
    }

    r->op.amount = ngx_bo_column_int(res, row, 4);

    ngx_bo_refund_ask(r, PQgetvalue(res, row, 6)[0] == 't'
                         && r->op.gateway->peer
                         ? NGX_BO_GATEWAY_REFUNDS : NGX_BO_GATEWAY_REFUND);
}


static ngx_int_t
ngx_bo_refund_text(ngx_bo_refund_t *r, ngx_str_t *text, PGresult *res,
    int row, int column)
{
    ngx_str_t  value;

    value = ngx_bo_column(res, row, column);

    text->len = value.len;
    text->data = ngx_pstrdup(r->pool, &value);

    return text->data ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_refund_ask(ngx_bo_refund_t *r, ngx_bo_gateway_what_e what)
{
    ngx_bo_gateway_end(&r->op);

    r->op.what = what;
    r->op.done = ngx_bo_refund_answered;
    r->op.data = r;

    if (what == NGX_BO_GATEWAY_REFUND) {
        ngx_bo_count(r->job->store, refunds_sent);
    }

    if (ngx_bo_gateway_start(&r->op) != NGX_OK) {

        /* its queue is full, or its breaker open: it stays as it is */

        if (what == NGX_BO_GATEWAY_REFUND && !r->looked) {
            ngx_bo_refund_settle(r, "PENDING", NULL);
            return;
        }

        ngx_bo_refund_end(r);
    }
}


static void
ngx_bo_refund_answered(ngx_bo_gateway_op_t *op)
{
    ngx_bo_refund_t *r = op->data;

    switch (op->verdict) {

    case NGX_BO_GATEWAY_DONE:
        ngx_bo_refund_read(r);
        return;

    case NGX_BO_GATEWAY_REFUSED:
    case NGX_BO_GATEWAY_NOT_FOUND:

        /*
         * Somebody may have given it back already, by this very refund: only
         * when it is not there either, nobody will.
         */

        if (op->what == NGX_BO_GATEWAY_REFUNDS) {
            break;                  /* it was not seen whether it is there */
        }

        if (!r->looked) {
            r->refused = 1;
            ngx_bo_refund_ask(r, NGX_BO_GATEWAY_REFUNDS);
            return;
        }

        ngx_bo_refund_settle(r, "FAILED", NULL);
        return;

    case NGX_BO_GATEWAY_NOT_NOW:

        if (op->what == NGX_BO_GATEWAY_REFUND && !r->looked) {
            ngx_bo_refund_settle(r, "PENDING", NULL);
            return;
        }

        break;

    default:
        break;
    }

    /* Sent, and not known: it is looked for when its time comes. */

    ngx_bo_refund_end(r);
}


/*
 * Lists have all refunds of the payment; ours bears its id.  Of several tries
 * the one that was done counts most; one that is known to have failed does not
 * count, unless it was done after all.
 */

static bo_word_t *
ngx_bo_refund_word(ngx_bo_refund_t *r)
{
    size_t                i;
    bo_word_t            *w, *best;
    ngx_bo_gateway_op_t  *op = &r->op;

    if (op->what == NGX_BO_GATEWAY_REFUND) {
        return op->words->n ? &op->words->word[0] : NULL;
    }

    best = NULL;

    for (i = 0; i < op->words->n; i++) {
        w = &op->words->word[i];

        if (ngx_strlen(w->refund) != op->refund.len
            || ngx_memcmp(w->refund, op->refund.data, op->refund.len) != 0
            || (w->kind == BO_WORD_REFUND_FAILED
                && ngx_strlen(w->refund_ref) == r->failed.len
                && ngx_memcmp(w->refund_ref, r->failed.data, r->failed.len)
                   == 0))
        {
            continue;
        }

        /* REFUNDED, REFUND_PENDING, REFUND_FAILED */

        if (best == NULL || w->kind < best->kind) {
            best = w;
        }
    }

    return best;
}


static void
ngx_bo_refund_read(ngx_bo_refund_t *r)
{
    bo_word_t  *w;

    w = ngx_bo_refund_word(r);

    if (w && w->kind == BO_WORD_REFUNDED) {
        ngx_bo_refund_settle(r, "DONE", w->refund_ref);
        return;
    }

    if (w && w->kind == BO_WORD_REFUND_FAILED) {
        ngx_bo_refund_settle(r, "FAILED", w->refund_ref);
        return;
    }

    if (w || r->op.what == NGX_BO_GATEWAY_REFUND) {
        ngx_bo_refund_end(r);       /* on its way: asked about later */
        return;
    }

    r->looked = 1;

    if (r->refused) {
        ngx_bo_refund_settle(r, "FAILED", NULL);
        return;
    }

    ngx_bo_refund_ask(r, NGX_BO_GATEWAY_REFUND);
}


static void
ngx_bo_refund_settle(ngx_bo_refund_t *r, const char *status, const char *id)
{
    ngx_str_t  v[3];

    v[0] = r->op.refund;
    v[1].data = (u_char *) status;
    v[1].len = ngx_strlen(status);
    v[2].data = (u_char *) id;
    v[2].len = id ? ngx_strlen(id) : 0;

    if (ngx_bo_pg_submit(r->job->store->pg, &ngx_bo_settle_refund, v,
                         ngx_bo_refund_settled, r)
        == NULL)
    {
        ngx_bo_refund_end(r);
    }
}


static void
ngx_bo_refund_settled(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_refund_t *r = data;

    const char  *said;

    if (ngx_bo_job_check(r->job, verdict, res) == NGX_OK
        && PQntuples(res) == 1)
    {
        ngx_bo_outbox_wake(r->job->store);

        said = PQgetvalue(res, 0, 0);

        if (ngx_strcmp(said, "done") == 0) {
            ngx_bo_count(r->job->store, refunds_done);

        } else if (ngx_strcmp(said, "failed") == 0) {
            ngx_bo_count(r->job->store, refunds_failed);
            ngx_log_error(NGX_LOG_ERR, r->job->store->log, 0,
                          "boxoffice: gateway \"%V\" will not refund %V",
                          &r->op.gateway->name, &r->op.refund);
        }
    }

    ngx_bo_refund_end(r);
}


static void
ngx_bo_refund_end(ngx_bo_refund_t *r)
{
    ngx_bo_job_t  *job = r->job;

    ngx_bo_gateway_end(&r->op);
    ngx_destroy_pool(r->pool);
    ngx_bo_job_end(job);
}
