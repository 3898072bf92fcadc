# The outbound client over the wire: every answer a server may give or not
# give, and what each of them is called.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Outbound qw(certificate try_module);
use Boxoffice::Test     ();
use Boxoffice::Test::Booking qw(metrics);
use Boxoffice::Test::Process ();
use Digest::SHA         qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use File::Temp          ();
use Time::HiRes         qw(sleep time);

my $dir = File::Temp->newdir('/tmp/bo-outbound-XXXXXXXX');
chmod 0755, $dir;

my ($cert, $key) = certificate($dir, 'localhost', '127.0.0.1', 'ok.test');
my ($other)      = certificate($dir, 'other');

my $peer = Boxoffice::Outbound->start(dir => $dir, name => 'plain');
my $tls  = Boxoffice::Outbound->start(dir => $dir, name => 'tls',
    cert => $cert, key => $key);
my $dns  = Boxoffice::Outbound->start(dir => $dir, name => 'dns',
    program => 'dns.pl');
my ($http, $https) = map { $_->port } $peer, $tls;

my $t = Boxoffice::Test->new(
    workers      => 1,
    main_extra   => 'load_module ' . try_module($dir) . ';',
    server_extra => 'location /try/ { try; }',
    http_extra   => <<~"END",
        resolver 127.0.0.1:@{[$dns->port]} ipv6=off;
        resolver_timeout 20s;

        try_peer plain http://127.0.0.1:$http/ timeout=1s;
        try_peer below http://127.0.0.1:$http/echo/ timeout=1s;
        try_peer narrow http://127.0.0.1:$http connections=2 queue=3;
        try_peer patient http://127.0.0.1:$http timeout=60s;
        try_peer bounce http://127.0.0.1:$http timeout=500ms connections=4;
        try_peer basic http://127.0.0.1:$http user=us password=pass;

        try_peer named http://ok.test:$http timeout=2s;
        try_peer none http://none.test:$http timeout=2s;
        try_peer hole http://hole.test:$http timeout=500ms;

        try_peer tls https://127.0.0.1:$https ca=$cert;
        try_peer tlsname https://ok.test:$https ca=$cert;
        try_peer wrongname https://away.test:$https ca=$cert;
        try_peer stranger https://127.0.0.1:$https ca=$other;
        try_peer system https://127.0.0.1:$https;
        try_peer blind https://127.0.0.1:$https verify=off;
        try_peer nottls https://127.0.0.1:$http verify=off timeout=1s;
        END
);

# What the handler of an operation was called with.
sub try_it ($name, %request) {
    my $r = $t->post("/try/$name", { method => 'POST', %request });

    return $r->json // { verdict => 'HTTP ' . $r->code };
}

sub verdict ($answer) {
    return join ' ', grep { length } $answer->@{qw(verdict status error)};
}

sub ends ($name, $path, $want, $what, %more) {
    is verdict(try_it($name, path => $path, body => 'x', %more)), $want, $what;
}

sub sent ($path) { return scalar grep { $_->{path} eq $path } $peer->requests }


subtest answers => sub {
    my $a = try_it('plain', path => '/echo', body => 'hello');

    is verdict($a), 'done 200', 'an answer';
    is $a->{body}, 'hello', 'with its body';

    $a = try_it('plain', path => '/status/503', want => 'x-twice');
    is verdict($a), 'done 503', 'an error of the server is an answer';
    is $a->{retryAfter}, 7, 'Retry-After is read';
    is $a->{header}, 'two', 'of two headers the last';

    ends('plain', '/moved', 'done 302', 'a redirect is not followed');
    is sent('/elsewhere'), 0, 'not at all';

    $a = try_it('plain', path => '/large/1000000', method => 'GET');
    is verdict($a), 'done 200', 'a body that is too large has its status';
    is [$a->@{qw(length truncated)}], [65_536, 1], 'and is cut off';
    is try_it('plain', path => '/endless', method => 'GET')->{truncated}, 1,
        'also one without an end';
    is try_it('plain', path => '/large/65536')->{truncated}, 0,
        'but not one that just fits';

    is try_it('below', path => '')->{body}, '', 'the path of the peer counts';
    is sent('/echo'), 2, 'and has no slash of its own';
};

