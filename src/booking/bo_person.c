
/*
 * Addresses, telephone numbers, passwords.
 */


#include "bo_person.h"

#include <string.h>


static int bo_email_host(const char *text, size_t len);
static char bo_lower(char c);
static int bo_password_is(const char *password, size_t len, const char *word,
    size_t word_len);
static int bo_password_common(const char *password, size_t len);


/*
 * The commonest of those that leak, as far as they are long enough.  What is
 * one character over and over, or a run of digits or letters, is found without
 * a list.
 */

static const char *const  bo_passwords_common[] = {
    "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "aa123456", "abcd1234", "access14",
    "admin123", "administrator", "asdfasdf", "asdfghjkl", "baseball",
    "basketball", "changeme", "chocolate", "computer", "dragon123",
    "football", "iloveyou", "iloveyou1", "internet", "jennifer", "letmein1",
    "liverpool", "michelle", "midnight", "monkey123", "mustang1", "p@ssw0rd",
    "passw0rd", "password", "password1", "password12", "password123",
    "princess", "q1w2e3r4", "qazwsxedc", "qwerty12", "qwerty123",
    "qwertyui", "qwertyuiop", "samsung1", "starwars", "sunshine",
    "superman", "trustno1", "victoria", "welcome1", "whatever", "zaq12wsx",
    "zxcvbnm1"
};


int
bo_email_valid(const char *text, size_t len)
{
    size_t          i, at;
    unsigned char   c;

    if (len < 3 || len > BO_EMAIL_MAX) {
        return 0;
    }

    at = 0;

    for (i = 0; i < len; i++) {
        c = (unsigned char) text[i];

        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>'
            || c == ',' || c == ';' || c == '\\' || (c == '@' && at))
        {
            return 0;
        }

        if (c == '@') {
            at = i;

            if (i == 0 || i > 64) {
                return 0;
            }
        }
    }

    return at != 0 && bo_email_host(text + at + 1, len - at - 1);
}


/* Labels between dots, none of them empty; other than ASCII is left alone. */

static int
bo_email_host(const char *text, size_t len)
{
    char    c;
    size_t  i, label;

    label = 0;

    for (i = 0; i < len; i++) {
        c = text[i];

        if (c == '.') {
            if (label == 0) {
                return 0;
            }

            label = 0;
            continue;
        }

        if ((unsigned char) c < 0x80 && c != '-'
            && !(c >= '0' && c <= '9')
            && !(bo_lower(c) >= 'a' && bo_lower(c) <= 'z'))
        {
            return 0;
        }

        if (++label > 63) {
            return 0;
        }
    }

    return label != 0;
}


static char
bo_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}


void
bo_email_fold(char *out, const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        out[i] = bo_lower(text[i]);
    }
}


int
bo_phone_valid(const char *text, size_t len)
{
    size_t  i;
    int     digits;

    if (len == 0 || len > BO_PHONE_MAX) {
        return 0;
    }

    digits = 0;

    for (i = 0; i < len; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            digits = 1;

        } else if (text[i] == '\0' || strchr(" +-().", text[i]) == NULL) {
            return 0;
        }
    }

    return digits;
}


bo_password_e
bo_password_check(const char *password, size_t len, const char *email,
    size_t email_len)
{
    size_t       i, n;
    const char  *at;

    n = 0;

    for (i = 0; i < len; i++) {
        n += ((unsigned char) password[i] & 0xc0) != 0x80;
    }

    if (n < BO_PASSWORD_MIN) {
        return BO_PASSWORD_SHORT;
    }

    if (n > BO_PASSWORD_MAX || len > BO_PASSWORD_BYTES) {
        return BO_PASSWORD_LONG;
    }

    at = memchr(email, '@', email_len);

    if (bo_password_is(password, len, email, email_len)
        || (at && bo_password_is(password, len, email,
                                 (size_t) (at - email))))
    {
        return BO_PASSWORD_OWN;
    }

    return bo_password_common(password, len) ? BO_PASSWORD_COMMON
                                             : BO_PASSWORD_OK;
}


static int
bo_password_is(const char *password, size_t len, const char *word,
    size_t word_len)
{
    size_t  i;

    if (len != word_len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (bo_lower(password[i]) != bo_lower(word[i])) {
            return 0;
        }
    }

    return 1;
}


static int
bo_password_common(const char *password, size_t len)
{
    int     step, runs;
    size_t  i;

    step = password[1] - password[0];
    runs = step >= -1 && step <= 1;

    for (i = 2; i < len && runs; i++) {
        /* "1234567890" goes on with 0 after 9 */

        runs = password[i] - password[i - 1] == step
               || (step == 1 && password[i - 1] == '9' && password[i] == '0');
    }

    if (runs) {
        return 1;
    }

    for (i = 0;
         i < sizeof(bo_passwords_common) / sizeof(bo_passwords_common[0]);
         i++)
    {
        if (bo_password_is(password, len, bo_passwords_common[i],
                           strlen(bo_passwords_common[i])))
        {
            return 1;
        }
    }

    return 0;
}


const char *
bo_password_reason(bo_password_e verdict)
{
    static const char *const  reasons[] = {
        NULL, "too_short", "too_long", "is_your_address", "too_common"
    };

    return reasons[verdict];
}
