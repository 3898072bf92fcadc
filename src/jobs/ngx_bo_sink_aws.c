
/*
 * Queues and topics of AWS:
 *
 *     boxoffice_outbox_sink sqs url=https://sqs... queue=https://... region=...
 *                               credentials=file ...;
 *     boxoffice_outbox_sink sns url=https://sns... topic=arn:... region=...
 *                               credentials=file ...;
 *
 * SQS speaks its JSON protocol, ten messages in a request; SNS takes a form
 * for each.  Requests are signed by libcurl (Signature Version 4).  A queue or
 * a topic whose name ends in ".fifo" keeps the order of a group, which is the
 * aggregate, and drops what comes twice within five minutes, by the event id.
 */


#include "ngx_bo_sink_http.h"

#include <jansson.h>
#include <openssl/crypto.h>


#define NGX_BO_SQS_BATCH  10


typedef struct {
    ngx_bo_sink_http_t       http;
    ngx_str_t                target;        /* the queue's URL, the ARN */
    ngx_str_t                file;
    ngx_uint_t               fifo;
    ngx_bo_outbound_aws_t    keys;
} ngx_bo_aws_t;


/* A request to SQS that is under way. */

typedef struct {
    ngx_uint_t               n;
    ngx_bo_delivery_t       *d[NGX_BO_SQS_BATCH];
} ngx_bo_sqs_batch_t;


static ngx_bo_aws_t *ngx_bo_aws_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static char *ngx_bo_aws_option(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_str_t *name, ngx_str_t *value);
static char *ngx_bo_aws_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    const char *service);
static char *ngx_bo_aws_credentials(ngx_conf_t *cf, ngx_bo_aws_t *aws);
static ngx_int_t ngx_bo_aws_credential(ngx_conf_t *cf, ngx_bo_aws_t *aws,
    u_char *p, u_char *last);
static char *ngx_bo_sqs_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static void ngx_bo_sqs_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n);
static ngx_int_t ngx_bo_sqs_submit(ngx_bo_sink_t *sink,
    ngx_bo_sqs_batch_t *batch);
static json_t *ngx_bo_sqs_message(ngx_bo_aws_t *aws, ngx_bo_event_t *event,
    ngx_uint_t i);
static void ngx_bo_sqs_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);
static void ngx_bo_sqs_read(ngx_bo_sqs_batch_t *batch, json_t *answer);
static ngx_uint_t ngx_bo_sqs_entry(json_t *entry);
static char *ngx_bo_sns_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink);
static void ngx_bo_sns_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n);
static ngx_int_t ngx_bo_sns_submit(ngx_bo_sink_t *sink, ngx_bo_delivery_t *d,
    ngx_pool_t *pool);
static u_char *ngx_bo_sns_field(u_char *p, const char *name,
    ngx_str_t *value);
static void ngx_bo_sns_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);


ngx_bo_sink_kind_t  ngx_bo_sink_sqs = {
    "sqs",
    0,
    ngx_bo_aws_option,
    ngx_bo_sqs_complete,
    NULL,
    NULL,
    ngx_bo_sqs_send
};


ngx_bo_sink_kind_t  ngx_bo_sink_sns = {
    "sns",
    0,
    ngx_bo_aws_option,
    ngx_bo_sns_complete,
    NULL,
    NULL,
    ngx_bo_sns_send
};


static ngx_bo_aws_t *
ngx_bo_aws_conf(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    if (sink->conf == NULL) {
        sink->conf = ngx_pcalloc(cf->pool, sizeof(ngx_bo_aws_t));
    }

    return sink->conf;
}


static char *
ngx_bo_aws_option(ngx_conf_t *cf, ngx_bo_sink_t *sink, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_bo_aws_t  *aws;

    aws = ngx_bo_aws_conf(cf, sink);
    if (aws == NULL) {
        return "no memory";
    }

    if (sink->kind == &ngx_bo_sink_sqs ? ngx_bo_sink_is(name, "queue")
                                       : ngx_bo_sink_is(name, "topic"))
    {
        aws->target = *value;
        return NULL;
    }

    if (ngx_bo_sink_is(name, "region")) {
        aws->keys.region = *value;
        return NULL;
    }

    if (ngx_bo_sink_is(name, "credentials")) {
        aws->file = *value;
        return NULL;
    }

    return ngx_bo_sink_http_option(cf, &aws->http, name, value);
}


