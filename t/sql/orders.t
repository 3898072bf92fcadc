#!/usr/bin/perl

# Every outcome of the order functions, alone and mixed in batches.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

*order = \&TestPg::order;
*payment = \&TestPg::payment;
*withdrawal = \&TestPg::withdrawal;
*create = \&TestPg::create;
*confirm = \&TestPg::confirm;
*cancel = \&TestPg::cancel;
*outcomes = \&TestPg::outcomes;
*healthy = \&TestPg::healthy;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);      # 260 seats
my $next = 0;

sub fresh { my $n = shift || 1; $next += $n; return [$next - $n .. $next - 1] }
sub one   { return $dbh->selectrow_array(@_) }

sub claims {
    my ($seats) = @_;
    return one('select count(*) from boxoffice.seat_claims where show_id = ? '
               . 'and seat_no = any (?)', undef, $show->{show_id}, $seats);
}

sub seats_of {
    my ($user) = @_;
    return one('select seats from boxoffice.user_seats where show_id = ? '
               . 'and user_id = ?', undef, $show->{show_id}, $user);
}

sub events {
    my ($order) = @_;
    return join(' ', map { "$_->[0]:$_->[1]" } @{$dbh->selectall_arrayref(
        'select version, type from boxoffice.outbox where aggregate_id = ? '
        . 'order by version', undef, $order->{order_id})});
}

sub refunds {
    my ($order) = @_;
    return one('select count(*) from boxoffice.outbox b '
               . 'join boxoffice.refunds r on r.refund_id = b.aggregate_id '
               . "where r.order_id = ? and r.status = 'PENDING' "
               . "and b.type = 'payment.refund_requested'", undef,
               $order->{order_id});
}

sub expire_now {
    my ($order) = @_;
    $dbh->do("update boxoffice.orders set expires_at = now() - interval '1 s' "
             . 'where order_id = ?', undef, $order->{order_id});
}


subtest 'created' => sub {
    my $o = order($show, fresh(3), phone => '+44 1', ttl_ms => 500000,
                  user_id => 'c1', idem_key => 'k"\\1', name => 'O\'Neil, {x}');
    my ($r) = create($dbh, $o);

    is($r->{outcome}, 'created', 'created');
    is($r->{status}, 'PAYMENT_PENDING', 'waits for payment');
    is($r->{$_}, $o->{$_}, $_)
        for qw(order_id show_id show_no user_id hold_id seat_ids amount
               payment_method);
    is_deeply($r->{seat_nos}, [0, 1, 2], 'seat_nos');
    is($r->{currency}, 'EUR', 'the currency is the show\'s');
    is($r->{expires_ms} - $r->{created_ms}, 500000, 'ttl');
    ok(abs($r->{created_ms} / 1000 - time()) < 5, 'created now');
    ok(!defined $r->{$_}, "no $_")
        for qw(confirmed_ms ended_ms ticket_code conflicts);

    is(claims([0, 1, 2]), 3, 'claimed');
    is(seats_of('c1'), 3, 'counted');
    is(events($o), '1:order.created', 'event');
    is(one('select customer_name from boxoffice.orders where order_id = ?',
           undef, $o->{order_id}), 'O\'Neil, {x}', 'name survives');
    my ($key) = one("select key from boxoffice.idempotency where user_id = 'c1'");
    is($key, 'k"\\1', 'key survives');
    is(one('select o.tableoid::regclass::text = \'boxoffice.orders_\' || '
           . 'to_char(show_date, \'YYYY_MM\') from boxoffice.orders o '
           . 'where order_id = ?', undef, $o->{order_id}), 1, 'partition');
};


subtest 'idempotency of create' => sub {
    my $o = order($show, fresh(2), user_id => 'i1', idem_key => 'k1');
    my %again = (%$o, order_id => TestPg::uuid());

    is(outcomes(create($dbh, $o)), 'created', 'first');
    my ($r) = create($dbh, \%again);
    is($r->{outcome}, 'replayed', 'replayed');
    is($r->{order_id}, $o->{order_id}, 'the first order');
    is($r->{status}, 'PAYMENT_PENDING', 'its columns');

    is(outcomes(create($dbh, { %again, fingerprint => 'other' })),
       'key_reused', 'another payload');
    my ($p) = create($dbh, { %again, fingerprint => 'other' });
    ok(!defined $p->{order_id}, 'shows no order');

    my $other = order($show, fresh(1), user_id => 'i2', idem_key => 'k1');
    is(outcomes(create($dbh, $other)), 'created', 'another user\'s key');

    is(outcomes(confirm($dbh, payment($o, idem_key => 'k1'))), 'key_reused',
       'another operation');
    is(outcomes(confirm($dbh, payment($o))), 'confirmed', 'confirm');
    ($r) = create($dbh, \%again);
    is("$r->{outcome} $r->{status}", 'replayed CONFIRMED',
       'replayed as it is now');

    $dbh->do('update boxoffice.shows set starts_at = now() - interval \'1 s\' '
             . 'where show_id = ?', undef, $show->{show_id});
    is(outcomes(create($dbh, \%again)), 'replayed', 'also when closed');
    $dbh->do('update boxoffice.shows set starts_at = now() + '
             . "interval '1 day' where show_id = ?", undef, $show->{show_id});
    $show = TestPg::show_row($dbh, $show->{show_id});

    # a refusal leaves the key free
    my $lost = order($show, [0], user_id => 'i3', idem_key => 'k');
    is(outcomes(create($dbh, $lost)), 'seats_taken', 'refused');
    is(outcomes(create($dbh, order($show, fresh(1), user_id => 'i3',
                                   idem_key => 'k', fingerprint => 'g'))),
       'created', 'the key is free for another payload');

    # a key is not lost through an item whose show is not known
    is(outcomes(create($dbh, order({ show_id => TestPg::uuid(),
                                     revision => 1 }, [1], user_id => 'i1',
                                   idem_key => 'k1'))), 'closed', 'no show');
    is(outcomes(create($dbh, \%again)), 'replayed', 'key is still there');
};


