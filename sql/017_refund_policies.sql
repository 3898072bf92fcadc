-- What is given back of an order that is cancelled: the terms of a theatre.
--
-- The rule lives here and nowhere else: which step is open is decided by this
-- server's clock, in the transaction that cancels, under the lock of the
-- order.  Whoever shows a quote asks the same functions.
--
-- * In force for an order are the terms that were in force when the order was
--   made, for that is what its buyer agreed to: those of the theatre, or of
--   the house when the theatre had none then.  They count from the start of
--   the show as it is now, for a show may be moved.
-- * A version takes effect some seconds after it was committed at the
--   earliest, so that nobody buys under terms that could not be read.
-- * Versions are never changed.  A later one that takes effect at the same
--   moment, or earlier, is in its place.

set local search_path = boxoffice, pg_temp;


create table refund_policies (
    theatre_id     uuid not null,
    effective_from timestamptz(3) not null,
    created_at     timestamptz(3) not null default now(),
    fee_fixed      bigint not null default 0,
    version        int not null,
    fee_points     int not null default 0,
    fee_per        text collate "C" not null default 'ORDER',
    fee_currency   char(3),
    created_by     text collate "C" not null,

    constraint refund_policies_pkey primary key (theatre_id, version),
    constraint refund_policies_version_positive check (version >= 1),
    constraint refund_policies_fixed_range
        check (fee_fixed between 0 and 100000000),
    constraint refund_policies_points_range
        check (fee_points between 0 and 10000),
    constraint refund_policies_per_known check (fee_per in ('ORDER', 'SEAT')),
    constraint refund_policies_currency_there
        check ((fee_fixed = 0) = (fee_currency is null)),
    constraint refund_policies_currency_form
        check (fee_currency ~ '^[A-Z]{3}$')
);

create index refund_policies_in_force
    on refund_policies (theatre_id, effective_from desc, version desc);

comment on table refund_policies is
    'The terms of a theatre, version after version.  The theatre of nulls is '
    'the house: its terms are those of theatres without their own.';
comment on column refund_policies.fee_fixed is
    'Minor units of fee_currency, kept of what would be given back; of an '
    'order in another currency nothing is.';
comment on column refund_policies.fee_points is
    'Hundredths of a per cent of the price of a seat, rounded up.';
comment on column refund_policies.fee_per is
    'Whether fee_fixed is kept once for an order, in however many parts it is '
    'given back, or for each seat.';


create table refund_steps (
    theatre_id     uuid not null,
    version        int not null,
    step           int not null,
    percent        int not null,
    minutes_before int,
    days_before    int,
    day_time       time(0),

    constraint refund_steps_pkey primary key (theatre_id, version, step),
    constraint refund_steps_policy_fkey foreign key (theatre_id, version)
        references refund_policies on delete cascade,
    constraint refund_steps_step_range check (step between 1 and 20),
    constraint refund_steps_percent_range check (percent between 0 and 100),
    constraint refund_steps_minutes_range
        check (minutes_before between 0 and 1051200),
    constraint refund_steps_days_range check (days_before between 0 and 730),
    constraint refund_steps_one_kind
        check ((minutes_before is null) = (days_before is not null)
               and (days_before is null) = (day_time is null))
);

comment on table refund_steps is
    'So much is given back until then, that moment included.  After the last '
    'one nothing is, and there is no cancelling.';
comment on column refund_steps.minutes_before is
    'A duration before the show starts, whatever the clocks do meanwhile.';
comment on column refund_steps.day_time is
    'A time on the clock of the theatre, days_before its day of the show; '
    '24:00 is the midnight at the end of that day.';


create type refund_policy_terms as (
    theatre_id uuid,        -- whose they are: the house's is of nulls
    version    int,
    percent    int,         -- null: no step is open
    until      timestamptz, -- of that step
    per_order  bigint,      -- fees, of the currency that was asked for
    per_seat   bigint,
    points     int
);


-- The terms in force at a time: the theatre's, else the house's.

create function refund_policy_at(theatre_id uuid, at timestamptz)
returns setof refund_policies
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.* from refund_policies p
    where p.theatre_id = refund_policy_at.theatre_id
      and p.effective_from <= at
    order by p.effective_from desc, p.version desc limit 1;

    if not found then
        return query
        select p.* from refund_policies p
        where p.theatre_id = '00000000-0000-0000-0000-000000000000'
          and p.effective_from <= at
        order by p.effective_from desc, p.version desc limit 1;
    end if;
end
$$;


-- The steps of a version for a show that starts at a time, in a time zone.  A
-- time that the clock of the theatre shows twice is the second one, and one
-- that it skips is as long after midnight as it says: both for the buyer.
-- None is later than the start.

