# /checkins: every answer a scanner may get, ten of them at once, retries while
# workers are killed, scanners that were offline, and taking back.

use v5.36;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW THEATRE_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID booked metrics order);
use Mojo::JSON   qw(encode_json);
use Time::HiRes  qw(sleep);

my $t = Boxoffice::Test->new(nodes => 2, conf => {
    seats_per_user => 64, checkin_opens => '100d' });

my %staff = (user => 'usher', headers => { 'x-user-role' => 'STAFF' }, key => undef);
my %admin = (user => 'boss', headers => { 'x-user-role' => 'ADMIN' }, key => undef);


# A confirmed order, and the codes of its seats.
sub tickets ($user, $show, $seats) {
    my $order = booked($t, $user, $show, $seats);
    return ($order, map { $_->{code} } $t->get(
        "/api/v1/orders/$order->{orderId}/tickets", user => $user)
        ->json->{tickets}->@*);
}


sub body ($code, %o) {
    return { code => $code, nonce => uuid(), deviceId => 'gate-1', %o };
}


sub scan ($code, %o) { return $t->post('/api/v1/checkins', body($code, %o), %staff) }
sub reason ($r) { return $r->code == 200 ? $r->json->{reason} : $r->body }


sub refused ($r, $code, $error, $name) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    return;
}


sub value ($sql, @bind) { return scalar $t->dbh->selectrow_array($sql, undef, @bind) }


subtest 'admitted, once' => sub {
    my ($order, @codes) = tickets('ann', SHOW, [qw(A1 A2 A3 A4)]);
    my $body = body($codes[0], showId => SHOW);
    my $r    = $t->post('/api/v1/checkins', $body, %staff);

    is $r->code, 200, 'decided';
    my $in = $r->json;
    is $in, {
        admitted => T(), reason => 'admitted', replayed => F(),
        nonce => $body->{nonce}, seatId => 'A1', showId => SHOW,
        orderId => $order->{orderId}, checkinId => match(UUID),
        deviceId => 'gate-1', checkedInAt => match(TIME),
    }, 'the fields, and no others';

    is $t->post('/api/v1/checkins', $body, %staff, node => 2)->json,
        { %$in, replayed => T() }, 'the same nonce: the same, at any node';

    my $other = scan($codes[0], deviceId => 'gate-2')->json;
    is $other, { %$in, admitted => F(), reason => 'already_used',
        nonce => $other->{nonce} }, 'another: used, when and by which device';
    is reason(scan($codes[1], nonce => $body->{nonce})), 'nonce_reused',
        'a nonce is of its ticket';
    is [map { reason(scan($_)) } @codes[1 .. 3]], [('admitted') x 3],
        'each seat admits one';
    is value('select count(*) from checkins where order_id = ?',
        $order->{orderId}), 4, 'four rows';
    is [map { $_->[0] } $t->dbh->selectall_arrayref('select payload
        from outbox where aggregate_id = ? and type = ?', undef,
        $in->{checkinId}, 'ticket.checked_in')->@*],
        [match(qr/"seatId": "A1"/)], 'with its event';
};


