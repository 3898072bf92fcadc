-- Tickets at the door: what a ticket is made from, and who was let in.

set local search_path = boxoffice, pg_temp;


create type ticket_columns as (
    order_id     uuid,
    show_id      uuid,
    show_no      int,
    status       text,
    ticket_code  text,
    amount       bigint,
    currency     text,
    movie_title  text,
    theatre_name text,
    screen_name  text,
    timezone     text,
    starts_ms    bigint,
    ends_ms      bigint,
    seat_no      int,
    seat_id      text,
    category     text
);


-- The seats of one order of user_id, or of anybody's for an admin, in the
-- order of their numbers: one row for each seat that is still the order's, by
-- its claim.  An order that has none left, or none yet confirmed, is one row
-- with a null seat; no row when there is no such order.

create function order_tickets(order_id uuid, show_no int, user_id text,
                              admin boolean)
returns setof ticket_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    show shows;
begin
    select * into show from shows s where s.show_no = order_tickets.show_no;

    return query
    select o.order_id, o.show_id, o.show_no, o.status, o.ticket_code,
           o.amount, o.currency::text, m.title, t.name, c.name, t.timezone,
           unix_ms(show.starts_at), unix_ms(show.ends_at), l.seat_no,
           l.label, l.category
    from orders o
    join movies m on m.movie_id = show.movie_id
    join screens c on c.screen_id = show.screen_id
    join theatres t on t.theatre_id = c.theatre_id
    left join lateral (
        select s.seat_no, s.label, s.category
        from unnest(o.seat_nos) n(seat_no)
        join seat_claims k on k.show_id = o.show_id
                          and k.seat_no = n.seat_no
        join layout_seats s on s.layout_id = show.layout_id
                           and s.seat_no = k.seat_no
        where k.order_id = o.order_id and o.status = 'CONFIRMED') l on true
    where o.order_id = order_tickets.order_id
      and o.show_date = show.show_date
      and (admin or o.user_id = order_tickets.user_id)
    order by l.seat_no;
end
$$;


create table checkins (
    checkin_id  uuid not null default gen_random_uuid(),
    show_id     uuid not null,
    order_id    uuid not null,
    seat_no     int not null,
    seat_id     text collate "C" not null,
    outcome     text collate "C" not null,
    device_id   text collate "C" not null,
    nonce       text collate "C" not null,
    staff_id    text collate "C" not null,
    scanned_at  timestamptz(3) not null,
    recorded_at timestamptz(3) not null default now(),
    offline     boolean not null,
    undone_at   timestamptz(3),
    undone_by   text collate "C",

    constraint checkins_pkey primary key (checkin_id),
    constraint checkins_nonce_key unique (device_id, nonce),
    constraint checkins_outcome_known
        check (outcome in ('admitted', 'already_used', 'wrong_show',
                           'not_yet', 'cancelled', 'expired', 'unknown')),
    constraint checkins_conflict_offline
        check (outcome = 'admitted' or offline),
    constraint checkins_undone_complete
        check ((undone_at is null) = (undone_by is null)
               and (undone_at is null or outcome = 'admitted'))
);

-- the constraint that admissions rest on
create unique index checkins_one_admission on checkins (order_id, seat_no)
    where outcome = 'admitted' and undone_at is null;

create index checkins_show
    on checkins (show_id, recorded_at desc, checkin_id desc);

comment on table checkins is
    'Who was let in.  A row is an admission, which a seat of an order has '
    'once (checkins_one_admission), or a conflict: a scanner that was offline '
    'let somebody in who should not have been; outcome says why.';
comment on column checkins.nonce is
    'Made by the scanner for each scan: the same one again is a retry, and '
    'gets the same answer.';
comment on column checkins.scanned_at is
    'By the clock of a scanner that was offline, but never in the future; '
    'else the time of the admission.';


create type scan as (
    item        int,
    order_id    uuid,
    show_id     uuid,
    seat_no     int,
    seat_id     text,
    ticket_code text,
    at_show     uuid,
    device_id   text,
    nonce       text,
    staff_id    text,
    offline     boolean,
    at_time     timestamptz,
    opens_at    timestamptz,
    ends_at     timestamptz,
    on_show     boolean,    -- the show was not cancelled
    show_date   date
);


