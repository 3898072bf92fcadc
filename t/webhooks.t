# What gateways tell us: taken when it is signed by their own published scheme,
# which is computed here by itself; refused otherwise, line by line of what bad
# input gets.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Provider ();
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(order seat_states metrics);
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp  ();
use Mojo::JSON  qw(encode_json);

use constant SECRET => 'whsec_provider';
use constant RZP    => 'razorpay_secret';

my $dir      = File::Temp->newdir;
my $provider = Boxoffice::Provider->new("$dir");

sub file ($name, $text) {
    open my $fh, '>', "$dir/$name" or die "$name: $!";
    print {$fh} $text;
    close $fh or die "$name: $!";
    return "$dir/$name";
}

my $t = Boxoffice::Test->new(workers => 1, conf => { order_ttl => '60s',
    gateway => [
        $provider->gateway('check=60s', 'compare=1h', 'timeout=2s'),
        'razorpay url=http://127.0.0.1:9 key_file='
            . file('rkey', "rzp_test_id:rzp_secret\n")
            . ' webhook_secret_file=' . file('rsecrets', RZP . "\n")
            . ' check=60s compare=1h timeout=1s connections=4',
    ] });

$provider->start;

my $seat = 0;

sub value ($sql, @bind) {
    return ($t->dbh->selectrow_array($sql, undef, @bind))[0];
}


# An order with a payment of the gateway.
sub payable ($gateway = 'stripe') {
    my $user  = 'u' . ++$seat;
    my $order = order($t, $user, SHOW,
        [chr(65 + $seat / 10) . (1 + $seat % 10)]);
    my $intent;

    if ($gateway eq 'stripe') {
        my $r = $t->post("/api/v1/orders/$order->{orderId}/pay", {},
            user => $user);
        die $r->code . $r->body if $r->code != 200;
        $intent = $r->json;
    }
    else {
        $intent = { intentId => uuid(), paymentId => 'order_' . $seat };
        $t->dbh->do(q{insert into payment_intents (intent_id, order_id,
            show_date, show_no, amount, currency, method, provider, check_at,
            status, reference) select ?, order_id, show_date, show_no, amount,
            currency, 'UPI', 'razorpay', now() + interval '1 h', 'OPEN', ?
            from orders where order_id = ?}, undef, $intent->{intentId},
            $intent->{paymentId}, $order->{orderId});
    }

    return { %$order, user => $user, %$intent };
}


sub stripe_event ($p, %more) {
    state $n = 0;
    return encode_json {
        id => $more{id} // 'evt_' . ++$n, object => 'event',
        type => $more{type} // 'payment_intent.succeeded',
        data => { object => {
            id => $p->{paymentId}, object => 'payment_intent',
            status => $more{status} // 'succeeded',
            amount => $more{amount} // $p->{amount},
            amount_received => $more{amount} // $p->{amount},
            currency => $more{currency} // lc $p->{currency},
            metadata => { order_id => $more{order} // $p->{orderId},
                intent_id => $more{intent} // $p->{intentId},
                $more{site} ? (site => $more{site}) : () } } } };
}


sub stripe_sign ($body, $time = time, $secret = SECRET) {
    return "t=$time,v1=" . hmac_sha256_hex("$time.$body", $secret);
}


