
/*
 * PUT /waiting-rooms/{room}: the operator's controls.
 */


#include "ngx_http_bo_room.h"
#include "booking/bo_time.h"


typedef struct {
    ngx_bo_room_change_t     change;
    ngx_http_bo_room_t      *room;
} ngx_http_bo_room_set_t;


typedef struct {
    bo_str_t                 phase;
    int64_t                  rate;
    int64_t                  capacity;
    bo_str_t                 opens;
    bo_str_t                 message;
    bo_str_t                 show;
    int                      new_sale;
} ngx_http_bo_room_body_t;


static const bo_json_field_t  ngx_http_bo_room_fields[] = {

    { "phase", BO_JSON_STRING,
      offsetof(ngx_http_bo_room_body_t, phase), 0, 1, 16, 0, NULL },

    { "rate", BO_JSON_INTEGER,
      offsetof(ngx_http_bo_room_body_t, rate), 0, 1, 100000, 0, NULL },

    { "capacity", BO_JSON_INTEGER,
      offsetof(ngx_http_bo_room_body_t, capacity), 0, 0, 10000000, 0, NULL },

    { "opensAt", BO_JSON_STRING,
      offsetof(ngx_http_bo_room_body_t, opens), 0, 0, 64, 0, NULL },

    { "message", BO_JSON_STRING,
      offsetof(ngx_http_bo_room_body_t, message), 0, 0, 200, 0, NULL },

    { "showId", BO_JSON_STRING,
      offsetof(ngx_http_bo_room_body_t, show), 0, 0, BO_UUID_LEN, 0, NULL },

    { "newSale", BO_JSON_BOOLEAN,
      offsetof(ngx_http_bo_room_body_t, new_sale), 0, 0, 0, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static ngx_int_t ngx_http_bo_room_read(ngx_http_bo_ctx_t *ctx,
    ngx_bo_room_change_t *change);
static ngx_int_t ngx_http_bo_room_phase(bo_str_t *text);
static void ngx_http_bo_room_set_done(ngx_bo_call_t *call);
static void ngx_http_bo_room_set_answer(ngx_http_bo_ctx_t *ctx);


void
ngx_http_bo_room_set(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_room_t      *room;
    ngx_http_bo_room_set_t  *set;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    set = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_room_set_t));
    if (set == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_room_read(ctx, &set->change) != NGX_OK) {
        return;
    }

    ctx->data = set;
    set->room = room;
    set->change.room = &room->room;
    set->change.call.store = ctx->store;
    set->change.call.data = ctx;
    set->change.call.done = ngx_http_bo_room_set_done;

    ngx_http_bo_wait(ctx, &set->change.call);

    ngx_bo_room_change(&set->change);
}


/* What is not said stays; "" takes a time or a show away. */

static ngx_int_t
ngx_http_bo_room_read(ngx_http_bo_ctx_t *ctx, ngx_bo_room_change_t *change)
{
    bo_uuid_t                 id;
    ngx_http_bo_room_body_t   body;

    ngx_memzero(&body, sizeof(body));
    body.rate = -1;
    body.capacity = -1;

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_room_fields, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    change->rate = (ngx_int_t) body.rate;
    change->capacity = (ngx_int_t) body.capacity;
    change->new_sale = body.new_sale;
    change->phase = -1;
    change->opens = -1;

    if (body.phase.data) {
        change->phase = ngx_http_bo_room_phase(&body.phase);

        if (change->phase < 0) {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "phase");
            return NGX_ERROR;
        }
    }

    if (body.opens.data) {
        change->opens = 0;

        if (body.opens.len
            && bo_time_parse(&change->opens, body.opens.data, body.opens.len)
               != 0)
        {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                    "opensAt");
            return NGX_ERROR;
        }
    }

    if (body.show.data) {
        if (body.show.len
            && bo_uuid_parse(&id, body.show.data, body.show.len) != 0)
        {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD,
                                    "showId");
            return NGX_ERROR;
        }

        change->show.data = (u_char *) body.show.data;
        change->show.len = body.show.len;
    }

    change->message.data = (u_char *) body.message.data;
    change->message.len = body.message.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_room_phase(bo_str_t *text)
{
    ngx_int_t  i;

    for (i = 0; i < NGX_BO_ROOM_PHASES; i++) {
        if (ngx_bo_room_phases[i].len == text->len
            && ngx_memcmp(ngx_bo_room_phases[i].data, text->data, text->len)
               == 0)
        {
            return i;
        }
    }

    return -1;
}


static void
ngx_http_bo_room_set_done(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_room_set_answer);
}


/* The nodes hear it by their next tick, this one as well. */

static void
ngx_http_bo_room_set_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_room_set_t *set = ctx->data;

    ngx_str_t  body;

    if (ctx->call->outcome == NGX_BO_NOT_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_NOT_FOUND, NULL);
        return;
    }

    if (ctx->call->outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, ctx->call->outcome);
        return;
    }

    body.data = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_ROOM_LEN);
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.len = ngx_http_bo_put_room(body.data, set->room) - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_ACCEPTED, &body);
}
