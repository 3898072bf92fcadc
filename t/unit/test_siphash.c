
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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(vectors)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
