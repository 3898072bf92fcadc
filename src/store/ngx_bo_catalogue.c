
/*
 * Pages of the catalogue, one statement for all in a worker who ask for the
 * same one at the same time.
 */


#include "ngx_bo_catalogue.h"
#include "ngx_bo_catalogue_poll.h"
#include "ngx_bo_shows.h"

#include <ngx_md5.h>


/* A statement under way.  It ends by itself, whether somebody waits or not. */

struct ngx_bo_flight_s {
    ngx_str_node_t           node;          /* by key */
    ngx_bo_store_t          *store;
    uint64_t                 seq;           /* of changes, when it began */
    int64_t                  life;
    ngx_bo_page_id_t         id;
    ngx_pool_t              *pool;
    ngx_queue_t              waiters;       /* calls of ngx_bo_page_t */
    ngx_bo_pg_op_t          *op;

    ngx_str_t                body;          /* while they are told */
    u_char                   etag[NGX_BO_ETAG_LEN];
    unsigned                 stale:1;       /* it has changed meanwhile */
};


static ngx_int_t ngx_bo_page_kept(ngx_bo_store_t *store, ngx_bo_page_t *page,
    ngx_uint_t any);
static uint64_t ngx_bo_catalogue_seq(ngx_bo_store_t *store);
static ngx_bo_flight_t *ngx_bo_flight_find(ngx_bo_store_t *store,
    ngx_bo_page_t *page, uint32_t hash);
static ngx_bo_flight_t *ngx_bo_flight_start(ngx_bo_store_t *store,
    ngx_bo_page_t *page, uint32_t hash);
static void ngx_bo_flight_landed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_flight_keep(ngx_bo_flight_t *flight, ngx_str_t *tags);
static ngx_bo_outcome_e ngx_bo_flight_read(ngx_bo_flight_t *flight,
    ngx_bo_verdict_e verdict, PGresult *res);
static void ngx_bo_page_woken(ngx_bo_call_t *call);
static ngx_uint_t ngx_bo_is(ngx_str_t *s, const char *text);
static void ngx_bo_etag(u_char *etag, ngx_str_t *body);


