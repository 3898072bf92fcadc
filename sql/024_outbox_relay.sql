-- The outbox relay: which event goes to which sink, and when.
--
-- relay_outbox() is the short way.  It claims events that nobody has handed
-- on, and marks them when they were.  The one sink that the relay publishes to
-- by itself has no row for an event; every other sink, and any that failed,
-- gets one in deliveries, in the transaction that marks the event.  From there
-- claim_deliveries() and mark_deliveries() take it, sink by sink, so a sink
-- that is slow or away is no matter of the others.
--
-- A claim is a lease: a time until which others keep off.  No lock and no
-- transaction stays open while an event is on its way.  A relay that dies
-- leaves leases that run out, and its events go again, with the same ids.
--
-- Of one aggregate one event at a time is under way to a sink, the oldest.
-- The numbers of outbox.position become visible out of their order, so they
-- only say who is tried first; what is to be done is what is not marked.

set local search_path = boxoffice, pg_temp;


create table deliveries (
    sink         text collate "C" not null,
    aggregate_id uuid not null,
    version      int not null,
    delivery_id  uuid not null default gen_random_uuid(),
    attempts     int not null default 0,
    status       text collate "C" not null default 'PENDING',
    next_at      timestamptz(3) not null default now(),
    created_at   timestamptz(3) not null,
    dead_at      timestamptz(3),
    last_error   text,

    constraint deliveries_pkey primary key (sink, aggregate_id, version),
    constraint deliveries_delivery_id_key unique (delivery_id),
    constraint deliveries_attempts_positive check (attempts >= 0),
    constraint deliveries_status_known check (status in ('PENDING', 'DEAD')),
    constraint deliveries_dead_complete
        check ((dead_at is not null) = (status = 'DEAD'))
)
-- rows come and go
with (autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_insert_scale_factor = 0.1);

create index deliveries_due on deliveries (sink, next_at)
    where status = 'PENDING';

create index deliveries_dead on deliveries (dead_at, delivery_id)
    where status = 'DEAD';

-- purge() asks whether an event is still owed to anybody
create index deliveries_event on deliveries (aggregate_id, version);

comment on table deliveries is
    'What a sink has yet to get; the event itself is in outbox, which keeps it '
    'as long as there is a row here.  Delivered: the row is deleted.  DEAD: '
    'given up, until an administrator replays or drops it.';
comment on column deliveries.next_at is
    'When it may be tried, or until when a relay has it.';
comment on column deliveries.created_at is 'When the event was.';


create type relay_event as (
    event_id     uuid,
    aggregate_id uuid,
    version      int,
    type         text,
    payload      text,
    created_ms   bigint,
    attempts     int,
    parked       boolean
);


-- Marks what a relay has handed on, then claims more.
--
-- direct        the sink that the relay publishes to by itself, or null
-- max           how many to claim at most, 0 for none
-- lease_ms      how long the relay may take for them
-- done_*        the events that it is through with
-- owed_*        what is to go into deliveries: element k says that a sink has
--               an event of done_* yet to get, how often it was tried, in
--               how many ms it may be tried again, and why it failed
--
-- Returns the events claimed, the oldest first.  parked: the direct sink has
-- an older event of the aggregate yet to get, so this one is to be owed.

create function relay_outbox(
    direct text, max int, lease_ms int,
    done_aggregates uuid[], done_versions int[],
    owed_sinks text[], owed_aggregates uuid[], owed_versions int[],
    owed_attempts int[], owed_delays_ms int[], owed_errors text[])
