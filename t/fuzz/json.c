
/*
 * libFuzzer target: the input is the body of a request.
 *
 * Beside the reader there is a recognizer, written straight from the grammar
 * of RFC 8259 and RFC 3629; both must agree on what is JSON.  What was read
 * must keep to the bounds of the table, and written out it must be read back.
 */


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bo_json.h"


#define check(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)


typedef struct {
    bo_str_t               name;
    bo_str_t               phone;
} customer_t;


typedef struct {
    bo_str_t               show_id;
    bo_strs_t              seat_ids;
    int64_t                number;
    int                    flag;
    customer_t             customer;
    struct {
        size_t             n;
        customer_t         item[3];
    } guests;
} body_t;


typedef struct {
    const uint8_t         *p;
    const uint8_t         *end;
    int                    depth;
} text_t;


static const bo_json_field_t  customer_fields[] = {

    { "name", BO_JSON_STRING, offsetof(customer_t, name), 1, 1, 10, 0, NULL },

    { "phone", BO_JSON_STRING, offsetof(customer_t, phone), 0, 0, 5, 0, NULL },

    { NULL, BO_JSON_STRING, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  fields[] = {

    { "showId", BO_JSON_STRING, offsetof(body_t, show_id), 0, 0, 36, 0, NULL },

    { "seatIds", BO_JSON_STRINGS, offsetof(body_t, seat_ids), 0, 1, 5, 16,
      NULL },

    { "n", BO_JSON_INTEGER, offsetof(body_t, number), 0, -100,
      INT64_C(9007199254740993), 0, NULL },

    { "flag", BO_JSON_BOOLEAN, offsetof(body_t, flag), 0, 0, 0, 0, NULL },

    { "customer", BO_JSON_OBJECT, offsetof(body_t, customer), 0, 0, 0, 0,
      customer_fields },

    { "guests", BO_JSON_OBJECTS, offsetof(body_t, guests), 0, 1, 3,
      sizeof(customer_t), customer_fields },

    { NULL, BO_JSON_STRING, 0, 0, 0, 0, 0, NULL }
};


static int is_value(text_t *t);


static int
next(text_t *t)
{
    return t->p < t->end ? *t->p : -1;
}


static int
take(text_t *t, int c)
{
    if (next(t) != c) {
        return 0;
    }

    t->p++;

    return 1;
}


static void
space(text_t *t)
{
    while (take(t, ' ') || take(t, '\t') || take(t, '\n') || take(t, '\r')) {
        /* void */
    }
}


static int
is_word(text_t *t, const char *word)
{
    while (*word) {
        if (!take(t, *word++)) {
            return 0;
        }
    }

    return 1;
}


static int
is_digits(text_t *t)
{
    const uint8_t  *start;

    start = t->p;

    while (next(t) >= '0' && next(t) <= '9') {
        t->p++;
    }

    return t->p > start;
}


static int
is_number(text_t *t)
{
    (void) take(t, '-');

    if (!take(t, '0') && !is_digits(t)) {
        return 0;
    }

    if (take(t, '.') && !is_digits(t)) {
        return 0;
    }

    if (take(t, 'e') || take(t, 'E')) {

        if (!take(t, '+')) {
            (void) take(t, '-');
        }

        return is_digits(t);
    }

    return 1;
}


/* Returns the number that four hexadecimal digits are, or -1. */

static int
hex4(text_t *t)
{
    int  c, i, n;

    n = 0;

    for (i = 0; i < 4; i++) {
        c = next(t);

        if (c >= '0' && c <= '9') {
            n = n * 16 + c - '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            n = n * 16 + (c | 0x20) - 'a' + 10;

        } else {
            return -1;
        }

        t->p++;
    }

    return n;
}


static int
is_escape(text_t *t)
{
    int  n;

    if (!take(t, 'u')) {

        if (next(t) <= 0 || strchr("\"\\/bfnrt", next(t)) == NULL) {
            return 0;
        }

        t->p++;

        return 1;
    }

    n = hex4(t);

    if (n < 0xd800 || n > 0xdfff) {
        return n >= 0;
    }

    if (n > 0xdbff || !take(t, '\\') || !take(t, 'u')) {
        return 0;
    }

    n = hex4(t);

    return n >= 0xdc00 && n <= 0xdfff;
}


static int
between(text_t *t, int low, int high)
{
    if (next(t) < low || next(t) > high) {
        return 0;
    }

    t->p++;

    return 1;
}


/* The alternatives of RFC 3629, section 4, by their first bytes. */

static int
is_character(text_t *t)
{
    if (between(t, 0x20, 0x7f)) {
        return 1;
    }

    if (between(t, 0xc2, 0xdf)) {
        return between(t, 0x80, 0xbf);
    }

    if (take(t, 0xe0)) {
        return between(t, 0xa0, 0xbf) && between(t, 0x80, 0xbf);
    }

    if (take(t, 0xed)) {
        return between(t, 0x80, 0x9f) && between(t, 0x80, 0xbf);
    }

    if (between(t, 0xe1, 0xef)) {
        return between(t, 0x80, 0xbf) && between(t, 0x80, 0xbf);
    }

    if (take(t, 0xf0)) {
        return between(t, 0x90, 0xbf) && between(t, 0x80, 0xbf)
               && between(t, 0x80, 0xbf);
    }

    if (between(t, 0xf1, 0xf3)) {
        return between(t, 0x80, 0xbf) && between(t, 0x80, 0xbf)
               && between(t, 0x80, 0xbf);
    }

    return take(t, 0xf4) && between(t, 0x80, 0x8f) && between(t, 0x80, 0xbf)
           && between(t, 0x80, 0xbf);
}


static int
is_string(text_t *t)
{
    if (!take(t, '"')) {
        return 0;
    }

    while (!take(t, '"')) {
        if (take(t, '\\') ? !is_escape(t) : !is_character(t)) {
            return 0;
        }
    }

    return 1;
}


static int
is_list(text_t *t, int close, int object)
{
    if (++t->depth > BO_JSON_MAX_DEPTH) {
        return 0;
    }

    t->p++;
    space(t);

    if (!take(t, close)) {

        do {
            space(t);

            if (object) {
                if (!is_string(t)) {
                    return 0;
                }

                space(t);

                if (!take(t, ':')) {
                    return 0;
                }

                space(t);
            }

            if (!is_value(t)) {
                return 0;
            }

            space(t);

        } while (take(t, ','));

        if (!take(t, close)) {
            return 0;
        }
    }

    t->depth--;

    return 1;
}


static int
is_value(text_t *t)
{
    switch (next(t)) {

    case '{':
        return is_list(t, '}', 1);

    case '[':
        return is_list(t, ']', 0);

    case '"':
        return is_string(t);

    case 't':
        return is_word(t, "true");

    case 'f':
        return is_word(t, "false");

    case 'n':
        return is_word(t, "null");

    default:
        return is_number(t);
    }
}


static int
is_body(const uint8_t *data, size_t size)
{
    text_t  t;

    t.p = data;
    t.end = data + size;
    t.depth = 0;

    space(&t);

    if (next(&t) != '{' || !is_value(&t)) {
        return 0;
    }

    space(&t);

    return t.p == t.end;
}


static void
check_string(const bo_str_t *s, size_t min, size_t max)
{
    text_t  t;

    check(s->data && s->len >= min && s->len <= max);

    t.p = (const uint8_t *) s->data;
    t.end = t.p + s->len;

    while (t.p < t.end) {
        check(*t.p != 0);
        check(between(&t, 0x01, 0x1f) || is_character(&t));
    }
}


static char *
write_text(char *p, const char *s)
{
    size_t  len;

    len = strlen(s);
    memcpy(p, s, len);

    return p + len;
}


static char *
write_string(char *p, const bo_str_t *s)
{
    size_t   i;
    uint8_t  c;

    *p++ = '"';

    for (i = 0; i < s->len; i++) {
        c = (uint8_t) s->data[i];

        if (c < 0x20 || c == '"' || c == '\\') {
            p += sprintf(p, "\\u%04x", c);

        } else {
            *p++ = (char) c;
        }
    }

    *p++ = '"';

    return p;
}


static size_t
write_body(char *out, const body_t *body)
{
    char    *p;
    size_t   i;

    p = out + sprintf(out, "{\"n\":%lld,\"flag\":%s", (long long) body->number,
                      body->flag ? "true" : "false");

    if (body->show_id.data) {
        p = write_text(p, ",\"showId\":");
        p = write_string(p, &body->show_id);
    }

    for (i = 0; i < body->seat_ids.n; i++) {
        p = write_text(p, i ? "," : ",\"seatIds\":[");
        p = write_string(p, &body->seat_ids.items[i]);
    }

    if (body->seat_ids.n) {
        *p++ = ']';
    }

    if (body->customer.name.data) {
        p = write_text(p, ",\"customer\":{\"name\":");
        p = write_string(p, &body->customer.name);

        if (body->customer.phone.data) {
            p = write_text(p, ",\"phone\":");
            p = write_string(p, &body->customer.phone);
        }

        *p++ = '}';
    }

    *p++ = '}';

    return (size_t) (p - out);
}


static void
check_body(const body_t *body)
{
    size_t  i;

    check(body->number >= -100 && body->number <= INT64_C(9007199254740993));
    check(body->flag == 0 || body->flag == 1);
    check(body->seat_ids.n <= 5);

    if (body->show_id.data) {
        check_string(&body->show_id, 0, 36);
    }

    for (i = 0; i < body->seat_ids.n; i++) {
        check_string(&body->seat_ids.items[i], 1, 16);
    }

    if (body->customer.name.data) {
        check_string(&body->customer.name, 1, 10);
    }

    if (body->customer.phone.data) {
        check(body->customer.name.data != NULL);
        check_string(&body->customer.phone, 0, 5);
    }
}


/* Written from what was read, and again from that: the two are the same. */

static void
check_round(const body_t *body)
{
    char             first[2048], second[2048];
    size_t           len;
    body_t           again;
    bo_json_doc_t    doc;
    bo_json_error_t  error;

    len = write_body(first, body);
    check(len < sizeof(first));

    memset(&again, 0, sizeof(again));

    check(bo_json_read(&doc, first, len, fields, &again, &error) == 0);
    check(write_body(second, &again) == len);
    check(memcmp(first, second, len) == 0);

    bo_json_free(&doc);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc, good;
    body_t           body;
    bo_json_doc_t    doc;
    bo_json_error_t  error;

    memset(&body, 0, sizeof(body));

    good = is_body(data, size);
    rc = bo_json_read(&doc, (const char *) data, size, fields, &body, &error);

    check((rc == 0) == (error.code == BO_JSON_OK));

    switch (error.code) {

    case BO_JSON_OK:
        check(good && error.field == NULL && error.parent == NULL);
        check_body(&body);
        check_round(&body);
        bo_json_free(&doc);
        break;

    case BO_JSON_SYNTAX:
        check(!good && error.field == NULL && error.parent == NULL);
        break;

    case BO_JSON_MISSING_FIELD:
    case BO_JSON_WRONG_TYPE:
        check(good && error.field != NULL);
        break;

    case BO_JSON_UNKNOWN_FIELD:
    case BO_JSON_DUPLICATE_FIELD:

        /* may be said before an error of syntax further on */

        check(error.field == NULL);
        break;

    case BO_JSON_OUT_OF_RANGE:
        check(good || error.field == NULL);
        break;

    case BO_JSON_TOO_LARGE:
        check(size > BO_JSON_MAX_SIZE);
        break;

    case BO_JSON_NO_MEMORY:
        check(0);
        break;
    }

    return 0;
}
