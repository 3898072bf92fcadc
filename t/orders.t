# /orders: every outcome of each of its operations, the states an order goes
# through, the caps and the price.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER TIME UUID booked hold order pay
    seat_states try_hold try_order try_pay);
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(nodes => 2, conf => {
    order_ttl => '30s', seats_per_hold => 6, seats_per_user => 6 });

sub read_order ($id, $user, %o) {
    return $t->get("/api/v1/orders/$id", user => $user, %o);
}


sub cancel ($id, $user, %o) {
    return $t->post("/api/v1/orders/$id/cancel", {}, user => $user, %o);
}


sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}


# One value of the database.
sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


subtest 'create, pay' => sub {
    my $hold = hold($t, 'ann', SHOW, [qw(A1 F1 N1)]);
    my $r    = try_order($t, 'ann', $hold->{holdId}, method => 'WALLET');

    is $r->code, 201, 'created';
    my $order = $r->json;
    is $order, {
        orderId => match(UUID), holdId => $hold->{holdId}, showId => SHOW,
        userId => 'ann', seatIds => [qw(A1 F1 N1)], quantity => 3,
        amount => 15000 + 25000 + 40000, currency => 'INR',
        status => 'PAYMENT_PENDING', paymentMethod => 'WALLET',
        createdAt => match(TIME), expiresAt => match(TIME),
        confirmedAt => undef, ticketCode => undef,
    }, 'the fields, and no others';
    like $r->body, qr/"quantity":3,"amount":80000,/, 'numbers are numbers';

    is read_order($order->{orderId}, 'ann')->json, $order, 'it reads the same';
    is seat_states($t, SHOW, qw(A1 F1 N1)), [qw(HELD HELD HELD)], 'held';

    my $id = $order->{orderId};
    my $paid = try_pay($t, 'ann', $id, 'mock-ok-1');
    is $paid->code, 200, 'paid';
    is $paid->json, { %$order, status => 'CONFIRMED',
        confirmedAt => match(TIME),
        ticketCode => match(qr/\A[0-9A-Z]{4}(?:-[0-9A-Z]{4,5}){3}\z/) },
        'confirmed, with a ticket';
    is read_order($id, 'ann')->json, $paid->json, 'it reads the same';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(A1 F1 N1)) }"
        eq 'BOOKED BOOKED BOOKED' }, 1, 'booked');

    is try_pay($t, 'ann', $id, 'mock-ok-1')->json, $paid->json,
        'the same payment under another key changes nothing';
    refused(try_hold($t, 'bea', SHOW, [qw(F1 F2)]), 409, 'seat_sold',
        'sold', { conflicts => ['F1'] });

    is [map { $_->[0] } $t->dbh->selectall_arrayref(
        'select type from outbox where aggregate_id = ? order by version',
        undef, $id)->@*], [qw(order.created order.confirmed)],
        'an event for each step';
};


