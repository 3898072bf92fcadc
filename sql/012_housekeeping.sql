-- Repairs and clearing out.

set local search_path = boxoffice, pg_temp;


-- Puts right what a bug or a hand in the tables left: user_seats that are not
-- the sum of the user's live orders, claims whose order is not live.  Returns
-- how many of each; both are 0 in health.  user_seats come first, as in the
-- order of locks; whoever holds such a row is in the middle of a change.

create function cleanup_orphans()
returns table (claims bigint, counts bigint)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    shows_of uuid[];
    users_of text[];
begin
    -- suspects without a lock, then again under it
    select array_agg(show_id), array_agg(user_id) into shows_of, users_of
    from (select u.show_id, u.user_id
          from user_seats u
          left join lateral (
              select sum(cardinality(seat_nos)) as seats
              from orders o
              join shows s on s.show_id = u.show_id
                          and o.show_date = s.show_date
              where o.show_id = u.show_id and o.user_id = u.user_id
                and o.status in ('PAYMENT_PENDING', 'CONFIRMED')) o on true
          where u.seats <> coalesce(o.seats, 0)) wrong;

    perform
    from user_seats u
    where (u.show_id, u.user_id) in (select * from unnest(shows_of, users_of))
    order by u.show_id, u.user_id
    for update;

    with sums as (
        select p.show_id, p.user_id,
               coalesce(sum(cardinality(o.seat_nos)), 0) as seats
        from unnest(shows_of, users_of) p(show_id, user_id)
        join shows s using (show_id)
        left join orders o
               on o.show_date = s.show_date and o.show_id = p.show_id
              and o.user_id = p.user_id
              and o.status in ('PAYMENT_PENDING', 'CONFIRMED')
        group by p.show_id, p.user_id
    )
    update user_seats u set seats = sums.seats
    from sums
    where u.show_id = sums.show_id and u.user_id = sums.user_id
      and u.seats <> sums.seats;
    get diagnostics counts = row_count;

    -- a claim and its order become visible together, so one statement sees
    -- a claim without an order only if there is none
    delete from seat_claims c
    using (select d.show_id, d.seat_no
           from seat_claims d
           left join shows s using (show_id)
           where not exists (
               select from orders o
               where o.order_id = d.order_id and o.show_date = s.show_date
                 and o.show_id = d.show_id
                 and d.seat_no = any (o.seat_nos)
                 and o.status in ('PAYMENT_PENDING', 'CONFIRMED'))
           order by d.show_id, d.seat_no
           for update of d skip locked) e
    where c.show_id = e.show_id and c.seat_no = e.seat_no;
    get diagnostics claims = row_count;

    return next;
end
$$;


-- Deletes what is older than hours (1..87600): idempotency keys, published
-- events, and the empty seat counts of shows that are over.  Returns how
-- many of each.  Rows in use by others are left for the next time.

create function purge(hours int)
returns table (keys bigint, events bigint, counts bigint)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    cut timestamptz(3) := now() - hours * interval '1 hour';
begin
    if hours is null or hours not between 1 and 87600 then
        raise exception 'hours is not between 1 and 87600';
    end if;

    delete from idempotency i
    using (select user_id, key from idempotency where created_at < cut
           for update skip locked) o
    where i.user_id = o.user_id and i.key = o.key;
    get diagnostics keys = row_count;

    insert into purges as p (subject, before) values ('outbox', cut)
    on conflict (subject)
    do update set before = greatest(p.before, excluded.before);

    delete from outbox b
    using (select aggregate_id, version from outbox
           where created_at < cut and published_at is not null
           for update skip locked) o
    where b.aggregate_id = o.aggregate_id and b.version = o.version;
    get diagnostics events = row_count;

    delete from user_seats u
    using (select e.show_id, e.user_id
           from user_seats e join shows s using (show_id)
           where e.seats = 0 and s.ends_at < cut
           for update of e skip locked) o
    where u.show_id = o.show_id and u.user_id = o.user_id;
    get diagnostics counts = row_count;

    return next;
end
$$;
