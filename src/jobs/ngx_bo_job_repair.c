
/*
 * Compares what Redis says is sold with what PostgreSQL has claimed, and
 * repairs towards PostgreSQL.  The two are never read at the same moment, so a
 * difference counts only when it was there the last time as well.
 */


#include "ngx_bo_jobs.h"


#define NGX_BO_REPAIR_MAX    16     /* shows in a run */
#define NGX_BO_REPAIR_SEATS  64     /* seats in one script */
#define NGX_BO_REPAIR_SUSPECTS  128 /* shows with differences, remembered */


typedef struct {
    uint32_t                 seat;
    u_char                   is;            /* in Redis */
    u_char                   should;
} ngx_bo_difference_t;


/* What differed the last time, by show; kept between runs. */

typedef struct {
    uint32_t                 no;
    ngx_uint_t               n;
    ngx_bo_difference_t      seats[NGX_BO_REPAIR_SEATS];
} ngx_bo_suspect_t;


typedef struct {
    ngx_bo_script_call_t     script;
    ngx_bo_job_t            *job;
    ngx_pool_t              *pool;
    int64_t                  version;
    ngx_msec_t               began;
    size_t                   size;
    u_char                  *bits;
    ngx_str_t               *argv;
} ngx_bo_repair_t;


static void ngx_bo_repair_show(ngx_bo_job_t *job, ngx_bo_show_t *show);
static void ngx_bo_repair_refreshed(ngx_bo_call_t *call);
static void ngx_bo_repair_claims(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_uint_t ngx_bo_repair_compare(ngx_bo_repair_t *rp, PGresult *res,
    ngx_bo_difference_t *diff);
static ngx_bo_suspect_t *ngx_bo_repair_suspect(uint32_t no);
static ngx_uint_t ngx_bo_repair_again(ngx_bo_suspect_t *last,
    ngx_bo_difference_t *diff, ngx_uint_t n);
static void ngx_bo_repair_run(ngx_bo_repair_t *rp, ngx_bo_difference_t *diff,
    ngx_uint_t n);
static ngx_bo_outcome_e ngx_bo_repair_read(ngx_bo_script_call_t *sc,
    ngx_int_t code, redisReply *reply);
static void ngx_bo_repair_done(ngx_bo_call_t *call);


static ngx_bo_suspect_t  ngx_bo_suspects[NGX_BO_REPAIR_SUSPECTS];


static ngx_bo_pg_statement_t  ngx_bo_sold_seats = {
    "sold_seats",
    "select seat_no, confirmed from boxoffice.show_claims($1::uuid)", 1, 1
};


void
ngx_bo_job_repair(ngx_bo_job_t *job)
{
    uint32_t    nos[NGX_BO_REPAIR_MAX];
    ngx_uint_t  i, n;

    n = ngx_bo_seatmap_unchecked(job->store, nos, NGX_BO_REPAIR_MAX);

    for (i = 0; i < n; i++) {
        ngx_bo_job_show(job, nos[i], ngx_bo_repair_show);
    }
}


static void
ngx_bo_repair_show(ngx_bo_job_t *job, ngx_bo_show_t *show)
{
    ngx_pool_t       *pool;
    ngx_bo_repair_t  *rp;

    pool = ngx_create_pool(4096, job->store->log);
    if (pool == NULL) {
        return;
    }

    rp = ngx_pcalloc(pool, sizeof(ngx_bo_repair_t));
    if (rp == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    rp->job = job;
    rp->pool = pool;
    rp->began = ngx_current_msec;
    rp->script.call.store = job->store;
    rp->script.call.show = show;
    rp->script.call.done = ngx_bo_repair_refreshed;

    ngx_bo_show_keep(show);
    ngx_bo_job_begin(job);

    ngx_bo_seatmap_refresh(show, &rp->script.call, NGX_BO_REFRESH_STATES);
}


static void
ngx_bo_repair_refreshed(ngx_bo_call_t *call)
{
    ngx_bo_repair_t *rp = (ngx_bo_repair_t *) call;

    ngx_str_t       id;
    ngx_bo_show_t  *show = call->show;

    rp->size = bo_map_size(show->layout.nseats);
    rp->bits = ngx_palloc(rp->pool, rp->size);

    if (call->outcome != NGX_BO_OK || rp->bits == NULL) {
        ngx_bo_repair_done(call);
        return;
    }

    rp->version = ngx_bo_seatmap_bits(show, rp->bits, rp->size, NULL);
    if (rp->version == 0) {
        ngx_bo_repair_done(call);
        return;
    }

    id.data = show->id_text;
    id.len = BO_UUID_LEN;

    call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_sold_seats, &id,
                                ngx_bo_repair_claims, rp);
    if (call->pg == NULL) {
        ngx_bo_repair_done(call);
    }
}


static void
ngx_bo_repair_claims(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_repair_t *rp = data;

    ngx_uint_t            n, m;
    ngx_bo_call_t        *call;
    ngx_bo_suspect_t     *last;
    ngx_bo_difference_t   diff[NGX_BO_REPAIR_SEATS];

    call = &rp->script.call;
    call->pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_bo_repair_done(call);
        return;
    }

    n = ngx_bo_repair_compare(rp, res, diff);
    last = ngx_bo_repair_suspect(call->show->no);

    if (n == 0) {
        last->no = 0;
        ngx_bo_seatmap_checked(call->show, rp->version, rp->began);
        ngx_bo_repair_done(call);
        return;
    }

    m = ngx_bo_repair_again(last, diff, n);

    if (m == 0) {
        ngx_bo_repair_done(call);
        return;
    }

    ngx_bo_repair_run(rp, last->seats, m);
}


