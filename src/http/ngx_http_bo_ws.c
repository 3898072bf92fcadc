
/*
 * WebSocket, RFC 6455: the handshake, and what clients send.  They have
 * nothing to say but ping, pong and farewell; what else comes is read and
 * dropped, within bounds.
 *
 * libwslay reads the frames.  Its state has a buffer of 4 KB, so it is there
 * only while a frame is incomplete, which is nearly never.
 */


#include "ngx_http_bo_stream.h"

#include <ngx_sha1.h>
#include <wslay/wslay.h>


#define NGX_HTTP_BO_WS_KEY       24     /* characters: 16 bytes in base64 */
#define NGX_HTTP_BO_WS_CONTROL   125    /* bytes of a control frame */
#define NGX_HTTP_BO_WS_MAX       1024   /* bytes of a data frame */


struct ngx_http_bo_ws_s {
    wslay_frame_context_ptr  frames;
    u_char                  *pos;           /* of the bytes at hand */
    u_char                  *last;
    uint64_t                 got;           /* bytes of the frame's payload */
    uint64_t                 given;         /* to libwslay, of no whole frame */
    u_char                   control[NGX_HTTP_BO_WS_CONTROL];
};


static ngx_int_t ngx_http_bo_ws_handshake(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *key);
static ngx_uint_t ngx_http_bo_ws_has(ngx_str_t *value, const char *token);
static ngx_int_t ngx_http_bo_ws_answer(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *key);
static ngx_http_bo_ws_t *ngx_http_bo_ws_create(void);
static ssize_t ngx_http_bo_ws_recv(uint8_t *buf, size_t len, int flags,
    void *data);
static uint64_t ngx_http_bo_ws_size(struct wslay_frame_iocb *f);
static ngx_uint_t ngx_http_bo_ws_check(ngx_http_bo_stream_t *s,
    struct wslay_frame_iocb *f);
static ngx_int_t ngx_http_bo_ws_part(ngx_http_bo_stream_t *s,
    struct wslay_frame_iocb *f);
static ngx_int_t ngx_http_bo_ws_whole(ngx_http_bo_stream_t *s,
    struct wslay_frame_iocb *f);
static ngx_uint_t ngx_http_bo_ws_farewell(u_char *data, size_t len);
static ngx_http_bo_message_t *ngx_http_bo_ws_close_frame(ngx_uint_t code);
static ngx_int_t ngx_http_bo_ws_reply(ngx_http_bo_stream_t *s,
    ngx_http_bo_message_t *m);


ngx_uint_t
ngx_http_bo_ws_wanted(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_request_t  *r = ctx->request;

    return r->http_version == NGX_HTTP_VERSION_11
           && r->headers_in.upgrade != NULL
           && ngx_http_bo_ws_has(&r->headers_in.upgrade->value, "websocket");
}


ngx_int_t
ngx_http_bo_ws_accept(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  key;

    static ngx_str_t  thirteen = ngx_string("13");

    if (ctx->request->method != NGX_HTTP_GET) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_METHOD, NULL);
        return NGX_DONE;
    }

    if (ngx_http_bo_foreign(ctx)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
        return NGX_DONE;
    }

    switch (ngx_http_bo_ws_handshake(ctx, &key)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        (void) ngx_http_bo_header(ctx->request, "Sec-WebSocket-Version",
                                  &thirteen);
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UPGRADE, NULL);
        return NGX_DONE;

    default:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_BAD_REQUEST, NULL);
        return NGX_DONE;
    }

    if (ngx_http_bo_ws_answer(ctx, &key) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_DONE;
    }

    return NGX_OK;
}


/*
 * NGX_OK; NGX_DECLINED: of another version; NGX_ERROR: of none.  The key is 16
 * bytes in base64.
 */

