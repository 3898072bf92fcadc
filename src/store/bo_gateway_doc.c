
/*
 * What gateways write.
 */


#include "bo_gateway_doc.h"

#include <string.h>

#include <jansson.h>


typedef struct {
    const char              *text;
    bo_word_e                kind;
} bo_gateway_kind_t;


static int bo_stripe_doc(bo_doc_e doc, json_t *root, bo_words_t *words);
static int bo_stripe_event(json_t *root, bo_word_t *w);
static int bo_stripe_event_of(const char *type, json_t *o, bo_word_t *w);
static int bo_stripe_payment(json_t *o, bo_word_t *w);
static int bo_stripe_refund(json_t *o, bo_word_t *w);
static int bo_razorpay_doc(bo_doc_e doc, json_t *root, bo_words_t *words);
static int bo_razorpay_event(json_t *root, bo_word_t *w);
static int bo_razorpay_event_of(const char *type, json_t *payload,
    bo_word_t *w);
static int bo_razorpay_payment(json_t *o, bo_word_t *w);
static int bo_razorpay_refund(json_t *o, bo_word_t *w);
static int bo_razorpay_order(json_t *o, bo_word_t *w);


const char *
bo_word_name(bo_word_e kind)
{
    static const char *const  names[] = {
        "NONE", "OPEN", "AUTHORISED", "CAPTURED", "DECLINED", "FAILED",
        "REFUNDED", "REFUND_PENDING", "REFUND_FAILED"
    };

    return names[kind];
}


int
bo_gateway_id_valid(const char *s, size_t len)
{
    size_t  i;

    if (len == 0 || len > BO_GATEWAY_ID) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')
              || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' || s[i] == '-'))
        {
            return 0;
        }
    }

    return 1;
}


static void
bo_word_init(bo_word_t *w)
{
    memset(w, 0, sizeof(bo_word_t));

    w->amount = -1;
    w->refunded = -1;
}


/* A field that is a text without NULs, or NULL. */

static const char *
bo_word_string(json_t *o, const char *name)
{
    json_t      *v;
    const char  *s;

    v = json_object_get(o, name);
    s = json_string_value(v);

    return s && strlen(s) == json_string_length(v) ? s : NULL;
}


/* A field that is an id: 0, or -1 when it is another thing, or none. */

static int
bo_word_id(char *to, json_t *o, const char *name)
{
    json_t  *v;

    v = json_object_get(o, name);

    if (!json_is_string(v)
        || !bo_gateway_id_valid(json_string_value(v), json_string_length(v)))
    {
        return -1;
    }

    memcpy(to, json_string_value(v), json_string_length(v) + 1);

    return 0;
}


/*
 * One of our UUIDs, which a gateway gives back as it got it.  What is none is
 * treated as absent: it may be another's, who has the same account.
 */

static void
bo_word_uuid(char to[37], json_t *o, const char *name)
{
    char         c;
    size_t       i;
    json_t      *v;
    const char  *s;

    v = json_object_get(o, name);

    if (!json_is_string(v) || json_string_length(v) != 36) {
        return;
    }

    s = json_string_value(v);

    for (i = 0; i < 36; i++) {
        c = s[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') {
                return;
            }

        } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return;
        }
    }

    memcpy(to, s, 37);
}


static int
bo_word_money(bo_word_t *w, json_t *o, const char *name)
{
    int          i;
    json_t      *v;
    const char  *s;

    v = json_object_get(o, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        return -1;
    }

    w->amount = json_integer_value(v);

    v = json_object_get(o, "currency");

    if (!json_is_string(v) || json_string_length(v) != 3) {
        return -1;
    }

    s = json_string_value(v);

    for (i = 0; i < 3; i++) {
        w->currency[i] = s[i] >= 'a' && s[i] <= 'z' ? (char) (s[i] - 32)
                                                    : s[i];
        if (w->currency[i] < 'A' || w->currency[i] > 'Z') {
            return -1;
        }
    }

    return 0;
}


/* The kind that a text stands for; -1 for one that is not in the table. */

