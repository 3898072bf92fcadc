
/*
 * /auth: registering, logging in, going on, logging out; another password for
 * one that is lost.
 *
 * Who does not exist costs the same as who gave a wrong password: one look
 * into the database, one hash.  A code that is not good costs the look alone,
 * whatever is wrong with it.
 */


#include "ngx_http_bo_people.h"


static void ngx_http_bo_login_action(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_register(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_register_hashed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_registered(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_login(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_login_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_login_checked(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_login_opened(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_login_end(ngx_http_bo_ctx_t *ctx,
    ngx_bo_person_e came, ngx_http_bo_error_e error);

static void ngx_http_bo_reset(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_reset_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_reset_hashed(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_reset_done(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_refresh(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_refreshed(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_logout(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_logout_all(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_logged_out(ngx_http_bo_ctx_t *ctx);

static ngx_http_bo_person_t *ngx_http_bo_login_token(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_login_actions[] = {

    { NGX_HTTP_POST, NGX_HTTP_BO_ONE, ngx_null_string,
      NGX_HTTP_BO_BODY,
      ngx_http_bo_login_action },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const ngx_http_bo_named_t  ngx_http_bo_login_names[] = {
    { ngx_string("register"), ngx_http_bo_register },
    { ngx_string("login"), ngx_http_bo_login },
    { ngx_string("reset"), ngx_http_bo_reset },
    { ngx_string("refresh"), ngx_http_bo_refresh },
    { ngx_string("logout"), ngx_http_bo_logout },
    { ngx_null_string, NULL }
};


static const bo_json_field_t  ngx_http_bo_register_fields[] = {

    NGX_HTTP_BO_EMAIL_FIELD,
    NGX_HTTP_BO_PASSWORD_FIELD,

    { "name", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, name),
      1, 1, BO_PERSON_NAME_MAX, 0, NULL },

    { "phone", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, phone),
      0, 1, BO_PHONE_MAX, 0, NULL },

    NGX_HTTP_BO_COOKIES_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_login_fields[] = {

    NGX_HTTP_BO_EMAIL_FIELD,
    NGX_HTTP_BO_PASSWORD_FIELD,
    NGX_HTTP_BO_COOKIES_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_reset_fields[] = {

    { "code", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, code),
      1, 1, 64, 0, NULL },

    NGX_HTTP_BO_PASSWORD_FIELD,
    NGX_HTTP_BO_COOKIES_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


#define NGX_HTTP_BO_TOKEN_FIELD                                               \
    { "refreshToken", BO_JSON_STRING,                                         \
      offsetof(ngx_http_bo_person_t, token), 0, 1, 256, 0, NULL }

static const bo_json_field_t  ngx_http_bo_refresh_fields[] = {

    NGX_HTTP_BO_TOKEN_FIELD,

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_logout_fields[] = {

    NGX_HTTP_BO_TOKEN_FIELD,

    { "everywhere", BO_JSON_BOOLEAN,
      offsetof(ngx_http_bo_person_t, everywhere), 0, 0, 0, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static void
ngx_http_bo_login_action(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_named(ctx, ngx_http_bo_login_names);
}


/* POST /auth/register */

static void
ngx_http_bo_register(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_register_fields);
    if (p == NULL) {
        return;
    }

    if (p->phone.data && !bo_phone_valid(p->phone.data, p->phone.len)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "phone");
        return;
    }

    if (ngx_http_bo_person_judge(ctx, &p->password, p->email.data,
                                 p->email.len)
        != NGX_OK
        || ngx_http_bo_person_throttle(ctx, p->email.data, p->email.len)
           != NGX_OK)
    {
        return;
    }

    ngx_http_bo_person_hash(ctx, &p->password, ngx_http_bo_register_hashed);
}


static void
ngx_http_bo_register_hashed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    u_char     *user;
    bo_uuid_t   id;
    ngx_str_t   v[NGX_BO_PERSON_PARAMS];

    user = ngx_pnalloc(ctx->request->pool, BO_UUID_LEN);

    if (user == NULL || ngx_bo_person_id(&id) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_person_session(ctx, &v[5]) != NGX_OK) {
        return;
    }

    bo_uuid_format((char *) user, &id);

    v[0].data = user;
    v[0].len = BO_UUID_LEN;
    v[1] = ngx_http_bo_person_text(&p->email);
    v[2] = ngx_http_bo_person_text(&p->name);
    v[3] = ngx_http_bo_person_text(&p->phone);
    v[4] = p->phc;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_REGISTER, v,
                           ngx_http_bo_registered);
}


static void
ngx_http_bo_registered(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_CREATED) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_EMAIL_TAKEN, NULL);
        return;
    }

    ngx_http_bo_person_tokens(ctx, NGX_HTTP_CREATED);
}


/* POST /auth/login */

static void
ngx_http_bo_login(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v;
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_login_fields);

    if (p == NULL
        || ngx_http_bo_person_throttle(ctx, p->email.data, p->email.len)
           != NGX_OK)
    {
        return;
    }

    v = ngx_http_bo_person_text(&p->email);

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_EMAIL, &v,
                           ngx_http_bo_login_found);
}


static void
ngx_http_bo_login_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_http_bo_person_verify(ctx, &p->password,
                              p->person.came == NGX_BO_PERSON_FOUND
                              ? &p->person.password : NULL,
                              ngx_http_bo_login_checked);
}


static void
ngx_http_bo_login_checked(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  v[NGX_BO_PERSON_PARAMS];

    if (p->result != NGX_BO_HASH_GOOD) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CREDENTIALS, NULL);
        return;
    }

    if (ngx_http_bo_person_session(ctx, &v[3]) != NGX_OK) {
        return;
    }

    v[0] = p->person.user;
    v[1] = p->person.seen;
    v[2] = p->phc;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_OPEN, v,
                           ngx_http_bo_login_opened);
}


static void
ngx_http_bo_login_opened(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_login_end(ctx, NGX_BO_PERSON_OPENED,
                          NGX_HTTP_BO_E_CREDENTIALS);
}


/* Tokens for whom that came of it; for anybody else the error. */

static void
ngx_http_bo_login_end(ngx_http_bo_ctx_t *ctx, ngx_bo_person_e came,
    ngx_http_bo_error_e error)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != came) {
        ngx_http_bo_error(ctx, error, NULL);
        return;
    }

    ngx_http_bo_person_proved(ctx);
    ngx_http_bo_person_tokens(ctx, NGX_HTTP_OK);
}


/*
 * POST /auth/reset
 *
 * Whose code it is nobody knows before it is looked at, so guesses are counted
 * by the address that they come from.  A password that is never taken needs no
 * look, and no hash is made for who has no code.
 */

static void
ngx_http_bo_reset(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v, *from;
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_reset_fields);
    from = &ctx->request->connection->addr_text;

    if (p == NULL
        || ngx_http_bo_person_judge(ctx, &p->password, "", 0) != NGX_OK
        || ngx_http_bo_person_throttle(ctx, (char *) from->data, from->len)
           != NGX_OK)
    {
        return;
    }

    ngx_bo_reset_hash(p->given_text, p->code.data, p->code.len);

    v.data = p->given_text;
    v.len = NGX_BO_REFRESH_HASH;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_BY_CODE, &v,
                           ngx_http_bo_reset_found);
}


static void
ngx_http_bo_reset_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came != NGX_BO_PERSON_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_CODE, NULL);
        return;
    }

    if (ngx_http_bo_person_judge(ctx, &p->password,
                                 (char *) p->person.email.data,
                                 p->person.email.len)
        == NGX_OK)
    {
        ngx_http_bo_person_hash(ctx, &p->password, ngx_http_bo_reset_hashed);
    }
}


