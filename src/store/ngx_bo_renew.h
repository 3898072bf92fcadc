
/*
 * Telling Redis that PostgreSQL has changed a show: its prices, its time, or
 * which of its seats can be sold.
 */


#ifndef _NGX_BO_RENEW_H_INCLUDED_
#define _NGX_BO_RENEW_H_INCLUDED_


#include "ngx_bo_scripts.h"


/*
 * Takes the show over into the epoch that PostgreSQL has of it, with what
 * people hold, and reads its map again.  Nobody waits for it.  Should it fail,
 * nodes find out when they look at the show again, half a minute later at the
 * latest, and load it anew.
 */
void ngx_bo_renew_show(ngx_bo_store_t *store, const bo_uuid_t *id);


#endif /* _NGX_BO_RENEW_H_INCLUDED_ */
