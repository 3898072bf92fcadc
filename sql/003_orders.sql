-- Orders and what hangs on them: the hot tables.
--
-- No foreign keys here.  A foreign key check locks the row it points to
-- (for key share): thousands of buyers a second of one show would all write
-- to that show's row, as a multixact, to prove what the server has just read.
-- The functions of 006 and later are the only writers, and check_invariants()
-- says whether they kept their word.

set local search_path = boxoffice, pg_temp;


create table orders (
    order_id       uuid not null,
    show_date      date not null,
    show_id        uuid not null,
    hold_id        uuid not null,
    amount         bigint not null,
    created_at     timestamptz(3) not null,
    expires_at     timestamptz(3) not null,
    confirmed_at   timestamptz(3),
    ended_at       timestamptz(3),
    show_starts    timestamptz(3),
    show_no        int not null,
    version        int not null default 1,
    currency       char(3) not null,
    status         text collate "C" not null default 'PAYMENT_PENDING',
    payment_method text collate "C" not null,
    user_id        text collate "C" not null,
    seat_nos       int[] not null,
    seat_ids       text[] not null,
    customer_name  text not null,
    customer_email text not null,
    customer_phone text,
    payment_id     text collate "C",
    ticket_code    text collate "C",
    seat_prices    int[],

    constraint orders_pkey primary key (order_id, show_date),
    constraint orders_hold_key unique (hold_id, show_date),
    constraint orders_amount_positive check (amount >= 0),
    constraint orders_version_positive check (version >= 1),
    constraint orders_seats_match
        check (cardinality(seat_nos) between 1 and 64
               and cardinality(seat_nos) = cardinality(seat_ids)),
    constraint orders_prices_match
        check (cardinality(seat_prices) = cardinality(seat_nos)),
    constraint orders_method_known
        check (payment_method in ('UPI', 'CARD', 'WALLET')),
    constraint orders_status_known
        check (status in ('PAYMENT_PENDING', 'CONFIRMED', 'FAILED', 'EXPIRED',
                          'CANCELLED')),
    constraint orders_confirmed_complete
        check (status <> 'CONFIRMED'
               or (confirmed_at is not null and payment_id is not null
                   and ticket_code is not null)),
    constraint orders_ended_complete
        check ((ended_at is not null)
               = (status in ('FAILED', 'EXPIRED', 'CANCELLED')))
) partition by range (show_date);

create index orders_user_history
    on orders (user_id, created_at desc, order_id desc);

create index orders_expiry on orders (expires_at)
    where status = 'PAYMENT_PENDING';

comment on table orders is
    'Orders, filed by month of the show, so that the past leaves by detaching '
    'a table.  order_id is made by the server (UUIDv8: time, show_no, random).';
comment on column orders.version is
    'Number of the last state change, from 1; the event of that change has '
    'the same version.';
comment on column orders.show_starts is
    'When the show was to begin as it was ordered: an order that has no seats '
    'any more gets them back for that time only.  Null where there was no '
    'such show.';
comment on column orders.ended_at is
    'When it came to its present end: FAILED, EXPIRED or CANCELLED.';
comment on column orders.seat_nos is
    'The seats it has; those that were given back before the order ended are '
    'in cancellations.';
comment on column orders.amount is
    'What it costs, all seats that it ever had; what went back is in refunds.';
comment on column orders.seat_prices is
    'What each seat cost, in the order of seat_nos; null where who made the '
    'order did not say, until its first cancellation: see order_prices().';


-- no room left on the pages: a change of status changes orders_expiry, so an
-- update cannot stay on its page's chain anyway
create table orders_default partition of orders default;

comment on table orders_default is
    'Takes orders of a month whose partition was not made in time; '
    'ensure_partitions() moves them out.';


-- The state graph.  The condition is part of the trigger, so that a change
-- that keeps to it costs a few comparisons and no function call.
--
-- An order whose time was over is confirmed when its money comes and its
-- seats are still free.  A paid order may lose seats, never get any.

create function orders_refuse() returns trigger
language plpgsql
set search_path = boxoffice, pg_temp
as $$
begin
    raise exception 'order %: from % version % to % version % is no step',
                    old.order_id, old.status, old.version,
                    new.status, new.version
          using errcode = 'integrity_constraint_violation';
end
$$;

create trigger orders_state before update on orders
for each row
when (not (case
           when new.status = old.status and new.version = old.version
           then new.seat_nos = old.seat_nos
           when new.version <> old.version + 1 then false
           when new.status = old.status
           then old.status = 'CONFIRMED'
                and new.seat_nos <@ old.seat_nos
                and cardinality(new.seat_nos) < cardinality(old.seat_nos)
           when new.seat_nos <> old.seat_nos then false
           when old.status = 'PAYMENT_PENDING' then true
           when new.status = 'CANCELLED'
           then old.status in ('CONFIRMED', 'EXPIRED', 'FAILED')
           when new.status = 'CONFIRMED' then old.status = 'EXPIRED'
           else false
           end)
      or new.order_id <> old.order_id
      or new.show_id <> old.show_id
      or new.hold_id <> old.hold_id
      or new.user_id <> old.user_id
      or new.amount <> old.amount
      or new.show_starts <> old.show_starts)
