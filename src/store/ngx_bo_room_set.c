
/*
 * A waiting room in PostgreSQL and Redis: made, changed, and given more
 * numbers.  PostgreSQL says what it is; Redis is brought to that.
 */


#include "ngx_bo_room_tick.h"
#include "ngx_bo_scripts.h"

#include <openssl/sha.h>


/* The columns of a waiting_room_row. */

typedef enum {
    NGX_BO_ROW_SALE = 0,
    NGX_BO_ROW_KEY,
    NGX_BO_ROW_SEED,
    NGX_BO_ROW_FIRST,
    NGX_BO_ROW_CEILING,
    NGX_BO_ROW_PHASE,
    NGX_BO_ROW_RATE,
    NGX_BO_ROW_CAPACITY,
    NGX_BO_ROW_OPENS,
    NGX_BO_ROW_MESSAGE,
    NGX_BO_ROW_SHOW,
    NGX_BO_ROW_SETTINGS
} ngx_bo_room_row_e;

/* So often the leader looks whether Redis has what PostgreSQL says; msec. */

#define NGX_BO_ROOM_COMPARE  3000


#define NGX_BO_ROW_COLUMNS                                                    \
    "select sale, id_key, seed, first, ceiling, phase, rate, capacity,"       \
    " opens_ms, message, show_id, settings "


static ngx_bo_pg_statement_t  ngx_bo_room_reserve_st = {
    "reserve_waiting_room",
    NGX_BO_ROW_COLUMNS
    "from boxoffice.reserve_waiting_room($1, $2, $3, $4, $5)",
    5, 1
};

