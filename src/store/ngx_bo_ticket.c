
/*
 * The keys of tickets, and what is signed with them.
 */


#include "ngx_bo_file.h"
#include "ngx_bo_ticket.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "booking/bo_ticket.h"
#include "ngx_bo_qr.h"


#define NGX_BO_TICKET_FILE  16384


static char *ngx_bo_ticket_add(ngx_conf_t *cf, ngx_bo_ticket_keys_t *keys,
    ngx_str_t *path);
static EVP_PKEY *ngx_bo_ticket_pem(u_char *pem, size_t len,
    ngx_uint_t *private);
static int ngx_bo_ticket_no_password(char *buf, int size, int rwflag,
    void *data);
static char *ngx_bo_ticket_name(ngx_conf_t *cf, ngx_bo_ticket_keys_t *keys,
    ngx_bo_ticket_key_t *key);
static void ngx_bo_ticket_base64(u_char *out, const u_char *bytes,
    size_t len);
static ngx_int_t ngx_bo_ticket_jwks(ngx_conf_t *cf,
    ngx_bo_ticket_keys_t *keys);
static void ngx_bo_ticket_free(void *data);
static ngx_uint_t ngx_bo_ticket_good(ngx_bo_ticket_key_t *key,
    const uint8_t *bytes, size_t len);


