
/*
 * What all gateways have in common: an operation from its request to the words
 * of its answer; signatures of webhooks.
 */


#include "ngx_bo_gateway.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>


static ngx_int_t ngx_bo_gateway_send(ngx_bo_gateway_op_t *op);
static void ngx_bo_gateway_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);
static ngx_bo_gateway_verdict_e ngx_bo_gateway_judge(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_answer_t *answer);


ngx_bo_gateway_t *
ngx_bo_gateway_by_name(ngx_array_t *gateways, ngx_str_t *name)
{
    ngx_uint_t         i;
    ngx_bo_gateway_t  *g = gateways->elts;

    for (i = 0; i < gateways->nelts; i++) {
        if (g[i].name.len == name->len
            && ngx_strncmp(g[i].name.data, name->data, name->len) == 0)
        {
            return &g[i];
        }
    }

    return NULL;
}


ngx_bo_gateway_t *
ngx_bo_gateway_of(ngx_array_t *gateways, ngx_str_t *payment)
{
    size_t              len;
    ngx_uint_t          i;
    const char        **id;
    ngx_bo_gateway_t   *g = gateways->elts;

    /* as it becomes a part of a path there */

    if (!bo_gateway_id_valid((char *) payment->data, payment->len)) {
        return NULL;
    }

    for (i = 0; i < gateways->nelts; i++) {
        for (id = g[i].type->ids; *id; id++) {
            len = ngx_strlen(*id);

            if (payment->len > len
                && ngx_strncmp(payment->data, *id, len) == 0)
            {
                return &g[i];
            }
        }
    }

    return NULL;
}


ngx_int_t
ngx_bo_gateway_start(ngx_bo_gateway_op_t *op)
{
    op->pool = ngx_create_pool(1024, ngx_cycle->log);
    if (op->pool == NULL) {
        return NGX_ERROR;
    }

    op->words = ngx_palloc(op->pool, sizeof(bo_words_t));

    if (op->words == NULL) {
        ngx_bo_gateway_end(op);
        return NGX_ERROR;
    }

    op->truncated = 0;
    op->words->n = 0;
    op->words->total = 0;
    op->words->more = 0;
    op->words->last[0] = '\0';

    if (ngx_bo_gateway_send(op) != NGX_OK) {
        ngx_bo_gateway_end(op);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_bo_gateway_send(ngx_bo_gateway_op_t *op)
{
    ngx_int_t                  rc;
    ngx_bo_outbound_request_t  request;

    ngx_memzero(&request, sizeof(ngx_bo_outbound_request_t));

    rc = op->gateway->type->ask(op, &request);

    if (rc != NGX_OK || op->gateway->peer == NULL) {
        return rc;
    }

    op->outbound = ngx_bo_outbound_submit(op->gateway->peer, &request,
                                          ngx_bo_gateway_answered, op);

    return op->outbound ? NGX_OK : NGX_ERROR;
}


void
ngx_bo_gateway_end(ngx_bo_gateway_op_t *op)
{
    if (op->outbound) {
        ngx_bo_outbound_cancel(op->outbound);
        op->outbound = NULL;
    }

    if (op->timer.timer_set) {
        ngx_del_timer(&op->timer);
    }

    if (op->pool) {
        ngx_destroy_pool(op->pool);
        op->pool = NULL;
        op->words = NULL;
    }
}


static void
ngx_bo_gateway_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    ngx_bo_gateway_op_t *op = data;

    op->outbound = NULL;

    switch (verdict) {

    case NGX_BO_DONE:
        op->verdict = ngx_bo_gateway_judge(op, answer);
        break;

    case NGX_BO_NOT_SENT:
        op->verdict = NGX_BO_GATEWAY_NOT_NOW;
        break;

    default:
        op->verdict = NGX_BO_GATEWAY_UNKNOWN;
    }

    /* It was looked for, and is not there: now it is made. */

    if (op->looked && op->verdict == NGX_BO_GATEWAY_DONE
        && op->words->n == 0)
    {
        op->again = 0;
        op->looked = 0;

        if (ngx_bo_gateway_send(op) == NGX_OK) {
            return;
        }

        op->verdict = NGX_BO_GATEWAY_NOT_NOW;
    }

    op->done(op);
}


/*
 * 409 and 429 are about asking, not about the payment; a gateway that does not
 * take our key may take the next one.  What cannot be read may be anything.
 */

static ngx_bo_gateway_verdict_e
ngx_bo_gateway_judge(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_answer_t *answer)
{
    ngx_uint_t  status = answer->status;

    if (status >= 200 && status < 300) {

        op->truncated = answer->truncated != 0;

        if (op->truncated && op->limit > 1) {
            return NGX_BO_GATEWAY_UNKNOWN;      /* it asks for less */
        }

        if (op->truncated
            || op->gateway->type->read(op->doc, (char *) answer->body.data,
                                       answer->body.len, op->words)
               != 0)
        {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "boxoffice: gateway \"%V\" gave an answer that "
                          "cannot be read", &op->gateway->name);
            return NGX_BO_GATEWAY_UNKNOWN;
        }

        return NGX_BO_GATEWAY_DONE;
    }

    if (status == 404) {
        return NGX_BO_GATEWAY_NOT_FOUND;
    }

    if (status == 401 || status == 403) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "boxoffice: gateway \"%V\" does not take our key: %ui",
                      &op->gateway->name, status);
        return NGX_BO_GATEWAY_NOT_NOW;
    }

    if (status == 409 || status == 425 || status == 429) {
        return NGX_BO_GATEWAY_NOT_NOW;
    }

    /* of 408 nobody says who was too slow, and what was done by then */

    return status >= 400 && status < 500 && status != 408
           ? NGX_BO_GATEWAY_REFUSED : NGX_BO_GATEWAY_UNKNOWN;
}


