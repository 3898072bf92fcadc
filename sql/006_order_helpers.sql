-- What the functions over orders share.
--
-- How they keep out of each other's way, on any number of connections:
--
-- * READ COMMITTED, and each function is several statements, so that a
--   statement sees what others committed while the one before it waited.
-- * Locks are taken in one order by all: a case of the quarantine, events of
--   gateways (provider, event), idempotency rows (user, key),
--   payment_intents (intent), rows of orders (order_id), payments
--   (payment_id), refunds (refund_id), user_seats (show, user), seat_claims
--   (show, seat).  Within a table rows are sorted first.  create_orders()
--   touches no order that exists, so it starts the same way.
-- * Before it claims a seat, a transaction shares the show (share_shows()):
--   create_orders() before it reads of it, seat_again() before user_seats.
--   Who changes what the seats were ordered by, time, prices or kinds of
--   seats, has the show alone (have_show()) before looking for claims, and
--   waits for nothing of the above from then on.  So each sees what the other
--   has done, and one of the two loses.
-- * A batch settles what each of its items may do before it writes orders:
--   an item that loses is undone row by row and its neighbours stay.
--
-- Their plans are made once, when tables may be empty: the settings on the
-- functions keep them on indexes, where they belong at any size.  The helpers
-- below are called by those functions only and run under their settings,
-- search_path among them: setting them twice would cost as much as the work.
--
-- A table is joined here by its key alone.  One more condition on it by
-- itself, or reading nothing but the columns of one index, would allow a scan
-- of the whole index; while the table looks small the planner takes that.
-- "offset 0" keeps the two columns of a key together for the same reason.

set local search_path = boxoffice, pg_temp;


create type order_columns as (
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
    payment_method text
);

create type order_outcome as (
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
    conflicts      int[]
);


-- Keeps what they are ordered by from changing until the transaction ends.
--
-- An advisory lock, for all share it: a row's "for key share" would be written
-- into the row of the one show that everybody wants, as a multixact, once for
-- each batch.  Looking at the revision again at the end instead would not do:
-- two that have not committed do not see each other.  Sorted, for who waits to
-- have a show alone is in the way of those who come later.

create function share_shows(show_ids uuid[]) returns void
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock_shared(hashtext('boxoffice.show'), s.place)
    from (select distinct hashtext(id::text) as place
          from unnest(show_ids) id order by 1) s;
end
$$;


-- Waits for all that share the show, and keeps others out, until the end of
-- the transaction.  What is read by the next statement is how they left it.

create function have_show(show_id uuid) returns void
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock(hashtext('boxoffice.show'),
                                  hashtext(show_id::text));
end
$$;


-- The payload of an order's event.  The body is a text: newer releases of
-- PostgreSQL change no table whose row a function with a parsed body takes.

create function order_event(o orders) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'orderId', o.order_id, 'showId', o.show_id, 'showNo', o.show_no,
        'userId', o.user_id, 'holdId', o.hold_id, 'seatIds', o.seat_ids,
        'amount', o.amount, 'currency', o.currency, 'status', o.status,
        'paymentMethod', o.payment_method, 'paymentId', o.payment_id,
        'ticketCode', o.ticket_code, 'version', o.version)
$$;


-- Takes the idempotency keys of a batch.  All arrays have one element for
-- each item; an item without a key, or with a null date (its show is not
-- known), takes none.
--
-- Returns for each item null (go on; its key, if it has one, is taken and
-- must be given back by give_keys_back() if the item has no effect),
-- 'replayed' (the same was done before), 'key_reused' (something else was
-- done under the key) or 'in_progress' (an item before it in this batch has
-- the key).  A key that another transaction is using makes it wait.

create function take_keys(user_ids text[], keys text[], fingerprints text[],
                          operation text, order_ids uuid[],
                          show_dates date[]) returns text[]
language plpgsql
as $$
#variable_conflict use_column
declare
    outcomes    text[] := array_fill(null::text, array[cardinality(keys)]);
    taken_users text[];
    taken_keys  text[];
    wanted      int;
begin
    select count(*) into wanted
    from unnest(keys, show_dates) p(key, show_date)
    where key is not null and show_date is not null;

    if wanted = 0 then
        return outcomes;
    end if;

    with taken as (
        insert into idempotency (user_id, key, fingerprint, operation,
                                 order_id, show_date)
        select user_id, key, fingerprint, take_keys.operation, order_id,
               show_date
        from unnest(user_ids, keys, fingerprints, order_ids, show_dates)
             with ordinality
             p(user_id, key, fingerprint, order_id, show_date, item)
        where key is not null and show_date is not null
        order by user_id collate "C", key collate "C", item
        on conflict (user_id, key) do nothing
        returning user_id, key
    )
    select array_agg(user_id), array_agg(key) into taken_users, taken_keys
    from taken;

    if cardinality(taken_keys) = wanted then
        return outcomes;
    end if;

    return array(
        select case
               when p.key is null or p.show_date is null then null
               when t.key is not null
               then case when row_number() over (partition by p.user_id, p.key
                                                 order by p.item) > 1
                         then 'in_progress' end
               -- it was purged this very moment
               when k.key is null then 'in_progress'
               when k.operation = take_keys.operation
                    and k.fingerprint = p.fingerprint
               then 'replayed'
               else 'key_reused'
               end
        from unnest(user_ids, keys, fingerprints, show_dates)
             with ordinality p(user_id, key, fingerprint, show_date, item)
        left join unnest(taken_users, taken_keys) t(user_id, key)
               on t.user_id = p.user_id and t.key = p.key
        left join idempotency k
               on k.user_id = p.user_id collate "C"
              and k.key = p.key collate "C"
        order by p.item);
end
$$;


-- Deletes keys that this transaction took for items without an effect.

create function give_keys_back(user_ids text[], keys text[]) returns void
language plpgsql
as $$
begin
    delete from idempotency k
    using unnest(user_ids, keys) p(user_id, key)
    where k.user_id = p.user_id collate "C" and k.key = p.key collate "C";
end
$$;


-- Frees the seats of orders that this transaction ended: their claims, and
-- their part of the users' seat counts.  The caller holds the orders' locks,
-- so nobody else deletes these claims and the order of deletion is free.

create function free_seats(order_ids uuid[], show_dates date[]) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
    perform
    from (select distinct o.show_id, o.user_id
          from unnest(order_ids, show_dates) p(order_id, show_date)
          join orders o using (order_id, show_date)) e
    join user_seats u using (show_id, user_id)
    order by u.show_id, u.user_id
    for update of u;

    update user_seats u set seats = u.seats - e.seats
    from (select o.show_id, o.user_id, sum(cardinality(o.seat_nos)) as seats
          from unnest(order_ids, show_dates) p(order_id, show_date)
          join orders o using (order_id, show_date)
          group by o.show_id, o.user_id) e
    where u.show_id = e.show_id and u.user_id = e.user_id;

    delete from seat_claims c
    using (select o.show_id, n.seat_no, o.order_id
           from unnest(order_ids, show_dates) p(order_id, show_date)
           join orders o using (order_id, show_date)
           cross join unnest(o.seat_nos) n(seat_no)
           offset 0) e
    where c.show_id = e.show_id and c.seat_no = e.seat_no
      and c.order_id = e.order_id;
end
$$;
