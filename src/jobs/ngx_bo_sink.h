
/*
 * A sink: where events of the outbox go.  The relay (ngx_bo_relay.h) decides
 * which event goes when, keeps the order of each aggregate, tries again, and
 * gives up; a sink only says how one is delivered.
 *
 * The relay gives a sink events in small batches, never two of one aggregate
 * at a time: the next one comes when the one before was delivered, or is dead.
 * Events of different aggregates are on their way at once, in any order.
 *
 * Delivery is at least once: an event whose outcome was lost comes again, with
 * the same event id.  A sink that must not do a thing twice remembers the id.
 */


#ifndef _NGX_BO_SINK_H_INCLUDED_
#define _NGX_BO_SINK_H_INCLUDED_


#include "net/ngx_bo_outbound.h"
#include "store/ngx_bo_store.h"


#define NGX_BO_SINK_ERROR_MAX  200      /* bytes kept of a reason */


typedef struct ngx_bo_sink_s       ngx_bo_sink_t;
typedef struct ngx_bo_delivery_s   ngx_bo_delivery_t;


/* An event.  The texts are the relay's; they live as long as the delivery. */

typedef struct {
    ngx_str_t                id;            /* UUID: the same in each try */
    ngx_str_t                aggregate;     /* UUID of what has changed */
    ngx_uint_t               version;       /* of the aggregate, from 1 */
    ngx_str_t                type;          /* "order.confirmed" */
    ngx_str_t                payload;       /* JSON, an object */
    int64_t                  created;       /* ms since 1970, UTC */
    ngx_uint_t               attempt;       /* from 1 */
} ngx_bo_event_t;


/* How a delivery ended. */

typedef enum {
    NGX_BO_SINK_DELIVERED = 0,  /* the sink has it, for good */
    NGX_BO_SINK_RETRY,          /* this event failed: try it again later */
    NGX_BO_SINK_POISON,         /* it will never be taken: a dead letter */
    NGX_BO_SINK_AWAY            /* the sink cannot be reached, which says
                                 * nothing about the event: no attempt of it
                                 * is counted, and the sink rests */
} ngx_bo_sink_result_e;


/* One event on its way to one sink. */

struct ngx_bo_delivery_s {
    ngx_bo_event_t           event;
    ngx_bo_sink_t           *sink;
    void                    *data;          /* the sink's own */
    ngx_queue_t              queue;         /* the sink's own while it has it */
};


/*
 * What a kind of sink can do.  All but send may be NULL.
 *
 * option:   in the configuration, for each "name=value" that is not one of
 *           all sinks (name=, types=, timeout=, attempts=, backoff=, batch=,
 *           inflight=).  NULL, or what is wrong with it; NGX_CONF_UNSET_PTR
 *           when there is no such option.
 * complete: when all options were seen.  NULL, or what is missing.
 * start:    in a worker that sends, when it starts; sink->store is set.
 *           NGX_OK or NGX_ERROR.
 * stop:     when the worker exits; what is under way is dropped, and
 *           ngx_bo_sink_done() must not be called any more.
 * send:     takes n (1..sink->batch) deliveries.  Each ends in exactly one
 *           ngx_bo_sink_done(), now or later, within sink->timeout.
 */

typedef struct {
    const char              *name;
    unsigned                 direct:1;      /* the relay's own: no row for an
                                             * event; the first such sink */
    char                  *(*option)(ngx_conf_t *cf, ngx_bo_sink_t *sink,
                                     ngx_str_t *name, ngx_str_t *value);
    char                  *(*complete)(ngx_conf_t *cf, ngx_bo_sink_t *sink);
    ngx_int_t              (*start)(ngx_bo_sink_t *sink);
    void                   (*stop)(ngx_bo_sink_t *sink);
    void                   (*send)(ngx_bo_sink_t *sink,
                                   ngx_bo_delivery_t **d, ngx_uint_t n);
} ngx_bo_sink_kind_t;


struct ngx_bo_sink_s {
    ngx_bo_sink_kind_t      *kind;
    ngx_str_t                name;          /* unique; also in PostgreSQL */
    ngx_array_t             *types;         /* of ngx_str_t, "order.*"; NULL:
                                             * all */
    ngx_msec_t               timeout;       /* msec, of one try */
    ngx_uint_t               attempts;      /* of an event, then it is dead */
    ngx_msec_t               backoff;       /* msec, before the second one */
    ngx_uint_t               batch;         /* events in one send() */
    ngx_uint_t               inflight;      /* events under way in a worker */
    void                    *conf;          /* the kind's own */
    ngx_bo_outbound_t       *outbound;      /* for its peers */

    ngx_bo_store_t          *store;         /* of this worker */
    void                    *data;          /* the kind's own, in a worker */
};


/*
 * Adds a sink to *sinks, which is made when it is NULL; for directives of
 * their own that are a sink as well, too.  conf is the kind's own.  Returns
 * NULL without memory, or when there are too many or the name is taken.
 */
ngx_bo_sink_t *ngx_bo_sink_add(ngx_conf_t *cf, ngx_array_t **sinks,
    ngx_bo_sink_kind_t *kind, ngx_str_t *name, void *conf);

/*
 * The setter of "boxoffice_outbox_sink kind [name=value ...] | off"; outbound
 * is what sinks add their peers to.
 */
char *ngx_bo_sink_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_array_t **sinks, ngx_bo_outbound_t *outbound);

/* For a configuration without that directive: what there is by itself. */
ngx_int_t ngx_bo_sink_default(ngx_conf_t *cf, ngx_array_t **sinks);

/* 1 when the sink wants events of the type. */
ngx_uint_t ngx_bo_sink_wants(ngx_bo_sink_t *sink, ngx_str_t *type);

/*
 * The delivery has ended; d is not the sink's any more.  retry_after: seconds
 * that the other side asked to be left alone, 0 for none.  error: why it
 * failed, for the list of dead letters; NULL when it did not.  It is copied
 * and cut; no names, addresses or secrets may be in it.
 */
void ngx_bo_sink_done(ngx_bo_delivery_t *d, ngx_bo_sink_result_e result,
    ngx_uint_t retry_after, const char *error);


/* The kinds. */

extern ngx_bo_sink_kind_t  ngx_bo_sink_redis;
extern ngx_bo_sink_kind_t  ngx_bo_sink_audit;
extern ngx_bo_sink_kind_t  ngx_bo_sink_webhook;
extern ngx_bo_sink_kind_t  ngx_bo_sink_sqs;
extern ngx_bo_sink_kind_t  ngx_bo_sink_sns;

#if (NGX_BO_KAFKA)
extern ngx_bo_sink_kind_t  ngx_bo_sink_kafka;
#endif


#endif /* _NGX_BO_SINK_H_INCLUDED_ */
