# The optimistic mode: bookings that are answered at once and written later;
# what is refused, at once and later, and how that is told.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER TIME UUID booked hold metrics order
    seat_states try_hold try_order);
use Time::HiRes qw(sleep time);

my $t = Boxoffice::Test->new(nodes => 2, workers => 2, append => 'always',
    optimistic => 1, conf => { order_ttl => '30s', seats_per_hold => 6,
        seats_per_user => 6, bookings => 'durability=always claim=1s' });

sub book ($user, $show, $seats, %o) {
    return $t->post('/create-booking', { showId => $show, seatIds => $seats,
        paymentMethod => delete $o{method} // 'CARD',
        customer => delete $o{customer} // CUSTOMER }, user => $user, %o);
}


sub complete ($user, $booking, $payment, %o) {
    return $t->post('/complete-booking', { bookingId => $booking,
        paymentId => $payment }, user => $user, %o);
}


sub read_order ($id, $user, %o) {
    return $t->get("/api/v1/orders/$id", user => $user, %o);
}


sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}


sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


sub status ($id) { return value('select status from orders where order_id = ?',
    $id) // '' }


sub becomes ($id, $status, $name = "it becomes $status") {
    return $t->wait_until(sub { status($id) eq $status }, 10, $name);
}


sub events ($id) {
    return join ' ', map { $_->[0] . ($_->[1] ? "($_->[1])" : '') }
        $t->dbh->selectall_arrayref(q{select type, payload->>'reason'
            from outbox where aggregate_id = ? order by version}, undef,
            $id)->@*;
}


sub counter ($name) {
    my $sum = 0;
    $sum += metrics($t, node => $_)->{$name} for 1, 2;
    return $sum;
}


# Bookings pile up while nothing can be written that claims a seat; what is
# there can be read.
sub while_held ($code) {
    my $dbh = $t->new_dbh;
    $dbh->begin_work;
    $dbh->do('lock table seat_claims in exclusive mode');
    $code->();
    $dbh->commit;
    $dbh->disconnect;
    return;
}


# a node has asked Redis before it takes bookings
for my $node (1, 2) {
    $t->wait_until(sub { metrics($t, node => $node)->{bookings_durable} }, 5,
        "node $node is ready");
}


subtest 'availability' => sub {
    my $want = $t->get('/api/v1/shows/' . SMALL_SHOW . '/seatmap')->json;

    my @get = ($t->get('/get-availability?showId=' . SMALL_SHOW),
        $t->post('/get-availability', { showId => SMALL_SHOW }, key => undef));

    for my $r (@get) {
        is $r->code, 200, 'answered';
        is $r->json->{seats}, $want->{seats}, 'with the seats';
        is $r->json->{statistics}, $want->{statistics}, 'and the statistics';
    }

    my $etag = $get[0]->header('etag');
    is $t->get('/get-availability?showId=' . SMALL_SHOW,
        headers => { 'If-None-Match' => $etag })->code, 304, 'or not again';
    is $t->get('/get-availability?form=compact&showId=' . SMALL_SHOW)->json,
        $t->get('/api/v1/shows/' . SMALL_SHOW . '/availability')->json,
        'the compact form';

    refused $t->get('/get-availability'), 400, 'invalid_query', 'of no show';
    refused $t->get('/get-availability?showId=1'), 400, 'invalid_query',
        'of what is no show';
    refused $t->get('/get-availability?form=x&showId=' . SHOW), 400,
        'invalid_query', 'in another form';
    refused $t->get('/get-availability?showId=' . uuid()), 404,
        'show_not_found', 'of a show that is not there';
    refused $t->post('/get-availability', {}, key => undef), 400,
        'missing_field', 'POST, of no show';
    refused $t->del('/get-availability'), 405, 'method_not_allowed', 'DELETE';
};


subtest 'create, complete' => sub {
    my $before = counter('bookings_persisted_total');
    my $r = book('ann', SHOW, [qw(A1 F1 N1)], method => 'WALLET');

    is $r->code, 202, 'accepted' or diag $r->body;
    my $b = $r->json;
    is $b, {
        bookingId => match(UUID), orderId => $b->{bookingId}, showId => SHOW,
        userId => 'ann', seatIds => [qw(A1 F1 N1)], quantity => 3,
        amount => 15000 + 25000 + 40000, currency => 'INR',
        status => 'PENDING', paymentMethod => 'WALLET',
        createdAt => match(TIME), expiresAt => match(TIME),
        confirmedAt => undef, ticketCode => undef,
    }, 'the fields, and no others';
    is seat_states($t, SHOW, qw(A1 F1 N1)), [qw(HELD HELD HELD)], 'held';
    refused try_hold($t, 'bea', SHOW, [qw(F1 F2)]), 409, 'seat_held',
        'for all others', { conflicts => ['F1'] };

    my $id = $b->{bookingId};
    becomes($id, 'PAYMENT_PENDING', 'it is written');
    is value('select customer_email from orders where order_id = ?', $id),
        CUSTOMER->{email}, 'with its customer';
    is read_order($id, 'ann')->json, { holdId => $id, orderId => $id,
        (map { $_ => $b->{$_} } qw(showId userId seatIds quantity amount
            currency paymentMethod confirmedAt ticketCode)),
        status => 'PAYMENT_PENDING', createdAt => match(TIME),
        expiresAt => match(TIME) }, 'and read as an order';
    is $t->get("/bookings/$id", user => 'ann')->json,
        read_order($id, 'ann')->json, 'or as a booking';
    refused $t->get("/bookings/$id", user => 'bea'), 404, 'not_found',
        "another's";

    $r = complete('ann', $id, 'mock-ok-opt1');
    is $r->code, 202, 'completed' or diag $r->body;
    is $r->json, { %$b, status => 'COMPLETING' }, 'at once';
    becomes($id, 'CONFIRMED');
    like read_order($id, 'ann')->json->{ticketCode}, qr/\S/, 'with a ticket';
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(A1 F1 N1)) }"
        eq 'BOOKED BOOKED BOOKED' }, 2, 'booked');
    is events($id), 'order.created order.confirmed', 'told';

    $t->wait_until(sub { complete('ann', $id, 'mock-ok-opt1')->code == 200 }, 3,
        'completed again: as it is');
    is complete('ann', $id, 'mock-ok-opt1')->json->{status}, 'CONFIRMED',
        'confirmed';
    $t->wait_until(sub { counter('bookings_persisted_total') == $before + 1 },
        2, 'counted once');
    is [$t->redis->xlen('bookings:{' . SHOW . '}')], [0],
        'no message is left';
};


