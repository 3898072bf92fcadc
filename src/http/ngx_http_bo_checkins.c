
/*
 * /checkins: scanners at the door ask whether somebody may come in.
 */


#include "ngx_http_bo_tickets.h"
#include "store/ngx_bo_checkins.h"

#include "booking/bo_time.h"


#define NGX_HTTP_BO_NONCE_MIN  8
#define NGX_HTTP_BO_CODE_MAX   512      /* what is longer is no code */


typedef struct {
    bo_str_t                 code;
    bo_str_t                 nonce;
    bo_str_t                 scanned;
} ngx_http_bo_scan_t;


/* A batch has scans, of the form that bo_json.h wants. */

typedef struct {
    bo_str_t                 device;
    bo_str_t                 show;
    size_t                   n;
    ngx_http_bo_scan_t       scans[NGX_BO_SCANS];
} ngx_http_bo_checkin_body_t;


typedef struct {
    ngx_bo_checkin_t             checkin;
    ngx_http_bo_checkin_body_t   body;
    ngx_bo_scan_t                scans[NGX_BO_SCANS];
    u_char                       show[BO_UUID_LEN];
    ngx_http_bo_run_pt           answer;
} ngx_http_bo_checkin_t;


static void ngx_http_bo_checkin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_checkin_batch(ngx_http_bo_ctx_t *ctx);
static ngx_http_bo_checkin_t *ngx_http_bo_checkin_begin(
    ngx_http_bo_ctx_t *ctx, const bo_json_field_t *fields);
static const char *ngx_http_bo_checkin_who(ngx_http_bo_checkin_t *k);
static const char *ngx_http_bo_checkin_scan(ngx_bo_scan_t *scan,
    ngx_http_bo_scan_t *body);
static void ngx_http_bo_checkin_go(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_checkin_t *k, ngx_http_bo_run_pt answer);
static void ngx_http_bo_checkin_done(ngx_bo_call_t *call);
static void ngx_http_bo_checkin_decided(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_checkin_answer(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_checkin_batch_answer(ngx_http_bo_ctx_t *ctx);
static u_char *ngx_http_bo_put_scan(u_char *p, ngx_bo_scan_t *scan);


ngx_http_bo_action_t  ngx_http_bo_checkins_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_STAFF|NGX_HTTP_BO_BODY,
      ngx_http_bo_checkin },

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_STAFF,
      ngx_http_bo_checkin_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_STAFF|NGX_HTTP_BO_BODY,
      ngx_http_bo_checkin_batch },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("undo"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_checkin_undo },

    { 0, 0, ngx_null_string, 0, NULL }
};


#define ngx_http_bo_scan_at(i, field)                                         \
    (offsetof(ngx_http_bo_checkin_body_t, scans)                              \
     + (i) * sizeof(ngx_http_bo_scan_t) + offsetof(ngx_http_bo_scan_t, field))

