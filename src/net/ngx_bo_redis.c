
/*
 * The Redis client: what its callers see, and the commands that it gives of
 * itself.
 */


#include "ngx_bo_redis_internal.h"
#include <ngx_sha1.h>


static ngx_bo_redis_conn_t *ngx_bo_redis_route(ngx_bo_redis_t *redis);
static ngx_bo_redis_op_t *ngx_bo_redis_submit(ngx_bo_redis_t *redis,
    ngx_bo_script_t *script, ngx_uint_t nhead, const ngx_str_t *head,
    ngx_uint_t argc, const ngx_str_t *argv, ngx_bo_redis_handler_pt handler,
    void *data);
static ngx_int_t ngx_bo_redis_own(ngx_bo_redis_conn_t *conn,
    ngx_bo_redis_kind_e kind, const char *name, ngx_uint_t argc,
    const ngx_str_t *argv);
static ngx_int_t ngx_bo_redis_load(ngx_bo_redis_conn_t *conn,
    ngx_bo_redis_kind_e kind, ngx_bo_script_t *script);
static ngx_uint_t ngx_bo_redis_script_index(ngx_bo_redis_conn_t *conn,
    ngx_bo_script_t *script);


void
ngx_bo_script_init(ngx_bo_script_t *script)
{
    u_char      sha1[20];
    ngx_sha1_t  ctx;

    ngx_sha1_init(&ctx);
    ngx_sha1_update(&ctx, script->source, script->len);
    ngx_sha1_final(sha1, &ctx);

    ngx_hex_dump(script->sha1, sha1, sizeof(sha1));
}