subtest 'refusals of create' => sub {
    my $hold = hold($t, 'bea', SHOW, ['B1']);
    my %body = (holdId => $hold->{holdId}, paymentMethod => 'UPI',
        customer => CUSTOMER);
    my sub create (%change) {
        my %b = (%body, %change);
        delete @b{ grep { !defined $b{$_} } keys %b };
        return $t->post('/api/v1/orders', \%b, user => 'bea');
    }

    my @cases = (
        [{ holdId => 'x' }, 400, 'invalid_field', 'holdId'],
        [{ holdId => undef }, 400, 'missing_field', 'holdId'],
        [{ holdId => 5 }, 400, 'invalid_field', 'holdId'],
        [{ holdId => uuid() }, 404, 'not_found', undef],
        [{ paymentMethod => 'CASH' }, 400, 'invalid_field', 'paymentMethod'],
        [{ paymentMethod => 'upi' }, 400, 'invalid_field', 'paymentMethod'],
        [{ paymentMethod => undef }, 400, 'missing_field', 'paymentMethod'],
        [{ customer => undef }, 400, 'missing_field', 'customer'],
        [{ customer => {} }, 400, 'missing_field', 'name'],
        [{ customer => 'Bea' }, 400, 'invalid_field', 'customer'],
        [{ customer => { name => 'Bea' } }, 400, 'missing_field', 'email'],
        (map { [{ customer => { name => 'Bea', email => $_ } }, 400,
            'invalid_field', 'email'] } 'b', 'b@', '@b', 'b@b@b', "b \@b.c",
            "b\n\@b.c", 'b' x 251 . '@b.c'),
        [{ customer => { name => '', email => 'b@b.c' } }, 400,
            'invalid_field', 'name'],
        [{ customer => { name => 'x' x 201, email => 'b@b.c' } }, 400,
            'invalid_field', 'name'],
        [{ customer => { name => 'B', email => 'b@b.c', phone => 1 } }, 400,
            'invalid_field', 'phone'],
        [{ amount => 1 }, 400, 'unknown_field', undef],
        [{ currency => 'USD' }, 400, 'unknown_field', undef],
        [{ userId => 'ann' }, 400, 'unknown_field', undef],
        [{ status => 'CONFIRMED' }, 400, 'unknown_field', undef],
    );

    for my $case (@cases) {
        my ($change, $code, $error, $field) = @$case;
        my $r = create(%$change);
        refused($r, $code, $error,
            Mojo::JSON::encode_json($change) =~ s/\n//gr =~ s/(.{50}).*/$1/r,
            defined $field ? { field => $field } : undef);
    }

    refused($t->post('/api/v1/orders', \%body), 401, 'unauthorized', 'nobody');
    refused($t->post('/api/v1/orders', \%body, user => 'cat'), 404,
        'not_found', "another's hold");
    is value('select count(*) from orders where hold_id = ?',
        $hold->{holdId}), 0, 'no order came of it';

    my $released = hold($t, 'dot', SHOW, ['B5']);
    $t->del("/api/v1/holds/$released->{holdId}", user => 'dot');
    refused(try_order($t, 'dot', $released->{holdId}), 409, 'hold_expired',
        'a hold that was released');

    my $order = create()->json;
    refused(create(), 409, 'hold_ordered', 'a hold makes one order',
        { orderId => $order->{orderId}, status => 'PAYMENT_PENDING' });
};


subtest 'Redis and PostgreSQL disagree: PostgreSQL has the last word' => sub {
    my $sold = booked($t, 'eli', SMALL_SHOW, [qw(C1 C2)]);
    my $hold = hold($t, 'fox', SMALL_SHOW, [qw(D1)]);

    # what a Redis that lost a second's writes would have let happen
    my $key = 'hold:{' . SMALL_SHOW . '}';
    my $no  = value('select min(seat_no) from seat_claims
        where order_id = ?', $sold->{orderId});
    my $entry = $t->redis->hget($key, 'fox') =~ s/ \d+\z/ $no/r;
    $t->redis->hset($key, 'fox', $entry);
    $t->redis->set('seat_lock:{' . SMALL_SHOW . "}:$no",
        "fox:$hold->{holdId}:1", 'PX', 60_000);

    refused(try_order($t, 'fox', $hold->{holdId}), 409, 'seat_sold',
        'a seat that is claimed', { conflicts => ['C1'] });
    is read_order($sold->{orderId}, 'eli')->json->{status}, 'CONFIRMED',
        'the first buyer keeps it';
};


subtest 'a hold that went with the data of Redis' => sub {
    my $hold = hold($t, 'lost', SHOW, ['K7']);
    my $redis = $t->redis;
    $redis->flushall;
    hold($t, 'found', SHOW, ['K8']);    # the show is there again

    refused try_order($t, 'lost', $hold->{holdId}), 409, 'hold_lost', 'lost';
    refused try_order($t, 'found', $hold->{holdId}), 409, 'hold_lost',
        'nobody learns whose it was';

    my $other = hold($t, 'lost', SHOW, ['K7']);
    refused try_order($t, 'found', $other->{holdId}), 404, 'not_found',
        'a hold made since is there, or is not';
};


subtest 'payments that do not come' => sub {
    my $order = order($t, 'gil', SHOW, [qw(C1 C2)]);
    my $id    = $order->{orderId};

    my @cases = (
        [{ paymentId => 'nobody-knows' }, 422, 'payment_unknown'],
        [{ paymentId => 'mock-ok-' }, 422, 'payment_unknown'],
        [{ paymentId => 'a b' }, 400, 'invalid_field'],
        [{ paymentId => 'x' x 65 }, 400, 'invalid_field'],
        [{ paymentId => '' }, 400, 'invalid_field'],
        [{}, 400, 'missing_field'],
        [{ paymentId => 'mock-ok-9', amount => 1 }, 400, 'unknown_field'],
    );

    for my $case (@cases) {
        refused($t->post("/api/v1/orders/$id/confirm-payment", $case->[0],
            user => 'gil'), $case->[1], $case->[2],
            Mojo::JSON::encode_json($case->[0]));
    }

    is read_order($id, 'gil')->json, $order, 'still pending';

    my $r = try_pay($t, 'gil', $id, 'mock-declined-1');
    refused($r, 402, 'payment_declined', 'declined',
        { orderId => $id, status => 'FAILED' });
    is read_order($id, 'gil')->json->{status}, 'FAILED', 'the order has failed';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(C1 C2)) }"
        eq 'AVAILABLE AVAILABLE' }, 1, 'its seats are free');
    refused(try_pay($t, 'gil', $id, 'mock-ok-late'), 409, 'order_ended',
        'too late', { orderId => $id, status => 'FAILED' });
    is value('select reason from refunds where payment_id = ?',
        'mock-ok-late'), 'ORDER_FAILED', 'that money goes back';
    is try_hold($t, 'gil', SHOW, [qw(C1 C2)])->code, 201,
        'the user may try again';
};


