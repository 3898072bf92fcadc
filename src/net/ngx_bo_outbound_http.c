
/*
 * Outbound HTTP: libcurl's multi-socket interface on nginx's event loop.
 *
 * A peer has a multi handle of its own, and with that its connections.  Names
 * never reach libcurl's resolver, which has threads and waits for them: each
 * transfer is told the addresses of its host.
 */


#include "ngx_bo_outbound_int.h"


/* Bytes of header lines in an answer; nobody needs more. */

#define NGX_BO_OUTBOUND_HEADERS  65536


static ngx_int_t ngx_bo_outbound_http_open(ngx_bo_outbound_client_t *client);
static ngx_int_t ngx_bo_outbound_http_prepare(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_set_url(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_set_names(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_set_tls(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_set_method(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_set_headers(ngx_bo_outbound_op_t *op);
static ngx_int_t ngx_bo_outbound_http_add_header(ngx_bo_outbound_op_t *op,
    const char *line);
static ngx_int_t ngx_bo_outbound_http_set_aws(ngx_bo_outbound_op_t *op);

static CURLcode ngx_bo_outbound_http_trust(CURL *easy, void *ctx, void *data);
static size_t ngx_bo_outbound_http_read(char *buf, size_t size, size_t n,
    void *data);
static int ngx_bo_outbound_http_seek(void *data, curl_off_t offset,
    int origin);
static size_t ngx_bo_outbound_http_header(char *line, size_t size, size_t n,
    void *data);
static size_t ngx_bo_outbound_http_write(char *buf, size_t size, size_t n,
    void *data);

static int ngx_bo_outbound_http_socket(CURL *easy, curl_socket_t s, int what,
    void *data, void *assigned);
static ngx_connection_t *ngx_bo_outbound_http_connection(
    ngx_bo_outbound_client_t *client, curl_socket_t s);
static void ngx_bo_outbound_http_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted);
static void ngx_bo_outbound_http_forget(ngx_connection_t *c);
static int ngx_bo_outbound_http_timer(CURLM *multi, long msec, void *data);
static void ngx_bo_outbound_http_event(ngx_event_t *ev);
static void ngx_bo_outbound_http_timeout(ngx_event_t *ev);
static void ngx_bo_outbound_http_drive(ngx_bo_outbound_client_t *client,
    curl_socket_t s, int events);
static void ngx_bo_outbound_http_done(ngx_bo_outbound_op_t *op,
    CURLcode code);
static ngx_bo_verdict_e ngx_bo_outbound_http_verdict(ngx_bo_outbound_op_t *op);


/* An option that is not taken is a bug, or a lack of memory. */

#define ngx_bo_outbound_set(op, option, value)                                \
    (curl_easy_setopt((op)->easy, option, value) == CURLE_OK ? NGX_OK         \
                                                             : NGX_ERROR)


void
ngx_bo_outbound_http_begin(ngx_bo_outbound_op_t *op)
{
    ngx_bo_outbound_client_t  *client = op->client;

    if (client->multi == NULL && ngx_bo_outbound_http_open(client) != NGX_OK) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "no memory");
        return;
    }

    op->easy = client->nfree ? client->free[--client->nfree]
                             : curl_easy_init();

    if (op->easy == NULL || ngx_bo_outbound_http_prepare(op) != NGX_OK) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT,
                            "the request could not be made");
        return;
    }

    /* only sets libcurl's timer; what follows comes from the event loop */

    if (curl_multi_add_handle(client->multi, op->easy) != CURLM_OK) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT,
                            "the request could not be begun");
    }
}


ngx_bo_verdict_e
ngx_bo_outbound_http_stop(ngx_bo_outbound_op_t *op)
{
    ngx_bo_verdict_e  verdict;

    if (op->easy == NULL) {
        return NGX_BO_NOT_SENT;
    }

    verdict = ngx_bo_outbound_http_verdict(op);

    /* this closes its connection, whose answer would be nobody's */

    (void) curl_multi_remove_handle(op->client->multi, op->easy);

    return verdict;
}


void
ngx_bo_outbound_http_free(ngx_bo_outbound_op_t *op)
{
    ngx_bo_outbound_client_t  *client = op->client;

    if (op->easy) {

        /* a handle keeps its TLS sessions: the next one to use it resumes */

        curl_easy_reset(op->easy);

        if (client->multi && client->nfree < client->peer->most) {
            client->free[client->nfree++] = op->easy;

        } else {
            curl_easy_cleanup(op->easy);
        }
    }

    curl_slist_free_all(op->headers);
    curl_slist_free_all(op->names);

    if (op->answer.body.data) {
        ngx_free(op->answer.body.data);
    }
}