ngx_int_t
ngx_bo_gateway_verify(ngx_bo_gateway_t *gateway, bo_webhook_t *w,
    ngx_str_t *body)
{
    u_char        head[NGX_INT64_LEN + 1], mac[EVP_MAX_MD_SIZE], *all;
    size_t        n;
    ngx_str_t    *secret;
    ngx_uint_t    i, j, good;
    unsigned int  len;

    n = 0;

    if (gateway->type->timed) {
        n = ngx_sprintf(head, "%L.", w->time) - head;
    }

    all = ngx_alloc(n + body->len + 1, ngx_cycle->log);
    if (all == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(all, head, n);
    ngx_memcpy(all + n, body->data, body->len);

    /* every secret with every MAC, whatever was found before */

    good = 0;
    secret = gateway->secrets->elts;

    for (i = 0; i < gateway->secrets->nelts; i++) {
        len = 0;

        if (HMAC(EVP_sha256(), secret[i].data, (int) secret[i].len, all,
                 n + body->len, mac, &len)
            == NULL
            || len != BO_WEBHOOK_MAC)
        {
            continue;
        }

        for (j = 0; j < w->n; j++) {
            good |= CRYPTO_memcmp(mac, w->mac[j], BO_WEBHOOK_MAC) == 0;
        }
    }

    ngx_free(all);

    return good ? NGX_OK : NGX_DECLINED;
}


bo_word_t *
ngx_bo_gateway_word(ngx_bo_gateway_op_t *op)
{
    size_t      i;
    bo_word_t  *w, *best;

    static const int  weight[] = {
        0,      /* NONE */
        1,      /* OPEN */
        4,      /* AUTHORISED */
        5,      /* CAPTURED */
        2,      /* DECLINED */
        3,      /* FAILED */
        0, 0, 0
    };

    best = NULL;

    for (i = 0; i < op->words->n; i++) {
        w = &op->words->word[i];

        if (best == NULL || weight[w->kind] > weight[best->kind]) {
            best = w;
        }
    }

    return best;
}
