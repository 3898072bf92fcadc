# /shows and /screens: what is on, page by page; how an administrator puts a
# show on; what every answer has in common.

use v5.36;

use utf8;
use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW SMALL_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID order pay seatmap);
use Mojo::JSON  qw(decode_json encode_json true);
use POSIX       qw(strftime);

my $t = Boxoffice::Test->new(nodes => 2, http_extra => <<~'END',
    log_format ours escape=json '{"id":"$boxoffice_request_id",'
        '"user":"$boxoffice_user","outcome":"$boxoffice_outcome",'
        '"status":$status}';
    END
    server_extra => 'access_log logs/ours.log ours;');

my $SCREEN = '00000000-0000-4000-8000-000000000201';
my %ADMIN  = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });

sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}


# A time some days ahead.
sub starts ($days, $hour = '10:00:00Z') {
    return strftime('%Y-%m-%d', gmtime(time + 86_400 * $days)) . "T$hour";
}


sub new_show (%change) {
    my %show = (screenId => $SCREEN, movieTitle => 'Late Rain',
        startsAt => starts(40), durationMinutes => 90, currency => 'INR',
        prices => { SILVER => 100, GOLD => 200, PLATINUM => 300 }, %change);
    delete @show{ grep { !defined $show{$_} } keys %show };
    return \%show;
}


sub create ($show, %o) {
    return $t->post('/api/v1/shows', $show, %ADMIN, %o);
}


subtest 'the list' => sub {
    my $list = $t->get('/api/v1/shows')->json;

    is scalar($list->{items}->@*), 10, 'all of the sample';
    is $list->{nextCursor}, undef, 'on one page';
    is $list->{items}[0], {
        showId => SHOW, movieTitle => 'The Last Lighthouse',
        theatreName => 'Galaxy Cinema', screenName => 'Screen 1',
        timezone => 'Asia/Kolkata', startsAt => match(TIME),
        endsAt => match(TIME), status => 'SCHEDULED', currency => 'INR',
        seats => 300, minPrice => 15000, maxPrice => 40000,
    }, 'the fields, and no others';

    my @starts = map { $_->{startsAt} } $list->{items}->@*;
    is \@starts, [sort @starts], 'by the time they start';
    my @ids = map { $_->{showId} } $list->{items}->@*;

    for my $limit (1, 3, 9, 10, 100) {
        my ($cursor, @seen, $pages);

        while (1) {
            my $page = $t->get("/api/v1/shows?limit=$limit"
                . ($cursor ? "&cursor=$cursor" : ''))->json;
            push @seen, map { $_->{showId} } $page->{items}->@*;
            $pages++;
            $cursor = $page->{nextCursor} // last;
            last if $pages > 20;
        }

        is \@seen, \@ids, "pages of $limit: the whole, nothing twice";
        is $pages, POSIX::ceil(10 / $limit), 'and no empty page';
    }

    for my $query (qw(limit=0 limit=-1 limit=101 limit=1000000000 limit=ten
        limit= limit=007 limit=%2B5 cursor=x cursor= cursor=1_x
        cursor=1e3_00000000-0000-4000-8000-000000000001))
    {
        refused($t->get("/api/v1/shows?$query"), 400, 'invalid_query', $query);
    }

    is $t->get('/api/v1/shows?limit=3&colour=red')->code, 200,
        'an argument that nobody knows';

    $t->dbh->do(q{update shows set starts_at = now() - interval '1 hour',
        ends_at = now() + interval '1 hour' where show_id = ?},
        undef, '00000000-0000-4000-8000-000000000015');
    is scalar($t->get('/api/v1/shows')->json->{items}->@*), 9,
        'one that has begun is not listed';
};


subtest 'one show' => sub {
    my $r = $t->get('/api/v1/shows/' . SHOW);

    is $r->code, 200, 'there';
    is $r->json, {
        showId => SHOW, movieTitle => 'The Last Lighthouse',
        theatreName => 'Galaxy Cinema', screenName => 'Screen 1',
        timezone => 'Asia/Kolkata', startsAt => match(TIME),
        endsAt => match(TIME), status => 'SCHEDULED', currency => 'INR',
        seats => 300, orphanRule => Mojo::JSON::true,
        prices => { SILVER => 15000, GOLD => 25000, PLATINUM => 40000 },
    }, 'the fields, and no others';
    is $t->get('/api/v1/shows/' . uc SHOW)->json, $r->json, 'upper case';

    for my $show ($t->get('/api/v1/shows')->json->{items}->@*) {
        my $one = $t->get("/api/v1/shows/$show->{showId}")->json;
        is [@$one{qw(showId startsAt endsAt status seats)}],
            [@$show{qw(showId startsAt endsAt status seats)}],
            "$show->{screenName}: as in the list";
    }

    refused($t->get('/api/v1/shows/' . uuid()), 404, 'show_not_found',
        'no such show');
    is $t->get('/api/v1/shows/' . SHOW . '/seats')->code, 404, 'no such part';
    is $t->get('/api/v1/shows/')->code, 404, 'no id';
};


