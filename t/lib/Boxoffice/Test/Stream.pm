package Boxoffice::Test::Stream;

# A client that listens: GET /shows/{id}/events over a socket of its own, as
# server-sent events.
#
#     my $s = Boxoffice::Test::Stream->new($t, SHOW);
#     my $whole = $s->next;            # {event, id, data} or undef
#     $s->until(sub ($s) { $s->{state}[17] == 1 }, 1);
#
# What the texts say is followed: {state} has the state of each seat by its
# number, {version} the version, {revision} that of the layout.

use v5.36;

use Boxoffice::Test::Contract qw(note_answer);
use Carp           qw(croak);
use IO::Select     ();
use IO::Socket::IP ();
use Socket         ();
use Mojo::JSON     qw(decode_json);
use Time::HiRes    qw(time);


# Options: node, headers => {...}, query => '?since=1', method, http => '1.0',
# rcvbuf => bytes, path => of another stream, socket => one that is connected
# (as of TLS).
sub new ($class, $t, $show, %o) {
    my $self = bless { buffer => '', events => [], state => [] }, $class;

    $self->{socket} = $o{socket} // IO::Socket::IP->new(
        PeerHost => '127.0.0.1', PeerPort => $t->node($o{node} // 1)->port,
        ($o{rcvbuf} ? (Sockopts => [[SOL_SOCKET(), SO_RCVBUF(), $o{rcvbuf}]])
            : ())) or croak "connect: $@";

    my %headers = (Host => 'localhost', ($o{headers} // {})->%*);
    my $method  = $o{method} // 'GET';
    my $http    = $o{http}   // '1.1';
    my $query   = $o{query}  // '';
    my $path    = $o{path}   // "/api/v1/shows/$show/events";

    $self->{asked} = [$method, $path];
    $self->{socket}->print(join "\r\n", "$method $path$query HTTP/$http",
        (map { "$_: $headers{$_}" } sort keys %headers), '', '');
    $self->{socket}->flush;

    return $self;
}


sub SOL_SOCKET { return Socket::SOL_SOCKET() }
sub SO_RCVBUF  { return Socket::SO_RCVBUF() }

sub socket ($self) { return $self->{socket} }
sub close  ($self) { return CORE::close $self->{socket} }


# The head of the answer: (status, {header => value}).
sub head ($self, $seconds = 2) {
    $self->_read($seconds, sub { $self->{buffer} =~ /\r\n\r\n/ })
        or return (0, {});
    my ($head) = $self->{buffer} =~ /\A(.*?)\r\n\r\n/s;
    my ($status) = $head =~ m{\AHTTP/1\.1 (\d+)};

    note_answer($self->{asked}->@*, $status,
        $head =~ /^Content-Type: (\S+?);?\r?$/mi ? $1 : '', undef);

    return ($status, { map { /\A([^:]+): (.*)\z/ ? (lc $1, $2) : () }
        split /\r\n/, $head });
}


# The next event within so many seconds, or undef.
sub next ($self, $seconds = 2) {
    my $end = time + $seconds;

    while (1) {
        $self->_parse;
        return shift $self->{events}->@* if $self->{events}->@*;
        return if $self->{eof};
        my $left = $end - time;
        return if $left <= 0;
        $self->_fill($left);
    }
}


# Follows the stream until the code is true: that, or 0 when time is over.
sub until ($self, $code, $seconds = 2) {
    my $end = time + $seconds;

    while (1) {
        my $ok = $code->($self);
        return $ok if $ok;
        return 0 if time >= $end || !$self->next($end - time);
    }
}


# 1 when the server closes the stream within so many seconds.
sub ends ($self, $seconds = 2) {
    my $end = time + $seconds;

    while (!$self->{eof} && time < $end) {
        $self->_fill($end - time);
    }

    return $self->{eof} ? 1 : 0;
}


sub _read ($self, $seconds, $code) {
    my $end = time + $seconds;

    while (!$code->()) {
        return 0 if $self->{eof} || time >= $end;
        $self->_fill($end - time);
    }

    return 1;
}


sub _fill ($self, $seconds) {
    my $socket  = $self->{socket};
    my $pending = $socket->can('pending') && $socket->pending;

    return if !$pending
        && !IO::Select->new($socket)->can_read($seconds > 0 ? $seconds : 0);

    my $n = sysread $socket, $self->{buffer}, 65_536, length $self->{buffer};
    $self->{eof} = 1 if !$n;
    return;
}


sub _parse ($self) {
    if (!$self->{body}) {
        return if $self->{buffer} !~ s/\A.*?\r\n\r\n//s;
        $self->{body} = 1;
    }

    while ($self->{buffer} =~ s/\A(.*?)\n\n//s) {
        my %event;
        my $text = $1;

        $self->{retry} = $1, next if $text =~ /\Aretry: (\d+)\z/;
        $self->{heartbeats}++, next if $text eq ':';

        for my $line (split /\n/, $text) {
            my ($name, $value) = $line =~ /\A(\w+): (.*)\z/ or croak $line;
            $event{$name} = $value;
        }

        $self->{bytes} += length($text) + 2;
        $event{data} = decode_json($event{data});
        $self->follow($event{data});
        push $self->{events}->@*, \%event;
    }

    return;
}


# Brings state and version to what a text says.  Croaks when it does not
# follow what came before.
sub follow ($self, $data) {
    if (defined $data->{seats}) {
        $self->{state} = states($data->{seats});

    } else {
        croak "since $data->{since}, not " . ($self->{version} // 'any')
            if defined $self->{version} && $data->{since} != $self->{version};
        my $state = 0;

        for my $name (qw(available held booked)) {
            $self->{state}[$_] = $state for ($data->{$name} // [])->@*;
            $state++;
        }
    }

    $self->@{qw(version revision)} = $data->@{qw(version revision)};
    $self->{stale}   = $data->{stale} ? 1 : 0;
    return;
}


# The states in the text of a whole: an array, four for each character.
sub states ($text) {
    my @states;

    for my $code (map { ord } split //, $text) {
        my $value = $code - 35 - ($code > 92);

        for (1 .. 4) {
            push @states, $value % 3;
            $value = int $value / 3;
        }
    }

    return \@states;
}


1;
