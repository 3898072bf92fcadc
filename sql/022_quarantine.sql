-- What gateways say that does not fit: money and words in doubt, until an
-- administrator decides.

set local search_path = boxoffice, pg_temp;


create table quarantine (
    case_id         uuid not null default gen_random_uuid(),
    order_id        uuid,
    matched_order   uuid,
    opened_at       timestamptz(3) not null default now(),
    decided_at      timestamptz(3),
    amount          bigint,
    show_date       date,
    provider        text collate "C" not null,
    kind            text collate "C" not null,
    why             text collate "C" not null,
    payment_id      text collate "C",
    provider_refund text collate "C",
    currency        text collate "C",
    decision        text collate "C",
    decided_by      text collate "C",
    note            text,

    constraint quarantine_pkey primary key (case_id),
    constraint quarantine_why_known
        check (why in ('GATEWAY', 'ORDER', 'AMOUNT', 'CURRENCY', 'REFERENCE',
                       'REFUND', 'UNKNOWN')),
    constraint quarantine_decision_known
        check (decision in ('REFUND', 'MATCH', 'DISMISS')),
    constraint quarantine_decision_complete
        check ((decision is not null) = (decided_at is not null)
               and (decision is not null) = (decided_by is not null)),
    constraint quarantine_match_complete
        check ((matched_order is not null) = (decision is not distinct from
                                              'MATCH')),
    constraint quarantine_note_short check (length(note) between 1 and 500)
);

-- what is said again is the same case: money by its payment, else by its words
create unique index quarantine_money on quarantine (provider, payment_id)
    where kind = 'CAPTURED' and payment_id is not null;

create unique index quarantine_words on quarantine (
    provider, kind, coalesce(payment_id, ''), coalesce(provider_refund, ''),
    coalesce(amount, -1), coalesce(currency, ''))
    where kind <> 'CAPTURED' or payment_id is null;

create index quarantine_open on quarantine (opened_at, case_id)
    where decision is null;

create index quarantine_decided on quarantine (opened_at, case_id)
    where decision is not null;

comment on table quarantine is
    'What gateways said that does not fit, and what administrators decided.  '
    'It is never deleted.';
comment on column quarantine.order_id is
    'Of the intent, or of the payment whose refund it speaks of.';
comment on column quarantine.why is
    'What does not fit: AMOUNT or CURRENCY are not those asked for; ORDER: it '
    'names another one; GATEWAY: another one was asked; REFERENCE: it is that '
    'of another payment; REFUND: it is not what was to be given back; UNKNOWN: '
    'it was asked for by this database, which knows nothing of it (any more).';
comment on column quarantine.decision is
    'REFUND: the money goes back; MATCH: it pays matched_order; DISMISS: there '
    'was nothing to do, or it was done elsewhere.';


-- Opens the case of a word that does not fit, or finds that it is open.

create function open_case(w gateway_word) returns void
language plpgsql
as $$
#variable_conflict use_column
declare
    i payment_intents;
begin
    if w.kind in ('REFUNDED', 'REFUND_FAILED') then
        insert into quarantine (order_id, show_date, amount, provider, kind,
                                why, payment_id, provider_refund, currency)
        select p.order_id, p.show_date, w.amount, w.provider, w.kind, 'REFUND',
               w.payment_id, w.provider_refund, w.currency
        from (values (1)) one
        left join payments p on p.payment_id = w.payment_id
        on conflict do nothing;
        return;
    end if;

    select * into i from payment_intents
    where intent_id = w.intent_id
       or (w.intent_id is null and provider = w.provider
           and reference = w.reference);

    insert into quarantine (order_id, show_date, amount, provider, kind, why,
                            payment_id, currency)
    select i.order_id, i.show_date, w.amount, w.provider, w.kind,
           case when i.provider <> w.provider then 'GATEWAY'
                when i.order_id <> w.order_id then 'ORDER'
                when w.currency is distinct from i.currency::text
                then 'CURRENCY'
                when w.amount is distinct from i.amount then 'AMOUNT'
                else 'REFERENCE' end,
           w.payment_id, w.currency
    on conflict do nothing;

    -- its money is there: there is nothing to ask the gateway until somebody
    -- has decided
    update payment_intents n set check_at = 'infinity'
    where n.intent_id = i.intent_id and w.kind = 'CAPTURED'
      and exists (select from payments p
                  where p.payment_id = w.payment_id
                    and p.status = 'QUARANTINED');
