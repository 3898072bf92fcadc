
/*
 * The stream of events in Redis:
 *
 *     boxoffice_outbox_sink redis [stream=key] [maxlen=number];
 *
 * Each event is an entry of the fields id, type, aggregate, version, time (ms
 * since 1970) and data (JSON).
 */


#include "ngx_bo_sink.h"


#define NGX_BO_SINK_STREAM_ARGS  18


typedef struct {
    ngx_str_t                stream;
    ngx_str_t                maxlen;        /* entries, about */
} ngx_bo_sink_stream_t;


static ngx_bo_sink_stream_t *ngx_bo_sink_stream_conf(ngx_conf_t *cf,
    ngx_bo_sink_t *sink);
static char *ngx_bo_sink_stream_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value);
static char *ngx_bo_sink_stream_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static void ngx_bo_sink_stream_send(ngx_bo_sink_t *sink,
    ngx_bo_delivery_t **d, ngx_uint_t n);
static void ngx_bo_sink_stream_added(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);


ngx_bo_sink_kind_t  ngx_bo_sink_redis = {
    "redis",
    1,
    ngx_bo_sink_stream_option,
    ngx_bo_sink_stream_complete,
    NULL,
    NULL,
    ngx_bo_sink_stream_send
};


static ngx_bo_sink_stream_t *
ngx_bo_sink_stream_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    ngx_bo_sink_stream_t  *conf;

    if (sink->conf == NULL) {
        conf = ngx_palloc(cf->pool, sizeof(ngx_bo_sink_stream_t));
        if (conf == NULL) {
            return NULL;
        }

        ngx_str_set(&conf->stream, "boxoffice:events");
        ngx_str_set(&conf->maxlen, "100000");

        sink->conf = conf;
    }

    return sink->conf;
}


static char *
ngx_bo_sink_stream_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_bo_sink_stream_t  *conf;

    conf = ngx_bo_sink_stream_conf(cf, sink);
    if (conf == NULL) {
        return "no memory";
    }

    if (name->len == 6 && ngx_strncmp(name->data, "stream", 6) == 0) {
        conf->stream = *value;
        return NULL;
    }

    if (name->len == 6 && ngx_strncmp(name->data, "maxlen", 6) == 0) {
        if (ngx_atoi(value->data, value->len) < 1) {
            return "invalid value";
        }

        conf->maxlen = *value;
        return NULL;
    }

    return NGX_CONF_UNSET_PTR;
}


static char *
ngx_bo_sink_stream_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    return ngx_bo_sink_stream_conf(cf, sink) ? NULL : "no memory";
}


static void
ngx_bo_sink_stream_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n)
{
    u_char                 version[NGX_INT_T_LEN], time[NGX_INT64_LEN];
    ngx_str_t              v[NGX_BO_SINK_STREAM_ARGS];
    ngx_uint_t             i;
    ngx_bo_event_t        *event;
    ngx_bo_sink_stream_t  *conf = sink->conf;

    ngx_str_set(&v[0], "XADD");
    v[1] = conf->stream;
    ngx_str_set(&v[2], "MAXLEN");
    ngx_str_set(&v[3], "~");
    v[4] = conf->maxlen;
    ngx_str_set(&v[5], "*");
    ngx_str_set(&v[6], "id");
    ngx_str_set(&v[8], "type");
    ngx_str_set(&v[10], "aggregate");
    ngx_str_set(&v[12], "version");
    ngx_str_set(&v[14], "time");
    ngx_str_set(&v[16], "data");

    for (i = 0; i < n; i++) {
        event = &d[i]->event;

        v[7] = event->id;
        v[9] = event->type;
        v[11] = event->aggregate;
        v[13].data = version;
        v[13].len = ngx_sprintf(version, "%ui", event->version) - version;
        v[15].data = time;
        v[15].len = ngx_sprintf(time, "%L", event->created) - time;

        v[17] = event->payload;

        if (ngx_bo_redis_command(sink->store->redis, NGX_BO_SINK_STREAM_ARGS,
                                 v, ngx_bo_sink_stream_added, d[i])
            == NULL)
        {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "redis is away");
        }
    }
}


/* Nothing that Redis refuses is the event's fault. */

static void
ngx_bo_sink_stream_added(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply)
{
    char                error[64];
    ngx_bo_delivery_t  *d = data;

    if (verdict != NGX_BO_DONE) {
        ngx_bo_sink_done(d, NGX_BO_SINK_AWAY, 0,
                         verdict == NGX_BO_UNKNOWN ? "no answer of redis"
                                                   : "redis is away");
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_cpystrn((u_char *) error, (u_char *) reply->str, sizeof(error));
        ngx_bo_sink_done(d, NGX_BO_SINK_AWAY, 0, error);
        return;
    }

    ngx_bo_sink_done(d, NGX_BO_SINK_DELIVERED, 0, NULL);
}
