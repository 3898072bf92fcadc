# Redis is killed and comes back empty some time later: meanwhile orders are
# confirmed as ever and everything that needs Redis is refused at once.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  ();

my $t = Boxoffice::Test->new(nodes => 2, workers => 1);

my $order = Boxoffice::Crowd->order($t, 'ann', 'A1', 'A2');
my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);
$crowd->fault(sub { $t->kill_redis });
$crowd->wait(1.5);

my $r = $t->post('/api/v1/holds', { showId => Boxoffice::Test::STADIUM_SHOW,
    seatIds => ['101-A1'] }, user => 'ann');
is $r->code, 503, 'no holds without Redis';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 0.45, 'at once' or diag $r->seconds;
is $t->get('/readyz')->code, 503, 'not ready';
is $t->get('/healthz')->code, 200, 'but alive';

$r = $t->post("/api/v1/orders/$order->{orderId}/confirm-payment",
    { paymentId => 'mock-ok-ann' }, user => 'ann');
is $r->code, 200, 'an order can be paid';
$r = $t->get("/api/v1/orders/$order->{orderId}", user => 'ann');
is $r->json->{status}, 'CONFIRMED', 'and read';

$crowd->healed(sub { $t->start_redis });
$crowd->finish;

$crowd->check(recovery => 2, redis_lost => 1);

is $t->post('/api/v1/holds', { showId => Boxoffice::Test::SHOW,
    seatIds => ['A2', 'A3'] }, user => 'bob')->error_code, 'seat_sold',
    'what was paid without Redis is sold in it now';

$t->done;
done_testing;
