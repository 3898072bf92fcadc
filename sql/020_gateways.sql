-- What is asked of a gateway, and what it says.
--
-- A payment begins with a row of payment_intents, committed before the gateway
-- hears of it: its id is the idempotency key there, so that an answer that was
-- lost can be asked for again.  Whatever the gateway says later, by webhook,
-- in an answer or in a list, comes to take_word() and has its effect once.
--
-- The order of locks of 006 begins with two more: webhook_events (provider,
-- event), payment_intents (intent), then orders and the rest.

set local search_path = boxoffice, pg_temp;


create table payment_intents (
    intent_id  uuid not null,
    order_id   uuid not null,
    amount     bigint not null,
    created_at timestamptz(3) not null default now(),
    check_at   timestamptz(3) not null,
    show_date  date not null,
    show_no    int not null,
    checks     int not null default 0,
    currency   char(3) not null,
    method     text collate "C" not null,
    provider   text collate "C" not null,
    status     text collate "C" not null default 'CREATED',
    reference  text collate "C",

    constraint payment_intents_pkey primary key (intent_id),
    constraint payment_intents_amount_positive check (amount > 0),
    constraint payment_intents_status_known
        check (status in ('CREATED', 'OPEN', 'AUTHORISED', 'CAPTURED',
                          'FAILED')),
    constraint payment_intents_open_known
        check (status in ('CREATED', 'FAILED') or reference is not null)
)
with (fillfactor = 85);

-- one at a time: who pays twice by mistake asked for one payment
create unique index payment_intents_live on payment_intents (order_id)
    where status in ('CREATED', 'OPEN', 'AUTHORISED');

create unique index payment_intents_reference
    on payment_intents (provider, reference) where reference is not null;

create index payment_intents_due on payment_intents (check_at)
    where status in ('CREATED', 'OPEN', 'AUTHORISED');

comment on table payment_intents is
    'Payments that a gateway was asked for.  CREATED: it is not known whether '
    'the gateway knows; OPEN: it waits for the customer; AUTHORISED: promised; '
    'CAPTURED: paid; FAILED: it never will be.';
comment on column payment_intents.reference is
    'What the gateway calls it.';
comment on column payment_intents.check_at is
    'When the gateway is asked what became of it.';


create table webhook_events (
    received_at timestamptz(3) not null default now(),
    next_at     timestamptz(3),
    tries       int not null default 0,
    provider    text collate "C" not null,
    event_id    text collate "C" not null,
    digest      text collate "C" not null,
    kind        text collate "C" not null,
    outcome     text collate "C" not null,
    word        jsonb,

    constraint webhook_events_pkey primary key (provider, event_id),
    constraint webhook_events_parked
        check ((outcome = 'parked') = (next_at is not null)
               and (outcome <> 'parked' or word is not null))
);

create index webhook_events_due on webhook_events (next_at)
    where next_at is not null;

create index webhook_events_received on webhook_events
using brin (received_at) with (autosummarize = on);

comment on table webhook_events is
    'Events of gateways that were taken: each has its effect once.  A parked '
    'one came before what it speaks of, and is tried again.';
comment on column webhook_events.digest is
    'Of the body: the same id with another body is no repetition.';


create table gateway_checks (
    provider text collate "C" not null,
    next_at  timestamptz(3) not null,

    constraint gateway_checks_pkey primary key (provider)
);

comment on table gateway_checks is
    'When the list of a gateway''s payments is compared with ours next; '
    'whoever moves it on does it.';


-- The states once more: an order whose time was over is confirmed when its
-- money comes and its seats are still free.

drop trigger orders_state on orders;

