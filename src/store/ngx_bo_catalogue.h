
/*
 * Pages of the catalogue: PostgreSQL composes their JSON, and whoever asks for
 * the same page at the same time is answered by one statement.
 */


#ifndef _NGX_BO_CATALOGUE_H_INCLUDED_
#define _NGX_BO_CATALOGUE_H_INCLUDED_


#include "ngx_bo_store.h"


#define NGX_BO_PAGE_PARAMS  8
#define NGX_BO_ETAG_LEN     34          /* 32 hexadecimal digits in quotes */


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

    ngx_str_t                body;
    u_char                   etag[NGX_BO_ETAG_LEN];

    ngx_bo_flight_t         *flight;    /* the store's, while it waits */
} ngx_bo_page_t;


/* Part of the store's own life: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_catalogue_init(ngx_bo_store_t *store);
void ngx_bo_catalogue_done(ngx_bo_store_t *store);

/*
 * Begins to get a page.  NGX_AGAIN: call.done will be called, with the
 * outcome OK, and body and etag; NOT_FOUND; BAD_CURSOR; or one of those of
 * trouble.  NGX_ERROR: it could not be begun.
 */
ngx_int_t ngx_bo_page_get(ngx_bo_store_t *store, ngx_bo_page_t *page);


#endif /* _NGX_BO_CATALOGUE_H_INCLUDED_ */
