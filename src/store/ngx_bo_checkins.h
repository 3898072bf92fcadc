
/*
 * Check-ins: who was let in.  A seat of an order is admitted once, by a
 * constraint in PostgreSQL; what a scanner asks again by the same nonce has
 * the same answer.
 */


#ifndef _NGX_BO_CHECKINS_H_INCLUDED_
#define _NGX_BO_CHECKINS_H_INCLUDED_


#include "ngx_bo_ticket.h"


/* Scans in one call: each costs a signature's check, some 0.2 msec. */

#define NGX_BO_SCANS  32


/* What became of a scan; the names are in ngx_bo_scan_reason(). */

typedef enum {
    NGX_BO_SCAN_ADMITTED = 0,
    NGX_BO_SCAN_USED,           /* the seat was admitted before */
    NGX_BO_SCAN_WRONG_SHOW,
    NGX_BO_SCAN_NOT_YET,
    NGX_BO_SCAN_CANCELLED,
    NGX_BO_SCAN_EXPIRED,
    NGX_BO_SCAN_UNKNOWN,        /* no code of ours, no such order */
    NGX_BO_SCAN_BAD_SIGNATURE,
    NGX_BO_SCAN_UNDONE,         /* it had been admitted, and was taken back */
    NGX_BO_SCAN_NONCE           /* its nonce is another ticket's */
} ngx_bo_scan_e;


typedef struct {
    ngx_str_t                code;          /* as the scanner read it */
    ngx_str_t                nonce;         /* of bo_payment_id_valid() */
    int64_t                  scanned;       /* Unix ms, 0: it asks first */

    ngx_bo_scan_e            outcome;
    bo_entry_t               entry;
    unsigned                 ours:1;        /* signed: entry is what it says */
    unsigned                 replayed:1;
    ngx_str_t                checkin;       /* of the admission, or empty */
    ngx_str_t                device;        /* that made it */
    int64_t                  at;            /* when, Unix ms */
} ngx_bo_scan_t;


/* call stands first.  What it names lives as long as the call, as does pool. */

typedef struct {
    ngx_bo_call_t            call;
    ngx_pool_t              *pool;
    ngx_str_t                device;        /* of bo_user_valid() */
    ngx_str_t                staff;         /* likewise */
    ngx_str_t                show;          /* a UUID's text; empty: any */
    ngx_bo_scan_t           *scans;
    ngx_uint_t               n;             /* 1..NGX_BO_SCANS */
} ngx_bo_checkin_t;


/*
 * Decides all scans, in one transaction.  NGX_OK: it is done, no ticket of
 * ours was among them; NGX_AGAIN: call.done comes, with NGX_BO_OK,
 * NGX_BO_UNAVAILABLE (nothing happened) or NGX_BO_IN_DOUBT (the same again
 * finds out); NGX_ERROR: as NGX_BO_UNAVAILABLE, at once.  call.store is set.
 */
ngx_int_t ngx_bo_check_in(ngx_bo_checkin_t *c);

/* The stable code of an outcome. */
ngx_str_t *ngx_bo_scan_reason(ngx_bo_scan_e outcome);


#endif /* _NGX_BO_CHECKINS_H_INCLUDED_ */
