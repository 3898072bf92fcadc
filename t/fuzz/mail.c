
/*
 * Fuzz target: mail whose name, subject, address and text are anybody's.
 * Lines of the input are name, subject and address; the rest is the text.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bo_calendar.h"
#include "bo_mail.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
next_line(bo_text_t *line, const char **p, const char *last)
{
    const char  *end;

    end = *p < last ? memchr(*p, '\n', last - *p) : NULL;

    if (end == NULL) {
        end = last;
    }

    line->data = *p;
    line->len = end - *p;
    *p = end < last ? end + 1 : last;
}


/* Every line is ASCII, ends in CRLF, and fits. */

static void
check(const char *s, size_t len)
{
    size_t  i, column;

    column = 0;

    for (i = 0; i < len; i++) {

        if (s[i] == '\r') {
            if (i + 1 == len || s[++i] != '\n') {
                abort();
            }

            column = 0;

        } else if (s[i] < ' ' || s[i] > '~' || ++column > 330) {
            abort();
        }
    }

    if (column) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *buf;
    size_t           len;
    bo_out_t         out;
    bo_mail_t        m;
    const char      *p, *last;
    bo_mail_file_t   file;

    p = (const char *) data;
    last = p + size;

    memset(&m, 0, sizeof(bo_mail_t));
    m.from.address.data = "a@b.c";
    m.from.address.len = 5;
    m.id.data = "1";
    m.id.len = 1;

    next_line(&m.to.name, &p, last);
    next_line(&m.subject, &p, last);
    next_line(&m.to.address, &p, last);
    m.text.data = p;
    m.text.len = last - p;
    m.html = m.text;

    if (!bo_mail_address(m.to.address.data, m.to.address.len)) {
        m.to.address = m.from.address;
    }

    file.type = m.from.address;
    file.name = m.id;
    file.data = m.text;
    m.files = &file;
    m.nfiles = size & 1;

    out.p = NULL;
    out.len = 0;
    bo_mail_put(&out, &m);
    len = out.len;

    buf = malloc(len);
    if (buf == NULL) {
        return 0;
    }

    out.p = buf;
    out.len = 0;
    bo_mail_put(&out, &m);

    if (out.len != len) {
        abort();
    }

    check(buf, len);
    free(buf);

    return 0;
}
