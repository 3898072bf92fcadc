package Bench::Part::Seatmap;

# What everybody asks for, against answers of the same bytes that cost nginx
# nothing to make, and against what a team would write instead; at rest, and
# while that very show is changed some thousand times a second.

use v5.36;

use Bench::Part::Holds ();
use Bench::Reference   ();
use Bench::Report      ();
use Carp               qw(croak);
use Mojo::UserAgent    ();

use constant SHOW => '00000000-0000-4000-8000-000000000001';

# Connections that change the show, and their pause: 5,000 holds/s and more.
use constant { CHURN => 22, PAUSE => 2 };

my @contenders = (
    { name => 'seatmap',      title => 'Boxoffice, seat map' },
    { name => 'return',       title => 'nginx, return 200 of the same bytes',
      than => 'seatmap', goal => 0.95 },
    { name => 'openresty',    title => 'OpenResty, shared dict',
      than => 'seatmap', goal => 1 },
    { name => 'node',         title => 'Node.js, Express, from memory',
      than => 'seatmap', goal => 10 },
    { name => 'availability', title => 'Boxoffice, availability' },
    { name => 'compact',      title => 'nginx, return 200 of the same bytes',
      than => 'availability', goal => 0.95 },
    { name => 'node_compact', title => 'Node.js, Express, from memory',
      than => 'availability', goal => 10 },
    { name => 'unchanged',    title => 'Boxoffice, 304 of a seat map' },
    { name => 'small',        title => 'nginx, return 200 of that header',
      than => 'unchanged', goal => 0.95 },
);

# When every hold makes another version, no tag stays good for a 304.
my @changing = grep { $_->{name} !~ /^(?:unchanged|small)$/ } @contenders;


sub run ($class, $rig, $report, %o) {
    my %sample = fetch($rig);

    # the references need the bytes in nginx.conf, so nginx starts once more
    restart_with($rig, %sample);

    my %now = fetch($rig);
    my %url = urls($rig, %now);

    stores_are_quiet($rig, $report, %url);

    for my $connections ($o{connections}->@*) {
        series($rig, $report, 'at rest', \@contenders, \%url, $connections,
            $o{rounds}, length $now{seatmap}->body, $o{seconds});
    }

    for my $connections ($o{connections}->@*) {
        series($rig, $report, 'while it changes', \@changing, \%url,
            $connections, $o{rounds}, length $now{seatmap}->body, $o{seconds},
            1);
    }

    return;
}


# The path of a reference.
sub ref_path ($name, $like = 'seatmap') {
    return Bench::Reference::path("/api/v1/shows/${\ SHOW }/$like", $name);
}