subtest 'a payment counts for one order' => sub {
    my ($one, $two) = map { order($t, 'hob', SHOW, [$_]) } qw(C5 C6);

    is try_pay($t, 'hob', $one->{orderId}, 'mock-ok-twice')->code, 200, 'one';
    refused(try_pay($t, 'hob', $two->{orderId}, 'mock-ok-twice'), 409,
        'payment_used', 'not for the second');
    is read_order($two->{orderId}, 'hob')->json->{status}, 'PAYMENT_PENDING',
        'which waits';
    is value('select count(*) from payments where payment_id = ?',
        'mock-ok-twice'), 1, 'one payment';
};


subtest 'cancel' => sub {
    my $pending = order($t, 'ian', SHOW, [qw(D1)]);
    my $paid    = booked($t, 'ian', SHOW, [qw(D2 D3)]);

    refused(cancel($paid->{orderId}, 'joe'), 404, 'not_found', "another's");
    refused(cancel($paid->{orderId}, undef), 401, 'unauthorized', 'nobody');
    refused($t->post("/api/v1/orders/$paid->{orderId}/cancel", { reason => 1 },
        user => 'ian'), 400, 'unknown_field', 'with a field');

    for my $order ($pending, $paid) {
        my $r = cancel($order->{orderId}, 'ian');
        is $r->code, 200, "cancelled, $order->{status} before";
        is $r->json, { %$order, status => 'CANCELLED',
            refund => $order->{confirmedAt} ? { refundId => match(UUID),
                amount => $order->{amount}, kept => 0, currency => 'INR',
                terms => 'POLICY', percent => 100,
                seatIds => $order->{seatIds}, at => match(TIME) } : undef },
            'the order says so';
        is cancel($order->{orderId}, 'ian')->json, $r->json, 'twice: the same';
        is read_order($order->{orderId}, 'ian')->json,
            { %$order, status => 'CANCELLED' }, 'it reads so';
        refused(try_pay($t, 'ian', $order->{orderId},
            "mock-ok-$order->{orderId}"), 409, 'order_ended', 'no payment now',
            { orderId => $order->{orderId}, status => 'CANCELLED' });
    }

    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(D1 D2 D3)) }"
        eq 'AVAILABLE AVAILABLE AVAILABLE' }, 1, 'free');
    is value(q{select count(*) from payments where order_id in (?, ?)
        and refunded <> amount}, $pending->{orderId},
        $paid->{orderId}), 0, 'all money goes back';
    is value('select seats from user_seats where user_id = ?', 'ian'), 0,
        'and counts no more for the limit';
    is try_hold($t, 'joe', SHOW, [qw(D1 D2 D3)])->code, 201, 'for another';
};


