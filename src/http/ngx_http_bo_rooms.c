
/*
 * Waiting rooms: what they look like, joining, asking how one stands, leaving,
 * and the draw.
 *
 * All of it is answered from shared memory.
 */


#include "ngx_http_bo_room.h"


static void ngx_http_bo_room_show(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_room_join(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_room_status(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_room_left(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_room_draw(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_room_places(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_room_ticket(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, bo_token_t *ticket);
static void ngx_http_bo_room_tell(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_bo_room_view_t *view, ngx_uint_t give);
static ngx_int_t ngx_http_bo_room_give(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_bo_room_view_t *view, ngx_uint_t kind,
    int64_t expires, ngx_str_t *text);
static u_char *ngx_http_bo_put_view(u_char *p, ngx_http_bo_room_t *room,
    ngx_bo_room_view_t *view, size_t most);


/* A view without its message, and with a ticket and a pass. */

#define NGX_HTTP_BO_VIEW_LEN  1024


/* How long a ticket is good, msec: as long as the longest wait. */

#define NGX_HTTP_BO_TICKET_LIFE  86400000


ngx_http_bo_action_t  ngx_http_bo_rooms_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_room_show },

    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY, ngx_http_bo_room_set },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("join"), 0,
      ngx_http_bo_room_join },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("place"), 0,
      ngx_http_bo_room_status },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_VERB, ngx_string("place"), 0,
      ngx_http_bo_room_left },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("events"), 0,
      ngx_http_bo_room_events },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("draw"), 0,
      ngx_http_bo_room_draw },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("draw/places"), 0,
      ngx_http_bo_room_places },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_room_t *
ngx_http_bo_room_of(ngx_http_bo_ctx_t *ctx)
{
    ngx_uint_t                i;
    ngx_shm_zone_t          **zone;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);
    zone = mcf->rooms.elts;

    for (i = 0; i < mcf->rooms.nelts; i++) {
        if (zone[i]->shm.name.len == ctx->name.len
            && ngx_memcmp(zone[i]->shm.name.data, ctx->name.data,
                          ctx->name.len)
               == 0)
        {
            return zone[i]->data;
        }
    }

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);

    return NULL;
}


void
ngx_http_bo_room_refuse(ngx_http_bo_ctx_t *ctx, ngx_bo_room_answer_e answer)
{
    ngx_http_bo_error_e  error;

    switch (answer) {

    case NGX_BO_ROOM_HASTY:
        error = NGX_HTTP_BO_E_HASTY;
        break;

    case NGX_BO_ROOM_CLOSED:
        error = NGX_HTTP_BO_E_ROOM_CLOSED;
        break;

    case NGX_BO_ROOM_SOLD_OUT:
        error = NGX_HTTP_BO_E_SOLD_OUT;
        break;

    case NGX_BO_ROOM_NO_PLACE:
        error = NGX_HTTP_BO_E_ROOM_FULL;
        break;

    case NGX_BO_ROOM_FOREIGN:
        error = NGX_HTTP_BO_E_TOKEN_FOREIGN;
        break;

    case NGX_BO_ROOM_LATE:
        error = NGX_HTTP_BO_E_PASS_OVER;
        break;

    default:
        error = NGX_HTTP_BO_E_UNAVAILABLE;
    }

    ngx_http_bo_error(ctx, error, NULL);
}


/* GET /{room} */

static void
ngx_http_bo_room_show(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t            body;
    ngx_http_bo_room_t  *room;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    body.data = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_ROOM_LEN);
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.len = ngx_http_bo_put_room(body.data, room) - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


