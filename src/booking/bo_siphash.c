
/*
 * SipHash-2-4.
 */


#include "bo_siphash.h"


typedef struct {
    uint64_t                 a, b, c, d;
} bo_siphash_t;


static void bo_siphash_start(bo_siphash_t *s,
    const uint8_t key[BO_SIPHASH_KEY]);
static void bo_siphash_take(bo_siphash_t *s, const uint8_t *p, size_t len);
static uint64_t bo_siphash_word(const uint8_t *p, size_t n);
static void bo_siphash_rounds(bo_siphash_t *s, unsigned n);


#define bo_siphash_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


uint64_t
bo_siphash(const uint8_t key[BO_SIPHASH_KEY], const void *data, size_t len)
{
    bo_siphash_t  s;

    bo_siphash_start(&s, key);
    bo_siphash_take(&s, data, len);

    s.c ^= 0xff;
    bo_siphash_rounds(&s, 4);

    return s.a ^ s.b ^ s.c ^ s.d;
}


void
bo_siphash128(const uint8_t key[BO_SIPHASH_KEY], const void *data, size_t len,
    uint64_t hash[2])
{
    bo_siphash_t  s;

    bo_siphash_start(&s, key);
    s.b ^= 0xee;

    bo_siphash_take(&s, data, len);

    s.c ^= 0xee;
    bo_siphash_rounds(&s, 4);
    hash[0] = s.a ^ s.b ^ s.c ^ s.d;

    s.b ^= 0xdd;
    bo_siphash_rounds(&s, 4);
    hash[1] = s.a ^ s.b ^ s.c ^ s.d;
}


static void
bo_siphash_start(bo_siphash_t *s, const uint8_t key[BO_SIPHASH_KEY])
{
    uint64_t  k0, k1;

    k0 = bo_siphash_word(key, 8);
    k1 = bo_siphash_word(key + 8, 8);

    /* "somepseudorandomlygeneratedbytes" */

    s->a = k0 ^ UINT64_C(0x736f6d6570736575);
    s->b = k1 ^ UINT64_C(0x646f72616e646f6d);
    s->c = k0 ^ UINT64_C(0x6c7967656e657261);
    s->d = k1 ^ UINT64_C(0x7465646279746573);
}


static void
bo_siphash_take(bo_siphash_t *s, const uint8_t *p, size_t len)
{
    size_t    n;
    uint64_t  m;

    for (n = len; n >= 8; n -= 8, p += 8) {

        /* written out, it is one load where that is possible */

        m = (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16
            | (uint64_t) p[3] << 24 | (uint64_t) p[4] << 32
            | (uint64_t) p[5] << 40 | (uint64_t) p[6] << 48
            | (uint64_t) p[7] << 56;

        s->d ^= m;
        bo_siphash_rounds(s, 2);
        s->a ^= m;
    }

    /* the last word has the length in its highest byte */

    m = bo_siphash_word(p, n) | (uint64_t) len << 56;
    s->d ^= m;
    bo_siphash_rounds(s, 2);
    s->a ^= m;
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
