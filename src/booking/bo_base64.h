
/*
 * base64url of RFC 4648, section 5, without padding: for each sequence of
 * bytes there is one text.
 */


#ifndef _BO_BASE64_H_INCLUDED_
#define _BO_BASE64_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* Bytes of a text, and the text of bytes. */

#define BO_BASE64_BYTES(len)   ((len) / 4 * 3 + ((len) % 4 ? (len) % 4 - 1 : 0))
#define BO_BASE64_TEXT(bytes)  (((bytes) * 4 + 2) / 3)


/*
 * Reads text[0..len) into out, which has room for BO_BASE64_BYTES(len), and
 * may be the text itself.  Returns the number of bytes; -1 when there is
 * another character, padding, a length that no text has, or a bit that is left
 * over and not 0.
 */
long bo_base64_decode(uint8_t *out, const char *text, size_t len);

/* Writes BO_BASE64_TEXT(n) characters, without a NUL; returns their number. */
size_t bo_base64_encode(char *text, const uint8_t *bytes, size_t n);


#endif /* _BO_BASE64_H_INCLUDED_ */
