
/*
 * Roles by their names.
 */


#include "bo_role.h"

#include <string.h>


bo_role_e
bo_role_parse(const char *name, size_t len)
{
    if (len == 5 && memcmp(name, "ADMIN", 5) == 0) {
        return BO_ROLE_ADMIN;
    }

    if (len == 5 && memcmp(name, "STAFF", 5) == 0) {
        return BO_ROLE_STAFF;
    }

    return BO_ROLE_CUSTOMER;
}
