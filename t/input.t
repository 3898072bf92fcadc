# What must be refused: ids, bodies, headers and requests that no honest client
# sends.  A refusal is a 4xx with a stable code; it says nothing of what was
# sent, reaches neither Redis nor PostgreSQL, and changes nothing.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(CUSTOMER hold metrics order raw);
use Mojo::JSON  qw(encode_json);
use Time::HiRes qw(time);

# No jobs: what the stores are asked is asked by requests.
my $t = Boxoffice::Test->new(
    workers        => 1,
    conf           => { jobs => 'off' },
    location_extra => 'client_max_body_size 64k;',
    server_extra   => 'client_body_timeout 60s;',
);

my $CANARY = 'c4n4ry';
my $JSON   = 'Content-Type: application/json';

my $hold  = hold($t, 'ann', SHOW, ['A1'])->{holdId};
my $order = order($t, 'bob', SHOW, ['A2'])->{orderId};

# the history of the two holds goes a moment later
$t->wait_until(sub {
    ($t->dbh->selectrow_array('select count(*) from boxoffice.holds'))[0] == 2
}, 3, 'the history is written');

my %before = stores();


# What the stores were asked to do, and what they have.
sub stores () {
    my $stats = $t->redis->info('commandstats');
    my %calls = map { $_ => $stats->{$_} =~ /calls=(\d+)/ ? $1 : 0 }
        grep { !/info|script|hello|select/ } keys %$stats;

    my $metrics = metrics($t);
    my %asked = map { $_ => $metrics->{$_} }
        grep { /^upstream_operations_total/ } keys %$metrics;

    return (calls => \%calls, rows => rows(), asked => \%asked);
}


sub rows () {
    return $t->dbh->selectrow_arrayref(q{select
        (select count(*) from orders), (select count(*) from seat_claims),
        (select count(*) from idempotency), (select count(*) from payments),
        (select count(*) from outbox), (select count(*) from shows),
        (select count(*) from user_seats)});
}


