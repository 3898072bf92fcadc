-- What keeps those columns of the catalogue that follow from others, and
-- refuses changes that orders could not bear.

set local search_path = boxoffice, pg_temp;


-- A new show takes its layout from the screen and its day from the theatre.

create function shows_fill() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    place record;
begin
    select c.layout_id, t.timezone into place
    from screens c join theatres t using (theatre_id)
    where c.screen_id = new.screen_id;

    new.layout_id := coalesce(new.layout_id, place.layout_id);
    new.show_date := coalesce(new.show_date,
                              (new.starts_at at time zone place.timezone)::date);
    return new;
end
$$;

create trigger shows_fill before insert on shows
for each row execute function shows_fill();


-- Seat numbers in claims are places of the layout, and orders are filed under
-- the date: neither may change under them.  What a worker caches of a show
-- is named by its revision, so every other change moves that.  The names of its
-- movie, screen and theatre are none of the show: see show_state().

create function shows_change() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if (new.show_id, new.show_no, new.show_date, new.layout_id, new.screen_id)
       is distinct from
       (old.show_id, old.show_no, old.show_date, old.layout_id, old.screen_id)
    then
        raise exception 'a show keeps its ids, its date, its screen and its '
                        'layout: cancel it and make another'
              using errcode = 'integrity_constraint_violation';
    end if;

    if (new.starts_at, new.ends_at, new.status, new.currency, new.movie_id,
        new.orphan_rule)
       is distinct from
       (old.starts_at, old.ends_at, old.status, old.currency, old.movie_id,
        old.orphan_rule)
    then
        new.revision := old.revision + 1;
    end if;

    -- as late as can be: who held a seat before it was moved knew nothing
    if new.starts_at <> old.starts_at then
        new.moved_at := clock_timestamp();
    end if;

    return new;
end
$$;

create trigger shows_change before update on shows
for each row execute function shows_change();


create function show_prices_change() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    update shows set revision = revision + 1
    where show_id in (select show_id from changed);
    return null;
end
$$;

create trigger show_prices_insert after insert on show_prices
referencing new table as changed
for each statement execute function show_prices_change();

create trigger show_prices_update after update on show_prices
referencing new table as changed
for each statement execute function show_prices_change();

create trigger show_prices_delete after delete on show_prices
referencing old table as changed
for each statement execute function show_prices_change();


-- A show's theatre, and the day in whose program it stands: that of its
-- beginning, in the theatre's time zone.  show_date is that day, too, until
-- the show is moved.

create function shows_place() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    select c.theatre_id, (new.starts_at at time zone t.timezone)::date
    into new.venue_id, new.local_day
    from screens c join theatres t using (theatre_id)
    where c.screen_id = new.screen_id;

    return new;
end
$$;

-- after shows_fill and shows_change: triggers fire by name
create trigger shows_place
before insert or update of starts_at, screen_id, venue_id, local_day
on shows
for each row execute function shows_place();


-- What is copied into shows follows its source.

create function shows_follow() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if tg_table_name = 'theatres' then
        update shows set local_day = local_day
        where venue_id = new.theatre_id;
    else
        update shows set venue_id = venue_id
        where screen_id = new.screen_id;
    end if;

    return null;
end
$$;

create trigger theatres_timezone after update of timezone on theatres
for each row when (old.timezone is distinct from new.timezone)
execute function shows_follow();

create trigger screens_theatre after update of theatre_id on screens
for each row when (old.theatre_id is distinct from new.theatre_id)
execute function shows_follow();


-- What administrators have read is named by its edition.  Generated columns
-- are not there yet before a row is written.

create function count_edition() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if to_jsonb(new) - '{released,genre_keys,spot,words}'::text[]
       is distinct from
       to_jsonb(old) - '{released,genre_keys,spot,words}'::text[]
    then
        new.edition := old.edition + 1;
        new.updated_at := now();
    end if;

    return new;
end
$$;

create trigger movies_edition before update on movies
for each row execute function count_edition();

create trigger theatres_edition before update on theatres
for each row execute function count_edition();

create trigger screens_edition before update on screens
for each row execute function count_edition();

create trigger layouts_edition before update on layouts
for each row when (old.staged_at is null)
execute function count_edition();


create function layout_seats_count() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    if exists (select from shows s join changed c using (layout_id)) then
        raise exception 'a show uses this layout: make a new one'
              using errcode = 'integrity_constraint_violation';
    end if;

    update layouts l
    set seats = (select count(*) from layout_seats s
                 where s.layout_id = l.layout_id
                   and s.kind in ('NORMAL', 'ACCESSIBLE'))
    where l.layout_id in (select layout_id from changed);

    return null;
end
$$;

create trigger layout_seats_insert after insert on layout_seats
referencing new table as changed
for each statement execute function layout_seats_count();

create trigger layout_seats_update after update on layout_seats
referencing new table as changed
for each statement execute function layout_seats_count();

create trigger layout_seats_delete after delete on layout_seats
referencing old table as changed
for each statement execute function layout_seats_count();
