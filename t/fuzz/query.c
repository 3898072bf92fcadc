
/*
 * libFuzzer target: the query of a URL.  What is read must be of its form, lie
 * in the buffer, and come out the same when it is read again.
 */


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bo_query.h"


#define check(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                          \
        }                                                                     \
    } while (0)


static const bo_query_field_t  fields[] = {
    { "q", BO_QUERY_TEXT, 1, 100 },
    { "limit", BO_QUERY_NUMBER, 1, 100 },
    { "cursor", BO_QUERY_UUID, 0, 0 },
    { "date", BO_QUERY_DATE, 0, 0 },
    { "near", BO_QUERY_PLACE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};


/* Every byte of a value as "%xx": it must be read as it is. */

static void
check_again(const bo_query_value_t *value, int field)
{
    int                n;
    char               text[4 * 128 + 16], buf[BO_QUERY_MAX];
    size_t             i;
    const char        *bad;
    bo_query_value_t   again[BO_QUERY_MAX_FIELDS];

    check(value->len <= 128);

    n = sprintf(text, "%s=", fields[field].name);

    for (i = 0; i < value->len; i++) {
        n += sprintf(text + n, "%%%02x", (unsigned char) value->data[i]);
    }

    check(bo_query_parse(again, buf, fields, text, (size_t) n, &bad) == 0);
    check(again[field].len == value->len);
    check(memcmp(again[field].data, value->data, value->len) == 0);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                i;
    char              *copy, *buf;
    size_t             k;
    const char        *bad;
    bo_query_value_t   values[BO_QUERY_MAX_FIELDS];

    /* of just that size, so that a read or a write beyond it is seen */

    copy = malloc(size ? size : 1);
    buf = malloc(size && size <= BO_QUERY_MAX ? size : 1);
    check(copy != NULL && buf != NULL);

    memcpy(copy, data, size);

    if (bo_query_parse(values, buf, fields, copy, size, &bad) == 0) {

        for (i = 0; fields[i].name; i++) {

            if (values[i].data == NULL) {
                continue;
            }

            check(values[i].len > 0);
            check(values[i].data >= buf
                  && values[i].data + values[i].len <= buf + size);

            for (k = 0; k < values[i].len; k++) {
                check((unsigned char) values[i].data[k] >= 0x20);
            }

            check_again(&values[i], i);
        }
    }

    free(copy);
    free(buf);

    return 0;
}
