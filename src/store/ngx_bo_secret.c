
/*
 * The secrets that sign tokens.
 */


#include "ngx_bo_file.h"
#include "ngx_bo_secret.h"

#include <openssl/crypto.h>


#define NGX_BO_SECRET_FILE  65536


static ngx_int_t ngx_bo_secret_add(ngx_array_t *secrets, u_char *p,
    size_t len);
static void ngx_bo_secret_key(ngx_bo_secret_t *secret, const u_char *key,
    size_t len);
static void ngx_bo_secret_mac(ngx_bo_secret_t *secret, ngx_str_t *room,
    const uint8_t *body, uint8_t mac[BO_TOKEN_MAC]);


char *
ngx_bo_secret_read(ngx_conf_t *cf, ngx_str_t *path, ngx_array_t **secrets)
{
    char       *error;
    u_char     *p, *end, *last;
    ngx_str_t   text;

    *secrets = ngx_array_create(cf->pool, 2, sizeof(ngx_bo_secret_t));
    if (*secrets == NULL) {
        return "no memory";
    }

    error = ngx_bo_file_read(cf, cf->temp_pool, path, NGX_BO_SECRET_FILE,
                             &text);
    if (error) {
        return error;
    }

    last = text.data + text.len;

    for (p = text.data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        if (end > p && ngx_bo_secret_add(*secrets, p, end - p) != NGX_OK) {
            return "a line of the file is shorter than 32 bytes, or longer "
                   "than 512";
        }
    }

    OPENSSL_cleanse(text.data, text.len);

    return (*secrets)->nelts ? NULL : "the file is empty";
}


static ngx_int_t
ngx_bo_secret_add(ngx_array_t *secrets, u_char *p, size_t len)
{
    ngx_bo_secret_t  *secret;

    if (len < NGX_BO_SECRET_MIN || len > NGX_BO_SECRET_MAX) {
        return NGX_ERROR;
    }

    secret = ngx_array_push(secrets);
    if (secret == NULL) {
        return NGX_ERROR;
    }

    ngx_bo_secret_key(secret, p, len);

    return NGX_OK;
}


/* The key is one of its own: the same file may serve other purposes one day. */

static void
ngx_bo_secret_key(ngx_bo_secret_t *secret, const u_char *key, size_t len)
{
    u_char      derived[SHA256_DIGEST_LENGTH];
    SHA256_CTX  sha;

    static const u_char  purpose[] = "boxoffice waiting room";

    ngx_bo_hmac_key(secret, key, len);

    ngx_bo_hmac_init(secret, &sha);
    SHA256_Update(&sha, purpose, sizeof(purpose) - 1);
    ngx_bo_hmac_final(secret, &sha, derived);

    ngx_bo_hmac_key(secret, derived, sizeof(derived));

    OPENSSL_cleanse(derived, sizeof(derived));
}


void
ngx_bo_secret_sign(ngx_array_t *secrets, ngx_str_t *room,
    const bo_token_t *token, u_char *text)
{
    uint8_t  bytes[BO_TOKEN_BYTES];

    bo_token_pack(bytes, token);
    ngx_bo_secret_mac(secrets->elts, room, bytes, bytes + BO_TOKEN_BODY);
    bo_token_encode((char *) text, bytes);
}


ngx_int_t
ngx_bo_secret_verify(ngx_array_t *secrets, ngx_str_t *room, uint8_t kind,
    ngx_str_t *text, bo_token_t *token)
{
    uint8_t           bytes[BO_TOKEN_BYTES], mac[BO_TOKEN_MAC];
    ngx_uint_t        i, good;
    ngx_bo_secret_t  *secret = secrets->elts;

    if (bo_token_decode(bytes, (char *) text->data, text->len) != 0) {
        return NGX_DECLINED;
    }

    good = 0;

    for (i = 0; i < secrets->nelts; i++) {
        ngx_bo_secret_mac(&secret[i], room, bytes, mac);
        good |= CRYPTO_memcmp(mac, bytes + BO_TOKEN_BODY, BO_TOKEN_MAC) == 0;
    }

    bo_token_unpack(token, bytes);

    return good && token->kind == kind ? NGX_OK : NGX_DECLINED;
}


static void
ngx_bo_secret_mac(ngx_bo_secret_t *secret, ngx_str_t *room,
    const uint8_t *body, uint8_t mac[BO_TOKEN_MAC])
{
    u_char      digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX  sha;

    ngx_bo_hmac_init(secret, &sha);
    SHA256_Update(&sha, room->data, room->len);
    SHA256_Update(&sha, "", 1);
    SHA256_Update(&sha, body, BO_TOKEN_BODY);
    ngx_bo_hmac_final(secret, &sha, digest);

    ngx_memcpy(mac, digest, BO_TOKEN_MAC);
}
