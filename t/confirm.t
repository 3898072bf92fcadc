# What confirm-payment looks at before it has the gateway take money that was
# only promised: any payment of the account can be named to it, at any time.
# And orders for which there is no money to take.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Provider ();
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(order try_pay seat_states);
use File::Temp ();

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");
my $seat     = 0;

# no events, and the jobs are not there to mend anything before it is seen
$provider->start('http://127.0.0.1:9/nobody');

my $t = Boxoffice::Test->new(conf => { order_ttl => '60s', gateway => [
    $provider->gateway('capture=manual', 'check=500ms', 'compare=1h',
        'timeout=2s') ] });


sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


sub ask_at ($o, $when) {
    $t->dbh->do("update payment_intents set check_at = now() + ?::interval
        where order_id = ? and status in ('CREATED', 'OPEN', 'AUTHORISED')",
        undef, $when, $o->{orderId});
    return;
}


# An order whose payment was begun; nobody but the test asks about it.
sub begun ($user = 'u' . $seat, %more) {
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)], %more);
    $seat++;
    my $r = $t->definite(sub { $t->post("/api/v1/orders/$order->{orderId}/pay",
        {}, user => $user, key => uuid()) }, 5);

    die $r->code . $r->body if $r->code != 200;
    ask_at($order, '1 h');
    return { %$order, user => $user, payment => $r->json->{paymentId} };
}


# The same, and the customer has promised to pay.
sub promised (@how) {
    my $o = begun(@how);
    $provider->pay($o->{payment});
    return $o;
}


sub there ($payment) {
    return (map { $_->{status} } grep { $_->{id} eq $payment }
        $provider->ledger->{payments}->@*)[0];
}


