-- Pages of the catalogue that stay quick where much is on: a movie in thousands
-- of theatres, a word in thousands of titles, a day with thousands of movies.
--
-- There are two ways to find the first few of many: to walk in the order that
-- is wanted until enough are found, which is quick where much is found; or to
-- take all that there are and sort them, which is quick where there is little.
-- Neither is good for both, and the planner knows neither a movie's share of
-- the theatres nor where they are, so functions look first how many there
-- are, and stop counting early.

set local search_path = boxoffice, public, pg_temp;


-- With the theatre in it: whether a movie is shown in one is a single probe,
-- and which theatres show it is read from the index alone.
drop index shows_program;
create index shows_program
    on shows (movie_id, local_day, venue_id, starts_at)
    where status = 'SCHEDULED';

-- What completion looks for: words of titles and names, without those of the
-- texts about them, which are many and are not completed.
create index movies_title_words
    on movies using gin (ts_filter(words, '{a}'))
    with (fastupdate = off) where removed_at is null;

create index theatres_title_words
    on theatres using gin (ts_filter(words, '{a}'))
    with (fastupdate = off) where removed_at is null;


-- The movies of a day, which otherwise are found by reading all of its shows.
-- A show that is called off, moved or removed leaves its row, so whoever reads
-- this asks for shows, too; days that are over go when others come.

create table program_days (
    day      date not null,
    movie_id uuid not null,

    constraint program_days_pkey primary key (day, movie_id)
);

comment on table program_days is
    'The movies that a day has, or had, shows of; kept by triggers of shows.';

insert into program_days (day, movie_id)
select distinct local_day, movie_id from shows where status = 'SCHEDULED';


create function program_days_come() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    -- in order, for two may bring the same days
    insert into program_days (day, movie_id)
    select distinct f.local_day, f.movie_id from fresh f
    where f.status = 'SCHEDULED'
    order by 1, 2
    on conflict do nothing;

    delete from program_days
    where ctid = any (array(select p.ctid from program_days p
                            where p.day < (now() at time zone 'UTC')::date - 2
                            limit 100 for update skip locked));

    return null;
end
$$;

create trigger program_days_come after insert on shows
referencing new table as fresh
for each statement execute function program_days_come();


create function program_days_move() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into program_days (day, movie_id)
    values (new.local_day, new.movie_id)
    on conflict do nothing;

    return null;
end
$$;

-- not for next_epoch(), which is asked for while seats are sold
create trigger program_days_move
after update of movie_id, screen_id, venue_id, starts_at, local_day, status
on shows
for each row when (new.status = 'SCHEDULED'
                   and (old.local_day <> new.local_day
                        or old.movie_id <> new.movie_id
                        or old.status <> new.status))
execute function program_days_move();


-- As sec_to_gc() of earthdistance: meters along the ground of a distance through
-- the earth, but written out where it is used.

create function along_ground(away double precision) returns double precision
language sql immutable parallel safe
return case when away >= 2 * 6378168::double precision
            then pi() * 6378168
            else 2 * 6378168
                 * asin(away / (2 * 6378168::double precision)) end;


-- The next day on which a movie has a show yet to begin; null: none.  As
-- movie_next_days(movie_id, 1), with a plan that is kept.

create function movie_next_day(movie_id uuid) returns date
language plpgsql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return (select s.local_day from shows s
            where s.movie_id = movie_next_day.movie_id
              and s.status = 'SCHEDULED'
              and s.local_day >= (now() at time zone 'UTC')::date - 1
              and s.starts_at > now()
            order by s.local_day limit 1);
end
$$;


-- A filter as a query of words: they are in the index, too (034), so the rows
-- that do not pass it need not be read.  An empty query: nothing to look for.

create function filter_words(word text) returns tsquery
language sql immutable parallel safe
set client_min_messages = warning
as $$ select coalesce(plainto_tsquery('pg_catalog.simple', word), '') $$;


-- Whether a movie passes the filters, which may be null.

create function movie_passes(language text, format text, genre_keys text[],
                             wanted_language text, wanted_format text,
                             wanted_genre text) returns boolean
language sql immutable parallel safe
return (wanted_language is null or lower(language) = lower(wanted_language))
       and (wanted_format is null or lower(format) = lower(wanted_format))
       and (wanted_genre is null
            or genre_keys @> array[lower(wanted_genre)]);


-- Movies by release, the latest first, after (released, movie_id) of the one
-- before; those with a show yet to begin on a day.  The next 300 are looked at
-- first: what many pass, or what is new and on, is among them.

