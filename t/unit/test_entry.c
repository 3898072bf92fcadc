
/*
 * The code at the door as bytes and as text: there and back, and one text for
 * each.
 */


#include "bo_entry.h"
#include "bo_test.h"


#define RUNS  20000


static void
make(bo_entry_t *entry)
{
    int  i;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

    memset(entry, 0, sizeof(bo_entry_t));

    bo_test_fill(entry->key, sizeof(entry->key));
    bo_test_fill(entry->show.bytes, sizeof(entry->show.bytes));
    bo_test_fill(entry->order.bytes, sizeof(entry->order.bytes));
    bo_test_fill(entry->code, sizeof(entry->code));

    entry->starts = bo_test_below(UINT32_MAX);
    entry->ends = entry->starts + 1
                  + bo_test_below(UINT32_MAX - entry->starts);
    entry->seat_no = (uint16_t) bo_test_below(65535);
    entry->label_len = (uint8_t) (1 + bo_test_below(BO_ENTRY_LABEL_MAX));

    for (i = 0; i < entry->label_len; i++) {
        entry->label[i] = letters[bo_test_below(sizeof(letters) - 1)];
    }
}


/* As it is sent: a body and a signature. */

static size_t
pack(uint8_t bytes[BO_ENTRY_MAX], const bo_entry_t *entry)
{
    size_t  len;

    len = bo_entry_pack(bytes, entry);
    bo_test_fill(bytes + len, BO_ENTRY_SIGNATURE);

    return len + BO_ENTRY_SIGNATURE;
}


static void
there_and_back(void **state)
{
    int         i;
    char        text[BO_ENTRY_TEXT_MAX];
    size_t      len, n;
    uint8_t     bytes[BO_ENTRY_MAX], again[BO_ENTRY_MAX];
    bo_entry_t  entry, read;

    (void) state;

    for (i = 0; i < RUNS; i++) {
        make(&entry);
        len = pack(bytes, &entry);

        memset(&read, 0, sizeof(read));
        assert_int_equal(bo_entry_unpack(&read, bytes, len), 0);
        assert_memory_equal(&read, &entry, sizeof(entry));

        n = bo_entry_encode(text, bytes, len);
        assert_in_range(n, BO_ENTRY_TEXT_MIN, BO_ENTRY_TEXT_MAX);
        assert_int_equal(n, (8 * len + 4) / 5);

        assert_int_equal(bo_entry_decode(again, text, n), len);
        assert_memory_equal(again, bytes, len);
    }
}


/* Bytes written by hand: what scanners elsewhere are built from. */

static void
the_form(void **state)
{
    size_t      len;
    uint8_t     body[BO_ENTRY_BODY_MAX];
    bo_entry_t  entry;

    static const uint8_t  expected[] =
        "\x01" "\xaa\xab\xac\xad"
        "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
        "\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f"
        "\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39"
        "\x65\x53\xf1\x00" "\x65\x54\x0d\x20" "\x01\x2c" "\x03" "F12";

    (void) state;

    memset(&entry, 0, sizeof(entry));
    memcpy(entry.key, expected + 1, 4);
    memcpy(entry.show.bytes, expected + 5, 16);
    memcpy(entry.order.bytes, expected + 21, 16);
    memcpy(entry.code, expected + 37, 10);
    entry.starts = 1700000000;
    entry.ends = 1700007200;
    entry.seat_no = 300;
    entry.label_len = 3;
    memcpy(entry.label, "F12", 3);

    len = bo_entry_pack(body, &entry);

    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(body, expected, len);
}


/* RFC 4648, section 10, as far as there are texts that long. */

static void
the_alphabet(void **state)
{
    char     text[BO_ENTRY_TEXT_MAX];
    uint8_t  bytes[BO_ENTRY_MAX];

    (void) state;

    assert_int_equal(bo_entry_encode(text, (const uint8_t *) "foobar", 6),
                     10);
    assert_memory_equal(text, "MZXW6YTBOI", 10);
    assert_int_equal(bo_entry_encode(text, (const uint8_t *) "f", 1), 2);
    assert_memory_equal(text, "MY", 2);
    assert_int_equal(bo_entry_encode(text, (const uint8_t *) "foob", 4), 7);
    assert_memory_equal(text, "MZXW6YQ", 7);

    assert_int_equal(bo_entry_decode(bytes, "MZXW6YTBOI", 10), 0);
}


