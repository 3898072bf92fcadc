
/*
 * Writes bookings that were accepted to PostgreSQL: takes the messages of the
 * shows' streams in batches, has each batch written in one statement, and
 * acknowledges what was committed.  Payments come behind the bookings of their
 * batch and do not hold up the next one.
 *
 * Any number of nodes may do this at once: each message is given to one of
 * them, and to another when that one has been silent for too long.  What is
 * handled twice all the same has one effect.
 */


#include "ngx_bo_job_bookings.h"


#define NGX_BO_BOOKINGS_SCAN     500    /* msec between looks at all shows */
#define NGX_BO_BOOKINGS_FLYING   1024   /* payments under way, of a show */
#define NGX_BO_BOOKINGS_PAUSE    200    /* msec, after a failure, ... */
#define NGX_BO_BOOKINGS_PAUSES   5000   /* ... and after many */

/*
 * So long others may try a message that this node cannot read, for theirs may
 * be a newer release; msec.
 */

#define NGX_BO_BOOKINGS_UNREAD   60000


static void ngx_bo_bookings_scan(ngx_bo_job_t *job);
static void ngx_bo_bookings_scanned(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_bookings_told(ngx_bo_job_t *job);
static void ngx_bo_bookings_gauges(ngx_bo_store_t *store);
static void ngx_bo_bookings_name(ngx_bo_store_t *store);

static ngx_bo_stream_t *ngx_bo_stream_get(ngx_bo_store_t *store, uint32_t no);
static void ngx_bo_stream_due(ngx_bo_job_t *job, ngx_bo_stream_t *stream);
static void ngx_bo_stream_take(ngx_bo_job_t *job, ngx_bo_show_t *show);
static void ngx_bo_stream_empty(ngx_bo_job_t *job, ngx_bo_stream_t *stream);
static void ngx_bo_stream_unlisted(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);

static ngx_bo_take_t *ngx_bo_take_make(ngx_bo_job_t *job,
    ngx_bo_show_t *show);
static void ngx_bo_take_args(ngx_bo_take_t *take);
static ngx_bo_outcome_e ngx_bo_take_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_take_entry(ngx_bo_take_t *take, ngx_str_t *id,
    redisReply *fields);
static void ngx_bo_take_unread(ngx_bo_take_t *take, ngx_str_t *id);
static void ngx_bo_take_put_away(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static ngx_uint_t ngx_bo_take_flies(ngx_bo_take_t *take, ngx_str_t *id);
static void ngx_bo_take_taken(ngx_bo_call_t *call);
static void ngx_bo_take_end(ngx_bo_take_t *take);
static void ngx_bo_take_acknowledge(ngx_bo_take_t *take);
static void ngx_bo_take_acknowledged(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_take_free(ngx_bo_take_t *take);


/* A worker's own: the shows whose streams it looks at. */

static struct {
    ngx_rbtree_t             tree;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              retry;
    ngx_queue_t              takes;
    ngx_msec_t               scanned;
    ngx_uint_t               run;
    ngx_uint_t               n;             /* streams */
    ngx_str_t                consumer;
    u_char                   consumer_text[NGX_INT64_LEN];
    ngx_str_t                batch;
    u_char                   batch_text[NGX_INT64_LEN];
    ngx_str_t                claim;
    u_char                   claim_text[NGX_INT64_LEN];
    unsigned                 ready:1;
} ngx_bo_streams;


void
ngx_bo_job_bookings(ngx_bo_job_t *job)
{
    ngx_queue_t      *q, *next;
    ngx_bo_store_t   *store = job->store;
    ngx_bo_stream_t  *stream;

    if (store->bookings == NULL) {

        /* a step without an end: it does not run again */

        ngx_bo_job_begin(job);
        return;
    }

    if (!ngx_bo_streams.ready) {
        ngx_bo_bookings_name(store);
    }

    ngx_bo_streams.run++;

    if (store->zone->booked.more
        || ngx_current_msec - ngx_bo_streams.scanned
           >= NGX_BO_BOOKINGS_SCAN + ngx_bo_streams.n)
    {
        store->zone->booked.more = 0;
        ngx_bo_bookings_scan(job);
    }

    ngx_bo_bookings_told(job);

    /* one that is taken leaves the queue, or goes to its end */

    for (q = ngx_queue_head(&ngx_bo_streams.retry);
         q != ngx_queue_sentinel(&ngx_bo_streams.retry);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_bo_stream_t, retry);

        if ((ngx_msec_int_t) (ngx_current_msec - stream->again) >= 0) {
            ngx_bo_stream_due(job, stream);
        }
    }
}


/*
 * A node keeps its name as long as its zone lives: a new worker goes on at
 * once with what the one before it had.
 */

static void
ngx_bo_bookings_name(ngx_bo_store_t *store)
{
    uint64_t           name;
    ngx_bo_booked_t   *booked = &store->zone->booked;
    ngx_bo_bookings_t *b = store->bookings;

    if (ngx_bo_random((u_char *) &name, sizeof(name)) == NGX_OK) {
        (void) ngx_atomic_cmp_set(&booked->consumer, 0, name | 1);
    }

    ngx_bo_streams.consumer.data = ngx_bo_streams.consumer_text;
    ngx_bo_streams.consumer.len =
        ngx_sprintf(ngx_bo_streams.consumer_text, "%xL",
                    (int64_t) booked->consumer)
        - ngx_bo_streams.consumer_text;

    ngx_bo_streams.batch.data = ngx_bo_streams.batch_text;
    ngx_bo_streams.batch.len =
        ngx_sprintf(ngx_bo_streams.batch_text, "%ui", b->conf->batch)
        - ngx_bo_streams.batch_text;

    ngx_bo_streams.claim.data = ngx_bo_streams.claim_text;
    ngx_bo_streams.claim.len =
        ngx_sprintf(ngx_bo_streams.claim_text, "%M", b->conf->claim)
        - ngx_bo_streams.claim_text;

    ngx_rbtree_init(&ngx_bo_streams.tree, &ngx_bo_streams.sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&ngx_bo_streams.retry);
    ngx_queue_init(&ngx_bo_streams.takes);

    ngx_bo_streams.scanned = ngx_current_msec - 2 * NGX_BO_BOOKINGS_SCAN;
    ngx_bo_streams.ready = 1;
}


/* All shows on the list, whoever has put them there. */

static void
ngx_bo_bookings_scan(ngx_bo_job_t *job)
{
    ngx_str_t  argv[] = {
        ngx_string("ZRANGE"), ngx_string("bookings"), ngx_string("0"),
        ngx_string("-1")
    };

    ngx_bo_streams.scanned = ngx_current_msec;
    ngx_bo_bookings_gauges(job->store);

    if (ngx_bo_redis_command(job->store->redis, 4, argv,
                             ngx_bo_bookings_scanned, job)
        != NULL)
    {
        ngx_bo_job_begin(job);
    }
}


static void
ngx_bo_bookings_scanned(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    ngx_bo_job_t *job = data;

    size_t            i;
    ngx_int_t         no;
    ngx_str_t         text;
    ngx_bo_stream_t  *stream;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ARRAY) {

        for (i = 0; i < reply->elements; i++) {
            text = ngx_bo_reply_str(reply, i);
            no = ngx_atoi(text.data, text.len);

            if (no < 1 || no > NGX_MAX_INT32_VALUE) {
                continue;
            }

            stream = ngx_bo_stream_get(job->store, (uint32_t) no);

            if (stream) {
                stream->claim = 1;
                ngx_bo_stream_due(job, stream);
            }
        }
    }

    ngx_bo_job_end(job);
}


/* Shows of which a worker of this node has said that there is something. */

static void
ngx_bo_bookings_told(ngx_bo_job_t *job)
{
    uint32_t          no;
    ngx_uint_t        i;
    ngx_bo_stream_t  *stream;
    ngx_bo_booked_t  *booked = &job->store->zone->booked;

    for (i = 0; i < NGX_BO_BOOKED_SHOWS; i++) {
        no = (uint32_t) booked->shows[i];

        if (no == 0) {
            continue;
        }

        /* emptied before the stream is read: what comes later is told again */

        booked->shows[i] = 0;
        ngx_memory_barrier();

        stream = ngx_bo_stream_get(job->store, no);

        if (stream) {
            ngx_bo_stream_due(job, stream);
        }
    }
}


static void
ngx_bo_bookings_gauges(ngx_bo_store_t *store)
{
    int64_t             waiting, age;
    ngx_rbtree_node_t  *node;
    ngx_bo_stream_t    *stream;

    waiting = 0;
    age = 0;

    if (ngx_bo_streams.n) {
        for (node = ngx_rbtree_min(ngx_bo_streams.tree.root,
                                   &ngx_bo_streams.sentinel);
             node;
             node = ngx_rbtree_next(&ngx_bo_streams.tree, node))
        {
            stream = (ngx_bo_stream_t *) node;
            waiting += stream->waiting;
            age = ngx_max(age, stream->age);
        }
    }

    store->zone->booked.waiting = (ngx_atomic_uint_t) waiting;
    store->zone->booked.age = (ngx_atomic_uint_t) age;
}


static ngx_bo_stream_t *
ngx_bo_stream_get(ngx_bo_store_t *store, uint32_t no)
{
    ngx_bo_stream_t    *stream;
    ngx_rbtree_node_t  *node;

    node = ngx_bo_streams.tree.root;

    while (node != &ngx_bo_streams.sentinel) {
        if (node->key == no) {
            return (ngx_bo_stream_t *) node;
        }

        node = no < node->key ? node->left : node->right;
    }

    stream = ngx_calloc(sizeof(ngx_bo_stream_t), store->log);
    if (stream == NULL) {
        return NULL;
    }

    stream->node.key = no;
    ngx_queue_init(&stream->flying);
    ngx_rbtree_insert(&ngx_bo_streams.tree, &stream->node);
    ngx_bo_streams.n++;

    /* The worker before this one may have had some. */

    ngx_bo_stream_again(stream, 0);

    return stream;
}


void
ngx_bo_stream_again(ngx_bo_stream_t *stream, ngx_msec_t pause)
{
    ngx_msec_t  again;

    again = ngx_current_msec + pause;

    if (!stream->own) {
        stream->own = 1;
        stream->again = again;
        ngx_queue_insert_tail(&ngx_bo_streams.retry, &stream->retry);
    }

    if ((ngx_msec_int_t) (again - stream->again) > 0) {
        stream->again = again;
    }
}


void
ngx_bo_stream_failed(ngx_bo_stream_t *stream)
{
    stream->pause = stream->pause == 0 ? NGX_BO_BOOKINGS_PAUSE
                    : ngx_min(2 * stream->pause, NGX_BO_BOOKINGS_PAUSES);

    ngx_bo_stream_again(stream, stream->pause);
}


/* Once in a run, of which there is one at a time. */

static void
ngx_bo_stream_due(ngx_bo_job_t *job, ngx_bo_stream_t *stream)
{
    if (stream->run != ngx_bo_streams.run) {
        stream->run = ngx_bo_streams.run;
        ngx_bo_job_show(job, (uint32_t) stream->node.key, ngx_bo_stream_take);
    }
}


static void
ngx_bo_stream_take(ngx_bo_job_t *job, ngx_bo_show_t *show)
{
    ngx_bo_take_t  *take;

    take = ngx_bo_take_make(job, show);
    if (take == NULL) {
        return;
    }

    ngx_bo_take_args(take);

    take->script.script = &ngx_bo_script_book_take;
    take->script.read = ngx_bo_take_read;
    take->script.call.done = ngx_bo_take_taken;

    ngx_bo_job_begin(job);
    ngx_bo_script_run(&take->script);
}


static ngx_bo_take_t *
ngx_bo_take_make(ngx_bo_job_t *job, ngx_bo_show_t *show)
{
    ngx_pool_t       *pool;
    ngx_bo_take_t    *take;
    ngx_bo_stream_t  *stream;

    stream = ngx_bo_stream_get(job->store, show->no);
    if (stream == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(1024, job->store->log);
    if (pool == NULL) {
        return NULL;
    }

    take = ngx_pcalloc(pool, sizeof(ngx_bo_take_t));
    if (take == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    take->pool = pool;
    take->job = job;
    take->stream = stream;
    take->script.call.store = job->store;
    take->script.call.show = show;
    ngx_bo_show_keep(show);

    ngx_queue_init(&take->payments);
    ngx_queue_insert_tail(&ngx_bo_streams.takes, &take->queue);

    return take;
}


/* See the header of lua/book_take.lua. */

static void
ngx_bo_take_args(ngx_bo_take_t *take)
{
    ngx_str_t        *arg;
    ngx_bo_stream_t  *stream = take->stream;

    static ngx_str_t  yes = ngx_string("1");
    static ngx_str_t  no = ngx_null_string;

    take->own = stream->own
                && (ngx_msec_int_t) (ngx_current_msec - stream->again) >= 0;

    arg = take->argv;

    *arg++ = take->script.call.show->bookings_key;
    arg++;    /* the epoch */
    *arg++ = ngx_bo_streams.consumer;
    *arg++ = ngx_bo_streams.batch;
    *arg++ = stream->claim && !take->own ? ngx_bo_streams.claim : no;
    *arg++ = take->own ? yes : no;
    *arg++ = stream->drop ? yes : no;

    take->script.argv = take->argv;
    take->script.nkeys = 1;
    take->script.argc = arg - take->argv;

    if (take->own) {
        stream->own = 0;
        ngx_queue_remove(&stream->retry);

    } else {
        stream->claim = 0;
    }
}


static ngx_bo_outcome_e
ngx_bo_take_read(ngx_bo_script_call_t *sc, ngx_int_t code, redisReply *reply)
{
    ngx_bo_take_t *take = (ngx_bo_take_t *) sc;

    size_t            i;
    ngx_str_t         id;
    ngx_bo_stream_t  *stream = take->stream;

    stream->waiting = ngx_bo_reply_int(reply, 1);
    stream->age = ngx_bo_reply_int(reply, 2);

    if (reply->elements <= 3) {
        return NGX_BO_OK;
    }

    take->done = ngx_palloc(take->pool, (reply->elements - 3) / 2
                                        * sizeof(ngx_str_t));
    if (take->done == NULL) {
        return NGX_BO_UNAVAILABLE;
    }

    /* not before all have been sent */

    take->pending++;

    for (i = 3; i + 1 < reply->elements; i += 2) {
        id = ngx_bo_reply_str(reply, i);
        take->got++;
        ngx_bo_take_entry(take, &id, reply->element[i + 1]);
    }

    take->pending--;

    return NGX_BO_OK;
}


static void
ngx_bo_take_entry(ngx_bo_take_t *take, ngx_str_t *id, redisReply *fields)
{
    ngx_uint_t         bad;
    ngx_bo_message_t  *m;

    if (ngx_bo_take_flies(take, id)) {
        return;
    }

    m = ngx_bo_message_make(take, id, fields, &bad);

    if (m == NULL) {
        ngx_bo_stream_failed(take->stream);

        if (bad) {
            ngx_bo_take_unread(take, id);
        }

        return;
    }

    if (m->payment.len) {
        ngx_queue_insert_tail(&take->payments, &m->queue);
        return;
    }

    if (ngx_bo_message_persist(m) == NGX_OK) {
        take->pending++;
        return;
    }

    ngx_bo_stream_failed(take->stream);
    ngx_bo_message_free(m);
}


/* It is tried again for a while, then it is put where it can be looked at. */

static void
ngx_bo_take_unread(ngx_bo_take_t *take, ngx_str_t *id)
{
    ngx_str_t        argv[3], *key;
    ngx_bo_store_t  *store = take->job->store;

    if (!ngx_bo_message_older(id, NGX_BO_BOOKINGS_UNREAD)) {
        return;
    }

    key = &take->script.call.show->bookings_key;

    argv[0] = *key;
    argv[1].len = key->len - sizeof("bookings") + sizeof("unread");
    argv[1].data = ngx_pnalloc(take->pool, argv[1].len);
    argv[2] = *id;

    if (argv[1].data == NULL) {
        return;
    }

    ngx_memcpy(ngx_cpymem(argv[1].data, "unread", sizeof("unread") - 1),
               key->data + sizeof("bookings") - 1,
               key->len - (sizeof("bookings") - 1));

    ngx_log_error(NGX_LOG_ERR, store->log, 0,
                  "boxoffice: message %V of show %uD cannot be read, and goes "
                  "to the stream \"%V\"",
                  id, take->script.call.show->no, &argv[1]);

    (void) ngx_bo_redis_eval(store->redis, &ngx_bo_script_book_unread, 2, 3,
                             argv, ngx_bo_take_put_away, store);
}


static void
ngx_bo_take_put_away(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_store_t *store = data;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_INTEGER
        && reply->integer == 1)
    {
        ngx_bo_count(store, bookings_unread);
    }
}


/* Messages that are under way are among the own ones. */

static ngx_uint_t
ngx_bo_take_flies(ngx_bo_take_t *take, ngx_str_t *id)
{
    ngx_queue_t       *q;
    ngx_bo_message_t  *m;

    for (q = ngx_queue_head(&take->stream->flying);
         q != ngx_queue_sentinel(&take->stream->flying);
         q = ngx_queue_next(q))
    {
        m = ngx_queue_data(q, ngx_bo_message_t, queue);

        if (m->id.len == id->len
            && ngx_memcmp(m->id.data, id->data, id->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_bo_take_taken(ngx_bo_call_t *call)
{
    ngx_bo_take_t *take = (ngx_bo_take_t *) call;

    if (call->outcome != NGX_BO_OK) {

        /* it may have given us some that we have not heard of */

        ngx_bo_stream_failed(take->stream);
    }

    if (take->pending == 0) {
        ngx_bo_take_end(take);
    }
}


void
ngx_bo_take_written(ngx_bo_message_t *m, ngx_uint_t done)
{
    ngx_str_t      *id;
    ngx_bo_take_t  *take = m->take;

    if (done) {
        id = &take->done[take->ndone];
        id->len = m->id.len;
        id->data = ngx_pstrdup(take->pool, &m->id);

        if (id->data) {
            take->ndone++;

        } else {
            ngx_bo_stream_failed(take->stream);
        }
    }

    ngx_bo_message_free(m);
    ngx_bo_take_part(take);
}


void
ngx_bo_take_part(ngx_bo_take_t *take)
{
    if (--take->pending == 0) {
        ngx_bo_take_end(take);
    }
}


/* The bookings are written: what was paid for them follows. */

static void
ngx_bo_take_end(ngx_bo_take_t *take)
{
    ngx_uint_t         n;
    ngx_queue_t       *q;
    ngx_bo_job_t      *job = take->job;
    ngx_bo_show_t     *show = take->script.call.show;
    ngx_bo_stream_t   *stream = take->stream;
    ngx_bo_message_t  *m;

    if (take->ndone) {
        ngx_bo_take_acknowledge(take);
    }

    n = 0;

    for (q = ngx_queue_head(&stream->flying);
         q != ngx_queue_sentinel(&stream->flying);
         q = ngx_queue_next(q))
    {
        n++;
    }

    while (!ngx_queue_empty(&take->payments)) {
        q = ngx_queue_head(&take->payments);
        ngx_queue_remove(q);
        m = ngx_queue_data(q, ngx_bo_message_t, queue);

        if (n++ < NGX_BO_BOOKINGS_FLYING) {
            ngx_bo_message_pay(m);

        } else {
            ngx_bo_stream_again(stream, NGX_BO_BOOKINGS_PAUSE);
            ngx_bo_message_free(m);
        }
    }

    if (take->own && take->got >= job->store->bookings->conf->batch) {
        ngx_bo_stream_again(stream, NGX_BO_BOOKINGS_PAUSE);
    }

    /* New ones have waited behind the old ones, or there may be more. */

    if ((take->own || take->got >= job->store->bookings->conf->batch)
        && !ngx_exiting)
    {
        ngx_bo_stream_take(job, show);

    } else {
        ngx_bo_stream_empty(job, stream);
    }

    ngx_bo_take_free(take);
    ngx_bo_job_end(job);
}


/*
 * A show that has had no bookings for long goes off the list, and then its
 * stream; unless somebody has just put it there again.
 */

static void
ngx_bo_stream_empty(ngx_bo_job_t *job, ngx_bo_stream_t *stream)
{
    u_char      text[NGX_INT64_LEN];
    ngx_str_t   argv[3];

    static ngx_str_t  listed = ngx_string("600000");

    if (stream->waiting) {
        stream->emptied = 0;
        stream->drop = 0;
        return;
    }

    if (stream->emptied == 0) {
        stream->emptied = ngx_current_msec | 1;
        return;
    }

    if (ngx_current_msec - stream->emptied < NGX_BO_BOOKINGS_LISTED) {
        return;
    }

    stream->emptied = ngx_current_msec | 1;

    ngx_str_set(&argv[0], "bookings");
    argv[1].data = text;
    argv[1].len = ngx_sprintf(text, "%uD", (uint32_t) stream->node.key)
                  - text;
    argv[2] = listed;

    if (ngx_bo_redis_eval(job->store->redis, &ngx_bo_script_book_show, 1, 3,
                          argv, ngx_bo_stream_unlisted, stream)
        != NULL)
    {
        stream->drop = 0;
    }
}


/* The stream itself goes with the last look at it, if it is still empty. */

static void
ngx_bo_stream_unlisted(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    ngx_bo_stream_t *stream = data;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_INTEGER
        && reply->integer == 1)
    {
        stream->drop = 1;
        ngx_bo_stream_again(stream, 0);
    }
}


static void
ngx_bo_take_acknowledge(ngx_bo_take_t *take)
{
    ngx_str_t    *argv;
    ngx_uint_t    i;

    argv = ngx_palloc(take->pool, (3 + take->ndone) * sizeof(ngx_str_t));
    if (argv == NULL) {
        ngx_bo_stream_failed(take->stream);
        return;
    }

    for (i = 0; i < take->ndone; i++) {
        argv[3 + i] = take->done[i];
    }

    /*
     * Should they not go they come again, and are known.  Of one that goes and
     * is not acknowledged nothing comes but its end.
     */

    ngx_str_set(&argv[1], "XDEL");
    argv[2] = take->script.call.show->bookings_key;

    if (ngx_bo_redis_command(take->job->store->redis, 2 + take->ndone,
                             &argv[1], ngx_bo_take_acknowledged, take->stream)
        == NULL)
    {
        ngx_bo_stream_failed(take->stream);
        return;
    }

    ngx_str_set(&argv[0], "XACK");
    argv[1] = argv[2];
    ngx_str_set(&argv[2], "persist");

    (void) ngx_bo_redis_command(take->job->store->redis, 3 + take->ndone, argv,
                                NULL, NULL);
}


static void
ngx_bo_take_acknowledged(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    if (verdict != NGX_BO_DONE || reply->type != REDIS_REPLY_INTEGER) {
        ngx_bo_stream_failed(data);
    }
}


static void
ngx_bo_take_free(ngx_bo_take_t *take)
{
    ngx_bo_call_cancel(&take->script.call);
    ngx_queue_remove(&take->queue);
    ngx_destroy_pool(take->pool);
}


void
ngx_bo_job_bookings_stop(void)
{
    ngx_queue_t      *q;
    ngx_bo_stream_t  *stream;

    ngx_bo_messages_free();

    if (!ngx_bo_streams.ready) {
        return;
    }

    while (!ngx_queue_empty(&ngx_bo_streams.takes)) {
        q = ngx_queue_head(&ngx_bo_streams.takes);
        ngx_bo_take_free(ngx_queue_data(q, ngx_bo_take_t, queue));
    }

    while (ngx_bo_streams.tree.root != &ngx_bo_streams.sentinel) {
        stream = (ngx_bo_stream_t *) ngx_bo_streams.tree.root;
        ngx_rbtree_delete(&ngx_bo_streams.tree, &stream->node);
        ngx_free(stream);
    }

    ngx_bo_streams.n = 0;
    ngx_bo_streams.ready = 0;
}
