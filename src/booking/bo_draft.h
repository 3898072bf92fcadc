
/*
 * A layout that somebody hands in, drawn as text or written as JSON: read,
 * checked, and every mistake told.  Nothing of it is believed before that.
 */


#ifndef _BO_DRAFT_H_INCLUDED_
#define _BO_DRAFT_H_INCLUDED_


#include "bo_doc.h"
#include "bo_layout.h"


#define BO_DRAFT_MISTAKES   50      /* that are told; more are counted */
#define BO_DRAFT_ROW_MAX    16      /* bytes of the name of a row */
#define BO_DRAFT_NAME_MAX   32      /* of a section, of a category */
#define BO_DRAFT_SLOTS      131072  /* of a table of seats, a power of two */

#define BO_DRAFT_NO_SEAT    UINT32_MAX


typedef struct {
    const char              *row;       /* not terminated, as the section */
    const char              *section;
    uint32_t                 line;      /* of the drawing, or place in rows */
    uint32_t                 place;     /* in seats, for JSON */
    uint16_t                 number;
    uint16_t                 x;
    uint16_t                 y;
    uint8_t                  row_len;
    uint8_t                  section_len;
    uint8_t                  category;
    uint8_t                  kind;      /* BO_KIND_... */
    uint8_t                  label_len;
    char                     label[BO_LABEL_MAX];
} bo_draft_seat_t;


typedef struct {
    const char              *name;
    uint8_t                  len;
    uint8_t                  used;
} bo_draft_category_t;


typedef struct {
    char                     field[48];
    char                     problem[112];
} bo_draft_mistake_t;


typedef struct {
    bo_draft_seat_t         *seats;     /* room for BO_LAYOUT_MAX_SEATS */
    uint32_t                *labels;    /* BO_DRAFT_SLOTS: seat + 1 by hash */
    uint32_t                *places;    /* the same by x and y */
    uint32_t                 nseats;
    uint32_t                 ncategories;
    uint32_t                 nmistakes; /* all of them */
    unsigned                 drawn:1;   /* places are lines */
    unsigned                 declared:1;    /* no other categories */
    unsigned                 full:1;    /* has too many seats */
    bo_draft_category_t      categories[BO_LAYOUT_MAX_CATEGORIES];
    bo_draft_mistake_t       mistakes[BO_DRAFT_MISTAKES];
} bo_draft_t;


/* Bytes of memory that a draft works in; nothing in it is kept. */

#define BO_DRAFT_MEMORY                                                       \
    (BO_LAYOUT_MAX_SEATS * sizeof(bo_draft_seat_t)                            \
     + 2 * BO_DRAFT_SLOTS * sizeof(uint32_t))

/* memory: BO_DRAFT_MEMORY bytes, aligned for any type; it outlives d. */
void bo_draft_init(bo_draft_t *d, void *memory);

/*
 * The categories that there are, before the seats: an array of names, each of
 * which has to be used.  Without this call they are what the seats say.
 */
void bo_draft_declare(bo_draft_t *d, const bo_doc_t *doc,
    const bo_doc_node_t *list);

/*
 * Both readers keep texts where they are: the drawing, or the document, lives
 * until the draft was written.
 *
 * Reads a drawing, in the notation of sql/013: a line for a row,
 *
 *     A SILVER 4o_a6oa_4o
 *
 * label, category (or NAME:1-8,OTHER:9-16, by seat numbers) and places from
 * left to right: o a seat, a accessible, x broken, h of the house, _ none; a
 * number repeats what follows it.  "section NAME [prefix P] [at X Y]" is for
 * the rows below, an empty line an aisle, # a comment.
 */
void bo_draft_text(bo_draft_t *d, const char *text, size_t len);

/*
 * Reads an array of rows:
 *
 *     {"row": "A", "section": "STALLS", "prefix": "ST", "y": 0,
 *      "category": "SILVER", "seats": [1, 2, {"number": 3, "x": 4,
 *      "kind": "ACCESSIBLE", "category": "GOLD", "label": "A3"}]}
 *
 * Required are row, seats and number; a seat that is a number has just that.
 * Without y a row is behind the one before, without x a seat is beside the one
 * before; a label is prefix, row and number, as in a drawing.
 */
void bo_draft_rows(bo_draft_t *d, const bo_doc_t *doc,
    const bo_doc_node_t *rows);

/*
 * What is wrong with it as a whole.  Returns the number of all mistakes: when
 * it is 0, the seats and categories make a layout.
 */
uint32_t bo_draft_check(bo_draft_t *d);

/*
 * Writes the seats in their order: for each label, row, number, category,
 * kind (a letter), x, y and section (or "-") with a blank between them, ';'
 * between seats.  These are n seats from first on, which are there; there is
 * room for BO_DRAFT_LEN(n) bytes.  Returns how many were written; none would
 * have to be escaped in JSON.
 */
#define BO_DRAFT_LEN(n)                                                       \
    ((size_t) (n) * (BO_LABEL_MAX + BO_DRAFT_ROW_MAX                          \
                     + 2 * BO_DRAFT_NAME_MAX + 3 * 5 + 1 + 8) + 1)

size_t bo_draft_write(const bo_draft_t *d, uint32_t first, uint32_t n,
    char *out);


/* For the readers of both forms. */

/* field may be NULL: the place of the seat; problem is a format. */
void bo_draft_mistake(bo_draft_t *d, uint32_t line, uint32_t place,
    const char *field, const char *problem, ...)
    __attribute__((format(printf, 5, 6)));

/* The category of that name, made when it is new; -1 after a mistake. */
int bo_draft_category(bo_draft_t *d, uint32_t line, uint32_t place,
    const char *name, size_t len);

/*
 * Adds a seat.  label, or NULL for prefix, row and number.  Mistakes are told;
 * -1 when no more can be taken.
 */
int bo_draft_add(bo_draft_t *d, const bo_draft_seat_t *seat,
    const char *prefix, size_t prefix_len, const char *label,
    size_t label_len);

/* 1 when s is 1..max bytes of A-Z, 0-9 and those of more. */
int bo_draft_word(const char *s, size_t len, size_t max, const char *more);


#endif /* _BO_DRAFT_H_INCLUDED_ */
