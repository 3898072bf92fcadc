
/*
 * Fuzz target: the code at the door, which anybody may hold under a scanner:
 * the text of a QR, and the bytes behind one.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_entry.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* What is taken has these bytes and no others. */

static void
bytes_of(const uint8_t *bytes, size_t len)
{
    size_t      n;
    uint8_t     packed[BO_ENTRY_BODY_MAX];
    bo_entry_t  entry;

    if (bo_entry_unpack(&entry, bytes, len) != 0) {
        return;
    }

    n = bo_entry_pack(packed, &entry);

    if (n + BO_ENTRY_SIGNATURE != len || memcmp(packed, bytes, n) != 0) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char     text[BO_ENTRY_TEXT_MAX];
    size_t   len;
    uint8_t  bytes[BO_ENTRY_MAX];

    bytes_of(data, size);

    len = bo_entry_decode(bytes, (const char *) data, size);

    if (len == 0) {
        return 0;
    }

    /* and this text and no other */

    if (bo_entry_encode(text, bytes, len) != size
        || memcmp(text, data, size) != 0)
    {
        abort();
    }

    bytes_of(bytes, len);

    return 0;
}
