
/*
 * /healthz, /readyz and /metrics.
 */


#include "ngx_http_bo_catalogue_conf.h"
#include "store/ngx_bo_limit.h"
#include "store/ngx_bo_room.h"


#define NGX_HTTP_BO_METRIC_LEN  256


typedef struct {
    const char              *name;
    const char              *help;
    const char              *type;
    size_t                   offset;
} ngx_http_bo_metric_t;


static ngx_int_t ngx_http_bo_status_send(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, ngx_str_t *body);
static size_t ngx_http_bo_metric_lines(ngx_http_bo_main_conf_t *mcf);
static ngx_atomic_uint_t ngx_http_bo_streams(ngx_bo_metrics_t *m);
static u_char *ngx_http_bo_put_limits(u_char *p, ngx_array_t *zones,
    ngx_uint_t dry, const char *name, const char *help);
static u_char *ngx_http_bo_put_rooms(u_char *p, ngx_array_t *rooms);
static u_char *ngx_http_bo_put_sinks(u_char *p, ngx_bo_metrics_t *m);
static u_char *ngx_http_bo_put_bookings(u_char *p, ngx_bo_store_t *store);
static u_char *ngx_http_bo_put_notify(u_char *p, ngx_bo_metrics_t *m);
static u_char *ngx_http_bo_put_money(u_char *p, ngx_bo_money_stats_t *money);
static u_char *ngx_http_bo_put_upstreams(u_char *p, ngx_bo_metrics_t *m);
static u_char *ngx_http_bo_put_histogram(u_char *p, const char *name,
    const char *help, ngx_bo_histogram_t *h);



/* See ngx_http_bo_put_rooms(). */

static struct {
    const char              *name;
    const char              *help;
    const char              *type;
} ngx_http_bo_room_metrics[] = {
    { "room_waiting", "People who wait", "gauge" },
    { "room_inside", "People who were let in and are not done", "gauge" },
    { "room_admitted_total", "People let in, by all nodes", "counter" },
    { "room_skipped_total", "People passed over for their silence",
      "counter" },
    { "room_joins_total", "Joins answered with a place", "counter" },
    { "room_refused_total", "Joins refused", "counter" },
    { "room_polls_total", "Polls answered", "counter" },
    { "room_hasty_total", "Polls that came too early", "counter" },
    { "room_entered_total", "Requests let through the gate", "counter" },
    { "room_turned_away_total", "Requests turned away at the gate",
      "counter" },
    { "room_demand", "Requests a second at the gate and to join", "gauge" },
    { "room_rate", "People a second, as the operator set it", "gauge" },
    { "room_phase", "0 OFF, 1 LOBBY, 2 OPEN, 3 PAUSED, 4 DRAINING",
      "gauge" },
    { "room_leads", "Whether this node admits", "gauge" },
    { "room_nodes", "Nodes that share the room", "gauge" }
};

#define NGX_HTTP_BO_ROOM_METRICS                                              \
    (sizeof(ngx_http_bo_room_metrics) / sizeof(ngx_http_bo_room_metrics[0]))


