-- Monthly partitions of orders.

set local search_path = boxoffice, pg_temp;


-- Makes the partitions from last month to months_ahead months from now
-- (0..120) that are missing; returns how many it made.  Rows that went to the
-- default partition meanwhile are moved.  A table is filled first and
-- attached then, because that locks the parent less than creating it there.

create function ensure_partitions(months_ahead int) returns int
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    first  date;
    made   int := 0;
    name   text;
begin
    if months_ahead is null or months_ahead not between 0 and 120 then
        raise exception 'months_ahead is not between 0 and 120';
    end if;

    -- two nodes may do this at once
    perform pg_advisory_xact_lock(hashtext('boxoffice.ensure_partitions'));

    for first in
        select (date_trunc('month', current_date) + n * interval '1 month')::date
        from generate_series(-1, months_ahead) n
    loop
        name := 'orders_' || to_char(first, 'YYYY_MM');
        continue when to_regclass('boxoffice.' || name) is not null;

        -- while it is new the planner must learn quickly that it grows
        execute format('create table %I (like orders including defaults '
                       'including constraints) '
                       'with (autovacuum_analyze_scale_factor = 0.02)', name);

        execute format('with moved as (delete from orders_default '
                       'where show_date >= %L and show_date < %L returning *) '
                       'insert into %I select * from moved',
                       first, (first + interval '1 month')::date, name);

        execute format('alter table orders attach partition %I '
                       'for values from (%L) to (%L)',
                       name, first, (first + interval '1 month')::date);
        made := made + 1;
    end loop;

    return made;
end
$$;

do $$ begin perform ensure_partitions(6); end $$;