static char *
ngx_bo_aws_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink, const char *service)
{
    char          *error;
    ngx_bo_aws_t  *aws;

    aws = ngx_bo_aws_conf(cf, sink);
    if (aws == NULL) {
        return "no memory";
    }

    if (aws->target.len == 0) {
        return sink->kind == &ngx_bo_sink_sqs ? "\"queue=\" is missing"
                                              : "\"topic=\" is missing";
    }

    if (aws->keys.region.len == 0 || aws->file.len == 0) {
        return aws->file.len ? "\"region=\" is missing"
                             : "\"credentials=\" is missing";
    }

    aws->keys.service.data = (u_char *) service;
    aws->keys.service.len = ngx_strlen(service);

    aws->fifo = aws->target.len > 5
                && ngx_strncmp(aws->target.data + aws->target.len - 5,
                               ".fifo", 5)
                   == 0;

    error = ngx_bo_aws_credentials(cf, aws);
    if (error) {
        return error;
    }

    return ngx_bo_sink_http_complete(cf, sink, &aws->http);
}


/* As ~/.aws/credentials has them; the first of each name counts. */

static char *
ngx_bo_aws_credentials(ngx_conf_t *cf, ngx_bo_aws_t *aws)
{
    char       *error;
    u_char     *p, *end, *last;
    ngx_str_t   text;

    error = ngx_bo_sink_file(cf, &aws->file, &text);
    if (error) {
        return error;
    }

    last = text.data + text.len;

    for (p = text.data; p < last && error == NULL; p = end + 1) {
        end = ngx_strlchr(p, last, '\n');
        if (end == NULL) {
            end = last;
        }

        if (ngx_bo_aws_credential(cf, aws, p, end) != NGX_OK) {
            error = "no memory";
        }
    }

    OPENSSL_cleanse(text.data, text.len);

    if (error == NULL
        && (aws->keys.access_key.len == 0 || aws->keys.secret_key.len == 0))
    {
        return "the file has no aws_access_key_id and aws_secret_access_key";
    }

    return error;
}


static ngx_int_t
ngx_bo_aws_credential(ngx_conf_t *cf, ngx_bo_aws_t *aws, u_char *p,
    u_char *last)
{
    u_char      *eq, *end;
    ngx_str_t    name, value;
    ngx_uint_t   i;

    struct {
        const char  *name;
        ngx_str_t   *value;
    } keys[] = {
        { "aws_access_key_id", &aws->keys.access_key },
        { "aws_secret_access_key", &aws->keys.secret_key },
        { "aws_session_token", &aws->keys.session_token }
    };

    eq = ngx_strlchr(p, last, '=');
    if (eq == NULL) {
        return NGX_OK;
    }

    for (end = eq; end > p && end[-1] == ' '; end--) { /* void */ }

    name.data = p;
    name.len = end - p;

    for (eq++; eq < last && *eq == ' '; eq++) { /* void */ }
    while (last > eq && (last[-1] == ' ' || last[-1] == '\r')) { last--; }

    value.data = eq;
    value.len = last - eq;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (ngx_strlen(keys[i].name) == name.len
            && ngx_strncmp(keys[i].name, name.data, name.len) == 0
            && keys[i].value->len == 0)
        {
            keys[i].value->len = value.len;
            keys[i].value->data = ngx_pstrdup(cf->pool, &value);
            return keys[i].value->data ? NGX_OK : NGX_ERROR;
        }
    }

    return NGX_OK;
}


static char *
ngx_bo_sqs_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    sink->batch = NGX_BO_SQS_BATCH;

    return ngx_bo_aws_complete(cf, sink, "sqs");
}


