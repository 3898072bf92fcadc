
/*
 * The outbound client: its queue, its deadlines, its breaker, and how
 * operations end.  What goes over the wire is the business of the transports.
 */


#include "ngx_bo_outbound_int.h"


/* Failures in a row that open the breaker, and how long it stays so. */

#define NGX_BO_OUTBOUND_FAILURES  5
#define NGX_BO_OUTBOUND_PAUSE     2000          /* msec */

/*
 * What has less time left than this, or than a fifth of its time, is not begun
 * any more: it would be cut off, its end unknown, by a server in good health.
 */

#define NGX_BO_OUTBOUND_LEFT      2000          /* msec */

/* Connections that nobody has used for so long are closed. */

#define NGX_BO_OUTBOUND_IDLE      30000         /* msec */


static ngx_int_t ngx_bo_outbound_client_create(ngx_cycle_t *cycle,
    ngx_bo_outbound_t *outbound, ngx_bo_outbound_peer_t *peer);
static void ngx_bo_outbound_client_destroy(ngx_bo_outbound_client_t *client);
static ngx_uint_t ngx_bo_outbound_valid(ngx_bo_outbound_request_t *request);
static ngx_uint_t ngx_bo_outbound_address(ngx_str_t *s);
static ngx_uint_t ngx_bo_outbound_plain(ngx_str_t *s, u_char min);
static ngx_int_t ngx_bo_outbound_copy(ngx_pool_t *pool,
    ngx_bo_outbound_request_t *to, ngx_bo_outbound_request_t *from);
static ngx_int_t ngx_bo_outbound_dup(ngx_pool_t *pool, ngx_str_t *s);
static ngx_bo_outbound_op_t *ngx_bo_outbound_op_create(
    ngx_bo_outbound_client_t *client, ngx_bo_outbound_request_t *request);
