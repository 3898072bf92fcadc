-- Seats that are given back: some of an order, all of it, all of a show.
--
-- An order has the seats that it still has; what each of them cost stands
-- beside it, and amount stays what the whole was.  cancellations says what
-- was given back, when, by which terms.  Money goes back by a row of refunds,
-- whose cause is "cancel:<version of the order>": once for each change.
--
-- Locks are taken in the order of 006 and 019.

set local search_path = boxoffice, pg_temp;


-- Newer releases of PostgreSQL change no table whose row a function with a
-- parsed body takes: from here on the body is a text.

drop function order_event(orders);

alter table orders
    add column seat_prices int[],
    add constraint orders_prices_match
        check (cardinality(seat_prices) = cardinality(seat_nos));

-- The payload of an order's event, as 006 had it.

create function order_event(o orders) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'orderId', o.order_id, 'showId', o.show_id, 'showNo', o.show_no,
        'userId', o.user_id, 'holdId', o.hold_id, 'seatIds', o.seat_ids,
        'amount', o.amount, 'currency', o.currency, 'status', o.status,
        'paymentMethod', o.payment_method, 'paymentId', o.payment_id,
        'ticketCode', o.ticket_code, 'version', o.version)
$$;


comment on column orders.seat_nos is
    'The seats it has; those that were given back before the order ended are '
    'in cancellations.';
comment on column orders.amount is
    'What it costs, all seats that it ever had; what went back is in refunds.';
comment on column orders.seat_prices is
    'What each seat cost, in the order of seat_nos; null for an order of '
    'before, until its first cancellation: see order_prices().';

-- what others have added stays
do $$
declare
    more  record;
    known text[];
