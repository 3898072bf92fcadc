
/*
 * Asks gateways about payments in doubt: begun, and neither paid nor over.
 * What was promised is captured, what nobody will pay any more is cancelled.
 * And events that came too early are tried again.
 */


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_payments.h"


#define NGX_BO_PAYMENTS_MAX   "32"
#define NGX_BO_PAYMENTS_FULL  32

#define NGX_BO_PARKED         32        /* events in one run, one by one */


typedef struct {
    ngx_pool_t              *pool;
    ngx_bo_job_t            *job;
    ngx_bo_gateway_op_t      op;
    unsigned                 over:1;        /* its order is */
} ngx_bo_intent_t;


static void ngx_bo_payments_due(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_intent_begin(ngx_bo_job_t *job, PGresult *res, int row);
static ngx_int_t ngx_bo_intent_read(ngx_bo_intent_t *i, PGresult *res,
    int row);
static void ngx_bo_intent_ask(ngx_bo_intent_t *i, ngx_bo_gateway_what_e what);
static void ngx_bo_intent_answered(ngx_bo_gateway_op_t *op);
static void ngx_bo_intent_weigh(ngx_bo_intent_t *i);
static void ngx_bo_intent_step(ngx_bo_intent_t *i, bo_word_t *word,
    ngx_bo_gateway_what_e what);
static void ngx_bo_intent_take(ngx_bo_intent_t *i, bo_word_t *word);
static void ngx_bo_intent_taken(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_intent_end(ngx_bo_intent_t *i);
static void ngx_bo_parked_next(ngx_bo_job_t *job);
static void ngx_bo_parked_taken(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_due_payments = {
    "due_payments",
    "select intent_id, provider, reference, order_id, amount, currency,"
    " method, over, (select site_id from boxoffice.site)"
    " from boxoffice.due_payments(" NGX_BO_PAYMENTS_MAX ", $1::int)",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_take_parked = {
    "take_parked",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.take_parked($1::text, $2::int)",
    2, 1
};

/* Events that may still be tried in this run of the worker's job. */

static ngx_uint_t  ngx_bo_parked_left;


ngx_msec_t
ngx_bo_job_base(ngx_bo_store_t *store)
{
    ngx_uint_t         i;
    ngx_msec_t         base;
    ngx_bo_gateway_t  *g = store->gateways->elts;

    base = g[0].check;

    for (i = 1; i < store->gateways->nelts; i++) {
        base = ngx_min(base, g[i].check);
    }

    return base;
}


void
ngx_bo_job_payments(ngx_bo_job_t *job)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  base;

    base.data = buf;
    base.len = ngx_sprintf(buf, "%M", ngx_bo_job_base(job->store)) - buf;

    if (ngx_bo_pg_submit(job->store->pg, &ngx_bo_due_payments, &base,
                         ngx_bo_payments_due, job)
        != NULL)
    {
        ngx_bo_job_begin(job);
    }
}


static void
ngx_bo_payments_due(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    int  i, n;

    if (ngx_bo_job_check(job, verdict, res) == NGX_OK) {
        n = PQntuples(res);

        for (i = 0; i < n; i++) {
            ngx_bo_intent_begin(job, res, i);
        }

        /* the next ones when these have ended: customers ask there, too */

        job->again = (n == NGX_BO_PAYMENTS_FULL);
    }

    ngx_bo_job_end(job);
}


static void
ngx_bo_intent_begin(ngx_bo_job_t *job, PGresult *res, int row)
{
    ngx_pool_t       *pool;
    ngx_bo_intent_t  *i;

    pool = ngx_create_pool(2048, job->store->log);
    if (pool == NULL) {
        return;
    }

    i = ngx_pcalloc(pool, sizeof(ngx_bo_intent_t));
    if (i == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    i->pool = pool;
    i->job = job;

    ngx_bo_job_begin(job);

    if (ngx_bo_intent_read(i, res, row) != NGX_OK) {
        ngx_bo_intent_end(i);
        return;
    }

    /* Without a name it is not known whether it is there: ask for it again. */

    i->op.again = 1;
    ngx_bo_intent_ask(i, i->op.payment.len ? NGX_BO_GATEWAY_QUERY
                                           : NGX_BO_GATEWAY_CREATE);
}


static ngx_int_t
ngx_bo_intent_read(ngx_bo_intent_t *i, PGresult *res, int row)
{
    ngx_str_t   value;
    ngx_uint_t  n;

    struct {
        ngx_str_t  *text;
        int         column;
    } texts[] = {
        { &i->op.intent, 0 },
        { &i->op.payment, 2 },
        { &i->op.order, 3 },
        { &i->op.currency, 5 },
        { &i->op.method, 6 },
        { &i->op.site, 8 }
    };

    value = ngx_bo_column(res, row, 1);
    i->op.gateway = ngx_bo_gateway_by_name(i->job->store->gateways, &value);

    if (i->op.gateway == NULL) {
        return NGX_ERROR;       /* it was taken out of the configuration */
    }

    for (n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        value = ngx_bo_column(res, row, texts[n].column);

        texts[n].text->len = value.len;
        texts[n].text->data = ngx_pstrdup(i->pool, &value);

        if (texts[n].text->data == NULL) {
            return NGX_ERROR;
        }
    }

    i->op.amount = ngx_bo_column_int(res, row, 4);
    i->over = PQgetvalue(res, row, 7)[0] == 't';

    return NGX_OK;
}


static void
ngx_bo_intent_ask(ngx_bo_intent_t *i, ngx_bo_gateway_what_e what)
{
    ngx_bo_gateway_end(&i->op);

    i->op.what = what;
    i->op.done = ngx_bo_intent_answered;
    i->op.data = i;

    if (ngx_bo_gateway_start(&i->op) != NGX_OK) {
        ngx_bo_intent_end(i);
    }
}


static void
ngx_bo_intent_answered(ngx_bo_gateway_op_t *op)
{
    ngx_bo_intent_t *i = op->data;

    bo_word_t  failed;

    if (op->verdict == NGX_BO_GATEWAY_DONE) {
        ngx_bo_intent_weigh(i);
        return;
    }

    if (op->what == NGX_BO_GATEWAY_CREATE
        && (op->verdict == NGX_BO_GATEWAY_REFUSED
            || op->verdict == NGX_BO_GATEWAY_NOT_FOUND))
    {
        ngx_memzero(&failed, sizeof(bo_word_t));
        failed.kind = BO_WORD_FAILED;
        ngx_memcpy(failed.intent, op->intent.data, BO_UUID_LEN);

        ngx_bo_intent_take(i, &failed);
        return;
    }

    /* Whatever it was: it is asked again when its time comes. */

    ngx_bo_intent_end(i);
}


static void
ngx_bo_intent_weigh(ngx_bo_intent_t *i)
{
    bo_word_t            *word;
    ngx_bo_gateway_op_t  *op = &i->op;

    word = ngx_bo_gateway_word(op);

    /* What was asked for is known, also when it is not repeated. */

    if (word && word->intent[0] == '\0') {
        ngx_memcpy(word->intent, op->intent.data, BO_UUID_LEN);
        word->intent[BO_UUID_LEN] = '\0';
    }

    if (word && (word->kind == BO_WORD_CAPTURED
                 || word->kind == BO_WORD_FAILED))
    {
        if (op->what == NGX_BO_GATEWAY_CAPTURE) {
            ngx_bo_count(i->job->store, payments_captured);

        } else if (word->kind == BO_WORD_CAPTURED) {
            ngx_bo_count(i->job->store, payments_repaired);
        }

        ngx_bo_intent_take(i, word);
        return;
    }

    switch (op->what) {

    case NGX_BO_GATEWAY_CREATE:

        if (word && word->reference[0] != '\0') {
            word->kind = BO_WORD_OPEN;
            ngx_bo_intent_take(i, word);
            return;
        }

        break;

    case NGX_BO_GATEWAY_QUERY:

        if (word && word->kind == BO_WORD_AUTHORISED && !i->over) {
            ngx_bo_intent_step(i, word, NGX_BO_GATEWAY_CAPTURE);
            return;
        }

        /* nobody is to pay it any more; money would have to go back */

        if (i->over) {
            ngx_bo_intent_step(i, NULL, NGX_BO_GATEWAY_CANCEL);
            return;
        }

        break;

    default:
        break;
    }

    ngx_bo_intent_end(i);
}


/* word: the payment that it is about; NULL for the one that was asked for. */

static void
ngx_bo_intent_step(ngx_bo_intent_t *i, bo_word_t *word,
    ngx_bo_gateway_what_e what)
{
    ngx_str_t  id;

    if (word) {
        id.data = (u_char *) word->payment;
        id.len = ngx_strlen(word->payment);

        i->op.payment.len = id.len;
        i->op.payment.data = ngx_pstrdup(i->pool, &id);

        if (i->op.payment.data == NULL) {
            ngx_bo_intent_end(i);
            return;
        }
    }

    ngx_bo_intent_ask(i, what);
}


static void
ngx_bo_intent_take(ngx_bo_intent_t *i, bo_word_t *word)
{
    ngx_str_t           v[NGX_BO_TAKE_WORD_PARAMS];
    ngx_bo_store_t     *store = i->job->store;
    ngx_bo_word_room_t  room;

    if (ngx_bo_word_trusted(store, v, i->op.gateway, word, &room) != NGX_OK
        || ngx_bo_pg_submit(store->pg, &ngx_bo_take_word, v,
                            ngx_bo_intent_taken, i)
           == NULL)
    {
        ngx_bo_intent_end(i);
    }
}


static void
ngx_bo_intent_taken(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_intent_t *i = data;

    if (ngx_bo_job_check(i->job, verdict, res) == NGX_OK
        && PQntuples(res) == 1)
    {
        ngx_bo_word_taken(i->job->store, res, 0);
    }

    ngx_bo_intent_end(i);
}


static void
ngx_bo_intent_end(ngx_bo_intent_t *i)
{
    ngx_bo_job_t  *job = i->job;

    ngx_bo_gateway_end(&i->op);
    ngx_destroy_pool(i->pool);
    ngx_bo_job_end(job);
}


void
ngx_bo_job_parked(ngx_bo_job_t *job)
{
    ngx_bo_parked_left = NGX_BO_PARKED;
    ngx_bo_parked_next(job);
}


static void
ngx_bo_parked_next(ngx_bo_job_t *job)
{
    ngx_str_t           v[2];
    ngx_bo_word_room_t  room;

    ngx_bo_parked_left--;

    /* a code for it, should it confirm an order */

    if (ngx_bo_word_ticket(&v[0], &room) != NGX_OK) {
        return;
    }

    v[1] = job->store->seats_per_user;

    ngx_bo_job_submit(job, &ngx_bo_take_parked, v, ngx_bo_parked_taken);
}


static void
ngx_bo_parked_taken(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_job_t *job = data;

    const char  *said;

    if (ngx_bo_job_check(job, verdict, res) != NGX_OK || PQntuples(res) == 0)
    {
        ngx_bo_job_end(job);
        return;
    }

    said = PQgetvalue(res, 0, 1);

    if (ngx_strcmp(said, "error") == 0) {
        ngx_bo_count(job->store, jobs_failed);
        ngx_log_error(NGX_LOG_ERR, job->store->log, 0,
                      "boxoffice: a parked event of a gateway cannot be "
                      "taken, SQLSTATE %s: see PostgreSQL's log",
                      PQgetvalue(res, 0, PQfnumber(res, "status")));

    } else if (ngx_strcmp(said, "parked") != 0) {
        ngx_bo_word_taken(job->store, res, 0);
    }

    if (ngx_bo_parked_left) {
        ngx_bo_parked_next(job);

    } else {
        job->again = 1;
    }

    ngx_bo_job_end(job);
}
