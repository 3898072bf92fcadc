
/*
 * The verifier of tokens.
 */


#include "ngx_bo_auth.h"

#include "ngx_bo_jwks.h"


static void ngx_bo_auth_hash_text(SHA256_CTX *sha, const bo_jwt_text_t *text);
static ngx_uint_t ngx_bo_auth_is_live(ngx_bo_auth_source_t **sources,
    ngx_uint_t n, uint64_t print, int64_t now);
static ngx_uint_t ngx_bo_auth_has_print(ngx_array_t *keys, uint64_t print,
    int64_t now);
static bo_jwt_error_e ngx_bo_auth_signed(ngx_bo_auth_source_t **sources,
    ngx_uint_t n, bo_jwt_t *jwt, int64_t now, bo_jwt_who_t *who,
    uint64_t *print);
static bo_jwt_error_e ngx_bo_auth_signed_by(ngx_bo_auth_source_t *source,
    ngx_array_t *keys, bo_jwt_t *jwt, int64_t now, bo_jwt_who_t *who,
    uint64_t *print);
static bo_jwt_error_e ngx_bo_auth_session(ngx_bo_auth_source_t **sources,
    ngx_uint_t n, ngx_str_t *token, int64_t now, bo_jwt_who_t *who,
    uint64_t *print);


/* Whatever changes what a token means changes the prints of all keys. */

ngx_int_t
ngx_bo_auth_seal(ngx_bo_auth_source_t *source)
{
    ngx_uint_t         i;
    SHA256_CTX         sha;
    bo_jwt_rules_t    *rules = &source->rules;
    ngx_bo_jwe_key_t  *session;

    SHA256_Init(&sha);
    SHA256_Update(&sha, source->name.data, source->name.len);
    SHA256_Update(&sha, &source->kind, sizeof(source->kind));
    SHA256_Update(&sha, &rules->leeway, sizeof(rules->leeway));

    ngx_bo_auth_hash_text(&sha, &rules->issuer);
    ngx_bo_auth_hash_text(&sha, &rules->user);
    ngx_bo_auth_hash_text(&sha, &rules->roles);
    ngx_bo_auth_hash_text(&sha, &rules->staff);
    ngx_bo_auth_hash_text(&sha, &rules->admin);

    for (i = 0; i < rules->naudiences; i++) {
        ngx_bo_auth_hash_text(&sha, &rules->audiences[i]);
    }

    SHA256_Final(source->hash, &sha);

    session = source->sessions.elts;

    for (i = 0; i < source->sessions.nelts; i++) {
        u_char  digest[SHA256_DIGEST_LENGTH];

        SHA256_Init(&sha);
        SHA256_Update(&sha, source->hash, sizeof(source->hash));
        SHA256_Update(&sha, session[i].key, sizeof(session[i].key));
        SHA256_Final(digest, &sha);

        ngx_memcpy(&session[i].print, digest, sizeof(session[i].print));
    }

    return ngx_bo_auth_seal_keys(source, &source->keys);
}


static void
ngx_bo_auth_hash_text(SHA256_CTX *sha, const bo_jwt_text_t *text)
{
    SHA256_Update(sha, &text->len, sizeof(text->len));
    SHA256_Update(sha, text->data, text->len);
}


