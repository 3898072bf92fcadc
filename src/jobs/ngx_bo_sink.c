
/*
 * Sinks as the configuration has them.
 */


#include "ngx_bo_sink.h"


typedef struct {
    const char              *name;
    ngx_uint_t               offset;
    ngx_uint_t               time;          /* msec, else a number */
    ngx_int_t                low;
    ngx_int_t                high;
} ngx_bo_sink_number_t;


static ngx_bo_sink_kind_t *ngx_bo_sink_find(ngx_str_t *name);
static char *ngx_bo_sink_options(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_bo_sink_t *sink);
static char *ngx_bo_sink_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value);
static char *ngx_bo_sink_name(ngx_bo_sink_t *sink, ngx_str_t *value);
static char *ngx_bo_sink_types(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *value);
static ngx_uint_t ngx_bo_sink_is_type(u_char *p, u_char *last);
static char *ngx_bo_sink_unique(ngx_array_t *sinks);
static char *ngx_bo_sink_invalid(ngx_conf_t *cf, ngx_command_t *cmd,
    const char *why, ngx_str_t *value);


static ngx_bo_sink_kind_t  *ngx_bo_sink_kinds[] = {
    &ngx_bo_sink_redis,
    &ngx_bo_sink_audit,
    &ngx_bo_sink_webhook,
    &ngx_bo_sink_sqs,
#if (NGX_BO_KAFKA)
    &ngx_bo_sink_kafka,
#endif
    &ngx_bo_sink_sns
};

#define NGX_BO_SINK_KINDS                                                     \
    (sizeof(ngx_bo_sink_kinds) / sizeof(ngx_bo_sink_kinds[0]))


static ngx_bo_sink_number_t  ngx_bo_sink_numbers[] = {
    { "timeout", offsetof(ngx_bo_sink_t, timeout), 1, 1, 600000 },
    { "backoff", offsetof(ngx_bo_sink_t, backoff), 1, 1, 3600000 },
    { "attempts", offsetof(ngx_bo_sink_t, attempts), 0, 1, 1000 },
    { "batch", offsetof(ngx_bo_sink_t, batch), 0, 1, 128 },
    { "inflight", offsetof(ngx_bo_sink_t, inflight), 0, 1, 10000 }
};

#define NGX_BO_SINK_NUMBERS                                                   \
    (sizeof(ngx_bo_sink_numbers) / sizeof(ngx_bo_sink_numbers[0]))


static ngx_bo_sink_kind_t *
ngx_bo_sink_find(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_BO_SINK_KINDS; i++) {
        if (ngx_strcmp(ngx_bo_sink_kinds[i]->name, name->data) == 0) {
            return ngx_bo_sink_kinds[i];
        }
    }

    return NULL;
}


ngx_bo_sink_t *
ngx_bo_sink_add(ngx_conf_t *cf, ngx_array_t **sinks, ngx_bo_sink_kind_t *kind,
    ngx_str_t *name, void *conf)
{
    ngx_bo_sink_t  *sink, **slot;

    if (*sinks == NULL) {
        *sinks = ngx_array_create(cf->pool, 4, sizeof(ngx_bo_sink_t *));
        if (*sinks == NULL) {
            return NULL;
        }
    }

    sink = ngx_pcalloc(cf->pool, sizeof(ngx_bo_sink_t));
    slot = ngx_array_push(*sinks);

    if (sink == NULL || slot == NULL) {
        return NULL;
    }

    *slot = sink;

    sink->kind = kind;
    sink->name = *name;
    sink->conf = conf;
    sink->timeout = 10000;
    sink->attempts = 20;
    sink->backoff = 500;
    sink->batch = kind->direct ? 128 : 1;
    sink->inflight = 64;

    return ngx_bo_sink_unique(*sinks) == NULL ? sink : NULL;
}


