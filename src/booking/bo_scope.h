
/*
 * What a service's key is for: words such as "orders:read", "*:write".
 */


#ifndef _BO_SCOPE_H_INCLUDED_
#define _BO_SCOPE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* A set of them; two bits for each resource, the last two for "*". */

typedef uint64_t  bo_scopes_t;


/* Resources that have no name here: only "*" is for them. */

#define BO_SCOPE_OTHER   0

/* Those that are for people alone: no key opens them. */

#define BO_SCOPE_PEOPLE  1


/* The number of a resource by its name, or BO_SCOPE_OTHER. */
unsigned bo_scope_resource(const char *name, size_t len);

/* Adds a word.  0, or -1 when it is none. */
int bo_scope_add(bo_scopes_t *scopes, const char *word, size_t len);

/* Whether a set allows to read a resource, or to change it. */
int bo_scope_allows(bo_scopes_t scopes, unsigned resource, int write);


#endif /* _BO_SCOPE_H_INCLUDED_ */
