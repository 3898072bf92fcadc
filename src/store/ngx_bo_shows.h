
/*
 * The shows that a worker knows: what PostgreSQL says about them, the parsed
 * layout, the names of their keys in Redis.  A show is immutable but for its
 * epoch; when PostgreSQL has another revision, a new one takes its place, and
 * the old one stays for those who use it.
 */


#ifndef _NGX_BO_SHOWS_H_INCLUDED_
#define _NGX_BO_SHOWS_H_INCLUDED_


#include "ngx_bo_snapshot.h"
#include "ngx_bo_store.h"


/* An epoch has room for that many versions; Lua's numbers stay exact. */

#define NGX_BO_EPOCH_VERSIONS  1000000000


/* msec; a show is read again when it is older; nobody waits for it. */

#define NGX_BO_SHOW_FRESH      30000


/* Where in the text of a seat map those fields stand that are of all seats. */

typedef struct {
    size_t                   stale;
    size_t                   version;
    size_t                   statistics;
    size_t                   counts[BO_LAYOUT_MAX_CATEGORIES];
} ngx_bo_places_t;


/* What a worker gave out last, see ngx_bo_availability.c. */

typedef struct {
    ngx_str_t                text;          /* len 0: nothing yet */
    int64_t                  version;
    ngx_msec_t               when;          /* ngx_current_msec */
    ngx_atomic_uint_t        changes;       /* of all maps, before that */
} ngx_bo_given_t;


/* The end of the tag that was given last, see ngx_http_bo_tag.c. */

typedef struct {
    int64_t                  version;       /* 0: none yet */
    size_t                   len;
    u_char                   text[2 * NGX_INT64_LEN + 2];
} ngx_bo_tag_t;


struct ngx_bo_show_s {
    ngx_rbtree_node_t        by_id;
    ngx_rbtree_node_t        by_no;
    ngx_queue_t              used;
    ngx_pool_t              *pool;
    ngx_bo_store_t          *store;
    ngx_uint_t               refs;
    ngx_msec_t               loaded;        /* ngx_current_msec */
    ngx_msec_t               touched;
    unsigned                 listed:1;      /* it is the one in the trees */

    bo_uuid_t                id;
    u_char                   id_text[BO_UUID_LEN];
    u_char                   no_text[NGX_INT32_LEN + 1];
    uint32_t                 no;
    ngx_int_t                revision;
    int64_t                  epoch;
    int64_t                  starts;        /* Unix ms */
    int64_t                  ends;
    int64_t                  moved;         /* to that time, when; 0: never */
    unsigned                 cancelled:1;
    unsigned                 orphan_rule:1;
    ngx_str_t                revision_text;
    ngx_str_t                status;
    ngx_str_t                currency;
    ngx_str_t                movie;
    ngx_str_t                theatre;
    ngx_str_t                screen;
    ngx_str_t                timezone;
    bo_layout_t              layout;
    uint32_t                 sellable;      /* how many of its seats */

    ngx_str_t                version_key;
    ngx_str_t                state_key;
    ngx_str_t                hold_key;
    ngx_str_t                expiry_key;
    ngx_str_t                lock_prefix;
    ngx_str_t                bookings_key;
    ngx_str_t                booking_prefix;
    ngx_str_t                booking_key_prefix;
    ngx_str_t                base;          /* lowest version of the epoch */
    u_char                   base_text[NGX_INT64_LEN];

    uint32_t                *status_at;     /* see ngx_bo_seatmap_body.c */
    ngx_bo_places_t          places;
    ngx_str_t                body;
    ngx_str_t                layout_body;   /* see ngx_bo_layout_body.c */
    ngx_str_t                layout_gzip;
    ngx_bo_given_t           given;
    ngx_bo_tag_t             tag;
    ngx_bo_snapshot_t       *snapshot;      /* of the map, or NULL */
    size_t                   grown;         /* bytes of texts made since */

    ngx_queue_t              picks;         /* see ngx_bo_pick.c */
    ngx_queue_t              holds;         /* to send in this turn */
    ngx_queue_t              holder;        /* in store->holders */
    ngx_msec_t               listed_at;     /* for bookings: when, ... */
    int64_t                  listed_epoch;  /* ... and in which Redis */
    ngx_uint_t               listed_generation;
    void                    *refresh;       /* of the seat map, under way */
    int64_t                  due;           /* ms until a hold ran out, then */
};


/*
 * Finds a show.  The key is an id or, when id is NULL, a number.
 *
 * NGX_OK: call->show is set, and kept until ngx_bo_call_cancel() or _done().
 * NGX_AGAIN: it is being loaded; done comes with NGX_BO_OK and call->show,
 * or with NGX_BO_NOT_FOUND, NGX_BO_UNAVAILABLE or NGX_BO_REFUSED.
 */
ngx_int_t ngx_bo_show_get(ngx_bo_store_t *store, const bo_uuid_t *id,
    uint32_t no, ngx_bo_call_t *call);

/*
 * Loads a show again, whatever the worker has of it, by a statement that has
 * not begun yet; always NGX_AGAIN's way.
 */
void ngx_bo_show_reload(ngx_bo_store_t *store, const bo_uuid_t *id,
    ngx_bo_call_t *call);

/* The worker's show of that number or id, or NULL when it has none. */
ngx_bo_show_t *ngx_bo_show_known(ngx_bo_store_t *store, uint32_t no);
ngx_bo_show_t *ngx_bo_show_listed(ngx_bo_store_t *store, const bo_uuid_t *id);

/*
 * The same; when it is not there, or has grown old, it is loaded, and the next
 * who asks finds it.
 */
ngx_bo_show_t *ngx_bo_show_fetch(ngx_bo_store_t *store, uint32_t no);

/*
 * As ngx_bo_show_get(), but what was read longer than age (msec) ago is read
 * again first.  done with NGX_BO_UNAVAILABLE may come with call->show, too: as
 * it was known last.
 */
ngx_int_t ngx_bo_show_fresh(ngx_bo_store_t *store, const bo_uuid_t *id,
    ngx_msec_t age, ngx_bo_call_t *call);

void ngx_bo_show_keep(ngx_bo_show_t *show);
void ngx_bo_show_drop(ngx_bo_show_t *show);

/* When what a show that ends then leaves in Redis may go; Unix ms. */
int64_t ngx_bo_show_gone(int64_t ends);

void ngx_bo_show_set_epoch(ngx_bo_show_t *show, int64_t epoch);

/* Takes the epoch from the listed show of the same number. */
void ngx_bo_show_adopt_epoch(ngx_bo_show_t *show);

/* Frees what is kept of choices that were made lately. */
void ngx_bo_picks_free(ngx_bo_show_t *show);

/* Counts memory that the show has taken from its pool since it was loaded. */
void ngx_bo_show_grown(ngx_bo_show_t *show, size_t size);

/* Notes that a seat may change, so that the jobs look after the show. */
void ngx_bo_show_touch(ngx_bo_show_t *show);

void ngx_bo_shows_init(ngx_bo_store_t *store);
void ngx_bo_shows_done(ngx_bo_store_t *store);

/* Text of a column, not copied. */
ngx_str_t ngx_bo_column(PGresult *res, ngx_int_t row, int column);
int64_t ngx_bo_column_int(PGresult *res, ngx_int_t row, int column);


#endif /* _NGX_BO_SHOWS_H_INCLUDED_ */
