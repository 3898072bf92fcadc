# Payments with a gateway: begun, paid, promised and captured, given back, and
# looked after when nobody tells us; and what the mock can play.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Provider ();
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(order try_pay seat_states metrics);
use File::Temp  ();
use Mojo::JSON  qw(encode_json);
use Time::HiRes qw(time);

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");
my $seat     = 0;

# no events: here the servers find out by themselves
$provider->start('http://127.0.0.1:9/nobody');

my $t = Boxoffice::Test->new(conf => { order_ttl => '60s', gateway => [
    $provider->gateway('check=500ms', 'compare=1s', 'timeout=2s',
        'upi=shop@bank', 'publishable_key=pk_test_1'),
    'mock check=500ms',
] });


sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


sub status_of ($o) {
    return value('select status from orders where order_id = ?', $o->{orderId});
}


sub fresh ($method = 'CARD') {
    my $user  = 'u' . ++$seat;
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)], method => $method);
    return { %$order, user => $user };
}


sub begin ($o, %more) {
    return $t->post("/api/v1/orders/$o->{orderId}/pay", $more{body} // {},
        user => $more{user} // $o->{user},
        exists $more{key} ? (key => $more{key}) : ());
}


sub confirm ($o, $payment) {
    return try_pay($t, $o->{user}, $o->{orderId}, $payment);
}


subtest 'beginning' => sub {
    my $o = fresh('UPI');
    my $r = begin($o, key => 'k1');

    is $r->code, 200, 'begun';
    my $p = $r->json;
    like $p, { orderId => $o->{orderId}, gateway => 'stripe',
        amount => $o->{amount}, currency => $o->{currency}, method => 'UPI',
        expiresAt => $o->{expiresAt}, publishableKey => 'pk_test_1',
        paymentId => qr/\Api_/, clientSecret => qr/\Api_.*_secret_/ },
        'what the client needs';
    is $p->{upiIntent}, sprintf('upi://pay?pa=shop@bank&pn=Boxoffice&tr=%s'
        . '&am=%.2f&cu=INR', $p->{paymentId}, $o->{amount} / 100),
        'the link for apps';
    like $p->{upiQr}, qr/\A<svg [^>]*viewBox="0 0 (\d+) \1".*<\/svg>\n\z/,
        'and its picture';
    is begin($o)->json, $p, 'again: the same payment';
    is begin($o, key => 'k1')->json, $p, 'by its key, too';
    is begin($o, user => 'eve')->code, 404, "another's order";
    is begin($o, body => { amount => 1 })->code, 400, 'no amount of yours';
    is begin($o, key => undef)->code, 400, 'a key is needed';
    is begin({ %$o, orderId => uuid() })->code, 404, 'no such order';

    my @there = grep { $_->{metadata}{order_id} eq $o->{orderId} }
        $provider->ledger->{payments}->@*;
    is scalar @there, 1, 'one at the gateway';
    is $there[0]{metadata}{site}, value('select site_id from site'),
        'which knows whose it is';

    is [map { $_->code, $_->error_code } confirm($o, $p->{paymentId})],
        [409, 'payment_pending'], 'not paid yet';
    $provider->pay($p->{paymentId}, 'decline');
    is [map { $_->code, $_->error_code } confirm($o, $p->{paymentId})],
        [402, 'payment_declined'], 'declined';
    is status_of($o), 'PAYMENT_PENDING', 'which is not the end';
    $provider->pay($p->{paymentId});
    is confirm($o, $p->{paymentId})->json->{status}, 'CONFIRMED', 'paid';
    is confirm($o, $p->{paymentId})->code, 200, 'again';
    is [map { $_->code, $_->json->{error}{details}{status} } begin($o)],
        [409, 'CONFIRMED'], 'nothing more to pay';

    my $other = fresh();
    is [map { $_->code, $_->error_code } confirm($other, $p->{paymentId})],
        [409, 'payment_used'], "another order's payment";
    is confirm($other, 'pi_nobody')->error_code, 'payment_unknown', 'unknown';
    is confirm($other, 'pay_nobody')->error_code, 'payment_unknown',
        'of no gateway of ours';
};


