# /admin/movies, /admin/theatres, /admin/audit: changed by administrators only,
# by who has read what he changes, once for a key, and noted.

use v5.36;
use utf8;

use lib 't/lib';
use Test2::V0;
use Boxoffice::Test          qw(SHOW SMALL_SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID);
use Mojo::JSON               qw(encode_json);

my $t = Boxoffice::Test->new(nodes => 2);
my @root   = (user => 'root', headers => { 'x-user-role' => 'ADMIN' });
my $base   = '/api/v1/admin';
my $MOVIES = "$base/movies";
my $PLACES = "$base/theatres";

my $before = $t->dbh->selectrow_array('select count(*) from admin_audit');

my %movie = (title => 'Late Rain', about => 'A "quoted" \\ text — äöü 🎬',
    thumbnailUrl => 'https://example.com/p.jpg', rating => 8.4,
    durationMinutes => 141, ageRating => 'UA', releaseDate => '2026-02-28',
    language => 'hi', format => 'IMAX', genres => ['Drama', 'Rain, "heavy"'],
    metadata => { cast => [{ name => 'A. Actor' }], tags => ['wet'] });
my %theatre = (name => 'Rex', address => '1, High Street', city => 'Mysuru',
    latitude => 12.97, longitude => -77.59, timezone => 'Asia/Kolkata',
    metadata => { parking => 40 });

sub refused ($r, $code, $error, $name, $details = undef) {
    like { code => $r->code, error => $r->error_code },
        { code => $code, error => $error }, $name or diag $r->body;
    is $r->json->{error}{details}, $details, "$name: details" if $details;
    return;
}

sub as ($user, $role, %headers) {
    return (user => $user, headers => { 'x-user-role' => $role, %headers });
}

# With If-Match: the ETag of an answer, or what is given.
sub if_match ($tag, %o) {
    $tag = $tag->header('etag') if ref $tag;
    return (as('root', 'ADMIN', 'If-Match' => $tag), %o);
}

sub create ($path, $body, %o) { return $t->post($path, $body, @root, %o) }

sub audit ($query = '') {
    return $t->get("$base/audit?limit=100$query", @root)->json->{items};
}


subtest 'administrators only' => sub {
    my $id = uuid();

    for my $case (['GET', $MOVIES], ['POST', $MOVIES, \%movie],
        ['GET', "$MOVIES/$id"], ['PUT', "$MOVIES/$id", \%movie],
        ['DELETE', "$MOVIES/$id"], ['GET', $PLACES],
        ['POST', $PLACES, \%theatre], ['GET', "$base/audit"])
    {
        my ($method, $path, $body) = @$case;

        refused($t->request($method, $path, $body), 401, 'unauthorized',
            "$method $path: nobody");
        for my $role (qw(CUSTOMER STAFF)) {
            refused($t->request($method, $path, $body, as('ann', $role)), 403,
                'forbidden', "$method $path: $role");
        }
    }

    is $t->dbh->selectrow_array('select count(*) from admin_audit'), $before,
        'nothing was done';
};


my $made = create($MOVIES, \%movie);

