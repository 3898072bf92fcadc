
/*
 * Session tokens of NextAuth 4 and Auth.js 5, as they are: encrypted by a key
 * that is derived from the secret of the site (JWE, RFC 7516, "dir").
 */


#ifndef _NGX_BO_JWE_H_INCLUDED_
#define _NGX_BO_JWE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "booking/bo_jwt.h"


/* Bytes of a token's text: cookies of several chunks make longer ones. */

#define NGX_BO_JWE_MAX       16384

/* Secrets of a file, the same bounds as of those of tokens of rooms. */

#define NGX_BO_JWE_SECRETS   4
#define NGX_BO_JWE_MIN       32
#define NGX_BO_JWE_LONGEST   512

#define NGX_BO_JWE_KID       86         /* a SHA-512 as base64url */


/*
 * Version 4 is A256GCM and nothing else, version 5 A256CBC-HS512.  A token of
 * version 5 names its key by a thumbprint (RFC 7638) when it names one.
 */

typedef struct {
    ngx_uint_t               version;       /* 4 or 5 */
    u_char                   key[64];       /* 32 bytes in version 4 */
    char                     kid[NGX_BO_JWE_KID];   /* of version 5 */
    uint64_t                 print;
} ngx_bo_jwe_key_t;


/*
 * Derives the keys of a file of secrets, one a line, the newest first; in
 * version 5 one more for each name that the cookie may have, for it is the
 * salt.  Adds to keys, of ngx_bo_jwe_key_t.  Returns NULL, or an error text
 * for the directive's message.
 */
char *ngx_bo_jwe_read(ngx_conf_t *cf, ngx_str_t *path, ngx_uint_t version,
    ngx_str_t *cookies, ngx_uint_t ncookies, ngx_array_t *keys);

/*
 * Decrypts a token by the first of the keys that it is authentic under: its
 * claims go to json, which has room for NGX_BO_JWE_MAX bytes.  Returns
 * BO_JWT_OK, and the key and the length; or why not.
 */
bo_jwt_error_e ngx_bo_jwe_open(ngx_array_t *keys, ngx_str_t *token,
    u_char *json, size_t *len, ngx_bo_jwe_key_t **key);


#endif /* _NGX_BO_JWE_H_INCLUDED_ */
