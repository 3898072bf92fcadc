
/*
 * A way into the outbound client, for tests only: built by t/outbound.t beside
 * the product's module, whose functions it calls.
 *
 *     try_peer name url [parameters];     in http
 *     try;                                in a location
 *
 * POST /try/<peer> has a JSON object of what ngx_bo_outbound_request_t has, and
 * is answered with what the handler was called with.  "cancel" ends the
 * operation after so many milliseconds, "want" names a header.
 */


#include <jansson.h>

#include "http/ngx_http_bo.h"


typedef struct {
    ngx_http_request_t          *r;
    ngx_bo_outbound_op_t        *op;
    ngx_event_t                  cancel;
    json_t                      *asked;
    ngx_uint_t                   submitting;
} ngx_http_bo_try_t;


static char *ngx_http_bo_try_peer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_bo_try(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_bo_try_handler(ngx_http_request_t *r);


static ngx_command_t  ngx_http_bo_try_commands[] = {

    { ngx_string("try_peer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_bo_try_peer,
      0,
      0,
      NULL },

    { ngx_string("try"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_bo_try,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bo_try_module_ctx = {
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  ngx_http_bo_try_module = {
    NGX_MODULE_V1,
    &ngx_http_bo_try_module_ctx,
    ngx_http_bo_try_commands,
    NGX_HTTP_MODULE,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING
};


/* What nginx's auto/module writes for a module that is loaded. */

ngx_module_t *ngx_modules[] = { &ngx_http_bo_try_module, NULL };
char *ngx_module_names[] = { "ngx_http_bo_try_module", NULL };
char *ngx_module_order[] = { NULL };


static char *
ngx_http_bo_try_peer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                     *error;
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_bo_outbound_peer_t   *peer;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_boxoffice_module);
    value = cf->args->elts;

    error = ngx_bo_outbound_add(cf, &mcf->outbound, &value[1], &value[2],
                                NGX_BO_OUTBOUND_WEB|NGX_BO_OUTBOUND_MAIL,
                                &peer);
    if (error) {
        return error;
    }

    for (i = 3; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "user=", 5) == 0) {
            peer->username.data = value[i].data + 5;
            peer->username.len = value[i].len - 5;
            continue;
        }

        if (ngx_strncmp(value[i].data, "password=", 9) == 0) {
            peer->password.data = value[i].data + 9;
            peer->password.len = value[i].len - 9;
            continue;
        }

        if (ngx_bo_outbound_option(cf, peer, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "bad parameter \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_bo_try(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_bo_try_handler;

    return NGX_CONF_OK;
}


static ngx_bo_outbound_peer_t *
ngx_http_bo_try_find(ngx_http_request_t *r)
{
    size_t                     len;
    ngx_str_t                  name;
    ngx_uint_t                 i;
    ngx_bo_outbound_peer_t   **peer;
    ngx_http_bo_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_boxoffice_module);
    peer = mcf->outbound.peers.elts;

    len = sizeof("/try/") - 1;
    name.data = r->uri.data + len;
    name.len = r->uri.len > len ? r->uri.len - len : 0;

    for (i = 0; i < mcf->outbound.peers.nelts; i++) {
        if (peer[i]->name.len == name.len
            && ngx_memcmp(peer[i]->name.data, name.data, name.len) == 0)
        {
            return peer[i];
        }
    }

    return NULL;
}


static ngx_str_t
ngx_http_bo_try_text(json_t *object, const char *name)
{
    json_t     *value;
    ngx_str_t   s = ngx_null_string;

    value = json_object_get(object, name);

    if (json_is_string(value)) {
        s.data = (u_char *) json_string_value(value);
        s.len = json_string_length(value);
    }

    return s;
}


static void
ngx_http_bo_try_send(ngx_http_request_t *r, json_t *answer)
{
    char                      *text;
    ngx_str_t                  type = ngx_string("application/json");
    ngx_http_complex_value_t   cv;

    text = json_dumps(answer, JSON_COMPACT|JSON_SORT_KEYS);
    json_decref(answer);

    ngx_memzero(&cv, sizeof(cv));
    cv.value.len = text ? strlen(text) : 0;
    cv.value.data = ngx_pnalloc(r->pool, cv.value.len + 1);

    if (cv.value.data && text) {
        ngx_memcpy(cv.value.data, text, cv.value.len);
    }

    free(text);

    ngx_http_finalize_request(r, ngx_http_send_response(r, 200, &type, &cv));
}


static void
ngx_http_bo_try_done(void *data, ngx_bo_verdict_e verdict,
    ngx_bo_outbound_answer_t *a)
{
    ngx_http_bo_try_t *try = data;

    json_t              *answer;
    ngx_str_t            want, value;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    static const char  *names[] = { "done", "not sent", "unknown" };

    try->op = NULL;
    r = try->r;
    c = r->connection;

    /* "never from inside the call that submitted it" */

    if (try->submitting) {
        ngx_log_error(NGX_LOG_ALERT, c->log, 0, "called from the submission");
    }

    if (try->cancel.timer_set) {
        ngx_del_timer(&try->cancel);
    }

    ngx_str_null(&value);
    want = ngx_http_bo_try_text(try->asked, "want");

    if (want.len) {
        (void) ngx_bo_outbound_header(a, (char *) want.data, &value);
    }

    answer = json_pack("{s:s, s:i, s:i, s:i, s:i, s:s, s:s%}",
                       "verdict", names[verdict],
                       "status", (int) a->status,
                       "length", (int) a->body.len,
                       "truncated", (int) a->truncated,
                       "retryAfter", (int) a->retry_after,
                       "error", a->error ? a->error : "",
                       "header", value.data ? (char *) value.data : "",
                       value.len);

    /* of a body that is no text, only the length is told */

    json_object_set_new(answer, "body",
                        json_stringn(a->body.len ? (char *) a->body.data : "",
                                     a->body.len));

    ngx_http_bo_try_send(r, answer);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_bo_try_cancel(ngx_event_t *ev)
{
    ngx_http_bo_try_t *try = ev->data;

    ngx_connection_t  *c = try->r->connection;

    ngx_bo_outbound_cancel(try->op);
    try->op = NULL;

    ngx_http_bo_try_send(try->r, json_pack("{s:s}", "verdict", "cancelled"));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_bo_try_cleanup(void *data)
{
    ngx_http_bo_try_t *try = data;

    if (try->op) {
        ngx_bo_outbound_cancel(try->op);
    }

    if (try->cancel.timer_set) {
        ngx_del_timer(&try->cancel);
    }

    json_decref(try->asked);
}


static ngx_int_t
ngx_http_bo_try_request(ngx_http_bo_try_t *try,
    ngx_bo_outbound_request_t *request)
{
    size_t                  i;
    u_char                 *p;
    json_t                 *list, *item, *aws;
    ngx_str_t               body;
    ngx_uint_t              n;
    ngx_pool_t             *pool = try->r->pool;
    ngx_bo_outbound_aws_t  *keys;

    ngx_memzero(request, sizeof(ngx_bo_outbound_request_t));

    request->method = ngx_http_bo_try_text(try->asked, "method");
    request->path = ngx_http_bo_try_text(try->asked, "path");
    request->from = ngx_http_bo_try_text(try->asked, "from");
    request->timeout = json_integer_value(json_object_get(try->asked,
                                                          "timeout"));

    body = ngx_http_bo_try_text(try->asked, "body");
    n = json_integer_value(json_object_get(try->asked, "repeat"));
    n = n ? n : 1;

    p = ngx_palloc(pool, n * body.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    request->body.data = p;
    request->body.len = n * body.len;

    while (n--) {
        p = ngx_cpymem(p, body.data, body.len);
    }

    list = json_object_get(try->asked, "headers");
    request->nheaders = json_array_size(list);
    request->headers = ngx_palloc(pool, (request->nheaders + 1)
                                        * sizeof(ngx_keyval_t));

    json_array_foreach(list, i, item) {
        request->headers[i].key = ngx_http_bo_try_text(item, "name");
        request->headers[i].value = ngx_http_bo_try_text(item, "value");
    }

    list = json_object_get(try->asked, "rcpts");
    request->nrcpts = json_array_size(list);
    request->rcpts = ngx_palloc(pool, (request->nrcpts + 1)
                                      * sizeof(ngx_str_t));

    json_array_foreach(list, i, item) {
        request->rcpts[i] = ngx_http_bo_try_text(item, "address");
    }

    aws = json_object_get(try->asked, "aws");

    if (aws) {
        keys = ngx_palloc(pool, sizeof(ngx_bo_outbound_aws_t));
        if (keys == NULL) {
            return NGX_ERROR;
        }

        keys->region = ngx_http_bo_try_text(aws, "region");
        keys->service = ngx_http_bo_try_text(aws, "service");
        keys->access_key = ngx_http_bo_try_text(aws, "access");
        keys->secret_key = ngx_http_bo_try_text(aws, "secret");
        keys->session_token = ngx_http_bo_try_text(aws, "token");
        request->aws = keys;
    }

    return NGX_OK;
}


static void
ngx_http_bo_try_body(ngx_http_request_t *r)
{
    ngx_msec_t                  after;
    json_error_t                error;
    ngx_http_cleanup_t         *cln;
    ngx_http_bo_try_t          *try;
    ngx_bo_outbound_peer_t     *peer;
    ngx_bo_outbound_request_t   request;

    peer = ngx_http_bo_try_find(r);
    try = ngx_pcalloc(r->pool, sizeof(ngx_http_bo_try_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (peer == NULL || try == NULL || cln == NULL
        || r->request_body == NULL || r->request_body->bufs == NULL)
    {
        ngx_http_finalize_request(r, NGX_HTTP_NOT_FOUND);
        return;
    }

    try->r = r;
    try->asked = json_loadb((char *) r->request_body->bufs->buf->pos,
                            ngx_buf_size(r->request_body->bufs->buf),
                            JSON_ALLOW_NUL, &error);

    cln->handler = ngx_http_bo_try_cleanup;
    cln->data = try;

    if (try->asked == NULL || ngx_http_bo_try_request(try, &request) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    try->submitting = 1;
    try->op = ngx_bo_outbound_submit(peer, &request, ngx_http_bo_try_done,
                                     try);
    try->submitting = 0;

    if (try->op == NULL) {
        ngx_http_bo_try_send(r, json_pack("{s:s}", "verdict", "refused"));
        return;
    }

    after = json_integer_value(json_object_get(try->asked, "cancel"));

    if (after) {
        try->cancel.handler = ngx_http_bo_try_cancel;
        try->cancel.data = try;
        try->cancel.log = r->connection->log;
        ngx_add_timer(&try->cancel, after);
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
}


static ngx_int_t
ngx_http_bo_try_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_bo_try_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}