u_char *
ngx_http_bo_put_room(u_char *p, ngx_http_bo_room_t *room)
{
    ngx_str_t              message;
    ngx_bo_room_zone_t    *zone = room->room.zone;
    ngx_bo_room_agreed_t  *agreed = &zone->agreed;

    ngx_shmtx_lock(&room->room.shpool->mutex);

    p = ngx_sprintf(p, "{\"room\":\"%V\",\"phase\":\"%V\",\"ready\":%s",
                    &room->room.conf.name, &ngx_bo_room_phases[agreed->phase],
                    zone->ready ? "true" : "false");
    p = ngx_sprintf(p, ",\"waiting\":%uL,\"inside\":%uL,\"admitted\":%uL"
                    ",\"skipped\":%uL,\"cursor\":%uL",
                    zone->room->nwaiting, zone->room->nadmitted,
                    zone->room->admissions, zone->room->skips,
                    zone->room->cursor);
    p = ngx_sprintf(p, ",\"rate\":%ui,\"capacity\":%ui,\"pace\":%ui.%03ui"
                    ",\"speed\":%ui.%03ui,\"demand\":%ui,\"nodes\":%ui",
                    agreed->rate, agreed->capacity, zone->pace / 1000,
                    zone->pace % 1000, zone->speed / 1000, zone->speed % 1000,
                    zone->demand, zone->nodes);
    p = ngx_http_bo_put_time(p, ",\"opensAt\":", agreed->opens);

    if (zone->stock < 0) {
        p = ngx_http_bo_put(p, ",\"stock\":null");

    } else {
        p = ngx_http_bo_put_int(p, ",\"stock\":", zone->stock);
    }

    if (agreed->has_show) {
        p = ngx_http_bo_put_uuid(p, ",\"showId\":", &agreed->show);

    } else {
        p = ngx_http_bo_put(p, ",\"showId\":null");
    }

    message.data = agreed->message;
    message.len = agreed->message_len;
    p = ngx_http_bo_put_str(p, ",\"message\":", &message);

    p = ngx_sprintf(p, ",\"soldOut\":%s,\"drawn\":%s",
                    zone->sold_out ? "true" : "false",
                    agreed->drawn ? "true" : "false");

    if (agreed->epoch_len) {
        p = ngx_sprintf(p, ",\"commitment\":\"%*s\"",
                        sizeof(agreed->commitment), agreed->commitment);
    }

    ngx_shmtx_unlock(&room->room.shpool->mutex);

    return ngx_http_bo_put(p, "}");
}


/* POST /{room}/join: asking again finds the same place. */

static void
ngx_http_bo_room_join(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              who;
    ngx_bo_room_view_t     view;
    ngx_http_bo_room_t    *room;
    ngx_bo_room_answer_e   answer;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    if (ngx_http_bo_room_who(ctx, room, 1, &who) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAUTHORIZED, NULL);
        return;
    }

    answer = ngx_bo_room_join(&room->room, &who, ngx_http_bo_room_mobile(ctx),
                              &view);

    if (answer != NGX_BO_ROOM_FINE) {
        ngx_http_bo_room_refuse(ctx, answer);
        return;
    }

    ngx_http_bo_room_tell(ctx, room, &view, 1);
}


/* GET /{room}/place: a sign of life, too. */

static void
ngx_http_bo_room_status(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              who;
    bo_token_t             ticket;
    ngx_uint_t             known;
    ngx_bo_room_view_t     view;
    ngx_http_bo_room_t    *room;
    ngx_bo_room_answer_e   answer;

    room = ngx_http_bo_room_of(ctx);

    if (room == NULL || ngx_http_bo_room_ticket(ctx, room, &ticket) != NGX_OK)
    {
        return;
    }

    known = ngx_http_bo_room_who(ctx, room, 0, &who) == NGX_OK;

    answer = ngx_bo_room_poll(&room->room, &ticket, known ? &who : NULL,
                              ngx_http_bo_room_mobile(ctx), &view);

    if (answer == NGX_BO_ROOM_HASTY) {
        ctx->retry_after = view.poll / 1000 + 1;
    }

    if (answer != NGX_BO_ROOM_FINE) {
        ngx_http_bo_room_refuse(ctx, answer);
        return;
    }

    if (view.state == BO_PLACE_OVER) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_PLACE_OVER, NULL);
        return;
    }

    ngx_http_bo_room_tell(ctx, room, &view,
                          known && view.number != ticket.number);
}


/* The ticket of the request; NGX_ERROR: it was refused. */

static ngx_int_t
ngx_http_bo_room_ticket(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    bo_token_t *ticket)
{
    ngx_str_t                 text;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);

    if (ngx_http_bo_room_token(ctx, room, NGX_HTTP_BO_COOKIE_TICKET, &text)
        != NGX_OK
        || ngx_bo_secret_verify(mcf->secrets, &room->room.conf.name,
                                BO_TOKEN_TICKET, &text, ticket)
           != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_TOKEN_INVALID, NULL);
        return NGX_ERROR;
    }

    if ((int64_t) ticket->expires < ngx_bo_now()) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_PLACE_OVER, NULL);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * How somebody stands.  give: with a ticket; who is admitted gets a pass in
 * any case, when it is known who asks.
 */

