
/*
 * A stream: how it leaves its request, how it writes, how it ends.
 *
 * A connection that waits needs no request: on HTTP/1 that is freed as soon as
 * the headers have left, the way nginx frees it before a connection is kept
 * alive.  What remains is the connection and a hundred bytes of ours.
 */


#include "ngx_http_bo_stream.h"

#include <netinet/tcp.h>


#define NGX_HTTP_BO_STREAM_READ   1024      /* bytes of one recv */

/* What a listener may send in a heartbeat's time; it has nothing to say. */

#define NGX_HTTP_BO_STREAM_SAYS   65536

/* When a browser comes back after its connection was lost, from .. to; msec. */

#define NGX_HTTP_BO_STREAM_RETRY  500


static ngx_http_bo_stream_t *ngx_http_bo_stream_create(
    ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_stream_cleanup(void *data);
static ngx_int_t ngx_http_bo_stream_headers(ngx_http_bo_ctx_t *ctx,
    ngx_uint_t framing);
static ngx_int_t ngx_http_bo_stream_greet(ngx_http_request_t *r,
    ngx_uint_t framing);
static void ngx_http_bo_stream_detach(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_watch(ngx_connection_t *c,
    ngx_msec_t heartbeat);
static void ngx_http_bo_stream_shrink(ngx_connection_t *c,
    ngx_http_connection_t *hc);
static ngx_int_t ngx_http_bo_stream_write(ngx_http_bo_stream_t *s);
static ngx_int_t ngx_http_bo_stream_write_raw(ngx_http_bo_stream_t *s);
static ngx_int_t ngx_http_bo_stream_write_request(ngx_http_bo_stream_t *s);
static ngx_int_t ngx_http_bo_stream_written(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_unblock(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_block(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_write_handler(ngx_event_t *wev);
static void ngx_http_bo_stream_request_handler(ngx_http_request_t *r);
static void ngx_http_bo_stream_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_bo_stream_said(ngx_http_bo_stream_t *s,
    u_char *data, size_t len);
static void ngx_http_bo_stream_end(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_free(ngx_http_bo_stream_t *s);
static void ngx_http_bo_stream_drop_late(void *data);


void
ngx_http_bo_stream_start(ngx_http_bo_ctx_t *ctx, ngx_http_bo_channel_t *ch,
    ngx_uint_t framing, int64_t version, const uint64_t *who)
{
    ngx_http_request_t    *r = ctx->request;
    ngx_http_bo_stream_t  *s;

    ngx_http_bo_count_status(ctx, framing == NGX_HTTP_BO_WS
                                  ? NGX_HTTP_SWITCHING_PROTOCOLS
                                  : NGX_HTTP_OK);

    s = ngx_http_bo_stream_create(ctx);

    if (s == NULL) {
        ngx_http_bo_channel_unused(ch);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    s->framing = framing;
    s->version = version;

    if (who) {
        s->who[0] = who[0];
        s->who[1] = who[1];
    }

    ngx_http_bo_channel_enter(ch, s);

    if (r->method == NGX_HTTP_HEAD) {
        r->header_only = 1;
    }

    if (ngx_http_bo_stream_headers(ctx, framing) != NGX_OK
        || ngx_http_bo_stream_greet(r, framing) != NGX_OK)
    {
        /* the cleanup takes the stream away */

        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_bo_stream_request_handler;
}


static ngx_http_bo_stream_t *
ngx_http_bo_stream_create(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_cleanup_t    *cln;
    ngx_http_request_t    *r = ctx->request;
    ngx_http_bo_stream_t  *s;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    s = ngx_calloc(sizeof(ngx_http_bo_stream_t), r->connection->log);
    if (s == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_bo_stream_cleanup;
    cln->data = s;

    s->request = r;
    s->connection = r->connection;
    s->cleanup = cln;
    ctx->stream = s;

    return s;
}


/* The request goes, and the stream with it, for it still has no other place. */

static void
ngx_http_bo_stream_cleanup(void *data)
{
    ngx_http_bo_stream_free(data);
}


/*
 * No length and no chunks: the answer ends with its connection.  As chunks, a
 * message would be another one for each version of HTTP.  nginx makes chunks
 * of what it sends to a client of HTTP/1.1, so it is told of HTTP/1.0.
 */

static ngx_int_t
ngx_http_bo_stream_headers(ngx_http_bo_ctx_t *ctx, ngx_uint_t framing)
{
    ngx_int_t            rc;
    ngx_uint_t           version;
    ngx_http_request_t  *r = ctx->request;

    static ngx_str_t  type = ngx_string("text/event-stream");
    static ngx_str_t  control = ngx_string("no-cache, no-transform");
    static ngx_str_t  unbuffered = ngx_string("no");

    if (framing == NGX_HTTP_BO_SSE) {
        r->headers_out.status = NGX_HTTP_OK;
        r->headers_out.content_type = type;
        r->headers_out.content_type_len = type.len;

        if (ngx_http_bo_header(r, "Cache-Control", &control) == NULL
            || ngx_http_bo_header(r, "X-Accel-Buffering", &unbuffered) == NULL)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_bo_header(r, "X-Request-Id", &ctx->request_id) == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.content_length_n = -1;
    r->keepalive = 0;

    version = r->http_version;

    if (version == NGX_HTTP_VERSION_11) {
        r->http_version = NGX_HTTP_VERSION_10;
    }

    rc = ngx_http_send_header(r);

    r->http_version = version;

    return rc == NGX_ERROR || rc > NGX_OK || r->header_only ? NGX_ERROR
                                                            : NGX_OK;
}


/* The first bytes of the body, so that the headers leave. */

static ngx_int_t
ngx_http_bo_stream_greet(ngx_http_request_t *r, ngx_uint_t framing)
{
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (framing == NGX_HTTP_BO_WS) {
        return ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR
               ? NGX_ERROR : NGX_OK;
    }

    b = ngx_create_temp_buf(r->pool, 32);
    if (b == NULL) {
        return NGX_ERROR;
    }

    p = b->last;
    b->last = ngx_sprintf(p, "retry: %ui\n\n",
                          (ngx_uint_t) (NGX_HTTP_BO_STREAM_RETRY
                                        + ngx_random()
                                          % NGX_HTTP_BO_STREAM_RETRY));
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out) == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/*
 * On HTTP/2 the connection is not ours alone; and what has not left, or is
 * still being read, needs the request.
 */

void
ngx_http_bo_stream_settle(ngx_http_bo_stream_t *s)
{
    ngx_http_request_t  *r = s->request;

    if (r->http_version < NGX_HTTP_VERSION_20
        && r->main == r
        && r->count == 1
        && !r->blocked
        && !r->buffered
        && r->out == NULL
        && !r->discard_body
        && !s->connection->error)
    {
        ngx_http_bo_stream_detach(s);

        if (s->connection->read->ready) {
            ngx_post_event(s->connection->read, &ngx_posted_events);
        }

    } else if (s->framing == NGX_HTTP_BO_WS) {

        /* its frames would be read by nobody */

        ngx_http_bo_stream_close(s);
        return;
    }

    (void) ngx_http_bo_stream_push(s);
}


static void
ngx_http_bo_stream_detach(ngx_http_bo_stream_t *s)
{
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_connection_t  *hc;

    c = s->connection;
    r = s->request;
    hc = r->http_connection;

    /* a client's next request is none: it is read and thrown away */

    s->request = NULL;
    s->cleanup->handler = NULL;
    s->cleanup = NULL;

    ngx_http_free_request(r, 0);

    ngx_http_bo_stream_shrink(c, hc);

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ngx_http_bo_stream_watch(c, s->channel->hub->heartbeat);

    c->data = s;
    c->destroyed = 0;
    c->log->action = NULL;
    c->read->handler = ngx_http_bo_stream_read_handler;
    c->write->handler = ngx_http_bo_stream_write_handler;
}


/* A client that is gone without a word is noticed by the next heartbeats. */

static void
ngx_http_bo_stream_watch(ngx_connection_t *c, ngx_msec_t heartbeat)
{
#if defined(TCP_USER_TIMEOUT)

    int  ms;

    ms = (int) (2 * heartbeat);

    if (c->sockaddr->sa_family != AF_UNIX
        && setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                      (const void *) &ms, sizeof(int))
           == -1)
    {
        ngx_connection_error(c, ngx_socket_errno,
                             "setsockopt(TCP_USER_TIMEOUT) failed");
    }

#endif
}


/* Gives back the buffers of the request's head. */

static void
ngx_http_bo_stream_shrink(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_uint_t    i;
    ngx_chain_t  *cl, *ln, **lists[2];

    if (c->buffer && ngx_pfree(c->pool, c->buffer->start) == NGX_OK) {
        c->buffer->start = NULL;
        c->buffer->pos = NULL;
    }

    lists[0] = &hc->free;
    lists[1] = &hc->busy;

    for (i = 0; i < 2; i++) {
        for (cl = *lists[i]; cl; /* void */) {
            ln = cl;
            cl = cl->next;

            (void) ngx_pfree(c->pool, ln->buf->start);
            ngx_free_chain(c->pool, ln);
        }

        *lists[i] = NULL;
    }

    hc->nbusy = 0;

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }
#endif
}


ngx_int_t
ngx_http_bo_stream_push(ngx_http_bo_stream_t *s)
{
    ngx_http_bo_message_t  *m;
    ngx_http_bo_channel_t  *ch = s->channel;

    if (s->message || s->closing
        || (s->version == ch->version && s->mark == ch->mark))
    {
        return NGX_OK;
    }

    m = ngx_http_bo_channel_message(ch, s->version, s->framing);
    if (m == NULL) {
        return NGX_OK;
    }

    if (m->version == s->version && s->mark == ch->mark) {
        ngx_http_bo_message_drop(m);
        return NGX_OK;
    }

    s->mark = ch->mark;

    return ngx_http_bo_stream_send(s, m);
}


ngx_int_t
ngx_http_bo_stream_send(ngx_http_bo_stream_t *s, ngx_http_bo_message_t *m)
{
    s->message = m;
    s->sent = 0;

    ngx_bo_count(s->channel->hub->store, streams_messages);

    return ngx_http_bo_stream_write(s);
}


void
ngx_http_bo_stream_beat(ngx_http_bo_stream_t *s)
{
    ngx_http_bo_message_t  *m;

    s->says = 0;

    /* who is blocked is watched otherwise */

    if (s->message || s->closing) {
        return;
    }

    if (s->framing == NGX_HTTP_BO_WS) {

        if (s->pinged) {
            ngx_http_bo_stream_close(s);
            return;
        }

        s->pinged = 1;
        m = ngx_http_bo_ws_frame(9, NULL, 0);

    } else {
        m = ngx_http_bo_message(sizeof(":\n\n") - 1);

        if (m) {
            ngx_memcpy(m->data, ":\n\n", m->len);
        }
    }

    if (m) {
        m->version = s->version;
        (void) ngx_http_bo_stream_send(s, m);
    }
}


/* Who is slow, or has been told, is not waited for. */

void
ngx_http_bo_stream_leave(ngx_http_bo_stream_t *s)
{
    if (s->framing == NGX_HTTP_BO_WS && s->message == NULL && !s->closing) {
        (void) ngx_http_bo_ws_fail(s, NGX_HTTP_BO_WS_AWAY);
        return;
    }

    ngx_http_bo_stream_close(s);
}


/* Writes what it can.  NGX_OK; NGX_DONE: it has closed the stream. */

static ngx_int_t
ngx_http_bo_stream_write(ngx_http_bo_stream_t *s)
{
    ngx_int_t  rc;

    rc = s->request ? ngx_http_bo_stream_write_request(s)
                    : ngx_http_bo_stream_write_raw(s);

    switch (rc) {

    case NGX_OK:
        return ngx_http_bo_stream_written(s);

    case NGX_AGAIN:
        ngx_http_bo_stream_block(s);
        return NGX_OK;

    default:
        ngx_http_bo_stream_close(s);
        return NGX_DONE;
    }
}


static ngx_int_t
ngx_http_bo_stream_write_raw(ngx_http_bo_stream_t *s)
{
    ssize_t                 n;
    ngx_connection_t       *c = s->connection;
    ngx_http_bo_message_t  *m = s->message;

    while (s->sent < m->len) {
        n = c->send(c, m->data + s->sent, m->len - s->sent);

        if (n == NGX_AGAIN || n == 0) {
            return ngx_handle_write_event(c->write, 0) == NGX_OK ? NGX_AGAIN
                                                                 : NGX_ERROR;
        }

        if (n < 0) {
            return NGX_ERROR;
        }

        s->sent += n;
    }

    return NGX_OK;
}


/*
 * One buffer serves for all messages of a request: its memory would grow with
 * each otherwise.
 */

static ngx_int_t
ngx_http_bo_stream_write_request(ngx_http_bo_stream_t *s)
{
    ngx_int_t            rc;
    ngx_chain_t          out;
    ngx_http_request_t  *r = s->request;

    if (s->buf == NULL) {
        s->buf = ngx_calloc_buf(r->pool);
        if (s->buf == NULL) {
            return NGX_ERROR;
        }
    }

    if (s->sent == 0) {
        s->buf->pos = s->message->data;
        s->buf->last = s->message->data + s->message->len;
        s->buf->start = s->buf->pos;
        s->buf->end = s->buf->last;
        s->buf->memory = 1;
        s->buf->flush = 1;

        out.buf = s->buf;
        out.next = NULL;

        s->sent = 1;
        rc = ngx_http_output_filter(r, &out);

    } else {
        rc = ngx_http_output_filter(r, NULL);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return r->out || s->buf->pos != s->buf->last ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_http_bo_stream_written(ngx_http_bo_stream_t *s)
{
    ngx_uint_t  code;

    s->version = s->message->version;

    ngx_http_bo_message_drop(s->message);
    s->message = NULL;

    if (s->farewell) {
        code = s->farewell;
        s->farewell = 0;

        return ngx_http_bo_ws_fail(s, code);
    }

    if (s->closing) {
        ngx_http_bo_stream_end(s);
        return NGX_DONE;
    }

    if (s->since) {
        ngx_http_bo_stream_unblock(s);

        /* the channel may have moved meanwhile */

        return ngx_http_bo_stream_push(s);
    }

    return NGX_OK;
}


static void
ngx_http_bo_stream_unblock(ngx_http_bo_stream_t *s)
{
    s->since = 0;

    if (!s->starting) {
        ngx_queue_remove(&s->queue);
        ngx_queue_insert_tail(&s->channel->rest, &s->queue);
    }
}


static void
ngx_http_bo_stream_block(ngx_http_bo_stream_t *s)
{
    if (s->since || s->starting) {
        return;
    }

    s->since = ngx_max(ngx_current_msec, 1);

    ngx_queue_remove(&s->queue);
    ngx_queue_insert_tail(&s->channel->blocked, &s->queue);
}


static void
ngx_http_bo_stream_write_handler(ngx_event_t *wev)
{
    ngx_connection_t      *c;
    ngx_http_bo_stream_t  *s;

    c = wev->data;
    s = c->data;

    if (s->message) {
        (void) ngx_http_bo_stream_write(s);
    }
}


/* The same, of a stream that has its request. */

static void
ngx_http_bo_stream_request_handler(ngx_http_request_t *r)
{
    ngx_http_bo_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_boxoffice_module);

    if (ctx->stream && ctx->stream->message) {
        (void) ngx_http_bo_stream_write(ctx->stream);

    } else if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_bo_stream_read_handler(ngx_event_t *rev)
{
    u_char                 buf[NGX_HTTP_BO_STREAM_READ];
    ssize_t                n;
    ngx_connection_t      *c;
    ngx_http_bo_stream_t  *s;

    c = rev->data;
    s = c->data;

    if (c->close) {
        ngx_http_bo_stream_leave(s);
        return;
    }

    do {
        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_http_bo_stream_close(s);
            return;
        }

        if (ngx_http_bo_stream_said(s, buf, n) != NGX_OK) {
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_bo_stream_close(s);
    }
}


/*
 * Takes what the client has sent.  NGX_DONE: the stream has gone.  While a
 * farewell waits for its turn, what comes is dropped, for a client that cannot
 * send may not read either.
 */

static ngx_int_t
ngx_http_bo_stream_said(ngx_http_bo_stream_t *s, u_char *data, size_t len)
{
    s->pinged = 0;
    s->says += len;

    if (s->framing == NGX_HTTP_BO_WS && !s->closing) {

        return s->says > NGX_HTTP_BO_STREAM_SAYS
               ? ngx_http_bo_ws_fail(s, NGX_HTTP_BO_WS_POLICY)
               : ngx_http_bo_ws_read(s, data, len);
    }

    if (s->says > (s->closing ? NGX_HTTP_BO_LINGER_BYTES
                              : NGX_HTTP_BO_STREAM_SAYS))
    {
        ngx_http_bo_stream_close(s);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* Closes a stream that has said farewell. */

static void
ngx_http_bo_stream_end(ngx_http_bo_stream_t *s)
{
    ngx_connection_t *c = s->connection;

    if (s->request) {
        ngx_http_bo_stream_close(s);
        return;
    }

    ngx_http_bo_stream_free(s);
    ngx_http_bo_linger(c);
}


void
ngx_http_bo_stream_close(ngx_http_bo_stream_t *s)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = s->connection;
    r = s->request;

    if (r == NULL) {
        ngx_http_bo_stream_free(s);
        ngx_http_close_connection(c);
        return;
    }

    /* The cleanup would free it once more. */

    s->cleanup->handler = NULL;
    ngx_http_bo_stream_free(s);

    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_bo_stream_free(ngx_http_bo_stream_t *s)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_bo_ctx_t   *ctx;

    ngx_bo_count(s->channel->hub->store, streams_closed);

    if (s->request) {
        ctx = ngx_http_get_module_ctx(s->request, ngx_http_boxoffice_module);
        ctx->stream = NULL;
    }

    if (s->message && s->buf) {

        /* its bytes may be on their way out until the request is over */

        cln = ngx_pool_cleanup_add(s->request->pool, 0);

        if (cln) {
            cln->handler = ngx_http_bo_stream_drop_late;
            cln->data = s->message;
        }

    } else if (s->message) {
        ngx_http_bo_message_drop(s->message);
    }

    ngx_http_bo_ws_free(s);
    ngx_http_bo_channel_leave(s);
    ngx_free(s);
}


static void
ngx_http_bo_stream_drop_late(void *data)
{
    ngx_http_bo_message_drop(data);
}


ngx_http_bo_message_t *
ngx_http_bo_message(size_t len)
{
    ngx_http_bo_message_t  *m;

    m = ngx_alloc(sizeof(ngx_http_bo_message_t) + len, ngx_cycle->log);
    if (m == NULL) {
        return NULL;
    }

    m->refs = 1;
    m->since = 0;
    m->version = 0;
    m->len = len;

    return m;
}


void
ngx_http_bo_message_drop(ngx_http_bo_message_t *m)
{
    if (--m->refs == 0) {
        ngx_free(m);
    }
}
