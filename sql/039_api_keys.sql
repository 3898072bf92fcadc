-- Keys of services, and what administrators do with people: roles, erasure.

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
set search_path = boxoffice, pg_temp
as $$
    select row(outcome, k.key_id, k.name, k.role,
               array_to_string(k.scopes, ' '), k.created_by,
               unix_ms(k.created_at), unix_ms(k.expires_at),
               unix_ms(k.revoked_at),
               encode(k.secret_hash, 'hex'))::api_key_columns
$$;


-- scopes: words with blanks between them; expires_ms: null for never.

create function create_api_key(key_id uuid, name text, role text, scopes text,
                               hash text, expires_ms bigint, created_by text)
returns setof api_key_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
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
    )
    select (api_key_row('created', m::api_keys)).* from made m;
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
    select (api_key_row('found', k)).* from api_keys k
    where k.secret_hash = decode(hash, 'hex') and k.revoked_at is null
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
    select (api_key_row('found', k)).* from api_keys k
    where (k.created_at, k.key_id)
          < (from_unix_ms(before_ms), before_id)
    order by k.created_at desc, k.key_id desc
    limit list_api_keys.max;
end
$$;


-- Once more changes nothing.

create function revoke_api_key(key_id uuid) returns setof api_key_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with gone as (
        update api_keys k
        set revoked_at = coalesce(k.revoked_at, now())
        where k.key_id = revoke_api_key.key_id
        returning *
    )
    select (api_key_row('revoked', g::api_keys)).* from gone g;
end
$$;


-- Gives somebody a role; sessions end when it is another.

create function change_role(user_id text, role text)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    was text;
    p   people;
begin
    select q.role into was from people q
    where q.user_id = change_role.user_id and q.erased_at is null
    for no key update;

    if was is null then
        return;
    end if;

    update people q
    set role = change_role.role,
        updated_at = case when was = change_role.role then q.updated_at
                          else now() end
    where q.user_id = change_role.user_id
    returning * into p;

    if was <> change_role.role then
        delete from sessions s where s.user_id = change_role.user_id;
    end if;

    return next person_row('changed', p);
end
$$;


-- Takes names and addresses of user_id out of orders and messages; what the
-- books need stays: seats, sums, times and the user_id.  Nobody can be told of
-- these orders any more, so no channel is left.  Also for those whom others
-- vouch for, who have no account here.  Returns the number of orders.

create function erase_customer(user_id text) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    n bigint;
begin
    update orders o
    set customer_name = '', customer_email = '', customer_phone = null
    where o.user_id = erase_customer.user_id
      and (o.customer_name <> '' or o.customer_email <> ''
           or o.customer_phone is not null);
    get diagnostics n = row_count;

    insert into notification_preferences as p (user_id, muted)
    values (erase_customer.user_id,
            array['email', 'sms', 'whatsapp', 'push'])
    on conflict (user_id) do update
    set muted = excluded.muted, language = null, updated_at = now();

    return n;
end
$$;


-- Erases an account for whom the password "seen" was checked; null: for an
-- administrator.  One row: "erased", also once more for an administrator;
-- "stale"; none when there is none.

create function erase_person(user_id text, seen text)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    p people;
begin
    select * into p from people q
    where q.user_id = erase_person.user_id
    for update;

    if p.user_id is null or (p.erased_at is not null and seen is not null)
    then
        return;
    end if;

    if seen is not null and p.password <> seen collate "C" then
        return next person_row('stale', p);
        return;
    end if;

    update people q
    set erased_at = coalesce(q.erased_at, now()), updated_at = now(),
        email = null, name = null, phone = null, password = null,
        role = 'CUSTOMER'
    where q.user_id = erase_person.user_id
    returning * into p;

    delete from sessions s where s.user_id = erase_person.user_id;
    perform erase_customer(erase_person.user_id);

    return next person_row('erased', p);
end
$$;
