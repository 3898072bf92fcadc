
/*
 * What brings the nodes of a waiting room together: ten times a second one
 * worker of each node tells Redis what happened here, and hears what happened
 * elsewhere.  One node at a time leads: it admits.
 */


#ifndef _NGX_BO_ROOM_TICK_H_INCLUDED_
#define _NGX_BO_ROOM_TICK_H_INCLUDED_


#include "ngx_bo_room.h"


#define NGX_BO_ROOM_TICK     100        /* msec */

/* Places ahead of the cursor whose signs of life are told to the others. */

#define NGX_BO_ROOM_SPAN     8192

/* Numbers that are reserved in PostgreSQL at a time. */

#define NGX_BO_ROOM_RESERVE  200000


typedef struct ngx_bo_room_tick_s  ngx_bo_room_tick_t;

struct ngx_bo_room_tick_s {
    ngx_bo_store_t          *store;
    ngx_bo_room_t           *room;
    ngx_event_t              timer;
    ngx_event_t              again;
    ngx_bo_redis_op_t       *redis;
    ngx_bo_pg_op_t          *pg;
    ngx_msec_t               sent;
    ngx_uint_t               burst;         /* joins of the last tick */

    /* what was told and is not answered yet */

    uint64_t                 told;
    uint64_t                 left;
    ngx_uint_t               nended;
    ngx_uint_t               nclaimed;
    ngx_uint_t               nspent;

    ngx_str_t                seen;          /* by others, from seen_from on */
    uint64_t                 seen_from;

    ngx_bo_call_t            show;          /* whose stock is looked at */
    bo_uuid_t                show_id;
    unsigned                 has_show:1;

    ngx_uint_t               slow;          /* holds, as of the last pace */
    ngx_uint_t               holds;
    ngx_uint_t               failed;

    uint64_t                 from;          /* of the search for passes */
    ngx_msec_t               compared;      /* Redis with PostgreSQL */

    unsigned                 leaving:1;
    unsigned                 failing:1;     /* a script, and it was logged */
};


/*
 * Starts the ticks of all rooms, an array of ngx_bo_room_t *, in the worker
 * that has them; for init_process.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_rooms_start(ngx_bo_store_t *store, ngx_array_t *rooms);

/* For exit_process. */
void ngx_bo_rooms_stop(ngx_bo_store_t *store);

/* log: what others said.  Returns how many entries were applied. */
void ngx_bo_room_log_apply(ngx_bo_room_tick_t *t, redisReply *entries);

/* lead: admits, and draws; when this node may. */
void ngx_bo_room_lead(ngx_bo_room_tick_t *t);

/* lead: how soon to look again; msec. */
ngx_msec_t ngx_bo_room_lead_pause(ngx_bo_room_tick_t *t);

/* pace: looks at the stock, at the speed, and at how the booking does. */
void ngx_bo_room_measure(ngx_bo_room_tick_t *t);
void ngx_bo_room_pace_start(ngx_bo_room_tick_t *t);

/* set: makes the room in Redis, as PostgreSQL has it, with more numbers. */
void ngx_bo_room_reserve(ngx_bo_room_tick_t *t);

/* set: brings Redis to what PostgreSQL says, when that is newer. */
void ngx_bo_room_compare(ngx_bo_room_tick_t *t);

/*
 * A script has failed, or it has not: why is NULL.  Each change is logged, for
 * what lasts would be logged ten times a second.
 */
void ngx_bo_room_script(ngx_bo_room_tick_t *t, const char *name,
    const char *why);

/* Goes on at once. */
void ngx_bo_room_tick_now(ngx_bo_room_tick_t *t);


/*
 * What an operator changes; -1, or data that is NULL, leaves it.
 */

typedef struct {
    ngx_bo_call_t            call;      /* first; NGX_BO_OK, _UNAVAILABLE .. */
    ngx_bo_room_t           *room;
    ngx_int_t                phase;
    ngx_int_t                rate;
    ngx_int_t                capacity;
    int64_t                  opens;     /* 0: none */
    ngx_str_t                message;
    ngx_str_t                show;      /* a UUID, or empty: none */
    ngx_uint_t               new_sale;
} ngx_bo_room_change_t;

/* Changes them in PostgreSQL, then in Redis; all nodes hear it by a tick. */
void ngx_bo_room_change(ngx_bo_room_change_t *change);


#endif /* _NGX_BO_ROOM_TICK_H_INCLUDED_ */
