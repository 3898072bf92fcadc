-- Sample data for development; loading it again changes nothing.
--
-- Shows with ids that tests and documents may rely on:
--
--   00000000-0000-4000-8000-000000000001  Screen 1, 300 seats, all sold freely
--   00000000-0000-4000-8000-000000000002  Screen 2, 120 seats
--   00000000-0000-4000-8000-000000000003  Screen 3, 400 seats
--   00000000-0000-4000-8000-000000000004  a theatre with a balcony
--   00000000-0000-4000-8000-000000000005  a stadium, 50,000 seats
--
-- and one more show of each on later days, with ids that end in 011 to 015.

begin;

set local search_path = boxoffice, pg_temp;


select create_layout('cinema-300', $$
A  SILVER    5o__10o__5o
B  SILVER    5o__10o__5o
C  SILVER    5o__10o__5o
D  SILVER    5o__10o__5o
E  SILVER    5o__10o__5o

F  GOLD      5o__10o__5o
G  GOLD      5o__10o__5o
H  GOLD      5o__10o__5o
J  GOLD      5o__10o__5o
K  GOLD      5o__10o__5o
L  GOLD      5o__10o__5o
M  GOLD      5o__10o__5o

N  PLATINUM  5o__10o__5o
P  PLATINUM  5o__10o__5o
Q  PLATINUM  5o__10o__5o
$$) where not exists (select from layouts where name = 'cinema-300');


select create_layout('cinema-120', $$
A  SILVER  aa__6o__aa
B  SILVER  _2o_6o_2o
C  SILVER  2o__6o__2o
D  SILVER  2o__6o__2o
E  SILVER  2o__2ox3o__2o

F  GOLD    2o__6o__2o
G  GOLD    2o__6o__2o
H  GOLD    2o__6o__2o
J  GOLD    2o__6o__2o
K  GOLD    2o__6o__2o
L  GOLD    2o__6o__2o
M  GOLD    2o__2o2h2o__2o
$$) where not exists (select from layouts where name = 'cinema-120');


select create_layout('cinema-400', $$
A  SILVER                           ___18o___
B  SILVER                           ___18o___
C  SILVER                           _2o_16o_2o
D  SILVER                           2o_16o_2o
E  SILVER                           2o_16o_2o
F  SILVER                           2o_16o_2o

G  SILVER:1-2,GOLD:3-20,SILVER:21-22  aa_18o_aa
H  SILVER:1-2,GOLD:3-20,SILVER:21-22  2o_18o_2o
J  SILVER:1-2,GOLD:3-20,SILVER:21-22  2o_9ox8o_2o
K  SILVER:1-2,GOLD:3-20,SILVER:21-22  2o_18o_2o
L  SILVER:1-2,GOLD:3-20,SILVER:21-22  2o_18o_2o
M  GOLD                             2o_18o_2o
N  GOLD                             2o_18o_2o
P  GOLD                             2o_18o_2o

Q  PLATINUM                         2o_18o_2o
R  PLATINUM                         2o_18o_2o
S  PLATINUM                         2o_7o4h7o_x1o
T  PLATINUM                         _22o
U  PLATINUM                         __2a16o2a
$$) where not exists (select from layouts where name = 'cinema-400');


select create_layout('theatre', $$
section STALLS
A   STALLS               ____12o____
B   STALLS               ___14o___
C   STALLS               __16o__
D   STALLS               _6o_6o_6o_
E   STALLS               7o_6o_7o
F   STALLS               7o_6o_7o
G   STALLS               7o_2ox3o_7o
H   STALLS               7o_6o_7o
J   STALLS               aa_5o_6o_5o_aa
K   STALLS               7o_6o_7o

section BOXES
L   BOX                  4h____________4o
M   BOX                  4o____________4o

section BALCONY
AA  CIRCLE:1-4,BALCONY:5-20,CIRCLE:21-24  4o_16o_4o
BB  BALCONY              5o_14o_5o
CC  BALCONY              _5o_12o_5o
DD  BALCONY              ___4o_10o_4ox
$$) where not exists (select from layouts where name = 'theatre');


-- The stadium: two rings of blocks around a pitch, 101-116 below, 201-224
-- above, each 25 rows of 50.