subtest 'a payment that comes to nothing' => sub {
    my $b = book('ben', SHOW, ['B1'])->json;

    is complete('ben', $b->{bookingId}, 'mock-declined-1')->code, 202,
        'on its way';
    becomes($b->{bookingId}, 'FAILED');
    is events($b->{bookingId}), 'order.created order.failed', 'told';
    $t->wait_until(sub { seat_states($t, SHOW, 'B1')->[0] eq 'AVAILABLE' }, 2,
        'the seat is free');

    $b = book('ben', SHOW, ['B1'])->json;
    is complete('ben', $b->{bookingId}, 'nobody-knows-it')->code, 202,
        'a payment that nobody knows';
    $t->wait_until(sub { complete('ben', $b->{bookingId}, 'mock-ok-ben')
        ->code =~ /^20/ && status($b->{bookingId}) eq 'CONFIRMED' }, 5,
        'another may be tried');
};


subtest 'refused at once' => sub {
    my %body = (showId => SHOW, seatIds => ['C1'], paymentMethod => 'UPI',
        customer => CUSTOMER);
    my @cases = (
        [{ showId => 'x' }, 400, 'invalid_field'],
        [{ showId => undef }, 400, 'missing_field'],
        [{ showId => uuid() }, 404, 'show_not_found'],
        [{ seatIds => undef }, 400, 'missing_field'],
        [{ seatIds => [] }, 400, 'invalid_field'],
        [{ seatIds => ['Z99'] }, 404, 'seat_not_found'],
        [{ seatIds => [qw(C1 C1)] }, 400, 'invalid_field'],
        [{ seatIds => [map { "C$_" } 1 .. 7] }, 422, 'too_many_seats'],
        [{ paymentMethod => 'CASH' }, 400, 'invalid_field'],
        [{ customer => undef }, 400, 'missing_field'],
        [{ customer => { name => 'Bea', email => 'b' } }, 400,
            'invalid_field'],
        [{ amount => 1 }, 400, 'unknown_field'],
        [{ userId => 'eve' }, 400, 'unknown_field'],
    );

    for my $case (@cases) {
        my %b = (%body, $case->[0]->%*);
        delete @b{ grep { !defined $b{$_} } keys %b };
        refused $t->post('/create-booking', \%b, user => 'bea'),
            $case->[1], $case->[2],
            Mojo::JSON::encode_json($case->[0]) =~ s/(.{50}).*/$1/r;
    }

    refused $t->post('/create-booking', \%body), 401, 'unauthorized',
        'nobody';
    refused $t->post('/create-booking', \%body, user => 'bea', key => undef),
        400, 'idempotency_key_missing', 'without a key';
    refused $t->post('/create-booking', '{', user => 'bea'), 400,
        'invalid_json', 'no JSON';
    refused $t->get('/create-booking', user => 'bea'), 405,
        'method_not_allowed', 'GET';
    is seat_states($t, SHOW, 'C1')->[0], 'AVAILABLE', 'nothing was held';

    booked($t, 'cat', SHOW, ['C2']);
    hold($t, 'dot', SHOW, ['C3']);
    refused book('bea', SHOW, [qw(C2 C3)]), 409, 'seat_sold', 'taken',
        { conflicts => [qw(C2 C3)] };
    refused book('bea', SHOW, [qw(C3 C4)]), 409, 'seat_held', 'held',
        { conflicts => ['C3'] };
    is seat_states($t, SHOW, 'C4')->[0], 'AVAILABLE', 'all or none';

    my $b = book('bea', SHOW, ['C5'])->json;
    for my $case (
        [{ bookingId => 'x', paymentId => 'p' }, 400, 'invalid_field'],
        [{ bookingId => $b->{bookingId} }, 400, 'missing_field'],
        [{ bookingId => $b->{bookingId}, paymentId => 'a b' }, 400,
            'invalid_field'],
        [{ bookingId => uuid(), paymentId => 'p' }, 404, 'not_found'],
        [{ bookingId => $b->{bookingId}, paymentId => 'p', x => 1 }, 400,
            'unknown_field'])
    {
        refused $t->post('/complete-booking', $case->[0], user => 'bea'),
            $case->[1], $case->[2], Mojo::JSON::encode_json($case->[0]);
    }

    refused complete('cat', $b->{bookingId}, 'mock-ok-x'), 404, 'not_found',
        "another's";
    becomes($b->{bookingId}, 'PAYMENT_PENDING', 'it waits');
};


