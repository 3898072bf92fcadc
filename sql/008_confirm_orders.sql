-- What becomes of orders by their payments.

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
    fingerprint text,
    open        boolean,    -- the show is to come
    user_limit  int
);

create type locked_order as (
    item       int,
    status     text,
    expires_at timestamptz,
    amount     bigint,
    currency   text
);


-- Seats for orders that had expired and are paid after all: those of items
-- that are all free and can still be sold, when the show begins as it was
-- ordered.  Nothing kept it from being moved, nor seats from breaking, while
-- nobody had a claim.  The caller has the orders' locks, and so has to say
-- which others it will free: their users' rows come before any claim.  Returns
-- the items that have their seats, and their users' counts, again.

create function seat_again(items int[], order_ids uuid[], show_dates date[],
                           user_limits int[], freed uuid[], freed_dates date[])
returns int[]
language plpgsql
as $$
#variable_conflict use_column
declare
    won int[];
begin
    perform share_shows(array_agg(o.show_id))
    from unnest(order_ids, show_dates) p(order_id, show_date)
    join orders o using (order_id, show_date);

    insert into user_seats (show_id, user_id, seats, orders)
    select distinct o.show_id, o.user_id, 0, 1
    from unnest(order_ids, show_dates) p(order_id, show_date)
    join orders o using (order_id, show_date)
    order by 1, 2
    on conflict (show_id, user_id) do nothing;

    perform
    from (select distinct o.show_id, o.user_id
          from unnest(order_ids || freed, show_dates || freed_dates)
               p(order_id, show_date)
          join orders o using (order_id, show_date)) e
    join user_seats u using (show_id, user_id)
    order by u.show_id, u.user_id
    for update of u;

    insert into seat_claims (show_id, seat_no, order_id)
    select o.show_id, n.seat_no, o.order_id
    from unnest(order_ids, show_dates) p(order_id, show_date)
    join orders o using (order_id, show_date)
    cross join unnest(o.seat_nos) n(seat_no)
    order by 1, 2, 3
    on conflict (show_id, seat_no) do nothing;

    -- others of the batch count against the limit, whether they win or not
    won := array(
        select r.item
        from (select p.item, p.user_limit, o.order_id, o.show_id, o.seat_nos,
                     o.show_starts,
                     u.seats + sum(cardinality(o.seat_nos))
                               over (partition by o.show_id, o.user_id
                                     order by p.item) as seats
              from unnest(items, order_ids, show_dates, user_limits)
                   p(item, order_id, show_date, user_limit)
              join orders o using (order_id, show_date)
              join user_seats u using (show_id, user_id)) r
        join shows s using (show_id)
        where r.seats <= r.user_limit
          and s.status = 'SCHEDULED'
          and s.starts_at > now()
          and s.starts_at = r.show_starts
          and cardinality(r.seat_nos)
              = (select count(*)
                 from unnest(r.seat_nos) n(seat_no)
                 join layout_seats l on l.layout_id = s.layout_id
                                    and l.seat_no = n.seat_no
                 left join show_seats k on k.show_id = r.show_id
                                       and k.seat_no = n.seat_no
                 where coalesce(k.kind, l.kind) in ('NORMAL', 'ACCESSIBLE'))
          and cardinality(r.seat_nos)
              = (select count(*)
                 from unnest(r.seat_nos) n(seat_no)
                 join seat_claims c on c.show_id = r.show_id
                                   and c.seat_no = n.seat_no
                 where c.order_id = r.order_id));

    delete from seat_claims c
    using (select o.show_id, n.seat_no, o.order_id
           from unnest(items, order_ids, show_dates)
                p(item, order_id, show_date)
           join orders o using (order_id, show_date)
           cross join unnest(o.seat_nos) n(seat_no)
           where p.item <> all (won)
           offset 0) e
    where c.show_id = e.show_id and c.seat_no = e.seat_no
      and c.order_id = e.order_id;

    update user_seats u set seats = u.seats + e.seats
    from (select o.show_id, o.user_id, sum(cardinality(o.seat_nos)) as seats
          from unnest(items, order_ids, show_dates)
               p(item, order_id, show_date)
          join orders o using (order_id, show_date)
          where p.item = any (won)
          group by o.show_id, o.user_id) e
    where u.show_id = e.show_id and u.user_id = e.user_id;

    return won;
end
$$;


