
/*
 * Following the changes of the catalogue: a question to PostgreSQL, a few times
 * a second.
 *
 * The place in the changes is a snapshot, so that what commits late is not
 * passed over, whatever it is numbered.  It lives in the zone: a worker that
 * takes over goes on from there.  Asking is all that is needed for a change to
 * be seen in time, whoever made it and with what tool; no node has to know of
 * the others, and nothing has to be listened to.
 */


#include "ngx_bo_catalogue.h"
#include "ngx_bo_catalogue_poll.h"
#include "ngx_bo_shows.h"


/* As many as the statement names one by one, see sql/033. */

#define NGX_BO_CHANGES_MAX  1000


static void ngx_bo_catalogue_tick(ngx_event_t *ev);
static void ngx_bo_catalogue_ask(ngx_bo_store_t *store);
static void ngx_bo_catalogue_told(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_catalogue_heard(ngx_bo_call_t *call);
static void ngx_bo_catalogue_take(ngx_bo_store_t *store, PGresult *res);


static ngx_bo_pg_statement_t  ngx_bo_catalogue_changes = {
    "catalogue_changes_since",
    "select server, place, tags"
    " from boxoffice.catalogue_changes_since($1::text)",
    1, 1
};


ngx_int_t
ngx_bo_catalogue_follow(ngx_bo_store_t *store)
{
    ngx_bo_catalogue_t  *catalogue = store->catalogue;

    if (catalogue->pages == NULL) {
        return NGX_OK;
    }

    catalogue->was.data = ngx_pnalloc(store->cycle->pool,
                                      NGX_BO_PAGES_CURSOR);
    if (catalogue->was.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0) {
        return NGX_OK;
    }

    catalogue->tick.handler = ngx_bo_catalogue_tick;
    catalogue->tick.data = store;
    catalogue->tick.log = store->log;
    catalogue->tick.cancelable = 1;

    ngx_bo_catalogue_ask(store);
    ngx_add_timer(&catalogue->tick, catalogue->pages->poll);

    return NGX_OK;
}


void
ngx_bo_catalogue_unfollow(ngx_bo_store_t *store)
{
    ngx_bo_catalogue_t  *catalogue = store->catalogue;

    if (catalogue->tick.timer_set) {
        ngx_del_timer(&catalogue->tick);
    }
}


ngx_int_t
ngx_bo_catalogue_changed(ngx_bo_store_t *store, ngx_bo_call_t *call)
{
    ngx_bo_catalogue_t  *catalogue = store->catalogue;

    if (catalogue->pages == NULL) {
        return NGX_OK;
    }

    if (catalogue->op) {

        /* it may have been sent before the change */

        ngx_bo_call_wait(call, &catalogue->next, ngx_bo_catalogue_heard);

        return NGX_AGAIN;
    }

    ngx_bo_catalogue_ask(store);

    if (catalogue->op == NULL) {
        return NGX_OK;
    }

    ngx_bo_call_wait(call, &catalogue->waiting, ngx_bo_catalogue_heard);

    return NGX_AGAIN;
}


static void
ngx_bo_catalogue_heard(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, NGX_BO_OK);
}


static void
ngx_bo_catalogue_tick(ngx_event_t *ev)
{
    ngx_bo_store_t *store = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_bo_catalogue_ask(store);
    ngx_add_timer(ev, store->catalogue->pages->poll);
}


static void
ngx_bo_catalogue_ask(ngx_bo_store_t *store)
{
    ngx_bo_catalogue_t  *catalogue = store->catalogue;

    ngx_str_t  value;

    if (catalogue->op) {
        return;
    }

    catalogue->asked = ngx_bo_nsec() / 1000000;
    catalogue->was.len = ngx_bo_pages_cursor(catalogue->pages,
                                             catalogue->was.data);
    value = catalogue->was;

    if (value.len == 0) {
        ngx_str_null(&value);
    }

    catalogue->op = ngx_bo_pg_submit(store->pg, &ngx_bo_catalogue_changes,
                                     &value, ngx_bo_catalogue_told, store);
}


static void
ngx_bo_catalogue_told(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_store_t *store = data;

    ngx_bo_catalogue_t  *catalogue = store->catalogue;

    catalogue->op = NULL;

    if (verdict == NGX_BO_DONE && PQresultStatus(res) == PGRES_TUPLES_OK
        && PQntuples(res) == 1)
    {
        ngx_bo_catalogue_take(store, res);

    } else if (verdict == NGX_BO_DONE) {

        /* should it be the place that PostgreSQL does not like */

        ngx_bo_pages_lost(catalogue->pages);
    }

    ngx_bo_calls_wake(&catalogue->waiting, NGX_BO_OK);

    if (ngx_queue_empty(&catalogue->next) || catalogue->op) {
        return;
    }

    ngx_queue_add(&catalogue->waiting, &catalogue->next);
    ngx_queue_init(&catalogue->next);

    ngx_bo_catalogue_ask(store);

    if (catalogue->op == NULL) {
        ngx_bo_calls_wake(&catalogue->waiting, NGX_BO_OK);
    }
}


static void
ngx_bo_catalogue_take(ngx_bo_store_t *store, PGresult *res)
{
    uint64_t              tags[NGX_BO_CHANGES_MAX];
    ngx_str_t             text;
    ngx_bo_catalogue_t   *catalogue = store->catalogue;
    ngx_bo_pages_news_t   news;

    ngx_memzero(&news, sizeof(ngx_bo_pages_news_t));

    text = ngx_bo_column(res, 0, 2);

    news.was = catalogue->was;
    news.server = ngx_bo_column(res, 0, 0);
    news.cursor = ngx_bo_column(res, 0, 1);
    news.tags = tags;
    news.asked = catalogue->asked;
    news.all = text.len && text.data[0] == '*';

    if (!news.all) {
        news.ntags = ngx_bo_catalogue_tags(catalogue->pages, &text, tags,
                                           NGX_BO_CHANGES_MAX);
        news.all = news.ntags > NGX_BO_CHANGES_MAX;
    }

    ngx_bo_pages_heard(catalogue->pages, &news);
}


ngx_uint_t
ngx_bo_catalogue_tags(ngx_bo_pages_t *pages, ngx_str_t *text, uint64_t *hash,
    ngx_uint_t max)
{
    u_char      *p, *last, *end;
    ngx_uint_t   n;

    last = text->data + text->len;

    for (n = 0, p = text->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ' ');
        end = end ? end : last;

        if (n++ < max) {
            hash[n - 1] = ngx_bo_page_tag(pages, p, end - p);
        }
    }

    return n;
}
