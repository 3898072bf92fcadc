# Twenty thousand listen to one show: what a connection costs a worker, and how
# soon a burst of changes is with all of them.
#
# Runs alone: it measures times.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(metrics);
use IPC::Open2  qw(open2);
use Time::HiRes qw(time);

# A process may open 20,000 files here; nginx needs two workers for these.
use constant { CLIENTS => 20_000, PROCESSES => 4, LIMIT_KB => 3 };

# a sanitizer's connections are ten times as heavy, and as slow
my $clients = ($ENV{BOXOFFICE_MODULE} // '') =~ m{/asan/} ? 2000 : CLIENTS;

my $t = Boxoffice::Test->new(workers => 4, conf => { stream_drain => '2s',
    streams => 9900 }, worker_connections => 10_000, files => 19_000);

my @listeners;


sub start ($count) {
    my $pid = open2(my $out, my $in, $^X, 't/lib/listeners.pl', $t->node->port,
        SHOW, $count);

    return { pid => $pid, out => $out, in => $in };
}


# Tells all, then hears all: [time, number, pictures].
sub until_all ($version) {
    print { $_->{in} } "until $version\n" for @listeners;
    $_->{in}->flush for @listeners;

    return map { [(readline($_->{out}) // '')
        =~ /^at (\S+) (\d+) (\d+)$/] } @listeners;
}


$t->get('/api/v1/shows/' . SHOW . '/availability') for 1 .. 40;
my $before = $t->worker_rss;
my $start  = time;

push @listeners, start($clients / PROCESSES) for 1 .. PROCESSES;

for my $l (@listeners) {
    is readline($l->{out}), 'open ' . $clients / PROCESSES . "\n", 'connected';
}

diag sprintf '%d in %.1f s', $clients, time - $start;
is metrics($t)->{streams}, $clients, 'as many as there should be';

my $each = ($t->worker_rss - $before) / $clients;
diag sprintf '%.2f KiB of worker memory each', $each;
cmp_ok $each, '<=', LIMIT_KB, 'a connection is cheap'
    if ($ENV{BOXOFFICE_MODULE} // '') !~ m{/asan/};

my $messages = metrics($t)->{streams_messages_total};
my $burst = time;
$t->run_many(32, [map { ['POST', '/api/v1/holds', { showId => SHOW,
    seatIds => [($_ % 2 ? 'A' : 'B') . (1 + $_ % 20)] },
    user => 'user' . $_ % 50] } 1 .. 500], sub { });
my $changed = time;

my $now = $t->get('/api/v1/shows/' . SHOW . '/availability')->json;
my @done = until_all($now->{version});

is scalar(grep { $_->[1] == $clients / PROCESSES } @done), PROCESSES,
    'all have the last version';
is scalar(grep { $_->[2] == 1 } @done), PROCESSES, 'and the same picture';

my ($last) = sort { $b <=> $a } map { $_->[0] } @done;
$messages = metrics($t)->{streams_messages_total} - $messages;

diag sprintf '500 changes in %.2f s; the last one with everybody %.0f ms '
    . 'after it; %d messages, %.1f for each', $changed - $burst,
    1000 * ($last - $changed), $messages, $messages / $clients;
cmp_ok $last - $changed, '<', 2, 'within 2 s';
cmp_ok $messages, '<', 500 * $clients / 5, 'coalesced';

# one change when all is quiet: what a round takes
$start = time;
$t->post('/api/v1/holds', { showId => SHOW, seatIds => ['Q1'] }, user => 'one');
$now = $t->get('/api/v1/shows/' . SHOW . '/availability')->json;
@done = until_all($now->{version});
($last) = sort { $b <=> $a } map { $_->[0] } @done;
diag sprintf 'a single change: %.0f ms to the last of %d', 1000 * ($last
    - $start), $clients;
cmp_ok $last - $start, '<', 2, 'a single change is with all within 2 s';

for my $l (@listeners) {
    close $l->{in};
    waitpid $l->{pid}, 0;
}

$t->wait_until(sub { metrics($t)->{streams} == 0 }, 10, 'all gone');
$t->done;
done_testing;
