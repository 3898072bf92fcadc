# What runs in the background, on two nodes: holds and orders end in time,
# history is written, nothing is done twice, and what is wrong in Redis is
# repaired from PostgreSQL.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW LARGE_SHOW THEATRE_SHOW);
use Boxoffice::Test::Booking qw(booked hold map_states metrics order
    seat_states seatmap try_hold try_order);
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm_modern);

my $t = Boxoffice::Test->new(nodes => 2, workers => 2, conf => {
    hold_ttl => '1500ms', order_ttl => '1500ms', seats_per_user => 50 });

# Seconds since 1970 of a time of the API.
sub seconds ($text) {
    my @n = $text =~ /(\d+)/g;
    return timegm_modern($n[5], $n[4], $n[3], $n[2], $n[1] - 1, $n[0])
        + $n[6] / 1000;
}


sub until_ ($moment) {
    my $left = $moment - time;
    sleep $left if $left > 0;
    return;
}


# The sum of a counter over the nodes.
sub counter ($name) {
    my $sum = 0;
    $sum += metrics($t, node => $_)->{$name} for 1, 2;
    return $sum;
}


sub value ($sql, @bind) {
    return scalar $t->dbh->selectrow_array($sql, undef, @bind);
}


# Sets the two bits of a seat, and tells nobody.
sub damage ($show, $seat_no, $state) {
    $t->redis->bitfield("state:{$show}", 'SET', 'u2', "#$seat_no", $state);
    return;
}


