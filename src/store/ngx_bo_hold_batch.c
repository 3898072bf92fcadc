
/*
 * Batches of holds.  A batch belongs to nobody: the holds in it wait in its
 * queue, each knows its place, and one that is cancelled only leaves the queue.
 */


#include "ngx_bo_hold_batch.h"
#include "ngx_bo_history.h"


/* Beyond that little is gained, and everybody else in Redis waits longer. */

#define NGX_BO_HOLD_BATCH  16

/* Half a batch of two seats each; a full one takes a few blocks. */

#define NGX_BO_HOLD_BATCH_POOL  4096

/* Arguments of a request in lua/hold_many.lua, beside its keys. */

#define NGX_BO_HOLD_BATCH_ARGS  6


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_pool_t              *pool;
    ngx_queue_t              holds;
    ngx_uint_t               n;             /* requests sent */
} ngx_bo_hold_batch_t;


static void ngx_bo_hold_batch_flush(ngx_event_t *ev);
static void ngx_bo_hold_batch_show(ngx_bo_show_t *show);
static ngx_bo_hold_batch_t *ngx_bo_hold_batch_take(ngx_bo_show_t *show,
    ngx_uint_t n);
static ngx_int_t ngx_bo_hold_batch_args(ngx_bo_hold_batch_t *batch);
static u_char *ngx_bo_hold_batch_keys(u_char *p, ngx_bo_hold_call_t *c,
    ngx_str_t *key);
static u_char *ngx_bo_hold_batch_request(u_char *p, ngx_bo_hold_call_t *c,
    ngx_str_t *arg);
static u_char *ngx_bo_hold_batch_text(u_char *p, ngx_str_t *arg,
    const void *data, size_t len);
static ngx_bo_outcome_e ngx_bo_hold_batch_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_batch_answer(ngx_bo_hold_call_t *c,
    redisReply *reply);
static void ngx_bo_hold_batch_done(ngx_bo_call_t *call);
static void ngx_bo_hold_batch_woken(ngx_bo_call_t *call);


void
ngx_bo_hold_batch_init(ngx_bo_store_t *store)
{
    ngx_queue_init(&store->holders);

    store->hold_event.handler = ngx_bo_hold_batch_flush;
    store->hold_event.data = store;
    store->hold_event.log = store->log;
}


void
ngx_bo_hold_batch_add(ngx_bo_hold_call_t *c)
{
    ngx_bo_call_t   *call = &c->script.call;
    ngx_bo_show_t   *show = call->show;
    ngx_bo_store_t  *store = call->store;

    if (ngx_queue_empty(&show->holds)) {

        /* Kept while it stands in the queue: its holds may be cancelled. */

        ngx_bo_show_keep(show);
        ngx_queue_insert_tail(&store->holders, &show->holder);
    }

    ngx_bo_call_wait(call, &show->holds, ngx_bo_hold_batch_woken);

    ngx_post_event(&store->hold_event, &ngx_posted_events);
}


static void
ngx_bo_hold_batch_flush(ngx_event_t *ev)
{
    ngx_bo_store_t *store = ev->data;

    ngx_queue_t    *q;
    ngx_bo_show_t  *show;

    while (!ngx_queue_empty(&store->holders)) {
        q = ngx_queue_head(&store->holders);
        ngx_queue_remove(q);

        show = ngx_queue_data(q, ngx_bo_show_t, holder);

        ngx_bo_hold_batch_show(show);
        ngx_bo_show_drop(show);
    }
}


static void
ngx_bo_hold_batch_show(ngx_bo_show_t *show)
{
    ngx_uint_t            n;
    ngx_queue_t          *q;
    ngx_bo_call_t        *call;
    ngx_bo_hold_batch_t  *batch;

    while (!ngx_queue_empty(&show->holds)) {

        n = 0;

        for (q = ngx_queue_head(&show->holds);
             q != ngx_queue_sentinel(&show->holds) && n < NGX_BO_HOLD_BATCH;
             q = ngx_queue_next(q))
        {
            n++;
        }

        batch = n > 1 ? ngx_bo_hold_batch_take(show, n) : NULL;

        if (batch) {
            ngx_bo_script_run(&batch->script);
            continue;
        }

        q = ngx_queue_head(&show->holds);
        ngx_queue_remove(q);

        call = ngx_queue_data(q, ngx_bo_call_t, wait);
        call->waits = NULL;

        ngx_bo_hold_single((ngx_bo_hold_call_t *) call);
    }
}


/* Moves the first n holds of a show into a batch; NULL when memory is short. */

