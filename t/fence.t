# What becomes of a hold when an order is made of it, refused, or left alone;
# and that no seat stays held in the map without a hold.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER hold order pay seat_states try_hold
    try_order try_pay);
use IO::Socket::INET;
use Mojo::JSON qw(encode_json);
use Time::HiRes qw(sleep);

use constant PREFIX => 'seat_lock:{' . SHOW . '}:';

my $t = Boxoffice::Test->new(conf => { hold_ttl => '20s', order_ttl => '30s' });


subtest 'a refusal does not take the fence from a live order' => sub {
    my $first = hold($t, 'ann', SHOW, ['A1']);
    my $key   = uuid;
    try_order($t, 'ann', $first->{holdId}, key => $key);

    my $hold  = hold($t, 'ann', SHOW, ['A2']);
    my $order = order_of('ann', $hold->{holdId});

    my $r = try_order($t, 'ann', $hold->{holdId}, key => $key);
    is [$r->code, $r->error_code], [422, 'idempotency_key_reused'], 'refused';

    sleep 0.2;
    $r = $t->del("/api/v1/holds/$hold->{holdId}", user => 'ann');
    is [$r->code, $r->error_code], [409, 'hold_ordered'], 'still fenced';
    is seat_states($t, SHOW, 'A2'), ['HELD'], 'still held';
    is try_hold($t, 'bob', SHOW, ['A2'])->code, 409, 'and nobody else gets it';
    is try_pay($t, 'ann', $order, 'mock-ok-fence')->code, 200, 'it is paid';
};


subtest 'a refusal gives back what it had fenced' => sub {
    my $first = hold($t, 'cid', SHOW, ['B1']);
    my $key   = uuid;
    try_order($t, 'cid', $first->{holdId}, key => $key);

    my $hold = hold($t, 'cid', SHOW, ['B2']);
    is try_order($t, 'cid', $hold->{holdId}, key => $key)->code, 422,
        'refused';

    $t->wait_until(sub {
        $t->del("/api/v1/holds/$hold->{holdId}", user => 'cid')->code == 204;
    }, 2) or fail 'the hold is the user\'s again';
    is seat_states($t, SHOW, 'B2'), ['AVAILABLE'], 'and can be released';
};