ngx_int_t
ngx_bo_catalogue_init(ngx_bo_store_t *store)
{
    ngx_bo_catalogue_t  *catalogue;

    catalogue = ngx_pcalloc(store->cycle->pool, sizeof(ngx_bo_catalogue_t));
    if (catalogue == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&catalogue->flights, &catalogue->sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_queue_init(&catalogue->waiting);
    ngx_queue_init(&catalogue->next);

    store->catalogue = catalogue;

    return NGX_OK;
}


ngx_int_t
ngx_bo_catalogue_start(ngx_bo_store_t *store, ngx_bo_pages_t *pages)
{
    store->catalogue->pages = pages;

    return ngx_bo_catalogue_follow(store);
}


/* The client of PostgreSQL has gone, and tells nobody. */

void
ngx_bo_catalogue_done(ngx_bo_store_t *store)
{
    ngx_rbtree_t     *tree;
    ngx_bo_flight_t  *flight;

    ngx_bo_catalogue_unfollow(store);

    tree = &store->catalogue->flights;

    while (tree->root != tree->sentinel) {
        flight = (ngx_bo_flight_t *) tree->root;

        ngx_rbtree_delete(tree, &flight->node.node);
        ngx_destroy_pool(flight->pool);
    }
}


ngx_int_t
ngx_bo_page_get(ngx_bo_store_t *store, ngx_bo_page_t *page)
{
    uint32_t          hash;
    ngx_int_t         rc;
    ngx_bo_flight_t  *flight;

    rc = ngx_bo_page_kept(store, page, 0);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* who comes after a change is not answered from before it */

    hash = ngx_crc32_long(page->key.data, page->key.len)
           ^ (uint32_t) ngx_bo_catalogue_seq(store);

    flight = ngx_bo_flight_find(store, page, hash);

    if (flight == NULL) {
        flight = ngx_bo_flight_start(store, page, hash);
        if (flight == NULL) {
            return ngx_bo_page_kept(store, page, 1) == NGX_OK ? NGX_OK
                                                              : NGX_ERROR;
        }
    }

    page->flight = flight;
    ngx_bo_call_wait(&page->call, &flight->waiters, ngx_bo_page_woken);

    return NGX_AGAIN;
}


/*
 * A page of the zone.  While changes are followed it is as PostgreSQL has it.
 * When nobody has asked for them for a while it is stale, and PostgreSQL, which
 * may be what does not answer, is left alone; any: it has been asked, and it is
 * away, so a page whose life is over does, too.
 */

static ngx_int_t
ngx_bo_page_kept(ngx_bo_store_t *store, ngx_bo_page_t *page, ngx_uint_t any)
{
    int64_t          behind, bound;
    ngx_int_t        rc;
    ngx_bo_pages_t  *pages = store->catalogue->pages;

    if (pages == NULL || page->life == 0) {
        return NGX_DECLINED;
    }

    ngx_bo_page_id(pages, &page->key, &page->id);

    behind = ngx_bo_pages_behind(pages);
    bound = (int64_t) store->limits->stale;

    if (behind > NGX_BO_CATALOGUE_FRESH && behind > bound) {
        return NGX_DECLINED;
    }

    page->stale = any || behind > NGX_BO_CATALOGUE_FRESH;

    rc = ngx_bo_pages_find(pages, &page->id, page->stale ? bound : 0,
                           &page->have, page->pool, &page->body, page->etag);

    return rc == NGX_DONE ? NGX_OK : rc;
}


/* Counts the changes that this node has heard of. */

static uint64_t
ngx_bo_catalogue_seq(ngx_bo_store_t *store)
{
    ngx_bo_pages_t *pages = store->catalogue->pages;

    return pages ? pages->table->seq : 0;
}


static ngx_bo_flight_t *
ngx_bo_flight_find(ngx_bo_store_t *store, ngx_bo_page_t *page, uint32_t hash)
{
    return (ngx_bo_flight_t *) ngx_str_rbtree_lookup(
                                   &store->catalogue->flights, &page->key,
                                   hash);
}


static ngx_bo_flight_t *
ngx_bo_flight_start(ngx_bo_store_t *store, ngx_bo_page_t *page, uint32_t hash)
{
    ngx_pool_t       *pool;
    ngx_bo_flight_t  *flight;

    pool = ngx_create_pool(1024, store->log);
    if (pool == NULL) {
        return NULL;
    }

    flight = ngx_pcalloc(pool, sizeof(ngx_bo_flight_t));
    if (flight == NULL) {
        goto failed;
    }

    flight->store = store;
    flight->pool = pool;
    flight->id = page->id;
    flight->life = page->life;
    flight->seq = ngx_bo_catalogue_seq(store);
    flight->node.node.key = hash;
    flight->node.str.len = page->key.len;
    flight->node.str.data = ngx_pstrdup(pool, &page->key);

    if (flight->node.str.data == NULL) {
        goto failed;
    }

    ngx_queue_init(&flight->waiters);

    flight->op = ngx_bo_pg_submit_aside(store->pg, page->statement,
                                        page->values, ngx_bo_flight_landed,
                                        flight);
    if (flight->op == NULL) {
        goto failed;
    }

    ngx_rbtree_insert(&store->catalogue->flights, &flight->node.node);

    return flight;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ngx_bo_flight_landed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_flight_t *flight = data;

    ngx_bo_outcome_e  outcome;

    /* whoever comes from now on is not answered by this one */

    ngx_rbtree_delete(&flight->store->catalogue->flights, &flight->node.node);

    outcome = ngx_bo_flight_read(flight, verdict, res);

    ngx_bo_calls_wake(&flight->waiters, outcome);

    ngx_destroy_pool(flight->pool);
}


/* tags: texts with spaces between them */

static void
ngx_bo_flight_keep(ngx_bo_flight_t *flight, ngx_str_t *tags)
{
    uint64_t        *hash;
    ngx_uint_t       n;
    ngx_bo_pages_t  *pages = flight->store->catalogue->pages;

    if (pages == NULL || flight->life == 0) {
        return;
    }

    hash = ngx_palloc(flight->pool, NGX_BO_PAGE_TAGS * sizeof(uint64_t));
    if (hash == NULL) {
        return;
    }

    n = ngx_bo_catalogue_tags(pages, tags, hash, NGX_BO_PAGE_TAGS);

    if (n <= NGX_BO_PAGE_TAGS) {
        flight->stale = ngx_bo_pages_keep(pages, &flight->id, flight->seq,
                                          flight->life, &flight->body,
                                          flight->etag, hash, n)
                        == NGX_DECLINED;
    }
}


static ngx_bo_outcome_e
ngx_bo_flight_read(ngx_bo_flight_t *flight, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    ngx_str_t  outcome, tags;

    /* nothing is changed by it, so what is unknown did not happen */

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        return NGX_BO_UNAVAILABLE;
    }

    if (PQntuples(res) == 0) {
        return NGX_BO_NOT_FOUND;
    }

    outcome = ngx_bo_column(res, 0, 0);

    if (ngx_bo_is(&outcome, "bad_cursor")) {
        return NGX_BO_BAD_CURSOR;
    }

    if (!ngx_bo_is(&outcome, "ok")) {
        return NGX_BO_NOT_FOUND;
    }

    flight->body = ngx_bo_column(res, 0, 1);
    ngx_bo_etag(flight->etag, &flight->body);

    tags = ngx_bo_column(res, 0, 2);
    ngx_bo_flight_keep(flight, &tags);

    return NGX_BO_OK;
}


static ngx_uint_t
ngx_bo_is(ngx_str_t *s, const char *text)
{
    return s->len == ngx_strlen(text)
           && ngx_memcmp(s->data, text, s->len) == 0;
}


static void
ngx_bo_page_woken(ngx_bo_call_t *call)
{
    ngx_bo_page_t    *page = (ngx_bo_page_t *) call;
    ngx_bo_flight_t  *flight = page->flight;

    page->flight = NULL;

    if (call->outcome == NGX_BO_OK) {
        ngx_memcpy(page->etag, flight->etag, NGX_BO_ETAG_LEN);

        page->stale = flight->stale;
        page->body.len = flight->body.len;
        page->body.data = ngx_pstrdup(page->pool, &flight->body);

        if (page->body.data == NULL) {
            call->outcome = NGX_BO_UNAVAILABLE;
        }

    } else if (call->outcome == NGX_BO_UNAVAILABLE
               && ngx_bo_page_kept(call->store, page, 1) == NGX_OK)
    {
        call->outcome = NGX_BO_OK;
    }

    ngx_bo_call_done(call, call->outcome);
}


/*
 * By what it says: all nodes have the same tag for the same body, also after
 * it was made anew.
 */

static void
ngx_bo_etag(u_char *etag, ngx_str_t *body)
{
    u_char     digest[16];
    ngx_md5_t  md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, body->data, body->len);
    ngx_md5_final(digest, &md5);

    *etag++ = '"';
    etag = ngx_hex_dump(etag, digest, sizeof(digest));
    *etag = '"';
}
