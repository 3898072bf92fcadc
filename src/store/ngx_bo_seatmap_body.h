
/*
 * The answer of a seat map, as a text of fixed places: every field that can
 * change has the width of its longest value, the rest is JSON white space.
 */


#ifndef _NGX_BO_SEATMAP_BODY_H_INCLUDED_
#define _NGX_BO_SEATMAP_BODY_H_INCLUDED_


#include "ngx_bo_shows.h"


/* Writes the state of a seat into a body of the show. */
void ngx_bo_body_seat(ngx_bo_show_t *show, u_char *body, uint32_t seat,
    bo_seat_state_e state);

/* Writes the version and the statistics. */
void ngx_bo_body_head(ngx_bo_show_t *show, u_char *body, int64_t version,
    bo_stats_t *stats);

/* Writes whether it is stale; place: where it stands, see show->stale_at. */
void ngx_bo_body_stale(u_char *place, unsigned stale);


#endif /* _NGX_BO_SEATMAP_BODY_H_INCLUDED_ */
