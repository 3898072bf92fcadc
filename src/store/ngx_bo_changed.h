
/*
 * A show that an administrator has changed or cancelled: telling Redis, and by
 * it every screen.
 */


#ifndef _NGX_BO_CHANGED_H_INCLUDED_
#define _NGX_BO_CHANGED_H_INCLUDED_


#include "ngx_bo_shows.h"


/*
 * Reads the show again from PostgreSQL, and its map from Redis.  PostgreSQL has
 * another epoch since the change, so what Redis has is taken over into it with
 * what people hold or, of a cancelled show, replaced: holds and all.  Nobody
 * waits for it; whoever does it again finds it done, and so does whoever reads
 * the show anew should this fail, which is tried twice.
 */
void ngx_bo_show_changed(ngx_bo_store_t *store, const bo_uuid_t *id);


#endif /* _NGX_BO_CHANGED_H_INCLUDED_ */
