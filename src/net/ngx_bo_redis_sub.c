
/*
 * The subscription connection: a socket, a parser, one timer.
 */


#include "ngx_bo_redis_sub.h"
#include "ngx_bo_redis_reply.h"
#include <ngx_event_connect.h>


#define NGX_BO_SUB_PING         100             /* msec */
#define NGX_BO_SUB_READ         (32 * 1024)     /* bytes of one recv */
#define NGX_BO_SUB_OUT          (64 * 1024)     /* bytes waiting to be sent */

/* Retries come at most 800 ms apart, as those of the commands' connection. */

#define NGX_BO_SUB_MAX_ATTEMPT  4


typedef enum {
    NGX_BO_SUB_DOWN = 0,
    NGX_BO_SUB_CONNECTING,
    NGX_BO_SUB_SETTING_UP,      /* AUTH and a first PING are on their way */
    NGX_BO_SUB_UP
} ngx_bo_sub_state_e;


struct ngx_bo_redis_sub_s {
    ngx_bo_redis_conf_t                *conf;
    ngx_bo_upstream_stats_t            *stats;
    const ngx_bo_redis_sub_handlers_t  *handlers;
    void                               *data;
    ngx_log_t                          *log;
    ngx_connection_t                   *connection;
    ngx_bo_sub_state_e                  state;
    ngx_uint_t                          addr;
    ngx_uint_t                          attempt;
    ngx_msec_t                          since;      /* of a state or a PING */
    ngx_bo_redis_parser_t               parser;
    ngx_event_t                         timer;
    ngx_event_t                         flush;
    u_char                             *read;
    u_char                             *out;
    size_t                              pos;        /* in out */
    size_t                              last;
    unsigned                            pinged:1;
};


static void ngx_bo_sub_connect(ngx_bo_redis_sub_t *sub);
static ngx_int_t ngx_bo_sub_established(ngx_bo_redis_sub_t *sub);
static void ngx_bo_sub_drop(ngx_bo_redis_sub_t *sub, const char *why);
static void ngx_bo_sub_close(ngx_bo_redis_sub_t *sub);
static void ngx_bo_sub_timer(ngx_event_t *ev);
static void ngx_bo_sub_ping(ngx_bo_redis_sub_t *sub);
static void ngx_bo_sub_read_handler(ngx_event_t *rev);
static const char *ngx_bo_sub_parse(ngx_bo_redis_sub_t *sub, size_t len);
static const char *ngx_bo_sub_reply(ngx_bo_redis_sub_t *sub,
    redisReply *reply);
static const char *ngx_bo_sub_push(ngx_bo_redis_sub_t *sub,
    redisReply *reply);
static void ngx_bo_sub_pong(ngx_bo_redis_sub_t *sub);
static void ngx_bo_sub_write_handler(ngx_event_t *wev);
static void ngx_bo_sub_flush_handler(ngx_event_t *ev);
static void ngx_bo_sub_send(ngx_bo_redis_sub_t *sub);
static ngx_int_t ngx_bo_sub_command(ngx_bo_redis_sub_t *sub, ngx_uint_t argc,
    const ngx_str_t *argv);


ngx_bo_redis_sub_t *
ngx_bo_redis_sub_create(ngx_cycle_t *cycle, ngx_bo_redis_conf_t *conf,
    ngx_bo_upstream_stats_t *stats,
    const ngx_bo_redis_sub_handlers_t *handlers, void *data)
{
    ngx_bo_redis_sub_t  *sub;

    sub = ngx_pcalloc(cycle->pool, sizeof(ngx_bo_redis_sub_t));
    if (sub == NULL) {
        return NULL;
    }

    sub->read = ngx_palloc(cycle->pool, NGX_BO_SUB_READ);
    sub->out = ngx_palloc(cycle->pool, NGX_BO_SUB_OUT);

    if (sub->read == NULL || sub->out == NULL) {
        return NULL;
    }

    sub->conf = conf;
    sub->stats = stats;
    sub->handlers = handlers;
    sub->data = data;
    sub->log = cycle->log;

    sub->timer.handler = ngx_bo_sub_timer;
    sub->timer.data = sub;
    sub->timer.log = sub->log;
    sub->timer.cancelable = 1;

    sub->flush.handler = ngx_bo_sub_flush_handler;
    sub->flush.data = sub;
    sub->flush.log = sub->log;

    ngx_bo_sub_connect(sub);

    return sub;
}


