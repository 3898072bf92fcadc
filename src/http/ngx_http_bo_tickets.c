
/*
 * GET /orders/{id}/tickets: the signed code of each seat of an order, as text
 * and as QR.
 */


#include "ngx_http_bo_tickets.h"
#include "store/ngx_bo_qr.h"

#include <openssl/sha.h>


#define NGX_HTTP_BO_ETAG_LEN  (1 + 16 + 1)


typedef struct {
    ngx_bo_call_t            call;
    ngx_str_t                seat;          /* empty: all of them */
    ngx_uint_t               png;
    ngx_int_t                rows;
    ngx_http_bo_error_e      error;
    ngx_str_t                details;       /* of the error */
    ngx_str_t                etag;
    ngx_str_t                body;          /* empty: the client has it */
    ngx_str_t                status;        /* of the order */
} ngx_http_bo_tickets_t;


static void ngx_http_bo_tickets_start(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *seat, ngx_uint_t png);
static void ngx_http_bo_tickets_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_http_bo_tickets_read(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static ngx_int_t ngx_http_bo_tickets_refused(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static ngx_int_t ngx_http_bo_tickets_list(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static u_char *ngx_http_bo_tickets_order(u_char *p, PGresult *res);
static u_char *ngx_http_bo_tickets_seat(ngx_http_bo_ctx_t *ctx, u_char *p,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_http_bo_tickets_draw(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static ngx_int_t ngx_http_bo_tickets_tag(ngx_http_bo_ctx_t *ctx,
    const char *kind, ngx_str_t *content);
static void ngx_http_bo_tickets_answer(ngx_http_bo_ctx_t *ctx);


/* The columns of the statement below. */

enum {
    ngx_bo_col_order = 0,
    ngx_bo_col_show,
    ngx_bo_col_code,
    ngx_bo_col_starts,
    ngx_bo_col_ends,
    ngx_bo_col_seat_no,
    ngx_bo_col_seat,
    ngx_bo_col_category,
    ngx_bo_col_status,
    ngx_bo_col_amount,
    ngx_bo_col_currency,
    ngx_bo_col_movie,
    ngx_bo_col_theatre,
    ngx_bo_col_screen,
    ngx_bo_col_timezone
};


static ngx_bo_pg_statement_t  ngx_http_bo_order_tickets = {
    "order_tickets",
    "select " NGX_BO_TICKET_COLUMNS ", category, status, amount, currency,"
    " movie_title, theatre_name, screen_name, timezone" NGX_BO_TICKET_ROWS,
    4, 1
};


void
ngx_http_bo_tickets(ngx_http_bo_ctx_t *ctx)
{
    ngx_str_t  all = ngx_null_string;

    ngx_http_bo_tickets_start(ctx, &all, 0);
}


/* {seatId}.svg or {seatId}.png */

void
ngx_http_bo_ticket_picture(ngx_http_bo_ctx_t *ctx)
{
    u_char      *end;
    ngx_str_t    seat;
    ngx_uint_t   png;

    seat = ctx->rest;

    if (seat.len <= 4 || seat.len > BO_LABEL_MAX + 4) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    seat.len -= 4;
    end = seat.data + seat.len;
    png = ngx_memcmp(end, ".png", 4) == 0;

    if (!png && ngx_memcmp(end, ".svg", 4) != 0) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    ngx_http_bo_tickets_start(ctx, &seat, png);
}


static void
ngx_http_bo_tickets_start(ngx_http_bo_ctx_t *ctx, ngx_str_t *seat,
    ngx_uint_t png)
{
    u_char                  id[BO_UUID_LEN], number[NGX_INT32_LEN];
    uint32_t                no;
    ngx_str_t               v[4];
    ngx_bo_call_t          *call;
    ngx_http_bo_tickets_t  *t;

    t = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_tickets_t));
    if (t == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    ctx->data = t;
    t->seat = *seat;
    t->png = png;

    /* Without a key there are no tickets here. */

    if (ctx->store->tickets == NULL || bo_uuid_show_no(&ctx->id, &no) != 0
        || no > NGX_MAX_INT32_VALUE)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    bo_uuid_format((char *) id, &ctx->id);

    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1].data = number;
    v[1].len = ngx_sprintf(number, "%uD", no) - number;
    v[2] = ctx->user;

    /* The owner's only: whoever has the code has the seat. */

    ngx_str_set(&v[3], "f");

    call = &t->call;
    ngx_http_bo_wait(ctx, call);

    call->pg = ngx_bo_pg_submit(ctx->store->pg, &ngx_http_bo_order_tickets, v,
                                ngx_http_bo_tickets_rows, ctx);
    if (call->pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_tickets_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_tickets_t  *t = ctx->data;

    t->call.pg = NULL;
    t->call.outcome = NGX_BO_OK;
    t->error = NGX_HTTP_BO_E_INTERNAL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        t->call.outcome = NGX_BO_UNAVAILABLE;
        t->error = NGX_HTTP_BO_E_UNAVAILABLE;

    } else if (ngx_http_bo_tickets_read(ctx, res) != NGX_OK) {
        t->call.outcome = NGX_BO_REFUSED;
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_tickets_answer);
}


/* NGX_OK: the body is there, or needs not be; NGX_ERROR: t->error says why. */

static ngx_int_t
ngx_http_bo_tickets_read(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    t->rows = PQntuples(res);

    if (t->rows == 0) {
        t->error = NGX_HTTP_BO_E_NOT_FOUND;
        return NGX_ERROR;
    }

    t->status = ngx_bo_column(res, 0, ngx_bo_col_status);

    if (ngx_strcmp(t->status.data, "CONFIRMED") != 0) {
        return ngx_http_bo_tickets_refused(ctx, res);
    }

    return t->seat.len ? ngx_http_bo_tickets_draw(ctx, res)
                       : ngx_http_bo_tickets_list(ctx, res);
}


static ngx_int_t
ngx_http_bo_tickets_refused(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    u_char     *p;
    ngx_str_t   order;

    order = ngx_bo_column(res, 0, ngx_bo_col_order);

    p = ngx_pnalloc(ctx->request->pool, 64 + order.len + t->status.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    t->error = NGX_HTTP_BO_E_NOT_CONFIRMED;
    t->details.data = p;
    t->details.len = ngx_sprintf(p, "{\"orderId\":\"%V\",\"status\":\"%V\"}",
                                 &order, &t->status)
                     - p;

    return NGX_ERROR;
}


/*
 * All seats: 64 signatures at most, for an order has no more seats; with the
 * default of 10 a hold it is below a millisecond.
 */

static ngx_int_t
ngx_http_bo_tickets_list(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    int         i;
    u_char     *p;
    size_t      len;
    ngx_int_t   row;

    len = 1024;

    for (i = ngx_bo_col_movie; i <= ngx_bo_col_timezone; i++) {
        len += 6 * (size_t) PQgetlength(res, 0, i);
    }

    p = ngx_pnalloc(ctx->request->pool,
                    len + t->rows * (BO_ENTRY_TEXT_MAX + 256));
    if (p == NULL) {
        return NGX_ERROR;
    }

    t->body.data = p;
    p = ngx_http_bo_tickets_order(p, res);

    for (row = 0; row < t->rows; row++) {
        p = ngx_http_bo_tickets_seat(ctx, p, res, row);

        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    p = ngx_http_bo_put(p, "]}");
    t->body.len = p - t->body.data;

    return ngx_http_bo_tickets_tag(ctx, "l", &t->body);
}


static u_char *
ngx_http_bo_tickets_order(u_char *p, PGresult *res)
{
    ngx_uint_t  i;
    ngx_str_t   text;

    static const struct {
        const char  *name;
        int          column;
    } texts[] = {
        { "{\"orderId\":", ngx_bo_col_order },
        { ",\"showId\":", ngx_bo_col_show },
        { ",\"status\":", ngx_bo_col_status },
        { ",\"ticketCode\":", ngx_bo_col_code },
        { ",\"movieTitle\":", ngx_bo_col_movie },
        { ",\"theatreName\":", ngx_bo_col_theatre },
        { ",\"screenName\":", ngx_bo_col_screen },
        { ",\"timezone\":", ngx_bo_col_timezone },
        { ",\"currency\":", ngx_bo_col_currency }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text = ngx_bo_column(res, 0, texts[i].column);
        p = ngx_http_bo_put_str(p, texts[i].name, &text);
    }

    p = ngx_http_bo_put_int(p, ",\"amount\":",
                            ngx_bo_column_int(res, 0, ngx_bo_col_amount));
    p = ngx_http_bo_put_time(p, ",\"startsAt\":",
                             ngx_bo_column_int(res, 0, ngx_bo_col_starts));
    p = ngx_http_bo_put_time(p, ",\"endsAt\":",
                             ngx_bo_column_int(res, 0, ngx_bo_col_ends));

    return ngx_http_bo_put(p, ",\"tickets\":[");
}


/* NULL when it cannot be signed. */

static u_char *
ngx_http_bo_tickets_seat(ngx_http_bo_ctx_t *ctx, u_char *p, PGresult *res,
    ngx_int_t row)
{
    u_char      text[BO_ENTRY_TEXT_MAX];
    ngx_int_t   rc;
    ngx_str_t   code, seat, category;
    bo_entry_t  entry;

    rc = ngx_bo_ticket_from_row(&entry, res, row, 0);

    if (rc == NGX_DECLINED) {
        return p;       /* confirmed, and no seat is left of it */
    }

    code.data = text;

    if (rc != NGX_OK
        || ngx_bo_ticket_sign(ctx->store->tickets, &entry, text, &code.len)
           != NGX_OK)
    {
        return NULL;
    }

    ngx_bo_count(ctx->store, tickets_signed);

    seat = ngx_bo_column(res, row, ngx_bo_col_seat);
    category = ngx_bo_column(res, row, ngx_bo_col_category);

    p = ngx_http_bo_put_str(p, row ? ",{\"seatId\":" : "{\"seatId\":", &seat);
    p = ngx_http_bo_put_str(p, ",\"category\":", &category);
    p = ngx_http_bo_put_str(p, ",\"code\":", &code);

    return ngx_http_bo_put(p, "}");
}


/* One seat: one signature and one picture, and that only when it is new. */

static ngx_int_t
ngx_http_bo_tickets_draw(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    u_char      text[BO_ENTRY_TEXT_MAX];
    ngx_int_t   row, rc;
    ngx_str_t   seat, code;
    bo_entry_t  entry;

    for (row = 0; row < t->rows; row++) {
        seat = ngx_bo_column(res, row, ngx_bo_col_seat);

        if (seat.len == t->seat.len
            && ngx_memcmp(seat.data, t->seat.data, seat.len) == 0)
        {
            break;
        }
    }

    if (row == t->rows) {
        t->error = NGX_HTTP_BO_E_NOT_FOUND;
        return NGX_ERROR;
    }

    code.data = text;

    if (ngx_bo_ticket_from_row(&entry, res, row, 0) != NGX_OK
        || ngx_bo_ticket_sign(ctx->store->tickets, &entry, text, &code.len)
           != NGX_OK
        || ngx_http_bo_tickets_tag(ctx, t->png ? "p" : "s", &code) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_bo_count(ctx->store, tickets_signed);

    if (ngx_http_bo_etag_known(ctx, &t->etag)) {
        return NGX_OK;
    }

    rc = t->png ? ngx_bo_qr_png(ctx->request->pool, &code, &t->body)
                : ngx_bo_qr_svg(ctx->request->pool, &code, &t->body);

    return rc;
}


static ngx_int_t
ngx_http_bo_tickets_tag(ngx_http_bo_ctx_t *ctx, const char *kind,
    ngx_str_t *content)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    u_char      *p, digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX   sha;

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_BO_ETAG_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    SHA256_Init(&sha);
    SHA256_Update(&sha, kind, 1);
    SHA256_Update(&sha, content->data, content->len);
    SHA256_Final(digest, &sha);

    t->etag.data = p;
    *p++ = '"';
    p = ngx_hex_dump(p, digest, 8);
    *p++ = '"';
    t->etag.len = p - t->etag.data;

    return NGX_OK;
}


/*
 * A browser may keep it, and must ask each time: another user of the same
 * browser is then refused like anybody else.
 */

static void
ngx_http_bo_tickets_answer(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_tickets_t *t = ctx->data;

    static ngx_str_t  control = ngx_string("private, no-cache");

    if (t->call.outcome != NGX_BO_OK) {
        ngx_http_bo_error(ctx, t->error, t->details.len ? &t->details : NULL);
        return;
    }

    if (ngx_http_bo_etag(ctx, &t->etag, &control) != NGX_OK) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return;
    }

    if (ngx_http_bo_etag_known(ctx, &t->etag)) {
        ngx_http_bo_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL);
        return;
    }

    if (t->seat.len && t->png) {
        ngx_str_set(&ctx->type, "image/png");

    } else if (t->seat.len) {
        ngx_str_set(&ctx->type, "image/svg+xml");
    }

    ngx_http_bo_send(ctx, NGX_HTTP_OK, &t->body);
}