subtest 'one hold, one order' => sub {
    my $o = order($show, fresh(2), user_id => 'h1');
    is(outcomes(create($dbh, $o)), 'created', 'first');
    my ($r) = create($dbh, order($show, fresh(1), user_id => 'h1',
                                 hold_id => $o->{hold_id}));
    is($r->{outcome}, 'hold_ordered', 'second');
    is($r->{order_id}, $o->{order_id}, 'is told the first');
    is(seats_of('h1'), 2, 'not counted');

    # holds belong to one user, the server sees to that; so does the key
    eval { create($dbh, order($show, fresh(1), user_id => 'h2',
                              hold_id => $o->{hold_id})) };
    like($@, qr/hold_id_show_date_key/, 'another user\'s hold is an error');

    is(outcomes(create($dbh, order($show, fresh(1), user_id => 'h1',
                                   hold_id => $o->{hold_id}, revision => 99))),
       'hold_ordered', 'also with a stale price');
};


subtest 'refusals of create' => sub {
    my $taken = order($show, fresh(3), user_id => 'r1');
    create($dbh, $taken);
    my $seats = fresh(2);
    my ($r) = create($dbh, order($show, [$next - 4, $next - 3, @$seats],
                                 user_id => 'r2'));
    is($r->{outcome}, 'seats_taken', 'taken');
    is_deeply($r->{conflicts}, [$next - 4, $next - 3], 'which ones');
    is(claims($seats), 0, 'the others stay free');
    is(seats_of('r2'), 0, 'not counted');

    is(outcomes(create($dbh, order($show, fresh(1),
                                   revision => $show->{revision} - 1))),
       'stale', 'stale');
    is(outcomes(create($dbh, order({ %$show, show_id => TestPg::uuid() },
                                   [1]))), 'closed', 'unknown show');

    my $over = TestPg::show($dbh, 1);
    $dbh->do("update boxoffice.shows set status = 'CANCELLED' "
             . 'where show_id = ?', undef, $over->{show_id});
    is(outcomes(create($dbh, order($over, [1]))), 'closed', 'cancelled show');
    my $begun = TestPg::show($dbh, 1);
    $dbh->do('update boxoffice.shows set starts_at = now() '
             . 'where show_id = ?', undef, $begun->{show_id});
    is(outcomes(create($dbh, order($begun, [1]))), 'closed', 'started show');

    is(outcomes(create($dbh, order($show, fresh(4), user_id => 'r3',
                                   user_limit => 4))), 'created', 'limit met');
    is(outcomes(create($dbh, order($show, fresh(1), user_id => 'r3',
                                   user_limit => 4))), 'limit', 'limit');
    is(seats_of('r3'), 4, 'count');
    is(outcomes(create($dbh, order($show, fresh(5), user_id => 'r4',
                                   user_limit => 4))), 'limit', 'at once');

    eval { create($dbh, order($show, [@{fresh(1)}, $next - 1])) };
    like($@, qr/twice in one order/, 'a seat twice is an error');
};


subtest 'a batch of everything' => sub {
    my $taken = order($show, fresh(1), user_id => 'b0', idem_key => 'seen');
    create($dbh, $taken);
    my ($a, $b, $c, $d, $e, $f) = map { fresh(2) } 1 .. 6;
    my @items = (
        order($show, $a, user_id => 'b1', idem_key => 'x'),
        order($show, $b, user_id => 'b1', idem_key => 'x'),
        order($show, [@$b, $taken->{seat_nos} =~ /(\d+)/], user_id => 'b2'),
        order($show, $b, user_id => 'b3'),
        { %$taken, order_id => TestPg::uuid() },
        { %$taken, order_id => TestPg::uuid() },
        { %$taken, order_id => TestPg::uuid(), fingerprint => 'z' },
        order($show, $c, user_id => 'b4', user_limit => 3),
        order($show, $d, user_id => 'b4', user_limit => 3),
        order($show, $e, user_id => 'b5', revision => -1),
        order($show, $a, user_id => 'b6'),
        order($show, $f, user_id => 'b7'),
    );
    push @items, order($show, fresh(1), user_id => 'b7',
                       hold_id => $items[11]{hold_id});

    my @r = create($dbh, @items);
    is(outcomes(@r), 'created in_progress seats_taken retry replayed replayed '
       . 'key_reused created limit stale seats_taken created retry', 'outcomes');
    is_deeply($r[2]{conflicts}, [$taken->{seat_nos} =~ /(\d+)/],
              'only what others have');
    is_deeply($r[10]{conflicts}, $a, 'a neighbour that won has them');
    is($r[5]{order_id}, $taken->{order_id}, 'replay');

    is(outcomes(create($dbh, $items[3])), 'created', 'the retry succeeds');
    is(outcomes(create($dbh, $items[12])), 'hold_ordered', 'the other too');
    is(outcomes(create($dbh, $items[1])), 'replayed', 'the same key');
    healthy($dbh, 'after the batch');
};


