
/*
 * The shows that a worker knows, and how they are loaded from PostgreSQL:
 * once for all who ask at the same time, again when they have grown old.
 */


#include "ngx_bo_shows.h"
#include "ngx_bo_seatmap.h"


/* Loads under way at once; who asks for unknown shows cannot take more. */

#define NGX_BO_SHOW_LOADS    64

/* What a show leaves in Redis goes that long after its end; msec. */

#define NGX_BO_SHOW_KEPT     (int64_t) 86400000

/* Bytes of layouts that a worker keeps; the least used go first. */

#define NGX_BO_SHOW_MEMORY   (256 * 1024 * 1024)


typedef struct {
    ngx_queue_t              queue;         /* in store->loads */
    ngx_queue_t              waiting;
    ngx_queue_t              next;          /* who wait for the one after it */
    ngx_bo_store_t          *store;
    ngx_bo_pg_op_t          *pg;
    bo_uuid_t                id;
    uint32_t                 no;
    unsigned                 with_id:1;
} ngx_bo_show_load_t;


static ngx_bo_show_t *ngx_bo_show_find(ngx_rbtree_t *tree,
    const bo_uuid_t *id, uint32_t no);
static void ngx_bo_show_renew(ngx_bo_show_t *show);
static void ngx_bo_show_join(ngx_bo_store_t *store, const bo_uuid_t *id,
    uint32_t no, ngx_bo_call_t *call);
static ngx_bo_show_load_t *ngx_bo_show_loading(ngx_bo_store_t *store,
    const bo_uuid_t *id, uint32_t no, ngx_uint_t *n);
static ngx_bo_show_load_t *ngx_bo_show_load(ngx_bo_store_t *store,
    const bo_uuid_t *id, uint32_t no);
static ngx_int_t ngx_bo_show_submit(ngx_bo_show_load_t *load,
    ngx_bo_pg_statement_t *st, ngx_bo_pg_handler_pt handler);
