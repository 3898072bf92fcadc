
/*
 * What the files of the Redis client share; nobody else includes it.
 *
 * An operation moves urgent or waiting -> inflight -> its end.  It enters
 * inflight when the order of the bytes on the wire is fixed; from there it
 * leaves only by a reply or with the connection.
 */


#ifndef _NGX_BO_REDIS_INTERNAL_H_INCLUDED_
#define _NGX_BO_REDIS_INTERNAL_H_INCLUDED_


#include "ngx_bo_redis.h"
#include "ngx_bo_redis_reply.h"


#define NGX_BO_REDIS_SMALL       1024   /* bytes, storage inside an operation */
#define NGX_BO_REDIS_FREE        1024   /* operations kept for reuse */
#define NGX_BO_REDIS_READ        (32 * 1024)            /* bytes of one recv */
#define NGX_BO_REDIS_MAX_BYTES   (16 * 1024 * 1024)     /* storage outside */


typedef enum {
    NGX_BO_REDIS_COMMAND = 0,       /* a caller's */
    NGX_BO_REDIS_SETUP,             /* a new connection's; an error ends it */
    NGX_BO_REDIS_ROLE,              /* of a new or ready one: the primary? */
    NGX_BO_REDIS_CHECK,             /* the PING that ends the set-up */
    NGX_BO_REDIS_RELOAD,            /* SCRIPT LOAD after a NOSCRIPT */
    NGX_BO_REDIS_PING               /* of a ready connection, for ROLE */
} ngx_bo_redis_kind_e;


typedef enum {
    NGX_BO_REDIS_DOWN = 0,          /* no socket; the next attempt is timed */
    NGX_BO_REDIS_CONNECTING,
    NGX_BO_REDIS_SETTING_UP,        /* only urgent operations may leave */
    NGX_BO_REDIS_READY
} ngx_bo_redis_state_e;


typedef struct ngx_bo_redis_conn_s  ngx_bo_redis_conn_t;


struct ngx_bo_redis_op_s {
    ngx_queue_t               queue;
    ngx_bo_redis_conn_t      *conn;
    ngx_bo_redis_handler_pt   handler;
    void                     *data;
    ngx_bo_script_t          *script;       /* NULL but for _eval(), loads */
    const char               *name;         /* of a set-up step, for logs */
    ngx_msec_t                deadline;
    ngx_bo_redis_kind_e       kind;
    ngx_bo_verdict_e          verdict;      /* while it waits for its end */

    /*
     * The command stays here until the reply, because a NOSCRIPT repeats it.
     * buf.pos moves as the bytes leave: at buf.start, none has.
     */
    ngx_chain_t               link;
    ngx_buf_t                 buf;
    size_t                    extra;        /* bytes of storage outside */

    unsigned                  queued:1;     /* in urgent or waiting */
    unsigned                  user:1;       /* somebody waits for its end */
    unsigned                  repeated:1;

    u_char                    small[NGX_BO_REDIS_SMALL];
};


/* Counters of the turn, moved to shared memory once a turn, not once an op. */

typedef struct {
    ngx_uint_t                operations;
    ngx_uint_t                errors;
    ngx_uint_t                unknown;
    ngx_uint_t                refused;
    ngx_uint_t                batches;
    ngx_uint_t                batched;
    ngx_uint_t                waiting;      /* gauges: as last published */
    ngx_uint_t                inflight;
} ngx_bo_redis_counts_t;


struct ngx_bo_redis_conn_s {
    ngx_bo_redis_t           *redis;
    ngx_connection_t         *connection;   /* NULL when there is no socket */
    ngx_log_t                *log;

    /* event ident must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                 ident;

    ngx_bo_redis_state_e      state;
    ngx_addr_t               *addrs;
    ngx_uint_t                naddrs;
    ngx_uint_t                addr;         /* in use, or to be tried next */
    ngx_uint_t                attempt;      /* rounds failed in a row */
    ngx_uint_t                generation;   /* times it was ready */
    ngx_msec_t                started;      /* when the attempt began */
    ngx_bo_breaker_t          breaker;
    ngx_bo_redis_parser_t     parser;
    u_char                   *reloading;    /* by script: 1 until loaded */

    ngx_queue_t               urgent;       /* set-up, reloads, repeats */
    ngx_queue_t               waiting;      /* callers' operations */
    ngx_queue_t               inflight;     /* in the order of the replies */
    ngx_queue_t               free;
    ngx_chain_t              *out;          /* what the socket did not take */

    ngx_uint_t                nqueued;      /* in urgent and waiting */
    ngx_uint_t                ninflight;
    ngx_uint_t                nfree;
    ngx_uint_t                users;        /* operations with user == 1 */
    size_t                    extra;        /* sum over the operations */

    /*
     * deadline: set while anything has one; it keeps an exiting worker alive
     * as long as there are users.  upkeep: reconnects, pings; cancelable.
     */
    ngx_event_t               deadline;
    ngx_event_t               upkeep;
    ngx_event_t               flush;

