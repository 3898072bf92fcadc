# What a refusal leaves behind: nothing on the connection, nothing that looks
# like an error of ours.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW);
use IO::Socket::IP;

my $t = Boxoffice::Test->new(workers => 1);

# The body of a refused request was once read as the next request: whoever
# shares the connection, a CDN's other client, gets the answer to that.

sub smuggle ($name, $request, $headers, $chunked = 0) {
    my $hidden = "GET /api/v1/holds HTTP/1.1\r\nHost: hidden\r\n\r\n";
    my $body   = $chunked
        ? sprintf("%x\r\n%s\r\n0\r\n\r\n", length $hidden, $hidden) : $hidden;
    my $length = $chunked ? 'Transfer-Encoding: chunked'
        : 'Content-Length: ' . length $hidden;
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $t->node->port) or die "connect: $@";

    $socket->print("$request HTTP/1.1\r\nHost: localhost\r\n$headers"
        . "$length\r\n\r\n$body"
        . "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n\r\n");

    my $text = do { local $/; <$socket> };
    my @codes = $text =~ m{HTTP/1\.1 (\d{3}) }g;

    is \@codes, [$codes[0], 200], "$name: one answer, then the next request's"
        or diag $text;
    return $codes[0];
}

my $user = "x-user-id: ann\r\n";
my $key  = "Idempotency-Key: k\r\n";
my $json = "Content-Type: application/json\r\n";

is smuggle('no user', 'POST /api/v1/holds', $key . $json), 401, '401';
is smuggle('no key', 'POST /api/v1/holds', $user . $json), 400, '400';
is smuggle('no JSON', 'POST /api/v1/holds', $user . $key), 415, '415';
is smuggle('no JSON, chunked', 'POST /api/v1/holds', $user . $key, 1), 415,
    '415';
is smuggle('no such path', 'POST /api/v1/holds/x', $user), 404, '404';
is smuggle('no such method', 'PUT /api/v1/orders', $user), 405, '405';
is smuggle('no administrator', 'POST /api/v1/shows', $user . $key . $json),
    403, '403';

# A payment that is another order's.

my %customer = (paymentMethod => 'CARD',
    customer => { name => 'Ann', email => 'ann@example.com' });

sub order ($user, $seat) {
    my $hold = $t->post('/api/v1/holds',
        { showId => SHOW, seatIds => [$seat] }, user => $user);
    return $t->post('/api/v1/orders',
        { holdId => $hold->json->{holdId}, %customer }, user => $user)
        ->json->{orderId};
}

my ($first, $second) = (order('ann', 'A1'), order('bob', 'A2'));

is $t->post("/api/v1/orders/$first/confirm-payment",
    { paymentId => 'mock-ok-1' }, user => 'ann')->code, 200, 'paid';

my $r = $t->post("/api/v1/orders/$second/confirm-payment",
    { paymentId => 'mock-ok-1' }, user => 'bob');

is $r->code, 409, 'a payment counts for one order';
is $r->json->{error}{code}, 'payment_used', 'and it says so';
is $t->get("/api/v1/orders/$second", user => 'bob')->json->{status},
    'PAYMENT_PENDING', 'the other order goes on waiting';

# Many at once for one order, each with a key of its own: as many clicks.

for my $verb (['confirm-payment', { paymentId => 'mock-ok-2' }],
    ['cancel', {}])
{
    my ($name, $body) = @$verb;
    my @clicks = map {
        ['POST', "/api/v1/orders/$second/$name", $body, user => 'bob']
    } 1 .. 60;

    my %codes;
    $codes{ $_->code }++ for $t->run_many(60, \@clicks)->@*;

    ok $codes{200}, "$name: somebody is answered";
    delete @codes{ 200, 503 };
    is \%codes, {}, "$name: the others, or told to come again";
}

# A price that no show can have.

$r = $t->post('/api/v1/shows', {
    screenId => '00000000-0000-4000-8000-000000000202',
    movieTitle => 'Dear', startsAt => '2030-01-10T18:30:00Z',
    durationMinutes => 90, currency => 'INR',
    prices => { SILVER => 100, GOLD => 100_000_001 },
}, user => 'root', headers => { 'x-user-role' => 'ADMIN' });

is $r->code, 400, 'a price beyond the limit';
is $r->json->{error}{details}, { field => 'prices' }, 'is the field at fault';

# Seats of a show are those that are sold, wherever they are counted.

my ($listed) = grep { $_->{showId} eq SMALL_SHOW }
    $t->get('/api/v1/shows')->json->{items}->@*;

is $t->get('/api/v1/shows/' . SMALL_SHOW)->json->{seats}, $listed->{seats},
    'the list and the show count the same seats';

$t->done;
done_testing;
