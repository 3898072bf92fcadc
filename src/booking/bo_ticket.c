
#include <string.h>

#include "bo_ticket.h"


#define BO_TICKET_SYMBOLS   17              /* 16 of data, one to check */
#define BO_TICKET_TYPED     64              /* bytes, what people may type */


static const char  bo_ticket_alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";


static uint8_t bo_ticket_check(const uint8_t *symbols);
static void bo_ticket_write(char *out, const uint8_t *symbols);
static int bo_ticket_value(char c);


void
bo_ticket_code(char out[BO_TICKET_LEN], const uint8_t random[10])
{
    size_t    i, n;
    uint8_t   symbols[BO_TICKET_SYMBOLS];
    uint32_t  bits;
    unsigned  have;

    n = 0;
    bits = 0;
    have = 0;

    for (i = 0; i < 10; i++) {
        bits = bits << 8 | random[i];
        have += 8;

        while (have >= 5) {
            have -= 5;
            symbols[n++] = (uint8_t) (bits >> have & 0x1f);
        }
    }

    symbols[n] = bo_ticket_check(symbols);

    bo_ticket_write(out, symbols);
}


int
bo_ticket_parse(char out[BO_TICKET_LEN], const char *s, size_t len)
{
    int      value;
    size_t   i, n;
    uint8_t  symbols[BO_TICKET_SYMBOLS];

    if (len > BO_TICKET_TYPED) {
        return -1;
    }

    n = 0;
    memset(symbols, 0, sizeof(symbols));

    for (i = 0; i < len; i++) {

        if (s[i] == '-' || s[i] == ' ') {
            continue;
        }

        value = bo_ticket_value(s[i]);

        if (value < 0 || n == BO_TICKET_SYMBOLS) {
            return -1;
        }

        symbols[n++] = (uint8_t) value;
    }

    if (n != BO_TICKET_SYMBOLS || symbols[n - 1] != bo_ticket_check(symbols)) {
        return -1;
    }

    bo_ticket_write(out, symbols);

    return 0;
}


int
bo_ticket_bytes(uint8_t random[10], const char *s, size_t len)
{
    size_t    i, n;
    uint32_t  bits;
    unsigned  have;

    if (!bo_ticket_valid(s, len)) {
        return -1;
    }

    n = 0;
    bits = 0;
    have = 0;

    for (i = 0; n < 10; i++) {

        if (s[i] == '-') {
            continue;
        }

        bits = (bits << 5 | (uint32_t) bo_ticket_value(s[i])) & 0xfff;
        have += 5;

        if (have >= 8) {
            have -= 8;
            random[n++] = (uint8_t) (bits >> have);
        }
    }

    return 0;
}


int
bo_ticket_valid(const char *s, size_t len)
{
    char  code[BO_TICKET_LEN];

    return len == BO_TICKET_LEN
           && bo_ticket_parse(code, s, len) == 0
           && memcmp(code, s, BO_TICKET_LEN) == 0;
}


/*
 * By Horner's rule, in GF(32) modulo x^5 + x^2 + 1, of which 2 is a generator:
 * its 31 powers are all different, so every symbol has a weight of its own.
 */

static uint8_t
bo_ticket_check(const uint8_t *symbols)
{
    size_t    i;
    unsigned  sum;

    sum = 0;

    for (i = 0; i < BO_TICKET_SYMBOLS - 1; i++) {
        sum = (sum ^ symbols[i]) << 1;

        if (sum & 0x20) {
            sum ^= 0x25;
        }
    }

    return (uint8_t) sum;
}


static void
bo_ticket_write(char *out, const uint8_t *symbols)
{
    size_t  i;

    for (i = 0; i < BO_TICKET_SYMBOLS; i++) {

        if (i == 4 || i == 8 || i == 12) {
            *out++ = '-';
        }

        *out++ = bo_ticket_alphabet[symbols[i]];
    }
}


static int
bo_ticket_value(char c)
{
    const char  *p;

    if (c >= 'a' && c <= 'z') {
        c = (char) (c - 'a' + 'A');
    }

    switch (c) {

    case '\0':
        return -1;

    case 'I':
    case 'L':
        return 1;

    case 'O':
        return 0;

    default:
        p = strchr(bo_ticket_alphabet, c);
        return p ? (int) (p - bo_ticket_alphabet) : -1;
    }
}
