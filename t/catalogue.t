# The catalogue: movies, their days and shows, theatres and screens.

use v5.36;

use utf8;
use lib 't/lib';
use Test2::V0;
use Boxoffice::Test qw(SHOW uuid);
use Boxoffice::Test::Booking qw(TIME UUID);
use Mojo::JSON qw(decode_json encode_json);
use POSIX      qw(ceil);

my $t   = Boxoffice::Test->new(nodes => 2);
my $dbh = $t->dbh;

my $M       = '00000000-0000-4000-8000-0000000003';
my $T       = '00000000-0000-4000-8000-0000000001';
my $S       = '00000000-0000-4000-8000-0000000002';
my $MOVIES  = '/api/v1/movies';
my $THEATRE = '/api/v1/theatres';

sub refused ($r, $code, $error, $name, $field = undef) {
    is [$r->code, $r->error_code, $r->json->{error}{details}],
        [$code, $error, defined $field ? { field => $field } : undef], $name
        or diag $r->body;
    return;
}


sub names ($r, $field = 'title') {
    return [map { $_->{$field} } $r->json->{items}->@*];
}


# All pages of a list, by an id; its number of pages.
sub pages ($path, $id, $list = 'items') {
    my ($cursor, @seen);
    my $pages = 0;

    while ($pages++ < 20) {
        my $page = $t->get($path . ($cursor ? "&cursor=$cursor" : ''))->json;
        push @seen, map { $_->{$id} } $page->{$list}->@*;
        $cursor = $page->{nextCursor} // last;
    }

    return (\@seen, $pages);
}


