
#include <string.h>

#include <jansson.h>

#include "bo_json.h"


static int bo_json_scan(const char *buf, size_t len);
static bo_json_code_e bo_json_code(const json_error_t *error);
static bo_json_code_e bo_json_object(bo_json_doc_t *doc, json_t *object,
    const bo_json_field_t *fields, char *out, bo_json_error_t *error);
static bo_json_code_e bo_json_value(bo_json_doc_t *doc, json_t *value,
    const bo_json_field_t *field, char *out, bo_json_error_t *error);
static bo_json_code_e bo_json_string(json_t *value, int64_t min, int64_t max,
    bo_str_t *out);
static bo_json_code_e bo_json_integer(json_t *value,
    const bo_json_field_t *field, int64_t *out);
static bo_json_code_e bo_json_number(json_t *value,
    const bo_json_field_t *field);
static bo_json_code_e bo_json_texts(json_t *value,
    const bo_json_field_t *field);
static bo_json_code_e bo_json_free_object(json_t *value,
    const bo_json_field_t *field);
static bo_json_code_e bo_json_integers(json_t *object,
    const bo_json_field_t *field, bo_ints_t *out);
static bo_json_code_e bo_json_inner(bo_json_doc_t *doc, json_t *object,
    const bo_json_field_t *field, char *out, bo_json_error_t *error);
static bo_json_code_e bo_json_objects(bo_json_doc_t *doc, json_t *value,
    const bo_json_field_t *field, char *out, bo_json_error_t *error);
static bo_json_code_e bo_json_strings(bo_json_doc_t *doc, json_t *value,
    const bo_json_field_t *field, bo_strs_t *out);


void
bo_json_init(void)
{
    /* 0: jansson takes a seed of the system's and keeps it */

    json_object_seed(0);
}


int
bo_json_read(bo_json_doc_t *doc, const char *buf, size_t len,
    const bo_json_field_t *fields, void *out, bo_json_error_t *error)
{
    json_t        *root;
    json_error_t   jerror;

    doc->root = NULL;
    doc->nitems = 0;

    error->field = NULL;
    error->parent = NULL;

    if (len > BO_JSON_MAX_SIZE) {
        error->code = BO_JSON_TOO_LARGE;
        return -1;
    }

    if (bo_json_scan(buf, len) != 0) {
        error->code = BO_JSON_SYNTAX;
        return -1;
    }

    /* jansson sets the code on most errors only, not when memory is short */

    memset(&jerror, 0, sizeof(json_error_t));

    root = json_loadb(buf, len, JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &jerror);
    if (root == NULL) {
        error->code = bo_json_code(&jerror);
        return -1;
    }

    doc->root = root;

    if (!json_is_object(root)) {
        error->code = BO_JSON_SYNTAX;

    } else if (fields == NULL) {
        error->code = BO_JSON_OK;

    } else {
        error->code = bo_json_object(doc, root, fields, out, error);
    }

    if (error->code != BO_JSON_OK) {
        bo_json_free(doc);
        return -1;
    }

    return 0;
}


void
bo_json_free(bo_json_doc_t *doc)
{
    json_decref(doc->root);

    doc->root = NULL;
    doc->nitems = 0;
}


/*
 * Refuses what jansson would accept: a NUL byte (it takes one at the end) and
 * a depth that would cost stack.  Up to its first error jansson sees the same
 * strings and brackets, so it never goes deeper than was counted here.
 */

static int
bo_json_scan(const char *buf, size_t len)
{
    int     depth, quoted;
    size_t  i;

    depth = 0;
    quoted = 0;

    for (i = 0; i < len; i++) {

        switch (buf[i]) {

        case '\0':
            return -1;

        case '"':
            quoted = !quoted;
            break;

        case '\\':

            /* the next one is escaped, a quote too; a NUL is looked at */

            if (quoted && i + 1 < len && buf[i + 1] != '\0') {
                i++;
            }

            break;

        case '{':
        case '[':
            if (!quoted && ++depth > BO_JSON_MAX_DEPTH) {
                return -1;
            }

            break;

        case '}':
        case ']':
            if (!quoted) {
                depth--;
            }

            break;
        }
    }

    return 0;
}


