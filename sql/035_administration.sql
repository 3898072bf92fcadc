-- Administration: changes of the catalogue, who made them, and what they were.
--
-- Every change goes through admin_write(): it takes the idempotency key, locks
-- the object, compares its version, has the change done by the function of
-- that action and kind, and notes before and after.  So none of these can be
-- forgotten by a kind that is added later:
--
--     admin_create_KIND(body)      admin_KIND(id)          what GET answers
--     admin_change_KIND(id, body)  admin_list_KINDs(...)   one page
--     admin_remove_KIND(id)
--
-- Names of actions and kinds are words of the server's, never of a request.

set local search_path = boxoffice, pg_temp;


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
       ('theatre', 'theatres', 'theatre_id', 'edition', true),
       ('layout', 'layouts', 'layout_id', 'edition', false),
       ('screen', 'screens', 'screen_id', 'edition', true),
       ('show', 'shows', 'show_id', 'revision', false);


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


create type admin_effect as (
    outcome text,   -- created, changed, removed; or why not
    id      uuid,
    details json    -- of a refusal: what error.details says; of success: the
                    -- answer, where it has more objects that were made
);


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


-- What is left to do about a change that was made: its note in the audit, and
-- the answer, which an effect may bring itself, with more objects that it
-- made.  Caches find out by themselves: see 033.

create function admin_note(who text, call_id uuid, keep boolean,
                                      action text, kind text,
                                      effect admin_effect, was json)
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

    if effect.details is not null then
        insert into admin_audit (who, action, kind, object_id, version,
                                 is_now)
        select who, action, kind, (i ->> (kind || 'Id'))::uuid,
               (i ->> 'version')::int, i::jsonb
        from json_array_elements(effect.details -> 'items') i;

        moved := null;
        is_now := effect.details;

    -- set once more to what it is: nobody changed anything
    elsif effect.outcome <> 'changed' or was::text <> is_now::text then
        insert into admin_audit (who, action, kind, object_id, version, was,
                                 is_now)
        values (who, action, kind, effect.id, moved, was::jsonb,
                is_now::jsonb);
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


-- What administrators change on other ways than admin_write(): terms of giving
-- back, shows that are cancelled, admissions that are taken back, cases of the
-- quarantine.

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


create function admin_audit_quarantine() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into admin_audit (who, action, kind, object_id, is_now)
    values (new.decided_by, lower(new.decision), 'case', new.case_id,
            jsonb_build_object('paymentId', new.payment_id, 'amount',
                               new.amount, 'currency', new.currency,
                               'orderId', new.matched_order, 'note',
                               new.note));
    return null;
end
$$;

create trigger quarantine_audit after update on quarantine
for each row when (old.decision is null and new.decision is not null)
execute function admin_audit_quarantine();