static void ngx_bo_outbound_op_free(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_turn(ngx_event_t *ev);
static void ngx_bo_outbound_begin(ngx_bo_outbound_op_t *op);
static ngx_uint_t ngx_bo_outbound_late(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_resolve(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_bo_outbound_run(ngx_bo_outbound_op_t *op);
static ngx_bo_verdict_e ngx_bo_outbound_take_out(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_deadline(ngx_event_t *ev);
static void ngx_bo_outbound_idle(ngx_event_t *ev);
static void ngx_bo_outbound_judge(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_observe(ngx_bo_outbound_op_t *op);
static void ngx_bo_outbound_gauge(ngx_bo_outbound_client_t *client);


const ngx_msec_t  ngx_bo_outbound_bucket_msec[NGX_BO_OUTBOUND_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000
};


ngx_int_t
ngx_bo_outbound_start(ngx_cycle_t *cycle, ngx_bo_outbound_t *outbound)
{
    ngx_uint_t                i;
    ngx_bo_outbound_peer_t  **peer;

    if (outbound->peers.nelts == 0) {
        return NGX_OK;
    }

    /* after the fork: it may start what a fork does not carry over */

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_global_init() failed");
        return NGX_ERROR;
    }

    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {
        if (ngx_bo_outbound_client_create(cycle, outbound, peer[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_outbound_client_create(ngx_cycle_t *cycle, ngx_bo_outbound_t *outbound,
    ngx_bo_outbound_peer_t *peer)
{
    ngx_bo_outbound_client_t  *client;

    client = ngx_pcalloc(cycle->pool, sizeof(ngx_bo_outbound_client_t));
    if (client == NULL) {
        return NGX_ERROR;
    }

    client->peer = peer;
    client->outbound = outbound;
    client->log = cycle->log;

    client->free = ngx_pcalloc(cycle->pool, peer->most * sizeof(CURL *));
    if (client->free == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&client->waiting);
    ngx_queue_init(&client->running);
    ngx_queue_init(&client->ended);

    ngx_bo_breaker_init(&client->breaker, NGX_BO_OUTBOUND_FAILURES,
                        NGX_BO_OUTBOUND_PAUSE);

    client->turn.handler = ngx_bo_outbound_turn;
    client->turn.data = client;
    client->turn.log = cycle->log;

    client->idle.handler = ngx_bo_outbound_idle;
    client->idle.data = client;
    client->idle.log = cycle->log;
    client->idle.cancelable = 1;

    if (ngx_bo_outbound_mail_init(client) != NGX_OK) {
        return NGX_ERROR;
    }

    peer->client = client;

    /* a worker that was killed has left its gauges as they were */

    ngx_bo_outbound_gauge(client);

    return NGX_OK;
}


void
ngx_bo_outbound_stop(ngx_bo_outbound_t *outbound)
{
    ngx_uint_t                i, running;
    ngx_bo_outbound_peer_t  **peer;

    running = 0;
    peer = outbound->peers.elts;

    for (i = 0; i < outbound->peers.nelts; i++) {
        if (peer[i]->client) {
            ngx_bo_outbound_client_destroy(peer[i]->client);
            peer[i]->client = NULL;
            running = 1;
        }
    }

    if (running) {
        curl_global_cleanup();
    }
}


static void
ngx_bo_outbound_client_destroy(ngx_bo_outbound_client_t *client)
{
    ngx_queue_t           *q;
    ngx_uint_t             i;
    ngx_queue_t           *queues[3];
    ngx_bo_outbound_op_t  *op;

    queues[0] = &client->waiting;
    queues[1] = &client->running;
    queues[2] = &client->ended;

    for (i = 0; i < 3; i++) {
        while (!ngx_queue_empty(queues[i])) {
            q = ngx_queue_head(queues[i]);
            op = ngx_queue_data(q, ngx_bo_outbound_op_t, queue);

            (void) ngx_bo_outbound_take_out(op);
            ngx_queue_remove(q);
            ngx_bo_outbound_op_free(op);
        }
    }

    ngx_bo_outbound_http_close(client);
    ngx_bo_outbound_mail_done(client);

    if (client->turn.posted) {
        ngx_delete_posted_event(&client->turn);
    }

    if (client->idle.timer_set) {
        ngx_del_timer(&client->idle);
    }

    client->nwaiting = 0;
    client->nrunning = 0;
    client->breaker.open = 0;

    ngx_bo_outbound_gauge(client);
}


ngx_bo_outbound_op_t *
ngx_bo_outbound_submit(ngx_bo_outbound_peer_t *peer,
    ngx_bo_outbound_request_t *request, ngx_bo_outbound_handler_pt handler,
    void *data)
{
    ngx_bo_outbound_op_t      *op;
    ngx_bo_outbound_client_t  *client;

    client = peer->client;
    op = NULL;

    /* of those that wait, some have a place and begin in this turn */

    if (client
        && client->nwaiting + client->nrunning < peer->queue + peer->most
        && ngx_bo_outbound_ready(peer)
        && ngx_bo_outbound_valid(request))
    {
        op = ngx_bo_outbound_op_create(client, request);
    }

    if (op == NULL) {
        if (peer->stats) {
            (void) ngx_atomic_fetch_add(
                            &peer->stats->verdicts[NGX_BO_NOT_SENT], 1);
        }

        return NULL;
    }

    op->handler = handler;
    op->data = data;

    /* a worker that is told to go waits for what somebody waits for */

    op->deadline.cancelable = (handler == NULL);

    ngx_add_timer(&op->deadline, request->timeout ? request->timeout
                                                  : peer->timeout);

    ngx_queue_insert_tail(&client->waiting, &op->queue);
    client->nwaiting++;

    ngx_post_event(&client->turn, &ngx_posted_events);

    return op;
}


void
ngx_bo_outbound_cancel(ngx_bo_outbound_op_t *op)
{
    op->handler = NULL;
    op->deadline.cancelable = 1;

    if (op->state != NGX_BO_OUTBOUND_WAITING) {

        /*
         * It goes on: a server that has half a request knows less than one
         * that has all of it, and the breaker learns from its end.
         */

        return;
    }

    ngx_queue_remove(&op->queue);
    op->client->nwaiting--;
    ngx_bo_outbound_gauge(op->client);

    ngx_bo_outbound_op_free(op);
}


ngx_uint_t
ngx_bo_outbound_ready(ngx_bo_outbound_peer_t *peer)
{
    return peer->client != NULL && !ngx_bo_breaker_refuses(
                                                    &peer->client->breaker);
}


/*
 * What becomes a line of a protocol must not end that line: no control
 * character in it, and in a word of a line no blank either.
 */

static ngx_uint_t
ngx_bo_outbound_valid(ngx_bo_outbound_request_t *request)
{
    ngx_uint_t  i;

    if (!ngx_bo_outbound_plain(&request->method, '!')
        || !ngx_bo_outbound_plain(&request->path, '!')
        || !ngx_bo_outbound_address(&request->from))
    {
        return 0;
    }

    if (request->path.len && request->path.data[0] != '/') {
        return 0;
    }

    for (i = 0; i < request->nheaders; i++) {
        if (request->headers[i].key.len == 0
            || !ngx_bo_outbound_plain(&request->headers[i].key, '!')
            || !ngx_bo_outbound_plain(&request->headers[i].value, ' '))
        {
            return 0;
        }
    }

    for (i = 0; i < request->nrcpts; i++) {
        if (request->rcpts[i].len == 0
            || !ngx_bo_outbound_address(&request->rcpts[i]))
        {
            return 0;
        }
    }

    return 1;
}


/* It stands between "<" and ">". */

static ngx_uint_t
ngx_bo_outbound_address(ngx_str_t *s)
{
    return ngx_bo_outbound_plain(s, '!')
           && ngx_strlchr(s->data, s->data + s->len, '<') == NULL
           && ngx_strlchr(s->data, s->data + s->len, '>') == NULL;
}


static ngx_uint_t
ngx_bo_outbound_plain(ngx_str_t *s, u_char min)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < min || s->data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static ngx_bo_outbound_op_t *
ngx_bo_outbound_op_create(ngx_bo_outbound_client_t *client,
    ngx_bo_outbound_request_t *request)
{
    ngx_pool_t            *pool;
    ngx_bo_outbound_op_t  *op;

    pool = ngx_create_pool(2048, client->log);
    if (pool == NULL) {
        return NULL;
    }

    op = ngx_pcalloc(pool, sizeof(ngx_bo_outbound_op_t));

    if (op == NULL
        || ngx_bo_outbound_copy(pool, &op->request, request) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    op->pool = pool;
    op->client = client;
    op->submitted = ngx_current_msec;
    op->addrs = client->peer->addrs;
    op->naddrs = client->peer->naddrs;

    op->deadline.handler = ngx_bo_outbound_deadline;
    op->deadline.data = op;
    op->deadline.log = client->log;

    return op;
}


static ngx_int_t
ngx_bo_outbound_copy(ngx_pool_t *pool, ngx_bo_outbound_request_t *to,
    ngx_bo_outbound_request_t *from)
{
    ngx_uint_t              i;
    ngx_bo_outbound_aws_t  *aws;

    *to = *from;

    if (ngx_bo_outbound_dup(pool, &to->method) != NGX_OK
        || ngx_bo_outbound_dup(pool, &to->path) != NGX_OK
        || ngx_bo_outbound_dup(pool, &to->body) != NGX_OK
        || ngx_bo_outbound_dup(pool, &to->from) != NGX_OK)
    {
        return NGX_ERROR;
    }

    to->headers = ngx_palloc(pool, (from->nheaders + 1)
                                   * sizeof(ngx_keyval_t));
    to->rcpts = ngx_palloc(pool, (from->nrcpts + 1) * sizeof(ngx_str_t));

    if (to->headers == NULL || to->rcpts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < from->nheaders; i++) {
        to->headers[i] = from->headers[i];

        if (ngx_bo_outbound_dup(pool, &to->headers[i].key) != NGX_OK
            || ngx_bo_outbound_dup(pool, &to->headers[i].value) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < from->nrcpts; i++) {
        to->rcpts[i] = from->rcpts[i];

        if (ngx_bo_outbound_dup(pool, &to->rcpts[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (from->aws == NULL) {
        return NGX_OK;
    }

    aws = ngx_palloc(pool, sizeof(ngx_bo_outbound_aws_t));
    if (aws == NULL) {
        return NGX_ERROR;
    }

    *aws = *from->aws;
    to->aws = aws;

    if (ngx_bo_outbound_dup(pool, &aws->region) != NGX_OK
        || ngx_bo_outbound_dup(pool, &aws->service) != NGX_OK
        || ngx_bo_outbound_dup(pool, &aws->access_key) != NGX_OK
        || ngx_bo_outbound_dup(pool, &aws->secret_key) != NGX_OK
        || ngx_bo_outbound_dup(pool, &aws->session_token) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* In place, with a zero at the end: libcurl takes C strings. */

static ngx_int_t
ngx_bo_outbound_dup(ngx_pool_t *pool, ngx_str_t *s)
{
    u_char  *p;

    p = ngx_pnalloc(pool, s->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (s->len) {
        ngx_memcpy(p, s->data, s->len);
    }

    p[s->len] = '\0';
    s->data = p;

    return NGX_OK;
}


static void
ngx_bo_outbound_op_free(ngx_bo_outbound_op_t *op)
{
    if (op->deadline.timer_set) {
        ngx_del_timer(&op->deadline);
    }

    ngx_bo_outbound_http_free(op);
    ngx_destroy_pool(op->pool);
}


/* What ended is told, and what waits begins, as long as there are places. */

static void
ngx_bo_outbound_turn(ngx_event_t *ev)
{
    ngx_bo_outbound_client_t *client = ev->data;

    ngx_queue_t           *q;
    ngx_bo_outbound_op_t  *op;

    while (!ngx_queue_empty(&client->ended)) {
        q = ngx_queue_head(&client->ended);
        op = ngx_queue_data(q, ngx_bo_outbound_op_t, queue);

        ngx_queue_remove(q);

        if (op->handler) {
            op->handler(op->data, op->verdict, &op->answer);
        }

        ngx_bo_outbound_op_free(op);
    }

    while (!ngx_queue_empty(&client->waiting)
           && client->nrunning < client->peer->most)
    {
        q = ngx_queue_head(&client->waiting);
        op = ngx_queue_data(q, ngx_bo_outbound_op_t, queue);

        ngx_bo_outbound_begin(op);
    }

    if (client->nrunning == 0 && !client->idle.timer_set
        && (client->multi || !ngx_queue_empty(&client->kept)))
    {
        ngx_add_timer(&client->idle, NGX_BO_OUTBOUND_IDLE);
    }

    ngx_bo_outbound_gauge(client);
}


static void
ngx_bo_outbound_begin(ngx_bo_outbound_op_t *op)
{
    ngx_bo_outbound_client_t  *client = op->client;

    if (ngx_bo_outbound_late(op)) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "timed out in the queue");
        return;
    }

    /* an open breaker lets one through, whose end it learns from */

    if (!ngx_bo_breaker_allow(&client->breaker)) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "the breaker is open");
        return;
    }

    ngx_queue_remove(&op->queue);
    client->nwaiting--;

    ngx_queue_insert_tail(&client->running, &op->queue);
    client->nrunning++;
    op->running = 1;

    if (client->idle.timer_set) {
        ngx_del_timer(&client->idle);
    }

    if (op->naddrs) {
        ngx_bo_outbound_run(op);

    } else {
        ngx_bo_outbound_resolve(op);
    }
}


static ngx_uint_t
ngx_bo_outbound_late(ngx_bo_outbound_op_t *op)
{
    ngx_msec_t      timeout;
    ngx_msec_int_t  left;

    timeout = op->request.timeout ? op->request.timeout
                                  : op->client->peer->timeout;

    left = (ngx_msec_int_t) (op->submitted + timeout - ngx_current_msec);

    return left < (ngx_msec_int_t) ngx_min(timeout / 5, NGX_BO_OUTBOUND_LEFT);
}


static void
ngx_bo_outbound_resolve(ngx_bo_outbound_op_t *op)
{
    ngx_resolver_ctx_t  *ctx;
    ngx_bo_outbound_t   *outbound = op->client->outbound;

    ctx = ngx_resolve_start(outbound->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "no resolver to ask");
        return;
    }

    op->state = NGX_BO_OUTBOUND_RESOLVING;
    op->resolve = ctx;

    ctx->name = op->client->peer->host;
    ctx->handler = ngx_bo_outbound_resolved;
    ctx->data = op;
    ctx->timeout = outbound->resolver_timeout;

    /* what is in the resolver's cache comes from within this call */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        op->resolve = NULL;
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT, "the resolver failed");
    }
}


static void
ngx_bo_outbound_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_bo_outbound_op_t *op = ctx->data;

    ngx_uint_t        i, n;
    ngx_addr_t       *addr;
    struct sockaddr  *sockaddr;

    n = ctx->state ? 0 : ngx_min(ctx->naddrs, NGX_BO_OUTBOUND_ADDRS);
    addr = n ? ngx_pcalloc(op->pool, n * sizeof(ngx_addr_t)) : NULL;

    for (i = 0; addr && i < n; i++) {
        sockaddr = ngx_pnalloc(op->pool, ctx->addrs[i].socklen);
        if (sockaddr == NULL) {
            break;
        }

        ngx_memcpy(sockaddr, ctx->addrs[i].sockaddr, ctx->addrs[i].socklen);
        ngx_inet_set_port(sockaddr, op->client->peer->port);

        addr[i].sockaddr = sockaddr;
        addr[i].socklen = ctx->addrs[i].socklen;
    }

    op->addrs = addr;
    op->naddrs = addr ? i : 0;
    op->resolve = NULL;

    ngx_resolve_name_done(ctx);

    if (op->naddrs == 0) {
        ngx_bo_outbound_end(op, NGX_BO_NOT_SENT,
                            "the name could not be resolved");
        return;
    }

    ngx_bo_outbound_run(op);
}


static void
ngx_bo_outbound_run(ngx_bo_outbound_op_t *op)
{
    op->state = NGX_BO_OUTBOUND_RUNNING;

    if (op->client->peer->scheme & NGX_BO_OUTBOUND_MAIL) {
        ngx_bo_outbound_mail_begin(op);

    } else {
        ngx_bo_outbound_http_begin(op);
    }
}


/* Stops whatever is being done for op, and says what may have come of it. */

static ngx_bo_verdict_e
ngx_bo_outbound_take_out(ngx_bo_outbound_op_t *op)
{
    if (op->state == NGX_BO_OUTBOUND_RUNNING) {
        return op->client->peer->scheme & NGX_BO_OUTBOUND_MAIL
               ? ngx_bo_outbound_mail_stop(op)
               : ngx_bo_outbound_http_stop(op);
    }

    if (op->resolve) {
        ngx_resolve_name_done(op->resolve);
        op->resolve = NULL;
    }

    return NGX_BO_NOT_SENT;
}


static void
ngx_bo_outbound_deadline(ngx_event_t *ev)
{
    ngx_bo_outbound_op_t *op = ev->data;

    const char  *error;

    error = op->state == NGX_BO_OUTBOUND_WAITING
            ? "timed out in the queue"
            : op->state == NGX_BO_OUTBOUND_RESOLVING
              ? "timed out while its name was resolved" : "timed out";

    ngx_bo_outbound_end(op, ngx_bo_outbound_take_out(op), error);
}


void
ngx_bo_outbound_abort(ngx_bo_outbound_client_t *client)
{
    ngx_uint_t             i;
    ngx_queue_t           *q, *queues[2];
    ngx_bo_outbound_op_t  *op;

    queues[0] = &client->waiting;
    queues[1] = &client->running;

    for (i = 0; i < 2; i++) {
        while (!ngx_queue_empty(queues[i])) {
            q = ngx_queue_head(queues[i]);
            op = ngx_queue_data(q, ngx_bo_outbound_op_t, queue);

            ngx_bo_outbound_end(op, ngx_bo_outbound_take_out(op),
                                "the worker shuts down");
        }
    }
}


void
ngx_bo_outbound_end(ngx_bo_outbound_op_t *op, ngx_bo_verdict_e verdict,
    const char *error)
{
    ngx_bo_outbound_client_t  *client = op->client;

    op->verdict = verdict;
    op->answer.error = error;

    ngx_queue_remove(&op->queue);

    if (op->running) {
        ngx_bo_outbound_judge(op);
        ngx_bo_outbound_observe(op);
        client->nrunning--;

    } else {
        client->nwaiting--;
    }

    op->state = NGX_BO_OUTBOUND_ENDED;

    if (op->deadline.timer_set) {
        ngx_del_timer(&op->deadline);
    }

    if (client->peer->stats) {
        (void) ngx_atomic_fetch_add(&client->peer->stats->verdicts[verdict],
                                    1);
    }

    /* an exiting worker goes when there are no timers: not before this */

    ngx_queue_insert_tail(&client->ended, &op->queue);
    ngx_post_event(&client->turn, &ngx_posted_events);
}


/*
 * The breaker judges the server, not the request: whoever answers is there,
 * whatever the answer.
 */

static void
ngx_bo_outbound_judge(ngx_bo_outbound_op_t *op)
{
    ngx_uint_t                 open;
    ngx_bo_outbound_peer_t    *peer;
    ngx_bo_outbound_client_t  *client;

    client = op->client;
    peer = client->peer;

    if (op->verdict == NGX_BO_DONE) {
        ngx_bo_breaker_success(&client->breaker);

        if (client->warned) {
            ngx_log_error(NGX_LOG_NOTICE, client->log, 0,
                          "outbound \"%V\" answers again", &peer->name);
        }

        client->warned = 0;
        return;
    }

    open = client->breaker.open;
    ngx_bo_breaker_failure(&client->breaker);

    if (client->breaker.open && !open && peer->stats) {
        (void) ngx_atomic_fetch_add(&peer->stats->opened, 1);
    }

    if (!client->warned) {
        ngx_log_error(NGX_LOG_WARN, client->log, 0,
                      "outbound \"%V\" failed: %s", &peer->name,
                      op->answer.error);
        client->warned = 1;
    }
}


static void
ngx_bo_outbound_observe(ngx_bo_outbound_op_t *op)
{
    ngx_uint_t                i;
    ngx_msec_t                elapsed;
    ngx_bo_outbound_stats_t  *stats;

    stats = op->client->peer->stats;

    if (stats == NULL) {
        return;
    }

    if (op->verdict == NGX_BO_DONE && op->answer.status >= 400) {
        (void) ngx_atomic_fetch_add(&stats->errors, 1);
    }

    elapsed = ngx_current_msec - op->submitted;

    for (i = 0; i < NGX_BO_OUTBOUND_BUCKETS; i++) {
        if (elapsed <= ngx_bo_outbound_bucket_msec[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&stats->bucket[i], 1);
    (void) ngx_atomic_fetch_add(&stats->sum, (ngx_atomic_int_t) elapsed);
}


static void
ngx_bo_outbound_gauge(ngx_bo_outbound_client_t *client)
{
    ngx_uint_t                worker;
    ngx_bo_outbound_stats_t  *stats;

    stats = client->peer->stats;
    worker = ngx_worker % NGX_BO_OUTBOUND_WORKERS;

    if (stats) {
        stats->worker[worker].waiting = (uint32_t) client->nwaiting;
        stats->worker[worker].inflight = (uint32_t) client->nrunning;
        stats->worker[worker].open = client->breaker.open;
    }
}


/* Connections that are kept cost the server more than us; it may want to go. */

static void
ngx_bo_outbound_idle(ngx_event_t *ev)
{
    ngx_bo_outbound_client_t *client = ev->data;

    if (client->nrunning == 0) {
        ngx_bo_outbound_http_close(client);
        ngx_bo_outbound_mail_close_kept(client);
    }
}