subtest 'idempotency' => sub {
    my $key = uuid();
    my @r = map { book('ida', SHOW, [qw(D1 D2)], key => $key, node => $_) }
        1, 2, 1;

    is [map { $_->code } @r], [202, 202, 202], 'the same request';
    is [map { $_->body } @r], [($r[0]->body) x 3], 'has the same answer';
    is $r[1]->header('idempotency-replayed'), 'true', 'and says so';
    my $id = $r[0]->json->{bookingId};
    refused book('ida', SHOW, ['D3'], key => $key), 422,
        'idempotency_key_reused', 'another under the key';
    is book('ivy', SHOW, ['D3'], key => $key)->code, 202,
        "another user's key is another";
    refused complete('ida', $id, 'mock-ok-ida', key => $key), 422,
        'idempotency_key_reused', 'another operation under the key';

    my $pay = uuid();
    @r = map { complete('ida', $id, 'mock-ok-ida', key => $pay, node => $_) }
        1, 2;
    is $r[0]->code, 202, 'completed';
    ok $r[1]->code == 202 && $r[1]->body eq $r[0]->body
        || $r[1]->code == 200, 'and again' or diag $r[1]->body;
    becomes($id, 'CONFIRMED');
    is value('select count(*) from orders where user_id = ?', 'ida'), 1,
        'one order';
    is value('select count(*) from payments where order_id = ?', $id), 1,
        'one payment';
};


