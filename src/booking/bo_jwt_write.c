
/*
 * Tokens of our own.
 */


#include "bo_jwt.h"

#include <stdio.h>
#include <string.h>

#include "bo_base64.h"


typedef struct {
    char                     text[BO_JWT_MAX];
    size_t                   len;
    int                      bad;       /* too long, or not plain */
} bo_jwt_draft_t;


static void bo_jwt_put(bo_jwt_draft_t *d, const char *text, size_t len);
static void bo_jwt_put_member(bo_jwt_draft_t *d, const char *name,
    size_t name_len, const char *value, size_t len);
static void bo_jwt_put_times(bo_jwt_draft_t *d, int64_t iat, int64_t exp);
static void bo_jwt_put_header(bo_jwt_draft_t *d, bo_jwt_alg_e alg,
    const bo_jwt_text_t *kid);
static void bo_jwt_put_claims(bo_jwt_draft_t *d, const bo_jwt_rules_t *rules,
    const bo_jwt_who_t *who);

#define bo_jwt_put_literal(d, s)  bo_jwt_put(d, s, sizeof(s) - 1)


size_t
bo_jwt_write(char *out, bo_jwt_alg_e alg, const bo_jwt_text_t *kid,
    const bo_jwt_rules_t *rules, const bo_jwt_who_t *who, int64_t iat,
    int64_t exp)
{
    size_t          n;
    bo_jwt_draft_t  header, claims;

    header.len = 0;
    header.bad = 0;
    bo_jwt_put_header(&header, alg, kid);

    claims.len = 0;
    claims.bad = 0;
    bo_jwt_put_claims(&claims, rules, who);
    bo_jwt_put_times(&claims, iat, exp);

    n = BO_BASE64_TEXT(header.len) + 1 + BO_BASE64_TEXT(claims.len);

    if (header.bad || claims.bad || n > BO_JWT_MAX) {
        return 0;
    }

    n = bo_base64_encode(out, (const uint8_t *) header.text, header.len);
    out[n++] = '.';

    return n + bo_base64_encode(out + n, (const uint8_t *) claims.text,
                                claims.len);
}


static void
bo_jwt_put_header(bo_jwt_draft_t *d, bo_jwt_alg_e alg,
    const bo_jwt_text_t *kid)
{
    if (alg == BO_JWT_HS256) {
        bo_jwt_put_literal(d, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"");

    } else if (alg == BO_JWT_EDDSA) {
        bo_jwt_put_literal(d, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"");

    } else {
        d->bad = 1;
    }

    if (kid->len) {
        bo_jwt_put_literal(d, ",");
        bo_jwt_put_member(d, "kid", 3, kid->data, kid->len);
    }

    bo_jwt_put_literal(d, "}");
}


static void
bo_jwt_put_claims(bo_jwt_draft_t *d, const bo_jwt_rules_t *rules,
    const bo_jwt_who_t *who)
{
    const bo_jwt_text_t  *word;

    bo_jwt_put_literal(d, "{");

    if (rules->issuer.len) {
        bo_jwt_put_member(d, "iss", 3, rules->issuer.data,
                          rules->issuer.len);
        bo_jwt_put_literal(d, ",");
    }

    if (rules->naudiences) {
        bo_jwt_put_member(d, "aud", 3, rules->audiences[0].data,
                          rules->audiences[0].len);
        bo_jwt_put_literal(d, ",");
    }

    bo_jwt_put_member(d, rules->user.data, rules->user.len, who->user,
                      who->user_len);
    bo_jwt_put_literal(d, ",");

    if (rules->roles.len && who->role != BO_ROLE_CUSTOMER) {
        word = who->role == BO_ROLE_ADMIN ? &rules->admin : &rules->staff;

        bo_jwt_put_member(d, rules->roles.data, rules->roles.len, word->data,
                          word->len);
        bo_jwt_put_literal(d, ",");
    }
}


static void
bo_jwt_put_times(bo_jwt_draft_t *d, int64_t iat, int64_t exp)
{
    int   n;
    char  text[80];

    n = snprintf(text, sizeof(text), "\"iat\":%lld,\"exp\":%lld}",
                 (long long) iat, (long long) exp);

    bo_jwt_put(d, text, (size_t) n);
}


static void
bo_jwt_put_member(bo_jwt_draft_t *d, const char *name, size_t name_len,
    const char *value, size_t len)
{
    size_t  i;

    for (i = 0; i < name_len; i++) {
        d->bad |= (unsigned char) name[i] < ' ' || name[i] == '"'
                  || name[i] == '\\';
    }

    for (i = 0; i < len; i++) {
        d->bad |= (unsigned char) value[i] < ' ' || value[i] == '"'
                  || value[i] == '\\';
    }

    bo_jwt_put_literal(d, "\"");
    bo_jwt_put(d, name, name_len);
    bo_jwt_put_literal(d, "\":\"");
    bo_jwt_put(d, value, len);
    bo_jwt_put_literal(d, "\"");
}


static void
bo_jwt_put(bo_jwt_draft_t *d, const char *text, size_t len)
{
    if (len > sizeof(d->text) - d->len) {
        d->bad = 1;
        return;
    }

    memcpy(d->text + d->len, text, len);
    d->len += len;
}
