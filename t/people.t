# Accounts: registering, logging in, refresh tokens, logging out, the profile,
# another password and another address; who guesses, and what is logged.

use v5.36;
use lib 't/lib';

use Boxoffice::People qw(claims);
use Boxoffice::Test::Booking qw(TIME);
use Boxoffice::Tokens qw(b64 unb64 slurp);
use Mojo::JSON        qw(encode_json);
use Test2::V0;
use Time::HiRes       qw(time);

my $UUID  = qr/\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/;
my $WRONG = 'not the password of anybody';

my $p = Boxoffice::People->setup(nodes => 2);
my $t = $p->t;

my @secrets;

sub refused ($r, $code, $error, $name) {
    is [$r->code, $r->error_code], [$code, $error], $name or diag $r->body;
    return $r;
}


subtest 'registering' => sub {
    my $r = $p->auth('register', { email => 'Ann@Example.com',
        password => Boxoffice::People::PASSWORD, name => "Ann \"A\" \x{e4}",
        phone => '+91 98765 43210' });
    my $json = $r->json;

    is $r->code, 201, 'registered' or diag $r->body;
    is $json->{user}, {
        userId => match($UUID), email => 'Ann@Example.com',
        name => "Ann \"A\" \x{e4}", phone => '+91 98765 43210',
        role => 'CUSTOMER', createdAt => match(TIME), updatedAt => match(TIME),
    }, 'the person';
    is [$json->@{qw(tokenType expiresIn refreshExpiresIn)}],
        ['Bearer', 600, 30 * 86400], 'the tokens';
    is $r->header('Cache-Control'), 'no-store', 'nobody keeps it';
    is $r->header('Set-Cookie'), undef, 'no cookie unless asked for';

    my $claims = claims($json->{accessToken});
    is $claims, { iss => 'https://box.example', aud => 'box',
        sub => $json->{user}{userId}, iat => D(), exp => $claims->{iat} + 600 },
        'what the token says';

    is $p->me($json->{accessToken}, node => 2)->json, $json->{user},
        'and whom it names, on another node';
    is $t->get('/api/v1/orders', headers => { Authorization =>
        "Bearer $json->{accessToken}" })->code, 200, 'the verifier takes it';

    refused($p->auth('register', { email => 'aNN@example.COM',
        password => Boxoffice::People::PASSWORD, name => 'Eve' }),
        409, 'email_taken', 'an address has no case');

    my ($phc, $hash) = $t->dbh->selectrow_array('select p.password,'
        . ' s.token_hash from people p join sessions s using (user_id)'
        . ' where user_id = ?', undef, $json->{user}{userId});

    like $phc, qr/\A\$argon2id\$v=19\$m=1024,t=1,p=1\$/, 'argon2id';
    is length $hash, 32, 'a hash of the refresh token';
    unlike encode_json([$phc, $hash]), qr/\Q$json->{refreshToken}\E/, 'only';
    push @secrets, $json->@{qw(accessToken refreshToken)};
};


subtest 'registering: what is refused' => sub {
    my %good = (email => 'good@example.com', name => 'Good',
        password => Boxoffice::People::PASSWORD);
    my @fields = (
        (map { [{ %good, email => $_ }, 'invalid_field'] } '', 'x', 'a@',
            '@b', 'a b@c.de', 'a@b@c', "a\@b\nc", 'a' x 250 . '@b.de', 5,
            undef, ['a@b.de']),
        (map { [{ %good, phone => $_ }, 'invalid_field'] } '', 'x', '+',
            '1' x 33, 5),
        (map { [{ %good, name => $_ }, 'invalid_field'] } '', 'x' x 201,
            "a\0b", 5),
        [{ %good, role => 'ADMIN' }, 'unknown_field'],
        [{ %good, userId => 'me' }, 'unknown_field'],
        [{ email => 'a@b.de', name => 'A' }, 'missing_field'],
        [{ %good, password => 'x' x 513 }, 'invalid_field'],
        [{ %good, cookies => 1 }, 'invalid_field'],
    );

    refused($p->auth('register', $_->[0]), 400, $_->[1], encode_json($_->[0]))
        for @fields;

    my %reason = (too_short => ['seven77', ''], too_long => ['horse' x 26],
        is_your_address => ['GOOD@example.com'],
        too_common => ['password', '12345678', 'aaaaaaaa']);

    for my $reason (sort keys %reason) {
        for my $word ($reason{$reason}->@*) {
            next if $word eq '';
            my $r = refused($p->auth('register', { %good, password => $word }),
                422, 'password_refused', "password $word");
            is $r->json->{error}{details}, { reason => $reason }, 'why';
        }
    }

    is $t->dbh->selectrow_array('select count(*) from people'), 1, 'nobody new';
    refused($p->call('POST', 'auth/login', 'x=1',
        headers => { 'Content-Type' => 'text/plain' }), 415,
        'unsupported_media_type', 'a form of a page');
    refused($p->call('GET', 'auth/login'), 405, 'method_not_allowed', 'GET');
    refused($p->auth('nothing'), 404, 'not_found', 'another name');
    refused($p->call('POST', 'auth', {}), 404, 'not_found', 'no name');
};


