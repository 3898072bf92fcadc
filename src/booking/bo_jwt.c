
/*
 * JSON Web Tokens, strictly.
 */


#include "bo_jwt.h"

#include <string.h>

#include "bo_base64.h"
#include "bo_doc.h"


#define BO_JWT_HEADER_NODES  32
#define BO_JWT_CLAIM_NODES   256

/* The last second of the year 9999: what is beyond is no time. */

#define BO_JWT_TIME_MAX      INT64_C(253402300799)


static bo_jwt_error_e bo_jwt_header(bo_jwt_t *jwt, size_t len);
static bo_jwt_error_e bo_jwt_times(const bo_doc_t *doc, int64_t leeway,
    int64_t now, bo_jwt_who_t *who);
static int bo_jwt_time(const bo_doc_t *doc, const char *name, size_t len,
    int64_t *value);
static bo_jwt_error_e bo_jwt_audience(const bo_doc_t *doc,
    const bo_jwt_rules_t *rules);
static int bo_jwt_is_meant(const bo_doc_node_t *node,
    const bo_jwt_rules_t *rules);
static bo_role_e bo_jwt_role(const bo_doc_t *doc,
    const bo_jwt_rules_t *rules);
static int bo_jwt_has_word(const bo_doc_node_t *node,
    const bo_jwt_text_t *word);
static int bo_jwt_is_nocase(const bo_doc_node_t *node, const char *lower);


static const struct {
    const char    *name;
    bo_jwt_alg_e   alg;
} bo_jwt_algs[] = {
    { "HS256", BO_JWT_HS256 },
    { "RS256", BO_JWT_RS256 },
    { "ES256", BO_JWT_ES256 },
    { "EdDSA", BO_JWT_EDDSA }
};


bo_jwt_error_e
bo_jwt_read(bo_jwt_t *jwt, const char *text, size_t len)
{
    long         n;
    const char  *dot, *dot2, *last;

    if (len > BO_JWT_MAX) {
        return BO_JWT_E_SIZE;
    }

    last = text + len;
    dot = memchr(text, '.', len);
    dot2 = dot ? memchr(dot + 1, '.', (size_t) (last - dot - 1)) : NULL;

    if (dot2 == NULL || dot == text || dot2 == dot + 1 || dot2 + 1 == last
        || memchr(dot2 + 1, '.', (size_t) (last - dot2 - 1)) != NULL)
    {
        return BO_JWT_E_FORM;
    }

    jwt->input.data = text;
    jwt->input.len = (size_t) (dot2 - text);
    jwt->claims.data = dot + 1;
    jwt->claims.len = (size_t) (dot2 - dot - 1);

    if (BO_BASE64_BYTES((size_t) (last - dot2 - 1)) > BO_JWT_SIGNATURE_MAX) {
        return BO_JWT_E_SIZE;
    }

    n = bo_base64_decode(jwt->signature, dot2 + 1, (size_t) (last - dot2 - 1));
    if (n < 0) {
        return BO_JWT_E_FORM;
    }

    jwt->signature_len = (size_t) n;

    n = bo_base64_decode((uint8_t *) jwt->header, text, (size_t) (dot - text));
    if (n < 0) {
        return BO_JWT_E_FORM;
    }

    return bo_jwt_header(jwt, (size_t) n);
}


/*
 * What changes the meaning of the rest is refused: extensions that have to be
 * understood, compression, another form of the payload, and what belongs to
 * encrypted tokens.
 */

