# nginx -t finds every mistake, and names the directive and what is wrong.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test;
use Boxoffice::Tokens qw(b64 spurt);
use File::Temp ();

my $t = Boxoffice::Test->new(start => 0);
my $node = $t->node;

# What nginx -t says of a configuration with some directives changed, and with
# other text: text => [FROM, TO], a change of nginx.conf as it is written.
sub tested ($change, $text = undef) {
    return $node->check(%$change) if !$text;

    my $class = ref $node;
    my $conf  = $node->conf(%$change);
    $conf =~ s/\Q$text->[0]\E/$text->[1]/ or die "no '$text->[0]' there";

    no strict 'refs';
    no warnings 'redefine';
    local *{"${class}::conf"} = sub { return $conf };
    return $node->check;
}


# good(NAME, CHANGE, TEXT): nginx takes it.
sub good ($name, @change) {
    my ($status, $output) = tested(@change);
    is $status, 0, $name or diag $output;
    return;
}


# bad(NAME, DIRECTIVE, REGEX, CHANGE, TEXT): it fails, and says why.
sub bad ($name, $directive, $why, @change) {
    my ($status, $output) = tested(@change);

    isnt $status, 0, "$name: refused";
    like $output, qr/\[emerg\][^\n]*\Q$directive\E/,
        "$name: the directive is named" or diag $output;
    like $output, $why, "$name: and why";
    return;
}


good('as it is', {});

my $pg    = '"host=/tmp dbname=x"';
my $secret = $node->dir . '/secret';    # no "whsec_..."
my $hook   = $node->dir . '/hook';
my $keys   = $node->dir . '/keys';