subtest requests => sub {
    for my $method (qw(GET HEAD PUT DELETE PATCH)) {
        ends('plain', "/ok/$method", 'done 200', $method, method => $method);
        my ($r) = grep { $_->{path} eq "/ok/$method" } $peer->requests;
        is $r->{method}, $method, 'as such';
    }

    try_it('plain', path => '/ok/head?a=%20&b', body => '{}', headers => [
        { name => 'Content-Type', value => 'application/json' },
        { name => 'X-Empty', value => '' }]);
    my ($r) = grep { $_->{path} eq '/ok/head?a=%20&b' } $peer->requests;
    ok $r, 'a path with a query stays as it is';
    like $r->{head}, qr{^Content-Type: application/json\r?$}m, 'a header';
    like $r->{head}, qr{^X-Empty:\s*$}m, 'and an empty one';
    unlike $r->{head}, qr{Expect|User-Agent|urlencoded}, 'and no others';

    my $size = 3_000_000;
    my $a = try_it('plain', path => '/echo/3', body => 'abc',
        repeat => int $size / 3);
    is verdict($a), 'done 200', 'three megabytes';
    ($r) = grep { $_->{path} eq '/echo/3' } $peer->requests;
    is length $r->{body}, $size, 'have all arrived';

    ends('basic', '/ok/basic', 'done 200', 'with a password');
    ($r) = grep { $_->{path} eq '/ok/basic' } $peer->requests;
    like $r->{head}, qr{^Authorization: Basic dXM6cGFzcw==\r?$}m, 'in place';

    my $count = $peer->requests;

    for my $bad ({ path => "/a\r\nX: y" }, { path => '/a b' }, { path => 'a' },
        { path => '/', method => "GET /\r\n" },
        { path => '/', headers => [{ name => 'X', value => "a\r\nY: b" }] },
        { path => '/', headers => [{ name => "X: a\r\nY", value => 'b' }] })
    {
        is try_it('plain', %$bad)->{verdict}, 'refused', 'one line is one line';
    }

    is scalar($peer->requests), $count, 'none of them was sent';
};

subtest failures => sub {
    my $half = 'unknown 200 Transferred a partial file';

    ends('plain', '/half', $half, 'half an answer');
    ends('plain', '/garbage', 'unknown 0 Unsupported protocol',
        'an answer that is no HTTP');
    ends('plain', '/many', 'unknown 200 '
        . 'Failed writing received data to disk/application',
        'too many headers');
    ends('plain', '/ok', 'done 200', 'one that is good');

    for my $path ('/hang', '/halfhang', '/headers') {
        my $start = time;
        like verdict(try_it('plain', path => $path)),
            qr/\Aunknown 0 timed out\z/, "$path ends with the time";
        ok time - $start < 3, 'in time';
    }

    ends('plain', '/ok', 'done 200', 'and others are served');
    like verdict(try_it('plain', path => '/reset')), qr/\Aunknown 0 Fail/,
        'a reset';

    $peer->signal('STOP');
    ends('plain', '/ok', 'unknown 0 timed out', 'a server that is stopped');
    $peer->signal('CONT');
};

# libcurl would send a request again when a kept connection ends
subtest once => sub {
    for my $body ('', 'x') {
        for my $way ('close', 'reset') {
            ends('plain', '/ok', 'done 200', 'a connection is kept');
            my $a = try_it('plain', path => "/$way/once$body", body => $body);
            is $a->{verdict}, 'unknown', "and ends with the next: $way";
            is sent("/$way/once$body"), 1, 'which was sent once';
        }
    }

    ends('plain', '/ok', 'done 200', 'a connection is kept');
    is try_it('plain', path => '/close/get', method => 'GET')->{verdict},
        'unknown', 'a GET';
    ok sent('/close/get') > 1, 'may be sent again';

    my ($a, $b) = map { try_it('plain', path => '/ok/reuse', body => 'x') } 1, 2;
    my %ids = map { $_->{connection} => 1 }
        grep { $_->{path} eq '/ok/reuse' } $peer->requests;
    is scalar(keys %ids), 1, 'connections are used again';
};

subtest names => sub {
    ends('named', '/ok/named', 'done 200', 'a name');
    ends('none', '/ok', 'not sent 0 the name could not be resolved',
        'one that does not exist');

    my $start = time;
    ends('hole', '/ok', 'not sent 0 timed out while its name was resolved',
        'a name server that does not answer');
    ok time - $start < 3, 'in time';
    is try_it('hole', path => '/ok', cancel => 50)->{verdict}, 'cancelled',
        'nobody waits for it';
};

subtest TLS => sub {
    ends('tls', '/ok', 'done 200', 'a certificate for an address');
    ends('tlsname', '/ok', 'done 200', 'and for a name');
    ends('blind', '/ok', 'done 200', 'not looked at');

    my $why = 'SSL peer certificate or SSH remote key was not OK';

    my $count = $tls->requests;
    ends('wrongname', '/ok', "not sent 0 $why", 'for another name');
    ends('stranger', '/ok', "not sent 0 $why", 'of nobody we know');
    ends('system', '/ok', "not sent 0 $why", 'nor the system knows');
    ends('nottls', '/ok', 'not sent 0 timed out', 'no TLS at all');
    is scalar($tls->requests), $count, 'nothing was told to strangers';
};

