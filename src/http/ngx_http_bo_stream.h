
/*
 * Streams: clients that stay and are told what changes, as server-sent events
 * or over a WebSocket.
 *
 * A stream is the transport, a channel what it is about; the hub of a worker
 * has both and says when.  A message is made once and shared by all streams
 * that want the same: those that have the same version and the same framing.
 * A stream has one message under way at the most.  Whoever is slow is told
 * less often, and from its own version to the newest, so that nothing queues
 * up and the last state always arrives.
 */


#ifndef _NGX_HTTP_BO_STREAM_H_INCLUDED_
#define _NGX_HTTP_BO_STREAM_H_INCLUDED_


#include "ngx_http_bo.h"


typedef struct ngx_http_bo_channel_s  ngx_http_bo_channel_t;
typedef struct ngx_http_bo_ws_s       ngx_http_bo_ws_t;


typedef enum {
    NGX_HTTP_BO_SSE = 0,
    NGX_HTTP_BO_WS,
    NGX_HTTP_BO_FRAMINGS
} ngx_http_bo_framing_e;


typedef struct {
    ngx_uint_t               refs;
    int64_t                  since;         /* whom it is for */
    int64_t                  version;       /* what they have after it */
    size_t                   len;
    u_char                   data[1];
} ngx_http_bo_message_t;


/* What a channel is about. */

typedef struct {
    /*
     * The version that there is now, 0 when it is not known; mark is any other
     * number whose change is to be told as well.
     */
    int64_t                (*version)(ngx_http_bo_channel_t *ch,
                                      ngx_uint_t *mark);

    /*
     * The text for who has that version, 0 for nothing: event is its name,
     * version what it leads to.  The text may go when the next one is asked
     * for.  NGX_OK, or anything else: there is none now.
     */
    ngx_int_t              (*text)(ngx_http_bo_channel_t *ch, int64_t since,
                                   const char **event, int64_t *version,
                                   ngx_str_t *text);

    /* Nobody listens any more. */
    void                   (*close)(ngx_http_bo_channel_t *ch);

    /* A stream lives, for a heartbeat at least; it has gone.  May be NULL. */
    void                   (*beat)(ngx_http_bo_channel_t *ch,
                                   ngx_http_bo_stream_t *s);
    void                   (*left)(ngx_http_bo_channel_t *ch,
                                   ngx_http_bo_stream_t *s);

    /* The pause after a round, in times of what it took. */
    ngx_uint_t               rest;
} ngx_http_bo_subject_t;


/* The first field of what a subject keeps for each of its channels. */

struct ngx_http_bo_channel_s {
    const ngx_http_bo_subject_t  *subject;
    ngx_http_bo_hub_t            *hub;
    ngx_queue_t                   queue;    /* of the hub */
    ngx_queue_t                   rest;     /* streams with nothing to send */
    ngx_queue_t                   todo;     /* those of this round */
    ngx_queue_t                   blocked;  /* those whose socket is full */
    ngx_uint_t                    refs;     /* streams, and who is at work */

    int64_t                       version;  /* of the last round */
    ngx_uint_t                    mark;
    ngx_event_t                   round;
    uint64_t                      began;    /* the round, usec */
    ngx_msec_t                    ended;
    ngx_msec_t                    pause;    /* msec to the next one */
    ngx_msec_t                    beat;     /* the last heartbeat */
    unsigned                      beating:1;    /* this round is one */

    ngx_http_bo_message_t        *made[NGX_HTTP_BO_FRAMINGS];
};


/*
 * A stream begins as a request.  On HTTP/1 it outlives it: the request is
 * freed, and the connection is the stream's.  On HTTP/2 the request stays.
 */

struct ngx_http_bo_stream_s {
    ngx_queue_t                   queue;    /* of the channel, or the hub */
    ngx_http_bo_channel_t        *channel;
    ngx_connection_t             *connection;
    ngx_http_request_t           *request;  /* NULL when it has gone */
    ngx_http_cleanup_t           *cleanup;  /* of the request */
    ngx_buf_t                    *buf;      /* of the request: for messages */
    int64_t                       version;  /* that the client has */
    ngx_uint_t                    mark;     /* of the channel, likewise */
    uint64_t                      who[2];   /* for the subject */
    ngx_http_bo_message_t        *message;  /* under way */
    size_t                        sent;     /* bytes of it */
    ngx_http_bo_ws_t             *ws;       /* an incomplete frame */
    ngx_msec_t                    since;    /* blocked */
    size_t                        says;     /* bytes since the heartbeat */
    ngx_uint_t                    farewell; /* a code to close with, after
                                               the message under way */
    unsigned                      framing:1;
    unsigned                      starting:1;   /* in the hub's queue */
    unsigned                      pinged:1;     /* and not heard of since */
    unsigned                      closing:1;    /* after this message */
    unsigned                      fragment:1;   /* of a message is missing */
};


/* hub: a worker's channels; who is told when. */

struct ngx_http_bo_hub_s {
    ngx_bo_store_t               *store;
    ngx_log_t                    *log;
    ngx_queue_t                   channels;
    ngx_queue_t                   starting;     /* streams with a request */
    ngx_event_t                   start;
    ngx_event_t                   tick;
    ngx_uint_t                    nstreams;
    ngx_uint_t                    max;
    ngx_msec_t                    heartbeat;
    ngx_msec_t                    drain;        /* how long leaving takes */
    ngx_msec_t                    leaving;      /* since then, 0: not */
    ngx_uint_t                    left;         /* streams at that time */
    ngx_atomic_t                 *gauge;
};

