
/*
 * Templates of messages: a text with places for values, and nothing that
 * could be called a language.
 *
 *     {{name}}                     the value, escaped as the kind asks for
 *     {{#name}} ... {{/name}}      only when the value is not empty
 *     {{^name}} ... {{/name}}      only when it is
 *
 * The names are the caller's.  A section's tag that stands alone on its line
 * takes the line with it.  A value comes from people and machines that are
 * not trusted: whatever is in it, it stays one piece of text within one line.
 */


#ifndef _BO_TEMPLATE_H_INCLUDED_
#define _BO_TEMPLATE_H_INCLUDED_


#include "bo_out.h"


#define BO_TEMPLATE_MAX    65536        /* bytes of a template */
#define BO_TEMPLATE_DEPTH  4            /* sections, one in another */


/* How values are escaped; the template's own text never is. */

typedef enum {
    BO_TEMPLATE_TEXT = 0,
    BO_TEMPLATE_HTML,                   /* in text or in quotes */
    BO_TEMPLATE_JSON,                   /* between double quotes */
    BO_TEMPLATE_URL                     /* RFC 3986, unreserved stay */
} bo_template_kind_e;


typedef struct {
    bo_text_t              text;
    bo_template_kind_e     kind;
    const char *const     *names;       /* of the values; ends in NULL */
} bo_template_t;


typedef struct {
    size_t                 line;        /* from 1 */
    const char            *why;
} bo_template_error_t;


/*
 * Returns 0 when the template can be rendered, or -1 with *error filled: a tag
 * that does not end, a name that is none, sections that do not fit together or
 * are too deep, bytes that are no UTF-8, control characters but for the tab
 * and the line feed, or more than BO_TEMPLATE_MAX bytes.
 */
int bo_template_check(const bo_template_t *t, bo_template_error_t *error);

/*
 * Writes a template that was checked; values[] are in the order of its names.
 * What is no UTF-8 in a value becomes U+FFFD, and what has no place in a line
 * a space.
 */
void bo_template_render(bo_out_t *out, const bo_template_t *t,
    const bo_text_t *values);

/* Writes one value as a template of this kind does. */
void bo_template_put(bo_out_t *out, bo_template_kind_e kind,
    const bo_text_t *value);


#endif /* _BO_TEMPLATE_H_INCLUDED_ */
