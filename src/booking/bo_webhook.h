
/*
 * The signatures of webhooks, as texts: what is written in a header.  The MACs
 * are compared elsewhere, in constant time, before the body is looked at.
 */


#ifndef _BO_WEBHOOK_H_INCLUDED_
#define _BO_WEBHOOK_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_WEBHOOK_MAC        32    /* bytes of HMAC-SHA256 */
#define BO_WEBHOOK_MACS       8     /* a sender that rotates sends two */
#define BO_WEBHOOK_TOLERANCE  300   /* seconds, both ways */


typedef struct {
    int64_t                  time;  /* Unix seconds, -1 when there is none */
    unsigned                 n;     /* MACs, 0..BO_WEBHOOK_MACS */
    uint8_t                  mac[BO_WEBHOOK_MACS][BO_WEBHOOK_MAC];
} bo_webhook_t;


/*
 * Reads a Stripe-Signature: "t=<seconds>,v1=<64 hex digits>[,v1=...]", in any
 * order.  Other schemes ("v0=") and what is no MAC are passed over, so that n
 * may be 0; of more MACs than there is room for the first count.
 *
 * Returns 0, or -1 when it is malformed: no "t", two of them, one that is not
 * 1 to 12 digits, or an element without '='.
 */
int bo_webhook_stripe(bo_webhook_t *w, const char *s, size_t len);

/* Reads an X-Razorpay-Signature, 64 hex digits.  Returns 0 or -1. */
int bo_webhook_hex(bo_webhook_t *w, const char *s, size_t len);

/* 1 when w->time is within the tolerance of now (Unix seconds), else 0. */
int bo_webhook_fresh(const bo_webhook_t *w, int64_t now);


#endif /* _BO_WEBHOOK_H_INCLUDED_ */
