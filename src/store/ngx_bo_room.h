
/*
 * A waiting room of this node: its zone, and what requests do in it.  None of
 * it leaves the worker; ngx_bo_room_tick.h brings the nodes together.
 */


#ifndef _NGX_BO_ROOM_H_INCLUDED_
#define _NGX_BO_ROOM_H_INCLUDED_


#include "ngx_bo_secret.h"
#include "ngx_bo_store.h"
#include "booking/bo_bucket.h"
#include "booking/bo_room.h"


#define NGX_BO_ROOM_VERSION   3
#define NGX_BO_ROOM_ZONE_MIN  (256 * 1024)

#define NGX_BO_ROOM_NAME_MAX  32

/* The room, its log and its nodes, as the scripts want them. */

#define NGX_BO_ROOM_KEYS      3

#define NGX_BO_ROOM_MESSAGE   800       /* bytes: 200 characters */

/* What waits for the next tick, of each kind. */

#define NGX_BO_ROOM_EVENTS    8192

/* A node without an answer for this long gives no more numbers; msec. */

#define NGX_BO_ROOM_LEASE     1500


typedef enum {
    NGX_BO_ROOM_OFF = 0,        /* everybody passes */
    NGX_BO_ROOM_LOBBY,          /* people gather; their order will be drawn */
    NGX_BO_ROOM_OPEN,           /* in at the rate */
    NGX_BO_ROOM_PAUSED,         /* nobody is let in */
    NGX_BO_ROOM_DRAINING        /* nobody joins any more */
} ngx_bo_room_phase_e;

#define NGX_BO_ROOM_PHASES    5

extern const ngx_str_t  ngx_bo_room_phases[];


/* What the directive says; lives as long as the configuration. */

typedef struct {
    ngx_str_t                name;
    ngx_array_t             *secrets;
    ngx_uint_t               phase;     /* of a room that is new */
    ngx_uint_t               rate;      /* people a second, at first */
    ngx_uint_t               capacity;  /* people inside, 0: any; at first */
    ngx_uint_t               burst;
    ngx_uint_t               basket;    /* seats that one person takes */
    ngx_uint_t               automatic; /* requests a second, 0: not so */
    ngx_msec_t               pass;      /* how long a pass is good */
    ngx_msec_t               claim;     /* how long it waits to be fetched */
    ngx_msec_t               abandon;   /* silence beyond what was agreed */
} ngx_bo_room_conf_t;


/* Numbers of places that something happened to. */

typedef struct {
    ngx_uint_t               n;
    uint64_t                 number[NGX_BO_ROOM_EVENTS];
} ngx_bo_room_events_t;


/* What all nodes agree on, as of the last tick. */

typedef struct {
    u_char                   epoch[32];
    size_t                   epoch_len;
    u_char                   sale_text[16];
    uint64_t                 sale;
    uint8_t                  key[BO_SIPHASH_KEY];
    ngx_uint_t               phase;
    ngx_uint_t               rate;
    ngx_uint_t               capacity;
    ngx_uint_t               settings;
    int64_t                  opens;     /* ms since 1970, 0: by hand */
    u_char                   message[NGX_BO_ROOM_MESSAGE];
    size_t                   message_len;
    bo_uuid_t                show;
    ngx_uint_t               has_show;
    u_char                   commitment[64];
    u_char                   seed[64];  /* told when it was used */
    ngx_uint_t               drawn;
    int64_t                  lobby_first;   /* -1: none */
    int64_t                  lobby_end;     /* -1: not over */
    uint64_t                 base;      /* the log begins with this number */
    uint64_t                 start;     /* the cursor began here, or at base */
    int64_t                  born;      /* ms since 1970, in Redis */
} ngx_bo_room_agreed_t;


typedef struct {
    ngx_uint_t               version;
    ngx_pid_t                ticker;
    bo_room_t               *room;
    u_char                   node[16];
    ngx_bo_room_agreed_t     agreed;

    u_char                   last[48];  /* entry of the log that was applied */
    size_t                   last_len;
    ngx_msec_t               heard;     /* last answer */
    ngx_msec_t               lease;     /* numbers may be given until then */
    ngx_uint_t               ready;     /* has caught up with the log */
    ngx_uint_t               nodes;
    u_char                   draw_digest[64];   /* of those who were drawn */

    uint64_t                 told;      /* of the open block, to Redis */
    uint64_t                 block;     /* the number it began with */
    uint64_t                 left_told; /* of the block that was left */
    uint64_t                 left_used; /* first number of it not given */
    uint64_t                 left_end;  /* 0: there is none */
    uint64_t                 others;    /* all they gave is below */
    uint64_t                 ceiling;
    uint64_t                 low;       /* in hand: asks for more at once */

    ngx_bo_room_events_t     ended;
    ngx_bo_room_events_t     claimed;
    ngx_bo_room_events_t     spent;

    /* of the leader */

    ngx_uint_t               fence;     /* 0: another node leads */
    int64_t                  bucket;    /* see bo_bucket.h */
    ngx_uint_t               pace;      /* of 1000, less when booking is slow */
    ngx_msec_t               paced;
    int64_t                  stock;     /* people it is enough for, -1: any */
    ngx_uint_t               sold_out;

    /* measured */

    ngx_uint_t               speed;     /* places passed in 1000 s */
    uint64_t                 passed;    /* cursor when it was measured */
    ngx_msec_t               measured;
    ngx_uint_t               demand;    /* in the last second */
    ngx_msec_t               demanded;
    ngx_msec_t               calm;      /* since when it was below */

    /*
     * Counted with the lock held: together, for a line of the cache that every
     * worker writes to costs each of them.
     */

    ngx_uint_t               joins;
    ngx_uint_t               polls;
    ngx_uint_t               hasty;
    ngx_uint_t               refused;   /* no number, no room */

    /* at the gate, without it */

    ngx_uint_t               wanted;    /* joins and gates in this second */
    ngx_atomic_t             turned_away;
    ngx_atomic_t             entered;
} ngx_bo_room_zone_t;


