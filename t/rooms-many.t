# Very many wait with an open connection each: what one costs a worker, how soon
# a change is with all of them, and that a reload costs nobody their place.
# Runs alone: it measures times.
#
#     BOXOFFICE_WAITERS=100002 ./dev test t/rooms-many.t     by itself

use v5.36;

use lib 't/lib';
use Boxoffice::Room;
use Boxoffice::Test;
use Boxoffice::Test::Booking qw(metrics);
use File::Temp  ();
use IPC::Open2  qw(open2);
use Test2::V0;
use Time::HiRes qw(sleep time);

# A process may open 20,000 files here: six workers and six clients for these.
use constant { CLIENTS => 3_000, PROCESSES => 6, LIMIT_KB => 3 };

my $asan    = ($ENV{BOXOFFICE_MODULE} // '') =~ m{/asan/};
my $clients = $asan ? 3000 : $ENV{BOXOFFICE_WAITERS} // CLIENTS;
my $each    = $clients / PROCESSES;
my $dir = File::Temp->newdir;
system('cc', '-O2', '-o', "$dir/waiters", 't/lib/waiters.c') == 0
    or die "waiters.c cannot be built\n";

# More addresses, for there are 28,000 ports to come from.  With a socket of
# its own, each worker gets its share.
my $port = Boxoffice::Test::Process::free_port();
my $t = Boxoffice::Test->new(
    port    => $port,
    workers => PROCESSES,
    worker_connections => 19_000,
    files   => 20_000,
    conf    => {
        streams => 18_500,
        stream_drain => '5s',
        stream_heartbeat => '20s',
        waiting_room_zone => 'premiere:32m rate=100/s abandon=10s',
    },
    server_extra => join('', map { "listen 127.0.0.$_:$port reuseport "
        . 'backlog=4096; ' } 2 .. 1 + PROCESSES) . 'access_log off;',
    log_level => 'warn',
);

my $room = Boxoffice::Room->new($t);

my @first = map { "first$_" } 1 .. 4;
my (@waiters, %ticket);

sub joined ($person) {
    return $room->join($person)
        ->json->{ticket};
}

sub said ($w) { return readline($w->{out}) // '' }

sub ask_all ($what) {
    print { $_->{in} } "$what\n" for @waiters;
    $_->{in}->flush for @waiters;
    return map { said($_) } @waiters;
}


$t->wait_until(sub { $room->now->{ready} }, 10, 'ready');
$room->set(phase => 'PAUSED');
$t->wait_until(sub { $room->now->{phase} eq 'PAUSED' }, 3, 'nobody is let in');

joined($_) for @first;
$room->now for 1 .. 40;
my $before = $t->worker_rss;
my $start  = time;

for my $n (1 .. PROCESSES) {
    my $pid = open2(my $out, my $in, "$dir/waiters", '127.0.0.' . ($n + 1),
        $port, 'premiere', "w$n.", $each);
    push @waiters, { pid => $pid, out => $out, in => $in };
}

is said($_), "open $each\n", 'all listen' for @waiters;
diag sprintf '%d in %.1f s', $clients, time - $start;
is metrics($t)->{streams}, $clients, 'as many as there should be';
$t->wait_until(sub { $room->now->{waiting} == $clients + @first }, 2, 'all have a place');

my $kb = ($t->worker_rss - $before) / $clients;
diag sprintf '%.2f KiB of worker memory each', $kb;
cmp_ok $kb, '<=', LIMIT_KB, 'a connection is cheap' if !$asan;


# One at a time is inside: whoever leaves lets the next one in.
subtest 'a change' => sub {
    my @took;

    $ticket{$_} = joined($_) for @first;
    $room->set(capacity => 1, phase => 'OPEN');
    $t->wait_until(sub { $room->now->{inside} == 1 }, 5, 'somebody comes in');
    sleep 3;

    my @here = @first;

    while (@here > 1) {
        my $person = shift @here;
        my $cursor = $room->now->{cursor};
        my $now;

        joined($_) for @here;
        $room->leave($person, $ticket{$person})->code == 204
            or die "$person does not leave\n";

        do { sleep 0.02; $now = $room->now->{cursor} } while $now == $cursor;

        my $since = time;
        my @at = ask_all("until $now");
        my ($last) = sort { $b <=> $a } map { /^at (\S+) / } @at;

        is [map { /^at \S+ (\d+)$/ } @at], [($each) x PROCESSES],
            'all heard it';
        push @took, $last - $since;
    }

    diag 'the last one ' . join ', ', map { sprintf '%.0f ms', 1000 * $_ }
        @took;
    cmp_ok $_, '<', 2, 'within 2 s' for @took;
    $room->set(phase => 'PAUSED', capacity => 0);
    $t->wait_until(sub { $room->now->{phase} eq 'PAUSED' }, 3, 'paused');
};


subtest 'a reload' => sub {
    my $skipped = $room->now->{skipped};
    my $inside  = $room->now->{admitted};

    $start = time;
    $t->reload;
    sleep 6;
    ok $t->wait_until(sub { (grep { /^count $each \d+$/ }
        ask_all('count')) == PROCESSES }, 60, 'all are back'), 'they are';
    diag sprintf 'all are back %.1f s after the reload', time - $start;

    my $back = 0;
    $back += (/ (\d+)$/)[0] for ask_all('count');
    is $back, $clients, 'everybody came back once';
    is $room->now->{waiting} + $room->now->{admitted}, $clients + @first,
        'with their places';
    is $room->now->{skipped}, $skipped, 'nobody was passed over';

    # and they are alive: those in front come in
    $room->set(rate => 50, phase => 'OPEN');
    $t->wait_until(sub { $room->now->{admitted} - $inside >= 100 }, 5,
        'the first ones come in');
    $room->set(phase => 'PAUSED');
    sleep 0.5;
    is $room->now->{skipped}, $skipped, 'none of them was taken for gone';
};

for my $w (@waiters) {
    close $w->{in};
    waitpid $w->{pid}, 0;
}

$t->wait_until(sub { metrics($t)->{streams} == 0 }, 20, 'all gone');
$t->done;
done_testing;
