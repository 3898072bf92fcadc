
/*
 * HMAC-SHA256.
 */


#include "ngx_bo_hmac.h"

#include <openssl/crypto.h>


void
ngx_bo_hmac_key(ngx_bo_hmac_t *hmac, const u_char *key, size_t len)
{
    u_char      pad[SHA256_CBLOCK];
    ngx_uint_t  i;

    ngx_memzero(pad, sizeof(pad));

    if (len > sizeof(pad)) {
        SHA256(key, len, pad);

    } else {
        ngx_memcpy(pad, key, len);
    }

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36;
    }

    SHA256_Init(&hmac->inner);
    SHA256_Update(&hmac->inner, pad, sizeof(pad));

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }

    SHA256_Init(&hmac->outer);
    SHA256_Update(&hmac->outer, pad, sizeof(pad));

    OPENSSL_cleanse(pad, sizeof(pad));
}


void
ngx_bo_hmac_final(const ngx_bo_hmac_t *hmac, SHA256_CTX *sha,
    u_char digest[SHA256_DIGEST_LENGTH])
{
    SHA256_Final(digest, sha);

    *sha = hmac->outer;
    SHA256_Update(sha, digest, SHA256_DIGEST_LENGTH);
    SHA256_Final(digest, sha);
}
