
/*
 * Rate limits in shared memory.
 */


#include "ngx_bo_limit.h"

#include <openssl/rand.h>

#include "ngx_bo_zone.h"
#include "booking/bo_siphash.h"


#define NGX_BO_LIMIT_WAYS     4
#define NGX_BO_LIMIT_VERSION  1


typedef struct {
    uint64_t                 hash;      /* 0: none */
    int64_t                  full;      /* of bo_bucket.h */
} ngx_bo_limit_bucket_t;


typedef struct {
    ngx_bo_limit_bucket_t    way[NGX_BO_LIMIT_WAYS];
} ngx_bo_limit_set_t;


struct ngx_bo_limit_table_s {
    ngx_uint_t               version;
    uint8_t                  secret[BO_SIPHASH_KEY];
    ngx_uint_t               nsets;
    ngx_bo_limit_set_t      *sets;
    ngx_atomic_t             refused;
    ngx_atomic_t             dry;       /* would have been */
    size_t                   key_len;
    u_char                   key[256];  /* that the buckets stand for */
};


static ngx_int_t ngx_bo_limit_reuse(ngx_shm_zone_t *shm_zone,
    ngx_bo_limit_table_t *table);
static ngx_int_t ngx_bo_limit_create(ngx_shm_zone_t *shm_zone);
static ngx_bo_limit_bucket_t *ngx_bo_limit_bucket(ngx_bo_limit_t *limit,
    uint64_t hash, int64_t now);
static uint64_t ngx_bo_limit_hash(ngx_bo_limit_t *limit, ngx_str_t *key);


ngx_int_t
ngx_bo_limit_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_bo_limit_t   *limit = shm_zone->data;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    limit->shpool = shpool;

    if (data != NULL || shm_zone->shm.exists) {
        return ngx_bo_limit_reuse(shm_zone, shpool->data);
    }

    if (ngx_bo_zone_is_new(shm_zone, "boxoffice_limit_zone",
                           "every limit would start anew")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_limit_create(shm_zone);
}


static ngx_int_t
ngx_bo_limit_reuse(ngx_shm_zone_t *shm_zone, ngx_bo_limit_table_t *table)
{
    ngx_bo_limit_t  *limit = shm_zone->data;

    if (table->version != NGX_BO_LIMIT_VERSION
        || table->key_len != limit->key.len
        || ngx_memcmp(table->key, limit->key.data, limit->key.len) != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "boxoffice_limit_zone \"%V\" uses the key \"%V\" while "
                      "previously it used the key \"%*s\"",
                      &shm_zone->shm.name, &limit->key, table->key_len,
                      table->key);
        return NGX_ERROR;
    }

    limit->table = table;

    return NGX_OK;
}


/* All that the slab gives is taken at once, and nothing later. */

static ngx_int_t
ngx_bo_limit_create(ngx_shm_zone_t *shm_zone)
{
    ngx_bo_limit_t *limit = shm_zone->data;

    size_t                 size;
    ngx_slab_pool_t       *shpool = limit->shpool;
    ngx_bo_limit_table_t  *table;

    table = ngx_slab_calloc(shpool, sizeof(ngx_bo_limit_table_t));
    if (table == NULL) {
        return NGX_ERROR;
    }

    if (limit->key.len > sizeof(table->key)
        || RAND_bytes(table->secret, sizeof(table->secret)) != 1)
    {
        return NGX_ERROR;
    }

    size = shpool->pfree * ngx_pagesize;

    table->sets = ngx_slab_calloc(shpool, size);
    if (table->sets == NULL) {
        return NGX_ERROR;
    }

    table->nsets = size / sizeof(ngx_bo_limit_set_t);
    table->version = NGX_BO_LIMIT_VERSION;
    table->key_len = limit->key.len;
    ngx_memcpy(table->key, limit->key.data, limit->key.len);

    limit->table = table;
    shpool->data = table;

    return NGX_OK;
}


ngx_int_t
ngx_bo_limit_take(ngx_bo_limit_t *limit, ngx_str_t *key,
    bo_bucket_state_t *state)
{
    int       taken;
    int64_t   now;
    uint64_t  hash;

    hash = ngx_bo_limit_hash(limit, key);
    now = ngx_bo_nsec();

    ngx_shmtx_lock(&limit->shpool->mutex);

    taken = bo_bucket_take(&limit->rule,
                           &ngx_bo_limit_bucket(limit, hash, now)->full, now,
                           state);

    ngx_shmtx_unlock(&limit->shpool->mutex);

    return taken ? NGX_OK : NGX_BUSY;
}


void
ngx_bo_limit_give(ngx_bo_limit_t *limit, ngx_str_t *key)
{
    int64_t   now;
    uint64_t  hash;

    hash = ngx_bo_limit_hash(limit, key);
    now = ngx_bo_nsec();

    ngx_shmtx_lock(&limit->shpool->mutex);

    bo_bucket_give(&limit->rule,
                   &ngx_bo_limit_bucket(limit, hash, now)->full);

    ngx_shmtx_unlock(&limit->shpool->mutex);
}


void
ngx_bo_limit_count(ngx_bo_limit_t *limit, ngx_uint_t dry)
{
    (void) ngx_atomic_fetch_add(dry ? &limit->table->dry
                                    : &limit->table->refused, 1);
}


ngx_atomic_uint_t
ngx_bo_limit_counted(ngx_bo_limit_t *limit, ngx_uint_t dry)
{
    return dry ? limit->table->dry : limit->table->refused;
}


/*
 * The bucket of a key, or the one that makes room for it: it is emptied of its
 * debt before it changes its name, so that a worker that dies in between
 * leaves nobody with another's debt.
 */

static ngx_bo_limit_bucket_t *
ngx_bo_limit_bucket(ngx_bo_limit_t *limit, uint64_t hash, int64_t now)
{
    ngx_uint_t              i;
    ngx_bo_limit_set_t     *set;
    ngx_bo_limit_bucket_t  *b, *spare;

    set = &limit->table->sets[hash % limit->table->nsets];
    spare = &set->way[0];

    for (i = 0; i < NGX_BO_LIMIT_WAYS; i++) {
        b = &set->way[i];

        if (b->hash == hash) {
            return b;
        }

        if (b->full < spare->full) {
            spare = b;
        }
    }

    spare->full = now;
    ngx_memory_barrier();
    spare->hash = hash;

    return spare;
}


static uint64_t
ngx_bo_limit_hash(ngx_bo_limit_t *limit, ngx_str_t *key)
{
    uint64_t  hash;

    hash = bo_siphash(limit->table->secret, key->data, key->len);

    return hash ? hash : 1;
}
