
/*
 * A strict reader of JSON that allocates nothing.
 */


#include "bo_doc.h"

#include <string.h>

#include "bo_utf8.h"


static void bo_doc_blank(bo_doc_t *doc);
static int bo_doc_value(bo_doc_t *doc, bo_doc_node_t **node);
static int bo_doc_word(bo_doc_t *doc, const char *word);
static int bo_doc_number(bo_doc_t *doc, bo_doc_node_t *node);
static int bo_doc_digits(bo_doc_t *doc);
static int bo_doc_string(bo_doc_t *doc, const char **data, size_t *len);
static int bo_doc_escape(bo_doc_t *doc, char **out);
static int bo_doc_unicode(bo_doc_t *doc, char **out);
static int bo_doc_hex(bo_doc_t *doc, uint32_t *unit);
static int bo_doc_array(bo_doc_t *doc, bo_doc_node_t *node);
static int bo_doc_object(bo_doc_t *doc, bo_doc_node_t *node);
static int bo_doc_name_is(const bo_doc_node_t *node, const char *path,
    size_t len);


int
bo_doc_read(bo_doc_t *doc, char *text, size_t len)
{
    bo_doc_node_t  *node;

    doc->n = 0;
    doc->depth = 0;
    doc->p = text;
    doc->last = text + len;

    if (bo_doc_value(doc, &node) != 0) {
        return -1;
    }

    return doc->p == doc->last ? 0 : -1;
}


static void
bo_doc_blank(bo_doc_t *doc)
{
    while (doc->p < doc->last
           && (*doc->p == ' ' || *doc->p == '\t' || *doc->p == '\n'
               || *doc->p == '\r'))
    {
        doc->p++;
    }
}


/* A value with the blanks around it. */

static int
bo_doc_value(bo_doc_t *doc, bo_doc_node_t **node)
{
    int             rc;
    bo_doc_node_t  *n;

    bo_doc_blank(doc);

    if (doc->p == doc->last || doc->n == doc->max) {
        return -1;
    }

    n = &doc->nodes[doc->n++];
    memset(n, 0, sizeof(bo_doc_node_t));
    *node = n;

    switch (*doc->p) {

    case '{':
        n->type = BO_DOC_OBJECT;
        rc = bo_doc_object(doc, n);
        break;

    case '[':
        n->type = BO_DOC_ARRAY;
        rc = bo_doc_array(doc, n);
        break;

    case '"':
        n->type = BO_DOC_STRING;
        rc = bo_doc_string(doc, &n->data, &n->len);
        break;

    case 't':
        n->type = BO_DOC_BOOLEAN;
        n->integer = 1;
        rc = bo_doc_word(doc, "true");
        break;

    case 'f':
        n->type = BO_DOC_BOOLEAN;
        rc = bo_doc_word(doc, "false");
        break;

    case 'n':
        rc = bo_doc_word(doc, "null");
        break;

    default:
        rc = bo_doc_number(doc, n);
    }

    bo_doc_blank(doc);

    return rc;
}


static int
bo_doc_word(bo_doc_t *doc, const char *word)
{
    size_t  len;

    len = strlen(word);

    if ((size_t) (doc->last - doc->p) < len || memcmp(doc->p, word, len) != 0)
    {
        return -1;
    }

    doc->p += len;

    return 0;
}


/* An integer that is too large is a number of another kind. */

static int
bo_doc_number(bo_doc_t *doc, bo_doc_node_t *node)
{
    int       negative;
    char     *p, *digits;
    uint64_t  value, limit;

    negative = *doc->p == '-';
    doc->p += negative;
    digits = doc->p;

    if (bo_doc_digits(doc) != 0
        || (*digits == '0' && doc->p - digits > 1))
    {
        return -1;
    }

    node->type = BO_DOC_INTEGER;
    limit = (uint64_t) INT64_MAX + (uint64_t) negative;
    value = 0;

    for (p = digits; p < doc->p; p++) {

        if (value > (limit - (uint64_t) (*p - '0')) / 10) {
            node->type = BO_DOC_NUMBER;
            break;
        }

        value = value * 10 + (uint64_t) (*p - '0');
    }

    if (node->type == BO_DOC_INTEGER) {
        node->integer = negative && value ? -1 - (int64_t) (value - 1)
                                          : (int64_t) value;
    }

    if (doc->p < doc->last && *doc->p == '.') {
        node->type = BO_DOC_NUMBER;
        doc->p++;

        if (bo_doc_digits(doc) != 0) {
            return -1;
        }
    }

    if (doc->p < doc->last && (*doc->p == 'e' || *doc->p == 'E')) {
        node->type = BO_DOC_NUMBER;
        doc->p++;

        if (doc->p < doc->last && (*doc->p == '+' || *doc->p == '-')) {
            doc->p++;
        }

        return bo_doc_digits(doc);
    }

    return 0;
}


