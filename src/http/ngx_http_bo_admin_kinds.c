
/*
 * What administrators may change: the kinds of objects, the fields of their
 * documents, their paths, and the directive that puts them into a location.
 */


#include "ngx_http_bo_admin.h"
#include "ngx_http_bo_conf.h"


#define NGX_HTTP_BO_CHANGES  (NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY)


/* Fields of SQL's checks have the same bounds here. */

static const bo_json_field_t  ngx_http_bo_movie_fields[] = {

    { "title", BO_JSON_STRING, 0, 1, 1, 255, 0, NULL },

    { "about", BO_JSON_STRING, 0, 0, 1, 4000, 0, NULL },

    { "thumbnailUrl", BO_JSON_STRING, 0, 0, 1, 1000, 0, NULL },

    { "rating", BO_JSON_NUMBER, 0, 0, 0, 10, 0, NULL },

    { "durationMinutes", BO_JSON_INTEGER, 0, 0, 1, 1440, 0, NULL },

    { "ageRating", BO_JSON_STRING, 0, 0, 1, 20, 0, NULL },

    { "releaseDate", BO_JSON_STRING, 0, 0, 10, 10, 0, NULL },

    { "language", BO_JSON_STRING, 0, 0, 1, 40, 0, NULL },

    { "format", BO_JSON_STRING, 0, 0, 1, 40, 0, NULL },

    { "genres", BO_JSON_STRINGS, 0, 0, 0, 20, 40, NULL },

    { "metadata", BO_JSON_FREE, 0, 0, 0, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_theatre_fields[] = {

    { "name", BO_JSON_STRING, 0, 1, 1, 255, 0, NULL },

    { "address", BO_JSON_STRING, 0, 0, 1, 500, 0, NULL },

    { "city", BO_JSON_STRING, 0, 0, 1, 255, 0, NULL },

    { "latitude", BO_JSON_NUMBER, 0, 0, -90, 90, 0, NULL },

    { "longitude", BO_JSON_NUMBER, 0, 0, -180, 180, 0, NULL },

    { "timezone", BO_JSON_STRING, 0, 1, 1, 64, 0, NULL },

    { "metadata", BO_JSON_FREE, 0, 0, 0, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_screen_fields[] = {

    { "theatreId", BO_JSON_STRING, 0, 1, BO_UUID_LEN, BO_UUID_LEN, 0, NULL },

    { "name", BO_JSON_STRING, 0, 1, 1, 255, 0, NULL },

    { "layoutId", BO_JSON_STRING, 0, 1, BO_UUID_LEN, BO_UUID_LEN, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};

/* The same without the theatre: a screen does not move. */

#define ngx_http_bo_screen_changes  (&ngx_http_bo_screen_fields[1])


static const ngx_http_bo_admin_arg_t  ngx_http_bo_no_args[] = {
    { NULL, 0 }
};

static const ngx_http_bo_admin_arg_t  ngx_http_bo_screen_args[] = {
    { "theatreId", NGX_HTTP_BO_ARG_UUID },
    { NULL, 0 }
};

static const ngx_http_bo_admin_arg_t  ngx_http_bo_show_args[] = {
    { "date", NGX_HTTP_BO_ARG_DATE },
    { "theatreId", NGX_HTTP_BO_ARG_UUID },
    { "screenId", NGX_HTTP_BO_ARG_UUID },
    { "movieId", NGX_HTTP_BO_ARG_UUID },
    { NULL, 0 }
};

static const ngx_http_bo_admin_arg_t  ngx_http_bo_audit_args[] = {
    { "objectId", NGX_HTTP_BO_ARG_UUID },
    { "who", NGX_HTTP_BO_ARG_NAME },
    { "kind", NGX_HTTP_BO_ARG_NAME },
    { NULL, 0 }
};


/*
 * Movies, theatres: all that there is to do with an object.  more: what its
 * documents need besides.
 */

#define NGX_HTTP_BO_ADMIN_OBJECT(more)                                        \
                                                                              \
    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,                        \
      NGX_HTTP_BO_ADMIN,                                                      \
      ngx_http_bo_admin_list },                                               \
                                                                              \
    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,                       \
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_KEY|(more),                             \
      ngx_http_bo_admin_create },                                             \
                                                                              \
    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,                         \
      NGX_HTTP_BO_ADMIN,                                                      \
      ngx_http_bo_admin_read },                                               \
                                                                              \
    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,                         \
      NGX_HTTP_BO_CHANGES|(more),                                             \
      ngx_http_bo_admin_change },                                             \
                                                                              \
    { NGX_HTTP_DELETE, NGX_HTTP_BO_ONE, ngx_null_string,                      \
      NGX_HTTP_BO_ADMIN,                                                      \
      ngx_http_bo_admin_remove }

static ngx_http_bo_action_t  ngx_http_bo_admin_movies_actions[] = {
    NGX_HTTP_BO_ADMIN_OBJECT(NGX_HTTP_BO_LONG),
    { 0, 0, ngx_null_string, 0, NULL }
};

static ngx_http_bo_action_t  ngx_http_bo_admin_theatres_actions[] = {
    NGX_HTTP_BO_ADMIN_OBJECT(NGX_HTTP_BO_LONG),
    { 0, 0, ngx_null_string, 0, NULL }
};

static ngx_http_bo_action_t  ngx_http_bo_admin_screens_actions[] = {
    NGX_HTTP_BO_ADMIN_OBJECT(0),
    { 0, 0, ngx_null_string, 0, NULL }
};

static ngx_http_bo_action_t  ngx_http_bo_admin_layouts_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_KEY|NGX_HTTP_BO_HUGE,
      ngx_http_bo_admin_layout_create },

    { NGX_HTTP_POST, NGX_HTTP_BO_WORD, ngx_string("preview"),
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_HUGE,
      ngx_http_bo_admin_layout_preview },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_read },

    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_HUGE,
      ngx_http_bo_admin_layout_change },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_remove },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("seats"),
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_layout_seats },

    { NGX_HTTP_PUT, NGX_HTTP_BO_VERB, ngx_string("seats"),
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_LONG,
      ngx_http_bo_admin_seats },

    { 0, 0, ngx_null_string, 0, NULL }
};

