
/*
 * Signatures of webhooks.
 */


#include "bo_test.h"
#include "bo_webhook.h"


#define A  "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define B  "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00"


static int
stripe(bo_webhook_t *w, const char *s)
{
    return bo_webhook_stripe(w, s, strlen(s));
}


static void
test_stripe(void **state)
{
    bo_webhook_t  w;

    (void) state;

    assert_int_equal(stripe(&w, "t=1492774577,v1=" A), 0);
    assert_int_equal(w.time, 1492774577);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.mac[0][0], 0x00);
    assert_int_equal(w.mac[0][15], 0xff);
    assert_int_equal(w.mac[0][31], 0xff);

    /* rotation, another scheme, another order, what is no MAC */

    assert_int_equal(stripe(&w, "v0=" A ",v1=" B ",t=1,v1=" A ",v1=12,x=y"),
                     0);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.mac[0][0], 0xff);
    assert_int_equal(w.mac[1][0], 0x00);

    assert_int_equal(stripe(&w, "t=1,v0=" A), 0);
    assert_int_equal(w.n, 0);
    assert_int_equal(stripe(&w, "t=999999999999,"), 0);
    assert_int_equal(w.time, 999999999999);
}


static void
test_many(void **state)
{
    int           i;
    char          s[1024];
    bo_webhook_t  w;

    (void) state;

    strcpy(s, "t=1");

    for (i = 0; i < 12; i++) {
        strcat(s, ",v1=" A);
    }

    assert_int_equal(stripe(&w, s), 0);
    assert_int_equal(w.n, BO_WEBHOOK_MACS);
}


static void
test_malformed(void **state)
{
    size_t        i;
    bo_webhook_t  w;

    static const char *const  bad[] = {
        "", "v1=" A, "t=", "t=x,v1=" A, "t=-1,v1=" A, "t=1.5,v1=" A,
        "t= 1,v1=" A, "t=1,t=2,v1=" A, "t=1,t=1,v1=" A,
        "t=1000000000000,v1=" A, "t=99999999999999999999999,v1=" A,
        "t=1,v1", "t=1,,v1=" A, "t=1,=1", "=", ",", "t1,v1=" A
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(stripe(&w, bad[i]), -1);
    }
}


static void
test_hex(void **state)
{
    bo_webhook_t  w;

    (void) state;

    assert_int_equal(bo_webhook_hex(&w, A, 64), 0);
    assert_int_equal(w.n, 1);
    assert_int_equal(bo_webhook_hex(&w, A, 63), -1);
    assert_int_equal(w.n, 0);
    assert_int_equal(bo_webhook_hex(&w, A A, 65), -1);
    assert_int_equal(bo_webhook_hex(&w, "g" A, 64), -1);
    assert_int_equal(bo_webhook_hex(&w, "", 0), -1);
}


static void
test_fresh(void **state)
{
    bo_webhook_t  w = { 0 };

    (void) state;

    w.time = 1000;

    assert_int_equal(bo_webhook_fresh(&w, 1300), 1);
    assert_int_equal(bo_webhook_fresh(&w, 1301), 0);
    assert_int_equal(bo_webhook_fresh(&w, 700), 1);
    assert_int_equal(bo_webhook_fresh(&w, 699), 0);

    w.time = 999999999999;
    assert_int_equal(bo_webhook_fresh(&w, 1700000000), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_stripe),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_fresh)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
