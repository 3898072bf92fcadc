-- Housekeeping that can finish: each call reads and writes a bounded number
-- of rows, so that it fits into the time that a session gives a statement.
-- The purges of webhooks, audit, notifications and sessions stand with their
-- tables.

set local search_path = boxoffice, pg_temp;


-- Puts right what a bug or a hand in the tables left: user_seats that are not
-- the sum of the user's live orders, claims whose order is not live.
--
-- Looks at shows that are not over yet, in the order of their numbers, from
-- the one after after_no (0 or more) on: as many as have 50,000 claims and
-- user_seats together, but at least one and at most 500; fewer when there is
-- much to repair: 1,000 counts and 5,000 claims of a show are.
--
-- Returns how many of each, both 0 in health, and last_no: what to call it
-- with next; 0 when the round is complete.

create function cleanup_orphans(after_no int)
returns table (claims bigint, counts bigint, last_no int)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set work_mem = '32MB'
as $$
#variable_conflict use_column
declare
    shows_max    constant int := 500;
    rows_max     constant bigint := 50000;
    counts_max   constant int := 1000;
    claims_max   constant int := 5000;
    show         record;
    found        record;
    shows_seen   int := 0;
    rows_here    bigint;
    rows_seen    bigint := 0;
    complete     boolean := true;
    again_no     int;       -- a show with more suspects than it may have
    users_shows  uuid[] := '{}';
    users        text[] := '{}';
    claims_shows uuid[] := '{}';
    claims_seats int[] := '{}';
    claims_of    uuid[] := '{}';
begin
    last_no := after_no;

    for show in
        select show_id, show_no, show_date from shows
        where show_no > after_no and ends_at > now()
        order by show_no
    loop
        rows_here :=
            (select count(*) from seat_claims where show_id = show.show_id)
            + (select count(*) from user_seats where show_id = show.show_id);

        if shows_seen = shows_max
           or (rows_seen > 0 and rows_seen + rows_here > rows_max)
        then
            complete := false;
            exit;
        end if;

        shows_seen := shows_seen + 1;
        rows_seen := rows_seen + rows_here;

        if rows_here = 0 then
            last_no := show.show_no;
            continue;
        end if;

        -- Suspects, without a lock.  A claim and its order become visible
        -- together, so one statement sees a claim without an order only if
        -- there is none; and an order that is not live never is again.  What
        -- a user has is told by his claims here, which lead to the orders by
        -- their key; no index leads there from a show.  One show at a time,
        -- so that its partition is known before the first row.

        with claim as materialized (
            select c.seat_no, c.order_id, o.user_id,
                   coalesce(o.show_id = show.show_id
                            and c.seat_no = any (o.seat_nos)
                            and o.status in ('PAYMENT_PENDING', 'CONFIRMED'),
                            false) as live
            from (select seat_no, order_id from seat_claims
                  where show_id = show.show_id offset 0) c
            left join orders o on o.order_id = c.order_id
                              and o.show_date = show.show_date
        ), orphan as (
            select seat_no, order_id from claim where not live
            limit claims_max
        ), wrong as (
            -- a sum instead of a join, which would look at each empty count
            select user_id
            from (select user_id, seats from user_seats
                  where show_id = show.show_id and seats <> 0
                  union all
                  select user_id, -1 from claim where live) b
            group by user_id
            having sum(seats) <> 0
            -- what is no fault of the counts must not keep the rest waiting
            order by random()
            limit counts_max
        )
        select o.*, w.*, coalesce(cardinality(o.order_ids) = claims_max, false)
                         or coalesce(cardinality(w.user_ids) = counts_max,
                                     false) as more
        into found
        from (select array_agg(show.show_id) as claim_shows,
                     array_agg(seat_no) as seat_nos,
                     array_agg(order_id) as order_ids from orphan) o
        cross join (select array_agg(show.show_id) as user_shows,
                           array_agg(user_id) as user_ids from wrong) w;

        claims_shows := claims_shows || found.claim_shows;
        claims_seats := claims_seats || found.seat_nos;
        claims_of := claims_of || found.order_ids;
        users_shows := users_shows || found.user_shows;
        users := users || found.user_ids;

        if found.more then
            again_no := show.show_no;
        else
            last_no := show.show_no;
        end if;

        if found.more
           or cardinality(claims_of) >= claims_max
           or cardinality(users) >= counts_max
        then
            complete := false;
            exit;
        end if;
    end loop;

    -- user_seats come first, as in the order of locks; whoever holds such a
    -- row is in the middle of a change, and the sum is made under the lock

    perform
    from unnest(users_shows, users) p(show_id, user_id)
    join user_seats u
      on u.show_id = p.show_id and u.user_id = p.user_id collate "C"
    order by u.show_id, u.user_id
    for update of u;

    with sums as materialized (
        select p.show_id, p.user_id,
               coalesce(sum(cardinality(o.seat_nos))
                        filter (where o.show_id = p.show_id
                                and o.status in ('PAYMENT_PENDING',
                                                 'CONFIRMED')), 0) as seats
        from unnest(users_shows, users) p(show_id, user_id)
        join shows s using (show_id)
        left join lateral (select show_id, status, seat_nos
                           from orders
                           where user_id = p.user_id collate "C"
                             and show_date = s.show_date
                           offset 0) o on true
        group by p.show_id, p.user_id
    )
    update user_seats u set seats = sums.seats
    from sums
    where u.show_id = sums.show_id and u.user_id = sums.user_id collate "C"
      and u.seats <> sums.seats;
    get diagnostics counts = row_count;

    delete from seat_claims c
    using (select d.show_id, d.seat_no, d.order_id
           from unnest(claims_shows, claims_seats, claims_of)
                p(show_id, seat_no, order_id)
           join seat_claims d using (show_id, seat_no)
           where d.order_id = p.order_id
           for update of d skip locked) e
    where c.show_id = e.show_id and c.seat_no = e.seat_no
      and c.order_id = e.order_id;
    get diagnostics claims = row_count;

    if complete then
        last_no := 0;
    elsif again_no is not null and claims + counts = 0 then
        -- nothing of it was to be repaired: do not ask for it again
        last_no := again_no;
    end if;

    return next;
