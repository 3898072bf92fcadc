-- Seats that are given back: some of an order, or all of it.
--
-- An order has the seats that it still has; what each of them cost stands
-- beside it, and amount stays what the whole was.  cancellations says what
-- was given back, when, by which terms.  Money goes back by a row of refunds,
-- whose cause is "cancel:<version of the order>": once for each change.

set local search_path = boxoffice, pg_temp;


create table cancellations (
    order_id       uuid not null,
    version        int not null,
    percent        int,
    amount         bigint not null,
    kept           bigint not null,
    order_fee      bigint not null default 0,
    at             timestamptz(3) not null,
    show_date      date not null,
    policy_version int,
    policy_theatre uuid,
    refund_id      uuid,
    terms          text collate "C" not null,
    by_user        text collate "C" not null,
    idem_key       text collate "C",
    seat_ids       text[] not null,
    left_nos       int[] not null,
    left_ids       text[] not null,

    constraint cancellations_pkey primary key (order_id, version),
    constraint cancellations_refund_key unique (refund_id),
    constraint cancellations_money_positive
        check (amount >= 0 and kept >= 0 and order_fee between 0 and kept),
    constraint cancellations_refund_there
        check ((refund_id is not null) = (amount > 0)),
    constraint cancellations_terms_known
        check (terms in ('POLICY', 'FULL', 'NONE', 'SHOW')),
    constraint cancellations_seats_there
        check (cardinality(seat_ids) > 0
               and cardinality(left_nos) = cardinality(left_ids))
);

comment on table cancellations is
    'What was given back of orders that were paid: one row for each change, '
    'under the version that the order got by it.';
comment on column cancellations.amount is 'What goes back, as a refund.';
comment on column cancellations.kept is
    'What does not: amount and kept are the price of the seats.';
comment on column cancellations.order_fee is
    'What of kept is the fee that is kept once for an order.';
comment on column cancellations.left_ids is
    'The seats that the order had left; empty when it ended.';
comment on column cancellations.terms is
    'POLICY: those in force; FULL, NONE: an administrator''s word; SHOW: the '
    'show was cancelled.';


-- The seats that an order was made of, those included that were given back; in
-- the order of their numbers.  has_ids: those that it has now.