create function checkin_event(c checkins) returns jsonb
language sql stable
return jsonb_build_object(
    'checkinId', c.checkin_id, 'orderId', c.order_id, 'showId', c.show_id,
    'seatId', c.seat_id, 'outcome', c.outcome, 'deviceId', c.device_id,
    'staffId', c.staff_id, 'offline', c.offline, 'scannedAt', c.scanned_at,
    'undoneAt', c.undone_at, 'undoneBy', c.undone_by);


-- Checks seats in.  Element k of each array belongs to item k; returns one
-- row for each item.  The first six are what a ticket says whose signature
-- was found good.
--
-- at_shows      the show that the scanner stands at; null for any
-- nonces        of the scanner: with device_ids they name a scan for ever
-- scanned_ms    when a scanner that was offline let the person in; null when
--               it asks first
-- opens_ms      how long before the beginning people may come
--
-- outcome:
-- admitted      now, or by this scan before (replayed)
-- already_used  the columns are the admission that was first
-- wrong_show    it is for another show
-- cancelled     the show, the order, or this seat of it was
-- not_yet, expired
--               the doors are not open yet; the show is over
-- unknown       there is no such order with such a ticket code
-- undone        this scan had admitted, and an administrator took it back
-- nonce_reused  the nonce was used for another ticket
--
-- Who asks first leaves nothing behind unless admitted.  A scan from offline
-- is recorded whatever comes of it, and has its event: the person is inside.

create function check_in(
    order_ids uuid[], show_nos int[], show_ids uuid[], seat_nos int[],
    seat_ids text[], ticket_codes text[], at_shows uuid[],
    device_ids text[], nonces text[], staff_ids text[], scanned_ms bigint[],
    opens_ms bigint[])
returns table (item int, outcome text, replayed boolean, checkin_id uuid,
               device_id text, at_ms bigint)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    started  timestamptz(3) := now();
    scans    scan[];
    outcomes text[];
    before   boolean[];     -- the nonce was there before
