
/*
 * What sinks have in common that are HTTP servers of others.
 */


#ifndef _NGX_BO_SINK_HTTP_H_INCLUDED_
#define _NGX_BO_SINK_HTTP_H_INCLUDED_


#include "ngx_bo_sink.h"


#define NGX_BO_SINK_FILE_MAX  16384     /* of secrets and credentials */


typedef struct {
    ngx_str_t                url;
    ngx_array_t             *options;       /* ngx_str_t, the peer's */
    ngx_bo_outbound_peer_t  *peer;
} ngx_bo_sink_http_t;


/*
 * For a kind's option: takes url=, ca=, verify=, connections= and queue=.
 * NULL, or an error; NGX_CONF_UNSET_PTR when it is none of them.
 */
char *ngx_bo_sink_http_option(ngx_conf_t *cf, ngx_bo_sink_http_t *http,
    ngx_str_t *name, ngx_str_t *value);

/* For a kind's complete: makes the peer.  NULL, or an error. */
char *ngx_bo_sink_http_complete(ngx_conf_t *cf, ngx_bo_sink_t *sink,
    ngx_bo_sink_http_t *http);

/*
 * What an answer other than 2xx, or none, means for an event: NOT_SENT says
 * nothing about it, 413 and 422 are its own fault, all else may pass.
 */
void ngx_bo_sink_http_failed(ngx_bo_delivery_t *d, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *answer);

#define ngx_bo_sink_http_ok(verdict, answer)                                  \
    ((verdict) == NGX_BO_DONE                                                 \
     && (answer)->status >= 200 && (answer)->status < 300)

/*
 * Reads a small file, relative to the configuration.  NULL, or an error; the
 * text is to be cleansed by the caller.
 */
char *ngx_bo_sink_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text);

/*
 * An event as others get it: {"type", "timestamp", "id", "aggregate",
 * "version", "data"}.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_bo_event_json(ngx_bo_event_t *event, ngx_pool_t *pool,
    ngx_str_t *text);

/* 1 when an option has that name, a literal. */
#define ngx_bo_sink_is(name, literal)                                         \
    ((name)->len == sizeof(literal) - 1                                       \
     && ngx_strncmp((name)->data, literal, sizeof(literal) - 1) == 0)


#endif /* _NGX_BO_SINK_HTTP_H_INCLUDED_ */
