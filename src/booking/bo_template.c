
/*
 * Templates of messages.
 */


#include "bo_template.h"
#include "bo_utf8.h"



#define BO_TEMPLATE_VALUE   0
#define BO_TEMPLATE_IF      '#'
#define BO_TEMPLATE_UNLESS  '^'
#define BO_TEMPLATE_END     '/'


typedef struct {
    size_t                 start;       /* of what the tag takes away */
    size_t                 end;
    char                   type;
    int                    name;        /* index, or -1 */
} bo_template_tag_t;


static int bo_template_tag(const bo_template_t *t, size_t at,
    bo_template_tag_t *tag);
static int bo_template_name(const bo_template_t *t, const char *s,
    size_t len);
static void bo_template_alone(const bo_template_t *t,
    bo_template_tag_t *tag);
static int bo_template_check_text(const bo_template_t *t,
    bo_template_error_t *error);
static int bo_template_fail(const bo_template_t *t, size_t at,
    bo_template_error_t *error, const char *why);
static void bo_template_put_char(bo_out_t *out, bo_template_kind_e kind,
    const char *s, size_t size);


int
bo_template_check(const bo_template_t *t, bo_template_error_t *error)
{
    int                open[BO_TEMPLATE_DEPTH];
    size_t             at, depth;
    bo_template_tag_t  tag;

    if (bo_template_check_text(t, error) != 0) {
        return -1;
    }

    depth = 0;

    for (at = 0; bo_template_tag(t, at, &tag); at = tag.end) {

        if (tag.end > t->text.len) {
            return bo_template_fail(t, tag.start, error,
                                    "a tag does not end on its line");
        }

        if (tag.name == -1) {
            return bo_template_fail(t, tag.start, error,
                                    "a tag has an unknown name");
        }

        switch (tag.type) {

        case BO_TEMPLATE_IF:
        case BO_TEMPLATE_UNLESS:
            if (depth == BO_TEMPLATE_DEPTH) {
                return bo_template_fail(t, tag.start, error,
                                        "too many sections in each other");
            }

            open[depth++] = tag.name;
            break;

        case BO_TEMPLATE_END:
            if (depth == 0 || open[depth - 1] != tag.name) {
                return bo_template_fail(t, tag.start, error,
                                        "it ends a section that is not open");
            }

            depth--;
            break;

        default:
            break;
        }
    }

    if (depth) {
        return bo_template_fail(t, t->text.len, error,
                                "a section does not end");
    }

    return 0;
}


void
bo_template_render(bo_out_t *out, const bo_template_t *t,
    const bo_text_t *values)
{
    size_t             at, depth, hidden;
    bo_template_tag_t  tag;

    depth = 0;
    hidden = 0;        /* depth from which nothing is shown; 0: all is */

    for (at = 0; bo_template_tag(t, at, &tag); at = tag.end) {

        if (!hidden) {
            bo_put(out, t->text.data + at, tag.start - at);
        }

        switch (tag.type) {

        case BO_TEMPLATE_IF:
        case BO_TEMPLATE_UNLESS:
            depth++;

            if (!hidden
                && (values[tag.name].len == 0) == (tag.type == BO_TEMPLATE_IF))
            {
                hidden = depth;
            }

            break;

        case BO_TEMPLATE_END:
            if (hidden == depth) {
                hidden = 0;
            }

            depth--;
            break;

        default:
            if (!hidden) {
                bo_template_put(out, t->kind, &values[tag.name]);
            }
        }
    }

    bo_put(out, t->text.data + at, t->text.len - at);
}


void
bo_template_put(bo_out_t *out, bo_template_kind_e kind,
    const bo_text_t *value)
{
    size_t    i, size;
    uint32_t  c;

    for (i = 0; i < value->len; i += size) {
        c = bo_utf8_next(value->data + i, value->len - i, &size);

        if (c == BO_UTF8_BAD) {
            bo_template_put_char(out, kind, "\xef\xbf\xbd", 3);

        } else if (bo_utf8_control(c)) {
            bo_template_put_char(out, kind, " ", 1);

        } else {
            bo_template_put_char(out, kind, value->data + i, size);
        }
    }
}