    ngx_bo_redis_counts_t     counts;
    u_char                   *read;         /* NGX_BO_REDIS_READ bytes */

    unsigned                  deferred:1;   /* flush went behind the others */
    unsigned                  grace:1;      /* overdue, by our own fault */
    unsigned                  unfit:1;      /* no primary: to be dropped */
    unsigned                  norole:1;     /* this server refuses ROLE */
    unsigned                  replica:1;    /* as was logged, until ready */
};


struct ngx_bo_redis_s {
    ngx_bo_redis_conf_t      *conf;
    ngx_bo_upstream_stats_t  *stats;
    ngx_bo_script_t         **scripts;
    ngx_uint_t                nscripts;
    ngx_bo_redis_conn_t       conn;
};


/*
 * Makes an operation whose bytes are the command head[0..nhead-1],
 * argv[0..argc-1], all copied; nothing is queued.  Returns NULL when memory
 * is short or the client holds too many bytes.
 */
ngx_bo_redis_op_t *ngx_bo_redis_op_create(ngx_bo_redis_conn_t *conn,
    ngx_bo_redis_kind_e kind, ngx_uint_t nhead, const ngx_str_t *head,
    ngx_uint_t argc, const ngx_str_t *argv);

/* Queues op at the end of urgent or waiting, and has the flush posted. */
void ngx_bo_redis_op_queue(ngx_bo_redis_op_t *op, ngx_queue_t *queue);

/* Makes op one that somebody waits for, or ends that. */
void ngx_bo_redis_op_claim(ngx_bo_redis_op_t *op);
void ngx_bo_redis_op_disclaim(ngx_bo_redis_op_t *op);

/*
 * Ends an operation that is in no queue: calls its handler, unless it was
 * cancelled, and frees it.
 */
void ngx_bo_redis_op_finish(ngx_bo_redis_op_t *op, ngx_bo_verdict_e verdict,
    redisReply *reply);

/* Frees an operation that is in no queue. */
void ngx_bo_redis_op_free(ngx_bo_redis_op_t *op);

/* Gives the memory of all free operations back. */
void ngx_bo_redis_op_cleanup(ngx_bo_redis_conn_t *conn);


/* Sets up a zeroed conn and begins the first attempt to connect. */
ngx_int_t ngx_bo_redis_conn_init(ngx_bo_redis_conn_t *conn,
    ngx_bo_redis_t *redis, ngx_cycle_t *cycle);

/* Closes without a word to anybody, and frees everything. */
void ngx_bo_redis_conn_destroy(ngx_bo_redis_conn_t *conn);

/*
 * For the first event of a new socket: finds out whether it is connected and
 * begins the set-up.  Not NGX_OK: the connection is gone.
 */
ngx_int_t ngx_bo_redis_conn_established(ngx_bo_redis_conn_t *conn);

/* For the answer that ends the set-up: lets the callers' operations leave. */
void ngx_bo_redis_conn_ready(ngx_bo_redis_conn_t *conn);

/*
 * Ends the connection or the attempt to make one, then everything that was
 * sent on it.  why goes to the log; NULL when the reason was logged already.
 */
void ngx_bo_redis_conn_drop(ngx_bo_redis_conn_t *conn, const char *why);

/* Sets the deadline timer, unless it is set: it never fires too late. */
void ngx_bo_redis_conn_arm(ngx_bo_redis_conn_t *conn);

/* Moves the counters of the turn to shared memory. */
void ngx_bo_redis_conn_publish(ngx_bo_redis_conn_t *conn);


/* The handlers of the socket, and of the posted flush. */
void ngx_bo_redis_conn_read_handler(ngx_event_t *rev);
void ngx_bo_redis_conn_write_handler(ngx_event_t *wev);
void ngx_bo_redis_conn_flush_handler(ngx_event_t *ev);

/* Writes what may leave and the socket takes; may drop the connection. */
void ngx_bo_redis_conn_send(ngx_bo_redis_conn_t *conn);


/* Queues the commands with which a new connection begins. */
ngx_int_t ngx_bo_redis_setup(ngx_bo_redis_conn_t *conn);

/*
 * Queues op, which was answered NOSCRIPT, again behind a SCRIPT LOAD of its
 * script.  Not NGX_OK: it stays where it was, and the answer is the caller's.
 */
ngx_int_t ngx_bo_redis_repeat(ngx_bo_redis_op_t *op);

/* For the answer to the SCRIPT LOAD: the next NOSCRIPT needs a new one. */
void ngx_bo_redis_reloaded(ngx_bo_redis_op_t *op);

/*
 * Queues a ROLE: whoever takes no writes is not the server to talk to, even
 * if it answers and has the data.
 */
ngx_int_t ngx_bo_redis_role(ngx_bo_redis_conn_t *conn);

/* Queues a PING of the given kind. */
ngx_int_t ngx_bo_redis_ping(ngx_bo_redis_conn_t *conn,
    ngx_bo_redis_kind_e kind);


#endif /* _NGX_BO_REDIS_INTERNAL_H_INCLUDED_ */
