# Who somebody is, by a token: what is taken, every attack that is not, keys
# that change, roles; and that no token is ever in a log.

use v5.36;
use lib 't/lib';

use Boxoffice::Test   qw(SHOW uuid);
use Boxoffice::Tokens qw(b64 unb64 raw_token slurp spurt);
use Crypt::JWT        qw(encode_jwt);
use Crypt::PK::RSA    ();
use Crypt::PK::ECC    ();
use Crypt::PK::Ed25519 ();
use File::Temp        ();
use IO::Socket::INET  ();
use Mojo::JSON        qw(encode_json);
use Test2::V0;
use Time::HiRes       qw(sleep);

my $dir = File::Temp->newdir('/tmp/bo-auth-XXXXXXXX');
chmod 0755, "$dir";

my $keys   = Boxoffice::Tokens->new("$dir");
my $secret = $keys->{secret};

spurt("$dir/old", 'the secret before that one, long enough');

my $jwk = sub ($class, $file, $kid) {
    my $key = $class->new("$dir/$file.pub")->export_key_jwk('public', 1);
    return { %$key, kid => $kid };
};

spurt("$dir/jwks.json", encode_json({ keys => [
    { %{ $jwk->('Crypt::PK::RSA', 'rsa2', 'r2') }, use => 'sig',
        alg => 'RS256' },
    { %{ $jwk->('Crypt::PK::ECC', 'ec', 'e2') }, use => 'sig' },
    { %{ $jwk->('Crypt::PK::Ed25519', 'ed', 'd2') } },
    { %{ $jwk->('Crypt::PK::RSA', 'rsa2', 'enc') }, use => 'enc' },
    { %{ $jwk->('Crypt::PK::RSA', 'rsa2', 'ps') }, alg => 'PS256' },
    { %{ $jwk->('Crypt::PK::ECC', 'k1', 'k1') } },
    { kty => 'oct', kid => 'o2', k => b64('a secret in a document of keys, 32') },
    { kty => 'what', kid => 'x' },
] }));

my @auth_key = (
    "shop HS256 $dir/secret", "shop HS256 $dir/old",
    "shop HS256 $dir/secret kid=h1",
    "shop RS256 $dir/rsa.pub kid=r1", "shop ES256 $dir/ec.pub kid=e1",
    "shop EdDSA $dir/ed.pub kid=d1",
);

my $t = Boxoffice::Test->new(
    auth => 'shop',
    conf => {
        auth_zone => 'tokens:1m',
        auth_jwt  => 'shop issuer=https://id.example audience=shop '
            . 'audience=door roles=roles cookie=shop-token',
        auth_key  => \@auth_key,
        auth_jwks => "shop $dir/jwks.json",
    },
    server_extra => <<~'END',
        large_client_header_buffers 4 32k;
        location /development/ {
            boxoffice_auth shop development;
            location /development/orders { boxoffice_orders; }
        }
        location /off/orders { boxoffice_auth off; boxoffice_orders; }
        location = /who {
            add_header X-Who "<$boxoffice_user>"; return 204;
        }
        END
);

my @sent;

sub ask ($token, %o) {
    push @sent, $token if length $token > 30;
    return $t->get($o{path} // '/api/v1/orders', headers => {
        'X-Request-Id' => 'same', %{ $o{headers} // {} },
        Authorization  => ($o{scheme} // 'Bearer') . " $token",
    });
}


sub good ($token, $name, %o) {
    my $r = ask($token, %o);
    is $r->code, 200, $name or diag $r->body;
    return;
}


my $body;

# The same answer whatever is wrong.
sub refused ($token, $name, %o) {
    my $r    = ask($token, %o);
    my $text = $r->body =~ s/"timestamp":"[^"]*"//r;

    $body //= $text;
    is [$r->code, $r->header('WWW-Authenticate'), $text],
        [401, 'Bearer error="invalid_token"', $body], $name;
    return;
}


