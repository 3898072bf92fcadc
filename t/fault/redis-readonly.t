# Redis becomes a replica and keeps its connections, as the old primary of a
# failover does: it answers, it has the data, and it takes no writes.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(STADIUM_SHOW);
use Time::HiRes     qw(sleep);

# one worker: of several, the kernel decides which one tells how it is
my $t    = Boxoffice::Test->new(workers => 1);
my $seat = 0;

is hold()->code, 201, 'holds work';

# nobody asks for anything: the worker finds it out by itself
demote();
$t->wait_until(sub { readyz() == 503 }, 2, 'an idle node is not ready');
refused() for 1 .. 10;
is readyz(), 503, 'still not ready';
is $t->get('/healthz')->code, 200, 'but alive';
is logged(qr/not the primary/), 1, 'the log says so once';
promote();

# somebody asks at once: the answer to the write is the first to tell
demote();
refused();
is readyz(), 503, 'not ready at once';
is logged(qr/given up after "READONLY/), 1, 'it was the error that told';
refused() for 1 .. 4;
is logged(qr/not the primary/), 2, 'the log says so once more';
promote();

# who may not ask for the role is told by the errors
$t->redis->acl('setuser', 'default', '-role');
$t->redis->client_kill(qw(type normal skipme yes));
$t->wait_until(sub { logged(qr/: connected/) == 4 }, 2, 'connected again');
is readyz(), 200, 'ready without the right to ask';
is hold()->code, 201, 'holds work';
demote();
refused() for 1 .. 5;
is logged(qr/not the primary/), 2, 'nobody could ask';
promote();

$t->check_invariants;
$t->done;
done_testing;


sub demote () {
    $t->redis->replicaof('127.0.0.1', 1);
    return;
}


sub promote () {
    $t->redis->replicaof('no', 'one');
    $t->wait_until(sub { readyz() == 200 }, 2, 'ready again');
    is hold()->code, 201, 'and holds work';
    return;
}


sub refused () {
    my $r = hold();

    is $r->code, 503, 'no holds on a replica';
    ok $r->seconds < 0.45, 'within 250 ms of the deadline' or diag $r->seconds;
    sleep 0.1;
    return;
}


# A hold of a seat that nobody had.
sub hold () {
    my $row  = chr ord('A') + $seat / 10;
    my $name = "101-$row" . ($seat++ % 10 + 1);

    return $t->post('/api/v1/holds',
        { showId => STADIUM_SHOW, seatIds => [$name] }, user => "of-$name");
}


sub readyz () { return $t->get('/readyz')->code }


# How often the log says so.
sub logged ($what) { return scalar(() = $t->node->log =~ /$what/g) }
