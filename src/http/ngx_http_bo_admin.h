
/*
 * The resources of administrators: what they have in common, and the table of
 * their kinds.
 */


#ifndef _NGX_HTTP_BO_ADMIN_H_INCLUDED_
#define _NGX_HTTP_BO_ADMIN_H_INCLUDED_


#include "ngx_http_bo.h"
#include "booking/bo_draft.h"


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
    const bo_json_field_t          *fields;     /* of POST */
    const bo_json_field_t          *changes;    /* of PUT */
    const ngx_http_bo_admin_arg_t  *args;
    ngx_http_bo_error_e             missing;
} ngx_http_bo_admin_kind_t;

extern ngx_http_bo_admin_kind_t  ngx_http_bo_admin_kinds[];

/* Kinds that have more than the below. */
extern ngx_http_bo_action_t  ngx_http_bo_quarantine_actions[];


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


typedef struct {
    ngx_bo_call_t                   call;
    ngx_http_bo_admin_kind_t       *kind;
    ngx_http_bo_page_t              page;
    ngx_str_t                       answer;
    ngx_uint_t                      status;     /* 0: refused */
    ngx_http_bo_error_e             error;
    ngx_str_t                       etag;       /* of the object, or empty */
    u_char                          id[BO_UUID_LEN];
    void                           *more;       /* an action's own */
} ngx_http_bo_admin_t;


/* The state of an action, in ctx->data; NULL when the answer is on its way. */
ngx_http_bo_admin_t *ngx_http_bo_admin_begin(ngx_http_bo_ctx_t *ctx);

/*
 * If-Match as an array of SQL: the versions that it names; null for "*".
 * NGX_OK, or NGX_ERROR when the answer is on its way.
 */
ngx_int_t ngx_http_bo_admin_matches(ngx_http_bo_ctx_t *ctx,
    ngx_str_t *matches);

/*
 * Has admin_write() do the action with ctx->body.  matches: of an object that
 * exists; NULL for one that is to be made.
 */
void ngx_http_bo_admin_write(ngx_http_bo_ctx_t *ctx, const char *action,
    ngx_str_t *matches);

/* Reads the object of the path as this kind has it. */
void ngx_http_bo_admin_read_as(ngx_http_bo_ctx_t *ctx, const char *kind);


/* layouts: POST and PUT of a layout, drawn or as rows; its seats. */
void ngx_http_bo_admin_layout_create(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_layout_change(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_layout_seats(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_layout_preview(ngx_http_bo_ctx_t *ctx);

/* A draft without mistakes as JSON; NGX_OK, or NGX_ERROR: no memory. */
ngx_int_t ngx_http_bo_admin_hall(ngx_pool_t *pool, bo_draft_t *d,
    ngx_str_t *body);

/* PUT of .../seats: which of them are broken, of the house, ... */
void ngx_http_bo_admin_seats(ngx_http_bo_ctx_t *ctx);

/* shows: putting on one or a series, moving one, prices, sales. */
void ngx_http_bo_admin_show_create(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_show_change(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_show_prices(ngx_http_bo_ctx_t *ctx);
void ngx_http_bo_admin_show_sales(ngx_http_bo_ctx_t *ctx);

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
