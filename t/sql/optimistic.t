#!/usr/bin/perl

# persist_bookings(): every outcome, alone and in batches, and messages that
# come again, one after the other and at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;
use TestPg;

*payment = \&TestPg::payment;
*outcomes = \&TestPg::outcomes;
*healthy = \&TestPg::healthy;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);      # 260 seats
my $next = 0;

sub fresh { my $n = shift || 1; $next += $n; return [$next - $n .. $next - 1] }
sub one   { return $dbh->selectrow_array(@_) }

sub booking {
    my ($seats, %more) = @_;
    my $b = TestPg::order($show, $seats, currency => 'EUR', %more);
    $b->{booking_id} = $b->{order_id};
    return $b;
}

sub persist {
    my $d = shift;
    return TestPg::call($d, 'persist_bookings', [@_],
        qw(booking_id show_id show_no user_id seat_nos seat_ids amount
           currency payment_method name email phone ttl_ms user_limit
           starts_ms));
}

sub events {
    my ($b) = @_;
    return join(' ', map { "$_->[0]:$_->[1]" . ($_->[2] ? "($_->[2])" : '') }
        @{$dbh->selectall_arrayref(
        "select version, type, payload->>'reason' from boxoffice.outbox "
        . 'where aggregate_id = ? order by version', undef,
        $b->{booking_id})});
}


subtest 'created' => sub {
    my $b = booking(fresh(3), user_id => 'c1', phone => '+44 1',
                    name => 'O\'Neil, {x}', ttl_ms => 5000);
    my ($r) = persist($dbh, $b);

    is($r->{outcome}, 'created', 'created');
    is($r->{$_}, $b->{booking_id}, "$_ is the booking's id")
        for qw(order_id hold_id);
    is($r->{status}, 'PAYMENT_PENDING', 'waits for payment');
    is($r->{$_}, $b->{$_}, $_)
        for qw(show_id show_no user_id seat_ids amount currency
               payment_method);
    is($r->{expires_ms} - $r->{created_ms}, 5000, 'ttl');
    is(events($b), '1:order.created', 'event');
    is_deeply([one('select customer_name, customer_phone '
                   . 'from boxoffice.orders where order_id = ?', undef,
                   $b->{booking_id})], ['O\'Neil, {x}', '+44 1'], 'who');

    ($r) = persist($dbh, $b);
    is($r->{outcome}, 'known', 'again: known');
    is($r->{status}, 'PAYMENT_PENDING', 'as it is');
    is(events($b), '1:order.created', 'one event');

    is(outcomes(TestPg::confirm($dbh, payment($b))), 'confirmed', 'paid');
    ($r) = persist($dbh, $b);
    is("$r->{outcome} $r->{status}", 'known CONFIRMED', 'as it is now');
};


subtest 'refused' => sub {
    my $seats = fresh(2);
    my $first = booking($seats, user_id => 'r1');
    my $late  = booking([$seats->[1], @{fresh(1)}], user_id => 'r2');

    is(outcomes(persist($dbh, $first)), 'created', 'the first');
    my ($r) = persist($dbh, $late);
    is("$r->{outcome} $r->{status}", 'seats_taken FAILED', 'the second');
    is_deeply($r->{conflicts}, [$seats->[1]], 'what was taken');
    ok($r->{ended_ms}, 'it has ended');
    is(events($late), '1:order.created 2:order.failed(seats_taken)', 'told');
    my ($was) = one("select payload->>'status' from boxoffice.outbox "
                    . 'where aggregate_id = ? and version = 1', undef,
                    $late->{booking_id});
    is($was, 'PAYMENT_PENDING', 'its first event is of its first state');
    is(one('select count(*) from boxoffice.seat_claims where order_id = ?',
           undef, $late->{booking_id}), 0, 'it claims nothing');

    ($r) = persist($dbh, $late);
    is("$r->{outcome} $r->{status}", 'known FAILED', 'again: known');
    is(events($late), '1:order.created 2:order.failed(seats_taken)',
       'told once');

    # money that came for it goes back, once
    my $p = payment($late);
    is(outcomes(TestPg::confirm($dbh, $p)), 'failed', 'paid all the same');
    is(outcomes(TestPg::confirm($dbh, $p)), 'failed', 'and told again');
    is(one('select count(*) from boxoffice.refunds where order_id = ?', undef,
           $late->{booking_id}), 1, 'one refund');

    my $many = booking(fresh(3), user_id => 'r3', user_limit => 2);
    is(outcomes(persist($dbh, $many)), 'limit', 'more than one may have');
    is(events($many), '1:order.created 2:order.failed(limit)', 'told');

    $dbh->do("update boxoffice.shows set status = 'CANCELLED' "
             . 'where show_id = ?', undef, $show->{show_id});
    my $closed = booking(fresh(1), user_id => 'r4');
    is(outcomes(persist($dbh, $closed)), 'closed', 'the show is off');
    is(events($closed), '1:order.created 2:order.failed(closed)', 'told');
    $dbh->do("update boxoffice.shows set status = 'SCHEDULED' "
             . 'where show_id = ?', undef, $show->{show_id});
    is(outcomes(persist($dbh, $closed)), 'known', 'it stays so');

    # nobody is sent to another time than he was told
    my $starts = one('select boxoffice.unix_ms(starts_at) from boxoffice.shows '
                     . 'where show_id = ?', undef, $show->{show_id});
    my @both = (booking(fresh(1), user_id => 'm1', starts_ms => $starts),
                booking(fresh(1), user_id => 'm2', starts_ms => $starts + 1),
                booking(fresh(1), user_id => 'm3'));
    is(outcomes(persist($dbh, @both)), 'created moved created',
       'the show begins at another time');
    is(events($both[1]), '1:order.created 2:order.failed(moved)', 'told');
    is(outcomes(persist($dbh, @both)), 'known known known', 'it stays so');

    $dbh->do('insert into boxoffice.people (user_id, erased_at) '
             . "values ('e1', now())");
    my $erased = booking(fresh(1), user_id => 'e1', phone => '+44 1');
    is(outcomes(persist($dbh, $erased)), 'created', 'an account was erased');
    is_deeply([one('select customer_name, customer_email, customer_phone '
                   . 'from boxoffice.orders where order_id = ?', undef,
                   $erased->{booking_id})], ['', '', undef], 'it stays so');

    # a price is what was told
    my $dear = booking(fresh(1), user_id => 'r5', revision => 1, amount => 7);
    ($r) = persist($dbh, $dear);
    is("$r->{outcome} $r->{amount}", 'created 7', 'an old price is kept');

    my $nowhere = booking(fresh(1), user_id => 'r6',
                          show_id => TestPg::uuid(), show_no => 999999);
    is(outcomes(persist($dbh, $nowhere)), 'closed', 'a show that is not');
};


