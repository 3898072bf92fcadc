
/*
 * Documents of keys that are fetched from who signs the tokens.
 *
 * One worker of a node at a time fetches one, on time or because of a token
 * whose key nobody has, and puts it into the zone; every worker reads it from
 * there.  While nothing comes the keys that are there stay good, for a time.
 * A request whose key is there never waits.
 */


#ifndef _NGX_BO_JWKS_H_INCLUDED_
#define _NGX_BO_JWKS_H_INCLUDED_


#include "net/ngx_bo_outbound.h"
#include "ngx_bo_auth.h"


/* msec that a request waits for keys, at most. */

#define NGX_BO_JWKS_PATIENCE  2000

/* Requests of a worker that wait at once. */

#define NGX_BO_JWKS_WAITERS   1024


struct ngx_bo_jwks_s {
    ngx_str_t                url;
    ngx_bo_outbound_peer_t  *peer;
    ngx_msec_t               refresh;       /* msec between two fetches */
    ngx_msec_t               pause;         /* msec between two for keys that
                                             * are missing, or after one that
                                             * failed */
    ngx_msec_t               stale;         /* msec that keys outlive the last
                                             * fetch that was good */
    ngx_bo_auth_source_t    *source;

    /* a worker's */
    ngx_bo_auth_zone_t      *zone;
    ngx_bo_auth_slot_t      *slot;
    ngx_log_t               *log;
    ngx_pool_t              *pool;          /* of the keys, or NULL */
    ngx_array_t             *keys;
    ngx_atomic_uint_t        generation;    /* of the keys */
    ngx_bo_outbound_op_t    *op;            /* under way, or NULL */
    ngx_event_t              timer;
    ngx_queue_t              waiters;
    ngx_uint_t               nwaiters;
};


/* Who waits for keys; handler is called once, unless it is taken back. */

typedef struct ngx_bo_jwks_waiter_s  ngx_bo_jwks_waiter_t;

struct ngx_bo_jwks_waiter_s {
    ngx_queue_t              queue;
    ngx_bo_jwks_t           *jwks;          /* NULL: it does not wait */
    ngx_msec_t               since;
    void                   (*handler)(void *data);
    void                    *data;
};


/*
 * For init_process and exit_process: sources are all of the configuration,
 * ngx_bo_auth_source_t *.
 */
ngx_int_t ngx_bo_jwks_start(ngx_cycle_t *cycle, ngx_array_t *sources,
    ngx_bo_auth_zone_t *zone);
void ngx_bo_jwks_stop(ngx_array_t *sources);

/* The keys of a source that came so, or NULL when it has none that count. */
ngx_array_t *ngx_bo_jwks_keys(ngx_bo_auth_source_t *source);

/*
 * After BO_JWT_E_KEY: whether one of the sources may still get the key.
 * NGX_AGAIN: it is being fetched, and the waiter will be called, then or after
 * NGX_BO_JWKS_PATIENCE; NGX_DECLINED: it is not, or was a moment ago.
 */
ngx_int_t ngx_bo_jwks_missing(ngx_bo_auth_source_t **sources, ngx_uint_t n,
    ngx_bo_jwks_waiter_t *waiter);

/* Takes a waiter back; also one that does not wait. */
void ngx_bo_jwks_forget(ngx_bo_jwks_waiter_t *waiter);


#endif /* _NGX_BO_JWKS_H_INCLUDED_ */
