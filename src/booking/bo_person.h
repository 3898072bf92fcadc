
/*
 * What people may call themselves, and which passwords are taken.
 */


#ifndef _BO_PERSON_H_INCLUDED_
#define _BO_PERSON_H_INCLUDED_


#include <stddef.h>


#define BO_EMAIL_MAX         254        /* bytes: RFC 5321, 4.5.3.1.3 */

#define BO_PASSWORD_MIN      8          /* characters: NIST SP 800-63B */
#define BO_PASSWORD_MAX      128
#define BO_PASSWORD_BYTES    512        /* of 128 characters in UTF-8 */

#define BO_PERSON_NAME_MAX   200        /* bytes */
#define BO_PHONE_MAX         32


typedef enum {
    BO_PASSWORD_OK = 0,
    BO_PASSWORD_SHORT,
    BO_PASSWORD_LONG,
    BO_PASSWORD_OWN,                    /* it is the address, or its name */
    BO_PASSWORD_COMMON                  /* what everybody tries first */
} bo_password_e;


/*
 * Whether text[0..len) may be an address: one "@" with something before it, a
 * name of a host after it, no blanks, quotes or control characters.  Whether
 * mail gets there only a mail can tell.  1 or 0.
 */
int bo_email_valid(const char *text, size_t len);

/* The same address in the form in which addresses are compared: ASCII letters
 * in lower case.  out has room for len bytes. */
void bo_email_fold(char *out, const char *text, size_t len);

/*
 * A telephone number: digits, blanks and "+-().", and a digit at least.
 * 1 or 0.
 */
int bo_phone_valid(const char *text, size_t len);

/*
 * Judges a new password of a person with that address, both in UTF-8: by its
 * length, and by what others would guess; what characters it has is nobody's
 * business (NIST SP 800-63B, 5.1.1.2).
 */
bo_password_e bo_password_check(const char *password, size_t len,
    const char *email, size_t email_len);

/* A word for clients: "too_short" and so on; NULL for BO_PASSWORD_OK. */
const char *bo_password_reason(bo_password_e verdict);


#endif /* _BO_PERSON_H_INCLUDED_ */
