-- The show of the flash sale: 1,000 seats, 25 rows of 40.

begin;

set local search_path = boxoffice, pg_temp;

select create_layout('flash', string_agg(chr(64 + n) || ' GOLD 40o', E'\n'
                                         order by n))
from generate_series(1, 25) n;

insert into screens (theatre_id, name, layout_id)
select '00000000-0000-4000-8000-000000000101', 'flash', layout_id
from layouts where name = 'flash';

insert into shows (show_id, movie_id, screen_id, starts_at, ends_at, currency)
select '00000000-0000-4000-9000-000000000001',
       '00000000-0000-4000-8000-000000000301', screen_id,
       now() + interval '7 days', now() + interval '7 days 2 hours', 'INR'
from screens where name = 'flash';

insert into show_prices (show_id, category, price)
values ('00000000-0000-4000-9000-000000000001', 'GOLD', 25000);

select ensure_partitions(2);

commit;
