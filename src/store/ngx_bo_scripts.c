
/*
 * Running a script on a show: EVALSHA, and when the show is not there, or is
 * there in another epoch, it is brought up to date there, and once more.
 */


#include "ngx_bo_scripts.h"
#include "ngx_bo_rebuild.h"
#include "ngx_bo_lua.h"


/* How long a call goes on waiting for a show to be rebuilt. */

#define NGX_BO_REBUILD_PATIENCE  2000


#define ngx_bo_script(name)                                                   \
    { #name, ngx_bo_lua_##name, sizeof(ngx_bo_lua_##name) - 1, { 0 } }


ngx_bo_script_t  ngx_bo_script_hold = ngx_bo_script(hold);
ngx_bo_script_t  ngx_bo_script_hold_many = ngx_bo_script(hold_many);
ngx_bo_script_t  ngx_bo_script_release = ngx_bo_script(release);
ngx_bo_script_t  ngx_bo_script_read = ngx_bo_script(read);
ngx_bo_script_t  ngx_bo_script_fence = ngx_bo_script(fence);
ngx_bo_script_t  ngx_bo_script_unfence = ngx_bo_script(unfence);
ngx_bo_script_t  ngx_bo_script_settle = ngx_bo_script(settle);
ngx_bo_script_t  ngx_bo_script_map = ngx_bo_script(map);
ngx_bo_script_t  ngx_bo_script_load = ngx_bo_script(load);
ngx_bo_script_t  ngx_bo_script_unlock = ngx_bo_script(unlock);
ngx_bo_script_t  ngx_bo_script_repair = ngx_bo_script(repair);
ngx_bo_script_t  ngx_bo_script_renew = ngx_bo_script(renew);
ngx_bo_script_t  ngx_bo_script_book = ngx_bo_script(book);
ngx_bo_script_t  ngx_bo_script_book_pay = ngx_bo_script(book_pay);
ngx_bo_script_t  ngx_bo_script_book_read = ngx_bo_script(book_read);
ngx_bo_script_t  ngx_bo_script_book_recall = ngx_bo_script(book_recall);
ngx_bo_script_t  ngx_bo_script_book_take = ngx_bo_script(book_take);
ngx_bo_script_t  ngx_bo_script_book_end = ngx_bo_script(book_end);
ngx_bo_script_t  ngx_bo_script_book_show = ngx_bo_script(book_show);
ngx_bo_script_t  ngx_bo_script_book_unread = ngx_bo_script(book_unread);
ngx_bo_script_t  ngx_bo_script_room_tick = ngx_bo_script(room_tick);
ngx_bo_script_t  ngx_bo_script_room_grant = ngx_bo_script(room_grant);
ngx_bo_script_t  ngx_bo_script_room_set = ngx_bo_script(room_set);

ngx_bo_script_t  *ngx_bo_scripts[] = {
    &ngx_bo_script_hold,
    &ngx_bo_script_hold_many,
    &ngx_bo_script_release,
    &ngx_bo_script_read,
    &ngx_bo_script_fence,
    &ngx_bo_script_unfence,
    &ngx_bo_script_settle,
    &ngx_bo_script_map,
    &ngx_bo_script_load,
    &ngx_bo_script_unlock,
    &ngx_bo_script_repair,
    &ngx_bo_script_renew,
    &ngx_bo_script_book,
    &ngx_bo_script_book_pay,
    &ngx_bo_script_book_read,
    &ngx_bo_script_book_recall,
    &ngx_bo_script_book_take,
    &ngx_bo_script_book_end,
    &ngx_bo_script_book_show,
    &ngx_bo_script_book_unread,
    &ngx_bo_script_room_tick,
    &ngx_bo_script_room_grant,
    &ngx_bo_script_room_set
};

const ngx_uint_t  ngx_bo_nscripts = sizeof(ngx_bo_scripts)
                                    / sizeof(ngx_bo_scripts[0]);


static void ngx_bo_script_send(ngx_bo_call_t *call);
static void ngx_bo_script_reply(void *data, ngx_bo_verdict_e verdict,
    redisReply *reply);
static void ngx_bo_script_refused(ngx_bo_call_t *call);


void
ngx_bo_script_run(ngx_bo_script_call_t *sc)
{
    sc->started = ngx_current_msec;
    sc->call.outcome = NGX_BO_OK;
    ngx_bo_script_send(&sc->call);
}


static void
ngx_bo_script_send(ngx_bo_call_t *call)
{
    ngx_bo_script_call_t  *sc = (ngx_bo_script_call_t *) call;

    if (call->outcome != NGX_BO_OK) {

        /* woken by a rebuild that failed */

        ngx_bo_call_done(call, call->outcome);
        return;
    }

    ngx_bo_show_adopt_epoch(call->show);
    sc->argv[sc->nkeys] = call->show->base;

    call->redis = ngx_bo_redis_eval(call->store->redis, sc->script, sc->nkeys,
                                    sc->argc, sc->argv, ngx_bo_script_reply,
                                    sc);

    if (call->redis == NULL) {
        ngx_bo_call_post(call, ngx_bo_script_refused);
    }
}


static void
ngx_bo_script_refused(ngx_bo_call_t *call)
{
    ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
}


static void
ngx_bo_script_reply(void *data, ngx_bo_verdict_e verdict, redisReply *reply)
{
    ngx_bo_script_call_t  *sc = data;

    int64_t         version;
    ngx_int_t       code;
    ngx_bo_call_t  *call;

    call = &sc->call;
    call->redis = NULL;

    if (verdict != NGX_BO_DONE) {

        /* Reading changes nothing, so nothing is in doubt. */

        ngx_bo_call_done(call, verdict == NGX_BO_UNKNOWN
                               && sc->script != &ngx_bo_script_read
                               && sc->script != &ngx_bo_script_book_read
                               && sc->script != &ngx_bo_script_book_recall
                               ? NGX_BO_IN_DOUBT : NGX_BO_UNAVAILABLE);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        ngx_log_error(NGX_LOG_ERR, call->store->log, 0,
                      "boxoffice: script \"%s\" failed: %s", sc->script->name,
                      reply->type == REDIS_REPLY_ERROR ? reply->str
                                                       : "unexpected reply");
        ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
        return;
    }

    code = (ngx_int_t) reply->element[0]->integer;

    if (code != -1) {
        ngx_bo_call_done(call, sc->read(sc, code, reply));
        return;
    }

    /* Not loaded; whoever only wanted to touch it has nothing to do. */

    if (!sc->rebuilds) {
        ngx_bo_call_done(call, NGX_BO_NOT_FOUND);
        return;
    }

    if (ngx_current_msec - sc->started > NGX_BO_REBUILD_PATIENCE) {
        ngx_bo_call_done(call, NGX_BO_UNAVAILABLE);
        return;
    }

    version = ngx_bo_reply_int(reply, 1);

    ngx_bo_rebuild(call->show, version, call, ngx_bo_script_send);
}


ngx_str_t
ngx_bo_reply_str(redisReply *reply, size_t i)
{
    ngx_str_t  s;

    ngx_str_null(&s);

    if (i < reply->elements
        && reply->element[i]->type == REDIS_REPLY_STRING)
    {
        s.data = (u_char *) reply->element[i]->str;
        s.len = reply->element[i]->len;
    }

    return s;
}


int64_t
ngx_bo_reply_int(redisReply *reply, size_t i)
{
    if (i < reply->elements
        && reply->element[i]->type == REDIS_REPLY_INTEGER)
    {
        return reply->element[i]->integer;
    }

    return 0;
}
