# What is sent to PostgreSQL and not answered in time is in doubt: 503, and the
# same request with the same key tells what became of it.  PostgreSQL is
# stopped, so that the doubt is certain; what it was sent it does when it goes
# on, though nobody listens any more.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(SHOW uuid);

my $t = Boxoffice::Test->new(workers => 1, postgres => 'own');
my %customer = (name => 'Ann', email => 'ann@example.org',
    phone => '+911234567890');


# Sends it while PostgreSQL is stopped, and again when it is not; gives the
# second answer.  What waited for a connection was never sent, and is not in
# doubt.
sub in_doubt ($name, $path, $body, $user, $code) {
    my $key  = uuid();
    my $send = sub { return $t->post("/api/v1/$path", $body, user => $user,
        key => $key) };

    my $r;

    $t->wait_until(sub {
        $t->stop_postgres;
        $r = $send->();
        $t->cont_postgres;
        ($r->error_code // '') ne 'unavailable';
    }, 5, 'it is sent');

    is $r->error_code, 'outcome_unknown', "$name: in doubt" or diag $r->body;
    is $r->code, 503, 'it is asked for patience';
    ok $r->header('retry-after'), 'for so long';
    ok $r->seconds < 2.25, 'within 250 ms of the deadline' or diag $r->seconds;

    $r = $t->definite($send, 3, 'asked again, the answer is definite');
    is $r->code, $code, "it is $code" or diag $r->body;

    my $again = $send->();
    is $again->code, $r->code, 'and stays so';

    # a refusal bears the time and the id of its request
    is $code < 400 ? $again->body : $again->error_code,
        $code < 400 ? $r->body : $r->error_code, 'with the same body';
    return $r;
}


sub held ($user, $seat) {
    return $t->post('/api/v1/holds', { showId => SHOW, seatIds => [$seat] },
        user => $user);
}


sub outcome ($seat, $status, $expect) {
    is $status, $expect, "the order is $expect";
    is $t->dbh->selectrow_array(q{select count(*) from orders
        where seat_ids = array[?]}, undef, $seat), 1, 'there is one order';

    my $want = $expect eq 'CONFIRMED' ? 'seat_sold' : '';
    $t->wait_until(sub {
        return (held('next', $seat)->error_code // '') eq $want }, 3,
        $want ? 'its seat is sold' : 'its seat is free');
    return;
}


my $hold = held('ann', 'A1')->json;
my $r = in_doubt('order', 'orders', { holdId => $hold->{holdId},
    paymentMethod => 'UPI', customer => \%customer }, 'ann', 201);
my $order = $r->json;

$r = in_doubt('confirmation', "orders/$order->{orderId}/confirm-payment",
    { paymentId => 'mock-ok-1' }, 'ann', 200);
outcome('A1', $r->json->{status}, 'CONFIRMED');

$order = Boxoffice::Crowd->order($t, 'bob', 'A2');
$r = in_doubt('declined payment', "orders/$order->{orderId}/confirm-payment",
    { paymentId => 'mock-declined-1' }, 'bob', 402);
outcome('A2', $t->get("/api/v1/orders/$order->{orderId}", user => 'bob')
    ->json->{status}, 'FAILED');

$order = Boxoffice::Crowd->order($t, 'cid', 'A3');
$r = in_doubt('cancellation', "orders/$order->{orderId}/cancel", {}, 'cid',
    200);
outcome('A3', $r->json->{status}, 'CANCELLED');

$t->check_invariants;
$t->done;
done_testing;
