
/*
 * The states of orders and holds, and the payment methods.
 *
 *     PAYMENT_PENDING -> CONFIRMED | FAILED | EXPIRED | CANCELLED
 *     CONFIRMED | EXPIRED | FAILED -> CANCELLED
 *     EXPIRED -> CONFIRMED
 *
 * The database moves orders, by conditional updates along the same edges; this
 * is for answers and for refusing early.
 */


#ifndef _BO_ORDER_H_INCLUDED_
#define _BO_ORDER_H_INCLUDED_


#include <stddef.h>


typedef enum {
    BO_ORDER_PAYMENT_PENDING = 0,
    BO_ORDER_CONFIRMED,
    BO_ORDER_FAILED,
    BO_ORDER_EXPIRED,
    BO_ORDER_CANCELLED
} bo_order_state_e;

#define BO_ORDER_STATES   5


typedef enum {
    BO_HOLD_HELD = 0,
    BO_HOLD_EXPIRED,
    BO_HOLD_RELEASED
} bo_hold_state_e;

#define BO_HOLD_STATES   3


typedef enum {
    BO_PAYMENT_UPI = 0,
    BO_PAYMENT_CARD,
    BO_PAYMENT_WALLET
} bo_payment_method_e;

#define BO_PAYMENT_METHODS   3


/*
 * Names are constants in upper case, as in the API and in the database, and
 * NUL-terminated: "PAYMENT_PENDING", "HELD", "UPI".  The argument is one of
 * the enumeration, the caller's duty.
 *
 * The readers compare exactly, case included.  They return 0, or -1 for any
 * other text and leave the result alone.
 */
const char *bo_order_state_name(bo_order_state_e state);
int bo_order_state_parse(bo_order_state_e *state, const char *s, size_t len);

const char *bo_hold_state_name(bo_hold_state_e state);
int bo_hold_state_parse(bo_hold_state_e *state, const char *s, size_t len);

const char *bo_payment_method_name(bo_payment_method_e method);
int bo_payment_method_parse(bo_payment_method_e *method, const char *s,
    size_t len);

/*
 * Returns 1 when an order may move between the two states, else 0; a state
 * does not move to itself.
 */
int bo_order_may(bo_order_state_e from, bo_order_state_e to);


#endif /* _BO_ORDER_H_INCLUDED_ */
