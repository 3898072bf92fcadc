
/* Layouts for tests: made up text, and memory that is freed at the end. */


#ifndef _BO_HALL_H_INCLUDED_
#define _BO_HALL_H_INCLUDED_


#include "bo_test.h"
#include "bo_layout.h"


typedef struct {
    void                  *block;
    size_t                 size;
    unsigned               calls;
    int                    fail;        /* return NULL */
} bo_hall_memory_t;


static inline void *
bo_hall_alloc(void *data, size_t size)
{
    bo_hall_memory_t  *memory;

    memory = data;
    memory->calls++;

    if (memory->fail) {
        return NULL;
    }

    assert_null(memory->block);

    memory->block = malloc(size);
    memory->size = size;

    return memory->block;
}


static inline void
bo_hall_free(bo_hall_memory_t *memory)
{
    free(memory->block);
    memset(memory, 0, sizeof(bo_hall_memory_t));
}


/*
 * Parses copies of the texts of just their sizes, and frees those before it
 * returns, so that a layout that points into them is found out.
 */

static inline int
bo_hall_parse(bo_layout_t *layout, bo_hall_memory_t *memory,
    const char *categories, size_t categories_len, const char *text, size_t len,
    const char **error)
{
    int          rc;
    char        *categories_copy, *text_copy;
    bo_alloc_t   alloc;

    memset(memory, 0, sizeof(bo_hall_memory_t));

    alloc.alloc = bo_hall_alloc;
    alloc.data = memory;

    categories_copy = bo_test_copy(categories, categories_len);
    text_copy = bo_test_copy(text, len);

    rc = bo_layout_parse(layout, &alloc, categories_copy, categories_len,
                         text_copy, len, error);

    free(categories_copy);
    free(text_copy);

    return rc;
}


/* A hall of n seats with random kinds and ncategories categories. */

static inline void
bo_hall_random(bo_layout_t *layout, bo_hall_memory_t *memory, uint32_t n,
    uint32_t ncategories)
{
    char        *text, categories[BO_LAYOUT_MAX_CATEGORIES * 16];
    size_t       len;
    uint32_t     i;
    const char  *error;

    len = 0;

    for (i = 0; i < ncategories; i++) {
        len += (size_t) sprintf(categories + len, "%sC%u:%u", i ? "," : "", i,
                                (i + 1) * 100);
    }

    categories[len] = '\0';

    text = malloc((size_t) n * 64 + 1);
    assert_non_null(text);

    len = 0;

    for (i = 0; i < n; i++) {
        len += (size_t) sprintf(text + len, "R%u-%u\tR%u\t%u\t%u\t%c\t%u\t%u\t"
                                "S%u\n", i / 40, i % 40, i / 40, i % 40,
                                bo_test_below(ncategories),
                                "NNNNNNABH"[bo_test_below(9)], i % 40, i / 40,
                                i / 400);
    }

    assert_int_equal(bo_hall_parse(layout, memory, categories,
                                   strlen(categories), text, len, &error), 0);
    assert_int_equal(layout->nseats, n);

    free(text);
}


#endif /* _BO_HALL_H_INCLUDED_ */
