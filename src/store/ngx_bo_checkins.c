
/*
 * Check-ins.  Codes are checked here, and what they say is decided in SQL: see
 * sql/016_checkins.sql.
 */


#include "ngx_bo_checkins.h"

#include "booking/bo_ticket.h"


#define NGX_BO_CHECKIN_PARAMS  12
#define NGX_BO_CHECKIN_BATCH   64


/* The columns of check_in(). */

enum {
    ngx_bo_col_item = 0,
    ngx_bo_col_outcome,
    ngx_bo_col_replayed,
    ngx_bo_col_checkin,
    ngx_bo_col_device,
    ngx_bo_col_at
};


/* The parameters of one scan, as texts. */

typedef struct {
    u_char                   order[BO_UUID_LEN];
    u_char                   show_no[NGX_INT32_LEN];
    u_char                   show[BO_UUID_LEN];
    u_char                   seat_no[NGX_INT32_LEN];
    u_char                   code[BO_TICKET_LEN];
    u_char                   scanned[NGX_INT64_LEN];
    u_char                   opens[NGX_INT64_LEN];
} ngx_bo_scan_texts_t;


static ngx_int_t ngx_bo_checkin_one(ngx_bo_checkin_t *c);
static ngx_int_t ngx_bo_checkin_many(ngx_bo_checkin_t *c, ngx_uint_t n);
static void ngx_bo_checkin_values(ngx_bo_checkin_t *c, ngx_bo_scan_t *scan,
    ngx_bo_scan_texts_t *texts, ngx_str_t *v);
