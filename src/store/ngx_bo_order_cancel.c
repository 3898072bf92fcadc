
/*
 * Seats of an order are given back, some or all.
 */


#include "ngx_bo_order_steps.h"
#include "ngx_bo_settle.h"


static void ngx_bo_order_cancelled(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_int_t ngx_bo_order_given_back(ngx_bo_order_call_t *c,
    PGresult *res, ngx_int_t row);


static ngx_bo_pg_statement_t  ngx_bo_cancel_seats = {
    "cancel_seats",
    "select item, outcome, " NGX_BO_ORDER_COLUMNS ", freed, refund"
    " from boxoffice.cancel_seats($1::uuid[], $2::int[], $3::text[],"
    " $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[])",
    8, NGX_BO_ORDER_BATCH
};


void
ngx_bo_order_cancel(ngx_bo_order_call_t *c)
{
    u_char          id[BO_UUID_LEN], no[NGX_INT32_LEN];
    ngx_str_t       v[8];
    ngx_bo_call_t  *call = ngx_bo_order_call(c);

    c->busy = 1;

    ngx_bo_order_name(c, v, id, no);
    v[3].data = (u_char *) (c->admin ? "t" : "f");
    v[3].len = 1;
    v[4] = c->seats;
    v[5] = c->terms;
    v[6] = ngx_bo_order_key(c);
    v[7] = ngx_bo_order_fingerprint(c);

    call->pg = ngx_bo_order_send(c, &ngx_bo_cancel_seats, v,
                                 ngx_bo_order_cancelled);
    if (call->pg == NULL) {
        ngx_bo_order_finish(c, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_order_cancelled(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_order_call_t *c = data;

    ngx_bo_store_t    *store;
    ngx_bo_outcome_e   outcome;

    store = ngx_bo_order_call(c)->store;
    outcome = ngx_bo_order_answer(c, verdict, res, row);

    switch (outcome) {

    case NGX_BO_OK:
        ngx_bo_outbox_wake(store);

        if (c->order.ended) {
            ngx_bo_count(store, orders_cancelled);

        } else {
            ngx_bo_count(store, orders_reduced);
        }

        if (ngx_bo_order_given_back(c, res, row) != NGX_OK) {
            outcome = NGX_BO_IN_DOUBT;
        }

        break;

    case NGX_BO_REPLAYED:
    case NGX_BO_SAME:
        ngx_bo_order_settle_again(c);

        if (ngx_bo_order_given_back(c, res, row) != NGX_OK) {
            outcome = NGX_BO_IN_DOUBT;
        }

        break;

    case NGX_BO_ALONE:

        /* "retry": another in its batch had the order */

        if (ngx_bo_order_alone(c)) {
            ngx_bo_order_cancel(c);
            return;
        }

        outcome = NGX_BO_UNAVAILABLE;
        break;

    default:
        break;
    }

    ngx_bo_order_finish(c, outcome);
}


/*
 * Reads the refund, and tells Redis of the seats that came free: those of this
 * call only, for the others may be somebody else's by now.
 */

static ngx_int_t
ngx_bo_order_given_back(ngx_bo_order_call_t *c, PGresult *res, ngx_int_t row)
{
    ngx_str_t        value;
    ngx_bo_show_t   *show;
    ngx_bo_order_t   freed;
    ngx_bo_store_t  *store = ngx_bo_order_call(c)->store;

    value = ngx_bo_column(res, row, ngx_bo_col_freed);

    if (value.len) {
        freed = c->order;

        if (bo_seats_parse(&freed.seat_nos, (char *) value.data, value.len)
            == 0)
        {
            ngx_bo_settle(store, &freed,
                          freed.confirmed ? BO_SEAT_BOOKED : BO_SEAT_HELD,
                          BO_SEAT_AVAILABLE);
        }

    } else {
        show = ngx_bo_show_known(store, c->order.show_no);

        if (show) {

            /* Should Redis not have heard of it, the repair will see. */

            ngx_bo_show_touch(show);
        }
    }

    value = ngx_bo_column(res, row, ngx_bo_col_refund);

    c->refund.len = value.len;
    c->refund.data = ngx_pstrdup(c->hold.pool, &value);

    return c->refund.data ? NGX_OK : NGX_ERROR;
}
