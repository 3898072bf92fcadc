
/*
 * A show as an entry of a calendar: RFC 5545, one VEVENT.
 */


#ifndef _BO_CALENDAR_H_INCLUDED_
#define _BO_CALENDAR_H_INCLUDED_


#include <stdint.h>

#include "bo_out.h"


typedef struct {
    bo_text_t              id;          /* the same for every message of one
                                         * order: it replaces the entry */
    unsigned               sequence;    /* grows with every change */
    int                    cancelled;
    int64_t                stamp;       /* ms since 1970: of the message */
    int64_t                starts;      /* ms since 1970 */
    int64_t                ends;
    bo_text_t              summary;
    bo_text_t              place;
    bo_text_t              note;        /* may be empty */
} bo_calendar_t;


/* Writes it; lines are folded and end in CRLF, times are UTC. */
void bo_calendar_put(bo_out_t *out, const bo_calendar_t *c);


#endif /* _BO_CALENDAR_H_INCLUDED_ */
