
/*
 * /movies, /theatres, /screens/{id}: the catalogue.  PostgreSQL writes the
 * pages; here is what may be asked for, and how long others may keep it.
 */


#include "ngx_http_bo.h"
#include "booking/bo_query.h"
#include "store/ngx_bo_catalogue.h"


#define NGX_HTTP_BO_MINUTE  60000       /* msec */


/*
 * A kind of page.  Its statement has the id of the path as first parameter
 * when by_id is set, then one for each field of the query, in their order.
 */

typedef struct {
    ngx_bo_pg_statement_t    statement;
    const bo_query_field_t  *fields;
    ngx_str_t                control;       /* Cache-Control */
    int64_t                  life;          /* in our own memory, msec */
    ngx_http_bo_error_e      missing;
    ngx_uint_t               by_id;
} ngx_http_bo_page_kind_t;


typedef struct {
    ngx_bo_page_t             page;
    ngx_http_bo_page_kind_t  *kind;
} ngx_http_bo_catalogue_t;


static void ngx_http_bo_movie_list(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_movie_read(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_movie_days(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_movie_shows(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_search(ngx_http_bo_ctx_t *ctx);
static void ngx_http_bo_suggest(ngx_http_bo_ctx_t *ctx);

static void ngx_http_bo_catalogue(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_page_kind_t *kind);
static ngx_int_t ngx_http_bo_catalogue_query(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_catalogue_t *c);
static ngx_int_t ngx_http_bo_catalogue_key(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_catalogue_t *c);
static void ngx_http_bo_catalogue_got(ngx_bo_call_t *call);
static void ngx_http_bo_catalogue_answer(ngx_http_bo_ctx_t *ctx);


ngx_http_bo_action_t  ngx_http_bo_movies_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_movie_list },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_movie_read },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("availability"), 0,
      ngx_http_bo_movie_days },

    { NGX_HTTP_GET, NGX_HTTP_BO_VERB, ngx_string("shows"), 0,
      ngx_http_bo_movie_shows },

    { 0, 0, ngx_null_string, 0, NULL }
};


/* A path with a name, of which there is one. */

ngx_http_bo_action_t  ngx_http_bo_search_actions[] = {

    { NGX_HTTP_GET, NGX_HTTP_BO_LIST, ngx_null_string, 0,
      ngx_http_bo_search },

    { NGX_HTTP_GET, NGX_HTTP_BO_ONE, ngx_null_string, 0,
      ngx_http_bo_suggest },

    { 0, 0, ngx_null_string, 0, NULL }
};


static const bo_query_field_t  ngx_http_bo_no_fields[] = {
    { NULL, BO_QUERY_TEXT, 0, 0 }
};

