-- History of holds.

set local search_path = boxoffice, pg_temp;


-- Records what became of holds.  Element k of each array belongs to item k;
-- returns one row for each item, with the outcome the hold now has.
--
-- outcomes      HELD (also again, with other seats or a later end), EXPIRED,
--               RELEASED or ORDERED.  The first that is not HELD stays,
--               whatever comes later or late.

create function record_holds(
    hold_ids uuid[], show_ids uuid[], user_ids text[], seat_nos text[],
    created_ms bigint[], expires_ms bigint[], outcomes text[])
returns table (item int, outcome text)
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
    insert into holds as h (hold_id, show_id, user_id, seat_nos, created_at,
                            expires_at, outcome, ended_at)
    select distinct on (hold_id) hold_id, show_id, user_id, seat_nos::int[],
           from_unix_ms(created_ms), from_unix_ms(expires_ms), outcome,
           case when outcome <> 'HELD' then now() end
    from unnest(hold_ids, show_ids, user_ids, seat_nos, created_ms,
                expires_ms, outcomes) with ordinality
         p(hold_id, show_id, user_id, seat_nos, created_ms, expires_ms,
           outcome, item)
    -- of several for one hold: the first end, else the latest news
    order by hold_id, outcome = 'HELD',
             case when outcome = 'HELD' then -item else item end
    on conflict (hold_id) do update
    set seat_nos = excluded.seat_nos, expires_at = excluded.expires_at,
        outcome = excluded.outcome, ended_at = excluded.ended_at
    where h.outcome = 'HELD'
      and (excluded.outcome <> 'HELD' or excluded.expires_at >= h.expires_at);

    return query
    select p.item::int, h.outcome
    from unnest(hold_ids) with ordinality p(hold_id, item)
    join holds h using (hold_id);
end
$$;
