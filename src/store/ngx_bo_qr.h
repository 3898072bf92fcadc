
/*
 * QR codes (ISO/IEC 18004) as pictures.  The matrix is made by libqrencode.
 */


#ifndef _NGX_BO_QR_H_INCLUDED_
#define _NGX_BO_QR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* Light modules around the code: what the standard asks for. */

#define NGX_BO_QR_QUIET  4


/*
 * A text of 1 to 400 bytes, at error correction level M, which stands a seventh
 * of the code being wrong: a fold, a reflection, a crack in a screen.  It is
 * smaller when it has digits, A-Z and a few signs only (the alphanumeric mode
 * of a QR).  The picture is in the pool.  NGX_OK, or NGX_ERROR when memory is
 * short or the text has another length.
 */

/* An SVG that is as large as its place; a module is one unit. */
ngx_int_t ngx_bo_qr_svg(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *svg);

/* A PNG, black and white, a module is 8 pixels square. */
ngx_int_t ngx_bo_qr_png(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *png);


#endif /* _NGX_BO_QR_H_INCLUDED_ */
