
/*
 * Where a text goes that is written in two runs: the first one, with p ==
 * NULL, only counts the bytes; the second one writes them.
 */


#ifndef _BO_OUT_H_INCLUDED_
#define _BO_OUT_H_INCLUDED_


#include <stddef.h>
#include <string.h>


/* Bytes of somebody else's; UTF-8 unless said otherwise. */

typedef struct {
    const char            *data;
    size_t                 len;         /* bytes */
} bo_text_t;


typedef struct {
    char                  *p;           /* NULL: count only */
    size_t                 len;         /* bytes so far */
} bo_out_t;


/* For a text that is known when compiling. */

#define bo_put_lit(out, s)  bo_put(out, s, sizeof(s) - 1)
#define bo_put_text(out, t)  bo_put(out, (t)->data, (t)->len)


static inline void
bo_put(bo_out_t *out, const char *s, size_t len)
{
    if (out->p && len) {
        memcpy(out->p + out->len, s, len);
    }

    out->len += len;
}


static inline void
bo_put_char(bo_out_t *out, char c)
{
    if (out->p) {
        out->p[out->len] = c;
    }

    out->len++;
}


#endif /* _BO_OUT_H_INCLUDED_ */
