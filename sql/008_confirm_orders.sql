-- What the payment gateway says about orders.

set local search_path = boxoffice, pg_temp;


create type paid_order as (
    item        int,
    order_id    uuid,
    show_date   date,
    user_id     text,
    payment_id  text,
    captured    boolean,
    provider    text,
    ticket_code text,
    idem_key    text,
    fingerprint text
);


-- Confirms orders whose payment was captured, fails those whose payment was
-- declined.  Element k of each array belongs to item k; returns one row for
-- each item.
--
-- user_ids      the owner; null for a trusted caller (the gateway itself),
--               which then takes no idempotency key
-- payment_ids   the provider's, one for each capture ever made
-- verdicts      CAPTURED or DECLINED
-- ticket_codes  made by the server, given to the order if it is confirmed
--
-- outcome:
-- confirmed     PAYMENT_PENDING became CONFIRMED
-- declined      PAYMENT_PENDING became FAILED, its seats are free
-- already       it is CONFIRMED: nothing happens
-- expired, failed, cancelled
--               it is in that state; expired also when its deadline had
--               passed and it came to its end here
-- payment_used  the payment was captured for another order: nothing happens
-- replayed      key and fingerprint were seen: the order as it is now
-- key_reused    the key was used for something else
-- in_progress   an item before it in the batch has the same user and key
-- not_found     there is no such order of this user
-- retry         an item before it in the batch has the order or the payment
--
-- A captured payment that confirms nothing (already with another payment,
-- expired, failed, cancelled) is recorded as REFUND_PENDING with its event,
-- once for ever.

create function confirm_orders(
    order_ids uuid[], show_nos int[], user_ids text[], payment_ids text[],
    verdicts text[], providers text[], ticket_codes text[], idem_keys text[],
    fingerprints text[])
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
    items     paid_order[];
    outcomes  text[];
    becomes   text[];
    again     int[];
    used      int[];
    ended     uuid[];
    dates     date[];
