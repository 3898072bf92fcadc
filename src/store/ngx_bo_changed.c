
/*
 * Calls without an owner: the memory goes with the last step.
 */


#include "ngx_bo_changed.h"
#include "ngx_bo_seatmap.h"


static void ngx_bo_changed_reloaded(ngx_bo_call_t *call);
static void ngx_bo_changed_done(ngx_bo_call_t *call);


void
ngx_bo_show_changed(ngx_bo_store_t *store, const bo_uuid_t *id)
{
    ngx_bo_call_t  *call;

    call = ngx_calloc(sizeof(ngx_bo_call_t), store->log);
    if (call == NULL) {
        return;
    }

    call->done = ngx_bo_changed_reloaded;

    ngx_bo_show_reload(store, id, call);
}


static void
ngx_bo_changed_reloaded(ngx_bo_call_t *call)
{
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
ngx_bo_changed_done(ngx_bo_call_t *call)
{
    ngx_bo_call_cancel(call);
    ngx_free(call);
}
