
/*
 * GET /checkins, and POST /checkins/{checkinId}/undo: what was recorded at the
 * door of a show, and taking it back.
 */


#include "ngx_http_bo_tickets.h"


typedef struct {
    ngx_bo_call_t            call;
    ngx_http_bo_page_t       page;
    ngx_uint_t               one;           /* the answer is a check-in */
    ngx_str_t                body;
} ngx_http_bo_checkin_list_t;


static ngx_http_bo_checkin_list_t *ngx_http_bo_checkin_list_begin(
    ngx_http_bo_ctx_t *ctx);
static ngx_int_t ngx_http_bo_checkin_query(ngx_http_bo_ctx_t *ctx,
    bo_uuid_t *show, ngx_uint_t *conflicts);
static void ngx_http_bo_checkin_submit(ngx_http_bo_ctx_t *ctx,
    ngx_bo_pg_statement_t *st, ngx_str_t *values);
static void ngx_http_bo_checkin_rows(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_bo_outcome_e ngx_http_bo_checkin_read(ngx_http_bo_ctx_t *ctx,
    PGresult *res);
static u_char *ngx_http_bo_put_checkin(u_char *p, PGresult *res,
    ngx_int_t row);
static void ngx_http_bo_checkin_listed(ngx_http_bo_ctx_t *ctx);


/* The columns of both statements. */

enum {
    ngx_bo_col_checkin = 0,
    ngx_bo_col_show,
    ngx_bo_col_order,
    ngx_bo_col_seat,
    ngx_bo_col_outcome,
    ngx_bo_col_device,
    ngx_bo_col_staff,
    ngx_bo_col_offline,
    ngx_bo_col_scanned,
    ngx_bo_col_recorded,
    ngx_bo_col_undone,
    ngx_bo_col_undone_by
};

#define NGX_HTTP_BO_CHECKIN_COLUMNS                                           \
    "select checkin_id, show_id, order_id, seat_id, outcome, device_id,"      \
    " staff_id, offline, scanned_ms, recorded_ms, undone_ms, undone_by from "

#define NGX_HTTP_BO_CHECKIN_LEN  (768 + 3 * BO_USER_MAX)


static ngx_bo_pg_statement_t  ngx_http_bo_checkins_of_show = {
    "checkins_of_show",
    NGX_HTTP_BO_CHECKIN_COLUMNS "boxoffice.checkins_of_show($1::uuid,"
    " $2::boolean, $3::bigint, $4::uuid, $5::int)",
    5, 1
};

static ngx_bo_pg_statement_t  ngx_http_bo_undo_checkin = {
    "undo_checkin",
    NGX_HTTP_BO_CHECKIN_COLUMNS "boxoffice.undo_checkin($1::uuid, $2::text)",
    2, 1
};


static const bo_json_field_t  ngx_http_bo_no_fields[] = {
    { NULL, 0, 0, 0, 0, 0, 0, NULL }
};


/* GET /checkins?showId=...[&conflicts=true] */

void
ngx_http_bo_checkin_list(ngx_http_bo_ctx_t *ctx)
{
    u_char                       show[BO_UUID_LEN];
    bo_uuid_t                    of;
    ngx_str_t                    v[5];
    ngx_uint_t                   conflicts;
    ngx_http_bo_page_room_t      room;
    ngx_http_bo_checkin_list_t  *l;

    l = ngx_http_bo_checkin_list_begin(ctx);

    if (l == NULL || ngx_http_bo_checkin_query(ctx, &of, &conflicts) != NGX_OK
        || ngx_http_bo_page(ctx, &l->page) != NGX_OK)
    {
        return;
    }

    bo_uuid_format((char *) show, &of);

    v[0].data = show;
    v[0].len = BO_UUID_LEN;
    v[1].data = (u_char *) (conflicts ? "t" : "f");
    v[1].len = 1;
    ngx_http_bo_page_values(&l->page, NGX_HTTP_BO_LATEST, &room, &v[2]);

    ngx_http_bo_checkin_submit(ctx, &ngx_http_bo_checkins_of_show, v);
}


static ngx_int_t
ngx_http_bo_checkin_query(ngx_http_bo_ctx_t *ctx, bo_uuid_t *show,
    ngx_uint_t *conflicts)
{
    ngx_str_t  value;

    *conflicts = 0;

    if (ngx_http_bo_arg(ctx, "showId", &value) != NGX_OK
        || bo_uuid_parse(show, (char *) value.data, value.len) != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
        return NGX_ERROR;
    }

    if (ngx_http_bo_arg(ctx, "conflicts", &value) == NGX_OK) {
        if (value.len != 4 || ngx_memcmp(value.data, "true", 4) != 0) {
            ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INVALID_QUERY, NULL);
            return NGX_ERROR;
        }

        *conflicts = 1;
    }

    return NGX_OK;
}


/* POST /checkins/{checkinId}/undo */

void
ngx_http_bo_checkin_undo(ngx_http_bo_ctx_t *ctx)
{
    u_char                       id[BO_UUID_LEN];
    bo_uuid_t                    checkin;
    ngx_str_t                    v[2];
    ngx_http_bo_checkin_list_t  *l;

    l = ngx_http_bo_checkin_list_begin(ctx);

    if (l == NULL
        || ngx_http_bo_read_json(ctx, ngx_http_bo_no_fields, l) != NGX_OK)
    {
        return;
    }

    if (bo_uuid_parse(&checkin, (char *) ctx->name.data, ctx->name.len) != 0)
    {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_NOT_FOUND, NULL);
        return;
    }

    l->one = 1;

    bo_uuid_format((char *) id, &checkin);
    v[0].data = id;
    v[0].len = BO_UUID_LEN;
    v[1] = ctx->user;

    ngx_http_bo_checkin_submit(ctx, &ngx_http_bo_undo_checkin, v);
}