ngx_bo_redis_t *
ngx_bo_redis_create(ngx_cycle_t *cycle, ngx_bo_redis_conf_t *conf,
    ngx_bo_upstream_stats_t *stats, ngx_bo_script_t **scripts,
    ngx_uint_t nscripts)
{
    ngx_bo_redis_t  *redis;

    redis = ngx_pcalloc(cycle->pool, sizeof(ngx_bo_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->stats = stats;
    redis->scripts = scripts;
    redis->nscripts = nscripts;

    if (ngx_bo_redis_conn_init(&redis->conn, redis, cycle) != NGX_OK) {
        return NULL;
    }

    return redis;
}


void
ngx_bo_redis_destroy(ngx_bo_redis_t *redis)
{
    ngx_bo_redis_conn_destroy(&redis->conn);
}


/* The one place that decides which connection serves a command. */

static ngx_bo_redis_conn_t *
ngx_bo_redis_route(ngx_bo_redis_t *redis)
{
    return &redis->conn;
}


ngx_bo_redis_op_t *
ngx_bo_redis_command(ngx_bo_redis_t *redis, ngx_uint_t argc,
    const ngx_str_t *argv, ngx_bo_redis_handler_pt handler, void *data)
{
    return ngx_bo_redis_submit(redis, NULL, 0, NULL, argc, argv, handler,
                               data);
}


ngx_bo_redis_op_t *
ngx_bo_redis_eval(ngx_bo_redis_t *redis, ngx_bo_script_t *script,
    ngx_uint_t nkeys, ngx_uint_t argc, const ngx_str_t *argv,
    ngx_bo_redis_handler_pt handler, void *data)
{
    u_char     digits[NGX_INT_T_LEN];
    ngx_str_t  head[3];

    ngx_str_set(&head[0], "EVALSHA");

    head[1].data = script->sha1;
    head[1].len = sizeof(script->sha1);

    head[2].data = digits;
    head[2].len = ngx_sprintf(digits, "%ui", nkeys) - digits;

    return ngx_bo_redis_submit(redis, script, 3, head, argc, argv, handler,
                               data);
}


static ngx_bo_redis_op_t *
ngx_bo_redis_submit(ngx_bo_redis_t *redis, ngx_bo_script_t *script,
    ngx_uint_t nhead, const ngx_str_t *head, ngx_uint_t argc,
    const ngx_str_t *argv, ngx_bo_redis_handler_pt handler, void *data)
{
    ngx_bo_redis_op_t    *op;
    ngx_bo_redis_conn_t  *conn;

    conn = ngx_bo_redis_route(redis);

    conn->counts.operations++;

    /* whether a probe may go out is asked by the reconnect, not here */

    if (conn->breaker.open
        || conn->nqueued + conn->ninflight >= redis->conf->queue)
    {
        conn->counts.refused++;
        return NULL;
    }

    op = ngx_bo_redis_op_create(conn, NGX_BO_REDIS_COMMAND, nhead, head, argc,
                                argv);
    if (op == NULL) {
        conn->counts.refused++;
        return NULL;
    }

    op->script = script;
    op->handler = handler;
    op->data = data;

    ngx_bo_redis_op_claim(op);
    ngx_bo_redis_op_queue(op, &conn->waiting);

    return op;
}


void
ngx_bo_redis_cancel(ngx_bo_redis_op_t *op)
{
    if (op->queued) {

        /* it was not sent, or was answered NOSCRIPT: it need not be at all */

        ngx_queue_remove(&op->queue);
        op->conn->nqueued--;

        ngx_bo_redis_op_free(op);
        return;
    }

    /* a tombstone, which takes the reply that belongs to it */

    ngx_bo_redis_op_disclaim(op);
}


ngx_uint_t
ngx_bo_redis_ready(ngx_bo_redis_t *redis)
{
    return redis->conn.state == NGX_BO_REDIS_READY;
}


ngx_uint_t
ngx_bo_redis_generation(ngx_bo_redis_t *redis)
{
    return redis->conn.generation;
}


ngx_int_t
ngx_bo_redis_setup(ngx_bo_redis_conn_t *conn)
{
    u_char                digits[NGX_INT_T_LEN];
    ngx_str_t             argv[3];
    ngx_uint_t            i, n;
    ngx_bo_redis_t       *redis;
    ngx_bo_redis_conf_t  *conf;

    redis = conn->redis;
    conf = redis->conf;

    if (conf->password.len) {
        ngx_str_set(&argv[0], "AUTH");
        n = 1;

        if (conf->username.len) {
            argv[n++] = conf->username;
        }

        argv[n++] = conf->password;

        if (ngx_bo_redis_own(conn, NGX_BO_REDIS_SETUP, "AUTH", n, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->db) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = digits;
        argv[1].len = ngx_sprintf(digits, "%ui", conf->db) - digits;

        if (ngx_bo_redis_own(conn, NGX_BO_REDIS_SETUP, "SELECT", 2, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_bo_redis_role(conn) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < redis->nscripts; i++) {
        if (ngx_bo_redis_load(conn, NGX_BO_REDIS_SETUP, redis->scripts[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /*
     * The PING is the breaker's probe: a server that accepts connections but
     * is stopped, loading or busy is not up.
     */

    return ngx_bo_redis_ping(conn, NGX_BO_REDIS_CHECK);
}


ngx_int_t
ngx_bo_redis_role(ngx_bo_redis_conn_t *conn)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "ROLE");

    return ngx_bo_redis_own(conn, NGX_BO_REDIS_ROLE, "ROLE", 1, argv);
}


ngx_int_t
ngx_bo_redis_ping(ngx_bo_redis_conn_t *conn, ngx_bo_redis_kind_e kind)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "PING");

    return ngx_bo_redis_own(conn, kind, "PING", 1, argv);
}


/* The client's own commands are never refused for a full queue. */

static ngx_int_t
ngx_bo_redis_own(ngx_bo_redis_conn_t *conn, ngx_bo_redis_kind_e kind,
    const char *name, ngx_uint_t argc, const ngx_str_t *argv)
{
    ngx_bo_redis_op_t  *op;

    op = ngx_bo_redis_op_create(conn, kind, 0, NULL, argc, argv);
    if (op == NULL) {
        return NGX_ERROR;
    }

    op->name = name;

    ngx_bo_redis_op_queue(op, &conn->urgent);

    return NGX_OK;
}


static ngx_int_t
ngx_bo_redis_load(ngx_bo_redis_conn_t *conn, ngx_bo_redis_kind_e kind,
    ngx_bo_script_t *script)
{
    ngx_str_t           argv[3];
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    ngx_str_set(&argv[0], "SCRIPT");
    ngx_str_set(&argv[1], "LOAD");
    argv[2].data = (u_char *) script->source;
    argv[2].len = script->len;

    if (ngx_bo_redis_own(conn, kind, script->name, 3, argv) != NGX_OK) {
        return NGX_ERROR;
    }

    q = ngx_queue_last(&conn->urgent);
    op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);
    op->script = script;

    return NGX_OK;
}


ngx_int_t
ngx_bo_redis_repeat(ngx_bo_redis_op_t *op)
{
    ngx_uint_t            i;
    ngx_bo_redis_conn_t  *conn;

    conn = op->conn;

    i = ngx_bo_redis_script_index(conn, op->script);
    if (i == conn->redis->nscripts) {
        return NGX_DECLINED;
    }

    /*
     * A flush of the server's scripts answers NOSCRIPT to everything in
     * flight; one load serves them all.
     */

    if (!conn->reloading[i]) {

        if (ngx_bo_redis_load(conn, NGX_BO_REDIS_RELOAD, op->script)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        conn->reloading[i] = 1;
    }

    op->repeated = 1;
    op->buf.pos = op->buf.start;
    op->link.next = NULL;

    /*
     * The deadline stays: it is the caller's.  So inflight is in the order of
     * deadlines but for repeats, and one of these may be noticed late, by
     * less than the time-out, when an operation before it is overdue.
     */

    ngx_bo_redis_op_queue(op, &conn->urgent);

    return NGX_OK;
}


void
ngx_bo_redis_reloaded(ngx_bo_redis_op_t *op)
{
    op->conn->reloading[ngx_bo_redis_script_index(op->conn, op->script)] = 0;
}


static ngx_uint_t
ngx_bo_redis_script_index(ngx_bo_redis_conn_t *conn, ngx_bo_script_t *script)
{
    ngx_uint_t  i;

    for (i = 0; i < conn->redis->nscripts; i++) {
        if (conn->redis->scripts[i] == script) {
            break;
        }
    }

    return i;
}