subtest 'refused' => sub {
    my ($order, @codes) = tickets('ben', SHOW, [qw(B1 B2 B3)]);
    my $id = $order->{orderId};

    is scan($codes[0], showId => SMALL_SHOW)->json, {
        admitted => F(), reason => 'wrong_show', replayed => F(),
        nonce => D(), seatId => 'B1', showId => SHOW, orderId => $id,
    }, 'another show, and for which it is';

    my $letter = substr($codes[0], 100, 1) eq 'A' ? 'B' : 'A';
    my $altered = substr($codes[0], 0, 100) . $letter . substr $codes[0], 101;
    is scan($altered)->json, { admitted => F(), reason => 'bad_signature',
        replayed => F(), nonce => D() }, 'altered: nothing is believed';

    is reason(scan($_)), 'unknown', 'no code: ' . substr $_, 0, 12
        for 'x', lc $codes[0], "$codes[0] ", substr($codes[0], 1),
            $order->{ticketCode}, 'A' x 200, "'; drop table orders; --";

    # a good signature by a key that is gone
    my $node = $t->node;
    $t->reload(ticket_key_file => $node->ticket_key('other.pem', 'o' x 32));
    my $foreign = $t->get("/api/v1/orders/$id/tickets", user => 'ben')
        ->json->{tickets}[0]{code};
    $t->reload;
    is reason(scan($foreign)), 'bad_signature', "another house's key";

    # signed by us, and not an order any more
    $t->dbh->do("update orders set ticket_code = '0000-0000-0000-00000'
        where order_id = ?", undef, $id);
    is reason(scan($codes[0])), 'unknown', 'the order has another code now';
    $t->dbh->do('update orders set ticket_code = ? where order_id = ?', undef,
        $order->{ticketCode}, $id);

    $t->reload(checkin_opens => '2h');
    is reason(scan($codes[0])), 'not_yet', 'days before';
    $t->reload;
    is reason(scan($codes[0])), 'admitted', 'when the doors are open';

    is value('select count(*) from checkins where order_id = ?', $id), 1,
        'refusals leave nothing';
    is $t->post("/api/v1/orders/$id/cancel", {}, user => 'boss',
        headers => { 'x-user-role' => 'ADMIN' })->code, 200, 'cancelled';
    is reason(scan($codes[1])), 'cancelled', 'the order was';

    my ($part, @part) = tickets('bob', SHOW, [qw(B4 B5 B6)]);
    is $t->post("/api/v1/orders/$part->{orderId}/cancel",
        { seatIds => ['B5'] }, user => 'bob')->code, 200, 'given back';
    is [map { reason(scan($_)) } @part], [qw(admitted cancelled admitted)],
        'one seat of it was';

    # bob is inside on B4 and B6
    my $back = sub ($body, %who) {
        return $t->post("/api/v1/orders/$part->{orderId}/cancel", $body, %who);
    };
    is $back->({ seatIds => ['B4'] }, user => 'bob')->error_code,
        'cancellation_over', 'who is inside does not get the money back';
    is $back->({}, user => 'bob')->error_code, 'cancellation_over',
        'nor for all seats';
    is $t->get("/api/v1/orders/$part->{orderId}/refund-quote", user => 'bob')
        ->json->{cancellable}, F(), 'and is told so before';
    is value('select sum(amount) from refunds where order_id = ?',
        $part->{orderId}), value('select amount from refunds where order_id = ?',
        $part->{orderId}), 'one seat was paid back, no more';
    my ($again, $code) = tickets('bud', SHOW, ['B5']);
    is [map { reason(scan($_)) } $part[1], $code], [qw(cancelled admitted)],
        'and who bought it since comes in';

    my ($old, @old) = tickets('bud2', THEATRE_SHOW, [qw(A1 A2)]);
    my $move = 'update shows set starts_at = starts_at + ?::interval,
        ends_at = ends_at + ?::interval where show_id = ?';
    $t->dbh->do($move, undef, ('-30 days') x 2, THEATRE_SHOW);
    is reason(scan($old[0])), 'expired', 'the show is over';
    $t->dbh->do($move, undef, ('30 days') x 2, THEATRE_SHOW);
    is reason(scan($old[0])), 'admitted', 'it was put off: it is not';
};


subtest 'who, and what' => sub {
    my ($order, $code) = tickets('cat', SHOW, ['C1']);

    my %user = (user => 'cat', key => undef);
    refused($t->post('/api/v1/checkins', body($code), key => undef), 401,
        'unauthorized', 'nobody');
    refused($t->post('/api/v1/checkins', body($code), %user), 403,
        'forbidden', 'a customer');
    refused($t->get('/api/v1/checkins?showId=' . SHOW, %user), 403,
        'forbidden', 'nor lists');

    my @cases = (
        [{ nonce => 'short' }, 'invalid_field', 'nonce'],
        [{ nonce => 'x' x 65 }, 'invalid_field', 'nonce'],
        [{ nonce => 'not a nonce' }, 'invalid_field', 'nonce'],
        [{ nonce => undef }, 'missing_field', 'nonce'],
        [{ deviceId => undef }, 'missing_field', 'deviceId'],
        [{ deviceId => 'a b' }, 'invalid_field', 'deviceId'],
        [{ deviceId => "a\"},{" }, 'invalid_field', 'deviceId'],
        [{ deviceId => 'x' x 65 }, 'invalid_field', 'deviceId'],
        [{ showId => 'x' }, 'invalid_field', 'showId'],
        [{ code => '' }, 'invalid_field', 'code'],
        [{ code => 'A' x 513 }, 'invalid_field', 'code'],
        [{ code => undef }, 'missing_field', 'code'],
        [{ code => 7 }, 'invalid_field', 'code'],
        [{ scannedAt => '2026-01-01T00:00:00Z' }, 'unknown_field', undef],
        [{ staffId => 'x' }, 'unknown_field', undef],
    );

    for my $case (@cases) {
        my ($change, $error, $field) = @$case;
        my %b = (%{ body($code) }, %$change);
        delete @b{ grep { !defined $b{$_} } keys %b };
        my $r = $t->post('/api/v1/checkins', \%b, %staff);
        refused($r, 400, $error, encode_json($change) =~ s/(.{40}).*/$1/r);
        is $r->json->{error}{details}{field}, $field, 'which' if $field;
    }

    refused($t->post('/api/v1/checkins/other', body($code), %staff), 404,
        'not_found', 'no such path');
    is $t->put('/api/v1/checkins', {}, %staff)->header('Allow'),
        'POST, GET, HEAD', 'Allow';
    is reason(scan($code)), 'admitted', 'and all the time it was good';
};


subtest 'ten scanners at once' => sub {
    my @seats = map { "D$_" } 1 .. 10;
    my ($order, @codes) = tickets('dan', SHOW, \@seats);
    my @requests = map { my $code = $_; map { ['POST', '/api/v1/checkins',
        body($code, deviceId => "gate-$_"), %staff, node => 1 + $_ % 2]
    } 1 .. 10 } @codes;
    my $answers = $t->run_many(10, \@requests);

    is [map { $_->code } @$answers], [(200) x 100], 'all were answered';
    my (%admitted, %first);
    for my $a (map { $_->json } @$answers) {
        push $admitted{ $a->{seatId} }->@*, $a->{deviceId} if $a->{admitted};
        $first{ $a->{seatId} }{ $a->{deviceId} } = 1;
    }
    is \%admitted, { map { $_ => [D()] } @seats }, 'each seat by one of ten';
    is \%first, { map { $_ => { $admitted{$_}[0] => 1 } } @seats },
        'and the nine others were told which';
    is value('select count(*) from checkins where order_id = ?',
        $order->{orderId}), 10, 'ten rows for ten seats';
};


# The worker dies when PostgreSQL has decided, and before the scanner heard.
subtest 'an answer that was lost' => sub {
    my ($order, $code) = tickets('eva', SHOW, ['E1']);
    my $body = body($code);

    $t->dbh->do('create function pause() returns trigger language plpgsql as
        $$ begin perform pg_sleep(0.5); return null; end $$');
    $t->dbh->do('create trigger pause after insert on checkins
        for each row execute function pause()');

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $r = $t->post('/api/v1/checkins', $body, %staff);
        require POSIX;
        POSIX::_exit($r->code == 0 ? 0 : 1);
    }

    $t->wait_until(sub { value("select count(*) from pg_stat_activity
        where wait_event = 'PgSleep' and datname = current_database()") }, 10,
        'it is being decided');
    my @old = $t->worker_pids;
    $t->kill_worker($_) for @old;
    waitpid $pid, 0;
    is $? >> 8, 0, 'the scanner heard nothing';

    $t->wait_until(sub { value('select count(*) from checkins
        where order_id = ?', $order->{orderId}) }, 10, 'it was admitted');
    $t->dbh->do('drop trigger pause on checkins');

    my $again = $t->post('/api/v1/checkins', $body, %staff)->json;
    is [@$again{qw(admitted replayed)}], [T(), T()], 'the retry is told so';
    is reason(scan($code)), 'already_used', 'and nobody else comes in';
};


subtest 'retries while workers are killed' => sub {
    my @seats = map { "F$_" } 1 .. 10;
    my ($order, @codes) = tickets('fay', SHOW, \@seats);
    my (@todo, %said, %asked);

    # two scanners for each seat, each with a nonce that it keeps
    for my $n (0 .. $#codes) {
        push @todo, map { body($codes[$n], deviceId => "s$_") } 1, 2;
    }

    my $round = 0;
    while (@todo && $round++ < 40) {
        my @requests = map { ['POST', '/api/v1/checkins', $_, %staff,
            node => 1 + rand 2] } @todo;
        my $killer = fork // die "fork: $!";
        if (!$killer) {
            require POSIX;
            if ($round <= 6) {
                sleep rand 0.05;
                my ($victim) = $t->worker_pids(node => 1 + $round % 2);
                kill 'KILL', $victim if $victim;
            }
            POSIX::_exit(0);
        }
        my $answers = $t->run_many(8, \@requests, undef, timeout => 20);
        waitpid $killer, 0;

        my @again;
        for my $i (0 .. $#todo) {
            my $r = $answers->[$i];
            $asked{ $todo[$i]{nonce} }++;
            if ($r && $r->code == 200) { $said{ $todo[$i]{nonce} } = $r->json }
            else                       { push @again, $todo[$i] }
        }
        # whoever was answered may ask again all the same
        @todo = $round < 8 ? (map { $_->[2] } @requests) : @again;
    }

    $_->{allow} = [$_->{allow}->@*, qr/exited on signal 9/] for $t->nodes;
    is \@todo, [], "all were answered, after $round rounds";
    is scalar(keys %said), 20, 'twenty scans';
    my %in;
    $in{ $_->{seatId} }++ for grep { $_->{admitted} } values %said;
    is \%in, { map { $_ => 1 } @seats }, 'one of two each';
    is value('select count(*) from checkins where order_id = ?',
        $order->{orderId}), 10, 'ten rows';
};


subtest 'from offline' => sub {
    my ($order, @codes) = tickets('gus', SHOW, [qw(G1 G2 G3 G4)]);
    my $past = value("select to_char(now() at time zone 'UTC'
        - interval '20 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS.000\"Z\"')");
    my sub offline ($device, @scans) {
        return $t->post('/api/v1/checkins/batch', { deviceId => $device,
            showId => SHOW, scans => \@scans }, %staff);
    }
    my sub mine ($code) {
        return { code => $code, nonce => uuid(), scannedAt => $past };
    }

    # G1 came in here while a door without a network let G1 and G2 in, and
    # another one G2 and G3 and somebody with a code that is none
    my $here = scan($codes[0])->json;
    my @one = map { mine($_) } @codes[0, 1];
    my @two = map { mine($_) } @codes[1, 2], 'NONE';
    my $r = offline('door-1', @one);

    is $r->code, 200, 'uploaded';
    is [$r->json->@{qw(admitted conflicts)}], [1, 1], 'a conflict is counted';
    is $r->json->{items}[0], { %$here, admitted => F(),
        reason => 'already_used', nonce => $one[0]{nonce} },
        'and reported: with whom';
    like $r->json->{items}[1], { admitted => T(), seatId => 'G2',
        checkedInAt => $past, deviceId => 'door-1' }, 'at the time of the scan';

    my $again = offline('door-1', @one);
    is [map { [$_->@{qw(reason replayed)}] } $again->json->{items}->@*],
        [['already_used', T()], ['admitted', T()]], 'again: the same';
    is [map { $_->{reason} } offline('door-2', @two)->json->{items}->@*],
        [qw(already_used admitted unknown)], 'the other door';
    is value("select count(*) from outbox b join checkins c
        on c.checkin_id = b.aggregate_id where c.order_id = ?
        and b.type = 'ticket.conflict'", $order->{orderId}), 2,
        'conflicts have events';

    my $list = $t->get('/api/v1/checkins?conflicts=true&showId=' . SHOW, %staff);
    is [map { [$_->@{qw(seatId reason deviceId staffId offline)}] }
        $list->json->{items}->@*],
        [['G2', 'already_used', 'door-2', 'usher', T()],
            ['G1', 'already_used', 'door-1', 'usher', T()]],
        'and are listed';

    # pages
    my ($cursor, @all) = ('');
    do {
        my $page = $t->get('/api/v1/checkins?limit=7&showId=' . SHOW . $cursor,
            %staff)->json;
        push @all, map { $_->{checkinId} } $page->{items}->@*;
        $cursor = $page->{nextCursor} ? "&cursor=$page->{nextCursor}" : '';
    } while ($cursor);
    is scalar @all, value('select count(*) from checkins where show_id = ?',
        SHOW), 'all of the show, page by page';
    is scalar(keys %{ { map { $_ => 1 } @all } }), scalar @all, 'each once';

    refused($t->get("/api/v1/checkins$_", %staff), 400, 'invalid_query', $_)
        for '', '?showId=x', '?showId=' . SHOW . '&conflicts=1',
            '?showId=' . SHOW . '&cursor=x';

    # many, which is as many as there may be, in one request
    my @seats = map { my $row = $_; map { "$row$_" } 1 .. 10 } qw(H J K);
    my @many;
    for my $n (0 .. 2) {
        my (undef, @more) = tickets("hal$n", SHOW, [@seats[10 * $n .. 10 * $n + 9]]);
        push @many, @more;
    }
    $r = offline('door-3', map { mine($_) } @many, $codes[3], 'NONE');
    is [$r->json->@{qw(admitted conflicts)}], [31, 1], 'thirty-two';

    my @bad = (
        [[map { mine('A') } 1 .. 33], 'scans'], [[], 'scans'], ['x', 'scans'],
        [[{ %{ mine('A') }, scannedAt => 'now' }], 'scannedAt'],
        [[{ %{ mine('A') }, scannedAt => '1969-01-01T00:00:00Z' }],
            'scannedAt'],
        [[{ code => 'A', nonce => uuid() }], 'scannedAt'],
        [[{ %{ mine('A') }, nonce => 'a b c d e' }], 'nonce'],
    );
    for my $case (@bad) {
        my $r = $t->post('/api/v1/checkins/batch',
            { deviceId => 'd', scans => $case->[0] }, %staff);
        is [$r->code, $r->json->{error}{details}{field}], [400, $case->[1]],
            "bad $case->[1]" or diag $r->body;
    }
};


subtest 'taken back' => sub {
    my ($order, $code) = tickets('ida', SHOW, ['L1']);
    my $body = body($code);
    my $in   = $t->post('/api/v1/checkins', $body, %staff)->json;
    my $path = "/api/v1/checkins/$in->{checkinId}/undo";

    refused($t->post($path, {}, %staff), 403, 'forbidden', 'not by staff');
    my $r = $t->post($path, {}, %admin);
    is [$r->code, $r->json->@{qw(checkinId undoneBy undoneAt)}],
        [200, $in->{checkinId}, 'boss', match(TIME)], 'by an administrator';
    is $t->post($path, {}, %admin)->json, $r->json, 'once';
    refused($t->post('/api/v1/checkins/' . uuid() . '/undo', {}, %admin), 404,
        'not_found', 'no such check-in');
    refused($t->post('/api/v1/checkins/x/undo', {}, %admin), 404,
        'not_found', 'no id');
    refused($t->post($path, { why => 'x' }, %admin), 400, 'unknown_field',
        'nothing in the body');

    is $t->post('/api/v1/checkins', $body, %staff)->json->{reason}, 'undone',
        'a late retry does not let in again';
    is reason(scan($code)), 'admitted', 'another scan does';
};


subtest 'PostgreSQL is away' => sub {
    my $own = Boxoffice::Test->new(postgres => 'own',
        conf => { checkin_opens => '100d' });
    my $order = booked($own, 'jan', SHOW, ['A1']);
    my $code  = $own->get("/api/v1/orders/$order->{orderId}/tickets",
        user => 'jan')->json->{tickets}[0]{code};

    $own->kill_postgres;
    my $r = $own->post('/api/v1/checkins', body($code), %staff);
    is $r->code, 503, 'nobody is let in by guess';
    ok $r->header('Retry-After'), 'when to try again';
    is $own->post('/api/v1/checkins', body('NONE'), %staff)->code, 200,
        'what is no code needs nobody';
    $own->start_postgres;
    my $body = body($code);
    $own->wait_until(sub { $own->post('/api/v1/checkins', $body, %staff)
        ->code == 200 }, 20, 'back');
    $own->check_invariants;
    $own->done;
};


subtest 'counted' => sub {
    my $before = metrics($t);
    my (undef, @codes) = tickets('kim', SHOW, [qw(M1 M2)]);
    my $body = body($codes[0]);
    $t->post('/api/v1/checkins', $body, %staff) for 1 .. 3;
    scan($codes[0]);
    my $after = metrics($t);
    is [map { $after->{$_} - $before->{$_} }
        qw(checkins_admitted_total checkins_refused_total)], [1, 1],
        'a replay is none';
};


is scalar(grep { /[A-Z2-7]{100}/ } map { $_->log } $t->nodes), 0,
    'no code in a log';
$t->check_invariants;
$t->done;
done_testing;
