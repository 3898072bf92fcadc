
/*
 * What a waiting room signs, as bytes and as text.
 */


#include "bo_token.h"


static void bo_token_put(uint8_t *p, uint64_t value, unsigned bytes);
static uint64_t bo_token_get(const uint8_t *p, unsigned bytes);
static const char  bo_token_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The digit of a character, + 1; 0 is none. */

static const uint8_t  bo_token_values[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0,
    53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 64,
    0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0, 0, 0, 0, 0
};


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


static void
bo_token_put(uint8_t *p, uint64_t value, unsigned bytes)
{
    while (bytes--) {
        *p++ = (uint8_t) (value >> 8 * bytes);
    }
}


static uint64_t
bo_token_get(const uint8_t *p, unsigned bytes)
{
    uint64_t  value;

    value = 0;

    while (bytes--) {
        value = value << 8 | *p++;
    }

    return value;
}


/* 47 bytes: 15 times three are four digits, and two are three. */

void
bo_token_encode(char *text, const uint8_t bytes[BO_TOKEN_BYTES])
{
    unsigned        i, value;
    const uint8_t  *p;

    for (i = 0; i + 3 <= BO_TOKEN_BYTES; i += 3) {
        p = bytes + i;
        value = (unsigned) p[0] << 16 | (unsigned) p[1] << 8 | p[2];

        *text++ = bo_token_digits[value >> 18];
        *text++ = bo_token_digits[value >> 12 & 0x3f];
        *text++ = bo_token_digits[value >> 6 & 0x3f];
        *text++ = bo_token_digits[value & 0x3f];
    }

    value = (unsigned) bytes[i] << 16 | (unsigned) bytes[i + 1] << 8;

    *text++ = bo_token_digits[value >> 18];
    *text++ = bo_token_digits[value >> 12 & 0x3f];
    *text = bo_token_digits[value >> 6 & 0x3f];
}


int
bo_token_decode(uint8_t bytes[BO_TOKEN_BYTES], const char *text, size_t len)
{
    size_t    i;
    uint8_t   c;
    unsigned  bits, value;

    if (len != BO_TOKEN_LEN) {
        return -1;
    }

    bits = 0;
    value = 0;

    for (i = 0; i < BO_TOKEN_LEN; i++) {
        c = (uint8_t) text[i];

        if (c >= sizeof(bo_token_values) || bo_token_values[c] == 0) {
            return -1;
        }

        value = value << 6 | (unsigned) (bo_token_values[c] - 1);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *bytes++ = (uint8_t) (value >> bits);
        }
    }

    return value & ((1u << bits) - 1) ? -1 : 0;
}
