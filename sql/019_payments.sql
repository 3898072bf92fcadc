-- Money: what was captured, what goes back, and the books.
--
-- How to give money back: insert a row into refunds.  That is all.  Triggers
-- count it against its payment (which refuses more than was captured), write
-- its event and, once the gateway has done it, its entry in the ledger.  A
-- cause gives back once: unique (payment_id, cause).  Whoever inserts has
-- locked the payments before, in the order of their ids.
--
-- The order of locks is that of 006, with two more at the end of payments:
-- payments (payment_id), refunds (refund_id), then user_seats, seat_claims.

set local search_path = boxoffice, pg_temp;


create table refunds (
    refund_id       uuid not null default gen_random_uuid(),
    order_id        uuid not null,
    amount          bigint not null,
    created_at      timestamptz(3) not null default now(),
    next_at         timestamptz(3) not null default now(),
    done_at         timestamptz(3),
    show_date       date not null,
    attempts        int not null default 0,
    version         int not null default 1,
    currency        char(3) not null,
    status          text collate "C" not null default 'PENDING',
    payment_id      text collate "C" not null,
    cause           text collate "C" not null,
    reason          text collate "C" not null,
    provider_refund text collate "C",

    constraint refunds_pkey primary key (refund_id),
    constraint refunds_cause_key unique (payment_id, cause),
    constraint refunds_amount_positive check (amount > 0),
    constraint refunds_version_positive check (version >= 1),
    constraint refunds_attempts_positive check (attempts >= 0),
    constraint refunds_cause_short check (length(cause) between 1 and 100),
    constraint refunds_reason_form check (reason ~ '^[A-Z][A-Z_]{0,31}$'),
    constraint refunds_status_known
        check (status in ('PENDING', 'SENT', 'DONE', 'FAILED')),
    constraint refunds_done_complete
        check ((done_at is not null) = (status = 'DONE'))
)
with (fillfactor = 85);

create index refunds_due on refunds (next_at)
    where status in ('PENDING', 'SENT');

create index refunds_of_order on refunds (order_id);

comment on table refunds is
    'Money that goes back.  PENDING: to be sent; SENT: sent, and the answer '
    'is not known; DONE: the gateway has done it; FAILED: it will not, and '
    'somebody must look.';
comment on column refunds.refund_id is
    'Also the idempotency key at the gateway, and what stands for the refund '
    'in the outbox.';
comment on column refunds.cause is
    'What it is given back for; once for each payment.  "unseated": the '
    'payment confirmed nothing.  "cancel": its order was cancelled.';
comment on column refunds.reason is 'The same for people: LATE, DUPLICATE, '
    'ORDER_FAILED, CANCELLED, ...';
comment on column refunds.version is
    'Of its last event, from 1.';
comment on column refunds.next_at is
    'When it is to be sent, or asked about, next.';


create table ledger (
    at         timestamptz(3) not null default now(),
    amount     bigint not null,
    order_id   uuid not null,
    currency   char(3) not null,
    payment_id text collate "C" not null,
    step       text collate "C" not null,
    debit      text collate "C" not null,
    credit     text collate "C" not null,

    constraint ledger_pkey primary key (payment_id, step),
    constraint ledger_amount_positive check (amount >= 0),
    constraint ledger_sides_differ check (debit <> credit),
    constraint ledger_step_known
        check (step in ('authorised', 'released', 'captured')
               or step like 'refunded:%')
);

comment on table ledger is
    'The books, by double entry: each row moves amount from the account it '
    'credits to the account it debits, so that the accounts always balance.  '
    'Rows are added, never changed.  The key lets a step of a payment be '
    'written once.';
comment on column ledger.step is
    'authorised: the gateway has promised it (debit authorisations, credit '
    'customers); released: the promise is kept, or void (the reverse); '
    'captured: the gateway has it (debit gateway:<name>, credit orders, or '
    'credit suspense while somebody must look); refunded:<refund_id>: it was '
    'given back (the reverse of captured).';


create function ledger_refuse() returns trigger
language plpgsql
as $$
begin
    raise exception 'the ledger is only added to'
          using errcode = 'integrity_constraint_violation';
end
$$;

create trigger ledger_append_only before update or delete on ledger
for each statement execute function ledger_refuse();