create function order_had(order_id uuid, show_id uuid, has_ids text[])
returns table (nos int[], ids text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select array_agg(l.seat_no order by l.seat_no),
           string_agg(l.label, ',' order by l.seat_no)
    from (select unnest(has_ids)
          union
          select unnest(c.seat_ids) from cancellations c
          where c.order_id = order_had.order_id) x(label)
    join shows s on s.show_id = order_had.show_id
    join layout_seats l on l.layout_id = s.layout_id and l.label = x.label;
end
$$;


-- What each seat of an order cost.  Where it is not written down, the amount
-- is shared out by what the seats cost now, which is exact while prices have
-- not changed, and always adds up.

create function order_prices(o orders) returns int[]
language plpgsql stable
as $$
begin
    if o.seat_prices is not null then
        return o.seat_prices;
    end if;

    return array(
        select (div(o.amount * upto, total)
                - div(o.amount * (upto - weight), total))::int
        from (select n, weight, sum(weight) over () as total,
                     sum(weight) over (order by n) as upto
              from (select s.n,
                           case when sum(p.price) over () > 0
                                then coalesce(p.price, 0)
                                else 1 end::numeric as weight
                    from unnest(o.seat_nos) with ordinality s(seat_no, n)
                    left join shows w on w.show_id = o.show_id
                    left join layout_seats l on l.layout_id = w.layout_id
                                            and l.seat_no = s.seat_no
                    left join show_prices p on p.show_id = o.show_id
                                           and p.category = l.category) v) u
        order by n);
end
$$;


create type cancel_wish as (
    item        int,
    order_id    uuid,
    show_date   date,
    starts_at   timestamptz,
    theatre_id  uuid,
    zone        text,
    user_id     text,
    admin       boolean,
    seats       text[],     -- null: all
    terms       text,
    idem_key    text,
    fingerprint text
);

-- what is to become of an order that is locked

create type order_cut as (
    item           int,
    outcome        text,
    order_id       uuid,
    show_date      date,
    show_id        uuid,
    owner          text,
    was            text,
    version        int,
    cut_nos        int[],
    cut_ids        text[],
    left_nos       int[],
    left_ids       text[],
    left_prices    int[],
    payment_id     text,
    currency       text,
    terms          text,
    policy_theatre uuid,
    policy_version int,
    percent        int,
    amount         bigint,
    kept           bigint,
    order_fee      bigint,
    refund_id      uuid,
    by_user        text,
    idem_key       text
);

create type cancel_outcome as (
    item           int,
    outcome        text,
    order_id       uuid,
    show_id        uuid,
    show_no        int,
    user_id        text,
    hold_id        uuid,
    seat_nos       int[],
    seat_ids       text,
    amount         bigint,
    currency       text,
    status         text,
    created_ms     bigint,
    expires_ms     bigint,
    confirmed_ms   bigint,
    ended_ms       bigint,
    ticket_code    text,
    payment_method text,
    freed          int[],   -- seats that came free by this call
    refund         text     -- what docs/api.md calls the refund; null: none
);


-- What becomes of an order when somebody wishes to give seats back at a time,
-- by the terms alone: order_cut() has the last word.
-- Reads only; the caller has locked the order and its payment, or only wants
-- to know.
--
-- outcome: cancelled, seats_cancelled; already; closed (the show has begun);
-- over (after the last step of the terms); not_seats (it has not all of
-- these seats); unpaid (seats one by one only of what was paid); ended

create function order_cut_by_terms(o orders, wish cancel_wish, at timestamptz)
returns order_cut
language plpgsql stable
as $$
#variable_conflict use_variable
declare
    cut    order_cut;
    terms  refund_policy_terms;
    paid   payments;
    prices int[];
    gross  bigint;
    room   bigint;
    charged bigint;
    whole  boolean := wish.seats is null or wish.seats @> o.seat_ids;
begin
    cut.item := wish.item;
    cut.order_id := o.order_id;
    cut.show_date := o.show_date;
    cut.show_id := o.show_id;
    cut.owner := o.user_id;
    cut.was := o.status;
    cut.version := o.version + 1;
    cut.currency := o.currency;
    cut.terms := wish.terms;
    cut.by_user := wish.user_id;
    cut.idem_key := wish.idem_key;

    cut.outcome := case
        when wish.seats is null and o.status = 'CANCELLED' then 'already'
        when o.status in ('FAILED', 'EXPIRED', 'CANCELLED')
             and wish.seats is not null then 'ended'
        when wish.starts_at <= at and not wish.admin then 'closed'
        when not wish.seats <@ o.seat_ids then 'not_seats'
        when not whole and o.status <> 'CONFIRMED' then 'unpaid'
        when whole then 'cancelled'
        else 'seats_cancelled' end;

    if cut.outcome not in ('cancelled', 'seats_cancelled') then
        return cut;
    end if;

    prices := order_prices(o);

    select array_agg(s.no order by s.n) filter (where s.goes),
           array_agg(s.id order by s.n) filter (where s.goes),
           coalesce(array_agg(s.no order by s.n)
                    filter (where not s.goes), '{}'),
           coalesce(array_agg(s.id order by s.n)
                    filter (where not s.goes), '{}'),
           coalesce(array_agg(s.price order by s.n)
                    filter (where not s.goes), '{}'),
           array_agg(s.price order by s.n) filter (where s.goes),
           sum(s.price) filter (where s.goes)
    into cut.cut_nos, cut.cut_ids, cut.left_nos, cut.left_ids,
         cut.left_prices, prices, gross
    from (select no, id, price, n, whole or id = any (wish.seats) as goes
          from unnest(o.seat_nos, o.seat_ids, prices)
               with ordinality u(no, id, price, n)) s;

    if o.status <> 'CONFIRMED' then
        return cut;
    end if;

    cut.order_fee := 0;

    case wish.terms
    when 'FULL', 'SHOW' then cut.amount := gross;
    when 'NONE' then cut.amount := 0;
    else
        terms := refund_terms(wish.theatre_id, o.created_at, o.currency,
                              wish.starts_at, wish.zone, at);

        if terms.percent is null then
            cut.outcome := 'over';
            return cut;
        end if;

        select coalesce(sum(c.order_fee), 0) into charged
        from cancellations c where c.order_id = o.order_id;

        select s.amount, s.kept into cut.amount, cut.order_fee
        from refund_sum(prices::bigint[], terms.percent, terms.points,
                        terms.per_seat,
                        greatest(terms.per_order - charged, 0)) s;

        cut.policy_theatre := terms.theatre_id;
        cut.policy_version := terms.version;
        cut.percent := terms.percent;
    end case;

    -- Whatever was done by hand: never more than there is.

    select * into paid from payments p where p.payment_id = o.payment_id;

    room := case when paid.status = 'CAPTURED'
                 then paid.amount - paid.refunded - paid.kept else 0 end;

    cut.payment_id := o.payment_id;
    cut.amount := least(cut.amount, room);
    cut.kept := gross - cut.amount;

    if cut.amount > 0 then
        cut.refund_id := gen_random_uuid();
    end if;

    return cut;
end
$$;


-- What becomes of it as order_cut_by_terms() says, but who was let in does not
-- get the money back: it is over when one of the seats was let in and that was
-- not taken back.  Administrators may, and a show that is cancelled gives back
-- all.
--
-- The caller has locked the order, and so has whoever checks a seat of it in:
-- one of the two is first.

create function order_cut(o orders, wish cancel_wish, at timestamptz)
returns order_cut
language plpgsql stable
as $$
#variable_conflict use_variable
declare
    cut order_cut := order_cut_by_terms(o, wish, at);
begin
    if not wish.admin
       and cut.outcome in ('cancelled', 'seats_cancelled')
       and exists (select from checkins c
                   where c.order_id = o.order_id
                     and c.seat_no = any (cut.cut_nos)
                     and c.outcome = 'admitted' and c.undone_at is null)
    then
        cut.outcome := 'over';
        cut.amount := null;
        cut.kept := null;
        cut.percent := null;
    end if;

    return cut;
end
$$;


-- The refund of a cancellation, as clients see it.

create function cancellation_json(c cancellations, currency text)
returns text
language sql stable
return json_build_object(
    'refundId', c.refund_id, 'amount', c.amount, 'kept', c.kept,
    'currency', currency, 'terms', c.terms, 'percent', c.percent,
    'seatIds', c.seat_ids, 'at', rfc3339(c.at))::text;


-- Does what was decided; all of them are of orders that the caller has locked,
-- and so are their payments.  Sorted as everywhere.

create function do_cuts(cuts order_cut[], at timestamptz) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
    insert into refunds (refund_id, payment_id, order_id, show_date, amount,
                         currency, cause, reason)
    select c.refund_id, c.payment_id, c.order_id, c.show_date, c.amount,
           c.currency, 'cancel:' || c.version,
           case when c.terms = 'SHOW' then 'SHOW_CANCELLED'
                when c.outcome = 'cancelled' then 'CANCELLED'
                else 'SEATS_CANCELLED' end
    from unnest(cuts) c
    where c.amount > 0
    order by c.payment_id collate "C";

    -- what was counted already leaves no room for it
    update payments p
    set kept = p.kept + least(c.kept, p.amount - p.refunded - p.kept)
    from unnest(cuts) c
    where c.kept > 0 and p.payment_id = c.payment_id
      and p.status = 'CAPTURED';

    insert into cancellations (order_id, version, show_date, at, amount, kept,
                               order_fee, policy_theatre, policy_version,
                               percent, refund_id, terms, by_user, idem_key,
                               seat_ids, left_nos, left_ids)
    select c.order_id, c.version, c.show_date, do_cuts.at, c.amount, c.kept,
           c.order_fee, c.policy_theatre, c.policy_version, c.percent,
           c.refund_id, c.terms, c.by_user, c.idem_key, c.cut_ids,
           c.left_nos, c.left_ids
    from unnest(cuts) c
    where c.was = 'CONFIRMED';

    with moved as (
        update orders o
        set version = o.version + 1,
            status = case when c.outcome = 'cancelled' then 'CANCELLED'
                          else o.status end,
            ended_at = case when c.outcome = 'cancelled' then do_cuts.at end,
            seat_nos = case when c.outcome = 'cancelled' then o.seat_nos
                            else c.left_nos end,
            seat_ids = case when c.outcome = 'cancelled' then o.seat_ids
                            else c.left_ids end,
            seat_prices = case when c.outcome = 'cancelled' then o.seat_prices
                               else c.left_prices end
        from unnest(cuts) c
        where o.order_id = c.order_id and o.show_date = c.show_date
        returning o.order_id, o.version, c.outcome,
                  order_event(o)
                  || case when c.was = 'CONFIRMED'
                     then jsonb_build_object(
                         'cancelledSeatIds', c.cut_ids, 'refund',
                         jsonb_build_object(
                             'refundId', c.refund_id, 'amount', c.amount,
                             'kept', c.kept, 'currency', c.currency,
                             'terms', c.terms, 'percent', c.percent))
                     else '{}' end as event
    )
    insert into outbox (aggregate_id, version, type, payload)
    select order_id, version, 'order.' || outcome, event from moved;

    -- only what live orders had is free by it

    perform
    from (select distinct c.show_id, c.owner
          from unnest(cuts) c
          where c.was in ('PAYMENT_PENDING', 'CONFIRMED')) e
    join user_seats u on u.show_id = e.show_id
                     and u.user_id = e.owner collate "C"
    order by u.show_id, u.user_id
    for update of u;

    update user_seats u set seats = u.seats - e.seats
    from (select c.show_id, c.owner, sum(cardinality(c.cut_nos)) as seats
          from unnest(cuts) c
          where c.was in ('PAYMENT_PENDING', 'CONFIRMED')
          group by c.show_id, c.owner) e
    where u.show_id = e.show_id and u.user_id = e.owner collate "C";

    delete from seat_claims d
    using (select c.show_id, n.seat_no, c.order_id
           from unnest(cuts) c cross join unnest(c.cut_nos) n(seat_no)
           where c.was in ('PAYMENT_PENDING', 'CONFIRMED')
           offset 0) e
    where d.show_id = e.show_id and d.seat_no = e.seat_no
      and d.order_id = e.order_id;
end
$$;


-- Gives seats of orders back.  Element k of each array belongs to item k;
-- returns one row for each item.
--
-- user_ids  who asks, and whose idempotency key it is
-- admins    true: may cancel anybody's order, also after the show began
-- seats     "A1,A2"; null: all that the order has
-- terms     POLICY, FULL or NONE: what is given back
--
-- outcome:
-- cancelled        it became CANCELLED; if it was live its seats are free
-- seats_cancelled  it goes on with fewer seats
-- already          it was CANCELLED before; refund is that of its last seats
-- over             the terms in force do not allow it any more
-- closed           the show has started
-- not_seats        the order has not all of these seats (any more)
-- unpaid           seats one by one are only given back of what was paid
-- ended            it is FAILED, EXPIRED or CANCELLED, and seats were named
-- replayed         key and fingerprint were seen: the order as it was then
-- key_reused       the key was used for something else
-- in_progress      an item before it in the batch has the same user and key
-- not_found        there is no such order of this user
-- retry            an item before it in the batch has the order

create function cancel_seats(
    order_ids uuid[], show_nos int[], user_ids text[], admins boolean[],
    seats text[], terms text[], idem_keys text[], fingerprints text[])
returns setof cancel_outcome
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
    wishes    cancel_wish[];
    outcomes  text[];
    again     int[];
    filed     date[];
    found     orders[];
    cuts      order_cut[];
begin
    select array_agg(row(p.item, p.order_id, s.show_date, s.starts_at,
                         t.theatre_id, t.timezone, p.user_id,
                         coalesce(p.admin, false),
                         string_to_array(p.seats, ','), p.terms, p.idem_key,
                         p.fingerprint)::cancel_wish order by p.item),
           array_agg(s.show_date order by p.item),
           array_agg(p.item) filter (where p.nth > 1)
    into wishes, filed, again
    from (select *, row_number() over (partition by order_id order by item)
                    as nth
          from unnest(order_ids, show_nos, user_ids, admins, seats, terms,
                      idem_keys, fingerprints)
               with ordinality
               q(order_id, show_no, user_id, admin, seats, terms, idem_key,
                 fingerprint, item)) p
    left join shows s on s.show_no = p.show_no
    left join screens n on n.screen_id = s.screen_id
    left join theatres t on t.theatre_id = n.theatre_id;

    outcomes := take_keys(user_ids, idem_keys, fingerprints, 'cancel',
                          order_ids, filed);

    found := array(
        select o
        from unnest(wishes) w
        join orders o on o.order_id = w.order_id
                     and o.show_date = w.show_date
        where outcomes[w.item] is null
          and (again is null or w.item <> all (again))
          and (w.admin or o.user_id = w.user_id collate "C")
        order by o.order_id
        for update of o);

    -- locked in the order of their ids, as everywhere
    perform
    from unnest(found) f
    join payments p on p.payment_id = f.payment_id
    order by p.payment_id
    for update of p;

    -- Under the locks their state is what it is.  The moment that counts is
    -- when this transaction began, as for every deadline of an order: who
    -- has waited for a lock was in time if the request was.
    cuts := array(
        select order_cut(o, w, started)
        from unnest(found) o join unnest(wishes) w
             on w.order_id = o.order_id and w.show_date = o.show_date
            and outcomes[w.item] is null
            and (again is null or w.item <> all (again)));

    outcomes := array(
        select case when outcomes[w.item] is not null then outcomes[w.item]
                    when w.item = any (again) then 'retry'
                    else coalesce(c.outcome, 'not_found') end
        from unnest(wishes) w left join unnest(cuts) c using (item)
        order by w.item);

    cuts := array(select c from unnest(cuts) c
                  where c.outcome in ('cancelled', 'seats_cancelled'));

    if cardinality(cuts) > 0 then
        perform do_cuts(cuts, started);
    end if;

    perform give_keys_back(array_agg(w.user_id), array_agg(w.idem_key))
    from unnest(wishes) w
    where w.idem_key is not null and w.show_date is not null
      and outcomes[w.item] in ('not_found', 'closed', 'over', 'not_seats',
                               'unpaid', 'ended', 'retry')
    having count(*) > 0;

    -- replayed is what was answered then, whatever has become of it

    return query
    select w.item, outcomes[w.item], o.order_id, o.show_id, o.show_no,
           o.user_id, o.hold_id,
           case when x.order_id is null or x.left_nos = '{}' then o.seat_nos
                else x.left_nos end,
           array_to_string(case when x.order_id is null or x.left_ids = '{}'
                                then o.seat_ids else x.left_ids end, ','),
           o.amount, o.currency::text,
           case when x.order_id is null then o.status
                when x.left_nos = '{}' then 'CANCELLED'
                else 'CONFIRMED' end,
           unix_ms(o.created_at), unix_ms(o.expires_at),
           unix_ms(o.confirmed_at), unix_ms(o.ended_at), o.ticket_code,
           o.payment_method,
           case when outcomes[w.item] in ('cancelled', 'seats_cancelled')
                then c.cut_nos end,
           case when x.order_id is not null
                then cancellation_json(x, o.currency) end
    from unnest(wishes) w
    left join unnest(cuts) c using (item)
    left join idempotency k
           on outcomes[w.item] = 'replayed'
          and k.user_id = w.user_id collate "C"
          and k.key = w.idem_key collate "C"
    left join orders o
           on o.order_id = coalesce(k.order_id, w.order_id)
          and o.show_date = coalesce(k.show_date, w.show_date)
          and outcomes[w.item] not in ('key_reused', 'in_progress',
                                       'not_found', 'retry')
    left join lateral (
        select * from cancellations y
        where y.order_id = o.order_id
          and case outcomes[w.item]
              when 'replayed' then y.by_user = w.user_id collate "C"
                               and y.idem_key = w.idem_key collate "C"
              when 'already' then y.version = o.version
              else y.version = c.version end) x on true;
end
$$;
