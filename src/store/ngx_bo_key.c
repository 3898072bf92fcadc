
/*
 * Keys: how they are read, and what they verify.
 */


#include "ngx_bo_file.h"
#include "ngx_bo_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "booking/bo_base64.h"


#define NGX_BO_KEY_RSA_MIN  2048        /* bits */
#define NGX_BO_KEY_RSA_MAX  8192
#define NGX_BO_KEY_P256     32          /* bytes of a coordinate, of r, of s */
#define NGX_BO_KEY_NODES    2048


static EVP_PKEY *ngx_bo_key_pem(u_char *text, size_t len);
static EVP_PKEY *ngx_bo_key_private_pem(ngx_str_t *text);
static void ngx_bo_key_mac(ngx_bo_key_t *key, const void *text, size_t len,
    u_char digest[SHA256_DIGEST_LENGTH]);
static int ngx_bo_key_no_password(char *buf, int size, int rwflag, void *u);
static ngx_int_t ngx_bo_key_take(ngx_pool_t *pool, ngx_bo_key_t *key,
    EVP_PKEY *pkey);
static ngx_uint_t ngx_bo_key_fits(EVP_PKEY *pkey, bo_jwt_alg_e alg);
static void ngx_bo_key_free(void *data);
static ngx_int_t ngx_bo_key_jwk(ngx_pool_t *pool, bo_doc_t *doc,
    const bo_doc_node_t *jwk, ngx_uint_t secret, ngx_array_t *keys);
static ngx_int_t ngx_bo_key_add(ngx_pool_t *pool, ngx_array_t *keys,
    ngx_bo_key_t *fresh, EVP_PKEY *pkey, const bo_doc_node_t *kid);
static bo_jwt_alg_e ngx_bo_key_jwk_alg(bo_doc_t *doc,
    const bo_doc_node_t *jwk);
static EVP_PKEY *ngx_bo_key_jwk_rsa(bo_doc_t *doc, const bo_doc_node_t *jwk);
static EVP_PKEY *ngx_bo_key_jwk_ec(bo_doc_t *doc, const bo_doc_node_t *jwk);
static EVP_PKEY *ngx_bo_key_jwk_okp(bo_doc_t *doc, const bo_doc_node_t *jwk);
static EVP_PKEY *ngx_bo_key_build(const char *type, OSSL_PARAM_BLD *bld);
static ngx_int_t ngx_bo_key_bytes(const bo_doc_node_t *node, u_char *out,
    size_t max, size_t *len);
static ngx_int_t ngx_bo_key_verify_hmac(ngx_bo_key_t *key, bo_jwt_t *jwt);
static ngx_int_t ngx_bo_key_verify_ec(ngx_bo_key_t *key, bo_jwt_t *jwt,
    u_char *digest);
static ngx_int_t ngx_bo_key_verify_ed(ngx_bo_key_t *key, bo_jwt_t *jwt);


char *
ngx_bo_key_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text)
{
    char  *error;

    error = ngx_bo_file_read(cf, cf->temp_pool, path, NGX_BO_KEY_FILE + 1,
                             text);
    if (error) {
        return error;
    }

    return text->len > NGX_BO_KEY_FILE ? "the file is larger than 64k" : NULL;
}