sub hook ($body, $signature = stripe_sign($body), %o) {
    return $t->post('/api/v1/webhooks/' . ($o{gateway} // 'stripe'), $body,
        key => undef, headers => {
            defined $signature ? ('Stripe-Signature' => $signature) : (),
            ($o{headers} // {})->%* });
}


sub status_of ($p) {
    return value('select status from orders where order_id = ?', $p->{orderId});
}


subtest 'taken' => sub {
    my $p    = payable();
    my $body = stripe_event($p, id => 'evt_first');
    my $r    = hook($body);

    is [$r->code, $r->json], [200, { received => T, outcome => 'confirmed' }],
        'confirmed';
    is status_of($p), 'CONFIRMED', 'the order';
    is value('select status from payment_intents where order_id = ?',
        $p->{orderId}), 'CAPTURED', 'the intent';
    ok $r->seconds < 0.5, 'quickly' or diag $r->seconds;

    is hook($body)->json->{outcome}, 'duplicate', 'the same again';
    is hook($body, stripe_sign($body, time - 200))->json->{outcome},
        'duplicate', 'signed at another time';
    is hook(stripe_event($p, id => 'evt_first', amount => 1))->json->{outcome},
        'altered', 'the same id with another body';
    is hook(stripe_event($p))->json->{outcome}, 'already', 'another id';
    is hook(stripe_event($p, type => 'payment_intent.canceled',
        status => 'canceled'))->json->{outcome}, 'already',
        'failed after it was captured';
    is status_of($p), 'CONFIRMED', 'all of which changes nothing';
    is value('select count(*) from payments where order_id = ?',
        $p->{orderId}), 1, 'one payment';

    my @r = map { hook(stripe_event($p = payable(), id => "evt_many_$seat")) } 1;
    $p = payable();
    my @all = $t->run_many(10, [map { my $b = stripe_event($p, id => 'evt_par');
        ['POST', '/api/v1/webhooks/stripe', $b, key => undef, headers =>
            { 'Stripe-Signature' => stripe_sign($b) }] } 1 .. 10])->@*;
    is [sort map { $_->json->{outcome} } @all],
        ['confirmed', ('duplicate') x 9], 'ten at once: one effect';
};


subtest 'signatures' => sub {
    my $p    = payable();
    my $body = stripe_event($p);
    my $time = time;
    my $mac  = hmac_sha256_hex("$time.$body", SECRET);
    my $old  = hmac_sha256_hex("$time.$body", 'whsec_of_last_year');

    my @cases = (
        ['none', 401, undef],
        ['empty', 400, ''],
        ['garbled', 400, 'garbled'],
        ['no time', 400, "v1=$mac"],
        ['two times', 400, "t=$time,t=$time,v1=$mac"],
        ['a time that is no number', 400, "t=x,v1=$mac"],
        ['a time with a fraction', 400, "t=$time.5,v1=$mac"],
        ['a negative time', 400, "t=-$time,v1=$mac"],
        ['a time that overflows', 400, "t=99999999999999999999,v1=$mac"],
        ['no MAC', 401, "t=$time"],
        ['a MAC that is short', 401, "t=$time,v1=" . substr($mac, 1)],
        ['a MAC that is no hex', 401, "t=$time,v1=" . ('x' x 64)],
        ['another scheme', 401, "t=$time,v0=$mac"],
        ['another secret', 401, stripe_sign($body, $time, 'whsec_other')],
        ['of another time', 401, 't=' . ($time - 1) . ",v1=$mac"],
        ['too old', 401, stripe_sign($body, $time - 310)],
        ['from the future', 401, stripe_sign($body, $time + 310)],
        ['of another body', 401, stripe_sign("$body ", $time)],
        ['the hash without a key', 401, "t=$time,v1="
            . Digest::SHA::sha256_hex("$time.$body")],
    );

    for my $bit (0, 31, 63) {
        my $bad = $mac;
        substr $bad, $bit, 1, sprintf('%x', hex(substr $mac, $bit, 1) ^ 1);
        push @cases, ["digit $bit wrong", 401, "t=$time,v1=$bad"];
    }

    for my $case (@cases) {
        my ($name, $code, $signature) = @$case;
        my $r = hook($body, $signature);
        is [$r->code, $r->error_code], [$code, $code == 401
            ? 'signature_invalid' : 'signature_malformed'], $name;
    }

    is hook($body, stripe_sign($body), headers =>
        { 'Stripe-Signature' => [stripe_sign($body), stripe_sign($body)] })
        ->code, 400, 'two headers';
    is hook('{not json', stripe_sign($body))->code, 401,
        'the signature is looked at before the JSON';
    is hook(do { my $s = $body; $s =~ s/,/, /; $s }, stripe_sign($body))->code,
        401, 'the same JSON, written again';
    is value('select count(*) from webhook_events where outcome = ?',
        'confirmed') // 0, 3, 'nothing was taken';
    is status_of($p), 'PAYMENT_PENDING', 'nor done';

    is hook($body, "t=$time,v1=" . ('0' x 64) . ",v1=$mac,v0=abc,x=y")->json
        ->{outcome}, 'confirmed', 'one of several is enough';
    $p    = payable();
    $body = stripe_event($p);
    is hook($body, stripe_sign($body, time, 'whsec_of_last_year'))->json
        ->{outcome}, 'confirmed', 'a secret that is being replaced';
    for my $edge (-290, 290) {
        $p    = payable();
        $body = stripe_event($p);
        is hook($body, stripe_sign($body, time + $edge))->json->{outcome},
            'confirmed', "$edge s off";
    }
};


subtest 'bodies' => sub {
    my $p = payable();

    for my $case (
        ['no JSON', 400, '{not json'], ['no object', 400, '[]'],
        ['twice', 400, '{"id":"a","id":"b"}'],
        ['too large', 413, '{"x":"' . ('x' x 66_000) . '"}'],
    ) {
        my ($name, $code, $body) = @$case;
        is hook($body)->code, $code, $name;
    }

    # gateways stop sending to those who answer errors
    my ($ignored, $unread) = metrics($t)->@{qw(webhooks_ignored_total
        webhooks_unread_total)};
    my @strange = (
        ['nothing', '{}'],
        ['no type', '{"id":"evt_x","data":{"object":{}}}'],
        ['a type that is not known', stripe_event($p, type => 'invoice.paid')],
        ['another', stripe_event($p, type => 'charge.refunded')],
        ['no id', stripe_event($p, type => 'invoice.paid', id => 'evt x')],
        ['a type that is no text', '{"id":"evt_x","type":{"a":1}}'],
        ['without an object', encode_json { id => 'evt_thin',
            type => 'v2.core.account.updated', related_object => {} }],
        ['a refund of what we never make', encode_json { id => 'evt_charge',
            type => 'refund.created', data => { object => { id => 're_1',
            object => 'refund', payment_intent => undef, amount => 1,
            currency => 'inr', status => 'succeeded' } } }],
    );
    my @unread = (
        ['an id that is none', stripe_event($p, id => 'evt x')],
        ['a state of a payment that is new', stripe_event($p,
            status => 'succeeded_later')],
        ['a payment without an amount', encode_json { id => 'evt_bare',
            type => 'payment_intent.succeeded', data => { object => {
            id => $p->{paymentId}, status => 'succeeded' } } }],
        ['a payment that is none', encode_json { id => 'evt_none',
            type => 'payment_intent.succeeded' }],
    );

    for my $case (@strange, @unread) {
        my ($name, $body) = @$case;
        my $r = hook($body);
        is [$r->code, $r->json->{outcome}], [200, 'ignored'], $name;
    }

    is metrics($t)->{webhooks_ignored_total} - $ignored, @strange + @unread,
        'they are counted';
    is metrics($t)->{webhooks_unread_total} - $unread, 0 + @unread,
        'and those that should have been understood';
    like $t->node->log, qr/"stripe" sent an event "evt_bare" that cannot be/,
        'which the log tells';

    my $body = stripe_event($p);
    is hook($body, stripe_sign($body),
        headers => { 'Content-Type' => 'text/plain' })->code, 415, 'type';
    is $t->get('/api/v1/webhooks/stripe')->code, 405, 'GET';
    is hook($body, stripe_sign($body), gateway => 'nobody')->code, 404,
        'a gateway that is none';
    is hook($body, stripe_sign($body), gateway => 'mock')->code, 404,
        'nor does the mock have any';
    is status_of($p), 'PAYMENT_PENDING', 'nothing was done';

    # what a customer has written
    my $odd = stripe_event($p) =~ s/"metadata":\{/"metadata":{"seat":"\\u0000",/r;
    is hook($odd)->json->{outcome}, 'confirmed', 'a character that is none';
};


subtest 'what does not fit' => sub {
    my $p     = payable();
    my $other = payable();

    is hook(stripe_event($p, amount => $p->{amount} - 1))->json->{outcome},
        'quarantined', 'another amount';
    is status_of($p), 'PAYMENT_PENDING', 'is not confirmed';
    $p = payable();
    is hook(stripe_event($p, currency => 'usd'))->json->{outcome}, 'quarantined',
        'another currency';
    $p = payable();
    is hook(stripe_event($p, order => $other->{orderId}))->json->{outcome},
        'quarantined', 'of another order';
    is [status_of($p), status_of($other)], [('PAYMENT_PENDING') x 2],
        'neither is';
    is hook(stripe_event({ %$p, paymentId => 'pi_x' }, intent => uuid()))->json
        ->{outcome}, 'parked', 'an intent that is not there (yet)';
    is hook(stripe_event({ %$other, paymentId => 'pi_y' },
        order => 'x', intent => 'y'))->json->{outcome}, 'foreign',
        "another's payment";
    is hook(stripe_event({ %$other, paymentId => 'pi_z' }, intent => uuid(),
        site => uuid()))->json->{outcome}, 'foreign',
        "that of another Boxoffice on the same account";
    is hook(stripe_event({ %$other, paymentId => 'pi_u' }, intent => uuid(),
        site => value('select site_id from site')))->json->{outcome},
        'parked', 'with our own mark it is looked for';
    is metrics($t)->{webhooks_foreign_total}, 2, 'they are counted';
    like $t->node->log, qr/a gateway says what does not fit/, 'it is told';
};


subtest 'before its time' => sub {
    my $p = payable();
    my $early = uuid();

    is hook(stripe_event($p, intent => $early))->json->{outcome}, 'parked', 'parked';
    is status_of($p), 'PAYMENT_PENDING', 'it has no effect';
    $t->dbh->do('update payment_intents set intent_id = ? where order_id = ?',
        undef, $early, $p->{orderId});
    $t->wait_until(sub { status_of($p) eq 'CONFIRMED' }, 10,
        'until what it speaks of is there');
};


subtest 'after its time' => sub {
    my ($free, $taken) = map { payable() } 1, 2;

    $t->dbh->do(q{update orders set expires_at = now() - interval '1 s'
        where order_id in (?, ?)}, undef, map { $_->{orderId} } $free, $taken);
    $t->wait_until(sub { "@{[map { status_of($_) } $free, $taken]}"
        eq 'EXPIRED EXPIRED' }, 10, 'both are over');
    order($t, 'quick', SHOW, $taken->{seatIds});

    is hook(stripe_event($free))->json->{outcome}, 'confirmed',
        'the seat was still free';
    my $body = stripe_event($taken);
    is hook($body)->json->{outcome}, 'expired', 'this one was not';
    hook($body) for 1 .. 3;
    hook(stripe_event($taken)) for 1 .. 3;
    is $t->dbh->selectall_arrayref('select amount, reason from refunds
        where order_id = ?', undef, $taken->{orderId}),
        [[$taken->{amount}, 'LATE']], 'its money goes back, once';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, $free->{seatIds}->@*) }"
        eq 'BOOKED' }, 5, 'the seat is booked in Redis');
};


sub rzp ($p, %more) {
    return encode_json { entity => 'event',
        event => $more{event} // 'payment.captured',
        payload => { payment => { entity => {
            id => $more{id} // "pay_$seat", entity => 'payment',
            amount => $p->{amount}, currency => $p->{currency},
            status => $more{status} // 'captured',
            order_id => $p->{paymentId}, notes => [] } } } };
}


sub rzp_hook ($body, $id, $mac = hmac_sha256_hex($body, RZP)) {
    return $t->post('/api/v1/webhooks/razorpay', $body, key => undef,
        headers => { defined $mac ? ('X-Razorpay-Signature' => $mac) : (),
            defined $id ? ('x-razorpay-event-id' => $id) : () });
}


subtest 'the other scheme' => sub {
    my $p    = payable('razorpay');
    my $body = rzp($p);

    is rzp_hook($body, 'e1', undef)->code, 401, 'no signature';
    is rzp_hook($body, 'e1', 'x' x 64)->code, 400, 'garbled';
    is rzp_hook($body, 'e1', hmac_sha256_hex($body, SECRET))->code, 401,
        "another gateway's secret";
    is rzp_hook($body, undef)->code, 400, 'no id';
    is rzp_hook($body, 'e 1')->code, 400, 'an id that is none';
    is rzp_hook(rzp($p, event => 'payment.failed', status => 'failed'),
        'e0')->json->{outcome}, 'noted', 'a failed attempt';
    is rzp_hook($body, 'e1')->json->{outcome}, 'confirmed',
        'found by its order there';
    is rzp_hook($body, 'e1')->json->{outcome}, 'duplicate', 'again';
    is rzp_hook(rzp($p, id => 'pay_second'), 'e2')->json->{outcome},
        'already', 'paid twice';
    is value('select reason from refunds where payment_id = ?', 'pay_second'),
        'DUPLICATE', 'goes back';
    is rzp_hook(rzp($p, event => 'order.paid'), 'e3')->json->{outcome},
        'ignored', 'of no interest';
    is rzp_hook($_, undef)->json->{outcome}, 'ignored', 'not understood'
        for '{}', '{"event":"x"}', '{"event":"payment.captured"}',
        rzp($p, status => 'new'), rzp($p, event => 'payment.dispute.created');
    is rzp_hook(rzp({ %$p, paymentId => 'order_of_another' },
        id => 'pay_another'), 'e4')->json->{outcome}, 'foreign',
        "another's payment";
};


subtest 'without PostgreSQL' => sub {
    my $p    = payable();
    my $body = stripe_event($p);

    $t->dbh->do('begin');
    $t->dbh->do('lock table webhook_events');
    my $r = hook($body);
    is $r->code, 503, 'it must come again';
    ok $r->header('retry-after'), 'and is told when';
    $t->dbh->do('rollback');

    $t->wait_until(sub { hook($body)->code == 200 }, 10, 'it does');
    is status_of($p), 'CONFIRMED', 'and is taken';
};


$t->allow_log(qr/that cannot be understood/);
# A row that PostgreSQL refuses has a user, seats and money in it.
subtest 'an error of PostgreSQL' => sub {
    my $p = payable();

    $t->dbh->do('alter table orders add constraint none check '
        . "(status <> 'CONFIRMED' or user_id <> '$p->{user}')");
    is hook(stripe_event($p))->code, 503, 'it must come again';
    $t->dbh->do('alter table orders drop constraint none');

    my $log = $t->node->log;
    like $log, qr/a webhook could not be taken: .*constraint "none"/,
        'the log says why';
    unlike $log, qr/Failing row|DETAIL|\(\Q$p->{orderId}\E/,
        'and shows nothing of the row';
    is hook(stripe_event($p))->json->{outcome}, 'confirmed', 'it is taken';
};


unlike $t->node->log, qr/whsec|sk_test|razorpay_secret|rzp_secret/,
    'no secret in the log';

$t->check_invariants;
$t->done;
$provider->stop;
done_testing;
