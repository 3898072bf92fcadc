
/*
 * What somebody may do: each role may what those before it may.
 */


#ifndef _BO_ROLE_H_INCLUDED_
#define _BO_ROLE_H_INCLUDED_


#include <stddef.h>


typedef enum {
    BO_ROLE_CUSTOMER = 0,
    BO_ROLE_STAFF,                      /* checks tickets at the door */
    BO_ROLE_ADMIN
} bo_role_e;


/*
 * The role of that name, "CUSTOMER", "STAFF" or "ADMIN": any other name gives
 * no more than the first.
 */
bo_role_e bo_role_parse(const char *name, size_t len);


#endif /* _BO_ROLE_H_INCLUDED_ */