create trigger orders_state before update on orders
for each row
when (not (case
           when new.status = old.status then new.version = old.version
           when new.version <> old.version + 1 then false
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
      or new.seat_nos <> old.seat_nos
      or new.amount <> old.amount)
execute function orders_refuse();


alter table idempotency drop constraint idempotency_operation_known;
alter table idempotency add constraint idempotency_operation_known
    check (operation in ('create', 'confirm', 'cancel', 'create_show', 'pay'));

alter type paid_order add attribute open boolean;
alter type paid_order add attribute user_limit int;


-- Seats for orders that had expired and are paid after all: those of items
-- that are all free.  The caller has the orders' locks, and so has to say
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
                     u.seats + sum(cardinality(o.seat_nos))
                               over (partition by o.show_id, o.user_id
                                     order by p.item) as seats
              from unnest(items, order_ids, show_dates, user_limits)
                   p(item, order_id, show_date, user_limit)
              join orders o using (order_id, show_date)
              join user_seats u using (show_id, user_id)) r
        where r.seats <= r.user_limit
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


drop function confirm_orders(uuid[], int[], text[], text[], text[], text[],
                             text[], text[], text[]);

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
--               or EXPIRED did, for its seats were free
-- declined      PAYMENT_PENDING became FAILED, its seats are free
-- already       it is CONFIRMED: nothing happens
-- expired, failed, cancelled
--               it is in that state; expired also when its deadline had
--               passed without a capture and it came to its end here
-- payment_used  the payment was captured for another order: nothing happens
-- replayed      key and fingerprint were seen: the order as it is now
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
                                       'not_found', 'retry')
    where becomes[i.item] is null;
end
$$;


-- Begins the payment of an order: the intent that is to be shown to the
-- gateway under its id.  One row, or none when there is no such order of
-- user_id (of anybody, for null).
--
-- outcome:
-- created       a new intent: new_id
-- open          the order has one already, which the columns are
-- CONFIRMED, FAILED, EXPIRED, CANCELLED
--               the order is in that state; EXPIRED also when its time is over
-- free          it costs nothing: there is nothing to pay
-- key_reused    the key was used for something else

create function begin_payment(
    wanted uuid, of_show int, owner text, gateway text, new_id uuid,
    check_ms int, idem_key text, fingerprint text)
returns table (outcome text, intent_id uuid, provider text, reference text,
               amount bigint, currency text, method text, expires_ms bigint,
               order_status text)
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
    o       orders;
    made    uuid;
    taken   text;
begin
    select r.* into o
    from shows s
    join orders r on r.order_id = wanted and r.show_date = s.show_date
    where s.show_no = of_show
      and (owner is null or r.user_id = owner collate "C");

    if o.order_id is null then
        return;
    end if;

    expires_ms := unix_ms(o.expires_at);
    order_status := o.status;
    amount := o.amount;
    currency := o.currency;
    method := o.payment_method;

    -- a key stands for the order: asked again it is answered by what is there

    if idem_key is not null then
        taken := (take_keys(array[owner], array[idem_key],
                            array[fingerprint], 'pay', array[wanted],
                            array[o.show_date]))[1];
        if taken = 'key_reused' then
            outcome := taken;
            return next;
            return;
        end if;
    end if;

    outcome := case when o.status <> 'PAYMENT_PENDING' then o.status
                    when o.expires_at <= now() then 'EXPIRED'
                    when o.amount = 0 then 'free' end;

    if outcome is not null then
        if taken is null and idem_key is not null then
            perform give_keys_back(array[owner], array[idem_key]);
        end if;
        return next;
        return;
    end if;

    insert into payment_intents (intent_id, order_id, show_date, show_no,
                                 amount, currency, method, provider, check_at)
    values (new_id, o.order_id, o.show_date, o.show_no, o.amount, o.currency,
            o.payment_method, gateway,
            now() + check_ms * interval '1 millisecond')
    on conflict (order_id) where status in ('CREATED', 'OPEN', 'AUTHORISED')
    do nothing
    returning intent_id into made;

    return query
    select case when made is null then 'open' else 'created' end,
           i.intent_id, i.provider, i.reference, i.amount, i.currency::text,
           i.method, unix_ms(o.expires_at), o.status
    from payment_intents i
    where i.order_id = o.order_id
      and i.status in ('CREATED', 'OPEN', 'AUTHORISED');
end
$$;


