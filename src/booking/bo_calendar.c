
/*
 * A show as an entry of a calendar.
 */


#include "bo_calendar.h"
#include "bo_time.h"
#include "bo_utf8.h"

#include <stdio.h>


#define BO_CALENDAR_LINE  75            /* bytes, RFC 5545, 3.1 */


static void bo_calendar_put_line(bo_out_t *out, const char *name,
    const bo_text_t *value);
static void bo_calendar_put_time(bo_out_t *out, const char *name, int64_t ms);


void
bo_calendar_put(bo_out_t *out, const bo_calendar_t *c)
{
    int   n;
    char  sequence[16];

    n = snprintf(sequence, sizeof(sequence), "%u", c->sequence);

    bo_put_lit(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
                    "PRODID:-//Boxoffice//Boxoffice//EN\r\n");

    if (c->cancelled) {
        bo_put_lit(out, "METHOD:CANCEL\r\nBEGIN:VEVENT\r\n"
                        "STATUS:CANCELLED\r\n");

    } else {
        bo_put_lit(out, "METHOD:PUBLISH\r\nBEGIN:VEVENT\r\n"
                        "STATUS:CONFIRMED\r\n");
    }

    bo_calendar_put_line(out, "UID", &c->id);
    bo_put_lit(out, "SEQUENCE:");
    bo_put(out, sequence, (size_t) n);
    bo_put_lit(out, "\r\n");
    bo_calendar_put_time(out, "DTSTAMP", c->stamp);
    bo_calendar_put_time(out, "DTSTART", c->starts);
    bo_calendar_put_time(out, "DTEND", c->ends);
    bo_calendar_put_line(out, "SUMMARY", &c->summary);
    bo_calendar_put_line(out, "LOCATION", &c->place);

    if (c->note.len) {
        bo_calendar_put_line(out, "DESCRIPTION", &c->note);
    }

    bo_put_lit(out, "END:VEVENT\r\nEND:VCALENDAR\r\n");
}


/* "2026-11-26T05:24:06.000Z" without its punctuation and the fraction */

static void
bo_calendar_put_time(bo_out_t *out, const char *name, int64_t ms)
{
    char  t[BO_TIME_LEN];

    bo_time_format(t, ms);

    bo_put(out, name, strlen(name));
    bo_put_char(out, ':');
    bo_put(out, t, 4);
    bo_put(out, t + 5, 2);
    bo_put(out, t + 8, 3);
    bo_put(out, t + 11, 2);
    bo_put(out, t + 14, 2);
    bo_put(out, t + 17, 2);
    bo_put_lit(out, "Z\r\n");
}


/* A text, escaped and folded between characters. */

static void
bo_calendar_put_line(bo_out_t *out, const char *name, const bo_text_t *value)
{
    size_t       i, size, width, column;
    uint32_t     c;
    const char  *p;

    bo_put(out, name, strlen(name));
    bo_put_char(out, ':');
    column = strlen(name) + 1;

    for (i = 0; i < value->len; i += size) {
        p = value->data + i;
        c = bo_utf8_next(p, value->len - i, &size);
        width = size;

        if (c == BO_UTF8_BAD) {
            p = "\xef\xbf\xbd";
            width = 3;

        } else if (bo_utf8_control(c)) {
            p = " ";
            width = 1;
        }

        if (column + width + 1 > BO_CALENDAR_LINE) {
            bo_put_lit(out, "\r\n ");
            column = 1;
        }

        if (c == ',' || c == ';' || c == '\\') {
            bo_put_char(out, '\\');
            column++;
        }

        bo_put(out, p, width);
        column += width;
    }

    bo_put_lit(out, "\r\n");
}
