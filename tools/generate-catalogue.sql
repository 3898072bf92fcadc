-- Fills a migrated database with a catalogue of any size, the same each time
-- but for the days, which are the coming ones.  For measuring; not beside data
-- that is needed.
--
--   psql -v movies=100000 -v theatres=5000 -v shows=1000000 \
--        -f tools/generate-catalogue.sql "dbname=..."
--
-- The 2,000 latest movies are on, some much more than others; a theatre has
-- four screens, a screen five shows a day.  Needs a superuser: triggers are
-- off, so what they would fill in is given here.

\set ON_ERROR_STOP on

begin;

set local search_path = boxoffice, public, pg_temp;
set local synchronous_commit = off;
set local work_mem = '64MB';

select create_layout('generated', 'A  STANDARD  20o')
where not exists (select from layouts where name = 'generated') \g /dev/null

set local session_replication_role = replica;
select setseed(0.5) \g /dev/null


-- A vocabulary of 8,000 words that can be spoken.

create function pg_temp.word(n int) returns text
language sql immutable
return (array['ba','ce','di','fo','gu','ha','je','ki','lo','mu','na','pe',
              'ri','so','tu','va','we','xi','yo','zu'])[n % 20 + 1]
       || (array['n','r','s','l','m','t','ck','nd','rk','x','sh','v','ll',
                 'ss','p','ng','d','th','z','rn'])[n / 20 % 20 + 1]
       || (array['a','e','i','o','u','ar','en','is','on','ut','el','im','or',
                 'al','et','us','in','an','er','ia'])[n / 400 % 20 + 1];

-- common words come often
create function pg_temp.some_word() returns text
language sql volatile
return initcap(pg_temp.word((8000 * random() ^ 2)::int % 8000));


create temp table film on commit drop as
select n, gen_random_uuid() as id from generate_series(1, :movies) n;

insert into movies (movie_id, title, about, rating, duration_min, age_rating,
                    release_date, language, format, genres, metadata)
select f.id,
       pg_temp.some_word() || ' ' || pg_temp.some_word()
       || case when f.n % 3 = 0 then ' ' || pg_temp.some_word() else '' end,
       'About ' || pg_temp.some_word() || ' and ' || pg_temp.some_word()
       || ', who meet in ' || pg_temp.some_word() || '.',
       round((1 + 9 * random())::numeric, 1), 80 + f.n % 90, 'UA',
       current_date + 14 - f.n / 10,
       (array['English','Hindi','Tamil','French','Japanese','Spanish',
              'Korean','German'])[f.n % 8 + 1],
       (array['2D','2D','3D','IMAX'])[f.n % 4 + 1],
       array[(array['Drama','Comedy','Action','Romance','Horror','Thriller',
                    'Family','Documentary','Musical','Western'])
             [f.n % 10 + 1],
             (array['Crime','War','Mystery','Sport','History'])
             [f.n / 10 % 5 + 1]],
       jsonb_build_object(
           'cast', jsonb_build_array(
               pg_temp.some_word() || ' ' || pg_temp.some_word(),
               pg_temp.some_word() || ' ' || pg_temp.some_word()),
           'tags', jsonb_build_array(lower(pg_temp.some_word())),
           'posters', jsonb_build_array('https://example.com/' || f.n
                                        || '.jpg'))
from film f;


create temp table house on commit drop as
select n, gen_random_uuid() as id,
       (array['Asia/Kolkata','Europe/London','America/New_York',
              'Asia/Tokyo'])[n % 4 + 1] as timezone
from generate_series(1, :theatres) n;

-- two hundred cities, the theatres of one near each other
insert into theatres (theatre_id, name, address, city, latitude, longitude,
                      timezone)
select h.id, pg_temp.some_word() || ' Cinema ' || h.n, h.n || ' High Street',
       initcap(pg_temp.word(h.n % 200 * 37)),
       -50 + h.n % 200 * 0.5 + random() * 0.2,
       -170 + h.n % 200 * 1.7 + random() * 0.2, h.timezone
from house h;


create temp table hall on commit drop as
select row_number() over (order by s.n, h.n) - 1 as n, gen_random_uuid() as id,
       h.id as house_id, h.timezone, s.n as number
from house h cross join generate_series(1, 4) s(n);

insert into screens (screen_id, theatre_id, name, layout_id)
select s.id, s.house_id, 'Screen ' || s.number, l.layout_id
from hall s, layouts l where l.name = 'generated';


create temp table plan on commit drop as
select gen_random_uuid() as id, i, i % (4 * :theatres) as hall_n,
       i / (4 * :theatres) as slot,
       1 + (least(2000, :movies) * random() ^ 3)::int
           % least(2000, :movies) as film_n
from generate_series(0, :shows - 1) i;

insert into shows (show_id, movie_id, screen_id, layout_id, starts_at, ends_at,
                   show_date, currency, venue_id, local_day)
select p.id, f.id, s.id, l.layout_id, a.at, a.at + interval '150 minutes',
       a.day, 'INR', s.house_id, a.day
from plan p
join hall s on s.n = p.hall_n
join film f on f.n = p.film_n
join layouts l on l.name = 'generated'
cross join lateral (
    select current_date + 2 + p.slot / 5 as day,
           (current_date + 2 + p.slot / 5
            + (9 + 3 * (p.slot % 5)) * interval '1 hour')
           at time zone s.timezone as at) a
order by p.i;

insert into show_prices (show_id, category, price)
select id, 'STANDARD', 10000 + i % 50 * 500 from plan;

insert into program_days (day, movie_id)
select distinct local_day, movie_id from shows
on conflict do nothing;

insert into search_words (word)
select distinct w
from (select ts_filter(words, '{a,b}') as words from movies
      union all
      select ts_filter(words, '{a,b}') from theatres) t
cross join lateral unnest(tsvector_to_array(t.words)) w
where length(w) between 3 and 64
on conflict do nothing;

commit;

-- so that what an index has need not be looked up in its table
vacuum analyze boxoffice.movies, boxoffice.theatres, boxoffice.screens,
        boxoffice.shows, boxoffice.show_prices, boxoffice.search_words,
        boxoffice.program_days;
