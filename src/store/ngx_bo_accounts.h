
/*
 * Accounts of the house itself: what is issued to who logs in.
 *
 * An access token is a JWT that the verifier of ngx_bo_auth.h believes for
 * minutes.  A refresh token is asked for rarely, and is good once: it names
 * its session and its place in it, and its secret is known to the database as
 * a hash only.  The secret of each follows from the one key: so the same token
 * that comes again for a lost answer gets the same successor.
 */


#ifndef _NGX_BO_ACCOUNTS_H_INCLUDED_
#define _NGX_BO_ACCOUNTS_H_INCLUDED_


#include "booking/bo_base64.h"
#include "booking/bo_ticket.h"
#include "ngx_bo_auth.h"
#include "ngx_bo_hash.h"


/* s in which a refresh token that was used gets the same successor again. */

#define NGX_BO_REFRESH_GRACE   30

/* s in which a lost password can be replaced by a code. */

#define NGX_BO_RESET_TTL       3600

#define NGX_BO_REFRESH_SECRET  32
#define NGX_BO_REFRESH_BYTES   (16 + 4 + NGX_BO_REFRESH_SECRET)
#define NGX_BO_REFRESH_LEN     BO_BASE64_TEXT(NGX_BO_REFRESH_BYTES)


/* What the directive says; lives as long as the configuration. */

typedef struct ngx_bo_accounts_s  ngx_bo_accounts_t;

struct ngx_bo_accounts_s {
    ngx_bo_auth_source_t    *source;
    ngx_bo_key_t             key;           /* signs */
    time_t                   access;        /* s */
    time_t                   refresh;       /* s without use */
    time_t                   session;       /* s, whatever the use */
    ngx_bo_hasher_t          hasher;
    ngx_shm_zone_t          *limit;         /* by identity; NULL: none */
};


typedef struct {
    bo_uuid_t                session;
    uint32_t                 generation;    /* from 1 */
    u_char                   secret[NGX_BO_REFRESH_SECRET];
} ngx_bo_refresh_t;


/*
 * Writes an access token for user in role, good from now (s since 1970) on;
 * text has room for BO_JWT_MAX.  Its length, or 0 when it cannot be made.
 */
size_t ngx_bo_access_token(ngx_bo_accounts_t *a, ngx_str_t *user,
    bo_role_e role, time_t now, u_char *text);

/*
 * Whether what is issued is what the verifier takes, for the end of the
 * configuration.  NULL, or an error text.
 */
char *ngx_bo_accounts_check(ngx_bo_accounts_t *a);

/* Fills in the secret of session and generation.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_bo_refresh_secret(ngx_bo_accounts_t *a, ngx_bo_refresh_t *t);

/* NGX_BO_REFRESH_LEN bytes of text; and from it: NGX_OK or NGX_DECLINED. */
void ngx_bo_refresh_format(u_char *text, ngx_bo_refresh_t *t);
ngx_int_t ngx_bo_refresh_parse(ngx_bo_refresh_t *t, const char *text,
    size_t len);

/* What the database knows of it: SHA-256 in hexadecimal. */

#define NGX_BO_REFRESH_HASH  (2 * SHA256_DIGEST_LENGTH)

void ngx_bo_refresh_hash(u_char *hex, ngx_bo_refresh_t *t);

/*
 * A code for a lost password, in the form of a ticket's: it is told, and typed.
 * text takes BO_TICKET_LEN bytes, hex the NGX_BO_REFRESH_HASH of what the
 * database knows of it.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_reset_code(u_char *text, u_char *hex);

/* The same hash of a code as people type it; of what is none, another one. */
void ngx_bo_reset_hash(u_char *hex, const char *text, size_t len);


#endif /* _NGX_BO_ACCOUNTS_H_INCLUDED_ */
