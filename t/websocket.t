# GET /shows/{id}/events as a WebSocket: the handshake, the texts, and what
# RFC 6455 says of frames.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW LARGE_SHOW STADIUM_SHOW uuid);
use Boxoffice::Test::Booking qw(hold metrics);
use Boxoffice::Test::Stream ();
use Boxoffice::Test::Process ();
use File::Temp      ();
use IO::Select      ();
use IO::Socket::IP  ();
use IO::Socket::SSL ();
use Mojo::JSON      qw(decode_json);
use Socket          qw(MSG_PEEK SOL_SOCKET SO_RCVBUF);
use Time::HiRes     qw(sleep time);

my $dir   = File::Temp->newdir;
my $tls   = Boxoffice::Test::Process::free_port();
my $small = Boxoffice::Test::Process::free_port();

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    . " -days 2 -subj /CN=localhost -keyout $dir/key -out $dir/cert"
    . " 2>$dir/log") == 0 or die 'openssl';

my $t = Boxoffice::Test->new(workers => 2, conf => { stream_heartbeat => '1s',
    stream_drain => '500ms' },
    server_extra => "listen 127.0.0.1:$tls ssl;"
        . "listen 127.0.0.1:$small sndbuf=4k;"
        . "ssl_certificate $dir/cert; ssl_certificate_key $dir/key;");

my %shake = (Host => 'localhost', Connection => 'Upgrade',
    Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13,
    'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==');

use constant { CONTINUE => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9,
    PONG => 10 };


# A connection after its handshake: {socket, buffer}.
sub connect_to ($show = SHOW, %o) {
    my $ws = shake($show, %o);
    $ws->{status} == 101 or die "handshake: $ws->{status}";
    return $ws;
}


