# The place of who has ordered is taken until the order is paid or ends, whoever
# ends it; and a place that somebody has taken since is not that order's.

use v5.36;
use lib 't/lib';

use Boxoffice::Provider ();
use Boxoffice::Room     ();
use Boxoffice::Test          qw(SHOW uuid);
use Boxoffice::Test::Booking qw(hold try_order try_pay);
use File::Temp ();
use Mojo::JSON ();
use Test2::V0;

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");

my $t = Boxoffice::Test->new(
    conf => {
        waiting_room_zone => 'premiere:1m rate=100/s abandon=60s pass=1h',
        order_ttl         => '10m',
        gateway => [$provider->gateway('check=500ms', 'compare=1h'), 'mock'],
    },
    gate => 'premiere',
);
$provider->start('http://127.0.0.1:9/nobody');

my $room = Boxoffice::Room->new($t);
my $seat = 0;

$room->wait_ready;


# Lets somebody in; how he stands.
sub let_in ($user) {
    my $in;
    $t->wait_until(sub { $in = $room->join($user)->json;
        ($in->{state} // '') eq 'ADMITTED' }, 10, "$user is in");
    return $in;
}


# Somebody who has come in, and ordered.
sub ordered ($user, %o) {
    my $in   = let_in($user);
    my $hold = hold($t, $user, SHOW, ['C' . ++$seat],
        headers => { 'x-boxoffice-pass' => $in->{pass} });
    my $r = try_order($t, $user, $hold->{holdId}, %o);

    is $r->code, 201, 'ordered' or diag $r->body;
    is [$room->join($user)->json->@{qw(number spent)}],
        [$in->{number}, $r->json->{status} ? Mojo::JSON->true : undef],
        'the pass is spent, the place is taken';
    return { user => $user, number => $in->{number},
        hold => $hold->{holdId}, id => $r->json->{orderId} };
}


# The place is free: another is given.
sub free ($order, $name) {
    return $t->wait_until(sub { $room->join($order->{user})->json->{number}
        != $order->{number} }, 5, $name);
}


# The deadline of an order is over.
sub overdue ($order) {
    $t->dbh->do('update orders set expires_at = clock_timestamp()
        where order_id = ?', undef, $order->{id});
    return;
}


subtest 'nobody pays in time' => sub {
    my $order = ordered('ann');
    overdue($order);
    free($order, 'she may queue again');
};


# It is confirm that ends it, unless the job is faster.
subtest 'paid too late' => sub {
    for my $user (map { "bob$_" } 1 .. 4) {
        my $order = ordered($user);
        overdue($order);
        is try_pay($t, $user, $order->{id}, 'mock-declined-' . uuid())->code,
            409, 'it has ended';
        free($order, 'he may queue again');
    }
};


subtest 'the gateway says that it is paid' => sub {
    my $order = ordered('cat');
    my $r = $t->post("/api/v1/orders/$order->{id}/pay", {}, user => 'cat');
    is $r->code, 200, 'she pays there' or diag $r->body;
    $provider->pay($r->json->{paymentId});
    free($order, 'she may queue again');
    is $t->dbh->selectrow_array('select status from orders
        where order_id = ?', undef, $order->{id}), 'CONFIRMED', 'paid';
};


subtest 'a place that came later' => sub {
    my %paid  = (key => uuid());
    my %made  = (key => uuid());
    my $order = ordered('dan', %made);
    my $pay   = 'mock-ok-' . uuid();

    is try_pay($t, 'dan', $order->{id}, $pay, %paid)->code, 200, 'paid';
    my $new = let_in('dan');
    isnt $new->{number}, $order->{number}, 'in again';

    my $same = sub ($r, $code, $name) {
        is $r->code, $code, $name or diag $r->body;
        is [$room->join('dan')->json->@{qw(number state spent)}],
            [$new->{number}, 'ADMITTED', undef], 'he is inside all the same';
    };
    $same->(try_order($t, 'dan', $order->{hold}, %made), 201,
        'the old order, replayed');
    $same->(try_pay($t, 'dan', $order->{id}, $pay, %paid), 200,
        'its payment, replayed');
    $same->(try_pay($t, 'dan', $order->{id}, $pay), 200, 'and once more');
    $same->($t->post("/api/v1/orders/$order->{id}/cancel", {}, user => 'dan'),
        200, 'cancelled');
};


# Its answer may have been lost before the room was told.
subtest 'an order that waits, replayed' => sub {
    my %made  = (key => uuid());
    my $order = ordered('eve', %made);

    is $room->leave('eve', $room->join('eve')->json->{ticket})->code, 204,
        'she has left';
    my $new = let_in('eve');
    is try_order($t, 'eve', $order->{hold}, %made)->code, 201, 'replayed';
    is [$room->join('eve')->json->@{qw(number spent)}],
        [$new->{number}, Mojo::JSON->true], 'and it spends her pass';
};


subtest 'the show is cancelled' => sub {
    my $order = ordered('fay');
    my $r = $t->post('/api/v1/shows/' . SHOW . '/cancel', {}, user => 'root',
        headers => { 'x-user-role' => 'ADMIN' });
    is $r->code, 202, 'cancelled' or diag $r->body;
    free($order, 'she may queue again');
};


$provider->stop;
$t->check_invariants;
$t->done;
done_testing;