subtest 'logging in' => sub {
    my $who = $p->somebody;
    my $r   = $p->login($who, node => 2);

    is $r->code, 200, 'logged in' or diag $r->body;
    is $r->json->{user}, $who->{user}, 'the same person';
    isnt $r->json->{refreshToken}, $who->{refreshToken}, 'another session';
    is $p->login({ %$who, email => uc $who->{email} })->code, 200,
        'an address has no case';

    my @body = map { refused($_, 401, 'credentials_invalid', 'refused')->body
            =~ s/"(?:timestamp|requestId)":"[^"]*"//gr }
        $p->login({ %$who, password => $WRONG }),
        $p->login({ %$who, password => uc $who->{password} }),
        $p->login({ %$who, password => "$who->{password} " }),
        $p->login({ %$who, email => 'nobody@example.com' });
    is \@body, [($body[0]) x 4], 'nobody can tell whether there is somebody';

    push @secrets, $r->json->{accessToken}, $WRONG;

    my ($before, $after) = map { $p->login({ %$who,
            email => 'nobody@example.com' }) if $_;
        $t->get('/metrics')->body =~
            /^boxoffice_passwords_checked_total (\d+)$/m } 0, 1;
    is $after, $before + 1, 'a hash also for nobody';

    is $t->dbh->selectrow_array('select count(*) from sessions '
        . 'where user_id = ?', undef, $who->{user}{userId}), 3,
        'sessions for who proved it';
};


subtest 'a password is hashed anew when costs have risen' => sub {
    my $who = $p->somebody;
    my $m   = sub { ($t->dbh->selectrow_array('select password from people'
        . ' where user_id = ?', undef, $who->{user}{userId}))[0]
        =~ /m=(\d+),t=(\d+)/ ? "$1/$2" : '' };

    is $m->(), '1024/1', 'as it was';
    $t->reload(accounts => 'house HS256 ' . $p->file('key')
        . ' memory=2m passes=2');
    is $p->login($who)->code, 200, 'in';
    is $m->(), '2048/2', 'as it is now';
    is $p->login($who)->code, 200, 'in again';

    # Each has checked the password as it was hashed before.  All at the node
    # with these costs: the other would hash it by its own.
    $t->reload(accounts => 'house HS256 ' . $p->file('key')
        . ' memory=4m passes=3');
    my $all = $t->run_many(8, [map { ['POST', '/api/v1/auth/login',
        { email => $who->{email}, password => $who->{password} }] } 1 .. 8]);
    is [map { $_->code } @$all], [(200) x 8], 'from eight devices at once';
    is $m->(), '4096/3', 'hashed anew';
    $t->reload;
};


subtest 'refreshing' => sub {
    my $who  = $p->somebody;
    my $next = sub ($token, %o) { $p->auth('refresh',
        { refreshToken => $token }, %o) };
    my $r    = $next->($who->{refreshToken});
    my $one  = $r->json;

    is $r->code, 200, 'refreshed' or diag $r->body;
    is $one->{user}, $who->{user}, 'the same person';
    isnt $one->{refreshToken}, $who->{refreshToken}, 'another token';

    $r = $next->($who->{refreshToken}, node => 2);
    is [$r->code, $r->json->{refreshToken}], [200, $one->{refreshToken}],
        'a lost answer: the same successor, on any node';

    my $two = $next->($one->{refreshToken})->json;
    ok $two->{refreshToken}, 'and on';

    refused($next->($who->{refreshToken}), 401, 'session_over',
        'one from long ago');
    refused($next->($two->{refreshToken}), 401, 'session_over',
        'ends the family');
    is $t->dbh->selectrow_array('select count(*) from sessions '
        . 'where user_id = ?', undef, $who->{user}{userId}), 0, 'in the table';

    my $log = $t->node->log;
    like $log, qr/a refresh token came that was used before/, 'which is told';
    push @secrets, $one->{refreshToken}, $two->{refreshToken};
};


