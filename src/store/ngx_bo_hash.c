
/*
 * Passwords in threads.
 */


#include "ngx_bo_hash.h"

#include <sched.h>
#include <sys/resource.h>


struct ngx_bo_hash_s {
    ngx_thread_task_t        task;
    ngx_bo_hasher_t         *hasher;
    ngx_queue_t              queue;         /* of those that wait, or run */
    ngx_event_t              timer;
    ngx_bo_hash_pt           handler;       /* NULL: nobody wants to know */
    void                    *data;
    unsigned                 started:1;
    unsigned                 check:1;
    unsigned                 nobody:1;

    /* a thread's, from the time that the task is posted until it is done */
    ngx_bo_hash_e            result;
    size_t                   len;
    char                     password[BO_PASSWORD_BYTES];
    char                     phc[crypto_pwhash_STRBYTES];
    char                     fresh[crypto_pwhash_STRBYTES];
};


static ngx_bo_hash_t *ngx_bo_hash_new(ngx_bo_hasher_t *h, ngx_str_t *password,
    ngx_bo_hash_pt handler, void *data);
static void ngx_bo_hash_next(ngx_bo_hasher_t *h);
static void ngx_bo_hash_run(void *data, ngx_log_t *log);
static void ngx_bo_hash_lower(ngx_bo_hasher_t *h);
static ngx_bo_hash_e ngx_bo_hash_fill(ngx_bo_hash_t *op, char *out);
static void ngx_bo_hash_done(ngx_event_t *ev);
static void ngx_bo_hash_late(ngx_event_t *ev);
static void ngx_bo_hash_tell(ngx_bo_hash_t *op, ngx_bo_hash_e result);
static void ngx_bo_hash_free(ngx_bo_hash_t *op);


char *
ngx_bo_hasher_init(ngx_bo_hasher_t *h)
{
    u_char  random[16];

    if (sodium_init() < 0) {
        return "libsodium has no random bytes";
    }

    randombytes_buf(random, sizeof(random));

    if (crypto_pwhash_str_alg(h->nobody, (char *) random, sizeof(random),
                              h->passes, h->memory,
                              crypto_pwhash_ALG_ARGON2ID13)
        != 0)
    {
        return "there is no memory for one hash";
    }

    return NULL;
}


void
ngx_bo_hasher_start(ngx_bo_hasher_t *h, ngx_log_t *log,
    ngx_bo_hash_stats_t *stats)
{
    h->log = log;
    h->stats = stats;
    ngx_queue_init(&h->waiting);
    ngx_queue_init(&h->running);
}


/* The threads have ended before this; what they did nobody waits for. */

void
ngx_bo_hasher_stop(ngx_bo_hasher_t *h)
{
    ngx_queue_t  *q;

    if (h->log == NULL) {
        return;
    }

    while (!ngx_queue_empty(&h->waiting)) {
        q = ngx_queue_head(&h->waiting);
        ngx_bo_hash_free(ngx_queue_data(q, ngx_bo_hash_t, queue));
    }

    while (!ngx_queue_empty(&h->running)) {
        q = ngx_queue_head(&h->running);
        ngx_bo_hash_free(ngx_queue_data(q, ngx_bo_hash_t, queue));
    }
}


ngx_bo_hash_t *
ngx_bo_hash_make(ngx_bo_hasher_t *h, ngx_str_t *password,
    ngx_bo_hash_pt handler, void *data)
{
    ngx_bo_hash_t  *op;

    op = ngx_bo_hash_new(h, password, handler, data);

    if (op) {
        (void) ngx_atomic_fetch_add(&h->stats->made, 1);
        ngx_bo_hash_next(h);
    }

    return op;
}


ngx_bo_hash_t *
ngx_bo_hash_check(ngx_bo_hasher_t *h, ngx_str_t *password, ngx_str_t *phc,
    ngx_bo_hash_pt handler, void *data)
{
    ngx_bo_hash_t  *op;

    op = ngx_bo_hash_new(h, password, handler, data);

    if (op == NULL) {
        return NULL;
    }

    op->check = 1;

    if (phc && phc->len < sizeof(op->phc)) {
        ngx_memcpy(op->phc, phc->data, phc->len);

    } else {
        op->nobody = 1;
        ngx_memcpy(op->phc, h->nobody, sizeof(op->phc));
    }

    (void) ngx_atomic_fetch_add(&h->stats->checked, 1);
    ngx_bo_hash_next(h);

    return op;
}


static ngx_bo_hash_t *
ngx_bo_hash_new(ngx_bo_hasher_t *h, ngx_str_t *password,
    ngx_bo_hash_pt handler, void *data)
{
    ngx_bo_hash_t  *op;

    if (password->len > BO_PASSWORD_BYTES
        || (h->nrunning >= h->concurrent && h->nwaiting >= h->backlog))
    {
        (void) ngx_atomic_fetch_add(&h->stats->turned_away, 1);
        return NULL;
    }

    /* it outlives its request: a thread cannot be called back */

    op = ngx_calloc(sizeof(ngx_bo_hash_t), h->log);
    if (op == NULL) {
        return NULL;
    }

    op->hasher = h;
    op->handler = handler;
    op->data = data;
    op->len = password->len;
    ngx_memcpy(op->password, password->data, password->len);

    /* not cancelable: a worker that is told to end answers first */

    op->timer.handler = ngx_bo_hash_late;
    op->timer.data = op;
    op->timer.log = h->log;
    ngx_add_timer(&op->timer, NGX_BO_HASH_PATIENCE);

    ngx_queue_insert_tail(&h->waiting, &op->queue);
    h->nwaiting++;
    (void) ngx_atomic_fetch_add(&h->stats->waiting, 1);

    return op;
}


