#!/usr/bin/perl

# check_in(), undo_checkin(), order_tickets(): every outcome, alone and in
# batches, and many sessions for one seat.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Test::More;
use TestPg;

my $pg = TestPg->new();
my $dbh = $pg->load();
my $show = TestPg::show($dbh, 26);      # 260 seats, tomorrow or so
my $other = TestPg::show($dbh, 2);
my $next = 0;
my $HOUR = 3600 * 1000;
my $YEAR = 366 * 24 * $HOUR;

sub one  { return $dbh->selectrow_array(@_) }
sub uuid { return TestPg::uuid() }

sub bought {
    my ($n, %more) = @_;
    $show = TestPg::show_row($dbh, $show->{show_id});     # its revision
    my $order = TestPg::order($show, [$next .. $next + $n - 1],
                              user_limit => 100, %more);
    $next += $n;
    my ($made) = TestPg::create($dbh, $order);
    is($made->{outcome}, 'created', 'ordered');
    my ($paid) = TestPg::confirm($dbh, TestPg::payment($order));
    is($paid->{outcome}, 'confirmed', 'paid');
    return { %$order, code => $paid->{ticket_code},
             seats => $paid->{seat_nos} };
}


# A scan of seat number $seat of an order.
sub scan {
    my ($order, $seat, %more) = @_;
    return { order_id => $order->{order_id}, show_no => $show->{show_no},
             show_id => $show->{show_id}, seat_no => $seat,
             seat_id => "S$seat", ticket_code => $order->{code},
             at_show => undef, device_id => 'gate1', nonce => uuid(),
             staff_id => 'usher', scanned_ms => undef, opens_ms => $YEAR,
             %more };
}


sub check_in {
    my ($d, @scans) = @_;
    return TestPg::call($d, 'check_in', \@scans,
        qw(order_id show_no show_id seat_no seat_id ticket_code at_show
           device_id nonce staff_id scanned_ms opens_ms));
}


sub outcome  { return (check_in($dbh, @_))[0]{outcome} }
sub outcomes { return join(' ', map { $_->{outcome} } check_in($dbh, @_)) }
sub now_ms   { return one('select boxoffice.unix_ms(now())') }


my $order = bought(4);
my ($first, @rest) = @{$order->{seats}};

# --- what a ticket is made from

my $tickets = $dbh->selectall_arrayref(
    'select * from boxoffice.order_tickets(?, ?, ?, false)', { Slice => {} },
    $order->{order_id}, $show->{show_no}, 'ann');
is_deeply([map { $_->{seat_no} } @$tickets], $order->{seats},
          'a row for each seat');
is($tickets->[0]{ticket_code}, $order->{code}, 'with the code');
is(scalar(@{$dbh->selectall_arrayref(
    'select * from boxoffice.order_tickets(?, ?, ?, false)', undef,
    $order->{order_id}, $show->{show_no}, 'bob')}), 0, 'not for another');
is(scalar(@{$dbh->selectall_arrayref(
    'select * from boxoffice.order_tickets(?, ?, ?, true)', undef,
    $order->{order_id}, $show->{show_no}, 'bob')}), 4, 'for an admin');

my $pending = TestPg::order($show, [200]);
TestPg::create($dbh, $pending);
is_deeply($dbh->selectall_arrayref(
    'select status, seat_no from boxoffice.order_tickets(?, ?, ?, false)',
    undef, $pending->{order_id}, $show->{show_no}, 'ann'),
    [['PAYMENT_PENDING', undef]], 'an order that is not paid has none');

# --- one scan

my $scan = scan($order, $first);
my ($in) = check_in($dbh, $scan);
is($in->{outcome}, 'admitted', 'admitted');
ok(!$in->{replayed}, 'now');
is(one('select type from boxoffice.outbox where aggregate_id = ?', undef,
       $in->{checkin_id}), 'ticket.checked_in', 'with its event');