begin
    select array_agg(row(p.item, p.order_id, p.show_id, p.seat_no, p.seat_id,
                         p.ticket_code, p.at_show, p.device_id, p.nonce,
                         p.staff_id, p.ms is not null,
                         least(from_unix_ms(p.ms), started),
                         s.starts_at - p.opens * interval '1 millisecond',
                         s.ends_at, s.status = 'SCHEDULED',
                         s.show_date)::scan order by p.item)
    into scans
    from unnest(order_ids, show_nos, show_ids, seat_nos, seat_ids,
                ticket_codes, at_shows, device_ids, nonces, staff_ids,
                scanned_ms, opens_ms)
         with ordinality
         p(order_id, show_no, show_id, seat_no, seat_id, ticket_code, at_show,
           device_id, nonce, staff_id, ms, opens, item)
    left join shows s on s.show_no = p.show_no;

    -- Whoever cancels an order, or seats of it, holds its lock as well: what
    -- the next statement sees of order and claims stays so until the end.

    perform
    from unnest(scans) i
    join orders o on o.order_id = i.order_id and o.show_date = i.show_date
    order by o.order_id
    for no key update of o;

    select array_agg(case
               when b.nonce is not null then
                   case when b.order_id <> i.order_id
                             or b.seat_no <> i.seat_no then 'nonce_reused'
                        when b.undone_at is not null then 'undone'
                        else b.outcome end
               when o.order_id is null
                    or o.show_id <> i.show_id
                    or o.ticket_code is distinct from i.ticket_code
               then 'unknown'
               when i.at_show <> i.show_id then 'wrong_show'
               when not i.on_show or o.status <> 'CONFIRMED'
                    or k.order_id is distinct from o.order_id
               then 'cancelled'
               when a.order_id is not null then 'already_used'
               when i.at_time < i.opens_at then 'not_yet'
               when i.at_time >= i.ends_at then 'expired' end
               order by i.item),
           array_agg(b.nonce is not null order by i.item)
    into outcomes, before
    from unnest(scans) i
    left join orders o on o.order_id = i.order_id
                      and o.show_date = i.show_date
    left join seat_claims k on k.show_id = i.show_id
                           and k.seat_no = i.seat_no
    left join checkins a on a.order_id = i.order_id
                        and a.seat_no = i.seat_no
                        and a.outcome = 'admitted' and a.undone_at is null
    left join checkins b on b.device_id = i.device_id collate "C"
                        and b.nonce = i.nonce collate "C";

    with admitted as (
        insert into checkins as c (show_id, order_id, seat_no, seat_id,
            outcome, device_id, nonce, staff_id, scanned_at, recorded_at,
            offline)
        select i.show_id, i.order_id, i.seat_no, i.seat_id, 'admitted',
               i.device_id, i.nonce, i.staff_id, i.at_time, started,
               i.offline
        from unnest(scans) i
        where outcomes[i.item] is null
        order by i.order_id, i.seat_no, i.item
        on conflict do nothing
        returning c.checkin_id, checkin_event(c) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select checkin_id, 1, 'ticket.checked_in', event from admitted;

    -- who was not, lost to another of this batch, or to the same nonce

    outcomes := array(
        select coalesce(outcomes[i.item],
                        case when b.nonce is null then 'already_used'
                             when b.order_id <> i.order_id
                                  or b.seat_no <> i.seat_no
                             then 'nonce_reused'
                             else b.outcome end)
        from unnest(scans) i
        left join checkins b on b.device_id = i.device_id collate "C"
                            and b.nonce = i.nonce collate "C"
        order by i.item);

    with conflicts as (
        insert into checkins as c (show_id, order_id, seat_no, seat_id,
            outcome, device_id, nonce, staff_id, scanned_at, recorded_at,
            offline)
        select i.show_id, i.order_id, i.seat_no, i.seat_id,
               outcomes[i.item], i.device_id, i.nonce, i.staff_id, i.at_time,
               started, true
        from unnest(scans) i
        where i.offline and not before[i.item]
          and outcomes[i.item] not in ('admitted', 'nonce_reused')
        order by i.order_id, i.seat_no, i.item
        on conflict do nothing
        returning c.checkin_id, checkin_event(c) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select checkin_id, 1, 'ticket.conflict', event from conflicts;

    return query
    select i.item, outcomes[i.item], before[i.item], c.checkin_id,
           c.device_id, unix_ms(c.scanned_at)
    from unnest(scans) i
    left join lateral (
        select b.checkin_id, b.device_id, b.scanned_at
        from checkins b
        where outcomes[i.item] in ('admitted', 'undone')
          and b.device_id = i.device_id collate "C"
          and b.nonce = i.nonce collate "C"
        union all
        select a.checkin_id, a.device_id, a.scanned_at
        from checkins a
        where outcomes[i.item] = 'already_used'
          and a.order_id = i.order_id and a.seat_no = i.seat_no
          and a.outcome = 'admitted' and a.undone_at is null) c on true;
end
$$;


create type checkin_columns as (
    checkin_id  uuid,
    show_id     uuid,
    order_id    uuid,
    seat_id     text,
    outcome     text,
    device_id   text,
    staff_id    text,
    offline     boolean,
    scanned_ms  bigint,
    recorded_ms bigint,
    undone_ms   bigint,
    undone_by   text
);


-- Takes an admission back: the seat can be admitted again, by another scan.
-- One row, as it is then, with outcome 'admitted'; or none when there is no
-- such admission.  Done again, it changes nothing.

create function undo_checkin(checkin_id uuid, admin_id text)
returns setof checkin_columns
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    with undone as (
        update checkins c
        set undone_at = now(), undone_by = admin_id
        where c.checkin_id = undo_checkin.checkin_id
          and c.outcome = 'admitted' and c.undone_at is null
        returning c.checkin_id, checkin_event(c) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select checkin_id, 2, 'ticket.checkin_undone', event from undone;

    return query
    select c.checkin_id, c.show_id, c.order_id, c.seat_id, c.outcome,
           c.device_id, c.staff_id, c.offline, unix_ms(c.scanned_at),
           unix_ms(c.recorded_at), unix_ms(c.undone_at), c.undone_by
    from checkins c
    where c.checkin_id = undo_checkin.checkin_id and c.outcome = 'admitted';
end
$$;


-- Check-ins of a show before (before_ms, before_id), newest first; only the
-- conflicts when asked; max: 1..1000.

create function checkins_of_show(show_id uuid, conflicts boolean,
                                 before_ms bigint, before_id uuid, max int)
returns setof checkin_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    select c.checkin_id, c.show_id, c.order_id, c.seat_id, c.outcome,
           c.device_id, c.staff_id, c.offline, unix_ms(c.scanned_at),
           unix_ms(c.recorded_at), unix_ms(c.undone_at), c.undone_by
    from checkins c
    where c.show_id = checkins_of_show.show_id
      and (c.recorded_at, c.checkin_id)
          < (from_unix_ms(before_ms), before_id)
      and (not conflicts or c.outcome <> 'admitted')
    order by c.recorded_at desc, c.checkin_id desc
    limit least(greatest(max, 1), 1000);
end
$$;
