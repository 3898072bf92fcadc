
/*
 * Calls without an owner: each has a pool of its own, and frees itself with its
 * last step.
 */


#include "ngx_bo_renew.h"
#include "ngx_bo_seatmap.h"


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_pool_t              *pool;
    bo_uuid_t                id;
    ngx_str_t                shut;      /* numbers of seats, with commas */
    ngx_str_t                open;
    u_char                   count[NGX_INT32_LEN];
} ngx_bo_renew_t;


static void ngx_bo_renew_told(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_renew_copy(ngx_bo_renew_t *rn, ngx_str_t *to,
    PGresult *res, int column);
static void ngx_bo_renew_reloaded(ngx_bo_call_t *call);
static ngx_uint_t ngx_bo_renew_count(ngx_str_t *list);
static ngx_str_t *ngx_bo_renew_put(ngx_str_t *arg, ngx_str_t *list);
static ngx_bo_outcome_e ngx_bo_renew_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_renew_moved(ngx_bo_call_t *call);
static void ngx_bo_renew_done(ngx_bo_call_t *call);


static ngx_bo_pg_statement_t  ngx_bo_show_renewal = {
    "show_renewal",
    "select shut, open from boxoffice.show_renewal($1::uuid)", 1, 1
};


void
ngx_bo_renew_show(ngx_bo_store_t *store, const bo_uuid_t *id)
{
    u_char           text[BO_UUID_LEN];
    ngx_str_t        v;
    ngx_pool_t      *pool;
    ngx_bo_renew_t  *rn;

    pool = ngx_create_pool(2048, store->log);
    if (pool == NULL) {
        return;
    }

    rn = ngx_pcalloc(pool, sizeof(ngx_bo_renew_t));
    if (rn == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    rn->pool = pool;
    rn->id = *id;
    rn->script.call.store = store;

    bo_uuid_format((char *) text, id);
    v.data = text;
    v.len = BO_UUID_LEN;

    rn->script.call.pg = ngx_bo_pg_submit(store->pg, &ngx_bo_show_renewal, &v,
                                          ngx_bo_renew_told, rn);
    if (rn->script.call.pg == NULL) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_bo_renew_told(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_renew_t *rn = data;

    ngx_bo_call_t  *call = &rn->script.call;

    call->pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || PQntuples(res) != 1
        || ngx_bo_renew_copy(rn, &rn->shut, res, 0) != NGX_OK
        || ngx_bo_renew_copy(rn, &rn->open, res, 1) != NGX_OK)
    {
        ngx_bo_renew_done(call);
        return;
    }

    call->done = ngx_bo_renew_reloaded;

    ngx_bo_show_reload(call->store, &rn->id, call);
}


static ngx_int_t
ngx_bo_renew_copy(ngx_bo_renew_t *rn, ngx_str_t *to, PGresult *res, int column)
{
    ngx_str_t  value;

    value = ngx_bo_column(res, 0, column);

    to->len = value.len;
    to->data = ngx_pstrdup(rn->pool, &value);

    return to->data ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_renew_reloaded(ngx_bo_call_t *call)
{
    ngx_bo_renew_t *rn = (ngx_bo_renew_t *) call;

    ngx_str_t             *arg;
    ngx_uint_t             shut;
    ngx_bo_show_t         *show;
    ngx_bo_script_call_t  *sc = &rn->script;

    if (call->outcome != NGX_BO_OK) {
        ngx_bo_renew_done(call);
        return;
    }

    show = call->show;
    shut = ngx_bo_renew_count(&rn->shut);

    sc->argv = ngx_palloc(rn->pool,
                          (5 + shut + ngx_bo_renew_count(&rn->open))
                          * sizeof(ngx_str_t));
    if (sc->argv == NULL) {
        ngx_bo_renew_done(call);
        return;
    }

    /* argv[2] is the epoch's, put in when it is sent */

    sc->argv[0] = show->version_key;
    sc->argv[1] = show->state_key;
    sc->argv[3] = show->lock_prefix;
    sc->argv[4].data = rn->count;
    sc->argv[4].len = ngx_sprintf(rn->count, "%ui", shut) - rn->count;

    arg = ngx_bo_renew_put(&sc->argv[5], &rn->shut);
    arg = ngx_bo_renew_put(arg, &rn->open);

    sc->script = &ngx_bo_script_renew;
    sc->read = ngx_bo_renew_read;
    sc->nkeys = 2;
    sc->argc = arg - sc->argv;
    sc->rebuilds = 1;
    call->done = ngx_bo_renew_moved;

    ngx_bo_show_touch(show);
    ngx_bo_script_run(sc);
}


static ngx_uint_t
ngx_bo_renew_count(ngx_str_t *list)
{
    size_t      i;
    ngx_uint_t  n;

    n = list->len ? 1 : 0;

    for (i = 0; i < list->len; i++) {
        n += list->data[i] == ',';
    }

    return n;
}


/* The elements of a list, where they are. */

static ngx_str_t *
ngx_bo_renew_put(ngx_str_t *arg, ngx_str_t *list)
{
    u_char  *p, *last, *comma;

    last = list->data + list->len;

    for (p = list->data; p < last; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');
        comma = comma ? comma : last;

        arg->data = p;
        arg->len = comma - p;
        arg++;
    }

    return arg;
}


static ngx_bo_outcome_e
ngx_bo_renew_read(ngx_bo_script_call_t *sc, ngx_int_t code, redisReply *reply)
{
    return NGX_BO_OK;
}


static void
ngx_bo_renew_moved(ngx_bo_call_t *call)
{
    if (call->outcome != NGX_BO_OK) {
        ngx_bo_renew_done(call);
        return;
    }

    call->done = ngx_bo_renew_done;

    ngx_bo_seatmap_refresh(call->show, call, 0);
}


static void
ngx_bo_renew_done(ngx_bo_call_t *call)
{
    ngx_bo_renew_t *rn = (ngx_bo_renew_t *) call;

    ngx_bo_call_cancel(call);
    ngx_destroy_pool(rn->pool);
}
