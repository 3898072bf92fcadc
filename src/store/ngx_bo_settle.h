
/*
 * Telling Redis what PostgreSQL has decided about the seats of an order.
 * Nobody waits for it.  Should Redis be away, it is told later that seats are
 * free; about sold ones the repair job finds the difference.
 */


#ifndef _NGX_BO_SETTLE_H_INCLUDED_
#define _NGX_BO_SETTLE_H_INCLUDED_


#include "ngx_bo_orders.h"


/* Parts of the life of a store: the calls that wait for Redis to be back. */
void ngx_bo_settle_init(ngx_bo_store_t *store);
void ngx_bo_settles_done(ngx_bo_store_t *store);

/*
 * Takes an order's seats from one state to another: held to booked, held to
 * available, or booked to available.
 */
void ngx_bo_settle(ngx_bo_store_t *store, ngx_bo_order_t *order,
    bo_seat_state_e from, bo_seat_state_e to);

/*
 * The same of an order in a row that begins with item and outcome.  Who has
 * paid it, or let it end, is in no waiting room any more.
 */
void ngx_bo_settle_row(ngx_bo_store_t *store, PGresult *res, int row,
    bo_seat_state_e from, bo_seat_state_e to);

/* Gives a fenced hold back to its user, whose order was refused. */
void ngx_bo_unfence(ngx_bo_store_t *store, ngx_bo_show_t *show,
    ngx_str_t *user, bo_uuid_t *hold);


#endif /* _NGX_BO_SETTLE_H_INCLUDED_ */