returns setof relay_event
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
begin
    if cardinality(done_aggregates) > 0 then
        -- two relays have the same event only after a lease ran out; who
        -- marks it first says what is owed
        with mine as materialized (
            select o.aggregate_id, o.version
            from (select * from unnest(done_aggregates, done_versions)
                       d(aggregate_id, version) order by 1, 2) d
            join outbox o on o.aggregate_id = d.aggregate_id
                         and o.version = d.version
            where o.published_at is null
            order by 1, 2
            for update of o
        ), marked as (
            update outbox o set published_at = now(), leased_until = null
            from mine m
            where o.aggregate_id = m.aggregate_id and o.version = m.version
            returning o.aggregate_id, o.version, o.created_at
        )
        insert into deliveries (sink, aggregate_id, version, attempts,
                                next_at, created_at, last_error)
        select w.sink, m.aggregate_id, m.version, w.attempts,
               now() + w.delay_ms * interval '1 millisecond', m.created_at,
               w.error
        from unnest(owed_sinks, owed_aggregates, owed_versions,
                    owed_attempts, owed_delays_ms, owed_errors)
             w(sink, aggregate_id, version, attempts, delay_ms, error)
        join marked m on m.aggregate_id = w.aggregate_id
                     and m.version = w.version
        on conflict (sink, aggregate_id, version) do nothing;
    end if;

    if max < 1 then
        return;
    end if;

    return query
    with head as materialized (
        -- its older ones are seen here whatever becomes of them meanwhile:
        -- then it is its turn the next time
        select o.aggregate_id, o.version
        from outbox o
        where o.published_at is null
          and (o.leased_until is null or o.leased_until < now())
          and (o.version = 1
               or not exists (select from outbox p
                              where p.aggregate_id = o.aggregate_id
                                and p.version < o.version
                                and p.published_at is null))
        order by o.position
        limit max
        for update of o skip locked
    )
    update outbox o
    set leased_until = now() + lease_ms * interval '1 millisecond'
    from head h
    where o.aggregate_id = h.aggregate_id and o.version = h.version
    returning o.event_id, o.aggregate_id, o.version, o.type, o.payload::text,
              unix_ms(o.created_at), 0,
              exists (select from deliveries d
                      where d.sink = direct
                        and d.aggregate_id = o.aggregate_id
                        and d.version < o.version
                        and d.status = 'PENDING');
end
$$;


-- Claims what a sink has yet to get and may be tried now; attempts counts this
-- try as well, so that an event that kills its relay is given up some day.

create function claim_deliveries(sink text, max int, lease_ms int)
returns setof relay_event
language sql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
    with head as materialized (
        select d.aggregate_id, d.version
        from deliveries d
        where d.sink = claim_deliveries.sink
          and d.status = 'PENDING' and d.next_at <= now()
          and not exists (select from deliveries e
                          where e.sink = d.sink
                            and e.aggregate_id = d.aggregate_id
                            and e.version < d.version
                            and e.status = 'PENDING')
        order by d.next_at
        limit max
        for update of d skip locked
    ), claimed as (
        update deliveries d
        set next_at = now() + lease_ms * interval '1 millisecond',
            attempts = d.attempts + 1
        from head h
        where d.sink = claim_deliveries.sink
          and d.aggregate_id = h.aggregate_id and d.version = h.version
        returning d.aggregate_id, d.version, d.attempts
    )
    select o.event_id, o.aggregate_id, o.version, o.type, o.payload::text,
           unix_ms(o.created_at), c.attempts, false
    from claimed c
    join outbox o on o.aggregate_id = c.aggregate_id
                 and o.version = c.version
$$;


-- How tries ended.  Element k of each array belongs to one event.
--
-- results   'done'; 'retry': again in delays_ms; 'away': this was no try, and
--           it may be had at once; 'dead'
-- most      attempts, then it is dead
--
-- Returns how many have become dead.

create function mark_deliveries(
    sink text, most int, aggregates uuid[], versions int[], results text[],
    delays_ms int[], errors text[])
returns int
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
    dead int;
