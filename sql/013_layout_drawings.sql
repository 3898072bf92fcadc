-- Layouts from drawings.
--
-- A drawing is text, one line for a row of seats, as one sees the hall from
-- above with the stage on top:
--
--     # what follows a number sign is a comment
--     A  SILVER              4o_a6oa_4o
--     B  SILVER              4o_8o_4o
--
--     C  GOLD:1-8,SILVER:9-16  4o_8o_4o
--     section BALCONY
--     AA GOLD                __6o_h5o
--
-- A row has three fields: its label; its category, or categories with the
-- ranges of seat numbers they cover; its places from left to right:
--
--     o  a seat            x  a broken seat, never sold
--     a  an accessible one h  a house seat, kept back
--     _  no seat: a gap or an aisle
--
-- A number repeats the place that follows it: 12o.  Seats are numbered from 1
-- in each row, gaps are not counted.  A seat's label is row and number: C7.
-- An empty line is an empty row: an aisle.
--
--     section NAME [prefix PREFIX] [at X Y]
--
-- puts the rows below into a section ("section -": into none); with a prefix
-- their labels are PREFIX-C7; with "at" their first place is at X, Y of the
-- grid, otherwise they follow below the rows before.

set local search_path = boxoffice, pg_temp;


create type drawn_seat as (
    line_no     int,
    mistake     text,
    label       text,
    row_label   text,
    seat_number int,
    category    text,
    kind        text,
    x           int,
    y           int,
    section     text
);


-- Lines of a drawing, each with what it is and with the section it is in.

create function layout_lines(drawing text)
returns table (line_no int, what text, fields text[], section text,
               prefix text, x0 int, y int)
language sql immutable
set search_path = boxoffice, pg_temp
as $$
    with raw as (
        select ordinality::int as line_no, line,
               btrim(regexp_replace(line, '#.*$', ''), E' \t\r') as text
        from regexp_split_to_table(
                 regexp_replace(drawing, '^[ \t\r\n]*\n|\s+$', '', 'g'), '\n')
             with ordinality r(line, ordinality)
    ), typed as (
        select line_no, regexp_split_to_array(text, '\s+') as fields,
               regexp_match(text, '^section\s+(\S+)(?:\s+prefix\s+(\S+))?'
                            '(?:\s+at\s+(\d{1,5})\s+(\d{1,5}))?$') as head,
               case when text <> '' and text ~ '^section(\s|$)' then 'section'
                    when text <> '' then 'row'
                    when line ~ '#' then 'comment'
                    else 'gap' end as what
        from raw
    ), grouped as (
        select *, count(*) filter (where what = 'section')
                  over (order by line_no) as part
        from typed
    ), headed as (
        select g.*, h.head as section_head
        from grouped g
        left join grouped h on h.part = g.part and h.what = 'section'
    )
    select line_no,
           case when what = 'section' and head is null then 'bad section'
                else what end,
           fields, nullif(section_head[1], '-'), section_head[2],
           coalesce(section_head[3]::int, 0),
           case when section_head[4] is not null
                then section_head[4]::int
                     + count(*) filter (where what in ('row', 'gap'))
                       over (partition by part order by line_no)::int - 1
                else count(*) filter (where what in ('row', 'gap')
                                        and section_head[4] is null)
                     over (order by line_no)::int - 1
           end
    from headed
$$;


-- The seats of a drawing in reading order, and what is wrong with its lines.

