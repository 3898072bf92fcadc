-- Orders from holds.

set local search_path = boxoffice, pg_temp;


create type new_order as (
    item           int,
    order_id       uuid,
    show_id        uuid,
    show_no        int,
    show_date      date,
    refusal        text,
    user_id        text,
    hold_id        uuid,
    seat_nos       int[],
    seat_ids       text[],
    amount         bigint,
    currency       text,
    payment_method text,
    name           text,
    email          text,
    phone          text,
    ttl_ms         int,
    user_limit     int,
    idem_key       text,
    fingerprint    text,
    seat_prices    int[],
    show_starts    timestamptz
);

create type item_conflicts as (item int, conflicts int[]);


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
--               now, but with all the seats that it had
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
    perform share_shows(show_ids);

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
                         p.seat_prices::int[],
                         s.starts_at)::new_order order by p.item),
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
            created_at, expires_at, seat_prices, show_starts)
        select i.order_id, i.show_date, i.show_id, i.show_no, i.user_id,
               i.hold_id, i.seat_nos, i.seat_ids, i.amount, i.currency,
               i.payment_method, i.name, i.email, i.phone, started,
               started + i.ttl_ms * interval '1 millisecond', i.seat_prices,
               i.show_starts
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
           o.user_id, o.hold_id, coalesce(h.nos, o.seat_nos),
           coalesce(h.ids, array_to_string(o.seat_ids, ',')), o.amount,
           o.currency::text,
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
    left join lateral (
        select * from order_had(o.order_id, o.show_id, o.seat_ids)
        where outcomes[i.item] = 'replayed') h on true
    where outcomes[i.item] is not null;
end
$$;
