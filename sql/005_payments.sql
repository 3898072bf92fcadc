-- Money: what was captured, what goes back, and the books.
--
-- How to give money back: insert a row into refunds.  That is all.  Triggers
-- count it against its payment (which refuses more than was captured), write
-- its event and, once the gateway has done it, its entry in the ledger.  A
-- cause gives back once: unique (payment_id, cause).  Whoever inserts has
-- locked the payments before, in the order of their ids.

set local search_path = boxoffice, pg_temp;


create table payments (
    payment_id text collate "C" not null,
    order_id   uuid not null,
    show_date  date not null,
    provider   text collate "C" not null,
    amount     bigint not null,
    refunded   bigint not null default 0,
    kept       bigint not null default 0,
    currency   char(3) not null,
    status     text collate "C" not null,
    created_at timestamptz(3) not null default now(),

    constraint payments_pkey primary key (payment_id),
    constraint payments_amount_positive check (amount >= 0),
    constraint payments_status_known
        check (status in ('AUTHORISED', 'CAPTURED', 'FAILED', 'QUARANTINED')),
    constraint payments_refund_bound
        check (refunded >= 0 and kept >= 0 and refunded + kept <= amount),
    constraint payments_refund_captured
        check (refunded + kept = 0 or status in ('CAPTURED', 'QUARANTINED'))
)
with (fillfactor = 90);

create index payments_quarantined on payments (created_at)
    where status = 'QUARANTINED';

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


create table refunds (
    refund_id       uuid not null default gen_random_uuid(),
    order_id        uuid not null,
    amount          bigint not null,
    created_at      timestamptz(3) not null default now(),
    next_at         timestamptz(3) not null default now(),
    done_at         timestamptz(3),
    show_date       date not null,
    attempts        int not null default 0,
    tries           int not null default 0,
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
    constraint refunds_tries_positive check (tries >= 0),
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

create index refunds_failed on refunds (created_at) where status = 'FAILED';

comment on table refunds is
    'Money that goes back.  PENDING: to be sent; SENT: sent, and the answer '
    'is not known; DONE: the gateway has done it; FAILED: it will not, and '
    'somebody must look.';
comment on column refunds.refund_id is
    'Also the idempotency key at the gateway, and what stands for the refund '
    'in the outbox.';
comment on column refunds.cause is
    'What it is given back for; once for each payment.  "unseated": the '
    'payment confirmed nothing.  "cancel:<version>": seats of its order were '
    'cancelled.  "gateway:<id>": somebody began it at the gateway''s desk.  '
    '"quarantine", "excess": an administrator decided about its money.';
comment on column refunds.reason is 'The same for people: LATE, DUPLICATE, '
    'ORDER_FAILED, CANCELLED, ...';
comment on column refunds.version is
    'Of its last event, from 1.';
comment on column refunds.next_at is
    'When it is to be sent, or asked about, next.';
comment on column refunds.tries is
    'How many times an administrator has had it tried again.  Gateways answer a '
    'key that they know as before, so each of them has its own.';
comment on column refunds.provider_refund is
    'What the gateway calls it; while it is PENDING or SENT, the last try that '
    'failed.';


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
        check (step in ('authorised', 'released', 'captured', 'matched')
               or step like 'refunded:%' or step like 'returned:%')
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
    'credit suspense while somebody must look); matched: it pays an order '
    'after all (debit suspense, credit orders); refunded:<refund_id>: it was '
    'given back (from where it is to the gateway), and once more with '
    ':<version>; returned:<refund_id>:<version>: the gateway could not hand it '
    'over after all (the reverse).';


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


-- What a refund is never changes, and it is never deleted.  A gateway may fail
-- a refund that it had called done: then the money is with it again, and the
-- customer has nothing.

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

create trigger refunds_stay before delete on refunds
for each row execute function refunds_refuse();


-- Its end, which may come more than once, is told under the next version.

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


-- Its end: the event, and the books.  Money goes back from where it is: from
-- suspense, until it is matched.  A refund that was done before is booked under
-- its version, too.

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

create trigger refunds_end after update on refunds
for each row
when (new.status in ('DONE', 'FAILED') and new.status <> old.status)
execute function refunds_end();
