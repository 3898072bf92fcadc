
/*
 * Rate limits in shared memory: a bucket a key, for all workers.
 *
 * The zone is one table, made once, in sets of a cache line: a key lives in
 * the set that its hash names, and where a set is full, the bucket that is
 * nearest to being full makes room, which is the one that loses least.  A key
 * is kept by its hash of 64 bits, under a secret of the zone.
 */


#ifndef _NGX_BO_LIMIT_H_INCLUDED_
#define _NGX_BO_LIMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "booking/bo_bucket.h"


/* The smallest zone: some 1,500 keys. */

#define NGX_BO_LIMIT_MIN   (8 * ngx_pagesize)


typedef struct ngx_bo_limit_table_s  ngx_bo_limit_table_t;


/* What the directive says; lives as long as the configuration. */

typedef struct {
    ngx_shm_zone_t          *shm_zone;
    ngx_str_t                name;
    ngx_str_t                key;       /* the expression, as it is written */
    bo_bucket_rule_t         rule;
    ngx_bo_limit_table_t    *table;
    ngx_slab_pool_t         *shpool;
} ngx_bo_limit_t;


/*
 * The zone's init callback; its data is an ngx_bo_limit_t.  A reload keeps
 * all buckets; rate and burst may change with it.  Another size or another key
 * is refused, for it would set every limit back.
 */
ngx_int_t ngx_bo_limit_init(ngx_shm_zone_t *shm_zone, void *data);

/*
 * Takes a token of key.  state is what is left.  Returns NGX_OK, or NGX_BUSY
 * when there is none.
 */
ngx_int_t ngx_bo_limit_take(ngx_bo_limit_t *limit, ngx_str_t *key,
    bo_bucket_state_t *state);

/* Puts back what was just taken of key. */
void ngx_bo_limit_give(ngx_bo_limit_t *limit, ngx_str_t *key);

/* Counts a refusal, or with dry what would have been one; and their counts. */
void ngx_bo_limit_count(ngx_bo_limit_t *limit, ngx_uint_t dry);
ngx_atomic_uint_t ngx_bo_limit_counted(ngx_bo_limit_t *limit, ngx_uint_t dry);


#endif /* _NGX_BO_LIMIT_H_INCLUDED_ */