-- What a gateway says about a payment or a refund.
--
-- kind:
-- OPEN          it waits for the customer; reference is what it is called
-- AUTHORISED    it is promised, and must be captured
-- CAPTURED      the gateway has the money
-- DECLINED      the customer was refused, and may try again
-- FAILED        it never will be paid
-- REFUNDED, REFUND_FAILED
--               of the refund refund_id of ours, or one that the gateway began
--               by itself, provider_refund
--
-- intent_id and order_id are what we told the gateway; null where it does not
-- say.  currency is in upper case.

create type gateway_word as (
    provider        text,
    kind            text,
    payment_id      text,
    reference       text,
    intent_id       uuid,
    order_id        uuid,
    amount          bigint,
    currency        text,
    refund_id       uuid,
    provider_refund text
);


-- A refund's word; see take_word().

create function take_refund_word(w gateway_word) returns text
language plpgsql
as $$
#variable_conflict use_column
declare
    p payments;
    r refunds;
begin
    select * into p from payments
    where payment_id = w.payment_id and provider = w.provider
    for update;

    if p.payment_id is null or p.status not in ('CAPTURED', 'QUARANTINED') then
        return 'unknown';       -- it comes before the capture
    end if;

    select * into r from refunds
    where payment_id = w.payment_id
      and (refund_id = w.refund_id
           or provider_refund = w.provider_refund
           or cause = 'gateway:' || w.provider_refund)
    order by refund_id = w.refund_id desc nulls last
    limit 1
    for update;

    if r.refund_id is null then
        if w.kind <> 'REFUNDED' then
            return 'noted';
        end if;
        if w.currency <> p.currency or w.amount <= 0
           or w.amount > p.amount - p.refunded - p.kept then
            return 'quarantined';   -- more than was to be given back
        end if;

        insert into refunds (payment_id, order_id, show_date, amount,
                             currency, cause, reason, provider_refund)
        values (p.payment_id, p.order_id, p.show_date, w.amount, p.currency,
                'gateway:' || w.provider_refund, 'GATEWAY',
                w.provider_refund)
        returning * into r;

    elsif r.amount <> w.amount then
        return 'quarantined';
    end if;

    if r.status = 'DONE' then
        return 'already';
    end if;

    if w.kind = 'REFUNDED' then
        update refunds
        set status = 'DONE', done_at = now(),
            provider_refund = w.provider_refund
        where refund_id = r.refund_id;
        return 'refunded';
    end if;

    if r.status = 'FAILED' then
        return 'already';
    end if;

    update refunds
    set status = 'FAILED', provider_refund = w.provider_refund
    where refund_id = r.refund_id;
    return 'refund_failed';
end
$$;


-- A promise is over: it was kept, or will not be.  The caller has the order's
-- lock.

create function release_payment(w gateway_word) returns void
language plpgsql
as $$
begin
    update payments p set status = 'FAILED'
    where p.payment_id = w.payment_id and p.status = 'AUTHORISED';

    if found then
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select l.amount, l.order_id, l.currency, l.payment_id, 'released',
               l.credit, l.debit
        from ledger l
        where l.payment_id = w.payment_id and l.step = 'authorised';
    end if;
end
$$;


-- Takes a word, whoever brings it; its effect comes once, in any order of the
-- words.  owner, idem_key and fingerprint are a customer's who asks; null for
-- the gateway.  Returns one row, the order where there is one.
--
-- outcome: those of confirm_orders(), and
-- unknown       we asked for no such payment (yet); for a refund: its payment
--               is not captured (yet)
-- quarantined   it is not what was asked for: nothing is confirmed, and
--               somebody must look
-- authorised, declined, noted, refunded, refund_failed
--               that is taken down
-- gone          it failed, and the order waits for another payment

create function take_word(w gateway_word, owner text, idem_key text,
                          fingerprint text, ticket_code text, user_limit int)
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
    i       payment_intents;
    said    text;
    before  payments;
