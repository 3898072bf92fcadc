-- Orders that are taken back.

set local search_path = boxoffice, pg_temp;


create type dropped_order as (
    item        int,
    order_id    uuid,
    show_date   date,
    begun       boolean,    -- the show has
    user_id     text,
    admin       boolean,
    idem_key    text,
    fingerprint text
);


-- Cancels orders.  Element k of each array belongs to item k; returns one row
-- for each item.
--
-- user_ids      who asks, and whose idempotency key it is
-- admins        true: may cancel anybody's order, also after the show began
--
-- outcome:
-- cancelled     it became CANCELLED; if it was live its seats are free, and a
--               captured payment is REFUND_PENDING with its event
-- already       it was CANCELLED before
-- closed        the show has started
-- replayed      key and fingerprint were seen: the order as it is now
-- key_reused    the key was used for something else
-- in_progress   an item before it in the batch has the same user and key
-- not_found     there is no such order of this user
-- retry         an item before it in the batch has the order

create function cancel_orders(
    order_ids uuid[], show_nos int[], user_ids text[], admins boolean[],
    idem_keys text[], fingerprints text[])
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
    started   timestamptz(3) := now();
    items     dropped_order[];
    outcomes  text[];
    again     int[];
    filed     date[];
    live      uuid[];
    dates     date[];
begin
    select array_agg(row(p.item, p.order_id, s.show_date,
                         s.starts_at <= started, p.user_id,
                         coalesce(p.admin, false), p.idem_key,
                         p.fingerprint)::dropped_order order by p.item),
           array_agg(s.show_date order by p.item),
           array_agg(p.item) filter (where p.nth > 1)
    into items, filed, again
    from (select *, row_number() over (partition by order_id order by item)
                    as nth
          from unnest(order_ids, show_nos, user_ids, admins, idem_keys,
                      fingerprints)
               with ordinality
               q(order_id, show_no, user_id, admin, idem_key, fingerprint,
                 item)) p
    left join shows s on s.show_no = p.show_no;

    outcomes := take_keys(user_ids, idem_keys, fingerprints, 'cancel',
                          order_ids, filed);

    with found as (
        select i.item, o.order_id, o.show_date, o.status
        from unnest(items) i
        join orders o on o.order_id = i.order_id
                     and o.show_date = i.show_date
        where outcomes[i.item] is null
          and (again is null or i.item <> all (again))
          and (i.admin or o.user_id = i.user_id collate "C")
        order by o.order_id
        for update of o
    ), decided as (
        select i.item, f.order_id, f.show_date, f.status,
               case when outcomes[i.item] is not null then outcomes[i.item]
                    when i.item = any (again) then 'retry'
                    when f.item is null then 'not_found'
                    when f.status = 'CANCELLED' then 'already'
                    when i.begun and not i.admin then 'closed'
                    else 'cancelled' end as outcome
        from unnest(items) i left join found f using (item)
    )
    select array_agg(outcome order by item),
           array_agg(order_id) filter (where outcome = 'cancelled'
               and status in ('PAYMENT_PENDING', 'CONFIRMED')),
           array_agg(show_date) filter (where outcome = 'cancelled'
               and status in ('PAYMENT_PENDING', 'CONFIRMED'))
    into outcomes, live, dates
    from decided;

    -- locked in the order of their ids, as everywhere
    perform
    from payments p
    where p.payment_id in (select o.payment_id
                           from unnest(live, dates) d(order_id, show_date)
                           join orders o using (order_id, show_date))
    order by p.payment_id
    for update of p;

    with back as (
        update payments p set status = 'REFUND_PENDING', refund_at = started
        from unnest(live, dates) d(order_id, show_date)
        join orders o using (order_id, show_date)
        where p.payment_id = o.payment_id and p.status = 'CAPTURED'
        returning p.aggregate_id, payment_event(p) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select aggregate_id, 1, 'payment.refund_requested', event
    from back;

    with moved as (
        update orders o
        set status = 'CANCELLED', version = o.version + 1, ended_at = started
        from unnest(items) i
        where outcomes[i.item] = 'cancelled'
          and o.order_id = i.order_id and o.show_date = i.show_date
        returning o.order_id, o.version, order_event(o) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select order_id, version, 'order.cancelled', event from moved;

    if live is not null then
        perform free_seats(live, dates);
    end if;

    perform give_keys_back(array_agg(i.user_id), array_agg(i.idem_key))
    from unnest(items) i
    where i.idem_key is not null and i.show_date is not null
      and outcomes[i.item] in ('not_found', 'closed', 'retry')
    having count(*) > 0;

    return query
    select i.item, outcomes[i.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id, o.seat_nos,
           array_to_string(o.seat_ids, ','), o.amount, o.currency::text,
           o.status, unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method, null::int[]
    from unnest(items) i
    left join idempotency k
           on outcomes[i.item] = 'replayed'
          and k.user_id = i.user_id collate "C"
          and k.key = i.idem_key collate "C"
    left join orders o
           on o.order_id = coalesce(k.order_id, i.order_id)
          and o.show_date = coalesce(k.show_date, i.show_date)
          and outcomes[i.item] not in ('key_reused', 'in_progress',
                                       'not_found', 'retry');
end
$$;
