# A name server that swallows every question, a provider that takes requests
# and never answers, and one whose machine stands still: who asks the same
# worker for something else does not notice.
#
# Quiet and disturbed stretches take turns, and it is the difference within a
# pair that counts: on a busy machine the times themselves say little.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Outbound      qw(try_module);
use Boxoffice::Test          qw(SHOW);
use Boxoffice::Test::Booking qw(metrics);
use File::Temp               ();
use IO::Socket::INET         ();
use Mojo::JSON               qw(encode_json);
use POSIX                    ();
use Time::HiRes              qw(sleep time);

use constant {
    PAIRS   => 9,
    SAMPLES => 400,         # of a stretch
    LIMIT   => 0.010,       # seconds, of p99 beyond the usual p99
};

my $dir = File::Temp->newdir('/tmp/bo-outbound-XXXXXXXX');
chmod 0755, $dir;

my $hole = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "socket: $!";
my ($hang, $still) = map {
    Boxoffice::Outbound->start(dir => $dir, name => $_) } qw(hang still);

my %url = (
    hole  => 'http://provider.test',
    hang  => 'http://127.0.0.1:' . $hang->port,
    still => 'http://127.0.0.1:' . $still->port,
);

# several of each: every one has a breaker, which would spare us the trouble
my @names = map { my $n = $_; map { "$_$n" } sort keys %url } 1 .. 6;
my $peers = join "\n", map {
    "try_peer $_ $url{ s/\d//r } timeout=1s connections=64;" } @names;

my $t = Boxoffice::Test->new(
    workers      => 1,
    main_extra   => 'load_module ' . try_module($dir) . ';',
    server_extra => 'location /try/ { try; }',
    http_extra   => <<~"END",
        resolver 127.0.0.1:@{[$hole->sockport]} ipv6=off;
        resolver_timeout 30s;
        $peers
        END
);

my $path = '/api/v1/shows/' . SHOW . '/availability';
my $port = $t->node->port;

is $t->get($path)->code, 200, 'something else to ask for';
$still->signal('STOP');


# Asks the providers all the time, and waits for nobody.
my $asker = fork // die "fork: $!";

if ($asker == 0) {
    my @open;
    my $body = encode_json({ method => 'POST', path => '/hang', body => 'x' });

    while (1) {
        for my $peer (@names) {
            my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                PeerPort => $port) or next;
            print {$s} "POST /try/$peer HTTP/1.1\r\nHost: a\r\n"
                . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
            $s->flush;
            push @open, $s;
        }

        shift @open while @open > 300;
        sleep 0.1;
    }
}


sub answer ($s) {
    my $in = '';

    while (1) {
        sysread $s, $in, 65_536, length $in or die 'no answer';
        next if $in !~ /\r\n\r\n/;
        my $have = length($in) - $+[0];
        my ($status, $length) = $in =~
            /\AHTTP\/1\.1 (\d+).*^Content-Length: (\d+)/ms;
        die $in if $status != 200;
        return if $have >= $length;
    }
}


# The times of as many requests, one after the other.
sub stretch () {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "connect: $!";
    my @times;

    for (1 .. SAMPLES) {
        my $start = time;

        syswrite $s, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n";
        answer($s);
        push @times, time - $start;
        sleep 0.001;
    }

    return @times;
}

sub quantile ($q, @times) { return (sort { $a <=> $b } @times)[$q * $#times] }
sub ms ($seconds) { return sprintf '%.2f ms', 1000 * $seconds }


my (@differences, @quiet, @disturbed);

for my $pair (1 .. PAIRS) {
    kill 'STOP', $asker;
    $t->wait_until(sub {
        my $m = metrics($t);
        !grep { /^outbound_(?:inflight|waiting)/ && $m->{$_} } keys %$m;
    }, 20, 'nothing is under way') if $pair > 1;
    my @before = stretch();

    kill 'CONT', $asker;
    sleep 1.2;
    my $m = metrics($t);
    my @idle = grep { !$m->{"outbound_inflight{peer=\"$_\"}"}
        && !$m->{"outbound_breaker_open{peer=\"$_\"}"} } @names;
    is \@idle, [], 'all of them keep us waiting';
    my @during = stretch();

    push @differences, quantile(0.99, @during) - quantile(0.99, @before);
    push @quiet, @before;
    push @disturbed, @during;
}

kill 'KILL', $asker;
waitpid $asker, 0;

note 'p99: ' . join ', ', 'quiet ' . ms(quantile(0.99, @quiet)),
    'disturbed ' . ms(quantile(0.99, @disturbed)),
    'difference of a pair, median ' . ms(quantile(0.5, @differences))
    . ', all ' . join ' ', map { ms($_) } sort { $a <=> $b } @differences;
note 'longest: quiet ' . ms(quantile(1, @quiet)) . ', disturbed '
    . ms(quantile(1, @disturbed));

ok quantile(0.5, @differences) < LIMIT,
    'p99 is within 10 ms of what it usually is';

my $m = metrics($t);

for my $peer (@names) {
    my $verdict = $peer =~ /hole/ ? 'not_sent' : 'unknown';
    my $n = $m->{"outbound_requests_total{peer=\"$peer\",verdict=\"$verdict\"}"};
    ok $n >= 5, "$peer: $n times $verdict";
}

$still->signal('CONT');
$_->stop for $hang, $still;
$t->done;
done_testing;
