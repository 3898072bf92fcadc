# Who wants to be forgotten, is, and the books stay; and what administrators do
# with people.

use v5.36;
use lib 't/lib';

use Boxoffice::People qw(claims);
use Boxoffice::Test   qw(SHOW uuid);
use Mojo::JSON        qw(encode_json);
use Test2::V0;

my $p = Boxoffice::People->setup;
my $t = $p->t;
my $admin = $p->administrator;

sub refused ($r, $code, $error, $name) {
    is [$r->code, $r->error_code], [$code, $error], $name or diag $r->body;
    return;
}


# An order of somebody's that is paid.
sub bought ($who, $seat) {
    my %as = (headers => { Authorization => "Bearer $who->{accessToken}" });
    my $hold = $t->post('/api/v1/holds', { showId => SHOW,
        seatIds => [$seat] }, %as)->json;
    my $order = $t->post('/api/v1/orders', { holdId => $hold->{holdId},
        paymentMethod => 'CARD', customer => { name => $who->{user}{name},
        email => $who->{user}{email}, phone => '12345' } }, %as)->json;
    my $r = $t->post("/api/v1/orders/$order->{orderId}/confirm-payment",
        { paymentId => 'mock-ok-' . uuid() }, %as);

    is $r->code, 200, 'bought' or diag $r->body;
    return $r->json;
}


# All text of the database, but that of the tables that are left out.
sub dump_of (@words) {
    my @found;
    my $tables = $t->dbh->selectcol_arrayref(q{select table_name
        from information_schema.tables where table_schema = 'boxoffice'
          and table_type = 'BASE TABLE'});

    for my $table (@$tables) {
        for my $word (@words) {
            push @found, "$table: $word" if $t->dbh->selectrow_array(
                "select count(*) from boxoffice.$table x where x::text like ?",
                undef, "%$word%");
        }
    }

    return \@found;
}


# What the audit says of somebody, the latest first.
sub audited ($id) {
    my $r = $p->call('GET', "admin/audit?kind=person&objectId=$id", undef,
        token => $admin->{accessToken});
    return [map { [@$_{qw(who action before after)}] }
        $r->json->{items}->@*];
}


subtest 'DELETE /me' => sub {
    my $who   = $p->somebody(name => 'Forget Mee', phone => '+99 555');
    my $order = bought($who, 'A1');
    my $id    = $who->{user}{userId};
    my @words = ('Forget Mee', $who->{email}, '12345', '+99 555');
    my $ask   = sub (%body) { $p->call('DELETE', 'me', { %body },
        token => $who->{accessToken}) };

    ok dump_of(@words)->@* > 3, 'there is something to forget';
    refused($ask->(), 400, 'missing_field', 'needs the password');
    refused($ask->(password => 'x' x 10), 401, 'credentials_invalid',
        'the right one');
    is $ask->(password => $who->{password})->code, 204, 'erased';

    is dump_of(@words), [], 'nothing of it is left in the database';
    is audited($id), [[$id, 'erase', { role => 'CUSTOMER' }, undef]],
        'the audit knows that it was, and by whom';
    refused($p->login($who), 401, 'credentials_invalid', 'nobody logs in');
    refused($p->auth('refresh', { refreshToken => $who->{refreshToken} }), 401,
        'session_over', 'or goes on');
    refused($p->me($who->{accessToken}), 404, 'not_found', 'no account');
    refused($ask->(password => $who->{password}), 404, 'not_found', 'once more');

    my $kept = $t->dbh->selectrow_hashref('select * from orders '
        . 'where order_id = ?', undef, $order->{orderId});
    is [$kept->@{qw(user_id status amount ticket_code customer_name)}],
        [$id, 'CONFIRMED', $order->{amount}, $order->{ticketCode}, ''],
        'the books are as they were';
    is [$t->dbh->selectrow_array('select erased_at is not null, role from '
        . 'people where user_id = ?', undef, $id)], [1, 'CUSTOMER'],
        'and know that there was somebody';
    is [$t->dbh->selectrow_array('select muted from notification_preferences'
        . ' where user_id = ?', undef, $id)],
        [['email', 'sms', 'whatsapp', 'push']], 'who is told nothing';

    my $again = $p->somebody(email => $who->{email});
    isnt $again->{user}{userId}, $id, 'the address is free for another';
    is $t->get('/api/v1/orders', headers => { Authorization =>
        "Bearer $again->{accessToken}" })->json->{items}, [],
        'who has none of the orders';
    $t->check_invariants;
};


