# Who has lost a password: a code that an administrator makes, which is good
# once and for an hour, and another password for it.

use v5.36;
use lib 't/lib';

use Boxoffice::People ();
use Boxoffice::Test   qw(uuid);
use Boxoffice::Test::Booking qw(TIME);
use Boxoffice::Tokens qw(slurp);
use DBD::Pg           ();
use Digest::SHA       qw(sha256_hex);
use IO::Socket::INET  ();
use Mojo::JSON        qw(encode_json);
use Test2::V0;

my $CODE = qr/\A(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{5}\z/;
my $NEW  = 'quite another horse';

my $p = Boxoffice::People->setup(nodes => 2);
my $t = $p->t;
my $admin = $p->administrator;
my @secrets;

sub refused ($r, $code, $error, $name) {
    is [$r->code, $r->error_code], [$code, $error], $name or diag $r->body;
    return $r;
}


sub make ($id, $token = $admin->{accessToken}) {
    return $p->call('POST', "admin/people/$id/password-reset", undef,
        token => $token);
}


# A code for somebody.
sub code_for ($who) {
    my $r = make($who->{user}{userId});

    die 'no code: ', $r->code, ' ', $r->body if $r->code != 201;
    push @secrets, $r->json->{code};

    return $r->json->{code};
}


sub reset_by ($code, $password = $NEW, %o) {
    return $p->auth('reset', { code => $code, password => $password }, %o);
}


# How many codes and how many sessions somebody has.
sub rows ($who) {
    my $id = $who->{user}{userId};

    return [map { scalar $t->dbh->selectrow_array("select count(*) from $_"
        . ' where user_id = ?', undef, $id) } qw(password_resets sessions)];
}


# Numbers of passwords that were hashed, and checked.
sub hashes {
    return [$t->get('/metrics')->body
        =~ /^boxoffice_passwords_(?:made|checked)_total (\d+)$/mg];
}


# Locks somebody's row for a time, shorter than a statement of the server's
# waits for a lock; returns what waits for its end.
sub hold ($who) {
    my $dbh = $t->new_dbh;
    my $id  = $dbh->quote($who->{user}{userId});

    $dbh->do("do \$\$ begin perform from people where user_id = $id"
        . ' for update; perform pg_sleep(0.2); end $$', {
        pg_async => DBD::Pg::PG_ASYNC });
    $t->wait_until(sub { $t->dbh->selectrow_array('select count(*) from'
        . q{ pg_stat_activity where datname = current_database() and}
        . q{ wait_event = 'PgSleep'}) }, 10);

    return sub { $dbh->pg_result; $dbh->disconnect };
}


# The words of an answer, without what is another each time.
sub words ($r) {
    return [$r->code, $r->body =~ s/"(?:timestamp|requestId)":"[^"]*"//gr];
}


subtest 'the way back' => sub {
    my $who   = $p->somebody;
    my $other = $p->login($who)->json;
    my $r     = make($who->{user}{userId});
    my $made  = $r->json;

    is $r->code, 201, 'a code' or diag $r->body;
    is $made, { code => match($CODE), expiresAt => match(TIME) },
        'and until when it is good';
    is $r->header('Cache-Control'), 'no-store', 'nobody keeps it';
    push @secrets, $made->{code}, $NEW;

    is $t->dbh->selectrow_hashref('select user_id, code_hash,'
        . ' rfc3339(expires_at) ends, extract(epoch from expires_at -'
        . ' created_at)::int life, created_at > now() - interval'
        . q{ '1 minute' fresh from password_resets}), {
        user_id => $who->{user}{userId}, ends => $made->{expiresAt},
        code_hash => pack('H*', sha256_hex($made->{code})), life => 3600,
        fresh => 1 }, 'the database has its hash, for an hour';
    is $p->login($who)->code, 200, 'nothing has ended yet';
    is rows($who), [1, 3], 'three sessions';

    $r = reset_by($made->{code}, $NEW, node => 2);
    is $r->code, 200, 'another password' or diag $r->body;
    is $r->json, { $other->%*, user => { $who->{user}->%*,
        updatedAt => match(TIME) }, accessToken => T(), refreshToken => T() },
        'the answer is that of logging in';
    is $r->header('Set-Cookie'), undef, 'no cookie unless asked for';
    is rows($who), [0, 1], 'the code is gone, and all sessions but one';

    refused($p->auth('refresh', { refreshToken => $_ }), 401, 'session_over',
        'a session of before') for $who->{refreshToken},
        $other->{refreshToken};
    is $p->auth('refresh', { refreshToken => $r->json->{refreshToken} })->code,
        200, 'the new one goes on';
    is $p->me($r->json->{accessToken})->code, 200, 'the token is good';
    refused($p->login($who), 401, 'credentials_invalid',
        'the lost password is none');
    is $p->login({ %$who, password => $NEW })->code, 200, 'the new one is';
    refused(reset_by($made->{code}, 'a third horse'), 401, 'code_invalid',
        'a code is good once');
    is $p->login({ %$who, password => $NEW })->code, 200, 'nothing changed';
};


subtest 'who may make one' => sub {
    my $who   = $p->somebody;
    my $id    = $who->{user}{userId};
    my $staff = $p->somebody;

    $t->dbh->do('select set_person_role(?, ?)', undef, $staff->{email},
        'STAFF');
    $staff = $p->login($staff)->json;

    refused(make($id, $who->{accessToken}), 403, 'forbidden',
        'nobody for himself');
    refused(make($id, $staff->{accessToken}), 403, 'forbidden', 'no staff');
    refused(make($id, undef), 401, 'unauthorized', 'nobody');

    my $key = $p->call('POST', 'admin/api-keys', { name => 'till',
        role => 'ADMIN', scopes => ['*:read', '*:write'] },
        token => $admin->{accessToken})->json->{key};
    refused($t->request('POST', "/api/v1/admin/people/$id/password-reset",
        undef, key => undef, headers => { 'X-Api-Key' => $key }), 403,
        'forbidden', 'no service, whatever its role');

    refused(make(uuid()), 404, 'not_found', 'for nobody');
    refused(make('me'), 404, 'not_found', 'no id');
    refused($p->call('GET', "admin/people/$id/password-reset", undef,
        token => $admin->{accessToken}), 405, 'method_not_allowed', 'GET');
    is rows($who), [0, 1], 'none was made';
    is make(uc $id)->code, 201, 'an id has no case';
};


subtest 'another code' => sub {
    my $who = $p->somebody;
    my ($one, $two) = map { code_for($who) } 1, 2;

    isnt $two, $one, 'is another one';
    is rows($who), [1, 1], 'there is one at a time';
    refused(reset_by($one), 401, 'code_invalid', 'the one before is worthless');
    is reset_by($two)->code, 200, 'the last one is good';
};


subtest 'a code that is over' => sub {
    my $who  = $p->somebody;
    my $code = code_for($who);
    my @use  = (sha256_hex($code), '$argon2id$v=19$', uuid(), '00' x 32, 9, 9);

    $t->dbh->do('update password_resets set expires_at = now() where'
        . ' user_id = ?', undef, $who->{user}{userId});
    refused(reset_by($code), 401, 'code_invalid', 'over');
    is $t->dbh->selectrow_array('select outcome from reset_password(?, ?, ?,'
        . ' ?, ?, ?)', undef, @use), 'unknown', 'also for who looked in time';
    is rows($who), [1, 1], 'nothing ended';
    is $p->login($who)->code, 200, 'the password is as it was';

    $t->dbh->do(q{update password_resets set expires_at = now() + interval}
        . q{ '1 minute' where user_id = ?}, undef, $who->{user}{userId});
    is reset_by($code)->code, 200, 'it was for its end alone';

    code_for($who);
    $t->dbh->do(q{update password_resets set expires_at = now() - interval}
        . q{ '2 days' where user_id = ?}, undef, $who->{user}{userId});
    is $t->dbh->selectrow_array('select purge_sessions(1000)'), 1,
        'what is long over is cleared away';
    is rows($who)->[0], 0, 'it is';
};


subtest 'wrong, used, over: nobody can tell' => sub {
    my ($used, $over) = map { code_for($p->somebody) } 1, 2;

    is reset_by($used)->code, 200, 'used';
    $t->dbh->do('update password_resets set expires_at = now() where'
        . q{ code_hash = decode(?, 'hex')}, undef, sha256_hex($over));

    my $before = hashes();
    my @words  = map { words(reset_by($_)) } $used, $over,
        '7ZK4-0QH2-MX9B-3TDFA', '0000-0000-0000-00000', 'x', '-',
        "\x{20ac}" x 20;

    is $words[0][0], 401, 'refused';
    like $words[0][1], qr/"code":"code_invalid"/, 'by its own code';
    is \@words, [($words[0]) x 7], 'in the same words, whatever is wrong';
    is hashes(), $before, 'and nobody was worked for';
};


subtest 'as people type it' => sub {
    my $as = sub ($change) {
        my $code = code_for($p->somebody);
        return reset_by($change->($code))->code;
    };

    is $as->(sub ($code) { lc $code }), 200, 'in lower case';
    is $as->(sub ($code) { $code =~ tr/-//dr }), 200, 'in one piece';
    is $as->(sub ($code) { $code =~ tr/-/ /r }), 200, 'with blanks';
    is $as->(sub ($code) { $code =~ tr/01/oi/r }), 200, 'o for 0, i for 1';
    is $as->(sub ($code) { substr $code, 0, -1 }), 401, 'but all of it';
};


subtest 'what is refused' => sub {
    my $who  = $p->somebody;
    my $code = code_for($who);
    my %good = (code => $code, password => $NEW);

    refused($p->auth('reset', $_->[0]), 400, $_->[1], encode_json($_->[0]))
        for [{ %good, email => 'a@b.de' }, 'unknown_field'],
            [{ %good, userId => 'me' }, 'unknown_field'],
            [{ code => $code }, 'missing_field'],
            [{ password => $NEW }, 'missing_field'],
            [{}, 'missing_field'],
            (map { [{ %good, code => $_ }, 'invalid_field'] } '', 5, undef,
                [$code], 'x' x 65),
            (map { [{ %good, password => $_ }, 'invalid_field'] } '', 5, undef,
                'x' x 513),
            [{ %good, cookies => 1 }, 'invalid_field'];

    refused($p->auth('reset', qq({"code":"$code","code":"$code",)
        . qq("password":"$NEW"})), 400, 'duplicate_field', 'a field twice');
    refused($p->auth('reset', qq({"code":"$code")), 400, 'invalid_json',
        'half a body');
    refused($p->auth('reset', "code=$code",
        headers => { 'Content-Type' => 'text/plain' }), 415,
        'unsupported_media_type', 'a form of a page');
    refused($p->call('GET', 'auth/reset'), 405, 'method_not_allowed', 'GET');
    refused($p->auth('reset', { %good, cookies => Mojo::JSON->true },
        headers => { Origin => 'https://evil.example' }), 403, 'forbidden',
        'nobody is logged in from elsewhere');

    my %reason = (too_short => ['seven77'], too_long => ['horse' x 26],
        too_common => ['password', 'aaaaaaaa'],
        is_your_address => [uc $who->{email}]);

    for my $reason (sort keys %reason) {
        for my $word ($reason{$reason}->@*) {
            my $r = refused(reset_by($code, $word), 422, 'password_refused',
                "password $word");
            is $r->json->{error}{details}, { reason => $reason }, 'why';
        }
    }

    refused(reset_by('x', 'seven77'), 422, 'password_refused',
        'which says nothing of the code');
    is rows($who), [1, 1], 'the code is as good as before';

    my $r   = $p->auth('reset', { %good, cookies => Mojo::JSON->true });
    my @set = $r->{head} =~ /^Set-Cookie: (.*?)\r?$/mgi;
    is $r->code, 200, 'the right one' or diag $r->body;
    is [sort keys $r->json->%*], [qw(expiresIn refreshExpiresIn user)],
        'with cookies scripts see no token';
    like \@set, [qr{\Abox=[^;]+; Path=/; },
        qr{\Abox-refresh=[^;]+; Path=/api/v1/auth; }], 'as at a login';
};


subtest 'many at once with one code: one wins' => sub {
    my $who  = $p->somebody;
    my $code = code_for($who);
    my $end  = hold($who);
    my $rs   = $t->run_many(6, [ map { ['POST', '/api/v1/auth/reset',
        { code => $code, password => "horse number $_" }, key => undef,
        node => 1 + $_ % 2] } 1 .. 6 ]);

    $end->();
    is [sort map { $_->code } @$rs], [200, (401) x 5], 'one';
    is [map { $_->error_code } grep { $_->code == 401 } @$rs],
        [('code_invalid') x 5], 'the others had none';
    is rows($who), [0, 1], 'no code, and one session of one';

    my ($won) = grep { $rs->[$_ - 1]->code == 200 } 1 .. 6;
    is [grep { $p->login({ %$who, password => "horse number $_" })->code == 200
        } 1 .. 6], [$won], 'whose password it is now';
};


subtest 'a password that was found again' => sub {
    my $who  = $p->somebody;
    my $code = code_for($who);

    is $p->call('PUT', 'me/password', { password => $who->{password},
        newPassword => $NEW }, token => $who->{accessToken})->code, 200,
        'changed by who knew it';
    refused(reset_by($code, 'a third horse'), 401, 'code_invalid',
        'makes the code worthless');
};


subtest 'an account that is erased' => sub {
    my $who  = $p->somebody;
    my $id   = $who->{user}{userId};
    my $code = code_for($who);

    is $p->call('DELETE', "admin/people/$id", undef,
        token => $admin->{accessToken})->code, 204, 'erased';
    is rows($who), [0, 0], 'its code is gone';
    refused(reset_by($code), 401, 'code_invalid', 'worthless');
    refused(make($id), 404, 'not_found', 'and there is no other');
    is $t->dbh->selectrow_array('select password from people where'
        . ' user_id = ?', undef, $id), undef, 'no password either';
};


# An answer to who asks from another address of this machine.
sub from ($address, $code) {
    my $body   = encode_json({ code => $code, password => $NEW });
    my $socket = IO::Socket::INET->new(LocalAddr => $address,
        PeerAddr => '127.0.0.1:' . $t->node->port) or die "$address: $@";

    print {$socket} "POST /api/v1/auth/reset HTTP/1.0\r\n"
        . "Content-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    return (<$socket> // '') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
}


subtest 'guesses' => sub {
    my $who = $p->somebody;

    $t->reload(limit_zone => 'identity:64k key=identity rate=6r/h burst=3',
        accounts => 'house HS256 ' . $p->file('key')
            . ' memory=1m passes=1 limit=identity');

    is reset_by(code_for($who))->code, 200, 'who has a code is not counted'
        for 1 .. 6;
    refused(reset_by("guess number $_"), 401, 'code_invalid', 'a guess')
        for 1 .. 3;

    my $before = hashes();
    my $code   = code_for($who);
    my $r = refused(reset_by('guess number 4'), 429, 'rate_limited',
        'one too many');
    ok $r->header('Retry-After') >= 590, 'come back later';
    is $r->json->{error}{details}, { limit => 'identity' }, 'by which limit';
    refused(reset_by($code), 429, 'rate_limited', 'the right one, too');
    is hashes(), $before, 'which orders no hash';
    is $p->login({ %$who, password => $NEW })->code, 200,
        'an identity is not concerned';
    is from('127.0.0.2', 'a guess'), 401, 'nor is another address';
    is from('127.0.0.2', $code), 200, 'the code is good there';
    $t->reload;
};


subtest 'the audit' => sub {
    my $who  = $p->somebody;
    my $id   = $who->{user}{userId};
    my $made = make($id)->json;
    push @secrets, $made->{code};

    my $r = $p->call('GET', "admin/audit?kind=person&objectId=$id", undef,
        token => $admin->{accessToken});
    is [map { [@$_{qw(who action kind before after)}] }
        $r->json->{items}->@*], [[$admin->{user}{userId}, 'reset', 'person',
        undef, { expiresAt => $made->{expiresAt} }]],
        'who made a code, for whom, for how long' or diag $r->body;

    my $all = encode_json($t->dbh->selectall_arrayref(
        'select who, was::text, is_now::text from admin_audit'));
    is [grep { index($all, $_) >= 0 } map { ($_, sha256_hex($_)) } @secrets],
        [], 'neither a code nor its hash';
};


subtest 'nothing of it in a log' => sub {
    my $log = join '', map { $t->node($_)->log
        . slurp($t->dir . "/node$_/logs/access.log") } 1, 2;

    is [grep { index($log, $_) >= 0 } map { ($_, sha256_hex($_)) } @secrets],
        [], 'no code, no password';
};


$t->done;
done_testing;
