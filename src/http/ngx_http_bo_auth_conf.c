
/*
 * Who asks: how it is configured.
 */


#include "ngx_http_bo_auth.h"

#include "booking/bo_time.h"
#include "ngx_http_bo_conf.h"


#define NGX_HTTP_BO_AUTH_NAME     24        /* bytes of a source's name */
#define NGX_HTTP_BO_AUTH_LEEWAY   300       /* s, at most */
#define NGX_HTTP_BO_AUTH_ZONE     (4 * 1024 * 1024)


static ngx_uint_t ngx_http_bo_auth_is_name(ngx_str_t *name);
static ngx_bo_auth_source_t *ngx_http_bo_auth_define(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_uint_t kind);
static char *ngx_http_bo_auth_rule(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_auth_source_t *source, ngx_str_t *value);
static ngx_int_t ngx_http_bo_auth_rule_text(ngx_str_t *value,
    ngx_bo_auth_source_t *source);
static ngx_uint_t ngx_http_bo_auth_is_cookie(ngx_str_t *name);
static char *ngx_http_bo_auth_jwks_url(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_auth_source_t *source);
static char *ngx_http_bo_auth_jwks_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_jwks_t *jwks, ngx_str_t *value);
static ngx_uint_t ngx_http_bo_auth_is_loopback(ngx_str_t *host);
static char *ngx_http_bo_auth_check(ngx_conf_t *cf,
    ngx_bo_auth_source_t *source);
static ngx_shm_zone_t *ngx_http_bo_auth_zone_add(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_str_t *value, ngx_str_t *name, size_t size);


/* boxoffice_auth off | [development] [keys] [name ...]; */

char *
ngx_http_bo_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i, j;
    ngx_bo_auth_source_t     *source, **slot;
    ngx_http_bo_main_conf_t  *mcf;

    if (lcf->auth != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->auth = NULL;
    lcf->development = 0;
    lcf->keys = 0;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return cf->args->nelts == 2 ? NGX_CONF_OK
               : ngx_http_bo_invalid(cf, cmd, &value[2],
                                     "\"off\" stands alone");
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "development") == 0) {
            lcf->development = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "keys") == 0) {
            mcf = ngx_http_conf_get_module_main_conf(cf,
                                                   ngx_http_boxoffice_module);
            mcf->keys = 1;
            lcf->keys = 1;
            continue;
        }

        source = ngx_http_bo_auth_source(cf, cmd, &value[i]);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        if (lcf->auth == NULL) {
            lcf->auth = ngx_array_create(cf->pool, 2, sizeof(void *));
            if (lcf->auth == NULL) {
                return NGX_CONF_ERROR;
            }
        }

        slot = lcf->auth->elts;

        for (j = 0; j < lcf->auth->nelts; j++) {
            if (slot[j] == source) {
                return ngx_http_bo_invalid(cf, cmd, &value[i],
                                           "a name comes twice");
            }
        }

        slot = ngx_array_push(lcf->auth);
        if (slot == NULL) {
            return NGX_CONF_ERROR;
        }

        *slot = source;
    }

    return NGX_CONF_OK;
}


