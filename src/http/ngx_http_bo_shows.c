
/*
 * /shows and /screens: what is on, and how an administrator puts it on.
 */


#include "ngx_http_bo.h"
#include "booking/bo_time.h"
#include "store/ngx_bo_catalogue.h"


/* As the constraint show_prices_price_range has it. */

#define NGX_HTTP_BO_PRICE_MAX  100000000

/* msec; a show that was looked at longer ago is looked at again first. */

#define NGX_HTTP_BO_SHOW_FRESH  500


typedef struct {
    bo_str_t                 screen_id;
    bo_str_t                 movie_title;
    bo_str_t                 starts_at;
    int64_t                  duration;
    bo_str_t                 currency;
    bo_ints_t                prices;
    int                      orphan_rule;
} ngx_http_bo_show_body_t;


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_show_body_t  body;
    ngx_http_bo_page_t       page;
    ngx_str_t                answer;
    ngx_uint_t               status;
    ngx_http_bo_error_e      error;
    const char              *field;         /* of the error, or NULL */
} ngx_http_bo_show_t;


/* One row of a list, and how it is written. */

typedef u_char *(*ngx_http_bo_put_row_pt)(u_char *p, PGresult *res,
    ngx_int_t row);


static void ngx_http_bo_show_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_show_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static u_char *ngx_http_bo_put_show_row(u_char *p, PGresult *res,
    ngx_int_t row);
static void ngx_http_bo_show_read(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_show_woken(ngx_bo_call_t *call);
static void ngx_http_bo_show_found(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_show_create(ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_show_values(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *v);
static ngx_int_t ngx_http_bo_show_prices(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *names, ngx_str_t *prices);
static void ngx_http_bo_show_created(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_http_bo_show_made(ngx_http_bo_ctx_t *ctx, PGresult *res);
static void ngx_http_bo_show_seen(ngx_bo_call_t *call);
static ngx_http_bo_error_e ngx_http_bo_show_refusal(ngx_http_bo_show_t *s,
    const char *outcome);
static void ngx_http_bo_screen_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_screen_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static u_char *ngx_http_bo_put_screen_row(u_char *p, PGresult *res,
    ngx_int_t row);

static ngx_http_bo_show_t *ngx_http_bo_show_begin(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_show_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *v, ngx_bo_pg_handler_pt handler);
static ngx_int_t ngx_http_bo_show_items(ngx_http_bo_ctx_t *ctx,
    ngx_bo_verdict_e verdict, PGresult *res, ngx_int_t n,
    ngx_http_bo_put_row_pt put, const char *cursor);
static void ngx_http_bo_show_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_shows_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_show_list },

    { NGX_HTTP_POST, NGX_HTTP_BO_LIST, ngx_null_string,
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_show_create },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_show_read },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("seatmap"), 0,
      ngx_http_bo_seatmap },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("availability"), 0,
      ngx_http_bo_availability },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("events"), 0,
      ngx_http_bo_events },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("layout"), 0,
      ngx_http_bo_layout },

    { NGX_HTTP_POST, NGX_HTTP_BO_VERB, ngx_string("cancel"),
      NGX_HTTP_BO_ADMIN|NGX_HTTP_BO_BODY|NGX_HTTP_BO_KEY,
      ngx_http_bo_show_cancel },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("cancellation"),
      NGX_HTTP_BO_ADMIN,
      ngx_http_bo_show_cancellation },

    { 0, 0, ngx_null_string, 0, NULL }
};


