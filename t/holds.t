# /holds: every outcome of each of its operations.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW uuid);
use Boxoffice::Test::Booking
    qw(TIME UUID hold booked map_states seat_states try_hold);
use Mojo::JSON  qw(decode_json);
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm_modern);

# Times of their own for what runs out: the other parts never wait.
my $t = Boxoffice::Test->new(
    conf => { hold_ttl => '4s', hold_cap => '6s', seats_per_hold => 4 });

sub ms ($text) {
    my @n = $text =~ /(\d+)/g;
    return 1000 * timegm_modern($n[5], $n[4], $n[3], $n[2], $n[1] - 1, $n[0])
        + $n[6];
}


sub read_hold ($id, $user) {
    return $t->get("/api/v1/holds/$id", user => $user);
}


sub drop_hold ($id, $user) {
    return $t->del("/api/v1/holds/$id", user => $user);
}


sub change ($id, $user, $body = {}, %o) {
    return $t->put("/api/v1/holds/$id", $body, user => $user, %o);
}


sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}


subtest 'create' => sub {
    my $before = time;
    my $r = try_hold($t, 'ann', SHOW, [qw(A2 A1)]);

    is $r->code, 201, 'created';
    is $r->header('content-type'), 'application/json', 'JSON';
    is $r->header('cache-control'), 'no-store', 'for nobody else';
    is $r->header('content-length'), length $r->body, 'of known length';

    my $hold = $r->json;
    is $hold, {
        holdId => match(UUID), showId => SHOW, userId => 'ann',
        seatIds => [qw(A1 A2)], quantity => 2, status => 'HELD',
        createdAt => match(TIME), expiresAt => match(TIME),
    }, 'the fields, and no others';
    like $r->body, qr/"quantity":2,/, 'a number is a number';
    is ms($hold->{expiresAt}) - ms($hold->{createdAt}), 4000,
        'it lasts boxoffice_hold_ttl';
    ok abs(ms($hold->{createdAt}) - 1000 * $before) < 1000, 'from now on';
    is seat_states($t, SHOW, qw(A1 A2 A3)), [qw(HELD HELD AVAILABLE)],
        'the seats are held';
    $t->wait_until(sub { "@{ map_states($t, SHOW, qw(A1 A2 A3)) }"
        eq 'HELD HELD AVAILABLE' }, 1, 'on the seat map, too');

    is read_hold($hold->{holdId}, 'ann')->json, $hold, 'it reads the same';

    my $again = try_hold($t, 'ann', SHOW, [qw(A1 A2)]);
    is $again->code, 200, 'the same seats again are no new hold';
    is $again->json, $hold, 'but the same one';
    is [sort $t->redis->keys('seat_lock:*')], [map {
        'seat_lock:{' . SHOW . "}:$_" } 0, 1], 'a lock for each seat';
};


