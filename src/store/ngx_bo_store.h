
/*
 * The store of a worker: its clients, its limits, the shared zone and the
 * shows it knows.  And the call: what every operation of the store is.
 */


#ifndef _NGX_BO_STORE_H_INCLUDED_
#define _NGX_BO_STORE_H_INCLUDED_


#include "booking/bo_id.h"
#include "booking/bo_layout.h"
#include "booking/bo_seats.h"
#include "booking/bo_state.h"
#include "net/ngx_bo_pg.h"
#include "net/ngx_bo_redis.h"
#include "ngx_bo_zone.h"


/* How an operation of the store ended. */

typedef enum {
    NGX_BO_OK = 0,           /* done now */
    NGX_BO_REPLAYED,         /* done before, by the same idempotency key */
    NGX_BO_SAME,             /* nothing to do: it is so already */
    NGX_BO_NOT_FOUND,        /* not there, or not this user's */
    NGX_BO_FORBIDDEN,        /* the user may not, whatever the token says */
    NGX_BO_CONFLICT,         /* seats are taken */
    NGX_BO_KEY_REUSED,       /* idempotency key with another payload */
    NGX_BO_IN_PROGRESS,      /* the same idempotency key is being worked on */
    NGX_BO_ORDERED,          /* the hold belongs to an order */
    NGX_BO_ENDED,            /* the hold, or the order, is over */
    NGX_BO_LOST,             /* the hold went when Redis lost its data */
    NGX_BO_LIMIT,            /* the user's seats in this show */
    NGX_BO_CHANGED,          /* the show has changed since it was loaded */
    NGX_BO_MOVED,            /* the show begins at another time */
    NGX_BO_CLOSED,           /* the show is cancelled or has begun */
    NGX_BO_OVER,             /* the terms of the house allow it no more */
    NGX_BO_NOT_SEATS,        /* the order has not all of these seats */
    NGX_BO_UNPAID,           /* only what was paid is given back in parts */
    NGX_BO_DECLINED,         /* the payment was */
    NGX_BO_NO_PAYMENT,       /* the gateway does not know the payment */
    NGX_BO_PAYMENT_USED,     /* the payment is another order's */
    NGX_BO_PENDING,          /* the customer has not paid yet */
    NGX_BO_NOT_PAID,         /* he was declined, and may try again */
    NGX_BO_QUARANTINED,      /* the payment is not what was asked for */
    NGX_BO_BACKLOG,          /* too many bookings are on their way */
    NGX_BO_VOLATILE,         /* Redis would not keep a booking safe */
    NGX_BO_BAD_CURSOR,       /* a list has no such place */
    NGX_BO_ALONE,            /* ask again, not in a batch */
    NGX_BO_REFUSED,          /* PostgreSQL refused: see the log */
    NGX_BO_UNAVAILABLE,      /* not tried: try again */
    NGX_BO_IN_DOUBT          /* tried, and no clean answer came */
} ngx_bo_outcome_e;


typedef struct ngx_bo_call_s   ngx_bo_call_t;
typedef struct ngx_bo_show_s   ngx_bo_show_t;
typedef struct ngx_bo_store_s  ngx_bo_store_t;

typedef struct ngx_bo_history_s  ngx_bo_history_t;
typedef struct ngx_bo_live_s  ngx_bo_live_t;
typedef struct ngx_bo_ticket_keys_s  ngx_bo_ticket_keys_t;
typedef struct ngx_bo_bookings_s  ngx_bo_bookings_t;
typedef struct ngx_bo_catalogue_s  ngx_bo_catalogue_t;

typedef void (*ngx_bo_done_pt)(ngx_bo_call_t *call);


/*
 * A call stands first in the struct of every operation.  The caller owns the
 * memory, sets done and data, and starts it.  done is called exactly once,
 * unless the call is cancelled, and never before the start has returned.
 * One thing is under way at a time: a command, a statement or a wait.
 */

struct ngx_bo_call_s {
    ngx_bo_done_pt           done;
    void                    *data;
    ngx_bo_store_t          *store;
    ngx_bo_outcome_e         outcome;

    ngx_bo_redis_op_t       *redis;
    ngx_bo_pg_op_t          *pg;
    ngx_queue_t             *waits;     /* the queue it waits in, or NULL */
    ngx_queue_t              wait;
    ngx_bo_done_pt           woken;     /* what a wait goes on with */
    ngx_bo_show_t           *show;      /* kept loaded while not NULL */
    ngx_bo_done_pt           left;      /* in place of a cancel, or NULL */
};


/* The limits of the house; directives set them. */

typedef struct {
    ngx_msec_t               hold_ttl;
    ngx_msec_t               hold_cap;      /* after creation, all in all */
    ngx_msec_t               order_ttl;
    ngx_msec_t               stale;         /* how old a map may be shown */
    ngx_msec_t               checkin_opens; /* before a show begins */
    ngx_int_t                seats_per_hold;
    ngx_int_t                seats_per_user;
    ngx_flag_t               orphan_rule;
} ngx_bo_limits_t;


