package Boxoffice::Crowd::Loop;

# Kept connections, each of which plays one user after another.  A request that
# gets no definite answer is sent again, with the same Idempotency-Key, until
# there is one.

use v5.36;

use Boxoffice::Crowd::User ();
use Errno       qw(EAGAIN EINPROGRESS EWOULDBLOCK ENOTCONN);
use Mojo::JSON  qw(encode_json);
use Mojo::Reactor;
use Socket      qw(AF_INET IPPROTO_TCP SOCK_STREAM TCP_NODELAY inet_aton
    pack_sockaddr_in);
use Time::HiRes qw(time);


# new(ports => [...], connections => N, show => ID, labels => [...], think =>
#     SECONDS, stop_file => FILE, close => N): the first N connections are closed
# after each answer.
sub new ($class, %o) {
    return bless { %o, stop => 'inf', give_up => 'inf', reactor => Mojo::Reactor->detect->new, history => [],
        users => 0, living => 0 }, $class;
}


# Plays until the file is there, then ends what has no definite answer yet, for
# ten seconds.  Gives the history: operations in the order of their beginning.
sub run ($self) {
    my $reactor = $self->{reactor};

    $reactor->on(error => sub ($, $error) { die $error });
    $reactor->recurring(0.1 => sub { $self->_overdue });

    for my $n (1 .. $self->{connections}) {
        my $c = { n => $n, port => $self->{ports}[$n % $self->{ports}->@*] };
        $self->{all}[$n - 1] = $c;
        $self->{living}++;
        $reactor->timer($self->_pause => sub { $self->_next_user($c) });
    }

    $reactor->start if $self->{living};
    return $self->{history};
}


sub _pause ($self) { return $self->{think} * (0.5 + rand) }


sub _next_user ($self, $c) {
    return $self->_leave($c) if time > $self->{stop};

    $c->{user} = Boxoffice::Crowd::User->new("user" . ++$self->{users},
        $self->{show}, $self->{labels});
    return $self->_begin($c, $c->{user}->first);
}


sub _keeps ($self, $c) { return $c->{n} > ($self->{close} // 0) }


sub _leave ($self, $c) {
    $self->_close($c);
    $self->{reactor}->stop if --$self->{living} == 0;
    return;
}


# One operation: { what, method, path, body, user, key, ... }.
sub _begin ($self, $c, $op) {
    my $body = $op->{body} ? encode_json($op->{body}) : '';

    $op->{bytes} = "$op->{method} $op->{path} HTTP/1.1\r\nHost: localhost\r\n"
        . "x-user-id: $op->{user}\r\n"
        . ($op->{key} ? "Idempotency-Key: $op->{key}\r\n" : '')
        . ($body ? "Content-Type: application/json\r\n" : '')
        . ($self->_keeps($c) ? '' : "Connection: close\r\n")
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    $op->{attempts} = [];
    $op->{close} = 1 if !$self->_keeps($c);
    push $self->{history}->@*, $op;
    $c->{op} = $op;
    return $self->_send($c);
}


sub _send ($self, $c) {
    $c->{fh} || $self->_open($c);
    $c->@{qw(in out head busy)} = ('', $c->{op}{bytes}, undef, 1);
    $c->{start} = time;
    return $self->_write($c);
}


sub _open ($self, $c) {
    socket my $fh, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
    $fh->blocking(0);
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    connect $fh, pack_sockaddr_in($c->{port}, inet_aton('127.0.0.1'));
    $c->{fh} = $fh;
    $self->{reactor}->io($fh => sub ($, $writable) {
        return $writable ? $self->_write($c) : $self->_read($c);
    });
    return;
}


sub _close ($self, $c) {
    my $fh = delete $c->{fh} or return;
    $self->{reactor}->remove($fh);
    close $fh;
    return;
}


sub _write ($self, $c) {
    if (length $c->{out}) {
        my $n = syswrite $c->{fh}, $c->{out};

        if (defined $n) {
            substr $c->{out}, 0, $n, '';
        } elsif ($! != EAGAIN && $! != EWOULDBLOCK && $! != ENOTCONN) {
            return $self->_lost($c, "write: $!");
        }
    }

    $self->{reactor}->watch($c->{fh}, 1, length $c->{out} > 0);
    return;
}


sub _read ($self, $c) {
    my $n = sysread $c->{fh}, $c->{in}, 65_536, length $c->{in};

    if (!defined $n) {
        return if $! == EAGAIN || $! == EWOULDBLOCK;
        return $self->_lost($c, "read: $!");
    }

    return $self->_lost($c, 'closed') if $n == 0;

    if (!$c->{head}) {
        my $end = index $c->{in}, "\r\n\r\n";
        return if $end < 0;
        my $head = substr $c->{in}, 0, $end + 4, '';
        my ($code) = $head =~ m{\AHTTP/1\.1 (\d{3})}
            or return $self->_lost($c, "not HTTP: $head");
        my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
        my ($retry)  = $head =~ /^retry-after:\s*(\d+)/mi;
        $c->{head} = { code => $code, length => $length // 0, retry => $retry,
            close => scalar($head =~ /^connection:\s*close/mi) };
    }

    return if length $c->{in} < $c->{head}{length};
    return $self->_answered($c, $c->{head}->@{qw(code retry)});
}


# A connection that was closed while nothing was under way was only idle.
sub _lost ($self, $c, $error) {
    my $busy = $c->{busy};

    $self->_close($c);
    return if !$busy;

    # a kept connection may be closed just when the next request leaves
    $error = 'idle' if $error ne 'timeout' && !length $c->{in} && $c->{used};

    $c->{in} = '';
    $c->{head} = undef;
    return $self->_answered($c, 0, undef, $error);
}


sub _answered ($self, $c, $code, $retry, $error = undef) {
    my $op   = $c->{op};
    my $body = substr $c->{in}, 0, $c->{head} ? $c->{head}{length} : 0;

    $error //= $1 if $code >= 400 && $body =~ /"code":"(\w+)"/;
    push $op->{attempts}->@*, [$c->{start}, time, $code, $error, $retry];
    $self->_close($c) if $c->{head} && $c->{head}{close};
    $c->{busy} = 0;
    $c->{used} = $c->{fh} ? 1 : 0;

    # impatient: with Retry-After nobody would see how soon it was well again
    if ($code == 0 || $code == 503 || $code == 429
        || ($error // '') eq 'request_in_progress')
    {
        return $self->_leave($c) if time > $self->{give_up};
        $self->{reactor}->timer(0.05 + rand 0.1, sub { $self->_send($c) });
        return;
    }

    $op->@{qw(code error answer)} = ($code, $error, $body);
    delete $op->{bytes};

    my $next = $c->{user}->next($op);

    $self->{reactor}->timer($self->_pause, sub {
        return $self->_leave($c) if time > $self->{stop};
        return $next ? $self->_begin($c, $next) : $self->_next_user($c);
    });
    return;
}


# Looks for the end; and for requests that take more than any deadline of the
# server.
sub _overdue ($self) {
    my $limit = time - 8;

    if ($self->{stop} == 'inf' && -e $self->{stop_file}) {
        $self->{stop}    = time;
        $self->{give_up} = time + 10;
    }

    for my $c ($self->{all}->@*) {
        $self->_lost($c, 'timeout') if $c->{busy} && $c->{start} < $limit;
    }

    return;
}


1;