subtest bounds => sub {
    my @answers = $t->run_many(8, [map { ['POST', '/try/narrow',
        { method => 'POST', path => '/slow/400', body => 'x' }] } 1 .. 8])->@*;
    my %n;

    $n{ $_->json->{verdict} }++ for @answers;
    is \%n, { done => 5, refused => 3 }, 'two at once, three wait, no more';

    my $a = try_it('narrow', path => '/slow/2000', timeout => 300);
    is verdict($a), 'unknown 0 timed out', 'a request has a time of its own';

    @answers = $t->run_many(3, [map { ['POST', '/try/narrow', { timeout => $_,
        method => 'POST', path => '/slow/4000', body => 'x' }] }
        1500, 1500, 500])->@*;
    is [sort map { verdict($_->json) } @answers],
        ['not sent 0 timed out in the queue', ('unknown 0 timed out') x 2],
        'and waiting is part of it';

    # less than a fifth of its time would be left
    @answers = $t->run_many(3, [map { ['POST', '/try/narrow', { timeout => $_,
        method => 'POST', path => '/slow/4700', body => 'x' }] }
        20_000, 20_000, 5000])->@*;
    is [sort map { verdict($_->json) } @answers],
        [('done 200') x 2, 'not sent 0 timed out in the queue'],
        'what would be cut off is not begun';
};

