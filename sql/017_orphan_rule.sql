-- The orphan rule can be turned off for a show.

set local search_path = boxoffice, pg_temp;


alter table shows add column orphan_rule boolean not null default true;

comment on column shows.orphan_rule is
    'whether a hold may not leave a single free seat';

alter type show_row add attribute orphan_rule boolean;


-- As before; what a worker caches has the rule as well.

create or replace function shows_change() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if (new.show_id, new.show_no, new.show_date, new.layout_id, new.screen_id)
       is distinct from
       (old.show_id, old.show_no, old.show_date, old.layout_id, old.screen_id)
    then
        raise exception 'a show keeps its ids, its date, its screen and its '
                        'layout: cancel it and make another'
              using errcode = 'integrity_constraint_violation';
    end if;

    if (new.starts_at, new.ends_at, new.status, new.currency, new.movie_id,
        new.orphan_rule)
       is distinct from
       (old.starts_at, old.ends_at, old.status, old.currency, old.movie_id,
        old.orphan_rule)
    then
        new.revision := old.revision + 1;
    end if;

    return new;
end
$$;


-- As before, with the rule.

create or replace function show_by_id(show_id uuid) returns setof show_row
language plpgsql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
    found  show_row;
    source uuid;
    names  text[];
    broken boolean;
begin
    select s.show_no, s.show_id, s.epoch, s.revision, s.status,
           unix_ms(s.starts_at), unix_ms(s.ends_at), s.currency, m.title,
           t.name, c.name, t.timezone, null, null, s.orphan_rule
    into found
    from shows s
    join movies m using (movie_id)
    join screens c using (screen_id)
    join theatres t using (theatre_id)
    where s.show_id = show_by_id.show_id;

    if found.show_id is null then
        return;
    end if;

    select layout_id into source from shows s
    where s.show_id = found.show_id;

    select array_agg(category order by price, category),
           string_agg(category || ':' || price, ',' order by price, category)
    into names, found.categories
    from show_prices p
    where p.show_id = found.show_id
      and exists (select from layout_seats l
                  where l.layout_id = source and l.category = p.category);

    select string_agg(concat_ws(E'\t', label, row_label, seat_number,
                                array_position(names, category) - 1,
                                left(kind, 1), x, y, coalesce(section, ''))
                      || E'\n', '' order by seat_no),
           count(*) <> max(seat_no) + 1
           or count(*) <> count(array_position(names, category))
    into found.layout, broken
    from layout_seats
    where layout_id = source;

    if found.layout is null or broken then
        raise exception 'show %: seats are missing, or a price',
                        found.show_id
              using errcode = 'data_corrupted';
    end if;

    return next found;
end
$$;


-- As before; orphan_rule is that of the show.

drop function create_show_once(text, text, text, uuid, text, bigint, int,
                               text, text[], int[]);

create function create_show_once(owner text, used_key text, payload text,
                                 screen_id uuid, movie_title text,
                                 starts_ms bigint, duration_min int,
                                 currency text, categories text[],
                                 prices int[], orphan_rule boolean)
returns table (outcome text, show_id uuid)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    seen idempotency;
    made record;
begin
    -- the same request may come twice at once
    perform pg_advisory_xact_lock(hashtext('boxoffice.create_show'),
                                  hashtext(owner || ' ' || used_key));

    select * into seen from idempotency i
    where i.user_id = owner and i.key = used_key;

    if found then
        if seen.fingerprint = payload and seen.operation = 'create_show' then
            return query select 'replayed', seen.order_id;
        else
            return query select 'key_reused', null::uuid;
        end if;
        return;
    end if;

    select * into made
    from create_show(screen_id, movie_title, starts_ms, duration_min,
                     currency, categories, prices);

    if made.outcome = 'created' then
        update shows s set orphan_rule = create_show_once.orphan_rule
        where s.show_id = made.show_id
          and s.orphan_rule <> create_show_once.orphan_rule;

        insert into idempotency (user_id, key, fingerprint, operation,
                                 order_id, show_date)
        values (owner, used_key, payload, 'create_show', made.show_id,
                current_date);
    end if;

    return query select made.outcome, made.show_id;
end
$$;
