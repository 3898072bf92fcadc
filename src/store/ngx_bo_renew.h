
/*
 * Taking a show over in Redis into the epoch of which PostgreSQL has changed
 * it: its prices, its time, or which of its seats can be sold.
 */


#ifndef _NGX_BO_RENEW_H_INCLUDED_
#define _NGX_BO_RENEW_H_INCLUDED_


#include "ngx_bo_scripts.h"


/*
 * Takes call->show over, with what people hold.  pool lives as long as the
 * call.  Outcomes:
 * NGX_BO_OK            Redis is of that epoch, by us or somebody else
 * NGX_BO_NOT_FOUND     what Redis has, if anything, is of no use any more
 * NGX_BO_UNAVAILABLE
 */
void ngx_bo_renew(ngx_bo_call_t *call, ngx_pool_t *pool);


#endif /* _NGX_BO_RENEW_H_INCLUDED_ */
