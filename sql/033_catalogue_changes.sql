-- What has changed in the catalogue, for those who keep pages of it.
--
-- Whoever writes to movies, theatres, screens, layouts, shows or prices need
-- not know of this: triggers note the tags that are concerned, as 032 explains
-- them, in the same transaction.  Nodes ask catalogue_changes_since() a few
-- times a second.

set local search_path = boxoffice, pg_temp;


create table catalogue_changes (
    xid        xid8 not null default pg_current_xact_id(),
    tag        text collate "C" not null,
    changed_at timestamptz(3) not null default now(),

    constraint catalogue_changes_pkey primary key (xid, tag)
);

create index catalogue_changes_at on catalogue_changes (changed_at);

comment on table catalogue_changes is
    'Tags of pages that are not what they were, by transaction; kept for an '
    'hour, which is much longer than anybody is behind.';


create function note_changes(variadic tags text[]) returns void
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into catalogue_changes (tag)
    select distinct t from unnest(tags) t
    where t is not null
    order by t
    on conflict do nothing;

    delete from catalogue_changes
    where ctid = any (array(select c.ctid from catalogue_changes c
                            where c.changed_at < now() - interval '1 hour'
                            limit 100 for update skip locked));
end
$$;


-- The tags of what has been committed since a place, which is a snapshot; and
-- the place now.  A snapshot rather than a number: numbers become visible out
-- of their order.  server tells one server, and one run of it, from another:
-- after a fail-over transactions may have other numbers.
--
-- place null: no tags, just where we are.  tags is '*' when they are too many:
-- everything may have changed.

create function catalogue_changes_since(seen text)
returns table (server text, place text, tags text)
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
    select (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint
           ::text,
           pg_current_snapshot()::text,
           case when n.count > 1000 then '*' else n.tags end
    from (select count(*), string_agg(distinct c.tag, ' ') as tags
          from (select tag from catalogue_changes
                where seen is not null
                  and xid >= pg_snapshot_xmin(seen::pg_snapshot)
                  and not pg_visible_in_snapshot(xid, seen::pg_snapshot)
                limit 1001) c) n
$$;


create function movies_changed() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        perform note_changes('p:' || old.movie_id, 'm:' || old.movie_id,
                             'd:' || old.movie_id);
    end if;

    if tg_op <> 'UPDATE' then
        perform note_changes('movies', 'search');
        return null;
    end if;

    perform note_changes('p:' || new.movie_id);

    if (new.title, new.thumbnail_url, new.rating, new.duration_min,
        new.age_rating, new.release_date, new.language, new.format,
        new.genres, new.removed_at)
       is distinct from
       (old.title, old.thumbnail_url, old.rating, old.duration_min,
        old.age_rating, old.release_date, old.language, old.format,
        old.genres, old.removed_at)
    then
        perform note_changes('m:' || new.movie_id);
    end if;

    if (new.released, new.language, new.format, new.genre_keys,
        new.removed_at)
       is distinct from
       (old.released, old.language, old.format, old.genre_keys,
        old.removed_at)
    then
        perform note_changes('movies', 'search');

    elsif (new.title, new.about, new.metadata)
          is distinct from (old.title, old.about, old.metadata)
    then
        perform note_changes('search');
    end if;

    if new.removed_at is distinct from old.removed_at then
        perform note_changes('d:' || new.movie_id);
    end if;

    return null;
end
$$;

create trigger movies_changed after insert or delete on movies
for each row execute function movies_changed();

create trigger movies_edited after update on movies
for each row when (old.edition <> new.edition)
execute function movies_changed();


-- The programs that a theatre or a screen of it stands in, and will: it may
-- be on another page of them than before.

create function note_programs(theatre_id uuid, screen_id uuid) returns void
language sql
set search_path = boxoffice, pg_temp
as $$
    select note_changes(variadic array(
               select distinct 's:' || s.movie_id || ':' || s.local_day
               from shows s
               where s.venue_id = note_programs.theatre_id
                 and (note_programs.screen_id is null
                      or s.screen_id = note_programs.screen_id)
                 and s.status = 'SCHEDULED'
                 and s.local_day >= (now() at time zone 'UTC')::date - 1))
$$;


create function theatres_changed() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        perform note_changes('p:' || old.theatre_id, 't:' || old.theatre_id);
    end if;

    if tg_op <> 'UPDATE' then
        perform note_changes('theatres', 'search');
        return null;
    end if;

    perform note_changes('p:' || new.theatre_id);

    if (new.name, new.address, new.city, new.latitude, new.longitude,
        new.timezone, new.removed_at)
       is distinct from
       (old.name, old.address, old.city, old.latitude, old.longitude,
        old.timezone, old.removed_at)
    then
        perform note_changes('t:' || new.theatre_id);
        perform note_programs(new.theatre_id, null);
    end if;

    if (new.name, new.address, new.city, new.latitude, new.longitude,
        new.removed_at)
       is distinct from
       (old.name, old.address, old.city, old.latitude, old.longitude,
        old.removed_at)
    then
        perform note_changes('theatres', 'search');
    end if;

    return null;
end
$$;

create trigger theatres_changed after insert or delete on theatres
for each row execute function theatres_changed();

create trigger theatres_edited after update on theatres
for each row when (old.edition <> new.edition)
execute function theatres_changed();


create function screens_changed() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if tg_op <> 'INSERT' then
        perform note_changes('c:' || old.screen_id, 'p:' || old.theatre_id);
    end if;

    if tg_op <> 'DELETE' then
        perform note_changes('c:' || new.screen_id, 'p:' || new.theatre_id);
    end if;

    if tg_op = 'UPDATE' and new.name <> old.name then
        perform note_programs(new.theatre_id, new.screen_id);
    end if;

    return null;
end
$$;

create trigger screens_changed after insert or delete on screens
for each row execute function screens_changed();

create trigger screens_edited after update on screens
for each row when (old.edition <> new.edition)
execute function screens_changed();


-- A layout's seats are counted in it, so what changes them changes it.

create function layouts_changed() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    perform note_changes(variadic array(
                select unnest(array['c:' || c.screen_id,
                                    'p:' || c.theatre_id])
                from screens c
                where c.layout_id = new.layout_id));
    return null;
end
$$;

create trigger layouts_changed after update on layouts
for each row execute function layouts_changed();


-- A new price moves a show's revision, and so does all else that is printed.

create function shows_changed() returns trigger
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

create trigger shows_changed after insert or delete on shows
for each row execute function shows_changed();

-- not for next_epoch(), which is asked for while seats are sold
create trigger shows_edited
after update of movie_id, starts_at, ends_at, status, currency, revision,
                venue_id, local_day
on shows
for each row when (old.revision <> new.revision
                   or old.venue_id <> new.venue_id
                   or old.local_day <> new.local_day)
execute function shows_changed();