-- Confirms orders whose payment was captured, fails those whose payment was
-- declined.  Element k of each array belongs to item k; returns one row for
-- each item.
--
-- user_ids      the owner; null for a trusted caller (the gateway itself),
--               which then takes no idempotency key
-- payment_ids   the provider's, one for each capture ever made
-- verdicts      CAPTURED or DECLINED
-- ticket_codes  made by the server, given to the order if it is confirmed
-- user_limits   seats one user may have in live orders of the show, for an
--               order that had expired
--
-- outcome:
-- confirmed     PAYMENT_PENDING became CONFIRMED, also when its time was over;
--               or EXPIRED did, for its seats were free, and they and the
--               time are what they were
-- declined      PAYMENT_PENDING became FAILED, its seats are free
-- already       it is CONFIRMED: nothing happens
-- expired, failed, cancelled
--               it is in that state; expired also when its deadline had
--               passed without a capture and it came to its end here
-- payment_used  the payment was captured for another order: nothing happens
-- replayed      key and fingerprint were seen: the order as it is now, but with
--               all the seats that it had
-- key_reused    the key was used for something else
-- in_progress   an item before it in the batch has the same user and key
-- not_found     there is no such order of this user
-- retry         an item before it in the batch has the order or the payment
--
-- A captured payment that confirms nothing (already with another payment,
-- expired, failed, cancelled) is recorded with its refund, once for ever.

