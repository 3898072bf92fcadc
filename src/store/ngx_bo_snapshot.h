
/*
 * The text of a seat map as a worker gives it out: made once of each version,
 * and lent to all requests that are answered with it.  The show has it until
 * the next is made; it is freed when the slowest of the requests is done, too.
 */


#ifndef _NGX_BO_SNAPSHOT_H_INCLUDED_
#define _NGX_BO_SNAPSHOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


struct ngx_bo_snapshot_s {
    ngx_uint_t               refs;
    ngx_uint_t               stamp;         /* of the map it is made of */
    int64_t                  version;
    ngx_str_t                text;          /* behind this struct */
};


typedef struct ngx_bo_snapshot_s  ngx_bo_snapshot_t;


/*
 * Makes one with room for len bytes, for the caller to fill and to drop; NULL
 * when there is no memory.
 */
ngx_bo_snapshot_t *ngx_bo_snapshot_create(size_t len, ngx_log_t *log);

/* Keeps it for as long as the pool is there.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_snapshot_lend(ngx_bo_snapshot_t *snapshot, ngx_pool_t *pool);

void ngx_bo_snapshot_drop(ngx_bo_snapshot_t *snapshot);


#endif /* _NGX_BO_SNAPSHOT_H_INCLUDED_ */
