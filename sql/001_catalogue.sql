-- The catalogue: what is shown, where, on which seats, at what price.
--
-- Nothing here is written while seats are sold, so foreign keys and checks
-- are cheap and everywhere.  The hot tables follow in 003.  What keeps
-- columns that follow from others is in 002, what tells caches of changes in
-- 033.

set local search_path = boxoffice, pg_temp;


-- Of what the generated columns below are made.

create function lower_all(words text[]) returns text[]
language sql immutable parallel safe
return (select coalesce(array_agg(lower(w) order by n), '{}')
        from unnest(words) with ordinality u(w, n));

comment on function lower_all(text[]) is
    'Genres are compared without regard to case.';


-- Where it is, as a point on the sphere that a GiST index finds the nearest
-- of.  The functions of earthdistance name others of cube, so they need a
-- path wherever they run, also when the index is built or analyzed.

create function place_of(latitude double precision,
                         longitude double precision) returns cube
language plpgsql immutable parallel safe
set search_path = boxoffice, public, pg_temp
as $$
begin
    if latitude is null or longitude is null then
        return null;
    end if;

    return ll_to_earth(latitude, longitude)::cube;
end
$$;


-- The words by which a movie is found, see 034.

create function movie_words(title text, about text, language text,
                            format text, genres text[], metadata jsonb)
returns tsvector
language sql immutable parallel safe
return setweight(to_tsvector('pg_catalog.simple', title), 'A')
       || setweight(to_tsvector('pg_catalog.simple',
                                coalesce(language, '') || ' '
                                || coalesce(format, '') || ' '
                                || array_to_string(genres, ' ')), 'B')
       || setweight(jsonb_to_tsvector('pg_catalog.simple', metadata,
                                      '["string"]'), 'C')
       || setweight(to_tsvector('pg_catalog.simple', coalesce(about, '')),
                    'D');


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
    metadata      jsonb not null default '{}',
    edition       int not null default 1,
    created_at    timestamptz(3) not null default now(),
    updated_at    timestamptz(3) not null default now(),
    removed_at    timestamptz(3),
    released      date not null
        generated always as (coalesce(release_date, date '0001-01-01'))
        stored,
    genre_keys    text[] not null
        generated always as (lower_all(genres)) stored,
    words         tsvector not null
        generated always as (movie_words(title, about, language, format,
                                         genres, metadata)) stored,

    constraint movies_pkey primary key (movie_id),
    constraint movies_title_length check (length(title) between 1 and 255),
    constraint movies_duration_positive check (duration_min > 0),
    constraint movies_metadata_object
        check (jsonb_typeof(metadata) = 'object'),
    constraint movies_metadata_size
        check (length(metadata::text) <= 65536)
);

create index movies_title on movies (title, created_at desc);

create index movies_listed on movies (released desc, movie_id desc)
    where removed_at is null;

create index movies_created on movies (created_at desc, movie_id desc)
    where removed_at is null;

create index movies_language
    on movies (lower(language), released desc, movie_id desc)
    where removed_at is null;

create index movies_format
    on movies (lower(format), released desc, movie_id desc)
    where removed_at is null;

create index movies_genres on movies using gin (genre_keys)
    where removed_at is null;

create index movies_words on movies using gin (words)
    with (fastupdate = off) where removed_at is null;

create index movies_title_start
    on movies ((lower(title) collate "C")) where removed_at is null;

-- What completion looks for: words of titles and names, without those of the
-- texts about them, which are many and are not completed.
create index movies_title_words
    on movies using gin (ts_filter(words, '{a}'))
    with (fastupdate = off) where removed_at is null;

comment on table movies is
    'What is shown: a film, a play, a match.  Titles are not unique, because '
    'remakes exist.';
comment on column movies.metadata is
    'What else is known of it, in no fixed form: cast, tags, posters, links.';
comment on column movies.edition is
    'Counts its changes, by a trigger.';
comment on column movies.removed_at is
    'Since then it is not shown any more; orders still tell its title.';
comment on column movies.released is
    'release_date, or the beginning of time: lists are sorted by it, the '
    'latest first.';


create table theatres (
    theatre_id uuid not null default gen_random_uuid(),
    name       text not null,
    address    text,
    city       text,
    latitude   double precision,
    longitude  double precision,
    timezone   text not null,
    metadata   jsonb not null default '{}',
    edition    int not null default 1,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    removed_at timestamptz(3),
    spot       cube generated always as (place_of(latitude, longitude)) stored,
    words      tsvector not null
        generated always as
            (setweight(to_tsvector('pg_catalog.simple', name), 'A')
             || setweight(to_tsvector('pg_catalog.simple',
                                      coalesce(city, '')), 'A')
             || setweight(to_tsvector('pg_catalog.simple',
                                      coalesce(address, '')), 'D')) stored,

    constraint theatres_pkey primary key (theatre_id),
    constraint theatres_name_length check (length(name) between 1 and 255),
    constraint theatres_city_length check (length(city) between 1 and 255),
    constraint theatres_place_whole
        check ((latitude is null) = (longitude is null)),
    constraint theatres_place_range
        check (latitude between -90 and 90
               and longitude between -180 and 180),
    constraint theatres_metadata_object
        check (jsonb_typeof(metadata) = 'object'),
    constraint theatres_metadata_size
        check (length(metadata::text) <= 65536)
);

-- a name is free again when its theatre is gone
create unique index theatres_name on theatres (name) where removed_at is null;

create index theatres_listed on theatres (name, theatre_id)
    where removed_at is null;

create index theatres_created on theatres (created_at desc, theatre_id desc)
    where removed_at is null;

create index theatres_city on theatres (lower(city), name, theatre_id)
    where removed_at is null;

