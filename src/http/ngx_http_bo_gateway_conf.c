
/*
 * boxoffice_gateway type [name=name] [url=url] [key_file=file]
 *     [webhook_secret_file=file] [capture=automatic|manual]
 *     [publishable_key=key] [upi=address] [check=time] [compare=time]
 *     [back=time] [timeout=time] [connections=number] [queue=number] [ca=file]
 *     [verify=on|off];
 */


#include "ngx_http_bo.h"
#include "store/ngx_bo_file.h"
#include "ngx_http_bo_conf.h"


#define NGX_HTTP_BO_GATEWAY_FILE  16384


typedef struct {
    ngx_str_t                url;
    ngx_str_t                key_file;
    ngx_str_t                secret_file;
} ngx_http_bo_gateway_files_t;


static char *ngx_http_bo_gateway_type(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, ngx_bo_gateway_t *g);
static ngx_int_t ngx_http_bo_gateway_text(ngx_bo_gateway_t *g,
    ngx_http_bo_gateway_files_t *f, ngx_str_t *value);
static ngx_int_t ngx_http_bo_gateway_option(ngx_bo_gateway_t *g,
    ngx_str_t *value);
static ngx_uint_t ngx_http_bo_gateway_plain(ngx_str_t *s);
static char *ngx_http_bo_gateway_peer(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g, ngx_http_bo_gateway_files_t *f);
static char *ngx_http_bo_gateway_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g, ngx_http_bo_gateway_files_t *f);
static char *ngx_http_bo_gateway_lines(ngx_conf_t *cf, ngx_str_t *path,
    ngx_array_t **lines);
static char *ngx_http_bo_gateway_authorize(ngx_conf_t *cf,
    ngx_bo_gateway_t *g, ngx_str_t *key);
static char *ngx_http_bo_gateway_account(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g);


static ngx_bo_gateway_type_t  *ngx_http_bo_gateway_types[] = {
    &ngx_bo_gateway_mock,
    &ngx_bo_gateway_stripe,
    &ngx_bo_gateway_razorpay,
    NULL
};


static void
ngx_http_bo_gateway_init(ngx_bo_gateway_t *g)
{
    ngx_memzero(g, sizeof(ngx_bo_gateway_t));

    g->check = 10000;
    g->compare = 300000;
    g->back = 30 * 86400;
}


ngx_int_t
ngx_http_bo_gateway_default(ngx_conf_t *cf, ngx_array_t *gateways,
    ngx_uint_t used)
{
    ngx_bo_gateway_t  *g;

    if (gateways->nelts) {
        return NGX_OK;
    }

    /* good for a trial, and for nothing that takes money */

    if (used) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "no \"boxoffice_gateway\" is defined: the mock, "
                           "which takes the client's word for a payment, is "
                           "used");
    }

    g = ngx_array_push(gateways);
    if (g == NULL) {
        return NGX_ERROR;
    }

    ngx_http_bo_gateway_init(g);

    g->type = &ngx_bo_gateway_mock;
    g->name = g->type->name;
    ngx_str_set(&g->payee, "boxoffice@mock");

    return NGX_OK;
}


