-- Reading orders and claims.

set local search_path = boxoffice, pg_temp;


-- One order of user_id, or anybody's for an admin; one row or none.

create function order_by_id(order_id uuid, show_no int, user_id text,
                            admin boolean)
returns setof order_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    filed date;
begin
    select show_date into filed from shows s
    where s.show_no = order_by_id.show_no;

    return query
    select o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method
    from orders o
    where o.order_id = order_by_id.order_id and o.show_date = filed
      and (admin or o.user_id = order_by_id.user_id);
end
$$;


-- Orders of a user before (before_ms, before_id), newest first; max: 1..1000.
-- The first page asks for those before (9223372036854, any id).

create function orders_of_user(user_id text, before_ms bigint, before_id uuid,
                               max int)
returns setof order_columns
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    select o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method
    from orders o
    where o.user_id = orders_of_user.user_id
      and (o.created_at, o.order_id) < (from_unix_ms(before_ms), before_id)
    order by o.created_at desc, o.order_id desc
    limit least(greatest(max, 1), 1000);
end
$$;


-- The order made under an idempotency key; one row or none.  outcome is
-- 'replayed', or 'key_reused' when the payload or the operation was another.
-- It has all the seats that it had then.

create function order_by_key(owner text, used_key text, payload text)
returns table (outcome text, order_id uuid, show_id uuid, show_no int,
               user_id text, hold_id uuid, seat_nos int[], seat_ids text,
               amount bigint, currency text, status text, created_ms bigint,
               expires_ms bigint, confirmed_ms bigint, ended_ms bigint,
               ticket_code text, payment_method text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select case when i.fingerprint = payload and i.operation = 'create'
                then 'replayed' else 'key_reused' end,
           o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id, h.nos,
           h.ids, o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method
    from idempotency i
    join orders o on o.order_id = i.order_id and o.show_date = i.show_date
    cross join lateral order_had(o.order_id, o.show_id, o.seat_ids) h
    where i.user_id = owner and i.key = used_key;
end
$$;


-- The seats of a show that are in live orders, by seat number, for loading
-- the show into Redis.  ms_left is what is left of the time to pay, 0 if it
-- is over but the order has not been ended yet; null for a confirmed order.

create function show_claims(show_id uuid)
returns table (seat_no int, confirmed boolean, user_id text, hold_id uuid,
               ms_left int)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_custom_plan
set jit = off
as $$
#variable_conflict use_column
declare
    filed date;
begin
    -- a date the planner knows picks the partition
    select show_date into filed from shows s
    where s.show_id = show_claims.show_id;

    return query
    select c.seat_no, o.status = 'CONFIRMED', o.user_id, o.hold_id,
           case when o.status <> 'CONFIRMED'
                then greatest(unix_ms(o.expires_at) - unix_ms(now()), 0)::int
           end
    from seat_claims c
    join orders o on o.order_id = c.order_id and o.show_date = filed
    where c.show_id = show_claims.show_id
    order by c.seat_no;
end
$$;
