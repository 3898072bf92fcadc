
/*
 * A show that was cancelled: telling Redis, and by it every screen, that none
 * of its seats is for sale any more.
 */


#ifndef _NGX_BO_CLOSE_H_INCLUDED_
#define _NGX_BO_CLOSE_H_INCLUDED_


#include "ngx_bo_shows.h"


/*
 * Reads the show again from PostgreSQL, and its map from Redis.  PostgreSQL has
 * another epoch since the show was cancelled, so what Redis has is replaced:
 * holds and all.  Nobody waits for it; whoever does it again finds it done.
 */
void ngx_bo_close_show(ngx_bo_store_t *store, const bo_uuid_t *id);


#endif /* _NGX_BO_CLOSE_H_INCLUDED_ */