static ngx_http_bo_metric_t  ngx_http_bo_counters[] = {

#define NGX_HTTP_BO_COUNTER(name, help)                                       \
    { #name "_total", help, "counter", offsetof(ngx_bo_metrics_t, name) },

    NGX_BO_COUNTERS(NGX_HTTP_BO_COUNTER)

#undef NGX_HTTP_BO_COUNTER

    { NULL, NULL, NULL, 0 }
};


/* Each has the name of its sink as a label. */

static ngx_http_bo_metric_t  ngx_http_bo_sinks[] = {
    { "outbox_published_total", "Events delivered", "counter",
      offsetof(ngx_bo_sink_stats_t, published) },
    { "outbox_failures_total", "Tries to deliver that failed", "counter",
      offsetof(ngx_bo_sink_stats_t, failures) },
    { "outbox_dead_total", "Events given up", "counter",
      offsetof(ngx_bo_sink_stats_t, dead) },
    { "outbox_pending", "Events that a sink has yet to get", "gauge",
      offsetof(ngx_bo_sink_stats_t, pending) },
    { "outbox_oldest_milliseconds", "Age of the oldest of those", "gauge",
      offsetof(ngx_bo_sink_stats_t, oldest) },
    { "outbox_dead_letters", "Events given up and not decided about", "gauge",
      offsetof(ngx_bo_sink_stats_t, letters) },

    { NULL, NULL, NULL, 0 }
};


#define ngx_http_bo_upstream(name, help)                                      \
    { "upstream_" #name, help, "gauge",                                       \
      offsetof(ngx_bo_upstream_stats_t, name) }

#define ngx_http_bo_upstream_counter(name, help)                              \
    { "upstream_" #name "_total", help, "counter",                            \
      offsetof(ngx_bo_upstream_stats_t, name) }

static ngx_http_bo_metric_t  ngx_http_bo_upstreams[] = {

    ngx_http_bo_upstream_counter(operations, "Operations submitted"),
    ngx_http_bo_upstream_counter(errors, "Error answers of the server"),
    ngx_http_bo_upstream_counter(unknown, "Operations without a clean answer"),
    ngx_http_bo_upstream_counter(refused,
                                 "Operations refused before they were sent"),
    ngx_http_bo_upstream_counter(connects, "Connections established"),
    ngx_http_bo_upstream_counter(disconnects, "Connections lost"),
    ngx_http_bo_upstream_counter(batches, "Writes that carried a batch"),
    ngx_http_bo_upstream_counter(batched, "Operations in batches"),
    ngx_http_bo_upstream(waiting, "Operations that wait to be sent"),
    ngx_http_bo_upstream(inflight, "Operations sent and not answered"),

    { NULL, NULL, NULL, 0 }
};


ngx_int_t
ngx_http_bo_health_handler(ngx_http_request_t *r)
{
    ngx_uint_t                redis, postgres;
    ngx_bo_store_t           *store;
    ngx_http_bo_loc_conf_t   *lcf;
    ngx_http_bo_main_conf_t  *mcf;

    static ngx_str_t  ok = ngx_string("{\"status\":\"ok\"}");
    static ngx_str_t  no_redis = ngx_string(
                              "{\"status\":\"unavailable\",\"redis\":false}");
    static ngx_str_t  no_postgres = ngx_string(
                           "{\"status\":\"unavailable\",\"postgres\":false}");
    static ngx_str_t  no_bookings = ngx_string(
                                 "{\"status\":\"ok\",\"bookings\":false}");

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);

    store = mcf->store;

    if (!lcf->ready) {
        return ngx_http_bo_status_send(r, NGX_HTTP_OK, "application/json",
                                       &ok);
    }

    redis = store && ngx_bo_redis_ready(store->redis);
    postgres = store && ngx_bo_pg_ready(store->pg);

    if (!redis || !postgres) {
        return ngx_http_bo_status_send(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "application/json",
                                       redis ? &no_postgres : &no_redis);
    }

    /* the node is of use without them: they are told, not held against it */

    if (store->bookings && !ngx_bo_bookings_durable(store->bookings)) {
        return ngx_http_bo_status_send(r, NGX_HTTP_OK, "application/json",
                                       &no_bookings);
    }

    return ngx_http_bo_status_send(r, NGX_HTTP_OK, "application/json", &ok);
}


