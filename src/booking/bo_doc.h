
/*
 * A JSON document of others, read strictly into nodes that the caller has room
 * for: claims, keys.  Who knows each field in advance reads with bo_json.h.
 *
 * The syntax is RFC 8259's and nothing more, in UTF-8.  A name twice in an
 * object, U+0000 in a string, half a surrogate pair, and what is deeper or
 * larger than its bounds are refused.
 */


#ifndef _BO_DOC_H_INCLUDED_
#define _BO_DOC_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_DOC_MAX_DEPTH    8       /* objects and arrays, one in another */
#define BO_DOC_MAX_MEMBERS  64      /* of an object */


typedef enum {
    BO_DOC_NULL = 0,
    BO_DOC_BOOLEAN,
    BO_DOC_INTEGER,                 /* no fraction, no exponent, an int64_t */
    BO_DOC_NUMBER,                  /* any other */
    BO_DOC_STRING,
    BO_DOC_ARRAY,
    BO_DOC_OBJECT
} bo_doc_type_e;


typedef struct {
    bo_doc_type_e            type;
    uint32_t                 first;     /* node of the first child, 0: none */
    uint32_t                 next;      /* of the next sibling, 0: none */
    const char              *name;      /* of a member, not terminated */
    size_t                   name_len;
    const char              *data;      /* of a STRING, not terminated */
    size_t                   len;
    int64_t                  integer;   /* of an INTEGER, a BOOLEAN */
} bo_doc_node_t;


typedef struct {
    bo_doc_node_t           *nodes;     /* the first is the document's value */
    uint32_t                 n;
    uint32_t                 max;       /* that there is room for */

    /* while reading */
    char                    *p;
    char                    *last;
    unsigned                 depth;
} bo_doc_t;


/*
 * Reads text[0..len); doc->nodes and doc->max are set.  Strings are unescaped
 * where they are, so the text is changed, and must live as long as the nodes.
 * Returns 0, or -1 when it is not to be taken.
 */
int bo_doc_read(bo_doc_t *doc, char *text, size_t len);

/* The member of an object, or NULL; node may be NULL or of any type. */
const bo_doc_node_t *bo_doc_member(const bo_doc_t *doc,
    const bo_doc_node_t *node, const char *name, size_t len);

/* For a name that is a literal. */
#define bo_doc_get(doc, node, name)                                           \
    bo_doc_member(doc, node, name, sizeof(name) - 1)

/*
 * A member of the document by its name or, when path begins with '/', what
 * that JSON Pointer (RFC 6901) leads to, through objects only; or NULL.
 */
const bo_doc_node_t *bo_doc_find(const bo_doc_t *doc, const char *path,
    size_t len);

/* The first child, or the next sibling; NULL when there is none. */
#define bo_doc_first(doc, node)                                               \
    ((node)->first ? &(doc)->nodes[(node)->first] : NULL)
#define bo_doc_next(doc, node)                                                \
    ((node)->next ? &(doc)->nodes[(node)->next] : NULL)

/* 1 when it is this text. */
int bo_doc_is(const bo_doc_node_t *node, const char *text, size_t len);


#endif /* _BO_DOC_H_INCLUDED_ */
