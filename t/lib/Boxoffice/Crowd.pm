package Boxoffice::Crowd;

# A crowd of users that hold, order, pay, release and cancel at a steady rate,
# in a process of its own, while the test does something to the servers; and
# the judgement of what they were told.
#
#     my $crowd = Boxoffice::Crowd->new($t);
#     $crowd->wait(2);
#     $crowd->fault(sub { $t->kill_redis });
#     $crowd->healed(sub { $t->start_redis });
#     $crowd->finish;
#     $crowd->check(recovery => 2, longest => 2.25, redis_lost => 1);

use v5.36;

use Boxoffice::Crowd::Loop ();
use Boxoffice::Test        ();
use Boxoffice::Test::Process ();
use List::Util  qw(max min);
use Mojo::JSON  qw(decode_json);
use POSIX       ();
use Storable    ();
use Test2::API  qw(context);
use Time::HiRes qw(sleep time);

use constant WINDOW => 0.5;     # seconds in which goodput is measured
use constant STEP   => 0.05;


# new($t, connections => 64, think => SECONDS between an answer
#     and the next request, show => ID, close => N)
sub new ($class, $t, %o) {
    my $self = bless {
        t     => $t,
        show  => $o{show} // Boxoffice::Test::STADIUM_SHOW,
        file  => $t->dir . '/history',
        close => $o{close} // 0,
        start => time,
    }, $class;

    my $labels = $t->dbh->selectcol_arrayref(q{
        select label from layout_seats
        where layout_id = (select layout_id from shows where show_id = ?)
          and kind in ('NORMAL', 'ACCESSIBLE')
        order by seat_no}, undef, $self->{show});

    my @ports = map { $t->node($_)->port } 1 .. $t->nodes;
    my $pid   = fork // die "fork: $!";

    if ($pid == 0) {
        my $done = eval {
            my $loop = Boxoffice::Crowd::Loop->new(
                ports       => \@ports,
                connections => $o{connections} // 64,
                close       => $self->{close},
                think       => $o{think} // 0.05,
                show        => $self->{show},
                labels      => $labels,
                stop_file   => "$self->{file}.stop");
            Storable::store($loop->run, $self->{file});
            1;
        };
        print STDERR "the crowd: $@" if !$done;
        POSIX::_exit($done ? 0 : 1);
    }

    $self->{pid} = $pid;
    return $self;
}


# Lets time go by: a plain sleep ends when a server stops or ends.
sub wait ($self, $seconds) {
    my $end = time + $seconds;

    while ((my $left = $end - time) > 0) {
        sleep $left;
    }

    return;
}


# fault(CODE): does it, and remembers when it began.
sub fault ($self, $code) {
    $self->{fault} //= time;
    return $code->();
}


# healed(CODE): does it, and remembers when it was done.
sub healed ($self, $code = sub { }) {
    my $value = $code->();
    $self->{healed} = time;
    return $value;
}


