-- Administration: changes of the catalogue, who made them, and what they were.
--
-- Every change goes through admin_write(): it takes the idempotency key, locks
-- the object, compares its version, has the change done by the function of
-- that action and kind, notes before and after, and tells the catalogue.  So
-- none of these can be forgotten by a kind that is added later:
--
--     admin_create_KIND(body)      admin_KIND(id)          what GET answers
--     admin_change_KIND(id, body)  admin_list_KINDs(...)   one page
--     admin_remove_KIND(id)
--
-- Names of actions and kinds are words of the server's, never of a request.

set local search_path = boxoffice, pg_temp;


create index movies_created on movies (created_at desc, movie_id desc)
    where removed_at is null;
create index theatres_created on theatres (created_at desc, theatre_id desc)
    where removed_at is null;

-- whether a movie was ever shown, also where that is past
create index shows_movie on shows (movie_id);


create table admin_kinds (
    kind       text collate "C" not null,
    place      text not null,
    id_column  text not null,
    moves      text not null,
    removable  boolean not null,

    constraint admin_kinds_pkey primary key (kind)
);

comment on table admin_kinds is
    'Where the objects of a kind are, and which column counts their changes: '
    'what a client has read, so that it does not undo what it has not seen.';

insert into admin_kinds (kind, place, id_column, moves, removable)
values ('movie', 'movies', 'movie_id', 'edition', true),
       ('theatre', 'theatres', 'theatre_id', 'edition', true);


-- A name is free again when its theatre is gone.
alter table theatres drop constraint theatres_name_key;
create unique index theatres_name on theatres (name) where removed_at is null;


create table admin_audit (
    audit_id  uuid not null default gen_random_uuid(),
    at        timestamptz(3) not null default clock_timestamp(),
    who       text collate "C" not null,
    action    text collate "C" not null,
    kind      text collate "C" not null,
    object_id uuid not null,
    version   int,
    was       jsonb,
    is_now    jsonb,

    constraint admin_audit_pkey primary key (audit_id)
);

create index admin_audit_at on admin_audit (at desc, audit_id desc);
create index admin_audit_object on admin_audit (object_id, at desc,
                                                audit_id desc);
create index admin_audit_who on admin_audit (who, at desc, audit_id desc);

comment on table admin_audit is
    'Who changed what, written in the transaction of the change.  Nothing '
    'deletes from it by itself.';


create table admin_replies (
    call_id  uuid not null,
    at       timestamptz(3) not null default now(),
    outcome  text collate "C" not null,
    version  int,
    answer   text,

    constraint admin_replies_pkey primary key (call_id)
);

create index admin_replies_at on admin_replies (at);

comment on table admin_replies is
    'What was answered to a request with an idempotency key, for as long as '
    'the key is known and a day more.';

-- what others have added stays
do $$
declare
    known text[];
