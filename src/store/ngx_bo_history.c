
/*
 * The history of holds.  The PostgreSQL client batches by itself; what is
 * left to do here is to bound what is under way.
 */


#include "ngx_bo_history.h"


/* Two batches: beyond that PostgreSQL is busy with what matters more. */

#define NGX_BO_HISTORY_UNDER_WAY  128

/*
 * Records a millisecond and worker, and how many may come at once: in a crowd
 * the history must not cost what the holds themselves cost.
 */

#define NGX_BO_HISTORY_RATE   1
#define NGX_BO_HISTORY_BURST  2000


static ngx_int_t ngx_bo_history_admit(ngx_bo_store_t *store);
static void ngx_bo_history_written(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_record_holds = {
    "record_holds",
    "select item, outcome from boxoffice.record_holds($1::uuid[], $2::uuid[],"
    " $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[])",
    7, 64
};


void
ngx_bo_history_add(ngx_bo_store_t *store, ngx_bo_show_t *show,
    ngx_str_t *user, ngx_bo_hold_t *hold, const char *outcome)
{
    u_char     id[BO_UUID_LEN], seats[BO_SEATS_TEXT_MAX + 2];
    u_char     created[NGX_INT64_LEN], expires[NGX_INT64_LEN];
    size_t     n;
    ngx_str_t  values[7];

    if (ngx_bo_history_admit(store) != NGX_OK) {
        ngx_bo_count(store, history_dropped);
        return;
    }

    bo_uuid_format((char *) id, &hold->id);
    values[0].data = id;
    values[0].len = BO_UUID_LEN;

    values[1].data = show->id_text;
    values[1].len = BO_UUID_LEN;

    values[2] = *user;

    seats[0] = '{';
    n = bo_seats_format((char *) &seats[1], &hold->seats);
    seats[n + 1] = '}';
    values[3].data = seats;
    values[3].len = n + 2;

    values[4].data = created;
    values[4].len = ngx_sprintf(created, "%L", hold->created) - created;

    values[5].data = expires;
    values[5].len = ngx_sprintf(expires, "%L", hold->expires) - expires;

    values[6].data = (u_char *) outcome;
    values[6].len = ngx_strlen(outcome);

    if (ngx_bo_pg_submit(store->pg, &ngx_bo_record_holds, values,
                         ngx_bo_history_written, store)
        == NULL)
    {
        ngx_bo_count(store, history_dropped);
        return;
    }

    store->history++;
    store->history_tokens--;
}


static ngx_int_t
ngx_bo_history_admit(ngx_bo_store_t *store)
{
    ngx_msec_t  elapsed;

    elapsed = ngx_current_msec - store->history_filled;

    if (elapsed > 0) {
        store->history_tokens = ngx_min(store->history_tokens
                                        + elapsed * NGX_BO_HISTORY_RATE,
                                        NGX_BO_HISTORY_BURST);
        store->history_filled = ngx_current_msec;
    }

    if (store->history >= NGX_BO_HISTORY_UNDER_WAY
        || store->history_tokens == 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_bo_history_written(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_store_t *store = data;

    store->history--;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK) {
        ngx_bo_count(store, history_written);

    } else {
        ngx_bo_count(store, history_dropped);
    }
}
