package Bench::Part::Stadium;

# A stadium of 50,000 seats sold out over HTTP: holds, orders, payments, with
# some who come too late.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();


sub run ($class, $rig, $report, %o) {
    my $connections = 256;

    $rig->reset_orders;
    Bench::Part::Holds::first_warmth($rig);
    $rig->reset_ours;
    open_show($rig);

    my $r = $rig->wrk(url => Bench::Part::Holds::url($rig, 'ours', '/api/v1'),
        script => 'stadium', connections => $connections, seconds => 120,
        args => [$rig->run_no, 2]);

    my $figures = $report->round('stadium', "c=$connections", {
        connections => $connections, seconds => $r->{us} / 1e6,
        requests => $r->{requests}, refused => $r->{refused},
        broken => $r->{broken}, p50_ms => $r->{p50} / 1000,
        p99_ms => $r->{p99} / 1000, max_ms => $r->{max} / 1000,
        statuses => $r->{statuses}, what_is_sold($rig),
    });

    show_table($report, $figures);
    return;
}


# The show is loaded into the empty Redis by somebody who only looks.
sub open_show ($rig) {
    my $id = Bench::Rig::show_id(5016);

    $rig->wrk(url => Bench::Part::Holds::url($rig, 'ours',
        "/api/v1/shows/$id/seatmap"), script => 'get', connections => 4,
        seconds => 1);
    return;
}


# From PostgreSQL: what counts when the doors open.
sub what_is_sold ($rig) {
    my $id = Bench::Rig::show_id(5016);
    my ($orders, $seats, $claims) = $rig->dbh->selectrow_array(<<~'END', {},
        select count(*), sum(cardinality(seat_nos)),
               (select count(*) from seat_claims where show_id = $1)
        from orders where show_id = $1 and status = 'CONFIRMED'
        END
        $id);
    my $broken = $rig->dbh->selectall_arrayref(
        'select * from check_invariants()');

    return (orders => $orders, seats => $seats // 0, claims => $claims,
        invariants_broken => scalar @$broken);
}


sub show_table ($report, $f) {
    my $seconds = $f->{seconds};

    $report->heading('A stadium of 50,000 seats sold out, '
        . "$f->{connections} connections",
        'Hold, order and payment of two seats at a time, and one hold in 16 '
        . 'that comes too late.  Seats are counted in PostgreSQL.');
    $report->table(['', 'seconds', 'seats sold', 'seats/s', 'orders/s',
        'requests/s', 'p50 ms', 'p99 ms', 'max ms', 'too late',
        'invariants broken'],
        ['Boxoffice', map { Bench::Report::number($_) } $seconds, $f->{seats},
            $f->{seats} / $seconds, $f->{orders} / $seconds,
            $f->{requests} / $seconds, $f->{p50_ms}, $f->{p99_ms},
            $f->{max_ms}, $f->{refused}, $f->{invariants_broken}]);
    $report->goal('seats of the stadium sold', $f->{seats}, $f->{seats},
        50_000);
    $report->goal('invariants broken by that', $f->{invariants_broken},
        $f->{invariants_broken}, '<1');
    return;
}


1;
