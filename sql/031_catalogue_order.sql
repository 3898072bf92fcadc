-- How the pages of the catalogue find what they show, in the order in which
-- they show it, and stay quick where much is on: a movie in thousands of
-- theatres, a word in thousands of titles, a day with thousands of movies.
--
-- There are two ways to find the first few of many: to walk in the order that
-- is wanted until enough are found, which is quick where much is found; or to
-- take all that there are and sort them, which is quick where there is little.
-- Neither is good for both, and the planner knows neither a movie's share of
-- the theatres nor where they are, so functions look first how many there
-- are, and stop counting early.

set local search_path = boxoffice, pg_temp;


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


-- How far a theatre is from here, in meters through the earth: what is sorted
-- by.  Whose place is not known comes last; without a here all are the same.

create function away(place cube, here cube) returns double precision
language sql immutable parallel safe
return coalesce(place <-> here, case when here is null then 0
                                     else double precision 'infinity' end);


-- Meters along the ground of a distance through the earth: as sec_to_gc() of
-- earthdistance, but written out where it is used.

create function along_ground(away double precision) returns double precision
language sql immutable parallel safe
return case when away >= 2 * 6378168::double precision
            then pi() * 6378168
            else 2 * 6378168
                 * asin(away / (2 * 6378168::double precision)) end;


-- The days with shows yet to begin, from one on.  One probe of the index for
-- each day, however many shows it has.  Yesterday is still today somewhere.

create function movie_next_days(movie_id uuid, max int) returns setof date
language sql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
    with recursive days(day) as (
        (select s.local_day from shows s
         where s.movie_id = movie_next_days.movie_id
           and s.status = 'SCHEDULED'
           and s.local_day >= (now() at time zone 'UTC')::date - 1
           and s.starts_at > now()
         order by s.local_day limit 1)
        union all
        select (select s.local_day from shows s
                where s.movie_id = movie_next_days.movie_id
                  and s.status = 'SCHEDULED'
                  and s.local_day > d.day and s.starts_at > now()
                order by s.local_day limit 1)
        from days d
        where d.day is not null
    )
    select day from days where day is not null limit max
$$;


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