static ngx_http_bo_checkin_list_t *
ngx_http_bo_checkin_list_begin(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_list_t  *l;

    l = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_bo_checkin_list_t));
    if (l == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_INTERNAL, NULL);
        return NULL;
    }

    ctx->data = l;

    return l;
}


static void
ngx_http_bo_checkin_submit(ngx_http_bo_ctx_t *ctx, ngx_bo_pg_statement_t *st,
    ngx_str_t *values)
{
    ngx_http_bo_checkin_list_t *l = ctx->data;

    ngx_bo_call_t  *call = &l->call;

    ngx_http_bo_wait(ctx, call);

    call->pg = ngx_bo_pg_submit(ctx->store->pg, st, values,
                                ngx_http_bo_checkin_rows, ctx);
    if (call->pg == NULL) {
        ngx_http_bo_error(ctx, NGX_HTTP_BO_E_UNAVAILABLE, NULL);
    }
}


static void
ngx_http_bo_checkin_rows(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_http_bo_ctx_t *ctx = data;

    ngx_http_bo_checkin_list_t  *l = ctx->data;

    l->call.pg = NULL;

    if (verdict == NGX_BO_UNKNOWN && l->one) {
        l->call.outcome = NGX_BO_IN_DOUBT;

    } else if (verdict != NGX_BO_DONE
               || PQresultStatus(res) != PGRES_TUPLES_OK)
    {
        l->call.outcome = NGX_BO_UNAVAILABLE;

    } else {
        l->call.outcome = ngx_http_bo_checkin_read(ctx, res);
    }

    ngx_http_bo_resume(ctx, ngx_http_bo_checkin_listed);
}


static ngx_bo_outcome_e
ngx_http_bo_checkin_read(ngx_http_bo_ctx_t *ctx, PGresult *res)
{
    ngx_http_bo_checkin_list_t *l = ctx->data;

    u_char     *p;
    int64_t     last;
    ngx_int_t   i, n, rows;
    ngx_str_t   id;

    last = 0;
    rows = PQntuples(res);
    n = l->one ? rows : ngx_min(rows, (ngx_int_t) l->page.limit);

    if (l->one && rows == 0) {
        return NGX_BO_NOT_FOUND;
    }

    p = ngx_pnalloc(ctx->request->pool, 128 + n * NGX_HTTP_BO_CHECKIN_LEN);
    if (p == NULL) {
        return NGX_BO_UNAVAILABLE;
    }

    l->body.data = p;

    if (l->one) {
        l->body.len = ngx_http_bo_put_checkin(p, res, 0) - p;
        return NGX_BO_OK;
    }

    p = ngx_http_bo_put(p, "{\"items\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_bo_put_checkin(p, res, i);
    }

    ngx_str_null(&id);

    if (n) {
        last = ngx_bo_column_int(res, n - 1, ngx_bo_col_recorded);
        id = ngx_bo_column(res, n - 1, ngx_bo_col_checkin);
    }

    p = ngx_http_bo_put_next(p, rows > n, last, &id);

    l->body.len = p - l->body.data;

    return NGX_BO_OK;
}


static u_char *
ngx_http_bo_put_checkin(u_char *p, PGresult *res, ngx_int_t row)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        int          column;
    } texts[] = {
        { "{\"checkinId\":", ngx_bo_col_checkin },
        { ",\"showId\":", ngx_bo_col_show },
        { ",\"orderId\":", ngx_bo_col_order },
        { ",\"seatId\":", ngx_bo_col_seat },
        { ",\"reason\":", ngx_bo_col_outcome },
        { ",\"deviceId\":", ngx_bo_col_device },
        { ",\"staffId\":", ngx_bo_col_staff }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text = ngx_bo_column(res, row, texts[i].column);
        p = ngx_http_bo_put_str(p, texts[i].name, &text);
    }

    p = ngx_http_bo_put(p, *PQgetvalue(res, (int) row, ngx_bo_col_offline)
                           == 't' ? ",\"offline\":true"
                                  : ",\"offline\":false");
    p = ngx_http_bo_put_time(p, ",\"scannedAt\":",
                           ngx_bo_column_int(res, row, ngx_bo_col_scanned));
    p = ngx_http_bo_put_time(p, ",\"recordedAt\":",
                           ngx_bo_column_int(res, row, ngx_bo_col_recorded));

    if (PQgetisnull(res, (int) row, ngx_bo_col_undone)) {
        return ngx_http_bo_put(p, ",\"undoneAt\":null,\"undoneBy\":null}");
    }

    text = ngx_bo_column(res, row, ngx_bo_col_undone_by);
    p = ngx_http_bo_put_time(p, ",\"undoneAt\":",
                             ngx_bo_column_int(res, row, ngx_bo_col_undone));
    p = ngx_http_bo_put_str(p, ",\"undoneBy\":", &text);

    return ngx_http_bo_put(p, "}");
}


static void
ngx_http_bo_checkin_listed(ngx_http_bo_ctx_t *ctx)
{
    ngx_http_bo_checkin_list_t *l = ctx->data;

    if (l->call.outcome == NGX_BO_OK) {
        ngx_http_bo_send(ctx, NGX_HTTP_OK, &l->body);
        return;
    }

    ngx_http_bo_error_outcome(ctx, l->call.outcome);
}