ngx_int_t
ngx_bo_sink_default(ngx_conf_t *cf, ngx_array_t **sinks)
{
    ngx_bo_sink_t  *sink;

    static ngx_str_t  name = ngx_string("redis");

    sink = ngx_bo_sink_add(cf, sinks, &ngx_bo_sink_redis, &name, NULL);

    return sink && ngx_bo_sink_redis.complete(cf, sink) == NULL ? NGX_OK
                                                                : NGX_ERROR;
}


char *
ngx_bo_sink_directive(ngx_conf_t *cf, ngx_command_t *cmd, ngx_array_t **sinks,
    ngx_bo_outbound_t *outbound)
{
    char                *why;
    ngx_str_t           *value, name;
    ngx_bo_sink_t       *sink;
    ngx_bo_sink_kind_t  *kind;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        if (cf->args->nelts > 2 || *sinks != NULL) {
            return ngx_bo_sink_invalid(cf, cmd, "\"off\" stands alone",
                                       &value[1]);
        }

        *sinks = ngx_array_create(cf->pool, 1, sizeof(ngx_bo_sink_t *));

        return *sinks == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
    }

    if (*sinks != NULL && (*sinks)->nelts == 0) {
        return ngx_bo_sink_invalid(cf, cmd, "\"off\" stands alone",
                                   &value[1]);
    }

    kind = ngx_bo_sink_find(&value[1]);

#if !(NGX_BO_KAFKA)

    if (ngx_strcmp(value[1].data, "kafka") == 0) {
        return ngx_bo_sink_invalid(cf, cmd, "the module was built without "
                                   "librdkafka", &value[1]);
    }

#endif

    if (kind == NULL) {
        return ngx_bo_sink_invalid(cf, cmd, "there is no such kind of sink",
                                   &value[1]);
    }

    /* until it has another one, its kind is its name */

    if (*sinks != NULL && (*sinks)->nelts == NGX_BO_SINKS_MAX) {
        return ngx_bo_sink_invalid(cf, cmd, "too many sinks", &value[1]);
    }

    ngx_str_null(&name);

    sink = ngx_bo_sink_add(cf, sinks, kind, &name, NULL);
    if (sink == NULL) {
        return NGX_CONF_ERROR;
    }

    sink->name = value[1];
    sink->outbound = outbound;

    if (ngx_bo_sink_options(cf, cmd, sink) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    why = ngx_bo_sink_unique(*sinks);

    if (why == NULL && kind->complete) {
        why = kind->complete(cf, sink);
    }

    return why == NULL ? NGX_CONF_OK
                       : ngx_bo_sink_invalid(cf, cmd, why, &value[1]);
}


static char *
ngx_bo_sink_options(ngx_conf_t *cf, ngx_command_t *cmd, ngx_bo_sink_t *sink)
{
    char        *why;
    u_char      *p;
    ngx_str_t   *value, name, rest;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        p = (u_char *) ngx_strchr(value[i].data, '=');

        if (p == NULL || p == value[i].data || p[1] == '\0') {
            return ngx_bo_sink_invalid(cf, cmd, "invalid parameter",
                                       &value[i]);
        }

        name.data = value[i].data;
        name.len = p - name.data;
        rest.data = p + 1;
        rest.len = value[i].data + value[i].len - rest.data;

        why = ngx_bo_sink_option(cf, sink, &name, &rest);
        if (why != NULL) {
            return ngx_bo_sink_invalid(cf, cmd, why, &value[i]);
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_bo_sink_option(ngx_conf_t *cf, ngx_bo_sink_t *sink, ngx_str_t *name,
    ngx_str_t *value)
{
    char                  *why;
    ngx_int_t              n;
    ngx_uint_t             i;
    ngx_bo_sink_number_t  *number;

    if (name->len == 4 && ngx_strncmp(name->data, "name", 4) == 0) {
        return ngx_bo_sink_name(sink, value);
    }

    if (name->len == 5 && ngx_strncmp(name->data, "types", 5) == 0) {
        return ngx_bo_sink_types(cf, sink, value);
    }

    for (i = 0; i < NGX_BO_SINK_NUMBERS; i++) {
        number = &ngx_bo_sink_numbers[i];

        if (ngx_strlen(number->name) != name->len
            || ngx_strncmp(number->name, name->data, name->len) != 0)
        {
            continue;
        }

        n = number->time ? ngx_parse_time(value, 0)
                         : ngx_atoi(value->data, value->len);

        if (n < number->low || n > number->high) {
            return "invalid value";
        }

        *(ngx_uint_t *) ((u_char *) sink + number->offset) = n;

        return NULL;
    }

    why = sink->kind->option ? sink->kind->option(cf, sink, name, value)
                             : NGX_CONF_UNSET_PTR;

    return why == NGX_CONF_UNSET_PTR ? "unknown parameter" : why;
}


static char *
ngx_bo_sink_name(ngx_bo_sink_t *sink, ngx_str_t *value)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '-'
            && ch != '_')
        {
            break;
        }
    }

    if (i != value->len || value->len > NGX_BO_SINK_NAME_MAX) {
        return "a name is 1 to 24 of a-z, 0-9, \"-\" and \"_\"";
    }

    sink->name = *value;

    return NULL;
}


