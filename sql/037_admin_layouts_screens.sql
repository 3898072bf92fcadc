-- Administration of layouts and screens.  See 035 for how a change is made.

set local search_path = boxoffice, pg_temp;


create function admin_layout(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'layoutId', l.layout_id, 'version', l.edition, 'name', l.name,
        'seats', l.seats, 'total', s.total, 'categories', s.categories,
        'broken', s.broken, 'house', s.house,
        'screens', (select count(*) from screens c
                    where c.layout_id = l.layout_id and c.removed_at is null),
        'shows', (select count(*) from shows h
                  where h.layout_id = l.layout_id),
        'createdAt', rfc3339(l.created_at),
        'updatedAt', rfc3339(l.updated_at))
    from layouts l
    cross join lateral (
        select coalesce(sum(c.total), 0) as total,
               coalesce(json_agg(json_build_object(
                   'category', c.category, 'seats', c.seats,
                   'accessible', c.accessible, 'broken', c.broken,
                   'house', c.house) order by c.category), '[]')
               as categories,
               (select coalesce(json_agg(b.label order by b.seat_no), '[]')
                from layout_seats b where b.layout_id = l.layout_id
                                      and b.kind = 'BROKEN') as broken,
               (select coalesce(json_agg(b.label order by b.seat_no), '[]')
                from layout_seats b where b.layout_id = l.layout_id
                                      and b.kind = 'HOUSE') as house
        from (select category, count(*) as total,
                     count(*) filter (where kind in ('NORMAL', 'ACCESSIBLE'))
                     as seats,
                     count(*) filter (where kind = 'ACCESSIBLE')
                     as accessible,
                     count(*) filter (where kind = 'BROKEN') as broken,
                     count(*) filter (where kind = 'HOUSE') as house
              from layout_seats x where x.layout_id = l.layout_id
              group by category) c) s
    where l.layout_id = id and l.staged_at is null
$$;


-- One of a list: without what has to be counted seat by seat.

