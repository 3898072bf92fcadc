package Boxoffice::Test::Booking;

# The steps of a booking, for tests that are about something else, and what
# many of them look at.  Steps take a Boxoffice::Test first and the options of
# a request last; those that must succeed ask again when they are told "not
# now", as a client does, and die when they do not succeed.

use v5.36;

use Boxoffice::Test qw(uuid);
use Carp           qw(croak);
use Exporter       qw(import);
use IO::Select     ();
use IO::Socket::IP ();
use Time::HiRes    qw(sleep time);

our @EXPORT_OK = qw(CUSTOMER TIME UUID raw try_hold try_order try_pay hold
    order pay booked seatmap
    map_states seat_states metrics);

use constant CUSTOMER => {
    name => 'Ann Buyer', email => 'ann@example.com', phone => '+44 20 7946 0000'
};

# Times and ids as the API prints them.
use constant TIME =>
    qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;
use constant UUID =>
    qr/\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\z/;


sub try_hold ($t, $user, $show, $seats, %o) {
    return $t->post('/api/v1/holds', { showId => $show, seatIds => $seats },
        user => $user, %o);
}


sub try_order ($t, $user, $hold, %o) {
    return $t->post('/api/v1/orders', { holdId => $hold,
        paymentMethod => delete $o{method} // 'CARD', customer => CUSTOMER },
        user => $user, %o);
}


sub try_pay ($t, $user, $order, $payment, %o) {
    return $t->post("/api/v1/orders/$order/confirm-payment",
        { paymentId => $payment }, user => $user, %o);
}


sub _must ($r, $code, $step) {
    croak "$step: " . $r->code . ' ' . ($r->error // $r->body)
        if $r->code != $code;
    return $r->json;
}


# A worker that has just started may not have its stores yet: asked again under
# the same key.  TRY is one of the above, and ARGS are its arguments.
sub _write ($t, $code, $step, $try, $args, %o) {
    $o{key} //= uuid();
    return _must($t->definite(sub { $try->($t, @$args, %o) }, 5), $code, $step);
}


sub hold ($t, $user, $show, $seats, %o) {
    return _write($t, 201, 'hold', \&try_hold, [$user, $show, $seats], %o);
}


# An order that waits for its payment, of seats that are held first.
sub order ($t, $user, $show, $seats, %o) {
    my $hold = hold($t, $user, $show, $seats);
    return _write($t, 201, 'order', \&try_order, [$user, $hold->{holdId}], %o);
}


sub pay ($t, $user, $order, %o) {
    state $n = 0;
    return _write($t, 200, 'payment', \&try_pay,
        [$user, $order, 'mock-ok-' . ++$n . "-$$"], %o);
}


# A confirmed order.
sub booked ($t, $user, $show, $seats) {
    return pay($t, $user, order($t, $user, $show, $seats)->{orderId});
}


sub seatmap ($t, $show, %o) {
    return _must($t->get("/api/v1/shows/$show/seatmap", %o), 200, 'seat map');
}


# The states of the named seats on the seat map, which may be 1 s old.
sub map_states ($t, $show, @seats) {
    my %state = map { $_->{seatId} => $_->{status} }
        seatmap($t, $show)->{seats}->@*;
    return [@state{@seats}];
}


# The states of the named seats in Redis, at this moment.  A seat whose lock
# has run out is free, whoever has noticed.
sub seat_states ($t, $show, @seats) {
    state %number;
    my $no = $number{$show} //= do {
        my $n = 0;
        +{ map { $_->{seatId} => $n++ } seatmap($t, $show)->{seats}->@* };
    };

    return [map {
        my ($state) = $t->redis->bitfield("state:{$show}", 'GET', 'u2',
            "#$no->{$_}");
        $state = $state->[0] if ref $state;
        $state == 1 && !$t->redis->exists("seat_lock:{$show}:$no->{$_}")
            ? 'AVAILABLE' : (qw(AVAILABLE HELD BOOKED))[$state];
    } @seats];
}


# The samples of /metrics: name with its labels => value.  A worker gives away
# what it has counted at the end of its turn, which is after the answer.
sub metrics ($t, %o) {
    my %value;

    sleep 0.02;

    for my $line (split /\n/, $t->get('/metrics', %o)->body) {
        next if $line =~ /^#/;
        my ($name, $value) = $line =~ /^(\S+) (\S+)\z/ or croak $line;
        $value{ $name =~ s/^boxoffice_//r } = $value;
    }

    return \%value;
}


# raw(T, BYTES, SECONDS): sends bytes over a connection of its own, and gives
# all that comes back until the server closes it or SECONDS are over.  An array
# is sent piece by piece; code in it is called for the next piece, a number
# waits so many seconds.
sub raw ($t, $bytes, $seconds = 1, %o) {
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $t->node($o{node} // 1)->port) or croak "connect: $@";
    my $select = IO::Select->new($socket);
    my $answer = '';

    local $SIG{PIPE} = 'IGNORE';

    for my $piece (ref $bytes ? @$bytes : $bytes) {
        if ($piece =~ /\A[0-9.]+\z/) {
            last if $select->can_read($piece);
            next;
        }

        $socket->syswrite($piece) // last;
    }

    my $end = time + $seconds;

    while ((my $left = $end - time) > 0) {
        $select->can_read($left) or last;
        $socket->sysread($answer, 65_536, length $answer) or last;
    }

    close $socket;
    return $answer;
}


1;