subtest 'clients that leave while they order' => sub {
    my @holds = map { hold($t, "eve$_", SHOW, ["C$_"])->{holdId} } 1 .. 15;

    for my $i (1 .. @holds) {
        my $body = encode_json({ holdId => $holds[$i - 1],
            paymentMethod => 'UPI', customer => CUSTOMER });
        my $url = Mojo::URL->new($t->url('/'));
        my $s = IO::Socket::INET->new(PeerAddr => $url->host,
            PeerPort => $url->port) or die "connect: $!";
        print $s join "\r\n", 'POST /api/v1/orders HTTP/1.1', 'Host: a',
            "x-user-id: eve$i", 'Idempotency-Key: ' . uuid,
            'Content-Type: application/json',
            'Content-Length: ' . length $body, '', $body;
        close $s;
    }

    sleep 1;
    my %fields  = $t->redis->hgetall('hold:{' . SHOW . '}');
    my @fenced  = map { s/^#//r } grep { /^#/ } keys %fields;
    my %ordered = map { $_ => 1 } $t->dbh->selectcol_arrayref(
        'select hold_id from boxoffice.orders')->@*;

    is [grep { !$ordered{$_} } @fenced], [], 'no fence without an order';
};


subtest 'confirmations at once, each with a key of its own' => sub {
    my $hold  = hold($t, 'fay', SHOW, ['D1']);
    my $order = order_of('fay', $hold->{holdId});
    my %codes;

    $t->run_many(12, [map { ['POST', "/api/v1/orders/$order/confirm-payment",
        { paymentId => 'mock-ok-once' }, user => 'fay', key => uuid] } 1 .. 12],
        sub ($res, $i, $req) { $codes{ $res->code }++ });

    is \%codes, { 200 => 12 }, 'all are told the same';
};

$t->done;


# Short holds, and nobody who sweeps.

$t = Boxoffice::Test->new(conf => { hold_ttl => '500ms', jobs => 'off' });

subtest 'a hold that has run out is replaced before it was swept' => sub {
    hold($t, 'gus', SHOW, ['E1']);
    sleep 0.6;
    hold($t, 'gus', SHOW, ['E2']);
    is seat_states($t, SHOW, qw(E1 E2)), [qw(AVAILABLE HELD)],
        'its seats are free';
};

subtest 'a sweep at the very end of a hold' => sub {
    my @seats = map { my $row = $_; map {"$row$_"} 1 .. 15 } qw(F G H J K);

    hold($t, "hal$_", SHOW, [$_]) for @seats;
    for (1 .. 250) {
        $t->get('/api/v1/shows/' . SHOW . '/seatmap');
    }
    sleep 1.2;
    $t->get('/api/v1/shows/' . SHOW . '/seatmap') for 1 .. 2;
    is seat_states($t, SHOW, @seats), [('AVAILABLE') x @seats],
        'none is left behind';
};


# The order was refused, and it took its time.
subtest 'what is given back ends when it would have' => sub {
    my $hold = hold($t, 'ida', SHOW, ['L1']);
    script('fence', 'ida', $hold->{holdId}, 3, 60_000, PREFIX, 0);
    is put('ida', $hold, 'L2')->error_code, 'hold_ordered', 'it is fenced';
    script('unfence', 'ida', $hold->{holdId}, 4, PREFIX);
    my ($end, $seat) = $t->redis->hget('hold:{' . SHOW . '}', 'ida')
        =~ /^\S+ \S+ (\d+) H \S+ \S+ (\d+)$/m;
    is $t->redis->pexpiretime(PREFIX . $seat), $end - 1,
        'its lock ends before the hold does';

    $hold = hold($t, 'joe', SHOW, ['L3']);
    script('fence', 'joe', $hold->{holdId}, 3, 60_000, PREFIX, 0);
    sleep 0.6;
    script('unfence', 'joe', $hold->{holdId}, 4, PREFIX);
    is seat_states($t, SHOW, 'L3'), ['AVAILABLE'], 'ended: its seat is free';
    is put('joe', $hold, 'L4')->error_code, 'hold_expired', 'it has ended';
    is $t->del("/api/v1/holds/$hold->{holdId}", user => 'joe')->code, 204,
        'and can be released';
    $t->get('/api/v1/shows/' . SHOW . '/seatmap') for 1 .. 2;
    sleep 0.3;
    $t->get('/api/v1/shows/' . SHOW . '/seatmap') for 1 .. 2;
    like $t->redis->hget('hold:{' . SHOW . '}', 'joe'),
        qr/^$hold->{holdId} \d+ \d+ X /, 'as the sweep writes it down';
};

$t->done;
done_testing;


# The id of the order that is made of a hold.
sub order_of ($user, $hold) {
    return try_order($t, $user, $hold)->json->{orderId};
}


sub put ($user, $hold, @seats) {
    return $t->put("/api/v1/holds/$hold->{holdId}", { seatIds => \@seats },
        user => $user);
}


# Runs a script of ours as the server does: its first so many keys.
sub script ($name, $user, $hold, $nkeys, @more) {
    open my $fh, '<', "lua/$name.lua" or die "lua/$name.lua: $!\n";
    my $text  = do { local $/ = undef; <$fh> };
    my @keys  = map { $_ . ':{' . SHOW . '}' } $nkeys == 4
        ? qw(version state hold expiry) : qw(version hold expiry);
    my $epoch = $t->redis->get($keys[0]);
    my $reply = $t->redis->eval($text, $nkeys, @keys,
        $epoch - $epoch % 1_000_000_000, $user, $hold, @more);
    is $reply->[0], 1, $name;
    return;
}
