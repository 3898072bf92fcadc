
/*
 * What gateways write.
 */


#include "bo_test.h"
#include "bo_gateway_doc.h"


#define U  "01a1fbd7-c156-85b3-8000-00004430efe6"

#define META  "\"metadata\":{\"order_id\":\"" U "\","                          \
              "\"intent_id\":\"" U "\","                                       \
              "\"site\":\"" U "\"}"


static bo_words_t  words;


static int
stripe(bo_doc_e doc, const char *text)
{
    int    rc;
    char  *copy;

    copy = bo_test_copy(text, strlen(text));
    rc = bo_stripe_read(doc, copy, strlen(text), &words);
    free(copy);

    return rc;
}


static int
razorpay(bo_doc_e doc, const char *text)
{
    return bo_razorpay_read(doc, text, strlen(text), &words);
}


static void
test_payment(void **state)
{
    size_t  i;

    static const struct {
        const char  *status;
        const char  *more;
        bo_word_e    kind;
        int64_t      amount;
    } cases[] = {
        { "requires_payment_method", "", BO_WORD_OPEN, 200 },
        { "requires_payment_method", ",\"last_payment_error\":{}",
          BO_WORD_DECLINED, 200 },
        { "requires_payment_method", ",\"last_payment_error\":null",
          BO_WORD_OPEN, 200 },
        { "processing", "", BO_WORD_OPEN, 200 },
        { "requires_capture", "", BO_WORD_AUTHORISED, 200 },
        { "succeeded", "", BO_WORD_CAPTURED, 199 },
        { "canceled", "", BO_WORD_FAILED, 200 }
    };

    char  text[512];

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "{\"id\":\"pi_1\",\"status\":\"%s\","
                 "\"amount\":200,\"amount_received\":199,\"currency\":\"inr\","
                 "\"client_secret\":\"s\"," META "%s}", cases[i].status,
                 cases[i].more);

        assert_int_equal(stripe(BO_DOC_PAYMENT, text), 0);
        assert_int_equal(words.n, 1);
        assert_int_equal(words.word[0].kind, cases[i].kind);
        assert_int_equal(words.word[0].amount, cases[i].amount);
        assert_int_equal(words.word[0].refunded, -1);
        assert_string_equal(words.word[0].currency, "INR");
        assert_string_equal(words.word[0].reference, "pi_1");
        assert_string_equal(words.word[0].order, U);
        assert_string_equal(words.word[0].intent, U);
        assert_string_equal(words.word[0].site, U);
        assert_string_equal(words.word[0].secret, "s");
    }
}


static void
test_event(void **state)
{
    (void) state;

    assert_int_equal(stripe(BO_DOC_EVENT, "{\"id\":\"evt_1\",\"type\":"
        "\"payment_intent.payment_failed\",\"data\":{\"object\":{\"id\":"
        "\"pi_1\",\"status\":\"requires_payment_method\",\"amount\":1,"
        "\"currency\":\"eur\",\"metadata\":{}}}}"), 0);
    assert_int_equal(words.word[0].kind, BO_WORD_DECLINED);
    assert_string_equal(words.word[0].event, "evt_1");
    assert_string_equal(words.word[0].order, "");

    assert_int_equal(stripe(BO_DOC_EVENT, "{\"id\":\"evt_1\",\"type\":"
        "\"refund.updated\",\"data\":{\"object\":{\"id\":\"re_1\",\"amount\":5,"
        "\"currency\":\"eur\",\"payment_intent\":\"pi_1\",\"status\":"
        "\"failed\",\"metadata\":{\"refund_id\":\"" U "\"}}}}"), 0);
    assert_int_equal(words.word[0].kind, BO_WORD_REFUND_FAILED);
    assert_string_equal(words.word[0].refund, U);
    assert_string_equal(words.word[0].refund_ref, "re_1");

    assert_int_equal(stripe(BO_DOC_EVENT, "{\"id\":\"evt_2\",\"type\":"
        "\"invoice.paid\",\"data\":{\"object\":{}}}"), 0);
    assert_int_equal(words.word[0].kind, BO_WORD_NONE);
    assert_string_equal(words.word[0].event, "evt_2");
}


static void
test_refused(void **state)
{
    size_t  i;

    static const char *const  bad[] = {
        "", "[]", "{", "{}", "null",
        "{\"id\":\"pi 1\",\"status\":\"succeeded\",\"amount_received\":1,"
            "\"currency\":\"eur\"}",
        "{\"id\":\"pi_1\",\"status\":\"rich\",\"amount\":1,"
            "\"currency\":\"eur\"}",
        "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount_received\":1.5,"
            "\"currency\":\"eur\"}",
        "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount_received\":-1,"
            "\"currency\":\"eur\"}",
        "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount_received\":\"1\","
            "\"currency\":\"eur\"}",
        "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount_received\":1,"
            "\"currency\":\"e1r\"}",
        "{\"id\":\"pi_1\",\"id\":\"pi_2\",\"status\":\"succeeded\","
            "\"amount_received\":1,\"currency\":\"eur\"}"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(stripe(BO_DOC_PAYMENT, bad[i]), -1);
    }

    assert_int_equal(stripe(BO_DOC_EVENT, "[]"), -1);
    assert_int_equal(stripe(BO_DOC_EVENT, "{"), -1);
}