my ($again) = check_in($dbh, $scan);
is_deeply($again, { %$in, replayed => 1 }, 'the same nonce: the same answer');

my ($used) = check_in($dbh, { %$scan, nonce => uuid(), device_id => 'gate2' });
is($used->{outcome}, 'already_used', 'another nonce: used');
is_deeply([@$used{qw(checkin_id device_id at_ms)}],
          [@$in{qw(checkin_id device_id at_ms)}], 'by whom and when');
is(outcome({ %$scan, device_id => 'gate2' }), 'already_used',
   'a nonce is of its device');
is(outcome(scan($order, $rest[0], nonce => $scan->{nonce})), 'nonce_reused',
   'a nonce is of its ticket');
is(outcome(scan($order, $rest[0])), 'admitted', 'each seat admits one');

# --- refusals leave nothing behind

my $rows = one('select count(*) from boxoffice.checkins');
is(outcome(scan($order, $rest[1], ticket_code => 'T-' . uuid())), 'unknown',
   'another code');
is(outcome(scan($order, $rest[1], order_id => uuid())), 'unknown',
   'no such order');
is(outcome(scan($order, $rest[1], show_id => $other->{show_id})), 'unknown',
   'not of that show');
is(outcome(scan($order, $rest[1], show_no => 999999)), 'unknown',
   'no such show');
is(outcome(scan($order, $rest[1], at_show => $other->{show_id})),
   'wrong_show', 'at another screen');
is(outcome(scan($order, $rest[1], opens_ms => 0)), 'not_yet',
   'before the doors open');
is(outcome(scan($order, $rest[1], at_show => $show->{show_id})), 'admitted',
   'at the right one');
is(one('select count(*) from boxoffice.checkins'), $rows + 1,
   'only who was admitted has a row');

# --- the clock: doors open at starts_at - opens, and close at ends_at

my $clock = bought(6);
my ($starts, $ends) = one('select boxoffice.unix_ms(starts_at), '
    . 'boxoffice.unix_ms(ends_at) from boxoffice.shows where show_id = ?',
    undef, $show->{show_id});
$dbh->do('update boxoffice.shows set starts_at = now() - interval \'1 hour\', '
         . 'ends_at = now() + interval \'1 hour\' where show_id = ?', undef,
         $show->{show_id});
($starts, $ends) = one('select boxoffice.unix_ms(starts_at), '
    . 'boxoffice.unix_ms(ends_at) from boxoffice.shows where show_id = ?',
    undef, $show->{show_id});
my @c = @{$clock->{seats}};
my $w = 7200 * 1000;
is(outcomes(map { scan($clock, $c[$_->[0]], scanned_ms => $_->[1],
                       opens_ms => $w) }
            [0, $starts - $w - 1], [1, $starts - $w], [2, $starts]),
   'not_yet admitted admitted', 'from when on');
$dbh->do('update boxoffice.shows set starts_at = now() - interval \'3 hours\', '
         . 'ends_at = now() - interval \'1 hour\' where show_id = ?', undef,
         $show->{show_id});
($starts, $ends) = one('select boxoffice.unix_ms(starts_at), '
    . 'boxoffice.unix_ms(ends_at) from boxoffice.shows where show_id = ?',
    undef, $show->{show_id});
is(outcomes(map { scan($clock, $c[$_->[0]], scanned_ms => $_->[1],
                       opens_ms => $w) }
            [3, $ends - 1], [4, $ends], [5, undef]),
   'admitted expired expired', 'until when');
is(one('select count(*) from boxoffice.checkins where order_id = ? '
       . "and outcome in ('not_yet', 'expired')", undef, $clock->{order_id}),
   2, 'what came from offline is kept');
$dbh->do('update boxoffice.shows set starts_at = now() + interval \'1 hour\', '
         . 'ends_at = now() + interval \'2 hours\' where show_id = ?', undef,
         $show->{show_id});