begin
    if w.kind in ('REFUNDED', 'REFUND_FAILED') then
        said := take_refund_word(w);

    else
        select * into i from payment_intents
        where intent_id = w.intent_id
           or (w.intent_id is null and provider = w.provider
               and reference = w.reference)
        for update;

        said := case
            when i.intent_id is null then 'unknown'
            when i.provider <> w.provider
                 or i.order_id <> w.order_id
                 or exists (select from payment_intents x
                            where x.provider = w.provider
                              and x.reference = w.reference
                              and x.intent_id <> i.intent_id)
            then 'quarantined'
            when w.kind = 'DECLINED' then 'noted' end;
    end if;

    if said is null and i.reference is null and w.reference is not null then
        update payment_intents
        set reference = w.reference,
            status = case when status = 'CREATED' then 'OPEN'
                          else status end
        where intent_id = i.intent_id
        returning * into i;
    end if;

    if said is null and w.kind in ('AUTHORISED', 'CAPTURED', 'FAILED') then

        perform from orders
        where order_id = i.order_id and show_date = i.show_date
          and (owner is null or user_id = owner collate "C")
        for update;

        if not found then
            said := 'not_found';
        elsif w.kind <> 'FAILED' and (w.amount is distinct from i.amount
                                      or w.currency is distinct from
                                         i.currency::text) then
            said := 'quarantined';
        end if;
    end if;

    if said = 'quarantined' and w.kind = 'CAPTURED'
       and i.intent_id is not null and w.amount >= 0
       and w.currency is not null and length(w.currency) = 3 then
        -- the money is there: it is in the books, apart from that of orders
        with taken as (
            insert into payments (payment_id, order_id, show_date, provider,
                                  amount, currency, status)
            values (w.payment_id, i.order_id, i.show_date, w.provider,
                    w.amount, w.currency, 'QUARANTINED')
            on conflict (payment_id) do nothing
            returning *
        )
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select amount, order_id, currency, payment_id, 'captured',
               'gateway:' || provider, 'suspense'
        from taken;
    end if;

    if said is null and w.kind = 'CAPTURED' then
        select * into before from payments where payment_id = w.payment_id;

        if before.status = 'QUARANTINED' then
            said := 'quarantined';
        else
            perform release_payment(w);

            return query
            select * from confirm_orders(
                array[i.order_id], array[i.show_no], array[owner],
                array[w.payment_id], array['CAPTURED'], array[w.provider],
                array[ticket_code], array[idem_key], array[fingerprint],
                array[user_limit]);

            update payment_intents
            set status = 'CAPTURED',
                reference = coalesce(reference, w.reference, w.payment_id)
            where intent_id = i.intent_id and status <> 'CAPTURED';
            return;
        end if;
    end if;

    if said is null and w.kind = 'AUTHORISED' then
        update payment_intents
        set status = 'AUTHORISED', check_at = least(check_at, now()),
            reference = coalesce(reference, w.reference, w.payment_id)
        where intent_id = i.intent_id and status in ('CREATED', 'OPEN');

        said := case when found then 'authorised' else 'already' end;
    end if;

    if said = 'authorised' then
        with taken as (
            insert into payments (payment_id, order_id, show_date, provider,
                                  amount, currency, status)
            values (w.payment_id, i.order_id, i.show_date, w.provider,
                    w.amount, w.currency, 'AUTHORISED')
            on conflict (payment_id) do nothing
            returning *
        )
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select amount, order_id, currency, payment_id, 'authorised',
               'authorisations', 'customers'
        from taken;
    end if;

    if said is null and w.kind = 'FAILED' then
        perform release_payment(w);
        update payment_intents set status = 'FAILED'
        where intent_id = i.intent_id
          and status in ('CREATED', 'OPEN', 'AUTHORISED');
        said := case when found then 'gone' else 'already' end;
    end if;

    return query
    select 1, coalesce(said, 'noted'), o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id, o.seat_nos,
           array_to_string(o.seat_ids, ','), o.amount, o.currency::text,
           o.status, unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method, null::int[]
    from (values (1)) one
    left join orders o on o.order_id = i.order_id
                      and o.show_date = i.show_date
                      and said is distinct from 'not_found';
end
$$;


-- Takes an event of a gateway, whose signature was good.  The outcomes of
-- take_word() and
-- duplicate     it was taken before
-- altered       one of the same id was, with another body
-- parked        it speaks of what is not here yet: it is tried again

