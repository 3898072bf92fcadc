
/*
 * Keys of services.
 */


#include "ngx_bo_api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "ngx_bo_shows.h"


static void ngx_bo_api_key_id(ngx_bo_auth_zone_t *zone, u_char *hash,
    ngx_bo_auth_id_t *id);
static void ngx_bo_api_key_row(void *data, ngx_bo_verdict_e verdict,
    PGresult *res, ngx_int_t row);
static void ngx_bo_api_key_read(ngx_bo_api_key_ask_t *ask, PGresult *res);
static void ngx_bo_api_key_scopes(bo_scopes_t *scopes, ngx_str_t words);


static ngx_bo_pg_statement_t  ngx_bo_api_key_by_hash = {
    "api_key_by_hash",
    "select key_id, role, scopes, expires_ms"
    " from boxoffice.api_key_by_hash($1::text)",
    1, 1
};


ngx_int_t
ngx_bo_api_key_make(u_char *text, u_char *hash)
{
    u_char     secret[NGX_BO_API_KEY_SECRET];
    ngx_str_t  key;

    if (ngx_bo_random(secret, sizeof(secret)) != NGX_OK) {
        return NGX_ERROR;
    }

    key.data = text;
    text = ngx_cpymem(text, "bo_", 3);
    key.len = 3 + bo_base64_encode((char *) text, secret, sizeof(secret));
    OPENSSL_cleanse(secret, sizeof(secret));

    return ngx_bo_api_key_hash(&key, hash) == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_bo_api_key_is(ngx_str_t *token)
{
    return token->len >= 3 && ngx_strncmp(token->data, "bo_", 3) == 0;
}


ngx_int_t
ngx_bo_api_key_hash(ngx_str_t *token, u_char *hash)
{
    u_char  secret[NGX_BO_API_KEY_SECRET], digest[SHA256_DIGEST_LENGTH];

    if (token->len != NGX_BO_API_KEY_LEN || !ngx_bo_api_key_is(token)
        || bo_base64_decode(secret, (char *) token->data + 3, token->len - 3)
           != NGX_BO_API_KEY_SECRET)
    {
        return NGX_DECLINED;
    }

    SHA256(secret, sizeof(secret), digest);
    ngx_hex_dump(hash, digest, sizeof(digest));
    OPENSSL_cleanse(secret, sizeof(secret));

    return NGX_OK;
}


/* In front of it is what no token has: a header cannot bring it. */

static void
ngx_bo_api_key_id(ngx_bo_auth_zone_t *zone, u_char *hash,
    ngx_bo_auth_id_t *id)
{
    u_char     text[1 + NGX_BO_API_KEY_HASH];
    ngx_str_t  token;

    text[0] = '\0';
    ngx_memcpy(text + 1, hash, NGX_BO_API_KEY_HASH);

    token.data = text;
    token.len = sizeof(text);

    ngx_bo_auth_id(zone, &token, id);
}


ngx_int_t
ngx_bo_api_key_known(ngx_bo_auth_zone_t *zone, u_char *hash, int64_t now,
    bo_jwt_who_t *who, bo_scopes_t *scopes)
{
    ngx_bo_auth_id_t  id;

    ngx_bo_api_key_id(zone, hash, &id);

    if (ngx_bo_auth_known(zone, &id, now, who, scopes) != NGX_OK) {
        return NGX_DECLINED;
    }

    (void) ngx_atomic_fetch_add(&zone->table->stats.cached, 1);

    return NGX_OK;
}


void
ngx_bo_api_key_forget(ngx_bo_auth_zone_t *zone, u_char *hash)
{
    ngx_bo_auth_id_t  id;

    ngx_bo_api_key_id(zone, hash, &id);
    ngx_bo_auth_forget(zone, &id);
}


ngx_int_t
ngx_bo_api_key_ask(ngx_bo_api_key_ask_t *ask)
{
    ngx_str_t  v;

    v.data = ask->hash;
    v.len = NGX_BO_API_KEY_HASH;

    ask->found = 0;
    ask->call.pg = ngx_bo_pg_submit(ask->call.store->pg,
                                    &ngx_bo_api_key_by_hash, &v,
                                    ngx_bo_api_key_row, ask);

    return ask->call.pg ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_bo_api_key_row(void *data, ngx_bo_verdict_e verdict, PGresult *res,
    ngx_int_t row)
{
    ngx_bo_api_key_ask_t *ask = data;

    ask->call.pg = NULL;

    if (verdict != NGX_BO_DONE || PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_bo_call_done(&ask->call, NGX_BO_UNAVAILABLE);
        return;
    }

    if (PQntuples(res) == 1) {
        ngx_bo_api_key_read(ask, res);
    }

    (void) ngx_atomic_fetch_add(ask->found
                                ? &ask->zone->table->stats.verified
                                : &ask->zone->table->stats.refused, 1);

    ngx_bo_call_done(&ask->call, NGX_BO_OK);
}


static void
ngx_bo_api_key_read(ngx_bo_api_key_ask_t *ask, PGresult *res)
{
    int64_t            expires, now;
    ngx_str_t          id, role;
    bo_jwt_who_t      *who = &ask->who;
    ngx_bo_auth_id_t   key;

    static const size_t  len = sizeof(NGX_BO_API_KEY_USER) - 1;

    id = ngx_bo_column(res, 0, 0);
    role = ngx_bo_column(res, 0, 1);
    now = ngx_time();
    expires = ngx_bo_column_int(res, 0, 3) / 1000;

    if (id.len != BO_UUID_LEN) {
        return;
    }

    ngx_memcpy(who->user, NGX_BO_API_KEY_USER, len);
    ngx_memcpy(who->user + len, id.data, id.len);
    who->user_len = len + id.len;
    who->role = bo_role_parse((char *) role.data, role.len);
    who->expires = now + NGX_BO_API_KEY_TTL;

    if (!PQgetisnull(res, 0, 3) && expires < who->expires) {
        who->expires = expires;
    }

    ngx_bo_api_key_scopes(&ask->scopes, ngx_bo_column(res, 0, 2));
    ask->found = 1;

    ngx_bo_api_key_id(ask->zone, ask->hash, &key);
    ngx_bo_auth_keep(ask->zone, &key, now, who, ask->scopes);
}


/* A word of a newer version opens nothing here. */

static void
ngx_bo_api_key_scopes(bo_scopes_t *scopes, ngx_str_t words)
{
    u_char  *p, *last, *end;

    *scopes = 0;
    last = words.data + words.len;

    for (p = words.data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        (void) bo_scope_add(scopes, (char *) p, end - p);
    }
}
