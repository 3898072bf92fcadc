
/*
 * A topic of Kafka:
 *
 *     boxoffice_outbox_sink kafka brokers=host:port,... topic=name
 *                               [property=name=value ...];
 *
 * The key is the aggregate, so that its events stay in one partition and in
 * order.  librdkafka has threads of its own, which begin after the fork; they
 * only ever write a byte into a pipe, and everything else happens here, on the
 * worker's event loop.
 */


#include "ngx_bo_sink_http.h"

#include <librdkafka/rdkafka.h>


typedef struct {
    ngx_str_t                brokers;
    ngx_str_t                topic;
    ngx_array_t             *properties;    /* of ngx_keyval_t */
} ngx_bo_kafka_t;


/* Of a worker. */

typedef struct {
    ngx_bo_sink_t           *sink;
    rd_kafka_t              *rk;
    rd_kafka_queue_t        *queue;
    ngx_connection_t        *wakes;         /* the pipe's end that is read */
    int                      fds[2];
    ngx_event_t              timer;         /* keeps the worker, while events
                                             * are under way */
    ngx_uint_t               inflight;
} ngx_bo_kafka_worker_t;


static ngx_bo_kafka_t *ngx_bo_kafka_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static char *ngx_bo_kafka_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value);
static char *ngx_bo_kafka_property(ngx_conf_t *cf, ngx_bo_kafka_t *kafka,
    ngx_str_t *value);
static char *ngx_bo_kafka_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static rd_kafka_conf_t *ngx_bo_kafka_settings(ngx_bo_sink_t *sink,
    char *error, size_t size);
static ngx_int_t ngx_bo_kafka_start(ngx_bo_sink_t *sink);
static ngx_int_t ngx_bo_kafka_listen(ngx_bo_kafka_worker_t *w);
static void ngx_bo_kafka_stop(ngx_bo_sink_t *sink);
static void ngx_bo_kafka_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n);
static rd_kafka_resp_err_t ngx_bo_kafka_produce(ngx_bo_kafka_worker_t *w,
    ngx_bo_delivery_t *d);
static void ngx_bo_kafka_woken(ngx_event_t *ev);
static void ngx_bo_kafka_timer(ngx_event_t *ev);
static void ngx_bo_kafka_delivered(rd_kafka_t *rk,
    const rd_kafka_message_t *message, void *opaque);
static void ngx_bo_kafka_ended(ngx_bo_delivery_t *d, rd_kafka_resp_err_t err);
static void ngx_bo_kafka_log(const rd_kafka_t *rk, int level, const char *fac,
    const char *text);


ngx_bo_sink_kind_t  ngx_bo_sink_kafka = {
    "kafka",
    0,
    ngx_bo_kafka_option,
    ngx_bo_kafka_complete,
    ngx_bo_kafka_start,
    ngx_bo_kafka_stop,
    ngx_bo_kafka_send
};


static ngx_bo_kafka_t *
ngx_bo_kafka_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    if (sink->conf == NULL) {
        sink->conf = ngx_pcalloc(cf->pool, sizeof(ngx_bo_kafka_t));
    }

    return sink->conf;
}


/* Values of directives end with a zero byte. */

static char *
ngx_bo_kafka_option(ngx_conf_t *cf, ngx_bo_sink_t *sink, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_bo_kafka_t  *kafka;

    kafka = ngx_bo_kafka_conf(cf, sink);
    if (kafka == NULL) {
        return "no memory";
    }

    if (ngx_bo_sink_is(name, "brokers")) {
        kafka->brokers = *value;
        return NULL;
    }

    if (ngx_bo_sink_is(name, "topic")) {
        kafka->topic = *value;
        return NULL;
    }

    if (ngx_bo_sink_is(name, "property")) {
        return ngx_bo_kafka_property(cf, kafka, value);
    }

    return NGX_CONF_UNSET_PTR;
}


static char *
ngx_bo_kafka_property(ngx_conf_t *cf, ngx_bo_kafka_t *kafka, ngx_str_t *value)
{
    u_char        *p;
    ngx_keyval_t  *property;

    p = (u_char *) ngx_strchr(value->data, '=');
    if (p == NULL) {
        return "a property is name=value";
    }

    if (kafka->properties == NULL) {
        kafka->properties = ngx_array_create(cf->pool, 4,
                                             sizeof(ngx_keyval_t));
        if (kafka->properties == NULL) {
            return "no memory";
        }
    }

    property = ngx_array_push(kafka->properties);
    if (property == NULL) {
        return "no memory";
    }

    property->value.data = p + 1;
    property->key.len = p - value->data;
    property->key.data = ngx_pnalloc(cf->pool, property->key.len + 1);

    if (property->key.data == NULL) {
        return "no memory";
    }

    ngx_cpystrn(property->key.data, value->data, property->key.len + 1);

    return NULL;
}


