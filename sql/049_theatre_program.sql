-- The program of a theatre: its days, and its shows of a day by movie.
--
-- Another tag of 032: v:<theatre>, its shows, whatever is changed of them.

set local search_path = boxoffice, pg_temp;


-- As in 033, with the theatre's program.

create or replace function shows_changed() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    moved boolean := tg_op <> 'UPDATE';
begin
    if tg_op = 'UPDATE' then
        moved := (new.movie_id, new.local_day, new.starts_at, new.status)
                 is distinct from
                 (old.movie_id, old.local_day, old.starts_at, old.status);
    end if;

    if tg_op <> 'INSERT' then
        perform note_changes(
                    'v:' || old.venue_id,
                    's:' || old.movie_id || ':' || old.local_day,
                    case when moved then 'd:' || old.movie_id end,
                    case when moved then 'day:' || old.local_day end);
    end if;

    if tg_op <> 'DELETE' then
        perform note_changes(
                    'v:' || new.venue_id,
                    's:' || new.movie_id || ':' || new.local_day,
                    case when moved then 'd:' || new.movie_id end,
                    case when moved then 'day:' || new.local_day end);
    end if;

    return null;
end
$$;


-- The days on which a theatre has shows yet to begin, from one on: a probe of
-- the index for each.  Yesterday is still today somewhere.

create function theatre_next_days(theatre_id uuid, max int)
returns setof date
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
    with recursive days(day) as (
        (select s.local_day from shows s
         where s.venue_id = theatre_next_days.theatre_id
           and s.status = 'SCHEDULED'
           and s.local_day >= (now() at time zone 'UTC')::date - 1
           and s.starts_at > now()
         order by s.local_day limit 1)
        union all
        select (select s.local_day from shows s
                where s.venue_id = theatre_next_days.theatre_id
                  and s.status = 'SCHEDULED'
                  and s.local_day > d.day and s.starts_at > now()
                order by s.local_day limit 1)
        from days d
        where d.day is not null
    )
    select day from days where day is not null limit max
$$;


-- The shows of a theatre on a day that are yet to begin, by movie, those with
-- the earliest first, and the days that it has shows on.  day null: the next
-- one.  A theatre has some screens, so a day is one page; the 500 that begin
-- first are shown.

create function theatre_shows(theatre_id uuid, day date)
returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    place theatres;
    dates date[];
    asked date := theatre_shows.day;
    items text;
    films uuid[];
begin
    select * into place from theatres t
    where t.theatre_id = theatre_shows.theatre_id and t.removed_at is null;

    if not found then
        return query select 'not_found', null::text, null::text;
        return;
    end if;

    dates := array(select d from theatre_next_days(place.theatre_id, 366) d);
    asked := coalesce(asked, dates[1]);

    with found as materialized (
        select s.*
        from shows s
        where s.venue_id = place.theatre_id and s.local_day = asked
          and s.status = 'SCHEDULED' and s.starts_at > now()
        order by s.starts_at, s.show_id
        limit 500
    ), program as (
        select f.movie_id, min(f.starts_at) as first,
               string_agg(r.item, ',' order by f.starts_at, f.show_id)
               as shows
        from found f
        join screens c using (screen_id)
        join layouts l on l.layout_id = f.layout_id
        cross join lateral (select min(price) as low, max(price) as high
                            from show_prices p
                            where p.show_id = f.show_id) p
        cross join lateral (
            select row_to_json(i)::text as item
            from (select f.show_id as "showId", f.screen_id as "screenId",
                         c.name as "screenName",
                         rfc3339(f.starts_at) as "startsAt",
                         rfc3339(f.ends_at) as "endsAt", f.currency,
                         l.seats, p.low as "minPrice",
                         p.high as "maxPrice") i) r
        group by f.movie_id
    )
    select string_agg(left(row_to_json(c)::text, -1) || ',"shows":['
                      || g.shows || ']}', ','
                      order by g.first, c.title, c."movieId"),
           array_agg(g.movie_id)
    into items, films
    from program g
    cross join lateral (
        select m.movie_id as "movieId", m.title,
               m.thumbnail_url as "thumbnailUrl", m.rating,
               m.duration_min as "durationMinutes",
               m.age_rating as "ageRating",
               m.release_date as "releaseDate", m.language, m.format,
               m.genres
        from movies m where m.movie_id = g.movie_id) c;

    return query
    select 'ok',
           (select left(row_to_json(h)::text, -1)
            from (select place.theatre_id as "theatreId", place.name,
                         place.timezone, dates, asked as date) h)
           || ',"movies":[' || coalesce(items, '') || ']}',
           't:' || place.theatre_id || ' v:' || place.theatre_id
           || catalogue_tags('m', films)
           || coalesce((select string_agg(' s:' || f || ':' || asked, '')
                        from unnest(films) f), '');
end
$$;
