
/*
 * Inside the PostgreSQL client: what its files share.
 *
 *   ngx_bo_pg.c           making the client; submit and cancel
 *   ngx_bo_pg_lane.c      what waits, and how long
 *   ngx_bo_pg_dispatch.c  which connection takes what, and the hand-over
 *   ngx_bo_pg_conn.c      connecting, loss and retirement
 *   ngx_bo_pg_io.c        the traffic of a connection that is up
 *   ngx_bo_pg_unit.c      making and sending a unit
 *   ngx_bo_pg_result.c    what came for it, and what that means
 *   ngx_bo_pg_array.c     array literals
 *   ngx_bo_pg_conninfo.c  the directive's text
 *   ngx_bo_pg_session.c   what a worker adds to it
 *
 * An operation waits in its statement's lane, leaves in a unit, and its
 * handler is called from one place, ngx_bo_pg_deliver(), which runs when
 * nothing of the client is half changed: handlers submit and cancel.
 */


#ifndef _NGX_BO_PG_INT_H_INCLUDED_
#define _NGX_BO_PG_INT_H_INCLUDED_


#include "ngx_bo_pg.h"


#define NGX_BO_PG_MAX_STATEMENTS  256
#define NGX_BO_PG_MAX_BATCH       256

/* Units of one operation that a connection may have in flight. */
#define NGX_BO_PG_PIPELINE        8


typedef struct ngx_bo_pg_lane_s  ngx_bo_pg_lane_t;
typedef struct ngx_bo_pg_unit_s  ngx_bo_pg_unit_t;
typedef struct ngx_bo_pg_conn_s  ngx_bo_pg_conn_t;


struct ngx_bo_pg_op_s {
    ngx_queue_t              queue;     /* in its lane, or in pg->refused */
    ngx_bo_pg_t             *pg;
    ngx_bo_pg_lane_t        *lane;

    ngx_bo_pg_handler_pt     handler;   /* NULL: cancelled, a tombstone */
    void                    *data;

    ngx_msec_t               start;     /* ngx_current_msec at the submit */
    ngx_int_t                row;       /* in the unit's result; -1: none */

    unsigned                 waiting:1; /* in its lane */
    unsigned                 single:1;  /* goes alone, in no batch */
    unsigned                 retried:1; /* its one retry is used up */
    unsigned                 probe:1;   /* the half-open breaker waits for it */

    /* its texts end in a zero byte, so that libpq can take them */
    ngx_str_t                values[1];
};


/* What waits for one statement; both queues are in order of op->start. */

struct ngx_bo_pg_lane_s {
    ngx_bo_pg_statement_t   *st;
    ngx_uint_t               index;     /* in conn->prepared */
    ngx_queue_t              fresh;
    ngx_queue_t              alone;     /* to be sent one by one */
    ngx_uint_t               nfresh;
    ngx_uint_t               flying;    /* batches of it in flight */
    ngx_uint_t               aside;     /* all of it is, see _submit_aside() */
};


/*
 * What one Sync ends: one call of one statement, so one transaction.  First
 * in conn->units, then, with its verdict, in pg->finished.
 */

struct ngx_bo_pg_unit_s {
    ngx_queue_t              queue;
    ngx_bo_pg_lane_t        *lane;

    PGresult                *res;       /* held back until the Sync */
    ngx_bo_verdict_e         verdict;
    ngx_msec_t               sent;      /* or since it is the first */
    ngx_msec_t               deadline;

    unsigned                 batch:1;   /* takes the connection's batch slot */
    unsigned                 preparing:1;
    unsigned                 warned:1;

    ngx_uint_t               n;
    ngx_bo_pg_op_t          *ops[1];
};


typedef enum {
    NGX_BO_PG_CLOSED = 0,               /* the timer ends the pause */
    NGX_BO_PG_CONNECTING,               /* the timer is the attempt's end */
    NGX_BO_PG_UP                        /* the timer is the units' deadline */
} ngx_bo_pg_state_e;


