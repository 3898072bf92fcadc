
/*
 * SipHash-2-4: a keyed hash of short texts, so that nobody who does not know
 * the key can make many texts that collide.
 *
 * Jean-Philippe Aumasson and Daniel J. Bernstein: SipHash: a fast short-input
 * PRF, INDOCRYPT 2012.
 */


#ifndef _BO_SIPHASH_H_INCLUDED_
#define _BO_SIPHASH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_SIPHASH_KEY  16


/* Returns the hash of data[0..len) under key. */
uint64_t bo_siphash(const uint8_t key[BO_SIPHASH_KEY], const void *data,
    size_t len);

/*
 * The same with 128 bits, for where a collision must not be found even by who
 * tries for ever.
 */
void bo_siphash128(const uint8_t key[BO_SIPHASH_KEY], const void *data,
    size_t len, uint64_t hash[2]);


#endif /* _BO_SIPHASH_H_INCLUDED_ */
