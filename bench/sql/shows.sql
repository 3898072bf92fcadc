-- The shows of the benchmark: 1,000 small ones of 600 seats each, and 16
-- stadiums, which are sold one after the other.  Each has a screen of its own
-- so that all of them can be on at the same time.
--
-- Their ids carry their number: 00000000-0000-4000-9000-<12 digits>; small
-- ones from 1, stadiums from 5001.  show_no counts in the same order.

begin;

set local search_path = boxoffice, pg_temp;


select create_layout('bench', string_agg(chr(64 + n) || ' GOLD 30o', E'\n'
                                         order by n))
from generate_series(1, 20) n;


insert into screens (theatre_id, name, layout_id)
select '00000000-0000-4000-8000-000000000101', 'bench ' || n, l.layout_id
from (select n, 'bench' as layout from generate_series(1, 1000) n
      union all
      select n, 'stadium' from generate_series(5001, 5016) n) s
join layouts l on l.name = s.layout;


insert into shows (show_id, movie_id, screen_id, starts_at, ends_at, currency)
select ('00000000-0000-4000-9000-' || lpad(substr(c.name, 7), 12, '0'))::uuid,
       '00000000-0000-4000-8000-000000000301', c.screen_id,
       now() + interval '7 days', now() + interval '7 days 2 hours', 'INR'
from screens c
where c.name like 'bench %'
order by substr(c.name, 7)::int;


insert into show_prices (show_id, category, price)
select s.show_id, l.category, 25000
from shows s
cross join lateral (select distinct category from layout_seats
                    where layout_id = s.layout_id) l
where s.show_id >= '00000000-0000-4000-9000-000000000000';


select ensure_partitions(2);

commit;

vacuum analyze;
