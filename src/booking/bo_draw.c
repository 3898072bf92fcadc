
/*
 * The draw of a lobby.
 */


#include "bo_draw.h"

#include <string.h>


#define BO_DRAW_ROUNDS  8


static uint64_t bo_draw_pass(const bo_draw_t *draw, uint64_t x, int back);
static uint64_t bo_draw_round(const bo_draw_t *draw, unsigned round,
    uint64_t half);


void
bo_draw_init(bo_draw_t *draw, const uint8_t key[BO_SIPHASH_KEY], uint64_t n)
{
    draw->n = n;
    draw->half = 1;

    while (UINT64_C(1) << 2 * draw->half < n) {
        draw->half++;
    }

    memcpy(draw->key, key, BO_SIPHASH_KEY);
}


/* Less than four passes on average: the network is less than 4 n wide. */

uint64_t
bo_draw_rank(const bo_draw_t *draw, uint64_t index)
{
    do {
        index = bo_draw_pass(draw, index, 0);
    } while (index >= draw->n);

    return index;
}


uint64_t
bo_draw_index(const bo_draw_t *draw, uint64_t rank)
{
    do {
        rank = bo_draw_pass(draw, rank, 1);
    } while (rank >= draw->n);

    return rank;
}


static uint64_t
bo_draw_pass(const bo_draw_t *draw, uint64_t x, int back)
{
    unsigned  i;
    uint64_t  left, right, mask, next;

    mask = (UINT64_C(1) << draw->half) - 1;
    left = x >> draw->half;
    right = x & mask;

    for (i = 0; i < BO_DRAW_ROUNDS; i++) {

        if (back) {
            next = right ^ (bo_draw_round(draw, BO_DRAW_ROUNDS - 1 - i, left)
                            & mask);
            right = left;
            left = next;

        } else {
            next = left ^ (bo_draw_round(draw, i, right) & mask);
            left = right;
            right = next;
        }
    }

    return left << draw->half | right;
}


static uint64_t
bo_draw_round(const bo_draw_t *draw, unsigned round, uint64_t half)
{
    unsigned  i;
    uint8_t   in[8];

    for (i = 0; i < 6; i++) {
        in[i] = (uint8_t) (half >> 8 * i);
    }

    in[6] = (uint8_t) round;
    in[7] = (uint8_t) draw->half;

    return bo_siphash(draw->key, in, sizeof(in));
}