subtest 'an abandoned hold is seen as free within 1 s' => sub {
    seatmap($t, SHOW, node => $_) for 1, 2;

    my $hold = hold($t, 'ann', SHOW, [qw(A1 A2)]);
    my $end  = seconds($hold->{expiresAt});
    my %free;

    while (keys %free < 2 && time < $end + 3) {
        for my $node (1, 2) {
            my $map  = seatmap($t, SHOW, node => $node);
            my $held = $map->{statistics}{held};
            $free{$node} //= time if !$held && time > $end - 0.2;
        }
        sleep 0.02;
    }

    for my $node (1, 2) {
        my $late = ($free{$node} // $end + 9) - $end;
        ok $late >= 0 && $late <= 1, "node $node" or diag "$late s";
    }
};


subtest 'it can be taken again in the same millisecond' => sub {
    my @holds = map { hold($t, "old$_", SMALL_SHOW, [$_]) }
        map { ("F$_", "G$_") } 1 .. 10;
    my ($early, @late) = (0);

    for my $hold (@holds) {
        my $seat = $hold->{seatIds}[0];
        my $end  = seconds($hold->{expiresAt});

        # before its end nobody else gets it
        if ($end - time > 0.05) {
            my $r = try_hold($t, "new$seat", SMALL_SHOW, [$seat]);
            $early++ if $r->code != 409 && time < $end;
        }
    }

    for my $hold (@holds) {
        my $seat = $hold->{seatIds}[0];

        until_(seconds($hold->{expiresAt}) + 0.005);
        my $r = try_hold($t, "new$seat", SMALL_SHOW, [$seat]);
        push @late, "$seat: " . $r->body if $r->code != 201;
    }

    is $early, 0, 'never before its end';
    is \@late, [], '5 ms after it, always';
};


subtest 'no lock without an end' => sub {
    my @ttl = map { $t->redis->pttl($_) } $t->redis->keys('seat_lock:*');
    ok @ttl && !(grep { $_ == -1 || $_ > 1500 } @ttl), 'all of them end';
};


subtest 'unpaid orders end, once' => sub {
    my $expired = counter('orders_expired_total');
    my @orders  = map { order($t, "buyer$_", LARGE_SHOW, ["C$_"]) } 1 .. 20;
    my @ids     = map { $_->{orderId} } @orders;
    my $last    = seconds($orders[-1]{expiresAt});
    my $claims  = sub { value('select count(*) from seat_claims
        where order_id = any (?)', \@ids) };

    is $claims->(), 20, 'each has its seat';
    $t->wait_until(sub { $claims->() == 0 }, 10, 'all seats are free');
    ok time < $last + 2, 'within 2 s' or diag time - $last;
    is value(q{select count(*) from orders where order_id = any (?)
        and status = 'EXPIRED' and ended_at >= expires_at}, \@ids), 20,
        'all have expired, none too early';
    is value(q{select count(*) from outbox where aggregate_id = any (?)
        and type = 'order.expired'}, \@ids), 20, 'an event for each';
    $t->wait_until(sub { counter('orders_expired_total') - $expired >= 20 }, 2,
        'the nodes have counted');
    is counter('orders_expired_total') - $expired, 20, 'nothing twice';

    my @seats = map { "C$_" } 1 .. 20;
    $t->wait_until(sub { !grep { $_ ne 'AVAILABLE' }
        map_states($t, LARGE_SHOW, @seats)->@* }, 1, 'the map has it');
    is try_hold($t, 'next', LARGE_SHOW, [@seats[0 .. 9]])->code, 201,
        'another takes them';
};


subtest 'the history of holds' => sub {
    my %hold = (EXPIRED => hold($t, 'hal', THEATRE_SHOW, [qw(A1 A2)]),
        RELEASED => hold($t, 'ida', THEATRE_SHOW, ['A3']));
    my $row = sub ($name) { $t->dbh->selectrow_hashref(
        'select *, ended_at is not null as ended from holds
        where hold_id = ?', undef, $hold{$name}{holdId}) // {} };

    $t->wait_until(sub { ($row->('EXPIRED')->{outcome} // '') eq 'HELD' }, 1,
        'it begins as HELD');
    is [$row->('EXPIRED')->@{qw(show_id user_id ended)}],
        [THEATRE_SHOW, 'hal', 0], 'whose and where';
    is scalar($row->('EXPIRED')->{seat_nos}->@*), 2, 'and which seats';

    $t->del("/api/v1/holds/$hold{RELEASED}{holdId}", user => 'ida');

    for my $name (qw(RELEASED EXPIRED)) {
        $t->wait_until(sub { ($row->($name)->{outcome} // '') eq $name }, 4,
            $name);
        ok $row->($name)->{ended}, "$name: with its end";
    }
};


subtest 'holds run out once' => sub {
    # what ran before has ended
    $t->wait_until(sub { !$t->redis->keys('seat_lock:*') }, 4, 'quiet');
    sleep 1;

    my $before = counter('holds_expired_total');
    hold($t, "many$_", THEATRE_SHOW, ["C$_"]) for 1 .. 16;
    $t->wait_until(sub { counter('holds_expired_total') - $before >= 16 }, 4,
        'all have run out');
    sleep 0.7;
    is counter('holds_expired_total') - $before, 16, 'none twice';
};


subtest 'Redis is wrong' => sub {
    my $sold = booked($t, 'kim', SHOW, [qw(B1 B2)]);
    $t->wait_until(sub { "@{ seat_states($t, SHOW, qw(B1 B2)) }"
        eq 'BOOKED BOOKED' }, 1, 'sold');

    my $repaired = counter('seats_repaired_total');
    my %no = (B1 => 20, B2 => 21, B3 => 22, B4 => 23, B5 => 24);

    damage(SHOW, $no{B1}, 0);
    damage(SHOW, $no{B2}, 1);
    damage(SHOW, $no{B3}, 2);
    damage(SHOW, $no{B5}, 3);
    is seat_states($t, SHOW, qw(B1 B2 B3 B4)),
        [qw(AVAILABLE AVAILABLE BOOKED AVAILABLE)], 'damaged';

    my $thief = try_hold($t, 'liz', SHOW, ['B1']);
    is $thief->code, 201, 'a sold seat is held';
    is try_order($t, 'liz', $thief->json->{holdId})->error_code, 'seat_sold',
        'but never sold again';

    $t->wait_until(sub {
        seatmap($t, SHOW);
        "@{ seat_states($t, SHOW, qw(B1 B2 B3 B5)) }"
            eq 'BOOKED BOOKED AVAILABLE AVAILABLE'
    }, 3, 'repaired');
    $t->wait_until(sub { "@{ map_states($t, SHOW, qw(B1 B2 B3 B5)) }"
        eq 'BOOKED BOOKED AVAILABLE AVAILABLE' }, 1, 'on the map as well');
    my $n = counter('seats_repaired_total') - $repaired;
    ok $n >= 3 && $n <= 4, 'counted' or diag $n;
    is try_hold($t, 'liz', SHOW, ['B1'])->error_code, 'seat_sold', 'sold';
    is try_hold($t, 'liz', SHOW, ['B3'])->code, 201, 'free';
    is $t->get("/api/v1/orders/$sold->{orderId}", user => 'kim')
        ->json->{status}, 'CONFIRMED', 'the buyer has noticed nothing';
};


subtest 'a lock is lost' => sub {
    my $lost = counter('holds_lost_total');
    my $hold = hold($t, 'max', SHOW, ['D1']);

    $t->redis->del('seat_lock:{' . SHOW . '}:60');
    my $other = try_hold($t, 'ned', SHOW, ['D1']);
    is $other->code, 201, 'another may hold the seat';
    is try_order($t, 'max', $hold->{holdId})->error_code, 'hold_expired',
        'the first is told, before anything is paid';
    is counter('holds_lost_total') - $lost, 1, 'and it is counted';
    is try_order($t, 'ned', $other->json->{holdId})->code, 201,
        'the second buys it';
};


subtest 'a node less' => sub {
    $t->node(1)->kill;

    my @on   = (node => 2);
    my $hold = hold($t, 'oda', SHOW, [qw(E1 E2)], @on);
    my $order = try_order($t, 'pia',
        hold($t, 'pia', SHOW, ['E5'], @on)->{holdId}, @on)->json;

    $t->wait_until(sub { seatmap($t, SHOW, @on);
        value('select outcome from holds where hold_id = ?',
            $hold->{holdId}) eq 'EXPIRED' }, 4, 'the other ends the holds');
    $t->wait_until(sub { $t->get("/api/v1/orders/$order->{orderId}",
        user => 'pia', @on)->json->{status} eq 'EXPIRED' }, 4,
        'and the orders');
};


$t->check_invariants;
$t->done;


# Everything at once takes longer than a statement may: the runs get smaller
# until one fits.
subtest 'more orders than one statement can end' => sub {
    $t = Boxoffice::Test->new(conf => { hold_ttl => '5s', order_ttl => '60s' });
    $t->dbh->do(q{
        create function slowly() returns trigger language plpgsql as
        'begin perform pg_sleep(0.03); return new; end'});
    $t->dbh->do(q{create trigger slowly before update of status on orders
        for each row when (new.status = 'EXPIRED')
        execute function slowly()});

    for my $seat (map { my $row = $_; map { "$row$_" } 1 .. 20 } qw(C D E)) {
        order($t, "u$seat", LARGE_SHOW, [$seat]);
    }
    $t->dbh->do(q{update orders set expires_at = now()});
    $t->wait_until(sub { !value('select count(*) from seat_claims') }, 15,
        'all seats are free');
    is value(q{select count(*) from orders where status = 'EXPIRED'}), 60,
        'all orders have ended';
    $t->done;
};

done_testing;
