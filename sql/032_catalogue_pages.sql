-- The catalogue as people browse it: movies page by page, one of them, its
-- days, its shows of a day; theatres; screens.
--
-- Each function answers one request with one row.  body is the JSON that
-- leaves as it is, null unless outcome is 'ok'.  tags says what the body was
-- made from: a change of any of that is a change of the body, and of nothing
-- else that has not the tag.  033 notes which have changed.
--
--   m:<movie>         what lists and programs print of it
--   t:<theatre>       the same of a theatre
--   p:<id>            the whole row of a movie or a theatre, with a theatre's
--                     screens, for its own page
--   c:<screen>        its row and its layout
--   s:<movie>:<day>   its shows of that day
--   v:<theatre>       its shows, whatever is changed of them
--   d:<movie>         the days on which it has shows
--   day:<day>         which movies have shows that day
--   movies, theatres  which there are, and in which order
--   search            what search looks for and sorts by, see 034
--
-- The functions find their rows by indexes whatever the planner thinks of the
-- sizes of tables (enable_seqscan): t/sql/catalogue-plans.t.  How they find the
-- first of many is in 031.

set local search_path = boxoffice, pg_temp;


create type catalogue_page as (
    outcome text,       -- ok, not_found, bad_cursor
    body    text,
    tags    text
);


-- {"<name>": [...], "nextCursor": ...}: one item more than a page has may be
-- there, which says that there is another page.

create function catalogue_list(name text, items text[], ids uuid[], max int)
returns text
language sql immutable parallel safe
return '{"' || name || '":['
       || coalesce(array_to_string(items[:max], ','), '')
       || '],"nextCursor":'
       || case when cardinality(items) > max
               then to_json(ids[max]::text)::text else 'null' end || '}';


create function catalogue_tags(kind text, ids uuid[]) returns text
language sql immutable parallel safe
return (select coalesce(string_agg(' ' || kind || ':' || i, ''), '')
        from unnest(ids) i);


-- Movies, the latest first, after the one that cursor names; max: 1..100.
-- The filters may be null.  day: those with a show yet to begin that day.

create function list_movies(max int, after uuid, language text,
                                       genre text, format text, day date)
returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    pos   record;
    most  int := least(greatest(max, 1), 100) + 1;
    items text[];
    ids   uuid[];
begin
    select date 'infinity' as released,
           uuid 'ffffffff-ffff-ffff-ffff-ffffffffffff' as movie_id into pos;

    if after is not null then
        select m.released, m.movie_id into pos
        from movies m where m.movie_id = after;

        if not found then
            return query select 'bad_cursor', null::text, null::text;
            return;
        end if;
    end if;

    ids := movies_listed(most, pos.released, pos.movie_id, language, genre,
                         format, list_movies.day);

    items := array(
        select row_to_json(c)::text
        from unnest(ids) with ordinality i(movie_id, n)
        join movies m using (movie_id)
        cross join lateral (
            select m.movie_id as "movieId", m.title,
                   m.thumbnail_url as "thumbnailUrl", m.rating,
                   m.duration_min as "durationMinutes",
                   m.age_rating as "ageRating",
                   m.release_date as "releaseDate", m.language, m.format,
                   m.genres) c
        order by i.n);

    return query
    select 'ok', catalogue_list('items', items, ids, max),
           'movies' || coalesce(' day:' || list_movies.day, '')
           || catalogue_tags('m', ids[:max]);
end
$$;


create function movie_page(movie_id uuid)
returns setof catalogue_page
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select 'ok', row_to_json(p)::text, 'p:' || p."movieId"
    from (select m.movie_id as "movieId", m.title, m.about,
                 m.thumbnail_url as "thumbnailUrl", m.rating,
                 m.duration_min as "durationMinutes",
                 m.age_rating as "ageRating",
                 m.release_date as "releaseDate", m.language, m.format,
                 m.genres, m.metadata
          from movies m
          where m.movie_id = movie_page.movie_id and m.removed_at is null) p
