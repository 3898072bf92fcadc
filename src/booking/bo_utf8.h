
/*
 * Characters of UTF-8, by RFC 3629: shortest form, no surrogates.
 */


#ifndef _BO_UTF8_H_INCLUDED_
#define _BO_UTF8_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_UTF8_BAD  UINT32_C(0xffffffff)


/*
 * The character at s, of which len >= 1 bytes are there; *size is what it
 * takes, 1 to 4.  BO_UTF8_BAD with a size of 1 when that is none.
 */
uint32_t bo_utf8_next(const char *s, size_t len, size_t *size);

/*
 * Returns 1 for what has no place in one line of text: control characters,
 * ends of lines and paragraphs, and what turns the direction of writing round
 * for the text that follows it.
 */
int bo_utf8_control(uint32_t c);


#endif /* _BO_UTF8_H_INCLUDED_ */