char *
ngx_http_bo_gateway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_bo_gateway_t             *g, gateway;
    ngx_http_bo_gateway_files_t   files;

    value = cf->args->elts;

    ngx_http_bo_gateway_init(&gateway);
    ngx_memzero(&files, sizeof(ngx_http_bo_gateway_files_t));

    if (ngx_http_bo_gateway_type(cf, cmd, &value[1], &gateway)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        (void) ngx_http_bo_option(&value[i], "name=", &gateway.name);
        (void) ngx_http_bo_option(&value[i], "url=", &files.url);
    }

    if (ngx_bo_gateway_by_name(&mcf->gateways, &gateway.name)) {
        return ngx_http_bo_invalid(cf, cmd, &gateway.name,
                                   "there is another of this name");
    }

    if (gateway.type != &ngx_bo_gateway_mock
        && ngx_http_bo_gateway_peer(cf, cmd, &gateway, &files)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_bo_gateway_text(&gateway, &files, &value[i]) == NGX_OK
            || ngx_http_bo_gateway_option(&gateway, &value[i]) == NGX_OK
            || (gateway.peer
                && ngx_bo_outbound_option(cf, gateway.peer, &value[i])
                   == NGX_OK))
        {
            continue;
        }

        return ngx_http_bo_invalid(cf, cmd, &value[i], "invalid parameter");
    }

    if (gateway.peer
        && (ngx_http_bo_gateway_keys(cf, cmd, &gateway, &files)
            != NGX_CONF_OK
            || ngx_http_bo_gateway_account(cf, cmd, &gateway)
               != NGX_CONF_OK))
    {
        return NGX_CONF_ERROR;
    }

    g = ngx_array_push(&mcf->gateways);
    if (g == NULL) {
        return NGX_CONF_ERROR;
    }

    *g = gateway;

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_gateway_type(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *value,
    ngx_bo_gateway_t *g)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_bo_gateway_types[i]; i++) {
        g->type = ngx_http_bo_gateway_types[i];

        if (g->type->name.len == value->len
            && ngx_strcmp(g->type->name.data, value->data) == 0)
        {
            g->name = g->type->name;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_bo_invalid(cf, cmd, value,
                               "it has to be mock, stripe or razorpay");
}


/* Parameters that are texts: NGX_OK, or NGX_DECLINED. */

static ngx_int_t
ngx_http_bo_gateway_text(ngx_bo_gateway_t *g, ngx_http_bo_gateway_files_t *f,
    ngx_str_t *value)
{
    ngx_str_t  s;

    if (ngx_http_bo_option(value, "upi=", &s) == NGX_OK) {
        g->payee = s;
        return ngx_http_bo_gateway_plain(&s) ? NGX_OK : NGX_DECLINED;
    }

    if (ngx_http_bo_option(value, "name=", &s) == NGX_OK) {
        return s.len <= NGX_BO_GATEWAY_NAME && ngx_http_bo_gateway_plain(&s)
               ? NGX_OK : NGX_DECLINED;
    }

    if (g->peer == NULL) {
        return NGX_DECLINED;    /* the mock has none of these */
    }

    if (ngx_http_bo_option(value, "publishable_key=", &s) == NGX_OK) {
        g->publishable = s;
        return ngx_http_bo_gateway_plain(&s) ? NGX_OK : NGX_DECLINED;
    }

    if (ngx_http_bo_option(value, "url=", &s) == NGX_OK) {
        return NGX_OK;          /* see ngx_http_bo_gateway_peer() */
    }

    if (ngx_http_bo_option(value, "key_file=", &s) == NGX_OK) {
        f->key_file = s;
        return NGX_OK;
    }

    if (ngx_http_bo_option(value, "webhook_secret_file=", &s) == NGX_OK) {
        f->secret_file = s;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_bo_gateway_option(ngx_bo_gateway_t *g, ngx_str_t *value)
{
    ngx_int_t   n;
    ngx_str_t   s;
    ngx_uint_t  check;

    check = ngx_http_bo_option(value, "check=", &s) == NGX_OK;

    if (check || ngx_http_bo_option(value, "compare=", &s) == NGX_OK) {
        n = ngx_parse_time(&s, 0);

        /* ints of SQL */

        if (n < 100 || n > 86400000 || (!check && g->peer == NULL)) {
            return NGX_DECLINED;
        }

        *(check ? &g->check : &g->compare) = n;
        return NGX_OK;
    }

    if (g->peer && ngx_http_bo_option(value, "back=", &s) == NGX_OK) {
        n = ngx_parse_time(&s, 1);
        g->back = n;
        return n >= 3600 && n <= 366 * 86400 ? NGX_OK : NGX_DECLINED;
    }

    if (g->peer && ngx_http_bo_option(value, "capture=", &s) == NGX_OK) {
        g->manual = ngx_strcmp(s.data, "manual") == 0;
        return g->manual || ngx_strcmp(s.data, "automatic") == 0
               ? NGX_OK : NGX_DECLINED;
    }

    return NGX_DECLINED;
}


/* Without what would have to be escaped in a link or a text of JSON. */

static ngx_uint_t
ngx_http_bo_gateway_plain(ngx_str_t *s)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'
              || c == '@'))
        {
            return 0;
        }
    }

    return s->len <= 128;
}


