
/*
 * The gate of a waiting room, in the access phase of any location; and how a
 * request says who it is and what it bears.
 */


#include "ngx_http_bo_room.h"


/* Lower-case hex of 16 random bytes. */

#define NGX_HTTP_BO_VISITOR  32

#define NGX_HTTP_BO_VISITOR_LIFE  2592000    /* seconds */


static ngx_int_t ngx_http_bo_gate_closed(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_http_bo_error_e error);
static ngx_uint_t ngx_http_bo_gate_browser(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_gate_page(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room);
static ngx_uint_t ngx_http_bo_room_is_visitor(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_str_t *visitor);
static ngx_int_t ngx_http_bo_room_visitor(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_room_t *room, ngx_str_t *visitor);
static ngx_int_t ngx_http_bo_room_find_cookie(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_http_bo_room_secure(ngx_http_request_t *r);


/*
 * NGX_DECLINED lets a request pass to whatever else guards the location; with
 * NGX_OK, "satisfy any" would let it in.
 */

ngx_int_t
ngx_http_bo_gate_handler(ngx_http_request_t *r)
{
    ngx_str_t                 who, text;
    bo_token_t                pass;
    ngx_http_bo_ctx_t        *ctx;
    ngx_http_bo_room_t       *room;
    ngx_bo_room_answer_e      answer;
    ngx_http_bo_loc_conf_t   *lcf;
    ngx_http_bo_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);

    if (lcf->gate == NULL) {
        return NGX_DECLINED;
    }

    room = lcf->gate->data;

    if (!ngx_bo_room_is_on(&room->room)) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_bo_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS && ngx_http_bo_cors(ctx) == NGX_DONE) {
        return NGX_DONE;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);

    if (ngx_http_bo_room_token(ctx, room, NGX_HTTP_BO_COOKIE_PASS, &text)
        != NGX_OK)
    {
        (void) ngx_atomic_fetch_add(&room->room.zone->turned_away, 1);
        return ngx_http_bo_gate_closed(ctx, room, NGX_HTTP_BO_E_WAITING_ROOM);
    }

    if (ngx_bo_secret_verify(mcf->secrets, &room->room.conf.name,
                             BO_TOKEN_PASS, &text, &pass)
        != NGX_OK)
    {
        (void) ngx_atomic_fetch_add(&room->room.zone->turned_away, 1);
        return ngx_http_bo_gate_closed(ctx, room, NGX_HTTP_BO_E_TOKEN_INVALID);
    }

    if (ngx_http_bo_room_who(ctx, room, 0, &who) != NGX_OK) {
        return ngx_http_bo_gate_closed(ctx, room, NGX_HTTP_BO_E_UNAUTHORIZED);
    }

    answer = ngx_bo_room_enter(&room->room, &pass, &who);

    switch (answer) {

    case NGX_BO_ROOM_FINE:
        return NGX_DECLINED;

    case NGX_BO_ROOM_FOREIGN:
        return ngx_http_bo_gate_closed(ctx, room, NGX_HTTP_BO_E_TOKEN_FOREIGN);

    default:
        return ngx_http_bo_gate_closed(ctx, room, NGX_HTTP_BO_E_PASS_OVER);
    }
}


/* Programs are told what is the matter, browsers are taken to the page. */

static ngx_int_t
ngx_http_bo_gate_closed(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_http_bo_error_e error)
{
    u_char     *p;
    ngx_str_t   details, *name;

    if (ngx_http_bo_gate_browser(ctx)) {
        return ngx_http_bo_gate_page(ctx, room);
    }

    name = &room->room.conf.name;

    p = ngx_pnalloc(ctx->request->pool, 2 * name->len + 128);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    details.data = p;
    p = ngx_sprintf(p, "{\"room\":\"%V\",\"join\":\"/api/v1/waiting-rooms/%V"
                    "/join\"}",
                    name, name);
    details.len = p - details.data;

    if (ctx->request->method == NGX_HTTP_OPTIONS
        || ngx_http_bo_cors(ctx) != NGX_DONE)
    {
        ngx_http_bo_error(ctx, error, &details);
    }

    return NGX_DONE;
}


static ngx_uint_t
ngx_http_bo_gate_browser(ngx_http_bo_ctx_t *ctx)
{
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    if (ctx->request->method != NGX_HTTP_GET) {
        return 0;
    }

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {
        if (ngx_http_bo_header_is(h, "accept")) {
            return ngx_strnstr(h->value.data, "text/html", h->value.len)
                   != NULL;
        }
    }

    return 0;
}


/*
 * 302 to <page>?room=<name>&to=<where the browser wanted to go>.  Who came as
 * nobody must wait as nobody, too: the page is told by "as=visitor".
 */

static ngx_int_t
ngx_http_bo_gate_page(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room)
{
    u_char                  *p;
    size_t                   escape;
    ngx_str_t                location;
    ngx_http_request_t      *r = ctx->request;
    ngx_http_bo_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_boxoffice_module);

    escape = 2 * ngx_escape_uri(NULL, r->unparsed_uri.data,
                                r->unparsed_uri.len, NGX_ESCAPE_URI_COMPONENT);

    location.data = ngx_pnalloc(r->pool, lcf->waiting_page.len
                                         + room->room.conf.name.len
                                         + r->unparsed_uri.len + escape
                                         + sizeof("?room=&as=visitor&to="));
    if (location.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(location.data, "%V?room=%V%s&to=", &lcf->waiting_page,
                    &room->room.conf.name,
                    room->anonymous && ngx_http_bo_authenticate(ctx) != NGX_OK
                    ? "&as=visitor" : "");
    p = (u_char *) ngx_escape_uri(p, r->unparsed_uri.data,
                                  r->unparsed_uri.len,
                                  NGX_ESCAPE_URI_COMPONENT);
    location.len = p - location.data;

    /* as it is: nginx would put its own scheme and port before headers_out's */

    if (ngx_http_bo_header(r, "Location", &location) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_MOVED_TEMPORARILY, NULL);

    return NGX_DONE;
}