$$;


create function movie_days(movie_id uuid)
returns setof catalogue_page
language sql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
    select 'ok',
           (select row_to_json(p)::text
            from (select m.movie_id as "movieId",
                         (select coalesce(array_agg(d order by d), '{}')
                          from movie_next_days(m.movie_id, 366) d)
                         as dates) p),
           'd:' || m.movie_id
    from movies m
    where m.movie_id = movie_days.movie_id and m.removed_at is null
$$;


-- The shows of a movie on a day that are yet to begin, by theatre: nearest to
-- (latitude, longitude) first where that is given, else by name, after the
-- theatre that cursor names; max theatres.  day null: the next one that has
-- any.

create function movie_shows(movie_id uuid, day date, max int,
                                       after uuid,
                                       latitude double precision,
                                       longitude double precision)
returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    film  movies;
    pos   record;
    most  int := least(greatest(max, 1), 100) + 1;
    asked date := movie_shows.day;
    here  cube := place_of(movie_shows.latitude, movie_shows.longitude);
    items text[];
    ids   uuid[];
begin
    select * into film from movies m
    where m.movie_id = movie_shows.movie_id and m.removed_at is null;

    if not found then
        return query select 'not_found', null::text, null::text;
        return;
    end if;

    if asked is null then
        asked := movie_next_day(film.movie_id);
    end if;

    select -1::double precision as away, '' as name,
           uuid '00000000-0000-0000-0000-000000000000' as theatre_id
    into pos;

    if after is not null then
        select away(t.spot, here) as away, t.name, t.theatre_id into pos
        from theatres t where t.theatre_id = after;

        if not found then
            return query select 'bad_cursor', null::text, null::text;
            return;
        end if;
    end if;

    ids := program_theatres(film.movie_id, asked, most, here, pos.away,
                            pos.name, pos.theatre_id);

    items := array(
        select left(row_to_json(h)::text, -1) || ',"shows":[' || g.shows
               || ']}'
        from unnest(ids) with ordinality i(theatre_id, n)
        join theatres t using (theatre_id)
        cross join lateral (
            select t.theatre_id as "theatreId", t.name, t.address, t.city,
                   t.latitude, t.longitude, t.timezone,
                   case when here is not null
                        then round(along_ground(t.spot <-> here)) end
                   as "distanceMeters") h
        cross join lateral (
            select string_agg(row_to_json(r)::text, ','
                              order by s.starts_at, s.show_id) as shows
            from shows s
            join screens c on c.screen_id = s.screen_id
            join layouts l on l.layout_id = s.layout_id
            cross join lateral (select min(price) as low, max(price) as high
                                from show_prices p
                                where p.show_id = s.show_id) p
            cross join lateral (
                select s.show_id as "showId", s.screen_id as "screenId",
                       c.name as "screenName",
                       rfc3339(s.starts_at) as "startsAt",
                       rfc3339(s.ends_at) as "endsAt", s.currency,
                       l.seats, p.low as "minPrice",
                       p.high as "maxPrice") r
            where s.movie_id = film.movie_id and s.local_day = asked
              and s.venue_id = i.theatre_id
              and s.status = 'SCHEDULED' and s.starts_at > now()) g
        order by i.n);

    return query
    select 'ok',
           (select left(row_to_json(h)::text, -1)
            from (select film.movie_id as "movieId", film.title,
                         asked as date) h)
           || ',' || substr(catalogue_list('theatres', items, ids, max), 2),
           'm:' || film.movie_id || coalesce(' s:' || film.movie_id || ':'
                                             || asked, '')
           || case when movie_shows.day is null
                   then ' d:' || film.movie_id else '' end
           || catalogue_tags('t', ids[:max]);
end
$$;


-- Theatres, the nearest to (latitude, longitude) first where that is given,
-- else by name, after the one that cursor names; max: 1..100.

