
/*
 * Bringing a show back into Redis: after FLUSHALL, an empty restart, a lost
 * key, another node's rebuild, or when it is simply new.  And taking over what
 * Redis has of it, when PostgreSQL has only changed the show.
 */


#ifndef _NGX_BO_REBUILD_H_INCLUDED_
#define _NGX_BO_REBUILD_H_INCLUDED_


#include "ngx_bo_scripts.h"


/*
 * Has the show rebuilt or taken over, once for all who ask, and parks the call
 * until then.
 *
 * seen: the version that Redis has, 0 when it has none.
 * woken: called with call->outcome NGX_BO_OK when it is worth another try, or
 * with NGX_BO_UNAVAILABLE.
 */
void ngx_bo_rebuild(ngx_bo_show_t *show, int64_t seen, ngx_bo_call_t *call,
    ngx_bo_done_pt woken);

/* For exit_process: stops the rebuilds that are under way. */
void ngx_bo_rebuilds_done(ngx_bo_store_t *store);


#endif /* _NGX_BO_REBUILD_H_INCLUDED_ */