subtest 'refusals of create' => sub {
    my $others = hold($t, 'bea', SMALL_SHOW, [qw(B2 B3)]);
    booked($t, 'cyd', SMALL_SHOW, [qw(C1 C2)]);

    # a sale is told to Redis afterwards, until then the seats are held
    $t->wait_until(sub {
        seat_states($t, SMALL_SHOW, 'C1')->[0] eq 'BOOKED' },
        1, 'Redis has the sale');

    my @cases = (
        ['held', [qw(B1 B2 B3 B4)], 409, 'seat_held',
            { conflicts => [qw(B2 B3)] }],
        ['sold', [qw(C1)], 409, 'seat_sold', { conflicts => ['C1'] }],
        ['sold and held', [qw(B2 C2)], 409, 'seat_sold',
            { conflicts => [qw(B2 C2)] }],
        ['broken', [qw(E5 D1)], 409, 'seat_unavailable',
            { conflicts => ['E5'] }],
        ['unknown', [qw(Z99)], 404, 'seat_not_found', { field => 'seatIds' }],
        ['known and unknown', [qw(D1 Z99)], 404, 'seat_not_found',
            { field => 'seatIds' }],
        ['twice', [qw(D1 D1)], 400, 'invalid_field', { field => 'seatIds' }],
        ['none', [], 400, 'invalid_field', { field => 'seatIds' }],
        ['too many', [qw(D1 D2 D3 D4 D5)], 422, 'too_many_seats', undef],
        ['lower case', [qw(d1)], 404, 'seat_not_found', { field => 'seatIds' }],
    );

    for my $case (@cases) {
        my ($name, $seats, $code, $error, $details) = @$case;
        refused(try_hold($t, 'dan', SMALL_SHOW, $seats), $code, $error, $name,
            $details);
    }

    refused(try_hold($t, 'dan', uuid(), ['A1']), 404, 'show_not_found',
        'no such show');
    refused($t->post('/api/v1/holds', { showId => SHOW, seatIds => ['D1'] }),
        401, 'unauthorized', 'nobody');
    is seat_states($t, SMALL_SHOW, qw(B1 B4 D1 D2)), [('AVAILABLE') x 4],
        'a refusal takes no seat';
    is $t->redis->hexists('hold:{' . SMALL_SHOW . '}', 'dan'), 0,
        'and leaves nothing behind';
    is read_hold($others->{holdId}, 'bea')->json->{status}, 'HELD',
        "another's hold stays";
};


subtest 'a new hold replaces the one before' => sub {
    my $old = hold($t, 'eve', SHOW, [qw(C1 C2)]);
    my $new = hold($t, 'eve', SHOW, [qw(C2 C3)]);

    isnt $new->{holdId}, $old->{holdId}, 'it is another hold';
    is seat_states($t, SHOW, qw(C1 C2 C3)), [qw(AVAILABLE HELD HELD)],
        'one step for all seats';
    is read_hold($old->{holdId}, 'eve')->json->{status}, 'RELEASED',
        'the old one is over';
    is drop_hold($old->{holdId}, 'eve')->code, 204, 'releasing it again';
    refused(change($old->{holdId}, 'eve'), 409, 'hold_expired',
        'it cannot be changed');
    is seat_states($t, SHOW, qw(C1 C2 C3)), [qw(AVAILABLE HELD HELD)],
        'that did no harm to the new one';

    refused(try_hold($t, 'ann', SHOW, [qw(C3 C4)]), 409, 'seat_held',
        'a replacement that is refused', { conflicts => ['C3'] });
    is seat_states($t, SHOW, 'A1', 'C4'), [qw(HELD AVAILABLE)],
        '... leaves the old hold alone';

    my $elsewhere = hold($t, 'eve', LARGE_SHOW, [qw(C2)]);
    is read_hold($new->{holdId}, 'eve')->json->{status}, 'HELD',
        'a hold in another show replaces nothing';
    is read_hold($elsewhere->{holdId}, 'eve')->json->{status}, 'HELD', 'both';
};


subtest 'change the seats' => sub {
    my $hold = hold($t, 'fay', SHOW, [qw(D1 D2)]);
    my $r = change($hold->{holdId}, 'fay', { seatIds => [qw(D2 D3 D4)] });

    is $r->code, 200, 'changed';
    is $r->json, { %$hold, seatIds => [qw(D2 D3 D4)], quantity => 3,
        expiresAt => match(TIME) }, 'the same hold with other seats';
    is seat_states($t, SHOW, qw(D1 D2 D3 D4)), [qw(AVAILABLE HELD HELD HELD)],
        'the old ones are free';

    my $other = hold($t, 'gus', SHOW, [qw(D6 D7)]);
    refused(change($hold->{holdId}, 'fay', { seatIds => [qw(D4 D5 D6)] }),
        409, 'seat_held', 'all or nothing', { conflicts => ['D6'] });
    is seat_states($t, SHOW, qw(D2 D3 D4 D5 D6)),
        [qw(HELD HELD HELD AVAILABLE HELD)], 'nothing has changed';
    is read_hold($hold->{holdId}, 'fay')->json->{seatIds}, [qw(D2 D3 D4)],
        'the hold has its seats';

    for my $case (
        [[qw(D1 D1)], 400, 'invalid_field'], [[], 400, 'invalid_field'],
        [[qw(D1 D2 D3 D4 D5)], 422, 'too_many_seats'],
        [['Q99'], 404, 'seat_not_found'])
    {
        refused(change($hold->{holdId}, 'fay', { seatIds => $case->[0] }),
            $case->[1], $case->[2], "to @{ $case->[0] }");
    }

    refused(change($hold->{holdId}, 'fay', { showId => SHOW }), 400,
        'unknown_field', 'the show cannot be changed');
    refused(change($hold->{holdId}, 'gus', { seatIds => ['D1'] }), 404,
        'not_found', "another's hold");
    refused(change($other->{holdId}, 'fay', {}), 404, 'not_found',
        'and the other way round');
};