subtest 'what is good' => sub {
    good($keys->hs256, 'HS256');
    good(encode_jwt(alg => 'HS256', payload => $keys->claims,
        key => 'the secret before that one, long enough'), 'the older secret');
    good($keys->signed('HS256', $secret, { kid => 'h1' }), 'HS256 with kid');
    good($keys->signed('RS256', $keys->pem('rsa'), { kid => 'r1' }), 'RS256');
    good($keys->signed('ES256', $keys->pem('ec'), { kid => 'e1' }), 'ES256')
        for 1 .. 3;
    good($keys->signed('EdDSA', Crypt::PK::Ed25519->new("$dir/ed"),
        { kid => 'd1' }), 'EdDSA');
    good($keys->signed('RS256', $keys->pem('rsa2'), { kid => 'r2' }),
        'RS256 by the document');
    good($keys->signed('ES256', $keys->pem('ec'), { kid => 'e2' }),
        'ES256 by the document');
    good($keys->signed('EdDSA', Crypt::PK::Ed25519->new("$dir/ed"),
        { kid => 'd2' }), 'EdDSA by the document');
    good($keys->signed('HS256', 'a secret in a document of keys, 32',
        { kid => 'o2' }), 'HS256 by the document');

    good($keys->hs256, 'a scheme has no case', scheme => $_)
        for qw(bearer BEARER);
    good($keys->signed('HS256', $secret, { typ => $_ }), "typ $_")
        for qw(JWT jwt at+jwt);
    good($keys->hs256(aud => ['other', 'door']), 'one of several audiences');
    good($keys->hs256(exp => time - 58), 'within the leeway');
    good($keys->hs256(nbf => time + 58, iat => time + 58), 'nearly valid');
    good($keys->signed('HS256', $secret, { jwk => { kty => 'oct' },
        x5c => ['AAAA'] }), 'what is not looked at');

    my $token = $keys->hs256(sub => 'auth0|carol');
    is ask($token, path => '/who')->header('X-Who'), '<auth0|carol>', 'a variable'
        for 1, 2;
};


subtest 'nobody' => sub {
    my $r = $t->get('/api/v1/orders');

    is $r->code, 401, 'without a token';
    is $r->header('WWW-Authenticate'), 'Bearer', 'no error of a token';

    $r = $t->get('/api/v1/orders', headers => { Authorization => 'Basic YTpi' });
    is [$r->code, $r->header('WWW-Authenticate')], [401, 'Bearer'],
        'another scheme';

    $r = $t->get('/api/v1/orders?access_token=' . $keys->hs256);
    is $r->code, 401, 'a token in the query';

    $r = $t->get('/api/v1/orders', user => 'ann',
        headers => { 'x-user-role' => 'ADMIN' });
    is [$r->code, $r->header('WWW-Authenticate')], [401, 'Bearer'],
        'the headers of development';

    is ask($keys->hs256, path => '/off/orders')->code, 401, 'switched off';
    is $t->get('/api/v1/shows', headers => { Authorization => 'Bearer x' })->code,
        200, 'what is public needs no token';
};


subtest 'development where it is allowed' => sub {
    is $t->get('/development/orders', user => 'ann')->code, 200, 'a header';
    is ask($keys->hs256, path => '/development/orders')->code, 200, 'a token';

    my $r = $t->get('/development/orders', user => 'ann',
        headers => { Authorization => 'Bearer x.y.z' });
    is $r->code, 401, 'a bad token is not made good by a header';
    $r = $t->get('/development/orders', user => 'ann',
        headers => { Cookie => 'shop-token=x.y.z' });
    is $r->code, 200, 'a cookie that is of no use is no answer';
};


my $now    = time;
my $claims = encode_json($keys->claims);
my $header = '{"alg":"HS256"}';

