# Redis hangs for five seconds, and goes on with all it had.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(SHOW);

my $t = Boxoffice::Test->new(nodes => 2, workers => 1);

my %order = map { $_ => Boxoffice::Crowd->order($t, $_, "A$_") } 1 .. 3;

my $crowd = Boxoffice::Crowd->new($t);
$crowd->wait(2);
$crowd->fault(sub { $t->stop_redis });
$crowd->wait(2.5);

my $r = $t->post('/api/v1/holds', { showId => Boxoffice::Test::STADIUM_SHOW,
    seatIds => ['101-A1'] }, user => 'ann');
is $r->code, 503, 'no holds without Redis';
ok $r->header('retry-after'), 'says when to try again';
ok $r->seconds < 0.45, 'within 250 ms of the deadline' or diag $r->seconds;

# what orders come to does not wait for Redis, and Redis learns it later
is $t->post("/api/v1/orders/$order{1}{orderId}/confirm-payment",
    { paymentId => 'mock-ok-1' }, user => 1)->code, 200, 'confirmed';
is $t->post("/api/v1/orders/$order{2}{orderId}/confirm-payment",
    { paymentId => 'mock-declined-2' }, user => 2)->code, 402, 'declined';
is $t->post("/api/v1/orders/$order{3}{orderId}/cancel", {}, user => 3)->code,
    200, 'cancelled';

$crowd->wait(2.5);
$crowd->healed(sub { $t->cont_redis });
$crowd->finish;
$crowd->check(recovery => 2);

is $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['A1'] },
    user => 4)->error_code, 'seat_sold', 'the confirmed seat is sold';
is $t->post('/api/v1/holds', { showId => SHOW, seatIds => ["A$_"] },
    user => 4)->code, 201, "seat A$_ is free again" for 2, 3;

$t->done;
done_testing;
