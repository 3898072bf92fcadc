
/*
 * Access tokens and refresh tokens.
 */


#include "ngx_bo_accounts.h"

#include "booking/bo_base64.h"
#include "ngx_bo_store.h"


size_t
ngx_bo_access_token(ngx_bo_accounts_t *a, ngx_str_t *user, bo_role_e role,
    time_t now, u_char *text)
{
    u_char         signature[NGX_BO_KEY_SIGNATURE];
    size_t         n, len;
    ngx_str_t      input;
    bo_jwt_who_t   who;
    bo_jwt_text_t  kid;

    if (user->len > BO_USER_MAX) {
        return 0;
    }

    ngx_memcpy(who.user, user->data, user->len);
    who.user_len = user->len;
    who.role = role;

    kid.data = (char *) a->key.kid.data;
    kid.len = a->key.kid.len;

    n = bo_jwt_write((char *) text, a->key.alg, &kid, &a->source->rules, &who,
                     now, now + a->access);

    if (n == 0
        || n + 1 + BO_BASE64_TEXT(NGX_BO_KEY_SIGNATURE) > BO_JWT_MAX)
    {
        return 0;
    }

    input.data = text;
    input.len = n;

    if (ngx_bo_key_sign(&a->key, &input, signature, &len) != NGX_OK) {
        return 0;
    }

    text[n++] = '.';

    return n + bo_base64_encode((char *) text + n, signature, len);
}


char *
ngx_bo_accounts_check(ngx_bo_accounts_t *a)
{
    u_char        *text;
    size_t         len;
    time_t         now;
    bo_jwt_t      *jwt;
    ngx_str_t      user;
    ngx_pool_t    *pool;
    bo_jwt_who_t   who;

    static char  wrong[] = "its tokens would not be taken: \"issuer=\", "
                           "\"audience=\", \"user=\" and \"roles=\" of "
                           "\"boxoffice_auth_jwt\" must be plain texts, and "
                           "\"roles=\" must be there";

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return "no memory";
    }

    text = ngx_pnalloc(pool, BO_JWT_MAX);
    jwt = ngx_palloc(pool, sizeof(bo_jwt_t));
    ngx_str_set(&user, "somebody");
    now = ngx_time();

    len = text && jwt ? ngx_bo_access_token(a, &user, BO_ROLE_ADMIN, now, text)
                      : 0;

    if (len == 0
        || bo_jwt_read(jwt, (char *) text, len) != BO_JWT_OK
        || ngx_bo_key_verify(&a->key, jwt) != NGX_OK
        || bo_jwt_check(jwt, &a->source->rules, now, &who) != BO_JWT_OK
        || who.role != BO_ROLE_ADMIN
        || who.user_len != user.len
        || ngx_memcmp(who.user, user.data, user.len) != 0)
    {
        ngx_destroy_pool(pool);
        return wrong;
    }

    ngx_destroy_pool(pool);

    return NULL;
}


/*
 * No token begins with these words, and no token is made of what they are
 * signed with: a secret says nothing of a signature.
 */

ngx_int_t
ngx_bo_refresh_secret(ngx_bo_accounts_t *a, ngx_bo_refresh_t *t)
{
    u_char      text[128], signature[NGX_BO_KEY_SIGNATURE];
    size_t      len;
    ngx_str_t   input;

    input.data = text;
    input.len = ngx_sprintf(text, "boxoffice refresh %xD ",
                            t->generation)
                - text;
    ngx_memcpy(text + input.len, t->session.bytes, sizeof(t->session.bytes));
    input.len += sizeof(t->session.bytes);

    if (ngx_bo_key_sign(&a->key, &input, signature, &len) != NGX_OK) {
        return NGX_ERROR;
    }

    SHA256(signature, len, t->secret);
    OPENSSL_cleanse(signature, sizeof(signature));

    return NGX_OK;
}


void
ngx_bo_refresh_format(u_char *text, ngx_bo_refresh_t *t)
{
    u_char  bytes[NGX_BO_REFRESH_BYTES], *p;

    p = ngx_cpymem(bytes, t->session.bytes, sizeof(t->session.bytes));

    *p++ = (u_char) (t->generation >> 24);
    *p++ = (u_char) (t->generation >> 16);
    *p++ = (u_char) (t->generation >> 8);
    *p++ = (u_char) t->generation;

    ngx_memcpy(p, t->secret, sizeof(t->secret));

    (void) bo_base64_encode((char *) text, bytes, sizeof(bytes));
    OPENSSL_cleanse(bytes, sizeof(bytes));
}


ngx_int_t
ngx_bo_refresh_parse(ngx_bo_refresh_t *t, const char *text, size_t len)
{
    u_char  bytes[NGX_BO_REFRESH_BYTES], *p;

    if (len != NGX_BO_REFRESH_LEN
        || bo_base64_decode(bytes, text, len) != NGX_BO_REFRESH_BYTES)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(t->session.bytes, bytes, sizeof(t->session.bytes));
    p = bytes + sizeof(t->session.bytes);

    t->generation = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
                    | (uint32_t) p[2] << 8 | p[3];

    ngx_memcpy(t->secret, p + 4, sizeof(t->secret));

    /* an int of SQL, with room for the next one */

    return t->generation >= 1 && t->generation < NGX_MAX_INT32_VALUE
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_bo_refresh_hash(u_char *hex, ngx_bo_refresh_t *t)
{
    u_char  digest[SHA256_DIGEST_LENGTH];

    SHA256(t->secret, sizeof(t->secret), digest);
    ngx_hex_dump(hex, digest, sizeof(digest));
}


ngx_int_t
ngx_bo_reset_code(u_char *text, u_char *hex)
{
    u_char  random[10];

    if (ngx_bo_random(random, sizeof(random)) != NGX_OK) {
        return NGX_ERROR;
    }

    bo_ticket_code((char *) text, random);
    OPENSSL_cleanse(random, sizeof(random));

    ngx_bo_reset_hash(hex, (char *) text, BO_TICKET_LEN);

    return NGX_OK;
}


/* What is no code is looked for like one that is wrong. */

void
ngx_bo_reset_hash(u_char *hex, const char *text, size_t len)
{
    char    code[BO_TICKET_LEN];
    u_char  digest[SHA256_DIGEST_LENGTH];

    if (bo_ticket_parse(code, text, len) == 0) {
        text = code;
        len = BO_TICKET_LEN;
    }

    SHA256((u_char *) text, len, digest);
    ngx_hex_dump(hex, digest, sizeof(digest));
    OPENSSL_cleanse(code, sizeof(code));
}