subtest 'an administrator' => sub {
    my %admin = (headers => { 'x-user-role' => 'ADMIN' });
    my $order = booked($t, 'kim', SHOW, ['D5']);
    my $id    = $order->{orderId};

    is read_order($id, 'root', %admin)->json, $order, "sees another's order";
    refused(read_order($id, 'root'), 404, 'not_found', 'others do not');
    is $t->get('/api/v1/orders', user => 'root', %admin)->json->{items}, [],
        'his own history is his own';
    like cancel($id, 'root', %admin)->json, { orderId => $id,
        status => 'CANCELLED', refund => { terms => 'FULL' } },
        'and cancels it';
    is value('select cause from refunds where order_id = ?', $id), 'cancel:3',
        'the money goes back';

    for my $role ('admin', 'ADMIN ADMIN', 'ADMINISTRATOR', '') {
        refused(read_order($id, 'root', headers => { 'x-user-role' => $role }),
            404, 'not_found', "the role '$role' is none");
    }
};


subtest 'ids that are not those of orders' => sub {
    my $order = order($t, 'lou', SHOW, ['E1']);

    for my $id (uuid(), SHOW, '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-8fff-bfff-ffffffffffff', $order->{holdId})
    {
        refused(read_order($id, 'lou'), 404, 'not_found', "read $id");
        refused(cancel($id, 'lou'), 404, 'not_found', "cancel $id");
        refused(try_pay($t, 'lou', $id, 'mock-ok-5'), 404, 'not_found',
            "pay $id");
    }

    is value('select count(*) from payments where payment_id = ?',
        'mock-ok-5'), 0, 'no payment of nothing';
    refused(read_order($order->{orderId}, 'max'), 404, 'not_found',
        "another's order");
    refused(try_pay($t, 'max', $order->{orderId}, 'mock-ok-6'), 404,
        'not_found', "paying another's order");
    is read_order(uc $order->{orderId}, 'lou')->json, $order, 'upper case';
    refused($t->get("/api/v1/orders/$order->{orderId}/x", user => 'lou'), 404,
        'not_found', 'no such verb');
};


subtest 'methods' => sub {
    my $id = order($t, 'lou', SHOW, ['E2'])->{orderId};
    my @cases = (
        ['/api/v1/orders', 'POST, GET, HEAD', qw(PUT DELETE PATCH OPTIONS)],
        ["/api/v1/orders/$id", 'GET, HEAD',
            qw(POST PUT DELETE PATCH OPTIONS)],
        ["/api/v1/orders/$id/cancel", 'POST', qw(GET HEAD PUT DELETE)],
        ["/api/v1/orders/$id/confirm-payment", 'POST',
            qw(GET HEAD PUT DELETE)],
    );

    for my $case (@cases) {
        my ($path, $allow, @methods) = @$case;

        for my $method (@methods) {
            my $r = $t->request($method, $path, undef, user => 'lou');
            is [$r->code, $r->header('allow')], [405, $allow],
                "$method $path";
        }
    }

    for my $path ('/api/v1/orders', "/api/v1/orders/$id") {
        my $head = $t->request('HEAD', $path, undef, user => 'lou');
        my $get  = $t->get($path, user => 'lou');
        is [$head->code, $head->header('content-length'), $head->body],
            [200, length $get->body, ''], "HEAD $path";
    }
};


