-- Shows: what the server reads of them.

set local search_path = boxoffice, pg_temp;


create type show_row as (
    show_no      int,
    show_id      uuid,
    epoch        int,
    revision     int,
    status       text,
    starts_ms    bigint,
    ends_ms      bigint,
    currency     text,
    movie_title  text,
    theatre_name text,
    screen_name  text,
    timezone     text,
    categories   text,
    layout       text,
    orphan_rule  boolean,
    moved_ms     bigint
);


-- What may have changed of a show that is known, without its layout: the names
-- of what it belongs to change without its revision.  One row, or none.

create function show_state(show_id uuid)
returns table (revision int, epoch int, movie_title text, theatre_name text,
               screen_name text, timezone text)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
    return query
    select s.revision, s.epoch, m.title, t.name, c.name, t.timezone
    from shows s
    join movies m using (movie_id)
    join screens c using (screen_id)
    join theatres t using (theatre_id)
    where s.show_id = show_state.show_id;
end
$$;


-- moved_ms: when it was last moved to another time; 0: never.
--
-- One show with prices and seats; one row, or none if there is no such show.
--
-- categories: "SILVER:15000,GOLD:20000", cheapest first.
-- layout: for each seat, in the order of seat_no, a line of label, row,
-- number, category (place in categories, from 0), kind (N, A, B or H; that in
-- this show), x, y, section; a TAB between fields, a newline after each line.
--
-- Line k stands for seat_no k: rather than shift seats, a gap in the numbers
-- or a category without a price is an error.

create function show_by_id(show_id uuid) returns setof show_row
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
           t.name, c.name, t.timezone, null, null, s.orphan_rule,
           coalesce(unix_ms(s.moved_at), 0)
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
                                left(coalesce(o.kind, l.kind), 1), x, y,
                                coalesce(section, ''))
                      || E'\n', '' order by l.seat_no),
           count(*) <> max(l.seat_no) + 1
           or count(*) <> count(array_position(names, category))
    into found.layout, broken
    from layout_seats l
    left join show_seats o on o.show_id = found.show_id
                          and o.seat_no = l.seat_no
    where layout_id = source;

    if found.layout is null or broken then
        raise exception 'show %: seats are missing, or a price',
                        found.show_id
              using errcode = 'data_corrupted';
    end if;

    return next found;
end
$$;


-- The same by the show's number.

create function show_by_no(show_no int) returns setof show_row
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select r.* from shows s, show_by_id(s.show_id) r
    where s.show_no = show_by_no.show_no;
end
$$;


-- A new generation of the show's Redis data, begun from nothing, and which
-- revision of the show it is of; no row if there is no such show.

create function next_epoch(show_id uuid)
returns table (epoch int, revision int)
language sql
set search_path = boxoffice, pg_temp
as $$
    update shows s set epoch = s.epoch + 1, fresh_epoch = s.epoch + 1
    where s.show_id = next_epoch.show_id
    returning s.epoch, s.revision
$$;


-- Shows that start after (after_ms, after_id), by time; max: 1..1000.  The
-- first page asks for those after (now, zero uuid).

create function list_shows(after_ms bigint, after_id uuid, max int)
returns table (show_id uuid, show_no int, movie_title text,
               theatre_name text, screen_name text, timezone text,
               starts_ms bigint, ends_ms bigint, status text, currency text,
               seats int, min_price int, max_price int)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select s.show_id, s.show_no, m.title, t.name, c.name, t.timezone,
           unix_ms(s.starts_at), unix_ms(s.ends_at), s.status,
           s.currency::text, l.seats, p.low, p.high
    from (select * from shows
          where (starts_at, show_id) > (from_unix_ms(after_ms), after_id)
          order by starts_at, show_id
          limit least(greatest(max, 1), 1000)) s
    join movies m using (movie_id)
    join screens c using (screen_id)
    join theatres t using (theatre_id)
    join layouts l on l.layout_id = s.layout_id
    cross join lateral (select min(price) as low, max(price) as high
                        from show_prices where show_id = s.show_id) p
    order by s.starts_at, s.show_id;
end
$$;


-- Screens that shows can be put on, with the seats and the categories
-- ("GOLD,SILVER") a show would get.

create function list_screens()
returns table (screen_id uuid, theatre_name text, screen_name text, seats int,
               categories text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select c.screen_id, t.name, c.name, l.seats,
           (select string_agg(distinct category, ',')
            from layout_seats where layout_id = l.layout_id)
    from screens c
    join theatres t on t.theatre_id = c.theatre_id
    join layouts l on l.layout_id = c.layout_id
    where c.removed_at is null
    order by t.name, c.name;
end
$$;
