
/*
 * The layout of a show: its seats, in seat number order, and its prices.
 * Parsed once, immutable afterwards, shared by all who read it.
 */


#ifndef _BO_LAYOUT_H_INCLUDED_
#define _BO_LAYOUT_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_LAYOUT_MAX_SEATS        65535
#define BO_LAYOUT_MAX_CATEGORIES   32
#define BO_LABEL_MAX               16
#define BO_LAYOUT_MAX_PRICE        INT64_C(1000000000000000)


/* The kinds are the letters of the layout's text. */

#define BO_KIND_NORMAL       'N'
#define BO_KIND_ACCESSIBLE   'A'
#define BO_KIND_BROKEN       'B'
#define BO_KIND_HOUSE        'H'


/*
 * alloc() returns size bytes aligned for any type, or NULL.  What it returns
 * is never freed singly: it lives as long as data's pool.
 */
typedef struct {
    void                *(*alloc)(void *data, size_t size);
    void                  *data;
} bo_alloc_t;


/* No text here ends in a NUL; an empty one has length 0. */

typedef struct {
    const char            *label;       /* 1..BO_LABEL_MAX bytes */
    const char            *row;         /* UTF-8, 0..255 bytes */
    const char            *section;     /* UTF-8, 0..255 bytes */
    uint16_t               number;      /* within the row */
    uint16_t               x;           /* place in the drawing's grid */
    uint16_t               y;
    uint8_t                label_len;
    uint8_t                row_len;
    uint8_t                section_len;
    uint8_t                category;    /* index of categories[] */
    uint8_t                kind;        /* BO_KIND_... */
    uint8_t                joined;      /* to the seat before, see bo_rows.h */
    uint32_t               rank;        /* less is better, see bo_rows.h */
} bo_seat_t;


typedef struct {
    const char            *name;        /* UTF-8, unique in the layout */
    size_t                 len;         /* bytes, 1..255 */
    int64_t                price;       /* minor units, up to MAX_PRICE */
} bo_category_t;


typedef struct {
    uint32_t               nseats;      /* 0..BO_LAYOUT_MAX_SEATS */
    bo_seat_t             *seats;       /* indexed by seat_no */
    uint32_t               ncategories; /* 0..BO_LAYOUT_MAX_CATEGORIES */
    bo_category_t         *categories;

    uint16_t              *slots;       /* seat_no by hash of label */
    uint32_t               mask;        /* slots - 1 */

    void                  *memory;      /* the one block that holds it all */
    size_t                 size;        /* of the block, bytes */
} bo_layout_t;


/*
 * Reads a layout.
 *
 * categories: "SILVER:15000,GOLD:20000", name and price in minor units; may be
 * empty when there are no seats.
 *
 * text: a line for each seat in the order of seat numbers, the first is 0.
 * Every line ends in '\n' and has eight fields with a TAB between them: label,
 * row, number, category (index, from 0), kind (a letter), x, y, section.  The
 * label is unique and of [A-Za-z0-9._-], so it is written into JSON as it is;
 * row and section are UTF-8 without control characters and may be empty;
 * number, x and y are decimal, 0..65535, without leading zeros.
 *
 * Both texts are copied.  alloc is called once at most, for all of the layout,
 * and not at all when the texts are malformed (a label used twice is found
 * only afterwards).
 *
 * Returns 0, or -1 with *error set to a constant English text; *layout is
 * undefined then.
 */
int bo_layout_parse(bo_layout_t *layout, const bo_alloc_t *alloc,
    const char *categories, size_t categories_len, const char *text, size_t len,
    const char **error);

/*
 * Finds a seat by its label, case matters.  Any bytes may be asked for.
 * Returns seat_no, or -1 when the layout has no such seat.  O(1).
 */
int32_t bo_layout_find(const bo_layout_t *layout, const char *label,
    size_t len);

/*
 * Returns 1 when the seat exists and may be sold (normal or accessible), 0
 * when it is broken, kept by the house or beyond the layout.
 */
int bo_layout_sellable(const bo_layout_t *layout, uint32_t seat_no);


#endif /* _BO_LAYOUT_H_INCLUDED_ */