end
$$;


-- A case, as administrators see it.

create function quarantine_json(q quarantine) returns text
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'caseId', q.case_id, 'openedAt', rfc3339(q.opened_at),
        'gateway', q.provider, 'kind', q.kind, 'why', q.why,
        'paymentId', q.payment_id, 'gatewayRefundId', q.provider_refund,
        'amount', q.amount, 'currency', q.currency,
        'refundable', coalesce((select p.amount - p.refunded - p.kept
                                from payments p
                                where p.payment_id = q.payment_id
                                  and p.status = 'QUARANTINED'), 0),
        'order', (select json_build_object(
                      'orderId', o.order_id, 'showId', o.show_id,
                      'userId', o.user_id, 'seatIds', o.seat_ids,
                      'amount', o.amount, 'currency', o.currency,
                      'status', o.status)
                  from orders o
                  where o.order_id = q.order_id
                    and o.show_date = q.show_date),
        'status', case when q.decision is null then 'OPEN'
                       else 'DECIDED' end,
        'decision', q.decision, 'matchedOrderId', q.matched_order,
        'decidedBy', q.decided_by, 'decidedAt', rfc3339(q.decided_at),
        'note', q.note)::text
$$;


-- Cases, the latest first, from those before (ms, id) on: open ones, or those
-- that were decided.

create function list_quarantine(decided boolean, before_ms bigint,
                                before_id uuid, max int)
returns table (case_id uuid, opened_ms bigint, item text)
language sql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
    select q.case_id, unix_ms(q.opened_at), quarantine_json(q)
    from quarantine q
    where (q.decision is not null) = decided
      and (q.opened_at, q.case_id)
          < (to_timestamp(before_ms / 1000.0), before_id)
    order by q.opened_at desc, q.case_id desc
    limit max
$$;


-- Pays an order with money that is in quarantine.  The caller has locked the
-- case.  Returns null when it is done, else why not; see decide_quarantine().

create function match_quarantine(q quarantine, wanted uuid, of_show int,
                                 ticket text, user_limit int) returns text
language plpgsql
as $$
#variable_conflict use_column
declare
    o orders;
    p payments;
    s shows;
