-- Bookings that were answered before they were written.
--
-- A booking was accepted in Redis, with its seats locked and its message in a
-- stream.  What is written here is an order under the booking's id, which is
-- the id of its hold as well: so a message that comes again finds what it did
-- the first time.

set local search_path = boxoffice, pg_temp;


create type booking as (
    item           int,
    booking_id     uuid,
    show_id        uuid,
    show_no        int,
    show_date      date,
    user_id        text,
    seat_nos       text,
    seat_ids       text,
    amount         bigint,
    currency       text,
    payment_method text,
    name           text,
    email          text,
    phone          text,
    ttl_ms         int,
    user_limit     int,
    starts_ms      bigint
);


-- Writes accepted bookings as orders.  Element k of each array belongs to item
-- k; returns one row for each item.
--
-- booking_ids   made by the server; they become order_id and hold_id
-- seat_nos      "{1,2}", without repetition; seat_ids "A1,A2" in the same order
-- amounts, currencies
--               what the customer was told.  A price that has changed since
--               does not matter any more.
-- starts_ms     when the show began as the customer was told; null: not known
-- the others    as those of create_orders()
--
-- outcome:
-- created       it is an order that waits for its payment
-- known         it was written before: the order as it is now
-- seats_taken, limit, closed, moved
--               it cannot be (moved: nobody is sent to another time than he
--               booked): written as a FAILED order without seats, with
--               both of its events; the second bears the reason
-- retry         nothing was written, and the message is to come again
--
-- Who was erased after he booked is not named by what is written later.
--
-- The events of a refused booking are those of any order that fails, so
-- whoever tells customers tells this one, too.

create function persist_bookings(
    booking_ids uuid[], show_ids uuid[], show_nos int[], user_ids text[],
    seat_nos text[], seat_ids text[], amounts bigint[], currencies text[],
    payment_methods text[], names text[], emails text[], phones text[],
    ttls_ms int[], user_limits int[], starts_ms bigint[])
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
    started timestamptz(3) := now();
    items   booking[];
    known   int[];
    todo    int[];
    moved   int[];
    as_of   int[];
    results order_outcome[] := '{}';
    tried   order_outcome[];