static void ngx_bo_show_checked(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_show_loaded(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_show_loaded_done(ngx_bo_show_load_t *load,
    ngx_bo_show_t *show, ngx_bo_outcome_e outcome);
static void ngx_bo_show_load_next(ngx_bo_store_t *store, const bo_uuid_t *id,
    ngx_queue_t *next);
static void ngx_bo_show_refused(ngx_bo_call_t *call);
static void ngx_bo_show_unreachable(ngx_bo_call_t *call);
static ngx_bo_show_t *ngx_bo_show_make(ngx_bo_store_t *store, PGresult *res);
static ngx_int_t ngx_bo_show_texts(ngx_bo_show_t *show, PGresult *res);
static ngx_int_t ngx_bo_show_keys(ngx_bo_show_t *show);
static void *ngx_bo_show_alloc(void *data, size_t size);
static void ngx_bo_show_rename(ngx_bo_show_t *show, PGresult *res, int first);
static void ngx_bo_show_list(ngx_bo_show_t *show);
static void ngx_bo_show_unlist(ngx_bo_show_t *show);
static void ngx_bo_show_free(ngx_bo_show_t *show);
static void ngx_bo_shows_shrink(ngx_bo_store_t *store);


/* The columns of show_by_id() and show_by_no(). */

enum {
    ngx_bo_col_no = 0,
    ngx_bo_col_id,
    ngx_bo_col_epoch,
    ngx_bo_col_revision,
    ngx_bo_col_status,
    ngx_bo_col_starts,
    ngx_bo_col_ends,
    ngx_bo_col_currency,
    ngx_bo_col_movie,
    ngx_bo_col_theatre,
    ngx_bo_col_screen,
    ngx_bo_col_timezone,
    ngx_bo_col_categories,
    ngx_bo_col_layout,
    ngx_bo_col_orphan_rule,
    ngx_bo_col_moved
};

#define NGX_BO_SHOW_COLUMNS                                                   \
    "show_no, show_id, epoch, revision, status, starts_ms, ends_ms,"          \
    " currency, movie_title, theatre_name, screen_name, timezone,"            \
    " categories, layout, orphan_rule, moved_ms"


static ngx_bo_pg_statement_t  ngx_bo_show_state = {
    "show_state",
    "select revision, epoch, movie_title, theatre_name, screen_name, timezone"
    " from boxoffice.show_state($1::uuid)",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_show_by_id = {
    "show_by_id",
    "select " NGX_BO_SHOW_COLUMNS " from boxoffice.show_by_id($1::uuid)",
    1, 1
};

static ngx_bo_pg_statement_t  ngx_bo_show_by_no = {
    "show_by_no",
    "select " NGX_BO_SHOW_COLUMNS " from boxoffice.show_by_no($1::int)",
    1, 1
};


void
ngx_bo_shows_init(ngx_bo_store_t *store)
{
    ngx_rbtree_init(&store->by_id, &store->sentinel, ngx_rbtree_insert_value);
    ngx_rbtree_init(&store->by_no, &store->sentinel, ngx_rbtree_insert_value);
    ngx_queue_init(&store->used);
}


void
ngx_bo_shows_done(ngx_bo_store_t *store)
{
    ngx_queue_t    *q;
    ngx_bo_show_t  *show;

    while (!ngx_queue_empty(&store->used)) {
        q = ngx_queue_head(&store->used);
        show = ngx_queue_data(q, ngx_bo_show_t, used);
        ngx_bo_show_unlist(show);
    }

    while (!ngx_queue_empty(&store->loads)) {
        q = ngx_queue_head(&store->loads);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_bo_show_load_t, queue));
    }
}


ngx_int_t
ngx_bo_show_get(ngx_bo_store_t *store, const bo_uuid_t *id, uint32_t no,
    ngx_bo_call_t *call)
{
    ngx_bo_show_t  *show;

    call->store = store;

    show = ngx_bo_show_find(id ? &store->by_id : &store->by_no, id, no);

    if (show == NULL) {
        ngx_bo_show_join(store, id, no, call);
        return NGX_AGAIN;
    }

    ngx_bo_show_renew(show);

    ngx_queue_remove(&show->used);
    ngx_queue_insert_head(&store->used, &show->used);

    call->show = show;
    ngx_bo_show_keep(show);

    return NGX_OK;
}


/* Reads it again behind the back of who asks. */

static void
ngx_bo_show_renew(ngx_bo_show_t *show)
{
    if (ngx_current_msec - show->loaded <= NGX_BO_SHOW_FRESH) {
        return;
    }

    /* Not again at once, should PostgreSQL be away. */

    show->loaded = ngx_current_msec - NGX_BO_SHOW_FRESH + 1000;
    (void) ngx_bo_show_load(show->store, &show->id, 0);
}


ngx_int_t
ngx_bo_show_fresh(ngx_bo_store_t *store, const bo_uuid_t *id, ngx_msec_t age,
    ngx_bo_call_t *call)
{
    if (ngx_bo_show_get(store, id, 0, call) != NGX_OK) {
        return NGX_AGAIN;
    }

    if (ngx_current_msec - call->show->loaded <= age) {
        return NGX_OK;
    }

    /* the call has the one that is known until there is another */

    ngx_bo_show_join(store, id, 0, call);

    return NGX_AGAIN;
}


void
ngx_bo_show_reload(ngx_bo_store_t *store, const bo_uuid_t *id,
    ngx_bo_call_t *call)
{
    ngx_uint_t           n;
    ngx_bo_show_load_t  *load;

    call->store = store;

    load = ngx_bo_show_loading(store, id, 0, &n);
    if (load) {

        /* it may see the show as it was before what the caller knows of */

        ngx_bo_call_wait(call, &load->next, ngx_bo_show_refused);
        return;
    }

    ngx_bo_show_join(store, id, 0, call);
}


/* Waits with those who have it loaded, or has it loaded. */

static void
ngx_bo_show_join(ngx_bo_store_t *store, const bo_uuid_t *id, uint32_t no,
    ngx_bo_call_t *call)
{
    ngx_bo_show_load_t  *load;

    load = ngx_bo_show_load(store, id, no);
    if (load == NULL) {
        ngx_bo_call_post(call, ngx_bo_show_unreachable);
        return;
    }

    ngx_bo_call_wait(call, &load->waiting, ngx_bo_show_refused);
}


/* What a call that waited for a load goes on with: its outcome is there. */

static void
ngx_bo_show_refused(ngx_bo_call_t *call)
{
    call->done(call);
}


static void
ngx_bo_show_unreachable(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
}


ngx_bo_show_t *
ngx_bo_show_known(ngx_bo_store_t *store, uint32_t no)
{
    return ngx_bo_show_find(&store->by_no, NULL, no);
}


ngx_bo_show_t *
ngx_bo_show_listed(ngx_bo_store_t *store, const bo_uuid_t *id)
{
    return ngx_bo_show_find(&store->by_id, id, 0);
}


ngx_bo_show_t *
ngx_bo_show_fetch(ngx_bo_store_t *store, uint32_t no)
{
    ngx_bo_show_t  *show;

    show = ngx_bo_show_known(store, no);

    if (show) {
        ngx_bo_show_renew(show);

    } else {
        (void) ngx_bo_show_load(store, NULL, no);
    }

    return show;
}


/*
 * Only shows that exist are in the tree, and the operator has named them: it
 * need not be a hash that an attacker cannot steer.
 */

static ngx_rbtree_key_t
ngx_bo_show_key(const bo_uuid_t *id)
{
    uint64_t  half[2];

    ngx_memcpy(half, id->bytes, sizeof(half));

    return (ngx_rbtree_key_t) (half[0] ^ half[1] * 0x9e3779b97f4a7c15);
}


static ngx_bo_show_t *
ngx_bo_show_find(ngx_rbtree_t *tree, const bo_uuid_t *id, uint32_t no)
{
    ngx_bo_show_t      *show;
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = id ? ngx_bo_show_key(id) : no;
    node = tree->root;

    while (node != tree->sentinel) {

        if (key != node->key) {
            node = key < node->key ? node->left : node->right;
            continue;
        }

        if (id == NULL) {
            return ngx_rbtree_data(node, ngx_bo_show_t, by_no);
        }

        show = ngx_rbtree_data(node, ngx_bo_show_t, by_id);

        if (bo_uuid_equal(&show->id, id)) {
            return show;
        }

        /* ngx_rbtree_insert_value() puts equal keys to the right */

        node = node->right;
    }

    return NULL;
}


/* The load that is under way, or NULL, and of how many that is known. */

static ngx_bo_show_load_t *
ngx_bo_show_loading(ngx_bo_store_t *store, const bo_uuid_t *id, uint32_t no,
    ngx_uint_t *n)
{
    ngx_queue_t         *q;
    ngx_bo_show_load_t  *load;

    *n = 0;

    for (q = ngx_queue_head(&store->loads);
         q != ngx_queue_sentinel(&store->loads);
         q = ngx_queue_next(q))
    {
        load = ngx_queue_data(q, ngx_bo_show_load_t, queue);

        if (id ? load->with_id && bo_uuid_equal(&load->id, id)
               : !load->with_id && load->no == no)
        {
            return load;
        }

        (*n)++;
    }

    return NULL;
}


static ngx_bo_show_load_t *
ngx_bo_show_load(ngx_bo_store_t *store, const bo_uuid_t *id, uint32_t no)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_bo_show_load_t  *load;

    load = ngx_bo_show_loading(store, id, no, &n);
    if (load) {
        return load;
    }

    if (n >= NGX_BO_SHOW_LOADS) {
        return NULL;
    }

    load = ngx_calloc(sizeof(ngx_bo_show_load_t), store->log);
    if (load == NULL) {
        return NULL;
    }

    load->store = store;
    load->no = no;
    ngx_queue_init(&load->waiting);
    ngx_queue_init(&load->next);

    if (id) {
        load->id = *id;
        load->with_id = 1;
    }

    /* The layout of a stadium is not read for nothing. */

    if (id && ngx_bo_show_find(&store->by_id, id, 0)) {
        rc = ngx_bo_show_submit(load, &ngx_bo_show_state,
                                ngx_bo_show_checked);

    } else {
        rc = ngx_bo_show_submit(load, id ? &ngx_bo_show_by_id
                                         : &ngx_bo_show_by_no,
                                ngx_bo_show_loaded);
    }

    if (rc != NGX_OK) {
        ngx_free(load);
        return NULL;
    }

    ngx_queue_insert_tail(&store->loads, &load->queue);

    return load;
}