create function confirm_orders(
    order_ids uuid[], show_nos int[], user_ids text[], payment_ids text[],
    verdicts text[], providers text[], ticket_codes text[], idem_keys text[],
    fingerprints text[], user_limits int[])
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
    items      paid_order[];
    locked     locked_order[];
    outcomes   text[];
    becomes    text[];      -- the state an item's order goes to, if any
    dates      date[];
    again      int[];       -- second items of an order or a payment
    taken      int;
    fresh      text[];      -- payments that were not known before
    won        int[];       -- items that have their seats again
    wanted     int;
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
                         p.fingerprint,
                         s.status = 'SCHEDULED' and s.starts_at > started,
                         p.user_limit)::paid_order order by p.item),
           array_agg(s.show_date order by p.item),
           array_agg(p.item) filter (where p.nth > 1
                                        or (p.paid > 1
                                            and p.verdict = 'CAPTURED'))
    into items, dates, again
    from (select *, row_number() over (partition by order_id order by item)
                    as nth,
                 row_number() over (partition by payment_id order by item)
                    as paid
          from unnest(order_ids, show_nos, user_ids, payment_ids, verdicts,
                      providers, ticket_codes, idem_keys, fingerprints,
                      user_limits)
               with ordinality
               q(order_id, show_no, user_id, payment_id, verdict, provider,
                 ticket_code, idem_key, fingerprint, user_limit, item)) p
    left join shows s on s.show_no = p.show_no;

    if array_position(user_ids, null) is not null then
        idem_keys := array(select i.idem_key from unnest(items) i
                           order by i.item);
    end if;

    outcomes := take_keys(user_ids, idem_keys, fingerprints, 'confirm',
                          order_ids, dates);

    -- Under the orders' locks their state is what it is: decide.

    locked := array(
        select row(i.item, o.status, o.expires_at, o.amount,
                   o.currency)::locked_order
        from unnest(items) i
        join orders o on o.order_id = i.order_id
                     and o.show_date = i.show_date
        where outcomes[i.item] is null
          and (again is null or i.item <> all (again))
          and (i.user_id is null or o.user_id = i.user_id collate "C")
        order by o.order_id
        for update of o);

    select array_agg(case when outcomes[i.item] is not null
                          then outcomes[i.item]
                          when i.item = any (again) then 'retry'
                          when l.item is null then 'not_found'
                          when l.status = 'CONFIRMED' then 'already'
                          when l.status <> 'PAYMENT_PENDING'
                          then lower(l.status)
                          when i.captured then 'confirmed'
                          when l.expires_at <= started then 'expired'
                          else 'declined' end order by i.item),
           array_agg(case when l.status is distinct from 'PAYMENT_PENDING'
                          then null
                          when i.captured then 'CONFIRMED'
                          when l.expires_at <= started then 'EXPIRED'
                          else 'FAILED' end order by i.item),
           count(l.item) filter (where i.captured)
    into outcomes, becomes, wanted
    from unnest(items) i left join unnest(locked) l using (item);

    -- the payments and their books; which are new, only if it matters

    with taken as (
        insert into payments (payment_id, order_id, show_date, provider,
                              amount, currency, status)
        select i.payment_id, i.order_id, i.show_date, i.provider, l.amount,
               l.currency, 'CAPTURED'
        from unnest(locked) l join unnest(items) i using (item)
        where i.captured
        order by i.payment_id collate "C"
        -- money that was given up may come after all
        on conflict (payment_id) do update
        set status = 'CAPTURED', amount = excluded.amount
        where payments.status = 'FAILED'
          and payments.order_id = excluded.order_id
        returning payment_id, order_id, provider, amount, currency
    ), noted as (
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select amount, order_id, currency, payment_id, 'captured',
               'gateway:' || provider, 'orders'
        from taken
    )
    select count(*), array_agg(payment_id) into taken, fresh from taken;

    if taken <> wanted then
        -- some were recorded before: for their order, or for another one?
        select array_agg(case when p.payment_id is null
                              then outcomes[i.item]
                              else 'payment_used' end order by i.item),
               array_agg(case when p.payment_id is null
                              then becomes[i.item] end order by i.item)
        into outcomes, becomes
        from unnest(items) i
        left join unnest(locked) l using (item)
        left join payments p
               on l.item is not null and i.captured
              and p.payment_id = i.payment_id collate "C"
              and p.order_id <> i.order_id;
    end if;

    if 'expired' = any (outcomes) and exists (
        select from unnest(items) i
        where outcomes[i.item] = 'expired' and i.captured and i.open
          and i.payment_id = any (fresh)) then

        select seat_again(array_agg(i.item) filter (where i.again),
                          array_agg(i.order_id) filter (where i.again),
                          array_agg(i.show_date) filter (where i.again),
                          array_agg(i.user_limit) filter (where i.again),
                          array_agg(i.order_id) filter (where not i.again),
                          array_agg(i.show_date) filter (where not i.again))
        into won
        from (select *, outcomes[item] = 'expired' and captured and open
                        and payment_id = any (fresh) as again
              from unnest(items)) i
        where i.again or becomes[i.item] in ('FAILED', 'EXPIRED');

        select array_agg(case when i.item = any (won) then 'confirmed'
                              else outcomes[i.item] end order by i.item),
               array_agg(case when i.item = any (won) then 'CONFIRMED'
                              else becomes[i.item] end order by i.item)
        into outcomes, becomes
        from unnest(items) i;
    end if;

    return query
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
        returning i.item, o.*, order_event(o) as event
    ), noted as (
        insert into outbox (aggregate_id, version, type, payload)
        select order_id, version, 'order.' || lower(status), event
        from moved
    )
    select o.item, outcomes[o.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id, o.seat_nos,
           array_to_string(o.seat_ids, ','), o.amount, o.currency::text,
           o.status, unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method, null::int[]
    from moved o;

    if 'confirmed' = all (outcomes) then
        return;
    end if;

    insert into refunds (payment_id, order_id, show_date, amount, currency,
                         cause, reason)
    select i.payment_id, i.order_id, i.show_date, l.amount, l.currency,
           'unseated',
           case outcomes[i.item] when 'expired' then 'LATE'
                                 when 'already' then 'DUPLICATE'
                                 when 'failed' then 'ORDER_FAILED'
                                 else 'CANCELLED' end
    from unnest(items) i join unnest(locked) l using (item)
    where i.captured and outcomes[i.item] <> 'confirmed' and l.amount > 0
      and i.payment_id = any (fresh)
    order by i.payment_id collate "C"
    on conflict (payment_id, cause) do nothing;

    perform free_seats(array_agg(i.order_id), array_agg(i.show_date))
    from unnest(items) i
    where becomes[i.item] in ('FAILED', 'EXPIRED')
    having count(*) > 0;

    -- keys stay where they had an effect, or where there was none to have

    perform give_keys_back(array_agg(i.user_id), array_agg(i.idem_key))
    from unnest(items) i
    where i.idem_key is not null and i.show_date is not null
      and outcomes[i.item] in ('not_found', 'expired', 'failed', 'cancelled',
                               'payment_used', 'retry')
    having count(*) > 0;

    return query
    select i.item, outcomes[i.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id, coalesce(h.nos, o.seat_nos),
           coalesce(h.ids, array_to_string(o.seat_ids, ',')), o.amount,
           o.currency::text,
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
                                       'not_found', 'retry')
    left join lateral (
        select * from order_had(o.order_id, o.show_id, o.seat_ids)
        where outcomes[i.item] = 'replayed') h on true
    where becomes[i.item] is null;
end
$$;
