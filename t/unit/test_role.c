
/*
 * Roles by their names: what is not exactly a name is a customer.
 */


#include "bo_test.h"
#include "bo_role.h"


static void
names(void **state)
{
    size_t  i;

    static const struct {
        const char  *name;
        size_t       len;
        bo_role_e    role;
    } t[] = {
        { bo_test_text("CUSTOMER"), BO_ROLE_CUSTOMER },
        { bo_test_text("STAFF"), BO_ROLE_STAFF },
        { bo_test_text("ADMIN"), BO_ROLE_ADMIN },
        { bo_test_text(""), BO_ROLE_CUSTOMER },
        { bo_test_text("admin"), BO_ROLE_CUSTOMER },
        { bo_test_text("ADMIN\0"), BO_ROLE_CUSTOMER },
        { bo_test_text("ADMI"), BO_ROLE_CUSTOMER },
        { bo_test_text(" ADMIN"), BO_ROLE_CUSTOMER },
        { bo_test_text("STAFF,ADMIN"), BO_ROLE_CUSTOMER }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(bo_role_parse(t[i].name, t[i].len), t[i].role);
    }

    assert_true(BO_ROLE_CUSTOMER < BO_ROLE_STAFF);
    assert_true(BO_ROLE_STAFF < BO_ROLE_ADMIN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("role", tests, NULL, NULL);
}
