
/*
 * Rate limits of a location, whatever answers there.
 *
 * A request takes a token of each limit.  When one has none, the request is
 * refused and gets its other tokens back, so that a limit by address is not
 * spent by what a limit by user refuses.
 *
 * The header fields are those of draft-ietf-httpapi-ratelimit-headers-10.
 */


#include "ngx_http_bo_limit.h"
#include "ngx_http_bo_conf.h"


#define NGX_HTTP_BO_LIMIT_MAX  8        /* limits of a location */

/* Up to this many seconds come on top of Retry-After, at random. */

#define NGX_HTTP_BO_LIMIT_JITTER  2

/* Whole seconds, so that nobody comes too early. */

#define ngx_http_bo_limit_seconds(ns)  (((ns) + 999999999) / 1000000000)


static ngx_uint_t ngx_http_bo_limit_done(ngx_http_request_t *r);
static void ngx_http_bo_limit_mark(void *data);
static ngx_int_t ngx_http_bo_limit_take(ngx_http_request_t *r,
    ngx_http_bo_limit_use_t *use, ngx_str_t *key, bo_bucket_state_t *state);
static ngx_int_t ngx_http_bo_limit_headers(ngx_http_request_t *r,
    ngx_array_t *limits, bo_bucket_state_t *states);
static ngx_int_t ngx_http_bo_limit_refuse(ngx_http_request_t *r,
    ngx_http_bo_limit_zone_t *zone, bo_bucket_state_t *state);
static ngx_int_t ngx_http_bo_limit_say(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_limit_zone_t *zone, bo_bucket_state_t *state,
    ngx_str_t *details);
static ngx_int_t ngx_http_bo_limit_rate(ngx_str_t *s, ngx_uint_t *count,
    ngx_uint_t *seconds);
static ngx_int_t ngx_http_bo_limit_option(ngx_conf_t *cf,
    ngx_http_bo_limit_zone_t *zone, ngx_str_t *value, ngx_uint_t *count,
    ngx_uint_t *seconds, ngx_uint_t *burst);
static char *ngx_http_bo_limit_policy(ngx_conf_t *cf,
    ngx_http_bo_limit_zone_t *zone, ngx_uint_t count, ngx_uint_t seconds,
    ngx_uint_t burst);


ngx_int_t
ngx_http_bo_limit_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_str_t                 keys[NGX_HTTP_BO_LIMIT_MAX];
    ngx_uint_t                i, n;
    bo_bucket_state_t         states[NGX_HTTP_BO_LIMIT_MAX];
    ngx_http_bo_loc_conf_t   *lcf;
    ngx_http_bo_limit_use_t  *uses;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);

    /* a request is counted once, wherever nginx sends it in between */

    if (lcf->limits == NULL || r != r->main || ngx_http_bo_limit_done(r)) {
        return NGX_DECLINED;
    }

    uses = lcf->limits->elts;
    n = lcf->limits->nelts;

    for (i = 0; i < n; i++) {
        rc = ngx_http_bo_limit_take(r, &uses[i], &keys[i], &states[i]);

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc == NGX_BUSY) {
            break;
        }
    }

    if (i == n) {
        return ngx_http_bo_limit_headers(r, lcf->limits, states);
    }

    n = i;

    for (i = 0; i < n; i++) {
        if (keys[i].len) {
            ngx_bo_limit_give(uses[i].shm_zone->data, &keys[i]);
        }
    }

    return ngx_http_bo_limit_refuse(r, uses[n].shm_zone->data, &states[n]);
}


/*
 * The mark that it was counted: contexts are lost on the way, cleanups are not.
 */

static ngx_uint_t
ngx_http_bo_limit_done(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_bo_limit_mark) {
            return 1;
        }
    }

    cln = ngx_http_cleanup_add(r, 0);

    if (cln != NULL) {
        cln->handler = ngx_http_bo_limit_mark;
    }

    return 0;
}


static void
ngx_http_bo_limit_mark(void *data)
{
}


/*
 * A key that is empty is not limited.  NGX_OK, NGX_BUSY when the request is to
 * be refused, or NGX_ERROR.
 */

static ngx_int_t
ngx_http_bo_limit_take(ngx_http_request_t *r, ngx_http_bo_limit_use_t *use,
    ngx_str_t *key, bo_bucket_state_t *state)
{
    ngx_http_bo_limit_zone_t  *zone = use->shm_zone->data;

    if (ngx_http_complex_value(r, &zone->key, key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->len == 0) {
        state->left = -1;
        return NGX_OK;
    }

    if (ngx_bo_limit_take(&zone->limit, key, state) == NGX_OK) {
        return NGX_OK;
    }

    ngx_bo_limit_count(&zone->limit, use->dry_run);

    if (use->dry_run) {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "boxoffice: limit \"%V\" would refuse, dry run",
                      &zone->limit.name);
        ngx_str_null(key);
        return NGX_OK;
    }

    return NGX_BUSY;
}