void
ngx_bo_redis_sub_destroy(ngx_bo_redis_sub_t *sub)
{
    ngx_bo_sub_close(sub);

    if (sub->timer.timer_set) {
        ngx_del_timer(&sub->timer);
    }

    if (sub->flush.posted) {
        ngx_delete_posted_event(&sub->flush);
    }
}


ngx_int_t
ngx_bo_redis_subscribe(ngx_bo_redis_sub_t *sub, ngx_str_t *channel)
{
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "SUBSCRIBE");
    argv[1] = *channel;

    return ngx_bo_sub_command(sub, 2, argv);
}


ngx_int_t
ngx_bo_redis_unsubscribe(ngx_bo_redis_sub_t *sub, ngx_str_t *channel)
{
    ngx_str_t  argv[2];

    ngx_str_set(&argv[0], "UNSUBSCRIBE");
    argv[1] = *channel;

    return ngx_bo_sub_command(sub, 2, argv);
}


static void
ngx_bo_sub_connect(ngx_bo_redis_sub_t *sub)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    addr = &sub->conf->addrs[sub->addr];

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = addr->sockaddr;
    pc.socklen = addr->socklen;
    pc.name = &addr->name;
    pc.get = ngx_event_get_peer;
    pc.log = sub->log;
    pc.log_error = NGX_ERROR_ERR;

    sub->state = NGX_BO_SUB_CONNECTING;
    sub->since = ngx_current_msec;
    sub->pinged = 0;
    sub->pos = 0;
    sub->last = 0;

    if (ngx_bo_redis_parser_init(&sub->parser) != 0) {
        ngx_bo_sub_drop(sub, "no memory");
        return;
    }

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_bo_sub_drop(sub, NULL);
        return;
    }

    c = pc.connection;

    c->data = sub;
    c->read->handler = ngx_bo_sub_read_handler;
    c->write->handler = ngx_bo_sub_write_handler;

    sub->connection = c;

    ngx_add_timer(&sub->timer, sub->conf->timeout);

    if (rc == NGX_OK) {
        (void) ngx_bo_sub_established(sub);
    }
}


static ngx_int_t
ngx_bo_sub_established(ngx_bo_redis_sub_t *sub)
{
    int                err;
    ngx_str_t          argv[3];
    socklen_t          len;
    ngx_uint_t         n;
    ngx_connection_t  *c;

    c = sub->connection;
    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err || (c->tcp_nodelay == NGX_TCP_NODELAY_UNSET
                && ngx_tcp_nodelay(c) != NGX_OK))
    {
        ngx_bo_sub_drop(sub, NULL);
        return NGX_ERROR;
    }

    (void) ngx_atomic_fetch_add(&sub->stats->connects, 1);

    sub->state = NGX_BO_SUB_SETTING_UP;

    if (sub->conf->password.len) {
        ngx_str_set(&argv[0], "AUTH");
        n = 1;

        if (sub->conf->username.len) {
            argv[n++] = sub->conf->username;
        }

        argv[n++] = sub->conf->password;

        if (ngx_bo_sub_command(sub, n, argv) != NGX_OK) {
            ngx_bo_sub_drop(sub, "no memory");
            return NGX_ERROR;
        }
    }

    ngx_bo_sub_ping(sub);
    ngx_bo_sub_send(sub);

    return sub->connection ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_sub_drop(ngx_bo_redis_sub_t *sub, const char *why)
{
    ngx_uint_t  was_up;

    if (why) {
        ngx_log_error(NGX_LOG_ERR, sub->log, 0, "redis %V: subscriptions: %s",
                      &sub->conf->addrs[sub->addr].name, why);
    }

    was_up = (sub->state == NGX_BO_SUB_UP);

    ngx_bo_sub_close(sub);

    if (!was_up) {
        sub->addr = (sub->addr + 1) % sub->conf->naddrs;
    }

    if (sub->timer.timer_set) {
        ngx_del_timer(&sub->timer);
    }

    ngx_add_timer(&sub->timer, ngx_bo_backoff(sub->attempt));

    if (sub->attempt < NGX_BO_SUB_MAX_ATTEMPT) {
        sub->attempt++;
    }

    if (was_up) {
        sub->handlers->down(sub->data);
    }
}


