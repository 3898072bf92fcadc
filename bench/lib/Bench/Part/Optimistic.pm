package Bench::Part::Optimistic;

# Seats booked per second: by a hold and an order, which is committed before it
# is answered, against one call of the optimistic mode, which is answered when
# Redis has it and is written later.  Redis has an append-only file that is
# written before it answers, for both.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();
use Carp               qw(croak);
use Time::HiRes        qw(sleep time);

my %title = (spread => 'spread over 1,000 shows',
    one => 'all on one show (a stadium)');
my @modes = qw(direct optimistic);


sub run ($class, $rig, $report, %o) {
    my $redis = $rig->redis_client('ours');

    $redis->config_set('appendfsync', 'always');
    $redis->config_set('appendonly', 'yes');

    Bench::Part::Holds::first_warmth($rig);

    for my $walk (qw(spread one)) {
        my %rounds;

        for my $n (1 .. $o{rounds}) {
            for my $connections ($o{connections}->@*) {
                push $rounds{"$_ $connections"}->@*,
                    measure($rig, $report, $_, $walk, $connections,
                        $o{seconds}) for @modes;
            }
        }

        show_table($report, $walk, \%rounds, $o{connections});
    }

    $redis->config_set('appendonly', 'no');
    return;
}


sub measure ($rig, $report, $mode, $walk, $connections, $seconds) {
    $rig->reset_orders;
    Bench::Part::Holds::warm($rig,
        { name => 'boxoffice', title => 'Boxoffice', server => 'ours',
          path => '/api/v1/holds', redis => 'ours' }, $walk);

    # the module has to have seen that Redis is safe
    sleep 1.5;

    my $process = $rig->ours->process;
    my $before  = $rig->cpu($process, 'ours');
    my $start   = time;
    my $r = $rig->wrk(url => Bench::Part::Holds::url($rig, 'ours', '/'),
        script => 'bookings', connections => $connections,
        seconds => $seconds, args => [$walk, $rig->run_no, 2, $mode]);

    my $booked = $r->{statuses}{202} // 0;
    my $at_end = written($rig);

    # until the last that was accepted is written
    my $orders;
    for (1 .. 600) {
        $orders = written($rig);
        last if $orders >= $booked;
        sleep 0.05;
    }

    my $drain = time - $start - $r->{us} / 1e6;
    my $after = $rig->cpu($process, 'ours');

    croak "$booked were booked, $orders are written" if $orders < $booked;

    return $report->round('optimistic', "$mode $walk c=$connections", {
        walk => $walk, mode => $mode, connections => $connections,
        booked => $booked, per_second => $booked / $r->{us} * 1e6,
        written_per_second => $orders / ($r->{us} / 1e6 + $drain),
        behind => $booked - $at_end, drain => $drain,
        statuses => $r->{statuses}, broken => $r->{broken},
        p50_ms => $r->{p50} / 1000, p99_ms => $r->{p99} / 1000,
        map { ("${_}_us" => $booked ? ($after->{$_} - $before->{$_})
            / $booked * 1e6 : 0) } keys %$before,
    });
}


sub written ($rig) {
    return $rig->scalar('select count(*) from orders');
}


sub show_table ($report, $walk, $rounds, $connections) {
    my @rows;

    for my $c (@$connections) {
        my ($direct, $optimistic) = $rounds->@{"direct $c", "optimistic $c"};
        my $ratio = sub ($key) {
            return (Bench::Report::ratio(map { [map { $_->{$key} } @$_] }
                $optimistic, $direct))[1];
        };

        push @rows, row("direct, $c connections", $direct, '', ''),
            row("optimistic, $c connections", $optimistic,
                $ratio->('per_second'), $ratio->('written_per_second'));
    }

    $report->heading("Bookings, direct and optimistic, $title{$walk}",
        'Pairs of seats booked per second as answered, and as written to '
        . 'PostgreSQL until the last of them is there.  p50 and p99 are of '
        . 'one HTTP request, of which the direct mode takes two.');
    $report->table(['', 'answered/s', 'ratio', 'written/s', 'ratio',
        'behind', 'drain s', 'p50 ms', 'p99 ms', 'nginx us', 'Redis us',
        'PostgreSQL us'], @rows);
    return;
}


sub row ($title, $rounds, $ratio, $written) {
    my $column = sub ($key) {
        return Bench::Report::number(Bench::Report::median(
            map { $_->{$key} // 0 } @$rounds));
    };

    return [$title,
        Bench::Report::span(map { $_->{per_second} } @$rounds), $ratio,
        Bench::Report::span(map { $_->{written_per_second} } @$rounds),
        $written,
        map { $column->($_) } qw(behind drain p50_ms p99_ms server_us redis_us
            postgres_us)];
}


1;
