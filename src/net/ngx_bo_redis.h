
/*
 * The Redis client of a worker: one pipelined connection to the primary.
 *
 * hiredis parses the replies; the socket, the timers and the buffers are
 * nginx's.  Commands issued in one turn of the event loop leave in one write
 * (of up to 64).  Replies are positional, so operations stand in a FIFO:
 * a cancelled one becomes a tombstone that swallows its reply, and a command
 * that misses its deadline costs the connection.
 */


#ifndef _NGX_BO_REDIS_H_INCLUDED_
#define _NGX_BO_REDIS_H_INCLUDED_


#include <hiredis/hiredis.h>

#include "ngx_bo_upstream.h"


typedef struct ngx_bo_redis_s     ngx_bo_redis_t;
typedef struct ngx_bo_redis_op_s  ngx_bo_redis_op_t;


/*
 * Called exactly once for each operation that was not cancelled, and never
 * from inside the call that submitted it.
 *
 * reply: the server's answer, owned by the client and valid during the call
 * only; NULL unless verdict is NGX_BO_DONE.  It may be REDIS_REPLY_ERROR.
 */
typedef void (*ngx_bo_redis_handler_pt)(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);


/* What the directive says; lives as long as the configuration. */

typedef struct {
    ngx_str_t            url;           /* for messages, password masked */
    ngx_addr_t          *addrs;         /* tried in turn: all are one server */
    ngx_uint_t           naddrs;
    ngx_str_t            username;      /* empty: "default" */
    ngx_str_t            password;      /* empty: no AUTH */
    ngx_uint_t           db;
    ngx_msec_t           timeout;       /* msec, deadline of a command, > 0 */
    ngx_uint_t           queue;         /* commands waiting or in flight */
} ngx_bo_redis_conf_t;


/* A script: its source is sent once to each server, then called by its hash. */

typedef struct {
    const char          *name;          /* for logs */
    const char          *source;
    size_t               len;
    u_char               sha1[40];      /* hex, filled by _script_init() */
} ngx_bo_script_t;


/*
 * Parses "redis://[[user:]password@]host[:port][/db]" or
 * "unix:/path/of/socket" into conf; a name is resolved here, once.  User and
 * password may be percent-encoded, the port is 6379 and the database 0 unless
 * given.  Sets all of conf but timeout and queue.
 * Returns NULL, or an error text for the directive's message, which should
 * not repeat the URL: a password may be in it.
 */
char *ngx_bo_redis_parse_url(ngx_conf_t *cf, ngx_str_t *url,
    ngx_bo_redis_conf_t *conf);

/* Computes the hash.  Call once for each script before its first use. */
void ngx_bo_script_init(ngx_bo_script_t *script);

/*
 * Makes a worker's client, in init_process; it connects by itself and
 * reconnects with back-off for as long as the worker lives.  scripts[] is
 * loaded on every new connection, ahead of any command.  conf, stats and
 * scripts must outlive the client.  Returns NULL when memory is short.
 */
ngx_bo_redis_t *ngx_bo_redis_create(ngx_cycle_t *cycle,
    ngx_bo_redis_conf_t *conf, ngx_bo_upstream_stats_t *stats,
    ngx_bo_script_t **scripts, ngx_uint_t nscripts);

/*
 * For exit_process: closes the connection, drops what is pending.  Operations
 * end with the client: they must not be cancelled any more.
 */
void ngx_bo_redis_destroy(ngx_bo_redis_t *redis);

/*
 * Submits one command; argv is copied.  Returns the operation, whose handler
 * will be called once, or NULL when it was refused (queue full, breaker open,
 * no memory): then the handler is not called.  A handler that is NULL is for
 * commands whose outcome nobody waits for.
 *
 * Without a connection the command waits for one, until its deadline; then it
 * ends as NGX_BO_NOT_SENT.  A command that was sent and is not answered by
 * its deadline ends as NGX_BO_UNKNOWN, with all that were sent after it.
 *
 * The operation is the client's: the pointer is good until its handler
 * returns, or until ngx_bo_redis_cancel().
 */
ngx_bo_redis_op_t *ngx_bo_redis_command(ngx_bo_redis_t *redis,
    ngx_uint_t argc, const ngx_str_t *argv, ngx_bo_redis_handler_pt handler,
    void *data);

/*
 * EVALSHA of script, one of the client's, with nkeys keys followed by
 * arguments, all in argv.  When the server has lost the script (NOSCRIPT),
 * the client sends it again and repeats the call, once; the caller does not
 * notice.
 */
ngx_bo_redis_op_t *ngx_bo_redis_eval(ngx_bo_redis_t *redis,
    ngx_bo_script_t *script, ngx_uint_t nkeys, ngx_uint_t argc,
    const ngx_str_t *argv, ngx_bo_redis_handler_pt handler, void *data);

/*
 * The handler will not be called any more.  An operation that was not sent is
 * dropped; what was sent still happens.  Allowed within its own handler too.
 */
void ngx_bo_redis_cancel(ngx_bo_redis_op_t *op);

/* 1 when the connection is up (for readiness). */
ngx_uint_t ngx_bo_redis_ready(ngx_bo_redis_t *redis);

/*
 * A number that is another one after each new connection, behind which there
 * may be another server; 0 before the first.
 */
ngx_uint_t ngx_bo_redis_generation(ngx_bo_redis_t *redis);


#endif /* _NGX_BO_REDIS_H_INCLUDED_ */
