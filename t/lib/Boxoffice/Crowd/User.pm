package Boxoffice::Crowd::User;

# What one user does: holds, orders, pays; or thinks better of it somewhere on
# the way.  Says some things twice.

use v5.36;

use Mojo::JSON qw(decode_json);

# Seats that the crowd looks at: few enough to get into each other's way.
use constant WINDOW => 400;

my $keys = 0;


# LABELS is shared: seats that are known to be sold leave it.
sub new ($class, $name, $show, $labels) {
    return bless { name => $name, show => $show, labels => $labels,
        tries => 0 }, $class;
}


sub first ($self) { return $self->_hold }


# The operation after this one, that has a definite answer; undef: none.
# Between two of them something may be sent again that was said before.
sub next ($self, $op) {
    if (defined $op->{of}) {
        return delete $self->{then};
    }

    my $after = "_after_$op->{what}";
    my $then  = $self->$after($op);

    push $self->{said}->@*, $op if $op->{key} && $op->{code} < 300;
    return $then if !$self->{said} || rand() >= 0.1;

    my $of = $self->{said}[rand $self->{said}->@*];
    $self->{then} = $then;
    return { %$of{qw(what method path body user key order hold pay)},
        of => $of };
}


sub _op ($self, $what, $method, $path, $body = undef, %more) {
    my $key = $method eq 'POST' ? "$self->{name}-$what-" . ++$keys : undef;

    return { what => $what, method => $method, path => "/api/v1/$path",
        body => $body, user => $self->{name}, key => $key, %more };
}


sub _hold ($self) {
    my $labels = $self->{labels};
    my $window = @$labels < WINDOW ? @$labels : WINDOW;
    my %seats;

    return if !$window;
    $seats{ $labels->[int rand $window] } = 1 for 1 .. 1 + int rand 3;

    return $self->_op('hold', 'POST', 'holds',
        { showId => $self->{show}, seatIds => [sort keys %seats] });
}


sub _sold ($self, @seats) {
    my $labels = $self->{labels};
    my %sold   = map { $_ => 1 } @seats;

    for my $i (reverse 0 .. (@$labels < WINDOW ? @$labels : WINDOW) - 1) {
        next if !$sold{ $labels->[$i] };
        my $last = pop @$labels;
        $labels->[$i] = $last if $i < @$labels;
    }

    return;
}


sub _after_hold ($self, $op) {
    if ($op->{code} >= 300) {
        my $answer = eval { decode_json($op->{answer}) } // {};

        $self->_sold(($answer->{error}{details}{conflicts} // [])->@*)
            if ($op->{error} // '') eq 'seat_sold';
        return $self->{tries}++ < 3 ? $self->_hold : undef;
    }

    my $hold = decode_json($op->{answer});
    my $luck = rand;

    return if $luck < 0.03;
    return $self->_op('release', 'DELETE', "holds/$hold->{holdId}")
        if $luck < 0.13;

    return $self->_op('order', 'POST', 'orders', { holdId => $hold->{holdId},
        paymentMethod => (qw(UPI CARD WALLET))[rand 3],
        customer => { name => 'Ann', email => 'ann@example.org',
            phone => '+911234567890' } }, hold => $hold->{holdId});
}


sub _after_release ($self, $op) { return }


sub _after_order ($self, $op) {
    return if $op->{code} >= 300;

    my $order = decode_json($op->{answer});
    my $luck  = rand;

    $self->{seats} = $order->{seatIds};

    return if $luck < 0.03;
    return $self->_cancel($order->{orderId}) if $luck < 0.08;
    return $self->_confirm($order->{orderId}, $luck < 0.13 ? 'declined' : 'ok');
}


sub _confirm ($self, $order, $pay) {
    return $self->_op('confirm', 'POST', "orders/$order/confirm-payment",
        { paymentId => "mock-$pay-$order" }, order => $order, pay => $pay);
}


sub _cancel ($self, $order) {
    return $self->_op('cancel', 'POST', "orders/$order/cancel", {},
        order => $order);
}


sub _after_confirm ($self, $op) {
    return if $op->{code} >= 300;

    $self->_sold($self->{seats}->@*);
    my $luck = rand;

    # a second confirmation, under another key
    return $self->_confirm($op->{order}, 'ok')
        if $luck < 0.1 && !$self->{twice}++;
    return $self->_cancel($op->{order}) if $luck > 0.95;
    return;
}


sub _after_cancel ($self, $op) { return }


1;