ngx_http_bo_action_t  ngx_http_bo_screens_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_screen_list },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_screen_read },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_json_field_t  ngx_http_bo_show_fields[] = {

    { "screenId", BO_JSON_STRING,
      offsetof(ngx_http_bo_show_body_t, screen_id), 1, 1, 64, 0, NULL },

    { "movieTitle", BO_JSON_STRING,
      offsetof(ngx_http_bo_show_body_t, movie_title), 1, 1, 255, 0, NULL },

    { "startsAt", BO_JSON_STRING,
      offsetof(ngx_http_bo_show_body_t, starts_at), 1, 1, 64, 0, NULL },

    { "durationMinutes", BO_JSON_INTEGER,
      offsetof(ngx_http_bo_show_body_t, duration), 1, 1, 1440, 0, NULL },

    { "currency", BO_JSON_STRING,
      offsetof(ngx_http_bo_show_body_t, currency), 1, 3, 3, 0, NULL },

    { "prices", BO_JSON_INTEGERS,
      offsetof(ngx_http_bo_show_body_t, prices), 1, 1, BO_JSON_MAX_INTEGERS,
      NGX_HTTP_BO_PRICE_MAX, NULL },

    { "orphanRule", BO_JSON_BOOLEAN,
      offsetof(ngx_http_bo_show_body_t, orphan_rule), 0, 0, 0, 0, NULL },

    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


static ngx_bo_pg_statement_t  ngx_http_bo_list_shows = {
    "list_shows",
    "select show_id, starts_ms, movie_title, theatre_name, screen_name,"
    " timezone, ends_ms, status, currency, seats, min_price, max_price"
    " from boxoffice.list_shows($1::bigint, $2::uuid, $3::int)",
    3, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_list_screens = {
    "list_screens",
    "select screen_id, theatre_name, screen_name, seats, categories"
    " from boxoffice.list_screens()",
    0, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_create_show = {
    "create_show_once",
    "select outcome, show_id from boxoffice.create_show_once($1::text,"
    " $2::text, $3::text, $4::uuid, $5::text, $6::bigint, $7::int, $8::text,"
    " $9::text[], $10::int[], $11::boolean)",
    11, 1
};


/* GET /shows: by the time they start */

static void
ngx_http_bo_show_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t                 v[3];
    ngx_http_bo_show_t       *s;
    ngx_http_bo_page_room_t   room;

    s = ngx_http_bo_show_begin(ctx);
    if (s == NULL || ngx_http_bo_page(ctx, &s->page) != NGX_OK) {
        return;
    }

    /* those that have begun are not on sale any more */

    ngx_http_bo_page_values(&s->page, ngx_bo_now(), &room, v);

    ngx_http_bo_show_submit(ctx, &ngx_http_bo_list_shows, v,
                            ngx_http_bo_show_rows);
}


static void
ngx_http_bo_show_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    u_char               cursor[NGX_HTTP_BO_CURSOR_LEN + 1];
    ngx_int_t            n, rows;
    ngx_http_bo_show_t  *s = ctx->data;

    rows = verdict == NGX_BO_DONE ? PQntuples(res) : 0;
    n = ngx_min(rows, (ngx_int_t) s->page.limit);
    cursor[0] = '\0';

    if (rows > n) {
        ngx_sprintf(cursor, "%s_%s%Z", PQgetvalue(res, (int) n - 1, 1),
                    PQgetvalue(res, (int) n - 1, 0));
    }

    (void) ngx_http_bo_show_items(ctx, verdict, res, n,
                                  ngx_http_bo_put_show_row,
                                  (char *) cursor);

    ngx_http_bo_resume(ctx, ngx_http_bo_show_answer);
}


static u_char *
ngx_http_bo_put_column(u_char *p, const char *name, PGresult *res,
    ngx_int_t row, int column)
{
    ngx_str_t  value;

    value = ngx_bo_column(res, row, column);

    return ngx_http_bo_put_str(p, name, &value);
}


static u_char *
ngx_http_bo_put_show_row(u_char *p, PGresult *res, ngx_int_t row)
{
    p = ngx_http_bo_put_column(p, "{\"showId\":", res, row, 0);
    p = ngx_http_bo_put_column(p, ",\"movieTitle\":", res, row, 2);
    p = ngx_http_bo_put_column(p, ",\"theatreName\":", res, row, 3);
    p = ngx_http_bo_put_column(p, ",\"screenName\":", res, row, 4);
    p = ngx_http_bo_put_column(p, ",\"timezone\":", res, row, 5);
    p = ngx_http_bo_put_time(p, ",\"startsAt\":",
                             ngx_bo_column_int(res, row, 1));
    p = ngx_http_bo_put_time(p, ",\"endsAt\":",
                             ngx_bo_column_int(res, row, 6));
    p = ngx_http_bo_put_column(p, ",\"status\":", res, row, 7);
    p = ngx_http_bo_put_column(p, ",\"currency\":", res, row, 8);
    p = ngx_http_bo_put_int(p, ",\"seats\":", ngx_bo_column_int(res, row, 9));
    p = ngx_http_bo_put_int(p, ",\"minPrice\":",
                            ngx_bo_column_int(res, row, 10));
    p = ngx_http_bo_put_int(p, ",\"maxPrice\":",
                            ngx_bo_column_int(res, row, 11));

    return ngx_http_bo_put(p, "}");
}


/* GET /shows/{id} */

static void
ngx_http_bo_show_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_show_t  *s;

    s = ngx_http_bo_show_begin(ctx);
    if (s == NULL) {
        return;
    }

    s->call.done = ngx_http_bo_show_woken;
    ngx_http_bo_wait(ctx, &s->call);

    if (ngx_bo_show_fresh(ctx->store, &ctx->id, NGX_HTTP_BO_SHOW_FRESH,
                          &s->call)
        == NGX_OK)
    {
        s->call.outcome = NGX_BO_OK;
        ngx_http_bo_show_found(ctx);
    }
}