subtest 'the limit within a batch' => sub {
    my ($block) = map { order($show, $_, user_id => 'l0') } fresh(1);
    create($dbh, $block);
    my ($gone) = $block->{seat_nos} =~ /(\d+)/;
    my @items = (
        order($show, [$gone, @{fresh(2)}], user_id => 'l1', user_limit => 4),
        order($show, fresh(3), user_id => 'l1', user_limit => 4),
        order($show, fresh(2), user_id => 'l1', user_limit => 4),
        order($show, fresh(5), user_id => 'l1', user_limit => 4),
    );
    is(outcomes(create($dbh, @items)), 'seats_taken retry retry limit',
       'who lost only to a loser tries again');
    is(seats_of('l1'), 0, 'nothing is counted');
    is(outcomes(create($dbh, $items[1])), 'created', 'alone it fits');
    is(outcomes(create($dbh, $items[2])), 'limit', 'and the other does not');
};


subtest 'confirmed' => sub {
    my $o = order($show, fresh(2), user_id => 'p1');
    create($dbh, $o);
    my $p = payment($o, idem_key => 'pk');
    my ($r) = confirm($dbh, $p);

    is("$r->{outcome} $r->{status}", 'confirmed CONFIRMED', 'confirmed');
    is($r->{ticket_code}, $p->{ticket_code}, 'ticket');
    ok($r->{confirmed_ms} >= $r->{created_ms}, 'time');
    is(events($o), '1:order.created 2:order.confirmed', 'events');
    is(one('select status from boxoffice.payments where payment_id = ?',
           undef, $p->{payment_id}), 'CAPTURED', 'payment');

    my %more = (ticket_code => 'another');
    ($r) = confirm($dbh, { %$p, %more });
    is($r->{outcome}, 'replayed', 'same key');
    is($r->{ticket_code}, $p->{ticket_code}, 'same ticket');
    is(outcomes(confirm($dbh, { %$p, fingerprint => 'x' })), 'key_reused',
       'key reused');

    ($r) = confirm($dbh, { %$p, %more, idem_key => undef });
    is("$r->{outcome} $r->{ticket_code}", "already $p->{ticket_code}",
       'same payment');
    is(outcomes(confirm($dbh, { %$p, user_id => undef, idem_key => 'any' })),
       'already', 'from the gateway');
    is(refunds($o), 0, 'nothing to refund');
    is(outcomes(confirm($dbh, { %$p, idem_key => undef,
                                verdict => 'DECLINED' })), 'already',
       'a decline after success is ignored');

    my $second = payment($o);
    is(outcomes(confirm($dbh, $second)), 'already', 'another payment');
    is(refunds($o), 1, 'is refunded');
    is(outcomes(confirm($dbh, $second)), 'already', 'told again');
    is(refunds($o), 1, 'refunded once');
};


