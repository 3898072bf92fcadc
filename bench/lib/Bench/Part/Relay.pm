package Bench::Part::Relay;

# The outbox relay, end to end: how many events a second reach the stream in
# Redis when many wait, and how long an event takes from its commit to there.
#
# Both ends are other people's clocks: PostgreSQL notes when each transaction
# committed (track_commit_timestamp), an entry of a stream begins with the
# millisecond in which Redis made it.  All are of one machine.

use v5.36;

use Bench::Part::Holds       ();
use Bench::Part::Orders      ();
use Bench::Report            ();
use Boxoffice::Test::Process ();
use Carp                     qw(croak);
use POSIX                    qw(floor);

use constant {
    STREAM   => 'boxoffice:events',
    BOOKINGS => 20_000,
    VERSIONS => 3,
    STEADY   => 100,    # orders a second
    WANTED   => 20,     # ms, the median
};


sub run ($class, $rig, $report, %o) {
    my (@backlog, @steady, @limit);

    $rig->note_commits(1);
    Bench::Part::Holds::first_warmth($rig);

    for my $n (1 .. $o{rounds}) {
        push @backlog, backlog($rig, $report);
        push @steady, orders($rig, $report, 'steady', 16, $o{seconds});
        push @limit, orders($rig, $report, 'limit', 64, $o{seconds});
    }

    $rig->note_commits(0);
    show($report, \@backlog, \@steady, \@limit);
    return;
}


# Events of many bookings that are there when the relay looks.
sub backlog ($rig, $report) {
    my $count = BOOKINGS * VERSIONS;

    $rig->freeze_ours;
    $rig->reset_orders;
    $rig->redis_client('ours')->del(STREAM);
    $rig->dbh->do(q{insert into outbox (aggregate_id, version, type, payload)
        select a, v, 'order.created', jsonb_build_object('orderId', a,
            'showId', gen_random_uuid(), 'userId', 'bench', 'status',
            'PENDING_PAYMENT', 'amount', 30000, 'currency', 'INR', 'version',
            v, 'seatIds', jsonb_build_array('A1', 'A2'))
        from (select gen_random_uuid() as a from generate_series(1, ?)) b,
            generate_series(1, ?) v}, undef, BOOKINGS, VERSIONS);
    $rig->dbh->do('vacuum analyze outbox');

    my $process = $rig->ours->process;
    my $before  = $rig->cpu($process, 'ours');

    $rig->thaw_ours;
    wait_published($rig);

    my $after = $rig->cpu($process, 'ours');
    my %seen  = stream($rig);
    my @times = sort { $a <=> $b } values %seen;

    croak "$count events, " . @times . ' in the stream' if @times != $count;

    return $report->round('relay', "$count events that wait", {
        events => $count, per_second => $count
            / (($times[-1] - $times[0]) / 1000 || 0.001),
        map { ("${_}_us" => ($after->{$_} - $before->{$_}) / $count * 1e6) }
            qw(server redis postgres),
    });
}


sub wait_published ($rig) {
    Boxoffice::Test::Process::wait_until(sub { $rig->scalar(
        'select count(*) from outbox where published_at is null') == 0 }, 60)
        or croak 'events are left';
    return;
}


# When each event got into the stream, ms; of those that came twice the first.
sub stream ($rig) {
    my %seen;

    for my $entry ($rig->redis_client('ours')->xrange(STREAM, '-', '+')->@*) {
        my %field = $entry->[1]->@*;
        $seen{ $field{id} } //= $entry->[0] =~ s/-.*//r;
    }

    return %seen;
}


# Orders over HTTP, each created and confirmed: two events.
sub orders ($rig, $report, $how, $connections, $seconds) {
    my $run   = $rig->run_no;
    my $holds = ($how eq 'steady' ? 4 * STEADY : 20_000) * $seconds;
    my $first = $rig->first_no;
    my @pause = $how eq 'steady'
        ? sprintf('pause=%d', 1000 * $connections / (2 * STEADY)) : ();

    $rig->reset_orders;
    Bench::Part::Holds::warm($rig,
        { name => 'boxoffice', title => 'Boxoffice', server => 'ours',
          path => '/api/v1/holds', redis => 'ours' }, 'spread');
    Bench::Part::Orders::prepare($rig, 'spread', $run, $holds, $first);
    $rig->redis_client('ours')->del(STREAM);
    $rig->redis_client('ours')->xgroup('CREATE', STREAM, 'bench', '$',
        'MKSTREAM');

    my $r = $rig->wrk(
        url => Bench::Part::Holds::url($rig, 'ours', '/api/v1/orders'),
        script => 'orders', connections => $connections, seconds => $seconds,
        args => ['spread', $run, 2, $holds, $first, @pause]);

    wait_published($rig);

    my @delay = sort { $a <=> $b } delays($rig);
    my $at = sub ($part) { $delay[floor($part * $#delay)] };

    return $report->round('relay', "$how c=$connections", {
        events => $rig->scalar('select count(*) from outbox'),
        per_second => $rig->scalar('select count(*) from outbox')
            / $r->{us} * 1e6,
        measured => scalar @delay, broken => $r->{broken},
        refused => $r->{refused}, p50_ms => $at->(0.5), p99_ms => $at->(0.99),
        max_ms => $delay[-1],
    });
}


# Of each order.created whose entry is still in the stream, ms.  A claim of a
# seat is written with its order and never changed, so its transaction is that
# of the event; the event's own row is changed when it is marked.
sub delays ($rig) {
    my %seen = stream($rig);
    my $rows = $rig->dbh->selectall_arrayref(q{
        select o.event_id::text, floor(extract(epoch from
            pg_xact_commit_timestamp(c.xmin)) * 1000)
        from outbox o
        join (select distinct on (order_id) order_id, xmin from seat_claims)
            c on c.order_id = o.aggregate_id
        where o.version = 1 and o.type = 'order.created'});
    my @delay = map { defined $seen{ $_->[0] }
        ? $seen{ $_->[0] } - $_->[1] : () } @$rows;

    croak 'no order was made' if !@delay;
    return @delay;
}


sub show ($report, $backlog, $steady, $limit) {
    my $p50 = Bench::Report::median(map { $_->{p50_ms} } @$steady);

    $report->goal('commit to stream, median', $p50, "$p50 ms", '<' . WANTED);
    $report->heading('Events from their commit to the stream in Redis',
        'A backlog: ' . BOOKINGS . ' bookings with ' . VERSIONS . ' events '
        . 'each, written before the relay runs; the rate is from the first '
        . 'entry to the last, processor time is for an event.  Orders: '
        . 'created and confirmed over HTTP, with two events each; the delay is '
        . 'that of order.created, from the commit as PostgreSQL notes it, '
        . 'which is before it is flushed, to whole milliseconds.');
    $report->table(['', 'events/s', 'median ms', 'p99 ms', 'max ms',
        'nginx us', 'Redis us', 'PostgreSQL us'],
        row('a backlog', @$backlog),
        row('about ' . STEADY . ' orders/s', @$steady),
        row('orders at the limit, 64 connections', @$limit));
    return;
}


sub row ($title, @rounds) {
    my $column = sub ($key) {
        my @values = map { $_->{$key} // () } @rounds;
        return @values ? Bench::Report::span(@values) : '-';
    };

    return [$title, map { $column->($_) } qw(per_second p50_ms p99_ms max_ms
        server_us redis_us postgres_us)];
}


1;
