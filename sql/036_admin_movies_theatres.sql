-- Administration of movies and theatres.  See 035 for how a change is made.

set local search_path = boxoffice, pg_temp;


create function admin_movie(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'movieId', m.movie_id, 'version', m.edition, 'title', m.title,
        'about', m.about, 'thumbnailUrl', m.thumbnail_url,
        'rating', m.rating, 'durationMinutes', m.duration_min,
        'ageRating', m.age_rating, 'releaseDate', m.release_date,
        'language', m.language, 'format', m.format, 'genres', m.genres,
        'metadata', m.metadata, 'createdAt', rfc3339(m.created_at),
        'updatedAt', rfc3339(m.updated_at))
    from movies m where m.movie_id = id and m.removed_at is null
$$;


create function admin_list_movies(before timestamptz, before_id uuid,
                                  max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select m.movie_id, unix_ms(m.created_at), admin_movie(m.movie_id)
    from movies m
    where m.removed_at is null
      and (m.created_at, m.movie_id) < (before, before_id)
    order by m.created_at desc, m.movie_id desc
    limit max
$$;


-- Whether a text is a day there is, as "2026-11-24"; null is good, too.

create function is_date(day text) returns boolean
language plpgsql stable
as $$
begin
    return day is null
           or (day ~ '^\d{4}-\d\d-\d\d$'
               and to_char(day::date, 'YYYY-MM-DD') = day);
exception when data_exception then
    return false;
end
$$;


create function texts_of(list jsonb) returns text[]
language sql immutable
return array(select jsonb_array_elements_text(list));


-- All of a movie is what the body says: what it does not name is not known
-- any more.  id null: a new one.

create function admin_set_movie(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    done uuid;
begin
    if not is_date(body ->> 'releaseDate') then
        return admin_invalid('releaseDate');
    end if;

    insert into movies as m (movie_id, title, about, thumbnail_url, rating,
                             duration_min, age_rating, release_date, language,
                             format, genres, metadata)
    values (coalesce(id, gen_random_uuid()), body ->> 'title',
            body ->> 'about', body ->> 'thumbnailUrl',
            (body ->> 'rating')::numeric, (body ->> 'durationMinutes')::int,
            body ->> 'ageRating', (body ->> 'releaseDate')::date,
            body ->> 'language', body ->> 'format',
            texts_of(coalesce(body -> 'genres', '[]')),
            coalesce(body -> 'metadata', '{}'))
    on conflict on constraint movies_pkey
    do update set title = excluded.title, about = excluded.about,
                  thumbnail_url = excluded.thumbnail_url,
                  rating = excluded.rating,
                  duration_min = excluded.duration_min,
                  age_rating = excluded.age_rating,
                  release_date = excluded.release_date,
                  language = excluded.language, format = excluded.format,
                  genres = excluded.genres, metadata = excluded.metadata
    returning m.movie_id into done;

    return admin_did(case when id is null then 'created' else 'changed' end,
                     done);
end
$$;


create function admin_create_movie(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_movie(null, body) $$;


create function admin_change_movie(id uuid, body jsonb) returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_movie(id, body) $$;


-- What was shown once stays for the books, and is not shown any more.

create function admin_remove_movie(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'shows', (select count(*) from shows s
                  where s.movie_id = id and s.status = 'SCHEDULED'
                    and s.ends_at > now())));

    if uses.outcome is not null then
        return uses;
    end if;

    if exists (select from shows s where s.movie_id = id) then
        update movies set removed_at = now() where movie_id = id;
    else
        delete from movies where movie_id = id;
    end if;

    return admin_did('removed', id);
end
$$;


-- Theatres.

create function admin_theatre(id uuid) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'theatreId', t.theatre_id, 'version', t.edition, 'name', t.name,
        'address', t.address, 'city', t.city, 'latitude', t.latitude,
        'longitude', t.longitude, 'timezone', t.timezone,
        'metadata', t.metadata,
        'screens', (select count(*) from screens c
                    where c.theatre_id = t.theatre_id
                      and c.removed_at is null),
        'createdAt', rfc3339(t.created_at),
        'updatedAt', rfc3339(t.updated_at))
    from theatres t where t.theatre_id = id and t.removed_at is null
$$;


create function admin_list_theatres(before timestamptz, before_id uuid,
                                    max int, filters json)
returns table (id uuid, at_ms bigint, item json)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select t.theatre_id, unix_ms(t.created_at), admin_theatre(t.theatre_id)
    from theatres t
    where t.removed_at is null
      and (t.created_at, t.theatre_id) < (before, before_id)
    order by t.created_at desc, t.theatre_id desc
    limit max
$$;


create function admin_set_theatre(id uuid, body jsonb) returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    done  uuid;
    ahead admin_effect;
begin
    if not exists (select from pg_timezone_names
                   where name = body ->> 'timezone'
                     and name !~ '^(posix/|localtime$|posixrules$|Factory$)')
    then
        return admin_invalid('timezone');
    end if;

    if (body ? 'latitude') <> (body ? 'longitude') then
        return admin_invalid(case when body ? 'latitude' then 'longitude'
                                  else 'latitude' end);
    end if;

    -- tickets and calendars have been printed with the time of that zone
    if exists (select from theatres t where t.theatre_id = id
               and t.timezone <> body ->> 'timezone') then
        ahead := admin_in_use(json_build_object(
            'shows', (select count(*) from screens c
                      join shows s using (screen_id)
                      where c.theatre_id = id and s.status = 'SCHEDULED'
                        and s.ends_at > now())));

        if ahead.outcome is not null then
            return ahead;
        end if;
    end if;

    begin
        insert into theatres as t (theatre_id, name, address, city, latitude,
                                   longitude, timezone, metadata)
        values (coalesce(id, gen_random_uuid()), body ->> 'name',
                body ->> 'address', body ->> 'city',
                (body ->> 'latitude')::float8,
                (body ->> 'longitude')::float8, body ->> 'timezone',
                coalesce(body -> 'metadata', '{}'))
        on conflict on constraint theatres_pkey
        do update set name = excluded.name, address = excluded.address,
                      city = excluded.city, metadata = excluded.metadata,
                      latitude = excluded.latitude,
                      longitude = excluded.longitude,
                      timezone = excluded.timezone
        returning t.theatre_id into done;
    exception when unique_violation then
        return admin_refused('name_taken',
                             json_build_object('field', 'name'));
    end;

    return admin_did(case when id is null then 'created' else 'changed' end,
                     done);
end
$$;


create function admin_create_theatre(id uuid, body jsonb)
returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_theatre(null, body) $$;


create function admin_change_theatre(id uuid, body jsonb)
returns admin_effect
language sql
set search_path = boxoffice, pg_temp
as $$ select * from admin_set_theatre(id, body) $$;


create function admin_remove_theatre(id uuid, body jsonb)
returns admin_effect
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    uses admin_effect;
begin
    uses := admin_in_use(json_build_object(
        'screens', (select count(*) from screens c
                    where c.theatre_id = id and c.removed_at is null)));

    if uses.outcome is not null then
        return uses;
    end if;

    if exists (select from screens c where c.theatre_id = id) then
        update theatres t set removed_at = now() where t.theatre_id = id;
    else
        delete from theatres t where t.theatre_id = id;
    end if;

    return admin_did('removed', id);
end
$$;
