
/*
 * Tokens by the table of docs/api.md: each line of what must be refused, and
 * its neighbour that must not.
 */


#include "bo_test.h"
#include "bo_base64.h"
#include "bo_jwt.h"


#define NOW  INT64_C(1800000000)
#define GOOD  "{\"alg\":\"HS256\",\"kid\":\"k\"}"


static bo_jwt_t      jwt;
static bo_jwt_who_t  who;
static char          token[80000];


static const bo_jwt_text_t  audiences[] = { { "shop", 4 }, { "door", 4 } };

static bo_jwt_rules_t  rules = {
    { "https://id.example", 18 }, audiences, 2, BO_JWT_LEEWAY, { "sub", 3 },
    { "roles", 5 }, { "STAFF", 5 }, { "ADMIN", 5 }
};


/* header.payload.signature of any bytes; returns its length. */

static size_t
make(const char *header, size_t header_len, const char *payload,
    size_t signature)
{
    char     *p;
    uint8_t   bytes[2000];

    p = token + bo_base64_encode(token, (const uint8_t *) header, header_len);
    *p++ = '.';
    p += bo_base64_encode(p, (const uint8_t *) payload, strlen(payload));
    *p++ = '.';

    memset(bytes, 0xa5, sizeof(bytes));
    p += bo_base64_encode(p, bytes, signature);

    return (size_t) (p - token);
}


static bo_jwt_error_e
read_token(size_t len)
{
    char            *copy;
    bo_jwt_error_e   error;

    copy = bo_test_copy(token, len);
    error = bo_jwt_read(&jwt, copy, len);
    free(copy);

    return error;
}


static bo_jwt_error_e
read_header(const char *header, size_t len)
{
    return read_token(make(header, len, "{}", 32));
}


static bo_jwt_error_e
check(const char *payload)
{
    char            *copy;
    size_t           len;
    bo_jwt_error_e   error;

    /* by both ways that there are */

    len = make(GOOD, sizeof(GOOD) - 1, payload, 32);
    assert_int_equal(bo_jwt_read(&jwt, token, len), BO_JWT_OK);
    error = bo_jwt_check(&jwt, &rules, NOW, &who);

    copy = bo_test_copy(payload, strlen(payload));
    assert_int_equal(bo_jwt_check_claims(copy, strlen(payload), &rules, NOW,
                                         &who),
                     error);
    free(copy);

    return error;
}


