
#include <string.h>

#include "bo_entry.h"
#include "bo_seats.h"


static const char  bo_entry_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


static uint8_t *bo_entry_put(uint8_t *p, uint32_t value, unsigned bytes);
static uint32_t bo_entry_get(const uint8_t *p, unsigned bytes);
static int bo_entry_label_valid(const char *s, size_t len);
static int bo_entry_value(char c);


size_t
bo_entry_pack(uint8_t body[BO_ENTRY_BODY_MAX], const bo_entry_t *entry)
{
    uint8_t  *p;

    p = body;

    *p++ = BO_ENTRY_FORM;

    memcpy(p, entry->key, BO_ENTRY_KEY);
    p += BO_ENTRY_KEY;

    memcpy(p, entry->show.bytes, sizeof(entry->show.bytes));
    p += sizeof(entry->show.bytes);

    memcpy(p, entry->order.bytes, sizeof(entry->order.bytes));
    p += sizeof(entry->order.bytes);

    memcpy(p, entry->code, BO_ENTRY_CODE);
    p += BO_ENTRY_CODE;

    p = bo_entry_put(p, entry->starts, 4);
    p = bo_entry_put(p, entry->ends, 4);
    p = bo_entry_put(p, entry->seat_no, 2);

    *p++ = entry->label_len;
    memcpy(p, entry->label, entry->label_len);
    p += entry->label_len;

    return (size_t) (p - body);
}


int
bo_entry_unpack(bo_entry_t *entry, const uint8_t *bytes, size_t len)
{
    const uint8_t  *p;

    if (len < BO_ENTRY_MIN || len > BO_ENTRY_MAX) {
        return -1;
    }

    p = bytes;

    if (*p++ != BO_ENTRY_FORM) {
        return -1;
    }

    memcpy(entry->key, p, BO_ENTRY_KEY);
    p += BO_ENTRY_KEY;

    memcpy(entry->show.bytes, p, sizeof(entry->show.bytes));
    p += sizeof(entry->show.bytes);

    memcpy(entry->order.bytes, p, sizeof(entry->order.bytes));
    p += sizeof(entry->order.bytes);

    memcpy(entry->code, p, BO_ENTRY_CODE);
    p += BO_ENTRY_CODE;

    entry->starts = bo_entry_get(p, 4);
    entry->ends = bo_entry_get(p + 4, 4);
    entry->seat_no = (uint16_t) bo_entry_get(p + 8, 2);
    entry->label_len = p[10];
    p += 11;

    if (entry->starts >= entry->ends || entry->seat_no > BO_SEAT_NO_MAX
        || entry->label_len != len - BO_ENTRY_FIXED - BO_ENTRY_SIGNATURE
        || !bo_entry_label_valid((const char *) p, entry->label_len))
    {
        return -1;
    }

    memcpy(entry->label, p, entry->label_len);

    return 0;
}


size_t
bo_entry_encode(char text[BO_ENTRY_TEXT_MAX], const uint8_t *bytes,
    size_t len)
{
    size_t    i, n;
    uint32_t  bits;
    unsigned  have;

    n = 0;
    bits = 0;
    have = 0;

    for (i = 0; i < len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xfff;
        have += 8;

        while (have >= 5) {
            have -= 5;
            text[n++] = bo_entry_alphabet[bits >> have & 0x1f];
        }
    }

    if (have) {
        text[n++] = bo_entry_alphabet[bits << (5 - have) & 0x1f];
    }

    return n;
}


size_t
bo_entry_decode(uint8_t bytes[BO_ENTRY_MAX], const char *text, size_t len)
{
    int       value;
    size_t    i, n;
    uint32_t  bits;
    unsigned  have;

    if (len < BO_ENTRY_TEXT_MIN || len > BO_ENTRY_TEXT_MAX) {
        return 0;
    }

    n = 0;
    bits = 0;
    have = 0;

    for (i = 0; i < len; i++) {
        value = bo_entry_value(text[i]);

        if (value < 0) {
            return 0;
        }

        bits = (bits << 5 | (uint32_t) value) & 0xfff;
        have += 5;

        if (have >= 8) {
            have -= 8;
            bytes[n++] = (uint8_t) (bits >> have);
        }
    }

    /* a last character that adds nothing, or bits that are not 0 */

    if (have >= 5 || (bits & ((1u << have) - 1)) != 0) {
        return 0;
    }

    return n;
}


static uint8_t *
bo_entry_put(uint8_t *p, uint32_t value, unsigned bytes)
{
    while (bytes--) {
        *p++ = (uint8_t) (value >> 8 * bytes);
    }

    return p;
}


static uint32_t
bo_entry_get(const uint8_t *p, unsigned bytes)
{
    uint32_t  value;

    value = 0;

    while (bytes--) {
        value = value << 8 | *p++;
    }

    return value;
}


/* As layout_seats_label_form says in SQL. */

static int
bo_entry_label_valid(const char *s, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9')
              || s[i] == '-'))
        {
            return 0;
        }
    }

    return len > 0 && len <= BO_ENTRY_LABEL_MAX;
}


static int
bo_entry_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= '2' && c <= '7') {
        return c - '2' + 26;
    }

    return -1;
}
