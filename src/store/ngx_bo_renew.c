
/*
 * One question to PostgreSQL, what the show is now, and one script.
 */


#include "ngx_bo_renew.h"


typedef struct {
    ngx_bo_call_t           *call;
    ngx_pool_t              *pool;
    int64_t                  epoch;
    ngx_int_t                revision;
} ngx_bo_renew_t;


static void ngx_bo_renew_told(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_renew_send(ngx_bo_renew_t *rn, PGresult *res);
static void ngx_bo_renew_number(ngx_str_t *arg, u_char *text, int64_t n);
static ngx_uint_t ngx_bo_renew_count(ngx_str_t *list);
static ngx_str_t *ngx_bo_renew_put(ngx_str_t *arg, ngx_str_t *list);
static void ngx_bo_renew_done(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);


static ngx_bo_pg_statement_t  ngx_bo_show_renewal = {
    "show_renewal",
    "select epoch, fresh_epoch, revision, ends_ms, shut, open"
    " from boxoffice.show_renewal($1::uuid)", 1, 1
};


void
ngx_bo_renew(ngx_bo_call_t *call, ngx_pool_t *pool)
{
    ngx_str_t        id;
    ngx_bo_renew_t  *rn;

    rn = ngx_palloc(pool, sizeof(ngx_bo_renew_t));

    if (rn) {
        rn->call = call;
        rn->pool = pool;

        id.data = call->show->id_text;
        id.len = BO_UUID_LEN;

        call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_show_renewal,
                                    &id, ngx_bo_renew_told, rn);
    }

    if (call->pg == NULL) {
        call->outcome = NGX_BO_UNAVAILABLE;
        ngx_bo_call_post(call, call->done);
    }
}


static void
ngx_bo_renew_told(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_renew_t *rn = data;

    rn->call->pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || PQntuples(res) != 1 || ngx_bo_renew_send(rn, res) != NGX_OK)
    {
        ngx_bo_call_done(rn->call, NGX_BO_UNAVAILABLE);
    }
}


static ngx_int_t
ngx_bo_renew_send(ngx_bo_renew_t *rn, PGresult *res)
{
    u_char          text[4][NGX_INT64_LEN];
    int64_t         fresh, gone;
    ngx_str_t       shut, open, *argv, *arg;
    ngx_uint_t      n;
    ngx_bo_show_t  *show = rn->call->show;

    rn->epoch = ngx_bo_column_int(res, 0, 0);
    rn->revision = (ngx_int_t) ngx_bo_column_int(res, 0, 2);

    fresh = ngx_bo_column_int(res, 0, 1);
    gone = ngx_bo_show_gone(ngx_bo_column_int(res, 0, 3));
    shut = ngx_bo_column(res, 0, 4);
    open = ngx_bo_column(res, 0, 5);
    n = ngx_bo_renew_count(&shut);

    argv = ngx_palloc(rn->pool, (9 + n + ngx_bo_renew_count(&open))
                                * sizeof(ngx_str_t));
    if (argv == NULL) {
        return NGX_ERROR;
    }

    argv[0] = show->version_key;
    argv[1] = show->state_key;
    argv[2] = show->hold_key;
    argv[3] = show->expiry_key;
    ngx_bo_renew_number(&argv[4], text[0], rn->epoch * NGX_BO_EPOCH_VERSIONS);
    ngx_bo_renew_number(&argv[5], text[1], fresh * NGX_BO_EPOCH_VERSIONS);
    argv[6] = show->lock_prefix;
    ngx_bo_renew_number(&argv[7], text[2], gone);
    ngx_bo_renew_number(&argv[8], text[3], n);

    arg = ngx_bo_renew_put(&argv[9], &shut);
    arg = ngx_bo_renew_put(arg, &open);

    rn->call->redis = ngx_bo_redis_eval(rn->call->store->redis,
                                        &ngx_bo_script_renew, 4, arg - argv,
                                        argv, ngx_bo_renew_done, rn);

    return rn->call->redis ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_renew_number(ngx_str_t *arg, u_char *text, int64_t n)
{
    arg->data = text;
    arg->len = ngx_sprintf(text, "%L", n) - text;
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


static void
ngx_bo_renew_done(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_renew_t *rn = data;

    ngx_bo_call_t  *call = rn->call;

    call->redis = NULL;

    if (verdict != NGX_BO_DONE || reply->type != REDIS_REPLY_ARRAY) {

        if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, call->store->log, 0,
                          "boxoffice: taking over show %uD failed: %s",
                          call->show->no, reply->str);
        }

        ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
        return;
    }

    if (ngx_bo_reply_int(reply, 0) < 0) {
        ngx_bo_call_done(call, NGX_BO_NOT_FOUND);
        return;
    }

    /*
     * Of another revision, it is read again by whoever comes with this one.
     * An epoch that is lower is that of a PostgreSQL that was set back.
     */

    if (rn->revision == call->show->revision) {
        ngx_bo_show_set_epoch(call->show, rn->epoch);
    }

    ngx_bo_call_done(call, NGX_BO_OK);
}