static bo_jwt_error_e
bo_jwt_header(bo_jwt_t *jwt, size_t len)
{
    bo_doc_t              doc;
    bo_doc_node_t         nodes[BO_JWT_HEADER_NODES];
    const bo_doc_node_t  *alg, *kid, *typ;

    doc.nodes = nodes;
    doc.max = BO_JWT_HEADER_NODES;

    if (bo_doc_read(&doc, jwt->header, len) != 0
        || nodes[0].type != BO_DOC_OBJECT
        || bo_doc_get(&doc, nodes, "crit") != NULL
        || bo_doc_get(&doc, nodes, "b64") != NULL
        || bo_doc_get(&doc, nodes, "zip") != NULL
        || bo_doc_get(&doc, nodes, "enc") != NULL)
    {
        return BO_JWT_E_HEADER;
    }

    alg = bo_doc_get(&doc, nodes, "alg");

    jwt->alg = alg != NULL && alg->type == BO_DOC_STRING
               ? bo_jwt_alg(alg->data, alg->len) : BO_JWT_NONE;

    if (jwt->alg == BO_JWT_NONE) {
        return BO_JWT_E_ALG;
    }

    typ = bo_doc_get(&doc, nodes, "typ");

    if (typ != NULL && !bo_jwt_is_nocase(typ, "jwt")
        && !bo_jwt_is_nocase(typ, "at+jwt")
        && !bo_jwt_is_nocase(typ, "application/at+jwt"))
    {
        return BO_JWT_E_TYP;
    }

    jwt->kid.data = NULL;
    jwt->kid.len = 0;

    kid = bo_doc_get(&doc, nodes, "kid");

    if (kid != NULL) {
        if (kid->type != BO_DOC_STRING || kid->len == 0
            || kid->len > BO_JWT_KID_MAX)
        {
            return BO_JWT_E_KEY;
        }

        jwt->kid.data = kid->data;
        jwt->kid.len = kid->len;
    }

    return BO_JWT_OK;
}


bo_jwt_error_e
bo_jwt_check(const bo_jwt_t *jwt, const bo_jwt_rules_t *rules, int64_t now,
    bo_jwt_who_t *who)
{
    long  n;
    char  json[BO_JWT_MAX];

    n = bo_base64_decode((uint8_t *) json, jwt->claims.data, jwt->claims.len);

    if (n < 0) {
        return BO_JWT_E_FORM;
    }

    return bo_jwt_check_claims(json, (size_t) n, rules, now, who);
}


bo_jwt_error_e
bo_jwt_check_claims(char *json, size_t len, const bo_jwt_rules_t *rules,
    int64_t now, bo_jwt_who_t *who)
{
    bo_doc_t              doc;
    bo_doc_node_t         nodes[BO_JWT_CLAIM_NODES];
    bo_jwt_error_e        error;
    const bo_doc_node_t  *node;

    doc.nodes = nodes;
    doc.max = BO_JWT_CLAIM_NODES;

    if (len > BO_JWT_CLAIMS_MAX || bo_doc_read(&doc, json, len) != 0
        || nodes[0].type != BO_DOC_OBJECT)
    {
        return BO_JWT_E_CLAIMS;
    }

    error = bo_jwt_times(&doc, rules->leeway, now, who);
    if (error != BO_JWT_OK) {
        return error;
    }

    node = bo_doc_get(&doc, nodes, "iss");

    if ((node != NULL && node->type != BO_DOC_STRING)
        || (rules->issuer.len
            && !bo_doc_is(node, rules->issuer.data, rules->issuer.len)))
    {
        return BO_JWT_E_ISSUER;
    }

    error = bo_jwt_audience(&doc, rules);
    if (error != BO_JWT_OK) {
        return error;
    }

    node = bo_doc_find(&doc, rules->user.data, rules->user.len);

    if (node == NULL || node->type != BO_DOC_STRING
        || !bo_user_valid(node->data, node->len))
    {
        return BO_JWT_E_USER;
    }

    memcpy(who->user, node->data, node->len);
    who->user_len = node->len;
    who->role = bo_jwt_role(&doc, rules);

    return BO_JWT_OK;
}


static bo_jwt_error_e
bo_jwt_times(const bo_doc_t *doc, int64_t leeway, int64_t now,
    bo_jwt_who_t *who)
{
    int64_t  exp, nbf, iat;

    exp = -1;
    nbf = 0;
    iat = 0;

    if (bo_jwt_time(doc, "exp", 3, &exp) != 0
        || bo_jwt_time(doc, "nbf", 3, &nbf) != 0
        || bo_jwt_time(doc, "iat", 3, &iat) != 0
        || exp == -1)
    {
        return BO_JWT_E_CLAIMS;
    }

    who->expires = exp + leeway + 1;

    if (now >= who->expires) {
        return BO_JWT_E_EXPIRED;
    }

    if (nbf - leeway > now || iat - leeway > now) {
        return BO_JWT_E_EARLY;
    }

    return BO_JWT_OK;
}


/* A claim that is not there leaves the value alone. */

static int
bo_jwt_time(const bo_doc_t *doc, const char *name, size_t len, int64_t *value)
{
    const bo_doc_node_t  *node;

    node = bo_doc_member(doc, doc->nodes, name, len);

    if (node == NULL) {
        return 0;
    }

    if (node->type != BO_DOC_INTEGER || node->integer < 0
        || node->integer > BO_JWT_TIME_MAX)
    {
        return -1;
    }

    *value = node->integer;

    return 0;
}


