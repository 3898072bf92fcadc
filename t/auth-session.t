# Sessions of NextAuth 4 and Auth.js 5, and ID tokens of a provider whose keys
# are fetched: made by the real packages, in t/auth.

use v5.36;
use lib 't/lib';

use Boxoffice::Test   qw(SHOW);
use Boxoffice::Tokens qw(b64 spurt unb64);
use Cwd               ();
use File::Basename    qw(dirname);
use File::Temp        ();
use IPC::Open2        qw(open2);
use Mojo::JSON        qw(decode_json encode_json);
use Test2::V0;

my $maker = Cwd::abs_path(dirname(__FILE__)) . '/auth/make-tokens.mjs';
my $dir   = File::Temp->newdir('/tmp/bo-auth-XXXXXXXX');
chmod 0755, "$dir";

my ($node) = `node -p 'process.versions.node.split(".")[0]'` =~ /(\d+)/;

# What Node.js 18 has only when it is told to.
my @node = ('node', $node < 20 ? '--experimental-global-webcrypto' : ());

my $new = 'new secret of the site, 32 bytes or more';
my $old = 'old secret of the site, 32 bytes or more';
spurt("$dir/site", "$new\n$old\n");

# One maker for all, asked line by line.
sub maker ($kind) {
    my $pid = open2(my $out, my $in, @node, $maker, $kind);
    $in->autoflush(1);

    return {
        pid => $pid, in => $in, out => $out,
        ask => sub ($line) {
            print {$in} "$line\n";
            my $answer = <$out> // die 'the maker of tokens has ended';
            chomp $answer;
            return $answer;
        },
    };
}

sub finish ($maker) {
    close $maker->{in};
    waitpid $maker->{pid}, 0;
    return;
}

my $site = maker('session');

my %salt = (4 => undef, 5 => 'authjs.session-token');