/* One at least. */

static int
bo_doc_digits(bo_doc_t *doc)
{
    char  *start;

    start = doc->p;

    while (doc->p < doc->last && *doc->p >= '0' && *doc->p <= '9') {
        doc->p++;
    }

    return doc->p > start ? 0 : -1;
}


/* What is unescaped is never longer: it is written over what was read. */

static int
bo_doc_string(bo_doc_t *doc, const char **data, size_t *len)
{
    char    *out;
    size_t   size;

    out = ++doc->p;
    *data = out;

    while (doc->p < doc->last) {

        if (*doc->p == '"') {
            doc->p++;
            *len = (size_t) (out - *data);
            return 0;
        }

        if (*doc->p == '\\') {
            if (bo_doc_escape(doc, &out) != 0) {
                return -1;
            }

            continue;
        }

        if ((unsigned char) *doc->p < 0x20
            || bo_utf8_next(doc->p, (size_t) (doc->last - doc->p), &size)
               == BO_UTF8_BAD)
        {
            return -1;
        }

        memmove(out, doc->p, size);
        out += size;
        doc->p += size;
    }

    return -1;
}


static int
bo_doc_escape(bo_doc_t *doc, char **out)
{
    char         c;
    const char  *at;

    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";

    if (doc->last - doc->p < 2) {
        return -1;
    }

    c = doc->p[1];
    doc->p += 2;

    if (c == 'u') {
        return bo_doc_unicode(doc, out);
    }

    at = c ? strchr(from, c) : NULL;

    if (at == NULL) {
        return -1;
    }

    *(*out)++ = to[at - from];

    return 0;
}


static int
bo_doc_unicode(bo_doc_t *doc, char **out)
{
    char      *p;
    uint32_t   c, low;

    if (bo_doc_hex(doc, &c) != 0 || c == 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return -1;
    }

    if (c >= 0xd800 && c <= 0xdbff) {

        if (doc->last - doc->p < 2 || doc->p[0] != '\\' || doc->p[1] != 'u') {
            return -1;
        }

        doc->p += 2;

        if (bo_doc_hex(doc, &low) != 0 || low < 0xdc00 || low > 0xdfff) {
            return -1;
        }

        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }

    p = *out;

    if (c < 0x80) {
        *p++ = (char) c;

    } else if (c < 0x800) {
        *p++ = (char) (0xc0 | c >> 6);
        *p++ = (char) (0x80 | (c & 0x3f));

    } else if (c < 0x10000) {
        *p++ = (char) (0xe0 | c >> 12);
        *p++ = (char) (0x80 | (c >> 6 & 0x3f));
        *p++ = (char) (0x80 | (c & 0x3f));

    } else {
        *p++ = (char) (0xf0 | c >> 18);
        *p++ = (char) (0x80 | (c >> 12 & 0x3f));
        *p++ = (char) (0x80 | (c >> 6 & 0x3f));
        *p++ = (char) (0x80 | (c & 0x3f));
    }

    *out = p;

    return 0;
}


