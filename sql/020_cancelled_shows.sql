-- Shows that are cancelled with all their orders: each by do_cuts(), with the
-- terms SHOW, which give back all.

set local search_path = boxoffice, pg_temp;


create table show_cancellations (
    show_id     uuid not null,
    at          timestamptz(3) not null,
    finished_at timestamptz(3),
    refunded    bigint not null default 0,
    orders      int not null default 0,
    show_no     int not null,
    by_user     text collate "C" not null,

    constraint show_cancellations_pkey primary key (show_id),
    constraint show_cancellations_show_fkey
        foreign key (show_id) references shows,
    constraint show_cancellations_orders_positive
        check (orders >= 0 and refunded >= 0)
);

create index show_cancellations_open on show_cancellations (finished_at);

comment on table show_cancellations is
    'Shows that were cancelled with all their orders; the orders follow in '
    'batches, by a job of any node.  An order that was on its way when the '
    'show was closed is found by the job as well: it looks for some minutes '
    'after the last one.';


-- Closes a show for good: no holds, no orders from here on; its orders follow
-- by cancel_show_orders().
--
-- outcome: cancelled; already; replayed, key_reused; over (it has ended);
-- no_show.  See show_cancellation() for how far it is.

create function cancel_show(show_id uuid, who text, used_key text,
                            payload text)
returns table (outcome text, answer text)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    show shows;
    made show_cancellations;
    how  text;
begin
    how := (take_keys(array[who], array[used_key], array[payload],
                      'cancel_show', array[cancel_show.show_id],
                      array[current_date]))[1];

    if how in ('key_reused', 'in_progress') then
        return query select how, null::text;
        return;
    end if;

    select * into show from shows s
    where s.show_id = cancel_show.show_id for update;

    if how is null and (show.show_id is null or show.ends_at <= now()) then
        perform give_keys_back(array[who], array[used_key]);
        return query select case when show.show_id is null then 'no_show'
                                 else 'over' end, null::text;
        return;
    end if;

    select * into made from show_cancellations c
    where c.show_id = cancel_show.show_id;

    if how is null and (show.status = 'SCHEDULED' or made.show_id is null) then
        how := 'cancelled';

        -- another epoch: whatever Redis has of it is out of date
        update shows s
        set status = 'CANCELLED', epoch = epoch + 1, fresh_epoch = epoch + 1
        where s.show_id = cancel_show.show_id;

        insert into show_cancellations as c (show_id, show_no, at, by_user)
        values (show.show_id, show.show_no, now(), who)
        on conflict on constraint show_cancellations_pkey
        do update set at = now(), by_user = who, finished_at = null
        returning * into made;

        insert into outbox (aggregate_id, version, type, payload)
        select show.show_id,
               1 + coalesce((select max(b.version) from outbox b
                             where b.aggregate_id = show.show_id), 0),
               'show.cancelled',
               jsonb_build_object('showId', show.show_id,
                                  'showNo', show.show_no,
                                  'startsAt', rfc3339(show.starts_at),
                                  'by', who);
    end if;

    return query
    select coalesce(how, 'already'), json_build_object(
        'showId', show.show_id, 'status', 'CANCELLED',
        'cancelledAt', rfc3339(made.at))::text;
end
$$;


-- How far the cancellation of a show is; no row: it was not cancelled so.

create function show_cancellation(show_id uuid)
returns table (answer text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'showId', x.show_id, 'status', s.status,
        'cancelledAt', rfc3339(x.at), 'by', x.by_user,
        'ordersCancelled', x.orders,
        'ordersLeft', (select count(distinct c.order_id) from seat_claims c
                       where c.show_id = x.show_id),
        'refunded', x.refunded, 'currency', s.currency,
        'finishedAt', rfc3339(x.finished_at))::text
    from show_cancellations x join shows s using (show_id)
    where x.show_id = show_cancellation.show_id
$$;


-- Shows whose cancellation is under way, or was done some minutes ago.

create function closing_shows() returns table (show_id uuid, show_date date)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select c.show_id, s.show_date
    from show_cancellations c join shows s using (show_id)
    where s.status = 'CANCELLED'
      and (c.finished_at is null
           or c.finished_at > now() - interval '10 minutes')
$$;


-- Cancels up to max (1..1000) orders of shows that were cancelled, and gives
-- everything back; returns them.  Any number of nodes may do this at once:
-- each takes other orders, and each batch is committed or has not happened.

create function cancel_show_orders(max int) returns setof cancel_outcome
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
    started timestamptz(3) := now();
    bound   int := least(greatest(max, 1), 1000);
    shows_of uuid[];
    filed   date[];
    found   orders[];
    cuts    order_cut[];
    done    record;
begin
    select array_agg(c.show_id), array_agg(c.show_date)
    into shows_of, filed
    from closing_shows() c;

    if shows_of is null then
        return;
    end if;

    -- Only live orders have claims.  Some at random, so that one which cannot
    -- be cancelled keeps no others waiting but those it meets; and not all are
    -- looked at to take a few.
    found := array(
        select o
        from (select order_id, show_date
              from (select distinct c.order_id, p.show_date
                    from unnest(shows_of, filed) p(show_id, show_date)
                    join seat_claims c using (show_id)) e
              order by random()
              limit 3 * bound) d
        join orders o on o.order_id = d.order_id
                     and o.show_date = d.show_date
        where o.status in ('PAYMENT_PENDING', 'CONFIRMED')
        limit bound
        for update of o skip locked);

    perform
    from unnest(found) f
    join payments p on p.payment_id = f.payment_id
    order by p.payment_id
    for update of p;

    cuts := array(
        select order_cut(o, row((row_number() over ())::int, o.order_id,
                                o.show_date, null, null, null, 'boxoffice',
                                true, null, 'SHOW', null, null)::cancel_wish,
                         started)
        from unnest(found) o);

    if cardinality(cuts) > 0 then
        perform do_cuts(cuts, started);
    end if;

    return query
    select c.item, c.outcome, o.order_id, o.show_id, o.show_no, o.user_id,
           o.hold_id, o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method, c.cut_nos,
           null
    from unnest(cuts) c join orders o using (order_id, show_date);

    -- The counts last: their rows are locked for the shortest time.  Sorted,
    -- for another node may be at the same shows.

    for done in
        select c.show_id, sum(coalesce(u.amount, 0)) as amount,
               count(u.order_id) as n, c.version
        from (select x.show_id,
                     1 + coalesce((select max(b.version) from outbox b
                                   where b.aggregate_id = x.show_id), 0)
                     as version
              from show_cancellations x
              where x.show_id = any (shows_of)
                and (x.finished_at is null
                     or x.show_id in (select u.show_id from unnest(cuts) u))
              order by x.show_id
              for update of x) c
        left join unnest(cuts) u on u.show_id = c.show_id
        group by c.show_id, c.version
    loop
        if done.n > 0 then
            update show_cancellations x
            set orders = x.orders + done.n,
                refunded = x.refunded + done.amount
            where x.show_id = done.show_id;
        end if;

        if not exists (select from seat_claims c
                       where c.show_id = done.show_id) then
            with ended as (
                update show_cancellations x set finished_at = started
                where x.show_id = done.show_id and x.finished_at is null
                returning *
            )
            insert into outbox (aggregate_id, version, type, payload)
            select e.show_id, done.version, 'show.refunded',
                   jsonb_build_object('showId', e.show_id,
                                      'showNo', e.show_no,
                                      'orders', e.orders,
                                      'refunded', e.refunded)
            from ended e;
        end if;
    end loop;
end
$$;