create function refund_deadlines(theatre_id uuid, version int,
                                 starts_at timestamptz, zone text)
returns table (step int, until timestamptz, percent int)
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select s.step,
           least(refund_deadlines.starts_at,
                 case when s.minutes_before is not null
                      then refund_deadlines.starts_at
                           - s.minutes_before * interval '1 minute'
                      else ((refund_deadlines.starts_at at time zone zone)::date
                            - s.days_before + s.day_time) at time zone zone
                 end),
           s.percent
    from refund_steps s
    where s.theatre_id = refund_deadlines.theatre_id
      and s.version = refund_deadlines.version
    order by s.step
$$;


-- What holds at a time for an order of a theatre that was made at made_at.
-- Of several open steps the best counts.

create function refund_terms(theatre_id uuid, made_at timestamptz,
                             currency text, starts_at timestamptz, zone text,
                             at timestamptz)
returns refund_policy_terms
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    policy refund_policies;
    terms  refund_policy_terms;
    fixed  bigint;
begin
    select * into policy from refund_policy_at(theatre_id, made_at);

    fixed := case when policy.fee_currency = currency
                  then policy.fee_fixed else 0 end;

    terms.theatre_id := policy.theatre_id;
    terms.version := policy.version;
    terms.points := coalesce(policy.fee_points, 0);
    terms.per_order := case policy.fee_per when 'ORDER' then fixed else 0 end;
    terms.per_seat := case policy.fee_per when 'SEAT' then fixed else 0 end;

    select d.percent, d.until into terms.percent, terms.until
    from refund_deadlines(policy.theatre_id, policy.version, starts_at,
                          zone) d
    where d.until >= at
    order by d.percent desc, d.until desc limit 1;

    return terms;
end
$$;


-- How much of the prices is given back.  Each seat is rounded by itself, down,
-- and its fees are never more than it: so the parts of an order that are given
-- back at the same terms add up to exactly what the whole would be.
--
-- per_order  what is left to keep of the fee of the order; kept is what of it
--            was kept here

create function refund_sum(prices bigint[], percent int, points int,
                           per_seat bigint, per_order bigint,
                           out amount bigint, out kept bigint)
language sql immutable
as $$
    select net - least(net, per_order), least(net, per_order)
    from (select coalesce(sum(base - least(base, fee)), 0)::bigint as net
          from (select price * percent / 100 as base,
                       (price * points + 9999) / 10000 + per_seat as fee
                from unnest(prices) p(price)) s) n
$$;


create function refund_policy_json(p refund_policies) returns json
language sql stable
set search_path = boxoffice, pg_temp
as $$
    select json_build_object(
        'theatreId', p.theatre_id, 'version', p.version,
        'effectiveFrom', rfc3339(p.effective_from),
        'steps', (select coalesce(json_agg(
            case when s.minutes_before is not null
                 then json_build_object('minutesBefore', s.minutes_before,
                                        'percent', s.percent)
                 else json_build_object('daysBefore', s.days_before,
                                        'time', left(s.day_time::text, 5),
                                        'percent', s.percent)
            end order by s.step), '[]')
            from refund_steps s
            where s.theatre_id = p.theatre_id and s.version = p.version),
        'fee', json_build_object('fixed', p.fee_fixed,
                                 'currency', p.fee_currency,
                                 'basisPoints', p.fee_points,
                                 'per', p.fee_per))
$$;


-- The terms of a theatre, or of the house, for whoever wants to read them:
-- what is in force, and what will be.  No row: there is no such theatre.