static void
ngx_http_bo_show_woken(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_show_found);
}


static void
ngx_http_bo_show_found(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_show_t *s = ctx->data;

    u_char         *p;
    uint32_t        i;
    ngx_str_t       name, body;
    bo_layout_t    *layout;
    ngx_bo_show_t  *show;

    /* PostgreSQL is away: as it was known last */

    if (s->call.outcome == NGX_BO_UNAVAILABLE && s->call.show) {
        s->call.outcome = NGX_BO_OK;
    }

    if (s->call.outcome == NGX_BO_NOT_FOUND) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_SHOW_NOT_FOUND, NULL);
        return;
    }

    if (s->call.outcome != NGX_BO_OK) {
        ngx_http_bo_error_outcome(ctx, s->call.outcome);
        return;
    }

    show = s->call.show;
    layout = &show->layout;

    p = ngx_pnalloc(ctx->request->pool,
                    512 + 6 * (show->movie.len + show->theatre.len
                               + show->screen.len + show->timezone.len)
                    + layout->ncategories * (6 * 255 + 64));
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    body.data = p;

    p = ngx_http_bo_put_uuid(p, "{\"showId\":", &show->id);
    p = ngx_http_bo_put_str(p, ",\"movieTitle\":", &show->movie);
    p = ngx_http_bo_put_str(p, ",\"theatreName\":", &show->theatre);
    p = ngx_http_bo_put_str(p, ",\"screenName\":", &show->screen);
    p = ngx_http_bo_put_str(p, ",\"timezone\":", &show->timezone);
    p = ngx_http_bo_put_time(p, ",\"startsAt\":", show->starts);
    p = ngx_http_bo_put_time(p, ",\"endsAt\":", show->ends);
    p = ngx_http_bo_put_str(p, ",\"status\":", &show->status);
    p = ngx_http_bo_put_str(p, ",\"currency\":", &show->currency);
    p = ngx_http_bo_put_int(p, ",\"seats\":", show->sellable);
    p = ngx_http_bo_put(p, show->orphan_rule ? ",\"orphanRule\":true"
                                             : ",\"orphanRule\":false");
    p = ngx_http_bo_put(p, ",\"prices\":{");

    for (i = 0; i < layout->ncategories; i++) {
        name.data = (u_char *) layout->categories[i].name;
        name.len = layout->categories[i].len;

        p = ngx_http_bo_put_str(p, i ? "," : "", &name);
        p = ngx_http_bo_put_int(p, ":", layout->categories[i].price);
    }

    p = ngx_http_bo_put(p, "}}");
    body.len = p - body.data;

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &body);
}


/* POST /shows: an administrator's */

static void
ngx_http_bo_show_create(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t            v[11];
    ngx_http_bo_show_t  *s;

    s = ngx_http_bo_show_begin(ctx);
    if (s == NULL) {
        return;
    }

    s->body.orphan_rule = 1;

    if (ngx_http_bo_read_json(ctx, ngx_http_bo_show_fields, &s->body)
        == NGX_OK
        && ngx_http_bo_show_values(ctx, v) == NGX_OK)
    {
        ngx_http_bo_show_submit(ctx, &ngx_http_bo_create_show, v,
                                ngx_http_bo_show_created);
    }
}


static ngx_int_t
ngx_http_bo_show_values(ngx_http_bo_ctx_t *ctx, ngx_str_t *v)
{
    ngx_http_bo_show_t *s = ctx->data;

    u_char                   *p;
    int64_t                   starts;
    const char               *invalid;
    bo_uuid_t                 screen;
    ngx_uint_t                i;
    ngx_http_bo_show_body_t  *body = &s->body;

    invalid = NULL;

    if (bo_uuid_parse(&screen, body->screen_id.data, body->screen_id.len)
        != 0)
    {
        invalid = "screenId";

    } else if (bo_time_parse(&starts, body->starts_at.data,
                             body->starts_at.len) != 0
               || starts <= ngx_bo_now())
    {
        invalid = "startsAt";
    }

    for (i = 0; i < 3; i++) {
        if (body->currency.data[i] < 'A' || body->currency.data[i] > 'Z') {
            invalid = "currency";
        }
    }

    if (invalid) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_FIELD, invalid);
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->request->pool,
                    BO_UUID_LEN + NGX_INT64_LEN + NGX_INT64_LEN);
    if (p == NULL
        || ngx_http_bo_show_prices(ctx, &v[8], &v[9]) != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    v[0] = ctx->user;
    v[1].data = ctx->idempotency.key;
    v[1].len = NGX_BO_KEY_LEN;
    v[2].data = ctx->idempotency.fingerprint;
    v[2].len = NGX_BO_FINGERPRINT_LEN;

    v[3].data = p;
    v[3].len = BO_UUID_LEN;
    bo_uuid_format((char *) p, &screen);
    p += BO_UUID_LEN;

    v[4].data = (u_char *) body->movie_title.data;
    v[4].len = body->movie_title.len;

    v[5].data = p;
    p = ngx_sprintf(p, "%L", starts);
    v[5].len = p - v[5].data;

    v[6].data = p;
    p = ngx_sprintf(p, "%L", body->duration);
    v[6].len = p - v[6].data;

    v[7].data = (u_char *) body->currency.data;
    v[7].len = body->currency.len;

    v[10].data = (u_char *) (body->orphan_rule ? "t" : "f");
    v[10].len = 1;

    return NGX_OK;
}


