
/*
 * /me: what somebody's account says, and changing it.  Whatever takes over an
 * account needs its password once more.
 */


#include "ngx_http_bo_people.h"


static void ngx_http_bo_me_get(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_patch(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_put(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_delete(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_delete_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_delete_checked(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_deleted(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_password(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_email(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_answer(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_me_proof(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields, ngx_http_bo_run_pt found);
static ngx_int_t ngx_http_bo_me_proved(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_password_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_password_checked(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_password_hashed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_password_changed(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_email_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_email_checked(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_email_changed(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_me_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER,
      ngx_http_bo_me_get },

    { NGX_HTTP_PATCH, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY,
      ngx_http_bo_me_patch },

    { NGX_HTTP_PUT, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY,
      ngx_http_bo_me_put },

    { NGX_HTTP_DELETE, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_USER|NGX_HTTP_BO_BODY,
      ngx_http_bo_me_delete },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const ngx_http_bo_named_t  ngx_http_bo_me_names[] = {
    { ngx_string("password"), ngx_http_bo_me_password },
    { ngx_string("email"), ngx_http_bo_me_email },
    { ngx_null_string, NULL }
};


static const bo_json_field_t  ngx_http_bo_me_fields[] = {

    { "name", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, name),
      0, 1, BO_PERSON_NAME_MAX, 0, NULL },

    { "phone", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, phone),
      0, 0, BO_PHONE_MAX, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_password_fields[] = {

    NGX_HTTP_BO_PASSWORD_FIELD,

    { "newPassword", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, fresh),
      1, 1, BO_PASSWORD_BYTES, 0, NULL },

    NGX_HTTP_BO_COOKIES_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_delete_fields[] = {

    NGX_HTTP_BO_PASSWORD_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_email_fields[] = {

    NGX_HTTP_BO_PASSWORD_FIELD,
    NGX_HTTP_BO_EMAIL_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* GET /me */

static void
ngx_http_bo_me_get(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_person_begin(ctx, NULL)) {
        ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_ID, &ctx->user,
                               ngx_http_bo_me_answer);
    }
}


/* PATCH /me: what is not named stays; an empty telephone number goes. */

static void
ngx_http_bo_me_patch(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[NGX_BO_PERSON_PARAMS];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_me_fields);
    if (p == NULL) {
        return;
    }

    if (p->phone.len && !bo_phone_valid(p->phone.data, p->phone.len)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "phone");
        return;
    }

    v[0] = ctx->user;
    v[1] = ngx_http_bo_person_text(&p->name);
    v[2] = ngx_http_bo_person_text(&p->phone);

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_UPDATE, v,
                           ngx_http_bo_me_answer);
}


/* Somebody whom others have vouched for has no account here. */

static void
ngx_http_bo_me_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came == NGX_BO_PERSON_NONE) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    ngx_http_bo_person_profile(ctx);
}


/* PUT /me/password and /me/email */

static void
ngx_http_bo_me_put(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_named(ctx, ngx_http_bo_me_names);
}


static void
ngx_http_bo_me_password(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_me_proof(ctx, ngx_http_bo_password_fields,
                         ngx_http_bo_password_found);
}


static void
ngx_http_bo_me_email(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_me_proof(ctx, ngx_http_bo_email_fields,
                         ngx_http_bo_email_found);
}


/* Guesses are counted by who guesses at, as in logging in. */

static void
ngx_http_bo_me_proof(ngx_http_bo_ctx_t *ctx, const bo_json_field_t *fields,
    ngx_http_bo_run_pt found)
{
    if (ngx_http_bo_person_begin(ctx, fields) == NULL
        || ngx_http_bo_person_throttle(ctx, (char *) ctx->user.data,
                                       ctx->user.len)
           != NGX_OK)
    {
        return;
    }

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_ID, &ctx->user, found);
}


static ngx_int_t
ngx_http_bo_me_proved(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->result != NGX_BO_HASH_GOOD) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
        return NGX_DECLINED;
    }

    ngx_http_bo_person_proved(ctx);

    return NGX_OK;
}


static void
ngx_http_bo_password_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    if (ngx_http_bo_person_judge(ctx, &p->fresh,
                                 (char *) p->person.email.data,
                                 p->person.email.len)
        == NGX_OK)
    {
        ngx_http_bo_person_verify(ctx, &p->password, &p->person.password,
                                  ngx_http_bo_password_checked);
    }
}


static void
ngx_http_bo_password_checked(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (ngx_http_bo_me_proved(ctx) == NGX_OK) {
        ngx_http_bo_person_hash(ctx, &p->fresh, ngx_http_bo_password_hashed);
    }
}


static void
ngx_http_bo_password_hashed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  v[NGX_BO_PERSON_PARAMS];

    if (ngx_http_bo_person_session(ctx, &v[3]) != NGX_OK) {
        return;
    }

    v[0] = ctx->user;
    v[1] = p->person.seen;
    v[2] = p->phc;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_PASSWORD, v,
                           ngx_http_bo_password_changed);
}


static void
ngx_http_bo_password_changed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_CHANGED) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
        return;
    }

    ngx_http_bo_person_tokens(ctx, NGX_HTTP_OK);
}


static void
ngx_http_bo_email_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    ngx_http_bo_person_verify(ctx, &p->password, &p->person.password,
                              ngx_http_bo_email_checked);
}


/*
 * The password must not be the new address either.  Whether that has an account
 * may be guessed at, too: the token is given back when it is not taken.
 */

static void
ngx_http_bo_email_checked(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  v[NGX_BO_PERSON_PARAMS];

    if (p->result != NGX_BO_HASH_GOOD) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
        return;
    }

    if (ngx_http_bo_person_judge(ctx, &p->password, p->email.data,
                                 p->email.len)
        != NGX_OK)
    {
        ngx_http_bo_person_proved(ctx);
        return;
    }

    v[0] = ctx->user;
    v[1] = p->person.seen;
    v[2] = ngx_http_bo_person_text(&p->email);

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_EMAIL, v,
                           ngx_http_bo_email_changed);
}


static void
ngx_http_bo_email_changed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came == NGX_BO_PERSON_TAKEN) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_EMAIL_TAKEN, NULL);
        return;
    }

    ngx_http_bo_person_proved(ctx);

    if (p->person.came == NGX_BO_PERSON_CHANGED) {
        ngx_http_bo_person_profile(ctx);

    } else {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
    }
}


/* DELETE /me: all that says who it was goes, what the books need stays. */

static void
ngx_http_bo_me_delete(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_me_proof(ctx, ngx_http_bo_delete_fields,
                         ngx_http_bo_delete_found);
}


static void
ngx_http_bo_delete_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    ngx_http_bo_person_verify(ctx, &p->password, &p->person.password,
                              ngx_http_bo_delete_checked);
}


static void
ngx_http_bo_delete_checked(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  v[3];

    if (ngx_http_bo_me_proved(ctx) != NGX_OK) {
        return;
    }

    v[0] = ctx->user;
    v[1] = p->person.seen;
    v[2] = ctx->user;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_ERASE, v, ngx_http_bo_deleted);
}


static void
ngx_http_bo_deleted(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came == NGX_BO_PERSON_STALE) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
        return;
    }

    if (ctx->by_cookie && ngx_http_bo_person_forget(ctx) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
}