static char *
ngx_bo_kafka_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    char              error[256];
    ngx_bo_kafka_t   *kafka;
    rd_kafka_conf_t  *conf;

    kafka = ngx_bo_kafka_conf(cf, sink);
    if (kafka == NULL) {
        return "no memory";
    }

    if (kafka->brokers.len == 0 || kafka->topic.len == 0) {
        return kafka->topic.len ? "\"brokers=\" is missing"
                                : "\"topic=\" is missing";
    }

    conf = ngx_bo_kafka_settings(sink, error, sizeof(error));

    if (conf == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_outbox_sink\": %s", error);
        return "a property is refused";
    }

    rd_kafka_conf_destroy(conf);

    return NULL;
}


/*
 * The operator's properties come last but for what this file rests on.
 * Without memory librdkafka ends the process, as it does everywhere.
 */

static rd_kafka_conf_t *
ngx_bo_kafka_settings(ngx_bo_sink_t *sink, char *error, size_t size)
{
    u_char            timeout[NGX_INT_T_LEN + 1];
    ngx_uint_t        i, n;
    ngx_keyval_t     *property;
    ngx_bo_kafka_t   *kafka = sink->conf;
    rd_kafka_conf_t  *conf;

    *ngx_sprintf(timeout, "%M", sink->timeout) = '\0';

    struct {
        const char  *name;
        const char  *value;
    } settings[] = {
        { "bootstrap.servers", (char *) kafka->brokers.data },
        { "enable.idempotence", "true" },
        { "linger.ms", "2" },
        { "message.timeout.ms", (char *) timeout },
        { "log.queue", "true" }
    };

    conf = rd_kafka_conf_new();

    for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (rd_kafka_conf_set(conf, settings[i].name, settings[i].value,
                              error, size)
            != RD_KAFKA_CONF_OK)
        {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }

    n = kafka->properties ? kafka->properties->nelts : 0;
    property = n ? kafka->properties->elts : NULL;

    for (i = 0; i < n; i++) {
        if (rd_kafka_conf_set(conf, (char *) property[i].key.data,
                              (char *) property[i].value.data, error, size)
            != RD_KAFKA_CONF_OK)
        {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }

    rd_kafka_conf_set_dr_msg_cb(conf, ngx_bo_kafka_delivered);
    rd_kafka_conf_set_log_cb(conf, ngx_bo_kafka_log);

    return conf;
}


static ngx_int_t
ngx_bo_kafka_start(ngx_bo_sink_t *sink)
{
    char                    error[256];
    ngx_log_t              *log = sink->store->log;
    rd_kafka_conf_t        *conf;
    ngx_bo_kafka_worker_t  *w;

    w = ngx_pcalloc(sink->store->cycle->pool, sizeof(ngx_bo_kafka_worker_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->sink = sink;
    w->timer.handler = ngx_bo_kafka_timer;
    w->timer.data = w;
    w->timer.log = log;

    conf = ngx_bo_kafka_settings(sink, error, sizeof(error));

    if (conf != NULL) {
        rd_kafka_conf_set_opaque(conf, w);
        w->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));

        if (w->rk == NULL) {
            rd_kafka_conf_destroy(conf);
        }
    }

    sink->data = w;

    /*
     * What properties mean together is only seen here: then everything else
     * goes on, and the events of this sink wait.
     */

    if (w->rk == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "boxoffice: sink \"%V\" cannot be used: %s",
                      &sink->name, error);
        return NGX_OK;
    }

    (void) rd_kafka_set_log_queue(w->rk, NULL);
    w->queue = rd_kafka_queue_get_main(w->rk);

    return ngx_bo_kafka_listen(w);
}


static ngx_int_t
ngx_bo_kafka_listen(ngx_bo_kafka_worker_t *w)
{
    ngx_log_t         *log = w->sink->store->log;
    ngx_connection_t  *c;

    if (pipe(w->fds) == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "pipe() failed");
        return NGX_ERROR;
    }

    if (ngx_nonblocking(w->fds[0]) == -1 || ngx_nonblocking(w->fds[1]) == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "ioctl(FIONBIO) failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(w->fds[0], log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = w;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->read->handler = ngx_bo_kafka_woken;

    w->wakes = c;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        return NGX_ERROR;
    }

    rd_kafka_queue_io_event_enable(w->queue, w->fds[1], "", 1);

    return NGX_OK;
}


/* What is under way is dropped: it is not marked, and goes again. */