struct ngx_bo_pg_conn_s {
    ngx_bo_pg_t             *pg;
    PGconn                  *pq;        /* owns the socket */
    ngx_connection_t        *c;         /* the events of that socket */
    ngx_event_t              timer;
    ngx_bo_pg_state_e        state;
    ngx_uint_t               index;

    ngx_queue_t              units;     /* FIFO: results are positional */
    ngx_uint_t               nunits;
    ngx_uint_t               nsingles;  /* of these, not a batch */

    u_char                   prepared[NGX_BO_PG_MAX_STATEMENTS];
    u_char                   preparing[NGX_BO_PG_MAX_STATEMENTS];
                                        /* 1 or 0, by lane->index; asked for
                                         * and not answered */
    ngx_uint_t               served;    /* units since it is up */
    ngx_uint_t               recycle;   /* units after which it is replaced */
    ngx_uint_t               attempt;   /* since it last did any good */

    unsigned                 retire:1;  /* takes nothing new */
};


struct ngx_bo_pg_s {
    ngx_bo_pg_conf_t        *conf;
    ngx_bo_upstream_stats_t *stats;
    ngx_bo_breaker_t         breaker;
    ngx_log_t               *log;

    const char             **keywords;
    const char             **values;

    ngx_bo_pg_conn_t        *conns;
    ngx_uint_t               nconns;
    ngx_uint_t               nup;
    ngx_msec_t               down_since;    /* valid while nup == 0 */

    ngx_bo_pg_lane_t         lanes[NGX_BO_PG_MAX_STATEMENTS];
    ngx_uint_t               nlanes;
    ngx_uint_t               nwaiting;

    ngx_event_t              dispatch;      /* posted */
    ngx_event_t              deadline;      /* of what waits in the lanes */
    ngx_event_t              patience;      /* of a batch that is held back */

    ngx_queue_t              finished;      /* units */
    ngx_queue_t              refused;       /* operations */

    u_char                  *scratch;       /* array literals */
    size_t                   scratch_size;
};


/* ngx_bo_pg.c */

void ngx_bo_pg_free_op(ngx_bo_pg_op_t *op);


/* ngx_bo_pg_lane.c */

/*
 * Sets op aside to be ended as NOT_SENT by ngx_bo_pg_deliver(); it is in no
 * queue when this is called.
 */
void ngx_bo_pg_refuse(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op);

/*
 * Puts an operation (back) into its lane, in its place by age: into "alone"
 * if op->single, else into "fresh".  ngx_bo_pg_dequeue() takes it out.
 */
void ngx_bo_pg_enqueue(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op);
void ngx_bo_pg_dequeue(ngx_bo_pg_t *pg, ngx_bo_pg_op_t *op);

/* Sets the deadline timer anew, by the oldest operation of each lane. */
void ngx_bo_pg_arm(ngx_bo_pg_t *pg);

/* That timer's handler: refuses what has waited too long. */
void ngx_bo_pg_deadline(ngx_event_t *ev);


/* ngx_bo_pg_dispatch.c */

void ngx_bo_pg_dispatch(ngx_event_t *ev);

/* Asks for a dispatch at the end of this turn of the event loop. */
void ngx_bo_pg_post(ngx_bo_pg_t *pg);

/* Calls the handlers of everything that has ended; the last step of a turn. */
void ngx_bo_pg_deliver(ngx_bo_pg_t *pg);


/* ngx_bo_pg_conn.c */

void ngx_bo_pg_conn_init(ngx_bo_pg_t *pg, ngx_bo_pg_conn_t *conn);

/* Starts to connect; the connection is CLOSED. */
void ngx_bo_pg_conn_open(ngx_bo_pg_conn_t *conn);

/* Closes at once, without reconnecting; there are no units. */
void ngx_bo_pg_conn_close(ngx_bo_pg_conn_t *conn);

