
/*
 * What goes over the connection of the Redis client: replies in, commands
 * out.
 */


#include "ngx_bo_redis_internal.h"


static const char *ngx_bo_redis_conn_parse(ngx_bo_redis_conn_t *conn,
    size_t len);
static const char *ngx_bo_redis_conn_deliver(ngx_bo_redis_conn_t *conn,
    redisReply *reply);
static const char *ngx_bo_redis_conn_own_reply(ngx_bo_redis_op_t *op,
    redisReply *reply);
static void ngx_bo_redis_conn_role(ngx_bo_redis_conn_t *conn,
    redisReply *reply);
static ngx_uint_t ngx_bo_redis_is_unfit(redisReply *reply);
static ngx_uint_t ngx_bo_redis_is_noscript(redisReply *reply);
static void ngx_bo_redis_conn_gather(ngx_bo_redis_conn_t *conn);


void
ngx_bo_redis_conn_read_handler(ngx_event_t *rev)
{
    ssize_t               n;
    const char           *why;
    ngx_connection_t     *c;
    ngx_bo_redis_conn_t  *conn;

    c = rev->data;
    conn = c->data;

    if (c->close) {
        ngx_bo_redis_conn_drop(conn, "the worker closes its connections");
        return;
    }

    if (conn->state == NGX_BO_REDIS_CONNECTING
        && ngx_bo_redis_conn_established(conn) != NGX_OK)
    {
        return;
    }

    do {
        n = c->recv(c, conn->read, NGX_BO_REDIS_READ);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            why = "reading failed";

        } else if (n == 0) {
            why = "the server closed the connection";

        } else {
            why = ngx_bo_redis_conn_parse(conn, n);
        }

        if (why) {
            ngx_bo_redis_conn_drop(conn, why);
            return;
        }

    } while (rev->ready);

    /* not before every answer that came was delivered: each is a verdict */

    if (conn->unfit) {
        ngx_bo_redis_conn_drop(conn, NULL);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_bo_redis_conn_drop(conn, NULL);
        return;
    }

    ngx_bo_redis_conn_publish(conn);
}


/* Returns NULL, or why the connection cannot go on. */

static const char *
ngx_bo_redis_conn_parse(ngx_bo_redis_conn_t *conn, size_t len)
{
    int          rc;
    const char  *why;
    redisReply  *reply;

    if (ngx_bo_redis_parser_feed(&conn->parser, conn->read, len) != 0) {
        return conn->parser.error;
    }

    for ( ;; ) {
        rc = ngx_bo_redis_parser_next(&conn->parser, &reply);

        if (rc == 0) {
            return NULL;
        }

        if (rc == -1) {
            return conn->parser.error;
        }

        why = ngx_bo_redis_conn_deliver(conn, reply);

        freeReplyObject(reply);

        if (why) {
            return why;
        }
    }
}


static const char *
ngx_bo_redis_conn_deliver(ngx_bo_redis_conn_t *conn, redisReply *reply)
{
    const char         *why;
    ngx_queue_t        *q;
    ngx_bo_redis_op_t  *op;

    if (ngx_queue_empty(&conn->inflight)) {
        return "the server sent a reply to no command";
    }

    q = ngx_queue_head(&conn->inflight);
    op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

    /* its bytes are in conn->out yet: it must not be freed */

    if (op->buf.pos != op->buf.last) {
        return "the server sent a reply to a command not sent yet";
    }

    ngx_queue_remove(q);
    conn->ninflight--;

    if (op->kind != NGX_BO_REDIS_COMMAND) {
        why = ngx_bo_redis_conn_own_reply(op, reply);
        ngx_bo_redis_op_free(op);
        return why;
    }

    if (reply->type == REDIS_REPLY_ERROR) {

        if (op->script && op->user && !op->repeated
            && ngx_bo_redis_is_noscript(reply)
            && ngx_bo_redis_repeat(op) == NGX_OK)
        {
            return NULL;
        }

        conn->counts.errors++;

        if (!conn->unfit && ngx_bo_redis_is_unfit(reply)) {
            ngx_log_error(NGX_LOG_ERR, conn->log, 0,
                          "redis %V: given up after \"%*s\"",
                          &conn->addrs[conn->addr].name,
                          (size_t) reply->len, reply->str);
            conn->unfit = 1;
        }
    }

    ngx_bo_redis_op_finish(op, NGX_BO_DONE, reply);

    return NULL;
}


static const char *
ngx_bo_redis_conn_own_reply(ngx_bo_redis_op_t *op, redisReply *reply)
{
    ngx_uint_t            failed;
    ngx_bo_redis_conn_t  *conn;

    conn = op->conn;
    failed = (reply->type == REDIS_REPLY_ERROR);

    if (conn->unfit) {

        /* about to be dropped: what else it refuses is no news */

        return NULL;
    }

    if (failed
        && op->kind != NGX_BO_REDIS_PING
        && op->kind != NGX_BO_REDIS_ROLE)
    {
        ngx_log_error(NGX_LOG_ERR, conn->log, 0,
                      "redis %V: %s failed: \"%*s\"",
                      &conn->addrs[conn->addr].name, op->name,
                      (size_t) reply->len, reply->str);
    }

    switch (op->kind) {

    case NGX_BO_REDIS_SETUP:
        return failed ? "the connection could not be set up" : NULL;

    case NGX_BO_REDIS_ROLE:
        ngx_bo_redis_conn_role(conn, reply);
        return NULL;

    case NGX_BO_REDIS_CHECK:
        if (failed) {
            return "the server is not ready";
        }

        ngx_bo_redis_conn_ready(conn);
        return NULL;

    case NGX_BO_REDIS_RELOAD:
        ngx_bo_redis_reloaded(op);
        return NULL;

    default: /* NGX_BO_REDIS_PING: an error, as of a busy script, is life */
        return NULL;
    }
}


