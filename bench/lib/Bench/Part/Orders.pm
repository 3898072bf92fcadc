package Bench::Part::Orders;

# Orders committed per second, created and confirmed, each durable: over HTTP
# against pgbench, which calls the same functions for one order at a time.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();
use Carp               qw(croak);
use List::Util         qw(sum);

# holds made ready for a round; who uses them up early is measured until then
use constant HOLDS_A_SECOND => 20_000;

# how long pgbench runs before it is measured
use constant WARM_SECONDS => 2;

my %title = (spread => 'spread over 1,000 shows',
    one => 'all on one show (a stadium; the next one when it is sold out)');


sub run ($class, $rig, $report, %o) {
    Bench::Part::Holds::first_warmth($rig);

    for my $walk (qw(spread one)) {
        my %rounds;

        # pgbench has one number of connections that suits it: 16
        for my $n (1 .. $o{rounds}) {
            for my $connections ($o{connections}->@*) {
                push $rounds{"http $connections"}->@*,
                    ours($rig, $report, $walk, $connections, $o{seconds});
                push $rounds{"pgbench $connections"}->@*,
                    pgbench($rig, $report, $walk, $o{seconds});
            }
        }

        show_table($report, $walk, \%rounds, $o{connections});
    }

    return;
}


sub committed ($rig) {
    return $rig->scalar(
        q{select count(*) from orders where status = 'CONFIRMED'});
}


sub ours ($rig, $report, $walk, $connections, $seconds) {
    my $run   = $rig->run_no;
    my $holds = HOLDS_A_SECOND * $seconds;
    my $first = $rig->first_no;

    $rig->reset_orders;
    Bench::Part::Holds::warm($rig,
        { name => 'boxoffice', title => 'Boxoffice', server => 'ours',
          path => '/api/v1/holds', redis => 'ours' }, $walk);
    prepare($rig, $walk, $run, $holds, $first);

    my $process = $rig->ours->process;
    my $before  = $rig->cpu($process, 'ours');
    my $rows    = committed($rig);

    my $r = $rig->wrk(
        url => Bench::Part::Holds::url($rig, 'ours', '/api/v1/orders'),
        script => 'orders', connections => $connections, seconds => $seconds,
        args => [$walk, $run, 2, $holds, $first]);

    my $orders = committed($rig) - $rows;
    my $after  = $rig->cpu($process, 'ours');

    return note($report, "http $walk c=$connections", $walk, $orders,
        $before, $after, per_second => $orders / $r->{us} * 1e6,
        connections => $connections, requests => $r->{requests},
        refused => $r->{refused}, broken => $r->{broken},
        p50_ms => $r->{p50} / 1000, p99_ms => $r->{p99} / 1000,
        max_ms => $r->{max} / 1000, statuses => $r->{statuses});
}


# Holds straight into Redis, by the module's own script.
sub prepare ($rig, $walk, $run, $holds, $first) {
    my $redis = $rig->redis_client('ours');
    my $sha   = $redis->script_load(
        Bench::Rig::_read("$rig->{root}/lua/hold.lua"));
    my $file  = $rig->dir . '/epochs';
    my $text  = '';

    for my $number ($walk eq 'one' ? map { 5000 + $_ } 1 .. 16 : 1 .. 1000) {
        my $id = Bench::Rig::show_id($number);
        my $version = $redis->get("version:{$id}") // 0;
        $text .= sprintf "%s %d\n", $id, int($version / 1e9) * 1e9;
    }

    Bench::Rig::_write($file, $text);

    my $dir = "$rig->{root}/bench/wrk";
    my $out = `lua5.1 $dir/prepare.lua $dir $walk $run $holds $first $sha \\
        $file | redis-cli --pipe -p ${\ $rig->redis('ours')->port} 2>&1`;

    croak "holds could not be prepared: $out" 
        if $out !~ /errors: 0, replies: $holds\b/;
    return;
}


sub pgbench ($rig, $report, $walk, $seconds) {
    my $pg     = $rig->postgres;
    my $before = do {
        $rig->freeze_ours;
        $rig->reset_orders;
        $rig->cpu($rig->ours->process, 'ours');
    };
    my $rows = committed($rig);
    my ($low, $high) = $rig->dbh->selectrow_array(
        "select min(revision), max(revision) from shows "
        . "where show_id >= '00000000-0000-4000-9000-000000000000'");

    croak 'shows have different revisions' if $low != $high;

    my %value = (n => 0, walk => $walk eq 'one' ? 1 : 0,
        first_no => $rig->first_no, revision => $low);
    my @command = ("$ENV{PG_BIN}/pgbench", '-n', '-M', 'prepared', '-c', 16,
        '-j', 2, '-T', $seconds + WARM_SECONDS, '-P', 1, map({ ('-D', "$_=$value{$_}") } keys %value),
        '-f', "$rig->{root}/bench/peers/pgbench/orders.sql",
        $rig->{database});

    local @ENV{qw(PGHOST PGPORT PGUSER PGPASSWORD)}
        = ($pg->{host}, $pg->{port}, 'boxoffice', $pg->{password});

    my $out = `@command 2>&1`;

    croak "pgbench failed: $out" if $?;

    # by the second; the first ones are for plans, as with the module
    my @tps       = $out =~ /^progress: .*? ([\d.]+) tps/mg;
    my ($latency) = $out =~ /^latency average = ([\d.]+)/m;
    my $orders    = committed($rig) - $rows;
    my $after     = $rig->cpu($rig->ours->process, 'ours');

    croak "pgbench tells no progress: $out" if @tps <= WARM_SECONDS;
    splice @tps, 0, WARM_SECONDS;

    return note($report, "pgbench $walk", $walk, $orders, $before, $after,
        per_second => sum(@tps) / @tps, p50_ms => $latency);
}


sub note ($report, $name, $walk, $orders, $before, $after, %more) {
    return $report->round('orders', $name, {
        walk => $walk, orders => $orders, %more,
        map { ("${_}_us" => $orders ? ($after->{$_} - $before->{$_})
            / $orders * 1e6 : 0) } keys %$before,
    });
}


sub show_table ($report, $walk, $rounds, $connections) {
    my @rows;

    for my $c (@$connections) {
        my ($http, $bench) = $rounds->@{"http $c", "pgbench $c"};
        my @rates = map { [map { $_->{per_second} } @$_] } $http, $bench;
        my ($value, $text) = Bench::Report::ratio(@rates);

        $report->goal("orders / pgbench, $walk, c=$c", $value, $text, 3);
        push @rows, row("Boxoffice, $c connections", $http, $text),
            row('pgbench beside it, 16 clients', $bench, '');
    }

    $report->heading("Orders created and confirmed, $title{$walk}",
        'CONFIRMED rows per second, two commits for each.  Processor time is '
        . 'for each of them; p50 and p99 are of one HTTP request, of which an '
        . 'order takes two (for pgbench the mean of a whole order).');
    $report->table(['', 'orders/s', 'ratio', 'p50 ms', 'p99 ms', 'max ms',
        'nginx us', 'Redis us', 'PostgreSQL us', 'load us', 'refused'], @rows);
    return;
}


sub row ($title, $rounds, $ratio) {
    my $column = sub ($key) {
        my @values = map { $_->{$key} // () } @$rounds;
        return @values ? Bench::Report::number(Bench::Report::median(@values))
            : '-';
    };

    return [$title,
        Bench::Report::span(map { $_->{per_second} } @$rounds), $ratio,
        map { $column->($_) } qw(p50_ms p99_ms max_ms server_us redis_us
            postgres_us load_us refused)];
}


1;
