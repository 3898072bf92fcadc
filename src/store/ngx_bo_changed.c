
/*
 * Calls without an owner: the memory goes with the last step.
 */


#include "ngx_bo_changed.h"
#include "ngx_bo_seatmap.h"


/* When a show that could not be read is tried once more; msec. */

#define NGX_BO_CHANGED_PAUSE  500


typedef struct {
    ngx_bo_call_t            call;
    ngx_event_t              timer;
    bo_uuid_t                id;
    unsigned                 again:1;
} ngx_bo_changed_t;


static void ngx_bo_changed_reloaded(ngx_bo_call_t *call);
static void ngx_bo_changed_again(ngx_event_t *ev);
static void ngx_bo_changed_done(ngx_bo_call_t *call);


void
ngx_bo_show_changed(ngx_bo_store_t *store, const bo_uuid_t *id)
{
    ngx_bo_changed_t  *ch;

    ch = ngx_calloc(sizeof(ngx_bo_changed_t), store->log);
    if (ch == NULL) {
        return;
    }

    ch->id = *id;
    ch->timer.handler = ngx_bo_changed_again;
    ch->timer.data = ch;
    ch->timer.log = store->log;
    ch->timer.cancelable = 1;
    ch->call.done = ngx_bo_changed_reloaded;

    ngx_bo_show_reload(store, id, &ch->call);
}


static void
ngx_bo_changed_reloaded(ngx_bo_call_t *call)
{
    ngx_bo_changed_t *ch = (ngx_bo_changed_t *) call;

    if (call->outcome == NGX_BO_UNAVAILABLE && !ch->again) {
        ch->again = 1;
        ngx_add_timer(&ch->timer, NGX_BO_CHANGED_PAUSE);
        return;
    }

    if (call->outcome != NGX_BO_OK) {
        ngx_bo_changed_done(call);
        return;
    }

    /* The first script that names the new epoch brings Redis up to it. */

    call->done = ngx_bo_changed_done;

    ngx_bo_show_touch(call->show);
    ngx_bo_seatmap_refresh(call->show, call, 0);
}


static void
ngx_bo_changed_again(ngx_event_t *ev)
{
    ngx_bo_changed_t *ch = ev->data;

    ngx_bo_show_reload(ch->call.store, &ch->id, &ch->call);
}


static void
ngx_bo_changed_done(ngx_bo_call_t *call)
{
    ngx_bo_call_cancel(call);
    ngx_free(call);
}
