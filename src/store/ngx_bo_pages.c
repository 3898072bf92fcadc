
/*
 * The zone of pages.  A page is a chain of blocks: the first one has the head,
 * then come the tags, then the body.  Blocks are named by their numbers, from
 * 1, so nothing here depends on where a worker has the zone.
 */


#include "ngx_bo_pages.h"

#include <openssl/rand.h>

#include "ngx_bo_zone.h"


#define NGX_BO_PAGES_VERSION  1
#define NGX_BO_BLOCK          1024

/* A page that is asked for moves to the front at most this often; msec. */

#define NGX_BO_PAGES_MOVE     1000


typedef struct {
    uint32_t                 next;
    u_char                   data[NGX_BO_BLOCK - sizeof(uint32_t)];
} ngx_bo_block_t;


typedef struct {
    uint32_t                 next;          /* as in every block */
    uint32_t                 chain;         /* the next of its bucket */
    uint32_t                 newer;
    uint32_t                 older;
    uint32_t                 nblocks;
    uint32_t                 ntags;
    uint32_t                 len;
    uint64_t                 hash[2];
    uint64_t                 bloom;         /* of its tags */
    int64_t                  expires;
    int64_t                  moved;
    u_char                   etag[NGX_BO_ETAG_LEN];
} ngx_bo_head_t;


/* Where in a chain of blocks one reads or writes. */

typedef struct {
    ngx_bo_pages_table_t    *table;
    uint32_t                 block;
    size_t                   at;
} ngx_bo_spot_t;


static ngx_int_t ngx_bo_pages_create(ngx_shm_zone_t *shm_zone);
static void ngx_bo_pages_lock(ngx_bo_pages_t *pages);
static void ngx_bo_pages_unlock(ngx_bo_pages_t *pages);
static void ngx_bo_pages_begin(ngx_bo_pages_table_t *t);
static void ngx_bo_pages_end(ngx_bo_pages_table_t *t);
static void ngx_bo_pages_empty(ngx_bo_pages_table_t *t);
static uint32_t ngx_bo_pages_lookup(ngx_bo_pages_table_t *t,
    ngx_bo_page_id_t *id);
static ngx_uint_t ngx_bo_pages_changed(ngx_bo_pages_table_t *t, uint64_t seq,
    const uint64_t *tags, ngx_uint_t ntags);
static uint32_t ngx_bo_pages_take(ngx_bo_pages_table_t *t, uint32_t nblocks);
static void ngx_bo_pages_push(ngx_bo_pages_table_t *t, uint32_t n);
static void ngx_bo_pages_unlink(ngx_bo_pages_table_t *t, uint32_t n);
static void ngx_bo_pages_drop(ngx_bo_pages_table_t *t, uint32_t n);
static void ngx_bo_pages_forget(ngx_bo_pages_table_t *t, uint64_t *tags,
    ngx_uint_t ntags);
static ngx_uint_t ngx_bo_pages_tagged(ngx_bo_pages_table_t *t, uint32_t n,
    uint64_t *tags, ngx_uint_t ntags, uint64_t bloom);
static int ngx_libc_cdecl ngx_bo_pages_cmp(const void *one, const void *two);
static void ngx_bo_spot_write(ngx_bo_spot_t *s, const void *data, size_t len);
static void ngx_bo_spot_read(ngx_bo_spot_t *s, void *data, size_t len);


#define ngx_bo_block(t, n)                                                    \
    ((ngx_bo_block_t *) ((t)->blocks + (size_t) ((n) - 1) * NGX_BO_BLOCK))

#define ngx_bo_head(t, n)  ((ngx_bo_head_t *) ngx_bo_block(t, n))

#define ngx_bo_bucket(t, id)                                                  \
    (&(t)->buckets[(id)->hash[0] % (t)->nblocks])

#define ngx_bo_bloom(tag)  ((uint64_t) 1 << ((tag) & 63))

#define ngx_bo_pages_now()  (ngx_bo_nsec() / 1000000)


