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


-- What a text looks for, in two forms: all of its words, and any of them.
-- Eight words at most count.  A word and a beginning are found by the same
-- index, each when it is known (plan_cache_mode).

create function search_query(q text, out all_of tsquery, out any_of tsquery)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set jit = off
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
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
                              or (start and k.word ^@ one))
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


-- Movies that match, by how well; each as its card.  The text may be null:
-- then they come by release, the latest first.

create function search_movies(q text, query tsquery, max int, language text,
                              genre text, format text, day date)
returns table (movie_id uuid, score real, released date)
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_custom_plan
set jit = off
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    return query
    select c.movie_id,
           case when query is null then 0
                else ts_rank(c.words, query)
                     + case when lower(c.title) = lower(q) then 2
                            when starts_with(lower(c.title), lower(q)) then 1
                            else 0 end end::real as score,
           c.released
    from (select m.movie_id, m.words, m.title, m.released
          from movies m
          where m.removed_at is null
            and (query is null or m.words @@ query)
            and (search_movies.language is null
                 or lower(m.language) = lower(search_movies.language))
            and (search_movies.format is null
                 or lower(m.format) = lower(search_movies.format))
            and (genre is null or m.genre_keys @> array[lower(genre)])
            and (search_movies.day is null
                 or exists (select from shows s
                            where s.movie_id = m.movie_id
                              and s.local_day = search_movies.day
                              and s.status = 'SCHEDULED'
                              and s.starts_at > now()))
          order by case when query is null then m.released end desc,
                   case when query is null then m.movie_id end desc
          limit case when query is null then max else 500 end) c
    order by score desc, c.released desc, c.movie_id
    limit max;
end
$$;


-- The theatre nearest to here that shows a movie: on a day, or on the next one
-- that has any.

create function nearest_theatre(movie_id uuid, day date, here cube)
returns json
language sql stable
set search_path = boxoffice, public, pg_temp
set jit = off
set enable_seqscan = off
as $$
    select row_to_json(n)
    from (select t.theatre_id as "theatreId", t.name, t.city,
                 round(sec_to_gc(t.spot <-> here)) as "distanceMeters"
          from (select distinct s.venue_id
                from shows s
                where s.movie_id = nearest_theatre.movie_id
                  and s.local_day = coalesce(nearest_theatre.day,
                        (select d from movie_next_days(
                                    nearest_theatre.movie_id, 1) d))
                  and s.status = 'SCHEDULED' and s.starts_at > now()) v
          join theatres t on t.theatre_id = v.venue_id
          where t.removed_at is null and t.spot is not null
          order by t.spot <-> here, t.theatre_id
          limit 1) n
$$;


-- GET /search.  max: 1..50 movies; theatres are ten at most: those that match,
-- the nearest first where a place is given; without a text those that are near.

create function search_page(q text, max int, language text, genre text,
                            format text, day date, latitude double precision,
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

            houses := array(
                select t.theatre_id
                from theatres t
                where t.removed_at is null
                  and (wanted is null and here is not null
                       or t.words @@ wanted)
                order by t.spot <-> here,
                         case when wanted is not null
                              then ts_rank(t.words, wanted) end desc, t.name
                limit 10);
        end if;

        exit when cardinality(films) > 0 or cardinality(houses) > 0
                  or query.any_of is null or query.any_of = query.all_of;

        wanted := query.any_of;
    end loop;

    select string_agg(row_to_json(c)::text, ',' order by f.n) into movies
    from unnest(films) with ordinality f(movie_id, n)
    join movies m using (movie_id)
    cross join lateral (
        select m.movie_id as "movieId", m.title,
               m.thumbnail_url as "thumbnailUrl", m.rating,
               m.duration_min as "durationMinutes",
               m.age_rating as "ageRating", m.release_date as "releaseDate",
               m.language, m.format, m.genres,
               case when here is not null
                    then nearest_theatre(m.movie_id, search_page.day, here)
               end as "nearestTheatre") c;

    select string_agg(row_to_json(c)::text, ',' order by h.n) into theatres
    from unnest(houses) with ordinality h(theatre_id, n)
    join theatres t using (theatre_id)
    cross join lateral (
        select t.theatre_id as "theatreId", t.name, t.address, t.city,
               t.latitude, t.longitude, t.timezone,
               case when here is not null
                    then round(sec_to_gc(t.spot <-> here)) end
               as "distanceMeters") c;

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
-- typed, those that begin with it first, then those with such a word.

create function suggest_page(q text, max int) returns setof catalogue_page
language plpgsql stable
set search_path = boxoffice, public, pg_temp
set plan_cache_mode = force_custom_plan
set jit = off
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    typed text := lower(q) collate "C";
    query tsquery := (search_query(q)).all_of;
    items text;
    films uuid[];
    halls uuid[];
begin
    with hit as (
        (select 0 as place, 'movie' as type, m.movie_id as id, m.title as text,
                m.released
         from movies m
         where m.removed_at is null
           and (lower(m.title) collate "C") ^@ typed
         order by lower(m.title) collate "C" limit 50)
        union all
        (select 0, 'theatre', t.theatre_id, t.name, null
         from theatres t
         where t.removed_at is null
           and (lower(t.name) collate "C") ^@ typed
         order by lower(t.name) collate "C" limit 10)
        union all
        (select 1, 'movie', m.movie_id, m.title, m.released
         from movies m
         where m.removed_at is null and m.words @@ query
           and ts_filter(m.words, '{a}') @@ query
         limit 100)
        union all
        (select 1, 'theatre', t.theatre_id, t.name, null
         from theatres t
         where t.removed_at is null and t.words @@ query
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
