
#include "bo_time.h"


#define BO_TIME_DAY    INT64_C(86400000)

/*
 * Years are counted from March here, so that a leap day is the last of its
 * year; days from 0000-03-01, which is this many before 1970-01-01.
 */

#define BO_TIME_MARCH   719468

#define BO_TIME_ERA     146097              /* days of 400 years */


typedef struct {
    int                    year;            /* 0..9999 */
    int                    month;           /* 1..12 */
    int                    day;             /* 1..31 */
} bo_date_t;


static void bo_time_date(bo_date_t *date, int64_t days);
static int64_t bo_time_days(const bo_date_t *date);
static int bo_time_month_days(int year, int month);
static char *bo_time_digits(char *p, unsigned value, unsigned n);
static int bo_time_read(const char *s, unsigned n);
static int bo_time_read_date(int64_t *days, const char *s);
static int bo_time_read_clock(int64_t *ms, int *leap, const char *s);
static const char *bo_time_read_fraction(int64_t *ms, const char *p,
    const char *end);
static int bo_time_read_offset(int64_t *ms, const char *p, const char *end);
static int bo_time_leap(int64_t unix_ms);


void
bo_time_format(char *out, int64_t unix_ms)
{
    char       *p;
    int64_t     since, days;
    unsigned    ms;
    bo_date_t   date;

    if (unix_ms < BO_TIME_MIN) {
        unix_ms = BO_TIME_MIN;
    }

    if (unix_ms > BO_TIME_MAX) {
        unix_ms = BO_TIME_MAX;
    }

    /* from the range's first day on nothing is negative */

    since = unix_ms - BO_TIME_MIN;
    days = since / BO_TIME_DAY;
    ms = (unsigned) (since % BO_TIME_DAY);

    bo_time_date(&date, days + BO_TIME_MIN / BO_TIME_DAY);

    p = bo_time_digits(out, (unsigned) date.year, 4);
    *p++ = '-';
    p = bo_time_digits(p, (unsigned) date.month, 2);
    *p++ = '-';
    p = bo_time_digits(p, (unsigned) date.day, 2);
    *p++ = 'T';
    p = bo_time_digits(p, ms / 3600000, 2);
    *p++ = ':';
    p = bo_time_digits(p, ms / 60000 % 60, 2);
    *p++ = ':';
    p = bo_time_digits(p, ms / 1000 % 60, 2);
    *p++ = '.';
    p = bo_time_digits(p, ms % 1000, 3);
    *p = 'Z';
}


int
bo_time_parse(int64_t *unix_ms, const char *s, size_t len)
{
    int          leap;
    int64_t      days, clock, fraction, offset, ms;
    const char  *p, *end;

    /* the shortest is "2026-01-31T23:59:59Z" */

    if (len < 20
        || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't')
        || s[13] != ':' || s[16] != ':')
    {
        return -1;
    }

    if (bo_time_read_date(&days, s) != 0
        || bo_time_read_clock(&clock, &leap, s + 11) != 0)
    {
        return -1;
    }

    end = s + len;

    p = bo_time_read_fraction(&fraction, s + 19, end);

    if (p == NULL || bo_time_read_offset(&offset, p, end) != 0) {
        return -1;
    }

    ms = days * BO_TIME_DAY + clock - offset;

    if (leap && !bo_time_leap(ms)) {
        return -1;
    }

    ms += fraction;

    if (ms < BO_TIME_MIN || ms > BO_TIME_MAX) {
        return -1;
    }

    *unix_ms = ms;

    return 0;
}


/* days: since 1970-01-01, within the range of RFC 3339 */

static void
bo_time_date(bo_date_t *date, int64_t days)
{
    int  era, day, year, month;

    /* one era more keeps January and February of the year 0 positive */

    days += BO_TIME_MARCH + BO_TIME_ERA;

    era = (int) (days / BO_TIME_ERA);
    day = (int) (days % BO_TIME_ERA);

    /*
     * Without its leap days an era's year is 365 days.  A leap day comes at
     * the end of each 1,461 days, but for the centuries (36,524 days), but
     * for the last of the four.
     */

    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= year * 365 + year / 4 - year / 100;

    /* from March on, months repeat their lengths every 153 days, five each */

    month = (day * 5 + 2) / 153;
    day -= (month * 153 + 2) / 5;

    year += (era - 1) * 400;

    if (month >= 10) {
        year++;
        month -= 12;
    }

    date->year = year;
    date->month = month + 3;
    date->day = day + 1;
}


