
/*
 * What a waiting room signs, as bytes and as text.
 */


#include <endian.h>
#include <string.h>

#include "bo_base64.h"
#include "bo_token.h"


static inline void bo_token_put(uint8_t *p, uint64_t value, unsigned bytes);
static inline uint64_t bo_token_get(const uint8_t *p, unsigned bytes);


void
bo_token_pack(uint8_t body[BO_TOKEN_BODY], const bo_token_t *token)
{
    body[0] = token->kind;
    bo_token_put(body + 1, token->sale, 8);
    bo_token_put(body + 9, token->number, 8);
    bo_token_put(body + 17, token->id, 8);
    bo_token_put(body + 25, token->expires, 6);
}


void
bo_token_unpack(bo_token_t *token, const uint8_t body[BO_TOKEN_BODY])
{
    token->kind = body[0];
    token->sale = bo_token_get(body + 1, 8);
    token->number = bo_token_get(body + 9, 8);
    token->id = bo_token_get(body + 17, 8);
    token->expires = bo_token_get(body + 25, 6);
}


/* The lowest bytes of a number, the highest of those first. */

static inline void
bo_token_put(uint8_t *p, uint64_t value, unsigned bytes)
{
    value = htobe64(value << 8 * (8 - bytes));
    memcpy(p, &value, bytes);
}


static inline uint64_t
bo_token_get(const uint8_t *p, unsigned bytes)
{
    uint64_t  value;

    value = 0;
    memcpy(&value, p, bytes);

    return be64toh(value) >> 8 * (8 - bytes);
}


void
bo_token_encode(char *text, const uint8_t bytes[BO_TOKEN_BYTES])
{
    (void) bo_base64_encode(text, bytes, BO_TOKEN_BYTES);
}


int
bo_token_decode(uint8_t bytes[BO_TOKEN_BYTES], const char *text, size_t len)
{
    if (len != BO_TOKEN_LEN) {
        return -1;
    }

    return bo_base64_decode(bytes, text, len) == BO_TOKEN_BYTES ? 0 : -1;
}
