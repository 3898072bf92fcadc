
/*
 * Identifiers that come from outside: UUIDs, users and idempotency keys.
 *
 * Redis keys, SQL parameters and log lines are built from the values parsed
 * here, never from a client's bytes.
 */


#ifndef _BO_ID_H_INCLUDED_
#define _BO_ID_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define BO_UUID_LEN              36
#define BO_USER_MAX              64
#define BO_IDEMPOTENCY_KEY_MAX   255
#define BO_PAYMENT_ID_MAX        64


typedef struct {
    uint8_t                bytes[16];       /* network order */
} bo_uuid_t;


/*
 * Reads the canonical text of a UUID: 8-4-4-4-12 hexadecimal digits of either
 * case and nothing around them (no braces, no "urn:uuid:").  Any version and
 * variant is taken, the nil UUID too.
 *
 * Returns 0, or -1 and leaves *u alone.
 */
int bo_uuid_parse(bo_uuid_t *u, const char *s, size_t len);

/* Writes BO_UUID_LEN bytes, lower case, without a NUL. */
void bo_uuid_format(char *out, const bo_uuid_t *u);

/* Writes 32 hexadecimal digits, lower case, without a NUL. */
void bo_hex_id(char *out, const uint8_t bytes[16]);

/* Returns 1 when both are the same, else 0. */
int bo_uuid_equal(const bo_uuid_t *a, const bo_uuid_t *b);

/*
 * Makes the id of a hold or an order: RFC 9562, version 8 (our own fields).
 *
 *     48 bits   unix_ms, so that new rows are neighbours in a B-tree
 *      4 bits   version, 8
 *     12 bits   random
 *      2 bits   variant, binary 10
 *     32 bits   show_no, so that an id alone finds the slot of its show
 *     30 bits   random
 *
 * unix_ms: milliseconds since 1970, the low 48 bits count (until year 10889).
 * random: 6 bytes of a good source, of which 42 bits are used.  An id is not
 * a secret: who owns the thing is checked wherever one is taken.
 */
void bo_uuid_make(bo_uuid_t *u, uint64_t unix_ms, uint32_t show_no,
    const uint8_t random[6]);

/*
 * Takes the show's number out of an id made by bo_uuid_make().
 * Returns 0, or -1 when the version is not 8 or the variant is not RFC 9562's;
 * *show_no is left alone then.  The number is as the client sent it: a show of
 * that number need not exist.
 */
int bo_uuid_show_no(const bo_uuid_t *u, uint32_t *show_no);

/*
 * Returns the first 48 bits: for ids of bo_uuid_make() the milliseconds since
 * 1970, meaningless for others.
 */
uint64_t bo_uuid_unix_ms(const bo_uuid_t *u);


/*
 * Returns 1 when s is 1..BO_USER_MAX bytes of [A-Za-z0-9._@|=+-], else 0.
 * There is no ':' among them, for lock values are "user:hold:ms".
 */
int bo_user_valid(const char *s, size_t len);

/*
 * Returns 1 when s is 1..BO_IDEMPOTENCY_KEY_MAX bytes of 0x21..0x7e, else 0.
 */
int bo_idempotency_key_valid(const char *s, size_t len);

/*
 * Returns 1 when s is 1..BO_PAYMENT_ID_MAX bytes of [A-Za-z0-9_-], else 0.
 */
int bo_payment_id_valid(const char *s, size_t len);

/*
 * Reads the value of an Idempotency-Key header: either the bare key, or an
 * RFC 8941 string ("...") without parameters.  *key and *key_len become a span
 * of s: what is between the quotes, its escapes as they are, or all of s.  So
 * "abc" and abc name the same key.
 *
 * Returns 0, or -1 when the key within is not valid as above, a quote is not
 * closed or an escape is neither \" nor \\; *key and *key_len are left alone.
 */
int bo_idempotency_key_parse(const char **key, size_t *key_len, const char *s,
    size_t len);


#endif /* _BO_ID_H_INCLUDED_ */