static void
ngx_bo_sqs_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_bo_sqs_batch_t  *batch;

    batch = ngx_alloc(sizeof(ngx_bo_sqs_batch_t), sink->store->log);

    if (batch != NULL) {
        batch->n = n;
        ngx_memcpy(batch->d, d, n * sizeof(ngx_bo_delivery_t *));

        if (ngx_bo_sqs_submit(sink, batch) == NGX_OK) {
            return;
        }

        ngx_free(batch);
    }

    for (i = 0; i < n; i++) {
        ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "the client is busy");
    }
}


static ngx_int_t
ngx_bo_sqs_submit(ngx_bo_sink_t *sink, ngx_bo_sqs_batch_t *batch)
{
    char                       *text;
    json_t                     *body, *entries;
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_bo_aws_t               *aws = sink->conf;
    ngx_bo_outbound_request_t   request;

    static ngx_keyval_t  headers[] = {
        { ngx_string("Content-Type"),
          ngx_string("application/x-amz-json-1.0") },
        { ngx_string("X-Amz-Target"),
          ngx_string("AmazonSQS.SendMessageBatch") }
    };

    entries = json_array();

    for (i = 0; i < batch->n; i++) {
        json_array_append_new(entries,
                              ngx_bo_sqs_message(aws, &batch->d[i]->event,
                                                 i));
    }

    body = json_pack("{s:s%, s:o}", "QueueUrl", aws->target.data,
                     aws->target.len, "Entries", entries);

    text = body && json_array_size(entries) == batch->n
           ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);

    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&request, sizeof(ngx_bo_outbound_request_t));

    ngx_str_set(&request.method, "POST");
    ngx_str_set(&request.path, "/");
    request.headers = headers;
    request.nheaders = 2;
    request.aws = &aws->keys;
    request.body.data = (u_char *) text;
    request.body.len = ngx_strlen(text);

    rc = ngx_bo_outbound_submit(aws->http.peer, &request,
                                ngx_bo_sqs_answered, batch)
         ? NGX_OK : NGX_ERROR;

    free(text);

    return rc;
}


static json_t *
ngx_bo_sqs_message(ngx_bo_aws_t *aws, ngx_bo_event_t *event, ngx_uint_t i)
{
    char         id[2] = { (char) ('0' + i), '\0' };
    json_t      *message;
    ngx_str_t    text;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    if (ngx_bo_event_json(event, pool, &text) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    message = json_pack("{s:s, s:s%, s:{s:{s:s, s:s%}}}",
                        "Id", id, "MessageBody", text.data, text.len,
                        "MessageAttributes", "type", "DataType", "String",
                        "StringValue", event->type.data, event->type.len);

    if (message && aws->fifo) {
        json_object_set_new(message, "MessageGroupId",
                            json_stringn((char *) event->aggregate.data,
                                         event->aggregate.len));
        json_object_set_new(message, "MessageDeduplicationId",
                            json_stringn((char *) event->id.data,
                                         event->id.len));
    }

    ngx_destroy_pool(pool);

    return message;
}


static void
ngx_bo_sqs_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    ngx_bo_sqs_batch_t *batch = data;

    json_t      *json;
    ngx_uint_t   i;

    json = ngx_bo_sink_http_ok(verdict, answer)
           ? json_loadb((char *) answer->body.data, answer->body.len,
                        JSON_REJECT_DUPLICATES, NULL)
           : NULL;

    if (json != NULL) {
        ngx_bo_sqs_read(batch, json);
        json_decref(json);
    }

    /* What was not spoken of; after a 2xx that is strange, but may pass. */

    for (i = 0; i < batch->n; i++) {
        if (batch->d[i] == NULL) {
            continue;
        }

        if (ngx_bo_sink_http_ok(verdict, answer)) {
            ngx_bo_sink_done(batch->d[i], NGX_BO_SINK_RETRY, 0,
                             "not in the answer");

        } else {
            ngx_bo_sink_http_failed(batch->d[i], verdict, answer);
        }
    }

    ngx_free(batch);
}


/* {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "..."}]} */