ngx_int_t
ngx_bo_pages_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t  *shpool;
    ngx_bo_pages_t   *pages = shm_zone->data;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    pages->shpool = shpool;

    if (data == NULL && !shm_zone->shm.exists) {
        return ngx_bo_pages_create(shm_zone);
    }

    pages->table = shpool->data;

    if (pages->table->version != NGX_BO_PAGES_VERSION) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "boxoffice_catalogue_zone \"%V\" was made by another "
                      "version of the module: restart nginx instead of "
                      "reloading", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_pages_create(ngx_shm_zone_t *shm_zone)
{
    ngx_bo_pages_t *pages = shm_zone->data;

    u_char                *p;
    size_t                 size, head;
    ngx_slab_pool_t       *shpool = pages->shpool;
    ngx_bo_pages_table_t  *t;

    t = ngx_slab_calloc(shpool, sizeof(ngx_bo_pages_table_t));

    if (t == NULL || RAND_bytes(t->secret, sizeof(t->secret)) != 1) {
        return NGX_ERROR;
    }

    size = shpool->pfree * ngx_pagesize;

    p = ngx_slab_calloc(shpool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    t->nblocks = (uint32_t) (size / (NGX_BO_BLOCK + sizeof(uint32_t)));
    head = ngx_align(t->nblocks * sizeof(uint32_t), NGX_BO_BLOCK);

    /* a bucket for each block, and no more of them than were counted */

    t->nblocks = ngx_min(t->nblocks, (size - head) / NGX_BO_BLOCK);

    t->buckets = (uint32_t *) p;
    t->blocks = p + head;
    t->nfree = t->nblocks;
    t->version = NGX_BO_PAGES_VERSION;

    pages->table = t;
    shpool->data = t;

    return NGX_OK;
}


static void
ngx_bo_pages_lock(ngx_bo_pages_t *pages)
{
    ngx_shmtx_lock(&pages->shpool->mutex);

    if (pages->table->dirty) {

        /* its changes may be half of what they were to be */

        ngx_bo_pages_empty(pages->table);
    }
}


static void
ngx_bo_pages_unlock(ngx_bo_pages_t *pages)
{
    ngx_shmtx_unlock(&pages->shpool->mutex);
}


/* Between these two the lists are not what they should be. */

static void
ngx_bo_pages_begin(ngx_bo_pages_table_t *t)
{
    t->dirty = 1;
    ngx_memory_barrier();
}


static void
ngx_bo_pages_end(ngx_bo_pages_table_t *t)
{
    ngx_memory_barrier();
    t->dirty = 0;
}


/*
 * Who is reading from PostgreSQL meanwhile must not bring back what is dropped
 * here, so the floor rises.  Nobody knows any more how far changes were
 * heard of.
 */

static void
ngx_bo_pages_empty(ngx_bo_pages_table_t *t)
{
    ngx_bo_pages_begin(t);

    ngx_memzero(t->buckets, t->nblocks * sizeof(uint32_t));

    t->free = 0;
    t->fresh = 0;
    t->nfree = t->nblocks;
    t->newest = 0;
    t->oldest = 0;
    t->cursor_len = 0;
    t->seq++;
    t->floor = t->seq;
    t->stats.pages = 0;
    t->stats.flushes++;

    ngx_bo_pages_end(t);
}


void
ngx_bo_page_id(ngx_bo_pages_t *pages, ngx_str_t *key, ngx_bo_page_id_t *id)
{
    bo_siphash128(pages->table->secret, key->data, key->len, id->hash);
}


uint64_t
ngx_bo_page_tag(ngx_bo_pages_t *pages, const u_char *tag, size_t len)
{
    return bo_siphash(pages->table->secret, tag, len);
}


static uint32_t
ngx_bo_pages_lookup(ngx_bo_pages_table_t *t, ngx_bo_page_id_t *id)
{
    uint32_t        n;
    ngx_bo_head_t  *head;

    for (n = *ngx_bo_bucket(t, id); n; n = head->chain) {
        head = ngx_bo_head(t, n);

        if (head->hash[0] == id->hash[0] && head->hash[1] == id->hash[1]) {
            break;
        }
    }

    return n;
}


ngx_int_t
ngx_bo_pages_find(ngx_bo_pages_t *pages, ngx_bo_page_id_t *id, int64_t grace,
    ngx_str_t *have, ngx_pool_t *pool, ngx_str_t *body, u_char *etag)
{
    int64_t                now;
    uint32_t               n;
    ngx_int_t              rc;
    ngx_bo_head_t         *head;
    ngx_bo_spot_t          spot;
    ngx_bo_pages_table_t  *t = pages->table;

    rc = NGX_DECLINED;
    now = ngx_bo_pages_now();

    ngx_bo_pages_lock(pages);

    n = ngx_bo_pages_lookup(t, id);
    head = n ? ngx_bo_head(t, n) : NULL;

    if (head == NULL || now >= head->expires + grace) {
        goto done;
    }

    if (now - head->moved >= NGX_BO_PAGES_MOVE) {
        ngx_bo_pages_begin(t);
        ngx_bo_pages_unlink(t, n);
        ngx_bo_pages_push(t, n);
        head->moved = now;
        ngx_bo_pages_end(t);
    }

    ngx_memcpy(etag, head->etag, NGX_BO_ETAG_LEN);

    if (have->len == NGX_BO_ETAG_LEN
        && ngx_memcmp(have->data, etag, NGX_BO_ETAG_LEN) == 0)
    {
        rc = NGX_DONE;
        goto done;
    }

    body->len = head->len;
    body->data = ngx_pnalloc(pool, head->len);

    if (body->data == NULL) {
        rc = NGX_ERROR;
        goto done;
    }

    spot.table = t;
    spot.block = n;
    spot.at = sizeof(ngx_bo_head_t);

    ngx_bo_spot_read(&spot, NULL, head->ntags * sizeof(uint64_t));
    ngx_bo_spot_read(&spot, body->data, body->len);

    rc = NGX_OK;

done:

    if (rc == NGX_DECLINED) {
        t->stats.misses++;

    } else if (grace) {
        t->stats.stale++;

    } else {
        t->stats.hits++;
    }

    ngx_bo_pages_unlock(pages);

    return rc;
}


ngx_int_t
ngx_bo_pages_keep(ngx_bo_pages_t *pages, ngx_bo_page_id_t *id, uint64_t seq,
    int64_t life, ngx_str_t *body, const u_char *etag, const uint64_t *tags,
    ngx_uint_t ntags)
{
    size_t                 len;
    int64_t                now;
    uint32_t               n, nblocks, *bucket;
    ngx_uint_t             i;
    ngx_bo_head_t         *head;
    ngx_bo_spot_t          spot;
    ngx_bo_pages_table_t  *t = pages->table;

    static const size_t  room = sizeof(((ngx_bo_block_t *) 0)->data);

    len = sizeof(ngx_bo_head_t) - sizeof(uint32_t)
          + ntags * sizeof(uint64_t) + body->len;
    nblocks = (uint32_t) ((len + room - 1) / room);

    if (body->len > NGX_BO_PAGE_BODY || ntags > NGX_BO_PAGE_TAGS
        || nblocks > t->nblocks / 8)
    {
        return NGX_OK;
    }

    now = ngx_bo_pages_now();

    ngx_bo_pages_lock(pages);

    if (ngx_bo_pages_changed(t, seq, tags, ntags)) {
        ngx_bo_pages_unlock(pages);
        return NGX_DECLINED;
    }

    ngx_bo_pages_begin(t);

    n = ngx_bo_pages_lookup(t, id);

    if (n) {
        ngx_bo_pages_drop(t, n);
    }

    n = ngx_bo_pages_take(t, nblocks);

    head = ngx_bo_head(t, n);
    head->nblocks = nblocks;
    head->hash[0] = id->hash[0];
    head->hash[1] = id->hash[1];
    head->ntags = (uint32_t) ntags;
    head->len = (uint32_t) body->len;
    head->expires = now + life;
    head->moved = now;
    head->bloom = 0;
    ngx_memcpy(head->etag, etag, NGX_BO_ETAG_LEN);

    for (i = 0; i < ntags; i++) {
        head->bloom |= ngx_bo_bloom(tags[i]);
    }

    spot.table = t;
    spot.block = n;
    spot.at = sizeof(ngx_bo_head_t);

    ngx_bo_spot_write(&spot, tags, ntags * sizeof(uint64_t));
    ngx_bo_spot_write(&spot, body->data, body->len);

    bucket = ngx_bo_bucket(t, id);
    head->chain = *bucket;
    *bucket = n;

    ngx_bo_pages_push(t, n);
    t->stats.pages++;

    ngx_bo_pages_end(t);
    ngx_bo_pages_unlock(pages);

    return NGX_OK;
}


/*
 * Whether a page that was read when seq was current may be old by now: a tag
 * of it was dropped since, or nobody remembers.
 */

static ngx_uint_t
ngx_bo_pages_changed(ngx_bo_pages_table_t *t, uint64_t seq,
    const uint64_t *tags, ngx_uint_t ntags)
{
    uint64_t    tag;
    ngx_uint_t  i;

    if (seq < t->floor || t->seq - seq > NGX_BO_PAGES_RING) {
        return 1;
    }

    for ( /* void */ ; seq < t->seq; seq++) {
        tag = t->ring[seq % NGX_BO_PAGES_RING];

        for (i = 0; i < ntags; i++) {
            if (tags[i] == tag) {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * A chain of so many blocks.  A page takes an eighth of them at the most, so
 * dropping others makes room for it.
 */

static uint32_t
ngx_bo_pages_take(ngx_bo_pages_table_t *t, uint32_t nblocks)
{
    uint32_t  n, first;

    while (t->nfree < nblocks) {
        ngx_bo_pages_drop(t, t->oldest);
        t->stats.evicted++;
    }

    t->nfree -= nblocks;
    first = 0;

    while (nblocks--) {

        if (t->free) {
            n = t->free;
            t->free = ngx_bo_block(t, n)->next;

        } else {
            n = ++t->fresh;
        }

        ngx_bo_block(t, n)->next = first;
        first = n;
    }

    return first;
}


static void
ngx_bo_pages_push(ngx_bo_pages_table_t *t, uint32_t n)
{
    ngx_bo_head_t  *head;

    head = ngx_bo_head(t, n);
    head->newer = 0;
    head->older = t->newest;

    if (t->newest) {
        ngx_bo_head(t, t->newest)->newer = n;

    } else {
        t->oldest = n;
    }

    t->newest = n;
}


static void
ngx_bo_pages_unlink(ngx_bo_pages_table_t *t, uint32_t n)
{
    ngx_bo_head_t  *head;

    head = ngx_bo_head(t, n);

    if (head->newer) {
        ngx_bo_head(t, head->newer)->older = head->older;

    } else {
        t->newest = head->older;
    }

    if (head->older) {
        ngx_bo_head(t, head->older)->newer = head->newer;

    } else {
        t->oldest = head->newer;
    }
}


static void
ngx_bo_pages_drop(ngx_bo_pages_table_t *t, uint32_t n)
{
    uint32_t        last, *link;
    ngx_bo_head_t  *head;

    head = ngx_bo_head(t, n);

    for (link = &t->buckets[head->hash[0] % t->nblocks];
         *link != n;
         link = &ngx_bo_head(t, *link)->chain)
    {
        /* void */
    }

    *link = head->chain;

    ngx_bo_pages_unlink(t, n);

    t->nfree += head->nblocks;
    t->stats.pages--;

    for (last = n; ngx_bo_block(t, last)->next; /* void */ ) {
        last = ngx_bo_block(t, last)->next;
    }

    ngx_bo_block(t, last)->next = t->free;
    t->free = n;
}


void
ngx_bo_pages_heard(ngx_bo_pages_t *pages, ngx_bo_pages_news_t *news)
{
    ngx_bo_pages_table_t  *t = pages->table;

    ngx_bo_pages_lock(pages);

    if (news->all || news->was.len == 0
        || news->server.len != t->server_len
        || ngx_memcmp(news->server.data, t->server, t->server_len) != 0)
    {
        ngx_bo_pages_empty(t);

    } else if (news->ntags) {
        ngx_bo_pages_begin(t);
        ngx_bo_pages_forget(t, news->tags, news->ntags);
        ngx_bo_pages_end(t);
    }

    /*
     * Two may follow, in a reload for one.  Each drops what it hears of; the
     * place moves on only from where it is.
     */

    if (t->cursor_len == 0
        || (t->cursor_len == news->was.len
            && ngx_memcmp(t->cursor, news->was.data, news->was.len) == 0))
    {
        t->cursor_len = 0;

        if (news->cursor.len <= NGX_BO_PAGES_CURSOR
            && news->server.len <= NGX_BO_PAGES_SERVER)
        {
            ngx_memcpy(t->server, news->server.data, news->server.len);
            t->server_len = news->server.len;
            ngx_memcpy(t->cursor, news->cursor.data, news->cursor.len);
            ngx_memory_barrier();
            t->cursor_len = news->cursor.len;
        }

        if ((int64_t) t->followed < news->asked) {
            t->followed = (ngx_atomic_uint_t) news->asked;
        }
    }

    ngx_bo_pages_unlock(pages);
}


static void
ngx_bo_pages_forget(ngx_bo_pages_table_t *t, uint64_t *tags, ngx_uint_t ntags)
{
    uint32_t    n, older;
    uint64_t    bloom;
    ngx_uint_t  i;

    bloom = 0;

    for (i = 0; i < ntags; i++) {
        t->ring[t->seq % NGX_BO_PAGES_RING] = tags[i];
        t->seq++;
        bloom |= ngx_bo_bloom(tags[i]);
    }

    t->stats.changes += ntags;

    /* all workers wait meanwhile: pages with many tags meet many that go */

    ngx_qsort(tags, ntags, sizeof(uint64_t), ngx_bo_pages_cmp);

    for (n = t->newest; n; n = older) {
        older = ngx_bo_head(t, n)->older;

        if (ngx_bo_pages_tagged(t, n, tags, ntags, bloom)) {
            ngx_bo_pages_drop(t, n);
            t->stats.dropped++;
        }
    }
}


static ngx_uint_t
ngx_bo_pages_tagged(ngx_bo_pages_table_t *t, uint32_t n, uint64_t *tags,
    ngx_uint_t ntags, uint64_t bloom)
{
    uint64_t        tag;
    ngx_uint_t      i;
    ngx_bo_head_t  *head;
    ngx_bo_spot_t   spot;

    head = ngx_bo_head(t, n);

    if ((head->bloom & bloom) == 0) {
        return 0;
    }

    spot.table = t;
    spot.block = n;
    spot.at = sizeof(ngx_bo_head_t);

    for (i = 0; i < head->ntags; i++) {
        ngx_bo_spot_read(&spot, &tag, sizeof(uint64_t));

        if ((bloom & ngx_bo_bloom(tag))
            && bsearch(&tag, tags, ntags, sizeof(uint64_t), ngx_bo_pages_cmp))
        {
            return 1;
        }
    }

    return 0;
}


static int ngx_libc_cdecl
ngx_bo_pages_cmp(const void *one, const void *two)
{
    uint64_t  a = *(const uint64_t *) one, b = *(const uint64_t *) two;

    return a < b ? -1 : a > b;
}


size_t
ngx_bo_pages_cursor(ngx_bo_pages_t *pages, u_char *cursor)
{
    size_t  len;

    ngx_bo_pages_lock(pages);

    len = pages->table->cursor_len;
    ngx_memcpy(cursor, pages->table->cursor, len);

    ngx_bo_pages_unlock(pages);

    return len;
}


void
ngx_bo_pages_lost(ngx_bo_pages_t *pages)
{
    ngx_bo_pages_lock(pages);
    pages->table->cursor_len = 0;
    ngx_bo_pages_unlock(pages);
}


int64_t
ngx_bo_pages_behind(ngx_bo_pages_t *pages)
{
    return ngx_bo_pages_now() - (int64_t) pages->table->followed;
}


static void
ngx_bo_spot_write(ngx_bo_spot_t *s, const void *data, size_t len)
{
    size_t         n;
    const u_char  *p;

    for (p = data; len; p += n, len -= n) {

        if (s->at == NGX_BO_BLOCK) {
            s->block = ngx_bo_block(s->table, s->block)->next;
            s->at = sizeof(uint32_t);
        }

        n = ngx_min(len, NGX_BO_BLOCK - s->at);
        ngx_memcpy((u_char *) ngx_bo_block(s->table, s->block) + s->at, p, n);
        s->at += n;
    }
}


/* Without data it only goes on. */

static void
ngx_bo_spot_read(ngx_bo_spot_t *s, void *data, size_t len)
{
    size_t   n;
    u_char  *p;

    for (p = data; len; len -= n) {

        if (s->at == NGX_BO_BLOCK) {
            s->block = ngx_bo_block(s->table, s->block)->next;
            s->at = sizeof(uint32_t);
        }

        n = ngx_min(len, NGX_BO_BLOCK - s->at);

        if (p) {
            p = ngx_cpymem(p, (u_char *) ngx_bo_block(s->table, s->block)
                              + s->at, n);
        }

        s->at += n;
    }
}
