# Idempotency-Key: one effect and one answer for a key, caller and payload.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW uuid);
use Boxoffice::Test::Booking
    qw(CUSTOMER hold order pay raw seat_states try_hold try_order try_pay);

my $t = Boxoffice::Test->new(nodes => 2, conf => { seats_per_user => 50 });

sub refused ($r, $code, $error, $name) {
    return like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name;
}


sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


# Sends the same request again, from both nodes, and wants the same bytes.
sub replays ($first, $send, $name) {
    for my $n (1 .. 5) {
        my $r = $send->(1 + $n % 2);
        is [$r->code, $r->body], [$first->code, $first->body],
            "$name, replay $n";
    }

    return;
}


subtest 'every POST wants a key' => sub {
    my $order = order($t, 'ann', SHOW, ['A1'])->{orderId};
    my $hold  = hold($t, 'ann', SHOW, ['A2'])->{holdId};
    my @posts = (
        ['/api/v1/holds', { showId => SHOW, seatIds => ['A3'] }],
        ['/api/v1/orders', { holdId => $hold, paymentMethod => 'UPI',
            customer => CUSTOMER }],
        ["/api/v1/orders/$order/confirm-payment",
            { paymentId => 'mock-ok-key' }],
        ["/api/v1/orders/$order/cancel", {}],
        ['/api/v1/shows', {}],
    );
    my @bad = (
        ['empty', ['']], ['too long', ['k' x 256]],
        ['with a blank', ['a b']], ['not ASCII', ["k\xe9"]],
        ['UTF-8', ["k\xc3\xa9"]], ['DEL', ["k\x7f"]], ['TAB', ["a\tb"]],
        ['an open quote', ['"abc']], ['an empty string', ['""']],
        ['a bad escape', ['"a\\b"']], ['parameters', ['"a";p=1']],
        ['two', ['a', 'b']], ['twice the same', ['a', 'a']],
    );

    for my $post (@posts) {
        my ($path, $body) = @$post;

        refused($t->post($path, $body, user => 'ann', key => undef,
            headers => { 'x-user-role' => 'ADMIN' }), 400,
            'idempotency_key_missing', "$path: none");

        for my $case (@bad) {
            my $json = Mojo::JSON::encode_json($body);
            my $answer = raw($t, "POST $path HTTP/1.1\r\nHost: a\r\n"
                . "x-user-id: ann\r\nx-user-role: ADMIN\r\n"
                . join('', map { "Idempotency-Key: $_\r\n" } $case->[1]->@*)
                . "Content-Type: application/json\r\nConnection: close\r\n"
                . 'Content-Length: ' . length($json) . "\r\n\r\n$json");
            like $answer, qr{\AHTTP/1\.1\ 400\ .*
                "code":"idempotency_key_(?:invalid|missing)"}xs,
                "$path: $case->[0]" or diag $answer;
        }
    }

    is value('select status from orders where order_id = ?', $order),
        'PAYMENT_PENDING', 'nothing was done';
    is seat_states($t, SHOW, 'A3'), ['AVAILABLE'], 'nothing was held';
    is try_hold($t, 'ann', SHOW, ['A2'], key => 'k' x 255)->code, 200,
        '255 characters are good';
};


subtest 'hold' => sub {
    my $key   = uuid();
    my $first = try_hold($t, 'bob', SHOW, [qw(B1 B2)], key => $key);
    my $hold  = $first->json->{holdId};
    my $send  = sub ($node) {
        try_hold($t, 'bob', SHOW, [qw(B1 B2)], key => $key, node => $node) };

    is $first->code, 201, 'held';
    is $first->header('idempotency-replayed'), undef, 'the first';
    is $send->(1)->header('idempotency-replayed'), 'true', 'the second says so';
    replays($first, $send, 'at once');
    replays($first, sub ($node) { try_hold($t, 'bob', SHOW, [qw(B1 B2)],
        key => "\"$key\"", node => $node) }, 'as a quoted string');

    refused(try_hold($t, 'bob', SHOW, ['B1'], key => $key), 422,
        'idempotency_key_reused', 'with other seats');
    refused(try_hold($t, 'bob', SHOW, [qw(B2 B1)], key => $key), 422,
        'idempotency_key_reused', 'with other bytes');

    $t->put("/api/v1/holds/$hold", { seatIds => [qw(B1 B3)] }, user => 'bob');
    replays($first, $send, 'after a change');
    is seat_states($t, SHOW, qw(B1 B2 B3)), [qw(HELD AVAILABLE HELD)],
        'which stays';

    $t->del("/api/v1/holds/$hold", user => 'bob');
    replays($first, $send, 'after a release');
    is seat_states($t, SHOW, qw(B1 B2)), [qw(AVAILABLE AVAILABLE)],
        'which stays';
    is scalar($t->redis->keys('seat_lock:{' . SHOW . '}:2*')), 0, 'no lock';

    hold($t, 'bob', SHOW, ['B5']);
    replays($first, $send, 'after another hold');
    is seat_states($t, SHOW, qw(B1 B5)), [qw(AVAILABLE HELD)], 'which stays';

    $t->reload;
    replays($first, $send, 'after a reload');
};


