package Boxoffice::Test::Client;

# Many HTTP requests at a time over kept connections, faster than a general
# client is: the point is load on the server, not on Perl.

use v5.36;

use Boxoffice::Test::Response ();
use Carp           qw(croak);
use Errno          qw(EAGAIN EINPROGRESS EWOULDBLOCK);
use IO::Socket::IP ();
use Mojo::Reactor;
use Socket         qw(IPPROTO_TCP TCP_NODELAY pack_sockaddr_in inet_aton
    SOCK_STREAM AF_INET);
use Time::HiRes    qw(time);


# run(concurrency => N, next => CODE, done => CODE, timeout => SECONDS)
#
# "next" gives [PORT, BYTES, TAG] for each further request, and nothing at the
# end; "done" is called with (RESPONSE, TAG).  A request that gets no answer
# has a response with code 0 and an error; it is not sent again.
sub run ($class, %o) {
    my $self = bless {
        next    => $o{next},
        done    => $o{done},
        timeout => $o{timeout} // 10,
        reactor => Mojo::Reactor->detect->new,
        busy    => {},
    }, $class;

    my $reactor = $self->{reactor};

    $reactor->on(error => sub ($, $error) { die $error });
    $reactor->recurring(0.25 => sub { $self->_overdue });

    for (1 .. $o{concurrency}) {
        $self->_next({}) or last;
    }

    $reactor->start if $self->{busy}->%*;
    return;
}


# Gives the connection its next request, or closes it.
sub _next ($self, $c) {
    my $request = $self->{next}->();

    if (!$request) {
        $self->_close($c);
        $self->{reactor}->stop if !$self->{busy}->%*;
        return 0;
    }

    my ($port, $bytes, $tag) = @$request;

    $self->_close($c) if $c->{fh} && $c->{port} != $port;
    $self->_open($c, $port) if !$c->{fh};

    $c->@{qw(tag out in head)} = ($tag, $bytes, '', undef);
    $c->{start} = time;
    $self->{busy}{$c} = $c;
    $self->_write($c);
    return 1;
}


sub _open ($self, $c, $port) {
    socket my $fh, AF_INET, SOCK_STREAM, 0 or croak "socket: $!";
    $fh->blocking(0);
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;

    # an error of connect shows at the first write
    connect $fh, pack_sockaddr_in($port, inet_aton('127.0.0.1'));
    $c->@{qw(fh port)} = ($fh, $port);

    $self->{reactor}->io($fh => sub ($, $writable) {
        return $writable ? $self->_write($c) : $self->_read($c);
    });
    return;
}


sub _close ($self, $c) {
    delete $self->{busy}{$c};
    my $fh = delete $c->{fh} or return;
    $self->{reactor}->remove($fh);
    close $fh;
    return;
}


sub _write ($self, $c) {
    return if !$c->{fh};

    if (length $c->{out}) {
        my $n = syswrite $c->{fh}, $c->{out};

        if (defined $n) {
            substr $c->{out}, 0, $n, '';

        } elsif ($! != EAGAIN && $! != EWOULDBLOCK && $!{ENOTCONN} == 0) {
            return $self->_fail($c, "write: $!");
        }
    }

    $self->{reactor}->watch($c->{fh}, 1, length $c->{out} > 0);
    return;
}


sub _read ($self, $c) {
    my $n = sysread $c->{fh}, $c->{in}, 65_536, length $c->{in};

    if (!defined $n) {
        return if $! == EAGAIN || $! == EWOULDBLOCK;
        return $self->_fail($c, "read: $!");
    }

    if ($n == 0) {
        return $self->_fail($c, 'connection closed without an answer')
            if !defined $c->{head} || !$c->{head}{to_end};
        return $self->_done($c, $c->{in}, 1);
    }

    $self->_head($c) or return if !defined $c->{head};
    return $self->_body($c);
}


# Takes the head of the answer off the input, once it is whole.
sub _head ($self, $c) {
    my $end = index $c->{in}, "\r\n\r\n";
    return 0 if $end < 0;

    my $head = substr $c->{in}, 0, $end + 4, '';
    my ($code) = $head =~ m{\AHTTP/1\.[01] (\d{3})};

    return $self->_fail($c, "not HTTP: $head") if !defined $code;
    my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
    my $chunked  = $head =~ /^transfer-encoding:\s*chunked/mi;

    $length = 0 if $code == 204 || $code == 304;
    $c->{head} = {
        code    => $code,
        text    => $head,
        length  => $length,
        chunked => $chunked,
        close   => scalar($head =~ /^connection:\s*close/mi),
        to_end  => !defined $length && !$chunked,
    };
    return 1;
}


sub _body ($self, $c) {
    my $head = $c->{head};

    if (defined $head->{length}) {
        return if length $c->{in} < $head->{length};
        return $self->_done($c, substr($c->{in}, 0, $head->{length}, ''),
            $head->{close});
    }

    if ($head->{chunked} && $c->{in} =~ /(?:\A|\r\n)0\r\n\r\n\z/) {
        my $body = '';

        while ($c->{in} =~ /\G([0-9a-fA-F]+)\r\n/gc) {
            my $n = hex $1 or last;
            $body .= substr $c->{in}, pos $c->{in}, $n;
            pos($c->{in}) += $n + 2;
        }

        return $self->_done($c, $body, $head->{close});
    }

    return;
}


sub _done ($self, $c, $body, $close) {
    my $response = Boxoffice::Test::Response->new(
        code => $c->{head}{code}, head => $c->{head}{text}, body => $body,
        seconds => time - $c->{start});

    $self->_close($c) if $close;
    delete $self->{busy}{$c};
    $self->{done}->($response, $c->{tag});
    $self->_next($c);
    return;
}


sub _fail ($self, $c, $error) {
    my $response = Boxoffice::Test::Response->new(
        code => 0, head => '', body => '', error => $error,
        seconds => time - $c->{start});

    $self->_close($c);
    $self->{done}->($response, $c->{tag});
    $self->_next($c);
    return 0;
}


sub _overdue ($self) {
    my $limit = time - $self->{timeout};

    for my $c (values $self->{busy}->%*) {
        $self->_fail($c, "no answer within $self->{timeout} s")
            if $c->{start} < $limit;
    }

    return;
}


1;
