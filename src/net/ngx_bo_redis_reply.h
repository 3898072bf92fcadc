
/*
 * From bytes of a Redis connection to replies: hiredis's reader within
 * bounds.  Pure C, without nginx, so that it can be fuzzed by itself.
 *
 * RESP version 2 only, arrays nested at most 8 deep (the reader's own bound).
 */


#ifndef _NGX_BO_REDIS_REPLY_H_INCLUDED_
#define _NGX_BO_REDIS_REPLY_H_INCLUDED_


#include <stddef.h>
#include <hiredis/hiredis.h>


#define NGX_BO_REDIS_REPLY_MAX       (16 * 1024 * 1024)    /* bytes */

#ifndef NGX_BO_REDIS_REPLY_ELEMENTS                       /* of one array */
#define NGX_BO_REDIS_REPLY_ELEMENTS  (256 * 1024)
#endif


typedef struct {
    redisReader                *reader;
    redisReplyObjectFunctions  *defaults;   /* hiredis's constructors */
    redisReplyObjectFunctions   bounded;    /* the same, arrays bounded */
    size_t                      pending;    /* bytes since the last reply */
    const char                 *error;      /* text, after a -1 */
} ngx_bo_redis_parser_t;


/*
 * Makes a parser; it must stay where it is until _done().  Returns 0, or -1
 * when memory is short.
 */
int ngx_bo_redis_parser_init(ngx_bo_redis_parser_t *p);

/* Frees what the parser holds; may be called again, or on zeroed memory. */
void ngx_bo_redis_parser_done(ngx_bo_redis_parser_t *p);

/*
 * Takes len bytes, as they came.  Returns 0, or -1 with p->error set; after
 * an error the parser can only be done away with.
 */
int ngx_bo_redis_parser_feed(ngx_bo_redis_parser_t *p, const void *data,
    size_t len);

/*
 * Returns 1 and a reply, which the caller frees with freeReplyObject(); 0
 * when more bytes are needed; -1, with p->error set, for what is not RESP, for
 * a reply beyond the bounds above and for want of memory.
 */
int ngx_bo_redis_parser_next(ngx_bo_redis_parser_t *p, redisReply **reply);


#endif /* _NGX_BO_REDIS_REPLY_H_INCLUDED_ */