subtest 'screens' => sub {
    my $list = $t->get('/api/v1/screens')->json;

    is $list->{nextCursor}, undef, 'one page';
    is $list->{items}[0], {
        screenId => $SCREEN, theatreName => 'Galaxy Cinema',
        screenName => 'Screen 1', seats => 300,
        categories => bag { item $_ for qw(SILVER GOLD PLATINUM); end },
    }, 'the fields, and no others';
    is [map { $_->{seats} } $list->{items}->@*],
        [300, 117, 394, 50000, 279], 'all of the sample';
};


subtest 'methods' => sub {
    my $show  = '/api/v1/shows/' . SHOW;
    my @cases = (
        ['/api/v1/shows', 'GET, HEAD, POST', qw(PUT DELETE PATCH OPTIONS)],
        [$show, 'GET, HEAD', qw(POST PUT DELETE PATCH OPTIONS)],
        ["$show/seatmap", 'GET, HEAD', qw(POST PUT DELETE PATCH OPTIONS)],
        ['/api/v1/screens', 'GET, HEAD', qw(POST PUT DELETE PATCH OPTIONS)],
    );

    for my $case (@cases) {
        my ($path, $allow, @methods) = @$case;

        for my $method (@methods) {
            my $r = $t->request($method, $path, undef, %ADMIN);
            is [$r->code, $r->header('allow'), $r->error_code],
                [405, $allow, 'method_not_allowed'], "$method $path";
        }

        my %plain = (headers => { 'Accept-Encoding' => 'identity' });
        my $head = $t->request('HEAD', $path, undef, %plain);
        my $get  = $t->get($path, %plain);
        is [$head->code, $head->header('content-length'), $head->body],
            [200, length $get->body, ''], "HEAD $path";
    }
};