subtest 'the history of a user' => sub {
    my @orders = map { order($t, 'meg', THEATRE_SHOW, [$_]) }
        qw(A1 A2 A3 B1 B2);
    my @expect = map { $_->{orderId} } reverse @orders;
    order($t, 'nan', THEATRE_SHOW, ['C1']);

    my $all = $t->get('/api/v1/orders', user => 'meg')->json;
    is [map { $_->{orderId} } $all->{items}->@*], \@expect, 'newest first';
    is $all->{items}[0], $orders[-1], 'the whole order';
    is $all->{nextCursor}, undef, 'no further page';

    my (@seen, $cursor);
    for my $page (1 .. 3) {
        my $json = $t->get('/api/v1/orders?limit=2'
            . ($cursor ? "&cursor=$cursor" : ''), user => 'meg')->json;
        is scalar($json->{items}->@*), $page < 3 ? 2 : 1, "page $page";
        push @seen, map { $_->{orderId} } $json->{items}->@*;
        $cursor = $json->{nextCursor};
        last if !$cursor;
    }

    is \@seen, \@expect, 'pages are the whole, nothing twice';
    is $cursor, undef, 'the last has no next one';
    is $t->get('/api/v1/orders?limit=5', user => 'meg')->json->{nextCursor},
        undef, 'nor has one that is exactly full';
    is $t->get('/api/v1/orders', user => 'nobody')->json,
        { items => [], nextCursor => undef }, 'an empty one';
    is $t->get('/api/v1/orders')->code, 401, 'of nobody';

    for my $query (qw(limit=0 limit=-1 limit=101 limit=1000000000 limit=x
        limit= limit=01 limit=1e1 limit=%31 cursor= cursor=x cursor=1_ cursor=_
        cursor=-1_00000000-0000-4000-8000-000000000001
        cursor=99999999999999999_00000000-0000-4000-8000-000000000001
        cursor=1_00000000-0000-4000-8000-00000000000g
        cursor=1_00000000-0000-4000-8000-000000000001x))
    {
        refused($t->get("/api/v1/orders?$query", user => 'meg'), 400,
            'invalid_query', $query);
    }
};


subtest 'seats of a user' => sub {
    order($t, 'oda', LARGE_SHOW, [qw(A1 A2 A3 A4)]);
    my $hold = hold($t, 'oda', LARGE_SHOW, [qw(A5 A6 A7)]);

    refused(try_order($t, 'oda', $hold->{holdId}), 409, 'seat_limit',
        'over the limit');
    is $t->get("/api/v1/holds/$hold->{holdId}", user => 'oda')
        ->json->{status}, 'HELD', 'the hold is not lost by it';

    my $less = $t->put("/api/v1/holds/$hold->{holdId}",
        { seatIds => [qw(A5 A6)] }, user => 'oda');
    is $less->code, 200, 'with less seats';
    is try_order($t, 'oda', $hold->{holdId})->code, 201, 'up to the limit';
    refused(try_order($t, 'oda', hold($t, 'oda', LARGE_SHOW, ['A9'])->{holdId}),
        409, 'seat_limit', 'one more');
    is try_order($t, 'oda', hold($t, 'oda', THEATRE_SHOW, ['D1'])->{holdId})
        ->code, 201, 'another show has its own count';
};


