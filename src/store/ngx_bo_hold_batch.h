
/*
 * Holds of one show that come in the same turn of the event loop go to Redis
 * as one call: in a crowd that halves what a hold costs there.
 */


#ifndef _NGX_BO_HOLD_BATCH_H_INCLUDED_
#define _NGX_BO_HOLD_BATCH_H_INCLUDED_


#include "ngx_bo_holds.h"


/*
 * Takes a new hold on; it leaves at the end of this turn, with its neighbours
 * or by itself.  The rest is as ngx_bo_hold_create() says.
 */
void ngx_bo_hold_batch_add(ngx_bo_hold_call_t *c);

void ngx_bo_hold_batch_init(ngx_bo_store_t *store);


#endif /* _NGX_BO_HOLD_BATCH_H_INCLUDED_ */