subtest 'algorithms' => sub {
    for my $alg ('"none"', '"None"', '"nOnE"', '""', '256', '["HS256"]',
        'null', '"hs256"', '"HS384"', '"HS512"', '"PS256"', '"ES256K"', '"x"')
    {
        refused(raw_token("{\"alg\":$alg}", $claims, $secret), "alg $alg");
        refused(b64("{\"alg\":$alg}") . '.' . b64($claims) . '.',
            "alg $alg, not signed");
    }

    refused(raw_token('{"typ":"JWT"}', $claims, $secret), 'no alg');

    for my $pem (${ $keys->pem('rsa.pub') }, ${ $keys->pem('rsa.pub') } =~ s/\n\z//r)
    {
        refused(raw_token($_, $claims, $pem), 'HS256 by the public key')
            for '{"alg":"HS256","kid":"r1"}', $header;
    }

    refused(raw_token($header, $claims, ''), 'an empty key');
    refused(raw_token('{"alg":"HS256","kid":"r1"}', $claims, $secret),
        'HS256 where RS256 is expected');
    refused($keys->signed('RS256', $keys->pem('rsa'), { kid => 'h1' }),
        'RS256 where HS256 is expected');
    refused($keys->signed('ES256', $keys->pem('ec'), { kid => 'r1' }),
        'ES256 where RS256 is expected');
    refused($keys->signed('RS256', $keys->pem('rsa2'), { kid => 'r1' }),
        "another's key");
    refused($keys->signed('RS256', $keys->pem('rsa2'), { kid => $_ }),
        "a key of the document that is not for this: $_") for qw(enc ps);
    refused($keys->signed('ES256K', $keys->pem('k1'), { kid => 'k1' }),
        'secp256k1');
};


subtest 'ids of keys' => sub {
    my $rs256 = sub ($header) {
        return $keys->signed('RS256', $keys->pem('rsa'), $header);
    };

    refused($rs256->({}), 'none');
    refused($rs256->({ kid => $_ }), "kid $_")
        for 'r9', '../../dev/null', '/etc/passwd', q{r1' or '1'='1}, 'R1', '';
    refused(raw_token("{\"alg\":\"HS256\",\"kid\":$_}", $claims, $secret),
        "kid $_") for '"h1\u0000"', '["h1"]', '1', 'null', '{}';
    refused(raw_token('{"alg":"HS256","kid":"' . 'k' x 5000 . '"}', $claims,
        $secret), 'a long one');
};


subtest 'headers that bring their own key' => sub {
    my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
        Blocking => 0) or die;
    my $url = 'http://127.0.0.1:' . $listener->sockport . '/keys.json';
    my $own = $jwk->('Crypt::PK::RSA', 'rsa2', 'evil');

    for my $extra ({ jwk => $own }, { jku => $url, kid => 'evil' },
        { x5u => $url, kid => 'evil' }, { jku => $url }, { jku => $url,
            x5u => $url, kid => 'r1' }, { x5c => ['MIIB'], kid => 'r1' })
    {
        refused($keys->signed('RS256', $keys->pem('rsa2'), $extra),
            encode_json($extra));
    }

    good($keys->signed('RS256', $keys->pem('rsa'), { jku => $url,
        x5u => $url, kid => 'r1' }), 'with our key they say nothing');

    sleep 0.5;
    ok !$listener->accept, 'nobody was asked';
};


subtest 'headers that change the meaning' => sub {
    refused(raw_token($_, $claims, $secret), $_) for
        '{"alg":"HS256","crit":["x"],"x":1}', '{"alg":"HS256","crit":["exp"]}',
        '{"alg":"HS256","crit":[]}', '{"alg":"HS256","b64":false}',
        '{"alg":"HS256","b64":false,"crit":["b64"]}',
        '{"alg":"HS256","zip":"DEF"}', '{"alg":"HS256","typ":"pass+jwt"}',
        '{"alg":"HS256","typ":"logout+jwt"}', '{"alg":"HS256","typ":1}',
        '{"alg":"HS256","enc":"A256GCM"}', '{"alg":"none","alg":"HS256"}',
        '{"alg":"HS256","alg":"HS256"}', '{"alg":"HS256",}', '["HS256"]',
        "\xff", '';
    refused(b64($header) . '.' . b64($claims) . '.' . 'A' x 43, 'a zero mac');
};


subtest 'signatures' => sub {
    my $token = $keys->hs256;
    my ($input, $mac) = $token =~ /\A(.*)\.(.*)\z/;
    my $bytes = unb64($mac);

    refused("$input.", 'empty');
    refused($input, 'absent');
    refused("$input." . b64(substr $bytes, 0, -1), 'a byte short');
    refused("$input." . b64("$bytes\0"), 'a byte long');

    for my $bit (0 .. 8 * length($bytes) - 1) {
        my $other = $bytes;
        vec($other, $bit, 1) ^= 1;
        my $r = ask("$input." . b64($other));
        is $r->code, 401, "bit $bit" if $r->code != 401 || $bit % 64 == 0;
    }

    refused("$input.$mac=", 'padded');
    refused("$input." . ($mac =~ tr{-_}{+/}r) . '+', 'the other alphabet');
    refused($input . '.' . ($mac =~ s/(.)\z/chr(ord($1) ^ 1)/er),
        'bits that are left over');
    refused("$input." . 'A' x 21830, '21,830 characters');
    refused("$input.$mac$_", 'and more') for '.', 'A', '%3D', ' x', '~';

    my $e1 = '{"alg":"ES256","kid":"e1"}';
    my $sign = sub ($input) {
        return Crypt::PK::ECC->new("$dir/ec")
            ->sign_message_rfc7518($input, 'SHA256');
    };
    good(raw_token($e1, $claims, $sign), 'r and s');
    refused(raw_token($e1, $claims, sub ($input) {
        return Crypt::PK::ECC->new("$dir/ec")->sign_message($input, 'SHA256');
    }), 'DER');
    refused(raw_token($e1, $claims, sub { "\0" x 64 }), 'r = 0, s = 0');
    refused(raw_token($e1, $claims, sub ($i) {
        return "\0" x 32 . substr $sign->($i), 32 }), 'r = 0');
    refused(raw_token($e1, $claims, sub ($i) {
        return substr($sign->($i), 0, 32) . "\0" x 32 }), 's = 0');
    refused(raw_token($e1, $claims, sub { "\xff" x 64 }), 'beyond the order');
    refused(raw_token('{"alg":"EdDSA","kid":"d1"}', $claims,
        sub { "\0" x 64 }), 'EdDSA, zeros');
    refused(raw_token('{"alg":"RS256","kid":"r1"}', $claims,
        sub { "\0" x 255 . "\1" }), 'RSA, one');
};


