
/*
 * What the actions of accounts share.
 */


#include "ngx_http_bo_people.h"
#include "ngx_http_bo_limit.h"


#define NGX_HTTP_BO_PROFILE_LEN(p)                                            \
    (512 + 6 * ((p)->email.len + (p)->name.len + (p)->phone.len))


static void ngx_http_bo_person_done(ngx_bo_call_t *call);
static void ngx_http_bo_person_came(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_person_unavailable(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_person_await(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_run_pt next);
static void ngx_http_bo_person_hashed(void *data, ngx_bo_hash_e result,
    ngx_str_t *phc);
static void ngx_http_bo_person_hash_came(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_person_left(ngx_bo_call_t *call);
static u_char *ngx_http_bo_put_person(u_char *p, ngx_bo_person_t *person);
static ngx_str_t ngx_http_bo_person_refresh_name(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_person_cookies(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *access, ngx_str_t *refresh);
static ngx_str_t ngx_http_bo_person_login_path(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_person_set_cookie(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value, ngx_uint_t refresh, time_t age);


void
ngx_http_bo_person_named(ngx_http_bo_ctx_t *ctx,
    const ngx_http_bo_named_t *named)
{
    for ( /* void */ ; named->run; named++) {
        if (named->name.len == ctx->name.len
            && ngx_memcmp(named->name.data, ctx->name.data, ctx->name.len)
               == 0)
        {
            named->run(ctx);
            return;
        }
    }

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
}


ngx_http_bo_person_t *
ngx_http_bo_person_begin(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields)
{
    ngx_http_bo_person_t     *p;
    ngx_http_bo_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);

    p = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_person_t));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    ctx->data = p;
    p->accounts = mcf->accounts;
    p->person.pool = ctx->request->pool;
    p->person.call.store = ctx->store;
    p->person.call.data = ctx;
    p->person.call.done = ngx_http_bo_person_done;

    if (fields && ngx_http_bo_read_json(ctx, fields, p) != NGX_OK) {
        return NULL;
    }

    if (p->email.data && !bo_email_valid(p->email.data, p->email.len)) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "email");
        return NULL;
    }

    if (!p->cookies) {
        return p;
    }

    if (p->accounts->source->ncookies == 0) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, "cookies");
        return NULL;
    }

    /* a page of others must not log a browser in as somebody else */

    if (ngx_http_bo_foreign(ctx)) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_FORBIDDEN, NULL);
        return NULL;
    }

    return p;
}


static void
ngx_http_bo_person_await(ngx_http_bo_ctx_t *ctx, ngx_http_bo_run_pt next)
{
    ngx_http_bo_person_t *p = ctx->data;

    p->next = next;
    ngx_http_bo_wait(ctx, &p->person.call);
}


void
ngx_http_bo_person_ask(ngx_http_bo_ctx_t *ctx, ngx_bo_person_op_e op,
    ngx_str_t *values, ngx_http_bo_run_pt next)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_http_bo_person_await(ctx, next);

    if (ngx_bo_person_ask(&p->person, op, values) != NGX_AGAIN) {
        ngx_http_bo_person_unavailable(ctx);
    }
}


static void
ngx_http_bo_person_done(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_person_came);
}


static void
ngx_http_bo_person_came(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->person.call.outcome == NGX_BO_UNAVAILABLE) {
        ngx_http_bo_person_unavailable(ctx);
        return;
    }

    if (p->person.call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, p->person.call.outcome);
        return;
    }

    p->next(ctx);
}


/*
 * Nobody has looked whether it was right, so it was no guess: else who comes
 * again during an outage, as he is told to, would be locked out by it.
 */

static void
ngx_http_bo_person_unavailable(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_proved(ctx);
    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
}


void
ngx_http_bo_person_hash(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    ngx_http_bo_run_pt next)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  text = ngx_http_bo_person_text(password);

    ngx_http_bo_person_await(ctx, next);

    p->hash = ngx_bo_hash_make(&p->accounts->hasher, &text,
                               ngx_http_bo_person_hashed, ctx);
    p->person.call.left = p->hash ? ngx_http_bo_person_left : NULL;

    if (p->hash == NULL) {
        ngx_http_bo_person_unavailable(ctx);
    }
}


