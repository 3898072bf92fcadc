# Clients that leave while the server waits for something on their behalf: for
# the rest of a body, for Redis, for PostgreSQL, for a show that is loaded or
# rebuilt.  Redis and PostgreSQL are stopped meanwhile, so that the server is
# still waiting for sure; that it was, shows in the access log as a 499.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW uuid);
use Mojo::JSON       qw(encode_json);
use Socket           qw(SOL_SOCKET SO_LINGER);
use Time::HiRes      qw(sleep);

use constant CLIENTS => 20;

my $t = Boxoffice::Test->new(workers => 1, postgres => 'own', start => 0,
    server_extra => 'location = /stub { stub_status; }');
my $node = $t->node;

# long enough for a client to leave, on a slow machine too
$node->{conf}{redis} = $t->{redis_server}->url . ' timeout=20s';
$node->{conf}{postgres} = '"' . $t->conninfo . '" connections=2 timeout=20s';
$node->start;

my %customer = (name => 'Ann', email => 'ann@example.org',
    phone => '+911234567890');


# --- tools

sub raw ($method, $path, $body, $user, $key = uuid()) {
    $body = defined $body ? encode_json($body) : '';

    return "$method /api/v1/$path HTTP/1.1\r\nHost: localhost\r\n"
        . "x-user-id: $user\r\nIdempotency-Key: $key\r\n"
        . ($body ? "Content-Type: application/json\r\n" : '')
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}


# How many requests ended with that status, so far.
sub logged ($status) {
    open my $fh, '<', $node->dir . '/logs/access.log' or return 0;
    return scalar grep { /"status":$status\b/ } <$fh>;
}


# What a leak would change: descriptors, connections of clients, operations
# that were sent or wait to be.
sub open_things ($worker) {
    my %now = (fds => scalar(() = glob "/proc/$worker/fd/*"));

    ($now{clients}) = $t->get('/stub')->body =~ /Active connections: (\d+)/;
    my $metrics = $t->get('/metrics')->body;

    while ($metrics =~ /^boxoffice_upstream_((?:waiting|inflight)\S+) (\d+)/mg)
    {
        $now{$1} = $2;
    }

    return \%now;
}


# Sends a request on each of many connections, and leaves: every second one
# with a reset.
sub leave ($name, $make, $status = 499) {
    my $before = logged($status);
    my @clients;

    for my $n (1 .. CLIENTS) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $node->port) or die "connect: $@";
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0 if $n % 2;
        syswrite $socket, $make->($n);
        push @clients, $socket;
    }

    sleep 0.15;
    close $_ for @clients;

    return $t->wait_until(sub { logged($status) == $before + CLIENTS }, 1.5,
        "$name: " . CLIENTS . ' clients left');
}


# --- what is there before

my @holds = map {
    my ($user, $seat) = ("h$_", "A$_");
    my $r = $t->post('/api/v1/holds', { showId => SHOW, seatIds => [$seat] },
        user => $user);
    $r->json // die $r->body;
} 1 .. CLIENTS;

my @orders = map { Boxoffice::Crowd->order($t, "o$_", "B$_") } 1 .. CLIENTS;

$t->get('/api/v1/shows/' . SHOW . '/seatmap');

# connections that come when they are needed have come
$t->run_many(50, [map { ['GET', "/api/v1/orders/$_->{orderId}", undef,
    user => $_->{userId}] } (@orders) x 10]);

my ($worker) = $t->worker_pids;
my $baseline = open_things($worker);


# --- the body

leave('in the body', sub ($n) {
    return substr raw('POST', 'holds', { showId => SHOW, seatIds => ['C1'] },
        "b$n"), 0, -5;
}, 400);


# --- Redis

