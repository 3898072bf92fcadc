
/*
 * HMAC-SHA256 with both blocks of the key hashed in advance: a short text then
 * costs two blocks instead of four.
 *
 * RFC 2104.
 */


#ifndef _NGX_BO_HMAC_H_INCLUDED_
#define _NGX_BO_HMAC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/sha.h>


typedef struct {
    SHA256_CTX               inner;
    SHA256_CTX               outer;
} ngx_bo_hmac_t;


/* Makes the key's blocks; key is of any length. */
void ngx_bo_hmac_key(ngx_bo_hmac_t *hmac, const u_char *key, size_t len);

/* Begins a text, whose parts are for SHA256_Update() to take. */
#define ngx_bo_hmac_init(hmac, sha)  (*(sha) = (hmac)->inner)

/* Ends it. */
void ngx_bo_hmac_final(const ngx_bo_hmac_t *hmac, SHA256_CTX *sha,
    u_char digest[SHA256_DIGEST_LENGTH]);


#endif /* _NGX_BO_HMAC_H_INCLUDED_ */
