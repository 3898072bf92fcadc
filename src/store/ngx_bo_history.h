
/*
 * The history of holds in PostgreSQL: best effort, in batches, never in
 * anybody's way.
 */


#ifndef _NGX_BO_HISTORY_H_INCLUDED_
#define _NGX_BO_HISTORY_H_INCLUDED_


#include "ngx_bo_holds.h"


/*
 * Sends a record on its way.  When too many are under way, it is dropped and
 * counted: a crowd must not wait for its own statistics.
 * outcome: "HELD", "EXPIRED", "RELEASED".
 */
void ngx_bo_history_add(ngx_bo_store_t *store, ngx_bo_show_t *show,
    ngx_str_t *user, ngx_bo_hold_t *hold, const char *outcome);


#endif /* _NGX_BO_HISTORY_H_INCLUDED_ */
