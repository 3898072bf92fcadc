
/*
 * A connection to Redis for subscriptions: messages of channels in place of
 * answers to commands.
 *
 * It connects by itself and comes back with back-off, each time with nothing
 * subscribed.  What was published while it was away is lost, so its owner is
 * told of both.  A PING every tenth of a second tells how far it has heard:
 * answers and messages come in one order.
 */


#ifndef _NGX_BO_REDIS_SUB_H_INCLUDED_
#define _NGX_BO_REDIS_SUB_H_INCLUDED_


#include "ngx_bo_redis.h"


typedef struct ngx_bo_redis_sub_s  ngx_bo_redis_sub_t;


/*
 * What the owner is told.  Handlers may subscribe and unsubscribe, which only
 * queues; the texts are the client's and valid during the call.
 */

typedef struct {
    /* connected; nothing is subscribed to */
    void               (*up)(void *data);

    /* it was up and is not any more */
    void               (*down)(void *data);

    /* what is published on the channel from now on will come */
    void               (*subscribed)(void *data, ngx_str_t *channel);

    void               (*message)(void *data, ngx_str_t *channel,
                                  ngx_str_t *text);

    /* what was published before that time (ngx_current_msec) has come */
    void               (*heard)(void *data, ngx_msec_t when);
} ngx_bo_redis_sub_handlers_t;


/*
 * Makes a worker's connection and begins to connect.  conf, stats, handlers
 * and data must outlive it.  Returns NULL when memory is short.
 */
ngx_bo_redis_sub_t *ngx_bo_redis_sub_create(ngx_cycle_t *cycle,
    ngx_bo_redis_conf_t *conf, ngx_bo_upstream_stats_t *stats,
    const ngx_bo_redis_sub_handlers_t *handlers, void *data);

/* Closes it; no handler is called any more. */
void ngx_bo_redis_sub_destroy(ngx_bo_redis_sub_t *sub);

/*
 * Asks for the messages of a channel, or for no more of them.  NGX_OK: the
 * request is on its way; NGX_AGAIN: not connected, or too much is on its way
 * already: try again later.
 */
ngx_int_t ngx_bo_redis_subscribe(ngx_bo_redis_sub_t *sub, ngx_str_t *channel);
ngx_int_t ngx_bo_redis_unsubscribe(ngx_bo_redis_sub_t *sub,
    ngx_str_t *channel);


#endif /* _NGX_BO_REDIS_SUB_H_INCLUDED_ */
