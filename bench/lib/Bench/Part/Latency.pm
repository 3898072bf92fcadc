package Bench::Part::Latency;

# How long a hold takes when the server is not at its limit: at 70 % of what it
# does when it is.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();
use List::Util         qw(max);

use constant SHARE => 0.7;

my $ours = { name => 'boxoffice', title => 'Boxoffice', server => 'ours',
    path => '/api/v1/holds', redis => 'ours', keys => 2 };


sub run ($class, $rig, $report, %o) {
    my @rows;

    Bench::Part::Holds::first_warmth($rig);

    for my $connections ($o{connections}->@*) {
        my (@full, @part);

        for my $n (1 .. $o{rounds}) {
            my $full = Bench::Part::Holds::measure($rig, $report, $ours,
                'spread', $connections, $o{seconds});

            push @full, $full;
            push @part, paced($rig, $report, $connections, $full,
                $o{seconds});
        }

        push @rows, row("$connections connections, at their limit", @full),
            row("$connections connections, about 70 % of that", @part);

        my $p99 = Bench::Report::median(map { $_->{p99_ms} } @part);
        $report->goal("p99 of a hold at 70 %, c=$connections", $p99,
            sprintf('%.2f ms', $p99), '<5');
    }

    $report->heading('How long a hold takes',
        'wrk waits whole milliseconds between answer and request, so what '
        . 'comes due in one of them comes at once; share is what was reached.');
    $report->table(['', 'holds/s', 'share', 'p50 ms', 'p90 ms', 'p99 ms',
        'p99.9 ms', 'max ms'], @rows);
    return;
}


# Each connection pauses so long that all together ask at the wanted rate.
sub paced ($rig, $report, $connections, $full, $seconds) {
    my $wanted = $full->{per_second} * SHARE;
    my $pause  = 1000 * $connections / $wanted;

    Bench::Part::Holds::warm($rig, $ours, 'spread');

    # the first run shows how long a request takes beside its pause
    my $first = pause_run($rig, $connections, $pause, 1);
    my $extra = 1000 * $connections / rate($first) - $pause;

    $pause = max(0, $pause - $extra);
    my $r = pause_run($rig, $connections, $pause, $seconds);
    my $rate = rate($r);

    return $report->round('latency', "paced c=$connections", {
        connections => $connections, per_second => $rate, pause_ms => $pause,
        share => $rate / $full->{per_second}, broken => $r->{broken},
        map({ ("${_}_ms" => $r->{$_} / 1000) } qw(p50 p90 p99 p999 max)),
    });
}


sub pause_run ($rig, $connections, $pause, $seconds) {
    return $rig->wrk(
        url => Bench::Part::Holds::url($rig, 'ours', '/api/v1/holds'),
        script => 'holds', connections => $connections, seconds => $seconds,
        eager => 1,
        args => ['spread', $rig->run_no, 2, sprintf 'pause=%.2f', $pause]);
}


sub rate ($r) { return $r->{requests} / $r->{us} * 1e6 }


sub row ($title, @rounds) {
    my $column = sub ($key) {
        my @values = map { $_->{$key} // () } @rounds;
        return @values ? Bench::Report::span(@values) : '-';
    };

    return [$title, map { $column->($_) } qw(per_second share p50_ms p90_ms
        p99_ms p999_ms max_ms)];
}


1;
