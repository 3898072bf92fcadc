
/*
 * The outbox relay.
 *
 * Every worker has the short way: when one of its own statements has written
 * events, it claims them, gives them to the direct sink, and marks them.  The
 * first worker of a node also looks from time to time for what was left over,
 * and has a lane for each sink, which takes what is in "deliveries".
 *
 * What keeps relays apart, on any number of nodes, are leases in PostgreSQL:
 * see sql/024_outbox_relay.sql.
 */


#ifndef _NGX_BO_RELAY_H_INCLUDED_
#define _NGX_BO_RELAY_H_INCLUDED_


#include "ngx_bo_sink.h"
#include "store/ngx_bo_orders.h"


/* msec between two looks at what nobody has told us of */

#define NGX_BO_RELAY_POLL     200

/* events in one claim, at most */

#define NGX_BO_RELAY_MAX      128


typedef struct ngx_bo_relay_s  ngx_bo_relay_t;
typedef struct ngx_bo_lane_s   ngx_bo_lane_t;
typedef struct ngx_bo_item_s   ngx_bo_item_t;
typedef struct ngx_bo_batch_s  ngx_bo_batch_t;


/* A delivery as the relay sees it. */

struct ngx_bo_item_s {
    ngx_bo_delivery_t        d;             /* must be first */
    ngx_bo_lane_t           *lane;
    ngx_bo_batch_t          *batch;
    ngx_queue_t              queue;
    ngx_bo_sink_result_e     result;
    ngx_msec_t               delay;         /* msec, until the next try */
    unsigned                 parked:1;      /* an older one comes first */
    char                     error[NGX_BO_SINK_ERROR_MAX + 1];
};


/* What came of one claim; it goes with the last of its items. */

struct ngx_bo_batch_s {
    ngx_pool_t              *pool;
    void                   (*ended)(ngx_bo_item_t *item);
    ngx_bo_item_t           *items;
    ngx_uint_t               n;
    ngx_uint_t               left;          /* items that are not through */
};


/* A sink in this worker: how it fares, and what it is given. */

struct ngx_bo_lane_s {
    ngx_bo_relay_t          *relay;
    ngx_bo_sink_t           *sink;
    ngx_bo_sink_stats_t     *stats;

    ngx_uint_t               away;          /* times in a row */
    ngx_uint_t               failed;        /* tries in a row */
    ngx_msec_t               until;         /* it rests, while away */

    /* the first worker only, see ngx_bo_relay_lane.c */
    ngx_event_t              timer;         /* the next claim */
    ngx_event_t              flush;         /* marks what has ended */
    ngx_bo_pg_op_t          *claim;
    ngx_bo_pg_op_t          *mark;
    ngx_uint_t               wanted;        /* by the claim under way */
    ngx_uint_t               inflight;
    ngx_queue_t              over;          /* items to be marked */
    ngx_queue_t              marking;       /* items being marked */
    unsigned                 idle:1;        /* there was nothing left */
};


struct ngx_bo_relay_s {
    ngx_bo_store_t          *store;
    ngx_array_t              lanes;         /* of ngx_bo_lane_t */
    ngx_bo_lane_t           *direct;        /* or NULL */
    ngx_uint_t               first;         /* the first worker */
    ngx_event_t              timer;
    ngx_event_t              gauges;        /* timer */
    ngx_bo_pg_op_t          *op;
    ngx_bo_pg_op_t          *backlog;
    ngx_bo_batch_t          *batch;         /* under way, the short way */
    ngx_msec_t               claimed;       /* when it last began to claim */
    unsigned                 again:1;
};


/*
 * Starts the relay of this worker for its sinks (ngx_bo_sink_t *).  NGX_OK or
 * NGX_ERROR.  ngx_bo_relay_stop() is for exit_process, while the clients of
 * the store are there.
 */
ngx_int_t ngx_bo_relay_start(ngx_cycle_t *cycle, ngx_bo_store_t *store,
    ngx_array_t *sinks);
void ngx_bo_relay_stop(void);


/* For the relay itself. */

#define NGX_BO_EVENT_COLUMNS                                                  \
    "event_id, aggregate_id, version, type, payload, created_ms, attempts,"   \
    " parked"

/*
 * The events of a claim; ended is told of each that was sent.  NULL without
 * memory.
 */
ngx_bo_batch_t *ngx_bo_batch_create(ngx_bo_lane_t *lane, PGresult *res,
    void (*ended)(ngx_bo_item_t *item), ngx_log_t *log);

/* 1 while a lane rests because its sink is away. */
ngx_uint_t ngx_bo_lane_rests(ngx_bo_lane_t *lane);

/* Gives items to a sink, in its batches. */
void ngx_bo_lane_send(ngx_bo_lane_t *lane, ngx_bo_item_t **items,
    ngx_uint_t n);

/* Lanes of the first worker: begin, go on soon, end. */
void ngx_bo_lane_start(ngx_bo_lane_t *lane);
void ngx_bo_lane_wake(ngx_bo_lane_t *lane);
void ngx_bo_lane_stop(ngx_bo_lane_t *lane);

/*
 * An array of PostgreSQL's as text.  Each value is put in quotes; what cannot
 * stand there is replaced.
 */
typedef struct {
    ngx_str_t                text;
    size_t                   size;
    ngx_uint_t               failed;        /* no memory */
    ngx_pool_t              *pool;
} ngx_bo_list_t;

void ngx_bo_list_init(ngx_bo_list_t *list, ngx_pool_t *pool, size_t size);
void ngx_bo_list_add(ngx_bo_list_t *list, ngx_str_t *value);
void ngx_bo_list_add_int(ngx_bo_list_t *list, ngx_int_t value);
ngx_int_t ngx_bo_list_end(ngx_bo_list_t *list);


#endif /* _NGX_BO_RELAY_H_INCLUDED_ */
