# Keys of services: made, shown once, bound to their scopes, revoked; and what
# they never open.

use v5.36;
use lib 't/lib';

use Boxoffice::People ();
use Boxoffice::Test   qw(SHOW uuid);
use Boxoffice::Test::Booking qw(TIME);
use Boxoffice::Tokens qw(slurp);
use Mojo::JSON        qw(encode_json);
use Test2::V0;
use Time::HiRes       qw(sleep time);

my $UUID = qr/\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/;

my $p = Boxoffice::People->setup(nodes => 2);
my $t = $p->t;
my $admin = $p->administrator;
my @keys;

sub make (%fields) {
    my $r = $p->call('POST', 'admin/api-keys', { name => 'till',
        role => 'ADMIN', scopes => ['*:read', '*:write'], %fields },
        token => $admin->{accessToken});
    push @keys, $r->json->{key} if $r->code == 201;
    return $r;
}


# A request with a key.
sub ask ($method, $path, $key, $body = undef, %o) {
    return $t->request($method, "/api/v1/$path", $body, %o,
        headers => { 'X-Api-Key' => $key });
}


sub refused ($r, $code, $error, $name) {
    is [$r->code, $r->error_code], [$code, $error], $name or diag $r->body;
    return;
}


subtest 'made, and shown once' => sub {
    my $r = make(scopes => ['orders:read', 'shows:write'],
        expiresAt => '2099-01-01T00:00:00Z', name => "The \"till\" \x{e4}");
    my $json = $r->json;

    is $r->code, 201, 'made' or diag $r->body;
    is $json, {
        keyId => match($UUID), name => "The \"till\" \x{e4}", role => 'ADMIN',
        scopes => ['orders:read', 'shows:write'],
        createdBy => $admin->{user}{userId}, createdAt => match(TIME),
        expiresAt => '2099-01-01T00:00:00.000Z', revokedAt => undef,
        key => match(qr/\Abo_[A-Za-z0-9_-]{43}\z/),
    }, 'the answer';

    my $list = $p->call('GET', 'admin/api-keys', undef,
        token => $admin->{accessToken});
    my %shown = %$json;
    delete $shown{key};
    is $list->json, { items => [\%shown], nextCursor => undef }, 'in the list';
    is index($list->body, substr $json->{key}, 5), -1, 'without the key';

    my $row = encode_json($t->dbh->selectrow_hashref('select key_id, name,'
        . q{ encode(secret_hash, 'hex') as hash, scopes::text from api_keys}));
    is index($row, $json->{key}), -1, 'nor does the database have it';

    make(name => "n$_") for 1 .. 4;
    my (@seen, $cursor);
    do {
        my $page = $p->call('GET', 'admin/api-keys?limit=2'
            . ($cursor ? "&cursor=$cursor" : ''), undef,
            token => $admin->{accessToken})->json;
        push @seen, map { $_->{name} } $page->{items}->@*;
        $cursor = $page->{nextCursor};
    } while ($cursor);
    is \@seen, ['n4', 'n3', 'n2', 'n1', "The \"till\" \x{e4}"], 'in pages';
};


subtest 'not made' => sub {
    refused(make(%$_), 400, 'invalid_field', encode_json($_)) for
        { role => 'ROOT' }, { role => 'admin' }, { role => '' },
        { scopes => [] }, { scopes => ['orders'] }, { scopes => ['x:read'] },
        { scopes => ['api_keys:write'] }, { scopes => ['me:read'] },
        { scopes => ['orders:read', 'orders:reed'] }, { scopes => 'orders:read' },
        { name => '' }, { expiresAt => 'soon' },
        { expiresAt => '2020-01-01T00:00:00Z' };
    refused(make(key => 'bo_mine'), 400, 'unknown_field', 'a key of ones own');
    refused($p->call('POST', 'admin/api-keys', {}), 401, 'unauthorized',
        'by nobody');
    refused($p->call('POST', 'admin/api-keys', {},
        token => $p->somebody->{accessToken}), 403, 'forbidden',
        'by a customer');
};


subtest 'used' => sub {
    my $made = make(role => 'CUSTOMER', scopes => ['orders:read',
        'holds:write', 'orders:write'])->json;
    my $key  = $made->{key};

    is ask('GET', 'orders', $key)->code, 200, 'in its own header';
    is $t->get('/api/v1/orders', node => 2, headers => { Authorization =>
        "Bearer $key" })->code, 200, 'as a bearer, on another node';

    my $r = ask('POST', 'holds', $key, { showId => SHOW, seatIds => ['A1'] });
    is $r->code, 201, 'a service holds seats' or diag $r->body;
    is $r->json->{userId}, "service.$made->{keyId}", 'in its own name';

    $r = ask('POST', 'orders', $key, { holdId => $r->json->{holdId},
        paymentMethod => 'CARD', customer => { name => 'Till', email =>
        'till@example.com' } });
    is $r->code, 201, 'and orders them' or diag $r->body;
    is ask('GET', 'orders/' . $r->json->{orderId}, $key)->code, 200, 'reads it';
    refused(ask('GET', 'orders/' . $r->json->{orderId},
        make(role => 'CUSTOMER')->json->{key}), 404, 'not_found',
        "another service's it is not");
};