create index theatres_place on theatres using gist (spot);

create index theatres_words on theatres using gin (words)
    with (fastupdate = off) where removed_at is null;

create index theatres_name_start
    on theatres ((lower(name) collate "C")) where removed_at is null;

create index theatres_title_words
    on theatres using gin (ts_filter(words, '{a}'))
    with (fastupdate = off) where removed_at is null;

comment on table theatres is
    'A building.  Its time zone decides on which calendar day a show falls '
    'and how its time is printed.';
comment on column theatres.metadata is
    'What else is known of it, in no fixed form: facilities, parking, links.';
comment on column theatres.removed_at is
    'Since then it is not shown any more, and neither are its shows.';


create table layouts (
    layout_id  uuid not null default gen_random_uuid(),
    name       text not null,
    seats      int not null default 0,
    edition    int not null default 1,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    staged_at  timestamptz(3),

    constraint layouts_pkey primary key (layout_id),
    constraint layouts_name_key unique (name),
    constraint layouts_name_length check (length(name) between 1 and 255),
    constraint layouts_seats_range check (seats between 0 and 65535)
);

create index layouts_created on layouts (created_at desc, layout_id desc)
    where staged_at is null;

create index layouts_staged on layouts (staged_at)
    where staged_at is not null;

comment on table layouts is
    'A set of seats.  Immutable once a show uses it: seat numbers in claims, '
    'in Redis and in every client mean places of exactly this layout.';
comment on column layouts.seats is
    'Seats that can be sold (NORMAL, ACCESSIBLE); counted by a trigger, so '
    'that a list of shows need not count 50,000 rows.';
comment on column layouts.edition is
    'Counts its changes, by a trigger.';
comment on column layouts.staged_at is
    'It is being put together, some thousand seats a statement, and nobody '
    'sees it yet: a stadium takes longer than a statement may.';


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
    edition    int not null default 1,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    removed_at timestamptz(3),

    constraint screens_pkey primary key (screen_id),
    constraint screens_theatre_fkey
        foreign key (theatre_id) references theatres,
    constraint screens_layout_fkey
        foreign key (layout_id) references layouts,
    constraint screens_name_length check (length(name) between 1 and 255)
);

-- a name is free again when its screen is gone
create unique index screens_name on screens (theatre_id, name)
    where removed_at is null;

create index screens_created on screens (created_at desc, screen_id desc)
    where removed_at is null;

create index screens_layout on screens (layout_id);

comment on table screens is
    'A hall.  Its layout is what its next shows get; shows keep theirs.';


create table shows (
    show_id     uuid not null default gen_random_uuid(),
    show_no     int not null generated always as identity,
    movie_id    uuid not null,
    screen_id   uuid not null,
    venue_id    uuid not null,
    layout_id   uuid not null,
    starts_at   timestamptz(3) not null,
    ends_at     timestamptz(3) not null,
    moved_at    timestamptz(3),
    local_day   date not null,
    show_date   date not null,
    currency    char(3) not null,
    status      text collate "C" not null default 'SCHEDULED',
    orphan_rule boolean not null default true,
    epoch       int not null default 1,
    fresh_epoch int not null default 1,
    revision    int not null default 1,
    created_at  timestamptz(3) not null default now(),

    constraint shows_pkey primary key (show_id),
    constraint shows_show_no_key unique (show_no),
    constraint shows_movie_fkey foreign key (movie_id) references movies,
    constraint shows_screen_fkey foreign key (screen_id) references screens,
    constraint shows_layout_fkey foreign key (layout_id) references layouts,
    constraint shows_times_ordered check (starts_at < ends_at),
    constraint shows_epochs_ordered check (fresh_epoch <= epoch),
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

create index shows_ends_at on shows (ends_at);

-- with the theatre in it: whether a movie is shown in one is a single probe,
-- and which theatres show it is read from the index alone
create index shows_program
    on shows (movie_id, local_day, venue_id, starts_at)
    where status = 'SCHEDULED';

-- the days of a theatre, by leaps
create index shows_theatre on shows (venue_id, local_day, starts_at)
    where status = 'SCHEDULED';

-- for administrators, who see those that are called off, too: what is on, by
-- the time it starts.  Also whether a movie or a screen was ever used.
create index shows_day on shows (local_day, starts_at, show_id);
create index shows_venue on shows (venue_id, starts_at, show_id);
create index shows_screen on shows (screen_id, starts_at, show_id);
create index shows_movie on shows (movie_id, starts_at, show_id);

-- whether a layout was ever used, also where that is past
create index shows_layout on shows (layout_id);

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
    'Generation of its Redis data; a new one is taken before each rebuild, and '
    'by what changes the show.';
comment on column shows.fresh_epoch is
    'Redis data of an earlier generation is of no use; that of this and later '
    'ones is taken over, with what people hold.';
comment on column shows.revision is
    'Counts changes of prices, status and time; a cached copy names the one '
    'it was made from, and an order priced from another is refused.';
comment on column shows.venue_id is
    'The theatre of its screen; kept by triggers, as local_day is.';
comment on column shows.local_day is
    'The day on which it begins there; show_date is where its orders are.';
comment on column shows.orphan_rule is
    'whether a hold may not leave a single free seat';


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


create table show_seats (
    show_id uuid not null,
    seat_no int not null,
    kind    text collate "C" not null,

    constraint show_seats_pkey primary key (show_id, seat_no),
    constraint show_seats_show_fkey
        foreign key (show_id) references shows on delete cascade,
    constraint show_seats_kind_known
        check (kind in ('NORMAL', 'ACCESSIBLE', 'BROKEN', 'HOUSE'))
);

comment on table show_seats is
    'Seats that are of another kind in this show than in its layout.';