static void
ngx_bo_hash_next(ngx_bo_hasher_t *h)
{
    ngx_queue_t    *q;
    ngx_bo_hash_t  *op;

    while (h->nrunning < h->concurrent && !ngx_queue_empty(&h->waiting)) {
        q = ngx_queue_head(&h->waiting);
        op = ngx_queue_data(q, ngx_bo_hash_t, queue);

        op->task.ctx = op;
        op->task.handler = ngx_bo_hash_run;
        op->task.event.handler = ngx_bo_hash_done;
        op->task.event.data = op;
        op->task.event.log = h->log;

        if (ngx_thread_task_post(h->pool, &op->task) != NGX_OK) {
            return;     /* its timer tells it */
        }

        op->started = 1;
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&h->running, q);

        h->nwaiting--;
        h->nrunning++;
        (void) ngx_atomic_fetch_add(&h->stats->waiting, -1);
        (void) ngx_atomic_fetch_add(&h->stats->running, 1);
    }
}


/* In a thread: nothing but op, and of the hasher what never changes. */

static void
ngx_bo_hash_run(void *data, ngx_log_t *log)
{
    ngx_bo_hash_t *op = data;

    int               rc;
    ngx_bo_hasher_t  *h = op->hasher;

    ngx_bo_hash_lower(h);

    if (!op->check) {
        op->result = ngx_bo_hash_fill(op, op->fresh);
        sodium_memzero(op->password, op->len);
        return;
    }

    /* libsodium says EINVAL of another password, and ENOMEM of itself */

    ngx_set_errno(0);
    rc = crypto_pwhash_str_verify(op->phc, op->password, op->len);

    if (rc != 0 && ngx_errno != NGX_EINVAL) {
        op->result = NGX_BO_HASH_FAILED;

    } else if (rc != 0 || op->nobody) {
        op->result = NGX_BO_HASH_BAD;

    } else {
        op->result = NGX_BO_HASH_GOOD;

        /* costs were raised: now is when the password is at hand */

        if (crypto_pwhash_str_needs_rehash(op->phc, h->passes, h->memory)
            == 1
            && ngx_bo_hash_fill(op, op->fresh) != NGX_BO_HASH_GOOD)
        {
            op->fresh[0] = '\0';
        }
    }

    sodium_memzero(op->password, op->len);
}


static ngx_bo_hash_e
ngx_bo_hash_fill(ngx_bo_hash_t *op, char *out)
{
    ngx_bo_hasher_t  *h = op->hasher;

    return crypto_pwhash_str_alg(out, op->password, op->len, h->passes,
                                 h->memory, crypto_pwhash_ALG_ARGON2ID13)
           == 0 ? NGX_BO_HASH_GOOD : NGX_BO_HASH_FAILED;
}


/*
 * A thread that hashes would get its share of the processor in turns of
 * milliseconds, and a seat map would wait for them.  Linux takes the processor
 * from an idle thread as soon as any other wakes up, from one that is only
 * "nice" not always; both are a thread's own there.  Where neither can be set,
 * all works as without.
 */

static void
ngx_bo_hash_lower(ngx_bo_hasher_t *h)
{
    static __thread ngx_uint_t  lowered;

    if (!h->lower || lowered) {
        return;
    }

    lowered = 1;

#ifdef SCHED_IDLE
    {
    struct sched_param  param;

    param.sched_priority = 0;

    if (sched_setscheduler(0, SCHED_IDLE, &param) == 0) {
        return;
    }
    }
#endif

    (void) setpriority(PRIO_PROCESS, 0, 19);
}


static void
ngx_bo_hash_done(ngx_event_t *ev)
{
    ngx_bo_hash_t *op = ev->data;

    ngx_bo_hasher_t  *h = op->hasher;

    ngx_bo_hash_tell(op, op->result);
    ngx_bo_hash_free(op);
    ngx_bo_hash_next(h);
}


static void
ngx_bo_hash_late(ngx_event_t *ev)
{
    ngx_bo_hash_t *op = ev->data;

    (void) ngx_atomic_fetch_add(&op->hasher->stats->turned_away, 1);
    ngx_bo_hash_tell(op, NGX_BO_HASH_LATE);

    if (!op->started) {
        ngx_bo_hash_free(op);
    }
}


static void
ngx_bo_hash_tell(ngx_bo_hash_t *op, ngx_bo_hash_e result)
{
    ngx_str_t       phc;
    ngx_bo_hash_pt  handler;

    handler = op->handler;
    op->handler = NULL;

    if (handler == NULL) {
        return;
    }

    ngx_str_null(&phc);

    if (result == NGX_BO_HASH_GOOD && op->fresh[0]) {
        phc.data = (u_char *) op->fresh;
        phc.len = ngx_strlen(op->fresh);
    }

    handler(op->data, result, &phc);
}


static void
ngx_bo_hash_free(ngx_bo_hash_t *op)
{
    ngx_bo_hasher_t  *h = op->hasher;

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    ngx_queue_remove(&op->queue);

    if (op->started) {
        h->nrunning--;
        (void) ngx_atomic_fetch_add(&h->stats->running, -1);

    } else {
        h->nwaiting--;
        (void) ngx_atomic_fetch_add(&h->stats->waiting, -1);
    }

    sodium_memzero(op, sizeof(ngx_bo_hash_t));
    ngx_free(op);
}


void
ngx_bo_hash_forget(ngx_bo_hash_t *op)
{
    op->handler = NULL;

    if (!op->started) {
        ngx_bo_hash_free(op);
    }
}