static void
headers(void **state)
{
    size_t          i;
    bo_jwt_error_e  error;

    static const struct {
        const char      *header;
        size_t           len;
        bo_jwt_error_e   error;
    } t[] = {
        { bo_test_text(GOOD), BO_JWT_OK },
        { bo_test_text("{\"alg\":\"RS256\"}"), BO_JWT_OK },
        { bo_test_text("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), BO_JWT_OK },
        { bo_test_text("{\"alg\":\"EdDSA\",\"typ\":\"at+JWT\"}"), BO_JWT_OK },
        { bo_test_text("{\"alg\":\"EdDSA\",\"typ\":\"application/at+jwt\"}"),
          BO_JWT_OK },

        /* never looked at, never fetched */
        { bo_test_text("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\"}}"),
          BO_JWT_OK },
        { bo_test_text("{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1/\"}"),
          BO_JWT_OK },
        { bo_test_text("{\"alg\":\"HS256\",\"x5u\":\"http://127.0.0.1/\"}"),
          BO_JWT_OK },
        { bo_test_text("{\"alg\":\"HS256\",\"x5c\":[\"AAAA\"]}"), BO_JWT_OK },

        { bo_test_text("{\"alg\":\"none\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"None\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"nOnE\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"typ\":\"JWT\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":256}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":[\"HS256\"]}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":null}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"hs256\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"HS256 \"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"HS384\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"ES256K\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"PS256\"}"), BO_JWT_E_ALG },
        { bo_test_text("{\"alg\":\"dir\"}"), BO_JWT_E_ALG },

        { bo_test_text("{\"alg\":\"HS256\",\"kid\":[\"k\"]}"), BO_JWT_E_KEY },
        { bo_test_text("{\"alg\":\"HS256\",\"kid\":1}"), BO_JWT_E_KEY },
        { bo_test_text("{\"alg\":\"HS256\",\"kid\":\"\"}"), BO_JWT_E_KEY },
        { bo_test_text("{\"alg\":\"HS256\",\"kid\":\"a\\u0000b\"}"),
          BO_JWT_E_HEADER },

        { bo_test_text("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"),
          BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"crit\":[]}"), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}"),
          BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"b64\":false}"), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"zip\":\"DEF\"}"),
          BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"enc\":\"A256GCM\"}"),
          BO_JWT_E_HEADER },

        { bo_test_text("{\"alg\":\"HS256\",\"typ\":\"pass+jwt\"}"),
          BO_JWT_E_TYP },
        { bo_test_text("{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}"),
          BO_JWT_E_TYP },
        { bo_test_text("{\"alg\":\"HS256\",\"typ\":\"\"}"), BO_JWT_E_TYP },
        { bo_test_text("{\"alg\":\"HS256\",\"typ\":1}"), BO_JWT_E_TYP },

        { bo_test_text("{\"alg\":\"HS256\",\"alg\":\"HS256\"}"),
          BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"a\\u006cg\":\"none\"}"),
          BO_JWT_E_HEADER },
        { bo_test_text("[\"HS256\"]"), BO_JWT_E_HEADER },
        { bo_test_text("\"HS256\""), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\"}x"), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\"}\0"), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",}"), BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"x\":\"\xff\"}"),
          BO_JWT_E_HEADER },
        { bo_test_text("{\"alg\":\"HS256\",\"x\":[[[[[[[[1]]]]]]]]}"),
          BO_JWT_E_HEADER }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        error = read_header(t[i].header, t[i].len);

        if (error != t[i].error) {
            fail_msg("%s: %s", t[i].header, bo_jwt_error_text(error));
        }
    }
}


static void
key_ids(void **state)
{
    size_t  len;
    char    header[70000];

    (void) state;

    for (len = BO_JWT_KID_MAX; len <= BO_JWT_KID_MAX + 1; len++) {
        sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"%0*d\"}", (int) len, 0);
        assert_int_equal(read_header(header, strlen(header)),
                         len == BO_JWT_KID_MAX ? BO_JWT_OK : BO_JWT_E_KEY);
    }

    sprintf(header, "{\"alg\":\"HS256\",\"kid\":\"%065536d\"}", 0);
    assert_int_equal(read_token(make(header, 50000, "{}", 32)), BO_JWT_E_SIZE);

    len = make(bo_test_text("{\"alg\":\"HS256\",\"kid\":\"../..\\/null\"}"),
               "{}", 32);
    assert_int_equal(bo_jwt_read(&jwt, token, len), BO_JWT_OK);
    assert_int_equal(jwt.kid.len, 10);
    assert_memory_equal(jwt.kid.data, "../../null", 10);

    assert_int_equal(read_header(bo_test_text("{\"alg\":\"HS256\"}")),
                     BO_JWT_OK);
    assert_int_equal(jwt.kid.len, 0);
}


