
/*
 * Neighbours and ranks.
 */


#include "bo_rows.h"

#include <stdlib.h>


/* A seat is one wide, a row one and a half deep; in sixths of a seat. */

#define BO_ROWS_X  6
#define BO_ROWS_Y  9


typedef struct {
    uint32_t               first;       /* seats */
    uint32_t               last;
    int64_t                min_x;
    int64_t                max_x;
    int64_t                min_y;
    int64_t                max_y;
} bo_rows_section_t;


static void bo_rows_section(const bo_layout_t *layout,
    bo_rows_section_t *section);
static uint32_t bo_rows_distance(const bo_seat_t *seat,
    const bo_rows_section_t *section);


void
bo_rows_rank(bo_layout_t *layout)
{
    uint32_t            i;
    bo_seat_t          *seat;
    bo_rows_section_t   section;

    section.last = 0;

    for (i = 0; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        if (i == 0 || i > section.last) {
            section.first = i;
            bo_rows_section(layout, &section);
        }

        seat->rank = bo_rows_distance(seat, &section);

        /* texts of neighbours are one and the same, see bo_layout.c */

        seat->joined = i > 0
                       && seat->row == seat[-1].row
                       && seat->section == seat[-1].section
                       && seat->y == seat[-1].y
                       && abs((int) seat->x - (int) seat[-1].x) == 1;
    }
}


/* Finds how far the section goes that begins at its first seat. */

static void
bo_rows_section(const bo_layout_t *layout, bo_rows_section_t *section)
{
    uint32_t          i;
    const bo_seat_t  *seat, *first;

    first = &layout->seats[section->first];

    section->min_x = section->max_x = first->x;
    section->min_y = section->max_y = first->y;

    for (i = section->first; i < layout->nseats; i++) {
        seat = &layout->seats[i];

        if (seat->section != first->section) {
            break;
        }

        section->last = i;

        section->min_x = seat->x < section->min_x ? seat->x : section->min_x;
        section->max_x = seat->x > section->max_x ? seat->x : section->max_x;
        section->min_y = seat->y < section->min_y ? seat->y : section->min_y;
        section->max_y = seat->y > section->max_y ? seat->y : section->max_y;
    }
}


/* Of 65,536 places a side the greatest square needs 40 bits: it is cut. */

static uint32_t
bo_rows_distance(const bo_seat_t *seat, const bo_rows_section_t *section)
{
    int64_t  dx, dy, square;

    dx = BO_ROWS_X * seat->x
         - BO_ROWS_X * (section->min_x + section->max_x) / 2;
    dy = BO_ROWS_Y * seat->y
         - BO_ROWS_Y * (section->min_y + 2 * section->max_y) / 3;

    square = dx * dx + dy * dy;

    return square > UINT32_MAX ? UINT32_MAX : (uint32_t) square;
}
