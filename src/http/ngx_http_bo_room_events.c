
/*
 * GET /waiting-rooms/{room}/events: how the room moves, as server-sent events
 * or over a WebSocket.
 *
 * All who wait get the same text, so that a change costs the same for ten and
 * for a hundred thousand.  It has where the cursor is, and for some ranks how
 * many are ahead of them: a client knows its rank, and finds its position
 * between two of them.
 */


#include "ngx_http_bo_room.h"


/* Ranks that are told: enough for 100,000,000 people. */

#define NGX_HTTP_BO_ROOM_MARKS  80

#define NGX_HTTP_BO_ROOM_TEXT   (NGX_HTTP_BO_ROOM_MARKS                       \
                                 * (2 * NGX_INT64_LEN + 4)                    \
                                 + 6 * NGX_BO_ROOM_MESSAGE + 512)


typedef struct {
    ngx_http_bo_channel_t    channel;
    ngx_http_bo_room_t      *room;
    ngx_msec_t               told;
    int64_t                  version;
    u_char                   text[NGX_HTTP_BO_ROOM_TEXT];
} ngx_http_bo_room_channel_t;


static ngx_http_bo_room_channel_t *ngx_http_bo_room_channel(
    ngx_http_bo_hub_t *hub, ngx_http_bo_room_t *room);
static int64_t ngx_http_bo_room_version(ngx_http_bo_channel_t *ch,
    ngx_uint_t *mark);
static ngx_int_t ngx_http_bo_room_text(ngx_http_bo_channel_t *ch,
    int64_t since, const char **event, int64_t *version, ngx_str_t *text);
static u_char *ngx_http_bo_room_marks(u_char *p, bo_room_t *room);
static void ngx_http_bo_room_close(ngx_http_bo_channel_t *ch);
static void ngx_http_bo_room_beat(ngx_http_bo_channel_t *ch,
    ngx_http_bo_stream_t *s);
static void ngx_http_bo_room_gone(ngx_http_bo_channel_t *ch,
    ngx_http_bo_stream_t *s);


static const ngx_http_bo_subject_t  ngx_http_bo_room_subject = {
    ngx_http_bo_room_version,
    ngx_http_bo_room_text,
    ngx_http_bo_room_close,
    ngx_http_bo_room_beat,
    ngx_http_bo_room_gone,
    1
};


/*
 * With a ticket, the stream is its holder's sign of life.  Without one it only
 * tells.  An EventSource sends cookies and no headers.
 */

