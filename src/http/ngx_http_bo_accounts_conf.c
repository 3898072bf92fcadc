
/*
 * Accounts of the house: how they are configured.
 */


#include "ngx_http_bo_people.h"
#include "ngx_http_bo_auth.h"
#include "ngx_http_bo_conf.h"
#include "ngx_http_bo_limit.h"


typedef struct {
    const char              *name;
    size_t                   offset;
    time_t                   min;
    time_t                   max;
} ngx_http_bo_accounts_time_t;


static char *ngx_http_bo_accounts_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_accounts_t *a, ngx_str_t *value);
static ngx_int_t ngx_http_bo_accounts_time(ngx_str_t *value,
    ngx_bo_accounts_t *a);
static ngx_int_t ngx_http_bo_accounts_hash(ngx_str_t *value,
    ngx_bo_hasher_t *h);
static char *ngx_http_bo_accounts_pool(ngx_conf_t *cf, ngx_bo_hasher_t *h,
    ngx_str_t *name);


static const ngx_http_bo_accounts_time_t  ngx_http_bo_accounts_times[] = {
    { "access=", offsetof(ngx_bo_accounts_t, access), 30, 86400 },
    { "refresh=", offsetof(ngx_bo_accounts_t, refresh), 60, 34560000 },
    { "session=", offsetof(ngx_bo_accounts_t, session), 60, 126144000 }
};


/*
 * boxoffice_accounts name HS256 | EdDSA file [kid=text] [access=time]
 *                    [refresh=time] [session=time] [limit=zone] [pool=name]
 *                    [memory=size] [passes=number] [hashes=number]
 *                    [queue=number];
 */

char *
ngx_http_bo_accounts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char               *error;
    ngx_str_t          *value;
    ngx_uint_t          i;
    bo_jwt_alg_e        alg;
    ngx_bo_accounts_t  *a;

    if (mcf->accounts) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts < 4) {
        return "needs a name, an algorithm and a file";
    }

    a = ngx_pcalloc(cf->pool, sizeof(ngx_bo_accounts_t));
    if (a == NULL) {
        return NGX_CONF_ERROR;
    }

    a->access = 600;
    a->refresh = 2592000;
    a->session = 7776000;

    /*
     * Of the costs that OWASP calls equal, the one with the least memory: the
     * kernel gives it anew for each hash, which with 19 MiB and two passes is
     * up to a third of the time.
     */

    a->hasher.memory = 7 * 1024 * 1024;
    a->hasher.passes = 5;
    a->hasher.concurrent = 2;
    a->hasher.backlog = 64;

    a->source = ngx_http_bo_auth_source(cf, cmd, &value[1]);
    if (a->source == NULL) {
        return NGX_CONF_ERROR;
    }

    alg = bo_jwt_alg((char *) value[2].data, value[2].len);

    if (alg != BO_JWT_HS256 && alg != BO_JWT_EDDSA) {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "the algorithm is HS256 or EdDSA");
    }

    for (i = 4; i < cf->args->nelts; i++) {
        error = ngx_http_bo_accounts_option(cf, cmd, a, &value[i]);

        if (error != NGX_CONF_OK) {
            return error;
        }
    }

    if (a->refresh > a->session || a->access > a->refresh) {
        return "needs \"access\" not longer than \"refresh\", and that not "
               "longer than \"session\"";
    }

    error = ngx_bo_key_read_private(cf, &value[3], alg, &a->key);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &value[3], error);
    }

    mcf->accounts = a;

    return NGX_CONF_OK;
}


/* What is issued is believed: the key is the verifier's, too. */