with ring as (
    select tier, column_no, row_no, row_number() over (
               partition by tier
               order by row_no <> low, column_no <> high, row_no <> top,
                        case when row_no = low then column_no
                             when column_no = high then row_no
                             when row_no = top then -column_no
                             else -row_no end) as nth
    from (values (1, 1, 6, 1, 4), (2, 0, 7, 0, 5))
         r(tier, left_no, high, low, top)
    cross join lateral generate_series(left_no, high) column_no
    cross join lateral generate_series(low, top) row_no
    where column_no in (left_no, high) or row_no in (low, top)
), block as (
    select 100 * tier + nth as name,
           -- the long sides of the pitch see more
           case when tier = 1 and row_no in (1, 4) then 'PLATINUM'
                when tier = 1 or row_no in (0, 5) then 'GOLD'
                else 'SILVER' end as category,
           column_no * 54 as x, row_no * 28 as y
    from ring
), drawing as (
    select string_agg(format(E'section %s prefix %s at %s %s\n%s', name, name,
                             x, y, rows), E'\n' order by name) as text
    from block
    cross join lateral (
        select string_agg(format('%s %s %s', chr(64 + n), category,
                                 case n when 25 then '4a42o4a'
                                        else '50o' end), E'\n'
                          order by n) as rows
        from generate_series(1, 25) n) r
)
select create_layout('stadium', text) from drawing
where not exists (select from layouts where name = 'stadium');


insert into theatres (theatre_id, name, address, city, latitude, longitude,
                      timezone, metadata)
values
('00000000-0000-4000-8000-000000000101', 'Galaxy Cinema',
 '12 MG Road, Bengaluru', 'Bengaluru', 12.9756, 77.6051, 'Asia/Kolkata',
 '{"facilities": ["Parking", "Wheelchair access"]}'),
('00000000-0000-4000-8000-000000000102', 'Old Town Playhouse',
 '3 Market Square, Edinburgh', 'Edinburgh', 55.9486, -3.1999,
 'Europe/London', '{"facilities": ["Bar"]}'),
('00000000-0000-4000-8000-000000000103', 'Harbour Stadium',
 '1 Dock Avenue, Boston', 'Boston', 42.3467, -71.0972, 'America/New_York',
 '{}')
on conflict do nothing;


-- One by the hour, one by the day; the stadium has what the house has.

with terms (theatre, step, percent, minutes, days, at_time) as (values
    ('01', 1, 100, 2880, null, null), ('01', 2, 50, 1440, null, null),
    ('01', 3, 25, 120, null, null),
    ('02', 1, 100, null, 2, '24:00'), ('02', 2, 50, null, 0, '12:00')
), made as (
    insert into refund_policies (theatre_id, version, effective_from,
                                 created_by)
    select distinct ('00000000-0000-4000-8000-0000000001' || theatre)::uuid,
           1, timestamptz 'epoch', 'sample'
    from terms
    on conflict do nothing
    returning theatre_id, version
)
insert into refund_steps (theatre_id, version, step, percent, minutes_before,
                          days_before, day_time)
select m.theatre_id, m.version, t.step, t.percent, t.minutes, t.days,
       t.at_time::time
from terms t
join made m on m.theatre_id
               = ('00000000-0000-4000-8000-0000000001' || t.theatre)::uuid;


insert into screens (screen_id, theatre_id, name, layout_id)
select s.screen_id::uuid, s.theatre_id::uuid, s.name, l.layout_id
from (values
('00000000-0000-4000-8000-000000000201',
 '00000000-0000-4000-8000-000000000101', 'Screen 1', 'cinema-300'),
('00000000-0000-4000-8000-000000000202',
 '00000000-0000-4000-8000-000000000101', 'Screen 2', 'cinema-120'),
('00000000-0000-4000-8000-000000000203',
 '00000000-0000-4000-8000-000000000101', 'Screen 3', 'cinema-400'),
('00000000-0000-4000-8000-000000000204',
 '00000000-0000-4000-8000-000000000102', 'Main House', 'theatre'),
('00000000-0000-4000-8000-000000000205',
 '00000000-0000-4000-8000-000000000103', 'Arena', 'stadium')
) s(screen_id, theatre_id, name, layout)
join layouts l on l.name = s.layout
on conflict do nothing;