sub confirm ($o, $payment = $o->{payment}, %more) {
    my $r = try_pay($t, $more{user} // $o->{user}, $o->{orderId}, $payment,
        $more{key} ? (key => $more{key}) : ());
    return [$r->code, $r->error_code // $r->json->{status}];
}


sub status_of ($o) {
    return value('select status from orders where order_id = ?', $o->{orderId});
}


subtest "another application's payment" => sub {
    my $o = begun();

    $provider->others(n => 1, status => 'requires_capture');
    my ($id) = map { $_->{id} } grep { $_->{of_others} }
        $provider->ledger->{payments}->@*;

    is confirm($o, $id), [422, 'payment_unknown'], 'none of ours';
    is there($id), 'requires_capture', 'it is as it was';

    # of an application that has our ids
    $provider->others(n => 1, status => 'requires_capture',
        order_id => $o->{orderId}, intent_id => uuid());
    ($id) = map { $_->{id} } grep { $_->{of_others} }
        $provider->ledger->{payments}->@*;
    is confirm($o, $id), [422, 'payment_unknown'], 'that we did not ask for';
    is there($id), 'requires_capture', 'nor is it taken';
    is status_of($o), 'PAYMENT_PENDING', 'the order waits';
};


subtest "another customer's, another order's" => sub {
    my $o     = promised();
    my $mine  = begun();
    my $other = begun($o->{user});

    is confirm($mine, $o->{payment}), [409, 'payment_used'],
        "another customer's";
    is confirm($o, $o->{payment}, user => 'eve'), [404, 'not_found'],
        "another customer's order";
    is confirm($other, $o->{payment}), [409, 'payment_used'],
        "another order's";
    is there($o->{payment}), 'requires_capture', 'nobody has taken it';
    is confirm($o), [200, 'CONFIRMED'], 'but who it is for';
    is there($o->{payment}), 'succeeded', 'then it is taken';
    is confirm($o), [200, 'CONFIRMED'], 'once';
};


subtest "another order's, which is paid by it" => sub {
    my $o     = begun();
    my $other = begun($o->{user});

    $provider->others(n => 1, amount => $other->{amount},
        intent_id => value('select intent_id from payment_intents
            where order_id = ?', $other->{orderId}));
    my ($id) = map { $_->{id} } grep { $_->{of_others} }
        $provider->ledger->{payments}->@*;

    is confirm($o, $id), [409, 'payment_used'], 'not the one that was named'
        for 1 .. 2;
    is [status_of($o), status_of($other)], [qw(PAYMENT_PENDING CONFIRMED)],
        'its own has it';
    $t->wait_until(sub { seat_states($t, SHOW, $other->{seatIds}[0])->[0]
        eq 'BOOKED' }, 2, 'and its seat');
};


subtest 'an amount that was not asked for' => sub {
    my $o = begun();

    $provider->others(n => 1, status => 'requires_capture',
        order_id => $o->{orderId},
        intent_id => value('select intent_id from payment_intents
            where order_id = ?', $o->{orderId}));
    my ($id) = map { $_->{id} } grep { $_->{of_others} }
        $provider->ledger->{payments}->@*;

    is confirm($o, $id), [409, 'payment_mismatch'], 'is not taken';
    is there($id), 'requires_capture', 'there';
    is status_of($o), 'PAYMENT_PENDING', 'nor here';
};


subtest 'an order that has ended' => sub {
    my ($cancelled, $expired) = map { promised() } 1, 2;

    is $t->post("/api/v1/orders/$cancelled->{orderId}/cancel", {},
        user => $cancelled->{user})->code, 200, 'cancelled';
    $t->dbh->do(q{update orders set expires_at = now() - interval '1 s'
        where order_id = ?}, undef, $expired->{orderId});
    $t->wait_until(sub { status_of($expired) eq 'EXPIRED' }, 20, 'expired');

    for my $o ($cancelled, $expired) {
        is confirm($o), [409, 'order_ended'], 'it is too late';
        isnt there($o->{payment}), 'succeeded', 'nothing is taken';
        $t->wait_until(sub { there($o->{payment}) eq 'canceled' }, 20,
            'and the customer is let off');
        $t->wait_until(sub { value('select status from payment_intents
            where order_id = ?', $o->{orderId}) eq 'FAILED' }, 20,
            'which is written down');
        is value('select count(*) from refunds where order_id = ?',
            $o->{orderId}), 0, 'nothing is to be given back';
    }
};


subtest 'a key that was used for something else' => sub {
    my $key  = uuid();
    my $user = 'twice';
    my $o    = promised($user, key => $key);

    is confirm($o, $o->{payment}, key => $key), [422, 'idempotency_key_reused'],
        'is refused';
    is there($o->{payment}), 'requires_capture', 'before anything is taken';
    is confirm($o), [200, 'CONFIRMED'], 'another key';

    # the money is there already: it is not forgotten
    $key = uuid();
    $o   = promised($user, key => $key);
    $provider->capture($o->{payment});
    is confirm($o, $o->{payment}, key => $key), [422, 'idempotency_key_reused'],
        'is refused';
    is status_of($o), 'PAYMENT_PENDING', 'that confirms nothing';
    ask_at($o, '0 s');
    $t->wait_until(sub { status_of($o) eq 'CONFIRMED' }, 20, 'but the job does');
};


subtest 'an order that ends while its money is taken' => sub {
    my $o = promised();

    # the gateway has it, and the answer was lost
    $provider->capture($o->{payment});
    $t->post("/api/v1/orders/$o->{orderId}/cancel", {}, user => $o->{user});
    is confirm($o), [409, 'order_ended'], 'it has ended';
    $t->wait_until(sub { (value('select status from refunds where order_id = ?',
        $o->{orderId}) // '') eq 'DONE' }, 20, 'the money goes back');
};


subtest 'an order that costs nothing' => sub {
    $t->dbh->do('update show_prices set price = 0 where show_id = ?', undef,
        SHOW);
    my $seats = ['K1', 'K2'];
    my $order = order($t, 'guest', SHOW, $seats);
    my $there = scalar $provider->ledger->{payments}->@*;
    my $pay   = sub ($key) { $t->post("/api/v1/orders/$order->{orderId}/pay",
        {}, user => 'guest', key => $key) };

    my $r = $pay->('free-1');
    is $r->code, 200, 'pay confirms it';
    like $r->json, { orderId => $order->{orderId}, status => 'CONFIRMED',
        amount => 0, seatIds => $seats, ticketCode => qr/\A[0-9A-Z-]+\z/ },
        'it is the order';
    is $pay->($_)->json, $r->json, 'again' for 'free-1', 'free-2';
    is $t->post("/api/v1/orders/$order->{orderId}/pay", {}, user => 'eve')
        ->code, 404, "another's";
    is scalar($provider->ledger->{payments}->@*), $there,
        'no gateway was asked';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, @$seats) }"
        eq 'BOOKED BOOKED' }, 10, 'Redis knows');

    is $t->post("/api/v1/orders/$order->{orderId}/cancel", {},
        user => 'guest')->code, 200, 'it can be given back';
    $r = $pay->('free-3');
    is [$r->code, $r->json->{error}{details}{status}], [409, 'CANCELLED'],
        'and is over';
};


$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
