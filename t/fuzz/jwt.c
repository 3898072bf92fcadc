
/*
 * Fuzz target: a token as a client sends it, and what it claims.
 *
 * The first byte says what the rest is: a token, claims, or a document of keys.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_base64.h"
#include "bo_doc.h"
#include "bo_jwt.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const bo_jwt_text_t  audiences[] = { { "a", 1 } };

static const bo_jwt_rules_t  rules = {
    { "", 0 }, audiences, 1, 60, { "sub", 3 }, { "/r/s", 4 }, { "S", 1 },
    { "A", 1 }
};


static void
check_who(bo_jwt_error_e error, const bo_jwt_who_t *who)
{
    if (error != BO_JWT_OK) {
        if (bo_jwt_error_text(error)[0] == '\0') {
            abort();
        }

        return;
    }

    if (!bo_user_valid(who->user, who->user_len) || who->expires <= 1000
        || who->role > BO_ROLE_ADMIN)
    {
        abort();
    }
}


static void
fuzz_token(const char *text, size_t len)
{
    char          again[BO_JWT_SIGNATURE_MAX * 2];
    size_t        n;
    bo_jwt_who_t  who;

    static bo_jwt_t  jwt;

    if (bo_jwt_read(&jwt, text, len) != BO_JWT_OK) {
        return;
    }

    /* the parts are the text, and the signature has this text only */

    n = bo_base64_encode(again, jwt.signature, jwt.signature_len);

    if (len > BO_JWT_MAX || jwt.alg == BO_JWT_NONE || jwt.input.data != text
        || jwt.input.len + 1 + n != len
        || memcmp(text + jwt.input.len + 1, again, n) != 0
        || jwt.kid.len > BO_JWT_KID_MAX)
    {
        abort();
    }

    check_who(bo_jwt_check(&jwt, &rules, 1000, &who), &who);
}


static void
fuzz_doc(char *text, size_t len)
{
    bo_doc_t       doc;
    bo_doc_node_t  nodes[256];

    doc.nodes = nodes;
    doc.max = 256;

    if (bo_doc_read(&doc, text, len) == 0) {
        if (doc.n == 0 || doc.n > doc.max) {
            abort();
        }

        (void) bo_doc_find(&doc, "/keys/~0/x", 10);
        (void) bo_doc_get(&doc, nodes, "keys");
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *copy;
    bo_jwt_who_t   who;

    if (size == 0) {
        return 0;
    }

    copy = malloc(size);
    if (copy == NULL) {
        return 0;
    }

    memcpy(copy, data + 1, size - 1);

    switch (data[0] % 3) {

    case 0:
        fuzz_token((const char *) data + 1, size - 1);
        break;

    case 1:
        check_who(bo_jwt_check_claims(copy, size - 1, &rules, 1000, &who),
                  &who);
        break;

    default:
        fuzz_doc(copy, size - 1);
    }

    free(copy);

    return 0;
}