create function movies_listed(max int, before date, before_id uuid,
                              language text, genre text, format text,
                              day date)
returns uuid[]
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    every  boolean := coalesce(movies_listed.language, genre,
                               movies_listed.format) is null
                      and movies_listed.day is null;
    wanted tsquery := filter_words(language) && filter_words(genre)
                      && filter_words(format);
    ids    uuid[];
begin
    ids := array(
        select m.movie_id
        from (select m.* from movies m
              where m.removed_at is null
                and (m.released, m.movie_id) < (before, before_id)
              order by m.released desc, m.movie_id desc
              limit case when every then max else 300 end) m
        where movie_passes(m.language, m.format, m.genre_keys,
                           movies_listed.language, movies_listed.format,
                           genre)
          and (movies_listed.day is null
               or exists (select from shows s
                          where s.movie_id = m.movie_id
                            and s.local_day = movies_listed.day
                            and s.status = 'SCHEDULED'
                            and s.starts_at > now()))
        order by m.released desc, m.movie_id desc
        limit max);

    if every or cardinality(ids) = max then
        return ids;
    end if;

    if day is null then
        return array(
            select m.movie_id
            from (select m.* from movies m
                  where m.removed_at is null
                    and (numnode(wanted) = 0 or m.words @@ wanted)
                  offset 0) m
            where (m.released, m.movie_id) < (before, before_id)
              and movie_passes(m.language, m.format, m.genre_keys,
                               movies_listed.language, movies_listed.format,
                               genre)
            order by m.released desc, m.movie_id desc
            limit max);
    end if;

    return array(
        select m.movie_id
        from program_days d
        join movies m using (movie_id)
        where d.day = movies_listed.day and m.removed_at is null
          and (m.released, m.movie_id) < (before, before_id)
          and movie_passes(m.language, m.format, m.genre_keys,
                           movies_listed.language, movies_listed.format,
                           genre)
          and exists (select from shows s
                      where s.movie_id = m.movie_id
                        and s.local_day = movies_listed.day
                        and s.status = 'SCHEDULED' and s.starts_at > now())
        order by m.released desc, m.movie_id desc
        limit max);
end
$$;


-- As in 032.

