
/*
 * /metrics: tokens, the keys that are fetched for them, passwords.
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_zone.h"


#define ngx_http_bo_auth_metric(name, help, type, field)                      \
    { name, help, type, offsetof(ngx_bo_auth_table_t, field) }

static const struct {
    const char              *name;
    const char              *help;
    const char              *type;
    size_t                   offset;
} ngx_http_bo_auth_metrics[] = {

    ngx_http_bo_auth_metric("tokens_cached_total",
                            "Tokens that were known to be good", "counter",
                            stats.cached),
    ngx_http_bo_auth_metric("tokens_verified_total",
                            "Tokens that were verified and found good",
                            "counter", stats.verified),
    ngx_http_bo_auth_metric("tokens_refused_total", "Tokens refused",
                            "counter", stats.refused),
    ngx_http_bo_auth_metric("passwords_made_total",
                            "Passwords to be hashed for the first time",
                            "counter", hashes.made),
    ngx_http_bo_auth_metric("passwords_checked_total",
                            "Passwords to be checked", "counter",
                            hashes.checked),
    ngx_http_bo_auth_metric("passwords_turned_away_total",
                            "Passwords that were not hashed: too many",
                            "counter", hashes.turned_away),
    ngx_http_bo_auth_metric("passwords_waiting", "Passwords that wait",
                            "gauge", hashes.waiting),
    ngx_http_bo_auth_metric("passwords_running",
                            "Passwords that are being hashed", "gauge",
                            hashes.running)
};

#define NGX_HTTP_BO_AUTH_METRICS                                              \
    (sizeof(ngx_http_bo_auth_metrics) / sizeof(ngx_http_bo_auth_metrics[0]))


static u_char *ngx_http_bo_put_keys(u_char *p,
    ngx_http_bo_main_conf_t *mcf);


ngx_uint_t
ngx_http_bo_auth_lines(ngx_http_bo_main_conf_t *mcf)
{
    return 2 * NGX_HTTP_BO_AUTH_METRICS + 2 + 3 * mcf->auth_sources.nelts;
}


u_char *
ngx_http_bo_put_auth(u_char *p, ngx_http_bo_main_conf_t *mcf)
{
    ngx_uint_t           i;
    ngx_bo_auth_zone_t  *zone;

    if (mcf->auth_zone == NULL) {
        return p;
    }

    zone = mcf->auth_zone->data;

    for (i = 0; i < NGX_HTTP_BO_AUTH_METRICS; i++) {
        p = ngx_http_bo_put_metric(p, ngx_http_bo_auth_metrics[i].name,
                                   ngx_http_bo_auth_metrics[i].help,
                                   ngx_http_bo_auth_metrics[i].type);
        p = ngx_sprintf(p, "boxoffice_%s %uA\n",
                        ngx_http_bo_auth_metrics[i].name,
                        *(ngx_atomic_t *)
                            ((u_char *) zone->table
                             + ngx_http_bo_auth_metrics[i].offset));
    }

    return mcf->auth_urls ? ngx_http_bo_put_keys(p, mcf) : p;
}


/* A source's name has no character that a label would escape. */

static u_char *
ngx_http_bo_put_keys(u_char *p, ngx_http_bo_main_conf_t *mcf)
{
    int64_t                 age;
    ngx_uint_t              i;
    ngx_bo_auth_slot_t     *slot;
    ngx_bo_auth_source_t  **source;

    source = mcf->auth_sources.elts;

    p = ngx_http_bo_put_metric(p, "keys_fetched_total",
                               "Times that keys were asked for", "counter");

    for (i = 0; i < mcf->auth_sources.nelts; i++) {
        slot = source[i]->jwks ? source[i]->jwks->slot : NULL;

        if (slot) {
            p = ngx_sprintf(p, "boxoffice_keys_fetched_total{source=\"%V\","
                            "result=\"ok\"} %uA\n"
                            "boxoffice_keys_fetched_total{source=\"%V\","
                            "result=\"failed\"} %uA\n",
                            &source[i]->name, slot->ok,
                            &source[i]->name, slot->failed);
        }
    }

    p = ngx_http_bo_put_metric(p, "keys_age_seconds",
                               "Age of keys since they were last fetched",
                               "gauge");

    for (i = 0; i < mcf->auth_sources.nelts; i++) {
        slot = source[i]->jwks ? source[i]->jwks->slot : NULL;

        if (slot && slot->fetched) {
            age = ngx_bo_nsec() / 1000000 - slot->fetched;
            p = ngx_sprintf(p, "boxoffice_keys_age_seconds{source=\"%V\"} "
                            "%L\n", &source[i]->name, age / 1000);
        }
    }

    return p;
}
