
/*
 * Files that directives name.
 */


#ifndef _NGX_BO_FILE_H_INCLUDED_
#define _NGX_BO_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads the first bytes of a file, max at most, into pool; path becomes the
 * full name.  Returns NULL, or an error text for the directive's message.
 */
char *ngx_bo_file_read(ngx_conf_t *cf, ngx_pool_t *pool, ngx_str_t *path,
    size_t max, ngx_str_t *text);


#endif /* _NGX_BO_FILE_H_INCLUDED_ */
