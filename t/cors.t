# boxoffice_cors: what a browser on another origin may see.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW);
use Boxoffice::Test::Booking qw(hold);

my $GOOD = 'https://tickets.example';
my $PORT = 'http://localhost:3000';

my $t = Boxoffice::Test->new(nodes => 2,
    conf => { cors => "$GOOD $PORT" });

my %ours = (
    show  => '/api/v1/shows/' . SHOW,
    map   => '/api/v1/shows/' . SHOW . '/seatmap',
    list  => '/api/v1/shows',
    holds => '/api/v1/holds',
);

# The headers of an answer that speak about origins.
sub cors ($r) {
    return { map { lc($_) => $r->header($_) } grep { defined $r->header($_) }
        map { "Access-Control-$_" } qw(Allow-Origin Allow-Methods Allow-Headers
            Allow-Credentials Expose-Headers Max-Age) };
}


sub preflight ($path, $origin, $method = 'POST', %o) {
    return $t->request('OPTIONS', $path, undef, headers => {
        Origin => $origin, 'Access-Control-Request-Method' => $method,
        'Access-Control-Request-Headers' => 'content-type,idempotency-key' },
        %o);
}


subtest 'preflight' => sub {
    for my $origin ($GOOD, $PORT) {
        for my $path (values %ours) {
            my $r = preflight($path, $origin);
            is [$r->code, $r->body], [204, ''], "$origin, $path";
            is cors($r), {
                'access-control-allow-origin'  => $origin,
                'access-control-allow-methods' => 'GET, POST, PUT, PATCH, DELETE',
                'access-control-allow-headers' => match(
                    qr/Content-Type.*Idempotency-Key.*If-Match.*X-Api-Key.*
                    X-Request-Id/x),
                'access-control-max-age' => match(qr/\A\d+\z/),
            }, 'what it may do';
            is $r->header('vary'), 'Origin', 'caches keep origins apart';
        }
    }
};


subtest 'origins that are not named' => sub {
    for my $origin ('https://evil.example', 'null', '*', '', 'tickets.example',
        "$GOOD.evil.example", "$GOOD:444", "$GOOD/", 'http://tickets.example',
        "https://evil.example, $GOOD", "$GOOD $PORT", 'x' x 2000)
    {
        my $name = substr $origin, 0, 40;
        my $r    = preflight($ours{holds}, $origin);
        is [$r->code, cors($r)], [405, {}], "'$name': no preflight";

        $r = $t->get($ours{show}, headers => { Origin => $origin });
        is [$r->code, cors($r)], [200, {}], "'$name': no permission";
    }
};


subtest 'answers' => sub {
    my $want = { 'access-control-allow-origin' => $GOOD,
        'access-control-expose-headers' => match(
            qr/X-Request-Id.*Retry-After.*ETag/) };
    my $r;

    for my $path (sort values %ours) {
        next if $path eq $ours{holds};
        $r = $t->get($path, headers => { Origin => $GOOD });
        is [$r->code, cors($r), $r->header('vary')],
            [200, $want, match(qr/\AOrigin\b/)], $path;
    }

    my $tag = $t->get($ours{map})->header('etag');
    $r = $t->get($ours{map}, headers => { Origin => $GOOD,
        'If-None-Match' => $tag });
    is [$r->code, cors($r)], [304, $want], '304';

    $r = $t->post($ours{holds}, { showId => SHOW, seatIds => ['A1'] },
        user => 'ann', headers => { Origin => $GOOD });
    is [$r->code, cors($r)], [201, $want], '201';

    $r = $t->get("$ours{holds}/x", headers => { Origin => $GOOD });
    is [$r->code, cors($r)], [404, $want], 'an error, too';

    $r = $t->post($ours{holds}, {}, headers => { Origin => $GOOD });
    is [$r->code, cors($r)], [401, $want], 'without a user';

    $r = $t->get($ours{show}, headers => { Origin => uc $GOOD });
    is $r->header('access-control-allow-origin'), $GOOD,
        "the operator's spelling goes out";

    $r = $t->get($ours{show});
    is cors($r), {}, 'no origin, no headers';
};


subtest 'a preflight touches nothing' => sub {
    hold($t, 'bob', SHOW, ['B1']);
    my $keys = $t->redis->dbsize;
    preflight($ours{holds}, $GOOD) for 1 .. 20;
    is $t->redis->dbsize, $keys, 'no key more';
    is $t->get('/healthz', headers => { Origin => $GOOD })
        ->header('access-control-allow-origin'), undef,
        'health is for nobody else';
};


subtest 'off' => sub {
    for my $off ('off', undef) {
        $t->reload(node => 2, cors => $off);
        my $name = $off // 'not there';
        is preflight($ours{holds}, $GOOD, 'POST', node => 2)->code, 405,
            "$name: no preflight";
        is cors($t->get($ours{show}, headers => { Origin => $GOOD },
            node => 2)), {}, "$name: no headers";
    }
};


$t->check_invariants;
$t->done;
done_testing;
