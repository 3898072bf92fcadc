
/*
 * Availability: what a client that has the layout must be told, in its
 * smallest form.  The versions are those of the map.
 */


#ifndef _NGX_BO_AVAILABILITY_H_INCLUDED_
#define _NGX_BO_AVAILABILITY_H_INCLUDED_


#include "ngx_bo_seatmap.h"


typedef struct {
    int64_t                  version;       /* what it brings a client to */
    ngx_str_t                text;          /* JSON */
    unsigned                 whole:1;       /* all seats, not what changed */
    unsigned                 stale:1;
} ngx_bo_availability_t;


/* The room that a text of this show needs at the most, in bytes. */
size_t ngx_bo_availability_size(ngx_bo_show_t *show);

/*
 * Writes what has changed since that version, 0 for everything, into
 * out->text.data, which has ngx_bo_availability_size() bytes.  Who is too far
 * behind, or of another epoch, gets everything.
 * NGX_OK: here it is, at most 1 s old; NGX_AGAIN: it is being read from Redis,
 * done comes, then ask with ngx_bo_availability_write().
 */
ngx_int_t ngx_bo_availability_get(ngx_bo_show_t *show, int64_t since,
    ngx_bo_availability_t *out, ngx_bo_call_t *call);

/*
 * The same as it is, stale or not.  NGX_OK; NGX_DECLINED: the map is not
 * known, or too old to be shown.
 */
ngx_int_t ngx_bo_availability_write(ngx_bo_show_t *show, int64_t since,
    ngx_bo_availability_t *out);


#endif /* _NGX_BO_AVAILABILITY_H_INCLUDED_ */
