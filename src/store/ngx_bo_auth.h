
/*
 * Who somebody is, by the token they bring: one verifier for all.
 */


#ifndef _NGX_BO_AUTH_H_INCLUDED_
#define _NGX_BO_AUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_bo_auth_zone.h"
#include "ngx_bo_jwe.h"
#include "ngx_bo_key.h"


#define NGX_BO_AUTH_JWT       1
#define NGX_BO_AUTH_NEXTAUTH  2

#define NGX_BO_AUTH_COOKIES   2         /* names that a session may have */
#define NGX_BO_AUTH_AUDIENCES 8


typedef struct ngx_bo_jwks_s  ngx_bo_jwks_t;


/*
 * Somebody whose tokens are believed: what they must say, and the keys.  It
 * lives as long as the configuration; of what is changed in a worker, see
 * ngx_bo_jwks.h.
 */

typedef struct {
    ngx_str_t                name;
    ngx_uint_t               kind;          /* 0: named, not defined yet */
    bo_jwt_rules_t           rules;
    bo_jwt_text_t            audiences[NGX_BO_AUTH_AUDIENCES];
    ngx_str_t                cookie[NGX_BO_AUTH_COOKIES];
    ngx_uint_t               ncookies;
    ngx_array_t              keys;          /* ngx_bo_key_t, of files */
    ngx_array_t              sessions;      /* ngx_bo_jwe_key_t */
    ngx_bo_jwks_t           *jwks;          /* keys of a URL, or NULL */
    u_char                   hash[SHA256_DIGEST_LENGTH];    /* of the rules */
} ngx_bo_auth_source_t;


/*
 * For the end of the configuration: the prints of a source's keys.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_bo_auth_seal(ngx_bo_auth_source_t *source);

/* Those of keys that came later. */
ngx_int_t ngx_bo_auth_seal_keys(ngx_bo_auth_source_t *source,
    ngx_array_t *keys);

/*
 * Verifies a token by sources[0..n), ngx_bo_auth_source_t *, at now (s since
 * 1970).  BO_JWT_OK, and who it is; or why not.  BO_JWT_E_KEY: nobody has that
 * key, and ngx_bo_jwks_missing() says whether it may still be fetched.
 *
 * A token that was verified before costs a hash and a look into the zone.  How
 * long the rest takes depends on the token, not on where it fails.
 */
bo_jwt_error_e ngx_bo_auth_verify(ngx_bo_auth_zone_t *zone,
    ngx_bo_auth_source_t **sources, ngx_uint_t n, ngx_str_t *token,
    int64_t now, bo_jwt_who_t *who);


#endif /* _NGX_BO_AUTH_H_INCLUDED_ */