create function refund_policy_of(theatre_id uuid)
returns table (policy text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
begin
    if refund_policy_of.theatre_id <> '00000000-0000-0000-0000-000000000000'
       and not exists (select from theatres t
                       where t.theatre_id = refund_policy_of.theatre_id) then
        return;
    end if;

    return query
    select json_build_object(
        'inForce', (select refund_policy_json(p)
                    from refund_policy_at(refund_policy_of.theatre_id,
                                          now()) p),
        'next', (select coalesce(json_agg(refund_policy_json(p)
                                          order by p.effective_from,
                                                   p.version), '[]')
                 from refund_policies p
                 where p.theatre_id = refund_policy_of.theatre_id
                   and p.effective_from > now()))::text;
end
$$;


-- Whether a value is an integer between two others.

create function json_int_within(value jsonb, low bigint, high bigint)
returns boolean
language sql immutable
return case when jsonb_typeof(value) = 'number'
            then value::numeric between low and high
                 and value::numeric = trunc(value::numeric)
                 and value::text ~ '^[0-9]+$'
            else false end;


-- What is wrong with the steps of a document: "field" and "problem" of each
-- mistake.

create function refund_steps_mistakes(steps jsonb)
returns table (field text, problem text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    s     record;
    here  text;
    kinds int;
    ok    boolean;
    last_percent int := 101;
    last_minutes bigint;
    last_day     text;
    day          text;
begin
    if jsonb_typeof(steps) is distinct from 'array' then
        return query select 'steps', 'is a list of steps, and there is none';
        return;
    end if;

    if jsonb_array_length(steps) > 20 then
        return query select 'steps', 'are more than 20';
        return;
    end if;

    for s in select value as v, ordinality as n
             from jsonb_array_elements(steps) with ordinality
    loop
        here := 'steps[' || s.n - 1 || ']';

        if jsonb_typeof(s.v) <> 'object' then
            return query select here, 'is not an object';
            continue;
        end if;

        return query
        select here || '.' || left(k, 64), 'is not known'
        from jsonb_object_keys(s.v) k
        where k not in ('percent', 'minutesBefore', 'daysBefore', 'time');

        if not json_int_within(s.v -> 'percent', 0, 100) then
            return query select here || '.percent',
                                'is not an integer from 0 to 100';
        elsif (s.v ->> 'percent')::int >= last_percent then
            return query select here || '.percent',
                                'is not less than that of the step before';
        else
            last_percent := (s.v ->> 'percent')::int;
        end if;

        if (s.v ? 'minutesBefore')
           = (s.v ? 'daysBefore' or s.v ? 'time') then
            return query select here,
                'has either minutesBefore, or daysBefore and time';
            continue;
        end if;

        if s.v ? 'minutesBefore' then
            if not json_int_within(s.v -> 'minutesBefore', 0, 1051200) then
                return query select here || '.minutesBefore',
                                    'is not an integer from 0 to 1051200';
            elsif (s.v ->> 'minutesBefore')::bigint >= last_minutes then
                return query select here || '.minutesBefore',
                    'is not less than that of the step before';
            else
                last_minutes := (s.v ->> 'minutesBefore')::bigint;
            end if;
            continue;
        end if;

        ok := true;

        if not json_int_within(s.v -> 'daysBefore', 0, 730) then
            return query select here || '.daysBefore',
                                'is not an integer from 0 to 730';
            ok := false;
        end if;

        if jsonb_typeof(s.v -> 'time') is distinct from 'string'
           or s.v ->> 'time' !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' then
            return query select here || '.time',
                                'is not a time from 00:00 to 24:00';
            ok := false;
        end if;

        if ok then
            -- texts that grow as time goes on
            day := lpad((730 - (s.v ->> 'daysBefore')::int)::text, 3, '0')
                   || (s.v ->> 'time');
            if day <= last_day then
                return query select here,
                    'is not after the step before';
            else
                last_day := day;
            end if;
        end if;
    end loop;
end
$$;


-- The same for the fee.

create function refund_fee_mistakes(fee jsonb)
returns table (field text, problem text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
begin
    if jsonb_typeof(fee) <> 'object' then
        return query select 'fee', 'is not an object';
        return;
    end if;

    return query
    select 'fee.' || left(k, 64), 'is not known'
    from jsonb_object_keys(fee) k
    where k not in ('fixed', 'currency', 'basisPoints', 'per');

    if fee ? 'fixed' and not json_int_within(fee -> 'fixed', 0, 100000000) then
        return query select 'fee.fixed',
                            'is not an integer from 0 to 100000000';
    end if;

    if fee ? 'basisPoints'
       and not json_int_within(fee -> 'basisPoints', 0, 10000) then
        return query select 'fee.basisPoints',
                            'is not an integer from 0 to 10000';
    end if;

    if fee ? 'per' and fee -> 'per' not in ('"ORDER"', '"SEAT"') then
        return query select 'fee.per', 'is neither ORDER nor SEAT';
    end if;

    if fee ? 'currency'
       and not (jsonb_typeof(fee -> 'currency') = 'string'
                and fee ->> 'currency' ~ '^[A-Z]{3}$'
                or fee -> 'currency' = 'null') then
        return query select 'fee.currency', 'is not three capital letters';
    elsif (coalesce(fee -> 'fixed', '0') <> '0')
          <> (coalesce(fee -> 'currency', 'null') <> 'null') then
        return query select 'fee.currency',
                            'goes with a fixed fee, and only with one';
    end if;
end
$$;


-- What is wrong with terms as a whole.

create function refund_policy_mistakes(terms jsonb, at timestamptz)
returns table (field text, problem text)
language plpgsql stable
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
begin
    if jsonb_typeof(terms) is distinct from 'object' then
        return query select 'body', 'is not a JSON object';
        return;
    end if;

    return query
    select left(k, 64), 'is not known' from jsonb_object_keys(terms) k
    where k not in ('effectiveFrom', 'steps', 'fee');

    return query select m.field, m.problem
                 from refund_steps_mistakes(terms -> 'steps') m;

    if terms ? 'fee' then
        return query select m.field, m.problem
                     from refund_fee_mistakes(terms -> 'fee') m;
    end if;

    if terms ? 'effectiveFrom' then
        begin
            if jsonb_typeof(terms -> 'effectiveFrom') <> 'string'
               or terms ->> 'effectiveFrom'
                  !~* '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$'
            then
                return query select 'effectiveFrom',
                                    'is not a time of RFC 3339';
            elsif (terms ->> 'effectiveFrom')::timestamptz < at then
                return query select 'effectiveFrom',
                                    'is less than 5 seconds ahead';
            end if;
        exception when datetime_field_overflow or invalid_datetime_format then
            return query select 'effectiveFrom', 'is no time there is';
        end;
    end if;
end
$$;


-- Gives a theatre, or the house, new terms: a document as docs/api.md has it.
--
-- outcome: set; same (they are those of the newest version: nothing happens);
-- no_theatre; invalid (answer is a list of the mistakes, 50 at most).
-- answer is the version otherwise.

create function set_refund_policy(theatre_id uuid, who text, body text)
returns table (outcome text, answer text)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    terms    jsonb;
    earliest timestamptz(3);
    mistakes json;
    newest   refund_policies;
    made     refund_policies;
begin
    if set_refund_policy.theatre_id <> '00000000-0000-0000-0000-000000000000'
       and not exists (select from theatres t
                       where t.theatre_id = set_refund_policy.theatre_id) then
        return query select 'no_theatre', null::text;
        return;
    end if;

    begin
        terms := body::jsonb;
    exception when data_exception or program_limit_exceeded then
        terms := null;
    end;

    -- one at a time, and the clock is read when it is our turn: what comes
    -- after this takes no 5 seconds until it is committed
    perform pg_advisory_xact_lock(
        hashtext('boxoffice.refund_policy'),
        hashtext(set_refund_policy.theatre_id::text));

    earliest := clock_timestamp() + interval '5 seconds';

    select json_agg(json_build_object('field', field, 'problem', problem))
    into mistakes
    from (select field, problem
          from refund_policy_mistakes(terms, earliest) limit 50) m;

    if mistakes is not null then
        return query select 'invalid', mistakes::text;
        return;
    end if;

    select * into newest from refund_policies p
    where p.theatre_id = set_refund_policy.theatre_id
    order by version desc limit 1;

    made.theatre_id := set_refund_policy.theatre_id;
    made.version := coalesce(newest.version, 0) + 1;
    made.effective_from := coalesce((terms ->> 'effectiveFrom')::timestamptz,
                                    earliest);
    made.created_at := now();
    made.created_by := who;
    made.fee_fixed := coalesce((terms #>> '{fee,fixed}')::bigint, 0);
    made.fee_points := coalesce((terms #>> '{fee,basisPoints}')::int, 0);
    made.fee_per := coalesce(terms #>> '{fee,per}', 'ORDER');
    made.fee_currency := terms #>> '{fee,currency}';

    insert into refund_policies select made.*;

    insert into refund_steps (theatre_id, version, step, percent,
                              minutes_before, days_before, day_time)
    select made.theatre_id, made.version, s.n, (s.v ->> 'percent')::int,
           (s.v ->> 'minutesBefore')::int, (s.v ->> 'daysBefore')::int,
           (s.v ->> 'time')::time
    from jsonb_array_elements(terms -> 'steps') with ordinality s(v, n);

    -- sent again it is no other version
    if newest.version is not null
       and (not terms ? 'effectiveFrom'
            or newest.effective_from = made.effective_from)
       and (refund_policy_json(newest)::jsonb - 'version' - 'effectiveFrom')
           = (refund_policy_json(made)::jsonb - 'version' - 'effectiveFrom')
    then
        delete from refund_policies p
        where p.theatre_id = made.theatre_id and p.version = made.version;

        return query select 'same', refund_policy_json(newest)::text;
        return;
    end if;

    return query select 'set', refund_policy_json(made)::text;
end
$$;


-- What the house promises of itself: everything back until the show begins.

insert into refund_policies (theatre_id, version, effective_from, created_by)
values ('00000000-0000-0000-0000-000000000000', 1, 'epoch', 'boxoffice');

insert into refund_steps (theatre_id, version, step, percent, minutes_before)
values ('00000000-0000-0000-0000-000000000000', 1, 1, 100, 0);
