-- Purges that read what they delete, and not what stays: each in a bounded
-- number of rows, whatever has gathered.

set local search_path = boxoffice, pg_temp;


-- As 016 says of the others: a BRIN finds old rows only until the room of the
-- first purge was filled again.  Events that wait for somebody are not in it,
-- however many have gathered.

drop index webhook_events_received;

create index webhook_events_over on webhook_events (received_at)
    where outcome not in ('parked', 'quarantined');


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


-- As in 024; the events by purge_outbox().

create or replace function purge(hours int)
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
