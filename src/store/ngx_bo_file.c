
/*
 * Files that directives name.
 */


#include "ngx_bo_file.h"


char *
ngx_bo_file_read(ngx_conf_t *cf, ngx_pool_t *pool, ngx_str_t *path,
    size_t max, ngx_str_t *text)
{
    ssize_t     n;
    ngx_file_t  file;

    text->data = ngx_pnalloc(pool, max);

    if (text->data == NULL
        || ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK)
    {
        return "no memory";
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        return "the file cannot be opened";
    }

    n = ngx_read_file(&file, text->data, max, 0);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    if (n < 0) {
        return "the file cannot be read";
    }

    text->len = n;

    return NULL;
}