begin
    delete from deliveries d
    using (select * from unnest(aggregates, versions, results)
               r(aggregate_id, version, result)
           where r.result = 'done' order by 1, 2) r
    where d.sink = mark_deliveries.sink
      and d.aggregate_id = r.aggregate_id and d.version = r.version;

    if 'done' = all (results) then
        return 0;
    end if;

    with marked as (
        update deliveries d
        set status     = case when r.dead then 'DEAD' else d.status end,
            dead_at    = case when r.dead then now() else d.dead_at end,
            attempts   = case when r.result = 'away'
                              then greatest(r.attempts - 1, 0)
                              else r.attempts end,
            next_at    = now() + r.delay_ms * interval '1 millisecond',
            last_error = coalesce(r.error, d.last_error)
        from (select e.aggregate_id, e.version, e.attempts, r.result,
                     r.delay_ms, r.error,
                     r.result = 'dead'
                     or (r.result = 'retry' and e.attempts >= most) as dead
              from unnest(aggregates, versions, results, delays_ms, errors)
                   r(aggregate_id, version, result, delay_ms, error)
              join deliveries e on e.sink = mark_deliveries.sink
                               and e.aggregate_id = r.aggregate_id
                               and e.version = r.version
              where r.result <> 'done' and e.status = 'PENDING'
              order by e.aggregate_id, e.version
              for update of e) r
        where d.sink = mark_deliveries.sink
          and d.aggregate_id = r.aggregate_id and d.version = r.version
        returning r.dead
    )
    select count(*) filter (where m.dead) into dead from marked m;

    return dead;
end
$$;


-- How much waits: for each sink of the array what it has yet to get, and since
-- when, and what was given up; in the last row, whose sink is '', what nobody
-- has handed on yet.  Counts stop at 100,000.

create function relay_backlog(sinks text[])
returns table (sink text, pending bigint, oldest_ms bigint, dead bigint)
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
    select s.sink,
           (select count(*) from (select from deliveries d
                                  where d.sink = s.sink
                                    and d.status = 'PENDING'
                                  limit 100000) d),
           (select unix_ms(now()) - unix_ms(min(d.created_at))
            from (select d.created_at from deliveries d
                  where d.sink = s.sink and d.status = 'PENDING'
                  limit 100000) d),
           (select count(*) from (select from deliveries d
                                  where d.sink = s.sink
                                    and d.status = 'DEAD'
                                  limit 100000) d)
    from unnest(sinks) s(sink)
    union all
    select '', count(*), unix_ms(now()) - unix_ms(min(o.created_at)), 0
    from (select created_at from outbox
          where published_at is null
          order by position limit 100000) o
$$;


-- Dead letters, the latest first, from those before (ms, id) on.

create function dead_letters(before_ms bigint, before_id uuid, max int)
returns table (delivery_id uuid, dead_ms bigint, sink text, event_id uuid,
               aggregate_id uuid, version int, type text, payload text,
               created_ms bigint, attempts int, last_error text)
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
    select d.delivery_id, unix_ms(d.dead_at), d.sink, o.event_id,
           d.aggregate_id, d.version, o.type, o.payload::text,
           unix_ms(o.created_at), d.attempts, d.last_error
    from deliveries d
    join outbox o on o.aggregate_id = d.aggregate_id
                 and o.version = d.version
    where d.status = 'DEAD'
      and (d.dead_at, d.delivery_id) < (from_unix_ms(before_ms), before_id)
    order by d.dead_at desc, d.delivery_id desc
    limit max
$$;


-- Tries a dead letter again from the start, or drops it for good.  Returns
-- whether there was one.

create function replay_dead_letter(id uuid) returns boolean
language sql
set search_path = boxoffice, pg_temp
as $$
    with back as (
        update deliveries
        set status = 'PENDING', attempts = 0, dead_at = null, next_at = now()
        where delivery_id = id and status = 'DEAD'
        returning 1
    )
    select exists (select from back)
$$;


create function drop_dead_letter(id uuid) returns boolean
language sql
set search_path = boxoffice, pg_temp
as $$
    with gone as (
        delete from deliveries
        where delivery_id = id and status = 'DEAD'
        returning 1
    )
    select exists (select from gone)
$$;
