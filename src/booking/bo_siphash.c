
/*
 * SipHash-2-4.
 */


#include "bo_siphash.h"


typedef struct {
    uint64_t                 a, b, c, d;
} bo_siphash_t;


static uint64_t bo_siphash_word(const uint8_t *p, size_t n);
static void bo_siphash_rounds(bo_siphash_t *s, unsigned n);


#define bo_siphash_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


uint64_t
bo_siphash(const uint8_t key[BO_SIPHASH_KEY], const void *data, size_t len)
{
    size_t          n;
    uint64_t        k0, k1, m;
    bo_siphash_t    s;
    const uint8_t  *p = data;

    k0 = bo_siphash_word(key, 8);
    k1 = bo_siphash_word(key + 8, 8);

    /* "somepseudorandomlygeneratedbytes" */

    s.a = k0 ^ UINT64_C(0x736f6d6570736575);
    s.b = k1 ^ UINT64_C(0x646f72616e646f6d);
    s.c = k0 ^ UINT64_C(0x6c7967656e657261);
    s.d = k1 ^ UINT64_C(0x7465646279746573);

    for (n = len; n >= 8; n -= 8, p += 8) {
        m = bo_siphash_word(p, 8);
        s.d ^= m;
        bo_siphash_rounds(&s, 2);
        s.a ^= m;
    }

    /* the last word has the length in its highest byte */

    m = bo_siphash_word(p, n) | (uint64_t) len << 56;
    s.d ^= m;
    bo_siphash_rounds(&s, 2);
    s.a ^= m;

    s.c ^= 0xff;
    bo_siphash_rounds(&s, 4);

    return s.a ^ s.b ^ s.c ^ s.d;
}


/* Little-endian, of n bytes. */

static uint64_t
bo_siphash_word(const uint8_t *p, size_t n)
{
    size_t    i;
    uint64_t  word;

    word = 0;

    for (i = 0; i < n; i++) {
        word |= (uint64_t) p[i] << 8 * i;
    }

    return word;
}


static void
bo_siphash_rounds(bo_siphash_t *s, unsigned n)
{
    while (n--) {
        s->a += s->b;
        s->b = bo_siphash_rotl(s->b, 13) ^ s->a;
        s->a = bo_siphash_rotl(s->a, 32);

        s->c += s->d;
        s->d = bo_siphash_rotl(s->d, 16) ^ s->c;

        s->a += s->d;
        s->d = bo_siphash_rotl(s->d, 21) ^ s->a;

        s->c += s->b;
        s->b = bo_siphash_rotl(s->b, 17) ^ s->c;
        s->c = bo_siphash_rotl(s->c, 32);
    }
}