# answer(BYTES, SECONDS): (code, head, body, error code) of the first answer.
sub answer ($bytes, $seconds = 2) {
    my $text = raw($t, $bytes, $seconds);
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($code)  = ($head // '') =~ m{\AHTTP/1\.1 (\d{3})};
    my ($error) = ($body // '') =~ /"code":"([a-z_]+)"/;

    return ($code // 0, $head // '', $body // '', $error // '', $text);
}


# refused(NAME, BYTES, CODE, ERROR...): the answer is CODE, its error is one of
# ERROR, and there is no trace in it of what was sent.
sub refused ($name, $bytes, $code, @errors) {
    my ($got, $head, $body, $error, $text) = answer($bytes);

    is $got, $code, $name or diag $text;
    ok scalar(grep { $error eq $_ } @errors), "$name: @errors"
        or diag $error || $body;
    unlike $text, qr/\Q$CANARY\E/, "$name: no echo";
    return;
}


sub request ($method, $path, $headers = '', $body = undef) {
    $headers .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    return "$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n$headers\r\n" . ($body // '');
}


sub post ($path, $body, $headers = "$JSON\r\n") {
    return request('POST', $path, "x-user-id: ann\r\n"
        . "Idempotency-Key: k\r\n$headers", $body);
}


# Ids that are none, as bytes of a path or of a JSON string.
my @ids = (
    ['zero', '0'], ['minus one', '-1'], ['2^31', '2147483648'],
    ['2^63', '9223372036854775808'], ['leading zeros', '0001'],
    ['a plus', '+1'], ['an exponent', '1e3'], ['digits of another script',
        "\xd9\xa1\xd9\xa2"], ['10 KB', 'a' x 7000],
    ['a hash tag', "{$CANARY}"], ['a show in braces', '{' . SHOW . '}'],
    ['a URN', 'urn:uuid:' . SHOW], ['a colon', SHOW . ":$CANARY"],
    ['a glob', '*'], ['a bracket', '[a-z]'],
    ['a quote', "$CANARY'; drop table x; --"],
    ['one digit short', substr SHOW, 0, 35], ['one digit more', SHOW . '0'],
    ['not hexadecimal', SHOW =~ s/.\z/g/r], ['no hyphens', SHOW =~ tr/-//dr],
    ['hyphens elsewhere', '0000000-00000-4000-8000-000000000001'],
);

# Bytes that a path needs escaped, and JSON as well.
my @escaped = (
    ['a blank', '%20', ' '], ['a slash', '%2F', '/'],
    ['CR LF', "%0D%0A$CANARY", "\\r\\n$CANARY"], ['NUL', '%00', '\u0000'],
    ['ESC', "%1B[31m$CANARY", "\\u001b[31m$CANARY"], ['DEL', '%7F', '\u007f'],
    ['0xFF', '%FF', '\u00ff'], ['a quote', '%22', '\"'],
    ['dots', '..%2F..%2Fetc', '../../etc'],
);


subtest 'ids in a path' => sub {
    for my $id (@ids, map { [$_->[0], SHOW . $_->[1]],
        ["$_->[0] alone", $_->[1]] } @escaped)
    {
        my ($name, $bytes) = @$id;
        $bytes =~ s/([ %'";])/$1 eq '%' ? '%' : sprintf '%%%02X', ord $1/ge;

        for my $path ('/api/v1/shows/ID', '/api/v1/shows/ID/seatmap',
            '/api/v1/holds/ID', '/api/v1/orders/ID')
        {
            # two slashes are one to nginx, and this is the map of a show
            next if "$path$bytes" =~ m{/seatmap.*01%2F};

            my ($code, undef, $body, $error) = answer(request('GET',
                $path =~ s/ID/$bytes/r, "x-user-id: ann\r\n"));

            # nginx refuses NUL by itself
            ok $code == 404 && $error =~ /\A(?:show_)?not_found\z/
                || $code == 400 && $bytes =~ /%00/
                || $code == 404 && $bytes =~ /%2F|\.\./, "$path: $name"
                or diag "$code $error";
            unlike $body, qr/\Q$CANARY\E/, "$path: $name: no echo";
        }
    }
};


subtest 'ids in a body' => sub {
    my @json = ((map { [$_->[0], encode_json([$_->[1]])
        =~ s/\A\["|"\]\z//gr] } @ids),
        ['empty', ''], (map { [$_->[0], SHOW . $_->[2]],
        ["$_->[0] alone", $_->[2]] } @escaped));

    for my $id (@json) {
        my ($name, $text) = @$id;

        refused("showId: $name", post('/api/v1/holds',
            qq({"showId":"$text","seatIds":["A5"]})), 400, 'invalid_field',
            'invalid_json');
        refused("holdId: $name", post('/api/v1/orders',
            qq({"holdId":"$text","paymentMethod":"UPI","customer":)
            . encode_json(CUSTOMER) . '}'), 400, 'invalid_field',
            'invalid_json');
    }

    for my $value (qw(null 1 -1 1e3 true [] {} ["a"]), "[\"${\ SHOW}\"]") {
        refused("showId: $value", post('/api/v1/holds',
            qq({"showId":$value,"seatIds":["A5"]})), 400, 'invalid_field');
    }

    for my $seats ('"A5"', '[5]', '[null]', '[["A5"]]', '[""]', '[{}]', '{}',
        'null', '[' . join(',', ('"A5"') x 129) . ']',
        '["' . 'A' x 300 . '"]')
    {
        refused('seatIds: ' . substr($seats, 0, 20), post('/api/v1/holds',
            qq({"showId":"${\ SHOW}","seatIds":$seats})), 400,
            'invalid_field');
    }
};


subtest 'users' => sub {
    my @bad = ('', ' ', 'a b', 'a:b', '{a}', "$CANARY*", 'a/b', 'x' x 65,
        "\xc3\xa9", "\xff", "a\tb", "'", '"', "$CANARY\e[31m", 'a,b');

    for my $user (@bad) {
        my $name = 'user ' . $user =~ s/[^ -~]/?/gr;

        for my $get ("/api/v1/holds/$hold", '/api/v1/orders') {
            refused("$name, $get", request('GET', $get,
                "x-user-id: $user\r\n"), 401, 'unauthorized');
        }

        refused($name, request('POST', '/api/v1/holds',
            "x-user-id: $user\r\nIdempotency-Key: k\r\n$JSON\r\n",
            qq({"showId":"${\ SHOW}","seatIds":["A5"]})), 401,
            'unauthorized');
    }

    refused('two users', request('GET', '/api/v1/orders',
        "x-user-id: ann\r\nx-user-id: bob\r\n"), 401, 'unauthorized');
    refused('two roles', request('GET', '/api/v1/orders',
        "x-user-id: ann\r\nx-user-role: ADMIN\r\nx-user-role: x\r\n"), 401,
        'unauthorized');
};


subtest 'queries' => sub {
    for my $query ("limit=$CANARY", "limit='", 'limit=-1', "cursor=$CANARY",
        'cursor=%00', 'cursor=1_' . SHOW . "'",
        'cursor=' . '9' x 400 . '_' . SHOW, 'limit=' . '1' x 400)
    {
        refused('query ' . substr($query, 0, 30), request('GET',
            "/api/v1/shows?$query"), 400, 'invalid_query');
        refused('history ' . substr($query, 0, 30), request('GET',
            "/api/v1/orders?$query", "x-user-id: ann\r\n"), 400,
            'invalid_query');
    }
};


subtest 'bodies' => sub {
    my $good = qq({"showId":"${\ SHOW}","seatIds":["A5"]});
    my @cases = (
        (map { ["no object: $_", $_, 400, 'invalid_json'] }
            '', ' ', 'null', '1', '"a"', '[]', "[$good]", 'true'),
        (map { [substr("syntax: $_", 0, 40), $_, 400, 'invalid_json'] }
            substr($good, 0, -1), substr($good, 0, 20), "$good$good",
            "$good,", "$good\x00", "\xef\xbb\xbf$good", $good =~ s/"/'/gr,
            $good =~ s/\]/,]/r, $good =~ s/:/=/r, "$good//c", "/**/$good",
            $good =~ s/A5/A\x{01}5/r, $good =~ s/A5/\xff\xfe/r,
            $good =~ s/A5/\\ud800/r, $good =~ s/A5/\\x41/r,
            $good =~ s/A5/\xc0\xaf/r),
        ['deep', '[' x 8000, 400, 'invalid_json'],
        ['deep objects', '{"a":' x 2000, 400, 'invalid_json'],
        ['a field twice', $good =~ s/\{/{"showId":"${\ SHOW}",/r, 400,
            'duplicate_field'],
        ['twice, escaped', $good =~ s/\{/{"show\\u0049d":"x",/r, 400,
            'duplicate_field'],
        ['a field of nobody', $good =~ s/\{/{"$CANARY":1,/r, 400,
            'unknown_field'],
        ['another case', $good =~ s/\{/{"showid":"x",/r, 400, 'unknown_field'],
        ['a prototype', $good =~ s/\{/{"__proto__":{},/r, 400,
            'unknown_field'],
        ['a price', $good =~ s/\{/{"price":1,/r, 400, 'unknown_field'],
        ['an owner', $good =~ s/\{/{"userId":"x",/r, 400, 'unknown_field'],
        ['nothing in it', '{}', 400, 'missing_field'],
        ['no seats', qq({"showId":"${\ SHOW}"}), 400, 'missing_field'],
        ['16 KB and a byte', $good . ' ' x (16_385 - length $good), 413,
            'body_too_large'],
        ['60 KB', $good . ' ' x 60_000, 413, 'body_too_large'],
    );

    for my $case (@cases) {
        my ($name, $body, $code, @errors) = @$case;
        refused($name, post('/api/v1/holds', $body), $code, @errors);
    }

    # the same in chunks, for which there is no length to look at
    for my $case (grep { length $_->[1] } @cases) {
        my ($name, $body, $code, @errors) = @$case;
        my $chunks = join '', map { sprintf("%x\r\n%s\r\n", length, $_) }
            unpack '(a1000)*', $body;
        refused("chunked: $name", request('POST', '/api/v1/holds',
            "x-user-id: ann\r\nIdempotency-Key: k\r\n$JSON\r\n"
            . "Transfer-Encoding: chunked\r\n") . "${chunks}0\r\n\r\n",
            $code, @errors);
    }

    my @types = ('', "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonx\r\n", "Content-Type: \r\n",
        "Content-Type: text/html; application/json\r\n",
        "Content-Type: $CANARY\r\n");

    for my $type (@types) {
        refused('type ' . $type =~ s/\r\n//r, post('/api/v1/holds', $good,
            $type), 415, 'unsupported_media_type');
    }

    # nginx's own limit stands before ours, and its answer is its own
    my ($code) = answer(post('/api/v1/holds', ' ' x 70_000));
    is $code, 413, 'above client_max_body_size';
};


subtest 'requests' => sub {
    my $show = '/api/v1/shows/' . SHOW;

    for my $method (qw(FOO get TRACE CONNECT PROPFIND), 'X' x 30) {
        my ($code) = answer(request($method, $show));
        ok $code == 405 || $code == 400, "method $method" or diag $code;
    }

    for my $version ('1.2', '1.9') {
        refused("HTTP/$version", "GET $show HTTP/$version\r\nHost: a\r\n\r\n",
            505, 'http_version_not_supported');
    }

    my $text = raw($t, "GET $show\r\n", 1);
    like $text, qr/"code":"http_version_not_supported"/, 'HTTP/0.9';

    for my $case (
        ['HTTP/2.0', "GET $show HTTP/2.0\r\nHost: a\r\n\r\n", 505],
        ['a bare CR', "GET $show HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", 400],
        ['no Host', "GET $show HTTP/1.1\r\n\r\n", 400],
        ['two Hosts', "GET $show HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
        ['two lengths', "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\n"
            . "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400],
        ['length and chunks', "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\n"
            . "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            . "0\r\n\r\n", 400],
        ['a negative length', "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\n"
            . "Content-Length: -1\r\n\r\n", 400],
        ['an unknown coding', "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\n"
            . "Transfer-Encoding: gzip\r\n\r\n", 501],
        ['a bad chunk', request('POST', '/api/v1/holds', "x-user-id: ann\r\n"
            . "Idempotency-Key: k\r\n$JSON\r\nTransfer-Encoding: chunked\r\n")
            . "zz\r\n", 400],
        ['a long URI', "GET /$CANARY" . 'x' x 9000 . " HTTP/1.1\r\n", 414],
        ['a long header', "GET $show HTTP/1.1\r\nHost: a\r\nA: $CANARY"
            . 'x' x 9000 . "\r\n\r\n", 400],
    ) {
        my ($name, $bytes, $want) = @$case;
        my ($code, undef, undef, undef, $answer) = answer($bytes);
        is $code, $want, $name or diag $answer;
        unlike $answer, qr/\Q$CANARY\E/, "$name: no echo";
    }
};


subtest 'a refusal leaves the connection in order' => sub {
    my $next = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    my $hidden = "DELETE /api/v1/holds/$hold HTTP/1.1\r\nHost: a\r\n"
        . "x-user-id: ann\r\n\r\n";

    for my $case (
        ['401', '/api/v1/holds', ''],
        ['no key', '/api/v1/holds', "x-user-id: ann\r\n"],
        ['404', '/api/v1/holds/x', "x-user-id: ann\r\n"],
        ['405', '/api/v1/holds/' . SHOW, "x-user-id: ann\r\n"],
        ['415', '/api/v1/holds', "x-user-id: ann\r\nIdempotency-Key: k\r\n"],
    ) {
        my ($name, $path, $headers) = @$case;
        my $text = raw($t, "POST $path HTTP/1.1\r\nHost: a\r\n$headers"
            . 'Content-Length: ' . length($hidden) . "\r\n\r\n$hidden$next");
        my @codes = $text =~ m{HTTP/1\.1 (\d+)}g;
        ok @codes == 2 && $codes[0] =~ /^4/ && $codes[1] == 200,
            "$name: the body is no request" or diag $text;
    }
};


# A byte every 250 ms: each is in time, the body is not.
subtest 'a body that drips' => sub {
    my $start = time;
    my $head  = "POST /api/v1/holds HTTP/1.1\r\nHost: a\r\nx-user-id: ann\r\n"
        . "Idempotency-Key: drip\r\n$JSON\r\nContent-Length: 1000\r\n\r\n";
    my $text  = raw($t, [$head, map { ('{', 0.25) } 1 .. 60], 2);
    my $took  = time - $start;

    like $text, qr{\AHTTP/1\.1\ 408\ .*"code":"timeout"}xs, '408';
    like $text, qr/^Connection: close/mi, 'and the connection is closed';
    ok $took > 9 && $took < 12, 'at its deadline' or diag $took;

    # so does one that never goes on, or ends too early
    is raw($t, substr(post('/api/v1/holds', '{}' x 50), 0, -10), 0.5), '',
        'half a body has no answer';
};


subtest 'no effect' => sub {
    my %after = stores();

    is scalar(keys $after{asked}->%*), 2, 'operations are counted';
    is $after{asked}, $before{asked}, 'no operation was sent to a store';
    is $after{rows}, $before{rows}, 'PostgreSQL has what it had';

    my $after = $after{calls};
    is { map { $_ => $after->{$_} }
            grep { /eval|hset|set\b|bitfield|zadd|del|publish/ }
            keys %$after },
        { map { $_ => $before{calls}{$_} }
            grep { /eval|hset|set\b|bitfield|zadd|del|publish/ }
            keys $before{calls}->%* },
        'Redis was not asked to do a thing';
    is $t->get("/api/v1/holds/$hold", user => 'ann')->json->{status}, 'HELD',
        'the hold is there';
    is $t->get("/api/v1/orders/$order", user => 'bob')->json->{status},
        'PAYMENT_PENDING', 'the order is there';
};


subtest 'headers that are not ours' => sub {
    my $show = '/api/v1/shows/' . SHOW;

    for my $header ("User-Agent: $CANARY\e[31m\xff\"", 'Accept: ' . 'x' x 7000,
        "X-Request-Id: $CANARY\e[0m", "X-Request-Id: $CANARY" . 'x' x 7000,
        "Referer: \xff\xfe$CANARY", "If-None-Match: \"$CANARY",
        "If-None-Match: \"2-99999999999999999999999\"",
        "Origin: https://$CANARY", "Cookie: $CANARY")
    {
        my ($code, undef, undef, undef, $answer)
            = answer(request('GET', "$show/seatmap", "$header\r\n"));
        is $code, 200, 'taken: ' . substr $header =~ s/[^ -~]/?/gr, 0, 30;
        unlike $answer, qr/\Q$CANARY\E/, '... and not given back';
    }
};


subtest 'no trace' => sub {
    # lines of nginx itself quote the request; those of the module must not
    my @ours = grep { !/request: "|client sent|sending to client/ }
        split /\n/, $t->node->log;
    is [grep { /\Q$CANARY\E/ } @ours], [], 'no canary in the error log';
    is [grep { /[^\t -~]/ } @ours], [], 'no control byte either';

    open my $fh, '<', $t->node->dir . '/logs/access.log' or die "log: $!";
    is [grep { /[^\n\x20-\xff]/ } <$fh>], [], 'nor in the access log';
};


$t->check_invariants;
$t->done;
done_testing;