static ngx_int_t
ngx_bo_show_submit(ngx_bo_show_load_t *load, ngx_bo_pg_statement_t *st,
    ngx_bo_pg_handler_pt handler)
{
    u_char     text[BO_UUID_LEN];
    ngx_str_t  value;

    value.data = text;

    if (load->with_id) {
        bo_uuid_format((char *) text, &load->id);
        value.len = BO_UUID_LEN;

    } else {
        value.len = ngx_sprintf(text, "%uD", load->no) - text;
    }

    load->pg = ngx_bo_pg_submit(load->store->pg, st, &value, handler, load);

    return load->pg ? NGX_OK : NGX_ERROR;
}


static void
ngx_bo_show_checked(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_show_load_t *load = data;

    int64_t         epoch;
    ngx_bo_show_t  *show;

    show = ngx_bo_show_find(&load->store->by_id, &load->id, 0);

    if (verdict != NGX_BO_DONE) {
        ngx_bo_show_loaded_done(load, NULL, NGX_BO_UNAVAILABLE);
        return;
    }

    if (show && PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1
        && ngx_bo_column_int(res, 0, 0) == show->revision)
    {
        epoch = ngx_bo_column_int(res, 0, 1);

        if (epoch > show->epoch) {
            ngx_bo_show_set_epoch(show, epoch);
        }

        ngx_bo_show_rename(show, res, 2);
        show->loaded = ngx_current_msec;
        ngx_bo_show_loaded_done(load, show, NGX_BO_OK);
        return;
    }

    if (ngx_bo_show_submit(load, &ngx_bo_show_by_id, ngx_bo_show_loaded)
        != NGX_OK)
    {
        ngx_bo_show_loaded_done(load, NULL, NGX_BO_UNAVAILABLE);
    }
}