create function take_webhook(event text, body_digest text, w gateway_word,
                             ticket_code text, user_limit int)
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
    r    order_outcome;
    seen text;
begin
    insert into webhook_events (provider, event_id, digest, kind, outcome)
    values (w.provider, event, body_digest, w.kind, 'taken')
    on conflict (provider, event_id) do nothing;

    if not found then
        select digest into seen from webhook_events
        where provider = w.provider and event_id = event;

        r.item := 1;
        r.outcome := case when seen = body_digest then 'duplicate'
                          else 'altered' end;
        return next r;
        return;
    end if;

    select * into r
    from take_word(w, null, null, null, ticket_code, user_limit);

    if r.outcome = 'unknown' then
        r.outcome := 'parked';
    end if;

    update webhook_events
    set outcome = r.outcome,
        next_at = case when r.outcome = 'parked'
                       then now() + interval '200 ms' end,
        word = case when r.outcome in ('parked', 'quarantined')
                    then to_jsonb(w) end
    where provider = w.provider and event_id = event;

    return next r;
end
$$;


-- Tries up to cardinality(ticket_codes) parked events again, each of which may
-- need a ticket.  Returns the outcomes of those that are parked no more.

create function take_parked(ticket_codes text[], user_limit int)
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
    e record;
    r order_outcome;
begin
    for e in
        select provider, event_id, word, tries,
               row_number() over () as n
        from (select provider, event_id, word, tries from webhook_events
              where next_at <= now()
              order by next_at
              limit cardinality(ticket_codes)
              for update skip locked) d
    loop
        select * into r
        from take_word(jsonb_populate_record(null::gateway_word, e.word),
                       null, null, null, ticket_codes[e.n], user_limit);

        if r.outcome = 'unknown' then
            -- never given up: it may be money
            update webhook_events
            set tries = tries + 1,
                next_at = now() + least(interval '1 hour',
                                        interval '200 ms' * 2 ^ least(e.tries,
                                                                      16))
                                  * (0.5 + random() / 2)
            where provider = e.provider and event_id = e.event_id;
            continue;
        end if;

        update webhook_events
        set outcome = r.outcome, next_at = null,
            word = case when r.outcome = 'quarantined' then word end
        where provider = e.provider and event_id = e.event_id;

        return next r;
    end loop;
end
$$;


-- Deletes events that were taken more than days (4 or more: gateways repeat
-- theirs for three) ago; returns how many, 5,000 at most.  Parked and
-- quarantined ones stay.

create function purge_webhooks(days int) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    gone bigint;
begin
    delete from webhook_events
    where ctid = any (array(select ctid from webhook_events
                            where received_at < now() - greatest(days, 4)
                                                * interval '1 day'
                              and outcome not in ('parked', 'quarantined')
                            order by received_at
                            limit 5000 for update skip locked));
    get diagnostics gone = row_count;
    return gone;
end
$$;


-- How long to wait before try number tries, in ms: exponential from base_ms
-- with full jitter, base_ms at least, most_ms at most.

create function backoff(tries int, base_ms bigint, most_ms bigint)
returns interval
language sql volatile
return (base_ms + random() * least(most_ms, base_ms * 2 ^ least(tries, 20)))
       * interval '1 millisecond';


-- Takes up to max (1..1000) intents that the gateway is to be asked about, and
-- puts them off for base_ms at least; any number of nodes at once.  They are
-- asked about for a week after their order's time, ever more rarely.

create function due_payments(max int, base_ms int)
returns table (intent_id uuid, provider text, reference text, order_id uuid,
               show_no int, amount bigint, currency text, method text,
               status text, order_status text, over boolean)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    with due as (
        select intent_id from payment_intents
        where status in ('CREATED', 'OPEN', 'AUTHORISED')
          and check_at <= now()
        order by check_at
        limit least(greatest(max, 1), 1000)
        for update skip locked
    ), taken as (
        update payment_intents i
        set checks = i.checks + 1,
            check_at = case when i.created_at < now() - interval '8 days'
                            then 'infinity'
                            else now() + backoff(i.checks, base_ms, 3600000)
                       end
        from due
        where i.intent_id = due.intent_id
        returning i.*
    )
    select t.intent_id, t.provider, t.reference, t.order_id, t.show_no,
           t.amount, t.currency::text, t.method, t.status, o.status,
           o.status <> 'PAYMENT_PENDING'
    from taken t
    join orders o on o.order_id = t.order_id and o.show_date = t.show_date;
