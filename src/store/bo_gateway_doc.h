
/*
 * What gateways write: payments, refunds, lists of them, and events.  Pure C:
 * a text goes in, words come out, whatever the text is.
 */


#ifndef _BO_GATEWAY_DOC_H_INCLUDED_
#define _BO_GATEWAY_DOC_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_GATEWAY_ID    64         /* bytes of an id: letters, digits, _ - */
#define BO_GATEWAY_LIST  100        /* words of a list */


/* As take_word() of sql/ has them, and what it need not hear of. */

typedef enum {
    BO_WORD_NONE = 0,               /* nothing that concerns us */
    BO_WORD_OPEN,                   /* waits for the customer */
    BO_WORD_AUTHORISED,
    BO_WORD_CAPTURED,
    BO_WORD_DECLINED,               /* the customer may try again */
    BO_WORD_FAILED,                 /* never will be paid */
    BO_WORD_REFUNDED,
    BO_WORD_REFUND_PENDING,
    BO_WORD_REFUND_FAILED
} bo_word_e;

/* "CAPTURED" and so on. */
const char *bo_word_name(bo_word_e kind);


/* Texts are NUL-terminated; "" is none. */

typedef struct {
    bo_word_e                kind;
    char                     event[BO_GATEWAY_ID + 1];
    char                     payment[BO_GATEWAY_ID + 1];
    char                     reference[BO_GATEWAY_ID + 1];
    char                     refund_ref[BO_GATEWAY_ID + 1];
    char                     intent[37];        /* our ids, as we gave them */
    char                     order[37];
    char                     refund[37];
    char                     site[37];          /* whose database it is in */
    char                     currency[4];       /* upper case */
    char                     secret[256];       /* for the customer's client */
    int64_t                  amount;            /* minor units; -1: none */
    int64_t                  refunded;          /* of a payment; -1: not said */
    int                      unread;            /* of a type that concerns us,
                                                 * and not to be understood */
} bo_word_t;


typedef struct {
    size_t                   n;
    size_t                   total;             /* of the list, with those that
                                                 * are not understood */
    int                      more;              /* the list goes on */
    char                     last[BO_GATEWAY_ID + 1];   /* id at its end */
    bo_word_t                word[BO_GATEWAY_LIST];
} bo_words_t;


/* What a text is. */

typedef enum {
    BO_DOC_EVENT = 0,               /* one word */
    BO_DOC_PAYMENT,                 /* one word */
    BO_DOC_REFUND,                  /* one word */
    BO_DOC_PAYMENTS,                /* one word each */
    BO_DOC_REFUNDS,
    BO_DOC_ORDERS                   /* Razorpay's; OPEN */
} bo_doc_e;


/*
 * Read a text.  Return 0 and fill words, or -1 when it is not what it should
 * be.  An event is always one word, as long as it is an object: BO_WORD_NONE
 * when its type or what it is about does not concern us, or cannot be
 * understood; what a list has that is not understood is left out.
 */
int bo_stripe_read(bo_doc_e doc, const char *text, size_t len,
    bo_words_t *words);
int bo_razorpay_read(bo_doc_e doc, const char *text, size_t len,
    bo_words_t *words);

/* 1 for an id as gateways give them, 1..BO_GATEWAY_ID bytes, else 0. */
int bo_gateway_id_valid(const char *s, size_t len);


#endif /* _BO_GATEWAY_DOC_H_INCLUDED_ */
