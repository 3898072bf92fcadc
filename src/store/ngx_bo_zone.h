
/*
 * What lives in the shared zone: the counters of all workers, and the seat
 * maps.  Only the slab mutex and atomics are used, and nothing here points
 * into a worker's own memory.
 */


#ifndef _NGX_BO_ZONE_H_INCLUDED_
#define _NGX_BO_ZONE_H_INCLUDED_


#include "booking/bo_state.h"
#include "net/ngx_bo_outbound.h"


/* The smallest zone that is of use: the counters and a few halls. */

#define NGX_BO_ZONE_MIN      (1024 * 1024)

/* To be changed with anything that lives in the zone, seat maps included. */

#define NGX_BO_ZONE_VERSION  8

#define NGX_BO_BUCKETS       13

/* Workers that have a gauge of their own; others share it. */

#define NGX_BO_WORKERS       128


/* Durations, in buckets as Prometheus wants them; see ngx_bo_bucket_usec. */

typedef struct {
    ngx_atomic_t             bucket[NGX_BO_BUCKETS + 1];
    ngx_atomic_t             sum;           /* usec */
} ngx_bo_histogram_t;


/* Every counter: its field, and its help text in /metrics. */

#define NGX_BO_COUNTERS(_)                                                    \
    _(holds_created,      "Holds created")                                    \
    _(holds_replayed,     "Holds answered from their idempotency key")        \
    _(holds_conflicts,    "Holds refused because seats were taken")           \
    _(holds_stranding,    "Holds refused because a seat would be left alone") \
    _(holds_changed,      "Holds changed or extended")                        \
    _(holds_released,     "Holds released by their users")                    \
    _(holds_expired,      "Holds that ran out")                               \
    _(holds_lost,         "Holds that were gone when they were ordered")      \
    _(orders_created,     "Orders created")                                   \
    _(orders_conflicts,   "Orders refused because seats were claimed")        \
    _(orders_confirmed,   "Orders confirmed")                                 \
    _(orders_declined,    "Orders whose payment was declined")                \
    _(orders_cancelled,   "Orders cancelled")                                 \
    _(orders_reduced,     "Cancellations of some seats of an order")          \
    _(orders_expired,     "Orders that were not paid in time")                \
    _(orders_in_doubt,    "Orders whose outcome was not known at once")       \
    _(tickets_signed,     "Codes of seats signed for tickets")                \
    _(checkins_admitted,  "Seats admitted at the door")                       \
    _(checkins_refused,   "Scans at the door that were refused")              \
    _(checkins_conflicts, "Scans of offline scanners that were conflicts")    \
    _(payments_begun,     "Payments that a gateway was asked for")            \
    _(payments_captured,  "Promised payments that were captured by a job")    \
    _(payments_repaired,  "Captures that the gateway had to be asked about")  \
    _(payments_foreign,   "Captures of others seen in a gateway's list")      \
    _(payments_disagree,  "Payments with fewer refunds at the gateway")       \
    _(payments_unread,    "Payments of lists that could not be understood")   \
    _(compares_failed,    "Times that books could not be compared")           \
    _(payments_quarantined, "Payments and events that do not fit")            \
    _(refunds_sent,       "Refunds sent to a gateway")                        \
    _(refunds_done,       "Refunds that the gateway has done")                \
    _(refunds_failed,     "Refunds that the gateway will not do")             \
    _(webhooks_taken,     "Events of gateways taken")                         \
    _(webhooks_ignored,   "Events of gateways of no interest")                \
    _(webhooks_refused,   "Webhooks with a bad signature")                    \
    _(webhooks_unread,    "Events of gateways that could not be understood")  \
    _(webhooks_parked,    "Events of gateways that came too early")           \
    _(webhooks_foreign,   "Events of payments and refunds that are not ours") \
    _(webhooks_lost,      "Events of ours of which nothing is known here")    \
    _(bookings_accepted,  "Bookings accepted, to be written later")           \
    _(bookings_turned_away, "Bookings not accepted: backlog, or not durable") \
    _(bookings_persisted, "Bookings written as orders")                       \
    _(bookings_refused,   "Bookings that PostgreSQL refused, compensated")    \
    _(bookings_completed, "Payments of bookings that came to an end")         \
    _(bookings_retried,   "Messages of bookings that are to come again")      \
    _(bookings_unread,    "Messages of bookings that could not be read")      \
    _(seatmaps_served,    "Seat maps served")                                 \
    _(seatmaps_stale,     "Seat maps served stale")                           \
    _(seatmaps_refreshed, "Seat maps read from Redis")                        \
    _(live_messages,      "Changes of seat maps taken from the subscription") \
    _(live_gaps,          "Times that changes were missing and were read")    \
    _(streams_opened,     "Streams opened")                                   \
    _(streams_closed,     "Streams closed")                                   \
    _(streams_refused,    "Streams refused because there were too many")      \
    _(streams_slow,       "Streams closed because nothing was taken")         \
    _(streams_messages,   "Messages sent on streams")                         \
    _(shows_loaded,       "Shows loaded from PostgreSQL")                     \
    _(shows_rebuilt,      "Shows loaded into Redis")                          \
    _(seats_repaired,     "Seats whose state in Redis was repaired")          \
    _(orphans_removed,    "Claims without an order that were removed")        \
    _(history_written,    "Hold records written to PostgreSQL")               \
    _(history_dropped,    "Hold records dropped")                             \
    _(notifications_superseded,                                               \
                          "Messages not sent because the order had gone on")  \
    _(notifications_undeliverable, "Messages that no channel takes")          \
    _(jobs_failed,        "Background jobs that ended in an error")