subtest 'asked again when the sale is over' => sub {
    my ($key, $other) = (uuid(), uuid());
    my $first = book('jil', SMALL_SHOW, ['A1'], key => $key);
    is $first->code, 202, 'booked' or diag $first->body;
    is try_hold($t, 'jil', SMALL_SHOW, ['A2'], key => $other)->code, 201,
        'and a hold';
    $t->dbh->do(q{update shows set starts_at = now() - interval '1 minute'
        where show_id = ?}, undef, SMALL_SHOW);
    $t->reload(node => $_) for 1, 2;

    refused book('jim', SMALL_SHOW, ['A3'], key => $key), 410, 'sale_closed',
        'for others it is over';
    refused book('jil', SMALL_SHOW, ['A3'], key => $other), 410, 'sale_closed',
        'and for another request';
    my $again = book('jil', SMALL_SHOW, ['A1'], key => $key);
    is [$again->code, $again->body, $again->header('idempotency-replayed')],
        [202, $first->body, 'true'], 'what was booked is booked';
    refused book('jil', SMALL_SHOW, ['A2'], key => $key), 422,
        'idempotency_key_reused', 'another under the key';
};


subtest 'a hold of the user' => sub {
    hold($t, 'hal', SHOW, [qw(E1 E2 E3)]);
    my $r = book('hal', SHOW, [qw(E2 E3 E4)]);

    is $r->code, 202, 'is used up' or diag $r->body;
    is seat_states($t, SHOW, qw(E1 E2 E3 E4)),
        [qw(AVAILABLE HELD HELD HELD)], 'what is not booked is free';
    is try_hold($t, 'hal', SHOW, ['E1'])->code, 201,
        'and another may be held beside it';
    is seat_states($t, SHOW, qw(E1 E2 E3 E4)), [qw(HELD HELD HELD HELD)],
        'all of it';
    becomes($r->json->{bookingId}, 'PAYMENT_PENDING', 'written');
};


subtest 'before it is written' => sub {
    my ($b, $c);

    while_held(sub {
        $b = book('pat', SHOW, ['G1'])->json;

        my $r = $t->get("/bookings/$b->{bookingId}", user => 'pat');
        is $r->json, $b, 'it is shown as it was answered' or diag $r->body;
        refused $t->get("/bookings/$b->{bookingId}", user => 'eve'), 404,
            'not_found', "another's";

        my $key = uuid();
        $c = complete('pat', $b->{bookingId}, 'mock-ok-pat', key => $key);
        is $c->code, 202, 'and can be completed' or diag $c->body;
        is $t->get("/api/v1/orders/$b->{bookingId}", user => 'pat')
            ->json->{status}, 'COMPLETING', 'which is shown';
        refused complete('pat', $b->{bookingId}, 'mock-ok-pat2',
            key => $key), 422, 'idempotency_key_reused',
            'another payment under the key is refused';
        refused complete('pat', $b->{bookingId}, 'mock-ok-pat2'), 409,
            'request_in_progress', 'another payment has to wait';
        is complete('pat', $b->{bookingId}, 'mock-ok-pat')->code, 202,
            'the same is on its way';
    });

    becomes($b->{bookingId}, 'CONFIRMED', 'then both are done, in order');
    is events($b->{bookingId}), 'order.created order.confirmed', 'told';
};


