
/*
 * What a waiting room signs, as bytes and as text.
 */


#include "bo_token.h"


static void bo_token_put(uint8_t *p, uint64_t value, unsigned bytes);
static uint64_t bo_token_get(const uint8_t *p, unsigned bytes);
static int bo_token_digit(char c);


static const char  bo_token_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


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


/* 47 bytes are 62 digits and 4 bits. */

void
bo_token_encode(char *text, const uint8_t bytes[BO_TOKEN_BYTES])
{
    unsigned  i, bits, value;

    bits = 0;
    value = 0;

    for (i = 0; i < BO_TOKEN_BYTES; i++) {
        value = value << 8 | bytes[i];
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            *text++ = bo_token_digits[value >> bits & 0x3f];
        }
    }

    *text = bo_token_digits[value << (6 - bits) & 0x3f];
}


int
bo_token_decode(uint8_t bytes[BO_TOKEN_BYTES], const char *text, size_t len)
{
    int       digit;
    size_t    i;
    unsigned  bits, value;

    if (len != BO_TOKEN_LEN) {
        return -1;
    }

    bits = 0;
    value = 0;

    for (i = 0; i < BO_TOKEN_LEN; i++) {
        digit = bo_token_digit(text[i]);

        if (digit < 0) {
            return -1;
        }

        value = value << 6 | (unsigned) digit;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *bytes++ = (uint8_t) (value >> bits);
        }
    }

    return value & ((1u << bits) - 1) ? -1 : 0;
}


static int
bo_token_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}