ngx_bo_auth_source_t *
ngx_http_bo_auth_source(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *name)
{
    ngx_uint_t                i;
    ngx_bo_auth_source_t     *source, **slot;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    slot = mcf->auth_sources.elts;

    for (i = 0; i < mcf->auth_sources.nelts; i++) {
        if (slot[i]->name.len == name->len
            && ngx_strncmp(slot[i]->name.data, name->data, name->len) == 0)
        {
            return slot[i];
        }
    }

    if (!ngx_http_bo_auth_is_name(name)) {
        (void) ngx_http_bo_invalid(cf, cmd, name,
                                   "a name is 1 to 24 of a-z, 0-9, \"-\" and "
                                   "\"_\", and not \"off\", \"keys\" or "
                                   "\"development\"");
        return NULL;
    }

    source = ngx_pcalloc(cf->pool, sizeof(ngx_bo_auth_source_t));
    slot = ngx_array_push(&mcf->auth_sources);

    if (source == NULL || slot == NULL
        || ngx_array_init(&source->keys, cf->pool, 2, sizeof(ngx_bo_key_t))
           != NGX_OK
        || ngx_array_init(&source->sessions, cf->pool, 2,
                          sizeof(ngx_bo_jwe_key_t))
           != NGX_OK)
    {
        return NULL;
    }

    source->name = *name;
    source->rules.leeway = BO_JWT_LEEWAY;
    source->rules.audiences = source->audiences;
    source->rules.user.data = "sub";
    source->rules.user.len = sizeof("sub") - 1;
    source->rules.staff.data = "STAFF";
    source->rules.staff.len = sizeof("STAFF") - 1;
    source->rules.admin.data = "ADMIN";
    source->rules.admin.len = sizeof("ADMIN") - 1;

    *slot = source;

    return source;
}


