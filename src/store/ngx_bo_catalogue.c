
/*
 * Pages of the catalogue, one statement for all in a worker who ask for the
 * same one at the same time.
 */


#include "ngx_bo_catalogue.h"
#include "ngx_bo_shows.h"

#include <ngx_md5.h>


/* A statement under way.  It ends by itself, whether somebody waits or not. */

struct ngx_bo_flight_s {
    ngx_str_node_t           node;          /* by key */
    ngx_bo_store_t          *store;
    ngx_pool_t              *pool;
    ngx_queue_t              waiters;       /* calls of ngx_bo_page_t */
    ngx_bo_pg_op_t          *op;

    ngx_str_t                body;          /* while they are told */
    u_char                   etag[NGX_BO_ETAG_LEN];
};


struct ngx_bo_catalogue_s {
    ngx_rbtree_t             flights;
    ngx_rbtree_node_t        sentinel;
};


static ngx_bo_flight_t *ngx_bo_flight_find(ngx_bo_store_t *store,
    ngx_bo_page_t *page, uint32_t hash);
static ngx_bo_flight_t *ngx_bo_flight_start(ngx_bo_store_t *store,
    ngx_bo_page_t *page, uint32_t hash);
static void ngx_bo_flight_landed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
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

    store->catalogue = catalogue;

    return NGX_OK;
}


/* The client of PostgreSQL has gone, and tells nobody. */

void
ngx_bo_catalogue_done(ngx_bo_store_t *store)
{
    ngx_rbtree_t     *tree;
    ngx_bo_flight_t  *flight;

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
    ngx_bo_flight_t  *flight;

    hash = ngx_murmur_hash2(page->key.data, page->key.len);

    flight = ngx_bo_flight_find(store, page, hash);

    if (flight == NULL) {
        flight = ngx_bo_flight_start(store, page, hash);
        if (flight == NULL) {
            return NGX_ERROR;
        }
    }

    page->flight = flight;
    ngx_bo_call_wait(&page->call, &flight->waiters, ngx_bo_page_woken);

    return NGX_AGAIN;
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
    flight->node.node.key = hash;
    flight->node.str.len = page->key.len;
    flight->node.str.data = ngx_pstrdup(pool, &page->key);

    if (flight->node.str.data == NULL) {
        goto failed;
    }

    ngx_queue_init(&flight->waiters);

    flight->op = ngx_bo_pg_submit(store->pg, page->statement, page->values,
                                  ngx_bo_flight_landed, flight);
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


static ngx_bo_outcome_e
ngx_bo_flight_read(ngx_bo_flight_t *flight, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    ngx_str_t  outcome;

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

        page->body.len = flight->body.len;
        page->body.data = ngx_pstrdup(page->pool, &flight->body);

        if (page->body.data == NULL) {
            call->outcome = NGX_BO_UNAVAILABLE;
        }
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
