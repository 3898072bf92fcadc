
/*
 * Boxoffice: seat booking inside nginx.  Directives and wiring only.
 */


#include "http/ngx_http_bo_admin.h"
#include "http/ngx_http_bo_auth.h"
#include "http/ngx_http_bo_catalogue_conf.h"
#include "http/ngx_http_bo_conf.h"
#include "http/ngx_http_bo_limit.h"
#include "http/ngx_http_bo_optimistic.h"
#include "http/ngx_http_bo_people.h"
#include "http/ngx_http_bo_room.h"
#include "http/ngx_http_bo_tickets.h"
#include "jobs/ngx_bo_jobs.h"
#include "jobs/ngx_bo_notify.h"
#include "jobs/ngx_bo_relay.h"


static void *ngx_http_bo_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_bo_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_bo_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_bo_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

static char *ngx_http_bo_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_postgres(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_bo_resource(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_outbox_sink(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_notify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_notify_templates(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_uint_t ngx_http_bo_is_origin(ngx_str_t *s);
static char *ngx_http_bo_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_bo_check_bounds(ngx_conf_t *cf, void *post, void *data);

static ngx_int_t ngx_http_bo_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_bo_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_bo_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_bo_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_bo_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_bo_init_process(ngx_cycle_t *cycle);
static void ngx_http_bo_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_bo_health_modes[] = {
    { ngx_string("live"), 0 },
    { ngx_string("ready"), 1 },
    { ngx_null_string, 0 }
};

/* A hold has its seats in the arguments of one script: see bo_seats.h. */

static ngx_conf_num_bounds_t  ngx_http_bo_seats_bounds = {
    ngx_http_bo_check_bounds, 1, BO_MAX_SEATS
};

static ngx_conf_num_bounds_t  ngx_http_bo_user_bounds = {
    ngx_http_bo_check_bounds, 1, BO_LAYOUT_MAX_SEATS
};


/* What messages show of an address: there may be a password in it. */

static ngx_str_t  ngx_http_bo_secret = ngx_string("...");


/* The resources, by the name of their directive. */

static struct {
    ngx_str_t              name;
    ngx_http_bo_action_t  *actions;
} ngx_http_bo_resources[] = {
    { ngx_string("boxoffice_shows"), ngx_http_bo_shows_actions },
    { ngx_string("boxoffice_screens"), ngx_http_bo_screens_actions },
    { ngx_string("boxoffice_theatres"), ngx_http_bo_theatres_actions },
    { ngx_string("boxoffice_movies"), ngx_http_bo_movies_actions },
    { ngx_string("boxoffice_search"), ngx_http_bo_search_actions },
    { ngx_string("boxoffice_holds"), ngx_http_bo_holds_actions },
    { ngx_string("boxoffice_orders"), ngx_http_bo_orders_actions },
    { ngx_string("boxoffice_waiting_rooms"), ngx_http_bo_rooms_actions },
    { ngx_string("boxoffice_webhooks"), ngx_http_bo_webhooks_actions },
    { ngx_string("boxoffice_notification_preferences"),
      ngx_http_bo_preferences_actions },
    { ngx_string("boxoffice_ticket_keys"), ngx_http_bo_ticket_keys_actions },
    { ngx_string("boxoffice_checkins"), ngx_http_bo_checkins_actions },
    { ngx_string("boxoffice_dead_letters"), ngx_http_bo_letters_actions },
    { ngx_string("boxoffice_login"), ngx_http_bo_login_actions },
    { ngx_string("boxoffice_me"), ngx_http_bo_me_actions },
    { ngx_string("boxoffice_people"), ngx_http_bo_people_actions },
    { ngx_string("boxoffice_api_keys"), ngx_http_bo_api_keys_actions },
    { ngx_null_string, NULL }
};


static ngx_command_t  ngx_http_bo_commands[] = {

    { ngx_string("boxoffice_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_postgres"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_postgres,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_catalogue_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_bo_catalogue_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_hold_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.hold_ttl),
      NULL },

    { ngx_string("boxoffice_hold_cap"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.hold_cap),
      NULL },

    { ngx_string("boxoffice_order_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.order_ttl),
      NULL },

    { ngx_string("boxoffice_stale"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.stale),
      NULL },

    { ngx_string("boxoffice_checkin_opens"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.checkin_opens),
      NULL },

    { ngx_string("boxoffice_orphan_rule"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.orphan_rule),
      NULL },

    { ngx_string("boxoffice_streams"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, streams),
      NULL },

    { ngx_string("boxoffice_stream_heartbeat"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, stream_heartbeat),
      NULL },

    { ngx_string("boxoffice_stream_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, stream_drain),
      NULL },

    { ngx_string("boxoffice_seats_per_hold"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.seats_per_hold),
      &ngx_http_bo_seats_bounds },

    { ngx_string("boxoffice_seats_per_user"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, limits.seats_per_user),
      &ngx_http_bo_user_bounds },

    { ngx_string("boxoffice_jobs"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_bo_main_conf_t, jobs),
      NULL },

    { ngx_string("boxoffice_outbox_sink"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_outbox_sink,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_bo_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_auth_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth_jwt"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_auth_jwt,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth_nextauth"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_auth_nextauth,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_auth_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_auth_jwks"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_auth_jwks,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_accounts"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_accounts,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_login"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_people"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_api_keys"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_me"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_bo_cors_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_bo_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_shows"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_screens"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_theatres"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_search"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_movies"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_holds"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_orders"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_waiting_rooms"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_dead_letters"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_notify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_notify,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_notify_templates"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_bo_notify_templates,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_notification_preferences"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_ticket_keys"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_checkins"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_optimistic"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_optimistic,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_ticket_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_ticket_key_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_webhooks"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_resource,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_gateway"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_gateway,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_bookings"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_bo_bookings,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_secret_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_secret_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_waiting_room_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_room_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_waiting_room"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_bo_room_gate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("boxoffice_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_bo_health,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_bo_loc_conf_t, ready),
      ngx_http_bo_health_modes },

    { ngx_string("boxoffice_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_boxoffice_module_ctx = {
    ngx_http_bo_add_variables,             /* preconfiguration */
    ngx_http_bo_init,                      /* postconfiguration */

    ngx_http_bo_create_main_conf,          /* create main configuration */
    ngx_http_bo_init_main_conf,            /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_bo_create_loc_conf,           /* create location configuration */
    ngx_http_bo_merge_loc_conf             /* merge location configuration */
};


ngx_module_t  ngx_http_boxoffice_module = {
    NGX_MODULE_V1,
    &ngx_http_boxoffice_module_ctx,        /* module context */
    ngx_http_bo_commands,                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_bo_init_module,               /* init module */
    ngx_http_bo_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_bo_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_variable_t  ngx_http_bo_vars[] = {

    { ngx_string("boxoffice_user"), NULL, ngx_http_bo_user_variable,
      offsetof(ngx_http_bo_ctx_t, user), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("boxoffice_outcome"), NULL, ngx_http_bo_variable,
      offsetof(ngx_http_bo_ctx_t, outcome), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("boxoffice_request_id"), NULL, ngx_http_bo_variable,
      offsetof(ngx_http_bo_ctx_t, request_id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static void *
ngx_http_bo_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bo_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->redis.url = { 0, NULL };
     *     mcf->pg.conninfo = { 0, NULL };
     *     mcf->zone = NULL;
     *     mcf->used = 0;
     *     mcf->store = NULL;
     */

    if (ngx_array_init(&mcf->limit_zones, cf->pool, 4,
                       sizeof(ngx_shm_zone_t *))
        != NGX_OK
        || ngx_array_init(&mcf->rooms, cf->pool, 2, sizeof(ngx_shm_zone_t *))
           != NGX_OK
        || ngx_array_init(&mcf->outbound.peers, cf->pool, 4,
                          sizeof(ngx_bo_outbound_peer_t *))
           != NGX_OK
        || ngx_array_init(&mcf->gateways, cf->pool, 2,
                          sizeof(ngx_bo_gateway_t))
           != NGX_OK
        || ngx_array_init(&mcf->auth_sources, cf->pool, 2,
                          sizeof(ngx_bo_auth_source_t *))
           != NGX_OK
        || (mcf->notify = ngx_bo_notify_conf_create(cf)) == NULL)
    {
        return NULL;
    }

    mcf->redis.timeout = 200;
    mcf->redis.queue = 16384;

    mcf->pg.connections = 2;
    mcf->pg.timeout = 2000;
    mcf->pg.queue = 4096;
    mcf->pg.prepare = 1;

    mcf->bookings.durability = NGX_BO_DURABLE_EVERYSEC;
    mcf->bookings.backlog = 10000;
    mcf->bookings.batch = 256;
    mcf->bookings.claim = 10000;

    mcf->limits.hold_ttl = NGX_CONF_UNSET_MSEC;
    mcf->limits.hold_cap = NGX_CONF_UNSET_MSEC;
    mcf->limits.order_ttl = NGX_CONF_UNSET_MSEC;
    mcf->limits.stale = NGX_CONF_UNSET_MSEC;
    mcf->limits.checkin_opens = NGX_CONF_UNSET_MSEC;
    mcf->limits.seats_per_hold = NGX_CONF_UNSET;
    mcf->limits.seats_per_user = NGX_CONF_UNSET;
    mcf->limits.orphan_rule = NGX_CONF_UNSET;

    mcf->jobs = NGX_CONF_UNSET;
    mcf->streams = NGX_CONF_UNSET;
    mcf->stream_heartbeat = NGX_CONF_UNSET_MSEC;
    mcf->stream_drain = NGX_CONF_UNSET_MSEC;

    return mcf;
}


static char *
ngx_http_bo_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    const char       *missing;
    ngx_bo_limits_t  *limits = &mcf->limits;

    ngx_conf_init_msec_value(limits->hold_ttl, 300000);
    ngx_conf_init_msec_value(limits->hold_cap, 2 * limits->hold_ttl);
    ngx_conf_init_msec_value(limits->order_ttl, 300000);
    ngx_conf_init_msec_value(limits->stale, 60000);
    ngx_conf_init_msec_value(limits->checkin_opens, 7200000);
    ngx_conf_init_value(limits->seats_per_hold, 10);
    ngx_conf_init_value(limits->seats_per_user, 10);
    ngx_conf_init_value(limits->orphan_rule, 1);
    ngx_conf_init_value(mcf->jobs, 1);
    ngx_conf_init_value(mcf->streams, 0);
    ngx_conf_init_msec_value(mcf->stream_heartbeat, 15000);
    ngx_conf_init_msec_value(mcf->stream_drain, 5000);

    if (mcf->stream_heartbeat == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_stream_heartbeat\" must be longer "
                           "than 0");
        return NGX_CONF_ERROR;
    }

    if (limits->hold_ttl == 0 || limits->order_ttl == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" must be longer than 0",
                           limits->hold_ttl == 0 ? "boxoffice_hold_ttl"
                                                 : "boxoffice_order_ttl");
        return NGX_CONF_ERROR;
    }

    /* an int of SQL; the locks outlive it by some seconds */

    if (limits->order_ttl > 86400000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_order_ttl\" must not be longer than "
                           "1d");
        return NGX_CONF_ERROR;
    }

    if (limits->hold_cap < limits->hold_ttl) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_hold_cap\" %Mms is shorter than "
                           "\"boxoffice_hold_ttl\" %Mms",
                           limits->hold_cap, limits->hold_ttl);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_bo_gateway_default(cf, &mcf->gateways, mcf->used) != NGX_OK
        || (mcf->sinks == NULL
            && ngx_bo_sink_default(cf, &mcf->sinks) != NGX_OK)
        || ngx_bo_notify_complete(cf, mcf->notify, &mcf->sinks) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!mcf->used) {
        return NGX_CONF_OK;
    }

    missing = mcf->redis.url.len == 0 ? "boxoffice_redis"
              : mcf->pg.conninfo.len == 0 ? "boxoffice_postgres"
              : mcf->zone == NULL ? "boxoffice_zone"
              : mcf->rooms.nelts && mcf->secrets == NULL
                ? "boxoffice_secret_file"
              : mcf->signs && mcf->tickets == NULL
                ? "boxoffice_ticket_key_file" : NULL;

    if (missing) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"%s\" is defined, but a location needs it",
                           missing);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_bo_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_bo_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_bo_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->actions = NULL;
     */

    lcf->limits = NGX_CONF_UNSET_PTR;
    lcf->gate = NGX_CONF_UNSET_PTR;
    lcf->auth = NGX_CONF_UNSET_PTR;
    lcf->cors = NGX_CONF_UNSET_PTR;
    lcf->ready = NGX_CONF_UNSET_UINT;

    return lcf;
}


static char *
ngx_http_bo_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_bo_loc_conf_t *prev = parent;
    ngx_http_bo_loc_conf_t *conf = child;

    if (conf->auth == NGX_CONF_UNSET_PTR) {
        conf->development = prev->development;
        conf->keys = prev->keys;
    }

    ngx_conf_merge_ptr_value(conf->auth, prev->auth, NULL);
    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);
    ngx_conf_merge_uint_value(conf->ready, prev->ready, 0);
    ngx_conf_merge_ptr_value(conf->limits, prev->limits, NULL);

    if (conf->gate == NGX_CONF_UNSET_PTR) {
        conf->waiting_page = prev->waiting_page;
    }

    ngx_conf_merge_ptr_value(conf->gate, prev->gate, NULL);

    if (ngx_http_bo_gate_check(cf, conf->gate) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_bo_limit_check(cf, conf->limits);
}


/* boxoffice_redis url [timeout=time] [queue=number]; */

static char *
ngx_http_bo_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char        *error;
    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (mcf->redis.url.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    error = ngx_bo_redis_parse_url(cf, &value[1], &mcf->redis);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &ngx_http_bo_secret, error);
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_bo_option(&value[i], "timeout=", &s) == NGX_OK) {
            n = ngx_parse_time(&s, 0);

            if (n > 0) {
                mcf->redis.timeout = n;
                continue;
            }
        }

        if (ngx_http_bo_option(&value[i], "queue=", &s) == NGX_OK) {
            n = ngx_atoi(s.data, s.len);

            if (n > 0) {
                mcf->redis.queue = n;
                continue;
            }
        }

        return ngx_http_bo_invalid(cf, cmd, &value[i], "invalid parameter");
    }

    return NGX_CONF_OK;
}


/*
 * boxoffice_postgres conninfo [connections=number] [timeout=time]
 *                    [queue=number] [prepare=on|off];
 */

static char *
ngx_http_bo_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    char        *error;
    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (mcf->pg.conninfo.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    error = ngx_bo_pg_parse_conninfo(cf, &value[1], &mcf->pg);
    if (error) {
        return ngx_http_bo_invalid(cf, cmd, &ngx_http_bo_secret, error);
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_bo_option(&value[i], "connections=", &s) == NGX_OK) {
            n = ngx_atoi(s.data, s.len);

            if (n > 0 && n <= 64) {
                mcf->pg.connections = n;
                continue;
            }
        }

        if (ngx_http_bo_option(&value[i], "timeout=", &s) == NGX_OK) {
            n = ngx_parse_time(&s, 0);

            if (n > 0) {
                mcf->pg.timeout = n;
                continue;
            }
        }

        if (ngx_http_bo_option(&value[i], "queue=", &s) == NGX_OK) {
            n = ngx_atoi(s.data, s.len);

            if (n > 0) {
                mcf->pg.queue = n;
                continue;
            }
        }

        if (ngx_http_bo_option(&value[i], "prepare=", &s) == NGX_OK
            && (ngx_strcmp(s.data, "on") == 0
                || ngx_strcmp(s.data, "off") == 0))
        {
            mcf->pg.prepare = s.len == 2;
            continue;
        }

        return ngx_http_bo_invalid(cf, cmd, &value[i], "invalid parameter");
    }

    return NGX_CONF_OK;
}


/* boxoffice_zone name:size; */

static char *
ngx_http_bo_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    size_t      size;
    ngx_str_t  *value, name;

    if (mcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_bo_zone_size(cf, cmd, &value[1], NGX_BO_ZONE_MIN, &name,
                              &size)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf->zone = ngx_http_bo_zone_add(cf, cmd, &value[1], &name, size,
                                     ngx_bo_zone_init, NULL);

    return mcf->zone == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/* boxoffice_shows; boxoffice_screens; boxoffice_holds; ... */

static char *
ngx_http_bo_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_uint_t                 i;
    ngx_http_bo_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->actions) {
        return "is duplicate, or another resource stands here already";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex || clcf->named) {
        return "needs a location with a prefix";
    }
#endif

    for (i = 0; ngx_http_bo_resources[i].actions; i++) {
        if (ngx_http_bo_resources[i].name.len == cmd->name.len
            && ngx_strcmp(ngx_http_bo_resources[i].name.data, cmd->name.data)
               == 0)
        {
            lcf->actions = ngx_http_bo_resources[i].actions;
            lcf->named = lcf->actions == ngx_http_bo_rooms_actions
                         || lcf->actions == ngx_http_bo_search_actions
                         || lcf->actions == ngx_http_bo_checkins_actions
                         || lcf->actions == ngx_http_bo_webhooks_actions
                         || lcf->actions == ngx_http_bo_login_actions
                         || lcf->actions == ngx_http_bo_me_actions;
        }
    }

    /* what is about people no key of a service opens */

    lcf->scope = lcf->actions == ngx_http_bo_login_actions
                 || lcf->actions == ngx_http_bo_me_actions
                 || lcf->actions == ngx_http_bo_people_actions
                 || lcf->actions == ngx_http_bo_api_keys_actions
                 ? BO_SCOPE_PEOPLE
                 : bo_scope_resource((char *) cmd->name.data
                                     + sizeof("boxoffice_") - 1,
                                     cmd->name.len
                                     - (sizeof("boxoffice_") - 1));

    clcf->handler = ngx_http_bo_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    mcf->used = 1;
    mcf->logs_in |= lcf->actions == ngx_http_bo_login_actions
                    || lcf->actions == ngx_http_bo_me_actions
                    || lcf->actions == ngx_http_bo_people_actions;

    if (lcf->actions == ngx_http_bo_login_actions
        && mcf->login_path.len == 0)
    {
        mcf->login_path = clcf->name;
    }

    mcf->signs |= lcf->actions == ngx_http_bo_ticket_keys_actions
                  || lcf->actions == ngx_http_bo_checkins_actions;

    return NGX_CONF_OK;
}


