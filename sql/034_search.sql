-- Search: free text with ranking, completion, typing errors, what is near.
--
-- Words are those of PostgreSQL's parser, without a language's endings, for
-- titles come in many: the title counts most, then language, format, genres,
-- and what metadata says; then the text about it.  All of a query's words are
-- looked for, the last one also as a beginning; if that finds nothing, any of
-- them.  A word that nothing begins with is taken for a typing error of those
-- that are most alike by their trigrams: looking for it among the words that
-- there are is quick, however many titles have them.
--
-- What a query may cost is bounded: of what matches, 500 movies at most are
-- ranked, see search_movies().

set local search_path = boxoffice, pg_temp;


create table search_words (
    word text collate "C" not null,

    constraint search_words_pkey primary key (word)
);

create index search_words_alike
    on search_words using gin (word gin_trgm_ops);

comment on table search_words is
    'Words of titles, genres, names and places: what a typing error is '
    'compared with.  One that nothing has any more finds nothing.';


create function note_words() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    -- those that are new, sorted: others may do the same at the same time
    insert into search_words (word)
    select w from unnest(tsvector_to_array(ts_filter(new.words, '{a,b}'))) w
    where length(w) between 3 and 64
      and not exists (select from search_words k where k.word = w)
    order by w
    on conflict do nothing;

    return null;
end
$$;

create trigger movies_words after insert or update of title, language,
    format, genres on movies
for each row execute function note_words();

create trigger theatres_words after insert or update of name, city on theatres
for each row execute function note_words();


-- The end of all texts that begin with this one, as bytes are compared.  The
-- operator ^@ is found by an index only when its text is known to the planner;
-- between two ends it needs no plan for each call.

create function past(beginning text) returns text
language sql immutable parallel safe
return beginning || chr(1114111);


-- What a text looks for, in two forms: all of its words, and any of them.
-- Eight words at most count.

create function search_query(q text, out all_of tsquery, out any_of tsquery)
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


-- Movies that match, by how well; each as its card.  The text may be null:
-- then they come by release, the latest first.

create function search_movies(q text, query tsquery, max int,
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


-- The theatre nearest to here that shows each of these movies: on a day, or on
-- the next one that has any.  Where many theatres have the movie one of the
-- nearest will: 300 are asked before all that have it are sorted.

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


-- GET /search.  max: 1..50 movies; theatres are ten at most: those that match,
-- the nearest first where a place is given; without a text those that are near.

create function search_page(q text, max int, language text,
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


-- GET /search/suggest: up to ten titles and names that go on from what was
-- typed, those that begin with it first, then those with such a word.  What
-- begins with the text comes first in any case, so the words are looked up only
-- where that is not enough.

create function suggest_page(q text, max int)
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


-- For a search cluster of one's own: what changes leaves through the outbox,
-- too, with the whole of what is to be indexed.  Off until an operator turns it
-- on: select boxoffice.catalogue_events(true).

create function catalogue_event() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    subject text := tg_argv[0];
    row_id  uuid;
    gone    boolean := tg_op = 'DELETE';
    doc     jsonb;
begin
    if subject = 'movie' then
        row_id := case when gone then old.movie_id else new.movie_id end;
        select gone or m.removed_at is not null, jsonb_build_object(
                   'movieId', m.movie_id, 'version', m.edition,
                   'title', m.title, 'about', m.about,
                   'thumbnailUrl', m.thumbnail_url, 'rating', m.rating,
                   'durationMinutes', m.duration_min,
                   'ageRating', m.age_rating, 'releaseDate', m.release_date,
                   'language', m.language, 'format', m.format,
                   'genres', m.genres, 'metadata', m.metadata)
        into gone, doc from movies m where m.movie_id = row_id;

    elsif subject = 'theatre' then
        row_id := case when gone then old.theatre_id else new.theatre_id end;
        select gone or t.removed_at is not null, jsonb_build_object(
                   'theatreId', t.theatre_id, 'version', t.edition,
                   'name', t.name, 'address', t.address, 'city', t.city,
                   'location', case when t.latitude is not null
                                    then jsonb_build_object(
                                             'lat', t.latitude,
                                             'lon', t.longitude) end,
                   'timezone', t.timezone, 'metadata', t.metadata)
        into gone, doc from theatres t where t.theatre_id = row_id;

    else
        row_id := case when gone then old.show_id else new.show_id end;
        select gone or s.status <> 'SCHEDULED', jsonb_build_object(
                   'showId', s.show_id, 'version', s.revision,
                   'movieId', s.movie_id, 'theatreId', s.venue_id,
                   'screenId', s.screen_id, 'date', s.local_day,
                   'startsAt', rfc3339(s.starts_at),
                   'endsAt', rfc3339(s.ends_at), 'status', s.status,
                   'currency', s.currency, 'minPrice', p.low,
                   'maxPrice', p.high)
        into gone, doc
        from shows s
        cross join lateral (select min(price) as low, max(price) as high
                            from show_prices where show_id = s.show_id) p
        where s.show_id = row_id;
    end if;

    gone := coalesce(gone, true);

    insert into outbox (aggregate_id, version, type, payload)
    select row_id, 1 + coalesce((select max(b.version) from outbox b
                                 where b.aggregate_id = row_id), 0),
           subject || case when gone then '.removed' else '.changed' end,
           case when gone then jsonb_build_object(subject || 'Id', row_id)
                else doc end;

    return null;
end
$$;

create function catalogue_events(wanted boolean) returns void
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    drop trigger if exists movies_event on movies;
    drop trigger if exists theatres_event on theatres;
    drop trigger if exists shows_event on shows;
    drop trigger if exists shows_edit_event on shows;

    if not wanted then
        return;
    end if;

    create trigger movies_event after insert or update or delete on movies
    for each row execute function catalogue_event('movie');

    create trigger theatres_event after insert or update or delete on theatres
    for each row execute function catalogue_event('theatre');

    create trigger shows_event after insert or delete on shows
    for each row execute function catalogue_event('show');

    create trigger shows_edit_event
    after update of movie_id, starts_at, ends_at, status, currency, revision,
                    venue_id, local_day on shows
    for each row when (old.revision <> new.revision
                       or old.venue_id <> new.venue_id
                       or old.local_day <> new.local_day)
    execute function catalogue_event('show');
end
$$;
