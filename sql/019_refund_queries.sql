-- What would be given back of an order, and what was.

set local search_path = boxoffice, pg_temp;


-- What would be given back of an order, or of some of its seats, at this
-- moment and at each step from now on; one row.  outcome: found, not_found,
-- not_seats, unpaid, ended.  answer: see docs/api.md.

create function refund_quote(order_id uuid, show_no int, user_id text,
                             admin boolean, seats text)
returns table (outcome text, answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    o     orders;
    wish  cancel_wish;
    cut   order_cut;
    steps json;
    policy refund_policies;
    started timestamptz(3) := now();
begin
    wish.item := 1;
    wish.admin := false;
    wish.terms := 'POLICY';
    wish.seats := string_to_array(seats, ',');

    select s.show_date, s.starts_at, t.theatre_id, t.timezone
    into wish.show_date, wish.starts_at, wish.theatre_id, wish.zone
    from shows s join screens using (screen_id) join theatres t
         using (theatre_id)
    where s.show_no = refund_quote.show_no;

    select * into o from orders d
    where d.order_id = refund_quote.order_id
      and d.show_date = wish.show_date
      and (refund_quote.admin or d.user_id = refund_quote.user_id);

    if o.order_id is null then
        return query select 'not_found', null::text;
        return;
    end if;

    cut := order_cut(o, wish, started);

    if cut.outcome = 'already' then
        cut.outcome := 'ended';
    end if;

    if cut.outcome in ('not_seats', 'unpaid', 'ended')
       or o.status not in ('PAYMENT_PENDING', 'CONFIRMED') then
        return query select case when cut.outcome in ('not_seats', 'unpaid')
                                 then cut.outcome else 'ended' end,
                            json_build_object('orderId', o.order_id,
                                              'status', o.status)::text;
        return;
    end if;

    if o.status = 'CONFIRMED' then
        select * into policy
        from refund_policy_at(wish.theatre_id, o.created_at);

        -- Each step by the same rule, at its last moment; one that a better
        -- one outlasts is not worth telling.
        select json_agg(json_build_object('until', rfc3339(d.until),
                                          'percent', d.percent,
                                          'amount', c.amount)
                        order by d.until)
        into steps
        from refund_deadlines(policy.theatre_id, policy.version,
                              wish.starts_at, wish.zone) d
        cross join lateral order_cut(o, wish,
            least(d.until, wish.starts_at - interval '1 millisecond')) c
        where d.until >= started and started < wish.starts_at
          and c.percent = d.percent;
    end if;

    return query
    select 'found', json_build_object(
        'orderId', o.order_id,
        'seatIds', coalesce(cut.cut_ids, wish.seats, o.seat_ids),
        'currency', o.currency,
        'cancellable', cut.outcome in ('cancelled', 'seats_cancelled'),
        'price', coalesce(cut.amount + cut.kept, 0),
        'amount', coalesce(cut.amount, 0),
        'percent', cut.percent,
        'policy', case when policy.version is not null
                  then json_build_object('theatreId', policy.theatre_id,
                                         'version', policy.version) end,
        'steps', coalesce(steps, '[]'))::text;
end
$$;


-- What was given back of an order, oldest first; no row: there is no such
-- order of this user.

create function order_refunds(order_id uuid, show_no int, user_id text,
                              admin boolean)
returns table (answer text)
language plpgsql stable
set search_path = boxoffice, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    o orders;
begin
    select d.* into o
    from shows s
    join orders d on d.order_id = order_refunds.order_id
                 and d.show_date = s.show_date
    where s.show_no = order_refunds.show_no
      and (order_refunds.admin or d.user_id = order_refunds.user_id);

    if o.order_id is null then
        return;
    end if;

    return query
    select json_build_object('items', coalesce(json_agg(json_build_object(
        'refundId', r.refund_id, 'amount', r.amount, 'currency', r.currency,
        'reason', r.reason, 'status', r.status, 'seatIds', c.seat_ids,
        'requestedAt', rfc3339(r.created_at), 'doneAt', rfc3339(r.done_at))
        order by r.created_at, r.refund_id), '[]'))::text
    from refunds r left join cancellations c using (refund_id)
    where r.order_id = o.order_id;
end
$$;