my ($ahead) = check_in($dbh, scan($clock, $c[5],
                                  scanned_ms => now_ms() + $HOUR));
cmp_ok($ahead->{at_ms}, '<=', now_ms(), 'no scan is in the future');

# --- offline

my $off = bought(2);
my ($s1, $s2) = @{$off->{seats}};
my $mine = scan($off, $s1, device_id => 'door1', scanned_ms => now_ms() - 900);
my $theirs = scan($off, $s1, device_id => 'door2',
                  scanned_ms => now_ms() - 1800);
my @both = check_in($dbh, $mine, $theirs, { %$mine }, scan($off, $s2));
is(join(' ', map { $_->{outcome} } @both),
   'admitted already_used admitted admitted', 'the first that is uploaded');
is($both[1]{device_id}, 'door1', 'the other learns of it');
is_deeply($dbh->selectall_arrayref(
    'select device_id, outcome from boxoffice.checkins where order_id = ? '
    . 'and seat_no = ? order by 1', undef, $off->{order_id}, $s1),
    [['door1', 'admitted'], ['door2', 'already_used']],
    'the conflict is recorded');
is(join(' ', map { $_->{outcome} . ($_->{replayed} ? '*' : '') }
        check_in($dbh, $mine, $theirs)),
   'admitted* already_used*', 'uploaded again: the same');
is(one('select count(*) from boxoffice.outbox '
       . "where type = 'ticket.conflict'"), 3, 'conflicts have events');
is_deeply([map { $_->{outcome} } @{$dbh->selectall_arrayref(
    'select * from boxoffice.checkins_of_show(?, true, 9223372036854, '
    . "'ffffffff-ffff-ffff-ffff-ffffffffffff', 10)", { Slice => {} },
    $show->{show_id})}], [qw(already_used expired not_yet)],
    'and are listed');

# --- cancelled

my $gone = bought(3);
my @g = @{$gone->{seats}};
is(outcome(scan($gone, $g[0])), 'admitted', 'one has come');

# one seat of it, as a partial refund does: its claim goes
$dbh->do('delete from boxoffice.seat_claims where show_id = ? and seat_no = ?',
         undef, $show->{show_id}, $g[1]);
is(outcomes(scan($gone, $g[1]), scan($gone, $g[2])), 'cancelled admitted',
   'that seat only');
is_deeply([map { $_->{seat_no} } @{$dbh->selectall_arrayref(
    'select * from boxoffice.order_tickets(?, ?, ?, false)', { Slice => {} },
    $gone->{order_id}, $show->{show_no}, 'ann')}], [@g[0, 2]],
    'and it has no ticket any more');

# sold to somebody else
my $claim = 'insert into boxoffice.seat_claims (show_id, seat_no, order_id) '
    . 'values (?, ?, ?)';
$dbh->do($claim, undef, $show->{show_id}, $g[1], $order->{order_id});
is(outcome(scan($gone, $g[1])), 'cancelled', "another's claim does not help");
$dbh->do('update boxoffice.seat_claims set order_id = ? where show_id = ? '
         . 'and seat_no = ?', undef, $gone->{order_id}, $show->{show_id},
         $g[1]);

my $whole = bought(2);
TestPg::cancel($dbh, TestPg::withdrawal($whole, admin => 't'));
is(outcome(scan($whole, $whole->{seats}[0])), 'cancelled', 'the order');
is(outcome(scan($whole, $whole->{seats}[0], scanned_ms => now_ms())),
   'cancelled', 'and offline');
is(one('select outcome from boxoffice.checkins where order_id = ?', undef,
       $whole->{order_id}), 'cancelled', 'is a conflict');

$dbh->do("update boxoffice.shows set status = 'CANCELLED' where show_id = ?",
         undef, $show->{show_id});
is(outcome(scan($order, $rest[2])), 'cancelled', 'the show');
$dbh->do("update boxoffice.shows set status = 'SCHEDULED' where show_id = ?",
         undef, $show->{show_id});