begin
    if exists (select from unnest(verdicts, payment_ids) p(verdict, payment)
               where verdict is null
                  or verdict not in ('CAPTURED', 'DECLINED')
                  or (verdict = 'CAPTURED' and payment is null)) then
        raise exception 'a verdict is unknown, or a capture without payment'
              using errcode = 'invalid_parameter_value';
    end if;

    select array_agg(row(p.item, p.order_id, s.show_date, p.user_id,
                         p.payment_id, p.verdict = 'CAPTURED', p.provider,
                         p.ticket_code,
                         case when p.user_id is not null then p.idem_key end,
                         p.fingerprint)::paid_order order by p.item),
           array_agg(p.item) filter (where p.nth > 1
                                        or (p.paid > 1
                                            and p.verdict = 'CAPTURED'))
    into items, again
    from (select *, row_number() over (partition by order_id order by item)
                    as nth,
                 row_number() over (partition by payment_id order by item)
                    as paid
          from unnest(order_ids, show_nos, user_ids, payment_ids, verdicts,
                      providers, ticket_codes, idem_keys, fingerprints)
               with ordinality
               q(order_id, show_no, user_id, payment_id, verdict, provider,
                 ticket_code, idem_key, fingerprint, item)) p
    left join shows s on s.show_no = p.show_no;

    outcomes := take_keys(user_ids,
                          array(select i.idem_key from unnest(items) i
                                order by i.item),
                          fingerprints, 'confirm', order_ids,
                          array(select i.show_date from unnest(items) i
                                order by i.item));

    -- Under the orders' locks their state is what it is: decide.

    with found as (
        select i.item, i.captured, o.status, o.expires_at
        from unnest(items) i
        join orders o on o.order_id = i.order_id
                     and o.show_date = i.show_date
        where outcomes[i.item] is null
          and (again is null or i.item <> all (again))
          and (i.user_id is null or o.user_id = i.user_id collate "C")
        order by o.order_id
        for update of o
    )
    select array_agg(case when outcomes[i.item] is not null
                          then outcomes[i.item]
                          when i.item = any (again) then 'retry'
                          when f.item is null then 'not_found'
                          when f.status = 'CONFIRMED' then 'already'
                          when f.status <> 'PAYMENT_PENDING'
                          then lower(f.status)
                          when f.expires_at <= started then 'expired'
                          when i.captured then 'confirmed'
                          else 'declined' end order by i.item),
           array_agg(case when f.status is distinct from 'PAYMENT_PENDING'
                          then null
                          when f.expires_at <= started then 'EXPIRED'
                          when i.captured then 'CONFIRMED'
                          else 'FAILED' end order by i.item)
    into outcomes, becomes
    from unnest(items) i left join found f using (item);

    with taken as (
        insert into payments (payment_id, order_id, show_date, provider,
                              amount, currency, status, refund_at)
        select i.payment_id, o.order_id, o.show_date, i.provider, o.amount,
               o.currency,
               case when outcomes[i.item] = 'confirmed' then 'CAPTURED'
                    else 'REFUND_PENDING' end,
               case when outcomes[i.item] <> 'confirmed' then started end
        from unnest(items) i
        join orders o on o.order_id = i.order_id
                     and o.show_date = i.show_date
        where i.captured
          and outcomes[i.item] in ('confirmed', 'already', 'expired',
                                   'failed', 'cancelled')
        order by i.payment_id collate "C"
        on conflict (payment_id) do nothing
        returning *, payment_event(payments) as event
    ), noted as (
        insert into outbox (aggregate_id, version, type, payload)
        select aggregate_id, 1, 'payment.refund_requested', event
        from taken
        where status = 'REFUND_PENDING'
    )
    select array_agg(i.item) into used
    from unnest(items) i
    where i.captured
      and outcomes[i.item] in ('confirmed', 'already', 'expired', 'failed',
                               'cancelled')
      and not exists (select from taken t where t.payment_id = i.payment_id);

    if used is not null then
        -- recorded before: for this order, or for another
        used := array(
            select i.item from unnest(items) i
            join payments p on p.payment_id = i.payment_id collate "C"
            where i.item = any (used) and p.order_id <> i.order_id);

        outcomes := array(
            select case when i.item = any (used) then 'payment_used'
                        else outcomes[i.item] end
            from unnest(items) i order by i.item);
        becomes := array(
            select case when i.item <> all (used) then becomes[i.item] end
            from unnest(items) i order by i.item);
    end if;

    with moved as (
        update orders o
        set status = becomes[i.item],
            version = o.version + 1,
            confirmed_at = case when becomes[i.item] = 'CONFIRMED'
                                then started end,
            payment_id = case when becomes[i.item] = 'CONFIRMED'
                              then i.payment_id end,
            ticket_code = case when becomes[i.item] = 'CONFIRMED'
                               then i.ticket_code end,
            ended_at = case when becomes[i.item] <> 'CONFIRMED'
                            then started end
        from unnest(items) i
        where becomes[i.item] is not null
          and o.order_id = i.order_id and o.show_date = i.show_date
        returning o.*, order_event(o) as event
    ), noted as (
        insert into outbox (aggregate_id, version, type, payload)
        select order_id, version, 'order.' || lower(status), event
        from moved
    )
    select array_agg(order_id), array_agg(show_date) into ended, dates
    from moved where status <> 'CONFIRMED';

    if ended is not null then
        perform free_seats(ended, dates);
    end if;

    -- keys stay where they had an effect, or where there was none to have

    perform give_keys_back(array_agg(i.user_id), array_agg(i.idem_key))
    from unnest(items) i
    where i.idem_key is not null and i.show_date is not null
      and outcomes[i.item] in ('not_found', 'expired', 'failed', 'cancelled',
                               'payment_used', 'retry')
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
