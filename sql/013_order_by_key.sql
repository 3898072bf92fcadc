-- The order that a request made before.

set local search_path = boxoffice, pg_temp;


-- The order made under an idempotency key; one row or none.  outcome is
-- 'replayed', or 'key_reused' when the payload or the operation was another.

create function order_by_key(owner text, used_key text, payload text)
returns table (outcome text, order_id uuid, show_id uuid, show_no int,
               user_id text, hold_id uuid, seat_nos int[], seat_ids text,
               amount bigint, currency text, status text, created_ms bigint,
               expires_ms bigint, confirmed_ms bigint, ended_ms bigint,
               ticket_code text, payment_method text)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select case when i.fingerprint = $3 and i.operation = 'create'
                then 'replayed' else 'key_reused' end,
           o.order_id, o.show_id, o.show_no, o.user_id, o.hold_id,
           o.seat_nos, array_to_string(o.seat_ids, ','), o.amount,
           o.currency::text, o.status, unix_ms(o.created_at),
           unix_ms(o.expires_at), unix_ms(o.confirmed_at),
           unix_ms(o.ended_at), o.ticket_code, o.payment_method
    from idempotency i
    join orders o on o.order_id = i.order_id and o.show_date = i.show_date
    where i.user_id = $1 and i.key = $2
$$;