subtest 'a batch' => sub {
    my $seats = fresh(4);
    my $taken = fresh(1);
    my $good  = booking(fresh(2), user_id => 'b0');

    persist($dbh, booking($taken, user_id => 'b9'), $good);

    my @b = (
        booking([@$seats[0, 1]], user_id => 'b1'),          # created
        booking([@$seats[1, 2]], user_id => 'b2'),          # seat 1 is b1's
        booking([$seats->[2], @$taken], user_id => 'b3'),   # taken
        booking([@$seats[2, 3]], user_id => 'b4'),  # lost to those that lost
        $good,
        booking(fresh(2), user_id => 'b5', user_limit => 3),
        booking(fresh(2), user_id => 'b5', user_limit => 3),
    );
    my @r = persist($dbh, @b);

    is(outcomes(@r), 'created seats_taken seats_taken created known created '
       . 'limit', 'each has its own end');
    is_deeply([map { $_->{order_id} } @r], [map { $_->{booking_id} } @b],
       'in its place');
    is(outcomes(persist($dbh, @b)), 'known known known known known known '
       . 'known', 'the whole batch again');
    healthy($dbh, 'after a batch');
};


# Two handlers have the same message: one of them writes it.
subtest 'at once' => sub {
    my $seats = fresh(1);
    my @cases = (
        [booking(fresh(2), user_id => 'a1'), 'created'],
        [booking(fresh(3), user_id => 'a2', user_limit => 1), 'limit'],
        [booking($seats, user_id => 'a3'), 'seats_taken'],
        [booking(fresh(1), user_id => 'a4', show_id => TestPg::uuid()),
         'closed'],
    );

    persist($dbh, booking($seats, user_id => 'a0'));

    for my $case (@cases) {
        my ($b, $outcome) = @$case;
        my ($one, $two) = ($pg->dbh(), $pg->dbh());

        $one->begin_work;
        is(outcomes(persist($one, $b)), $outcome, "$outcome by the one");

        pipe(my $read, my $write) or die "pipe: $!";
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            my $other = $pg->dbh();
            my @r = eval { persist($other, $b) };
            # what fails as a whole is sent again
            @r = persist($other, $b) if !@r;
            syswrite($write, outcomes(@r));
            require POSIX;
            POSIX::_exit(0);
        }
        close($write);

        select(undef, undef, undef, 0.2);
        $one->commit;
        waitpid($pid, 0);
        sysread($read, my $got, 100);
        like($got, qr/^(?:known|\Q$outcome\E)$/, 'no other end by the other');
        is(one('select count(*) from boxoffice.orders where order_id = ?',
               undef, $b->{booking_id}), 1, 'one order');
        is(one('select count(*) from boxoffice.outbox where aggregate_id = ?',
               undef, $b->{booking_id}), $outcome eq 'created' ? 1 : 2,
           'its events once');
    }
};


healthy($dbh, 'in the end');
$pg->stop;
done_testing();
