# The harness itself: nodes start, answer and stop, stores are private, what is
# bad in a log is found.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);

my $t = Boxoffice::Test->new(nodes => 2, workers => 2);

for my $node (1, 2) {
    my $r = $t->get('/healthz', node => $node);
    is $r->code, 200, "node $node is alive" or diag $r->error // $r->body;
    is scalar($t->worker_pids(node => $node)), 2, "node $node has its workers";
}

is $t->redis->dbsize, 0, 'Redis is empty';
is $t->dbh->selectrow_array(
    q{select count(*) from boxoffice.orders}), 0, 'no orders yet';
$t->check_invariants;

isnt uuid(), uuid(), 'UUIDs differ';
is $t->get('/api/v1/shows')->header('content-type'),
    match(qr{^application/json}), 'headers are seen';

my @requests = map { ['GET', '/healthz', undef, node => 1 + $_ % 2] } 1 .. 200;
my $answers  = $t->run_many(20, \@requests);

is scalar(@$answers), 200, 'every request has an answer';
is [grep { $_->code != 200 } @$answers], [], 'all of them 200';

$t->reload;
is $t->get('/healthz')->code, 200, 'alive after a reload';
$t->kill_worker;
is $t->get('/healthz')->code, 200, 'alive after the death of a worker';

my $impatient = $t->{redis_server}->connect(0.3);
$t->stop_redis;
ok !eval { $impatient->ping }, 'a stopped Redis does not answer';
$t->cont_redis;
is $t->redis->ping, 'PONG', 'and goes on';

$t->redis->set('seat_lock:{x}:0', 'a');
my $events = intercept { $t->check_invariants };
ok !$events->state->{is_passing}, 'a lock without an end is found';
$t->redis->del('seat_lock:{x}:0');

like [$t->node->problems], [], 'nothing bad in the log so far';
$t->restart_redis;
is $t->redis->ping, 'PONG', 'Redis can be restarted';

$t->done;
done_testing;