static void
ngx_bo_show_loaded(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_show_load_t *load = data;

    ngx_bo_show_t  *show, *old;

    if (verdict != NGX_BO_DONE) {
        ngx_bo_show_loaded_done(load, NULL, NGX_BO_UNAVAILABLE);
        return;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_log_error(NGX_LOG_ERR, load->store->log, 0,
                      "boxoffice: loading a show failed: %s",
                      PQresultErrorMessage(res));

        /* Nothing was done; a server that has just come back may be slow. */

        ngx_bo_show_loaded_done(load, NULL, NGX_BO_UNAVAILABLE);
        return;
    }

    /*
     * A number is the server's own, and 0 is nobody's: show_by_no() and
     * show_by_id() have no row then, or one of nulls.
     */

    if (PQntuples(res) == 0 || PQgetisnull(res, 0, ngx_bo_col_no)) {
        ngx_bo_show_loaded_done(load, NULL, NGX_BO_NOT_FOUND);
        return;
    }

    show = ngx_bo_show_make(load->store, res);
    if (show == NULL) {
        ngx_bo_show_loaded_done(load, NULL, NGX_BO_REFUSED);
        return;
    }

    ngx_bo_count(load->store, shows_loaded);

    old = ngx_bo_show_known(load->store, show->no);

    if (old && old->revision == show->revision) {

        /* Nothing new but the epoch and names: go on with what is there. */

        if (show->epoch > old->epoch) {
            ngx_bo_show_set_epoch(old, show->epoch);
        }

        ngx_bo_show_rename(old, res, ngx_bo_col_movie);
        old->loaded = ngx_current_msec;
        ngx_destroy_pool(show->pool);
        show = old;

    } else {
        if (old) {
            ngx_bo_show_unlist(old);
        }

        ngx_bo_show_list(show);
    }

    ngx_bo_show_loaded_done(load, show, NGX_BO_OK);
}


