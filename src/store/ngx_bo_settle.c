
/*
 * Calls without an owner: each has a pool of its own and frees itself.
 */


#include "ngx_bo_settle.h"


/*
 * Seats that an order has left must not stay locked for the rest of its life
 * because Redis was away for a moment: such calls are tried again until the
 * locks have run out by themselves.
 */

#define NGX_BO_SETTLE_PAUSE  250        /* msec */
#define NGX_BO_SETTLE_TRIES  16         /* with Redis there */
#define NGX_BO_SETTLE_MAX    4096       /* calls that wait for the next one */


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_queue_t              queue;         /* in store->unsettled */
    ngx_pool_t              *pool;
    ngx_msec_t               began;
    ngx_uint_t               tries;
    uint32_t                 show_no;
    bo_seats_t               seats;
    ngx_str_t                hold;
    ngx_str_t                user;
    bo_seat_state_e          from;
    bo_seat_state_e          to;
} ngx_bo_settle_t;


static ngx_bo_settle_t *ngx_bo_settle_alloc(ngx_bo_store_t *store,
    ngx_str_t *hold);
static void ngx_bo_settle_start(ngx_bo_settle_t *s);
static void ngx_bo_settle_show(ngx_bo_call_t *call);
static void ngx_bo_settle_send(ngx_bo_settle_t *s);
static void ngx_bo_settle_run(ngx_bo_settle_t *s, ngx_bo_script_t *script,
    ngx_str_t *arg);
static ngx_bo_outcome_e ngx_bo_settle_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_settle_done(ngx_bo_call_t *call);
static ngx_uint_t ngx_bo_settle_later(ngx_bo_settle_t *s);
static void ngx_bo_settle_again(ngx_event_t *ev);


void
ngx_bo_settle_init(ngx_bo_store_t *store)
{
    ngx_queue_init(&store->unsettled);

    store->settle_event.handler = ngx_bo_settle_again;
    store->settle_event.data = store;
    store->settle_event.log = store->log;
    store->settle_event.cancelable = 1;
}


void
ngx_bo_settles_done(ngx_bo_store_t *store)
{
    ngx_queue_t      *q;
    ngx_bo_settle_t  *s;

    if (store->settle_event.timer_set) {
        ngx_del_timer(&store->settle_event);
    }

    while (!ngx_queue_empty(&store->unsettled)) {
        q = ngx_queue_head(&store->unsettled);
        ngx_queue_remove(q);

        s = ngx_queue_data(q, ngx_bo_settle_t, queue);
        ngx_bo_call_cancel(&s->script.call);
        ngx_destroy_pool(s->pool);
    }
}


void
ngx_bo_settle(ngx_bo_store_t *store, ngx_bo_order_t *order,
    bo_seat_state_e from, bo_seat_state_e to)
{
    ngx_bo_settle_t  *s;

    s = ngx_bo_settle_alloc(store, &order->hold_id);
    if (s == NULL) {
        return;
    }

    s->seats = order->seat_nos;
    s->from = from;
    s->to = to;
    s->show_no = order->show_no;

    ngx_bo_settle_start(s);
}


void
ngx_bo_settle_row(ngx_bo_store_t *store, PGresult *res, int row,
    bo_seat_state_e from, bo_seat_state_e to)
{
    ngx_pool_t      *pool;
    ngx_bo_order_t   order;

    pool = ngx_create_pool(1024, store->log);
    if (pool == NULL) {
        return;
    }

    if (ngx_bo_order_from_row(&order, pool, res, row) == NGX_OK) {
        ngx_bo_settle(store, &order, from, to);

        if (from == BO_SEAT_HELD) {
            ngx_bo_order_leave_rooms(store, &order, 1);
        }
    }

    ngx_destroy_pool(pool);
}


static void
ngx_bo_settle_start(ngx_bo_settle_t *s)
{
    ngx_bo_call_t  *call = &s->script.call;

    call->done = ngx_bo_settle_show;

    if (ngx_bo_show_get(call->store, NULL, s->show_no, call) == NGX_OK) {
        ngx_bo_settle_send(s);
    }
}


