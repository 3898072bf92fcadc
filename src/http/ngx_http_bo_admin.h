
/*
 * The resources of administrators: what they have in common, and the table of
 * their kinds.
 */


#ifndef _NGX_HTTP_BO_ADMIN_H_INCLUDED_
#define _NGX_HTTP_BO_ADMIN_H_INCLUDED_


#include "ngx_http_bo.h"


/* What the query of a list may say, and which texts are good there. */

typedef enum {
    NGX_HTTP_BO_ARG_UUID = 0,
    NGX_HTTP_BO_ARG_NAME,               /* of a user, of a kind */
    NGX_HTTP_BO_ARG_DATE                /* YYYY-MM-DD */
} ngx_http_bo_admin_arg_e;

typedef struct {
    const char                     *name;
    ngx_http_bo_admin_arg_e         type;
} ngx_http_bo_admin_arg_t;


/*
 * A kind of objects: the word for it in SQL, the fields of its document, the
 * filters of its list (both end in an entry without a name), and what is said
 * when there is no such object.
 */
typedef struct {
    ngx_str_t                       name;       /* "movies" */
    const char                     *kind;       /* "movie" */
    ngx_http_bo_action_t           *actions;
    const bo_json_field_t          *fields;
    const ngx_http_bo_admin_arg_t  *args;
    ngx_http_bo_error_e             missing;
} ngx_http_bo_admin_kind_t;

extern ngx_http_bo_admin_kind_t  ngx_http_bo_admin_kinds[];


/*
 * What is read of a document is its form; its values are read in SQL.  So all
 * fields may be put into one place.
 */
typedef union {
    bo_str_t                        string;
    bo_strs_t                       strings;
    bo_ints_t                       integers;
    int64_t                         integer;
    int                             flag;
} ngx_http_bo_admin_scratch_t;


/* GET of a list and of one. */
void ngx_http_bo_admin_list(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_read(ngx_http_bo_ctx_t *ctx);

/* POST, PUT and DELETE with the document of the kind, or none. */
void ngx_http_bo_admin_create(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_change(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_remove(ngx_http_bo_ctx_t *ctx);

/* boxoffice_admin movies | theatres | ... ; */
char *ngx_http_bo_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_BO_ADMIN_H_INCLUDED_ */
