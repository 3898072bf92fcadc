
/*
 * /admin/people: who has an account, for administrators.
 */


#include "ngx_http_bo_people.h"


static void ngx_http_bo_people_find(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_patch(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_reset(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_coded(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_erase(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_answer(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_erased(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_people_refuse(ngx_http_bo_ctx_t *ctx);
static ngx_http_bo_person_t *ngx_http_bo_people_begin(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields);


ngx_http_bo_action_t  ngx_http_bo_people_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_people_find },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_people_get },

    { NGX_HTTP_PATCH, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY,
      ngx_http_bo_people_patch },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("password-reset"),
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_people_reset },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_ADMIN,
      ngx_http_bo_people_erase },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_people_find_fields[] = {

    NGX_HTTP_BO_EMAIL_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_people_role_fields[] = {

    { "role", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, name),
      1, 1, 16, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* The person of the path is in p->session, as a text. */

static ngx_http_bo_person_t *
ngx_http_bo_people_begin(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields)
{
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, fields);

    if (p) {
        bo_uuid_format((char *) p->session, &ctx->id);
    }

    return p;
}


/* POST /admin/people: an address in a query would be in every log. */

static void
ngx_http_bo_people_find(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v;
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_people_find_fields);

    if (p) {
        v = ngx_http_bo_person_text(&p->email);
        ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_EMAIL, &v,
                               ngx_http_bo_people_answer);
    }
}


/* GET /admin/people/{id} */

static void
ngx_http_bo_people_get(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v;
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_people_begin(ctx, NULL);

    if (p) {
        v.data = p->session;
        v.len = BO_UUID_LEN;
        ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_ID, &v,
                               ngx_http_bo_people_answer);
    }
}


/* PATCH /admin/people/{id} */

static void
ngx_http_bo_people_patch(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[3];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_people_begin(ctx, ngx_http_bo_people_role_fields);
    if (p == NULL) {
        return;
    }

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    v[1] = ngx_http_bo_person_text(&p->name);
    v[2] = ctx->user;

    if (bo_role_parse(p->name.data, p->name.len) == BO_ROLE_CUSTOMER
        && (v[1].len != 8 || ngx_strncmp(v[1].data, "CUSTOMER", 8) != 0))
    {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "role");
        return;
    }

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_ROLE, v,
                           ngx_http_bo_people_answer);
}


static void
ngx_http_bo_people_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came == NGX_BO_PERSON_FOUND
        || p->person.came == NGX_BO_PERSON_CHANGED)
    {
        ngx_http_bo_person_profile(ctx);
        return;
    }

    ngx_http_bo_people_refuse(ctx);
}


/*
 * POST /admin/people/{id}/password-reset: a code that is shown this once, for
 * who has lost a password.  Should the answer be lost, another code is made.
 */

static void
ngx_http_bo_people_reset(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[4];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_people_begin(ctx, NULL);
    if (p == NULL) {
        return;
    }

    if (ngx_bo_reset_code(p->code_text, p->given_text) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    v[1].data = p->given_text;
    v[1].len = NGX_BO_REFRESH_HASH;
    v[2] = ngx_http_bo_person_number(p, 0, NGX_BO_RESET_TTL);
    v[3] = ctx->user;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_MAKE_CODE, v,
                           ngx_http_bo_people_coded);
}


static void
ngx_http_bo_people_coded(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    u_char     *b;
    ngx_str_t   body, code;

    if (p->person.came != NGX_BO_PERSON_CREATED) {
        ngx_http_bo_people_refuse(ctx);
        return;
    }

    b = ngx_pnalloc(ctx->request->pool, 128);
    if (b == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    code.data = p->code_text;
    code.len = BO_TICKET_LEN;

    body.data = b;
    b = ngx_http_bo_put_plain(b, "{\"code\":", &code);
    b = ngx_http_bo_put_time(b, ",\"expiresAt\":", p->person.until);
    b = ngx_http_bo_put(b, "}");
    body.len = b - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_CREATED, &body);
}


/* DELETE /admin/people/{id} */

static void
ngx_http_bo_people_erase(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[3];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_people_begin(ctx, NULL);
    if (p == NULL) {
        return;
    }

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    ngx_str_null(&v[1]);
    v[2] = ctx->user;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_ERASE, v,
                           ngx_http_bo_people_erased);
}


static void
ngx_http_bo_people_erased(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_ERASED) {
        ngx_http_bo_people_refuse(ctx);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
}


/* There is nobody, or who asks is no administrator any more. */

static void
ngx_http_bo_people_refuse(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_http_bo_error(ctx, p->person.came == NGX_BO_PERSON_FORBIDDEN
                           ? NGX_HTTP_BO_E_FORBIDDEN : NGX_HTTP_BO_E_NOT_FOUND,
                      NULL);
}
