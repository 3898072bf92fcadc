-- People who have an account here, the sessions that they opened, and what
-- administrators do with people: roles, codes for lost passwords, erasure.
--
-- Passwords come hashed (argon2id, PHC form), refresh tokens and codes as their
-- SHA-256.  What decides over them, "is the password still the one that was
-- checked", "was this token used before", is decided here, under the row's
-- lock.

set local search_path = boxoffice, pg_temp;


create table people (
    created_at  timestamptz(3) not null default now(),
    updated_at  timestamptz(3) not null default now(),
    password_at timestamptz(3) not null default now(),
    erased_at   timestamptz(3),
    user_id     text collate "C" not null,
    role        text collate "C" not null default 'CUSTOMER',
    email       text,
    email_key   text collate "C"
                generated always as (lower(email collate "C")) stored,
    name        text,
    phone       text,
    password    text collate "C",

    constraint people_pkey primary key (user_id),
    constraint people_email_once unique (email_key),
    constraint people_role_known
        check (role in ('CUSTOMER', 'STAFF', 'ADMIN')),
    constraint people_password_form
        check (password ~ '^\$argon2id\$v=19\$'),
    constraint people_erased_complete
        check (case when erased_at is null
                    then email is not null and password is not null
                         and name is not null
                    else email is null and password is null
                         and name is null and phone is null
                         and role = 'CUSTOMER' end)
)
with (fillfactor = 80);

comment on table people is
    'Accounts.  Who was erased keeps the row, without all that says who it '
    'was: orders and books name the user_id.';
comment on column people.email_key is
    'What makes an address the same: letters of ASCII have no case.';


create table sessions (
    session_id    uuid not null,
    created_at    timestamptz(3) not null default now(),
    rotated_at    timestamptz(3) not null default now(),
    expires_at    timestamptz(3) not null,
    ends_at       timestamptz(3) not null,
    generation    int not null default 1,
    user_id       text collate "C" not null,
    token_hash    bytea not null,
    previous_hash bytea,

    constraint sessions_pkey primary key (session_id),
    constraint sessions_generation_positive check (generation >= 1),
    constraint sessions_hash_length check (length(token_hash) = 32),
    constraint sessions_expiry_bounded check (expires_at <= ends_at)
)
with (fillfactor = 70);

create index sessions_of_user on sessions (user_id, created_at);
create index sessions_expiry on sessions (expires_at);

comment on table sessions is
    'A family of refresh tokens, one after the other: the row has the hash of '
    'the one that is good, and of the one before.';
comment on column sessions.ends_at is
    'Then even a session that is used all the time is over.';


create table password_resets (
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null,
    user_id    text collate "C" not null,
    code_hash  bytea not null,

    constraint password_resets_pkey primary key (user_id),
    constraint password_resets_code_once unique (code_hash),
    constraint password_resets_hash_length check (length(code_hash) = 32)
);

comment on table password_resets is
    'Codes by which who has lost a password chooses another one, as their '
    'hashes: a person has one at the most, and it goes when it is used.';


create type person_columns as (
    outcome    text,
    user_id    text,
    role       text,
    email      text,
    name       text,
    phone      text,
    created_ms bigint,
    updated_ms bigint,
    password   text,
    seen       bigint
);

comment on column person_columns.seen is
    'Which password it is: when it was chosen, unix_ms().  The same one hashed '
    'anew is no other.';


-- To be called in "from": as "(person_row(...)).*" it would be called for each
-- column.

create function person_row(outcome text, p people) returns person_columns
language sql stable
return row(outcome, p.user_id, p.role, p.email, p.name, p.phone,
           unix_ms(p.created_at), unix_ms(p.updated_at),
           p.password, unix_ms(p.password_at))::person_columns;


-- The person of that address, or no row.  Who asks checks a password.

create function person_by_email(email text) returns setof person_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.* from people p, person_row('found', p) r
    where p.email_key = lower(person_by_email.email collate "C");
end
$$;


create function person_by_id(user_id text) returns setof person_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.* from people p, person_row('found', p) r
    where p.user_id = person_by_id.user_id and p.erased_at is null;
end
$$;


-- A session of user_id: ttl_s seconds long, cap_s with all that prolongs it.
-- A person has twenty at the most: the oldest goes.

create function add_session(user_id text, session_id uuid, token_hash text,
                            ttl_s int, cap_s int)
