-- Waiting rooms: what must outlive Redis.  A number is given out only below
-- the ceiling, which is raised here first; so numbers are skipped when Redis
-- loses its data, and never repeated.

set local search_path = boxoffice, pg_temp;


create table waiting_rooms (
    room       text    not null,
    sale       text    not null,
    id_key     text    not null,
    seed       text    not null,
    ceiling    bigint  not null,
    phase      text    not null,
    rate       int     not null,
    capacity   int     not null,
    opens_at   timestamptz,
    message    text    not null default '',
    show_id    uuid,
    settings   int     not null default 1,
    changed_at timestamptz not null default now(),

    constraint waiting_rooms_pkey primary key (room),
    constraint waiting_rooms_room_check check (room ~ '^[a-z0-9_-]{1,32}$'),
    constraint waiting_rooms_phase_check
        check (phase in ('OFF', 'LOBBY', 'OPEN', 'PAUSED', 'DRAINING')),
    constraint waiting_rooms_rate_check check (rate between 1 and 100000),
    constraint waiting_rooms_capacity_check check (capacity >= 0),
    constraint waiting_rooms_message_check check (length(message) <= 200),
    constraint waiting_rooms_show_id_fkey
        foreign key (show_id) references shows (show_id)
);

comment on column waiting_rooms.sale is
    'tickets and passes are of one sale; another sale makes them void';
comment on column waiting_rooms.id_key is
    'the key of the hashes that stand for people, on all nodes';
comment on column waiting_rooms.seed is
    'of the draw: its SHA-256 is published before, itself afterwards';
comment on column waiting_rooms.capacity is
    'how many may be in at a time, 0: any number';

create type waiting_room_row as (
    sale text, id_key text, seed text, first bigint, ceiling bigint,
    phase text, rate int, capacity int, opens_ms bigint, message text,
    show_id uuid, settings int
);


create function waiting_room_secret(n int) returns text
language sql volatile
set search_path = boxoffice, pg_temp
as $$
    select string_agg(encode(uuid_send(gen_random_uuid()), 'hex'), '')
    from generate_series(1, n)
$$;


create function waiting_room_row(r waiting_rooms, first bigint)
returns waiting_room_row
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select row(r.sale, r.id_key, r.seed, first, r.ceiling,
               case when r.phase = 'LOBBY' and r.opens_at <= now()
                    then 'OPEN' else r.phase end, r.rate, r.capacity, unix_ms(r.opens_at), r.message, r.show_id,
               r.settings)::waiting_room_row
$$;


-- Reserves step numbers, and makes the room when it is new.

create function reserve_waiting_room(room text, step bigint, phase text,
                                     rate int, capacity int)
returns setof waiting_room_row
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    found waiting_rooms;
begin
    insert into waiting_rooms as w
           (room, sale, id_key, seed, ceiling, phase, rate, capacity)
    values (reserve_waiting_room.room, left(waiting_room_secret(1), 16),
            waiting_room_secret(1), waiting_room_secret(2), step,
            reserve_waiting_room.phase, reserve_waiting_room.rate,
            reserve_waiting_room.capacity)
    on conflict on constraint waiting_rooms_pkey
    do update set ceiling = w.ceiling + step
    returning * into found;

    return next waiting_room_row(found, found.ceiling - step);
end
$$;


-- As it is, for those who compare.

create function waiting_room(room text)
returns setof waiting_room_row
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select (waiting_room_row(w, w.ceiling)).*
    from waiting_rooms w
    where w.room = waiting_room.room
$$;


-- What an operator changes; null stays as it is, a show_id of '' is none.  A
-- lobby begins another sale: tickets and passes of the one before are void.

create function set_waiting_room(room text, phase text, rate int,
                                 capacity int, opens_ms bigint, message text,
                                 show_id text, new_sale boolean)
returns setof waiting_room_row
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    found waiting_rooms;
begin
    -- the clock has opened it: Redis knew it first
    update waiting_rooms w
    set phase = 'OPEN'
    where w.room = set_waiting_room.room
      and w.phase = 'LOBBY' and w.opens_at <= now();

    new_sale := new_sale
                or (phase = 'LOBBY'
                    and exists (select from waiting_rooms w
                                where w.room = set_waiting_room.room
                                  and w.phase <> 'LOBBY'));

    update waiting_rooms w
    set phase    = coalesce(set_waiting_room.phase, w.phase),
        rate     = coalesce(set_waiting_room.rate, w.rate),
        capacity = coalesce(set_waiting_room.capacity, w.capacity),
        opens_at = case when set_waiting_room.opens_ms > 0
                        then from_unix_ms(set_waiting_room.opens_ms)
                        when set_waiting_room.opens_ms is null
                             and not set_waiting_room.new_sale
                        then w.opens_at end,
        message  = coalesce(set_waiting_room.message, w.message),
        show_id  = case when set_waiting_room.show_id is null then w.show_id
                        else nullif(set_waiting_room.show_id, '')::uuid end,
        sale     = case when set_waiting_room.new_sale
                        then left(waiting_room_secret(1), 16)
                        else w.sale end,
        seed     = case when set_waiting_room.new_sale
                        then waiting_room_secret(2)
                        else w.seed end,
        settings = w.settings + 1,
        changed_at = now()
    where w.room = set_waiting_room.room
    returning * into found;

    if found.room is not null then
        return next waiting_room_row(found, found.ceiling);
    end if;
end
$$;