/*
 * The names of what a show belongs to, which stand in columns from first on.
 * Those of before stay in its pool: an administrator seldom gives others.
 */

static void
ngx_bo_show_rename(ngx_bo_show_t *show, PGresult *res, int first)
{
    u_char      *data;
    ngx_str_t    value;
    ngx_uint_t   i;
    ngx_str_t   *names[] = { &show->movie, &show->theatre, &show->screen,
                             &show->timezone };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = ngx_bo_column(res, 0, first + (int) i);

        if (value.len == names[i]->len
            && ngx_memcmp(value.data, names[i]->data, value.len) == 0)
        {
            continue;
        }

        data = ngx_pstrdup(show->pool, &value);

        if (data) {
            names[i]->data = data;
            names[i]->len = value.len;
            ngx_bo_show_grown(show, value.len);
        }
    }
}


static void
ngx_bo_show_loaded_done(ngx_bo_show_load_t *load, ngx_bo_show_t *show,
    ngx_bo_outcome_e outcome)
{
    bo_uuid_t        id = load->id;
    ngx_queue_t      next, *q;
    ngx_bo_call_t   *call;
    ngx_bo_store_t  *store = load->store;

    ngx_queue_remove(&load->queue);

    ngx_queue_init(&next);

    if (!ngx_queue_empty(&load->next)) {
        ngx_queue_add(&next, &load->next);
    }

    if (show) {
        for (q = ngx_queue_head(&load->waiting);
             q != ngx_queue_sentinel(&load->waiting);
             q = ngx_queue_next(q))
        {
            call = ngx_queue_data(q, ngx_bo_call_t, wait);

            if (call->show) {
                ngx_bo_show_drop(call->show);
            }

            call->show = show;
            ngx_bo_show_keep(show);
        }
    }

    ngx_bo_calls_wake(&load->waiting, outcome);
    ngx_free(load);

    ngx_bo_show_load_next(store, &id, &next);
    ngx_bo_shows_shrink(store);
}


/* A load that has begun meanwhile is as good: it came after who wait here. */

static void
ngx_bo_show_load_next(ngx_bo_store_t *store, const bo_uuid_t *id,
    ngx_queue_t *next)
{
    ngx_bo_show_load_t  *load;

    if (ngx_queue_empty(next)) {
        return;
    }

    load = ngx_bo_show_load(store, id, 0);
    if (load == NULL) {
        ngx_bo_calls_wake(next, NGX_BO_UNAVAILABLE);
        return;
    }

    ngx_queue_add(&load->waiting, next);
}