static const bo_query_field_t  ngx_http_bo_movie_fields[] = {
    { "limit", BO_QUERY_NUMBER, 1, 100 },
    { "cursor", BO_QUERY_UUID, 0, 0 },
    { "language", BO_QUERY_TEXT, 1, 64 },
    { "genre", BO_QUERY_TEXT, 1, 64 },
    { "format", BO_QUERY_TEXT, 1, 64 },
    { "date", BO_QUERY_DATE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};

static const bo_query_field_t  ngx_http_bo_program_fields[] = {
    { "date", BO_QUERY_DATE, 0, 0 },
    { "limit", BO_QUERY_NUMBER, 1, 100 },
    { "cursor", BO_QUERY_UUID, 0, 0 },
    { "near", BO_QUERY_PLACE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};

static const bo_query_field_t  ngx_http_bo_day_fields[] = {
    { "date", BO_QUERY_DATE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};

static const bo_query_field_t  ngx_http_bo_theatre_fields[] = {
    { "limit", BO_QUERY_NUMBER, 1, 100 },
    { "cursor", BO_QUERY_UUID, 0, 0 },
    { "city", BO_QUERY_TEXT, 1, 255 },
    { "near", BO_QUERY_PLACE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};


static const bo_query_field_t  ngx_http_bo_search_fields[] = {
    { "q", BO_QUERY_TEXT, 1, 100 },
    { "limit", BO_QUERY_NUMBER, 1, 50 },
    { "language", BO_QUERY_TEXT, 1, 64 },
    { "genre", BO_QUERY_TEXT, 1, 64 },
    { "format", BO_QUERY_TEXT, 1, 64 },
    { "date", BO_QUERY_DATE, 0, 0 },
    { "near", BO_QUERY_PLACE, 0, 0 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};

static const bo_query_field_t  ngx_http_bo_suggest_fields[] = {
    { "q", BO_QUERY_TEXT, 1, 100 },
    { "limit", BO_QUERY_NUMBER, 1, 20 },
    { NULL, BO_QUERY_TEXT, 0, 0 }
};


/*
 * What is kept here goes when it changes; its life is for what changes by
 * itself: shows begin.
 *
 * s-maxage is for the CDN, which can be told of changes; a browser cannot, and
 * asks again after a minute, which costs it a 304.
 */

static ngx_http_bo_page_kind_t  ngx_http_bo_list_movies = {
    { "list_movies",
      "select outcome, body, tags from boxoffice.list_movies("
      "coalesce($1::int, 20), $2::uuid, $3::text, $4::text, $5::text,"
      " $6::date)",
      6, 1 },
    ngx_http_bo_movie_fields,
    ngx_string("public, max-age=60, s-maxage=300"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_NOT_FOUND, 0
};

static ngx_http_bo_page_kind_t  ngx_http_bo_movie_page = {
    { "movie_page",
      "select outcome, body, tags from boxoffice.movie_page($1::uuid)", 1, 1 },
    ngx_http_bo_no_fields,
    ngx_string("public, max-age=60, s-maxage=3600"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_MOVIE_NOT_FOUND, 1
};

static ngx_http_bo_page_kind_t  ngx_http_bo_movie_days_page = {
    { "movie_days",
      "select outcome, body, tags from boxoffice.movie_days($1::uuid)", 1, 1 },
    ngx_http_bo_no_fields,
    ngx_string("public, max-age=60"), NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_MOVIE_NOT_FOUND, 1
};

static ngx_http_bo_page_kind_t  ngx_http_bo_movie_shows_page = {
    { "movie_shows",
      "select outcome, body, tags from boxoffice.movie_shows($1::uuid,"
      " $2::date, coalesce($3::int, 20), $4::uuid,"
      " split_part($5::text, ',', 1)::float8,"
      " split_part($5::text, ',', 2)::float8)", 5, 1 },
    ngx_http_bo_program_fields,
    ngx_string("public, max-age=60"), NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_MOVIE_NOT_FOUND, 1
};

static ngx_http_bo_page_kind_t  ngx_http_bo_list_theatres = {
    { "list_theatres",
      "select outcome, body, tags from boxoffice.list_theatres("
      "coalesce($1::int, 20), $2::uuid, $3::text,"
      " split_part($4::text, ',', 1)::float8,"
      " split_part($4::text, ',', 2)::float8)", 4, 1 },
    ngx_http_bo_theatre_fields,
    ngx_string("public, max-age=60, s-maxage=86400"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_NOT_FOUND, 0
};

static ngx_http_bo_page_kind_t  ngx_http_bo_theatre_page = {
    { "theatre_page",
      "select outcome, body, tags from boxoffice.theatre_page($1::uuid)",
      1, 1 },
    ngx_http_bo_no_fields,
    ngx_string("public, max-age=60, s-maxage=86400"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_THEATRE_NOT_FOUND, 1
};

static ngx_http_bo_page_kind_t  ngx_http_bo_theatre_shows_page = {
    { "theatre_shows",
      "select outcome, body, tags from boxoffice.theatre_shows($1::uuid,"
      " $2::date)", 2, 1 },
    ngx_http_bo_day_fields,
    ngx_string("public, max-age=60"), NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_THEATRE_NOT_FOUND, 1
};

static ngx_http_bo_page_kind_t  ngx_http_bo_screen_page = {
    { "screen_page",
      "select outcome, body, tags from boxoffice.screen_page($1::uuid)", 1, 1 },
    ngx_http_bo_no_fields,
    ngx_string("public, max-age=60, s-maxage=86400"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_SCREEN_NOT_FOUND, 1
};


static ngx_http_bo_page_kind_t  ngx_http_bo_search_page = {
    { "search_page",
      "select outcome, body, tags from boxoffice.search_page($1::text,"
      " coalesce($2::int, 20), $3::text, $4::text, $5::text, $6::date,"
      " split_part($7::text, ',', 1)::float8,"
      " split_part($7::text, ',', 2)::float8)", 7, 1 },
    ngx_http_bo_search_fields,
    ngx_string("public, max-age=60"), NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_NOT_FOUND, 0
};

static ngx_http_bo_page_kind_t  ngx_http_bo_suggest_page = {
    { "suggest_page",
      "select outcome, body, tags from boxoffice.suggest_page($1::text,"
      " coalesce($2::int, 10))", 2, 1 },
    ngx_http_bo_suggest_fields,
    ngx_string("public, max-age=60, s-maxage=300"), 5 * NGX_HTTP_BO_MINUTE,
    NGX_HTTP_BO_E_NOT_FOUND, 0
};


static void
ngx_http_bo_movie_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_list_movies);
}


static void
ngx_http_bo_movie_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_movie_page);
}


static void
ngx_http_bo_movie_days(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_movie_days_page);
}


static void
ngx_http_bo_movie_shows(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_movie_shows_page);
}


void
ngx_http_bo_theatre_list(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_list_theatres);
}


void
ngx_http_bo_theatre_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_theatre_page);
}


void
ngx_http_bo_theatre_shows(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_theatre_shows_page);
}


void
ngx_http_bo_screen_read(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_screen_page);
}


static void
ngx_http_bo_search(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue(ctx, &ngx_http_bo_search_page);
}