static ngx_bo_pg_statement_t  ngx_bo_room_compare_st = {
    "waiting_room",
    NGX_BO_ROW_COLUMNS "from boxoffice.waiting_room($1)",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_room_change_st = {
    "set_waiting_room",
    NGX_BO_ROW_COLUMNS
    "from boxoffice.set_waiting_room($1, $2, $3, $4, $5, $6, $7, $8)",
    8, 1
};


static void ngx_bo_room_reserved(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_room_compared(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static ngx_uint_t ngx_bo_room_is_row(ngx_bo_room_tick_t *t,
    ngx_bo_verdict_e verdict, PGresult *res);
static ngx_bo_redis_op_t *ngx_bo_room_publish(ngx_bo_store_t *store,
    ngx_bo_room_t *room, PGresult *res, ngx_bo_redis_handler_pt handler,
    void *data);
static void ngx_bo_room_made(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_room_changed(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_room_published(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_room_refused(ngx_bo_call_t *call);
static void ngx_bo_room_number(u_char *buf, ngx_str_t *value, ngx_int_t n);


void
ngx_bo_room_reserve(ngx_bo_room_tick_t *t)
{
    u_char               buf[3][NGX_INT64_LEN];
    ngx_str_t            values[5];
    ngx_bo_room_conf_t  *conf = &t->room->conf;

    if (t->pg != NULL) {
        return;
    }

    values[0] = conf->name;
    ngx_bo_room_number(buf[0], &values[1], NGX_BO_ROOM_RESERVE);
    values[2] = ngx_bo_room_phases[conf->phase];
    ngx_bo_room_number(buf[1], &values[3], conf->rate);
    ngx_bo_room_number(buf[2], &values[4], conf->capacity);

    t->pg = ngx_bo_pg_submit(t->store->pg, &ngx_bo_room_reserve_st, values,
                             ngx_bo_room_reserved, t);
}


static void
ngx_bo_room_reserved(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_room_tick_t *t = data;

    uint64_t  ceiling;

    t->pg = NULL;

    if (!ngx_bo_room_is_row(t, verdict, res)) {
        return;
    }

    ceiling = (uint64_t) ngx_bo_column_int(res, 0, NGX_BO_ROW_CEILING);

    ngx_shmtx_lock(&t->room->shpool->mutex);
    t->room->zone->ceiling = ngx_max(t->room->zone->ceiling, ceiling);
    ngx_shmtx_unlock(&t->room->shpool->mutex);

    (void) ngx_bo_room_publish(t->store, t->room, res, ngx_bo_room_made, t);
}


/*
 * A change that was committed may never have come to Redis: that was away, or
 * who asked for it has left.
 */

void
ngx_bo_room_compare(ngx_bo_room_tick_t *t)
{
    if (t->pg != NULL || t->room->zone->fence == 0
        || ngx_current_msec - t->compared < NGX_BO_ROOM_COMPARE)
    {
        return;
    }

    t->compared = ngx_current_msec;
    t->pg = ngx_bo_pg_submit(t->store->pg, &ngx_bo_room_compare_st,
                             &t->room->conf.name, ngx_bo_room_compared, t);
}


static void
ngx_bo_room_compared(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_room_tick_t *t = data;

    t->pg = NULL;

    if (ngx_bo_room_is_row(t, verdict, res)
        && ngx_bo_column_int(res, 0, NGX_BO_ROW_SETTINGS)
           > (int64_t) t->room->zone->agreed.settings)
    {
        (void) ngx_bo_room_publish(t->store, t->room, res, ngx_bo_room_made,
                                   t);
    }
}


static ngx_uint_t
ngx_bo_room_is_row(ngx_bo_room_tick_t *t, ngx_bo_verdict_e verdict,
    PGresult *res)
{
    if (verdict != NGX_BO_DONE) {
        return 0;
    }

    if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1) {
        return 1;
    }

    ngx_log_error(NGX_LOG_ERR, t->store->log, 0,
                  "boxoffice: waiting room \"%V\": %s",
                  &t->room->conf.name, PQresultErrorMessage(res));
    return 0;
}


static void
ngx_bo_room_made(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_room_tick_t *t = data;

    if (verdict == NGX_BO_DONE && reply->type == REDIS_REPLY_ERROR) {
        ngx_bo_room_script(t, "room_set", reply->str);
        return;
    }

    if (verdict == NGX_BO_DONE && !t->leaving) {
        ngx_bo_room_tick_now(t);
    }
}


/* Brings Redis to a row of PostgreSQL. */

static ngx_bo_redis_op_t *
ngx_bo_room_publish(ngx_bo_store_t *store, ngx_bo_room_t *room, PGresult *res,
    ngx_bo_redis_handler_pt handler, void *data)
{
    u_char      epoch[32], random[16], digest[SHA256_DIGEST_LENGTH],
                commitment[2 * SHA256_DIGEST_LENGTH], cursor[NGX_INT64_LEN];
    SHA256_CTX  sha;
    ngx_str_t   argv[18], seed;
    ngx_uint_t  i, same;

    if (ngx_bo_random(random, sizeof(random)) != NGX_OK) {
        return NULL;
    }

    ngx_hex_dump(epoch, random, sizeof(random));

    ngx_memcpy(argv, room->keys, sizeof(room->keys));

    seed = ngx_bo_column(res, 0, NGX_BO_ROW_SEED);

    SHA256_Init(&sha);
    SHA256_Update(&sha, seed.data, seed.len);
    SHA256_Final(digest, &sha);
    ngx_hex_dump(commitment, digest, sizeof(digest));

    argv[3].data = epoch;
    argv[3].len = sizeof(epoch);
    argv[4] = ngx_bo_column(res, 0, NGX_BO_ROW_SALE);
    argv[5] = ngx_bo_column(res, 0, NGX_BO_ROW_KEY);
    argv[6] = seed;
    argv[7].data = commitment;
    argv[7].len = sizeof(commitment);

    for (i = 8; i < 17; i++) {
        argv[i] = ngx_bo_column(res, 0, NGX_BO_ROW_FIRST + i - 8);
    }

    if (argv[13].len == 0) {
        ngx_str_set(&argv[13], "0");    /* opens by hand */
    }

    /* in the same sale, this node knows how far it was */

    ngx_shmtx_lock(&room->shpool->mutex);

    same = room->zone->agreed.epoch_len
           && argv[4].len == sizeof(room->zone->agreed.sale_text)
           && ngx_memcmp(argv[4].data, room->zone->agreed.sale_text,
                         argv[4].len)
              == 0;

    ngx_bo_room_number(cursor, &argv[17], (ngx_int_t) room->zone->room->cursor);

    ngx_shmtx_unlock(&room->shpool->mutex);

    if (!same) {
        argv[17] = argv[8];
    }

    return ngx_bo_redis_eval(store->redis, &ngx_bo_script_room_set,
                             NGX_BO_ROOM_KEYS, 18,
                             argv, handler, data);
}


void
ngx_bo_room_change(ngx_bo_room_change_t *change)
{
    u_char           buf[3][NGX_INT64_LEN];
    ngx_str_t        values[8];
    ngx_bo_call_t   *call = &change->call;

    ngx_memzero(values, sizeof(values));

    values[0] = change->room->conf.name;

    if (change->phase >= 0) {
        values[1] = ngx_bo_room_phases[change->phase];
    }

    ngx_bo_room_number(buf[0], &values[2], change->rate);
    ngx_bo_room_number(buf[1], &values[3], change->capacity);
    ngx_bo_room_number(buf[2], &values[4], (ngx_int_t) change->opens);

    values[5] = change->message;
    values[6] = change->show;

    if (change->new_sale) {
        ngx_str_set(&values[7], "true");

    } else {
        ngx_str_set(&values[7], "false");
    }

    call->outcome = NGX_BO_OK;
    call->pg = ngx_bo_pg_submit(call->store->pg, &ngx_bo_room_change_st,
                                values, ngx_bo_room_changed, change);
    if (call->pg == NULL) {
        ngx_bo_call_post(call, ngx_bo_room_refused);
    }
}


static void
ngx_bo_room_refused(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
}


static void
ngx_bo_room_changed(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_room_change_t *change = data;

    ngx_str_t       state;
    ngx_bo_call_t  *call = &change->call;

    call->pg = NULL;

    if (verdict != NGX_BO_DONE) {
        ngx_bo_call_done(call, verdict == NGX_BO_UNKNOWN ? NGX_BO_IN_DOUBT
                                                         : NGX_BO_UNAVAILABLE);
        return;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        state.data = (u_char *) PQresultErrorField(res, PG_DIAG_SQLSTATE);

        /* a show that does not exist */

        ngx_bo_call_done(call, state.data
                               && ngx_strncmp(state.data, "23503", 5) == 0
                               ? NGX_BO_NOT_FOUND : NGX_BO_UNAVAILABLE);
        return;
    }

    if (PQntuples(res) != 1) {
        ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
        return;
    }

    call->redis = ngx_bo_room_publish(call->store, change->room, res,
                                      ngx_bo_room_published, change);
    if (call->redis == NULL) {
        ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_room_published(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_room_change_t *change = data;

    change->call.redis = NULL;

    ngx_bo_call_done(&change->call,
                     verdict == NGX_BO_DONE
                     && reply->type == REDIS_REPLY_INTEGER
                     ? NGX_BO_OK : NGX_BO_IN_DOUBT);
}


/* A number that is below 0 is null. */

static void
ngx_bo_room_number(u_char *buf, ngx_str_t *value, ngx_int_t n)
{
    if (n < 0) {
        ngx_str_null(value);
        return;
    }

    value->data = buf;
    value->len = ngx_sprintf(buf, "%i", n) - buf;
}
