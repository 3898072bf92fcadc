-- What is asked of a gateway, and when it is asked again.
--
-- A payment begins with a row of payment_intents, committed before the gateway
-- hears of it: its id is the idempotency key there, so that an answer that was
-- lost can be asked for again.  Whatever the gateway says later, by webhook,
-- in an answer or in a list, comes to take_word() and has its effect once.

set local search_path = boxoffice, pg_temp;


create table site (
    only_one boolean not null default true,
    site_id  uuid not null default gen_random_uuid(),

    constraint site_pkey primary key (only_one),
    constraint site_only_one check (only_one)
);

comment on table site is
    'The mark of this database.  Gateways are told it with each payment, so '
    'that those of others on the same account are known as such.';

insert into site default values;


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

-- what can be purged: events that wait for somebody are not in it, however
-- many have gathered
create index webhook_events_over on webhook_events (received_at)
    where outcome not in ('parked', 'quarantined');

comment on table webhook_events is
    'Events of gateways that were taken: each has its effect once.  A parked '
    'one came before what it speaks of, and is tried again.';
comment on column webhook_events.digest is
    'Of the body: the same id with another body is no repetition.';


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


-- Begins the payment of an order: the intent that is to be shown to the
-- gateway under its id.  One row, or none when there is no such order of
-- user_id (of anybody, for null).
--
-- outcome:
-- created       a new intent: new_id
-- open          the order has one already, which the columns are
-- CONFIRMED, FAILED, EXPIRED, CANCELLED
--               the order is in that state; EXPIRED also when its time is over
-- free          it costs nothing, and waits or is confirmed: confirm_free() is
--               to be asked
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
    -- The intent that stands in the way of a new one may come to its end before
    -- it is read: then everything is looked at again.  The order is not locked,
    -- for whoever ends an intent locks that first.

    for try in 1 .. 10 loop
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

        -- a key stands for the order: asked again it is answered by what is
        -- there

        if idem_key is not null and try = 1 then
            taken := (take_keys(array[owner], array[idem_key],
                                array[fingerprint], 'pay', array[wanted],
                                array[o.show_date]))[1];
            if taken = 'key_reused' then
                outcome := taken;
                return next;
                return;
            end if;
        end if;

        outcome := case when o.amount = 0 and o.status = 'CONFIRMED'
                        then 'free'
                        when o.status <> 'PAYMENT_PENDING' then o.status
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
                                     amount, currency, method, provider,
                                     check_at)
        values (new_id, o.order_id, o.show_date, o.show_no, o.amount,
                o.currency, o.payment_method, gateway,
                now() + check_ms * interval '1 millisecond')
        on conflict (order_id)
           where status in ('CREATED', 'OPEN', 'AUTHORISED')
        do nothing
        returning intent_id into made;

        return query
        select case when made is null then 'open' else 'created' end,
               i.intent_id, i.provider, i.reference, i.amount,
               i.currency::text, i.method, unix_ms(o.expires_at), o.status
        from payment_intents i
        where i.order_id = o.order_id
          and i.status in ('CREATED', 'OPEN', 'AUTHORISED');

        if found then
            return;
        end if;
    end loop;

    raise exception 'the payments of an order end as fast as they are begun'
          using errcode = 'serialization_failure';
end
$$;


-- Confirms an order that costs nothing: no gateway makes a payment of nothing.
-- Its books are those of any other, with a payment of 0, so that all that asks
-- for an order's payment finds one.  One row, or none when there is no such
-- order of owner (of anybody, for null), or it costs something.  The outcomes of
-- confirm_orders(); the key is that of begin_payment(), which had no effect.

create function confirm_free(
    wanted uuid, of_show int, owner text, idem_key text, fingerprint text,
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
    of_date date;
    taken   text;
    r       order_outcome;
begin
    select o.show_date into of_date
    from shows s
    join orders o on o.order_id = wanted and o.show_date = s.show_date
    where s.show_no = of_show and o.amount = 0
      and (owner is null or o.user_id = owner collate "C");

    if not found then
        return;
    end if;

    if idem_key is not null then
        taken := (take_keys(array[owner], array[idem_key], array[fingerprint],
                            'pay', array[wanted], array[of_date]))[1];
        if taken in ('key_reused', 'in_progress') then
            r.item := 1;
            r.outcome := taken;
            return next r;
            return;
        end if;
    end if;

    select * into r from confirm_orders(
        array[wanted], array[of_show], array[owner],
        array['free-' || wanted], array['CAPTURED'], array['free'],
        array[ticket_code], array[null::text], array[null::text],
        array[user_limit]);

    if taken is null and idem_key is not null
       and r.outcome not in ('confirmed', 'already') then
        perform give_keys_back(array[owner], array[idem_key]);
    end if;

    return next r;
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