static void
ngx_http_bo_room_tell(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_bo_room_view_t *view, ngx_uint_t give)
{
    u_char     *p;
    size_t      message;
    int64_t     expires;
    ngx_str_t   body, ticket, pass;

    /* it may become a longer one meanwhile */

    message = room->room.zone->agreed.message_len;

    body.data = ngx_pnalloc(ctx->request->pool,
                            NGX_HTTP_BO_VIEW_LEN + 6 * message);
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    p = ngx_http_bo_put_view(body.data, room, view, message);

    if (give) {
        if (ngx_http_bo_room_give(ctx, room, view, NGX_HTTP_BO_COOKIE_TICKET,
                                  ngx_bo_now() + NGX_HTTP_BO_TICKET_LIFE,
                                  &ticket)
            != NGX_OK)
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
            return;
        }

        p = ngx_http_bo_put_plain(p, ",\"ticket\":", &ticket);
    }

    if (view->spent) {
        p = ngx_http_bo_put(p, ",\"spent\":true");

    } else if (view->state == BO_PLACE_ADMITTED && ctx->who.len) {
        ngx_bo_room_claim(&room->room, view->number, view->id, &expires);

        if (ngx_http_bo_room_give(ctx, room, view, NGX_HTTP_BO_COOKIE_PASS,
                                  expires, &pass)
            != NGX_OK)
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
            return;
        }

        p = ngx_http_bo_put_plain(p, ",\"pass\":", &pass);
        p = ngx_http_bo_put_time(p, ",\"expiresAt\":", expires);
    }

    p = ngx_http_bo_put(p, "}");
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/* Signs a token, and sets it as a cookie. */

static ngx_int_t
ngx_http_bo_room_give(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_bo_room_view_t *view, ngx_uint_t kind, int64_t expires,
    ngx_str_t *text)
{
    int64_t                   seconds;
    bo_token_t                token;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);

    text->data = ngx_pnalloc(ctx->request->pool, BO_TOKEN_LEN);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = BO_TOKEN_LEN;

    token.kind = kind == NGX_HTTP_BO_COOKIE_PASS ? BO_TOKEN_PASS
                                                 : BO_TOKEN_TICKET;
    token.sale = view->sale;
    token.number = view->number;
    token.id = view->id;
    token.expires = (uint64_t) expires;

    ngx_bo_secret_sign(mcf->secrets, &room->room.conf.name, &token,
                       text->data);

    seconds = (expires - ngx_bo_now()) / 1000;

    return ngx_http_bo_room_cookie(ctx, room, kind, text,
                                   (ngx_uint_t) ngx_max(seconds, 0));
}


static u_char *
ngx_http_bo_put_view(u_char *p, ngx_http_bo_room_t *room,
    ngx_bo_room_view_t *view, size_t most)
{
    ngx_str_t              message;
    ngx_bo_room_agreed_t  *agreed = &room->room.zone->agreed;

    p = ngx_http_bo_put_plain(p, "{\"room\":", &room->room.conf.name);
    p = ngx_http_bo_put_plain(p, ",\"phase\":",
                              &ngx_bo_room_phases[view->phase]);
    p = ngx_http_bo_put(p, view->state == BO_PLACE_ADMITTED
                           ? ",\"state\":\"ADMITTED\""
                           : ",\"state\":\"WAITING\"");
    p = ngx_http_bo_put_int(p, ",\"number\":", view->number);
    p = ngx_http_bo_put_int(p, ",\"rank\":", view->rank);
    p = ngx_http_bo_put_int(p, ",\"waiting\":", view->waiting);

    if (view->state == BO_PLACE_WAITING
        && view->phase != NGX_BO_ROOM_LOBBY)
    {
        p = ngx_http_bo_put_int(p, ",\"position\":", view->ahead + 1);
        p = ngx_http_bo_put_int(p, ",\"ahead\":", view->ahead);
        p = ngx_http_bo_put_int(p, ",\"estimatedWait\":{\"seconds\":",
                                view->wait);
        p = ngx_http_bo_put_int(p, ",\"low\":", view->wait_low);
        p = ngx_http_bo_put_int(p, ",\"high\":", view->wait_high);
        *p++ = '}';
    }

    if (view->state == BO_PLACE_WAITING) {
        p = ngx_http_bo_put_int(p, ",\"pollAfter\":", view->poll);
    }

    p = ngx_http_bo_put_bool(p, ",\"soldOut\":", view->sold_out);
    p = ngx_http_bo_put_bool(p, ",\"drawn\":", view->drawn);

    if (view->opens) {
        p = ngx_http_bo_put_time(p, ",\"opensAt\":", view->opens);
    }

    if (most) {
        ngx_shmtx_lock(&room->room.shpool->mutex);

        message.data = agreed->message;
        message.len = ngx_min(agreed->message_len, most);
        p = ngx_http_bo_put_str(p, ",\"message\":", &message);

        ngx_shmtx_unlock(&room->room.shpool->mutex);
    }

    return p;
}


/* DELETE /{room}/place */

