-- POST /shows puts a show on by a title, and in the way of administration: its
-- rules, its refusals, its notes in the audit.

set local search_path = boxoffice, pg_temp;


-- Under an idempotency key.  The movie is the latest of that title, or a new
-- one; nothing is left of it when the show is refused.
--
-- outcome: created; replayed, with the show made then; key_reused; no_screen;
-- clash (the screen is taken at that time); past (it does not begin in the
-- future); bad_prices (one is missing, or of no category of the screen);
-- invalid.  show_id is null unless created or replayed.

create function create_show_once(
    owner text, used_key text, payload text, screen_id uuid, movie_title text,
    starts_ms bigint, duration_min int, currency text, categories text[],
    prices int[], orphan_rule boolean)
returns table (outcome text, show_id uuid)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_variable
declare
    seen idempotency;
    film uuid;
    made record;
    id   uuid;
begin
    -- the same request may come twice at once
    perform pg_advisory_xact_lock(hashtext('boxoffice.create_show'),
                                  hashtext(owner || ' ' || used_key));

    select * into seen from idempotency i
    where i.user_id = owner and i.key = used_key;

    if found then
        if seen.fingerprint = payload and seen.operation = 'create_show' then
            return query select 'replayed', seen.order_id;
        else
            return query select 'key_reused', null::uuid;
        end if;
        return;
    end if;

    -- two administrators may bring the same new title
    perform pg_advisory_xact_lock(hashtext('boxoffice.movie'),
                                  hashtext(movie_title));

    begin
        select m.movie_id into film from movies m
        where m.title = movie_title and m.removed_at is null
        order by m.created_at desc limit 1;

        if film is null then
            select w.outcome, w.answer into made
            from admin_write(owner, null, null, 'create', 'movie', null, null,
                             jsonb_build_object(
                                 'title', movie_title,
                                 'durationMinutes', duration_min)::text) w;

            if made.outcome <> 'created' then
                raise exception 'refused' using errcode = 'BO001';
            end if;

            film := made.answer::json ->> 'movieId';
        end if;

        select w.outcome, w.answer into made
        from admin_write(owner, null, null, 'create', 'show', null, null,
                         jsonb_build_object(
                             'screenId', screen_id, 'movieId', film,
                             'startsAt', rfc3339(from_unix_ms(starts_ms)),
                             'startsAtMs', starts_ms,
                             'durationMinutes', duration_min,
                             'currency', currency, 'prices', (
                                 select jsonb_object_agg(p.category, p.price)
                                 from unnest(categories, prices)
                                      p(category, price)),
                             'orphanRule', orphan_rule)::text) w;

        if made.outcome <> 'created' then
            raise exception 'refused' using errcode = 'BO001';
        end if;
    exception when sqlstate 'BO001' then
        return query
        select case
               when made.outcome <> 'bad_schedule' then made.outcome
               when exists (select from json_array_elements(
                                made.answer::json -> 'mistakes') m
                            where m ->> 'field' = 'startsAt') then 'past'
               else 'bad_prices' end, null::uuid;
        return;
    end;

    id := made.answer::json #>> '{items,0,showId}';

    insert into idempotency (user_id, key, fingerprint, operation, order_id,
                             show_date)
    values (owner, used_key, payload, 'create_show', id, current_date);

    return query select 'created', id;
end
$$;