subtest 'not confirmed' => sub {
    my ($o, $d, $e, $c, $f) =
        map { order($show, fresh(2), user_id => 'n1', user_limit => 99) } 1 .. 5;
    create($dbh, $o, $d, $e, $c, $f);

    my @r = confirm($dbh, payment($d, verdict => 'DECLINED',
                                  payment_id => undef));
    is("$r[0]{outcome} $r[0]{status}", 'declined FAILED', 'declined');
    ok($r[0]{ended_ms}, 'ended');
    is(claims('{' . join(',', @{$r[0]{seat_nos}}) . '}'), 0, 'seats are free');
    is(seats_of('n1'), 8, 'and not counted');
    is(events($d), '1:order.created 2:order.failed', 'events');
    is(outcomes(confirm($dbh, payment($d, verdict => 'DECLINED'))), 'failed',
       'declined again');
    my $late = payment($d);
    is(outcomes(confirm($dbh, $late)), 'failed', 'captured after all');
    is(refunds($d), 1, 'is refunded');
    confirm($dbh, $late);
    is(refunds($d), 1, 'once');

    expire_now($e);
    @r = confirm($dbh, payment($e, verdict => 'DECLINED'));
    is("$r[0]{outcome} $r[0]{status}", 'expired EXPIRED', 'too late');
    is(events($e), '1:order.created 2:order.expired', 'events');
    is(seats_of('n1'), 6, 'not counted');
    is(outcomes(confirm($dbh, payment($e, verdict => 'DECLINED'))), 'expired',
       'stays so');

    cancel($dbh, withdrawal($c));
    is(outcomes(confirm($dbh, payment($c))), 'cancelled', 'cancelled');
    is(refunds($c), 1, 'refunded');

    is(outcomes(confirm($dbh, payment($o, user_id => 'eve'))), 'not_found',
       'another user\'s');
    @r = confirm($dbh, payment($o, user_id => 'eve'));
    ok(!defined $r[0]{order_id}, 'is not shown');
    is(outcomes(confirm($dbh, payment({ %$o, show_no => 999999 }))),
       'not_found', 'no such show');
    is(outcomes(confirm($dbh, payment({ %$o,
                                        order_id => TestPg::uuid() }))),
       'not_found', 'no such order');

    my $p = payment($o);
    is(outcomes(confirm($dbh, $p)), 'confirmed', 'confirmed');
    @r = confirm($dbh, payment($f, payment_id => $p->{payment_id},
                               idem_key => 'pu'));
    is("$r[0]{outcome} $r[0]{status}", 'payment_used PAYMENT_PENDING',
       'a payment counts for one order');
    is(outcomes(confirm($dbh, payment($f, idem_key => 'pu',
                                      fingerprint => 'other'))),
       'confirmed', 'its own payment, and the key is free');

    eval { confirm($dbh, payment($f, verdict => 'MAYBE')) };
    like($@, qr/verdict is unknown/, 'unknown verdict');
    healthy($dbh, 'after payments');
};


subtest 'a batch of confirmations' => sub {
    my @o = map { order($show, fresh(1), user_id => "bc$_") } 0 .. 6;
    create($dbh, @o);
    expire_now($o[2]);
    my $p = payment($o[0]);
    my $k = payment($o[5], idem_key => 'k');
    my @r = confirm($dbh, $p, payment($o[1], verdict => 'DECLINED'),
                    payment($o[2]), payment($o[0]),
                    payment($o[3], payment_id => $p->{payment_id}),
                    payment($o[4], user_id => 'eve'), $k,
                    { %$k }, payment($o[6]));
    is(outcomes(@r), 'confirmed declined confirmed retry retry not_found '
       . 'confirmed in_progress confirmed', 'outcomes');
    is(outcomes(confirm($dbh, payment($o[3],
                                      payment_id => $p->{payment_id}))),
       'payment_used', 'alone');
    is(refunds($o[2]), 0, 'the late one had its seat still');
    healthy($dbh, 'after the batch');
};


subtest 'paid after its time' => sub {
    my @seats = map { fresh(2) } 0 .. 4;
    my @o = map { order($show, $_, user_id => 'late') } @seats;
    my $end = sub {
        expire_now($_) for @_;
        $dbh->selectall_arrayref('select * from boxoffice.expire_orders(100)');
    };

    create($dbh, @o);
    $end->(@o);
    is(seats_of('late'), 0, 'all are over');

    my ($r) = confirm($dbh, payment($o[0]));
    is("$r->{outcome} $r->{status}", 'confirmed CONFIRMED',
       'the seats were free');
    is(events($o[0]), '1:order.created 2:order.expired 3:order.confirmed',
       'events');
    ok(!$r->{ended_ms} && $r->{confirmed_ms}, 'it has not ended');
    is(claims($seats[0]) . ' ' . seats_of('late'), '2 2', 'claimed, counted');

    my $other = order($show, [$seats[1][1]], user_id => 'quick');
    create($dbh, $other);
    my $p = payment($o[1]);
    ($r) = confirm($dbh, $p);
    is("$r->{outcome} $r->{status}", 'expired EXPIRED', 'one seat was taken');
    is(refunds($o[1]), 1, 'refunded');
    is(claims($seats[1]), 1, 'the other one is free');
    cancel($dbh, withdrawal($other));
    is(outcomes(confirm($dbh, $p)), 'expired',
       'what was given back buys nothing any more');
    is(refunds($o[1]) . claims($seats[1]), '10', 'once');

    # two of one batch for the same seats, and one beyond the limit
    my @same = map { order($show, $seats[3], user_id => "s$_") } 0, 1;
    for my $s (@same) {
        create($dbh, $s);
        $end->($s);
    }
    my @r = confirm($dbh, map({ payment($_) } @same),
                    payment($o[4], user_limit => 3));
    is((grep { $_->{outcome} eq 'confirmed' } @r[0, 1]), 1, 'one of them');
    is($r[2]{outcome}, 'expired', 'beyond the limit');
    is(refunds($o[4]) . claims($seats[4]), '10', 'is refunded');
    healthy($dbh, 'after late payments');

    ($r) = cancel($dbh, withdrawal($o[0]));
    is($r->{outcome}, 'cancelled', 'such an order can be cancelled');
    is(claims($seats[0]) . refunds($o[0]), '01', 'as any other');

    # a show that has begun
    $dbh->begin_work();
    $dbh->do("update boxoffice.shows set starts_at = now() - interval '1 s', "
             . "ends_at = now() + interval '1 h' where show_id = ?", undef,
             $show->{show_id});
    is(outcomes(confirm($dbh, payment($o[2]))), 'expired', 'the show began');
    $dbh->rollback();
    healthy($dbh, 'in the end');
};


