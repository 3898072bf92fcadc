
/*
 * Accounts over HTTP: what logging in and /me share.
 */


#ifndef _NGX_HTTP_BO_PEOPLE_H_INCLUDED_
#define _NGX_HTTP_BO_PEOPLE_H_INCLUDED_


#include "ngx_http_bo.h"
#include "store/ngx_bo_accounts.h"
#include "store/ngx_bo_people.h"


/* A request's; ctx->data. */

typedef struct {
    ngx_bo_person_t          person;        /* first: its call is the one */
    ngx_bo_accounts_t       *accounts;
    ngx_http_bo_run_pt       next;          /* when what is awaited is there */

    ngx_bo_hash_t           *hash;          /* under way, or NULL */
    ngx_bo_hash_e            result;        /* of the last one */
    ngx_str_t                phc;           /* that it made; len 0: none */

    ngx_str_t                throttle;      /* key that a token was taken of */

    ngx_bo_refresh_t         refresh;       /* that is to be given out */
    u_char                   session[BO_UUID_LEN];
    u_char                   hash_text[NGX_BO_REFRESH_HASH];
    u_char                   given_text[NGX_BO_REFRESH_HASH];
    u_char                   code_text[BO_TICKET_LEN];
    u_char                   number[3][NGX_INT64_LEN];

    /* fields of bodies */
    bo_str_t                 email;
    bo_str_t                 password;
    bo_str_t                 fresh;         /* the password to come */
    bo_str_t                 name;
    bo_str_t                 phone;
    bo_str_t                 token;
    bo_str_t                 code;
    int                      cookies;
    int                      everywhere;
} ngx_http_bo_person_t;


#define NGX_HTTP_BO_PASSWORD_FIELD                                            \
    { "password", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, password),   \
      1, 1, BO_PASSWORD_BYTES, 0, NULL }

#define NGX_HTTP_BO_EMAIL_FIELD                                               \
    { "email", BO_JSON_STRING, offsetof(ngx_http_bo_person_t, email),         \
      1, 3, BO_EMAIL_MAX, 0, NULL }

#define NGX_HTTP_BO_COOKIES_FIELD                                             \
    { "cookies", BO_JSON_BOOLEAN, offsetof(ngx_http_bo_person_t, cookies),    \
      0, 0, 0, 0, NULL }


/* Actions that the name in the path chooses; a table ends in one without. */

typedef struct {
    ngx_str_t                name;
    ngx_http_bo_run_pt       run;
} ngx_http_bo_named_t;

/* Runs the one of that name, or answers that there is none. */
void ngx_http_bo_person_named(ngx_http_bo_ctx_t *ctx,
    const ngx_http_bo_named_t *named);


/*
 * Begins a request: reads the body by fields (NULL: there is none).  NULL when
 * it was refused and the answer is on its way.
 */
ngx_http_bo_person_t *ngx_http_bo_person_begin(ngx_http_bo_ctx_t *ctx,
    const bo_json_field_t *fields);

/*
 * Asks PostgreSQL, and goes on with next when there is an answer; where there
 * is none the request is refused.
 */
void ngx_http_bo_person_ask(ngx_http_bo_ctx_t *ctx, ngx_bo_person_op_e op,
    ngx_str_t *values, ngx_http_bo_run_pt next);

/*
 * Makes the hash of a password, or checks one (phc NULL: nobody's); goes on
 * with next: p->result is NGX_BO_HASH_GOOD or NGX_BO_HASH_BAD.
 */
void ngx_http_bo_person_hash(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    ngx_http_bo_run_pt next);
void ngx_http_bo_person_verify(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    ngx_str_t *phc, ngx_http_bo_run_pt next);

/*
 * Takes a token of key's limit.  NGX_OK, or NGX_DONE: the answer is on its
 * way.  And gives it back to who has proved that it was not a guess; when the
 * database or the threads that hash did not answer, it comes back by itself.
 */
ngx_int_t ngx_http_bo_person_throttle(ngx_http_bo_ctx_t *ctx,
    const char *key, size_t len);
void ngx_http_bo_person_proved(ngx_http_bo_ctx_t *ctx);

/*
 * Whether a new password may be one of this address; NGX_OK, or NGX_DECLINED:
 * the answer is on its way.
 */
ngx_int_t ngx_http_bo_person_judge(ngx_http_bo_ctx_t *ctx, bo_str_t *password,
    const char *email, size_t len);

/*
 * A new session: fills p->refresh, p->session and p->hash_text, and v with the
 * parameters that statements have for one: session, hash of its token, and
 * how long a token and a session may live, in seconds.  NGX_OK, or NGX_ERROR:
 * the answer is on its way.
 */
ngx_int_t ngx_http_bo_person_session(ngx_http_bo_ctx_t *ctx, ngx_str_t v[4]);

/* Answers with the person, and with tokens (p->refresh) or their cookies. */
void ngx_http_bo_person_tokens(ngx_http_bo_ctx_t *ctx, ngx_uint_t status);

/* Answers with the person alone. */
void ngx_http_bo_person_profile(ngx_http_bo_ctx_t *ctx);

/* The refresh token of a cookie; NGX_OK or NGX_DECLINED. */
ngx_int_t ngx_http_bo_person_cookie(ngx_http_bo_ctx_t *ctx, bo_str_t *token);

/* Has the browser forget its cookies.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_bo_person_forget(ngx_http_bo_ctx_t *ctx);

/* An int as a parameter, in p->number[i]. */
ngx_str_t ngx_http_bo_person_number(ngx_http_bo_person_t *p, ngx_uint_t i,
    int64_t value);

/* A text of a body as a parameter; one that is not there is null. */
ngx_str_t ngx_http_bo_person_text(bo_str_t *s);


/* accounts_conf: the setter of "boxoffice_accounts", and its end. */

char *ngx_http_bo_accounts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_bo_accounts_init(ngx_conf_t *cf, ngx_http_bo_main_conf_t *mcf);

/* For init_process and exit_process; there may be no accounts. */

void ngx_http_bo_accounts_start(ngx_cycle_t *cycle,
    ngx_http_bo_main_conf_t *mcf);
void ngx_http_bo_accounts_stop(ngx_http_bo_main_conf_t *mcf);


#endif /* _NGX_HTTP_BO_PEOPLE_H_INCLUDED_ */
