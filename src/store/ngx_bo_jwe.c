
/*
 * Encrypted session tokens, by OpenSSL.
 */


#include "ngx_bo_jwe.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include "booking/bo_base64.h"
#include "booking/bo_doc.h"
#include "ngx_bo_key.h"


#define NGX_BO_JWE_NODES    32
#define NGX_BO_JWE_HEADER   1024        /* bytes of a header's text */

#define NGX_BO_JWE_GCM_IV   12
#define NGX_BO_JWE_GCM_TAG  16
#define NGX_BO_JWE_CBC_IV   16
#define NGX_BO_JWE_CBC_TAG  32          /* and bytes of each half of the key */


/* A token in its parts. */

typedef struct {
    ngx_str_t                header;        /* text, which is authenticated */
    ngx_str_t                text;          /* of the ciphertext */
    u_char                   iv[16];
    size_t                   iv_len;
    u_char                   tag[32];
    size_t                   tag_len;
    char                     kid[NGX_BO_JWE_KID];
    ngx_uint_t               has_kid;
    ngx_uint_t               version;       /* by its "enc" */
} ngx_bo_jwe_t;


static char *ngx_bo_jwe_add(ngx_array_t *keys, ngx_uint_t version,
    ngx_str_t *secret, ngx_str_t *salt);
static ngx_int_t ngx_bo_jwe_derive(ngx_bo_jwe_key_t *key, ngx_str_t *secret,
    ngx_str_t *salt, ngx_str_t *info, size_t len);
static void ngx_bo_jwe_thumbprint(ngx_bo_jwe_key_t *key);
static bo_jwt_error_e ngx_bo_jwe_split(ngx_bo_jwe_t *jwe, ngx_str_t *token);
static bo_jwt_error_e ngx_bo_jwe_header(ngx_bo_jwe_t *jwe);
static ngx_int_t ngx_bo_jwe_bytes(ngx_str_t *text, u_char *out, size_t max,
    size_t *len);
static ngx_int_t ngx_bo_jwe_gcm(ngx_bo_jwe_key_t *key, ngx_bo_jwe_t *jwe,
    u_char *data, size_t *len);
static ngx_int_t ngx_bo_jwe_cbc(ngx_bo_jwe_key_t *key, ngx_bo_jwe_t *jwe,
    u_char *data, size_t *len);
static ngx_uint_t ngx_bo_jwe_cbc_tag(ngx_bo_jwe_key_t *key,
    ngx_bo_jwe_t *jwe, u_char *data, size_t len);


char *
ngx_bo_jwe_read(ngx_conf_t *cf, ngx_str_t *path, ngx_uint_t version,
    ngx_str_t *cookies, ngx_uint_t ncookies, ngx_array_t *keys)
{
    char        *error;
    u_char      *p, *last, *end;
    ngx_str_t    text, secret, none;
    ngx_uint_t   i, n;

    error = ngx_bo_key_file(cf, path, &text);
    if (error) {
        return error;
    }

    ngx_str_null(&none);
    last = text.data + text.len;
    n = 0;

    for (p = text.data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');

        if (end == NULL) {
            end = last;
        }

        secret.data = p;
        secret.len = end - p;

        if (secret.len == 0) {
            continue;
        }

        if (++n > NGX_BO_JWE_SECRETS) {
            return "there are more than 4 secrets in the file";
        }

        if (version == 4) {
            error = ngx_bo_jwe_add(keys, version, &secret, &none);
        }

        for (i = 0; version == 5 && error == NULL && i < ncookies; i++) {
            error = ngx_bo_jwe_add(keys, version, &secret, &cookies[i]);
        }

        if (error) {
            return error;
        }
    }

    OPENSSL_cleanse(text.data, text.len);

    return n ? NULL : "the file is empty";
}


static char *
ngx_bo_jwe_add(ngx_array_t *keys, ngx_uint_t version, ngx_str_t *secret,
    ngx_str_t *salt)
{
    u_char            *p, text[256];
    ngx_str_t          info;
    ngx_bo_jwe_key_t  *key;

    if (secret->len < NGX_BO_JWE_MIN || secret->len > NGX_BO_JWE_LONGEST) {
        return "a line of the file is shorter than 32 bytes, or longer than "
               "512";
    }

    key = ngx_array_push(keys);
    if (key == NULL) {
        return "no memory";
    }

    ngx_memzero(key, sizeof(ngx_bo_jwe_key_t));
    key->version = version;

    p = version == 4
        ? ngx_cpymem(text, "NextAuth.js Generated Encryption Key",
                     sizeof("NextAuth.js Generated Encryption Key") - 1)
        : ngx_snprintf(text, sizeof(text),
                       "Auth.js Generated Encryption Key (%V)", salt);

    info.data = text;
    info.len = p - text;

    if (ngx_bo_jwe_derive(key, secret, salt, &info, version == 4 ? 32 : 64)
        != NGX_OK)
    {
        ERR_clear_error();
        return "the key cannot be derived";
    }

    if (version == 5) {
        ngx_bo_jwe_thumbprint(key);
    }

    return NULL;
}


