-- The end of orders that were not paid in time.

set local search_path = boxoffice, pg_temp;


-- Ends up to max orders (1..10000) whose deadline has passed; returns them.
-- Any number of nodes may do this at once: each takes other rows.

create function expire_orders(max int) returns setof order_columns
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
    due     uuid[];
    dates   date[];
begin
    select array_agg(order_id), array_agg(show_date) into due, dates
    from (select order_id, show_date from orders
          where status = 'PAYMENT_PENDING' and expires_at <= started
          order by expires_at
          limit least(greatest(max, 1), 10000)
          for update skip locked) o;

    if due is null then
        return;
    end if;

    return query
    with moved as (
        update orders o
        set status = 'EXPIRED', version = o.version + 1, ended_at = started
        from unnest(due, dates) d(order_id, show_date)
        where o.order_id = d.order_id and o.show_date = d.show_date
        returning o.*, order_event(o) as event
    ), noted as (
        insert into outbox (aggregate_id, version, type, payload)
        select order_id, version, 'order.expired', event from moved
    )
    select o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method
    from moved o;

    perform free_seats(due, dates);
end
$$;