begin
    select * into s from shows where show_no = of_show;

    select * into o from orders
    where order_id = wanted and show_date = s.show_date
    for update;

    if o.order_id is null then
        return 'no_order';
    end if;

    select * into p from payments
    where payment_id = q.payment_id and provider = q.provider
      and status = 'QUARANTINED' and refunded = 0
    for update;

    if p.payment_id is null then
        return 'no_money';
    end if;

    if o.status not in ('PAYMENT_PENDING', 'EXPIRED') then
        return 'ended';
    end if;

    if p.currency <> o.currency or p.amount < o.amount then
        return 'short';
    end if;

    if o.status = 'EXPIRED'
       and cardinality(seat_again(array[1], array[o.order_id],
                                  array[o.show_date], array[user_limit],
                                  '{}', '{}')) = 0 then
        return 'seats_gone';
    end if;

    update payments
    set status = 'CAPTURED', order_id = o.order_id, show_date = o.show_date
    where payment_id = p.payment_id;

    insert into ledger (amount, order_id, currency, payment_id, step, debit,
                        credit)
    values (p.amount, o.order_id, p.currency, p.payment_id, 'matched',
            'suspense', 'orders');

    with moved as (
        update orders n
        set status = 'CONFIRMED', version = n.version + 1,
            confirmed_at = now(), ended_at = null, ticket_code = ticket,
            payment_id = p.payment_id
        where n.order_id = o.order_id and n.show_date = o.show_date
        returning n.order_id, n.version, order_event(n) as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select order_id, version, 'order.confirmed', event from moved;

    insert into refunds (payment_id, order_id, show_date, amount, currency,
                         cause, reason)
    select p.payment_id, o.order_id, o.show_date, p.amount - o.amount,
           p.currency, 'excess', 'OVERPAID'
    where p.amount > o.amount;

    return null;
end
$$;


-- An administrator's decision about a case.  One row: the outcome, the order
-- that was paid by it, and the case.
--
-- wanted        REFUND: what is there of its money goes back
--               MATCH: it pays to_order, whose show is of_show: all that it
--               costs, and what is more than that goes back
--               DISMISS: there is nothing to do
--
-- outcome:
-- decided       it is so
-- confirmed     it is so, and the order is paid
-- same          it was decided just so before
-- other         it was decided otherwise
-- not_found     there is no such case
-- no_order      there is no such order
-- no_money      it has no money (any more) that could go anywhere
-- money         it has some, which cannot be dismissed
-- ended         the order is paid, or it failed or was cancelled
-- short         it is not enough, or of another currency
-- seats_gone    the order has expired and its seats are not to be had again,
--               or not for the time that it was made for

create function decide_quarantine(
    of_case uuid, wanted text, who text, remark text, to_order uuid,
    of_show int, ticket text, user_limit int)
returns table (item int, outcome text, order_id uuid, show_id uuid,
               show_no int, user_id text, hold_id uuid, seat_nos int[],
               seat_ids text, amount bigint, currency text, status text,
               created_ms bigint, expires_ms bigint, confirmed_ms bigint,
               ended_ms bigint, ticket_code text, payment_method text,
               answer text)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    q    quarantine;
    said text;
begin
    if wanted not in ('REFUND', 'MATCH', 'DISMISS') then
        raise exception 'there is no decision %', wanted
              using errcode = 'invalid_parameter_value';
    end if;

    select * into q from quarantine where case_id = of_case for update;

    perform from payment_intents
    where order_id = q.order_id and check_at = 'infinity'
    order by intent_id
    for update;

    if q.case_id is null then
        said := 'not_found';

    elsif q.decision is not null then
        said := case when q.decision = wanted
                          and q.matched_order is not distinct from
                              case when wanted = 'MATCH' then to_order end
                     then 'same' else 'other' end;

    elsif wanted = 'MATCH' then
        said := match_quarantine(q, to_order, of_show, ticket, user_limit);

    else
        perform from payments
        where payment_id = q.payment_id and provider = q.provider
          and status = 'QUARANTINED' and refunded + kept < amount
        for update;

        said := case when found and wanted = 'DISMISS' then 'money'
                     when not found and wanted = 'REFUND' then 'no_money' end;
    end if;

    if said is null and wanted = 'REFUND' then
        insert into refunds (payment_id, order_id, show_date, amount, currency,
                             cause, reason)
        select p.payment_id, p.order_id, p.show_date,
               p.amount - p.refunded - p.kept, p.currency, 'quarantine',
               'QUARANTINED'
        from payments p where p.payment_id = q.payment_id;
    end if;

    if said is null then
        update quarantine
        set decision = wanted, decided_at = now(), decided_by = who,
            note = remark,
            matched_order = case when wanted = 'MATCH' then to_order end
        where case_id = of_case
        returning * into q;

        -- the customer may begin another payment, where this was not it
        update payment_intents
        set status = case when wanted = 'MATCH' and order_id = to_order
                          then 'CAPTURED' else 'FAILED' end,
            reference = case when wanted = 'MATCH'
                             then coalesce(reference, q.payment_id)
                             else reference end
        where order_id = q.order_id and check_at = 'infinity'
          and status in ('CREATED', 'OPEN', 'AUTHORISED')
          and q.kind = 'CAPTURED';

        said := case wanted when 'MATCH' then 'confirmed' else 'decided' end;
    end if;

    return query
    select 1, said, o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method,
           case when q.case_id is not null then quarantine_json(q) end
    from (values (1)) one
    left join shows s on s.show_no = of_show and said = 'confirmed'
    left join orders o on o.order_id = to_order
                      and o.show_date = s.show_date;
end
$$;
