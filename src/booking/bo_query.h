
/*
 * The query of a URL, read by a table: what is not in the table, what comes
 * twice and what has a value that it cannot have is refused.  Values come out
 * in one form each, so that requests that mean the same are the same.
 */


#ifndef _BO_QUERY_H_INCLUDED_
#define _BO_QUERY_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_QUERY_MAX_FIELDS  8
#define BO_QUERY_MAX         2048      /* bytes of a query */


typedef enum {
    BO_QUERY_TEXT = 0,  /* UTF-8 of one line; spaces at its ends are dropped,
                         * several in a row become one; min..max bytes */
    BO_QUERY_NUMBER,    /* decimal, no sign, no leading zero; min..max */
    BO_QUERY_UUID,      /* lower case */
    BO_QUERY_DATE,      /* YYYY-MM-DD of the calendar, years 1..9999 */
    BO_QUERY_PLACE      /* "latitude,longitude" in degrees, at most 8 decimals;
                         * comes out with 3, some 100 meters */
} bo_query_type_e;


typedef struct {
    const char        *name;                /* NULL ends a table */
    bo_query_type_e    type;
    unsigned           min;
    unsigned           max;
} bo_query_field_t;


/* data is NULL where the query has none; it lives in the caller's buffer. */

typedef struct {
    const char        *data;
    size_t             len;
} bo_query_value_t;


/*
 * Reads len bytes at s, what follows the "?", into values[], one for each
 * field of the table, at most BO_QUERY_MAX_FIELDS.  "%41" and "+" are decoded
 * in values, not in names.  buf has BO_QUERY_MAX bytes for the values.
 *
 * Returns 0, or -1 when it is refused; *bad is then the name of the field that
 * was meant, or NULL when there is none.
 */
int bo_query_parse(bo_query_value_t *values, char *buf,
    const bo_query_field_t *fields, const char *s, size_t len,
    const char **bad);

/*
 * Whether len bytes at text are a day there is, as "2026-11-24" (RFC 3339,
 * section 5.6, full-date).  Returns 0, or -1 when they are not.
 */
int bo_query_date(const char *text, size_t len);


#endif /* _BO_QUERY_H_INCLUDED_ */
