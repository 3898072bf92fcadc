
/*
 * Texts that a worker lends to its requests.
 */


#include "ngx_bo_snapshot.h"


static void ngx_bo_snapshot_back(void *data);


ngx_bo_snapshot_t *
ngx_bo_snapshot_create(size_t len, ngx_log_t *log)
{
    ngx_bo_snapshot_t  *snapshot;

    snapshot = ngx_alloc(sizeof(ngx_bo_snapshot_t) + len, log);
    if (snapshot == NULL) {
        return NULL;
    }

    snapshot->refs = 1;
    snapshot->stamp = 0;
    snapshot->version = 0;
    snapshot->text.data = (u_char *) (snapshot + 1);
    snapshot->text.len = len;

    return snapshot;
}


ngx_int_t
ngx_bo_snapshot_lend(ngx_bo_snapshot_t *snapshot, ngx_pool_t *pool)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_bo_snapshot_back;
    cln->data = snapshot;

    snapshot->refs++;

    return NGX_OK;
}


static void
ngx_bo_snapshot_back(void *data)
{
    ngx_bo_snapshot_drop(data);
}


void
ngx_bo_snapshot_drop(ngx_bo_snapshot_t *snapshot)
{
    snapshot->refs--;

    if (snapshot->refs == 0) {
        ngx_free(snapshot);
    }
}
