
/*
 * A token bucket, kept as one number: the time at which it will be full again.
 *
 * It is the "virtual scheduling" form of the generic cell rate algorithm
 * (ITU-T I.371, annex A): a bucket of n tokens that gains one every period is
 * full at or after the time that it holds, and each token that is taken moves
 * that time one period on.  No token is ever rounded away.
 *
 * In any window of t nanoseconds it gives at most burst + t / period tokens.
 */


#ifndef _BO_BUCKET_H_INCLUDED_
#define _BO_BUCKET_H_INCLUDED_


#include <stdint.h>


/* The rule of a bucket. */

typedef struct {
    int64_t                  period;    /* ns for a token, 1 .. 2^43 */
    int64_t                  burst;     /* tokens of a full one, 1 .. 2^20 */
} bo_bucket_rule_t;


typedef struct {
    int64_t                  left;      /* whole tokens */
    int64_t                  wait;      /* ns to the next token, 0: now */
    int64_t                  reset;     /* ns until it is full */
} bo_bucket_state_t;


/* The rule of count tokens (1 .. 10^9) in so many seconds (1 .. 3600). */
bo_bucket_rule_t bo_bucket_rule(uint32_t count, uint32_t seconds,
    uint32_t burst);

/*
 * Takes a token from *full at now (ns of a clock that never goes back); a
 * bucket that was never used is full at 0.  state, which may be NULL, is what
 * is left after it.
 *
 * Returns 1, or 0 when there is none: then *full is as it was, or less where
 * it was more than the rule, which may have changed, can explain.
 */
int bo_bucket_take(const bo_bucket_rule_t *rule, int64_t *full, int64_t now,
    bo_bucket_state_t *state);

/* Puts a token back that was taken for nothing. */
void bo_bucket_give(const bo_bucket_rule_t *rule, int64_t *full);


#endif /* _BO_BUCKET_H_INCLUDED_ */