static char *
ngx_http_bo_gateway_peer(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g, ngx_http_bo_gateway_files_t *f)
{
    char                     *error;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);

    if (f->url.len == 0) {
        if (g->type == &ngx_bo_gateway_stripe) {
            ngx_str_set(&f->url, "https://api.stripe.com");

        } else {
            ngx_str_set(&f->url, "https://api.razorpay.com");
        }
    }

    error = ngx_bo_outbound_add(cf, &mcf->outbound, &g->name, &f->url,
                                NGX_BO_OUTBOUND_WEB, &g->peer);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &f->url, error);
    }

    /* a page of a list */

    g->peer->answer = 1024 * 1024;

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_gateway_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g, ngx_http_bo_gateway_files_t *f)
{
    char         *error;
    ngx_str_t    *key;
    ngx_array_t  *lines;

    if (f->key_file.len == 0) {
        return ngx_http_bo_invalid(cf, cmd, &g->name,
                                   "\"key_file\" is missing");
    }

    error = ngx_http_bo_gateway_lines(cf, &f->key_file, &lines);

    if (error == NULL) {
        key = lines->elts;
        error = lines->nelts == 1
                ? ngx_http_bo_gateway_authorize(cf, g, key)
                : "the file has to be of one line";
    }

    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &f->key_file, error);
    }

    if (f->secret_file.len == 0) {
        return NGX_CONF_OK;
    }

    error = ngx_http_bo_gateway_lines(cf, &f->secret_file, &g->secrets);

    return error ? ngx_http_bo_invalid(cf, cmd, &f->secret_file, error)
                 : NGX_CONF_OK;
}


/* The lines of a file that are not empty; NULL, or an error text. */

static char *
ngx_http_bo_gateway_lines(ngx_conf_t *cf, ngx_str_t *path,
    ngx_array_t **lines)
{
    char       *error;
    u_char     *p, *end, *last;
    ngx_str_t  *line, text;

    *lines = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (*lines == NULL) {
        return "no memory";
    }

    error = ngx_bo_file_read(cf, cf->pool, path, NGX_HTTP_BO_GATEWAY_FILE,
                             &text);
    if (error) {
        return error;
    }

    last = text.data + text.len;

    for (p = text.data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        line = ngx_array_push(*lines);
        if (line == NULL) {
            return "no memory";
        }

        line->data = p;
        line->len = end - p - (end[-1] == '\r');

        if (line->len < 8) {
            return "a line of the file is shorter than 8 bytes";
        }
    }

    return (*lines)->nelts ? NULL : "the file is empty";
}


/* Bearer, or Basic of "id:secret", whose id the client may know. */

static char *
ngx_http_bo_gateway_authorize(ngx_conf_t *cf, ngx_bo_gateway_t *g,
    ngx_str_t *key)
{
    u_char     *colon, *p;
    size_t      i;
    ngx_str_t   coded;

    for (i = 0; i < key->len; i++) {
        if (key->data[i] <= ' ' || key->data[i] >= 0x7f) {
            return "the key has a byte that no key has";
        }
    }

    p = ngx_pnalloc(cf->pool, 8 + ngx_base64_encoded_length(key->len));
    if (p == NULL) {
        return "no memory";
    }

    g->authorization.data = p;

    if (g->type == &ngx_bo_gateway_stripe) {
        g->authorization.len = ngx_sprintf(p, "Bearer %V", key) - p;
        return NULL;
    }

    colon = ngx_strlchr(key->data, key->data + key->len, ':');

    if (colon == NULL) {
        return "the key has to be \"id:secret\"";
    }

    if (g->publishable.len == 0) {
        g->publishable.data = key->data;
        g->publishable.len = colon - key->data;

        if (!ngx_http_bo_gateway_plain(&g->publishable)) {
            return "the key has a byte that no key has";
        }
    }

    p = ngx_cpymem(p, "Basic ", sizeof("Basic ") - 1);
    coded.data = p;
    ngx_encode_base64(&coded, key);
    g->authorization.len = sizeof("Basic ") - 1 + coded.len;

    return NULL;
}


/*
 * Two of one account would each find the other's payments in its list, and
 * quarantine them: an intent is paid where it was begun.
 */

static char *
ngx_http_bo_gateway_account(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_gateway_t *g)
{
    ngx_uint_t                i;
    ngx_bo_gateway_t         *other;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    other = mcf->gateways.elts;

    for (i = 0; i < mcf->gateways.nelts; i++) {

        if (other[i].authorization.len == g->authorization.len
            && ngx_strncmp(other[i].authorization.data, g->authorization.data,
                           g->authorization.len)
               == 0)
        {
            return ngx_http_bo_invalid(cf, cmd, &other[i].name,
                                       "this key is already");
        }
    }

    return NGX_CONF_OK;
}