static void
ngx_bo_kafka_stop(ngx_bo_sink_t *sink)
{
    ngx_bo_kafka_worker_t *w = sink->data;

    sink->data = NULL;

    if (w == NULL || w->rk == NULL) {
        return;
    }

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    if (w->wakes) {
        rd_kafka_queue_io_event_enable(w->queue, -1, NULL, 0);
        ngx_del_event(w->wakes->read, NGX_READ_EVENT, 0);
        ngx_free_connection(w->wakes);
        w->wakes->fd = (ngx_socket_t) -1;
        (void) close(w->fds[0]);
        (void) close(w->fds[1]);
    }

    (void) rd_kafka_purge(w->rk, RD_KAFKA_PURGE_F_QUEUE
                                 |RD_KAFKA_PURGE_F_INFLIGHT
                                 |RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_queue_destroy(w->queue);
    rd_kafka_destroy_flags(w->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}


static void
ngx_bo_kafka_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d, ngx_uint_t n)
{
    ngx_uint_t              i;
    rd_kafka_resp_err_t     err;
    ngx_bo_kafka_worker_t  *w = sink->data;

    for (i = 0; i < n; i++) {
        err = w->rk ? ngx_bo_kafka_produce(w, d[i])
                    : RD_KAFKA_RESP_ERR__INVALID_ARG;

        if (err) {
            ngx_bo_kafka_ended(d[i], err);
            continue;
        }

        w->inflight++;
    }

    if (w->inflight && !w->timer.timer_set) {
        ngx_add_timer(&w->timer, sink->timeout);
    }
}


static rd_kafka_resp_err_t
ngx_bo_kafka_produce(ngx_bo_kafka_worker_t *w, ngx_bo_delivery_t *d)
{
    u_char                version[NGX_INT_T_LEN], *last;
    ngx_str_t             text;
    ngx_pool_t           *pool;
    ngx_bo_event_t       *event = &d->event;
    ngx_bo_kafka_t       *kafka = w->sink->conf;
    rd_kafka_resp_err_t   err;

    pool = ngx_create_pool(4096, w->sink->store->log);
    if (pool == NULL) {
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }

    if (ngx_bo_event_json(event, pool, &text) != NGX_OK) {
        ngx_destroy_pool(pool);
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }

    last = ngx_sprintf(version, "%ui", event->version);

    err = rd_kafka_producev(w->rk,
              RD_KAFKA_V_TOPIC((char *) kafka->topic.data),
              RD_KAFKA_V_KEY(event->aggregate.data, event->aggregate.len),
              RD_KAFKA_V_VALUE(text.data, text.len),
              RD_KAFKA_V_HEADER("id", event->id.data, event->id.len),
              RD_KAFKA_V_HEADER("type", event->type.data, event->type.len),
              RD_KAFKA_V_HEADER("version", version,
                                (size_t) (last - version)),
              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
              RD_KAFKA_V_OPAQUE(d),
              RD_KAFKA_V_END);

    ngx_destroy_pool(pool);

    return err;
}


/* One byte stands for any number of reports. */

static void
ngx_bo_kafka_woken(ngx_event_t *ev)
{
    u_char                  buf[64];
    ssize_t                 n;
    ngx_connection_t       *c = ev->data;
    ngx_bo_kafka_worker_t  *w = c->data;

    do {
        n = read(c->fd, buf, sizeof(buf));
    } while (n == sizeof(buf) || (n == -1 && ngx_errno == NGX_EINTR));

    (void) rd_kafka_poll(w->rk, 0);
}


/* Should a wake have been lost, this finds what was reported. */

static void
ngx_bo_kafka_timer(ngx_event_t *ev)
{
    ngx_bo_kafka_worker_t *w = ev->data;

    (void) rd_kafka_poll(w->rk, 0);

    if (w->inflight && !w->timer.timer_set) {
        ngx_add_timer(&w->timer, w->sink->timeout);
    }
}


static void
ngx_bo_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message,
    void *opaque)
{
    ngx_bo_kafka_worker_t *w = opaque;

    if (--w->inflight == 0 && w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    ngx_bo_kafka_ended(message->_private, message->err);
}


static void
ngx_bo_kafka_ended(ngx_bo_delivery_t *d, rd_kafka_resp_err_t err)
{
    const char  *name;

    name = rd_kafka_err2name(err);

    switch (err) {

    case RD_KAFKA_RESP_ERR_NO_ERROR:
        ngx_bo_sink_done(d, NGX_BO_SINK_DELIVERED, 0, NULL);
        return;

    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        ngx_bo_sink_done(d, NGX_BO_SINK_POISON, 0, name);
        return;

    default:

        /* all else is the cluster's */

        ngx_bo_sink_done(d, NGX_BO_SINK_AWAY, 0, name);
    }
}


/* Called by rd_kafka_poll(): the logs go through the queue, too. */

static void
ngx_bo_kafka_log(const rd_kafka_t *rk, int level, const char *fac,
    const char *text)
{
    ngx_uint_t              severity;
    ngx_bo_kafka_worker_t  *w = rd_kafka_opaque(rk);

    severity = level <= 3 ? NGX_LOG_WARN : NGX_LOG_INFO;

    ngx_log_error(severity, w->sink->store->log, 0, "kafka \"%V\": %s: %s",
                  &w->sink->name, fac, text);
}