struct ngx_bo_store_s {
    ngx_bo_redis_t          *redis;
    ngx_bo_redis_conf_t     *redis_conf;
    ngx_bo_pg_t             *pg;
    ngx_bo_limits_t         *limits;
    ngx_bo_zone_t           *zone;
    ngx_bo_counts_t          counts;        /* of this turn */
    ngx_event_t              counts_event;
    ngx_slab_pool_t         *shpool;
    size_t                   lacked;        /* by a map that had no room */
    ngx_msec_t               complained;    /* of that, in the log */
    ngx_cycle_t             *cycle;
    ngx_log_t               *log;

    ngx_rbtree_t             by_id;         /* of shows */
    ngx_rbtree_t             by_no;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              used;          /* shows, latest first */
    size_t                   layouts;       /* bytes of their layouts */

    ngx_queue_t              loads;         /* of shows, from PostgreSQL */
    ngx_queue_t              rebuilds;      /* of shows, in Redis */
    ngx_queue_t              posted;        /* calls to wake in this turn */
    ngx_event_t              posted_event;

    ngx_queue_t              holders;       /* shows with holds to send */
    ngx_event_t              hold_event;

    ngx_queue_t              unsettled;     /* until Redis is back */
    ngx_uint_t               nunsettled;
    ngx_event_t              settle_event;

    ngx_bo_history_t        *history;       /* hold records on their way */
    ngx_bo_live_t           *live;          /* in one worker of a node */
    ngx_array_t             *rooms;         /* zones of waiting rooms */
    ngx_bo_ticket_keys_t    *tickets;       /* that sign them, or NULL */
    ngx_event_t              outbox;        /* wakes the relay, if there is */
    ngx_array_t             *gateways;      /* of ngx_bo_gateway_t */
    ngx_bo_bookings_t       *bookings;      /* NULL: no optimistic mode */
    ngx_bo_catalogue_t      *catalogue;     /* pages of it under way */

    ngx_str_t                hold_ttl;      /* the limits as texts */
    ngx_str_t                hold_cap;
    ngx_str_t                order_ttl;
    ngx_str_t                order_life;    /* its locks outlive it a little */
    ngx_str_t                seats_per_user;
};


/*
 * Makes the store of a worker.  Returns NULL when memory is short.
 * ngx_bo_store_destroy() is for exit_process.
 */
ngx_bo_store_t *ngx_bo_store_create(ngx_cycle_t *cycle,
    ngx_bo_redis_conf_t *redis, ngx_bo_pg_conf_t *pg, ngx_bo_limits_t *limits,
    ngx_shm_zone_t *zone);
void ngx_bo_store_destroy(ngx_bo_store_t *store);

/*
 * Ends the caller's interest: done will not be called, the memory may go.
 * What was sent to a server happens all the same.  A call that has ended, or
 * was never started and is zeroed, may be cancelled.  One that has "left" is
 * told so, goes on by itself and ends by itself.
 */
void ngx_bo_call_cancel(ngx_bo_call_t *call);

/* For the store itself: ends a call and tells its owner. */
void ngx_bo_call_done(ngx_bo_call_t *call, ngx_bo_outcome_e outcome);

/* For the store itself: parks a call in a queue; woken when it is its turn. */
void ngx_bo_call_wait(ngx_bo_call_t *call, ngx_queue_t *queue,
    ngx_bo_done_pt woken);

/* For the store itself: goes on with a call later in this turn of the loop. */
void ngx_bo_call_post(ngx_bo_call_t *call, ngx_bo_done_pt woken);

/*
 * Wakes all that wait in a queue; each sees outcome in its call.  Who comes
 * to wait meanwhile is not woken.
 */
void ngx_bo_calls_wake(ngx_queue_t *queue, ngx_bo_outcome_e outcome);

/*
 * Makes the id of a hold or an order of show number show_no.
 * Returns NGX_OK, or NGX_ERROR when there are no random bytes.
 */
ngx_int_t ngx_bo_make_id(bo_uuid_t *id, uint32_t show_no);

/*
 * Fills buf with len random bytes (1..64) of OpenSSL's generator, which is
 * asked for many at a time: a call of it costs more than all else in an id.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_random(u_char *buf, size_t len);

/* Counts one of the counters of the zone. */
#define ngx_bo_count(store, name)                                             \
    do {                                                                      \
        (store)->counts.name++;                                               \
        ngx_post_event(&(store)->counts_event, &ngx_posted_events);           \
    } while (0)

/*
 * To be called when a statement that writes events has committed: the relay of
 * this worker takes them in the same turn.  Nothing is lost without it, but a
 * relay finds them by itself only some tenths of a second later.
 */
#define ngx_bo_outbox_wake(store)                                             \
    do {                                                                      \
        if ((store)->outbox.handler) {                                        \
            ngx_post_event(&(store)->outbox, &ngx_posted_events);             \
        }                                                                     \
    } while (0)

/* The wall clock in ms since 1970, as of this turn of the event loop. */
#define ngx_bo_now()                                                          \
    ((int64_t) ngx_time() * 1000 + (int64_t) (ngx_timeofday())->msec)


#endif /* _NGX_BO_STORE_H_INCLUDED_ */