end
$$;


-- Takes up to max (1..1000) refunds that are to be sent, and puts them off for
-- base_ms at least.  again: it may be with the gateway already.

create function due_refunds(max int, base_ms int)
returns table (refund_id uuid, provider text, payment_id text,
               order_id uuid, amount bigint, currency text, again boolean)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    with due as (
        select refund_id, status from refunds
        where status in ('PENDING', 'SENT') and next_at <= now()
        order by next_at
        limit least(greatest(max, 1), 1000)
        for update skip locked
    ), taken as (
        update refunds r
        set status = 'SENT', attempts = r.attempts + 1,
            next_at = now() + backoff(r.attempts, base_ms, 3600000)
        from due
        where r.refund_id = due.refund_id
        returning r.*, due.status as was
    )
    select t.refund_id, p.provider, t.payment_id, t.order_id, t.amount,
           t.currency::text, t.was = 'SENT'
    from taken t join payments p on p.payment_id = t.payment_id;
end
$$;


-- What became of a refund that was sent: DONE, FAILED, or PENDING when it did
-- not get there and is to be sent again.  Returns the outcome: it is settled
-- once, whoever says so first.

create function settle_refund(sent uuid, result text, gateways_id text)
returns text
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
    -- the payment first, as everywhere
    perform from payments p
    where p.payment_id = (select r.payment_id from refunds r
                          where r.refund_id = sent)
    for update;

    update refunds r
    set status = result,
        done_at = case when result = 'DONE' then now() end,
        provider_refund = coalesce(gateways_id, r.provider_refund)
    where r.refund_id = sent and r.status in ('PENDING', 'SENT');

    return case when found then lower(result) else 'already' end;
end
$$;


-- Whether this node is the one that compares a gateway's list with ours now;
-- it is not asked again before every_ms have passed.

create function lease_compare(gateway text, every_ms int) returns boolean
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into gateway_checks (provider, next_at)
    values (gateway, '-infinity') on conflict (provider) do nothing;

    update gateway_checks c
    set next_at = now() + every_ms * interval '1 millisecond'
    where c.provider = gateway and c.next_at <= now();

    return found;
end
$$;


-- Compares captured payments of a gateway's list with ours.  Returns what
-- differs: 'missing' (we do not know that it was captured), 'refunds' (the
-- gateway has given back more than our refunds that are done), 'short' (less).

create function compare_payments(gateway text, payment_ids text[],
                                 refunded_there bigint[])
returns table (payment_id text, difference text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select g.payment_id,
           case when p.payment_id is null then 'missing'
                when g.refunded > coalesce(r.done, 0) then 'refunds'
                else 'short' end
    from unnest(payment_ids, refunded_there) g(payment_id, refunded)
    left join payments p
           on p.payment_id = g.payment_id collate "C"
          and p.provider = gateway collate "C"
          and p.status in ('CAPTURED', 'QUARANTINED')
    left join lateral (select sum(amount) as done from refunds d
                       where d.payment_id = p.payment_id
                         and d.status = 'DONE') r on true
    where p.payment_id is null or g.refunded <> coalesce(r.done, 0)
$$;


-- Figures for those who watch: by what, how many.

create function payment_figures()
returns table (what text, n bigint)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select 'refunds_waiting', count(*) from refunds
    where status in ('PENDING', 'SENT')
    union all
    select 'refunds_failed', count(*) from refunds where status = 'FAILED'
    union all
    select 'payments_quarantined', count(*) from payments
    where status = 'QUARANTINED' and refunded < amount
    union all
    select 'webhooks_parked', count(*) from webhook_events
    where next_at is not null
$$;
