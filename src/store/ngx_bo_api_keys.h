
/*
 * Keys of services: how they look, and whose they are.  See
 * sql/040_api_keys.sql.
 *
 * A node believes what it was told of a key for NGX_BO_API_KEY_TTL; so long
 * may a key be good that was revoked on another node.
 */


#ifndef _NGX_BO_API_KEYS_H_INCLUDED_
#define _NGX_BO_API_KEYS_H_INCLUDED_


#include "booking/bo_base64.h"
#include "booking/bo_scope.h"
#include "ngx_bo_auth_zone.h"
#include "ngx_bo_store.h"


#define NGX_BO_API_KEY_TTL     5        /* s */

/* "bo_" and 32 random bytes; of the database: their SHA-256 in hexadecimal. */

#define NGX_BO_API_KEY_SECRET  32
#define NGX_BO_API_KEY_LEN     (3 + BO_BASE64_TEXT(NGX_BO_API_KEY_SECRET))
#define NGX_BO_API_KEY_HASH    64

/* A service is a user of this name and its key's id. */

#define NGX_BO_API_KEY_USER    "service."


/* Makes a key: text has room for its length, hash for that of the hash.
 * NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_api_key_make(u_char *text, u_char *hash);

/* 1 when a token claims to be a key: it begins like one. */
ngx_uint_t ngx_bo_api_key_is(ngx_str_t *token);

/* The hash of a key; NGX_OK, or NGX_DECLINED: it is none. */
ngx_int_t ngx_bo_api_key_hash(ngx_str_t *token, u_char *hash);

/*
 * Whose key it is, as far as this node knows at now (s since 1970).  NGX_OK, or
 * NGX_DECLINED: it has to ask.
 */
ngx_int_t ngx_bo_api_key_known(ngx_bo_auth_zone_t *zone, u_char *hash,
    int64_t now, bo_jwt_who_t *who, bo_scopes_t *scopes);

/* This node asks from now on: the key was revoked. */
void ngx_bo_api_key_forget(ngx_bo_auth_zone_t *zone, u_char *hash);


/* Asking; found is 0 when the key is not good. */

typedef struct ngx_bo_api_key_ask_s  ngx_bo_api_key_ask_t;

struct ngx_bo_api_key_ask_s {
    ngx_bo_call_t            call;      /* first */
    ngx_bo_auth_zone_t      *zone;
    u_char                   hash[NGX_BO_API_KEY_HASH];
    ngx_uint_t               found;
    bo_jwt_who_t             who;
    bo_scopes_t              scopes;
};

/* NGX_AGAIN, and call.done will be called; or NGX_ERROR: refused. */
ngx_int_t ngx_bo_api_key_ask(ngx_bo_api_key_ask_t *ask);


#endif /* _NGX_BO_API_KEYS_H_INCLUDED_ */
