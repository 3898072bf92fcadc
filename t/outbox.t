# The outbox relay and the sinks that are at hand: the stream in Redis, the
# audit log.  Every event arrives at least once, none is unknown, the events of
# one booking come in order.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW LARGE_SHOW);
use Boxoffice::Test::Booking qw(CUSTOMER booked hold metrics order
    try_hold);
use Boxoffice::Test::Outbox
    qw(events pending problems stream wait_handed_on write_events);
use List::Util  qw(sum0);
use Mojo::JSON  qw(decode_json);
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(nodes => 2, conf => {
    outbox_sink => ['redis', 'audit',
        'redis name=paid stream=paid types=order.confirmed,payment.*'],
    seats_per_user => 100 });

sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


subtest 'a booking tells what becomes of it' => sub {
    my $order = booked($t, 'ann', SHOW, [qw(A1 A2)]);
    my $id    = $order->{orderId};
    my @mine;

    $t->post("/api/v1/orders/$id/cancel", {}, user => 'ann');
    $t->wait_until(sub { @mine = grep { $_->{aggregate} eq $id } stream($t);
        @mine == 3 }, 2, 'three events');
    is [map { $_->{type} } @mine],
        [qw(order.created order.confirmed order.cancelled)], 'in order';
    is [map { $_->{version} } @mine], [1, 2, 3], 'with their versions';

    my $data = decode_json($mine[1]{data});
    is [@$data{qw(orderId showId userId status amount seatIds version)}],
        [$id, SHOW, 'ann', 'CONFIRMED', 30000, [qw(A1 A2)], 2], 'the data';
    ok abs($mine[0]{time} / 1000 - time) < 30, 'the time';
    is $mine[2]{id}, value('select event_id from outbox
        where aggregate_id = ? and version = 3', $id), 'the id is the row\'s';
    unlike $mine[0]{data}, qr/Ann Buyer|example\.com/, 'no names';

    # the money goes back after the answer: its event is the last
    $t->wait_until(sub { value(q{select count(*) from outbox
        where type = 'payment.refunded'}) }, 20, 'the money is back');
    wait_handed_on($t);
    is [map { $_->{type} } stream($t, 'paid')],
        [value(q{select string_agg(type, ',' order by position) from outbox
            where type like 'payment.%' or type = 'order.confirmed'})
            =~ /[^,]+/g], 'a sink that wants some has those';
};


subtest 'many, on two nodes' => sub {
    write_events($t, 300, 3);
    wait_handed_on($t);

    my @problems = problems(events($t), stream($t));
    is \@problems, [], 'each, in order, none unknown';
    is scalar(stream($t)), scalar(keys events($t)->%*), 'and once';
};


subtest 'those that commit out of their order' => sub {
    my $late = $t->new_dbh;

    $late->begin_work;
    my ($first) = write_events($t, 1, 1, dbh => $late);
    my @others = write_events($t, 10, 1);

    $t->wait_until(sub { my %seen = map { $_->{aggregate} => 1 } stream($t);
        !grep { !$seen{$_} } @others }, 5, 'what has committed has gone');
    $late->commit;
    $t->wait_until(sub { grep { $_->{aggregate} eq $first } stream($t) }, 5,
        'what was in their way went after them');
    $late->disconnect;
};


subtest 'the audit log' => sub {
    wait_handed_on($t);
    is value('select count(*) from audit_log'),
        value('select count(*) from outbox'), 'has all events';
    is value('select count(*) from audit_log a join outbox o
        using (aggregate_id, version, event_id, type, payload)'),
        value('select count(*) from outbox'), 'as they were';
    is $t->dbh->selectall_arrayref(q{select type, currency, events, seats,
        amount from daily_totals where show_id = ? order by type}, undef,
        SHOW), [['order.cancelled', 'INR', 1, 2, 30000],
        ['order.confirmed', 'INR', 1, 2, 30000],
        ['order.created', 'INR', 1, 2, 30000]], 'the sums of a day';

    # what comes again is not counted again
    $t->dbh->do(q{insert into deliveries (sink, aggregate_id, version,
        created_at) select 'audit', aggregate_id, version, created_at
        from outbox where type like 'order.c%' on conflict do nothing});
    wait_handed_on($t);
    is value('select sum(events) from daily_totals where show_id = ?', SHOW),
        3, 'once';
};


subtest 'what nobody has told of' => sub {
    my ($id) = write_events($t, 1, 1);
    my $began = time;
    $t->wait_until(sub { grep { $_->{aggregate} eq $id } stream($t) }, 2,
        'is found');
    ok time - $began < 1.5, 'soon' or diag time - $began;
};


subtest 'delay from commit to stream' => sub {
    my @orders = map { order($t, "many$_", LARGE_SHOW,
        ["C$_"], node => 1 + $_ % 2) } 1 .. 20;

    wait_handed_on($t);

    my %mine  = map { $_->{orderId} => 1 } @orders;
    my @delay = sort { $a <=> $b }
        map { $_->{entry} =~ s/-.*//r - $_->{time} }
        grep { $mine{ $_->{aggregate} } } stream($t);

    is scalar @delay, 20, 'all there';
    diag "median $delay[10] ms, worst $delay[-1] ms";
    ok $delay[10] < 20, 'median below 20 ms' or diag "@delay";
};


subtest 'metrics' => sub {
    sleep 2.6;    # gauges are looked at every 2 s

    my @m = map { metrics($t, node => $_) } 1, 2;
    my sub sum ($name) { return sum0(map { $_->{$name} // 0 } @m) }

    is sum('outbox_published_total{sink="redis"}'), scalar(stream($t)),
        'published';
    ok sum('outbox_published_total{sink="audit"}')
        >= value('select count(*) from audit_log'), 'by the audit log, too';
    is sum('outbox_failures_total{sink="redis"}'), 0, 'no failures';
    is $m[0]{'outbox_pending{sink="audit"}'}, 0, 'nothing waits';
    is $m[0]{'outbox_unclaimed'}, 0, 'nothing at all';
    ok sum('outbox_seconds_count') >= 20, 'delays are observed';
};


subtest 'purge leaves what a sink has not got' => sub {
    my ($owed, $gone) = write_events($t, 2, 1);

    wait_handed_on($t);
    $t->dbh->do(q{update outbox set created_at = now() - interval '9 d'
        where aggregate_id in (?, ?)}, undef, $owed, $gone);
    $t->dbh->do(q{insert into deliveries (sink, aggregate_id, version,
        created_at, next_at) values ('elsewhere', ?, 1, now(), 'infinity')},
        undef, $owed);
    $t->dbh->do('select purge(72)');
    is [value('select count(*) from outbox where aggregate_id = ?', $owed),
        value('select count(*) from outbox where aggregate_id = ?', $gone)],
        [1, 0], 'the other goes';
    $t->dbh->do(q{delete from deliveries where sink = 'elsewhere'});
};


subtest 'reload and end' => sub {
    write_events($t, 100, 2);
    $t->reload(node => 1);
    write_events($t, 100, 2);
    $t->node(1)->quit;
    wait_handed_on($t);

    my $events   = events($t);
    my @problems = problems($events,
        grep { $events->{ $_->{id} } } stream($t));
    is \@problems, [], 'nothing is lost on the way';
};


$t->done;


# What is written within the gap after a claim that found nothing goes with the
# next claim, not when the relay looks by itself.
subtest 'a wake just after a claim' => sub {
    $t = Boxoffice::Test->new(workers => 1,
        conf => { outbox_sink => ['redis'] });
    my @holds = map { my $row = $_; map { ["$row$_", hold($t, "$row$_",
        LARGE_SHOW, ["$row$_"])->{holdId}] } 1 .. 20 } qw(C D E F G H);

    while (my @some = splice @holds, 0, 3) {
        $t->run_many(3, [map { ['POST', '/api/v1/orders', { holdId => $_->[1],
            paymentMethod => 'CARD', customer => CUSTOMER }, user => $_->[0]] }
            @some]);
        $t->wait_until(sub { stream($t) == 120 - @holds }, 2) or last;
    }

    my @delay = map { $_->{entry} =~ s/-.*//r - $_->{time} } stream($t);
    is scalar @delay, 120, 'all there';
    my @late = grep { $_ > 150 } @delay;
    # twenty of them did when wakes were lost
    cmp_ok scalar @late, '<=', 8, 'hardly one waits for that' or diag "@late";
    $t->done;
};

done_testing;
