
/*
 * Passwords: argon2id (RFC 9106) by libsodium, in a pool of threads.
 *
 * A hash takes tens of milliseconds and megabytes by design, so it never runs
 * in the event loop.  How many run at once is bounded, which bounds memory;
 * who comes then waits in a queue that is bounded, too, and for a time.
 */


#ifndef _NGX_BO_HASH_H_INCLUDED_
#define _NGX_BO_HASH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>
#include <sodium.h>

#include "booking/bo_person.h"
#include "ngx_bo_auth_zone.h"


/* msec from the moment that one asks to an answer, at most. */

#define NGX_BO_HASH_PATIENCE  5000


typedef enum {
    NGX_BO_HASH_GOOD = 0,    /* made, or the password is the one */
    NGX_BO_HASH_BAD,         /* it is another password */
    NGX_BO_HASH_FAILED,      /* no memory */
    NGX_BO_HASH_LATE         /* it did not come to its turn in time */
} ngx_bo_hash_e;


typedef struct ngx_bo_hash_s  ngx_bo_hash_t;

/*
 * Called once, from the event loop, and never from inside the call that asked.
 * phc: of a hash that was made, or that was made anew since the old one was
 * of other costs; empty if there is none.  It is there during the call.
 */
typedef void (*ngx_bo_hash_pt)(void *data, ngx_bo_hash_e result,
    ngx_str_t *phc);


/* What the directive says, and what a worker has of it. */

typedef struct {
    ngx_thread_pool_t       *pool;
    ngx_uint_t               lower;         /* its threads are ours alone: they
                                             * yield to all others */
    size_t                   memory;        /* bytes for one */
    ngx_uint_t               passes;
    ngx_uint_t               concurrent;    /* in a worker, 1 and more */
    ngx_uint_t               backlog;       /* that wait, 0 and more */
    char                     nobody[crypto_pwhash_STRBYTES];

    ngx_log_t               *log;
    ngx_bo_hash_stats_t     *stats;
    ngx_queue_t              waiting;
    ngx_queue_t              running;
    ngx_uint_t               nwaiting;
    ngx_uint_t               nrunning;
} ngx_bo_hasher_t;


/*
 * For the end of the configuration: makes the hash of nobody's password,
 * which those who do not exist are checked by.  NULL, or an error text.
 */
char *ngx_bo_hasher_init(ngx_bo_hasher_t *h);

/* For init_process and exit_process. */
void ngx_bo_hasher_start(ngx_bo_hasher_t *h, ngx_log_t *log,
    ngx_bo_hash_stats_t *stats);
void ngx_bo_hasher_stop(ngx_bo_hasher_t *h);

/*
 * Makes the hash of a password (1..BO_PASSWORD_BYTES), or checks one against
 * phc; with phc NULL against nobody's, which takes as long and is never good.
 * The password is copied, and wiped when it is done with.
 *
 * NULL when it was refused, the queue being full: then handler is not called.
 */
ngx_bo_hash_t *ngx_bo_hash_make(ngx_bo_hasher_t *h, ngx_str_t *password,
    ngx_bo_hash_pt handler, void *data);
ngx_bo_hash_t *ngx_bo_hash_check(ngx_bo_hasher_t *h, ngx_str_t *password,
    ngx_str_t *phc, ngx_bo_hash_pt handler, void *data);

/* The handler will not be called any more. */
void ngx_bo_hash_forget(ngx_bo_hash_t *op);


#endif /* _NGX_BO_HASH_H_INCLUDED_ */
