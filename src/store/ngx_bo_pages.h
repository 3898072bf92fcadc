
/*
 * The zone of pages: what the workers of a node keep of the catalogue, each
 * page with tags that say what it was made from.
 *
 * Its memory is one array of blocks that is taken when the zone is made, and
 * whoever stores a page makes room by dropping those that were asked for least
 * lately.  A worker that dies while it changes something leaves it marked, and
 * the next one empties it.
 */


#ifndef _NGX_BO_PAGES_H_INCLUDED_
#define _NGX_BO_PAGES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "booking/bo_siphash.h"


#define NGX_BO_PAGES_MIN     (256 * 1024)   /* bytes, of a zone */
#define NGX_BO_PAGE_BODY     (1024 * 1024)  /* bytes of a page that is kept */
#define NGX_BO_PAGE_TAGS     512            /* of a page that is kept */
#define NGX_BO_ETAG_LEN      34             /* 32 hex digits in quotes */

#define NGX_BO_PAGES_RING    1024           /* tags that are remembered */
#define NGX_BO_PAGES_SERVER  64             /* bytes of a server's name */
#define NGX_BO_PAGES_CURSOR  16384          /* and of a place in its changes */


/* A page's name, hashed under the zone's secret. */

typedef struct {
    uint64_t                 hash[2];
} ngx_bo_page_id_t;


typedef struct {
    ngx_atomic_t             hits;
    ngx_atomic_t             misses;
    ngx_atomic_t             stale;         /* hits while nobody follows */
    ngx_atomic_t             evicted;       /* for want of room */
    ngx_atomic_t             dropped;       /* because of a change */
    ngx_atomic_t             changes;       /* tags that were heard of */
    ngx_atomic_t             flushes;       /* times that all was dropped */
    ngx_atomic_t             pages;         /* gauge */
} ngx_bo_pages_stats_t;


typedef struct {
    ngx_uint_t               version;
    ngx_uint_t               dirty;         /* somebody changes it, or died */
    uint8_t                  secret[BO_SIPHASH_KEY];
    ngx_bo_pages_stats_t     stats;

    /*
     * How far changes are known: seq counts the tags, of which the ring has
     * the last ones; what was read before floor is not to be kept.
     */
    ngx_atomic_t             seq;
    uint64_t                 floor;
    uint64_t                 ring[NGX_BO_PAGES_RING];

    /* Who follows them writes these; ngx_bo_nsec() / 1000000, 0: never. */
    ngx_atomic_t             followed;
    size_t                   server_len;
    size_t                   cursor_len;
    u_char                   server[NGX_BO_PAGES_SERVER];
    u_char                   cursor[NGX_BO_PAGES_CURSOR];

    uint32_t                 nblocks;
    uint32_t                 free;          /* list, by number; 0: none */
    uint32_t                 fresh;         /* blocks that were ever used */
    uint32_t                 nfree;
    uint32_t                 newest;        /* pages by use */
    uint32_t                 oldest;
    uint32_t                *buckets;       /* in the zone, as many as blocks */
    u_char                  *blocks;
} ngx_bo_pages_table_t;


typedef struct {
    ngx_slab_pool_t         *shpool;
    ngx_bo_pages_table_t    *table;         /* NULL: not there yet */
    ngx_msec_t               poll;          /* between two questions */
} ngx_bo_pages_t;


/* The zone's init callback; shm_zone->data is an ngx_bo_pages_t. */
ngx_int_t ngx_bo_pages_init(ngx_shm_zone_t *shm_zone, void *data);

void ngx_bo_page_id(ngx_bo_pages_t *pages, ngx_str_t *key,
    ngx_bo_page_id_t *id);
uint64_t ngx_bo_page_tag(ngx_bo_pages_t *pages, const u_char *tag, size_t len);

/*
 * A page that has not been kept for longer than its life and grace (msec).
 * have: the tag of the one that the asker has, empty for none.
 *
 * NGX_OK: body is a copy from pool; NGX_DONE: the asker has it, no body;
 * NGX_DECLINED: it is not there; NGX_ERROR: no memory.  The first two set
 * etag.
 */
ngx_int_t ngx_bo_pages_find(ngx_bo_pages_t *pages, ngx_bo_page_id_t *id,
    int64_t grace, ngx_str_t *have, ngx_pool_t *pool, ngx_str_t *body,
    u_char *etag);

/*
 * Keeps a page for life msec, unless one of its tags was dropped after seq:
 * table->seq when its statement was not on its way yet.  One that is too large
 * is not kept.  NGX_DECLINED: a tag was dropped, so the page may be another by
 * now; else NGX_OK.
 */
ngx_int_t ngx_bo_pages_keep(ngx_bo_pages_t *pages, ngx_bo_page_id_t *id,
    uint64_t seq, int64_t life, ngx_str_t *body, const u_char *etag,
    const uint64_t *tags, ngx_uint_t ntags);

/*
 * What was heard of changes, by a question that was asked at asked (of the
 * clock of followed).  was: the place in the changes that was asked from;
 * cursor: the place reached now, in the changes of server.  Pages with one of
 * the tags are dropped; all of them when there was no place, it is another
 * server, or all is set.
 */
typedef struct {
    ngx_str_t                was;
    ngx_str_t                server;
    ngx_str_t                cursor;
    uint64_t                *tags;
    ngx_uint_t               ntags;
    ngx_uint_t               all;
    int64_t                  asked;
} ngx_bo_pages_news_t;

void ngx_bo_pages_heard(ngx_bo_pages_t *pages, ngx_bo_pages_news_t *news);

/*
 * Copies the place to ask from; an empty one when there is none.  cursor has
 * NGX_BO_PAGES_CURSOR bytes.
 */
size_t ngx_bo_pages_cursor(ngx_bo_pages_t *pages, u_char *cursor);

/* Forgets the place, so that the next answer drops everything. */
void ngx_bo_pages_lost(ngx_bo_pages_t *pages);

/* Milliseconds since changes were last followed; a large number for never. */
int64_t ngx_bo_pages_behind(ngx_bo_pages_t *pages);


#endif /* _NGX_BO_PAGES_H_INCLUDED_ */