subtest 'release' => sub {
    my $hold = hold($t, 'hal', SHOW, [qw(E1 E2)]);
    my $id   = $hold->{holdId};

    refused(drop_hold($id, 'ida'), 404, 'not_found', "another's");
    refused(drop_hold($id, undef), 401, 'unauthorized', "nobody's");
    is seat_states($t, SHOW, 'E1'), ['HELD'], 'held still';

    for my $time (1, 2) {
        my $r = drop_hold($id, 'hal');
        is [$r->code, $r->body, $r->header('content-type')], [204, '', undef],
            "released, time $time";
    }

    is seat_states($t, SHOW, qw(E1 E2)), [qw(AVAILABLE AVAILABLE)], 'free';
    is read_hold($id, 'hal')->json, { %$hold, status => 'RELEASED' },
        'it says so';
    refused(change($id, 'hal'), 409, 'hold_expired', 'a released one');
    is try_hold($t, 'ida', SHOW, ['E1'])->code, 201, 'another takes it';
    is drop_hold($id, 'hal')->code, 204, 'releasing once more';
    is seat_states($t, SHOW, 'E1'), ['HELD'], "... is not another's loss";
};


subtest 'a hold that has become an order' => sub {
    my $hold = hold($t, 'jim', SHOW, [qw(F1)]);
    my $id   = $hold->{holdId};

    is $t->post('/api/v1/orders', { holdId => $id, paymentMethod => 'UPI',
        customer => { name => 'Jim', email => 'j@example.com' } },
        user => 'jim')->code, 201, 'ordered';
    refused(change($id, 'jim', { seatIds => ['F2'] }), 409, 'hold_ordered',
        'no change');
    refused(change($id, 'jim'), 409, 'hold_ordered', 'no extension');
    refused(drop_hold($id, 'jim'), 409, 'hold_ordered', 'no release');
    is read_hold($id, 'jim')->code, 200, 'it can be read';
    is seat_states($t, SHOW, 'F1'), ['HELD'], 'held';

    my $next = hold($t, 'jim', SHOW, ['F5']);
    is seat_states($t, SHOW, qw(F1 F5)), [qw(HELD HELD)],
        'a new hold does not replace the order';
    refused(drop_hold($id, 'jim'), 409, 'hold_ordered', 'still no release');
    is drop_hold($next->{holdId}, 'jim')->code, 204, 'of the new one, yes';
};


subtest 'ids that are not those of holds' => sub {
    my $hold = hold($t, 'kay', SHOW, ['G1']);

    for my $id (uuid(), SHOW, '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-8fff-bfff-ffffffffffff',
        $hold->{holdId} =~ s/.\z/$& eq '0' ? 1 : 0/er)
    {
        refused(read_hold($id, 'kay'), 404, 'not_found', "read $id");
        refused(change($id, 'kay'), 404, 'not_found', "change $id");
        refused(drop_hold($id, 'kay'), 404, 'not_found', "release $id");
    }

    is read_hold(uc $hold->{holdId}, 'kay')->json, $hold,
        'upper case is the same id';
    refused(read_hold($hold->{holdId}, 'liz'), 404, 'not_found',
        "another's hold is not there");
    refused(read_hold($hold->{holdId}, undef), 401, 'unauthorized', 'nobody');
};


