#!/usr/bin/perl

# What is given back of an order: the terms at each of their boundaries, in
# time zones and over changes of the clock; parts and wholes; whole shows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use JSON::PP qw(decode_json);
use List::Util qw(max min shuffle sum0);
use Test::More;
use TestPg;

*order = \&TestPg::order;
*payment = \&TestPg::payment;
*outcomes = \&TestPg::outcomes;
*healthy = \&TestPg::healthy;

my $HOUSE = '00000000-0000-0000-0000-000000000000';
my $seed = $ENV{SEED} || int(rand(2 ** 31));
srand($seed);
diag("SEED=$seed");

my $pg = TestPg->new();
my $dbh = $pg->load();
my %theatre;

sub one { return $dbh->selectrow_array(@_) }


# A theatre in a zone, and its first hall.

sub theatre {
    my ($name, $zone) = @_;
    my ($id) = one('insert into boxoffice.theatres (name, timezone) '
                   . 'values (?, ?) returning theatre_id', undef, $name, $zone);
    return $theatre{$name} = { id => $id, zone => $zone };
}


# A show of a hall of 60 seats there, in so many seconds.

sub show {
    my ($theatre, $in) = @_;
    my $show = TestPg::show($dbh, 6);
    $dbh->do('update boxoffice.screens set theatre_id = ? where screen_id = '
             . '(select screen_id from boxoffice.shows where show_id = ?)',
             undef, $theatre->{id}, $show->{show_id});
    move($show, $in // 30 * 86400);
    return TestPg::show_row($dbh, $show->{show_id});
}


sub move {
    my ($show, $in) = @_;
    $dbh->do("update boxoffice.shows set starts_at = now() + ? * interval '1 ms', "
             . "ends_at = now() + ? * interval '1 ms' where show_id = ?", undef,
             1000 * $in, 1000 * $in + 7200000, $show->{show_id});
}


# New terms, in force at once, as if they had been made a year ago.

sub terms {
    my ($theatre, $terms, $from) = @_;
    my ($outcome, $answer) = one('select * from boxoffice.set_refund_policy('
        . '?, ?, ?)', undef, $theatre->{id}, 'root',
        JSON::PP->new->canonical->encode($terms));
    return decode_json($answer) if $outcome eq 'same';
    die "terms: $outcome $answer" if $outcome ne 'set';
    my $p = decode_json($answer);
    $dbh->do('update boxoffice.refund_policies set effective_from = '
             . "coalesce(?::timestamptz, now() - interval '1 year') "
             . 'where theatre_id = ? and version = ?', undef, $from,
             $theatre->{id}, $p->{version});
    return $p;
}


my $next = 0;

# A paid order of so many seats at these prices.

sub paid {
    my ($show, $prices, %more) = @_;
    my $first = $show->{next} //= 0;
    $show->{next} += @$prices;
    my $o = order($show, [$first .. $first + $#$prices],
                  amount => sum0(@$prices), user_limit => 64,
                  seat_prices => '{' . join(',', @$prices) . '}',
                  user_id => 'u' . ++$next, %more);
    my ($r) = TestPg::create($dbh, $o);
    die "no order: $r->{outcome}" if $r->{outcome} ne 'created';
    ($r) = TestPg::confirm($dbh, payment($o));
    die "not paid: $r->{outcome}" if $r->{outcome} ne 'confirmed';
    return $o;
}


# cancel_seats() of one order; seats by their names.

sub back {
    my ($o, $seats, %more) = @_;
    my ($r) = TestPg::give_back($dbh, {
        order_id => $o->{order_id}, show_no => $o->{show_no},
        user_id => $o->{user_id}, admin => 'f',
        seats => $seats && join(',', @$seats), terms => 'POLICY',
        idem_key => undef, fingerprint => 'f', %more });
    $r->{refund} = decode_json($r->{refund}) if $r->{refund};
    return $r;
}


sub quote {
    my ($o, $seats) = @_;
    my ($outcome, $answer) = one('select * from boxoffice.refund_quote('
        . '?, ?, ?, false, ?)', undef, @$o{qw(order_id show_no user_id)},
        $seats && join(',', @$seats));
    return ($outcome, $answer && decode_json($answer));
}


sub names { return map { "S$_" } @_ }
sub nos   { my ($o) = @_; return $o->{seat_nos} =~ /\d+/g }


# Everything that went back, and what was captured.

sub money {
    my ($o) = @_;
    return $dbh->selectrow_array(
        'select p.amount, p.refunded, p.kept, (select coalesce(sum(amount), 0) '
        . 'from boxoffice.refunds r where r.order_id = p.order_id) '
        . 'from boxoffice.payments p where p.order_id = ?', undef,
        $o->{order_id});
}


my $kolkata = theatre('Kolkata', 'Asia/Kolkata');
my $york = theatre('New York', 'America/New_York');
my $berlin = theatre('Berlin', 'Europe/Berlin');

my $HOURS = [{ minutesBefore => 2880, percent => 100 },
             { minutesBefore => 1440, percent => 50 },
             { minutesBefore => 120, percent => 25 }];
my $DAYS = [{ daysBefore => 2, time => '24:00', percent => 100 },
            { daysBefore => 1, time => '24:00', percent => 50 },
            { daysBefore => 0, time => '12:30', percent => 10 }];


# --- boundaries

# Terms, zone, start and the boundaries, each as a time in UTC that was worked
# out by hand, with what holds up to it; after the last one nothing does.

my @table = (
    ['hours', $HOURS, $kolkata, '2026-11-24 18:30:00+05:30',
     ['2026-11-22 13:00:00', 100], ['2026-11-23 13:00:00', 50],
     ['2026-11-24 11:00:00', 25]],
    ['hours, elsewhere', $HOURS, $york, '2026-11-24 18:30:00-05:00',
     ['2026-11-22 23:30:00', 100], ['2026-11-23 23:30:00', 50],
     ['2026-11-24 21:30:00', 25]],
    ['hours over the lost hour', $HOURS, $berlin, '2026-03-29 10:00:00+02:00',
     ['2026-03-27 08:00:00', 100], ['2026-03-28 08:00:00', 50],
     ['2026-03-29 06:00:00', 25]],
    ['hours over the hour that comes twice', $HOURS, $york,
     '2026-11-01 20:00:00-05:00',
     ['2026-10-31 01:00:00', 100], ['2026-11-01 01:00:00', 50],
     ['2026-11-01 23:00:00', 25]],

    ['days', $DAYS, $kolkata, '2026-11-24 18:30:00+05:30',
     ['2026-11-22 18:30:00', 100], ['2026-11-23 18:30:00', 50],
     ['2026-11-24 07:00:00', 10]],
    ['days, elsewhere', $DAYS, $york, '2026-11-24 18:30:00-05:00',
     ['2026-11-23 05:00:00', 100], ['2026-11-24 05:00:00', 50],
     ['2026-11-24 17:30:00', 10]],
    # 24 hours are lost on the day of the show, not before it
    ['days, the clock goes forward on the day', $DAYS, $berlin,
     '2026-03-29 20:00:00+02:00',
     ['2026-03-27 23:00:00', 100], ['2026-03-28 23:00:00', 50],
     ['2026-03-29 10:30:00', 10]],
    ['days, the clock went forward the day before', $DAYS, $berlin,
     '2026-03-30 20:00:00+02:00',
     ['2026-03-28 23:00:00', 100], ['2026-03-29 22:00:00', 50],
     ['2026-03-30 10:30:00', 10]],
    ['days, the clock goes back on the day', $DAYS, $york,
     '2026-11-01 20:00:00-05:00',
     ['2026-10-31 04:00:00', 100], ['2026-11-01 04:00:00', 50],
     ['2026-11-01 17:30:00', 10]],
    ['days, the clock went back the day before', $DAYS, $york,
     '2026-11-02 20:00:00-05:00',
     ['2026-11-01 04:00:00', 100], ['2026-11-02 05:00:00', 50],
     ['2026-11-02 17:30:00', 10]],
    ['days, the show is after midnight', $DAYS, $berlin,
     '2026-11-25 00:30:00+01:00',
     ['2026-11-23 23:00:00', 100], ['2026-11-24 23:00:00', 50],
     ['2026-11-24 23:30:00', 10]],
    ['a time that the clock skips',
     [{ daysBefore => 0, time => '02:30', percent => 70 }], $berlin,
     '2026-03-29 20:00:00+02:00', ['2026-03-29 01:30:00', 70]],
    ['a time that it shows twice',
     [{ daysBefore => 0, time => '02:30', percent => 70 }], $berlin,
     '2026-10-25 20:00:00+01:00', ['2026-10-25 01:30:00', 70]],

    # a step that another outlasts does not count
    ['both kinds', [{ minutesBefore => 1440, percent => 80 },
                    { daysBefore => 1, time => '24:00', percent => 40 },
                    { minutesBefore => 0, percent => 0 }], $berlin,
     '2026-11-24 10:00:00+01:00',
     ['2026-11-23 09:00:00', 80], ['2026-11-23 23:00:00', 40],
     ['2026-11-24 09:00:00', 0]],
    ['both kinds, the other way round',
     [{ minutesBefore => 60, percent => 80 },
      { daysBefore => 1, time => '24:00', percent => 40 }], $berlin,
     '2026-11-24 10:00:00+01:00', ['2026-11-24 08:00:00', 80]],
    ['none', [], $berlin, '2026-11-24 10:00:00+01:00'],
);

for my $row (@table) {
    my ($name, $steps, $theatre, $starts, @bounds) = @$row;

    subtest "terms: $name" => sub {
        terms($theatre, { steps => $steps });

        my $percent = sub {
            my ($at, $ms) = @_;
            return one('select percent from boxoffice.refund_terms(?, ?, ?, ?, '
                . "?, ?::timestamptz + ? * interval '1 ms')", undef,
                $theatre->{id}, '2026-01-01', 'EUR', $starts, $theatre->{zone},
                $at, $ms);
        };

        is($percent->('2026-01-02 00:00Z', 0), @bounds ? $bounds[0][1] : undef,
           'long before');

        for my $i (0 .. $#bounds) {
            my ($at, $holds) = @{$bounds[$i]};
            my $after = $i < $#bounds ? $bounds[$i + 1][1] : undef;
            is($percent->("$at+00", -1), $holds, "$at, a ms before");
            is($percent->("$at+00", 0), $holds, "$at");
            is($percent->("$at+00", 1), $after, "$at, a ms after");
        }
    };
}


# The same through the function that cancels, by the clock of the server: in
# one transaction it stands still, and the show is moved.

subtest 'the moment of a cancellation' => sub {
    terms($kolkata, { steps => $HOURS });
    my $show = show($kolkata);
    my $o = paid($show, [1000, 2000]);

    for my $case ([2880, 0, 3000], [2880, -1, 1500], [2880, 1, 3000],
                  [1440, 0, 1500], [1440, -1, 750], [1440, 1, 1500],
                  [120, 0, 750], [120, -1, undef], [120, 1, 750]) {
        my ($minutes, $ms, $amount) = @$case;
        $dbh->begin_work();
        $dbh->do('update boxoffice.shows set starts_at = now()::timestamptz(3) '
            . "+ ? * interval '1 min' + ? * interval '1 ms', "
            . "ends_at = now() + interval '9 days' where show_id = ?", undef,
            $minutes, $ms, $show->{show_id});
        my ($found, $q) = quote($o);
        is($q->{amount}, $amount // 0, "quote, $minutes min $ms ms before");
        is($q->{cancellable} ? 1 : 0, defined $amount ? 1 : 0, 'cancellable');
        my $r = back($o);
        is($r->{outcome}, defined $amount ? 'cancelled' : 'over', 'outcome');
        is($r->{refund} && $r->{refund}{amount}, $amount, 'what goes back');
        is((money($o))[3], $amount // 0, 'a refund of it');
        $dbh->rollback();
    }

    move($show, -1);
    is(back($o)->{outcome}, 'closed', 'the show has begun');
    is(back($o, undef, user_id => 'root', admin => 't')->{outcome}, 'over',
       'the terms are those for an administrator who wants them');
    my $r = back($o, undef, user_id => 'root', admin => 't', terms => 'FULL');
    is($r->{refund}{amount}, 3000, 'an administrator gives all back');
    healthy($dbh, 'after that');
};


subtest 'which version is in force' => sub {
    my $t = theatre('Versions', 'UTC');
    my $show = show($t);
    my $o = paid($show, [1000]);

    my $quoted = sub { return (quote($o))[1]{percent} };
    my $made = sub {
        $dbh->do("update boxoffice.orders set created_at = now() - ? * "
                 . "interval '1 day' where order_id = ?", undef, $_[0],
                 $o->{order_id});
    };

    is($quoted->(), 100, 'that of the house, when the theatre has none');
    my $day = "to_char(now() - interval '%d days', 'YYYY-MM-DD HH24:MI:SS+00')";
    for my $case ([20, 60], [10, 40], [10, 30]) {
        my ($from) = one("select " . sprintf($day, $case->[0]));
        terms($t, { steps => [{ minutesBefore => 0, percent => $case->[1] }] },
              $from);
    }

    for my $case ([0, 30], [9, 30], [11, 60], [19, 60], [21, 100]) {
        $made->($case->[0]);
        is($quoted->(), $case->[1], "made $case->[0] days ago");
    }

    my ($outcome, $answer) = one('select * from boxoffice.set_refund_policy('
        . '?, ?, ?)', undef, $t->{id}, 'root',
        '{"steps":[{"minutesBefore":0,"percent":1}]}');
    $made->(0);
    is("$outcome " . $quoted->(), 'set 30', 'a new version is not yet');
    my ($ahead) = one("select extract(epoch from effective_from - now()) "
        . 'from boxoffice.refund_policies where theatre_id = ? '
        . 'order by version desc limit 1', undef, $t->{id});
    ok($ahead > 3 && $ahead <= 5.1, "it will be, in $ahead s");
    my $shown = decode_json((one('select * from boxoffice.refund_policy_of(?)',
                                 undef, $t->{id}))[0]);
    is($shown->{inForce}{version}, 3, 'in force is told');
    is($shown->{next}[0]{version}, 4, 'and what comes');

    ($outcome) = one('select outcome from boxoffice.set_refund_policy('
        . '?, ?, ?)', undef, $t->{id}, 'root',
        '{"steps":[{"percent":1,"minutesBefore":0}]}');
    is($outcome, 'same', 'the same again is no version');
    ($outcome) = one('select outcome from boxoffice.set_refund_policy('
        . '?, ?, ?)', undef, TestPg::uuid(), 'root', '{"steps":[]}');
    is($outcome, 'no_theatre', 'of a theatre that there is not');

    $dbh->do('update boxoffice.refund_policies set effective_from = '
             . "now() - interval '1 ms' where theatre_id = ? and version = 4",
             undef, $t->{id});
    $made->(0);
    is($quoted->(), 1, 'then it is');
};


subtest 'terms that are refused, with every mistake' => sub {
    my @cases = (
        ['x', 'body'], ['[]', 'body'], ['null', 'body'], ['{}', 'steps'],
        ['{"steps":"x"}', 'steps'], ["{\"steps\":[],\"a\\u0000\":1}", 'body'],
        ['{"steps":[],"x":1,"y":2}', 'x y'],
        ['{"steps":[1,{"percent":50}]}', 'steps[0] steps[1]'],
        ['{"steps":[{"percent":101,"minutesBefore":-1}]}',
         'steps[0].minutesBefore steps[0].percent'],
        ['{"steps":[{"percent":1e1,"minutesBefore":1.5}]}',
         'steps[0].minutesBefore'],
        ['{"steps":[{"percent":"5","minutesBefore":null}]}',
         'steps[0].minutesBefore steps[0].percent'],
        ['{"steps":[{"percent":5,"minutesBefore":99999999999999999999}]}',
         'steps[0].minutesBefore'],
        ['{"steps":[{"percent":5,"minutesBefore":1,"time":"10:00"}]}',
         'steps[0]'],
        ['{"steps":[{"percent":5,"daysBefore":1}]}', 'steps[0].time'],
        ['{"steps":[{"percent":5,"time":"25:00","daysBefore":731,"z":0}]}',
         'steps[0].daysBefore steps[0].time steps[0].z'],
        ['{"steps":[{"percent":5,"minutesBefore":5},'
         . '{"percent":5,"minutesBefore":5}]}',
         'steps[1].minutesBefore steps[1].percent'],
        ['{"steps":[{"percent":9,"daysBefore":1,"time":"10:00"},'
         . '{"percent":5,"daysBefore":1,"time":"10:00"}]}', 'steps[1]'],
        ['{"steps":[{"percent":9,"daysBefore":1,"time":"10:00"},'
         . '{"percent":5,"daysBefore":2,"time":"11:00"}]}', 'steps[1]'],
        ['{"steps":[' . join(',', map { "{\"percent\":$_,\"minutesBefore\":$_}" }
         reverse 1 .. 21) . ']}', 'steps'],
        ['{"steps":[],"fee":1}', 'fee'],
        ['{"steps":[],"fee":{"fixed":5}}', 'fee.currency'],
        ['{"steps":[],"fee":{"currency":"EUR"}}', 'fee.currency'],
        ['{"steps":[],"fee":{"fixed":5,"currency":"eur","per":"DAY",'
         . '"basisPoints":10001,"q":1}}',
         'fee.basisPoints fee.currency fee.per fee.q'],
        ['{"steps":[],"fee":{"fixed":-1}}', 'fee.currency fee.fixed'],
        ['{"steps":[],"effectiveFrom":"tomorrow"}', 'effectiveFrom'],
        ['{"steps":[],"effectiveFrom":5}', 'effectiveFrom'],
        ['{"steps":[],"effectiveFrom":"2020-01-01T00:00:00Z"}',
         'effectiveFrom'],
        ['{"steps":[],"effectiveFrom":"2099-13-41T00:00:00Z"}',
         'effectiveFrom'],
        ['{"effectiveFrom":"x","fee":[],"k":1}',
         'effectiveFrom fee k steps'],
    );

    for my $case (@cases) {
        my ($body, $fields) = @$case;
        my ($outcome, $answer) = one('select * from '
            . 'boxoffice.set_refund_policy(?, ?, ?)', undef, $berlin->{id},
            'root', $body);
        is($outcome, 'invalid', substr($body, 0, 60));
        is(join(' ', sort map { $_->{field} } @{decode_json($answer || '[]')}),
           $fields, 'the fields');
    }

    my ($outcome, $answer) = one('select * from boxoffice.set_refund_policy('
        . '?, ?, ?)', undef, $berlin->{id}, 'root',
        '{"effectiveFrom":"2099-06-01T02:00:00+02:00","steps":['
        . '{"percent":90,"daysBefore":0,"time":"24:00"}],"fee":{"fixed":5,'
        . '"currency":"EUR","basisPoints":7,"per":"SEAT"}}');
    is($outcome, 'set', 'and good ones are taken');
    $answer = decode_json($answer);
    delete $answer->{version};
    is_deeply($answer, { theatreId => $berlin->{id},
        effectiveFrom => '2099-06-01T00:00:00.000Z',
        steps => [{ percent => 90, daysBefore => 0, time => '24:00' }],
        fee => { fixed => 5, currency => 'EUR', basisPoints => 7,
                 per => 'SEAT' } }, 'as they are');
};


# --- money

subtest 'sums' => sub {
    # prices, per cent, points, per seat, per order: what goes back
    for my $case ([[1000], 100, 0, 0, 0, 1000], [[999], 50, 0, 0, 0, 499],
                  [[999, 999], 50, 0, 0, 0, 998], [[1], 99, 0, 0, 0, 0],
                  [[1000, 500], 50, 0, 100, 0, 550], [[100], 50, 0, 60, 0, 0],
                  [[1000, 100], 50, 0, 100, 0, 400],
                  [[1000], 100, 250, 0, 0, 975], [[1001], 100, 1, 0, 0, 1000],
                  [[1000], 100, 10000, 0, 0, 0], [[1000], 0, 0, 0, 0, 0],
                  [[1000], 100, 0, 0, 300, 700], [[1000], 20, 0, 0, 300, 0],
                  [[0, 0], 100, 0, 5, 5, 0],
                  [[100000000], 100, 9999, 0, 0, 10000]) {
        my ($prices, $percent, $points, $seat, $order, $amount) = @$case;
        is((one('select amount from boxoffice.refund_sum(?, ?, ?, ?, ?)',
                undef, $prices, $percent, $points, $seat, $order))[0], $amount,
           "@$prices at $percent %, less $points, $seat, $order");
    }
};


subtest 'some seats of an order, one after the other' => sub {
    my $t = theatre('Parts', 'UTC');
    terms($t, { steps => [{ minutesBefore => 60, percent => 50 }],
                fee => { fixed => 120, currency => 'EUR', per => 'ORDER' } });
    my $show = show($t);
    my $o = paid($show, [201, 301, 400, 500]);
    my @seats = names(nos($o));

    my ($found, $q) = quote($o, [$seats[0]]);
    is($q->{amount}, 0, 'quote: the fee takes the first seat');

    my $r = back($o, [$seats[0]], idem_key => 'k1');
    is($r->{outcome}, 'seats_cancelled', 'one seat');
    is_deeply($r->{freed}, [(nos($o))[0]], 'it is free');
    is($r->{seat_ids}, join(',', @seats[1 .. 3]), 'the others stay');
    is("$r->{status} $r->{amount}", 'CONFIRMED 1402', 'the order does');
    is_deeply([@{$r->{refund}}{qw(amount kept percent terms refundId)}],
              [0, 201, 50, 'POLICY', undef], 'nothing goes back yet');

    my $again = back($o, [$seats[0]], idem_key => 'k1');
    is($again->{outcome}, 'replayed', 'again');
    is_deeply($again->{refund}, $r->{refund}, 'the same refund');
    is(back($o, [$seats[0]])->{outcome}, 'not_seats', 'under another key');
    is(back($o, [@seats[0, 1]])->{outcome}, 'not_seats', 'not some of them');
    is(back($o, ['Z9'])->{outcome}, 'not_seats', 'no seat of it');

    my $s = back($o, [$seats[1]], idem_key => 'k2');
    # 100 of the fee were kept; 20 are left of it
    is($s->{refund}{amount}, 150 - 20, 'the rest of the fee');
    $again = back($o, [$seats[0]], idem_key => 'k1');
    is("$again->{seat_ids} $again->{status}",
       join(',', @seats[1 .. 3]) . ' CONFIRMED', 'replayed as it was then');

    is(one('select string_agg(type, \' \' order by version) from '
           . 'boxoffice.outbox where aggregate_id = ?', undef, $o->{order_id}),
       'order.created order.confirmed order.seats_cancelled '
       . 'order.seats_cancelled', 'an event for each');
    is(one('select payload->\'refund\'->>\'amount\' from boxoffice.outbox '
           . 'where aggregate_id = ? and version = 4', undef, $o->{order_id}),
       130, 'with the refund');
    is(one('select count(*) from boxoffice.seat_claims where order_id = ?',
           undef, $o->{order_id}), 2, 'two claims are left');
    is(one('select seats from boxoffice.user_seats where user_id = ?', undef,
           $o->{user_id}), 2, 'and count');
    my $other = order($show, [(nos($o))[0]], user_id => 'other');
    is(outcomes(TestPg::create($dbh, $other)), 'created',
       'somebody else may have the seat');

    $r = back($o, [@seats[2, 3]], idem_key => 'k3');
    is("$r->{outcome} $r->{status} $r->{refund}{amount}",
       'cancelled CANCELLED 450', 'the last ones are the order');
    is(back($o, undef, idem_key => 'k4')->{outcome}, 'already', 'already');
    is(back($o, [$seats[3]])->{outcome}, 'ended', 'seats of what has ended');
    is_deeply([money($o)], [1402, 580, 822, 580], 'the sums');
    is(one('select count(*) from boxoffice.seat_claims where seat_no = ? '
           . 'and show_id = ?', undef, (nos($o))[0], $show->{show_id}), 1,
       'the other one still has its seat');
    is(join(' ', map { $_->[0] } @{$dbh->selectall_arrayref('select cause from '
        . 'boxoffice.refunds where order_id = ? order by cause', undef,
        $o->{order_id})}), 'cancel:4 cancel:5', 'a cause for each');

    # the whole at once gives the same
    is(back(paid($show, [201, 301, 400, 500]))->{refund}{amount}, 580,
       'parts are the whole');

    my $pending = order($show, [59, 58], user_id => 'pe');
    TestPg::create($dbh, $pending);
    is(back($pending, ['S58'])->{outcome}, 'unpaid', 'what is not paid');
    is(back($pending, ['S58', 'S59'])->{outcome}, 'cancelled', 'all of it');
    is(back($pending)->{refund}, undef, 'without a refund');
    my $usd = show($t);
    $dbh->do("update boxoffice.shows set currency = 'USD' where show_id = ?",
             undef, $usd->{show_id});
    $usd = TestPg::show_row($dbh, $usd->{show_id});
    is(back(paid($usd, [1000]))->{refund}{amount}, 500,
       'a fee is of its own currency');
    healthy($dbh, 'after parts');
};


subtest 'orders without prices' => sub {
    my $t = theatre('Before', 'UTC');
    my $show = show($t);

    # 100 each now; what was paid is shared out evenly
    my $o = paid($show, [100, 100, 100], seat_prices => undef, amount => 100);
    my @seats = names(nos($o));
    my @parts = map { back($o, [$_])->{refund}{amount} } @seats;
    is("@parts", '33 33 34', 'every cent, none twice');
    healthy($dbh, 'after that');
};


# What refund_sum() says, once more and otherwise.

sub expect {
    my ($prices, $percent, $fee, $kept) = @_;
    my $net = 0;
    for my $price (@$prices) {
        my $base = int($price * $percent / 100 + 1e-9);
        my $cut = int(($price * ($fee->{basisPoints} // 0) + 9999) / 10000)
                  + ($fee->{per} eq 'SEAT' ? $fee->{fixed} : 0);
        $net += $base - min($base, $cut);
    }
    my $order = $fee->{per} eq 'ORDER'
                ? min($net, $fee->{fixed} - $kept) : 0;
    return ($net - $order, $order);
}


subtest 'random sequences' => sub {
    my $t = theatre('Random', 'Australia/Lord_Howe');
    my $show = show($t);
    my ($cancels, $over) = (0, 0);

    for my $round (1 .. 60) {
        my @percent = sort { $b <=> $a }
            (shuffle(0 .. 100))[0 .. 1 + int(rand(3))];
        my @minutes = sort { $b <=> $a }
            (shuffle(1 .. 5000))[0 .. $#percent];
        my $fee = { fixed => int(rand(3)) * int(rand(800)), basisPoints =>
                    int(rand(3)) * int(rand(500)),
                    per => (qw(ORDER SEAT))[rand 2] };
        terms($t, { steps => [map { { percent => $percent[$_],
                                      minutesBefore => $minutes[$_] } }
                              0 .. $#percent],
                    fee => { %$fee, currency => $fee->{fixed} ? 'EUR'
                                                              : undef } });
        my $show = show($t, 6000 * 60);
        my $o = paid($show, [map { int(rand(2000)) } 1 .. 1 + int(rand(8))]);
        my @left = shuffle(names(nos($o)));
        my %price;
        @price{names(nos($o))} = $o->{seat_prices} =~ /\d+/g;
        my ($sum, $charged, $minute) = (0, 0, 6000);

        while (@left) {
            $minute = int($minute * rand()) if rand() < 0.4;
            move($show, $minute * 60 + 30);
            my @some = splice(@left, 0, 1 + int(rand(@left)));
            my ($step) = grep { $minutes[$_] <= $minute } 0 .. $#minutes;
            my ($found, $q) = quote($o, \@some);
            my $r = back($o, @left || rand() < 0.5 ? \@some : undef);

            if (!defined $step) {
                is($r->{outcome}, 'over', 'over') or last;
                $over++;
                last;
            }

            my ($amount, $kept) = expect([@price{@some}], $percent[$step],
                                         $fee, $charged);
            if (($r->{refund}{amount} // -1) != $amount
                || $q->{amount} != $amount)
            {
                is("$r->{outcome} $r->{refund}{amount} $q->{amount}", $amount,
                   "round $round: @price{@some} at $percent[$step] %");
                return;
            }
            $sum += $amount;
            $charged += $kept;
            $cancels++;
            my ($captured, $refunded, $held, $rows) = money($o);
            if ($refunded != $sum || $rows != $sum
                || $refunded + $held > $captured) {
                is("$refunded $rows", "$sum $sum", "round $round: sums");
                return;
            }
        }
    }

    ok($cancels > 60, "$cancels cancellations as expected, $over too late");
    healthy($dbh, 'after random sequences');
};


subtest 'never more than there is' => sub {
    my $show = show(theatre('Hands', 'UTC'));
    my $o = paid($show, [1000, 1000]);
    $dbh->do('insert into boxoffice.refunds (payment_id, order_id, show_date, '
        . 'amount, currency, cause, reason) select payment_id, order_id, '
        . "show_date, 1500, currency, 'by hand', 'GOODWILL' "
        . 'from boxoffice.payments where order_id = ?', undef, $o->{order_id});
    my @seats = names(nos($o));
    is(back($o, [$seats[0]])->{refund}{amount}, 500, 'what is left');
    is(back($o)->{refund}{amount}, 0, 'then nothing');
    is_deeply([money($o)], [2000, 2000, 0, 2000], 'the sums');
    healthy($dbh, 'after that');
};


# --- batches and steps

subtest 'a batch' => sub {
    my $show = show(theatre('Batch', 'UTC'));
    my @o = map { paid($show, [100, 200], user_id => "b$_") } 1 .. 4;
    my $wish = sub {
        my ($o, $seats, %more) = @_;
        return { order_id => $o->{order_id}, show_no => $o->{show_no},
                 user_id => $o->{user_id}, admin => 'f',
                 seats => $seats && join(',', @$seats), terms => 'POLICY',
                 idem_key => undef, fingerprint => 'f', %more };
    };
    my @r = TestPg::give_back($dbh,
        $wish->($o[0], [(names(nos($o[0])))[1]], idem_key => 'x'),
        $wish->($o[1]), $wish->($o[1]),
        $wish->($o[2], undef, user_id => 'eve'),
        $wish->($o[2], ['S1']),
        $wish->($o[0], undef, idem_key => 'x'),
        $wish->($o[3], undef, user_id => 'root', admin => 't',
                terms => 'NONE'));
    is(outcomes(@r), 'seats_cancelled cancelled retry not_found retry '
       . 'in_progress cancelled', 'each by itself');
    is(decode_json($r[6]{refund})->{amount}, 0, 'nothing, as was said');
    is((money($o[1]))[1], 300, 'all of the second');
    healthy($dbh, 'after a batch');

    eval { $dbh->do("update boxoffice.orders set seat_nos = seat_nos || 7, "
        . "seat_ids = seat_ids || 'S7'::text, seat_prices = seat_prices || 1, "
        . 'version = version + 1 where order_id = ?', undef,
        $o[0]{order_id}) };
    like($@, qr/is no step/, 'an order never gets seats');
    eval { $dbh->do('update boxoffice.orders set seat_nos = seat_nos[2:], '
        . 'seat_ids = seat_ids[2:], seat_prices = seat_prices[2:] '
        . 'where order_id = ?', undef, $o[2]{order_id}) };
    like($@, qr/is no step/, 'nor loses one without a version');
};


subtest 'two at once' => sub {
    my $show = show(theatre('Race', 'UTC'));
    my $o = paid($show, [100, 200, 300]);
    my @seats = names(nos($o));
    my @kids;

    for my $n (1 .. 8) {
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            my $ok = 0;
            eval {
                $dbh = $pg->dbh();
                my $r = back($o, $n % 2 ? [$seats[0]] : undef);
                $ok = $r->{outcome} =~ /cancelled|already|not_seats|ended/;
            };
            print STDERR $@ if $@;
            require POSIX;
            POSIX::_exit($ok ? 0 : 1);
        }
        push @kids, $pid;
    }

    my $bad = grep { waitpid($_, 0); $? } @kids;
    is($bad, 0, 'all of them end well');
    is((money($o))[1], 600, 'everything goes back once');
    healthy($dbh, 'after a race');
};


# --- shows

subtest 'a show' => sub {
    my $t = theatre('Shows', 'UTC');
    terms($t, { steps => [{ minutesBefore => 60, percent => 50 }] });
    my $show = show($t);
    my @o = map { paid($show, [100 + $_, 200], user_id => "s$_") } 1 .. 7;
    my $pending = order($show, [40], user_id => 'sp');
    TestPg::create($dbh, $pending);
    my $part = paid($show, [100, 100], user_id => 'part');
    back($part, [(names(nos($part)))[0]]);
    my ($epoch) = one('select epoch from boxoffice.shows where show_id = ?',
                      undef, $show->{show_id});

    my $cancel = sub {
        return one('select * from boxoffice.cancel_show(?, ?, ?, ?)', undef,
                   @_);
    };
    is(($cancel->(TestPg::uuid(), 'root', 'c0', 'f'))[0], 'no_show',
       'no show');
    my ($outcome, $answer) = $cancel->($show->{show_id}, 'root', 'c1', 'f');
    is($outcome, 'cancelled', 'cancelled');
    my @again = $cancel->($show->{show_id}, 'root', 'c1', 'f');
    is("@again", "replayed $answer", 'the same again');
    is(($cancel->($show->{show_id}, 'root', 'c1', 'g'))[0], 'key_reused',
       'key reused');
    is("@{[$cancel->($show->{show_id}, 'root', 'c2', 'f')]}",
       "already $answer", 'already');
    is(one('select epoch from boxoffice.shows where show_id = ?', undef,
           $show->{show_id}), $epoch + 1, 'another epoch');
    is(outcomes(TestPg::create($dbh, order($show, [41]))), 'closed',
       'no orders any more');

    my $batch = sub {
        return $dbh->selectall_arrayref('select * from '
            . 'boxoffice.cancel_show_orders(?)', { Slice => {} }, shift);
    };
    my $other = $pg->dbh();
    $other->begin_work();
    $other->do('select from boxoffice.orders where order_id = ? for update',
               undef, $o[0]{order_id});
    my @rows = map { @{$batch->(3)} } 1 .. 4;
    is(scalar(@rows), 8, 'all but the one that is in use');
    is(scalar(@{$batch->(3)}), 0, 'which is not waited for');
    is(one('select finished_at from boxoffice.show_cancellations '
           . 'where show_id = ?', undef, $show->{show_id}), undef,
       'so it has not ended');
    $other->rollback();
    is(scalar(@{$batch->(3)}), 1, 'then that, too');
    is(scalar(@{$batch->(3)}), 0, 'nothing is left');

    my $how = decode_json((one('select * from boxoffice.show_cancellation(?)',
                               undef, $show->{show_id}))[0]);
    my $sum = sum0(map { 300 + $_ } 1 .. 7) + 100;
    is_deeply([@$how{qw(ordersCancelled ordersLeft refunded status)}],
              [9, 0, $sum, 'CANCELLED'], 'how far it is');
    ok($how->{finishedAt}, 'it has ended');
    is((money($_))[1], (money($_))[0], 'all of it goes back') for @o;
    is_deeply([(money($part))[1, 2]], [150, 50],
              'of seats given back before, what was theirs then');
    is(one('select string_agg(type, \' \' order by version) from '
           . 'boxoffice.outbox where aggregate_id = ?', undef,
           $show->{show_id}), 'show.cancelled show.refunded', 'events');

    # what was on its way when the show was closed
    $dbh->do("update boxoffice.shows set status = 'SCHEDULED' "
             . 'where show_id = ?', undef, $show->{show_id});
    my $late = paid(TestPg::show_row($dbh, $show->{show_id}), [900],
                    seat_nos => '{50}', seat_ids => 'S50');
    $dbh->do("update boxoffice.shows set status = 'CANCELLED' "
             . 'where show_id = ?', undef, $show->{show_id});
    is(scalar(@{$batch->(10)}), 1, 'a late one is found as well');
    is((money($late))[1], 900, 'and goes back');

    move($show, -86400 * 2);
    my $over = show($t);
    move($over, -86400 * 2);
    is(($cancel->($over->{show_id}, 'root', 'c3', 'f'))[0], 'over',
       'a show that has ended');
    healthy($dbh, 'after a show');
};


$pg->log() !~ /ERROR:.*deadlock/ or fail('a deadlock');
done_testing();
