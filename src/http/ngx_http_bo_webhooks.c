
/*
 * POST /webhooks/{gateway}: what a gateway tells us.  Who it is says the
 * signature over the bytes of the body, and nothing in them is looked at
 * before that is good.
 */


#include "ngx_http_bo.h"

#include <openssl/sha.h>


typedef struct {
    ngx_bo_webhook_call_t    call;
    bo_words_t              *words;
    u_char                   digest[2 * SHA256_DIGEST_LENGTH];
} ngx_http_bo_webhook_t;


static void ngx_http_bo_webhook(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_webhook_signed(ngx_http_bo_ctx_t *ctx,
    ngx_bo_gateway_t *gateway);
static ngx_int_t ngx_http_bo_webhook_header(ngx_http_bo_ctx_t *ctx,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_bo_webhook_read(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_webhook_t *w);
static ngx_int_t ngx_http_bo_webhook_event(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_webhook_t *w);
static void ngx_http_bo_webhook_ignore(ngx_http_bo_ctx_t *ctx,
    bo_word_t *word);
static void ngx_http_bo_webhook_woken(ngx_bo_call_t *call);
static void ngx_http_bo_webhook_taken(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_webhook_answer(ngx_http_bo_ctx_t *ctx,
    const char *said);


ngx_http_bo_action_t  ngx_http_bo_webhooks_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_BODY|NGX_HTTP_BO_LARGE,
      ngx_http_bo_webhook },

    { 0, 0, ngx_null_string, 0, NULL }
};


static void
ngx_http_bo_webhook(ngx_http_bo_ctx_t *ctx)
{
    ngx_bo_gateway_t       *gateway;
    ngx_http_bo_webhook_t  *w;

    gateway = ngx_bo_gateway_by_name(ctx->store->gateways, &ctx->name);

    if (gateway == NULL || gateway->secrets == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    if (ngx_http_bo_webhook_signed(ctx, gateway) != NGX_OK) {
        ngx_bo_count(ctx->store, webhooks_refused);
        return;
    }

    w = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_webhook_t));
    if (w == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = w;
    w->call.gateway = gateway;
    w->call.call.store = ctx->store;
    w->call.call.data = ctx;
    w->call.call.done = ngx_http_bo_webhook_woken;

    if (ngx_http_bo_webhook_read(ctx, w) != NGX_OK) {
        return;
    }

    ngx_bo_count(ctx->store, webhooks_taken);

    if (w->call.word->kind == BO_WORD_NONE
        || w->call.word->kind == BO_WORD_OPEN
        || w->call.word->kind == BO_WORD_REFUND_PENDING)
    {
        ngx_http_bo_webhook_ignore(ctx, w->call.word);
        return;
    }

    if (ngx_http_bo_webhook_event(ctx, w) != NGX_OK) {
        return;
    }

    ngx_http_bo_wait(ctx, &w->call.call);
    ngx_bo_webhook_take(&w->call);
}


/* NGX_OK, or NGX_ERROR when the answer is on its way. */

static ngx_int_t
ngx_http_bo_webhook_signed(ngx_http_bo_ctx_t *ctx, ngx_bo_gateway_t *gateway)
{
    ngx_int_t             rc;
    ngx_str_t             value;
    bo_webhook_t          sig;
    ngx_http_bo_error_e   e;

    rc = ngx_http_bo_webhook_header(ctx, gateway->type->header, &value);

    if (rc == NGX_ERROR
        || (rc == NGX_OK
            && gateway->type->signature(&sig, (char *) value.data, value.len)
               != 0))
    {
        e = NGX_HTTP_BO_E_SIGNATURE_FORM;

    } else if (rc == NGX_DECLINED
               || (gateway->type->timed && !bo_webhook_fresh(&sig, ngx_time()))
               || ngx_bo_gateway_verify(gateway, &sig, &ctx->body) != NGX_OK)
    {
        e = NGX_HTTP_BO_E_SIGNATURE;

    } else {
        return NGX_OK;
    }

    ngx_http_bo_error(ctx, e, NULL);

    return NGX_ERROR;
}


/* NGX_OK; NGX_DECLINED: there is none; NGX_ERROR: there are two. */

static ngx_int_t
ngx_http_bo_webhook_header(ngx_http_bo_ctx_t *ctx, const char *name,
    ngx_str_t *value)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    rc = NGX_DECLINED;
    len = ngx_strlen(name);

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (h->key.len != len || ngx_memcmp(h->lowcase_key, name, len) != 0) {
            continue;
        }

        if (rc == NGX_OK) {
            return NGX_ERROR;
        }

        *value = h->value;
        rc = NGX_OK;
    }

    return rc;
}