static ngx_int_t
ngx_http_bo_ws_handshake(ngx_http_bo_ctx_t *ctx, ngx_str_t *key)
{
    u_char               buf[NGX_HTTP_BO_WS_KEY];
    ngx_str_t            version, decoded;
    ngx_uint_t           upgrade;
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    ngx_str_null(key);
    ngx_str_null(&version);

    upgrade = 0;

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (ngx_http_bo_header_is(h, "sec-websocket-version")) {
            version = h->value;

        } else if (ngx_http_bo_header_is(h, "connection")) {
            upgrade |= ngx_http_bo_ws_has(&h->value, "upgrade");

        } else if (ngx_http_bo_header_is(h, "sec-websocket-key")) {

            if (key->data) {
                return NGX_ERROR;
            }

            *key = h->value;
        }
    }

    decoded.data = buf;

    if (!upgrade
        || key->len != NGX_HTTP_BO_WS_KEY
        || ngx_decode_base64(&decoded, key) != NGX_OK
        || decoded.len != 16)
    {
        return NGX_ERROR;
    }

    return version.len == 2 && ngx_memcmp(version.data, "13", 2) == 0
           ? NGX_OK : NGX_DECLINED;
}


/* Whether a list "a, b" has the token, in any case. */

static ngx_uint_t
ngx_http_bo_ws_has(ngx_str_t *value, const char *token)
{
    size_t   len;
    u_char  *p, *last, *end;

    len = ngx_strlen(token);
    p = value->data;
    last = p + value->len;

    while (p < last) {
        end = ngx_strlchr(p, last, ',');
        end = end ? end : last;

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if ((size_t) (end - p) >= len
            && ngx_strncasecmp(p, (u_char *) token, len) == 0
            && (p + len == end || p[len] == ' ' || p[len] == '\t'))
        {
            return 1;
        }

        p = end + 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_bo_ws_answer(ngx_http_bo_ctx_t *ctx, ngx_str_t *key)
{
    u_char               digest[20];
    ngx_str_t            raw, accept;
    ngx_sha1_t           sha1;
    ngx_http_request_t  *r = ctx->request;

    static ngx_str_t  websocket = ngx_string("websocket");
    static const char  guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_update(&sha1, guid, sizeof(guid) - 1);
    ngx_sha1_final(digest, &sha1);

    raw.data = digest;
    raw.len = sizeof(digest);

    accept.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(raw.len));
    if (accept.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&accept, &raw);

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");

    if (ngx_http_bo_header(r, "Upgrade", &websocket) == NULL
        || ngx_http_bo_header(r, "Sec-WebSocket-Accept", &accept) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


u_char *
ngx_http_bo_ws_head(u_char *p, ngx_uint_t opcode, size_t len)
{
    ngx_uint_t  i;

    *p++ = (u_char) (0x80 | opcode);

    if (len <= NGX_HTTP_BO_WS_CONTROL) {
        *p++ = (u_char) len;
        return p;
    }

    if (len <= 0xffff) {
        *p++ = 126;
        *p++ = (u_char) (len >> 8);
        *p++ = (u_char) len;
        return p;
    }

    *p++ = 127;

    for (i = 8; i > 0; i--) {
        *p++ = (u_char) ((uint64_t) len >> (8 * (i - 1)));
    }

    return p;
}


ngx_http_bo_message_t *
ngx_http_bo_ws_frame(ngx_uint_t opcode, const void *data, size_t len)
{
    u_char                 *p;
    ngx_http_bo_message_t  *m;

    m = ngx_http_bo_message(NGX_HTTP_BO_WS_HEAD + len);
    if (m == NULL) {
        return NULL;
    }

    p = ngx_http_bo_ws_head(m->data, opcode, len);

    if (len) {
        p = ngx_cpymem(p, data, len);
    }

    m->len = p - m->data;

    return m;
}


ngx_int_t
ngx_http_bo_ws_read(ngx_http_bo_stream_t *s, u_char *data, size_t len)
{
    ssize_t                  n;
    ngx_int_t                rc;
    struct wslay_frame_iocb  f;

    if (s->ws == NULL) {
        s->ws = ngx_http_bo_ws_create();

        if (s->ws == NULL) {
            ngx_http_bo_stream_close(s);
            return NGX_DONE;
        }
    }

    s->ws->pos = data;
    s->ws->last = data + len;

    for ( ;; ) {
        ngx_memzero(&f, sizeof(struct wslay_frame_iocb));

        n = wslay_frame_recv(s->ws->frames, &f);

        if (n == WSLAY_ERR_WANT_READ) {
            return NGX_OK;
        }

        rc = n < 0 ? ngx_http_bo_ws_fail(s, NGX_HTTP_BO_WS_PROTOCOL)
                   : ngx_http_bo_ws_part(s, &f);

        if (rc != NGX_OK) {
            return rc;
        }

        if (s->ws == NULL || s->closing) {
            return NGX_OK;    /* at the end of a frame, and of the bytes */
        }
    }
}


static ngx_http_bo_ws_t *
ngx_http_bo_ws_create(void)
{
    ngx_http_bo_ws_t  *ws;

    static const struct wslay_frame_callbacks  callbacks = {
        NULL, ngx_http_bo_ws_recv, NULL
    };

    ws = ngx_calloc(sizeof(ngx_http_bo_ws_t), ngx_cycle->log);
    if (ws == NULL) {
        return NULL;
    }

    if (wslay_frame_context_init(&ws->frames, &callbacks, ws) != 0) {
        ngx_free(ws);
        return NULL;
    }

    return ws;
}


/* -1 is "no more" to libwslay, and it comes back. */

static ssize_t
ngx_http_bo_ws_recv(uint8_t *buf, size_t len, int flags, void *data)
{
    size_t             n;
    ngx_http_bo_ws_t  *ws = data;

    n = ngx_min(len, (size_t) (ws->last - ws->pos));

    if (n == 0) {
        return -1;
    }

    ngx_memcpy(buf, ws->pos, n);
    ws->pos += n;
    ws->given += n;

    return (ssize_t) n;
}


/* Takes a part of a frame's payload, perhaps its last or only one. */

static ngx_int_t
ngx_http_bo_ws_part(ngx_http_bo_stream_t *s, struct wslay_frame_iocb *f)
{
    ngx_int_t          rc;
    ngx_uint_t         code;
    ngx_http_bo_ws_t  *ws = s->ws;

    code = ngx_http_bo_ws_check(s, f);

    if (code) {
        return ngx_http_bo_ws_fail(s, code);
    }

    if (wslay_is_ctrl_frame(f->opcode) && f->data_length) {
        ngx_memcpy(ws->control + ws->got, f->data, f->data_length);
    }

    ws->got += f->data_length;

    if (ws->got < f->payload_length) {
        return NGX_OK;
    }

    rc = ngx_http_bo_ws_whole(s, f);

    if (rc != NGX_OK) {
        return rc;
    }

    ws->got = 0;
    ws->given -= ngx_http_bo_ws_size(f);

    if (ws->given == 0 && ws->pos == ws->last) {
        ngx_http_bo_ws_free(s);
    }

    return NGX_OK;
}


/* The bytes of a masked frame. */

static uint64_t
ngx_http_bo_ws_size(struct wslay_frame_iocb *f)
{
    return 6 + (f->payload_length <= NGX_HTTP_BO_WS_CONTROL ? 0
                : f->payload_length <= 0xffff ? 2 : 8)
           + f->payload_length;
}


/* The code to close with when a frame may not be, 0 when it may. */

static ngx_uint_t
ngx_http_bo_ws_check(ngx_http_bo_stream_t *s, struct wslay_frame_iocb *f)
{
    if (!f->mask || f->rsv) {
        return NGX_HTTP_BO_WS_PROTOCOL;
    }

    switch (f->opcode) {

    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return f->fin && f->payload_length <= NGX_HTTP_BO_WS_CONTROL
               ? 0 : NGX_HTTP_BO_WS_PROTOCOL;

    case WSLAY_CONTINUATION_FRAME:
        if (!s->fragment) {
            return NGX_HTTP_BO_WS_PROTOCOL;
        }

        break;

    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        if (s->fragment && s->ws->got == 0) {
            return NGX_HTTP_BO_WS_PROTOCOL;
        }

        break;

    default:
        return NGX_HTTP_BO_WS_PROTOCOL;
    }

    return f->payload_length <= NGX_HTTP_BO_WS_MAX ? 0
                                                   : NGX_HTTP_BO_WS_TOO_BIG;
}


static ngx_int_t
ngx_http_bo_ws_whole(ngx_http_bo_stream_t *s, struct wslay_frame_iocb *f)
{
    ngx_uint_t         code;
    ngx_http_bo_ws_t  *ws = s->ws;

    switch (f->opcode) {

    case WSLAY_PING:
        return ngx_http_bo_ws_reply(s, ngx_http_bo_ws_frame(WSLAY_PONG,
                                                            ws->control,
                                                            ws->got));

    case WSLAY_PONG:
        return NGX_OK;

    case WSLAY_CONNECTION_CLOSE:
        code = ngx_http_bo_ws_farewell(ws->control, ws->got);
        return ngx_http_bo_ws_fail(s, code);

    default:
        s->fragment = !f->fin;
        return NGX_OK;
    }
}


/* The code to answer a close frame with: its own, when it is a good one. */

static ngx_uint_t
ngx_http_bo_ws_farewell(u_char *data, size_t len)
{
    u_char      *p, *last;
    ngx_uint_t   code;

    if (len == 0) {
        return NGX_HTTP_BO_WS_NORMAL;
    }

    if (len == 1) {
        return NGX_HTTP_BO_WS_PROTOCOL;
    }

    code = data[0] << 8 | data[1];

    if (!((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1011)
          || (code >= 3000 && code <= 4999)))
    {
        return NGX_HTTP_BO_WS_PROTOCOL;
    }

    p = data + 2;
    last = data + len;

    while (p < last) {
        if (*p < 0x80) {
            p++;

        } else if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return NGX_HTTP_BO_WS_NO_UTF8;
        }
    }

    return code;
}


ngx_int_t
ngx_http_bo_ws_fail(ngx_http_bo_stream_t *s, ngx_uint_t code)
{
    ngx_http_bo_message_t  *m;

    s->closing = 1;

    if (s->message) {
        s->farewell = code;
        return NGX_OK;
    }

    m = ngx_http_bo_ws_close_frame(code);

    if (m == NULL) {
        ngx_http_bo_stream_close(s);
        return NGX_DONE;
    }

    m->version = s->version;

    return ngx_http_bo_stream_send(s, m);
}


static ngx_http_bo_message_t *
ngx_http_bo_ws_close_frame(ngx_uint_t code)
{
    u_char  data[2];

    data[0] = (u_char) (code >> 8);
    data[1] = (u_char) code;

    return ngx_http_bo_ws_frame(WSLAY_CONNECTION_CLOSE, data, 2);
}


/* A pong is dropped when something else is on its way: a ping may be, too. */

static ngx_int_t
ngx_http_bo_ws_reply(ngx_http_bo_stream_t *s, ngx_http_bo_message_t *m)
{
    if (m == NULL) {
        return NGX_OK;
    }

    if (s->message) {
        ngx_http_bo_message_drop(m);
        return NGX_OK;
    }

    m->version = s->version;

    return ngx_http_bo_stream_send(s, m);
}


void
ngx_http_bo_ws_free(ngx_http_bo_stream_t *s)
{
    if (s->ws) {
        wslay_frame_context_free(s->ws->frames);
        ngx_free(s->ws);
        s->ws = NULL;
    }
}
