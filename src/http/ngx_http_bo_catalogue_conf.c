
/*
 * The zone of the catalogue's pages, and what is told of it in /metrics.
 */


#include "ngx_http_bo_catalogue_conf.h"
#include "ngx_http_bo_conf.h"


#define NGX_HTTP_BO_POLL      200       /* msec */
#define NGX_HTTP_BO_POLL_MIN  10
#define NGX_HTTP_BO_POLL_MAX  500       /* a change is seen within a second */


static struct {
    const char              *name;
    const char              *help;
    const char              *type;
    size_t                   offset;
} ngx_http_bo_catalogue_metrics[] = {
    { "catalogue_hits_total", "Pages answered from shared memory", "counter",
      offsetof(ngx_bo_pages_stats_t, hits) },
    { "catalogue_misses_total", "Pages that were not there", "counter",
      offsetof(ngx_bo_pages_stats_t, misses) },
    { "catalogue_stale_total", "Pages answered while PostgreSQL was away",
      "counter", offsetof(ngx_bo_pages_stats_t, stale) },
    { "catalogue_evicted_total", "Pages dropped for want of room", "counter",
      offsetof(ngx_bo_pages_stats_t, evicted) },
    { "catalogue_dropped_total", "Pages dropped because of a change",
      "counter", offsetof(ngx_bo_pages_stats_t, dropped) },
    { "catalogue_changes_total", "Changes heard of", "counter",
      offsetof(ngx_bo_pages_stats_t, changes) },
    { "catalogue_flushes_total", "Times that all pages were dropped",
      "counter", offsetof(ngx_bo_pages_stats_t, flushes) },
    { "catalogue_pages", "Pages in shared memory", "gauge",
      offsetof(ngx_bo_pages_stats_t, pages) },

    { NULL, NULL, NULL, 0 }
};


char *
ngx_http_bo_catalogue_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char            *rv;
    size_t           size;
    ngx_int_t        n;
    ngx_str_t       *value, name, s;
    ngx_uint_t       i;
    ngx_bo_pages_t  *pages;

    if (mcf->catalogue_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rv = ngx_http_bo_zone_size(cf, cmd, &value[1], NGX_BO_PAGES_MIN, &name,
                               &size);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    pages = ngx_pcalloc(cf->pool, sizeof(ngx_bo_pages_t));
    if (pages == NULL) {
        return NGX_CONF_ERROR;
    }

    pages->poll = NGX_HTTP_BO_POLL;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_bo_option(&value[i], "poll=", &s) != NGX_OK) {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                       "unknown parameter");
        }

        n = ngx_parse_time(&s, 0);

        if (n == NGX_ERROR || n < NGX_HTTP_BO_POLL_MIN
            || n > NGX_HTTP_BO_POLL_MAX)
        {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                       "from 10ms to 500ms");
        }

        pages->poll = n;
    }

    mcf->catalogue_zone = ngx_http_bo_zone_add(cf, cmd, &value[1], &name,
                                               size, ngx_bo_pages_init,
                                               pages);

    return mcf->catalogue_zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_bo_pages_t *
ngx_http_bo_catalogue_pages(ngx_http_bo_main_conf_t *mcf)
{
    return mcf->catalogue_zone ? mcf->catalogue_zone->data : NULL;
}


u_char *
ngx_http_bo_put_catalogue(u_char *p, ngx_bo_pages_t *pages)
{
    ngx_uint_t  i;

    for (i = 0; pages && ngx_http_bo_catalogue_metrics[i].name; i++) {
        p = ngx_http_bo_put_metric(p, ngx_http_bo_catalogue_metrics[i].name,
                                   ngx_http_bo_catalogue_metrics[i].help,
                                   ngx_http_bo_catalogue_metrics[i].type);
        p = ngx_sprintf(p, "boxoffice_%s %uA\n",
                        ngx_http_bo_catalogue_metrics[i].name,
                        *(ngx_atomic_t *) ((u_char *) &pages->table->stats
                               + ngx_http_bo_catalogue_metrics[i].offset));
    }

    return p;
}