char *
ngx_bo_key_read(ngx_conf_t *cf, ngx_str_t *path, bo_jwt_alg_e alg,
    ngx_bo_key_t *key)
{
    char      *error;
    ngx_int_t  rc;
    EVP_PKEY  *pkey;
    ngx_str_t  text;

    error = ngx_bo_key_file(cf, path, &text);
    if (error) {
        return error;
    }

    key->alg = alg;

    if (alg == BO_JWT_HS256) {
        if (text.len && text.data[text.len - 1] == '\n') {
            text.len--;
        }

        if (text.len < NGX_BO_KEY_MIN || text.len > NGX_BO_KEY_MAX) {
            return "the secret is shorter than 32 bytes, or longer than 512";
        }

        /* a public key as the secret would let everybody sign */

        if (ngx_strlcasestrn(text.data, text.data + text.len,
                             (u_char *) "-----BEGIN ", 11 - 1)
            != NULL)
        {
            return "a key in PEM is no shared secret";
        }

        ngx_bo_hmac_key(&key->hmac, text.data, text.len);
        OPENSSL_cleanse(text.data, text.len);

        return NULL;
    }

    pkey = ngx_bo_key_pem(text.data, text.len);
    OPENSSL_cleanse(text.data, text.len);

    if (pkey == NULL) {
        return "there is no public key and no certificate in the file";
    }

    if (!ngx_bo_key_fits(pkey, alg)) {
        EVP_PKEY_free(pkey);
        return "the key is not one of that algorithm (RSA of 2048 to 8192 "
               "bits, P-256, Ed25519)";
    }

    rc = ngx_bo_key_take(cf->pool, key, pkey);

    return rc == NGX_OK ? NULL : "no memory";
}


static EVP_PKEY *
ngx_bo_key_pem(u_char *text, size_t len)
{
    BIO       *bio;
    X509      *cert;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(text, (int) len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PUBKEY(bio, NULL, ngx_bo_key_no_password, NULL);

    if (pkey == NULL) {
        (void) BIO_reset(bio);
        cert = PEM_read_bio_X509(bio, NULL, ngx_bo_key_no_password, NULL);

        if (cert) {
            pkey = X509_get_pubkey(cert);
            X509_free(cert);
        }
    }

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


char *
ngx_bo_key_read_private(ngx_conf_t *cf, ngx_str_t *path, bo_jwt_alg_e alg,
    ngx_bo_key_t *key)
{
    char      *error;
    EVP_PKEY  *pkey;
    ngx_str_t  text;

    if (alg == BO_JWT_HS256) {
        return ngx_bo_key_read(cf, path, alg, key);
    }

    error = ngx_bo_key_file(cf, path, &text);
    if (error) {
        return error;
    }

    pkey = alg == BO_JWT_EDDSA ? ngx_bo_key_private_pem(&text) : NULL;
    OPENSSL_cleanse(text.data, text.len);

    if (pkey == NULL || !ngx_bo_key_fits(pkey, alg)) {
        EVP_PKEY_free(pkey);
        return "there is no private key of Ed25519 without a password in the "
               "file";
    }

    key->alg = alg;

    return ngx_bo_key_take(cf->pool, key, pkey) == NGX_OK ? NULL
                                                          : "no memory";
}


static EVP_PKEY *
ngx_bo_key_private_pem(ngx_str_t *text)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, ngx_bo_key_no_password, NULL);

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


/* OpenSSL would ask the terminal. */

static int
ngx_bo_key_no_password(char *buf, int size, int rwflag, void *u)
{
    return 0;
}


/* The key goes with the pool, also when this fails. */

static ngx_int_t
ngx_bo_key_take(ngx_pool_t *pool, ngx_bo_key_t *key, EVP_PKEY *pkey)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 2 * sizeof(void *));
    if (cln == NULL) {
        EVP_PKEY_free(pkey);
        return NGX_ERROR;
    }

    key->pkey = pkey;
    key->ctx = NULL;

    ((void **) cln->data)[0] = pkey;
    ((void **) cln->data)[1] = NULL;
    cln->handler = ngx_bo_key_free;

    if (key->alg == BO_JWT_EDDSA) {
        return NGX_OK;
    }

    key->ctx = EVP_PKEY_CTX_new(pkey, NULL);
    ((void **) cln->data)[1] = key->ctx;

    if (key->ctx == NULL
        || EVP_PKEY_verify_init(key->ctx) != 1
        || (key->alg == BO_JWT_RS256
            && EVP_PKEY_CTX_set_rsa_padding(key->ctx, RSA_PKCS1_PADDING) != 1)
        || EVP_PKEY_CTX_set_signature_md(key->ctx, EVP_sha256()) != 1)
    {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_bo_key_fits(EVP_PKEY *pkey, bo_jwt_alg_e alg)
{
    char    group[32];
    size_t  len;

    switch (alg) {

    case BO_JWT_RS256:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA
               && EVP_PKEY_get_bits(pkey) >= NGX_BO_KEY_RSA_MIN
               && EVP_PKEY_get_bits(pkey) <= NGX_BO_KEY_RSA_MAX;

    case BO_JWT_ES256:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC
               && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len)
                  == 1
               && ngx_strcmp(group, SN_X9_62_prime256v1) == 0;

    case BO_JWT_EDDSA:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519;

    default:
        return 0;
    }
}