-- Payments of before: what was a state of the payment is a row of its own.
-- Newer releases of PostgreSQL change no table whose row a function with a
-- parsed body takes.

drop function payment_event(payments);

alter table payments
    add column refunded bigint not null default 0,
    add column kept     bigint not null default 0;

alter table outbox drop constraint outbox_type_known;
alter table outbox add constraint outbox_type_known
    check (type in ('order.created', 'order.confirmed', 'order.failed',
                    'order.expired', 'order.cancelled',
                    'payment.refund_requested', 'payment.refunded',
                    'payment.refund_failed'));

-- their event is there, under the id that now is the refund's
insert into refunds (refund_id, payment_id, order_id, show_date, amount,
                     currency, cause, reason, created_at, status, done_at)
select p.aggregate_id, p.payment_id, p.order_id, p.show_date, p.amount,
       p.currency,
       case when o.payment_id = p.payment_id then 'cancel' else 'unseated' end,
       case when o.payment_id = p.payment_id then 'CANCELLED' else 'LATE' end,
       p.refund_at,
       case when p.status = 'REFUNDED' then 'DONE' else 'PENDING' end,
       case when p.status = 'REFUNDED' then p.refund_at end
from payments p
left join orders o on o.order_id = p.order_id and o.show_date = p.show_date
where p.status <> 'CAPTURED' and p.amount > 0;

insert into ledger (at, amount, order_id, currency, payment_id, step, debit,
                    credit)
select p.created_at, p.amount, p.order_id, p.currency, p.payment_id,
       'captured', 'gateway:' || p.provider, 'orders'
from payments p
union all
select r.done_at, r.amount, r.order_id, r.currency, r.payment_id,
       'refunded:' || r.refund_id, 'orders', 'gateway:' || p.provider
from refunds r join payments p using (payment_id)
where r.status = 'DONE';

alter table payments
    drop constraint payments_status_known,
    drop constraint payments_refund_complete;

update payments p
set refunded = case when status = 'CAPTURED' then 0 else amount end,
    status = 'CAPTURED';

alter table payments drop column refund_at, drop column aggregate_id;

alter table payments
    add constraint payments_status_known
        check (status in ('AUTHORISED', 'CAPTURED', 'FAILED', 'QUARANTINED')),
    add constraint payments_refund_bound
        check (refunded >= 0 and kept >= 0 and refunded + kept <= amount),
    add constraint payments_refund_captured
        check (refunded + kept = 0 or status in ('CAPTURED', 'QUARANTINED'));

comment on table payments is
    'What a gateway says about money, under the gateway''s id of the payment. '
    'The key makes a payment count once: for one order.  What was asked of '
    'the gateway, and has no money yet, is not here.';
comment on column payments.status is
    'AUTHORISED: promised; CAPTURED: the gateway has it; FAILED: it never '
    'will; QUARANTINED: captured, but not what the order asked for, so '
    'somebody must look.';
comment on column payments.refunded is
    'Sum of its refunds, whatever their state; kept by a trigger of refunds.';
comment on column payments.kept is
    'What is not given back of seats that were cancelled, by the terms.';


-- The payload of a refund's event.

create function refund_event(r refunds) returns jsonb
language sql stable
return jsonb_build_object(
    'refundId', r.refund_id, 'paymentId', r.payment_id,
    'orderId', r.order_id, 'showDate', r.show_date, 'amount', r.amount,
    'currency', r.currency, 'reason', r.reason, 'status', r.status,
    'version', r.version);


-- A new refund counts against its payment, and is told.  payments_refund_bound
-- holds two at once apart: both must update the one row.

create function refunds_begin() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    met    int;
    wanted int;
begin
    select count(distinct payment_id) into wanted from added;

    update payments p set refunded = p.refunded + a.amount
    from (select payment_id, currency, order_id, sum(amount) as amount
          from added group by 1, 2, 3) a
    where p.payment_id = a.payment_id and p.currency = a.currency
      and p.order_id = a.order_id;
    get diagnostics met = row_count;

    if met <> wanted then
        raise exception 'a refund without its payment, or of another currency '
                        'or order'
              using errcode = 'integrity_constraint_violation';
    end if;

    insert into outbox (aggregate_id, version, type, payload)
    select a.refund_id, a.version, 'payment.refund_requested',
           refund_event(r)
    from added a join refunds r using (refund_id);

    return null;
end
$$;