subtest 'by an administrator' => sub {
    my $who = $p->somebody(name => 'Somebody Else');
    my $id  = $who->{user}{userId};
    my $as  = sub ($method, $path, $body = undef, $token = $admin->{accessToken})
        { $p->call($method, "admin/people$path", $body, token => $token) };

    bought($who, 'C1');
    is $as->('GET', "/$id")->json, $who->{user}, 'read';
    is $as->('POST', '', { email => uc $who->{email} })->json, $who->{user},
        'found by address';
    refused($as->('POST', '', { email => 'no@example.com' }), 404, 'not_found',
        'nobody');
    refused($as->('GET', '/' . uuid()), 404, 'not_found', 'no such id');
    refused($as->($_->@*, $who->{accessToken}), 403, 'forbidden',
        "no customer: $_->[0]") for ['GET', "/$id", undef],
        ['PATCH', "/$id", { role => 'ADMIN' }], ['DELETE', "/$id", undef],
        ['POST', '', { email => $who->{email} }];

    is $as->('PATCH', "/$id", { role => 'STAFF' })->json->{role}, 'STAFF',
        'a role';
    refused($p->auth('refresh', { refreshToken => $who->{refreshToken} }), 401,
        'session_over', 'sessions end');
    my $in = $p->login($who)->json;
    is claims($in->{accessToken})->{roles}, 'STAFF', 'the next token says it';
    is $t->get('/api/v1/checkins?showId=' . SHOW, headers => { Authorization =>
        "Bearer $in->{accessToken}" })->code, 200, 'and it counts';
    is $as->('PATCH', "/$id", { role => 'STAFF' })->code, 200, 'the same again';
    is $p->auth('refresh', { refreshToken => $in->{refreshToken} })->code, 200,
        'ends nothing';
    refused($as->('PATCH', "/$id", { role => $_ }), 400, 'invalid_field', $_)
        for 'ROOT', 'admin', 'customer';

    is $as->('DELETE', "/$id")->code, 204, 'erased';
    is $as->('DELETE', "/$id")->code, 204, 'once more';
    refused($as->('DELETE', '/' . uuid()), 404, 'not_found', 'nobody');
    refused($as->('GET', "/$id"), 404, 'not_found', 'gone');
    refused($as->('PATCH', "/$id", { role => 'ADMIN' }), 404, 'not_found',
        'no role for nobody');
    is dump_of('Somebody Else', $who->{email}), [], 'nothing is left';
    is audited($id), [
        [$admin->{user}{userId}, 'erase', { role => 'STAFF' }, undef],
        [$admin->{user}{userId}, 'change', { role => 'CUSTOMER' },
            { role => 'STAFF' }]], 'the audit has each once, and its author';
    is audited($admin->{user}{userId}), [['operator', 'change',
        { role => 'CUSTOMER' }, { role => 'ADMIN' }]],
        'and who made the administrator';
};


# His token says ADMIN for some minutes more: nothing that he does with it makes
# that last.
subtest 'who was an administrator' => sub {
    my $who = $p->somebody->{user}{userId};

    for my $end (['PATCH', { role => 'CUSTOMER' }, 200], ['DELETE', undef, 204])
    {
        my ($method, $body, $code) = @$end;
        my $was = $p->administrator;
        my $id  = $was->{user}{userId};
        my $as  = sub ($method, $path, $body = undef) { $p->call($method,
            "admin/$path", $body, token => $was->{accessToken}) };

        is $as->('POST', "people/$who/password-reset")->code, 201, 'he may';
        is $p->call($method, "admin/people/$id", $body,
            token => $admin->{accessToken})->code, $code, "$method, by another";

        refused($as->(@$_), 403, 'forbidden', "@$_[0, 1]: no more") for
            ['PATCH', "people/$id", { role => 'ADMIN' }],
            ['PATCH', "people/$who", { role => 'ADMIN' }],
            ['POST', "people/$who/password-reset"],
            ['DELETE', "people/$who"],
            ['POST', 'api-keys', { name => 'mine', role => 'ADMIN',
                scopes => ['*:read', '*:write'] }];

        is $t->dbh->selectrow_arrayref(q{select
            (select count(*) from people where role = 'ADMIN'
                and user_id in (?, ?)),
            (select count(*) from api_keys where created_by = ?),
            (select count(*) from people where user_id = ?
                and erased_at is null)}, undef, $id, $who, $id, $who),
            [0, 0, 1], 'and nothing came of it';
    }
};


subtest 'whom others vouch for' => sub {
    my $order = bought($p->somebody(name => 'By Others'), 'D1');

    is $t->dbh->selectrow_array('select erase_customer(user_id) from orders'
        . ' where order_id = ?', undef, $order->{orderId}), 1,
        'a function forgets whose orders they are';
    is [grep { /orders/ } dump_of('By Others')->@*], [], 'in orders';
};


$t->done;
done_testing;
