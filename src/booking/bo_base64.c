
/*
 * base64url, strictly.
 */


#include "bo_base64.h"


static const char  bo_base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The digit of a character, + 1; 0 is none. */

static const uint8_t  bo_base64_values[256] = {
    ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    20, 21, 22, 23, 24, 25, 26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    ['-'] = 63,
    ['_'] = 64
};


long
bo_base64_decode(uint8_t *out, const char *text, size_t len)
{
    size_t    i;
    uint8_t  *p, digit;
    unsigned  bits, value;

    if (len % 4 == 1) {
        return -1;
    }

    p = out;
    bits = 0;
    value = 0;

    for (i = 0; i < len; i++) {
        digit = bo_base64_values[(uint8_t) text[i]];

        if (digit == 0) {
            return -1;
        }

        value = (value << 6 | (unsigned) (digit - 1)) & 0xffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *p++ = (uint8_t) (value >> bits);
        }
    }

    return value & ((1u << bits) - 1) ? -1 : (long) (p - out);
}


size_t
bo_base64_encode(char *text, const uint8_t *bytes, size_t n)
{
    char      *p;
    size_t     i;
    unsigned   bits, value;

    p = text;
    bits = 0;
    value = 0;

    for (i = 0; i < n; i++) {
        value = (value << 8 | bytes[i]) & 0xffff;

        for (bits += 8; bits >= 6; bits -= 6) {
            *p++ = bo_base64_digits[value >> (bits - 6) & 0x3f];
        }
    }

    if (bits) {
        *p++ = bo_base64_digits[value << (6 - bits) & 0x3f];
    }

    return (size_t) (p - text);
}