begin
    select array_agg(distinct m[1]) || '{admin}' into known
    from pg_constraint c,
         regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_.]+)''', 'g') m
    where c.conrelid = 'boxoffice.idempotency'::regclass
      and c.conname = 'idempotency_operation_known';

    alter table idempotency drop constraint idempotency_operation_known;
    execute format('alter table idempotency add constraint '
                   'idempotency_operation_known check (operation in (%s))',
                   (select string_agg(quote_literal(w), ', ')
                    from unnest(known) w));
end
$$;


create type admin_effect as (
    outcome text,   -- created, changed, removed; or why not
    id      uuid,
    details json    -- of a refusal: what error.details says
);


-- The one place that tells caches of a change.

create function admin_changed(kind text, id uuid) returns void
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    return;
end
$$;


-- A refusal because others need the object: how many of what.  Null: none do.

create function admin_in_use(uses json) returns admin_effect
language sql immutable
as $$
    select case when exists (select from json_each_text(uses) u
                             where u.value::bigint > 0)
           then ('in_use', null::uuid,
                 json_build_object('usedBy', (
                     select json_object_agg(u.key, u.value::bigint)
                     from json_each_text(uses) u
                     where u.value::bigint > 0)))::boxoffice.admin_effect
           end
$$;


create function admin_did(outcome text, id uuid) returns admin_effect
language sql immutable
as $$ select outcome, id, null::json $$;


create function admin_refused(outcome text, details json)
returns admin_effect
language sql immutable
as $$ select outcome, null::uuid, details $$;


create function admin_invalid(field text) returns admin_effect
language sql immutable
as $$
    select 'invalid', null::uuid, json_build_object('field', field)
$$;


-- What GET answers of one object; no row: there is none.

create function admin_read(kind text, id uuid)
returns table (outcome text, version int, answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    found_now json;
begin
    execute format('select %I($1)', 'admin_' || kind) into found_now using id;

    if found_now is not null then
        return query select 'found', (found_now ->> 'version')::int,
                            found_now::text;
    end if;
end
$$;


-- A page of objects, newest first (of others: see their function): those
-- before (before_ms, before_id), which are null for the first page.  max:
-- 1..100; filters: a JSON object of texts.

create function admin_list(kind text, before_ms bigint, before_id uuid,
                           max int, filters text)
returns table (outcome text, version int, answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    items  json[];
    places text[];
begin
    execute format('select array_agg(item order by n), '
                   'array_agg(at_ms || ''_'' || id order by n) from '
                   '(select *, row_number() over () as n '
                   'from %I($1, $2, $3, $4)) p',
                   'admin_list_' || kind || 's')
    into items, places
    using coalesce(from_unix_ms(before_ms), 'infinity'),
          coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
          max + 1, filters::json;

    return query
    select 'found', null::int, json_build_object(
        'items', coalesce(array_to_json(items[1:max]), '[]'),
        'nextCursor', case when cardinality(items) > max
                           then places[max] end)::text;
end
$$;


-- Does what an administrator wants.
--
-- used_key, payload  an idempotency key with the print of its request; null
-- action, kind       create, change, remove (or another of the kind's own)
-- id                 of the object; null to create one
-- matches            versions that the client knows; null: any
-- body               JSON, checked by the caller against the kind's fields
--
-- outcome: created, changed, removed; replayed_... of those (what was done
-- under the key); key_reused, in_progress, not_found; stale (version is that
-- of the object); or the refusal of the kind, with answer as its details.

create function admin_write(who text, used_key text, payload text,
                            action text, kind text, id uuid, matches int[],
                            body text)
returns table (outcome text, version int, answer text)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    call_id uuid := gen_random_uuid();
    how     text;
    at_now  int;
    was     json;
    doc     jsonb;
    effect  admin_effect;
begin
    how := (take_keys(array[who], array[used_key], array[payload], 'admin',
                      array[call_id], array[current_date]))[1];

    if how = 'replayed' then
        return query
        select 'replayed_' || r.outcome, r.version, r.answer
        from idempotency i join admin_replies r on r.call_id = i.order_id
        where i.user_id = who collate "C" and i.key = used_key collate "C";
        return;
    elsif how is not null then
        return query select how, null::int, null::text;
        return;
    end if;

    if id is not null then
        select format('select %I from %I where %I = $1 %s for update',
                      k.moves, k.place, k.id_column,
                      case when k.removable
                           then 'and removed_at is null' end) into how
        from admin_kinds k where k.kind = admin_write.kind;

        execute how into at_now using id;

        if at_now is null
           or matches is not null and not at_now = any (matches) then
            perform give_keys_back(array[who], array[used_key]);
            return query select case when at_now is null then 'not_found'
                                     else 'stale' end, at_now,
                                json_build_object('version', at_now)::text;
            return;
        end if;

        execute format('select %I($1)', 'admin_' || kind) into was using id;
    end if;

    -- a refusal, whatever was written before it was found, leaves nothing
    begin
        doc := body::jsonb;
        execute format('select * from %I($1, $2)',
                       'admin_' || action || '_' || kind)
        into effect using id, doc;

        if effect.outcome not in ('created', 'changed', 'removed') then
            raise exception 'refused' using errcode = 'BO001';
        end if;
    exception
        when sqlstate 'BO001' then null;
        when foreign_key_violation then
            effect := ('in_use', null, null);
        when data_exception or program_limit_exceeded or check_violation then
            effect := admin_invalid('body');
    end;

    if effect.outcome not in ('created', 'changed', 'removed') then
        perform give_keys_back(array[who], array[used_key]);
        return query select effect.outcome, null::int, effect.details::text;
        return;
    end if;

    return query select * from admin_note(who, call_id, used_key is not null,
                                          action, kind, effect, was);
end
$$;


-- What is left to do about a change that was made: its note in the audit,
-- caches, the answer.

create function admin_note(who text, call_id uuid, keep boolean, action text,
                           kind text, effect admin_effect, was json)
returns table (outcome text, version int, answer text)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    is_now json;
    moved  int;
begin
    execute format('select %I($1)', 'admin_' || kind) into is_now
    using effect.id;

    moved := (is_now ->> 'version')::int;

    -- set once more to what it is: nobody changed anything
    if effect.outcome <> 'changed' or was::text <> is_now::text then
        insert into admin_audit (who, action, kind, object_id, version, was,
                                 is_now)
        values (who, action, kind, effect.id, moved, was::jsonb,
                is_now::jsonb);

        perform admin_changed(kind, effect.id);
    end if;

    if keep then
        insert into admin_replies (call_id, outcome, version, answer)
        values (call_id, effect.outcome, moved, is_now::text);

        -- some of what nobody can ask for any more
        delete from admin_replies
        where ctid = any (array(select r.ctid from admin_replies r
                                where r.at < now() - interval '96 hours'
                                order by r.at limit 20
                                for update skip locked));
    end if;

    return query select effect.outcome, moved, is_now::text;
end
$$;


-- Movies.

create function admin_movie(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'movieId', m.movie_id, 'version', m.edition, 'title', m.title,
        'about', m.about, 'thumbnailUrl', m.thumbnail_url,
        'rating', m.rating, 'durationMinutes', m.duration_min,
        'ageRating', m.age_rating, 'releaseDate', m.release_date,
        'language', m.language, 'format', m.format, 'genres', m.genres,
        'metadata', m.metadata, 'createdAt', rfc3339(m.created_at),
        'updatedAt', rfc3339(m.updated_at))
    from movies m where m.movie_id = id and m.removed_at is null
$$;


create function admin_list_movies(before timestamptz, before_id uuid,
                                  max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select m.movie_id, unix_ms(m.created_at), admin_movie(m.movie_id)
    from movies m
    where m.removed_at is null
      and (m.created_at, m.movie_id) < (before, before_id)
    order by m.created_at desc, m.movie_id desc
    limit max
$$;


-- Whether a text is a day there is, as "2026-11-24"; null is good, too.

create function is_date(day text) returns boolean
language plpgsql stable
as $$
begin
    return day is null
           or (day ~ '^\d{4}-\d\d-\d\d$'
               and to_char(day::date, 'YYYY-MM-DD') = day);
exception when data_exception then
    return false;
end
$$;


create function texts_of(list jsonb) returns text[]
language sql immutable
return array(select jsonb_array_elements_text(list));


-- All of a movie is what the body says: what it does not name is not known
-- any more.  id null: a new one.

create function admin_set_movie(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    done uuid;
begin
    if not is_date(body ->> 'releaseDate') then
        return admin_invalid('releaseDate');
    end if;

    insert into movies as m (movie_id, title, about, thumbnail_url, rating,
                             duration_min, age_rating, release_date, language,
                             format, genres, metadata)
    values (coalesce(id, gen_random_uuid()), body ->> 'title',
            body ->> 'about', body ->> 'thumbnailUrl',
            (body ->> 'rating')::numeric, (body ->> 'durationMinutes')::int,
            body ->> 'ageRating', (body ->> 'releaseDate')::date,
            body ->> 'language', body ->> 'format',
            texts_of(coalesce(body -> 'genres', '[]')),
            coalesce(body -> 'metadata', '{}'))
    on conflict on constraint movies_pkey
    do update set title = excluded.title, about = excluded.about,
                  thumbnail_url = excluded.thumbnail_url,
                  rating = excluded.rating,
                  duration_min = excluded.duration_min,
                  age_rating = excluded.age_rating,
                  release_date = excluded.release_date,
                  language = excluded.language, format = excluded.format,
                  genres = excluded.genres, metadata = excluded.metadata
    returning m.movie_id into done;

    return admin_did(case when id is null then 'created' else 'changed' end,
                     done);
end
$$;


create function admin_create_movie(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_movie(null, body) $$;


create function admin_change_movie(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_movie(id, body) $$;


-- What was shown once stays for the books, and is not shown any more.

create function admin_remove_movie(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'shows', (select count(*) from shows s
                  where s.movie_id = id and s.status = 'SCHEDULED'
                    and s.ends_at > now())));

    if uses.outcome is not null then
        return uses;
    end if;

    if exists (select from shows s where s.movie_id = id) then
        update movies set removed_at = now() where movie_id = id;
    else
        delete from movies where movie_id = id;
    end if;

    return admin_did('removed', id);
end
$$;


-- Theatres.

create function admin_theatre(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'theatreId', t.theatre_id, 'version', t.edition, 'name', t.name,
        'address', t.address, 'city', t.city, 'latitude', t.latitude,
        'longitude', t.longitude, 'timezone', t.timezone,
        'metadata', t.metadata,
        'screens', (select count(*) from screens c
                    where c.theatre_id = t.theatre_id
                      and c.removed_at is null),
        'createdAt', rfc3339(t.created_at),
        'updatedAt', rfc3339(t.updated_at))
    from theatres t where t.theatre_id = id and t.removed_at is null
$$;


create function admin_list_theatres(before timestamptz, before_id uuid,
                                    max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select t.theatre_id, unix_ms(t.created_at), admin_theatre(t.theatre_id)
    from theatres t
    where t.removed_at is null
      and (t.created_at, t.theatre_id) < (before, before_id)
    order by t.created_at desc, t.theatre_id desc
    limit max
$$;


create function admin_set_theatre(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    done  uuid;
    ahead admin_effect;
begin
    if not exists (select from pg_timezone_names
                   where name = body ->> 'timezone'
                     and name !~ '^(posix/|localtime$|posixrules$|Factory$)')
    then
        return admin_invalid('timezone');
    end if;

    if (body ? 'latitude') <> (body ? 'longitude') then
        return admin_invalid(case when body ? 'latitude' then 'longitude'
                                  else 'latitude' end);
    end if;

    -- tickets and calendars have been printed with the time of that zone
    if exists (select from theatres t where t.theatre_id = id
               and t.timezone <> body ->> 'timezone') then
        ahead := admin_in_use(json_build_object(
            'shows', (select count(*) from screens c
                      join shows s using (screen_id)
                      where c.theatre_id = id and s.status = 'SCHEDULED'
                        and s.ends_at > now())));

        if ahead.outcome is not null then
            return ahead;
        end if;
    end if;

    begin
        insert into theatres as t (theatre_id, name, address, city, latitude,
                                   longitude, timezone, metadata)
        values (coalesce(id, gen_random_uuid()), body ->> 'name',
                body ->> 'address', body ->> 'city',
                (body ->> 'latitude')::float8,
                (body ->> 'longitude')::float8, body ->> 'timezone',
                coalesce(body -> 'metadata', '{}'))
        on conflict on constraint theatres_pkey
        do update set name = excluded.name, address = excluded.address,
                      city = excluded.city, metadata = excluded.metadata,
                      latitude = excluded.latitude,
                      longitude = excluded.longitude,
                      timezone = excluded.timezone
        returning t.theatre_id into done;
    exception when unique_violation then
        return admin_refused('name_taken',
                             json_build_object('field', 'name'));
    end;

    return admin_did(case when id is null then 'created' else 'changed' end,
                     done);
end
$$;


create function admin_create_theatre(id uuid, body jsonb)
returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_theatre(null, body) $$;


create function admin_change_theatre(id uuid, body jsonb)
returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_theatre(id, body) $$;


create function admin_remove_theatre(id uuid, body jsonb)
returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'screens', (select count(*) from screens c
                    where c.theatre_id = id and c.removed_at is null)));

    if uses.outcome is not null then
        return uses;
    end if;

    if exists (select from screens c where c.theatre_id = id) then
        update theatres t set removed_at = now() where t.theatre_id = id;
    else
        delete from theatres t where t.theatre_id = id;
    end if;

    return admin_did('removed', id);
end
$$;


-- The audit.  Filters: objectId, who, kind.

create function admin_list_audits(before timestamptz, before_id uuid,
                                  max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
begin
    -- a filter that is there has its index: each of these texts is ours
    return query execute
    'select a.audit_id, unix_ms(a.at), json_build_object('
    '''auditId'', a.audit_id, ''at'', rfc3339(a.at), ''who'', a.who, '
    '''action'', a.action, ''kind'', a.kind, ''objectId'', a.object_id, '
    '''version'', a.version, ''before'', a.was, ''after'', a.is_now) '
    'from admin_audit a where (a.at, a.audit_id) < ($1, $2)'
    || case when filters ->> 'objectId' is not null
            then ' and a.object_id = ($4 ->> ''objectId'')::uuid' else '' end
    || case when filters ->> 'who' is not null
            then ' and a.who = ($4 ->> ''who'') collate "C"' else '' end
    || case when filters ->> 'kind' is not null
            then ' and a.kind = ($4 ->> ''kind'') collate "C"' else '' end
    || ' order by a.at desc, a.audit_id desc limit $3'
    using before, before_id, max, filters;
