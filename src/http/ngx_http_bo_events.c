
/*
 * GET /shows/{id}/events: the availability of a show as it changes, as
 * server-sent events or over a WebSocket.
 */


#include "ngx_http_bo_stream.h"
#include "store/ngx_bo_availability.h"


/* How often a map is asked for that is not in the zone; msec. */

#define NGX_HTTP_BO_EVENTS_ASK  500


typedef struct {
    ngx_http_bo_channel_t    channel;
    ngx_bo_show_t           *show;
    ngx_str_t                buf;           /* for the text */
    ngx_msec_t               asked;         /* for a map that was not there */
} ngx_http_bo_events_t;


typedef struct {
    ngx_bo_call_t            call;
    int64_t                  since;         /* what the client has, 0 */
    ngx_uint_t               framing;
} ngx_http_bo_listen_t;


static void ngx_http_bo_events_show(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_events_read(ngx_bo_call_t *call);
static void ngx_http_bo_events_start(ngx_http_bo_ctx_t *ctx);
static int64_t ngx_http_bo_events_since(ngx_http_bo_ctx_t *ctx);
static ngx_http_bo_events_t *ngx_http_bo_events_channel(
    ngx_http_bo_hub_t *hub, ngx_bo_show_t *show);
static ngx_int_t ngx_http_bo_events_follow(ngx_http_bo_events_t *e,
    ngx_bo_show_t *show);
static int64_t ngx_http_bo_events_version(ngx_http_bo_channel_t *ch,
    ngx_uint_t *mark);
static ngx_int_t ngx_http_bo_events_text(ngx_http_bo_channel_t *ch,
    int64_t since, const char **event, int64_t *version, ngx_str_t *text);
static void ngx_http_bo_events_close(ngx_http_bo_channel_t *ch);


static const ngx_http_bo_subject_t  ngx_http_bo_events_subject = {
    ngx_http_bo_events_version,
    ngx_http_bo_events_text,
    ngx_http_bo_events_close,
    NULL,
    NULL,
    3
};


void
ngx_http_bo_events(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_listen_t  *l;

    l = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_listen_t));
    if (l == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = l;
    l->since = ngx_http_bo_events_since(ctx);

    ngx_http_bo_with_show(ctx, &l->call, ngx_http_bo_events_show);
}


/* A map is read once before; from then on what comes is told. */

static void
ngx_http_bo_events_show(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_listen_t *l = ctx->data;

    if (ngx_http_bo_ws_wanted(ctx)) {
        l->framing = NGX_HTTP_BO_WS;
    }

    l->call.done = ngx_http_bo_events_read;

    if (ngx_bo_seatmap_ready(l->call.show, &l->call) == NGX_OK) {
        ngx_http_bo_events_start(ctx);
    }
}


static void
ngx_http_bo_events_read(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_events_start);
}


/* Redis may be away: a map that may still be shown is told as stale. */

