#!/usr/bin/perl
#
# dns.pl PORT: a name server that knows "ok.test" and "away.test" (127.0.0.1),
# knows that there is no "none.test", and never answers for "hole.test".

use v5.36;

use IO::Socket::INET;

my $socket = IO::Socket::INET->new(Proto => 'udp',
    LocalAddr => '127.0.0.1', LocalPort => $ARGV[0]) or die "bind: $!";

# who starts us waits for a port of TCP
my $tcp = IO::Socket::INET->new(Listen => 5,
    LocalAddr => '127.0.0.1', LocalPort => $ARGV[0]) or die "listen: $!";

while (defined $socket->recv(my $query, 512)) {
    my $rest = substr $query, 12;
    my @labels;

    while ((my $n = ord $rest) > 0) {
        push @labels, substr $rest, 1, $n;
        substr $rest, 0, $n + 1, '';
    }

    my $name     = lc join '.', @labels;
    my $question = substr $query, 12, length(join '.', @labels) + 6;

    next if $name eq 'hole.test';

    my $known  = $name =~ /\A(?:ok|away)\.test\z/;
    my $answer = $known
        ? pack('n n n N n C4', 0xc00c, 1, 1, 1, 4, 127, 0, 0, 1) : '';

    $socket->send(substr($query, 0, 2)
        . pack('n5', $known ? 0x8180 : 0x8183, 1, $known ? 1 : 0, 0, 0)
        . $question . $answer);
}