static u_char *ngx_bo_checkin_element(u_char *p, ngx_str_t *value);
static void ngx_bo_checkin_one_done(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_checkin_many_done(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_bo_outcome_e ngx_bo_checkin_verdict(ngx_bo_checkin_t *c,
    ngx_bo_verdict_e verdict, PGresult *res);
static ngx_int_t ngx_bo_checkin_row(ngx_bo_checkin_t *c, ngx_bo_scan_t *scan,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_checkin_keep(ngx_pool_t *pool, ngx_str_t *to,
    ngx_str_t text);
static void ngx_bo_checkin_count(ngx_bo_checkin_t *c);


#define NGX_BO_CHECK_IN                                                       \
    "select item, outcome, replayed, checkin_id, device_id, at_ms"            \
    " from boxoffice.check_in($1::uuid[], $2::int[], $3::uuid[], $4::int[],"  \
    " $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[],"            \
    " $10::text[], $11::bigint[], $12::bigint[])"

/* Those who ask at the same moment share a transaction. */

static ngx_bo_pg_statement_t  ngx_bo_check_in_one = {
    "check_in", NGX_BO_CHECK_IN, NGX_BO_CHECKIN_PARAMS, NGX_BO_CHECKIN_BATCH
};

/* A scanner that was offline brings its own arrays. */

static ngx_bo_pg_statement_t  ngx_bo_check_in_many = {
    "check_in_many", NGX_BO_CHECK_IN, NGX_BO_CHECKIN_PARAMS, 1
};


/* In the order of ngx_bo_scan_e; the words of SQL are among them. */

static ngx_str_t  ngx_bo_scan_reasons[] = {
    ngx_string("admitted"),
    ngx_string("already_used"),
    ngx_string("wrong_show"),
    ngx_string("not_yet"),
    ngx_string("cancelled"),
    ngx_string("expired"),
    ngx_string("unknown"),
    ngx_string("bad_signature"),
    ngx_string("undone"),
    ngx_string("nonce_reused"),
    ngx_null_string
};


ngx_str_t *
ngx_bo_scan_reason(ngx_bo_scan_e outcome)
{
    return &ngx_bo_scan_reasons[outcome];
}


ngx_int_t
ngx_bo_check_in(ngx_bo_checkin_t *c)
{
    uint32_t        no;
    ngx_uint_t      i, n;
    ngx_bo_scan_t  *scan;

    n = 0;

    for (i = 0; i < c->n; i++) {
        scan = &c->scans[i];

        switch (ngx_bo_ticket_verify(c->call.store->tickets, &scan->code,
                                     &scan->entry))
        {

        case NGX_OK:
            scan->ours = 1;
            break;

        case NGX_ABORT:
            scan->outcome = NGX_BO_SCAN_BAD_SIGNATURE;
            continue;

        default:
            scan->outcome = NGX_BO_SCAN_UNKNOWN;
            continue;
        }

        /* An id that is none of ours would be an error in SQL. */

        if (bo_uuid_show_no(&scan->entry.order, &no) != 0
            || no > NGX_MAX_INT32_VALUE)
        {
            scan->ours = 0;
            scan->outcome = NGX_BO_SCAN_UNKNOWN;
            continue;
        }

        n++;
    }

    if (n == 0) {
        ngx_bo_checkin_count(c);
        return NGX_OK;
    }

    return c->n == 1 ? ngx_bo_checkin_one(c) : ngx_bo_checkin_many(c, n);
}


static ngx_int_t
ngx_bo_checkin_one(ngx_bo_checkin_t *c)
{
    ngx_str_t            v[NGX_BO_CHECKIN_PARAMS];
    ngx_bo_scan_texts_t  texts;

    ngx_bo_checkin_values(c, c->scans, &texts, v);

    c->call.pg = ngx_bo_pg_submit(c->call.store->pg, &ngx_bo_check_in_one, v,
                                  ngx_bo_checkin_one_done, c);

    return c->call.pg ? NGX_AGAIN : NGX_ERROR;
}


/* n of them are ours; an array for each parameter. */

static ngx_int_t
ngx_bo_checkin_many(ngx_bo_checkin_t *c, ngx_uint_t n)
{
    size_t                len;
    u_char               *p;
    ngx_str_t            *values, *value, v[NGX_BO_CHECKIN_PARAMS];
    ngx_uint_t            i, k;
    ngx_bo_scan_texts_t  *texts;

    values = ngx_palloc(c->pool, n * sizeof(v));
    texts = ngx_palloc(c->pool, n * sizeof(ngx_bo_scan_texts_t));

    if (values == NULL || texts == NULL) {
        return NGX_ERROR;
    }

    value = values;

    for (i = 0; i < c->n; i++) {
        if (c->scans[i].ours) {
            ngx_bo_checkin_values(c, &c->scans[i], texts++, value);
            value += NGX_BO_CHECKIN_PARAMS;
        }
    }

    for (k = 0; k < NGX_BO_CHECKIN_PARAMS; k++) {
        len = 2;

        for (i = 0; i < n; i++) {
            len += values[i * NGX_BO_CHECKIN_PARAMS + k].len
                   + sizeof("NULL\"\",") - 1;
        }

        p = ngx_pnalloc(c->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        v[k].data = p;
        *p++ = '{';

        for (i = 0; i < n; i++) {
            if (i) {
                *p++ = ',';
            }

            p = ngx_bo_checkin_element(p,
                                     &values[i * NGX_BO_CHECKIN_PARAMS + k]);
        }

        *p++ = '}';
        v[k].len = p - v[k].data;
    }

    c->call.pg = ngx_bo_pg_submit(c->call.store->pg, &ngx_bo_check_in_many, v,
                                  ngx_bo_checkin_many_done, c);

    return c->call.pg ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_bo_checkin_values(ngx_bo_checkin_t *c, ngx_bo_scan_t *scan,
    ngx_bo_scan_texts_t *texts, ngx_str_t *v)
{
    uint32_t     no;
    bo_entry_t  *entry = &scan->entry;

    no = 0;
    (void) bo_uuid_show_no(&entry->order, &no);

    bo_uuid_format((char *) texts->order, &entry->order);
    bo_uuid_format((char *) texts->show, &entry->show);
    bo_ticket_code((char *) texts->code, entry->code);

    v[0].data = texts->order;
    v[0].len = BO_UUID_LEN;
    v[1].data = texts->show_no;
    v[1].len = ngx_sprintf(texts->show_no, "%uD", no) - texts->show_no;
    v[2].data = texts->show;
    v[2].len = BO_UUID_LEN;
    v[3].data = texts->seat_no;
    v[3].len = ngx_sprintf(texts->seat_no, "%uD", (uint32_t) entry->seat_no)
               - texts->seat_no;
    v[4].data = (u_char *) entry->label;
    v[4].len = entry->label_len;
    v[5].data = texts->code;
    v[5].len = BO_TICKET_LEN;
    v[6].data = c->show.len ? c->show.data : NULL;
    v[6].len = c->show.len;
    v[7] = c->device;
    v[8] = scan->nonce;
    v[9] = c->staff;
    v[10].data = scan->scanned ? texts->scanned : NULL;
    v[10].len = scan->scanned
                ? ngx_sprintf(texts->scanned, "%L", scan->scanned)
                  - texts->scanned
                : 0;
    v[11].data = texts->opens;
    v[11].len = ngx_sprintf(texts->opens, "%M",
                            c->call.store->limits->checkin_opens)
                - texts->opens;
}


/*
 * Devices, nonces, users, labels and codes have alphabets without quotes and
 * backslashes; the quotes are for what would be read as NULL or as syntax.
 */

static u_char *
ngx_bo_checkin_element(u_char *p, ngx_str_t *value)
{
    if (value->data == NULL) {
        return ngx_cpymem(p, "NULL", 4);
    }

    *p++ = '"';
    p = ngx_cpymem(p, value->data, value->len);
    *p++ = '"';

    return p;
}


static void
ngx_bo_checkin_one_done(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_checkin_t *c = data;

    ngx_bo_outcome_e  outcome;

    outcome = ngx_bo_checkin_verdict(c, verdict, res);

    if (outcome == NGX_BO_OK
        && (PQntuples(res) <= row
            || ngx_bo_checkin_row(c, c->scans, res, row) != NGX_OK))
    {
        outcome = NGX_BO_IN_DOUBT;
    }

    if (outcome == NGX_BO_OK) {
        ngx_bo_checkin_count(c);
    }

    ngx_bo_call_done(&c->call, outcome);
}


static void
ngx_bo_checkin_many_done(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_checkin_t *c = data;

    int64_t            item;
    ngx_uint_t         i, n;
    ngx_bo_scan_t     *ours[NGX_BO_SCANS];
    ngx_bo_outcome_e   outcome;

    outcome = ngx_bo_checkin_verdict(c, verdict, res);

    if (outcome != NGX_BO_OK) {
        ngx_bo_call_done(&c->call, outcome);
        return;
    }

    n = 0;

    for (i = 0; i < c->n; i++) {
        if (c->scans[i].ours) {
            ours[n++] = &c->scans[i];
        }
    }

    if (PQntuples(res) != (int) n) {
        ngx_bo_call_done(&c->call, NGX_BO_IN_DOUBT);
        return;
    }

    for (i = 0; i < n; i++) {
        item = ngx_bo_column_int(res, i, ngx_bo_col_item);

        if (item < 1 || item > (int64_t) n
            || ngx_bo_checkin_row(c, ours[item - 1], res, i) != NGX_OK)
        {
            ngx_bo_call_done(&c->call, NGX_BO_IN_DOUBT);
            return;
        }
    }

    ngx_bo_checkin_count(c);
    ngx_bo_call_done(&c->call, NGX_BO_OK);
}


static ngx_bo_outcome_e
ngx_bo_checkin_verdict(ngx_bo_checkin_t *c, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    c->call.pg = NULL;

    if (verdict == NGX_BO_NOT_SENT) {
        return NGX_BO_UNAVAILABLE;
    }

    if (verdict == NGX_BO_UNKNOWN) {
        return NGX_BO_IN_DOUBT;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, c->call.store->log, 0,
                      "boxoffice: a check-in failed: SQLSTATE %s",
                      PQresultErrorField(res, PG_DIAG_SQLSTATE));
        return NGX_BO_UNAVAILABLE;
    }

    return NGX_BO_OK;
}


/* A word that is not known is of a newer schema: not for us to guess. */

static ngx_int_t
ngx_bo_checkin_row(ngx_bo_checkin_t *c, ngx_bo_scan_t *scan, PGresult *res,
    ngx_int_t row)
{
    ngx_str_t   word;
    ngx_uint_t  i;

    word = ngx_bo_column(res, row, ngx_bo_col_outcome);

    for (i = 0; ngx_bo_scan_reasons[i].len; i++) {
        if (ngx_bo_scan_reasons[i].len == word.len
            && ngx_memcmp(ngx_bo_scan_reasons[i].data, word.data, word.len)
               == 0)
        {
            break;
        }
    }

    if (ngx_bo_scan_reasons[i].len == 0) {
        return NGX_ERROR;
    }

    scan->outcome = i;
    scan->replayed = *PQgetvalue(res, (int) row, ngx_bo_col_replayed) == 't';

    if (PQgetisnull(res, (int) row, ngx_bo_col_checkin)) {
        return NGX_OK;
    }

    scan->at = ngx_bo_column_int(res, row, ngx_bo_col_at);

    if (ngx_bo_checkin_keep(c->pool, &scan->checkin,
                            ngx_bo_column(res, row, ngx_bo_col_checkin))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_bo_checkin_keep(c->pool, &scan->device,
                               ngx_bo_column(res, row, ngx_bo_col_device));
}


static ngx_int_t
ngx_bo_checkin_keep(ngx_pool_t *pool, ngx_str_t *to, ngx_str_t text)
{
    to->data = ngx_pstrdup(pool, &text);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = text.len;

    return NGX_OK;
}


static void
ngx_bo_checkin_count(ngx_bo_checkin_t *c)
{
    ngx_uint_t      i;
    ngx_bo_scan_t  *scan;

    ngx_bo_outbox_wake(c->call.store);

    for (i = 0; i < c->n; i++) {
        scan = &c->scans[i];

        if (scan->replayed) {
            continue;
        }

        if (scan->outcome == NGX_BO_SCAN_ADMITTED) {
            ngx_bo_count(c->call.store, checkins_admitted);

        } else if (scan->scanned) {
            ngx_bo_count(c->call.store, checkins_conflicts);

        } else {
            ngx_bo_count(c->call.store, checkins_refused);
        }
    }
}