/* The inverse: returns days since 1970-01-01. */

static int64_t
bo_time_days(const bo_date_t *date)
{
    int  year, month;

    year = date->year + 400;
    month = date->month - 3;

    if (month < 0) {
        year--;
        month += 12;
    }

    return (int64_t) year * 365 + year / 4 - year / 100 + year / 400
           + (month * 153 + 2) / 5 + date->day - 1
           - BO_TIME_ERA - BO_TIME_MARCH;
}


static int
bo_time_month_days(int year, int month)
{
    static const uint8_t  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


static char *
bo_time_digits(char *p, unsigned value, unsigned n)
{
    unsigned  i;

    for (i = n; i > 0; i--) {
        p[i - 1] = (char) ('0' + value % 10);
        value /= 10;
    }

    return p + n;
}


/* Returns the number of n digits, or -1 when one is none. */

static int
bo_time_read(const char *s, unsigned n)
{
    int       value;
    unsigned  i;

    value = 0;

    for (i = 0; i < n; i++) {

        if (s[i] < '0' || s[i] > '9') {
            return -1;
        }

        value = value * 10 + (s[i] - '0');
    }

    return value;
}


static int
bo_time_read_date(int64_t *days, const char *s)
{
    bo_date_t  date;

    date.year = bo_time_read(s, 4);
    date.month = bo_time_read(s + 5, 2);
    date.day = bo_time_read(s + 8, 2);

    if (date.year < 0 || date.month < 1 || date.month > 12 || date.day < 1
        || date.day > bo_time_month_days(date.year, date.month))
    {
        return -1;
    }

    *days = bo_time_days(&date);

    return 0;
}


/* A leap second is returned as the one that follows it, and *leap is set. */

static int
bo_time_read_clock(int64_t *ms, int *leap, const char *s)
{
    int  hour, minute, second;

    hour = bo_time_read(s, 2);
    minute = bo_time_read(s + 3, 2);
    second = bo_time_read(s + 6, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0
        || second > 60)
    {
        return -1;
    }

    *leap = (second == 60);
    *ms = (int64_t) (hour * 3600 + minute * 60 + second) * 1000;

    return 0;
}


/* Returns where the offset begins, or NULL when a point has no digit. */

static const char *
bo_time_read_fraction(int64_t *ms, const char *p, const char *end)
{
    int64_t      unit;
    const char  *start;

    *ms = 0;

    if (p == end || *p != '.') {
        return p;
    }

    start = ++p;
    unit = 100;

    while (p < end && *p >= '0' && *p <= '9') {
        *ms += (*p++ - '0') * unit;
        unit /= 10;
    }

    return p == start ? NULL : p;
}


/* The offset is all that is left: "Z", "+hh:mm" or "-hh:mm". */

static int
bo_time_read_offset(int64_t *ms, const char *p, const char *end)
{
    int  hour, minute;

    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ms = 0;
        return 0;
    }

    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return -1;
    }

    hour = bo_time_read(p + 1, 2);
    minute = bo_time_read(p + 4, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return -1;
    }

    *ms = (int64_t) (hour * 60 + minute) * 60000;

    if (*p == '-') {
        *ms = -*ms;
    }

    return 0;
}


/*
 * Leap seconds are before midnight UTC: the second that follows, unix_ms, is
 * the first of January or July.
 */

static int
bo_time_leap(int64_t unix_ms)
{
    bo_date_t  date;

    if (unix_ms % BO_TIME_DAY != 0 || unix_ms < BO_TIME_MIN
        || unix_ms > BO_TIME_MAX)
    {
        return 0;
    }

    bo_time_date(&date, unix_ms / BO_TIME_DAY);

    return date.day == 1 && (date.month == 1 || date.month == 7);
}