subtest 'nobody tells us' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    $provider->pay($p->{paymentId});
    $t->wait_until(sub { status_of($o) eq 'CONFIRMED' }, 60,
        'the gateway is asked', strict => 1) or diag encode_json([$p,
        $t->dbh->selectall_arrayref('select * from payment_intents
            where order_id = ?', { Slice => {} }, $o->{orderId}),
        $provider->ledger]);
    $t->wait_until(sub { "@{ seat_states($t, SHOW, $o->{seatIds}->@*) }"
        eq 'BOOKED' }, 30, 'Redis knows');
};


subtest 'nobody pays' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    $t->dbh->do(q{update orders set expires_at = now() - interval '1 s'
        where order_id = ?}, undef, $o->{orderId});
    $t->wait_until(sub {
        my ($there) = grep { $_->{id} eq $p->{paymentId} }
            $provider->ledger->{payments}->@*;
        return $there->{status} eq 'canceled';
    }, 20, 'it can be paid no more');
    $t->wait_until(sub { value('select status from payment_intents
        where order_id = ?', $o->{orderId}) eq 'FAILED' }, 10, 'and is over');
    is status_of($o), 'EXPIRED', 'as the order';
};


subtest 'given back' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    $provider->pay($p->{paymentId});
    is confirm($o, $p->{paymentId})->code, 200, 'paid';
    is $t->post("/api/v1/orders/$o->{orderId}/cancel", {}, user => $o->{user})
        ->code, 200, 'cancelled';
    $t->wait_until(sub { (value('select status from refunds where order_id = ?',
        $o->{orderId}) // '') eq 'DONE' }, 15, 'the refund is done');

    my @back = grep { $_->{payment_intent} eq $p->{paymentId} }
        $provider->ledger->{refunds}->@*;
    is scalar @back, 1, 'once';
    is $back[0]{amount}, value('select refunded from payments
        where payment_id = ?', $p->{paymentId}), 'of that much';
    is value('select provider_refund from refunds where order_id = ?',
        $o->{orderId}), $back[0]{id}, 'we know what it is called there';
};


subtest 'a refund that fails' => sub {
    my $o = fresh();
    my $p = begin($o)->json;
    my $refund = sub { value('select status from refunds where order_id = ?',
        $o->{orderId}) // '' };

    $provider->pay($p->{paymentId});
    is confirm($o, $p->{paymentId})->code, 200, 'paid';
    $provider->failing(1);
    $t->post("/api/v1/orders/$o->{orderId}/cancel", {}, user => $o->{user});
    $t->wait_until(sub { $refund->() eq 'FAILED' }, 15, 'is told to be so');
    $t->wait_until(sub { (metrics($t)->{'money_open{what="refunds_failed"}'}
        // 0) == 1 }, 15, 'and is a gauge, until somebody looks');
    $provider->failing(0);

    is value('select retry_refund(refund_id) from refunds where order_id = ?',
        $o->{orderId}), 'retried', 'it is tried again';
    $t->wait_until(sub { $refund->() eq 'DONE' }, 15,
        'under another key, for the gateway remembers the first');
    my @there = grep { $_->{payment_intent} eq $p->{paymentId} }
        $provider->ledger->{refunds}->@*;
    is [sort map { $_->{status} } @there], ['failed', 'succeeded'],
        'once there, too';
    $t->wait_until(sub { metrics($t)->{'money_open{what="refunds_failed"}'}
        == 0 }, 15, 'nothing is left to look at');
};


# It was done, and nobody can see it: that is no failure.
subtest 'a refund that cannot be looked for' => sub {
    my $o = fresh();
    my $p = begin($o)->json;
    my $refund = sub { value('select status from refunds where order_id = ?',
        $o->{orderId}) // '' };

    $provider->pay($p->{paymentId});
    is confirm($o, $p->{paymentId})->code, 200, 'paid';
    $provider->silent(1);
    my $looks = $provider->ledger->{looks};
    $t->post("/api/v1/orders/$o->{orderId}/cancel", {}, user => $o->{user});
    $t->wait_until(sub { $provider->ledger->{looks} >= $looks + 2 }, 20,
        'it is looked for, and again');
    is $refund->(), 'SENT', 'it is open what became of it';
    $provider->silent(0);
    $t->wait_until(sub { $refund->() eq 'DONE' }, 20, 'until it is seen');
    is scalar(grep { $_->{payment_intent} eq $p->{paymentId} }
        $provider->ledger->{refunds}->@*), 1, 'it was made once';
};


subtest 'given back at the desk of the gateway' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    $provider->pay($p->{paymentId});
    is confirm($o, $p->{paymentId})->code, 200, 'paid';
    $provider->desk($p->{paymentId}, 1);
    $t->wait_until(sub { (value('select status from refunds where order_id = ?
        and reason = ?', $o->{orderId}, 'GATEWAY') // '') eq 'DONE' }, 20,
        'it is in our books, too');
    is status_of($o), 'CONFIRMED', 'the order stays';

    is seat_states($t, SHOW, $o->{seatIds}->@*), ['BOOKED'], 'with its seat';
    $provider->desk($p->{paymentId}, $o->{amount} - 1);
    $t->wait_until(sub { status_of($o) eq 'CANCELLED' }, 20,
        'until all the money has gone');
    $t->wait_until(sub { "@{ seat_states($t, SHOW, $o->{seatIds}->@*) }"
        eq 'AVAILABLE' }, 10, 'the seat is free on every screen');
    is [sort map { "$_->{reason} $_->{amount} $_->{status}" }
        $t->get("/api/v1/orders/$o->{orderId}/refunds", user => $o->{user})
        ->json->{items}->@*], ['CANCELLED ' . ($o->{amount} - 1) . ' DONE',
        'GATEWAY 1 DONE'], 'the customer sees it';
    is order($t, 'next', SHOW, $o->{seatIds})->{status}, 'PAYMENT_PENDING',
        'and somebody else may have it';
};


subtest 'a promise' => sub {
    my ($stripe, $mock) = $t->node->{conf}{gateway}->@*;
    local $t->node->{conf} = { $t->node->{conf}->%*,
        gateway => ["$stripe capture=manual", $mock] };
    $t->reload;

    my ($one, $two) = map { fresh() } 1, 2;
    my ($p, $q)     = map { begin($_)->json } $one, $two;

    is $p->{gateway}, 'stripe', 'the first gateway is asked';
    is $provider->pay($_->{paymentId})->{status}, 'requires_capture',
        'promised' for $p, $q;
    is confirm($one, $p->{paymentId})->json->{status}, 'CONFIRMED',
        'captured as it is confirmed';
    $t->wait_until(sub { status_of($two) eq 'CONFIRMED' }, 15,
        'or by the server');
    is [map { $_->{status} } grep { $_->{id} eq $p->{paymentId}
        || $_->{id} eq $q->{paymentId} } $provider->ledger->{payments}->@*],
        ['succeeded', 'succeeded'], 'both at the gateway';
};


subtest 'a gateway that is away' => sub {
    my $o = fresh();
    my $p = begin($o)->json;

    $provider->stop;
    my $start = time;
    is confirm($o, $p->{paymentId})->code, 503, 'nobody knows';
    is begin(fresh())->code, 503, 'nothing can be begun';
    ok time - $start < 6, 'and nobody hangs';
    is status_of($o), 'PAYMENT_PENDING', 'the order waits';

    # it has its books in a file
    $provider->start('http://127.0.0.1:9/nobody');
    $provider->pay($p->{paymentId});
    $t->wait_until(sub { confirm($o, $p->{paymentId})->code == 200 }, 30,
        'when it is back it is paid');
    $t->wait_until(sub { value(q{select count(*) from payment_intents
        where status = 'CREATED'}) == 0 }, 30, 'what was begun is there');
};


subtest 'what the mock plays' => sub {
    my $o     = fresh();
    my $start = time;

    is confirm($o, 'mock-slow-1')->json->{status}, 'CONFIRMED', 'slow';
    ok time - $start > 1.5, 'it took its time';
    $o = fresh();
    is confirm($o, 'mock-never-1')->error_code, 'outcome_unknown', 'never';
    is status_of($o), 'PAYMENT_PENDING', 'nothing is known';
    is confirm($o, 'mock-late-' . int((time + 600) * 1000) . '-x')->error_code,
        'payment_pending', 'later';
    is confirm($o, 'mock-late-x-1')->error_code, 'payment_unknown', 'no time';
    is confirm($o, 'mock-late-' . int((time - 1) * 1000) . '-x')->code, 200,
        'late';
};


$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