/* NGX_OK, or NGX_ERROR when the answer is on its way. */

static ngx_int_t
ngx_http_bo_webhook_read(ngx_http_bo_ctx_t *ctx, ngx_http_bo_webhook_t *w)
{
    w->words = ngx_palloc(ctx->request->pool, sizeof(bo_words_t));
    if (w->words == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    if (w->call.gateway->type->read(BO_DOC_EVENT, (char *) ctx->body.data,
                                    ctx->body.len, w->words)
        != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_JSON, NULL);
        return NGX_ERROR;
    }

    w->call.word = &w->words->word[0];

    return NGX_OK;
}


/*
 * By what it is known when it comes again: its id, and its bytes.  NGX_OK, or
 * NGX_ERROR when the answer is on its way.
 */

static ngx_int_t
ngx_http_bo_webhook_event(ngx_http_bo_ctx_t *ctx, ngx_http_bo_webhook_t *w)
{
    u_char                  digest[SHA256_DIGEST_LENGTH];
    ngx_bo_gateway_type_t  *type = w->call.gateway->type;

    w->call.event.data = (u_char *) w->call.word->event;
    w->call.event.len = ngx_strlen(w->call.word->event);

    if (type->event
        && (ngx_http_bo_webhook_header(ctx, type->event, &w->call.event)
            != NGX_OK
            || !bo_gateway_id_valid((char *) w->call.event.data,
                                    w->call.event.len)))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_BAD_REQUEST, NULL);
        return NGX_ERROR;
    }

    SHA256(ctx->body.data, ctx->body.len, digest);
    ngx_hex_dump(w->digest, digest, sizeof(digest));

    w->call.digest.data = w->digest;
    w->call.digest.len = sizeof(w->digest);

    return NGX_OK;
}


/*
 * It is taken all the same: a gateway stops sending to those who answer errors.
 * What was not understood, and is about money, the comparison of the books
 * finds.
 */

static void
ngx_http_bo_webhook_ignore(ngx_http_bo_ctx_t *ctx, bo_word_t *word)
{
    ngx_bo_count(ctx->store, webhooks_ignored);

    if (word->unread) {
        ngx_bo_count(ctx->store, webhooks_unread);
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "boxoffice: gateway \"%V\" sent an event \"%s\" that "
                      "cannot be understood", &ctx->name, word->event);
    }

    ngx_http_bo_webhook_answer(ctx, "ignored");
}


static void
ngx_http_bo_webhook_woken(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_webhook_taken);
}


static void
ngx_http_bo_webhook_taken(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_webhook_t *w = ctx->data;

    if (w->call.call.outcome == NGX_BO_OK) {
        ngx_http_bo_webhook_answer(ctx, w->call.said);
        return;
    }

    /* It comes again, and then it is known whether it was taken. */

    ngx_http_bo_error_outcome(ctx, w->call.call.outcome);
}


static void
ngx_http_bo_webhook_answer(ngx_http_bo_ctx_t *ctx, const char *said)
{
    u_char     *p;
    ngx_str_t   body;

    p = ngx_pnalloc(ctx->request->pool, 64);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;
    body.len = ngx_sprintf(p, "{\"received\":true,\"outcome\":\"%s\"}", said)
               - p;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}
