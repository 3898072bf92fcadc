
/*
 * The development gateway: see ngx_bo_gateway.h for what it says.
 */


#include "ngx_bo_gateway.h"


#define NGX_BO_MOCK_SLOW   2000     /* msec */
#define NGX_BO_MOCK_NEVER  5000     /* until the caller gives up */


static ngx_int_t ngx_bo_gateway_mock_ask(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request);
static int ngx_bo_gateway_mock_read(bo_doc_e doc, const char *text,
    size_t len, bo_words_t *words);
static void ngx_bo_gateway_mock_say(ngx_event_t *ev);
static void ngx_bo_gateway_mock_word(ngx_bo_gateway_op_t *op, bo_word_t *w);
static bo_word_e ngx_bo_gateway_mock_kind(ngx_str_t *payment);


ngx_bo_gateway_type_t  ngx_bo_gateway_mock = {
    ngx_string("mock"),
    ngx_bo_gateway_mock_ask,
    ngx_bo_gateway_mock_read,
    NULL, NULL, NULL,
    { "mock-", NULL, NULL },
    0
};


static ngx_uint_t
ngx_bo_gateway_mock_is(ngx_str_t *payment, const char *name)
{
    size_t  len = ngx_strlen(name);

    return payment->len > len
           && ngx_strncmp(payment->data, name, len) == 0;
}


ngx_int_t
ngx_bo_gateway_mock_verdict(ngx_str_t *payment)
{
    switch (ngx_bo_gateway_mock_kind(payment)) {

    case BO_WORD_CAPTURED:
        return ngx_bo_gateway_mock_is(payment, "mock-ok-") ? NGX_OK
                                                           : NGX_AGAIN;

    case BO_WORD_DECLINED:
        return NGX_DECLINED;

    case BO_WORD_OPEN:
        return NGX_AGAIN;

    default:
        return NGX_ERROR;
    }
}


static bo_word_e
ngx_bo_gateway_mock_kind(ngx_str_t *payment)
{
    u_char  *p, *last;
    off_t    due;

    if (ngx_bo_gateway_mock_is(payment, "mock-ok-")
        || ngx_bo_gateway_mock_is(payment, "mock-slow-"))
    {
        return BO_WORD_CAPTURED;
    }

    if (ngx_bo_gateway_mock_is(payment, "mock-declined-")) {
        return BO_WORD_DECLINED;
    }

    if (ngx_bo_gateway_mock_is(payment, "mock-never-")
        || ngx_bo_gateway_mock_is(payment, "mock-pay-"))
    {
        return BO_WORD_OPEN;
    }

    if (ngx_bo_gateway_mock_is(payment, "mock-late-")) {
        last = payment->data + payment->len;
        p = ngx_strlchr(payment->data + sizeof("mock-late-") - 1, last, '-');

        if (p) {
            due = ngx_atoof(payment->data + sizeof("mock-late-") - 1,
                            p - payment->data - (sizeof("mock-late-") - 1));

            if (due >= 0) {
                return ngx_bo_now() < due ? BO_WORD_OPEN : BO_WORD_CAPTURED;
            }
        }
    }

    return BO_WORD_NONE;
}


static ngx_int_t
ngx_bo_gateway_mock_ask(ngx_bo_gateway_op_t *op,
    ngx_bo_outbound_request_t *request)
{
    ngx_msec_t  pause;

    pause = 1;

    if (op->what == NGX_BO_GATEWAY_QUERY
        && ngx_bo_gateway_mock_is(&op->payment, "mock-slow-"))
    {
        pause = NGX_BO_MOCK_SLOW;
    }

    if (op->what == NGX_BO_GATEWAY_QUERY
        && ngx_bo_gateway_mock_is(&op->payment, "mock-never-"))
    {
        pause = NGX_BO_MOCK_NEVER;
    }

    op->timer.handler = ngx_bo_gateway_mock_say;
    op->timer.data = op;
    op->timer.log = ngx_cycle->log;

    ngx_add_timer(&op->timer, pause);

    return NGX_OK;
}


/* Nothing that it says is a text. */

static int
ngx_bo_gateway_mock_read(bo_doc_e doc, const char *text, size_t len,
    bo_words_t *words)
{
    return -1;
}


static void
ngx_bo_gateway_mock_say(ngx_event_t *ev)
{
    ngx_bo_gateway_op_t *op = ev->data;

    op->verdict = NGX_BO_GATEWAY_DONE;
    op->words->n = 1;

    switch (op->what) {

    case NGX_BO_GATEWAY_LIST:
    case NGX_BO_GATEWAY_REFUNDS:
        op->words->n = 0;
        break;

    case NGX_BO_GATEWAY_QUERY:

        if (ngx_bo_gateway_mock_is(&op->payment, "mock-never-")) {
            op->verdict = NGX_BO_GATEWAY_UNKNOWN;

        } else if (ngx_bo_gateway_mock_kind(&op->payment) == BO_WORD_NONE) {
            op->verdict = NGX_BO_GATEWAY_NOT_FOUND;
        }

        break;

    default:
        break;
    }

    ngx_bo_gateway_mock_word(op, &op->words->word[0]);

    op->done(op);
}


static void
ngx_bo_gateway_mock_word(ngx_bo_gateway_op_t *op, bo_word_t *w)
{
    ngx_memzero(w, sizeof(bo_word_t));

    w->kind = op->what == NGX_BO_GATEWAY_REFUND ? BO_WORD_REFUNDED
              : op->what == NGX_BO_GATEWAY_CANCEL ? BO_WORD_FAILED
              : op->what == NGX_BO_GATEWAY_CREATE ? BO_WORD_OPEN
              : ngx_bo_gateway_mock_kind(&op->payment);

    w->amount = op->amount;
    w->refunded = -1;

    if (op->what == NGX_BO_GATEWAY_CREATE) {
        (void) ngx_snprintf((u_char *) w->reference, BO_GATEWAY_ID,
                            "mock-pay-%V%Z", &op->intent);

    } else {
        (void) ngx_cpystrn((u_char *) w->reference, op->payment.data,
                           ngx_min(op->payment.len, BO_GATEWAY_ID) + 1);
    }

    ngx_memcpy(w->payment, w->reference, sizeof(w->payment));

    if (op->what == NGX_BO_GATEWAY_REFUND) {
        (void) ngx_snprintf((u_char *) w->refund_ref, BO_GATEWAY_ID,
                            "mock-refund-%V%Z", &op->refund);
    }
}
