
/*
 * Webhooks, signed by the Standard Webhooks convention:
 *
 *     boxoffice_outbox_sink webhook url=https://... secret=file ...;
 *
 * The signature is "v1," and the base64 of HMAC-SHA256 over
 * "<webhook-id>.<webhook-timestamp>.<body>".  The file has a secret in each
 * line, "whsec_<base64>"; every request is signed with all of them, so that
 * the receiver may change from one to the next at any time.
 */


#include "ngx_bo_sink_http.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>


#define NGX_BO_WEBHOOK_SECRETS  4

/* bytes of a key, as the convention has it */

#define NGX_BO_WEBHOOK_KEY_MIN  24
#define NGX_BO_WEBHOOK_KEY_MAX  64

/* "v1,", the base64 of a hash, a space */

#define NGX_BO_WEBHOOK_SIGNED   (3 + 44 + 1)


typedef struct {
    u_char                   key[NGX_BO_WEBHOOK_KEY_MAX];
    size_t                   len;
} ngx_bo_webhook_secret_t;


typedef struct {
    ngx_bo_sink_http_t       http;
    ngx_str_t                file;
    ngx_bo_webhook_secret_t  secrets[NGX_BO_WEBHOOK_SECRETS];
    ngx_uint_t               nsecrets;
} ngx_bo_webhook_t;


static ngx_bo_webhook_t *ngx_bo_webhook_conf(ngx_conf_t *cf,
    ngx_bo_sink_t *sink);
static char *ngx_bo_webhook_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value);
static char *ngx_bo_webhook_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static char *ngx_bo_webhook_secrets(ngx_conf_t *cf, ngx_bo_webhook_t *hook);
static char *ngx_bo_webhook_secret(ngx_bo_webhook_t *hook, u_char *p,
    u_char *last);
static void ngx_bo_webhook_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n);
static ngx_int_t ngx_bo_webhook_submit(ngx_bo_webhook_t *hook,
    ngx_bo_delivery_t *d, ngx_pool_t *pool);
static ngx_int_t ngx_bo_webhook_sign(ngx_bo_webhook_t *hook, ngx_pool_t *pool,
    ngx_str_t *id, ngx_str_t *time, ngx_str_t *body, ngx_str_t *signature);
static void ngx_bo_webhook_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);


ngx_bo_sink_kind_t  ngx_bo_sink_webhook = {
    "webhook",
    0,
    ngx_bo_webhook_option,
    ngx_bo_webhook_complete,
    NULL,
    NULL,
    ngx_bo_webhook_send
};


static ngx_bo_webhook_t *
ngx_bo_webhook_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    if (sink->conf == NULL) {
        sink->conf = ngx_pcalloc(cf->pool, sizeof(ngx_bo_webhook_t));
    }

    return sink->conf;
}


static char *
ngx_bo_webhook_option(ngx_conf_t *cf, ngx_bo_sink_t *sink, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_bo_webhook_t  *hook;

    hook = ngx_bo_webhook_conf(cf, sink);
    if (hook == NULL) {
        return "no memory";
    }

    if (ngx_bo_sink_is(name, "secret")) {
        hook->file = *value;
        return NULL;
    }

    return ngx_bo_sink_http_option(cf, &hook->http, name, value);
}


static char *
ngx_bo_webhook_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    char              *error;
    ngx_bo_webhook_t  *hook;

    hook = ngx_bo_webhook_conf(cf, sink);
    if (hook == NULL) {
        return "no memory";
    }

    if (hook->file.len == 0) {
        return "\"secret=\" is missing";
    }

    error = ngx_bo_webhook_secrets(cf, hook);
    if (error) {
        return error;
    }

    return ngx_bo_sink_http_complete(cf, sink, &hook->http);
}


static char *
ngx_bo_webhook_secrets(ngx_conf_t *cf, ngx_bo_webhook_t *hook)
{
    char       *error;
    u_char     *p, *end, *last;
    ngx_str_t   text;

    error = ngx_bo_sink_file(cf, &hook->file, &text);
    if (error) {
        return error;
    }

    last = text.data + text.len;

    for (p = text.data; p < last && error == NULL; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');
        if (end == NULL) {
            end = last;
        }

        if (end > p) {
            error = ngx_bo_webhook_secret(hook, p, end);
        }
    }

    OPENSSL_cleanse(text.data, text.len);

    if (error == NULL && hook->nsecrets == 0) {
        return "the file of secrets is empty";
    }

    return error;
}


