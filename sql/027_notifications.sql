-- Messages to customers: what they want, what was sent, and all that a
-- message says.

set local search_path = boxoffice, pg_temp;


create table notification_preferences (
    user_id    text collate "C" not null,
    muted      text[] not null default '{}',
    language   text collate "C",
    updated_at timestamptz(3) not null default now(),

    constraint notification_preferences_pkey primary key (user_id),
    constraint notification_preferences_muted_known
        check (muted <@ array['email', 'sms', 'whatsapp', 'push']),
    constraint notification_preferences_language_form
        check (language ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$')
);

comment on table notification_preferences is
    'What a user has said about messages; who has no row wants them all, in '
    'the language of the house.';
comment on column notification_preferences.muted is
    'Kinds of channels that are not used for this user.';


create table notifications (
    event_id    uuid not null,
    order_id    uuid not null,
    created_at  timestamptz(3) not null default now(),
    updated_at  timestamptz(3) not null default now(),
    lease_until timestamptz(3),
    attempts    int not null default 1,
    channel     text collate "C" not null,
    status      text collate "C" not null default 'SENDING',
    reason      text,

    constraint notifications_pkey primary key (event_id, channel),
    constraint notifications_attempts_positive check (attempts >= 1),
    constraint notifications_status_known
        check (status in ('SENDING', 'SENT', 'RETRY', 'REFUSED', 'GIVEN_UP')),
    constraint notifications_lease_complete
        check ((lease_until is not null) = (status = 'SENDING'))
)
with (fillfactor = 70);

create index notifications_updated on notifications (updated_at);
create index notifications_of_order on notifications (order_id);

comment on table notifications is
    'One row for each message: an event on a channel.  The key is what keeps '
    'an event that comes again from being sent again.  SENDING: somebody has '
    'it, until lease_until, after which its outcome is not known; SENT: the '
    'provider took it; RETRY: it did not this time; REFUSED: it never will; '
    'GIVEN_UP: it did not for too long, and another channel was used.';
comment on column notifications.reason is
    'Why not, in the words of the server that sends; no names and addresses.';


create type notification as (
    action         text,    -- send, later, done, undeliverable, superseded
    channel        int,     -- send: its place in channels, from 1
    attempt        int,     -- send: from 1
    fallback       boolean, -- send: after others had failed
    wait_ms        bigint,  -- later: until it may be worth to ask again
    address        text,
    language       text,
    order_id       uuid,
    version        int,
    user_id        text,
    customer       text,
    show_id        uuid,
    show_no        int,
    movie          text,
    theatre        text,
    place          text,
    screen         text,
    starts_ms      bigint,
    ends_ms        bigint,
    starts_local   text,    -- "2026-11-29 18:30", where the theatre is
    weekday        int,     -- 1: Monday
    timezone       text,
    utc_offset     text,    -- "+05:30"
    seat_nos       int[],
    seat_ids       text,    -- with commas
    changed_seats  text,    -- likewise: those that the event is about
    amount         bigint,
    currency       text,
    refund         bigint,  -- what goes back, or went; null: nothing
    ticket_code    text,
    payment_method text,
    show_cancelled boolean
);


-- What an order's event says to whom.  One row, or none when there is no such
-- order any more.

create function notification_facts(type text, payload jsonb)
returns setof notification
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    filed date;
begin
    filed := coalesce((payload->>'showDate')::date,
                      (select show_date from shows
                       where show_no = (payload->>'showNo')::int));

    return query
    select null::text, null::int, null::int, false, null::bigint, null::text,
           p.language, o.order_id, o.version, o.user_id, o.customer_name,
           o.show_id, s.show_no, m.title, t.name, t.address, c.name,
           unix_ms(s.starts_at), unix_ms(s.ends_at),
           to_char(s.starts_at at time zone t.timezone, 'YYYY-MM-DD HH24:MI'),
           extract(isodow from s.starts_at at time zone t.timezone)::int,
           t.timezone,
           case when d.minutes < 0 then '-' else '+' end
           || to_char(abs(d.minutes) / 60, 'FM00') || ':'
           || to_char(abs(d.minutes) % 60, 'FM00'),
           o.seat_nos, array_to_string(o.seat_ids, ','),
           (select string_agg(seat, ',')
            from jsonb_array_elements_text(
                     case jsonb_typeof(payload->'cancelledSeatIds')
                     when 'array' then payload->'cancelledSeatIds' end) seat),
           o.amount, o.currency::text,
           case when type like 'payment.%' then (payload->>'amount')::bigint
                when payload ? 'refund'
                then nullif((payload->'refund'->>'amount')::bigint, 0)
                else (select sum(r.amount)::bigint from refunds r
                      where r.order_id = o.order_id and r.status <> 'FAILED')
           end,
           o.ticket_code, o.payment_method, s.status = 'CANCELLED'
    from orders o
    join shows s using (show_id)
    join movies m using (movie_id)
    join screens c using (screen_id)
    join theatres t using (theatre_id)
    left join notification_preferences p on p.user_id = o.user_id
    cross join lateral (
        select (extract(epoch from (s.starts_at at time zone t.timezone)
                                   - (s.starts_at at time zone 'UTC'))
                / 60)::int as minutes) d
    where o.order_id = (payload->>'orderId')::uuid and o.show_date = filed;
end
$$;


-- The next step of an event: notes how the one before has ended, and chooses
-- and takes the channel for the next.
--
-- channels    names of those that are configured, in their order
-- kinds       what each is: email, sms, whatsapp, push
-- fallbacks   true: only when all that are none have failed for good
-- patience_ms how long one that only fails for now keeps a fall-back waiting
-- lease_ms    how long a try may take
-- skipped     channels that had their try in this delivery
-- tried, attempt, outcome, reason
--             how the try before has ended: SENT, RETRY, REFUSED; or nulls
--
-- Returns one row.  action:
-- send           this channel is taken: send, and come back
-- later          one that failed for now, or that another node has
-- done           there is nothing to do any more
-- undeliverable  every channel has failed for good
-- superseded     the order has gone on: what there is to say another event says

create function notification_step(
    event_id uuid, type text, payload jsonb, channels text[], kinds text[],
    fallbacks boolean[], patience_ms bigint[], lease_ms bigint[],
    skipped text[], tried text, attempt int, outcome text, reason text)
returns setof notification
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
    started   timestamptz(3) := now();
    n         notification;
    muted     text[];
    email     text;
    phone     text;
    state     text;
    addresses text[] := array_fill(null::text, array[cardinality(channels)]);
    known     notifications;
    taken     int;
    spare     boolean := false;  -- there is a fall-back that may yet be used
    sent      boolean := false;
    failed    boolean := false;
    pending   timestamptz;
begin
    if tried is not null then
        update notifications s
        set status = outcome, reason = notification_step.reason,
            lease_until = null, updated_at = started
        where s.event_id = notification_step.event_id
          and s.channel = tried collate "C"
          and s.status in ('SENDING', 'RETRY')
          -- what another node has taken meanwhile is not ours to give back
          and (s.attempts = attempt or outcome = 'SENT');
    end if;

    select * into n from notification_facts(type, payload);

    if n.order_id is null then
        n.action := 'superseded';
        return next n;
        return;
    end if;

    select o.customer_email, o.customer_phone, o.status, p.muted
    into email, phone, state, muted
    from orders o
    join shows s on s.show_no = n.show_no
    left join notification_preferences p on p.user_id = o.user_id
    where o.order_id = n.order_id and o.show_date = s.show_date;

    if type in ('order.confirmed', 'order.failed', 'order.expired')
       and type <> 'order.' || lower(state)
    then
        n.action := 'superseded';
        return next n;
        return;
    end if;

    for i in 1 .. cardinality(channels) loop
        if kinds[i] = any (muted) is not true then
            addresses[i] := case kinds[i] when 'email' then email
                                          when 'push' then n.user_id
                                          else phone end;
        end if;

        if addresses[i] is not null and fallbacks[i] then
            select * into known from notifications s
            where s.event_id = notification_step.event_id
              and s.channel = channels[i] collate "C";

            spare := spare or known.status is null
                     or known.status in ('SENDING', 'RETRY');
        end if;
    end loop;

    -- twice: those that are no fall-backs, then, if all have failed, the others

    for round in 0 .. 1 loop
        exit when sent or pending is not null;

        for i in 1 .. cardinality(channels) loop
            continue when addresses[i] is null
                          or fallbacks[i] <> (round = 1);

            -- of the fall-backs the first that works will do
            exit when round = 1 and (sent or pending is not null);

            select * into known from notifications s
            where s.event_id = notification_step.event_id
              and s.channel = channels[i] collate "C";

            if known.status = 'SENT' then
                sent := true;

            elsif known.status in ('REFUSED', 'GIVEN_UP') then
                failed := true;

            elsif known.status = 'RETRY' and spare and round = 0
                  and known.created_at + patience_ms[i]
                      * interval '1 millisecond' <= started
            then
                update notifications s
                set status = 'GIVEN_UP', updated_at = started
                where s.event_id = notification_step.event_id
                  and s.channel = channels[i] collate "C"
                  and s.status = 'RETRY';

                failed := true;

            elsif channels[i] = any (skipped)
                  or (known.status = 'SENDING' and known.lease_until > started)
            then
                pending := least(pending,
                                 coalesce(known.lease_until, started));

            else
                insert into notifications as s
                    (event_id, channel, order_id, created_at, updated_at,
                     lease_until)
                values (event_id, channels[i], n.order_id, started, started,
                        started + lease_ms[i] * interval '1 millisecond')
                on conflict (event_id, channel) do update
                set status = 'SENDING', attempts = s.attempts + 1,
                    updated_at = started, reason = null,
                    lease_until = excluded.lease_until
                where s.status = 'RETRY'
                   or (s.status = 'SENDING' and s.lease_until <= started)
                returning s.attempts into taken;

                if taken is not null then
                    n.action := 'send';
                    n.channel := i;
                    n.attempt := taken;
                    n.fallback := round = 1;
                    n.address := addresses[i];
                    return next n;
                    return;
                end if;

                -- another node was faster
                pending := least(pending, started + interval '1 second');
            end if;
        end loop;
    end loop;

    n.action := case when pending is not null then 'later'
                     when sent or not failed then 'done'
                     else 'undeliverable' end;
    n.wait_ms := greatest(unix_ms(pending::timestamptz(3))
                          - unix_ms(started), 0);
    return next n;
end
$$;


-- Deletes up to 5,000 messages that were last touched so many days ago, more
-- than an event can come again after.  Returns how many.

create function purge_notifications(days int) returns bigint
language sql
set search_path = boxoffice, pg_temp
as $$
    with old as (
        select event_id, channel from notifications
        where updated_at < now() - days * interval '1 day'
        order by updated_at limit 5000
        for update skip locked
    ), gone as (
        delete from notifications n using old
        where n.event_id = old.event_id and n.channel = old.channel
        returning 1
    )
    select count(*) from gone
$$;