sub session ($version, %o) {
    my $salt = exists $o{salt} ? $o{salt} : $salt{$version};

    return $site->{ask}->(encode_json({
        version => $version, secret => $o{secret} // $new,
        maxAge  => $o{maxAge} // 3600,
        token   => { sub => 'ann', name => 'Ann', %{ $o{token} // {} } },
        defined $salt ? (salt => $salt) : (),
    }));
}

my @sent;

my $t = Boxoffice::Test->new(
    auth => 'four five',
    conf => {
        auth_nextauth => ["four 4 $dir/site roles=role",
            "five 5 $dir/site roles=role"],
    },
    server_extra => <<~'END',
        large_client_header_buffers 4 32k;
        location /four/orders { boxoffice_auth four; boxoffice_orders; }
        location /five/orders { boxoffice_auth five; boxoffice_orders; }
        location = /who { add_header X-Who "<$boxoffice_user>"; return 204; }
        END
);

sub bearer ($token, %o) {
    push @sent, $token;
    return $t->get($o{path} // '/api/v1/orders',
        headers => { Authorization => "Bearer $token" });
}

sub cookie ($cookie, %o) {
    push @sent, $cookie;
    return $t->get($o{path} // '/who', headers => { Cookie => $cookie });
}

# A cookie in pieces, as the packages make them.
sub chunks ($name, $token, $size) {
    my $n = 0;
    return join '; ', map { "$name." . $n++ . "=$_" }
        unpack "(A$size)*", $token;
}


for my $version (4, 5) {
    my $name  = $version == 4 ? 'next-auth.session-token'
        : 'authjs.session-token';
    my $token = session($version);
    my $own   = $version == 4 ? '/four/orders' : '/five/orders';
    my $other = $version == 4 ? '/five/orders' : '/four/orders';

    subtest "version $version" => sub {
        is bearer($token)->code, 200, 'a bearer' for 1, 2;
        is cookie("$name=$token")->header('X-Who'), '<ann>', 'a cookie';
        is bearer($token, path => $own)->code, 200, 'where it is believed';
        is bearer($token, path => $other)->code, 401, 'not where it is not';

        my $secure = session($version, salt => $version == 5
            ? "__Secure-$name" : undef);
        is cookie("a=b; __Secure-$name=$secure")->header('X-Who'), '<ann>',
            'a cookie of https';

        my $older = session($version, secret => $old);
        is cookie("$name=$older")->header('X-Who'), '<ann>', 'the older secret';

        is bearer(session($version, secret => 'another secret of 32 bytes, or '
            . 'more'))->code, 401, "somebody else's secret";
        is bearer(session($version, maxAge => -61))->code, 401, 'expired';
        is bearer(session($version, maxAge => -50))->code, 200, 'within leeway';
        is bearer(session($version, token => { sub => 'a b' }))->code, 401,
            'no such user';

        my $long = session($version, token => { picture => 'x' x 6000 });
        ok length $long > 8000, 'a long one';
        is cookie(chunks($name, $long, 3933))->header('X-Who'), '<ann>',
            'in pieces';
        is cookie(chunks($name, $long, 3933) =~ s/\.1=/.5=/r)->header('X-Who'),
            '<>', 'a piece is missing';
        is cookie(chunks($name, session($version, token =>
            { picture => 'x' x 12_500 }), 3933))->header('X-Who'), '<>',
            'longer than any';

        my $admin = session($version, token => { role => 'ADMIN' });
        is $t->post('/api/v1/shows', {}, headers =>
            { Authorization => "Bearer $admin" })->code, 400, 'a role';
        is $t->post('/api/v1/shows', {}, headers =>
            { Authorization => "Bearer $token" })->code, 403, 'none';
        is $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['A1'] },
            headers => { Cookie => "$name=$token",
                Origin => 'https://evil.example' })->code, 403,
            "another site's page";
    };

    subtest "version $version, changed" => sub {
        my @part = split /\./, $token, -1;
        my $with = sub ($i, $text) {
            my @other = @part;
            $other[$i] = $text;
            return join '.', @other;
        };
        my $refused = sub ($text, $what) {
            my $r = bearer($text);
            is [$r->code, $r->header('WWW-Authenticate')],
                [401, 'Bearer error="invalid_token"'], $what;
        };
        my $header = decode_json(unb64($part[0]));
        my $enc    = $version == 4 ? 'A256GCM' : 'A256CBC-HS512';

        for my $i (2, 3, 4) {
            my $bytes = unb64($part[$i]);

            for my $at (0, length($bytes) >> 1, length($bytes) - 1) {
                my $copy = $bytes;
                substr($copy, $at, 1) ^.= "\1";
                $refused->($with->($i, b64($copy)), "part $i, byte $at");
            }

            $refused->($with->($i, b64(substr $bytes, 0, -1)), "part $i short");
            $refused->($with->($i, b64("$bytes\0")), "part $i long");
            $refused->($with->($i, ''), "part $i empty");
            $refused->($with->($i, "$part[$i]="), "part $i padded");
        }

        $refused->($with->(4, b64(substr unb64($part[4]), 0, $_)),
            "a tag of $_ bytes") for 1, 4, 12;
        $refused->($with->(1, b64('k' x 32)), 'an encrypted key');
        $refused->($with->(0, b64(encode_json({ %$header, %$_ }))),
            encode_json($_)) for { alg => 'A256KW' }, { alg => 'none' },
            { enc => 'A128GCM' }, { enc => 'A128CBC-HS256' },
            { enc => $version == 4 ? 'A256CBC-HS512' : 'A256GCM' },
            { zip => 'DEF' }, { crit => ['x'] }, { kid => 'x' },
            { kid => '/dev/null' }, { x => 1 };
        $refused->($with->(0, b64("{\"alg\":\"dir\",\"enc\":\"$enc\","
            . "\"enc\":\"$enc\"}")), 'a name twice');
        $refused->(join('.', @part[0 .. 3]), 'four parts');
        $refused->("$token.", 'six parts');
    };
}


subtest 'one salt is not the other' => sub {
    my $token = session(5, salt => '__Secure-authjs.session-token');

    is cookie("authjs.session-token=" . session(5, salt => 'x'))
        ->header('X-Who'), '<>', 'another salt';
    is bearer($token)->code, 200, 'a bearer may have either';
};


subtest 'a secret goes' => sub {
    my %kept = map { $_ => session($_) } 4, 5;
    my %gone = map { $_ => session($_, secret => $old) } 4, 5;

    is bearer($_)->code, 200, 'before' for values %kept, values %gone;
    spurt("$dir/site", "$new\n");
    $t->reload;
    is bearer($_)->code, 200, 'the newer stays' for values %kept;
    is bearer($_)->code, 401, 'the older is out, known or not'
        for values %gone;
};


subtest 'no session in a log' => sub {
    my $log = $t->node->log;

    is [ grep { index($log, substr $_, -20) >= 0 } @sent ], [], 'none';
    unlike $log, qr/secret of the site/, 'nor a secret';
};

finish($site);
$t->done;


subtest 'ID tokens of a provider' => sub {
    my $provider = maker('provider');
    my $about    = decode_json(scalar readline $provider->{out});
    my $token    = sub (%claims) {
        return $provider->{ask}->(encode_json({ sub => 'ann', aud => 'shop',
            %claims }));
    };

    my $oidc = Boxoffice::Test->new(
        auth => 'oidc',
        conf => {
            auth_jwt  => "oidc issuer=$about->{issuer} audience=shop roles=roles",
            auth_jwks => "oidc $about->{jwks} pause=1s",
        },
    );
    my $code = sub ($token) {
        return $oidc->get('/api/v1/orders',
            headers => { Authorization => "Bearer $token" })->code;
    };

    is $code->($token->()), 200, 'is taken, the first one at once';
    is $code->($token->(aud => 'other')), 401, "for somebody else's site";
    is $code->($token->(iss => 'http://localhost:1')), 401, 'of another issuer';
    is $code->($token->(exp => time - 100)), 401, 'expired';

    my $former = $token->();
    sleep 2;
    $provider->{ask}->('rotate');
    is $code->($token->()), 200, 'by a new key, which is fetched at once';
    is $code->($former), 200, 'and by the former, which is still there';

    finish($provider);
    is $code->($token), 401, 'nonsense' for 'x.y.z';
    is $code->($former), 200, 'the provider is away';
    $oidc->done;
};

done_testing;
