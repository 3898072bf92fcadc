
/*
 * The audit log and the daily totals, in PostgreSQL:
 *
 *     boxoffice_outbox_sink audit;
 *
 * Each event is one operation of a statement that the client makes batches of.
 */


#include "ngx_bo_sink.h"


static void ngx_bo_sink_audit_send(ngx_bo_sink_t *sink,
    ngx_bo_delivery_t **d, ngx_uint_t n);
static void ngx_bo_sink_audit_written(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);


ngx_bo_sink_kind_t  ngx_bo_sink_audit = {
    "audit",
    0,
    NULL,
    NULL,
    NULL,
    NULL,
    ngx_bo_sink_audit_send
};


static ngx_bo_pg_statement_t  ngx_bo_record_events = {
    "record_events",
    "select item, outcome from boxoffice.record_events($1::uuid[],"
    " $2::uuid[], $3::int[], $4::text[], $5::bigint[], $6::text[])",
    6, 64
};


static void
ngx_bo_sink_audit_send(ngx_bo_sink_t *sink, ngx_bo_delivery_t **d,
    ngx_uint_t n)
{
    u_char           version[NGX_INT_T_LEN], time[NGX_INT64_LEN];
    ngx_str_t        v[6];
    ngx_uint_t       i;
    ngx_bo_event_t  *event;

    for (i = 0; i < n; i++) {
        event = &d[i]->event;

        v[0] = event->id;
        v[1] = event->aggregate;
        v[2].data = version;
        v[2].len = ngx_sprintf(version, "%ui", event->version) - version;
        v[3] = event->type;
        v[4].data = time;
        v[4].len = ngx_sprintf(time, "%L", event->created) - time;
        v[5] = event->payload;

        if (ngx_bo_pg_submit(sink->store->pg, &ngx_bo_record_events, v,
                             ngx_bo_sink_audit_written, d[i])
            == NULL)
        {
            ngx_bo_sink_done(d[i], NGX_BO_SINK_AWAY, 0, "postgres is away");
        }
    }
}


static void
ngx_bo_sink_audit_written(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    char               *state;
    ngx_bo_delivery_t  *d = data;

    if (verdict != NGX_BO_DONE) {
        ngx_bo_sink_done(d, NGX_BO_SINK_AWAY, 0, "postgres is away");
        return;
    }

    if (PQresultStatus(res) == PGRES_TUPLES_OK) {
        ngx_bo_sink_done(d, NGX_BO_SINK_DELIVERED, 0, NULL);
        return;
    }

    /* its message may quote the event */

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    ngx_bo_sink_done(d, NGX_BO_SINK_RETRY, 0, state ? state : "refused");
}
