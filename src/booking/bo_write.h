
/*
 * Pieces of a text that is written from left to right into room that the
 * caller has.  ngx_sprintf() reads its format anew for each of the many
 * numbers of an answer, which costs more than the rest of a short one.
 */


#ifndef _BO_WRITE_H_INCLUDED_
#define _BO_WRITE_H_INCLUDED_


#include <stdint.h>
#include <string.h>


/* The most bytes that bo_write_number() takes. */

#define BO_WRITE_NUMBER_LEN  (sizeof("-9223372036854775808") - 1)


/* Writes value in decimal; returns what follows its last digit. */

unsigned char *bo_write_number(unsigned char *p, int64_t value);


/*
 * text: ends in a null byte, which is not written.  Inline, so that the length
 * of a literal is known.
 */

static inline unsigned char *
bo_write(unsigned char *p, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(p, text, len);

    return p + len;
}


/* The same, and value after it. */

static inline unsigned char *
bo_write_int(unsigned char *p, const char *text, int64_t value)
{
    return bo_write_number(bo_write(p, text), value);
}


#endif /* _BO_WRITE_H_INCLUDED_ */