static void
ngx_bo_sub_close(ngx_bo_redis_sub_t *sub)
{
    ngx_connection_t  *c;

    if (sub->state >= NGX_BO_SUB_SETTING_UP) {
        (void) ngx_atomic_fetch_add(&sub->stats->disconnects, 1);
    }

    c = sub->connection;

    sub->connection = NULL;
    sub->state = NGX_BO_SUB_DOWN;

    ngx_bo_redis_parser_done(&sub->parser);

    if (c) {
        ngx_close_connection(c);
    }
}


/*
 * Not the answer's time alone tells that the server is gone: a busy worker
 * reads late.  So the socket is read before the verdict.
 */

static void
ngx_bo_sub_timer(ngx_event_t *ev)
{
    ngx_event_t         *rev;
    ngx_bo_redis_sub_t  *sub = ev->data;

    if (sub->state == NGX_BO_SUB_DOWN) {
        ngx_bo_sub_connect(sub);
        return;
    }

    if ((sub->state != NGX_BO_SUB_UP || sub->pinged)
        && ngx_current_msec - sub->since >= sub->conf->timeout)
    {
        if (sub->state > NGX_BO_SUB_CONNECTING) {
            rev = sub->connection->read;

            rev->ready = 1;
            rev->available = -1;

            ngx_bo_sub_read_handler(rev);

            if (sub->state == NGX_BO_SUB_DOWN) {
                return;
            }
        }

        if ((sub->state != NGX_BO_SUB_UP || sub->pinged)
            && ngx_current_msec - sub->since >= sub->conf->timeout)
        {
            ngx_bo_sub_drop(sub, "timed out");
            return;
        }
    }

    if (sub->state == NGX_BO_SUB_UP && !sub->pinged) {
        ngx_bo_sub_ping(sub);
    }

    ngx_add_timer(ev, NGX_BO_SUB_PING);
}


static void
ngx_bo_sub_ping(ngx_bo_redis_sub_t *sub)
{
    ngx_str_t  argv[1];

    ngx_str_set(&argv[0], "PING");

    if (ngx_bo_sub_command(sub, 1, argv) == NGX_OK) {
        sub->pinged = 1;
        sub->since = ngx_current_msec;
    }
}


