
/*
 * The draw of a lobby: a permutation of 0 .. n-1 that a key stands for.
 *
 * Each place computes its own rank, and each rank its own place, so that a
 * million people are drawn without sorting anything.  It is a Feistel network
 * over the smallest even number of bits that holds n, with SipHash as the
 * round function, walked until it comes out below n.
 *
 * Michael Luby, Charles Rackoff: How to construct pseudorandom permutations
 * from pseudorandom functions, SIAM J. Comput. 17 (1988).
 * John Black, Phillip Rogaway: Ciphers with arbitrary finite domains, CT-RSA
 * 2002 (cycle walking).
 */


#ifndef _BO_DRAW_H_INCLUDED_
#define _BO_DRAW_H_INCLUDED_


#include "bo_siphash.h"


#define BO_DRAW_MAX  (UINT64_C(1) << 40)


typedef struct {
    uint64_t                 n;
    unsigned                 half;      /* bits of a half */
    uint8_t                  key[BO_SIPHASH_KEY];
} bo_draw_t;


/* n: 1 .. BO_DRAW_MAX. */
void bo_draw_init(bo_draw_t *draw, const uint8_t key[BO_SIPHASH_KEY],
    uint64_t n);

/* The rank, 0 .. n-1, of the place index, 0 .. n-1; and the reverse. */
uint64_t bo_draw_rank(const bo_draw_t *draw, uint64_t index);
uint64_t bo_draw_index(const bo_draw_t *draw, uint64_t rank);


#endif /* _BO_DRAW_H_INCLUDED_ */