for ([$hook, 'whsec_' . 'a' x 32], [$keys, "aws_access_key_id=A
aws_secret_access_key = B"])
{
    open my $fh, '>', $_->[0] or die "$_->[0]: $!";
    say {$fh} $_->[1];
    close $fh or die "$_->[0]: $!";
}

my $redis = 'redis://127.0.0.1:6379';


# Files of keys: what is at fault is said of the file.
subtest 'keys of tickets' => sub {
    my $dir = $node->dir;
    my $key = "$dir/ticket.pem";
    my $new = $node->ticket_key('new.pem', 'x' x 32);

    for my $make ("pkey -in $key -pubout -out $dir/public.pem",
        "pkey -in $key -aes128 -passout pass:x -out $dir/locked.pem",
        "genpkey -algorithm X25519 -out $dir/x25519.pem",
        "ecparam -name prime256v1 -genkey -noout -out $dir/ec.pem")
    {
        system("openssl $make 2>/dev/null") == 0 or die $make;
    }

    good('two keys', { ticket_key_file => "$new $key" });
    good('an old one that is public',
        { ticket_key_file => "$new $dir/public.pem" });
    bad('keys twice', 'boxoffice_ticket_key_file', qr/is duplicate/,
        { ticket_key_file => [$key, $new] });

    for my $case (['public.pem', qr/must be a private one/],
        ['locked.pem', qr/no key without a password/],
        ['x25519.pem', qr/not of Ed25519/], ['ec.pem', qr/not of Ed25519/],
        ["ticket.pem $dir/public.pem", qr/there twice/],
        ["ticket.pem $key", qr/there twice/],
        ["ticket.pem $dir/none.pem", qr/cannot be opened in "\S*none/],
        [join(" $dir/", ('ticket.pem') x 17), qr/more than 16/])
    {
        bad($case->[0] =~ s/(.{30}).*/$1/r, 'boxoffice_ticket_key_file',
            $case->[1], { ticket_key_file => "$dir/$case->[0]" });
    }
};


subtest 'what is good' => sub {
    my @good = (
        [redis => 'redis://127.0.0.1'], [redis => 'redis://[::1]:6379'],
        [redis => 'redis://localhost:6379/3'],
        [redis => 'redis://user:secret@127.0.0.1'],
        [redis => "$redis timeout=50ms queue=1"],
        [postgres => '"host=127.0.0.1 port=5433 user=a dbname=b"'],
        [postgres => 'postgresql://a:b@127.0.0.1:5433/c'],
        [postgres => "$pg connections=64 timeout=5s queue=10 prepare=off"],
        [zone => 'a:1m'], [zone => 'a:1048576'], [jobs => 'off'],
        [hold_ttl => '1ms'], [hold_ttl => '1h'], [hold_cap => '1h'],
        [order_ttl => '90s'], [stale => '0'],
        [checkin_opens => '0'], [checkin_opens => '3d'],
        [seats_per_hold => 1], [seats_per_hold => 64],
        [bookings => 'durability=none'], [bookings => 'durability=always '
            . 'backlog=1 batch=1 claim=1ms'],
        [bookings => 'backlog=10000000 batch=1024 durability=everysec'],
        [orphan_rule => 'on'], [orphan_rule => 'off'], [streams => 0],
        [streams => 100], [stream_heartbeat => '100ms'], [stream_drain => '0'],
        [seats_per_user => 1], [auth => 'off'], [cors => 'off'],
        [cors => 'https://a.example http://b.example:81'],
        [limit_zone => 'a:64k key=$remote_addr rate=1r/s'],
        [waiting_room_zone => 'r-1_a:256k rate=1/s'],
        [waiting_room_zone => 'r:1m rate=100000/s burst=1 capacity=1 basket=1 '
            . 'state=OFF pass=1h claim=1s abandon=100ms anonymous=on'],
        [waiting_room_zone => 'r:1m rate=5/s automatic=100r/s'],
        [limit_zone => 'a:64k key=$boxoffice_user$uri rate=5r/h burst=9'],
        [outbox_sink => 'off'], [outbox_sink => 'redis stream=s maxlen=1'],
        [outbox_sink => ['redis', 'redis name=b types=order.*,payment.a_b',
            'audit timeout=1s attempts=1 backoff=1ms batch=128 inflight=1']],
        [outbox_sink => "webhook url=http://127.0.0.1/a secret=$hook queue=5"],
        [outbox_sink => 'kafka brokers=127.0.0.1:9092 topic=a property=compression.type=lz4'],
        [outbox_sink => "webhook url=https://127.0.0.1 secret=$hook verify=off"],
        [outbox_sink => ["sqs url=http://127.0.0.1 queue=a region=r credentials=$keys",
            "sns url=http://127.0.0.1 topic=a region=r credentials=$keys"]],
    );

    good("$_->[0] $_->[1]", { @$_ }) for @good;
};


subtest 'values that are wrong' => sub {
    my %bad = (
        redis => ['""', 'http://127.0.0.1', '127.0.0.1:6379', 'redis://',
            'redis://:6379', 'redis://127.0.0.1:0', 'redis://127.0.0.1:65536',
            'redis://127.0.0.1:abc', 'redis://127.0.0.1/x', 'redis://[::1',
            'redis://no-such-host.invalid', "$redis timeout=0",
            "$redis timeout=abc", "$redis queue=0", "$redis queue=-1",
            "$redis colour=red", "$redis timeout=", "$redis $redis"],
        postgres => ['""', 'garbage', '"host"', '"colour=red"',
            '"host=\'a"', '"port=abc host=a dbname=b"',
            "$pg connections=0", "$pg connections=65",
            "$pg connections=x", "$pg timeout=x", "$pg queue=0",
            "$pg prepare=maybe", "$pg prepare=", "$pg colour=red"],
        zone => ['seats', 'seats:', ':16m', 'seats:x', 'seats:-1m', 'seats:0',
            'seats:512k', 'seats:1m:2m', '""'],
        hold_ttl       => ['abc', '-1s', '0', '1x', '""'],
        hold_cap       => ['abc', '-1s', '1s'],
        order_ttl      => ['abc', '-1s', '0'],
        stale          => ['abc', '-1s'],
        checkin_opens  => ['abc', '-1s'],
        seats_per_hold => ['0', '65', '-1', 'many', '1.5'],
        seats_per_user => ['0', '-1', 'many', '100000000'],
        jobs           => ['yes', '1', 'true'],
        bookings       => ['durability=sometimes', 'durability=', 'backlog=0',
            'backlog=x', 'backlog=10000001', 'batch=0', 'batch=1025',
            'claim=0', 'claim=x', 'colour=red', '""'],
        orphan_rule    => ['yes', '1', '""'],
        streams        => ['-1', 'many', '1.5'],
        stream_heartbeat => ['0', 'abc', '-1s'],
        stream_drain   => ['abc', '-1s'],
        limit_zone     => ['a:64k key=$uri', 'a:64k rate=1r/s',
            'a:16k key=$uri rate=1r/s', 'a key=$uri rate=1r/s',
            'a:64k key=$uri rate=0r/s', 'a:64k key=$uri rate=1',
            'a:64k key=$uri rate=1r/d', 'a:64k key=$uri rate=-1r/s',
            'a:64k key= rate=1r/s', 'a:64k key=$uri rate=1r/s burst=0',
            'a:64k key=$uri rate=1r/s burst=x', 'a:64k rate=1r/s key=$uri x=1'],
        secret_file    => ['/no/such/file', '/dev/null', '""'],
        ticket_key_file => ['/no/such/file', '/dev/null', '""'],
        waiting_room_zone => ['r:1m', 'r:100k rate=1/s', 'r rate=1/s',
            'R:1m rate=1/s', 'r:1m rate=0/s', 'r:1m rate=1', 'r:1m rate=x/s',
            'r:1m rate=1/s burst=0', 'r:1m rate=1/s capacity=-1',
            'r:1m rate=1/s basket=65', 'r:1m rate=1/s state=on',
            'r:1m rate=1/s automatic=5', 'r:1m rate=1/s pass=0',
            'r:1m rate=1/s claim=x', 'r:1m rate=1/s abandon=1ms',
            'r:1m rate=1/s anonymous=maybe', 'r:1m rate=1/s colour=red',
            ('a' x 33) . ':1m rate=1/s', 'a.b:1m rate=1/s'],
        outbox_sink    => ['kettle', 'redis stream=', 'redis stream',
            'redis maxlen=0', 'redis maxlen=x', 'redis colour=red',
            'redis name=A', 'redis name=a.b', 'redis name=' . 'a' x 25,
            'redis types=order', 'redis types=order.*x', 'redis types=*.x',
            'redis types=,order.*', 'redis types=Order.a', 'audit timeout=0',
            'audit timeout=x', 'audit attempts=0', 'audit backoff=2h',
            'audit batch=129', 'audit inflight=0', 'audit stream=a',
            'off redis', ['off', 'redis'], ['redis', 'off'],
            ['redis', 'redis'], ['redis name=audit', 'audit'],
            'kafka', 'kafka topic=a', 'kafka brokers=a:1',
            'kafka brokers=a:1 topic=a property=x',
            'kafka brokers=a:1 topic=a property=no.such=x',
            'kafka brokers=a:1 topic=a property=linger.ms=x',
            'webhook', 'webhook url=http://127.0.0.1', 'webhook secret=/dev/null url=http://127.0.0.1',
            'webhook url=http://127.0.0.1 secret=/no/such/file',
            "webhook url=http://127.0.0.1 secret=$secret",
            "webhook url=ftp://127.0.0.1 secret=$hook",
            "webhook url=http://127.0.0.1 secret=$hook queue=0",
            'sqs url=http://127.0.0.1', "sqs url=http://127.0.0.1 queue=a region=r",
            "sqs url=http://127.0.0.1 queue=a region=r credentials=$hook",
            "sqs url=http://127.0.0.1 topic=a region=r credentials=$hook",
            "sns url=http://127.0.0.1 topic=a credentials=$hook"],
        cors           => ['*', 'a.example', 'ftp://a.example', 'off off',
            'https://a.example off', 'https://', 'https://a.example/', '""'],
    );

    for my $name (sort keys %bad) {
        for my $value ($bad{$name}->@*) {
            my $shown = ref $value ? "@$value" : $value;
            bad("$name $shown", "boxoffice_$name", qr/check\.conf:\d+/,
                { $name => $value });
        }
    }

    # the value, where it is text of one's own
    for my $case ([zone => 'seats:x'], [seats_per_hold => 65],
        [postgres => "$pg connections=65", 'connections=65'],
        [redis => "$redis colour=red", 'colour=red'],
        [cors => 'ftp://a.example'])
    {
        my ($name, $value, $part) = ($case->@*, $case->[1]);
        my (undef, $output) = tested({ $name => $value });
        like $output, qr/\Q$part\E/, "$name $value: the value is named";
    }

    bad('a gate without a zone', 'boxoffice_waiting_room',
        qr/no "boxoffice_waiting_room_/, {},
        ['location / {', 'location / { boxoffice_waiting_room a;']);
    bad('a gate of another kind of zone', 'boxoffice_waiting_room',
        qr/no "boxoffice_waiting_room_/, {},
        ['location / {', 'location / { boxoffice_waiting_room seats;']);
    good('a gate with a page', { waiting_room_zone => 'r:1m rate=1/s' },
        ['location / {', 'location / { boxoffice_waiting_room r page=/x;']);
    bad('a page elsewhere', 'boxoffice_waiting_room', qr/invalid parameter/,
        { waiting_room_zone => 'r:1m rate=1/s' }, ['location / {',
            'location / { boxoffice_waiting_room r page=https://x;']);
    bad('off and more', 'boxoffice_waiting_room', qr/stands alone/, {},
        ['location / {', 'location / { boxoffice_waiting_room off page=/x;']);
    bad('a room without a secret', 'boxoffice_secret_file',
        qr/no "boxoffice_secret_file" is defined/,
        { waiting_room_zone => 'r:1m rate=1/s', secret_file => undef });
    bad('tickets without a key', 'boxoffice_ticket_key_file',
        qr/no "boxoffice_ticket_key_file" is defined/,
        { ticket_key_file => undef });
    bad('a limit without a zone', 'boxoffice_limit', qr/no "boxoffice_limit_/,
        {}, ['location / {', 'location / { boxoffice_limit a;']);
    bad('a limit of another kind of zone', 'boxoffice_limit',
        qr/no "boxoffice_limit_/, {},
        ['location / {', 'location / { boxoffice_limit seats;']);
    bad('a limit twice', 'boxoffice_limit', qr/is duplicate/,
        { limit_zone => 'a:64k key=$uri rate=1r/s' }, ['location / {',
            'location / { boxoffice_limit a; boxoffice_limit a dry_run;']);
    bad('a limit with a word', 'boxoffice_limit', qr/invalid parameter in "wet"/,
        { limit_zone => 'a:64k key=$uri rate=1r/s' },
        ['location / {', 'location / { boxoffice_limit a wet;']);
    bad('auth maybe', 'boxoffice_auth', qr/no "boxoffice_auth_jwt" or "boxoffice_auth_nextauth" of the name "maybe"/, {},
        ['boxoffice_auth development', 'boxoffice_auth maybe']);
    good("optimistic $_", {}, ['location / {',
        "location /o { boxoffice_optimistic $_; } location / {"])
        for qw(availability create complete bookings);
    bad("optimistic $_->[0]", 'boxoffice_optimistic', $_->[1], {},
        ['location / {', "location /o { boxoffice_optimistic $_->[0]; } "
            . 'location / {'])
        for ['pay', qr/invalid value in "pay"/],
            ['create complete', qr/invalid number of arguments/],
            ['create; boxoffice_optimistic create', qr/is duplicate/];
    bad('optimistic by a regular expression', 'boxoffice_optimistic',
        qr/needs a location with a prefix/, {}, ['location / {',
            'location ~ /o { boxoffice_optimistic create; } location / {']);
    bad("admin $_->[0]", 'boxoffice_admin', $_->[1], {},
        ['location / {', "location /o { boxoffice_admin $_->[0]; } "
            . 'location / {'])
        for ['people', qr/invalid value in "people"/],
            ['movies theatres', qr/invalid number of arguments/],
            ['movies; boxoffice_admin movies', qr/is duplicate/];
    bad('admin by a regular expression', 'boxoffice_admin',
        qr/needs a location with a prefix/, {}, ['location / {',
            'location ~ /o { boxoffice_admin movies; } location / {']);
    bad('health x', 'boxoffice_health', qr/invalid value in "x"/, {},
        ['boxoffice_health live', 'boxoffice_health x']);
};


subtest 'a password in a wrong directive' => sub {
    for my $case ([redis => 'redis://u:hunter2@127.0.0.1:0'],
        [postgres => '"host=a password=hunter2 colour=red"'],
        [postgres => 'postgresql://u:hunter2@a:xyz/d'])
    {
        my ($status, $output) = tested({ @$case });
        isnt $status, 0, "$case->[0]: refused";
        unlike $output, qr/hunter2/, "$case->[0]: the log has no password";
    }
};


subtest 'what is missing' => sub {
    bad("no $_", "boxoffice_$_", qr/no "boxoffice_$_" is defined/,
        { $_ => undef }) for qw(redis postgres zone);

    my ($locations) = $node->conf =~ /\n( *location \/api.*?metrics; \}\n)/s;
    good('no location needs them', { map { $_ => undef }
        qw(redis postgres zone) }, [$locations, '']);
};


subtest 'twice' => sub {
    my %values = (redis => $redis, postgres => $pg, zone => 'a:1m',
        hold_ttl => '10s', hold_cap => '1h', order_ttl => '10s',
        stale => '10s', seats_per_hold => 2, seats_per_user => 2,
        jobs => 'on', cors => 'https://a.example', auth => 'off',
        bookings => 'backlog=1', catalogue_zone => 'c:1m');

    bad($_, "boxoffice_$_", qr/is duplicate/,
        { $_ => [$values{$_}, $values{$_}] }) for sort keys %values;

    for my $pair (['holds', 'holds'], ['holds', 'orders'],
        ['shows', 'screens'])
    {
        my ($one, $two) = @$pair;
        bad("$one and $two", "boxoffice_$two", qr/is duplicate/, {},
            ["boxoffice_$one;", "boxoffice_$one; boxoffice_$two;"]);
    }

    bad('health twice', 'boxoffice_health', qr/is duplicate/, {},
        ['boxoffice_health live;',
            'boxoffice_health live; boxoffice_health ready;']);
};


subtest 'the zone of the catalogue' => sub {
    good($_, { catalogue_zone => $_ }) for 'c:256k', 'c:8m poll=10ms',
        'c:8m poll=500ms';
    bad($_->[0], 'boxoffice_catalogue_zone', $_->[1],
        { catalogue_zone => $_->[0] })
        for ['c', qr/"c"/], ['c:x', qr/"c:x"/], [':8m', qr/":8m"/],
        ['c:255k', qr/too small/], ['c:8m poll=9ms', qr/"poll=9ms"/],
        ['c:8m poll=501ms', qr/"poll=501ms"/], ['c:8m poll=', qr/"poll="/],
        ['c:8m poll=x', qr/"poll=x"/], ['c:8m every=1s', qr/"every=1s"/],
        ['c:8m poll=1s poll=1s', qr/number of arguments/];
};


subtest 'out of place' => sub {
    my $http = 'location / {';

    for my $name (qw(redis postgres zone hold_ttl hold_cap order_ttl stale
        seats_per_hold seats_per_user jobs orphan_rule streams
        stream_heartbeat stream_drain))
    {
        bad("$name in a server", "boxoffice_$name", qr/is not allowed here/,
            {}, [$http, "boxoffice_$name 1; $http"]);
    }

    for my $name (qw(shows screens theatres holds orders metrics)) {
        bad("$name in a server", "boxoffice_$name", qr/is not allowed here/,
            {}, [$http, "boxoffice_$name; $http"]);
        bad("$name with an argument", "boxoffice_$name",
            qr/invalid number of arguments/, {},
            [$http, "location /x { boxoffice_$name 1; } $http"]);
    }

    for my $location ('~ /x', '@x', '~* \.y$') {
        bad("holds in $location", 'boxoffice_holds',
            qr/location with a prefix/, {},
            [$http, "location $location { boxoffice_holds; } $http"]);
    }

    bad('no argument', 'boxoffice_hold_ttl', qr/invalid number of arguments/,
        {}, ['    boxoffice_jobs', "    boxoffice_hold_ttl;\n boxoffice_jobs"]);
    bad('an unknown one', 'boxoffice_colour', qr/unknown directive/,
        { colour => 'red' });
};


subtest 'together' => sub {
    bad('a cap below the ttl', 'boxoffice_hold_cap', qr/boxoffice_hold_ttl/,
        { hold_ttl => '10s', hold_cap => '9s' });
    good('a cap like the ttl', { hold_ttl => '10s', hold_cap => '10s' });
    bad('a cap below the default ttl', 'boxoffice_hold_cap', qr/300000ms/,
        { hold_cap => '299s' });
    bad('a zone whose name is taken', 'seats', qr/emerg/, {},
        ['boxoffice_zone', "limit_req_zone \$uri zone=seats:16m rate=1r/s;\n"
            . 'boxoffice_zone']);
};


# The defaults are what the documentation says: seen from outside.
subtest 'defaults' => sub {
    $node->start;

    my $show = '00000000-0000-4000-8000-000000000001';
    my $hold = sub ($user, @seats) {
        $t->post('/api/v1/holds', { showId => $show, seatIds => \@seats },
            user => $user) };
    my $ms = sub ($thing) {
        my ($from, $to) = map {
            my @n = $thing->{$_} =~ /T(\d+):(\d+):(\d+)\.(\d+)/;
            ((($n[0] * 60) + $n[1]) * 60 + $n[2]) * 1000 + $n[3] }
            qw(createdAt expiresAt);
        return ($to - $from) % 86_400_000;
    };

    my $r = $hold->('ann', map { "A$_" } 1 .. 10);
    is $r->code, 201, 'ten seats in a hold';
    is $ms->($r->json), 300_000, 'for five minutes';
    is $hold->('bob', map { "B$_" } 1 .. 11)->error_code, 'too_many_seats',
        'not eleven';

    my $order = $t->post('/api/v1/orders', { holdId => $r->json->{holdId},
        paymentMethod => 'UPI', customer => { name => 'A',
        email => 'a@example.com' } }, user => 'ann');
    is $ms->($order->json), 300_000, 'five minutes to pay';

    my $more = $hold->('ann', 'C1')->json->{holdId};
    is $t->post('/api/v1/orders', { holdId => $more, paymentMethod => 'UPI',
        customer => { name => 'A', email => 'a@example.com' } },
        user => 'ann')->error_code, 'seat_limit', 'ten seats of a user';

    $t->reload(jobs => undef);
    is $t->request('OPTIONS', '/api/v1/shows', undef,
        headers => { Origin => 'https://a.example' })->code, 405, 'no CORS';

    my ($status) = tested({}, ['boxoffice_auth development;', '']);
    is $status, 0, 'boxoffice_auth need not be there';
};


subtest 'tokens' => sub {
    my $dir  = File::Temp->newdir;
    my $keys = Boxoffice::Tokens->new("$dir");
    my %shop = (auth_jwt => 'shop', auth_key => "shop HS256 $dir/secret");
    my $url  = 'shop http://127.0.0.1:1/keys';

    spurt("$dir/short", 'x' x 31);
    spurt("$dir/five", join "\n", map { $_ x 32 } 1 .. 5);
    spurt("$dir/jwk", '{"kty":"oct","kid":"a","k":"' . b64('x' x 32) . '"}');
    spurt("$dir/private", '{"kty":"OKP","crv":"Ed25519","x":"' . b64('x' x 32)
        . '","d":"' . b64('x' x 32) . '"}');
    spurt("$dir/none", '{"keys":[]}');
    spurt("$dir/large", ' ' x 65537);

    good('auth_jwt with all', { %shop, auth_jwt => 'shop issuer=a audience=b '
        . 'audience=c leeway=0 user=email roles=/a/b staff=S admin=A cookie=c' });
    good("auth_key $_", { %shop, auth_key => "shop $_" })
        for "RS256 $dir/rsa.pub", "ES256 $dir/ec.pub kid=1",
            "EdDSA $dir/ed.pub kid=1 until=2030-01-01T00:00:00Z";
    good('auth_jwks of a file', { auth_jwt => 'shop',
        auth_jwks => "shop $dir/jwk" });
    good('auth_jwks of a URL', { auth_jwt => 'shop', auth_jwks =>
        "$url refresh=1m pause=1s stale=1h timeout=2s" });
    good("auth_nextauth $_", { auth_nextauth => "n $_" })
        for "4 $dir/secret", "5 $dir/secret cookie=a cookie=b roles=role";
    good('auth_zone', { %shop, auth_zone => 'a:1m' });
    good('auth of a name', { %shop },
        ['boxoffice_auth development', 'boxoffice_auth shop development']);

    my %bad = (
        auth_jwt => ['Shop', 'off', 'development', 'shop issuer=', 'shop x=1',
            'shop leeway=301s', 'shop leeway=x', 'shop "cookie=a;b"',
            'shop cookie=a cookie=b cookie=c', '""', 'a' x 25],
        auth_key => ['shop', 'shop HS256', "shop none $dir/secret",
            "shop hs256 $dir/secret", "shop RS512 $dir/rsa.pub",
            'shop HS256 /no/such/file', "shop HS256 $dir/short",
            'shop HS256 /dev/null', "shop RS256 $dir/secret",
            "shop RS256 $dir/rsa", "shop RS256 $dir/ec.pub",
            "shop ES256 $dir/k1.pub", "shop ES256 $dir/rsa.pub",
            "shop EdDSA $dir/ec.pub", "shop HS256 $dir/rsa.pub",
            "shop HS256 $dir/secret kid=", "shop HS256 $dir/secret until=soon",
            "shop HS256 $dir/secret colour=red", "shop HS256 $dir/large"],
        auth_jwks => ['shop', 'shop /no/such/file', "shop $dir/secret",
            "shop $dir/none", "shop $dir/private", "shop $dir/jwk refresh=1m",
            'shop http://id.example/keys', 'shop https://', "$url refresh=0",
            "$url pause=x", "$url stale=-1s", "$url colour=red",
            "$url refresh=31d"],
        auth_nextauth => ['n', 'n 4', "n 3 $dir/secret", 'n 4 /no/such/file',
            "n 4 $dir/short", "n 4 $dir/five", 'n 5 /dev/null',
            "n 5 $dir/secret colour=red"],
        auth_zone => ['a', 'a:x', 'a:512k', ':1m'],
    );

    for my $name (sort keys %bad) {
        bad("$name $_", "boxoffice_$name", qr/./, { %shop, $name => $_ })
            for $bad{$name}->@*;
    }

    bad('a key without tokens', 'boxoffice_auth_jwt', qr/of the name "other"/,
        { auth_key => "other HS256 $dir/secret" });
    bad('tokens without a key', 'boxoffice_auth_jwt', qr/"shop" has no/,
        { auth_jwt => 'shop' });
    bad('a session with a key', 'boxoffice_auth_nextauth', qr/its own file/,
        { auth_nextauth => "n 4 $dir/secret",
            auth_key => "n HS256 $dir/secret" });
    bad('a name twice', 'boxoffice_auth_nextauth', qr/the name is taken/,
        { %shop, auth_nextauth => "shop 4 $dir/secret" });
    bad('two URLs', 'boxoffice_auth_jwks', qr/already/,
        { auth_jwt => 'shop', auth_jwks => [$url, $url] });
    bad('a name twice in a place', 'boxoffice_auth', qr/comes twice/, { %shop },
        ['boxoffice_auth development', 'boxoffice_auth shop shop']);
    bad('off with a name', 'boxoffice_auth', qr/stands alone/, { %shop },
        ['boxoffice_auth development', 'boxoffice_auth off shop']);

    my (undef, $output) = tested({ %shop,
        auth_key => "shop HS256 $dir/secret colour=red" });
    unlike $output, qr/shared secret/, 'no secret is shown';
};


subtest 'accounts' => sub {
    my $dir  = File::Temp->newdir;
    my $keys = Boxoffice::Tokens->new("$dir");
    my %house = (auth_jwt => 'house roles=roles');
    my $with = sub ($more) { ({ %house, accounts => "house $more" }) };

    good($_, $with->($_)) for "HS256 $dir/secret", "EdDSA $dir/ed kid=1",
        "HS256 $dir/secret access=5m refresh=1d session=2d memory=1m passes=1 "
            . 'hashes=1 queue=0 pool=default';
    good('limit', { %house, accounts => "house HS256 $dir/secret limit=who",
        limit_zone => 'who:64k key=who rate=1r/s' });

    bad("accounts $_", 'boxoffice_accounts', qr/./, $with->($_)) for '', 'HS256',
        "RS256 $dir/rsa", "none $dir/secret", 'HS256 /no/such/file',
        "EdDSA $dir/ed.pub", "EdDSA $dir/secret", "EdDSA $dir/ec",
        "HS256 $dir/rsa.pub", map { "HS256 $dir/secret $_" } 'access=1s',
        'access=2d', 'access=1h refresh=10m', 'refresh=100d', 'session=x',
        'memory=1k', 'memory=2g', 'passes=0', 'hashes=0', 'hashes=65',
        'queue=-1', 'colour=red', 'kid=', 'limit=';

    my $accounts = "house HS256 $dir/secret";
    bad('no tokens', 'boxoffice_accounts', qr/of the name "house"/,
        { accounts => $accounts });
    bad('no roles', 'boxoffice_accounts', qr/"roles=" must be there/,
        { auth_jwt => 'house', accounts => $accounts });
    bad('an issuer that cannot be written', 'boxoffice_accounts', qr/plain/,
        { auth_jwt => q{house roles=r 'issuer=a"b'}, accounts => $accounts });
    bad('twice', 'boxoffice_accounts', qr/duplicate/,
        { %house, accounts => [$accounts, $accounts] });
    bad('no such zone', 'boxoffice_limit', qr/who/,
        { %house, accounts => "$accounts limit=who" });
    bad('no such pool', 'thread pool', qr/"p"/,
        { %house, accounts => "$accounts pool=p" });
    good('keys', {}, ['boxoffice_auth development', 'boxoffice_auth keys']);
    bad('keys is no name', 'boxoffice_auth_jwt', qr/"keys"/,
        { auth_jwt => 'keys' });
    bad('needed', 'boxoffice_accounts', qr/a location needs it/, {},
        ['location = /healthz', 'location /a { boxoffice_login; } location = /healthz']);
    bad('needed by me', 'boxoffice_accounts', qr/a location needs it/, {},
        ['location = /healthz', 'location /a { boxoffice_me; } location = /healthz']);
};


subtest 'boxoffice_auth off' => sub {
    my $closed = Boxoffice::Test->new(auth => 'off');

    is $closed->get('/api/v1/orders', user => 'ann')->code, 401,
        'nobody is anybody';
    is $closed->get('/api/v1/shows')->code, 200, 'what is for all stays';
    $closed->done;
};


# A reload with a mistake keeps what runs.
subtest 'a bad reload' => sub {
    $node->write_conf(zone => 'seats:1k');
    $node->process->signal('HUP');
    $t->wait_until(sub { $node->log =~ /boxoffice_zone.*too small/ }, 5,
        'it is refused');
    is $t->get('/readyz')->code, 200, 'and the old configuration serves on';
    $t->allow_log(qr/boxoffice_zone.*too small/);
};

subtest 'boxoffice_gateway' => sub {
    my $dir  = $node->dir;
    my %file = (key => 'sk_test_12345', both => 'rzp_id_1:rzp_secret',
        lines => "first_key\nsecond_key", empty => '', short => 'abc',
        space => 'a key with spaces', other => 'sk_test_67890');

    for my $name (keys %file) {
        open my $fh, '>', "$dir/gw-$name" or die "$name: $!";
        print {$fh} $file{$name};
        close $fh or die "$name: $!";
    }

    my $url = 'url=http://127.0.0.1:9';

    good($_, { gateway => $_ })
        for 'mock', 'mock name=play upi=a@b check=1s',
        "stripe $url key_file=$dir/gw-key webhook_secret_file=$dir/gw-lines "
            . 'capture=manual name=shop publishable_key=pk_1 upi=a@b check=5s '
            . 'compare=1m back=180d timeout=3s connections=4 queue=9',
        "razorpay $url key_file=$dir/gw-both";
    good('two', { gateway => ['mock', "stripe $url key_file=$dir/gw-key"] });

    for my $case (
        ['type', qr/mock, stripe or razorpay/, 'paypal'],
        ['no key', qr/"key_file" is missing/, "stripe $url"],
        ['no file', qr/cannot be opened/, "stripe $url key_file=$dir/none"],
        ['empty', qr/is empty/, "stripe $url key_file=$dir/gw-empty"],
        ['short', qr/shorter than 8/, "stripe $url key_file=$dir/gw-short"],
        ['two keys', qr/one line/, "stripe $url key_file=$dir/gw-lines"],
        ['spaces', qr/no key has/, "stripe $url key_file=$dir/gw-space"],
        ['no id', qr/id:secret/, "razorpay $url key_file=$dir/gw-key"],
        ['secrets', qr/cannot be opened/, "stripe $url key_file=$dir/gw-key "
            . "webhook_secret_file=$dir/none"],
        ['scheme', qr/ftp/, "stripe url=ftp://x key_file=$dir/gw-key"],
        ['capture', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key capture=never"],
        ['check', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key check=50ms"],
        ['compare', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key compare=2d"],
        ['back', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key back=30m"],
        ['back', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key back=2y"],
        ['name', qr/\bname\b/,
            "stripe $url key_file=$dir/gw-key name=a/b"],
        ['upi', qr/invalid parameter/, 'mock upi=a&b'],
        ['of the mock', qr/invalid parameter/, 'mock compare=1m'],
        ['unknown', qr/invalid parameter/, 'mock colour=red'],
        ['timeout', qr/invalid parameter/,
            "stripe $url key_file=$dir/gw-key timeout=x"],
    ) {
        my ($name, $why, $value) = @$case;
        bad($name, 'boxoffice_gateway', $why, { gateway => $value });
    }

    my $warning = qr/\[warn\] no "boxoffice_gateway" is defined: the mock/;
    like +(tested({}))[1], $warning, 'the mock is not there without a word';
    unlike +(tested({ gateway => $_ }))[1], $warning, "said: $_"
        for 'mock', "stripe $url key_file=$dir/gw-key";

    bad('twice', 'boxoffice_gateway', qr/another of this name/,
        { gateway => ['mock', 'mock'] });
    bad('an account twice', 'boxoffice_gateway', qr/this key is already in "shop"/,
        { gateway => ["stripe $url key_file=$dir/gw-key name=shop",
            "stripe $url key_file=$dir/gw-key"] });
    good('two of a kind', { gateway => [
        "stripe $url key_file=$dir/gw-key name=shop",
        "stripe $url key_file=$dir/gw-other"] });

    my ($status, $output) = tested({ gateway => "stripe $url "
        . "key_file=$dir/gw-space" });
    unlike $output, qr/a key with/, 'no key is shown';
};


$t->done;
done_testing;
