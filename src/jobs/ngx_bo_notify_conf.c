
/*
 * boxoffice_notify and boxoffice_notify_templates.
 */


#include "ngx_bo_notify.h"

#include <jansson.h>


#define NGX_BO_NOTIFY_NAME_MAX    20        /* with "notify-" a peer's name */
#define NGX_BO_NOTIFY_SECRET_MAX  8192      /* bytes of a file of secrets */

/* msec that a try may take beyond the deadline of its server, PostgreSQL's */

#define NGX_BO_NOTIFY_MARGIN      8000


/* An option: its name with the "=", and what takes its value. */

typedef char *(*ngx_bo_notify_set_pt)(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);

typedef struct {
    ngx_str_t                name;
    ngx_bo_notify_set_pt     set;
    ngx_uint_t               kinds;         /* 1: mail, 2: the others */
} ngx_bo_notify_option_t;


static ngx_int_t ngx_bo_notify_kind(ngx_str_t *value);
static ngx_uint_t ngx_bo_notify_is_ses(ngx_conf_t *cf);
static char *ngx_bo_notify_name(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch);
static char *ngx_bo_notify_options(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_channel_t *ch);
static ngx_int_t ngx_bo_notify_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_name(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_from(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_login(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_credentials(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static void ngx_bo_notify_credential(ngx_bo_outbound_aws_t *aws,
    ngx_str_t *name, ngx_str_t *value);
static ngx_bo_outbound_aws_t *ngx_bo_notify_aws(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch);
static char *ngx_bo_notify_set_region(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_body(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static ngx_uint_t ngx_bo_notify_is_json(ngx_conf_t *cf, bo_template_t *t,
    const char *value);
static char *ngx_bo_notify_set_headers(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_idempotency(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_patience(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static char *ngx_bo_notify_set_events(ngx_conf_t *cf,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value);
static ngx_int_t ngx_bo_notify_secret(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *text);
static ngx_int_t ngx_bo_notify_line(ngx_str_t *text, ngx_str_t *line);
static ngx_uint_t ngx_bo_notify_is_token(ngx_str_t *s);
static char *ngx_bo_notify_invalid(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, const char *why);
static ngx_int_t ngx_bo_notify_plan(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_uint_t event);


const char  *ngx_bo_notify_kinds[] = {
    "email", "sms", "whatsapp", "push", NULL
};


#define NGX_BO_NOTIFY_MAIL  1
#define NGX_BO_NOTIFY_WEB   2

static ngx_bo_notify_option_t  ngx_bo_notify_option_table[] = {
    { ngx_string("name="), ngx_bo_notify_set_name, 3 },
    { ngx_string("patience="), ngx_bo_notify_set_patience, 3 },
    { ngx_string("events="), ngx_bo_notify_set_events, 3 },
    { ngx_string("from="), ngx_bo_notify_set_from, NGX_BO_NOTIFY_MAIL },
    { ngx_string("login="), ngx_bo_notify_set_login, NGX_BO_NOTIFY_MAIL },
    { ngx_string("credentials="), ngx_bo_notify_set_credentials,
      NGX_BO_NOTIFY_MAIL },
    { ngx_string("region="), ngx_bo_notify_set_region, NGX_BO_NOTIFY_MAIL },
    { ngx_string("body="), ngx_bo_notify_set_body, NGX_BO_NOTIFY_WEB },
    { ngx_string("headers="), ngx_bo_notify_set_headers, NGX_BO_NOTIFY_WEB },
    { ngx_string("idempotency="), ngx_bo_notify_set_idempotency,
      NGX_BO_NOTIFY_WEB },
    { ngx_null_string, NULL, 0 }
};


ngx_bo_notify_conf_t *
ngx_bo_notify_conf_create(ngx_conf_t *cf)
{
    ngx_bo_notify_conf_t  *nc;

    nc = ngx_pcalloc(cf->pool, sizeof(ngx_bo_notify_conf_t));
    if (nc == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     nc->path = { 0, NULL };
     *     nc->language = { 0, NULL };
     *     nc->house = NULL;
     *     nc->plans = { 0 };
     */

    if (ngx_array_init(&nc->channels, cf->pool, 4,
                       sizeof(ngx_bo_notify_channel_t *))
        != NGX_OK
        || ngx_array_init(&nc->languages, cf->pool, 2,
                          sizeof(ngx_bo_notify_language_t))
           != NGX_OK)
    {
        return NULL;
    }

    return nc;
}


/* boxoffice_notify_templates path [language=tag]; */

char *
ngx_bo_notify_templates_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_conf_t *nc)
{
    ngx_str_t  *value;

    if (nc->path.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    nc->path = value[1];

    if (nc->path.len == 0
        || ngx_conf_full_name(cf->cycle, &nc->path, 1) != NGX_OK)
    {
        return ngx_bo_notify_invalid(cf, cmd, &value[1], "no path");
    }

    ngx_str_set(&nc->language, "en");

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (value[2].len <= 9 || ngx_strncmp(value[2].data, "language=", 9) != 0) {
        return ngx_bo_notify_invalid(cf, cmd, &value[2], "invalid parameter");
    }

    nc->language.data = value[2].data + 9;
    nc->language.len = value[2].len - 9;

    return NGX_CONF_OK;
}


/* boxoffice_notify kind url [parameter ...]; */

char *
ngx_bo_notify_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_conf_t *nc, ngx_bo_outbound_t *outbound)
{
    char                      *error;
    ngx_int_t                  kind;
    ngx_str_t                 *value, peer;
    ngx_uint_t                 schemes;
    ngx_bo_notify_channel_t   *ch, **slot;

    value = cf->args->elts;

    kind = ngx_bo_notify_kind(&value[1]);
    if (kind == NGX_ERROR) {
        return ngx_bo_notify_invalid(cf, cmd, &value[1], "there is no such "
                                     "kind of channel");
    }

    if (nc->channels.nelts == NGX_BO_NOTIFY_CHANNELS) {
        return ngx_bo_notify_invalid(cf, cmd, &value[1],
                                     "there are 8 channels already");
    }

    ch = ngx_pcalloc(cf->pool, sizeof(ngx_bo_notify_channel_t));
    slot = ngx_array_push(&nc->channels);

    if (ch == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = ch;

    ch->kind = kind;
    ch->name = value[1];
    ch->patience = 600000;
    ch->events = (1 << NGX_BO_NOTIFY_EVENTS) - 1;
    ngx_str_set(&ch->idempotency, "Idempotency-Key");

    error = ngx_bo_notify_name(cf, ch);
    if (error) {
        return ngx_bo_notify_invalid(cf, cmd, &ch->name, error);
    }

    schemes = ch->kind == NGX_BO_NOTIFY_EMAIL && !ngx_bo_notify_is_ses(cf)
              ? NGX_BO_OUTBOUND_MAIL : NGX_BO_OUTBOUND_WEB;

    peer.data = ngx_pnalloc(cf->pool, sizeof("notify-") + ch->name.len);
    if (peer.data == NULL) {
        return NGX_CONF_ERROR;
    }

    peer.len = ngx_sprintf(peer.data, "notify-%V", &ch->name) - peer.data;

    error = ngx_bo_outbound_add(cf, outbound, &peer, &value[2], schemes,
                                &ch->peer);
    if (error) {
        return ngx_bo_notify_invalid(cf, cmd, &value[2], error);
    }

    return ngx_bo_notify_options(cf, cmd, ch);
}


static ngx_int_t
ngx_bo_notify_kind(ngx_str_t *value)
{
    ngx_int_t  i;

    for (i = 0; ngx_bo_notify_kinds[i]; i++) {
        if (ngx_strcmp(value->data, ngx_bo_notify_kinds[i]) == 0) {
            return i;
        }
    }

    return NGX_ERROR;
}


/* The keys of AWS say that it is SES, whose URL is another one. */

static ngx_uint_t
ngx_bo_notify_is_ses(ngx_conf_t *cf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "credentials=", 12) == 0) {
            return 1;
        }
    }

    return 0;
}


/* The name is the key of notifications: it says which one was used. */

static char *
ngx_bo_notify_name(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch)
{
    u_char       c;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "name=", 5) == 0) {
            ch->name.data = value[i].data + 5;
            ch->name.len = value[i].len - 5;
        }
    }

    if (ch->name.len == 0 || ch->name.len > NGX_BO_NOTIFY_NAME_MAX) {
        return "a name has 1 to 20 characters";
    }

    for (i = 0; i < ch->name.len; i++) {
        c = ch->name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || c == '_'))
        {
            return "a name is of a-z, 0-9, \"-\" and \"_\"";
        }
    }

    return NULL;
}


static char *
ngx_bo_notify_options(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_channel_t *ch)
{
    ngx_str_t   *value, name;
    ngx_uint_t   i;

    value = cf->args->elts;
    name = value[1];

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_bo_notify_option(cf, cmd, ch, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ch->kind != NGX_BO_NOTIFY_EMAIL) {
        return ch->body.text.data ? NGX_CONF_OK
               : ngx_bo_notify_invalid(cf, cmd, &name, "\"body=\" is missing");
    }

    if (ch->from.address.len == 0) {
        return ngx_bo_notify_invalid(cf, cmd, &name, "\"from=\" is missing");
    }

    if (ch->aws == NULL) {
        return NGX_CONF_OK;
    }

    if (ch->aws->region.len == 0 || ch->aws->access_key.len == 0) {
        return ngx_bo_notify_invalid(cf, cmd, &name,
                                     "SES needs \"credentials=\" and "
                                     "\"region=\"");
    }

    return ch->peer->username.len == 0 ? NGX_CONF_OK
           : ngx_bo_notify_invalid(cf, cmd, &name,
                                   "SES has no \"login=\"");
}


/* NGX_OK, or NGX_ERROR after a message. */

static ngx_int_t
ngx_bo_notify_option(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_notify_channel_t *ch, ngx_str_t *value)
{
    char                    *error;
    ngx_int_t                rc;
    ngx_str_t                rest;
    ngx_uint_t               kind;
    ngx_bo_notify_option_t  *o;

    if (ngx_strcmp(value->data, "fallback") == 0) {
        ch->fallback = 1;
        return NGX_OK;
    }

    rc = ngx_bo_outbound_option(cf, ch->peer, value);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    kind = ch->kind == NGX_BO_NOTIFY_EMAIL ? NGX_BO_NOTIFY_MAIL
                                           : NGX_BO_NOTIFY_WEB;

    for (o = ngx_bo_notify_option_table; rc == NGX_DECLINED && o->name.len;
         o++)
    {
        if (!(o->kinds & kind) || value->len <= o->name.len
            || ngx_strncmp(value->data, o->name.data, o->name.len) != 0)
        {
            continue;
        }

        rest.data = value->data + o->name.len;
        rest.len = value->len - o->name.len;

        error = o->set(cf, ch, &rest);

        if (error == NULL) {
            return NGX_OK;
        }

        if (error != NGX_CONF_ERROR) {
            (void) ngx_bo_notify_invalid(cf, cmd, value, error);
        }

        return NGX_ERROR;
    }

    (void) ngx_bo_notify_invalid(cf, cmd, value, "invalid parameter");

    return NGX_ERROR;
}


/* See ngx_bo_notify_name(): it was needed before. */

static char *
ngx_bo_notify_set_name(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    return NULL;
}


static char *
ngx_bo_notify_set_from(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    return bo_mailbox_parse(&ch->from, (char *) value->data, value->len) == 0
           ? NULL
           : "it must be an address, or \"name <address>\"";
}


/* A file of one line, "user:password". */

static char *
ngx_bo_notify_set_login(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   text, line;

    if (ngx_bo_notify_secret(cf, value, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_bo_notify_line(&text, &line) != NGX_OK
        || (p = ngx_strlchr(line.data, line.data + line.len, ':')) == NULL
        || p == line.data || p + 1 == line.data + line.len)
    {
        return "the file must be a line \"user:password\"";
    }

    ch->peer->username.data = line.data;
    ch->peer->username.len = p - line.data;
    ch->peer->password.data = p + 1;
    ch->peer->password.len = line.data + line.len - p - 1;

    return NULL;
}


/* A file as ~/.aws/credentials has it; the first of each name counts. */

static char *
ngx_bo_notify_set_credentials(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    u_char     *eq, *p;
    ngx_str_t   text, line, name;

    if (ngx_bo_notify_secret(cf, value, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_bo_notify_aws(cf, ch) == NULL) {
        return NGX_CONF_ERROR;
    }

    while (ngx_bo_notify_line(&text, &line) == NGX_OK) {
        eq = ngx_strlchr(line.data, line.data + line.len, '=');

        if (eq == NULL) {
            continue;
        }

        for (p = eq; p > line.data && p[-1] == ' '; p--) { /* void */ }

        name.data = line.data;
        name.len = p - line.data;

        for (p = eq + 1; p < line.data + line.len && *p == ' '; p++) {
            /* void */
        }

        line.len -= p - line.data;
        line.data = p;

        ngx_bo_notify_credential(ch->aws, &name, &line);
    }

    return ch->aws->access_key.len && ch->aws->secret_key.len ? NULL
           : "the file has no aws_access_key_id and aws_secret_access_key";
}


static void
ngx_bo_notify_credential(ngx_bo_outbound_aws_t *aws, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    struct {
        ngx_str_t    name;
        ngx_str_t   *value;
    } keys[] = {
        { ngx_string("aws_access_key_id"), &aws->access_key },
        { ngx_string("aws_secret_access_key"), &aws->secret_key },
        { ngx_string("aws_session_token"), &aws->session_token }
    };

    while (value->len && value->data[value->len - 1] == ' ') {
        value->len--;
    }

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].name.len == name->len
            && ngx_strncmp(keys[i].name.data, name->data, name->len) == 0
            && keys[i].value->len == 0)
        {
            *keys[i].value = *value;
        }
    }
}


static ngx_bo_outbound_aws_t *
ngx_bo_notify_aws(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch)
{
    if (ch->aws == NULL) {
        ch->aws = ngx_pcalloc(cf->pool, sizeof(ngx_bo_outbound_aws_t));

        if (ch->aws) {
            ngx_str_set(&ch->aws->service, "ses");
        }
    }

    return ch->aws;
}


static char *
ngx_bo_notify_set_region(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    if (!ngx_bo_notify_is_token(value)) {
        return "a region is of a-z, 0-9 and \"-\"";
    }

    if (ngx_bo_notify_aws(cf, ch) == NULL) {
        return NGX_CONF_ERROR;
    }

    ch->aws->region = *value;

    return NULL;
}


/* The end of the file's name says how values are escaped in it. */

static char *
ngx_bo_notify_set_body(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    ngx_str_t  text, path;

    path = *value;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (path.len > 5
        && ngx_strcmp(path.data + path.len - 5, ".json") == 0)
    {
        ch->body.kind = BO_TEMPLATE_JSON;
        ngx_str_set(&ch->type, "application/json");

    } else if (path.len > 5
               && ngx_strcmp(path.data + path.len - 5, ".form") == 0)
    {
        ch->body.kind = BO_TEMPLATE_URL;
        ngx_str_set(&ch->type, "application/x-www-form-urlencoded");

    } else {
        return "the file's name must end in \".json\" or \".form\"";
    }

    if (ngx_bo_notify_read_file(cf, &path, 0, BO_TEMPLATE_MAX, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    while (text.len && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    ch->body.text.data = (char *) text.data;
    ch->body.text.len = text.len;
    ch->body.names = ngx_bo_notify_body_names;

    if (ngx_bo_notify_check_template(cf, &path, &ch->body) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ch->body.kind == BO_TEMPLATE_JSON
        && (!ngx_bo_notify_is_json(cf, &ch->body, "x")
            || !ngx_bo_notify_is_json(cf, &ch->body, "")))
    {
        return "it makes no JSON";
    }

    return NULL;
}


/* Whether it is when every value is this one; any other is escaped. */

static ngx_uint_t
ngx_bo_notify_is_json(ngx_conf_t *cf, bo_template_t *t, const char *value)
{
    json_t      *root;
    bo_out_t     out;
    bo_text_t    values[NGX_BO_NOTIFY_NAMES_MAX];
    ngx_uint_t   i;

    for (i = 0; i < NGX_BO_NOTIFY_NAMES_MAX; i++) {
        values[i].data = value;
        values[i].len = ngx_strlen(value);
    }

    out.p = NULL;
    out.len = 0;
    bo_template_render(&out, t, values);

    out.p = ngx_pnalloc(cf->temp_pool, out.len + 1);
    if (out.p == NULL) {
        return 0;
    }

    out.len = 0;
    bo_template_render(&out, t, values);

    root = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
    json_decref(root);

    return root != NULL;
}


/* A file of lines "Name: value". */

static char *
ngx_bo_notify_set_headers(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    u_char        *p;
    ngx_str_t      text, line;
    ngx_keyval_t  *kv;

    if (ngx_bo_notify_secret(cf, value, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ch->headers = ngx_array_create(cf->pool, 2, sizeof(ngx_keyval_t));
    if (ch->headers == NULL) {
        return NGX_CONF_ERROR;
    }

    while (ngx_bo_notify_line(&text, &line) == NGX_OK) {
        p = ngx_strlchr(line.data, line.data + line.len, ':');
        kv = ngx_array_push(ch->headers);

        if (kv == NULL) {
            return NGX_CONF_ERROR;
        }

        if (p == NULL) {
            return "the lines of the file must be \"Name: value\"";
        }

        kv->key.data = line.data;
        kv->key.len = p++ - line.data;

        while (p < line.data + line.len && *p == ' ') {
            p++;
        }

        kv->value.data = p;
        kv->value.len = line.data + line.len - p;

        if (!ngx_bo_notify_is_token(&kv->key) || kv->value.len == 0) {
            return "the lines of the file must be \"Name: value\"";
        }
    }

    return NULL;
}


static char *
ngx_bo_notify_set_idempotency(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    if (!ngx_bo_notify_is_token(value)) {
        return "it must be the name of a header";
    }

    ch->idempotency = *value;

    return NULL;
}


static char *
ngx_bo_notify_set_patience(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);
    ch->patience = n;

    return n == NGX_ERROR ? "invalid time" : NULL;
}


static char *
ngx_bo_notify_set_events(ngx_conf_t *cf, ngx_bo_notify_channel_t *ch,
    ngx_str_t *value)
{
    u_char      *p, *last, *end;
    ngx_uint_t   i;

    ch->events = 0;
    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {
        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        for (i = 0; i < NGX_BO_NOTIFY_EVENTS; i++) {
            if (ngx_strlen(ngx_bo_notify_events[i]) == (size_t) (end - p)
                && ngx_strncmp(ngx_bo_notify_events[i], p, end - p) == 0)
            {
                break;
            }
        }

        if (i == NGX_BO_NOTIFY_EVENTS) {
            return "events are confirmed, failed, expired, cancelled, "
                   "seats-cancelled and refunded";
        }

        ch->events |= 1 << i;
    }

    return NULL;
}


static ngx_int_t
ngx_bo_notify_secret(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *text)
{
    ngx_str_t  path;

    path = *value;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_bo_notify_read_file(cf, &path, 0, NGX_BO_NOTIFY_SECRET_MAX,
                                   text);
}


/* Takes the next line that is not empty; NGX_DECLINED when there is none. */

static ngx_int_t
ngx_bo_notify_line(ngx_str_t *text, ngx_str_t *line)
{
    u_char  *last, *end;

    last = text->data + text->len;

    while (text->data < last) {
        line->data = text->data;
        end = ngx_strlchr(text->data, last, '\n');

        if (end == NULL) {
            end = last;
        }

        line->len = end - line->data;

        if (line->len && line->data[line->len - 1] == '\r') {
            line->len--;
        }

        text->data = end < last ? end + 1 : last;
        text->len = last - text->data;

        if (line->len) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* Letters, digits, "-" and "_": names of headers, of regions. */

static ngx_uint_t
ngx_bo_notify_is_token(ngx_str_t *s)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!(((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return 0;
        }
    }

    return s->len != 0;
}


static char *
ngx_bo_notify_invalid(ngx_conf_t *cf, ngx_command_t *cmd, ngx_str_t *value,
    const char *why)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s in \"%V\"",
                       &cmd->name, why, value);
    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_bo_notify_complete(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_array_t **sinks)
{
    ngx_str_t                 *type;
    ngx_uint_t                 i;
    ngx_bo_sink_t             *sink;
    ngx_bo_notify_channel_t  **ch;

    static ngx_str_t  name = ngx_string("notify");

    if (nc->path.len == 0) {
        if (nc->channels.nelts == 0) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_notify\" needs "
                           "\"boxoffice_notify_templates\"");
        return NGX_ERROR;
    }

    if (ngx_bo_notify_read_templates(cf, nc) != NGX_OK) {
        return NGX_ERROR;
    }

    if (nc->channels.nelts == 0) {
        return NGX_OK;
    }

    sink = ngx_bo_sink_add(cf, sinks, &ngx_bo_sink_notify, &name, nc);
    if (sink == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"boxoffice_notify\": there are too many sinks, "
                           "or one is called \"notify\"");
        return NGX_ERROR;
    }

    /* each channel has one try in a delivery */

    sink->timeout = NGX_BO_NOTIFY_MARGIN;
    ch = nc->channels.elts;

    for (i = 0; i < nc->channels.nelts; i++) {
        sink->timeout += ch[i]->peer->timeout + NGX_BO_NOTIFY_MARGIN;
    }

    sink->types = ngx_array_create(cf->pool, NGX_BO_NOTIFY_EVENTS,
                                   sizeof(ngx_str_t));
    if (sink->types == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_BO_NOTIFY_EVENTS; i++) {

        if (ngx_bo_notify_plan(cf, nc, i) != NGX_OK) {
            return NGX_ERROR;
        }

        if (nc->plans[i].n) {
            type = ngx_array_push(sink->types);
            if (type == NULL) {
                return NGX_ERROR;
            }

            *type = ngx_bo_notify_types[i];
        }
    }

    return NGX_OK;
}


/* The channels of an event, as the arrays that notification_step() takes. */

static ngx_int_t
ngx_bo_notify_plan(ngx_conf_t *cf, ngx_bo_notify_conf_t *nc,
    ngx_uint_t event)
{
    u_char                    *p[5];
    ngx_uint_t                 i, k;
    ngx_bo_notify_plan_t      *plan;
    ngx_bo_notify_channel_t  **ch;

    plan = &nc->plans[event];
    ch = nc->channels.elts;

    for (k = 0; k < 5; k++) {
        p[k] = ngx_pnalloc(cf->pool, nc->channels.nelts * 32 + 2);
        if (p[k] == NULL) {
            return NGX_ERROR;
        }

        plan->arrays[k].data = p[k];
        *p[k]++ = '{';
    }

    for (i = 0; i < nc->channels.nelts; i++) {

        if (!(ch[i]->events & (1 << event))) {
            continue;
        }

        p[0] = ngx_sprintf(p[0], "%V,", &ch[i]->name);
        p[1] = ngx_sprintf(p[1], "%s,", ngx_bo_notify_kinds[ch[i]->kind]);
        p[2] = ngx_sprintf(p[2], "%s,", ch[i]->fallback ? "t" : "f");
        p[3] = ngx_sprintf(p[3], "%M,", ch[i]->patience);
        p[4] = ngx_sprintf(p[4], "%M,",
                           ch[i]->peer->timeout + NGX_BO_NOTIFY_MARGIN);

        plan->channels[plan->n++] = ch[i];
    }

    for (k = 0; k < 5; k++) {

        if (plan->n) {
            p[k]--;
        }

        *p[k]++ = '}';
        plan->arrays[k].len = p[k] - plan->arrays[k].data;
    }

    return NGX_OK;
}
