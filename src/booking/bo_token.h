
/*
 * What a waiting room signs: the ticket of who waits, the pass of who may
 * enter.  Both are bound to a sale, a place and a person, and expire.
 *
 * As text, base64url (RFC 4648, section 5, without padding) of
 *
 *      1 byte   kind
 *      8 bytes  sale
 *      8 bytes  number of the place
 *      8 bytes  hash of the person
 *      6 bytes  expiry, ms since 1970
 *     16 bytes  the first half of an HMAC-SHA256 over the room's name, a NUL
 *               and the bytes above
 *
 * There is one text for each token: bits that are left over must be 0.
 */


#ifndef _BO_TOKEN_H_INCLUDED_
#define _BO_TOKEN_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_TOKEN_BODY   31
#define BO_TOKEN_MAC    16
#define BO_TOKEN_BYTES  (BO_TOKEN_BODY + BO_TOKEN_MAC)
#define BO_TOKEN_LEN    63          /* as text */

#define BO_TOKEN_TICKET 0x54
#define BO_TOKEN_PASS   0x50


typedef struct {
    uint8_t                  kind;
    uint64_t                 sale;
    uint64_t                 number;
    uint64_t                 id;
    uint64_t                 expires;   /* ms since 1970, below 2^48 */
} bo_token_t;


/* Writes what is signed. */
void bo_token_pack(uint8_t body[BO_TOKEN_BODY], const bo_token_t *token);

/* Reads it. */
void bo_token_unpack(bo_token_t *token, const uint8_t body[BO_TOKEN_BODY]);

/* Writes BO_TOKEN_LEN bytes of text, without a NUL. */
void bo_token_encode(char *text, const uint8_t bytes[BO_TOKEN_BYTES]);

/* Reads them: 0, or -1 when it is no such text. */
int bo_token_decode(uint8_t bytes[BO_TOKEN_BYTES], const char *text,
    size_t len);


#endif /* _BO_TOKEN_H_INCLUDED_ */