static void
forms(void **state)
{
    size_t  i, len, good;

    static const char *const  bad[] = {
        "", ".", "..", "...", "e30", "e30.e30", "e30.e30.", ".e30.e30",
        "e30..e30", "e30.e30.e30.e30", "e30.e30.e30.e30.e30",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA",
        "{\"payload\":\"e30\",\"signatures\":[{}]}",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA=", "eyJhbGciOiJIUzI1NiJ9.e30.AA+/",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAB", "eyJhbGciOiJIUzI1NiJ9.e30.AAAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AA A", "eyJhbGciOiJIUzI1NiJ9=.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ.e30.AAAA", " eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA\n"
    };

    (void) state;

    strcpy(token, "eyJhbGciOiJIUzI1NiJ9.e30.AAAA");
    assert_int_equal(read_token(strlen(token)), BO_JWT_OK);

    for (i = 0; i < bo_test_count(bad); i++) {
        strcpy(token, bad[i]);

        if (read_token(strlen(token)) == BO_JWT_OK) {
            fail_msg("taken: %s", bad[i]);
        }
    }

    /* sizes: a token, and a signature of it */

    good = make(GOOD, sizeof(GOOD) - 1, "{}", 32);
    memset(token + good, 'A', BO_JWT_MAX + 1 - good);
    assert_int_equal(read_token(BO_JWT_MAX + 1), BO_JWT_E_SIZE);
    assert_int_not_equal(read_token(21830 + good), BO_JWT_OK);

    len = make(GOOD, sizeof(GOOD) - 1, "{}", BO_JWT_SIGNATURE_MAX);
    assert_int_equal(read_token(len), BO_JWT_OK);
    assert_int_equal(jwt.signature_len, BO_JWT_SIGNATURE_MAX);
    len = make(GOOD, sizeof(GOOD) - 1, "{}", BO_JWT_SIGNATURE_MAX + 1);
    assert_int_equal(read_token(len), BO_JWT_E_SIZE);

    /* what is signed is the text itself */

    len = make(GOOD, sizeof(GOOD) - 1, "{\"a\":1}", 32);
    assert_int_equal(bo_jwt_read(&jwt, token, len), BO_JWT_OK);
    assert_ptr_equal(jwt.input.data, token);
    assert_int_equal(jwt.input.len, len - 1 - BO_BASE64_TEXT(32));
    assert_int_equal(jwt.signature_len, 32);
}


#define C(rest)  "{\"iss\":\"https://id.example\",\"aud\":\"shop\","          \
                 "\"sub\":\"ann\"," rest "}"
#define EXP      "\"exp\":1800000300"

static void
claims(void **state)
{
    size_t          i;
    bo_jwt_error_e  error;

    static const struct {
        const char      *claims;
        bo_jwt_error_e   error;
    } t[] = {
        { C(EXP), BO_JWT_OK },

        /* exp: 60 s ago is good, 61 s is not */
        { C("\"exp\":1799999940"), BO_JWT_OK },
        { C("\"exp\":1799999939"), BO_JWT_E_EXPIRED },
        { C("\"exp\":0"), BO_JWT_E_EXPIRED },
        { C("\"exp\":253402300799"), BO_JWT_OK },
        { C("\"exp\":253402300800"), BO_JWT_E_CLAIMS },
        { C("\"x\":1"), BO_JWT_E_CLAIMS },
        { C("\"exp\":\"1800000300\""), BO_JWT_E_CLAIMS },
        { C("\"exp\":1800000300.5"), BO_JWT_E_CLAIMS },
        { C("\"exp\":1800000300.0"), BO_JWT_E_CLAIMS },
        { C("\"exp\":1e308"), BO_JWT_E_CLAIMS },
        { C("\"exp\":18e8"), BO_JWT_E_CLAIMS },
        { C("\"exp\":-1"), BO_JWT_E_CLAIMS },
        { C("\"exp\":9223372036854775807"), BO_JWT_E_CLAIMS },
        { C("\"exp\":9223372036854775808"), BO_JWT_E_CLAIMS },
        { C("\"exp\":18446744073709551616"), BO_JWT_E_CLAIMS },
        { C("\"exp\":null"), BO_JWT_E_CLAIMS },
        { C("\"exp\":true"), BO_JWT_E_CLAIMS },
        { C("\"exp\":[1800000300]"), BO_JWT_E_CLAIMS },
        { C(EXP "," EXP), BO_JWT_E_CLAIMS },
        { C(EXP ",\"\\u0065xp\":1900000000"), BO_JWT_E_CLAIMS },

        /* nbf, iat */
        { C(EXP ",\"nbf\":1800000060"), BO_JWT_OK },
        { C(EXP ",\"nbf\":1800000061"), BO_JWT_E_EARLY },
        { C(EXP ",\"nbf\":\"0\""), BO_JWT_E_CLAIMS },
        { C(EXP ",\"nbf\":-1"), BO_JWT_E_CLAIMS },
        { C(EXP ",\"iat\":1800000060"), BO_JWT_OK },
        { C(EXP ",\"iat\":1800000061"), BO_JWT_E_EARLY },
        { C(EXP ",\"iat\":1.5"), BO_JWT_E_CLAIMS },
        { C(EXP ",\"iat\":9223372036854775807"), BO_JWT_E_CLAIMS },

        /* iss */
        { "{\"aud\":\"shop\",\"sub\":\"a\"," EXP "}", BO_JWT_E_ISSUER },
        { "{\"iss\":\"https://id.example/\",\"aud\":\"shop\",\"sub\":\"a\","
          EXP "}", BO_JWT_E_ISSUER },
        { "{\"iss\":[\"https://id.example\"],\"aud\":\"shop\",\"sub\":\"a\","
          EXP "}", BO_JWT_E_ISSUER },

        /* aud */
#define A(aud)  "{\"iss\":\"https://id.example\",\"sub\":\"ann\"," EXP aud "}"
        { A(""), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":\"other\""), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":\"shopping\""), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":\"\""), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":\"door\""), BO_JWT_OK },
        { A(",\"aud\":[\"other\",\"shop\"]"), BO_JWT_OK },
        { A(",\"aud\":[\"other\"]"), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":[]"), BO_JWT_E_AUDIENCE },
        { A(",\"aud\":[\"shop\",1]"), BO_JWT_E_CLAIMS },
        { A(",\"aud\":{\"shop\":1}"), BO_JWT_E_CLAIMS },
        { A(",\"aud\":null"), BO_JWT_E_CLAIMS },

        /* sub */