static ngx_int_t
ngx_http_bo_limit_headers(ngx_http_request_t *r, ngx_array_t *limits,
    bo_bucket_state_t *states)
{
    u_char                    *p, *policy;
    size_t                     len;
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ngx_http_bo_limit_use_t   *uses = limits->elts;
    ngx_http_bo_limit_zone_t  *zone;

    len = 0;

    for (i = 0; i < limits->nelts; i++) {
        zone = uses[i].shm_zone->data;
        len += zone->policy.len + 2 + sizeof("\"\";r=;t=, ") - 1
               + zone->limit.name.len + 2 * NGX_INT64_LEN;
    }

    policy = ngx_pnalloc(r->pool, len);
    if (policy == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = policy;

    for (i = 0; i < limits->nelts; i++) {
        zone = uses[i].shm_zone->data;

        if (states[i].left < 0 || uses[i].dry_run) {
            continue;
        }

        p = ngx_sprintf(p, "%s%V", p == policy ? "" : ", ", &zone->policy);
    }

    if (p == policy) {
        return NGX_DECLINED;
    }

    value.data = policy;
    value.len = p - policy;

    if (ngx_http_bo_header(r, "RateLimit-Policy", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.data = p;

    for (i = 0; i < limits->nelts; i++) {
        zone = uses[i].shm_zone->data;

        if (states[i].left < 0 || uses[i].dry_run) {
            continue;
        }

        p = ngx_sprintf(p, "%s\"%V\";r=%L;t=%L", p == value.data ? "" : ", ",
                        &zone->limit.name, states[i].left,
                        ngx_http_bo_limit_seconds(states[i].reset));
    }

    value.len = p - value.data;

    return ngx_http_bo_header(r, "RateLimit", &value) == NULL
           ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
}


static ngx_int_t
ngx_http_bo_limit_refuse(ngx_http_request_t *r,
    ngx_http_bo_limit_zone_t *zone, bo_bucket_state_t *state)
{
    ngx_str_t            details;
    ngx_http_bo_ctx_t   *ctx;

    ctx = ngx_http_bo_get_ctx(r);

    if (ctx == NULL
        || ngx_http_bo_limit_say(ctx, zone, state, &details) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_bo_cors(ctx) != NGX_DONE) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_RATE_LIMITED, &details);
    }

    /* the request ended in there; this phase has no count of its own */

    return NGX_DONE;
}


/* The headers of a refusal, and its details.  NGX_OK or NGX_ERROR. */

static ngx_int_t
ngx_http_bo_limit_say(ngx_http_bo_ctx_t *ctx, ngx_http_bo_limit_zone_t *zone,
    bo_bucket_state_t *state, ngx_str_t *details)
{
    u_char              *p;
    ngx_str_t            value;
    ngx_http_request_t  *r = ctx->request;

    p = ngx_pnalloc(r->pool, 2 * zone->limit.name.len + 64 + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_sprintf(p, "\"%V\";r=0;t=%L", &zone->limit.name,
                    ngx_http_bo_limit_seconds(state->reset));
    value.len = p - value.data;

    details->data = p;
    p = ngx_sprintf(p, "{\"limit\":\"%V\"}", &zone->limit.name);
    details->len = p - details->data;

    (void) ngx_http_bo_header(r, "RateLimit-Policy", &zone->policy);
    (void) ngx_http_bo_header(r, "RateLimit", &value);

    ctx->retry_after = ngx_http_bo_limit_seconds(state->wait)
                       + ngx_random() % (NGX_HTTP_BO_LIMIT_JITTER + 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_bo_limit_key(ngx_http_bo_ctx_t *ctx, ngx_shm_zone_t *shm_zone,
    ngx_str_t *key)
{
    ngx_str_t                  details;
    bo_bucket_state_t          state;
    ngx_http_bo_limit_zone_t  *zone = shm_zone->data;

    if (ngx_bo_limit_take(&zone->limit, key, &state) == NGX_OK) {
        return NGX_OK;
    }

    ngx_bo_limit_count(&zone->limit, 0);

    if (ngx_http_bo_limit_say(ctx, zone, &state, &details) == NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_RATE_LIMITED, &details);

    } else {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
    }

    return NGX_DONE;
}


char *
ngx_http_bo_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    size_t                      size;
    ngx_str_t                  *value, name;
    ngx_uint_t                  i, count, seconds, burst;
    ngx_shm_zone_t            **slot;
    ngx_http_bo_limit_zone_t   *zone;

    value = cf->args->elts;
    count = 0;
    seconds = 0;
    burst = 1;

    if (ngx_http_bo_zone_size(cf, cmd, &value[1], NGX_BO_LIMIT_MIN, &name,
                              &size)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_bo_limit_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->limit.name = name;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_bo_limit_option(cf, zone, &value[i], &count, &seconds,
                                     &burst)
            != NGX_OK)
        {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                       "invalid parameter");
        }
    }

    if (zone->limit.key.len == 0 || count == 0) {
        return ngx_http_bo_invalid(cf, cmd, &value[1],
                                   "it needs \"key=\" and \"rate=\"");
    }

    zone->limit.rule = bo_bucket_rule(count, seconds, burst);

    zone->limit.shm_zone = ngx_http_bo_zone_add(cf, cmd, &value[1], &name,
                                                size, ngx_bo_limit_init, zone);
    if (zone->limit.shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    slot = ngx_array_push(&mcf->limit_zones);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = zone->limit.shm_zone;

    return ngx_http_bo_limit_policy(cf, zone, count, seconds, burst);
}


static ngx_int_t
ngx_http_bo_limit_option(ngx_conf_t *cf, ngx_http_bo_limit_zone_t *zone,
    ngx_str_t *value, ngx_uint_t *count, ngx_uint_t *seconds,
    ngx_uint_t *burst)
{
    ngx_int_t                          n;
    ngx_str_t                          s;
    ngx_http_compile_complex_value_t   ccv;

    if (ngx_http_bo_option(value, "rate=", &s) == NGX_OK) {
        return ngx_http_bo_limit_rate(&s, count, seconds);
    }

    if (ngx_http_bo_option(value, "burst=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        *burst = n;

        return n >= 1 && n <= 1048576 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "key=", &s) != NGX_OK || s.len > 255) {
        return NGX_ERROR;
    }

    zone->limit.key = s;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &s;
    ccv.complex_value = &zone->key;

    return ngx_http_compile_complex_value(&ccv);
}


/* "20r/s", "100r/m", "5r/h". */

static ngx_int_t
ngx_http_bo_limit_rate(ngx_str_t *s, ngx_uint_t *count, ngx_uint_t *seconds)
{
    ngx_int_t  n;

    if (s->len < 4 || ngx_strncmp(s->data + s->len - 3, "r/", 2) != 0) {
        return NGX_ERROR;
    }

    switch (s->data[s->len - 1]) {

    case 's':
        *seconds = 1;
        break;

    case 'm':
        *seconds = 60;
        break;

    case 'h':
        *seconds = 3600;
        break;

    default:
        return NGX_ERROR;
    }

    n = ngx_atoi(s->data, s->len - 3);
    *count = n;

    return n >= 1 && n <= 1000000 ? NGX_OK : NGX_ERROR;
}


/* The quota is the burst, the window the time in which it comes back. */

static char *
ngx_http_bo_limit_policy(ngx_conf_t *cf, ngx_http_bo_limit_zone_t *zone,
    ngx_uint_t count, ngx_uint_t seconds, ngx_uint_t burst)
{
    u_char  *p;

    p = ngx_pnalloc(cf->pool, zone->limit.name.len + 2 * NGX_INT_T_LEN
                              + sizeof("\"\";q=;w=") - 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->policy.data = p;
    p = ngx_sprintf(p, "\"%V\";q=%ui;w=%ui", &zone->limit.name, burst,
                    (burst * seconds + count - 1) / count);
    zone->policy.len = p - zone->policy.data;

    return NGX_CONF_OK;
}


char *
ngx_http_bo_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_http_bo_limit_use_t  *use;

    value = cf->args->elts;

    if (lcf->limits == NGX_CONF_UNSET_PTR) {
        lcf->limits = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_http_bo_limit_use_t));
        if (lcf->limits == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    use = lcf->limits->elts;

    for (i = 0; i < lcf->limits->nelts; i++) {
        if (use[i].shm_zone->shm.name.len == value[1].len
            && ngx_strncmp(use[i].shm_zone->shm.name.data, value[1].data,
                           value[1].len)
               == 0)
        {
            return "is duplicate";
        }
    }

    if (lcf->limits->nelts == NGX_HTTP_BO_LIMIT_MAX) {
        return "is too much: a location has 8 limits at the most";
    }

    use = ngx_array_push(lcf->limits);
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->dry_run = 0;

    if (cf->args->nelts == 3) {
        if (ngx_strcmp(value[2].data, "dry_run") != 0) {
            return ngx_http_bo_invalid(cf, cmd, &value[2],
                                       "invalid parameter");
        }

        use->dry_run = 1;
    }

    /* It may be defined further down: see ngx_http_bo_limit_check(). */

    use->shm_zone = ngx_shared_memory_add(cf, &value[1], 0,
                                          &ngx_http_boxoffice_module);

    return use->shm_zone == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


char *
ngx_http_bo_limit_check(ngx_conf_t *cf, ngx_array_t *limits)
{
    ngx_uint_t                i;
    ngx_http_bo_limit_use_t  *use;

    if (limits == NULL) {
        return NGX_CONF_OK;
    }

    use = limits->elts;

    for (i = 0; i < limits->nelts; i++) {
        if (ngx_http_bo_zone_check(cf, use[i].shm_zone, ngx_bo_limit_init,
                                   "boxoffice_limit")
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