static char *
ngx_bo_webhook_secret(ngx_bo_webhook_t *hook, u_char *p, u_char *last)
{
    u_char                    key[256];
    ngx_str_t                 from, to;
    ngx_bo_webhook_secret_t  *secret;

    if (hook->nsecrets == NGX_BO_WEBHOOK_SECRETS) {
        return "the file has more than 4 secrets";
    }

    if (last - p > 6 && ngx_strncmp(p, "whsec_", 6) == 0) {
        p += 6;
    }

    from.data = p;
    from.len = last - p;
    to.data = key;
    to.len = 0;

    if (from.len > sizeof(key) || ngx_decode_base64(&to, &from) != NGX_OK
        || to.len < NGX_BO_WEBHOOK_KEY_MIN || to.len > NGX_BO_WEBHOOK_KEY_MAX)
    {
        return "a secret is \"whsec_\" and the base64 of 24 to 64 bytes";
    }

    secret = &hook->secrets[hook->nsecrets++];
    secret->len = to.len;
    ngx_memcpy(secret->key, key, to.len);
    OPENSSL_cleanse(key, sizeof(key));

    return NULL;
}


static void
ngx_bo_webhook_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d, ngx_uint_t n)
{
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    for (i = 0; i < n; i++) {
        pool = ngx_create_pool(4096, sink->store->log);

        if (pool == NULL
            || ngx_bo_webhook_submit(sink->conf, d[i], pool) != NGX_OK)
        {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "the client is busy");
        }

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }
}


static ngx_int_t
ngx_bo_webhook_submit(ngx_bo_webhook_t *hook, ngx_bo_delivery_t *d,
    ngx_pool_t *pool)
{
    u_char                      time[NGX_TIME_T_LEN];
    ngx_str_t                   body;
    ngx_keyval_t                headers[4];
    ngx_bo_outbound_request_t   request;

    ngx_memzero(&request, sizeof(ngx_bo_outbound_request_t));

    ngx_str_set(&headers[0].key, "Content-Type");
    ngx_str_set(&headers[0].value, "application/json");

    ngx_str_set(&headers[1].key, "webhook-id");
    headers[1].value = d->event.id;

    ngx_str_set(&headers[2].key, "webhook-timestamp");
    headers[2].value.data = time;
    headers[2].value.len = ngx_sprintf(time, "%T", ngx_time()) - time;

    ngx_str_set(&headers[3].key, "webhook-signature");

    if (ngx_bo_event_json(&d->event, pool, &body) != NGX_OK
        || ngx_bo_webhook_sign(hook, pool, &headers[1].value,
                               &headers[2].value, &body, &headers[3].value)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&request.method, "POST");
    request.headers = headers;
    request.nheaders = 4;
    request.body = body;

    return ngx_bo_outbound_submit(hook->http.peer, &request,
                                  ngx_bo_webhook_answered, d)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_bo_webhook_sign(ngx_bo_webhook_t *hook, ngx_pool_t *pool, ngx_str_t *id,
    ngx_str_t *time, ngx_str_t *body, ngx_str_t *signature)
{
    u_char      *p, *text, hash[EVP_MAX_MD_SIZE];
    size_t       len;
    ngx_str_t    from, to;
    ngx_uint_t   i;

    len = id->len + time->len + body->len + 2;

    text = ngx_pnalloc(pool, len);
    p = ngx_pnalloc(pool, hook->nsecrets * NGX_BO_WEBHOOK_SIGNED);

    if (text == NULL || p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(text, "%V.%V.%V", id, time, body);
    signature->data = p;

    for (i = 0; i < hook->nsecrets; i++) {
        if (HMAC(EVP_sha256(), hook->secrets[i].key,
                 (int) hook->secrets[i].len, text, len, hash, NULL)
            == NULL)
        {
            return NGX_ERROR;
        }

        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, "v1,", 3);

        from.data = hash;
        from.len = 32;
        to.data = p;
        ngx_encode_base64(&to, &from);
        p += to.len;
    }

    signature->len = p - signature->data;

    return NGX_OK;
}


static void
ngx_bo_webhook_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    if (ngx_bo_sink_http_ok(verdict, answer)) {
        ngx_bo_sink_done(data, NGX_BO_SINK_DELIVERED, 0, NULL);
        return;
    }

    ngx_bo_sink_http_failed(data, verdict, answer);
}
