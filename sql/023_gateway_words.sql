-- What a gateway's word does: of a payment, of a refund, of one that somebody
-- began at the gateway's own desk.
--
-- An event that speaks of what is not here is parked.  Those of others who use
-- the same account are told apart at once ('foreign'), and what stays unknown
-- does not stay for good: 'lost' bears our mark, and what it speaks of never
-- came, so a case is open.

set local search_path = boxoffice, pg_temp;


-- A refund's word; see take_word().  A refund may fail after it was done.
-- Words come in any order: of one refund at the gateway, what failed after it
-- was done stays so.

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


-- A refund that somebody began at the provider's desk.  Whoever gets all of it
-- back has no ticket any more: the order is cancelled, and its seats are free.
-- Should one of them have been let in, the order stays as it is.
--
-- Returns null when it is not of that kind, or stands for one of ours that
-- failed, and is to be taken as any other; 'order_cancelled', and 'already'
-- when it comes again.

create function take_desk_refund(w gateway_word) returns text
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


-- Takes the key of a customer who brings a word, before anything that the word
-- is about is locked or changed: what was done under a key before says nothing
-- about the payment, which then is left to the job.  Null: go on, the key is
-- taken; else the outcome.

create function take_word_key(w gateway_word, owner text, idem_key text,
                              fingerprint text)
returns text
language plpgsql
as $$
#variable_conflict use_column
declare
    i payment_intents;
begin
    select * into i from payment_intents
    where intent_id = w.intent_id
       or (w.intent_id is null and provider = w.provider
           and reference = w.reference);

    if i.intent_id is null then
        return 'unknown';
    end if;

    return (take_keys(array[owner], array[idem_key], array[fingerprint],
                      'confirm', array[i.order_id], array[i.show_date]))[1];
end
$$;


-- What a word does that is of no refund at a desk; see take_word().

create function take_word_as_usual(w gateway_word, owner text,
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
    i       payment_intents;
    r       order_outcome;
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

            select * into r from confirm_orders(
                array[i.order_id], array[i.show_no], array[owner],
                array[w.payment_id], array['CAPTURED'], array[w.provider],
                array[ticket_code], array[null::text], array[null::text],
                array[user_limit]);

            -- only what is in the books is asked about no more
            if r.outcome in ('confirmed', 'already', 'expired', 'failed',
                             'cancelled') then
                update payment_intents
                set status = 'CAPTURED',
                    reference = coalesce(reference, w.reference, w.payment_id)
                where intent_id = i.intent_id and status <> 'CAPTURED';
            end if;

            return next r;
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


-- Takes a word, whoever brings it; its effect comes once, in any order of the
-- words.  owner, idem_key and fingerprint are a customer's who asks; null for
-- the gateway.  Returns one row, the order where there is one.
--
-- outcome: those of confirm_orders(); of them replayed, key_reused and
-- in_progress are said of the key, and the word is not taken.  And
-- unknown       we asked for no such payment (yet); for a refund: its payment
--               is not captured (yet)
-- quarantined   it is not what was asked for: nothing is confirmed, and
--               somebody must look
-- authorised, declined, noted, refunded, refund_failed
--               that is taken down
-- order_cancelled
--               the money went back at the gateway's desk, all of it, so the
--               order is cancelled by this, and its seats are free
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
    r        order_outcome;
    said     text;
    of_order uuid;
    of_date  date;
begin
    if w.kind = 'REFUNDED' then
        said := take_desk_refund(w);

        select order_id, show_date into of_order, of_date
        from payments where payment_id = w.payment_id;

    elsif owner is not null and idem_key is not null then
        said := take_word_key(w, owner, idem_key, fingerprint);

        if said = 'replayed' then
            select order_id, show_date into of_order, of_date
            from idempotency
            where user_id = owner collate "C" and key = idem_key collate "C";
        end if;
    end if;

    if said is not null then
        return query
        select 1, said, o.order_id, o.show_id, o.show_no, o.user_id,
               o.hold_id, o.seat_nos, array_to_string(o.seat_ids, ','),
               o.amount, o.currency::text, o.status, unix_ms(o.created_at),
               unix_ms(o.expires_at), unix_ms(o.confirmed_at),
               unix_ms(o.ended_at), o.ticket_code, o.payment_method,
               null::int[]
        from (values (1)) one
        left join orders o on o.order_id = of_order
                          and o.show_date = of_date;
        return;
    end if;

    select * into r
    from take_word_as_usual(w, owner, ticket_code, user_limit);

    -- a key stays where it had an effect, or where there was none to have
    if owner is not null and idem_key is not null
       and (w.kind <> 'CAPTURED'
            or r.outcome not in ('confirmed', 'already')) then
        perform give_keys_back(array[owner], array[idem_key]);
    end if;

    if r.outcome = 'quarantined' then
        perform open_case(w);
    end if;

    return next r;
end
$$;


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
