
/*
 * The layout of a show as JSON: what does not change while it is sold, so that
 * a client reads it once and follows the availability.
 */


#ifndef _NGX_BO_LAYOUT_BODY_H_INCLUDED_
#define _NGX_BO_LAYOUT_BODY_H_INCLUDED_


#include "ngx_bo_seatmap_body.h"


/*
 * The text, kept with the show after the first time.  NULL when memory is
 * short.
 */
ngx_str_t *ngx_bo_layout_body(ngx_bo_show_t *show);

/* The same, compressed as gzip does. */
ngx_str_t *ngx_bo_layout_gzip(ngx_bo_show_t *show);


#endif /* _NGX_BO_LAYOUT_BODY_H_INCLUDED_ */
