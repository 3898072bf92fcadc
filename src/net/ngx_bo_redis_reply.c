
/*
 * hiredis's reader within bounds.
 */


#include <string.h>

#include "ngx_bo_redis_reply.h"


static void *ngx_bo_redis_parser_array(const redisReadTask *task,
    int elements);


int
ngx_bo_redis_parser_init(ngx_bo_redis_parser_t *p)
{
    memset(p, 0, sizeof(ngx_bo_redis_parser_t));

    p->reader = redisReaderCreate();
    if (p->reader == NULL) {
        return -1;
    }

    p->defaults = p->reader->fn;
    p->bounded = *p->defaults;
    p->bounded.createArray = ngx_bo_redis_parser_array;

    p->reader->fn = &p->bounded;
    p->reader->privdata = p;

    return 0;
}


void
ngx_bo_redis_parser_done(ngx_bo_redis_parser_t *p)
{
    redisReaderFree(p->reader);
    p->reader = NULL;
}


int
ngx_bo_redis_parser_feed(ngx_bo_redis_parser_t *p, const void *data,
    size_t len)
{
    if (redisReaderFeed(p->reader, data, len) != REDIS_OK) {
        p->error = p->reader->errstr;
        return -1;
    }

    p->pending += len;

    return 0;
}


int
ngx_bo_redis_parser_next(ngx_bo_redis_parser_t *p, redisReply **reply)
{
    void  *r;

    *reply = NULL;

    if (redisReaderGetReply(p->reader, &r) != REDIS_OK) {

        /* an array refused below ends as the reader's want of memory */

        if (p->error == NULL) {
            p->error = p->reader->errstr;
        }

        return -1;
    }

    if (r != NULL) {
        p->pending = p->reader->len - p->reader->pos;
        *reply = r;
        return 1;
    }

    /*
     * The reader holds a bulk string until it is whole and the elements of
     * an array until the last, so an unfinished reply is bounded by what was
     * fed since the one before it.
     */

    if (p->pending > NGX_BO_REDIS_REPLY_MAX) {
        p->error = "the reply is too long";
        return -1;
    }

    return 0;
}


static void *
ngx_bo_redis_parser_array(const redisReadTask *task, int elements)
{
    ngx_bo_redis_parser_t  *p;

    p = task->privdata;

    /*
     * The default constructor allocates as many pointers as the server
     * announced, up to 2^31, before a single element has come.
     */

    if (elements > NGX_BO_REDIS_REPLY_ELEMENTS) {
        p->error = "the reply has too many elements";
        return NULL;
    }

    return p->defaults->createArray(task, elements);
}