static void
ngx_bo_key_free(void *data)
{
    void **p = data;

    EVP_PKEY_CTX_free(p[1]);
    EVP_PKEY_free(p[0]);
}


ngx_int_t
ngx_bo_key_set(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t secret,
    ngx_array_t *keys)
{
    bo_doc_t              doc;
    ngx_int_t             rc;
    ngx_uint_t            n;
    const bo_doc_node_t  *set, *jwk;

    doc.max = NGX_BO_KEY_NODES;
    doc.nodes = ngx_alloc(doc.max * sizeof(bo_doc_node_t), pool->log);

    if (doc.nodes == NULL) {
        return NGX_ERROR;
    }

    n = keys->nelts;
    rc = NGX_DECLINED;

    if (bo_doc_read(&doc, (char *) text->data, text->len) != 0) {
        goto done;
    }

    set = bo_doc_get(&doc, doc.nodes, "keys");

    if (set == NULL) {
        rc = ngx_bo_key_jwk(pool, &doc, doc.nodes, secret, keys);
        goto done;
    }

    if (set->type != BO_DOC_ARRAY) {
        goto done;
    }

    for (jwk = bo_doc_first(&doc, set);
         jwk != NULL;
         jwk = bo_doc_next(&doc, jwk))
    {
        rc = ngx_bo_key_jwk(pool, &doc, jwk, secret, keys);

        if (rc != NGX_OK) {
            goto done;
        }
    }

done:

    ngx_free(doc.nodes);

    if (rc == NGX_OK && keys->nelts == n) {
        rc = NGX_DECLINED;
    }

    return rc;
}


/* NGX_OK also for a key that is not for us. */

static ngx_int_t
ngx_bo_key_jwk(ngx_pool_t *pool, bo_doc_t *doc, const bo_doc_node_t *jwk,
    ngx_uint_t secret, ngx_array_t *keys)
{
    u_char                bytes[NGX_BO_KEY_MAX];
    size_t                len;
    EVP_PKEY             *pkey;
    bo_jwt_alg_e          alg;
    ngx_bo_key_t          fresh;
    const bo_doc_node_t  *kid;

    if (jwk->type != BO_DOC_OBJECT) {
        return NGX_DECLINED;
    }

    /* it should be with who signs, and nowhere else */

    if (bo_doc_get(doc, jwk, "d") != NULL) {
        return NGX_DECLINED;
    }

    alg = ngx_bo_key_jwk_alg(doc, jwk);
    kid = bo_doc_get(doc, jwk, "kid");

    if (alg == BO_JWT_NONE || (alg == BO_JWT_HS256 && !secret)
        || keys->nelts == NGX_BO_KEYS_MAX
        || (kid != NULL
            && (kid->type != BO_DOC_STRING || kid->len == 0
                || kid->len > BO_JWT_KID_MAX)))
    {
        return NGX_OK;
    }

    ngx_memzero(&fresh, sizeof(ngx_bo_key_t));
    fresh.alg = alg;
    pkey = NULL;

    if (alg == BO_JWT_HS256) {
        if (ngx_bo_key_bytes(bo_doc_get(doc, jwk, "k"), bytes, sizeof(bytes),
                             &len)
            != NGX_OK
            || len < NGX_BO_KEY_MIN)
        {
            return NGX_DECLINED;
        }

        ngx_bo_hmac_key(&fresh.hmac, bytes, len);
        OPENSSL_cleanse(bytes, sizeof(bytes));

    } else {
        pkey = alg == BO_JWT_RS256 ? ngx_bo_key_jwk_rsa(doc, jwk)
               : alg == BO_JWT_ES256 ? ngx_bo_key_jwk_ec(doc, jwk)
                                     : ngx_bo_key_jwk_okp(doc, jwk);
        ERR_clear_error();

        if (pkey == NULL || !ngx_bo_key_fits(pkey, alg)) {
            EVP_PKEY_free(pkey);
            return NGX_OK;
        }
    }

    return ngx_bo_key_add(pool, keys, &fresh, pkey, kid);
}


