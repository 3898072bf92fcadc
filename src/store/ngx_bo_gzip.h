
/*
 * Compressing a text at once, for texts that are given out many times.
 */


#ifndef _NGX_BO_GZIP_H_INCLUDED_
#define _NGX_BO_GZIP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Compresses text into out, in the pool, as gzip does (RFC 1952), at its
 * fastest level.  A few milliseconds a megabyte.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_gzip(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *out);


#endif /* _NGX_BO_GZIP_H_INCLUDED_ */
