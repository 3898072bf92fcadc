# Giving seats back: by the terms of the theatre, some or all of an order, by
# many at once, through crashes; and whole shows.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID booked hold metrics order
    seat_states seatmap try_hold try_order try_pay);
use Boxoffice::Test::Stream ();
use Mojo::JSON ();
use POSIX ();
use Time::HiRes qw(sleep time);

use constant HOUSE => '00000000-0000-0000-0000-000000000000';

my $t = Boxoffice::Test->new(nodes => 2, postgres => 'own', conf => {
    order_ttl => '60s', seats_per_hold => 10, seats_per_user => 60 });
my %admin = (headers => { 'x-user-role' => 'ADMIN' });

sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}

sub cancel ($id, $user, $body = {}, %o) {
    return $t->post("/api/v1/orders/$id/cancel", $body, user => $user, %o);
}

sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}

sub theatre_of ($show) {
    return value('select theatre_id from shows join screens using (screen_id)
        where show_id = ?', $show);
}

# Terms that are in force at once, as if they had been set long ago.
sub terms ($theatre, $terms) {
    # a worker may still be without PostgreSQL, which was restarted
    my $r = $t->definite(sub { $t->put(
        "/api/v1/theatres/$theatre/refund-policy", $terms, user => 'root',
        %admin) });

    $r->code == 200 or die $r->body;
    $t->dbh->do(q{update refund_policies
        set effective_from = now() - interval '1 day'
        where theatre_id = ? and version = ?}, undef, $theatre,
        $r->json->{version});
    return $r->json;
}

# The states of seats on the seat map of a node.
sub states ($show, $node, @seats) {
    my %state = map { $_->{seatId} => $_->{status} }
        seatmap($t, $show, node => $node)->{seats}->@*;
    return join ' ', @state{@seats};
}

sub money ($id) {
    return [$t->dbh->selectrow_array('select p.amount, p.refunded, p.kept,
        (select count(*) from refunds r where r.order_id = p.order_id)
        from payments p where p.order_id = ?', undef, $id)];
}

my $theatre = theatre_of(SHOW);
my $HALF    = { steps => [{ minutesBefore => 60, percent => 50 }] };


subtest 'the terms of a theatre' => sub {
    my $path = "/api/v1/theatres/$theatre/refund-policy";
    is $t->get($path)->json->{inForce}{steps}[1],
        { minutesBefore => 1440, percent => 50 }, 'those of the theatre';
    $t->dbh->do('delete from refund_policies where theatre_id = ?', undef,
        $theatre);
    my $now = $t->get($path);

    is $now->code, 200, 'everybody may read them';
    is $now->json, { inForce => { theatreId => HOUSE, version => 1,
        effectiveFrom => '1970-01-01T00:00:00.000Z',
        steps => [{ minutesBefore => 0, percent => 100 }],
        fee => { fixed => 0, currency => undef, basisPoints => 0,
            per => 'ORDER' } }, next => [] }, 'those of the house';

    refused($t->put($path, $HALF), 401, 'unauthorized', 'nobody');
    refused($t->put($path, $HALF, user => 'ann'), 403, 'forbidden', 'a user');
    my sub put ($body, %o) {
        return $t->put($o{path} // $path, $body, user => 'root', %admin);
    }
    refused(put('{'), 400, 'invalid_json', 'no JSON');
    refused(put('[]'), 400, 'invalid_json', 'no object');
    refused(put('{"steps":[],"steps":[]}'), 400, 'duplicate_field', 'twice');
    refused(put({ stairs => 1, fee => 5,
            steps => [{ percent => 120, minutesBefore => 5 }] }),
        422, 'invalid_terms', 'mistakes', { mistakes => bag {
            item { field => 'stairs', problem => 'is not known' };
            item { field => 'fee', problem => 'is not an object' };
            item { field => 'steps[0].percent',
                problem => 'is not an integer from 0 to 100' };
            end } });
    refused(put('{"steps":"\u0000"}'), 422, 'invalid_terms', 'a NUL');
    refused(put($HALF, path => '/api/v1/theatres/' . uuid()
        . '/refund-policy'), 404, 'theatre_not_found', 'no theatre');
    refused($t->get('/api/v1/theatres/' . uuid() . '/refund-policy'), 404,
        'theatre_not_found', 'none to read');
    refused($t->get("/api/v1/theatres/$theatre/refund"), 404, 'not_found',
        'no such path');
    is $t->request('DELETE', $path, undef)->header('allow'),
        'GET, HEAD, PUT', 'methods';

    my $r = put({ %$HALF, fee => { fixed => 700, currency => 'INR' } });
    is $r->code, 200, 'set' or diag $r->body;
    is $r->json, { theatreId => $theatre, version => 1,
        effectiveFrom => match(TIME), steps => $HALF->{steps},
        fee => { fixed => 700, currency => 'INR', basisPoints => 0,
            per => 'ORDER' } }, 'as it will be';
    is $t->get($path, node => 2)->json->{next}, [$r->json], 'it is announced';
    is put({ %$HALF, fee => { fixed => 700, currency => 'INR' } })->json,
        $r->json, 'twice is once';
    $t->dbh->do('delete from refund_policies where theatre_id = ?', undef,
        $theatre);
};


subtest 'some seats, on every screen' => sub {
    terms($theatre, $HALF);
    my $order = booked($t, 'ann', SHOW, [qw(A1 A2 A3 A4)]);
    my $id    = $order->{orderId};
    my %no    = do { my $n = 0;
        map { $_->{seatId} => $n++ } seatmap($t, SHOW)->{seats}->@* };

    my @streams = map { Boxoffice::Test::Stream->new($t, SHOW, node => $_) }
        1, 2;
    ok $_->until(sub { ($_->{state}[$no{A4}] // 0) == 2 }, 3), 'sold'
        for @streams;

    my $quote = $t->get("/api/v1/orders/$id/refund-quote?seatIds=A2,A3",
        user => 'ann');
    is $quote->code, 200, 'a quote';
    my $until = value("select to_char((starts_at - interval '1 hour')
        at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
        from shows where show_id = ?", SHOW);
    is $quote->json, { orderId => $id, seatIds => [qw(A2 A3)],
        currency => 'INR', cancellable => Mojo::JSON::true, price => 30000,
        amount => 15000, percent => 50,
        policy => { theatreId => $theatre, version => 1 },
        steps => [{ until => $until, percent => 50, amount => 15000 }] },
        'what it would be';

    my $key = uuid();
    my $r = cancel($id, 'ann', { seatIds => [qw(A3 A2)] }, key => $key);
    is $r->code, 200, 'given back' or diag $r->body;
    is $r->json, { %$order, seatIds => [qw(A1 A4)], quantity => 2,
        refund => { refundId => match(UUID), amount => 15000, kept => 15000,
            currency => 'INR', terms => 'POLICY', percent => 50,
            seatIds => [qw(A2 A3)], at => match(TIME) } },
        'the order with the others';

    # the first change that is told is this one: nothing was put right later
    for my $s (@streams) {
        my $delta = ($s->next(3) // {})->{data} // {};
        is { map { $_ => $delta->{$_} } grep { ref $delta->{$_} eq 'ARRAY' }
            keys %$delta }, { available => [@no{qw(A2 A3)}] },
            'a stream is told of exactly these';
        ok $s->until(sub { join('', $s->{state}->@[@no{qw(A1 A2 A3 A4)}])
            eq '2002' }, 2), 'a stream has exactly these free'
            or diag join '', $s->{state}->@[@no{qw(A1 A2 A3 A4)}];
    }
    for my $node (1, 2) {
        $t->wait_until(sub { states(SHOW, $node, qw(A1 A2 A3 A4))
            eq 'BOOKED AVAILABLE AVAILABLE BOOKED' }, 2,
            "the seat map of node $node");
    }
    is seat_states($t, SHOW, qw(A1 A2 A3 A4)),
        [qw(BOOKED AVAILABLE AVAILABLE BOOKED)], 'and Redis';
    is metrics($t)->{seats_repaired_total}
        + metrics($t, node => 2)->{seats_repaired_total}, 0,
        'without the repair';
    is value(q{select string_agg(seat_no::text, ',' order by seat_no)
        from seat_claims where order_id = ?}, $id), "$no{A1},$no{A4}",
        'and PostgreSQL';

    my $again = cancel($id, 'ann', { seatIds => [qw(A3 A2)] }, key => $key,
        node => 2);
    is [$again->code, $again->body, $again->header('idempotency-replayed')],
        [200, $r->body, 'true'], 'the same request, the same answer';
    is $t->get("/api/v1/orders/$id", user => 'ann')->json,
        { %$order, seatIds => [qw(A1 A4)], quantity => 2 }, 'it reads so';

    my $bob = booked($t, 'bob', SHOW, [qw(A2 A3)]);
    is cancel($id, 'ann', { seatIds => [qw(A3 A2)] }, key => $key)->body,
        $r->body, 'once more';
    sleep 0.2;
    is states(SHOW, 1, qw(A2 A3)), 'BOOKED BOOKED',
        'which takes nothing from the next buyer';

    my $rest = cancel($id, 'ann', { seatIds => [qw(A1 A4)] });
    is $rest->json->{status}, 'CANCELLED', 'the last seats end the order';
    is $rest->json->{seatIds}, [qw(A1 A4)], 'it had these';
    is cancel($id, 'ann', { seatIds => [qw(A3 A2)] }, key => $key)->body,
        $r->body, 'and the first answer stays what it was';
    is money($id), [60000, 30000, 30000, 2], 'the sums';
    is $t->get("/api/v1/orders/$id/refunds", user => 'ann')->json, { items => [
        map { { refundId => $_->{refundId}, amount => 15000,
            currency => 'INR', reason => $_->{reason}, status => match(qr/./),
            seatIds => $_->{seatIds}, requestedAt => match(TIME),
            doneAt => E() } }
        { $r->json->{refund}->%*, reason => 'SEATS_CANCELLED' },
        { $rest->json->{refund}->%*, reason => 'CANCELLED' } ] },
        'and where they went';
    cancel($bob->{orderId}, 'bob');
};


subtest 'what is refused' => sub {
    my $paid    = booked($t, 'cat', SHOW, [qw(B1 B2 B3)])->{orderId};
    my $pending = order($t, 'cat', SHOW, [qw(B4 B5)])->{orderId};

    for my $case (
        [{ seatIds => [] }, 400, 'invalid_field'],
        [{ seatIds => 'B1' }, 400, 'invalid_field'],
        [{ seatIds => [1] }, 400, 'invalid_field'],
        [{ seatIds => [qw(B1 B1)] }, 400, 'invalid_field'],
        [{ seatIds => [map { "B$_" } 1 .. 65] }, 400, 'invalid_field'],
        [{ seatIds => ['B' x 30] }, 400, 'invalid_field'],
        [{ seatIds => ['B1'], amount => 5 }, 400, 'unknown_field'],
        [{ refund => 'ALL' }, 400, 'invalid_field'],
        [{ refund => 1 }, 400, 'invalid_field'],
        [{ refund => 'FULL' }, 403, 'forbidden'],
        [{ refund => 'NONE' }, 403, 'forbidden'],
        [{ seatIds => ['B4'] }, 409, 'seats_not_in_order'],
        [{ seatIds => [qw(B1 B9)] }, 409, 'seats_not_in_order'],
        [{ seatIds => ['B1,B2'] }, 409, 'seats_not_in_order'],
        [{ seatIds => ["\x{e9}"] }, 409, 'seats_not_in_order'])
    {
        refused(cancel($paid, 'cat', $case->[0]), @$case[1, 2],
            Mojo::JSON::encode_json($case->[0]) =~ s/.{40}\K.*//r);
    }

    refused(cancel($paid, 'dan', { seatIds => ['B1'] }), 404, 'not_found',
        "another's");
    refused(cancel($pending, 'cat', { seatIds => ['B4'] }), 409,
        'order_unpaid', 'seats of what is not paid',
        { orderId => $pending, status => 'PAYMENT_PENDING' });
    my $key = uuid();
    refused(cancel($paid, 'cat', { seatIds => ['B9'] }, key => $key), 409,
        'seats_not_in_order', 'a refusal');
    is cancel($paid, 'cat', { seatIds => ['B3'] }, key => $key)->code, 200,
        'leaves the key free';
    refused(cancel($paid, 'cat', { seatIds => ['B2'] }, key => $key), 422,
        'idempotency_key_reused', 'an effect does not');

    is cancel($pending, 'cat', { seatIds => [qw(B4 B5)] })->json->{refund},
        undef, 'all of what is not paid goes without a refund';
    refused(cancel($pending, 'cat', { seatIds => ['B4'] }), 409,
        'order_ended', 'seats of what has ended',
        { orderId => $pending, status => 'CANCELLED' });

    for my $case (['', 200], ['?seatIds=B1', 200], ['?seatIds=B1%2CB2', 200],
        ['?seatIds=', 400], ['?seatIds=B1;', 400], ['?seatIds=%00', 400],
        ['?seatIds=b1', 400], ['?seatIds=B9', 409], ['?seatIds=,', 409])
    {
        is $t->get("/api/v1/orders/$paid/refund-quote$case->[0]",
            user => 'cat')->code, $case->[1], "quote $case->[0]";
    }
    refused($t->get("/api/v1/orders/$pending/refund-quote", user => 'cat'),
        409, 'order_ended', 'a quote of what has ended');

    for my $path ('refund-quote', 'refunds') {
        refused($t->get("/api/v1/orders/$paid/$path"), 401, 'unauthorized',
            "$path, nobody");
        refused($t->get("/api/v1/orders/$paid/$path", user => 'dan'), 404,
            'not_found', "$path of another's");
        refused($t->get('/api/v1/orders/' . uuid() . "/$path",
            user => 'cat'), 404, 'not_found', "$path of none");
        is $t->get("/api/v1/orders/$paid/$path", user => 'root',
            %admin)->code, 200, "$path for an administrator";
    }
};


subtest 'after the last step' => sub {
    my $order = booked($t, 'dot', SHOW, [qw(C1 C2)]);
    my $id    = $order->{orderId};
    my ($starts, $ends) = $t->dbh->selectrow_array('select starts_at, ends_at
        from shows where show_id = ?', undef, SHOW);
    $t->dbh->do(q{update shows set starts_at = now() + interval '59 minutes'
        where show_id = ?}, undef, SHOW);

    my $quote = $t->get("/api/v1/orders/$id/refund-quote",
        user => 'dot')->json;
    is [$quote->@{qw(cancellable amount steps)}],
        [Mojo::JSON::false, 0, []], 'the quote says so';
    refused(cancel($id, 'dot'), 409, 'cancellation_over', 'over',
        { orderId => $id, status => 'CONFIRMED' });
    refused(cancel($id, 'root', { refund => 'POLICY' }, %admin), 409,
        'cancellation_over', 'for an administrator who keeps to the terms');
    my $r = cancel($id, 'root', { seatIds => ['C1'], refund => 'NONE' },
        %admin);
    is [$r->json->{refund}->@{qw(amount terms refundId)}],
        [0, 'NONE', undef], 'he may give nothing back';
    $r = cancel($id, 'root', {}, %admin);
    is [$r->json->{refund}->@{qw(amount terms percent)}],
        [15000, 'FULL', undef], 'or all';
    is money($id), [30000, 15000, 15000, 1], 'the sums';
    $t->dbh->do('update shows set starts_at = ? where show_id = ?', undef,
        $starts, SHOW);
};


subtest 'many at once' => sub {
    my $same = booked($t, 'eve', SHOW, [qw(D1 D2 D3 D4)])->{orderId};
    my $before = metrics($t)->{orders_reduced_total}
        + metrics($t, node => 2)->{orders_reduced_total};
    my %codes;
    $codes{ $_->code . ' ' . ($_->error_code // '') }++ for $t->run_many(20, [
        map { ['POST', "/api/v1/orders/$same/cancel",
            { seatIds => [qw(D1 D2)] }, user => 'eve', node => 1 + $_ % 2] }
        1 .. 20 ])->@*;
    is \%codes, { '200 ' => 1, '409 seats_not_in_order' => 19 },
        'the same seats go back once' or diag Mojo::JSON::encode_json(\%codes);
    is money($same), [60000, 15000, 15000, 1], 'one refund';
    is metrics($t)->{orders_reduced_total}
        + metrics($t, node => 2)->{orders_reduced_total}, $before + 1,
        'counted once';

    my $mixed = booked($t, 'fay', SHOW, [qw(D5 D6 D7 D8)])->{orderId};
    my @seats = ([], ['D5'], ['D6', 'D7'], ['D8'], ['D5', 'D8']);
    %codes = ();
    $codes{ $_->code }++ for $t->run_many(20, [
        map { my $s = $seats[$_ % 5];
            ['POST', "/api/v1/orders/$mixed/cancel",
            @$s ? { seatIds => $s } : {}, user => 'fay', node => 1 + $_ % 2] }
        0 .. 29 ])->@*;
    delete @codes{200, 409};
    is \%codes, {}, 'parts against the whole: done or refused';
    my $m = money($mixed);
    is [$m->[1] + $m->[2], $m->[1]], [60000, 30000], 'all of it once';
    is value('select status from orders where order_id = ?', $mixed),
        'CANCELLED', 'and the order has ended';

    # a cancellation against the payment, many times over
    for my $n (1 .. 15) {
        my $id = order($t, 'gus', SHOW, ['E1'])->{orderId};
        my $r = $t->run_many(4, [
            ['POST', "/api/v1/orders/$id/cancel", {}, user => 'gus'],
            ['POST', "/api/v1/orders/$id/confirm-payment",
                { paymentId => "mock-ok-race$n" }, user => 'gus', node => 2],
            ['POST', "/api/v1/orders/$id/cancel", { seatIds => ['E1'] },
                user => 'gus', node => 2]]);
        cancel($id, 'gus');
        $m = money($id);
        $m->[1] + $m->[2] == 15000 && $m->[3] == 1
            or fail "race $n: @$m, " . join ' ', map { $_->code } @$r;
        $t->wait_until(sub { seat_states($t, SHOW, 'E1')->[0]
            eq 'AVAILABLE' }, 5) or last;
    }
    pass 'cancelled against paid: the money goes back by one way';
    $t->check_invariants;
};


subtest 'a worker dies, PostgreSQL restarts' => sub {
    $t->allow_log(qr/worker process \d+ exited on signal 9/,
        qr/boxoffice:.*(?:postgres|PostgreSQL|lost|terminat)/);
    my @rows = map { my $r = $_; map { "$r$_" } 1 .. 10 } qw(F G H);
    my @orders = map { booked($t, 'hal', SHOW, [$_, shift @rows]) }
        splice @rows, 0, 12;
    my @wish = map { { id => $_->{orderId}, seat => $_->{seatIds}[0],
        key => uuid() } } @orders;

    my sub all (@which) {
        return $t->run_many(12, [map { ['POST',
            "/api/v1/orders/$_->{id}/cancel", { seatIds => [$_->{seat}] },
            user => 'hal', key => $_->{key}, timeout => 5] } @which]);
    }

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        sleep 0.02;
        kill KILL => ($t->worker_pids)[0];
        POSIX::_exit(0);
    }
    my $r = all(@wish);
    waitpid $pid, 0;
    diag 'answered: ' . grep { $_->code == 200 } @$r;

    $t->restart_postgres;
    ok $t->wait_ready(node => $_), "node $_ is ready" for 1, 2;
    my $again;
    $t->wait_until(sub { $again = all(@wish);
        !grep { $_->code != 200 } @$again }, 20, 'the same keys find out');
    for my $n (0 .. $#wish) {
        next if $r->[$n]->code != 200;
        is $again->[$n]->body, $r->[$n]->body, 'as it was answered' or last;
    }
    is value(q{select count(*) from refunds where order_id = any (?)},
        [map { $_->{id} } @wish]), 12, 'each once';
    my @seats = map { $_->{seat} } @wish;
    $t->wait_until(sub { !grep { $_ ne 'AVAILABLE' }
        seat_states($t, SHOW, @seats)->@* }, 40,
        'and every seat is free, whoever had to tell Redis');
    $t->check_invariants;
};


subtest 'a show' => sub {
    my $path = '/api/v1/shows/' . LARGE_SHOW;
    terms(theatre_of(LARGE_SHOW), $HALF);
    for my $node (1, 2) {
        $t->wait_until(sub { $t->get($path, node => $node)->code == 200 }, 20,
            "node $node knows it");
    }
    my $live = hold($t, 'ida', LARGE_SHOW, [qw(R1 R2)], node => 2);
    my $pending = order($t, 'joy', LARGE_SHOW, ['S1']);

    # a few hundred orders, by the functions that make them one by one
    $t->dbh->do(q{
        with s as (select * from shows where show_id = ?), n as (
            select gen_random_uuid() as id, seat_no, label, price
            from s join layout_seats l using (layout_id)
            join show_prices p on p.show_id = s.show_id
                              and p.category = l.category
            where seat_no < 310 and kind = 'NORMAL' order by seat_no limit 300)
        select count(*) from (select array_agg(id) as ids,
            array_agg(s.show_id) as shows, array_agg(revision) as revisions,
            array_agg('many' || seat_no) as users,
            array_agg(gen_random_uuid()) as holds,
            array_agg('{' || seat_no || '}') as nos, array_agg(label) as labels,
            array_agg(price::bigint) as amounts, array_agg('A'::text) as names,
            array_agg('CARD'::text) as cards, array_agg(null::text) as none,
            array_agg(600000) as ttls, array_agg(10) as limits,
            array_agg('{' || price || '}') as prices from s, n) a
        cross join lateral create_orders(ids, shows, revisions, users, holds,
            nos, labels, amounts, cards, names, names, none, ttls, limits,
            none, names, prices)}, undef, LARGE_SHOW);
    my $arguments = value(q{select pronargs from pg_proc
        where oid = 'boxoffice.confirm_orders'::regproc});
    $t->dbh->do(q{
        select count(*) from (select array_agg(order_id) as ids,
            array_agg(show_no) as nos, array_agg(null::text) as none,
            array_agg('pay-' || order_id) as payments,
            array_agg('CAPTURED'::text) as verdicts,
            array_agg('mock'::text) as providers, array_agg(10) as limits,
            array_agg('T-' || order_id) as tickets
            from orders where user_id like 'many%') a
        cross join lateral confirm_orders(ids, nos, none, payments, verdicts,
            providers, tickets, none, none} . ($arguments > 9 ? ', limits'
            : '') . ')');
    is value(q{select count(*) from orders where user_id like 'many%'
        and status = 'CONFIRMED'}), 300, '300 orders';
    my $stream = Boxoffice::Test::Stream->new($t, LARGE_SHOW, node => 2);
    $stream->next;

    refused($t->post("$path/cancel", {}), 401, 'unauthorized', 'nobody');
    refused($t->post("$path/cancel", {}, user => 'ann'), 403, 'forbidden',
        'a user');
    refused($t->post("$path/cancel", { x => 1 }, user => 'root', %admin), 400,
        'unknown_field', 'a field');
    refused($t->post('/api/v1/shows/' . uuid() . '/cancel', {},
        user => 'root', %admin), 404, 'show_not_found', 'no show');
    refused($t->get("$path/cancellation", user => 'root', %admin), 404,
        'not_found', 'it is not cancelled yet');

    # one payment is in use: the batch that has it waits, and its worker dies
    my $other = $t->new_dbh;
    $other->begin_work;
    $other->do(q{select from payments where order_id in (select order_id
        from orders where user_id like 'many%' order by order_id
        limit 1 offset 150) for update});

    my $key = uuid();
    my $r = $t->post("$path/cancel", {}, user => 'root', key => $key, %admin);
    is $r->code, 202, 'accepted' or diag $r->body;
    is $r->json, { showId => LARGE_SHOW, status => 'CANCELLED',
        cancelledAt => match(TIME) }, 'the show is closed';

    $t->wait_until(sub { (try_hold($t, 'kay', LARGE_SHOW, ['U5'],
        node => $_)->error_code // '') eq 'sale_closed' }, 5,
        "no holds on node $_") for 1, 2;
    refused(try_order($t, 'ida', $live->{holdId}, node => 2), 409,
        'hold_lost', 'a hold of before makes no order');
    for my $node (1, 2) {
        $t->wait_until(sub { my $m = seatmap($t, LARGE_SHOW, node => $node);
            $m->{statistics}{unavailable} == $m->{statistics}{total} }, 5,
            "node $node: the seat map has nothing left");
        is $t->get($path, node => $node)->json->{status}, 'CANCELLED',
            'and the show says why';
    }
    ok $stream->until(sub { !grep { $_ != 2 } $stream->{state}->@* }, 5),
        'so does a stream';

    sleep 0.5;
    for my $node (1, 2) {
        kill KILL => $_ for $t->worker_pids(node => $node);
    }
    my $done = value('select count(*) from cancellations
        where terms = ?', 'SHOW');
    ok $done < 300, "workers of both nodes die, $done orders are done";
    sleep 0.3;
    $other->rollback;

    $t->wait_until(sub { my $p = $t->get("$path/cancellation",
        user => 'root', %admin); $p->code == 200
        && defined $p->json->{finishedAt} }, 20, 'all of them are');
    my $sum = value(q{select sum(amount) from orders
        where user_id like 'many%'});
    is $t->get("$path/cancellation", user => 'root', %admin)->json, {
        showId => LARGE_SHOW, status => 'CANCELLED',
        cancelledAt => $r->json->{cancelledAt}, by => 'root',
        ordersCancelled => 301, ordersLeft => 0, refunded => $sum,
        currency => 'INR', finishedAt => match(TIME) }, 'how it went';
    is [$t->dbh->selectrow_array(q{select count(*), sum(r.amount),
        count(distinct r.order_id) from refunds r join orders o
        using (order_id) where o.user_id like 'many%'})], [300, $sum, 300],
        'every refund once, all of the money';
    is $t->get("/api/v1/orders/$pending->{orderId}", user => 'joy')
        ->json->{status}, 'CANCELLED', 'an unpaid order as well';
    refused(try_pay($t, 'joy', $pending->{orderId}, 'mock-ok-afterwards'), 409,
        'order_ended', 'which cannot be paid now');

    my $again = $t->post("$path/cancel", {}, user => 'root', key => $key,
        node => 2, %admin);
    is [$again->code, $again->body, $again->header('idempotency-replayed')],
        [202, $r->body, 'true'], 'the same request, the same answer';
    is $t->post("$path/cancel", {}, user => 'root', %admin)->body, $r->body,
        'and under another key';
    is value(q{select string_agg(type, ' ' order by version) from outbox
        where aggregate_id = ?}, LARGE_SHOW), 'show.cancelled show.refunded',
        'told as events';
};


$t->check_invariants;
$t->done;
done_testing;