static int
bo_word_kind(bo_word_t *w, json_t *o, const char *name,
    const bo_gateway_kind_t *kinds)
{
    const char  *s;

    s = bo_word_string(o, name);

    if (s == NULL) {
        return -1;
    }

    for ( /* void */ ; kinds->text; kinds++) {
        if (strcmp(kinds->text, s) == 0) {
            w->kind = kinds->kind;
            return 0;
        }
    }

    return -1;
}


static int
bo_gateway_read(bo_doc_e doc, const char *text, size_t len, bo_words_t *words,
    int (*read)(bo_doc_e doc, json_t *root, bo_words_t *words))
{
    int            rc;
    json_t        *root;
    json_error_t   error;

    words->n = 0;
    words->total = 0;
    words->more = 0;
    words->last[0] = '\0';

    /* a customer's text may have any character, and the rest is good */

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL,
                      &error);
    if (root == NULL) {
        return -1;
    }

    rc = json_is_object(root) ? read(doc, root, words) : -1;

    json_decref(root);

    return rc;
}


static int
bo_gateway_one(json_t *o, bo_words_t *words,
    int (*read)(json_t *o, bo_word_t *w))
{
    bo_word_init(&words->word[0]);

    if (read(o, &words->word[0]) != 0) {
        return -1;
    }

    words->n = 1;

    return 0;
}


static int
bo_gateway_list(json_t *list, bo_words_t *words,
    int (*read)(json_t *o, bo_word_t *w))
{
    size_t   i;
    json_t  *o;

    if (!json_is_array(list)) {
        return -1;
    }

    json_array_foreach(list, i, o) {

        if (words->n == BO_GATEWAY_LIST) {
            words->more = 1;
            break;
        }

        words->total++;

        if (bo_word_id(words->last, o, "id") != 0) {
            words->last[0] = '\0';
        }

        bo_word_init(&words->word[words->n]);

        if (read(o, &words->word[words->n]) == 0) {
            words->n++;
        }
    }

    return 0;
}


int
bo_stripe_read(bo_doc_e doc, const char *text, size_t len, bo_words_t *words)
{
    return bo_gateway_read(doc, text, len, words, bo_stripe_doc);
}


static int
bo_stripe_doc(bo_doc_e doc, json_t *root, bo_words_t *words)
{
    switch (doc) {

    case BO_DOC_EVENT:
        return bo_gateway_one(root, words, bo_stripe_event);

    case BO_DOC_PAYMENT:
        return bo_gateway_one(root, words, bo_stripe_payment);

    case BO_DOC_REFUND:
        return bo_gateway_one(root, words, bo_stripe_refund);

    default:

        if (json_is_true(json_object_get(root, "has_more"))) {
            words->more = 1;
        }

        return bo_gateway_list(json_object_get(root, "data"), words,
                               doc == BO_DOC_PAYMENTS ? bo_stripe_payment
                                                      : bo_stripe_refund);
    }
}


/*
 * An event, whatever it is: gateways have types that nobody has heard of yet,
 * and stop sending when they are not taken.
 */

static int
bo_stripe_event(json_t *root, bo_word_t *w)
{
    char         id[BO_GATEWAY_ID + 1];
    const char  *type;

    type = bo_word_string(root, "type");

    if (bo_word_id(id, root, "id") != 0) {
        id[0] = '\0';
    }

    if (type
        && (bo_stripe_event_of(type, json_object_get(json_object_get(root,
                                                         "data"), "object"), w)
            != 0
            || (w->kind != BO_WORD_NONE && id[0] == '\0')))
    {
        bo_word_init(w);
        w->unread = 1;
    }

    memcpy(w->event, id, strlen(id) + 1);

    return 0;
}


/*
 * What the object of an event is says more than its type: an event tells how
 * it was when it was made, and the object may have moved on.
 */