/* Sinks of the outbox: how many, and the length of their names. */

#define NGX_BO_SINKS_MAX      16
#define NGX_BO_SINK_NAME_MAX  24


/* The last three are gauges, as PostgreSQL last told them. */

typedef struct {
    u_char                   name[NGX_BO_SINK_NAME_MAX + 1];
    ngx_atomic_t             published;     /* events delivered */
    ngx_atomic_t             failures;      /* tries that failed */
    ngx_atomic_t             dead;          /* events given up */
    ngx_atomic_t             pending;       /* events it has yet to get */
    ngx_atomic_t             oldest;        /* msec, age of the oldest */
    ngx_atomic_t             letters;       /* dead, and not decided about */
} ngx_bo_sink_stats_t;


/* Gauges of the books, as PostgreSQL last told them: see payment_figures(). */

#define NGX_BO_MONEY_GAUGES(_)                                                \
    _(refunds_waiting)                                                        \
    _(refunds_failed)                                                         \
    _(payments_quarantined)                                                   \
    _(quarantine_open)                                                        \
    _(webhooks_parked)

typedef struct {
#define NGX_BO_FIELD(name)  ngx_atomic_t  name;
    NGX_BO_MONEY_GAUGES(NGX_BO_FIELD)
#undef NGX_BO_FIELD
    ngx_atomic_t             told;          /* it has told them */
} ngx_bo_money_stats_t;


/* Messages, by kind of channel: email, sms, whatsapp, push. */

#define NGX_BO_NOTIFY_KINDS   4

typedef struct {
    ngx_atomic_t             sent;
    ngx_atomic_t             failed;        /* tries that may be repeated */
    ngx_atomic_t             refused;       /* for good */
    ngx_atomic_t             fallbacks;     /* tries after others had failed */
} ngx_bo_notify_stats_t;


