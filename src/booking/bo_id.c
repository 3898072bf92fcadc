
#include <string.h>

#include "bo_id.h"


static int bo_hex_value(char c);
static int bo_user_char(char c);


int
bo_uuid_parse(bo_uuid_t *u, const char *s, size_t len)
{
    int        high, low;
    size_t     i, n;
    bo_uuid_t  uuid;

    if (len != BO_UUID_LEN) {
        return -1;
    }

    i = 0;

    for (n = 0; n < sizeof(uuid.bytes); n++) {

        if (n == 4 || n == 6 || n == 8 || n == 10) {
            if (s[i++] != '-') {
                return -1;
            }
        }

        high = bo_hex_value(s[i++]);
        low = bo_hex_value(s[i++]);

        if (high < 0 || low < 0) {
            return -1;
        }

        uuid.bytes[n] = (uint8_t) (high << 4 | low);
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
bo_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
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
