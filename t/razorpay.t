# Payments by a gateway with an API in the manner of Razorpay: what we ask it,
# over the wire, and what becomes of an order whatever it answers.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(order try_pay seat_states);
use Boxoffice::Test::Process ();
use File::Temp      ();
use Mojo::File      qw(path);
use Mojo::UserAgent ();

my $dir  = File::Temp->newdir('/tmp/bo-rzp-XXXXXXXX');
my $port = Boxoffice::Test::Process::free_port();
my $api  = "http://127.0.0.1:$port";
my $ua   = Mojo::UserAgent->new(request_timeout => 20);

chmod 0755, $dir;
path("$dir/key")->spurt("rzp_test_key:rzp_test_secret\n");
path("$dir/secret")->spurt("rzp_hook\n");

my $t = Boxoffice::Test->new(conf => { order_ttl => '60s', gateway => [
    "razorpay url=$api key_file=$dir/key webhook_secret_file=$dir/secret "
        . 'check=500ms compare=1s timeout=10s upi=shop@bank',
] });

my $provider = Boxoffice::Test::Process->start(log => "$dir/log",
    command => [$^X, 't/lib/razorpay.pl', $port,
        $t->url('/api/v1/webhooks/razorpay')]);
Boxoffice::Test::Process::wait_until(sub {
    Boxoffice::Test::Process::port_open($port) }, 30) or die 'no provider';


sub test ($path) {
    my $r = $ua->post("$api/test/$path")->result;
    die "$path: ", $r->code, $r->body if $r->code != 200;
    return $r->json;
}

sub ledger ()    { return $ua->get("$api/test/ledger")->result->json }

sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


sub fresh () {
    state $seat = 0;
    my $user  = 'u' . ++$seat;
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)], method => 'UPI');
    return { %$order, user => $user };
}


sub begin ($o) {
    return $t->post("/api/v1/orders/$o->{orderId}/pay", {}, user => $o->{user});
}


sub status_of ($o) {
    return value('select status from orders where order_id = ?', $o->{orderId});
}


sub until_status ($o, $status, $name) {
    return $t->wait_until(sub { status_of($o) eq $status }, 30, $name);
}


# The orders that the provider has of ours.
sub orders_of ($o) {
    return grep { ref $_->{notes} eq 'HASH'
        && $_->{notes}{order_id} eq $o->{orderId} } ledger()->{orders}->@*;
}


subtest 'an order there' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    like $p, { gateway => 'razorpay', paymentId => qr/\Aorder_/,
        amount => $o->{amount}, method => 'UPI',
        upiIntent => qr/\Aupi:/ }, 'begun';
    is begin($o)->json, $p, 'again: the same';

    my @there = orders_of($o);
    is scalar @there, 1, 'one';
    like $there[0], { id => $p->{paymentId}, amount => $o->{amount},
        currency => 'INR', receipt => $p->{intentId},
        notes => { intent_id => $p->{intentId},
            site => value('select site_id from site') } }, 'as we know it';

    is try_pay($t, $o->{user}, $o->{orderId}, $p->{paymentId})->error_code,
        'payment_pending', 'it is not paid';
    test("pay/$p->{paymentId}?how=failed");
    is try_pay($t, $o->{user}, $o->{orderId}, $p->{paymentId})->error_code,
        'payment_declined', 'an attempt has failed';
    is status_of($o), 'PAYMENT_PENDING', 'which is not the end';

    my $paid = test("pay/$p->{paymentId}");
    until_status($o, 'CONFIRMED', 'a webhook says that it is paid');
    is value('select payment_id from orders where order_id = ?',
        $o->{orderId}), $paid->{id}, 'by that payment';
    is try_pay($t, $o->{user}, $o->{orderId}, $paid->{id})->code, 200,
        'the client hears the same';
};


subtest 'nobody tells us' => sub {
    my ($asked, $left) = map { fresh() } 1, 2;
    my ($p, $q)        = map { begin($_)->json } $asked, $left;

    my $paid = test("pay/$p->{paymentId}?quiet=1");
    is try_pay($t, $asked->{user}, $asked->{orderId}, $paid->{id})
        ->json->{status}, 'CONFIRMED', 'it is asked when the client says so';
    test("pay/$q->{paymentId}?quiet=1");
    until_status($left, 'CONFIRMED', 'and by itself');
};


subtest 'a payment that is only authorised' => sub {
    my $o = fresh();
    my $p = begin($o)->json;
    my $paid = test("pay/$p->{paymentId}?how=authorized");

    until_status($o, 'CONFIRMED', 'is captured');
    is [map { $_->{status} } grep { $_->{id} eq $paid->{id} }
        ledger()->{payments}->@*], ['captured'], 'there, too';
};


subtest 'answers that are lost' => sub {
    my $o = fresh();

    test('lose/1');
    my $r = begin($o);
    $t->wait_until(sub { ($r = begin($o))->code == 200 }, 30,
        'it is begun in the end') if $r->code != 200;
    is scalar(orders_of($o)), 1, 'the order that was made is found, and used';

    my $id   = $r->json->{paymentId};
    my $paid = test("pay/$id");
    until_status($o, 'CONFIRMED', 'paid');

    test('lose/1');
    is $t->post("/api/v1/orders/$o->{orderId}/cancel", {}, user => $o->{user})
        ->code, 200, 'cancelled';
    $t->wait_until(sub { (value('select status from refunds
        where order_id = ?', $o->{orderId}) // '') eq 'DONE' }, 60,
        'its refund arrives');
    my @back = grep { $_->{payment_id} eq $paid->{id} }
        ledger()->{refunds}->@*;
    is [map { $_->{amount} } @back], [$o->{amount}], 'once';
    is $back[0]{notes}{refund_id}, value('select refund_id from refunds
        where order_id = ?', $o->{orderId}), 'under our name for it';
    is value('select provider_refund from refunds where order_id = ?',
        $o->{orderId}), $back[0]{id}, 'and we know theirs';
};


subtest 'given back at the desk' => sub {
    my $o    = fresh();
    my $paid = test('pay/' . begin($o)->json->{paymentId});

    until_status($o, 'CONFIRMED', 'paid');
    test("desk/$paid->{id}?amount=100");
    $t->wait_until(sub { (value('select sum(amount) from refunds
        where order_id = ?', $o->{orderId}) // 0) == 100 }, 30, 'booked');
    is status_of($o), 'CONFIRMED', 'some of it';
    test("desk/$paid->{id}?amount=" . ($o->{amount} - 100));
    until_status($o, 'CANCELLED', 'all of it');
    $t->wait_until(sub { "@{ seat_states($t, SHOW, $o->{seatIds}->@*) }"
        eq 'AVAILABLE' }, 10, 'the seat is free');
};


subtest 'our key is not good any more' => sub {
    path("$dir/key")->spurt("rzp_test_key:another\n");
    $t->reload;
    my $o = fresh();
    is begin($o)->code, 503, 'nothing can be begun';
    is status_of($o), 'PAYMENT_PENDING', 'the order waits';
    path("$dir/key")->spurt("rzp_test_key:rzp_test_secret\n");
    $t->reload;
    $t->wait_until(sub { begin($o)->code == 200 }, 30, 'until it is mended');
};


$t->allow_log(qr/does not take our key/);
$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
