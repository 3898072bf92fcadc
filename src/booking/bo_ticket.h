
/*
 * The code on a ticket, made to be read aloud and typed: 80 random bits in
 * Crockford's Base32 (no I, L, O, U) and a check symbol, in groups:
 *
 *     7ZK4-0QH2-MX9B-3TDFA
 *
 * A code for a lost password, which is told and typed as well, looks the same.
 *
 * The check symbol is of the same alphabet (Crockford's own, modulo 37, needs
 * five signs that are hard to say): the sum over GF(32) of the symbols, each
 * times another power of the generator.  It finds every single wrong symbol
 * and every exchange of two symbols.
 */


#ifndef _BO_TICKET_H_INCLUDED_
#define _BO_TICKET_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_TICKET_LEN   20


/* Writes BO_TICKET_LEN bytes without a NUL.  random: of a good source. */
void bo_ticket_code(char out[BO_TICKET_LEN], const uint8_t random[10]);

/*
 * Reads a code as people type it: either case, i and l for 1, o for 0,
 * hyphens and spaces anywhere or nowhere; 64 bytes at most.  out takes the
 * code as bo_ticket_code() writes it; it may not overlap s.
 *
 * Returns 0, or -1 when that is no code or the check symbol is wrong; out is
 * undefined then.
 */
int bo_ticket_parse(char out[BO_TICKET_LEN], const char *s, size_t len);

/*
 * Takes the random bits out of a code, exactly as bo_ticket_code() writes it.
 * Returns 0, or -1 when s is no such code; random is undefined then.
 */
int bo_ticket_bytes(uint8_t random[10], const char *s, size_t len);

/* Returns 1 when s is a code exactly as bo_ticket_code() writes it, else 0. */
int bo_ticket_valid(const char *s, size_t len);


#endif /* _BO_TICKET_H_INCLUDED_ */