/*
 * The answer to ROLE is an array that begins with "master", "slave" or
 * "sentinel".  A server whose ACL refuses it is taken at its word otherwise:
 * then a READONLY is what tells.
 */

static void
ngx_bo_redis_conn_role(ngx_bo_redis_conn_t *conn, redisReply *reply)
{
    redisReply  *role;

    if (reply->type == REDIS_REPLY_ERROR) {

        /* any other error, as of a busy script, passes */

        if (reply->len >= 6 && ngx_strncmp(reply->str, "NOPERM", 6) == 0) {
            conn->norole = 1;
        }

        return;
    }

    role = NULL;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        role = reply->element[0];

        if (role->len == 6 && ngx_strncmp(role->str, "master", 6) == 0) {
            return;
        }
    }

    conn->unfit = 1;

    if (conn->replica) {

        /* it was logged, and nothing has changed since */

        return;
    }

    conn->replica = 1;

    ngx_log_error(NGX_LOG_ERR, conn->log, 0,
                  "redis %V: not the primary, its role is \"%*s\"",
                  &conn->addrs[conn->addr].name,
                  role ? (size_t) role->len : 0, role ? role->str : "");
}


/*
 * Errors of a server that will go on refusing, until it is another one.  They
 * begin the text, also that of a script's error; up to Redis 6 a script's
 * error has them behind the place where it happened.
 */

static ngx_uint_t
ngx_bo_redis_is_unfit(redisReply *reply)
{
    size_t      len;
    ngx_uint_t  i;

    static const char  *marks[] = {
        "-READONLY ", "-LOADING ", "-MASTERDOWN ", "-CLUSTERDOWN ", NULL
    };

    static const char  wrapped[] = "ERR Error running script";

    for (i = 0; marks[i]; i++) {
        len = ngx_strlen(marks[i]) - 1;

        if (reply->len >= len
            && ngx_strncmp(reply->str, marks[i] + 1, len) == 0)
        {
            return 1;
        }
    }

    if (ngx_strncmp(reply->str, wrapped, sizeof(wrapped) - 1) != 0) {
        return 0;
    }

    for (i = 0; marks[i]; i++) {
        if (ngx_strstr(reply->str, marks[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_bo_redis_is_noscript(redisReply *reply)
{
    return reply->len >= 8 && ngx_strncmp(reply->str, "NOSCRIPT", 8) == 0;
}


void
ngx_bo_redis_conn_write_handler(ngx_event_t *wev)
{
    ngx_connection_t     *c;
    ngx_bo_redis_conn_t  *conn;

    c = wev->data;
    conn = c->data;

    if (conn->state == NGX_BO_REDIS_CONNECTING) {
        (void) ngx_bo_redis_conn_established(conn);
        return;
    }

    ngx_bo_redis_conn_send(conn);
}


/*
 * Posted by the first command of a turn, so it runs after the events that
 * the kernel reported and after the timers.  Commands of later posted events
 * would need a second write: so, once a turn, it goes behind those.
 */

void
ngx_bo_redis_conn_flush_handler(ngx_event_t *ev)
{
    ngx_bo_redis_conn_t  *conn;

    conn = ev->data;

    if (!conn->deferred && !ngx_queue_empty(&ngx_posted_events)) {
        conn->deferred = 1;
        ngx_post_event(ev, &ngx_posted_events);
        return;
    }

    conn->deferred = 0;

    ngx_bo_redis_conn_send(conn);
    ngx_bo_redis_conn_publish(conn);
}


void
ngx_bo_redis_conn_send(ngx_bo_redis_conn_t *conn)
{
    ngx_chain_t       *cl;
    ngx_connection_t  *c;

    if (conn->state < NGX_BO_REDIS_SETTING_UP) {
        return;
    }

    c = conn->connection;

    /*
     * What a full socket does not take stays queued, where it can still be
     * cancelled or expire as not sent; so only one batch is on its way out.
     */

    while (c->write->ready) {

        if (conn->out == NULL) {
            ngx_bo_redis_conn_gather(conn);
        }

        if (conn->out == NULL) {
            return;
        }

        cl = c->send_chain(c, conn->out, 0);

        if (cl == NGX_CHAIN_ERROR) {
            ngx_bo_redis_conn_drop(conn, "writing failed");
            return;
        }

        conn->out = cl;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_bo_redis_conn_drop(conn, NULL);
    }
}


/*
 * The bytes stay in the operations and leave by writev(): nothing is copied,
 * and an operation's own buffer tells whether any of it was written.  One
 * system call takes up to 64 operations.
 */

static void
ngx_bo_redis_conn_gather(ngx_bo_redis_conn_t *conn)
{
    ngx_uint_t          n;
    ngx_chain_t       **ll;
    ngx_queue_t        *q, *queue;
    ngx_bo_redis_op_t  *op;

    ll = &conn->out;
    queue = &conn->urgent;

    for (n = 0; /* void */ ; n++) {

        if (ngx_queue_empty(queue)) {

            if (queue == &conn->waiting
                || conn->state != NGX_BO_REDIS_READY
                || ngx_queue_empty(&conn->waiting))
            {
                break;
            }

            queue = &conn->waiting;
        }

        q = ngx_queue_head(queue);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&conn->inflight, q);

        op = ngx_queue_data(q, ngx_bo_redis_op_t, queue);

        op->queued = 0;
        conn->nqueued--;
        conn->ninflight++;

        *ll = &op->link;
        ll = &op->link.next;
    }

    *ll = NULL;

    if (n) {
        conn->counts.batches++;
        conn->counts.batched += n;
    }
}
