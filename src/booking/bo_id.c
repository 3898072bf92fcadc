
#include <endian.h>
#include <string.h>

#include "bo_id.h"


static int bo_user_char(char c);


/*
 * Ids are read and written for every request, so their digits go eight at a
 * time, each in a byte of a 64-bit word, the first one in the lowest byte.
 */

#define BO_HEX_BYTES(c)  (0x0101010101010101u * (c))


static inline uint64_t
bo_hex_load(const char *a, size_t n, const char *b)
{
    char      text[8];
    uint64_t  word;

    memcpy(text, a, n);
    memcpy(text + n, b, 8 - n);
    memcpy(&word, text, 8);

    return le64toh(word);
}


/* Sets the top bit of each byte of x, 0..127 each, that is in low..high. */

static inline uint64_t
bo_hex_between(uint64_t x, uint8_t low, uint8_t high)
{
    return (x + BO_HEX_BYTES(0x80 - low))
           & ~(x + BO_HEX_BYTES(0x7f - high));
}


/* The four bytes that eight digits stand for; what is no digit sets *bad. */

static inline void
bo_hex_read(uint8_t *out, uint64_t text, uint64_t *bad)
{
    uint32_t  bytes;
    uint64_t  x, letters, good;

    x = text & BO_HEX_BYTES(0x7f);
    letters = bo_hex_between(x | BO_HEX_BYTES(0x20), 'a', 'f');
    good = letters | bo_hex_between(x, '0', '9');

    *bad |= (~good | text) & BO_HEX_BYTES(0x80);

    x = (x & BO_HEX_BYTES(0x0f)) + 9 * (letters >> 7 & BO_HEX_BYTES(0x01));

    /* a pair of digits to the lower byte of the two, and those together */

    x = (x << 4 | x >> 8) & 0x00ff00ff00ff00ffu;
    x = (x | x >> 8) & 0x0000ffff0000ffffu;

    bytes = htole32((uint32_t) (x | x >> 16));
    memcpy(out, &bytes, 4);
}


/* Of the five groups of digits the short ones go in pairs. */

int
bo_uuid_parse(bo_uuid_t *u, const char *s, size_t len)
{
    uint64_t   bad;
    bo_uuid_t  uuid;

    if (len != BO_UUID_LEN
        || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
    {
        return -1;
    }

    bad = 0;

    bo_hex_read(uuid.bytes, bo_hex_load(s, 8, s), &bad);
    bo_hex_read(uuid.bytes + 4, bo_hex_load(s + 9, 4, s + 14), &bad);
    bo_hex_read(uuid.bytes + 8, bo_hex_load(s + 19, 4, s + 24), &bad);
    bo_hex_read(uuid.bytes + 12, bo_hex_load(s + 28, 8, s), &bad);

    if (bad) {
        return -1;
    }

    *u = uuid;

    return 0;
}


void
bo_hex_id(char *out, const uint8_t bytes[16])
{
    size_t    n;
    uint32_t  four;
    uint64_t  x;

    for (n = 0; n < 16; n += 4) {
        memcpy(&four, bytes + n, 4);

        /* as bo_hex_read() does it, backwards */

        x = le32toh(four);
        x = (x | x << 16) & 0x0000ffff0000ffffu;
        x = (x | x << 8) & 0x00ff00ff00ff00ffu;
        x = (x >> 4 | x << 8) & BO_HEX_BYTES(0x0f);

        x += BO_HEX_BYTES('0') + ('a' - '0' - 10)
             * (bo_hex_between(x, 10, 15) >> 7 & BO_HEX_BYTES(0x01));

        x = htole64(x);
        memcpy(out + 2 * n, &x, 8);
    }
}


void
bo_uuid_format(char *out, const bo_uuid_t *u)
{
    char  hex[32];

    bo_hex_id(hex, u->bytes);

    memcpy(out, hex, 8);
    memcpy(out + 9, hex + 8, 4);
    memcpy(out + 14, hex + 12, 4);
    memcpy(out + 19, hex + 16, 4);
    memcpy(out + 24, hex + 20, 12);

    out[8] = out[13] = out[18] = out[23] = '-';
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