create function list_theatres(max int, after uuid, city text,
                              latitude double precision,
                              longitude double precision)
returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_custom_plan
set jit = off
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    pos   record;
    here  cube := place_of(list_theatres.latitude, list_theatres.longitude);
    items text[];
    ids   uuid[];
begin
    select -1::double precision as away, '' as name,
           uuid '00000000-0000-0000-0000-000000000000' as theatre_id
    into pos;

    if after is not null then
        select away(t.spot, here) as away, t.name, t.theatre_id into pos
        from theatres t where t.theatre_id = after;

        if not found then
            return query select 'bad_cursor', null::text, null::text;
            return;
        end if;
    end if;

    -- each of the two orders has its index
    with page as (
        (select t.*, 0::double precision as away
         from theatres t
         where here is null and t.removed_at is null
           and (list_theatres.city is null
                or lower(t.city) = lower(list_theatres.city))
           and (t.name, t.theatre_id) > (pos.name, pos.theatre_id)
         order by t.name, t.theatre_id
         limit least(greatest(max, 1), 100) + 1)
        union all
        (select t.*, n.away
         from theatres t
         cross join lateral (select away(t.spot, here)) n(away)
         where here is not null and t.removed_at is null
           and (list_theatres.city is null
                or lower(t.city) = lower(list_theatres.city))
           and (n.away, t.name, t.theatre_id)
               > (pos.away, pos.name, pos.theatre_id)
         order by t.spot <-> here, t.name, t.theatre_id
         limit least(greatest(max, 1), 100) + 1)
    )
    select array_agg(i.item order by t.away, t.name, t.theatre_id),
           array_agg(t.theatre_id order by t.away, t.name, t.theatre_id)
    into items, ids
    from page t
    cross join lateral (
        select row_to_json(h)::text as item
        from (select t.theatre_id as "theatreId", t.name, t.address, t.city,
                     t.latitude, t.longitude, t.timezone,
                     case when here is not null
                          then round(sec_to_gc(nullif(t.away, 'infinity')))
                     end as "distanceMeters") h) i;

    return query
    select 'ok', catalogue_list('items', items, ids, max),
           'theatres' || catalogue_tags('t', ids[:max]);
end
$$;


create function theatre_page(theatre_id uuid)
returns setof catalogue_page
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select 'ok', row_to_json(p)::text, 'p:' || p."theatreId"
    from (select t.theatre_id as "theatreId", t.name, t.address, t.city,
                 t.latitude, t.longitude, t.timezone, t.metadata,
                 (select coalesce(array_to_json(array_agg(h order by h.name)),
                                  '[]')
                  from (select c.screen_id as "screenId", c.name, l.seats
                        from screens c
                        join layouts l using (layout_id)
                        where c.theatre_id = t.theatre_id
                          and c.removed_at is null) h) as screens
          from theatres t
          where t.theatre_id = theatre_page.theatre_id
            and t.removed_at is null) p
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


create function screen_page(screen_id uuid) returns setof catalogue_page
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select 'ok', row_to_json(p)::text,
           'c:' || p."screenId" || ' t:' || p."theatreId"
    from (select c.screen_id as "screenId", c.name,
                 t.theatre_id as "theatreId", t.name as "theatreName",
                 l.layout_id as "layoutId", l.name as "layoutName", l.seats,
                 (select coalesce(array_to_json(array_agg(h
                                                         order by h.category)),
                                  '[]')
                  from (select s.category,
                               count(*) filter (where s.kind in
                                   ('NORMAL', 'ACCESSIBLE')) as seats,
                               count(*) filter (where s.kind
                                   = 'ACCESSIBLE') as accessible
                        from layout_seats s
                        where s.layout_id = c.layout_id
                        group by s.category) h) as categories
          from screens c
          join theatres t using (theatre_id)
          join layouts l using (layout_id)
          where c.screen_id = screen_page.screen_id
            and c.removed_at is null and t.removed_at is null) p
$$;
