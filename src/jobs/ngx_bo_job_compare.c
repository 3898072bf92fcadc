
/*
 * Compares the lists of gateways with our own books, and takes what we have
 * not heard of: captures whose event was lost, refunds that somebody made at
 * the gateway's own desk.
 *
 * How far it has come is in PostgreSQL: a run does its share, and the next one,
 * on whichever node, goes on there.
 */


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_payments.h"


/* Pages of a run over the latest payments, and of one over all of them. */

#define NGX_BO_COMPARE_RECENT  50
#define NGX_BO_COMPARE_DEEP    20


typedef struct {
    ngx_pool_t              *pool;
    ngx_bo_job_t            *job;
    ngx_bo_gateway_op_t      op;
    ngx_bo_gateway_op_t      refunds;       /* of a payment of the list */
    ngx_uint_t               pages;         /* that this run may still do */
    ngx_uint_t               pending;       /* words being taken */
    ngx_uint_t               next;          /* of them */
    ngx_array_t             *ids;           /* ngx_str_t, to get refunds of */
    ngx_str_t                sweep;
    u_char                   after[BO_GATEWAY_ID];
    const char              *step;          /* that is being noted */
} ngx_bo_compare_t;


static void ngx_bo_compare_begin(ngx_bo_job_t *job, ngx_bo_gateway_t *gateway,
    ngx_str_t *sweep, ngx_uint_t pages);
