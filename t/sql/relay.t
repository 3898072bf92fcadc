#!/usr/bin/perl

# The functions of the relay: who may have which event, and when.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time sleep);
use TestPg;

my $pg = TestPg->new();
my $dbh = $pg->load();
$dbh->do('set search_path = boxoffice');


# Versions 1 to n of a new aggregate; returns its id.

sub events {
    my ($n) = @_;
    my ($id) = $dbh->selectrow_array('select gen_random_uuid()');
    $dbh->do(q{insert into outbox (aggregate_id, version, type, payload)
               select ?, v, 'order.created', '{}'
               from generate_series(1, ?) v}, undef, $id, $n);
    return $id;
}


# Claims; the arguments are what is done and what is owed.

sub relay {
    my ($dbh, %o) = @_;
    my @done = @{$o{done} || []};
    my @owed = @{$o{owed} || []};
    my $rows = $dbh->selectall_arrayref(
        'select aggregate_id, version, parked from relay_outbox(?, ?, ?, ?, ?, '
        . '?, ?, ?, ?, ?, ?)', undef, exists $o{direct} ? $o{direct} : 'redis',
        defined $o{max} ? $o{max} : 100, defined $o{lease} ? $o{lease} : 5000,
        [map { $_->[0] } @done], [map { $_->[1] } @done],
        [map { $_->[0] } @owed], [map { $_->[1] } @owed],
        [map { $_->[2] } @owed], [map { $_->[3] || 0 } @owed],
        [map { $_->[4] || 0 } @owed], [map { $_->[5] } @owed]);
    return map { "$_->[0] $_->[1]" . ($_->[2] ? ' parked' : '') } @$rows;
}


sub claim {
    my ($sink, $max, $lease) = @_;
    $dbh->do('select pg_sleep(0.002)');     # times are rounded to ms
    return map { "$_->[0] $_->[1] $_->[2]" } @{$dbh->selectall_arrayref(
        'select aggregate_id, version, attempts '
        . 'from claim_deliveries(?, ?, ?)', undef, $sink,
        defined $max ? $max : 100, defined $lease ? $lease : 5000)};
}


sub mark {
    my ($sink, $most, @marks) = @_;
    return scalar $dbh->selectrow_array(
        'select mark_deliveries(?, ?, ?, ?, ?, ?, ?)', undef, $sink, $most,
        map { my $k = $_; [map { $_->[$k] } @marks] } 0 .. 4);
}


sub clean {
    $dbh->do("truncate $_") for qw(outbox deliveries);
}


subtest 'one at a time of an aggregate' => sub {
    my ($a, $b) = (events(3), events(1));
    is_deeply([sort(relay($dbh))], [sort("$a 1", "$b 1")], 'the first ones');
    is_deeply([relay($dbh)], [], 'nothing while they are under way');
    is_deeply([relay($dbh, done => [[$a, 1]])], ["$a 2"], 'then the next');
    is_deeply([relay($dbh, done => [[$a, 2], [$b, 1]])], ["$a 3"], 'the last');
    is_deeply([relay($dbh, done => [[$a, 3]])], [], 'no more');
    is($dbh->selectrow_array('select count(*) from outbox '
                             . 'where published_at is null'), 0, 'all marked');
    clean();
};


subtest 'a lease' => sub {
    my $a = events(2);
    relay($dbh, lease => 200);
    is_deeply([relay($dbh)], [], 'keeps others off');
    sleep(0.3);
    is_deeply([relay($dbh)], ["$a 1"], 'as long as it lasts');
    clean();
};


subtest 'two relays at once' => sub {
    my $other = $pg->dbh();
    $other->do('set search_path = boxoffice');

    my @ids = map { events(2) } 1 .. 6;
    $dbh->begin_work();
    my @mine = relay($dbh, max => 4);
    my $start = time();
    my @others = relay($other, max => 4);
    cmp_ok(time() - $start, '<', 1, 'nobody waits for a lock');
    $dbh->commit();
    is(scalar(@mine), 4, 'four here');
    is(scalar(@others), 2, 'the rest there');
    my %seen;
    $seen{$_}++ for @mine, @others;
    is(scalar(keys %seen), 6, 'none twice');
    is(scalar(grep { !/ 1$/ } keys %seen), 0, 'and only first ones');
    $other->disconnect();
    clean();
};