$t->stop_redis;
leave('hold', sub ($n) {
    return raw('POST', 'holds', { showId => SHOW, seatIds => ["D$n"] }, "r$n");
});
leave('read a hold', sub ($n) {
    return raw('GET', "holds/$holds[$n - 1]{holdId}", undef, "h$n");
});
leave('change a hold', sub ($n) {
    return raw('PUT', "holds/$holds[$n - 1]{holdId}",
        { seatIds => ["A$n", "E$n"] }, "h$n");
});
leave('order, at the fence', sub ($n) {
    return raw('POST', 'orders', { holdId => $holds[$n - 1]{holdId},
        paymentMethod => 'UPI', customer => \%customer }, "h$n", "early$n");
});
$t->cont_redis;
$t->wait_until(sub { $t->get('/readyz')->code == 200 }, 3, 'Redis is back');


# --- PostgreSQL

$t->stop_postgres;
leave('order', sub ($n) {
    return raw('POST', 'orders', { holdId => $holds[$n - 1]{holdId},
        paymentMethod => 'UPI', customer => \%customer }, "h$n", "late$n");
});
leave('confirm', sub ($n) {
    return raw('POST', "orders/$orders[$n - 1]{orderId}/confirm-payment",
        { paymentId => "mock-ok-$n" }, "o$n", "pay$n");
});
leave('read an order', sub ($n) {
    return raw('GET', "orders/$orders[$n - 1]{orderId}", undef, "o$n");
});
leave('orders of a user', sub ($n) { return raw('GET', 'orders', undef, "o$n") });
leave('shows', sub ($n) { return raw('GET', 'shows', undef, "o$n") });
leave('hold in a show not seen before', sub ($n) {
    return raw('POST', 'holds', { showId => LARGE_SHOW, seatIds => ["C$n"] },
        "l$n");
});
leave('seat map of a show not seen before', sub ($n) {
    return raw('GET', 'shows/' . THEATRE_SHOW . '/seatmap', undef, "l$n");
});
$t->cont_postgres;
$t->wait_until(sub { $t->get('/readyz')->code == 200 }, 3,
    'PostgreSQL is back');


# --- both: a rebuild waits for PostgreSQL with requests that wait for it

$t->get('/api/v1/shows/' . SMALL_SHOW);
$t->post('/api/v1/holds', { showId => SMALL_SHOW, seatIds => ['A1'] },
    user => 'x');
$t->stop_postgres;
$t->redis->flushall;
leave('hold, while the show is rebuilt', sub ($n) {
    return raw('POST', 'holds', { showId => SMALL_SHOW, seatIds => ['B1'] },
        "s$n");
});

# this time it does not come back before every deadline is over
sleep 2.5;
$t->cont_postgres;
$t->wait_until(sub { $t->get('/readyz')->code == 200 }, 3,
    'PostgreSQL is back');


# --- nothing is left of them

is [$t->worker_pids], [$worker], 'the worker is the same';

$t->wait_until(sub {
    my $now = open_things($worker);
    return !grep { $now->{$_} > $baseline->{$_} } keys %$baseline;
}, 5, 'descriptors, connections and operations are what they were')
    or diag map { "$_: $baseline->{$_}, then " . open_things($worker)->{$_} . '; ' }
        sort keys %$baseline;


# --- and what they wanted was done, or not, but never in half

for my $n (1, 2) {
    my $path = "/api/v1/orders/$orders[$n - 1]{orderId}/confirm-payment";

    # a connection to PostgreSQL may still wait to be made anew
    my $r = $t->definite(sub { $t->post($path, { paymentId => "mock-ok-$n" },
        user => "o$n", key => "pay$n") }, 5,
        'the service is back for a payment');
    is $r->code, 200, 'a payment that nobody waited for counts once'
        or diag $r->body;
    is $r->json->{status}, 'CONFIRMED', 'and is answered';
}

my $r = $t->post('/api/v1/orders', { holdId => $holds[0]{holdId},
    paymentMethod => 'UPI', customer => \%customer }, user => 'h1',
    key => 'late1');
is $r->code, in_set(201, 404, 409), 'an order that nobody waited for is one,'
    . ' or is none' or diag $r->body;
is $t->dbh->selectrow_array('select count(*) from orders where hold_id = ?',
    undef, $holds[0]{holdId}), $r->code == 201 ? 1 : 0, 'as the answer says';
$t->check_invariants;

$t->done;
done_testing;
