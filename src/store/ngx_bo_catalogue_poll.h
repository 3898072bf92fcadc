
/*
 * Following the changes of the catalogue.
 */


#ifndef _NGX_BO_CATALOGUE_POLL_H_INCLUDED_
#define _NGX_BO_CATALOGUE_POLL_H_INCLUDED_


#include "ngx_bo_pages.h"
#include "ngx_bo_store.h"


struct ngx_bo_catalogue_s {
    ngx_rbtree_t             flights;       /* statements, by page */
    ngx_rbtree_node_t        sentinel;
    ngx_bo_pages_t          *pages;         /* NULL: nothing is kept */

    ngx_event_t              tick;          /* in one worker of a node */
    ngx_bo_pg_op_t          *op;            /* a question that is on its way */
    ngx_str_t                was;           /* what it was asked from */
    int64_t                  asked;         /* when */
    ngx_queue_t              waiting;       /* calls that it is asked for */
    ngx_queue_t              next;          /* who came meanwhile */
};


/* Begins to follow them, in the worker whose turn it is; NGX_OK, NGX_ERROR. */
ngx_int_t ngx_bo_catalogue_follow(ngx_bo_store_t *store);
void ngx_bo_catalogue_unfollow(ngx_bo_store_t *store);

/*
 * Hashes the words of a text, which have single spaces between them, into the
 * room for max.  Returns how many there are; the first max are there.
 */
ngx_uint_t ngx_bo_catalogue_tags(ngx_bo_pages_t *pages, ngx_str_t *text,
    uint64_t *hash, ngx_uint_t max);


#endif /* _NGX_BO_CATALOGUE_POLL_H_INCLUDED_ */