static int
bo_doc_hex(bo_doc_t *doc, uint32_t *unit)
{
    char       c;
    unsigned   i;

    if (doc->last - doc->p < 4) {
        return -1;
    }

    *unit = 0;

    for (i = 0; i < 4; i++) {
        c = *doc->p++;

        if (c >= '0' && c <= '9') {
            *unit = *unit << 4 | (uint32_t) (c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            *unit = *unit << 4 | (uint32_t) ((c | 0x20) - 'a' + 10);

        } else {
            return -1;
        }
    }

    return 0;
}


static int
bo_doc_array(bo_doc_t *doc, bo_doc_node_t *node)
{
    uint32_t       *link;
    bo_doc_node_t  *child;

    if (++doc->depth > BO_DOC_MAX_DEPTH) {
        return -1;
    }

    doc->p++;
    link = &node->first;
    bo_doc_blank(doc);

    if (doc->p < doc->last && *doc->p == ']') {
        doc->p++;
        doc->depth--;
        return 0;
    }

    for ( ;; ) {
        *link = doc->n;

        if (bo_doc_value(doc, &child) != 0 || doc->p == doc->last) {
            return -1;
        }

        link = &child->next;

        switch (*doc->p++) {

        case ',':
            continue;

        case ']':
            doc->depth--;
            return 0;

        default:
            return -1;
        }
    }
}


static int
bo_doc_object(bo_doc_t *doc, bo_doc_node_t *node)
{
    size_t          len;
    uint32_t       *link;
    unsigned        members;
    const char     *name;
    bo_doc_node_t  *child;

    if (++doc->depth > BO_DOC_MAX_DEPTH) {
        return -1;
    }

    doc->p++;
    link = &node->first;
    members = 0;
    bo_doc_blank(doc);

    if (doc->p < doc->last && *doc->p == '}') {
        doc->p++;
        doc->depth--;
        return 0;
    }

    for ( ;; ) {
        bo_doc_blank(doc);

        if (doc->p == doc->last || *doc->p != '"'
            || bo_doc_string(doc, &name, &len) != 0
            || ++members > BO_DOC_MAX_MEMBERS
            || bo_doc_member(doc, node, name, len) != NULL)
        {
            return -1;
        }

        bo_doc_blank(doc);

        if (doc->p == doc->last || *doc->p++ != ':') {
            return -1;
        }

        /* linked when it is complete: a search meets whole members only */

        if (bo_doc_value(doc, &child) != 0 || doc->p == doc->last) {
            return -1;
        }

        child->name = name;
        child->name_len = len;

        *link = (uint32_t) (child - doc->nodes);
        link = &child->next;

        switch (*doc->p++) {

        case ',':
            continue;

        case '}':
            doc->depth--;
            return 0;

        default:
            return -1;
        }
    }
}


const bo_doc_node_t *
bo_doc_member(const bo_doc_t *doc, const bo_doc_node_t *node,
    const char *name, size_t len)
{
    const bo_doc_node_t  *child;

    if (node == NULL || node->type != BO_DOC_OBJECT) {
        return NULL;
    }

    for (child = bo_doc_first(doc, node);
         child != NULL;
         child = bo_doc_next(doc, child))
    {
        if (child->name_len == len && memcmp(child->name, name, len) == 0) {
            return child;
        }
    }

    return NULL;
}


const bo_doc_node_t *
bo_doc_find(const bo_doc_t *doc, const char *path, size_t len)
{
    size_t                n;
    const char           *slash;
    const bo_doc_node_t  *node, *child;

    node = doc->nodes;

    if (len == 0 || *path != '/') {
        return bo_doc_member(doc, node, path, len);
    }

    while (len && node && node->type == BO_DOC_OBJECT) {
        path++;
        len--;

        slash = memchr(path, '/', len);
        n = slash ? (size_t) (slash - path) : len;

        for (child = bo_doc_first(doc, node);
             child != NULL && !bo_doc_name_is(child, path, n);
             child = bo_doc_next(doc, child))
        {
            /* void */
        }

        node = child;
        path += n;
        len -= n;
    }

    return len ? NULL : node;
}


/* By a token of a JSON Pointer: "~0" is '~', "~1" is '/'. */

static int
bo_doc_name_is(const bo_doc_node_t *node, const char *path, size_t len)
{
    char    c;
    size_t  i, j;

    for (i = 0, j = 0; i < len; i++, j++) {
        c = path[i];

        if (c == '~' && i + 1 < len
            && (path[i + 1] == '0' || path[i + 1] == '1'))
        {
            c = path[++i] == '0' ? '~' : '/';
        }

        if (j == node->name_len || node->name[j] != c) {
            return 0;
        }
    }

    return j == node->name_len;
}


int
bo_doc_is(const bo_doc_node_t *node, const char *text, size_t len)
{
    return node != NULL && node->type == BO_DOC_STRING && node->len == len
           && memcmp(node->data, text, len) == 0;
}