create or replace function list_movies(max int, after uuid, language text,
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


-- The theatres that show a movie on a day, yet to begin: the nearest to here
-- first, or by name; those after a place (away, name, theatre_id).  Where many
-- have it the next 300 in that order are asked, before all are sorted.

create function program_theatres(movie_id uuid, day date, max int, here cube,
                                 after_away double precision, after_name text,
                                 after_id uuid)
returns uuid[]
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    ids uuid[];
begin
    if (select count(*) = 500
        from (select from shows s
              where s.movie_id = program_theatres.movie_id
                and s.local_day = program_theatres.day
                and s.status = 'SCHEDULED' and s.starts_at > now()
              limit 500) s)
    then
        -- limits of their own keep the probe where it is: behind the walk
        ids := array(
            select t.theatre_id
            from ((select t.theatre_id, t.name, 0::double precision as away
                   from theatres t
                   where here is null and t.removed_at is null
                     and (t.name, t.theatre_id) > (after_name, after_id)
                   order by t.name, t.theatre_id limit 300)
                  union all
                  (select t.theatre_id, t.name, t.spot <-> here as away
                   from theatres t
                   where here is not null and t.removed_at is null
                     and t.spot is not null
                     and t.spot <-> here >= after_away
                   order by t.spot <-> here limit 300)) t
            cross join lateral (
                select from shows s
                where s.movie_id = program_theatres.movie_id
                  and s.local_day = program_theatres.day
                  and s.venue_id = t.theatre_id
                  and s.status = 'SCHEDULED' and s.starts_at > now()
                limit 1) p
            where (t.away, t.name, t.theatre_id)
                  > (after_away, after_name, after_id)
            order by t.away, t.name, t.theatre_id
            limit max);
    end if;

    if cardinality(ids) = max then
        return ids;
    end if;

    return array(
        select t.theatre_id
        from (select distinct s.venue_id
              from shows s
              where s.movie_id = program_theatres.movie_id
                and s.local_day = program_theatres.day
                and s.status = 'SCHEDULED' and s.starts_at > now()) v
        join theatres t on t.theatre_id = v.venue_id
        cross join lateral (select away(t.spot, here)) n(away)
        where t.removed_at is null
          and (n.away, t.name, t.theatre_id)
              > (after_away, after_name, after_id)
        order by n.away, t.name, t.theatre_id
        limit max);
end
$$;


-- As in 032.

create or replace function movie_shows(movie_id uuid, day date, max int,
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


-- The theatre nearest to here that shows each of these movies: on a day, or on
-- the next one that has any.  Where many theatres have the movie one of the
-- nearest will: 300 are asked before all that have it are sorted.

drop function nearest_theatre(uuid, date, cube);

create function nearest_theatres(films uuid[], day date, here cube)
returns table (movie_id uuid, theatre json)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    select f.movie_id, row_to_json(n)
    from (select u.movie_id, coalesce(nearest_theatres.day,
                                      movie_next_day(u.movie_id)) as day
          from unnest(films) u(movie_id)) f
    cross join lateral (
        select count(*) = 100 as many
        from (select from shows s
              where s.movie_id = f.movie_id and s.local_day = f.day
                and s.status = 'SCHEDULED' and s.starts_at > now()
              limit 100) s) c
    left join lateral (
        select t.theatre_id
        from (select t.theatre_id, t.spot <-> here as away
              from theatres t
              where t.removed_at is null and t.spot is not null
              order by t.spot <-> here
              limit 300) t
        cross join lateral (
            select from shows s
            where s.movie_id = f.movie_id and s.local_day = f.day
              and s.venue_id = t.theatre_id
              and s.status = 'SCHEDULED' and s.starts_at > now()
            limit 1) p
        where c.many
        order by t.away
        limit 1) walk on true
    left join lateral (
        select t.theatre_id
        from (select distinct s.venue_id
              from shows s
              where s.movie_id = f.movie_id and s.local_day = f.day
                and s.status = 'SCHEDULED' and s.starts_at > now()) v
        join theatres t on t.theatre_id = v.venue_id
        where walk.theatre_id is null
          and t.removed_at is null and t.spot is not null
        order by t.spot <-> here, t.theatre_id
        limit 1) every on true
    join theatres h
    on h.theatre_id = coalesce(walk.theatre_id, every.theatre_id)
    cross join lateral (
        select h.theatre_id as "theatreId", h.name, h.city,
               round(along_ground(h.spot <-> here)) as "distanceMeters") n;
end
$$;


-- The end of all texts that begin with this one, as bytes are compared.  The
-- operator ^@ is found by an index only when its text is known to the planner;
-- between two ends it needs no plan for each call.

create function past(beginning text) returns text
language sql immutable parallel safe
return beginning || chr(1114111);


-- As in 034.

create or replace function search_query(q text, out all_of tsquery, out any_of tsquery)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
    list  text[] := array(select w from regexp_split_to_table(lower(q),
                                            '[^[:alnum:]]+')
                              with ordinality s(w, n)
                          where w <> '' order by n limit 8);
    one   text;
    n     int := 0;
    found text[];
    part  tsquery;
    start boolean;
begin
    foreach one in array list loop
        n := n + 1;
        start := n = cardinality(list);
        found := array[one];

        -- shorter ones have too few trigrams to be told apart
        if length(one) between 3 and 64
           and not exists (select from search_words k
                           where k.word = one
                              or (start and k.word >= one
                                  and k.word < past(one)))
        then
            select array_agg(a.word) into found
            from (select k.word from search_words k
                  where k.word % one
                  order by similarity(k.word, one) desc, k.word
                  limit 3) a;

            found := coalesce(found, array[one]);
        end if;

        select to_tsquery('pg_catalog.simple',
                          string_agg(quote_literal(f)
                                     || case when start then ':*'
                                             else '' end, ' | ')) into part
        from unnest(found) f;

        all_of := case when all_of is null then part else all_of && part end;
        any_of := case when any_of is null then part else any_of || part end;
    end loop;
end
$$;


-- How well a movie matches: below 1 by its words, with 1 more when its title
-- begins with the text, and 2 when that is the whole of it.

create function movie_score(words tsvector, title text, q text, query tsquery)
returns real
language sql immutable parallel safe
return (ts_rank(words, query)
        + case when lower(title) = lower(q) then 2
               when starts_with(lower(title), lower(q)) then 1
               else 0 end)::real;


-- Movies with these words, the best first.  They are looked for where the best
-- are: titles that begin with the text, at most 100; then titles that have its
-- words, and if there are none, or few, the latest of all others, for a word
-- that most texts have; and if that is too few, too, it is a rare one, and all
-- are taken.  So 500 at most are ranked, whatever is asked for.

create function search_all(q text, query tsquery, max int, language text,
                           genre text, format text)
returns table (movie_id uuid, score real, released date)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    typed  text := lower(q) collate "C";
    filter tsquery := filter_words(language) && filter_words(genre)
                      && filter_words(format);
    wanted tsquery := query && filter;
begin
    return query
    with starting as materialized (
        select m.movie_id, movie_score(m.words, m.title, q, query) as score,
               m.released
        from (select m.* from movies m
              where m.removed_at is null
                and (lower(m.title) collate "C") >= typed
                and (lower(m.title) collate "C") < past(typed)
              order by lower(m.title) collate "C"
              limit 500) m
        where movie_passes(m.language, m.format, m.genre_keys,
                           search_all.language, search_all.format, genre)
        limit 100
    ), titled as materialized (
        select m.movie_id, movie_score(m.words, m.title, q, query) as score,
               m.released
        from (select m.* from movies m
              where m.removed_at is null
                and ts_filter(m.words, '{a}') @@ query
                and (numnode(filter) = 0 or m.words @@ wanted)
              offset 0) m
        where (select count(*) from starting) < max
          and movie_passes(m.language, m.format, m.genre_keys,
                           search_all.language, search_all.format, genre)
          and not starts_with(lower(m.title), typed)
        limit 400
    ), latest as materialized (
        select m.movie_id, movie_score(m.words, m.title, q, query) as score,
               m.released
        from (select m.* from movies m
              where m.removed_at is null
              order by m.released desc, m.movie_id desc
              limit 300) m
        where (select count(*) from starting) + (select count(*) from titled)
              < max
          and m.words @@ wanted
          and movie_passes(m.language, m.format, m.genre_keys,
                           search_all.language, search_all.format, genre)
    ), rest as materialized (
        select m.movie_id, movie_score(m.words, m.title, q, query) as score,
               m.released
        from (select m.* from movies m
              where m.removed_at is null and m.words @@ wanted
              offset 0) m
        where (select count(*) from starting) + (select count(*) from titled)
              + (select count(*) from latest) < max
          and movie_passes(m.language, m.format, m.genre_keys,
                           search_all.language, search_all.format, genre)
        limit 500
    )
    select distinct on (f.score, f.released, f.movie_id)
           f.movie_id, f.score, f.released
    from (select * from starting union all select * from titled
          union all select * from latest union all select * from rest) f
    order by f.score desc, f.released desc, f.movie_id
    limit max;
end
$$;


-- As in 034.

create or replace function search_movies(q text, query tsquery, max int,
                                         language text, genre text,
                                         format text, day date)
returns table (movie_id uuid, score real, released date)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    most  constant int := 500;
    films uuid[];
begin
    if query is null then
        films := movies_listed(max, 'infinity',
                               'ffffffff-ffff-ffff-ffff-ffffffffffff',
                               language, genre, format, search_movies.day);
        return query
        select m.movie_id, 0::real, m.released
        from unnest(films) f(movie_id) join movies m using (movie_id)
        order by m.released desc, m.movie_id;
        return;
    end if;

    if day is null then
        return query
        select s.movie_id, s.score, s.released
        from search_all(q, query, max, language, genre, format) s
        order by s.score desc, s.released desc, s.movie_id;
        return;
    end if;

    -- all that match, or all that the day has, whichever are fewer
    films := array(select m.movie_id from movies m
                   where m.removed_at is null and m.words @@ query
                   limit most + 1);

    if cardinality(films) > most then
        films := array(select d.movie_id from program_days d
                       where d.day = search_movies.day);
    end if;

    return query
    select m.movie_id, movie_score(m.words, m.title, q, query) as score,
           m.released
    from movies m
    where m.movie_id = any (films) and m.removed_at is null
      and m.words @@ query
      and movie_passes(m.language, m.format, m.genre_keys,
                       search_movies.language, search_movies.format, genre)
      and exists (select from shows s
                  where s.movie_id = m.movie_id
                    and s.local_day = search_movies.day
                    and s.status = 'SCHEDULED' and s.starts_at > now())
    order by score desc, m.released desc, m.movie_id
    limit max;
end
$$;


-- As in 034.  What begins with the text comes first in any case, so the words
-- are looked up only where that is not enough.

create or replace function suggest_page(q text, max int)
returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    typed text := lower(q) collate "C";
    query tsquery;
    items text;
    films uuid[];
    halls uuid[];
begin
    if (select count(*) < max
        from ((select from movies m
               where m.removed_at is null
                 and (lower(m.title) collate "C") >= typed
                 and (lower(m.title) collate "C") < past(typed)
               limit max)
              union all
              (select from theatres t
               where t.removed_at is null
                 and (lower(t.name) collate "C") >= typed
                 and (lower(t.name) collate "C") < past(typed)
               limit least(max, 10))) b)
    then
        query := (search_query(q)).all_of;
    end if;

    with hit as (
        (select 0 as place, 'movie' as type, m.movie_id as id, m.title as text,
                m.released
         from movies m
         where m.removed_at is null
           and (lower(m.title) collate "C") >= typed
           and (lower(m.title) collate "C") < past(typed)
         order by lower(m.title) collate "C" limit 50)
        union all
        (select 0, 'theatre', t.theatre_id, t.name, null
         from theatres t
         where t.removed_at is null
           and (lower(t.name) collate "C") >= typed
           and (lower(t.name) collate "C") < past(typed)
         order by lower(t.name) collate "C" limit 10)
        union all
        (select 1, 'movie', m.movie_id, m.title, m.released
         from movies m
         where query is not null and m.removed_at is null
           and ts_filter(m.words, '{a}') @@ query
         limit 100)
        union all
        (select 1, 'theatre', t.theatre_id, t.name, null
         from theatres t
         where query is not null and t.removed_at is null
           and ts_filter(t.words, '{a}') @@ query
         limit 20)
    ), best as (
        select distinct on (type, id) * from hit order by type, id, place
    ), page as (
        select *, row_number() over (order by place, released desc nulls last,
                                     text, id) as n
        from best
        order by place, released desc nulls last, text, id
        limit max
    )
    select string_agg((select row_to_json(c)::text
                       from (select p.type, p.id, p.text) c), ','
                      order by p.n),
           array_agg(p.id) filter (where p.type = 'movie'),
           array_agg(p.id) filter (where p.type = 'theatre')
    into items, films, halls
    from page p;

    return query
    select 'ok', '{"items":[' || coalesce(items, '') || ']}',
           'search' || catalogue_tags('m', films)
           || catalogue_tags('t', halls);
end
$$;


-- As in 034.

create or replace function search_page(q text, max int, language text,
                                       genre text, format text, day date,
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
    here     cube := place_of(search_page.latitude, search_page.longitude);
    query    record;
    wanted   tsquery;
    films    uuid[];
    houses   uuid[];
    movies   text;
    theatres text;
begin
    select * into query from search_query(q);
    wanted := query.all_of;

    for again in 1 .. 2 loop
        -- a text without any word finds nothing
        if q is null or wanted is not null then
            films := array(select s.movie_id
                           from search_movies(q, wanted, max, language, genre,
                                              format, search_page.day) s
                           order by s.score desc, s.released desc,
                                    s.movie_id);
        end if;

        if wanted is not null then
            houses := array(
                select t.theatre_id
                from theatres t
                where t.removed_at is null and t.words @@ wanted
                order by t.spot <-> here, ts_rank(t.words, wanted) desc,
                         t.name
                limit 10);

        elsif q is null and here is not null then
            houses := array(
                select t.theatre_id
                from theatres t
                where t.removed_at is null
                order by t.spot <-> here
                limit 10);
        end if;

        exit when cardinality(films) > 0 or cardinality(houses) > 0
                  or query.any_of is null or query.any_of = query.all_of;

        wanted := query.any_of;
    end loop;

    select string_agg(row_to_json(c)::text, ',' order by f.n) into movies
    from unnest(films) with ordinality f(movie_id, n)
    join movies m using (movie_id)
    left join (select * from nearest_theatres(films, search_page.day, here)
               where here is not null) near using (movie_id)
    cross join lateral (
        select m.movie_id as "movieId", m.title,
               m.thumbnail_url as "thumbnailUrl", m.rating,
               m.duration_min as "durationMinutes",
               m.age_rating as "ageRating", m.release_date as "releaseDate",
               m.language, m.format, m.genres,
               near.theatre as "nearestTheatre") c;

    select string_agg(row_to_json(c)::text, ',' order by h.n) into theatres
    from unnest(houses) with ordinality h(theatre_id, n)
    join theatres t using (theatre_id)
    cross join lateral (
        select t.theatre_id as "theatreId", t.name, t.address, t.city,
               t.latitude, t.longitude, t.timezone,
               round(along_ground(t.spot <-> here)) as "distanceMeters") c;

    return query
    select 'ok',
           '{"movies":[' || coalesce(movies, '') || '],"theatres":['
           || coalesce(theatres, '') || ']}',
           'search' || coalesce(' day:' || search_page.day, '')
           || catalogue_tags('m', films) || catalogue_tags('t', houses)
           || case when here is null then '' else catalogue_tags('d', films)
              end;
end
$$;