subtest 'cancelled' => sub {
    my ($o, $p, $q, $x) =
        map { order($show, fresh(2), user_id => 'x1', user_limit => 99) } 1 .. 4;
    create($dbh, $o, $p, $q, $x);
    confirm($dbh, payment($p), payment($q));
    expire_now($x);
    $dbh->do('select * from boxoffice.expire_orders(10)');

    my $w = withdrawal($o, idem_key => 'w');
    my ($r) = cancel($dbh, $w);
    is("$r->{outcome} $r->{status}", 'cancelled CANCELLED', 'pending');
    is(outcomes(cancel($dbh, $w)), 'replayed', 'replayed');
    is(outcomes(cancel($dbh, { %$w, fingerprint => 'y' })), 'key_reused',
       'key reused');
    is(outcomes(cancel($dbh, withdrawal($o))), 'already', 'already');
    is(refunds($o), 0, 'nothing was paid');
    is(seats_of('x1'), 4, 'count');

    is(outcomes(cancel($dbh, withdrawal($p, user_id => 'eve'))), 'not_found',
       'another user\'s');
    my @r = cancel($dbh, withdrawal($p, idem_key => 'a'), withdrawal($p),
                   withdrawal($q, user_id => 'root', admin => 't'),
                   withdrawal($x, idem_key => 'a'),
                   withdrawal({ %$x, order_id => TestPg::uuid() }));
    is(outcomes(@r), 'cancelled retry cancelled in_progress not_found',
       'a batch');
    is(refunds($p) . refunds($q), '11', 'refunds');
    is(events($p), '1:order.created 2:order.confirmed 3:order.cancelled',
       'events');
    is(seats_of('x1'), 0, 'no seats left');
    is(outcomes(cancel($dbh, withdrawal($x))), 'cancelled',
       'an expired one may be put away');
    is(events($x), '1:order.created 2:order.expired 3:order.cancelled',
       'events');
    healthy($dbh, 'after cancelling');

    my $begun = TestPg::show($dbh, 1);
    my $b = order($begun, [1], user_id => 'x2');
    create($dbh, $b);
    confirm($dbh, payment($b));
    $dbh->do('update boxoffice.shows set starts_at = now() '
             . 'where show_id = ?', undef, $begun->{show_id});
    is(outcomes(cancel($dbh, withdrawal($b, idem_key => 'b'))), 'closed',
       'show has begun');
    is(outcomes(cancel($dbh, withdrawal($b, user_id => 'root',
                                        admin => 't'))), 'cancelled',
       'an admin may');
};


subtest 'expiry' => sub {
    my @o = map { order($show, fresh(1), user_id => 'e1', user_limit => 99) }
            1 .. 3;
    create($dbh, @o);
    expire_now($_) for @o[0, 1];

    my $first = $dbh->selectall_arrayref(
        'select * from boxoffice.expire_orders(1)', { Slice => {} });
    is(scalar(@$first), 1, 'no more than asked for');
    is_deeply([sort keys %{$first->[0]}], [sort @TestPg::ORDER], 'columns');
    is($first->[0]{status}, 'EXPIRED', 'state');
    my $rest = $dbh->selectall_arrayref(
        'select * from boxoffice.expire_orders(100)', { Slice => {} });
    is(scalar(@$rest), 1, 'the other one');
    is(seats_of('e1'), 1, 'count');
    is($dbh->selectall_arrayref('select * from boxoffice.expire_orders(100)')
       ->[0], undef, 'nothing left');
    is(outcomes(create($dbh, order($show, $first->[0]{seat_nos},
                                   user_id => 'e2'))), 'created',
       'the seat can be bought');
    healthy($dbh, 'after expiry');
};


