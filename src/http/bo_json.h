
/*
 * Reads the JSON body of a request into a struct, by a table of its fields.
 *
 * The syntax is RFC 8259's and nothing more; the top is an object; unknown
 * and repeated fields are refused.  jansson does the parsing; what it lets
 * pass, and what would cost too much, is refused before it is asked.
 */


#ifndef _BO_JSON_H_INCLUDED_
#define _BO_JSON_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_JSON_MAX_SIZE    262144      /* bytes of a body */
#define BO_JSON_MAX_DEPTH   8           /* objects and arrays, one in another */
#define BO_JSON_MAX_ITEMS   64          /* strings in all arrays of a body */


typedef struct {
    const char            *data;        /* UTF-8, no NUL within */
    size_t                 len;         /* bytes */
} bo_str_t;


typedef struct {
    const bo_str_t        *items;
    size_t                 n;
} bo_strs_t;


/* An object whose names are the caller's to check, such as prices. */

#define BO_JSON_MAX_INTEGERS  32

typedef struct {
    size_t                 n;
    bo_str_t               names[BO_JSON_MAX_INTEGERS];
    int64_t                values[BO_JSON_MAX_INTEGERS];
} bo_ints_t;


/* What a field is, and what is stored at its offset. */

typedef enum {
    BO_JSON_STRING,                     /* bo_str_t */
    BO_JSON_INTEGER,                    /* int64_t */
    BO_JSON_BOOLEAN,                    /* int, 0 or 1 */
    BO_JSON_STRINGS,                    /* bo_strs_t */
    BO_JSON_INTEGERS,                   /* bo_ints_t: an object of them */
    BO_JSON_NUMBER,                     /* nothing: see below */
    BO_JSON_FREE,                       /* nothing: see below */
    BO_JSON_TEXTS,                      /* nothing: see below */
    BO_JSON_OBJECT,                     /* a struct described by fields */
    BO_JSON_OBJECTS                     /* an array of such: see below */
} bo_json_type_e;


/*
 * A field of an object.  A table ends in an entry without a name.
 *
 * min, max: both included; bytes of a STRING, value of an INTEGER or a NUMBER,
 * number of STRINGS, TEXTS, INTEGERS or OBJECTS, members of a FREE object; not
 * used for the rest.
 * A NUMBER may have a fraction, a FREE object any members, and TEXTS are
 * strings, as many as max says: they are looked at here and read by somebody
 * else, so nothing is stored.
 * item_max: bytes of each of the STRINGS or TEXTS, one at least; value of
 * each of the INTEGERS, which are 0 or more.
 * fields: of an OBJECT; their offsets count from the start of its own struct.
 * Of OBJECTS, too: at the offset is a size_t, which takes their number, and
 * behind it the first of max structs of item_max bytes each, aligned like it.
 */

typedef struct bo_json_field_s  bo_json_field_t;

struct bo_json_field_s {
    const char            *name;
    bo_json_type_e         type;
    size_t                 offset;
    int                    required;
    int64_t                min;
    int64_t                max;
    size_t                 item_max;
    const bo_json_field_t *fields;
};


typedef enum {
    BO_JSON_OK = 0,
    BO_JSON_SYNTAX,                     /* not JSON, too deep, no object */
    BO_JSON_TOO_LARGE,                  /* above BO_JSON_MAX_SIZE */
    BO_JSON_UNKNOWN_FIELD,
    BO_JSON_DUPLICATE_FIELD,
    BO_JSON_MISSING_FIELD,
    BO_JSON_WRONG_TYPE,
    BO_JSON_OUT_OF_RANGE,
    BO_JSON_NO_MEMORY                   /* SYNTAX may be said instead */
} bo_json_code_e;


/*
 * field and parent are names of the table, never of the body.
 * field: the field at fault; NULL when it has no name in the table or is not
 * known (SYNTAX, UNKNOWN_FIELD, DUPLICATE_FIELD and numbers beyond int64_t,
 * which are OUT_OF_RANGE before an error of syntax behind them is seen).
 * parent: the OBJECT it is in; NULL at the top.
 */
typedef struct {
    bo_json_code_e         code;
    const char            *field;
    const char            *parent;
} bo_json_error_t;


/* Owns what the strings point into; lives on the caller's stack or pool. */

typedef struct {
    void                  *root;
    size_t                 nitems;
    bo_str_t               items[BO_JSON_MAX_ITEMS];
} bo_json_doc_t;


/*
 * Prepares jansson; call once in the master process.  Without it the first
 * request of a worker would wait for a read of /dev/urandom.
 */
void bo_json_init(void);

/*
 * Reads buf into out; without fields, only checks that it is an object of the
 * syntax.  Optional fields that are absent leave their place in
 * out alone: the caller puts the defaults there before.  null is no value of
 * any type.  A string that has \u0000 in it is OUT_OF_RANGE: PostgreSQL cannot
 * store it.  An INTEGER is written without a fraction and an exponent.
 *
 * Returns 0, and the caller calls bo_json_free(doc) when done with the
 * strings; or -1 with *error filled: out may be partly written then, its
 * strings are gone and there is nothing to free.
 */
int bo_json_read(bo_json_doc_t *doc, const char *buf, size_t len,
    const bo_json_field_t *fields, void *out, bo_json_error_t *error);

/*
 * Releases what doc owns; may be called again, and after a failed read.
 */
void bo_json_free(bo_json_doc_t *doc);


#endif /* _BO_JSON_H_INCLUDED_ */