# finish(SECONDS): lets it go on for that long after the last of these.
sub finish ($self, $seconds = 4) {
    $self->wait(($self->{healed} // time) + $seconds - time);
    open my $fh, '>', "$self->{file}.stop" or die "$self->{file}.stop: $!";
    close $fh;
    waitpid $self->{pid}, 0;
    die "the crowd has died\n" if $?;
    $self->{ops} = Storable::retrieve($self->{file});
    $self->{healed} //= $self->{fault};
    return $self;
}


# Operations of the history.
sub ops ($self) { return $self->{ops}->@* }


# Attempts: [start, end, code or 0, error, Retry-After], oldest end first.
sub attempts ($self) {
    return ($self->{attempts} //= [sort { $a->[1] <=> $b->[1] }
        map { $_->{attempts}->@* } $self->ops])->@*;
}


sub _ok ($self, $ok, $name, @diag) {
    my $ctx = context(level => 1);
    $ctx->ok($ok, $name, [@diag > 10 ? (@diag[0 .. 9], '...') : @diag]);
    $ctx->release;
    return $ok;
}


sub _diag ($self, $text) {
    my $ctx = context(level => 1);
    $ctx->diag($text);
    $ctx->release;
    return;
}


# check(%limits): everything.
#   recovery   => seconds after healing until goodput is back at 95 %
#   longest    => seconds that the longest answered request may take (2.25)
#   unanswered => requests that may stay without an answer (0)
#   refused    => requests that may be answered 503 (any number, when undef)
#   redis_lost => true: Redis has lost data, so that holds may be lost
sub check ($self, %o) {
    $self->_check_answers(%o);
    $self->_check_recovery($o{recovery}) if defined $o{recovery};
    $self->_check_replays(%o);
    $self->_check_holds if !$o{redis_lost};
    $self->_check_refusals;
    $self->_check_database;
    $self->{t}->wait_until(sub { !$self->differences }, 3)
        or $self->_diag($self->differences);
    $self->_ok(!$self->differences, 'Redis and PostgreSQL are equal again');
    $self->{t}->check_invariants;
    return;
}


# An order for seats of SHOW, where no crowd is, made before anything is wrong.
sub order ($class, $t, $user, @seats) {
    my $r = $t->post('/api/v1/holds',
        { showId => Boxoffice::Test::SHOW, seatIds => \@seats },
        user => $user);
    $r = $t->post('/api/v1/orders', { holdId => $r->json->{holdId},
        paymentMethod => 'UPI', customer => { name => 'Ann',
            email => 'ann@example.org', phone => '+911234567890' } },
        user => $user) if $r->code == 201;
    die 'no order: ' . $r->body if $r->code != 201;
    return $r->json;
}


# --- answers

sub _check_answers ($self, %o) {
    my @all     = $self->attempts;
    my @refused = grep { $_->[2] == 503 } @all;
    my @silent  = grep { $_->[2] == 0 } @all;
    my @longest = sort { $b->[1] - $b->[0] <=> $a->[1] - $a->[0] }
        grep { $_->[2] } @all;
    my %codes;

    $codes{ join ' ', $_->[2], $_->[3] // () }++ for @all;
    $self->_diag(sprintf '%d requests, longest answered %.0f ms: %s',
        scalar @all, 1000 * ($longest[0][1] - $longest[0][0]),
        join ', ', map { "$codes{$_} x $_" } sort keys %codes);

    my $limit = $o{longest} // 2.25;
    $self->_ok($longest[0][1] - $longest[0][0] <= $limit,
        "no answer takes more than $limit s",
        map { sprintf '%d %s: %.3f s, begun %.3f s after the fault', $_->[2],
            $_->[3] // '', $_->[1] - $_->[0],
            $_->[0] - ($self->{fault} // $self->{start}) } @longest[0 .. 4]);

    my $silent = $o{unanswered} // 0;
    $self->_ok(@silent <= $silent, "at most $silent requests have no answer",
        map { $_->[3] } @silent);

    $self->_ok(@refused <= $o{refused}, "at most $o{refused} are refused",
        map { $_->[3] } @refused) if defined $o{refused};

    my @bare = grep { !$_->[4] } @refused;
    $self->_ok(!@bare, 'every 503 says when to try again');

    my @bad = grep { $_->[2] >= 500 && $_->[2] != 503 } @all;
    $self->_ok(!@bad, 'there is no other 5xx',
        map { "$_->[2] $_->[3]" } @bad);

    my @open = grep { !$_->{code} } $self->ops;
    $self->_ok(!@open, 'asked again, everything has a definite answer',
        map { "$_->{what} $_->{key}: " . ($_->{attempts}[-1][3] // 'none') }
            @open);
    return;
}


# When goodput came back: 95 % of the requests of half a second got a good
# answer within a second.  A share of requests, not a rate: on a machine that
# does other work, too, a rate changes more than that by itself.
sub _check_recovery ($self, $limit) {
    my ($fault, $healed) = $self->@{qw(fault healed)};
    my $begin  = $self->{start} + 0.5;
    my @all    = sort { $a->[0] <=> $b->[0] } $self->attempts;
    my $rate   = grep { $_->[0] > $begin && $_->[0] < $fault } @all;
    my $back;

    $rate /= $fault - $begin;

    for (my $t = $healed; $t + WINDOW < $all[-1][0] && !defined $back;
        $t += STEP)
    {
        my @window = grep { $_->[0] >= $t && $_->[0] < $t + WINDOW } @all;
        my $good   = grep { $_->[2] && $_->[2] < 500 && $_->[1] - $_->[0] < 1 }
            @window;
        $back = $t - $healed
            if $good >= 0.95 * @window && $good > 0.2 * $rate * WINDOW;
    }

    my @late = grep { $_->[2] == 0 || $_->[2] == 503 }
        grep { $_->[0] > $healed } $self->attempts;
    my $last = max(0, map { $_->[0] - $healed } @late);

    $self->_diag(sprintf 'fault for %.2f s; %.0f requests a second before;'
        . ' 95 %% are good %s after healing, the last that failed was sent'
        . ' after %.2f s',
        $healed - $fault, $rate,
        defined $back ? sprintf('%.2f s', $back) : 'never', $last);
    $self->_ok(defined $back && $back <= $limit,
        "goodput is back at 95 % within $limit s");
    $self->_ok($last <= $limit, "no request fails that is sent more than"
        . " $limit s after healing", "$last s");
    return;
}


# The same request has the same answer.  Holds are remembered by Redis.
sub _check_replays ($self, %o) {
    my ($n, @bad) = (0);

    for my $op (grep { $_->{of} && $_->{code} } $self->ops) {
        next if $op->{what} eq 'hold' && $o{redis_lost};
        $n++;
        push @bad, "$op->{what} $op->{key}: $op->{of}{code} "
            . "$op->{of}{answer}, then $op->{code} $op->{answer}"
            if $op->{code} != $op->{of}{code}
            || $op->{answer} ne $op->{of}{answer};
    }

    $self->_ok($n && !@bad, "$n answers are the same when asked for again",
        @bad);
    return;
}


# A hold that was acknowledged can be ordered.
sub _check_holds ($self) {
    my @bad = map { "$_->{key} of $_->{hold}: $_->{code} $_->{error}" }
        grep { $_->{what} eq 'order' && $_->{code} && $_->{code} >= 400 }
        $self->ops;

    $self->_ok(!@bad, 'no hold is lost', @bad);
    return;
}


# A seat was refused only when somebody may have had it: from the first attempt
# to hold it until the answer to what let it go, and a moment longer, since that
# answer does not wait for Redis.
sub _check_refusals ($self) {
    my (%of, %taken, @bad);
    my $n = 0;

    for my $op ($self->ops) {
        my $had = $of{ $op->{user} };

        if ($op->{what} eq 'hold' && ($op->{code} // 0) < 300) {
            $had = $of{ $op->{user} } = [$op->{attempts}[0][0], 1e12];
            push $taken{$_}->@*, $had for $op->{body}{seatIds}->@*;

        } elsif ($had && ($op->{code} // 0) =~ /^(?:402|204)$/
            || $op->{what} eq 'cancel' && ($op->{code} // 0) == 200)
        {
            $had->[1] = $op->{attempts}[-1][1] + 0.25;
        }
    }

    for my $op (grep { $_->{what} eq 'hold' } $self->ops) {
        $n++;
        next if ($op->{code} // 0) != 409;
        my ($begin, $end) = $op->{attempts}[-1]->@*;

        for my $seat (decode_json($op->{answer})->{error}{details}{conflicts}
            ->@*)
        {
            push @bad, sprintf '%s %s, %.3f s after the fault', $op->{error},
                $seat, $begin - ($self->{fault} // $self->{start})
                if !grep { $_->[0] <= $end && $_->[1] >= $begin }
                    ($taken{$seat} // [])->@*;
        }
    }

    $self->_diag(scalar(@bad) . " seats were refused that were free") if @bad;
    $self->_ok(@bad <= 0.001 * $n, 'at most one in a thousand seats is refused'
        . ' that was free', @bad);
    return;
}


# --- what users were told, and what PostgreSQL has

sub _check_database ($self) {
    my $rows = $self->{t}->dbh->selectall_hashref(
        'select * from boxoffice.orders where show_id = ?', 'order_id', undef,
        $self->{show});
    my (%told, @bad);

    for my $op (grep { $_->{code} && !$_->{of} } $self->ops) {
        if ($op->{what} eq 'order' && $op->{code} < 300) {
            my $order = decode_json($op->{answer});
            $told{ $order->{orderId} } = { order => $order, user => $op->{user},
                status => 'PAYMENT_PENDING' };
        }
        _tell($told{ $op->{order} }, $op, \@bad) if $op->{order};
    }

    for my $id (keys %told) {
        my ($told, $row) = ($told{$id}, $rows->{$id});

        if (!$row) {
            push @bad, "$id: acknowledged, but not there";
            next;
        }

        push @bad, "$id: $told->{status}, but is $row->{status}"
            if $told->{status} ne $row->{status};
        push @bad, "$id: of $told->{user}, but has $row->{user_id}"
            if $told->{user} ne $row->{user_id};
        push @bad, "$id: other seats" if "@{ $row->{seat_ids} }"
            ne "@{ $told->{order}{seatIds} }";
        push @bad, "$id: another ticket" if defined $told->{ticket}
            && $told->{ticket} ne ($row->{ticket_code} // '');
    }

    push @bad, map { "$_: made, but nobody was told" }
        grep { !$told{$_} } keys %$rows;

    $self->_ok(%told && !@bad, keys(%told)
        . ' orders are what their users were told', @bad);
    return $self->_check_seats(values %told);
}


# The definite answers of one order in the order in which its user got them.
sub _tell ($told, $op, $bad) {
    my $was = $told->{status};
    my $now = $op->{code} == 402 ? 'FAILED'
        : $op->{code} != 200 ? undef
        : $op->{what} eq 'cancel' ? 'CANCELLED' : 'CONFIRMED';

    if (!defined $now) {
        push @$bad, "$op->{order}: $op->{what} when $was: $op->{code} "
            . ($op->{error} // '');
        return;
    }

    $told->{status} = $now;

    if ($now eq 'CONFIRMED') {
        my $ticket = decode_json($op->{answer})->{ticketCode};
        push @$bad, "$op->{order}: two tickets"
            if ($told->{ticket} //= $ticket) ne $ticket;
    }

    return;
}


# No seat in two orders that live.
sub _check_seats ($self, @told) {
    my %orders;

    for my $told (grep { $_->{status} =~ /^(?:CONFIRMED|PAYMENT_PENDING)/ }
        @told)
    {
        push $orders{$_}->@*, $told->{order}{orderId}
            for $told->{order}{seatIds}->@*;
    }

    $self->_ok(!(grep { @$_ > 1 } values %orders),
        'no seat was given to two users',
        map { "$_: @{ $orders{$_} }" } grep { $orders{$_}->@* > 1 }
            keys %orders);
    return;
}


# --- Redis and PostgreSQL

# Where the map in Redis differs from claims and locks, as text.
sub differences ($self) {
    my $redis  = $self->{t}->redis;
    my $show   = $self->{show};
    my $state  = $redis->get("state:{$show}") // '';
    my %claims = map { $_->[0] => $_->[1] }
        $self->{t}->dbh->selectall_arrayref('select seat_no, confirmed
            from boxoffice.show_claims(?)', undef, $show)->@*;
    my (%locks, $cursor, @bad);

    do {
        ($cursor, my $keys) = $redis->scan($cursor // 0,
            MATCH => "seat_lock:{$show}:*", COUNT => 5000)->@*;
        /:(\d+)\z/ and $locks{$1} = 1 for @$keys;
    } while ($cursor);

    return 'the show is not loaded' if !length $state;

    for my $seat (0 .. 4 * length($state) - 1) {
        my $bits = vec($state, $seat >> 2, 8) >> 6 - 2 * ($seat & 3) & 3;
        my $sold = $claims{$seat};

        push @bad, "seat $seat: $bits, sold" if $sold && $bits != 2;
        push @bad, "seat $seat: booked, not sold" if !$sold && $bits == 2;
        push @bad, "seat $seat: $bits, with a lock"
            if $locks{$seat} && $bits != 1;
        push @bad, "seat $seat: held, without a lock"
            if $bits == 1 && !$locks{$seat};
    }

    return join "\n", @bad > 10 ? (@bad[0 .. 9], '...') : @bad;
}


1;