/* boxoffice_health live | ready; */

static char *
ngx_http_bo_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    char                      *rv;
    ngx_http_bo_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_bo_enum(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_bo_health_handler;

    if (lcf->ready) {
        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                 ngx_http_boxoffice_module);
        mcf->used = 1;
    }

    return NGX_CONF_OK;
}


/* boxoffice_metrics; */

static char *
ngx_http_bo_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_bo_metrics_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    mcf->used = 1;

    return NGX_CONF_OK;
}


/* boxoffice_outbox_sink kind [name=value ...] | off; */

static char *
ngx_http_bo_outbox_sink(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    return ngx_bo_sink_directive(cf, cmd, &mcf->sinks, &mcf->outbound);
}


/* boxoffice_notify kind url [parameter ...]; */

static char *
ngx_http_bo_notify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    return ngx_bo_notify_directive(cf, cmd, mcf->notify, &mcf->outbound);
}


/* boxoffice_notify_templates path [language=tag]; */

static char *
ngx_http_bo_notify_templates(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_main_conf_t *mcf = conf;

    return ngx_bo_notify_templates_directive(cf, cmd, mcf->notify);
}


/* boxoffice_cors origin ... | off; */

static char *
ngx_http_bo_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bo_loc_conf_t *lcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (lcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        if (cf->args->nelts > 2) {
            return ngx_http_bo_invalid(cf, cmd, &value[2],
                                       "\"off\" stands alone");
        }

        lcf->cors = NULL;
        return NGX_CONF_OK;
    }

    lcf->cors = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                 sizeof(ngx_str_t));
    if (lcf->cors == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_http_bo_is_origin(&value[i])) {
            return ngx_http_bo_invalid(cf, cmd, &value[i],
                                  "an origin is http:// or https:// and a "
                                  "host");
        }

        origin = ngx_array_push(lcf->cors);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


