
/*
 * libFuzzer target: bytes of a Redis connection, in chunks of any size,
 * through the parser that the client uses.
 *
 * The first byte seeds the sizes of the chunks, the rest is the stream.  The
 * stream is also parsed in one piece: both ways must give the same replies
 * and the same verdict, or the client's result would depend on how the
 * network cuts the stream.
 *
 * Build: clang-14 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc/net
 *        -DNGX_BO_REDIS_REPLY_ELEMENTS=1024
 *        t/fuzz/resp.c src/net/ngx_bo_redis_reply.c -lhiredis
 *
 * The bound on elements is lowered because inputs that announce many and
 * send few are common here, and each costs an allocation of that size.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ngx_bo_redis_reply.h"


#define RESP_MAX_DEPTH  8      /* arrays around a reply, the reader's bound */


typedef struct {
    size_t    replies;
    uint64_t  hash;         /* of all replies, in order */
    int       failed;
} resp_outcome_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
resp_require(int condition)
{
    if (!condition) {
        abort();
    }
}


static uint64_t
resp_mix(uint64_t hash, const void *data, size_t len)
{
    size_t          i;
    const uint8_t  *p;

    p = data;

    for (i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 1099511628211ull;
    }

    return hash;
}


/* Touches every byte of the reply, so that the sanitizer sees it all. */

static uint64_t
resp_walk(const redisReply *reply, unsigned depth, uint64_t hash)
{
    size_t  i;

    resp_require(reply != NULL && depth <= RESP_MAX_DEPTH);

    hash = resp_mix(hash, &reply->type, sizeof(reply->type));

    switch (reply->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        resp_require(reply->str != NULL && reply->str[reply->len] == '\0');
        return resp_mix(hash, reply->str, reply->len);

    case REDIS_REPLY_INTEGER:
        return resp_mix(hash, &reply->integer, sizeof(reply->integer));

    case REDIS_REPLY_NIL:
        return hash;

    case REDIS_REPLY_ARRAY:
        resp_require(reply->elements <= NGX_BO_REDIS_REPLY_ELEMENTS);

        for (i = 0; i < reply->elements; i++) {
            hash = resp_walk(reply->element[i], depth + 1, hash);
        }

        return resp_mix(hash, &reply->elements, sizeof(reply->elements));

    default:
        abort();
    }
}


static void
resp_drain(ngx_bo_redis_parser_t *p, resp_outcome_t *out)
{
    int          rc;
    redisReply  *reply;

    while ((rc = ngx_bo_redis_parser_next(p, &reply)) == 1) {
        out->replies++;
        out->hash = resp_walk(reply, 0, out->hash);
        freeReplyObject(reply);
    }

    resp_require(reply == NULL);

    if (rc == -1) {
        resp_require(p->error != NULL && p->error[0] != '\0');
        out->failed = 1;
    }
}


/* chunk 0: all at once; else the seed of a sequence of small sizes. */

static resp_outcome_t
resp_parse(const uint8_t *data, size_t size, unsigned chunk)
{
    size_t                 n;
    uint32_t               state;
    resp_outcome_t         out;
    ngx_bo_redis_parser_t  p;

    memset(&out, 0, sizeof(resp_outcome_t));
    state = chunk;

    resp_require(ngx_bo_redis_parser_init(&p) == 0);

    while (size && !out.failed) {
        state = state * 1664525 + 1013904223;
        n = chunk ? 1 + (state >> 24) % chunk : size;
        n = n < size ? n : size;

        resp_require(ngx_bo_redis_parser_feed(&p, data, n) == 0);
        resp_drain(&p, &out);

        data += n;
        size -= n;
    }

    if (out.failed) {
        resp_require(ngx_bo_redis_parser_feed(&p, "+OK\r\n", 5) == -1
                     || p.error != NULL);
    }

    ngx_bo_redis_parser_done(&p);

    return out;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    resp_outcome_t  whole, cut;

    if (size < 2) {
        return 0;
    }

    whole = resp_parse(data + 1, size - 1, 0);
    cut = resp_parse(data + 1, size - 1, 1 + data[0]);

    resp_require(whole.replies == cut.replies);
    resp_require(whole.hash == cut.hash);
    resp_require(whole.failed == cut.failed);

    return 0;
}
