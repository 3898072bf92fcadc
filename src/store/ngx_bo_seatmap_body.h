
/*
 * The answer of a seat map, as a text of fixed places: every field that can
 * change has the width of its longest value, the rest is JSON white space.
 */


#ifndef _NGX_BO_SEATMAP_BODY_H_INCLUDED_
#define _NGX_BO_SEATMAP_BODY_H_INCLUDED_


#include "ngx_bo_shows.h"


/*
 * Makes the template of a show's text, once.  A worker that never makes or
 * changes one does without.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_body_prepare(ngx_bo_show_t *show);

/* "NORMAL", "ACCESSIBLE", ..: a kind of seats as clients see it. */
const char *ngx_bo_kind_name(u_char kind);

/* Writes the state of a seat into a body of the show. */
void ngx_bo_body_seat(ngx_bo_show_t *show, u_char *body, uint32_t seat,
    bo_seat_state_e state);

/* Writes the version and the statistics. */
void ngx_bo_body_head(ngx_bo_places_t *places, u_char *body, int64_t version,
    bo_stats_t *stats);

/* Writes whether it is stale. */
void ngx_bo_body_stale(ngx_bo_places_t *places, u_char *body,
    unsigned stale);


#endif /* _NGX_BO_SEATMAP_BODY_H_INCLUDED_ */
