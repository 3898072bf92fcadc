
/*
 * The directives of waiting rooms.
 */


#include "ngx_http_bo_room.h"
#include "ngx_http_bo_conf.h"


static ngx_int_t ngx_http_bo_room_option(ngx_http_bo_room_t *room,
    ngx_str_t *value);
static ngx_int_t ngx_http_bo_room_number(ngx_str_t *value, const char *name,
    const char *unit, ngx_uint_t max, ngx_uint_t *out);
static ngx_int_t ngx_http_bo_room_time(ngx_str_t *value, const char *name,
    ngx_msec_t *out);
static ngx_int_t ngx_http_bo_room_word(ngx_str_t *value, const char *name,
    const char *first, const char *second, ngx_uint_t *out);
static ngx_uint_t ngx_http_bo_room_name_valid(ngx_str_t *name);
static ngx_int_t ngx_http_bo_room_cookies(ngx_conf_t *cf,
    ngx_http_bo_room_t *room);


char *
ngx_http_bo_secret_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char       *error;
    ngx_str_t  *value;

    if (mcf->secrets) {
        return "is duplicate";
    }

    value = cf->args->elts;
    error = ngx_bo_secret_read(cf, &value[1], &mcf->secrets);

    return error ? ngx_http_bo_invalid(cf, cmd, &value[1], error)
                 : NGX_CONF_OK;
}


