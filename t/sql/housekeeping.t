#!/usr/bin/perl

# Housekeeping finishes: however much there is, each call fits into the time
# that a session of the module gives a statement, and the calls come to an
# end.  Statistics are those of empty tables first, then true ones.
#
# Runs alone: it measures times.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time);
use TestPg;

my $STADIUMS = 6;
my $SEATS = 50000;
my $LIMIT = 1.9;    # of the two seconds that a statement has

my $pg = TestPg->new(autovacuum => 'off', max_wal_size => '4GB');
my $dbh = $pg->load();
$dbh->do('set search_path = boxoffice');

my @shows = map { TestPg::show($dbh, 1) } 1 .. $STADIUMS;
my $slowest;


# One call, under the module's deadline.

sub call {
    my ($sql, @values) = @_;
    my $start = time();
    $dbh->do("set statement_timeout = '1900ms'");
    my @row = $dbh->selectrow_array($sql, undef, @values);
    $dbh->do('reset statement_timeout');
    my $took = time() - $start;
    $slowest = $took if !defined $slowest || $took > $slowest;
    return @row;
}


# All calls of a round: how many, and the sums of what they did.

sub round {
    my ($calls, $claims, $counts, $last) = (0, 0, 0, 0);
    $slowest = undef;
    do {
        my @did = call('select * from cleanup_orphans(?)', $last);
        $claims += $did[0];
        $counts += $did[1];
        $last = $did[2];
        die 'a round without an end' if ++$calls > 100;
    } while ($last);
    cmp_ok($slowest, '<', $LIMIT,
           sprintf('%d calls, the slowest took %.3f s', $calls, $slowest));
    return [$calls, $claims, $counts];
}


# Two thirds of the users have come and gone.

sub fill {
    my ($show) = @_;
    $dbh->do(q{
        insert into orders (order_id, show_date, show_id, hold_id, amount,
                            created_at, expires_at, show_no, currency,
                            payment_method, user_id, seat_nos, seat_ids,
                            customer_name, customer_email)
        select gen_random_uuid(), s.show_date, s.show_id, gen_random_uuid(),
               100, now(), now() + interval '1 h', s.show_no, s.currency,
               'CARD', 'u' || n, array[n], array['S' || n], 'Ann',
               'ann@example.org'
        from shows s cross join generate_series(0, ? - 1) n
        where s.show_id = ?}, undef, $SEATS, $show->{show_id});
    $dbh->do(q{
        insert into seat_claims
        select show_id, seat_nos[1], order_id from orders
        where show_id = ?}, undef, $show->{show_id});
    $dbh->do(q{
        insert into user_seats
        select ?, 'u' || n, (n < ?)::int, 1
        from generate_series(0, ? - 1) n}, undef,
        $show->{show_id}, $SEATS, 3 * $SEATS);
}


# A show that was over for hours, a minute later for each.

sub past {
    my ($show, $hours) = @_;
    $dbh->do(q{update shows set starts_at = now() - interval '1 h'
                                            * (?::int + 2),
                                ends_at = now() - interval '1 h' * ?::int
               where show_id = ?}, undef, $hours, $hours, $show->{show_id});
}


fill($_) for @shows;
my ($live) = $dbh->selectrow_array('select count(*) from orders');
is($live, $STADIUMS * $SEATS, "$live live orders");


for my $statistics ('of empty tables', 'true') {
    subtest "cleanup, statistics $statistics" => sub {
        my $round = round();
        is_deeply([@$round[1, 2]], [0, 0], 'nothing to repair');
        cmp_ok($round->[0], '>=', $STADIUMS, 'a stadium or less a call');

        # in the last show, behind all others
        my $id = $shows[-1]{show_id};
        $dbh->do("update seat_claims set order_id = gen_random_uuid() "
                 . 'where show_id = ? and seat_no = 7', undef, $id);
        $dbh->do("update user_seats set seats = 5 "
                 . "where show_id = ? and user_id = 'u9'", undef, $id);
        is_deeply([@{round()}[1, 2]], [1, 1], 'repaired, and no more');
        is_deeply([@{round()}[1, 2]], [0, 0], 'once');
        is($dbh->selectrow_array('select seats from user_seats '
                                 . "where show_id = ? and user_id = 'u9'",
                                 undef, $id), 1, 'to the true count');

        # an order that has lost its claim is not a repair, nor its count wrong
        is($dbh->selectrow_array('select seats from user_seats '
                                 . "where show_id = ? and user_id = 'u7'",
                                 undef, $id), 1, 'orders count, not claims');
        $dbh->do('insert into seat_claims select show_id, 7, order_id '
                 . 'from orders where show_id = ? and seat_nos[1] = 7',
                 undef, $id);
    };

    $dbh->do('analyze');
}


