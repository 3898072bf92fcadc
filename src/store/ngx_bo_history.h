
/*
 * The history of holds in PostgreSQL: best effort, in batches, never in
 * anybody's way.
 */


#ifndef _NGX_BO_HISTORY_H_INCLUDED_
#define _NGX_BO_HISTORY_H_INCLUDED_


#include "ngx_bo_holds.h"


/*
 * Takes a record on.  When too many wait, it is dropped and counted: a crowd
 * must not wait for its own statistics.
 * outcome: "HELD", "EXPIRED", "RELEASED".
 */
void ngx_bo_history_add(ngx_bo_store_t *store, ngx_bo_show_t *show,
    ngx_str_t *user, ngx_bo_hold_t *hold, const char *outcome);


/* Called once a worker; the latter for exit_process. */
ngx_int_t ngx_bo_history_init(ngx_bo_store_t *store);
void ngx_bo_history_done(ngx_bo_store_t *store);


#endif /* _NGX_BO_HISTORY_H_INCLUDED_ */
