package Bench::Part::Seatmap;

# The seat map against answers of the same bytes that cost nginx nothing to
# make.

use v5.36;

use Bench::Part::Holds ();
use Bench::Report      ();
use Carp               qw(croak);
use Mojo::UserAgent    ();

use constant SHOW => '00000000-0000-4000-8000-000000000001';

my @contenders = (
    { name => 'seatmap',   title => 'Boxoffice, seat map' },
    { name => 'return',    title => 'nginx, return 200 of the same bytes',
      than => 'seatmap', goal => 0.95 },
    { name => 'static',    title => 'nginx, static file, sendfile, '
        . 'open_file_cache', than => 'seatmap' },
    { name => 'openresty', title => 'OpenResty, ngx.print of a Lua string',
      than => 'seatmap', goal => 1 },
    { name => 'unchanged', title => 'Boxoffice, 304' },
    { name => 'small',     title => 'nginx, return 200 of 2 bytes',
      than => 'unchanged', goal => 0.95 },
);


sub run ($class, $rig, $report, %o) {
    my $sample = fetch($rig);

    # the references need the bytes in nginx.conf, so nginx starts once more
    restart_with($rig, $sample->{body});
    my $map = fetch($rig);
    my %url = urls($rig, $map);

    for my $connections ($o{connections}->@*) {
        my %rounds;

        for my $n (1 .. $o{rounds}) {
            for my $who (@contenders) {
                push $rounds{ $who->{name} }->@*, measure($rig, $report,
                    $who->{name}, $url{ $who->{name} }, $connections);
            }
        }

        show_table($report, $connections, \%rounds, length $map->{body});
    }

    return;
}


sub fetch ($rig) {
    my $tx = Mojo::UserAgent->new->get(Bench::Part::Holds::url($rig, 'ours',
        "/api/v1/shows/${\ SHOW }/seatmap"));

    croak 'no seat map: ' . $tx->res->body if ($tx->res->code // 0) != 200;
    return { body => $tx->res->body, etag => $tx->res->headers->etag };
}


# A word of nginx.conf has at most 4 KB: the text is put together from several
# variables whose values are constants.
sub restart_with ($rig, $body) {
    my @part = unpack '(a3000)*', $body;
    my $http = "variables_hash_max_size 2048;\n";
    my $text = '';

    croak 'a seat map with $ or \'' if $body =~ /['\$\\]/;

    for my $n (0 .. $#part) {
        $http .= "map \$host \$part$n { default '$part[$n]'; }\n";
        $text .= "\${part$n}";
    }

    Bench::Rig::_write($rig->dir . '/seatmap.json', $body);
    $rig->stop_ours;
    $rig->extend_ours(http => $http, server => <<~"END");
        location = /ref/return {
            default_type application/json;
            return 200 "$text";
        }
        location = /ref/small { return 200 "ok"; }
        location = /ref/static {
            alias ${\ $rig->dir }/seatmap.json;
            default_type application/json;
            sendfile on;
            open_file_cache max=16;
        }
        END
    return;
}


sub urls ($rig, $map) {
    my $ours = sub ($path) {
        return { url => Bench::Part::Holds::url($rig, 'ours', $path) };
    };
    my $seatmap = $ours->("/api/v1/shows/${\ SHOW }/seatmap");

    return (
        seatmap   => $seatmap,
        return    => $ours->('/ref/return'),
        static    => $ours->('/ref/static'),
        small     => $ours->('/ref/small'),
        unchanged => { %$seatmap, etag => $map->{etag} },
        openresty => { url => Bench::Part::Holds::url($rig, 'openresty',
            '/seatmap') },
    );
}


sub measure ($rig, $report, $name, $what, $connections) {
    my $server = $name eq 'openresty' ? $rig->openresty->{process}
        : $rig->ours->process;
    my $before = $rig->cpu($server, 'ours');

    my $r = $rig->wrk(url => $what->{url}, script => 'get', seconds => 2,
        connections => $connections, args => [$what->{etag} // ()]);

    my $after = $rig->cpu($server, 'ours');
    my $bytes = $r->{bytes} / ($r->{requests} || 1);

    croak "$what->{url}: $r->{refused} refused" if $r->{refused};

    return $report->round('seatmap', "$name c=$connections", {
        connections => $connections, requests => $r->{requests},
        per_second => $r->{requests} / $r->{us} * 1e6, bytes => $bytes,
        broken => $r->{broken}, p50_ms => $r->{p50} / 1000,
        p99_ms => $r->{p99} / 1000, max_ms => $r->{max} / 1000,
        map { ("${_}_us" => ($after->{$_} - $before->{$_})
            / ($r->{requests} || 1) * 1e6) } qw(server load),
    });
}


sub show_table ($report, $connections, $rounds, $length) {
    my @rows;

    for my $who (@contenders) {
        my $r     = $rounds->{ $who->{name} };
        my @rates = map { $_->{per_second} } @$r;
        my ($value, $text) = $who->{than} ? Bench::Report::ratio(
            [map { $_->{per_second} } $rounds->{ $who->{than} }->@*], \@rates)
            : (0, '');

        $report->goal(($who->{than} eq 'seatmap' ? 'seat map' : '304')
            . " / $who->{title}, c=$connections", $value, $text,
            $who->{goal}) if $who->{goal};

        push @rows, [$who->{title}, Bench::Report::span(@rates), $text,
            map { my $key = $_; Bench::Report::number(Bench::Report::median(
                map { $_->{$key} } @$r)) } qw(p50_ms p99_ms server_us load_us
                bytes)];
    }

    $report->heading("Seat map of 300 seats ($length bytes), "
        . "$connections connections");
    $report->table(['', 'answers/s', 'Boxoffice is', 'p50 ms', 'p99 ms',
        'nginx us', 'wrk us', 'bytes'], @rows);
    return;
}


1;