static void
ngx_http_bo_reset_hashed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  v[NGX_BO_PERSON_PARAMS];

    if (ngx_http_bo_person_session(ctx, &v[2]) != NGX_OK) {
        return;
    }

    v[0].data = p->given_text;
    v[0].len = NGX_BO_REFRESH_HASH;
    v[1] = p->phc;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_RESET, v,
                           ngx_http_bo_reset_done);
}


static void
ngx_http_bo_reset_done(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_login_end(ctx, NGX_BO_PERSON_CHANGED,
                          NGX_HTTP_BO_E_CODE);
}


/* POST /auth/refresh */

static void
ngx_http_bo_refresh(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[NGX_BO_PERSON_PARAMS];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_refresh_fields);

    if (p == NULL || ngx_http_bo_login_token(ctx) == NULL) {
        return;
    }

    ngx_bo_refresh_hash(p->given_text, &p->refresh);
    v[1] = ngx_http_bo_person_number(p, 0, p->refresh.generation);

    p->refresh.generation++;

    if (ngx_bo_refresh_secret(p->accounts, &p->refresh) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_bo_refresh_hash(p->hash_text, &p->refresh);

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    v[2].data = p->given_text;
    v[2].len = NGX_BO_REFRESH_HASH;
    v[3].data = p->hash_text;
    v[3].len = NGX_BO_REFRESH_HASH;
    v[4] = ngx_http_bo_person_number(p, 1, NGX_BO_REFRESH_GRACE);
    v[5] = ngx_http_bo_person_number(p, 2, p->accounts->refresh);

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_REFRESH, v,
                           ngx_http_bo_refreshed);
}