end
$$;


-- What administrators could change before there was an audit: terms of
-- giving back, shows that are cancelled, admissions that are taken back.

create function admin_audit_policy() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into admin_audit (who, action, kind, object_id, version, is_now)
    select p.created_by, 'change', 'refund-policy', p.theatre_id, p.version,
           refund_policy_json(p)::jsonb
    from refund_policies p
    where p.theatre_id = new.theatre_id and p.version = new.version;
    return null;
end
$$;

-- at the end: a version that is the same as the one before is taken back
create constraint trigger refund_policies_audit
after insert on refund_policies deferrable initially deferred
for each row execute function admin_audit_policy();


create function admin_audit_cancellation() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into admin_audit (who, action, kind, object_id, is_now)
    values (new.by_user, 'cancel', 'show', new.show_id,
            jsonb_build_object('status', 'CANCELLED'));
    return null;
end
$$;

create trigger show_cancellations_audit
after insert on show_cancellations
for each row execute function admin_audit_cancellation();

create trigger show_cancellations_audit_again
after update on show_cancellations
for each row when (old.at <> new.at)
execute function admin_audit_cancellation();


create function admin_audit_undo() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into admin_audit (who, action, kind, object_id, was)
    values (new.undone_by, 'undo', 'checkin', new.checkin_id,
            jsonb_build_object('orderId', new.order_id,
                               'seatNo', new.seat_no));
    return null;
end
$$;

create trigger checkins_audit after update on checkins
for each row when (old.undone_at is null and new.undone_at is not null)
execute function admin_audit_undo();
