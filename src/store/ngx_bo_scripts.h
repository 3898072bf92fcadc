
/*
 * The Lua scripts, and a call that runs one of them on a show.
 */


#ifndef _NGX_BO_SCRIPTS_H_INCLUDED_
#define _NGX_BO_SCRIPTS_H_INCLUDED_


#include "ngx_bo_shows.h"


extern ngx_bo_script_t  ngx_bo_script_hold;
extern ngx_bo_script_t  ngx_bo_script_hold_many;
extern ngx_bo_script_t  ngx_bo_script_release;
extern ngx_bo_script_t  ngx_bo_script_read;
extern ngx_bo_script_t  ngx_bo_script_fence;
extern ngx_bo_script_t  ngx_bo_script_unfence;
extern ngx_bo_script_t  ngx_bo_script_settle;
extern ngx_bo_script_t  ngx_bo_script_map;
extern ngx_bo_script_t  ngx_bo_script_load;
extern ngx_bo_script_t  ngx_bo_script_unlock;
extern ngx_bo_script_t  ngx_bo_script_repair;
extern ngx_bo_script_t  ngx_bo_script_renew;
extern ngx_bo_script_t  ngx_bo_script_book;
extern ngx_bo_script_t  ngx_bo_script_book_pay;
extern ngx_bo_script_t  ngx_bo_script_book_read;
extern ngx_bo_script_t  ngx_bo_script_book_recall;
extern ngx_bo_script_t  ngx_bo_script_book_take;
extern ngx_bo_script_t  ngx_bo_script_book_end;
extern ngx_bo_script_t  ngx_bo_script_book_show;
extern ngx_bo_script_t  ngx_bo_script_book_unread;
extern ngx_bo_script_t  ngx_bo_script_room_tick;
extern ngx_bo_script_t  ngx_bo_script_room_grant;
extern ngx_bo_script_t  ngx_bo_script_room_set;

extern ngx_bo_script_t  *ngx_bo_scripts[];
extern const ngx_uint_t  ngx_bo_nscripts;


typedef struct ngx_bo_script_call_s  ngx_bo_script_call_t;

/*
 * Reads a reply other than "not loaded": code is its first number, reply the
 * whole.  Returns the outcome of the call.
 */
typedef ngx_bo_outcome_e (*ngx_bo_reply_pt)(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);


/*
 * A script on a show.  Its first argument after the keys is the show's epoch,
 * which is put in when it is sent.  When Redis has not got the show, or has
 * it in another epoch, the show is rebuilt or taken over, see ngx_bo_rebuild.h,
 * and the script runs again.
 */

struct ngx_bo_script_call_s {
    ngx_bo_call_t            call;
    ngx_bo_script_t         *script;
    ngx_bo_reply_pt          read;
    ngx_uint_t               nkeys;
    ngx_uint_t               argc;          /* with the keys */
    ngx_str_t               *argv;          /* alive as long as the call */
    ngx_msec_t               started;
    unsigned                 rebuilds:1;    /* a missing show is rebuilt */
};


/*
 * Starts it.  call.store, call.show, call.done and all of the rest are set;
 * the show is kept (see ngx_bo_show_keep) until the call is cancelled.
 */
void ngx_bo_script_run(ngx_bo_script_call_t *sc);

/* The text of a reply's i-th element, or an empty one when it is no text. */
ngx_str_t ngx_bo_reply_str(redisReply *reply, size_t i);

/* The number in a reply's i-th element, 0 when it is none. */
int64_t ngx_bo_reply_int(redisReply *reply, size_t i);


#endif /* _NGX_BO_SCRIPTS_H_INCLUDED_ */
