-- Events of gateways that have no end here: those of others who use the same
-- account are told apart at once, and what stays unknown does not stay for
-- good.  And a payment that ends while another is begun.

set local search_path = boxoffice, pg_temp;


create table site (
    only_one boolean not null default true,
    site_id  uuid not null default gen_random_uuid(),

    constraint site_pkey primary key (only_one),
    constraint site_only_one check (only_one)
);

insert into site default values;

comment on table site is
    'The mark of this database.  Gateways are told it with each payment, so '
    'that those of others on the same account are known as such.';


-- 'foreign': it was none of ours; 'lost': it bears our mark, and what it speaks
-- of never came.  Of the latter, a case is open.

alter table quarantine drop constraint quarantine_why_known;
alter table quarantine add constraint quarantine_why_known
    check (why in ('GATEWAY', 'ORDER', 'AMOUNT', 'CURRENCY', 'REFERENCE',
                   'REFUND', 'UNKNOWN'));

comment on column quarantine.why is
    'What does not fit: AMOUNT or CURRENCY are not those asked for; ORDER: it '
    'names another one; GATEWAY: another one was asked; REFERENCE: it is that '
    'of another payment; REFUND: it is not what was to be given back; UNKNOWN: '
    'it was asked for by this database, which knows nothing of it (any more).';


-- Whether a word of which take_word() knows nothing can come to mean something.
-- What we ask for is in the tables before the gateway hears of it: so only what
-- bears our mark, and a refund of the gateway's own, which may come before its
-- capture, are worth waiting for.

create function worth_parking(w gateway_word, mark uuid) returns boolean
language sql stable
set search_path = boxoffice, pg_temp
return case when w.kind in ('REFUNDED', 'REFUND_FAILED')
            then w.refund_id is null
            else w.intent_id is not null
                 -- of payments begun before there was a mark
                 and coalesce(mark = (select site_id from site), true) end;


drop function take_webhook(text, text, gateway_word, text, int);

-- Takes an event of a gateway, whose signature was good.  The outcomes of
-- take_word() and
-- duplicate     it was taken before
-- altered       one of the same id was, with another body
-- parked        it speaks of what is not here yet: it is tried again
-- foreign       it speaks of what is none of ours
--
-- mark: that of the database which asked for the payment; null when there is
-- none.

create function take_webhook(event text, body_digest text, w gateway_word,
                             ticket_code text, user_limit int, mark uuid)
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
        r.outcome := case when worth_parking(w, mark) then 'parked'
                          else 'foreign' end;
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


-- The end of a parked event of which nothing came: money that bears our mark is
-- a case for an administrator.

create function give_up_parked(w gateway_word) returns text
language plpgsql
as $$
begin
    if w.kind in ('REFUNDED', 'REFUND_FAILED') then
        return 'foreign';
    end if;

    if w.kind = 'CAPTURED' then
        insert into quarantine (amount, provider, kind, why, payment_id,
                                currency)
        values (w.amount, w.provider, w.kind, 'UNKNOWN', w.payment_id,
                w.currency)
        on conflict do nothing;
    end if;

    return 'lost';
end
$$;


drop function take_parked(text[], int);

-- Tries a parked event again, for which ticket_code is, should it confirm an
-- order.  No row when none is due; else one: the outcome, which is those of
-- take_word() and
-- parked        it still speaks of what is not here
-- foreign       it is days old, and was none of ours
-- lost          the same, but it bears our mark
-- error         it cannot be taken, and is tried again: status is the SQLSTATE,
--               and the server's log says more
--
-- One event is a transaction, so that one which cannot be taken keeps no other
-- waiting, and no two of them wait for each other.

create function take_parked(ticket_code text, user_limit int)
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
    -- gateways repeat what they had to say for three days
    kept constant interval := '4 days';
    e webhook_events;
    w gateway_word;
    r order_outcome;
begin
    select * into e from webhook_events
    where next_at <= now()
    order by next_at
    limit 1
    for update skip locked;

    if not found then
        return;
    end if;

    w := jsonb_populate_record(null::gateway_word, e.word);

    begin
        select * into r
        from take_word(w, null, null, null, ticket_code, user_limit);
    exception when others then
        raise log 'event % of gateway % cannot be taken: % (%)',
                  e.event_id, e.provider, sqlerrm, sqlstate;
        r := null;
        r.item := 1;
        r.outcome := 'error';
        r.status := sqlstate;
    end;

    if r.outcome = 'unknown' then
        r.outcome := case when e.received_at > now() - kept then 'parked'
                          else give_up_parked(w) end;
    end if;

    update webhook_events
    set outcome = case when r.outcome = 'error' then 'parked'
                       else r.outcome end,
        tries = tries + 1,
        next_at = case when r.outcome in ('parked', 'error')
                       then now() + least(interval '1 hour',
                                          interval '200 ms'
                                          * 2 ^ least(e.tries, 16))
                                    * (0.5 + random() / 2) end,
        word = case when r.outcome in ('parked', 'error', 'quarantined',
                                       'lost') then word end
    where provider = e.provider and event_id = e.event_id;

    return next r;
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

create or replace function begin_payment(
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