/* "order.confirmed,payment.*" */

static char *
ngx_bo_sink_types(ngx_conf_t *cf, ngx_bo_sink_t *sink, ngx_str_t *value)
{
    u_char     *p, *last, *end;
    ngx_str_t  *type;

    sink->types = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (sink->types == NULL) {
        return "no memory";
    }

    end = value->data + value->len;

    for (p = value->data; p <= end; p = last + 1) {
        last = ngx_strlchr(p, end, ',');
        if (last == NULL) {
            last = end;
        }

        if (!ngx_bo_sink_is_type(p, last)) {
            return "a type is \"order.confirmed\", \"order.*\" or \"*\"";
        }

        type = ngx_array_push(sink->types);
        if (type == NULL) {
            return "no memory";
        }

        type->data = p;
        type->len = last - p;
    }

    return NULL;
}


/* Words with dots between them; the last one may be '*', also alone. */

static ngx_uint_t
ngx_bo_sink_is_type(u_char *p, u_char *last)
{
    u_char  *part, *begin;

    begin = p;

    for (part = p; p < last; p++) {
        if (*p == '*') {
            return p == part && p + 1 == last;
        }

        if (*p == '.') {
            if (p == part) {
                return 0;
            }

            part = p + 1;
            continue;
        }

        if ((*p < 'a' || *p > 'z') && *p != '_') {
            return 0;
        }
    }

    return part > begin && p > part;
}


ngx_uint_t
ngx_bo_sink_wants(ngx_bo_sink_t *sink, ngx_str_t *type)
{
    size_t       len;
    ngx_str_t   *want;
    ngx_uint_t   i;

    if (sink->types == NULL) {
        return 1;
    }

    want = sink->types->elts;

    for (i = 0; i < sink->types->nelts; i++) {
        len = want[i].len;

        if (want[i].data[len - 1] == '*') {
            len--;

            if (type->len > len
                && ngx_strncmp(type->data, want[i].data, len) == 0)
            {
                return 1;
            }

        } else if (type->len == len
                   && ngx_strncmp(type->data, want[i].data, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The last one against those before it. */

static char *
ngx_bo_sink_unique(ngx_array_t *sinks)
{
    ngx_uint_t       i;
    ngx_bo_sink_t  **sink, *last;

    sink = sinks->elts;
    last = sink[sinks->nelts - 1];

    if (sinks->nelts > NGX_BO_SINKS_MAX) {
        return "too many sinks";
    }

    for (i = 0; i + 1 < sinks->nelts; i++) {
        if (sink[i]->name.len == last->name.len
            && ngx_strncmp(sink[i]->name.data, last->name.data,
                           last->name.len)
               == 0)
        {
            return "another sink has that name, give it one by \"name=\"";
        }
    }

    return NULL;
}


static char *
ngx_bo_sink_invalid(ngx_conf_t *cf, ngx_command_t *cmd, const char *why,
    ngx_str_t *value)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s in \"%V\"",
                       &cmd->name, why, value);
    return NGX_CONF_ERROR;
}
