-- Administration of shows: putting on one or a series, moving, prices, broken
-- and house seats of a show, what it has sold.  See 035 for how a change is
-- made.
--
-- What is refused for the sake of orders is looked for while none is being made
-- of that show: see have_show() in 006.
--
-- A change of a show that workers keep takes a new epoch: whoever names it in a
-- script first takes Redis over to it (lua/renew.lua), with what people hold.

set local search_path = boxoffice, pg_temp;


-- Seats of a show with the kinds that they have in it.

create function show_kinds(show_id uuid)
returns table (seat_no int, label text, category text, kind text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select l.seat_no, l.label, l.category, coalesce(o.kind, l.kind)
    from shows s
    join layout_seats l on l.layout_id = s.layout_id
    left join show_seats o on o.show_id = s.show_id
                          and o.seat_no = l.seat_no
    where s.show_id = show_kinds.show_id
$$;


create function admin_show(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'showId', s.show_id, 'version', s.revision,
        'movieId', s.movie_id, 'movieTitle', m.title,
        'theatreId', t.theatre_id, 'theatreName', t.name,
        'screenId', s.screen_id, 'screenName', c.name,
        'timezone', t.timezone, 'layoutId', s.layout_id,
        'startsAt', rfc3339(s.starts_at), 'endsAt', rfc3339(s.ends_at),
        'status', s.status, 'currency', s.currency,
        'orphanRule', s.orphan_rule,
        'seats', k.seats, 'broken', k.broken, 'house', k.house,
        'prices', (select coalesce(json_object_agg(p.category, p.price
                                                   order by p.price,
                                                   p.category), '{}')
                   from show_prices p where p.show_id = s.show_id),
        'createdAt', rfc3339(s.created_at))
    from shows s
    join movies m on m.movie_id = s.movie_id
    join screens c on c.screen_id = s.screen_id
    join theatres t on t.theatre_id = c.theatre_id
    cross join lateral (
        select count(*) filter (where kind in ('NORMAL', 'ACCESSIBLE'))
               as seats,
               coalesce(json_agg(label order by seat_no)
                        filter (where kind = 'BROKEN'), '[]') as broken,
               coalesce(json_agg(label order by seat_no)
                        filter (where kind = 'HOUSE'), '[]') as house
        from show_kinds(s.show_id)) k
    where s.show_id = id
$$;


-- What a show has sold, by category: seats of orders that are paid, or wait
-- for it, each at the price that was asked for it.

create function admin_sales(id uuid)
returns table (category text, seats bigint, sold bigint, pending bigint,
               amount bigint)
language sql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
    with taken as (
        select c.seat_no, o.status,
               o.seat_prices[array_position(o.seat_nos, c.seat_no)] as price
        from shows s
        join seat_claims c on c.show_id = s.show_id
        join orders o on o.order_id = c.order_id
                     and o.show_date = s.show_date
        where s.show_id = id
    )
    select k.category,
           count(*) filter (where k.kind in ('NORMAL', 'ACCESSIBLE')),
           count(*) filter (where t.status = 'CONFIRMED'),
           count(*) filter (where t.status = 'PAYMENT_PENDING'),
           coalesce(sum(coalesce(t.price, p.price))
                    filter (where t.status = 'CONFIRMED'), 0)::bigint
    from show_kinds(id) k
    left join taken t on t.seat_no = k.seat_no
    left join show_prices p on p.show_id = id
                           and p.category = k.category collate "C"
    group by k.category
$$;


create function admin_show_sales(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'showId', s.show_id, 'startsAt', rfc3339(s.starts_at),
        'status', s.status, 'currency', s.currency,
        'seats', sum(k.seats), 'sold', sum(k.sold),
        'pending', sum(k.pending), 'amount', sum(k.amount),
        'checkedIn', (select count(*) from checkins c
                      where c.show_id = s.show_id
                        and c.outcome = 'admitted' and c.undone_at is null),
        'byCategory', json_agg(json_build_object(
            'category', k.category, 'seats', k.seats, 'sold', k.sold,
            'pending', k.pending, 'amount', k.amount) order by k.category))
    from shows s
    cross join lateral admin_sales(s.show_id) k
    where s.show_id = id
    group by s.show_id
$$;


-- Shows with what they have sold, by the time they start, after (after,
-- after_id).  Filters: date (the day on which they begin there), theatreId,
-- screenId, movieId; each that is there has its index.  Those of the others
-- know times and no days, so a day comes with when it may be that day anywhere:
-- clocks are 14 hours ahead at most, and 12 behind.

create function admin_list_shows(after timestamptz, after_id uuid, max int,
                                 filters json)
returns table (id uuid, at_ms bigint, item json)
language plpgsql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
begin
    if after = 'infinity' then
        after := '-infinity';
    end if;

    return query execute
    'select s.show_id, unix_ms(s.starts_at), json_build_object('
    '''showId'', s.show_id, ''version'', s.revision, '
    '''movieId'', s.movie_id, ''movieTitle'', m.title, '
    '''theatreId'', t.theatre_id, ''theatreName'', t.name, '
    '''screenId'', s.screen_id, ''screenName'', c.name, '
    '''timezone'', t.timezone, ''startsAt'', rfc3339(s.starts_at), '
    '''endsAt'', rfc3339(s.ends_at), ''status'', s.status, '
    '''currency'', s.currency, ''seats'', k.seats, ''sold'', k.sold, '
    '''pending'', k.pending, ''amount'', k.amount) '
    'from (select * from shows s where (s.starts_at, s.show_id) > ($1, $2)'
    || case when filters ->> 'date' is not null
            then ' and s.local_day = ($4 ->> ''date'')::date '
                 'and s.starts_at >= ((($4 ->> ''date'')::date - 1)::timestamp '
                 'at time zone ''UTC'') '
                 'and s.starts_at < ((($4 ->> ''date'')::date + 2)::timestamp '
                 'at time zone ''UTC'')' else '' end
    || case when filters ->> 'theatreId' is not null
            then ' and s.venue_id = ($4 ->> ''theatreId'')::uuid' else '' end
    || case when filters ->> 'screenId' is not null
            then ' and s.screen_id = ($4 ->> ''screenId'')::uuid' else '' end
    || case when filters ->> 'movieId' is not null
            then ' and s.movie_id = ($4 ->> ''movieId'')::uuid' else '' end
    || ' order by s.starts_at, s.show_id limit $3) s '
    'join movies m on m.movie_id = s.movie_id '
    'join screens c on c.screen_id = s.screen_id '
    'join theatres t on t.theatre_id = c.theatre_id '
    'cross join lateral (select sum(seats) as seats, sum(sold) as sold, '
    'sum(pending) as pending, sum(amount) as amount '
    'from admin_sales(s.show_id)) k '
    'order by s.starts_at, s.show_id'
    using after, after_id, max, filters;