static ngx_int_t
ngx_bo_outbound_http_open(ngx_bo_outbound_client_t *client)
{
    CURLM  *multi;

    multi = curl_multi_init();
    if (multi == NULL) {
        return NGX_ERROR;
    }

    client->timer.handler = ngx_bo_outbound_http_timeout;
    client->timer.data = client;
    client->timer.log = client->log;
    client->timer.cancelable = 1;       /* deadlines keep a worker alive */

    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                          ngx_bo_outbound_http_socket) != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_bo_outbound_http_timer) != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING)
           != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                             (long) client->peer->most) != CURLM_OK)
    {
        (void) curl_multi_cleanup(multi);
        return NGX_ERROR;
    }

    client->multi = multi;

    return NGX_OK;
}


void
ngx_bo_outbound_http_close(ngx_bo_outbound_client_t *client)
{
    while (client->nfree) {
        curl_easy_cleanup(client->free[--client->nfree]);
    }

    if (client->multi) {
        (void) curl_multi_cleanup(client->multi);
        client->multi = NULL;
    }

    if (client->timer.timer_set) {
        ngx_del_timer(&client->timer);
    }

    if (client->timer.posted) {
        ngx_delete_posted_event(&client->timer);
    }
}


static ngx_int_t
ngx_bo_outbound_http_prepare(ngx_bo_outbound_op_t *op)
{
    if (ngx_bo_outbound_set(op, CURLOPT_PRIVATE, op) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_NOSIGNAL, 1L) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_PROXY, "") != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED)
           != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_FOLLOWLOCATION, 0L) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_TCP_KEEPALIVE, 1L) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_HTTP_VERSION,
                               (long) CURL_HTTP_VERSION_1_1)
           != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_HEADERFUNCTION,
                               ngx_bo_outbound_http_header)
           != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_HEADERDATA, op) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_WRITEFUNCTION,
                               ngx_bo_outbound_http_write)
           != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_WRITEDATA, op) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_bo_outbound_http_set_url(op) != NGX_OK
        || ngx_bo_outbound_http_set_names(op) != NGX_OK
        || ngx_bo_outbound_http_set_tls(op) != NGX_OK
        || ngx_bo_outbound_http_set_method(op) != NGX_OK
        || ngx_bo_outbound_http_set_headers(op) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_http_set_aws(op);
}


