
/*
 * People and their sessions.
 */


#include "ngx_bo_people.h"

#include "ngx_bo_shows.h"


/* The columns of person_columns, and until when a code is good. */

enum {
    ngx_bo_col_outcome = 0,
    ngx_bo_col_user,
    ngx_bo_col_role,
    ngx_bo_col_email,
    ngx_bo_col_name,
    ngx_bo_col_phone,
    ngx_bo_col_created,
    ngx_bo_col_updated,
    ngx_bo_col_password,
    ngx_bo_col_seen,
    ngx_bo_col_until
};


static void ngx_bo_person_row(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_bo_outcome_e ngx_bo_person_verdict(ngx_bo_person_t *p,
    ngx_bo_verdict_e verdict, PGresult *res);
static ngx_int_t ngx_bo_person_read(ngx_bo_person_t *p, PGresult *res);
static ngx_int_t ngx_bo_person_keep(ngx_bo_person_t *p, ngx_str_t *text,
    PGresult *res, int column);


#define NGX_BO_PERSON_COLUMNS                                                 \
    "select outcome, user_id, role, email, name, phone, created_ms,"          \
    " updated_ms, password, seen, null from boxoffice."

#define NGX_BO_PERSON_COUNT                                                   \
    "select case when n > 0 then 'ended' else 'unknown' end, null, null,"     \
    " null, null, null, null, null, null, null, null from boxoffice."

#define NGX_BO_PERSON_UNTIL                                                   \
    "select case when until_ms > 0 then 'created' else 'forbidden' end,"      \
    " null, null, null, null, null, null, null, null, null, until_ms"         \
    " from boxoffice."

/* In the order of ngx_bo_person_op_e. */

static ngx_bo_pg_statement_t  ngx_bo_person_statements[] = {

    { "person_by_email",
      NGX_BO_PERSON_COLUMNS "person_by_email($1::text)", 1, 1 },

    { "person_by_id",
      NGX_BO_PERSON_COLUMNS "person_by_id($1::text)", 1, 1 },

    { "register_person",
      NGX_BO_PERSON_COLUMNS "register_person($1::text, $2::text, $3::text,"
      " $4::text, $5::text, $6::uuid, $7::text, $8::int, $9::int)", 9, 1 },

    { "open_session",
      NGX_BO_PERSON_COLUMNS "open_session($1::text, $2::bigint, $3::text,"
      " $4::uuid, $5::text, $6::int, $7::int)", 7, 1 },

    { "refresh_session",
      NGX_BO_PERSON_COLUMNS "refresh_session($1::uuid, $2::int, $3::text,"
      " $4::text, $5::int, $6::int)", 6, 1 },

    { "end_session",
      NGX_BO_PERSON_COUNT "end_session($1::uuid, $2::text) n", 2, 1 },

    { "end_sessions",
      NGX_BO_PERSON_COUNT "end_sessions($1::text) n", 1, 1 },

    { "update_person",
      NGX_BO_PERSON_COLUMNS "update_person($1::text, $2::text, $3::text)",
      3, 1 },

    { "change_password",
      NGX_BO_PERSON_COLUMNS "change_password($1::text, $2::bigint, $3::text,"
      " $4::uuid, $5::text, $6::int, $7::int)", 7, 1 },

    { "change_email",
      NGX_BO_PERSON_COLUMNS "change_email($1::text, $2::bigint, $3::text)",
      3, 1 },

    { "make_reset_code",
      NGX_BO_PERSON_UNTIL "make_reset_code($1::text, $2::text, $3::int,"
      " $4::text) until_ms", 4, 1 },

    { "person_by_reset_code",
      NGX_BO_PERSON_COLUMNS "person_by_reset_code($1::text)", 1, 1 },

    { "reset_password",
      NGX_BO_PERSON_COLUMNS "reset_password($1::text, $2::text, $3::uuid,"
      " $4::text, $5::int, $6::int)", 6, 1 },

    { "change_role",
      NGX_BO_PERSON_COLUMNS "change_role($1::text, $2::text, $3::text)",
      3, 1 },

    { "erase_person",
      NGX_BO_PERSON_COLUMNS "erase_person($1::text, $2::bigint, $3::text)",
      3, 1 }
};


/* In the order of ngx_bo_person_e. */

static ngx_str_t  ngx_bo_person_words[] = {
    ngx_string("unknown"),
    ngx_string("found"),
    ngx_string("created"),
    ngx_string("taken"),
    ngx_string("opened"),
    ngx_string("changed"),
    ngx_string("stale"),
    ngx_string("rotated"),
    ngx_string("again"),
    ngx_string("reused"),
    ngx_string("expired"),
    ngx_string("ended"),
    ngx_string("erased"),
    ngx_string("forbidden")
};

#define NGX_BO_PERSON_WORDS                                                   \
    (sizeof(ngx_bo_person_words) / sizeof(ngx_bo_person_words[0]))


ngx_int_t
ngx_bo_person_ask(ngx_bo_person_t *p, ngx_bo_person_op_e op, ngx_str_t *values)
{
    p->op = op;
    p->came = NGX_BO_PERSON_NONE;
    p->call.pg = ngx_bo_pg_submit(p->call.store->pg,
                                  &ngx_bo_person_statements[op], values,
                                  ngx_bo_person_row, p);

    return p->call.pg ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_bo_person_row(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_person_t *p = data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_person_verdict(p, verdict, res);

    if (outcome == NGX_BO_OK && PQntuples(res) > 0
        && ngx_bo_person_read(p, res) != NGX_OK)
    {
        outcome = NGX_BO_UNAVAILABLE;
    }

    ngx_bo_call_done(&p->call, outcome);
}


/*
 * What is only read, or may be done once more, was not done when no answer
 * came; what can only be done once may have been.  The error of a statement
 * quotes what somebody sent: it is not logged.
 */

static ngx_bo_outcome_e
ngx_bo_person_verdict(ngx_bo_person_t *p, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    p->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN
        && (p->op == NGX_BO_PERSON_REGISTER || p->op == NGX_BO_PERSON_PASSWORD
            || p->op == NGX_BO_PERSON_EMAIL || p->op == NGX_BO_PERSON_RESET))
    {
        return NGX_BO_IN_DOUBT;
    }

    if (verdict != NGX_BO_DONE) {
        return NGX_BO_UNAVAILABLE;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, p->call.store->log, 0,
                      "boxoffice: %s() failed: SQLSTATE %s",
                      ngx_bo_person_statements[p->op].name,
                      PQresultErrorField(res, PG_DIAG_SQLSTATE));
        return NGX_BO_UNAVAILABLE;
    }

    return NGX_BO_OK;
}