subtest 'a movie' => sub {
    is $made->code, 201, 'made' or diag $made->body;
    is $made->json, { %movie, movieId => match(UUID), version => 1,
        createdAt => match(TIME), updatedAt => match(TIME) },
        'as it was given';
    is $made->header('etag'), '"1"', 'its tag';

    my $path = "$MOVIES/" . $made->json->{movieId};
    my $read = $t->get($path, @root, node => 2);
    is [$read->code, $read->body, $read->header('etag')],
        [200, $made->body, '"1"'], 'another node has it';
    is $read->header('cache-control'), 'private, no-cache', 'and no cache';
    is $t->get($path, as('root', 'ADMIN', 'If-None-Match' => '"1"'))->code,
        304, 'who has it need not get it';
    is $t->request('HEAD', $path, undef, @root)->code, 200, 'HEAD';

    refused($t->put($path, { title => 'x' }, @root), 428,
        'precondition_required', 'a change without If-Match');
    refused($t->put($path, { title => 'x' }, if_match('"7"')), 412,
        'precondition_failed', 'of another version', { version => 1 });
    for my $tag ('1', 'W/"1"', '"01x"', '""', '"1', 'x') {
        refused($t->put($path, { title => 'x' }, if_match($tag)), 412,
            'precondition_failed', "If-Match: $tag");
    }

    my $put = $t->put($path, { title => 'Later Rain', genres => [] },
        if_match($made));
    is $put->code, 200, 'changed' or diag $put->body;
    is $put->json, { movieId => $made->json->{movieId}, version => 2,
        title => 'Later Rain', genres => [], metadata => {},
        createdAt => match(TIME), updatedAt => match(TIME),
        map { $_ => undef } grep { !/^(title|genres|metadata)$/ }
            keys %movie },
        'what is not named is not there any more';
    is $put->header('etag'), '"2"', 'its new tag';

    is $t->put($path, \%movie, if_match('"1", "2"'))->json->{version}, 3,
        'one of several tags';
    is $t->put($path, { %movie, title => 'x' }, if_match('*'))
        ->json->{version}, 4, 'any version';

    # set to what it is
    my $same = $t->put($path, { %movie, title => 'x' }, if_match('"4"'));
    is [$same->code, $same->json->{version}], [200, 4], 'no change';
    is scalar audit('&objectId=' . $made->json->{movieId})->@*, 4,
        'and nothing to note';

    refused($t->del($path, @root), 428, 'precondition_required',
        'removed without If-Match');
    refused($t->del($path, if_match('"1"')), 412, 'precondition_failed',
        'of an old version');
    my $del = $t->del($path, if_match('"4"'));
    is [$del->code, $del->body], [204, ''], 'removed';
    refused($t->get($path, @root), 404, 'movie_not_found', 'gone');
    refused($t->put($path, \%movie, if_match('*')), 404, 'movie_not_found',
        'no change of what is gone');
    refused($t->del($path, if_match('*')), 404, 'movie_not_found',
        'nor removed again');
};


