
/*
 * Messages to customers: a sink of the outbox that turns an event into mail,
 * text messages and the like.
 *
 * PostgreSQL decides which channel an event goes to next, and notes what came
 * of it (sql/027_notifications.sql); what is here renders, sends, and reads
 * the answer.
 */


#ifndef _NGX_BO_NOTIFY_H_INCLUDED_
#define _NGX_BO_NOTIFY_H_INCLUDED_


#include "ngx_bo_sink.h"
#include "booking/bo_mail.h"
#include "booking/bo_template.h"
#include "net/ngx_bo_outbound.h"


#define NGX_BO_NOTIFY_CHANNELS   8      /* of a configuration */
#define NGX_BO_NOTIFY_NAMES_MAX  32     /* names of values */


/* What a message is about. */

typedef enum {
    NGX_BO_NOTIFY_CONFIRMED = 0,
    NGX_BO_NOTIFY_FAILED,
    NGX_BO_NOTIFY_EXPIRED,
    NGX_BO_NOTIFY_CANCELLED,
    NGX_BO_NOTIFY_SEATS_CANCELLED,
    NGX_BO_NOTIFY_REFUNDED,
    NGX_BO_NOTIFY_EVENTS
} ngx_bo_notify_event_e;


/* In the order of ngx_bo_notify_kinds[]. */

typedef enum {
    NGX_BO_NOTIFY_EMAIL = 0,
    NGX_BO_NOTIFY_SMS,
    NGX_BO_NOTIFY_WHATSAPP,
    NGX_BO_NOTIFY_PUSH
} ngx_bo_notify_kind_e;


/* The texts of an event; the last three are short ones of a kind's own. */

typedef enum {
    NGX_BO_NOTIFY_SUBJECT = 0,
    NGX_BO_NOTIFY_TEXT,
    NGX_BO_NOTIFY_HTML,
    NGX_BO_NOTIFY_SHORT,
    NGX_BO_NOTIFY_SHORT_SMS,
    NGX_BO_NOTIFY_SHORT_WHATSAPP,
    NGX_BO_NOTIFY_SHORT_PUSH,
    NGX_BO_NOTIFY_FORMS
} ngx_bo_notify_form_e;


/* Weekdays from Monday on, then months. */

#define NGX_BO_NOTIFY_WORDS      19


typedef struct {
    ngx_str_t                name;          /* "en", "pt-BR" */
    bo_text_t                words[NGX_BO_NOTIFY_WORDS];

    /* those that there are have a text that is not NULL */
    bo_template_t            texts[NGX_BO_NOTIFY_EVENTS][NGX_BO_NOTIFY_FORMS];
} ngx_bo_notify_language_t;


typedef struct {
    ngx_str_t                name;
    ngx_bo_notify_kind_e     kind;
    ngx_bo_outbound_peer_t  *peer;
    ngx_uint_t               events;        /* bits */
    ngx_msec_t               patience;      /* msec, before a fall-back */
    unsigned                 fallback:1;

    /* email */
    bo_mailbox_t             from;
    ngx_bo_outbound_aws_t   *aws;           /* SES; NULL: SMTP */

    /* the others */
    bo_template_t            body;
    ngx_str_t                type;          /* Content-Type */
    ngx_str_t                idempotency;   /* name of that header */
    ngx_array_t             *headers;       /* of ngx_keyval_t, or NULL */
} ngx_bo_notify_channel_t;


/* What notification_step() is told of the channels that want an event. */

typedef struct {
    ngx_uint_t               n;
    ngx_bo_notify_channel_t *channels[NGX_BO_NOTIFY_CHANNELS];
    ngx_str_t                arrays[5];     /* as PostgreSQL reads them */
} ngx_bo_notify_plan_t;


typedef struct {
    ngx_array_t              channels;      /* of ngx_bo_notify_channel_t * */
    ngx_str_t                path;          /* of the templates */
    ngx_str_t                language;      /* of the house */
    ngx_array_t              languages;     /* of ngx_bo_notify_language_t */
    ngx_bo_notify_language_t  *house;
    ngx_bo_notify_plan_t     plans[NGX_BO_NOTIFY_EVENTS];
} ngx_bo_notify_conf_t;


/* All that a message says; texts are in the pool of the delivery. */

typedef struct {
    ngx_str_t                address;
    ngx_str_t                language;
    ngx_str_t                order;         /* UUID */
    ngx_uint_t               version;
    ngx_str_t                user;
    ngx_str_t                customer;
    uint32_t                 show_no;
    ngx_str_t                movie;
    ngx_str_t                theatre;
    ngx_str_t                place;
    ngx_str_t                screen;
    int64_t                  starts;        /* ms since 1970 */
    int64_t                  ends;
    ngx_str_t                local;         /* "2026-11-29 18:30" */
    ngx_uint_t               weekday;       /* 1: Monday */
    ngx_str_t                timezone;
    ngx_str_t                offset;        /* "+05:30" */
    ngx_str_t                seats;         /* with commas */
    ngx_uint_t               nseats;
    ngx_str_t                changed;       /* likewise */
    int64_t                  amount;
    ngx_str_t                currency;
    int64_t                  refund;        /* 0: nothing */
    ngx_str_t                ticket;
    ngx_str_t                method;
    ngx_uint_t               show_cancelled;
} ngx_bo_notify_facts_t;


extern ngx_str_t                 ngx_bo_notify_types[];
extern const char               *ngx_bo_notify_events[];
extern const char               *ngx_bo_notify_kinds[];
extern const char *const         ngx_bo_notify_names[];
extern const char *const         ngx_bo_notify_body_names[];
extern ngx_bo_sink_kind_t        ngx_bo_sink_notify;


/*
 * conf: the setters of boxoffice_notify and boxoffice_notify_templates, and
 * the end of the configuration, which adds the sink when there are channels.
 */
ngx_bo_notify_conf_t *ngx_bo_notify_conf_create(ngx_conf_t *cf);
char *ngx_bo_notify_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_conf_t *nc, ngx_bo_outbound_t *outbound);
char *ngx_bo_notify_templates_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_conf_t *nc);
ngx_int_t ngx_bo_notify_complete(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_array_t **sinks);

/*
 * templates: a whole file, with a NUL behind it; "optional" means that it need
 * not be there.  NGX_OK, NGX_DECLINED: it is not there, or NGX_ERROR after a
 * message that names it.
 */
ngx_int_t ngx_bo_notify_read_file(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t optional, size_t max, ngx_str_t *text);

/* Reads all languages of the folder; NGX_OK, or NGX_ERROR after a message. */
ngx_int_t ngx_bo_notify_read_templates(ngx_conf_t *cf,
    ngx_bo_notify_conf_t *nc);

/* A template that was read; NGX_OK, or NGX_ERROR after a message. */
ngx_int_t ngx_bo_notify_check_template(ngx_conf_t *cf, ngx_str_t *path,
    bo_template_t *t);

/*
 * message: what is to be sent; files are attached to mail.  NGX_OK;
 * NGX_DECLINED: the address is none; NGX_ERROR: no memory.
 */
ngx_int_t ngx_bo_notify_compose(ngx_bo_notify_conf_t *nc,
    ngx_bo_notify_channel_t *ch, ngx_uint_t event, ngx_bo_event_t *ev,
    ngx_bo_notify_facts_t *facts, ngx_array_t *files, ngx_pool_t *pool,
    ngx_bo_outbound_request_t *request);


#endif /* _NGX_BO_NOTIFY_H_INCLUDED_ */