end
$$;


-- Deletes published events made before cut to which no sink has a claim any
-- more.  Those that have one stay for as long as an administrator likes, and
-- there may be very many: so a call looks at 5,000 events, whatever it finds,
-- and the next one goes on where it ended.  A round over all of them is
-- complete when done is true, and the next call begins another.
--
-- Of more than that of one millisecond, some wait for the next round.

create function purge_outbox(cut timestamptz, out gone bigint, out done boolean)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    rows_max constant int := 5000;
    mark     timestamptz(3);
    seen     bigint;
begin
    insert into purges (subject, before) values ('outbox_round', '-infinity')
    on conflict (subject) do nothing;

    -- one node at a time: the mark is the round's
    select before into mark from purges
    where subject = 'outbox_round'
    for update skip locked;

    if not found then
        gone := 0;
        done := true;
        return;
    end if;

    -- what is published changes no more, and nothing is owed of it anew
    with looked as materialized (
        select o.ctid as place, o.created_at, d.owed is null as free
        from (select ctid, created_at, aggregate_id, version from outbox
              where created_at > mark and created_at < cut
                and published_at is not null
              order by created_at
              limit rows_max) o
        left join lateral (select true as owed from deliveries d
                           where d.aggregate_id = o.aggregate_id
                             and d.version = o.version
                           limit 1) d on true
    ), deleted as (
        delete from outbox
        where ctid = any (array(select place from looked where free))
        returning 1
    )
    select (select count(*) from deleted), count(*), max(created_at)
    into gone, seen, mark
    from looked;

    done := seen < rows_max;

    update purges
    set before = case when done then '-infinity' else mark end
    where subject = 'outbox_round';
end
$$;


-- Deletes what is older than hours (1..87600): idempotency keys, published
-- events, and the empty seat counts of shows that are over.  Returns how
-- many of each, 5,000 at most, and whether there may be more: then call it
-- again.  Rows in use by others are left for the next time.

create function purge(hours int)
returns table (keys bigint, events bigint, counts bigint, more boolean)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    rows_max  constant int := 5000;
    shows_max constant int := 20;
    cut       timestamptz(3) := now() - hours * interval '1 hour';
    mark      timestamptz(3);
    shows_of  uuid[];
    done      boolean;
begin
    if hours is null or hours not between 1 and 87600 then
        raise exception 'hours is not between 1 and 87600';
    end if;

    delete from idempotency
    where ctid = any (array(select ctid from idempotency
                            where created_at < cut order by created_at
                            limit rows_max for update skip locked));
    get diagnostics keys = row_count;

    insert into purges as p (subject, before) values ('outbox', cut)
    on conflict (subject)
    do update set before = greatest(p.before, excluded.before);

    select p.gone, p.done into events, done from purge_outbox(cut) p;

    -- Counts that are not 0 stay, so no show is looked at twice: the mark is
    -- the end of the last one that was.  Shows that end together are taken
    -- together.

    select max(before) into mark from purges where subject = 'user_seats';

    select array_agg(show_id), max(ends_at) into shows_of, mark
    from (select show_id, ends_at from shows
          where ends_at > coalesce(mark, '-infinity') and ends_at < cut
          order by ends_at
          fetch first (shows_max) rows with ties) s;

    delete from user_seats
    where ctid = any (array(select ctid from user_seats
                            where show_id = any (shows_of) and seats = 0
                            limit rows_max for update skip locked));
    get diagnostics counts = row_count;

    if counts < rows_max and mark is not null then
        insert into purges as p (subject, before) values ('user_seats', mark)
        on conflict (subject)
        do update set before = greatest(p.before, excluded.before);
    end if;

    more := keys = rows_max or not done or counts = rows_max
            or coalesce(cardinality(shows_of), 0) >= shows_max;

    return next;
end
$$;


-- Deletes the records of holds made more than days (1 or more) ago; returns
-- how many, 5,000 at most.

create function purge_holds(days int) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    gone bigint;
begin
    delete from holds
    where ctid = any (array(select ctid from holds
                            where created_at < now() - greatest(days, 1)
                                               * interval '1 day'
                            order by created_at
                            limit 5000 for update skip locked));
    get diagnostics gone = row_count;
    return gone;
end
$$;