subtest 'more than one call repairs' => sub {
    my $id = $shows[2]{show_id};
    $dbh->do('insert into seat_claims select ?, ? + n, gen_random_uuid() '
             . 'from generate_series(1, 12000) n', undef, $id, $SEATS);
    my $wrong = $dbh->do('update user_seats set seats = seats + 1 '
                         . "where show_id = ? and user_id < 'u104'", undef,
                         $id);
    cmp_ok($wrong, '>', 2000, "$wrong counts");
    is_deeply([@{round()}[1, 2]], [12000, int($wrong)], 'all in one round');
    is_deeply([@{round()}[1, 2]], [0, 0], 'once');
};


subtest 'shows that are over are left alone' => sub {
    past($shows[0], 1);
    $dbh->do('update user_seats set seats = 4 where show_id = ? '
             . "and user_id = 'u1'", undef, $shows[0]{show_id});
    is_deeply([@{round()}[1, 2]], [0, 0], 'nothing to repair');
    $dbh->do('update user_seats set seats = 1 where show_id = ? '
             . "and user_id = 'u1'", undef, $shows[0]{show_id});
};


subtest 'purge' => sub {
    my $many = 300000;

    $dbh->do(q{
        insert into idempotency
        select 'u' || n, 'k' || n, 'f', 'create', gen_random_uuid(),
               current_date, now() - interval '1 h' * (1 + 99 * (n <= ?)::int)
        from generate_series(1, ?) n}, undef, 12000, $many);
    $dbh->do(q{
        insert into outbox (aggregate_id, version, type, payload, created_at,
                            published_at)
        select gen_random_uuid(), 1, 'order.created', '{}',
               now() - interval '1 h' * (1 + 99 * (n <= ?)::int),
               case when n % 2 = 0 then now() end
        from generate_series(1, ?) n}, undef, 12000, $many);
    past($shows[0], 100);

    # halls enough for several calls; one hour has more than a call takes
    $dbh->do(q{
        with hall as (
            insert into screens (theatre_id, name, layout_id)
            select theatre_id, 'hall ' || n, layout_id
            from screens cross join generate_series(1, 50) n
            where screen_id = (select screen_id from shows where show_id = ?)
            returning screen_id)
        insert into shows (movie_id, screen_id, starts_at, ends_at, currency)
        select s.movie_id, h.screen_id, now() - interval '122 h',
               now() - interval '120 h'
               + interval '1 h' * greatest(row_number() over (), 30),
               s.currency
        from shows s cross join hall h where s.show_id = ?},
        undef, ($shows[0]{show_id}) x 2);
    $dbh->do(q{insert into user_seats select show_id, 'gone', 0, 1 from shows
               where ends_at < now() - interval '72 h'
                 and show_id <> ?}, undef, $shows[0]{show_id});
    my ($empty) = $dbh->selectrow_array(
        'select count(*) from user_seats join shows using (show_id) '
        . "where seats = 0 and ends_at < now() - interval '72 h'");

    my ($calls, @sums) = (0);
    $slowest = undef;
    while (1) {
        my @did = call('select * from purge(72)');
        $sums[$_] += $did[$_] for 0 .. 2;
        cmp_ok($did[$_], '<=', 5000, 'not more than its share') for 0 .. 2;
        $calls++;
        last if !$did[3];
        die 'a purge without an end' if $calls > 100;
    }
    is_deeply(\@sums, [12000, 6000, $empty], "all of it in $calls calls");
    cmp_ok($slowest, '<', $LIMIT, sprintf('the slowest took %.3f s', $slowest));
    is_deeply([(call('select * from purge(72)'))[0 .. 3]], [0, 0, 0, 0],
              'once');
    is($dbh->selectrow_array('select count(*) from user_seats '
                             . 'where show_id = ?', undef,
                             $shows[0]{show_id}), $SEATS,
       'counts that are not 0 stay');
};