static void
ngx_http_bo_events_start(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_listen_t *l = ctx->data;

    unsigned                  stale;
    ngx_http_bo_events_t     *e;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);

    if (!ngx_http_bo_hub_room(mcf->hub)) {
        ngx_bo_count(ctx->store, streams_refused);
        ctx->request->keepalive = 0;
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    if (ngx_bo_seatmap_version(l->call.show, &stale) == 0) {
        ngx_http_bo_with_show_again(ctx, &l->call, ngx_http_bo_events_show);
        return;
    }

    if (l->framing == NGX_HTTP_BO_WS && ngx_http_bo_ws_accept(ctx) != NGX_OK) {
        return;
    }

    e = ngx_http_bo_events_channel(mcf->hub, l->call.show);
    if (e == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_stream_start(ctx, &e->channel, l->framing, l->since, NULL);
}


/*
 * The version in Last-Event-ID, which a browser sends when it comes back, or
 * in the query, since a WebSocket has no such header.  What is no version is
 * as none: the client gets everything.
 */

static int64_t
ngx_http_bo_events_since(ngx_http_bo_ctx_t *ctx)
{
    int64_t              since;
    ngx_str_t            value;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    if (ngx_http_bo_arg(ctx, "since", &value) != NGX_OK) {
        ngx_str_null(&value);
    }

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {
        if (ngx_http_bo_header_is(h, "last-event-id")) {
            value = h->value;
        }
    }

    if (value.len == 0 || value.len > 16) {
        return 0;
    }

    since = (int64_t) ngx_atoof(value.data, value.len);

    return since > 0 ? since : 0;
}


/* One for a show, whatever its revision. */

static ngx_http_bo_events_t *
ngx_http_bo_events_channel(ngx_http_bo_hub_t *hub, ngx_bo_show_t *show)
{
    ngx_queue_t           *q;
    ngx_http_bo_events_t  *e;

    for (q = ngx_queue_head(&hub->channels);
         q != ngx_queue_sentinel(&hub->channels);
         q = ngx_queue_next(q))
    {
        e = (ngx_http_bo_events_t *) ngx_queue_data(q, ngx_http_bo_channel_t,
                                                    queue);

        if (e->channel.subject == &ngx_http_bo_events_subject
            && e->show->no == show->no)
        {
            return e;
        }
    }

    e = ngx_calloc(sizeof(ngx_http_bo_events_t), hub->log);
    if (e == NULL) {
        return NULL;
    }

    if (ngx_http_bo_events_follow(e, show) != NGX_OK) {
        ngx_free(e);
        return NULL;
    }

    e->channel.subject = &ngx_http_bo_events_subject;
    ngx_http_bo_channel_open(hub, &e->channel);

    return e;
}


static ngx_int_t
ngx_http_bo_events_follow(ngx_http_bo_events_t *e, ngx_bo_show_t *show)
{
    u_char  *p;

    p = ngx_alloc(ngx_bo_availability_size(show), show->store->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (e->show) {
        ngx_bo_show_drop(e->show);
        ngx_free(e->buf.data);
    }

    ngx_bo_show_keep(show);
    e->show = show;
    e->buf.data = p;

    return NGX_OK;
}


static int64_t
ngx_http_bo_events_version(ngx_http_bo_channel_t *ch, ngx_uint_t *mark)
{
    ngx_http_bo_events_t *e = (ngx_http_bo_events_t *) ch;

    int64_t         version;
    unsigned        stale;
    ngx_bo_show_t  *show;

    /* PostgreSQL may have another revision by now. */

    show = ngx_bo_show_fetch(e->show->store, e->show->no);

    if (show && show != e->show) {
        (void) ngx_http_bo_events_follow(e, show);
    }

    version = ngx_bo_seatmap_version(e->show, &stale);

    /* a version may be of before a change of the layout, and of after it */

    *mark = 2 * e->show->revision + stale;

    /* The zone is too small for all that is looked at: it has let it go. */

    if (version == 0
        && ngx_current_msec - e->asked >= NGX_HTTP_BO_EVENTS_ASK)
    {
        e->asked = ngx_current_msec;
        ngx_bo_seatmap_refresh(e->show, NULL, 0);
    }

    return version;
}


static ngx_int_t
ngx_http_bo_events_text(ngx_http_bo_channel_t *ch, int64_t since,
    const char **event, int64_t *version, ngx_str_t *text)
{
    ngx_http_bo_events_t *e = (ngx_http_bo_events_t *) ch;

    ngx_bo_availability_t  a;

    a.text = e->buf;

    if (ngx_bo_availability_write(e->show, since, &a) != NGX_OK) {
        return NGX_DECLINED;
    }

    *event = a.whole ? "availability" : "delta";
    *version = a.version;
    *text = a.text;

    return NGX_OK;
}


static void
ngx_http_bo_events_close(ngx_http_bo_channel_t *ch)
{
    ngx_http_bo_events_t *e = (ngx_http_bo_events_t *) ch;

    ngx_bo_show_drop(e->show);

    ngx_free(e->buf.data);
    ngx_free(e);
}