void
ngx_http_bo_person_verify(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    ngx_str_t *phc, ngx_http_bo_run_pt next)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  text = ngx_http_bo_person_text(password);

    ngx_http_bo_person_await(ctx, next);

    p->hash = ngx_bo_hash_check(&p->accounts->hasher, &text, phc,
                                ngx_http_bo_person_hashed, ctx);
    p->person.call.left = p->hash ? ngx_http_bo_person_left : NULL;

    if (p->hash == NULL) {
        ngx_http_bo_person_unavailable(ctx);
    }
}


static void
ngx_http_bo_person_hashed(void *data, ngx_bo_hash_e result, ngx_str_t *phc)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_person_t  *p = ctx->data;

    p->hash = NULL;
    p->person.call.left = NULL;
    p->result = result;
    ngx_str_null(&p->phc);

    if (phc->len) {
        p->phc.len = phc->len;
        p->phc.data = ngx_pstrdup(ctx->request->pool, phc);

        if (p->phc.data == NULL) {
            p->result = NGX_BO_HASH_FAILED;
        }
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_person_hash_came);
}


static void
ngx_http_bo_person_hash_came(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->result != NGX_BO_HASH_GOOD && p->result != NGX_BO_HASH_BAD) {
        ngx_http_bo_person_unavailable(ctx);
        return;
    }

    p->next(ctx);
}


static void
ngx_http_bo_person_left(ngx_bo_call_t *call)
{
    ngx_http_bo_person_t *p = (ngx_http_bo_person_t *) call;

    if (p->hash) {
        ngx_bo_hash_forget(p->hash);
        p->hash = NULL;
    }
}


ngx_int_t
ngx_http_bo_person_throttle(ngx_http_bo_ctx_t *ctx, const char *key,
    size_t len)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_int_t  rc;

    if (p->accounts->limit == NULL) {
        return NGX_OK;
    }

    p->throttle.data = ngx_pnalloc(ctx->request->pool, len);
    if (p->throttle.data == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_DONE;
    }

    bo_email_fold((char *) p->throttle.data, key, len);
    p->throttle.len = len;

    rc = ngx_http_bo_limit_key(ctx, p->accounts->limit, &p->throttle);

    if (rc != NGX_OK) {
        p->throttle.len = 0;
    }

    return rc;
}


void
ngx_http_bo_person_proved(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    if (p->throttle.len) {
        ngx_bo_limit_give(p->accounts->limit->data, &p->throttle);
        p->throttle.len = 0;
    }
}


