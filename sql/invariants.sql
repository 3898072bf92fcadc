-- What must hold in the database at any moment.  Load it where it is wanted;
-- it reads everything and belongs to tests and to a quiet hour.

create schema if not exists boxoffice;


-- One row for each violation; none in health.  One statement, so that it sees
-- one moment.

create or replace function boxoffice.check_invariants()
returns table (invariant text, detail text)
language sql stable
set search_path = boxoffice, pg_temp
set jit = off
as $$
    with live as materialized (
        select order_id, show_date, show_id, user_id, seat_nos
        from orders where status in ('PAYMENT_PENDING', 'CONFIRMED')
    ), sold as materialized (
        select order_id, show_id, n as seat_no
        from live cross join unnest(seat_nos) n
    ), mark as (
        select coalesce(max(before), '-infinity') as purged
        from purges where subject = 'outbox'
    )
    select 'I1: a seat in one live order at most',
           format('show %s seat %s: %s orders', show_id, seat_no, count(*))
    from sold group by show_id, seat_no having count(*) > 1

    union all
    select 'I15: a live order has claimed its seats',
           format('order %s seat %s', order_id, seat_no)
    from sold s
    where not exists (select from seat_claims c
                      where c.show_id = s.show_id and c.seat_no = s.seat_no
                        and c.order_id = s.order_id)

    union all
    select 'I15: a claim belongs to a live order',
           format('show %s seat %s order %s', show_id, seat_no, order_id)
    from seat_claims c
    where not exists (select from sold s
                      where c.show_id = s.show_id and c.seat_no = s.seat_no
                        and c.order_id = s.order_id)

    union all
    select 'I15: a claim is a seat that can be sold',
           format('show %s seat %s', c.show_id, c.seat_no)
    from seat_claims c
    where not exists (select from shows s
                      join layout_seats l using (layout_id)
                      where s.show_id = c.show_id and l.seat_no = c.seat_no
                        and l.kind in ('NORMAL', 'ACCESSIBLE'))

    union all
    select 'I10: user_seats are the seats in live orders',
           format('show %s user %s: %s, not %s', show_id, user_id, u.seats,
                  coalesce(l.seats, 0))
    from user_seats u
    full join (select show_id, user_id, sum(cardinality(seat_nos)) as seats
               from live group by show_id, user_id) l
         using (show_id, user_id)
    where u.seats is distinct from coalesce(l.seats, 0)

    union all
    -- what was purged on purpose is missed only if it is younger than that
    select 'I3: each state change has its event',
           format('order %s: version %s, event %s is missing', o.order_id,
                  o.version, v)
    from orders o
    cross join generate_series(1, o.version) v
    cross join mark
    where case when v = o.version
               then coalesce(o.ended_at, o.confirmed_at, o.created_at)
               else o.created_at end >= purged
      and not exists (select from outbox b
                      where b.aggregate_id = o.order_id and b.version = v)

    union all
    select 'I3: each event has its state change',
           format('event %s %s version %s', b.type, b.aggregate_id, b.version)
    from outbox b
    where b.type like 'order.%'
      and not exists (select from orders o
                      where o.order_id = b.aggregate_id
                        and b.version between 1 and o.version)

    union all
    select 'I3: a refund has its events, and an event its refund',
           format('refund %s version %s', coalesce(r.refund_id,
                                                   b.aggregate_id),
                  coalesce(r.v, b.version))
    from (select refund_id, v, case v when 1 then created_at
                                      else coalesce(done_at, 'infinity')
                               end as at
          from refunds cross join generate_series(1, version) v) r
    full join (select * from outbox where type like 'payment.refund%') b
           on b.aggregate_id = r.refund_id and b.version = r.v
    cross join mark
    where (r.refund_id is null or b.aggregate_id is null)
      and coalesce(r.at, 'infinity') >= purged

    union all
    select 'I12: version counts the steps of the state',
           format('order %s: %s version %s', order_id, status, version)
    from orders
    left join (select order_id, count(*) as parts from cancellations
               where left_nos <> '{}' group by order_id) c using (order_id)
    where case status when 'PAYMENT_PENDING' then version <> 1
                      when 'CONFIRMED'
                      then version - coalesce(parts, 0) not in (2, 3)
                      when 'CANCELLED'
                      then version - coalesce(parts, 0) not in (2, 3, 4)
                      else version <> 2 end

    union all
    select 'I12: the last event is the state',
           format('order %s: %s, event %s', order_id, status, b.type)
    from orders o
    join outbox b on b.aggregate_id = o.order_id and b.version = o.version
    where b.type <> case when status = 'PAYMENT_PENDING'
                         then 'order.created'
                         when status = 'CONFIRMED'
                              and exists (select from cancellations c
                                          where c.order_id = o.order_id
                                            and c.version = o.version)
                         then 'order.seats_cancelled'
                         else 'order.' || lower(status) end

    union all
    select 'I2: a confirmed order has its captured payment',
           format('order %s', order_id)
    from orders o
    where status = 'CONFIRMED'
      and not exists (select from payments p
                      where p.payment_id = o.payment_id
                        and p.order_id = o.order_id
                        and p.status = 'CAPTURED')

    union all
    select 'I2: captured = confirmed + refunded + kept',
           format('payment %s: %s %s, refunded %s, kept %s', p.payment_id,
                  amount, currency, refunded, kept)
    from payments p
    where status = 'CAPTURED' and refunded + kept <> amount
      and not exists (select from orders o
                      where o.order_id = p.order_id
                        and o.show_date = p.show_date
                        and o.payment_id = p.payment_id
                        and o.status = 'CONFIRMED')

    union all
    select 'I2: refunded is the sum of the refunds',
           format('payment %s: %s, not %s', payment_id, p.refunded, r.amount)
    from payments p
    full join (select payment_id, sum(amount) as amount from refunds
               group by payment_id) r using (payment_id)
    where coalesce(p.refunded, 0) <> coalesce(r.amount, 0)

    union all
    select 'I2: no more goes back than was captured',
           format('payment %s: %s of %s', payment_id, r.amount, p.amount)
    from payments p
    join (select payment_id, sum(amount) as amount from refunds
          group by payment_id) r using (payment_id)
    where r.amount > p.amount

    union all
    select 'I2: what was given back and what is left are the order',
           format('order %s: %s, not %s', o.order_id, c.amount + l.amount,
                  o.amount)
    from orders o
    join (select order_id, sum(amount + kept) as amount from cancellations
          group by order_id) c using (order_id)
    cross join lateral (select coalesce(sum(price), 0) as amount
                        from unnest(case when o.status = 'CONFIRMED'
                                         then o.seat_prices end) price) l
    where c.amount + l.amount <> o.amount

    union all
    select 'I2: a cancellation has its refund, and a refund of one is of it',
           format('order %s version %s refund %s', c.order_id, c.version,
                  r.refund_id)
    from (select * from cancellations where refund_id is not null) c
    full join (select * from refunds where cause like 'cancel:%') r
         using (refund_id)
    where r.order_id is distinct from c.order_id
       or r.amount is distinct from c.amount
       or r.cause is distinct from 'cancel:' || c.version

    union all
    select 'I2: what is kept is what was not given back',
           format('payment %s: %s of %s', p.payment_id, p.kept, c.kept)
    from payments p
    left join (select order_id, sum(kept) as kept from cancellations
               group by order_id) c using (order_id)
    -- what went back by hand leaves no room to keep
    where p.kept > coalesce(c.kept, 0)
       or (p.kept < c.kept and p.kept + p.refunded < p.amount
           and p.status = 'CAPTURED'
           and exists (select from orders o
                       where o.order_id = p.order_id
                         and o.payment_id = p.payment_id))

    union all
    select 'I12: an order ends with its last seats',
           format('order %s version %s', c.order_id, c.version)
    from cancellations c
    left join orders o on o.order_id = c.order_id
                      and o.show_date = c.show_date
    where o.order_id is null or c.version > o.version
       or (c.left_nos = '{}') <> (o.status = 'CANCELLED'
                                  and o.version = c.version)
       or (c.version = o.version and o.status = 'CONFIRMED'
           and c.left_nos <> o.seat_nos)

    union all
    select 'I2: the books are the payments and the refunds',
           format('payment %s %s: %s, not %s', payment_id, step, l.amount,
                  m.amount)
    from (select payment_id, what as step,
                 sum(case when step like 'returned:%' then -amount
                          else amount end) as amount
          from ledger
          -- the refund, whichever try it was
          cross join lateral (
              select case when step like 'refunded:%'
                            or step like 'returned:%'
                          then 'refunded:' || split_part(step, ':', 2)
                          else step end as what) w
          group by payment_id, what
          having what not like 'refunded:%'
              or sum(case when step like 'returned:%' then -amount
                          else amount end) <> 0) l
    full join (select payment_id, 'captured' as step, amount
               from payments where status in ('CAPTURED', 'QUARANTINED')
               union all
               select payment_id, 'refunded:' || refund_id, amount
               from refunds where status = 'DONE') m
         using (payment_id, step)
    where l.amount is distinct from m.amount
      and coalesce(step, '') not in ('authorised', 'released', 'matched')

    union all
    select 'I2: money is matched by a decision, and booked once',
           format('payment %s case %s', coalesce(l.payment_id, q.payment_id),
                  q.case_id)
    from (select * from ledger where step = 'matched') l
    full join (select * from quarantine where decision = 'MATCH') q
         using (payment_id)
    left join payments p on p.payment_id = l.payment_id
    where l.amount is distinct from p.amount
       or p.status is distinct from 'CAPTURED'
       or q.matched_order is distinct from p.order_id
       or q.matched_order is distinct from l.order_id

    union all
    -- nobody is left a promise when the money has come, or never will
    select 'I2: a promise is released when it is over',
           format('payment %s', payment_id)
    from payments p
    where (status = 'AUTHORISED')
          <> (exists (select from ledger l
                      where l.payment_id = p.payment_id
                        and l.step = 'authorised')
              and not exists (select from ledger l
                              where l.payment_id = p.payment_id
                                and l.step = 'released'))

    union all
    select 'I2: an intent is captured with its payment',
           format('intent %s of order %s', intent_id, i.order_id)
    from payment_intents i
    where status = 'CAPTURED'
      and not exists (select from payments p
                      where p.order_id = i.order_id
                        and p.provider = i.provider
                        and p.status = 'CAPTURED')

    union all
    select 'I19: a seat of an order is admitted once',
           format('order %s seat %s: %s times', order_id, seat_no, count(*))
    from checkins where outcome = 'admitted' and undone_at is null
    group by order_id, seat_no having count(*) > 1

    union all
    select 'I19: who was admitted has a confirmed order, or had one',
           format('checkin %s', c.checkin_id)
    from checkins c
    where c.outcome = 'admitted'
      and not exists (select from shows s
                      join orders o on o.show_date = s.show_date
                      where s.show_id = c.show_id
                        and o.order_id = c.order_id
                        and o.status in ('CONFIRMED', 'CANCELLED'))

    union all
    select 'I3: a check-in has its event, and its undoing another',
           format('checkin %s: %s events', c.checkin_id, count(b.version))
    from checkins c
    cross join mark
    left join outbox b on b.aggregate_id = c.checkin_id
    where c.recorded_at >= purged
    group by c.checkin_id
    having count(b.version) <> 1 + count(distinct c.undone_at)

    union all
    select 'I6: a key stands for an order, or for a show',
           format('user %s key %s', i.user_id, i.key)
    from idempotency i
    where case
          when i.operation in ('create_show', 'cancel_show')
          then not exists (select from shows s where s.show_id = i.order_id)
          when i.operation = 'admin'
          then not exists (select from admin_replies r
                           where r.call_id = i.order_id)
          else not exists (select from orders o
                           where o.order_id = i.order_id
                             and o.show_date = i.show_date) end
$$;
