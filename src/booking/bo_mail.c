
/*
 * Electronic mail as bytes.
 */


#include "bo_mail.h"
#include "bo_time.h"
#include "bo_utf8.h"


#define BO_MAIL_LINE   76               /* bytes of an encoded line */

/*
 * Bytes of text in an encoded word: 39 of them are 52 in base64, 64 with what
 * stands around them, 73 behind "Subject: "; RFC 2047 allows a line 76.
 */

#define BO_MAIL_WORD   39


static void bo_mail_put_header(bo_out_t *out, const char *name,
    const bo_text_t *value);
static void bo_mail_put_box(bo_out_t *out, const char *name,
    const bo_mailbox_t *box);
static void bo_mail_put_quoted(bo_out_t *out, const bo_text_t *s);
static void bo_mail_put_words(bo_out_t *out, const bo_text_t *s);
static size_t bo_mail_clean(char word[BO_MAIL_WORD], const bo_text_t *s,
    size_t *at);
static int bo_mail_plain(const bo_text_t *s);
static void bo_mail_put_date(bo_out_t *out, int64_t ms);
static void bo_mail_put_boundary(bo_out_t *out, const bo_mail_t *mail,
    char part, const char *before, const char *after);
static void bo_mail_put_body(bo_out_t *out, const bo_mail_t *mail);
static void bo_mail_put_part(bo_out_t *out, const char *type,
    const bo_text_t *text);
static void bo_mail_put_printable(bo_out_t *out, const bo_text_t *text);
static void bo_mail_put_file(bo_out_t *out, const bo_mail_file_t *file);
static int bo_mail_atom(char c);
static int bo_mail_host(const char *s, size_t len);


static const char  bo_base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";


int
bo_mail_address(const char *s, size_t len)
{
    size_t       i, local;
    const char  *at;

    if (len > BO_MAIL_ADDRESS_MAX
        || (at = memchr(s, '@', len)) == NULL)
    {
        return 0;
    }

    local = at - s;

    if (local == 0 || local > BO_MAIL_LOCAL_MAX || s[0] == '.'
        || s[local - 1] == '.')
    {
        return 0;
    }

    for (i = 0; i < local; i++) {
        if (!bo_mail_atom(s[i]) && (s[i] != '.' || s[i + 1] == '.')) {
            return 0;
        }
    }

    return bo_mail_host(at + 1, len - local - 1);
}


/* atext of RFC 5322, 3.2.3 */

static int
bo_mail_atom(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}


static int
bo_mail_host(const char *s, size_t len)
{
    char    c;
    size_t  i, label, dots;

    label = 0;
    dots = 0;

    for (i = 0; i < len; i++) {
        c = s[i];

        if (c == '.') {
            if (label == 0 || s[i - 1] == '-') {
                return 0;
            }

            dots++;
            label = 0;
            continue;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || (c == '-' && label)))
        {
            return 0;
        }

        if (++label > 63) {
            return 0;
        }
    }

    return dots && label && s[len - 1] != '-';
}


int
bo_mailbox_parse(bo_mailbox_t *box, const char *s, size_t len)
{
    size_t       n;
    const char  *p;

    memset(box, 0, sizeof(bo_mailbox_t));

    p = len ? memchr(s, '<', len) : NULL;

    if (p == NULL) {
        box->address.data = s;
        box->address.len = len;

        return len && bo_mail_address(s, len) ? 0 : -1;
    }

    if (s[len - 1] != '>') {
        return -1;
    }

    n = p - s;

    while (n && s[n - 1] == ' ') {
        n--;
    }

    box->name.data = s;
    box->name.len = n;

    if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
        box->name.data++;
        box->name.len -= 2;
    }

    box->address.data = p + 1;
    box->address.len = len - (p + 1 - s) - 1;

    return bo_mail_address(box->address.data, box->address.len) ? 0 : -1;
}


void
bo_mail_put(bo_out_t *out, const bo_mail_t *mail)
{
    size_t       i;
    const char  *host;

    host = memchr(mail->from.address.data, '@', mail->from.address.len);

    bo_mail_put_box(out, "From", &mail->from);
    bo_mail_put_box(out, "To", &mail->to);
    bo_mail_put_header(out, "Subject", &mail->subject);

    bo_put_lit(out, "Date: ");
    bo_mail_put_date(out, mail->date);

    bo_put_lit(out, "\r\nMessage-ID: <");
    bo_put_text(out, &mail->id);
    bo_put(out, host, mail->from.address.data + mail->from.address.len - host);
    bo_put_lit(out, ">\r\n");

    if (mail->language.len) {
        bo_put_lit(out, "Content-Language: ");
        bo_put_text(out, &mail->language);
        bo_put_lit(out, "\r\n");
    }

    /* RFC 3834: no machine shall answer */

    bo_put_lit(out, "Auto-Submitted: auto-generated\r\n"
                    "MIME-Version: 1.0\r\n");

    if (mail->nfiles == 0) {
        bo_mail_put_body(out, mail);
        return;
    }

    bo_mail_put_boundary(out, mail, 'm', "Content-Type: multipart/mixed;\r\n"
                                         " boundary=\"", "\"\r\n\r\n");
    bo_mail_put_boundary(out, mail, 'm', "--", "\r\n");
    bo_mail_put_body(out, mail);

    for (i = 0; i < mail->nfiles; i++) {
        bo_mail_put_boundary(out, mail, 'm', "--", "\r\n");
        bo_mail_put_file(out, &mail->files[i]);
    }

    bo_mail_put_boundary(out, mail, 'm', "--", "--\r\n");
}


