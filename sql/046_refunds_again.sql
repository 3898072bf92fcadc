-- A refund that failed is tried again when an administrator says so, under a key
-- of its own, or stands for what was given back at the gateway's desk instead.
-- And what is asked for every few seconds reads what it counts, and no more.

set local search_path = boxoffice, pg_temp;


alter table refunds add column tries int not null default 0;

alter table refunds add constraint refunds_tries_positive check (tries >= 0);

comment on column refunds.tries is
    'How many times an administrator has had it tried again.  Gateways answer a '
    'key that they know as before, so each of them has its own.';
comment on column refunds.provider_refund is
    'What the gateway calls it; while it is PENDING or SENT, the last try that '
    'failed.';

create index refunds_failed on refunds (created_at) where status = 'FAILED';

create index payments_quarantined on payments (created_at)
    where status = 'QUARANTINED';


drop function due_refunds(int, int);

-- Takes up to max (1..1000) refunds that are to be sent, and puts them off for
-- base_ms at least.  again: it may be with the gateway already.  key: for this
-- try; failed_as: what the gateway called a try before, which failed.

create function due_refunds(max int, base_ms int)
returns table (refund_id uuid, provider text, payment_id text,
               order_id uuid, amount bigint, currency text, again boolean,
               key text, failed_as text)
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
           t.currency::text, t.was = 'SENT' or t.tries > 0,
           t.refund_id::text || case when t.tries > 0 then '-' || t.tries
                                     else '' end,
           t.provider_refund
    from taken t join payments p on p.payment_id = t.payment_id;
end
$$;


-- Has a refund that failed tried again.  Returns 'retried', 'not_failed' or
-- 'not_found'.

create function retry_refund(wanted uuid) returns text
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    -- the payment first, as everywhere
    perform from payments p
    where p.payment_id = (select r.payment_id from refunds r
                          where r.refund_id = wanted)
    for update;

    update refunds r
    set status = 'PENDING', next_at = now(), attempts = 0,
        tries = r.tries + 1
    where r.refund_id = wanted and r.status = 'FAILED';

    return case when found then 'retried'
                when exists (select from refunds r where r.refund_id = wanted)
                then 'not_failed' else 'not_found' end;
end
$$;


-- A refund that somebody began at the provider's desk: see 022.

create or replace function take_desk_refund(w gateway_word) returns text
language plpgsql
as $$
#variable_conflict use_column
declare
    p     payments;
    o     orders;
    wish  cancel_wish;
    cut   order_cut;
    known bigint;
    room  bigint;
begin
    select * into p from payments
    where payment_id = w.payment_id and provider = w.provider;

    if p.status is distinct from 'CAPTURED' or w.provider_refund is null then
        return null;
    end if;

    -- it stands for one of ours that failed
    if exists (select from refunds
               where payment_id = w.payment_id and status = 'FAILED'
                 and amount = w.amount) then
        return null;
    end if;

    -- the order before its payment, as everywhere
    select * into o from orders
    where order_id = p.order_id and show_date = p.show_date
    for update;

    select * into p from payments where payment_id = w.payment_id for update;

    select sum(amount) into known from refunds
    where payment_id = w.payment_id and status = 'DONE'
      and provider_refund = w.provider_refund;

    if known = w.amount then
        return 'already';
    end if;

    if w.currency is distinct from p.currency::text or w.amount <= 0
       or w.amount > p.amount - p.refunded
       or exists (select from refunds
                  where payment_id = w.payment_id
                    and (refund_id = w.refund_id
                         or provider_refund = w.provider_refund
                         or cause = 'gateway:' || w.provider_refund)) then
        return null;
    end if;

    -- What the terms had kept is given back all the same.

    room := p.amount - p.refunded - p.kept;

    if w.amount > room then
        update payments set kept = kept - (w.amount - room)
        where payment_id = w.payment_id;
    end if;

    if o.status is distinct from 'CONFIRMED'
       or o.payment_id <> p.payment_id or w.amount < room
       or exists (select from checkins c
                  where c.order_id = o.order_id
                    and c.outcome = 'admitted' and c.undone_at is null) then
        return null;
    end if;

    wish.item := 1;
    wish.order_id := o.order_id;
    wish.show_date := o.show_date;
    wish.admin := true;
    wish.terms := 'FULL';
    wish.user_id := 'gateway:' || w.provider;

    cut := order_cut(o, wish, now());

    perform do_cuts(array[cut], now());

    -- more than these seats cost: what was kept of others
    insert into refunds (payment_id, order_id, show_date, amount, currency,
                         cause, reason, provider_refund)
    select p.payment_id, p.order_id, p.show_date, w.amount - cut.amount,
           p.currency, 'gateway:' || w.provider_refund, 'GATEWAY',
           w.provider_refund
    where w.amount > cut.amount;

    update refunds
    set status = 'DONE', done_at = now(), provider_refund = w.provider_refund
    where payment_id = w.payment_id
      and (refund_id = cut.refund_id
           or cause = 'gateway:' || w.provider_refund);

    return 'order_cancelled';
end
$$;


-- A refund's word; see take_word().

create or replace function take_refund_word(w gateway_word) returns text
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

    -- somebody has given back at the gateway's desk what failed
    if r.refund_id is null and w.refund_id is null and w.kind = 'REFUNDED' then
        select * into r from refunds
        where payment_id = w.payment_id and status = 'FAILED'
          and amount = w.amount and currency = w.currency
        order by created_at, refund_id
        limit 1
        for update;
    end if;

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

    if w.kind = 'REFUNDED' then
        if r.status = 'DONE' then
            return case when r.provider_refund <> w.provider_refund
                        then 'quarantined'      -- it was given back twice
                        else 'already' end;
        end if;

        -- done, and then failed: a word that is late, whatever was tried since
        if r.provider_refund = w.provider_refund
           and exists (select from ledger l
                       where l.payment_id = r.payment_id
                         and l.step = 'returned:' || r.refund_id || ':'
                                      || r.version) then
            return 'already';
        end if;

        update refunds
        set status = 'DONE', done_at = now(),
            provider_refund = w.provider_refund
        where refund_id = r.refund_id;
        return 'refunded';
    end if;

    -- an older try that failed says nothing about the one that is done, or under
    -- way
    if r.status = 'FAILED'
       or (r.status in ('PENDING', 'SENT')
           and r.provider_refund = w.provider_refund)
       or (r.status = 'DONE'
           and r.provider_refund is distinct from w.provider_refund) then
        return 'already';
    end if;

    update refunds
    set status = 'FAILED', done_at = null,
        provider_refund = w.provider_refund
    where refund_id = r.refund_id;
    return 'refund_failed';
end
$$;


-- Figures for those who watch: by what, how many.

create or replace function payment_figures()
returns table (what text, n bigint)
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
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
    union all
    select 'quarantine_open', count(*) from quarantine where decision is null
$$;
