
/*
 * Pages of the catalogue: PostgreSQL composes their JSON, the zone of pages
 * keeps them, and whoever asks for the same page at the same time is answered
 * by one statement.
 *
 * For those who change the catalogue (movies, theatres, screens, layouts,
 * shows, prices): write the tables, and nothing else.  Triggers note in
 * catalogue_changes, within the same transaction, what is another now; see
 * sql/033.  Every node asks for that five times a second, and drops just the
 * pages that were made from it.  When the statement has committed, call
 * ngx_bo_catalogue_changed() before it is answered: then this node asks at
 * once, and whoever made the change sees it with the next request.
 */


#ifndef _NGX_BO_CATALOGUE_H_INCLUDED_
#define _NGX_BO_CATALOGUE_H_INCLUDED_


#include "ngx_bo_pages.h"
#include "ngx_bo_store.h"


#define NGX_BO_PAGE_PARAMS  8

/*
 * A change must be seen within a second: when nobody has asked for changes for
 * so long, pages are stale; msec.
 */

#define NGX_BO_CATALOGUE_FRESH  1000


typedef struct ngx_bo_flight_s  ngx_bo_flight_t;


/*
 * The columns of the statement are outcome, body and tags, as of the type
 * catalogue_page in sql/032: one row, or none when there is no such thing.
 */

typedef struct {
    ngx_bo_call_t            call;
    ngx_bo_pg_statement_t   *statement;
    ngx_str_t                key;       /* the same for the same page only */
    ngx_str_t                values[NGX_BO_PAGE_PARAMS];
    ngx_pool_t              *pool;      /* for the answer */
    int64_t                  life;      /* msec that it may be kept; 0: none */
    ngx_str_t                have;      /* the tag of what the asker has */

    ngx_str_t                body;      /* no data: the asker has it */
    u_char                   etag[NGX_BO_ETAG_LEN];
    unsigned                 stale:1;   /* it may be another by now */

    ngx_bo_page_id_t         id;        /* the store's own */
    ngx_bo_flight_t         *flight;
} ngx_bo_page_t;


/*
 * Part of the store's own life: NGX_OK or NGX_ERROR.  Until it is started it
 * keeps no pages, and without a zone it never does.  One worker of a node
 * follows the changes for all.
 */
ngx_int_t ngx_bo_catalogue_init(ngx_bo_store_t *store);
ngx_int_t ngx_bo_catalogue_start(ngx_bo_store_t *store, ngx_bo_pages_t *pages);
void ngx_bo_catalogue_done(ngx_bo_store_t *store);

/*
 * Gets a page.  NGX_OK: it was at hand, body and etag are set.  NGX_AGAIN:
 * call.done will be called, with the outcome OK, and body and etag;
 * NOT_FOUND; BAD_CURSOR; or one of those of trouble.  NGX_ERROR: it could not
 * be begun.
 */
ngx_int_t ngx_bo_page_get(ngx_bo_store_t *store, ngx_bo_page_t *page);

/*
 * To be called when a change of the catalogue has committed: this node asks
 * for changes at once.  NGX_AGAIN: call.done will be called when it has heard
 * of the change, or cannot, and then it will, as all other nodes, when it asks
 * the next time.  NGX_OK: there is nothing to wait for.
 */
ngx_int_t ngx_bo_catalogue_changed(ngx_bo_store_t *store, ngx_bo_call_t *call);


#endif /* _NGX_BO_CATALOGUE_H_INCLUDED_ */