/* Array literals; a name is quoted, and its quotes and backslashes escaped. */

static ngx_int_t
ngx_http_bo_show_prices(ngx_http_bo_ctx_t *ctx, ngx_str_t *names,
    ngx_str_t *prices)
{
    ngx_http_bo_show_t *s = ctx->data;

    u_char      *n, *p;
    size_t       len, i, k;
    bo_ints_t   *ints = &s->body.prices;
    const char  *name;

    len = 2;

    for (i = 0; i < ints->n; i++) {
        len += 2 * ints->names[i].len + 3;
    }

    n = ngx_pnalloc(ctx->request->pool, len);
    p = ngx_pnalloc(ctx->request->pool, 2 + ints->n * (NGX_INT64_LEN + 1));

    if (n == NULL || p == NULL) {
        return NGX_ERROR;
    }

    names->data = n;
    prices->data = p;

    for (i = 0; i < ints->n; i++) {
        *n++ = i ? ',' : '{';
        *p++ = i ? ',' : '{';
        *n++ = '"';

        name = ints->names[i].data;

        for (k = 0; k < ints->names[i].len; k++) {
            if (name[k] == '"' || name[k] == '\\') {
                *n++ = '\\';
            }

            *n++ = name[k];
        }

        *n++ = '"';
        p = ngx_sprintf(p, "%L", ints->values[i]);
    }

    *n++ = '}';
    *p++ = '}';

    names->len = n - names->data;
    prices->len = p - prices->data;

    return NGX_OK;
}


static void
ngx_http_bo_show_created(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_show_t  *s = ctx->data;

    s->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN) {
        s->error = NGX_HTTP_BO_E_IN_DOUBT;

    } else if (verdict == NGX_BO_DONE
               && PQresultStatus(res) == PGRES_TUPLES_OK
               && PQntuples(res) == 1)
    {
        ngx_http_bo_show_made(ctx, res);
    }

    /* The catalogue's pages of this node have it when it is answered. */

    s->call.done = ngx_http_bo_show_seen;

    if (s->status
        && ngx_bo_catalogue_changed(ctx->store, &s->call) == NGX_AGAIN)
    {
        return;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_show_answer);
}


static void
ngx_http_bo_show_made(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_show_t *s = ctx->data;

    u_char     *p;
    ngx_str_t   outcome;

    outcome = ngx_bo_column(res, 0, 0);

    if (PQgetisnull(res, 0, 1)) {
        s->error = ngx_http_bo_show_refusal(s, (char *) outcome.data);
        return;
    }

    if (ngx_strcmp(outcome.data, "replayed") == 0) {
        ngx_http_bo_replayed(ctx);
    }

    p = ngx_pnalloc(ctx->request->pool, 64);
    if (p == NULL) {
        return;
    }

    s->answer.data = p;
    p = ngx_http_bo_put_column(p, "{\"showId\":", res, 0, 1);
    p = ngx_http_bo_put(p, "}");
    s->answer.len = p - s->answer.data;
    s->status = NGX_HTTP_CREATED;
}


