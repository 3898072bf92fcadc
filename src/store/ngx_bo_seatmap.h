
/*
 * Seat maps: the state of every seat of a show, and the answer made of it, in
 * shared memory.  A map is read from Redis when its version has moved and
 * nobody has told; the subscription of the node keeps those that are looked
 * at.  Only what has changed is written into the answer.
 */


#ifndef _NGX_BO_SEATMAP_H_INCLUDED_
#define _NGX_BO_SEATMAP_H_INCLUDED_


#include "ngx_bo_scripts.h"


/* A map as it is given out: its text stays as long as the caller's pool. */

typedef struct {
    ngx_str_t                body;          /* JSON; NULL when not changed */
    int64_t                  version;
    ngx_uint_t               stamp;         /* see ngx_bo_map.h */
    unsigned                 stale:1;
    unsigned                 gzip:1;        /* asked: it may be compressed */
    unsigned                 packed:1;      /* answer: it is */
} ngx_bo_seatmap_t;


/*
 * Takes the map of a show out of the zone.
 *
 * have: the version that the client has, or -1; when it has the newest, there
 * is no body.  map->gzip: it may be compressed; compressed it may be some
 * tenths of a second older, for that is not done for each version of a busy
 * show.
 *
 * NGX_OK: here it is, at most 1 s old while Redis answers.
 * NGX_AGAIN: it is being read from Redis; done comes, then ask with
 * ngx_bo_seatmap_take().
 */
ngx_int_t ngx_bo_seatmap_get(ngx_bo_show_t *show, int64_t have,
    ngx_pool_t *pool, ngx_bo_seatmap_t *map, ngx_bo_call_t *call);

/*
 * Takes it as it is, stale or not.  NGX_OK; NGX_DECLINED: there is none, or
 * none that may be shown still.
 */
ngx_int_t ngx_bo_seatmap_take(ngx_bo_show_t *show, int64_t have,
    ngx_pool_t *pool, ngx_bo_seatmap_t *map);

/*
 * The version of a show's map as this node knows it, 0 when it does not; stale
 * is set to 1 when Redis has not confirmed it for a second.  Whoever asks at
 * least once a second has the show subscribed to, so that changes come within
 * milliseconds.
 */
int64_t ngx_bo_seatmap_version(ngx_bo_show_t *show, unsigned *stale);

/*
 * Counts the seats of a map, as of the version that this node knows.  NGX_OK,
 * or NGX_DECLINED when it does not know it.
 */
ngx_int_t ngx_bo_seatmap_stats(ngx_bo_show_t *show, bo_stats_t *stats);

/*
 * 1 when there is no map of this layout any more: the show has changed since
 * it was loaded.
 */
ngx_uint_t ngx_bo_seatmap_outdated(ngx_bo_show_t *show);

/*
 * Makes sure that a map is known and fresh.  NGX_OK: it is; NGX_AGAIN: it is
 * being read, done comes.
 */
ngx_int_t ngx_bo_seatmap_ready(ngx_bo_show_t *show, ngx_bo_call_t *call);

/*
 * Reads it from Redis; call, when not NULL, waits for it.
 *
 * flags: NGX_BO_REFRESH_BODY: its body is wanted, not only the states;
 * NGX_BO_REFRESH_STATES: the states are read though the version is the same,
 * for whoever doubts that they are what was told.
 */

#define NGX_BO_REFRESH_BODY    1
#define NGX_BO_REFRESH_STATES  2

void ngx_bo_seatmap_refresh(ngx_bo_show_t *show, ngx_bo_call_t *call,
    ngx_uint_t flags);

/*
 * Collects the numbers of shows in use whose map was not read from Redis for
 * age ms, the oldest first, max at most.  Returns how many.
 */
ngx_uint_t ngx_bo_seatmap_due(ngx_bo_store_t *store, ngx_msec_t age,
    uint32_t *nos, ngx_uint_t max);

/*
 * Collects the numbers of shows that somebody looks at, max at most.  Returns
 * how many.
 */
ngx_uint_t ngx_bo_seatmap_watched(ngx_bo_store_t *store, uint32_t *nos,
    ngx_uint_t max);

/*
 * Collects the numbers of shows that have changed, or were in use, since they
 * were last found equal to PostgreSQL, max at most.  Returns how many.
 */
ngx_uint_t ngx_bo_seatmap_unchecked(ngx_bo_store_t *store, uint32_t *nos,
    ngx_uint_t max);

/*
 * Copies the two bits a seat, size bytes.  Returns the version, or 0 when the
 * map is not known.  asked, when not NULL: when Redis was asked for it last, so
 * what was held before that is in it; msec.
 */
int64_t ngx_bo_seatmap_bits(ngx_bo_show_t *show, u_char *bits, size_t size,
    ngx_msec_t *asked);

/* The map of that version was found equal at that time (ngx_current_msec). */
void ngx_bo_seatmap_checked(ngx_bo_show_t *show, int64_t version,
    ngx_msec_t when);


#endif /* _NGX_BO_SEATMAP_H_INCLUDED_ */
