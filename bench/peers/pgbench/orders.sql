-- One order: the statements of the server with arrays of one, each committed by
-- itself.  Step and place are those of bench/wrk/common.lua, so that rows, keys
-- and their order are alike: ids grow, users are new, no seat is asked for
-- twice.
--
--   pgbench -M prepared -c 16 -j 2 -D n=0 -D walk=... \
--           -D first_no=... -D revision=...
--
-- walk 0: over 1,000 shows, 1: stadiums, one after the other

\set step :n * 16 + :client_id
\set n :n + 1
\if :walk = 0
\set number :step % 1000
\set pair 1 + (:step / 1000) % 299
\set show 1 + :number
\else
\set number 1000 + (:step / 24999) % 16
\set pair 1 + :step % 24999
\set show 4001 + :number
\endif
\set show_no :first_no + :number

select * from boxoffice.create_orders(
    array[('01990000-0000-8000-8000-' || lpad(:step::text, 12, '0'))::uuid],
    array[('00000000-0000-4000-9000-' || lpad(:show::text, 12, '0'))::uuid],
    array[:revision]::int[], array['o' || :step],
    array[('01990000-0000-8000-9000-' || lpad(:step::text, 12, '0'))::uuid],
    array['{' || 2 * :pair || ',' || 2 * :pair + 1 || '}'],
    array['A' || 2 * :pair || ',A' || 2 * :pair + 1], array[50000]::bigint[],
    array['CARD'], array['Asha Rao'], array['asha@example.org'],
    array['+911234567890'], array[300000], array[10],
    array[md5(:step::text)], array[md5('f' || :step)],
    array['{25000,25000}']);

select * from boxoffice.confirm_orders(
    array[('01990000-0000-8000-8000-' || lpad(:step::text, 12, '0'))::uuid],
    array[:show_no]::int[], array['o' || :step],
    array['mock-ok-' || :step], array['CAPTURED'], array['mock'],
    array['T' || lpad(:step::text, 19, '0')], array[md5('c' || :step)],
    array[md5('g' || :step)], array[10]);