typedef struct ngx_bo_room_s  ngx_bo_room_t;

struct ngx_bo_room_s {
    ngx_bo_room_conf_t       conf;      /* first */
    ngx_shm_zone_t          *shm_zone;
    ngx_slab_pool_t         *shpool;
    ngx_bo_room_zone_t      *zone;
    ngx_event_t             *tick;      /* in the worker that ticks, or NULL */
    ngx_str_t                keys[NGX_BO_ROOM_KEYS];    /* in Redis */
    u_char                   key[NGX_BO_ROOM_KEYS][sizeof("room_nodes:{}")
                                                   + NGX_BO_ROOM_NAME_MAX];
};


/* How somebody stands. */

typedef struct {
    bo_place_state_e         state;
    uint64_t                 number;
    uint64_t                 id;
    uint64_t                 sale;
    uint64_t                 rank;
    uint64_t                 ahead;
    uint64_t                 waiting;   /* all who do */
    ngx_uint_t               phase;
    ngx_uint_t               sold_out;
    ngx_uint_t               drawn;
    ngx_uint_t               spent;     /* the pass is */
    int64_t                  opens;
    ngx_uint_t               wait;      /* seconds, 0: now or not known */
    ngx_uint_t               wait_low;
    ngx_uint_t               wait_high;
    ngx_msec_t               poll;      /* when to ask again */
} ngx_bo_room_view_t;


typedef enum {
    NGX_BO_ROOM_FINE = 0,
    NGX_BO_ROOM_HASTY,          /* asks too often; its place is kept */
    NGX_BO_ROOM_CLOSED,         /* nobody joins any more */
    NGX_BO_ROOM_SOLD_OUT,
    NGX_BO_ROOM_NO_PLACE,       /* the zone is full */
    NGX_BO_ROOM_AWAY,           /* no numbers: Redis does not answer */
    NGX_BO_ROOM_FOREIGN,        /* a token of another sale or person */
    NGX_BO_ROOM_LATE            /* it has expired, or its place is over */
} ngx_bo_room_answer_e;


/*
 * The zone's init callback; its data is an ngx_bo_room_t.  A reload keeps the
 * room; another size is refused.
 */
ngx_int_t ngx_bo_room_init(ngx_shm_zone_t *shm_zone, void *data);

/* Gives user a place, or finds it.  mobile: it may sleep for longer. */
ngx_bo_room_answer_e ngx_bo_room_join(ngx_bo_room_t *room, ngx_str_t *user,
    ngx_uint_t mobile, ngx_bo_room_view_t *view);

/*
 * How the holder of a ticket stands; that is a sign of life.  user may be
 * NULL, for those who only look; else the ticket must be that user's.
 * NGX_BO_ROOM_HASTY comes with a view, too.
 */
ngx_bo_room_answer_e ngx_bo_room_poll(ngx_bo_room_t *room,
    const bo_token_t *ticket, ngx_str_t *user, ngx_uint_t mobile,
    ngx_bo_room_view_t *view);

/*
 * A stream is open: its place is alive for so long from now; 0: it was closed.
 * What was agreed with a poll, of another tab, holds in any case.
 */
void ngx_bo_room_alive(ngx_bo_room_t *room, uint64_t number, uint64_t id,
    ngx_msec_t time);

/* Gives up a place, that of a ticket or a pass. */
ngx_bo_room_answer_e ngx_bo_room_leave(ngx_bo_room_t *room,
    const bo_token_t *token, ngx_str_t *user);

/* The pass of an admitted place is fetched: it is good until *expires. */
void ngx_bo_room_claim(ngx_bo_room_t *room, uint64_t number, uint64_t id,
    int64_t *expires);

/*
 * Whether the bearer of a pass may enter.  NGX_BO_ROOM_FINE, .._FOREIGN or
 * .._LATE.
 */
ngx_bo_room_answer_e ngx_bo_room_enter(ngx_bo_room_t *room,
    const bo_token_t *pass, ngx_str_t *user);

/* Whether the gate is shut at all; somebody has come to it. */
ngx_uint_t ngx_bo_room_is_on(ngx_bo_room_t *room);

/*
 * Somebody has ordered: the pass is spent, in the rooms of that show and those
 * that are of no show.  The place stays taken, for the seats are not sold yet.
 */
void ngx_bo_rooms_ordered(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show);

/*
 * The order is paid, or has ended: the place inside is free.  late: that may
 * have been long ago, so it must be a place that has ordered: who has left it
 * and come again keeps the new one.
 */
void ngx_bo_rooms_finish(ngx_bo_store_t *store, ngx_str_t *user,
    const bo_uuid_t *show, ngx_uint_t late);

/* Its time is that of a pass from now on.  0: it has been so already. */
ngx_uint_t ngx_bo_place_claim(ngx_bo_room_t *room, bo_place_t *place);

/*
 * Notes what the next tick tells.  Without room for another, it is not told:
 * then the others take the place for open until its time is over.
 */
void ngx_bo_room_event(ngx_bo_room_events_t *events, uint64_t number);

/* A version for streams: it changes with whatever is told to them. */
int64_t ngx_bo_room_moved(ngx_bo_room_t *room);

/* Time as places know it. */
#define ngx_bo_room_now()  ((bo_room_time_t) (ngx_current_msec / 100))


#endif /* _NGX_BO_ROOM_H_INCLUDED_ */
