
/*
 * What the workers of a node know together of tokens: which ones were found
 * good, until they expire, and the documents of keys that were fetched.
 */


#ifndef _NGX_BO_AUTH_ZONE_H_INCLUDED_
#define _NGX_BO_AUTH_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "booking/bo_jwt.h"
#include "booking/bo_siphash.h"


#define NGX_BO_AUTH_ZONE_MIN  (1024 * 1024)
#define NGX_BO_AUTH_SLOTS     8         /* documents of keys */
#define NGX_BO_AUTH_DOCUMENT  32768     /* bytes of one */


/*
 * A document of keys.  A worker that dies while it writes one leaves len 0:
 * the others keep what they have, and the next one to fetch writes it anew.
 * Times are of the monotonic clock, ngx_bo_nsec() / 1000000, in msec.
 */

typedef struct {
    uint64_t                 url;           /* hash; 0: the slot is free */
    ngx_atomic_t             generation;    /* rises when it has changed */
    int64_t                  fetched;       /* last time it was got; 0: never */
    int64_t                  tried;         /* last time that was begun */
    int64_t                  busy;          /* until then somebody fetches */
    int64_t                  next;          /* not before that on its own */
    ngx_atomic_t             ok;            /* counters */
    ngx_atomic_t             failed;
    size_t                   len;
    u_char                  *text;          /* in the zone */
} ngx_bo_auth_slot_t;


typedef struct {
    ngx_atomic_t             cached;        /* tokens that were known */
    ngx_atomic_t             verified;      /* that were found good */
    ngx_atomic_t             refused;
} ngx_bo_auth_stats_t;


/* Passwords that are hashed: see ngx_bo_hash.h. */

typedef struct {
    ngx_atomic_t             made;
    ngx_atomic_t             checked;
    ngx_atomic_t             turned_away;   /* queue full, or too late */
    ngx_atomic_t             waiting;       /* gauges */
    ngx_atomic_t             running;
} ngx_bo_hash_stats_t;


typedef struct ngx_bo_auth_set_s  ngx_bo_auth_set_t;

typedef struct {
    ngx_uint_t               version;
    uint8_t                  secret[BO_SIPHASH_KEY];
    ngx_bo_auth_stats_t      stats;
    ngx_bo_hash_stats_t      hashes;
    ngx_bo_auth_slot_t       slot[NGX_BO_AUTH_SLOTS];
    ngx_uint_t               nsets;
    ngx_bo_auth_set_t       *sets;
} ngx_bo_auth_table_t;


typedef struct {
    ngx_slab_pool_t         *shpool;
    ngx_bo_auth_table_t     *table;         /* NULL: not there yet */
} ngx_bo_auth_zone_t;


/* The hash of a whole token under the zone's secret. */

typedef struct {
    uint64_t                 hash[2];
} ngx_bo_auth_id_t;


/* The zone's init callback; shm_zone->data is an ngx_bo_auth_zone_t. */
ngx_int_t ngx_bo_auth_zone_init(ngx_shm_zone_t *shm_zone, void *data);

void ngx_bo_auth_id(ngx_bo_auth_zone_t *zone, ngx_str_t *token,
    ngx_bo_auth_id_t *id);

/*
 * Whether the token was found good and has not expired at now (s since 1970):
 * NGX_OK, and who it is and the print of the key that verified it; or
 * NGX_DECLINED.  Whether that key is still good the caller looks at.
 */
ngx_int_t ngx_bo_auth_known(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id,
    int64_t now, bo_jwt_who_t *who, uint64_t *print);

/* Keeps one, in the place of an expired or of the least lately used. */
void ngx_bo_auth_keep(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id,
    int64_t now, bo_jwt_who_t *who, uint64_t print);

/* Takes one out. */
void ngx_bo_auth_forget(ngx_bo_auth_zone_t *zone, ngx_bo_auth_id_t *id);

/* The slot of a document by its URL, a new one when there is none; or NULL. */
ngx_bo_auth_slot_t *ngx_bo_auth_slot(ngx_bo_auth_zone_t *zone,
    ngx_str_t *url);


#endif /* _NGX_BO_AUTH_ZONE_H_INCLUDED_ */