static void ngx_bo_compare_leased(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_compare_resume(ngx_bo_compare_t *c, PGresult *res);
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
static void ngx_bo_compare_page(ngx_bo_compare_t *c);
static void ngx_bo_compare_move(ngx_bo_compare_t *c, const char *step);
static void ngx_bo_compare_moved(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_compare_fail(ngx_bo_compare_t *c, const char *why);
static void ngx_bo_compare_end(ngx_bo_compare_t *c);


static ngx_bo_pg_statement_t  ngx_bo_lease_compare = {
    "lease_compare",
    "select from_s, until_s, after, seen"
    " from boxoffice.lease_compare($1::text, $2::text, $3::int, $4::int)",
    4, 1
};

static ngx_bo_pg_statement_t  ngx_bo_move_compare = {
    "move_compare",
    "select boxoffice.move_compare($1::text, $2::text, $3::bigint, $4::text,"
    " $5::text, $6::int, $7::int)",
    7, 1
};

static ngx_bo_pg_statement_t  ngx_bo_compare_payments = {
    "compare_payments",
    "select payment_id, difference from boxoffice.compare_payments($1::text,"
    " $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::uuid[])",
    6, 1
};

static ngx_bo_pg_statement_t  ngx_bo_take_listed = {
    "take_listed",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS
    " from boxoffice.take_listed(" NGX_BO_WORD_ROW ", $11::text, $12::int,"
    " $13::uuid)",
    NGX_BO_WORD_PARAMS + 3, 1
};


void
ngx_bo_job_compare(ngx_bo_job_t *job)
{
    ngx_uint_t         i;
    ngx_bo_gateway_t  *g = job->store->gateways->elts;

    static ngx_str_t  recent = ngx_string("recent");
    static ngx_str_t  deep = ngx_string("deep");

    for (i = 0; i < job->store->gateways->nelts; i++) {
        if (g[i].peer) {
            ngx_bo_compare_begin(job, &g[i], &recent, NGX_BO_COMPARE_RECENT);
            ngx_bo_compare_begin(job, &g[i], &deep, NGX_BO_COMPARE_DEEP);
        }
    }
}


static void
ngx_bo_compare_begin(ngx_bo_job_t *job, ngx_bo_gateway_t *gateway,
    ngx_str_t *sweep, ngx_uint_t pages)
{
    u_char             every[NGX_INT64_LEN], back[NGX_INT64_LEN];
    ngx_str_t          v[4];
    ngx_pool_t        *pool;
    ngx_bo_compare_t  *c;

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
    c->op.gateway = gateway;
    c->op.limit = BO_GATEWAY_LIST;
    c->sweep = *sweep;
    c->pages = pages;

    v[0] = gateway->name;
    v[1] = *sweep;
    v[2].data = every;
    v[2].len = ngx_sprintf(every, "%M", gateway->compare) - every;
    v[3].data = back;
    v[3].len = ngx_sprintf(back, "%T", gateway->back) - back;

    ngx_bo_job_begin(job);

    if (ngx_bo_pg_submit(job->store->pg, &ngx_bo_lease_compare, v,
                         ngx_bo_compare_leased, c)
        == NULL)
    {
        ngx_bo_compare_end(c);
    }
}


static void
ngx_bo_compare_leased(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    if (ngx_bo_job_check(c->job, verdict, res) != NGX_OK
        || PQntuples(res) != 1
        || ngx_bo_compare_resume(c, res) != NGX_OK)
    {
        ngx_bo_compare_end(c);      /* another node does it, or did */
        return;
    }

    ngx_bo_compare_list(c);
}


/* Goes on where the last run stopped. */

static ngx_int_t
ngx_bo_compare_resume(ngx_bo_compare_t *c, PGresult *res)
{
    ngx_str_t  after;

    after = ngx_bo_column(res, 0, 2);

    if (after.len > sizeof(c->after)) {
        return NGX_ERROR;
    }

    c->op.after.data = c->after;
    c->op.after.len = after.len;
    ngx_memcpy(c->after, after.data, after.len);

    c->op.since = (time_t) ngx_bo_column_int(res, 0, 0);
    c->op.until = (time_t) ngx_bo_column_int(res, 0, 1);
    c->op.seen = (ngx_uint_t) ngx_bo_column_int(res, 0, 3);

    return NGX_OK;
}


static void
ngx_bo_compare_list(ngx_bo_compare_t *c)
{
    ngx_bo_gateway_end(&c->op);

    c->op.what = NGX_BO_GATEWAY_LIST;
    c->op.done = ngx_bo_compare_listed;
    c->op.data = c;

    if (ngx_bo_gateway_start(&c->op) != NGX_OK) {
        ngx_bo_compare_fail(c, "it is not asked now");
    }
}


static void
ngx_bo_compare_listed(ngx_bo_gateway_op_t *op)
{
    ngx_bo_compare_t *c = op->data;

    ngx_str_t  v[6];

    if (op->verdict != NGX_BO_GATEWAY_DONE) {

        if (op->truncated && op->limit > 1) {
            op->limit /= 2;
            ngx_bo_compare_list(c);
            return;
        }

        ngx_bo_compare_fail(c, op->verdict == NGX_BO_GATEWAY_NOT_NOW
                               ? "it does not answer now"
                               : op->verdict == NGX_BO_GATEWAY_UNKNOWN
                               ? "there was no answer that could be read"
                               : "it refuses its list");
        return;
    }

    if (op->words->total == 0) {
        ngx_bo_compare_move(c, "done");
        return;
    }

    if (op->words->last[0] == '\0') {
        ngx_bo_compare_fail(c, "its list has something without an id");
        return;
    }

    (void) ngx_atomic_fetch_add(
               &c->job->store->zone->metrics.payments_unread,
               op->words->total - op->words->n);

    if (ngx_bo_compare_values(c, v) != NGX_OK
        || ngx_bo_pg_submit(c->job->store->pg, &ngx_bo_compare_payments, v,
                            ngx_bo_compare_differ, c)
           == NULL)
    {
        ngx_bo_compare_fail(c, "PostgreSQL is not asked now");
    }
}


/* An element of an array; no id has to be quoted. */

static u_char *
ngx_bo_compare_element(u_char *p, const char *id)
{
    return *id ? ngx_cpymem(p, id, ngx_strlen(id)) : ngx_cpymem(p, "NULL", 4);
}


/* The captured ones of the page, as arrays. */

static ngx_int_t
ngx_bo_compare_values(ngx_bo_compare_t *c, ngx_str_t *v)
{
    u_char      *p[6];
    size_t       i;
    ngx_uint_t   k;
    bo_word_t   *w;
    bo_words_t  *words = c->op.words;

    v[0] = c->op.gateway->name;

    for (k = 1; k < 6; k++) {
        p[k] = ngx_pnalloc(c->op.pool, 2 + words->n * (BO_GATEWAY_ID + 1));
        if (p[k] == NULL) {
            return NGX_ERROR;
        }

        v[k].data = p[k];
        *p[k]++ = '{';
    }

    for (i = 0; i < words->n; i++) {
        w = &words->word[i];

        if (w->kind != BO_WORD_CAPTURED) {
            continue;
        }

        for (k = 1; k < 6; k++) {
            if (p[k][-1] != '{') {
                *p[k]++ = ',';
            }
        }

        p[1] = ngx_bo_compare_element(p[1], w->payment);
        p[2] = w->refunded < 0 ? ngx_bo_compare_element(p[2], "")
                               : ngx_sprintf(p[2], "%L", w->refunded);
        p[3] = ngx_bo_compare_element(p[3], w->intent);
        p[4] = ngx_bo_compare_element(p[4], w->reference);
        p[5] = ngx_bo_compare_element(p[5], w->site);
    }

    for (k = 1; k < 6; k++) {
        *p[k]++ = '}';
        v[k].len = p[k] - v[k].data;
    }

    return NGX_OK;
}


static void
ngx_bo_compare_differ(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    int  i;

    if (ngx_bo_job_check(c->job, verdict, res) != NGX_OK) {
        ngx_bo_compare_fail(c, "PostgreSQL did not do its part");
        return;
    }

    c->ids = ngx_array_create(c->op.pool, 4, sizeof(ngx_str_t));
    if (c->ids == NULL) {
        ngx_bo_compare_fail(c, "there is no memory");
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

    if (ngx_strcmp(difference, "foreign") == 0) {

        /* of the same account, and none of ours */

        ngx_bo_count(c->job->store, payments_foreign);
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
    ngx_str_t            v[NGX_BO_WORD_PARAMS + 3];
    ngx_bo_store_t      *store = c->job->store;
    ngx_bo_word_room_t   room;

    ngx_bo_word_values(v, c->op.gateway, word, &room);

    v[NGX_BO_WORD_PARAMS + 1] = store->seats_per_user;
    v[NGX_BO_WORD_PARAMS + 2].data = (u_char *) word->site;
    v[NGX_BO_WORD_PARAMS + 2].len = ngx_strlen(word->site);

    if (word->site[0] == '\0') {
        ngx_str_null(&v[NGX_BO_WORD_PARAMS + 2]);
    }

    if (ngx_bo_word_ticket(&v[NGX_BO_WORD_PARAMS], &room) == NGX_OK
        && ngx_bo_pg_submit(store->pg, &ngx_bo_take_listed, v,
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
        if (ngx_strcmp(PQgetvalue(res, 0, 1), "unknown") != 0) {
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

    ngx_bo_compare_page(c);
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


/* It is noted before the next one is asked for. */

static void
ngx_bo_compare_page(ngx_bo_compare_t *c)
{
    size_t                n;
    ngx_bo_gateway_op_t  *op = &c->op;

    if (!op->words->more && op->words->total < op->limit) {
        ngx_bo_compare_move(c, "done");
        return;
    }

    n = ngx_strlen(op->words->last);

    ngx_memcpy(c->after, op->words->last, n);
    op->after.len = n;
    op->seen += op->words->total;

    ngx_bo_compare_move(c, "page");
}


static void
ngx_bo_compare_move(ngx_bo_compare_t *c, const char *step)
{
    u_char             until[NGX_INT64_LEN], seen[NGX_INT64_LEN];
    u_char             every[NGX_INT64_LEN];
    ngx_str_t          v[7];
    ngx_bo_gateway_t  *gateway = c->op.gateway;

    c->step = step;

    v[0] = gateway->name;
    v[1] = c->sweep;
    v[2].data = until;
    v[2].len = ngx_sprintf(until, "%T", c->op.until) - until;
    v[3].data = (u_char *) step;
    v[3].len = ngx_strlen(step);
    v[4] = c->op.after;
    v[5].data = seen;
    v[5].len = ngx_sprintf(seen, "%ui", c->op.seen) - seen;
    v[6].data = every;
    v[6].len = ngx_sprintf(every, "%M", gateway->compare) - every;

    if (ngx_bo_pg_submit(c->job->store->pg, &ngx_bo_move_compare, v,
                         ngx_bo_compare_moved, c)
        == NULL)
    {
        ngx_bo_compare_end(c);      /* its time goes by, and it is due again */
    }
}


static void
ngx_bo_compare_moved(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_compare_t *c = data;

    if (ngx_bo_job_check(c->job, verdict, res) != NGX_OK
        || ngx_strcmp(c->step, "page") != 0)
    {
        ngx_bo_compare_end(c);
        return;
    }

    if (--c->pages == 0) {
        ngx_bo_compare_move(c, "rest");
        return;
    }

    ngx_bo_compare_list(c);
}


static void
ngx_bo_compare_fail(ngx_bo_compare_t *c, const char *why)
{
    ngx_bo_count(c->job->store, compares_failed);

    ngx_log_error(NGX_LOG_ERR, c->job->store->log, 0,
                  "boxoffice: the books could not be compared with gateway "
                  "\"%V\": %s; it goes on there later",
                  &c->op.gateway->name, why);

    ngx_bo_compare_move(c, "failed");
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