char *
ngx_http_bo_room_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    size_t               size;
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_shm_zone_t      *zone, **slot;
    ngx_http_bo_room_t  *room;

    value = cf->args->elts;

    room = ngx_pcalloc(cf->pool, sizeof(ngx_http_bo_room_t));
    if (room == NULL) {
        return NGX_CONF_ERROR;
    }

    room->room.conf.phase = NGX_BO_ROOM_OPEN;
    room->room.conf.basket = 2;
    room->room.conf.pass = 600000;
    room->room.conf.claim = 5000;
    room->room.conf.abandon = 5000;

    if (ngx_http_bo_zone_size(cf, cmd, &value[1], NGX_BO_ROOM_ZONE_MIN,
                              &room->room.conf.name, &size)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_bo_room_name_valid(&room->room.conf.name)) {
        return ngx_http_bo_invalid(cf, cmd, &value[1],
                                   "a room's name is 1 to 32 of a-z, 0-9, "
                                   "\"-\" and \"_\"");
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_bo_room_option(room, &value[i]) != NGX_OK) {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                       "invalid parameter");
        }
    }

    if (room->room.conf.rate == 0) {
        return ngx_http_bo_invalid(cf, cmd, &value[1], "it needs \"rate=\"");
    }

    zone = ngx_http_bo_zone_add(cf, cmd, &value[1], &room->room.conf.name,
                                size, ngx_bo_room_init, room);
    slot = ngx_array_push(&mcf->rooms);

    if (zone == NULL || slot == NULL
        || ngx_http_bo_room_cookies(cf, room) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *slot = zone;
    mcf->used = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_bo_room_option(ngx_http_bo_room_t *room, ngx_str_t *value)
{
    ngx_uint_t           off;
    ngx_bo_room_conf_t  *conf = &room->room.conf;

    if (ngx_http_bo_room_word(value, "state=", "OPEN", "OFF", &off)
        == NGX_OK)
    {
        conf->phase = off ? NGX_BO_ROOM_OFF : NGX_BO_ROOM_OPEN;
        return NGX_OK;
    }

    if (ngx_http_bo_room_number(value, "automatic=", "r/s", 1000000,
                                &conf->automatic)
        == NGX_OK)
    {
        conf->phase = NGX_BO_ROOM_OFF;
        return NGX_OK;
    }

    if (ngx_http_bo_room_number(value, "rate=", "/s", 100000, &conf->rate)
           == NGX_OK
        || ngx_http_bo_room_number(value, "burst=", "", 1000000, &conf->burst)
           == NGX_OK
        || ngx_http_bo_room_number(value, "capacity=", "", 10000000,
                                   &conf->capacity)
           == NGX_OK
        || ngx_http_bo_room_number(value, "basket=", "", 64, &conf->basket)
           == NGX_OK
        || ngx_http_bo_room_time(value, "pass=", &conf->pass) == NGX_OK
        || ngx_http_bo_room_time(value, "claim=", &conf->claim) == NGX_OK
        || ngx_http_bo_room_time(value, "abandon=", &conf->abandon) == NGX_OK
        || ngx_http_bo_room_word(value, "anonymous=", "off", "on",
                                 &room->anonymous)
           == NGX_OK)
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


/* From 1 up to max. */

static ngx_int_t
ngx_http_bo_room_number(ngx_str_t *value, const char *name, const char *unit,
    ngx_uint_t max, ngx_uint_t *out)
{
    size_t     len;
    ngx_int_t  n;
    ngx_str_t  s;

    len = ngx_strlen(unit);

    if (ngx_http_bo_option(value, name, &s) != NGX_OK || s.len <= len
        || ngx_strncmp(s.data + s.len - len, unit, len) != 0)
    {
        return NGX_ERROR;
    }

    n = ngx_atoi(s.data, s.len - len);

    if (n < 1 || (ngx_uint_t) n > max) {
        return NGX_ERROR;
    }

    *out = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_room_time(ngx_str_t *value, const char *name, ngx_msec_t *out)
{
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_http_bo_option(value, name, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_parse_time(&s, 0);

    if (n < 100 || n > 86400000) {
        return NGX_ERROR;
    }

    *out = n;

    return NGX_OK;
}


/* *out is 0 for the first word and 1 for the second. */

static ngx_int_t
ngx_http_bo_room_word(ngx_str_t *value, const char *name, const char *first,
    const char *second, ngx_uint_t *out)
{
    ngx_str_t  s;

    if (ngx_http_bo_option(value, name, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_strcmp(s.data, first) == 0) {
        *out = 0;
        return NGX_OK;
    }

    if (ngx_strcmp(s.data, second) == 0) {
        *out = 1;
        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_bo_room_name_valid(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || c == '_'))
        {
            return 0;
        }
    }

    return name->len >= 1 && name->len <= NGX_BO_ROOM_NAME_MAX;
}


static ngx_int_t
ngx_http_bo_room_cookies(ngx_conf_t *cf, ngx_http_bo_room_t *room)
{
    ngx_uint_t  i;
    ngx_str_t  *name;

    static const char  *names[] = { "ticket", "pass", "visitor" };

    for (i = 0; i < 3; i++) {
        name = &room->cookie[i];

        name->data = ngx_pnalloc(cf->pool, sizeof("boxoffice__") + 8
                                           + room->room.conf.name.len);
        if (name->data == NULL) {
            return NGX_ERROR;
        }

        name->len = ngx_sprintf(name->data, "boxoffice_%s_%V", names[i],
                                &room->room.conf.name)
                    - name->data;
    }

    return NGX_OK;
}


char *
ngx_http_bo_room_gate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->gate != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->gate = NULL;
        return cf->args->nelts == 2
               ? NGX_CONF_OK
               : ngx_http_bo_invalid(cf, cmd, &value[2],
                                     "\"off\" stands alone");
    }

    ngx_str_set(&lcf->waiting_page, "/waiting.html");

    if (cf->args->nelts == 3
        && (ngx_http_bo_option(&value[2], "page=", &lcf->waiting_page)
            != NGX_OK
            || lcf->waiting_page.data[0] != '/'))
    {
        return ngx_http_bo_invalid(cf, cmd, &value[2], "invalid parameter");
    }

    lcf->gate = ngx_shared_memory_add(cf, &value[1], 0,
                                      &ngx_http_boxoffice_module);

    return lcf->gate == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


char *
ngx_http_bo_gate_check(ngx_conf_t *cf, ngx_shm_zone_t *zone)
{
    return zone == NULL ? NGX_CONF_OK
                        : ngx_http_bo_zone_check(cf, zone, ngx_bo_room_init,
                                                 "boxoffice_waiting_room");
}