subtest 'another caller' => sub {
    my $key  = uuid();
    my $ann  = try_hold($t, 'cat', SHOW, ['C1'], key => $key);
    my $bob  = try_hold($t, 'dan', SHOW, ['C2'], key => $key);

    is [$ann->code, $bob->code], [201, 201], 'each has an effect';
    isnt $ann->json->{holdId}, $bob->json->{holdId}, 'of its own';

    my ($one, $two) = map { try_order($t, $_->json->{userId},
        $_->json->{holdId}, key => "o$key") } $ann, $bob;
    is [$one->code, $two->code], [201, 201], 'orders, too';
    isnt $one->json->{orderId}, $two->json->{orderId}, 'of their own';
};


subtest 'order, payment, cancellation' => sub {
    my $hold = hold($t, 'eve', SHOW, [qw(D1 D2)])->{holdId};
    my %key  = map { $_ => uuid() } qw(order pay cancel);
    my %send = (
        order => sub ($node) { try_order($t, 'eve', $hold,
            key => $key{order}, node => $node) },
    );
    my %first = (order => $send{order}->(1));
    my $id    = $first{order}->json->{orderId};

    $send{pay} = sub ($node) { try_pay($t, 'eve', $id, "mock-ok-$id",
        key => $key{pay}, node => $node) };
    $send{cancel} = sub ($node) { $t->post("/api/v1/orders/$id/cancel", {},
        user => 'eve', key => $key{cancel}, node => $node) };

    is $first{order}->code, 201, 'ordered';
    replays($first{order}, $send{order}, 'order');

    $first{pay} = $send{pay}->(1);
    is $first{pay}->code, 200, 'paid';
    replays($first{$_}, $send{$_}, "$_, after the payment") for qw(order pay);

    is $t->post("/api/v1/orders/$id/cancel", { seatIds => ['D1'] },
        user => 'eve')->code, 200, 'one seat is given back';
    replays($first{$_}, $send{$_}, "$_, after that") for qw(order pay);

    $first{cancel} = $send{cancel}->(2);
    is $first{cancel}->code, 200, 'cancelled';
    replays($first{$_}, $send{$_}, "$_, after the cancellation")
        for qw(order pay cancel);

    $t->reload;
    replays($first{$_}, $send{$_}, "$_, after a reload")
        for qw(order pay cancel);

    is [map { $_->[0] } $t->dbh->selectall_arrayref('select type from outbox
        where aggregate_id = ? order by version', undef, $id)->@*],
        [qw(order.created order.confirmed order.seats_cancelled
            order.cancelled)],
        'each had one effect';
    is value('select count(*) from payments where order_id = ?', $id), 1,
        'one payment';

    # a key is for one request, whichever resource it is sent to
    refused(try_order($t, 'eve', hold($t, 'eve', SHOW, ['D5'])->{holdId},
        key => $key{order}), 422, 'idempotency_key_reused', 'another hold');
    refused(try_pay($t, 'eve', $id, 'mock-ok-other', key => $key{pay}), 422,
        'idempotency_key_reused', 'another payment');
    my $other = order($t, 'eve', SHOW, ['D6'])->{orderId};
    refused(try_pay($t, 'eve', $other, "mock-ok-$id", key => $key{pay}), 422,
        'idempotency_key_reused', 'another order');
    refused(try_pay($t, 'eve', $other, 'mock-ok-x', key => $key{order}), 422,
        'idempotency_key_reused', 'another operation');
    refused($t->post("/api/v1/orders/$other/cancel", {}, user => 'eve',
        key => $key{cancel}), 422, 'idempotency_key_reused',
        'the cancellation of another');
};


subtest 'a declined payment' => sub {
    my $id  = order($t, 'fay', SHOW, ['E1'])->{orderId};
    my $key = uuid();
    my $first = try_pay($t, 'fay', $id, 'mock-declined-1', key => $key);

    refused($first, 402, 'payment_declined', 'declined');

    for my $node (1, 2) {
        my $r = try_pay($t, 'fay', $id, 'mock-declined-1', key => $key,
            node => $node);
        refused($r, 402, 'payment_declined', "again, node $node");
        is $r->json->{error}{details}, $first->json->{error}{details},
            'with the same details';
    }
};


subtest 'a refusal is no effect' => sub {
    my $key = uuid();
    my $holder = hold($t, 'gil', SHOW, ['F1'])->{holdId};

    refused(try_hold($t, 'hal', SHOW, ['F1'], key => $key), 409, 'seat_held',
        'refused');
    $t->del("/api/v1/holds/$holder", user => 'gil');
    is try_hold($t, 'hal', SHOW, ['F1'], key => $key)->code, 201,
        'the same key may try again';
};


subtest 'twenty at once' => sub {
    my $many = sub ($name, $code, $request) {
        my @requests = map { my $node = 1 + $_ % 2;
            [@$request, node => $node] } 1 .. 20;
        my @answers = $t->run_many(20, \@requests)->@*;
        my @done    = grep { $_->code == $code } @answers;
        my @others  = grep { $_->code != $code } @answers;

        ok scalar(@done), "$name: somebody is answered";
        is [grep { $_->body ne $done[0]->body } @done], [],
            "$name: all the same";
        is [map { $_->code . ' ' . ($_->error_code // '') } grep {
            ($_->error_code // '') ne 'request_in_progress'
                || $_->header('retry-after') ne '1' } @others], [],
            "$name: or told to come again";

        my $again = $t->request(@$request);
        is [$again->code, $again->body], [$code, $done[0]->body],
            "$name: who comes again has the answer";
        return $done[0]->json;
    };

    my $hold = $many->('hold', 201, ['POST', '/api/v1/holds',
        { showId => LARGE_SHOW, seatIds => [qw(A1 A2)] }, user => 'ida',
        key => uuid()]);
    my $order = $many->('order', 201, ['POST', '/api/v1/orders',
        { holdId => $hold->{holdId}, paymentMethod => 'CARD',
            customer => CUSTOMER }, user => 'ida', key => uuid()]);
    my $id = $order->{orderId};

    is value('select count(*) from orders where user_id = ?', 'ida'), 1,
        'one order';

    $many->('payment', 200, ['POST', "/api/v1/orders/$id/confirm-payment",
        { paymentId => "mock-ok-$id" }, user => 'ida', key => uuid()]);
    is value('select count(*) from payments where order_id = ?', $id), 1,
        'one payment';

    $many->('cancellation', 200, ['POST', "/api/v1/orders/$id/cancel", {},
        user => 'ida', key => uuid()]);
    is value('select count(*) from outbox where aggregate_id = ?', $id), 3,
        'one event of each';

    $many->('show', 201, ['POST', '/api/v1/shows', {
        screenId => '00000000-0000-4000-8000-000000000201',
        movieTitle => 'Twenty', startsAt => '2030-01-01T10:00:00Z',
        durationMinutes => 60, currency => 'INR',
        prices => { SILVER => 1, GOLD => 2, PLATINUM => 3 } },
        user => 'root', headers => { 'x-user-role' => 'ADMIN' },
        key => uuid()]);
    is value(q{select count(*) from shows join movies using (movie_id)
        where title = 'Twenty'}), 1, 'one show';
};


# The same payment under different keys: what a nervous user does.
subtest 'twenty keys, one payment' => sub {
    my $id = order($t, 'jim', LARGE_SHOW, [qw(B1 B2)])->{orderId};
    my @answers = $t->run_many(20, [map { ['POST',
        "/api/v1/orders/$id/confirm-payment", { paymentId => "mock-ok-$id" },
        user => 'jim', node => 1 + $_ % 2] } 1 .. 20])->@*;

    is [grep { $_->code != 200 && $_->code != 503 } @answers], [],
        'confirmed, or told to come again';
    my %tickets = map { $_->json->{ticketCode} => 1 }
        grep { $_->code == 200 } @answers;
    is scalar(keys %tickets), 1, 'one ticket';
    is value('select count(*) from payments where order_id = ?', $id), 1,
        'one payment';
};


$t->check_invariants;
$t->done;
done_testing;