/*
 * The token of the body, or else of a cookie, in p->refresh and p->session;
 * NULL when the answer is on its way.
 */

static ngx_http_bo_person_t *
ngx_http_bo_login_token(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->token.data == NULL) {
        if (ngx_http_bo_person_cookie(ctx, &p->token) != NGX_OK) {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_MISSING_FIELD,
                                    "refreshToken");
            return NULL;
        }

        if (ngx_http_bo_foreign(ctx)) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
            return NULL;
        }

        p->cookies = 1;
    }

    if (ngx_bo_refresh_parse(&p->refresh, p->token.data, p->token.len)
        != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SESSION_OVER, NULL);
        return NULL;
    }

    bo_uuid_format((char *) p->session, &p->refresh.session);

    return p;
}


static void
ngx_http_bo_refreshed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.came == NGX_BO_PERSON_ROTATED
        || p->person.came == NGX_BO_PERSON_AGAIN)
    {
        ngx_http_bo_person_tokens(ctx, NGX_HTTP_OK);
        return;
    }

    if (p->person.came == NGX_BO_PERSON_REUSED) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "boxoffice: a refresh token came that was used before: "
                      "its session was ended");
    }

    if (p->cookies) {
        (void) ngx_http_bo_person_forget(ctx);
    }

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SESSION_OVER, NULL);
}


/* POST /auth/logout */

static void
ngx_http_bo_logout(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t              v[2];
    ngx_http_bo_person_t  *p;

    p = ngx_http_bo_person_begin(ctx, ngx_http_bo_logout_fields);
    if (p == NULL) {
        return;
    }

    if (p->everywhere) {
        ngx_http_bo_logout_all(ctx);
        return;
    }

    if (ngx_http_bo_login_token(ctx) == NULL) {
        return;
    }

    ngx_bo_refresh_hash(p->given_text, &p->refresh);

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    v[1].data = p->given_text;
    v[1].len = NGX_BO_REFRESH_HASH;

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_END, v, ngx_http_bo_logged_out);
}


static void
ngx_http_bo_logout_all(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_authenticate(ctx) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAUTHORIZED, NULL);
        return;
    }

    if (ctx->by_cookie && ngx_http_bo_foreign(ctx)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
        return;
    }

    ngx_http_bo_person_ask(ctx, NGX_BO_PERSON_END_ALL, &ctx->user,
                           ngx_http_bo_logged_out);
}


/* Whether there was a session or not: it is over. */

static void
ngx_http_bo_logged_out(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if ((p->cookies || ctx->by_cookie)
        && ngx_http_bo_person_forget(ctx) != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_NO_CONTENT, NULL);
}