static void
ngx_bo_sqs_read(ngx_bo_sqs_batch_t *batch, json_t *answer)
{
    size_t       k;
    json_t      *entry;
    const char  *code;
    ngx_uint_t   i;

    json_array_foreach(json_object_get(answer, "Successful"), k, entry) {
        i = ngx_bo_sqs_entry(entry);

        if (i < batch->n && batch->d[i]) {
            ngx_bo_sink_done(batch->d[i], NGX_BO_SINK_DELIVERED, 0, NULL);
            batch->d[i] = NULL;
        }
    }

    json_array_foreach(json_object_get(answer, "Failed"), k, entry) {
        i = ngx_bo_sqs_entry(entry);
        code = json_string_value(json_object_get(entry, "Code"));

        if (i < batch->n && batch->d[i]) {
            ngx_bo_sink_done(batch->d[i],
                             json_is_true(json_object_get(entry,
                                                          "SenderFault"))
                             ? NGX_BO_SINK_POISON : NGX_BO_SINK_RETRY,
                             0, code ? code : "refused");
            batch->d[i] = NULL;
        }
    }
}


static ngx_uint_t
ngx_bo_sqs_entry(json_t *entry)
{
    const char  *id;

    id = json_string_value(json_object_get(entry, "Id"));

    return id && id[0] >= '0' && id[0] <= '9' && id[1] == '\0'
           ? (ngx_uint_t) (id[0] - '0') : NGX_BO_SQS_BATCH;
}


static char *
ngx_bo_sns_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink)
{
    return ngx_bo_aws_complete(cf, sink, "sns");
}


static void
ngx_bo_sns_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d, ngx_uint_t n)
{
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    for (i = 0; i < n; i++) {
        pool = ngx_create_pool(8192, sink->store->log);

        if (pool == NULL || ngx_bo_sns_submit(sink, d[i], pool) != NGX_OK) {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "the client is busy");
        }

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }
}


static ngx_int_t
ngx_bo_sns_submit(ngx_bo_sink_t *sink, ngx_bo_delivery_t *d, ngx_pool_t *pool)
{
    u_char                     *p;
    ngx_str_t                   message;
    ngx_bo_aws_t               *aws = sink->conf;
    ngx_bo_outbound_request_t   request;

    static ngx_keyval_t  headers[] = {
        { ngx_string("Content-Type"),
          ngx_string("application/x-www-form-urlencoded") }
    };

    if (ngx_bo_event_json(&d->event, pool, &message) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, 512 + 3 * (aws->target.len + message.len
                                     + d->event.type.len + d->event.id.len
                                     + d->event.aggregate.len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&request, sizeof(ngx_bo_outbound_request_t));
    request.body.data = p;

    p = ngx_sprintf(p, "Action=Publish&Version=2010-03-31");
    p = ngx_bo_sns_field(p, "TopicArn", &aws->target);
    p = ngx_bo_sns_field(p, "Message", &message);
    p = ngx_sprintf(p, "&MessageAttributes.entry.1.Name=type"
                       "&MessageAttributes.entry.1.Value.DataType=String");
    p = ngx_bo_sns_field(p, "MessageAttributes.entry.1.Value.StringValue",
                         &d->event.type);

    if (aws->fifo) {
        p = ngx_bo_sns_field(p, "MessageGroupId", &d->event.aggregate);
        p = ngx_bo_sns_field(p, "MessageDeduplicationId", &d->event.id);
    }

    request.body.len = p - request.body.data;

    ngx_str_set(&request.method, "POST");
    ngx_str_set(&request.path, "/");
    request.headers = headers;
    request.nheaders = 1;
    request.aws = &aws->keys;

    return ngx_bo_outbound_submit(aws->http.peer, &request,
                                  ngx_bo_sns_answered, d)
           ? NGX_OK : NGX_ERROR;
}


static u_char *
ngx_bo_sns_field(u_char *p, const char *name, ngx_str_t *value)
{
    p = ngx_sprintf(p, "&%s=", name);

    return (u_char *) ngx_escape_uri(p, value->data, value->len,
                                     NGX_ESCAPE_URI_COMPONENT);
}


static void
ngx_bo_sns_answered(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    if (ngx_bo_sink_http_ok(verdict, answer)) {
        ngx_bo_sink_done(data, NGX_BO_SINK_DELIVERED, 0, NULL);
        return;
    }

    ngx_bo_sink_http_failed(data, verdict, answer);
}