# Headers that are undef are left out; an array is a header more than once.
sub shake ($show, %o) {
    my %headers = (%shake, ($o{headers} // {})->%*);
    my $socket = ($o{tls} ? 'IO::Socket::SSL' : 'IO::Socket::IP')->new(
        PeerHost => '127.0.0.1', PeerPort => $o{port} // $t->node->port,
        ($o{tls} ? (SSL_verify_mode => 0) : ()),
        ($o{rcvbuf} ? (Sockopts => [[SOL_SOCKET, SO_RCVBUF, $o{rcvbuf}]]) : ()))
        or die "connect: $@";
    my $http   = $o{http}   // '1.1';
    my $method = $o{method} // 'GET';
    my $query  = $o{query}  // '';

    $socket->print(join "\r\n",
        "$method /api/v1/shows/$show/events$query HTTP/$http",
        (map { my $name = $_; map { "$name: $_" } grep { defined }
            ref $headers{$name} ? $headers{$name}->@* : $headers{$name} }
            sort keys %headers), '', '');

    my $ws = { socket => $socket, buffer => '' };
    fill($ws, 2) while $ws->{buffer} !~ /\r\n\r\n/ && !$ws->{eof};
    $ws->{buffer} =~ s/\A(.*?)\r\n\r\n//s;
    $ws->{head} = $1 // '';
    ($ws->{status}) = $ws->{head} =~ m{\AHTTP/1\.1 (\d+)};
    $ws->{status} //= 0;
    return $ws;
}


sub fill ($ws, $seconds) {
    my $socket = $ws->{socket};
    return if !($socket->can('pending') && $socket->pending)
        && !IO::Select->new($socket)->can_read($seconds);
    my $n = $socket->sysread($ws->{buffer}, 65_536, length $ws->{buffer});
    $ws->{eof} = 1 if !$n;
    return;
}


# Options: fin, mask (undef: none), rsv, length => as it is told.
sub frame ($opcode, $payload = '', %o) {
    my $length = $o{length} // length $payload;
    my $mask   = exists $o{mask} ? $o{mask} : "\x01\x02\x03\x04";
    my $head   = chr(($o{fin} // 1) << 7 | ($o{rsv} // 0) << 4 | $opcode);
    my $bit    = defined $mask ? 0x80 : 0;

    $head .= $length <= 125 ? chr($bit | $length)
        : $length <= 0xffff ? chr($bit | 126) . pack('n', $length)
        : chr($bit | 127) . pack('Q>', $length);
    return $head . $payload if !defined $mask;

    my @key = unpack 'C4', $mask;
    my $i = 0;
    return $head . $mask
        . join '', map { chr(ord($_) ^ $key[$i++ % 4]) } split //, $payload;
}


sub say_to ($ws, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    return $ws->{socket}->syswrite($bytes);
}


# The next frame that is none of opcodes: [opcode, payload], or undef.
sub frame_of ($ws, $seconds = 2, %skip) {
    my $end = time + $seconds;

    while (1) {
        while (length $ws->{buffer} >= 2) {
            my ($first, $length) = unpack 'CC', $ws->{buffer};
            my $at = 2;
            die 'masked' if $length & 0x80;

            if ($length == 126) {
                last if length $ws->{buffer} < 4;
                $length = unpack 'x2n', $ws->{buffer};
                $at = 4;
            }

            last if length $ws->{buffer} < $at + $length;
            my $payload = substr $ws->{buffer}, $at, $length;
            $ws->{heard} += $length;
            substr $ws->{buffer}, 0, $at + $length, '';
            return [$first & 15, $payload] if !$skip{ $first & 15 };
        }

        my $left = $end - time;
        return if $ws->{eof} || $left <= 0;
        fill($ws, $left);
    }
}


sub text_of ($ws, $seconds = 2) {
    my $f = frame_of($ws, $seconds, PING, 1, PONG, 1) // return;
    return $f->[0] == TEXT ? decode_json($f->[1]) : $f;
}


# The code that the server closes with, 'lost' without one, '' if it does not.
sub closed ($ws, $seconds = 2) {
    my $f = frame_of($ws, $seconds, TEXT, 1, PING, 1, PONG, 1);
    return $f ? unpack 'n', $f->[1] : $ws->{eof} ? 'lost' : '';
}


subtest 'the handshake' => sub {
    my $ws = connect_to();
    like $ws->{head}, qr{\AHTTP/1\.1 101 Switching Protocols\r\n}, 'switched';
    like $ws->{head}, qr/^Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r?$/m,
        'the key of RFC 6455, 1.3, is answered as there';
    like $ws->{head}, qr/^Connection: upgrade\r?$/mi, 'Connection';
    like $ws->{head}, qr/^Upgrade: websocket\r?$/mi, 'Upgrade';
    unlike $ws->{head}, qr/^(?:Transfer-Encoding|Content-Length)/m, 'no body';

    my %refused = (
        'no key'        => [400, 'Sec-WebSocket-Key' => undef],
        'a short key'   => [400, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBs'],
        'no base64'     => [400, 'Sec-WebSocket-Key' => '*' x 24],
        'another size'  => [400, 'Sec-WebSocket-Key' =>
            'dGhlIHNhbXBsZSBub25jZTEy'],
        'two keys'      => [400, 'Sec-WebSocket-Key' =>
            [('dGhlIHNhbXBsZSBub25jZQ==') x 2]],
        'no version'    => [426, 'Sec-WebSocket-Version' => undef],
        'version 8'     => [426, 'Sec-WebSocket-Version' => 8],
        'no Connection' => [400, Connection => 'keep-alive'],
        'a page of elsewhere' => [403, Origin => 'http://evil.test'],
        'an opaque page' => [403, Origin => 'null'],
    );

    for my $name (sort keys %refused) {
        my ($status, %headers) = $refused{$name}->@*;
        my $no = shake(SHOW, headers => \%headers);
        is $no->{status}, $status, $name;
        like $no->{head}, qr/^Sec-WebSocket-Version: 13\r?$/m, 'which it is'
            if $status == 426;
    }

    is shake(SHOW, method => 'HEAD')->{status}, 405, 'HEAD';
    is shake(uuid())->{status}, 404, 'no such show';
    is shake(SHOW, headers => { Origin => 'http://localhost' })->{status},
        101, 'a page of ours';
    is shake(SHOW, headers => { Connection => 'keep-alive, Upgrade',
        Upgrade => 'WebSocket' })->{status}, 101, 'among other words';
    is shake(SHOW, headers => { Upgrade => 'h2c' })->{status}, 200,
        'another protocol: events';
    is shake(SHOW, http => '1.0')->{status}, 200, 'HTTP/1.0: events';
};


subtest 'what is told' => sub {
    my $ws = connect_to(LARGE_SHOW);
    my $whole = text_of($ws);
    is [sort keys %$whole], [qw(available revision seats stale version)],
        'first everything';

    my $start = time;
    hold($t, 'ann', LARGE_SHOW, [qw(C1 C2)]);
    my $delta = text_of($ws, 10);
    my @took  = time - $start;
    is scalar($delta->{held}->@*), 2, 'its seats';
    is $delta->{since}, $whole->{version}, 'after that';

    my $again = connect_to(LARGE_SHOW, query => "?since=$whole->{version}");
    is text_of($again), $delta, 'the same for who comes back';

    # a machine that is busy may be late now and then, not always
    for my $seat (map { "D$_" } 1 .. 9) {
        last if $took[-1] < 0.2;
        $start = time;
        hold($t, "a$seat", LARGE_SHOW, [$seat]);
        text_of($ws, 10);
        push @took, time - $start;
    }

    ok $took[-1] < 0.2, 'a hold within 200 ms' or diag "@took";
};


subtest 'ping and pong' => sub {
    my $ws = connect_to();
    text_of($ws);

    say_to($ws, frame(PING, 'hello'));
    is frame_of($ws, 1, PING, 1), [PONG, 'hello'], 'a pong';
    say_to($ws, frame(PING));
    is frame_of($ws, 1, PING, 1), [PONG, ''], 'of nothing';
    say_to($ws, frame(PING, 'x' x 125));
    is frame_of($ws, 1, PING, 1), [PONG, 'x' x 125], 'of all there may be';

    my $bytes = frame(PING, 'slow');
    for my $byte (split //, $bytes) {
        say_to($ws, $byte);
        sleep 0.01;
    }
    is frame_of($ws, 1, PING, 1), [PONG, 'slow'], 'byte by byte';

    say_to($ws, frame(TEXT, 'hi') . frame(PING, 'a') . frame(PONG, 'b')
        . substr frame(PING, 'cut'), 0, 5);
    is frame_of($ws, 1, PING, 1), [PONG, 'a'], 'many at once';
    say_to($ws, substr frame(PING, 'cut'), 5);
    is frame_of($ws, 1, PING, 1), [PONG, 'cut'], 'and the rest';

    is frame_of($ws, 3, PONG, 1), [PING, ''], 'the server pings';
    say_to($ws, frame(PONG));
    is frame_of($ws, 3, PONG, 1), [PING, ''], 'again';
    ok !$ws->{eof}, 'whoever answers stays';

    my $mute = connect_to();
    is closed($mute, 4), 'lost', 'whoever does not goes';
};


subtest 'what clients may say' => sub {
    my $ws = connect_to();
    text_of($ws);
    say_to($ws, frame(TEXT, 'hi') . frame(BINARY, "\0" x 1024)
        . frame(TEXT, 'a', fin => 0) . frame(PING, 'between')
        . frame(CONTINUE, 'b', fin => 0) . frame(CONTINUE, 'c'));
    is frame_of($ws, 1, PING, 1), [PONG, 'between'], 'whatever it is';
    hold($t, 'bob', SHOW, ['A1']);
    is text_of($ws)->{held}, [0], 'it goes on';

    my %refused = (
        'without a mask'          => [1002, frame(TEXT, 'x', mask => undef)],
        'a ping without a mask'   => [1002, frame(PING, '', mask => undef)],
        'a reserved bit'          => [1002, frame(TEXT, 'x', rsv => 4)],
        'an unknown frame'        => [1002, frame(3, 'x')],
        'an unknown control'      => [1002, frame(11, 'x')],
        'half a ping'             => [1002, frame(PING, 'x', fin => 0)],
        'a ping of 126 bytes'     => [1002, frame(PING, 'x' x 126)],
        'the rest of nothing'     => [1002, frame(CONTINUE, 'x')],
        'one inside another'      => [1002, frame(TEXT, 'x', fin => 0)
            . frame(TEXT, 'x')],
        'a length of 63 bits'     => [[1002, 1009], frame(BINARY, 'x' x 64,
            length => 2**40)],
        'too much'                => [1009, frame(TEXT, 'x' x 1025)],
    );

    for my $name (sort keys %refused) {
        my ($code, $bytes) = $refused{$name}->@*;
        my $bad = connect_to();
        say_to($bad, $bytes);
        my $got = closed($bad);
        ok scalar(grep { $got eq $_ } ref $code ? @$code : $code), $name
            or diag $got;
        fill($bad, 1) if !$bad->{eof};
        ok $bad->{eof}, 'and it is over';
    }
};


# Bytes that the server took of a client that sends before it reads.
sub pour ($ws, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;

    while ($at < length $bytes) {
        my $n = $ws->{socket}->syswrite($bytes, 16_384, $at) // last;
        $at += $n;
    }

    return $at;
}


# A close frame that is followed by a reset is lost.
subtest 'whoever goes on sending is told why' => sub {
    my $megabyte = frame(BINARY, 'x' x 1_048_576, mask => "\0\0\0\0");
    my $chatter  = frame(TEXT, 'x' x 1000, mask => "\0\0\0\0") x 1000;
    my %how = (
        'plain'    => {},
        'TLS'      => { tls => 1, port => $tls },
        'a client whose socket is full' => { port => $small, rcvbuf => 4096,
            show => STADIUM_SHOW },
    );

    for my $name (sort keys %how) {
        my %o = $how{$name}->%*;

        for my $case (['a large frame', 1009, $megabyte],
            ['many small ones', 1008, $chatter],
            ['a megabyte after half a ping', 1002, frame(PING, 'x', fin => 0)
                . $megabyte], ['a megabyte after a close', 1000,
                frame(CLOSE, pack 'n', 1000) . $megabyte])
        {
            my ($what, $code, $bytes) = @$case;
            my $ws = connect_to($o{show} // SHOW, %o);
            is pour($ws, $bytes), length $bytes, "$name, $what: all is taken";
            is closed($ws, 20), $code, 'the close frame is read';
            cmp_ok $ws->{heard}, '>', 10_000, 'after what was under way'
                if $o{rcvbuf};
            fill($ws, 20);
            ok $ws->{eof}, 'then the end';
        }
    }

    my $ws = connect_to();
    say_to($ws, frame(CLOSE));
    is closed($ws, 20), 1000, 'the server ends a connection';
    fill($ws, 20);
    my $start = time;
    1 while defined say_to($ws, frame(TEXT, 'more')) && time - $start < 30
        && sleep 0.05;
    ok time - $start < 20, 'also one whose client never stops';

    $t->wait_until(sub { metrics($t)->{streams} == 0 }, 20, 'all have gone');
};


# The first text to one of them is still under way when the other one is told.
subtest 'a slow reader hears that Redis is away' => sub {
    my $fast = Boxoffice::Test::Stream->new($t, STADIUM_SHOW);
    my $slow = Boxoffice::Test::Stream->new($t, STADIUM_SHOW,
        socket => IO::Socket::IP->new(PeerHost => '127.0.0.1',
            PeerPort => $small, Sockopts => [[SOL_SOCKET, SO_RCVBUF, 2304]]));

    $fast->next(5);
    ok !$fast->{stale}, 'Redis answers';
    $t->wait_until(sub { recv $slow->socket, my $bytes, 4096, MSG_PEEK;
        return $bytes =~ /"stale":false|event: availability/ }, 5,
        'the first text is under way');
    $t->kill_redis;
    ok $fast->until(sub { $fast->{stale} }, 20), 'whoever reads is told';
    sleep 1;
    ok $slow->until(sub { $slow->{stale} }, 20), 'and then it is told as well';
    $t->start_redis;
    ok $fast->until(sub { !$fast->{stale} }, 20), 'it is back';
    $_->close for $fast, $slow;
};


subtest 'farewells' => sub {
    my %answer = (
        ''                           => 1000,
        pack('n', 1000)              => 1000,
        pack('n', 1001) . 'bye'      => 1001,
        pack('n', 4000) . "\xc3\xa4" => 4000,
        "\x03"                       => 1002,
        pack('n', 999)               => 1002,
        pack('n', 1005)              => 1002,
        pack('n', 1006)              => 1002,
        pack('n', 5000)              => 1002,
        pack('n', 1000) . "\xff\xfe" => 1007,
        pack('n', 1000) . "\xc3"     => 1007,
    );

    for my $payload (sort keys %answer) {
        my $ws = connect_to();
        text_of($ws);
        say_to($ws, frame(CLOSE, $payload));
        is closed($ws), $answer{$payload}, 'answer to ' . unpack 'H*', $payload;
    }

    my $ws = connect_to();
    text_of($ws);
    $t->node->{process}->signal('HUP');
    is closed($ws, 8), 1001, 'the server goes away at a reload';
    $t->wait_until(sub { metrics($t)->{streams} == 0 }, 8, 'all have gone');
};


$t->check_invariants;
$t->done;
done_testing;