/* A text that is read is the one that would be written. */

static void
one_text_each(void **state)
{
    int         i, changes, good;
    char        text[BO_ENTRY_TEXT_MAX], again[BO_ENTRY_TEXT_MAX];
    size_t      n, len;
    uint8_t     bytes[BO_ENTRY_MAX];
    bo_entry_t  entry;

    (void) state;

    good = 0;

    for (i = 0; i < RUNS; i++) {
        make(&entry);
        n = bo_entry_encode(text, bytes, pack(bytes, &entry));

        for (changes = (int) bo_test_below(3); changes; changes--) {
            text[bo_test_below((uint32_t) n)] = (char) bo_test_random();
        }

        len = bo_entry_decode(bytes, text, n);

        if (len) {
            assert_int_equal(bo_entry_encode(again, bytes, len), n);
            assert_memory_equal(again, text, n);
            good++;
        }
    }

    assert_true(good > RUNS / 4 && good < RUNS);
}


/* Every length, every character at the end: one text for each of bytes. */

static void
what_is_no_text(void **state)
{
    int      c, ends;
    char     text[BO_ENTRY_TEXT_MAX + 1];
    size_t   len, n;
    uint8_t  bytes[BO_ENTRY_MAX];

    (void) state;

    memset(text, 'A', sizeof(text));

    for (len = 0; len <= sizeof(text); len++) {
        n = bo_entry_decode(bytes, text, len);

        if (len < BO_ENTRY_TEXT_MIN || len > BO_ENTRY_TEXT_MAX) {
            assert_int_equal(n, 0);
            continue;
        }

        assert_true(n == 0 || (8 * n + 4) / 5 == len);

        for (ends = 0, c = 0; c < 256; c++) {
            text[len - 1] = (char) c;
            ends += bo_entry_decode(bytes, text, len) != 0;
        }

        /* as many as the last character has bits that count */

        assert_int_equal(ends, n ? 1 << (5 - (5 * len - 8 * n)) : 0);

        text[len - 1] = 'A';
    }

    for (ends = 0, c = 0; c < 256; c++) {
        text[5] = (char) c;
        ends += bo_entry_decode(bytes, text, 200) != 0;
    }

    assert_int_equal(ends, 32);
}


static void
what_is_no_code(void **state)
{
    size_t      len;
    uint8_t     bytes[BO_ENTRY_MAX + 1];
    bo_entry_t  entry, read;

    (void) state;

    make(&entry);
    len = pack(bytes, &entry);

    assert_int_equal(bo_entry_unpack(&read, bytes, 0), -1);
    assert_int_equal(bo_entry_unpack(&read, bytes, len - 1), -1);
    assert_int_equal(bo_entry_unpack(&read, bytes, len + 1), -1);

    bytes[0] = 2;
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
    bytes[0] = 1;

    bytes[57] = 0;
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
    bytes[57] = 17;
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
    bytes[57] = entry.label_len;

    bytes[58] = 'a';
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
    bytes[58] = 'A';
    assert_int_equal(bo_entry_unpack(&read, bytes, len), 0);

    bytes[55] = bytes[56] = 0xff;
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
    bytes[56] = 0xfe;
    assert_int_equal(bo_entry_unpack(&read, bytes, len), 0);

    /* over when it begins */

    memcpy(bytes + 51, bytes + 47, 4);
    assert_int_equal(bo_entry_unpack(&read, bytes, len), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(the_form),
        cmocka_unit_test(the_alphabet),
        cmocka_unit_test(one_text_each),
        cmocka_unit_test(what_is_no_text),
        cmocka_unit_test(what_is_no_code)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
