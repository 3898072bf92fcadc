
/*
 * Bookings: the arguments of their scripts, and what the replies mean.  The
 * rules themselves are in lua/book.lua and its neighbours.
 */


#include <openssl/sha.h>

#include "booking/bo_price.h"
#include "ngx_bo_bookings.h"


/* A show is put on the list again after so long; far less than it stays. */

#define NGX_BO_BOOKING_LIST  60000      /* msec */

/* The keys and arguments of the scripts, beside those of the seats. */

#define NGX_BO_BOOKING_ARGS  32

/* Hex digits of a hash of user and idempotency key. */

#define NGX_BO_BOOKING_HASH  32


static void ngx_bo_booking_refuse(ngx_bo_hold_call_t *c,
    ngx_bo_outcome_e outcome);
static void ngx_bo_booking_refused(ngx_bo_call_t *call);
static ngx_uint_t ngx_bo_booking_is_listed(ngx_bo_show_t *show);
static ngx_bo_redis_op_t *ngx_bo_booking_list(ngx_bo_show_t *show,
    ngx_bo_redis_handler_pt handler, void *data);
static void ngx_bo_booking_listed(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_booking_send(ngx_bo_call_t *call);
static ngx_str_t *ngx_bo_booking_keys(ngx_bo_hold_call_t *c);
static u_char *ngx_bo_booking_locks(ngx_bo_hold_call_t *c, u_char *p);
static ngx_str_t *ngx_bo_booking_message(ngx_bo_hold_call_t *c,
    ngx_str_t *arg);
static ngx_int_t ngx_bo_booking_labels(ngx_bo_hold_call_t *c,
    ngx_str_t *labels);
static ngx_bo_outcome_e ngx_bo_booking_created(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_booking_refusal(ngx_bo_script_call_t *sc,
    ngx_int_t code);
static void ngx_bo_booking_tell(ngx_bo_store_t *store, uint32_t no);
static ngx_bo_outcome_e ngx_bo_booking_replayed(ngx_bo_hold_call_t *c,
    redisReply *reply);
static ngx_bo_outcome_e ngx_bo_booking_recalled(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_booking_by_id(ngx_bo_hold_call_t *c,
    ngx_bo_script_t *script, ngx_bo_reply_pt read);
static ngx_bo_outcome_e ngx_bo_booking_paid(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_bo_outcome_e ngx_bo_booking_found(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static ngx_int_t ngx_bo_booking_parse(ngx_bo_hold_call_t *c, ngx_str_t *text);
static ngx_int_t ngx_bo_booking_word(ngx_bo_hold_call_t *c, ngx_str_t *text,
    ngx_str_t *word);


void
ngx_bo_booking_create(ngx_bo_hold_call_t *c)
{
    ngx_bo_show_t      *show = c->script.call.show;
    ngx_bo_store_t     *store = c->script.call.store;
    ngx_bo_booking_t   *booking = c->booking;
    ngx_bo_bookings_t  *b = store->bookings;

    if (b == NULL || !ngx_bo_bookings_durable(b)) {
        ngx_bo_booking_refuse(c, NGX_BO_VOLATILE);
        return;
    }

    /* As of the last look; the script sees how many the show has now. */

    if (store->zone->booked.waiting >= b->conf->backlog) {
        ngx_bo_booking_refuse(c, NGX_BO_BACKLOG);
        return;
    }

    if (bo_price_total(&show->layout, &c->hold.seats, &booking->amount) != 0) {
        ngx_bo_booking_refuse(c, NGX_BO_REFUSED);
        return;
    }

    if (ngx_bo_make_id(&c->hold.id, show->no) != NGX_OK) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
        return;
    }

    c->usec = ngx_bo_usec();
    ngx_bo_show_touch(show);

    if (ngx_bo_booking_is_listed(show)) {
        ngx_bo_booking_send(&c->script.call);
        return;
    }

    /* Nobody looks at the stream of a show that is not on the list. */

    c->script.call.redis = ngx_bo_booking_list(show, ngx_bo_booking_listed,
                                               c);

    if (c->script.call.redis == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
    }
}


/* Refused before anything happened; the owner hears of it later. */

static void
ngx_bo_booking_refuse(ngx_bo_hold_call_t *c, ngx_bo_outcome_e outcome)
{
    if (outcome == NGX_BO_VOLATILE || outcome == NGX_BO_BACKLOG) {
        ngx_bo_count(c->script.call.store, bookings_turned_away);
    }

    c->script.call.outcome = outcome;
    ngx_bo_call_post(&c->script.call, ngx_bo_booking_refused);
}


static void
ngx_bo_booking_refused(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, call->outcome);
}


/* Not long ago, and in a Redis that has not lost its data since. */

static ngx_uint_t
ngx_bo_booking_is_listed(ngx_bo_show_t *show)
{
    return show->listed_generation
           == ngx_bo_redis_generation(show->store->redis)
           && show->listed_epoch == show->epoch
           && ngx_current_msec - show->listed_at < NGX_BO_BOOKING_LIST;
}


static ngx_bo_redis_op_t *
ngx_bo_booking_list(ngx_bo_show_t *show, ngx_bo_redis_handler_pt handler,
    void *data)
{
    ngx_str_t  argv[3];

    ngx_str_set(&argv[0], "bookings");
    argv[1].data = show->no_text;
    argv[1].len = ngx_strlen(show->no_text);
    ngx_str_null(&argv[2]);

    return ngx_bo_redis_eval(show->store->redis, &ngx_bo_script_book_show, 1,
                             3, argv, handler, data);
}


static void
ngx_bo_booking_listed(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_hold_call_t *c = data;

    ngx_bo_show_t  *show = c->script.call.show;

    c->script.call.redis = NULL;

    if (verdict != NGX_BO_DONE || reply->type != REDIS_REPLY_INTEGER) {
        ngx_bo_call_done(&c->script.call, NGX_BO_UNAVAILABLE);
        return;
    }

    show->listed_at = ngx_current_msec;
    show->listed_epoch = show->epoch;
    show->listed_generation = ngx_bo_redis_generation(show->store->redis);

    ngx_bo_booking_send(&c->script.call);
}


/* See the header of lua/book.lua for the order of all this. */

static void
ngx_bo_booking_send(ngx_bo_call_t *call)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) call;

    u_char             *p;
    ngx_str_t          *arg;
    ngx_bo_show_t      *show = call->show;
    ngx_bo_booking_t   *booking = c->booking;
    ngx_bo_bookings_t  *b = call->store->bookings;

    arg = ngx_bo_booking_keys(c);
    p = ngx_pnalloc(c->pool, BO_SEATS_TEXT_MAX + NGX_INT64_LEN);

    if (arg == NULL || p == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
        return;
    }

    arg++;    /* the epoch */
    *arg++ = c->user;

    arg->data = c->id_text;
    arg++->len = BO_UUID_LEN;

    arg->data = p;
    arg->len = bo_seats_format((char *) p, &c->hold.seats);
    p += arg++->len;

    *arg++ = show->lock_prefix;
    *arg++ = call->store->order_ttl;
    *arg++ = b->life;
    *arg++ = b->memory;

    arg->data = c->idempotency.fingerprint;
    arg++->len = NGX_BO_FINGERPRINT_LEN;

    *arg++ = b->backlog;

    arg->data = p;
    arg->len = ngx_sprintf(p, "%L", booking->amount) - p;
    arg++;

    *arg++ = show->currency;

    arg->data = (u_char *) bo_payment_method_name(booking->method);
    arg->len = ngx_strlen(arg->data);
    booking->method_name = *arg++;
    booking->currency = show->currency;

    arg->data = c->idempotency.key;
    arg++->len = NGX_BO_KEY_LEN;

    arg = ngx_bo_booking_message(c, arg);

    if (arg == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
        return;
    }

    c->script.script = &ngx_bo_script_book;
    c->script.read = ngx_bo_booking_created;
    c->script.argc = arg - c->script.argv;
    c->script.rebuilds = 1;

    ngx_bo_script_run(&c->script);
}


/* The keys of the script.  Returns where its arguments begin, or NULL. */

static ngx_str_t *
ngx_bo_booking_keys(ngx_bo_hold_call_t *c)
{
    u_char         *p, digest[SHA256_DIGEST_LENGTH];
    u_char          own[BO_USER_MAX + 1 + NGX_BO_KEY_LEN];
    uint32_t        n;
    ngx_str_t      *argv;
    ngx_bo_show_t  *show = c->script.call.show;

    n = c->hold.seats.n;

    argv = ngx_palloc(c->pool, (NGX_BO_BOOKING_ARGS + n) * sizeof(ngx_str_t));
    p = ngx_pnalloc(c->pool, NGX_BO_BOOKING_KEY_LEN
                             + show->booking_key_prefix.len
                             + NGX_BO_BOOKING_HASH
                             + n * (show->lock_prefix.len + NGX_INT32_LEN));

    if (argv == NULL || p == NULL) {
        return NULL;
    }

    c->script.argv = argv;
    c->script.nkeys = 7 + n;

    argv[0] = show->version_key;
    argv[1] = show->state_key;
    argv[2] = show->hold_key;
    argv[3] = show->expiry_key;
    argv[4] = show->bookings_key;

    bo_uuid_format((char *) c->id_text, &c->hold.id);
    ngx_bo_booking_name(show, &c->hold.id, p, &argv[5]);
    p += argv[5].len;

    /* A key is its user's: a name of its own, of digits that are ours. */

    SHA256(own, ngx_snprintf(own, sizeof(own), "%V\n%*s", &c->user,
                             (size_t) NGX_BO_KEY_LEN, c->idempotency.key)
                - own, digest);

    argv[6].data = p;
    p = ngx_cpymem(p, show->booking_key_prefix.data,
                   show->booking_key_prefix.len);
    p = ngx_hex_dump(p, digest, NGX_BO_BOOKING_HASH / 2);
    argv[6].len = p - argv[6].data;

    (void) ngx_bo_booking_locks(c, p);

    return &argv[7 + n];
}


static u_char *
ngx_bo_booking_locks(ngx_bo_hold_call_t *c, u_char *p)
{
    uint32_t    i;
    ngx_str_t  *arg, *prefix;

    arg = &c->script.argv[7];
    prefix = &c->script.call.show->lock_prefix;

    for (i = 0; i < c->hold.seats.n; i++, arg++) {
        arg->data = p;
        p = ngx_cpymem(p, prefix->data, prefix->len);
        p = ngx_sprintf(p, "%uD", c->hold.seats.no[i]);
        arg->len = p - arg->data;
    }

    return p;
}


/* What the message has beside what the script puts into it. */

static ngx_str_t *
ngx_bo_booking_message(ngx_bo_hold_call_t *c, ngx_str_t *arg)
{
    u_char             *starts;
    ngx_str_t           labels;
    ngx_bo_customer_t  *customer = &c->booking->customer;

    starts = ngx_pnalloc(c->pool, NGX_INT64_LEN);

    if (starts == NULL || ngx_bo_booking_labels(c, &labels) != NGX_OK) {
        return NULL;
    }

    ngx_str_set(arg, "l");
    arg++;
    *arg++ = labels;

    ngx_str_set(arg, "s");
    arg++;
    arg->data = starts;
    arg->len = ngx_sprintf(starts, "%L", c->script.call.show->starts) - starts;
    arg++;

    ngx_str_set(arg, "cn");
    arg++;
    *arg++ = customer->name;

    ngx_str_set(arg, "ce");
    arg++;
    *arg++ = customer->email;

    if (customer->phone.data) {
        ngx_str_set(arg, "cp");
        arg++;
        *arg++ = customer->phone;
    }

    return arg;
}


static ngx_int_t
ngx_bo_booking_labels(ngx_bo_hold_call_t *c, ngx_str_t *labels)
{
    u_char       *p;
    uint32_t      i;
    bo_seat_t    *seat;
    bo_layout_t  *layout = &c->script.call.show->layout;

    p = ngx_pnalloc(c->pool, c->hold.seats.n * (BO_LABEL_MAX + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    labels->data = p;

    for (i = 0; i < c->hold.seats.n; i++) {
        if (i) {
            *p++ = ',';
        }

        seat = &layout->seats[c->hold.seats.no[i]];
        p = ngx_cpymem(p, seat->label, seat->label_len);
    }

    labels->len = p - labels->data;

    return NGX_OK;
}


static ngx_bo_outcome_e
ngx_bo_booking_created(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_str_t        text;
    ngx_bo_store_t  *store = sc->call.store;

    ngx_bo_observe(&store->zone->metrics.hold, c->usec);

    switch (code) {

    case 0:
        ngx_bo_count(store, holds_conflicts);
        ngx_bo_hold_conflicts(c, reply);
        return NGX_BO_CONFLICT;

    case 1:
        ngx_bo_booking_tell(store, sc->call.show->no);

        if (!ngx_bo_booking_is_listed(sc->call.show)) {

            /* the show was loaded anew on the way, and the list is lost */

            (void) ngx_bo_booking_list(sc->call.show, NULL, NULL);
        }

        /*
         * It went to a server that was not asked: what it keeps is not known
         * yet, and the same key tells what became of it.
         */

        if (!ngx_bo_bookings_durable(store->bookings)) {
            return NGX_BO_IN_DOUBT;
        }

        text = ngx_bo_reply_str(reply, 1);
        c->hold.created = (int64_t) ngx_atoof(text.data, text.len);

        text = ngx_bo_reply_str(reply, 2);
        c->hold.expires = (int64_t) ngx_atoof(text.data, text.len);

        ngx_str_set(&c->booking->status, "PENDING");
        ngx_bo_count(store, bookings_accepted);
        return NGX_BO_OK;

    case 2:
        ngx_bo_booking_tell(store, sc->call.show->no);
        return ngx_bo_booking_replayed(c, reply);

    default:
        return ngx_bo_booking_refusal(sc, code);
    }
}


static ngx_bo_outcome_e
ngx_bo_booking_refusal(ngx_bo_script_call_t *sc, ngx_int_t code)
{
    switch (code) {

    case -2:
        return NGX_BO_KEY_REUSED;

    case -3:
        return NGX_BO_NOT_FOUND;

    case -4:
        return NGX_BO_IN_PROGRESS;

    case -7:
        ngx_bo_count(sc->call.store, bookings_turned_away);
        return NGX_BO_BACKLOG;

    default:
        return NGX_BO_REFUSED;
    }
}


/*
 * Tells the handler of this node that the show has a message.  Should the
 * worker die before, or the node, it is found by those that look at all shows.
 */

static void
ngx_bo_booking_tell(ngx_bo_store_t *store, uint32_t no)
{
    ngx_atomic_t     *slot;
    ngx_bo_booked_t  *booked = &store->zone->booked;

    slot = &booked->shows[no % NGX_BO_BOOKED_SHOWS];

    if (*slot != no && !ngx_atomic_cmp_set(slot, 0, no) && *slot != no) {
        booked->more = 1;
    }
}


/* "id created expires amount currency method seats" */

static ngx_bo_outcome_e
ngx_bo_booking_replayed(ngx_bo_hold_call_t *c, redisReply *reply)
{
    ngx_str_t  text, id;

    text = ngx_bo_reply_str(reply, 1);

    if (ngx_bo_booking_word(c, &text, &id) != NGX_OK
        || bo_uuid_parse(&c->hold.id, (char *) id.data, id.len) != 0
        || ngx_bo_booking_parse(c, &text) != NGX_OK)
    {
        return NGX_BO_REFUSED;
    }

    ngx_str_set(&c->booking->status, "PENDING");

    return ngx_bo_bookings_durable(c->script.call.store->bookings)
           ? NGX_BO_REPLAYED : NGX_BO_IN_DOUBT;
}


void
ngx_bo_booking_recall(ngx_bo_hold_call_t *c)
{
    ngx_str_t  *arg;

    if (c->script.call.store->bookings == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_VOLATILE);
        return;
    }

    if (ngx_bo_booking_keys(c) == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
        return;
    }

    arg = c->script.argv;
    arg[0] = arg[6];    /* the one key of them that it needs */

    /* arg[1] is the epoch */

    arg[2].data = c->idempotency.fingerprint;
    arg[2].len = NGX_BO_FINGERPRINT_LEN;

    c->script.script = &ngx_bo_script_book_recall;
    c->script.read = ngx_bo_booking_recalled;
    c->script.nkeys = 1;
    c->script.argc = 3;

    ngx_bo_script_run(&c->script);
}


static ngx_bo_outcome_e
ngx_bo_booking_recalled(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    if (code < 0) {
        return ngx_bo_booking_refusal(sc, code);
    }

    return ngx_bo_booking_replayed((ngx_bo_hold_call_t *) sc, reply);
}


void
ngx_bo_booking_pay(ngx_bo_hold_call_t *c)
{
    ngx_bo_bookings_t  *b = c->script.call.store->bookings;

    if (b == NULL || !ngx_bo_bookings_durable(b)) {
        ngx_bo_booking_refuse(c, NGX_BO_VOLATILE);
        return;
    }

    ngx_bo_booking_by_id(c, &ngx_bo_script_book_pay, ngx_bo_booking_paid);
}


void
ngx_bo_booking_read(ngx_bo_hold_call_t *c)
{
    ngx_bo_booking_by_id(c, &ngx_bo_script_book_read, ngx_bo_booking_found);
}


static void
ngx_bo_booking_by_id(ngx_bo_hold_call_t *c, ngx_bo_script_t *script,
    ngx_bo_reply_pt read)
{
    u_char         *p;
    ngx_str_t      *argv, *arg;
    ngx_bo_show_t  *show = c->script.call.show;

    argv = ngx_palloc(c->pool, NGX_BO_BOOKING_ARGS * sizeof(ngx_str_t));
    p = ngx_pnalloc(c->pool, NGX_BO_BOOKING_KEY_LEN);

    if (argv == NULL || p == NULL) {
        ngx_bo_booking_refuse(c, NGX_BO_UNAVAILABLE);
        return;
    }

    c->script.argv = argv;
    arg = argv;

    bo_uuid_format((char *) c->id_text, &c->hold.id);
    ngx_bo_booking_name(show, &c->hold.id, p, arg++);

    if (script == &ngx_bo_script_book_pay) {
        *arg++ = show->bookings_key;
    }

    c->script.nkeys = arg - argv;

    arg++;    /* the epoch */
    *arg++ = c->user;

    if (script == &ngx_bo_script_book_pay) {
        arg->data = c->id_text;
        arg++->len = BO_UUID_LEN;
        *arg++ = c->booking->payment;
        arg->data = c->idempotency.key;
        arg++->len = NGX_BO_KEY_LEN;
        arg->data = c->idempotency.fingerprint;
        arg++->len = NGX_BO_FINGERPRINT_LEN;
    }

    c->script.script = script;
    c->script.read = read;
    c->script.argc = arg - argv;

    ngx_bo_script_run(&c->script);
}


static ngx_bo_outcome_e
ngx_bo_booking_paid(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_str_t        text;
    ngx_bo_store_t  *store = sc->call.store;

    if (code < 1) {
        return ngx_bo_booking_refusal(sc, code);
    }

    ngx_bo_booking_tell(store, sc->call.show->no);

    text = ngx_bo_reply_str(reply, 1);

    if (ngx_bo_booking_word(c, &text, &c->booking->status) != NGX_OK
        || ngx_bo_booking_parse(c, &text) != NGX_OK)
    {
        return NGX_BO_REFUSED;
    }

    if (!ngx_bo_bookings_durable(store->bookings)) {
        return NGX_BO_IN_DOUBT;
    }

    return code == 1 ? NGX_BO_OK : code == 2 ? NGX_BO_REPLAYED : NGX_BO_SAME;
}


static ngx_bo_outcome_e
ngx_bo_booking_found(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    ngx_bo_hold_call_t *c = (ngx_bo_hold_call_t *) sc;

    ngx_str_t  text;

    if (code < 1) {
        return ngx_bo_booking_refusal(sc, code);
    }

    text = ngx_bo_reply_str(reply, 1);

    if (ngx_bo_booking_word(c, &text, &c->booking->status) != NGX_OK
        || ngx_bo_booking_parse(c, &text) != NGX_OK
        || ngx_bo_booking_word(c, &text, &c->booking->reason) != NGX_OK)
    {
        return NGX_BO_REFUSED;
    }

    if (c->booking->reason.data[0] == '-') {
        ngx_str_null(&c->booking->reason);
    }

    return NGX_BO_OK;
}


/* "created expires amount currency method seats" at the start of text. */

static ngx_int_t
ngx_bo_booking_parse(ngx_bo_hold_call_t *c, ngx_str_t *text)
{
    ngx_str_t  created, expires, amount, seats;

    if (ngx_bo_booking_word(c, text, &created) != NGX_OK
        || ngx_bo_booking_word(c, text, &expires) != NGX_OK
        || ngx_bo_booking_word(c, text, &amount) != NGX_OK
        || ngx_bo_booking_word(c, text, &c->booking->currency) != NGX_OK
        || ngx_bo_booking_word(c, text, &c->booking->method_name) != NGX_OK
        || ngx_bo_booking_word(c, text, &seats) != NGX_OK
        || bo_seats_parse(&c->hold.seats, (char *) seats.data, seats.len)
           != 0)
    {
        return NGX_ERROR;
    }

    c->hold.created = (int64_t) ngx_atoof(created.data, created.len);
    c->hold.expires = (int64_t) ngx_atoof(expires.data, expires.len);
    c->booking->amount = (int64_t) ngx_atoof(amount.data, amount.len);

    return NGX_OK;
}


/* Takes a word off the text, which is the reply's: it is copied. */

static ngx_int_t
ngx_bo_booking_word(ngx_bo_hold_call_t *c, ngx_str_t *text, ngx_str_t *word)
{
    u_char  *p, *last;

    last = text->data + text->len;
    p = ngx_strlchr(text->data, last, ' ');

    if (p == NULL) {
        p = last;
    }

    word->len = p - text->data;

    if (word->len == 0) {
        return NGX_ERROR;
    }

    word->data = ngx_pnalloc(c->pool, word->len);
    if (word->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(word->data, text->data, word->len);

    text->data = ngx_min(p + 1, last);
    text->len = last - text->data;

    return NGX_OK;
}


void
ngx_bo_booking_name(ngx_bo_show_t *show, const bo_uuid_t *id, u_char *text,
    ngx_str_t *key)
{
    u_char  *p;

    p = ngx_cpymem(text, show->booking_prefix.data, show->booking_prefix.len);
    bo_uuid_format((char *) p, id);

    key->data = text;
    key->len = p + BO_UUID_LEN - text;
}