# The days of the sample's shows as PostgreSQL sees them.
sub days ($movie) {
    return $dbh->selectcol_arrayref('select distinct
        (s.starts_at at time zone t.timezone)::date
        from shows s join screens c using (screen_id)
        join theatres t on t.theatre_id = c.theatre_id
        where s.movie_id = ? order by 1', undef, $movie);
}


subtest 'movies' => sub {
    my $r = $t->get($MOVIES);

    is $r->code, 200, 'there';
    is names($r), ['Orbit of Glass', 'Monsoon Express', 'The Last Lighthouse',
        'City Final', q(The Winter's Tale)], 'the latest first';
    is $r->json->{nextCursor}, undef, 'on one page';
    is $r->json->{items}[0], {
        movieId => "${M}03", title => 'Orbit of Glass', thumbnailUrl => undef,
        rating => undef, durationMinutes => 142, ageRating => 'UA',
        releaseDate => '2025-09-05', language => 'English', format => 'IMAX',
        genres => ['Science fiction', 'Thriller'],
    }, 'the fields, and no others';

    my @ids = map { $_->{movieId} } $r->json->{items}->@*;
    for my $limit (1, 2, 4, 5, 100) {
        my ($seen, $pages) = pages("$MOVIES?limit=$limit", 'movieId');
        is $seen, \@ids, "pages of $limit: the whole, nothing twice";
        is $pages, ceil(5 / $limit), 'and no empty page';
    }

    my %want = (
        'language=Hindi' => ['Monsoon Express'],
        'language=hINDI' => ['Monsoon Express'],
        'language=Latin' => [],
        'genre=science%20FICTION' => ['Orbit of Glass'],
        'genre=Science+fiction&language=english' => ['Orbit of Glass'],
        'genre=Science' => [],
        'format=2d' => ['Monsoon Express', 'The Last Lighthouse'],
        'format=2D&genre=Drama' => ['The Last Lighthouse'],
    );
    for my $query (sort keys %want) {
        is names($t->get("$MOVIES?$query")), $want{$query}, $query;
    }

    for my $n (1 .. 5) {
        for my $day (days("${M}0$n")->@*) {
            is [grep { $_ eq "${M}0$n" }
                names($t->get("$MOVIES?date=$day"), 'movieId')->@*],
                ["${M}0$n"], "movie $n is shown on $day";
        }
    }
    is names($t->get("$MOVIES?date=2020-01-01")), [], 'a day of the past';
    is names($t->get("$MOVIES?date=9999-12-31")), [], 'a day far ahead';
};


subtest 'one movie' => sub {
    my $r = $t->get("$MOVIES/${M}01");

    is $r->code, 200, 'there';
    is $r->json, {
        movieId => "${M}01", title => 'The Last Lighthouse',
        about => 'A keeper, a storm, and a ship that should not be there.',
        thumbnailUrl => undef, rating => undef, durationMinutes => 118,
        ageRating => 'UA', releaseDate => '2025-03-14', language => 'English',
        format => '2D', genres => ['Drama', 'Mystery'],
        metadata => {
            cast => [{ name => 'Ines Marlow', role => 'The keeper' },
                { name => 'Tom Arkwright', role => 'The captain' }],
            tags => ['sea', 'storm', 'slow burn'],
        },
    }, 'the fields, and no others';

    my $metadata = { posters => [{ url => 'https://example.com/p.jpg',
        width => 600 }], 'Ünïcödé "q" \\' => ["\x{1f3ac}", 1.5, undef] };
    my $id = $dbh->selectrow_array('insert into movies (title, rating,
        metadata) values (?, 8.5, ?) returning movie_id', undef,
        q{Ünïcödé "quotes" \\ — <b>}, Mojo::JSON::to_json($metadata));
    $r = $t->get("$MOVIES/" . uc $id)->json;
    is [@$r{qw(title rating metadata)}], [q{Ünïcödé "quotes" \\ — <b>}, 8.5,
        $metadata], 'any text, any metadata';

    ok !eval { $dbh->do(q(update movies set metadata = '[]')) },
        'metadata is an object';
    $dbh->do('delete from movies where movie_id = ?', undef, $id);

    refused($t->get("$MOVIES/" . uuid()), 404, 'movie_not_found', 'no movie');
    refused($t->get("$MOVIES/1"), 404, 'not_found', 'no id');
    refused($t->get("$MOVIES/${M}01/seats"), 404, 'not_found', 'no such part');
};


subtest 'days' => sub {
    for my $n (1 .. 5) {
        is $t->get("$MOVIES/${M}0$n/availability")->json,
            { movieId => "${M}0$n", dates => days("${M}0$n") }, "movie $n";
    }

    refused($t->get("$MOVIES/" . uuid() . '/availability'), 404,
        'movie_not_found', 'no movie');
    refused($t->get("$MOVIES/${M}01/availability?date=2026-01-01"), 400,
        'invalid_query', 'no parameters');
};


subtest 'shows of a day' => sub {
    my ($day) = days("${M}01")->@*;
    my $r = $t->get("$MOVIES/${M}01/shows?date=$day");

    is $r->json, {
        movieId => "${M}01", title => 'The Last Lighthouse', date => $day,
        nextCursor => undef,
        theatres => [{
            theatreId => "${T}01", name => 'Galaxy Cinema',
            address => '12 MG Road, Bengaluru', city => 'Bengaluru',
            latitude => 12.9756, longitude => 77.6051,
            timezone => 'Asia/Kolkata', distanceMeters => undef,
            shows => [{
                showId => SHOW, screenId => "${S}01",
                screenName => 'Screen 1', startsAt => match(TIME),
                endsAt => match(TIME), currency => 'INR', seats => 300,
                minPrice => 15000, maxPrice => 40000,
            }],
        }],
    }, 'the fields, and no others';
    is $t->get("$MOVIES/${M}01/shows")->body, $r->body,
        'no day: the next that has shows';
    is [$t->get("$MOVIES/${M}01/shows?date=2020-01-01")->json
        ->@{qw(date theatres nextCursor)}], ['2020-01-01', [], undef],
        'a day without any';

    # three theatres, several shows in one
    $dbh->do('update shows set starts_at = starts_at where show_id = ?',
        undef, SHOW);
    my @made;
    my $add = sub ($screen, $hour) {
        push @made, $dbh->selectrow_array(q{insert into shows (movie_id,
            screen_id, starts_at, ends_at, currency)
            select ?, c.screen_id, at, at + interval '1 hour', 'INR'
            from screens c join theatres t using (theatre_id)
            cross join lateral (select (?::date + ? * interval '1 hour')
                at time zone t.timezone) a(at)
            where c.screen_id = ? returning show_id}, undef, "${M}01", $day,
            $hour, "$S$screen");
        return $made[-1];
    };
    my ($late, $early) = ($add->('02', 23), $add->('03', 1));
    $add->('04', 12);
    $add->('05', 12);

    my $all = $t->get("$MOVIES/${M}01/shows?date=$day")->json;
    is [map { $_->{name} } $all->{theatres}->@*],
        ['Galaxy Cinema', 'Harbour Stadium', 'Old Town Playhouse'], 'by name';
    is [map { $_->{showId} } $all->{theatres}[0]{shows}->@*],
        [$early, SHOW, $late], 'by the time they start';

    for my $query ("date=$day", "date=$day&near=55.95,-3.2") {
        my ($whole) = pages("$MOVIES/${M}01/shows?$query&limit=100",
            'theatreId', 'theatres');
        is scalar @$whole, 3, "$query: all of them";

        for my $limit (1, 2, 3) {
            my ($seen, $n) = pages("$MOVIES/${M}01/shows?$query&limit=$limit",
                'theatreId', 'theatres');
            is $seen, $whole, "pages of $limit";
            is $n, ceil(3 / $limit), 'and no empty one';
        }
    }

    my $near = $t->get("$MOVIES/${M}01/shows?date=$day&near=55.95,-3.2")->json;
    is [map { $_->{name} } $near->{theatres}->@*],
        ['Old Town Playhouse', 'Harbour Stadium', 'Galaxy Cinema'],
        'the nearest first';
    ok abs($near->{theatres}[0]{distanceMeters} - 155) < 30, 'some steps away'
        or diag $near->{theatres}[0]{distanceMeters};
    ok abs($near->{theatres}[1]{distanceMeters} - 4_920_000) < 50_000,
        'and over the sea' or diag $near->{theatres}[1]{distanceMeters};

    # what is cancelled, has begun, or was moved
    $dbh->do(q{update shows set status = 'CANCELLED' where show_id = ?},
        undef, $late);
    $dbh->do(q{update shows set starts_at = starts_at + interval '2 days',
        ends_at = ends_at + interval '2 days' where show_id = ?}, undef,
        $early);
    is [map { $_->{showId} } $t->get("$MOVIES/${M}01/shows?date=$day",
        node => 2)->json->{theatres}[0]{shows}->@*], [SHOW],
        'neither cancelled nor moved away';
    is scalar(grep { $_ eq $early } map { map { $_->{showId} }
        $_->{shows}->@* } map { $t->get("$MOVIES/${M}01/shows?date=$_")
        ->json->{theatres}->@* } days("${M}01")->@*), 1,
        'on its new day it is there';

    $dbh->do('delete from shows where show_id = any(?)', undef, \@made);
};


subtest 'the shows of a theatre' => sub {
    my $r = $t->get("$THEATRE/${T}01/shows");
    my @days = $dbh->selectcol_arrayref('select distinct local_day from shows
        where venue_id = ? order by 1', undef, "${T}01")->@*;

    is $r->code, 200, 'found' or diag $r->body;
    is [$r->json->@{qw(theatreId name timezone)}],
        ["${T}01", 'Galaxy Cinema', 'Asia/Kolkata'], 'the theatre';
    is $r->json->{dates}, \@days, 'its days';
    is $r->json->{date}, $days[0], 'the next one';
    is $t->get("$THEATRE/${T}01/shows?date=$days[0]")->json, $r->json,
        'is what is asked for without one';

    # the same shows as those of the movies, of every day
    my %of;
    for my $day (@days) {
        my $body = $t->get("$THEATRE/${T}01/shows?date=$day")->json;
        is [map { $_->{shows}[0]{startsAt} } $body->{movies}->@*],
            [sort map { $_->{shows}[0]{startsAt} } $body->{movies}->@*],
            "$day: by the time they start";

        for my $movie ($body->{movies}->@*) {
            my ($there) = grep { $_->{theatreId} eq "${T}01" }
                $t->get("$MOVIES/$movie->{movieId}/shows?date=$day")
                ->json->{theatres}->@*;
            is $movie->{shows}, $there->{shows}, "$day: $movie->{title}";
            my ($card) = grep { $_->{movieId} eq $movie->{movieId} }
                $t->get("$MOVIES?limit=100")->json->{items}->@*;
            is { %$movie, shows => undef }, { %$card, shows => undef },
                'the movie';
            $of{$_->{showId}} = 1 for $movie->{shows}->@*;
        }
    }
    is scalar keys %of, $dbh->selectrow_array('select count(*) from shows
        where venue_id = ?', undef, "${T}01"), 'all of them';

    # what is new, or called off, is seen on the other node, too
    my ($id) = $dbh->selectrow_array(q{insert into shows (movie_id,
        screen_id, starts_at, ends_at, currency) values (?, ?,
        now() + interval '200 days', now() + interval '200 days 1 hour',
        'INR') returning show_id}, undef, "${M}01", "${S}01");
    $t->wait_until(sub { @{ $t->get("$THEATRE/${T}01/shows", node => 2)
        ->json->{dates} } == @days + 1 }, 20, 'a new day');
    $dbh->do(q{update shows set status = 'CANCELLED' where show_id = ?},
        undef, $id);
    $t->wait_until(sub { @{ $t->get("$THEATRE/${T}01/shows", node => 2)
        ->json->{dates} } == @days }, 20, 'and without it');
    $dbh->do('delete from shows where show_id = ?', undef, $id);

    is $t->get("$THEATRE/${T}01/shows?date=2020-01-01")->json->{movies}, [],
        'a day without any';
    refused($t->get("$THEATRE/" . uuid() . '/shows'), 404,
        'theatre_not_found', 'no such theatre');
    refused($t->get("$THEATRE/${T}01/shows?date=x"), 400, 'invalid_query',
        'no date', 'date');
    refused($t->get("$THEATRE/${T}01/shows?limit=1"), 400, 'invalid_query',
        'what is not known');
};


subtest 'what has begun' => sub {
    my ($id, $day) = $dbh->selectrow_array(q{insert into shows (movie_id,
        screen_id, starts_at, ends_at, currency) values (?, ?,
        now() - interval '1 minute', now() + interval '1 hour', 'INR')
        returning show_id, local_day}, undef, "${M}01", "${S}01");

    is $t->get("$MOVIES/${M}01/shows?date=$day")->json->{theatres}, [],
        'is no show to go to';
    is scalar(grep { $_ eq $day }
        $t->get("$MOVIES/${M}01/availability")->json->{dates}->@*), 0,
        'its day has none';
    is names($t->get("$MOVIES?date=$day")), [], 'nor any movie';

    $dbh->do('delete from shows where show_id = ?', undef, $id);
};


subtest 'theatres' => sub {
    my $r = $t->get($THEATRE);

    is names($r, 'name'), ['Galaxy Cinema', 'Harbour Stadium',
        'Old Town Playhouse'], 'by name';
    is $r->json->{items}[0], {
        theatreId => "${T}01", name => 'Galaxy Cinema',
        address => '12 MG Road, Bengaluru', city => 'Bengaluru',
        latitude => 12.9756, longitude => 77.6051,
        timezone => 'Asia/Kolkata', distanceMeters => undef,
    }, 'the fields, and no others';
    is names($t->get("$THEATRE?city=boston"), 'name'), ['Harbour Stadium'],
        'of a city';
    is names($t->get("$THEATRE?near=42,-71"), 'name'), ['Harbour Stadium',
        'Old Town Playhouse', 'Galaxy Cinema'], 'the nearest first';
    is names($t->get("$THEATRE?near=42,-71&city=Bengaluru"), 'name'),
        ['Galaxy Cinema'], 'both';

    my $lost = $dbh->selectrow_array(q{insert into theatres (name, timezone)
        values ('Nowhere', 'UTC') returning theatre_id});
    for my $query ('', 'near=42,-71&') {
        my ($whole) = pages("$THEATRE?${query}limit=100", 'theatreId');
        is scalar @$whole, 4, "$query: all of them";

        for my $limit (1, 2, 3, 4) {
            my ($seen, $n) = pages("$THEATRE?${query}limit=$limit",
                'theatreId');
            is [$seen, $n], [$whole, ceil(4 / $limit)], "pages of $limit";
        }
    }
    is $t->get("$THEATRE?near=0,0")->json->{items}[3]{theatreId}, $lost,
        'whose place is not known comes last';
    $dbh->do('delete from theatres where theatre_id = ?', undef, $lost);

    is $t->get("$THEATRE/${T}01")->json, {
        theatreId => "${T}01", name => 'Galaxy Cinema',
        address => '12 MG Road, Bengaluru', city => 'Bengaluru',
        latitude => 12.9756, longitude => 77.6051,
        timezone => 'Asia/Kolkata',
        metadata => { facilities => ['Parking', 'Wheelchair access'] },
        screens => [map { { screenId => "$S$_->[0]", name => $_->[1],
            seats => $_->[2] } } ['01', 'Screen 1', 300],
            ['02', 'Screen 2', 117], ['03', 'Screen 3', 394]],
    }, 'one of them';
    is $t->get("$THEATRE/${T}01/refund-policy")->code, 200,
        'its terms are where they were';
    refused($t->get("$THEATRE/" . uuid()), 404, 'theatre_not_found', 'none');
};


subtest 'screens' => sub {
    is $t->get("/api/v1/screens/${S}03")->json, {
        screenId => "${S}03", name => 'Screen 3', theatreId => "${T}01",
        theatreName => 'Galaxy Cinema', layoutId => match(UUID),
        layoutName => 'cinema-400', seats => 394,
        categories => [
            { category => 'GOLD', seats => 155, accessible => 0 },
            { category => 'PLATINUM', seats => 103, accessible => 4 },
            { category => 'SILVER', seats => 136, accessible => 4 },
        ],
    }, 'one of them';
    refused($t->get('/api/v1/screens/' . uuid()), 404, 'screen_not_found',
        'none');
};


subtest 'queries that are refused' => sub {
    my %bad = (
        limit  => [qw(0 -1 101 1000000000 ten 007 %2B5 1e1), ''],
        cursor => ['x', '1_x', '', '00000000-0000-4000-8000-00000000030',
            uuid()],
        language => ['', '%00', '%ff', 'a%0d%0ab', 'x' x 65],
        genre  => ['', '%', '%zz'],
        date   => [qw(2026-02-30 2026-13-01 tomorrow 20260101 2026-1-1),
            '2026-01-01T00:00:00Z', ''],
    );
    for my $field (sort keys %bad) {
        refused($t->get("$MOVIES?$field=$_"), 400, 'invalid_query',
            "$field=$_", $field) for $bad{$field}->@*;
    }

    refused($t->get("$THEATRE?near=$_"), 400, 'invalid_query', "near=$_",
        'near') for '91,0', '0,181', '0', '1,2,3', 'nan,nan', '1e1,2', '';
    refused($t->get("$MOVIES?$_"), 400, 'invalid_query', $_)
        for 'colour=red', 'near=1,2', 'limit', '&limit=1', 'Limit=1',
        'limit[]=1';
    refused($t->get("$MOVIES?limit=1&limit=1"), 400, 'invalid_query', 'twice',
        'limit');
    refused($t->get("$MOVIES/${M}01?limit=1"), 400, 'invalid_query',
        'one movie has no pages');
    refused($t->get("$MOVIES/${M}01/shows?cursor=" . uuid()), 400,
        'invalid_query', 'no such place', 'cursor');
    refused($t->get("$THEATRE?cursor=${M}01"), 400, 'invalid_query',
        'the cursor of another list', 'cursor');
};


subtest 'caches' => sub {
    my %control = (
        $MOVIES                => 'public, max-age=60, s-maxage=300',
        "$MOVIES/${M}01"       => 'public, max-age=60, s-maxage=3600',
        "$MOVIES/${M}01/shows" => 'public, max-age=60',
        "$MOVIES/${M}01/availability" => 'public, max-age=60',
        $THEATRE               => 'public, max-age=60, s-maxage=86400',
        "$THEATRE/${T}01"      => 'public, max-age=60, s-maxage=86400',
        "/api/v1/screens/${S}01" => 'public, max-age=60, s-maxage=86400',
    );

    for my $path (sort keys %control) {
        my $r    = $t->get($path);
        my $etag = $r->header('etag');

        is $r->header('cache-control'), $control{$path}, "$path: control";
        like $etag, qr/\A"[0-9a-f]{32}"\z/, 'a strong tag';
        is $t->get($path, node => 2)->header('etag'), $etag,
            'the same on another node';

        for my $have ($etag, "W/$etag") {
            my $same = $t->get($path, headers => { 'If-None-Match' => $have });
            is [$same->code, $same->body, map { $same->header($_) }
                qw(etag cache-control)],
                [304, '', $etag, $control{$path}], "$have: not modified";
        }

        is $t->get($path, headers => { 'If-None-Match' => '"x"' })->code, 200,
            'another tag';
        my $head = $t->request('HEAD', $path, undef);
        is [$head->code, $head->header('content-length'),
            $head->header('etag'), $head->body],
            [200, length $r->body, $etag, ''], 'HEAD';

        for my $method (qw(POST PUT DELETE)) {
            next if $path =~ /theatres|screens/;
            my $no = $t->request($method, $path, undef);
            is [$no->code, $no->header('allow')], [405, 'GET, HEAD'],
                "$method $path";
        }
    }

    is $t->get("$MOVIES/" . uuid())->header('cache-control'), 'no-store',
        'an error is not kept';
};


subtest 'all at once' => sub {
    my $answers = $t->run_many(100, [map { ['GET', $MOVIES] } 1 .. 400]);

    is [grep { $_->code != 200 } @$answers], [], 'all are answered';
    is [grep { $_->body ne $answers->[0]->body } @$answers], [], 'alike';
};


subtest 'what was removed' => sub {
    $dbh->do('update movies set removed_at = now() where movie_id = ?', undef,
        "${M}05");
    refused($t->get("$MOVIES/${M}05$_", node => 2), 404, 'movie_not_found',
        "a movie: $_") for '', '/availability', '/shows';
    is scalar $t->get("$MOVIES?limit=99")->json->{items}->@*, 4, 'not listed';

    $dbh->do('update theatres set removed_at = now() where theatre_id = ?',
        undef, "${T}03");
    refused($t->get("$THEATRE/${T}03", node => 2), 404, 'theatre_not_found',
        'a theatre');
    is scalar $t->get("$THEATRE?limit=99")->json->{items}->@*, 2,
        'not listed';
    refused($t->get("/api/v1/screens/${S}05"), 404, 'screen_not_found',
        'its screen');

    $dbh->do('update screens set removed_at = now() where screen_id = ?',
        undef, "${S}02");
    is scalar $t->get("$THEATRE/${T}01")->json->{screens}->@*, 2, 'a screen';
    refused($t->get("/api/v1/screens/${S}02"), 404, 'screen_not_found', 'it');
};


$t->check_invariants;
$t->done;
done_testing;
