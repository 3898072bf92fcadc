
/*
 * The code at the door: what the QR of a ticket says of one seat of an order,
 * signed, so that a scanner without a network can tell that it is ours.
 *
 *      1 byte   form: 1
 *      4 bytes  key, the beginning of the SHA-256 that names it (RFC 7638)
 *     16 bytes  show
 *     16 bytes  order
 *     10 bytes  ticket code of the order, see bo_ticket.h
 *      4 bytes  when the show begins, seconds since 1970
 *      4 bytes  when it is over
 *      2 bytes  number of the seat
 *      1 byte   length of what follows, 1..16
 *      n bytes  what the seat is called, of A-Z, 0-9 and "-"
 *     64 bytes  Ed25519 signature over the bytes above (RFC 8032)
 *
 * Numbers are big-endian.  As text it is Base32 (RFC 4648, section 6) in upper
 * case without padding: a QR has an alphabet for that, in which a character
 * costs 5.5 bits, and there is nothing in it that a keyboard, an address or a
 * trimmed field would change.  A seat has 197 to 221 characters, which is
 * version 8 of a QR at level M, 49 modules, whatever the seat is called.
 *
 * There is one text for each code: bits that are left over must be 0.
 */


#ifndef _BO_ENTRY_H_INCLUDED_
#define _BO_ENTRY_H_INCLUDED_


#include "bo_id.h"


#define BO_ENTRY_FORM         1

#define BO_ENTRY_KEY          4
#define BO_ENTRY_CODE         10
#define BO_ENTRY_LABEL_MAX    16        /* that of a layout */

#define BO_ENTRY_FIXED        58        /* of the body, before the label */
#define BO_ENTRY_BODY_MAX     (BO_ENTRY_FIXED + BO_ENTRY_LABEL_MAX)
#define BO_ENTRY_SIGNATURE    64
#define BO_ENTRY_MIN          (BO_ENTRY_FIXED + 1 + BO_ENTRY_SIGNATURE)
#define BO_ENTRY_MAX          (BO_ENTRY_BODY_MAX + BO_ENTRY_SIGNATURE)

#define BO_ENTRY_TEXT_MIN     197
#define BO_ENTRY_TEXT_MAX     221


typedef struct {
    uint8_t                  key[BO_ENTRY_KEY];
    bo_uuid_t                show;
    bo_uuid_t                order;
    uint8_t                  code[BO_ENTRY_CODE];
    uint32_t                 starts;        /* seconds since 1970 */
    uint32_t                 ends;          /* after starts */
    uint16_t                 seat_no;       /* 0..65534 */
    uint8_t                  label_len;     /* 1..BO_ENTRY_LABEL_MAX */
    char                     label[BO_ENTRY_LABEL_MAX];
} bo_entry_t;


/*
 * Writes what is signed; returns its length, 59..BO_ENTRY_BODY_MAX.  The
 * caller keeps to the ranges above.
 */
size_t bo_entry_pack(uint8_t body[BO_ENTRY_BODY_MAX],
    const bo_entry_t *entry);

/*
 * Reads len bytes, signature included.  Returns 0, or -1 when they are not of
 * this form.  The signature, which is the last 64 bytes, is not looked at.
 */
int bo_entry_unpack(bo_entry_t *entry, const uint8_t *bytes, size_t len);

/* Writes text without a NUL; len up to BO_ENTRY_MAX.  Returns its length. */
size_t bo_entry_encode(char text[BO_ENTRY_TEXT_MAX], const uint8_t *bytes,
    size_t len);

/* Reads text: the number of bytes, or 0 when it is no such text. */
size_t bo_entry_decode(uint8_t bytes[BO_ENTRY_MAX], const char *text,
    size_t len);


#endif /* _BO_ENTRY_H_INCLUDED_ */
