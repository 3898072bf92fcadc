package Bench::Part::Rooms;

# Joining a waiting room and asking how one stands, against answers of the same
# bytes that cost nginx nothing to make.

use v5.36;

use Bench::Part::Holds       ();
use Bench::Part::Seatmap     ();
use Bench::Reference         ();
use Bench::Report            ();
use Boxoffice::Test::Process ();
use Carp                     qw(croak);
use Mojo::UserAgent          ();
use Time::HiRes              qw(sleep);

use constant ROOM => '/api/v1/waiting-rooms/bench';

my %admin = ('x-user-id' => 'root', 'x-user-role' => 'ADMIN',
    'Content-Type' => 'application/json');

my @contenders = (
    { name => 'join',     title => 'Boxoffice, join' },
    { name => 'ref_join', title => 'nginx, return 200 of the same bytes',
      than => 'join', goal => 0.9 },
    { name => 'poll',     title => 'Boxoffice, poll' },
    { name => 'ref_poll', title => 'nginx, return 200 of the same bytes',
      than => 'poll', goal => 0.9 },
);


sub run ($class, $rig, $report, %o) {
    my $ua = Mojo::UserAgent->new;

    restart_with($rig);
    empty($rig, $ua);

    # behind a crowd, for numbers as long as those of the rounds
    wrk($rig, ROOM . '/join', 'join', 64, $o{seconds}, '-');

    my $join = $ua->post(url($rig, ROOM . '/join'), { 'x-user-id' => 'x' })
        ->res;

    sleep 4;

    my $poll = $ua->get(url($rig, ROOM . '/place'), { 'x-user-id' => 'x',
        'x-boxoffice-ticket' => $join->json->{ticket} })->res;

    croak 'no place: ' . $poll->body if $poll->code != 200;
    restart_with($rig, join => $join, poll => $poll);

    for my $connections ($o{connections}->@*) {
        series($rig, $report, $ua, $connections, %o);
    }

    quiet($rig, $report, $ua);
    return;
}


sub url ($rig, $path) { return Bench::Part::Holds::url($rig, 'ours', $path) }


sub restart_with ($rig, %sample) {
    my ($http, $server) = Bench::Reference::conf(
        map { [ref_path($_), $sample{$_}] } keys %sample);

    $rig->stop_ours;
    $rig->extend_ours(
        http => 'boxoffice_waiting_room_zone bench:256m rate=1/s;' . $http,
        server => 'location /tickets { boxoffice_waiting_rooms; '
            . 'add_header X-Boxoffice-User $boxoffice_user; }' . $server);
    $rig->ours;
    return;
}


sub path ($which) { return ROOM . ($which eq 'join' ? '/join' : '/place') }

sub ref_path ($which) {
    return Bench::Reference::path(path($which), $which);
}


# Another sale, in which nobody is let in.
sub empty ($rig, $ua) {
    my $room = sub { $ua->get(url($rig, ROOM))->res->json // {} };

    Boxoffice::Test::Process::wait_until(sub { $room->()->{ready} }, 10)
        or croak 'the room is not ready';
    $ua->put(url($rig, ROOM), { %admin }, json => { phase => 'PAUSED',
        newSale => \1 });
    Boxoffice::Test::Process::wait_until(sub {
        my $now = $room->();
        return $now->{ready} && $now->{phase} eq 'PAUSED'
            && $now->{waiting} == 0;
    }, 10) or croak 'the room is not empty';
    return;
}


sub series ($rig, $report, $ua, $connections, %o) {
    my %rounds;

    for my $n (1 .. $o{rounds}) {
        empty($rig, $ua);

        for my $which (qw(join poll)) {
            my $file = $rig->dir . '/tickets';

            if ($which eq 'poll') {
                empty($rig, $ua);
                wrk($rig, '/tickets/bench/join', 'tickets', $connections,
                    2 * $o{seconds}, $file);
                sleep 4;
            }

            for my $name ($which, "ref_$which") {
                my $path = $name =~ /^ref_/ ? ref_path($which) : path($which);

                push $rounds{$name}->@*, measure($rig, $report, $name,
                    $connections, $path, $which eq 'join' ? 'join' : 'place',
                    $o{seconds}, $file);
            }
        }
    }

    Bench::Part::Seatmap::show_table($report,
        "A waiting room, $connections connections", "c=$connections",
        \@contenders, \%rounds,
        'Everybody who joins is somebody else, and every ticket asks once.');
    return;
}


sub wrk ($rig, $path, $mode, $connections, $seconds, $file) {
    return $rig->wrk(url => url($rig, $path), script => 'room',
        connections => $connections, seconds => $seconds,
        args => [$mode, $rig->run_no, 2, $file]);
}


sub measure ($rig, $report, $name, $connections, $path, $mode, $seconds,
    $file)
{
    my $before = $rig->cpu($rig->ours->process, 'ours');
    my $r      = wrk($rig, $path, $mode, $connections, $seconds, $file);
    my $after  = $rig->cpu($rig->ours->process, 'ours');

    # a node has no more numbers in hand than it needed the tick before
    croak "$path: $r->{refused} refused" if $r->{refused} > $r->{requests} / 50;

    return $report->round('rooms', "$name c=$connections", {
        connections => $connections, requests => $r->{requests},
        refused => $r->{refused}, broken => $r->{broken},
        per_second => $r->{requests} / $r->{us} * 1e6,
        bytes => $r->{bytes} / ($r->{requests} || 1),
        p50_ms => $r->{p50} / 1000, p99_ms => $r->{p99} / 1000,
        max_ms => $r->{max} / 1000,
        map { ("${_}_us" => ($after->{$_} - $before->{$_})
            / ($r->{requests} || 1) * 1e6) } qw(server load),
    });
}


# By Redis's own counter: what a crowd makes it do in a second.
sub quiet ($rig, $report, $ua) {
    my $redis = $rig->redis_client('ours');
    my $count = sub { $redis->info('stats')->{total_commands_processed} };
    my @rows;

    empty($rig, $ua);

    for my $crowd (0, 1) {
        my $before = $count->();
        my $r = $crowd ? wrk($rig, ROOM . '/join', 'join', 64, 2, '-')
            : do { sleep 2; { requests => 0 } };

        push @rows, [$crowd ? 'joining' : 'nobody', $r->{requests},
            $count->() - $before];
    }

    $report->heading('What a waiting room asks of Redis',
        'Two seconds each.');
    $report->table(['', 'answers', 'Redis commands'], @rows);
    return;
}


1;