subtest 'bad documents' => sub {
    my @cases = (
        [{ title => undef }, 'missing_field', 'title'],
        [{ title => '' }, 'invalid_field', 'title'],
        [{ title => 'x' x 256 }, 'invalid_field', 'title'],
        [{ title => 5 }, 'invalid_field', 'title'],
        [{ rating => 10.1 }, 'invalid_field', 'rating'],
        [{ rating => -1 }, 'invalid_field', 'rating'],
        [{ rating => '8' }, 'invalid_field', 'rating'],
        (map { [{ durationMinutes => $_ }, 'invalid_field',
            'durationMinutes'] } 0, 1441, 1.5, '90'),
        (map { [{ releaseDate => $_ }, 'invalid_field', 'releaseDate'] }
            '2026-02-29', '2026-2-281', '28.02.2026', '0000-01-01',
            '2026-13-01', 'yesterday!'),
        [{ genres => 'Drama' }, 'invalid_field', 'genres'],
        [{ genres => ['x' x 41] }, 'invalid_field', 'genres'],
        [{ genres => [('x') x 21] }, 'invalid_field', 'genres'],
        (map { [{ metadata => $_ }, 'invalid_field', 'metadata'] } 'x',
            ['x'], { map { $_ => 1 } 1 .. 65 }),
        [{ version => 7 }, 'unknown_field'],
        [{ movieId => uuid() }, 'unknown_field'],
        [{ createdAt => '2026-01-01T00:00:00Z' }, 'unknown_field'],
    );

    for my $case (@cases) {
        my ($change, $error, $field) = @$case;
        my %body = (%movie, %$change);
        delete @body{ grep { !defined $body{$_} } keys %body };

        refused(create($MOVIES, \%body), 400, $error,
            encode_json($change) =~ s/\n//gr =~ s/(.{50}).*/$1/r,
            defined $field ? { field => $field } : undef);
    }

    refused(create($MOVIES, '{"title":"a","title":"b"}'), 400,
        'duplicate_field', 'a field twice');
    refused(create($MOVIES, q({"title":"a","about":null})), 400,
        "invalid_field", "null");
    refused(create($MOVIES, '{"title":"a","metadata":{"a":"\u0000"}}'), 400,
        'invalid_field', 'what PostgreSQL cannot keep');
    refused(create($MOVIES, '[1]'), 400, 'invalid_json', 'no object');
    refused(create($MOVIES, "title"), 400, 'invalid_json', 'no JSON');
    refused(create($MOVIES, \%movie, key => undef), 400,
        'idempotency_key_missing', 'no key');

    for my $case ([{ timezone => 'Asia/Nowhere' }, 'timezone'],
        [{ timezone => 'posix/Asia/Kolkata' }, 'timezone'],
        [{ timezone => 'IST-5:30' }, 'timezone'],
        [{ latitude => 91 }, 'latitude'], [{ longitude => -181 }, 'longitude'],
        [{ latitude => undef }, 'latitude'], [{ name => '' }, 'name'])
    {
        my %body = (%theatre, $case->[0]->%*);
        delete @body{ grep { !defined $body{$_} } keys %body };
        refused(create($PLACES, \%body), 400, 'invalid_field',
            encode_json($case->[0]) =~ s/\n//r, { field => $case->[1] });
    }

    is $t->dbh->selectrow_array(q{select count(*) from movies
        where title = 'Late Rain'}), 0, 'no movie is left';
    is $t->dbh->selectrow_array(q{select count(*) from theatres
        where name = 'Rex'}), 0, 'and no theatre';
};


subtest 'keys' => sub {
    my $key = uuid();
    my $one = create($MOVIES, \%movie, key => $key);
    my $two = create($MOVIES, \%movie, key => $key, node => 2);

    is [$two->code, $two->body, $two->header('etag'),
        $two->header('idempotency-replayed')],
        [201, $one->body, '"1"', 'true'], 'the same answer';
    refused(create($MOVIES, { title => 'Other' }, key => $key), 422,
        'idempotency_key_reused', 'another document');
    refused(create($PLACES, \%theatre, key => $key), 422,
        'idempotency_key_reused', 'another kind');

    my $path = "$MOVIES/" . $one->json->{movieId};
    $key = uuid();
    my %put = if_match('"1"', key => $key);
    my $put = $t->put($path, { title => 'Rain' }, %put);
    is $t->put($path, { title => 'Rain' }, %put)->body, $put->body,
        'a change with a key, again';
    is $put->json->{version}, 2, 'is one change';

    # who reads first, and 20 who change it at once
    my $tag = $put->header('etag');
    my @codes = map { $_->code } $t->run_many(10, [
        map { ['PUT', $path, { title => "Rain $_" }, if_match($tag),
            node => 1 + $_ % 2] } 1 .. 20])->@*;
    is [sort @codes], [200, (412) x 19], 'one of twenty changes it';

    # one key twenty times
    $key = uuid();
    my $all = $t->run_many(10, [
        map { ['POST', $MOVIES, { title => 'Once' }, @root, key => $key,
            node => 1 + $_ % 2] } 1 .. 20]);
    is [sort map { $_->code } grep { $_->code != 409 } @$all],
        array { all_items 201; etc }, 'made, or on its way';
    is $t->dbh->selectrow_array(
        q{select count(*) from movies where title = 'Once'}), 1, 'once';

    # a refusal leaves the key free
    $key = uuid();
    refused(create($MOVIES, { %movie, releaseDate => '2026-02-30' },
        key => $key), 400, 'invalid_field', 'a refusal');
    is create($MOVIES, \%movie, key => $key)->code, 201, 'is no effect';

    my $del = $t->del($path, if_match('*', key => $key = uuid()));
    is $t->del($path, if_match('*', key => $key))->code, 204,
        'removed, again with its key';
};


subtest 'lists' => sub {
    my %seen;
    my $total = $t->dbh->selectrow_array('select count(*) from movies');

    for my $limit (1, 3, 100) {
        my ($cursor, @ids, @times);

        do {
            my $page = $t->get("$MOVIES?limit=$limit"
                . ($cursor ? "&cursor=$cursor" : ''), @root)->json;
            push @ids, map { $_->{movieId} } $page->{items}->@*;
            push @times, map { $_->{createdAt} } $page->{items}->@*;
            $cursor = $page->{nextCursor};
        } while ($cursor && @ids < 1000);

        is scalar @ids, $total, "pages of $limit: all of them";
        is scalar keys %{ { map { $_ => 1 } @ids } }, $total, 'nothing twice';
        is \@times, [reverse sort @times], 'the newest first';
        $seen{"@ids"}++;
    }

    is scalar keys %seen, 1, 'the same whatever the pages';
    is scalar $t->get($PLACES, @root)->json->{items}->@*,
        $t->dbh->selectrow_array('select count(*) from theatres'), 'theatres';

    for my $query (qw(limit=0 limit=101 cursor=x cursor=1_x)) {
        refused($t->get("$MOVIES?$query", @root), 400, 'invalid_query',
            $query);
    }
};


subtest 'theatres' => sub {
    my $one = create($PLACES, \%theatre);
    is $one->code, 201, 'made' or diag $one->body;
    is $one->json, { %theatre, theatreId => match(UUID), version => 1,
        screens => 0, createdAt => match(TIME), updatedAt => match(TIME) },
        'as it was given';
    refused(create($PLACES, \%theatre), 409, 'name_taken', 'its name again',
        { field => 'name' });

    my $path = "$PLACES/" . $one->json->{theatreId};
    my $put  = $t->put($path, { name => 'Rex 2', timezone => 'UTC' },
        if_match($one));
    is [$put->code, $put->json->{timezone}, $put->json->{latitude}],
        [200, 'UTC', undef], 'changed';
    is $t->del($path, if_match($put))->code, 204, 'removed';

    # one of the sample has screens, and they have shows
    my $used = $t->dbh->selectrow_array('select c.theatre_id from screens c
        join shows s using (screen_id) where s.show_id = ?', undef, SHOW);
    my $read = $t->get("$PLACES/$used", @root);
    my %body = $read->json->%{qw(name timezone)};

    refused($t->del("$PLACES/$used", if_match($read)), 409, 'in_use',
        'of one with screens', { usedBy => { screens =>
            $read->json->{screens} } });
    refused($t->put("$PLACES/$used", { %body, timezone => 'UTC' },
        if_match($read)), 409, 'in_use', 'the clock of its shows');
    is $t->put("$PLACES/$used", \%body, if_match($read))->code, 200,
        'the rest of it';

    my $movie = $t->dbh->selectrow_array(
        'select movie_id from shows where show_id = ?', undef, SHOW);
    refused($t->del("$MOVIES/$movie", if_match('*')), 409, 'in_use',
        'a movie with shows');
    is $t->get("$MOVIES/$movie", @root)->code, 200, 'is still there';

    # when its shows are over it may go, and they keep its title
    $t->dbh->do(q{update shows set starts_at = starts_at - interval '1 year',
        ends_at = ends_at - interval '1 year' where movie_id = ?}, undef,
        $movie);
    is $t->del("$MOVIES/$movie", if_match('*'))->code, 204, 'removed then';
    refused($t->get("$MOVIES/$movie", @root), 404, 'movie_not_found', 'gone');
    refused($t->put("$MOVIES/$movie", { title => 'x' }, if_match('*')), 404,
        'movie_not_found', 'and cannot be changed');
    is [grep { $_->{movieId} eq $movie }
        $t->get("$MOVIES?limit=100", @root)->json->{items}->@*], [],
        'nor is it listed';
    is $t->dbh->selectrow_array('select count(*) from movies
        where movie_id = ?', undef, $movie), 1, 'for the books it is there';
};


subtest 'audit' => sub {
    my $id  = $made->json->{movieId};
    my $log = audit("&objectId=$id");

    is [map { $_->{action} } @$log],
        [qw(remove change change change create)], 'the latest first';
    is $log->[-1], { auditId => match(UUID), at => match(TIME), who => 'root',
        action => 'create', kind => 'movie', objectId => $id, version => 1,
        before => undef, after => $made->json }, 'who made what';
    is [$log->[3]{before}{title}, $log->[3]{after}{title},
        $log->[3]{version}], ['Late Rain', 'Later Rain', 2], 'a change';
    is [$log->[0]{before}{title}, $log->[0]{after}], ['x', undef], 'its end';

    $t->post($MOVIES, { title => 'Other' }, as('eve@example.com', 'ADMIN'));
    is [map { $_->{after}{title} } audit('&who=eve%40example.com')->@*],
        ['Other'], 'of one administrator';
    is [grep { $_->{kind} ne 'theatre' } audit('&kind=theatre')->@*], [],
        'of one kind';
    is [map { $_->{who} } audit("&objectId=$id&kind=movie&who=root")->@*],
        [('root') x 5], 'all filters';

    my ($cursor, @ids);
    do {
        my $page = $t->get("$base/audit?limit=2"
            . ($cursor ? "&cursor=$cursor" : ''), @root)->json;
        push @ids, map { $_->{auditId} } $page->{items}->@*;
        $cursor = $page->{nextCursor};
    } while ($cursor && @ids < 1000);
    is \@ids, [map { $_->{auditId} } audit()->@*], 'page by page';

    for my $query ('objectId=x', 'who=a%20b', 'who=', 'kind=%22') {
        refused($t->get("$base/audit?$query", @root), 400, 'invalid_query',
            $query);
    }

    # what could be changed before
    my $theatre = $t->dbh->selectrow_array('select theatre_id from theatres
        where name = ?', undef, 'Galaxy Cinema');
    my $terms = { steps => [{ minutesBefore => 60, percent => 50 }] };
    for (1, 2) {
        is $t->put("/api/v1/theatres/$theatre/refund-policy", $terms, @root)
            ->code, 200, 'terms';
    }
    is [map { @$_{qw(who action version)} }
        audit("&kind=refund-policy&objectId=$theatre")->@*],
        ['root', 'change', 2, 'sample', 'change', 1],
        'of giving back, once';
    is $t->post('/api/v1/shows/' . SMALL_SHOW . '/cancel', {}, @root)->code, 202,
        'a show is cancelled';
    is [map { @$_{qw(who action kind)} } audit('&objectId=' . SMALL_SHOW)->@*],
        [qw(root cancel show)], 'by whom';
};


subtest 'methods' => sub {
    for my $case ([$MOVIES, 'GET, HEAD, POST', qw(PUT DELETE PATCH)],
        ["$MOVIES/" . uuid(), 'GET, HEAD, PUT, DELETE', qw(POST PATCH)],
        ["$base/audit", 'GET, HEAD', qw(POST PUT DELETE)])
    {
        my ($path, $allow, @methods) = @$case;

        for my $method (@methods) {
            my $r = $t->request($method, $path, undef, @root);
            is [$r->code, $r->header('allow')], [405, $allow],
                "$method $path";
        }
    }

    is $t->get("$base/audit/" . uuid(), @root)->code, 404, 'no such path';
};


$t->check_invariants;
$t->done;
done_testing;
