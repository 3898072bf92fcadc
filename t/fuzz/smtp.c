
/*
 * Fuzz target: the replies of a mail server; and mail, which has one end.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_smtp.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
replies(const char *p, size_t size)
{
    size_t           i, left;
    ptrdiff_t        n;
    bo_smtp_reply_t  reply, again;

    for (left = size; left; left -= n) {
        n = bo_smtp_reply(p + size - left, left, &reply);

        if (n <= 0) {
            return;
        }

        if ((size_t) n > left || reply.code < 200 || reply.code > 599) {
            abort();
        }

        /* what is a reply is none while its last byte is missing */

        i = n - 1;

        if (bo_smtp_reply(p + size - left, i, &again) != 0) {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char    *out;
    size_t   i, n;

    replies((const char *) data, size);

    if (bo_smtp_check((const char *) data, size) < 0) {
        return 0;
    }

    n = bo_smtp_room((const char *) data, size);
    out = malloc(n);

    if (out == NULL || bo_smtp_write(out, (const char *) data, size) != n) {
        abort();
    }

    /* a line of one dot comes once, at the end */

    for (i = 0; i + 3 < n; i++) {
        if ((i == 0 || out[i - 1] == '\n')
            && memcmp(out + i, ".\r\n", 3) == 0)
        {
            abort();
        }
    }

    free(out);

    return 0;
}
