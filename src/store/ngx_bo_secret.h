
/*
 * The secrets that sign tokens: the same file on all nodes.
 */


#ifndef _NGX_BO_SECRET_H_INCLUDED_
#define _NGX_BO_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "booking/bo_token.h"
#include "ngx_bo_hmac.h"


/* Bytes of a line of the file. */

#define NGX_BO_SECRET_MIN   32
#define NGX_BO_SECRET_MAX   512


typedef ngx_bo_hmac_t  ngx_bo_secret_t;


/*
 * Reads a file of secrets, one a line: the first signs, and all are good.
 * Sets *secrets to an array of ngx_bo_secret_t.  Returns NULL, or an error
 * text for the directive's message.
 */
char *ngx_bo_secret_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_array_t **secrets);

/* Signs a token of that room: BO_TOKEN_LEN bytes of text. */
void ngx_bo_secret_sign(ngx_array_t *secrets, ngx_str_t *room,
    const bo_token_t *token, u_char *text);

/*
 * Reads and checks a token of that room and kind, by all secrets, in constant
 * time.  NGX_OK; NGX_DECLINED when it is none, or not ours.  That it has not
 * expired, and of which sale it is, the caller looks at.
 */
ngx_int_t ngx_bo_secret_verify(ngx_array_t *secrets, ngx_str_t *room,
    uint8_t kind, ngx_str_t *text, bo_token_t *token);


#endif /* _NGX_BO_SECRET_H_INCLUDED_ */
