
/*
 * The PostgreSQL client of a worker: a small pool of libpq connections in
 * pipeline mode, on nginx's event loop.
 *
 * Statements are prepared once for each connection.  A statement may be
 * batchable: then whatever was submitted while every connection was busy
 * leaves as one call whose parameters are arrays, and each caller gets its
 * row of the result.  An operation is reported only after the Sync that ends
 * its transaction was answered cleanly, so DONE means committed.
 */


#ifndef _NGX_BO_PG_H_INCLUDED_
#define _NGX_BO_PG_H_INCLUDED_


#include <libpq-fe.h>

#include "ngx_bo_upstream.h"


#define NGX_BO_PG_MAX_PARAMS  24


typedef struct ngx_bo_pg_s     ngx_bo_pg_t;
typedef struct ngx_bo_pg_op_s  ngx_bo_pg_op_t;


/*
 * Called exactly once for each operation that was not cancelled, and never
 * from inside the call that submitted it.
 *
 * res: the result, owned by the client and valid during the call only; NULL
 * unless verdict is NGX_BO_DONE.  PQresultStatus(res) is PGRES_TUPLES_OK
 * (PGRES_COMMAND_OK for a statement that gives no rows), or PGRES_FATAL_ERROR
 * for one that failed and was rolled back; its SQLSTATE is in res, and its
 * message may quote what a client sent.
 * row: for a batchable statement the caller's row in res; otherwise 0.
 */
typedef void (*ngx_bo_pg_handler_pt)(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


/* What the directive says; lives as long as the configuration. */

typedef struct {
    ngx_str_t            conninfo;      /* as written, for messages */
    const char         **keywords;      /* for PQconnectStartParams() */
    const char         **values;        /* hostaddr resolved */
    ngx_uint_t           connections;   /* for each worker, 1..64 */
    ngx_msec_t           timeout;       /* msec, deadline of an operation;
                                         * half of it at most is for waiting */
    ngx_uint_t           queue;         /* operations waiting, bound */
    unsigned             prepare:1;     /* 0 behind a transaction pooler:
                                         * then the role must carry the time-
                                         * outs of statements and locks */
} ngx_bo_pg_conf_t;


/*
 * A statement.  With batch > 1 its text takes arrays: parameter k is an array
 * (text form, "{...}") of what each operation gave as its parameter k, and
 * the result has one row for each operation, whose first column is the
 * operation's place in the arrays, from 1.  An operation whose row is missing
 * or comes twice ends as unknown.  A batch that fails is sent again one by
 * one, as arrays of one element.
 */
typedef struct {
    const char          *name;          /* also the prepared statement's */
    const char          *sql;
    ngx_uint_t           nparams;       /* 0..NGX_BO_PG_MAX_PARAMS */
    ngx_uint_t           batch;         /* operations in one call, 1..256 */
} ngx_bo_pg_statement_t;


/*
 * Parses a libpq conninfo string into conf; resolves "host" into "hostaddr"
 * here, once (a host that starts with '/' is a socket directory), and sets
 * what must not be left to libpq's defaults, which may read files or DNS; a
 * "service" is refused.  Fills conninfo, keywords and values only.
 * Returns NULL, or an error text for the directive's message.
 */
char *ngx_bo_pg_parse_conninfo(ngx_conf_t *cf, ngx_str_t *conninfo,
    ngx_bo_pg_conf_t *conf);

/*
 * Makes a worker's client; it connects by itself and reconnects with back-off
 * for as long as the worker lives.  Returns NULL when memory is short.
 */
ngx_bo_pg_t *ngx_bo_pg_create(ngx_cycle_t *cycle, ngx_bo_pg_conf_t *conf,
    ngx_bo_upstream_stats_t *stats);

/* For exit_process: closes the connections, drops what is pending. */
void ngx_bo_pg_destroy(ngx_bo_pg_t *pg);

/*
 * Submits one operation; values[] has st->nparams texts and is copied; a text
 * with data == NULL is null.  st must outlive the client.  Returns the
 * operation, whose handler will be called once, or NULL when it was refused
 * (queue full, breaker open, no memory, a zero byte in a text): then the
 * handler is not called.  At most 256 different statements can be submitted.
 */
ngx_bo_pg_op_t *ngx_bo_pg_submit(ngx_bo_pg_t *pg, ngx_bo_pg_statement_t *st,
    const ngx_str_t *values, ngx_bo_pg_handler_pt handler, void *data);

/*
 * The same, and the operation never shares a batch with others: for asking
 * again what failed or stayed unknown in one.  It may use all of its time for
 * waiting, not half of it.  Its one retry, for an error that may pass, is
 * still ahead of it.
 */
ngx_bo_pg_op_t *ngx_bo_pg_submit_alone(ngx_bo_pg_t *pg,
    ngx_bo_pg_statement_t *st, const ngx_str_t *values,
    ngx_bo_pg_handler_pt handler, void *data);

/*
 * The same for what anybody may ask for, as often as he likes: it leaves one of
 * the connections, and half of the places to wait, to all the others.  A
 * statement is submitted always so, or never.
 */
ngx_bo_pg_op_t *ngx_bo_pg_submit_aside(ngx_bo_pg_t *pg,
    ngx_bo_pg_statement_t *st, const ngx_str_t *values,
    ngx_bo_pg_handler_pt handler, void *data);

/*
 * The handler will not be called any more.  An operation that was not sent is
 * dropped; one that was sent may still happen.  Not for an operation whose
 * handler has been called.
 */
void ngx_bo_pg_cancel(ngx_bo_pg_op_t *op);

/* 1 when at least one connection is up (for readiness). */
ngx_uint_t ngx_bo_pg_ready(ngx_bo_pg_t *pg);


#endif /* _NGX_BO_PG_H_INCLUDED_ */
