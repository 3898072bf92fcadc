
/*
 * A show's map in the zone: the state of every seat, when each of them last
 * changed, and the texts made of that.
 *
 * The zone's mutex guards all of it: the caller holds it unless it says
 * otherwise.  A worker that dies while it changes a map leaves it dirty;
 * whoever comes next throws such a map away and has it read again.  One that
 * dies while it changes the tree or the lists leaves the zone "changing", and
 * whoever comes next throws all maps away.
 *
 * Included by the files of the seat map only.
 */


#ifndef _NGX_BO_MAP_H_INCLUDED_
#define _NGX_BO_MAP_H_INCLUDED_


#include "booking/bo_availability.h"
#include "ngx_bo_shows.h"
#include "ngx_bo_seatmap_body.h"


typedef struct {
    ngx_rbtree_node_t        node;          /* by number of the show */
    ngx_queue_t              all;           /* it never moves in that list */
    ngx_queue_t              used;
    ngx_queue_t              aged;
    ngx_queue_t              watches;

    ngx_int_t                revision;      /* of the layout in here */
    int64_t                  version;       /* 0: never read */
    int64_t                  base;          /* lowest version of its epoch */
    uint32_t                 first;         /* what came before is not known */
    int64_t                  checked;       /* version equal to PostgreSQL */
    ngx_uint_t               live;          /* see ngx_bo_zone_t.live */
    ngx_uint_t               dirty;         /* being changed */
    ngx_uint_t               stamp;         /* no other state of a map has it */

    ngx_msec_t               checked_at;
    ngx_msec_t               refreshed;     /* Redis had nothing newer then */
    ngx_msec_t               asked;         /* Redis was */
    ngx_msec_t               moved;         /* to its version */
    ngx_msec_t               touched;       /* a seat may have changed */
    ngx_msec_t               seen;          /* given out */
    ngx_msec_t               watched;       /* given out, in whole seconds */

    uint32_t                 nseats;
    size_t                   size;          /* of bits */
    uint32_t                *changed;       /* by seat: version - base */
    uint32_t                *latest;        /* of each block of seats */
    u_char                  *bits;          /* these stand behind changed */
    u_char                  *text;          /* the seats of availability */
    bo_stats_t               stats;

    size_t                   len;           /* of body */
    u_char                  *body;          /* NULL until somebody wants it */
    int64_t                  head;          /* version that its head tells */
    ngx_bo_places_t          places;

    ngx_str_t                packed;        /* the body compressed, or NULL */
    int64_t                  packed_version;
    ngx_msec_t               packed_at;
} ngx_bo_map_t;


/* The zone's mutex; what it guards is whole once one has it. */
void ngx_bo_maps_lock(ngx_bo_store_t *store);
void ngx_bo_maps_unlock(ngx_bo_store_t *store);

/* Around every change of the tree and the lists. */
void ngx_bo_maps_begin(ngx_bo_store_t *store);
void ngx_bo_maps_end(ngx_bo_store_t *store);

/* Between the two: links a map that is ready into the list of all of them. */
void ngx_bo_maps_link(ngx_bo_store_t *store, ngx_bo_map_t *map);

/* Gives back the memory of a map, but not of *map itself: it begins anew. */
void ngx_bo_map_empty(ngx_bo_store_t *store, ngx_bo_map_t *map);

ngx_bo_map_t *ngx_bo_map_find(ngx_bo_store_t *store, uint32_t no);

/*
 * Finds it, or makes one that was never read.  NULL when the zone is full of
 * what is newer.
 */
ngx_bo_map_t *ngx_bo_map_get(ngx_bo_store_t *store, uint32_t no);

/*
 * Makes sure that a map has room for this layout and is not dirty: its
 * version is 0 when it had to begin anew.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_map_start(ngx_bo_show_t *show, ngx_bo_map_t *map);

/*
 * Makes sure that a map has its body.  Most shows are looked at by somebody;
 * on nodes where one is only sold, it would be made for nothing.  The show
 * must be prepared, see ngx_bo_body_prepare().  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_map_body(ngx_bo_show_t *show, ngx_bo_map_t *map);

/* Brings the head of the body to the version of the map. */
void ngx_bo_map_head(ngx_bo_map_t *map);

/*
 * Brings a map to bits as Redis has them at that version.  The show must be
 * prepared when the map has a body.
 */
void ngx_bo_map_set(ngx_bo_show_t *show, ngx_bo_map_t *map, int64_t version,
    ngx_str_t *bits);

/*
 * Brings a map to the next version by a message "version state:seat,seat ..".
 * NGX_OK: done; NGX_DONE: it is older than the map; NGX_DECLINED: the map has
 * to be read from Redis, for want of what came in between.
 */
ngx_int_t ngx_bo_map_move(ngx_bo_show_t *show, ngx_bo_map_t *map,
    ngx_str_t *message);

/*
 * Keeps the compressed body of that version, unless there is a newer one, or
 * no room.
 */
void ngx_bo_map_pack(ngx_bo_store_t *store, ngx_bo_map_t *map,
    int64_t version, ngx_str_t *packed);

/* 1 when what the map says is of this layout and whole. */
ngx_uint_t ngx_bo_map_usable(ngx_bo_map_t *map, ngx_bo_show_t *show);

/* 1 when the map, or this worker by now, is of a later layout than show. */
ngx_uint_t ngx_bo_map_newer(ngx_bo_map_t *map, ngx_bo_show_t *show);

/* Somebody has looked at it: it stays longer. */
void ngx_bo_map_seen(ngx_bo_store_t *store, ngx_bo_map_t *map);

/*
 * How long ago Redis confirmed the map, msec: by an answer, or by the
 * subscription that keeps it.
 */
ngx_msec_t ngx_bo_map_age(ngx_bo_store_t *store, ngx_bo_map_t *map);

/* 1 when it is this caller who has a map of that age (msec) read again. */
ngx_uint_t ngx_bo_map_ask(ngx_bo_map_t *map, ngx_msec_t age);

/*
 * How long ago that was, msec; another worker's clock may be ahead of ours.
 * Needs no mutex.
 */
ngx_msec_t ngx_bo_msec_since(ngx_msec_t when);


/* How long somebody who looked is taken to go on looking; msec. */

#define NGX_BO_MAP_WATCH     10000

/* A map older than this is read again, though still given out; msec. */

#define NGX_BO_MAP_FRESH     250

/* A compressed body is good for this long; msec. */

#define NGX_BO_MAP_PACKED    200

/* A map older than this is given out only when Redis does not answer; msec. */

#define NGX_BO_MAP_STALE     1000


#endif /* _NGX_BO_MAP_H_INCLUDED_ */