subtest 'reading' => sub {
    my @o = map { order($show, fresh(1), user_id => 'q1', user_limit => 99) }
            1 .. 5;
    create($dbh, $_) for @o;
    my $read = sub {
        return $dbh->selectall_arrayref(
            'select * from boxoffice.order_by_id(?, ?, ?, ?)',
            { Slice => {} }, @_);
    };
    my ($id, $no) = @{$o[0]}{qw(order_id show_no)};
    is($read->($id, $no, 'q1', 'f')->[0]{order_id}, $id, 'own');
    is(@{$read->($id, $no, 'eve', 'f')}, 0, 'not another\'s');
    is(@{$read->($id, $no, undef, 'f')}, 0, 'not nobody\'s');
    is(@{$read->($id, $no, 'root', 't')}, 1, 'admin');
    is(@{$read->($id, $no + 1000, 'q1', 'f')}, 0, 'show_no is part of it');
    is_deeply([sort keys %{$read->($id, $no, 'q1', 'f')->[0]}],
              [sort @TestPg::ORDER], 'columns');

    my ($ms, $before, @seen) = (9223372036854, $id);
    while (1) {
        my $page = $dbh->selectall_arrayref(
            'select * from boxoffice.orders_of_user(?, ?, ?, 2)',
            { Slice => {} }, 'q1', $ms, $before);
        last if !@$page;
        push @seen, map { $_->{order_id} } @$page;
        ($ms, $before) = @{$page->[-1]}{qw(created_ms order_id)};
    }
    my %by = map { $_->{order_id} => $_ } @o;
    is(@seen, 5, 'pages cover all');
    is(keys(%{{ map { $_ => 1 } @seen }}), 5, 'none twice');

    confirm($dbh, payment($o[0]));
    expire_now($o[1]);
    my $claims = $dbh->selectall_hashref(
        'select * from boxoffice.show_claims(?)', 'seat_no', undef,
        $show->{show_id});
    my ($s0, $s1, $s2) = map { $_->{seat_nos} =~ /(\d+)/ } @o[0 .. 2];
    is($claims->{$s0}{confirmed}, 1, 'confirmed seat');
    ok(!defined $claims->{$s0}{ms_left}, 'has no deadline');
    is($claims->{$s1}{ms_left}, 0, 'deadline passed');
    my $left = $claims->{$s2}{ms_left};
    ok($left > 590000 && $left <= 600000, 'deadline to come');
    is($claims->{$s2}{hold_id}, $o[2]{hold_id}, 'hold');
    is($claims->{$s2}{user_id}, 'q1', 'user');
    is(keys(%$claims),
       one('select count(*) from boxoffice.seat_claims where show_id = ?',
           undef, $show->{show_id}), 'all claims of the show');
};


subtest 'holds' => sub {
    my $hold = sub {
        my ($id, $outcome, $seats, $expires) = @_;
        return { hold_id => $id, show_id => $show->{show_id}, user_id => 'u',
                 seat_nos => $seats || '{1,2}', created_ms => 1000,
                 expires_ms => $expires || 301000, outcome => $outcome };
    };
    my ($a, $b, $c) = map { TestPg::uuid() } 1 .. 3;
    is(outcomes(TestPg::holds($dbh, $hold->($a, 'HELD'))), 'HELD', 'held');
    is(outcomes(TestPg::holds($dbh, $hold->($a, 'HELD', '{3}', 302000),
                              $hold->($b, 'HELD'), $hold->($b, 'RELEASED'),
                              $hold->($b, 'HELD'), $hold->($c, 'ORDERED'),
                              $hold->($c, 'EXPIRED'))),
       'HELD RELEASED RELEASED RELEASED ORDERED ORDERED', 'a batch');
    is_deeply(one('select seat_nos from boxoffice.holds where hold_id = ?',
                  undef, $a), [3], 'seats changed');
    is(outcomes(TestPg::holds($dbh, $hold->($a, 'HELD', '{1}', 301000))),
       'HELD', 'late news');
    is_deeply(one('select seat_nos from boxoffice.holds where hold_id = ?',
                  undef, $a), [3], 'changes nothing');
    is(outcomes(TestPg::holds($dbh, $hold->($a, 'EXPIRED'),
                              $hold->($b, 'HELD'), $hold->($b, 'EXPIRED'))),
       'EXPIRED RELEASED RELEASED', 'an end stays');
};


subtest 'the state graph' => sub {
    my %may = map { $_ => 1 } qw(
        PAYMENT_PENDING>CONFIRMED PAYMENT_PENDING>FAILED
        PAYMENT_PENDING>EXPIRED PAYMENT_PENDING>CANCELLED
        CONFIRMED>CANCELLED EXPIRED>CANCELLED FAILED>CANCELLED
        EXPIRED>CONFIRMED);
    my @states = qw(PAYMENT_PENDING CONFIRMED FAILED EXPIRED CANCELLED);
    my ($o) = order($show, fresh(1), user_id => 'g1');
    create($dbh, $o);

    my $move = sub {
        my ($to, $step, $set) = @_;
        return eval {
            $dbh->do('update boxoffice.orders set status = ?, '
                . 'version = version + ?, confirmed_at = now(), '
                . "payment_id = 'p', ticket_code = 't', ended_at = case when "
                . "? in ('FAILED','EXPIRED','CANCELLED') then now() end "
                . ($set || '') . ' where order_id = ?',
                undef, $to, $step, $to, $o->{order_id});
            1;
        } ? 1 : 0;
    };

    for my $from (@states) {
        for my $to (@states) {
            next if $from eq $to;
            $dbh->begin_work();
            $move->($from, 1) if $from ne 'PAYMENT_PENDING';
            is($move->($to, 1), $may{"$from>$to"} ? 1 : 0, "$from to $to");
            $dbh->rollback();
        }
    }

    for my $bad (['CONFIRMED', 0], ['CONFIRMED', 2], ['CONFIRMED', -1],
                 ['PAYMENT_PENDING', 1]) {
        $dbh->begin_work();
        is($move->(@$bad), 0, "$bad->[0] version + $bad->[1]");
        $dbh->rollback();
    }

    for my $set ('seat_nos = \'{9}\'', 'amount = 1', 'user_id = \'eve\'',
                 'show_id = gen_random_uuid()') {
        $dbh->begin_work();
        is($move->('CONFIRMED', 1, ", $set"), 0, "not $set");
        $dbh->rollback();
    }
};


