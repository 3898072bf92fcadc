-- The catalogue: what is shown, where, on which seats, at what price.
--
-- Nothing here is written while seats are sold, so foreign keys and checks
-- are cheap and everywhere.  The hot tables follow in 002.

create schema if not exists boxoffice;

set local search_path = boxoffice, pg_temp;

create extension if not exists btree_gist;


create table movies (
    movie_id      uuid not null default gen_random_uuid(),
    title         text not null,
    about         text,
    thumbnail_url text,
    rating        numeric(3, 1),
    duration_min  int,
    age_rating    text,
    release_date  date,
    language      text,
    format        text,
    genres        text[] not null default '{}',
    created_at    timestamptz(3) not null default now(),

    constraint movies_pkey primary key (movie_id),
    constraint movies_title_length check (length(title) between 1 and 255),
    constraint movies_duration_positive check (duration_min > 0)
);

create index movies_title on movies (title, created_at desc);

comment on table movies is
    'What is shown: a film, a play, a match.  Titles are not unique, because '
    'remakes exist.';


create table theatres (
    theatre_id uuid not null default gen_random_uuid(),
    name       text not null,
    address    text,
    latitude   double precision,
    longitude  double precision,
    timezone   text not null,
    created_at timestamptz(3) not null default now(),

    constraint theatres_pkey primary key (theatre_id),
    constraint theatres_name_key unique (name),
    constraint theatres_name_length check (length(name) between 1 and 255)
);

comment on table theatres is
    'A building.  Its time zone decides on which calendar day a show falls '
    'and how its time is printed.';


create table layouts (
    layout_id  uuid not null default gen_random_uuid(),
    name       text not null,
    seats      int not null default 0,
    created_at timestamptz(3) not null default now(),

    constraint layouts_pkey primary key (layout_id),
    constraint layouts_name_key unique (name),
    constraint layouts_name_length check (length(name) between 1 and 255),
    constraint layouts_seats_range check (seats between 0 and 65535)
);

comment on table layouts is
    'A set of seats.  Immutable once a show uses it: seat numbers in claims, '
    'in Redis and in every client mean places of exactly this layout.';
comment on column layouts.seats is
    'Seats that can be sold (NORMAL, ACCESSIBLE); counted by a trigger, so '
    'that a list of shows need not count 50,000 rows.';


create table layout_seats (
    layout_id   uuid not null,
    seat_no     int not null,
    label       text collate "C" not null,
    row_label   text collate "C" not null,
    seat_number int not null,
    category    text collate "C" not null,
    kind        text collate "C" not null default 'NORMAL',
    x           int not null,
    y           int not null,
    section     text collate "C",

    constraint layout_seats_pkey primary key (layout_id, seat_no),
    constraint layout_seats_label_key unique (layout_id, label),
    constraint layout_seats_layout_fkey
        foreign key (layout_id) references layouts on delete cascade,
    constraint layout_seats_seat_no_range check (seat_no between 0 and 65534),
    constraint layout_seats_label_form check (label ~ '^[A-Z0-9-]{1,16}$'),
    constraint layout_seats_row_form
        check (row_label ~ '^[A-Z0-9-]{1,16}$'),
    constraint layout_seats_number_range
        check (seat_number between 1 and 65535),
    constraint layout_seats_category_form
        check (category ~ '^[A-Z0-9_-]{1,32}$'),
    constraint layout_seats_kind_known
        check (kind in ('NORMAL', 'ACCESSIBLE', 'BROKEN', 'HOUSE')),
    constraint layout_seats_place_range
        check (x between 0 and 65535 and y between 0 and 65535),
    constraint layout_seats_section_form
        check (section ~ '^[A-Z0-9_-]{1,32}$')
);

comment on table layout_seats is
    'One row for each seat.  seat_no counts from 0 without gaps: it is the '
    'bit position in every availability map.  x, y is the place on a grid '
    'for drawing.';


create table screens (
    screen_id  uuid not null default gen_random_uuid(),
    theatre_id uuid not null,
    name       text not null,
    layout_id  uuid not null,
    created_at timestamptz(3) not null default now(),

    constraint screens_pkey primary key (screen_id),
    constraint screens_name_key unique (theatre_id, name),
    constraint screens_theatre_fkey
        foreign key (theatre_id) references theatres,
    constraint screens_layout_fkey
        foreign key (layout_id) references layouts,
    constraint screens_name_length check (length(name) between 1 and 255)
);

comment on table screens is
    'A hall.  Its layout is what its next shows get; shows keep theirs.';


create table shows (
    show_id    uuid not null default gen_random_uuid(),
    show_no    int not null generated always as identity,
    movie_id   uuid not null,
    screen_id  uuid not null,
    layout_id  uuid not null,
    starts_at  timestamptz(3) not null,
    ends_at    timestamptz(3) not null,
    show_date  date not null,
    currency   char(3) not null,
    status     text collate "C" not null default 'SCHEDULED',
    epoch      int not null default 1,
    revision   int not null default 1,
    created_at timestamptz(3) not null default now(),

    constraint shows_pkey primary key (show_id),
    constraint shows_show_no_key unique (show_no),
    constraint shows_movie_fkey foreign key (movie_id) references movies,
    constraint shows_screen_fkey foreign key (screen_id) references screens,
    constraint shows_layout_fkey foreign key (layout_id) references layouts,
    constraint shows_times_ordered check (starts_at < ends_at),
    constraint shows_currency_form check (currency ~ '^[A-Z]{3}$'),
    constraint shows_status_known
        check (status in ('SCHEDULED', 'CANCELLED')),
    constraint shows_no_clash
        exclude using gist (screen_id with =,
                            tstzrange(starts_at, ends_at) with &&)
        where (status = 'SCHEDULED')
)
-- next_epoch() rewrites rows; room on the page keeps that off the indexes
with (fillfactor = 80);

create index shows_starts_at on shows (starts_at, show_id);

comment on table shows is
    'One performance on one screen; two that are scheduled cannot overlap '
    'there.';
comment on column shows.show_no is
    'The show''s short number.  Order ids carry it, so that an order id alone '
    'leads to the partition of its order.';
comment on column shows.show_date is
    'The day under which its orders are filed, in the theatre''s time zone.  '
    'Set once and never changed, not even when the show moves: it is part of '
    'the orders'' key.';
comment on column shows.epoch is
    'Generation of its Redis data; a new one is taken before each rebuild.';
comment on column shows.revision is
    'Counts changes of prices, status and time; a cached copy names the one '
    'it was made from, and an order priced from another is refused.';


create table show_prices (
    show_id  uuid not null,
    category text collate "C" not null,
    price    int not null,

    constraint show_prices_pkey primary key (show_id, category),
    constraint show_prices_show_fkey
        foreign key (show_id) references shows on delete cascade,
    constraint show_prices_category_form
        check (category ~ '^[A-Z0-9_-]{1,32}$'),
    constraint show_prices_price_range check (price between 0 and 100000000)
);

comment on table show_prices is
    'Price of a category for one show, in minor units of its currency.';


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
-- is named by its revision, so every other change moves that.

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

    if (new.starts_at, new.ends_at, new.status, new.currency, new.movie_id)
       is distinct from
       (old.starts_at, old.ends_at, old.status, old.currency, old.movie_id)
    then
        new.revision := old.revision + 1;
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
