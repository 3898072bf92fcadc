
/*
 * Holds: the arguments of their scripts, and what the replies mean.  The
 * rules themselves are in lua/.
 */


#include "ngx_bo_holds.h"
#include "ngx_bo_hold_batch.h"
#include "ngx_bo_history.h"


ngx_str_t  ngx_bo_hold_memory = ngx_string("600000");

static ngx_str_t  ngx_bo_none = ngx_string("-");
static ngx_str_t  ngx_bo_empty = ngx_null_string;


/* The keys and arguments of a script beside its seats. */

#define NGX_BO_HOLD_ARGS  16


static void ngx_bo_hold_take(ngx_bo_hold_call_t *c, unsigned change);
static ngx_str_t *ngx_bo_hold_keys(ngx_bo_hold_call_t *c);
static void ngx_bo_hold_no_memory(ngx_bo_call_t *call);
static ngx_bo_outcome_e ngx_bo_hold_taken(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_released(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_found(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_recalled(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_fenced(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_entry(ngx_bo_hold_call_t *c,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_hold_refused(ngx_int_t code);


void
ngx_bo_hold_create(ngx_bo_hold_call_t *c)
{
    if (ngx_bo_make_id(&c->hold.id, c->script.call.show->no) != NGX_OK) {
        ngx_bo_call_post(&c->script.call, ngx_bo_hold_no_memory);
        return;
    }

    bo_uuid_format((char *) c->id_text, &c->hold.id);
    c->usec = ngx_bo_usec();

    ngx_bo_show_touch(c->script.call.show);
    ngx_bo_hold_batch_add(c);
}


void
ngx_bo_hold_single(ngx_bo_hold_call_t *c)
{
    ngx_bo_hold_take(c, 0);
}


void
ngx_bo_hold_change(ngx_bo_hold_call_t *c)
{
    bo_uuid_format((char *) c->id_text, &c->hold.id);
    c->usec = ngx_bo_usec();

    ngx_bo_show_touch(c->script.call.show);
    ngx_bo_hold_take(c, 1);
}


static void
ngx_bo_hold_take(ngx_bo_hold_call_t *c, unsigned change)
{
    u_char           *p;
    uint32_t          i;
    ngx_str_t        *arg;
    ngx_bo_show_t    *show;
    ngx_bo_store_t   *store;

    show = c->script.call.show;
    store = c->script.call.store;

    arg = ngx_bo_hold_keys(c);
    p = ngx_pnalloc(c->pool, c->hold.seats.n
                             * (show->lock_prefix.len + NGX_INT32_LEN));

    if (arg == NULL || p == NULL) {
        ngx_bo_call_post(&c->script.call, ngx_bo_hold_no_memory);
        return;
    }

    for (i = 0; i < c->hold.seats.n; i++, arg++) {
        arg->data = p;
        p = ngx_cpymem(p, show->lock_prefix.data, show->lock_prefix.len);
        p = ngx_sprintf(p, "%uD", c->hold.seats.no[i]);
        arg->len = p - arg->data;
    }

    c->script.nkeys = 4 + c->hold.seats.n;

    arg++;    /* the epoch */
    *arg++ = c->user;
    arg->data = c->id_text;
    arg++->len = BO_UUID_LEN;
    *arg++ = store->hold_ttl;
    *arg++ = store->hold_cap;

    if (change) {
        arg->data = c->id_text;
        arg++->len = BO_UUID_LEN;

    } else {
        *arg++ = ngx_bo_empty;
    }

    if (c->idempotency.present) {
        arg->data = c->idempotency.key;
        arg++->len = NGX_BO_KEY_LEN;
        arg->data = c->idempotency.fingerprint;
        arg++->len = NGX_BO_FINGERPRINT_LEN;

    } else {
        *arg++ = ngx_bo_empty;
        *arg++ = ngx_bo_none;
    }

    *arg++ = show->lock_prefix;

    /* the number of a seat stands at the end of its key */

    for (i = 0; i < c->hold.seats.n; i++, arg++) {
        arg->data = c->script.argv[4 + i].data + show->lock_prefix.len;
        arg->len = c->script.argv[4 + i].len - show->lock_prefix.len;
    }

    c->script.script = &ngx_bo_script_hold;
    c->script.read = ngx_bo_hold_taken;
    c->script.argc = arg - c->script.argv;
    c->script.rebuilds = 1;

    ngx_bo_script_run(&c->script);
}


static ngx_str_t *
ngx_bo_hold_keys(ngx_bo_hold_call_t *c)
{
    ngx_str_t      *argv;
    ngx_bo_show_t  *show = c->script.call.show;

    argv = ngx_palloc(c->pool, (NGX_BO_HOLD_ARGS + 2 * c->hold.seats.n)
                               * sizeof(ngx_str_t));
    if (argv == NULL) {
        return NULL;
    }

    argv[0] = show->version_key;
    argv[1] = show->state_key;
    argv[2] = show->hold_key;
    argv[3] = show->expiry_key;

    c->script.argv = argv;

    return &argv[4];
}


static void
ngx_bo_hold_no_memory(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
}


static ngx_bo_outcome_e
ngx_bo_hold_taken(ngx_bo_script_call_t *sc, ngx_int_t code, redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_bo_store_t    *store = sc->call.store;
    ngx_bo_outcome_e   outcome;

    ngx_bo_observe(&store->zone->metrics.hold, c->usec);

    if (code == 0) {
        ngx_bo_count(store, holds_conflicts);
        ngx_bo_hold_conflicts(c, reply);
        return NGX_BO_CONFLICT;
    }

    outcome = ngx_bo_hold_entry(c, code, reply);

    if (outcome != NGX_BO_OK) {
        return outcome;
    }

    /* What is answered is what was answered when the line was written. */

    c->hold.state = BO_HOLD_HELD;

    switch (code) {

    case 1:
        ngx_bo_history_add(store, sc->call.show, &c->user, &c->hold, "HELD");
        return NGX_BO_OK;

    case 2:
        ngx_bo_count(store, holds_replayed);
        return NGX_BO_REPLAYED;

    default:
        return NGX_BO_SAME;
    }
}


void
ngx_bo_hold_conflicts(ngx_bo_hold_call_t *c, redisReply *reply)
{
    size_t     i;
    ngx_int_t  seat;
    ngx_str_t  text;

    for (i = 1; i + 1 < reply->elements; i += 2) {
        text = ngx_bo_reply_str(reply, i);
        seat = ngx_atoi(text.data, text.len);

        if (seat != NGX_ERROR && seat <= BO_SEAT_NO_MAX) {
            ngx_bo_hold_conflict(c, (uint32_t) seat,
                                 ngx_bo_reply_int(reply, i + 1));
        }
    }
}


void
ngx_bo_hold_conflict(ngx_bo_hold_call_t *c, uint32_t seat, int64_t state)
{
    (void) bo_seats_add(&c->conflicts, seat);

    if (state == BO_SEAT_BOOKED) {
        c->sold = 1;
    }
}


void
ngx_bo_hold_release(ngx_bo_hold_call_t *c)
{
    ngx_str_t       *arg;
    ngx_bo_show_t   *show;

    show = c->script.call.show;
    arg = ngx_bo_hold_keys(c);

    if (arg == NULL) {
        ngx_bo_call_post(&c->script.call, ngx_bo_hold_no_memory);
        return;
    }

    bo_uuid_format((char *) c->id_text, &c->hold.id);

    arg++;    /* the epoch */
    *arg++ = c->user;
    arg->data = c->id_text;
    arg++->len = BO_UUID_LEN;
    *arg++ = show->lock_prefix;
    *arg++ = ngx_bo_hold_memory;

    c->script.script = &ngx_bo_script_release;
    c->script.read = ngx_bo_hold_released;
    c->script.nkeys = 4;
    c->script.argc = arg - c->script.argv;
    c->script.rebuilds = 1;

    ngx_bo_show_touch(show);
    ngx_bo_script_run(&c->script);
}


static ngx_bo_outcome_e
ngx_bo_hold_released(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_hold_entry(c, code, reply);

    if (outcome != NGX_BO_OK) {
        return outcome;
    }

    if (code == 1) {
        ngx_bo_count(sc->call.store, holds_released);
        ngx_bo_history_add(sc->call.store, sc->call.show, &c->user, &c->hold,
                           "RELEASED");
        return NGX_BO_OK;
    }

    return NGX_BO_SAME;
}


/* Reading and fencing leave the map of seats as it is. */

static void
ngx_bo_hold_by_id(ngx_bo_hold_call_t *c)
{
    ngx_str_t      *arg;
    ngx_bo_show_t  *show;

    show = c->script.call.show;

    if (ngx_bo_hold_keys(c) == NULL) {
        ngx_bo_call_post(&c->script.call, ngx_bo_hold_no_memory);
        return;
    }

    bo_uuid_format((char *) c->id_text, &c->hold.id);

    arg = &c->script.argv[1];
    *arg++ = show->hold_key;

    if (c->script.script == &ngx_bo_script_fence) {
        *arg++ = show->expiry_key;
    }

    c->script.nkeys = arg - c->script.argv;

    arg++;    /* the epoch */
    *arg++ = c->user;
    arg->data = c->id_text;
    arg++->len = BO_UUID_LEN;

    if (c->script.script == &ngx_bo_script_fence) {
        *arg++ = c->script.call.store->order_life;
        *arg++ = show->lock_prefix;
        arg->data = c->made_text;
        arg++->len = ngx_sprintf(c->made_text, "%uL",
                                 bo_uuid_unix_ms(&c->hold.id))
                     - c->made_text;
    }

    c->script.argc = arg - c->script.argv;
    c->script.rebuilds = 1;

    ngx_bo_script_run(&c->script);
}


void
ngx_bo_hold_read(ngx_bo_hold_call_t *c)
{
    c->script.script = &ngx_bo_script_read;
    c->script.read = ngx_bo_hold_found;

    ngx_bo_hold_by_id(c);
}


static ngx_bo_outcome_e
ngx_bo_hold_found(ngx_bo_script_call_t *sc, ngx_int_t code, redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_str_t         now;
    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_hold_entry(c, code, reply);

    if (outcome != NGX_BO_OK) {
        return outcome;
    }

    now = ngx_bo_reply_str(reply, 2);

    if (c->hold.state == BO_HOLD_HELD
        && c->hold.expires <= (int64_t) ngx_atoof(now.data, now.len))
    {
        c->hold.state = BO_HOLD_EXPIRED;
    }

    return NGX_BO_OK;
}


void
ngx_bo_hold_recall(ngx_bo_hold_call_t *c)
{
    ngx_str_t  *arg;

    if (ngx_bo_hold_keys(c) == NULL) {
        ngx_bo_call_post(&c->script.call, ngx_bo_hold_no_memory);
        return;
    }

    arg = &c->script.argv[1];
    *arg++ = c->script.call.show->hold_key;
    c->script.nkeys = arg - c->script.argv;

    arg++;    /* the epoch */
    *arg++ = c->user;
    *arg++ = ngx_bo_empty;
    arg->data = c->idempotency.key;
    arg++->len = NGX_BO_KEY_LEN;
    arg->data = c->idempotency.fingerprint;
    arg++->len = NGX_BO_FINGERPRINT_LEN;

    c->script.script = &ngx_bo_script_read;
    c->script.read = ngx_bo_hold_recalled;
    c->script.argc = arg - c->script.argv;
    c->script.rebuilds = 1;

    ngx_bo_script_run(&c->script);
}


static ngx_bo_outcome_e
ngx_bo_hold_recalled(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_hold_entry(c, code, reply);

    if (outcome != NGX_BO_OK) {
        return outcome;
    }

    c->hold.state = BO_HOLD_HELD;    /* as it was answered */
    ngx_bo_count(sc->call.store, holds_replayed);

    return NGX_BO_REPLAYED;
}


void
ngx_bo_hold_fence(ngx_bo_hold_call_t *c)
{
    c->script.script = &ngx_bo_script_fence;
    c->script.read = ngx_bo_hold_fenced;

    ngx_bo_hold_by_id(c);
}


static ngx_bo_outcome_e
ngx_bo_hold_fenced(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_str_t  seats;

    if (code < 0) {
        if (code == -5 || code == -6) {
            ngx_bo_count(sc->call.store, holds_lost);
        }

        return ngx_bo_hold_refused(code);
    }

    seats = ngx_bo_reply_str(reply, 1);
    c->fresh = ngx_bo_reply_int(reply, 2) == 1;

    if (bo_seats_parse(&c->hold.seats, (char *) seats.data, seats.len) != 0) {
        return NGX_BO_REFUSED;
    }

    return NGX_BO_OK;
}


/* NGX_BO_OK: the reply has a line, and hold is filled with it. */

static ngx_bo_outcome_e
ngx_bo_hold_entry(ngx_bo_hold_call_t *c, ngx_int_t code, redisReply *reply)
{
    ngx_str_t  entry;

    if (code < 0) {
        return ngx_bo_hold_refused(code);
    }

    entry = ngx_bo_reply_str(reply, 1);

    return ngx_bo_hold_parse(&c->hold, &entry) == NGX_OK ? NGX_BO_OK
                                                         : NGX_BO_REFUSED;
}


static ngx_bo_outcome_e
ngx_bo_hold_refused(ngx_int_t code)
{
    switch (code) {

    case -2:
        return NGX_BO_KEY_REUSED;

    case -3:
        return NGX_BO_NOT_FOUND;

    case -4:
        return NGX_BO_ORDERED;

    case -5:
        return NGX_BO_ENDED;

    case -6:
        return NGX_BO_LOST;

    default:
        return NGX_BO_REFUSED;
    }
}


/* The next word of an entry: up to a space or the end. */

static ngx_str_t
ngx_bo_hold_word(u_char **p, u_char *last)
{
    ngx_str_t  word;

    word.data = *p;

    while (*p < last && **p != ' ') {
        (*p)++;
    }

    word.len = *p - word.data;

    if (*p < last) {
        (*p)++;
    }

    return word;
}


ngx_int_t
ngx_bo_hold_parse(ngx_bo_hold_t *hold, ngx_str_t *entry)
{
    u_char     *p, *last;
    ngx_str_t   id, created, expires, flag, seats;

    p = entry->data;
    last = p + entry->len;

    id = ngx_bo_hold_word(&p, last);
    created = ngx_bo_hold_word(&p, last);
    expires = ngx_bo_hold_word(&p, last);
    flag = ngx_bo_hold_word(&p, last);
    (void) ngx_bo_hold_word(&p, last);
    (void) ngx_bo_hold_word(&p, last);
    seats = ngx_bo_hold_word(&p, last);

    if (bo_uuid_parse(&hold->id, (char *) id.data, id.len) != 0
        || flag.len != 1
        || bo_seats_parse(&hold->seats, (char *) seats.data, seats.len) != 0)
    {
        return NGX_ERROR;
    }

    hold->created = (int64_t) ngx_atoof(created.data, created.len);
    hold->expires = (int64_t) ngx_atoof(expires.data, expires.len);

    /* A hold stays HELD when an order is made of it. */

    hold->state = flag.data[0] == 'X' ? BO_HOLD_EXPIRED
                  : flag.data[0] == 'R' ? BO_HOLD_RELEASED : BO_HOLD_HELD;

    return NGX_OK;
}
