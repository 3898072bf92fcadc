
/*
 * A rebuild goes: read the show again from PostgreSQL, for another node may
 * have rebuilt it; take over what Redis has, should the show only have changed;
 * take a lock in Redis, so that one node does it; look once more; start a new
 * epoch in PostgreSQL, and read the show again should it have changed by then;
 * read the claims; load them with a script that gives way to anybody who was
 * faster.
 */


#include "ngx_bo_rebuild.h"
#include "ngx_bo_renew.h"


#define NGX_BO_REBUILD_LOCK   "3000"    /* msec, should its owner die */
#define NGX_BO_REBUILD_PAUSE  25        /* msec, while another node is at it */


typedef struct {
    ngx_bo_call_t            call;          /* the step under way */
    ngx_queue_t              queue;         /* in store->rebuilds */
    ngx_queue_t              waiting;
    ngx_pool_t              *pool;
    ngx_event_t              timer;
    ngx_str_t                lock;
    ngx_str_t                token;         /* in the lock: it is ours */
    int64_t                  seen;
    int64_t                  epoch;
    unsigned                 locked:1;
} ngx_bo_rebuild_t;


static void ngx_bo_rebuild_reloaded(ngx_bo_call_t *call);
static void ngx_bo_rebuild_renewed(ngx_bo_call_t *call);
static void ngx_bo_rebuild_lock(ngx_bo_rebuild_t *rb);
static void ngx_bo_rebuild_locked(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_rebuild_check(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_rebuild_pause(ngx_event_t *ev);
static void ngx_bo_rebuild_epoch(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_rebuild_changed(ngx_bo_call_t *call);
static void ngx_bo_rebuild_claim(ngx_bo_rebuild_t *rb);
static void ngx_bo_rebuild_claims(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_rebuild_load(ngx_bo_rebuild_t *rb, PGresult *res);
static void ngx_bo_rebuild_unsold(ngx_bo_show_t *show, u_char *map,
    size_t size);
static void ngx_bo_rebuild_loaded(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_rebuild_unlocked(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_rebuild_end(ngx_bo_rebuild_t *rb,
    ngx_bo_outcome_e outcome);
static void ngx_bo_rebuild_free(ngx_bo_rebuild_t *rb);


static ngx_bo_pg_statement_t  ngx_bo_next_epoch = {
    "next_epoch",
    "select epoch, revision from boxoffice.next_epoch($1::uuid)", 1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_show_claims = {
    "show_claims",
    "select seat_no, confirmed, user_id, hold_id, ms_left"
    " from boxoffice.show_claims($1::uuid)", 1, 1
};


void
ngx_bo_rebuild(ngx_bo_show_t *show, int64_t seen, ngx_bo_call_t *call,
    ngx_bo_done_pt woken)
{
    u_char            *p;
    bo_uuid_t          token;
    ngx_pool_t        *pool;
    ngx_queue_t       *q;
    ngx_bo_store_t    *store = show->store;
    ngx_bo_rebuild_t  *rb;

    for (q = ngx_queue_head(&store->rebuilds);
         q != ngx_queue_sentinel(&store->rebuilds);
         q = ngx_queue_next(q))
    {
        rb = ngx_queue_data(q, ngx_bo_rebuild_t, queue);

        if (rb->call.show->no == show->no) {
            ngx_bo_call_wait(call, &rb->waiting, woken);
            return;
        }
    }

    pool = ngx_create_pool(1024, store->log);
    if (pool == NULL) {
        goto failed;
    }

    rb = ngx_pcalloc(pool, sizeof(ngx_bo_rebuild_t));
    p = ngx_pnalloc(pool, sizeof("rebuild:{}") + 2 * BO_UUID_LEN);

    if (rb == NULL || p == NULL
        || ngx_bo_make_id(&token, show->no) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        goto failed;
    }

    rb->pool = pool;
    rb->seen = seen;
    rb->lock.data = p;
    rb->lock.len = ngx_sprintf(p, "rebuild:{%*s}", (size_t) BO_UUID_LEN,
                               show->id_text)
                   - p;

    rb->token.data = p + rb->lock.len;
    rb->token.len = BO_UUID_LEN;
    bo_uuid_format((char *) rb->token.data, &token);

    rb->timer.handler = ngx_bo_rebuild_pause;
    rb->timer.data = rb;
    rb->timer.log = store->log;
    rb->timer.cancelable = 1;

    ngx_queue_init(&rb->waiting);
    ngx_queue_insert_tail(&store->rebuilds, &rb->queue);
    ngx_bo_call_wait(call, &rb->waiting, woken);

    rb->call.done = ngx_bo_rebuild_reloaded;
    rb->call.show = show;
    ngx_bo_show_keep(show);

    ngx_bo_show_reload(store, &show->id, &rb->call);

    return;

failed:

    call->outcome = NGX_BO_UNAVAILABLE;
    ngx_bo_call_post(call, woken);
}


static void
ngx_bo_rebuild_reloaded(ngx_bo_call_t *call)
{
    ngx_bo_rebuild_t *rb = (ngx_bo_rebuild_t *) call;

    if (call->outcome != NGX_BO_OK) {
        ngx_bo_rebuild_end(rb, call->outcome);
        return;
    }

    if (rb->seen / NGX_BO_EPOCH_VERSIONS == call->show->epoch) {

        /* Another node has loaded it; we only had not heard of the epoch. */

        ngx_bo_rebuild_end(rb, NGX_BO_OK);
        return;
    }

    if (rb->seen == 0) {
        ngx_bo_rebuild_lock(rb);
        return;
    }

    rb->call.done = ngx_bo_rebuild_renewed;
    ngx_bo_renew(&rb->call, rb->pool);
}


static void
ngx_bo_rebuild_renewed(ngx_bo_call_t *call)
{
    ngx_bo_rebuild_t *rb = (ngx_bo_rebuild_t *) call;

    if (call->outcome == NGX_BO_NOT_FOUND) {
        ngx_bo_rebuild_lock(rb);

    } else {
        ngx_bo_rebuild_end(rb, call->outcome);
    }
}


static void
ngx_bo_rebuild_lock(ngx_bo_rebuild_t *rb)
{
    ngx_str_t  argv[] = {
        ngx_string("SET"), rb->lock, rb->token, ngx_string("NX"),
        ngx_string("PX"), ngx_string(NGX_BO_REBUILD_LOCK)
    };

    rb->call.redis = ngx_bo_redis_command(rb->call.store->redis, 6, argv,
                                          ngx_bo_rebuild_locked, rb);

    if (rb->call.redis == NULL) {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_rebuild_locked(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_rebuild_t *rb = data;

    ngx_str_t  argv[] = { ngx_string("GET"), rb->call.show->version_key };

    rb->call.redis = NULL;

    if (verdict != NGX_BO_DONE || reply->type == REDIS_REPLY_ERROR) {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
        return;
    }

    if (reply->type == REDIS_REPLY_NIL) {

        /* Another node is at it; those who wait see how far it got. */

        ngx_add_timer(&rb->timer, NGX_BO_REBUILD_PAUSE);
        return;
    }

    rb->locked = 1;

    rb->call.redis = ngx_bo_redis_command(rb->call.store->redis, 2, argv,
                                          ngx_bo_rebuild_check, rb);

    if (rb->call.redis == NULL) {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
    }
}


/*
 * Since we looked another node may have loaded the show and left the lock.  A
 * new epoch in PostgreSQL then would part it from the one in Redis, and all
 * nodes would go on to replace a show that is well.
 */

static void
ngx_bo_rebuild_check(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_rebuild_t *rb = data;

    int64_t    version;
    ngx_str_t  id;

    rb->call.redis = NULL;

    if (verdict != NGX_BO_DONE
        || (reply->type != REDIS_REPLY_STRING
            && reply->type != REDIS_REPLY_NIL))
    {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
        return;
    }

    version = reply->type == REDIS_REPLY_NIL
              ? 0 : (int64_t) ngx_atoof((u_char *) reply->str, reply->len);

    if (version / NGX_BO_EPOCH_VERSIONS
        != rb->seen / NGX_BO_EPOCH_VERSIONS)
    {
        ngx_bo_rebuild_end(rb, NGX_BO_OK);
        return;
    }

    id.data = rb->call.show->id_text;
    id.len = BO_UUID_LEN;

    rb->call.pg = ngx_bo_pg_submit(rb->call.store->pg, &ngx_bo_next_epoch,
                                   &id, ngx_bo_rebuild_epoch, rb);
    if (rb->call.pg == NULL) {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_rebuild_pause(ngx_event_t *ev)
{
    ngx_bo_rebuild_end(ev->data, NGX_BO_OK);
}


static void
ngx_bo_rebuild_epoch(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_rebuild_t *rb = data;

    ngx_bo_show_t  *show = rb->call.show;

    rb->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || PQntuples(res) != 1)
    {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
        return;
    }

    rb->epoch = ngx_bo_column_int(res, 0, 0);

    if (ngx_bo_column_int(res, 0, 1) == show->revision) {
        ngx_bo_rebuild_claim(rb);
        return;
    }

    /*
     * It was changed since it was read, and that change has its place in this
     * epoch: nobody would look for it again.
     */

    rb->call.done = ngx_bo_rebuild_changed;
    ngx_bo_show_reload(show->store, &show->id, &rb->call);
}


static void
ngx_bo_rebuild_changed(ngx_bo_call_t *call)
{
    ngx_bo_rebuild_t *rb = (ngx_bo_rebuild_t *) call;

    if (call->outcome != NGX_BO_OK) {
        ngx_bo_rebuild_end(rb, call->outcome);
        return;
    }

    ngx_bo_rebuild_claim(rb);
}


static void
ngx_bo_rebuild_claim(ngx_bo_rebuild_t *rb)
{
    ngx_str_t  id;

    id.data = rb->call.show->id_text;
    id.len = BO_UUID_LEN;

    rb->call.pg = ngx_bo_pg_submit(rb->call.store->pg, &ngx_bo_show_claims,
                                   &id, ngx_bo_rebuild_claims, rb);
    if (rb->call.pg == NULL) {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_rebuild_claims(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_rebuild_t *rb = data;

    rb->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK
        || ngx_bo_rebuild_load(rb, res) != NGX_OK)
    {
        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
    }
}


static ngx_int_t
ngx_bo_rebuild_load(ngx_bo_rebuild_t *rb, PGresult *res)
{
    u_char         *map, *base, *p;
    size_t          size;
    uint32_t        seat;
    ngx_int_t       row, rows;
    ngx_str_t      *argv, *arg;
    ngx_bo_show_t  *show;

    show = rb->call.show;
    rows = PQntuples(res);
    size = bo_map_size(show->layout.nseats);

    argv = ngx_palloc(rb->pool, (9 + rows * 4) * sizeof(ngx_str_t));
    map = ngx_pcalloc(rb->pool, size);
    base = ngx_pnalloc(rb->pool, 3 * NGX_INT64_LEN);

    if (argv == NULL || map == NULL || base == NULL) {
        return NGX_ERROR;
    }

    argv[0] = show->version_key;
    argv[1] = show->state_key;
    argv[2] = show->hold_key;
    argv[3] = show->expiry_key;

    p = ngx_sprintf(base, "%L", rb->epoch * NGX_BO_EPOCH_VERSIONS);
    argv[4].data = base;
    argv[4].len = p - base;

    argv[5].data = p;
    p = ngx_sprintf(p, "%L", rb->seen);
    argv[5].len = p - argv[5].data;

    argv[6] = show->lock_prefix;

    argv[7].data = p;
    p = ngx_sprintf(p, "%L", ngx_bo_show_gone(show->ends));
    argv[7].len = p - argv[7].data;

    argv[8].data = map;
    argv[8].len = size;
    arg = &argv[9];

    ngx_bo_rebuild_unsold(show, map, size);

    if (show->cancelled) {
        rows = 0;
    }

    for (row = 0; row < rows; row++) {
        seat = (uint32_t) ngx_bo_column_int(res, row, 0);

        if (*PQgetvalue(res, (int) row, 1) == 't') {
            bo_map_set(map, size, seat, BO_SEAT_BOOKED);
            continue;
        }

        bo_map_set(map, size, seat, BO_SEAT_HELD);

        arg[0] = ngx_bo_column(res, row, 0);
        arg[1] = ngx_bo_column(res, row, 2);
        arg[2] = ngx_bo_column(res, row, 3);
        arg[3] = ngx_bo_column(res, row, 4);
        arg += 4;
    }

    rb->call.redis = ngx_bo_redis_eval(rb->call.store->redis,
                                       &ngx_bo_script_load, 4, arg - argv,
                                       argv, ngx_bo_rebuild_loaded, rb);

    return rb->call.redis ? NGX_OK : NGX_ERROR;
}


/* Seats that are not for sale: all of a cancelled show, whoever has them. */

static void
ngx_bo_rebuild_unsold(ngx_bo_show_t *show, u_char *map, size_t size)
{
    uint32_t  i;

    for (i = 0; i < show->layout.nseats; i++) {
        if (show->cancelled || !bo_layout_sellable(&show->layout, i)) {
            bo_map_set(map, size, i, BO_SEAT_UNAVAILABLE);
        }
    }
}


static void
ngx_bo_rebuild_loaded(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_rebuild_t *rb = data;

    rb->call.redis = NULL;

    if (verdict != NGX_BO_DONE || reply->type != REDIS_REPLY_ARRAY) {

        if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, rb->call.store->log, 0,
                          "boxoffice: loading show %uD failed: %s",
                          rb->call.show->no, reply->str);
        }

        ngx_bo_rebuild_end(rb, NGX_BO_UNAVAILABLE);
        return;
    }

    if (ngx_bo_reply_int(reply, 0) == 1) {
        ngx_bo_show_set_epoch(rb->call.show, rb->epoch);
        ngx_bo_count(rb->call.store, shows_rebuilt);

        ngx_log_error(NGX_LOG_NOTICE, rb->call.store->log, 0,
                      "boxoffice: show %uD loaded into redis, epoch %L",
                      rb->call.show->no, rb->epoch);
    }

    ngx_bo_rebuild_end(rb, NGX_BO_OK);
}


static void
ngx_bo_rebuild_end(ngx_bo_rebuild_t *rb, ngx_bo_outcome_e outcome)
{
    ngx_str_t        argv[] = { rb->lock, rb->token };
    ngx_queue_t      waiting;
    ngx_bo_store_t  *store;

    store = rb->call.store;

    if (rb->locked) {

        /*
         * Nobody waits for this: the lock has its own end.  When that was
         * before ours, it is another node's by now.
         */

        (void) ngx_bo_redis_eval(store->redis, &ngx_bo_script_unlock, 1, 2,
                                 argv, ngx_bo_rebuild_unlocked, NULL);
    }

    ngx_queue_init(&waiting);

    if (!ngx_queue_empty(&rb->waiting)) {
        ngx_queue_add(&waiting, &rb->waiting);
        ngx_queue_init(&rb->waiting);
    }

    ngx_bo_rebuild_free(rb);
    ngx_bo_calls_wake(&waiting, outcome);
}


static void
ngx_bo_rebuild_unlocked(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    /* nothing hangs on it */
}


static void
ngx_bo_rebuild_free(ngx_bo_rebuild_t *rb)
{
    if (rb->timer.timer_set) {
        ngx_del_timer(&rb->timer);
    }

    ngx_queue_remove(&rb->queue);
    ngx_bo_call_cancel(&rb->call);
    ngx_destroy_pool(rb->pool);
}


void
ngx_bo_rebuilds_done(ngx_bo_store_t *store)
{
    while (!ngx_queue_empty(&store->rebuilds)) {
        ngx_bo_rebuild_free(ngx_queue_data(ngx_queue_head(&store->rebuilds),
                                           ngx_bo_rebuild_t, queue));
    }
}