# --- undone

my $undo = 'select undone_by, undone_ms from boxoffice.undo_checkin(?, ?)';
my ($by, $at) = one($undo, undef, $in->{checkin_id}, 'boss');
is($by, 'boss', 'undone');
is_deeply([one($undo, undef, $in->{checkin_id}, 'chief')], ['boss', $at],
          'once');
is(outcome($scan), 'undone', 'a late retry does not undo that');
is(outcome({ %$scan, nonce => uuid() }), 'admitted', 'a new scan does');
is(scalar(one($undo, undef, uuid(), 'boss')), undef, 'no such check-in');
is_deeply($dbh->selectcol_arrayref(
    'select type from boxoffice.outbox where aggregate_id = ? '
    . 'order by version', undef, $in->{checkin_id}),
    ['ticket.checked_in', 'ticket.checkin_undone'], 'with its event');

# --- a batch against itself

my $batch = bought(3);
my @b = @{$batch->{seats}};
my $twice = scan($batch, $b[0]);
is(outcomes(map { scan($batch, $b[1]) } 1 .. 5),
   'admitted' . ' already_used' x 4, 'the first of five in one batch');
is(outcomes($twice, { %$twice },
            scan($batch, $b[2], nonce => $twice->{nonce})),
   'admitted admitted nonce_reused', 'one nonce three times in one batch');

# --- against who cancels: decided in the order of the commits

for my $case (['the order',
               sub { TestPg::cancel($dbh,
                   TestPg::withdrawal($_[0], admin => 't')) }],
              ['a seat of it', sub {
                   $dbh->do('select from boxoffice.orders where order_id = ? '
                            . 'for update', undef, $_[0]{order_id});
                   $dbh->do('delete from boxoffice.seat_claims '
                            . 'where order_id = ?', undef, $_[0]{order_id});
               }])
{
    my ($what, $cancel) = @$case;
    my $racer = bought(1);
    pipe(my $from, my $to) or die;

    $dbh->begin_work();
    $cancel->($racer);
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        my $my = $pg->dbh();
        my ($r) = check_in($my, scan($racer, $racer->{seats}[0]));
        syswrite($to, $r->{outcome});
        $my->disconnect();
        POSIX::_exit(0);
    }
    close($to);
    my $watch = $pg->dbh();
    for (1 .. 500) {
        last if $watch->selectrow_array('select count(*) from '
            . "pg_stat_activity where wait_event_type = 'Lock'");
        select(undef, undef, undef, 0.02);
    }
    $dbh->commit();
    is(scalar(<$from>), 'cancelled', "$what is cancelled meanwhile");
    waitpid($pid, 0);

    # as a bug would leave it, but the check-in is what is looked at here
    $dbh->do('insert into boxoffice.seat_claims values (?, ?, ?)', undef,
             $show->{show_id}, $racer->{seats}[0], $racer->{order_id})
        if $what eq 'a seat of it';
}

# --- many sessions

my $many = bought(8);
pipe(my $read, my $write) or die;
my @children;
for my $n (1 .. 10) {
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        close($read);
        my $my = $pg->dbh();
        for my $seat (@{$many->{seats}}) {
            my ($r) = check_in($my, scan($many, $seat, device_id => "d$n"));
            syswrite($write, "$r->{outcome} $r->{device_id}\n");
        }
        $my->disconnect;
        POSIX::_exit(0);
    }
    push @children, $pid;
}
close($write);
my %count;
while (<$read>) { $count{(split)[0]}++ }
waitpid($_, 0) for @children;
is_deeply(\%count, { admitted => 8, already_used => 72 },
          'ten sessions, eight seats');
is(one('select count(*) from boxoffice.checkins where order_id = ?', undef,
       $many->{order_id}), 8, 'eight rows');

TestPg::healthy($dbh, 'at the end');
done_testing();
