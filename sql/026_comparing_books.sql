-- The books are compared with a gateway's in two sweeps: over the latest
-- payments often, and over all that a capture or a refund may still come for,
-- in the background.  Each goes on where it stopped, whichever node does it.
--
-- And the figures of what waits for somebody.

set local search_path = boxoffice, pg_temp;


create table gateway_checks (
    next_at  timestamptz(3) not null default '-infinity',
    from_at  timestamptz(3),
    until_at timestamptz(3),
    began_at timestamptz(3),
    done_at  timestamptz(3),
    made_at  timestamptz(3) not null default now(),
    seen     int not null default 0,
    failures int not null default 0,
    provider text collate "C" not null,
    sweep    text collate "C" not null,
    after    text collate "C",

    constraint gateway_checks_pkey primary key (provider, sweep),
    constraint gateway_checks_sweep_known check (sweep in ('recent', 'deep')),
    constraint gateway_checks_round_complete
        check ((from_at is null) = (until_at is null)
               and (from_at is null) = (began_at is null))
);

comment on table gateway_checks is
    'How far the lists of gateways'' payments are compared with ours.  Whoever '
    'moves next_at on does it for as long; a round goes from the latest '
    'payment made before until_at to those of from_at, and after is the last '
    'one that was compared.';
comment on column gateway_checks.done_at is
    'When a round over all of it was complete.';
comment on column gateway_checks.seen is
    'Payments of the list that this round has behind it.';
comment on column gateway_checks.failures is
    'Runs in a row that failed.';


-- Whether a sweep is to go on now: its row, or none.  recent: a day, at most
-- back_s, every every_ms; deep: back_s when that is more, a round a day, and a
-- share of it every every_ms.  It is the caller's for half a minute after each
-- of its pages: as long as nobody goes on when the caller has died.

create function lease_compare(gateway text, of_sweep text, every_ms int,
                              back_s int)
returns table (from_s bigint, until_s bigint, after text, seen int)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    c gateway_checks;
begin
    if of_sweep = 'deep' and back_s <= 86400 then
        return;
    end if;

    insert into gateway_checks (provider, sweep) values (gateway, of_sweep)
    on conflict do nothing;

    select * into c from gateway_checks
    where provider = gateway and sweep = of_sweep and next_at <= now()
    for update skip locked;

    if not found then
        return;
    end if;

    update gateway_checks
    set next_at = now() + interval '30 s',
        from_at = coalesce(from_at, now() - interval '1 s'
                           * case sweep when 'recent' then least(back_s, 86400)
                                        else back_s end),
        until_at = coalesce(until_at, now()),
        began_at = coalesce(began_at, now()),
        seen = case when from_at is null then 0 else seen end,
        after = case when from_at is null then null else after end
    where provider = gateway and sweep = of_sweep
    returning * into c;

    return query
    select floor(extract(epoch from c.from_at))::bigint,
           ceil(extract(epoch from c.until_at))::bigint, c.after, c.seen;
end
$$;


-- How a run of it went.  step:
-- page      another page is behind it: last is its last payment, total how many
--           this round has seen
-- rest      the run has done its share
-- done      that was all
-- failed    it could not go on
--
-- A round that is over takes no step any more: it is found by until_s.

create function move_compare(gateway text, of_sweep text, round bigint,
                             step text, last text, total int, every_ms int)
returns void
language sql
set search_path = boxoffice, pg_temp
as $$
    update gateway_checks c
    set next_at = case step
            when 'page' then now() + interval '30 s'
            when 'done' then greatest(now(), began_at
                + case sweep when 'deep' then interval '1 day'
                             else every_ms * interval '1 ms' end)
            when 'rest' then case sweep
                when 'deep' then now() + every_ms * interval '1 ms'
                else '-infinity' end
            else now() + least(every_ms, 60000) * interval '1 ms' end,
        after = case step when 'page' then last when 'done' then null
                else c.after end,
        seen = case step when 'page' then total when 'done' then 0
               else c.seen end,
        done_at = case step when 'done' then now() else done_at end,
        from_at = case step when 'done' then null else from_at end,
        until_at = case step when 'done' then null else until_at end,
        began_at = case step when 'done' then null else began_at end,
        failures = case step when 'failed' then failures + 1
                   when 'done' then 0 when 'page' then 0 else failures end
    where provider = gateway collate "C" and sweep = of_sweep collate "C"
      and ceil(extract(epoch from until_at))::bigint = round
$$;


-- Compares captured payments of a gateway's list with ours.  intents, refs and
-- marks are what the gateway was told of them, or null.  Returns what differs:
-- 'missing'     we do not know that it was captured, and have asked for it
-- 'foreign'     we have not asked for it
-- 'refunds'     the gateway has given back more than our refunds that are done
-- 'short'       less

create function compare_payments(gateway text, payment_ids text[],
                                 refunded_there bigint[], intents uuid[],
                                 refs text[], marks uuid[])
returns table (payment_id text, difference text)
language sql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
    select g.payment_id,
           case when p.payment_id is not null
                then case when g.refunded > coalesce(r.done, 0) then 'refunds'
                          else 'short' end
                when i.intent_id is not null or n.intent_id is not null
                     or g.mark = (select site_id from site) then 'missing'
                else 'foreign' end
    from unnest(payment_ids, refunded_there, intents, refs, marks)
         g(payment_id, refunded, intent_id, reference, mark)
    left join payments p
           on p.payment_id = g.payment_id collate "C"
          and p.provider = gateway collate "C"
          and p.status in ('CAPTURED', 'QUARANTINED')
    left join payment_intents i on i.intent_id = g.intent_id
    left join payment_intents n on n.provider = gateway collate "C"
                               and n.reference = g.reference collate "C"
    left join lateral (select sum(amount) as done from refunds d
                       where d.payment_id = p.payment_id
                         and d.status = 'DONE') r on true
    where p.payment_id is null or g.refunded <> coalesce(r.done, 0)
$$;


-- Takes a word that a list had.  The outcomes of take_word(), but of what is
-- unknown, and bears the mark of this database:
-- lost          a case was opened
-- already       there was one

create function take_listed(w gateway_word, ticket_code text, user_limit int,
                            mark uuid)
returns setof order_outcome
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
    r order_outcome;
begin
    select * into r
    from take_word(w, null, null, null, ticket_code, user_limit);

    if r.outcome = 'unknown' and w.kind = 'CAPTURED'
       and mark = (select site_id from site) then
        r.outcome := case when exists (select from quarantine
                                       where provider = w.provider
                                         and kind = 'CAPTURED'
                                         and payment_id = w.payment_id)
                          then 'already' else give_up_parked(w) end;
    end if;

    return next r;
end
$$;


-- Figures for those who watch: by what, how many.

create function payment_figures()
returns table (what text, n bigint)
language sql stable
set search_path = boxoffice, pg_temp
set enable_seqscan = off
set jit = off
as $$
    select 'refunds_waiting', count(*) from refunds
    where status in ('PENDING', 'SENT')
    union all
    select 'refunds_failed', count(*) from refunds where status = 'FAILED'
    union all
    select 'payments_quarantined', count(*) from payments
    where status = 'QUARANTINED' and refunded < amount
    union all
    select 'webhooks_parked', count(*) from webhook_events
    where next_at is not null
    union all
    select 'quarantine_open', count(*) from quarantine where decision is null
$$;