typedef struct {
    ngx_bo_upstream_stats_t  redis;
    ngx_bo_upstream_stats_t  postgres;
    ngx_bo_outbound_stats_t  outbound[NGX_BO_OUTBOUND_PEERS];
    ngx_bo_histogram_t       hold;          /* seat lock latency */
    ngx_bo_histogram_t       order;
    ngx_bo_histogram_t       confirm;
    ngx_bo_histogram_t       outbox;        /* from an event to its stream */
    ngx_atomic_t             outbox_pending;    /* events nobody has taken */
    ngx_atomic_t             outbox_oldest;     /* msec */
    ngx_atomic_t             clock_redis;   /* msec ahead of the node, signed */
    ngx_atomic_t             clock_postgres;
    ngx_bo_sink_stats_t      sinks[NGX_BO_SINKS_MAX];
    ngx_bo_notify_stats_t    notify[NGX_BO_NOTIFY_KINDS];
    ngx_bo_money_stats_t     money;
    ngx_atomic_t             requests[6];   /* by class of status */
    ngx_atomic_t             streams[NGX_BO_WORKERS];   /* open, by worker */

#define NGX_BO_FIELD(name, help)  ngx_atomic_t  name;
    NGX_BO_COUNTERS(NGX_BO_FIELD)
#undef NGX_BO_FIELD
} ngx_bo_metrics_t;


/*
 * Bookings on their way to PostgreSQL.  The workers tell the one that handles
 * the messages in which shows there are new ones, each in the slot of its
 * number, or that there are more than have room; it looks at all of them now
 * and then anyway.
 */

#define NGX_BO_BOOKED_SHOWS  64

typedef struct {
    ngx_atomic_t             shows[NGX_BO_BOOKED_SHOWS];    /* 0: none */
    ngx_atomic_t             more;
    ngx_atomic_t             consumer;      /* this node's name, 0: none yet */
    ngx_atomic_t             waiting;       /* gauge: messages in streams */
    ngx_atomic_t             age;           /* gauge: msec, of the oldest */
} ngx_bo_booked_t;


typedef struct {
    ngx_uint_t               version;       /* NGX_BO_ZONE_VERSION */
    ngx_bo_metrics_t         metrics;
    ngx_uint_t               changing;      /* tree and lists: by somebody who
                                             * has the mutex, or has died */
    ngx_queue_t              maps;          /* all seat maps */
    ngx_rbtree_t             seatmaps;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              used;          /* seat maps, latest first */
    ngx_queue_t              aged;          /* by refresh, oldest first */
    ngx_queue_t              watches;       /* looked at lately, latest first */
    ngx_atomic_t             changes;       /* of any seat map, ever */
    ngx_bo_booked_t          booked;

    /*
     * The subscription of this node, of which there is one at a time: its
     * generation, 0 for none, and up to when (ngx_current_msec) all that was
     * published has come.  A map is kept by it when its own "live" is the
     * same generation.
     */
    ngx_atomic_t             live;
    ngx_atomic_t             generations;
    ngx_atomic_t             heard;
} ngx_bo_zone_t;


extern const ngx_uint_t  ngx_bo_bucket_usec[NGX_BO_BUCKETS];


/*
 * What a worker has counted in this turn of the event loop: all workers share
 * a few cache lines in the zone, and go there once a turn.
 */

typedef struct {
    ngx_uint_t               requests[6];

#define NGX_BO_FIELD(name, help)  ngx_uint_t  name;
    NGX_BO_COUNTERS(NGX_BO_FIELD)
#undef NGX_BO_FIELD
} ngx_bo_counts_t;


/* The shared zone's init callback: makes the zone or takes it over. */
ngx_int_t ngx_bo_zone_init(ngx_shm_zone_t *zone, void *data);

/*
 * For a zone that is made anew: in a reload with another size nginx drops what
 * the old one holds.  NGX_OK, or NGX_ERROR after a message: the directive, and
 * what would be lost.
 */
ngx_int_t ngx_bo_zone_is_new(ngx_shm_zone_t *shm_zone, const char *directive,
    const char *loss);

/*
 * Nanoseconds and microseconds of the monotonic clock, which all workers and
 * their next generation have in common.
 */
int64_t ngx_bo_nsec(void);
uint64_t ngx_bo_usec(void);

/* Moves what was counted into the zone. */
void ngx_bo_counts_flush(ngx_bo_counts_t *counts, ngx_bo_metrics_t *metrics);

/* Counts a duration that began at ngx_bo_usec() == since. */
void ngx_bo_observe(ngx_bo_histogram_t *h, uint64_t since);


#endif /* _NGX_BO_ZONE_H_INCLUDED_ */