static const bo_json_field_t  ngx_http_bo_checkin_fields[] = {

    { "code", BO_JSON_STRING, ngx_http_bo_scan_at(0, code),
      1, 1, NGX_HTTP_BO_CODE_MAX, 0, NULL },

    { "nonce", BO_JSON_STRING, ngx_http_bo_scan_at(0, nonce),
      1, NGX_HTTP_BO_NONCE_MIN, BO_PAYMENT_ID_MAX, 0, NULL },

    { "deviceId", BO_JSON_STRING,
      offsetof(ngx_http_bo_checkin_body_t, device),
      1, 1, BO_USER_MAX, 0, NULL },

    { "showId", BO_JSON_STRING, offsetof(ngx_http_bo_checkin_body_t, show),
      0, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_scan_fields[] = {

    { "code", BO_JSON_STRING, offsetof(ngx_http_bo_scan_t, code),
      1, 1, NGX_HTTP_BO_CODE_MAX, 0, NULL },

    { "nonce", BO_JSON_STRING, offsetof(ngx_http_bo_scan_t, nonce),
      1, NGX_HTTP_BO_NONCE_MIN, BO_PAYMENT_ID_MAX, 0, NULL },

    { "scannedAt", BO_JSON_STRING, offsetof(ngx_http_bo_scan_t, scanned),
      1, 1, 64, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_checkin_batch_fields[] = {

    { "deviceId", BO_JSON_STRING,
      offsetof(ngx_http_bo_checkin_body_t, device),
      1, 1, BO_USER_MAX, 0, NULL },

    { "showId", BO_JSON_STRING, offsetof(ngx_http_bo_checkin_body_t, show),
      0, 1, 64, 0, NULL },

    { "scans", BO_JSON_OBJECTS, offsetof(ngx_http_bo_checkin_body_t, n),
      1, 1, NGX_BO_SCANS, sizeof(ngx_http_bo_scan_t),
      ngx_http_bo_scan_fields },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* POST /checkins */

static void
ngx_http_bo_checkin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_t  *k;

    k = ngx_http_bo_checkin_begin(ctx, ngx_http_bo_checkin_fields);

    if (k) {
        ngx_http_bo_checkin_go(ctx, k, ngx_http_bo_checkin_answer);
    }
}


/* POST /checkins/batch */

static void
ngx_http_bo_checkin_batch(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_t  *k;

    if (ctx->name.len != 5 || ngx_memcmp(ctx->name.data, "batch", 5) != 0) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    k = ngx_http_bo_checkin_begin(ctx, ngx_http_bo_checkin_batch_fields);

    if (k) {
        ngx_http_bo_checkin_go(ctx, k, ngx_http_bo_checkin_batch_answer);
    }
}


/* NULL when it was refused and the answer is on its way. */

static ngx_http_bo_checkin_t *
ngx_http_bo_checkin_begin(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields)
{
    size_t                  i;
    const char             *field;
    ngx_http_bo_checkin_t  *k;

    k = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_checkin_t));
    if (k == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    ctx->data = k;
    k->body.n = 1;      /* a batch says how many */

    if (ngx_http_bo_read_json(ctx, fields, &k->body) != NGX_OK) {
        return NULL;
    }

    field = ngx_http_bo_checkin_who(k);

    for (i = 0; field == NULL && i < k->body.n; i++) {
        field = ngx_http_bo_checkin_scan(&k->scans[i], &k->body.scans[i]);
    }

    if (field) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, field);
        return NULL;
    }

    k->checkin.scans = k->scans;
    k->checkin.n = k->body.n;
    k->checkin.staff = ctx->user;
    k->checkin.pool = ctx->request->pool;

    return k;
}


/* The field at fault, or NULL. */

static const char *
ngx_http_bo_checkin_who(ngx_http_bo_checkin_t *k)
{
    bo_uuid_t   show;
    bo_str_t   *device = &k->body.device;

    if (!bo_user_valid(device->data, device->len)) {
        return "deviceId";
    }

    k->checkin.device.data = (u_char *) device->data;
    k->checkin.device.len = device->len;

    if (k->body.show.data == NULL) {
        return NULL;
    }

    if (bo_uuid_parse(&show, k->body.show.data, k->body.show.len) != 0) {
        return "showId";
    }

    bo_uuid_format((char *) k->show, &show);
    k->checkin.show.data = k->show;
    k->checkin.show.len = BO_UUID_LEN;

    return NULL;
}


static const char *
ngx_http_bo_checkin_scan(ngx_bo_scan_t *scan, ngx_http_bo_scan_t *body)
{
    if (!bo_payment_id_valid(body->nonce.data, body->nonce.len)) {
        return "nonce";
    }

    if (body->scanned.data
        && (bo_time_parse(&scan->scanned, body->scanned.data,
                          body->scanned.len)
            != 0
            || scan->scanned <= 0))
    {
        return "scannedAt";
    }

    scan->code.data = (u_char *) body->code.data;
    scan->code.len = body->code.len;
    scan->nonce.data = (u_char *) body->nonce.data;
    scan->nonce.len = body->nonce.len;

    return NULL;
}


static void
ngx_http_bo_checkin_go(ngx_http_bo_ctx_t *ctx, ngx_http_bo_checkin_t *k,
    ngx_http_bo_run_pt answer)
{
    ngx_bo_call_t  *call = &k->checkin.call;

    k->answer = answer;

    call->store = ctx->store;
    call->data = ctx;
    call->done = ngx_http_bo_checkin_done;
    ngx_http_bo_wait(ctx, call);

    switch (ngx_bo_check_in(&k->checkin)) {

    case NGX_OK:
        answer(ctx);
        return;

    case NGX_AGAIN:
        return;

    default:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_checkin_done(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_checkin_decided);
}


static void
ngx_http_bo_checkin_decided(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_t *k = ctx->data;

    if (k->checkin.call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, k->checkin.call.outcome);
        return;
    }

    k->answer(ctx);
}


/*
 * 200 whatever was decided: for a scanner "no" is an answer like "yes", and
 * must not be taken for a fault that is tried again.
 */

#define NGX_HTTP_BO_SCAN_LEN  768

static void
ngx_http_bo_checkin_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_t *k = ctx->data;

    ngx_str_t       body;
    ngx_bo_scan_t  *scan = k->scans;

    body.data = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_SCAN_LEN);
    if (body.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.len = ngx_http_bo_put_scan(body.data, scan) - body.data;
    ctx->outcome = *ngx_bo_scan_reason(scan->outcome);

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


static void
ngx_http_bo_checkin_batch_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_t *k = ctx->data;

    u_char      *p;
    ngx_str_t    body;
    ngx_uint_t   i, admitted;

    p = ngx_pnalloc(ctx->request->pool,
                    128 + k->checkin.n * NGX_HTTP_BO_SCAN_LEN);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    admitted = 0;

    body.data = p;
    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < k->checkin.n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_bo_put_scan(p, &k->scans[i]);
        admitted += k->scans[i].outcome == NGX_BO_SCAN_ADMITTED;
    }

    p = ngx_http_bo_put_int(p, "],\"admitted\":", admitted);
    p = ngx_http_bo_put_int(p, ",\"conflicts\":", k->checkin.n - admitted);
    p = ngx_http_bo_put(p, "}");
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/* What the ticket says is said only when it is ours. */

