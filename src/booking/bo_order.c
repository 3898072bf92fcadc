
#include <string.h>

#include "bo_order.h"


static const char  *const bo_order_states[BO_ORDER_STATES] = {
    "PAYMENT_PENDING",
    "CONFIRMED",
    "FAILED",
    "EXPIRED",
    "CANCELLED"
};


static const char  *const bo_hold_states[BO_HOLD_STATES] = {
    "HELD",
    "EXPIRED",
    "RELEASED"
};


static const char  *const bo_payment_methods[BO_PAYMENT_METHODS] = {
    "UPI",
    "CARD",
    "WALLET"
};


static int bo_name_find(const char *const *names, int n, const char *s,
    size_t len);


const char *
bo_order_state_name(bo_order_state_e state)
{
    return bo_order_states[state];
}


int
bo_order_state_parse(bo_order_state_e *state, const char *s, size_t len)
{
    int  i;

    i = bo_name_find(bo_order_states, BO_ORDER_STATES, s, len);
    if (i < 0) {
        return -1;
    }

    *state = (bo_order_state_e) i;

    return 0;
}


const char *
bo_hold_state_name(bo_hold_state_e state)
{
    return bo_hold_states[state];
}


int
bo_hold_state_parse(bo_hold_state_e *state, const char *s, size_t len)
{
    int  i;

    i = bo_name_find(bo_hold_states, BO_HOLD_STATES, s, len);
    if (i < 0) {
        return -1;
    }

    *state = (bo_hold_state_e) i;

    return 0;
}


const char *
bo_payment_method_name(bo_payment_method_e method)
{
    return bo_payment_methods[method];
}


int
bo_payment_method_parse(bo_payment_method_e *method, const char *s, size_t len)
{
    int  i;

    i = bo_name_find(bo_payment_methods, BO_PAYMENT_METHODS, s, len);
    if (i < 0) {
        return -1;
    }

    *method = (bo_payment_method_e) i;

    return 0;
}


int
bo_order_may(bo_order_state_e from, bo_order_state_e to)
{
    switch (from) {

    case BO_ORDER_PAYMENT_PENDING:
        return to != BO_ORDER_PAYMENT_PENDING;

    case BO_ORDER_EXPIRED:

        /* paid after all, and the seats are free still */

        return to == BO_ORDER_CONFIRMED || to == BO_ORDER_CANCELLED;

    case BO_ORDER_CONFIRMED:
    case BO_ORDER_FAILED:
        return to == BO_ORDER_CANCELLED;

    case BO_ORDER_CANCELLED:
        return 0;
    }

    return 0;
}


static int
bo_name_find(const char *const *names, int n, const char *s, size_t len)
{
    int  i;

    for (i = 0; i < n; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], s, len) == 0) {
            return i;
        }
    }

    return -1;
}
