# Bookings of the optimistic mode while everything is killed at random: workers,
# Redis (whose append-only file is written before it answers) and PostgreSQL.
# Every booking that was accepted is an order in the end, or has failed and was
# told so; every payment for one that is not confirmed goes back; no seat is
# in two.
#
# BOXOFFICE_SEED repeats a run, BOXOFFICE_FAULTS says how many faults.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Crowd ();
use Boxoffice::Test  qw(STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(CUSTOMER metrics);
use List::Util       qw(shuffle);
use Mojo::JSON       qw(decode_json);
use POSIX            ();
use Storable         ();
use Time::HiRes      qw(sleep time);

use constant CONNECTIONS => 12;
use constant PAUSE       => 2;      # seconds before, between and after faults
use constant PACE        => 0.012;  # seconds between new bookings

# Test2 seeds rand with the date
my $seed   = $ENV{BOXOFFICE_SEED}   // int(time * 1000) % 1e6;
my $faults = $ENV{BOXOFFICE_FAULTS} // 7;
srand $seed;
diag "seed $seed";

my $t = Boxoffice::Test->new(nodes => 2, workers => 2, postgres => 'own',
    append => 'always', optimistic => 1,
    conf => { order_ttl => '120s', seats_per_user => 6,
        bookings => 'durability=always claim=2s' });

my $labels = $t->dbh->selectcol_arrayref(q{
    select label from layout_seats
    where layout_id = (select layout_id from shows where show_id = ?)
      and kind = 'NORMAL' order by seat_no limit 1500}, undef, STADIUM_SHOW);

for my $node (1, 2) {
    $t->wait_until(sub { metrics($t, node => $node)->{bookings_durable} }, 10,
        "node $node takes bookings");
}

my $stop = $t->dir . '/stop';
my $file = $t->dir . '/history';
my $pid  = fork // die "fork: $!";

if (!$pid) {
    my $ok = eval { Storable::store(crowd(), $file); 1 };
    print STDERR "the crowd: $@" if !$ok;
    POSIX::_exit($ok ? 0 : 1);
}


# --- the crowd, in its own process

# A booking is made and, most of the time, paid for at once: with a payment
# that was captured, or one that was declined.  What has no definite answer is
# sent again until it has one.  Users come back, so that some get over the
# limit, which only PostgreSQL knows.
sub crowd () {
    srand $seed + 1;
    my (@ops, @todo, $open, $n);

    my $book = sub {
        my $i = int rand @$labels;
        push @ops, { what => 'book', key => uuid(),
            user => 'u' . int rand 150, path => '/create-booking',
            body => { showId => STADIUM_SHOW, paymentMethod => 'UPI',
                customer => CUSTOMER,
                seatIds => [$labels->@[$i .. $i + int rand 3]] } };
        $ops[-1]{body}{seatIds} = [grep { defined } $ops[-1]{body}{seatIds}->@*];
        return $ops[-1];
    };

    my $done = sub ($r, $i, $request) {
        my (undef, undef, undef, %o) = @$request;
        my $op = $ops[$o{op}];

        push $op->{attempts}->@*, [$r->code, $r->error_code // ''];
        $open--;

        if ($r->code == 0 || $r->code == 503
            || ($r->error_code // '') eq 'request_in_progress'
               && $op->{what} eq 'book')
        {
            push @todo, [time + 0.2 + rand 0.3, $o{op}];
            return;
        }

        $op->{code}   = $r->code;
        $op->{answer} = $r->body;

        if ($op->{what} eq 'book' && $r->code == 202 && rand() < 0.8) {
            my $booking = $r->json->{bookingId};
            my $good    = rand() < 0.8;
            push @ops, { what => 'pay', key => uuid(), user => $op->{user},
                path => '/complete-booking', of => $booking, good => $good,
                body => { bookingId => $booking, paymentId =>
                    ($good ? 'mock-ok-' : 'mock-declined-') . ++$n } };
            push @todo, [time + rand 0.5, $#ops];
        }
    };

    my $next = sub {
        my $op;
        @todo = sort { $a->[0] <=> $b->[0] } @todo;

        if (@todo && $todo[0][0] <= time) {
            $op = (shift @todo)->[1];
        } elsif (!-e $stop) {
            sleep PACE;
            $book->();
            $op = $#ops;
        } else {
            return;
        }

        $open++;
        return ['POST', $ops[$op]{path}, $ops[$op]{body},
            user => $ops[$op]{user}, key => $ops[$op]{key},
            node => 1 + int rand 2, op => $op];
    };

    my $end;
    while (!-e $stop || @todo) {
        $t->run_many(CONNECTIONS, $next, $done, timeout => 5);
        $end //= time + 60;
        die "no end: " . @todo . " are open\n" if time > $end;
        sleep 0.1;
    }

    return \@ops;
}


# --- the faults

my %fault = (
    worker1  => sub { $t->kill_worker(undef, node => 1) },
    worker2  => sub { $t->kill_worker(undef, node => 2) },
    workers  => sub { $t->kill_worker($_, node => 1) for $t->worker_pids },
    redis    => sub { $t->kill_redis; sleep rand 1; $t->start_redis },
    postgres => sub { $t->kill_postgres; sleep rand 1; $t->start_postgres },
    both     => sub { $t->kill_redis; $t->kill_postgres; sleep rand 1;
        $t->start_postgres; $t->start_redis },
    hung     => sub { $t->stop_postgres; sleep 1 + rand 2; $t->cont_postgres },
);

# one of each first
my @kinds = shuffle sort keys %fault;
push @kinds, (sort keys %fault)[rand keys %fault] while @kinds < $faults;

for my $kind (@kinds[0 .. $faults - 1]) {
    sleep PAUSE * (0.5 + rand);
    diag sprintf '%.1f s: %s', time - $^T, $kind;
    $fault{$kind}->();
}

sleep PAUSE;
open my $fh, '>', $stop or die "$stop: $!";
close $fh;
waitpid $pid, 0;
is $?, 0, 'the crowd has its answers';


# --- what became of it

my @ops    = Storable::retrieve($file)->@*;
my $stream = 'bookings:{' . STADIUM_SHOW . '}';

$t->wait_until(sub { $t->redis->xlen($stream) == 0 }, 30,
    'all messages have been dealt with');

my %count;
$count{"$_->{what} " . ($_->{code} // '-')}++ for @ops;
diag join ', ', map { "$_: $count{$_}" } sort keys %count;
diag scalar(grep { $_->{attempts}->@* > 1 } @ops), ' were asked for more than'
    . ' once';

is [grep { !$_->{code} || $_->{code} >= 500 } @ops], [],
    'everything has a definite answer';

my @accepted = grep { $_->{what} eq 'book' && $_->{code} == 202 } @ops;
my $orders   = $t->dbh->selectall_hashref('select * from orders
    where show_id = ?', 'order_id', undef, STADIUM_SHOW);
my %booked   = map { decode_json($_->{answer})->{bookingId} => $_ } @accepted;

ok @accepted > 100, 'bookings were accepted' or diag scalar @accepted;
is [grep { !$orders->{$_} } keys %booked], [], 'none of them is lost';
is [grep { !$booked{$_} } keys %$orders], [], 'and none is there that nobody'
    . ' was told of';
is [grep { "@{ $orders->{$_}{seat_ids} }" ne
    "@{ decode_json($booked{$_}{answer})->{seatIds} }"
    || $orders->{$_}{user_id} ne $booked{$_}{user} } keys %booked], [],
    'with their seats and users';

my %refund = map { $_->[0] => $_->[1] } $t->dbh->selectall_arrayref(
    'select payment_id, count(*) from refunds group by 1')->@*;
my (@bad, %end);

for my $op (grep { $_->{what} eq 'pay' } @ops) {
    my $order   = $orders->{ $op->{of} };
    my $payment = $op->{body}{paymentId};
    my $status  = $order->{status};

    $end{ ($op->{good} ? 'paid' : 'declined') . ", $status" }++;
    push @bad, "$op->{of}: $op->{code} $op->{answer}"
        if $op->{code} !~ /^(?:200|202|402|409)$/;
    push @bad, "$op->{of}: paid, $status, no refund"
        if $op->{good} && $status ne 'CONFIRMED' && !$refund{$payment};
    push @bad, "$op->{of}: paid, confirmed, with a refund"
        if $status eq 'CONFIRMED' && $refund{$payment};
    push @bad, "$op->{of}: declined, $status"
        if !$op->{good} && $status ne 'FAILED';
    push @bad, "$op->{of}: confirmed with another payment"
        if $status eq 'CONFIRMED' && $order->{payment_id} ne $payment;
}

is \@bad, [], 'every payment has confirmed a booking or goes back';
$end{"no payment, $_->{status}"}++ for grep { my $id = $_->{order_id};
    !grep { ($_->{of} // '') eq $id } @ops } values %$orders;
diag "$_: $end{$_}" for sort keys %end;

my %reason = map { $_->[0] => $_->[1] } $t->dbh->selectall_arrayref(
    q{select aggregate_id, coalesce(payload->>'reason', '') from outbox
    where type = 'order.failed'})->@*;
my @failed = grep { $_->{status} eq 'FAILED' } values %$orders;

is [grep { !defined $reason{ $_->{order_id} } } @failed], [],
    'every one that failed was told';
ok scalar(grep { ($reason{$_} // '') eq 'limit' } keys %$orders),
    'and some were refused by PostgreSQL';

is $t->dbh->selectall_arrayref('select payment_id, count(*) from refunds
    group by 1 having count(*) > 1'), [], 'nothing goes back twice';

my $crowd = bless { t => $t, show => STADIUM_SHOW }, 'Boxoffice::Crowd';
$t->wait_until(sub { !$crowd->differences }, 10)
    or diag $crowd->differences;
is $crowd->differences, '', 'Redis and PostgreSQL are equal again';
$t->check_invariants;

$t->allow_log(qr/exited on signal 9/);
$t->done;
done_testing;
