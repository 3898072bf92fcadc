
/*
 * What the files of /holds share: the context of an action, and its steps.
 */


#ifndef _NGX_HTTP_BO_HOLDS_H_INCLUDED_
#define _NGX_HTTP_BO_HOLDS_H_INCLUDED_


#include "ngx_http_bo.h"
#include "store/ngx_bo_pick.h"


/* "bestAvailable": {...} of a body; count is 0 when there is none. */

typedef struct {
    int64_t                  count;
    bo_str_t                 category;
    int64_t                  min_price;
    int64_t                  max_price;
} ngx_http_bo_best_body_t;


typedef struct {
    bo_str_t                 show_id;
    bo_strs_t                seat_ids;
    ngx_http_bo_best_body_t  best;
} ngx_http_bo_hold_body_t;


typedef struct {
    ngx_bo_hold_call_t       hold;
    ngx_http_bo_hold_body_t  body;
    ngx_http_bo_run_pt       next;

    bo_best_want_t           want;          /* of the best available */
    ngx_bo_pick_t           *pick;          /* under way, or NULL */
    ngx_uint_t               tries;
    ngx_http_bo_run_pt       allowed;       /* by the orphan rule */
    bo_seats_t               own;           /* given back for these */

    /* see ngx_http_bo_hold_recall() */
    void                   (*recall)(ngx_bo_hold_call_t *c);
    ngx_http_bo_run_pt       recalled;
    ngx_http_bo_run_pt       refuse;

    unsigned                 fresh:1;       /* the map was just read */
    unsigned                 by_id:1;       /* the show is that of an id */
} ngx_http_bo_hold_t;


/* Starts a call of the store; run comes when it has ended. */
void ngx_http_bo_hold_step(ngx_http_bo_ctx_t *ctx,
    void (*start)(ngx_bo_hold_call_t *c), ngx_http_bo_run_pt run);

/* Has the map read from Redis; run comes then. */
void ngx_http_bo_hold_refresh(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run);

/* Answers the end of ngx_bo_hold_create(). */
void ngx_http_bo_hold_created(ngx_http_bo_ctx_t *ctx);

/*
 * Runs run once a show is at hand: that of an id, or, when it is NULL, the one
 * whose number is in ctx->id.  Without it, the answer is on its way.
 */
void ngx_http_bo_hold_with_show(ngx_http_bo_ctx_t *ctx, const bo_uuid_t *id,
    ngx_http_bo_run_pt run);

/* 1 when the show is on sale; else the answer is on its way. */
ngx_uint_t ngx_http_bo_hold_open(ngx_http_bo_ctx_t *ctx);

/*
 * From the labels of body.seat_ids to hold.seats: known, not twice, not too
 * many, for sale.  NGX_OK, or NGX_ERROR when the answer is on its way.
 */
ngx_int_t ngx_http_bo_hold_seats(ngx_http_bo_ctx_t *ctx);

/*
 * Answers what the same request was answered before, when it was done then;
 * else refuse comes, which answers.  An action that gets here has set recall,
 * of the store, and recalled, which answers its outcome.
 */
void ngx_http_bo_hold_recall(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_run_pt refuse);

/* Answers an outcome that is no success. */
void ngx_http_bo_hold_refused(ngx_http_bo_ctx_t *ctx);


/* hold_best: holds the best seats there are, by body.best. */

extern const bo_json_field_t  ngx_http_bo_best_fields[];

void ngx_http_bo_hold_best(ngx_http_bo_ctx_t *ctx);

/* hold_rule: runs run when the orphan rule lets hold.seats be taken. */
void ngx_http_bo_hold_rule(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt run);


#endif /* _NGX_HTTP_BO_HOLDS_H_INCLUDED_ */