subtest 'purge_holds' => sub {
    $dbh->do(q{
        insert into holds
        select gen_random_uuid(), ?, 'u', '{1}', t, t, 'EXPIRED', t
        from generate_series(1, 100000) n
        cross join lateral (select now() - interval '1 d'
                            * (1 + 99 * (n <= 7000)::int)) d(t)},
        undef, $shows[0]{show_id});
    is_deeply([map { call('select purge_holds(90)') } 1 .. 3], [5000, 2000, 0],
              'in shares');
};


# Blocks that a call touches, which no other load of the machine changes.

sub blocks {
    my ($sql) = @_;
    my $plan = $dbh->selectrow_array(
        "explain (analyze, buffers, format json) select * from $sql");
    return ($1 // 0) + ($2 // 0)
        if $plan =~ /"Shared Hit Blocks": (\d+).*?"Shared Read Blocks": (\d+)/s;
    die "no blocks in $plan";
}


subtest 'events of gateways: nothing is read for what stays' => sub {
    my $add = sub {
        my ($n, $age, $outcome) = @_;
        $dbh->do(q{
            insert into webhook_events (provider, event_id, digest, kind,
                                        received_at, outcome, word)
            select 'gw', gen_random_uuid(), 'd', 'CAPTURED',
                   now() - ?::interval, ?, '{}'
            from generate_series(1, ?) n}, undef, $age, $outcome, $n);
    };

    # the room of those that went is filled again, so that old and new ones
    # are everywhere; and many wait for somebody
    $add->(15000, '20 d', $_ % 2 ? 'taken' : 'quarantined') for 1, 2;
    $add->(15000, '1 d', 'taken');
    1 while (call('select purge_webhooks(14)'))[0] == 5000;
    $dbh->do('vacuum webhook_events');
    $add->(15000, '1 d', 'taken');
    $add->(20, '20 d', 'taken');

    my $blocks = blocks('purge_webhooks(14)');
    cmp_ok($blocks, '<', 500, "$blocks blocks for 20 of 45,000");
    is($dbh->selectrow_array('select count(*) from webhook_events'), 45000,
       'they went');
    is((call('select purge_webhooks(14)'))[0], 0, 'once');
};


subtest 'events that a sink is owed are looked at in shares' => sub {
    my $owed = 30000;
    $dbh->do(q{delete from outbox});
    $dbh->do(q{
        insert into outbox (aggregate_id, version, type, payload, created_at,
                            published_at)
        select gen_random_uuid(), 1, 'order.created', '{}',
               now() - interval '200 h' + n * interval '1 s', now()
        from generate_series(1, ?) n}, undef, $owed);
    $dbh->do(q{
        insert into deliveries (sink, aggregate_id, version, status, dead_at,
                                created_at)
        select 'away', aggregate_id, version, 'DEAD', now(), now()
        from outbox where type = 'order.created'});
    $dbh->do(q{
        insert into outbox (aggregate_id, version, type, payload, created_at,
                            published_at)
        select gen_random_uuid(), 1, 'order.expired', '{}',
               now() - interval '100 h', now() from generate_series(1, 50)});

    my $blocks = blocks('purge(72)');
    cmp_ok($blocks, '<', 30000, "$blocks blocks, not those of $owed events");

    my ($calls, $gone) = (0, 0);
    while (1) {
        my @did = call('select * from purge(72)');
        $gone += $did[1];
        last if !$did[3];
        die 'a purge without an end' if ++$calls > 100;
    }
    is($gone, 50, "what nobody is owed goes, in $calls calls");

    $dbh->do('delete from deliveries where ctid = any (array('
             . 'select ctid from deliveries limit 10))');
    ($calls, $gone) = (0, 0);
    while (1) {
        my @did = call('select * from purge(72)');
        $gone += $did[1];
        last if !$did[3];
        die 'a purge without an end' if ++$calls > 100;
    }
    is($gone, 10, 'and what was dropped, in the next round');
};


unlike($pg->log(), qr/ERROR|PANIC|FATAL/, 'a clean log');

done_testing();