ngx_int_t
ngx_http_bo_person_judge(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    const char *email, size_t len)
{
    u_char         *b;
    ngx_str_t       details;
    bo_password_e   verdict;

    verdict = bo_password_check(password->data, password->len, email, len);

    if (verdict == BO_PASSWORD_OK) {
        return NGX_OK;
    }

    b = ngx_pnalloc(ctx->request->pool, 64);
    if (b == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_DECLINED;
    }

    details.data = b;
    details.len = ngx_sprintf(b, "{\"reason\":\"%s\"}",
                              bo_password_reason(verdict))
                  - b;

    ngx_http_bo_error(ctx, NGX_HTTP_BO_E_PASSWORD, &details);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_bo_person_session(ngx_http_bo_ctx_t *ctx, ngx_str_t v[4])
{
    ngx_http_bo_person_t *p = ctx->data;

    p->refresh.generation = 1;

    if (ngx_bo_person_id(&p->refresh.session) != NGX_OK
        || ngx_bo_refresh_secret(p->accounts, &p->refresh) != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    bo_uuid_format((char *) p->session, &p->refresh.session);
    ngx_bo_refresh_hash(p->hash_text, &p->refresh);

    v[0].data = p->session;
    v[0].len = BO_UUID_LEN;
    v[1].data = p->hash_text;
    v[1].len = NGX_BO_REFRESH_HASH;
    v[2] = ngx_http_bo_person_number(p, 0, p->accounts->refresh);
    v[3] = ngx_http_bo_person_number(p, 1, p->accounts->session);

    return NGX_OK;
}


void
ngx_http_bo_person_tokens(ngx_http_bo_ctx_t *ctx, ngx_uint_t status)
{
    ngx_http_bo_person_t *p = ctx->data;

    u_char             *b;
    ngx_str_t           body, access, refresh;
    ngx_http_request_t  *r = ctx->request;

    b = ngx_pnalloc(r->pool, NGX_HTTP_BO_PROFILE_LEN(&p->person)
                             + 2 * (BO_JWT_MAX + NGX_BO_REFRESH_LEN));
    if (b == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    access.data = b;
    access.len = ngx_bo_access_token(p->accounts, &p->person.user,
                                     p->person.role, ngx_time(), b);
    b += access.len;

    refresh.data = b;
    refresh.len = NGX_BO_REFRESH_LEN;
    ngx_bo_refresh_format(b, &p->refresh);
    b += refresh.len;

    if (access.len == 0
        || (p->cookies
            && ngx_http_bo_person_cookies(ctx, &access, &refresh) != NGX_OK))
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = b;
    b = ngx_http_bo_put(b, "{\"user\":");
    b = ngx_http_bo_put_person(b, &p->person);
    b = ngx_http_bo_put_int(b, ",\"expiresIn\":", p->accounts->access);
    b = ngx_http_bo_put_int(b, ",\"refreshExpiresIn\":",
                            p->accounts->refresh);

    /* what is in cookies no script of a page needs to see */

    if (!p->cookies) {
        b = ngx_http_bo_put(b, ",\"tokenType\":\"Bearer\"");
        b = ngx_http_bo_put_plain(b, ",\"accessToken\":", &access);
        b = ngx_http_bo_put_plain(b, ",\"refreshToken\":", &refresh);
    }

    b = ngx_http_bo_put(b, "}");
    body.len = b - body.data;

    ngx_http_bo_send(ctx, status, &body);
}


void
ngx_http_bo_person_profile(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    u_char     *b;
    ngx_str_t   body;

    b = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_PROFILE_LEN(&p->person));
    if (b == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = b;
    body.len = ngx_http_bo_put_person(b, &p->person) - b;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


static u_char *
ngx_http_bo_put_person(u_char *b, ngx_bo_person_t *person)
{
    static ngx_str_t  roles[] = {
        ngx_string("CUSTOMER"),
        ngx_string("STAFF"),
        ngx_string("ADMIN")
    };

    b = ngx_http_bo_put_str(b, "{\"userId\":", &person->user);
    b = ngx_http_bo_put_str(b, ",\"email\":", &person->email);
    b = ngx_http_bo_put_str(b, ",\"name\":", &person->name);

    b = person->phone.len
        ? ngx_http_bo_put_str(b, ",\"phone\":", &person->phone)
        : ngx_http_bo_put(b, ",\"phone\":null");

    b = ngx_http_bo_put_plain(b, ",\"role\":", &roles[person->role]);
    b = ngx_http_bo_put_time(b, ",\"createdAt\":", person->created);
    b = ngx_http_bo_put_time(b, ",\"updatedAt\":", person->updated);

    return ngx_http_bo_put(b, "}");
}


/*
 * Beside the one of the access token.  It goes to the location of logging in
 * only, which the prefix "__Host-" does not allow.
 */

static ngx_str_t
ngx_http_bo_person_refresh_name(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    u_char     *b;
    ngx_str_t  *access, name;

    static const size_t  host = sizeof("__Host-") - 1;

    access = &p->accounts->source->cookie[0];

    b = ngx_pnalloc(ctx->request->pool,
                    access->len + sizeof("__Secure--refresh"));
    name.data = b;
    name.len = 0;

    if (b == NULL) {
        return name;
    }

    b = access->len > host
        && ngx_strncasecmp(access->data, (u_char *) "__Host-", host) == 0
        ? ngx_sprintf(b, "__Secure-%*s-refresh", access->len - host,
                      access->data + host)
        : ngx_sprintf(b, "%V-refresh", access);

    name.len = b - name.data;

    return name;
}


static ngx_int_t
ngx_http_bo_person_cookies(ngx_http_bo_ctx_t *ctx, ngx_str_t *access,
    ngx_str_t *refresh)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  name;

    name = ngx_http_bo_person_refresh_name(ctx);

    return name.len
           && ngx_http_bo_person_set_cookie(ctx,
                                         &p->accounts->source->cookie[0],
                                         access, 0, p->accounts->access)
              == NGX_OK
           ? ngx_http_bo_person_set_cookie(ctx, &name, refresh, 1,
                                           p->accounts->refresh)
           : NGX_ERROR;
}


/*
 * "Strict" for the one that is sent by our own pages only; "Lax" for the other
 * one, so that a link to a ticket shows it.  Writes by a cookie have to come
 * from a page of ours anyway: see ngx_http_bo_admit_user().
 */

static ngx_int_t
ngx_http_bo_person_set_cookie(ngx_http_bo_ctx_t *ctx, ngx_str_t *name,
    ngx_str_t *value, ngx_uint_t refresh, time_t age)
{
    u_char     *b;
    ngx_str_t   path, text;

    if (refresh) {
        path = ngx_http_bo_person_login_path(ctx);

    } else {
        ngx_str_set(&path, "/");
    }

    b = ngx_pnalloc(ctx->request->pool,
                    128 + name->len + value->len + path.len
                    + NGX_TIME_T_LEN);
    if (b == NULL) {
        return NGX_ERROR;
    }

    text.data = b;
    text.len = ngx_sprintf(b, "%V=%V; Path=%V; Max-Age=%T; HttpOnly; Secure; "
                           "SameSite=%s",
                           name, value, &path, age,
                           refresh ? "Strict" : "Lax")
               - b;

    return ngx_http_bo_header(ctx->request, "Set-Cookie", &text) ? NGX_OK
                                                                 : NGX_ERROR;
}


/*
 * Where a session is gone on with: here, or, for who is at /me, where one logs
 * in.  A cookie of another path would never be sent there.
 */

static ngx_str_t
ngx_http_bo_person_login_path(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_loc_conf_t    *lcf;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_bo_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_boxoffice_module);
    lcf = ngx_http_get_module_loc_conf(ctx->request,
                                       ngx_http_boxoffice_module);
    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);

    return lcf->actions == ngx_http_bo_login_actions
           || mcf->login_path.len == 0 ? clcf->name : mcf->login_path;
}


ngx_int_t
ngx_http_bo_person_cookie(ngx_http_bo_ctx_t *ctx, bo_str_t *token)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  name, value;

    if (p->accounts->source->ncookies == 0) {
        return NGX_DECLINED;
    }

    name = ngx_http_bo_person_refresh_name(ctx);

    if (name.len == 0
        || ngx_http_parse_multi_header_lines(&ctx->request->headers_in.cookies,
                                             &name, &value)
           == NGX_DECLINED)
    {
        return NGX_DECLINED;
    }

    token->data = (char *) value.data;
    token->len = value.len;

    return NGX_OK;
}


ngx_int_t
ngx_http_bo_person_forget(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_person_t *p = ctx->data;

    ngx_str_t  name;

    static ngx_str_t  empty = ngx_string("");

    if (p->accounts->source->ncookies == 0) {
        return NGX_OK;
    }

    name = ngx_http_bo_person_refresh_name(ctx);

    return name.len
           && ngx_http_bo_person_set_cookie(ctx,
                                         &p->accounts->source->cookie[0],
                                         &empty, 0, 0)
              == NGX_OK
           ? ngx_http_bo_person_set_cookie(ctx, &name, &empty, 1, 0)
           : NGX_ERROR;
}


ngx_str_t
ngx_http_bo_person_number(ngx_http_bo_person_t *p, ngx_uint_t i,
    int64_t value)
{
    ngx_str_t  text;

    text.data = p->number[i];
    text.len = ngx_sprintf(text.data, "%L", value) - text.data;

    return text;
}


ngx_str_t
ngx_http_bo_person_text(bo_str_t *s)
{
    ngx_str_t  text;

    text.data = (u_char *) s->data;
    text.len = s->len;

    return text;
}
