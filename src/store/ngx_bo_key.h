
/*
 * The keys that tokens are verified by.
 */


#ifndef _NGX_BO_KEY_H_INCLUDED_
#define _NGX_BO_KEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/evp.h>

#include "booking/bo_doc.h"
#include "booking/bo_jwt.h"
#include "ngx_bo_hmac.h"


/* Bytes of a file or a document of keys. */

#define NGX_BO_KEY_FILE    65536

/* Bytes of a shared secret: RFC 7518, 3.2, asks for 32. */

#define NGX_BO_KEY_MIN     32
#define NGX_BO_KEY_MAX     512

/* Keys of a set, and those of one algorithm and id that are tried. */

#define NGX_BO_KEYS_MAX    64
#define NGX_BO_KEYS_TRIED  4


/*
 * A key is of one algorithm, whatever a token says.  It is for tokens that
 * have its kid; a key without one is for tokens without one.
 */

typedef struct {
    bo_jwt_alg_e             alg;
    ngx_str_t                kid;           /* len 0: none */
    time_t                   until;         /* not from this second on; 0: for
                                             * ever */
    uint64_t                 print;         /* of the key and of the rules of
                                             * its source */
    ngx_bo_hmac_t            hmac;          /* HS256 */
    EVP_PKEY                *pkey;          /* the others */
    EVP_PKEY_CTX            *ctx;           /* RS256 and ES256 */
} ngx_bo_key_t;


/*
 * Reads the key of a file: a shared secret for HS256 (all of the file but the
 * end of its last line), else a public key or a certificate in PEM.  Returns
 * NULL, or an error text for the directive's message.
 */
char *ngx_bo_key_read(ngx_conf_t *cf, ngx_str_t *path, bo_jwt_alg_e alg,
    ngx_bo_key_t *key);

/*
 * The same for a key that signs, too: a shared secret for HS256, a private key
 * in PEM for EdDSA; other algorithms are refused.
 */
char *ngx_bo_key_read_private(ngx_conf_t *cf, ngx_str_t *path,
    bo_jwt_alg_e alg, ngx_bo_key_t *key);

/* Bytes of what ngx_bo_key_sign() writes, at most. */

#define NGX_BO_KEY_SIGNATURE  64

/*
 * Signs text by a key that was read so.  NGX_OK, and *len bytes of out; or
 * NGX_ERROR.  The same text gives the same signature.
 */
ngx_int_t ngx_bo_key_sign(ngx_bo_key_t *key, ngx_str_t *text, u_char *out,
    size_t *len);

/* The bytes of a file, in cf->temp_pool; the same returns. */
char *ngx_bo_key_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text);

/*
 * Reads a document of keys (RFC 7517): a set, or one key.  Keys that are not
 * for signatures, or of no algorithm of ours, are left out; secret says
 * whether shared secrets may be among them.  text is changed.
 * Adds to keys, of ngx_bo_key_t, whose memory goes with pool.  NGX_OK;
 * NGX_DECLINED when it is no such document, has a private key in it or none
 * for us; NGX_ERROR without memory.
 */
ngx_int_t ngx_bo_key_set(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t secret, ngx_array_t *keys);

/*
 * Whether the signature of the token is the key's.  NGX_OK or NGX_DECLINED;
 * a comparison takes the same time wherever it fails.
 */
ngx_int_t ngx_bo_key_verify(ngx_bo_key_t *key, bo_jwt_t *jwt);

/* The print of a key under rules of that hash. */
ngx_int_t ngx_bo_key_print(ngx_bo_key_t *key,
    const u_char rules[SHA256_DIGEST_LENGTH]);


#endif /* _NGX_BO_KEY_H_INCLUDED_ */