static ngx_bo_hold_batch_t *
ngx_bo_hold_batch_take(ngx_bo_show_t *show, ngx_uint_t n)
{
    ngx_uint_t            i;
    ngx_pool_t           *pool;
    ngx_queue_t          *q;
    ngx_bo_call_t        *call;
    ngx_bo_hold_batch_t  *batch;

    pool = ngx_create_pool(NGX_BO_HOLD_BATCH_POOL, show->store->log);
    if (pool == NULL) {
        return NULL;
    }

    batch = ngx_pcalloc(pool, sizeof(ngx_bo_hold_batch_t));
    if (batch == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    batch->pool = pool;
    batch->n = n;
    ngx_queue_init(&batch->holds);

    batch->script.call.store = show->store;
    batch->script.call.show = show;
    batch->script.call.done = ngx_bo_hold_batch_done;
    ngx_bo_show_keep(show);

    for (i = 0; i < n; i++) {
        q = ngx_queue_head(&show->holds);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&batch->holds, q);

        call = ngx_queue_data(q, ngx_bo_call_t, wait);
        call->waits = &batch->holds;
        ((ngx_bo_hold_call_t *) call)->place = i;
    }

    if (ngx_bo_hold_batch_args(batch) == NGX_OK) {
        return batch;
    }

    while (!ngx_queue_empty(&batch->holds)) {
        q = ngx_queue_last(&batch->holds);
        ngx_queue_remove(q);
        ngx_queue_insert_head(&show->holds, q);
    }

    ngx_bo_call_cancel(&batch->script.call);
    ngx_destroy_pool(pool);

    return NULL;
}


/*
 * The texts are copied: a request that leaves takes its memory along, and the
 * script may have to be sent again.
 */

static ngx_int_t
ngx_bo_hold_batch_args(ngx_bo_hold_batch_t *batch)
{
    u_char              *p;
    size_t               size, seats;
    ngx_str_t           *key, *arg;
    ngx_queue_t         *q;
    ngx_bo_show_t       *show;
    ngx_bo_hold_call_t  *c;

    show = batch->script.call.show;
    seats = 0;
    size = 0;

    for (q = ngx_queue_head(&batch->holds);
         q != ngx_queue_sentinel(&batch->holds);
         q = ngx_queue_next(q))
    {
        c = (ngx_bo_hold_call_t *) ngx_queue_data(q, ngx_bo_call_t, wait);

        seats += c->hold.seats.n;
        size += c->user.len + BO_UUID_LEN + NGX_BO_KEY_LEN
                + NGX_BO_FINGERPRINT_LEN + NGX_INT32_LEN;
    }

    size += seats * (show->lock_prefix.len + 2 * (NGX_INT32_LEN + 1));

    key = ngx_palloc(batch->pool, (6 + seats
                                   + batch->n * NGX_BO_HOLD_BATCH_ARGS)
                                  * sizeof(ngx_str_t));
    p = ngx_pnalloc(batch->pool, size);

    if (key == NULL || p == NULL) {
        return NGX_ERROR;
    }

    batch->script.script = &ngx_bo_script_hold_many;
    batch->script.read = ngx_bo_hold_batch_read;
    batch->script.argv = key;
    batch->script.nkeys = 4 + seats;
    batch->script.rebuilds = 1;

    *key++ = show->version_key;
    *key++ = show->state_key;
    *key++ = show->hold_key;
    *key++ = show->expiry_key;

    arg = key + seats + 1;    /* behind the epoch */
    *arg++ = show->store->hold_ttl;

    for (q = ngx_queue_head(&batch->holds);
         q != ngx_queue_sentinel(&batch->holds);
         q = ngx_queue_next(q))
    {
        c = (ngx_bo_hold_call_t *) ngx_queue_data(q, ngx_bo_call_t, wait);

        p = ngx_bo_hold_batch_keys(p, c, key);
        p = ngx_bo_hold_batch_request(p, c, arg);

        key += c->hold.seats.n;
        arg += NGX_BO_HOLD_BATCH_ARGS;
    }

    batch->script.argc = arg - batch->script.argv;

    return NGX_OK;
}


static u_char *
ngx_bo_hold_batch_keys(u_char *p, ngx_bo_hold_call_t *c, ngx_str_t *key)
{
    uint32_t    i;
    ngx_str_t  *prefix;

    prefix = &c->script.call.show->lock_prefix;

    for (i = 0; i < c->hold.seats.n; i++, key++) {
        key->data = p;
        p = ngx_cpymem(p, prefix->data, prefix->len);
        p = ngx_sprintf(p, "%uD", c->hold.seats.no[i]);
        key->len = p - key->data;
    }

    return p;
}


