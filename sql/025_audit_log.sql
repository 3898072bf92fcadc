-- Two consumers of the events that live in PostgreSQL itself: what happened,
-- for those who ask in a year, and what it sums up to, for those who look at a
-- day.  The relay delivers at least once; the key of audit_log makes it once,
-- and the sums grow in the same statement.

set local search_path = boxoffice, pg_temp;


create table audit_log (
    aggregate_id uuid not null,
    version      int not null,
    event_id     uuid not null,
    type         text collate "C" not null,
    at           timestamptz(3) not null,
    payload      jsonb not null,

    constraint audit_log_pkey primary key (aggregate_id, version)
);

create index audit_log_at on audit_log (at);

comment on table audit_log is
    'Every event that the relay has told of, in its own words: no names and '
    'addresses.  It is never emptied by itself: purge_audit().';


create table daily_totals (
    day      date not null,
    show_id  uuid not null,
    type     text collate "C" not null,
    currency text collate "C" not null,
    events   bigint not null,
    seats    bigint not null,
    amount   bigint not null,

    constraint daily_totals_pkey primary key (day, show_id, type, currency)
)
with (fillfactor = 70);

comment on table daily_totals is
    'Events of orders by day (UTC), show and type; amounts in minor units.';


-- Element k of each array is one event; times in ms since 1970.

create function record_events(event_ids uuid[], aggregates uuid[],
                              versions int[], types text[], times_ms bigint[],
                              payloads text[])
returns table (item int, outcome text)
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
begin
    with new as (
        insert into audit_log (event_id, aggregate_id, version, type, at,
                               payload)
        select e.event_id, e.aggregate_id, e.version, e.type,
               from_unix_ms(e.ms), e.payload::jsonb
        from unnest(event_ids, aggregates, versions, types, times_ms,
                    payloads)
             e(event_id, aggregate_id, version, type, ms, payload)
        order by e.aggregate_id, e.version
        on conflict (aggregate_id, version) do nothing
        returning type, at, payload
    )
    insert into daily_totals as t (day, show_id, type, currency, events,
                                   seats, amount)
    select (n.at at time zone 'UTC')::date, (n.payload ->> 'showId')::uuid,
           n.type, n.payload ->> 'currency', count(*),
           sum(jsonb_array_length(n.payload -> 'seatIds')),
           sum((n.payload ->> 'amount')::bigint)
    from new n
    where n.type like 'order.%'
      and n.payload ? 'showId' and n.payload ? 'currency'
      and jsonb_typeof(n.payload -> 'seatIds') = 'array'
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict (day, show_id, type, currency)
    do update set events = t.events + excluded.events,
                  seats = t.seats + excluded.seats,
                  amount = t.amount + excluded.amount;

    return query
    select n::int, 'recorded' from generate_subscripts(event_ids, 1) n;
end
$$;


-- Deletes what is older than days (1 or more), 5,000 at most; returns how
-- many.

create function purge_audit(days int) returns bigint
language plpgsql
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    gone bigint;
begin
    delete from audit_log
    where ctid = any (array(select ctid from audit_log
                            where at < now() - greatest(days, 1)
                                       * interval '1 day'
                            order by at
                            limit 5000 for update skip locked));
    get diagnostics gone = row_count;
    return gone;
end
$$;
