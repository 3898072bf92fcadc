
/*
 * Holds: seats locked in Redis for a user, for some minutes.
 */


#ifndef _NGX_BO_HOLDS_H_INCLUDED_
#define _NGX_BO_HOLDS_H_INCLUDED_


#include "booking/bo_order.h"
#include "ngx_bo_scripts.h"


/* How long the line of an ended hold answers for it: ms, as a text. */

extern ngx_str_t  ngx_bo_hold_memory;


/* An idempotency key and the payload it came with, hashed, as hex texts. */

#define NGX_BO_KEY_LEN          32
#define NGX_BO_FINGERPRINT_LEN  32

typedef struct {
    unsigned                 present:1;
    u_char                   key[NGX_BO_KEY_LEN];
    u_char                   fingerprint[NGX_BO_FINGERPRINT_LEN];
} ngx_bo_idempotency_t;


typedef struct {
    bo_uuid_t                id;
    bo_seats_t               seats;
    bo_hold_state_e          state;
    int64_t                  created;       /* Unix ms, Redis's clock */
    int64_t                  expires;
} ngx_bo_hold_t;


typedef struct ngx_bo_booking_s  ngx_bo_booking_t;


/*
 * An operation on a hold.  Set before the start: script.call.{store, show,
 * done, data}, pool, user, idempotency, and what the operation names; the
 * rest is zeroed.  user stays where it is until the end.
 */

typedef struct {
    ngx_bo_script_call_t     script;
    ngx_pool_t              *pool;          /* for the script's arguments */
    ngx_str_t                user;
    ngx_bo_idempotency_t     idempotency;
    ngx_bo_hold_t            hold;          /* .id and .seats are also asked */

    bo_seats_t               conflicts;     /* with NGX_BO_CONFLICT */
    unsigned                 sold:1;        /* one of those at least */
    unsigned                 fresh:1;       /* the fence is this call's own */
    uint64_t                 usec;

    ngx_bo_booking_t        *booking;       /* see ngx_bo_bookings.h */

    ngx_uint_t               place;         /* in its batch */
    u_char                   id_text[BO_UUID_LEN];
    u_char                   made_text[NGX_INT64_LEN];
} ngx_bo_hold_call_t;


/*
 * Holds hold.seats for user, all or none, in place of the user's hold in the
 * show, if any.  NGX_BO_OK, _REPLAYED, _SAME: hold is filled; _CONFLICT:
 * conflicts; _KEY_REUSED, _UNAVAILABLE, _IN_DOUBT, _REFUSED.
 */
void ngx_bo_hold_create(ngx_bo_hold_call_t *c);

/*
 * Gives hold.id the seats hold.seats and the time it may still get.  As
 * above, and NGX_BO_NOT_FOUND, _ENDED, _ORDERED.
 */
void ngx_bo_hold_change(ngx_bo_hold_call_t *c);

/* NGX_BO_OK: released now, NGX_BO_SAME: had ended; _NOT_FOUND, _ORDERED. */
void ngx_bo_hold_release(ngx_bo_hold_call_t *c);

/* NGX_BO_OK: hold is filled, its state as of Redis's clock; _NOT_FOUND. */
void ngx_bo_hold_read(ngx_bo_hold_call_t *c);

/*
 * What this idempotency key was answered in the show.  NGX_BO_REPLAYED: hold
 * is filled; _KEY_REUSED; _NOT_FOUND: nothing, or it is forgotten.
 */
void ngx_bo_hold_recall(ngx_bo_hold_call_t *c);

/*
 * Fences hold.id for an order: hold.seats is filled.  Again: the same, but
 * not fresh.
 * NGX_BO_OK, _NOT_FOUND, _ENDED, _LOST.
 */
void ngx_bo_hold_fence(ngx_bo_hold_call_t *c);

/*
 * For the batches: the only one of its turn, or what is not simple, goes by
 * itself; and the state of a seat that is in conflict is noted.
 */
void ngx_bo_hold_single(ngx_bo_hold_call_t *c);
void ngx_bo_hold_conflict(ngx_bo_hold_call_t *c, uint32_t seat,
    int64_t state);

/* Notes all seats of a reply {0, seat, state, ..}. */
void ngx_bo_hold_conflicts(ngx_bo_hold_call_t *c, redisReply *reply);

/* Reads an entry "id created expires flag key fingerprint seats". */
ngx_int_t ngx_bo_hold_parse(ngx_bo_hold_t *hold, ngx_str_t *entry);


#endif /* _NGX_BO_HOLDS_H_INCLUDED_ */