subtest 'refreshing: time' => sub {
    my $who = $p->somebody;
    my $one = $p->auth('refresh', { refreshToken => $who->{refreshToken} })
        ->json;

    $t->dbh->do("update sessions set rotated_at = now() - interval '31 s'"
        . ' where user_id = ?', undef, $who->{user}{userId});
    refused($p->auth('refresh', { refreshToken => $who->{refreshToken} }),
        401, 'session_over', 'half a minute later it is no lost answer');
    refused($p->auth('refresh', { refreshToken => $one->{refreshToken} }),
        401, 'session_over', 'so the family ends');

    $who = $p->login($who)->json;
    $t->dbh->do('update sessions set expires_at = now()'
        . ' where user_id = ?', undef, $who->{user}{userId});
    refused($p->auth('refresh', { refreshToken => $who->{refreshToken} }),
        401, 'session_over', 'expired');

    $who = $p->somebody;
    $t->dbh->do("update sessions set ends_at = now() + interval '50 s',"
        . " expires_at = now() + interval '5 s' where user_id = ?", undef,
        $who->{user}{userId});
    $p->auth('refresh', { refreshToken => $who->{refreshToken} });
    my $left = $t->dbh->selectrow_array('select extract(epoch from '
        . 'expires_at - now()) from sessions where user_id = ?', undef,
        $who->{user}{userId});
    ok $left > 20 && $left <= 50, 'never beyond the end of the session';
};


subtest 'refresh tokens that are none' => sub {
    my $who   = $p->somebody;
    my $bytes = unb64($who->{refreshToken});
    my $other = $p->somebody;

    for my $token ('x', 'A' x 70, b64("\0" x 52), b64($bytes . 'x'),
        "$who->{refreshToken}=", $who->{accessToken},
        b64(substr($bytes, 0, 16) . "\0\0\0\0" . substr $bytes, 20),
        b64(substr($bytes, 0, 16) . "\xff\xff\xff\xff" . substr $bytes, 20))
    {
        my $r = $p->auth('refresh', { refreshToken => $token });
        is $r->code, length $token > 256 ? 400 : 401, substr $token, 0, 12;
    }

    is $p->auth('refresh', { refreshToken => $who->{refreshToken} })->code, 200,
        'the real one is as good as before';
    refused($p->auth('refresh', {}), 400, 'missing_field', 'none');

    $bytes = unb64($other->{refreshToken});
    substr($bytes, 30, 1) ^.= "\1";
    refused($p->auth('refresh', { refreshToken => b64($bytes) }), 401,
        'session_over', 'a wrong secret of a session that is');
    refused($p->auth('refresh', { refreshToken => $other->{refreshToken} }), 401,
        'session_over', 'ends that session');
};