static ngx_bo_show_t *
ngx_bo_show_make(ngx_bo_store_t *store, PGresult *res)
{
    uint32_t        i;
    ngx_str_t       categories, layout, id;
    bo_alloc_t      alloc;
    const char     *error;
    ngx_pool_t     *pool;
    ngx_bo_show_t  *show;

    pool = ngx_create_pool(4096, store->log);
    if (pool == NULL) {
        return NULL;
    }

    show = ngx_pcalloc(pool, sizeof(ngx_bo_show_t));
    if (show == NULL) {
        goto failed;
    }

    show->pool = pool;
    show->store = store;
    show->loaded = ngx_current_msec;
    ngx_queue_init(&show->holds);
    ngx_queue_init(&show->picks);

    id = ngx_bo_column(res, 0, ngx_bo_col_id);

    if (bo_uuid_parse(&show->id, (char *) id.data, id.len) != 0) {
        goto failed;
    }

    show->no = (uint32_t) ngx_bo_column_int(res, 0, ngx_bo_col_no);

    if (ngx_bo_show_texts(show, res) != NGX_OK
        || ngx_bo_show_keys(show) != NGX_OK)
    {
        goto failed;
    }

    ngx_bo_show_set_epoch(show,
                          ngx_bo_column_int(res, 0, ngx_bo_col_epoch));

    categories = ngx_bo_column(res, 0, ngx_bo_col_categories);
    layout = ngx_bo_column(res, 0, ngx_bo_col_layout);

    alloc.alloc = ngx_bo_show_alloc;
    alloc.data = pool;

    if (bo_layout_parse(&show->layout, &alloc, (char *) categories.data,
                        categories.len, (char *) layout.data, layout.len,
                        &error)
        != 0)
    {
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "boxoffice: layout of show %uD: %s", show->no, error);
        goto failed;
    }

    for (i = 0; i < show->layout.nseats; i++) {
        show->sellable += bo_layout_sellable(&show->layout, i);
    }

    return show;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void *
ngx_bo_show_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


static ngx_int_t
ngx_bo_show_texts(ngx_bo_show_t *show, PGresult *res)
{
    ngx_str_t   value;
    ngx_uint_t  i;

    struct {
        ngx_str_t  *text;
        int         column;
    } texts[] = {
        { &show->revision_text, ngx_bo_col_revision },
        { &show->status, ngx_bo_col_status },
        { &show->currency, ngx_bo_col_currency },
        { &show->movie, ngx_bo_col_movie },
        { &show->theatre, ngx_bo_col_theatre },
        { &show->screen, ngx_bo_col_screen },
        { &show->timezone, ngx_bo_col_timezone }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = ngx_bo_column(res, 0, texts[i].column);

        texts[i].text->data = ngx_pstrdup(show->pool, &value);
        if (texts[i].text->data == NULL) {
            return NGX_ERROR;
        }

        texts[i].text->len = value.len;
    }

    show->revision = (ngx_int_t) ngx_bo_column_int(res, 0,
                                                   ngx_bo_col_revision);
    show->starts = ngx_bo_column_int(res, 0, ngx_bo_col_starts);
    show->ends = ngx_bo_column_int(res, 0, ngx_bo_col_ends);
    show->moved = ngx_bo_column_int(res, 0, ngx_bo_col_moved);
    show->cancelled = ngx_strcmp(PQgetvalue(res, 0, ngx_bo_col_status),
                                 "SCHEDULED")
                      != 0;
    show->orphan_rule = *PQgetvalue(res, 0, ngx_bo_col_orphan_rule) != 'f';

    return NGX_OK;
}


/* All keys of a show have its id as hash tag: one slot of a cluster. */

static ngx_int_t
ngx_bo_show_keys(ngx_bo_show_t *show)
{
    u_char      *p;
    ngx_uint_t   i;

    struct {
        ngx_str_t   *key;
        const char  *format;
    } keys[] = {
        { &show->version_key, "version:{%*s}" },
        { &show->state_key, "state:{%*s}" },
        { &show->hold_key, "hold:{%*s}" },
        { &show->expiry_key, "expiry:{%*s}" },
        { &show->lock_prefix, "seat_lock:{%*s}:" },
        { &show->bookings_key, "bookings:{%*s}" },
        { &show->booking_prefix, "booking:{%*s}:" },
        { &show->booking_key_prefix, "booking_key:{%*s}:" }
    };

    bo_uuid_format((char *) show->id_text, &show->id);

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        p = ngx_pnalloc(show->pool, sizeof("booking_key:{}:") + BO_UUID_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        keys[i].key->data = p;
        keys[i].key->len = ngx_sprintf(p, keys[i].format,
                                       (size_t) BO_UUID_LEN, show->id_text)
                           - p;
    }

    ngx_sprintf(show->no_text, "%uD%Z", show->no);

    return NGX_OK;
}