static ngx_int_t
ngx_bo_outbound_http_set_url(ngx_bo_outbound_op_t *op)
{
    u_char                  *url;
    ngx_bo_outbound_peer_t  *peer = op->client->peer;

    url = ngx_pnalloc(op->pool, peer->base.len + op->request.path.len + 2);
    if (url == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(url, "%V%V%Z", &peer->base, &op->request.path);

    if (ngx_bo_outbound_set(op, CURLOPT_URL, url) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_PATH_AS_IS, 1L) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what the URL says already, but nothing else for ever */

    return ngx_bo_outbound_set(op, CURLOPT_PROTOCOLS_STR,
                               peer->scheme == NGX_BO_OUTBOUND_HTTPS
                               ? "https" : "http");
}


/* "host:port:address,address": an address is no name, and stands for itself. */

static ngx_int_t
ngx_bo_outbound_http_set_names(ngx_bo_outbound_op_t *op)
{
    u_char                  *p, *line;
    size_t                   size;
    ngx_addr_t               addr;
    ngx_uint_t               i;
    ngx_bo_outbound_peer_t  *peer = op->client->peer;

    if (ngx_parse_addr(op->pool, &addr, peer->host.data, peer->host.len)
        == NGX_OK)
    {
        return NGX_OK;
    }

    size = peer->host.len + sizeof(":65535:")
           + op->naddrs * (NGX_SOCKADDR_STRLEN + 1);

    line = ngx_pnalloc(op->pool, size);
    if (line == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(line, "%V:%ui:", &peer->host, (ngx_uint_t) peer->port);

    for (i = 0; i < op->naddrs; i++) {
        if (i) {
            *p++ = ',';
        }

        p += ngx_sock_ntop(op->addrs[i].sockaddr, op->addrs[i].socklen, p,
                           NGX_SOCKADDR_STRLEN, 0);
    }

    *p = '\0';

    op->names = curl_slist_append(NULL, (char *) line);
    if (op->names == NULL) {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_set(op, CURLOPT_RESOLVE, op->names);
}


/*
 * Certificates were read with the configuration.  libcurl would read them from
 * the disk, on the path of whatever this worker has to do next.
 */

static ngx_int_t
ngx_bo_outbound_http_set_tls(ngx_bo_outbound_op_t *op)
{
    ngx_bo_outbound_peer_t  *peer = op->client->peer;

    if (peer->scheme != NGX_BO_OUTBOUND_HTTPS) {
        return NGX_OK;
    }

    if (ngx_bo_outbound_set(op, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2)
        != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_CAINFO, NULL) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_CAPATH, NULL) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_CA_CACHE_TIMEOUT, 0L) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!peer->verify) {
        if (ngx_bo_outbound_set(op, CURLOPT_SSL_VERIFYPEER, 0L) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_bo_outbound_set(op, CURLOPT_SSL_VERIFYHOST, 0L);
    }

    if (ngx_bo_outbound_set(op, CURLOPT_SSL_CTX_DATA, peer->trusted)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_set(op, CURLOPT_SSL_CTX_FUNCTION,
                               ngx_bo_outbound_http_trust);
}


/*
 * libcurl sends a request again by itself when a kept connection turns out to
 * have ended, and cannot know whether the server has acted on it.  A body that
 * cannot be read twice stops it; without a body there is nothing to read, and
 * a method that may change something has a connection of its own.
 */

static ngx_int_t
ngx_bo_outbound_http_set_method(ngx_bo_outbound_op_t *op)
{
    ngx_str_t   *method = &op->request.method;
    ngx_uint_t   get, head;

    get = ngx_strcmp(method->data, "GET") == 0;
    head = ngx_strcmp(method->data, "HEAD") == 0;

    if (get || head) {
        return ngx_bo_outbound_set(op, head ? CURLOPT_NOBODY
                                            : CURLOPT_HTTPGET, 1L);
    }

    if (ngx_bo_outbound_set(op, CURLOPT_POST, 1L) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_CUSTOMREQUEST, method->data)
           != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) op->request.body.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a signature is made of the body: libcurl has to have it at hand */

    if (op->request.body.len == 0 || op->request.aws) {
        if (ngx_bo_outbound_set(op, CURLOPT_POSTFIELDS, op->request.body.data)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_bo_outbound_set(op, CURLOPT_FRESH_CONNECT,
                                   op->request.aws ? 0L : 1L);
    }

    if (ngx_bo_outbound_set(op, CURLOPT_READFUNCTION,
                            ngx_bo_outbound_http_read)
        != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_READDATA, op) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_SEEKDATA, op) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_set(op, CURLOPT_SEEKFUNCTION,
                               ngx_bo_outbound_http_seek);
}


static ngx_int_t
ngx_bo_outbound_http_set_headers(ngx_bo_outbound_op_t *op)
{
    u_char                  *line;
    ngx_uint_t               i, typed;
    ngx_keyval_t            *h;
    ngx_bo_outbound_peer_t  *peer = op->client->peer;

    /*
     * No "100 Continue" to wait for, and no media type but the caller's.  For
     * AWS it stays at libcurl's: it would sign the headers that are left out.
     */

    typed = op->request.aws != NULL;

    if (!typed && ngx_bo_outbound_http_add_header(op, "Expect:") != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < op->request.nheaders; i++) {
        h = &op->request.headers[i];

        typed |= ngx_strcasecmp(h->key.data, (u_char *) "Content-Type") == 0;

        line = ngx_pnalloc(op->pool, h->key.len + h->value.len + 3);
        if (line == NULL) {
            return NGX_ERROR;
        }

        /* "name;" is libcurl's way to say that there is no value */

        if (h->value.len) {
            (void) ngx_sprintf(line, "%V: %V%Z", &h->key, &h->value);

        } else {
            (void) ngx_sprintf(line, "%V;%Z", &h->key);
        }

        if (ngx_bo_outbound_http_add_header(op, (char *) line) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!typed
        && ngx_bo_outbound_http_add_header(op, "Content-Type:") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (peer->username.len
        && (ngx_bo_outbound_set(op, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC)
            != NGX_OK
            || ngx_bo_outbound_set(op, CURLOPT_USERNAME, peer->username.data)
               != NGX_OK
            || ngx_bo_outbound_set(op, CURLOPT_PASSWORD, peer->password.data)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_set(op, CURLOPT_HTTPHEADER, op->headers);
}


static ngx_int_t
ngx_bo_outbound_http_add_header(ngx_bo_outbound_op_t *op, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(op->headers, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    op->headers = list;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_outbound_http_set_aws(ngx_bo_outbound_op_t *op)
{
    u_char                 *scope, *token;
    ngx_bo_outbound_aws_t  *aws = op->request.aws;

    if (aws == NULL) {
        return NGX_OK;
    }

    scope = ngx_pnalloc(op->pool, sizeof("aws:amz::")
                                  + aws->region.len + aws->service.len);
    if (scope == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(scope, "aws:amz:%V:%V%Z", &aws->region, &aws->service);

    /* the list is libcurl's already, which signs what it finds there */

    if (aws->session_token.len) {
        token = ngx_pnalloc(op->pool, sizeof("X-Amz-Security-Token: ")
                                      + aws->session_token.len);
        if (token == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf(token, "X-Amz-Security-Token: %V%Z",
                           &aws->session_token);

        if (ngx_bo_outbound_http_add_header(op, (char *) token) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_bo_outbound_set(op, CURLOPT_AWS_SIGV4, scope) != NGX_OK
        || ngx_bo_outbound_set(op, CURLOPT_USERNAME, aws->access_key.data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_outbound_set(op, CURLOPT_PASSWORD, aws->secret_key.data);
}


static CURLcode
ngx_bo_outbound_http_trust(CURL *easy, void *ctx, void *data)
{
    SSL_CTX_set1_cert_store(ctx, data);

    return CURLE_OK;
}


static size_t
ngx_bo_outbound_http_read(char *buf, size_t size, size_t n, void *data)
{
    ngx_bo_outbound_op_t *op = data;

    size_t  len;

    len = ngx_min(size * n, op->request.body.len - op->sent);

    ngx_memcpy(buf, op->request.body.data + op->sent, len);
    op->sent += len;

    return len;
}


/* From the beginning again means a second time: see above. */

static int
ngx_bo_outbound_http_seek(void *data, curl_off_t offset, int origin)
{
    return CURL_SEEKFUNC_FAIL;
}


static size_t
ngx_bo_outbound_http_header(char *line, size_t size, size_t n, void *data)
{
    ngx_bo_outbound_op_t *op = data;

    op->received += size * n;

    return op->received > NGX_BO_OUTBOUND_HEADERS ? 0 : size * n;
}


static size_t
ngx_bo_outbound_http_write(char *buf, size_t size, size_t n, void *data)
{
    ngx_bo_outbound_op_t *op = data;

    u_char     *p;
    size_t      len, max;
    ngx_str_t  *body;

    body = &op->answer.body;
    max = op->client->peer->answer;
    len = ngx_min(size * n, max - body->len);

    /* outside of the pool: it grows, and most answers are small */

    if (body->len + len > op->space) {
        op->space = ngx_min(max, ngx_max(2 * op->space, body->len + len));

        p = ngx_alloc(op->space, op->client->log);
        if (p == NULL) {
            return 0;
        }

        if (body->data) {
            ngx_memcpy(p, body->data, body->len);
            ngx_free(body->data);
        }

        body->data = p;
    }

    if (len) {
        ngx_memcpy(body->data + body->len, buf, len);
        body->len += len;
    }

    if (len == size * n) {
        return len;
    }

    /* the status is known; what else there is, is not waited for */

    op->answer.truncated = 1;

    return 0;
}


/* What libcurl wants to hear of a socket that stays its own. */

static int
ngx_bo_outbound_http_socket(CURL *easy, curl_socket_t s, int what, void *data,
    void *assigned)
{
    ngx_bo_outbound_client_t *client = data;

    ngx_connection_t *c = assigned;

    if (what == CURL_POLL_REMOVE) {
        if (c) {
            (void) curl_multi_assign(client->multi, s, NULL);
            ngx_bo_outbound_http_forget(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_bo_outbound_http_connection(client, s);
        if (c == NULL) {

            /* nobody watches it: the deadline will end the transfer */

            return 0;
        }
    }

    ngx_bo_outbound_http_watch(c->read, NGX_READ_EVENT, what & CURL_POLL_IN);
    ngx_bo_outbound_http_watch(c->write, NGX_WRITE_EVENT,
                               what & CURL_POLL_OUT);

    return 0;
}


static ngx_connection_t *
ngx_bo_outbound_http_connection(ngx_bo_outbound_client_t *client,
    curl_socket_t s)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(s, client->log);
    if (c == NULL) {
        return NULL;
    }

    c->data = client;
    c->log = client->log;
    c->read->log = client->log;
    c->write->log = client->log;
    c->read->handler = ngx_bo_outbound_http_event;
    c->write->handler = ngx_bo_outbound_http_event;

    if (curl_multi_assign(client->multi, s, c) != CURLM_OK) {
        ngx_bo_outbound_http_forget(c);
        return NULL;
    }

    return c;
}


/* Level-triggered: libcurl need not read until there is nothing left. */

static void
ngx_bo_outbound_http_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!wanted && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


static void
ngx_bo_outbound_http_forget(ngx_connection_t *c)
{
    ngx_bo_outbound_http_watch(c->read, NGX_READ_EVENT, 0);
    ngx_bo_outbound_http_watch(c->write, NGX_WRITE_EVENT, 0);

    ngx_free_connection(c);

    /* events of this turn that are still to come are stale by this */

    c->fd = (ngx_socket_t) -1;
}


static int
ngx_bo_outbound_http_timer(CURLM *multi, long msec, void *data)
{
    ngx_bo_outbound_client_t *client = data;

    /* nginx leaves a timer as it is when the new one is not much later */

    if (client->timer.timer_set) {
        ngx_del_timer(&client->timer);
    }

    if (msec > 0) {
        ngx_add_timer(&client->timer, (ngx_msec_t) msec);

    } else if (msec == 0) {

        /* in the next turn: within this one it could go on for ever */

        ngx_post_event(&client->timer, &ngx_posted_next_events);
    }

    return 0;
}


static void
ngx_bo_outbound_http_timeout(ngx_event_t *ev)
{
    ngx_bo_outbound_http_drive(ev->data, CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_bo_outbound_http_event(ngx_event_t *ev)
{
    ngx_connection_t          *c = ev->data;
    ngx_bo_outbound_client_t  *client = c->data;

    if (c->close) {
        ngx_bo_outbound_abort(client);
        return;
    }

    ngx_bo_outbound_http_drive(client, c->fd,
                               ev->write ? CURL_CSELECT_OUT
                                         : CURL_CSELECT_IN);
}


static void
ngx_bo_outbound_http_drive(ngx_bo_outbound_client_t *client, curl_socket_t s,
    int events)
{
    int                    left;
    char                  *private;
    CURLMsg               *msg;
    CURLcode               code;
    ngx_bo_outbound_op_t  *op;

    if (client->multi == NULL) {
        return;
    }

    (void) curl_multi_socket_action(client->multi, s, events, &left);

    while ((msg = curl_multi_info_read(client->multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        code = msg->data.result;

        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                                 &private);
        op = (ngx_bo_outbound_op_t *) private;

        (void) curl_multi_remove_handle(client->multi, op->easy);

        ngx_bo_outbound_http_done(op, code);
    }
}


static void
ngx_bo_outbound_http_done(ngx_bo_outbound_op_t *op, CURLcode code)
{
    long        status;
    curl_off_t  after;

    status = 0;
    after = 0;

    (void) curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_getinfo(op->easy, CURLINFO_RETRY_AFTER, &after);

    op->answer.status = (ngx_uint_t) status;
    op->answer.retry_after = (time_t) after;
    op->answer.handle = op->easy;

    if (code == CURLE_OK || (op->answer.truncated && status)) {
        ngx_bo_outbound_end(op, NGX_BO_DONE, NULL);
        return;
    }

    ngx_bo_outbound_end(op, ngx_bo_outbound_http_verdict(op),
                        curl_easy_strerror(code));
}


/* By what libcurl has given to the socket, or to TLS after its handshake. */

static ngx_bo_verdict_e
ngx_bo_outbound_http_verdict(ngx_bo_outbound_op_t *op)
{
    long  sent;

    sent = 0;

    if (curl_easy_getinfo(op->easy, CURLINFO_REQUEST_SIZE, &sent)
        != CURLE_OK)
    {
        return NGX_BO_UNKNOWN;
    }

    return sent ? NGX_BO_UNKNOWN : NGX_BO_NOT_SENT;
}


ngx_int_t
ngx_bo_outbound_header(ngx_bo_outbound_answer_t *answer, const char *name,
    ngx_str_t *value)
{
    size_t               i;
    struct curl_header  *h;

    if (answer->handle == NULL
        || curl_easy_header(answer->handle, name, 0, CURLH_HEADER, -1, &h)
           != CURLHE_OK)
    {
        return NGX_DECLINED;
    }

    i = h->amount - 1;

    if (i && curl_easy_header(answer->handle, name, i, CURLH_HEADER, -1, &h)
             != CURLHE_OK)
    {
        return NGX_DECLINED;
    }

    value->data = (u_char *) h->value;
    value->len = ngx_strlen(h->value);

    return NGX_OK;
}
