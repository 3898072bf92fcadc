
#include "bo_test.h"
#include "bo_order.h"


static void
test_names(void **state)
{
    int                  i;
    bo_hold_state_e      hold;
    bo_order_state_e     order;
    bo_payment_method_e  method;

    static const char *const  orders[] = {
        "PAYMENT_PENDING", "CONFIRMED", "FAILED", "EXPIRED", "CANCELLED"
    };

    static const char *const  holds[] = { "HELD", "EXPIRED", "RELEASED" };

    static const char *const  methods[] = { "UPI", "CARD", "WALLET" };

    (void) state;

    assert_int_equal(bo_test_count(orders), BO_ORDER_STATES);
    assert_int_equal(bo_test_count(holds), BO_HOLD_STATES);
    assert_int_equal(bo_test_count(methods), BO_PAYMENT_METHODS);

    for (i = 0; i < BO_ORDER_STATES; i++) {
        assert_string_equal(bo_order_state_name((bo_order_state_e) i),
                            orders[i]);
        assert_int_equal(bo_order_state_parse(&order, orders[i],
                                              strlen(orders[i])), 0);
        assert_int_equal(order, i);
    }

    for (i = 0; i < BO_HOLD_STATES; i++) {
        assert_string_equal(bo_hold_state_name((bo_hold_state_e) i), holds[i]);
        assert_int_equal(bo_hold_state_parse(&hold, holds[i],
                                             strlen(holds[i])), 0);
        assert_int_equal(hold, i);
    }

    for (i = 0; i < BO_PAYMENT_METHODS; i++) {
        assert_string_equal(bo_payment_method_name((bo_payment_method_e) i),
                            methods[i]);
        assert_int_equal(bo_payment_method_parse(&method, methods[i],
                                                 strlen(methods[i])), 0);
        assert_int_equal(method, i);
    }
}


static void
test_names_refused(void **state)
{
    size_t               i;
    bo_hold_state_e      hold;
    bo_order_state_e     order;
    bo_payment_method_e  method;

    static const struct {
        const char  *s;
        size_t       len;
    } cases[] = {
        { bo_test_text("") },
        { bo_test_text("confirmed") },
        { bo_test_text("CONFIRME") },
        { bo_test_text("CONFIRMED ") },
        { bo_test_text("CONFIRMED\0") },
        { bo_test_text("hELD") },
        { bo_test_text("HELDX") },
        { bo_test_text("upi") },
        { bo_test_text("CAR") },
        { bo_test_text("WALLETS") },
        { bo_test_text("NETBANKING") }
    };

    (void) state;

    order = BO_ORDER_FAILED;
    hold = BO_HOLD_RELEASED;
    method = BO_PAYMENT_CARD;

    for (i = 0; i < bo_test_count(cases); i++) {
        assert_int_equal(bo_order_state_parse(&order, cases[i].s,
                                              cases[i].len), -1);
        assert_int_equal(bo_hold_state_parse(&hold, cases[i].s, cases[i].len),
                         -1);
        assert_int_equal(bo_payment_method_parse(&method, cases[i].s,
                                                 cases[i].len), -1);
    }

    assert_int_equal(order, BO_ORDER_FAILED);
    assert_int_equal(hold, BO_HOLD_RELEASED);
    assert_int_equal(method, BO_PAYMENT_CARD);
}


static void
test_may(void **state)
{
    int  from, to;

    static const int  may[BO_ORDER_STATES][BO_ORDER_STATES] = {

        /*  PENDING  CONFIRMED  FAILED  EXPIRED  CANCELLED */

        { 0,         1,         1,      1,       1 },
        { 0,         0,         0,      0,       1 },
        { 0,         0,         0,      0,       1 },
        { 0,         1,         0,      0,       1 },
        { 0,         0,         0,      0,       0 }
    };

    (void) state;

    for (from = 0; from < BO_ORDER_STATES; from++) {
        for (to = 0; to < BO_ORDER_STATES; to++) {
            assert_int_equal(bo_order_may((bo_order_state_e) from,
                                          (bo_order_state_e) to),
                             may[from][to]);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_may)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