execute function orders_refuse();


create table seat_claims (
    show_id  uuid not null,
    seat_no  int not null,
    order_id uuid not null,

    constraint seat_claims_pkey primary key (show_id, seat_no)
)
-- rows come and go with orders that expire: vacuum before the index bloats
with (autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_insert_scale_factor = 0.1);

comment on table seat_claims is
    'The one constraint everything rests on: a seat of a show is in at most '
    'one live order.  A row is inserted in the transaction that creates its '
    'order and deleted in the one that ends it, never elsewhere.  Not '
    'partitioned, so that the key needs no date; without a foreign key, for '
    'the reason given in the file.';


create table user_seats (
    show_id uuid not null,
    user_id text collate "C" not null,
    seats   int not null,
    orders  int not null,

    constraint user_seats_pkey primary key (show_id, user_id),
    constraint user_seats_seats_positive check (seats >= 0)
)
-- changed in place, no index on seats: updates stay on their page
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

comment on table user_seats is
    'Seats a user has in live orders of a show.  The row is also the lock '
    'that puts one user''s orders of one show in a line: the limit, and '
    'whether a hold was ordered before, are decided under it.';
comment on column user_seats.orders is
    'Orders ever made.  While it counts only what a batch brings, none of the '
    'user''s holds can have an order yet, and nobody needs to look.';


create table idempotency (
    user_id     text collate "C" not null,
    key         text collate "C" not null,
    fingerprint text collate "C" not null,
    operation   text collate "C" not null,
    order_id    uuid not null,
    show_date   date not null,
    created_at  timestamptz(3) not null default now(),

    constraint idempotency_pkey primary key (user_id, key),
    constraint idempotency_operation_known
        check (operation in ('cancel', 'cancel_show', 'confirm', 'create',
                             'create_show', 'pay', 'admin'))
)
with (autovacuum_vacuum_scale_factor = 0.05);

-- Rows arrive in the order of time, at the right edge.  A BRIN would find old
-- ones only until the room of the first purge is filled again: from then on
-- every range holds a new row, and keeps the oldest time it ever had.
create index idempotency_created on idempotency (created_at);

comment on table idempotency is
    'A key that had an effect, written in the transaction of that effect.  A '
    'refusal leaves no row: asked again, it is decided again.';
comment on column idempotency.order_id is
    'Of create_show and cancel_show the id of the show, of admin that of the '
    'reply.';


create table outbox (
    aggregate_id uuid not null,
    version      int not null,
    event_id     uuid not null default gen_random_uuid(),
    position     bigint not null generated always as identity,
    type         text collate "C" not null,
    payload      jsonb not null,
    created_at   timestamptz(3) not null default now(),
    published_at timestamptz(3),
    leased_until timestamptz(3),

    constraint outbox_pkey primary key (aggregate_id, version),
    -- every part has events of its own: what is checked is the form
    constraint outbox_type_known check (type ~ '^[a-z]+\.[a-z_]+$')
)
-- every row is updated twice and deleted once; with room on the page, a claim
-- of the relay changes no index
with (autovacuum_vacuum_scale_factor = 0.02,
      autovacuum_vacuum_cost_delay = 0, fillfactor = 60);

create index outbox_unpublished on outbox (position)
    where published_at is null;

-- an event enters when it is published, and only published ones are purged
create index outbox_published on outbox (created_at)
    where published_at is not null;

comment on table outbox is
    'One event for each committed change of state: of an order under its id '
    'and version, and likewise of refunds, check-ins and cancelled shows.  '
    'The key keeps it at one.  No names and addresses in the payload: who '
    'needs them reads the order.';
comment on column outbox.leased_until is
    'Until when a relay has it.  No index has it: with room on the page, a '
    'claim changes no index.';
comment on column outbox.published_at is
    'When it was handed on: to the sink that is published to directly, and to '
    'deliveries for all that have it yet to get.';


create table holds (
    hold_id    uuid not null,
    show_id    uuid not null,
    user_id    text collate "C" not null,
    seat_nos   int[] not null,
    created_at timestamptz(3) not null,
    expires_at timestamptz(3) not null,
    outcome    text collate "C" not null,
    ended_at   timestamptz(3),

    constraint holds_pkey primary key (hold_id),
    constraint holds_outcome_known
        check (outcome in ('HELD', 'EXPIRED', 'RELEASED', 'ORDERED'))
)
with (fillfactor = 85);

create index holds_created on holds (created_at);

comment on table holds is
    'History of holds, written late and best effort.  Nothing is decided from '
    'it: holds live in Redis.';


create table purges (
    subject text collate "C" not null,
    before  timestamptz(3) not null,

    constraint purges_pkey primary key (subject)
);

comment on table purges is
    'Up to when a table was emptied of old rows, so that check_invariants() '
    'does not miss what was thrown away on purpose.';