static ngx_int_t
ngx_bo_key_add(ngx_pool_t *pool, ngx_array_t *keys, ngx_bo_key_t *fresh,
    EVP_PKEY *pkey, const bo_doc_node_t *kid)
{
    ngx_bo_key_t  *key;

    if (pkey && ngx_bo_key_take(pool, fresh, pkey) != NGX_OK) {
        return NGX_ERROR;
    }

    if (kid != NULL) {
        fresh->kid.len = kid->len;
        fresh->kid.data = ngx_pnalloc(pool, kid->len);

        if (fresh->kid.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(fresh->kid.data, kid->data, kid->len);
    }

    key = ngx_array_push(keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    *key = *fresh;

    return NGX_OK;
}


/* What a JWK is for, by its kind; what it says of itself must not differ. */

static bo_jwt_alg_e
ngx_bo_key_jwk_alg(bo_doc_t *doc, const bo_doc_node_t *jwk)
{
    bo_jwt_alg_e          alg;
    const bo_doc_node_t  *kty, *crv, *use, *said;

    kty = bo_doc_get(doc, jwk, "kty");
    crv = bo_doc_get(doc, jwk, "crv");
    use = bo_doc_get(doc, jwk, "use");
    said = bo_doc_get(doc, jwk, "alg");

    if (use != NULL && !bo_doc_is(use, "sig", 3)) {
        return BO_JWT_NONE;
    }

    alg = bo_doc_is(kty, "oct", 3) ? BO_JWT_HS256
          : bo_doc_is(kty, "RSA", 3) ? BO_JWT_RS256
          : bo_doc_is(kty, "EC", 2) && bo_doc_is(crv, "P-256", 5)
            ? BO_JWT_ES256
          : bo_doc_is(kty, "OKP", 3) && bo_doc_is(crv, "Ed25519", 7)
            ? BO_JWT_EDDSA : BO_JWT_NONE;

    if (said != NULL
        && (said->type != BO_DOC_STRING
            || bo_jwt_alg(said->data, said->len) != alg))
    {
        return BO_JWT_NONE;
    }

    return alg;
}


static EVP_PKEY *
ngx_bo_key_jwk_rsa(bo_doc_t *doc, const bo_doc_node_t *jwk)
{
    u_char           n[NGX_BO_KEY_RSA_MAX / 8], e[8];
    size_t           nlen, elen;
    BIGNUM          *bn, *be;
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *bld;

    if (ngx_bo_key_bytes(bo_doc_get(doc, jwk, "n"), n, sizeof(n), &nlen)
        != NGX_OK
        || ngx_bo_key_bytes(bo_doc_get(doc, jwk, "e"), e, sizeof(e), &elen)
           != NGX_OK)
    {
        return NULL;
    }

    pkey = NULL;
    bn = BN_bin2bn(n, (int) nlen, NULL);
    be = BN_bin2bn(e, (int) elen, NULL);
    bld = OSSL_PARAM_BLD_new();

    /* e = 1 would make every signature its own message */

    if (bn && be && bld && BN_is_odd(bn) && BN_is_odd(be) && !BN_is_one(be)
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1)
    {
        pkey = ngx_bo_key_build("RSA", bld);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_free(bn);
    BN_free(be);

    return pkey;
}


static EVP_PKEY *
ngx_bo_key_jwk_ec(bo_doc_t *doc, const bo_doc_node_t *jwk)
{
    u_char           point[1 + 2 * NGX_BO_KEY_P256];
    size_t           xlen, ylen;
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *bld;

    if (ngx_bo_key_bytes(bo_doc_get(doc, jwk, "x"), point + 1,
                         NGX_BO_KEY_P256, &xlen)
        != NGX_OK
        || ngx_bo_key_bytes(bo_doc_get(doc, jwk, "y"),
                            point + 1 + NGX_BO_KEY_P256, NGX_BO_KEY_P256,
                            &ylen)
           != NGX_OK
        || xlen != NGX_BO_KEY_P256 || ylen != NGX_BO_KEY_P256)
    {
        return NULL;
    }

    point[0] = POINT_CONVERSION_UNCOMPRESSED;

    pkey = NULL;
    bld = OSSL_PARAM_BLD_new();

    if (bld
        && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           SN_X9_62_prime256v1, 0)
           == 1
        && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, sizeof(point))
           == 1)
    {
        /* a point that is not on the curve is no key */
        pkey = ngx_bo_key_build("EC", bld);
    }

    OSSL_PARAM_BLD_free(bld);

    return pkey;
}


static EVP_PKEY *
ngx_bo_key_jwk_okp(bo_doc_t *doc, const bo_doc_node_t *jwk)
{
    u_char  x[32];
    size_t  len;

    if (ngx_bo_key_bytes(bo_doc_get(doc, jwk, "x"), x, sizeof(x), &len)
        != NGX_OK
        || len != sizeof(x))
    {
        return NULL;
    }

    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
}


static EVP_PKEY *
ngx_bo_key_build(const char *type, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx, *check;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);

    if (pkey) {
        check = EVP_PKEY_CTX_new(pkey, NULL);

        if (check == NULL || EVP_PKEY_public_check_quick(check) != 1) {
            EVP_PKEY_free(pkey);
            pkey = NULL;
        }

        EVP_PKEY_CTX_free(check);
    }

    return pkey;
}


