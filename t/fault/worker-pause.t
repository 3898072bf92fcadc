# A worker that is stopped for a while, with an answer of Redis under way,
# finds that answer when it goes on: Redis was never away.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use IO::Socket::INET ();
use Mojo::JSON       qw(encode_json);
use Time::HiRes      qw(sleep);

# the worker gets as long as 600 ms from its command to its pause, and the pause
# is longer than the deadline
my $t = Boxoffice::Test->new(workers => 1, start => 0);
$t->node->{conf}{redis} = $t->{redis_server}->url . ' timeout=600ms';
$t->node->start;

# the worker is there, and has its connections
$t->wait_until(sub { $t->get('/readyz')->code == 200 }, 5, 'ready');
is $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['Q1'] },
    user => 'first')->code, 201, 'a hold';

for my $row ('A' .. 'E') {
    is held_in_pause("${row}1"), 201, "seat ${row}1 is held";
}

unlike $t->node->log, qr/redis .*: timed out/, 'Redis was not given up';

$t->check_invariants;
$t->done;
done_testing;


# The status of a hold that the worker sends to Redis, and whose answer comes
# while the worker does not run.
sub held_in_pause ($seat) {
    my ($worker) = $t->worker_pids;
    my $body = encode_json({ showId => SHOW, seatIds => [$seat] });

    $t->stop_redis;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->node->port, Timeout => 5) or die "connect: $@";
    $s->print(join "\r\n", 'POST /api/v1/holds HTTP/1.1', 'Host: localhost',
        'Connection: close', 'Content-Type: application/json',
        "x-user-id: user-$seat", 'Idempotency-Key: ' . uuid(),
        'Content-Length: ' . length $body, '', $body);

    sleep 0.05;
    kill STOP => $worker;
    $t->cont_redis;
    sleep 1;
    kill CONT => $worker;

    my $line = $s->getline // '';
    return $line =~ m{\AHTTP/1\.1 (\d+)} ? $1 : $line;
}