static ngx_http_bo_error_e
ngx_http_bo_show_refusal(ngx_http_bo_show_t *s, const char *outcome)
{
    ngx_uint_t  i;

    static const struct {
        const char           *outcome;
        ngx_http_bo_error_e   error;
    } refusals[] = {
        { "no_screen", NGX_HTTP_BO_E_SCREEN_NOT_FOUND },
        { "clash", NGX_HTTP_BO_E_SHOW_CLASH },
        { "key_reused", NGX_HTTP_BO_E_KEY_REUSED },
        { "bad_prices", NGX_HTTP_BO_E_PRICES },
        { "past", NGX_HTTP_BO_E_INVALID_FIELD },
        { "invalid", NGX_HTTP_BO_E_INVALID_FIELD },
        { NULL, NGX_HTTP_BO_E_INTERNAL }
    };

    for (i = 0; refusals[i].outcome; i++) {
        if (ngx_strcmp(refusals[i].outcome, outcome) == 0) {
            break;
        }
    }

    if (ngx_strcmp(outcome, "past") == 0) {
        s->field = "startsAt";
    }

    return refusals[i].error;
}


static void
ngx_http_bo_show_seen(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_show_answer);
}


/* GET /screens: where shows can be put on */

static void
ngx_http_bo_screen_list(ngx_http_bo_ctx_t *ctx)
{
    if (ngx_http_bo_show_begin(ctx) != NULL) {
        ngx_http_bo_show_submit(ctx, &ngx_http_bo_list_screens, NULL,
                                ngx_http_bo_screen_rows);
    }
}


static void
ngx_http_bo_screen_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    (void) ngx_http_bo_show_items(data, verdict, res,
                                  verdict == NGX_BO_DONE ? PQntuples(res) : 0,
                                  ngx_http_bo_put_screen_row, "");

    ngx_http_bo_resume(data, ngx_http_bo_show_answer);
}


static u_char *
ngx_http_bo_put_screen_row(u_char *p, PGresult *res, ngx_int_t row)
{
    ngx_str_t  categories, name;

    p = ngx_http_bo_put_column(p, "{\"screenId\":", res, row, 0);
    p = ngx_http_bo_put_column(p, ",\"theatreName\":", res, row, 1);
    p = ngx_http_bo_put_column(p, ",\"screenName\":", res, row, 2);
    p = ngx_http_bo_put_int(p, ",\"seats\":", ngx_bo_column_int(res, row, 3));
    p = ngx_http_bo_put(p, ",\"categories\":[");

    categories = ngx_bo_column(res, row, 4);
    name.data = categories.data;

    for (name.len = 0; categories.len; categories.len--) {
        if (name.data[name.len] == ',') {
            p = ngx_http_bo_put_str(p, "", &name);
            *p++ = ',';
            name.data += name.len + 1;
            name.len = 0;

        } else {
            name.len++;
        }
    }

    p = ngx_http_bo_put_str(p, "", &name);

    return ngx_http_bo_put(p, "]}");
}


static ngx_http_bo_show_t *
ngx_http_bo_show_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_show_t  *s;

    s = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_show_t));
    if (s == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    s->call.data = ctx;
    s->call.store = ctx->store;
    s->error = NGX_HTTP_BO_E_UNAVAILABLE;
    ctx->data = s;

    return s;
}


static void
ngx_http_bo_show_submit(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *v, ngx_bo_pg_handler_pt handler)
{
    ngx_http_bo_show_t *s = ctx->data;

    ngx_http_bo_wait(ctx, &s->call);

    s->call.pg = ngx_bo_pg_submit(ctx->store->pg, st, v, handler, ctx);

    if (s->call.pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


/* Writes {"items":[...],"nextCursor":...} of the first n rows. */

static ngx_int_t
ngx_http_bo_show_items(ngx_http_bo_ctx_t *ctx, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t n, ngx_http_bo_put_row_pt put,
    const char *cursor)
{
    int                  column;
    u_char              *p;
    size_t               len;
    ngx_int_t            i;
    ngx_http_bo_show_t  *s = ctx->data;

    s->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        return NGX_ERROR;
    }

    len = 256;

    for (i = 0; i < n; i++) {
        len += 384;

        for (column = 0; column < PQnfields(res); column++) {
            len += 6 * PQgetlength(res, (int) i, column);
        }
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->answer.data = p;
    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = put(p, res, i);
    }

    p = ngx_http_bo_put(p, "],\"nextCursor\":");

    if (*cursor) {
        p = ngx_sprintf(p, "\"%s\"}", cursor);

    } else {
        p = ngx_http_bo_put(p, "null}");
    }

    s->answer.len = p - s->answer.data;
    s->status = NGX_HTTP_OK;

    return NGX_OK;
}


static void
ngx_http_bo_show_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_show_t *s = ctx->data;

    if (s->status == 0 && s->field) {
        ngx_http_bo_error_field(ctx, s->error, s->field);
        return;
    }

    if (s->status == 0) {
        ngx_http_bo_error(ctx, s->error, NULL);
        return;
    }

    ngx_http_bo_send(ctx, s->status, &s->answer);
}