/* Makes the hub of a worker, NULL when memory is short; and ends it. */
ngx_http_bo_hub_t *ngx_http_bo_hub_create(ngx_cycle_t *cycle,
    ngx_http_bo_main_conf_t *mcf);
void ngx_http_bo_hub_destroy(ngx_http_bo_hub_t *hub);

/* 1 when there is room for one more stream. */
ngx_uint_t ngx_http_bo_hub_room(ngx_http_bo_hub_t *hub);

/* Makes ch, zeroed and with its subject set, a channel of the hub. */
void ngx_http_bo_channel_open(ngx_http_bo_hub_t *hub,
    ngx_http_bo_channel_t *ch);

/* Closes a channel that no stream has come to, which is the case otherwise. */
void ngx_http_bo_channel_unused(ngx_http_bo_channel_t *ch);

/* A stream has come to the channel, or has gone: the last one closes it. */
void ngx_http_bo_channel_enter(ngx_http_bo_channel_t *ch,
    ngx_http_bo_stream_t *s);
void ngx_http_bo_channel_leave(ngx_http_bo_stream_t *s);

/*
 * The message that brings a stream from its version to the newest; a
 * reference to it is the caller's.  NULL when there is none.
 */
ngx_http_bo_message_t *ngx_http_bo_channel_message(ngx_http_bo_channel_t *ch,
    int64_t since, ngx_uint_t framing);


/* stream */

/*
 * Turns a request into a stream of the channel: its headers are sent, the
 * client has that version.  who: two numbers for the subject, or NULL.  The
 * request ends here, well or not.
 */
void ngx_http_bo_stream_start(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_channel_t *ch, ngx_uint_t framing, int64_t version,
    const uint64_t *who);

/* Takes a stream's connection from its request, where that can be done. */
void ngx_http_bo_stream_settle(ngx_http_bo_stream_t *s);

/*
 * Sends what the stream does not have yet.  NGX_DONE: it has been closed, else
 * NGX_OK.
 */
ngx_int_t ngx_http_bo_stream_push(ngx_http_bo_stream_t *s);

/*
 * Sends a message (a reference to it is taken over).  NGX_DONE: the stream has
 * been closed, else NGX_OK.
 */
ngx_int_t ngx_http_bo_stream_send(ngx_http_bo_stream_t *s,
    ngx_http_bo_message_t *m);

/* Sends a sign of life; closes a stream that gave none for a heartbeat. */
void ngx_http_bo_stream_beat(ngx_http_bo_stream_t *s);

/* Says farewell where the protocol knows one, and closes. */
void ngx_http_bo_stream_leave(ngx_http_bo_stream_t *s);

void ngx_http_bo_stream_close(ngx_http_bo_stream_t *s);

/* A message of len bytes with one reference, NULL when memory is short. */
ngx_http_bo_message_t *ngx_http_bo_message(size_t len);
void ngx_http_bo_message_drop(ngx_http_bo_message_t *m);


/* ws: RFC 6455. */

/* 1 when the request asks for a WebSocket. */
ngx_uint_t ngx_http_bo_ws_wanted(ngx_http_bo_ctx_t *ctx);

/*
 * Checks the handshake and adds the headers of its answer.  NGX_OK, or
 * NGX_DONE: it was refused, the answer is on its way.
 */
ngx_int_t ngx_http_bo_ws_accept(ngx_http_bo_ctx_t *ctx);

/* The room for a frame's head, and writing it before the len bytes at p. */
#define NGX_HTTP_BO_WS_HEAD  10
u_char *ngx_http_bo_ws_head(u_char *p, ngx_uint_t opcode, size_t len);

/* A whole frame; NULL when memory is short.  len: 0 to 125. */
ngx_http_bo_message_t *ngx_http_bo_ws_frame(ngx_uint_t opcode,
    const void *data, size_t len);

/* Codes to close with, of RFC 6455, 7.4.1. */
#define NGX_HTTP_BO_WS_NORMAL    1000
#define NGX_HTTP_BO_WS_AWAY      1001
#define NGX_HTTP_BO_WS_PROTOCOL  1002
#define NGX_HTTP_BO_WS_NO_UTF8   1007
#define NGX_HTTP_BO_WS_POLICY    1008
#define NGX_HTTP_BO_WS_TOO_BIG   1009

/*
 * Says why, and closes, as soon as what is under way has left.  code: 1000 to
 * 4999.  NGX_DONE: the stream has gone; NGX_OK: it is about to.
 */
ngx_int_t ngx_http_bo_ws_fail(ngx_http_bo_stream_t *s, ngx_uint_t code);

/* Takes bytes of a client.  NGX_OK, or NGX_DONE: the stream has gone. */
ngx_int_t ngx_http_bo_ws_read(ngx_http_bo_stream_t *s, u_char *data,
    size_t len);

void ngx_http_bo_ws_free(ngx_http_bo_stream_t *s);


/* linger */

/* Bytes of a client that are dropped after the farewell, at the most. */
#define NGX_HTTP_BO_LINGER_BYTES  (4 * 1024 * 1024)

/*
 * Closes a connection without a request whose client has all that it is told,
 * but may still be sending.
 */
void ngx_http_bo_linger(ngx_connection_t *c);


#endif /* _NGX_HTTP_BO_STREAM_H_INCLUDED_ */
