# Streams over TLS and over HTTP/2, by curl: there the request stays, or the
# connection has more of its own.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW LARGE_SHOW);
use Boxoffice::Test::Booking qw(hold metrics);
use Boxoffice::Test::Process ();
use IPC::Open2  qw(open2);
use Time::HiRes qw(sleep time);

my $dir  = File::Temp->newdir;
my $tls  = Boxoffice::Test::Process::free_port();
my $h2c  = Boxoffice::Test::Process::free_port();

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    . " -days 2 -subj /CN=localhost -keyout $dir/key -out $dir/cert"
    . " 2>$dir/log") == 0 or die 'openssl';

my $t = Boxoffice::Test->new(workers => 1, conf => {
    stream_heartbeat => '1s', stream_drain => '500ms' },
    server_extra => "listen 127.0.0.1:$tls ssl http2;"
        . "listen 127.0.0.1:$h2c http2;"
        . "ssl_certificate $dir/cert; ssl_certificate_key $dir/key;");

my %way = (
    'TLS'             => ["https://127.0.0.1:$tls", '--http1.1', '-k'],
    'HTTP/2'          => ["http://127.0.0.1:$h2c", '--http2-prior-knowledge'],
    'HTTP/2 over TLS' => ["https://127.0.0.1:$tls", '--http2', '-k'],
);


# A curl that listens: {pid, file}.
sub curl ($name, $show, @more) {
    state $n = 0;
    my ($url, @options) = $way{$name}->@*;
    my $file = "$dir/out" . ++$n;
    my $pid  = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', $file or die "$file: $!";
        exec 'curl', '-sSN', '--max-time', 60, @options, @more,
            "$url/api/v1/shows/$show/events" or die "curl: $!";
    }

    return { pid => $pid, file => $file };
}


sub heard ($c) {
    open my $fh, '<', $c->{file} or return '';
    local $/ = undef;
    return <$fh> // '';
}


sub ended ($c) { return waitpid($c->{pid}, 1) == $c->{pid} }


sub stop ($c) {
    kill TERM => $c->{pid};
    waitpid $c->{pid}, 0;
    return;
}


for my $name (sort keys %way) {
    subtest $name => sub {
        my $c = curl($name, SHOW);
        $t->wait_until(sub { heard($c) =~ /^event: availability$/m }, 3,
            'everything');

        my $start = time;
        my $hold = hold($t, "ann-$name" =~ s/\W//gr, SHOW, [qw(A1 A2)]);
        $t->wait_until(sub { heard($c) =~ /"held":\[0,1\]/ }, 1, 'a hold');
        ok time - $start < 0.2, 'within 200 ms' or diag time - $start;
        $t->wait_until(sub { heard($c) =~ /^:$/m }, 3, 'a heartbeat');

        $t->del("/api/v1/holds/$hold->{holdId}",
            user => "ann-$name" =~ s/\W//gr);
        $t->wait_until(sub { heard($c) =~ /"available":\[0,1\]/ }, 1,
            'a release');

        my @many = map { curl($name, SHOW) } 1 .. 10;
        $t->wait_until(sub { metrics($t)->{streams} == 11 }, 5, 'ten more');
        stop($_) for $c, @many;
        $t->wait_until(sub { metrics($t)->{streams} == 0 }, 3, 'all gone');
    };
}


# What a request is sent must not stay with it.
subtest 'many messages to one request' => sub {
    my $c = curl('HTTP/2', LARGE_SHOW);
    $t->wait_until(sub { heard($c) =~ /^event: availability$/m }, 3, 'begun');
    my $rss;

    for my $n (1 .. 60) {
        $rss = $t->worker_rss if $n == 10;
        hold($t, 'bob', LARGE_SHOW, [$n % 2 ? 'C1' : 'C2']);
        sleep 0.05;
    }

    my $messages = () = heard($c) =~ /^event: delta$/mg;
    cmp_ok $messages, '>=', 40, 'each on its own';
    cmp_ok $t->worker_rss - $rss, '<', 200, 'memory stays (KB)'
        if ($ENV{BOXOFFICE_MODULE} // '') !~ m{/asan/};
    stop($c);
};


# What a stream costs a worker where the request stays, or OpenSSL has its own.
subtest 'memory' => sub {
    my %port = (tls => $tls, h2 => $h2c);

    for my $how (sort keys %port) {
        # new workers: no memory that others have left
        $t->reload;
        $t->get('/api/v1/shows/' . SHOW . '/availability') for 1 .. 20;
        my $count  = 300;
        my $before = $t->worker_rss;
        my $pid = open2(my $out, my $in, $^X, 't/lib/listeners.pl',
            $port{$how}, SHOW, $count, $how);

        is readline $out, "open $count\n", "$how: connected";
        my $each = ($t->worker_rss - $before) / $count;
        diag sprintf '%s: %.1f KiB of worker memory for each stream', $how,
            $each;
        cmp_ok $each, '<', 100, 'within reason'
            if ($ENV{BOXOFFICE_MODULE} // '') !~ m{/asan/};

        close $in;
        waitpid $pid, 0;
        $t->wait_until(sub { metrics($t)->{streams} == 0 }, 5, 'gone');
    }
};


subtest 'a reload' => sub {
    my @c = map { curl($_, SHOW) } sort keys %way;
    $t->wait_until(sub { metrics($t)->{streams} == 3 }, 3, 'open');
    $t->reload;
    $t->wait_until(sub { !grep { !($_->{ended} ||= ended($_)) } @c }, 8,
        'all are sent away');
};


$t->done;
done_testing;