returns void
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    delete from sessions s
    where s.session_id in (
        select o.session_id from sessions o
        where o.user_id = add_session.user_id
        order by o.created_at desc, o.session_id
        offset 19);

    insert into sessions (session_id, user_id, token_hash, expires_at,
                          ends_at)
    values (add_session.session_id, add_session.user_id,
            decode(add_session.token_hash, 'hex'),
            now() + least(ttl_s, cap_s) * interval '1 second',
            now() + cap_s * interval '1 second');
end
$$;


-- Whether who does it may still do what administrators do.  The token said so,
-- and says it until it ends, whatever became of him: so that nobody makes that
-- last, he is looked at again where rights are given.  Keys of services,
-- operators, and those whom others vouch for, have no account here.  Holds his
-- row until the transaction ends.

create function administers(by_user text) returns boolean
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    theirs text;
begin
    select p.role into theirs from people p
    where p.user_id = by_user
    for share;

    return coalesce(theirs, 'ADMIN') = 'ADMIN';
end
$$;


-- A new person with a first session.  One row: "created", or "taken" when the
-- address has somebody.

create function register_person(user_id text, email text, name text,
                                phone text, password text, session_id uuid,
                                token_hash text, ttl_s int, cap_s int)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    made people;
begin
    insert into people (user_id, email, name, phone, password)
    values (register_person.user_id, register_person.email,
            register_person.name, register_person.phone,
            register_person.password)
    on conflict on constraint people_email_once do nothing
    returning * into made;

    if made.user_id is null then
        return next row('taken', null, null, null, null, null, null, null,
                        null, null)::person_columns;
        return;
    end if;

    perform add_session(made.user_id, register_person.session_id,
                        register_person.token_hash, ttl_s, cap_s);

    return next person_row('created', made);
end
$$;


-- A session for whom the password "seen" was checked.  A password that was
-- changed in between is none that was checked: "changed", or "unknown" when
-- the person is gone.  fresh: the same password, hashed as is done now.

create function open_session(user_id text, seen bigint, fresh text,
                             session_id uuid, token_hash text, ttl_s int,
                             cap_s int)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    p people;
begin
    select * into p from people q
    where q.user_id = open_session.user_id and q.erased_at is null
    for no key update;

    if p.user_id is null or unix_ms(p.password_at) <> seen then
        return next person_row(case when p.user_id is null then 'unknown'
                                    else 'changed' end, p);
        return;
    end if;

    if fresh is not null then
        update people q set password = fresh
        where q.user_id = open_session.user_id;
    end if;

    perform add_session(p.user_id, open_session.session_id,
                        open_session.token_hash, ttl_s, cap_s);

    return next person_row('opened', p);
end
$$;


-- Takes a refresh token for the next one.  One row:
--   rotated   next is good from now on
--   again     it was taken grace_s seconds ago at the most: the answer was
--             lost, and next, which follows from it, is still the good one
--   reused    it was used before, or never was one: the family ends
--   expired, unknown
-- generation: of the token that is given, from 1.

create function refresh_session(session_id uuid, generation int, given text,
                                next text, grace_s int, ttl_s int)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    s      sessions;
    p      people;
    what   text;
    hash   constant bytea := decode(given, 'hex');
    follow constant bytea := decode(next, 'hex');
begin
    select * into s from sessions x
    where x.session_id = refresh_session.session_id
    for update;

    if s.session_id is null then
        return next person_row('unknown', p);
        return;
    end if;

    select * into p from people q
    where q.user_id = s.user_id and q.erased_at is null;

    what := case
        when p.user_id is null then 'unknown'
        when s.expires_at <= now() then 'expired'
        when s.generation = refresh_session.generation
             and s.token_hash = hash
        then 'rotated'
        when s.generation = refresh_session.generation + 1
             and s.previous_hash = hash and s.token_hash = follow
             and s.rotated_at > now() - grace_s * interval '1 second'
        then 'again'
        else 'reused' end;

    if what in ('unknown', 'expired', 'reused') then
        delete from sessions x
        where x.session_id = refresh_session.session_id;
        return next person_row(what, p);
        return;
    end if;

    if what = 'rotated' then
        update sessions x
        set generation = s.generation + 1, previous_hash = hash,
            token_hash = follow, rotated_at = now(),
            expires_at = least(now() + ttl_s * interval '1 second',
                               s.ends_at)
        where x.session_id = refresh_session.session_id;
    end if;

    return next person_row(what, p);
