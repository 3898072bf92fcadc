-- Who was let in does not get the money back.

set local search_path = boxoffice, pg_temp;


alter function order_cut(orders, cancel_wish, timestamptz)
rename to order_cut_by_terms;


-- What becomes of an order when somebody wishes to give seats back at a time,
-- as order_cut_by_terms() says, but it is over when one of them was let in and
-- that was not taken back.  Administrators may, and a show that is cancelled
-- gives back all.
--
-- The caller has locked the order, and so has whoever checks a seat of it in:
-- one of the two is first.

create function order_cut(o orders, wish cancel_wish, at timestamptz)
returns order_cut
language plpgsql stable
as $$
#variable_conflict use_variable
declare
    cut order_cut := order_cut_by_terms(o, wish, at);
begin
    if not wish.admin
       and cut.outcome in ('cancelled', 'seats_cancelled')
       and exists (select from checkins c
                   where c.order_id = o.order_id
                     and c.seat_no = any (cut.cut_nos)
                     and c.outcome = 'admitted' and c.undone_at is null)
    then
        cut.outcome := 'over';
        cut.amount := null;
        cut.kept := null;
        cut.percent := null;
    end if;

    return cut;
end
$$;