create trigger refunds_begin after insert on refunds
referencing new table as added
for each statement execute function refunds_begin();


create function refunds_refuse() returns trigger
language plpgsql
as $$
begin
    raise exception 'refund %: from % to % is no step, or what it is was '
                    'changed', old.refund_id, old.status, new.status
          using errcode = 'integrity_constraint_violation';
end
$$;

create trigger refunds_state before update on refunds
for each row
when (old.status = 'DONE'
      or (old.status = 'FAILED' and new.status = 'SENT')
      or new.version <> old.version
      or new.refund_id <> old.refund_id
      or new.payment_id <> old.payment_id
      or new.order_id <> old.order_id
      or new.amount <> old.amount
      or new.currency <> old.currency
      or new.cause <> old.cause)
execute function refunds_refuse();

create trigger refunds_stay before delete on refunds
for each row execute function refunds_refuse();


-- Its end: the event, and the books.

create function refunds_version() returns trigger
language plpgsql
as $$
begin
    new.version := old.version + 1;
    return new;
end
$$;

-- fires after refunds_state, by its name
create trigger refunds_version before update on refunds
for each row
when (new.status in ('DONE', 'FAILED') and new.status <> old.status)
execute function refunds_version();

create function refunds_end() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    insert into outbox (aggregate_id, version, type, payload)
    values (new.refund_id, new.version,
            case new.status when 'DONE' then 'payment.refunded'
                            else 'payment.refund_failed' end,
            refund_event(new));

    if new.status = 'DONE' then
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select new.amount, new.order_id, new.currency, new.payment_id,
               'refunded:' || new.refund_id, c.credit, c.debit
        from ledger c
        where c.payment_id = new.payment_id and c.step = 'captured';

        if not found then
            raise exception 'refund % of what was never captured',
                            new.refund_id
                  using errcode = 'integrity_constraint_violation';
        end if;
    end if;

    return null;
end
$$;

create trigger refunds_end after update on refunds
for each row
when (new.status in ('DONE', 'FAILED') and new.status <> old.status)
execute function refunds_end();


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
-- expired, failed, cancelled) is recorded with its refund, once for ever.

create or replace function confirm_orders(
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
    started    timestamptz(3) := now();
    items      paid_order[];
    locked     locked_order[];
    outcomes   text[];
    becomes    text[];      -- the state an item's order goes to, if any
    dates      date[];
    again      int[];       -- second items of an order or a payment
    taken      int;
    fresh      text[];      -- payments that were not known before
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
                         p.fingerprint)::paid_order order by p.item),
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
                      providers, ticket_codes, idem_keys, fingerprints)
               with ordinality
               q(order_id, show_no, user_id, payment_id, verdict, provider,
                 ticket_code, idem_key, fingerprint, item)) p
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
                          when l.expires_at <= started then 'expired'
                          when i.captured then 'confirmed'
                          else 'declined' end order by i.item),
           array_agg(case when l.status is distinct from 'PAYMENT_PENDING'
                          then null
                          when l.expires_at <= started then 'EXPIRED'
                          when i.captured then 'CONFIRMED'
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
        on conflict (payment_id) do nothing
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


-- Cancels orders.  Element k of each array belongs to item k; returns one row
-- for each item.
--
-- user_ids      who asks, and whose idempotency key it is
-- admins        true: may cancel anybody's order, also after the show began
--
-- outcome:
-- cancelled     it became CANCELLED; if it was live its seats are free, and
--               what is left of a captured payment has a refund, "cancel"
-- already       it was CANCELLED before
-- closed        the show has started
-- replayed      key and fingerprint were seen: the order as it is now
-- key_reused    the key was used for something else
-- in_progress   an item before it in the batch has the same user and key
-- not_found     there is no such order of this user
-- retry         an item before it in the batch has the order

create or replace function cancel_orders(
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

    insert into refunds (payment_id, order_id, show_date, amount, currency,
                         cause, reason)
    select p.payment_id, p.order_id, p.show_date,
           p.amount - p.refunded - p.kept, p.currency, 'cancel', 'CANCELLED'
    from unnest(live, dates) d(order_id, show_date)
    join orders o using (order_id, show_date)
    join payments p on p.payment_id = o.payment_id
    where p.status = 'CAPTURED' and p.amount > p.refunded + p.kept
    order by p.payment_id;

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