insert into movies (movie_id, title, about, duration_min, age_rating,
                    release_date, language, format, genres, metadata)
values
('00000000-0000-4000-8000-000000000301', 'The Last Lighthouse',
 'A keeper, a storm, and a ship that should not be there.', 118, 'UA',
 '2025-03-14', 'English', '2D', '{Drama,Mystery}',
 '{"cast": [{"name": "Ines Marlow", "role": "The keeper"},
            {"name": "Tom Arkwright", "role": "The captain"}],
   "tags": ["sea", "storm", "slow burn"]}'),
('00000000-0000-4000-8000-000000000302', 'Monsoon Express',
 'Eleven strangers, one night train.', 131, 'U', '2025-06-20', 'Hindi',
 '2D', '{Comedy,Romance}',
 '{"cast": [{"name": "Asha Verghese", "role": "Meera"}],
   "tags": ["train", "ensemble"]}'),
('00000000-0000-4000-8000-000000000303', 'Orbit of Glass',
 'A rescue with ninety minutes of air.', 142, 'UA', '2025-09-05', 'English',
 'IMAX', '{"Science fiction",Thriller}',
 '{"cast": [{"name": "Lena Okafor", "role": "Commander Ruiz"}],
   "tags": ["space", "rescue"]}'),
('00000000-0000-4000-8000-000000000304', 'The Winter''s Tale',
 'A play by William Shakespeare.', 165, 'U', null, 'English', 'Stage',
 '{Theatre}', '{"tags": ["Shakespeare"]}'),
('00000000-0000-4000-8000-000000000305', 'City Final',
 'The last match of the season.', 120, 'U', null, 'English', 'Live',
 '{Sport}', '{}')
on conflict do nothing;


with new_show as (
    insert into shows (show_id, movie_id, screen_id, starts_at, ends_at,
                       currency)
    select n.show_id::uuid, m.movie_id, c.screen_id, s.starts_at,
           s.starts_at + (m.duration_min + 15) * interval '1 minute',
           n.currency
    from (values
    ('00000000-0000-4000-8000-000000000001', '01', '01', 3, time '18:30',
     'INR'),
    ('00000000-0000-4000-8000-000000000002', '02', '02', 3, time '19:00',
     'INR'),
    ('00000000-0000-4000-8000-000000000003', '03', '03', 4, time '20:15',
     'INR'),
    ('00000000-0000-4000-8000-000000000004', '04', '04', 7, time '19:30',
     'GBP'),
    ('00000000-0000-4000-8000-000000000005', '05', '05', 14, time '15:00',
     'USD'),
    ('00000000-0000-4000-8000-000000000011', '02', '01', 4, time '21:30',
     'INR'),
    ('00000000-0000-4000-8000-000000000012', '03', '02', 5, time '14:00',
     'INR'),
    ('00000000-0000-4000-8000-000000000013', '01', '03', 6, time '17:45',
     'INR'),
    ('00000000-0000-4000-8000-000000000014', '04', '04', 8, time '14:30',
     'GBP'),
    ('00000000-0000-4000-8000-000000000015', '05', '05', 21, time '15:00',
     'USD')
    ) n(show_id, movie, screen, days, at_time, currency)
    join movies m on m.movie_id
                     = ('00000000-0000-4000-8000-0000000003' || n.movie)::uuid
    join screens c on c.screen_id
                      = ('00000000-0000-4000-8000-0000000002'
                         || n.screen)::uuid
    join theatres t using (theatre_id)
    cross join lateral (
        select ((now() at time zone t.timezone)::date + n.days + n.at_time)
               at time zone t.timezone as starts_at) s
    order by n.show_id
    on conflict do nothing
    returning show_id, layout_id, currency
)
insert into show_prices (show_id, category, price)
select n.show_id, l.category,
       case l.category
       when 'SILVER' then 15000 when 'GOLD' then 25000
       when 'PLATINUM' then 40000 when 'BALCONY' then 2800
       when 'STALLS' then 4500 when 'CIRCLE' then 3500 else 6500 end
       / case n.currency when 'USD' then 2 else 1 end
from new_show n
cross join lateral (select distinct category from layout_seats
                    where layout_id = n.layout_id) l;

commit;
