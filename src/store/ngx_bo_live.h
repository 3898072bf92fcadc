
/*
 * The subscription of a node: the seat maps that somebody looks at follow
 * what Redis publishes, change by change, in one worker for all of them.
 */


#ifndef _NGX_BO_LIVE_H_INCLUDED_
#define _NGX_BO_LIVE_H_INCLUDED_


#include "ngx_bo_seatmap.h"


/*
 * Starts it, in the worker whose turn it is; elsewhere nothing happens.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_live_start(ngx_bo_store_t *store);

/* Ends it; does nothing in a worker that has none. */
void ngx_bo_live_stop(ngx_bo_store_t *store);


#endif /* _NGX_BO_LIVE_H_INCLUDED_ */
