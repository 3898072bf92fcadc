
/*
 * SipHash-2-4 against the vectors of its authors.
 */


#include "bo_test.h"
#include "bo_siphash.h"


/* Key 00 01 .. 0f, input 00 01 .. of that length: "vectors_sip64". */

static void
vectors(void **state)
{
    size_t   i;
    uint8_t  key[BO_SIPHASH_KEY], data[64];

    static const struct {
        size_t    len;
        uint64_t  hash;
    } vectors[] = {
        { 0, UINT64_C(0x726fdb47dd0e0e31) },
        { 1, UINT64_C(0x74f839c593dc67fd) },
        { 7, UINT64_C(0xab0200f58b01d137) },
        { 8, UINT64_C(0x93f5f5799a932462) },
        { 15, UINT64_C(0xa129ca6149be45e5) },
        { 63, UINT64_C(0x958a324ceb064572) }
    };

    (void) state;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t) i;
    }

    memcpy(key, data, sizeof(key));

    for (i = 0; i < bo_test_count(vectors); i++) {
        assert_true(bo_siphash(key, data, vectors[i].len) == vectors[i].hash);
    }
}


/* "vectors_sip128" */

static void
vectors128(void **state)
{
    size_t    i;
    uint8_t   key[BO_SIPHASH_KEY], data[64];
    uint64_t  hash[2];

    static const struct {
        size_t    len;
        uint64_t  hash[2];
    } vectors[] = {
        { 0, { UINT64_C(0xe6a825ba047f81a3), UINT64_C(0x930255c71472f66d) } },
        { 1, { UINT64_C(0x44af996bd8c187da), UINT64_C(0x45fc229b11597634) } },
        { 7, { UINT64_C(0x53c1dbd8beebf1a1), UINT64_C(0x3982f01fa64ab8c0) } },
        { 8, { UINT64_C(0x61f55862baa9623b), UINT64_C(0xb49714f364e2830f) } },
        { 15, { UINT64_C(0x11a8b03399e99354), UINT64_C(0xd9c3cf970fec087e) } },
        { 63, { UINT64_C(0x4a83502f77d15051), UINT64_C(0x7cbd3f979a063e50) } }
    };

    (void) state;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t) i;
    }

    memcpy(key, data, sizeof(key));

    for (i = 0; i < bo_test_count(vectors); i++) {
        bo_siphash128(key, data, vectors[i].len, hash);
        assert_true(hash[0] == vectors[i].hash[0]);
        assert_true(hash[1] == vectors[i].hash[1]);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(vectors128)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
