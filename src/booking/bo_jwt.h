
/*
 * Tokens that prove who somebody is: the compact form of a JWS (RFC 7515) and
 * what a JWT says (RFC 7519), by the advice of RFC 8725.  Whether a signature
 * is good is for the store to find out, between the two steps here.
 *
 * Nothing of a token decides how it is checked: its "alg" must be the key's,
 * and keys come from the configuration only.  "jwk", "jku", "x5c" and "x5u"
 * are not looked at.
 */


#ifndef _BO_JWT_H_INCLUDED_
#define _BO_JWT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bo_id.h"
#include "bo_role.h"


#define BO_JWT_MAX            4096      /* bytes of a token's text */
#define BO_JWT_SIGNATURE_MAX  1024      /* bytes: RSA of 8192 bits */
#define BO_JWT_KID_MAX        128       /* bytes of a key's id */
#define BO_JWT_CLAIMS_MAX     16384     /* bytes of claims, decrypted ones */
#define BO_JWT_LEEWAY         60        /* seconds, unless said otherwise */


typedef enum {
    BO_JWT_NONE = 0,                    /* never a token's: of no algorithm */
    BO_JWT_HS256,
    BO_JWT_RS256,
    BO_JWT_ES256,
    BO_JWT_EDDSA                        /* Ed25519 */
} bo_jwt_alg_e;


/* Why a token is refused: for logs and counters, never for the client. */

typedef enum {
    BO_JWT_OK = 0,
    BO_JWT_E_SIZE,                      /* longer than BO_JWT_MAX */
    BO_JWT_E_FORM,                      /* not three parts of base64url */
    BO_JWT_E_HEADER,                    /* no such header is understood */
    BO_JWT_E_ALG,                       /* another algorithm */
    BO_JWT_E_TYP,                       /* another kind of token */
    BO_JWT_E_KEY,                       /* no such key */
    BO_JWT_E_SIGNATURE,                 /* or not to be decrypted */
    BO_JWT_E_CLAIMS,                    /* not claims, or of a wrong type */
    BO_JWT_E_EXPIRED,
    BO_JWT_E_EARLY,                     /* nbf or iat is to come */
    BO_JWT_E_ISSUER,
    BO_JWT_E_AUDIENCE,
    BO_JWT_E_USER                       /* none, or not one of our names */
} bo_jwt_error_e;


typedef struct {
    const char              *data;
    size_t                   len;
} bo_jwt_text_t;


typedef struct {
    bo_jwt_alg_e             alg;
    bo_jwt_text_t            kid;       /* len 0: none */
    bo_jwt_text_t            input;     /* of the text: what is signed */
    bo_jwt_text_t            claims;    /* of the text, still base64url */
    uint8_t                  signature[BO_JWT_SIGNATURE_MAX];
    size_t                   signature_len;
    char                     header[BO_JWT_MAX];    /* kid points into it */
} bo_jwt_t;


/* What a token must say; texts that are empty ask for nothing. */

typedef struct {
    bo_jwt_text_t            issuer;    /* empty: any */
    const bo_jwt_text_t     *audiences; /* one of them must be meant */
    size_t                   naudiences;    /* 0: tokens for somebody by name
                                             * are for somebody else */
    int64_t                  leeway;    /* seconds, 0 or more */
    bo_jwt_text_t            user;      /* claim, as for bo_doc_find() */
    bo_jwt_text_t            roles;     /* the same; empty: customers only */
    bo_jwt_text_t            staff;     /* values of that claim */
    bo_jwt_text_t            admin;
} bo_jwt_rules_t;


typedef struct {
    char                     user[BO_USER_MAX];
    size_t                   user_len;
    bo_role_e                role;
    int64_t                  expires;   /* s since 1970, the first moment at
                                         * which it is refused */
} bo_jwt_who_t;


/*
 * Takes text[0..len) apart and reads its header.  jwt->input and jwt->claims
 * point into text.  Costs no more than a pass over the text.
 */
bo_jwt_error_e bo_jwt_read(bo_jwt_t *jwt, const char *text, size_t len);

/*
 * Checks the claims of a token whose signature was found good, at now (s since
 * 1970), and says who it is.
 *
 * exp has to be there; exp, nbf and iat are integers of 0 and more; a moment
 * is as good as another that is leeway seconds away.  aud is a text or an
 * array of them.
 */
bo_jwt_error_e bo_jwt_check(const bo_jwt_t *jwt, const bo_jwt_rules_t *rules,
    int64_t now, bo_jwt_who_t *who);

/* The same for claims that came otherwise: JSON, which is changed. */
bo_jwt_error_e bo_jwt_check_claims(char *json, size_t len,
    const bo_jwt_rules_t *rules, int64_t now, bo_jwt_who_t *who);

/*
 * The text that is signed, header and claims, of a token that fits rules: its
 * issuer, the first audience, user in the claim that is the user, the word of
 * role in the claim of roles, good from iat until exp (s since 1970).  alg is
 * HS256 or EdDSA; kid may be empty.  Texts of the rules that are not plain
 * (quotes, backslashes, control characters) cannot be written.
 *
 * Returns the number of bytes of out, which has room for BO_JWT_MAX; 0 when
 * there are more, or when a text is not plain.  Behind them comes a dot, and
 * the signature in base64url.
 */
size_t bo_jwt_write(char *out, bo_jwt_alg_e alg, const bo_jwt_text_t *kid,
    const bo_jwt_rules_t *rules, const bo_jwt_who_t *who, int64_t iat,
    int64_t exp);

/* The algorithm of a name of RFC 7518 or 8037, or BO_JWT_NONE. */
bo_jwt_alg_e bo_jwt_alg(const char *name, size_t len);

/* A text for logs: it quotes nothing. */
const char *bo_jwt_error_text(bo_jwt_error_e error);


#endif /* _BO_JWT_H_INCLUDED_ */