ngx_int_t
ngx_http_bo_metrics_handler(ngx_http_request_t *r)
{
    u_char                   *p;
    ngx_str_t                 body;
    ngx_uint_t                i;
    ngx_bo_metrics_t         *m;
    ngx_http_bo_metric_t     *metric;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);

    if (mcf->store == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    m = &mcf->store->zone->metrics;

    p = ngx_pnalloc(r->pool, ngx_http_bo_metric_lines(mcf)
                             * NGX_HTTP_BO_METRIC_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    for (metric = ngx_http_bo_counters; metric->name; metric++) {
        p = ngx_http_bo_put_metric(p, metric->name, metric->help,
                                   metric->type);
        p = ngx_sprintf(p, "boxoffice_%s %uA\n", metric->name,
                        *(ngx_atomic_t *) ((u_char *) m + metric->offset));
    }

    p = ngx_http_bo_put_metric(p, "requests_total",
                               "Answers by class of status", "counter");

    for (i = 1; i < 6; i++) {
        p = ngx_sprintf(p, "boxoffice_requests_total{status=\"%uixx\"} %uA\n",
                        i, m->requests[i]);
    }

    p = ngx_http_bo_put_metric(p, "streams", "Streams that are open", "gauge");
    p = ngx_sprintf(p, "boxoffice_streams %uA\n", ngx_http_bo_streams(m));

    p = ngx_http_bo_put_limits(p, &mcf->limit_zones, 0, "limit_refused_total",
                               "Requests that a limit refused");
    p = ngx_http_bo_put_limits(p, &mcf->limit_zones, 1, "limit_dry_total",
                               "Requests that a limit would have refused");
    p = ngx_http_bo_put_rooms(p, &mcf->rooms);
    p = ngx_http_bo_put_sinks(p, m);
    p = ngx_http_bo_put_bookings(p, mcf->store);
    p = ngx_http_bo_put_notify(p, m);
    p = ngx_http_bo_put_money(p, &m->money);
    p = ngx_http_bo_put_upstreams(p, m);
    p = ngx_http_bo_put_histogram(p, "outbox_seconds",
                                  "Time from an event to its stream",
                                  &m->outbox);
    p = ngx_http_bo_put_auth(p, mcf);
    p = ngx_http_bo_put_outbound(p, &mcf->outbound);
    p = ngx_http_bo_put_catalogue(p, ngx_http_bo_catalogue_pages(mcf));
    p = ngx_http_bo_put_zones(p, 0);
    p = ngx_http_bo_put_zones(p, 1);
    p = ngx_http_bo_put_histogram(p, "hold_seconds",
                                  "Time to lock seats in Redis", &m->hold);
    p = ngx_http_bo_put_histogram(p, "order_seconds",
                                  "Time to create an order", &m->order);
    p = ngx_http_bo_put_histogram(p, "confirm_seconds",
                                  "Time to confirm an order", &m->confirm);

    body.len = p - body.data;

    return ngx_http_bo_status_send(r, NGX_HTTP_OK,
                                   "text/plain; version=0.0.4", &body);
}


/* More lines than there are. */

static size_t
ngx_http_bo_metric_lines(ngx_http_bo_main_conf_t *mcf)
{
    return sizeof(ngx_http_bo_counters) / sizeof(ngx_http_bo_metric_t)
           + 3 * sizeof(ngx_http_bo_upstreams) / sizeof(ngx_http_bo_metric_t)
           + 4 * (NGX_BO_BUCKETS + 4) + 9 + 6 + 3
           + 4 + (1 + NGX_BO_SINKS_MAX) * sizeof(ngx_http_bo_sinks)
                 / sizeof(ngx_http_bo_metric_t)
           + 2 + 4 * NGX_BO_NOTIFY_KINDS
           + 1 + sizeof(ngx_bo_money_stats_t) / sizeof(ngx_atomic_t)
           + 2 + 2 * mcf->limit_zones.nelts
           + NGX_HTTP_BO_ROOM_METRICS * (1 + mcf->rooms.nelts)
           + ngx_http_bo_auth_lines(mcf)
           + NGX_HTTP_BO_CATALOGUE_LINES
           + ngx_http_bo_zones_lines()
           + ngx_http_bo_outbound_lines(&mcf->outbound);
}


static ngx_atomic_uint_t
ngx_http_bo_streams(ngx_bo_metrics_t *m)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    n = 0;

    for (i = 0; i < NGX_BO_WORKERS; i++) {
        n += m->streams[i];
    }

    return n;
}


u_char *
ngx_http_bo_put_metric(u_char *p, const char *name, const char *help,
    const char *type)
{
    return ngx_sprintf(p, "# HELP boxoffice_%s %s\n# TYPE boxoffice_%s %s\n",
                       name, help, name, type);
}


static u_char *
ngx_http_bo_put_limits(u_char *p, ngx_array_t *zones, ngx_uint_t dry,
    const char *name, const char *help)
{
    ngx_uint_t        i;
    ngx_bo_limit_t   *limit;
    ngx_shm_zone_t  **zone = zones->elts;

    if (zones->nelts == 0) {
        return p;
    }

    p = ngx_http_bo_put_metric(p, name, help, "counter");

    for (i = 0; i < zones->nelts; i++) {
        limit = zone[i]->data;
        p = ngx_sprintf(p, "boxoffice_%s{limit=\"%V\"} %uA\n", name,
                        &limit->name, ngx_bo_limit_counted(limit, dry));
    }

    return p;
}


/* In the order of ngx_http_bo_room_metrics. */

