
/*
 * Payment gateways, behind one interface.
 *
 * A gateway is what a directive "boxoffice_gateway" describes; its type knows
 * how to ask for things, and the text of the answers is read by
 * bo_gateway_doc.h.  Each request carries an idempotency key made of our own
 * ids, so that what was not answered can be asked again.
 *
 * The mock is one of them.  It moves no money; what it says about a payment
 * stands in the payment's id:
 *
 *     mock-ok-...         it was captured
 *     mock-declined-...   it was declined
 *     mock-slow-...       it was captured, and says so after two seconds
 *     mock-never-...      there is no answer
 *     mock-late-<ms>-...  it is captured at that time, Unix ms
 */


#ifndef _NGX_BO_GATEWAY_H_INCLUDED_
#define _NGX_BO_GATEWAY_H_INCLUDED_


#include "net/ngx_bo_outbound.h"

#include "bo_gateway_doc.h"
#include "booking/bo_webhook.h"
#include "ngx_bo_store.h"


#define NGX_BO_GATEWAY_NAME  31     /* bytes of a name */


typedef struct ngx_bo_gateway_s       ngx_bo_gateway_t;
typedef struct ngx_bo_gateway_op_s    ngx_bo_gateway_op_t;
typedef struct ngx_bo_gateway_type_s  ngx_bo_gateway_type_t;


typedef enum {
    NGX_BO_GATEWAY_CREATE = 0,      /* a payment of intent */
    NGX_BO_GATEWAY_QUERY,           /* what became of payment */
    NGX_BO_GATEWAY_CAPTURE,         /* payment, that was authorised */
    NGX_BO_GATEWAY_CANCEL,          /* payment, that is to be paid no more */
    NGX_BO_GATEWAY_REFUND,          /* amount of payment, for refund */
    NGX_BO_GATEWAY_REFUNDS,         /* the refunds of payment */
    NGX_BO_GATEWAY_LIST             /* payments of a time, latest first */
} ngx_bo_gateway_what_e;


typedef enum {
    NGX_BO_GATEWAY_DONE = 0,        /* words is what it says */
    NGX_BO_GATEWAY_REFUSED,         /* it will not, also not later */
    NGX_BO_GATEWAY_NOT_FOUND,       /* it knows no such payment */
    NGX_BO_GATEWAY_NOT_NOW,         /* it did nothing; ask again */
    NGX_BO_GATEWAY_UNKNOWN          /* it may have done it: ask what became */
} ngx_bo_gateway_verdict_e;


/*
 * An operation.  The owner keeps the memory, zeroed; sets what it is about,
 * with texts that live until the end, and starts it.  done is called once,
 * never from inside the start, unless it is cancelled.  words is in a pool
 * that the owner ends by ngx_bo_gateway_end().
 */

struct ngx_bo_gateway_op_s {
    ngx_bo_gateway_t        *gateway;
    ngx_bo_gateway_what_e    what;
    void                   (*done)(ngx_bo_gateway_op_t *op);
    void                    *data;

    ngx_str_t                payment;       /* its id, or its reference */
    ngx_str_t                intent;        /* the UUIDs that are ours */
    ngx_str_t                order;
    ngx_str_t                refund;
    ngx_str_t                key;           /* REFUND: of this try */
    ngx_str_t                site;          /* CREATE: the database's mark */
    ngx_str_t                currency;      /* upper case */
    ngx_str_t                method;        /* "UPI", "CARD", "WALLET" */
    ngx_str_t                after;         /* LIST: the last one seen */
    int64_t                  amount;
    time_t                   since;         /* LIST: made then, ... */
    time_t                   until;         /* ... to then */
    ngx_uint_t               seen;          /* LIST: how many before */
    ngx_uint_t               limit;         /* LIST: 1..BO_GATEWAY_LIST */
    unsigned                 again:1;       /* CREATE: it may be there */

    ngx_bo_gateway_verdict_e  verdict;
    bo_words_t              *words;         /* DONE; at least one, but lists */

    /* the gateway's own */
    ngx_pool_t              *pool;
    ngx_bo_outbound_op_t    *outbound;
    ngx_event_t              timer;
    bo_doc_e                 doc;
    unsigned                 looked:1;
    unsigned                 truncated:1;   /* the answer was too long */
};


struct ngx_bo_gateway_type_s {
    ngx_str_t                name;

    /*
     * Makes the request of an operation in its pool, and says what its answer
     * is.  NGX_OK; NGX_DECLINED: the gateway has no such thing; NGX_ERROR:
     * memory.
     */
    ngx_int_t              (*ask)(ngx_bo_gateway_op_t *op,
                                  ngx_bo_outbound_request_t *request);

    int                    (*read)(bo_doc_e doc, const char *text, size_t len,
                                   bo_words_t *words);

    /* Reads the header of a signature: 0 or -1. */
    int                    (*signature)(bo_webhook_t *w, const char *s,
                                        size_t len);

    const char              *header;        /* of the signature, lower case */
    const char              *event;         /* of the event's id, or NULL */
    const char              *ids[3];        /* what ids begin with */
    unsigned                 timed:1;       /* the signature has a time */
};


struct ngx_bo_gateway_s {
    ngx_str_t                name;          /* as in the tables */
    ngx_bo_gateway_type_t   *type;
    ngx_bo_outbound_peer_t  *peer;          /* NULL: the mock */
    ngx_str_t                authorization; /* header */
    ngx_array_t             *secrets;       /* ngx_str_t, of webhooks */
    ngx_str_t                publishable;   /* key for the client; or empty */
    ngx_str_t                payee;         /* UPI address; or empty */
    ngx_msec_t               check;         /* msec, when in doubt */
    ngx_msec_t               compare;       /* msec, of the lists */
    time_t                   back;          /* sec, how far back */
    unsigned                 manual:1;      /* capture is asked for */
};


extern ngx_bo_gateway_type_t  ngx_bo_gateway_mock;
extern ngx_bo_gateway_type_t  ngx_bo_gateway_stripe;
extern ngx_bo_gateway_type_t  ngx_bo_gateway_razorpay;


/* A gateway by its name, or NULL. */
ngx_bo_gateway_t *ngx_bo_gateway_by_name(ngx_array_t *gateways,
    ngx_str_t *name);

/* The gateway whose id it may be, or NULL. */
ngx_bo_gateway_t *ngx_bo_gateway_of(ngx_array_t *gateways,
    ngx_str_t *payment);

/* NGX_OK, or NGX_ERROR: nothing happened and done will not be called. */
ngx_int_t ngx_bo_gateway_start(ngx_bo_gateway_op_t *op);

/* Gives up what is under way, and frees what came back. */
void ngx_bo_gateway_end(ngx_bo_gateway_op_t *op);

/*
 * What the mock says at once.  NGX_OK: captured; NGX_DECLINED; NGX_AGAIN: it
 * takes its time, ask by an operation; NGX_ERROR: it does not know it.
 */
ngx_int_t ngx_bo_gateway_mock_verdict(ngx_str_t *payment);

/*
 * Whether a body was signed with a secret of the gateway, in constant time.
 * NGX_OK, or NGX_DECLINED.
 */
ngx_int_t ngx_bo_gateway_verify(ngx_bo_gateway_t *gateway, bo_webhook_t *w,
    ngx_str_t *body);

/*
 * The word that counts most of an answer about one payment: the money that was
 * taken before what was promised, tried or is open.  NULL when there is none.
 */
bo_word_t *ngx_bo_gateway_word(ngx_bo_gateway_op_t *op);


#endif /* _NGX_BO_GATEWAY_H_INCLUDED_ */