subtest 'scopes and roles' => sub {
    my $reader = make(scopes => ['orders:read', 'dead_letters:read'])->json->{key};

    is ask('GET', 'orders', $reader)->code, 200, 'what it may read';
    is ask('GET', 'admin/dead-letters', $reader)->code, 200, 'as an administrator';
    refused(ask('POST', 'orders', $reader, {}), 403, 'forbidden',
        'it may not write');
    refused(ask('POST', 'holds', $reader, {}), 403, 'forbidden',
        'nor read or write something else');
    refused(ask('POST', 'shows', $reader, {}), 403, 'forbidden',
        'whatever its role');
    refused(ask('POST', 'shows', make(role => 'STAFF')->json->{key}, {}), 403,
        'forbidden', 'a role still counts');
    is ask('POST', 'shows', make()->json->{key}, {})->code, 400,
        'with both it gets to the fields';

    my $all = make()->json->{key};
    refused(ask($_->[0], $_->[1], $all, $_->[2]), 403, 'forbidden',
        "no key opens $_->[1]") for ['GET', 'admin/api-keys'],
        ['POST', 'admin/api-keys', { name => 'x', role => 'ADMIN',
            scopes => ['*:read'] }], ['GET', 'me'], ['PATCH', 'me', {}],
        ['GET', 'admin/people/' . $admin->{user}{userId}],
        ['DELETE', 'admin/people/' . $admin->{user}{userId}];
};


subtest 'what is no key' => sub {
    my $key = make()->json->{key};
    my $hash = $t->dbh->selectrow_array(
        q{select encode(secret_hash, 'hex') from api_keys
          order by created_at desc limit 1});

    for my $wrong ('bo_', 'x', 'bo_' . 'A' x 43, "${key}x", substr($key, 0, -1),
        uc $key, "bo_$hash", $hash, $admin->{accessToken})
    {
        my $r = ask('GET', 'orders', $wrong);
        is [$r->code, $r->header('WWW-Authenticate')],
            [401, 'Bearer error="invalid_token"'], substr $wrong, 0, 12;
    }

    refused($t->get('/api/v1/orders', headers => { 'X-Api-Key' => $key,
        Authorization => "Bearer $admin->{accessToken}" }), 401,
        'unauthorized', 'a key and a token');
    is $t->run_many(1, [['GET', '/api/v1/orders', undef, headers => {
        'X-Api-Key' => "$key\r\nX-Api-Key: $key" }]])->[0]->code, 401,
        'two keys';
    refused($t->get("/api/v1/orders?key=$key"), 401, 'unauthorized',
        'in the query');
    is ask('GET', 'orders', $key)->code, 200, 'the key itself is';
};


subtest 'revoked, and expired' => sub {
    my $made = make()->json;
    my $del  = sub ($id) { $p->call('DELETE', "admin/api-keys/$id", undef,
        token => $admin->{accessToken}) };

    is ask('GET', 'orders', $made->{key}, undef, node => $_)->code, 200,
        "good on node $_" for 1, 2;
    is $del->($made->{keyId})->code, 204, 'revoked';
    is ask('GET', 'orders', $made->{key})->code, 401, 'at once here';
    is $t->wait_until(sub { ask('GET', 'orders', $made->{key}, undef,
        node => 2)->code == 401 }, 20), 1, 'soon on all nodes';
    is $del->($made->{keyId})->code, 204, 'once more';
    refused($del->(uuid()), 404, 'not_found', 'none');
    refused($del->('x'), 404, 'not_found', 'no id');

    my $audit = $p->call('GET', "admin/audit?objectId=$made->{keyId}", undef,
        token => $admin->{accessToken});
    my %what = (name => 'till', role => 'ADMIN',
        scopes => ['*:read', '*:write'], expiresAt => undef);
    is [map { [@$_{qw(who action kind before after)}] }
        $audit->json->{items}->@*], [
        [$admin->{user}{userId}, 'revoke', 'api_key', \%what, undef],
        [$admin->{user}{userId}, 'create', 'api_key', undef, \%what]],
        'both are in the audit, once' or diag $audit->body;
    my $all = encode_json($t->dbh->selectall_arrayref(
        'select was::text, is_now::text from admin_audit'));
    is [grep { index($all, substr $_, 5) >= 0 } @keys], [],
        'without a key';

    my ($row) = grep { $_->{keyId} eq $made->{keyId} } $p->call('GET',
        'admin/api-keys?limit=100', undef, token => $admin->{accessToken})
        ->json->{items}->@*;
    like $row->{revokedAt}, TIME, 'it stays in the list';

    $made = make()->json;
    is ask('GET', 'orders', $made->{key})->code, 200, 'good';
    $t->dbh->do('update api_keys set expires_at = now() where key_id = ?',
        undef, $made->{keyId});
    is $t->wait_until(sub { ask('GET', 'orders', $made->{key})->code == 401 },
        20), 1, 'expired';
};


subtest 'the database does not answer' => sub {
    my $key = make()->json->{key};

    is ask('GET', 'shows', $key)->code, 200, 'what is public needs no key';
    my $other = $t->new_dbh;
    $other->begin_work;
    $other->do('lock table api_keys in access exclusive mode');
    my $r = ask('GET', 'orders', $key, undef);
    is $r->code, 503, 'a key that nobody knows is no wrong one';
    ok $r->header('Retry-After'), 'come again';
    $other->rollback;
    is $t->wait_until(sub { ask('GET', 'orders', $key)->code == 200 }, 20), 1,
        'and is good again';
};


subtest 'switched off' => sub {
    my $key = make()->json->{key};

    $t->node->{auth} = 'house';
    $t->reload;
    is ask('GET', 'orders', $key)->code, 401, 'where keys do not count';
    $t->node->{auth} = 'house keys';
    $t->reload;
};


subtest 'nothing of it in a log' => sub {
    my $log = join '', map { $t->node($_)->log
        . slurp($t->dir . "/node$_/logs/access.log") } 1, 2;

    is [grep { index($log, substr $_, 5) >= 0 } @keys], [], 'no key';
};


$t->done;
done_testing;