ngx_int_t
ngx_bo_auth_seal_keys(ngx_bo_auth_source_t *source, ngx_array_t *keys)
{
    ngx_uint_t     i;
    ngx_bo_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (ngx_bo_key_print(&key[i], source->hash) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


bo_jwt_error_e
ngx_bo_auth_verify(ngx_bo_auth_zone_t *zone, ngx_bo_auth_source_t **sources,
    ngx_uint_t n, ngx_str_t *token, int64_t now, bo_jwt_who_t *who)
{
    uint64_t              print;
    ngx_bo_auth_id_t      id;
    bo_jwt_error_e        error;
    ngx_bo_auth_stats_t  *stats;

    static bo_jwt_t  jwt;       /* 5 KB that a worker needs once at a time */

    stats = &zone->table->stats;

    if (token->len > NGX_BO_JWE_MAX) {
        (void) ngx_atomic_fetch_add(&stats->refused, 1);
        return BO_JWT_E_SIZE;
    }

    ngx_bo_auth_id(zone, token, &id);

    /*
     * What was good once is good as long as the key that says so: one that
     * was taken away, or has come to its end, takes its tokens with it.
     */

    if (ngx_bo_auth_known(zone, &id, now, who, &print) == NGX_OK
        && ngx_bo_auth_is_live(sources, n, print, now))
    {
        (void) ngx_atomic_fetch_add(&stats->cached, 1);
        return BO_JWT_OK;
    }

    error = bo_jwt_read(&jwt, (char *) token->data, token->len);

    error = error == BO_JWT_OK
            ? ngx_bo_auth_signed(sources, n, &jwt, now, who, &print)
            : error == BO_JWT_E_FORM || error == BO_JWT_E_SIZE
              ? ngx_bo_auth_session(sources, n, token, now, who, &print)
              : error;

    if (error != BO_JWT_OK) {
        (void) ngx_atomic_fetch_add(&stats->refused, 1);
        return error;
    }

    (void) ngx_atomic_fetch_add(&stats->verified, 1);
    ngx_bo_auth_keep(zone, &id, now, who, print);

    return BO_JWT_OK;
}


static ngx_uint_t
ngx_bo_auth_is_live(ngx_bo_auth_source_t **sources, ngx_uint_t n,
    uint64_t print, int64_t now)
{
    ngx_uint_t         i, j;
    ngx_array_t       *fetched;
    ngx_bo_jwe_key_t  *session;

    for (i = 0; i < n; i++) {

        if (ngx_bo_auth_has_print(&sources[i]->keys, print, now)) {
            return 1;
        }

        fetched = ngx_bo_jwks_keys(sources[i]);

        if (fetched && ngx_bo_auth_has_print(fetched, print, now)) {
            return 1;
        }

        session = sources[i]->sessions.elts;

        for (j = 0; j < sources[i]->sessions.nelts; j++) {
            if (session[j].print == print) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_bo_auth_has_print(ngx_array_t *keys, uint64_t print, int64_t now)
{
    ngx_uint_t     i;
    ngx_bo_key_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (key[i].print == print
            && (key[i].until == 0 || now < key[i].until))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * By the key that has the token's id and algorithm, of any source.  Sources
 * may share a key and ask for different claims: the first that is content
 * says who it is.
 */

static bo_jwt_error_e
ngx_bo_auth_signed(ngx_bo_auth_source_t **sources, ngx_uint_t n,
    bo_jwt_t *jwt, int64_t now, bo_jwt_who_t *who, uint64_t *print)
{
    ngx_uint_t       i;
    ngx_array_t     *fetched;
    bo_jwt_error_e   error, worst;

    worst = BO_JWT_E_KEY;

    for (i = 0; i < n; i++) {

        if (sources[i]->kind != NGX_BO_AUTH_JWT) {
            continue;
        }

        error = ngx_bo_auth_signed_by(sources[i], &sources[i]->keys, jwt, now,
                                      who, print);

        if (error == BO_JWT_E_KEY) {
            fetched = ngx_bo_jwks_keys(sources[i]);

            if (fetched) {
                error = ngx_bo_auth_signed_by(sources[i], fetched, jwt, now,
                                              who, print);
            }
        }

        if (error == BO_JWT_OK) {
            return BO_JWT_OK;
        }

        if (error > worst) {
            worst = error;
        }
    }

    return worst;
}


static bo_jwt_error_e
ngx_bo_auth_signed_by(ngx_bo_auth_source_t *source, ngx_array_t *keys,
    bo_jwt_t *jwt, int64_t now, bo_jwt_who_t *who, uint64_t *print)
{
    ngx_uint_t       i, tried;
    ngx_bo_key_t    *key;
    bo_jwt_error_e   error;

    key = keys->elts;
    error = BO_JWT_E_KEY;
    tried = 0;

    for (i = 0; i < keys->nelts && tried < NGX_BO_KEYS_TRIED; i++) {

        if (key[i].alg != jwt->alg
            || key[i].kid.len != jwt->kid.len
            || ngx_memcmp(key[i].kid.data, jwt->kid.data, jwt->kid.len) != 0
            || (key[i].until && now >= key[i].until))
        {
            continue;
        }

        tried++;

        if (ngx_bo_key_verify(&key[i], jwt) != NGX_OK) {
            error = BO_JWT_E_SIGNATURE;
            continue;
        }

        *print = key[i].print;

        return bo_jwt_check(jwt, &source->rules, now, who);
    }

    return error;
}


static bo_jwt_error_e
ngx_bo_auth_session(ngx_bo_auth_source_t **sources, ngx_uint_t n,
    ngx_str_t *token, int64_t now, bo_jwt_who_t *who, uint64_t *print)
{
    size_t             len;
    ngx_uint_t         i;
    bo_jwt_error_e     error;
    ngx_bo_jwe_key_t  *key;

    static u_char  json[NGX_BO_JWE_MAX];

    error = BO_JWT_E_FORM;

    for (i = 0; i < n; i++) {

        if (sources[i]->kind != NGX_BO_AUTH_NEXTAUTH) {
            continue;
        }

        error = ngx_bo_jwe_open(&sources[i]->sessions, token, json, &len,
                                &key);

        if (error == BO_JWT_OK) {
            *print = key->print;

            error = bo_jwt_check_claims((char *) json, len,
                                        &sources[i]->rules, now, who);
        }

        if (error == BO_JWT_OK) {
            break;
        }
    }

    return error;
}
