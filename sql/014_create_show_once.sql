-- Creating a show under an idempotency key.

set local search_path = boxoffice, pg_temp;


-- The order_id of such a key is the id of the show.

alter table idempotency
    drop constraint idempotency_operation_known,
    add constraint idempotency_operation_known
        check (operation in ('create', 'confirm', 'cancel', 'create_show'));


-- As create_show(); outcome is also 'replayed', with the show made then, or
-- 'key_reused'.

create function create_show_once(owner text, used_key text, payload text,
                                 screen_id uuid, movie_title text,
                                 starts_ms bigint, duration_min int,
                                 currency text, categories text[],
                                 prices int[])
returns table (outcome text, show_id uuid)
language plpgsql
set search_path = boxoffice, pg_temp
as $$
#variable_conflict use_column
declare
    seen idempotency;
    made record;
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

    select * into made
    from create_show(screen_id, movie_title, starts_ms, duration_min,
                     currency, categories, prices);

    if made.outcome = 'created' then
        insert into idempotency (user_id, key, fingerprint, operation,
                                 order_id, show_date)
        values (owner, used_key, payload, 'create_show', made.show_id,
                current_date);
    end if;

    return query select made.outcome, made.show_id;
end
$$;