static ngx_uint_t
ngx_http_bo_auth_is_name(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    if (name->len == 0 || name->len > NGX_HTTP_BO_AUTH_NAME
        || ngx_strcmp(name->data, "off") == 0
        || ngx_strcmp(name->data, "development") == 0
        || ngx_strcmp(name->data, "keys") == 0)
    {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_bo_auth_source_t *
ngx_http_bo_auth_define(ngx_conf_t *cf, ngx_command_t *cmd, ngx_uint_t kind)
{
    ngx_str_t             *value;
    ngx_bo_auth_source_t  *source;

    value = cf->args->elts;
    source = ngx_http_bo_auth_source(cf, cmd, &value[1]);

    if (source == NULL) {
        return NULL;
    }

    if (source->kind) {
        (void) ngx_http_bo_invalid(cf, cmd, &value[1], "the name is taken");
        return NULL;
    }

    source->kind = kind;

    return source;
}


/*
 * boxoffice_auth_jwt name [issuer=text] [audience=text ...] [leeway=time]
 *                    [user=claim] [roles=claim] [staff=text] [admin=text]
 *                    [cookie=name];
 */

char *
ngx_http_bo_auth_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_bo_auth_source_t  *source;

    source = ngx_http_bo_auth_define(cf, cmd, NGX_BO_AUTH_JWT);
    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_bo_auth_rule(cf, cmd, source, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* boxoffice_auth_nextauth name 4 | 5 file [the same parameters]; */

char *
ngx_http_bo_auth_nextauth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i, version;
    ngx_bo_auth_source_t  *source;

    static ngx_str_t  names[] = {
        ngx_string("__Secure-next-auth.session-token"),
        ngx_string("next-auth.session-token"),
        ngx_string("__Secure-authjs.session-token"),
        ngx_string("authjs.session-token")
    };

    if (cf->args->nelts < 4) {
        return "needs a name, a version and a file";
    }

    source = ngx_http_bo_auth_define(cf, cmd, NGX_BO_AUTH_NEXTAUTH);
    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    version = ngx_strcmp(value[2].data, "4") == 0 ? 4
              : ngx_strcmp(value[2].data, "5") == 0 ? 5 : 0;

    if (version == 0) {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "the version is 4 or 5");
    }

    for (i = 4; i < cf->args->nelts; i++) {
        rv = ngx_http_bo_auth_rule(cf, cmd, source, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (source->ncookies == 0) {
        source->cookie[0] = names[version == 4 ? 0 : 2];
        source->cookie[1] = names[version == 4 ? 1 : 3];
        source->ncookies = 2;
    }

    rv = ngx_bo_jwe_read(cf, &value[3], version, source->cookie,
                         source->ncookies, &source->sessions);
    if (rv) {
        return ngx_http_bo_invalid(cf, cmd, &value[3], rv);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_auth_rule(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_auth_source_t *source, ngx_str_t *value)
{
    ngx_int_t         n;
    ngx_str_t         s;
    bo_jwt_rules_t   *rules = &source->rules;

    if (ngx_http_bo_auth_rule_text(value, source) == NGX_OK) {
        return NGX_CONF_OK;
    }

    if (ngx_http_bo_option(value, "audience=", &s) == NGX_OK
        && rules->naudiences < NGX_BO_AUTH_AUDIENCES)
    {
        source->audiences[rules->naudiences].data = (char *) s.data;
        source->audiences[rules->naudiences].len = s.len;
        rules->naudiences++;

        return NGX_CONF_OK;
    }

    if (ngx_http_bo_option(value, "leeway=", &s) == NGX_OK) {
        n = ngx_parse_time(&s, 1);

        if (n != NGX_ERROR && n <= NGX_HTTP_BO_AUTH_LEEWAY) {
            rules->leeway = n;
            return NGX_CONF_OK;
        }
    }

    if (ngx_http_bo_option(value, "cookie=", &s) == NGX_OK
        && source->ncookies < NGX_BO_AUTH_COOKIES
        && ngx_http_bo_auth_is_cookie(&s))
    {
        source->cookie[source->ncookies++] = s;
        return NGX_CONF_OK;
    }

    return ngx_http_bo_invalid(cf, cmd, value, "invalid parameter");
}


static ngx_int_t
ngx_http_bo_auth_rule_text(ngx_str_t *value, ngx_bo_auth_source_t *source)
{
    ngx_str_t       s;
    ngx_uint_t      i;
    bo_jwt_text_t  *text;

    static const struct {
        const char  *name;
        size_t       offset;
    } texts[] = {
        { "issuer=", offsetof(bo_jwt_rules_t, issuer) },
        { "user=", offsetof(bo_jwt_rules_t, user) },
        { "roles=", offsetof(bo_jwt_rules_t, roles) },
        { "staff=", offsetof(bo_jwt_rules_t, staff) },
        { "admin=", offsetof(bo_jwt_rules_t, admin) }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        if (ngx_http_bo_option(value, texts[i].name, &s) == NGX_OK) {
            text = (bo_jwt_text_t *) ((u_char *) &source->rules
                                      + texts[i].offset);
            text->data = (char *) s.data;
            text->len = s.len;

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* RFC 6265: a token of HTTP; the salt of a key is made of it, too. */

static ngx_uint_t
ngx_http_bo_auth_is_cookie(ngx_str_t *name)
{
    size_t  i;

    if (name->len > 64) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] <= ' ' || name->data[i] >= 0x7f
            || ngx_strchr("()<>@,;:\\\"/[]?={}", name->data[i]) != NULL)
        {
            return 0;
        }
    }

    return 1;
}


/* boxoffice_auth_key name algorithm file [kid=text] [until=time]; */

char *
ngx_http_bo_auth_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *error;
    int64_t                ms;
    ngx_str_t             *value, s;
    ngx_uint_t             i;
    bo_jwt_alg_e           alg;
    ngx_bo_key_t          *key;
    ngx_bo_auth_source_t  *source;

    if (cf->args->nelts < 4) {
        return "needs a name, an algorithm and a file";
    }

    value = cf->args->elts;
    source = ngx_http_bo_auth_source(cf, cmd, &value[1]);

    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    alg = bo_jwt_alg((char *) value[2].data, value[2].len);

    if (alg == BO_JWT_NONE) {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "the algorithm is HS256, RS256, ES256 or "
                                   "EdDSA");
    }

    key = ngx_array_push(&source->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(ngx_bo_key_t));

    for (i = 4; i < cf->args->nelts; i++) {

        if (ngx_http_bo_option(&value[i], "kid=", &s) == NGX_OK
            && s.len <= BO_JWT_KID_MAX)
        {
            key->kid = s;
            continue;
        }

        if (ngx_http_bo_option(&value[i], "until=", &s) == NGX_OK
            && bo_time_parse(&ms, (char *) s.data, s.len) == 0 && ms > 0)
        {
            key->until = ms / 1000;
            continue;
        }

        return ngx_http_bo_invalid(cf, cmd, &value[i], "invalid parameter");
    }

    error = ngx_bo_key_read(cf, &value[3], alg, key);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &value[3], error);
    }

    return NGX_CONF_OK;
}


/*
 * boxoffice_auth_jwks name file;
 * boxoffice_auth_jwks name url [refresh=time] [pause=time] [stale=time]
 *                     [timeout=time] [ca=file] [verify=on|off];
 */

char *
ngx_http_bo_auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *error;
    ngx_str_t             *value, text;
    ngx_bo_auth_source_t  *source;

    value = cf->args->elts;
    source = ngx_http_bo_auth_source(cf, cmd, &value[1]);

    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strncmp(value[2].data, "http://", 7) == 0
        || ngx_strncmp(value[2].data, "https://", 8) == 0)
    {
        return ngx_http_bo_auth_jwks_url(cf, cmd, source);
    }

    if (cf->args->nelts > 3) {
        return ngx_http_bo_invalid(cf, cmd, &value[3], "invalid parameter");
    }

    error = ngx_bo_key_file(cf, &value[2], &text);

    if (error == NULL) {
        switch (ngx_bo_key_set(cf->pool, &text, 1, &source->keys)) {

        case NGX_OK:
            ngx_memzero(text.data, text.len);
            return NGX_CONF_OK;

        case NGX_DECLINED:
            error = "the file has no document of keys, a private key, or no "
                    "key that can be used";
            break;

        default:
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_bo_invalid(cf, cmd, &value[2], error);
}


static char *
ngx_http_bo_auth_jwks_url(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_auth_source_t *source)
{
    char                     *error, *rv;
    u_char                   *p;
    ngx_str_t                *value, name;
    ngx_uint_t                i;
    ngx_bo_jwks_t            *jwks;
    ngx_http_bo_main_conf_t  *mcf;

    value = cf->args->elts;

    if (source->jwks) {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "there is a URL for that name already");
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);

    if (mcf->auth_urls++ == NGX_BO_AUTH_SLOTS) {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "there are more than 8 URLs");
    }

    jwks = ngx_pcalloc(cf->pool, sizeof(ngx_bo_jwks_t));
    p = ngx_pnalloc(cf->pool, sizeof("keys-") - 1 + source->name.len);

    if (jwks == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    name.data = p;
    name.len = ngx_sprintf(p, "keys-%V", &source->name) - p;

    jwks->url = value[2];
    jwks->refresh = 300000;
    jwks->pause = 30000;
    jwks->stale = 86400000;
    jwks->source = source;

    error = ngx_bo_outbound_add(cf, &mcf->outbound, &name, &value[2],
                                NGX_BO_OUTBOUND_WEB, &jwks->peer);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &value[2], error);
    }

    /* who can change what is on the wire could make himself anybody */

    if (jwks->peer->scheme == NGX_BO_OUTBOUND_HTTP
        && !ngx_http_bo_auth_is_loopback(&jwks->peer->host))
    {
        return ngx_http_bo_invalid(cf, cmd, &value[2],
                                   "keys of another machine come by https");
    }

    jwks->peer->timeout = 5000;
    jwks->peer->answer = NGX_BO_AUTH_DOCUMENT + 1;
    source->jwks = jwks;

    for (i = 3; i < cf->args->nelts; i++) {
        rv = ngx_http_bo_auth_jwks_option(cf, cmd, jwks, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_auth_jwks_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_jwks_t *jwks, ngx_str_t *value)
{
    ngx_int_t    n;
    ngx_str_t    s;
    ngx_msec_t  *time;

    time = ngx_http_bo_option(value, "refresh=", &s) == NGX_OK ? &jwks->refresh
           : ngx_http_bo_option(value, "pause=", &s) == NGX_OK ? &jwks->pause
           : ngx_http_bo_option(value, "stale=", &s) == NGX_OK ? &jwks->stale
           : NULL;

    if (time) {
        n = ngx_parse_time(&s, 0);

        /* the bound keeps sums of them in range */

        if (n >= 100 && n <= 2592000000) {
            *time = n;
            return NGX_CONF_OK;
        }

    } else if (ngx_bo_outbound_option(cf, jwks->peer, value) == NGX_OK) {
        return NGX_CONF_OK;
    }

    return ngx_http_bo_invalid(cf, cmd, value, "invalid parameter");
}


static ngx_uint_t
ngx_http_bo_auth_is_loopback(ngx_str_t *host)
{
    return (host->len == 9 && ngx_strncmp(host->data, "127.0.0.1", 9) == 0)
           || (host->len == 9 && ngx_strncmp(host->data, "localhost", 9) == 0)
           || (host->len == 3 && ngx_strncmp(host->data, "::1", 3) == 0);
}


/* boxoffice_auth_zone name:size; */

char *
ngx_http_bo_auth_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char       *rv;
    size_t      size;
    ngx_str_t  *value, name;

    if (mcf->auth_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rv = ngx_http_bo_zone_size(cf, cmd, &value[1], NGX_BO_AUTH_ZONE_MIN,
                               &name, &size);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mcf->auth_zone = ngx_http_bo_auth_zone_add(cf, cmd, &value[1], &name,
                                               size);

    return mcf->auth_zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_shm_zone_t *
ngx_http_bo_auth_zone_add(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, ngx_str_t *name, size_t size)
{
    ngx_bo_auth_zone_t  *zone;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_bo_auth_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    return ngx_http_bo_zone_add(cf, cmd, value, name, size,
                                ngx_bo_auth_zone_init, zone);
}


char *
ngx_http_bo_auth_init(ngx_conf_t *cf, ngx_http_bo_main_conf_t *mcf)
{
    ngx_uint_t              i;
    ngx_bo_auth_source_t  **source;

    static ngx_str_t      name = ngx_string("boxoffice_auth");
    static ngx_command_t  cmd = { ngx_string("boxoffice_auth_zone"), 0, NULL,
                                  0, 0, NULL };

    if (mcf->auth_sources.nelts == 0 && !mcf->keys) {
        return NGX_CONF_OK;
    }

    source = mcf->auth_sources.elts;

    for (i = 0; i < mcf->auth_sources.nelts; i++) {
        if (ngx_http_bo_auth_check(cf, source[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (mcf->auth_zone == NULL) {
        mcf->auth_zone = ngx_http_bo_auth_zone_add(cf, &cmd, &name, &name,
                                                   NGX_HTTP_BO_AUTH_ZONE);
    }

    return mcf->auth_zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_bo_auth_check(ngx_conf_t *cf, ngx_bo_auth_source_t *source)
{
    if (source->kind == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there is no \"boxoffice_auth_jwt\" or "
                           "\"boxoffice_auth_nextauth\" of the name \"%V\"",
                           &source->name);
        return NGX_CONF_ERROR;
    }

    if (source->kind == NGX_BO_AUTH_JWT && source->keys.nelts == 0
        && source->jwks == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_auth_jwt\" \"%V\" has no "
                           "\"boxoffice_auth_key\" and no "
                           "\"boxoffice_auth_jwks\"", &source->name);
        return NGX_CONF_ERROR;
    }

    if (source->kind == NGX_BO_AUTH_NEXTAUTH
        && (source->keys.nelts || source->jwks))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_auth_nextauth\" \"%V\" has its keys "
                           "from its own file, not by \"%s\"",
                           &source->name, source->jwks ? "boxoffice_auth_jwks"
                                                       : "boxoffice_auth_key");
        return NGX_CONF_ERROR;
    }

    return ngx_bo_auth_seal(source) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}
