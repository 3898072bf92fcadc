
/*
 * base64url, strictly.  Tickets and tokens are of that, so it is read and
 * written for many requests: whole groups of digits go at a time.
 */


#include "bo_base64.h"


static long bo_base64_rest(uint8_t *out, const char *text, size_t len);


static const char  bo_base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The digit of a character, + 64; 0 is none. */

#define BO_BASE64_DIGIT  64

static const uint8_t  bo_base64_values[256] = {
    ['A'] = 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80,
    81, 82, 83, 84, 85, 86, 87, 88, 89,
    ['a'] = 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104,
    105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115,
    ['0'] = 116, 117, 118, 119, 120, 121, 122, 123, 124, 125,
    ['-'] = 126,
    ['_'] = 127
};


long
bo_base64_decode(uint8_t *out, const char *text, size_t len)
{
    long            rest;
    size_t          i;
    uint8_t         a, b, c, d, *p;
    unsigned        all;
    const uint8_t  *s;

    p = out;
    s = (const uint8_t *) text;
    all = BO_BASE64_DIGIT;

    for (i = 0; len - i >= 4; i += 4) {
        a = bo_base64_values[s[i]];
        b = bo_base64_values[s[i + 1]];
        c = bo_base64_values[s[i + 2]];
        d = bo_base64_values[s[i + 3]];

        all &= a & b & c & d;

        *p++ = (uint8_t) (a << 2 | (b >> 4 & 0x03));
        *p++ = (uint8_t) (b << 4 | (c >> 2 & 0x0f));
        *p++ = (uint8_t) (c << 6 | (d & 0x3f));
    }

    rest = bo_base64_rest(p, text + i, len - i);

    return all == 0 || rest < 0 ? -1 : (long) (p - out) + rest;
}


/* What is left of a text: two or three digits, or nothing. */

static long
bo_base64_rest(uint8_t *out, const char *text, size_t len)
{
    uint8_t  a, b, c;

    if (len == 0) {
        return 0;
    }

    if (len == 1) {
        return -1;
    }

    a = bo_base64_values[(uint8_t) text[0]];
    b = bo_base64_values[(uint8_t) text[1]];
    c = len == 3 ? bo_base64_values[(uint8_t) text[2]] : BO_BASE64_DIGIT;

    if ((a & b & c & BO_BASE64_DIGIT) == 0
        || (len == 2 ? b & 0x0f : c & 0x03))
    {
        return -1;
    }

    out[0] = (uint8_t) (a << 2 | (b >> 4 & 0x03));

    if (len == 3) {
        out[1] = (uint8_t) (b << 4 | (c >> 2 & 0x0f));
    }

    return (long) len - 1;
}


size_t
bo_base64_encode(char *text, const uint8_t *bytes, size_t n)
{
    char      *p;
    size_t     i;
    unsigned   value;

    p = text;

    for (i = 0; n - i >= 3; i += 3) {
        value = (unsigned) bytes[i] << 16 | (unsigned) bytes[i + 1] << 8
                | bytes[i + 2];

        p[0] = bo_base64_digits[value >> 18];
        p[1] = bo_base64_digits[value >> 12 & 0x3f];
        p[2] = bo_base64_digits[value >> 6 & 0x3f];
        p[3] = bo_base64_digits[value & 0x3f];
        p += 4;
    }

    if (i < n) {
        value = (unsigned) bytes[i] << 10
                | (n - i == 2 ? (unsigned) bytes[i + 1] << 2 : 0);

        *p++ = bo_base64_digits[value >> 12];
        *p++ = bo_base64_digits[value >> 6 & 0x3f];

        if (n - i == 2) {
            *p++ = bo_base64_digits[value & 0x3f];
        }
    }

    return (size_t) (p - text);
}
