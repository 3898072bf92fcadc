
#include <string.h>

#include "bo_id.h"
#include "bo_query.h"
#include "bo_utf8.h"


#define BO_QUERY_DECIMALS_MAX  8


static int bo_query_field(const bo_query_field_t *fields, const char *s,
    size_t len);
static int bo_query_decode(char *out, size_t *out_len, const char *s,
    size_t len);
static int bo_query_hex(char c);
static int bo_query_value(const bo_query_field_t *field, char *text,
    size_t *len);
static int bo_query_text(const bo_query_field_t *field, char *text,
    size_t *len);
static int bo_query_number(const bo_query_field_t *field, const char *text,
    size_t len);
static int bo_query_uuid(char *text, size_t len);
static int bo_query_place(char *text, size_t *len);
static int bo_query_degrees(char *out, size_t *out_len, const char *s,
    size_t len, int32_t max);
static int bo_query_thousandths(int32_t *out, const char *s, size_t len,
    int32_t max);


int
bo_query_parse(bo_query_value_t *values, char *buf,
    const bo_query_field_t *fields, const char *s, size_t len,
    const char **bad)
{
    int          i, n;
    size_t       value_len;
    const char  *end, *last, *value;

    *bad = NULL;

    for (n = 0; fields[n].name; n++) {
        values[n].data = NULL;
        values[n].len = 0;
    }

    if (len > BO_QUERY_MAX) {
        return -1;
    }

    for (last = s + len; s < last; s = end + 1) {

        end = memchr(s, '&', (size_t) (last - s));
        end = end ? end : last;

        value = memchr(s, '=', (size_t) (end - s));
        if (value == NULL) {
            return -1;
        }

        i = bo_query_field(fields, s, (size_t) (value - s));
        if (i < 0) {
            return -1;
        }

        *bad = fields[i].name;
        value++;

        /* decoded, and made canonical, it is never longer than it was */

        if (values[i].data != NULL
            || bo_query_decode(buf, &value_len, value, (size_t) (end - value))
               != 0
            || bo_query_value(&fields[i], buf, &value_len) != 0)
        {
            return -1;
        }

        values[i].data = buf;
        values[i].len = value_len;
        buf += value_len;
        *bad = NULL;
    }

    return 0;
}


