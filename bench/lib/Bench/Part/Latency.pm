package Bench::Part::Latency;

# How long a hold takes when the server is not at its limit: at 70 % of what it
# does when it is, by the clock.  Times count from when a request was due.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();
use Carp               qw(croak);
use Mojo::JSON         qw(encode_json);

use constant {
    SHARE => 0.7,
    LEAD  => 3,      # seconds before it counts
};

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
            row("$connections connections, 70 % of that", @part);

        my $p99 = Bench::Report::median(map { $_->{p99_ms} } @part);
        $report->goal("p99 of a hold at 70 %, c=$connections", $p99,
            sprintf('%.2f ms', $p99), '<5');
    }

    $report->heading('How long a hold takes',
        'At their limit, connections ask again as soon as they are answered. '
        . 'At 70 % requests are due at a steady rate; "late" are those that '
        . 'left a millisecond after: no connection was idle, or the load had '
        . 'no processor.  How long it took counts from when it was due.');
    $report->table(['', 'requests/s', 'late', 'p50 ms', 'p90 ms', 'p99 ms',
        'p99.9 ms', 'max ms'], @rows);
    return;
}


sub paced ($rig, $report, $connections, $full, $seconds) {
    my $rate = int(SHARE * $full->{per_second} * $full->{requests}
        / $full->{holds});

    Bench::Part::Holds::warm($rig, $ours, 'spread');

    # What the limit left behind, rows for the history above all, is written
    # in the first of it.
    my @requests = requests($rig, $rate * (LEAD + $seconds));
    my %load = (port => $rig->ours->port, rate => $rate,
        connections => $connections, turns => 1);

    $rig->pace->run(%load, seconds => LEAD,
        requests => [splice @requests, 0, $rate * LEAD]);

    my $r = $rig->pace->run(%load, seconds => $seconds,
        requests => \@requests);
    my %other = $r->{statuses}->%*;

    # one request in 64 asks for what is taken
    delete @other{qw(201 409)};
    croak 'holds: ' . encode_json($r) if %other || $r->{unanswered};

    return $report->round('latency', "paced c=$connections", {
        connections => $connections,
        per_second => $r->{requests} / $r->{us} * 1e6,
        late => $r->{waited}, broken => $r->{broken},
        map({ ("${_}_ms" => $r->{$_} / 1000) } qw(p50 p90 p99 p999 max)),
    });
}


# Lines for pace.c, of the walk that the others go.
sub requests ($rig, $count) {
    my $dir = "$rig->{root}/bench/wrk";

    open my $fh, '-|', 'lua5.1', "$dir/paced.lua", $dir, 'spread',
        $rig->run_no, $count, '/api/v1/holds' or croak "lua5.1: $!";
    chomp(my @lines = <$fh>);
    close $fh or croak 'paced.lua failed';
    return @lines;
}


sub row ($title, @rounds) {
    my $column = sub ($key) {
        my @values = map { $_->{$key} // () } @rounds;
        return @values ? Bench::Report::span(@values) : '-';
    };

    return [$title, map { $column->($_) } qw(per_second late p50_ms p90_ms
        p99_ms p999_ms max_ms)];
}


1;