subtest 'methods' => sub {
    my $id = hold($t, 'kay', SHOW, ['G2'])->{holdId};
    my @cases = (
        ['/api/v1/holds',     'POST', qw(GET HEAD PUT DELETE PATCH OPTIONS)],
        ["/api/v1/holds/$id", 'GET, HEAD, PUT, DELETE',
            qw(POST PATCH OPTIONS)],
    );

    for my $case (@cases) {
        my ($path, $allow, @methods) = @$case;

        for my $method (@methods) {
            my $r = $t->request($method, $path, undef, user => 'kay');
            is [$r->code, $r->header('allow')], [405, $allow],
                "$method $path";
        }
    }

    my $head = $t->request('HEAD', "/api/v1/holds/$id", undef, user => 'kay');
    my $get  = $t->get("/api/v1/holds/$id", user => 'kay');
    is [$head->code, $head->header('content-length'), $head->body],
        [200, length $get->body, ''], 'HEAD is GET without the body';
    is $t->get("/api/v1/holds/$id/seats", user => 'kay')->code, 404,
        'nothing below a hold';
};


# Each waits, so both do at once.
subtest 'extend, up to the cap; then the end' => sub {
    my $start = time;
    my $long  = hold($t, 'max', LARGE_SHOW, [qw(A1 A2)]);
    my $short = hold($t, 'ned', LARGE_SHOW, [qw(A5)]);
    my $key   = 'seat_lock:{' . LARGE_SHOW . '}:0';

    sleep 0.5;
    my $before = int(1000 * time);
    my $r = change($long->{holdId}, 'max');
    my $after = 1000 * time;
    is $r->code, 200, 'extended';
    is $r->json->{seatIds}, [qw(A1 A2)], 'the same seats';
    my $from = ms($r->json->{expiresAt}) - 4000;
    ok $from >= $before && $from <= $after, 'by a whole ttl from now'
        or diag "$before, $from, $after";

    sleep 2;
    for my $time (1, 2) {
        $r = change($long->{holdId}, 'max');
        is ms($r->json->{expiresAt}) - ms($long->{createdAt}), 6000,
            "not beyond the cap, time $time";
    }

    my $ttl = $t->redis->pttl($key);
    ok $ttl > 0 && $ttl <= 3500, 'nor does its lock' or diag "$ttl ms";

    sleep 0.01 while time < $start + 4.1;
    is read_hold($short->{holdId}, 'ned')->json,
        { %$short, status => 'EXPIRED' }, 'the other has ended';
    refused(change($short->{holdId}, 'ned'), 409, 'hold_expired',
        'too late to extend');
    is drop_hold($short->{holdId}, 'ned')->code, 204,
        'releasing what has ended';
    is read_hold($short->{holdId}, 'ned')->json->{status}, 'EXPIRED',
        'does not make it a release';
    refused($t->post('/api/v1/orders', { holdId => $short->{holdId},
        paymentMethod => 'UPI',
        customer => { name => 'Ned', email => 'n@example.com' } },
        user => 'ned'), 409, 'hold_expired', 'too late to order');
    is read_hold($long->{holdId}, 'max')->json->{status}, 'HELD',
        'the extended one is there';

    sleep 0.01 while time < $start + 6.1;
    refused(change($long->{holdId}, 'max'), 409, 'hold_expired',
        'the cap is the end');
    $t->wait_until(sub { "@{ map_states($t, LARGE_SHOW, qw(A1 A2 A5)) }"
        eq 'AVAILABLE AVAILABLE AVAILABLE' }, 1, 'all are free again');
    is try_hold($t, 'ola', LARGE_SHOW, [qw(A1 A5)])->code, 201,
        'for others, too';
};


$t->check_invariants;
$t->done;
done_testing;