/* HKDF-SHA256, RFC 5869. */

static ngx_int_t
ngx_bo_jwe_derive(ngx_bo_jwe_key_t *key, ngx_str_t *secret, ngx_str_t *salt,
    ngx_str_t *info, size_t len)
{
    int           rc;
    EVP_KDF      *kdf;
    OSSL_PARAM    params[5];
    EVP_KDF_CTX  *ctx;

    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                                  secret->data, secret->len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  info->data, info->len);
    params[3] = salt->len
                ? OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                    salt->data, salt->len)
                : OSSL_PARAM_construct_end();
    params[4] = OSSL_PARAM_construct_end();

    rc = ctx ? EVP_KDF_derive(ctx, key->key, len, params) : 0;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


/* RFC 7638, by SHA-512: the members that make the key, in their order. */

static void
ngx_bo_jwe_thumbprint(ngx_bo_jwe_key_t *key)
{
    u_char  *p, jwk[128], digest[SHA512_DIGEST_LENGTH];

    p = ngx_cpymem(jwk, "{\"k\":\"", 6);
    p += bo_base64_encode((char *) p, key->key, sizeof(key->key));
    p = ngx_cpymem(p, "\",\"kty\":\"oct\"}", 14);

    SHA512(jwk, p - jwk, digest);
    (void) bo_base64_encode(key->kid, digest, sizeof(digest));

    OPENSSL_cleanse(jwk, sizeof(jwk));
}


bo_jwt_error_e
ngx_bo_jwe_open(ngx_array_t *keys, ngx_str_t *token, u_char *json,
    size_t *len, ngx_bo_jwe_key_t **key)
{
    size_t             n;
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_bo_jwe_t       jwe;
    bo_jwt_error_e     error;
    ngx_bo_jwe_key_t  *k;

    error = ngx_bo_jwe_split(&jwe, token);
    if (error != BO_JWT_OK) {
        return error;
    }

    k = keys->elts;
    error = BO_JWT_E_KEY;

    for (i = 0; i < keys->nelts; i++) {

        if (k[i].version != jwe.version
            || (jwe.has_kid
                && ngx_memcmp(k[i].kid, jwe.kid, NGX_BO_JWE_KID) != 0))
        {
            continue;
        }

        error = BO_JWT_E_SIGNATURE;

        /* decoded anew for each key: it is decrypted where it is */

        if (ngx_bo_jwe_bytes(&jwe.text, json, NGX_BO_JWE_MAX, &n) != NGX_OK) {
            return BO_JWT_E_FORM;
        }

        rc = k[i].version == 4 ? ngx_bo_jwe_gcm(&k[i], &jwe, json, &n)
                               : ngx_bo_jwe_cbc(&k[i], &jwe, json, &n);

        if (rc == NGX_OK) {
            *key = &k[i];
            *len = n;
            return BO_JWT_OK;
        }

        ERR_clear_error();
    }

    return error;
}


/* header..iv.ciphertext.tag: "dir" has no encrypted key. */

static bo_jwt_error_e
ngx_bo_jwe_split(ngx_bo_jwe_t *jwe, ngx_str_t *token)
{
    u_char          *p, *last, *dot;
    ngx_str_t        part[5];
    ngx_uint_t       i;
    bo_jwt_error_e   error;

    if (token->len > NGX_BO_JWE_MAX) {
        return BO_JWT_E_SIZE;
    }

    p = token->data;
    last = p + token->len;

    for (i = 0; i < 5; i++) {
        dot = ngx_strlchr(p, last, '.');

        if ((dot == NULL) != (i == 4)) {
            return BO_JWT_E_FORM;
        }

        part[i].data = p;
        part[i].len = (dot ? dot : last) - p;
        p = dot ? dot + 1 : last;
    }

    if (part[1].len) {
        return BO_JWT_E_FORM;
    }

    jwe->header = part[0];
    jwe->text = part[3];

    error = ngx_bo_jwe_header(jwe);
    if (error != BO_JWT_OK) {
        return error;
    }

    if (ngx_bo_jwe_bytes(&part[2], jwe->iv, sizeof(jwe->iv), &jwe->iv_len)
        != NGX_OK
        || ngx_bo_jwe_bytes(&part[4], jwe->tag, sizeof(jwe->tag),
                            &jwe->tag_len)
           != NGX_OK
        || jwe->iv_len != (jwe->version == 4 ? NGX_BO_JWE_GCM_IV
                                             : NGX_BO_JWE_CBC_IV)
        || jwe->tag_len != (jwe->version == 4 ? NGX_BO_JWE_GCM_TAG
                                              : NGX_BO_JWE_CBC_TAG))
    {
        return BO_JWT_E_FORM;
    }

    return BO_JWT_OK;
}


