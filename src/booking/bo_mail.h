
/*
 * Electronic mail as bytes: RFC 5322 with MIME (RFC 2045 to 2047, 2183).
 *
 * The same message is always the same bytes, so that one that is sent again
 * is recognised by its Message-ID.  Every line is ASCII and ends in CRLF; none
 * is longer than 78 bytes but for that of a long address.  Names and addresses
 * come from people: whatever is in them, they fill the place in the header
 * that they have, and no other.
 */


#ifndef _BO_MAIL_H_INCLUDED_
#define _BO_MAIL_H_INCLUDED_


#include <stdint.h>

#include "bo_out.h"


#define BO_MAIL_ADDRESS_MAX  254        /* RFC 5321, 4.5.3.1 */
#define BO_MAIL_LOCAL_MAX    64


typedef struct {
    bo_text_t              name;        /* may be empty */
    bo_text_t              address;     /* bo_mail_address() said yes */
} bo_mailbox_t;


/* What is attached, under a name of the alphabet A-Z a-z 0-9 . _ -  */

typedef struct {
    bo_text_t              type;        /* "image/png" */
    bo_text_t              name;
    bo_text_t              data;
} bo_mail_file_t;


typedef struct {
    bo_mailbox_t           from;
    bo_mailbox_t           to;
    bo_text_t              subject;
    bo_text_t              id;          /* of the Message-ID, before the @:
                                         * A-Z a-z 0-9 . - ; also makes the
                                         * boundaries; 64 bytes at most */
    bo_text_t              language;    /* as of RFC 5646 */
    int64_t                date;        /* ms since 1970 */
    bo_text_t              text;        /* lines end in LF */
    bo_text_t              html;        /* may be empty: then text only */
    const bo_mail_file_t  *files;
    size_t                 nfiles;
} bo_mail_t;


/*
 * Returns 1 for an address that every mail server takes, else 0: a dot-atom,
 * an @ and a name of a host in ASCII with a dot in it (RFC 5321, 4.1.2,
 * without quoted strings and address literals).
 */
int bo_mail_address(const char *s, size_t len);

/*
 * Reads "name <address>", or an address alone.  The name may stand in double
 * quotes.  Returns 0, or -1 when the address is none.
 */
int bo_mailbox_parse(bo_mailbox_t *box, const char *s, size_t len);

/* Writes the message. */
void bo_mail_put(bo_out_t *out, const bo_mail_t *mail);

/* Writes base64 without line ends (RFC 4648, section 4). */
void bo_base64_put(bo_out_t *out, const char *s, size_t len);


#endif /* _BO_MAIL_H_INCLUDED_ */
