-- The catalogue's functions find their rows by indexes whatever the planner
-- thinks of the sizes of tables: t/sql/catalogue-plans.t.

set local search_path = boxoffice, pg_temp;

alter function list_movies(int, uuid, text, text, text, date)
    set enable_seqscan = off;
alter function movie_shows(uuid, date, int, uuid, double precision,
                           double precision)
    set enable_seqscan = off;
alter function list_theatres(int, uuid, text, double precision,
                             double precision)
    set enable_seqscan = off;
alter function search_movies(text, tsquery, int, text, text, text, date)
    set enable_seqscan = off;
alter function nearest_theatre(uuid, date, cube) set enable_seqscan = off;
alter function search_page(text, int, text, text, text, date,
                           double precision, double precision)
    set enable_seqscan = off;
alter function suggest_page(text, int) set enable_seqscan = off;

-- a word and a beginning are found by the same index, each when it is known
alter function search_query(text) set enable_seqscan = off;
alter function search_query(text) set plan_cache_mode = force_custom_plan;