/* The text, or both forms of it: the better one comes last. */

static void
bo_mail_put_body(bo_out_t *out, const bo_mail_t *mail)
{
    if (mail->html.len == 0) {
        bo_mail_put_part(out, "text/plain", &mail->text);
        return;
    }

    bo_mail_put_boundary(out, mail, 'a',
                         "Content-Type: multipart/alternative;\r\n"
                         " boundary=\"", "\"\r\n\r\n");
    bo_mail_put_boundary(out, mail, 'a', "--", "\r\n");
    bo_mail_put_part(out, "text/plain", &mail->text);
    bo_mail_put_boundary(out, mail, 'a', "--", "\r\n");
    bo_mail_put_part(out, "text/html", &mail->html);
    bo_mail_put_boundary(out, mail, 'a', "--", "--\r\n");
}


/*
 * "=_" is in no line of a part: quoted-printable writes a "=" as "=3D", and
 * base64 has no "_".
 */

static void
bo_mail_put_boundary(bo_out_t *out, const bo_mail_t *mail, char part,
    const char *before, const char *after)
{
    bo_put(out, before, strlen(before));
    bo_put_lit(out, "=_");
    bo_put_char(out, part);
    bo_put_text(out, &mail->id);
    bo_put(out, after, strlen(after));
}


static void
bo_mail_put_part(bo_out_t *out, const char *type, const bo_text_t *text)
{
    bo_put_lit(out, "Content-Type: ");
    bo_put(out, type, strlen(type));
    bo_put_lit(out, "; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    bo_mail_put_printable(out, text);
}


/* RFC 2045, 6.7; the text ends with a line end, also when it had none. */

static void
bo_mail_put_printable(bo_out_t *out, const bo_text_t *text)
{
    char           c;
    int            encode;
    size_t         i, column;
    const char    *s = text->data;

    static const char  hex[] = "0123456789ABCDEF";

    column = 0;

    for (i = 0; i < text->len; i++) {
        c = s[i];

        if (c == '\n') {
            bo_put_lit(out, "\r\n");
            column = 0;
            continue;
        }

        /* a soft line end needs a place, too */

        if (column + 3 > BO_MAIL_LINE - 1) {
            bo_put_lit(out, "=\r\n");
            column = 0;
        }

        /*
         * What is not printable; a blank at the end of a line, which gets
         * lost; a dot or "From" at the start of one, which some rewrite.
         */

        encode = c == '=' || (unsigned char) c < ' '
                 || (unsigned char) c > '~'
                 || (c == ' ' && (i + 1 == text->len || s[i + 1] == '\n'))
                 || (column == 0 && (c == '.' || c == 'F'));

        if (encode) {
            bo_put_char(out, '=');
            bo_put_char(out, hex[(unsigned char) c >> 4]);
            bo_put_char(out, hex[c & 15]);

        } else {
            bo_put_char(out, c);
        }

        column += encode ? 3 : 1;
    }

    if (column) {
        bo_put_lit(out, "\r\n");
    }
}


static void
bo_mail_put_file(bo_out_t *out, const bo_mail_file_t *file)
{
    size_t  i, n;

    bo_put_lit(out, "Content-Type: ");
    bo_put_text(out, &file->type);
    bo_put_lit(out, ";\r\n name=\"");
    bo_put_text(out, &file->name);
    bo_put_lit(out, "\"\r\nContent-Disposition: attachment;\r\n filename=\"");
    bo_put_text(out, &file->name);
    bo_put_lit(out, "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");

    for (i = 0; i < file->data.len; i += n) {
        n = file->data.len - i;

        if (n > BO_MAIL_LINE / 4 * 3) {
            n = BO_MAIL_LINE / 4 * 3;
        }

        bo_base64_put(out, file->data.data + i, n);
        bo_put_lit(out, "\r\n");
    }
}


void
bo_base64_put(bo_out_t *out, const char *s, size_t len)
{
    char           four[4];
    uint32_t       bits;
    const uint8_t  *p = (const uint8_t *) s;

    while (len) {
        bits = (uint32_t) p[0] << 16;
        bits |= len > 1 ? (uint32_t) p[1] << 8 : 0;
        bits |= len > 2 ? p[2] : 0;

        four[0] = bo_base64[bits >> 18];
        four[1] = bo_base64[bits >> 12 & 63];
        four[2] = len > 1 ? bo_base64[bits >> 6 & 63] : '=';
        four[3] = len > 2 ? bo_base64[bits & 63] : '=';

        bo_put(out, four, 4);

        p += len < 3 ? len : 3;
        len -= len < 3 ? len : 3;
    }
}


static void
bo_mail_put_header(bo_out_t *out, const char *name, const bo_text_t *value)
{
    bo_put(out, name, strlen(name));
    bo_put_lit(out, ": ");

    if (bo_mail_plain(value)) {
        bo_put_text(out, value);

    } else {
        bo_mail_put_words(out, value);
    }

    bo_put_lit(out, "\r\n");
}


/* The address has a line of its own: it may be 254 bytes long. */

static void
bo_mail_put_box(bo_out_t *out, const char *name, const bo_mailbox_t *box)
{
    bo_put(out, name, strlen(name));
    bo_put_lit(out, ": ");

    if (box->name.len) {
        if (bo_mail_plain(&box->name)) {
            bo_mail_put_quoted(out, &box->name);

        } else {
            bo_mail_put_words(out, &box->name);
        }

        bo_put_lit(out, "\r\n <");

    } else {
        bo_put_lit(out, "<");
    }

    bo_put_text(out, &box->address);
    bo_put_lit(out, ">\r\n");
}


static void
bo_mail_put_quoted(bo_out_t *out, const bo_text_t *s)
{
    size_t  i;

    bo_put_char(out, '"');

    for (i = 0; i < s->len; i++) {
        if (s->data[i] == '"' || s->data[i] == '\\') {
            bo_put_char(out, '\\');
        }

        bo_put_char(out, s->data[i]);
    }

    bo_put_char(out, '"');
}


/*
 * What may stand in a header as it is: short, printable, and nothing in it that
 * a reader could take for an encoded word.  Twice the length, for quotes, still
 * fits on the line.
 */

static int
bo_mail_plain(const bo_text_t *s)
{
    size_t  i;

    if (s->len == 0 || s->len > 32 || s->data[0] == ' '
        || s->data[s->len - 1] == ' ')
    {
        return s->len == 0;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < ' ' || s->data[i] > '~'
            || (s->data[i] == '=' && i + 1 < s->len && s->data[i + 1] == '?'))
        {
            return 0;
        }
    }

    return 1;
}


