
/*
 * The hub: rounds over the streams of each channel that has moved.
 *
 * A tick looks at the channels.  One that has moved gets a round; a round does
 * some hundred streams in a turn of the event loop and goes on in the next, so
 * that other requests are not kept waiting.  After it the channel rests, three
 * times as long as the round took: pushing takes a quarter of a worker's time
 * at the most, however many listen and however often it moves.
 */


#include "ngx_http_bo_stream.h"


#define NGX_HTTP_BO_HUB_TICK     20         /* msec */
#define NGX_HTTP_BO_HUB_PAUSE    40         /* msec between rounds */
#define NGX_HTTP_BO_HUB_TURN     256        /* streams */

/* Whoever takes nothing for this long has gone; msec. */

#define NGX_HTTP_BO_HUB_BLOCKED  30000


static void ngx_http_bo_hub_tick(ngx_event_t *ev);
static void ngx_http_bo_hub_start(ngx_event_t *ev);
static void ngx_http_bo_hub_leave(ngx_http_bo_hub_t *hub);
static ngx_http_bo_stream_t *ngx_http_bo_hub_any(ngx_http_bo_hub_t *hub);
static void ngx_http_bo_channel_release(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_channel_look(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_channel_begin(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_channel_round(ngx_event_t *ev);
static void ngx_http_bo_channel_end(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_channel_forget(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_channel_blocked(ngx_http_bo_channel_t *ch);
static ngx_http_bo_message_t *ngx_http_bo_channel_make(
    ngx_http_bo_channel_t *ch, int64_t since, ngx_uint_t framing);
static void ngx_http_bo_hub_empty(ngx_queue_t *queue);


ngx_http_bo_hub_t *
ngx_http_bo_hub_create(ngx_cycle_t *cycle, ngx_http_bo_main_conf_t *mcf)
{
    ngx_http_bo_hub_t  *hub;

    hub = ngx_pcalloc(cycle->pool, sizeof(ngx_http_bo_hub_t));
    if (hub == NULL) {
        return NULL;
    }

    hub->store = mcf->store;
    hub->log = cycle->log;
    hub->heartbeat = mcf->stream_heartbeat;
    hub->drain = mcf->stream_drain;

    /* Streams must leave some connections for those who want to buy. */

    hub->max = mcf->streams ? (ngx_uint_t) mcf->streams
                            : cycle->connection_n / 4 * 3;

    /* A worker that was killed has left its number there. */

    hub->gauge = &hub->store->zone->metrics.streams[ngx_worker
                                                    % NGX_BO_WORKERS];
    *hub->gauge = 0;

    ngx_queue_init(&hub->channels);
    ngx_queue_init(&hub->starting);

    hub->start.handler = ngx_http_bo_hub_start;
    hub->start.data = hub;
    hub->start.log = hub->log;

    hub->tick.handler = ngx_http_bo_hub_tick;
    hub->tick.data = hub;
    hub->tick.log = hub->log;

    return hub;
}


void
ngx_http_bo_hub_destroy(ngx_http_bo_hub_t *hub)
{
    ngx_queue_t            *q, *next;
    ngx_http_bo_channel_t  *ch;

    ngx_http_bo_hub_empty(&hub->starting);

    for (q = ngx_queue_head(&hub->channels);
         q != ngx_queue_sentinel(&hub->channels);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_queue_data(q, ngx_http_bo_channel_t, queue);

        ch->refs++;

        ngx_http_bo_hub_empty(&ch->todo);
        ngx_http_bo_hub_empty(&ch->blocked);
        ngx_http_bo_hub_empty(&ch->rest);

        ngx_http_bo_channel_release(ch);
    }

    if (hub->tick.timer_set) {
        ngx_del_timer(&hub->tick);
    }

    if (hub->start.posted) {
        ngx_delete_posted_event(&hub->start);
    }
}


static void
ngx_http_bo_hub_empty(ngx_queue_t *queue)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_http_bo_stream_close(ngx_queue_data(q, ngx_http_bo_stream_t,
                                                queue));
    }
}


ngx_uint_t
ngx_http_bo_hub_room(ngx_http_bo_hub_t *hub)
{
    return !ngx_exiting && hub->nstreams < hub->max;
}


void
ngx_http_bo_channel_open(ngx_http_bo_hub_t *hub, ngx_http_bo_channel_t *ch)
{
    ch->hub = hub;
    ch->beat = ngx_current_msec;
    ch->version = ch->subject->version(ch, &ch->mark);

    ngx_queue_init(&ch->rest);
    ngx_queue_init(&ch->todo);
    ngx_queue_init(&ch->blocked);

    ch->round.handler = ngx_http_bo_channel_round;
    ch->round.data = ch;
    ch->round.log = hub->log;

    ngx_queue_insert_tail(&hub->channels, &ch->queue);
}


void
ngx_http_bo_channel_unused(ngx_http_bo_channel_t *ch)
{
    ch->refs++;
    ngx_http_bo_channel_release(ch);
}


/* The timer keeps an exiting worker alive as long as it has streams. */

void
ngx_http_bo_channel_enter(ngx_http_bo_channel_t *ch, ngx_http_bo_stream_t *s)
{
    ngx_http_bo_hub_t *hub = ch->hub;

    s->channel = ch;
    s->mark = ch->mark;
    s->starting = 1;

    ngx_queue_insert_tail(&hub->starting, &s->queue);
    ngx_post_event(&hub->start, &ngx_posted_events);

    ch->refs++;
    hub->nstreams++;
    *hub->gauge = hub->nstreams;

    ngx_bo_count(hub->store, streams_opened);

    if (ch->subject->beat) {
        ch->subject->beat(ch, s);
    }

    if (!hub->tick.timer_set) {
        ngx_add_timer(&hub->tick, NGX_HTTP_BO_HUB_TICK);
    }
}


void
ngx_http_bo_channel_leave(ngx_http_bo_stream_t *s)
{
    ngx_http_bo_hub_t *hub = s->channel->hub;

    ngx_queue_remove(&s->queue);

    if (s->channel->subject->left) {
        s->channel->subject->left(s->channel, s);
    }

    hub->nstreams--;
    *hub->gauge = hub->nstreams;

    ngx_http_bo_channel_release(s->channel);
}


/* The channel goes with its last stream, but not under those who walk it. */

static void
ngx_http_bo_channel_release(ngx_http_bo_channel_t *ch)
{
    if (--ch->refs) {
        return;
    }

    ngx_http_bo_channel_forget(ch);

    if (ch->round.posted) {
        ngx_delete_posted_event(&ch->round);
    }

    ngx_queue_remove(&ch->queue);
    ch->subject->close(ch);
}


/*
 * The handlers of the requests have returned by now, so that requests can be
 * freed.
 */

static void
ngx_http_bo_hub_start(ngx_event_t *ev)
{
    ngx_queue_t           *q;
    ngx_http_bo_hub_t     *hub = ev->data;
    ngx_http_bo_stream_t  *s;

    while (!ngx_queue_empty(&hub->starting)) {
        q = ngx_queue_head(&hub->starting);
        s = ngx_queue_data(q, ngx_http_bo_stream_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&s->channel->rest, q);
        s->starting = 0;

        ngx_http_bo_stream_settle(s);
    }
}


static void
ngx_http_bo_hub_tick(ngx_event_t *ev)
{
    ngx_queue_t            *q, *next;
    ngx_http_bo_hub_t      *hub = ev->data;
    ngx_http_bo_channel_t  *ch;

    for (q = ngx_queue_head(&hub->channels);
         q != ngx_queue_sentinel(&hub->channels);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_queue_data(q, ngx_http_bo_channel_t, queue);

        ch->refs++;
        ngx_http_bo_channel_look(ch);
        ngx_http_bo_channel_release(ch);
    }

    if (ngx_exiting) {
        ngx_http_bo_hub_leave(hub);
    }

    if (hub->nstreams) {
        ngx_add_timer(ev, NGX_HTTP_BO_HUB_TICK);
    }
}


/*
 * The worker is to go.  All clients come back, to the next generation: not in
 * one moment, but evenly over the time of the drain.
 */

static void
ngx_http_bo_hub_leave(ngx_http_bo_hub_t *hub)
{
    ngx_uint_t             keep;
    ngx_msec_t             spent;
    ngx_http_bo_stream_t  *s;

    if (hub->leaving == 0) {
        hub->leaving = ngx_max(ngx_current_msec, 1);
        hub->left = hub->nstreams;
    }

    spent = ngx_current_msec - hub->leaving;
    keep = spent >= hub->drain ? 0
                               : (ngx_uint_t) ((uint64_t) hub->left
                                               * (hub->drain - spent)
                                               / hub->drain);

    while (hub->nstreams > keep) {
        s = ngx_http_bo_hub_any(hub);
        if (s == NULL) {
            return;
        }

        ngx_http_bo_stream_leave(s);
    }
}


/* Of those that have their connection. */

static ngx_http_bo_stream_t *
ngx_http_bo_hub_any(ngx_http_bo_hub_t *hub)
{
    ngx_uint_t              i;
    ngx_queue_t            *q, *queues[3];
    ngx_http_bo_channel_t  *ch;

    for (q = ngx_queue_head(&hub->channels);
         q != ngx_queue_sentinel(&hub->channels);
         q = ngx_queue_next(q))
    {
        ch = ngx_queue_data(q, ngx_http_bo_channel_t, queue);

        queues[0] = &ch->rest;
        queues[1] = &ch->todo;
        queues[2] = &ch->blocked;

        for (i = 0; i < 3; i++) {
            if (!ngx_queue_empty(queues[i])) {
                return ngx_queue_data(ngx_queue_head(queues[i]),
                                      ngx_http_bo_stream_t, queue);
            }
        }
    }

    return NULL;
}


static void
ngx_http_bo_channel_look(ngx_http_bo_channel_t *ch)
{
    int64_t     version;
    ngx_uint_t  mark;

    version = ch->subject->version(ch, &mark);

    if (!ngx_queue_empty(&ch->todo)) {
        return;
    }

    if (version && (version != ch->version || mark != ch->mark)
        && ngx_current_msec - ch->ended >= ch->pause)
    {
        ch->version = version;
        ch->mark = mark;

        ngx_http_bo_channel_begin(ch);
        return;
    }

    if (ngx_current_msec - ch->beat >= ch->hub->heartbeat) {
        ch->beat = ngx_current_msec;
        ch->beating = 1;

        ngx_http_bo_channel_begin(ch);
        return;
    }

    ngx_http_bo_channel_blocked(ch);
}


static void
ngx_http_bo_channel_begin(ngx_http_bo_channel_t *ch)
{
    ch->began = ngx_bo_usec();

    if (!ngx_queue_empty(&ch->rest)) {
        ngx_queue_add(&ch->todo, &ch->rest);
        ngx_queue_init(&ch->rest);
    }

    ngx_http_bo_channel_forget(ch);
    ngx_post_event(&ch->round, &ngx_posted_events);
}


static void
ngx_http_bo_channel_round(ngx_event_t *ev)
{
    ngx_uint_t              i;
    ngx_queue_t            *q;
    ngx_http_bo_stream_t   *s;
    ngx_http_bo_channel_t  *ch = ev->data;

    ch->refs++;

    for (i = 0; i < NGX_HTTP_BO_HUB_TURN && !ngx_queue_empty(&ch->todo); i++) {
        q = ngx_queue_head(&ch->todo);
        s = ngx_queue_data(q, ngx_http_bo_stream_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ch->rest, q);

        if (ch->subject->beat) {
            ch->subject->beat(ch, s);
            s->says = 0;
        }

        if (ch->beating) {
            ngx_http_bo_stream_beat(s);

        } else {
            (void) ngx_http_bo_stream_push(s);
        }
    }

    if (!ngx_queue_empty(&ch->todo)) {
        ngx_post_event(ev, &ngx_posted_next_events);

    } else {
        ngx_http_bo_channel_end(ch);
    }

    ngx_http_bo_channel_release(ch);
}


static void
ngx_http_bo_channel_end(ngx_http_bo_channel_t *ch)
{
    ngx_msec_t  took;

    took = (ngx_msec_t) ((ngx_bo_usec() - ch->began) / 1000);

    if (!ch->beating) {
        ch->ended = ngx_current_msec;

        /* what is a sign of life for the subject needs no other one */

        if (ch->subject->beat) {
            ch->beat = ngx_current_msec;
        }

        ch->pause = ngx_max(NGX_HTTP_BO_HUB_PAUSE,
                            took * ch->subject->rest);
    }

    ch->beating = 0;

    ngx_http_bo_channel_forget(ch);
}


static void
ngx_http_bo_channel_forget(ngx_http_bo_channel_t *ch)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_BO_FRAMINGS; i++) {
        if (ch->made[i]) {
            ngx_http_bo_message_drop(ch->made[i]);
            ch->made[i] = NULL;
        }
    }
}


static void
ngx_http_bo_channel_blocked(ngx_http_bo_channel_t *ch)
{
    ngx_queue_t           *q;
    ngx_http_bo_stream_t  *s;

    while (!ngx_queue_empty(&ch->blocked)) {
        q = ngx_queue_head(&ch->blocked);
        s = ngx_queue_data(q, ngx_http_bo_stream_t, queue);

        if (ngx_current_msec - s->since < NGX_HTTP_BO_HUB_BLOCKED) {
            return;
        }

        ngx_bo_count(ch->hub->store, streams_slow);
        ngx_http_bo_stream_close(s);
    }
}


/*
 * Nearly all streams of a round want the same: from the version before it.
 * The latest message of each framing is at hand; it may lead to a version that
 * is newer than that of the round.
 */

ngx_http_bo_message_t *
ngx_http_bo_channel_message(ngx_http_bo_channel_t *ch, int64_t since,
    ngx_uint_t framing)
{
    ngx_http_bo_message_t  *m;

    m = ch->made[framing];

    if (m == NULL || m->since != since) {
        m = ngx_http_bo_channel_make(ch, since, framing);
        if (m == NULL) {
            return NULL;
        }

        if (ch->made[framing]) {
            ngx_http_bo_message_drop(ch->made[framing]);
        }

        ch->made[framing] = m;
    }

    m->refs++;

    return m;
}


static ngx_http_bo_message_t *
ngx_http_bo_channel_make(ngx_http_bo_channel_t *ch, int64_t since,
    ngx_uint_t framing)
{
    u_char                 *p;
    int64_t                 version;
    ngx_str_t               text;
    const char             *event;
    ngx_http_bo_message_t  *m;

    if (ch->subject->text(ch, since, &event, &version, &text) != NGX_OK) {
        return NULL;
    }

    m = ngx_http_bo_message(text.len + 64 + NGX_INT64_LEN);
    if (m == NULL) {
        return NULL;
    }

    m->since = since;
    m->version = version;

    if (framing == NGX_HTTP_BO_WS) {
        p = ngx_http_bo_ws_head(m->data, 1, text.len);
        p = ngx_cpymem(p, text.data, text.len);

    } else {
        p = ngx_sprintf(m->data, "id: %L\nevent: %s\ndata: ", version, event);
        p = ngx_cpymem(p, text.data, text.len);
        p = ngx_cpymem(p, "\n\n", 2);
    }

    m->len = p - m->data;

    return m;
}
