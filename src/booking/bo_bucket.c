
/*
 * A token bucket in one number.
 */


#include "bo_bucket.h"

#include <stddef.h>


static void bo_bucket_tell(const bo_bucket_rule_t *rule, int64_t debt,
    bo_bucket_state_t *state);


bo_bucket_rule_t
bo_bucket_rule(uint32_t count, uint32_t seconds, uint32_t burst)
{
    bo_bucket_rule_t  rule;

    rule.period = (int64_t) seconds * 1000000000 / count;
    rule.burst = burst;

    if (rule.period == 0) {
        rule.period = 1;
    }

    return rule;
}


int
bo_bucket_take(const bo_bucket_rule_t *rule, int64_t *full, int64_t now,
    bo_bucket_state_t *state)
{
    int      taken;
    int64_t  debt;

    debt = *full > now ? *full - now : 0;

    /* a rule that was made stricter does not punish for the past */

    if (debt > rule->burst * rule->period) {
        debt = rule->burst * rule->period;
        *full = now + debt;
    }

    taken = debt + rule->period <= rule->burst * rule->period;

    if (taken) {
        debt += rule->period;
        *full = now + debt;
    }

    if (state != NULL) {
        bo_bucket_tell(rule, debt, state);
    }

    return taken;
}


static void
bo_bucket_tell(const bo_bucket_rule_t *rule, int64_t debt,
    bo_bucket_state_t *state)
{
    int64_t  room;

    room = rule->burst * rule->period - debt;

    state->left = room / rule->period;
    state->wait = room < rule->period ? rule->period - room : 0;
    state->reset = debt;
}


void
bo_bucket_give(const bo_bucket_rule_t *rule, int64_t *full)
{
    *full -= rule->period;
}
