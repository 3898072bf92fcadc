
/*
 * SMTP as bytes.  See bo_smtp.h.
 */


#include "bo_smtp.h"

#include <string.h>
#include <strings.h>


static unsigned bo_smtp_offer(const char *p, const char *last);
static unsigned bo_smtp_auth(const char *p, const char *last);
static size_t bo_smtp_word(const char *p, const char *last);
static int bo_smtp_is(const char *p, size_t n, const char *word);


/* "250-text", ..., "250 text": the same code in all, the last with a blank. */

ptrdiff_t
bo_smtp_reply(const char *p, size_t n, bo_smtp_reply_t *reply)
{
    unsigned     code;
    const char  *line, *last, *end;

    last = p + n;

    reply->code = 0;
    reply->offers = 0;

    for (line = p; line < last; line = end + 1) {

        end = memchr(line, '\n', last - line);

        if (end == NULL) {
            return 0;
        }

        n = end - line;

        if (n && line[n - 1] == '\r') {
            n--;
        }

        if (n < 3
            || line[0] < '2' || line[0] > '5'
            || line[1] < '0' || line[1] > '9'
            || line[2] < '0' || line[2] > '9'
            || (n > 3 && line[3] != ' ' && line[3] != '-'))
        {
            return -1;
        }

        code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');

        if (line != p) {
            if (code != reply->code) {
                return -1;
            }

            if (n > 4) {
                reply->offers |= bo_smtp_offer(line + 4, line + n);
            }
        }

        reply->code = code;

        if (n == 3 || line[3] == ' ') {
            return end + 1 - p;
        }
    }

    return 0;
}


static unsigned
bo_smtp_offer(const char *p, const char *last)
{
    size_t  n;

    n = bo_smtp_word(p, last);

    if (bo_smtp_is(p, n, "STARTTLS")) {
        return BO_SMTP_STARTTLS;
    }

    if (bo_smtp_is(p, n, "8BITMIME")) {
        return BO_SMTP_8BITMIME;
    }

    if (bo_smtp_is(p, n, "SMTPUTF8")) {
        return BO_SMTP_SMTPUTF8;
    }

    if (bo_smtp_is(p, n, "AUTH")) {
        return bo_smtp_auth(p + n, last);
    }

    return 0;
}


static unsigned
bo_smtp_auth(const char *p, const char *last)
{
    size_t    n;
    unsigned  offers;

    offers = 0;

    while (p < last) {

        if (*p == ' ') {
            p++;
            continue;
        }

        n = bo_smtp_word(p, last);

        if (bo_smtp_is(p, n, "PLAIN")) {
            offers |= BO_SMTP_PLAIN;

        } else if (bo_smtp_is(p, n, "LOGIN")) {
            offers |= BO_SMTP_LOGIN;
        }

        p += n;
    }

    return offers;
}


/* Bytes up to the next blank. */

static size_t
bo_smtp_word(const char *p, const char *last)
{
    const char  *end;

    end = memchr(p, ' ', last - p);

    return (end ? end : last) - p;
}


static int
bo_smtp_is(const char *p, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(p, word, n) == 0;
}


int
bo_smtp_check(const char *mail, size_t n)
{
    int     needs;
    size_t  i, start;

    needs = BO_SMTP_7BIT;
    start = 0;

    for (i = 0; i < n; i++) {

        switch (mail[i]) {

        case '\0':
        case '\n':
            return -1;

        case '\r':
            if (i + 1 == n || mail[i + 1] != '\n'
                || i - start > BO_SMTP_LINE)
            {
                return -1;
            }

            i++;
            start = i + 1;
            break;

        default:
            if ((unsigned char) mail[i] > 0x7f) {
                needs = BO_SMTP_8BIT;
            }
        }
    }

    /* the last line has an end, too */

    return n && start == n ? needs : -1;
}


size_t
bo_smtp_room(const char *mail, size_t n)
{
    size_t  i, dots;

    dots = 0;

    for (i = 0; i < n; i++) {
        if (mail[i] == '.' && (i == 0 || mail[i - 1] == '\n')) {
            dots++;
        }
    }

    return n + dots + 3;
}


size_t
bo_smtp_write(char *out, const char *mail, size_t n)
{
    char    *p;
    size_t   i;

    p = out;

    for (i = 0; i < n; i++) {
        if (mail[i] == '.' && (i == 0 || mail[i - 1] == '\n')) {
            *p++ = '.';
        }

        *p++ = mail[i];
    }

    memcpy(p, ".\r\n", 3);

    return p + 3 - out;
}