/* An event is taken whatever it is; what concerns us must not be lost. */

static void
test_strange(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        int          unread;
    } cases[] = {
        { "{}", 0 },
        { "{\"id\":\"e\",\"type\":1}", 0 },
        { "{\"id\":\"e\",\"type\":\"x\"}", 0 },
        { "{\"id\":\"e\",\"type\":\"payment_intent.succeeded\\u0000\","
            "\"data\":{\"object\":{}}}", 0 },
        { "{\"id\":\"e\",\"type\":\"payment_intent.succeeded\",\"data\":{"
            "\"object\":{}}}", 1 },
        { "{\"id\":\"e\",\"type\":\"payment_intent.succeeded\"}", 1 },
        { "{\"id\":\"e\",\"type\":\"payment_intent.succeeded\",\"data\":{"
            "\"object\":{\"id\":\"pi_1\",\"status\":\"succeeded\\u0000\","
            "\"amount_received\":1,\"amount\":1,\"currency\":\"eur\"}}}", 1 },
        { "{\"id\":\"e e\",\"type\":\"payment_intent.succeeded\",\"data\":{"
            "\"object\":{\"id\":\"pi_1\",\"status\":\"succeeded\","
            "\"amount_received\":1,\"amount\":1,\"currency\":\"eur\"}}}", 1 },
        { "{\"id\":\"e\",\"type\":\"refund.created\",\"data\":{"
            "\"object\":{\"payment_intent\":null}}}", 0 },
        { "{\"id\":\"e\",\"type\":\"refund.created\",\"data\":{"
            "\"object\":{}}}", 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(stripe(BO_DOC_EVENT, cases[i].text), 0);
        assert_int_equal(words.n, 1);
        assert_int_equal(words.word[0].kind, BO_WORD_NONE);
        assert_int_equal(words.word[0].unread, cases[i].unread);
        assert_string_equal(words.word[0].payment, "");
    }

    assert_int_equal(razorpay(BO_DOC_EVENT, "{\"event\":\"x\"}"), 0);
    assert_int_equal(words.word[0].unread, 0);
    assert_int_equal(razorpay(BO_DOC_EVENT, "{\"event\":\"refund.failed\"}"),
                     0);
    assert_int_equal(words.word[0].unread, 1);
    assert_int_equal(words.word[0].kind, BO_WORD_NONE);
}


static void
test_list(void **state)
{
    (void) state;

    assert_int_equal(stripe(BO_DOC_PAYMENTS, "{\"has_more\":true,\"data\":["
        "{\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount_received\":1,"
        "\"currency\":\"eur\",\"latest_charge\":{\"amount_refunded\":7}},"
        "{\"id\":\"pi_2\",\"status\":\"new\",\"amount\":1},"
        "{\"id\":\"pi_3\",\"status\":\"canceled\",\"amount\":1,"
        "\"currency\":\"eur\",\"latest_charge\":\"ch_1\"}]}"), 0);
    assert_int_equal(words.more, 1);
    assert_int_equal(words.n, 2);
    assert_int_equal(words.word[0].refunded, 7);
    assert_int_equal(words.word[1].refunded, -1);
    assert_string_equal(words.word[1].payment, "pi_3");

    assert_int_equal(stripe(BO_DOC_PAYMENTS, "{\"data\":{}}"), -1);
}


static void
test_razorpay(void **state)
{
    (void) state;

    assert_int_equal(razorpay(BO_DOC_EVENT, "{\"event\":\"payment.captured\","
        "\"payload\":{\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":9,"
        "\"currency\":\"INR\",\"status\":\"captured\",\"order_id\":\"order_1\","
        "\"amount_refunded\":0,\"notes\":[]}}}}"), 0);
    assert_int_equal(words.word[0].kind, BO_WORD_CAPTURED);
    assert_string_equal(words.word[0].reference, "order_1");
    assert_string_equal(words.word[0].payment, "pay_1");
    assert_int_equal(words.word[0].refunded, 0);

    assert_int_equal(razorpay(BO_DOC_PAYMENT, "{\"id\":\"order_1\","
        "\"amount\":9,\"currency\":\"INR\",\"receipt\":\"" U "\",\"notes\":{"
        "\"order_id\":\"" U "\"}}"), 0);
    assert_int_equal(words.word[0].kind, BO_WORD_OPEN);
    assert_string_equal(words.word[0].reference, "order_1");
    assert_string_equal(words.word[0].intent, U);

    assert_int_equal(razorpay(BO_DOC_PAYMENTS, "{\"items\":["
        "{\"id\":\"pay_1\",\"amount\":9,\"currency\":\"INR\",\"status\":"
        "\"failed\"},{\"id\":\"pay_2\",\"amount\":9,\"currency\":\"INR\","
        "\"status\":\"authorized\"}]}"), 0);
    assert_int_equal(words.n, 2);
    assert_int_equal(words.word[0].kind, BO_WORD_DECLINED);
    assert_int_equal(words.word[1].kind, BO_WORD_AUTHORISED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_payment),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_strange),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_razorpay)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("gateway_doc", tests, NULL, NULL);
}
