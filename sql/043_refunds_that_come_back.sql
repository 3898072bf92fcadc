-- A gateway may fail a refund that it had called done: the money is with it
-- again, and the customer has nothing.  The books say so, the refund is FAILED,
-- and its event is told once more.

set local search_path = boxoffice, pg_temp;


drop trigger refunds_state on refunds;

create trigger refunds_state before update on refunds
for each row
when ((old.status = 'DONE' and new.status <> 'FAILED')
      or (old.status = 'FAILED' and new.status = 'SENT')
      or new.version <> old.version
      or new.refund_id <> old.refund_id
      or new.payment_id <> old.payment_id
      or new.order_id <> old.order_id
      or new.amount <> old.amount
      or new.currency <> old.currency
      or new.cause <> old.cause)
execute function refunds_refuse();


alter table ledger drop constraint ledger_step_known;
alter table ledger add constraint ledger_step_known
    check (step in ('authorised', 'released', 'captured', 'matched')
           or step like 'refunded:%' or step like 'returned:%');

comment on column ledger.step is
    'authorised: the gateway has promised it (debit authorisations, credit '
    'customers); released: the promise is kept, or void (the reverse); '
    'captured: the gateway has it (debit gateway:<name>, credit orders, or '
    'credit suspense while somebody must look); matched: it pays an order '
    'after all (debit suspense, credit orders); refunded:<refund_id>: it was '
    'given back (from where it is to the gateway), and once more with '
    ':<version>; returned:<refund_id>:<version>: the gateway could not hand it '
    'over after all (the reverse).';


-- As in 040; a refund that was done before is booked under its version, too.

create or replace function refunds_end() returns trigger
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
               'refunded:' || new.refund_id
               || case when exists (select from ledger b
                                    where b.payment_id = new.payment_id
                                      and b.step = 'refunded:'
                                                   || new.refund_id)
                       then ':' || new.version else '' end,
               coalesce(m.credit, c.credit), c.debit
        from ledger c
        left join ledger m on m.payment_id = c.payment_id
                          and m.step = 'matched'
        where c.payment_id = new.payment_id and c.step = 'captured';

        if not found then
            raise exception 'refund % of what was never captured',
                            new.refund_id
                  using errcode = 'integrity_constraint_violation';
        end if;

    elsif old.status = 'DONE' then
        insert into ledger (amount, order_id, currency, payment_id, step,
                            debit, credit)
        select new.amount, new.order_id, new.currency, new.payment_id,
               'returned:' || new.refund_id || ':' || new.version,
               c.debit, coalesce(m.credit, c.credit)
        from ledger c
        left join ledger m on m.payment_id = c.payment_id
                          and m.step = 'matched'
        where c.payment_id = new.payment_id and c.step = 'captured';
    end if;

    return null;
end
$$;


-- As in 020, but a refund may fail after it was done.  Words come in any
-- order: of one refund at the gateway, what failed after it was done stays so.

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
        if r.status = 'DONE'
           or (r.status = 'FAILED'
               and r.provider_refund = w.provider_refund
               and exists (select from ledger l
                           where l.payment_id = r.payment_id
                             and l.step = 'returned:' || r.refund_id || ':'
                                          || r.version)) then
            return 'already';
        end if;

        update refunds
        set status = 'DONE', done_at = now(),
            provider_refund = w.provider_refund
        where refund_id = r.refund_id;
        return 'refunded';
    end if;

    -- an older try that failed says nothing about the one that is done
    if r.status = 'FAILED'
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
