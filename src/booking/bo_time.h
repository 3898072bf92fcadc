
/* Times in texts: RFC 3339, written in UTC with milliseconds. */


#ifndef _BO_TIME_H_INCLUDED_
#define _BO_TIME_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_TIME_LEN   24

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: RFC 3339's range */
#define BO_TIME_MIN   INT64_C(-62167219200000)
#define BO_TIME_MAX   INT64_C(253402300799999)


/*
 * Writes "2026-01-31T23:59:59.999Z": BO_TIME_LEN bytes without a NUL.
 * unix_ms: milliseconds since 1970; beyond BO_TIME_MIN and BO_TIME_MAX the
 * nearer of the two is written.
 */
void bo_time_format(char *out, int64_t unix_ms);

/*
 * Reads a date-time of RFC 3339, section 5.6: "T" and "Z" of either case, any
 * offset, a fraction of any length, of which milliseconds are kept (the rest
 * is cut off).  A leap second is taken where one may be, at the end of June
 * and December in UTC, and counts as the second that follows it.
 *
 * Returns 0, or -1 when the text is anything else or the time is beyond
 * BO_TIME_MIN and BO_TIME_MAX; *unix_ms is left alone then.
 */
int bo_time_parse(int64_t *unix_ms, const char *s, size_t len);


#endif /* _BO_TIME_H_INCLUDED_ */