static void
ngx_http_bo_room_left(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              who, nothing;
    bo_token_t             ticket;
    ngx_http_bo_room_t    *room;
    ngx_bo_room_answer_e   answer;

    room = ngx_http_bo_room_of(ctx);

    if (room == NULL || ngx_http_bo_room_ticket(ctx, room, &ticket) != NGX_OK)
    {
        return;
    }

    if (ngx_http_bo_room_who(ctx, room, 0, &who) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAUTHORIZED, NULL);
        return;
    }

    answer = ngx_bo_room_leave(&room->room, &ticket, &who);

    if (answer != NGX_BO_ROOM_FINE) {
        ngx_http_bo_room_refuse(ctx, answer);
        return;
    }

    ngx_str_set(&nothing, "");

    if (ngx_http_bo_room_cookie(ctx, room, NGX_HTTP_BO_COOKIE_TICKET, &nothing,
                                0)
        != NGX_OK
        || ngx_http_bo_room_cookie(ctx, room, NGX_HTTP_BO_COOKIE_PASS,
                                   &nothing, 0)
           != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
}


/* GET /{room}/draw: what was promised before, and how it was kept. */

static void
ngx_http_bo_room_draw(ngx_http_bo_ctx_t *ctx)
{
    u_char                *p;
    ngx_str_t              body;
    ngx_http_bo_room_t    *room;
    ngx_bo_room_zone_t    *zone;
    ngx_bo_room_agreed_t  *agreed;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    zone = room->room.zone;
    agreed = &zone->agreed;

    body.data = ngx_pnalloc(ctx->request->pool, 1024);

    if (body.data == NULL || agreed->epoch_len == 0) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
        return;
    }

    ngx_shmtx_lock(&room->room.shpool->mutex);

    p = ngx_sprintf(body.data, "{\"room\":\"%V\",\"sale\":\"%*s\""
                    ",\"commitment\":\"%*s\"",
                    &room->room.conf.name, sizeof(agreed->sale_text),
                    agreed->sale_text, sizeof(agreed->commitment),
                    agreed->commitment);

    if (zone->room->draw_end != zone->room->draw_first) {
        p = ngx_sprintf(p, ",\"seed\":\"%*s\",\"first\":%uL,\"end\":%uL",
                        sizeof(agreed->seed), agreed->seed,
                        zone->room->draw_first, zone->room->draw_end);
        p = ngx_http_bo_put(p, ",\"key\":\"");
        p = ngx_hex_dump(p, zone->room->draw.key, BO_SIPHASH_KEY);
        p = ngx_sprintf(p, "\",\"digest\":\"%*s\"",
                        sizeof(zone->draw_digest), zone->draw_digest);
    }

    ngx_shmtx_unlock(&room->room.shpool->mutex);

    p = ngx_http_bo_put(p, "}");
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/*
 * GET /{room}/draw/places?from=N: who was in the lobby, by number: hashes that
 * tell a person only to who has the sale's key.  A page of 2,000 numbers.
 */

#define NGX_HTTP_BO_DRAW_PAGE  2000

static void
ngx_http_bo_room_places(ngx_http_bo_ctx_t *ctx)
{
    u_char              *p;
    uint64_t             n, id, from, end;
    ngx_str_t            body, value;
    ngx_http_bo_room_t  *room;
    ngx_bo_room_zone_t  *zone;

    room = ngx_http_bo_room_of(ctx);
    if (room == NULL) {
        return;
    }

    zone = room->room.zone;
    from = zone->room->draw_first;

    if (ngx_http_bo_arg(ctx, "from", &value) == NGX_OK) {
        if (value.len == 0 || value.len > 15
            || ngx_atoof(value.data, value.len) < 0)
        {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
            return;
        }

        from = (uint64_t) ngx_atoof(value.data, value.len);
    }

    body.data = ngx_pnalloc(ctx->request->pool,
                            128 + NGX_HTTP_BO_DRAW_PAGE
                                  * (2 * NGX_INT64_LEN + 24));
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    p = ngx_http_bo_put(body.data, "{\"items\":[");

    ngx_shmtx_lock(&room->room.shpool->mutex);

    from = ngx_max(from, zone->room->draw_first);
    end = ngx_min(from + NGX_HTTP_BO_DRAW_PAGE, zone->room->draw_end);

    for (n = from; n < end; n++) {
        id = bo_room_drawn_who(zone->room, n);

        if (id) {
            p = ngx_sprintf(p, "%s[%uL,\"%016xL\",%uL]",
                            p[-1] == '[' ? "" : ",", n, id,
                            bo_room_rank(zone->room, n));
        }
    }

    ngx_shmtx_unlock(&room->room.shpool->mutex);

    if (end < zone->room->draw_end) {
        p = ngx_sprintf(p, "],\"nextFrom\":%uL}", end);

    } else {
        p = ngx_http_bo_put(p, "],\"nextFrom\":null}");
    }

    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}