char *
ngx_http_bo_accounts_init(ngx_conf_t *cf, ngx_http_bo_main_conf_t *mcf)
{
    char               *error;
    ngx_str_t           name;
    ngx_bo_key_t       *key;
    ngx_bo_accounts_t  *a = mcf->accounts;

    if (a == NULL) {
        if (!mcf->logs_in) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"boxoffice_accounts\" is defined, but a "
                           "location needs it");
        return NGX_CONF_ERROR;
    }

    if (a->source->kind != NGX_BO_AUTH_JWT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_accounts\" needs a "
                           "\"boxoffice_auth_jwt\" of the name \"%V\"",
                           &a->source->name);
        return NGX_CONF_ERROR;
    }

    key = ngx_array_push(&a->source->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    *key = a->key;

    if (a->limit
        && ngx_http_bo_zone_check(cf, a->limit, ngx_bo_limit_init,
                                  "boxoffice_limit")
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (a->hasher.pool == NULL) {
        ngx_str_set(&name, "default");

        error = ngx_http_bo_accounts_pool(cf, &a->hasher, &name);
        if (error) {
            return NGX_CONF_ERROR;
        }
    }

    error = ngx_bo_accounts_check(a);

    if (error == NULL) {
        error = ngx_bo_hasher_init(&a->hasher);
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_accounts\" \"%V\": %s",
                           &a->source->name, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_accounts_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_accounts_t *a, ngx_str_t *value)
{
    char       *error;
    ngx_str_t   s;

    if (ngx_http_bo_accounts_time(value, a) == NGX_OK
        || ngx_http_bo_accounts_hash(value, &a->hasher) == NGX_OK)
    {
        return NGX_CONF_OK;
    }

    if (ngx_http_bo_option(value, "kid=", &s) == NGX_OK
        && s.len <= BO_JWT_KID_MAX)
    {
        a->key.kid = s;
        return NGX_CONF_OK;
    }

    if (ngx_http_bo_option(value, "limit=", &s) == NGX_OK) {
        a->limit = ngx_shared_memory_add(cf, &s, 0,
                                         &ngx_http_boxoffice_module);
        return a->limit ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_http_bo_option(value, "pool=", &s) == NGX_OK) {
        error = ngx_http_bo_accounts_pool(cf, &a->hasher, &s);
        return error ? error : NGX_CONF_OK;
    }

    return ngx_http_bo_invalid(cf, cmd, value, "invalid parameter");
}


static ngx_int_t
ngx_http_bo_accounts_time(ngx_str_t *value, ngx_bo_accounts_t *a)
{
    ngx_int_t                            n;
    ngx_str_t                            s;
    ngx_uint_t                           i;
    const ngx_http_bo_accounts_time_t   *t;

    for (i = 0; i < 3; i++) {
        t = &ngx_http_bo_accounts_times[i];

        if (ngx_http_bo_option(value, t->name, &s) != NGX_OK) {
            continue;
        }

        n = ngx_parse_time(&s, 1);

        if (n < t->min || n > t->max) {
            return NGX_ERROR;
        }

        *(time_t *) ((u_char *) a + t->offset) = n;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* The floor of the memory is for tests. */

static ngx_int_t
ngx_http_bo_accounts_hash(ngx_str_t *value, ngx_bo_hasher_t *h)
{
    ssize_t     size;
    ngx_int_t   n;
    ngx_str_t   s;

    if (ngx_http_bo_option(value, "memory=", &s) == NGX_OK) {
        size = ngx_parse_size(&s);

        if (size < 1024 * 1024 || size > 1024 * 1024 * 1024) {
            return NGX_ERROR;
        }

        h->memory = size;
        return NGX_OK;
    }

    if (ngx_http_bo_option(value, "passes=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        h->passes = n;
        return n >= 1 && n <= 100 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "hashes=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        h->concurrent = n;
        return n >= 1 && n <= 64 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "queue=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        h->backlog = n;
        return n >= 0 && n <= 65536 ? NGX_OK : NGX_ERROR;
    }

    return NGX_DECLINED;
}


/* Others may read files by the default pool: its threads are left alone. */

static char *
ngx_http_bo_accounts_pool(ngx_conf_t *cf, ngx_bo_hasher_t *h, ngx_str_t *name)
{
    h->pool = ngx_thread_pool_add(cf, name);
    h->lower = name->len != 7 || ngx_strncmp(name->data, "default", 7) != 0;

    return h->pool ? NULL : NGX_CONF_ERROR;
}


void
ngx_http_bo_accounts_start(ngx_cycle_t *cycle, ngx_http_bo_main_conf_t *mcf)
{
    ngx_bo_auth_zone_t  *zone;

    if (mcf->accounts) {
        zone = mcf->auth_zone->data;
        ngx_bo_hasher_start(&mcf->accounts->hasher, cycle->log,
                            &zone->table->hashes);
    }
}


void
ngx_http_bo_accounts_stop(ngx_http_bo_main_conf_t *mcf)
{
    if (mcf->accounts) {
        ngx_bo_hasher_stop(&mcf->accounts->hasher);
    }
}
