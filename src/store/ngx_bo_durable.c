
/*
 * Whether Redis keeps a booking that it has acknowledged: an append-only file
 * has to be on, as the configuration demands it.  Asked after each connection
 * and once a second: an operator may switch it off, a disk may fill up.
 */


#include "ngx_bo_bookings.h"


#define NGX_BO_DURABLE_TICK    100      /* msec */
#define NGX_BO_DURABLE_PERIOD  1000


static void ngx_bo_durable_tick(ngx_event_t *ev);
static void ngx_bo_durable_ask(ngx_bo_bookings_t *b);
static void ngx_bo_durable_info(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_durable_policy(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_durable_end(ngx_bo_bookings_t *b, const char *why);
static ngx_int_t ngx_bo_durable_texts(ngx_bo_bookings_t *b);


/*
 * The locks of a booking outlive those of an order by this: it may wait so
 * long for PostgreSQL and still get its seats.  msec.
 */

#define NGX_BO_BOOKING_PATIENCE  600000


ngx_int_t
ngx_bo_bookings_start(ngx_bo_store_t *store, ngx_bo_bookings_conf_t *conf)
{
    ngx_bo_bookings_t  *b;

    if (!conf->used) {
        return NGX_OK;
    }

    b = ngx_pcalloc(store->cycle->pool, sizeof(ngx_bo_bookings_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->store = store;
    b->conf = conf;

    if (ngx_bo_durable_texts(b) != NGX_OK) {
        return NGX_ERROR;
    }

    b->timer.handler = ngx_bo_durable_tick;
    b->timer.data = b;
    b->timer.log = store->log;
    b->timer.cancelable = 1;

    ngx_add_timer(&b->timer, 1);

    store->bookings = b;

    return NGX_OK;
}


void
ngx_bo_bookings_stop(ngx_bo_store_t *store)
{
    ngx_bo_bookings_t  *b = store->bookings;

    if (b == NULL) {
        return;
    }

    if (b->timer.timer_set) {
        ngx_del_timer(&b->timer);
    }

    if (b->op) {
        ngx_bo_redis_cancel(b->op);
        b->op = NULL;
    }

    store->bookings = NULL;
}


static ngx_int_t
ngx_bo_durable_texts(ngx_bo_bookings_t *b)
{
    u_char           *p;
    ngx_uint_t        life;
    ngx_bo_limits_t  *limits = b->store->limits;

    p = ngx_pnalloc(b->store->cycle->pool, 3 * NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    life = limits->order_ttl + NGX_BO_BOOKING_PATIENCE;

    b->backlog.data = p;
    p = ngx_sprintf(p, "%ui", b->conf->backlog);
    b->backlog.len = p - b->backlog.data;

    b->life.data = p;
    p = ngx_sprintf(p, "%ui", life);
    b->life.len = p - b->life.data;

    b->memory.data = p;
    p = ngx_sprintf(p, "%ui", life + NGX_BO_BOOKING_PATIENCE);
    b->memory.len = p - b->memory.data;

    return NGX_OK;
}


ngx_uint_t
ngx_bo_bookings_durable(ngx_bo_bookings_t *b)
{
    if (b->conf->durability == NGX_BO_DURABLE_NONE) {
        return 1;
    }

    return b->checked != 0
           && b->checked == ngx_bo_redis_generation(b->store->redis);
}


static void
ngx_bo_durable_tick(ngx_event_t *ev)
{
    ngx_bo_bookings_t *b = ev->data;

    ngx_uint_t  generation;

    ngx_add_timer(ev, NGX_BO_DURABLE_TICK);

    generation = ngx_bo_redis_generation(b->store->redis);

    if (b->conf->durability != NGX_BO_DURABLE_NONE
        && b->op == NULL && ngx_bo_redis_ready(b->store->redis)
        && (b->asking != generation
            || ngx_current_msec - b->asked >= NGX_BO_DURABLE_PERIOD))
    {
        ngx_bo_durable_ask(b);
    }
}


static void
ngx_bo_durable_ask(ngx_bo_bookings_t *b)
{
    ngx_str_t  argv[] = { ngx_string("INFO"), ngx_string("persistence") };

    b->asking = ngx_bo_redis_generation(b->store->redis);
    b->asked = ngx_current_msec;

    b->op = ngx_bo_redis_command(b->store->redis, 2, argv,
                                 ngx_bo_durable_info, b);
}


static void
ngx_bo_durable_info(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_bookings_t *b = data;

    ngx_str_t  argv[] = {
        ngx_string("CONFIG"), ngx_string("GET"), ngx_string("appendfsync")
    };

    b->op = NULL;

    if (verdict != NGX_BO_DONE) {
        return;    /* a new connection will be asked anew */
    }

    if (reply->type != REDIS_REPLY_STRING) {
        ngx_bo_durable_end(b, "redis does not tell about its persistence");
        return;
    }

    if (ngx_strstr(reply->str, "\naof_enabled:1") == NULL) {
        ngx_bo_durable_end(b, "redis has no append-only file");
        return;
    }

    if (ngx_strstr(reply->str, "\naof_last_write_status:ok") == NULL) {
        ngx_bo_durable_end(b, "redis cannot write its append-only file");
        return;
    }

    b->op = ngx_bo_redis_command(b->store->redis, 3, argv,
                                 ngx_bo_durable_policy, b);
}


/* Where CONFIG is not allowed, only "always" needs to know it. */

static void
ngx_bo_durable_policy(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_bookings_t *b = data;

    ngx_str_t  policy = ngx_null_string;

    b->op = NULL;

    if (verdict != NGX_BO_DONE) {
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        policy = ngx_bo_reply_str(reply, 1);
    }

    if (policy.len == 2) {
        ngx_bo_durable_end(b, "redis has appendfsync no");

    } else if (b->conf->durability == NGX_BO_DURABLE_ALWAYS
               && (policy.len != 6
                   || ngx_strncmp(policy.data, "always", 6) != 0))
    {
        ngx_bo_durable_end(b, "redis does not say appendfsync always");

    } else {
        ngx_bo_durable_end(b, NULL);
    }
}


static void
ngx_bo_durable_end(ngx_bo_bookings_t *b, const char *why)
{
    if (why == NULL) {
        b->checked = b->asking;

        if (b->bad) {
            ngx_log_error(NGX_LOG_NOTICE, b->store->log, 0,
                          "boxoffice: bookings are accepted again");
        }

        b->bad = 0;
        return;
    }

    b->checked = 0;

    if (!b->bad) {
        ngx_log_error(NGX_LOG_ERR, b->store->log, 0,
                      "boxoffice: no bookings are accepted: %s", why);
    }

    b->bad = 1;
}