/* Encoded words, one a line; each has whole characters (RFC 2047, 5). */

static void
bo_mail_put_words(bo_out_t *out, const bo_text_t *s)
{
    char    word[BO_MAIL_WORD];
    size_t  at, n;

    at = 0;

    while (at < s->len) {

        if (at) {
            bo_put_lit(out, "\r\n ");
        }

        n = bo_mail_clean(word, s, &at);

        bo_put_lit(out, "=?UTF-8?B?");
        bo_base64_put(out, word, n);
        bo_put_lit(out, "?=");
    }
}


/* Takes characters as long as they fit; what is none becomes one. */

static size_t
bo_mail_clean(char word[BO_MAIL_WORD], const bo_text_t *s, size_t *at)
{
    size_t       n, size, width;
    uint32_t     c;
    const char  *p;

    n = 0;

    while (*at < s->len) {
        p = s->data + *at;
        c = bo_utf8_next(p, s->len - *at, &size);
        width = size;

        if (c == BO_UTF8_BAD) {
            p = "\xef\xbf\xbd";
            width = 3;

        } else if (bo_utf8_control(c)) {
            p = " ";
            width = 1;
        }

        if (n + width > BO_MAIL_WORD) {
            break;
        }

        memcpy(word + n, p, width);
        n += width;
        *at += size;
    }

    return n;
}


/* "Thu, 26 Nov 2026 05:24:06 +0000"; ms: from 1970 on. */

static void
bo_mail_put_date(bo_out_t *out, int64_t ms)
{
    int   month;
    char  t[BO_TIME_LEN];

    static const char  weekdays[] = "ThuFriSatSunMonTueWed";
    static const char  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (ms < 0) {
        ms = 0;
    }

    bo_time_format(t, ms);
    month = (t[5] - '0') * 10 + t[6] - '1';

    bo_put(out, weekdays + 3 * (ms / 86400000 % 7), 3);
    bo_put_lit(out, ", ");
    bo_put(out, t + 8, 2);
    bo_put_char(out, ' ');
    bo_put(out, months + 3 * month, 3);
    bo_put_char(out, ' ');
    bo_put(out, t, 4);
    bo_put_char(out, ' ');
    bo_put(out, t + 11, 8);
    bo_put_lit(out, " +0000");
}