subtest 'forms' => sub {
    my $token = $keys->hs256;
    my ($h, $p, $s) = split /\./, $token;

    refused($_, 'form: ' . substr $_, 0, 20) for 'x', '.', '..', '...', $h,
        "$h.$p", "$token.$s", "$token.$s.$s", "$h..$s", ".$p.$s", "$h .$p.$s",
        '{"payload":"' . $p . '","signatures":[]}', "\"$token\"",
        "$h.$p.$s,$h.$p.$s";
    refused(raw_token($header, $token, $secret), 'a token in a token');
    refused(raw_token($header, $claims =~ s/\}\z/,"x":"@{['x' x 4096]}"}/r,
        $secret), 'more than 4 KB');
};


subtest 'claims' => sub {
    my $exp = time + 300;
    my $of  = sub ($text) {
        return raw_token($header, '{"iss":"https://id.example","aud":"shop",'
            . "\"sub\":\"ann\",$text}", $secret);
    };

    good($of->("\"exp\":$exp"), 'as it should be');
    refused($of->($_), $_) for "\"exp\":$exp,\"exp\":$exp",
        "\"exp\":$exp,\"\\u0065xp\":$exp", "\"exp\":\"$exp\"",
        "\"exp\":$exp.5", '"exp":1e308', '"exp":-1',
        '"exp":9223372036854775808', '"exp":null', '"iat":1',
        "\"exp\":$exp,\"nbf\":\"1\"", "\"exp\":$exp,\"sub\":\"eve\"",
        "\"exp\":$exp,", "\"exp\":$exp}{";

    refused($keys->hs256(exp => time - 62), 'expired');
    refused($keys->hs256(nbf => time + 90), 'not yet');
    refused($keys->hs256(iat => time + 90), 'from the future');
    refused($keys->hs256(aud => $_), 'aud ' . encode_json([$_]))
        for 'other', ['other'], [], undef, 1, '';
    refused($keys->hs256(iss => $_), 'iss ' . encode_json([$_]))
        for 'https://id.example/', undef, 1, ['https://id.example'];
    refused($keys->hs256(sub => $_), 'sub ' . encode_json([$_])) for undef, '',
        'a' x 65, "a\r\nb", 'a b', '{a}', ['ann'], 'visitor:1', "\x{e4}";
    refused($keys->hs256(sub => 'a' x 3000), 'sub of 3 KB');
};


subtest 'a token ends while it is known' => sub {
    my $token = $keys->hs256(exp => time - 57);

    good($token, 'before');
    $t->wait_until(sub { ask($token)->code == 401 }, 15, 'and is refused');
    refused($token, 'as any other');
};


subtest 'two headers' => sub {
    my $token = $keys->hs256(sub => 'twice');

    push @sent, $token;

    my $r = $t->run_many(1, [['GET', '/api/v1/orders', undef, headers => {
        Authorization => "Bearer $token\r\nAuthorization: Bearer $token" }]]);
    is $r->[0]->code, 400, 'are one too many';
};


subtest 'roles' => sub {
    my $put = sub ($role) {
        return $t->post('/api/v1/shows', {}, headers => { Authorization =>
            'Bearer ' . $keys->hs256(roles => $role) })->code;
    };

    is $put->('ADMIN'), 400, 'an administrator gets as far as the fields';
    is $put->(['x', 'ADMIN']), 400, 'one role of several';
    is $put->('openid ADMIN'), 400, 'in a text of words';
    is $put->($_), 403, encode_json([$_]) . ' does not'
        for undef, 'CUSTOMER', 'STAFF', 'admin', ['STAFF'], [], { ADMIN => 1 };
};


subtest "somebody else's things" => sub {
    my $as = sub ($user, %claims) {
        return (headers => { Authorization => 'Bearer '
            . $keys->hs256(sub => $user, %claims) });
    };
    my $r = $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['A1'] },
        $as->('ann'));

    is $r->code, 201, 'held';
    is $r->json->{userId}, 'ann', 'by the subject';

    my $path = '/api/v1/holds/' . $r->json->{holdId};

    is $t->get($path, $as->('ann'))->code, 200, 'hers';
    is $t->get($path, $as->('bob'))->code, 404, 'not his';
    is $t->del($path, $as->('bob'))->code, 404, 'not his to release';
};