static uint64_t
ngx_http_bo_room_value(ngx_bo_room_zone_t *z, ngx_uint_t metric)
{
    uint64_t  values[NGX_HTTP_BO_ROOM_METRICS] = {
        z->room->nwaiting, z->room->nadmitted, z->room->admissions,
        z->room->skips, z->joins, z->refused, z->polls, z->hasty, z->entered,
        z->turned_away, z->demand, z->agreed.rate, z->agreed.phase,
        z->fence != 0, z->nodes
    };

    return values[metric];
}


/* By room, and by metric: one metric's lines stand together. */

static u_char *
ngx_http_bo_put_rooms(u_char *p, ngx_array_t *rooms)
{
    ngx_uint_t            i, k;
    ngx_bo_room_t        *room;
    ngx_shm_zone_t      **zone = rooms->elts;

    for (k = 0; rooms->nelts && k < NGX_HTTP_BO_ROOM_METRICS; k++) {
        p = ngx_http_bo_put_metric(p, ngx_http_bo_room_metrics[k].name,
                                   ngx_http_bo_room_metrics[k].help,
                                   ngx_http_bo_room_metrics[k].type);

        for (i = 0; i < rooms->nelts; i++) {
            room = zone[i]->data;
            p = ngx_sprintf(p, "boxoffice_%s{room=\"%V\"} %uL\n",
                            ngx_http_bo_room_metrics[k].name,
                            &room->conf.name,
                            ngx_http_bo_room_value(room->zone, k));
        }
    }

    return p;
}


/* As of the last look of the node's handler; all nodes see the same. */

static u_char *
ngx_http_bo_put_bookings(u_char *p, ngx_bo_store_t *store)
{
    ngx_bo_booked_t  *booked = &store->zone->booked;

    if (store->bookings == NULL) {
        return p;
    }

    p = ngx_http_bo_put_metric(p, "bookings_waiting",
                               "Messages of bookings in the streams of Redis",
                               "gauge");
    p = ngx_sprintf(p, "boxoffice_bookings_waiting %uA\n", booked->waiting);

    p = ngx_http_bo_put_metric(p, "bookings_oldest_seconds",
                               "Age of the oldest of them", "gauge");
    p = ngx_sprintf(p, "boxoffice_bookings_oldest_seconds %uA.%03uA\n",
                    booked->age / 1000, booked->age % 1000);

    p = ngx_http_bo_put_metric(p, "bookings_durable",
                               "Whether Redis keeps bookings as demanded",
                               "gauge");

    return ngx_sprintf(p, "boxoffice_bookings_durable %ui\n",
                       ngx_bo_bookings_durable(store->bookings));
}


static u_char *
ngx_http_bo_put_sinks(u_char *p, ngx_bo_metrics_t *m)
{
    ngx_uint_t             i;
    ngx_http_bo_metric_t  *metric;

    p = ngx_http_bo_put_metric(p, "outbox_unclaimed",
                               "Events that no relay has handed on", "gauge");
    p = ngx_sprintf(p, "boxoffice_outbox_unclaimed %uA\n", m->outbox_pending);
    p = ngx_http_bo_put_metric(p, "outbox_unclaimed_milliseconds",
                               "Age of the oldest of those", "gauge");
    p = ngx_sprintf(p, "boxoffice_outbox_unclaimed_milliseconds %uA\n",
                    m->outbox_oldest);

    for (metric = ngx_http_bo_sinks; metric->name; metric++) {
        if (m->sinks[0].name[0] == '\0') {
            break;
        }

        p = ngx_http_bo_put_metric(p, metric->name, metric->help,
                                   metric->type);

        for (i = 0; i < NGX_BO_SINKS_MAX && m->sinks[i].name[0]; i++) {
            p = ngx_sprintf(p, "boxoffice_%s{sink=\"%s\"} %uA\n",
                            metric->name, m->sinks[i].name,
                            *(ngx_atomic_t *) ((u_char *) &m->sinks[i]
                                               + metric->offset));
        }
    }

    return p;
}