create function layout_parse(drawing text) returns setof drawn_seat
language sql immutable
set search_path = boxoffice, pg_temp
as $$
    with rows as materialized (
        select l.*, fields[1] as row_label, fields[2] as spec,
               fields[3] as cells,
               what = 'row' and cardinality(fields) = 3
               and fields[1] ~ '^[A-Z0-9]{1,8}$'
               and fields[2] ~ ('^[A-Z0-9_-]{1,32}$|'
                   '^[A-Z0-9_-]{1,32}:\d{1,5}-\d{1,5}'
                   '(,[A-Z0-9_-]{1,32}:\d{1,5}-\d{1,5})*$')
               and fields[3] ~ '^([1-9]\d{0,3})?[oaxh_](([1-9]\d{0,3})?[oaxh_])*$'
               and coalesce(section, '-') ~ '^[A-Z0-9_-]{1,32}$'
               and coalesce(prefix, '-') ~ '^[A-Z0-9-]{1,8}$' as good
        from layout_lines(drawing) l
        where what in ('row', 'bad section')
    ), places as (
        select r.line_no, cell, row_number() over w - 1 + x0 as x,
               count(*) filter (where cell <> '_') over w as number
        from rows r
        cross join regexp_matches(r.cells, '(\d*)([oaxh_])', 'g')
                   with ordinality c(run, ordinality)
        cross join generate_series(1, coalesce(nullif(run[1], '')::int, 1)) n
        cross join lateral (select run[2] as cell) d
        where r.good
        window w as (partition by r.line_no order by c.ordinality, n
                     rows unbounded preceding)
    ), ranges as (
        select r.line_no, split_part(part, ':', 1) as category,
               coalesce(span[1]::int, 1) as low,
               coalesce(span[2]::int, 65535) as high
        from rows r
        cross join string_to_table(r.spec, ',') part
        cross join lateral (select regexp_match(part, ':(\d+)-(\d+)$')) m(span)
        where r.good
    )
    select line_no,
           case when what = 'bad section'
                then 'not "section NAME [prefix PREFIX] [at X Y]"'
                when cardinality(fields) <> 3
                then 'a row has three fields: label, category, places'
                else 'bad label, category, places, section or prefix' end,
           null, null, null::int, null, null, null::int, null::int, null
    from rows where not good
    union all
    (select r.line_no,
            case count(g.category)
            when 1 then null
            when 0 then format('seat %s has no category', p.number)
            else format('seat %s has two categories', p.number) end,
            coalesce(r.prefix || '-', '') || r.row_label || p.number,
            r.row_label, p.number::int, min(g.category),
            case p.cell when 'o' then 'NORMAL' when 'a' then 'ACCESSIBLE'
                        when 'x' then 'BROKEN' else 'HOUSE' end,
            p.x::int, r.y, r.section
     from places p
     join rows r using (line_no)
     left join ranges g on g.line_no = p.line_no
                       and p.number between g.low and g.high
     where p.cell <> '_'
     group by r.line_no, r.prefix, r.row_label, r.y, r.section, p.number,
              p.cell, p.x
     order by r.line_no, p.x)
$$;


-- Makes a layout from a drawing in the notation above and returns its id.
-- Raises one error that tells every mistake (the first 50) in its detail.

create function create_layout(layout_name text, drawing text) returns uuid
language plpgsql
set search_path = boxoffice, pg_temp
as $$
declare
    drawn    drawn_seat[];
    mistakes text[];
    made     uuid;
begin
    drawn := array(select s from layout_parse(drawing) s);

    select array_agg(m order by line_no) into mistakes
    from (
        select line_no, format('line %s: %s', line_no, mistake) as m
        from unnest(drawn) where mistake is not null
        union all
        select max(line_no), format('line %s: label %s is there %s times',
                                    max(line_no), label, count(*))
        from unnest(drawn) where label is not null
        group by label having count(*) > 1
        union all
        select max(line_no), format('line %s: seats %s are on one place',
                                    max(line_no), string_agg(label, ', '))
        from unnest(drawn) where label is not null
        group by x, y having count(*) > 1
        union all
        select min(line_no), format('line %s: label %s is too long',
                                    min(line_no), label)
        from unnest(drawn) where length(label) > 16 group by label
        union all
        select 0, 'there is no seat' where cardinality(drawn) = 0
        union all
        select 0, 'more than 65535 seats' where cardinality(drawn) > 65535
        union all
        select 0, 'more than 32 categories'
        where (select count(distinct category) from unnest(drawn)) > 32
    ) found;

    if mistakes is not null then
        raise exception 'layout "%": % mistakes', layout_name,
                        cardinality(mistakes)
              using errcode = 'invalid_parameter_value',
                    detail = array_to_string(mistakes[1:50], E'\n');
    end if;

    insert into layouts (name) values (layout_name)
    returning layout_id into made;

    insert into layout_seats (layout_id, seat_no, label, row_label,
                              seat_number, category, kind, x, y, section)
    select made, ordinality - 1, label, row_label, seat_number, category, kind,
           x, y, section
    from unnest(drawn) with ordinality;

    return made;
end
$$;