ngx_int_t
ngx_http_bo_room_who(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_uint_t make, ngx_str_t *who)
{
    ngx_str_t  visitor;

    if (ngx_http_bo_authenticate(ctx) == NGX_OK) {
        ctx->who = ctx->user;
        *who = ctx->who;
        return NGX_OK;
    }

    if (!room->anonymous) {
        return NGX_DECLINED;
    }

    if (!ngx_http_bo_room_is_visitor(ctx, room, &visitor)
        && (!make
            || ngx_http_bo_room_visitor(ctx, room, &visitor) != NGX_OK))
    {
        return NGX_DECLINED;
    }

    /* no user is called so: names have no colon */

    who->data = ngx_pnalloc(ctx->request->pool, sizeof("visitor:") - 1
                                                + NGX_HTTP_BO_VISITOR);
    if (who->data == NULL) {
        return NGX_DECLINED;
    }

    who->len = ngx_sprintf(who->data, "visitor:%V", &visitor) - who->data;
    ctx->who = *who;

    return NGX_OK;
}


/* Whether the cookie is one of ours, by its form. */

static ngx_uint_t
ngx_http_bo_room_is_visitor(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_str_t *visitor)
{
    u_char  c;
    size_t  i;

    if (ngx_http_bo_room_find_cookie(ctx->request,
                                     &room->cookie[NGX_HTTP_BO_COOKIE_VISITOR],
                                     visitor)
        != NGX_OK
        || visitor->len != NGX_HTTP_BO_VISITOR)
    {
        return 0;
    }

    for (i = 0; i < visitor->len; i++) {
        c = visitor->data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_bo_room_visitor(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_str_t *visitor)
{
    u_char  random[NGX_HTTP_BO_VISITOR / 2];

    visitor->len = NGX_HTTP_BO_VISITOR;
    visitor->data = ngx_pnalloc(ctx->request->pool, visitor->len);

    if (visitor->data == NULL
        || ngx_bo_random(random, sizeof(random)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(visitor->data, random, sizeof(random));

    return ngx_http_bo_room_cookie(ctx, room, NGX_HTTP_BO_COOKIE_VISITOR,
                                   visitor, NGX_HTTP_BO_VISITOR_LIFE);
}


ngx_int_t
ngx_http_bo_room_token(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_uint_t which, ngx_str_t *text)
{
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(ctx->request);

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {

        if (which == NGX_HTTP_BO_COOKIE_TICKET
            ? ngx_http_bo_header_is(h, "x-boxoffice-ticket")
            : ngx_http_bo_header_is(h, "x-boxoffice-pass"))
        {
            *text = h->value;
            return NGX_OK;
        }
    }

    return ngx_http_bo_room_find_cookie(ctx->request, &room->cookie[which],
                                        text);
}


static ngx_int_t
ngx_http_bo_room_find_cookie(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    return ngx_http_parse_multi_header_lines(&r->headers_in.cookies, name,
                                             value)
           == NGX_DECLINED ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_bo_room_cookie(ngx_http_bo_ctx_t *ctx, ngx_http_bo_room_t *room,
    ngx_uint_t which, ngx_str_t *value, ngx_uint_t seconds)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(ctx->request->pool,
                    room->cookie[which].len + value->len + NGX_INT_T_LEN
                    + sizeof("=; Path=/; Max-Age=; HttpOnly; SameSite=Lax; "
                             "Secure"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    p = ngx_cpymem(p, room->cookie[which].data, room->cookie[which].len);
    *p++ = '=';
    p = ngx_cpymem(p, value->data, value->len);
    p = ngx_http_bo_put_int(p, "; Path=/; Max-Age=", seconds);
    p = ngx_http_bo_put(p, ngx_http_bo_room_secure(ctx->request)
                           ? "; HttpOnly; SameSite=Lax; Secure"
                           : "; HttpOnly; SameSite=Lax");
    text.len = p - text.data;

    return ngx_http_bo_header(ctx->request, "Set-Cookie", &text) == NULL
           ? NGX_ERROR : NGX_OK;
}


/* A load balancer that ends TLS says so. */

static ngx_uint_t
ngx_http_bo_room_secure(ngx_http_request_t *r)
{
    ngx_table_elt_t     *h;
    ngx_http_bo_walk_t   walk = ngx_http_bo_walk(r);

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        return 1;
    }
#endif

    while ((h = ngx_http_bo_next_header(&walk)) != NULL) {
        if (ngx_http_bo_header_is(h, "x-forwarded-proto")) {
            return h->value.len == 5
                   && ngx_strncasecmp(h->value.data, (u_char *) "https", 5)
                      == 0;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_bo_room_mobile(ngx_http_bo_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ctx->request->headers_in.user_agent;

    return h && ngx_strnstr(h->value.data, "Mobile", h->value.len) != NULL;
}