static u_char *
ngx_bo_hold_batch_request(u_char *p, ngx_bo_hold_call_t *c, ngx_str_t *arg)
{
    p = ngx_bo_hold_batch_text(p, arg++, c->user.data, c->user.len);
    p = ngx_bo_hold_batch_text(p, arg++, c->id_text, BO_UUID_LEN);

    if (c->idempotency.present) {
        p = ngx_bo_hold_batch_text(p, arg++, c->idempotency.key,
                                   NGX_BO_KEY_LEN);
        p = ngx_bo_hold_batch_text(p, arg++, c->idempotency.fingerprint,
                                   NGX_BO_FINGERPRINT_LEN);

    } else {
        p = ngx_bo_hold_batch_text(p, arg++, "-", 1);
        p = ngx_bo_hold_batch_text(p, arg++, "-", 1);
    }

    arg->data = p;
    p = ngx_sprintf(p, "%uD", c->hold.seats.n);
    arg->len = p - arg->data;
    arg++;

    arg->data = p;
    p += bo_seats_format((char *) p, &c->hold.seats);
    arg->len = p - arg->data;

    return p;
}


static u_char *
ngx_bo_hold_batch_text(u_char *p, ngx_str_t *arg, const void *data,
    size_t len)
{
    arg->data = p;
    arg->len = len;

    return ngx_cpymem(p, data, len);
}


/*
 * Tells every hold its outcome.  They are woken by _done(), which is where a
 * batch without a reply comes to as well.
 */

static ngx_bo_outcome_e
ngx_bo_hold_batch_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_batch_t *batch = (ngx_bo_hold_batch_t *) sc;

    ngx_str_t            text;
    ngx_queue_t         *q;
    ngx_bo_call_t       *call;
    ngx_bo_hold_call_t  *c;

    if (code != 1 || reply->elements != 3 + batch->n) {
        return NGX_BO_REFUSED;
    }

    for (q = ngx_queue_head(&batch->holds);
         q != ngx_queue_sentinel(&batch->holds);
         q = ngx_queue_next(q))
    {
        call = ngx_queue_data(q, ngx_bo_call_t, wait);
        c = (ngx_bo_hold_call_t *) call;

        text = ngx_bo_reply_str(reply, 1);
        c->hold.created = (int64_t) ngx_atoof(text.data, text.len);

        text = ngx_bo_reply_str(reply, 2);
        c->hold.expires = (int64_t) ngx_atoof(text.data, text.len);

        c->hold.state = BO_HOLD_HELD;

        call->outcome = ngx_bo_hold_batch_answer(c,
                                             reply->element[3 + c->place]);
    }

    return NGX_BO_OK;
}


static ngx_bo_outcome_e
ngx_bo_hold_batch_answer(ngx_bo_hold_call_t *c, redisReply *reply)
{
    size_t           i;
    int64_t          seat;
    ngx_bo_store_t  *store = c->script.call.store;

    if (reply->type == REDIS_REPLY_INTEGER && reply->integer != 1) {
        return NGX_BO_ALONE;
    }

    ngx_bo_observe(&store->zone->metrics.hold, c->usec);

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_bo_history_add(store, c->script.call.show, &c->user, &c->hold,
                           "HELD");
        return NGX_BO_OK;
    }

    ngx_bo_count(store, holds_conflicts);

    for (i = 0; i + 1 < reply->elements; i += 2) {
        seat = ngx_bo_reply_int(reply, i);

        if (seat >= 1 && seat <= c->hold.seats.n) {
            ngx_bo_hold_conflict(c, c->hold.seats.no[seat - 1],
                                 ngx_bo_reply_int(reply, i + 1));
        }
    }

    return NGX_BO_CONFLICT;
}


static void
ngx_bo_hold_batch_done(ngx_bo_call_t *call)
{
    ngx_bo_hold_batch_t *batch = (ngx_bo_hold_batch_t *) call;

    ngx_queue_t         *q;
    ngx_bo_call_t       *hold;
    ngx_bo_outcome_e     outcome;

    outcome = call->outcome;

    /* One that is woken may cancel its neighbours. */

    while (!ngx_queue_empty(&batch->holds)) {
        q = ngx_queue_head(&batch->holds);
        ngx_queue_remove(q);

        hold = ngx_queue_data(q, ngx_bo_call_t, wait);
        hold->waits = NULL;

        if (outcome != NGX_BO_OK) {
            hold->outcome = outcome;
        }

        ngx_bo_hold_batch_woken(hold);
    }

    ngx_bo_call_cancel(call);
    ngx_destroy_pool(batch->pool);
}


static void
ngx_bo_hold_batch_woken(ngx_bo_call_t *call)
{
    if (call->outcome == NGX_BO_ALONE) {
        ngx_bo_hold_single((ngx_bo_hold_call_t *) call);
        return;
    }

    ngx_bo_call_done(call, call->outcome);
}
