
/*
 * Characters of UTF-8.
 */


#include "bo_utf8.h"


uint32_t
bo_utf8_next(const char *s, size_t len, size_t *size)
{
    size_t                n, i;
    uint32_t              c;
    const unsigned char  *p = (const unsigned char *) s;

    /* the least character that needs so many bytes */

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    *size = 1;
    c = p[0];

    if (c < 0x80) {
        return c;
    }

    if (c >= 0xc2 && c <= 0xdf) {
        n = 2;
        c &= 0x1f;

    } else if (c >= 0xe0 && c <= 0xef) {
        n = 3;
        c &= 0x0f;

    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4;
        c &= 0x07;

    } else {
        return BO_UTF8_BAD;
    }

    if (n > len) {
        return BO_UTF8_BAD;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return BO_UTF8_BAD;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return BO_UTF8_BAD;
    }

    *size = n;

    return c;
}


int
bo_utf8_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f)
           || c == 0x2028 || c == 0x2029
           || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}
