
/*
 * What sinks have in common that are HTTP servers of others.
 */


#include "ngx_bo_sink_http.h"
#include "store/ngx_bo_file.h"
#include "booking/bo_time.h"


char *
ngx_bo_sink_http_option(ngx_conf_t *cf, ngx_bo_sink_http_t *http,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t  *option;

    if (ngx_bo_sink_is(name, "url")) {
        http->url = *value;
        return NULL;
    }

    if (!ngx_bo_sink_is(name, "ca") && !ngx_bo_sink_is(name, "verify")
        && !ngx_bo_sink_is(name, "connections")
        && !ngx_bo_sink_is(name, "queue"))
    {
        return NGX_CONF_UNSET_PTR;
    }

    /* the peer is made when all is known, and wants them as they are written */

    if (http->options == NULL) {
        http->options = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (http->options == NULL) {
            return "no memory";
        }
    }

    option = ngx_array_push(http->options);
    if (option == NULL) {
        return "no memory";
    }

    option->data = name->data;
    option->len = value->data + value->len - name->data;

    return NULL;
}


char *
ngx_bo_sink_http_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_bo_sink_http_t *http)
{
    char        *error;
    ngx_str_t    name, *option;
    ngx_uint_t   i;

    if (http->url.len == 0) {
        return "\"url=\" is missing";
    }

    name.data = ngx_pnalloc(cf->pool, sizeof("sink-") + sink->name.len);
    if (name.data == NULL) {
        return "no memory";
    }

    name.len = ngx_sprintf(name.data, "sink-%V", &sink->name) - name.data;

    error = ngx_bo_outbound_add(cf, sink->outbound, &name, &http->url,
                                NGX_BO_OUTBOUND_WEB, &http->peer);
    if (error) {
        return error;
    }

    http->peer->timeout = sink->timeout;
    http->peer->most = ngx_min(sink->inflight, 256);

    if (http->options == NULL) {
        return NULL;
    }

    option = http->options->elts;

    for (i = 0; i < http->options->nelts; i++) {
        if (ngx_bo_outbound_option(cf, http->peer, &option[i]) != NGX_OK) {
            return "invalid value of \"ca=\", \"verify=\", \"connections=\" "
                   "or \"queue=\"";
        }
    }

    return NULL;
}


void
ngx_bo_sink_http_failed(ngx_bo_delivery_t *d, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer)
{
    u_char                 error[sizeof("http 999")];
    ngx_bo_sink_result_e   result;

    if (verdict == NGX_BO_NOT_SENT) {
        ngx_bo_sink_done(d, NGX_BO_SINK_AWAY, 0,
                         answer->error ? answer->error : "not sent");
        return;
    }

    if (verdict == NGX_BO_UNKNOWN) {
        ngx_bo_sink_done(d, NGX_BO_SINK_RETRY, 0,
                         answer->error ? answer->error : "no answer");
        return;
    }

    result = answer->status == 413 || answer->status == 422
             ? NGX_BO_SINK_POISON : NGX_BO_SINK_RETRY;

    *ngx_sprintf(error, "http %ui", ngx_min(answer->status, 999)) = '\0';

    ngx_bo_sink_done(d, result, (ngx_uint_t) answer->retry_after,
                     (char *) error);
}


char *
ngx_bo_sink_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text)
{
    char  *error;

    error = ngx_bo_file_read(cf, cf->temp_pool, path, NGX_BO_SINK_FILE_MAX,
                             text);
    if (error) {
        return error;
    }

    return text->len == NGX_BO_SINK_FILE_MAX ? "the file is too large" : NULL;
}


/* None of the texts has anything to escape, and the payload is JSON. */

ngx_int_t
ngx_bo_event_json(ngx_bo_event_t *event, ngx_pool_t *pool, ngx_str_t *text)
{
    u_char  time[BO_TIME_LEN + 1];

    bo_time_format((char *) time, event->created);
    time[BO_TIME_LEN] = '\0';

    text->data = ngx_pnalloc(pool, 160 + NGX_INT_T_LEN + event->id.len
                                   + event->type.len + event->aggregate.len
                                   + event->payload.len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data,
                            "{\"type\":\"%V\",\"timestamp\":\"%s\","
                            "\"id\":\"%V\",\"aggregate\":\"%V\","
                            "\"version\":%ui,\"data\":%V}",
                            &event->type, time, &event->id,
                            &event->aggregate, event->version,
                            &event->payload)
                - text->data;

    return NGX_OK;
}