# A user has one hold at a time, so the holds are forged: what is raced is what
# must decide, and does not depend on Redis.
subtest 'fifty checkouts of one user at once' => sub {
    my $key = 'hold:{' . LARGE_SHOW . '}';
    my @holds;

    for my $n (0 .. 49) {
        my $seat = (qw(C D E F))[$n / 16] . (1 + $n % 16);
        my $hold = hold($t, "pal$n", LARGE_SHOW, [$seat]);
        push @holds, $hold->{holdId};
    }

    # all of them are pal's: fenced already, as after an attempt that failed
    for my $n (0 .. 49) {
        my ($id, $created, $expires, undef, $k, $fp, $seats) = split / /,
            $t->redis->hget($key, "pal$n");
        $t->redis->hset($key, "#$id",
            "pal $created $expires $k $fp $seats");
    }

    my @answers = $t->run_many(50, [map { ['POST', '/api/v1/orders',
        { holdId => $_, paymentMethod => 'UPI', customer => CUSTOMER },
        user => 'pal', node => 1 + ($_ =~ /[13579bdf]\z/ ? 1 : 0)] } @holds])
        ->@*;
    my %codes;
    $codes{ $_->code . ' ' . ($_->error_code // '') }++ for @answers;

    is $codes{'201 '}, 6, 'as many as one may have' or diag %codes;
    is value('select sum(cardinality(seat_nos)) from orders where user_id = ?',
        'pal'), 6, 'in the database, too';
    is [grep { !/^(?:201 |409 seat_limit|503 unavailable)\z/ } keys %codes],
        [], 'the others are told why' or diag join ', ', %codes;
};


subtest 'the price is that of the database' => sub {
    my $hold = hold($t, 'quy', SMALL_SHOW, ['G1']);

    $t->dbh->do(q{update show_prices set price = 12345
        where show_id = ? and category = 'GOLD'}, undef, SMALL_SHOW);

    my $r = try_order($t, 'quy', $hold->{holdId});
    is $r->code, 201, 'a price changed since the hold';
    is $r->json->{amount}, 12345, 'it is the new one';
    is try_order($t, 'rob', hold($t, 'rob', SMALL_SHOW, ['G2'], node => 2)
        ->{holdId}, node => 2)->json->{amount}, 12345,
        'another node knows it as well';
};


subtest 'a show that is over' => sub {
    my %show = (
        cancelled => [SMALL_SHOW, q{update shows set status = 'CANCELLED'
            where show_id = ?}],
        started => [THEATRE_SHOW, q{update shows set starts_at = now()
            - interval '1 minute' where show_id = ?}],
    );

    for my $name (sort keys %show) {
        my ($id, $sql) = $show{$name}->@*;
        my ($late, $free) = $name eq 'started' ? qw(E1 E2) : qw(H1 H2);
        my $key   = uuid();
        my $held  = try_hold($t, 'sam', $id, [$late], key => $key);
        my $hold  = $held->json;
        my $order = booked($t, 'tim', $id, [$free]);

        is $t->dbh->do($sql, undef, $id), 1, $name;
        refused(try_order($t, 'sam', $hold->{holdId}), 410, 'sale_closed',
            "$name: no order");

        # what a worker knows of a show may be half a minute old; a new one
        # reads it
        $t->reload;
        refused(try_hold($t, 'sam', $id, [$late]), 410, 'sale_closed',
            "$name: no hold");
        my $again = try_hold($t, 'sam', $id, [$late], key => $key);
        is [$again->code, $again->body], [201, $held->body],
            "$name: the hold of before, asked for again";
        refused($t->put("/api/v1/holds/$hold->{holdId}", {}, user => 'sam'),
            410, 'sale_closed', "$name: no extension");
        is $t->del("/api/v1/holds/$hold->{holdId}", user => 'sam')->code, 204,
            "$name: release";
        is read_order($order->{orderId}, 'tim')->json, $order,
            "$name: orders are there";

        my $r = cancel($order->{orderId}, 'tim');
        $name eq 'started'
            ? refused($r, 410, 'sale_closed', 'too late to cancel')
            : is($r->code, 200, 'a cancelled one can be cancelled');
    }
};


subtest 'an order that is not paid in time' => sub {
    $t->reload(order_ttl => '1s');

    my $order = order($t, 'una', SHOW, [qw(Q1 Q2)]);
    my $id    = $order->{orderId};

    $t->wait_until(sub {
        read_order($id, 'una')->json->{status} eq 'EXPIRED' }, 3, 'expired');
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(Q1 Q2)) }"
        eq 'AVAILABLE AVAILABLE' }, 1, 'its seats are free');
    my $r = try_pay($t, 'una', $id, 'mock-ok-7');
    is [$r->code, $r->json->{status}], [200, 'CONFIRMED'],
        'paid too late, and the seats are still free';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(Q1 Q2)) }"
        eq 'BOOKED BOOKED' }, 1, 'now they are booked');
    is cancel($id, 'una')->json->{status}, 'CANCELLED', 'cancelled';

    $order = order($t, 'una', SHOW, [qw(Q3 Q4)]);
    $id    = $order->{orderId};
    $t->wait_until(sub {
        read_order($id, 'una')->json->{status} eq 'EXPIRED' }, 3, 'expired');
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(Q3 Q4)) }"
        eq 'AVAILABLE AVAILABLE' }, 1, 'its seats are free');
    booked($t, 'vic', SHOW, ['Q4']);
    refused(try_pay($t, 'una', $id, 'mock-ok-8'), 409, 'order_ended',
        'another has a seat by now', { orderId => $id, status => 'EXPIRED' });
    is value('select reason from refunds where payment_id = ?', 'mock-ok-8'),
        'LATE', 'that money goes back';
    is value('select count(*) from seat_claims where order_id = ?', $id), 0,
        'no claim is left';
    is cancel($id, 'una')->json->{status}, 'CANCELLED', 'cancelled after all';
};


$t->check_invariants;
$t->done;
done_testing;