subtest 'refused by PostgreSQL, compensated' => sub {
    my $refused = counter('bookings_refused_total');
    my $first = booked($t, 'rod', SHOW, ['H1']);

    # what a Redis that lost its writes would let happen
    $t->wait_until(sub { seat_states($t, SHOW, 'H1')->[0] eq 'BOOKED' }, 2,
        'sold');
    my $no = value('select min(seat_no) from seat_claims where order_id = ?',
        $first->{orderId});
    my $state = 'state:{' . SHOW . '}';
    my ($b, $late);

    while_held(sub {
        $t->redis->bitfield($state, 'SET', 'u2', "#$no", 0);
        my $r = book('sue', SHOW, [qw(H1 H2)]);
        is $r->code, 202, 'accepted all the same' or diag $r->body;
        $b = $r->json;
        is complete('sue', $b->{bookingId}, 'mock-ok-sue')->code, 202,
            'and paid';
    });

    my $id = $b->{bookingId};
    becomes($id, 'FAILED');
    is events($id), 'order.created order.failed(seats_taken)', 'told why';
    my $r = read_order($id, 'sue');
    is [$r->code, $r->json->{status}], [200, 'FAILED'], 'the user sees it';
    $t->wait_until(sub { seat_states($t, SHOW, 'H2')->[0] eq 'AVAILABLE' }, 3,
        'the other seat is free');
    $t->wait_until(sub { value('select count(*) from refunds
        where order_id = ?', $id) == 1 }, 5, 'the money goes back');
    is value('select payment_id from refunds where order_id = ?', $id),
        'mock-ok-sue', 'that of this booking';
    $t->wait_until(sub { counter('bookings_refused_total') == $refused + 1 },
        2, 'counted');
    refused complete('sue', $id, 'mock-ok-sue3'), 409, 'order_ended',
        'it cannot be completed any more', { orderId => $id,
        status => 'FAILED' };
    is value('select count(*) from refunds where order_id = ?', $id), 2,
        'and what is paid for it goes back, too';
    is read_order($first->{orderId}, 'rod')->json->{status}, 'CONFIRMED',
        'the first buyer keeps it';

    # more than one may have
    my @b = map { book('tim', SHOW, [map { "J$_" } 4 * $_ + 1 .. 4 * $_ + 4])
        ->json } 0, 1;
    $t->wait_until(sub { join(' ', sort map { status($_->{bookingId}) } @b)
        eq 'FAILED PAYMENT_PENDING' }, 5, 'one of two is beyond the limit');
    my ($over) = grep { status($_->{bookingId}) eq 'FAILED' } @b;
    is events($over->{bookingId}), 'order.created order.failed(limit)',
        'told why';
    $t->wait_until(sub { !grep { $_ ne 'AVAILABLE' }
        seat_states($t, SHOW, $over->{seatIds}->@*)->@* }, 3, 'its seats are free');
};


subtest 'the show begins at another time' => sub {
    my $b;

    # as an administrator moves it: no order is being written meanwhile
    my $move = sub ($by) {
        $t->dbh->begin_work;
        $t->dbh->do('select have_show(?)', undef, LARGE_SHOW);
        $t->dbh->do(q{update shows set starts_at = starts_at + ?::interval,
            ends_at = ends_at + ?::interval where show_id = ?}, undef, $by,
            $by, LARGE_SHOW);
        $t->dbh->commit;
    };

    while_held(sub {
        $b = book('tim', LARGE_SHOW, [qw(A1 A2)])->json;
        $move->('1 hour');
    });

    becomes($b->{bookingId}, 'FAILED');
    is events($b->{bookingId}), 'order.created order.failed(moved)',
        'nobody is sent to another time';
    $t->wait_until(sub { seat_states($t, LARGE_SHOW, 'A1')->[0] eq 'AVAILABLE' },
        2, 'its seats are free');
    $move->('-1 hour');
};


subtest 'expiry' => sub {
    my $b = book('exi', SHOW, ['K1'])->json;

    becomes($b->{bookingId}, 'PAYMENT_PENDING', 'written');
    $t->dbh->do("update orders set expires_at = now() where order_id = ?",
        undef, $b->{bookingId});
    becomes($b->{bookingId}, 'EXPIRED');
    $t->wait_until(sub { seat_states($t, SHOW, 'K1')->[0] eq 'AVAILABLE' }, 3,
        'its seat is free');

    booked($t, 'kay', SHOW, ['K1']);
    is complete('exi', $b->{bookingId}, 'mock-ok-exi')->code, 202,
        'paid when it is too late';
    $t->wait_until(sub { value('select count(*) from refunds
        where payment_id = ?', 'mock-ok-exi') == 1 }, 5, 'it goes back');
    $t->wait_until(sub { complete('exi', $b->{bookingId}, 'mock-ok-exi')
        ->code == 409 }, 5, 'then it is said');
};


subtest 'a message of another handler' => sub {
    my $stream = 'bookings:{' . SHOW . '}';
    my $b;

    # given to somebody who is dead
    while_held(sub {
        $b = book('zoe', SHOW, ['L1'])->json;
        sleep 0.2;
        my ($entry) = $t->redis->xrange($stream, '-', '+')->@*;
        $t->redis->xclaim($stream, 'persist', 'dead', 0, $entry->[0],
            'JUSTID');
        is $t->redis->xpending($stream, 'persist')->[3][0][0], 'dead',
            'it has it';
        complete('zoe', $b->{bookingId}, 'mock-ok-zoe');
    });

    becomes($b->{bookingId}, 'CONFIRMED', 'another takes it over');
};


subtest 'a message that nobody can read' => sub {
    my $stream = 'bookings:{' . SHOW . '}';
    my $unread = 'unread:{' . SHOW . '}';
    my $before = counter('bookings_unread_total');

    # a stream begins with it, for its id says that it came long ago
    $t->wait_until(sub { $t->redis->xlen($stream) == 0 }, 10, 'all is quiet');
    $t->redis->del($stream);
    my $old = $t->redis->xadd($stream, '1000-1', t => 'persist', b => 'x',
        what => 'nonsense');
    my $new = $t->redis->xadd($stream, '*', t => 'future');
    my $b = book('yan', SHOW, ['L2'])->json;
    complete('yan', $b->{bookingId}, 'mock-ok-yan');

    becomes($b->{bookingId}, 'CONFIRMED', 'holds up no other');
    $t->wait_until(sub { $t->redis->xlen($unread) }, 10, 'it is put away');
    is $t->redis->xrange($unread, '-', '+')->[0][1], ['id', $old, 't',
        'persist', 'b', 'x', 'what', 'nonsense'], 'as it was';
    is counter('bookings_unread_total') - $before, 1, 'counted';
    like join('', map { $t->node($_)->log } 1, 2),
        qr/message 1000-1 of show \d+ cannot be read, and goes to/, 'told';
    is [map { $_->[0] } $t->redis->xrange($stream, '-', '+')->@*], [$new],
        'a new one is left for a while to who may be able to';
    $t->redis->del($stream, $unread);
};


subtest 'backlog' => sub {
    my @r;
    $t->reload(node => $_, bookings => 'durability=always claim=1s backlog=5')
        for 1, 2;
    $t->wait_until(sub { metrics($t)->{bookings_durable} }, 5, 'ready');

    # it is in Redis
    hold($t, 'first', LARGE_SHOW, ['B1']);
    while_held(sub {
        @r = map { book("back$_", LARGE_SHOW, ["A$_"]) } 1 .. 8;
    });

    is [map { $_->code } @r], [(202) x 5, (503) x 3], 'bounded';
    is $r[7]->error_code, 'backlog', 'and says so';
    ok $r[7]->header('retry-after'), 'and when to try again';
    is seat_states($t, LARGE_SHOW, 'A8')->[0], 'AVAILABLE', 'nothing is held';
    becomes($_->json->{bookingId}, 'PAYMENT_PENDING', 'written')
        for @r[0 .. 4];
    $t->wait_until(sub { book('back8', LARGE_SHOW, ['A8'])->code == 202 }, 3,
        'then there is room again');
    ok counter('bookings_turned_away_total') >= 3, 'counted';
};


# Each worker of the first node notices by itself, and says so.
sub noticed ($what, $name) {
    return $t->wait_until(sub { 2 == (() = $t->node->log
        =~ /bookings are accepted$what/g) }, 5, $name);
}


subtest 'Redis is not safe' => sub {
    my $redis = $t->redis;

    $redis->config_set('appendfsync', 'everysec');
    noticed(': redis does not say appendfsync always', 'noticed');
    refused book('una', SHOW, ['M1']), 503, 'not_durable', 'refused';
    is $t->get('/readyz')->json, { status => 'ok',
        bookings => Mojo::JSON::false() }, 'the node is of use all the same';
    is try_hold($t, 'una', SHOW, ['M1'])->code, 201, 'for holds';

    $redis->config_set('appendfsync', 'always');
    $t->wait_until(sub { book('una', SHOW, ['M1'])->code == 202 }, 5,
        'accepted again');
    noticed(' again', 'by each worker');

    $redis->config_set('appendonly', 'no');
    noticed(': redis has no append-only file', 'no file: noticed');
    ok !metrics($t)->{bookings_durable}, 'and shown';
    $redis->config_set('appendonly', 'yes');
};


$t->check_invariants;
$t->done;
done_testing;
