-- The history of holds does not grow for ever.

set local search_path = boxoffice, pg_temp;


-- Deletes the records of holds made more than days (1 or more) ago; returns
-- how many.

create function purge_holds(days int) returns bigint
language sql
set search_path = boxoffice, pg_temp
as $$
    with gone as (
        delete from holds
        where created_at < now() - greatest(days, 1) * interval '1 day'
        returning 1
    )
    select count(*) from gone
$$;
