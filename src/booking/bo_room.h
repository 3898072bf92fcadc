
/*
 * A waiting room as one node sees it: who has which place, who has been
 * admitted, and who is ahead of whom.
 *
 * Everything lives in memory that the caller gives, and nothing is allocated
 * later.  It may be shared: the caller holds a lock around each call.  A
 * caller that dies in the middle of one leaves a room that is whole, for each
 * change comes into force with one store, and what it can lose is one place.
 *
 * A place has a number, which it keeps, and a rank, which is its place in the
 * order of admission.  They are the same, except for those who came before the
 * opening: their ranks are drawn.  The cursor is a rank: all below it have had
 * their turn.
 *
 * Numbers come in blocks, and a node gives those of its own.  What others do
 * comes as a log, in the same order for all: who joined, who was admitted, who
 * left.  So all nodes agree on who has which place, and the lower of two
 * numbers of one person is the one that counts.
 */


#ifndef _BO_ROOM_H_INCLUDED_
#define _BO_ROOM_H_INCLUDED_


#include "bo_draw.h"


#define BO_ROOM_VERSION   3

/* Places of a segment; a power of two, and a multiple of 64. */

#define BO_ROOM_SEGMENT   256
#define BO_ROOM_WORDS     (BO_ROOM_SEGMENT / 64)

/* The smallest memory that is of use: some 1,000 places. */

#define BO_ROOM_MIN       (48 * 1024)

/* No number. */

#define BO_ROOM_NONE      UINT64_MAX


/*
 * Times are tenths of a second since something that all who share the memory
 * agree on; thirteen years fit.
 */

typedef uint32_t  bo_room_time_t;


typedef struct {
    uint64_t                 id;        /* of a person, 0: free */
    uint32_t                 next;      /* in the chain of its hash, + 1 */
    bo_room_time_t           until;     /* waits, or may enter, until then */
    bo_room_time_t           seen;      /* when it last asked */
    uint16_t                 poll;      /* tenths until it asks again */
    uint16_t                 flags;
} bo_place_t;

#define BO_PLACE_CLAIMED  0x01          /* has fetched its pass */
#define BO_PLACE_MOBILE   0x02          /* may sleep for longer */
#define BO_PLACE_SPENT    0x04          /* has ordered, and not paid yet */
#define BO_PLACE_UNTOLD   0x08          /* given here, and not in the log yet */
#define BO_PLACE_LEAVING  0x10          /* given up here, likewise */


/* used and admitted stand at a place's number, gone stands at its rank. */

typedef struct {
    uint64_t                 base;      /* its first number, or NONE: free */
    uint64_t                 before;    /* how many below base are gone */
    uint64_t                 used[BO_ROOM_WORDS];
    uint64_t                 admitted[BO_ROOM_WORDS];
    uint64_t                 gone[BO_ROOM_WORDS];
} bo_room_segment_t;


typedef struct {
    uint64_t                 first;     /* of the block that is open */
    uint64_t                 used;      /* numbers given of it */
    uint64_t                 end;       /* first: there is none */
} bo_room_block_t;


typedef struct {
    uint32_t                 version;
    uint32_t                 nsegments;
    uint32_t                 nslots;    /* of the directory */
    uint32_t                 nbuckets;

    bo_room_segment_t       *segments;
    bo_place_t              *places;    /* BO_ROOM_SEGMENT for each of them */
    uint64_t                *drawn;     /* likewise: who was drawn */
    uint32_t                *slots;     /* segment + 1 by number of segment */
    uint32_t                *buckets;   /* place + 1 by hash */
    uint32_t                 spare;     /* where to look for a free segment */

    /* written by everybody who joins: one line of the cache */

    uint64_t                 low;       /* nothing is below */
    uint64_t                 next;      /* nothing is from here on */
    bo_room_block_t          block;
    uint64_t                 known;     /* below, who is there is known */
    uint64_t                 complete;  /* below, only tickets tell of it */
    uint64_t                 cursor;
    uint64_t                 passed;    /* gone among those below cursor */

    uint64_t                 draw_first;
    uint64_t                 draw_end;  /* draw_first: nothing was drawn */
    bo_draw_t                draw;

    /* as of the last bo_room_count() */

    uint64_t                 nwaiting;
    uint64_t                 nadmitted;

    /* ever */

    uint64_t                 admissions;
    uint64_t                 skips;
    uint64_t                 ends;
} bo_room_t;


typedef enum {
    BO_PLACE_UNKNOWN = 0,       /* may be: this node does not know it */
    BO_PLACE_WAITING,
    BO_PLACE_ADMITTED,
    BO_PLACE_OVER               /* it had its turn, or it left */
} bo_place_state_e;

typedef enum {
    BO_ROOM_OK = 0,
    BO_ROOM_THERE,              /* has a place already */
    BO_ROOM_NO_NUMBER,          /* the block is used up */
    BO_ROOM_FULL                /* no memory for another place */
} bo_room_verdict_e;


/*
 * Makes an empty room in memory, of BO_ROOM_MIN bytes at least, aligned to 64.
 * Returns the room, which is at its start.
 */
bo_room_t *bo_room_create(void *memory, size_t size);

/* Empties it; the first number will be first. */
void bo_room_reset(bo_room_t *room, uint64_t first);

/*
 * It begins at first, which is below where it was said to; nobody has been
 * admitted since.
 */
