
/*
 * The end of a connection whose client may still be sending.
 *
 * A socket that is closed with bytes in it, or that gets some afterwards,
 * makes the kernel reset the connection; and a reset takes away what the
 * client has not read yet, such as the frame that says why.  So writing ends
 * first, what comes is read and dropped, and the client closes, as a client of
 * RFC 6455, 7.1.1, does when it sees the end.  It may take so much and so long
 * and no more.
 */


#include "ngx_http_bo_stream.h"


#define NGX_HTTP_BO_LINGER_TIME   10000     /* msec */
#define NGX_HTTP_BO_LINGER_QUIET  3000      /* msec in which nothing came */
#define NGX_HTTP_BO_LINGER_READ   4096      /* bytes of one recv */


typedef struct {
    ngx_msec_t               end;
    size_t                   left;          /* bytes */
} ngx_http_bo_linger_t;


#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_bo_linger_tls(ngx_connection_t *c);
#endif
static void ngx_http_bo_linger_begin(ngx_connection_t *c);
static void ngx_http_bo_linger_read(ngx_event_t *rev);
static ngx_int_t ngx_http_bo_linger_drop(ngx_connection_t *c,
    ngx_http_bo_linger_t *l);
static void ngx_http_bo_linger_write(ngx_event_t *wev);


void
ngx_http_bo_linger(ngx_connection_t *c)
{
    ngx_http_bo_linger_t  *l;

    l = ngx_palloc(c->pool, sizeof(ngx_http_bo_linger_t));
    if (l == NULL) {
        ngx_http_close_connection(c);
        return;
    }

    l->end = ngx_current_msec + NGX_HTTP_BO_LINGER_TIME;
    l->left = NGX_HTTP_BO_LINGER_BYTES;

    c->data = l;

#if (NGX_HTTP_SSL)
    if (c->ssl && ngx_http_bo_linger_tls(c) != NGX_OK) {
        return;
    }
#endif

    ngx_http_bo_linger_begin(c);
}


#if (NGX_HTTP_SSL)

/* After it c->recv is that of the socket: what comes is not decrypted. */

static ngx_int_t
ngx_http_bo_linger_tls(ngx_connection_t *c)
{
    c->ssl->shutdown_without_free = 1;

    switch (ngx_ssl_shutdown(c)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_AGAIN:
        c->ssl->handler = ngx_http_bo_linger_begin;
        return NGX_AGAIN;

    default:
        ngx_http_close_connection(c);
        return NGX_ERROR;
    }
}

#endif


static void
ngx_http_bo_linger_begin(ngx_connection_t *c)
{
    c->read->handler = ngx_http_bo_linger_read;
    c->write->handler = ngx_http_bo_linger_write;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK
        || ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1)
    {
        ngx_http_close_connection(c);
        return;
    }

    c->close = 0;
    ngx_reusable_connection(c, 1);

    ngx_add_timer(c->read, NGX_HTTP_BO_LINGER_QUIET);

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_bo_linger_read(ngx_event_t *rev)
{
    ngx_msec_int_t         left;
    ngx_connection_t      *c = rev->data;
    ngx_http_bo_linger_t  *l = c->data;

    left = (ngx_msec_int_t) (l->end - ngx_current_msec);

    if (rev->timedout
        || c->close
        || left <= 0
        || ngx_http_bo_linger_drop(c, l) != NGX_AGAIN
        || ngx_handle_read_event(rev, 0) != NGX_OK)
    {
        ngx_http_close_connection(c);
        return;
    }

    ngx_add_timer(rev, ngx_min((ngx_msec_t) left, NGX_HTTP_BO_LINGER_QUIET));
}


/* NGX_AGAIN: there may be more; else it is over. */

static ngx_int_t
ngx_http_bo_linger_drop(ngx_connection_t *c, ngx_http_bo_linger_t *l)
{
    u_char   buf[NGX_HTTP_BO_LINGER_READ];
    ssize_t  n;

    do {
        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (n <= 0 || (size_t) n > l->left) {
            return NGX_DONE;
        }

        l->left -= n;

    } while (c->read->ready);

    return NGX_AGAIN;
}


/* Nothing is written any more. */

static void
ngx_http_bo_linger_write(ngx_event_t *wev)
{
}
