-- Keys of services.

set local search_path = boxoffice, pg_temp;


create table api_keys (
    key_id      uuid not null,
    created_at  timestamptz(3) not null default now(),
    expires_at  timestamptz(3),
    revoked_at  timestamptz(3),
    created_by  text collate "C" not null,
    name        text not null,
    role        text collate "C" not null,
    scopes      text[] not null,
    secret_hash bytea not null,

    constraint api_keys_pkey primary key (key_id),
    constraint api_keys_secret_once unique (secret_hash),
    constraint api_keys_role_known
        check (role in ('CUSTOMER', 'STAFF', 'ADMIN')),
    constraint api_keys_hash_length check (length(secret_hash) = 32),
    constraint api_keys_scopes_some check (cardinality(scopes) >= 1)
);

create index api_keys_created on api_keys (created_at desc, key_id desc);

comment on table api_keys is
    'Keys by which services ask.  The key itself is nowhere; its hash is that '
    'of 32 random bytes, which nobody guesses.';


create type api_key_columns as (
    outcome    text,
    key_id     uuid,
    name       text,
    role       text,
    scopes     text,
    created_by text,
    created_ms bigint,
    expires_ms bigint,
    revoked_ms bigint,
    hash       text
);


create function api_key_row(outcome text, k api_keys) returns api_key_columns
language sql stable
return row(outcome, k.key_id, k.name, k.role, array_to_string(k.scopes, ' '),
           k.created_by, unix_ms(k.created_at), unix_ms(k.expires_at),
           unix_ms(k.revoked_at),
           encode(k.secret_hash, 'hex'))::api_key_columns;


-- What the audit says of a key: nothing by which it is found.

create function api_key_note(k api_keys) returns jsonb
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select jsonb_build_object('name', k.name, 'role', k.role,
                              'scopes', k.scopes,
                              'expiresAt', rfc3339(k.expires_at))
$$;


-- scopes: words with blanks between them; expires_ms: null for never.  No row
-- when created_by administers() no more.

create function create_api_key(key_id uuid, name text, role text, scopes text,
                               hash text, expires_ms bigint, created_by text)
returns setof api_key_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    if not administers(created_by) then
        return;
    end if;

    return query
    with made as (
        insert into api_keys (key_id, name, role, scopes, secret_hash,
                              expires_at, created_by)
        values (create_api_key.key_id, create_api_key.name,
                create_api_key.role,
                string_to_array(create_api_key.scopes, ' '),
                decode(hash, 'hex'), from_unix_ms(expires_ms),
                create_api_key.created_by)
        returning *
    ), noted as (
        insert into admin_audit (who, action, kind, object_id, is_now)
        select m.created_by, 'create', 'api_key', m.key_id,
               api_key_note(m::api_keys)
        from made m
    )
    select r.* from made m, api_key_row('created', m::api_keys) r;
end
$$;


-- The key of that hash, if it is good now: one row, or none.

create function api_key_by_hash(hash text) returns setof api_key_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.* from api_keys k, api_key_row('found', k) r
    where k.secret_hash = decode(api_key_by_hash.hash, 'hex')
      and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > now());
end
$$;


-- Keys made before (before_ms, before_id), the latest first; max: 1..1000.

create function list_api_keys(before_ms bigint, before_id uuid, max int)
returns setof api_key_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.* from api_keys k, api_key_row('found', k) r
    where (k.created_at, k.key_id)
          < (from_unix_ms(before_ms), before_id)
    order by k.created_at desc, k.key_id desc
    limit list_api_keys.max;
end
$$;


-- Once more changes nothing.  by_user: who does it, for the audit.

create function revoke_api_key(key_id uuid, by_user text)
returns setof api_key_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with gone as (
        update api_keys k
        set revoked_at = now()
        where k.key_id = revoke_api_key.key_id and k.revoked_at is null
        returning *
    ), noted as (
        insert into admin_audit (who, action, kind, object_id, was)
        select by_user, 'revoke', 'api_key', g.key_id,
               api_key_note(g::api_keys)
        from gone g
    )
    select r.* from gone g, api_key_row('revoked', g::api_keys) r;

    if not found then
        return query
        select r.* from api_keys k, api_key_row('revoked', k) r
        where k.key_id = revoke_api_key.key_id;
    end if;
end
$$;