end
$$;


-- Ends a session by the refresh token it has, or had before; returns how many
-- ended.

create function end_session(session_id uuid, given text) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    n    bigint;
    hash constant bytea := decode(given, 'hex');
begin
    delete from sessions s
    where s.session_id = end_session.session_id
      and hash in (s.token_hash, s.previous_hash);
    get diagnostics n = row_count;
    return n;
end
$$;


create function end_sessions(user_id text) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    n bigint;
begin
    delete from sessions s where s.user_id = end_sessions.user_id;
    get diagnostics n = row_count;
    return n;
end
$$;


-- What somebody says of himself; null leaves it as it is, '' takes a telephone
-- number away.

create function update_person(user_id text, name text, phone text)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    with changed as (
        update people p
        set name = coalesce(update_person.name, p.name),
            phone = case when update_person.phone is null then p.phone
                         else nullif(update_person.phone, '') end,
            updated_at = now()
        where p.user_id = update_person.user_id and p.erased_at is null
        returning p.*
    )
    select r.* from changed c, person_row('changed', c::people) r;
end
$$;


-- What another password brings with it: codes for it and all sessions are over,
-- and there is a new session.  The caller has changed the row of p.

create function start_over(p people, session_id uuid, token_hash text,
                           ttl_s int, cap_s int)
returns person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from password_resets r where r.user_id = p.user_id;
    delete from sessions s where s.user_id = p.user_id;
    perform add_session(p.user_id, start_over.session_id,
                        start_over.token_hash, ttl_s, cap_s);

    return person_row('changed', p);
end
$$;


-- Another password, or another address (null: the same), for whom the password
-- "seen" was checked.  With another password all sessions end, and there is a
-- new one.  One row: "changed"; "stale" when the password is another by now;
-- "taken" when the address has somebody else; "unknown".

create function change_password(user_id text, seen bigint, fresh text,
                                session_id uuid, token_hash text, ttl_s int,
                                cap_s int)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    p people;
begin
    update people q
    set password = fresh, password_at = now(), updated_at = now()
    where q.user_id = change_password.user_id and q.erased_at is null
      and unix_ms(q.password_at) = seen
    returning * into p;

    if p.user_id is null then
        return next person_row('stale', p);
        return;
    end if;

    return next start_over(p, change_password.session_id,
                           change_password.token_hash, ttl_s, cap_s);
end
$$;


create function change_email(user_id text, seen bigint, email text)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    p people;
begin
    begin
        update people q
        set email = change_email.email, updated_at = now()
        where q.user_id = change_email.user_id and q.erased_at is null
          and unix_ms(q.password_at) = seen
        returning * into p;
    exception when unique_violation then
        return next person_row('taken', p);
        return;
    end;

    return next person_row(case when p.user_id is null then 'stale'
                                else 'changed' end, p);
end
$$;


-- A code by which user_id may choose another password within ttl_s seconds; the
-- one before is worthless from now on.  One row: until when it is good; none
-- when there is nobody.  by_user: who makes it, for the audit, which has
-- neither the code nor its hash.

create function make_reset_code(user_id text, hash text, ttl_s int,
                                by_user text)
returns setof bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    ends timestamptz(3);
begin
    if not administers(by_user) then
        return next -1;
        return;
    end if;

    perform from people q
    where q.user_id = make_reset_code.user_id and q.erased_at is null
    for no key update;

    if not found then
        return;
    end if;

    insert into password_resets as r (user_id, code_hash, expires_at)
    values (make_reset_code.user_id, decode(hash, 'hex'),
            now() + ttl_s * interval '1 second')
    on conflict on constraint password_resets_pkey do update
    set code_hash = excluded.code_hash, created_at = excluded.created_at,
        expires_at = excluded.expires_at
    returning r.expires_at into ends;

    insert into admin_audit (who, action, kind, object_id, is_now)
    values (by_user, 'reset', 'person', make_reset_code.user_id::uuid,
            jsonb_build_object('expiresAt', rfc3339(ends)));

    return next unix_ms(ends);
end
$$;


-- Whose code it is, or no row: it was never one, was used, or is over.

create function person_by_reset_code(hash text) returns setof person_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    select r.* from people p, person_row('found', p) r
    where p.user_id = (select c.user_id from password_resets c
                       where c.code_hash = decode(hash, 'hex')
                         and c.expires_at > now())
      and p.erased_at is null;
