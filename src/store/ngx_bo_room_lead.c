
/*
 * The leader of a waiting room: it admits as many as the rate, the capacity
 * and the stock allow, whichever is the least; first it draws the order of the
 * lobby.
 *
 * The rate is a bucket on this node's monotonic clock.  Whoever takes over
 * begins with an empty one, and Redis takes grants from the one that leads
 * only, so over all nodes and changes no window has more than rate and burst.
 */


#include "ngx_bo_room_tick.h"
#include "ngx_bo_scripts.h"
#include "ngx_bo_zone.h"

#include <openssl/sha.h>


/*
 * Of the burst that is promised this share is used: a grant may arrive in
 * Redis a little later, and the next one a little earlier.
 */

#define NGX_BO_ROOM_BURST_SHARE  2

/* With few at a time it looks more often, up to so often; msec. */

#define NGX_BO_ROOM_PAUSE_MIN    10

/* Nodes have so long to say how far they were, when Redis has lost it; msec. */

#define NGX_BO_ROOM_GATHER       1000


static uint64_t ngx_bo_room_lead_many(ngx_bo_room_tick_t *t,
    bo_bucket_rule_t *rule);
static uint64_t ngx_bo_room_lead_share(ngx_bo_room_tick_t *t);
static ngx_uint_t ngx_bo_room_lead_admits(ngx_bo_room_zone_t *zone);
static uint64_t ngx_bo_room_lead_least(uint64_t n, uint64_t most,
    uint64_t inside);
static void ngx_bo_room_lead_send(ngx_bo_room_tick_t *t, const char *kind,
    uint64_t from, uint64_t to, ngx_str_t *data);
static void ngx_bo_room_lead_sent(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static ngx_uint_t ngx_bo_room_lead_draws(ngx_bo_room_tick_t *t);
static void ngx_bo_room_lead_digest(ngx_bo_room_zone_t *zone,
    u_char digest[SHA256_DIGEST_LENGTH]);


void
ngx_bo_room_lead(ngx_bo_room_tick_t *t)
{
    u_char                skip[NGX_BO_ROOM_SPAN / 8];
    int64_t               now;
    uint64_t              n, i, from, to, span;
    ngx_str_t             data;
    bo_bucket_rule_t      rule;
    ngx_bo_room_zone_t   *zone = t->room->zone;

    if (zone->fence == 0
        || (zone->agreed.base
            && ngx_bo_now() - zone->agreed.born < NGX_BO_ROOM_GATHER
            && ngx_bo_now() >= zone->agreed.born))
    {
        return;
    }

    if (ngx_bo_room_lead_draws(t)) {
        return;
    }

    if (!ngx_bo_room_lead_admits(zone)) {
        return;
    }

    ngx_shmtx_lock(&t->room->shpool->mutex);

    n = ngx_bo_room_lead_many(t, &rule);
    from = zone->room->cursor;
    to = from;

    if (n) {
        n = bo_room_choose(zone->room, n, NGX_BO_ROOM_SPAN, ngx_bo_room_now(),
                           from == t->seen_from ? t->seen.data : NULL,
                           t->seen.len, skip, &to);

        now = ngx_bo_nsec();

        for (i = 0; i < n; i++) {
            (void) bo_bucket_take(&rule, &zone->bucket, now, NULL);
        }
    }

    ngx_shmtx_unlock(&t->room->shpool->mutex);

    if (to == from) {
        return;
    }

    span = to - from;
    data.data = skip;
    data.len = (span + 7) / 8;

    ngx_bo_room_lead_send(t, "G", from, to, &data);
}


static ngx_uint_t
ngx_bo_room_lead_admits(ngx_bo_room_zone_t *zone)
{
    return zone->agreed.phase == NGX_BO_ROOM_OPEN
           || zone->agreed.phase == NGX_BO_ROOM_DRAINING;
}


/* The most that are admitted at a time. */

static uint64_t
ngx_bo_room_lead_share(ngx_bo_room_tick_t *t)
{
    uint64_t  burst;

    burst = t->room->conf.burst ? t->room->conf.burst
                                : t->room->zone->agreed.rate;

    return ngx_max(burst / NGX_BO_ROOM_BURST_SHARE, 1);
}


/* So often that twice the rate would come in by so many at a time. */

ngx_msec_t
ngx_bo_room_lead_pause(ngx_bo_room_tick_t *t)
{
    ngx_msec_t           pause;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    if (zone->fence == 0 || zone->room->nwaiting == 0
        || !ngx_bo_room_lead_admits(zone))
    {
        return NGX_BO_ROOM_TICK;
    }

    pause = (ngx_msec_t) (ngx_bo_room_lead_share(t) * 500
                          / ngx_max(zone->agreed.rate, 1));
    pause = ngx_max(pause, NGX_BO_ROOM_PAUSE_MIN);

    return ngx_min(pause, NGX_BO_ROOM_TICK);
}


/* How many may be admitted now. */

static uint64_t
ngx_bo_room_lead_many(ngx_bo_room_tick_t *t, bo_bucket_rule_t *rule)
{
    int64_t              now, full;
    uint64_t             n, rate, inside;
    bo_bucket_state_t    state;
    ngx_bo_room_zone_t  *zone = t->room->zone;

    rate = ngx_max(zone->agreed.rate * zone->pace / 1000, 1);

    *rule = bo_bucket_rule((uint32_t) rate, 1,
                           (uint32_t) ngx_bo_room_lead_share(t));
    now = ngx_bo_nsec();

    if (zone->bucket == INT64_MAX) {
        zone->bucket = now + rule->burst * rule->period;
    }

    full = zone->bucket;
    n = bo_bucket_take(rule, &full, now, &state)
        ? (uint64_t) state.left + 1 : 0;

    inside = zone->room->nadmitted;

    if (zone->agreed.capacity) {
        n = ngx_bo_room_lead_least(n, zone->agreed.capacity, inside);
    }

    if (zone->stock >= 0) {
        n = ngx_bo_room_lead_least(n, (uint64_t) zone->stock, inside);
    }

    return n;
}


static uint64_t
ngx_bo_room_lead_least(uint64_t n, uint64_t most, uint64_t inside)
{
    most = most > inside ? most - inside : 0;

    return ngx_min(n, most);
}


static void
ngx_bo_room_lead_send(ngx_bo_room_tick_t *t, const char *kind, uint64_t from,
    uint64_t to, ngx_str_t *data)
{
    u_char      fence[NGX_INT64_LEN], first[NGX_INT64_LEN],
                end[NGX_INT64_LEN];
    ngx_str_t   argv[9];

    argv[0] = t->room->keys[0];
    argv[1] = t->room->keys[1];
    argv[2].data = t->room->zone->node;
    argv[2].len = sizeof(t->room->zone->node);
    argv[3].data = fence;
    argv[3].len = ngx_sprintf(fence, "%ui", t->room->zone->fence) - fence;
    argv[4].data = (u_char *) kind;
    argv[4].len = 1;
    argv[5].data = first;
    argv[5].len = ngx_sprintf(first, "%uL", from) - first;
    argv[6].data = end;
    argv[6].len = ngx_sprintf(end, "%uL", to) - end;
    argv[7] = *data;
    argv[8].data = t->room->zone->last;
    argv[8].len = t->room->zone->last_len;

    t->redis = ngx_bo_redis_eval(t->store->redis, &ngx_bo_script_room_grant,
                                 2, 9, argv, ngx_bo_room_lead_sent, t);
}


/* What came of it, all nodes hear from the log. */

static void
ngx_bo_room_lead_sent(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_room_tick_t *t = data;

    t->redis = NULL;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ERROR) {
        ngx_bo_room_script(t, "room_grant", reply->str);
    }
}


