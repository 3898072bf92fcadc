
/*
 * The Redis client of a worker: one pipelined connection to the primary.
 *
 * hiredis formats the commands and parses the replies; the socket, the timers
 * and the buffers are nginx's.  Commands issued in one turn of the event loop
 * leave in one write.  Replies are positional, so operations stand in a FIFO:
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
    ngx_str_t            url;           /* as written, for messages */
    ngx_addr_t          *addrs;
    ngx_uint_t           naddrs;
    ngx_str_t            username;      /* empty: none */
    ngx_str_t            password;      /* empty: no AUTH */
    ngx_uint_t           db;
    ngx_msec_t           timeout;       /* msec, deadline of a command */
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
 * "unix:/path/of/socket" into conf; a name is resolved here, once.
 * Returns NULL, or an error text for the directive's message.
 */
char *ngx_bo_redis_parse_url(ngx_conf_t *cf, ngx_str_t *url,
    ngx_bo_redis_conf_t *conf);

/* Computes the hash.  Call once for each script before its first use. */
void ngx_bo_script_init(ngx_bo_script_t *script);

/*
 * Makes a worker's client; it connects by itself and reconnects with back-off
 * for as long as the worker lives.  scripts[] is loaded on every new
 * connection, ahead of any command.  Returns NULL when memory is short.
 */
ngx_bo_redis_t *ngx_bo_redis_create(ngx_cycle_t *cycle,
    ngx_bo_redis_conf_t *conf, ngx_bo_upstream_stats_t *stats,
    ngx_bo_script_t **scripts, ngx_uint_t nscripts);

/* For exit_process: closes the connection, drops what is pending. */
void ngx_bo_redis_destroy(ngx_bo_redis_t *redis);

/*
 * Submits one command; argv is copied.  Returns the operation, whose handler
 * will be called once, or NULL when it was refused (queue full, breaker open,
 * no memory): then the handler is not called.
 */
ngx_bo_redis_op_t *ngx_bo_redis_command(ngx_bo_redis_t *redis,
    ngx_uint_t argc, const ngx_str_t *argv, ngx_bo_redis_handler_pt handler,
    void *data);

/*
 * EVALSHA of script with nkeys keys followed by arguments, all in argv.  When
 * the server has lost the script (NOSCRIPT), the client sends it again and
 * repeats the call, once; the caller does not notice.
 */
ngx_bo_redis_op_t *ngx_bo_redis_eval(ngx_bo_redis_t *redis,
    ngx_bo_script_t *script, ngx_uint_t nkeys, ngx_uint_t argc,
    const ngx_str_t *argv, ngx_bo_redis_handler_pt handler, void *data);

/* The handler will not be called any more; what was sent still happens. */
void ngx_bo_redis_cancel(ngx_bo_redis_op_t *op);

/* 1 when the connection is up (for readiness). */
ngx_uint_t ngx_bo_redis_ready(ngx_bo_redis_t *redis);


#endif /* _NGX_BO_REDIS_H_INCLUDED_ */