static u_char *
ngx_http_bo_put_scan(u_char *p, ngx_bo_scan_t *scan)
{
    ngx_str_t   seat;
    ngx_uint_t  admitted;

    admitted = scan->outcome == NGX_BO_SCAN_ADMITTED;

    p = ngx_http_bo_put(p, admitted ? "{\"admitted\":true"
                                    : "{\"admitted\":false");
    p = ngx_http_bo_put_str(p, ",\"reason\":",
                            ngx_bo_scan_reason(scan->outcome));
    p = ngx_http_bo_put(p, scan->replayed ? ",\"replayed\":true"
                                          : ",\"replayed\":false");
    p = ngx_http_bo_put_str(p, ",\"nonce\":", &scan->nonce);

    if (scan->ours) {
        seat.data = (u_char *) scan->entry.label;
        seat.len = scan->entry.label_len;

        p = ngx_http_bo_put_str(p, ",\"seatId\":", &seat);
        p = ngx_http_bo_put_uuid(p, ",\"showId\":", &scan->entry.show);
        p = ngx_http_bo_put_uuid(p, ",\"orderId\":", &scan->entry.order);
    }

    if (scan->checkin.len) {
        p = ngx_http_bo_put_str(p, ",\"checkinId\":", &scan->checkin);
        p = ngx_http_bo_put_str(p, ",\"deviceId\":", &scan->device);
        p = ngx_http_bo_put_time(p, ",\"checkedInAt\":", scan->at);
    }

    return ngx_http_bo_put(p, "}");
}
