
/*
 * Fuzz target: the text of a token, which a client sends.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_token.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        text[BO_TOKEN_LEN];
    uint8_t     bytes[BO_TOKEN_BYTES], packed[BO_TOKEN_BYTES];
    bo_token_t  token;

    if (bo_token_decode(bytes, (const char *) data, size) != 0) {
        return 0;
    }

    /* what is taken has this text and no other */

    bo_token_encode(text, bytes);

    if (size != BO_TOKEN_LEN || memcmp(text, data, size) != 0) {
        abort();
    }

    bo_token_unpack(&token, bytes);
    bo_token_pack(packed, &token);

    if (memcmp(packed, bytes, BO_TOKEN_BODY) != 0) {
        abort();
    }

    return 0;
}
