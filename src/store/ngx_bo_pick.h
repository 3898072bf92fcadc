
/*
 * Choosing seats by the map: the best available, and the orphan rule.
 *
 * The map is what this node knows, some milliseconds old at the most while it
 * is looked at; who holds the seats is decided in Redis as ever.  So a choice
 * may be lost, and is made again; and what is refused by the rule is looked at
 * once more in a map that was just read.
 *
 * Choices of one worker that are under way do not meet: each is kept out of
 * the others' way until the map can have it.
 */


#ifndef _NGX_BO_PICK_H_INCLUDED_
#define _NGX_BO_PICK_H_INCLUDED_


#include "booking/bo_orphan.h"
#include "ngx_bo_seatmap.h"


typedef struct {
    ngx_queue_t              queue;         /* in show->picks */
    bo_seats_t               seats;
    ngx_msec_t               held;          /* when, msec; 0: under way */
} ngx_bo_pick_t;


/*
 * Chooses the best seats for want, whose taken is set here.
 *
 * NGX_OK: *pick is set, and kept for the caller until ngx_bo_pick_done().
 * NGX_BUSY: what there is may go to others, whose choice is under way.
 * NGX_DECLINED: there are not so many together.
 * NGX_AGAIN: the map is not known.
 * NGX_ERROR: memory is short.
 */
ngx_int_t ngx_bo_pick_best(ngx_bo_show_t *show, bo_best_want_t *want,
    ngx_bo_pick_t **pick);

/*
 * The choice was held, or was not.  The show is kept by the caller until
 * then.
 */
void ngx_bo_pick_done(ngx_bo_show_t *show, ngx_bo_pick_t *pick,
    ngx_uint_t held);

/*
 * Whether the seats may be taken by the orphan rule; own: those that the user
 * gives back for them, or NULL.
 *
 * NGX_OK; NGX_DECLINED: *stranded has the seats that would be left alone;
 * NGX_AGAIN: the map is not known.
 */
ngx_int_t ngx_bo_pick_allowed(ngx_bo_show_t *show, const bo_seats_t *seats,
    const bo_seats_t *own, bo_seats_t *stranded);


#endif /* _NGX_BO_PICK_H_INCLUDED_ */