/*
 * Fills diff with seats that differ, as many as there is room for.  A seat
 * that is claimed but not sold yet may be held or free in Redis: its order
 * may just be ending, and PostgreSQL refuses whoever takes it too early.
 */

static ngx_uint_t
ngx_bo_repair_compare(ngx_bo_repair_t *rp, PGresult *res,
    ngx_bo_difference_t *diff)
{
    int              i, rows;
    u_char           is, should;
    uint32_t         seat, claimed;
    ngx_uint_t       n;
    ngx_bo_show_t   *show;

    show = rp->script.call.show;
    rows = PQntuples(res);
    i = 0;
    n = 0;

    for (seat = 0; seat < show->layout.nseats && n < NGX_BO_REPAIR_SEATS;
         seat++)
    {
        should = BO_SEAT_AVAILABLE;
        claimed = i < rows ? (uint32_t) ngx_bo_column_int(res, i, 0)
                           : BO_SEAT_NO_MAX + 1;

        if (claimed == seat) {
            should = *PQgetvalue(res, i, 1) == 't' ? BO_SEAT_BOOKED
                                                   : BO_SEAT_HELD;
            i++;
        }

        is = (u_char) bo_map_get(rp->bits, rp->size, seat);

        if (is == BO_SEAT_UNAVAILABLE
            ? show->cancelled || !bo_layout_sellable(&show->layout, seat)
            : (is == BO_SEAT_BOOKED) == (should == BO_SEAT_BOOKED))
        {
            continue;
        }

        diff[n].seat = seat;
        diff[n].is = is;
        diff[n].should = should == BO_SEAT_BOOKED ? BO_SEAT_BOOKED
                                                  : BO_SEAT_AVAILABLE;
        n++;
    }

    return n;
}


static ngx_bo_suspect_t *
ngx_bo_repair_suspect(uint32_t no)
{
    ngx_uint_t         i;
    ngx_bo_suspect_t  *free;

    free = &ngx_bo_suspects[no % NGX_BO_REPAIR_SUSPECTS];

    for (i = 0; i < NGX_BO_REPAIR_SUSPECTS; i++) {
        if (ngx_bo_suspects[i].no == no) {
            return &ngx_bo_suspects[i];
        }

        if (ngx_bo_suspects[i].no == 0) {
            free = &ngx_bo_suspects[i];
        }
    }

    free->no = no;
    free->n = 0;

    return free;
}


/*
 * Keeps in last what was there the last time, too, and returns how many those
 * are; remembers all of diff for the next time when there are none.
 */

static ngx_uint_t
ngx_bo_repair_again(ngx_bo_suspect_t *last, ngx_bo_difference_t *diff,
    ngx_uint_t n)
{
    ngx_uint_t  i, j, m;

    m = 0;

    for (i = 0; i < last->n; i++) {
        for (j = 0; j < n; j++) {
            if (last->seats[i].seat == diff[j].seat
                && last->seats[i].is == diff[j].is
                && last->seats[i].should == diff[j].should)
            {
                last->seats[m++] = diff[j];
                break;
            }
        }
    }

    if (m == 0) {
        ngx_memcpy(last->seats, diff, n * sizeof(ngx_bo_difference_t));
        last->n = n;
        return 0;
    }

    last->n = 0;

    return m;
}


static void
ngx_bo_repair_run(ngx_bo_repair_t *rp, ngx_bo_difference_t *diff,
    ngx_uint_t n)
{
    u_char                *p;
    ngx_str_t             *arg;
    ngx_uint_t             i;
    ngx_bo_show_t         *show;
    ngx_bo_script_call_t  *sc;

    sc = &rp->script;
    show = sc->call.show;

    arg = ngx_palloc(rp->pool, (4 + 3 * n) * sizeof(ngx_str_t));
    p = ngx_pnalloc(rp->pool, n * (NGX_INT32_LEN + 2));

    if (arg == NULL || p == NULL) {
        ngx_bo_repair_done(&sc->call);
        return;
    }

    sc->argv = arg;
    *arg++ = show->version_key;
    *arg++ = show->state_key;
    arg++;    /* the epoch */
    *arg++ = show->lock_prefix;

    for (i = 0; i < n; i++) {
        arg->data = p;
        p = ngx_sprintf(p, "%uD", diff[i].seat);
        arg->len = p - arg->data;
        arg++;

        arg->data = p;
        arg++->len = 1;
        *p++ = '0' + diff[i].is;

        arg->data = p;
        arg++->len = 1;
        *p++ = '0' + diff[i].should;
    }

    sc->script = &ngx_bo_script_repair;
    sc->read = ngx_bo_repair_read;
    sc->nkeys = 2;
    sc->argc = arg - sc->argv;
    sc->call.done = ngx_bo_repair_done;

    ngx_bo_script_run(sc);
}


static ngx_bo_outcome_e
ngx_bo_repair_read(ngx_bo_script_call_t *sc, ngx_int_t code,
    redisReply *reply)
{
    int64_t          n;
    ngx_bo_store_t  *store = sc->call.store;

    n = ngx_bo_reply_int(reply, 1);

    if (n) {
        (void) ngx_atomic_fetch_add(&store->zone->metrics.seats_repaired, n);

        ngx_log_error(NGX_LOG_WARN, store->log, 0,
                      "boxoffice: %L seats of show %uD repaired in redis", n,
                      sc->call.show->no);
    }

    return NGX_BO_OK;
}


static void
ngx_bo_repair_done(ngx_bo_call_t *call)
{
    ngx_bo_repair_t *rp = (ngx_bo_repair_t *) call;

    ngx_bo_job_t  *job = rp->job;

    ngx_bo_call_cancel(call);
    ngx_destroy_pool(rp->pool);
    ngx_bo_job_end(job);
}