void bo_room_back(bo_room_t *room, uint64_t first);

/* How many places fit. */
uint64_t bo_room_capacity(const bo_room_t *room);

/* The number of a person's place, or BO_ROOM_NONE; not of one given up. */
uint64_t bo_room_find(const bo_room_t *room, uint64_t id);

/* The place of a number, when it is id's; NULL when it is not there. */
bo_place_t *bo_room_place(const bo_room_t *room, uint64_t number,
    uint64_t id);

/* Whose a number is, 0: nobody's; and likewise of one that was given up. */
uint64_t bo_room_who(const bo_room_t *room, uint64_t number);
uint64_t bo_room_stays(const bo_room_t *room, uint64_t number);

/* What became of a number that was given to id. */
bo_place_state_e bo_room_state(const bo_room_t *room, uint64_t number,
    uint64_t id);

/* The rank of a number, and the number of a rank. */
uint64_t bo_room_rank(const bo_room_t *room, uint64_t number);
uint64_t bo_room_number(const bo_room_t *room, uint64_t rank);

/* How many may be ahead of a number: as long as it waits, this never grows. */
uint64_t bo_room_ahead(const bo_room_t *room, uint64_t number);

/* The same for a rank; and the first rank that has so many ahead of it. */
uint64_t bo_room_ahead_of(const bo_room_t *room, uint64_t rank);
uint64_t bo_room_rank_behind(const bo_room_t *room, uint64_t ahead);

/*
 * Gives id the next number of the open block; the caller fills in the times of
 * its place.  BO_ROOM_THERE: *number is the one it has.
 */
bo_room_verdict_e bo_room_join(bo_room_t *room, uint64_t id,
    uint64_t *number);

/*
 * The log: somebody joined elsewhere, or was here before this node was.  Of
 * two places of one person the lower number stays, unless the other has been
 * admitted.  BO_ROOM_OK, BO_ROOM_THERE when this number does not count, or
 * BO_ROOM_FULL.
 */
bo_room_verdict_e bo_room_put(bo_room_t *room, uint64_t number, uint64_t id);

/* The log: others have heard of first .. end-1, which were given here. */
void bo_room_told(bo_room_t *room, uint64_t first, uint64_t end);

/* The log: nobody has, or will have, the numbers first .. end-1. */
void bo_room_unused(bo_room_t *room, uint64_t first, uint64_t end);

/*
 * The log: ranks of first .. end-1 were drawn.  Their segments stay until the
 * room is reset, so that the draw can be checked.  Returns how many of the
 * numbers there was no memory for.
 */
uint64_t bo_room_drawn(bo_room_t *room, uint64_t first, uint64_t end,
    const uint8_t key[BO_SIPHASH_KEY]);

/*
 * The log: the numbers first .. end-1 may have been given, by a node that died
 * before it told.  Whoever has a ticket for one is taken up.
 */
void bo_room_doubt(bo_room_t *room, uint64_t first, uint64_t end);

/* Whom a number belonged to when the ranks were drawn, 0: nobody. */
uint64_t bo_room_drawn_who(const bo_room_t *room, uint64_t number);

/*
 * The log: those from the cursor up to rank to were admitted, but for those
 * whose bit is set in skip[], counted from the cursor; NULL: for none.  They
 * may enter until until, or as long as they were waited for anyway.  Does
 * nothing when the cursor is there already.  Whoever admitted them did not
 * know those of whom the others have not heard: they have had their turn.
 */
void bo_room_admit(bo_room_t *room, uint64_t to, const uint8_t *skip,
    bo_room_time_t until);

/* The log: a place is over, because its person left or is done. */
void bo_room_end(bo_room_t *room, uint64_t number);

/* Numbers below next may have been given, by whomever. */
void bo_room_next(bo_room_t *room, uint64_t next);

/* All below known are known from now on. */
void bo_room_know(bo_room_t *room, uint64_t known);

/*
 * Whom to admit next: up to n of those who wait and were seen (until is not
 * before now, or their bit is set in seen[], counted from the cursor over
 * nseen ranks), looking at span ranks at the most.  Sets the bits of the
 * others in skip[], which has (span + 7) / 8 bytes; *to is where the cursor
 * goes.  Changes nothing.  Returns how many will be admitted.
 */
uint64_t bo_room_choose(const bo_room_t *room, uint64_t n, uint64_t span,
    bo_room_time_t now, const uint8_t *seen, uint64_t nseen, uint8_t *skip,
    uint64_t *to);

/* Sets the bit of each rank, from the cursor on, whose place was seen. */
void bo_room_seen(const bo_room_t *room, bo_room_time_t now, uint8_t *seen,
    uint64_t span);

/*
 * Admitted places whose time is over: up to n of their numbers, from *from on,
 * which moves on; a call looks at 262,144 numbers.
 */
uint64_t bo_room_expired(const bo_room_t *room, bo_room_time_t now,
    uint64_t *from, uint64_t *numbers, uint64_t n);

/*
 * Counts anew: who waits, who is admitted, who is gone; and gives back the
 * segments of which nothing is left.  To be called after the log was applied.
 */
void bo_room_count(bo_room_t *room);

/* Whether all of it fits together: NULL, or what does not. */
const char *bo_room_check(const bo_room_t *room);


#endif /* _BO_ROOM_H_INCLUDED_ */
