
/*
 * /metrics: the peers of the outbound client.
 */


#include "ngx_http_bo.h"


/* Lines of one peer, all families together, and the heads of the families. */

#define NGX_HTTP_BO_OUTBOUND_LINES  (3 + 5 + NGX_BO_OUTBOUND_BUCKETS + 3)
#define NGX_HTTP_BO_OUTBOUND_HEADS  7


static u_char *ngx_http_bo_outbound_verdicts(u_char *p,
    ngx_bo_outbound_stats_t *stats);
static u_char *ngx_http_bo_outbound_seconds(u_char *p,
    ngx_bo_outbound_stats_t *stats);
static ngx_uint_t ngx_http_bo_outbound_gauge(ngx_bo_outbound_stats_t *stats,
    size_t offset);


static struct {
    const char    *name;
    const char    *help;
    const char    *type;
    size_t         offset;
} ngx_http_bo_outbound_values[] = {
    { "outbound_errors_total", "Answers of status 400 and above", "counter",
      offsetof(ngx_bo_outbound_stats_t, errors) },
    { "outbound_breaker_opened_total", "Times that a breaker opened",
      "counter", offsetof(ngx_bo_outbound_stats_t, opened) },
    { "outbound_waiting", "Requests that wait to be begun", "gauge",
      offsetof(ngx_bo_outbound_gauges_t, waiting) },
    { "outbound_inflight", "Requests under way", "gauge",
      offsetof(ngx_bo_outbound_gauges_t, inflight) },
    { "outbound_breaker_open", "Workers whose breaker is open", "gauge",
      offsetof(ngx_bo_outbound_gauges_t, open) },
    { NULL, NULL, NULL, 0 }
};


ngx_uint_t
ngx_http_bo_outbound_lines(ngx_bo_outbound_t *outbound)
{
    return NGX_HTTP_BO_OUTBOUND_HEADS
           + outbound->peers.nelts * NGX_HTTP_BO_OUTBOUND_LINES;
}


/* By family, and within it by peer. */

u_char *
ngx_http_bo_put_outbound(u_char *p, ngx_bo_outbound_t *outbound)
{
    ngx_uint_t                i, k;
    ngx_atomic_uint_t         value;
    ngx_bo_outbound_stats_t  *stats;
    ngx_bo_outbound_peer_t  **peer = outbound->peers.elts;

    if (outbound->peers.nelts == 0) {
        return p;
    }

    p = ngx_http_bo_put_metric(p, "outbound_requests_total",
                               "Requests by how they ended", "counter");

    for (i = 0; i < outbound->peers.nelts; i++) {
        p = ngx_http_bo_outbound_verdicts(p, peer[i]->stats);
    }

    for (k = 0; ngx_http_bo_outbound_values[k].name; k++) {
        p = ngx_http_bo_put_metric(p, ngx_http_bo_outbound_values[k].name,
                                   ngx_http_bo_outbound_values[k].help,
                                   ngx_http_bo_outbound_values[k].type);

        for (i = 0; i < outbound->peers.nelts; i++) {
            stats = peer[i]->stats;

            if (stats == NULL) {
                continue;
            }

            if (ngx_http_bo_outbound_values[k].type[0] == 'c') {
                value = *(ngx_atomic_t *) ((u_char *) stats
                                      + ngx_http_bo_outbound_values[k].offset);

            } else {
                value = ngx_http_bo_outbound_gauge(stats,
                                        ngx_http_bo_outbound_values[k].offset);
            }

            p = ngx_sprintf(p, "boxoffice_%s{peer=\"%s\"} %uA\n",
                            ngx_http_bo_outbound_values[k].name, stats->name,
                            value);
        }
    }

    p = ngx_http_bo_put_metric(p, "outbound_seconds",
                               "Time of a request, waiting included",
                               "histogram");

    for (i = 0; i < outbound->peers.nelts; i++) {
        p = ngx_http_bo_outbound_seconds(p, peer[i]->stats);
    }

    return p;
}


/* A peer beyond those that the zone has room for is not counted. */

static u_char *
ngx_http_bo_outbound_verdicts(u_char *p, ngx_bo_outbound_stats_t *stats)
{
    ngx_uint_t  i;

    static const char  *names[] = { "done", "not_sent", "unknown" };

    for (i = 0; stats && i < 3; i++) {
        p = ngx_sprintf(p, "boxoffice_outbound_requests_total"
                        "{peer=\"%s\",verdict=\"%s\"} %uA\n",
                        stats->name, names[i], stats->verdicts[i]);
    }

    return p;
}


static u_char *
ngx_http_bo_outbound_seconds(u_char *p, ngx_bo_outbound_stats_t *stats)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    if (stats == NULL) {
        return p;
    }

    n = 0;

    for (i = 0; i < NGX_BO_OUTBOUND_BUCKETS; i++) {
        n += stats->bucket[i];
        p = ngx_sprintf(p, "boxoffice_outbound_seconds_bucket"
                        "{peer=\"%s\",le=\"%M.%03M\"} %uA\n",
                        stats->name, ngx_bo_outbound_bucket_msec[i] / 1000,
                        ngx_bo_outbound_bucket_msec[i] % 1000, n);
    }

    n += stats->bucket[i];

    return ngx_sprintf(p, "boxoffice_outbound_seconds_bucket"
                       "{peer=\"%s\",le=\"+Inf\"} %uA\n"
                       "boxoffice_outbound_seconds_sum{peer=\"%s\"} "
                       "%uA.%03uA\n"
                       "boxoffice_outbound_seconds_count{peer=\"%s\"} %uA\n",
                       stats->name, n, stats->name, stats->sum / 1000,
                       stats->sum % 1000, stats->name, n);
}


/* Of all workers together. */

static ngx_uint_t
ngx_http_bo_outbound_gauge(ngx_bo_outbound_stats_t *stats, size_t offset)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_BO_OUTBOUND_WORKERS; i++) {
        n += *(uint32_t *) ((u_char *) &stats->worker[i] + offset);
    }

    return n;
}
