# What a waiting room does about those who leave without a word, about seats
# that run out, about a booking path that is slow, and by itself.
#
# Runs alone: it measures rates.

use v5.36;
use lib 't/lib';

use Boxoffice::Queue;
use Boxoffice::Room;
use Boxoffice::Test qw(SMALL_SHOW);
use Test2::V0;
use Time::HiRes     qw(sleep time);

# of the small hall, three are broken or the house's
use constant SEATS => 117;

my $t = Boxoffice::Test->new(
    postgres => 'own',
    conf => {
        waiting_room_zone => [
            'premiere:4m rate=40/s abandon=2s basket=2',
            'auto:1m rate=100/s automatic=20r/s',
            'few:1m rate=100/s burst=10 abandon=20s',
        ],
    },
    gate => 'premiere',
    server_extra => <<~'END',
        location = /auto {
            boxoffice_waiting_room auto;
            root html; try_files /nothing =404;
        }
        END
);

my $room = Boxoffice::Room->new($t);
my $auto = Boxoffice::Room->new($t, 'auto');

sub set (%what) {
    $room->set(%what);
    $t->wait_until(sub { my $now = $room->now;
        $now->{ready} && (!$what{phase} || $now->{phase} eq $what{phase})
            && (!$what{showId} || $now->{showId}) }, 3, 'set');
    return;
}


$t->wait_until(sub { $room->now->{ready} && $auto->now->{ready} }, 5, 'ready');


# A third of the crowd is gone; those who are left come in at the full rate.
subtest 'the silent are passed over' => sub {
    set(phase => 'PAUSED', newSale => \1);

    my $q = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 600);

    $q->join;
    my @gone = map { "p$_" } grep { $_ % 10 < 3 } 1 .. 600;
    $q->left(@gone);

    # as long as they may be back, they are waited for
    my $end = time + 16;
    while (time < $end) { $q->join($q->waiting); sleep 1 }

    my $before = $room->now->{admitted};
    set(phase => 'OPEN');
    sleep 5;

    my $rate = ($room->now->{admitted} - $before) / 5;

    ok $rate > 36 && $rate <= 48, "the rate of the living: $rate of 40";
    ok $q->wait_for_all(30), 'they all come in';
    is $room->now->{skipped}, scalar @gone, 'the others were passed over';
    $q->check(rate => 40, burst => 40);
};


# Five at a time, and still as many a second as it says.  When the machine is busy
# it may be less: the best of some rounds counts, and the bound in all of them.
subtest 'a burst that is small' => sub {
    my $few  = Boxoffice::Room->new($t, 'few');
    my $best = 0;

    for my $round (1 .. 5) {
        $few->set(phase => 'PAUSED', newSale => \1);
        $t->wait_until(sub { my $now = $few->now; $now->{phase} eq 'PAUSED'
            && $now->{admitted} == 0 && $now->{ready} }, 5, 'a new sale');

        my $q = Boxoffice::Queue->new(test => $t, room => 'few',
            people => 300);

        $q->join;
        sleep 0.5;
        $few->set(phase => 'OPEN');
        ok $q->wait_for_all(60), 'all come in';
        $q->check(rate => 100, burst => 10);

        my @grants  = $q->grants;
        my $seconds = ($grants[-1][0] - $grants[0][0]) / 1000;
        my $rate    = (300 - $grants[0][3]) / $seconds;

        $best = $rate if $rate > $best;
        last if $best > 80;
    }

    ok $best > 65, "near the rate: $best a second";
};


