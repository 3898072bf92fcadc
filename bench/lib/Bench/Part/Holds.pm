package Bench::Part::Holds;

# Holds per second over HTTP, and what one costs.

use v5.36;

use Bench::Report   ();
use Mojo::JSON      ();
use Mojo::UserAgent ();

my %title = (spread => 'spread over 1,000 shows of 600 seats',
    one => 'all on one show (a stadium of 50,000 seats; the next one when it '
        . 'is sold out)');

# name, title, who serves, path, keys in Redis for each hold, with what walks
my @contenders = (
    { name => 'boxoffice', title => 'Boxoffice', server => 'ours',
      path => '/api/v1/holds', redis => 'ours', keys => 2 },
    { name => 'same', title => 'OpenResty, the same script',
      server => 'openresty', path => '/same/holds', redis => 'peer',
      keys => 2 },
    { name => 'straight', title => 'OpenResty, straightforward script',
      server => 'openresty', path => '/straight/holds', redis => 'peer',
      keys => 4 },
    { name => 'node', title => 'Node.js, straightforward script',
      server => 'node', path => '/script/holds', redis => 'peer', keys => 4,
      walks => { spread => 1 } },
    { name => 'node-lock', title => 'Node.js, lock and transaction',
      server => 'node', path => '/lock/holds', redis => 'peer', keys => 0,
      walks => { spread => 1 }, rounds => 1 },
);


