
/*
 * gzip in one go.
 */


#include "ngx_bo_gzip.h"
#include <zlib.h>


#define NGX_BO_GZIP_WINDOW  (MAX_WBITS + 16)    /* 16: with gzip's header */


ngx_int_t
ngx_bo_gzip(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *out)
{
    int        rc;
    u_char    *buf;
    z_stream   zs;

    ngx_memzero(&zs, sizeof(z_stream));
    out->len = 0;

    if (deflateInit2(&zs, Z_BEST_SPEED, Z_DEFLATED, NGX_BO_GZIP_WINDOW,
                     MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return NGX_ERROR;
    }

    zs.next_in = text->data;
    zs.avail_in = text->len;
    zs.avail_out = deflateBound(&zs, text->len);

    buf = ngx_alloc(zs.avail_out, pool->log);
    if (buf == NULL) {
        (void) deflateEnd(&zs);
        return NGX_ERROR;
    }

    zs.next_out = buf;

    rc = deflate(&zs, Z_FINISH);
    out->data = rc == Z_STREAM_END ? ngx_pnalloc(pool, zs.total_out) : NULL;

    if (out->data) {
        ngx_memcpy(out->data, buf, zs.total_out);
        out->len = zs.total_out;
    }

    ngx_free(buf);
    (void) deflateEnd(&zs);

    return out->data ? NGX_OK : NGX_ERROR;
}