static ngx_bo_settle_t *
ngx_bo_settle_alloc(ngx_bo_store_t *store, ngx_str_t *hold)
{
    ngx_pool_t       *pool;
    ngx_bo_settle_t  *s;

    pool = ngx_create_pool(2048, store->log);
    if (pool == NULL) {
        return NULL;
    }

    s = ngx_pcalloc(pool, sizeof(ngx_bo_settle_t));
    if (s == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    s->pool = pool;
    s->began = ngx_current_msec;
    s->script.call.store = store;
    s->hold.len = hold->len;
    s->hold.data = ngx_pstrdup(pool, hold);

    if (s->hold.data == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return s;
}


static void
ngx_bo_settle_show(ngx_bo_call_t *call)
{
    if (call->outcome != NGX_BO_OK) {
        ngx_bo_settle_done(call);
        return;
    }

    ngx_bo_settle_send((ngx_bo_settle_t *) call);
}


static void
ngx_bo_settle_send(ngx_bo_settle_t *s)
{
    u_char         *p;
    uint32_t        i;
    ngx_str_t      *argv, *arg;
    ngx_bo_show_t  *show;

    show = s->script.call.show;

    argv = ngx_palloc(s->pool, (9 + s->seats.n) * sizeof(ngx_str_t));
    p = ngx_pnalloc(s->pool, 2 + s->seats.n * NGX_INT32_LEN);

    if (argv == NULL || p == NULL) {
        ngx_bo_settle_done(&s->script.call);
        return;
    }

    s->script.argv = argv;
    arg = &argv[5];

    *arg++ = s->hold;

    arg->data = p;
    arg++->len = 1;
    *p++ = '0' + s->from;

    arg->data = p;
    arg++->len = 1;
    *p++ = '0' + s->to;

    *arg++ = show->lock_prefix;

    for (i = 0; i < s->seats.n; i++, arg++) {
        arg->data = p;
        p = ngx_sprintf(p, "%uD", s->seats.no[i]);
        arg->len = p - arg->data;
    }

    ngx_bo_settle_run(s, &ngx_bo_script_settle, arg);
}


static void
ngx_bo_settle_run(ngx_bo_settle_t *s, ngx_bo_script_t *script, ngx_str_t *arg)
{
    ngx_bo_show_t         *show;
    ngx_bo_script_call_t  *sc;

    sc = &s->script;
    show = sc->call.show;

    sc->argv[0] = show->version_key;
    sc->argv[1] = show->state_key;
    sc->argv[2] = show->hold_key;
    sc->argv[3] = show->expiry_key;

    sc->script = script;
    sc->read = ngx_bo_settle_read;
    sc->nkeys = 4;
    sc->argc = arg - sc->argv;
    sc->call.done = ngx_bo_settle_done;

    /*
     * What is sold bears no hold's id: who waits until Redis has the show may
     * come after somebody who has bought the seats since.
     */

    sc->rebuilds = s->from != BO_SEAT_BOOKED;

    ngx_bo_show_touch(show);
    ngx_bo_script_run(sc);
}


static ngx_bo_outcome_e
ngx_bo_settle_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    return NGX_BO_OK;
}


static void
ngx_bo_settle_done(ngx_bo_call_t *call)
{
    ngx_bo_settle_t *s = (ngx_bo_settle_t *) call;

    ngx_bo_call_cancel(call);

    switch (call->outcome) {

    case NGX_BO_UNAVAILABLE:
    case NGX_BO_IN_DOUBT:

        if (ngx_bo_settle_later(s)) {
            return;
        }

        break;

    default:
        break;
    }

    ngx_destroy_pool(s->pool);
}


/*
 * Only for seats that were held: their locks bear the hold's id, so that a
 * late call cannot take them from anybody else.  What is sold, or is not any
 * more, is set right by the repair; a fence may be wanted again by now.
 */

static ngx_uint_t
ngx_bo_settle_later(ngx_bo_settle_t *s)
{
    ngx_bo_store_t *store = s->script.call.store;

    if (s->seats.n == 0 || s->from != BO_SEAT_HELD
        || s->to != BO_SEAT_AVAILABLE
        || ++s->tries == NGX_BO_SETTLE_TRIES
        || store->nunsettled == NGX_BO_SETTLE_MAX
        || ngx_current_msec - s->began > store->limits->order_ttl)
    {
        return 0;
    }

    ngx_queue_insert_tail(&store->unsettled, &s->queue);
    store->nunsettled++;

    if (!store->settle_event.timer_set) {
        ngx_add_timer(&store->settle_event, NGX_BO_SETTLE_PAUSE);
    }

    return 1;
}


static void
ngx_bo_settle_again(ngx_event_t *ev)
{
    ngx_bo_store_t *store = ev->data;

    ngx_queue_t       queue, *q;
    ngx_bo_settle_t  *s;

    if (!ngx_bo_redis_ready(store->redis)) {
        ngx_add_timer(ev, NGX_BO_SETTLE_PAUSE);
        return;
    }

    /* Those that fail at once come back to the store's queue. */

    ngx_queue_init(&queue);
    ngx_queue_add(&queue, &store->unsettled);
    ngx_queue_init(&store->unsettled);
    store->nunsettled = 0;

    while (!ngx_queue_empty(&queue)) {
        q = ngx_queue_head(&queue);
        ngx_queue_remove(q);

        s = ngx_queue_data(q, ngx_bo_settle_t, queue);
        ngx_bo_settle_start(s);
    }
}


void
ngx_bo_unfence(ngx_bo_store_t *store, ngx_bo_show_t *show, ngx_str_t *user,
    bo_uuid_t *hold)
{
    u_char            text[BO_UUID_LEN];
    ngx_str_t         id, *arg;
    ngx_bo_settle_t  *s;

    bo_uuid_format((char *) text, hold);
    id.data = text;
    id.len = BO_UUID_LEN;

    s = ngx_bo_settle_alloc(store, &id);
    if (s == NULL) {
        return;
    }

    s->script.argv = ngx_palloc(s->pool, 8 * sizeof(ngx_str_t));
    s->user.len = user->len;
    s->user.data = ngx_pstrdup(s->pool, user);

    if (s->script.argv == NULL || s->user.data == NULL) {
        ngx_destroy_pool(s->pool);
        return;
    }

    s->script.call.show = show;
    ngx_bo_show_keep(show);

    arg = &s->script.argv[5];
    *arg++ = s->user;
    *arg++ = s->hold;
    *arg++ = show->lock_prefix;

    ngx_bo_settle_run(s, &ngx_bo_script_unfence, arg);
}
