
/*
 * Fuzz target: what a gateway sends, its signatures and its documents.  The
 * first byte says which of them.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_gateway_doc.h"
#include "bo_webhook.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* What is taken can be put into an SQL array, a path and a log as it is. */

static void
check(const char *s)
{
    size_t  len = strlen(s);

    if (len && !bo_gateway_id_valid(s, len)) {
        abort();
    }
}


static void
check_word(const bo_word_t *w)
{
    int  i;

    check(w->event);
    check(w->payment);
    check(w->reference);
    check(w->refund_ref);
    check(w->intent);
    check(w->order);
    check(w->refund);
    check(w->site);

    for (i = 0; i < 3 && w->currency[0]; i++) {
        if (w->currency[i] < 'A' || w->currency[i] > 'Z') {
            abort();
        }
    }

    if (w->amount < -1 || w->refunded < -1 || bo_word_name(w->kind) == NULL) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           rc;
    size_t        i;
    const char   *text;
    bo_webhook_t  sig;

    static bo_words_t  words;

    if (size == 0) {
        return 0;
    }

    text = (const char *) data + 1;
    size--;

    rc = bo_webhook_stripe(&sig, text, size);

    if (sig.n > BO_WEBHOOK_MACS || (rc == 0 && sig.time < 0)) {
        abort();
    }

    (void) bo_webhook_fresh(&sig, 1700000000);
    (void) bo_webhook_hex(&sig, text, size);

    rc = data[0] & 8 ? bo_razorpay_read(data[0] % 6, text, size, &words)
                     : bo_stripe_read(data[0] % 5, text, size, &words);

    if (rc != 0) {
        return 0;
    }

    if (words.n > BO_GATEWAY_LIST) {
        abort();
    }

    for (i = 0; i < words.n; i++) {
        check_word(&words.word[i]);
    }

    return 0;
}