char *
ngx_bo_ticket_read(ngx_conf_t *cf, ngx_str_t *paths, ngx_uint_t n,
    ngx_bo_ticket_keys_t **keys, ngx_str_t *bad)
{
    char                *error;
    ngx_uint_t           i;
    ngx_pool_cleanup_t  *cln;

    *bad = paths[0];

    if (n > NGX_BO_TICKET_KEYS) {
        return "there are more than 16 files";
    }

    *keys = ngx_pcalloc(cf->pool, sizeof(ngx_bo_ticket_keys_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (*keys == NULL || cln == NULL) {
        return "no memory";
    }

    cln->handler = ngx_bo_ticket_free;
    cln->data = *keys;

    for (i = 0; i < n; i++) {
        *bad = paths[i];

        error = ngx_bo_ticket_add(cf, *keys, bad);
        if (error) {
            return error;
        }
    }

    return ngx_bo_ticket_jwks(cf, *keys) == NGX_OK ? NULL : "no memory";
}


static char *
ngx_bo_ticket_add(ngx_conf_t *cf, ngx_bo_ticket_keys_t *keys, ngx_str_t *path)
{
    char                 *error;
    ngx_str_t             text;
    ngx_uint_t            private;
    ngx_bo_ticket_key_t  *key;

    error = ngx_bo_file_read(cf, cf->temp_pool, path, NGX_BO_TICKET_FILE,
                             &text);
    if (error) {
        return error;
    }

    key = &keys->key[keys->n];

    key->pkey = ngx_bo_ticket_pem(text.data, text.len, &private);
    OPENSSL_cleanse(text.data, text.len);

    if (key->pkey == NULL) {
        return "the file has no key without a password";
    }

    keys->n++;      /* from here on the cleanup frees it */
    key->private = private;

    if (EVP_PKEY_id(key->pkey) != EVP_PKEY_ED25519) {
        return "the key is not of Ed25519";
    }

    if (keys->n == 1 && !private) {
        return "the first key signs, and must be a private one";
    }

    return ngx_bo_ticket_name(cf, keys, key);
}


/* A private key, or else a public one. */

static EVP_PKEY *
ngx_bo_ticket_pem(u_char *pem, size_t len, ngx_uint_t *private)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    *private = 0;

    bio = BIO_new_mem_buf(pem, (int) len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, ngx_bo_ticket_no_password,
                                   NULL);
    *private = pkey != NULL;

    if (pkey == NULL && BIO_reset(bio) == 1) {
        pkey = PEM_read_bio_PUBKEY(bio, NULL, ngx_bo_ticket_no_password,
                                   NULL);
    }

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


/* Nobody is there to ask: without this, OpenSSL would ask the terminal. */

static int
ngx_bo_ticket_no_password(char *buf, int size, int rwflag, void *data)
{
    return -1;
}


/* RFC 7638 with RFC 8037, appendix A.3: the members in this order. */

static char *
ngx_bo_ticket_name(ngx_conf_t *cf, ngx_bo_ticket_keys_t *keys,
    ngx_bo_ticket_key_t *key)
{
    size_t      len;
    u_char      public[NGX_BO_TICKET_PUBLIC], x[NGX_BO_TICKET_KID];
    u_char      text[128], digest[SHA256_DIGEST_LENGTH];
    ngx_uint_t  i;

    len = sizeof(public);

    if (EVP_PKEY_get_raw_public_key(key->pkey, public, &len) != 1
        || len != sizeof(public))
    {
        ERR_clear_error();
        return "the key cannot be used";
    }

    ngx_bo_ticket_base64(x, public, sizeof(public));

    len = ngx_sprintf(text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
                      "\"x\":\"%*s\"}", (size_t) NGX_BO_TICKET_KID, x)
          - text;

    SHA256(text, len, digest);

    ngx_memcpy(key->id, digest, BO_ENTRY_KEY);
    ngx_bo_ticket_base64(key->kid, digest, sizeof(digest));

    /* tickets name a key by four bytes: two that share them must not meet */

    for (i = 0; &keys->key[i] < key; i++) {
        if (ngx_memcmp(keys->key[i].id, key->id, BO_ENTRY_KEY) == 0) {
            return "the key is there twice";
        }
    }

    return NULL;
}


/* 32 bytes as NGX_BO_TICKET_KID characters: without the padding. */

static void
ngx_bo_ticket_base64(u_char *out, const u_char *bytes, size_t len)
{
    u_char     text[48];
    ngx_str_t  src, dst;

    src.data = (u_char *) bytes;
    src.len = len;
    dst.data = text;

    ngx_encode_base64url(&dst, &src);
    ngx_memcpy(out, text, NGX_BO_TICKET_KID);
}


static ngx_int_t
ngx_bo_ticket_jwks(ngx_conf_t *cf, ngx_bo_ticket_keys_t *keys)
{
    size_t                len;
    u_char               *p, public[NGX_BO_TICKET_PUBLIC];
    u_char                x[NGX_BO_TICKET_KID], digest[SHA256_DIGEST_LENGTH];
    ngx_uint_t            i;
    ngx_bo_ticket_key_t  *key;

    p = ngx_pnalloc(cf->pool, 16 + keys->n * 256);
    keys->etag.data = ngx_pnalloc(cf->pool, 18);

    if (p == NULL || keys->etag.data == NULL) {
        return NGX_ERROR;
    }

    keys->jwks.data = p;
    p = ngx_sprintf(p, "{\"keys\":[");

    for (i = 0; i < keys->n; i++) {
        key = &keys->key[i];
        len = sizeof(public);

        if (EVP_PKEY_get_raw_public_key(key->pkey, public, &len) != 1) {
            return NGX_ERROR;
        }

        ngx_bo_ticket_base64(x, public, sizeof(public));

        p = ngx_sprintf(p, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                        "\"x\":\"%*s\",\"kid\":\"%*s\",\"use\":\"sig\","
                        "\"alg\":\"EdDSA\"}", i ? "," : "",
                        (size_t) NGX_BO_TICKET_KID, x,
                        (size_t) NGX_BO_TICKET_KID, key->kid);
    }

    p = ngx_sprintf(p, "]}");
    keys->jwks.len = p - keys->jwks.data;

    SHA256(keys->jwks.data, keys->jwks.len, digest);

    keys->etag.data[0] = '"';
    p = ngx_hex_dump(keys->etag.data + 1, digest, 8);
    *p++ = '"';
    keys->etag.len = p - keys->etag.data;

    return NGX_OK;
}


static void
ngx_bo_ticket_free(void *data)
{
    ngx_bo_ticket_keys_t *keys = data;

    ngx_uint_t  i;

    for (i = 0; i < keys->n; i++) {
        EVP_PKEY_free(keys->key[i].pkey);
    }
}


ngx_int_t
ngx_bo_ticket_sign(ngx_bo_ticket_keys_t *keys, bo_entry_t *entry,
    u_char *text, size_t *len)
{
    int          rc;
    size_t       n, signature;
    uint8_t      bytes[BO_ENTRY_MAX];
    EVP_MD_CTX  *md;

    ngx_memcpy(entry->key, keys->key[0].id, BO_ENTRY_KEY);

    n = bo_entry_pack(bytes, entry);
    signature = BO_ENTRY_SIGNATURE;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = EVP_DigestSignInit(md, NULL, NULL, NULL, keys->key[0].pkey) == 1
         && EVP_DigestSign(md, bytes + n, &signature, bytes, n) == 1
         && signature == BO_ENTRY_SIGNATURE;

    EVP_MD_CTX_free(md);

    if (!rc) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    *len = bo_entry_encode((char *) text, bytes, n + signature);

    return NGX_OK;
}


ngx_int_t
ngx_bo_ticket_verify(ngx_bo_ticket_keys_t *keys, ngx_str_t *text,
    bo_entry_t *entry)
{
    size_t                len;
    uint8_t               bytes[BO_ENTRY_MAX];
    ngx_uint_t            i;
    ngx_bo_ticket_key_t  *key;

    len = bo_entry_decode(bytes, (char *) text->data, text->len);

    if (len == 0 || bo_entry_unpack(entry, bytes, len) != 0) {
        return NGX_DECLINED;
    }

    for (i = 0; i < keys->n; i++) {
        key = &keys->key[i];

        if (ngx_memcmp(key->id, entry->key, BO_ENTRY_KEY) == 0) {
            return ngx_bo_ticket_good(key, bytes, len) ? NGX_OK : NGX_ABORT;
        }
    }

    return NGX_ABORT;
}


static ngx_uint_t
ngx_bo_ticket_good(ngx_bo_ticket_key_t *key, const uint8_t *bytes, size_t len)
{
    size_t       n;
    ngx_uint_t   good;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return 0;
    }

    n = len - BO_ENTRY_SIGNATURE;

    good = EVP_DigestVerifyInit(md, NULL, NULL, NULL, key->pkey) == 1
           && EVP_DigestVerify(md, bytes + n, BO_ENTRY_SIGNATURE, bytes, n)
              == 1;

    EVP_MD_CTX_free(md);

    /* what a forger leaves in the queue would be read as nginx's own */

    ERR_clear_error();

    return good;
}


ngx_int_t
ngx_bo_ticket_from_row(bo_entry_t *entry, PGresult *res, ngx_int_t row,
    int first)
{
    int64_t    starts, ends, no;
    ngx_str_t  order, show, code, label;

    enum {
        ngx_bo_col_order = 0,
        ngx_bo_col_show,
        ngx_bo_col_code,
        ngx_bo_col_starts,
        ngx_bo_col_ends,
        ngx_bo_col_seat_no,
        ngx_bo_col_label
    };

    if (PQgetisnull(res, (int) row, first + ngx_bo_col_seat_no)) {
        return NGX_DECLINED;
    }

    ngx_memzero(entry, sizeof(bo_entry_t));

    order = ngx_bo_column(res, row, first + ngx_bo_col_order);
    show = ngx_bo_column(res, row, first + ngx_bo_col_show);
    code = ngx_bo_column(res, row, first + ngx_bo_col_code);
    starts = ngx_bo_column_int(res, row, first + ngx_bo_col_starts) / 1000;
    ends = ngx_bo_column_int(res, row, first + ngx_bo_col_ends) / 1000;
    no = ngx_bo_column_int(res, row, first + ngx_bo_col_seat_no);
    label = ngx_bo_column(res, row, first + ngx_bo_col_label);

    if (bo_uuid_parse(&entry->order, (char *) order.data, order.len) != 0
        || bo_uuid_parse(&entry->show, (char *) show.data, show.len) != 0
        || bo_ticket_bytes(entry->code, (char *) code.data, code.len) != 0
        || starts < 0 || ends <= starts || ends > UINT32_MAX
        || no < 0 || no > BO_SEAT_NO_MAX
        || label.len == 0 || label.len > BO_ENTRY_LABEL_MAX)
    {
        return NGX_ERROR;
    }

    entry->starts = (uint32_t) starts;
    entry->ends = (uint32_t) ends;
    entry->seat_no = (uint16_t) no;
    entry->label_len = (uint8_t) label.len;
    ngx_memcpy(entry->label, label.data, label.len);

    return NGX_OK;
}


ngx_int_t
ngx_bo_ticket_png(ngx_bo_store_t *store, bo_entry_t *entry, ngx_pool_t *pool,
    ngx_str_t *png)
{
    u_char     text[BO_ENTRY_TEXT_MAX];
    ngx_str_t  code;

    if (store->tickets == NULL) {
        return NGX_DECLINED;
    }

    code.data = text;

    if (ngx_bo_ticket_sign(store->tickets, entry, text, &code.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_qr_png(pool, &code, png);
}
