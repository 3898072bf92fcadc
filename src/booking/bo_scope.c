
/*
 * Scopes.
 */


#include "bo_scope.h"

#include <string.h>


#define BO_SCOPE_ALL  31


/*
 * By number, from 2 on.  A number that was given stays: a node that is reloaded
 * shares its memory with workers of before.
 */

static const char *const  bo_scope_names[] = {
    "shows", "screens", "theatres", "movies", "holds", "orders",
    "waiting_rooms", "webhooks", "notification_preferences", "ticket_keys",
    "checkins", "dead_letters", "admin", "bookings", "search"
};

#define BO_SCOPE_NAMES  (sizeof(bo_scope_names) / sizeof(bo_scope_names[0]))


unsigned
bo_scope_resource(const char *name, size_t len)
{
    unsigned  i;

    for (i = 0; i < BO_SCOPE_NAMES; i++) {
        if (strlen(bo_scope_names[i]) == len
            && memcmp(bo_scope_names[i], name, len) == 0)
        {
            return i + 2;
        }
    }

    return BO_SCOPE_OTHER;
}


int
bo_scope_add(bo_scopes_t *scopes, const char *word, size_t len)
{
    int          write;
    unsigned     resource;
    const char  *colon;

    colon = memchr(word, ':', len);
    if (colon == NULL) {
        return -1;
    }

    len -= (size_t) (colon + 1 - word);

    if (len == 4 && memcmp(colon + 1, "read", 4) == 0) {
        write = 0;

    } else if (len == 5 && memcmp(colon + 1, "write", 5) == 0) {
        write = 1;

    } else {
        return -1;
    }

    len = (size_t) (colon - word);

    resource = len == 1 && *word == '*' ? BO_SCOPE_ALL
                                        : bo_scope_resource(word, len);

    if (resource == BO_SCOPE_OTHER) {
        return -1;
    }

    *scopes |= (bo_scopes_t) 1 << (2 * resource + (unsigned) write);

    return 0;
}


int
bo_scope_allows(bo_scopes_t scopes, unsigned resource, int write)
{
    bo_scopes_t  want;

    if (resource == BO_SCOPE_PEOPLE) {
        return 0;
    }

    want = (bo_scopes_t) 1 << (2 * BO_SCOPE_ALL + (write ? 1 : 0));

    if (resource != BO_SCOPE_OTHER) {
        want |= (bo_scopes_t) 1 << (2 * resource + (write ? 1 : 0));
    }

    return (scopes & want) != 0;
}