begin
    for more in
        select * from (values
        ('outbox', 'outbox_type_known', 'type',
         '{order.seats_cancelled,show.cancelled,show.refunded}'::text[]),
        ('idempotency', 'idempotency_operation_known', 'operation',
         '{cancel_show}')) v(at, name, col, words)
    loop
        select array_agg(m[1]) || more.words into known
        from pg_constraint c,
             regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_.]+)''',
                            'g') m
        where c.conrelid = ('boxoffice.' || more.at)::regclass
          and c.conname = more.name
          and pg_get_constraintdef(c.oid) like '% ANY %';

        -- it says more than a list
        continue when known is null or cardinality(known)
                                       = cardinality(more.words);

        execute format('alter table %I drop constraint %I', more.at,
                       more.name);
        execute format('alter table %I add constraint %I check (%I in (%s))',
                       more.at, more.name, more.col,
                       (select string_agg(distinct quote_literal(w), ', ')
                        from unnest(known) w));
    end loop;
end
$$;


create table cancellations (
    order_id       uuid not null,
    version        int not null,
    percent        int,
    amount         bigint not null,
    kept           bigint not null,
    order_fee      bigint not null default 0,
    at             timestamptz(3) not null,
    show_date      date not null,
    policy_version int,
    policy_theatre uuid,
    refund_id      uuid,
    terms          text collate "C" not null,
    by_user        text collate "C" not null,
    idem_key       text collate "C",
    seat_ids       text[] not null,
    left_nos       int[] not null,
    left_ids       text[] not null,

    constraint cancellations_pkey primary key (order_id, version),
    constraint cancellations_refund_key unique (refund_id),
    constraint cancellations_money_positive
        check (amount >= 0 and kept >= 0 and order_fee between 0 and kept),
    constraint cancellations_refund_there
        check ((refund_id is not null) = (amount > 0)),
    constraint cancellations_terms_known
        check (terms in ('POLICY', 'FULL', 'NONE', 'SHOW')),
    constraint cancellations_seats_there
        check (cardinality(seat_ids) > 0
               and cardinality(left_nos) = cardinality(left_ids))
);

comment on table cancellations is
    'What was given back of orders that were paid: one row for each change, '
    'under the version that the order got by it.';
comment on column cancellations.amount is 'What goes back, as a refund.';
comment on column cancellations.kept is
    'What does not: amount and kept are the price of the seats.';
comment on column cancellations.order_fee is
    'What of kept is the fee that is kept once for an order.';
comment on column cancellations.left_ids is
    'The seats that the order had left; empty when it ended.';
comment on column cancellations.terms is
    'POLICY: those in force; FULL, NONE: an administrator''s word; SHOW: the '
    'show was cancelled.';


create table show_cancellations (
    show_id     uuid not null,
    at          timestamptz(3) not null,
    finished_at timestamptz(3),
    refunded    bigint not null default 0,
    orders      int not null default 0,
    show_no     int not null,
    by_user     text collate "C" not null,

    constraint show_cancellations_pkey primary key (show_id),
    constraint show_cancellations_show_fkey
        foreign key (show_id) references shows,
    constraint show_cancellations_orders_positive
        check (orders >= 0 and refunded >= 0)
);

create index show_cancellations_open on show_cancellations (finished_at);

comment on table show_cancellations is
    'Shows that were cancelled with all their orders; the orders follow in '
    'batches, by a job of any node.  An order that was on its way when the '
    'show was closed is found by the job as well: it looks for some minutes '
    'after the last one.';


-- The states once more: a paid order may lose seats, never get any.

drop trigger orders_state on orders;

create trigger orders_state before update on orders
for each row
when (not (case
           when new.status = old.status and new.version = old.version
           then new.seat_nos = old.seat_nos
           when new.version <> old.version + 1 then false
           when new.status = old.status
           then old.status = 'CONFIRMED'
                and new.seat_nos <@ old.seat_nos
                and cardinality(new.seat_nos) < cardinality(old.seat_nos)
           when new.seat_nos <> old.seat_nos then false
           when old.status = 'PAYMENT_PENDING' then true
           when new.status = 'CANCELLED'
           then old.status in ('CONFIRMED', 'EXPIRED', 'FAILED')
           when new.status = 'CONFIRMED' then old.status = 'EXPIRED'
           else false
           end)
      or new.order_id <> old.order_id
      or new.show_id <> old.show_id
      or new.hold_id <> old.hold_id
      or new.user_id <> old.user_id
      or new.amount <> old.amount)
execute function orders_refuse();


-- What each seat of an order cost.  Of an order of before it is not written
-- down: its amount is shared out by what the seats cost now, which is exact
-- while prices have not changed, and always adds up.

create function order_prices(o orders) returns int[]
language plpgsql stable
as $$
begin
    if o.seat_prices is not null then
        return o.seat_prices;
    end if;

    return array(
        select (div(o.amount * upto, total)
                - div(o.amount * (upto - weight), total))::int
        from (select n, weight, sum(weight) over () as total,
                     sum(weight) over (order by n) as upto
              from (select s.n,
                           case when sum(p.price) over () > 0
                                then coalesce(p.price, 0)
                                else 1 end::numeric as weight
                    from unnest(o.seat_nos) with ordinality s(seat_no, n)
                    left join shows w on w.show_id = o.show_id
                    left join layout_seats l on l.layout_id = w.layout_id
                                            and l.seat_no = s.seat_no
                    left join show_prices p on p.show_id = o.show_id
                                           and p.category = l.category) v) u
        order by n);
end
$$;


alter type new_order add attribute seat_prices int[];

drop function create_orders(uuid[], uuid[], int[], text[], uuid[], text[],
                            text[], bigint[], text[], text[], text[], text[],
                            int[], int[], text[], text[]);


-- Turns holds into orders that wait for payment: claims the seats, counts
-- them for the user, writes order, idempotency row and event.  Element k of
-- each array belongs to item k; returns one row for each item.
--
-- order_ids     made by the server, never used before
-- revisions     the show's revision the amount was computed from
-- seat_nos      "{1,2}", without repetition; seat_ids "A1,A2" in the same order
-- amounts       minor units of the show's currency
-- seat_prices   "{15000,25000}", what each seat costs, in the order of seat_nos
--               and together the amount; null when the caller does not know
-- phones        may be null
-- ttls_ms       how long payment may take
-- user_limits   seats one user may have in live orders of the show
-- idem_keys     null for none; fingerprints then do not matter
--
-- outcome:
-- created       the columns are the new order
-- replayed      key and fingerprint were seen: the order made then, as it is
--               now
-- hold_ordered  the hold has an order already, which the columns are
-- key_reused    the key was used for something else
-- in_progress   an item before it in the batch has the same user and key
-- seats_taken   conflicts are the seats that others have claimed
-- limit         it would exceed user_limit
-- stale         the show's revision is another one
-- closed        the show is cancelled, has started or is not there
-- retry         it lost only to an item of the batch that lost itself: alone
--               it may succeed
--
-- All but the first three leave nothing behind.

create function create_orders(
    order_ids uuid[], show_ids uuid[], revisions int[], user_ids text[],
    hold_ids uuid[], seat_nos text[], seat_ids text[], amounts bigint[],
    payment_methods text[], names text[], emails text[], phones text[],
    ttls_ms int[], user_limits int[], idem_keys text[], fingerprints text[],
    seat_prices text[] default null)
returns setof order_outcome
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
    started    timestamptz(3) := now();
    items      new_order[];
    outcomes   text[];
    dates      date[];
    counted    int[];       -- items that are in user_seats
    tentative  int[];       -- counted, but over the limit with the others
    lost       item_conflicts[];
    again      int[];       -- second items of a hold
    wanted     int;
    got        int;
    fit        boolean;
    back       boolean;     -- a user had orders of the show before
    undo       boolean := false;
begin
    select array_agg(row(p.item, p.order_id, p.show_id, s.show_no,
                         s.show_date,
                         case when s.show_id is null
                                   or s.status <> 'SCHEDULED'
                                   or s.starts_at <= started then 'closed'
                              when s.revision <> p.revision then 'stale' end,
                         p.user_id, p.hold_id, p.seat_nos::int[],
                         string_to_array(p.seat_ids, ','), p.amount,
                         s.currency, p.payment_method, p.name, p.email,
                         p.phone, p.ttl_ms, p.user_limit, p.idem_key,
                         p.fingerprint,
                         p.seat_prices::int[])::new_order order by p.item),
           array_agg(s.show_date order by p.item),
           array_agg(p.item) filter (where p.nth > 1)
    into items, dates, again
    from (select *, row_number() over (partition by hold_id order by item)
                    as nth
          from unnest(order_ids, show_ids, revisions, user_ids, hold_ids,
                      seat_nos, seat_ids, amounts, payment_methods, names,
                      emails, phones, ttls_ms, user_limits, idem_keys,
                      fingerprints, seat_prices)
               with ordinality
               q(order_id, show_id, revision, user_id, hold_id, seat_nos,
                 seat_ids, amount, payment_method, name, email, phone,
                 ttl_ms, user_limit, idem_key, fingerprint, seat_prices,
                 item)) p
    left join shows s on s.show_id = p.show_id;

    outcomes := take_keys(user_ids, idem_keys, fingerprints, 'create',
                          order_ids, dates);

    if again is not null then
        outcomes := array(
            select coalesce(outcomes[i.item],
                            case when i.item = any (again) then 'retry' end)
            from unnest(items) i order by i.item);
    end if;

    -- Count the seats first: from here on this transaction has the lock on
    -- the user's row of the show, so what follows about holds and the limit
    -- cannot change under it.

    select array_agg(i.item), sum(cardinality(i.seat_nos))
    into counted, wanted
    from unnest(items) i
    where outcomes[i.item] is null and i.refusal is null;

    with want as (
        select i.show_id, i.user_id collate "C" as user_id,
               sum(cardinality(i.seat_nos)) as seats, count(*) as orders,
               min(i.user_limit) as user_limit
        from unnest(items) i
        where i.item = any (counted)
        group by 1, 2
    ), have as (
        insert into user_seats as u (show_id, user_id, seats, orders)
        select show_id, user_id, seats, orders from want
        order by show_id, user_id
        on conflict (show_id, user_id)
        do update set seats = u.seats + excluded.seats,
                      orders = u.orders + excluded.orders
        returning show_id, user_id, seats, orders
    )
    select bool_and(h.seats <= w.user_limit), bool_or(h.orders > w.orders)
    into fit, back
    from have h join want w using (show_id, user_id);

    if back or cardinality(counted) is distinct from cardinality(items) then
        select array_agg(case
                         when outcomes[i.item] is not null
                         then outcomes[i.item]
                         when o.order_id is not null then 'hold_ordered'
                         else i.refusal end order by i.item)
        into outcomes
        from unnest(items) i
        left join orders o
               on o.hold_id = i.hold_id and o.show_date = i.show_date;
    end if;

    if not fit then
        -- Which items fit if all before them succeed?  The others wait for
        -- how those fare.
        select array_agg(item) into tentative
        from (select i.item, i.user_limit, u.seats
                     - sum(cardinality(i.seat_nos))
                       over (partition by i.show_id, i.user_id)
                     + sum(cardinality(i.seat_nos))
                       filter (where outcomes[i.item] is null)
                       over (partition by i.show_id, i.user_id
                             order by i.item) as seats
              from unnest(items) i
              join user_seats u on u.show_id = i.show_id
                               and u.user_id = i.user_id collate "C"
              where i.item = any (counted)) r
        where r.seats > r.user_limit and outcomes[r.item] is null;

        outcomes := array(
            select coalesce(outcomes[i.item],
                            case when i.item = any (tentative)
                                 then 'limit' end)
            from unnest(items) i order by i.item);
    end if;

    if array_length(array_remove(outcomes, null), 1) > 0 then
        undo := true;
        select sum(cardinality(i.seat_nos)) into wanted
        from unnest(items) i where outcomes[i.item] is null;
    end if;

    insert into seat_claims (show_id, seat_no, order_id)
    select i.show_id, n.seat_no, i.order_id
    from unnest(items) i cross join unnest(i.seat_nos) n(seat_no)
    where outcomes[i.item] is null
    order by i.show_id, n.seat_no, i.item
    on conflict (show_id, seat_no) do nothing;

    get diagnostics got = row_count;

    if got <> wanted then
        undo := true;

        if exists (select from unnest(items) i
                   where cardinality(i.seat_nos)
                         <> (select count(distinct n)
                             from unnest(i.seat_nos) n)) then
            raise exception 'a seat is there twice in one order'
                  using errcode = 'invalid_parameter_value';
        end if;

        with wish as (
            select i.item, i.order_id, n.seat_no, c.order_id as owner
            from unnest(items) i cross join unnest(i.seat_nos) n(seat_no)
            left join seat_claims c
                   on c.show_id = i.show_id and c.seat_no = n.seat_no
            where outcomes[i.item] is null
        ), losers as (
            select item, order_id from wish
            group by item, order_id
            having bool_or(owner is distinct from order_id)
        )
        -- a seat without an owner was freed since the insert met it: taken
        select array_agg(row(item, seats)::item_conflicts)
        into lost
        from (select l.item,
                     array_agg(w.seat_no order by w.seat_no)
                     filter (where w.owner is null
                                or w.owner not in (select order_id
                                                   from losers)) as seats
              from losers l join wish w using (item)
              group by l.item) c;

        outcomes := array(
            select coalesce(outcomes[i.item],
                            case when c.item is null then null
                                 when c.conflicts is null then 'retry'
                                 else 'seats_taken' end)
            from unnest(items) i left join unnest(lost) c using (item)
            order by i.item);

        delete from seat_claims c
        using (select i.show_id, n.seat_no, i.order_id
               from unnest(items) i cross join unnest(i.seat_nos) n(seat_no)
               where outcomes[i.item] in ('seats_taken', 'retry')
               offset 0) l
        where c.show_id = l.show_id and c.seat_no = l.seat_no
          and c.order_id = l.order_id;
    end if;

    return query
    with made as (
        insert into orders as o (order_id, show_date, show_id, show_no,
            user_id, hold_id, seat_nos, seat_ids, amount, currency,
            payment_method, customer_name, customer_email, customer_phone,
            created_at, expires_at, seat_prices)
        select i.order_id, i.show_date, i.show_id, i.show_no, i.user_id,
               i.hold_id, i.seat_nos, i.seat_ids, i.amount, i.currency,
               i.payment_method, i.name, i.email, i.phone, started,
               started + i.ttl_ms * interval '1 millisecond', i.seat_prices
        from unnest(items) i
        where outcomes[i.item] is null
        returning o.*, order_event(o) as event
    ), noted as (
        insert into outbox (aggregate_id, version, type, payload)
        select o.order_id, o.version, 'order.created', o.event
        from made o
    )
    select i.item, 'created', o.order_id, o.show_id, o.show_no, o.user_id,
           o.hold_id, o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), null::bigint, null::bigint, null,
           o.payment_method, null::int[]
    from made o join unnest(items) i on i.order_id = o.order_id;

    if not undo then
        return;
    end if;

    update user_seats u set seats = u.seats - e.seats,
                            orders = u.orders - e.orders
    from (select i.show_id, i.user_id, sum(cardinality(i.seat_nos)) as seats,
                 count(*) as orders
          from unnest(items) i
          where i.item = any (counted) and outcomes[i.item] is not null
          group by i.show_id, i.user_id) e
    where u.show_id = e.show_id and u.user_id = e.user_id collate "C";

    perform give_keys_back(array_agg(i.user_id), array_agg(i.idem_key))
    from unnest(items) i
    where i.idem_key is not null and i.show_date is not null
      and outcomes[i.item] not in ('replayed', 'key_reused', 'in_progress');

    if tentative is not null then
        -- over the limit for certain, or only because of items that lost?
        outcomes := array(
            select case when i.item = any (tentative)
                             and u.seats + cardinality(i.seat_nos)
                                 <= i.user_limit
                        then 'retry' else outcomes[i.item] end
            from unnest(items) i
            left join user_seats u on u.show_id = i.show_id
                                  and u.user_id = i.user_id collate "C"
            order by i.item);
    end if;

    return query
    select i.item, outcomes[i.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id, o.seat_nos,
           array_to_string(o.seat_ids, ','), o.amount, o.currency::text,
           o.status, unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method,
           (select c.conflicts from unnest(lost) c
            where c.item = i.item)
    from unnest(items) i
    left join idempotency k
           on outcomes[i.item] = 'replayed'
          and k.user_id = i.user_id collate "C"
          and k.key = i.idem_key collate "C"
    left join lateral (
        select * from orders
        where outcomes[i.item] = 'replayed'
          and order_id = k.order_id and show_date = k.show_date
        union all
        select * from orders
        where outcomes[i.item] = 'hold_ordered'
          and hold_id = i.hold_id and show_date = i.show_date
          and user_id = i.user_id collate "C") o on true
    where outcomes[i.item] is not null;
end
$$;


create type cancel_wish as (
    item        int,
    order_id    uuid,
    show_date   date,
    starts_at   timestamptz,
    theatre_id  uuid,
    zone        text,
    user_id     text,
    admin       boolean,
    seats       text[],     -- null: all
    terms       text,
    idem_key    text,
    fingerprint text
);

-- what is to become of an order that is locked

create type order_cut as (
    item           int,
    outcome        text,
    order_id       uuid,
    show_date      date,
    show_id        uuid,
    owner          text,
    was            text,
    version        int,
    cut_nos        int[],
    cut_ids        text[],
    left_nos       int[],
    left_ids       text[],
    left_prices    int[],
    payment_id     text,
    currency       text,
    terms          text,
    policy_theatre uuid,
    policy_version int,
    percent        int,
    amount         bigint,
    kept           bigint,
    order_fee      bigint,
    refund_id      uuid,
    by_user        text,
    idem_key       text
);

create type cancel_outcome as (
    item           int,
    outcome        text,
    order_id       uuid,
    show_id        uuid,
    show_no        int,
    user_id        text,
    hold_id        uuid,
    seat_nos       int[],
    seat_ids       text,
    amount         bigint,
    currency       text,
    status         text,
    created_ms     bigint,
    expires_ms     bigint,
    confirmed_ms   bigint,
    ended_ms       bigint,
    ticket_code    text,
    payment_method text,
    freed          int[],   -- seats that came free by this call
    refund         text     -- what docs/api.md calls the refund; null: none
);


-- What becomes of an order when somebody wishes to give seats back at a time.
-- Reads only; the caller has locked the order and its payment, or only wants
-- to know.
--
-- outcome: cancelled, seats_cancelled; already; closed (the show has begun);
-- over (after the last step of the terms); not_seats (it has not all of
-- these seats); unpaid (seats one by one only of what was paid); ended

create function order_cut(o orders, wish cancel_wish, at timestamptz)
returns order_cut
language plpgsql stable
as $$
#variable_conflict use_variable
declare
    cut    order_cut;
    terms  refund_policy_terms;
    paid   payments;
    prices int[];
    gross  bigint;
    room   bigint;
    charged bigint;
    whole  boolean := wish.seats is null or wish.seats @> o.seat_ids;
begin
    cut.item := wish.item;
    cut.order_id := o.order_id;
    cut.show_date := o.show_date;
    cut.show_id := o.show_id;
    cut.owner := o.user_id;
    cut.was := o.status;
    cut.version := o.version + 1;
    cut.currency := o.currency;
    cut.terms := wish.terms;
    cut.by_user := wish.user_id;
    cut.idem_key := wish.idem_key;

    cut.outcome := case
        when wish.seats is null and o.status = 'CANCELLED' then 'already'
        when o.status in ('FAILED', 'EXPIRED', 'CANCELLED')
             and wish.seats is not null then 'ended'
        when wish.starts_at <= at and not wish.admin then 'closed'
        when not wish.seats <@ o.seat_ids then 'not_seats'
        when not whole and o.status <> 'CONFIRMED' then 'unpaid'
        when whole then 'cancelled'
        else 'seats_cancelled' end;

    if cut.outcome not in ('cancelled', 'seats_cancelled') then
        return cut;
    end if;

    prices := order_prices(o);

    select array_agg(s.no order by s.n) filter (where s.goes),
           array_agg(s.id order by s.n) filter (where s.goes),
           coalesce(array_agg(s.no order by s.n)
                    filter (where not s.goes), '{}'),
           coalesce(array_agg(s.id order by s.n)
                    filter (where not s.goes), '{}'),
           coalesce(array_agg(s.price order by s.n)
                    filter (where not s.goes), '{}'),
           array_agg(s.price order by s.n) filter (where s.goes),
           sum(s.price) filter (where s.goes)
    into cut.cut_nos, cut.cut_ids, cut.left_nos, cut.left_ids,
         cut.left_prices, prices, gross
    from (select no, id, price, n, whole or id = any (wish.seats) as goes
          from unnest(o.seat_nos, o.seat_ids, prices)
               with ordinality u(no, id, price, n)) s;

    if o.status <> 'CONFIRMED' then
        return cut;
    end if;

    cut.order_fee := 0;

    case wish.terms
    when 'FULL', 'SHOW' then cut.amount := gross;
    when 'NONE' then cut.amount := 0;
    else
        terms := refund_terms(wish.theatre_id, o.created_at, o.currency,
                              wish.starts_at, wish.zone, at);

        if terms.percent is null then
            cut.outcome := 'over';
            return cut;
        end if;

        select coalesce(sum(c.order_fee), 0) into charged
        from cancellations c where c.order_id = o.order_id;

        select s.amount, s.kept into cut.amount, cut.order_fee
        from refund_sum(prices::bigint[], terms.percent, terms.points,
                        terms.per_seat,
                        greatest(terms.per_order - charged, 0)) s;

        cut.policy_theatre := terms.theatre_id;
        cut.policy_version := terms.version;
        cut.percent := terms.percent;
    end case;

    -- Whatever was done by hand: never more than there is.

    select * into paid from payments p where p.payment_id = o.payment_id;

    room := case when paid.status = 'CAPTURED'
                 then paid.amount - paid.refunded - paid.kept else 0 end;

    cut.payment_id := o.payment_id;
    cut.amount := least(cut.amount, room);
    cut.kept := gross - cut.amount;

    if cut.amount > 0 then
        cut.refund_id := gen_random_uuid();
    end if;

    return cut;
end
$$;


-- The refund of a cancellation, as clients see it.

create function cancellation_json(c cancellations, currency text)
returns text
language sql stable
return json_build_object(
    'refundId', c.refund_id, 'amount', c.amount, 'kept', c.kept,
    'currency', currency, 'terms', c.terms, 'percent', c.percent,
    'seatIds', c.seat_ids, 'at', rfc3339(c.at))::text;


-- Does what was decided; all of them are of orders that the caller has locked,
-- and so are their payments.  Sorted as everywhere.

create function do_cuts(cuts order_cut[], at timestamptz) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
    insert into refunds (refund_id, payment_id, order_id, show_date, amount,
                         currency, cause, reason)
    select c.refund_id, c.payment_id, c.order_id, c.show_date, c.amount,
           c.currency, 'cancel:' || c.version,
           case when c.terms = 'SHOW' then 'SHOW_CANCELLED'
                when c.outcome = 'cancelled' then 'CANCELLED'
                else 'SEATS_CANCELLED' end
    from unnest(cuts) c
    where c.amount > 0
    order by c.payment_id collate "C";

    -- what was counted already leaves no room for it
    update payments p
    set kept = p.kept + least(c.kept, p.amount - p.refunded - p.kept)
    from unnest(cuts) c
    where c.kept > 0 and p.payment_id = c.payment_id
      and p.status = 'CAPTURED';

    insert into cancellations (order_id, version, show_date, at, amount, kept,
                               order_fee, policy_theatre, policy_version,
                               percent, refund_id, terms, by_user, idem_key,
                               seat_ids, left_nos, left_ids)
    select c.order_id, c.version, c.show_date, do_cuts.at, c.amount, c.kept,
           c.order_fee, c.policy_theatre, c.policy_version, c.percent,
           c.refund_id, c.terms, c.by_user, c.idem_key, c.cut_ids,
           c.left_nos, c.left_ids
    from unnest(cuts) c
    where c.was = 'CONFIRMED';

    with moved as (
        update orders o
        set version = o.version + 1,
            status = case when c.outcome = 'cancelled' then 'CANCELLED'
                          else o.status end,
            ended_at = case when c.outcome = 'cancelled' then do_cuts.at end,
            seat_nos = case when c.outcome = 'cancelled' then o.seat_nos
                            else c.left_nos end,
            seat_ids = case when c.outcome = 'cancelled' then o.seat_ids
                            else c.left_ids end,
            seat_prices = case when c.outcome = 'cancelled' then o.seat_prices
                               else c.left_prices end
        from unnest(cuts) c
        where o.order_id = c.order_id and o.show_date = c.show_date
        returning o.order_id, o.version, c.outcome,
                  order_event(o)
                  || case when c.was = 'CONFIRMED'
                     then jsonb_build_object(
                         'cancelledSeatIds', c.cut_ids, 'refund',
                         jsonb_build_object(
                             'refundId', c.refund_id, 'amount', c.amount,
                             'kept', c.kept, 'currency', c.currency,
                             'terms', c.terms, 'percent', c.percent))
                     else '{}' end as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select order_id, version, 'order.' || outcome, event from moved;

    -- only what live orders had is free by it

    perform
    from (select distinct c.show_id, c.owner
          from unnest(cuts) c
          where c.was in ('PAYMENT_PENDING', 'CONFIRMED')) e
    join user_seats u on u.show_id = e.show_id
                     and u.user_id = e.owner collate "C"
    order by u.show_id, u.user_id
    for update of u;

    update user_seats u set seats = u.seats - e.seats
    from (select c.show_id, c.owner, sum(cardinality(c.cut_nos)) as seats
          from unnest(cuts) c
          where c.was in ('PAYMENT_PENDING', 'CONFIRMED')
          group by c.show_id, c.owner) e
    where u.show_id = e.show_id and u.user_id = e.owner collate "C";

    delete from seat_claims d
    using (select c.show_id, n.seat_no, c.order_id
           from unnest(cuts) c cross join unnest(c.cut_nos) n(seat_no)
           where c.was in ('PAYMENT_PENDING', 'CONFIRMED')
           offset 0) e
    where d.show_id = e.show_id and d.seat_no = e.seat_no
      and d.order_id = e.order_id;
end
$$;


-- Gives seats of orders back.  Element k of each array belongs to item k;
-- returns one row for each item.
--
-- user_ids  who asks, and whose idempotency key it is
-- admins    true: may cancel anybody's order, also after the show began
-- seats     "A1,A2"; null: all that the order has
-- terms     POLICY, FULL or NONE: what is given back
--
-- outcome:
-- cancelled        it became CANCELLED; if it was live its seats are free
-- seats_cancelled  it goes on with fewer seats
-- already          it was CANCELLED before; refund is that of its last seats
-- over             the terms in force do not allow it any more
-- closed           the show has started
-- not_seats        the order has not all of these seats (any more)
-- unpaid           seats one by one are only given back of what was paid
-- ended            it is FAILED, EXPIRED or CANCELLED, and seats were named
-- replayed         key and fingerprint were seen: the order as it was then
-- key_reused       the key was used for something else
-- in_progress      an item before it in the batch has the same user and key
-- not_found        there is no such order of this user
-- retry            an item before it in the batch has the order

create function cancel_seats(
    order_ids uuid[], show_nos int[], user_ids text[], admins boolean[],
    seats text[], terms text[], idem_keys text[], fingerprints text[])
returns setof cancel_outcome
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
    started   timestamptz(3) := now();
    wishes    cancel_wish[];
    outcomes  text[];
    again     int[];
    filed     date[];
    found     orders[];
    cuts      order_cut[];
begin
    select array_agg(row(p.item, p.order_id, s.show_date, s.starts_at,
                         t.theatre_id, t.timezone, p.user_id,
                         coalesce(p.admin, false),
                         string_to_array(p.seats, ','), p.terms, p.idem_key,
                         p.fingerprint)::cancel_wish order by p.item),
           array_agg(s.show_date order by p.item),
           array_agg(p.item) filter (where p.nth > 1)
    into wishes, filed, again
    from (select *, row_number() over (partition by order_id order by item)
                    as nth
          from unnest(order_ids, show_nos, user_ids, admins, seats, terms,
                      idem_keys, fingerprints)
               with ordinality
               q(order_id, show_no, user_id, admin, seats, terms, idem_key,
                 fingerprint, item)) p
    left join shows s on s.show_no = p.show_no
    left join screens n on n.screen_id = s.screen_id
    left join theatres t on t.theatre_id = n.theatre_id;

    outcomes := take_keys(user_ids, idem_keys, fingerprints, 'cancel',
                          order_ids, filed);

    found := array(
        select o
        from unnest(wishes) w
        join orders o on o.order_id = w.order_id
                     and o.show_date = w.show_date
        where outcomes[w.item] is null
          and (again is null or w.item <> all (again))
          and (w.admin or o.user_id = w.user_id collate "C")
        order by o.order_id
        for update of o);

    -- locked in the order of their ids, as everywhere
    perform
    from unnest(found) f
    join payments p on p.payment_id = f.payment_id
    order by p.payment_id
    for update of p;

    -- Under the locks their state is what it is.  The moment that counts is
    -- when this transaction began, as for every deadline of an order: who
    -- has waited for a lock was in time if the request was.
    cuts := array(
        select order_cut(o, w, started)
        from unnest(found) o join unnest(wishes) w
             on w.order_id = o.order_id and w.show_date = o.show_date
            and outcomes[w.item] is null
            and (again is null or w.item <> all (again)));

    outcomes := array(
        select case when outcomes[w.item] is not null then outcomes[w.item]
                    when w.item = any (again) then 'retry'
                    else coalesce(c.outcome, 'not_found') end
        from unnest(wishes) w left join unnest(cuts) c using (item)
        order by w.item);

    cuts := array(select c from unnest(cuts) c
                  where c.outcome in ('cancelled', 'seats_cancelled'));

    if cardinality(cuts) > 0 then
        perform do_cuts(cuts, started);
    end if;

    perform give_keys_back(array_agg(w.user_id), array_agg(w.idem_key))
    from unnest(wishes) w
    where w.idem_key is not null and w.show_date is not null
      and outcomes[w.item] in ('not_found', 'closed', 'over', 'not_seats',
                               'unpaid', 'ended', 'retry')
    having count(*) > 0;

    -- replayed is what was answered then, whatever has become of it

    return query
    select w.item, outcomes[w.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id,
           case when x.order_id is null or x.left_nos = '{}' then o.seat_nos
                else x.left_nos end,
           array_to_string(case when x.order_id is null or x.left_ids = '{}'
                                then o.seat_ids else x.left_ids end, ','),
           o.amount, o.currency::text,
           case when x.order_id is null then o.status
                when x.left_nos = '{}' then 'CANCELLED'
                else 'CONFIRMED' end,
           unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method,
           case when outcomes[w.item] in ('cancelled', 'seats_cancelled')
                then c.cut_nos end,
           case when x.order_id is not null
                then cancellation_json(x, o.currency) end
    from unnest(wishes) w
    left join unnest(cuts) c using (item)
    left join idempotency k
           on outcomes[w.item] = 'replayed'
          and k.user_id = w.user_id collate "C"
          and k.key = w.idem_key collate "C"
    left join orders o
           on o.order_id = coalesce(k.order_id, w.order_id)
          and o.show_date = coalesce(k.show_date, w.show_date)
          and outcomes[w.item] not in ('key_reused', 'in_progress',
                                       'not_found', 'retry')
    left join lateral (
        select * from cancellations y
        where y.order_id = o.order_id
          and case outcomes[w.item]
              when 'replayed' then y.by_user = w.user_id collate "C"
                               and y.idem_key = w.idem_key collate "C"
              when 'already' then y.version = o.version
              else y.version = c.version end) x on true;
end
$$;


-- The same for whole orders, as 009 had it: an administrator gives everything
-- back.

create or replace function cancel_orders(
    order_ids uuid[], show_nos int[], user_ids text[], admins boolean[],
    idem_keys text[], fingerprints text[])
returns setof order_outcome
language sql
set search_path = boxoffice, pg_temp
as $$
    select item, outcome, order_id, show_id, show_no, user_id, hold_id,
           seat_nos, seat_ids, amount, currency, status, created_ms,
           expires_ms, confirmed_ms, ended_ms, ticket_code, payment_method,
           null::int[]
    from cancel_seats(order_ids, show_nos, user_ids, admins, null,
                      array(select case when a then 'FULL' else 'POLICY' end
                            from unnest(admins) with ordinality u(a, n)
                            order by n),
                      idem_keys, fingerprints)
$$;


-- What would be given back of an order, or of some of its seats, at this
-- moment and at each step from now on; one row.  outcome: found, not_found,
-- not_seats, unpaid, ended.  answer: see docs/api.md.

create function refund_quote(order_id uuid, show_no int, user_id text,
                             admin boolean, seats text)
returns table (outcome text, answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    o     orders;
    wish  cancel_wish;
    cut   order_cut;
    steps json;
    policy refund_policies;
    started timestamptz(3) := now();
begin
    wish.item := 1;
    wish.admin := false;
    wish.terms := 'POLICY';
    wish.seats := string_to_array(seats, ',');

    select s.show_date, s.starts_at, t.theatre_id, t.timezone
    into wish.show_date, wish.starts_at, wish.theatre_id, wish.zone
    from shows s join screens using (screen_id) join theatres t
         using (theatre_id)
    where s.show_no = refund_quote.show_no;

    select * into o from orders d
    where d.order_id = refund_quote.order_id
      and d.show_date = wish.show_date
      and (refund_quote.admin or d.user_id = refund_quote.user_id);

    if o.order_id is null then
        return query select 'not_found', null::text;
        return;
    end if;

    cut := order_cut(o, wish, started);

    if cut.outcome = 'already' then
        cut.outcome := 'ended';
    end if;

    if cut.outcome in ('not_seats', 'unpaid', 'ended')
       or o.status not in ('PAYMENT_PENDING', 'CONFIRMED') then
        return query select case when cut.outcome in ('not_seats', 'unpaid')
                                 then cut.outcome else 'ended' end,
                            json_build_object('orderId', o.order_id,
                                              'status', o.status)::text;
        return;
    end if;

    if o.status = 'CONFIRMED' then
        select * into policy
        from refund_policy_at(wish.theatre_id, o.created_at);

        -- Each step by the same rule, at its last moment; one that a better
        -- one outlasts is not worth telling.
        select json_agg(json_build_object('until', rfc3339(d.until),
                                          'percent', d.percent,
                                          'amount', c.amount)
                        order by d.until)
        into steps
        from refund_deadlines(policy.theatre_id, policy.version,
                              wish.starts_at, wish.zone) d
        cross join lateral order_cut(o, wish,
            least(d.until, wish.starts_at - interval '1 millisecond')) c
        where d.until >= started and started < wish.starts_at
          and c.percent = d.percent;
    end if;

    return query
    select 'found', json_build_object(
        'orderId', o.order_id,
        'seatIds', coalesce(cut.cut_ids, wish.seats, o.seat_ids),
        'currency', o.currency,
        'cancellable', cut.outcome in ('cancelled', 'seats_cancelled'),
        'price', coalesce(cut.amount + cut.kept, 0),
        'amount', coalesce(cut.amount, 0),
        'percent', cut.percent,
        'policy', case when policy.version is not null
                  then json_build_object('theatreId', policy.theatre_id,
                                         'version', policy.version) end,
        'steps', coalesce(steps, '[]'))::text;
end
$$;


-- What was given back of an order, oldest first; no row: there is no such
-- order of this user.

create function order_refunds(order_id uuid, show_no int, user_id text,
                              admin boolean)
returns table (answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    o orders;
begin
    select d.* into o
    from shows s
    join orders d on d.order_id = order_refunds.order_id
                 and d.show_date = s.show_date
    where s.show_no = order_refunds.show_no
      and (order_refunds.admin or d.user_id = order_refunds.user_id);

    if o.order_id is null then
        return;
    end if;

    return query
    select json_build_object('items', coalesce(json_agg(json_build_object(
        'refundId', r.refund_id, 'amount', r.amount, 'currency', r.currency,
        'reason', r.reason, 'status', r.status, 'seatIds', c.seat_ids,
        'requestedAt', rfc3339(r.created_at), 'doneAt', rfc3339(r.done_at))
        order by r.created_at, r.refund_id), '[]'))::text
    from refunds r left join cancellations c using (refund_id)
    where r.order_id = o.order_id;
end
$$;


-- Closes a show for good: no holds, no orders from here on; its orders follow
-- by cancel_show_orders().
--
-- outcome: cancelled; already; replayed, key_reused; over (it has ended);
-- no_show.  See show_cancellation() for how far it is.

create function cancel_show(show_id uuid, who text, used_key text,
                            payload text)
returns table (outcome text, answer text)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    show shows;
    made show_cancellations;
    how  text;
begin
    how := (take_keys(array[who], array[used_key], array[payload],
                      'cancel_show', array[cancel_show.show_id],
                      array[current_date]))[1];

    if how in ('key_reused', 'in_progress') then
        return query select how, null::text;
        return;
    end if;

    select * into show from shows s
    where s.show_id = cancel_show.show_id for update;

    if how is null and (show.show_id is null or show.ends_at <= now()) then
        perform give_keys_back(array[who], array[used_key]);
        return query select case when show.show_id is null then 'no_show'
                                 else 'over' end, null::text;
        return;
    end if;

    select * into made from show_cancellations c
    where c.show_id = cancel_show.show_id;

    if how is null and (show.status = 'SCHEDULED' or made.show_id is null) then
        how := 'cancelled';

        -- another epoch: whatever Redis has of it is out of date
        update shows s set status = 'CANCELLED', epoch = epoch + 1
        where s.show_id = cancel_show.show_id;

        insert into show_cancellations as c (show_id, show_no, at, by_user)
        values (show.show_id, show.show_no, now(), who)
        on conflict on constraint show_cancellations_pkey
        do update set at = now(), by_user = who, finished_at = null
        returning * into made;

        insert into outbox (aggregate_id, version, type, payload)
        select show.show_id,
               1 + coalesce((select max(b.version) from outbox b
                             where b.aggregate_id = show.show_id), 0),
               'show.cancelled',
               jsonb_build_object('showId', show.show_id,
                                  'showNo', show.show_no,
                                  'startsAt', rfc3339(show.starts_at),
                                  'by', who);
    end if;

    return query
    select coalesce(how, 'already'), json_build_object(
        'showId', show.show_id, 'status', 'CANCELLED',
        'cancelledAt', rfc3339(made.at))::text;
end
$$;


-- How far the cancellation of a show is; no row: it was not cancelled so.

create function show_cancellation(show_id uuid)
returns table (answer text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'showId', x.show_id, 'status', s.status,
        'cancelledAt', rfc3339(x.at), 'by', x.by_user,
        'ordersCancelled', x.orders,
        'ordersLeft', (select count(distinct c.order_id) from seat_claims c
                       where c.show_id = x.show_id),
        'refunded', x.refunded, 'currency', s.currency,
        'finishedAt', rfc3339(x.finished_at))::text
    from show_cancellations x join shows s using (show_id)
    where x.show_id = show_cancellation.show_id
$$;


-- Shows whose cancellation is under way, or was done some minutes ago.

create function closing_shows() returns table (show_id uuid, show_date date)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select c.show_id, s.show_date
    from show_cancellations c join shows s using (show_id)
    where s.status = 'CANCELLED'
      and (c.finished_at is null
           or c.finished_at > now() - interval '10 minutes')
$$;


-- Cancels up to max (1..1000) orders of shows that were cancelled, and gives
-- everything back; returns them.  Any number of nodes may do this at once:
-- each takes other orders, and each batch is committed or has not happened.

create function cancel_show_orders(max int) returns setof cancel_outcome
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
    started timestamptz(3) := now();
    bound   int := least(greatest(max, 1), 1000);
    shows_of uuid[];
    filed   date[];
    found   orders[];
    cuts    order_cut[];
    done    record;
begin
    select array_agg(c.show_id), array_agg(c.show_date)
    into shows_of, filed
    from closing_shows() c;

    if shows_of is null then
        return;
    end if;

    -- Only live orders have claims.  Some at random, so that one which cannot
    -- be cancelled keeps no others waiting but those it meets; and not all are
    -- looked at to take a few.
    found := array(
        select o
        from (select order_id, show_date
              from (select distinct c.order_id, p.show_date
                    from unnest(shows_of, filed) p(show_id, show_date)
                    join seat_claims c using (show_id)) e
              order by random()
              limit 3 * bound) d
        join orders o on o.order_id = d.order_id
                     and o.show_date = d.show_date
        where o.status in ('PAYMENT_PENDING', 'CONFIRMED')
        limit bound
        for update of o skip locked);

    perform
    from unnest(found) f
    join payments p on p.payment_id = f.payment_id
    order by p.payment_id
    for update of p;

    cuts := array(
        select order_cut(o, row((row_number() over ())::int, o.order_id,
                                o.show_date, null, null, null, 'boxoffice',
                                true, null, 'SHOW', null, null)::cancel_wish,
                         started)
        from unnest(found) o);

    if cardinality(cuts) > 0 then
        perform do_cuts(cuts, started);
    end if;

    return query
    select c.item, c.outcome, o.order_id, o.show_id, o.show_no, o.user_id,
           o.hold_id, o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method, c.cut_nos,
           null
    from unnest(cuts) c join orders o using (order_id, show_date);

    -- The counts last: their rows are locked for the shortest time.  Sorted,
    -- for another node may be at the same shows.

    for done in
        select c.show_id, sum(coalesce(u.amount, 0)) as amount,
               count(u.order_id) as n, c.version
        from (select x.show_id,
                     1 + coalesce((select max(b.version) from outbox b
                                   where b.aggregate_id = x.show_id), 0)
                     as version
              from show_cancellations x
              where x.show_id = any (shows_of)
                and (x.finished_at is null
                     or x.show_id in (select u.show_id from unnest(cuts) u))
              order by x.show_id
              for update of x) c
        left join unnest(cuts) u on u.show_id = c.show_id
        group by c.show_id, c.version
    loop
        if done.n > 0 then
            update show_cancellations x
            set orders = x.orders + done.n,
                refunded = x.refunded + done.amount
            where x.show_id = done.show_id;
        end if;

        if not exists (select from seat_claims c
                       where c.show_id = done.show_id) then
            with ended as (
                update show_cancellations x set finished_at = started
                where x.show_id = done.show_id and x.finished_at is null
                returning *
            )
            insert into outbox (aggregate_id, version, type, payload)
            select e.show_id, done.version, 'show.refunded',
                   jsonb_build_object('showId', e.show_id,
                                      'showNo', e.show_no,
                                      'orders', e.orders,
                                      'refunded', e.refunded)
            from ended e;
        end if;
    end loop;
end
$$;
