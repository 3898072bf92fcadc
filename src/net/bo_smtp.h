
/*
 * SMTP as bytes (RFC 5321): the replies of a server, and mail as it goes over
 * the wire.  Plain C, no I/O.
 */


#ifndef _BO_SMTP_H_INCLUDED_
#define _BO_SMTP_H_INCLUDED_


#include <stddef.h>


/* The longest line of a mail, without its end (RFC 5321, 4.5.3.1.6). */

#define BO_SMTP_LINE        998

/* What a server offers in its reply to EHLO. */

#define BO_SMTP_STARTTLS    0x01
#define BO_SMTP_8BITMIME    0x02
#define BO_SMTP_SMTPUTF8    0x04
#define BO_SMTP_PLAIN       0x08        /* AUTH PLAIN */
#define BO_SMTP_LOGIN       0x10        /* AUTH LOGIN */

/* What a mail needs. */

#define BO_SMTP_7BIT        0
#define BO_SMTP_8BIT        1


typedef struct {
    unsigned  code;                     /* 200..599 */
    unsigned  offers;                   /* BO_SMTP_* of all lines but the
                                         * first, as of EHLO */
} bo_smtp_reply_t;


/*
 * Reads one reply, of one or more lines, from the n bytes at p.  Returns the
 * bytes that it takes; 0 when it is not all there; -1 when it is no reply.
 */
ptrdiff_t bo_smtp_reply(const char *p, size_t n, bo_smtp_reply_t *reply);

/*
 * Checks a mail: lines of at most 998 bytes that end in CRLF, neither of the
 * two alone (some servers would see the end of the mail in it), no zero.
 * Returns BO_SMTP_7BIT, BO_SMTP_8BIT, or -1.
 */
int bo_smtp_check(const char *mail, size_t n);

/*
 * Writes a checked mail as what follows DATA: a dot that begins a line is
 * doubled, and a line of a dot is the end.  Returns the bytes written; out has
 * room for bo_smtp_room(mail, n).
 */
size_t bo_smtp_room(const char *mail, size_t n);
size_t bo_smtp_write(char *out, const char *mail, size_t n);


#endif /* _BO_SMTP_H_INCLUDED_ */
