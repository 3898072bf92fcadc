
/*
 * The zone of tokens.  Everything in it is taken when it is made; each entry
 * is valid after any prefix of the stores that write it.
 */


#include "ngx_bo_auth_zone.h"

#include <openssl/rand.h>

#include "ngx_bo_zone.h"


#define NGX_BO_AUTH_WAYS     8
#define NGX_BO_AUTH_VERSION  2


/* hash[0] is written last, and cleared first: 0 is no entry. */

typedef struct {
    uint64_t                 hash[2];
    uint64_t                 print;
    int64_t                  expires;       /* s since 1970 */
    uint32_t                 used;          /* s, of the monotonic clock */
    uint8_t                  role;
    uint8_t                  user_len;
    char                     user[BO_USER_MAX];
} ngx_bo_auth_entry_t;


struct ngx_bo_auth_set_s {
    ngx_bo_auth_entry_t      way[NGX_BO_AUTH_WAYS];
};


static ngx_int_t ngx_bo_auth_zone_create(ngx_shm_zone_t *shm_zone);
static ngx_bo_auth_entry_t *ngx_bo_auth_place(ngx_bo_auth_set_t *set,
    ngx_bo_auth_id_t *id, int64_t now);

#define ngx_bo_auth_set(zone, id)                                             \
    (&(zone)->table->sets[(id)->hash[1] % (zone)->table->nsets])

#define ngx_bo_auth_seconds()  ((uint32_t) (ngx_current_msec / 1000))


ngx_int_t
ngx_bo_auth_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t     *shpool;
    ngx_bo_auth_zone_t  *zone = shm_zone->data;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->shpool = shpool;

    if (data == NULL && !shm_zone->shm.exists) {
        return ngx_bo_auth_zone_create(shm_zone);
    }

    zone->table = shpool->data;

    if (zone->table->version != NGX_BO_AUTH_VERSION) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "boxoffice_auth_zone \"%V\" was made by another version "
                      "of the module: restart nginx instead of reloading",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_auth_zone_create(ngx_shm_zone_t *shm_zone)
{
    ngx_bo_auth_zone_t *zone = shm_zone->data;

    size_t                size;
    ngx_uint_t            i;
    ngx_slab_pool_t      *shpool = zone->shpool;
    ngx_bo_auth_table_t  *table;

    table = ngx_slab_calloc(shpool, sizeof(ngx_bo_auth_table_t));

    if (table == NULL
        || RAND_bytes(table->secret, sizeof(table->secret)) != 1)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_BO_AUTH_SLOTS; i++) {
        table->slot[i].text = ngx_slab_alloc(shpool, NGX_BO_AUTH_DOCUMENT);

        if (table->slot[i].text == NULL) {
            return NGX_ERROR;
        }
    }

    size = shpool->pfree * ngx_pagesize;

    table->sets = ngx_slab_calloc(shpool, size);
    if (table->sets == NULL) {
        return NGX_ERROR;
    }

    table->nsets = size / sizeof(ngx_bo_auth_set_t);
    table->version = NGX_BO_AUTH_VERSION;

    zone->table = table;
    shpool->data = table;

    return NGX_OK;
}


void
ngx_bo_auth_id(ngx_bo_auth_zone_t *zone, ngx_str_t *token,
    ngx_bo_auth_id_t *id)
{
    bo_siphash128(zone->table->secret, token->data, token->len, id->hash);

    if (id->hash[0] == 0) {
        id->hash[0] = 1;
    }
}


ngx_int_t
ngx_bo_auth_known(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id,
    int64_t now, bo_jwt_who_t *who, uint64_t *print)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_bo_auth_set_t    *set;
    ngx_bo_auth_entry_t  *e;

    rc = NGX_DECLINED;
    set = ngx_bo_auth_set(zone, id);

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_BO_AUTH_WAYS; i++) {
        e = &set->way[i];

        if (e->hash[0] != id->hash[0] || e->hash[1] != id->hash[1]) {
            continue;
        }

        if (now < e->expires && e->user_len <= BO_USER_MAX) {
            e->used = ngx_bo_auth_seconds();

            ngx_memcpy(who->user, e->user, e->user_len);
            who->user_len = e->user_len;
            who->role = e->role;
            who->expires = e->expires;
            *print = e->print;
            rc = NGX_OK;
        }

        break;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


void
ngx_bo_auth_keep(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id, int64_t now,
    bo_jwt_who_t *who, uint64_t print)
{
    ngx_bo_auth_entry_t  *e;

    ngx_shmtx_lock(&zone->shpool->mutex);

    e = ngx_bo_auth_place(ngx_bo_auth_set(zone, id), id, now);

    e->hash[0] = 0;
    ngx_memory_barrier();

    e->hash[1] = id->hash[1];
    e->print = print;
    e->expires = who->expires;
    e->used = ngx_bo_auth_seconds();
    e->role = (uint8_t) who->role;
    e->user_len = (uint8_t) who->user_len;
    ngx_memcpy(e->user, who->user, who->user_len);

    ngx_memory_barrier();
    e->hash[0] = id->hash[0];

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_bo_auth_forget(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id)
{
    ngx_uint_t           i;
    ngx_bo_auth_set_t   *set;

    set = ngx_bo_auth_set(zone, id);

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_BO_AUTH_WAYS; i++) {
        if (set->way[i].hash[0] == id->hash[0]
            && set->way[i].hash[1] == id->hash[1])
        {
            set->way[i].hash[0] = 0;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* Its own, one that is free or over, or the one that was used last long ago. */

static ngx_bo_auth_entry_t *
ngx_bo_auth_place(ngx_bo_auth_set_t *set, ngx_bo_auth_id_t *id, int64_t now)
{
    uint32_t              seconds;
    ngx_uint_t            i;
    ngx_bo_auth_entry_t  *e, *best;

    best = NULL;
    seconds = ngx_bo_auth_seconds();

    for (i = 0; i < NGX_BO_AUTH_WAYS; i++) {
        e = &set->way[i];

        if (e->hash[0] == id->hash[0] && e->hash[1] == id->hash[1]) {
            return e;
        }

        if (e->hash[0] == 0 || e->expires <= now) {
            best = e;

        } else if (best == NULL
                   || (best->hash[0] != 0 && best->expires > now
                       && seconds - e->used > seconds - best->used))
        {
            best = e;
        }
    }

    return best;
}


ngx_bo_auth_slot_t *
ngx_bo_auth_slot(ngx_bo_auth_zone_t *zone, ngx_str_t *url)
{
    uint64_t             hash;
    ngx_uint_t           i;
    ngx_bo_auth_slot_t  *slot, *found;

    found = NULL;
    hash = bo_siphash(zone->table->secret, url->data, url->len) | 1;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_BO_AUTH_SLOTS; i++) {
        slot = &zone->table->slot[i];

        if (slot->url == hash) {
            found = slot;
            break;
        }

        if (slot->url == 0) {
            slot->url = hash;
            found = slot;
            break;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return found;
}