static int
bo_query_field(const bo_query_field_t *fields, const char *s, size_t len)
{
    int  i;

    for (i = 0; fields[i].name; i++) {
        if (strlen(fields[i].name) == len
            && memcmp(fields[i].name, s, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


static int
bo_query_decode(char *out, size_t *out_len, const char *s, size_t len)
{
    int     high, low;
    char   *p;
    size_t  i;

    p = out;

    for (i = 0; i < len; i++) {

        if (s[i] == '+') {
            *p++ = ' ';
            continue;
        }

        if (s[i] != '%') {
            *p++ = s[i];
            continue;
        }

        if (len - i < 3) {
            return -1;
        }

        high = bo_query_hex(s[i + 1]);
        low = bo_query_hex(s[i + 2]);

        if (high < 0 || low < 0) {
            return -1;
        }

        *p++ = (char) (high * 16 + low);
        i += 2;
    }

    *out_len = (size_t) (p - out);

    return 0;
}


static int
bo_query_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static int
bo_query_value(const bo_query_field_t *field, char *text, size_t *len)
{
    switch (field->type) {

    case BO_QUERY_TEXT:
        return bo_query_text(field, text, len);

    case BO_QUERY_NUMBER:
        return bo_query_number(field, text, *len);

    case BO_QUERY_UUID:
        return bo_query_uuid(text, *len);

    case BO_QUERY_DATE:
        return bo_query_date(text, *len);

    default: /* BO_QUERY_PLACE */
        return bo_query_place(text, len);
    }
}


static int
bo_query_text(const bo_query_field_t *field, char *text, size_t *len)
{
    char      *p;
    size_t     i, size;
    uint32_t   c;

    p = text;

    for (i = 0; i < *len; i += size) {

        c = bo_utf8_next(text + i, *len - i, &size);

        if (c == BO_UTF8_BAD || bo_utf8_control(c)) {
            return -1;
        }

        if (c == ' ' && (p == text || p[-1] == ' ')) {
            continue;
        }

        memmove(p, text + i, size);
        p += size;
    }

    if (p > text && p[-1] == ' ') {
        p--;
    }

    *len = (size_t) (p - text);

    return *len >= field->min && *len <= field->max ? 0 : -1;
}


static int
bo_query_number(const bo_query_field_t *field, const char *text, size_t len)
{
    size_t    i;
    uint64_t  n;

    if (len < 1 || len > 10 || (len > 1 && text[0] == '0')) {
        return -1;
    }

    n = 0;

    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        n = n * 10 + (uint64_t) (text[i] - '0');
    }

    return n >= field->min && n <= field->max ? 0 : -1;
}


static int
bo_query_uuid(char *text, size_t len)
{
    bo_uuid_t  u;

    if (bo_uuid_parse(&u, text, len) != 0) {
        return -1;
    }

    bo_uuid_format(text, &u);

    return 0;
}


int
bo_query_date(const char *text, size_t len)
{
    int  i, n[3], leap, days;

    static const int  place[] = { 0, 0, 0, 0, -1, 1, 1, -1, 2, 2 };
    static const int  month[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
                                  31 };

    if (len != sizeof(place) / sizeof(place[0])) {
        return -1;
    }

    memset(n, 0, sizeof(n));

    for (i = 0; i < (int) len; i++) {

        if (place[i] < 0) {
            if (text[i] != '-') {
                return -1;
            }

            continue;
        }

        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        n[place[i]] = n[place[i]] * 10 + text[i] - '0';
    }

    if (n[0] < 1 || n[1] < 1 || n[1] > 12) {
        return -1;
    }

    leap = (n[0] % 4 == 0 && n[0] % 100 != 0) || n[0] % 400 == 0;
    days = month[n[1] - 1] + (n[1] == 2 && leap);

    return n[2] >= 1 && n[2] <= days ? 0 : -1;
}


static int
bo_query_place(char *text, size_t *len)
{
    char     out[32];
    char    *comma;
    size_t   n, first, second;

    comma = memchr(text, ',', *len);
    if (comma == NULL) {
        return -1;
    }

    n = (size_t) (comma - text);

    if (bo_query_degrees(out, &first, text, n, 90) != 0) {
        return -1;
    }

    out[first++] = ',';

    if (bo_query_degrees(out + first, &second, comma + 1, *len - n - 1, 180)
        != 0)
    {
        return -1;
    }

    n = first + second;
    memcpy(text, out, n);
    *len = n;

    return 0;
}


/* Without zeros at the end and without "-0": not longer than what came. */

static int
bo_query_degrees(char *out, size_t *out_len, const char *s, size_t len,
    int32_t max)
{
    char      digits[4];
    size_t    i, k, negative;
    int32_t   n, whole;

    negative = len && s[0] == '-';

    if (bo_query_thousandths(&n, s + negative, len - negative, max) != 0) {
        return -1;
    }

    k = 0;

    if (negative && n) {
        out[k++] = '-';
    }

    for (i = 0, whole = n / 1000; i == 0 || whole; whole /= 10) {
        digits[i++] = (char) ('0' + whole % 10);
    }

    while (i) {
        out[k++] = digits[--i];
    }

    n %= 1000;

    if (n) {
        out[k++] = '.';

        for ( /* void */ ; n; n = n % 100 * 10) {
            out[k++] = (char) ('0' + n / 100);
        }
    }

    *out_len = k;

    return 0;
}


/* Of a degree, cut off: "12.9716" is 12971; max in degrees. */

static int
bo_query_thousandths(int32_t *out, const char *s, size_t len, int32_t max)
{
    size_t    i, whole, beyond;
    int32_t   n, unit;

    n = 0;

    for (i = 0; i < len && i < 4 && s[i] >= '0' && s[i] <= '9'; i++) {
        n = n * 10 + (s[i] - '0');
    }

    whole = i;

    if (whole == 0 || (whole > 1 && s[0] == '0') || n > max) {
        return -1;
    }

    n *= 1000;
    beyond = 0;

    if (i < len) {
        if (s[i] != '.' || len - i - 1 > BO_QUERY_DECIMALS_MAX
            || len - i - 1 == 0)
        {
            return -1;
        }

        for (i++, unit = 100; i < len; i++, unit /= 10) {
            if (s[i] < '0' || s[i] > '9') {
                return -1;
            }

            n += (s[i] - '0') * unit;
            beyond |= unit == 0 && s[i] != '0';
        }
    }

    if (n > max * 1000 || (n == max * 1000 && beyond)) {
        return -1;
    }

    *out = n;

    return 0;
}
