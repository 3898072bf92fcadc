
/*
 * Scopes of keys: what is a word, and what it opens.
 */


#include "bo_test.h"
#include "bo_scope.h"

#include <string.h>


static bo_scopes_t
scopes(const char *word)
{
    bo_scopes_t  s;

    s = 0;
    assert_int_equal(bo_scope_add(&s, word, strlen(word)), 0);

    return s;
}


static void
words(void **state)
{
    size_t       i;
    bo_scopes_t  s;

    static const char *const  bad[] = {
        "", ":", "orders", "orders:", ":read", "orders:reads", "Orders:read",
        "orders:READ", "orders:read ", "*", "*:", "**:read", "*:admin",
        "people:read", "api_keys:write", "me:read", "login:write", "no:read"
    };

    (void) state;

    for (i = 0; i < bo_test_count(bad); i++) {
        s = 0;
        assert_int_equal(bo_scope_add(&s, bad[i], strlen(bad[i])), -1);
        assert_true(s == 0);
    }

    assert_true(scopes("orders:read") != scopes("orders:write"));
    assert_true(scopes("orders:read") != scopes("holds:read"));
}


static void
allowed(void **state)
{
    unsigned  orders, holds;

    (void) state;

    orders = bo_scope_resource("orders", 6);
    holds = bo_scope_resource("holds", 5);

    assert_true(orders > BO_SCOPE_PEOPLE && holds > BO_SCOPE_PEOPLE);
    assert_int_equal(bo_scope_resource("nothing", 7), BO_SCOPE_OTHER);

    assert_true(bo_scope_allows(scopes("orders:read"), orders, 0));
    assert_false(bo_scope_allows(scopes("orders:read"), orders, 1));
    assert_false(bo_scope_allows(scopes("orders:read"), holds, 0));
    assert_false(bo_scope_allows(scopes("orders:write"), orders, 0));
    assert_true(bo_scope_allows(scopes("orders:write"), orders, 1));
    assert_false(bo_scope_allows(0, orders, 0));

    assert_true(bo_scope_allows(scopes("*:read"), orders, 0));
    assert_false(bo_scope_allows(scopes("*:read"), orders, 1));
    assert_true(bo_scope_allows(scopes("*:write"), BO_SCOPE_OTHER, 1));
    assert_false(bo_scope_allows(scopes("orders:read"), BO_SCOPE_OTHER, 0));

    assert_false(bo_scope_allows(~(bo_scopes_t) 0, BO_SCOPE_PEOPLE, 0));
    assert_false(bo_scope_allows(~(bo_scopes_t) 0, BO_SCOPE_PEOPLE, 1));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(allowed)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
