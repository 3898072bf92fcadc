-- A batch of a cancelled show reads as many orders as it may take, not all.

set local search_path = boxoffice, pg_temp;


-- Cancels up to max (1..1000) orders of shows that were cancelled, and gives
-- everything back; returns them.  Any number of nodes may do this at once:
-- each takes other orders, and each batch is committed or has not happened.

create or replace function cancel_show_orders(max int) returns setof cancel_outcome
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