/*
 * The draw, once everybody who was in the lobby is known.  The key of the
 * permutation comes from the seed, to which the operator was bound before, and
 * from the people who came, whom nobody knew then.  Returns 1 when nobody may
 * be admitted before.
 */

static ngx_uint_t
ngx_bo_room_lead_draws(ngx_bo_room_tick_t *t)
{
    u_char                 digest[SHA256_DIGEST_LENGTH],
                           key[SHA256_DIGEST_LENGTH];
    u_char                 text[2 * BO_SIPHASH_KEY + 1
                                + 2 * SHA256_DIGEST_LENGTH], *p;
    ngx_str_t              data;
    SHA256_CTX             sha;
    ngx_bo_room_zone_t    *zone = t->room->zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    if (agreed->lobby_first < 0 || agreed->lobby_end == agreed->lobby_first
        || zone->room->draw_end != zone->room->draw_first)
    {
        return 0;
    }

    if (agreed->lobby_end < 0 || agreed->drawn
        || zone->room->known < (uint64_t) agreed->lobby_end)
    {
        return 1;
    }

    ngx_shmtx_lock(&t->room->shpool->mutex);
    ngx_bo_room_lead_digest(zone, digest);
    ngx_shmtx_unlock(&t->room->shpool->mutex);

    SHA256_Init(&sha);
    SHA256_Update(&sha, agreed->seed, sizeof(agreed->seed));
    SHA256_Update(&sha, digest, sizeof(digest));
    SHA256_Final(key, &sha);

    p = ngx_hex_dump(text, key, BO_SIPHASH_KEY);
    *p++ = ' ';
    p = ngx_hex_dump(p, digest, sizeof(digest));

    data.data = text;
    data.len = p - text;

    ngx_bo_room_lead_send(t, "D", (uint64_t) agreed->lobby_first,
                          (uint64_t) agreed->lobby_end, &data);
    return 1;
}


/* SHA-256 of "<number> <id>\n" of everybody there, by number. */

static void
ngx_bo_room_lead_digest(ngx_bo_room_zone_t *zone,
    u_char digest[SHA256_DIGEST_LENGTH])
{
    u_char      line[NGX_INT64_LEN + 24];
    uint64_t    n, id;
    SHA256_CTX  sha;

    SHA256_Init(&sha);

    for (n = (uint64_t) zone->agreed.lobby_first;
         n < (uint64_t) zone->agreed.lobby_end;
         n++)
    {
        id = bo_room_who(zone->room, n);

        if (id) {
            SHA256_Update(&sha, line,
                          ngx_sprintf(line, "%uL %016xL\n", n, id) - line);
        }
    }

    SHA256_Final(digest, &sha);
}
