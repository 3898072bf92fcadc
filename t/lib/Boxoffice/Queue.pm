package Boxoffice::Queue;

# A crowd in front of a waiting room, and what must hold afterwards by the log
# that all nodes share.
#
#     my $q = Boxoffice::Queue->new(test => $t, room => 'premiere',
#         people => 1000, behind => 0);
#                                     # places that a node may be behind another
#     $q->join;                       # everybody, at any node
#     $q->wait_for_all(60, 5 => sub { ... });
#     $q->check(rate => 50, burst => 50);

use v5.36;

use Test2::API  qw(context);
use Time::HiRes qw(sleep time);


sub new ($class, %o) {
    return bless { number => {}, state => {}, codes => {}, at => {},
        behind => 0, nodes => [1 .. $o{test}->nodes], %o }, $class;
}


sub people ($self) { return map { "p$_" } 1 .. $self->{people} }


# Nodes that people go to.
sub use_nodes ($self, @nodes) { $self->{nodes} = [@nodes]; return }


sub left ($self, @people) {
    $self->{state}{$_} = 'LEFT' for @people;
    return;
}


sub waiting ($self) {
    return grep { ($self->{state}{$_} // 'WAITING') eq 'WAITING' } $self->people;
}


sub admitted ($self) {
    return grep { ($self->{state}{$_} // '') eq 'ADMITTED' } $self->people;
}


# Asking to join finds one's place, and is a sign of life.
sub join ($self, @people) {
    @people = $self->waiting if !@people;

    my $path  = "/api/v1/waiting-rooms/$self->{room}/join";
    my @nodes = $self->{nodes}->@*;
    my @requests = map { ['POST', $path, undef, user => $_, key => undef,
        node => $nodes[rand @nodes]] } @people;

    $self->{test}->run_many(32, \@requests, sub ($r, $n, $request) {
        $self->_answer($people[$n], $r);
    }, timeout => 20);
    return;
}


sub _answer ($self, $person, $r) {
    $self->{codes}{ $r->code }++;
    return if $r->code != 200;

    my $place = $r->json;
    my $known = $self->{number}{$person};

    # of two numbers that were given within a tick, the lower one counts
    if (defined $known && $place->{number} > $known
        && time - $self->{told}{$person} > 0.5)
    {
        push $self->{wrong}->@*, "$person had $known, has $place->{number}";
    }

    return if defined $known && $place->{number} > $known;

    $self->{told}{$person}   //= time;
    $self->{number}{$person} = $place->{number};
    $self->{state}{$person}  = $place->{state};
    $self->{at}{$person}   //= time if $place->{state} eq 'ADMITTED';

    if ($place->{state} eq 'WAITING' && defined $place->{ahead}) {
        my $before = $self->{ahead}{$person};

        push $self->{wrong}->@*, "$person: $before ahead, then $place->{ahead}"
            if defined $before && $place->{ahead} > $before + $self->{behind};
        $self->{ahead}{$person} = $place->{ahead};
    }

    return;
}


# Asks for everybody who waits, once a second, until nobody does.  %what:
# second => code that is run then.
sub wait_for_all ($self, $seconds, %what) {
    my $start = time;
    my @when  = sort { $a <=> $b } keys %what;

    while (time - $start < $seconds) {
        while (@when && time - $start >= $when[0]) {
            $what{ shift @when }->();
        }

        my $began = time;
        $self->join($self->waiting) if $self->waiting;
        return 1 if !@when && !$self->waiting;

        my $pause = 1 - (time - $began);
        sleep $pause if $pause > 0;
    }

    return 0;
}


# The grants of the log: [ms, from, to, how many]; a number that was skipped,
# or that nobody has, counts for nothing.
sub grants ($self) {
    my $log = $self->{test}->redis->xrange("room_log:{$self->{room}}", '-', '+');
    my (%joined, %gone, @grants);

    for my $entry (@$log) {
        my ($id, $fields) = @$entry;
        my %e    = @$fields;
        my ($ms) = split /-/, $id;

        if ($e{k} eq 'J') {
            my @ids = unpack 'Q<*', $e{d};

            for my $i (0 .. $#ids) {
                $joined{ $e{f} + $i } = $ids[$i] if $ids[$i];
            }
        }

        if ($e{k} eq 'L') {
            $gone{$_}++ for unpack 'Q<*', $e{d};
        }

        if ($e{k} eq 'G') {
            my ($to, $skip) = $e{d} =~ /^(\d+) (.*)$/s;
            my @skip = split //, unpack 'b*', $skip;
            my @in   = grep { $joined{$_} && !$gone{$_}
                && !$skip[$_ - $e{f}] } $e{f} .. $to - 1;

            push @grants, [$ms, $e{f}, $to, scalar @in, \@in];
        }
    }

    $self->{joined} = \%joined;
    return @grants;
}


# broken(rate => N, burst => N): what does not hold, as texts: the cursor only
# moves forward (I7), no window has more than rate and burst (I8).
sub broken ($self, %o) {
    my @grants = $self->grants;
    my ($last, @broken) = (0);

    for my $g (@grants) {
        push @broken, "I7: from $g->[1], the cursor was at $last"
            if $g->[1] != $last && $last;
        $last = $g->[2];
    }

    push @broken, 'I8: nobody was admitted' if !@grants;

    for my $window (1, 10, 60) {
        my ($sum, $first, $most) = (0, 0, 0);

        for my $g (@grants) {
            $sum += $g->[3];
            $sum -= $grants[$first++][3]
                while $g->[0] - $grants[$first][0] > $window * 1000;
            $most = $sum if $sum > $most;
        }

        push @broken, "I8: $most in $window s"
            if $most > $o{rate} * $window + $o{burst};
    }

    return @broken;
}


sub check ($self, %o) {
    my $ctx    = context();
    my @broken = $self->broken(%o);
    my %number;

    $number{ $self->{number}{$_} // 'none' }++ for $self->people;

    my @twice = grep { $number{$_} > 1 } keys %number;
    my @wrong = ($self->{wrong} // [])->@*;

    $ctx->ok(!@broken, 'I7 and I8 hold', \@broken);
    $ctx->ok(!@twice, 'I7: no number belongs to two', \@twice);
    $ctx->ok(!@wrong, 'nobody was put back',
        [@wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]]);
    $ctx->release;
    return;
}

1;