sub run ($class, $rig, $report, %o) {
    prepare_node($rig);
    first_warmth($rig);

    for my $walk (qw(spread one)) {
        for my $connections ($o{connections}->@*) {
            my %rounds;

            for my $n (1 .. $o{rounds}) {
                for my $who (@contenders) {
                    next if $who->{walks} && !$who->{walks}{$walk};
                    next if $n > ($who->{rounds} // $n);
                    push $rounds{ $who->{name} }->@*,
                        measure($rig, $report, $who, $walk, $connections,
                            $o{seconds});
                }
            }

            show($report, $walk, $connections, \%rounds);
        }
    }

    return;
}


# Seats as rows, for the peer that keeps them so; as many shows as it can touch
# in a round.
sub prepare_node ($rig) {
    $rig->dbh->do(<<~'END');
        create table if not exists node_seats (
            show_id uuid, label text collate "C", status text not null
            default 'AVAILABLE', hold_id uuid, hold_expires_at timestamptz,
            primary key (show_id, label)) with (fillfactor = 80);
        create table if not exists node_bookings (
            booking_id uuid primary key, show_id uuid not null, user_id text
            not null, seats text[] not null, status text not null, expires_at
            timestamptz not null);
        insert into node_seats (show_id, label)
        select s.show_id, l.label
        from shows s join layout_seats l using (layout_id)
        join layouts using (layout_id)
        where name = 'bench' and l.seat_no < 80
        on conflict do nothing;
        END
    return;
}


# Every worker reads the catalogue once; that is not what is measured.
sub first_warmth ($rig) {
    for my $walk (qw(warm-spread warm-one)) {
        $rig->wrk(url => url($rig, 'ours', '/api/v1/holds'),
            script => 'holds', connections => 32, seconds => 4,
            args => [$walk, $rig->run_no, 2]);
    }
    return;
}


sub url ($rig, $server, $path) {
    my $it   = $rig->$server;
    my $port = ref $it eq 'HASH' ? $it->{port} : $it->port;
    return "http://127.0.0.1:$port$path";
}


# Redis empty, shows loaded, connections of the server to its stores open.
sub warm ($rig, $who, $walk) {
    my $reset = "reset_$who->{redis}";

    $who->{server} eq 'ours' ? $rig->thaw_ours : $rig->freeze_ours;
    $rig->$reset;

    if ($who->{name} eq 'node-lock') {
        $rig->dbh->do("update node_seats set status = 'AVAILABLE' "
            . "where status <> 'AVAILABLE'");
        $rig->dbh->do('truncate node_bookings');
    }

    # Warm is it when every show has been asked for and no answer is strange:
    # loading 1,000 shows into an empty Redis takes the module some seconds.
    my $redis = $rig->redis_client($who->{redis});
    my $last;

    for my $second (1 .. 20) {
        my $keys = $redis->dbsize;
        my $r    = $rig->wrk(url => url($rig, $who->{server}, $who->{path}),
            script => 'holds', connections => 64, seconds => 1,
            args => ["warm-$walk", $rig->run_no, 2, 'count']);
        my %other = $r->{statuses}->%*;

        $last = $r->{statuses};

        my $good  = (delete $other{201} // 0) + (delete $other{409} // 0);

        # locks that are given back make the number of keys go up and down
        return $second if $good && !%other
            && (!$who->{keys} || $keys == $redis->dbsize);
    }

    # it is measured as it is: "other" tells about it
    say STDERR "  $who->{title} does not get warm: "
        . Mojo::JSON::encode_json($last);
    return 20;
}


sub measure ($rig, $report, $who, $walk, $connections, $seconds) {
    my $warmth = warm($rig, $who, $walk);
    my $redis  = $rig->redis_client($who->{redis});
    my $server = $rig->${\ $who->{server} };
    my $process = ref $server eq 'HASH' ? $server->{process}
        : $server->process;
    my $keys   = $redis->dbsize;
    my $rows   = booked($rig, $who);
    my %told   = history($rig, $who);
    my $before = $rig->cpu($process, $who->{redis});

    my $r = $rig->wrk(url => url($rig, $who->{server}, $who->{path}),
        script => 'holds', connections => $connections, seconds => $seconds,
        args => [$walk, $rig->run_no, 2]);

    my $after = $rig->cpu($process, $who->{redis});
    my %tells = history($rig, $who);

    # What Redis or PostgreSQL has counts, not what was answered.
    my $holds = $who->{keys} ? ($redis->dbsize - $keys) / $who->{keys}
        : booked($rig, $who) - $rows;

    return $report->round('holds', "$who->{name} $walk c=$connections", {
        walk => $walk, connections => $connections,
        per_second => $holds / $r->{us} * 1e6, holds => $holds,
        requests => $r->{requests}, conflicts => $r->{refused},
        other => other($r, $holds, $connections),
        broken => $r->{broken}, p50_ms => $r->{p50} / 1000,
        p90_ms => $r->{p90} / 1000, p999_ms => $r->{p999} / 1000,
        p99_ms => $r->{p99} / 1000, max_ms => $r->{max} / 1000,
        warm_seconds => $warmth,
        map({ ("history_$_" => $tells{$_} - $told{$_}) } keys %told),
        map { ("${_}_us" => $holds ? ($after->{$_} - $before->{$_})
            / $holds * 1e6 : 0) } keys %$before,
    });
}


# What the module has recorded of holds, and what it did not for lack of time.
sub history ($rig, $who) {
    return if $who->{server} ne 'ours';

    my $text = Mojo::UserAgent->new->get(url($rig, 'ours', '/metrics'))
        ->res->body;

    return map {
        ($_ => $text =~ /^boxoffice_history_${_}_total (\d+)/m ? $1 : 0)
    } qw(written dropped);
}


# Answers that were neither a hold nor a refusal; what was under way at the end
# may have made holds without an answer.
sub other ($r, $holds, $connections) {
    my $other = $r->{requests} - $r->{refused} - $holds;
    return $other > 0 ? $other : $other < -$connections ? $other : 0;
}


sub booked ($rig, $who) {
    return 0 if $who->{keys};
    return $rig->scalar('select count(*) from node_bookings');
}


# Processor time of a hold, wherever it was spent: what a rate comes to when the
# machine has nothing else to do.
sub all_us ($round) {
    return $round->{server_us} + $round->{redis_us} + $round->{postgres_us}
        + $round->{load_us};
}


sub show ($report, $walk, $connections, $rounds) {
    my $ours = [map { $_->{per_second} } $rounds->{boxoffice}->@*];
    my @rows;

    for my $who (@contenders) {
        my $r = $rounds->{ $who->{name} } or next;
        my @rates = map { $_->{per_second} } @$r;
        my ($value, $text) = Bench::Report::ratio($ours, \@rates);
        my $column = sub ($key) {
            return Bench::Report::number(
                Bench::Report::median(map { $_->{$key} } @$r));
        };

        goal($report, $who, $walk, $connections, $value, $text);

        push @rows, [$who->{title}, Bench::Report::span(@rates),
            $who->{name} eq 'boxoffice' ? '' : $text,
            map({ $column->($_) } qw(p50_ms p99_ms server_us redis_us
                postgres_us load_us)),
            Bench::Report::number(Bench::Report::median(map { all_us($_) }
                @$r)),
            $who->{name} eq 'boxoffice' ? '' : (Bench::Report::ratio(
                [map { all_us($_) } @$r],
                [map { all_us($_) } $rounds->{boxoffice}->@*]))[1],
            sprintf('%.1f %%', Bench::Report::median(
                map { 100 * $_->{conflicts} / ($_->{requests} || 1) } @$r)),
            $column->('other')];
    }

    $report->heading("Holds, $title{$walk}, $connections connections",
        'Two seats each.  Microseconds of processor time are for each hold; '
        . '"other" is answers that are neither a hold nor a refusal.');
    $report->table(['', 'holds/s', 'Boxoffice is', 'p50 ms', 'p99 ms',
        'server us', 'Redis us', 'PostgreSQL us', 'wrk us', 'all us',
        'times as much', 'conflicts', 'other'], @rows);

    my ($written, $dropped) = map { my $key = "history_$_";
        Bench::Report::number(Bench::Report::median(
            map { $_->{$key} } $rounds->{boxoffice}->@*))
    } qw(written dropped);
    $report->say('', "In a round Boxoffice recorded $written holds for the "
        . "history and let $dropped go.");

    my $cpu = Bench::Report::median(
        map { $_->{redis_us} } $rounds->{boxoffice}->@*);
    $report->goal("Redis CPU for a hold, $walk, c=$connections", $cpu,
        sprintf('%.1f us', $cpu), '<13') if $connections == 256;
    return;
}


sub goal ($report, $who, $walk, $connections, $value, $text) {
    my %wanted = (same => 1.75, straight => 2.2, node => 8);
    my $bound  = $wanted{ $who->{name} } or return;

    $report->goal("holds / $who->{title}, $walk, c=$connections", $value,
        $text, $bound);
    return;
}


1;
