-- What all the others stand on: the schema, the extensions, and the form in
-- which times leave the database.

create schema if not exists boxoffice;

set local search_path = boxoffice, pg_temp;


-- a range and an id in one exclusion constraint: shows on a screen
create extension if not exists btree_gist;

-- places on the sphere, the nearest first
create extension if not exists cube;
create extension if not exists earthdistance;

-- words that are alike: typing errors
create extension if not exists pg_trgm;


-- Milliseconds since 1970, the form in which every time leaves the database.
-- (date_part is stable; were these immutable, they could not be inlined.)

create function unix_ms(at timestamptz) returns bigint
language sql stable parallel safe
return (date_part('epoch', at) * 1000)::bigint;


create function from_unix_ms(ms bigint) returns timestamptz
language sql stable parallel safe
return timestamptz 'epoch' + ms * interval '1 millisecond';


-- "2026-11-24T09:30:00.000Z".

create function rfc3339(at timestamptz) returns text
language sql stable
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