static bo_jwt_error_e
ngx_bo_jwe_header(ngx_bo_jwe_t *jwe)
{
    size_t                len;
    u_char                json[NGX_BO_JWE_HEADER];
    bo_doc_t              doc;
    bo_doc_node_t         nodes[NGX_BO_JWE_NODES];
    const bo_doc_node_t  *kid, *enc;

    doc.nodes = nodes;
    doc.max = NGX_BO_JWE_NODES;

    if (ngx_bo_jwe_bytes(&jwe->header, json, sizeof(json), &len) != NGX_OK
        || bo_doc_read(&doc, (char *) json, len) != 0
        || nodes[0].type != BO_DOC_OBJECT
        || bo_doc_get(&doc, nodes, "crit") != NULL
        || bo_doc_get(&doc, nodes, "zip") != NULL)
    {
        return BO_JWT_E_HEADER;
    }

    enc = bo_doc_get(&doc, nodes, "enc");

    jwe->version = bo_doc_is(enc, "A256GCM", 7) ? 4
                   : bo_doc_is(enc, "A256CBC-HS512", 13) ? 5 : 0;

    if (jwe->version == 0
        || !bo_doc_is(bo_doc_get(&doc, nodes, "alg"), "dir", 3))
    {
        return BO_JWT_E_ALG;
    }

    kid = bo_doc_get(&doc, nodes, "kid");
    jwe->has_kid = kid != NULL;

    if (kid != NULL) {
        if (kid->type != BO_DOC_STRING || kid->len != NGX_BO_JWE_KID) {
            return BO_JWT_E_KEY;
        }

        ngx_memcpy(jwe->kid, kid->data, kid->len);
    }

    return BO_JWT_OK;
}


static ngx_int_t
ngx_bo_jwe_bytes(ngx_str_t *text, u_char *out, size_t max, size_t *len)
{
    long  n;

    if (BO_BASE64_BYTES(text->len) > max) {
        return NGX_DECLINED;
    }

    n = bo_base64_decode(out, (char *) text->data, text->len);

    if (n < 0) {
        return NGX_DECLINED;
    }

    *len = n;

    return NGX_OK;
}


static ngx_int_t
ngx_bo_jwe_gcm(ngx_bo_jwe_key_t *key, ngx_bo_jwe_t *jwe, u_char *data,
    size_t *len)
{
    int              n, m, rc;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    m = 0;

    rc = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->key, jwe->iv)
         == 1
         && EVP_DecryptUpdate(ctx, NULL, &n, jwe->header.data,
                              (int) jwe->header.len)
            == 1
         && EVP_DecryptUpdate(ctx, data, &n, data, (int) *len) == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG,
                                NGX_BO_JWE_GCM_TAG, jwe->tag)
            == 1
         && EVP_DecryptFinal_ex(ctx, data + n, &m) == 1;

    EVP_CIPHER_CTX_free(ctx);
    *len = n + m;

    return rc ? NGX_OK : NGX_DECLINED;
}


/*
 * RFC 7518, 5.2: the tag is looked at before anything is decrypted, so that
 * padding tells nobody anything.
 */

static ngx_int_t
ngx_bo_jwe_cbc(ngx_bo_jwe_key_t *key, ngx_bo_jwe_t *jwe, u_char *data,
    size_t *len)
{
    int              n, m, rc;
    EVP_CIPHER_CTX  *ctx;

    if (!ngx_bo_jwe_cbc_tag(key, jwe, data, *len)) {
        return NGX_DECLINED;
    }

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    m = 0;

    rc = EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL,
                            key->key + NGX_BO_JWE_CBC_TAG, jwe->iv)
         == 1
         && EVP_DecryptUpdate(ctx, data, &n, data, (int) *len) == 1
         && EVP_DecryptFinal_ex(ctx, data + n, &m) == 1;

    EVP_CIPHER_CTX_free(ctx);
    *len = n + m;

    return rc ? NGX_OK : NGX_DECLINED;
}


/* The first half of HMAC-SHA512 over header, iv, ciphertext, header's bits. */

static ngx_uint_t
ngx_bo_jwe_cbc_tag(ngx_bo_jwe_key_t *key, ngx_bo_jwe_t *jwe, u_char *data,
    size_t len)
{
    u_char        *p;
    uint64_t       bits;
    ngx_uint_t     i;
    unsigned int   n;

    static u_char  input[NGX_BO_JWE_HEADER * 2 + 16 + NGX_BO_JWE_MAX + 8];
    u_char         mac[EVP_MAX_MD_SIZE];

    /* a header was shorter than NGX_BO_JWE_HEADER when it was read */

    p = ngx_cpymem(input, jwe->header.data, jwe->header.len);
    p = ngx_cpymem(p, jwe->iv, NGX_BO_JWE_CBC_IV);
    p = ngx_cpymem(p, data, len);

    bits = (uint64_t) jwe->header.len * 8;

    for (i = 0; i < 8; i++) {
        *p++ = (u_char) (bits >> (56 - 8 * i));
    }

    n = 0;

    return HMAC(EVP_sha512(), key->key, NGX_BO_JWE_CBC_TAG, input, p - input,
                mac, &n)
           != NULL
           && n == 64
           && CRYPTO_memcmp(mac, jwe->tag, NGX_BO_JWE_CBC_TAG) == 0;
}