#define S(sub)  "{\"iss\":\"https://id.example\",\"aud\":\"shop\"," EXP sub "}"
        { S(""), BO_JWT_E_USER },
        { S(",\"sub\":\"\""), BO_JWT_E_USER },
        { S(",\"sub\":1"), BO_JWT_E_USER },
        { S(",\"sub\":null"), BO_JWT_E_USER },
        { S(",\"sub\":[\"ann\"]"), BO_JWT_E_USER },
        { S(",\"sub\":\"a b\""), BO_JWT_E_USER },
        { S(",\"sub\":\"a\\r\\nb\""), BO_JWT_E_USER },
        { S(",\"sub\":\"a\\u0000\""), BO_JWT_E_CLAIMS },
        { S(",\"sub\":\"{ann}\""), BO_JWT_E_USER },
        { S(",\"sub\":\"visitor:1\""), BO_JWT_E_USER },
        { S(",\"sub\":\"auth0|5f7c8ec7c33c6c004bbafe82\""), BO_JWT_OK },
        { S(",\"sub\":\"ann@example.org\""), BO_JWT_OK },
        { S(",\"sub\":\"0123456789012345678901234567890123456789012345678901"
          "234567890123\""), BO_JWT_OK },
        { S(",\"sub\":\"0123456789012345678901234567890123456789012345678901"
          "2345678901234\""), BO_JWT_E_USER },
        { S(",\"sub\":\"ann\",\"sub\":\"eve\""), BO_JWT_E_CLAIMS },

        /* no claims at all */
        { "[]", BO_JWT_E_CLAIMS },
        { "{}x", BO_JWT_E_CLAIMS },
        { "null", BO_JWT_E_CLAIMS },
        { "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", BO_JWT_E_CLAIMS },
        { "{\"a\":[[[[[[[[1]]]]]]]]}", BO_JWT_E_CLAIMS }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        error = check(t[i].claims);

        if (error != t[i].error) {
            fail_msg("%s: %s", t[i].claims, bo_jwt_error_text(error));
        }
    }

    assert_int_equal(check(C(EXP)), BO_JWT_OK);
    assert_int_equal(who.user_len, 3);
    assert_memory_equal(who.user, "ann", 3);
    assert_int_equal(who.role, BO_ROLE_CUSTOMER);
    assert_true(who.expires == INT64_C(1800000361));
}


/* 10 KB of a name, and claims that are larger than any. */

