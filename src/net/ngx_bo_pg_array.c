
/*
 * Array literals: how a batch gives one parameter of many operations.
 */


#include "ngx_bo_pg_int.h"


static u_char *ngx_bo_pg_array_element(u_char *p, ngx_str_t *value);


size_t
ngx_bo_pg_array_size(ngx_bo_pg_op_t **ops, ngx_uint_t n, ngx_uint_t k)
{
    size_t      size;
    ngx_uint_t  i;

    size = sizeof("{}");

    /* each byte may be escaped; two quotes and a comma; or NULL */

    for (i = 0; i < n; i++) {
        size += 2 * ops[i]->values[k].len + sizeof("NULL,") - 1;
    }

    return size;
}


u_char *
ngx_bo_pg_array_write(u_char *p, ngx_bo_pg_op_t **ops, ngx_uint_t n,
    ngx_uint_t k)
{
    ngx_uint_t  i;

    *p++ = '{';

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_bo_pg_array_element(p, &ops[i]->values[k]);
    }

    *p++ = '}';
    *p++ = '\0';

    return p;
}


/*
 * Every text is quoted, so that an empty one, the word NULL, braces, commas
 * and white space are data; inside the quotes only \ and " are special.
 */

static u_char *
ngx_bo_pg_array_element(u_char *p, ngx_str_t *value)
{
    size_t  i;
    u_char  ch;

    if (value->data == NULL) {
        return ngx_cpymem(p, "NULL", 4);
    }

    *p++ = '"';

    for (i = 0; i < value->len; i++) {
        ch = value->data[i];

        if (ch == '"' || ch == '\\') {
            *p++ = '\\';
        }

        *p++ = ch;
    }

    *p++ = '"';

    return p;
}
