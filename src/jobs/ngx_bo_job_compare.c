
/*
 * Compares the lists of gateways with our own books, and takes what we have
 * not heard of: captures whose event was lost, refunds that somebody made at
 * the gateway's own desk.
 */


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_payments.h"


#define NGX_BO_COMPARE_PAGES  50

/* How far back, sec: what is older was asked about one by one. */

#define NGX_BO_COMPARE_BACK   86400


typedef struct {
    ngx_pool_t              *pool;
    ngx_bo_job_t            *job;
    ngx_bo_gateway_op_t      op;
    ngx_bo_gateway_op_t      refunds;       /* of a payment of the list */
    ngx_uint_t               pages;
    ngx_uint_t               pending;       /* words being taken */
    ngx_uint_t               next;          /* of them */
    ngx_array_t             *ids;           /* ngx_str_t, to get refunds of */
    u_char                   after[BO_GATEWAY_ID];
} ngx_bo_compare_t;


static void ngx_bo_compare_leased(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_compare_list(ngx_bo_compare_t *c);
static void ngx_bo_compare_listed(ngx_bo_gateway_op_t *op);
static ngx_int_t ngx_bo_compare_values(ngx_bo_compare_t *c, ngx_str_t *v);
static void ngx_bo_compare_differ(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_compare_row(ngx_bo_compare_t *c, PGresult *res, int row);
static bo_word_t *ngx_bo_compare_find(ngx_bo_compare_t *c, ngx_str_t *id);
static void ngx_bo_compare_take(ngx_bo_compare_t *c, bo_word_t *word);
static void ngx_bo_compare_taken(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_compare_next(ngx_bo_compare_t *c);
static void ngx_bo_compare_refunds(ngx_bo_gateway_op_t *op);
static void ngx_bo_compare_end(ngx_bo_compare_t *c);


static ngx_bo_pg_statement_t  ngx_bo_lease_compare = {
    "lease_compare",
    "select boxoffice.lease_compare($1::text, $2::int)", 2, 1
};

static ngx_bo_pg_statement_t  ngx_bo_compare_payments = {
    "compare_payments",
    "select payment_id, difference from boxoffice.compare_payments($1::text,"
    " $2::text[], $3::bigint[])",
    3, 1
};


void
ngx_bo_job_compare(ngx_bo_job_t *job)
{
    u_char             buf[NGX_INT64_LEN];
    ngx_str_t          v[2];
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_bo_gateway_t  *g = job->store->gateways->elts;
    ngx_bo_compare_t  *c;

    for (i = 0; i < job->store->gateways->nelts; i++) {

        if (g[i].peer == NULL) {
            continue;
        }

        pool = ngx_create_pool(2048, job->store->log);
        if (pool == NULL) {
            return;
        }

        c = ngx_pcalloc(pool, sizeof(ngx_bo_compare_t));
        if (c == NULL) {
            ngx_destroy_pool(pool);
            return;
        }

        c->pool = pool;
        c->job = job;
        c->op.gateway = &g[i];

        v[0] = g[i].name;
        v[1].data = buf;
        v[1].len = ngx_sprintf(buf, "%M", g[i].compare) - buf;

        ngx_bo_job_begin(job);

        if (ngx_bo_pg_submit(job->store->pg, &ngx_bo_lease_compare, v,
                             ngx_bo_compare_leased, c)
            == NULL)
        {
            ngx_bo_compare_end(c);
        }
    }
}


static void
ngx_bo_compare_leased(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    if (ngx_bo_job_check(c->job, verdict, res) != NGX_OK
        || PQntuples(res) != 1 || PQgetvalue(res, 0, 0)[0] != 't')
    {
        ngx_bo_compare_end(c);      /* another node does it, or did */
        return;
    }

    c->op.since = ngx_time() - NGX_BO_COMPARE_BACK;
    ngx_bo_compare_list(c);
}


static void
ngx_bo_compare_list(ngx_bo_compare_t *c)
{
    ngx_bo_gateway_end(&c->op);

    c->op.what = NGX_BO_GATEWAY_LIST;
    c->op.done = ngx_bo_compare_listed;
    c->op.data = c;

    if (c->pages++ == NGX_BO_COMPARE_PAGES
        || ngx_bo_gateway_start(&c->op) != NGX_OK)
    {
        ngx_bo_compare_end(c);
    }
}


static void
ngx_bo_compare_listed(ngx_bo_gateway_op_t *op)
{
    ngx_bo_compare_t *c = op->data;

    size_t      n;
    bo_word_t  *last;
    ngx_str_t   v[3];

    if (op->verdict != NGX_BO_GATEWAY_DONE || op->words->n == 0) {
        ngx_bo_compare_end(c);
        return;
    }

    last = &op->words->word[op->words->n - 1];
    n = ngx_strlen(last->payment);

    ngx_memcpy(c->after, last->payment, n);
    op->after.data = c->after;
    op->after.len = n;
    op->seen += op->words->n;

    if (ngx_bo_compare_values(c, v) != NGX_OK
        || ngx_bo_pg_submit(c->job->store->pg, &ngx_bo_compare_payments, v,
                            ngx_bo_compare_differ, c)
           == NULL)
    {
        ngx_bo_compare_end(c);
    }
}


/* The captured ones of the page, as arrays.  No id has to be quoted. */

static ngx_int_t
ngx_bo_compare_values(ngx_bo_compare_t *c, ngx_str_t *v)
{
    u_char      *p, *q;
    size_t       i;
    bo_word_t   *w;
    bo_words_t  *words = c->op.words;

    p = ngx_pnalloc(c->op.pool, 2 + words->n * (BO_GATEWAY_ID + 1));
    q = ngx_pnalloc(c->op.pool, 2 + words->n * (NGX_INT64_LEN + 1));

    if (p == NULL || q == NULL) {
        return NGX_ERROR;
    }

    v[0] = c->op.gateway->name;
    v[1].data = p;
    v[2].data = q;

    *p++ = '{';
    *q++ = '{';

    for (i = 0; i < words->n; i++) {
        w = &words->word[i];

        if (w->kind != BO_WORD_CAPTURED) {
            continue;
        }

        if (p[-1] != '{') {
            *p++ = ',';
            *q++ = ',';
        }

        p = ngx_cpymem(p, w->payment, ngx_strlen(w->payment));
        q = w->refunded < 0 ? ngx_cpymem(q, "NULL", 4)
                            : ngx_sprintf(q, "%L", w->refunded);
    }

    *p++ = '}';
    *q++ = '}';

    v[1].len = p - v[1].data;
    v[2].len = q - v[2].data;

    return NGX_OK;
}


static void
ngx_bo_compare_differ(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    int  i;

    if (ngx_bo_job_check(c->job, verdict, res) != NGX_OK) {
        ngx_bo_compare_end(c);
        return;
    }

    c->ids = ngx_array_create(c->op.pool, 4, sizeof(ngx_str_t));
    if (c->ids == NULL) {
        ngx_bo_compare_end(c);
        return;
    }

    c->next = 0;
    c->pending = 1;

    for (i = 0; i < PQntuples(res); i++) {
        ngx_bo_compare_row(c, res, i);
    }

    if (--c->pending == 0) {
        ngx_bo_compare_next(c);
    }
}


static void
ngx_bo_compare_row(ngx_bo_compare_t *c, PGresult *res, int row)
{
    bo_word_t   *word;
    ngx_str_t    id, *copy;
    const char  *difference;

    id = ngx_bo_column(res, row, 0);
    difference = PQgetvalue(res, row, 1);

    if (ngx_strcmp(difference, "missing") == 0) {
        word = ngx_bo_compare_find(c, &id);

        if (word) {
            ngx_bo_compare_take(c, word);
        }

        return;
    }

    if (ngx_strcmp(difference, "short") == 0) {

        /* our refund is done by its own word; the list may be a moment old */

        ngx_bo_count(c->job->store, payments_disagree);
        return;
    }

    copy = ngx_array_push(c->ids);

    if (copy) {
        copy->len = id.len;
        copy->data = ngx_pstrdup(c->op.pool, &id);

        if (copy->data == NULL) {
            c->ids->nelts--;
        }
    }
}


static bo_word_t *
ngx_bo_compare_find(ngx_bo_compare_t *c, ngx_str_t *id)
{
    size_t      i;
    bo_word_t  *w;

    for (i = 0; i < c->op.words->n; i++) {
        w = &c->op.words->word[i];

        if (w->kind == BO_WORD_CAPTURED && ngx_strlen(w->payment) == id->len
            && ngx_memcmp(w->payment, id->data, id->len) == 0)
        {
            return w;
        }
    }

    return NULL;
}


static void
ngx_bo_compare_take(ngx_bo_compare_t *c, bo_word_t *word)
{
    ngx_str_t            v[NGX_BO_TAKE_WORD_PARAMS];
    ngx_bo_store_t      *store = c->job->store;
    ngx_bo_word_room_t   room;

    if (ngx_bo_word_trusted(store, v, c->op.gateway, word, &room) == NGX_OK
        && ngx_bo_pg_submit(store->pg, &ngx_bo_take_word, v,
                            ngx_bo_compare_taken, c)
           != NULL)
    {
        c->pending++;
    }
}


static void
ngx_bo_compare_taken(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    if (ngx_bo_job_check(c->job, verdict, res) == NGX_OK
        && PQntuples(res) == 1)
    {
        if (ngx_strcmp(PQgetvalue(res, 0, 1), "unknown") == 0) {

            /* of the same account, and none of ours */

            ngx_bo_count(c->job->store, payments_foreign);

        } else {
            ngx_bo_count(c->job->store, payments_repaired);
            ngx_bo_word_taken(c->job->store, res, 0);
        }
    }

    if (--c->pending == 0) {
        ngx_bo_compare_next(c);
    }
}


/* The next payment whose refunds are to be read, or the next page. */

static void
ngx_bo_compare_next(ngx_bo_compare_t *c)
{
    ngx_str_t  *id = c->ids->elts;

    ngx_bo_gateway_end(&c->refunds);

    while (c->next < c->ids->nelts) {

        ngx_memzero(&c->refunds, sizeof(ngx_bo_gateway_op_t));

        c->refunds.gateway = c->op.gateway;
        c->refunds.what = NGX_BO_GATEWAY_REFUNDS;
        c->refunds.done = ngx_bo_compare_refunds;
        c->refunds.data = c;
        c->refunds.payment = id[c->next++];

        if (ngx_bo_gateway_start(&c->refunds) == NGX_OK) {
            return;
        }
    }

    if (c->op.words->more) {
        ngx_bo_compare_list(c);
        return;
    }

    ngx_bo_compare_end(c);
}


static void
ngx_bo_compare_refunds(ngx_bo_gateway_op_t *op)
{
    ngx_bo_compare_t *c = op->data;

    size_t  i;

    c->pending = 1;

    if (op->verdict == NGX_BO_GATEWAY_DONE) {
        for (i = 0; i < op->words->n; i++) {
            if (op->words->word[i].kind == BO_WORD_REFUNDED) {
                ngx_bo_compare_take(c, &op->words->word[i]);
            }
        }
    }

    if (--c->pending == 0) {
        ngx_bo_compare_next(c);
    }
}


static void
ngx_bo_compare_end(ngx_bo_compare_t *c)
{
    ngx_bo_job_t  *job = c->job;

    ngx_bo_gateway_end(&c->refunds);
    ngx_bo_gateway_end(&c->op);
    ngx_destroy_pool(c->pool);
    ngx_bo_job_end(job);
}
