
/*
 * What handles the messages of bookings: the streams, one a show, and a
 * message on its way.
 */


#ifndef _NGX_BO_JOB_BOOKINGS_H_INCLUDED_
#define _NGX_BO_JOB_BOOKINGS_H_INCLUDED_


#include "ngx_bo_jobs.h"
#include "store/ngx_bo_bookings.h"


/* A show whose stream is looked at; a worker's own. */

typedef struct {
    ngx_rbtree_node_t        node;          /* by the show's number */
    ngx_queue_t              retry;         /* while own is set */
    ngx_queue_t              flying;        /* payments under way */
    ngx_msec_t               again;         /* when own messages are taken */
    ngx_msec_t               pause;         /* msec, grows with failures */
    ngx_msec_t               emptied;       /* empty since then; 0: is not */
    ngx_uint_t               run;           /* in which it was due last */
    int64_t                  waiting;       /* messages, as of the last look */
    int64_t                  age;           /* msec, of the oldest */
    unsigned                 own:1;         /* some of ours are to come again */
    unsigned                 claim:1;       /* look for those of the dead */
    unsigned                 drop:1;        /* it may go when it is empty */
} ngx_bo_stream_t;


/* A batch of messages of one stream, on its way. */

typedef struct {
    ngx_bo_script_call_t     script;        /* that takes them */
    ngx_queue_t              queue;         /* of all takes */
    ngx_pool_t              *pool;
    ngx_bo_job_t            *job;
    ngx_bo_stream_t         *stream;
    ngx_queue_t              payments;      /* messages that come after these */
    ngx_uint_t               pending;       /* statements under way */
    ngx_uint_t               got;
    ngx_uint_t               ndone;
    ngx_str_t               *done;          /* ids to acknowledge */
    ngx_str_t                argv[8];
    unsigned                 own:1;         /* messages given before */
} ngx_bo_take_t;


/* A message: the texts are in its pool. */

typedef struct {
    ngx_bo_script_call_t     script;        /* that ends it */
    ngx_queue_t              queue;         /* payments, then flying */
    ngx_queue_t              all;
    ngx_pool_t              *pool;
    ngx_bo_take_t           *take;          /* while it is a part of one */
    ngx_bo_stream_t         *stream;
    ngx_str_t                id;            /* in the stream */
    ngx_bo_order_call_t     *order;         /* whose payment is confirmed */
    ngx_bo_pg_op_t          *pg;
    bo_uuid_t                booking;
    bo_seats_t               seats;

    ngx_str_t                type;          /* the fields of the message */
    ngx_str_t                booking_text;
    ngx_str_t                user;
    ngx_str_t                seat_nos;
    ngx_str_t                amount;
    ngx_str_t                currency;
    ngx_str_t                method;
    ngx_str_t                labels;
    ngx_str_t                name;
    ngx_str_t                email;
    ngx_str_t                phone;
    ngx_str_t                payment;
    ngx_str_t                starts;        /* of the show, as was told */
} ngx_bo_message_t;


/*
 * Makes a message from an entry of a take.  NULL when memory is short, or when
 * it is none of ours: then *bad is set.
 */
ngx_bo_message_t *ngx_bo_message_make(ngx_bo_take_t *take, ngx_str_t *id,
    redisReply *fields, ngx_uint_t *bad);

/* Whether the message with this id came more than age msec ago. */
ngx_uint_t ngx_bo_message_older(ngx_str_t *id, int64_t age);

/* Has a booking written; ngx_bo_take_written() comes.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_message_persist(ngx_bo_message_t *m);

/* Has a payment confirmed; the message ends by itself. */
void ngx_bo_message_pay(ngx_bo_message_t *m);

/* Ends a message of which nothing is under way, in memory only. */
void ngx_bo_message_free(ngx_bo_message_t *m);

/* For exit_process: all of them. */
void ngx_bo_messages_free(void);

/*
 * A booking has been written, or not: done, its message is to be acknowledged;
 * else it comes again.  The message is gone then.
 */
void ngx_bo_take_written(ngx_bo_message_t *m, ngx_uint_t done);

/* A part of a take has ended; the last one goes on with it. */
void ngx_bo_take_part(ngx_bo_take_t *take);

/* The messages of a stream that are ours are taken again, after a pause. */
void ngx_bo_stream_again(ngx_bo_stream_t *stream, ngx_msec_t pause);

/* The same after a failure: the pause grows. */
void ngx_bo_stream_failed(ngx_bo_stream_t *stream);


#endif /* _NGX_BO_JOB_BOOKINGS_H_INCLUDED_ */