static bo_json_code_e
bo_json_code(const json_error_t *error)
{
    switch (json_error_code(error)) {

    case json_error_unknown:
    case json_error_out_of_memory:
        return BO_JSON_NO_MEMORY;

    case json_error_duplicate_key:
        return BO_JSON_DUPLICATE_FIELD;

    case json_error_numeric_overflow:
        return BO_JSON_OUT_OF_RANGE;

    case json_error_null_byte_in_key:

        /* "\u0000" within a name: no table has such a field */

        return BO_JSON_UNKNOWN_FIELD;

    default:
        return BO_JSON_SYNTAX;
    }
}


static bo_json_code_e
bo_json_object(bo_json_doc_t *doc, json_t *object,
    const bo_json_field_t *fields, char *out, bo_json_error_t *error)
{
    size_t                  found;
    json_t                 *value;
    bo_json_code_e          rc;
    const bo_json_field_t  *field;

    found = 0;

    for (field = fields; field->name; field++) {

        value = json_object_get(object, field->name);

        if (value == NULL) {

            if (field->required) {
                error->field = field->name;
                return BO_JSON_MISSING_FIELD;
            }

            continue;
        }

        found++;

        rc = bo_json_value(doc, value, field, out + field->offset, error);

        if (rc != BO_JSON_OK) {
            return rc;
        }
    }

    /* names are unique in the object, so each one left over is unknown */

    if (found != json_object_size(object)) {
        return BO_JSON_UNKNOWN_FIELD;
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_value(bo_json_doc_t *doc, json_t *value, const bo_json_field_t *field,
    char *out, bo_json_error_t *error)
{
    bo_json_code_e  rc;

    rc = BO_JSON_WRONG_TYPE;

    switch (field->type) {

    case BO_JSON_STRING:
        rc = bo_json_string(value, field->min, field->max,
                            (bo_str_t *) (void *) out);
        break;

    case BO_JSON_INTEGER:
        rc = bo_json_integer(value, field, (int64_t *) (void *) out);
        break;

    case BO_JSON_BOOLEAN:
        if (json_is_boolean(value)) {
            *(int *) (void *) out = json_is_true(value);
            rc = BO_JSON_OK;
        }

        break;

    case BO_JSON_STRINGS:
        rc = bo_json_strings(doc, value, field, (bo_strs_t *) (void *) out);
        break;

    case BO_JSON_INTEGERS:
        rc = bo_json_integers(value, field, (bo_ints_t *) (void *) out);
        break;

    case BO_JSON_NUMBER:
        rc = bo_json_number(value, field);
        break;

    case BO_JSON_TEXTS:
        rc = bo_json_texts(value, field);
        break;

    case BO_JSON_FREE:
        rc = bo_json_free_object(value, field);
        break;

    case BO_JSON_OBJECT:
        if (json_is_object(value)) {
            return bo_json_inner(doc, value, field, out, error);
        }

        break;

    case BO_JSON_OBJECTS:
        rc = bo_json_objects(doc, value, field, out, error);

        if (rc != BO_JSON_OK && error->parent == field->name) {
            return rc;      /* one of them, and its field is named */
        }

        break;
    }

    if (rc != BO_JSON_OK) {
        error->field = field->name;
    }

    return rc;
}


/* On an error parent stays: it is where the field at fault is. */

static bo_json_code_e
bo_json_inner(bo_json_doc_t *doc, json_t *object,
    const bo_json_field_t *field, char *out, bo_json_error_t *error)
{
    const char      *parent;
    bo_json_code_e   rc;

    parent = error->parent;
    error->parent = field->name;

    rc = bo_json_object(doc, object, field->fields, out, error);

    if (rc == BO_JSON_OK) {
        error->parent = parent;
    }

    return rc;
}


static bo_json_code_e
bo_json_objects(bo_json_doc_t *doc, json_t *value,
    const bo_json_field_t *field, char *out, bo_json_error_t *error)
{
    size_t           i, n;
    json_t          *item;
    bo_json_code_e   rc;

    if (!json_is_array(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    n = json_array_size(value);

    if ((int64_t) n < field->min || (int64_t) n > field->max) {
        return BO_JSON_OUT_OF_RANGE;
    }

    *(size_t *) (void *) out = n;
    out += sizeof(size_t);

    for (i = 0; i < n; i++) {
        item = json_array_get(value, i);

        if (!json_is_object(item)) {
            return BO_JSON_WRONG_TYPE;
        }

        rc = bo_json_inner(doc, item, field, out + i * field->item_max,
                           error);

        if (rc != BO_JSON_OK) {
            return rc;
        }
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_string(json_t *value, int64_t min, int64_t max, bo_str_t *out)
{
    size_t       len;
    const char  *data;

    if (!json_is_string(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    data = json_string_value(value);
    len = json_string_length(value);

    if ((int64_t) len < min || (int64_t) len > max || memchr(data, '\0', len)) {
        return BO_JSON_OUT_OF_RANGE;
    }

    out->data = data;
    out->len = len;

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_integer(json_t *value, const bo_json_field_t *field, int64_t *out)
{
    json_int_t  n;

    if (!json_is_integer(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    n = json_integer_value(value);

    if (n < field->min || n > field->max) {
        return BO_JSON_OUT_OF_RANGE;
    }

    *out = n;

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_number(json_t *value, const bo_json_field_t *field)
{
    double  n;

    if (!json_is_number(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    n = json_number_value(value);

    if (n < (double) field->min || n > (double) field->max) {
        return BO_JSON_OUT_OF_RANGE;
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_texts(json_t *value, const bo_json_field_t *field)
{
    size_t          i;
    bo_str_t        text;
    bo_json_code_e  rc;

    if (!json_is_array(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    if ((int64_t) json_array_size(value) < field->min
        || (int64_t) json_array_size(value) > field->max)
    {
        return BO_JSON_OUT_OF_RANGE;
    }

    for (i = 0; i < json_array_size(value); i++) {
        rc = bo_json_string(json_array_get(value, i), 1,
                            (int64_t) field->item_max, &text);

        if (rc != BO_JSON_OK) {
            return rc;
        }
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_free_object(json_t *value, const bo_json_field_t *field)
{
    if (!json_is_object(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    if ((int64_t) json_object_size(value) < field->min
        || (int64_t) json_object_size(value) > field->max)
    {
        return BO_JSON_OUT_OF_RANGE;
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_integers(json_t *object, const bo_json_field_t *field, bo_ints_t *out)
{
    json_t      *value;
    json_int_t   n;
    const char  *name;

    if (!json_is_object(object)) {
        return BO_JSON_WRONG_TYPE;
    }

    if ((int64_t) json_object_size(object) < field->min
        || (int64_t) json_object_size(object) > field->max
        || json_object_size(object) > BO_JSON_MAX_INTEGERS)
    {
        return BO_JSON_OUT_OF_RANGE;
    }

    out->n = 0;

    json_object_foreach(object, name, value) {

        if (!json_is_integer(value)) {
            return BO_JSON_WRONG_TYPE;
        }

        n = json_integer_value(value);

        if (n < 0 || n > (json_int_t) field->item_max) {
            return BO_JSON_OUT_OF_RANGE;
        }

        out->names[out->n].data = name;
        out->names[out->n].len = strlen(name);
        out->values[out->n++] = n;
    }

    return BO_JSON_OK;
}


static bo_json_code_e
bo_json_strings(bo_json_doc_t *doc, json_t *value,
    const bo_json_field_t *field, bo_strs_t *out)
{
    size_t          i, n;
    bo_str_t       *items;
    bo_json_code_e  rc;

    if (!json_is_array(value)) {
        return BO_JSON_WRONG_TYPE;
    }

    n = json_array_size(value);

    if ((int64_t) n < field->min || (int64_t) n > field->max
        || n > BO_JSON_MAX_ITEMS - doc->nitems)
    {
        return BO_JSON_OUT_OF_RANGE;
    }

    items = &doc->items[doc->nitems];

    for (i = 0; i < n; i++) {

        rc = bo_json_string(json_array_get(value, i), 1,
                            (int64_t) field->item_max, &items[i]);

        if (rc != BO_JSON_OK) {
            return rc;
        }
    }

    doc->nitems += n;

    out->items = items;
    out->n = n;

    return BO_JSON_OK;
}