static void
large(void **state)
{
    char   *json;
    size_t  n;

    (void) state;

    json = malloc(BO_JWT_CLAIMS_MAX + 100);
    assert_non_null(json);

    n = (size_t) sprintf(json, "{\"iss\":\"https://id.example\",\"aud\":"
                         "\"shop\"," EXP ",\"sub\":\"%010240d\"}", 0);
    assert_int_equal(bo_jwt_check_claims(json, n, &rules, NOW, &who),
                     BO_JWT_E_USER);

    n = (size_t) sprintf(json, "{%*s}", BO_JWT_CLAIMS_MAX, "");
    assert_int_equal(bo_jwt_check_claims(json, n, &rules, NOW, &who),
                     BO_JWT_E_CLAIMS);
    free(json);
}


static void
roles(void **state)
{
    size_t  i;

    static const struct {
        const char  *claims;
        bo_role_e    role;
    } t[] = {
        { C(EXP), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":\"ADMIN\""), BO_ROLE_ADMIN },
        { C(EXP ",\"roles\":\"openid STAFF\""), BO_ROLE_STAFF },
        { C(EXP ",\"roles\":\"STAFF ADMIN\""), BO_ROLE_ADMIN },
        { C(EXP ",\"roles\":[\"x\",\"STAFF\"]"), BO_ROLE_STAFF },
        { C(EXP ",\"roles\":[\"STAFF\",\"ADMIN\"],\"z\":1"), BO_ROLE_ADMIN },
        { C("\"roles\":\"CUSTOMER\",\"more\":\"ADMIN\"," EXP),
          BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":[]"), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":\"\""), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":\"admin\""), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":\"ADMINS\""), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":\"ADMIN,STAFF\""), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":true"), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":[true,1,null,[\"ADMIN\"]]"), BO_ROLE_CUSTOMER },
        { C(EXP ",\"roles\":{\"ADMIN\":\"ADMIN\"}"), BO_ROLE_CUSTOMER }
    };

    (void) state;

    for (i = 0; i < bo_test_count(t); i++) {
        assert_int_equal(check(t[i].claims), BO_JWT_OK);

        if (who.role != t[i].role) {
            fail_msg("%s: %d", t[i].claims, who.role);
        }
    }
}


/* Rules that ask for less, or for another claim. */

static void
other_rules(void **state)
{
    bo_jwt_rules_t  saved;

    (void) state;

    saved = rules;

    rules.issuer.len = 0;
    rules.naudiences = 0;
    rules.roles.len = 0;
    assert_int_equal(check("{\"sub\":\"ann\",\"roles\":\"ADMIN\"," EXP "}"),
                     BO_JWT_OK);
    assert_int_equal(who.role, BO_ROLE_CUSTOMER);
    assert_int_equal(check("{\"sub\":\"ann\",\"iss\":\"x\"," EXP "}"),
                     BO_JWT_OK);
    assert_int_equal(check("{\"sub\":\"ann\",\"iss\":1," EXP "}"),
                     BO_JWT_E_ISSUER);

    /* who has no name is no audience */
    assert_int_equal(check("{\"sub\":\"ann\",\"aud\":\"shop\"," EXP "}"),
                     BO_JWT_E_AUDIENCE);

    rules.user.data = "email";
    rules.user.len = 5;
    rules.roles.data = "/realm_access/roles";
    rules.roles.len = 19;
    rules.leeway = 0;
    assert_int_equal(check("{\"sub\":\"ann\",\"email\":\"a@b.example\",\"realm"
                           "_access\":{\"roles\":[\"STAFF\"]}," EXP "}"),
                     BO_JWT_OK);
    assert_int_equal(who.role, BO_ROLE_STAFF);
    assert_memory_equal(who.user, "a@b.example", 11);
    assert_int_equal(check("{\"email\":\"ann\",\"exp\":1800000000}"),
                     BO_JWT_OK);
    assert_int_equal(check("{\"email\":\"ann\",\"exp\":1799999999}"),
                     BO_JWT_E_EXPIRED);
    assert_int_equal(check("{\"sub\":\"ann\"," EXP "}"), BO_JWT_E_USER);

    rules = saved;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(key_ids),
        cmocka_unit_test(forms),
        cmocka_unit_test(claims),
        cmocka_unit_test(large),
        cmocka_unit_test(roles),
        cmocka_unit_test(other_rules)
    };

    bo_test_start();

    return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