static ngx_int_t
ngx_bo_key_bytes(const bo_doc_node_t *node, u_char *out, size_t max,
    size_t *len)
{
    long  n;

    if (node == NULL || node->type != BO_DOC_STRING || node->len == 0
        || BO_BASE64_BYTES(node->len) > max)
    {
        return NGX_DECLINED;
    }

    n = bo_base64_decode(out, node->data, node->len);

    if (n <= 0) {
        return NGX_DECLINED;
    }

    *len = n;

    return NGX_OK;
}


ngx_int_t
ngx_bo_key_verify(ngx_bo_key_t *key, bo_jwt_t *jwt)
{
    u_char     digest[SHA256_DIGEST_LENGTH];
    ngx_int_t  rc;

    rc = NGX_DECLINED;

    switch (key->alg) {

    case BO_JWT_HS256:
        return ngx_bo_key_verify_hmac(key, jwt);

    case BO_JWT_RS256:
        SHA256((u_char *) jwt->input.data, jwt->input.len, digest);

        rc = EVP_PKEY_verify(key->ctx, jwt->signature, jwt->signature_len,
                             digest, sizeof(digest))
             == 1 ? NGX_OK : NGX_DECLINED;
        break;

    case BO_JWT_ES256:
        SHA256((u_char *) jwt->input.data, jwt->input.len, digest);
        rc = ngx_bo_key_verify_ec(key, jwt, digest);
        break;

    case BO_JWT_EDDSA:
        rc = ngx_bo_key_verify_ed(key, jwt);
        break;

    default:
        break;
    }

    /* what is refused leaves its reasons in a queue that nginx would log */

    if (rc != NGX_OK) {
        ERR_clear_error();
    }

    return rc;
}