/* There is no DELETE: a show is cancelled, see POST /shows/{id}/cancel. */

static ngx_http_bo_action_t  ngx_http_bo_admin_shows_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_KEY,
      ngx_http_bo_admin_show_create },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_read },

    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_CHANGES,
      ngx_http_bo_admin_show_change },

    { NGX_HTTP_PUT, NGX_HTTP_BO_VERB, ngx_string("prices"),
      NGX_HTTP_BO_CHANGES,
      ngx_http_bo_admin_show_prices },

    { NGX_HTTP_PUT, NGX_HTTP_BO_VERB, ngx_string("seats"),
      NGX_HTTP_BO_CHANGES|NGX_HTTP_BO_LONG,
      ngx_http_bo_admin_seats },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("sales"),
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_show_sales },

    { 0, 0, ngx_null_string, 0, NULL }
};

static ngx_http_bo_action_t  ngx_http_bo_admin_audit_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_admin_list },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_admin_kind_t  ngx_http_bo_admin_kinds[] = {

    { ngx_string("movies"), "movie", ngx_http_bo_admin_movies_actions,
      ngx_http_bo_movie_fields, ngx_http_bo_movie_fields,
      ngx_http_bo_no_args,
      NGX_HTTP_BO_E_MOVIE_NOT_FOUND },

    { ngx_string("theatres"), "theatre", ngx_http_bo_admin_theatres_actions,
      ngx_http_bo_theatre_fields, ngx_http_bo_theatre_fields,
      ngx_http_bo_no_args,
      NGX_HTTP_BO_E_THEATRE_NOT_FOUND },

    { ngx_string("screens"), "screen", ngx_http_bo_admin_screens_actions,
      ngx_http_bo_screen_fields, ngx_http_bo_screen_changes,
      ngx_http_bo_screen_args,
      NGX_HTTP_BO_E_SCREEN_NOT_FOUND },

    { ngx_string("layouts"), "layout", ngx_http_bo_admin_layouts_actions,
      NULL, NULL, ngx_http_bo_no_args,
      NGX_HTTP_BO_E_LAYOUT_NOT_FOUND },

    { ngx_string("shows"), "show", ngx_http_bo_admin_shows_actions,
      NULL, NULL, ngx_http_bo_show_args,
      NGX_HTTP_BO_E_SHOW_NOT_FOUND },

    { ngx_string("audit"), "audit", ngx_http_bo_admin_audit_actions,
      NULL, NULL, ngx_http_bo_audit_args,
      NGX_HTTP_BO_E_NOT_FOUND },

    { ngx_string("quarantine"), "case", ngx_http_bo_quarantine_actions,
      NULL, NULL, ngx_http_bo_no_args,
      NGX_HTTP_BO_E_NOT_FOUND },

    { ngx_null_string, NULL, NULL, NULL, NULL, NULL, 0 }
};


char *
ngx_http_bo_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_http_bo_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_bo_admin_kind_t  *kind;

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

    for (kind = ngx_http_bo_admin_kinds; kind->kind; kind++) {
        if (kind->name.len == value[1].len
            && ngx_strcmp(kind->name.data, value[1].data) == 0)
        {
            lcf->actions = kind->actions;
        }
    }

    if (lcf->actions == NULL) {
        return ngx_http_bo_invalid(cf, cmd, &value[1], "invalid value");
    }

    clcf->handler = ngx_http_bo_handler;
    lcf->scope = bo_scope_resource("admin", 5);

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    mcf->used = 1;

    return NGX_CONF_OK;
}