subtest breaker => sub {
    $peer->stop;

    for my $n (1 .. 5) {
        ends('bounce', '/ok', q(not sent 0 Couldn't connect to server),
            'nobody is there');
    }

    is try_it('bounce', path => '/ok')->{verdict}, 'refused', 'it is open';
    sleep 2.1;
    ends('bounce', '/ok', q(not sent 0 Couldn't connect to server),
        'after a while one may try');
    is try_it('bounce', path => '/ok')->{verdict}, 'refused', 'one';

    $peer->restart;
    ok Boxoffice::Test::Process::wait_until(sub {
        sleep 0.2;
        try_it('bounce', path => '/ok')->{verdict} eq 'done';
    }, 20), 'a server that is back is found';
    ends('bounce', '/status/500', 'done 500', 'an error is an answer')
        for 1 .. 8;
    ends('bounce', '/ok', 'done 200', 'and does not open it');
};

subtest metrics => sub {
    my $m = metrics($t);
    my $get = sub ($name, $more = '') {
        return $m->{"outbound_$name\{peer=\"bounce\"$more}"} };
    my %n = map { $_ => $get->('requests_total', qq(,verdict="$_")) }
        qw(done not_sent unknown);

    is $n{unknown}, 0, 'nothing in doubt';
    ok $n{not_sent} >= 8, 'what failed and what was refused';
    ok $n{done} >= 10, 'what was answered';
    is $get->('errors_total'), 8, 'answers that are errors';
    ok $get->('breaker_opened_total') >= 1, 'the breaker has opened';
    is $get->('breaker_open'), 0, 'and is closed';
    is [map { $get->($_) } qw(waiting inflight)], [0, 0], 'at rest';
    is $get->('seconds_bucket', ',le="+Inf"'), $get->('seconds_count'),
        'the histogram is whole';
    ok $get->('seconds_count') >= $n{done}, 'and has all that was begun';

    my $before = $n{done};
    $t->reload;
    is metrics($t)->{'outbound_requests_total{peer="bounce",verdict="done"}'},
        $before, 'a reload keeps them';

    my $hung = fork // die "fork: $!";

    if ($hung == 0) {
        try_it('patient', path => '/slow/3000', body => 'x');
        require POSIX;
        POSIX::_exit(0);
    }

    my $gauge = 'outbound_inflight{peer="patient"}';
    $t->wait_until(sub { metrics($t)->{$gauge} == 1 }, 3, 'one under way');
    $t->node->kill_worker;
    waitpid $hung, 0;
    is metrics($t)->{$gauge}, 0, 'a worker that was killed leaves none';
};

# The scheme as AWS documents it, computed here.
subtest SigV4 => sub {
    my %aws = (region => 'eu-central-1', service => 'sqs', access => 'AKID',
        secret => 'SeCrEt', token => '');
    my $body = '{"QueueUrl":"q","MessageBody":"hi"}';

    ends('plain', '/ok/aws', 'done 200', 'a signed request', aws => \%aws,
        body => $body, headers => [
            { name => 'Content-Type', value => 'application/x-amz-json-1.0' },
            { name => 'X-Amz-Target', value => 'AmazonSQS.SendMessage' }]);

    my ($r) = grep { $_->{path} eq '/ok/aws' } $peer->requests;
    my %h = map { /^([^:]+): *(.*?)\r?$/ ? (lc $1 => $2) : () }
        split /\n/, $r->{head};
    my ($scope, $signed, $signature) = $h{authorization} =~ m{\A
        AWS4-HMAC-SHA256\ Credential=AKID/(\S+),\ SignedHeaders=(\S+),
        \ Signature=(\w+)\z}x or return fail "form: $h{authorization}";
    my $day = substr $h{'x-amz-date'}, 0, 8;

    is [grep { !defined $h{$_} } split /;/, $signed], [],
        'what is signed was sent';
    is $scope, "$day/eu-central-1/sqs/aws4_request", 'its scope';
    like $signed, qr/x-amz-target/, 'the operation is signed';

    my $canonical = join "\n", 'POST', '/ok/aws', '',
        (map { "$_:$h{$_}" } split /;/, $signed), '', $signed,
        sha256_hex($body);
    my $k = 'AWS4SeCrEt';
    $k = hmac_sha256($_, $k) for split m{/}, $scope;

    is $signature, hmac_sha256_hex(join("\n", 'AWS4-HMAC-SHA256',
        $h{'x-amz-date'}, $scope, sha256_hex($canonical)), $k),
        'the signature';
};

# How many files a worker has open.
sub open_files () {
    my ($pid) = $t->node->worker_pids;
    my @files = glob "/proc/$pid/fd/*";

    return scalar @files;
}

subtest leaks => sub {
    my $round = sub () {
        $t->run_many(16, [map { ['POST', '/try/plain', { method => 'POST',
            body => 'x', path => (qw(/ok /ok /ok /close
                /ok /half /ok /ok /reset /last))[$_ % 10],
            $_ % 7 ? () : (cancel => 1) }] } 1 .. 300]);
        sleep 2.2;
        ends('plain', '/ok', 'done 200', 'a round');
        return open_files();
    };

    $round->();
    my $before = $round->();
    my $after  = $round->();
    # each way to end comes thirty times in a round; connections that are kept
    # for the next request are some more or less
    ok $after <= $before + 10, "open files: $before, then $after";
};

subtest ends => sub {
    my $run = sub ($path, $after) {
        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            sleep $after;
            $t->node->process->signal('HUP');
            require POSIX;
            POSIX::_exit(0);
        }

        my $answer = try_it('patient', path => $path, body => 'x');
        waitpid $pid, 0;
        return $answer;
    };

    is verdict($run->('/slow/1500', 0.3)), 'done 200',
        'a reload waits for what is under way';
    ends('patient', '/ok', 'done 200', 'and the next worker is there');
    is try_it('patient', path => '/hang', cancel => 100)->{verdict},
        'cancelled', 'nobody waits';

    my $start = time;
    ok $t->node->quit, 'quit';
    ok time - $start < 8, 'does not wait for that';
    $t->node->start;

    # somebody waits, for a minute, but "worker_shutdown_timeout" is 10 s
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        try_it('patient', path => '/hang', body => 'x');
        require POSIX;
        POSIX::_exit(0);
    }

    sleep 1;
    $start = time;
    ok $t->node->quit, 'quit with a client that waits';
    ok time - $start < 20, 'has an end';
    waitpid $pid, 0;
};

subtest configuration => sub {
    my $node = $t->node;
    my %wrong = (
        'ftp://127.0.0.1'             => qr/scheme that is used/,
        'http://'                     => qr/URL of a scheme|no host/,
        'http://user:pw@127.0.0.1'    => qr/ends with its path/,
        'http://127.0.0.1/?a'         => qr/ends with its path/,
        'http://127.0.0.1:0'          => qr/port/,
        'smtp://127.0.0.1/path'       => qr/mail has no path/,
        'http://unix:/tmp/x'          => qr/no host|invalid/,
        'http://no-such-name.invalid' => qr/not found.*no "resolver"/,
        'http://127.0.0.1 timeout=x'  => qr/bad parameter "timeout=x"/,
        'http://127.0.0.1 verify=off' => qr/bad parameter "verify=off"/,
        'http://127.0.0.1 connections=257' => qr/bad parameter "connections/,
        'https://127.0.0.1 ca=/nowhere'    => qr{from "/nowhere"},
        'smtp://127.0.0.1 starttls=off user=a password=b'
            => qr/needs "starttls=on"/,
    );

    for my $url (sort keys %wrong) {
        local $node->{http_extra} = "try_peer p $url;";
        my ($status, $output) = $node->check;
        isnt $status, 0, $url;
        like $output, $wrong{$url}, 'is told';
    }
};

$_->stop for $peer, $tls, $dns;
$t->done;
done_testing;