subtest 'cookies' => sub {
    my $token = $keys->hs256(sub => 'cookie');
    my $cookie = sub ($value, %more) {
        return $t->get('/api/v1/orders', headers => { Cookie => $value, %more });
    };

    is $cookie->("a=b; shop-token=$token; c=d")->code, 200, 'by a cookie';
    is $cookie->('shop-token.0=' . substr($token, 0, 50) . '; shop-token.1='
        . substr $token, 50)->code, 200, 'in two pieces';
    is $cookie->('shop-token.1=' . substr($token, 50) . '; shop-token.0='
        . substr $token, 0, 50)->code, 200, 'in any order';
    is $cookie->('shop-token.0=' . substr($token, 0, 50))->code, 401, 'one of two';
    is $cookie->("shop-token.1=$token")->code, 401, 'no first';
    is $cookie->("xshop-token=$token")->code, 401, 'another name';
    is $cookie->("shop-tokens=$token")->code, 401, 'a longer name';
    is $cookie->("shop-token=$token", Authorization => 'Bearer x.y.z')->code, 401,
        'the header comes first';
    is $cookie->("shop-token=x; shop-token=$token")->code, 401,
        'the first of two';

    my $post = sub (%headers) {
        return $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['B1'] },
            headers => { Cookie => "shop-token=$token", %headers })->code;
    };

    is $post->(Origin => 'https://evil.example'), 403, "another site's page";
    is $post->(), 201, 'no page';
    push @sent, $token;
};


subtest 'keys change' => sub {
    my $old = $keys->signed('RS256', $keys->pem('rsa'), { kid => 'r1' });
    my $kept = $keys->hs256(sub => 'kept');

    good($old, 'before');
    good($kept, 'another before');

    my $cut = time + 4;
    my @gmt = gmtime $cut;
    my $rfc = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $gmt[5] + 1900,
        $gmt[4] + 1, @gmt[3, 2, 1, 0];

    $t->reload(auth_key => [ (grep { !/r1/ } @auth_key),
        "shop RS256 $dir/rsa.pub kid=r1 until=$rfc" ]);

    good($old, 'until the cut');
    $t->wait_until(sub { time > $cut && ask($old)->code == 401 }, 15,
        'not from then on');
    refused($keys->signed('RS256', $keys->pem('rsa'), { kid => 'r1' }),
        'nor a new one');
    good($kept, 'what has another key stays');

    $t->reload(auth_key => [ grep { !m{/secret\z} } @auth_key ]);
    refused($kept, 'a key that is gone takes its known tokens with it');
    $t->reload(auth_key => \@auth_key);
    good($kept, 'and is back');

    $t->reload(auth_jwt => 'shop issuer=https://id.example audience=other');
    refused($kept, 'another rule counts for known tokens, too');
    $t->reload;
};


subtest 'a worker dies' => sub {
    my $token = $keys->hs256(sub => 'worker');

    good($token, 'before');
    $t->kill_worker;
    good($token, 'after');
};


subtest 'more tokens than there is room for' => sub {
    my @tokens = map { $keys->hs256(sub => "u$_") } 1 .. 12_000;
    my $codes  = {};

    $t->run_many(16, [ map { ['GET', '/who', undef, headers =>
        { Authorization => "Bearer $_" }] } @tokens ],
        sub ($r, @) { $codes->{ $r->code . ($r->header('X-Who') // '') =~
            s/<u\d+>/<u>/r }++ });
    is $codes, { '204<u>' => 12_000 }, 'each is somebody';
    is ask($tokens[0], path => '/who')->header('X-Who'), '<u1>', 'the right one';
};


subtest 'no token in a log' => sub {
    my $log = $t->node->log . slurp($t->dir . '/node1/logs/access.log');

    # at the level "info" nginx itself quotes a header that comes twice, before
    # a module is asked: docs/operation.md says to stay above it
    $log =~ s/^.*client sent duplicate header line: "Authorization.*\n//m;

    my @found = grep { index($log, substr $_, -20) >= 0 } @sent;

    ok @sent > 300, 'many were sent';
    is \@found, [], 'none was logged';
    like $log, qr/a token was refused: its signature is wrong/, 'why, is';
    unlike $log, qr/\Q$secret\E/, 'nor a secret';
};


$t->done;
done_testing;