void
ngx_http_bo_room_events(ngx_http_bo_ctx_t *ctx)
{
    uint64_t                     who[2];
    ngx_str_t                    text;
    bo_token_t                   ticket;
    ngx_uint_t                   framing;
    ngx_http_bo_room_t          *room;
    ngx_http_bo_main_conf_t     *mcf;
    ngx_http_bo_room_channel_t  *rc;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);
    who[0] = 0;
    who[1] = 0;

    if (ngx_http_bo_room_token(ctx, room, NGX_HTTP_BO_COOKIE_TICKET, &text)
        == NGX_OK)
    {
        if (ngx_bo_secret_verify(mcf->secrets, &room->room.conf.name,
                                 BO_TOKEN_TICKET, &text, &ticket)
            != NGX_OK)
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOKEN_INVALID, NULL);
            return;
        }

        if (ticket.sale == room->room.zone->agreed.sale) {
            who[0] = ticket.number;
            who[1] = ticket.id;
        }
    }

    if (!ngx_http_bo_hub_room(mcf->hub)) {
        ngx_bo_count(ctx->store, streams_refused);
        ctx->request->keepalive = 0;
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    framing = ngx_http_bo_ws_wanted(ctx) ? NGX_HTTP_BO_WS : NGX_HTTP_BO_SSE;

    if (framing == NGX_HTTP_BO_WS && ngx_http_bo_ws_accept(ctx) != NGX_OK) {
        return;
    }

    rc = ngx_http_bo_room_channel(mcf->hub, room);
    if (rc == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_stream_start(ctx, &rc->channel, framing, 0, who);
}


static ngx_http_bo_room_channel_t *
ngx_http_bo_room_channel(ngx_http_bo_hub_t *hub, ngx_http_bo_room_t *room)
{
    ngx_queue_t                 *q;
    ngx_http_bo_room_channel_t  *rc;

    for (q = ngx_queue_head(&hub->channels);
         q != ngx_queue_sentinel(&hub->channels);
         q = ngx_queue_next(q))
    {
        rc = (ngx_http_bo_room_channel_t *)
                 ngx_queue_data(q, ngx_http_bo_channel_t, queue);

        if (rc->channel.subject == &ngx_http_bo_room_subject
            && rc->room == room)
        {
            return rc;
        }
    }

    rc = ngx_calloc(sizeof(ngx_http_bo_room_channel_t), hub->log);
    if (rc == NULL) {
        return NULL;
    }

    rc->room = room;
    rc->channel.subject = &ngx_http_bo_room_subject;
    ngx_http_bo_channel_open(hub, &rc->channel);

    return rc;
}


static int64_t
ngx_http_bo_room_version(ngx_http_bo_channel_t *ch, ngx_uint_t *mark)
{
    ngx_http_bo_room_channel_t *rc = (ngx_http_bo_room_channel_t *) ch;

    *mark = 0;

    return ngx_bo_room_moved(&rc->room->room);
}


static ngx_int_t
ngx_http_bo_room_text(ngx_http_bo_channel_t *ch, int64_t since,
    const char **event, int64_t *version, ngx_str_t *text)
{
    ngx_http_bo_room_channel_t *rc = (ngx_http_bo_room_channel_t *) ch;

    u_char                *p;
    ngx_str_t              message;
    ngx_bo_room_t         *room = &rc->room->room;
    ngx_bo_room_zone_t    *zone = room->zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    *event = "room";
    *version = ngx_bo_room_moved(room);

    ngx_shmtx_lock(&room->shpool->mutex);

    p = ngx_sprintf(rc->text, "{\"phase\":\"%V\",\"cursor\":%uL"
                    ",\"waiting\":%uL,\"speed\":%ui.%03ui,\"soldOut\":%s"
                    ",\"drawn\":%s",
                    &ngx_bo_room_phases[agreed->phase], zone->room->cursor,
                    zone->room->nwaiting, zone->speed / 1000,
                    zone->speed % 1000, zone->sold_out ? "true" : "false",
                    agreed->drawn ? "true" : "false");

    if (agreed->message_len) {
        message.data = agreed->message;
        message.len = agreed->message_len;
        p = ngx_http_bo_put_str(p, ",\"message\":", &message);
    }

    p = ngx_http_bo_room_marks(p, zone->room);

    ngx_shmtx_unlock(&room->shpool->mutex);

    *p++ = '}';

    text->data = rc->text;
    text->len = p - rc->text;

    return NGX_OK;
}


/*
 * [rank, how many are ahead of it]: the first rank with so many ahead, for
 * each of the first twenty, and then by steps of a third.
 */

static u_char *
ngx_http_bo_room_marks(u_char *p, bo_room_t *room)
{
    uint64_t    rank, ahead, most;
    ngx_uint_t  i;

    p = ngx_http_bo_put(p, ",\"ahead\":[");

    ahead = 0;
    most = bo_room_ahead_of(room, room->next);

    for (i = 0; i < NGX_HTTP_BO_ROOM_MARKS; i++) {
        rank = bo_room_rank_behind(room, ahead);
        p = ngx_sprintf(p, "%s[%uL,%uL]", i ? "," : "", rank, ahead);

        if (ahead == most) {
            break;
        }

        ahead += i < 20 ? 1 : ahead / 3;
        ahead = ngx_min(ahead, most);
    }

    return ngx_http_bo_put(p, "]");
}


static void
ngx_http_bo_room_close(ngx_http_bo_channel_t *ch)
{
    ngx_free(ch);
}


static void
ngx_http_bo_room_beat(ngx_http_bo_channel_t *ch, ngx_http_bo_stream_t *s)
{
    ngx_http_bo_room_channel_t *rc = (ngx_http_bo_room_channel_t *) ch;

    if (s->who[1]) {
        ngx_bo_room_alive(&rc->room->room, s->who[0], s->who[1],
                          2 * ch->hub->heartbeat);
    }
}


/* It may come back: what it has is the time of grace. */

static void
ngx_http_bo_room_gone(ngx_http_bo_channel_t *ch, ngx_http_bo_stream_t *s)
{
    ngx_http_bo_room_channel_t *rc = (ngx_http_bo_room_channel_t *) ch;

    if (s->who[1]) {
        ngx_bo_room_alive(&rc->room->room, s->who[0], s->who[1], 0);
    }
}