begin
    select array_agg(row(p.item, p.booking_id, p.show_id, p.show_no,
                         coalesce(s.show_date, current_date), p.user_id,
                         p.seat_nos, p.seat_ids, p.amount, p.currency,
                         p.payment_method,
                         case when gone then '' else p.name end,
                         case when gone then '' else p.email end,
                         case when not gone then p.phone end,
                         p.ttl_ms, p.user_limit, p.starts_ms)::booking
                     order by p.item)
    into items
    from unnest(booking_ids, show_ids, show_nos, user_ids, seat_nos,
                seat_ids, amounts, currencies, payment_methods, names,
                emails, phones, ttls_ms, user_limits, starts_ms)
         with ordinality
         p(booking_id, show_id, show_no, user_id, seat_nos, seat_ids, amount,
           currency, payment_method, name, email, phone, ttl_ms, user_limit,
           starts_ms, item)
    left join shows s on s.show_id = p.show_id
    left join people q on q.user_id = p.user_id
    cross join lateral (select q.erased_at is not null) e(gone);

    known := array(
        select i.item from unnest(items) i
        join orders o on o.order_id = i.booking_id
                     and o.show_date = i.show_date);

    todo := array(select i.item from unnest(items) i
                  where i.item <> all (known) order by i.item);

    -- What lost only to others that lost is tried again: the first of those
    -- always comes to its end.

    for n in 1 .. cardinality(todo) + 3 loop
        exit when cardinality(todo) = 0;

        -- of one moment: a show that moves later has another revision

        select coalesce(array_agg(x.item) filter (where x.moved), '{}'),
               coalesce(array_agg(x.item order by x.item)
                        filter (where not x.moved), '{}'),
               array_agg(x.revision order by x.item)
               filter (where not x.moved)
        into moved, todo, as_of
        from (select i.item, coalesce(s.revision, 0) as revision,
                     coalesce(unix_ms(s.starts_at) <> i.starts_ms, false)
                     as moved
              from unnest(items) i left join shows s on s.show_id = i.show_id
              where i.item = any (todo)) x;

        results := results || array(
            select row(m.item, 'moved', null, null, null, null, null, null,
                       null, null, null, null, null, null, null, null, null,
                       null, null)::order_outcome
            from unnest(moved) m(item));

        exit when cardinality(todo) = 0;

        select array_agg(r::order_outcome order by r.item) into tried
        from (select array_agg(i.booking_id order by i.item) as ids,
                     array_agg(i.show_id order by i.item) as shows,
                     array_agg(i.user_id order by i.item) as users,
                     array_agg(i.seat_nos order by i.item) as nos,
                     array_agg(i.seat_ids order by i.item) as labels,
                     array_agg(i.amount order by i.item) as amounts,
                     array_agg(i.payment_method order by i.item) as methods,
                     array_agg(i.name order by i.item) as names,
                     array_agg(i.email order by i.item) as emails,
                     array_agg(i.phone order by i.item) as phones,
                     array_agg(i.ttl_ms order by i.item) as ttls,
                     array_agg(i.user_limit order by i.item) as limits,
                     array_agg(null::text order by i.item) as nothing
              from unnest(items) i
              where i.item = any (todo)) a
        cross join lateral create_orders(a.ids, a.shows, as_of,
            a.users, a.ids, a.nos, a.labels, a.amounts, a.methods, a.names,
            a.emails, a.phones, a.ttls, a.limits, a.nothing, a.nothing) r;

        -- numbered among those that were tried
        tried := array(
            select row(todo[r.item],
                       case r.outcome when 'hold_ordered' then 'known'
                                      when 'stale' then 'retry'
                                      else r.outcome end,
                       r.order_id, r.show_id, r.show_no, r.user_id,
                       r.hold_id, r.seat_nos, r.seat_ids, r.amount,
                       r.currency, r.status, r.created_ms, r.expires_ms,
                       r.confirmed_ms, r.ended_ms, r.ticket_code,
                       r.payment_method, r.conflicts)::order_outcome
            from unnest(tried) r);

        results := results || array(
            select r::order_outcome from unnest(tried) r
            where r.outcome <> 'retry');

        todo := array(select r.item from unnest(tried) r
                      where r.outcome = 'retry' order by r.item);
    end loop;

    with lost as (
        select i.*, r.outcome as reason, r.conflicts
        from unnest(results) r join unnest(items) i on i.item = r.item
        where r.outcome in ('seats_taken', 'limit', 'closed', 'moved')
    ), made as (
        -- another may be writing the same: then it is there, and was told
        insert into orders as o (order_id, show_date, show_id, show_no,
            user_id, hold_id, seat_nos, seat_ids, amount, currency,
            payment_method, customer_name, customer_email, customer_phone,
            created_at, expires_at, ended_at, status, version)
        select booking_id, show_date, show_id, show_no, user_id, booking_id,
               seat_nos::int[], string_to_array(seat_ids, ','), amount,
               currency, payment_method, name, email, phone, started,
               started, started, 'FAILED', 2
        from lost
        order by booking_id
        on conflict do nothing
        returning o.order_id, order_event(o) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select m.order_id, e.version, e.type, m.event || e.change
    from made m
    join lost l on l.booking_id = m.order_id
    cross join lateral (values
        (1, 'order.created',
         jsonb_build_object('status', 'PAYMENT_PENDING', 'version', 1)),
        (2, 'order.failed',
         jsonb_build_object('reason', l.reason))) e(version, type, change)
    order by m.order_id, e.version;

    return query
    select i.item,
           case when i.item = any (known) then 'known'
                else coalesce(r.outcome, 'retry') end,
           o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method, r.conflicts
    from unnest(items) i
    left join unnest(results) r on r.item = i.item
    left join orders o on o.order_id = i.booking_id
                      and o.show_date = i.show_date;
end
$$;