/* Who is not named must refuse (RFC 7519, 4.1.3), and so must a nameless. */

static bo_jwt_error_e
bo_jwt_audience(const bo_doc_t *doc, const bo_jwt_rules_t *rules)
{
    int                   meant;
    const bo_doc_node_t  *node, *item;

    node = bo_doc_get(doc, doc->nodes, "aud");

    if (node == NULL) {
        return rules->naudiences ? BO_JWT_E_AUDIENCE : BO_JWT_OK;
    }

    if (node->type == BO_DOC_STRING) {
        return bo_jwt_is_meant(node, rules) ? BO_JWT_OK : BO_JWT_E_AUDIENCE;
    }

    if (node->type != BO_DOC_ARRAY) {
        return BO_JWT_E_CLAIMS;
    }

    meant = 0;

    for (item = bo_doc_first(doc, node);
         item != NULL;
         item = bo_doc_next(doc, item))
    {
        if (item->type != BO_DOC_STRING) {
            return BO_JWT_E_CLAIMS;
        }

        meant |= bo_jwt_is_meant(item, rules);
    }

    return meant ? BO_JWT_OK : BO_JWT_E_AUDIENCE;
}


static int
bo_jwt_is_meant(const bo_doc_node_t *node, const bo_jwt_rules_t *rules)
{
    size_t  i;

    for (i = 0; i < rules->naudiences; i++) {
        if (bo_doc_is(node, rules->audiences[i].data,
                      rules->audiences[i].len))
        {
            return 1;
        }
    }

    return 0;
}


/* The highest of an array, or of a text of words like OAuth's "scope". */

static bo_role_e
bo_jwt_role(const bo_doc_t *doc, const bo_jwt_rules_t *rules)
{
    bo_role_e             role;
    const bo_doc_node_t  *node, *end;

    role = BO_ROLE_CUSTOMER;

    if (rules->roles.len == 0) {
        return role;
    }

    node = bo_doc_find(doc, rules->roles.data, rules->roles.len);
    end = NULL;

    if (node != NULL && node->type == BO_DOC_ARRAY) {
        node = bo_doc_first(doc, node);

    } else if (node != NULL) {
        end = bo_doc_next(doc, node);
    }

    for ( /* void */ ; node != end; node = bo_doc_next(doc, node)) {

        if (bo_jwt_has_word(node, &rules->admin)) {
            return BO_ROLE_ADMIN;
        }

        if (bo_jwt_has_word(node, &rules->staff)) {
            role = BO_ROLE_STAFF;
        }
    }

    return role;
}


static int
bo_jwt_has_word(const bo_doc_node_t *node, const bo_jwt_text_t *word)
{
    size_t       n;
    const char  *p, *last, *space;

    if (node->type != BO_DOC_STRING || word->len == 0) {
        return 0;
    }

    last = node->data + node->len;

    for (p = node->data; p < last; p += n + 1) {
        space = memchr(p, ' ', (size_t) (last - p));
        n = (size_t) ((space ? space : last) - p);

        if (n == word->len && memcmp(p, word->data, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
bo_jwt_is_nocase(const bo_doc_node_t *node, const char *lower)
{
    char    c;
    size_t  i;

    if (node->type != BO_DOC_STRING || node->len != strlen(lower)) {
        return 0;
    }

    for (i = 0; i < node->len; i++) {
        c = node->data[i];

        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i]) {
            return 0;
        }
    }

    return 1;
}


bo_jwt_alg_e
bo_jwt_alg(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(bo_jwt_algs) / sizeof(bo_jwt_algs[0]); i++) {
        if (len == strlen(bo_jwt_algs[i].name)
            && memcmp(name, bo_jwt_algs[i].name, len) == 0)
        {
            return bo_jwt_algs[i].alg;
        }
    }

    return BO_JWT_NONE;
}


const char *
bo_jwt_error_text(bo_jwt_error_e error)
{
    static const char *const  texts[] = {
        "it is good",
        "it is too long",
        "it has another form",
        "its header asks for what is not done here",
        "its algorithm is not one that is taken",
        "it is a token of another kind",
        "there is no such key",
        "its signature is wrong",
        "its claims are malformed",
        "it has expired",
        "it is not valid yet",
        "it comes from somebody else",
        "it is for somebody else",
        "it names nobody"
    };

    return texts[error];
}