end
$$;


-- What is wrong with prices for seats of this layout.

create function price_mistakes(layout uuid, prices jsonb)
returns table (field text, problem text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select 'prices.' || left(k, 32), 'is no category of the screen'
    from jsonb_object_keys(prices) k
    where not exists (select from layout_seats s
                      where s.layout_id = layout
                        and s.category = k collate "C")
    union all
    select 'prices', 'has none for ' || s.category
    from (select distinct s.category from layout_seats s
          where s.layout_id = layout) s
    where not prices ? s.category
$$;


-- The starts that a document asks for: one, or each of its times on each of
-- its dates, on the clock of the theatre; with what is wrong with each.

create function schedule_starts(body jsonb, zone text)
returns table (field text, starts timestamptz, problem text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
declare
    d record;
    e record;
    at timestamptz;
    wall timestamp;
begin
    if body ? 'startsAt' then
        return query select 'startsAt',
                            from_unix_ms((body ->> 'startsAtMs')::bigint),
                            null::text;
        return;
    end if;

    for d in select v, n - 1 as n
             from jsonb_array_elements_text(body -> 'dates')
                  with ordinality x(v, n)
    loop
        if d.v is null or not is_date(d.v) then
            return query select format('dates[%s]', d.n), null::timestamptz,
                                'is no day there is';
            continue;
        end if;

        for e in select v, n - 1 as n
                 from jsonb_array_elements_text(body -> 'times')
                      with ordinality x(v, n)
                 where v ~ '^([01]\d|2[0-3]):[0-5]\d$'
        loop
            wall := d.v::date + e.v::time;
            at := wall at time zone zone;

            return query select format('dates[%s], times[%s]', d.n, e.n), at,
                case when at at time zone zone <> wall
                     then 'is no time there that day: the clocks are put '
                          'forward' end;
        end loop;
    end loop;

    return query
    select format('times[%s]', n - 1), null::timestamptz,
           'is not a time from 00:00 to 23:59'
    from jsonb_array_elements_text(body -> 'times') with ordinality x(v, n)
    where v !~ '^([01]\d|2[0-3]):[0-5]\d$';
end
$$;


-- What contradicts itself in a document that puts shows on; null: nothing.

create function schedule_mistakes(body jsonb, zone text, layout uuid,
                                  minutes int)
returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    with starts as (
        select * from schedule_starts(body, zone)
    ), mistakes as (
        select s.field, s.problem from starts s where s.problem is not null
        union all
        select s.field, 'is not in the future' from starts s
        where s.problem is null and s.starts <= now()
        union all
        -- all are of one length: who runs into any runs into the one before
        select b.field, 'is before ' || b.field_before || ' is over'
        from (select s.field, s.starts,
                     lag(s.starts) over w as before,
                     lag(s.field) over w as field_before
              from starts s where s.problem is null
              window w as (order by s.starts, s.field)) b
        where b.starts < b.before + minutes * interval '1 minute'
        union all
        select 'durationMinutes', 'is missing, and the movie has none'
        where minutes is null
        union all
        select p.field, p.problem from price_mistakes(layout,
                                                      body -> 'prices') p
    )
    select json_build_object('mistakes', json_agg(json_build_object(
               'field', m.field, 'problem', m.problem)))
    from (select * from mistakes limit 50) m
    having count(*) > 0
$$;


-- The shows that are in the way of new ones on a screen; null: none is.

create function schedule_clashes(screen uuid, starts timestamptz[],
                                 minutes int, but uuid)
returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object('clashes', json_agg(json_build_object(
        'startsAt', rfc3339(c.at), 'showId', c.show_id,
        'movieTitle', c.title, 'showStartsAt', rfc3339(c.starts_at),
        'showEndsAt', rfc3339(c.ends_at)) order by c.at, c.starts_at))
    from (select a.at, s.show_id, m.title, s.starts_at, s.ends_at
          from unnest(starts) a(at)
          join shows s on s.screen_id = screen and s.status = 'SCHEDULED'
               and tstzrange(s.starts_at, s.ends_at)
                   && tstzrange(a.at, a.at + minutes * interval '1 minute')
          join movies m on m.movie_id = s.movie_id
          where s.show_id is distinct from but
          limit 50) c
    having count(*) > 0
$$;


-- Puts shows on: all that the document asks for, or none.

create function admin_create_show(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    place   record;
    film    movies;
    minutes int;
    wrong   json;
    starts  timestamptz[];
    made    uuid[];
begin
    -- one at a time on a screen, so that what is in the way can be told
    perform from screens c where c.screen_id = (body ->> 'screenId')::uuid
                             and c.removed_at is null
    for no key update;

    if not found then
        return admin_refused('no_screen', null);
    end if;

    -- its clock stays until these shows can be seen; who changes a theatre
    -- waits for none of its screens, so nobody waits in a circle
    select c.screen_id, c.layout_id, t.timezone into place
    from screens c join theatres t on t.theatre_id = c.theatre_id
    where c.screen_id = (body ->> 'screenId')::uuid
    for share of t;

    perform from layouts l where l.layout_id = place.layout_id for key share;

    select * into film from movies m
    where m.movie_id = (body ->> 'movieId')::uuid and m.removed_at is null
    for share;

    if not found then
        return admin_refused('no_movie', null);
    end if;

    if (body ? 'startsAt') = (body ? 'dates' or body ? 'times')
       or (body ? 'dates') <> (body ? 'times') then
        return admin_invalid(case when body ? 'startsAt' then 'startsAt'
                                  when body ? 'dates' then 'times'
                                  else 'dates' end);
    end if;

    if jsonb_array_length(body -> 'dates')
       * jsonb_array_length(body -> 'times') > 366 then
        return admin_refused('bad_schedule', json_build_object('mistakes',
            json_build_array(json_build_object(
                'field', 'dates', 'problem', 'make more than 366 shows'))));
    end if;

    minutes := coalesce((body ->> 'durationMinutes')::int, film.duration_min);
    wrong := schedule_mistakes(body, place.timezone, place.layout_id,
                               minutes);

    if wrong is not null then
        return admin_refused('bad_schedule', wrong);
    end if;

    starts := array(select s.starts
                    from schedule_starts(body, place.timezone) s
                    order by s.starts);
    wrong := schedule_clashes(place.screen_id, starts, minutes, null);

    if wrong is not null then
        return admin_refused('clash', wrong);
    end if;

    with new as (
        insert into shows (movie_id, screen_id, starts_at, ends_at, currency,
                           orphan_rule)
        select film.movie_id, place.screen_id, s,
               s + minutes * interval '1 minute', body ->> 'currency',
               coalesce((body ->> 'orphanRule')::boolean, true)
        from unnest(starts) s
        returning show_id, starts_at
    )
    select array_agg(n.show_id order by n.starts_at) into made from new n;

    insert into show_prices (show_id, category, price)
    select s, p.key, p.value::int
    from unnest(made) s cross join jsonb_each_text(body -> 'prices') p;

    return ('created', made[1], json_build_object('items', (
        select json_agg(json_build_object(
                   'showId', s.show_id, 'version', s.revision,
                   'startsAt', rfc3339(s.starts_at),
                   'endsAt', rfc3339(s.ends_at)) order by s.starts_at)
        from shows s where s.show_id = any (made))))::admin_effect;
exception when exclusion_violation then
    return admin_refused('clash', null);
end
$$;


-- Whether a show can be changed: it is to come, and was not called off.

create function admin_show_closed(id uuid) returns boolean
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select s.status <> 'SCHEDULED' or s.starts_at <= now()
    from shows s where s.show_id = id
$$;


-- body: startsAt, durationMinutes, orphanRule.  The time of a show that
-- somebody has a seat of stays: it is on the tickets.

create function admin_change_show(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    old   shows;
    uses  admin_effect;
    wrong json;
    at    timestamptz := from_unix_ms((body ->> 'startsAtMs')::bigint);
    until timestamptz := at + (body ->> 'durationMinutes')::int
                              * interval '1 minute';
begin
    perform have_show(id);

    select * into old from shows s where s.show_id = id;

    if admin_show_closed(id) then
        return admin_refused('over', null);
    end if;

    if (old.starts_at, old.ends_at) <> (at, until) then
        uses := admin_in_use(json_build_object(
            'orders', (select count(distinct c.order_id) from seat_claims c
                       where c.show_id = id)));

        if uses.outcome is not null then
            return uses;
        end if;

        if at <= now() then
            return admin_invalid('startsAt');
        end if;

        perform from screens c where c.screen_id = old.screen_id
        for no key update;

        wrong := schedule_clashes(old.screen_id, array[at],
                                  (body ->> 'durationMinutes')::int, id);

        if wrong is not null then
            return admin_refused('clash', wrong);
        end if;
    end if;

    update shows s
    set starts_at = at, ends_at = until, epoch = epoch + 1,
        orphan_rule = coalesce((body ->> 'orphanRule')::boolean, true)
    where s.show_id = id
      and (s.starts_at, s.ends_at, s.orphan_rule)
          <> (at, until, coalesce((body ->> 'orphanRule')::boolean, true));

    return admin_did('changed', id);
exception when exclusion_violation then
    return admin_refused('clash', null);
end
$$;


-- body: prices, of all categories.  Until the first order.

create function admin_prices_show(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    wrong json;
begin
    perform have_show(id);

    if admin_show_closed(id) then
        return admin_refused('over', null);
    end if;

    if exists (select from seat_claims c where c.show_id = id) then
        return admin_refused('sale_begun', null);
    end if;

    select json_build_object('mistakes', json_agg(json_build_object(
               'field', m.field, 'problem', m.problem)))
    into wrong
    from (select p.* from shows s,
                 price_mistakes(s.layout_id, body -> 'prices') p
          where s.show_id = id limit 50) m
    having count(*) > 0;

    if wrong is not null then
        return admin_refused('bad_prices', wrong);
    end if;

    update show_prices p set price = b.value::int
    from jsonb_each_text(body -> 'prices') b
    where p.show_id = id and p.category = b.key collate "C"
      and p.price <> b.value::int;

    if found then
        update shows s set epoch = epoch + 1 where s.show_id = id;
    end if;

    return admin_did('changed', id);
end
$$;


-- Seats of this show are made broken, of the house, or good again: body as in
-- kinds_of().  Seats that somebody has an order for stay.  Who only holds one
-- loses it: such an order is priced by an older revision, and is refused.

create function admin_seats_show(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    home  uuid;
    wrong json;
    sold  text[];
    moved int[];
begin
    perform have_show(id);

    select s.layout_id into home from shows s where s.show_id = id;

    if admin_show_closed(id) then
        return admin_refused('over', null);
    end if;

    wrong := kinds_mistakes(home, body);

    if wrong is not null then
        return admin_refused('mistakes', wrong);
    end if;

    with wanted as (
        select c.seat_no, c.label, k.kind, c.kind as was
        from kinds_of(body) k
        join show_kinds(id) c on c.label = k.label
        where c.kind <> k.kind
    ), put as (
        insert into show_seats as o (show_id, seat_no, kind)
        select id, w.seat_no, w.kind from wanted w
        on conflict on constraint show_seats_pkey
        do update set kind = excluded.kind
        returning o.seat_no
    )
    select array_agg(p.seat_no), (
               select array_agg(w.label order by w.seat_no) from wanted w
               where w.kind in ('BROKEN', 'HOUSE')
                 and exists (select from seat_claims c
                             where c.show_id = id
                               and c.seat_no = w.seat_no))
    into moved, sold
    from put p;

    if sold is not null then
        return admin_refused('sold', json_build_object('conflicts', sold));
    end if;

    if moved is not null then
        update shows s set epoch = epoch + 1, revision = revision + 1
        where s.show_id = id;
    end if;

    return admin_did('changed', id);
end
$$;


-- What Redis is to know of a show's seats: those that cannot be sold, and of
-- the others those that nobody has an order for, of all that are of another
-- kind here than in the layout.  Numbers of seats, with commas.

create function show_renewal(show_id uuid)
returns table (epoch int, fresh_epoch int, revision int, ends_ms bigint,
               shut text, open text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select s.epoch, s.fresh_epoch, s.revision, unix_ms(s.ends_at),
           (select coalesce(string_agg(o.seat_no::text, ','), '')
            from show_seats o
            where o.show_id = s.show_id and o.kind in ('BROKEN', 'HOUSE')),
           (select coalesce(string_agg(o.seat_no::text, ','), '')
            from show_seats o
            where o.show_id = s.show_id
              and o.kind in ('NORMAL', 'ACCESSIBLE')
              and not exists (select from seat_claims c
                              where c.show_id = o.show_id
                                and c.seat_no = o.seat_no))
    from shows s where s.show_id = show_renewal.show_id
$$;