static void
bo_template_put_char(bo_out_t *out, bo_template_kind_e kind, const char *s,
    size_t size)
{
    size_t       i;
    const char  *p;

    static const char  hex[] = "0123456789ABCDEF";
    static const char  unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "abcdefghijklmnopqrstuvwxyz"
                                      "0123456789-._~";
    static const char  special[] = "&<>\"'";

    static const char *const  entities[] = {
        "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"
    };

    if (kind == BO_TEMPLATE_HTML && size == 1
        && (p = memchr(special, *s, sizeof(special) - 1)) != NULL)
    {
        p = entities[p - special];
        bo_put(out, p, strlen(p));
        return;
    }

    if (kind == BO_TEMPLATE_JSON && (*s == '"' || *s == '\\')) {
        bo_put_char(out, '\\');

    } else if (kind == BO_TEMPLATE_URL
               && (size > 1
                   || memchr(unreserved, *s, sizeof(unreserved) - 1) == NULL))
    {
        for (i = 0; i < size; i++) {
            bo_put_char(out, '%');
            bo_put_char(out, hex[(unsigned char) s[i] >> 4]);
            bo_put_char(out, hex[s[i] & 15]);
        }

        return;
    }

    bo_put(out, s, size);
}


/*
 * The first tag at or after a place: 1, or 0 when there is none.  An end beyond
 * the text is a tag that does not end.
 */

static int
bo_template_tag(const bo_template_t *t, size_t at, bo_template_tag_t *tag)
{
    size_t       len;
    const char  *p, *name, *end, *last;

    last = t->text.data + t->text.len;

    for (p = t->text.data + at; last - p >= 2; p++) {
        if (p[0] == '{' && p[1] == '{') {
            break;
        }
    }

    if (last - p < 2) {
        return 0;
    }

    tag->start = p - t->text.data;
    tag->end = t->text.len + 1;
    tag->type = BO_TEMPLATE_VALUE;
    tag->name = -1;

    name = p + 2;

    if (name < last && (*name == '#' || *name == '^' || *name == '/')) {
        tag->type = *name++;
    }

    for (end = name; last - end >= 2; end++) {

        if (*end == '\n') {
            return 1;
        }

        if (end[0] == '}' && end[1] == '}') {
            len = end - name;
            tag->end = end + 2 - t->text.data;
            tag->name = bo_template_name(t, name, len);
            bo_template_alone(t, tag);
            return 1;
        }
    }

    return 1;
}


static int
bo_template_name(const bo_template_t *t, const char *s, size_t len)
{
    int  i;

    for (i = 0; t->names[i]; i++) {
        if (strlen(t->names[i]) == len && memcmp(t->names[i], s, len) == 0) {
            return i;
        }
    }

    return -1;
}


/* The line feed goes with a section's tag that has the line for itself. */

static void
bo_template_alone(const bo_template_t *t, bo_template_tag_t *tag)
{
    const char  *s = t->text.data;

    if (tag->type != BO_TEMPLATE_VALUE
        && (tag->start == 0 || s[tag->start - 1] == '\n')
        && tag->end < t->text.len && s[tag->end] == '\n')
    {
        tag->end++;
    }
}


static int
bo_template_check_text(const bo_template_t *t, bo_template_error_t *error)
{
    size_t    i, size;
    uint32_t  c;

    if (t->text.len > BO_TEMPLATE_MAX) {
        return bo_template_fail(t, 0, error, "it is longer than 64 KB");
    }

    for (i = 0; i < t->text.len; i += size) {
        c = bo_utf8_next(t->text.data + i, t->text.len - i, &size);

        if (c == BO_UTF8_BAD) {
            return bo_template_fail(t, i, error, "it is not UTF-8");
        }

        if (c != '\n' && c != '\t' && (c < 0x20 || c == 0x7f)) {
            return bo_template_fail(t, i, error,
                                    "it has a control character");
        }
    }

    return 0;
}


static int
bo_template_fail(const bo_template_t *t, size_t at,
    bo_template_error_t *error, const char *why)
{
    size_t  i;

    error->line = 1;
    error->why = why;

    for (i = 0; i < at; i++) {
        error->line += t->text.data[i] == '\n';
    }

    return -1;
}