static int
bo_stripe_event_of(const char *type, json_t *o, bo_word_t *w)
{
    if (strcmp(type, "payment_intent.succeeded") == 0
        || strcmp(type, "payment_intent.payment_failed") == 0
        || strcmp(type, "payment_intent.canceled") == 0
        || strcmp(type, "payment_intent.amount_capturable_updated") == 0)
    {
        if (bo_stripe_payment(o, w) != 0) {
            return -1;
        }

        if (strcmp(type, "payment_intent.payment_failed") == 0
            && w->kind == BO_WORD_OPEN)
        {
            w->kind = BO_WORD_DECLINED;
        }

        return 0;
    }

    if (strcmp(type, "refund.created") == 0
        || strcmp(type, "refund.updated") == 0
        || strcmp(type, "refund.failed") == 0
        || strcmp(type, "charge.refund.updated") == 0)
    {
        /* of a charge that was made without a PaymentIntent: not by us */

        return json_is_null(json_object_get(o, "payment_intent"))
               ? 0 : bo_stripe_refund(o, w);
    }

    return 0;
}


static int
bo_stripe_payment(json_t *o, bo_word_t *w)
{
    json_t      *v, *metadata;
    const char  *secret;

    static const bo_gateway_kind_t  kinds[] = {
        { "requires_payment_method", BO_WORD_OPEN },
        { "requires_confirmation", BO_WORD_OPEN },
        { "requires_action", BO_WORD_OPEN },
        { "processing", BO_WORD_OPEN },
        { "requires_capture", BO_WORD_AUTHORISED },
        { "succeeded", BO_WORD_CAPTURED },
        { "canceled", BO_WORD_FAILED },
        { NULL, BO_WORD_NONE }
    };

    if (bo_word_id(w->payment, o, "id") != 0
        || bo_word_kind(w, o, "status", kinds) != 0
        || bo_word_money(w, o, w->kind == BO_WORD_CAPTURED
                               ? "amount_received" : "amount") != 0)
    {
        return -1;
    }

    memcpy(w->reference, w->payment, sizeof(w->reference));

    /* a card was tried, and refused */

    if (w->kind == BO_WORD_OPEN
        && json_is_object(json_object_get(o, "last_payment_error")))
    {
        w->kind = BO_WORD_DECLINED;
    }

    secret = bo_word_string(o, "client_secret");

    if (secret && strlen(secret) < sizeof(w->secret)) {
        memcpy(w->secret, secret, strlen(secret) + 1);
    }

    v = json_object_get(json_object_get(o, "latest_charge"),
                        "amount_refunded");

    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        w->refunded = json_integer_value(v);
    }

    metadata = json_object_get(o, "metadata");

    bo_word_uuid(w->intent, metadata, "intent_id");
    bo_word_uuid(w->order, metadata, "order_id");
    bo_word_uuid(w->site, metadata, "site");

    return 0;
}


static int
bo_stripe_refund(json_t *o, bo_word_t *w)
{
    static const bo_gateway_kind_t  kinds[] = {
        { "succeeded", BO_WORD_REFUNDED },
        { "pending", BO_WORD_REFUND_PENDING },
        { "requires_action", BO_WORD_REFUND_PENDING },
        { "failed", BO_WORD_REFUND_FAILED },
        { "canceled", BO_WORD_REFUND_FAILED },
        { NULL, BO_WORD_NONE }
    };

    if (bo_word_id(w->refund_ref, o, "id") != 0
        || bo_word_id(w->payment, o, "payment_intent") != 0
        || bo_word_kind(w, o, "status", kinds) != 0
        || bo_word_money(w, o, "amount") != 0)
    {
        return -1;
    }

    bo_word_uuid(w->refund, json_object_get(o, "metadata"), "refund_id");

    return 0;
}


int
bo_razorpay_read(bo_doc_e doc, const char *text, size_t len,
    bo_words_t *words)
{
    return bo_gateway_read(doc, text, len, words, bo_razorpay_doc);
}