# Two seats each.  The rest is told.
subtest 'what the seats are enough for' => sub {
    set(phase => 'OPEN', newSale => \1, showId => SMALL_SHOW, rate => 200);

    my $q = Boxoffice::Queue->new(test => $t, room => 'premiere',
        people => 300);
    my ($sold, $told, $nothing, %done, $sold_at, @late) = (0, 0, 0);

    $q->join;

    my $end = time + 60;

    while (time < $end && keys %done < 300) {
        for my $person (grep { !$done{$_} } $q->people) {
            my $r = $room->join($person);

            if ($r->code == 410 || ($r->code == 200 && $r->json->{soldOut}
                && $r->json->{state} ne 'ADMITTED'))
            {
                $told++;
                $done{$person} = 1;
                next;
            }

            my $pass = $r->json->{pass} // next;
            my %with = (user => $person,
                headers => { 'x-boxoffice-pass' => $pass });
            my $hold = $t->post('/api/v1/holds', { showId => SMALL_SHOW,
                bestAvailable => { count => 2 } }, %with);

            if ($hold->code != 201) {
                $hold = $t->post('/api/v1/holds', { showId => SMALL_SHOW,
                    bestAvailable => { count => 1 } }, %with);
            }

            $done{$person} = 1;

            if ($hold->code != 201) {
                $nothing++;
                push @late, time - $sold_at if $sold_at;
                $room->leave($person, $r->json->{ticket});
                next;
            }

            my $order = $t->post('/api/v1/orders', {
                holdId => $hold->json->{holdId}, paymentMethod => 'UPI',
                customer => { name => 'A', email => 'a@example.com' } },
                user => $person)->json->{orderId};

            $t->post("/api/v1/orders/$order/confirm-payment",
                { paymentId => "mock-ok-$order" }, user => $person)
                ->code == 200 or fail 'paid';
            $sold += $hold->json->{quantity};
            $sold_at = time if $sold == SEATS;
        }
    }

    is $sold, SEATS, 'every seat is sold';
    is scalar keys %done, 300, 'and everybody knows where they stand';
    ok $told > 200, 'most of them without having come in';
    is [grep { $_ > 2 } @late], [], 'nobody was let in to nothing for long';
    note "$told were told, $nothing came in and found nothing";
    ok $room->now->{soldOut}, 'it says so';
    is $room->join('late')->error_code, 'sold_out',
        'nobody else joins';
    $t->check_invariants;
};


subtest 'a pass is good for one order' => sub {
    set(phase => 'OPEN', newSale => \1, showId => '', rate => 40);

    my $pass;

    $t->wait_until(sub { $pass = $room->join('ann')->json->{pass} }, 3, 'in');

    my %with = (user => 'ann', headers => { 'x-boxoffice-pass' => $pass });
    my $show = Boxoffice::Test::SHOW();
    my @holds;

    # many at once: one hold at a time is all that a person has
    $t->run_many(20, [map { ['POST', '/api/v1/holds', { showId => $show,
        seatIds => ["A$_"] }, %with] } 1 .. 12], sub ($r, @) {
            push @holds, $r->json->{holdId} if $r->code == 201 });

    my %codes;

    $t->run_many(20, [map { ['POST', '/api/v1/orders', { holdId => $_,
        paymentMethod => 'UPI', customer => { name => 'A',
        email => 'a@example.com' } }, user => 'ann'] } @holds],
        sub ($r, @) { $codes{ $r->code }++ });

    is $codes{201}, 1, 'one order' or diag join ' ', %codes;
    is $t->post('/api/v1/holds', { showId => $show, seatIds => ['B1'] },
        %with)->error_code, 'pass_over', 'and the pass is spent';
};


subtest 'on by itself, and what it is then' => sub {
    is $auto->now->{phase}, 'OFF', 'it is off';
    is $t->get('/auto')->code, 404, 'everybody passes';

    my $end = time + 3;

    while (time < $end && $auto->now->{phase} eq 'OFF') {
        $t->run_many(8, [map { ['GET', '/auto', undef] } 1 .. 50]);
    }

    is $auto->now->{phase}, 'OPEN', 'it is on when too many come';
    is $t->get('/auto')->error_code, 'waiting_room', 'nobody passes';
    like $t->node->log, qr/waiting room "auto" switches itself on at \d+/,
        'the log says so';

    my $metrics = $t->get('/metrics')->body;
    like $metrics, qr/^boxoffice_room_phase\{room="auto"\} 2$/m, 'metrics';
    like $metrics, qr/^boxoffice_room_turned_away_total\{room="auto"\} [1-9]/m,
        'those who were turned away';
    like $metrics, qr/^boxoffice_room_leads\{room="auto"\} 1$/m, 'it leads';
};


# Answers of 503 are answers of a booking path that does not keep up.
subtest 'it slows down with the booking' => sub {
    set(phase => 'OPEN', newSale => \1, rate => 40);
    $t->wait_until(sub { $room->now->{pace} == 1 }, 30, 'at full pace');
    $t->stop_postgres;

    my $end = time + 8;

    while (time < $end && $room->now->{pace} == 1) {
        $t->run_many(16, [map { ['GET', '/api/v1/orders', undef,
            user => "u$_"] } 1 .. 16], sub { }, timeout => 6);
    }

    my $slow = $room->now->{pace};

    $t->cont_postgres;
    ok $slow < 1, "it goes slower: $slow";
    $t->wait_until(sub {
        my $now = $room->now->{pace};
        $slow = $now if $now < $slow;
        return $now > $slow;
    }, 20, 'and finds back');
};

$t->done;
done_testing;
