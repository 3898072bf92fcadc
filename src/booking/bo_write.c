
#include "bo_write.h"


unsigned char *
bo_write_number(unsigned char *p, int64_t value)
{
    size_t         len;
    uint64_t       rest;
    unsigned char  buf[BO_WRITE_NUMBER_LEN], *first;

    rest = value < 0 ? -(uint64_t) value : (uint64_t) value;
    first = buf + sizeof(buf);

    do {
        *--first = (unsigned char) ('0' + rest % 10);
        rest /= 10;
    } while (rest);

    if (value < 0) {
        *--first = '-';
    }

    len = (size_t) (buf + sizeof(buf) - first);
    memcpy(p, first, len);

    return p + len;
}