static int
bo_razorpay_doc(bo_doc_e doc, json_t *root, bo_words_t *words)
{
    json_t  *items;

    switch (doc) {

    case BO_DOC_EVENT:
        return bo_gateway_one(root, words, bo_razorpay_event);

    case BO_DOC_PAYMENT:

        /* a payment, or the order that it is to be made for */

        return bo_gateway_one(root, words,
                              json_object_get(root, "receipt")
                              && !json_object_get(root, "order_id")
                              ? bo_razorpay_order : bo_razorpay_payment);

    case BO_DOC_REFUND:
        return bo_gateway_one(root, words, bo_razorpay_refund);

    default:
        break;
    }

    items = json_object_get(root, "items");

    if (json_array_size(items) == BO_GATEWAY_LIST) {
        words->more = 1;
    }

    return bo_gateway_list(items, words,
                           doc == BO_DOC_PAYMENTS ? bo_razorpay_payment
                           : doc == BO_DOC_ORDERS ? bo_razorpay_order
                                                  : bo_razorpay_refund);
}


/* Its id is not in it, but in a header. */

static int
bo_razorpay_event(json_t *root, bo_word_t *w)
{
    const char  *type;

    type = bo_word_string(root, "event");

    if (type
        && bo_razorpay_event_of(type, json_object_get(root, "payload"), w)
           != 0)
    {
        bo_word_init(w);
        w->unread = 1;
    }

    return 0;
}


static int
bo_razorpay_event_of(const char *type, json_t *payload, bo_word_t *w)
{
    json_t  *o;

    if (strcmp(type, "payment.authorized") == 0
        || strcmp(type, "payment.captured") == 0
        || strcmp(type, "payment.failed") == 0)
    {
        o = json_object_get(json_object_get(payload, "payment"), "entity");
        return bo_razorpay_payment(o, w);
    }

    if (strcmp(type, "refund.created") == 0
        || strcmp(type, "refund.processed") == 0
        || strcmp(type, "refund.failed") == 0)
    {
        o = json_object_get(json_object_get(payload, "refund"), "entity");
        return bo_razorpay_refund(o, w);
    }

    return 0;
}


static int
bo_razorpay_payment(json_t *o, bo_word_t *w)
{
    json_t  *v, *notes;

    static const bo_gateway_kind_t  kinds[] = {
        { "created", BO_WORD_OPEN },
        { "authorized", BO_WORD_AUTHORISED },
        { "captured", BO_WORD_CAPTURED },
        { "refunded", BO_WORD_CAPTURED },
        { "failed", BO_WORD_DECLINED },
        { NULL, BO_WORD_NONE }
    };

    if (bo_word_id(w->payment, o, "id") != 0
        || bo_word_kind(w, o, "status", kinds) != 0
        || bo_word_money(w, o, "amount") != 0)
    {
        return -1;
    }

    (void) bo_word_id(w->reference, o, "order_id");

    v = json_object_get(o, "amount_refunded");

    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        w->refunded = json_integer_value(v);
    }

    /* notes are [] when there are none */

    notes = json_object_get(o, "notes");

    bo_word_uuid(w->intent, notes, "intent_id");
    bo_word_uuid(w->order, notes, "order_id");
    bo_word_uuid(w->site, notes, "site");

    return 0;
}


static int
bo_razorpay_refund(json_t *o, bo_word_t *w)
{
    static const bo_gateway_kind_t  kinds[] = {
        { "processed", BO_WORD_REFUNDED },
        { "pending", BO_WORD_REFUND_PENDING },
        { "failed", BO_WORD_REFUND_FAILED },
        { NULL, BO_WORD_NONE }
    };

    if (bo_word_id(w->refund_ref, o, "id") != 0
        || bo_word_id(w->payment, o, "payment_id") != 0
        || bo_word_kind(w, o, "status", kinds) != 0
        || bo_word_money(w, o, "amount") != 0)
    {
        return -1;
    }

    bo_word_uuid(w->refund, json_object_get(o, "notes"), "refund_id");

    return 0;
}


static int
bo_razorpay_order(json_t *o, bo_word_t *w)
{
    if (bo_word_id(w->reference, o, "id") != 0
        || bo_word_money(w, o, "amount") != 0)
    {
        return -1;
    }

    w->kind = BO_WORD_OPEN;
    memcpy(w->payment, w->reference, sizeof(w->payment));

    bo_word_uuid(w->intent, o, "receipt");
    bo_word_uuid(w->order, json_object_get(o, "notes"), "order_id");

    return 0;
}