static ngx_int_t
ngx_bo_key_verify_hmac(ngx_bo_key_t *key, bo_jwt_t *jwt)
{
    u_char  digest[SHA256_DIGEST_LENGTH];

    ngx_bo_key_mac(key, jwt->input.data, jwt->input.len, digest);

    return jwt->signature_len == sizeof(digest)
           && CRYPTO_memcmp(digest, jwt->signature, sizeof(digest)) == 0
           ? NGX_OK : NGX_DECLINED;
}


static void
ngx_bo_key_mac(ngx_bo_key_t *key, const void *text, size_t len,
    u_char digest[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX  sha;

    ngx_bo_hmac_init(&key->hmac, &sha);
    SHA256_Update(&sha, text, len);
    ngx_bo_hmac_final(&key->hmac, &sha, digest);
}


ngx_int_t
ngx_bo_key_sign(ngx_bo_key_t *key, ngx_str_t *text, u_char *out, size_t *len)
{
    int          rc;
    EVP_MD_CTX  *ctx;

    if (key->alg == BO_JWT_HS256) {
        ngx_bo_key_mac(key, text->data, text->len, out);
        *len = SHA256_DIGEST_LENGTH;

        return NGX_OK;
    }

    *len = NGX_BO_KEY_SIGNATURE;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1
         && EVP_DigestSign(ctx, out, len, text->data, text->len) == 1;

    EVP_MD_CTX_free(ctx);

    if (!rc) {
        ERR_clear_error();
    }

    return rc ? NGX_OK : NGX_ERROR;
}


/* RFC 7518, 3.4: r and s as they are, not DER; 0 is neither. */

static ngx_int_t
ngx_bo_key_verify_ec(ngx_bo_key_t *key, bo_jwt_t *jwt, u_char *digest)
{
    int         len, rc;
    u_char     *der;
    BIGNUM     *r, *s;
    ECDSA_SIG  *sig;

    if (jwt->signature_len != 2 * NGX_BO_KEY_P256) {
        return NGX_DECLINED;
    }

    r = BN_bin2bn(jwt->signature, NGX_BO_KEY_P256, NULL);
    s = BN_bin2bn(jwt->signature + NGX_BO_KEY_P256, NGX_BO_KEY_P256, NULL);
    sig = ECDSA_SIG_new();

    if (r == NULL || s == NULL || sig == NULL || BN_is_zero(r)
        || BN_is_zero(s) || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return NGX_DECLINED;
    }

    der = NULL;
    len = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);

    if (len <= 0) {
        return NGX_DECLINED;
    }

    rc = EVP_PKEY_verify(key->ctx, der, (size_t) len, digest,
                         SHA256_DIGEST_LENGTH);
    OPENSSL_free(der);

    return rc == 1 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_bo_key_verify_ed(ngx_bo_key_t *key, bo_jwt_t *jwt)
{
    int          rc;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    rc = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) == 1
         && EVP_DigestVerify(ctx, jwt->signature, jwt->signature_len,
                             (u_char *) jwt->input.data, jwt->input.len)
            == 1;

    EVP_MD_CTX_free(ctx);

    return rc ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_bo_key_print(ngx_bo_key_t *key, const u_char rules[SHA256_DIGEST_LENGTH])
{
    int         len;
    u_char     *der, digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX  sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, rules, SHA256_DIGEST_LENGTH);
    SHA256_Update(&sha, &key->alg, sizeof(key->alg));

    if (key->pkey) {
        der = NULL;
        len = i2d_PUBKEY(key->pkey, &der);

        if (len <= 0) {
            ERR_clear_error();
            return NGX_ERROR;
        }

        SHA256_Update(&sha, der, (size_t) len);
        OPENSSL_free(der);

    } else {
        SHA256_Update(&sha, &key->hmac.inner, sizeof(SHA256_CTX));
    }

    SHA256_Update(&sha, key->kid.data, key->kid.len);
    SHA256_Final(digest, &sha);

    ngx_memcpy(&key->print, digest, sizeof(key->print));

    return NGX_OK;
}