/*
 * Gives the connection up: its units end as UNKNOWN (the caller delivers),
 * and a new attempt follows after a pause.
 */
void ngx_bo_pg_conn_lost(ngx_bo_pg_conn_t *conn, const char *why);

/*
 * The last unit of a connection that takes nothing new is done.  One that is
 * only old is replaced at once; after an error the server gets a pause.
 */
void ngx_bo_pg_conn_retire(ngx_bo_pg_conn_t *conn);

/* Goes on with connecting, when the socket is ready. */
void ngx_bo_pg_conn_step(ngx_bo_pg_conn_t *conn);

/*
 * Watches the socket that libpq has now: NGX_READ_EVENT or NGX_WRITE_EVENT.
 * Returns NGX_ERROR when nginx has no connection left for it.
 */
ngx_int_t ngx_bo_pg_conn_watch(ngx_bo_pg_conn_t *conn, ngx_int_t event);

/* The first deadline of its units, of which there are few; there is one. */
ngx_msec_t ngx_bo_pg_conn_deadline(ngx_bo_pg_conn_t *conn);


/* ngx_bo_pg_io.c */

void ngx_bo_pg_conn_read(ngx_event_t *rev);
void ngx_bo_pg_conn_write(ngx_event_t *wev);
void ngx_bo_pg_conn_notice(void *arg, const PGresult *res);

/*
 * After something was sent: keeps the write event and the timer right.
 * Returns NGX_ERROR when the connection is broken.
 */
ngx_int_t ngx_bo_pg_conn_sent(ngx_bo_pg_conn_t *conn);


/* ngx_bo_pg_unit.c */

/* A unit of up to n operations, not filled; NULL when memory is short. */
ngx_bo_pg_unit_t *ngx_bo_pg_unit_create(ngx_bo_pg_lane_t *lane, ngx_uint_t n);

/*
 * Sends the unit with its Sync.  NGX_OK: it is in conn->units.  NGX_ERROR: it
 * is there too, the connection is broken, and it may have been sent.
 * NGX_DECLINED: the connection is broken, and the unit did not happen.
 * NGX_ABORT: no memory; nothing was sent and the connection is good.
 */
ngx_int_t ngx_bo_pg_unit_send(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit);

/* Takes the unit off its connection, to be delivered with this verdict. */
void ngx_bo_pg_unit_finish(ngx_bo_pg_conn_t *conn, ngx_bo_pg_unit_t *unit,
    ngx_bo_verdict_e verdict);

/* For a unit that was not sent or was delivered; its operations are gone. */
void ngx_bo_pg_unit_free(ngx_bo_pg_unit_t *unit);


/* ngx_bo_pg_result.c */

/*
 * Takes the next result for the head of conn->units.  Returns NGX_OK, or
 * NGX_ERROR when the server answered what was not asked.
 */
ngx_int_t ngx_bo_pg_unit_result(ngx_bo_pg_conn_t *conn, PGresult *res);


/* ngx_bo_pg_array.c */

/* Upper bound in bytes of the literal of parameter k, with its zero byte. */
size_t ngx_bo_pg_array_size(ngx_bo_pg_op_t **ops, ngx_uint_t n, ngx_uint_t k);

/*
 * Writes parameter k of the n operations as an array literal, with a zero
 * byte behind it; returns the place after that.  Source: PostgreSQL 15
 * manual, 8.15.6 "Array Input and Output Syntax".
 */
u_char *ngx_bo_pg_array_write(u_char *p, ngx_bo_pg_op_t **ops, ngx_uint_t n,
    ngx_uint_t k);


/* ngx_bo_pg_session.c */

/* Makes pg->keywords and pg->values in the cycle's pool, in a worker. */
ngx_int_t ngx_bo_pg_session(ngx_bo_pg_t *pg, ngx_cycle_t *cycle);


#endif /* _NGX_BO_PG_INT_H_INCLUDED_ */