end
$$;


-- Another password for whose code it is.  The code is used up, all sessions
-- end, and there is a new one.  One row: "changed", or "unknown" when the code
-- is not good, or not any more.

create function reset_password(hash text, fresh text, session_id uuid,
                               token_hash text, ttl_s int, cap_s int)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    p    people;
    code constant bytea := decode(hash, 'hex');
begin
    -- the person first, like all that writes to both; of two with one code the
    -- second finds it gone when it gets here
    select * into p from people q
    where q.user_id = (select r.user_id from password_resets r
                       where r.code_hash = code)
      and q.erased_at is null
    for no key update;

    delete from password_resets r
    where r.user_id = p.user_id and r.code_hash = code
      and r.expires_at > now();

    if not found then
        return next person_row('unknown', p);
        return;
    end if;

    update people q
    set password = fresh, password_at = now(), updated_at = now()
    where q.user_id = p.user_id
    returning * into p;

    return next start_over(p, reset_password.session_id,
                           reset_password.token_hash, ttl_s, cap_s);
end
$$;


-- A role by address, for the operator: the first administrator is made so.

create function set_person_role(email text, role text) returns text
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    whom text;
begin
    select p.user_id into whom from people p
    where p.email_key = lower(set_person_role.email collate "C");

    if whom is null then
        raise 'nobody is registered with that address';
    end if;

    perform change_role(whom, set_person_role.role, 'operator');

    delete from sessions s where s.user_id = whom;
    return whom;
end
$$;

comment on function set_person_role(text, text) is
    'Gives CUSTOMER, STAFF or ADMIN to whom the address is; returns the '
    'user_id.  Sessions end, so that new tokens say it.';


-- Gives somebody a role; sessions end when it is another.  One row: "changed",
-- or "forbidden" when by_user administers() no more; none when there is nobody.
-- by_user: who does it, for the audit, which has no names and addresses of
-- anybody.

create function change_role(user_id text, role text, by_user text)
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
    if not administers(by_user) then
        return next person_row('forbidden', p);
        return;
    end if;

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

        insert into admin_audit (who, action, kind, object_id, was, is_now)
        values (by_user, 'change', 'person', p.user_id::uuid,
                jsonb_build_object('role', was),
                jsonb_build_object('role', p.role));
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
-- "stale"; "forbidden" when by_user is none any more; none when there is none.
-- by_user: who does it, for the audit.

create function erase_person(user_id text, seen bigint, by_user text)
returns setof person_columns
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    p people;
begin
    if seen is null and not administers(by_user) then
        return next person_row('forbidden', p);
        return;
    end if;

    select * into p from people q
    where q.user_id = erase_person.user_id
    for update;

    if p.user_id is null or (p.erased_at is not null and seen is not null)
    then
        return;
    end if;

    if seen is not null and unix_ms(p.password_at) <> seen then
        return next person_row('stale', p);
        return;
    end if;

    if p.erased_at is null then
        insert into admin_audit (who, action, kind, object_id, was)
        values (by_user, 'erase', 'person', p.user_id::uuid,
                jsonb_build_object('role', p.role));
    end if;

    update people q
    set erased_at = coalesce(q.erased_at, now()), updated_at = now(),
        email = null, name = null, phone = null, password = null,
        role = 'CUSTOMER'
    where q.user_id = erase_person.user_id
    returning * into p;

    delete from password_resets r where r.user_id = erase_person.user_id;
    delete from sessions s where s.user_id = erase_person.user_id;
    perform erase_customer(erase_person.user_id);

    return next person_row('erased', p);
end
$$;


-- Takes away sessions and codes that are over, at most max (1 or more) of
-- each; returns how many of what there were more of.

create function purge_sessions(max int) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    n     bigint;
    codes bigint;
begin
    delete from sessions s
    where s.session_id in (
        select o.session_id from sessions o
        where o.expires_at < now() - interval '1 day'
        order by o.expires_at
        limit purge_sessions.max
        for update skip locked);
    get diagnostics n = row_count;

    delete from password_resets r
    where r.user_id in (
        select o.user_id from password_resets o
        where o.expires_at < now() - interval '1 day'
        order by o.expires_at
        limit purge_sessions.max
        for update skip locked);
    get diagnostics codes = row_count;

    return greatest(n, codes);
end
$$;
