
#include <string.h>

#include "bo_id.h"


static int bo_user_char(char c);


/* What a digit is worth, with BO_HEX_DIGIT; 0 is none. */

#define BO_HEX_DIGIT  0x10

static const uint8_t  bo_hex_value[256] = {
    ['0'] = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19,
    ['A'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
    ['a'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f
};


/* The digits of a byte in the text, without its dashes. */

static const uint8_t  bo_uuid_at[16] = {
    0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34
};


/* It is read for every request: no digit is a branch of its own. */

int
bo_uuid_parse(bo_uuid_t *u, const char *s, size_t len)
{
    int        high, low, digits;
    size_t     n;
    bo_uuid_t  uuid;

    if (len != BO_UUID_LEN
        || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
    {
        return -1;
    }

    digits = BO_HEX_DIGIT;

    for (n = 0; n < sizeof(uuid.bytes); n++) {
        high = bo_hex_value[(uint8_t) s[bo_uuid_at[n]]];
        low = bo_hex_value[(uint8_t) s[bo_uuid_at[n] + 1]];

        digits &= high & low;
        uuid.bytes[n] = (uint8_t) (high << 4 | (low & 0x0f));
    }

    if (digits == 0) {
        return -1;
    }

    *u = uuid;

    return 0;
}


void
bo_uuid_format(char *out, const bo_uuid_t *u)
{
    size_t  n;

    static const char  hex[] = "0123456789abcdef";

    for (n = 0; n < sizeof(u->bytes); n++) {

        if (n == 4 || n == 6 || n == 8 || n == 10) {
            *out++ = '-';
        }

        *out++ = hex[u->bytes[n] >> 4];
        *out++ = hex[u->bytes[n] & 0x0f];
    }
}


int
bo_uuid_equal(const bo_uuid_t *a, const bo_uuid_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}


void
bo_uuid_make(bo_uuid_t *u, uint64_t unix_ms, uint32_t show_no,
    const uint8_t random[6])
{
    uint8_t  *b;

    b = u->bytes;

    b[0] = (uint8_t) (unix_ms >> 40);
    b[1] = (uint8_t) (unix_ms >> 32);
    b[2] = (uint8_t) (unix_ms >> 24);
    b[3] = (uint8_t) (unix_ms >> 16);
    b[4] = (uint8_t) (unix_ms >> 8);
    b[5] = (uint8_t) unix_ms;

    b[6] = (uint8_t) (0x80 | (random[0] & 0x0f));
    b[7] = random[1];

    b[8] = (uint8_t) (0x80 | show_no >> 26);
    b[9] = (uint8_t) (show_no >> 18);
    b[10] = (uint8_t) (show_no >> 10);
    b[11] = (uint8_t) (show_no >> 2);
    b[12] = (uint8_t) ((show_no & 0x03) << 6 | (random[2] & 0x3f));

    b[13] = random[3];
    b[14] = random[4];
    b[15] = random[5];
}


int
bo_uuid_show_no(const bo_uuid_t *u, uint32_t *show_no)
{
    const uint8_t  *b;

    b = u->bytes;

    if (b[6] >> 4 != 8 || b[8] >> 6 != 2) {
        return -1;
    }

    *show_no = (uint32_t) (b[8] & 0x3f) << 26
               | (uint32_t) b[9] << 18
               | (uint32_t) b[10] << 10
               | (uint32_t) b[11] << 2
               | (uint32_t) b[12] >> 6;

    return 0;
}


uint64_t
bo_uuid_unix_ms(const bo_uuid_t *u)
{
    size_t    n;
    uint64_t  ms;

    ms = 0;

    for (n = 0; n < 6; n++) {
        ms = ms << 8 | u->bytes[n];
    }

    return ms;
}


int
bo_user_valid(const char *s, size_t len)
{
    size_t  i;

    if (len == 0 || len > BO_USER_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!bo_user_char(s[i])) {
            return 0;
        }
    }

    return 1;
}


int
bo_idempotency_key_valid(const char *s, size_t len)
{
    size_t  i;

    if (len == 0 || len > BO_IDEMPOTENCY_KEY_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (s[i] < 0x21 || s[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


int
bo_payment_id_valid(const char *s, size_t len)
{
    size_t  i;

    if (len == 0 || len > BO_PAYMENT_ID_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z')
            && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' && s[i] != '_')
        {
            return 0;
        }
    }

    return 1;
}


int
bo_idempotency_key_parse(const char **key, size_t *key_len, const char *s,
    size_t len)
{
    size_t  i;

    if (len == 0 || s[0] != '"') {

        if (!bo_idempotency_key_valid(s, len)) {
            return -1;
        }

        *key = s;
        *key_len = len;

        return 0;
    }

    if (len < 3 || s[len - 1] != '"'
        || !bo_idempotency_key_valid(s + 1, len - 2))
    {
        return -1;
    }

    for (i = 1; i < len - 1; i++) {

        if (s[i] == '"') {
            return -1;
        }

        if (s[i] != '\\') {
            continue;
        }

        /* an escape that ends at the closing quote leaves it unclosed */

        i++;

        if (i == len - 1 || (s[i] != '"' && s[i] != '\\')) {
            return -1;
        }
    }

    *key = s + 1;
    *key_len = len - 2;

    return 0;
}


static int
bo_user_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9'))
    {
        return 1;
    }

    switch (c) {

    case '.':
    case '_':
    case '@':
    case '|':
    case '=':
    case '+':
    case '-':
        return 1;

    default:
        return 0;
    }
}