subtest 'many at once with one refresh token' => sub {
    my $who = $p->somebody;
    my $rs  = $t->run_many(10, [ map { ['POST', '/api/v1/auth/refresh',
        { refreshToken => $who->{refreshToken} }, key => undef,
        node => 1 + $_ % 2] } 1 .. 10 ]);
    my %next = map { ($_->json->{refreshToken} // $_->code) => 1 } @$rs;

    is [map { $_->code } @$rs], [(200) x 10], 'all are answered';
    is scalar keys %next, 1, 'with one successor';
    is $p->auth('refresh', { refreshToken => (keys %next)[0] })->code, 200,
        'which is good';
};


subtest 'logging out' => sub {
    my $who = $p->somebody;
    my @in  = map { $p->login($who)->json } 1 .. 3;

    is $p->auth('logout', { refreshToken => $in[0]{refreshToken} })->code, 204,
        'out';
    is $p->auth('logout', { refreshToken => $in[0]{refreshToken} })->code, 204,
        'once more';
    refused($p->auth('refresh', { refreshToken => $in[0]{refreshToken} }), 401,
        'session_over', 'it is over');
    is $p->auth('refresh', { refreshToken => $in[1]{refreshToken} })->code, 200,
        'the others are not';

    refused($p->auth('logout', { everywhere => Mojo::JSON->true }), 401,
        'unauthorized', 'everywhere needs to know whom');
    is $p->auth('logout', { everywhere => Mojo::JSON->true },
        token => $in[1]{accessToken})->code, 204, 'everywhere';
    refused($p->auth('refresh', { refreshToken => $in[2]{refreshToken} }), 401,
        'session_over', 'all are over');
    refused($p->auth('logout', {}), 400, 'missing_field', 'of what?');

    $p->login($who) for 1 .. 23;
    is $t->dbh->selectrow_array('select count(*) from sessions '
        . 'where user_id = ?', undef, $who->{user}{userId}), 20,
        'twenty sessions at the most';
};


subtest 'the profile' => sub {
    my $who   = $p->somebody(phone => '12345');
    my $token = $who->{accessToken};
    my $patch = sub ($body) { $p->call('PATCH', 'me', $body,
        token => $token) };

    is $p->me($token)->json, $who->{user}, 'read';
    is $patch->({ name => 'Other' })->json->{name}, 'Other', 'another name';
    is $p->me($token)->json->{phone}, '12345', 'the rest stays';
    is $patch->({ phone => '' })->json->{phone}, undef, 'no telephone';
    is $patch->({})->json->{name}, 'Other', 'nothing is nothing';

    refused($patch->($_), 400, 'unknown_field', encode_json($_))
        for { role => 'ADMIN' }, { email => 'x@y.de' }, { userId => 'eve' },
            { password => 'x' x 10 };
    refused($patch->({ phone => 'x' }), 400, 'invalid_field', 'no number');
    refused($p->call('GET', 'me'), 401, 'unauthorized', 'nobody');
    refused($p->call('PUT', 'me', {}, token => $token), 405,
        'method_not_allowed', 'PUT');
    is $p->call('PUT', 'me', {}, token => $token)->header('Allow'),
        'GET, HEAD, PATCH, DELETE', 'what is allowed';
    refused($p->call('PUT', 'me/role', { role => 'ADMIN' }, token => $token),
        404, 'not_found', 'nothing else');
};


subtest 'another password' => sub {
    my $who    = $p->somebody;
    my $other  = $p->login($who)->json;
    my $change = sub ($old, $new, %o) { $p->call('PUT', 'me/password',
        { password => $old, newPassword => $new },
        token => $who->{accessToken}, %o) };

    refused($change->($WRONG, 'quite another one'), 401, 'credentials_invalid',
        'needs the old one');
    refused($change->($who->{password}, 'password1'), 422, 'password_refused',
        'a good one');
    refused($change->($who->{password}, $who->{email}), 422,
        'password_refused', 'not the address');

    my $r = $change->($who->{password}, 'quite another one');
    is $r->code, 200, 'changed' or diag $r->body;
    refused($p->login($who), 401, 'credentials_invalid', 'the old one is none');
    is $p->login({ %$who, password => 'quite another one' })->code, 200,
        'the new one is';
    refused($p->auth('refresh', { refreshToken => $_ }), 401, 'session_over',
        'sessions ended') for $who->{refreshToken}, $other->{refreshToken};
    is $p->auth('refresh', { refreshToken => $r->json->{refreshToken} })->code,
        200, 'but the new one';
    push @secrets, 'quite another one';
};


subtest 'another address' => sub {
    my $who    = $p->somebody;
    my $taken  = $p->somebody;
    my $change = sub ($password, $email) { $p->call('PUT', 'me/email',
        { password => $password, email => $email },
        token => $who->{accessToken}) };

    refused($change->($WRONG, 'new@example.com'), 401, 'credentials_invalid',
        'needs the password');
    refused($change->($who->{password}, uc $taken->{email}), 409, 'email_taken',
        'not that of somebody');
    refused($change->($who->{password}, 'x'), 400, 'invalid_field',
        'an address');
    is $change->($who->{password}, 'New@Example.com')->json->{email},
        'New@Example.com', 'changed';
    refused($p->login($who), 401, 'credentials_invalid', 'not by the old one');
    is $p->login({ %$who, email => 'new@example.com' })->code, 200,
        'by the new one';
    is $p->somebody(email => $who->{email})->{user}{email}, $who->{email},
        'the old one is free';
};


subtest 'cookies' => sub {
    my %body = (email => 'cookie@example.com', name => 'Cookie',
        password => Boxoffice::People::PASSWORD, cookies => Mojo::JSON->true);
    my $r    = $p->auth('register', \%body);
    my @set  = $r->{head} =~ /^Set-Cookie: (.*?)\r?$/mgi;

    is $r->code, 201, 'registered';
    is [sort keys $r->json->%*], [qw(expiresIn refreshExpiresIn user)],
        'scripts see no token';
    like $set[0], qr{\Abox=[^;]+; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax\z},
        'the access token';
    like $set[1], qr{\Abox-refresh=[^;]+; Path=/api/v1/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict\z},
        'the refresh token, for logging in only';

    my ($access, $refresh) = map { /\A([^;]+)/ } @set;
    my $with = sub ($cookie, %more) { (headers => { Cookie => $cookie,
        %more }) };
    my $host = '127.0.0.1:' . $t->node->port;

    is $p->call('GET', 'me', undef, $with->("a=b; $access"))->code, 200,
        'read by a cookie';
    is $p->call('PATCH', 'me', { name => 'X' }, $with->($access,
        Origin => "http://$host"))->code, 200, 'a page of ours writes';
    refused($p->call('PATCH', 'me', { name => 'Y' }, $with->($access,
        Origin => 'https://evil.example')), 403, 'forbidden', 'no other does');
    is $p->call('GET', 'me', undef, $with->($access))->json->{name}, 'X',
        'and did not';

    refused($p->auth($_, {}, $with->($refresh,
        Origin => 'https://evil.example')), 403, 'forbidden', $_)
        for qw(refresh logout);
    refused($p->auth('login', { email => 'cookie@example.com',
        password => Boxoffice::People::PASSWORD, cookies => Mojo::JSON->true },
        headers => { Origin => 'https://evil.example' }), 403, 'forbidden',
        'nobody is logged in from elsewhere');
    refused($p->auth('refresh', {}, $with->($access)), 400, 'missing_field',
        'an access token refreshes nothing');

    $r = $p->auth('refresh', {}, $with->($refresh));
    is $r->code, 200, 'refreshed by its cookie';
    @set = $r->{head} =~ /^Set-Cookie: (.*?)\r?$/mgi;
    is scalar @set, 2, 'two new cookies';
    is $r->json->{refreshToken}, undef, 'and no token for scripts';

    ($access) = $set[0] =~ /\A([^;]+)/;
    $r = $p->call('PUT', 'me/password', { cookies => Mojo::JSON->true,
        password => Boxoffice::People::PASSWORD,
        newPassword => 'another horse, another staple' }, $with->($access,
        Origin => "http://$host"));
    is $r->code, 200, 'another password';
    @set = $r->{head} =~ /^Set-Cookie: (.*?)\r?$/mgi;
    like $set[1], qr{\Abox-refresh=[^;]+; Path=/api/v1/auth; },
        'its session goes on where one logs in';
    ($refresh) = $set[1] =~ /\A([^;]+)/;
    $r = $p->auth('refresh', {}, $with->($refresh));
    is $r->code, 200, 'and does';
    @set = $r->{head} =~ /^Set-Cookie: (.*?)\r?$/mgi;

    my ($next) = $set[1] =~ /\A([^;]+)/;
    $r = $p->auth('logout', {}, $with->($next));
    is $r->code, 204, 'out';
    like $r->{head}, qr/^Set-Cookie: box=; .*Max-Age=0;/mi, 'cookies go';
    like $r->{head}, qr/^Set-Cookie: box-refresh=; .*Max-Age=0;/mi, 'both';
    refused($p->auth('refresh', {}, $with->($next)), 401, 'session_over', 'over');
    push @secrets, map { s/\A[^=]+=//r } $access, $refresh;
};


subtest 'guesses' => sub {
    my $who = $p->somebody;
    my $other = $p->somebody;

    $t->reload(limit_zone => 'identity:64k key=identity rate=6r/h burst=3',
        accounts => 'house HS256 ' . $p->file('key')
            . ' memory=1m passes=1 limit=identity');

    is $p->login($who)->code, 200, 'who knows it is not counted' for 1 .. 6;
    refused($p->login({ %$who, password => $WRONG }), 401,
        'credentials_invalid', 'a guess') for 1 .. 3;

    my $r = refused($p->login({ %$who, email => uc $who->{email},
        password => $WRONG }), 429, 'rate_limited', 'one too many');
    ok $r->header('Retry-After') >= 590, 'come back later';
    is $r->json->{error}{details}, { limit => 'identity' }, 'by which limit';
    refused($p->login($who), 429, 'rate_limited', 'the right one, too');

    is $p->login($other)->code, 200, 'others are not concerned';

    # nobody has looked at it: no guess
    my $lock = $t->new_dbh;
    $lock->begin_work;
    $lock->do('lock table people in access exclusive mode');
    my @in = ('POST', '/api/v1/auth/login', { email => $other->{email},
        password => $other->{password} });
    is [map { $_->code } $t->run_many(3, [map { [@in] } 1 .. 3])->@*],
        [(503) x 3], 'the database does not answer' for 1 .. 3;
    $lock->rollback;
    is $t->wait_until(sub { $p->login($other)->code == 200 }, 10), 1,
        'who came again all the time gets in';
    refused($p->login({ email => 'nobody@example.com', password => $WRONG }),
        401, 'credentials_invalid', 'nobody') for 1 .. 3;
    refused($p->login({ email => 'nobody@example.com', password => $WRONG }),
        429, 'rate_limited', 'is limited like somebody');

    my $put = sub ($what, %more) { $p->call('PUT', "me/$what",
        { password => $WRONG, %more }, token => $other->{accessToken}) };
    refused($put->('email', email => 'n@example.com'), 401,
        'credentials_invalid', 'a guess with a token') for 1 .. 3;
    refused($put->('password', newPassword => 'x' x 4 . 'abcdef'), 429,
        'rate_limited', 'counts as one');

    # nor are addresses tried out by who has an account
    my $asks   = $p->somebody;
    my $change = sub ($email) { $p->call('PUT', 'me/email',
        { password => $asks->{password}, email => $email },
        token => $asks->{accessToken}) };
    is $change->("asks$_\@example.com")->code, 200, 'a free one costs nothing'
        for 1 .. 4;
    refused($change->($who->{email}), 409, 'email_taken', 'a taken one')
        for 1 .. 3;
    refused($change->($who->{email}), 429, 'rate_limited', 'is a guess');
    $t->reload;
};


subtest 'the operator makes an administrator' => sub {
    my $who  = $p->somebody;
    my $made = $t->dbh->selectrow_array('select set_person_role(?, ?)', undef,
        uc $who->{email}, 'ADMIN');

    is $made, $who->{user}{userId}, 'by address';
    refused($p->auth('refresh', { refreshToken => $who->{refreshToken} }), 401,
        'session_over', 'sessions end');

    my $in = $p->login($who)->json;
    is [$in->{user}{role}, claims($in->{accessToken})->{roles}],
        ['ADMIN', 'ADMIN'], 'the role is in the token';
    is $t->post('/api/v1/shows', {}, headers => { Authorization =>
        "Bearer $in->{accessToken}" })->code, 400, 'an administrator';
    is $t->post('/api/v1/shows', {}, headers => { Authorization =>
        "Bearer $who->{accessToken}" })->code, 403, 'a customer';
    ok !eval { $t->dbh->do("select set_person_role('x\@y.de', 'ADMIN')"); 1 },
        'nobody cannot be one';
};


subtest 'sessions that are over' => sub {
    my $who  = $p->somebody;
    my $left = sub { $t->dbh->selectrow_array('select count(*) from sessions'
        . ' where user_id = ?', undef, $who->{user}{userId}) };

    $t->dbh->do("update sessions set expires_at = now() - interval '2 days'"
        . ' where user_id = ?', undef, $who->{user}{userId});
    is $left->(), 1, 'there';

    $t->reload;     # a new worker's jobs begin at once
    $t->wait_until(sub { $left->() == 0 }, 20, 'and gone');
};


subtest 'nothing of it in a log' => sub {
    my $log = join '', map { $t->node($_)->log
        . slurp($t->dir . "/node$_/logs/access.log") } 1, 2;

    for my $secret (@secrets, Boxoffice::People::PASSWORD, '@example.com',
        '%40example.com', 'the key that signs')
    {
        is index($log, $secret), -1, 'not there: ' . substr $secret, 0, 16;
    }
};


$t->done;
done_testing;