/* A scheme, a host, perhaps a port: with a path it would match no header. */

static ngx_uint_t
ngx_http_bo_is_origin(ngx_str_t *s)
{
    u_char  *p, *last;

    last = s->data + s->len;

    if (ngx_strncmp(s->data, "http://", 7) == 0) {
        p = s->data + 7;

    } else if (ngx_strncmp(s->data, "https://", 8) == 0) {
        p = s->data + 8;

    } else {
        return 0;
    }

    return p < last && ngx_strlchr(p, last, '/') == NULL;
}


/* As nginx's own, but it names the directive. */

static char *
ngx_http_bo_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t        *value;
    ngx_conf_enum_t  *e;

    value = cf->args->elts;

    for (e = cmd->post; e->name.len; e++) {
        if (e->name.len == value[1].len
            && ngx_strcasecmp(e->name.data, value[1].data) == 0)
        {
            return ngx_conf_set_enum_slot(cf, cmd, conf);
        }
    }

    return ngx_http_bo_invalid(cf, cmd, &value[1], "invalid value");
}


static char *
ngx_http_bo_check_bounds(ngx_conf_t *cf, void *post, void *data)
{
    ngx_conf_num_bounds_t *bounds = post;
    ngx_int_t *np = data;

    ngx_str_t  *value;

    if (*np >= bounds->low && *np <= bounds->high) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" must be between %i and %i, not \"%V\"",
                       &value[0], bounds->low, bounds->high, &value[1]);
    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_bo_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_bo_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_init(ngx_conf_t *cf)
{
    ngx_resolver_t             *resolver;
    ngx_http_handler_pt        *h;
    ngx_http_bo_main_conf_t    *mcf;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);

    /* the resolver of the http level; one without servers stands for none */

    resolver = clcf->resolver && clcf->resolver->connections.nelts
               ? clcf->resolver : NULL;

    if (ngx_http_bo_accounts_init(cf, mcf) != NGX_CONF_OK
        || ngx_http_bo_auth_init(cf, mcf) != NGX_CONF_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_bo_outbound_init(cf, &mcf->outbound, resolver,
                             clcf->resolver_timeout)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_bo_limit_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_bo_gate_handler;

    return NGX_OK;
}