subtest 'what is owed' => sub {
    my ($a, $b) = (events(3), events(1));
    relay($dbh);
    relay($dbh, done => [[$a, 1], [$b, 1]],
          owed => [['hook', $a, 1], ['hook', $b, 1],
                   ['redis', $a, 1, 1, 60000, 'it said "no"']]);
    is_deeply([sort(claim('hook'))], [sort("$a 1 1", "$b 1 1")], 'can be had');
    is_deeply([claim('hook')], [], 'once');
    is_deeply([claim('redis')], [], 'when it is time');
    is($dbh->selectrow_array("select last_error from deliveries "
                             . "where sink = 'redis'"), 'it said "no"', 'why');
    is(mark('hook', 9, [$b, 1, 'done', 0, undef]), 0, 'marked');

    $dbh->do('update outbox set leased_until = null '
             . 'where published_at is null');
    is_deeply([relay($dbh)], ["$a 2 parked"],
              'the next one waits for the sink that failed');
    relay($dbh, done => [[$a, 2]], owed => [['hook', $a, 2],
                                            ['redis', $a, 2]]);
    is_deeply([claim('hook')], [], 'the second waits for the first');
    mark('hook', 9, [$a, 1, 'done', 0, undef]);
    is_deeply([claim('hook')], ["$a 2 1"], 'and then it goes');

    # who comes late with a lease that was lost owes nothing twice
    relay($dbh, done => [[$b, 1]], owed => [['hook', $b, 1]]);
    is_deeply([claim('hook')], [], 'a late mark');
    clean();
};


subtest 'attempts' => sub {
    my ($a, $b) = (events(2), events(1));
    relay($dbh);
    relay($dbh, done => [[$a, 1], [$b, 1]],
          owed => [['hook', $a, 1], ['hook', $b, 1]]);
    relay($dbh, done => [[$a, 2]], owed => [['hook', $a, 2]]);
    is(scalar(claim('hook')), 2, 'both first ones');
    is(mark('hook', 3, [$a, 1, 'retry', 0, '500'], [$b, 1, 'done', 0, undef]),
       0, 'one failed');
    is_deeply([claim('hook')], ["$a 1 2"], 'the second try');
    mark('hook', 3, [$a, 1, 'away', 0, 'refused']);
    is_deeply([claim('hook')], ["$a 1 2"], 'nobody there: that was no try');
    mark('hook', 3, [$a, 1, 'retry', 0, '500']);
    is_deeply([claim('hook')], ["$a 1 3"], 'the third');
    is(mark('hook', 3, [$a, 1, 'retry', 0, '503']), 1, 'given up');
    is_deeply([claim('hook')], ["$a 2 1"], 'what waited for it goes on');
    is(mark('hook', 3, [$a, 2, 'dead', 0, '410']), 1, 'poison');

    my $list = $dbh->selectall_arrayref('select delivery_id, aggregate_id, '
        . 'version, attempts, last_error from dead_letters(?, ?, 10)',
        { Slice => {} }, 9223372036854,
        '00000000-0000-0000-0000-000000000000');
    is_deeply([map { [@$_{qw(aggregate_id version attempts last_error)}] }
               @$list], [[$a, 2, 1, '410'], [$a, 1, 3, '503']],
              'the letters, the latest first');
    my $id = $list->[1]{delivery_id};
    ok($dbh->selectrow_array('select replay_dead_letter(?)', undef, $id),
       'replayed');
    ok(!$dbh->selectrow_array('select replay_dead_letter(?)', undef, $id),
       'once');
    is_deeply([claim('hook')], ["$a 1 1"], 'from the start');
    ok($dbh->selectrow_array('select drop_dead_letter(?)', undef,
                             $list->[0]{delivery_id}), 'dropped');
    is($dbh->selectrow_array('select count(*) from deliveries'), 1, 'gone');
    clean();
};


# A queue that is worked off is no slower at its end: what was marked is not
# walked over again and again.

subtest 'a hundred thousand' => sub {
    my $n = 100000;
    $dbh->do(q{insert into outbox (aggregate_id, version, type, payload)
               select gen_random_uuid(), 1, 'order.created',
                      jsonb_build_object('note', repeat('x', 300))
               from generate_series(1, ?)}, undef, $n);
    my ($calls, $slowest, $done, @batch) = (0, 0, 0);
    my $start = time();
    while (1) {
        my $began = time();
        @batch = map { [split / /] }
            relay($dbh, max => 500, done => \@batch);
        my $took = time() - $began;
        $slowest = $took if $took > $slowest && $calls;
        last if !@batch;
        $done += @batch;
        $calls++;
    }
    is($done, $n, sprintf('%d in %d calls, %d/s', $n, $calls,
                          $n / (time() - $start)));
    cmp_ok($slowest, '<', 1.9, sprintf('the slowest took %.3f s', $slowest));
    clean();
};


unlike($pg->log(), qr/ERROR|PANIC|FATAL/, 'a clean log');

done_testing();