static void
ngx_bo_show_list(ngx_bo_show_t *show)
{
    ngx_bo_store_t  *store = show->store;

    show->by_id.key = ngx_bo_show_key(&show->id);
    show->by_no.key = show->no;

    ngx_rbtree_insert(&store->by_id, &show->by_id);
    ngx_rbtree_insert(&store->by_no, &show->by_no);
    ngx_queue_insert_head(&store->used, &show->used);

    show->listed = 1;
    store->layouts += show->layout.size + show->grown;
}


static void
ngx_bo_show_unlist(ngx_bo_show_t *show)
{
    ngx_bo_store_t  *store = show->store;

    ngx_rbtree_delete(&store->by_id, &show->by_id);
    ngx_rbtree_delete(&store->by_no, &show->by_no);
    ngx_queue_remove(&show->used);

    show->listed = 0;
    store->layouts -= show->layout.size + show->grown;

    if (show->refs == 0) {
        ngx_bo_show_free(show);
    }
}


void
ngx_bo_show_grown(ngx_bo_show_t *show, size_t size)
{
    show->grown += size;

    if (show->listed) {
        show->store->layouts += size;
    }
}


static void
ngx_bo_shows_shrink(ngx_bo_store_t *store)
{
    ngx_queue_t    *q, *prev;
    ngx_bo_show_t  *show;

    for (q = ngx_queue_last(&store->used);
         q != ngx_queue_sentinel(&store->used)
         && store->layouts > NGX_BO_SHOW_MEMORY;
         q = prev)
    {
        prev = ngx_queue_prev(q);
        show = ngx_queue_data(q, ngx_bo_show_t, used);

        if (show->refs == 0) {
            ngx_bo_show_unlist(show);
        }
    }
}


void
ngx_bo_show_keep(ngx_bo_show_t *show)
{
    show->refs++;
}


void
ngx_bo_show_drop(ngx_bo_show_t *show)
{
    show->refs--;

    if (show->refs == 0 && !show->listed) {
        ngx_bo_show_free(show);
    }
}


static void
ngx_bo_show_free(ngx_bo_show_t *show)
{
    ngx_bo_picks_free(show);

    if (show->snapshot) {
        ngx_bo_snapshot_drop(show->snapshot);
    }

    ngx_destroy_pool(show->pool);
}


int64_t
ngx_bo_show_gone(int64_t ends)
{
    return ngx_max(ends, ngx_bo_now()) + NGX_BO_SHOW_KEPT;
}


void
ngx_bo_show_set_epoch(ngx_bo_show_t *show, int64_t epoch)
{
    show->epoch = epoch;
    show->base.data = show->base_text;
    show->base.len = ngx_sprintf(show->base_text, "%L",
                                 epoch * NGX_BO_EPOCH_VERSIONS)
                     - show->base_text;
}


void
ngx_bo_show_adopt_epoch(ngx_bo_show_t *show)
{
    ngx_bo_show_t  *listed;

    if (show->listed) {
        return;
    }

    listed = ngx_bo_show_known(show->store, show->no);

    if (listed && listed->epoch != show->epoch) {
        ngx_bo_show_set_epoch(show, listed->epoch);
    }
}


ngx_str_t
ngx_bo_column(PGresult *res, ngx_int_t row, int column)
{
    ngx_str_t  s;

    s.data = (u_char *) PQgetvalue(res, (int) row, column);
    s.len = PQgetlength(res, (int) row, column);

    return s;
}


int64_t
ngx_bo_column_int(PGresult *res, ngx_int_t row, int column)
{
    u_char   *p;
    int64_t   n, sign;

    p = (u_char *) PQgetvalue(res, (int) row, column);
    sign = 1;

    if (*p == '-') {
        sign = -1;
        p++;
    }

    for (n = 0; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
    }

    return n * sign;
}
