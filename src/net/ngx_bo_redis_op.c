
/*
 * Operations of the Redis client: their memory, their bytes, their end.
 */


#include "ngx_bo_redis_internal.h"


/* a mark, the digits of a size_t, CRLF; and CRLF after the bytes */
#define NGX_BO_REDIS_HEAD_LEN  (1 + NGX_SIZE_T_LEN + 2)
#define NGX_BO_REDIS_BULK_LEN  (NGX_BO_REDIS_HEAD_LEN + 2)


static ngx_bo_redis_op_t *ngx_bo_redis_op_get(ngx_bo_redis_conn_t *conn,
    size_t size);
static ngx_int_t ngx_bo_redis_op_size(ngx_uint_t n, const ngx_str_t *argv,
    size_t *size);
static u_char *ngx_bo_redis_put_head(u_char *p, u_char mark, size_t n);
static u_char *ngx_bo_redis_put_bulks(u_char *p, ngx_uint_t n,
    const ngx_str_t *argv);


/*
 * The command is written here and not by redisFormatCommandArgv(), which
 * would allocate a buffer for every command only to be copied out of it.
 */

ngx_bo_redis_op_t *
ngx_bo_redis_op_create(ngx_bo_redis_conn_t *conn, ngx_bo_redis_kind_e kind,
    ngx_uint_t nhead, const ngx_str_t *head, ngx_uint_t argc,
    const ngx_str_t *argv)
{
    size_t              size;
    ngx_bo_redis_op_t  *op;

    size = NGX_BO_REDIS_HEAD_LEN;

    if (ngx_bo_redis_op_size(nhead, head, &size) != NGX_OK
        || ngx_bo_redis_op_size(argc, argv, &size) != NGX_OK)
    {
        return NULL;
    }

    op = ngx_bo_redis_op_get(conn, size);
    if (op == NULL) {
        return NULL;
    }

    op->kind = kind;
    op->deadline = ngx_current_msec + conn->redis->conf->timeout;

    op->buf.last = ngx_bo_redis_put_head(op->buf.last, '*', nhead + argc);
    op->buf.last = ngx_bo_redis_put_bulks(op->buf.last, nhead, head);
    op->buf.last = ngx_bo_redis_put_bulks(op->buf.last, argc, argv);

    return op;
}


static ngx_int_t
ngx_bo_redis_op_size(ngx_uint_t n, const ngx_str_t *argv, size_t *size)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        /* compared before it is added: the sum cannot wrap */

        if (argv[i].len > NGX_BO_REDIS_MAX_BYTES
            || *size > NGX_BO_REDIS_MAX_BYTES)
        {
            return NGX_ERROR;
        }

        *size += NGX_BO_REDIS_BULK_LEN + argv[i].len;
    }

    return NGX_OK;
}


static ngx_bo_redis_op_t *
ngx_bo_redis_op_get(ngx_bo_redis_conn_t *conn, size_t size)
{
    size_t              extra;
    u_char             *start;
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    extra = (size > NGX_BO_REDIS_SMALL) ? size : 0;

    if (extra > NGX_BO_REDIS_MAX_BYTES - conn->extra) {
        ngx_log_error(NGX_LOG_ERR, conn->log, 0,
                      "redis: too many bytes wait to be sent");
        return NULL;
    }

    if (!ngx_queue_empty(&conn->free)) {
        q = ngx_queue_head(&conn->free);
        ngx_queue_remove(q);
        conn->nfree--;

        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

    } else {
        op = ngx_alloc(sizeof(ngx_bo_redis_op_t), conn->log);
        if (op == NULL) {
            return NULL;
        }
    }

    ngx_memzero(op, offsetof(ngx_bo_redis_op_t, small));

    start = op->small;

    if (extra) {
        start = ngx_alloc(extra, conn->log);
        if (start == NULL) {
            ngx_free(op);
            return NULL;
        }
    }

    conn->extra += extra;

    op->conn = conn;
    op->extra = extra;
    op->link.buf = &op->buf;
    op->buf.start = start;
    op->buf.pos = start;
    op->buf.last = start;
    op->buf.end = start + size;
    op->buf.temporary = 1;

    return op;
}


static u_char *
ngx_bo_redis_put_head(u_char *p, u_char mark, size_t n)
{
    u_char  *d, digits[NGX_SIZE_T_LEN];

    d = digits + NGX_SIZE_T_LEN;

    do {
        *--d = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    *p++ = mark;
    p = ngx_cpymem(p, d, digits + NGX_SIZE_T_LEN - d);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static u_char *
ngx_bo_redis_put_bulks(u_char *p, ngx_uint_t n, const ngx_str_t *argv)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        p = ngx_bo_redis_put_head(p, '$', argv[i].len);

        if (argv[i].len) {
            p = ngx_cpymem(p, argv[i].data, argv[i].len);
        }

        *p++ = CR;
        *p++ = LF;
    }

    return p;
}


void
ngx_bo_redis_op_queue(ngx_bo_redis_op_t *op, ngx_queue_t *queue)
{
    ngx_bo_redis_conn_t  *conn;

    conn = op->conn;

    ngx_queue_insert_tail(queue, &op->queue);
    op->queued = 1;
    conn->nqueued++;

    ngx_bo_redis_conn_arm(conn);

    if (conn->state >= NGX_BO_REDIS_SETTING_UP) {
        ngx_post_event(&conn->flush, &ngx_posted_events);
    }
}


void
ngx_bo_redis_op_claim(ngx_bo_redis_op_t *op)
{
    op->user = 1;
    op->conn->users++;
    op->conn->deadline.cancelable = 0;
}


void
ngx_bo_redis_op_disclaim(ngx_bo_redis_op_t *op)
{
    if (!op->user) {
        return;
    }

    op->user = 0;
    op->handler = NULL;

    if (--op->conn->users == 0) {
        op->conn->deadline.cancelable = 1;
    }
}


void
ngx_bo_redis_op_finish(ngx_bo_redis_op_t *op, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    void                     *data;
    ngx_bo_redis_counts_t    *counts;
    ngx_bo_redis_handler_pt   handler;

    counts = &op->conn->counts;

    if (op->kind == NGX_BO_REDIS_COMMAND) {
        counts->unknown += (verdict == NGX_BO_UNKNOWN);
        counts->refused += (verdict == NGX_BO_NOT_SENT);
    }

    handler = op->handler;
    data = op->data;

    /*
     * The caller still holds op until its handler has run, and may cancel it
     * there: so it is freed after, and cancelling finds nothing to do.
     */

    ngx_bo_redis_op_disclaim(op);

    if (handler) {
        handler(data, verdict, reply);
    }

    ngx_bo_redis_op_free(op);
}


void
ngx_bo_redis_op_free(ngx_bo_redis_op_t *op)
{
    ngx_bo_redis_conn_t  *conn;

    conn = op->conn;

    ngx_bo_redis_op_disclaim(op);

    if (op->extra) {
        ngx_free(op->buf.start);
        conn->extra -= op->extra;
    }

    if (conn->nfree == NGX_BO_REDIS_FREE) {
        ngx_free(op);
        return;
    }

    ngx_queue_insert_head(&conn->free, &op->queue);
    conn->nfree++;
}


void
ngx_bo_redis_op_cleanup(ngx_bo_redis_conn_t *conn)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&conn->free)) {
        q = ngx_queue_head(&conn->free);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_bo_redis_op_t, queue));
    }

    conn->nfree = 0;
}