/* GET /search/suggest: there is nothing to go on from without a text */

static void
ngx_http_bo_suggest(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  q;

    if (ctx->name.len != sizeof("suggest") - 1
        || ngx_memcmp(ctx->name.data, "suggest", ctx->name.len) != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    if (ngx_http_bo_arg(ctx, "q", &q) != NGX_OK) {
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_QUERY, "q");
        return;
    }

    ngx_http_bo_catalogue(ctx, &ngx_http_bo_suggest_page);
}


static void
ngx_http_bo_catalogue(ngx_http_bo_ctx_t *ctx, ngx_http_bo_page_kind_t *kind)
{
    ngx_http_bo_catalogue_t  *c;

    c = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_catalogue_t));
    if (c == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = c;

    c->kind = kind;
    c->page.statement = &kind->statement;
    c->page.pool = ctx->request->pool;
    c->page.life = kind->life;
    c->page.call.data = ctx;
    c->page.call.store = ctx->store;
    c->page.call.done = ngx_http_bo_catalogue_got;

    ngx_http_bo_etag_have(ctx, &c->page.have);

    if (ngx_http_bo_catalogue_query(ctx, c) != NGX_OK) {
        return;
    }

    ngx_http_bo_wait(ctx, &c->page.call);

    switch (ngx_bo_page_get(ctx->store, &c->page)) {

    case NGX_OK:
        c->page.call.outcome = NGX_BO_OK;
        ngx_http_bo_catalogue_answer(ctx);
        return;

    case NGX_AGAIN:
        return;

    default:
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static ngx_int_t
ngx_http_bo_catalogue_query(ngx_http_bo_ctx_t *ctx,
    ngx_http_bo_catalogue_t *c)
{
    char                *buf;
    ngx_uint_t           i, n;
    const char          *bad;
    ngx_http_request_t  *r = ctx->request;
    bo_query_value_t     values[BO_QUERY_MAX_FIELDS];

    n = c->kind->by_id;

    buf = ngx_pnalloc(r->pool, BO_UUID_LEN + ngx_min(r->args.len,
                                                     BO_QUERY_MAX));
    if (buf == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    if (n) {
        bo_uuid_format(buf, &ctx->id);
        c->page.values[0].data = (u_char *) buf;
        c->page.values[0].len = BO_UUID_LEN;
    }

    if (bo_query_parse(values, buf + BO_UUID_LEN, c->kind->fields,
                       (char *) r->args.data, r->args.len, &bad)
        != 0)
    {
        if (bad) {
            ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_QUERY, bad);

        } else {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        }

        return NGX_ERROR;
    }

    for (i = 0; c->kind->fields[i].name; i++, n++) {
        c->page.values[n].data = (u_char *) values[i].data;
        c->page.values[n].len = values[i].len;
    }

    return ngx_http_bo_catalogue_key(ctx, c);
}


/* No value has a control character, so what stands between them is no part. */

static ngx_int_t
ngx_http_bo_catalogue_key(ngx_http_bo_ctx_t *ctx, ngx_http_bo_catalogue_t *c)
{
    u_char                 *p;
    size_t                  len;
    ngx_uint_t              i;
    ngx_bo_pg_statement_t  *st = c->page.statement;

    len = ngx_strlen(st->name);

    for (i = 0; i < st->nparams; i++) {
        len += 1 + c->page.values[i].len;
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NGX_ERROR;
    }

    c->page.key.data = p;
    c->page.key.len = len;

    p = ngx_http_bo_put(p, st->name);

    for (i = 0; i < st->nparams; i++) {
        *p++ = '\n';
        p = ngx_cpymem(p, c->page.values[i].data, c->page.values[i].len);
    }

    return NGX_OK;
}


static void
ngx_http_bo_catalogue_got(ngx_bo_call_t *call)
{
    ngx_http_bo_resume(call->data, ngx_http_bo_catalogue_answer);
}


static void
ngx_http_bo_catalogue_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_catalogue_t *c = ctx->data;

    ngx_str_t  etag;

    static ngx_str_t  no_cache = ngx_string("no-cache");

    switch (c->page.call.outcome) {

    case NGX_BO_OK:
        break;

    case NGX_BO_NOT_FOUND:
        ngx_http_bo_error(ctx, c->kind->missing, NULL);
        return;

    case NGX_BO_BAD_CURSOR:
        ngx_http_bo_error_field(ctx, NGX_HTTP_BO_E_INVALID_QUERY, "cursor");
        return;

    default:
        ngx_http_bo_error_outcome(ctx, c->page.call.outcome);
        return;
    }

    etag.data = c->page.etag;
    etag.len = NGX_BO_ETAG_LEN;

    /* what is stale must not be kept by others, who would not know */

    if (ngx_http_bo_etag(ctx, &etag, c->page.stale ? &no_cache
                                                   : &c->kind->control)
        != NGX_OK)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (c->page.body.data == NULL || ngx_http_bo_etag_known(ctx, &etag)) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &c->page.body);
}