# What an administrator does to a show, as the server asks for it.

sub change {
    my ($db, $show, $action, $body) = @_;
    return $db->selectrow_array(
        "select outcome from boxoffice.admin_write('root', null, null, ?, "
        . "'show', ?, null, ?)", undef, $action, $show->{show_id}, $body);
}

sub moved {
    my ($show, $hours) = @_;
    return one("select jsonb_build_object('durationMinutes', 120, "
               . "'startsAtMs', boxoffice.unix_ms(starts_at + ? * interval "
               . "'1 h')) from boxoffice.shows where show_id = ?", undef,
               $hours, $show->{show_id});
}


subtest 'paid late, and the show is another one' => sub {
    my $show = TestPg::show($dbh, 2);
    my ($broken, $house, $whole, $later) = map {
        order($show, [$_, $_ + 1], user_id => "w$_") } 0, 2, 4, 6;
    my @o = ($broken, $house, $whole, $later);

    create($dbh, @o);
    $dbh->do("update boxoffice.orders set expires_at = now() - interval '1 s' "
             . 'where show_id = ?', undef, $show->{show_id});
    $dbh->selectall_arrayref('select * from boxoffice.expire_orders(100)');

    is(change($dbh, $show, 'seats', '{"broken":["A1"],"house":["A4"]}'),
       'changed', 'seats that nobody has break');
    my @r = confirm($dbh, map { payment($_) } $broken, $house, $whole);
    is(outcomes(@r), 'expired expired confirmed',
       'who has one of them is too late, others are not');
    is(join(' ', map { refunds($_) } $broken, $house, $whole), '1 1 0',
       'their money goes back, once');

    cancel($dbh, withdrawal($whole, admin => 't'));
    is(change($dbh, $show, 'change', moved($show, 24)), 'changed',
       'the show is moved');
    is(outcomes(confirm($dbh, payment($later))), 'expired',
       'that is not what was ordered');
    is(refunds($later), 1, 'and its money goes back');

    my $back = order(TestPg::show_row($dbh, $show->{show_id}), [8],
                     user_id => 'w8');
    create($dbh, $back);
    expire_now($back);
    $dbh->selectall_arrayref('select * from boxoffice.expire_orders(100)');
    change($dbh, $show, 'change', moved($show, 24));
    change($dbh, $show, 'change', moved($show, -24));
    is(outcomes(confirm($dbh, payment($back))), 'confirmed',
       'moved away and back is what was ordered');
    healthy($dbh, 'after shows that changed');
};


subtest 'an order and a change of its show at once' => sub {
    my $show = TestPg::show($dbh, 2);
    my $other = $pg->dbh();
    my %change = (
        seats  => sub { '{"broken":["A1"]}' },
        change => sub { moved($show, 24) },
        prices => sub { '{"prices":{"STD":700}}' },
    );

    $_->do("set lock_timeout = '150ms'") for $dbh, $other;

    for my $action (sort keys %change) {
        my $refused = { seats => 'sold', change => 'in_use',
                        prices => 'sale_begun' }->{$action};
        my $o = order(TestPg::show_row($dbh, $show->{show_id}), [0],
                      user_id => "x$action");
        my $body = $change{$action}->();

        # the order is first
        $other->begin_work();
        is(outcomes(create($other, $o)), 'created', "$action: an order");
        ok(!eval { change($dbh, $show, $action, $body); 1 }
           && $dbh->state eq '55P03', 'the change waits for it');
        $other->commit();
        is(change($dbh, $show, $action, $body), $refused, 'and is refused');
        cancel($dbh, withdrawal($o));

        # the change is first
        $o = order($show = TestPg::show_row($dbh, $show->{show_id}), [0],
                   user_id => "y$action");
        $other->begin_work();
        is(change($other, $show, $action, $body), 'changed', 'a change');
        ok(!eval { create($dbh, $o); 1 } && $dbh->state eq '55P03',
           'the order waits for it');
        $other->commit();
        is(outcomes(create($dbh, $o)), 'stale', 'and is refused');
        change($dbh, $show, 'seats', '{"normal":["A1"]}');
    }

    # who is paid late takes seats as well
    my $late = order(TestPg::show_row($dbh, $show->{show_id}), [5],
                     user_id => 'xlate');
    create($dbh, $late);
    expire_now($late);
    $dbh->selectall_arrayref('select * from boxoffice.expire_orders(100)');
    $other->begin_work();
    is(outcomes(confirm($other, payment($late))), 'confirmed', 'paid late');
    ok(!eval { change($dbh, $show, 'change', moved($show, 24)); 1 }
       && $dbh->state eq '55P03', 'a change waits for it');
    $other->commit();
    is(change($dbh, $show, 'change', moved($show, 24)), 'in_use',
       'and is refused');

    $dbh->do('set lock_timeout = 0');
    healthy($dbh, 'after changes at once');
};