/* Limits and logs may ask before, or without, a handler of ours. */

static ngx_int_t
ngx_http_bo_user_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_bo_ctx_t  *ctx;

    ctx = ngx_http_bo_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_bo_authenticate(ctx);

    return ngx_http_bo_variable(r, v, data);
}


static ngx_int_t
ngx_http_bo_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t          *s;
    ngx_http_bo_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_boxoffice_module);

    s = ctx ? (ngx_str_t *) ((u_char *) ctx + data) : NULL;

    if (s == NULL || s->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = s->data;
    v->len = s->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_http_bo_main_conf_t *
ngx_http_bo_cycle_conf(ngx_cycle_t *cycle)
{
    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL) {
        return NULL;
    }

    return ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_boxoffice_module);
}


static ngx_int_t
ngx_http_bo_init_module(ngx_cycle_t *cycle)
{
    ngx_bo_zone_t            *zone;
    ngx_http_bo_main_conf_t  *mcf;

    bo_json_init();

    mcf = ngx_http_bo_cycle_conf(cycle);

    if (mcf && mcf->zone) {
        zone = mcf->zone->data;
        ngx_bo_outbound_count(&mcf->outbound, zone->metrics.outbound);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bo_init_process(ngx_cycle_t *cycle)
{
    ngx_http_bo_main_conf_t  *mcf;

    /* The cache manager and loader are no workers. */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_bo_cycle_conf(cycle);

    if (mcf == NULL || !mcf->used) {
        return NGX_OK;
    }

    mcf->store = ngx_bo_store_create(cycle, &mcf->redis, &mcf->pg,
                                     &mcf->limits, mcf->zone);
    if (mcf->store == NULL) {
        return NGX_ERROR;
    }

    if (ngx_bo_outbound_start(cycle, &mcf->outbound) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->auth_sources.nelts
        && ngx_bo_jwks_start(cycle, &mcf->auth_sources, mcf->auth_zone->data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_bo_accounts_start(cycle, mcf);

    mcf->store->tickets = mcf->tickets;

    mcf->store->gateways = &mcf->gateways;

    if (ngx_bo_catalogue_start(mcf->store, ngx_http_bo_catalogue_pages(mcf))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    mcf->hub = ngx_http_bo_hub_create(cycle, mcf);
    if (mcf->hub == NULL) {
        return NGX_ERROR;
    }

    if (ngx_bo_rooms_start(mcf->store, &mcf->rooms) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_bo_bookings_start(mcf->store, &mcf->bookings) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->jobs
        && (ngx_bo_jobs_start(cycle, mcf->store) != NGX_OK
            || ngx_bo_relay_start(cycle, mcf->store, mcf->sinks) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_bo_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_bo_cycle_conf(cycle);

    if (mcf == NULL || mcf->store == NULL) {
        return;
    }

    ngx_bo_relay_stop();
    ngx_bo_jobs_stop();
    ngx_bo_bookings_stop(mcf->store);
    ngx_bo_rooms_stop(mcf->store);

    if (mcf->hub) {
        ngx_http_bo_hub_destroy(mcf->hub);
        mcf->hub = NULL;
    }

    ngx_http_bo_accounts_stop(mcf);
    ngx_bo_jwks_stop(&mcf->auth_sources);
    ngx_bo_outbound_stop(&mcf->outbound);
    ngx_bo_store_destroy(mcf->store);
    mcf->store = NULL;
}
