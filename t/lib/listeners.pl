#!/usr/bin/perl
#
# listeners.pl PORT SHOW COUNT [tls | h2]: so many clients of GET
# /shows/SHOW/events in one process, over HTTP/1, with TLS, or over HTTP/2 with
# a connection each (these only listen, and follow nothing).  Says "open N" when they are, and for each line "until VERSION" on its
# input "at TIME N STATES": when the last one had that version, how many have it,
# and how many different pictures of the hall they have.  Ends with its input.

use v5.36;

use EV;
use File::Basename qw(dirname);
use IO::Socket::IP ();
use IO::Socket::SSL ();
use Mojo::JSON     qw(decode_json);
use Time::HiRes    qw(time);
use lib dirname(__FILE__);
use Boxoffice::Test::Stream ();

my ($port, $show, $count, $how) = (@ARGV, '');
my ($opened, $wanted, $reached, $last) = (0, undef, 0, 0);
my @clients;

$| = 1;

# All hear nearly the same: what a message does to a picture is worked out once
# for each picture and message.
my (%picture, %after);

sub apply ($before, $text) {
    return $after{$before}{$text} //= do {
        my $data = decode_json($text);
        my $map  = defined $data->{seats}
            ? join '', Boxoffice::Test::Stream::states($data->{seats})->@*
            : $before;
        my $state = 0;

        for my $name (qw(available held booked)) {
            substr $map, $_, 1, $state
                for ref $data->{$name} ? $data->{$name}->@* : ();
            $state++;
        }

        $picture{$map} //= $map;
    };
}


sub heard ($c) {
    while ($c->{buffer} =~ s/\A(.*?)\n\n//s) {
        my ($id, $text) = $1 =~ /^id: (\d+)\nevent: \w+\ndata: (.*)\z/m or next;

        $c->{map}     = apply($c->{map} // '', $text);
        $opened++ if !defined $c->{version};
        $c->{version} = $id;

        if (defined $wanted && !$c->{there} && $id >= $wanted) {
            $c->{there} = 1;
            $reached++;
            $last = time;
        }
    }

    return;
}


sub answer () {
    my %states = map { ($_->{map} // '') => 1 } @clients;

    printf "at %.6f %d %d\n", $last, $reached, scalar keys %states;
    undef $wanted;
    return;
}


sub connect_one () {
    my @peer   = (PeerHost => '127.0.0.1', PeerPort => $port);
    my $socket = ($how eq 'tls' ? IO::Socket::SSL->new(@peer,
        SSL_verify_mode => 0) : IO::Socket::IP->new(@peer))
        or die "connect: $@ ($!)\n";
    my $c = { socket => $socket, buffer => '' };

    $socket->syswrite($how eq 'h2' ? h2_request()
        : "GET /api/v1/shows/$show/events HTTP/1.1\r\n"
        . "Host: localhost\r\n\r\n");
    $socket->blocking(0);
    $c->{io} = EV::io(fileno $socket, EV::READ, sub {
        my $n = sysread $socket, $c->{buffer}, 16_384, length $c->{buffer};

        if (!$n) {
            return if !defined $n && ($!{EAGAIN} || $!{EWOULDBLOCK});
            die "a stream was closed\n";
        }

        if ($how eq 'h2') {
            $opened++ if !$c->{body} && $c->{buffer} =~ /^data: /m;
            $c->{body} ||= $c->{buffer} =~ /^data: /m;
            return;
        }

        $c->{buffer} =~ s/\A.*?\r\n\r\n//s and $c->{body} = 1 if !$c->{body};
        heard($c) if $c->{body};
        answer() if defined $wanted && $reached == @clients;
    });
    push @clients, $c;
    return;
}


# The preface, empty SETTINGS, and HEADERS that end stream 1: indexed :method GET
# and :scheme http, literal :path and :authority.
sub h2_request () {
    my $path = "/api/v1/shows/$show/events";
    my $head = "\x82\x86\x04" . chr(length $path) . $path . "\x01\x09localhost";

    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . pack('x3 C C N', 4, 0, 0)
        . substr(pack('N', length $head), 1) . pack('C C N', 1, 5, 1) . $head;
}


my $stdin = EV::io(0, EV::READ, sub {
    my $line = <STDIN> // exit 0;

    ($wanted) = $line =~ /^until (\d+)$/ or die "what? $line";
    ($reached, $last) = (0, time);

    for my $c (@clients) {
        $c->{there} = ($c->{version} // 0) >= $wanted ? 1 : 0;
        $reached += $c->{there};
    }

    answer() if $reached == @clients;
});

# as fast as they are answered, but no burst of thousands
my $more;
$more = EV::timer(0, 0.001, sub {
    connect_one() while @clients < $count && @clients - $opened < 64;
    return if $opened < $count;
    say "open $opened";
    undef $more;
});

EV::run;