static ngx_int_t
ngx_bo_person_read(ngx_bo_person_t *p, PGresult *res)
{
    ngx_str_t   word;
    ngx_uint_t  i;

    word = ngx_bo_column(res, 0, ngx_bo_col_outcome);

    for (i = 0; i < NGX_BO_PERSON_WORDS; i++) {
        if (ngx_bo_person_words[i].len == word.len
            && ngx_memcmp(ngx_bo_person_words[i].data, word.data, word.len)
               == 0)
        {
            break;
        }
    }

    if (i == NGX_BO_PERSON_WORDS) {
        return NGX_ERROR;
    }

    p->came = i;
    word = ngx_bo_column(res, 0, ngx_bo_col_role);
    p->role = bo_role_parse((char *) word.data, word.len);
    p->created = ngx_bo_column_int(res, 0, ngx_bo_col_created);
    p->updated = ngx_bo_column_int(res, 0, ngx_bo_col_updated);
    p->until = ngx_bo_column_int(res, 0, ngx_bo_col_until);

    return ngx_bo_person_keep(p, &p->user, res, ngx_bo_col_user) == NGX_OK
           && ngx_bo_person_keep(p, &p->email, res, ngx_bo_col_email) == NGX_OK
           && ngx_bo_person_keep(p, &p->name, res, ngx_bo_col_name) == NGX_OK
           && ngx_bo_person_keep(p, &p->phone, res, ngx_bo_col_phone) == NGX_OK
           && ngx_bo_person_keep(p, &p->password, res, ngx_bo_col_password)
              == NGX_OK
           && ngx_bo_person_keep(p, &p->seen, res, ngx_bo_col_seen) == NGX_OK
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_bo_person_keep(ngx_bo_person_t *p, ngx_str_t *text, PGresult *res,
    int column)
{
    ngx_str_t  value;

    value = ngx_bo_column(res, 0, column);

    text->len = value.len;
    text->data = NULL;

    if (value.len == 0) {
        return NGX_OK;
    }

    text->data = ngx_pstrdup(p->pool, &value);

    return text->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_bo_person_id(bo_uuid_t *id)
{
    if (ngx_bo_random(id->bytes, sizeof(id->bytes)) != NGX_OK) {
        return NGX_ERROR;
    }

    id->bytes[6] = (u_char) (0x40 | (id->bytes[6] & 0x0f));
    id->bytes[8] = (u_char) (0x80 | (id->bytes[8] & 0x3f));

    return NGX_OK;
}