subtest 'a new show' => sub {
    my $r = create(new_show());

    is $r->code, 201, 'created';
    is $r->json, { showId => match(UUID) }, 'its id';

    my $id   = $r->json->{showId};
    my $show = $t->get("/api/v1/shows/$id", node => 2)->json;
    is $show, {
        showId => $id, movieTitle => 'Late Rain',
        theatreName => 'Galaxy Cinema', screenName => 'Screen 1',
        timezone => 'Asia/Kolkata', startsAt => starts(40, '10:00:00.000Z'),
        endsAt => starts(40, '11:30:00.000Z'), status => 'SCHEDULED',
        currency => 'INR', seats => 300, orphanRule => Mojo::JSON::true,
        prices => { SILVER => 100, GOLD => 200, PLATINUM => 300 },
    }, 'another node has it at once';
    is scalar(grep { $_->{showId} eq $id }
        $t->get('/api/v1/shows?limit=100')->json->{items}->@*), 1, 'listed';
    is seatmap($t, $id)->{statistics}{available}, 300, 'all of it is free';
    is pay($t, 'ann', order($t, 'ann', $id, [qw(A1 F1)])->{orderId})
        ->{amount}, 300, 'and sold at its prices';

    my $key = uuid();
    my $one = create(new_show(startsAt => starts(41)), key => $key);
    is create(new_show(startsAt => starts(41)), key => $key)->body, $one->body,
        'once more with its key: the same answer';
    refused(create(new_show(startsAt => starts(42)), key => $key), 422,
        'idempotency_key_reused', 'the key for another');
    is scalar $t->dbh->selectrow_array(q{select count(*) from shows s
        join movies m using (movie_id) where m.title = 'Late Rain'}), 2,
        'two shows are there';
    is scalar $t->dbh->selectrow_array(
        q{select count(*) from movies where title = 'Late Rain'}), 1,
        'of one film';

    my $title = q{"Quotes" \\ and 'more' — Ünïcödé {a,b} $1 %s; drop table x};
    my $odd   = create(new_show(startsAt => starts(43), movieTitle => $title));
    is $odd->code, 201, 'a title with everything';
    is $t->get('/api/v1/shows/' . $odd->json->{showId})->json->{movieTitle},
        $title, 'comes back as it was';

    my @notes = map { [$_->@{qw(who action kind objectId)}] } $t->get(
        '/api/v1/admin/audit', %ADMIN)->json->{items}->@*;
    is [grep { $_->[3] eq $id } @notes], [['root', 'create', 'show', $id]],
        'it is in the audit';
    is scalar(grep { $_->[2] eq 'movie' } @notes), 2,
        'and so are the movies that were made for it';

    refused($t->post('/api/v1/admin/shows', { screenId => $SCREEN,
        movieId => $t->dbh->selectrow_array('select movie_id from shows
            where show_id = ?', undef, $id),
        startsAt => starts(40, '10:30:00Z'), currency => 'INR',
        durationMinutes => 90, prices => { SILVER => 1, GOLD => 2,
        PLATINUM => 3 } }, %ADMIN), 409, 'show_clash',
        'one that is put on the other way is in the way');

    is create(new_show(startsAt => starts(44, '12:00:00+05:30')))->code, 201,
        'a time with an offset';
    is create(new_show(startsAt => starts(45), prices => { SILVER => 0,
        GOLD => 0, PLATINUM => 100_000_000 }))->code, 201,
        'the lowest and the highest price';
};


subtest 'refusals of a new show' => sub {
    refused($t->post('/api/v1/shows', new_show()), 401, 'unauthorized',
        'nobody');
    refused($t->post('/api/v1/shows', new_show(), user => 'ann'), 403,
        'forbidden', 'a customer');
    refused($t->post('/api/v1/shows', new_show(), user => 'ann',
        headers => { 'x-user-role' => 'CUSTOMER' }), 403, 'forbidden',
        'another role');
    refused($t->post('/api/v1/shows', new_show(),
        headers => { 'x-user-role' => 'ADMIN' }), 401, 'unauthorized',
        'a role without a name');

    refused(create(new_show()), 409, 'show_clash', 'the same time');
    for my $time ('09:00:00Z', '11:29:59Z', '10:30:00Z', '16:00:00+05:30') {
        refused(create(new_show(startsAt => starts(40, $time))), 409,
            'show_clash', "overlaps: $time");
    }
    is create(new_show(startsAt => starts(40, '11:30:00Z')))->code, 201,
        'one after the other is none';

    my $movies = $t->dbh->selectrow_array('select count(*) from movies');
    my %prices = (SILVER => 1, GOLD => 2, PLATINUM => 3);
    my @cases  = (
        [{ screenId => uuid() }, 404, 'screen_not_found'],
        [{ screenId => '1' }, 400, 'invalid_field', 'screenId'],
        [{ screenId => undef }, 400, 'missing_field', 'screenId'],
        [{ movieTitle => '' }, 400, 'invalid_field', 'movieTitle'],
        [{ movieTitle => 'x' x 256 }, 400, 'invalid_field', 'movieTitle'],
        [{ startsAt => '2020-01-01T00:00:00Z' }, 400, 'invalid_field',
            'startsAt'],
        [{ startsAt => starts(50, '10:00:00') }, 400, 'invalid_field',
            'startsAt'],
        [{ startsAt => starts(50, '25:00:00Z') }, 400, 'invalid_field',
            'startsAt'],
        [{ startsAt => '2999-02-30T10:00:00Z' }, 400, 'invalid_field',
            'startsAt'],
        [{ startsAt => 'tomorrow' }, 400, 'invalid_field', 'startsAt'],
        [{ startsAt => 1e12 }, 400, 'invalid_field', 'startsAt'],
        (map { [{ durationMinutes => $_ }, 400, 'invalid_field',
            'durationMinutes'] } 0, -1, 1441, 1.5, '90', true),
        (map { [{ currency => $_ }, 400, 'invalid_field', 'currency'] }
            'inr', 'IN', 'INRR', "IN\n", '123', 'I"R'),
        [{ prices => undef }, 400, 'missing_field', 'prices'],
        [{ prices => {} }, 400, 'invalid_field', 'prices'],
        [{ prices => [1, 2, 3] }, 400, 'invalid_field', 'prices'],
        [{ prices => { SILVER => 1, GOLD => 2 } }, 422, 'invalid_prices'],
        [{ prices => { %prices, BOX => 4 } }, 422, 'invalid_prices'],
        [{ prices => { %prices, q("},{\\) => 4 } }, 422, 'invalid_prices'],
        (map { [{ prices => { %prices, GOLD => $_ } }, 400, 'invalid_field',
            'prices'] } -1, 1.5, '2', undef, 100_000_001),
        [{ status => 'CANCELLED' }, 400, 'unknown_field'],
        [{ showId => uuid() }, 400, 'unknown_field'],
    );

    for my $case (@cases) {
        my ($change, $code, $error, $field) = @$case;
        refused(create(new_show(startsAt => starts(50), %$change)), $code,
            $error, encode_json($change) =~ s/\n//gr =~ s/(.{50}).*/$1/r,
            defined $field ? { field => $field } : undef);
    }

    is scalar $t->dbh->selectrow_array(
        'select count(*) from shows where starts_at::date = current_date + 50'),
        0, 'none of them is there';
    is scalar $t->dbh->selectrow_array('select count(*) from movies'),
        $movies, 'nor a movie of theirs';

    # on another screen, for one that has shows is not removed
    my $layout = $t->dbh->selectrow_array('select layout_id from screens
        where screen_id = ?', undef, $SCREEN);
    my $theatre = $t->dbh->selectrow_array('select theatre_id from screens
        where screen_id = ?', undef, $SCREEN);
    my $screen = $t->post('/api/v1/admin/screens', { theatreId => $theatre,
        name => 'Gone', layoutId => $layout }, %ADMIN)->json->{screenId};
    $t->dbh->do('update screens set removed_at = now() where screen_id = ?',
        undef, $screen);
    refused(create(new_show(screenId => $screen, startsAt => starts(60))), 404,
        'screen_not_found', 'a screen that was removed');
};


subtest 'errors' => sub {
    my $r = $t->get('/api/v1/shows/' . uuid());

    is $r->header('content-type'), 'application/json', 'JSON';
    is $r->header('cache-control'), 'no-store', 'not kept by caches';
    is $r->json, { error => {
        code => 'show_not_found', message => match(qr/\A[A-Z].*\.\z/),
        timestamp => match(TIME),
        requestId => $r->header('x-request-id') } },
        'the fields, and no others';

    for my $accept ('application/problem+json',
        'application/problem+json, application/json;q=0.5')
    {
        $r = $t->post('/api/v1/holds', { showId => SMALL_SHOW,
            seatIds => ['E5'] }, user => 'ann',
            headers => { Accept => $accept });
        is $r->header('content-type'), 'application/problem+json',
            'as the client asks';
        is $r->json, {
            type => 'about:blank', title => match(qr/\A[A-Z].*\.\z/),
            status => 409, code => 'seat_unavailable',
            timestamp => match(TIME), requestId => $r->header('x-request-id'),
            details => { conflicts => ['E5'] } }, 'RFC 9457';
    }

    is $t->get('/api/v1/shows/' . SHOW, headers => {
        Accept => 'application/problem+json' })->header('content-type'),
        'application/json', 'an answer is no problem';
};


subtest 'names are given anew' => sub {
    my $names = sub { my $show = $t->get('/api/v1/shows/' . SHOW,
        node => $_[0])->json;
        return [$show->@{qw(movieTitle theatreName screenName)}] };
    my @was = map { $names->($_) } 1, 2;
    my @new = ('Another Movie', 'Another House', 'Another Room');

    $t->dbh->do(q{update movies set title = ? where movie_id =
        (select movie_id from shows where show_id = ?)}, undef, $new[0], SHOW);
    $t->dbh->do(q{update theatres set name = ? where theatre_id =
        (select venue_id from shows where show_id = ?)}, undef, $new[1], SHOW);
    $t->dbh->do(q{update screens set name = ? where screen_id =
        (select screen_id from shows where show_id = ?)}, undef, $new[2], SHOW);

    for my $node (1, 2) {
        isnt $was[$node - 1], \@new, 'known by others before';
        $t->wait_until(sub { "@{$names->($node)}" eq "@new" }, 1,
            "node $node tells those");
    }
};


subtest 'request ids' => sub {
    my $show = '/api/v1/shows/' . SHOW;
    my $ours = qr/\A[0-9a-f]{32}\z/;

    my ($one, $two) = map { $t->get($show)->header('x-request-id') } 1, 2;
    like $one, $ours, 'one is made';
    isnt $one, $two, 'for each request';

    for my $id ('a', 'Root=1-67891233-abcdef012345678912345678',
        'x' x 64, uuid())
    {
        is $t->get($show, headers => { 'X-Request-Id' => $id })
            ->header('x-request-id'), $id, "$id goes through";
    }

    for my $id ('x' x 65, 'a b', '<b>', '"', '') {
        like $t->get($show, headers => { 'X-Request-Id' => $id })
            ->header('x-request-id'), $ours, "'$id' does not";
    }

    my $id = uuid();
    my $r  = $t->post('/api/v1/holds', { showId => SHOW, seatIds => ['Z1'] },
        user => 'ann', headers => { 'X-Request-Id' => $id });
    is $r->json->{error}{requestId}, $id, 'in the error';

    my $line = $t->wait_until(sub {
        open my $fh, '<', $t->node->dir . '/logs/ours.log' or return;
        my ($line) = grep { /\Q$id\E/ } <$fh>;
        return $line;
    }, 2, 'in the access log');
    is decode_json($line // '{}'), { id => $id, user => 'ann',
        outcome => 'seat_not_found', status => 404 }, 'with what came of it';
};


$t->check_invariants;
$t->done;
done_testing;
