
/*
 * The history of holds: gathered for a moment, then sent all at once, so that
 * the PostgreSQL client makes full batches of them.
 */


#include "ngx_bo_history.h"


/*
 * Records that wait in a worker for the next time, and how long that is: one
 * by one they would cost PostgreSQL more than the holds cost Redis.  What does
 * not fit is dropped; in a crowd there are more than anybody will ever read.
 */

#define NGX_BO_HISTORY_MAX    128
#define NGX_BO_HISTORY_PAUSE  250       /* msec */


typedef struct {
    bo_uuid_t                show;
    u_char                   user[BO_USER_MAX];
    size_t                   user_len;
    ngx_bo_hold_t            hold;
    const char              *outcome;
} ngx_bo_record_t;


struct ngx_bo_history_s {
    ngx_bo_store_t          *store;
    ngx_event_t              timer;
    ngx_uint_t               n;             /* records that wait */
    ngx_uint_t               flying;        /* records under way */
    ngx_bo_record_t          records[NGX_BO_HISTORY_MAX];
};


static void ngx_bo_history_flush(ngx_event_t *ev);
static ngx_int_t ngx_bo_history_send(ngx_bo_history_t *history,
    ngx_bo_record_t *record);
static void ngx_bo_history_written(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_record_holds = {
    "record_holds",
    "select item, outcome from boxoffice.record_holds($1::uuid[], $2::uuid[],"
    " $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[])",
    7, 64
};


ngx_int_t
ngx_bo_history_init(ngx_bo_store_t *store)
{
    ngx_bo_history_t  *history;

    history = ngx_pcalloc(store->cycle->pool, sizeof(ngx_bo_history_t));
    if (history == NULL) {
        return NGX_ERROR;
    }

    history->store = store;
    history->timer.handler = ngx_bo_history_flush;
    history->timer.data = history;
    history->timer.log = store->log;
    history->timer.cancelable = 1;

    store->history = history;

    return NGX_OK;
}


void
ngx_bo_history_done(ngx_bo_store_t *store)
{
    if (store->history->timer.timer_set) {
        ngx_del_timer(&store->history->timer);
    }
}


void
ngx_bo_history_add(ngx_bo_store_t *store, ngx_bo_show_t *show,
    ngx_str_t *user, ngx_bo_hold_t *hold, const char *outcome)
{
    ngx_bo_record_t   *record;
    ngx_bo_history_t  *history = store->history;

    if (history->n == NGX_BO_HISTORY_MAX || user->len > BO_USER_MAX) {
        ngx_bo_count(store, history_dropped);
        return;
    }

    record = &history->records[history->n++];

    record->show = show->id;
    record->hold = *hold;
    record->outcome = outcome;
    record->user_len = user->len;
    ngx_memcpy(record->user, user->data, user->len);

    if (!history->timer.timer_set) {
        ngx_add_timer(&history->timer, NGX_BO_HISTORY_PAUSE);
    }
}


static void
ngx_bo_history_flush(ngx_event_t *ev)
{
    ngx_bo_history_t *history = ev->data;

    ngx_uint_t  i;

    /* PostgreSQL has not done the last ones yet: it has better to do. */

    if (history->flying) {
        ngx_add_timer(&history->timer, NGX_BO_HISTORY_PAUSE);
        return;
    }

    for (i = 0; i < history->n; i++) {
        if (ngx_bo_history_send(history, &history->records[i]) != NGX_OK) {
            ngx_bo_count(history->store, history_dropped);
        }
    }

    history->n = 0;
}


static ngx_int_t
ngx_bo_history_send(ngx_bo_history_t *history, ngx_bo_record_t *record)
{
    u_char          id[BO_UUID_LEN], show[BO_UUID_LEN];
    u_char          seats[BO_SEATS_TEXT_MAX + 2];
    u_char          created[NGX_INT64_LEN], expires[NGX_INT64_LEN];
    size_t          n;
    ngx_str_t       values[7];
    ngx_bo_hold_t  *hold = &record->hold;

    bo_uuid_format((char *) id, &hold->id);
    values[0].data = id;
    values[0].len = BO_UUID_LEN;

    bo_uuid_format((char *) show, &record->show);
    values[1].data = show;
    values[1].len = BO_UUID_LEN;

    values[2].data = record->user;
    values[2].len = record->user_len;

    seats[0] = '{';
    n = bo_seats_format((char *) &seats[1], &hold->seats);
    seats[n + 1] = '}';
    values[3].data = seats;
    values[3].len = n + 2;

    values[4].data = created;
    values[4].len = ngx_sprintf(created, "%L", hold->created) - created;

    values[5].data = expires;
    values[5].len = ngx_sprintf(expires, "%L", hold->expires) - expires;

    values[6].data = (u_char *) record->outcome;
    values[6].len = ngx_strlen(record->outcome);

    if (ngx_bo_pg_submit(history->store->pg, &ngx_bo_record_holds, values,
                         ngx_bo_history_written, history)
        == NULL)
    {
        return NGX_ERROR;
    }

    history->flying++;

    return NGX_OK;
}


static void
ngx_bo_history_written(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_history_t *history = data;

    history->flying--;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        ngx_bo_count(history->store, history_written);

    } else {
        ngx_bo_count(history->store, history_dropped);
    }
}
