
/*
 * The directives of the optimistic mode.
 */


#include "ngx_http_bo.h"
#include "ngx_http_bo_conf.h"
#include "ngx_http_bo_optimistic.h"


static ngx_int_t ngx_http_bo_bookings_option(ngx_bo_bookings_conf_t *conf,
    ngx_str_t *value);


static struct {
    ngx_str_t              name;
    ngx_http_bo_action_t  *actions;
} ngx_http_bo_optimistic_parts[] = {
    { ngx_string("availability"), ngx_http_bo_availability_actions },
    { ngx_string("create"), ngx_http_bo_booking_create_actions },
    { ngx_string("complete"), ngx_http_bo_booking_complete_actions },
    { ngx_string("bookings"), ngx_http_bo_bookings_actions },
    { ngx_null_string, NULL }
};

/* In the order of NGX_BO_DURABLE_... */

static ngx_str_t  ngx_http_bo_durabilities[] = {
    ngx_string("none"),
    ngx_string("everysec"),
    ngx_string("always")
};


char *
ngx_http_bo_optimistic(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_bo_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->actions) {
        return "is duplicate, or another resource stands here already";
    }

    value = cf->args->elts;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex || clcf->named) {
        return "needs a location with a prefix";
    }
#endif

    for (i = 0; ngx_http_bo_optimistic_parts[i].actions; i++) {
        if (ngx_http_bo_optimistic_parts[i].name.len == value[1].len
            && ngx_strcmp(ngx_http_bo_optimistic_parts[i].name.data,
                          value[1].data)
               == 0)
        {
            lcf->actions = ngx_http_bo_optimistic_parts[i].actions;
        }
    }

    if (lcf->actions == NULL) {
        return ngx_http_bo_invalid(cf, cmd, &value[1], "invalid value");
    }

    clcf->handler = ngx_http_bo_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    mcf->used = 1;

    /* the map of seats is there without a queue of bookings */

    if (lcf->actions != ngx_http_bo_availability_actions) {
        mcf->bookings.used = 1;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_bo_bookings(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mcf->bookings.set) {
        return "is duplicate";
    }

    mcf->bookings.set = 1;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_bo_bookings_option(&mcf->bookings, &value[i]) != NGX_OK) {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                       "invalid parameter");
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_bo_bookings_option(ngx_bo_bookings_conf_t *conf, ngx_str_t *value)
{
    ngx_int_t   n;
    ngx_str_t   s;
    ngx_uint_t  i;

    if (ngx_http_bo_option(value, "durability=", &s) == NGX_OK) {

        for (i = 0; i <= NGX_BO_DURABLE_ALWAYS; i++) {
            if (s.len == ngx_http_bo_durabilities[i].len
                && ngx_strcmp(s.data, ngx_http_bo_durabilities[i].data) == 0)
            {
                conf->durability = i;
                return NGX_OK;
            }
        }

        return NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "backlog=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        conf->backlog = n;
        return n > 0 && n <= 10000000 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "batch=", &s) == NGX_OK) {
        n = ngx_atoi(s.data, s.len);
        conf->batch = n;
        return n > 0 && n <= 1024 ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_bo_option(value, "claim=", &s) == NGX_OK) {
        n = ngx_parse_time(&s, 0);
        conf->claim = n;
        return n > 0 ? NGX_OK : NGX_ERROR;
    }

    return NGX_ERROR;
}