subtest 'the invariants notice' => sub {
    my $o = order($show, fresh(2), user_id => 'v1');
    create($dbh, $o);
    my ($seat) = $o->{seat_nos} =~ /(\d+)/;
    my $paid = order($show, fresh(1), user_id => 'v2');
    create($dbh, $paid);
    confirm($dbh, payment($paid));
    my %wrong = (
        I1 => "insert into orders select '" . TestPg::uuid() . "', show_date, "
            . "show_id, '" . TestPg::uuid() . "', amount, created_at, "
            . "expires_at, confirmed_at, ended_at, show_starts, show_no, version, "
            . "currency, status, payment_method, user_id, seat_nos, seat_ids, "
            . "customer_name, customer_email from orders where order_id = ?",
        'I15: a live order' => 'delete from seat_claims where order_id = ?',
        'I15: a claim belongs' => "insert into seat_claims select show_id, "
            . "259, '" . TestPg::uuid() . "' from orders where order_id = ?",
        I10 => 'update user_seats set seats = seats + 1 where (show_id, '
            . 'user_id) in (select show_id, user_id from orders '
            . 'where order_id = ?)',
        'I3: each state' => 'delete from outbox where aggregate_id = ?',
        'I3: each event' => 'update outbox set version = 7 '
            . 'where aggregate_id = ?',
        'I12: the last' => "update outbox set type = 'order.failed' "
            . 'where aggregate_id = ?',
        'I2: captured =' => "insert into payments (payment_id, order_id, "
            . "show_date, provider, amount, currency, status) select 'lone', "
            . "order_id, show_date, 'mock', 1, currency, 'CAPTURED' "
            . 'from orders where order_id = ?',
        'I2: the books' => "insert into payments (payment_id, order_id, "
            . "show_date, provider, amount, currency, status) select 'lone', "
            . "order_id, show_date, 'mock', 0, currency, 'CAPTURED' "
            . 'from orders where order_id = ?',
        'I2: refunded is' => ['update payments set refunded = 1 '
            . 'where order_id = ?', $paid],
        'I2: a confirmed' => ['update payments set order_id = gen_random_uuid() '
            . 'where order_id = ?', $paid],
        'I2: a promise' => "insert into payments (payment_id, order_id, "
            . "show_date, provider, amount, currency, status) select 'lone', "
            . "order_id, show_date, 'mock', 1, currency, 'AUTHORISED' "
            . 'from orders where order_id = ?',
    );
    $dbh->do('set search_path = boxoffice');
    for my $what (sort keys %wrong) {
        $dbh->begin_work();
        my ($sql, $of) = ref($wrong{$what}) ? @{$wrong{$what}}
                       : ($wrong{$what}, $o);
        $dbh->do($sql, undef, $of->{order_id});
        my $found = $dbh->selectcol_arrayref(
            'select invariant from check_invariants()');
        ok((grep { index($_, $what) == 0 } @$found), $what);
        $dbh->rollback();
    }

    # and the repair puts right what it can
    is_deeply([one('select * from cleanup_orphans(0)')], [0, 0, 0],
              'nothing to repair');
    $dbh->do($wrong{I10}, undef, $o->{order_id});
    $dbh->do($wrong{'I15: a claim belongs'}, undef, $o->{order_id});
    is_deeply([one('select * from cleanup_orphans(0)')], [1, 1, 0],
              'repaired');
    $dbh->do('reset search_path');
    healthy($dbh, 'after the repair');
};


subtest 'purge' => sub {
    my ($o, $n) = map { order($show, fresh(1), user_id => 'z1',
                              idem_key => "z$_") } 1 .. 2;
    create($dbh, $o, $n);
    $dbh->do('set search_path = boxoffice');
    $dbh->do("update orders set created_at = created_at - interval '3 h' "
             . 'where order_id = ?', undef, $o->{order_id});
    $dbh->do("update outbox set created_at = created_at - interval '3 h', "
             . 'published_at = now() where aggregate_id = ?', undef,
             $o->{order_id});
    $dbh->do("update idempotency set created_at = created_at - interval '3 h'"
             . ' where order_id = ?', undef, $o->{order_id});
    is_deeply([one('select * from purge(2)')], [1, 1, 0, 0], 'old ones go');
    is_deeply([one('select * from purge(2)')], [0, 0, 0, 0], 'once');
    $dbh->do('reset search_path');
    is(outcomes(create($dbh, { %$n, order_id => TestPg::uuid() })),
       'replayed', 'young ones stay');
    healthy($dbh, 'what was purged is not missed');
    eval { $dbh->do('select boxoffice.purge(0)') };
    like($@, qr/hours is not/, 'not everything at once');
};


healthy($dbh, 'at the end');
unlike($pg->log(), qr/PANIC|FATAL|deadlock/, 'a clean log');

done_testing();