# An answer, as wrk asks: what is compressed has another tag.
sub get ($rig, $what, %headers) {
    my $tx = Mojo::UserAgent->new->get(Bench::Part::Holds::url($rig, 'ours',
        "/api/v1/shows/${\ SHOW }/$what"),
        { 'Accept-Encoding' => 'identity', %headers });

    croak "no $what: " . $tx->res->body
        if ($tx->res->code // 0) != (%headers ? 304 : 200);
    return $tx->res;
}


sub fetch ($rig) {
    my $map = get($rig, 'seatmap');

    return (seatmap => $map, availability => get($rig, 'availability'),
        unchanged => get($rig, 'seatmap',
            'If-None-Match' => $map->headers->etag));
}


sub restart_with ($rig, %sample) {
    my ($http, $server) = Bench::Reference::conf(
        [ref_path('return'), $sample{seatmap}],
        [ref_path('compact', 'availability'), $sample{availability}],
        [ref_path('small'), $sample{unchanged}, text => 'ok']);

    Bench::Rig::_write($rig->dir . "/$_.json", $sample{$_}->body)
        for qw(seatmap availability);
    $rig->stop_peers;    # they read these files when they start
    $rig->stop_ours;
    $rig->extend_ours(http => $http, server => $server);
    return;
}


sub urls ($rig, %now) {
    my $url = sub ($server, $path, %o) {
        return { url => Bench::Part::Holds::url($rig, $server, $path), %o };
    };
    my $seatmap = "/api/v1/shows/${\ SHOW }/seatmap";

    return (
        seatmap      => $url->('ours', $seatmap, long => 1),
        unchanged    => $url->('ours', $seatmap,
            etag => $now{seatmap}->headers->etag),
        availability => $url->('ours',
            "/api/v1/shows/${\ SHOW }/availability"),
        return       => $url->('ours', ref_path('return'), long => 1),
        compact      => $url->('ours', ref_path('compact', 'availability')),
        small        => $url->('ours', ref_path('small'),
            etag => $now{seatmap}->headers->etag),
        openresty    => $url->('openresty', '/seatmap', long => 1),
        node         => $url->('node', '/maps/seatmap', long => 1),
        node_compact => $url->('node', '/maps/availability'),
    );
}


# A map from memory asks neither Redis nor PostgreSQL: by their own counters,
# what they do in the time of a round is what they do without one.
sub stores_are_quiet ($rig, $report, %url) {
    my $redis = $rig->redis_client('ours');
    my $count = sub {
        my ($commands) = $redis->info('stats')->{total_commands_processed};
        return ($commands, $rig->scalar("select xact_commit from
            pg_stat_database where datname = current_database()"));
    };
    my @rows;

    for my $name (undef, qw(seatmap availability)) {
        my @before = $count->();
        my $r = $name ? ask($rig, $url{$name}, 64, 2) : do { sleep 2; undef };
        my @after = $count->();

        push @rows, [$name // 'nothing', $r ? $r->{requests} : 0,
            map { $after[$_] - $before[$_] } 0, 1];
    }

    $report->heading('Calls for an answer from memory',
        'Two seconds each; what is left are jobs that run in any case, and '
        . 'the reading of these counters.');
    $report->table(['asked for', 'answers', 'Redis commands',
        'PostgreSQL transactions'], @rows);
    return;
}


sub series ($rig, $report, $when, $who, $url, $connections, $rounds, $length,
    $seconds, $churns = 0)
{
    my (%rounds, @holds);

    for my $n (1 .. $rounds) {

        # to and fro: none is always the one after the heaviest
        for my $each ($n % 2 ? @$who : reverse @$who) {
            my $churn = $churns && churn_start($rig, $seconds + 1);

            push $rounds{ $each->{name} }->@*, measure($rig, $report,
                "$each->{name} $when", $each->{name}, $url->{ $each->{name} },
                $connections, $seconds);

            push @holds, churn_end($churn) if $churn;
        }
    }

    my $text = "Seat map of 300 seats ($length bytes), $when, $connections "
        . 'connections';
    show_table($report, $text, "$when, c=$connections", $who, \%rounds,
        @holds ? sprintf('%.0f holds a second on that show meanwhile (%.0f to '
            . '%.0f).', Bench::Report::median(@holds),
            (sort { $a <=> $b } @holds)[0, -1]) : ());
    return;
}


sub churn_start ($rig, $seconds) {
    return $rig->wrk_start(url => Bench::Part::Holds::url($rig, 'ours',
        '/api/v1/holds'), script => 'churn', args => [SHOW, PAUSE],
        connections => CHURN, threads => 2, seconds => $seconds);
}


# Holds a second.
sub churn_end ($churn) {
    my $r = Bench::Rig->wrk_end($churn);

    croak "churn: $r->{refused} refused" if $r->{refused} > $r->{requests} / 20;
    return $r->{requests} / $r->{us} * 1e6;
}


sub measure ($rig, $report, $label, $name, $what, $connections, $seconds) {
    my $server = $name eq 'openresty' ? $rig->openresty->{process}
        : $name =~ /^node/ ? $rig->node->{process} : $rig->ours->process;
    my $before = $rig->cpu($server, 'ours');

    my $r = ask($rig, $what, $connections, $seconds);

    my $after = $rig->cpu($server, 'ours');
    my $bytes = $r->{bytes} / ($r->{requests} || 1);

    croak "$what->{url}: $r->{refused} refused, $r->{broken} broken"
        if $r->{refused} || $r->{broken};

    return $report->round('seatmap', "$label c=$connections", {
        connections => $connections, requests => $r->{requests},
        per_second => $r->{requests} / $r->{us} * 1e6, bytes => $bytes,
        broken => $r->{broken}, p50_ms => $r->{p50} / 1000,
        p99_ms => $r->{p99} / 1000, max_ms => $r->{max} / 1000,
        map { ("${_}_us" => ($after->{$_} - $before->{$_})
            / ($r->{requests} || 1) * 1e6) } qw(server load),
    });
}


sub ask ($rig, $what, $connections, $seconds) {
    return $what->{long} ? ask_long($rig, $what, $connections, $seconds)
        : $rig->wrk(url => $what->{url}, script => 'get',
            seconds => $seconds, connections => $connections,
            args => [$what->{etag} // ()]);
}


# wrk copies answers piece by piece, and with long ones takes more of the
# machine than any server here but Node.js.
sub ask_long ($rig, $what, $connections, $seconds) {
    my ($port, $path) = $what->{url} =~ m{:(\d+)(/.*)};
    my $r = $rig->pace->run(port => $port, rate => 0, seconds => $seconds,
        connections => $connections, requests => ["GET $path"]);

    $r->{refused} = $r->{requests} - ($r->{statuses}{200} // 0);
    return $r;
}


sub show_table ($report, $heading, $when, $contenders, $rounds, @more) {
    my @rows;
    my %title = map { $_->{name} => $_->{title} } @$contenders;

    for my $who (@$contenders) {
        my $r     = $rounds->{ $who->{name} };
        my @rates = map { $_->{per_second} } @$r;
        my ($value, $text) = $who->{than} ? Bench::Report::ratio(
            [map { $_->{per_second} } $rounds->{ $who->{than} }->@*], \@rates)
            : (0, '');

        $report->goal("$title{ $who->{than} } / $who->{title}, $when",
            $value, $text, $who->{goal}) if $who->{goal};

        push @rows, [$who->{title}, Bench::Report::span(@rates), $text,
            map { my $key = $_; Bench::Report::number(Bench::Report::median(
                map { $_->{$key} } @$r)) } qw(p50_ms p99_ms server_us load_us
                bytes)];
    }

    $report->heading($heading, @more);
    $report->table(['', 'answers/s', 'Boxoffice is', 'p50 ms', 'p99 ms',
        'server us', 'load us', 'bytes'], @rows);
    return;
}


1;