static u_char *
ngx_http_bo_put_notify(u_char *p, ngx_bo_metrics_t *m)
{
    ngx_uint_t              i;
    ngx_bo_notify_stats_t  *s;

    static const char  *kinds[NGX_BO_NOTIFY_KINDS] = {
        "email", "sms", "whatsapp", "push"
    };

    p = ngx_http_bo_put_metric(p, "notifications_total",
                               "Tries to send a message, by how they ended",
                               "counter");

    for (i = 0; i < NGX_BO_NOTIFY_KINDS; i++) {
        s = &m->notify[i];

#define NGX_HTTP_BO_NOTIFY  "boxoffice_notifications_total{channel=\"%s\","

        p = ngx_sprintf(p, NGX_HTTP_BO_NOTIFY "outcome=\"sent\"} %uA\n",
                        kinds[i], s->sent);
        p = ngx_sprintf(p, NGX_HTTP_BO_NOTIFY "outcome=\"failed\"} %uA\n",
                        kinds[i], s->failed);
        p = ngx_sprintf(p, NGX_HTTP_BO_NOTIFY "outcome=\"refused\"} %uA\n",
                        kinds[i], s->refused);

#undef NGX_HTTP_BO_NOTIFY
    }

    p = ngx_http_bo_put_metric(p, "notifications_fallback_total",
                               "Tries on a channel after others had failed",
                               "counter");

    for (i = 0; i < NGX_BO_NOTIFY_KINDS; i++) {
        p = ngx_sprintf(p, "boxoffice_notifications_fallback_total"
                        "{channel=\"%s\"} %uA\n",
                        kinds[i], m->notify[i].fallbacks);
    }

    return p;
}


/* Nothing before PostgreSQL has told them: 0 would say that all is well. */

static u_char *
ngx_http_bo_put_money(u_char *p, ngx_bo_money_stats_t *money)
{
    if (!money->told) {
        return p;
    }

    p = ngx_http_bo_put_metric(p, "money_open",
                               "What waits or failed, and is to be looked at",
                               "gauge");

#define NGX_HTTP_BO_MONEY(name)                                               \
    p = ngx_sprintf(p, "boxoffice_money_open{what=\"" #name "\"} %uA\n",      \
                    money->name);

    NGX_BO_MONEY_GAUGES(NGX_HTTP_BO_MONEY)

#undef NGX_HTTP_BO_MONEY

    return p;
}


static u_char *
ngx_http_bo_put_upstreams(u_char *p, ngx_bo_metrics_t *m)
{
    ngx_http_bo_metric_t  *metric;

    for (metric = ngx_http_bo_upstreams; metric->name; metric++) {
        p = ngx_http_bo_put_metric(p, metric->name, metric->help,
                                   metric->type);

        p = ngx_sprintf(p, "boxoffice_%s{upstream=\"redis\"} %uA\n"
                        "boxoffice_%s{upstream=\"postgres\"} %uA\n",
                        metric->name,
                        *(ngx_atomic_t *) ((u_char *) &m->redis
                                           + metric->offset),
                        metric->name,
                        *(ngx_atomic_t *) ((u_char *) &m->postgres
                                           + metric->offset));
    }

    p = ngx_http_bo_put_metric(p, "clock_ahead_milliseconds",
                               "How far a clock is ahead of this node's",
                               "gauge");

    return ngx_sprintf(p, "boxoffice_clock_ahead_milliseconds"
                       "{upstream=\"redis\"} %L\n"
                       "boxoffice_clock_ahead_milliseconds"
                       "{upstream=\"postgres\"} %L\n",
                       (int64_t) m->clock_redis, (int64_t) m->clock_postgres);
}


static u_char *
ngx_http_bo_put_histogram(u_char *p, const char *name, const char *help,
    ngx_bo_histogram_t *h)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    p = ngx_http_bo_put_metric(p, name, help, "histogram");
    n = 0;

    for (i = 0; i < NGX_BO_BUCKETS; i++) {
        n += h->bucket[i];
        p = ngx_sprintf(p, "boxoffice_%s_bucket{le=\"%ui.%06ui\"} %uA\n",
                        name, ngx_bo_bucket_usec[i] / 1000000,
                        ngx_bo_bucket_usec[i] % 1000000, n);
    }

    n += h->bucket[i];

    return ngx_sprintf(p, "boxoffice_%s_bucket{le=\"+Inf\"} %uA\n"
                       "boxoffice_%s_sum %uA.%06uA\n"
                       "boxoffice_%s_count %uA\n",
                       name, n, name, h->sum / 1000000, h->sum % 1000000,
                       name, n);
}


static ngx_int_t
ngx_http_bo_status_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body)
{
    ngx_int_t                  rc;
    ngx_str_t                  content_type;
    ngx_http_complex_value_t   cv;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    content_type.data = (u_char *) type;
    content_type.len = ngx_strlen(type);

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value = *body;

    return ngx_http_send_response(r, status, &content_type, &cv);
}