static void
ngx_bo_sub_read_handler(ngx_event_t *rev)
{
    ssize_t              n;
    const char          *why;
    ngx_connection_t    *c;
    ngx_bo_redis_sub_t  *sub;

    c = rev->data;
    sub = c->data;

    if (c->close) {
        ngx_bo_sub_drop(sub, NULL);
        return;
    }

    if (sub->state == NGX_BO_SUB_CONNECTING
        && ngx_bo_sub_established(sub) != NGX_OK)
    {
        return;
    }

    do {
        n = c->recv(c, sub->read, NGX_BO_SUB_READ);

        if (n == NGX_AGAIN) {
            break;
        }

        why = n == NGX_ERROR ? "reading failed"
              : n == 0 ? "the server closed the connection"
                       : ngx_bo_sub_parse(sub, n);

        if (why) {
            ngx_bo_sub_drop(sub, why);
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_bo_sub_drop(sub, NULL);
    }
}


/* Returns NULL, or why the connection cannot go on. */

static const char *
ngx_bo_sub_parse(ngx_bo_redis_sub_t *sub, size_t len)
{
    int          rc;
    const char  *why;
    redisReply  *reply;

    if (ngx_bo_redis_parser_feed(&sub->parser, sub->read, len) != 0) {
        return sub->parser.error;
    }

    for ( ;; ) {
        rc = ngx_bo_redis_parser_next(&sub->parser, &reply);

        if (rc == 0) {
            return NULL;
        }

        if (rc == -1) {
            return sub->parser.error;
        }

        why = ngx_bo_sub_reply(sub, reply);

        freeReplyObject(reply);

        if (why) {
            return why;
        }
    }
}


static const char *
ngx_bo_sub_reply(ngx_bo_redis_sub_t *sub, redisReply *reply)
{
    switch (reply->type) {

    case REDIS_REPLY_ARRAY:
        return ngx_bo_sub_push(sub, reply);

    case REDIS_REPLY_STATUS:

        /* "PONG", as long as nothing is subscribed to; else of AUTH */

        if (reply->len == 4 && ngx_strncmp(reply->str, "PONG", 4) == 0) {
            ngx_bo_sub_pong(sub);
        }

        return NULL;

    case REDIS_REPLY_ERROR:
        ngx_log_error(NGX_LOG_ERR, sub->log, 0,
                      "redis %V: subscriptions: refused: \"%*s\"",
                      &sub->conf->addrs[sub->addr].name,
                      (size_t) reply->len, reply->str);
        return "the server refuses";

    default:
        return "the server sent what is no message";
    }
}


/* {"message", channel, text}, {"subscribe", channel, n}, {"pong", ""} */

static const char *
ngx_bo_sub_push(ngx_bo_redis_sub_t *sub, redisReply *reply)
{
    size_t       i;
    redisReply  *kind;
    ngx_str_t    words[2];

    kind = reply->elements ? reply->element[0] : NULL;

    if (kind == NULL || kind->type != REDIS_REPLY_STRING) {
        return "the server sent what is no message";
    }

    for (i = 0; i < 2; i++) {
        ngx_str_null(&words[i]);

        if (i + 1 < reply->elements
            && reply->element[i + 1]->type == REDIS_REPLY_STRING)
        {
            words[i].data = (u_char *) reply->element[i + 1]->str;
            words[i].len = reply->element[i + 1]->len;
        }
    }

    if (ngx_strcmp(kind->str, "message") == 0) {
        sub->handlers->message(sub->data, &words[0], &words[1]);

    } else if (ngx_strcmp(kind->str, "subscribe") == 0) {
        sub->handlers->subscribed(sub->data, &words[0]);

    } else if (ngx_strcmp(kind->str, "pong") == 0) {
        ngx_bo_sub_pong(sub);
    }

    return NULL;
}


static void
ngx_bo_sub_pong(ngx_bo_redis_sub_t *sub)
{
    sub->pinged = 0;

    if (sub->state == NGX_BO_SUB_UP) {
        sub->handlers->heard(sub->data, sub->since);
        return;
    }

    sub->state = NGX_BO_SUB_UP;
    sub->attempt = 0;

    sub->handlers->up(sub->data);
}


static void
ngx_bo_sub_write_handler(ngx_event_t *wev)
{
    ngx_connection_t    *c;
    ngx_bo_redis_sub_t  *sub;

    c = wev->data;
    sub = c->data;

    if (sub->state == NGX_BO_SUB_CONNECTING) {
        (void) ngx_bo_sub_established(sub);
        return;
    }

    ngx_bo_sub_send(sub);
}


static void
ngx_bo_sub_flush_handler(ngx_event_t *ev)
{
    ngx_bo_sub_send(ev->data);
}


static void
ngx_bo_sub_send(ngx_bo_redis_sub_t *sub)
{
    ssize_t            n;
    ngx_connection_t  *c;

    if (sub->state < NGX_BO_SUB_SETTING_UP) {
        return;
    }

    c = sub->connection;

    while (sub->pos < sub->last && c->write->ready) {
        n = c->send(c, sub->out + sub->pos, sub->last - sub->pos);

        if (n == NGX_ERROR) {
            ngx_bo_sub_drop(sub, "writing failed");
            return;
        }

        if (n > 0) {
            sub->pos += n;
        }
    }

    if (sub->pos == sub->last) {
        sub->pos = 0;
        sub->last = 0;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_bo_sub_drop(sub, NULL);
    }
}


static ngx_int_t
ngx_bo_sub_command(ngx_bo_redis_sub_t *sub, ngx_uint_t argc,
    const ngx_str_t *argv)
{
    int          len;
    char        *text;
    size_t       lens[3];
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *words[3];

    if (sub->state < NGX_BO_SUB_SETTING_UP) {
        return NGX_AGAIN;
    }

    for (i = 0; i < argc; i++) {
        words[i] = (const char *) argv[i].data;
        lens[i] = argv[i].len;
    }

    len = redisFormatCommandArgv(&text, argc, words, lens);
    if (len < 0) {
        return NGX_AGAIN;
    }

    rc = NGX_AGAIN;

    if ((size_t) len <= NGX_BO_SUB_OUT - sub->last) {
        ngx_memcpy(sub->out + sub->last, text, len);
        sub->last += len;

        ngx_post_event(&sub->flush, &ngx_posted_events);
        rc = NGX_OK;
    }

    free(text);

    return rc;
}