create function admin_list_layouts(before timestamptz, before_id uuid,
                                   max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select l.layout_id, unix_ms(l.created_at), json_build_object(
        'layoutId', l.layout_id, 'version', l.edition, 'name', l.name,
        'seats', l.seats,
        'screens', (select count(*) from screens c
                    where c.layout_id = l.layout_id and c.removed_at is null),
        'createdAt', rfc3339(l.created_at),
        'updatedAt', rfc3339(l.updated_at))
    from layouts l
    where l.staged_at is null
      and (l.created_at, l.layout_id) < (before, before_id)
    order by l.created_at desc, l.layout_id desc
    limit max
$$;


-- All seats as the rows that make such a layout: a seat that is where it would
-- be without being told is its number.

create function admin_layout_seats(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    with seats as materialized (
        select * from layout_seats where layout_id = id
    ), rows as (
        select section, row_label, y, min(seat_no) as first,
               mode() within group (order by category) as usual
        from seats group by section, row_label, y
    ), placed as (
        select s.*, r.usual, r.first,
               lag(s.x, 1, -1) over (partition by r.first order by s.seat_no)
               as beside
        from seats s
        join rows r on r.row_label = s.row_label and r.y = s.y
                   and r.section is not distinct from s.section
    ), items as (
        select p.first, json_agg(
                   case when p.kind = 'NORMAL' and p.category = p.usual
                             and p.x = p.beside + 1
                             and p.label = p.row_label || p.seat_number
                   then to_json(p.seat_number)
                   else json_strip_nulls(json_build_object(
                       'number', p.seat_number,
                       'x', case when p.x <> p.beside + 1 then p.x end,
                       'kind', nullif(p.kind, 'NORMAL'),
                       'category', nullif(p.category, p.usual),
                       'label', nullif(p.label,
                                       p.row_label || p.seat_number)))
                   end order by p.seat_no) as seats
        from placed p
        group by p.first
    )
    select json_build_object(
        'layoutId', l.layout_id, 'version', l.edition, 'name', l.name,
        'rows', (select coalesce(json_agg(json_strip_nulls(json_build_object(
                     'row', r.row_label, 'section', r.section, 'y', r.y,
                     'category', r.usual, 'seats', i.seats))
                     order by r.first), '[]')
                 from rows r join items i using (first)))
    from layouts l where l.layout_id = id and l.staged_at is null
$$;


-- Puts seats into a layout, behind those it has: in their order label, row,
-- number, category, kind, x, y and section ("-" for none), as the server has
-- read and checked them.

create function admin_put_seats(layout uuid, seats text) returns void
language sql
set search_path = boxoffice, pg_temp
as $$
    insert into layout_seats (layout_id, seat_no, label, row_label,
                              seat_number, category, kind, x, y, section)
    select layout, base + n - 1, f[1], f[2], f[3]::int, f[4],
           case f[5] when 'N' then 'NORMAL' when 'A' then 'ACCESSIBLE'
                     when 'B' then 'BROKEN' else 'HOUSE' end,
           f[6]::int, f[7]::int, nullif(f[8], '-')
    from string_to_table(seats, ';') with ordinality t(seat, n)
    cross join (select count(*) as base from layout_seats s
                where s.layout_id = layout) b
    cross join lateral string_to_array(seat, ' ') f
$$;


-- Makes a layout that nobody sees yet, or goes on with it: puts these seats
-- behind those it has.  What others have left of such, an hour ago, goes.

create function admin_stage(layout uuid) returns void
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    delete from layouts l
    where l.layout_id in (select d.layout_id from layouts d
                          where d.staged_at < now() - interval '1 hour'
                          limit 1 for update skip locked);

    insert into layouts (layout_id, name, staged_at)
    values (layout, 'staged ' || layout, now())
    on conflict on constraint layouts_pkey do nothing;
end
$$;


create function admin_stage_seats(layout uuid, seats text) returns void
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    perform admin_stage(layout);
    perform admin_put_seats(layout, seats);
end
$$;


-- The same with the next seats of another layout, behind after (-1 at first).
-- Returns the number of the last one and the source's edition; last is null
-- when there are no more; no row: there is no such layout.

create function admin_stage_copy(layout uuid, source uuid, after int, max int)
returns table (last int, edition int)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    made layouts;
begin
    select l.* into made from layouts l
    where l.layout_id = source and l.staged_at is null
    for key share;

    if not found then
        return;
    end if;

    perform admin_stage(layout);

    insert into layout_seats
    select layout, s.seat_no, s.label, s.row_label, s.seat_number, s.category,
           s.kind, s.x, s.y, s.section
    from layout_seats s
    where s.layout_id = source and s.seat_no > after
    order by s.seat_no limit max;

    return query
    select (select max(s.seat_no) from layout_seats s
            where s.layout_id = layout and s.seat_no > after), made.edition;
end
$$;


-- body: name, and staged, what was put together for it.

create function admin_create_layout(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    made uuid := (body ->> 'staged')::uuid;
begin
    begin
        -- as if it was made now, in one piece
        update layouts l
        set name = body ->> 'name', staged_at = null, created_at = now(),
            updated_at = now()
        where l.layout_id = made and l.staged_at is not null;
    exception when unique_violation then
        return admin_refused('name_taken',
                             json_build_object('field', 'name'));
    end;

    return admin_did('created', made);
end
$$;


-- How many shows have it, also past ones: their tickets name its seats.

create function admin_layout_shows(id uuid) returns admin_effect
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select * from admin_in_use(json_build_object(
        'shows', (select count(*) from shows s where s.layout_id = id)))
$$;


-- body: name; seats when those are to be others.

create function admin_change_layout(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    if body ? 'seats' then
        uses := admin_layout_shows(id);

        if uses.outcome is not null then
            return uses;
        end if;

        delete from layout_seats s where s.layout_id = id;
        perform admin_put_seats(id, body ->> 'seats');
        update layouts l set edition = edition + 1 where l.layout_id = id;
    end if;

    begin
        update layouts l set name = body ->> 'name' where l.layout_id = id;
    exception when unique_violation then
        return admin_refused('name_taken',
                             json_build_object('field', 'name'));
    end;

    return admin_did('changed', id);
end
$$;


create function admin_remove_layout(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'screens', (select count(*) from screens c
                    where c.layout_id = id and c.removed_at is null),
        'shows', (select count(*) from shows s where s.layout_id = id)));

    if uses.outcome is not null then
        return uses;
    end if;

    -- a screen that is gone had no show with it: nobody asks for its layout
    delete from screens c where c.layout_id = id
                            and not exists (select from shows s
                                            where s.screen_id = c.screen_id);
    delete from layouts l where l.layout_id = id;

    return admin_did('removed', id);
end
$$;


-- What a document says of the kinds of seats: {"broken": [...], "house":
-- [...], "accessible": [...], "normal": [...]}, labels in each.

create function kinds_of(body jsonb)
returns table (list text, kind text, label text)
language sql immutable
as $$
    select b.key, upper(b.key), l
    from jsonb_each(body) b
    cross join lateral jsonb_array_elements_text(b.value) l
    where b.key in ('broken', 'house', 'accessible', 'normal')
$$;


-- What is wrong with it, for seats of this layout; null: nothing.

create function kinds_mistakes(layout uuid, body jsonb) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object('mistakes', json_agg(json_build_object(
               'field', list, 'problem', problem)))
    from (select list, problem
          from (select k.list, k.label || ' is no seat of it' as problem
                from kinds_of(body) k
                left join layout_seats s on s.layout_id = layout
                                        and s.label = k.label collate "C"
                where s.label is null
                union all
                select max(k.list), k.label || ' is there '
                       || count(*) || ' times'
                from kinds_of(body) k
                group by k.label having count(*) > 1) m
          order by list, problem limit 50) m
    having count(*) > 0
$$;


-- Seats of a layout that no show has are made broken, of the house, or good
-- again.  A layout that is in use is copied first.

create function admin_seats_layout(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect := admin_layout_shows(id);
begin
    if uses.outcome is not null then
        return uses;
    end if;

    if kinds_mistakes(id, body) is not null then
        return admin_refused('mistakes', kinds_mistakes(id, body));
    end if;

    update layout_seats s set kind = k.kind
    from kinds_of(body) k
    where s.layout_id = id and s.label = k.label collate "C"
      and s.kind <> k.kind collate "C";

    if found then
        update layouts l set edition = edition + 1 where l.layout_id = id;
    end if;

    if (select seats = 0 from layouts l where l.layout_id = id) then
        return admin_refused('mistakes', json_build_object(
            'mistakes', json_build_array(json_build_object(
                'field', 'broken',
                'problem', 'no seat is left that can be sold'))));
    end if;

    return admin_did('changed', id);
end
$$;


-- Screens.

create function admin_screen(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'screenId', c.screen_id, 'version', c.edition,
        'theatreId', c.theatre_id, 'theatreName', t.name, 'name', c.name,
        'layoutId', c.layout_id, 'layoutName', l.name, 'seats', l.seats,
        'shows', (select count(*) from shows s
                  where s.screen_id = c.screen_id and s.status = 'SCHEDULED'
                    and s.ends_at > now()),
        'createdAt', rfc3339(c.created_at),
        'updatedAt', rfc3339(c.updated_at))
    from screens c
    join theatres t on t.theatre_id = c.theatre_id
    join layouts l on l.layout_id = c.layout_id
    where c.screen_id = id and c.removed_at is null
$$;


-- Filter: theatreId.

create function admin_list_screens(before timestamptz, before_id uuid,
                                   max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select c.screen_id, unix_ms(c.created_at), admin_screen(c.screen_id)
    from screens c
    where c.removed_at is null
      and (c.created_at, c.screen_id) < (before, before_id)
      and (filters ->> 'theatreId' is null
           or c.theatre_id = (filters ->> 'theatreId')::uuid)
    order by c.created_at desc, c.screen_id desc
    limit max
$$;


-- The theatre is that of its making: its shows, their times and their orders
-- are filed there.  Its next shows get the layout; those there are keep theirs.

create function admin_set_screen(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    done uuid;
begin
    -- neither is removed under it
    if id is null then
        perform from theatres t
        where t.theatre_id = (body ->> 'theatreId')::uuid
          and t.removed_at is null
        for share;

        if not found then
            return admin_refused('no_theatre', null);
        end if;
    end if;

    perform from layouts l where l.layout_id = (body ->> 'layoutId')::uuid
                              and l.staged_at is null
    for key share;

    if not found then
        return admin_refused('no_layout', null);
    end if;

    begin
        if id is null then
            insert into screens (theatre_id, name, layout_id)
            values ((body ->> 'theatreId')::uuid, body ->> 'name',
                    (body ->> 'layoutId')::uuid)
            returning screen_id into done;
        else
            update screens c
            set name = body ->> 'name', layout_id = (body ->> 'layoutId')::uuid
            where c.screen_id = id
            returning c.screen_id into done;
        end if;
    exception when unique_violation then
        return admin_refused('name_taken',
                             json_build_object('field', 'name'));
    end;

    return admin_did(case when id is null then 'created' else 'changed' end,
                     done);
end
$$;


create function admin_create_screen(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_screen(null, body) $$;


create function admin_change_screen(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_screen(id, body) $$;


create function admin_remove_screen(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'shows', (select count(*) from shows s
                  where s.screen_id = id and s.status = 'SCHEDULED'
                    and s.ends_at > now())));

    if uses.outcome is not null then
        return uses;
    end if;

    if exists (select from shows s where s.screen_id = id) then
        update screens c set removed_at = now() where c.screen_id = id;
    else
        delete from screens c where c.screen_id = id;
    end if;

    return admin_did('removed', id);
end
$$;
