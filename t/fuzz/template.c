
/*
 * Fuzz target: a template, and a value for it, which a customer chose.  The
 * first byte is the kind, the next one how long the value is.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_template.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  names[] = { "a", "name", NULL };


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *buf;
    size_t                len;
    bo_out_t              out;
    bo_text_t             values[2];
    bo_template_t         t;
    bo_template_error_t   error;

    if (size < 2 || size < 2 + (size_t) data[1]) {
        return 0;
    }

    values[0].data = (const char *) data + 2;
    values[0].len = data[1];
    values[1].data = "";
    values[1].len = 0;

    t.kind = data[0] & 3;
    t.names = names;
    t.text.data = (const char *) data + 2 + data[1];
    t.text.len = size - 2 - data[1];

    if (bo_template_check(&t, &error) != 0) {

        if (error.why == NULL || error.line == 0) {
            abort();
        }

        return 0;
    }

    out.p = NULL;
    out.len = 0;
    bo_template_render(&out, &t, values);
    len = out.len;

    buf = malloc(len + 1);
    if (buf == NULL) {
        return 0;
    }

    out.p = buf;
    out.len = 0;
    bo_template_render(&out, &t, values);

    /* what was counted is what is written; no value ends a line */

    if (out.len != len || memchr(buf, '\r', len) != NULL) {
        abort();
    }

    free(buf);

    return 0;
}
